"""Harmonic crystals and their modes: exact dispersions, symmetry, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm, logm

from msgreen.errors import AccuracyWarning, InputError
from msgreen.phonon.crystal import (
    HBAR2_OVER_U,
    HarmonicCrystal,
    check_sites,
    check_squares,
    mesh,
    require_stable,
)
from msgreen.phonon.matrix_function import hermitian_function, log_trace_exp
from msgreen.phonon.modes import (
    Modes,
    acoustic,
    ball,
    check_mesh,
    chiral,
    crystal_modes,
    optical,
    thermal_factor,
    third_points,
    thirds,
)
from msgreen.phonon.springs import Spring, helical_chain, mass_spring, screw_couplings
from msgreen.units import BOLTZMANN

DIATOMIC = mass_spring(
    [[4.0, 0, 0]],
    [[0, 0, 0], [2.0, 0, 0]],
    [20.0, 60.0],
    [Spring(0, 1, (0,), 5.0, 1.0), Spring(1, 0, (1,), 5.0, 1.0)],
)


def helix(radius=1.0, **options):
    springs = [(1, 5.0, 1.0), (2, 2.0, 0.5), (3, 1.0, 0.2)]
    return helical_chain(
        4, radius=radius, pitch=3.0, mass=50.0, springs=springs, pinning=0.3, **options
    )


def test_diatomic_chain_has_the_textbook_dispersion():
    q = np.array([[0.1], [0.3], [0.5]])
    k, light, heavy = 5.0, 20.0, 60.0
    total = k * (1 / light + 1 / heavy)
    root = np.sqrt(total**2 - 4 * k**2 / (light * heavy) * np.sin(np.pi * q[:, 0]) ** 2)
    squares = DIATOMIC.squared_energies(q)
    for branch in (total + root, total - root):
        expected = HBAR2_OVER_U * branch
        assert np.abs(squares - expected[:, None]).min(axis=1).max() < 1e-15


def test_square_and_cubic_lattices_have_the_textbook_dispersion():
    for dim in (2, 3):
        vectors = 2.0 * np.eye(3)[:dim]
        cells = np.eye(dim, dtype=int)
        springs = [Spring(0, 0, tuple(c.tolist()), 3.0, 3.0) for c in cells]
        crystal = mass_spring(vectors, [[0, 0, 0]], [40.0], springs)
        q = np.random.default_rng(0).random((5, dim))
        expected = HBAR2_OVER_U / 40.0 * 6.0 * np.sum(1 - np.cos(2 * np.pi * q), axis=1)
        assert np.allclose(crystal.squared_energies(q), expected[:, None], rtol=1e-13)


def test_optical_modes_lie_above_the_acoustic_ones_and_acoustic_ones_start_at_zero():
    squares = DIATOMIC.squared_energies([[0.0]])[0]
    assert np.abs(squares[:3]).max() < 1e-15
    assert squares[3] > 1e-4


def test_positions_and_reciprocal_vectors():
    places = DIATOMIC.position([[1, 2], [0, -1]])
    assert np.allclose(places, [[10, 0, 0], [-4, 0, 0]])
    assert np.allclose(DIATOMIC.reciprocal @ DIATOMIC.vectors.T, 2 * np.pi)


def test_modes_are_orthonormal_and_obey_time_reversal():
    modes = crystal_modes(helix(), [9])
    order = np.argsort(np.asarray(modes.q[:, 2] % (2 * np.pi / 3.0)))
    energies = np.asarray(modes.energies)[order]
    assert np.allclose(energies, energies[::-1], rtol=1e-10)
    assert float(modes.weights.sum()) == pytest.approx(1)
    assert float(modes.coarse.sum()) == pytest.approx(1)


def test_helical_phonons_carry_angular_momentum_odd_in_q_and_in_handedness():
    def along(handedness, q):
        modes = crystal_modes(helix(handedness=handedness), [9])
        return np.asarray(modes.angular_momentum())[q, :, 2]

    right, left, back = along(1, 0), along(-1, 0), along(1, -1)
    assert np.abs(right).max() > 0.1
    assert np.allclose(right, -left, atol=1e-9)
    assert np.allclose(right, -back, atol=1e-9)


def test_phonons_of_a_straight_chain_are_linear_and_those_of_circular_branches_circular():
    rule = ball(3, 1.0, panels=1, azimuths=4)
    straight = acoustic(rule, 0.05)
    assert np.abs(straight.angular_momentum()).max() == 0
    circular = chiral(rule, straight.energies[:, 0], shift=0.2)
    momentum = np.asarray(circular.angular_momentum())[:, 0, 2]
    assert np.allclose(np.abs(momentum), 1) and abs(momentum.sum()) < 1e-12


def test_screw_couplings_follow_the_helix():
    coupling = np.random.default_rng(1).normal(size=(3, 3))
    turned = np.asarray(screw_couplings(4, coupling))
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    assert np.allclose(turned[1], quarter @ coupling @ quarter.T)
    assert np.allclose(turned[3], quarter.T @ coupling @ quarter)


@pytest.mark.parametrize(
    ("dimension", "measure"),
    [(1, 2.0 / (2 * np.pi)), (2, 1 / (4 * np.pi)), (3, 1 / (6 * np.pi**2))],
)
def test_ball_has_the_stated_measure(dimension, measure):
    q, fine, rough = ball(dimension, 1.5, cell=2.0, panels=2, azimuths=8)
    assert np.linalg.norm(q, axis=1).max() < 1.5
    for weights in (fine, rough):
        assert weights.sum() == pytest.approx(2.0 * measure * 1.5**dimension, rel=1e-13)


@pytest.mark.parametrize("shift", [0, 0.5])
def test_every_third_point_is_a_mesh_with_the_same_shift(shift):
    chosen = mesh([6, 1, 3], shift).reshape(6, 1, 3, 3)[thirds([6, 1, 3], shift)]
    assert np.allclose(chosen.reshape(-1, 3), mesh([2, 1, 1], shift))
    weights = third_points([6, 1, 3], shift)
    assert weights.mean() == 1 and np.count_nonzero(weights) == 2


def test_mesh_contains_the_centre_only_without_a_shift():
    assert np.abs(mesh([2, 4], 0.0)).sum(axis=1).min() == 0
    assert np.abs(mesh([2, 4])).sum(axis=1).min() > 0.3


def test_thermal_factor_has_its_two_limits():
    energies = jnp.array([1e-3, 5e-3])
    assert np.array_equal(thermal_factor(energies, 0.0), [1, 1])
    assert np.allclose(thermal_factor(energies, 1.0), 1, atol=1e-4)
    hot = thermal_factor(energies, 1e6)
    assert np.allclose(hot, 2 * BOLTZMANN * 1e6 / np.asarray(energies), rtol=1e-8)


def test_function_of_a_degenerate_matrix_has_the_derivative_of_finite_differences():
    rng = np.random.default_rng(2)
    unitary = np.linalg.qr(rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))[0]
    matrix = (unitary * np.array([1.0, 1.0, 2.0, 3.0])) @ unitary.conj().T
    change = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    change = change + change.conj().T

    def power(values, p):
        return (values**p).astype(complex)

    value, slope = jax.jvp(
        lambda a, p: hermitian_function(power, a, p),
        (jnp.asarray(matrix), jnp.asarray(0.7)),
        (jnp.asarray(change), jnp.asarray(0.3)),
    )
    exact = expm(0.7 * logm(matrix))
    step = 1e-5
    ends = [expm((0.7 + s * 0.3) * logm(matrix + s * change)) for s in (step, -step)]
    assert np.allclose(value, exact, atol=1e-12)
    assert np.allclose(slope, (ends[0] - ends[1]) / (2 * step), atol=1e-7)


def test_log_trace_exp_has_second_derivatives_at_a_degeneracy():
    direction = np.diag([1.0, -1.0]) + np.array([[0, 1.0], [1.0, 0]])

    def along(t):
        return log_trace_exp(t * jnp.asarray(direction))

    curvature = jax.grad(jax.grad(along))(0.0)
    assert float(along(0.0)) == pytest.approx(np.log(2))
    assert float(curvature) == pytest.approx(2.0)  # ln 2 cosh(sqrt(2) t)


# --- refusals ---------------------------------------------------------------------------------


def test_imaginary_frequencies_are_refused_unless_asked_for():
    unstable = mass_spring([[2.0, 0, 0]], [[0, 0, 0]], [50.0], [Spring(0, 0, (1,), 5.0, -1.0)])
    with pytest.raises(InputError, match="real phonon frequencies, but one is imaginary at q"):
        crystal_modes(unstable, [9])
    with pytest.raises(InputError, match="imaginary"):
        require_stable(unstable, mesh([8]))
    with pytest.raises(InputError, match="imaginary"):
        check_squares(np.array([[-1.0]]), np.array([[0.5]]))
    assert crystal_modes(unstable, [9], allow_imaginary=True).energies.min() < 0


def test_a_polarisation_set_that_is_not_orthonormal_is_refused():
    rule = ball(1, 1.0, panels=1)
    with pytest.raises(
        InputError, match="orthonormal at every q, but the overlap of branches 0 and 1"
    ):
        acoustic(rule, 0.05, axes=[[1.0, 0, 0], [0.6, 0.8, 0]])
    with pytest.raises(InputError, match="must have shape"):
        Modes(*rule, np.ones((len(rule[0]), 2)), np.eye(3)[None, :, None], np.ones((1, 3, 1)))


def test_a_broken_sum_rule_is_warned_of_with_its_size():
    blocks = np.array([np.eye(3) * 2.1, -np.eye(3), -np.eye(3)])
    bonds = [(0, 0, 0), (0, 0, 1), (0, 0, -1)]
    with pytest.warns(AccuracyWarning, match=r"sum to 1.00e-01 eV/angstrom\^2, 4.8e-02"):
        HarmonicCrystal([[2.0, 0, 0]], [[0, 0, 0]], [50.0], blocks, bonds)
    HarmonicCrystal([[2.0, 0, 0]], [[0, 0, 0]], [50.0], blocks, bonds, pinned=True)


def test_other_wrong_arguments_are_refused():
    line = [[2.0, 0, 0]]
    with pytest.raises(InputError, match="symmetric"):
        HarmonicCrystal(line, [[0, 0, 0]], [50.0], [np.eye(3)], [(0, 0, 1)], pinned=True)
    with pytest.raises(InputError, match="`bonds` must name atoms"):
        HarmonicCrystal(line, [[0, 0, 0]], [50.0], [np.eye(3)], [(0, 1, 0)])
    with pytest.raises(InputError, match="`blocks` must have shape"):
        HarmonicCrystal(line, [[0, 0, 0]], [50.0], np.eye(3), [(0, 0, 0)])
    with pytest.raises(InputError, match="`masses` must be greater than zero"):
        mass_spring(line, [[0, 0, 0]], [0.0], [])
    with pytest.raises(InputError, match="`springs` must join different atoms"):
        mass_spring(line, [[0, 0, 0]], [1.0], [Spring(0, 0, (0,), 1.0)])
    with pytest.raises(InputError, match="`handedness`"):
        helix(handedness=0)
    with pytest.raises(InputError, match="multiples of 3"):
        check_mesh(DIATOMIC, [7], 0.5)
    with pytest.raises(InputError, match="`shift` must be 0 or 0.5"):
        check_mesh(DIATOMIC, [9], 0.3)
    with pytest.raises(InputError, match="`sites` must hold atoms from 0 to 1"):
        check_sites(DIATOMIC, [[2, 0]])
    with pytest.raises(InputError, match="`shape` must hold positive integers"):
        mesh([0])
    with pytest.raises(InputError, match="`energy` must be greater than zero"):
        optical(ball(2, 1.0), 0.0)
    with pytest.raises(InputError, match="`temperature` must not be negative"):
        thermal_factor(jnp.ones(1), -1.0)
