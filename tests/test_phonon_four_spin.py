"""The four-spin exchange of phonons: derivatives by displacements, and a lattice that relaxes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from msgreen import ClusterHost, ContactCoupling
from msgreen.contour import imaginary_axis
from msgreen.estimate import Estimate
from msgreen.exchange.loops import loop_tensors
from msgreen.phonon import (
    Spring,
    exchange_slopes,
    four_spin_interactions,
    mass_spring,
    static_response,
)
from msgreen.spin.tensors import pair_parts
from msgreen.spinmodel import from_interactions, resolve

COUNT = 4
PLACES = 2.0 * np.array([[0.0, 0.0, 0.0], [1.0, 0.1, 0.0], [2.0, 0.0, 0.2], [3.0, -0.1, 0.0]])
PAIRS = np.array([[0, 1], [1, 2], [2, 3]])
SITES = np.arange(COUNT)
SIGMA = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def chain(displacements, spin_orbit=0.3):
    """Four atoms whose hoppings fall off with the distance; Rashba coupling across the bonds."""
    places = jnp.asarray(PLACES) + displacements
    matrix = jnp.zeros((COUNT, 2, COUNT, 2), complex)
    for n in range(COUNT - 1):
        bond = places[n + 1] - places[n]
        size = jnp.exp(2.0 - jnp.linalg.norm(bond))
        across = jnp.cross(bond, jnp.array([0.2, 0.0, 1.0])).astype(complex)
        spun = jnp.einsum("x,xst->st", across, jnp.asarray(SIGMA))
        block = size.astype(complex) * (-jnp.eye(2, dtype=complex) + 1j * spin_orbit * spun)
        matrix = matrix.at[n, :, n + 1].set(block).at[n + 1, :, n].set(block.conj().T)
    host = ClusterHost(matrix, fermi_energy=0.1, gap=0.2, bandwidth=20.0)
    return host, ContactCoupling(0.4), SITES


CONTOUR = chain(jnp.zeros((COUNT, 3)))[0].contour(SITES)
FINE = imaginary_axis(0.1, gap=0.1, bandwidth=40.0)


@jax.jit
def tensors(displacements):
    host, scatterer, sites = chain(displacements)
    return loop_tensors(host, scatterer, FINE, sites, PAIRS)[0]


@pytest.fixture(scope="module")
def slopes():
    return exchange_slopes(chain, COUNT, PAIRS, CONTOUR)


def force_constants():
    """Springs between neighbours and a pin at every atom, shape (atom, 3, atom, 3)."""
    matrix = 0.8 * np.eye(3 * COUNT).reshape(COUNT, 3, COUNT, 3)
    for n in range(COUNT - 1):
        for a, b, sign in ((n, n, 1), (n + 1, n + 1, 1), (n, n + 1, -1), (n + 1, n, -1)):
            matrix[a, :, b] += sign * np.diag([3.0, 1.0, 0.7])
    return matrix


def inverse(matrix):
    size = 3 * COUNT
    return np.linalg.inv(matrix.reshape(size, size)).reshape(matrix.shape)


def random_spins(seed, count=COUNT):
    spins = np.random.default_rng(seed).normal(size=(count, 3))
    return spins / np.linalg.norm(spins, axis=1, keepdims=True)


def test_slopes_are_finite_differences(slopes):
    step, value = 1e-4, np.asarray(slopes.value)
    for atom, axis in ((0, 0), (1, 2), (2, 1)):
        moved = jnp.zeros((COUNT, 3)).at[atom, axis].set(step)
        found = (tensors(moved) - tensors(-moved)) / (2 * step)
        np.testing.assert_allclose(found, value[:, atom, axis], atol=1e-7 * np.abs(value).max())
    assert np.asarray(slopes.error).max() < 1e-7 * np.abs(value).max()
    parts = pair_parts(value)
    assert np.abs(parts.isotropic).max() > 1e-3 and np.abs(parts.vector).max() > 1e-3
    # Moving all atoms together changes nothing.
    assert np.abs(value.sum(axis=1)).max() < 1e-12


def test_interaction_is_what_the_relaxed_lattice_gains(slopes):
    """The energy is minimised over u; what is left out is of the next order in 1 / Phi."""
    spins = random_spins(5)
    first, second = spins[PAIRS.T]

    @jax.jit
    @jax.value_and_grad
    def electrons(displacements):
        return jnp.einsum("pab,pa,pb->", tensors(displacements), first, second)

    def missed(stiffness):
        phi = stiffness * force_constants()

        def energy(flat):
            u = flat.reshape(COUNT, 3)
            value, gradient = electrons(jnp.asarray(u))
            pull = np.einsum("axby,by->ax", phi, u)
            return 1e6 * float(value + np.sum(u * pull) / 2), 1e6 * np.ravel(gradient + pull)

        start = np.zeros(3 * COUNT)
        found = minimize(energy, start, jac=True, method="BFGS", options={"gtol": 1e-7})
        gained = 1e-6 * (found.fun - energy(start)[0])
        response = Estimate(inverse(phi), np.zeros(phi.shape))
        model = four_spin_interactions(slopes, PAIRS, PLACES, response)
        return float(model.energy(spins)) / gained - 1

    soft, hard = missed(4.0), missed(8.0)
    assert 1e-5 < abs(hard) < 0.05
    assert soft / hard == pytest.approx(2.0, rel=0.1)


def test_terms_are_classes_of_the_spin_model(slopes):
    """The model with named classes has the energy of -1/2 f Phi^-1 f, chiral classes included."""
    response = Estimate(inverse(force_constants()), np.zeros((COUNT, 3, COUNT, 3)))
    found = four_spin_interactions(slopes, PAIRS, PLACES, response)
    assert [terms.kind for terms in found.terms] == ["biquadratic", "three_site", "four_site"]
    named = resolve(from_interactions(found))
    assert {"four_site", "chiral_four_site", "biquadratic"} <= set(named.model.classes)
    spins = random_spins(7)
    force = np.einsum("pnxab,pa,pb->nx", slopes.value, *spins[PAIRS.T])
    expected = -np.einsum("ax,axby,by->", force, response.value, force) / 2
    assert float(found.energy(spins)) == pytest.approx(expected, rel=1e-10)
    whole = named.model.energy(spins) + named.remainder.energy(spins) + named.constant
    assert float(whole) == pytest.approx(expected, rel=1e-9)


def test_isotropic_slopes_give_products_of_dot_products():
    """-(dJ) Phi^-1 (dJ) (S_1.S_2)(S_3.S_4), and half of it for a pair with itself."""
    slopes = exchange_slopes(lambda u: chain(u, 0.0), COUNT, PAIRS, CONTOUR)
    phi = inverse(force_constants())
    found = four_spin_interactions(slopes, PAIRS, PLACES, Estimate(phi, np.zeros(phi.shape)))
    model = resolve(from_interactions(found)).model
    change = pair_parts(np.asarray(slopes.value)).isotropic
    product = -np.einsum("pax,axby,qby->pq", change, phi, change)
    assert model["four_site"].values[0] == pytest.approx(product[0, 2], rel=1e-9)
    np.testing.assert_allclose(model["biquadratic"].values, np.diag(product) / 2, rtol=1e-9)
    np.testing.assert_allclose(model["three_site"].values, product[[0, 1], [1, 2]], rtol=1e-9)
    for name in model.classes:
        if "chiral" in name or "vector" in name:
            assert np.abs(model[name].values).max() < 1e-12


def test_pairs_that_make_one_loop_in_two_ways_are_added():
    """(01)(23) and (12)(30) are one loop of the ring; listing a pair backwards changes nothing."""
    rng = np.random.default_rng(2)
    pairs = np.array([[0, 1], [1, 2], [2, 3], [3, 0]])
    value = rng.normal(size=(4, COUNT, 3, 3, 3))
    phi = inverse(force_constants())
    response, zero = Estimate(phi, np.zeros(phi.shape)), np.zeros(value.shape)
    found = four_spin_interactions(Estimate(value, zero), pairs, PLACES, response)
    assert len(found["four_site"].loops) <= 2
    spins = random_spins(3)
    force = np.einsum("pnxab,pa,pb->nx", value, *spins[pairs.T])
    expected = -np.einsum("ax,axby,by->", force, phi, force) / 2
    assert float(found.energy(spins)) == pytest.approx(expected)
    turned = Estimate(np.swapaxes(value, -1, -2), zero)
    back = four_spin_interactions(turned, pairs[:, ::-1], PLACES, response)
    assert float(back.energy(spins)) == pytest.approx(expected)


def test_response_of_a_crystal_is_that_of_a_long_ring():
    springs = [Spring(0, 0, (1,), 5.0, 1.0)]
    crystal = mass_spring([[2.0, 0, 0]], [[0.0, 0, 0]], [50.0], springs, pinning=2.0)
    found = static_response(crystal, [[0, 0], [0, 1], [0, 3]], [33])
    size, step = 40, np.diag([5.0, 1.0, 1.0])
    shift = np.roll(np.eye(size), 1, axis=0)
    ring = np.kron(2 * np.eye(size) - shift - shift.T, step) + 2.0 * np.eye(3 * size)
    expected = np.linalg.inv(ring).reshape(size, 3, size, 3)[[0, 1, 3]][:, :, [0, 1, 3]]
    np.testing.assert_allclose(found.value, expected, atol=1e-9)
    assert np.all(np.abs(found.value - expected) <= np.asarray(found.error) + 1e-12)
