"""Exactly solvable magnetic systems, and the slow honest routes to their energies.

Nothing here calls the formulas under test: energies come from diagonalisation, or from closed
forms evaluated with mpmath.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import mpmath as mp
import numpy as np

from msgreen import ClusterHost
from msgreen.scattering.contact import AbstractRigidScatterer

SIGMA = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


class MatrixStrength(AbstractRigidScatterer):
    """V_i = M_i (S_i . sigma) with a different orbital matrix on every site."""

    matrices: jnp.ndarray

    def __init__(self, matrices):
        self.matrices = jnp.asarray(matrices, complex)

    def strength(self, z, count):
        return jnp.broadcast_to(self.matrices, (len(z), *self.matrices.shape))


@dataclass(frozen=True)
class System:
    """A cluster: Hamiltonian (site, 2 orb, site, 2 orb), strengths (site, orb, orb), E_F, gap.

    `gap` bounds the distance of every level from E_F from below, for all spin directions.
    """

    name: str
    hamiltonian: np.ndarray
    strengths: np.ndarray
    fermi_energy: float
    gap: float

    def __str__(self) -> str:
        return self.name

    @property
    def count(self) -> int:
        return len(self.strengths)

    @property
    def sites(self) -> np.ndarray:
        return np.arange(self.count)

    @property
    def host(self) -> ClusterHost:
        return ClusterHost(self.hamiltonian, fermi_energy=self.fermi_energy, gap=self.gap)

    @property
    def scatterer(self) -> MatrixStrength:
        return MatrixStrength(self.strengths)

    def matrix(self, spins=None, scale: float = 1.0) -> np.ndarray:
        """H + scale V(S) as one matrix."""
        total = np.array(self.hamiltonian, complex)
        if spins is not None:
            for i, (spin, strength) in enumerate(zip(spins, self.strengths, strict=True)):
                total[i, :, i, :] += scale * np.kron(np.tensordot(spin, SIGMA, 1), strength)
        size = total.shape[0] * total.shape[1]
        return total.reshape(size, size)

    def grand_potential(self, spins=None, scale: float = 1.0) -> float:
        """The sum of E - E_F over the occupied levels, by diagonalisation."""
        levels = np.linalg.eigvalsh(self.matrix(spins, scale)) - self.fermi_energy
        return levels[levels < 0].sum()

    def energy(self, spins, scale: float = 1.0) -> float:
        """E(S) = Omega[H + V(S)] - Omega[H]."""
        return self.grand_potential(spins, scale) - self.grand_potential()

    def series(self, spins, order: int) -> np.ndarray:
        """Taylor coefficients of E in the strength of V up to `order`, from a circle of strengths.

        The sum over occupied states is a contour integral of z G(z) around them; it stays
        analytic for complex strengths, for which the levels are those of a non-Hermitian matrix.
        """
        points = 64
        phases = np.exp(2j * np.pi * np.arange(points) / points)
        radius = 0.5 * self.gap / max(np.linalg.norm(s, 2) for s in self.strengths)
        values = []
        for phase in radius * phases:
            levels = np.linalg.eigvals(self.matrix(spins, phase)) - self.fermi_energy
            values.append(levels[levels.real < 0].sum() - self.grand_potential())
        modes = np.fft.fft(values) / points
        return (modes[: order + 1] / radius ** np.arange(order + 1)).real[1:]


def random_spins(seed: int, *shape: int) -> np.ndarray:
    """Random unit vectors, shape (*shape, 3)."""
    vectors = np.random.default_rng(seed).normal(size=(*shape, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def random_cluster(
    seed: int,
    sites: int = 3,
    orbitals: int = 2,
    spin_orbit: float = 0.4,
    coupling: float = 0.6,
    time_reversal: bool = True,
) -> System:
    """A random cluster with spin-orbit coupling and a different matrix strength on every site.

    The Hamiltonian is A + B . sigma; time reversal makes A real and B imaginary. The strengths
    are Hermitian with norm `coupling` times the gap of the host, so that (Weyl) a gap stays.
    """
    rng = np.random.default_rng(seed)
    size = sites * orbitals

    def hermitian(real):
        matrix = rng.normal(size=(size, size)) + (0 if real else 1j) * rng.normal(size=(size, size))
        return (matrix + matrix.conj().T) / 2

    def imaginary():
        matrix = rng.normal(size=(size, size))
        return 1j * (matrix - matrix.T) / 2

    parts = [hermitian(real=time_reversal)]
    parts += [
        spin_orbit * (imaginary() if time_reversal else hermitian(real=False)) for _ in range(3)
    ]
    pauli = [np.eye(2), *SIGMA]
    full = sum(
        np.einsum("st,iajb->isajtb", p, m.reshape(sites, orbitals, sites, orbitals))
        for p, m in zip(pauli, parts, strict=True)
    )
    hamiltonian = full.reshape(sites, 2 * orbitals, sites, 2 * orbitals)
    levels = np.linalg.eigvalsh(hamiltonian.reshape(2 * size, 2 * size))
    middle = levels[len(levels) // 4 : -(len(levels) // 4)]
    widest = np.argmax(np.diff(middle))
    host_gap = np.diff(middle)[widest] / 2
    strengths = rng.normal(size=(sites, orbitals, orbitals, 2)) @ [1, 0 if time_reversal else 1j]
    strengths = strengths + strengths.conj().swapaxes(1, 2)
    strengths /= np.linalg.norm(strengths, 2, axis=(1, 2))[:, None, None]
    return System(
        f"random-{seed}",
        hamiltonian,
        strengths * coupling * host_gap,
        float(middle[widest] + host_gap),
        (1 - coupling) * host_gap,
    )


def ring(sites: int, hopping: float = 1.0, coupling: float = 0.4) -> System:
    """A half-filled ring with one orbital per site; gapped at S = 0 for 2, 6, 10, ... sites."""
    hamiltonian = np.zeros((sites, 2, sites, 2))
    for i in range(sites):
        j = (i + 1) % sites
        for a, b in ((i, j), (j, i)):
            hamiltonian[a, :, b, :] = -hopping * np.eye(2)
    host_gap = 2 * hopping * abs(np.cos(2 * np.pi * np.arange(sites) / sites)).min()
    if sites == 2:
        host_gap = hopping
    strengths = np.full((sites, 1, 1), coupling)
    return System(f"ring-{sites}", hamiltonian, strengths, 0.0, max(host_gap - coupling, 0.05))


SPLITTING, HOPPING = 1.0, 0.2


def dimer(filling: str = "half") -> System:
    """Two sites, H = -(splitting/2) e_i . sigma + hopping.

    Half filling, E_F = 0: gapped for all directions. Quarter filling: E_F between the two
    lowest levels of perpendicular spins; this gap closes when the spins are antiparallel.
    """
    cluster = ring(2, -HOPPING, 0.5)
    strengths = np.full((2, 1, 1), -SPLITTING / 2)
    if filling == "half":
        alone = np.hypot(SPLITTING / 4, HOPPING) - SPLITTING / 4  # one spin of the two
        gap = min(HOPPING, abs(SPLITTING / 2 - HOPPING), alone)
        return System("dimer", cluster.hamiltonian, strengths, 0.0, gap)
    upper, lower = (float(mp.sqrt(dimer_square(sign, 0))) for sign in (1, -1))
    middle = -(upper + lower) / 2
    gap = 0.5 * min((upper - lower) / 2, abs(middle + HOPPING))
    return System("dimer-quarter", cluster.hamiltonian, strengths, middle, gap)


def dimer_square(sign, x):
    """Squares of the levels of the dimer, x = e_1 . e_2."""
    a, b = mp.mpf(SPLITTING) ** 2 / 4 + mp.mpf(HOPPING) ** 2, mp.mpf(SPLITTING) * mp.mpf(HOPPING)
    return a + sign * b * mp.sqrt((1 + mp.mpf(x)) / 2)


def dimer_taylor(count: int, filling: str = "half") -> list[float]:
    """Exact Taylor coefficients in x = e_1 . e_2, about x = 0."""

    def energy(x):
        half = -mp.sqrt(dimer_square(1, x))
        return half - mp.sqrt(dimer_square(-1, x)) if filling == "half" else half

    with mp.workdps(50):
        return [float(c) for c in mp.taylor(energy, 0, count)]


def gas_loop_1d(order: int, perimeter: float, fermi: float, hbar2_over_m: float) -> float:
    """(1/pi) Im int e^{iqL} / q^N de over occupied states, e = (hbar^2/2m)(q^2 - k_R^2)."""
    integral = mp.expint(order - 1, mp.mpc(0, -fermi * perimeter))
    return float(-hbar2_over_m * mp.mpf(fermi) ** (2 - order) / mp.pi * mp.im(integral))
