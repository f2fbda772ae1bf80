r"""Range functions of the free electron gas: closed forms and their behaviour at large distance.

Without spin-orbit coupling the N-spin coefficient of a loop is, per product of its couplings,

    F_N = (2 / N pi) Im int A_ij A_jk ... A_ni,     dE = (hbar^2 / m) q dq,   q = q_F + i s.

In one dimension A = -i (m / hbar^2) e^(iqr) / q is exact, so F_N depends on the perimeter L only.
In two dimensions A tends to -i (m / hbar^2) e^(i(qr - pi/4)) / sqrt(2 pi q r) at large distance,
and F_N depends on L and on the product P of the lengths of the legs.

Paper L prints these forms with misprints (2D). `range_2d` and `asymptotic_2d` are right;
`printed_2d` and `printed_equidistant_2d` keep the formulas as printed, to be shown and tested as
wrong. All functions are plain numpy and not differentiable.
"""

import numpy as np
from scipy.special import sici

from msgreen._typing import ArrayLike, Float
from msgreen.errors import InputError
from msgreen.hosts.rashba import RashbaGas

ORDERS = (2, 4, 6)
"""Numbers of spins for which paper L gives range functions."""


def range_1d(gas: RashbaGas, order: int, perimeter: Float[ArrayLike, "..."]) -> np.ndarray:
    """Return the exact range function of the one-dimensional gas.

    With Rashba coupling J_iso = F_2 cos(2 k_R r), B4_iso = F_4 prod cos(k_R r) and
    kappa6 = F_6 prod cos(k_R r).

    Parameters
    ----------
    gas : RashbaGas
        Only its mass and Fermi wave vector matter.
    order : {2, 4, 6}
        Number of spins.
    perimeter : real array
        L, the sum of the lengths of the legs in angstrom; 2 R for a pair.

    Returns
    -------
    real array
        F / (J_sd ...) in 1 / (eV^(N-1) angstrom^N), convention L.

    Raises
    ------
    InputError
        If the order is another one.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 42, 45 and 52.

    Examples
    --------
    >>> gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167)
    >>> f"{1e3 * 0.58162120808**2 * float(range_1d(gas, 2, 10.0)):.6f}"
    '0.510304'
    """
    mass, q, length = _parameters(gas, order, perimeter)
    x = q * length
    tail = sici(x)[0] - np.pi / 2
    two = np.sin(x) / (2 * q**2) + length * np.cos(x) / (2 * q) + length**2 / 2 * tail
    if order == 2:
        return -mass / np.pi * tail
    if order == 4:
        return -(mass**3) / (2 * np.pi) * two
    four = np.sin(x) / (4 * q**4) + length * np.cos(x) / (12 * q**3) - length**2 / 12 * two
    return mass**5 / (3 * np.pi) * four


def asymptotic_1d(gas: RashbaGas, order: int, perimeter: Float[ArrayLike, "..."]) -> np.ndarray:
    """Return the range function of the one-dimensional gas at large distance.

    Parameters
    ----------
    gas, order, perimeter
        As for `range_1d`.

    Returns
    -------
    real array
        Its relative error falls as L^-3 for pairs and as L^-2 for more spins.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 43, 46 and 53, which are right.
    """
    mass, q, length = _parameters(gas, order, perimeter)
    x = q * length
    if order == 2:
        return mass / np.pi * (np.cos(x) / x * (1 - 2 / x**2) + np.sin(x) / x**2)
    if order == 4:
        return -(mass**3) / (2 * np.pi * q**2) * (np.cos(x) / x + 3 * np.sin(x) / x**2)
    return mass**5 / (3 * np.pi * q**4) * (np.cos(x) / x + 5 * np.sin(x) / x**2)


def range_2d(
    gas: RashbaGas, order: int, perimeter: Float[ArrayLike, "..."], product: Float[ArrayLike, "..."]
) -> np.ndarray:
    """Return the range function of the two-dimensional gas for legs long against 1 / q_F.

    Parameters
    ----------
    gas, order, perimeter
        As for `range_1d`.
    product : real array
        P, the product of the lengths of the legs in angstrom^N; R^2 for a pair.

    Returns
    -------
    real array
        F / (J_sd ...) in 1 / (eV^(N-1) angstrom^2N). Its relative error falls as 1 / R, because
        the Hankel functions were replaced by their leading terms.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eq. 57 and the first lines of Eqs. 58 and 60.
    """
    mass, q, length = _parameters(gas, order, perimeter)
    x = q * length
    tail = sici(x)[0] - np.pi / 2
    root = np.sqrt(product)
    if order == 2:
        return mass / (2 * np.pi**2) * np.sin(x) / (length * root)
    if order == 4:
        return -(mass**3) / (8 * np.pi**3 * root) * tail
    return mass**5 / (24 * np.pi**4 * root) * (np.cos(x) / q + length * tail)


