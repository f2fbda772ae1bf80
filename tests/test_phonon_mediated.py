"""Phonon-mediated tensors against closed forms, lattice sums, diagonalisation and symmetry."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from msgreen.errors import InputError
from msgreen.phonon.closed_forms import (
    acoustic_range,
    chiral_tensors,
    elastic_range,
    optical_range,
)
from msgreen.phonon.crystal import HBAR2_OVER_U
from msgreen.phonon.mediated import crystal_tensors, interactions, mode_tensors, named_parts
from msgreen.phonon.modes import acoustic, ball, chiral, crystal_modes, optical
from msgreen.phonon.springs import Spring, helical_chain, mass_spring, screw_couplings
from msgreen.spinmodel.interactions import Coefficient
from msgreen.units import BOLTZMANN

CUTOFF, VELOCITY, ENERGY = 1.3, 0.04, 0.03
PLACES = np.array([[0, 0, 0], [2.0, 1.0, 2.0], [3.0, -4.0, 1.0], [0.5, 7.0, 6.0]])
PAIRS = np.array([[0, 1], [0, 2], [3, 0]])
RANDOM = np.random.default_rng(5).normal(size=(4, 3, 3))


def helix(radius=1.0):
    springs = [(1, 5.0, 1.0), (2, 2.0, 0.5), (3, 1.0, 0.2)]
    return helical_chain(4, radius=radius, pitch=3.0, mass=50.0, springs=springs, pinning=0.3)


def antisymmetric(tensor):
    return np.asarray(tensor) - np.asarray(tensor).swapaxes(-1, -2)


# --- closed forms -----------------------------------------------------------------------------


def rule_and_places(dimension):
    places = PLACES.copy()
    if dimension < 3:
        places[:, 2] = 0
    if dimension == 1:
        places = np.array([[0, 0, 0], [0, 0, 3.0], [0, 0, 5.0], [0, 0, 9.0]])
    lower = 0.01 if dimension == 1 else 0.0
    panels = 16 if dimension == 1 else 4
    rule = ball(dimension, CUTOFF, cell=30.0, panels=panels, azimuths=48, lower=lower)
    distance = np.linalg.norm(places[PAIRS[:, 0]] - places[PAIRS[:, 1]], axis=1)
    return rule, places, distance


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_acoustic_sums_converge_to_the_closed_form(dimension):
    rule, places, distance = rule_and_places(dimension)
    lower = 0.01 if dimension == 1 else 0.0
    exact = acoustic_range(
        dimension, distance, cutoff=CUTOFF, velocity=VELOCITY, cell=30.0, lower=lower
    )
    found = mode_tensors(acoustic(rule, VELOCITY), 0.1 * np.eye(3)[None], places, PAIRS)
    expected = 0.01 * exact[:, None, None] * np.eye(3)
    difference = np.abs(found.value - expected)
    assert difference.max() < 1e-10 * np.abs(expected).max()
    assert np.all(difference <= np.asarray(found.error) + 1e-14)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_optical_sums_converge_to_the_closed_form(dimension):
    rule, places, distance = rule_and_places(dimension)
    if dimension == 1:
        rule = ball(1, CUTOFF, cell=30.0, panels=4)
    exact = optical_range(dimension, distance, cutoff=CUTOFF, energy=ENERGY, cell=30.0)
    found = mode_tensors(optical(rule, ENERGY), np.eye(3)[None], places, PAIRS)
    assert np.allclose(found.value[:, 0, 0], exact, rtol=1e-9, atol=0)


def test_error_estimate_of_a_coarse_rule_is_honest():
    for panels, azimuths in ((2, 16), (2, 24), (3, 32)):
        rule = ball(3, CUTOFF, cell=30.0, panels=panels, azimuths=azimuths)
        found = mode_tensors(acoustic(rule, VELOCITY), np.eye(3)[None], PLACES, PAIRS)
        distance = np.linalg.norm(PLACES[PAIRS[:, 0]] - PLACES[PAIRS[:, 1]], axis=1)
        exact = acoustic_range(3, distance, cutoff=CUTOFF, velocity=VELOCITY, cell=30.0)
        actual = np.abs(found.value[:, 0, 0] - exact)
        assert np.all(actual <= np.asarray(found.error)[:, 0, 0] + 1e-13)


@pytest.mark.parametrize(("dimension", "power"), [(2, 1), (3, 2)])
def test_acoustic_interactions_decay_with_one_power_less_than_the_dimension(dimension, power):
    """Averages over the oscillations of the cutoff, at growing distance."""
    means = []
    for start in (200.0, 800.0):
        r = start * np.linspace(1, 2, 20_001)
        x = acoustic_range(dimension, r, cutoff=CUTOFF, velocity=VELOCITY)
        means.append(np.mean(x * r**power))
    assert means[0] < 0
    assert means[1] == pytest.approx(means[0], rel=1e-2)


def test_prefactors_follow_from_the_stated_measure():
    """F1's factors would be twice and 1/(2 pi) times these, for its own d = -1/omega."""
    r = np.array([4.0])
    plane = quad(lambda q: -2 * _j0(q * r[0]), 0, CUTOFF)[0]
    assert acoustic_range(2, r, cutoff=CUTOFF, velocity=1.0) == pytest.approx(plane / (2 * np.pi))
    space = quad(lambda q: -2 * q * np.sin(q * r[0]) / (q * r[0]), 0, CUTOFF)[0]
    assert acoustic_range(3, r, cutoff=CUTOFF, velocity=1.0) == pytest.approx(
        space / (2 * np.pi**2)
    )
    elastic = quad(lambda q: -np.sin(q * r[0]) / (q * r[0]), 0, CUTOFF)[0]
    assert elastic_range(r, cutoff=CUTOFF) == pytest.approx(elastic / (2 * np.pi**2))


