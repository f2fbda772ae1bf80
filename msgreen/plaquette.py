"""Loops of sites: enumeration, and the legs and tensors that belong to them.

A loop i -> j -> k -> ... -> i is named by its sites in order. Two orders that differ by a cyclic
shift or by reversal are the same loop; its `multiplicity` is the number of different orders, so
that the sum over all ordered sites of paper L counts it that many times.
"""

from collections.abc import Iterator

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

from msgreen import _checks
from msgreen._typing import Array, Complex, Float
from msgreen.errors import InputError
from msgreen.hosts.base import AbstractHost
from msgreen.scattering import AbstractRigidScatterer, AbstractScatterer
from msgreen.spin import Green

_PATHS_AT_ONCE = 200_000


class Legs(eqx.Module):
    """Green functions and scatterers along the legs of loops.

    Leg m of a loop leads from its site m to its site m + 1 (the last one back to the first).

    Attributes
    ----------
    green : Green
        A of shape (energy, loop, leg, orb, orb), B of shape (energy, loop, leg, 3, orb, orb).
    strength : complex array, shape (energy, loop, leg, orb, orb)
        t of the site at which the leg ends.
    """

    green: Green
    strength: Complex[Array, "energy loop leg orb orb"]

    @property
    def order(self) -> int:
        """Number of spins of a loop."""
        return self.strength.shape[2]


def ordered_loops(sites) -> list[tuple[int, ...]]:
    """Return all different orders of one loop: cyclic shifts of it and of its reverse."""
    loop = tuple(int(s) for s in sites)
    shifts = [loop[m:] + loop[:m] for m in range(len(loop))]
    return sorted({*shifts, *(s[::-1] for s in shifts)})


def multiplicity(loops) -> np.ndarray:
    """Return the number of different orders of every loop, shape (loop,).

    N distinct sites give 2 N orders (2 for a pair); loops that revisit a site may give fewer.
    """
    array = _check_loops(loops)
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
        Number of sites of a loop, even.
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
        If `order` is odd or below 2, sites coincide, or a bound is not positive.
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
    Repeated scattering at one site is resummed into the t-matrix (`msgreen.scattering.resummed`).

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
    sites = _check_loops(loops)
    steps = points[np.roll(sites, -1, axis=1)] - points[sites]
    return jnp.sum(jnp.linalg.norm(steps, axis=-1), axis=1)


def directed_pairs(loops) -> tuple[np.ndarray, np.ndarray]:
    """Return the different directed pairs along the legs of loops, and the table of legs.

    Returns
    -------
    pairs : int array, shape (pair, 2)
    index : int array, shape (loop, order)
        Row of `pairs` for leg m of every loop.
    """
    sites = _check_loops(loops)
    steps = np.stack([sites, np.roll(sites, -1, axis=1)], axis=-1).reshape(-1, 2)
    found, index = np.unique(steps, axis=0, return_inverse=True)
    return found, index.reshape(sites.shape)


def loop_legs(
    host: AbstractHost,
    scatterer: AbstractRigidScatterer,
    z: Complex[Array, " energy"],
    sites,
    loops,
) -> tuple[Legs, Legs]:
    """Return the legs of loops, run forward and backward.

    Parameters
    ----------
    host : AbstractHost
    scatterer : AbstractRigidScatterer
    z : complex array, shape (energy,)
    sites : array with one row per site
    loops : int array, shape (loop, order)

    Returns
    -------
    forward, backward : Legs
    """
    loops = _check_loops(loops)
    both = np.concatenate([loops, loops[:, ::-1]])
    found, index = directed_pairs(both)
    green = host.blocks(z, sites, found)[:, index]
    strength = scatterer.strength(z, len(np.asarray(sites)))[:, np.roll(both, -1, axis=1)]
    half = len(loops)
    return (
        Legs(green[:, :half], strength[:, :half]),
        Legs(green[:, half:], strength[:, half:]),
    )


def loop_tensors(
    host: AbstractHost, scatterer: AbstractScatterer, contour, sites, loops
) -> tuple[Float[Array, "loop ..."], Float[Array, "loop ..."]]:
    """Return the full N-spin tensor of every loop and its error estimate, in eV.

    The energy of loop i -> j -> ... is the tensor contracted with S_i, S_j, ... in this order:
    both senses and all cyclic orders are contained, each different order once.

        T^{ab...} = -(m / 2 N pi) Im int { Tr[v_i^a G_ij v_j^b G_jk ...] + reversed }

    with m the multiplicity of the loop and v = dV/dS. All orders in B are included.

    Parameters
    ----------
    host : AbstractHost
    scatterer : AbstractScatterer
    contour : Contour
    sites : array with one row per site
    loops : int array, shape (loop, order)
        Of any even order; loops may revisit sites.

    Returns
    -------
    tensor, error : real arrays, shape (loop, 3, ..., 3)

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 10 and 19 (there for ordered sites).
    """
    loops = _check_loops(loops)
    order = loops.shape[1]
    check_order(order)
    found, index = directed_pairs(np.concatenate([loops, loops[:, ::-1]]))
    green = host.blocks(contour.nodes, sites, found).matrix()
    vertex = scatterer.vertex(contour.nodes, len(np.asarray(sites)))
    legs = vertex[:, found[:, 0]] @ green[:, :, None]
    forward = _open_trace(legs, index[: len(loops)])
    # The reversed loop lists its sites, hence its tensor axes, backwards.
    backward = _open_trace(legs, index[len(loops) :])
    backward = jnp.transpose(backward, (0, 1, *range(order + 1, 1, -1)))
    factor = -host_factor(host) * multiplicity(loops) / (2 * order)
    value, error = contour.integrate(forward + backward)
    factor = factor.reshape(-1, *(1,) * order)
    return factor * value, np.abs(factor) * error


def host_factor(host: AbstractHost) -> float:
    """Return 1/2 for a particle-hole doubled host, 1 otherwise."""
    return 0.5 if host.nambu else 1.0


def batches(count: int, size: int) -> Iterator[slice]:
    """Yield slices of at most `size` that cover ``range(count)``."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def check_order(order: int) -> None:
    """Raise InputError unless `order` is an even number of spins of at least two."""
    if order != int(order) or order < 2 or order % 2:
        raise InputError(
            f"Argument `order` must be an even number of spins of at least 2, but it is {order}: "
            "time reversal forbids odd orders."
        )


def _open_trace(legs, index) -> Complex[Array, "energy loop ..."]:
    """Trace of the product of legs (energy, leg, 3, n, n), Cartesian axes left open."""
    product = legs[:, index[:, 0]]
    for m in range(1, index.shape[1]):
        step = legs[:, index[:, m]]
        product = (product[:, :, :, None] @ step[:, :, None]).reshape(
            *product.shape[:2], -1, *product.shape[-2:]
        )
    trace = jnp.trace(product, axis1=-2, axis2=-1)
    return trace.reshape(*trace.shape[:2], *(3,) * index.shape[1])


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


def _check_loops(loops) -> np.ndarray:
    array = np.asarray(loops)
    if array.ndim != 2 or array.shape[1] < 2 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            "Argument `loops` must be an int array of shape (loop, order), but it is "
            f"{array.dtype} of shape {array.shape}."
        )
    return array
