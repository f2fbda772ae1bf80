"""What a symmetry group allows: orbits of clusters, parameters, completion and projection.

A model has a symmetry if its energy is the same for all images of a configuration. An operation
that maps a cluster onto itself restricts its parameter, one that maps it onto another cluster
relates the two.
"""

from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Int
from msgreen.errors import InputError
from msgreen.spinmodel.forms import CLASSES
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.symmetry.groups import operation_name
from msgreen.spinmodel.symmetry.images import (
    Images,
    carry,
    carry_errors,
    carry_values,
    relabellings,
    sum_by,
    term_of,
)
from msgreen.spinmodel.symmetry.operations import Symmetry
from msgreen.spinmodel.terms import Term

# B counts the trace of K as a constant, and the trace and the antisymmetric part of dJ as J and D.
_SYMMETRIC_TRACELESS = ("anisotropy", "anisotropic_exchange")


def complete(
    term: Term, symmetry: Symmetry, *, project: bool = False, tolerance: float = 1e-9
) -> Term:
    """Return all images of reference clusters under a symmetry group, each once.

    Parameters
    ----------
    term : Term
        One cluster of every orbit, or several with values that agree.
    symmetry : Symmetry
    project : bool
        Replace values that the symmetry forbids by their invariant part (the mean over all
        operations), instead of refusing them.
    tolerance : float
        Of the values, relative to the largest of them. Values that JAX is tracing are not checked.

    Returns
    -------
    Term
        The reference clusters in their order, then their images.

    Raises
    ------
    InputError
        If a value changes under an operation that maps its cluster onto itself, if two reference
        clusters contradict each other, or if one occurs twice.

    Examples
    --------
    >>> import jax, numpy as np
    >>> jax.config.update("jax_enable_x64", True)
    >>> from msgreen.spinmodel import Term, cluster_symmetry, symmetry
    >>> corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
    >>> trimer = cluster_symmetry(corners, symmetry.point_group("C3v"))
    >>> vectors = complete(Term("dzyaloshinskii_moriya", [[0, 1]], [[0.0, 1.0, 2.0]]), trimer)
    >>> vectors.clusters.sites.tolist(), np.round(vectors.values[1], 3).tolist()
    ([[0, 1], [1, 2], [2, 0]], [-0.866, -0.5, 2.0])
    """
    _check_fit(term, symmetry)
    images = carry(term.clusters, term.name, symmetry)
    values = carry_values(term.name, term.values, symmetry.rotations, images.same)
    share = 1 / np.bincount(images.key)[images.key]
    mean = sum_by(images.key, values * share[:, None], len(images.first))
    _check_once(term, images)
    if not project:
        _check_invariant(term, symmetry, images, _checks.concrete(values), tolerance)
    return term_of(term.name, images, mean)


def _check_fit(term: Term, symmetry: Symmetry) -> None:
    largest = term.clusters.sites.max(initial=-1)
    if term.dimension != symmetry.dimension or largest >= symmetry.site_count:
        raise InputError(
            f"Argument `symmetry` must be that of the sites of the term, but it has "
            f"{symmetry.site_count} sites and {symmetry.dimension} lattice vectors, and the "
            f"{term.name!r} term names site {largest} and has {term.dimension} lattice vectors. "
            "Build it for these sites."
        )


def _check_once(term: Term, images: Images) -> None:
    key = images.key[: len(term.clusters)]
    if len(np.unique(key)) < len(key):
        row = int(np.argmax(np.bincount(key)[key] > 1))
        raise InputError(
            f"Argument `term` must hold every cluster once, but {term.name!r} row {row} (sites "
            f"{term.clusters.sites[row].tolist()}) occurs twice. Add the values."
        )


