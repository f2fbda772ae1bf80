"""All derivatives of Lloyd's energy under rotations about a reference, up to an order, at once.

Spins move along geodesics by u_i, two components of the tangent plane. The potential is a power
series in them, V_i(u) = V_i(0) + sum_m W_im u_i^m, and with the Green function g at the reference

    E(u) - E(0) = -(1/pi) Im int sum_p (1/p) Tr [g (V(u) - V(0))]^p.

The coefficient of a monomial of degree N is a sum over words of at most N letters W_im, traces of
products of blocks g_ij W_jm. Halves of words are shared by all of them, so that the cost is that
of the products of N/2 letters.
"""

from collections.abc import Iterator
from itertools import product
from math import factorial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.experimental.jet import jet

from msgreen import _checks
from msgreen._typing import Array, Complex, Vectors
from msgreen.energy.lloyd import LloydEnergy
from msgreen.errors import InputError
from msgreen.exchange.derivatives import with_rounding
from msgreen.spin.algebra import tangent_frame
from msgreen.spinmodel.fitting.matching_derivatives import Derivatives

_BLOCK_BYTES = 2**28
"""Memory of the longest products: of one energy for 12 atoms of 18 orbitals in fourth order."""


def reference_derivatives(lloyd: LloydEnergy, directions: Vectors, order: int = 2) -> Derivatives:
    """Return all derivatives of Lloyd's energy under rotations about a reference, with errors.

    Parameters
    ----------
    lloyd : LloydEnergy
        Of the reference: its t-matrices are those about `directions` (`TMatrix.about`).
    directions : real array, shape (site, 3)
        Unit vectors.
    order : int
        Highest order.

    Returns
    -------
    Derivatives
        In eV, the same as of `derivatives_at`. The errors are those of the contour, of the mesh of
        the host and of rounding; None where they are not known.

    Raises
    ------
    InputError
        If `directions` are no unit vectors, or `order` is not positive.
    """
    _checks.unit_vectors("directions", directions)
    if order < 1:
        raise InputError(f"Argument `order` must be at least 1, but it is {order}. Raise it.")
    directions = jnp.asarray(directions, float)
    lloyd.check_levels(directions)
    letters = [*_letters(lloyd, directions, order)]
    names: list[np.ndarray] = []

    def integrand(known):
        green = np.moveaxis(np.asarray(known.dressed_green(directions)), 3, 2)
        parts = []
        for some in _blocks(green, order):
            chosen = [x._replace(matrices=x.matrices[some]) for x in letters]
            names[:], values = _coefficients(green[some], chosen)
            parts.append(values)
        return jnp.asarray(np.concatenate(parts))

    value, error = (np.asarray(part) for part in with_rounding(lloyd, integrand))
    repeats = [np.prod([factorial(n) for n in np.unique(k, return_counts=True)[1]]) for k in names]
    keys = [tuple(map(int, k)) for k in names]
    values = dict(zip(keys, -value * repeats, strict=True))
    errors = dict(zip(keys, error * repeats, strict=True)) if np.isfinite(error).all() else None
    return Derivatives.from_components(np.asarray(directions), values, errors)


class _Letter(NamedTuple):
    """The terms of one degree in the potentials of all sites.

    Attributes
    ----------
    matrices : complex array, shape (energy, letter, n, n)
    sites : int array, shape (letter,)
    variables : int array, shape (degree, letter)
        Factors u of the term: ascending numbers 2 * site + component.
    """

    matrices: Complex[np.ndarray, "energy letter size size"]
    sites: np.ndarray
    variables: np.ndarray


class _Words(NamedTuple):
    """Products of letters, each behind its Green function, for every site they can begin from.

    Attributes
    ----------
    products : complex array, shape (energy, site, word, n, n)
        g_ij W_j g_jk W_k ..., by the site i.
    last : int array, shape (word,)
        Site of the last letter.
    variables : int array, shape (degree, word)
    """

    products: Complex[np.ndarray, "energy site word size size"]
    last: np.ndarray
    variables: np.ndarray


