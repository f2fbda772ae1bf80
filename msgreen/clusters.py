"""Clusters of a structure: pairs and loops of sites, each once.

A loop i -> j -> k -> ... -> i is named by its sites in order. Two orders that differ by a cyclic
shift or by reversal are the same loop; its `multiplicity` is the number of its different orders,
so that the sum over all ordered sites of paper L counts it that many times.
"""

import math
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float, Int
from msgreen.errors import InputError

_PATHS_AT_ONCE = 200_000
"""Paths that grow together: some ten megabytes, and thousands per call of numpy."""


LARGEST_COUNT = 3_000_000
"""Loops of one call. The 2.3 million of six among 20 sites took 0.6 GB and 3 s of a processor."""


def ordered_loops(sites: Sequence[int] | Int[np.ndarray, " order"]) -> list[tuple[int, ...]]:
    """Return all different orders of one loop: cyclic shifts of it and of its reverse."""
    loop = tuple(int(s) for s in sites)
    shifts = [loop[m:] + loop[:m] for m in range(len(loop))]
    return sorted({*shifts, *(s[::-1] for s in shifts)})


def multiplicity(loops: Int[ArrayLike, "loop order"]) -> np.ndarray:
    """Return the number of different orders of every loop, shape (loop,).

    N distinct sites give 2 N orders (2 for a pair); loops that revisit a site may give fewer.
    """
    array = check_loops(loops)
    order = array.shape[1]
    if order == 2:
        return np.where(array[:, 0] == array[:, 1], 1, 2)
    ranked = np.sort(array, axis=1)
    distinct = np.all(ranked[:, 1:] != ranked[:, :-1], axis=1)
    result = np.full(len(array), 2 * order)
    for index in np.nonzero(~distinct)[0]:
        result[index] = len(ordered_loops(array[index]))
    return result


def pairs(positions: Float[ArrayLike, "site dim"], cutoff: float | None = None) -> np.ndarray:
    """Return all pairs of sites no farther apart than `cutoff`, each once.

    Parameters
    ----------
    positions : real array, shape (site, dim)
        In angstrom.
    cutoff : float, optional
        Largest distance in angstrom; all pairs by default.

    Returns
    -------
    int array, shape (pair, 2)
        Sorted, i < j.

    Raises
    ------
    InputError
        If sites coincide or the cutoff is not positive.
    """
    points = _check_positions(positions)
    if cutoff is None:
        return np.stack(np.triu_indices(len(points), 1), axis=1)
    _checks.positive_number("cutoff", cutoff, "angstrom")
    found = KDTree(points).query_pairs(cutoff * (1 + 1e-9), output_type="ndarray")
    found = np.sort(found, axis=1)
    return found[np.lexsort(found.T[::-1])].astype(int)


def loops(
    positions: Float[ArrayLike, "site dim"],
    order: int,
    *,
    cutoff: float | None = None,
    perimeter: float | None = None,
) -> np.ndarray:
    """Return all loops over `order` distinct sites, each once up to cyclic order and reversal.

    Parameters
    ----------
    positions : real array, shape (site, dim)
        In angstrom.
    order : int
        Number of sites of a loop.
    cutoff : float, optional
        Largest length of a leg in angstrom.
    perimeter : float, optional
        Largest sum of the lengths of the legs in angstrom.

    Returns
    -------
    int array, shape (loop, order)
        The first site is the smallest, and the second smaller than the last.

    Raises
    ------
    InputError
        If `order` is below 2, sites coincide, a bound is not positive, or there are more than
        `LARGEST_COUNT` loops.
    """
    points = _check_positions(positions)
    check_order(order)
    for name, value in (("cutoff", cutoff), ("perimeter", perimeter)):
        if value is not None:
            _checks.positive_number(name, value, "angstrom")
    if perimeter is not None:
        # A leg is never longer than half of the closed loop.
        cutoff = perimeter / 2 if cutoff is None else min(cutoff, perimeter / 2)
    if order == 2:
        return pairs(positions, cutoff)
    bound = np.inf if perimeter is None else perimeter * (1 + 1e-9)
    bonds = pairs(positions, cutoff)
    if perimeter is None and len(bonds) == math.comb(len(points), 2):
        _check_count(math.perm(len(points), order) // (2 * order), "")
    neighbours = neighbour_table(len(points), bonds)
    found, count = [np.zeros((0, order), int)], 0
    for start in range(len(points)):
        for block in closed_paths(points, neighbours, start, order, bound):
            found.append(block)
            count += len(block)
            _check_count(count, "at least ")
    return np.concatenate(found)


def _check_count(count: int, least: str) -> None:
    if count > LARGEST_COUNT:
        raise InputError(
            f"Argument `cutoff` must leave at most {LARGEST_COUNT} loops, but there are {least}"
            f"{count}. Give a smaller `cutoff` or `perimeter`, or fewer sites."
        )


def contracted_loops(
    positions: Float[ArrayLike, "site dim"], kind: str, *, cutoff: float | None = None
) -> np.ndarray:
    """Return the four-spin loops that revisit a site, without on-site legs.

    Parameters
    ----------
    positions : real array, shape (site, dim)
        In angstrom.
    kind : {"biquadratic", "three_site"}
        i -> j -> i -> j for every pair, or i -> j -> k -> j for every pair i, k of neighbours of j.
    cutoff : float, optional
        Largest length of a leg in angstrom.

    Returns
    -------
    int array, shape (loop, 4)

    Notes
    -----
    Together with `loops` of order 4 these are all four-step walks between different sites.
    Repeated scattering at one site is resummed into the t-matrix
    (`msgreen.scattering.contact.resummed`).

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), below Eq. 19.
    """
    if not isinstance(kind, str) or kind not in ("biquadratic", "three_site"):
        raise InputError(
            f'Argument `kind` must be "biquadratic" or "three_site", but it is {kind!r}. '
            "Choose one."
        )
    bonds = pairs(positions, cutoff)
    if kind == "biquadratic":
        return bonds[:, [0, 1, 0, 1]]
    ends, all_neighbours = neighbour_table(len(np.asarray(positions)), bonds)
    neighbours = np.split(all_neighbours, ends[1:-1])
    _check_count(sum(math.comb(len(around), 2) for around in neighbours), "")
    rows = [
        (i, j, k, j)
        for j, around in enumerate(neighbours)
        for a, i in enumerate(around)
        for k in around[a + 1 :]
    ]
    return np.array(rows, int).reshape(-1, 4)


def perimeters(
    positions: Float[ArrayLike, "site dim"], loops: Int[ArrayLike, "loop order"]
) -> Float[Array, " loop"]:
    """Return the length of the closed path of every loop, in angstrom."""
    return _perimeters(jnp.asarray(positions, float), check_loops(loops))


@jax.jit
def _perimeters(points, sites):
    steps = points[jnp.roll(sites, -1, axis=1)] - points[sites]
    return jnp.sum(jnp.linalg.norm(steps, axis=-1), axis=1)


def check_order(order: int) -> None:
    """Raise InputError unless `order` is a whole number of spins of at least two."""
    _checks.number("order", order)
    if order != int(order) or order < 2:
        raise InputError(
            f"Argument `order` must be a whole number of spins of at least 2, but it is {order}. "
            "Give 2, 4 or 6, or an odd number for a host without time reversal symmetry."
        )


def check_loops(
    loops: Int[ArrayLike, "loop order"], count: int | None = None, name: str = "loops"
) -> np.ndarray:
    """Return `loops` as an int array of shape (loop, order) of sites below `count`."""
    array = np.asarray(_checks.numbers(name, loops))
    if array.ndim != 2 or array.shape[1] < 2 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            f"Argument `{name}` must be an int array of shape (loop, order), but it is "
            f"{array.dtype} of shape {array.shape}. Give the sites of one loop per row."
        )
    if count is not None and array.size and not 0 <= array.min() <= array.max() < count:
        raise InputError(
            f"Argument `{name}` must hold site numbers from 0 to {count - 1}, but it ranges from "
            f"{array.min()} to {array.max()}. Count sites from 0."
        )
    return array


