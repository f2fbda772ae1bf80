"""Inverses, solutions and spectra of batches of matrices, safe to call many at once."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_batching import custom_vmap
from jax.typing import ArrayLike

from msgreen_kernels.linalg import lapack, xla

# Sizes up to which elimination beats LAPACK on a CPU; see kernels/README.md.
LARGEST_PIVOTED = 20
LARGEST_UNPIVOTED = 40

# Elimination without pivoting loses as many digits as ||z - H|| / Im z has.
STEEP = 1e-3


def flat(function: Callable) -> Callable:
    """Make a function of arrays with one leading batch axis serve any number, also under vmap.

    Every batch of a map joins the others in one axis, so that `function` sees how many matrices
    there are and never runs inside a map itself. Arguments must share their batch axes.
    """

    @custom_vmap
    def batched(*arrays: Array):
        batch = arrays[0].shape[:-2]
        count = 1
        for size in batch:
            count *= size
        found = function(*(x.reshape(count, *x.shape[-2:]) for x in arrays))
        return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), found)

    @batched.def_vmap
    def rule(axis_size, mapped, *arrays):
        pairs = zip(arrays, mapped, strict=True)
        whole = [x if m else jnp.broadcast_to(x, (axis_size, *x.shape)) for x, m in pairs]
        found = batched(*whole)
        return found, jax.tree.map(lambda _: True, found)

    return batched


def on_cpu(cpu: Callable, default: Callable, *arrays: Array):
    """Choose by the device that the program is compiled for."""
    return lax.platform_dependent(*arrays, cpu=cpu, default=default)


def prefers_lapack(batch: int, n: int) -> bool:
    """Whether LAPACK is the better choice with pivoting: large matrices, or a few of them."""
    return n > LARGEST_PIVOTED or lapack.is_serial(batch, n)


def _inverse_cpu(a: Array) -> Array:
    if prefers_lapack(*a.shape[:2]):
        return lapack.in_serial_calls(jnp.linalg.inv, a)
    if jnp.iscomplexobj(a):
        return xla.eliminate(a, pivoting=True).inverse
    return xla.eliminate(lax.complex(a, jnp.zeros_like(a)), pivoting=True).inverse.real


@flat
def _inverse_value(a: Array) -> Array:
    return on_cpu(_inverse_cpu, jnp.linalg.inv, a)


# A A^-1 = 1 gives d(A^-1) = -A^-1 dA A^-1. The rule closes on itself: derivatives of every order
# cost products with the one inverse.
@jax.custom_jvp
def _inverse(a: Array) -> Array:
    return xla.closed_form(a) if a.shape[-1] <= 2 else _inverse_value(a)


@_inverse.defjvp
def _inverse_jvp(primals, tangents):
    x = _inverse(*primals)
    return x, -(x @ tangents[0] @ x)


def _solve_cpu(a: Array, b: Array) -> Array:
    if prefers_lapack(*a.shape[:2]):
        return lapack.in_serial_calls(jnp.linalg.solve, a, b)
    return _inverse_cpu(a) @ b


@flat
def _solve_value(a: Array, b: Array) -> Array:
    return on_cpu(_solve_cpu, jnp.linalg.solve, a, b)


# A x = b gives dx = A^-1 (db - dA x).
@jax.custom_jvp
def _solve(a: Array, b: Array) -> Array:
    return xla.closed_form(a) @ b if a.shape[-1] <= 2 else _solve_value(a, b)


@_solve.defjvp
def _solve_jvp(primals, tangents):
    (a, b), (da, db) = primals, tangents
    inverted = _inverse(a)
    x = inverted @ b
    return x, inverted @ (db - da @ x)


def _resolvent_cpu(z: Array, h: Array) -> Array:
    batch, n = h.shape[:2]
    a = z * jnp.eye(n, dtype=h.dtype) - h
    if n > LARGEST_UNPIVOTED or lapack.is_serial(batch, n):
        return lapack.in_serial_calls(jnp.linalg.inv, a)
    norm = jnp.max(jnp.sum(jnp.abs(a.real) + jnp.abs(a.imag), axis=-1))
    return lax.cond(
        jnp.min(jnp.abs(z.imag)) > STEEP * norm,
        lambda a: xla.eliminate(a, pivoting=False).inverse,
        _inverse_cpu,
        a,
    )


@flat
def _resolvent_value(z: Array, h: Array) -> Array:
    def default(z, h):
        return jnp.linalg.inv(z * jnp.eye(h.shape[-1], dtype=h.dtype) - h)

    return on_cpu(_resolvent_cpu, default, z, h)


@jax.custom_jvp
def _resolvent(z: Array, h: Array) -> Array:
    n = h.shape[-1]
    if n <= 2:
        return xla.closed_form(z * jnp.eye(n, dtype=h.dtype) - h)
    return _resolvent_value(z, h)


# g = (z - H)^-1 gives dg = g (dH - dz) g.
@_resolvent.defjvp
def _resolvent_jvp(primals, tangents):
    (z, h), (dz, dh) = primals, tangents
    g = _resolvent(z, h)
    return g, g @ (dh - dz * jnp.eye(h.shape[-1], dtype=h.dtype)) @ g


@flat
def _eigh(a: Array) -> tuple[Array, Array]:
    def cpu(a):
        return lapack.in_serial_calls(lambda x: tuple(jnp.linalg.eigh(x)), a, single=True)

    return on_cpu(cpu, lambda a: tuple(jnp.linalg.eigh(a)), a)


@flat
def _eigvalsh(a: Array) -> Array:
    def cpu(a):
        return lapack.in_serial_calls(jnp.linalg.eigvalsh, a, single=True)

    return on_cpu(cpu, jnp.linalg.eigvalsh, a)


_jitted = {f: jax.jit(f, inline=True) for f in (_inverse, _solve, _resolvent, _eigh, _eigvalsh)}


def _inexact(name: str, a: ArrayLike) -> Array:
    a = jnp.asarray(a)
    if not jnp.issubdtype(a.dtype, jnp.inexact):
        raise ValueError(
            f"Argument `{name}` must be real or complex, but its type is {a.dtype}. "
            f"Use {name}.astype(float)."
        )
    return a


def _square(name: str, a: ArrayLike) -> Array:
    a = _inexact(name, a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(
            f"Argument `{name}` must hold square matrices on its last two axes, "
            f"but its shape is {a.shape}."
        )
    return a


def inverse(a: ArrayLike) -> Array:
    """Return the inverse matrices.

    Parameters
    ----------
    a : real or complex array (..., n, n)
        Square matrices; any batch shape, also empty.

    Returns
    -------
    array (..., n, n)
        Not finite for a singular matrix.

    Raises
    ------
    ValueError
        If `a` is integer or its last two axes are not square.

    Notes
    -----
    With partial pivoting. Derivatives of every order, forward and reverse.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> print(inverse(jnp.asarray([[2.0, 1.0], [1.0, 1.0]])).round(6))
    [[ 1. -1.]
     [-1.  2.]]
    """
    a = _square("a", a)
    return a if a.size == 0 else _jitted[_inverse](a)


def solve(a: ArrayLike, b: ArrayLike) -> Array:
    """Return the solutions x of a x = b.

    Parameters
    ----------
    a : real or complex array (..., n, n)
    b : array (..., n, m) of the same type
        Right-hand sides; batch axes broadcast against those of `a`.

    Returns
    -------
    array (..., n, m)

    Raises
    ------
    ValueError
        If shapes or types do not fit.

    Notes
    -----
    With partial pivoting. Derivatives of every order, forward and reverse.
    """
    a, b = _square("a", a), _inexact("b", b)
    if b.dtype != a.dtype:
        raise ValueError(
            f"Argument `b` must have the type of `a`, {a.dtype}, but its type is {b.dtype}."
        )
    if b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        raise ValueError(
            f"Argument `b` must hold matrices of {a.shape[-1]} rows on its last two axes, "
            f"but its shape is {b.shape}."
        )
    batch = _common(a.shape[:-2], b.shape[:-2], "b")
    shape = (*batch, *b.shape[-2:])
    if a.size == 0 or b.size == 0:
        return jnp.zeros(shape, b.dtype)
    return _jitted[_solve](jnp.broadcast_to(a, (*batch, *a.shape[-2:])), jnp.broadcast_to(b, shape))


def _common(first: tuple, second: tuple, name: str) -> tuple:
    try:
        return jnp.broadcast_shapes(first, second)
    except ValueError:
        raise ValueError(
            f"Argument `{name}` must have batch axes that broadcast against {first}, "
            f"but they are {second}."
        ) from None


def resolvent(z: ArrayLike, h: ArrayLike) -> Array:
    """Return the resolvents (z - H)^-1 of Hermitian matrices.

    Parameters
    ----------
    z : complex array (...)
        Batch axes broadcast against those of `h`.
    h : complex array (..., n, n)
        Hermitian. This is assumed, not checked.

    Returns
    -------
    complex array (..., n, n)

    Raises
    ------
    ValueError
        If shapes or types do not fit.

    Notes
    -----
    Off the real axis every pivot of the elimination is z - e - Sigma(z) of a Schur complement,
    and its modulus is at least abs(Im z): no pivoting is needed. Rounding grows at most like
    abs(z - H) / abs(Im z), so that pivoting is used where this exceeds 1000 for any of the
    matrices. Derivatives of every order, forward and reverse.
    """
    z, h = jnp.asarray(z), _square("h", h)
    for name, array in (("z", z), ("h", h)):
        if not jnp.issubdtype(array.dtype, jnp.complexfloating):
            raise ValueError(
                f"Argument `{name}` must be complex, but its type is {array.dtype}. "
                f"Use {name}.astype(complex)."
            )
    batch = _common(h.shape[:-2], z.shape, "z")
    h = jnp.broadcast_to(h, (*batch, *h.shape[-2:]))
    z = jnp.broadcast_to(z, batch)[..., None, None]
    return h if h.size == 0 else _jitted[_resolvent](z, h)


def eigh(a: ArrayLike) -> tuple[Array, Array]:
    """Return eigenvalues (..., n), ascending, and eigenvectors (..., n, n) of Hermitian matrices.

    The mean of `a` and its adjoint is taken. Without derivatives.

    Raises
    ------
    ValueError
        If `a` is integer or its last two axes are not square.
    """
    a = _square("a", a)
    if a.size == 0:
        return jnp.zeros(a.shape[:-1], a.real.dtype), a
    return _jitted[_eigh](a)


def eigvalsh(a: ArrayLike) -> Array:
    """Return the eigenvalues (..., n), ascending, of Hermitian matrices; see `eigh`."""
    a = _square("a", a)
    return jnp.zeros(a.shape[:-1], a.real.dtype) if a.size == 0 else _jitted[_eigvalsh](a)