def asymptotic_2d(
    gas: RashbaGas, order: int, perimeter: Float[ArrayLike, "..."], product: Float[ArrayLike, "..."]
) -> np.ndarray:
    """Return the large-distance expansion of `range_2d`, without the misprints of paper L.

    Parameters
    ----------
    gas, order, perimeter, product
        As for `range_2d`.

    Returns
    -------
    real array
        It differs from `range_2d` by a relative L^-3 (four spins) or L^-2 (six spins).

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), second lines of Eqs. 58 to 61, corrected: the bracket
    of the cosine is 1 - 2 / (q_F L)^2 in Eqs. 58 and 59, Eq. 59 has the sign of Eq. 58, and the
    cosine of Eqs. 60 and 61 lacks a factor 1 / L.
    """
    if order == 2:
        return range_2d(gas, order, perimeter, product)
    return _second_line(
        gas, order, perimeter, product, bracket=2.0, missing=1 / np.asarray(perimeter)
    )


def printed_2d(
    gas: RashbaGas, order: int, perimeter: Float[ArrayLike, "..."], product: Float[ArrayLike, "..."]
) -> np.ndarray:
    """Return the second lines of paper L's Eqs. 58 and 60 as printed, misprints included.

    Parameters
    ----------
    gas, order, perimeter, product
        As for `range_2d`.

    Returns
    -------
    real array
        Not the range function: see `asymptotic_2d`.
    """
    if order == 2:
        return range_2d(gas, order, perimeter, product)
    return _second_line(gas, order, perimeter, product, bracket=1.0, missing=1.0)


def printed_equidistant_2d(
    gas: RashbaGas, order: int, distance: Float[ArrayLike, "..."]
) -> np.ndarray:
    """Return the second lines of paper L's Eqs. 59 and 61 as printed, misprints included.

    Parameters
    ----------
    gas, order
        As for `range_2d`.
    distance : real array
        R, the length of every leg in angstrom.

    Returns
    -------
    real array
        Not the range function: see `asymptotic_2d`.
    """
    distance = np.asarray(distance, float)
    sign = -1 if order == 4 else 1
    return sign * printed_2d(gas, order, order * distance, distance**order)


def amplitude(gas: RashbaGas, order: int, distance: Float[ArrayLike, "..."]) -> np.ndarray:
    """Return the amplitude of the leading oscillation for loops with equal legs, which is positive.

    Parameters
    ----------
    gas, order
        As for `range_1d`.
    distance : real array
        R, the length of every leg in angstrom.

    Returns
    -------
    real array
        In the units of the range function; it falls as R^-1 in one dimension and as
        R^-(1 + N / 2) in two (Lounis, New J. Phys. 22, 103003 (2020), Eq. 62).
    """
    distance = np.asarray(distance, float)
    mass, q, length = _parameters(gas, order, order * distance)
    if gas.dimension == 1:
        return 2 / (order * np.pi) * mass ** (order - 1) / (q ** (order - 1) * length)
    spread = (2 * np.pi * q * distance) ** (order // 2)
    return 2 / (order * np.pi) * mass ** (order - 1) * q / (spread * length)


def _second_line(gas, order, perimeter, product, *, bracket, missing):
    """Expansions of Eqs. 58 and 60, with the two places where paper L errs as arguments."""
    mass, q, length = _parameters(gas, order, perimeter)
    x = q * length
    if order == 4:
        wave = np.cos(x) / x * (1 - bracket / x**2) + np.sin(x) / x**2
        return mass**3 / (8 * np.pi**3 * np.sqrt(product)) * wave
    wave = 2 * np.cos(x) / q**3 * missing - np.sin(x) / q**2
    return mass**5 / (24 * np.pi**4 * np.sqrt(product)) * wave / length


def _parameters(gas, order, perimeter):
    """Return m / hbar^2, q_F and L as numpy numbers."""
    if order not in ORDERS:
        raise InputError(f"Argument `order` must be one of {ORDERS}, but it is {order!r}.")
    mass = 1 / float(gas.hbar2_over_mass)
    return mass, float(gas.fermi_wavevector), np.asarray(perimeter, float)
