"""Loops in a host: the legs, tensors and energies of closed paths over sites.

Leg m of a loop leads from its site m to its site m + 1, the last one back to the first.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import loop_trace

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float, Int, Sites, Vectors
from msgreen.blocks import map_items
from msgreen.clusters import check_loops, check_order, multiplicity
from msgreen.contour import Contour
from msgreen.contour.base import ROUNDING
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.hosts.base import (
    TIME_EVEN,
    AbstractHost,
    Coarse,
    check_levels,
    checked_blocks,
    host_factor,
    mesh_error,
    site_count,
    time_odd_share,
)
from msgreen.scattering.contact import (
    AbstractRigidScatterer,
    AbstractScatterer,
    check_orbitals,
)
from msgreen.spin.algebra import Green

_TRACE_BYTES = 512
"""Memory per loop of four traces in both senses, and of the legs' numbers."""

FORBIDDEN = 1e-9
"""Relative change between meshes below which a component is zero by symmetry: rounding is 1e-12."""


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


def directed_pairs(loops: Int[ArrayLike, "loop order"]) -> tuple[np.ndarray, np.ndarray]:
    """Return the different directed pairs along the legs of loops, and the table of legs.

    Returns
    -------
    pairs : int array, shape (pair, 2)
    index : int array, shape (loop, order)
        Row of `pairs` for leg m of every loop.
    """
    sites = check_loops(loops)
    count = int(sites.max(initial=0)) + 1
    legs = sites * count + np.roll(sites, -1, axis=1)
    # Of 10^6 loops rows are sorted in 7 s, numbers in 0.25 s, and marks set in 0.02 s.
    if count**2 <= legs.size:
        marks = np.zeros(count**2, bool)
        marks[legs] = True
        found, index = np.flatnonzero(marks), (np.cumsum(marks) - 1)[legs]
    else:
        found, index = np.unique(legs, return_inverse=True)
    return np.stack(divmod(found, count), axis=-1), index.reshape(sites.shape)


class Bonds(eqx.Module):
    """Green functions and scatterers of all directed pairs that some loops use.

    Attributes
    ----------
    green : Green
        A of shape (energy, pair, orb, orb), B of shape (energy, pair, 3, orb, orb).
    strength : complex array, shape (energy, pair, orb, orb)
        t of the site at which the pair ends.
    coarse : Coarse, optional
        `green` from a coarser mesh, of hosts that sum over one.
    """

    green: Green
    strength: Complex[Array, "energy pair orb orb"]
    coarse: Coarse | None = None

    def legs(self, index: Int[ArrayLike, "loop order"]) -> Legs:
        """Return the legs of loops whose pairs are the rows `index` (loop, order)."""
        return Legs(self.green[:, index], self.strength[:, index])

    def coarse_legs(self, index: Int[ArrayLike, "loop order"]) -> Legs | None:
        """Return `legs` from the coarser mesh, if there is one."""
        if self.coarse is None:
            return None
        return Legs(self.coarse.green[:, index], self.strength[:, index])

    @jax.jit
    def size(self) -> Float[Array, "energy pair"]:
        """Return the norm of G times that of t, which bounds what a leg contributes."""
        green = jnp.linalg.norm(self.green.matrix(), axis=(-2, -1))
        return green * jnp.linalg.norm(self.strength, axis=(-2, -1))


def loop_bonds(
    host: AbstractHost,
    scatterer: AbstractRigidScatterer,
    z: Complex[Array, " energy"],
    sites: Sites,
    loops: Int[ArrayLike, "loop order"],
) -> tuple[Bonds, np.ndarray, np.ndarray]:
    """Return the bonds of loops, and which of them make the legs of each loop.

    Parameters
    ----------
    host : AbstractHost
    scatterer : AbstractRigidScatterer
    z : complex array, shape (energy,)
    sites : array with one row per site
    loops : int array, shape (loop, order)

    Returns
    -------
    bonds : Bonds
    forward, backward : int arrays, shape (loop, order)
        Rows of `bonds` along the loops, and along the loops with their sites listed backwards.
    """
    loops = check_loops(loops, site_count(sites))
    check_order(loops.shape[1])
    found, index = directed_pairs(np.concatenate([loops, loops[:, ::-1]]))
    strength = jnp.take(scatterer.strength(z, site_count(sites)), found[:, 1], axis=1)
    green, coarse = checked_blocks(host, z, sites, found)
    _check_time_reversal(loops, green, found)
    check_orbitals(strength.shape[-1], green.A.shape[-1])
    bonds = Bonds(green, strength, coarse)
    return bonds, index[: len(loops)], index[len(loops) :]


