"""A spin model taken apart into what other programs know, in three dimensions of space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen.spinmodel import SpinModel, Term, resolve
from msgreen.spinmodel.convert import LEVI_CIVITA, pair_terms
from msgreen.spinmodel.symmetry.images import merge

VACUUM = 20.0
"""Empty space around a finite system, in angstrom."""

SPACING = 3.0
"""Distance in angstrom at which sites without positions are put on a line."""

PAIRS = ("exchange", "dzyaloshinskii_moriya", "anisotropic_exchange")
PAIRWISE = ("field", "anisotropy", *PAIRS, "biquadratic")
"""Classes that programs of one and two sites know."""

PRODUCTS = ("biquadratic", "three_site", "four_site")


class Geometry(NamedTuple):
    """A cell in three dimensions; directions that are not periodic hold vacuum.

    Attributes
    ----------
    vectors : real array, shape (3, 3)
        Of the cell, in angstrom, one per row.
    positions : real array, shape (site, 3)
        In angstrom.
    periodic : bool array, shape (3,)
    """

    vectors: np.ndarray
    positions: np.ndarray
    periodic: np.ndarray

    def fractions(self) -> np.ndarray:
        """Return the positions in units of the vectors, shape (site, 3)."""
        return self.positions @ np.linalg.inv(self.vectors)

    def folded(self) -> tuple[np.ndarray, np.ndarray]:
        """Return fractional positions in [0, 1) and the cells, int, from which they were moved."""
        fractions = self.fractions()
        cells = np.floor(fractions + 1e-9)
        return np.maximum(fractions - cells, 0.0), cells.astype(int)


class Bonds(NamedTuple):
    """Pairs of sites, each once.

    Attributes
    ----------
    sites : int array, shape (bond, 2)
    cells : int array, shape (bond, 3)
        Cell of the second site, the first being in the cell at the origin.
    values : real array, shape (bond, ...)
        In eV.
    """

    sites: np.ndarray
    cells: np.ndarray
    values: np.ndarray

    def both_directions(self) -> "Bonds":
        """Return every bond from both of its ends; 3x3 values are transposed."""
        values = self.values
        back = np.swapaxes(values, 1, 2) if values.ndim == 3 else values
        return Bonds(
            np.concatenate([self.sites, self.sites[:, ::-1]]),
            np.concatenate([self.cells, -self.cells]),
            np.concatenate([values, back]),
        )

    def forward(self) -> "Bonds":
        """Return bonds between sites of one number in the positive direction."""
        order = np.array([(j - i, *cell) > (0, 0, 0, 0) for (i, j), cell in self._named()], bool)
        count = len(self.sites)
        back = Bonds(*(array[count:] for array in self.both_directions()))
        chosen = (np.where(_tall(order, a), a, b) for a, b in zip(self, back, strict=True))
        return Bonds(*chosen)

    def moved(self, cells: np.ndarray) -> "Bonds":
        """Return the bonds after every site was moved back by lattice vectors, (site, 3)."""
        i, j = self.sites.T
        return self._replace(cells=self.cells + cells[j] - cells[i])

    def _named(self):
        return zip(self.sites.tolist(), self.cells.tolist(), strict=True)


@dataclass(frozen=True)
class Parts:
    """A spin model with every cluster once, sorted by class.

    Attributes
    ----------
    model : SpinModel
        The original.
    geometry : Geometry
    terms : mapping of str to Term
        Nonzero rows by class. Pairs are split into "exchange", "dzyaloshinskii_moriya" and
        "anisotropic_exchange"; tensors of four and six spins are resolved.
    constant : float
        Energy per cell in eV that depends on no spin, and is in no term.
    """

    model: SpinModel
    geometry: Geometry
    terms: Mapping[str, Term]
    constant: float

    @property
    def reach(self) -> np.ndarray:
        """Largest difference between cells of one cluster along every vector, int (3,)."""
        spans = [np.zeros((1, 3), int)]
        spans += [np.ptp(_three(term.clusters.cells), axis=1) for term in self.terms.values()]
        return np.concatenate(spans).max(axis=0)

    def but(self, *names: str) -> list[Term]:
        """Return all terms of other classes."""
        return [term for name, term in self.terms.items() if name not in names]

    def unknown(self, known: Sequence[str], field: np.ndarray | None) -> list[Term]:
        """Return the terms of classes that a program does not know.

        Among them is the field if moments do not share it: if `uniform_field` finds None.
        """
        return self.but(*known) + ([self.terms["field"]] if field is None else [])

    def bonds(self) -> Bonds:
        """Return the tensors T of S_i . T . S_j."""
        found = [self.terms[name] for name in PAIRS if name in self.terms]
        parts = [("tensor2", *_arrays(t)[:2], _pair_tensors(t)) for t in found]
        merged = merge(parts)
        return self.bonds_of(merged[0] if merged else None, (3, 3))

    def biquadratic(self) -> Bonds:
        """Return the coefficients of (S_i . S_j)^2."""
        return self.bonds_of(self.terms.get("biquadratic"), ())

    def bonds_of(self, term: Term | None, shape: tuple[int, ...]) -> Bonds:
        """Return the clusters of two sites of a term, none if there is no term."""
        if term is None:
            return Bonds(np.zeros((0, 2), int), np.zeros((0, 3), int), np.zeros((0, *shape)))
        cells = _three(term.clusters.cells)
        found = Bonds(term.clusters.sites, cells[:, 1] - cells[:, 0], np.asarray(term.values))
        return found.forward()

    def products(self, *names: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return sites (row, 4), cells (row, 4, 3) and values of v (S_1.S_2)(S_3.S_4).

        Parameters
        ----------
        *names : str
            Of "biquadratic", "three_site" and "four_site"; by default all of them.
        """
        found = [self.terms[name] for name in names or PRODUCTS if name in self.terms]
        sites = [np.zeros((0, 4), int), *(t.slots()[0] for t in found)]
        cells = [np.zeros((0, 4, 3), int), *(_three(t.slots()[1]) for t in found)]
        values = [np.zeros(0), *(np.asarray(t.values) for t in found)]
        joined = np.concatenate(cells)
        return np.concatenate(sites), joined - joined[:, :1], np.concatenate(values)

    def onsite(self) -> np.ndarray:
        """Return the tensors K of S . K . S, symmetric, shape (site, 3, 3)."""
        tensors = np.zeros((self.model.site_count, 3, 3))
        if "anisotropy" in self.terms:
            sites, _, values = _arrays(self.terms["anisotropy"])
            np.add.at(tensors, sites[:, 0], values)
        return 0.5 * (tensors + np.swapaxes(tensors, 1, 2))

    def field(self) -> np.ndarray:
        """Return the fields b of -b . S in eV, shape (site, 3)."""
        fields = np.zeros((self.model.site_count, 3))
        if "field" in self.terms:
            sites, _, values = _arrays(self.terms["field"])
            np.add.at(fields, sites[:, 0], values)
        return fields

    def uniform_field(self, moments: np.ndarray) -> np.ndarray | None:
        """Return the field of which moments (site,) all see the same, None if there is none.

        It is in eV per unit of the moments.
        """
        field = self.field() / moments[:, None]
        scale = np.abs(field).max(initial=0)
        return field[0] if np.all(np.abs(field - field[:1]) <= 1e-12 * scale) else None

    def onsite_terms(self, tensors: np.ndarray) -> list[Term]:
        """Return on-site tensors (site, 3, 3) as a term of the model, none if all vanish."""
        sites = np.flatnonzero(np.abs(tensors).max(axis=(1, 2), initial=0))
        cells = np.zeros((len(sites), 1, self.model.dimension), int)
        return [Term("anisotropy", sites[:, None], tensors[sites], cells)] if len(sites) else []


