"""How a lattice gives way to forces, and the pair tensors that couplings to all atoms mediate.

Spins that pull at the atoms, H = -sum_in e_i . T_i(n) . u_n, displace them by u = Phi^-1 f with the
force f_n = sum_i e_i . T_i(n), and gain -1/2 f Phi^-1 f: the energy e_i . D_ij . e_j of a pair has

    D_ij = -sum_nm T_i(n) Phi^-1_nm T_j(m)^t.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from msgreen._typing import ArrayLike, Int, Pairs
from msgreen.estimate import Estimate
from msgreen.hosts.base import check_pairs
from msgreen.phonon.crystal import HarmonicCrystal, check_sites
from msgreen.phonon.displacements import estimated_arrays
from msgreen.phonon.mediated import crystal_tensors
from msgreen.spinmodel.interactions import Coefficient


def static_response(
    crystal: HarmonicCrystal, sites: Int[ArrayLike, "site column"], shape: Sequence[int]
) -> Estimate:
    """Return Phi^-1 between sites of a crystal: how forces on them displace them.

    Parameters
    ----------
    crystal : HarmonicCrystal
        Of springs or of phonopy. Without pinning a chain and a plane give way to a uniform force:
        Phi^-1 grows with the mesh by a constant that slopes, whose sum over atoms is zero, cancel.
    sites : int array, shape (site, 1 + dim)
        Rows (atom, cell).
    shape : sequence of int
        Mesh along each reciprocal vector, see `msgreen.phonon.crystal_tensors`.

    Returns
    -------
    Estimate
        Shape (site, 3, site, 3) in angstrom^2/eV.
    """
    count = len(check_sites(crystal, sites))
    every = np.argwhere(np.ones((count, count), bool))
    unit = np.broadcast_to(np.eye(3), (crystal.atom_count, 3, 3))
    found = crystal_tensors(crystal, unit, sites, every, shape)
    value, error = (
        jnp.swapaxes(jnp.reshape(part, (count, count, 3, 3)), 1, 2)
        for part in (found.value, found.error)
    )
    return Estimate(-value, error)


def relaxation_tensors(coupling: Estimate, response: Estimate, pairs: Pairs) -> Coefficient:
    """Return the mediated tensors of spins that couple to the displacements of many atoms.

    `crystal_tensors` has the coupling of a spin to the displacement of its own atom only.

    Parameters
    ----------
    coupling : Estimate
        T, shape (site, atom, 3, 3) in eV/angstrom, from `spin_lattice_coupling`.
    response : Estimate
        Phi^-1 between the atoms, shape (atom, 3, atom, 3) in angstrom^2/eV, from `static_response`,
        or the inverse of any force constants, with its error.
    pairs : int array, shape (pair, 2)
        Rows of the sites of `coupling`; a pair of a site with itself is twice its anisotropy.

    Returns
    -------
    Coefficient
        Tensors of shape (pair, 3, 3) in eV with a bound of their error, for `interactions`.

    Raises
    ------
    InputError
        If shapes disagree.
    """
    pull, doubt = estimated_arrays("coupling", coupling, ("site", "atom", 3, 3))
    moved = pull.shape[1]
    stiff, loose = estimated_arrays("response", response, (moved, 3, moved, 3))
    first, second = check_pairs(pairs, len(pull)).T

    def product(left, middle, right):
        both = left[first], middle, right[second]
        return np.einsum("pnax,nxmy,pmby->pab", *both, optimize=True)

    size, bound = np.abs(pull), np.abs(stiff)
    error = product(doubt, bound, size) + product(size, bound, doubt) + product(size, loose, size)
    return Coefficient(-product(pull, stiff, pull), error, ("xyz", "xyz"))
