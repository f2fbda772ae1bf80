"""Range functions of the free gas against its numerical coefficients, and powers of convergence."""

from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest

from msgreen import ContactCoupling, RashbaGas, coefficients
from msgreen.errors import InputError
from msgreen.papers.lounis import equidistant_scan
from msgreen.papers.lounis.asymptotics import (
    ORDERS,
    asymptotic_1d,
    asymptotic_2d,
    printed_2d,
    printed_equidistant_2d,
    range_1d,
    range_2d,
)

AU = {"effective_mass": 0.26, "fermi_wavevector": 0.167}
NAMES = {2: "J_iso", 4: "B4_iso", 6: "kappa6"}
FAR = 2 ** np.arange(5, 10) * 10.0  # angstrom: 320 to 5120


def free(dimension: int, times: float = 1.0) -> RashbaGas:
    """The gas without Rashba coupling, with a multiple of the Fermi wave vector of gold."""
    wavevector = times * AU["fermi_wavevector"]
    return RashbaGas(dimension, effective_mass=AU["effective_mass"], fermi_wavevector=wavevector)


def numerical(dimension: int, distances, times: float = 1.0) -> dict[int, np.ndarray]:
    """Coefficients of equidistant loops of the free gas, for unit coupling."""
    distances = np.asarray(distances)
    coupling = ContactCoupling(1.0)
    scan, _ = equidistant_scan(free(dimension, times), coupling, jnp.asarray(distances.ravel()))
    shape = distances.shape
    return {order: np.asarray(getattr(scan, name)).reshape(shape) for order, name in NAMES.items()}


@cache
def far(dimension: int, times: float = 1.0) -> dict[int, np.ndarray]:
    """Coefficients at the distances of `oscillation`, shape (FAR, phase)."""
    return {order: numerical(dimension, oscillation(order), times)[order] for order in ORDERS}


def amplitude(order: int, dimension: int, distances) -> np.ndarray:
    """Leading amplitude of the oscillation, which has no zeros."""
    gas = free(dimension)
    quarter = np.pi / (2 * order * AU["fermi_wavevector"])
    both = [reference(gas, order, distances + shift) for shift in (0, quarter)]
    return np.hypot(*both)


def reference(gas, order, distances):
    if gas.dimension == 1:
        return asymptotic_1d(gas, order, order * distances)
    return asymptotic_2d(gas, order, order * distances, distances**order)


def power(deviation) -> float:
    """Exponent of a deviation at the distances FAR, from the largest over one oscillation."""
    return -np.polyfit(np.log(FAR), np.log(deviation), 1)[0]


def oscillation(order: int) -> np.ndarray:
    """Distances around FAR that sample one oscillation, shape (FAR, phase)."""
    return FAR[:, None] + np.linspace(0, 1, 24) * 2 * np.pi / (order * AU["fermi_wavevector"])


def deviation(form, exact, order, dimension, distances) -> np.ndarray:
    return np.max(np.abs(form - exact) / amplitude(order, dimension, distances), axis=1)


@pytest.mark.parametrize("order", ORDERS)
def test_exact_forms_in_one_dimension(order):
    distances = np.array([2.0, 5.0, 13.0, 20.0])
    exact = range_1d(free(1), order, order * distances)
    np.testing.assert_allclose(numerical(1, distances)[order], exact, rtol=1e-6, atol=0)


