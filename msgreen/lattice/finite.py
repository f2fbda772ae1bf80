"""Homogeneous finite lattices: a torus from k space, less the sites that are not there.

Removing the sites B from a torus with resolvent G leaves, by the Schur complement,

    G'(S, S) = G(S, S) - G(S, B) G(B, B)^-1 G(B, S).

An open box of L cells is a torus of L + r cells, r the range of the hopping, less r lines of cells;
vacancies and flakes of any shape remove more. The cost is one factorisation of G(B, B).
"""

import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg
from scipy.sparse.csgraph import connected_components

from msgreen._typing import Array, ArrayLike, Complex, Energies, Float, Int, Scalar
from msgreen.lattice.bloch import bloch_matrix, grid, resolvent, wave
from msgreen.lattice.geometry import Region


def torus_mesh(region: Region, cells: Int[ArrayLike, "hop dim"]) -> tuple[int, ...]:
    """Return the size of the smallest torus from which the region can be cut."""
    reach = np.abs(np.asarray(cells)).max(axis=0)
    sizes = zip(region.shape, region.periodic, reach, strict=True)
    return tuple(int(n if closed else n + r) for n, closed, r in sizes)


def missing_sites(region: Region, cells: Int[ArrayLike, "hop dim"]) -> np.ndarray:
    """Return the sites of that torus which do not belong to the region, (site, dim + 1)."""
    rows = np.indices((*torus_mesh(region, cells), region.lattice.atoms))
    rows = rows.reshape(len(rows), -1).T
    outside = rows[np.any(rows[:, :-1] >= np.array(region.shape), axis=1)]
    return np.concatenate([outside, np.reshape(region.removed, (-1, rows.shape[1])).astype(int)])


def cut_blocks(
    blocks: Complex[ArrayLike, "hop atom spinorb atom spinorb"],
    cells: Int[ArrayLike, "hop dim"],
    region: Region,
    z: Energies,
    sites: Int[ArrayLike, "site column"],
    twist: Scalar | Float[ArrayLike, " dim"] = 0.0,
) -> Complex[Array, "energy site spinorb site spinorb"]:
    """Return G(z) of a homogeneous region between the given sites.

    Parameters
    ----------
    blocks : complex array, shape (hop, atom, spinorb, atom, spinorb)
        H(R).
    cells : int array, shape (hop, dim)
    region : Region
    z : complex array, shape (energy,)
    sites : int array, shape (site, dim + 1)
    twist : float or array, shape (dim,)
        Twist of the closed directions in units of 2 pi per turn.

    Returns
    -------
    complex array, shape (energy, site, spinorb, site, spinorb)
        Energies are treated one after the other, so that memory stays bounded.
    """
    at_energy = _cutter(blocks, cells, region, np.asarray(sites), twist)
    return jax.lax.map(at_energy, z)


def sectors(
    blocks: Complex[ArrayLike, "hop atom spinorb atom spinorb"],
) -> tuple[tuple[int, ...], ...]:
    """Return the sets of spin-orbitals that no hop connects, such as spins along a common axis.

    Not differentiable: a block that is zero must stay zero.
    """
    pattern = np.abs(np.asarray(blocks)).sum(axis=(0, 1, 3)) > 0
    count, label = connected_components(pattern, directed=False)
    return tuple(tuple(map(int, np.nonzero(label == n)[0])) for n in range(count))


def sector_blocks(
    blocks: Complex[Array, "hop atom spinorb atom spinorb"],
    cells: Int[ArrayLike, "hop dim"],
    region: Region,
    z: Complex[Array, " energy"],
    sites: Int[np.ndarray, "site column"],
    parts: Sequence[Sequence[int]],
    twist: Scalar | Float[ArrayLike, " dim"] = 0.0,
) -> Complex[Array, "energy site spinorb site spinorb"]:
    """Return `cut_blocks` assembled from sectors that do not mix; arguments as there."""
    count, size = len(sites), blocks.shape[-1]
    green = jnp.zeros((len(z), count, size, count, size), complex)
    for part in parts:
        index = np.array(part)
        inner = blocks[:, :, index][..., index]
        found = cut_blocks(inner, cells, region, z, sites, twist)
        green = green.at[:, :, index[:, None], :, index].set(jnp.moveaxis(found, (2, 4), (0, 1)))
    return green


