"""Spin models from lists of interactions as files hold them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from msgreen._typing import ArrayLike, Float, Int
from msgreen.lattice import Lattice
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.convert import pair_terms
from msgreen.spinmodel.symmetry.images import merge

Label = tuple[int, int, int, int]
"""A site: its number and the three integers of its cell."""


@dataclass
class Assembly:
    """Interactions read so far, each with its energy in eV; equal clusters are added up.

    Parameters
    ----------
    vectors : real array, shape (3, 3)
        Of the cell, in angstrom.
    positions : real array, shape (site, 3)
        In angstrom.
    symbols : sequence of str, optional
        Of the sites.
    """

    vectors: np.ndarray
    positions: np.ndarray
    rows: list[tuple] = field(default_factory=list)
    symbols: Sequence[str] | None = None

    def add(self, name: str, labels: Sequence[Label], value: Float[ArrayLike, "..."]) -> None:
        """Add one cluster of a class, named by its sites; all-zero values are left out."""
        if np.any(np.asarray(value) != 0):
            named = np.array(labels)
            self.rows.append((name, named[None, :, 0], named[None, :, 1:], np.array([value])))

    def add_pair(
        self, i: int, j: int, cell: Sequence[int] | np.ndarray, tensor: np.ndarray
    ) -> None:
        """Add S_i . tensor . S_j, or an anisotropy if both are the same spin."""
        if i == j and not np.any(cell):
            self.add("anisotropy", [(i, 0, 0, 0)], tensor)
        else:
            self.add("tensor2", [(i, 0, 0, 0), label(j, cell)], tensor)

    def add_biquadratic(
        self, i: int, j: int, cell: Sequence[int] | np.ndarray, value: float
    ) -> None:
        """Add value (S_i . S_j)^2."""
        self.add("biquadratic", [(i, 0, 0, 0), label(j, cell)], value)

    def add_product(self, labels: Sequence[Label], value: float) -> None:
        """Add value (S_1.S_2)(S_3.S_4), as a class of fewer sites if some are equal."""
        pairs = [tuple(labels[:2]), tuple(labels[2:])]
        different = [pair for pair in pairs if pair[0] != pair[1]]
        if len(different) < 2:
            for i, j in different:
                cell = np.subtract(j[1:], i[1:])
                self.add_pair(i[0], j[0], cell, value * np.eye(3))
            return
        shared = set(pairs[0]) & set(pairs[1])
        if len(shared) == 2:
            self.add("biquadratic", pairs[0], value)
        elif shared:
            middle = shared.pop()
            ends = [a if b == middle else b for a, b in pairs]
            self.add("three_site", [ends[0], middle, ends[1]], value)
        else:
            self.add("four_site", labels, value)

    def model(self) -> SpinModel:
        """Return the model; directions in which no cluster leaves its cell are not periodic."""
        terms = merge(_split(merge(self.rows)))
        spans = [np.ptp(term.clusters.cells, axis=1).max(axis=0, initial=0) for term in terms]
        used = np.array([np.zeros(3), *spans]).max(axis=0) > 0
        rows = [
            (t.name, t.clusters.sites, t.clusters.cells[:, :, used], np.asarray(t.values))
            for t in terms
        ]
        if not used.any():
            return SpinModel(merge(rows), positions=self.positions, symbols=self.symbols)
        lattice = Lattice(self.vectors[used], self.positions)
        return SpinModel(merge(rows), lattice=lattice, symbols=self.symbols)


def label(site: int, cell: Sequence[int] | Int[np.ndarray, "3"]) -> Label:
    """Return the label of a site in a cell of three integers."""
    a, b, c = (int(n) for n in cell)
    return (int(site), a, b, c)


def _split(terms: Iterable) -> list[tuple]:
    """Return pair tensors as classes, without parts that are rounding."""
    rows = []
    for term in terms:
        sites, cells, values = term.clusters.sites, term.clusters.cells, np.asarray(term.values)
        if term.name != "tensor2":
            rows.append((term.name, sites, cells, values))
            continue
        scale = 1e-14 * np.abs(values).max(axis=(1, 2))
        for part in pair_terms(sites, cells, values):
            size = np.abs(np.asarray(part.values)).reshape(len(sites), -1).max(axis=1)
            kept = size > scale
            chosen = np.asarray(part.values)[kept]
            rows.append((part.name, sites[kept], cells[kept], chosen))
    return [row for row in rows if len(row[1])]
