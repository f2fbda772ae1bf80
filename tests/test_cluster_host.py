"""The cluster host against plain matrix algebra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import random_cluster, ring

from msgreen import ClusterHost, ContactCoupling, coefficients, green_matrix
from msgreen.errors import InputError

SYSTEM = random_cluster(3)
Z = jnp.array([0.3 + 0.5j, -1.0 + 2j, SYSTEM.fermi_energy])


def test_blocks_are_those_of_the_inverse():
    inverse = np.stack([np.linalg.inv(complex(z) * np.eye(12) - SYSTEM.matrix()) for z in Z])
    blocks = inverse.reshape(3, 3, 4, 3, 4)
    np.testing.assert_allclose(green_matrix(SYSTEM.host, Z, np.arange(3)), blocks, atol=1e-11)
    some = green_matrix(SYSTEM.host, Z, np.array([2, 0]))
    np.testing.assert_allclose(some, blocks[:, [2, 0]][:, :, :, [2, 0]], atol=1e-11)
    pairs = np.array([[2, 1], [0, 0], [1, 2]])
    found = SYSTEM.host.blocks(Z, np.arange(3), pairs).matrix()
    np.testing.assert_allclose(found, blocks[:, pairs[:, 0], :, pairs[:, 1]].swapaxes(0, 1))


def test_contour_integrates_the_occupied_states():
    """(1/pi) Im int (G_ii - 1/(z - E_F - d)) gives minus the density matrix."""
    path = SYSTEM.host.contour(np.arange(3))
    green = green_matrix(SYSTEM.host, path.nodes, np.arange(3)).reshape(-1, 12, 12)
    identity = np.eye(12) / (np.asarray(path.nodes)[:, None, None] - SYSTEM.fermi_energy)
    diagonal = np.einsum("eii->ei", np.asarray(green - identity))
    value, error = path.integrate(diagonal)
    levels, states = np.linalg.eigh(SYSTEM.matrix())
    density = (np.abs(states[:, levels < SYSTEM.fermi_energy]) ** 2).sum(axis=1)
    np.testing.assert_allclose(value, 0.5 - density, rtol=0, atol=1e-9)
    assert np.all(np.abs(value - (0.5 - density)) <= error)


def test_derivatives_by_the_hamiltonian_and_the_fermi_energy():
    system = ring(6)
    path, loops = system.host.contour(system.sites), [[0, 1], [0, 2]]

    def exchange(hopping, fermi):
        hamiltonian = hopping * jnp.asarray(system.hamiltonian, complex)
        host = ClusterHost(hamiltonian, fermi_energy=fermi, gap=0.5)
        found = coefficients(host, ContactCoupling(0.4), path, system.sites, loops)
        return jnp.sum(found["J_iso"].value * jnp.array([1.0, 2.0]))

    slope = jax.jit(jax.grad(lambda t: exchange(t.astype(complex), 0.1)))(jnp.array(1.0))
    # All levels scale with the hopping, so does the exchange with its inverse (second order).
    h = 1e-4
    f = [float(exchange(jnp.asarray(1 + s * h, complex), 0.1)) for s in (-2, -1, 1, 2)]
    np.testing.assert_allclose(slope, (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h), rtol=1e-8)
    np.testing.assert_allclose(slope, -f[1], rtol=1e-3)
    # In the gap nothing depends on E_F: its contour moves along, the integral stays.
    np.testing.assert_allclose(
        exchange(jnp.array(1.0 + 0j), 0.2), exchange(jnp.array(1.0 + 0j), 0.1)
    )


def broken(**changes):
    hamiltonian = np.array(SYSTEM.hamiltonian)
    hamiltonian[0, 1, 1, 2] += 1e-3
    return {"hamiltonian": hamiltonian, "gap": 1.0} | changes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (broken(), r"`hamiltonian` must be Hermitian, but entry \(0, 1, 1, 2\) differs"),
        (broken(hamiltonian=np.zeros((2, 3, 2, 3))), "`hamiltonian` must have shape"),
        (broken(hamiltonian=np.zeros((4, 4))), "`hamiltonian` must have shape"),
        (broken(hamiltonian=np.full((1, 2, 1, 2), np.nan)), "`hamiltonian` must be finite"),
        (broken(hamiltonian=SYSTEM.hamiltonian, gap=0.0), "`gap` must be greater than zero"),
    ],
)
def test_construction_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        ClusterHost(**arguments)


@pytest.mark.parametrize("sites", [[0, 3], [-1, 0], [0.0, 1.0], [0, 0]])
def test_sites_refused(sites):
    """A site outside the cluster, not a number, or named twice."""
    with pytest.raises(InputError, match="Argument `sites` must"):
        SYSTEM.host.blocks(Z, np.array(sites), np.array([[0, 1]]))