def _check_invariant(term: Term, symmetry: Symmetry, images: Images, values, tolerance) -> None:
    """Compare all images of the same cluster with the first, by name of the operation."""
    if values is None:
        return
    count, limit = len(term.clusters), tolerance * np.abs(values).max(initial=0)
    change = np.abs(values - values[images.first[images.key]]).max(axis=1, initial=0)
    if change.max(initial=0) <= limit:
        return
    own = np.where(images.key == np.tile(images.key[:count], len(symmetry)), change, 0)
    forbidden = own.max() > limit
    worst = int(np.argmax(own if forbidden else change))
    op, row = divmod(worst, count)
    if forbidden:
        raise InputError(
            f"Argument `term` must hold values that the symmetry allows, but {term.name!r} row "
            f"{row} (sites {term.clusters.sites[row].tolist()}) changes by {own[worst]:.2g} eV "
            f"under {operation_name(symmetry.matrices[op])}, which maps these sites onto "
            "themselves. See `allowed`, or use `project=True`."
        )
    rows = sorted((row, int(images.first[images.key[worst]]) % count))
    raise InputError(
        f"Argument `term` must hold values that agree with each other, but the {term.name!r} rows "
        f"{rows[0]} and {rows[1]} are images of one another and differ by {change[worst]:.2g} eV. "
        "Give one cluster of every orbit, or `project=True`."
    )


