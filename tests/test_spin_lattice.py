"""The coupling of spins to displacements from electrons: zero where time reversal holds."""

import jax.numpy as jnp
import numpy as np
import pytest

from msgreen import ClusterHost, ContactCoupling, RashbaGas
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.hosts.tight_binding import TightBinding
from msgreen.lattice import Lattice, shell_model
from msgreen.phonon import (
    Spring,
    crystal_tensors,
    interactions,
    mass_spring,
    relaxation_tensors,
    spin_lattice_coupling,
    static_response,
)
from msgreen.phonon.displacements import different_pairs, estimated_arrays

COUNT = 4
PLACES = 2.0 * np.array([[0.0, 0.0, 0.0], [1.0, 0.1, 0.0], [2.0, 0.0, 0.2], [3.0, -0.1, 0.0]])
SIGMA = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
FIELD = np.array([0.1, -0.05, 0.2])
COUPLING, FERMI = 0.4, 0.1


def electrons(displacements, field, spin_orbit=0.3):
    """Hamiltonian of four atoms in a chain, an exchange field on the first and the last."""
    places = jnp.asarray(PLACES) + displacements
    matrix = jnp.zeros((COUNT, 2, COUNT, 2), complex)
    for n in range(COUNT - 1):
        bond = places[n + 1] - places[n]
        size = jnp.exp(2.0 - jnp.linalg.norm(bond))
        across = jnp.cross(bond, jnp.array([0.2, 0.0, 1.0])).astype(complex)
        spun = jnp.einsum("x,xst->st", across, jnp.asarray(SIGMA))
        block = size.astype(complex) * (-jnp.eye(2, dtype=complex) + 1j * spin_orbit * spun)
        matrix = matrix.at[n, :, n + 1].set(block).at[n + 1, :, n].set(block.conj().T)
    for n in (0, 3):
        matrix = matrix.at[n, :, n].add(np.einsum("x,xst->st", field, SIGMA))
    return matrix


def cluster(field, spin_orbit=0.3):
    def system(displacements):
        matrix = electrons(displacements, np.asarray(field), spin_orbit)
        host = ClusterHost(matrix, fermi_energy=FERMI, gap=0.1, bandwidth=20.0)
        return host, ContactCoupling(COUPLING), np.array([1, 2])

    return system


def gas(displacements):
    host = RashbaGas(1, effective_mass=0.3, fermi_wavevector=0.3, rashba_wavevector=0.05)
    return host, ContactCoupling(1.0), jnp.array([[0.0], [5.0]]) + displacements[:, :1]


def chain(field):
    """Two atoms per cell of a chain with Rashba coupling; all first atoms move alike."""
    lattice = Lattice([[2.0, 0.0]], [[0.0, 0.0], [0.9, 0.0]])

    def system(displacements):
        exchange = jnp.stack([jnp.zeros(3), jnp.asarray(field)])
        hop = -1.0 + 0.3 * displacements[0, 0]
        onsite = jnp.stack([0.2 + 0.5 * displacements[0, 1], jnp.asarray(-0.1)])
        model = shell_model(lattice, [hop], onsite=onsite, exchange=exchange, rashba=0.2)
        host = TightBinding(model, fermi_energy=0.3, temperature=0.1, mesh=64)
        return host, ContactCoupling(COUPLING), np.array([[0, 0], [0, 1]])

    return system


@pytest.fixture(scope="module")
def magnetic():
    return spin_lattice_coupling(cluster(FIELD), COUNT)


def torques(displacements, field):
    """-dE/dS at S = 0, from the levels of the cluster: those below the Fermi energy."""
    size = 2 * COUNT
    matrix = np.asarray(electrons(displacements, field)).reshape(size, size)
    found = np.zeros((2, 3))
    for site, axis in np.ndindex(2, 3):
        spin = np.zeros((COUNT, 2, COUNT, 2), complex)
        spin[site + 1, :, site + 1] = COUPLING * 1e-4 * SIGMA[axis]
        for sign in (1, -1):
            levels = np.linalg.eigvalsh(matrix + sign * spin.reshape(size, size))
            found[site, axis] -= sign * levels[levels < FERMI].sum() / 2e-4
    return found


def test_coupling_is_the_mixed_derivative_of_the_levels(magnetic):
    """F1 Eq. 2 in the static limit: -d^2E/dS du of a diagonalised cluster, by differences."""
    step, value = 1e-3, np.asarray(magnetic.value)
    assert value.shape == magnetic.error.shape == (2, COUNT, 3, 3)
    for atom, axis in ((0, 0), (1, 1), (3, 2)):
        moved = np.zeros((COUNT, 3))
        moved[atom, axis] = step
        slope = (torques(moved, FIELD) - torques(-moved, FIELD)) / (2 * step)
        np.testing.assert_allclose(value[:, atom, :, axis], slope, atol=1e-5 * np.abs(value).max())
    assert np.abs(value).max() > 1e-3
    assert np.asarray(magnetic.error).max() < 1e-8 * np.abs(value).max()
    # Moving all atoms together changes nothing.
    assert np.abs(value.sum(axis=1)).max() < 1e-12


