"""The Landau-Lifshitz-Gilbert equation against closed forms, spin waves and thermal averages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.simulation import Trajectory, spin_dynamics
from msgreen.spinmodel import SpinModel, Term, spin_waves
from msgreen.units import HBAR_FS

FIELD = SpinModel([Term("field", [[0]], [[0.0, 0.0, 0.001]])])
X = [[1.0, 0.0, 0.0]]
TRIMER = SpinModel(
    [
        Term("exchange", [[0, 1], [1, 2], [2, 0]], [-0.004, -0.003, -0.005]),
        Term("chiral_three_site", [[0, 1, 2]], [[0.001, 0.002, 0.0]]),
        Term("biquadratic", [[0, 1]], [0.002]),
    ]
)


pytestmark = pytest.mark.computing


def random_spins(seed, *shape):
    spins = np.random.default_rng(seed).normal(size=(*shape, 3))
    return spins / np.linalg.norm(spins, axis=-1, keepdims=True)


def test_one_spin_spirals_into_its_field():
    """tan(theta/2) falls as exp(-alpha w t), and phi turns as w t."""
    alpha, moment = 0.1, 2.5
    rate = 2 * 0.001 / (HBAR_FS * moment * (1 + alpha**2))
    found = spin_dynamics(FIELD, X, moments=moment, step=2.0, steps=2000, damping=alpha, every=100)
    x, y, z = np.moveaxis(np.asarray(found.directions[:, 0]), -1, 0)
    time = np.asarray(found.time)
    np.testing.assert_allclose(np.sqrt((1 - z) / (1 + z)), np.exp(-alpha * rate * time), rtol=1e-5)
    np.testing.assert_allclose(np.unwrap(np.arctan2(y, x)), rate * time, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(found.energy, -0.001 * z, rtol=1e-12)
    assert isinstance(found, Trajectory) and time[-1] == 4000.0


def test_energy_is_kept_to_the_order_of_the_integrator():
    start, drift = random_spins(1, 3), []
    for step in (4.0, 2.0, 1.0):
        count = int(2000 / step)
        found = spin_dynamics(TRIMER, start, moments=2.0, step=step, steps=count, every=count // 20)
        drift.append(np.ptp(found.energy))
        np.testing.assert_allclose(np.linalg.norm(found.directions, axis=-1), 1, atol=1e-12)
    assert drift[1] < drift[0] / 3.5 and drift[2] < drift[1] / 3.5
    assert drift[2] < 1e-5 * abs(float(TRIMER.energy(start)))


def test_small_precession_is_a_spin_wave():
    """A wave of one wave vector on a chain with an anisotropy."""
    terms = [
        Term("exchange", [[0, 0]], [-0.01], [[[0], [1]]]),
        Term("anisotropy", [[0]], [np.diag([0.0, 0.0, -0.002])], [[[0]]]),
    ]
    model = SpinModel(terms, lattice=Lattice.chain())
    count, wave, moment = 16, 3 / 16, 1.7
    up = [[0.0, 0.0, 1.0]]
    (energy,) = spin_waves(model, up, [[wave]], moments=moment).energies[0]
    phase = 2 * np.pi * wave * np.arange(count)
    tilt = 1e-4
    start = np.stack([tilt * np.cos(phase), tilt * np.sin(phase), np.ones(count)], -1)[:, None]
    start /= np.linalg.norm(start, axis=-1, keepdims=True)
    period = 2 * np.pi * HBAR_FS / energy
    found = spin_dynamics(model, start, moments=moment, step=period / 800, steps=1600, every=100)
    x, y, _ = np.moveaxis(np.asarray(found.directions[:, 0, 0]), -1, 0)
    turned = np.unwrap(np.arctan2(y, x))
    slope = np.polyfit(np.asarray(found.time), turned, 1)[0]
    assert slope * HBAR_FS == pytest.approx(energy, rel=1e-4)


def test_noise_leads_to_the_thermal_average():
    """Langevin's function of b/(k_B T), whatever the damping and the moment."""
    kt = 0.0005
    start = np.tile([[0.0, 0.0, 1.0]], (2000, 1, 1))
    for alpha, moment in ((0.5, 1.0), (1.0, 3.0)):
        found = spin_dynamics(
            FIELD,
            start,
            moments=moment,
            step=20.0 * moment,
            steps=1000,
            every=50,
            damping=alpha,
            temperature=kt,
        )
        z = np.asarray(found.directions[8:, :, 0, 2])
        exact = 1 / np.tanh(2.0) - 0.5
        assert abs(z.mean() - exact) < 4 * z.mean(axis=0).std() / np.sqrt(2000) < 0.02


def test_a_trajectory_can_be_differentiated():
    """With respect to an interaction and the damping, against differences."""
    start = random_spins(2, 3)

    def end(values, damping):
        term = Term("exchange", [[0, 1], [1, 2], [2, 0]], values)
        model = SpinModel([term, *TRIMER.terms[1:]])
        found = spin_dynamics(model, start, moments=2.0, step=2.0, steps=40, damping=damping)
        return jnp.sum(found.directions[-1, :, 2] * jnp.arange(1.0, 4.0))

    values, damping = jnp.array([-0.004, -0.003, -0.005]), jnp.asarray(0.1)
    slopes = jax.grad(end, argnums=(0, 1))(values, damping)
    h = 1e-6
    for n in range(3):
        step = h * np.eye(3)[n]
        numeric = (end(values + step, damping) - end(values - step, damping)) / (2 * h)
        np.testing.assert_allclose(slopes[0][n], numeric, rtol=1e-6)
    numeric = (end(values, damping + h) - end(values, damping - h)) / (2 * h)
    np.testing.assert_allclose(slopes[1], numeric, rtol=1e-6)


def test_a_driving_field_turns_the_spin():
    """In a frame that turns with a resonant field the spin turns about it."""
    moment, drive = 1.0, 2e-5
    rate = 2 / (HBAR_FS * moment)
    omega = rate * 0.001

    def field(time):
        return drive * jnp.array([jnp.cos(omega * time), jnp.sin(omega * time), 0.0])

    up = [[0.0, 0.0, 1.0]]
    found = spin_dynamics(FIELD, up, moments=moment, step=5.0, steps=4000, every=400, field=field)
    np.testing.assert_allclose(
        found.directions[:, 0, 2], np.cos(rate * drive * np.asarray(found.time)), atol=1e-4
    )


def test_bad_input():
    with pytest.raises(InputError, match="`damping` must be greater than zero at finite"):
        spin_dynamics(FIELD, X, moments=1.0, step=1.0, steps=1, temperature=0.01)
    with pytest.raises(InputError, match="`moments` must be greater than zero"):
        spin_dynamics(FIELD, X, moments=0.0, step=1.0, steps=1)
    with pytest.raises(InputError, match="`moments` must have shape"):
        spin_dynamics(FIELD, X, moments=[1.0, 1.0], step=1.0, steps=1)
    with pytest.raises(InputError, match="`temperature` must not be negative"):
        spin_dynamics(FIELD, X, moments=1.0, step=1.0, steps=1, temperature=-0.01)
    with pytest.raises(InputError, match="`steps` must be an integer"):
        spin_dynamics(FIELD, X, moments=1.0, step=1.0, steps=0)