def _j0(x):
    return quad(lambda t: np.cos(x * np.sin(t)), 0, np.pi)[0] / np.pi


@pytest.mark.parametrize("axis", [(0, 0, 1.0), (0.6, 0.0, 0.8)])
def test_chiral_branches_give_cosine_and_sine_of_f1(axis):
    rule = ball(3, CUTOFF, panels=4, azimuths=48)
    energies = VELOCITY * np.linalg.norm(rule[0], axis=1)
    modes = chiral(rule, energies, shift=0.2, axis=axis)
    found = np.asarray(mode_tensors(modes, np.eye(3)[None], PLACES, PAIRS).value)
    separation = PLACES[PAIRS[:, 0]] - PLACES[PAIRS[:, 1]]
    x = acoustic_range(3, np.linalg.norm(separation, axis=1), cutoff=CUTOFF, velocity=VELOCITY)
    symmetric, skew = chiral_tensors(x, separation @ np.asarray(axis), shift=0.2, axis=axis)
    assert np.allclose((found + found.swapaxes(1, 2)) / 2, symmetric, atol=1e-12)
    assert np.allclose((found - found.swapaxes(1, 2)) / 2, skew, atol=1e-12)
    vector = named_parts(Coefficient(found, 0 * found))["D"].value
    expected = (x * np.sin(0.2 * separation @ np.asarray(axis)))[:, None] * np.asarray(axis)
    assert np.allclose(vector, expected, atol=1e-12)


# --- crystals ---------------------------------------------------------------------------------


def test_resolvent_and_modes_agree():
    crystal = helix()
    sites = [(a, n) for n in range(2) for a in range(4)]
    pairs = [(0, k) for k in range(3, 6)] + [(k, 0) for k in range(3, 6)]
    atoms = [atom for atom, _ in sites]
    modes = crystal_modes(crystal, [33])
    places = crystal.position(sites)
    for z, temperature in [(0.0, 0.0), (0.01j, 0.0), (0.002 + 0.001j, 50.0)]:
        options = {"z": z, "temperature": temperature}
        one = crystal_tensors(crystal, RANDOM, sites, pairs, [33], **options)
        two = mode_tensors(modes, RANDOM, places, pairs, atoms=atoms, **options)
        assert np.allclose(one.value, two.value, rtol=0, atol=1e-12)
        assert np.allclose(one.error, two.error, rtol=0, atol=1e-11)
        there, back = np.split(np.asarray(one.value), 2)
        assert np.allclose(there, back.swapaxes(1, 2), rtol=0, atol=1e-13)


