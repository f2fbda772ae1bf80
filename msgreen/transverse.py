"""Interactions about an ordered reference state whose t-matrices turn with the moments.

About collinear moments along e the energy of small rotations is, over ordered pairs,

    E = -sum_(i != j) sum_kl J_ij^kl e_i^k e_j^l,   k, l across the moment,

with J = (J^xx + J^yy)/2, D = (J^xy - J^yx)/2, S = (J^xx - J^yy)/2 and A = (J^yx + J^xy)/2:
isotropic exchange, the component of the Dzyaloshinskii-Moriya vector along e, and the two
symmetric anisotropies. Programs of the KKR method print these four numbers.

In the form of paper L the deviations dS = e - e0 play the part of the spins: the same loops of A
and B of the host, with t = (t_up - t_down)/2.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float
from msgreen.convention import LOUNIS
from msgreen.errors import AccuracyWarning, InputError
from msgreen.exchange import compute_interactions
from msgreen.harmonics import axial_image
from msgreen.hosts.base import AbstractHost, check_pairs
from msgreen.interactions import Coefficient, Interactions, Terms
from msgreen.lloyd import LloydEnergy
from msgreen.plaquette import loop_tensors
from msgreen.rotation import closed_hessian
from msgreen.spin import angles, rotate, tangent_frame
from msgreen.tmatrix import TMatrix


class TransverseExchange(NamedTuple):
    """J, D, S and A of pairs, in eV, convention of paper L (ordered pairs, minus sign)."""

    J: Float[Array, " pair"]
    D: Float[Array, " pair"]
    S: Float[Array, " pair"]
    A: Float[Array, " pair"]


class OrderScan(NamedTuple):
    """Energies of scattering orders against the angle of tilted moments, in eV.

    Attributes
    ----------
    angle : real array, shape (angle,)
        In radians.
    orders : real array, shape (angle, order)
        Of 1, 2, ... scatterings at deviations of the moments: "p-spin energies".
    total : real array, shape (angle,)
        Of all orders, from ln det.
    radius : real array, shape (angle,)
        Largest |eigenvalue| of G dt; the orders add up to the total below 1 only.
    """

    angle: np.ndarray
    orders: np.ndarray
    total: np.ndarray
    radius: np.ndarray


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


def reference_interactions(
    host: AbstractHost,
    scatterer: TMatrix,
    sites,
    clusters: Sequence[np.ndarray],
    *,
    progress: bool = False,
) -> Interactions:
    """Return the interactions of clusters about the reference state, in the neutral convention.

    Parameters
    ----------
    host : AbstractHost
    scatterer : TMatrix
    sites : array with one row per site
        All sites of the t-matrices.
    clusters : sequence of int arrays, shape (cluster, order)
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Interactions
        The named coefficients and the tensors multiply deviations dS = e - e0 of the moments, as
        spins in paper L. The coefficients hold for t = Delta dS.sigma, exact without spin-orbit
        coupling (`TMatrix.spin_splitting_residual`); the tensors, of up to four spins, and D of
        pairs hold with it too. Pairs have in addition ``J``, ``D_along``, ``S`` and ``A`` of
        `transverse_exchange`. Only ``D_along`` is the Dzyaloshinskii-Moriya interaction of moments
        of fixed length; D across the reference also contains changes of length.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 8, 10, 19, 32.
    """
    found = compute_interactions(
        host, scatterer.spin_splitting(), sites, clusters, tensors=False, progress=progress
    )
    lloyd = LloydEnergy(host, scatterer, sites)
    terms = tuple(_completed(lloyd, host, scatterer, sites, term) for term in found.terms)
    return replace(found, terms=terms, source={**found.source, "spins": "deviations e - e0"})


def _completed(lloyd, host, scatterer, sites, term: Terms) -> Terms:
    """Add exact tensors, and to pairs J, D, S and A."""
    if term.order > 4 or not len(term.loops):
        return term
    value, error = loop_tensors(host, scatterer, lloyd.path, sites, term.loops)
    named = dict(term.coefficients)
    if term.order == 2:
        # T = J + J_ani + D.(S x S): with spin-orbit coupling t itself contributes to D.
        half = np.asarray(value - jnp.swapaxes(value, 1, 2)) / 2
        dmi = np.stack([half[:, 1, 2], half[:, 2, 0], half[:, 0, 1]], axis=1)
        named["D"] = Coefficient(dmi, np.full_like(dmi, np.nan), ("xyz",))
        factor = LOUNIS.factor(2, 2, np.full(len(term.loops), 2))
        exchange = transverse_exchange(lloyd, scatterer.reference, term.loops)
        for name, column in zip(("J", "D_along", "S", "A"), exchange, strict=True):
            numbers = factor * np.asarray(column)
            named[name] = Coefficient(numbers, np.full_like(numbers, np.nan))
    tensor = Coefficient(np.asarray(value), np.asarray(error), ("xyz",) * term.order)
    return replace(term, coefficients=named, tensor=tensor)


def dmi_vectors(
    pairs: np.ndarray,
    moments: Float[ArrayLike, "moment 3"],
    along: Float[ArrayLike, "moment pair"],
    operations: Sequence[tuple[np.ndarray, np.ndarray]] = (),
) -> Float[np.ndarray, "pair 3"]:
    """Return whole Dzyaloshinskii-Moriya vectors from their components along several moments.

    A run with moments along n gives n.D only (`transverse_exchange`). Symmetry multiplies the
    data: an operation O takes n.D of pair (i, j) to det(O) O n and the pair of the images.

    Parameters
    ----------
    pairs : int array, shape (pair, 2)
    moments : real array, shape (moment, 3)
        Unit vectors n of the runs.
    along : real array, shape (moment, pair)
        n.D, in any convention of ordered pairs.
    operations : sequence of (matrix, images)
        Point operations of the crystal and where they move the sites.

    Returns
    -------
    real array, shape (pair, 3)
        By least squares over all data of each pair.

    Raises
    ------
    InputError
        If moments and operations do not determine the vectors.
    """
    known: dict[tuple[int, int], list] = {(int(i), int(j)): [] for i, j in pairs}
    moments, along = np.asarray(moments, float), np.asarray(along, float)
    everything = [(np.eye(3), np.arange(int(np.max(pairs)) + 1)), *operations]
    for moment, components in zip(moments, along, strict=True):
        for matrix, images in everything:
            axis = axial_image(matrix, moment)
            for (i, j), component in zip(pairs, components, strict=True):
                here, there = int(images[i]), int(images[j])
                if (here, there) in known:
                    known[here, there].append((axis, component))
                elif (there, here) in known:
                    known[there, here].append((axis, -component))
    vectors = []
    for pair, data in known.items():
        axes, components = (np.array(column) for column in zip(*data, strict=True))
        vector, _, rank, _ = np.linalg.lstsq(axes, components, rcond=1e-6)
        if rank < 3:
            raise InputError(
                f"Argument `moments` must determine D of every pair, but of pair {pair} they "
                f"determine {rank} components. Add runs with other directions of the moments."
            )
        vectors.append(vector)
    return np.array(vectors)


def order_scan(
    lloyd: LloydEnergy,
    reference: Float[ArrayLike, "site 3"],
    angles: Float[ArrayLike, " angle"],
    order: int = 6,
) -> OrderScan:
    """Return the energies of scattering orders of moments that are all tilted by one angle.

    Parameters
    ----------
    lloyd : LloydEnergy
    reference : real array, shape (site, 3)
        Unit vectors of the reference state.
    angles : real array, shape (angle,)
        In radians. The azimuths of the sites follow the golden angle, so that no two are parallel.
    order : int
        Largest number of scatterings.
    """
    reference, angles = jnp.asarray(reference, float), np.asarray(angles, float)
    azimuth = np.pi * (3 - np.sqrt(5)) * np.arange(len(reference))
    heading = jnp.asarray(np.stack([np.cos(azimuth), np.sin(azimuth)], axis=1))
    frame = tangent_frame(reference)
    moments = jnp.stack([rotate(reference, frame, angle * heading) for angle in angles])
    with warnings.catch_warnings():
        # The radius is part of the result.
        warnings.simplefilter("ignore", AccuracyWarning)
        orders = np.stack([np.asarray(lloyd.series(m, order)) for m in moments])
    radius = np.array([lloyd.spectral_radius(m) for m in moments])
    return OrderScan(angles, orders, np.asarray(lloyd(moments)), radius)
