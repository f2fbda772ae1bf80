"""``[loops]`` of a run on a crystal: couplings of four and six spins, and the model with them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from msgreen.config.schema import AbstractTable, Outcome, Positive
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.exchange.crystal.clusters import crystal_clusters
from msgreen.exchange.crystal.four_spins import FourSpins, four_spins, with_four_spins
from msgreen.exchange.crystal.loop_model import loop_model
from msgreen.exchange.crystal.loops import CrystalLoops, crystal_loops
from msgreen.exchange.crystal.meshes import Effort
from msgreen.hosts.wannier import WannierHost
from msgreen.io.loop_table import (
    LOOP_COLUMNS,
    VECTOR_COLUMNS,
    LoopTable,
    loop_data,
    loop_rows,
    loop_tables,
    vector_rows,
)
from msgreen.lattice import Lattice
from msgreen.plot.crystal_loops import loop_lengths_figure
from msgreen.spinmodel import symmetrise
from msgreen.spinmodel.symmetry import Symmetry
from msgreen.units import MEV

SAME = 1e-4
"""Angstrom within which atoms are equal by symmetry: files have five to seven decimals."""

KINDS_OF_FOUR = ("biquadratic", "three_site", "four_site")
"""What is computed by default without spin-orbit coupling; with it four different sites only."""

SHOWN = 12
"""Orbits of a kind that are printed: those of two shells of iron. The table has all."""


class Loops(AbstractTable):
    """``[loops]``: which loops are wanted, and how well."""

    kinds: (
        Annotated[
            list[Literal["biquadratic", "three_site", "four_site", "six_site"]], Field(min_length=1)
        ]
        | None
    ) = None
    cutoff: Positive
    tolerance: Positive = 0.002
    mesh: Annotated[int, Field(ge=2)] | None = None
    patience: Positive = 600.0

    def clusters(self, host: WannierHost, pairs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the loops within the cutoff, and all pairs that are wanted or that they need.

        Raises
        ------
        InputError
            If there are no loops, or too many, or with spin-orbit coupling other kinds than four
            sites, or a pair of theirs is not among those that are wanted.
        """
        coupled = ["four_site"]
        kinds = self.kinds or (coupled if host.spin_orbit else list(KINDS_OF_FOUR))
        if host.spin_orbit and kinds != coupled:
            raise InputError(
                f"Argument `loops.kinds` must be {coupled} with spin-orbit coupling, where chains "
                "contain changes of length of the moment that they pass twice, and six moments "
                f"have no model, but it is {kinds}. Leave the others out: "
                "`msgreen.exchange.crystal.crystal_rotations` has the derivatives by two to six "
                "different moments."
            )
        try:
            found = crystal_clusters(host, dict.fromkeys(kinds, self.cutoff), pairs=pairs)
        except InputError as error:
            raise InputError(str(error).replace("`cutoff`", "`loops.cutoff`", 1)) from error
        if not any(len(sites) for kind, sites in found.items() if kind != "pair"):
            raise InputError(
                f"Argument `loops.cutoff` must leave a loop, but there is none with legs of up to "
                f"{self.cutoff:g} angstrom. Raise it."
            )
        if host.spin_orbit:
            _check_pairs(host.lattice, found["pair"], pairs)
        return found

    def four_spins(
        self, hosts: Sequence[WannierHost], clusters: Mapping[str, np.ndarray], effort: Effort
    ) -> FourSpins:
        """Compute the couplings of four moments with spin-orbit coupling."""
        # The three loops over the same sites stand together.
        return four_spins(hosts, clusters["four_site"][::3], **self._own(effort))

    def couplings(
        self, host: WannierHost, clusters: Mapping[str, np.ndarray], effort: Effort
    ) -> CrystalLoops:
        """Compute the couplings of all loops."""
        return crystal_loops(host, clusters, **self._own(effort))

    def _own(self, effort: Effort) -> Effort:
        tolerance = self.tolerance * MEV
        return {**effort, "tolerance": tolerance, "mesh": self.mesh, "patience": self.patience}


