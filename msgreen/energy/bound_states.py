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
from scipy.optimize import brentq

from msgreen import _checks
from msgreen._typing import Array, Float
from msgreen.errors import InputError
from msgreen.hosts.base import AbstractHost, green_matrix, site_count
from msgreen.scattering.contact import AbstractScatterer


def bound_states(
    host: AbstractHost,
    scatterer: AbstractScatterer,
    sites,
    directions: Float[Array, "site 3"],
    interval: tuple[float, float],
) -> np.ndarray:
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
    real array, shape (level,)
        In eV, ascending, degenerate levels repeated. Not differentiable.

    Raises
    ------
    InputError
        If the interval is empty or the directions are not unit vectors.

    Notes
    -----
    For one classical spin on a superconductor these are the levels of Yu, Shiba and Rusinov.
    """
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

    def spectrum(energy: float) -> np.ndarray:
        z = jnp.array([energy], complex)
        green = np.asarray(green_matrix(host, z, sites)[0])
        potential = np.asarray(scatterer.potential(z, spins)[0])
        return np.linalg.eigvalsh(scattering_form(green, potential))

    first, last = negative_count(spectrum(low)), negative_count(spectrum(high))
    levels = [
        brentq(lambda energy, n=n: spectrum(energy)[n], low, high, xtol=1e-13 * (high - low))
        for n in range(first, last)
    ]
    return np.sort(np.array(levels, float))


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
