"""Finite lattices as dense matrices, and the published free energies: the slow honest routes."""

import json
from itertools import product
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.hosts.superconductor import Superconductor
from msgreen.lattice import Lattice, Region, shell_model
from msgreen.lattice.nambu import p_wave, s_wave

SQUARE = Lattice.square()
IMAGINARY_PX = np.array([[0, 0], [0, 0], [1j, 0]])
"""d = i e_z p_x of paper O."""


def dense_matrix(model, region):
    """The Hamiltonian of a region as one matrix, and its sites in order."""
    blocks = np.asarray(model.blocks)
    every = list(product(*map(range, region.shape), range(region.lattice.atoms)))
    number = {site: n for n, site in enumerate(every)}
    size = blocks.shape[-1]
    matrix = np.zeros((len(every), size, len(every), size), complex)
    for site in every:
        local = blocks[site[:-1]] if model.local else blocks
        for hop, cell in enumerate(model.cells):
            end = np.array(site[:-1]) + cell
            inside = (end >= 0) & (end < np.array(region.shape))
            if not np.all(inside | np.array(region.periodic)):
                continue
            end = end % np.array(region.shape)
            for atom in range(region.lattice.atoms):
                there = number[(*map(int, end), atom)]
                matrix[number[site], :, there] += local[hop, site[-1], :, atom]
    kept = [n for n, site in enumerate(every) if site not in region.removed]
    matrix = matrix[np.ix_(kept, range(size), kept, range(size))]
    return matrix.reshape(len(kept) * size, -1), [every[n] for n in kept]


def dense_green(model, region, z, sites):
    """G(z) between sites by inverting the dense matrix."""
    matrix, names = dense_matrix(model, region)
    rows = [names.index(tuple(map(int, site))) for site in np.asarray(sites)]
    green = np.linalg.inv(np.asarray(z)[:, None, None] * np.eye(len(matrix)) - matrix)
    size = len(matrix) // len(names)
    green = green.reshape(len(z), len(names), size, len(names), size)
    return green[:, rows][:, :, :, rows]


def dense_spins(model, region, sites, directions, coupling):
    """The dense matrix with a contact coupling to spins added."""
    matrix, names = dense_matrix(model, region)
    size = len(matrix) // len(names)
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    for site, direction in zip(np.asarray(sites), directions, strict=True):
        at = names.index(tuple(map(int, site))) * size
        block = coupling * np.kron(np.tensordot(direction, sigma, 1), np.eye(size // 2))
        matrix[at : at + size, at : at + size] += block
    return matrix


def free_energy(levels, temperature):
    """Free energy of a doubled Hamiltonian from all its levels (O 6, zero modes counted right)."""
    levels = np.abs(levels)
    return -0.25 * levels.sum() - 0.5 * temperature * np.log1p(np.exp(-levels / temperature)).sum()


def paper_superconductor(
    size=11,
    *,
    mu=-3.0,
    singlet=0.1,
    triplet=0.1,
    d_matrix=IMAGINARY_PX,
    temperature=0.001,
    periodic=False,
    winding=0,
    **options,
):
    """Paper O's superconductor on a square of given size."""
    region = Region(SQUARE, (size, size), periodic)
    normal = FiniteLattice(
        shell_model(SQUARE, [-1.0]), region, fermi_energy=mu, temperature=temperature
    )
    pairing = s_wave(SQUARE, singlet) + p_wave(SQUARE, triplet, d_matrix)
    momentum = None if winding == 0 else jnp.array([winding / size, 0.0])
    return Superconductor(normal, pairing, pair_momentum=momentum, **options)


def published():
    """Records of the reference data by (case, mu), with the 36 free energies as arrays (6, 6)."""
    path = Path(__file__).parent / "data" / "bodge" / "reference_11x11.json"
    groups = {}
    for record in json.loads(path.read_text(encoding="utf-8"))["records"]:
        record["F"] = np.reshape(record["F"], (6, 6))
        groups.setdefault((record["case"], record["mu"]), []).append(record)
    return groups