def test_pinned_chain_has_its_exact_green_function():
    spring, pinning, coupling = 3.0, 0.5, 0.2
    chain = mass_spring(
        [[2.0, 0, 0]], [[0, 0, 0]], [50.0], [Spring(0, 0, (1,), spring, spring)], pinning=pinning
    )
    sites = [(0, n) for n in range(5)]
    pairs = [(0, n) for n in range(5)]
    found = crystal_tensors(chain, coupling * np.eye(3)[None], sites, pairs, [96])
    decay = np.arccosh(1 + pinning / (2 * spring))
    exact = -(coupling**2) * np.exp(-decay * np.arange(5)) / (2 * spring * np.sinh(decay))
    difference = np.abs(found.value[:, 0, 0] - exact)
    assert difference.max() < 1e-14
    assert np.all(difference <= np.asarray(found.error)[:, 0, 0] + 1e-15)


def test_cubic_lattice_gives_watsons_integral_within_its_mesh_error():
    cubic = mass_spring(
        2.0 * np.eye(3),
        [[0, 0, 0]],
        [50.0],
        [Spring(0, 0, cell, 1.0, 1.0) for cell in ((1, 0, 0), (0, 1, 0), (0, 0, 1))],
    )
    sites = [(0, 0, 0, 0), (0, 1, 0, 0), (0, 4, 0, 0)]
    found = crystal_tensors(cubic, np.eye(3)[None], sites, [(0, 0), (0, 1), (0, 2)], [30] * 3)
    watson = 0.252731009858  # 1/2 of Watson's integral for the simple cubic lattice
    exact = -np.array([watson, watson - 1 / 6])
    actual = np.abs(found.value[:2, 0, 0] - exact)
    assert np.all(actual <= np.asarray(found.error)[:2, 0, 0])
    assert actual.max() < 0.01
    assert found.error.max() < 0.02
    elastic = elastic_range(np.array([4.0]), cutoff=1e4)
    far = abs(found.value[2, 0, 0] - elastic[0])
    assert far <= found.error[2, 0, 0] + 0.02 * abs(elastic[0])


def test_interaction_is_the_relaxation_energy_of_the_lattice():
    """Classical spins displace the atoms; the energy gained is -1/2 f.Phi^-1.f, for any signs."""
    crystal = helix()
    rng = np.random.default_rng(3)
    spins = rng.normal(size=(8, 3))
    spins /= np.linalg.norm(spins, axis=1)[:, None]
    sites = [(a, n) for n in range(2) for a in range(4)]
    pairs = np.array([(i, j) for i in range(8) for j in range(8)])
    found = crystal_tensors(crystal, RANDOM, sites, pairs, [15])
    energy = 0.5 * np.einsum("pa,pab,pb", spins[pairs[:, 0]], found.value, spins[pairs[:, 1]])
    cells = 15
    matrix = np.zeros((cells, 4, 3, cells, 4, 3))
    for (a, b, n), block in zip(crystal.bonds, np.asarray(crystal.blocks), strict=True):
        for cell in range(cells):
            sign = -1 if cell + n >= cells or cell + n < 0 else 1  # the shifted mesh: antiperiodic
            matrix[cell, a, :, (cell + n) % cells, b, :] += sign * block
    force = np.zeros((cells, 4, 3))
    for spin, (a, n) in zip(spins, sites, strict=True):
        force[n, a] = spin @ RANDOM[a]
    matrix, force = matrix.reshape(12 * cells, -1), force.ravel()
    assert energy == pytest.approx(-0.5 * force @ np.linalg.solve(matrix, force), rel=1e-12)


def test_static_interaction_of_harmonic_phonons_does_not_depend_on_temperature():
    """Free energy of an oscillator pushed by e.T.u: the shift is -(force)^2 / omega at any T."""
    omega, size = 0.01, 80
    lower = np.diag(np.sqrt(np.arange(1, size)), 1)
    free = omega * np.diag(np.arange(size))
    for temperature in (10.0, 60.0, 150.0):
        beta = 1 / (BOLTZMANN * temperature)
        energies = [
            -np.log(np.sum(np.exp(-beta * np.linalg.eigvalsh(free + g * (lower + lower.T))))) / beta
            for g in (0.0, 0.003)
        ]
        assert energies[1] - energies[0] == pytest.approx(-(0.003**2) / omega, rel=1e-5)


