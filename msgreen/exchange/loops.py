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
from tqdm import tqdm

from msgreen import _checks
from msgreen._typing import Array, Complex, Float
from msgreen.clusters import check_loops, check_order, multiplicity
from msgreen.contour import Contour
from msgreen.hosts.base import AbstractHost, host_factor, site_count
from msgreen.scattering.contact import AbstractRigidScatterer, AbstractScatterer
from msgreen.spin.algebra import Green

_BLOCK_BYTES = 32 * 2**20


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


def directed_pairs(loops) -> tuple[np.ndarray, np.ndarray]:
    """Return the different directed pairs along the legs of loops, and the table of legs.

    Returns
    -------
    pairs : int array, shape (pair, 2)
    index : int array, shape (loop, order)
        Row of `pairs` for leg m of every loop.
    """
    sites = check_loops(loops)
    steps = np.stack([sites, np.roll(sites, -1, axis=1)], axis=-1).reshape(-1, 2)
    found, index = np.unique(steps, axis=0, return_inverse=True)
    return found, index.reshape(sites.shape)


class Bonds(eqx.Module):
    """Green functions and scatterers of all directed pairs that some loops use.

    Attributes
    ----------
    green : Green
        A of shape (energy, pair, orb, orb), B of shape (energy, pair, 3, orb, orb).
    strength : complex array, shape (energy, pair, orb, orb)
        t of the site at which the pair ends.
    """

    green: Green
    strength: Complex[Array, "energy pair orb orb"]

    def legs(self, index) -> Legs:
        """Return the legs of loops whose pairs are the rows `index` (loop, order)."""
        return Legs(self.green[:, index], self.strength[:, index])


def loop_bonds(
    host: AbstractHost,
    scatterer: AbstractRigidScatterer,
    z: Complex[Array, " energy"],
    sites,
    loops,
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
    loops = check_loops(loops)
    check_order(loops.shape[1])
    found, index = directed_pairs(np.concatenate([loops, loops[:, ::-1]]))
    strength = scatterer.strength(z, site_count(sites))[:, found[:, 1]]
    bonds = Bonds(host.blocks(z, sites, found), strength)
    return bonds, index[: len(loops)], index[len(loops) :]


def loop_tensors(
    host: AbstractHost, scatterer: AbstractScatterer, contour: Contour, sites, loops
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
    loops = check_loops(loops)
    order = loops.shape[1]
    check_order(order)
    found, index = directed_pairs(np.concatenate([loops, loops[:, ::-1]]))
    green = host.blocks(contour.nodes, sites, found).matrix()
    vertex = scatterer.vertex(contour.nodes, site_count(sites))
    table = vertex[:, found[:, 0]] @ green[:, :, None]
    value, error = in_blocks(
        lambda ahead, behind: _tensors(contour, table, ahead, behind),
        index[: len(loops)],
        index[len(loops) :],
        len(contour.nodes) * 3**order * green.shape[-1] ** 2,
    )
    factor = -host_factor(host) * multiplicity(loops) / (2 * order)
    factor = factor.reshape(-1, *(1,) * order)
    return factor * value, np.abs(factor) * error


def loop_energies(
    host: AbstractHost,
    scatterer: AbstractScatterer,
    contour: Contour,
    sites,
    loops,
    directions: Float[Array, "site 3"],
) -> tuple[Float[Array, " loop"], Float[Array, " loop"]]:
    """Return the energy of every loop for one spin configuration, and a bound of its error, in eV.

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
    energy, error : real arrays, shape (loop,)
        The error is the difference of the contour's two rules, which overestimates it.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 10 and 19.
    """
    loops = check_loops(loops)
    order = loops.shape[1]
    check_order(order)
    _checks.unit_vectors("directions", directions)
    found, index = directed_pairs(np.concatenate([loops, loops[:, ::-1]]))
    green = host.blocks(contour.nodes, sites, found).matrix()
    potential = scatterer.potential(contour.nodes, jnp.asarray(directions, float))
    rules = jnp.stack([contour.weights, contour.embedded])
    traces = loop_trace(potential[:, found[:, 0]] @ green, index, rules)
    both = traces[:, : len(loops)] + traces[:, len(loops) :]
    factor = host_factor(host) * multiplicity(loops) / (2 * order * np.pi)
    return -factor * both[0].imag, jax.lax.stop_gradient(factor * jnp.abs(both[0] - both[1]))


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


def in_blocks(evaluate, forward: np.ndarray, backward: np.ndarray, entries: int, label=None):
    """Evaluate loops block by block, in bounded memory.

    Parameters
    ----------
    evaluate : callable
        Maps tables of legs (loop, order), forward and backward, to arrays with the loop first.
        Every block has the same shape, so that a jitted function is compiled once.
    forward, backward : int arrays, shape (loop, order)
    entries : int
        Complex numbers that `evaluate` holds per loop.
    label : str, optional
        Name of a progress bar; none by default.
    """
    count = len(forward)
    size = max(1, min(count, _BLOCK_BYTES // (16 * entries)))
    parts = []
    with tqdm(total=count, desc=label, unit="loop", disable=label is None) as bar:
        for start in range(0, max(count, 1), size):
            kept = min(size, count - start)
            rows = np.minimum(np.arange(start, start + size), count - 1)[: size if count else 0]
            part = evaluate(forward[rows], backward[rows])
            parts.append(jax.tree.map(lambda x, kept=kept: x[:kept], part))
            bar.update(kept)
    return jax.tree.map(lambda *x: jnp.concatenate(x), *parts)


@eqx.filter_jit
def _tensors(contour, table, forward, backward):
    """(1/pi) Im int of the traces over both senses, and its error."""
    order = forward.shape[1]
    ahead = _open_trace(table, forward)
    # The reversed loop lists its sites, hence its tensor axes, backwards.
    behind = jnp.transpose(_open_trace(table, backward), (0, 1, *range(order + 1, 1, -1)))
    return contour.integrate(ahead + behind)


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