def test_coupling_is_odd_under_reversal_of_time(magnetic):
    back = spin_lattice_coupling(cluster(-FIELD), COUNT)
    np.testing.assert_allclose(back.value, -np.asarray(magnetic.value), atol=1e-12)


@pytest.mark.parametrize(
    "system", [cluster(0 * FIELD), cluster(0 * FIELD, 0.0), gas, chain(np.zeros(3))]
)
def test_time_reversal_forbids_a_coupling(system):
    """After F1 Eq. 3: spin-orbit coupling does not suffice. Zero within the error of rounding."""
    found = spin_lattice_coupling(system, 2 if system is gas else COUNT)
    value, error = np.asarray(found.value), np.asarray(found.error)
    assert np.all(np.abs(value) <= error)
    assert error.max() < 1e-11


def test_coupling_of_a_lattice_is_the_slope_of_its_moments():
    """The moments of a chain with an exchange field, summed over k by diagonalisation."""
    system = chain(FIELD)
    found = spin_lattice_coupling(system, 1)

    def pull(displacements):
        model = system(jnp.asarray(displacements))[0].model
        k = 2 * np.pi * (np.arange(200) + 0.5) / 200
        phases = np.exp(1j * np.outer(k, np.asarray(model.cells)[:, 0]))
        matrix = np.einsum("kc,csatb->ksatb", phases, np.asarray(model.blocks))
        energies, vectors = np.linalg.eigh(matrix.reshape(200, 4, 4))
        occupied = 1 / (np.exp((energies - 0.3) / 0.1) + 1)
        states = vectors.reshape(200, 2, 2, 4)
        return (
            -COUPLING
            * np.einsum("kasn,xst,katn,kn->ax", states.conj(), SIGMA, states, occupied).real
            / 200
        )

    step = 1e-4
    for axis in (0, 1):
        moved = np.zeros((1, 3))
        moved[0, axis] = step
        slope = (pull(moved) - pull(-moved)) / (2 * step)
        miss = np.abs(np.asarray(found.value)[:, 0, :, axis] - slope)
        assert np.all(miss < 1e-8 + np.asarray(found.error)[:, 0, :, axis])
        assert np.abs(slope).max() > 1e-3


def test_relaxation_of_local_couplings_is_that_of_the_crystal():
    """Couplings to the own atom alone give the tensors of `crystal_tensors`."""
    crystal = mass_spring(
        [[2.0, 0, 0]], [[0.0, 0, 0]], [50.0], [Spring(0, 0, (1,), 5.0, 1.0)], pinning=2.0
    )
    sites, pairs = np.array([[0, 0], [0, 1], [0, 3]]), np.array([[0, 1], [1, 2]])
    own = np.random.default_rng(1).normal(size=(3, 3))
    local = np.einsum("ij,ab->ijab", np.eye(3), own)
    response = static_response(crystal, sites, [33])
    found = relaxation_tensors(Estimate(local, 0 * local), response, pairs)
    exact = crystal_tensors(crystal, own[None], sites, pairs, [33])
    np.testing.assert_allclose(found.value, exact.value, atol=1e-13)
    assert np.all(found.error >= 0) and interactions(found, pairs, crystal.position(sites))


def test_relaxation_gives_what_the_lattice_gains(magnetic):
    """Minimised over all displacements: pairs once, sites with themselves half."""
    rng = np.random.default_rng(4)
    stiff = rng.normal(size=(3 * COUNT, 3 * COUNT))
    inverse = np.linalg.inv(stiff @ stiff.T + np.eye(3 * COUNT)).reshape(COUNT, 3, COUNT, 3)
    spins = rng.normal(size=(2, 3))
    force = np.einsum("ia,inax->nx", spins, magnetic.value)
    gained = -0.5 * np.einsum("nx,nxmy,my->", force, inverse, force)
    pairs = np.array([[0, 1], [0, 0], [1, 1]])
    found = relaxation_tensors(magnetic, Estimate(inverse, 0 * inverse), pairs)
    energies = np.einsum("pa,pab,pb->p", spins[pairs[:, 0]], found.value, spins[pairs[:, 1]])
    assert energies @ [1.0, 0.5, 0.5] == pytest.approx(gained, rel=1e-12)


def test_responses_and_pairs_are_checked():
    good = Estimate(np.ones((1, 2)), np.zeros((1, 2)))
    assert estimated_arrays("pull", good, (1, "atom"))[0].shape == (1, 2)
    with pytest.raises(InputError, match="`pull` must be an `Estimate`"):
        estimated_arrays("pull", good.value, (1, 2))
    assert different_pairs([[0, 1]], 2).tolist() == [[0, 1]]
    with pytest.raises(InputError, match="every pair once"):
        different_pairs([[0, 1], [1, 0]], 2)