def test_thermal_factor_of_f1_grows_linearly_at_high_temperature():
    sites, pairs = [(0, 0), (1, 0)], [(0, 1)]
    cold, warm, hot, hotter = (
        np.asarray(crystal_tensors(helix(), RANDOM, sites, pairs, [9], temperature=t).value)
        for t in (0.0, 1.0, 2e4, 4e4)
    )
    assert np.allclose(warm, cold, rtol=1e-12)
    assert np.allclose(hotter, 2 * hot, rtol=1e-3)


# --- symmetry ---------------------------------------------------------------------------------


def test_inversion_forbids_the_antisymmetric_part_and_a_helix_brings_it_continuously():
    sites, pairs = [(a, 0) for a in range(4)], [(0, 1), (0, 2), (1, 3)]
    same = np.broadcast_to(0.1 * np.eye(3), (4, 3, 3))

    def largest(radius):
        value = crystal_tensors(helix(radius), same, sites, pairs, [15]).value
        return np.abs(antisymmetric(value)).max() / np.abs(value).max()

    assert largest(0.0) < 1e-13
    sizes = [largest(radius) for radius in (1e-3, 2e-3, 0.5)]
    assert 1e-8 < sizes[0] < 1e-2
    assert sizes[1] / sizes[0] == pytest.approx(4, rel=1e-2) or sizes[1] / sizes[
        0
    ] == pytest.approx(2, rel=1e-2)
    assert sizes[2] > 1e-2


def test_unequal_couplings_bring_the_antisymmetric_part_continuously():
    chain = mass_spring(
        [[4.0, 0, 0]],
        [[0, 0, 0], [2.0, 0, 0]],
        [20.0, 60.0],
        [Spring(0, 1, (0,), 5.0, 1.0), Spring(1, 0, (1,), 5.0, 1.0)],
        pinning=0.2,
    )

    def skew(difference):
        couplings = jnp.stack([RANDOM[0], RANDOM[0] + difference * RANDOM[1]])
        value = crystal_tensors(chain, couplings, [(0, 0), (1, 0)], [(0, 1)], [33]).value
        return antisymmetric(value)[0]

    assert np.abs(skew(0.0)).max() < 1e-14
    assert np.allclose(skew(2e-3), 2 * skew(1e-3), rtol=1e-10, atol=1e-16)
    assert np.abs(skew(1e-3)).max() > 1e-5


def test_mirror_image_has_the_opposite_dmi_along_the_axis():
    springs = [(1, 5.0, 1.0), (2, 2.0, 0.5), (3, 1.0, 0.2)]
    found = []
    for hand in (1, -1):
        crystal = helical_chain(
            4, radius=1.0, pitch=3.0, mass=50.0, springs=springs, pinning=0.3, handedness=hand
        )
        couplings = screw_couplings(4, 0.1 * np.eye(3), hand)
        tensor = crystal_tensors(crystal, couplings, [(0, 0), (1, 0)], [(0, 1)], [15])
        found.append(named_parts(tensor)["D"].value[0, 2])
    assert abs(found[0]) > 1e-6
    assert found[0] == pytest.approx(-found[1], rel=1e-10)


# --- interactions and derivatives -------------------------------------------------------------


def test_named_parts_rebuild_the_tensor_and_the_energy():
    tensor = Coefficient(RANDOM[:2], 0.01 * np.abs(RANDOM[:2]), ("xyz", "xyz"))
    rng = np.random.default_rng(4)
    spins = rng.normal(size=(3, 3))
    spins /= np.linalg.norm(spins, axis=1)[:, None]
    for isotropic in (False, True):
        model = interactions(tensor, [[0, 1], [2, 0]], PLACES[:3], isotropic=isotropic)
        parts = {name: c.value for name, c in model["pair"].coefficients.items()}
        total = 0.0
        for n, (i, j) in enumerate(model["pair"].loops):
            a, b = spins[i], spins[j]
            total += parts["J_iso"][n] * a @ b + a @ parts["J_ani"][n] @ b
            total += parts["D"][n] @ np.cross(a, b)
        assert float(model.energy(spins)) == pytest.approx(total)
        trace = np.trace(parts["J_ani"], axis1=1, axis2=2)
        assert np.allclose(trace, 0) == isotropic
        assert (np.abs(parts["J_iso"]).max() > 0) == isotropic


