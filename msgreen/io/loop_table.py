"""Couplings of the loops of a crystal as a table and as labelled data."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from msgreen.clusters import multiplicity
from msgreen.estimate import Estimate
from msgreen.exchange.closed_forms import loop_names
from msgreen.exchange.crystal.clusters import loop_orbits
from msgreen.exchange.crystal.four_spins import CROSSED, PRODUCTS, FourSpins
from msgreen.exchange.crystal.loop_model import loop_products
from msgreen.exchange.crystal.loops import CrystalLoops, LoopTerms
from msgreen.lattice import Lattice
from msgreen.spinmodel.symmetry import Symmetry
from msgreen.units import MEV

LOOP_COLUMNS: tuple[str, ...] = (
    "kind",
    "orbit",
    "per_cell",
    "multiplicity",
    "atoms",
    "cells",
    "longest_leg_angstrom",
    "length_angstrom",
    "J_ring_meV",
    "error_meV",
    "B_meV",
    "B_error_meV",
    "coefficient_L",
    "L_meV",
    "L_error_meV",
)
"""One row per loop and cell. Loops of one `orbit`, `per_cell` of them, are equal by symmetry;
`multiplicity` is the number of their different orders."""

VECTOR_COLUMNS: tuple[str, ...] = (
    *("atoms", "cells", "D_x_meV", "D_y_meV", "D_z_meV", "error_meV"),
    *("B_meV", "B_spread_meV", "rest_meV"),
)
"""One row per D.(S_i x S_j)(S_k.S_l) and cell; `B_meV` is the coefficient of (S_i.S_j)(S_k.S_l),
and `rest_meV` the norm of what both leave of the fourth derivative by the same moments."""


class LoopTable(NamedTuple):
    """Loops of one kind, and what symmetry and geometry say about them.

    Attributes
    ----------
    kind : str
    terms : LoopTerms
    products : Estimate of real arrays, shape (loop,)
        Coefficient in eV of (S_i.S_j)(S_j.S_k) for a loop i j k j, of (S_i.S_k)(S_j.S_l) for a
        loop i j k l; NaN for six sites.
    orbits : int array, shape (loop,)
    legs : real array, shape (loop, order)
        Lengths in angstrom.
    """

    kind: str
    terms: LoopTerms
    products: Estimate[np.ndarray]
    orbits: np.ndarray
    legs: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Length of the closed path in angstrom."""
        return self.legs.sum(axis=1)

    @property
    def name(self) -> str:
        """Name of paper L's coefficient."""
        return loop_names(self.legs.shape[1])[0]

    def members(self) -> list[np.ndarray]:
        """Return the rows of every orbit, short loops first."""
        rows = [np.flatnonzero(self.orbits == n) for n in np.unique(self.orbits)]
        return sorted(rows, key=lambda mine: (round(float(self.lengths[mine[0]]), 4), int(mine[0])))


def loop_tables(found: CrystalLoops, lattice: Lattice, symmetry: Symmetry) -> list[LoopTable]:
    """Return the loops of four and six spins with their orbits, lengths and products.

    Parameters
    ----------
    found : CrystalLoops
    lattice : Lattice
    symmetry : Symmetry
        Of the crystal, with all atoms as sites.
    """
    tables = []
    for kind, terms in found.terms.items():
        if kind == "pair":
            continue
        places = terms.sites[..., :3] @ lattice.vectors + lattice.basis[terms.sites[..., 3]]
        legs = np.linalg.norm(np.roll(places, -1, axis=1) - places, axis=2)
        products = Estimate(*np.full((2, len(legs)), np.nan))
        if kind != "six_site":
            products = loop_products(kind, terms).energies
        orbits = loop_orbits(terms.sites, symmetry)
        tables.append(LoopTable(kind, terms, products, orbits, legs))
    return tables


def loop_rows(tables: list[LoopTable]) -> list[tuple]:
    """Return the table with the `LOOP_COLUMNS`, loops of an orbit below each other.

    Parameters
    ----------
    tables : list of LoopTable

    Notes
    -----
    Energies per cell are sums of J_ring X and of B times products of dot products, with unit
    vectors and plus signs; paper L's coefficient has its minus sign and counts every order.
    """
    rows = []
    for table in tables:
        terms = table.terms
        _, number = np.unique(terms.sites.reshape(-1, 4), axis=0, return_inverse=True)
        orders = multiplicity(number.reshape(terms.sites.shape[:2]))
        energies, bare = np.stack([*terms.ring, *table.products]) / MEV, np.stack(terms.bare) / MEV
        for members in table.members():
            for n in members.tolist():
                sites = terms.sites[n].tolist()
                ring, error, product, doubt = energies[:, n].tolist()
                rows.append(
                    (
                        table.kind,
                        int(table.orbits[n]),
                        len(members),
                        int(orders[n]),
                        *_names(sites),
                        float(table.legs[n].max()),
                        float(table.lengths[n]),
                        ring,
                        error,
                        *_known(product, doubt),
                        *_known(*bare[:, n], before=[table.name]),
                    )
                )
    return rows


def vector_rows(found: FourSpins) -> list[tuple]:
    """Return the table with the `VECTOR_COLUMNS`.

    Parameters
    ----------
    found : FourSpins
    """
    rows = []
    vectors, errors = found.vectors.value, found.vectors.error.max(axis=-1)
    for n, places in enumerate(found.sites):
        for m, order in enumerate(CROSSED):
            sites, product = places[order].tolist(), m % len(PRODUCTS)
            energies = [
                *vectors[n, m],
                errors[n, m],
                found.products.value[n, product],
                found.spread[n, product],
                found.rest[n],
            ]
            rows.append((*_names(sites), *(float(energy) / MEV for energy in energies)))
    return rows


def _known(value: float, error: float, before: Sequence[str] = ()) -> list:
    """Return the entries of a row, empty if the value is not known."""
    found = [*before, float(value), float(error)]
    return [""] * len(found) if np.isnan(value) else found


def _names(sites: list[list[int]]) -> tuple[str, str]:
    """Return the atoms and the cells of the sites of a row."""
    atoms = "-".join(str(site[3]) for site in sites)
    return atoms, "; ".join(" ".join(map(str, site[:3])) for site in sites)


def loop_data(tables: list[LoopTable]) -> dict[str, tuple]:
    """Return variables of a dataset, by kind, in eV and angstrom.

    Parameters
    ----------
    tables : list of LoopTable
    """
    energy, length = {"units": "eV"}, {"units": "angstrom"}
    data = {}
    for table in tables:
        kind, terms = table.kind, table.terms
        sites = (kind, f"{kind}_site")
        data |= {
            f"{kind}_atoms": (sites, terms.sites[..., 3]),
            f"{kind}_cells": ((*sites, "direction"), terms.sites[..., :3]),
            f"{kind}_orbit": (kind, table.orbits),
            f"{kind}_length": (kind, table.lengths, length),
            f"{kind}_J_ring": (kind, terms.ring.value, {**energy, "energy": "J_ring X per cell"}),
            f"{kind}_J_ring_error": (kind, terms.ring.error, energy),
        }
        if not np.isnan(terms.bare.value).all():
            data[f"{kind}_{table.name}"] = (kind, terms.bare.value, {**energy, "convention": "L"})
            data[f"{kind}_{table.name}_error"] = (kind, terms.bare.error, energy)
        if kind != "six_site":
            data[f"{kind}_B"] = (kind, table.products.value, energy)
            data[f"{kind}_B_error"] = (kind, table.products.error, energy)
    return data
