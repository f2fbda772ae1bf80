"""Rational approximations of the Fermi function by poles on the imaginary axis.

f(x) ~ 1/2 - 1/2 sum_j a_j x / (x^2 + c_j^2), with the energy x counted from E_F.
"""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import mpmath as mp
import numpy as np

from msgreen.errors import InputError

FEWEST_POLES = 3
"""With fewer, dropping a quarter of them leaves no rule to estimate the error from."""

MOST_POLES = 80
"""The poles grow with the logarithm of the ratio of energies: 80 serve 1e-13 over ten decades."""

MOST_PADE_POLES = 60
"""They serve 1e-13 over eight decades, 1e-10 over ten. One rule takes 4 s of a processor, and its
time grows with more than the third power of the number."""

TABULATED_ACCURACY = 1e-11
"""Of the Pade rules in pade.npz, whose ratios are powers of two: what hosts at a temperature ask
for. To find one of 2^14 takes 1 to 2 s, of 2^18 2 to 5 s. `python tests/pade_table.py` wrote
them."""


@cache
def _tabulated() -> Mapping[float, np.ndarray]:
    """Return poles and weights by the ratio."""
    with np.load(Path(__file__).with_name("pade.npz")) as table:
        return {2.0 ** int(power): rule for power, rule in table.items()}


