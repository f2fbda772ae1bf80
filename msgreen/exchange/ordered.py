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

import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float, Sites, Vectors
from msgreen.convention import LOUNIS
from msgreen.energy.lloyd import LloydEnergy
from msgreen.errors import AccuracyWarning, InputError
from msgreen.estimate import Estimate
from msgreen.exchange.closed_forms import loop_names
from msgreen.exchange.compute import compute_interactions
from msgreen.exchange.derivatives import closed_hessian
from msgreen.exchange.loops import by_order, loop_tensors
from msgreen.exchange.third import third_derivatives
from msgreen.hosts.base import AbstractHost, check_pairs
from msgreen.scattering.exchange_field import ExchangeField
from msgreen.scattering.tmatrix import TMatrix
from msgreen.spin.algebra import angles, rotate, spin_form, tangent_frame
from msgreen.spin.harmonics import axial_image
from msgreen.spin.tensors import pair_parts
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms

_CAUTION = 2.0
"""Factor of differences, whose largest is 0.83 of the error in the worst case: S, t of degree 2.

Of J, D, S and A of 20 pairs of iron, two directions of the moments, three degrees.
"""

_RIGID = 1e-12
"""Part of dt/de beyond Delta sigma below which t is Delta dS.sigma."""


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
    lloyd: LloydEnergy, directions: Vectors, pairs: np.ndarray
) -> Estimate[TransverseExchange]:
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
    Estimate
        Of `TransverseExchange`.

    References
    ----------
    Liechtenstein et al., J. Magn. Magn. Mater. 67, 65 (1987); Udvardi et al., Phys. Rev. B 68,
    104436 (2003); Ebert and Mankovsky, Phys. Rev. B 79, 045209 (2009).
    """
    _checks.unit_vectors("directions", directions)
    directions = jnp.asarray(directions, float)
    i, j = check_pairs(pairs, lloyd.count).T
    curvature, error = (h[i, :, j, :] for h in closed_hessian(lloyd, directions))
    frame = jnp.einsum("iak,ibk->iab", polar_frame(directions), tangent_frame(directions))

    def turned(frame, hessian):
        return -0.5 * jnp.einsum("pac,pcd,pbd->pab", frame[i], hessian, frame[j])

    (xx, xy), (yx, yy) = jnp.moveaxis(turned(frame, curvature), 0, -1)
    found = TransverseExchange((xx + yy) / 2, (xy - yx) / 2, (xx - yy) / 2, (yx + xy) / 2)
    (xx, xy), (yx, yy) = -jnp.moveaxis(turned(jnp.abs(frame), error), 0, -1)
    straight, crossed = (xx + yy) / 2, (xy + yx) / 2
    return Estimate(found, TransverseExchange(straight, crossed, straight, crossed))


def polar_frame(directions: Float[ArrayLike, "*batch 3"]) -> Float[Array, "*batch 2 3"]:
    """Return the polar and azimuthal unit vectors, shape (..., 2, 3); at the poles, phi = 0."""
    return _polar_frame(jnp.asarray(directions, float))


@jax.jit
def _polar_frame(directions: Array) -> Array:
    theta, phi = angles(directions)
    cos, sin, zero = jnp.cos(theta), jnp.sin(theta), jnp.zeros_like(theta)
    polar = jnp.stack([cos * jnp.cos(phi), cos * jnp.sin(phi), -sin], axis=-1)
    azimuthal = jnp.stack([-jnp.sin(phi), jnp.cos(phi), zero], axis=-1)
    return jnp.stack([polar, azimuthal], axis=-2)


def reference_interactions(
    host: AbstractHost,
    scatterer: TMatrix | ExchangeField,
    sites: Sites,
    clusters: Sequence[np.ndarray],
    *,
    progress: bool = False,
) -> Interactions:
    """Return the interactions of clusters about the reference state, in the neutral convention.

    Parameters
    ----------
    host : AbstractHost
    scatterer : TMatrix or ExchangeField
    sites : array with one row per site
        All sites of the scatterer.
    clusters : sequence of int arrays, shape (cluster, order)
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Interactions
        The named coefficients and the tensors multiply deviations dS = e - e0 of the moments, as
        spins in paper L. Pairs have in addition ``J``, ``D_along``, ``S`` and ``A`` of
        `transverse_exchange`, triples ``R3`` of `third_derivatives`. Only ``D_along`` is the
        Dzyaloshinskii-Moriya interaction of moments of fixed length; D across the reference also
        contains changes of length.

    Notes
    -----
    Without spin-orbit coupling t = Delta dS.sigma, and the coefficients are those of paper L. With
    it t is more than that (`TMatrix.spin_splitting_residual`). The tensors, of up to four spins,
    contain it. What they have beyond the tensors of Delta is projected on the spin forms of the
    named coefficients (`msgreen.spin.algebra.spin_form`) and added to these; the pairs' add up to
    the whole tensor. Coefficients of six and more spins are those of Delta alone.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 8, 10, 19, 32.
    """
    rigid = scatterer.spin_splitting()
    found = compute_interactions(host, rigid, sites, clusters, tensors=False, progress=progress)
    lloyd = LloydEnergy(host, scatterer, sites)
    turns = float(jnp.max(scatterer.spin_splitting_residual())) < _RIGID

    def tensors(of):
        known = [t.loops for t in small]
        return by_order(known, lambda loops: loop_tensors(host, of, lloyd.path, sites, loops))

    small = [term for term in found.terms if term.order <= 4 and len(term.loops)]
    exact = tensors(scatterer)
    delta = exact if turns else tensors(rigid)
    done = {}
    for term, (value, error), (known, _) in zip(small, exact, delta, strict=True):
        tensor = Coefficient(np.asarray(value), np.asarray(error), ("xyz",) * term.order)
        whole = _completed(term, tensor, np.asarray(value - known))
        done[term.kind] = _with_rotations(whole, lloyd, scatterer)
    terms = [done.get(term.kind, term) for term in found.terms]
    return replace(found, terms=tuple(terms), reference=np.asarray(scatterer.reference))


def with_differences(found: Interactions, others: Sequence[Interactions]) -> Interactions:
    """Add to the errors how much other sets of the same clusters differ.

    Parameters
    ----------
    found : Interactions
    others : sequence of Interactions
        From t-matrices that the data allow as well
        (`msgreen.scattering.interpolation.other_tmatrices`), in the same convention.

    Raises
    ------
    InputError
        If a set is about another reference state, or in another convention.
    """
    for other in others:
        if not _same_meaning(found, other):
            raise InputError(
                "Argument `others` must hold sets about the reference state of `found` and in its "
                "convention, but one is about another or in another. Coefficients about different "
                "states are no measure of each other: match one spin model to all of them with "
                "`ordered_model`."
            )
    terms = []
    for n, term in enumerate(found.terms):
        twins = [other.terms[n] for other in others]
        named = {
            name: _doubted(known, [twin.coefficients[name].value for twin in twins])
            for name, known in term.coefficients.items()
        }
        tensor = term.tensor
        if tensor is not None:
            tensor = _doubted(tensor, [t.tensor.value for t in twins if t.tensor is not None])
        terms.append(replace(term, coefficients=named, tensor=tensor))
    return replace(found, terms=tuple(terms))


def _same_meaning(one: Interactions, other: Interactions) -> bool:
    if one.convention != other.convention:
        return False
    here, there = one.reference, other.reference
    if here is None or there is None:
        return here is there
    return here.shape == there.shape and np.allclose(here, there, rtol=0, atol=1e-9)


def _doubted(known: Coefficient, others: Sequence) -> Coefficient:
    value = np.asarray(known.value)
    error = np.asarray(known.error) + difference(value, others)
    return Coefficient(value, error, known.axes, known.rotation)


def difference(value: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Return twice the largest difference of other values, and no zero by accident.

    It is at least twice that part of every value by which all of them together differ.
    """
    value, size = np.asarray(value), np.linalg.norm(value)
    most = np.zeros(value.shape)
    for other in others:
        change = np.abs(np.asarray(other) - value)
        share = np.linalg.norm(change) / size if size else 0.0
        most = np.maximum(most, np.maximum(change, share * np.abs(value)))
    return _CAUTION * most