def neighbour_table(count: int, bonds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all neighbours, site by site, after the places where those of every site begin.

    Parameters
    ----------
    count : int
        Number of sites.
    bonds : int array, shape (bond, 2)
        Every pair once.
    """
    both = np.concatenate([bonds, bonds[:, ::-1]])
    both = both[np.lexsort(both.T[::-1])]
    return np.searchsorted(both[:, 0], np.arange(count + 1)), both[:, 1]


def closed_paths(
    points: Float[np.ndarray, "site dim"],
    neighbours: tuple[np.ndarray, np.ndarray],
    start: int,
    order: int,
    bound: float,
) -> Iterator[np.ndarray]:
    """Yield blocks of loops that start at their smallest site, by extending paths step by step.

    Parameters
    ----------
    points : real array, shape (site, dim)
        In angstrom.
    neighbours : pair of int arrays
        `neighbour_table` of the legs.
    start : int
        The first site.
    order : int
    bound : float
        Largest length of the closed path in angstrom.
    """
    ends, all_neighbours = neighbours
    around = all_neighbours[ends[start] : ends[start + 1]]
    pending = [(np.array([[start]]), np.zeros(1))]
    while pending:
        paths, length = pending.pop()
        if len(paths) > _PATHS_AT_ONCE:
            half = len(paths) // 2
            pending += [(paths[:half], length[:half]), (paths[half:], length[half:])]
            continue
        if paths.shape[1] == order:
            closed = np.isin(paths[:, -1], around) & (paths[:, 1] < paths[:, -1])
            closed &= length + _distance(points, paths[:, -1], start) <= bound
            if closed.any():
                yield paths[closed]
            continue
        paths, length = _extend(points, neighbours, paths, length)
        keep = length + _distance(points, paths[:, -1], start) <= bound
        if keep.any():
            pending.append((paths[keep], length[keep]))


def _extend(points, neighbours, paths, length):
    """Append every unvisited neighbour larger than the first site to every path."""
    ends, all_neighbours = neighbours
    last = paths[:, -1]
    counts = ends[last + 1] - ends[last]
    # Places of the neighbours of the last site of every path, one path after the other.
    places = np.arange(counts.sum()) + np.repeat(ends[last] - np.cumsum(counts) + counts, counts)
    after = all_neighbours[places]
    grown = np.column_stack([np.repeat(paths, counts, axis=0), after])
    length = np.repeat(length, counts) + _distance(points, grown[:, -2], grown[:, -1])
    new = np.all(grown[:, :-1] != grown[:, -1:], axis=1) & (grown[:, -1] > grown[:, 0])
    return grown[new], length[new]


def _distance(points, i, j):
    return np.linalg.norm(points[i] - points[j], axis=-1)


def _check_positions(positions) -> np.ndarray:
    points = np.asarray(_checks.numbers("positions", positions, "biuf"), float)
    if points.ndim != 2 or not len(points):
        raise InputError(
            f"Argument `positions` must have shape (site, dim), but its shape is {points.shape}. "
            "Give one row per site."
        )
    _checks.distinct_sites("positions", points)
    return points
