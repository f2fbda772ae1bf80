"""Integrals over the occupied energies whose value is known in closed form.

Every entry is (1/pi) Im int f(e) F(e + i0) de with the contours that are meant for it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import mpmath as mp
import numpy as np
from scipy.special import hankel1

from msgreen.contour import (
    Contour,
    fermi_line,
    imaginary_axis,
    matsubara,
    matsubara_sum,
    semicircle,
)

HBAR2_OVER_M = 29.3
ODD = (7, 11, 15, 21, 31, 61)
FEW = (3, 4, 6, 9, 13, 20)


@dataclass(frozen=True)
class Problem:
    """An integral and a family of contours.

    `exact` includes the constant M_0/2 for contours on the imaginary axis. `accuracy` is
    what the contour with the most nodes must reach, relative to the scale sum |w F| / pi.
    """

    name: str
    integrand: Callable[[np.ndarray], np.ndarray]
    exact: float
    contour: Callable[[int], Contour]
    nodes: tuple[int, ...]
    accuracy: float = 1e-12

    def __str__(self) -> str:
        return self.name


def wavevector(z: np.ndarray, rashba: float = 0.0) -> np.ndarray:
    return np.sqrt(2 * z / HBAR2_OVER_M + rashba**2 + 0j)


def loop_1d(order: int, perimeter: float, rashba: float = 0.0):
    """Product of `order` Green functions of the 1D gas, without constants."""
    q = lambda z: wavevector(z, rashba)  # noqa: E731
    return lambda z: np.exp(1j * q(z) * perimeter) / q(z) ** order


def loop_1d_exact(order: int, perimeter: float, fermi: float) -> float:
    """-hbar^2/m q_F^(2-N) E_{N-1}(-i q_F L): L 42, 45 and 52 for N = 2, 4 and 6."""
    integral = mp.expint(order - 1, mp.mpc(0, -fermi * perimeter))
    return float(-HBAR2_OVER_M * fermi ** (2 - order) / mp.pi * mp.im(integral))


def pair_2d(distance: float):
    return lambda z: hankel1(0, wavevector(z) * distance) ** 2


def pair_2d_exact(distance: float, fermi: float) -> float:
    """Primitive q^2 (H0^2 + H1^2)/2 of q H0^2: L 57 before its asymptotics."""
    x = mp.mpf(fermi * distance)
    with mp.workdps(30):
        product = sum(mp.besselj(n, x) * mp.bessely(n, x) for n in (0, 1))
        return float(HBAR2_OVER_M * fermi**2 / mp.pi * product)


def gas_problems() -> Iterator[Problem]:
    for fermi, rashba in ((0.167, 0.0135), (1.0, 0.0)):
        energy = HBAR2_OVER_M / 2 * (fermi**2 - rashba**2)
        bottom = -HBAR2_OVER_M / 2 * rashba**2 - 0.5 * energy
        for length in (6.0, 30.0, 200.0):
            loops = [
                (f"1D N={n}", loop_1d(n, length, rashba), loop_1d_exact(n, length, fermi))
                for n in (2, 4, 6)
            ]
            if rashba == 0:
                loops.append(("2D pair", pair_2d(length / 2), pair_2d_exact(length / 2, fermi)))
            for kind, integrand, exact in loops:
                label = f"{kind} q_F={fermi} L={length:g}"
                for ratio in (1.0, 100.0):
                    yield Problem(
                        f"line/{ratio:g} {label}",
                        integrand,
                        exact,
                        lambda n, k=(fermi, rashba), s=length / ratio**0.5, r=ratio: fermi_line(
                            *k, HBAR2_OVER_M, s, s * r, n
                        ),
                        ODD,
                        1e-12 if ratio < 100 else 1e-11,
                    )
                if fermi * length < 40:
                    yield Problem(
                        f"semicircle {label}",
                        integrand,
                        exact,
                        lambda n, b=bottom, e=energy: semicircle(b, e, n),
                        ODD,
                    )
                scale = HBAR2_OVER_M * fermi / length
                yield Problem(
                    f"axis {label}",
                    integrand,
                    exact,
                    lambda n, s=scale, e=energy: imaginary_axis(e, scale=s, nodes=n),
                    ODD,
                    1e-6 if fermi * length < 10 else 1e-9,
                )


@dataclass(frozen=True)
class Levels:
    """F(z) = sum_n weight_n / (z - level_n)."""

    level: np.ndarray
    weight: np.ndarray

    def __call__(self, z: np.ndarray) -> np.ndarray:
        # Sums of 10000 energies over 4001 levels, made at once, took 1.3 GB.
        parts = np.array_split(np.asarray(z)[:, None], 1 + len(z) // 200)
        return np.concatenate([(self.weight / (z - self.level)).sum(axis=1) for z in parts])

    def exact(self, fermi: float, temperature: float) -> float:
        return float(-(self.weight * occupation(self.level - fermi, temperature)).sum())

    @property
    def moment(self) -> float:
        return float(self.weight.sum())


@dataclass(frozen=True)
class LogDet:
    """F(z) = ln det(1 - G V) from the levels with and without V."""

    level: np.ndarray
    bare: np.ndarray

    def __call__(self, z: np.ndarray) -> np.ndarray:
        ratio = -(self.level - self.bare) / (np.asarray(z)[:, None] - self.bare)
        # log1p of a complex number in numpy loses the small real part.
        return (0.5 * np.log1p(2 * ratio.real + abs(ratio) ** 2) + 1j * np.angle(1 + ratio)).sum(1)

    def exact(self, fermi: float, temperature: float) -> float:
        energy = [grand_potential(e - fermi, temperature).sum() for e in (self.level, self.bare)]
        return float(energy[0] - energy[1])

    @property
    def moment(self) -> float:
        return float((self.bare - self.level).sum())


def occupation(energy: np.ndarray, temperature: float) -> np.ndarray:
    if temperature == 0:
        return (energy < 0).astype(float)
    return 0.5 - 0.5 * np.tanh(energy / (2 * temperature))


def grand_potential(energy: np.ndarray, temperature: float) -> np.ndarray:
    if temperature == 0:
        return np.minimum(energy, 0.0)
    return -temperature * np.logaddexp(0.0, -energy / temperature)


def spectra() -> dict[str, Levels | LogDet]:
    """Discrete spectra in [-2, 2] with a gap of 0.1 around zero, and bands of a chain."""
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(12, 12)) + 1j * rng.normal(size=(12, 12))
    level, state = np.linalg.eigh(matrix + matrix.conj().T)
    spread = np.abs(level).max()
    level = np.sign(level) * (0.1 + 1.8 * np.abs(level) / spread)
    bare = np.sign(level) * np.clip(np.abs(level) + 0.1 * rng.normal(size=12), 0.1, 2.0)
    half = np.sort(rng.uniform(0.1, 2.0, size=20))
    half_bare = half * rng.uniform(0.9, 1.0, size=20) + 0.01
    k = 2 * np.pi * (np.arange(4001) + 0.5) / 4001
    return {
        "trace": Levels(level, np.ones(12)),
        "local": Levels(level, np.abs(state[0]) ** 2),
        "nonlocal": Levels(level, (state[0] * state[1].conj()).real),
        "ln det": LogDet(level, bare),
        "BdG trace": Levels(np.r_[-half, half], np.ones(40)),
        "BdG ln det": LogDet(np.r_[-half, half], np.r_[-half_bare, half_bare]),
        "chain R=1": Levels(1.9 * np.cos(k), np.cos(k) / 4001),
        "chain R=7": Levels(1.9 * np.cos(k), np.cos(7 * k) / 4001),
    }


def level_problems() -> Iterator[Problem]:
    for name, spectrum in spectra().items():
        moment = spectrum.moment / 2
        for temperature in (0.003, 0.05):
            warm = spectrum.exact(0.0, temperature)
            yield Problem(
                f"poles T={temperature} {name}",
                spectrum,
                warm + moment,
                lambda n, t=temperature: matsubara(t, 0.0, 2.1, nodes=n),
                FEW if temperature > 0.01 else (*FEW[:-1], 24),
                2e-11,
            )
        # A sum is meaningful once its highest frequency exceeds the bandwidth.
        yield Problem(
            f"sum T=0.05 {name}",
            spectrum,
            spectrum.exact(0.0, 0.05) + moment,
            lambda n: matsubara_sum(0.05, 0.0, n),
            (40, 100, 1000, 10000),
            1e-3,
        )
        if name.startswith("chain"):
            continue
        cold = spectrum.exact(0.0, 0.0)
        yield Problem(
            f"step {name}",
            spectrum,
            cold + moment,
            lambda n: imaginary_axis(0.0, 0.09, 2.1, nodes=n),
            FEW,
            1e-12,
        )
        yield Problem(
            f"axis {name}",
            spectrum,
            cold + moment,
            lambda n: imaginary_axis(0.0, scale=0.4, nodes=n),
            ODD,
            1e-12,
        )
        yield Problem(
            f"semicircle {name}",
            spectrum,
            cold,
            lambda n: semicircle(-3.0, 0.0, n),
            (*ODD, 121, 161),
            1e-12,
        )


def chain(distance: int, hopping: float = 0.95):
    """Infinite chain e(k) = 2 t cos k: G_0R(z) of the retarded sheet."""

    def integrand(z):
        root = np.sqrt(z - 2 * hopping) * np.sqrt(z + 2 * hopping)
        return ((z - root) / (2 * hopping)) ** distance / root

    return integrand


def chain_problems(fermi: float = -0.6, hopping: float = 0.95) -> Iterator[Problem]:
    start = np.arccos(fermi / (2 * hopping))
    for distance in (0, 1, 5, 20):
        filled = (np.pi - start) / np.pi if distance == 0 else -np.sinc(distance / np.pi)
        exact = -filled if distance == 0 else np.sin(start * distance) / (np.pi * distance)
        yield Problem(
            f"semicircle infinite chain R={distance}",
            chain(distance, hopping),
            float(exact),
            lambda n: semicircle(-2.6, fermi, n),
            (*ODD, 81),
        )
        k = 2 * np.pi * (np.arange(20000) + 0.5) / 20000
        for temperature in (0.002, 0.01):
            thermal = occupation(2 * hopping * np.cos(k) - fermi, temperature)
            yield Problem(
                f"semicircle T={temperature} infinite chain R={distance}",
                chain(distance, hopping),
                float(-(thermal * np.cos(k * distance)).mean()),
                lambda n, t=temperature: semicircle(-2.6, fermi, n, t),
                (*ODD, 81),
                1e-9 if temperature < 0.005 else 1e-4,
            )


PROBLEMS = [*gas_problems(), *level_problems(), *chain_problems()]
