"""Vibrating spin pairs against dense diagonalisation, and the formulas of paper F2."""

from itertools import product

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.errors import InputError
from msgreen.papers.fransson.pair import (
    SpinPair,
    anisotropic_levels,
    free_energy,
    levels,
    site_moments,
    spin_half_levels,
    spin_half_moment,
    total_moment,
)
from msgreen.papers.fransson.phase_diagram import (
    PUBLISHED_RATIO,
    exchange_field_map,
    exchange_temperature_map,
    ground_state_crossovers,
    mean_displacement,
    moment_per_site,
)
from msgreen.units import BOLTZMANN

SPINS = (0.5, 1.0, 1.5, 2.0)


def spin_matrices(s):
    m = np.arange(s, -s - 1, -1)
    up = np.diag(np.sqrt(s * (s + 1) - m[1:] * (m[1:] + 1)), 1)
    return (up + up.T) / 2, (up - up.T) / 2j, np.diag(m)


def dense(s, exchange, fields, anisotropic=0.0, single_ion=(0.0, 0.0)):
    """The Hamiltonian as one matrix, and S^z of both sites."""
    one = np.eye(round(2 * s + 1))
    first = [np.kron(x, one) for x in spin_matrices(s)]
    second = [np.kron(one, x) for x in spin_matrices(s)]
    z1, z2 = first[2], second[2]
    matrix = exchange * sum(a @ b for a, b in zip(first, second, strict=True))
    matrix = matrix + anisotropic * z1 @ z2 + fields[0] * z1 + fields[1] * z2
    return matrix + single_ion[0] * z1 @ z1 + single_ion[1] * z2 @ z2, z1, z2


def thermal(matrix, operators, temperature):
    energies, vectors = np.linalg.eigh(matrix)
    weights = np.exp(-(energies - energies[0]) / (BOLTZMANN * temperature))
    weights /= weights.sum()
    return [
        np.real(np.einsum("is,ij,js,s", vectors.conj(), o, vectors, weights)) for o in operators
    ]


def general(s):
    return SpinPair(s, 0.011, [0.004, -0.007], anisotropic=0.003, single_ion=[0.002, -0.001])


@pytest.mark.parametrize("s", SPINS)
def test_spectrum_is_that_of_the_dense_matrix(s):
    matrix, z1, z2 = dense(s, 0.011, [0.004, -0.007], 0.003, [0.002, -0.001])
    energies, total = levels(general(s))
    assert np.abs(energies - np.linalg.eigvalsh(matrix)).max() < 1e-15
    assert total.sum() == 0 and len(total) == round(2 * s + 1) ** 2


@pytest.mark.parametrize("s", SPINS)
def test_moments_are_those_of_the_dense_matrix(s):
    for temperature in (5.0, 80.0, 1000.0):
        matrix, z1, z2 = dense(s, 0.011, [0.004, -0.007], 0.003, [0.002, -0.001])
        exact = thermal(matrix, [z1, z2], temperature)
        assert np.allclose(site_moments(general(s), temperature), exact, rtol=0, atol=1e-12)
        total = float(total_moment(general(s), temperature))
        assert total == pytest.approx(sum(exact), abs=1e-12)