def test_rashba_coupling_enters_one_dimension_by_cosines():
    """Eqs. 39 to 41, 44, 48 and 51."""
    k, r = 0.0135, np.array([5.0, 12.0, 30.0])
    gas = RashbaGas(1, rashba_wavevector=k, **AU)
    scan, _ = equidistant_scan(gas, ContactCoupling(1.0), jnp.asarray(r))
    f2, f4, f6 = (range_1d(gas, order, order * r) for order in ORDERS)
    cos, sin = np.cos(k * r), np.sin(k * r)
    expected = {
        "J_iso": f2 * np.cos(2 * k * r),
        "J_ani": f2 * (1 - np.cos(2 * k * r)),
        "D": f2 * np.sin(2 * k * r),
        "B4_iso": f4 * cos**4,
        "C4_chiral": -f4 * sin * cos**3,
        "kappa6": f6 * cos**6,
    }
    for name, column in expected.items():
        np.testing.assert_allclose(getattr(scan, name), column, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize(("order", "expected"), [(2, 3), (4, 2), (6, 2)])
def test_asymptotic_forms_in_one_dimension(order, expected):
    r = oscillation(order)
    exact = far(1)[order]
    form = asymptotic_1d(free(1), order, order * r)
    assert power(deviation(form, exact, order, 1, r)) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("order", ORDERS)
def test_asymptotic_forms_in_two_dimensions(order):
    r = oscillation(order)
    exact = far(2)[order]
    for form in (range_2d, asymptotic_2d):
        value = form(free(2), order, order * r, r**order)
        assert power(deviation(value, exact, order, 2, r)) == pytest.approx(1, abs=0.1)


def largest(dimension: int, order: int, times: float = 1.0) -> np.ndarray:
    """Largest coefficient over one oscillation at each distance FAR."""
    if dimension == 3:
        r = oscillation(order)
        return np.abs(free_3d(times * AU["fermi_wavevector"], order, r)).max(axis=1)
    return np.abs(far(dimension, times)[order]).max(axis=1)


def free_3d(q: float, order: int, r: np.ndarray) -> np.ndarray:
    """(2 / N pi) Im int A^N for A = -(m / 2 pi hbar^2) exp(i q r) / r, in units of the mass."""
    length = order * r
    integral = np.exp(1j * q * length) * (q / (1j * length) + 1 / length**2)
    return 2 / (order * np.pi) * integral.imag / (2 * np.pi * r) ** order


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_powers_of_the_decay(dimension, order):
    """Eq. 62: right in R; 1 / q_F has the power N (3 - d) / 2 - 1, which is N - d only at times."""
    assert power(largest(dimension, order)) == pytest.approx(
        1 + order * (dimension - 1) / 2, abs=0.02
    )
    denser = largest(dimension, order, times=2.0)[-1] / largest(dimension, order)[-1]
    found = -np.log2(denser)
    assert found == pytest.approx(order * (3 - dimension) / 2 - 1, abs=0.02)
    printed_holds = abs(found - (order - dimension)) < 0.1
    assert printed_holds == (dimension == 1 or order == 2)


def squares(q: float, rashba: float, distances) -> np.ndarray:
    """Four-spin coefficients of squares in the plane of a gas in space, for unit coupling."""
    gas = RashbaGas(3, effective_mass=0.26, fermi_wavevector=q, rashba_wavevector=rashba)
    corners = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])

    def coefficient(r):
        path, loop = gas.line(4 * r, nodes=31), [[0, 1, 2, 3]]
        found = coefficients(gas, ContactCoupling(1.0), path, corners * r, loop)
        return np.asarray(found["B4_iso"].value)[0]

    return np.array([coefficient(r) for r in distances])


@pytest.mark.parametrize("rashba", [0.0, np.pi / 200])
def test_powers_of_the_decay_of_four_spins_in_space(rashba):
    """Eq. 62 for d = 3, with spin-orbit coupling too: R^-5, and q_F^1 where q_F^-1 is printed.

    The envelope cos^4(k_R R) is the same at the distances that are compared: k_R R is 2 pi, 4 pi.
    """
    phases = 2 * np.pi * np.linspace(0, 1, 12)
    dilute, dense = (
        np.array([np.abs(squares(q, rashba, R + phases / (4 * q))).max() for R in (400.0, 800.0)])
        for q in (AU["fermi_wavevector"], 2 * AU["fermi_wavevector"])
    )
    assert np.log2(dense[0] / dense[1]) == pytest.approx(5, abs=0.02)
    assert np.log2(dense[1] / dilute[1]) == pytest.approx(1, abs=0.02)
    if not rashba:
        r = np.array([30.0, 100.0])
        ratio = squares(0.167, 0.0, r) / free_3d(0.167, 4, r)
        assert ratio[0] == pytest.approx(ratio[1], rel=1e-9)


@pytest.mark.parametrize(("order", "right", "wrong"), [(4, 3, 2), (6, 2, 0)])
def test_second_lines_converge_to_first_lines_only_when_corrected(order, right, wrong):
    """Eqs. 58 and 60: brackets with 1 - 2 / (q_F L)^2, cosine over L."""
    r = oscillation(order)
    loop = (free(2), order, order * r, r**order)
    first = range_2d(*loop)
    corrected = deviation(asymptotic_2d(*loop), first, order, 2, r)
    printed = deviation(printed_2d(*loop), first, order, 2, r)
    assert power(corrected) == pytest.approx(right, abs=0.1)
    assert power(printed) == pytest.approx(wrong, abs=0.1)


@pytest.mark.parametrize(("order", "limit"), [(4, 2.0), (6, 2 / 0.167)])
def test_printed_equidistant_forms_do_not_converge(order, limit):
    """Eq. 59 has the wrong sign, Eq. 61 a cosine without 1 / L."""
    r = oscillation(order)
    exact = far(2)[order]
    printed = printed_equidistant_2d(free(2), order, r)
    assert deviation(printed, exact, order, 2, r)[-1] == pytest.approx(limit, rel=0.05)


@pytest.mark.parametrize("form", [range_1d, asymptotic_1d])
def test_other_orders_are_refused(form):
    with pytest.raises(InputError, match="Argument `order` must be one of"):
        form(free(1), 8, 10.0)


def test_forms_of_a_pair_are_one():
    loop = (free(2), 2, 40.0, 400.0)
    assert range_2d(*loop) == asymptotic_2d(*loop) == printed_2d(*loop)
