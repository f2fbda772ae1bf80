"""What the Green function of a k point is dressed with, and the adjoint of that.

With Hermitian b and a frame w the dressed matrix is T = L g R of

    R = [w, c],  L = [[w], [d]],    c = b w^-1,  d = w^-1 b,

which is the resolvent of the orbitals w^-1, g' = w g w, dressed with b' = w^-1 b w^-1. Without a
frame w = 1. All are matrices (n, n, point) in two parts.
"""

from msgreen_kernels.linalg.xla import eliminate_last
from msgreen_kernels.torus.xla import Pair, added, product, transpose


def dressed(g: Pair, b: Pair, w: Pair | None) -> list[Pair]:
    """Return the four blocks of T, row by row."""
    inverse = None if w is None else eliminate_last(w)
    right, left = _times(b, inverse), _times(inverse, b)
    first, second = _times(g, w), product(g, right)
    return [_times(w, first), _times(w, second), product(left, first), product(left, second)]


def pulled(g: Pair, b: Pair, w: Pair | None, cotangent: Pair) -> list[Pair]:
    """Return the cotangents of h, b and, if there is one, w, for g = (z - h)^-1 and that of T.

    A cotangent x* multiplies dx element by element. With dg = g dh g and all matrices below
    transposed, C = [[C1, C2], [C3, C4]]:

        h* = g (w A + d B) g,       A = C1 w + C2 c,  B = C3 w + C4 c,
        c* = g (w C2 + d C4),       d* = B g,
        b* = c* u + u d*,           u = w^-1,  u* = b c* + d* b,
        w* = A g + g (w C1 + d C3) - u u* u
    """
    n = g[0].shape[0]
    g, b = transpose(g), transpose(b)
    w = None if w is None else transpose(w)
    u = None if w is None else eliminate_last(w)
    c, d = _times(u, b), _times(b, u)
    one, two, three, four = (
        (cotangent[0][i : i + n, j : j + n], cotangent[1][i : i + n, j : j + n])
        for i in (0, n)
        for j in (0, n)
    )
    above = added(_times(one, w), product(two, c))
    below = added(_times(three, w), product(four, c))
    inner = added(_times(w, above), product(d, below))
    onto_c = product(g, added(_times(w, two), product(d, four)))
    onto_d = product(below, g)
    found = [product(product(g, inner), g), added(_times(onto_c, u), _times(u, onto_d))]
    if w is None or u is None:
        return found
    onto_u = added(product(b, onto_c), product(onto_d, b))
    back = product(product(u, onto_u), u)
    outer = added(product(w, one), product(d, three))
    return [*found, added(product(above, g), product(g, outer), (-back[0], -back[1]))]


def _times(a: Pair | None, b: Pair | None) -> Pair:
    """Return the product of two matrices, of which None is the unit matrix."""
    if a is None or b is None:
        return b if a is None else a  # pyright: ignore[reportReturnType]
    return product(a, b)
