"""Interactions as rows of a page: sites, values and errors in meV, by name and kind."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from msgreen.io.native import formula
from msgreen.spinmodel import SpinModel, Term
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms
from msgreen.spinmodel.rows import leg_names
from msgreen.units import MEV

_WORDS = {
    "pair": "pairs",
    "biquadratic": "two sites",
    "three_site": "three sites",
    "four_site": "four sites",
    "six_site": "six sites",
}

_VECTORS = ("D", "C", "b")
"""Beginnings of the names of coefficients that are vectors."""


class Rows(NamedTuple):
    """Values of one name, of clusters of the same number of sites.

    Attributes
    ----------
    name : str
        What it is, in words.
    symbol : str
    form : str
        The energy of one row, if it is one.
    order : int
        Number of spins.
    sites : int array, shape (row, site)
        Different sites of every cluster, in the order of the cluster.
    cells : int array, shape (row, site, dim)
    values : real array, shape (row, ...)
        In meV.
    errors : real array, shape of `values`, optional
        In meV; infinite or NaN where nothing is known.
    legs : list of list of str
        Of values with one vector per leg of a loop the names of the legs, "4>1", by row.
    """

    name: str
    symbol: str
    form: str
    order: int
    sites: np.ndarray
    cells: np.ndarray
    values: np.ndarray
    errors: np.ndarray | None
    legs: Sequence[Sequence[str]] = ()

    @property
    def sizes(self) -> np.ndarray:
        """Numbers as they are, the lengths of vectors, the Frobenius norms of tensors."""
        return _sizes(self.values)

    @property
    def doubts(self) -> np.ndarray | None:
        """Errors of `sizes`, at most."""
        return None if self.errors is None else _sizes(self.errors)

    @property
    def vectors(self) -> np.ndarray | None:
        """Values that are vectors."""
        return self.values if self.values.shape[1:] == (3,) else None

    def taken(self, index: np.ndarray) -> "Rows":
        """Return some of the rows."""
        return self._replace(
            sites=self.sites[index],
            cells=self.cells[index],
            values=self.values[index],
            errors=None if self.errors is None else self.errors[index],
            legs=[self.legs[n] for n in index] if self.legs else (),
        )


def _sizes(values: np.ndarray) -> np.ndarray:
    if values.ndim == 1:
        return values
    return np.sqrt((values.reshape(len(values), -1) ** 2).sum(axis=1))


def model_rows(model: SpinModel) -> list[Rows]:
    """Return the terms of a spin model, lowest orders first.

    Parameters
    ----------
    model : SpinModel
    """
    rows = [_term_rows(term) for term in model.terms if len(term.clusters)]
    return sorted(rows, key=lambda some: some.order)


def _term_rows(term: Term) -> Rows:
    spin_class = term.spin_class
    return Rows(
        term.name.replace("_", " ").replace("dzyaloshinskii moriya", "Dzyaloshinskii-Moriya"),
        spin_class.symbol,
        formula(spin_class),
        spin_class.order,
        term.clusters.sites,
        term.clusters.cells,
        np.asarray(term.values, float) / MEV,
        None if term.errors is None else np.asarray(term.errors, float) / MEV,
    )


def interaction_rows(found: Interactions) -> list[Rows]:
    """Return the named coefficients of a set of interactions, in its own convention.

    Parameters
    ----------
    found : Interactions
    """
    rows = [
        some
        for terms in sorted(found.terms, key=lambda terms: terms.order)
        for name, coefficient in terms.coefficients.items()
        if len(terms.loops)
        for some in _coefficient_rows(terms, name, coefficient)
    ]
    return [some for some in rows if some.values.size]


def _coefficient_rows(terms: Terms, name: str, coefficient: Coefficient) -> list[Rows]:
    loops = np.array([list(dict.fromkeys(loop)) for loop in terms.loops.tolist()])
    words = _WORDS.get(terms.kind, terms.kind.replace("_", " "))
    turned = ", a derivative under rotations" if coefficient.rotation else ""
    cells = np.zeros((*loops.shape, 0), np.int64)
    values, errors = np.asarray(coefficient.value, float), np.asarray(coefficient.error, float)
    parts = {name: (values, errors)}
    # Three numbers by axis, as J of paper O, are no vector that an arrow could show.
    if coefficient.axes == ("xyz",) and not name.startswith(_VECTORS):
        parts = {f"{name}_{x}": (values[:, n], errors[:, n]) for n, x in enumerate("xyz")}
    legs = leg_names(terms.loops) if coefficient.axes == ("leg", "xyz") else ()
    return [
        Rows(
            f"{part} of {words}{turned}",
            part,
            "",
            terms.order,
            loops,
            cells,
            value / MEV,
            error / MEV,
            legs,
        )
        for part, (value, error) in parts.items()
    ]
