"""Self-consistent pair potentials, and temperature as a parameter of what they do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattices import IMAGINARY_PX, SQUARE, dense_matrix, free_energy, paper_superconductor
from scipy.optimize import brentq

from msgreen import ContactCoupling, SpinPairs, matsubara
from msgreen.energy.occupation import fermi_matrix, level_free_energy
from msgreen.energy.uniform_gap import UniformGap, _check_solution, _Doubts, uniform_gap
from msgreen.errors import InputError
from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.hosts.superconductor import Superconductor
from msgreen.hosts.tight_binding import TightBinding
from msgreen.lattice import Region, bloch_matrix, grid, shell_model
from msgreen.lattice.attraction import Attraction
from msgreen.lattice.nambu import d_wave, double, on_cells, p_wave, s_wave

COUPLING = ContactCoupling(-1.5, orbitals=2)
NEIGHBOURS = np.array([[3, 3, 0], [4, 3, 0]])


def test_derivative_of_the_dmi_with_respect_to_temperature():
    def dmi(temperature):
        host = paper_superconductor(7, temperature=temperature, singlet=0.2, triplet=0.3)
        contour = matsubara(temperature, 0.0, ratio=1024.0, accuracy=1e-12)
        return SpinPairs(host, COUPLING, NEIGHBOURS, [[0, 1]], contour).fit().D[0, 2]

    value, slope = jax.jit(jax.value_and_grad(dmi))(0.05)
    step = 1e-4
    far, near = ([float(dmi(0.05 + s * h)) for s in (1, -1)] for h in (2 * step, step))
    expected = (8 * (near[0] - near[1]) - (far[0] - far[1])) / (12 * step)
    assert slope == pytest.approx(expected, rel=1e-7)
    # The contour of the host covers the same levels with another rule.
    host = paper_superconductor(7, temperature=jnp.array(0.05), singlet=0.2, triplet=0.3)
    found = SpinPairs(host, COUPLING, NEIGHBOURS, [[0, 1]]).fit().D[0, 2]
    assert value == pytest.approx(float(found), abs=1e-10)


def test_contour_of_a_traced_temperature_must_be_given():
    def energy(temperature):
        host = paper_superconductor(5, temperature=temperature)
        return host.contour([[0, 0, 0]]).weights[0].imag

    with pytest.raises(InputError, match="`contour` must be given while JAX traces the temp"):
        jax.grad(energy)(0.1)


def metal(temperature, mesh=64, mu=-1.0):
    model = shell_model(SQUARE, [-1.0])
    return TightBinding(model, fermi_energy=mu, temperature=temperature, mesh=mesh)


def attraction(strength):
    return Attraction([s_wave(SQUARE, 1.0)], jnp.asarray(strength, float)[None])


def bcs(gap, temperature, strength, mesh=64, mu=-1.0):
    """1 - V <tanh(E / 2T) / 2E>, which vanishes at the gap of s-wave superconductors."""
    axis = 2 * np.pi * np.arange(mesh) / mesh
    level = -2 * (np.cos(axis)[:, None] + np.cos(axis)) - mu
    energy = np.sqrt(level**2 + gap**2)
    return 1 - strength * np.mean(np.tanh(energy / (2 * temperature)) / (2 * energy))


def test_gap_of_bcs():
    """Gap, critical temperature, square root and condensation energy of weak coupling."""
    strength, cold = 2.0, uniform_gap(metal(0.005), attraction(2.0))
    gap = float(cold.amplitudes[0])
    assert gap == pytest.approx(brentq(lambda d: bcs(d, 0.005, strength), 0.01, 2.0), rel=1e-9)
    critical = brentq(lambda t: bcs(1e-9, t, strength), 0.02, 1.0)
    assert gap / critical == pytest.approx(np.pi / np.exp(np.euler_gamma), rel=0.02)
    near = uniform_gap(metal(0.99 * critical), attraction(strength)).amplitudes[0]
    assert near / gap == pytest.approx(1.74 * 0.1, rel=0.03)
    above = uniform_gap(metal(1.05 * critical), attraction(strength))
    assert abs(above.amplitudes[0]) < 1e-9 and abs(above.condensation) < 1e-15
    levels = np.linalg.eigvalsh(bloch_of(cold))
    normal = np.linalg.eigvalsh(bloch_of(above))
    gained = (free_energy(normal, 0.005) - free_energy(levels, 0.005)) / 64**2
    assert cold.condensation == pytest.approx(gained - gap**2 / strength, abs=1e-12)


def test_gap_vanishes_beyond_the_band():
    """What paper O expects of its Fig. 3(b): no electrons at the Fermi energy, no gap."""
    inside, outside = (
        float(uniform_gap(metal(0.005, mu=mu), attraction(2.0)).amplitudes[0]) for mu in (-3, -4.5)
    )
    expected = brentq(lambda d: bcs(d, 0.005, 2.0, mu=-3), 1e-3, 2.0)
    assert inside == pytest.approx(expected, rel=1e-8) and abs(outside) < 1e-9


def bloch_of(found: UniformGap):
    model = found.superconductor(gap=1e-3).model
    return np.asarray(bloch_matrix(model.matrices(), model.cells, grid(found.mesh)))


def test_derivatives_of_the_gap():
    """By implicit differentiation, against differences."""

    def amplitude(strength, temperature):
        return uniform_gap(metal(temperature), attraction(strength)).amplitudes[0]

    slopes = jax.jit(jax.grad(amplitude, (0, 1)))(3.0, 0.3)
    step = 1e-4
    expected = [
        (amplitude(3.0 + step, 0.3) - amplitude(3.0 - step, 0.3)) / (2 * step),
        (amplitude(3.0, 0.3 + step) - amplitude(3.0, 0.3 - step)) / (2 * step),
    ]
    np.testing.assert_allclose(slopes, expected, rtol=1e-6)


def test_error_of_the_mesh_is_honest():
    exact = uniform_gap(metal(0.02, 64), attraction(3.0)).amplitudes
    for mesh in (12, 16):
        found = uniform_gap(metal(0.02), attraction(3.0), mesh=mesh)
        assert 0 < abs(found.amplitudes - exact)[0] <= found.error[0]
    chosen = uniform_gap(metal(0.02, None), attraction(3.0))
    assert chosen.error[0] < 1e-6 and abs(chosen.amplitudes - exact)[0] < 1e-9


@pytest.mark.parametrize("winding", [0, 1])
def test_gap_of_a_torus_by_dense_diagonalisation(winding):
    """p-wave on bonds, also with a supercurrent; blind iteration of dense matrices agrees."""
    form, size = p_wave(SQUARE, 1.0, IMAGINARY_PX), 4
    momentum, region = np.array([winding / size, 0.0]), Region(SQUARE, (size, size), True)
    normal = FiniteLattice(shell_model(SQUARE, [-1.0]), region, fermi_energy=-1.1, temperature=0.05)
    found = uniform_gap(normal, Attraction([form], [4.0]), pair_momentum=momentum)
    amplitude = 2.0
    for _ in range(60):
        pairing = p_wave(SQUARE, amplitude, IMAGINARY_PX)
        host = Superconductor(normal, pairing, pair_momentum=momentum)
        levels, vectors = np.linalg.eigh(dense_turning(host, region))
        density = (vectors / (1 + np.exp(levels / 0.05))) @ vectors.conj().T
        density = density.reshape(size, size, 2, 2, size, size, 2, 2)
        block = density[1, 1, :, 0, 2, 1, :, 1]
        phase = np.exp(-2j * np.pi * winding * 1.5 / size)
        unit = np.asarray(form.blocks)[form.cells.index((1, 0)), 0, :, 0]
        amplitude = -4.0 * (np.vdot(unit, block * phase) / np.vdot(unit, unit)).real
    assert amplitude > 0.1
    assert found.amplitudes[0] == pytest.approx(amplitude, rel=1e-8)
    assert found.error[0] == 0


def dense_turning(host, region):
    """The dense matrix in the gauge where the pair potential turns in space."""
    matrix, names = dense_matrix(double(host.normal.model, host.pairing, -1.1, np.zeros(2)), region)
    x = np.array([name[0] for name in names])
    middle = (x[:, None] + x) / 2
    # Bonds across the seam have their middle outside.
    middle = np.where(np.abs(x[:, None] - x) > 1, middle + region.shape[0] / 2, middle)
    phase = np.exp(2j * np.pi * float(host.pair_momentum[0]) * middle)
    matrix = matrix.reshape(len(x), 2, 2, len(x), 2, 2).copy()
    matrix[:, :, 0, :, :, 1] *= phase[:, None, :, None]
    matrix[:, :, 1, :, :, 0] *= phase.conj()[:, None, :, None]
    return matrix.reshape(4 * len(x), -1)


def test_channels_add_up_to_the_pair_potential():
    forms = [s_wave(SQUARE, 1.0), p_wave(SQUARE, 1.0, IMAGINARY_PX)]
    found = Attraction(forms, [1.0, 1.0]).pairing(jnp.array([0.1, 0.2]))
    expected = s_wave(SQUARE, 0.1) + p_wave(SQUARE, 0.2, IMAGINARY_PX)
    moved = on_cells(expected.cells, expected.blocks, found.cells)
    np.testing.assert_allclose(found.blocks, moved, atol=1e-15)


def test_gap_opens_like_a_root_at_the_critical_temperature():
    def linear(temperature):
        k = 2 * np.pi * np.arange(64) / 64
        levels = -2 * (np.cos(k)[:, None] + np.cos(k)) + 1.0
        return 3.0 * np.mean(np.tanh(levels / (2 * temperature)) / (2 * levels)) - 1

    critical = brentq(linear, 0.05, 2.0)
    gaps = [
        float(uniform_gap(metal(critical * (1 - away)), attraction(3.0)).amplitudes[0])
        for away in (1e-6, 1e-4, -1e-6)
    ]
    assert gaps[1] / gaps[0] == pytest.approx(10.0, rel=1e-3)
    assert abs(gaps[2]) < 1e-12


@pytest.mark.slow
def test_gap_that_a_coarse_mesh_does_not_see():
    """0.0062244 eV by the scalar sum over 4096^2 points."""
    cold = metal(0.001, mesh=None, mu=-3.0)
    coarse = uniform_gap(cold, attraction(1.5), mesh=32)
    assert coarse.error[0] > 0.0062244 - coarse.amplitudes[0] > 0.006
    found = uniform_gap(cold, attraction(1.5))
    assert abs(found.amplitudes[0] - 0.0062244) < found.error[0] < 0.006
    warm = uniform_gap(metal(0.3, mesh=None, mu=-3.0), attraction(1.5))
    assert abs(warm.amplitudes[0]) < 1e-12 and warm.error[0] < 1e-12


def test_what_the_gap_equation_refuses():
    flake = FiniteLattice(shell_model(SQUARE, [-1.0]), Region(SQUARE, (4, 4)), temperature=0.1)
    with pytest.raises(InputError, match="infinite or closed in all directions"):
        uniform_gap(flake, attraction(1.0))
    extended = d_wave(SQUARE, np.exp(0.7j), np.eye(2))
    mixed = Attraction([s_wave(SQUARE, 1.0), extended], [2.0, 4.0])
    with pytest.raises(InputError, match="relative phases are stationary"):
        uniform_gap(metal(0.1, 16), mixed)
    with pytest.raises(InputError, match="`start` must lead to a stable solution"):
        uniform_gap(metal(0.1), attraction(3.0), start=[0.0])
    left = _Doubts(np.array([1e-3]), np.zeros(1), np.eye(1))
    with pytest.raises(InputError, match="`start` must lead to a solution .* is 1.0e-03 eV"):
        _check_solution(left, np.array([0.1]))
    with pytest.raises(InputError, match="`mesh` must be given while JAX traces"):
        jax.jit(lambda t: uniform_gap(metal(t, None), attraction(1.0)).amplitudes)(0.1)
    with pytest.raises(InputError, match="`mesh` must be even"):
        uniform_gap(metal(0.1), attraction(1.0), mesh=7)
    with pytest.raises(InputError, match="of one lattice with the same orbitals"):
        Attraction([s_wave(SQUARE, 1.0), s_wave(SQUARE, 1.0, orbitals=2)], [1.0, 1.0])
    with pytest.raises(InputError, match="must not vanish"):
        Attraction([s_wave(SQUARE, 0.0)], [1.0])


def test_occupation_at_crossings_and_zero_temperature():
    """The derivative of f(H) is that of its levels where they coincide, also at zero energy."""
    matrix = jnp.zeros((2, 2), complex)
    change = jnp.array([[1.0, 0.3], [0.3, -0.5]], complex)
    _, slope = jax.jvp(lambda m: fermi_matrix(m, 0.1), (matrix,), (change,))
    np.testing.assert_allclose(slope, -change / 0.4, atol=1e-14)
    cold = fermi_matrix(jnp.diag(jnp.array([-1.0, 2.0])).astype(complex), 0.0)
    np.testing.assert_allclose(cold, np.diag([1.0, 0.0]), atol=1e-15)
    assert level_free_energy(jnp.array([-1.0, 2.0]), 0.0) == -1.0
