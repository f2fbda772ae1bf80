"""Traces of one energy that the exchange of a crystal is made of, from G between its cells."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msgreen._typing import Array, Complex
from msgreen.hosts.wannier import WannierHost
from msgreen.spin.algebra import SIGMA, tangent_frame


class Integrands(NamedTuple):
    """Functions of one energy: of pairs (pair, 2, 2), of magnetic atoms, and of all atoms."""

    pairs: Complex[Array, "pair 2 2"]
    own: Complex[Array, "atom 2 2"]
    first: Complex[Array, " atom"]
    up: Complex[Array, " atom"]
    down: Complex[Array, " atom"]


@eqx.filter_jit
def integrands(host: WannierHost, boxes, rows) -> Integrands:
    """Evaluate all traces of one energy from boxes (sector, n1, n2, n3, dim, dim)."""
    i, j, cells = rows[:, 0], rows[:, 1], rows[:, 2:]
    vertices = jnp.stack([host.vertex_of(atom) for atom in range(host.lattice.atoms)])
    frame = tangent_frame(jnp.asarray(host.axis))
    there, back = host.cut(boxes, cells, i, j), host.cut(boxes, -cells, j, i)
    pairs = -_traces(host, vertices[i], there, vertices[j], back, frame)
    atoms = np.array(host.atoms)
    home = host.cut(boxes, np.zeros((len(atoms), 3), int), atoms, atoms)
    own = -_traces(host, vertices[atoms], home, vertices[atoms], home, frame)
    moments = jnp.asarray(np.array(host.signs)[atoms, None, None], complex)
    along = _spins(host, moments * vertices[atoms], jnp.asarray(host.axis)[None])
    first = jnp.einsum("pasxy,psyx->p", along, home)
    up, down = _diagonals(host, boxes)
    return Integrands(pairs, own, first, up, down)


def _spins(host: WannierHost, vertices, directions):
    """Return v (x) e.sigma in the layout of the sectors, (pair, direction, sector, dim, dim).

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
    forward = jnp.einsum("pxy,psyz->psxz", left, there)
    backward = jnp.einsum("pxy,psyz->psxz", right, back)
    up_down, down_up = (jnp.einsum("pxz,pzx->p", forward[:, s], backward[:, 1 - s]) for s in (0, 1))
    # sigma_x flips the spin, sigma_y with a factor i for up and -i for down.
    straight, crossed = up_down + down_up, 1j * (down_up - up_down)
    rows = jnp.stack([straight, crossed]), jnp.stack([-crossed, straight])
    return jnp.moveaxis(jnp.stack(rows), -1, 0)


def _diagonals(host: WannierHost, boxes):
    """Return the trace of G of every atom in its cell, for spin along and against the axis."""
    centre = tuple(np.array(boxes.shape[1:4]) // 2)
    orb = len(host.atom_of)
    atoms = jnp.array(host.atom_of)
    if host.spin_orbit:
        local = boxes[(0, *centre)][: 2 * orb, : 2 * orb].reshape(2, orb, 2, orb)
        density = jnp.einsum("sata->sta", local)
        spin = jnp.einsum("v,vst,tsa->a", jnp.asarray(host.axis, complex), SIGMA, density)
        charge = density[0, 0] + density[1, 1]
        parts = (charge + spin) / 2, (charge - spin) / 2
    else:
        parts = [jnp.diagonal(boxes[(s, *centre)])[:orb] for s in (0, 1)]
    return [jnp.zeros(host.lattice.atoms, complex).at[atoms].add(p) for p in parts]
