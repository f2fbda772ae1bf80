"""Energies that n spins have together and no fewer of them: inclusion and exclusion.

Lloyd's formula gives the energy E_s of any subset s of the spins from a part of one Green function.
What belongs to a cluster c of n spins, to all orders of the coupling, is

    E^c = sum_(s in c) (-1)^(n - |s|) E_s,        E = sum over all clusters of E^c,

its single-site energies being those of n = 1.
"""

from collections.abc import Sequence
from functools import partial
from itertools import combinations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Float
from msgreen.contour.base import ROUNDING
from msgreen.energy.determinants import log_determinant
from msgreen.energy.free_levels import check_configurations
from msgreen.energy.lloyd import LloydEnergy
from msgreen.errors import InputError
from msgreen.estimate import Estimate

LARGEST_CLUSTER = 8
"""Spins of a cluster, an estimate: it has 256 subsets."""

_BATCH = 64
"""Configurations at once: 64 of four spins on a superconductor, 16 x 16 matrices, take 10 MB."""


def many_spin_energies(
    lloyd: LloydEnergy,
    directions: Float[ArrayLike, "*config site 3"],
    clusters: Sequence[Sequence[int]],
) -> Estimate[Float[np.ndarray, "*config cluster"]]:
    """Return what the energy of every cluster has beyond those of its parts.

    Parameters
    ----------
    lloyd : LloydEnergy
    directions : real array, shape (site, 3) or (config, site, 3)
        Unit vectors of all its sites.
    clusters : sequence of sequences of int
        Numbers of sites, all different within a cluster.

    Returns
    -------
    Estimate
        Shape (cluster,) or (config, cluster), in eV; the error is that of the contour, of the mesh
        of the host and of rounding.

    Raises
    ------
    InputError
        If a cluster is empty, larger than eight, repeats a site or names one that there is not;
        if directions are no unit vectors, or host and spins have levels where the contour assumes
        none.

    Notes
    -----
    Loops of n sites are what is left of the energy of n spins for weak coupling.

    Examples
    --------
    >>> from msgreen import ContactCoupling, RashbaGas
    >>> wire = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167)
    >>> lloyd = LloydEnergy(wire, ContactCoupling(0.58), [[0.0], [9.0], [18.0]], onsite=False)
    >>> up = np.tile([0.0, 0.0, 1.0], (3, 1))
    >>> pairs, _ = many_spin_energies(lloyd, up, [[0, 1], [1, 2], [0, 2]])
    >>> all_three, _ = many_spin_energies(lloyd, up, [[0, 1, 2]])
    >>> bool(abs(pairs.sum() + all_three[0] - lloyd.interaction(up)) < 1e-12)
    True
    """
    names = _checked(clusters, lloyd.count)
    _checks.unit_vectors("directions", directions)
    _checks.shaped("directions", directions, (lloyd.count, 3), ("config", lloyd.count, 3))
    shape = np.shape(directions)[:-2]
    flat = jnp.asarray(directions, float).reshape(-1, lloyd.count, 3)
    subsets = sorted({s for name in names for s in _subsets(name)}, key=lambda s: (len(s), s))
    check_configurations(lloyd.path, lloyd.edges, lloyd.scatterer, flat, subsets=subsets)
    signs = np.zeros((len(subsets), len(names)))
    for column, name in enumerate(names):
        for subset in _subsets(name):
            signs[subsets.index(subset), column] = (-1) ** (len(name) - len(subset))
    # The matrix 1 - G V is rounded relative to 1, and so is each of the sum.
    rounding = ROUNDING * float(np.abs(signs).sum(axis=0).max())
    integrand = partial(_integrand, flat=flat, subsets=tuple(subsets), signs=jnp.asarray(signs))
    found = lloyd.integrated(integrand, rounding)
    return Estimate(*(np.asarray(part).reshape(*shape, len(names)) for part in found))


def _checked(clusters, count: int) -> list[tuple[int, ...]]:
    names = []
    for cluster in clusters if isinstance(clusters, list | tuple | np.ndarray) else ():
        rows = np.atleast_1d(np.asarray(_checks.numbers("clusters", cluster)))
        fits = np.issubdtype(rows.dtype, np.integer) and rows.ndim == 1
        fits = fits and 0 < len(rows) <= LARGEST_CLUSTER and len(np.unique(rows)) == len(rows)
        if not fits:
            raise InputError(
                f"Argument `clusters` must hold 1 to {LARGEST_CLUSTER} different numbers of sites "
                f"each, but one is {np.asarray(cluster).tolist()}. Name its sites."
            )
        if rows.min() < 0 or rows.max() >= count:
            raise InputError(
                f"Argument `clusters` must hold site numbers from 0 to {count - 1}, but one is "
                f"{rows.tolist()}. Count sites from 0."
            )
        names.append(tuple(sorted(rows.tolist())))
    if not names:
        raise InputError(
            "Argument `clusters` must hold one cluster at least, but it has none. Give a list of "
            "lists of site numbers, as [[0, 1, 2]]."
        )
    return names


def _subsets(name: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [s for size in range(1, len(name) + 1) for s in combinations(name, size)]


@eqx.filter_jit
def _integrand(lloyd: LloydEnergy, *, flat, subsets, signs):
    """Return sums of ln det(1 - G V) of the subsets, shape (energy, config, cluster)."""

    def one(spins):
        potential = lloyd.scatterer.potential(lloyd.path.nodes, spins)
        product = jnp.einsum("eiajb,ejbc->eiajc", lloyd.green, potential)
        logs = []
        for size in sorted({len(s) for s in subsets}):
            rows = np.array([s for s in subsets if len(s) == size])
            part = product[:, rows[:, :, None], :, rows[:, None, :], :]
            part = jnp.transpose(part, (3, 0, 1, 4, 2, 5))
            matrix = part.reshape(*part.shape[:2], size * part.shape[3], -1)
            logs.append(log_determinant(jnp.eye(matrix.shape[-1], dtype=complex) - matrix))
        return jnp.concatenate(logs, axis=1) @ signs.astype(complex)

    return jnp.moveaxis(jax.lax.map(one, flat, batch_size=_BATCH), 0, 1)
