"""Paper L, statement by statement: what holds, and what is misprinted or does not."""

import jax.numpy as jnp
import numpy as np
import pytest
from problems import SIGMA, random_spins
from scipy.optimize import minimize

from msgreen import ContactCoupling, RashbaGas
from msgreen.config.rashba import Coupling, Host
from msgreen.exchange.calibration import equidistant_legs
from msgreen.exchange.closed_forms import pattern_integrand
from msgreen.papers.lounis import equidistant_scan
from msgreen.papers.lounis.asymptotics import range_1d
from msgreen.spin.algebra import spin_form
from msgreen.spin.chirality import scalar_chirality, vector_chirality

AU = {"effective_mass": 0.26, "fermi_wavevector": 0.167}
RASHBA = 0.0135
COUPLING = 15.483561457  # eV angstrom^2: first minimum of -1 meV with Rashba coupling, test_scan.py
dot, cross = (lambda a, b: np.sum(a * b, axis=-1)), np.cross


# --- the expansion ------------------------------------------------------------------------------


def test_dyson_equation_and_states():
    """Eq. 3: order of the factors, the inverse before it, Im of the states after it."""
    rng = np.random.default_rng(1)
    h, v = rng.normal(size=(2, 4, 4))
    h, v, one = h + h.T, (v + v.T) / 10, np.eye(4)

    def change(z):
        return np.linalg.inv(z * one - h - v) - np.linalg.inv(z * one - h)

    z = 0.3 + 0.4j
    green = np.linalg.inv(z * one - h)
    np.testing.assert_allclose(green @ v @ np.linalg.inv(one - green @ v) @ green, change(z))
    printed = green @ v @ green @ np.linalg.inv(one - green @ v)
    assert np.abs(printed - change(z)).max() > 0.1 * np.abs(change(z)).max()
    np.testing.assert_allclose(np.trace(printed), np.trace(change(z)))  # Eq. 4 is right
    step = 1e-6  # the states are -Im ln det / pi: its derivative is Tr (g - G)
    ends = [np.linalg.det(one - np.linalg.inv((z + s) * one - h) @ v) for s in (step, -step)]
    slope = np.log(ends[0] / ends[1]) / (2 * step)
    np.testing.assert_allclose(slope, np.trace(change(z)), rtol=1e-7)


def test_fourth_order_goes_around_the_loop():
    """Eq. 19 prints G_ji where the loop i, j, k, l asks for G_jk."""
    rng = np.random.default_rng(2)
    product = rng.normal(size=(4, 4))  # G, for t = 1
    right = np.einsum("ij,jk,kl,li", product, product, product, product)
    np.testing.assert_allclose(np.trace(np.linalg.matrix_power(product, 4)), right, rtol=1e-12)
    printed = np.einsum("ij,ji,kl,li->", product, product, product, product)
    assert abs(printed - right) > 0.1 * abs(right)


def test_pair_vector_holds_t_at_both_sites():
    """Eq. 17, whose `t i` stands for t_i: the DMI of two spins is the term linear in B."""
    rng = np.random.default_rng(3)
    (a, b), (back_a, back_b) = ((rng.normal(), rng.normal(size=3)) for _ in range(2))
    t_i, t_j = 0.3, 0.8
    i, j = rng.normal(size=(2, 3))
    pauli = lambda vector: np.tensordot(vector, SIGMA, 1)  # noqa: E731
    legs = [a * np.eye(2) + pauli(b), back_a * np.eye(2) + pauli(back_b)]
    half = np.trace(legs[0] @ (t_j * pauli(j)) @ legs[1] @ (t_i * pauli(i))) / 2
    vector = a * t_j * back_b * t_i - b * t_j * back_a * t_i
    np.testing.assert_allclose(half.imag, dot(vector, cross(i, j)))


# --- chiralities --------------------------------------------------------------------------------


def test_chiralities_are_products_of_spins():
    i, j, k = random_spins(4, 3, 7)
    np.testing.assert_allclose(scalar_chirality(i, j, k), dot(i, cross(j, k)), atol=1e-15)
    np.testing.assert_allclose(vector_chirality(i, j, k), cross(i, cross(j, k)), atol=1e-15)
    product = j * dot(i, k)[:, None] - k * dot(i, j)[:, None]
    np.testing.assert_allclose(vector_chirality(i, j, k), product, atol=1e-15)