def loop_tensors(
    host: AbstractHost,
    scatterer: AbstractScatterer,
    contour: Contour,
    sites: Sites,
    loops: Int[ArrayLike, "loop order"],
) -> Estimate[Float[Array, "loop ..."]]:
    """Return the full N-spin tensor of every loop, in eV.

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
        Of any order; loops may revisit sites. Odd orders need a host that breaks time reversal.

    Returns
    -------
    Estimate
        Shape (loop, 3, ..., 3). The error is that of the contour, of the mesh of the host and of
        rounding, added. For hosts with a mesh the traces are made twice.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 10 and 19 (there for ordered sites).
    """
    loops = check_loops(loops, site_count(sites))
    order = loops.shape[1]
    check_order(order)
    found, index = directed_pairs(np.concatenate([loops, loops[:, ::-1]]))
    check_levels(host, contour)
    green, coarse = checked_blocks(host, contour.nodes, sites, found)
    _check_time_reversal(loops, green, found)
    vertex = jnp.take(scatterer.vertex(contour.nodes, site_count(sites)), found[:, 0], axis=1)
    check_orbitals(vertex.shape[-1] // 2, green.A.shape[-1])
    table, largest = _vertices(vertex, green)
    shadow = None if coarse is None else _vertices(vertex, coarse.green)[0]
    ratio = None if coarse is None else coarse.ratio
    value, error = map_items(
        _tensors,
        (contour, table, shadow, ratio),
        (index[: len(loops)], index[len(loops) :]),
        16 * len(contour.nodes) * 3**order * table.shape[-1] ** 2,
    )
    rounding = 2 * loop_rounding(contour, largest, index[: len(loops)])
    factor = -host_factor(host) * multiplicity(loops) / (2 * order)
    factor, rounding = (part.reshape(-1, *(1,) * order) for part in (factor, rounding))
    return Estimate(value, error + rounding).scaled(factor)


def loop_energies(
    host: AbstractHost,
    scatterer: AbstractScatterer,
    contour: Contour,
    sites: Sites,
    loops: Int[ArrayLike, "loop order"],
    directions: Vectors,
) -> Estimate[Float[Array, " loop"]]:
    """Return the energy of every loop for one spin configuration, in eV.

    All orders in B, without tensors: fit for millions of loops.

    Parameters
    ----------
    host : AbstractHost
    scatterer : AbstractScatterer
    contour : Contour
    sites : array with one row per site
    loops : int array, shape (loop, order)
    directions : real array, shape (site, 3)
        Unit vectors.

    Returns
    -------
    Estimate
        Shape (loop,). The error of the contour is the difference of its two rules, which
        overestimates it; those of the mesh of the host and of rounding are added. For hosts with a
        mesh the traces are made twice.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 10 and 19.
    """
    loops = check_loops(loops, site_count(sites))
    order = loops.shape[1]
    check_order(order)
    _checks.shaped("directions", directions, (site_count(sites), 3))
    _checks.unit_vectors("directions", directions)
    found, index = directed_pairs(np.concatenate([loops, loops[:, ::-1]]))
    check_levels(host, contour)
    green, coarse = checked_blocks(host, contour.nodes, sites, found)
    _check_time_reversal(loops, green, found)
    potential = scatterer.potential(contour.nodes, jnp.asarray(directions, float))[:, found[:, 0]]
    check_orbitals(potential.shape[-1] // 2, green.A.shape[-1])
    table = potential @ green.matrix()
    # Every second energy on its own: errors of neighbours must not cancel.
    odd = jnp.asarray(np.arange(len(contour.weights)) % 2, complex)
    share = 0.0 if coarse is None else contour.weights * coarse.ratio.astype(complex)
    parts = jnp.stack([(1 - odd) * share, odd * share])
    rules = jnp.concatenate([jnp.stack([contour.weights, contour.embedded]), parts])
    shadow = None if coarse is None else potential @ coarse.green.matrix()
    total, error = map_items(
        _traces,
        (table, shadow, rules),
        (index[: len(loops)], index[len(loops) :]),
        _TRACE_BYTES,
    )
    rounding = loop_rounding(contour, jnp.linalg.norm(table, axis=(-2, -1)), index[: len(loops)])
    factor = host_factor(host) * multiplicity(loops) / (2 * order * np.pi)
    doubt = jax.lax.stop_gradient(error + 2 * np.pi * rounding)
    return Estimate(total, doubt).scaled(-factor)


def integrate_loops(
    contour: Contour,
    fine: Complex[Array | np.ndarray, "energy loop ..."],
    coarse: Complex[Array | np.ndarray, "energy loop ..."] | None,
    ratio: Float[Array | np.ndarray, " energy"] | None,
) -> Estimate[Float[Array, "loop ..."]]:
    """Integrate what belongs to loops, with the error of the contour and of the mesh.

    Parameters
    ----------
    contour : Contour
    fine, coarse : complex arrays, shape (energy, loop, ...)
        From `blocks` and from `Coarse.green`; the latter None for hosts without a mesh.
    ratio : real array, shape (energy,), or None

    Notes
    -----
    One component of a tensor may be the same on two meshes by accident. All are therefore as
    uncertain as the one that changes most, except those that symmetry keeps at zero.
    """
    if coarse is None or ratio is None:
        return contour.integrate(fine)
    doubt = mesh_error(fine, coarse, ratio)
    largest = doubt.max(axis=tuple(range(2, doubt.ndim)), keepdims=True)
    return contour.integrate(fine, doubt=jnp.where(doubt > FORBIDDEN * largest, largest, doubt))


def _check_time_reversal(loops: np.ndarray, green: Green, pairs: np.ndarray) -> None:
    order = loops.shape[1]
    if order % 2 and time_odd_share(green, pairs) < TIME_EVEN:
        raise InputError(
            f"Argument `loops` must have an even number of spins, but it has {order}, and the host "
            "keeps time reversal: odd orders vanish. Leave them out."
        )


@jax.jit
def loop_rounding(
    contour: Contour,
    size: Float[Array, "energy pair"],
    index: Int[Array | np.ndarray, "loop order"],
) -> Float[Array, " loop"]:
    """Return a bound of the rounding error of (1/pi) int of the trace around loops.

    A trace may vanish by symmetry, but the products that cancel in it do not: their rounding is
    that of the norms of the legs. By Hoelder's inequality the integral of the product over the
    legs is at most the product of their N-norms over the energies, which costs nothing per loop.

    Parameters
    ----------
    contour : Contour
    size : real array, shape (energy, pair)
        Norms of the legs.
    index : int array, shape (loop, order)
        Rows of pairs along the legs.
    """
    order = index.shape[1]
    norm = jnp.abs(contour.weights) @ size**order / np.pi
    bound = jnp.prod((norm ** (1 / order))[index], axis=1)
    return jax.lax.stop_gradient(ROUNDING * bound)


def by_order(clusters: Sequence[np.ndarray], evaluate: Callable[[np.ndarray], Any]) -> list:
    """Evaluate kinds of clusters, those of the same number of spins at once.

    Parameters
    ----------
    clusters : sequence of int arrays, shape (cluster, order)
    evaluate : callable
        Maps loops (loop, order) to arrays with the loop first; compiled once per order.

    Returns
    -------
    list
        What `evaluate` gives for each kind.
    """
    results: list = [None] * len(clusters)
    for order in sorted({array.shape[1] for array in clusters}):
        same = [n for n, array in enumerate(clusters) if array.shape[1] == order]
        found = evaluate(np.concatenate([clusters[n] for n in same]))
        end = np.cumsum([len(clusters[n]) for n in same])
        for n, stop in zip(same, end, strict=True):
            rows = slice(stop - len(clusters[n]), stop)
            part = jax.tree.map(lambda a, rows=rows: a[rows], found)
            # A map over a dictionary sorts its keys.
            results[n] = {key: part[key] for key in found} if isinstance(found, dict) else part
    return results


@jax.jit
def _vertices(vertex, green: Green) -> tuple[Array, Array]:
    """Legs v^a G of pairs (energy, pair, 3, n, n), and the largest norm of the three."""
    table = vertex @ green.matrix()[:, :, None]
    return table, jnp.linalg.norm(table, axis=(-2, -1)).max(axis=-1)


@jax.jit
def _traces(known, forward, backward) -> tuple[Float[Array, " loop"], Float[Array, " loop"]]:
    """Im of the traces over both senses, and how far contours and meshes disagree on them."""
    table, shadow, rules = known
    both = loop_trace(table, forward, rules) + loop_trace(table, backward, rules)
    error = jnp.abs(both[0] - both[1])
    if shadow is not None:
        less = loop_trace(shadow, forward, rules[2:]) + loop_trace(shadow, backward, rules[2:])
        error = error + jnp.abs(both[2:] - less).sum(axis=0)
    return both[0].imag, error


@eqx.filter_jit
def _tensors(known, forward, backward):
    """(1/pi) Im int of the traces over both senses, and its error."""
    contour, table, shadow, ratio = known
    order = forward.shape[1]

    def both(legs):
        ahead = _open_trace(legs, forward)
        # The reversed loop lists its sites, hence its tensor axes, backwards.
        axes = (0, 1, *range(order + 1, 1, -1))
        return ahead + jnp.transpose(_open_trace(legs, backward), axes)

    return integrate_loops(contour, both(table), None if shadow is None else both(shadow), ratio)


def _open_trace(legs, index) -> Complex[Array, "energy loop ..."]:
    """Trace of the product of legs (energy, leg, 3, n, n), Cartesian axes left open."""
    order, batch = index.shape[1], (len(legs), len(index))
    product = legs[:, index[:, 0]]
    for m in range(1, order - 1):
        step = legs[:, index[:, m]]
        product = product[:, :, :, None] @ step[:, :, None]
        product = product.reshape(*batch, 3 ** (m + 1), *step.shape[-2:])
    # The trace needs the diagonal of the last product only.
    last = jnp.swapaxes(legs[:, index[:, -1]], -1, -2)
    entries = last.shape[-1] ** 2
    product = product.reshape(*batch, 3 ** (order - 1), entries)
    trace = jnp.einsum("elxn,elyn->elxy", product, last.reshape(*batch, 3, entries))
    return trace.reshape(*batch, *(3,) * order)
