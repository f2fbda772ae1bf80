"""Vibrationally induced magnetism: moments of spin pairs over exchange, field and temperature."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.optimize import bisect

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float, Scalar
from msgreen.errors import InputError
from msgreen.papers.fransson.pair import SpinPair, free_energy, site_moments, total_moment
from msgreen.phonon.modes import thermal_factor

PUBLISHED_RATIO = 0.5
"""a_2 / a_1 of the spectrum and of Eq. 5 that F2 prints; its Hamiltonian has 0."""


def mean_displacement(
    anharmonicity: Scalar,
    energy: Scalar,
    temperature: Float[ArrayLike, "..."],
) -> Float[Array, "..."]:
    """Return the mean displacement of an anharmonic vibration, -(6 Phi / omega) coth.

    Parameters
    ----------
    anharmonicity : float
        Phi in eV of the perturbation Phi Q^3, with Q = a + a^+.
    energy : float
        hbar omega of the vibration in eV.
    temperature : float or real array
        In K.

    Returns
    -------
    real array
        <Q> to first order in Phi, dimensionless.

    References
    ----------
    F2, Eq. 7.
    """
    _checks.positive("energy", energy, "eV")
    return -6 * anharmonicity / energy * thermal_factor(energy, temperature)


class MeanField(NamedTuple):
    """Displacement and moments that belong to each other; see `mean_field`.

    Attributes
    ----------
    displacement : float
        <Q>, dimensionless.
    moments : real array, shape (2,)
        <S^z> of both spins.
    """

    displacement: float
    moments: np.ndarray


def mean_field(
    pair: SpinPair,
    couplings: Float[ArrayLike, "2"],
    energy: float,
    temperature: float,
    *,
    anharmonicity: float = 0.0,
) -> MeanField:
    """Return <Q> and <S^z> of a pair on one vibration, each in the mean field of the other.

    The spins feel the fields A_m <Q> beside those of the pair, and the vibration the force of the
    spins and of its cubic term: <Q> = -(2 / omega) sum_m A_m <S_m> - (6 Phi / omega) coth. Of all
    solutions this is the one of lowest free energy, with <Q> >= 0 where both signs are equal.

    Parameters
    ----------
    pair : SpinPair
        A single one.
    couplings : real array, shape (2,)
        A_1 and A_2 in eV.
    energy : float
        hbar omega in eV.
    temperature : float
        In K.
    anharmonicity : float
        Phi in eV.

    Raises
    ------
    InputError
        If `energy` or `temperature` is not positive, or `couplings` are not two.

    Notes
    -----
    Without anharmonicity <Q> = 0 if and only if the moments vanish, as F2 says. A spontaneous
    moment, for S = 1/2 and one spin alone below k_B T = A^2 / 2 omega, is one of the mean field:
    the exact pair keeps time reversal, and the vibration gives a spin 1/2 nothing but a constant.

    References
    ----------
    F2, Eq. 6.
    """
    _checks.positive("energy", energy, "eV")
    _checks.positive("temperature", temperature, "K")
    _checks.shaped("couplings", couplings, (2,))
    couplings = np.asarray(couplings, float)
    force = mean_displacement(anharmonicity, energy, temperature)
    farthest = 2 * pair.spin * np.abs(couplings).sum() / energy + abs(float(force))
    around = np.linspace(-1, 1, _SAMPLES)
    centre, width = 0.0, max(farthest, 1e-300)

    def at(displacement) -> SpinPair:
        fields = pair.fields + jnp.asarray(displacement)[..., None] * couplings
        return eqx.tree_at(lambda p: p.fields, pair, fields)

    for _ in range(_REFINEMENTS):
        grid = centre + width * around
        elastic = energy / 4 * (grid - float(force)) ** 2
        total = np.asarray(free_energy(at(grid), temperature)) + elastic
        level = total.min() + 1e-14 * np.abs(total).max()
        centre, width = float(grid[total <= level].max()), width * 4 / _SAMPLES
    moments = np.asarray(site_moments(at(centre), temperature))
    return MeanField(float(force) - 2 / energy * float(couplings @ moments), moments)


_SAMPLES = 801
"""Displacements of one search; the free energy of a pair has at most three minima."""

_REFINEMENTS = 3
"""Searches, each 200 times finer: the free energy itself is then flat to rounding."""


def exchange_field_map(
    spin: float,
    exchange: Float[ArrayLike, " exchange"],
    alpha: Float[ArrayLike, " alpha"],
    temperature: Scalar,
    *,
    ratio: Scalar = PUBLISHED_RATIO,
) -> Float[Array, "exchange alpha"]:
    """Return the total moment of a pair over exchange and displacement field.

    Parameters
    ----------
    spin : float
    exchange : real array, shape (exchange,)
        J in eV; positive is antiferromagnetic.
    alpha : real array, shape (alpha,)
        Field in eV: a_1 = alpha, a_2 = ratio * alpha.
    temperature : float
        In K.
    ratio : float
        1/2 is what F2's formulas contain, 0 what F2's Hamiltonian says.

    References
    ----------
    F2, Fig. 2.
    """
    alpha = jnp.asarray(alpha, float)
    fields = jnp.stack([alpha, ratio * alpha], axis=-1)
    return total_moment(SpinPair(spin, jnp.asarray(exchange, float)[:, None], fields), temperature)


def exchange_temperature_map(
    spin: float,
    exchange: Float[ArrayLike, " exchange"],
    temperatures: Float[ArrayLike, " temperature"],
    *,
    energy: Scalar,
    strength: Scalar,
    ratio: Scalar = PUBLISHED_RATIO,
) -> Float[Array, "exchange temperature"]:
    """Return the total moment of a pair over exchange and temperature.

    Parameters
    ----------
    spin : float
    exchange : real array, shape (exchange,)
        In eV.
    temperatures : real array, shape (temperature,)
        In K.
    energy : float
        hbar omega_0 of the vibration in eV.
    strength : float
        Product of spin-lattice coupling and anharmonicity, A Phi, in eV^2.
    ratio : float
        a_2 / a_1.

    References
    ----------
    F2, Fig. 4.
    """
    alpha = mean_displacement(strength, energy, jnp.asarray(temperatures, float))
    fields = jnp.stack([alpha, ratio * alpha], axis=-1)
    pair = SpinPair(spin, jnp.asarray(exchange, float)[:, None], fields)
    return total_moment(pair, jnp.asarray(temperatures, float))


def moment_per_site(
    temperatures: Float[ArrayLike, " temperature"],
    *,
    spin: float,
    exchange: Scalar,
    coupling: Scalar,
    anharmonicity: Scalar,
    energy: Scalar,
    anisotropy: Scalar = 0.0,
    spin_range: Scalar = 1.0,
    coupling_range: Scalar = 1.0,
    ratio: Scalar = PUBLISHED_RATIO,
    nodes: int = 48,
) -> Float[Array, " temperature"]:
    """Return the moment per site of a planar aggregate: half the pair's, averaged over k.

    The average is over a disc with the area of the Brillouin zone of a square lattice whose
    spacing is `spin_range`; F2 does not state its measure.

    Parameters
    ----------
    temperatures : real array, shape (temperature,)
        In K.
    spin : float
    exchange : float
        F2's J in eV, positive ferromagnetic: J_k = -sqrt(2) pi r_S J exp(-k^2 r_S^2 / 4).
    coupling : float
        A in eV: A_k = sqrt(2) pi r_A A exp(-k^2 r_A^2 / 4).
    anharmonicity : float
        Phi in eV.
    energy : float
        hbar omega_0 in eV.
    anisotropy : float
        Easy-plane single-ion energy in eV (F2's I).
    spin_range, coupling_range : float
        r_S and r_A in angstrom.
    ratio : float
        a_2 / a_1.
    nodes : int
        Gauss-Legendre nodes in k^2.

    References
    ----------
    F2, Fig. 5. The prefactor sqrt(2) pi r is F2's, for r in angstrom; the Fourier transform of a
    Gaussian on a plane would have pi r^2 per area of a cell.
    """
    x, weights = np.polynomial.legendre.leggauss(nodes)
    squared = 4 * np.pi / spin_range**2 * (x + 1) / 2
    temperatures = jnp.asarray(temperatures, float)
    root = np.sqrt(2) * np.pi
    j_k = -root * spin_range * exchange * jnp.exp(-squared * spin_range**2 / 4)
    a_k = root * coupling_range * coupling * jnp.exp(-squared * coupling_range**2 / 4)
    displacement = mean_displacement(anharmonicity, energy, temperatures)
    alpha = a_k[:, None] * displacement
    fields = jnp.stack([alpha, ratio * alpha], axis=-1)
    pair = SpinPair(spin, j_k[:, None], fields, single_ion=jnp.full(2, anisotropy))
    return jnp.asarray(weights / 2) @ total_moment(pair, temperatures) / 2


def ground_state_crossovers(
    spin: float, *, ratio: float = PUBLISHED_RATIO, largest: float = 20.0, points: int = 2001
) -> list[tuple[float, float]]:
    """Return the fields alpha / J at which the ground state of an antiferromagnetic pair changes.

    Parameters
    ----------
    spin : float
    ratio : float
        a_2 / a_1.
    largest : float
        End of the search in alpha / J.
    points : int
        Fields at which the ground state is looked at; two changes between neighbours are missed.

    Returns
    -------
    list of (float, float)
        alpha / J of every change and |M| of the ground state above it; empty if there is none.

    Notes
    -----
    For spins 1/2 the change is at J = 2 a_1 a_2 / |a_1 + a_2|: alpha = 3J/2 for the ratio 1/2 of
    the published formulas, nowhere for the field on one site alone that F2's Hamiltonian prints.
    """
    if points < 2:
        raise InputError(f"Argument `points` must be at least 2, but it is {points}.")

    def lowest(alpha):
        alpha = jnp.asarray(alpha, float)
        pair = SpinPair(spin, 1.0, jnp.stack([alpha, ratio * alpha], axis=-1))
        totals = pair.total_projections
        return totals, np.stack([np.linalg.eigvalsh(pair.block(m))[..., 0] for m in totals], -1)

    grid = largest * (np.arange(points) + 1 / np.pi) / points  # no crossover on a grid point
    totals, energies = lowest(grid)
    state = np.argmin(energies, axis=-1)
    found = []
    for n in np.flatnonzero(np.diff(state)):
        before, after = state[n], state[n + 1]

        def gap(alpha, i=before, j=after):
            both = lowest(alpha)[1]
            return float(both[i] - both[j])

        change = bisect(gap, float(grid[n]), float(grid[n + 1]), xtol=1e-14, full_output=False)
        found.append((float(np.asarray(change)), float(abs(totals[after]))))
    return found