def _completed(term: Terms, tensor: Coefficient, beyond: np.ndarray) -> Terms:
    """Add the exact tensors, and to the named coefficients what they have beyond those of Delta.

    The correction is taken to be as accurate, relatively, as the tensor of its cluster.
    """
    axes = tuple(range(1, tensor.value.ndim))
    relative = np.sqrt(np.sum(tensor.error**2, axes) / np.sum(tensor.value**2, axes))
    parts = _two_spin_parts(beyond) if term.order == 2 else _loop_parts(beyond, term.order)
    named = {}
    for name, known in term.coefficients.items():
        doubt = np.abs(parts[name]) * relative.reshape(-1, *(1,) * (parts[name].ndim - 1))
        error = np.asarray(known.error) + doubt
        named[name] = Coefficient(np.asarray(known.value) + parts[name], error, known.axes)
    return replace(term, coefficients=named, tensor=tensor)


def _two_spin_parts(tensor) -> dict[str, np.ndarray]:
    parts = pair_parts(tensor)
    return {"J_iso": parts.isotropic, "J_ani": parts.traceless, "D": parts.vector}


def _loop_parts(tensor, order: int) -> dict[str, np.ndarray]:
    """Projection on the form without B and, by least squares, on those of all legs."""
    plain = _form(order, ())
    legs = np.stack([_form(order, (leg,))[..., k] for leg in range(order) for k in range(3)])
    flat = tensor.reshape(len(tensor), -1)
    along = flat @ np.linalg.pinv(legs.reshape(3 * order, -1))
    one, other = loop_names(order)
    return {
        one: flat @ plain.ravel() / np.sum(plain**2),
        other: along.reshape(-1, order, 3),
    }


