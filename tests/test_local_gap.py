"""Self-consistent pair potentials of finite lattices, with spins in place."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattices import IMAGINARY_PX, SQUARE, dense_spins, free_energy

from msgreen import (
    Attraction,
    ContactCoupling,
    FiniteLattice,
    Region,
    TightBinding,
    direction,
    local_gap,
    p_wave,
    s_wave,
    shell_model,
    uniform_gap,
)
from msgreen.energy.local_gap import LocalGap
from msgreen.errors import InputError
from msgreen.lattice.nambu import Pairing, double

MODEL = shell_model(SQUARE, [-1.0])
TORUS = FiniteLattice(MODEL, Region(SQUARE, (5, 5), True), fermi_energy=-1.1, temperature=0.02)
SINGLET = Attraction([s_wave(SQUARE, 1.0)], [3.0])
CENTRE, UP = [[2, 2, 0]], [[0.0, 0.0, 1.0]]


def at_spin(coupling, **options):
    scatterer = ContactCoupling(-coupling, orbitals=2)
    return local_gap(TORUS, SINGLET, scatterer, CENTRE, UP, **options)


def test_gap_without_spins_is_that_of_a_torus():
    found = at_spin(0.0)
    assert isinstance(found, LocalGap) and found.error < 1e-13
    expected = uniform_gap(TORUS, SINGLET)
    np.testing.assert_allclose(found.order_parameter(), complex(expected.amplitudes[0]), rtol=1e-9)
    np.testing.assert_allclose(found.condensation / 25, expected.condensation, rtol=1e-9)


def test_order_parameter_changes_sign_where_a_spin_binds_an_electron():
    """Suppressed by a weak spin, of the other sign at a strong one: Salkola et al., 1997.

    The transition is of first order: the gap at the spin jumps while it heals within two sites.
    """
    bare = at_spin(0.0).order_parameter()[0, 2, 2, 0].real
    profiles = [np.asarray(at_spin(c).order_parameter())[0, :, :, 0] for c in (0.5, 1.0, 3.0)]
    centre = np.array([profile[2, 2].real for profile in profiles])
    assert bare > centre[0] > centre[1] > 0.5 * bare
    assert -0.2 * bare < centre[2] < -0.02
    assert min(profile[0, 0].real for profile in profiles) > 0.9 * bare
    for profile in profiles:
        np.testing.assert_allclose(profile, profile.T, atol=1e-10)
        np.testing.assert_allclose(profile.imag, 0, atol=1e-12)
    # The phase is that of the start, and nothing else depends on it.
    turned = at_spin(1.0, start=[1.5 * np.exp(0.7j)])
    ratio = np.asarray(turned.order_parameter())[0, :, :, 0] / profiles[1]
    np.testing.assert_allclose(ratio, np.exp(0.7j), rtol=1e-8)


FLAKE = Region(SQUARE, (4, 3), removed=[(3, 2, 0)])
MIXED = [s_wave(SQUARE, 1.0), p_wave(SQUARE, 1.0, IMAGINARY_PX)]
SITES = np.array([[1, 1, 0], [2, 1, 0]])
SPINS = np.asarray(direction(jnp.array([0.4, 1.3]), jnp.array([0.3, 2.0])))


def mixed(strengths, spins):
    normal = FiniteLattice(MODEL, FLAKE, fermi_energy=-1.0, temperature=0.1)
    attraction = Attraction(MIXED, strengths)
    return local_gap(normal, attraction, ContactCoupling(-0.8, orbitals=2), SITES, spins)


def test_gap_is_stationary_by_diagonalisation():
    """A flake of mixed parity with two spins and a vacancy: the dense free energy has no slope."""
    strengths = np.array([3.0, 5.0])
    found = mixed(strengths, SPINS)
    amplitudes = np.asarray(found.amplitudes)
    assert np.abs(amplitudes).max(axis=(1, 2, 3, 4, 5)).min() > 0.1  # both channels
    assert np.abs(amplitudes.imag).max() > 1e-3  # their relative phase is found, too
    cells = found.attraction.cells
    forms = np.asarray(found.attraction.forms)
    weights = np.sum(np.abs(forms) ** 2, axis=(3, 5))

    def energy(amplitudes):
        blocks = np.einsum("cxyhab,chasbt->xyhasbt", amplitudes, forms)
        model = double(MODEL, Pairing(SQUARE, cells, blocks), -1.0, np.zeros(2))
        levels = np.linalg.eigvalsh(dense_spins(model, FLAKE, SITES, SPINS, -0.8))
        cost = np.einsum("cxyhab,chab->c", np.abs(amplitudes) ** 2, weights) @ (0.5 / strengths)
        return free_energy(levels, 0.1) + cost

    rng = np.random.default_rng(3)
    for _ in range(3):
        # What changes a bond changes it from both ends.
        field = rng.normal(size=(2, 4, 3)) + 1j * rng.normal(size=(2, 4, 3))
        ends = [field + np.roll(field, tuple(-n for n in c), axis=(1, 2)) for c in cells]
        change = np.stack(ends, axis=3)[..., None, None] * (amplitudes != 0)
        step = 1e-4
        slope = (energy(amplitudes + step * change) - energy(amplitudes - step * change)) / step
        assert abs(slope) < 1e-6 * np.abs(change).sum()
    empty = energy(0 * amplitudes)
    assert found.condensation == pytest.approx(empty - energy(amplitudes), abs=1e-9)
    # The host with this gap is one like any other.
    host = found.superconductor()
    assert host.normal.region is FLAKE and np.isfinite(host.model.bound())


def test_derivatives_of_the_local_gap():
    """With respect to an attraction and to the angle of a spin, against differences."""

    def gap_at_spin(x):
        strengths = jnp.stack([x[0], jnp.asarray(5.0)])
        spins = direction(jnp.stack([jnp.asarray(0.4), x[1]]), jnp.array([0.3, 2.0]))
        return jnp.abs(mixed(strengths, spins).order_parameter()[0, 1, 1, 0])

    x, step = jnp.array([3.0, 1.3]), 1e-4
    slope = jax.jit(jax.grad(gap_at_spin))(x)
    expected = [
        (gap_at_spin(x.at[n].add(step)) - gap_at_spin(x.at[n].add(-step))) / (2 * step)
        for n in range(2)
    ]
    np.testing.assert_allclose(slope, expected, rtol=1e-5)


def test_what_the_local_gap_refuses():
    with pytest.raises(InputError, match="`normal` must be a FiniteLattice"):
        local_gap(TightBinding(MODEL, temperature=0.1), SINGLET)
    with pytest.raises(InputError, match="must come with `scatterer` and `sites`"):
        local_gap(TORUS, SINGLET, directions=UP)
    with pytest.raises(InputError, match="the lattice and the orbitals"):
        local_gap(TORUS, Attraction([s_wave(SQUARE, 1.0, orbitals=2)], [1.0]))
    large = FiniteLattice(MODEL, Region(SQUARE, (40, 40)), temperature=0.1)
    with pytest.raises(InputError, match="at most 4096 rows"):
        local_gap(large, SINGLET)
