"""Inhomogeneous finite lattices: elimination layer by layer.

The region is cut into layers that couple to their neighbours only. With M = z - H and E the columns
of the identity that belong to the chosen sites, the bordered matrix

    [ M    E ]
    [ E^T  0 ]

has the Schur complement -E^T M^-1 E = -G(S, S). It is reached by eliminating one layer after the
other; a ring is opened by keeping its last layer in the border until the end. Every pivot block
is the inverse of a block of a resolvent, so that nothing is singular off the real axis.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg

from msgreen._typing import Array, ArrayLike, Complex, Int
from msgreen.lattice.geometry import Region


@dataclass(frozen=True)
class _Plan:
    """Where every block of the Hamiltonian goes: layers along one axis, a number of cells thick."""

    axis: int
    thickness: int
    layers: int
    size: int
    closed: bool


def layer_blocks(
    blocks: Complex[Array, "... hop atom spinorb atom spinorb"],
    cells: Int[ArrayLike, "hop dim"],
    region: Region,
    z: Complex[Array, " energy"],
    sites: Int[ArrayLike, "site column"],
) -> Complex[Array, "energy site spinorb site spinorb"]:
    """Return G(z) of any finite region between the given sites.

    Parameters
    ----------
    blocks : complex array, shape (n_1, ..., n_dim, hop, atom, spinorb, atom, spinorb)
        H(r, R) for every cell r of the box, or without the leading axes.
    cells : int array, shape (hop, dim)
    region : Region
    z : complex array, shape (energy,)
    sites : int array, shape (site, dim + 1)

    Returns
    -------
    complex array, shape (energy, site, spinorb, site, spinorb)
    """
    plan = _plan(region, cells, blocks.shape[-1])
    entries = _entries(blocks, cells, region, plan)
    sites = np.asarray(sites)
    columns = _columns(sites, region, plan, blocks.shape[-1])

    def at_energy(energy):
        return -_border(plan, entries, columns, energy)[1]

    green = jax.lax.map(jax.checkpoint(at_energy), z)
    count, size = len(sites), blocks.shape[-1]
    return green.reshape(len(z), count, size, count, size)


def layer_levels_below(
    blocks: Complex[Array, "... hop atom spinorb atom spinorb"],
    cells: Int[ArrayLike, "hop dim"],
    region: Region,
    energy: float,
) -> int:
    """Return how many levels of any finite region lie below `energy`, by counting signs of pivots.

    By Sylvester's law of inertia. Levels of removed sites are not counted. Not differentiable.
    """
    size = blocks.shape[-1]
    plan = _plan(region, cells, size)
    count = 0
    for pivot in _pivots(jnp.asarray(blocks), cells, region, jnp.asarray(energy, complex)):
        pivot = np.asarray(pivot)
        pivot = 0.5 * (pivot + pivot.conj().swapaxes(-1, -2))
        count += int((np.linalg.eigvalsh(pivot) > 0).sum())
    padding = plan.layers * plan.size - int(np.prod(region.shape)) * region.lattice.atoms * size
    idle = len(region.removed) * size + padding
    return count - (idle if energy > 0 else 0)


@eqx.filter_jit
def _pivots(blocks, cells, region: Region, energy):
    size = blocks.shape[-1]
    plan = _plan(region, cells, size)
    nothing = _columns(np.zeros((0, region.lattice.dimension + 1), int), region, plan, size)
    return _border(plan, _entries(blocks, cells, region, plan), nothing, energy)[0]


def _plan(region: Region, cells, spinorb: int) -> _Plan:
    """Choose the axis along which the elimination is cheapest."""
    plans = []
    for axis, (length, closed) in enumerate(zip(region.shape, region.periodic, strict=True)):
        reach = max(1, max(abs(cell[axis]) for cell in cells))
        thickness = min(reach, length)
        while closed and length % thickness:
            thickness += 1
        layers = -(-length // thickness)
        across = int(np.prod(region.shape)) // length
        size = thickness * across * region.lattice.atoms * spinorb
        plans.append(_Plan(axis, thickness, layers, size, closed))
    return min(plans, key=_cost)


def elimination_cost(region: Region, cells: Int[ArrayLike, "hop dim"], spinorb: int) -> float:
    """Return about how many multiplications an elimination by layers takes at one energy.

    Parameters
    ----------
    region : Region
    cells : int array, shape (hop, dim)
    spinorb : int
        Functions of an atom.
    """
    return _cost(_plan(region, cells, spinorb))


def _cost(plan: _Plan) -> float:
    return plan.layers * float(plan.size) ** 3 * (4 if plan.closed else 1)


def _place(cell_coordinates, region: Region, plan: _Plan):
    """Layer and number within the layer of cells, given as int arrays (..., dim)."""
    along = cell_coordinates[..., plan.axis]
    layer, inner = along // plan.thickness, along % plan.thickness
    for axis, length in enumerate(region.shape):
        if axis != plan.axis:
            inner = inner * length + cell_coordinates[..., axis]
    return layer, inner


def _entries(blocks, cells, region: Region, plan: _Plan):
    """Blocks of every layer and where they go: (layer, entry) values, rows, columns, target.

    Target 0 is the layer itself, 1 its next neighbour; hops to the previous layer follow by
    Hermitian conjugation.
    """
    atoms, size = blocks.shape[-4:-2]
    box = np.stack(np.meshgrid(*map(np.arange, region.shape), indexing="ij"), axis=-1)
    blocks = jnp.broadcast_to(blocks, (*region.shape, *blocks.shape[-5:]))
    alive = jnp.asarray(_alive(region)).astype(complex)
    values, layers, targets, rows, columns = [], [], [], [], []
    for number, cell in enumerate(cells):
        end = box + np.array(cell)
        inside = np.ones(region.shape, bool)
        for axis, (length, closed) in enumerate(zip(region.shape, region.periodic, strict=True)):
            if not closed:
                inside &= (end[..., axis] >= 0) & (end[..., axis] < length)
        step = end[..., plan.axis] // plan.thickness - box[..., plan.axis] // plan.thickness
        inside &= step >= 0
        here, there = box[inside], end[inside] % np.array(region.shape)
        block = blocks[(*here.T, number)]
        block = block * alive[tuple(here.T)][:, :, None, None, None]
        values.append(block * alive[tuple(there.T)][:, None, None, :, None])
        layer, row = _place(here, region, plan)
        layers.append(layer)
        rows.append(row)
        columns.append(_place(there, region, plan)[1])
        targets.append(np.minimum(step[inside], 1))
    layers = np.concatenate(layers)
    order, count = np.argsort(layers, kind="stable"), np.bincount(layers, minlength=plan.layers)
    where = (layers[order], np.concatenate([np.arange(n) for n in count]))
    padded = jnp.zeros((plan.layers, count.max(), atoms, size, atoms, size), complex)
    padded = padded.at[where].set(jnp.concatenate(values)[order])

    def scattered(lists):
        table = np.zeros((plan.layers, count.max()), int)
        table[where] = np.concatenate(lists)[order]
        return table

    return padded, scattered(targets), scattered(rows), scattered(columns)


def _alive(region: Region) -> np.ndarray:
    alive = np.ones((*region.shape, region.lattice.atoms))
    for site in region.removed:
        alive[site] = 0.0
    return alive


def _columns(sites, region: Region, plan: _Plan, size: int) -> np.ndarray:
    """Columns of the identity for the chosen sites, layer by layer: (layer, size, column)."""
    layer, inner = _place(sites[:, :-1], region, plan)
    first = (inner * region.lattice.atoms + sites[:, -1]) * size
    table = np.zeros((plan.layers, plan.size, len(sites) * size))
    for number in range(len(sites)):
        for orbital in range(size):
            table[layer[number], first[number] + orbital, number * size + orbital] = 1.0
    return table


def _dense(plan: _Plan, entry):
    """Return the Hamiltonian of a layer and its coupling to the next, as dense matrices."""
    values, target, row, column = entry
    atoms, size = values.shape[1:3]
    cells = plan.size // (atoms * size)
    empty = jnp.zeros((2, cells, cells, atoms, size, atoms, size), complex)
    both = empty.at[target, row, column].add(values)
    both = jnp.moveaxis(both, 2, 4).reshape(2, plan.size, plan.size)
    return both[0], both[1]


def _border(plan: _Plan, entries, columns, energy):
    """Eliminate all layers: the list of pivots, and what is left of the border."""
    chosen = jnp.asarray(columns).astype(complex)
    border = jnp.zeros((chosen.shape[2],) * 2, complex)
    if not plan.closed or plan.layers == 1:
        pivots, border = _sweep(plan, entries, chosen, border, energy)
        return [pivots], border
    inner, wrap = _dense(plan, jax.tree.map(lambda a: a[-1], entries))
    _, onto_last = _dense(plan, jax.tree.map(lambda a: a[-2], entries))
    link = jnp.zeros((plan.layers - 1, plan.size, plan.size), complex)
    link = link.at[0].add(-wrap.conj().T).at[-1].add(-onto_last)
    right = jnp.concatenate([link, chosen[:-1]], axis=2)
    last = energy * jnp.eye(plan.size, dtype=complex) - inner
    border = jnp.block([[last, chosen[-1]], [chosen[-1].T, border]])
    before = jax.tree.map(lambda a: a[:-1], entries)
    pivots, border = _sweep(plan, before, right, border, energy)
    pivot, corner = border[: plan.size, : plan.size], border[plan.size :, plan.size :]
    solved = linalg.solve(pivot, border[: plan.size, plan.size :])
    return [pivots, pivot], corner - border[plan.size :, : plan.size] @ solved


def _sweep(plan: _Plan, entries, columns, border, energy):
    """Eliminate layers in order; `columns` couple each of them to the border."""
    identity = jnp.eye(plan.size, dtype=complex)

    def step(carry, layer):
        correction, right, left, border = carry
        entry, columns = layer
        inner, coupling = _dense(plan, entry)
        if plan.layers == 1:
            inner = inner + coupling + coupling.conj().T
        pivot = energy * identity - inner - correction
        right, left = columns + right, columns.conj().T + left
        solved = linalg.solve(pivot, jnp.concatenate([right, -coupling], axis=1))
        ready, onward = solved[:, : right.shape[1]], solved[:, right.shape[1] :]
        down = coupling.conj().T
        carry = (-down @ onward, down @ ready, -left @ onward, border - left @ ready)
        return carry, pivot

    empty = jnp.zeros_like(columns[0])
    start = (jnp.zeros_like(identity), empty, empty.T, border)
    carry, pivots = jax.lax.scan(jax.checkpoint(step), start, (entries, columns))
    return pivots, carry[-1]
