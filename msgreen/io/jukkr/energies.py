"""The energies of a JuKKR run as a contour that knows its error.

JuKKR integrates along straight lines in the complex plane with Gauss rules, the last of them with
the Fermi function in its weight, and adds the residues at Matsubara poles. Each Gauss rule holds a
coarser one: without its innermost node, integrating polynomials as well as n - 1 nodes can.
"""

import numpy as np

from msgreen._typing import Complex
from msgreen.contour import Contour, user_contour

_SAME = 1e-9
"""Relative; the files have 16 digits, and rules of other kinds differ by far more."""


def run_contour(
    energies: Complex[np.ndarray, " energy"], weights: Complex[np.ndarray, " energy"]
) -> Contour:
    """Return the contour of a run, with an error estimate where its rules are recognised.

    Parameters
    ----------
    energies, weights : complex arrays, shape (energy,)
        In eV, in the order of the file, with sum w F ~ int f F.

    Returns
    -------
    Contour
        Its error is the difference from the coarser rules, one node less per line, which
        overestimates it. NaN, that is unknown, for energies that are no such rules. The error of
        beginning at a finite energy, and that of the k mesh, are not contained.
    """
    lines = _lines(energies, weights)
    if lines is None:
        return user_contour(energies, weights)
    coarse = weights.copy()
    for line in lines:
        coarse[line] -= _difference(energies[line], weights[line])
    return user_contour(energies, weights, coarse)


def _lines(z, w) -> list[slice] | None:
    """Gauss-Legendre rules one after the other, one with the Fermi function, then poles."""
    lines, start = [], 0
    while count := _legendre_count(z[start:], w[start:]):
        lines.append(slice(start, start + count))
        start += count
    pole = (w.imag < 0) & (np.abs(w.real) < _SAME * np.abs(w))
    end = start + int(np.count_nonzero(~pole[start:]))
    if not lines or not pole[end:].all():
        return None
    if end == start:
        return lines
    fermi = slice(start, end)
    return [*lines, fermi] if _is_fermi(z[fermi], w[fermi], z[end:], w[end:]) else None


def _legendre_count(z, w) -> int:
    """Largest number n > 1 of leading nodes that are a Gauss-Legendre rule, or 0."""
    for count in range(len(z), 1, -1):
        if abs(w[0] - w[count - 1]) > _SAME * abs(w[0]):
            continue
        nodes, gauss = np.polynomial.legendre.leggauss(count)
        half = w[:count].sum() / 2
        middle = (z[0] + z[count - 1]) / 2
        miss = np.abs(z[:count] - middle - half * nodes).max()
        if max(miss, np.abs(w[:count] - half * gauss).max()) < _SAME * np.abs(half):
            return count
    return 0


def _is_fermi(z, w, poles, residues) -> bool:
    """Whether nodes are a Gauss rule with the Fermi function of the poles as its weight.

    It begins at a, far below E_F. From there int f x^k, x = E - E_F, is -a, (pi kT)^2/6 - a^2/2
    and -a^3/3 for k = 0, 1, 2, up to exp(a/kT).
    """
    if len(z) < 2 or not len(poles):
        return False
    x, thermal = z.real - poles[-1].real, -residues[-1].imag / (2 * np.pi)
    begin = -w.real.sum()
    expected = [(np.pi * thermal) ** 2 / 6 - begin**2 / 2, -(begin**3) / 3]
    found = [w @ x, w @ x**2]
    level = np.abs(z.imag - z.imag[0]).max() < _SAME * np.abs(z[0])
    return bool(level and np.allclose(found, expected, rtol=_SAME, atol=0))


def _difference(z, w):
    """Weights of the rule minus those of the rule without the node that it needs least.

    Differences of rules that are exact up to degree n - 2 are multiples of the divided difference
    of order n - 1, sum_i F(z_i) / prod_(j != i) (z_i - z_j).
    """
    steps = z[:, None] - z[None]
    np.fill_diagonal(steps, 1.0)
    divided = 1 / np.prod(steps / np.abs(z[-1] - z[0]), axis=1)
    multiples = w / divided
    return multiples[np.argmin(np.abs(multiples))] * divided
