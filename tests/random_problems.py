"""Random problems whose assumptions may be wrong: what is reported as the error, and what it is.

    python tests/random_problems.py 300

Truth comes from diagonalisation, or from a mesh on which G has converged. A wrong gap, bandwidth or
bottom must be refused; whatever is computed must know its error.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from lattices import SQUARE, dense_spins
from problems import MatrixStrength, System, random_cluster, random_spins

from msgreen import (
    ClusterHost,
    ContactCoupling,
    LloydEnergy,
    SpinPairs,
    coefficients,
    matsubara,
    semicircle,
)
from msgreen.errors import AccuracyWarning, InputError
from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.hosts.superconductor import Superconductor
from msgreen.hosts.tight_binding import TightBinding
from msgreen.lattice import Lattice, Region, shell_model
from msgreen.lattice.nambu import s_wave

ROUNDING = 1e-14
"""Of truth, relative to the sum of all levels: what diagonalisation itself can be wrong by."""


class Case(NamedTuple):
    """One number: what was computed, what was said of its error, and what it should be."""

    name: str
    value: float
    error: float
    truth: float
    rounding: float

    @property
    def excess(self) -> float:
        """True over reported error; below 1 for an honest one."""
        return max(abs(self.value - self.truth) - self.rounding, 0.0) / max(self.error, 1e-300)


def factor(rng, low, high) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def connected(energy, spins) -> float:
    """E(S) less the energies of every spin alone, from the energy of any set of spins."""
    alone = [energy([n], spins[n : n + 1]) for n in range(len(spins))]
    return energy(list(range(len(spins))), spins) - sum(alone)


def cluster(seed: int) -> Iterator[Case]:
    """A cluster with any gap, bandwidth and strength of its spins."""
    rng = np.random.default_rng([1, seed])
    known = random_cluster(int(rng.integers(40)), sites=3, orbitals=1)
    strengths = known.strengths * factor(rng, 0.1, 60)
    gap, width = known.gap * factor(rng, 0.1, 8), factor(rng, 0.3, 60)
    host = ClusterHost(
        known.hamiltonian,
        fermi_energy=known.fermi_energy,
        gap=gap,
        bandwidth=max(width, 1.1 * gap) if rng.integers(2) else None,
    )
    spins = random_spins(seed, 3)
    lloyd = LloydEnergy(host, MatrixStrength(strengths), known.sites)
    value, error = lloyd.interaction_with_error(spins)

    def energy(sites, some):
        system = System("", known.hamiltonian, strengths, known.fermi_energy, gap)
        matrix = system.matrix().reshape(3, 2, 3, 2)
        for site, spin in zip(sites, some, strict=True):
            matrix[site, :, site, :] += System.matrix(
                System("", np.zeros((1, 2, 1, 2)), strengths[[site]], 0.0, gap), [spin]
            )
        levels = np.linalg.eigvalsh(matrix.reshape(6, 6)) - known.fermi_energy
        return levels[levels < 0].sum() - known.grand_potential()

    scale = np.abs(strengths).sum() + np.abs(known.hamiltonian).sum()
    truth = connected(energy, spins)
    yield Case("cluster", float(value), float(error), truth, ROUNDING * scale)


def superconductor(seed: int) -> Iterator[Case]:
    """Two spins on a superconductor at zero temperature: they may bind levels in its gap."""
    rng = np.random.default_rng([2, seed])
    region = Region(SQUARE, (5, 5))
    normal = FiniteLattice(shell_model(SQUARE, [-1.0]), region, fermi_energy=rng.uniform(-2, 2))
    delta = factor(rng, 0.1, 1.0)
    host = Superconductor(normal, s_wave(SQUARE, delta), gap=delta * factor(rng, 0.2, 1.5))
    strength, sites = factor(rng, 0.1, 20), np.array([[1, 2, 0], [2, 2, 0]])
    spins = random_spins(seed, 2)

    def energy(chosen, some):
        model = host.model
        with_spins = dense_spins(model, region, sites[chosen], some, strength)
        none = dense_spins(model, region, sites[:0], some[:0], strength)
        levels, bare = (np.linalg.eigvalsh(m) for m in (with_spins, none))
        return -0.25 * (np.abs(levels).sum() - np.abs(bare).sum())

    coupling = ContactCoupling(strength, orbitals=2)
    value, error = LloydEnergy(host, coupling, sites).interaction_with_error(spins)
    doubt = ROUNDING * 200 * (4 + strength)
    yield Case("superconductor", float(value), float(error), connected(energy, spins), doubt)
    pairs = SpinPairs(host, coupling, sites, [[0, 1]])
    value, error = pairs.energies(spins[:1], spins[1:])
    yield Case("pairs", *map(float, (value.sum(), error.sum())), energy([0, 1], spins), doubt)


def warm(seed: int) -> Iterator[Case]:
    """Spins on a flake at some temperature, on a contour of any bandwidth or bottom."""
    rng = np.random.default_rng([3, seed])
    region, sites = Region(SQUARE, (4, 4)), np.array([[1, 1, 0], [1, 2, 0], [3, 3, 0]])
    temperature, centre = factor(rng, 0.02, 0.3), float(rng.uniform(-2, 2))
    host = FiniteLattice(
        shell_model(SQUARE, [-1.0], exchange=[0.0, 0.2, 0.3]),
        region,
        fermi_energy=centre,
        temperature=temperature,
    )
    contour = matsubara(temperature, centre, factor(rng, 0.5, 60))
    if rng.integers(4) == 0:
        # Discrete levels near E_F are no business of this contour; its bottom is.
        contour = semicircle(-factor(rng, 1, 30) - 2, centre, 31, temperature)
    strength, spins = factor(rng, 0.1, 40), random_spins(seed, 3)

    def omega(matrix):
        levels = (np.linalg.eigvalsh(matrix) - centre) / temperature
        return -temperature * np.logaddexp(0, -levels).sum()

    def energy(chosen, some):
        matrix = dense_spins(host.model, region, sites[chosen], some, strength)
        return omega(matrix) - omega(dense_spins(host.model, region, sites[:0], some[:0], 0.0))

    lloyd = LloydEnergy(host, ContactCoupling(strength), sites, contour)
    value, error = lloyd.interaction_with_error(spins)
    doubt = ROUNDING * 100 * (4 + strength)
    yield Case("warm", float(value), float(error), connected(energy, spins), doubt)


LATTICES = {1: Lattice.chain(), 2: SQUARE, 3: Lattice.cubic()}
SITES = {
    1: np.array([[0, 0], [1, 0], [3, 0], [-2, 0]]),
    2: np.array([[0, 0, 0], [1, 0, 0], [2, 1, 0], [0, 2, 0]]),
    3: np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 2, 0]]),
}
PAIRS, RING = [[0, 1], [0, 2], [1, 3]], [[0, 1, 2, 3]]
COLDEST = {1: 0.05, 2: 0.1, 3: 0.4}
MESHES = {1: (12, 16, 32), 2: (8, 16, 32), 3: (8, 12)}
CONVERGED = {1: 512, 2: 192, 3: 48}


def mesh(seed: int) -> Iterator[Case]:
    """Interactions on a lattice whose mesh may be far too coarse."""
    rng = np.random.default_rng([4, seed])
    dim = int(rng.choice([1, 1, 2, 2, 3]))
    field = rng.normal(size=3) * rng.choice([0.0, 0.3, 1.0])
    rashba = 0.4 * rng.normal() if dim < 3 else 0.0
    model = shell_model(LATTICES[dim], [-1.0], exchange=field, rashba=rashba)
    temperature = COLDEST[dim] * rng.choice([1.0, 3.0])
    centre = rng.uniform(-1, 1) * 2 * dim
    contour = matsubara(temperature, centre, ratio=512.0, nodes=17)
    host, fine = (
        TightBinding(model, fermi_energy=centre, temperature=temperature, mesh=int(points))
        for points in (rng.choice(MESHES[dim]), CONVERGED[dim])
    )
    for loops in (PAIRS, RING):
        found, truth = (
            coefficients(h, ContactCoupling(0.5), contour, SITES[dim], loops) for h in (host, fine)
        )
        for name, one in found.items():
            other = truth[name]
            numbers = (np.ravel(a) for a in (one.value, one.error, other.value, other.error))
            for value, error, true, doubt in zip(*numbers, strict=True):
                yield Case(f"mesh {dim}D {name}", value, error, true, doubt)


KINDS = (cluster, superconductor, warm, mesh)


def outcomes(count: int, kinds=KINDS) -> dict[str, list[Case] | str]:
    """Return the numbers of every problem, or why it was refused."""
    found: dict[str, list[Case] | str] = {}
    for n in range(count):
        kind, seed = kinds[n % len(kinds)], n // len(kinds)
        with warnings.catch_warnings():
            warnings.simplefilter("error", AccuracyWarning)
            try:
                found[f"{kind.__name__} {seed}"] = list(kind(seed))
            except (InputError, AccuracyWarning) as error:
                found[f"{kind.__name__} {seed}"] = str(error)
    return found


def report(found: dict[str, list[Case] | str]) -> str:
    """Return lines for the terminal: how many were refused, how honest the others are."""
    refused = Counter(name.split()[0] for name, result in found.items() if isinstance(result, str))
    lines = [f"{len(found)} problems, refused: {dict(refused)}"]
    numbers = {name: result for name, result in found.items() if not isinstance(result, str)}
    worst = {name: max((c.excess for c in cases), default=0.0) for name, cases in numbers.items()}
    total = sum(map(len, numbers.values()))
    below = sum(c.excess > 1 for cases in numbers.values() for c in cases)
    tenth = sum(c.excess > 10 for cases in numbers.values() for c in cases)
    lines.append(f"{total} numbers: {below} errors below the truth, {tenth} below a tenth of it")
    for name, value in sorted(worst.items(), key=lambda item: -item[1])[:12]:
        case = max(numbers[name], key=lambda c: c.excess)
        lines.append(
            f"  {name:<20}{value:>10.2g}  {case.name:<18} value {case.value:.9g} "
            f"error {case.error:.1e} truth {case.truth:.9g}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    import jax

    jax.config.update("jax_enable_x64", True)
    sys.stdout.write(report(outcomes(int(sys.argv[1]))) + "\n")