def _cutter(blocks, cells, region, sites, twist):
    """Return the function z -> G(sites, sites)."""
    mesh = torus_mesh(region, cells)
    gone = missing_sites(region, cells)
    size = blocks.shape[-1]
    matrices = blocks.reshape(len(cells), blocks.shape[-2] * size, -1)

    def at_energy(energy):
        table = _table(matrices, cells, mesh, twist, energy, size)
        green = _between(table, sites, sites, twist)
        if len(gone):
            into = _between(table, sites, gone, twist)
            back = _between(table, gone, sites, twist)
            wall = _between(table, gone, gone, twist)
            green = green - into @ linalg.solve(wall, back)
        return green.reshape(len(sites), size, len(sites), size)

    return at_energy


def _table(matrices, cells, mesh, twist, energy, size) -> Complex[Array, "..."]:
    """<0| G |R> of the torus for all R, up to the phase of the twist; atoms before orbitals."""
    green = resolvent(matrices, cells, grid(mesh, twist), energy)
    axes = tuple(range(len(mesh)))
    table = jnp.fft.fftn(green.reshape(*mesh, *green.shape[1:]), axes=axes) / math.prod(mesh)
    atoms = matrices.shape[-1] // size
    table = table.reshape(*mesh, atoms, size, atoms, size)
    return jnp.moveaxis(table, -2, -3)


def _between(table, start, end, twist) -> Complex[Array, "row column"]:
    """Matrix of G between two lists of sites, with site-major rows and columns."""
    dim = start.shape[1] - 1
    step = end[None, :, :-1] - start[:, None, :-1]
    mesh = np.array(table.shape[:dim])
    wrapped = np.moveaxis(step % mesh, -1, 0)
    values = table[(*wrapped, start[:, None, -1], end[None, :, -1])]
    if np.ndim(twist) or isinstance(twist, jax.Array):
        phase = wave(step / mesh.astype(float), -jnp.asarray(twist, float))
        values = values * phase[..., None, None]
    rows, columns = values.shape[0] * values.shape[2], values.shape[1] * values.shape[3]
    return jnp.swapaxes(values, 1, 2).reshape(rows, columns)


def levels_below(
    blocks: Complex[ArrayLike, "hop atom spinorb atom spinorb"],
    cells: Int[ArrayLike, "hop dim"],
    region: Region,
    energy: float,
    twist: ArrayLike = 0.0,
) -> int:
    """Return how many levels of a homogeneous region lie below `energy`, by counting signs.

    Sylvester's law of inertia: a torus has as many levels below E as its H(k) have; removing the
    sites B takes away as many as G(B, B) at E has positive eigenvalues. Not differentiable.

    Raises
    ------
    numpy.linalg.LinAlgError
        If `energy` is exactly a level of the torus.
    """
    bloch, wall = _torus_and_wall(
        jnp.asarray(blocks), cells, region, jnp.asarray(energy, complex), twist
    )
    wall = np.asarray(wall)
    count = int((np.linalg.eigvalsh(np.asarray(bloch)) < energy).sum())
    return count - int((np.linalg.eigvalsh(0.5 * (wall + wall.conj().T)) > 0).sum())


@eqx.filter_jit
def _torus_and_wall(blocks, cells, region, energy, twist):
    """H(k) of the torus, and its resolvent between the sites that are removed."""
    mesh, gone = torus_mesh(region, cells), missing_sites(region, cells)
    size = blocks.shape[-1]
    matrices = blocks.reshape(len(cells), blocks.shape[-2] * size, -1)
    table = _table(matrices, cells, mesh, twist, energy, size)
    return bloch_matrix(matrices, cells, grid(mesh, twist)), _between(table, gone, gone, twist)
