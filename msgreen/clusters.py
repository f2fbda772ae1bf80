"""Clusters of a structure: pairs and loops of sites, each once.

A loop i -> j -> k -> ... -> i is named by its sites in order. Two orders that differ by a cyclic
shift or by reversal are the same loop; its `multiplicity` is the number of its different orders,
so that the sum over all ordered sites of paper L counts it that many times.
"""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

from msgreen import _checks
from msgreen._typing import Array, Float
from msgreen.errors import InputError

_PATHS_AT_ONCE = 200_000
"""Paths that grow together: some ten megabytes, and thousands per call of numpy."""


def ordered_loops(sites) -> list[tuple[int, ...]]:
    """Return all different orders of one loop: cyclic shifts of it and of its reverse."""
    loop = tuple(int(s) for s in sites)
    shifts = [loop[m:] + loop[:m] for m in range(len(loop))]
    return sorted({*shifts, *(s[::-1] for s in shifts)})


def multiplicity(loops) -> np.ndarray:
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


def pairs(positions: Float[Array, "site dim"], cutoff: float | None = None) -> np.ndarray:
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
    _checks.positive("cutoff", cutoff, "angstrom")
    found = KDTree(points).query_pairs(cutoff * (1 + 1e-9), output_type="ndarray")
    found = np.sort(found, axis=1)
    return found[np.lexsort(found.T[::-1])].astype(int)


def loops(
    positions: Float[Array, "site dim"],
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
        If `order` is below 2, sites coincide, or a bound is not positive.
    """
    points = _check_positions(positions)
    check_order(order)
    for name, value in (("cutoff", cutoff), ("perimeter", perimeter)):
        if value is not None:
            _checks.positive(name, value, "angstrom")
    if perimeter is not None:
        # A leg is never longer than half of the closed loop.
        cutoff = perimeter / 2 if cutoff is None else min(cutoff, perimeter / 2)
    if order == 2:
        return pairs(positions, cutoff)
    bound = np.inf if perimeter is None else perimeter * (1 + 1e-9)
    neighbours = _neighbour_table(len(points), pairs(positions, cutoff))
    found = [
        block
        for start in range(len(points))
        for block in _closed_paths(points, neighbours, start, order, bound)
    ]
    return np.concatenate([np.zeros((0, order), int), *found])


def contracted_loops(
    positions: Float[Array, "site dim"], kind: str, *, cutoff: float | None = None
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
    if kind not in ("biquadratic", "three_site"):
        raise InputError(
            f'Argument `kind` must be "biquadratic" or "three_site", but it is {kind!r}.'
        )
    bonds = pairs(positions, cutoff)
    if kind == "biquadratic":
        return bonds[:, [0, 1, 0, 1]]
    neighbours = _neighbour_table(len(positions), bonds)
    rows = [
        (i, j, k, j)
        for j, around in enumerate(neighbours)
        for a, i in enumerate(around)
        for k in around[a + 1 :]
    ]
    return np.array(rows, int).reshape(-1, 4)


def perimeters(positions: Float[Array, "site dim"], loops) -> Float[Array, " loop"]:
    """Return the length of the closed path of every loop, in angstrom."""
    points = jnp.asarray(positions, float)
    sites = check_loops(loops)
    steps = points[np.roll(sites, -1, axis=1)] - points[sites]
    return jnp.sum(jnp.linalg.norm(steps, axis=-1), axis=1)


def check_order(order: int) -> None:
    """Raise InputError unless `order` is a whole number of spins of at least two."""
    if order != int(order) or order < 2:
        raise InputError(
            f"Argument `order` must be a whole number of spins of at least 2, but it is {order}. "
            "Give 2, 4 or 6, or an odd number for a host without time reversal symmetry."
        )


def check_loops(loops) -> np.ndarray:
    """Return `loops` as an int array of shape (loop, order), or raise InputError."""
    array = np.asarray(loops)
    if array.ndim != 2 or array.shape[1] < 2 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            "Argument `loops` must be an int array of shape (loop, order), but it is "
            f"{array.dtype} of shape {array.shape}."
        )
    return array


def _neighbour_table(count: int, bonds: np.ndarray) -> list[np.ndarray]:
    both = np.concatenate([bonds, bonds[:, ::-1]])
    both = both[np.lexsort(both.T[::-1])]
    return np.split(both[:, 1], np.searchsorted(both[:, 0], np.arange(1, count)))


def _closed_paths(points, neighbours, start, order, bound) -> Iterator[np.ndarray]:
    """Yield blocks of loops that start at their smallest site, by extending paths step by step."""
    pending = [(np.array([[start]]), np.zeros(1))]
    while pending:
        paths, length = pending.pop()
        if len(paths) > _PATHS_AT_ONCE:
            half = len(paths) // 2
            pending += [(paths[:half], length[:half]), (paths[half:], length[half:])]
            continue
        if paths.shape[1] == order:
            closed = np.isin(paths[:, -1], neighbours[start]) & (paths[:, 1] < paths[:, -1])
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
    counts = np.array([len(neighbours[last]) for last in paths[:, -1]])
    after = np.concatenate([neighbours[last] for last in paths[:, -1]]) if counts.sum() else []
    after = np.asarray(after, int)
    grown = np.column_stack([np.repeat(paths, counts, axis=0), after])
    length = np.repeat(length, counts) + _distance(points, grown[:, -2], grown[:, -1])
    new = np.all(grown[:, :-1] != grown[:, -1:], axis=1) & (grown[:, -1] > grown[:, 0])
    return grown[new], length[new]


def _distance(points, i, j):
    return np.linalg.norm(points[i] - points[j], axis=-1)


def _check_positions(positions) -> np.ndarray:
    points = np.asarray(positions, float)
    if points.ndim != 2 or not len(points):
        raise InputError(
            f"Argument `positions` must have shape (site, dim), but its shape is {points.shape}."
        )
    _checks.distinct_sites("positions", points)
    return points
