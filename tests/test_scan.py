"""The scan of paper L: closed forms in 1D, a fine quadrature in 2D, and the table of numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import gas_loop_1d
from scipy.special import hankel1

from msgreen import ContactCoupling, RashbaGas, calibrated_coupling, coefficients, first_minimum
from msgreen.errors import InputError
from msgreen.exchange.calibration import equidistant_legs
from msgreen.exchange.loops import loop_bonds
from msgreen.papers.lounis import equidistant_scan

MASS, FERMI, RASHBA = 0.26, 0.167, 0.0135
DISTANCES = np.array([2.0, 2.7, 5.0, 10.0, 23.0, 61.0, 140.0, 200.0])
NAMES = ("J_iso", "J_ani", "D", "B4_iso", "C4_chiral", "kappa6")


def gas(dimension, rashba=RASHBA, fermi=FERMI):
    return RashbaGas(
        dimension, effective_mass=MASS, fermi_wavevector=fermi, rashba_wavevector=rashba
    )


TABLE = {
    1: (
        9.351145403,
        0.58162120808,
        5.0,
        (
            0.50566045174,
            0.0046430828464,
            0.068681911429,
            0.0051690551488,
            -0.00034944209901,
            -1.3307963248e-5,
        ),
    ),
    2: (
        13.03555398,
        15.483561457,
        10.0,
        (
            -0.18512421474,
            -0.0064168812438,
            -0.049202467838,
            0.011784753248,
            -0.0016015771928,
            8.325508837e-6,
        ),
    ),
}


@pytest.fixture(scope="module", params=[1, 2])
def calibrated(request):
    host = gas(request.param)
    return host, calibrated_coupling(host, -1e-3)


def test_reference_numbers(calibrated):
    host, coupling = calibrated
    minimum, strength, distance, numbers = TABLE[host.dimension]
    found_minimum, value = first_minimum(host)
    np.testing.assert_allclose(found_minimum, minimum, rtol=1e-8)
    np.testing.assert_allclose(coupling.coupling, strength, rtol=1e-8)
    np.testing.assert_allclose(value * coupling.coupling**2, -1e-3, rtol=1e-12)
    scan, _ = equidistant_scan(host, coupling, jnp.array([distance]))
    found = [1e3 * float(scan.columns[name][0]) for name in NAMES]
    np.testing.assert_allclose(found, numbers, rtol=1e-8)


def test_exchange_is_stationary_at_its_first_minimum(calibrated):
    """Its slope by differentiation of the Green functions, and the first turn of a fine grid."""
    host, coupling = calibrated
    minimum, _ = first_minimum(host)

    def exchange(distances):
        return equidistant_scan(host, coupling, distances).value.J_iso

    at = jnp.array([minimum])
    _, slope = jax.jvp(exchange, (at,), (jnp.ones(1),))
    assert abs(slope[0]) < 1e-11 * 1e-3 * FERMI
    grid = jnp.linspace(0.01 / FERMI, minimum, 200)
    values = exchange(grid)
    turns = jnp.flatnonzero((values[1:-1] < values[:-2]) & (values[1:-1] < values[2:]))
    assert not len(turns) and jnp.all(values >= -1e-3 * (1 + 1e-12))


def exact_1d(distance, coupling, rashba=RASHBA, fermi=FERMI):
    """L 42, 45 and 52: exponential integrals times powers of cos and sin k_R R."""
    scale = float(gas(1).hbar2_over_mass)
    radial = {
        order: (coupling / scale) ** order * gas_loop_1d(order, order * distance, fermi, scale)
        for order in (2, 4, 6)
    }
    cos, sin = np.cos(rashba * distance), np.sin(rashba * distance)
    return {
        "J_iso": -radial[2] * (cos**2 - sin**2),
        "J_ani": -2 * radial[2] * sin**2,
        "D": -2 * radial[2] * sin * cos,
        "B4_iso": radial[4] * cos**4 / 2,
        "C4_chiral": -radial[4] * cos**3 * sin / 2,
        "kappa6": -radial[6] * cos**6 / 3,
    }


def fine_2d(distance, coupling, rashba=RASHBA, fermi=FERMI):
    """Composite Gauss-Legendre along q = q_F + i s with scipy's Hankel functions."""
    scale = float(gas(2).hbar2_over_mass)
    x, w = np.polynomial.legendre.leggauss(40)
    found = {}
    for order in (2, 4, 6):
        edges = np.concatenate([[0], np.geomspace(1e-4, 50 / (order * distance), 16)])
        half = np.diff(edges)[:, None] / 2
        s, ds = (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()
        q = fermi + 1j * s
        parts = [
            (1 + sign * rashba / q) * hankel1(n, (q + sign * rashba) * distance) / (4 * scale)
            for n in (0, 1)
            for sign in (1, -1)
        ]
        a, b = -1j * (parts[0] + parts[1]), parts[2] - parts[3]
        integral = lambda f: np.sum(-1j * scale * q * ds * f) / np.pi * coupling**order  # noqa: B023, E731
        if order == 2:
            # B_ji = -B_ij.
            found["J_iso"] = integral(a * a + b * b).imag
            found["J_ani"] = -2 * integral(b * b).imag
            found["D"] = -2 * integral(a * b).real
        elif order == 4:
            found["B4_iso"] = integral(a**4).imag / 2
            found["C4_chiral"] = integral(b * a**3).real / 2
        else:
            found["kappa6"] = integral(a**6).imag / 3
    return found


@pytest.mark.parametrize("rashba", [RASHBA, 0.12])
@pytest.mark.parametrize("dimension", [1, 2])
def test_values_and_error_estimates(dimension, rashba):
    """31 energies from 2 to 200 angstrom: accurate relative to the envelope, honest always."""
    coupling = {1: 0.58, 2: 15.0}[dimension]
    reference = {1: exact_1d, 2: fine_2d}[dimension]
    scan, error = equidistant_scan(
        gas(dimension, rashba), ContactCoupling(coupling), jnp.asarray(DISTANCES)
    )
    for n, distance in enumerate(DISTANCES):
        exact = reference(distance, coupling, rashba)
        for name in NAMES:
            value, bound = float(scan.columns[name][n]), float(error.columns[name][n])
            # The reference is good to rounding of its own sum, some 1e-15 of the envelope.
            slack = 1e-14 * max(abs(exact[other]) for other in NAMES[:3])
            if name in NAMES[3:]:
                slack = 1e-14 * abs(exact["B4_iso" if name != "kappa6" else name])
            assert abs(value - exact[name]) <= bound + slack, (name, distance)
            if distance >= 5:
                scale = max(abs(exact[name]), bound)
                assert abs(value - exact[name]) <= 1e-8 * abs(exact[name]) + 1e-9 * scale + slack


def test_strong_coupling_reference_agrees_with_the_closed_form():
    """The two references check each other: quadrature of exponentials against mpmath."""
    scale, distance = float(gas(1).hbar2_over_mass), 7.0
    x, w = np.polynomial.legendre.leggauss(40)
    edges = np.concatenate([[0], np.geomspace(1e-4, 50 / (4 * distance), 16)])
    half = np.diff(edges)[:, None] / 2
    s, ds = (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()
    q = FERMI + 1j * s
    found = (np.sum(-1j * scale * q * ds * np.exp(4j * q * distance) / q**4) / np.pi).imag
    np.testing.assert_allclose(found, gas_loop_1d(4, 4 * distance, FERMI, scale), rtol=1e-11)


def test_vectors_are_along_the_bond_normal(calibrated):
    """The D and C of the table are components along beta = (0, -1, 0) for r_i - r_j along +x."""
    host, coupling = calibrated
    scan, _ = equidistant_scan(host, coupling, jnp.array([7.0]))
    sites = jnp.zeros((2, host.dimension)).at[0, 0].set(7.0)
    found = coefficients(host, coupling, host.line(14.0, nodes=41), sites, [[0, 1]])
    np.testing.assert_allclose(found["J_iso"].value[0], scan.J_iso[0], rtol=1e-10)
    np.testing.assert_allclose(found["D"].value[0], [0, -scan.D[0], 0], rtol=1e-10, atol=1e-18)
    np.testing.assert_allclose(found["J_ani"].value[0, 1, 1], scan.J_ani[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("loop", "rashba"), [([0, 1], RASHBA), ([0, 1, 2, 3], 0.0)], ids=["pair", "square"]
)
def test_equal_legs_are_those_of_a_loop_of_equal_sides(loop, rashba):
    """A pair returns along -x; around a square the free gas does not notice the corners."""
    host, coupling, side = gas(2, rashba), ContactCoupling(15.0), 7.0
    order = len(loop)
    ((legs, path),) = equidistant_legs(host, coupling, jnp.asarray(side), [order])
    np.testing.assert_allclose(path.nodes, host.line(order * side, nodes=31).nodes, rtol=1e-14)
    sites = side * jnp.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    bonds, forward, _ = loop_bonds(host, coupling, path.nodes, sites, np.array([loop]))
    around = bonds.legs(forward)
    assert legs.order == around.order == order
    for found, exact in zip(jax.tree.leaves(legs), jax.tree.leaves(around), strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-18)


@pytest.mark.slow
def test_gradient_through_the_calibration():
    """J_sd adapts to the gas: derivatives of J_sd and of D with everything calibrated anew."""

    def numbers(rashba, fermi):
        host = gas(1, rashba, fermi)
        coupling = calibrated_coupling(host, -1e-3)
        scan, _ = equidistant_scan(host, coupling, jnp.array([8.0]))
        return jnp.stack([coupling.coupling, 1e3 * scan.D[0]])

    point, h = (RASHBA, FERMI), 1e-4
    exact = jax.jacrev(numbers, argnums=(0, 1))(*point)
    for n in range(2):
        values = []
        for step in (-1, 1):
            moved = list(point)
            moved[n] *= 1 + step * h
            values.append(numbers(*moved))
        slope = (values[1] - values[0]) / (2 * h * point[n])
        np.testing.assert_allclose(exact[n], slope, rtol=1e-5)


@pytest.mark.slow
def test_gradient_by_distance_and_parameters():
    @jax.jit
    def chirality(distance, rashba):
        scan, _ = equidistant_scan(gas(2, rashba), ContactCoupling(15.0), jnp.array([distance]))
        return 1e3 * scan.C4_chiral[0]

    slopes = jax.jit(jax.grad(chirality, argnums=(0, 1)))(9.0, 0.02)
    for n, (point, h) in enumerate(((9.0, 1e-3), (0.02, 1e-5))):
        values = []
        for step in (-2, -1, 1, 2):
            moved = [9.0, 0.02]
            moved[n] = point + step * h
            values.append(float(chirality(*moved)))
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
        np.testing.assert_allclose(slopes[n], slope, rtol=1e-7)


def test_columns_and_scalars():
    scan, _ = equidistant_scan(gas(1), ContactCoupling(0.5), 5.0)
    assert tuple(scan.columns) == NAMES and scan.J_iso.shape == (1,)


def test_arguments_refused():
    for distances in (0.0, [-1.0, 2.0]):
        with pytest.raises(InputError, match="`distances` must be greater than zero .*angstrom"):
            equidistant_scan(gas(1), ContactCoupling(0.5), jnp.array(distances))
    with pytest.raises(InputError, match="`distances` must be finite"):
        equidistant_scan(gas(1), ContactCoupling(0.5), jnp.array([np.nan]))
    for minimum in (1e-3, 0.0):
        with pytest.raises(InputError, match="`minimum` must be less than zero .*eV"):
            calibrated_coupling(gas(1), minimum)