@pytest.mark.slow
def test_moments_have_derivatives_with_respect_to_every_parameter():
    pair, temperature = general(1.0), 60.0
    derivative = eqx.filter_jit(eqx.filter_jacfwd(lambda both: site_moments(*both)))
    slopes, by_temperature = derivative((pair, jnp.asarray(temperature)))

    def moved(name, value):
        return eqx.tree_at(lambda p: getattr(p, name), pair, value)

    for name in ("exchange", "fields", "anisotropic", "single_ion"):
        leaf = np.asarray(getattr(pair, name))
        for index in np.ndindex(leaf.shape):
            step = np.zeros_like(leaf)
            step[index] = 1e-6
            ends = [
                site_moments(moved(name, jnp.asarray(leaf + t)), temperature) for t in (step, -step)
            ]
            found = np.asarray(getattr(slopes, name))[(slice(None), *index)]
            assert np.allclose(found, (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-6)
    ends = [site_moments(pair, temperature + t) for t in (1e-3, -1e-3)]
    assert np.allclose(by_temperature, (ends[0] - ends[1]) / 2e-3, rtol=1e-6)


def test_derivatives_are_finite_where_levels_cross():
    pair = SpinPair(1, 0.0, [0.0, 0.0])
    slopes = eqx.filter_jit(eqx.filter_jacfwd(lambda p: site_moments(p, 50.0)))(pair)
    beta = 1 / (BOLTZMANN * 50.0)
    assert np.allclose(slopes.fields, -2 / 3 * beta * np.eye(2), rtol=1e-12)  # Curie's law
    assert np.all(np.isfinite(slopes.exchange))


def test_free_energy_is_that_of_the_levels():
    energies, _ = levels(general(2.0))
    beta = 1 / (BOLTZMANN * 40.0)
    assert float(free_energy(general(2.0), 40.0)) == pytest.approx(
        -np.log(np.exp(-beta * energies).sum()) / beta, rel=1e-13
    )


# --- the formulas of F2 -----------------------------------------------------------------------


@pytest.mark.parametrize(("exchange", "alpha"), list(product((0.01, -0.006), (0.004, -0.013))))
def test_published_spectrum_and_eq_5_are_those_of_fields_alpha_and_half_alpha(exchange, alpha):
    omega = np.sqrt(exchange**2 + alpha**2 / 4)
    printed = [(exchange + 3 * alpha) / 4, (exchange - 3 * alpha) / 4]
    printed += [-exchange / 4 + omega / 2, -exchange / 4 - omega / 2]
    fields = np.array([alpha, PUBLISHED_RATIO * alpha])
    matrix, z1, z2 = dense(0.5, exchange, fields)
    assert np.abs(np.sort(printed) - np.linalg.eigvalsh(matrix)).max() < 1e-15
    closed = np.concatenate(spin_half_levels(exchange, fields))
    assert np.abs(np.sort(closed) - np.linalg.eigvalsh(matrix)).max() < 1e-15
    temperature = 45.0
    beta = 1 / (BOLTZMANN * temperature)
    low, high = np.exp(-beta * exchange / 4), np.exp(beta * exchange / 4)
    eq_5 = -low * np.sinh(3 * beta * alpha / 4)
    eq_5 /= low * np.cosh(3 * beta * alpha / 4) + high * np.cosh(beta * omega / 2)
    exact = sum(thermal(matrix, [z1, z2], temperature))
    assert eq_5 == pytest.approx(exact, abs=1e-12)
    assert float(spin_half_moment(exchange, fields, temperature)) == pytest.approx(exact, abs=1e-12)
    one_site = np.linalg.eigvalsh(dense(0.5, exchange, [alpha, 0.0])[0])
    assert np.abs(np.sort(printed) - one_site).max() > 1e-4  # F2's Hamiltonian as printed


def test_eq_2_needs_the_sum_of_the_off_diagonal_anisotropies():
    exchange, fields = -0.01, np.array([0.004, 0.007])
    matrix = np.array([[0.001, 0.003], [0.002, -0.0015]])
    ours = dense(
        0.5, -exchange, -fields, -(matrix[0, 1] + matrix[1, 0]), [-matrix[0, 0], -matrix[1, 1]]
    )[0]
    found = np.sort(anisotropic_levels(exchange, matrix, fields))
    assert np.abs(found - np.linalg.eigvalsh(ours)).max() < 1e-15
    printed = anisotropic_levels(exchange, matrix * [[1, 1], [-1, 1]], fields)[2:]
    assert np.abs(np.sort(printed)[0] - np.linalg.eigvalsh(ours)).min() > 1e-4


def test_ground_state_of_spins_one_half_changes_at_three_halves_of_j():
    ((alpha, moment),) = ground_state_crossovers(0.5)
    assert alpha == pytest.approx(1.5, abs=1e-12)
    assert moment == 1
    assert ground_state_crossovers(0.5, ratio=0.0) == []
    for ratio in (0.25, 0.8):  # J = 2 a_1 a_2 / (a_1 + a_2)
        ((alpha, _),) = ground_state_crossovers(0.5, ratio=ratio)
        assert 2 * ratio * alpha / (1 + ratio) == pytest.approx(1.0, abs=1e-12)


def test_crossovers_follow_from_f2s_own_condition_below_eq_2():
    """F2 demands zeta^2 < (|alpha'| - |J|) |alpha'|, alpha' = 3 alpha/4 and zeta = alpha/4."""
    alpha = 1.5
    assert (alpha / 4) ** 2 == pytest.approx((3 * alpha / 4 - 1) * 3 * alpha / 4)


@pytest.mark.parametrize("s", SPINS)
def test_every_spin_saturates_at_three_j_s(s):
    found = ground_state_crossovers(s)
    assert len(found) == round(2 * s)
    assert found[-1][0] == pytest.approx(3 * s, abs=1e-11)
    assert [m for _, m in found] == list(np.arange(1, 2 * s + 1))


def test_moment_of_spins_one_half_rises_at_the_true_crossover():
    alpha = np.array([1.0, 1.45, 1.55, 2.0]) * 0.01
    moment = -np.asarray(exchange_field_map(0.5, [0.01], alpha, 0.5))[0]
    assert np.allclose(moment, [0, 0, 1, 1], atol=2e-2)


def test_map_is_odd_in_the_field_and_saturates():
    alpha = np.linspace(-0.02, 0.02, 9)
    found = np.asarray(exchange_field_map(2, [-0.01, 0.01], alpha, 3.0))
    assert np.allclose(found, -found[:, ::-1], atol=1e-12)
    assert np.allclose(found[0, [0, -1]], [4, -4], atol=1e-6)


def test_mean_displacement_is_first_order_perturbation_theory():
    omega, size, temperature = 0.01, 60, 150.0
    lower = np.diag(np.sqrt(np.arange(1, size)), 1)
    q = lower + lower.T
    cubic = q @ q @ q

    def displaced(phi):
        matrix = omega * np.diag(np.arange(size)) + phi * cubic
        return thermal(matrix, [q], temperature)[0]

    step = 1e-9
    slope = (displaced(step) - displaced(-step)) / (2 * step)
    found = mean_displacement(1.0, omega, temperature)
    assert float(found) == pytest.approx(slope, rel=1e-3)
    assert float(mean_displacement(1.0, omega, 0.0)) == -6 / omega


def test_temperature_map_uses_the_mean_displacement():
    exchange, temperatures = [-0.002, 0.001], jnp.array([2.0, 30.0])
    found = exchange_temperature_map(1, exchange, temperatures, energy=1e-3, strength=2e-7)
    for (i, j), (k, t) in product(enumerate(exchange), enumerate(temperatures)):
        alpha = float(mean_displacement(2e-7, 1e-3, t))
        matrix, z1, z2 = dense(1, j, [alpha, PUBLISHED_RATIO * alpha])
        assert float(found[i, k]) == pytest.approx(sum(thermal(matrix, [z1, z2], t)), abs=1e-12)


def test_moment_per_site_is_the_average_over_the_zone():
    options = {
        "spin": 1,
        "exchange": -0.005,
        "coupling": 0.01,
        "anharmonicity": 1e-8,
        "energy": 1e-4,
        "anisotropy": 0.005,
    }
    fine, coarse = (moment_per_site([50.0, 200.0], nodes=n, **options) for n in (48, 24))
    assert np.allclose(fine, coarse, rtol=1e-9)
    k = (np.arange(4000) + 0.5) / 4000 * 2 * np.sqrt(np.pi)
    root = np.sqrt(2) * np.pi
    alpha = root * 0.01 * np.exp(-(k**2) / 4) * float(mean_displacement(1e-8, 1e-4, 50.0))
    pair = SpinPair(
        1,
        root * 0.005 * np.exp(-(k**2) / 4),
        np.stack([alpha, alpha / 2], axis=1),
        single_ion=[0.005, 0.005],
    )
    mean = np.sum(k * np.asarray(total_moment(pair, 50.0))) / np.sum(k) / 2
    assert float(fine[0]) == pytest.approx(mean, rel=1e-6)


def test_moment_of_the_antiferromagnet_grows_with_temperature():
    found = moment_per_site(
        [5.0, 100.0, 300.0],
        spin=1,
        exchange=-0.005,
        coupling=0.01,
        anharmonicity=1e-9,
        energy=1e-4,
        anisotropy=0.005,
    )
    assert np.all(np.diff(np.abs(found)) > 0)


def test_wrong_arguments_are_refused():
    for spin in (0.3, 0.0, -0.5, np.nan):
        with pytest.raises(InputError, match="multiple of 1/2"):
            SpinPair(spin, 1.0)
    with pytest.raises(InputError, match="`exchange` must be finite"):
        SpinPair(1, np.nan)
    with pytest.raises(InputError, match="`temperature` must be greater than zero"):
        total_moment(SpinPair(1, 1.0), 0.0)
    with pytest.raises(InputError, match="`energy` must be greater than zero"):
        mean_displacement(1.0, 0.0, 10.0)
    with pytest.raises(InputError, match="`points` must be at least 2"):
        ground_state_crossovers(0.5, points=1)