def _check_pairs(lattice: Lattice, needed: np.ndarray, pairs: np.ndarray) -> None:
    """Refuse loops that take part of the exchange of pairs that are not computed."""
    rows = np.concatenate([needed[..., 3], needed[:, 1, :3] - needed[:, 0, :3]], axis=1)
    known = set(map(tuple, pairs.tolist()))
    ends = lattice.basis[rows[:, 1]] - lattice.basis[rows[:, 0]]
    distance = np.linalg.norm(rows[:, 2:] @ lattice.vectors + ends, axis=1)
    if not all(tuple(row) in known for row in rows.tolist()):
        raise InputError(
            "Argument `loops.cutoff` must be so small that all pairs of a loop are within "
            f"`pairs.cutoff`, but they are up to {distance.max():.4f} angstrom apart. Raise "
            "`pairs.cutoff` to a little more."
        )


def with_loops(
    outcome: Outcome,
    found: CrystalLoops | FourSpins,
    lattice: Lattice,
    symmetry: Symmetry,
    *,
    averaged: bool,
    figures: bool,
) -> Outcome:
    """Return what a run on pairs leaves behind, with the loops and the spin model that has them.

    Parameters
    ----------
    outcome : Outcome
    found : CrystalLoops or FourSpins
    lattice : Lattice
    symmetry : Symmetry
        Of the crystal with its moments, with all atoms as sites.
    averaged : bool
        Whether the model is made symmetric.
    figures : bool
    """
    summary, vectors = [], {}
    if isinstance(found, FourSpins):
        (table,) = loop_tables(found.loops(), lattice, symmetry)
        # What comes back from the loops has added up errors twice.
        products = Estimate(*(part.ravel() for part in found.products))
        tables = [table._replace(products=products)]
        if outcome.model is None:
            raise InputError("Argument `outcome` must hold the model of the pairs. Make it first.")
        model = with_four_spins(outcome.model, found)
        vectors = {"loop_vectors": (VECTOR_COLUMNS, vector_rows(found))}
        summary = about_vectors(found)
    else:
        tables = loop_tables(found, lattice, symmetry)
        model = loop_model(found, lattice)
        if outcome.model is not None:
            model = outcome.model.with_terms(model.terms)
    drawn = {"loops": loop_lengths_figure(tables)} if figures else {}
    return outcome._replace(
        dataset=outcome.dataset.assign(loop_data(tables)),
        figures={**outcome.figures, **drawn},
        summary=[*outcome.summary, *about_loops(tables), *summary],
        model=symmetrise(model, symmetry) if averaged else model,
        tables={**outcome.tables, "loops": (LOOP_COLUMNS, loop_rows(tables)), **vectors},
    )


def about_loops(tables: list[LoopTable]) -> list[str]:
    """Return lines on every orbit of loops: number per cell, length, couplings and errors."""
    lines = [
        "Loops: E = J_ring X per loop and cell, or B times products of dot products; means over "
        "loops equal by symmetry",
        f"{'loops':<14}{'per cell':>9}{'length':>10}{'J_ring (meV)':>16}{'B (meV)':>14}"
        f"{'spread':>10}{'error':>10}",
    ]
    for table in tables:
        orbits = table.members()
        for rows in orbits[:SHOWN]:
            ring, product = (x.value[rows] / MEV for x in (table.terms.ring, table.products))
            known = "" if np.isnan(product[0]) else f"{product.mean():.6f}"
            lines.append(
                f"{table.kind:<14}{len(rows):>9}{table.lengths[rows[0]]:>10.4f}"
                f"{ring.mean():>16.6f}{known:>14}{np.ptp(ring):>10.1e}"
                f"{table.terms.ring.error[rows].max() / MEV:>10.1e}"
            )
        if len(orbits) > SHOWN:
            lines.append(f"... {len(orbits) - SHOWN} more of {table.kind} in loops.csv")
    return lines


def about_vectors(found: FourSpins) -> list[str]:
    """Say how large the chiral part is, and what neither part holds."""
    largest = np.linalg.norm(found.vectors.value, axis=-1).max() / MEV
    return [
        f"D.(S_i x S_j)(S_k.S_l), all in loop_vectors.csv: |D| up to {largest:.6f} meV, within "
        f"{found.vectors.error.max() / MEV:.1e}",
        f"About moments along x, y and z the B differ by up to {found.spread.max() / MEV:.1e} meV; "
        f"anisotropy of four moments that the model leaves out: up to {found.rest.max() / MEV:.1e} "
        "meV by norm",
    ]
