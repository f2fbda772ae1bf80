"""Traces of one energy that the exchange of a crystal is made of, from G between its cells."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msgreen._typing import Array, Complex, Int
from msgreen.hosts.wannier import WannierHost
from msgreen.spin.algebra import SIGMA, tangent_frame


class Integrands(NamedTuple):
    """Functions of one energy: of pairs, of magnetic atoms, and of all atoms.

    `tilted` gives second derivatives by tilting the moment of an atom alone, `turned` by tilting
    the moment and those of all its pairs together: large numbers that nearly cancel, whose error is
    not the sum of theirs.
    """

    pairs: Complex[Array, "pair 2 2"]
    tilted: Complex[Array, "atom 2 2"]
    turned: Complex[Array, "atom 2 2"]
    up: Complex[Array, " atom"]
    down: Complex[Array, " atom"]


@eqx.filter_jit
def integrands(
    host: WannierHost,
    boxes: Complex[Array, "sector n1 n2 n3 row column"],
    rows: Int[Array | np.ndarray, "pair 5"],
) -> Integrands:
    """Evaluate all traces of one energy from boxes (sector, n1, n2, n3, orb, orb)."""
    i, j, cells = rows[:, 0], rows[:, 1], rows[:, 2:]
    vertices = jnp.stack([host.vertex_of(atom) for atom in range(host.lattice.atoms)])
    frame = tangent_frame(jnp.asarray(host.axis))
    there, back = host.cut(boxes, cells, i, j), host.cut(boxes, -cells, j, i)
    pairs = -_traces(host, vertices[i], there, vertices[j], back, frame)
    atoms = np.array(host.atoms)
    home = host.cut(boxes, np.zeros((len(atoms), 3), int), atoms, atoms)
    tilted = -_traces(host, vertices[atoms], home, vertices[atoms], home, frame)
    moments = jnp.asarray(np.array(host.signs)[atoms, None, None], complex)
    along = _spins(host, moments * vertices[atoms], jnp.asarray(host.axis)[None])
    first = jnp.einsum("pasxy,psyx->p", along, home)
    tilted = tilted + first[:, None, None] * jnp.eye(2, dtype=complex)
    signs = jnp.array(host.signs)
    alike = jnp.where(i == atoms[:, None], signs[i] * signs[j], 0)
    turned = tilted + jnp.einsum("ap,pst->ast", alike.astype(complex), pairs)
    up, down = diagonals(host, boxes)
    return Integrands(pairs, tilted, turned, up, down)


def goldstone_residual(host: WannierHost, count: int = 5) -> float:
    """Return what turning all moments together costs, relative to turning one alone.

    The sum over all pairs, ligands included, on a small torus and at the energy farthest from the
    axis. With the vertex "bond" and without spin-orbit coupling it vanishes at every energy and on
    every torus, so that anything but rounding means wrong files or a wrong program.

    Parameters
    ----------
    host : WannierHost
    count : int
        Points per direction, odd.
    """
    mesh = host.uniform(count)
    a, b, c = (n // 2 for n in mesh)
    cells = np.indices(mesh).reshape(3, -1).T - [a, b, c]
    ends = np.array([[i, j] for i in host.atoms for j in range(host.lattice.atoms)])
    rows = np.concatenate([np.repeat(ends, len(cells), 0), np.tile(cells, (len(ends), 1))], axis=1)
    rows = rows[(rows[:, 0] != rows[:, 1]) | rows[:, 2:].any(axis=1)]
    z = host.contour().nodes[0]
    found = integrands(host, host.green_boxes(z, count, (a, b, c)), rows)
    return float(jnp.abs(found.turned).max() / jnp.abs(found.tilted).max())


def _spins(host: WannierHost, vertices, directions):
    """Return v (x) e.sigma in the layout of the sectors, (pair, direction, sector, orb, orb).

    Without spin-orbit coupling only directions along the moments are diagonal in spin.
    """
    if host.spin_orbit:
        pauli = jnp.einsum("da,ast->dst", directions.astype(complex), SIGMA)
        full = jnp.einsum("dst,pxy->pdsxty", pauli, vertices)
        size = 2 * vertices.shape[-1]
        return full.reshape(*full.shape[:2], 1, size, size)
    return jnp.stack([vertices, -vertices], axis=1)[:, None]


def _traces(host: WannierHost, left, there, right, back, frame) -> Complex[Array, "pair 2 2"]:
    """Return Tr[V^a G_ij V^b G_ji] for a, b across the moments."""
    if host.spin_orbit:
        one, two = _spins(host, left, frame), _spins(host, right, frame)
        forward = jnp.einsum("pasxy,psyz->paxz", one, there)
        backward = jnp.einsum("pbsxy,psyz->pbxz", two, back)
        return jnp.einsum("paxz,pbzx->pab", forward, backward)
    forward, backward = _turned(host, left, there), _turned(host, right, back)
    up_down, down_up = (jnp.einsum("pxz,pzx->p", forward[:, s], backward[:, 1 - s]) for s in (0, 1))
    # sigma_x flips the spin, sigma_y with a factor i for up and -i for down.
    straight, crossed = up_down + down_up, 1j * (down_up - up_down)
    rows = jnp.stack([straight, crossed]), jnp.stack([-crossed, straight])
    return jnp.moveaxis(jnp.stack(rows), -1, 0)


def _turned(host: WannierHost, vertices, blocks):
    """Return v G of every pair and sector; v of the vertex "bond" is half a swap, with a sign."""
    if host.vertex == "onsite":
        return jnp.einsum("pxy,psyz->psxz", vertices, blocks)
    width = vertices.shape[-1] // 2
    swapped = jnp.concatenate([blocks[..., width:, :], blocks[..., :width, :]], axis=-2)
    return vertices[:, None, :1, width : width + 1] * swapped


def diagonals(
    host: WannierHost, boxes: Complex[Array | np.ndarray, "sector n1 n2 n3 row column"]
) -> list[Complex[Array, " atom"]]:
    """Return the trace of G of every atom in its cell, for spin along and against the axis."""
    orb = len(host.atom_of)
    atoms = jnp.array(host.atom_of)
    if host.spin_orbit:
        local = host.density(boxes[0]).reshape(2, orb, 2, orb)
        density = jnp.einsum("sata->sta", local)
        spin = jnp.einsum("v,vst,tsa->a", jnp.asarray(host.axis, complex), SIGMA, density)
        charge = density[0, 0] + density[1, 1]
        parts = (charge + spin) / 2, (charge - spin) / 2
    else:
        parts = [jnp.diagonal(host.density(box)) for box in boxes]
    return [jnp.zeros(host.lattice.atoms, complex).at[atoms].add(p) for p in parts]
