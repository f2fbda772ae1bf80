"""Scatterers against Kronecker products, and the resummation against its series."""

import jax.numpy as jnp
import numpy as np
from problems import SIGMA, random_cluster, random_spins

from msgreen import ContactCoupling
from msgreen.scattering.contact import resummed

Z = jnp.array([0.1j, 1.0 + 1j])


def test_potential_and_vertex_are_kronecker_products():
    system = random_cluster(41)
    spins = random_spins(42, 3)
    potential = np.asarray(system.scatterer.potential(Z, jnp.asarray(spins)))
    vertex = np.asarray(system.scatterer.vertex(Z, 3))
    for i, strength in enumerate(system.strengths):
        expected = np.kron(np.tensordot(spins[i], SIGMA, 1), strength)
        np.testing.assert_allclose(potential[1, i], expected, atol=1e-15)
        for axis in range(3):
            np.testing.assert_allclose(vertex[0, i, axis], np.kron(SIGMA[axis], strength))


def test_contact_coupling_acts_on_spin_only():
    found = ContactCoupling(np.array([0.5, -2.0]), orbitals=3).strength(Z, 2)
    np.testing.assert_array_equal(found[0], [0.5 * np.eye(3), -2.0 * np.eye(3)])


def test_resummed_is_the_geometric_series():
    rng = np.random.default_rng(43)
    potential, onsite = 0.2 * rng.normal(size=(2, 2, 3, 4, 4, 2)) @ [1, 1j]
    t = np.asarray(resummed(jnp.asarray(potential), jnp.asarray(onsite)))
    series, term = np.zeros_like(potential), potential
    for _ in range(2000):
        series, term = series + term, potential @ onsite @ term
    np.testing.assert_allclose(t, series, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.inv(t), np.linalg.inv(potential) - onsite, atol=1e-10)