@pytest.mark.slow
def test_gradients_of_crystal_tensors_match_finite_differences():
    sites, pairs = [(0, 0), (1, 0), (2, 1)], [(0, 1), (0, 2)]

    def scalar(crystal, couplings, temperature):
        found = crystal_tensors(
            crystal, couplings, sites, pairs, [9], z=0.004j, temperature=temperature
        )
        return jnp.sum(found.value.real * jnp.arange(1.0, 19.0).reshape(2, 3, 3))

    crystal = helix()
    for temperature in (0.0, 200.0):
        gradient = eqx.filter_grad(scalar)(crystal, RANDOM, temperature)
        by_coupling = jax.grad(scalar, argnums=1)(crystal, jnp.asarray(RANDOM), temperature)
        for name, change in (("blocks", _bend(crystal)), ("masses", np.array([0, 0, 1.0, 0]))):
            leaf = getattr(crystal, name)
            ends = [
                scalar(
                    eqx.tree_at(lambda c, n=name: getattr(c, n), crystal, leaf + step * change),
                    RANDOM,
                    temperature,
                )
                for step in (1e-5, -1e-5)
            ]
            slope = float(jnp.sum(getattr(gradient, name) * change))
            assert slope == pytest.approx(float(ends[0] - ends[1]) / 2e-5, rel=1e-6)
        change = np.zeros_like(RANDOM)
        change[1, 0, 2] = 1e-5
        ends = [scalar(crystal, RANDOM + s * change, temperature) for s in (1, -1)]
        assert float(by_coupling[1, 0, 2]) == pytest.approx(
            float(ends[0] - ends[1]) / 2e-5, rel=1e-6
        )


def _bend(crystal):
    """A symmetric change of the self terms of atom 1."""
    change = np.zeros(crystal.blocks.shape)
    row = crystal.bonds.index((1, 1, 0))
    change[row] = np.outer([1, 2, 0], [1, 2, 0])
    return change


def test_zero_point_length_is_that_of_the_oscillator():
    single = mass_spring([[2.0, 0, 0]], [[0, 0, 0]], [50.0], [], pinning=2.0)
    modes = crystal_modes(single, [3])
    energy = np.sqrt(HBAR2_OVER_U * 2.0 / 50.0)
    assert np.allclose(modes.energies, energy)
    assert np.allclose(modes.lengths, np.sqrt(HBAR2_OVER_U / (2 * 50.0 * energy)))


# --- refusals ---------------------------------------------------------------------------------


def test_wrong_arguments_are_refused():
    crystal = mass_spring([[2.0, 0, 0]], [[0, 0, 0]], [50.0], [Spring(0, 0, (1,), 5.0, 1.0)])
    unit = np.eye(3)[None]
    with pytest.raises(InputError, match="exceed twice the separations"):
        crystal_tensors(crystal, unit, [(0, 0), (0, 5)], [(0, 1)], [9])
    with pytest.raises(InputError, match="one matrix per atom"):
        crystal_tensors(crystal, np.eye(3), [(0, 0), (0, 1)], [(0, 1)], [9])
    with pytest.raises(InputError, match="positive frequencies"):
        mode_tensors(crystal_modes(crystal, [9], shift=0.0), unit, PLACES, PAIRS)
    with pytest.raises(InputError, match="`atoms` must hold"):
        mode_tensors(acoustic(ball(1, 1.0), 1.0), unit, PLACES, PAIRS, atoms=[1, 0, 0, 0])
    moving = crystal_tensors(crystal, unit, [(0, 0), (0, 1)], [(0, 1)], [9], z=0.01 + 0.01j)
    with pytest.raises(InputError, match="must be real"):
        interactions(moving, [(0, 1)], PLACES[:2])
    with pytest.raises(InputError, match="itself"):
        interactions(moving, [(0, 0)], PLACES[:2])
    with pytest.raises(InputError, match="`dimension` must be an integer of 1 to 3"):
        acoustic_range(4, 1.0, cutoff=1.0, velocity=1.0)
    with pytest.raises(InputError, match="`lower` must be greater than zero"):
        acoustic_range(1, 1.0, cutoff=1.0, velocity=1.0)
    with pytest.raises(InputError, match="`azimuths` must be even"):
        ball(2, 1.0, azimuths=3)
