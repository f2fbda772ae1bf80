"""Spins beside a lattice at full coupling: what they have together, and the model fitted to it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from msgreen.config.ordered import SpinClassName
from msgreen.config.schema import AbstractTable
from msgreen.energy.lloyd import LloydEnergy
from msgreen.energy.many_spins import many_spin_energies
from msgreen.exchange.fitted import fitted_model
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.fitting import sample_directions
from msgreen.spinmodel.interactions import Interactions
from msgreen.units import MEV

LARGEST_TOGETHER = 4
"""Spins of a cluster whose common energy is listed."""

MOST_SITES = 12
"""An estimate: 781 clusters of up to four spins, of which each configuration takes 0.1 s."""

CONFIGURATIONS = 200
"""Random configurations over which common energies are averaged."""

TRUSTED = 0.1
"""Spectral radius of G V beyond which loops are no energies. Of four neighbours on paper O's
superconductor they are off by 4 % at 0.06, 16 % at 0.12 and half at 0.29 in some configurations,
and have the wrong sign at 0.88."""


class Fit(AbstractTable):
    """``[fit]``: a spin model fitted to the energy of all orders."""

    classes: Annotated[list[SpinClassName], Field(min_length=1)] | None = None
    configurations: Annotated[int, Field(ge=2)] | None = None
    seed: Annotated[int, Field(ge=0)] = 0


class Fitted(NamedTuple):
    """What a run adds to the loops of its spins.

    Attributes
    ----------
    model : SpinModel
    tables : mapping of str to (header, rows)
        "fit": every coefficient of the model; "many_spins": what every cluster has together.
    lines : list of str
        For the terminal.
    """

    model: SpinModel
    tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence]]]
    lines: list[str]


def fitted(lloyd: LloydEnergy, table: Fit, loops: Interactions) -> Fitted:
    """Return the model fitted to all orders, what clusters have together, and what loops say of it.

    Parameters
    ----------
    lloyd : LloydEnergy
    table : Fit
    loops : Interactions
        Of the same spins, with the positions of the sites.
    """
    found = fitted_model(
        lloyd,
        loops.positions,
        classes=table.classes,
        configurations=table.configurations,
        seed=table.seed,
    )
    rows, about = _together(lloyd, loops, table.seed)
    names = ", ".join(found.model.classes)
    lines = [
        f"Spin model of {names}, fitted to the energy of all orders: {found.fit.rank} parameters "
        f"from {found.fit.rank + found.fit.freedom} configurations",
        f"It misses {found.unseen.energy_rms / MEV:.4g} meV (root mean square) of a spread of "
        f"{found.unseen.energy_spread / MEV:.4g} meV, of configurations that the fit has not seen",
        *about,
    ]
    if found.fit.ambiguities:
        lines.append(f"{len(found.fit.ambiguities)} combinations of its parameters change nothing")
    terms = ("class", "sites", "component", "value", "error", "unit")
    clusters = ("spins", "sites", "spread", "largest", "error", "unit")
    tables = {"fit": (terms, _rows(found.model)), "many_spins": (clusters, rows)}
    return Fitted(found.model, tables, lines)


def _rows(model: SpinModel) -> list[tuple]:
    rows = []
    for term in model.terms:
        values, errors = np.asarray(term.values), np.asarray(term.errors)
        for row, sites in enumerate(np.asarray(term.clusters.sites).tolist()):
            for index in product(*map(range, values.shape[1:])):
                at, name = (row, *index), "".join("xyz"[n] for n in index)
                sites_name = "-".join(map(str, sites))
                rows.append((term.name, sites_name, name, values[at], errors[at], "eV"))
    return rows


def _together(lloyd: LloydEnergy, loops: Interactions, seed: int) -> tuple[list[tuple], list[str]]:
    """Return what clusters of two to four spins have together, and its share that loops say."""
    count = lloyd.count
    orders = range(2, min(count, LARGEST_TOGETHER) + 1)
    clusters = [list(c) for order in orders for c in combinations(range(count), order)]
    directions = sample_directions(count, CONFIGURATIONS, seed=seed + 1)
    energies, errors = many_spin_energies(lloyd, directions, clusters)
    energies = energies - energies.mean(axis=0)  # what does not depend on the spins
    rows = []
    lines = ["Spread of the energies over random directions:"]
    for column, cluster in enumerate(clusters):
        part = energies[:, column]
        size = part.std(), np.abs(part).max(), errors[:, column].max()
        rows.append((len(cluster), "-".join(map(str, cluster)), *map(float, size), "eV"))
    for order in orders:
        chosen = [len(cluster) == order for cluster in clusters]
        together = energies[:, chosen].sum(axis=1)
        line = f"{order} spins together: {together.std() / MEV:.4g} meV"
        own = [terms for terms in loops.terms if terms.loops.shape[1] == order == terms.order]
        if own:
            alone = np.asarray(replace(loops, terms=tuple(own)).energy(directions))
            share = float(together @ alone / (alone @ alone)) if alone.any() else np.nan
            line += f"; loops alone: {alone.std() / MEV:.4g} meV; projection on them: {share:.3f}"
        lines.append(line)
    return rows, lines


def about_series(lloyd: LloydEnergy) -> list[str]:
    """Return what there is to say on the series of which loops are the first terms."""
    radius = lloyd.spectral_radius(sample_directions(lloyd.count, 1)[0])
    trust = "" if radius < TRUSTED else ": they are no energies, and [fit] has those of all orders"
    return [
        f"Loops are the first terms of a series in G V, of spectral radius {radius:.2f} at random "
        f"directions{trust}"
    ]
