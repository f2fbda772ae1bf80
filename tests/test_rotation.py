"""Derivatives on the sphere: closed forms, autodiff, and finite rotations with diagonalisation."""

import functools
import itertools
from math import factorial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import dimer, dimer_taylor, random_cluster, random_spins, ring
from scipy.spatial.transform import Rotation

from msgreen import (
    LloydEnergy,
    closed_hessian,
    closed_multilinear_tensor,
    closed_rotation_tensor,
    effective_field,
    hessian,
    imaginary_axis,
    loop_tensors,
    multilinear_tensor,
    rotation_tensor,
    torque,
)
from msgreen.errors import InputError
from msgreen.exchange.taylor import polarised_derivative
from msgreen.spin.algebra import tangent_frame

SYSTEM = random_cluster(21, sites=4, orbitals=2, coupling=0.5)
SPINS = random_spins(22, 4)


def fine(system):
    """On a contour good to rounding."""
    levels = np.linalg.eigvalsh(system.matrix()) - system.fermi_energy
    width = 2 * np.abs(levels).max() + 2
    axis = imaginary_axis(system.fermi_energy, gap=system.gap, bandwidth=width, accuracy=1e-13)
    return LloydEnergy(system.host, system.scatterer, system.sites, axis)


@pytest.fixture(scope="module")
def lloyd():
    return fine(SYSTEM)


@pytest.fixture(scope="module")
def second(lloyd):
    return np.asarray(hessian(lloyd.energy, SPINS))


def rotated(spins, site, tangent):
    """One spin moved along a geodesic, with scipy."""
    moved = np.array(spins)
    u, v = np.asarray(tangent_frame(spins[site]))
    axis = np.cross(spins[site], tangent[0] * u + tangent[1] * v)
    moved[site] = Rotation.from_rotvec(axis).apply(spins[site])
    return moved


def geodesic_energy(system, spins, tangents):
    for site, tangent in tangents.items():
        spins = rotated(spins, site, tangent)
    return system.energy(spins)


def mixed_difference(system, spins, components, step):
    """Central mixed difference in the geodesic coordinates of different sites."""
    total = 0.0
    for signs in itertools.product([1, -1], repeat=len(components)):
        tangents = {
            site: step * sign * np.eye(2)[axis]
            for (site, axis), sign in zip(components, signs, strict=True)
        }
        total += np.prod(signs) * geodesic_energy(system, spins, tangents)
    return total / (2 * step) ** len(components)


def extrapolated(system, spins, components, step):
    small, large = (mixed_difference(system, spins, components, s) for s in (step, 2 * step))
    return (4 * small - large) / 3


def test_torque_is_the_slope_of_finite_rotations(lloyd):
    """A rotation of spin i by a small angle about n raises the energy by angle n.torque_i."""
    found = np.asarray(torque(lloyd.energy, SPINS))
    assert np.abs(found).max() > 1e-3
    h = 1e-3
    for site, axis in [(0, [1, 0, 0]), (2, [0, 1, 0]), (3, [0.6, 0, 0.8])]:
        values = []
        for step in (-2, -1, 1, 2):
            spins = SPINS.copy()
            spins[site] = Rotation.from_rotvec(step * h * np.array(axis)).apply(spins[site])
            values.append(SYSTEM.energy(spins))
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
        np.testing.assert_allclose(found[site] @ axis, slope, rtol=0, atol=1e-10)


def test_field_and_torque(lloyd):
    field, turn = effective_field(lloyd.energy, SPINS), torque(lloyd.energy, SPINS)
    np.testing.assert_allclose(np.sum(field * SPINS, axis=1), 0, atol=1e-14)
    np.testing.assert_allclose(np.cross(SPINS, field), turn, atol=1e-13)


def test_hessian_closed_and_autodiff(lloyd, second):
    np.testing.assert_allclose(closed_hessian(lloyd, SPINS).value, second, rtol=0, atol=1e-10)
    np.testing.assert_allclose(second, second.transpose(2, 3, 0, 1), rtol=0, atol=1e-13)


def test_hessian_is_that_of_finite_rotations(second):
    for site, other in [(0, 1), (2, 3)]:
        for a, b in itertools.product(range(2), repeat=2):
            slope = extrapolated(SYSTEM, SPINS, [(site, a), (other, b)], 5e-3)
            np.testing.assert_allclose(second[site, a, other, b], slope, rtol=0, atol=1e-8)
    h = 1e-2
    for site in (1, 3):  # the diagonal blocks along a geodesic in a general direction
        along = np.array([0.6, -0.8])
        values = [geodesic_energy(SYSTEM, SPINS, {site: s * h * along}) for s in range(-2, 3)]
        curve = np.dot([-1, 16, -30, 16, -1], values) / (12 * h**2)
        block = along @ second[site, :, site, :] @ along
        np.testing.assert_allclose(block, curve, rtol=0, atol=1e-7)


