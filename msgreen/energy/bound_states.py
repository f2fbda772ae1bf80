"""Levels that spins bind in a gap of their host, from the host's Green function at real energies.

Where the host has no level, the level count of host and spins together changes by

    N(b) - N(a) = n_-(b) - n_-(a),

n_-(E) being the number of negative eigenvalues of the Hermitian matrix
|V|^1/2 G(E) |V|^1/2 - sign(V) over the magnetic sites. Its eigenvalues fall monotonically with E,
since dG/dE = -G^2, and each zero is a bound state. Nothing can be missed, however small the weight
of the level at the spins. Far away G vanishes, and n_- is the number of positive eigenvalues of V;
so it is wherever |V| |G| < 1.
"""

import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Float, Sites, Vectors
from msgreen.contour.base import ROUNDING
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.hosts.base import AbstractHost, green_matrices, site_count
from msgreen.scattering.contact import AbstractScatterer

_PRECISION = 1e-13
"""Part of an interval to which its levels are found."""


def bound_states(
    host: AbstractHost,
    scatterer: AbstractScatterer,
    sites: Sites,
    directions: Vectors,
    interval: tuple[float, float],
) -> Estimate[Float[np.ndarray, " level"]]:
    """Return all levels in an interval where the host itself has none.

    Parameters
    ----------
    host : AbstractHost
    scatterer : AbstractScatterer
        With a Hermitian potential.
    sites : array with one row per site
    directions : real array, shape (site, 3)
        Unit vectors.
    interval : (float, float)
        In eV, free of levels of the host: for a gap E_F - gap, E_F + gap.

    Returns
    -------
    Estimate
        Shape (level,), in eV, ascending, degenerate levels repeated. Not differentiable. The errors
        are those of the mesh of the host, to first order, and of rounding: of the eigenvalue that
        vanishes at the level, over its slope.

    Raises
    ------
    InputError
        If the interval is empty or the directions are not unit vectors.

    Notes
    -----
    For one classical spin on a superconductor these are the levels of Yu, Shiba and Rusinov.
    """
    levels, numbers = _levels(host, scatterer, sites, directions, interval)
    low, high = map(float, interval)
    spins = jnp.asarray(directions, float)
    step, errors = 1e-4 * (high - low), []
    for level, n in zip(levels, numbers, strict=True):
        ends = max(low, level - step), min(high, level + step)
        (below, _), (above, _) = (_spectrum(host, scatterer, sites, spins, end) for end in ends)
        slope = np.abs(above[n] - below[n]) / (ends[1] - ends[0])
        values, missing = _spectrum(host, scatterer, sites, spins, level)
        doubt = ROUNDING * np.abs(values).max() + missing[n]
        errors.append(doubt / slope + _PRECISION * (high - low))
    return Estimate(levels, np.array(errors, float))


def gap_around(host: AbstractHost, centre: float, reach: float, *, accuracy: float = 1e-3) -> float:
    """Return how far from an energy the nearest level of a host is, from below.

    Parameters
    ----------
    host : AbstractHost
        Without spins.
    centre : float
        In eV as the host counts energies; of a superconductor E_F is 0.
    reach : float
        In eV: beyond it nothing is looked for.
    accuracy : float
        Part of the distance by which it may be too small; of `reach` what is no gap.

    Returns
    -------
    float
        A distance in eV within which there is no level.

    Raises
    ------
    InputError
        If the host cannot tell its levels, or there is no gap.
    """
    _checks.number("centre", centre)
    _checks.positive_number("reach", reach, "eV")
    _checks.positive_number("accuracy", accuracy)
    centre, safe, taken = float(centre), 0.0, float(reach)

    def has_levels(distance: float) -> bool:
        found = host.has_levels(centre - distance, centre + distance)
        if found is None:
            raise InputError(
                f"Argument `host` must know its levels to have a gap, but {type(host).__name__} "
                "does not. Give it a method `has_levels`."
            )
        return found

    if not has_levels(taken):
        return taken
    while taken - safe > accuracy * max(taken, accuracy * reach):
        middle = 0.5 * (safe + taken)
        safe, taken = (safe, middle) if has_levels(middle) else (middle, taken)
    if not safe:
        raise InputError(
            f"Argument `host` must have a gap around {centre} eV, but it has levels within "
            f"{taken:.1e} eV of it. Give a temperature instead, or open a gap."
        )
    return safe


def _levels(host, scatterer, sites, directions, interval) -> tuple[np.ndarray, list[int]]:
    """Return the levels, and the numbers of the eigenvalues that vanish there."""
    # It takes 0.1 s of every command, and few look for levels.
    from scipy.optimize import brentq

    _checks.shaped("directions", directions, (site_count(sites), 3))
    _checks.unit_vectors("directions", directions)
    _checks.shaped("interval", interval, (2,))
    _checks.finite("interval", interval)
    low, high = map(float, interval)
    if not low < high:
        raise InputError(
            f"Argument `interval` must have its lower end first, but it is {interval}. Swap them."
        )
    spins = jnp.asarray(directions, float)

    def eigenvalues(energy: float) -> np.ndarray:
        return _spectrum(host, scatterer, sites, spins, energy)[0]

    first, last = negative_count(eigenvalues(low)), negative_count(eigenvalues(high))
    precision = _PRECISION * (high - low)
    pairs = sorted(
        (brentq(lambda energy, n=n: eigenvalues(energy)[n], low, high, xtol=precision), n)
        for n in range(first, last)
    )
    return np.array([level for level, _ in pairs], float), [n for _, n in pairs]


def _spectrum(host, scatterer, sites, spins, energy: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the eigenvalues of the form at an energy, and their errors from the host's mesh."""
    z = jnp.array([energy], complex)
    potential = np.asarray(scatterer.potential(z, spins)[0])
    fine, coarse = green_matrices(host, z, sites)
    values = np.linalg.eigvalsh(scattering_form(np.asarray(fine[0]), potential))
    if coarse is None:
        return values, np.zeros_like(values)
    less = np.linalg.eigvalsh(scattering_form(np.asarray(coarse[0][0]), potential))
    return values, np.abs(values - less) * float(coarse[1][0])


def scattering_form(green: np.ndarray, potential: np.ndarray) -> np.ndarray:
    """Return |V|^1/2 G |V|^1/2 - sign(V) of some sites, for any number of configurations.

    Parameters
    ----------
    green : complex array, shape (..., site, size, site, size)
        G at a real energy.
    potential : complex array, shape (..., site, size, size)
        V_i, Hermitian; an eigenvalue of zero counts as positive, at every energy.

    Returns
    -------
    complex array, shape (..., site * size, site * size)
        In the eigenvectors of V.
    """
    values, vectors = np.linalg.eigh(potential)
    root = vectors * np.sqrt(np.abs(values))[..., None, :]
    left = root.conj().swapaxes(-1, -2)[..., :, None, :, :]
    form = left @ green.swapaxes(-3, -2) @ root[..., None, :, :, :]
    form = form.swapaxes(-3, -2)
    size = potential.shape[-3] * potential.shape[-1]
    form = form.reshape(*form.shape[:-4], size, size)
    place = np.arange(size)
    form[..., place, place] -= np.where(values < 0, -1.0, 1.0).reshape(*values.shape[:-2], size)
    return 0.5 * (form + form.conj().swapaxes(-1, -2))


def negative_count(eigenvalues: np.ndarray) -> np.ndarray:
    """Return how many of the last axis are negative."""
    return (eigenvalues < 0).sum(axis=-1)