def canted(theta):
    """Spins with one polar angle, azimuths 120 degrees apart, shape (3, ..., 3)."""
    azimuth = 2 * np.pi / 3 * np.arange(3)[:, None]
    sin, cos = np.sin(theta), np.cos(theta)
    return np.stack(np.broadcast_arrays(sin * np.cos(azimuth), sin * np.sin(azimuth), cos), -1)


def test_extrema_of_the_chiralities_of_a_triangle():
    """After Eq. 26: the vector chirality is largest at 90 degrees; sqrt(7)/3 is a local maximum."""
    theta = np.linspace(0, np.pi / 2, 90001)
    scalar = np.asarray(scalar_chirality(*canted(theta)))
    length = np.linalg.norm(vector_chirality(*canted(theta)), axis=-1)
    assert np.cos(theta[scalar.argmax()]) == pytest.approx(1 / np.sqrt(3), abs=1e-4)
    assert scalar.max() == pytest.approx(1)
    assert theta[length.argmax()] == theta[-1]
    assert length.max() == pytest.approx(np.sqrt(3) / 2)
    peaks = np.nonzero((length[1:-1] > length[:-2]) & (length[1:-1] > length[2:]))[0] + 1
    assert np.cos(theta[peaks]) == pytest.approx([np.sqrt(7) / 3], abs=1e-4)
    assert length[peaks] == pytest.approx([2 * np.sqrt(6) / 9])


def third_term(chiral, i, j, k, l):  # noqa: E741
    """C . (S_j x aleph_ikl), the third term of Eq. 26."""
    return dot(chiral, cross(j, vector_chirality(i, k, l)))


def test_largest_third_term():
    """After Eq. 26: S_k across S_l, S_i in their plane, C across S_j; not what L states."""

    def lost(angles):
        polar, azimuth = angles.reshape(2, 5)
        sin = np.sin(polar)
        return -third_term(
            *np.stack([sin * np.cos(azimuth), sin * np.sin(azimuth), np.cos(polar)], 1)
        )

    start = np.random.default_rng(5).uniform(0, np.pi, 10)
    found = minimize(lost, start)
    assert found.fun == pytest.approx(-1, abs=1e-9)
    polar, azimuth = found.x.reshape(2, 5)
    sin = np.sin(polar)
    vectors = np.stack([sin * np.cos(azimuth), sin * np.sin(azimuth), np.cos(polar)], 1)
    chiral, i, j, k, l = vectors  # noqa: E741
    assert abs(dot(k, l)) < 1e-4 and abs(dot(chiral, j)) < 1e-4
    assert abs(dot(i, cross(k, l))) < 1e-4
    # As stated: S_j, S_k, S_l in the plane across S_i. Then the term vanishes for any C.
    turn = lambda angle: np.array([np.cos(angle), np.sin(angle), 0.0])  # noqa: E731
    up = np.array([0.0, 0.0, 1.0])
    for vector in (up, turn(0.4)):
        assert abs(third_term(vector, up, turn(1.0), turn(0.2), turn(0.2 + np.pi / 2))) < 1e-15


# --- forms with two B, and of six spins ---------------------------------------------------------


@pytest.fixture(scope="module")
def draw():
    vectors = np.random.default_rng(6).normal(size=(8, 3))
    return vectors[:6], vectors[6], vectors[7]


def test_two_b_as_products(draw):
    """Eqs. 29 to 31."""
    (i, j, k, l, *_), b, c = draw  # noqa: E741
    p, q, r = cross(b, j), cross(c, k), cross(l, i)
    second = dot(b, l) * dot(j, i) - dot(b, i) * dot(j, l)
    np.testing.assert_allclose(dot(p, r) * dot(c, k), second * dot(c, k))
    third = dot(c, l) * dot(k, i) - dot(c, i) * dot(k, l)
    np.testing.assert_allclose(dot(b, j) * dot(q, r), dot(b, j) * third)
    fourth = dot(b, cross(j, l)) * dot(c, cross(k, i)) - dot(b, cross(j, i)) * dot(c, cross(k, l))
    np.testing.assert_allclose(dot(cross(p, q), r), fourth)


def test_six_spins_in_chiralities(draw):
    """Eq. 33, and the two products of scalar chiralities that it lacks (as Eq. 32 does)."""
    i, j, k, l, m, n = draw[0]  # noqa: E741
    chi, aleph = scalar_chirality, vector_chirality
    printed = dot(i, j) * dot(k, l) * dot(m, n)
    printed -= (
        chi(i, m, n) * chi(j, k, l) + chi(k, m, n) * chi(l, i, j) + chi(m, k, l) * chi(n, i, j)
    )
    printed -= dot(aleph(i, k, l), aleph(j, m, n)) + dot(aleph(k, i, j), aleph(l, m, n))
    printed -= dot(aleph(m, i, j), aleph(n, k, l))
    missing = chi(m, i, j) * chi(n, k, l) - chi(n, i, j) * chi(m, k, l)
    np.testing.assert_allclose(printed + missing, spin_form(draw[0]), rtol=1e-11)
    assert abs(missing) > 0.1