def test_hessian_without_onsite_blocks_and_collinear():
    system = ring(6)
    lloyd = LloydEnergy(system.host, system.scatterer, system.sites, onsite=False)
    spins = np.array([[0, 0, 1.0], [0, 0, -1.0]] * 3)
    found = hessian(lloyd.energy, spins)
    np.testing.assert_allclose(closed_hessian(lloyd, spins).value, found, rtol=0, atol=1e-10)


def test_uniform_rotations_cost_nothing():
    """Without spin-orbit coupling: no total torque; the Hessian maps rotations to turned fields."""
    system = random_cluster(23, sites=3, orbitals=2, spin_orbit=0.0)
    lloyd = fine(system)
    spins = random_spins(24, 3)
    np.testing.assert_allclose(torque(lloyd.energy, spins).sum(axis=0), 0, atol=1e-11)
    frame, second = np.asarray(tangent_frame(spins)), hessian(lloyd.energy, spins)
    field = np.asarray(effective_field(lloyd.energy, spins))
    for axis in np.eye(3):
        flow = np.einsum("iak,ik->ia", frame, np.cross(axis, spins))
        turned = np.einsum("iak,ik->ia", frame, np.cross(axis, field))
        np.testing.assert_allclose(np.einsum("iajb,jb->ia", second, flow), turned, atol=1e-10)
    ferromagnet = np.tile(random_spins(25), (3, 1))
    np.testing.assert_allclose(torque(lloyd.energy, ferromagnet), 0, atol=1e-11)
    rows = np.einsum("iajb->iab", np.asarray(hessian(lloyd.energy, ferromagnet)))
    np.testing.assert_allclose(rows, 0, atol=1e-11)


@pytest.mark.parametrize("sites", [(1, 3), (2, 0, 1)])
def test_rotation_tensor_closed_and_autodiff(lloyd, sites):
    found = rotation_tensor(lloyd.energy, SPINS, sites)
    closed = closed_rotation_tensor(lloyd, SPINS, sites).value
    np.testing.assert_allclose(closed, found, rtol=0, atol=1e-10)


@pytest.mark.parametrize("sites", [(1, 3), (2, 0, 1), (0, 3, 1, 2)])
def test_rotation_tensor_is_that_of_finite_rotations(lloyd, sites):
    found = np.asarray(closed_rotation_tensor(lloyd, SPINS, sites).value)
    scale = np.abs(found).max()
    assert scale > 1e-5
    step = {2: 5e-3, 3: 2e-2, 4: 5e-2}[len(sites)]
    for index in [(0,) * len(sites), (0, 1, 1, 0)[: len(sites)]]:
        slope = extrapolated(SYSTEM, SPINS, list(zip(sites, index, strict=True)), step)
        np.testing.assert_allclose(found[index], slope, rtol=0, atol=1e-3 * scale)


def test_rotation_tensor_of_two_sites_is_a_block_of_the_hessian(lloyd, second):
    for sites in [(0, 2), (1, 1)]:
        block = rotation_tensor(lloyd.energy, SPINS, sites)
        np.testing.assert_allclose(block, second[sites[0], :, sites[1]], rtol=0, atol=1e-13)


def test_sixth_order_is_that_of_finite_rotations():
    """A ring of six sites about a spiral, the sites in an order of their own."""
    system = ring(6, coupling=0.6)
    angle = 0.9 * np.arange(6)
    spiral = np.stack([np.cos(angle), np.sin(angle), 0.2 + 0 * angle], axis=1)
    spiral /= np.linalg.norm(spiral, axis=1)[:, None]
    sites, index = (3, 0, 5, 1, 4, 2), (0, 1, 0, 0, 1, 1)
    closed = np.asarray(closed_rotation_tensor(fine(system), spiral, sites).value)
    slope = extrapolated(system, spiral, list(zip(sites, index, strict=True)), 0.1)
    np.testing.assert_allclose(closed[index], slope, rtol=0, atol=1e-2 * np.abs(closed).max())


def test_multilinear_tensor_closed_and_autodiff(lloyd):
    found = multilinear_tensor(lloyd.energy, 4, (1, 3))
    closed = closed_multilinear_tensor(lloyd, (1, 3)).value
    np.testing.assert_allclose(closed, found, rtol=0, atol=1e-11)