def _letters(lloyd: LloydEnergy, directions: Array, order: int) -> Iterator[_Letter]:
    """Expand the potentials: of degrees 1, 2, ... `order`.

    Every site has a potential of its own, so that all move at once. Along N + 1 directions of the
    tangent plane the series of degree d is that of the d + 1 monomials.
    """
    frame = tangent_frame(directions)
    angle = np.pi * np.arange(order + 1) / (order + 1)
    compass = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    series = []
    for row in compass:
        heading = jnp.einsum("a,iax->ix", row, frame)
        slopes = [
            (-1) ** (k // 2) * (heading if k % 2 else directions) for k in range(1, order + 1)
        ]
        _, found = jet(
            lambda spins: lloyd.scatterer.potential(lloyd.path.nodes, spins),
            (directions,),
            (slopes,),
        )
        series.append([np.asarray(part) / factorial(k) for k, part in enumerate(found, start=1)])
    count = len(directions)
    for degree in range(1, order + 1):
        power = np.arange(degree + 1)
        monomials = compass[:, :1] ** (degree - power) * compass[:, 1:] ** power
        along = np.stack([parts[degree - 1] for parts in series])
        terms = np.tensordot(np.linalg.pinv(monomials), along, axes=1)
        matrices = np.moveaxis(terms, 0, 2).reshape(len(along[0]), -1, *terms.shape[-2:])
        axes = np.arange(degree)[:, None, None] >= degree - power
        variables = 2 * np.arange(count)[:, None] + axes
        sites = np.repeat(np.arange(count), degree + 1)
        yield _Letter(matrices, sites, variables.reshape(degree, -1))


def _blocks(green: np.ndarray, order: int) -> list[slice]:
    """Blocks of energies whose longest products fit into memory."""
    sites, size = green.shape[1], green.shape[-1]
    largest = 16 * sites * (2 * sites) ** ((order + 1) // 2) * size**2
    step = max(1, _BLOCK_BYTES // largest)
    return [slice(n, n + step) for n in range(0, len(green), step)]


def _coefficients(green, letters: list[_Letter]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the variables of all monomials, and sum_p Tr (g dV)^p / p (energy, monomial)."""
    order = len(letters)
    single = [
        _Words(green[:, :, x.sites] @ x.matrices[:, None], x.sites, x.variables) for x in letters
    ]
    halves: dict[tuple[int, ...], _Words] = {(d,): words for d, words in enumerate(single, start=1)}
    for degrees in _compositions(order, (order + 1) // 2):
        # The other half has one letter less at least.
        if len(degrees) > 1 and sum(degrees) + len(degrees) - 1 <= order:
            halves[degrees] = _extended(halves[degrees[:-1]], single[degrees[-1] - 1])
    names, sums = [], []
    for degree in range(1, order + 1):
        words = [
            word
            for degrees in _compositions(degree, degree)
            if sum(degrees) == degree
            for word in _traces(halves, degrees)
        ]
        variables, values = (np.concatenate(part, axis=-1) for part in zip(*words, strict=True))
        monomials, which = np.unique(np.sort(variables, axis=0), axis=1, return_inverse=True)
        ranked = np.argsort(which, kind="stable")
        starts = np.searchsorted(which[ranked], np.arange(monomials.shape[1]))
        names += list(monomials.T)
        sums.append(np.add.reduceat(values[:, ranked], starts, axis=1))
    return names, np.concatenate(sums, axis=1)


def _compositions(total: int, length: int) -> list[tuple[int, ...]]:
    """Return the tuples of at most `length` positive integers of at most this sum, short first."""
    found: list[tuple[int, ...]] = [()]
    for parts in found:
        if len(parts) < length:
            found += [(*parts, d) for d in range(1, total - sum(parts) + 1)]
    return found[1:]


def _extended(words: _Words, letters: _Words) -> _Words:
    """Every word with every letter behind it."""
    products = words.products[:, :, :, None] @ letters.products[:, None, words.last]
    more, count = len(letters.last), len(words.last)
    variables = np.concatenate(
        [np.repeat(words.variables, more, axis=1), np.tile(letters.variables, count)]
    )
    shape = products.shape
    products = products.reshape(*shape[:2], count * more, *shape[-2:])
    return _Words(products, np.tile(letters.last, count), variables)


def _traces(halves, degrees: tuple[int, ...]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield variables (degree, word) and traces / p (energy, word) of words of p letters."""
    half = (len(degrees) + 1) // 2
    left = halves[degrees[:half]]
    if half == len(degrees):
        own = left.products[:, left.last, np.arange(len(left.last))]
        yield left.variables, np.trace(own, axis1=-2, axis2=-1)
        return
    right = halves[degrees[half:]]
    for i, j in product(np.unique(right.last), np.unique(left.last)):
        first, second = np.flatnonzero(left.last == j), np.flatnonzero(right.last == i)
        ahead = left.products[:, i, first]
        behind = np.swapaxes(right.products[:, j, second], -1, -2)
        flat = (len(ahead), -1, ahead.shape[-1] ** 2)
        traces = ahead.reshape(flat) @ np.swapaxes(behind.reshape(flat), 1, 2)
        variables = np.concatenate(
            [
                np.repeat(left.variables[:, first], len(second), axis=1),
                np.tile(right.variables[:, second], len(first)),
            ]
        )
        yield variables, traces.reshape(len(traces), -1) / len(degrees)
