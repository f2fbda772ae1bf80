"""Local densities of states beside spins, and the levels that make their peaks."""

import jax.numpy as jnp
import numpy as np
import pytest
from lattices import SQUARE, dense_matrix, dense_spins, paper_superconductor

from msgreen import ContactCoupling, TightBinding, local_density, shell_model
from msgreen.energy.bound_states import bound_states, gap_around
from msgreen.energy.local_density import LocalDensity
from msgreen.errors import InputError
from msgreen.hosts.base import green_matrices
from msgreen.hosts.superconductor import Superconductor
from msgreen.lattice.nambu import s_wave

COUPLING = ContactCoupling(-1.5, orbitals=2)
SITES = np.array([[3, 3, 0], [4, 3, 0]])
PLACES = np.array([[3, 3, 0], [2, 3, 0], [0, 0, 0]])
ETA = 0.05


@pytest.fixture(scope="module")
def dense():
    """Levels and eigenvectors (site, particle or hole, spin) of the lattice with two spins."""
    host = paper_superconductor(7, singlet=0.4, triplet=0.2, mu=-1.0)
    spins = np.array([[0.6, 0.0, 0.8], [0.0, 1.0, 0.0]])
    matrix = dense_spins(host.model, host.normal.region, SITES, spins, -1.5)
    levels, vectors = np.linalg.eigh(matrix)
    _, names = dense_matrix(host.model, host.normal.region)
    rows = [names.index(tuple(map(int, place))) for place in PLACES]
    return host, spins, levels, vectors.reshape(len(names), 2, 2, -1)[rows]


def test_density_is_that_of_diagonalisation(dense):
    host, spins, levels, vectors = dense
    energies = np.array([-1.3, -0.2, 0.0, 0.35])
    found = local_density(host, COUPLING, SITES, spins, energies, broadening=ETA, places=PLACES)
    assert isinstance(found, LocalDensity)
    peaks = ETA / np.pi / ((energies[:, None] - levels) ** 2 + ETA**2)
    particles = vectors[:, :, 0]  # (place, spin, level)
    expected = np.einsum("en,psn->ep", peaks, np.abs(particles) ** 2)
    np.testing.assert_allclose(found.total.value, expected, atol=1e-11)
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    polarised = np.einsum("en,psn,xst,ptn->epx", peaks, particles.conj(), sigma, particles).real
    np.testing.assert_allclose(found.spin, polarised, atol=1e-11)
    bare, _ = dense_matrix(host.model, host.normal.region)
    z = energies + 1j * ETA
    corner = np.linalg.inv(z[:, None, None] * np.eye(len(bare)) - bare)[:, :4, :4]
    particles = corner[:, [0, 2], [0, 2]].sum(axis=1)
    np.testing.assert_allclose(found.host[:, 2], -particles.imag / np.pi, atol=1e-11)
    assert found.total.error.max() < 1e-10


def test_density_integrates_to_two_per_orbital(dense):
    host, spins, *_ = dense
    edge, count = 60.0, 3001
    energies, step = np.linspace(-edge, edge, count, retstep=True)
    eta = 0.2
    found = local_density(host, COUPLING, SITES, spins, energies, broadening=eta)
    inside = np.sum(found.total.value, axis=0) * step
    # Far outside every level has the tail eta / (pi E^2).
    np.testing.assert_allclose(inside + 2 * 2 * eta / (np.pi * edge), 2.0, atol=1e-4)
    assert np.all(found.total.value >= 0)


def test_peaks_are_bound_states(dense):
    """The level that a spin binds is where the density has a peak, with the weight of particles."""
    host, spins, levels, _ = dense
    gap = gap_around(host, 0.0, 1.0)
    matrix, _ = dense_matrix(host.model, host.normal.region)
    exact = np.abs(np.linalg.eigvalsh(matrix)).min()
    assert exact * 0.999 < gap < exact
    fine, coarse = green_matrices(host, jnp.array([0.1j]), SITES)
    assert coarse is None and fine.shape == (1, 2, 4, 2, 4)  # nothing is summed over a mesh
    found, error = bound_states(host, COUPLING, SITES, spins, (-gap, gap))
    np.testing.assert_allclose(found, levels[np.abs(levels) < gap], atol=1e-10)
    assert len(found) and np.all(error < 1e-9) and np.all(error > 0)


def test_error_of_levels_on_a_mesh_is_honest():
    """Levels of Yu, Shiba and Rusinov from a coarse mesh, against those of a fine one."""
    site, spin = [[0, 0, 0]], [[0.0, 0.0, 1.0]]

    def levels(mesh):
        normal = TightBinding(shell_model(SQUARE, [-1.0]), fermi_energy=-0.5, mesh=mesh)
        host = Superconductor(normal, s_wave(SQUARE, 1.0), gap=0.2)
        return bound_states(host, COUPLING, site, spin, (-0.9, 0.9))

    exact, _ = levels(64)
    for mesh in (12, 24):
        found, error = levels(mesh)
        assert np.all(np.abs(found - exact) <= error) and np.all(error < 0.05)
    density = local_density(
        Superconductor(
            TightBinding(shell_model(SQUARE, [-1.0]), fermi_energy=-0.5, mesh=16),
            s_wave(SQUARE, 1.0),
        ),
        *(COUPLING, site, spin, exact),
        broadening=0.02,
    )
    total, error = density.total
    assert np.all(total > 5 * density.host) and np.all(error > 0)


def test_what_densities_and_gaps_refuse(dense):
    host, spins, *_ = dense
    with pytest.raises(InputError, match="`broadening` must be greater than zero"):
        local_density(host, COUPLING, SITES, spins, [0.0], broadening=0.0)
    with pytest.raises(InputError, match="`energies` must"):
        local_density(host, COUPLING, SITES, spins, 0.0, broadening=0.1)
    metal = paper_superconductor(7, singlet=0.0, triplet=0.0, mu=0.0)
    with pytest.raises(InputError, match="`host` must have a gap around 0.0 eV, but"):
        gap_around(metal, 0.0, 1.0)
    assert gap_around(host, 100.0, 1.0) == 1.0
    assert jnp.isfinite(
        local_density(host, COUPLING, SITES, spins, [0.0], broadening=1).total.value
    ).all()