@pytest.mark.parametrize("sites", [(1, 3), (2, 0, 3, 1)])
def test_multilinear_tensor_is_the_sum_of_all_loops(lloyd, sites):
    found = np.asarray(closed_multilinear_tensor(lloyd, sites).value)
    loops = (
        [sites]
        if len(sites) == 2
        else [sites[:1] + p for p in itertools.permutations(sites[1:]) if p[0] < p[-1]]
    )
    total = np.zeros_like(found)
    for loop in loops:
        tensor, _ = loop_tensors(
            SYSTEM.host, SYSTEM.scatterer, lloyd.path, SYSTEM.sites, np.array([loop])
        )
        total += np.asarray(tensor[0]).transpose([loop.index(s) for s in sites])
    np.testing.assert_allclose(total, found, rtol=0, atol=1e-11)


# The exactly solvable dimer: E(x), x = e_1 . e_2, about perpendicular spins.

PERPENDICULAR = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def plane_components():
    """Tangent components that move spin 0 towards spin 1, and spin 1 towards spin 0."""
    frame = np.asarray(tangent_frame(PERPENDICULAR))
    return frame[0] @ PERPENDICULAR[1], frame[1] @ PERPENDICULAR[0]


def sine_series(coefficients, order):
    """d^order/du^order of sum_n c_n sin(u)^n at u = 0."""
    sine = np.zeros(order + 1)
    factorial = np.cumprod([1.0, *range(1, order + 1)])
    sine[1::2] = [(-1) ** k for k in range(len(sine[1::2]))] / factorial[1::2]
    power, total = np.eye(order + 1)[0], np.zeros(order + 1)
    for c in coefficients[: order + 1]:
        total += c * power
        power = np.convolve(power, sine)[: order + 1]
    return total[order] * factorial[order]


@pytest.fixture(scope="module")
def derivatives():
    """d^n E / du^n of orders 1 to 4 when the spins are turned towards each other by u in all."""
    lloyd = fine(dimer())
    towards = plane_components()
    found = []
    for order, sites in enumerate([(0,), (0, 1), (0, 1, 0), (0, 1, 0, 1)], start=1):
        tensor = rotation_tensor(lloyd.energy, PERPENDICULAR, sites)
        assert tensor.shape == (2,) * order
        value = functools.reduce(lambda t, s: np.tensordot(towards[s], t, 1), sites, tensor)
        found.append(float(value))
    return found


@pytest.mark.slow
def test_dimer_through_fourth_order(derivatives):
    """From derivatives back to the Taylor coefficients of E(x), which are known exactly."""
    exact = dimer_taylor(4)
    np.testing.assert_allclose(exact[1:4], [0.03789520, 0.00364484, 0.00059366], atol=5e-9)
    found = [exact[0]]
    factorial = np.cumprod([1.0, *range(1, 5)])
    for order, derivative in enumerate(derivatives, start=1):
        rest = derivative - sine_series(found, order)
        found.append(rest / factorial[order])
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("order", [2, 4, 6])
def test_dimer_about_a_reference_to_sixth_order(order):
    """One spin turned in the plane: x = sin u, so that d^n E / du^n follows from E(x)."""
    lloyd = fine(dimer())
    sites = (1,) * order
    found = rotation_tensor(lloyd.about(PERPENDICULAR, order), PERPENDICULAR, sites)
    towards = plane_components()[1]
    value = functools.reduce(lambda t, _: np.tensordot(towards, t, 1), sites, found)
    taylor = dimer_taylor(6)
    sine = np.polynomial.Polynomial([0, 1, 0, -1 / 6, 0, 1 / 120])
    exact = sum(c * sine**n for n, c in enumerate(taylor)).coef[order] * factorial(order)
    np.testing.assert_allclose(float(value), exact, rtol=1e-7)


def test_expansion_about_a_reference(lloyd):
    """Exact to the order asked for: the error of small rotations falls with the next power."""
    tilt = tangent_frame(SPINS)[:, 0]
    errors = []
    for angle in (0.1, 0.05):
        turned = np.cos(angle) * SPINS + np.sin(angle) * np.asarray(tilt)
        change = lloyd.about(SPINS, 3)(jnp.asarray(turned))
        errors.append(abs(float(change - (lloyd(turned) - lloyd(SPINS)))))
    assert 2**3.5 < errors[0] / errors[1] < 2**4.5
    with pytest.raises(InputError, match="`order` must be an integer of at least 1"):
        lloyd.about(SPINS, 0)


def test_taylor_mode_is_the_closed_form(lloyd):
    """Directional derivatives along sums of tangent vectors give the mixed ones."""
    found = polarised_derivative(lloyd.about(SPINS, 2), (0, 1))
    np.testing.assert_allclose(
        found, closed_hessian(lloyd, SPINS).value[0, :, 1], rtol=0, atol=1e-12
    )