def _form(order: int, carriers) -> np.ndarray:
    """Spin form of a loop as a tensor, an axis per spin and one per carrier."""
    shape = (3,) * (order + 1)
    units = [np.eye(3).reshape(*(1,) * m, 3, *(1,) * (order - 1 - m), 3) for m in range(order)]
    spins = [jnp.asarray(np.broadcast_to(unit, shape)) for unit in units]
    return np.asarray(spin_form(spins, carriers))


def _with_rotations(term: Terms, lloyd: LloydEnergy, scatterer) -> Terms:
    """Add J, D_along, S and A to pairs, and R3 to triples."""
    added = {}
    if term.kind == "pair":
        factor = LOUNIS.factor(2, 2, np.full(len(term.loops), 2))
        found = transverse_exchange(lloyd, scatterer.reference, term.loops)
        names = "J", "D_along", "S", "A"
        for name, value, doubt in zip(names, found.value, found.error, strict=True):
            added[name] = Coefficient(value, doubt, rotation=True).scaled(factor)
    elif term.kind == "three_spin":
        value, doubt = map(np.asarray, third_derivatives(lloyd, scatterer.reference, term.loops))
        added["R3"] = Coefficient(value, doubt, ("xyz",) * 3, rotation=True)
    return replace(term, coefficients={**term.coefficients, **added})


def dmi_vectors(
    pairs: np.ndarray,
    moments: Float[ArrayLike, "moment 3"],
    along: Float[ArrayLike, "moment pair"],
    operations: Sequence[tuple[np.ndarray, np.ndarray]] = (),
    *,
    errors: Float[ArrayLike, "moment pair"] | None = None,
) -> Estimate[Float[np.ndarray, "pair 3"]]:
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
    errors : real array, shape (moment, pair), optional
        Of `along`.

    Returns
    -------
    Estimate
        Shape (pair, 3), by least squares over all data of each pair. The error bounds what `errors`
        can change; NaN without them.

    Raises
    ------
    InputError
        If moments and operations do not determine the vectors.
    """
    known: dict[tuple[int, int], list] = {(int(i), int(j)): [] for i, j in pairs}
    moments, along = np.asarray(moments, float), np.asarray(along, float)
    doubts = np.full_like(along, np.nan) if errors is None else np.asarray(errors, float)
    everything = [(np.eye(3), np.arange(int(np.max(pairs)) + 1)), *operations]
    for moment, components, doubt in zip(moments, along, doubts, strict=True):
        for matrix, images in everything:
            axis = axial_image(matrix, moment)
            for (i, j), component, error in zip(pairs, components, doubt, strict=True):
                here, there = int(images[i]), int(images[j])
                if (here, there) in known:
                    known[here, there].append((axis, component, error))
                elif (there, here) in known:
                    known[there, here].append((axis, -component, error))
    solved = []
    for pair, data in known.items():
        axes, components, doubt = (np.array(column) for column in zip(*data, strict=True))
        rank = np.linalg.matrix_rank(axes, tol=1e-6)
        if rank < 3:
            raise InputError(
                f"Argument `moments` must determine D of every pair, but of pair {pair} they "
                f"determine {rank} components. Add runs with other directions of the moments."
            )
        inverse = np.linalg.pinv(axes)
        solved.append((inverse @ components, np.abs(inverse) @ doubt))
    vectors, bounds = zip(*solved, strict=True)
    return Estimate(np.array(vectors), np.array(bounds))


def order_scan(
    lloyd: LloydEnergy,
    reference: Vectors,
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