def test_two_b_in_one_dimension(draw):
    """Eqs. 49 and 50 without their left-over factors: -F_4 sin^2 cos^2 along both bond normals."""
    distance, gas = 12.0, RashbaGas(1, rashba_wavevector=RASHBA, **AU)
    ((legs, path),) = equidistant_legs(gas, ContactCoupling(1.0), jnp.asarray(distance), [4])
    tensor = np.asarray(path.integrate(pattern_integrand(legs, (0, 1)))[0][0])
    sin, cos = np.sin(RASHBA * distance), np.cos(RASHBA * distance)
    normal = np.array([0.0, -1.0, 0.0])
    expected = -range_1d(gas, 4, 4 * distance) * sin**2 * cos**2
    np.testing.assert_allclose(tensor, expected * np.outer(normal, normal), rtol=1e-6, atol=1e-30)


# --- numbers for Au(111) ------------------------------------------------------------------------

CENTRES = np.array([40.0, 80.0, 116.4])  # angstrom; pi / 4 k_R = 58.2, pi / 2 k_R = 116.4
ONE_BEAT = np.linspace(-0.5, 0.5, 24, endpoint=False) * np.pi / AU["fermi_wavevector"]
NEAR_ZERO = np.linspace(9.700, 9.747, 48)


@pytest.fixture(scope="module")
def surface():
    """Scans of the two-dimensional gas without and with Rashba coupling."""
    distances = jnp.asarray([*(CENTRES[:, None] + ONE_BEAT).ravel(), *NEAR_ZERO])
    gases = [RashbaGas(2, rashba_wavevector=k, **AU) for k in (0.0, RASHBA)]
    return [equidistant_scan(gas, ContactCoupling(COUPLING), distances)[0] for gas in gases]


def overlap(surface, name):
    """How much of the free oscillation the coupled one holds, about each of CENTRES."""
    free, coupled = (np.asarray(getattr(scan, name))[:72].reshape(3, 24) for scan in surface)
    return np.sum(free * coupled, axis=1) / np.sum(free * free, axis=1)


def test_only_the_pair_switches_its_phase(surface):
    """Sect. III.3: J ~ cos(2 k_R R) turns at 58 angstrom; B ~ cos^4 and kappa ~ cos^6 never do."""
    beats = np.cos(2 * RASHBA * CENTRES)
    np.testing.assert_allclose(overlap(surface, "J_iso"), beats, atol=0.1)
    for name, power in (("B4_iso", 4), ("kappa6", 6)):
        found = overlap(surface, name)
        np.testing.assert_allclose(found, np.cos(RASHBA * CENTRES) ** power, atol=0.1)
        assert np.all(found > -1e-4) and found[1] > 0.01 and abs(found[2]) < 1e-3


def test_chiral_vector_beats_the_dmi_in_a_sliver_only(surface):
    """Fig. 3, "much larger than the DMI" at 1 nm: around a zero of D, 0.02 angstrom wide."""
    scan = surface[1]
    chiral, pair = (np.abs(np.asarray(x))[72:] for x in (scan.C4_chiral, scan.D))
    wins = NEAR_ZERO[chiral > pair]
    assert wins.min() == pytest.approx(9.716, abs=0.001)
    assert wins.max() == pytest.approx(9.733, abs=0.001)
    assert chiral[chiral > pair] == pytest.approx(1.67e-6, abs=0.01e-6)


@pytest.mark.parametrize(("dimension", "minimum"), [(1, -1.0329), (2, -1.0585)])
def test_coupling_calibrated_with_or_without_spin_orbit_coupling(dimension, minimum):
    """Fig. 1: with one coupling for all panels only one of the two minima is -1 meV."""
    host = Host(kind="rashba", dimension=[dimension], rashba_wavevector=RASHBA, **AU)
    with_it, _ = Coupling(first_minimum=-1.0).contact(host, 0)
    without, line = Coupling(first_minimum=-1.0, spin_orbit=False).contact(host, 0)
    ratio = float(with_it.coupling / without.coupling) ** 2
    assert -ratio == pytest.approx(minimum, abs=1e-4)
    assert "without spin-orbit coupling" in line