def orbits(
    name: str,
    sites: Int[ArrayLike, "cluster site"],
    symmetry: Symmetry,
    cells: Int[ArrayLike, "cluster site dim"] | None = None,
) -> np.ndarray:
    """Return the number of the orbit of every cluster.

    Parameters
    ----------
    name : str
        Class of terms: it decides which orders of the sites are the same cluster.
    sites : int array, shape (cluster, site)
    symmetry : Symmetry
    cells : int array, shape (cluster, site, dim), optional
        For a lattice.

    Returns
    -------
    int array, shape (cluster,)
        Equal numbers for clusters that the group maps onto each other, counted from 0 in order
        of appearance.
    """
    term = _without_values(name, sites, symmetry, cells)
    images = carry(term.clusters, name, symmetry)
    smallest = images.key.reshape(len(symmetry), -1).min(axis=0)
    _, first, orbit = np.unique(smallest, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[orbit]


def allowed(
    name: str,
    sites: Int[ArrayLike, " site"],
    symmetry: Symmetry,
    cells: Int[ArrayLike, "site dim"] | None = None,
) -> np.ndarray:
    """Return the parameters of one cluster that the symmetry allows.

    Parameters
    ----------
    name : str
        Class of terms.
    sites : sequence of int
        The sites of one cluster.
    symmetry : Symmetry
    cells : int array, shape (site, dim), optional
        For a lattice.

    Returns
    -------
    real array, shape (parameter, ...)
        An orthonormal basis of the invariant parameters, along the Cartesian axes where possible;
        empty where symmetry forbids the interaction.

    Notes
    -----
    The basis spans the range of the mean over all operations that map the cluster onto itself up
    to the order of its sites. Moriya's rules for D, and paper B's for multi-site vectors, are its
    results. For "anisotropy" and "anisotropic_exchange" only symmetric traceless tensors count:
    the trace of K is a constant; the trace of dJ is a J and its antisymmetric part a D.

    References
    ----------
    Moriya, Phys. Rev. 120, 91 (1960). Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2,
    033240 (2020), Sect. III.
    """
    cells = None if cells is None else np.asarray(cells)[None]
    _checks.finite("sites", sites)
    term = _without_values(name, [sites], symmetry, cells)
    images = carry(term.clusters, name, symmetry)
    kept = np.nonzero(images.key == images.key[0])[0]
    maps = [_matrix(name, symmetry.rotations[op], images.same[op]) for op in kept]
    identity = _matrix(name, np.eye(3), images.same[0])
    projector = identity.T @ sum(maps) / len(kept)
    if name in _SYMMETRIC_TRACELESS:
        projector = projector @ _symmetric_traceless()
    return _range(projector).reshape(-1, *CLASSES[name].shape)


def _matrix(name: str, rotation: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Return the map of a flattened parameter to its image in the canonical order of the sites."""
    table = relabellings(name)
    matrix = np.eye(1)
    for _ in CLASSES[name].shape:
        matrix = np.kron(matrix, rotation)
    mean = np.zeros_like(matrix)
    for way in np.nonzero(same)[0]:
        mean += table.signs[way] * matrix[table.sources[way]] / np.sum(same)
    return mean


def _range(projector: np.ndarray) -> np.ndarray:
    """Return orthonormal rows that span the range of an orthogonal projector.

    The projections of unit vectors, the least shortened one first, each taken out of the rest.
    """
    rest, found = projector, {}
    while np.trace(rest) > 0.5:
        pivot = int(np.argmax(np.diag(rest).round(9)))
        found[pivot] = rest[pivot] / np.sqrt(rest[pivot, pivot])
        rest = rest - np.outer(found[pivot], found[pivot])
    rows = np.array([found[pivot] for pivot in sorted(found)]).reshape(-1, len(projector))
    return np.where(np.abs(rows) < 1e-14, 0.0, rows)


def _symmetric_traceless() -> np.ndarray:
    """Return the projector of flattened 3 x 3 tensors onto symmetric traceless ones."""
    unit = np.eye(3)
    same, crossed = np.einsum("ac,bd->abcd", unit, unit), np.einsum("ad,bc->abcd", unit, unit)
    trace = np.einsum("ab,cd->abcd", unit, unit)
    return ((same + crossed) / 2 - trace / 3).reshape(9, 9)


def _without_values(name: str, sites, symmetry: Symmetry, cells) -> Term:
    _checks.one_of("name", name, CLASSES)
    rows = len(sites)
    term = Term(name, sites, np.zeros((rows, *CLASSES[name].shape)), cells)
    _check_fit(term, symmetry)
    return term


def invariants(
    name: str,
    sites: Int[ArrayLike, "cluster site"],
    symmetry: Symmetry,
    cells: Int[ArrayLike, "cluster site dim"] | None = None,
) -> list[Term]:
    """Return one term per independent parameter of symmetric models on the given clusters.

    Parameters
    ----------
    name : str
        Class of terms.
    sites, cells
        Clusters as in `orbits`; one of every orbit is taken and completed.
    symmetry : Symmetry

    Returns
    -------
    list of Term
        With parameters of unit length: every model of this class that has the symmetry is a
        linear combination of these, a basis for fits.
    """
    _, first = np.unique(orbits(name, sites, symmetry, cells), return_index=True)
    found, sites = [], np.asarray(sites)
    for row in first:
        cell = None if cells is None else np.asarray(cells)[row]
        for value in allowed(name, sites[row], symmetry, cell):
            found.append(
                complete(
                    Term(name, [sites[row]], value[None], None if cell is None else cell[None]),
                    symmetry,
                )
            )
    return found


class Count(NamedTuple):
    """How much there is to know of a class of terms."""

    clusters: int
    orbits: int
    parameters: int


def count_parameters(model: SpinModel, symmetry: Symmetry) -> dict[str, Count]:
    """Return the numbers of clusters, of orbits and of independent parameters of every class.

    Parameters
    ----------
    model : SpinModel
        A template such as `all_clusters` or `clusters_within`; its values do not matter.
    symmetry : Symmetry

    Examples
    --------
    >>> from msgreen.lattice import Lattice
    >>> from msgreen.spinmodel.symmetry import clusters_within, crystal_symmetry
    >>> plane = clusters_within(Lattice.square(), 1.0, ["exchange", "dzyaloshinskii_moriya"])
    >>> surface = crystal_symmetry(Lattice.square()).that_keeps(polar=[0, 0, 1])
    >>> count_parameters(plane, surface)["dzyaloshinskii_moriya"]
    Count(clusters=2, orbits=1, parameters=1)
    """
    found = {}
    for term in model.terms:
        sites, cells = term.clusters.sites, term.clusters.cells
        _, first = np.unique(orbits(term.name, sites, symmetry, cells), return_index=True)
        free = [len(allowed(term.name, sites[row], symmetry, cells[row])) for row in first]
        found[term.name] = Count(len(sites), len(first), sum(free))
    return found


class Residual(NamedTuple):
    """By how much the parameters of a class break a symmetry, in eV.

    Attributes
    ----------
    largest : float
        Largest component of the difference from the projection.
    rms : float
        Root mean square over all components of all clusters and their images.
    scale : float
        Root mean square of the parameters themselves, for comparison.
    """

    largest: float
    rms: float
    scale: float


def residual(model: SpinModel, symmetry: Symmetry) -> dict[str, Residual]:
    """Return by how much every class of terms of a model breaks a symmetry group.

    Clusters that a finite cutoff or an incomplete list leaves out count as zero.

    Parameters
    ----------
    model : SpinModel
    symmetry : Symmetry

    Returns
    -------
    dict of Residual by class
    """
    _check_lattice(model, symmetry)
    found = {}
    for term in model.terms:
        own, mean, _ = _projected(term, symmetry)
        change, scale = np.asarray(own - mean), np.asarray(own)
        found[term.name] = Residual(float(np.abs(change).max(initial=0)), _rms(change), _rms(scale))
    return found


def symmetrise(model: SpinModel, symmetry: Symmetry) -> SpinModel:
    """Return the part of a model that is invariant under a symmetry group.

    Its energy is the mean of the energies of all images of a configuration; an invariant model is
    returned unchanged, apart from images that it lacked. Errors become those of the mean if all
    images are wrong in the worst way.

    Parameters
    ----------
    model : SpinModel
    symmetry : Symmetry

    Notes
    -----
    An external field is projected like the rest, as an axial vector: take it out with
    ``model.without("field")`` to symmetrise the interactions only.
    """
    _check_lattice(model, symmetry)
    terms = []
    for term in model.terms:
        _, mean, images = _projected(term, symmetry)
        errors = term.errors
        if errors is not None:
            errors = carry_errors(term.name, errors, symmetry.rotations, images) / len(symmetry)
        terms.append(term_of(term.name, images, mean, errors))
    return model.with_terms(terms)


def _check_lattice(model: SpinModel, symmetry: Symmetry) -> None:
    if model.dimension != symmetry.dimension or model.site_count != symmetry.site_count:
        raise InputError(
            f"Argument `symmetry` must be that of the model, but it has {symmetry.site_count} "
            f"sites and {symmetry.dimension} lattice vectors, and the model has "
            f"{model.site_count} and {model.dimension}."
        )
    if model.lattice is not None:
        vectors = np.pad(model.lattice.vectors, ((0, 0), (0, 3 - model.lattice.vectors.shape[1])))
        change = symmetry.cell_matrices @ vectors - vectors @ symmetry.matrices.swapaxes(1, 2)
        if np.abs(change).max() > 1e-4 * np.abs(vectors).max():
            raise InputError(
                "Argument `symmetry` must be that of the model, but it belongs to other lattice "
                "vectors."
            )


def _projected(term: Term, symmetry: Symmetry) -> tuple:
    """Return values of a term and of its projection on all clusters, and the images."""
    images = carry(term.clusters, term.name, symmetry)
    values = carry_values(term.name, term.values, symmetry.rotations, images.same)
    rows, keys = len(term.clusters), len(images.first)
    own = sum_by(images.key[:rows], values[:rows], keys)
    mean = sum_by(images.key, values, keys) / len(symmetry)
    return own, mean, images


def _rms(array: np.ndarray) -> float:
    return float(np.sqrt(np.mean(array**2))) if array.size else 0.0