class Axes(NamedTuple):
    """On-site tensors as sums of two uniaxial ones: c + k_1 (n_1.S)^2 + k_2 (n_2.S)^2.

    Attributes
    ----------
    constants : real array, shape (site,)
    strengths : real array, shape (site, 2)
        The stronger first; 0 where there is none.
    directions : real array, shape (site, 2, 3)
    """

    constants: np.ndarray
    strengths: np.ndarray
    directions: np.ndarray

    def tensors(self, axis: int) -> np.ndarray:
        """Return k n n of the first or second axis, shape (site, 3, 3)."""
        n = self.directions[:, axis]
        return self.strengths[:, axis, None, None] * n[:, :, None] * n[:, None, :]


def take_apart(model: SpinModel) -> Parts:
    """Return a model with every cluster once, sorted by class, in three dimensions."""
    terms, constant, remainder = model.terms, 0.0, ()
    if {"tensor4", "tensor6"} & set(model.classes):
        resolution = resolve(model)
        terms, constant = resolution.model.terms, resolution.constant
        remainder = resolution.remainder.terms
    rows = []
    for term in terms:
        tensors = term.name in ("anisotropic_exchange", "tensor2")
        rows += _pair_rows(term) if tensors else [(term.name, *_arrays(term))]
    merged = (_nonzero(term) for term in (*merge(rows), *remainder))
    kept = {term.name: term for term in merged if len(term.clusters)}
    return Parts(model, _embedded(model), kept, constant)