def _sum(x: np.ndarray, poles: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (weights * x[:, None] / (x[:, None] ** 2 + poles**2)).sum(axis=1)


def _zolotarev(ratio: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Poles and weights of the best odd rational function for sign(x) on 1 <= |x| <= ratio."""
    with mp.workdps(40):
        modulus = 1 - 1 / mp.mpf(ratio) ** 2
        quarter = mp.ellipk(modulus)
        sn2 = [mp.ellipfun("sn", j * quarter / (2 * n), m=modulus) ** 2 for j in range(1, 2 * n)]
        c = [s / (1 - s) for s in sn2]
        odd, even = c[0::2], c[1::2]

        def product(x2):
            return mp.fprod(x2 + e for e in even) / mp.fprod(x2 + o for o in odd)

        values = []
        for j in range(2 * n + 1):
            x = 1 / mp.ellipfun("dn", j * quarter / (2 * n), m=modulus)
            values.append(x * product(x * x))
        norm = 2 / (min(values) + max(values))
        weights = [
            norm
            * mp.fprod(e - o for e in even)
            / mp.fprod(other - o for k, other in enumerate(odd) if k != i)
            for i, o in enumerate(odd)
        ]
        poles = np.array([float(mp.sqrt(o)) for o in odd])
        return poles, np.array([float(w) for w in weights])


def _pade(ratio: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Multipoint Pade poles and weights of tanh(x/2) on |x| <= ratio."""
    with mp.workdps(40 + 4 * n):
        edge = mp.mpf(ratio) ** 2
        x = 1 + edge / mp.pi**2
        k = (mp.sqrt(x) - mp.sqrt(x - 1)) ** 2
        complement = 1 - k * k
        quarter = mp.ellipk(complement)
        scale = 2 * edge / (1 - k)
        s = []
        for j in range(1, n + 1):
            t = mp.ellipfun("dn", (2 * j - 1) * quarter / (2 * n), m=complement)
            s.append(scale * (t - k) / (t + 1))
        root = [mp.sqrt(v) for v in s]
        h = [mp.tanh(r / 2) / r for r in root]
        dh = [
            (1 / (4 * mp.cosh(r / 2) ** 2) - hv / 2) / v
            for r, hv, v in zip(root, h, s, strict=True)
        ]
        loewner, shifted = mp.matrix(n), mp.matrix(n)
        for i in range(n):
            for j in range(n):
                if i == j:
                    loewner[i, i] = -dh[i]
                    shifted[i, i] = h[i] + s[i] * dh[i]
                else:
                    loewner[i, j] = -(h[i] - h[j]) / (s[i] - s[j])
                    shifted[i, j] = (s[i] * h[i] - s[j] * h[j]) / (s[i] - s[j])
        inverse = mp.inverse(mp.cholesky(loewner))
        squares = mp.eigsy(inverse * shifted * inverse.T, eigvals_only=True)
        # Eigenvectors would give the weights too, but take most of the time.
        weights = mp.lu_solve(mp.matrix([[1 / (v + q) for q in squares] for v in s]), mp.matrix(h))
        return (
            np.array([float(mp.sqrt(v)) for v in squares]),
            np.array([float(v) for v in weights]),
        )


def _refit(x: np.ndarray, poles: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Least-squares weights that imitate the rule with every fourth pole left out.

    Real and imaginary part of sum_j a_j/(i c_j - x) are fitted, since both enter the error.
    """
    used = np.arange(len(poles)) % 4 != 2
    kernel = poles / (1j * poles - x[:, None])
    basis, target = kernel[:, used], kernel @ (weights / poles)
    stacked = np.concatenate([basis.real, basis.imag])
    fit = np.linalg.lstsq(stacked, np.concatenate([target.real, target.imag]), rcond=None)[0]
    embedded = np.zeros_like(poles)
    embedded[used] = fit * poles[used]
    return embedded


class PoleRule(NamedTuple):
    """Poles of the Fermi function in descending order, in units of T or of the gap.

    Attributes
    ----------
    poles, weights : ndarray, shape (energy,)
        c_j and a_j of f(x) ~ 1/2 - 1/2 sum_j a_j x / (x^2 + c_j^2).
    embedded : ndarray, shape (energy,)
        Weights of a coarser rule on three quarters of the poles.
    deviation : float
        Largest error of sum_j a_j x / (x^2 + c_j^2) on the interval of the rule.
    reduction : float
        `deviation` divided by that of the embedded rule.
    """

    poles: np.ndarray
    weights: np.ndarray
    embedded: np.ndarray
    deviation: float
    reduction: float


def _rule(x: np.ndarray, target: np.ndarray, poles: np.ndarray, weights: np.ndarray) -> PoleRule:
    order = np.argsort(poles)[::-1]
    poles, weights = poles[order], weights[order]
    embedded = _refit(x, poles, weights)
    deviation = float(np.abs(_sum(x, poles, weights) - target).max())
    coarse = float(np.abs(_sum(x, poles, embedded) - target).max())
    return PoleRule(poles, weights, embedded, deviation, deviation / coarse)


def _fewest(
    make: Callable, x: np.ndarray, exact: np.ndarray, accuracy: float, decay: float, **limit
) -> PoleRule:
    """Return the shortest rule `make(n)` of an accuracy on points `x`.

    The error of the best rules is near 4 exp(-n decay), so that few numbers of poles are tried.
    """
    needed = np.log(4 / accuracy) / decay
    _check_needed(needed - 1, accuracy, x[-1], **limit)
    n = max(int(needed) - 1, FEWEST_POLES)
    while True:
        poles, weights = make(n)
        error = np.abs(_sum(x, poles, weights) - exact).max()
        if error <= accuracy:
            return _rule(x, exact, poles, weights)
        n += max(1, int(np.log(error / accuracy) / decay))
        _check_needed(n, accuracy, x[-1], **limit)


def _check_needed(needed: float, accuracy: float, ratio: float, most: int, smallest: str) -> None:
    if needed > most:
        raise InputError(
            f"Argument `{smallest}` must let {most} poles reach an accuracy of {accuracy:g}, but "
            f"the bandwidth is {ratio:.1e} times as large, which needs about {needed:.0f}. Raise "
            "it, lower the bandwidth or relax the accuracy."
        )


@lru_cache(maxsize=64)
def zolotarev(ratio: float, accuracy: float, nodes: int | None = None) -> PoleRule:
    """Best approximation of a step on 1 <= |x| <= `ratio`.

    Parameters
    ----------
    ratio : float
        Largest over smallest energy, greater than 1.
    accuracy : float
        Largest error allowed; it sets the number of nodes unless `nodes` is given.
    nodes : int, optional
        Number of poles, at least 3.

    Returns
    -------
    PoleRule
        Energies in units of the smallest one.

    Raises
    ------
    InputError
        If the accuracy needs more than 80 nodes.

    References
    ----------
    J. van den Eshof, A. Frommer, Th. Lippert, K. Schilling, H. A. van der Vorst,
    Comput. Phys. Commun. 146, 203 (2002).
    """
    x = np.geomspace(1.0, ratio, 4000)
    step = np.ones_like(x)
    if nodes is not None:
        return _rule(x, step, *_zolotarev(ratio, nodes))
    decay = np.pi**2 / np.log(4 * ratio)
    make = partial(_zolotarev, ratio)
    return _fewest(make, x, step, accuracy, decay, most=MOST_POLES, smallest="gap")


@lru_cache(maxsize=64)
def pade(ratio: float, accuracy: float, nodes: int | None = None) -> PoleRule:
    """Multipoint Pade approximation of the Fermi function on |x| <= `ratio`, in units of T.

    tanh(x/2)/x is a Stieltjes function of x^2, so the interpolant at the optimal points
    of the pair of intervals [0, ratio^2] and (-inf, -pi^2] has positive poles and weights.

    Parameters
    ----------
    ratio : float
        Largest energy over temperature.
    accuracy : float
        Largest error of tanh(x/2) allowed; sets the number of nodes unless `nodes` is given.
    nodes : int, optional
        Number of poles, at least 3.

    Returns
    -------
    PoleRule
        Energies in units of the temperature.

    Raises
    ------
    InputError
        If the accuracy needs more than 60 nodes.

    References
    ----------
    A. C. Antoulas, Approximation of
    Large-Scale Dynamical Systems, SIAM (2005) (Loewner matrices); E. L. Wachspress,
    The ADI Model Problem, Springer (2013) (optimal points).
    """
    x = np.geomspace(1e-2, ratio, 8000)
    target = np.tanh(x / 2)
    if nodes is not None:
        return _rule(x, target, *_pade(ratio, nodes))
    if accuracy == TABULATED_ACCURACY and ratio in _tabulated():
        return _rule(x, target, *_tabulated()[ratio])
    decay = np.pi**2 / np.log(4 * np.hypot(ratio / np.pi, 1))
    make = partial(_pade, ratio)
    return _fewest(make, x, target, accuracy, decay, most=MOST_PADE_POLES, smallest="temperature")
