"""Pair exchange across the moments of a reference state, in the local frame: J, D, S, A.

About collinear moments along e the energy of small rotations is, over ordered pairs,

    E = -sum_(i != j) sum_kl J_ij^kl e_i^k e_j^l,   k, l across the moment,

with J = (J^xx + J^yy)/2, D = (J^xy - J^yx)/2, S = (J^xx - J^yy)/2 and A = (J^yx + J^xy)/2:
isotropic exchange, the component of the Dzyaloshinskii-Moriya vector along e, and the two
symmetric anisotropies. Programs of the KKR method print these four numbers.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float
from msgreen.hosts.base import check_pairs
from msgreen.lloyd import LloydEnergy
from msgreen.rotation import closed_hessian
from msgreen.spin import angles, tangent_frame


class TransverseExchange(NamedTuple):
    """J, D, S and A of pairs, in eV, convention of paper L (ordered pairs, minus sign)."""

    J: Float[Array, " pair"]
    D: Float[Array, " pair"]
    S: Float[Array, " pair"]
    A: Float[Array, " pair"]


def transverse_exchange(
    lloyd: LloydEnergy, directions: Float[ArrayLike, "site 3"], pairs: np.ndarray
) -> TransverseExchange:
    """Return J, D, S and A of pairs of different sites about a reference state.

    Parameters
    ----------
    lloyd : LloydEnergy
        With spin-orbit coupling its t-matrices must be those about `directions`
        (`TMatrix.about`): the derivative is taken there.
    directions : real array, shape (site, 3)
        Unit vectors; x and y of the local frame are the polar and azimuthal unit vectors.
    pairs : int array, shape (pair, 2)

    Returns
    -------
    TransverseExchange

    References
    ----------
    Liechtenstein et al., J. Magn. Magn. Mater. 67, 65 (1987); Udvardi et al., Phys. Rev. B 68,
    104436 (2003); Ebert and Mankovsky, Phys. Rev. B 79, 045209 (2009).
    """
    _checks.unit_vectors("directions", directions)
    directions = jnp.asarray(directions, float)
    i, j = check_pairs(pairs, lloyd.count).T
    curvature = closed_hessian(lloyd, directions)[i, :, j, :]
    frame = jnp.einsum("iak,ibk->iab", polar_frame(directions), tangent_frame(directions))
    tensor = -0.5 * jnp.einsum("pac,pcd,pbd->pab", frame[i], curvature, frame[j])
    xx, xy, yx, yy = tensor[:, 0, 0], tensor[:, 0, 1], tensor[:, 1, 0], tensor[:, 1, 1]
    return TransverseExchange((xx + yy) / 2, (xy - yx) / 2, (xx - yy) / 2, (yx + xy) / 2)


def polar_frame(directions: Float[ArrayLike, "*batch 3"]) -> Float[Array, "*batch 2 3"]:
    """Return the polar and azimuthal unit vectors, shape (..., 2, 3); at the poles, phi = 0."""
    theta, phi = angles(jnp.asarray(directions, float))
    cos, sin, zero = jnp.cos(theta), jnp.sin(theta), jnp.zeros_like(theta)
    polar = jnp.stack([cos * jnp.cos(phi), cos * jnp.sin(phi), -sin], axis=-1)
    azimuthal = jnp.stack([-jnp.sin(phi), jnp.cos(phi), zero], axis=-1)
    return jnp.stack([polar, azimuthal], axis=-2)