def test_dimer_about_the_ferromagnet():
    """A polynomial in x has the Hessian E'(1) times that of x about parallel spins."""
    system = dimer()
    spins = np.array([[0, 0, 1.0]] * 2)
    found = np.asarray(hessian(fine(system).energy, spins))
    x = 1 - 1e-3 * np.arange(3)
    energies = [system.energy([[0, 0, 1.0], [np.sqrt(1 - c**2), 0, c]]) for c in x]
    slope = (3 * energies[0] - 4 * energies[1] + energies[2]) / 2e-3
    np.testing.assert_allclose(found[0, :, 1, :], slope * np.eye(2), rtol=1e-3, atol=1e-12)
    np.testing.assert_allclose(found[0, :, 0, :], -slope * np.eye(2), rtol=1e-3, atol=1e-12)


def test_dimer_at_quarter_filling():
    """One electron: E = -sqrt(a + b sqrt((1 + x)/2)), with a branch point at antiparallel spins.

    About perpendicular spins the expansion exists and is reproduced. At x = -1 the two lowest
    levels touch, the gap closes, and the energy has a cusp there: no second derivative exists.
    """
    system = dimer("quarter")
    lloyd = fine(system)
    exact = dimer_taylor(2, "quarter")
    towards = plane_components()
    first = rotation_tensor(lloyd.energy, PERPENDICULAR, (0,)) @ towards[0]
    mixed = towards[0] @ rotation_tensor(lloyd.energy, PERPENDICULAR, (0, 1)) @ towards[1]
    np.testing.assert_allclose([first, mixed], [exact[1], 2 * exact[2]], rtol=0, atol=1e-9)

    def lowest(angle):
        return np.linalg.eigvalsh(system.matrix([[0, 0, 1.0], [np.sin(angle), 0, -np.cos(angle)]]))

    gaps = [np.diff(lowest(a)[:2])[0] for a in (0.0, 0.01, 0.02)]
    np.testing.assert_allclose(gaps[0], 0, atol=1e-12)
    np.testing.assert_allclose(gaps[2] / gaps[1], 2, rtol=1e-3)
    second = [(lowest(a)[0] - 2 * lowest(0)[0] + lowest(-a)[0]) / a**2 for a in (1e-2, 1e-3)]
    np.testing.assert_allclose(second[1] / second[0], 10, rtol=1e-2)


def test_derivatives_accept_any_energy():
    energy = lambda s: jnp.sum(s[0] * s[1]) ** 2 + s[0, 2]  # noqa: E731
    spins = jnp.asarray(random_spins(26, 2))
    gradient = jax.grad(energy)(spins)
    np.testing.assert_allclose(torque(energy, spins), np.cross(spins, gradient), atol=1e-14)
    found = multilinear_tensor(energy, 2, (0, 1, 0, 1))
    delta = np.eye(3)
    expected = np.einsum("ab,cd->acbd", delta, delta)
    expected = 2 * (np.einsum("ab,cd->abcd", delta, delta) + np.einsum("ad,cb->abcd", delta, delta))
    np.testing.assert_allclose(found, expected, atol=1e-14)


@pytest.mark.parametrize("function", [torque, effective_field, hessian])
def test_directions_refused(lloyd, function):
    with pytest.raises(InputError, match="`directions` must hold unit vectors"):
        function(lloyd.energy, 2 * SPINS)
    with pytest.raises(InputError, match="`directions` must be finite"):
        function(lloyd.energy, np.full((4, 3), np.nan))


def test_sites_refused(lloyd):
    for call in (
        lambda s: rotation_tensor(lloyd.energy, SPINS, s),
        lambda s: multilinear_tensor(lloyd.energy, 4, s),
        lambda s: closed_rotation_tensor(lloyd, SPINS, s),
        lambda s: closed_multilinear_tensor(lloyd, s),
    ):
        for sites in ((), (0, 4), (-1, 0)):
            with pytest.raises(InputError, match="`sites` must hold site numbers from 0 to 3"):
                call(sites)
    for call in (
        lambda s: closed_rotation_tensor(lloyd, SPINS, s),
        lambda s: closed_multilinear_tensor(lloyd, s),
    ):
        with pytest.raises(InputError, match="`sites` must not repeat a site.*autodiff"):
            call((0, 1, 0))
    for call in (
        lambda: rotation_tensor(lloyd.energy, 2 * SPINS, (0, 1)),
        lambda: closed_rotation_tensor(lloyd, 2 * SPINS, (0, 1)),
        lambda: closed_hessian(lloyd, 2 * SPINS),
    ):
        with pytest.raises(InputError, match="`directions` must hold unit vectors"):
            call()