def axes(tensors: np.ndarray) -> Axes:
    """Return symmetric on-site tensors, shape (site, 3, 3), as sums of two uniaxial ones."""
    levels, vectors = np.linalg.eigh(tensors)
    middle = levels[:, 1]
    outer, lines = levels[:, [0, 2]] - middle[:, None], vectors[:, :, [0, 2]]
    outer = np.where(np.abs(outer) > 1e-13 * np.abs(levels).max(initial=0), outer, 0.0)
    order = np.argsort(-np.abs(outer), axis=1)
    strengths = np.take_along_axis(outer, order, axis=1)
    directions = np.take_along_axis(np.swapaxes(lines, 1, 2), order[:, :, None], axis=1)
    return Axes(middle, strengths, directions)


def _embedded(model: SpinModel) -> Geometry:
    """Return the geometry of a model; vacuum vectors are normal to the lattice."""
    if model.lattice is not None:
        known, sites = _wide(model.lattice.vectors), _wide(model.lattice.basis)
    elif model.positions is not None:
        known, sites = np.zeros((0, 3)), _wide(np.asarray(model.positions))
        _checks.distinct_sites("positions", sites)
    else:
        known = np.zeros((0, 3))
        sites = SPACING * np.arange(model.site_count)[:, None] * np.eye(3)[0]
    vectors = list(known)
    for axis in np.eye(3):
        span = np.array(vectors).reshape(-1, 3)
        normal = axis - (axis @ np.linalg.pinv(span)) @ span
        if len(vectors) < 3 and np.linalg.norm(normal) > 1e-6:
            normal = normal / np.linalg.norm(normal)
            if len(vectors) == 2 and np.linalg.det([*vectors, normal]) < 0:
                normal = -normal
            height = sites @ normal
            sites = sites + (VACUUM / 2 - height.min(initial=0)) * normal
            vectors.append((np.ptp(height) + VACUUM) * normal)
    return Geometry(np.array(vectors), sites, np.arange(3) < len(known))


def _wide(vectors: np.ndarray) -> np.ndarray:
    return np.pad(vectors, ((0, 0), (0, 3 - vectors.shape[1])))


def _three(cells: np.ndarray) -> np.ndarray:
    return np.pad(cells, (*((0, 0),) * (cells.ndim - 1), (0, 3 - cells.shape[-1])))


def _arrays(term: Term) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return term.clusters.sites, term.clusters.cells, np.asarray(term.values)


def _tall(mask: np.ndarray, array: np.ndarray) -> np.ndarray:
    return mask.reshape(-1, *(1,) * (array.ndim - 1))


def _pair_tensors(term: Term) -> np.ndarray:
    values = np.asarray(term.values)
    if term.name == "exchange":
        return values[:, None, None] * np.eye(3)
    if term.name == "dzyaloshinskii_moriya":
        return np.tensordot(values, LEVI_CIVITA, 1)
    return values


def _pair_rows(term: Term) -> Sequence[tuple]:
    """Split pair tensors into classes; what couples a site to itself is an anisotropy."""
    sites, cells, tensors = _arrays(term)
    same = (sites[:, 0] == sites[:, 1]) & np.all(cells[:, 0] == cells[:, 1], axis=1)
    rows = [("anisotropy", sites[same, :1], cells[same, :1], tensors[same])]
    tensors = tensors[~same]
    scale = 1e-14 * np.abs(tensors).max(axis=(1, 2), initial=0)
    for part in pair_terms(sites[~same], cells[~same], tensors):
        values = np.asarray(part.values)
        noise = np.abs(values) <= scale.reshape(-1, *(1,) * (values.ndim - 1))
        rows.append((part.name, sites[~same], cells[~same], np.where(noise, 0.0, values)))
    return rows


def _nonzero(term: Term) -> Term:
    sites, cells, values = _arrays(term)
    rows = np.any(values != 0, axis=tuple(range(1, values.ndim)))
    return Term(term.name, sites[rows], values[rows], cells[rows])
