"""What `msgreen spinmodel` finds: terms of a model, energies of simple states, and its minima."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from msgreen.config import Outcome
from msgreen.config.lattice_order import (
    State,
    about_temperatures,
    magnon_table,
    magnons_about,
    temperatures,
)
from msgreen.errors import InputError
from msgreen.plot import states_figure
from msgreen.plot.crystal import magnons_figure
from msgreen.spinmodel import SpinModel, crystal_symmetry, find_minima, find_spiral
from msgreen.spinmodel.states import Minima, collinear, ferromagnet, planar_neel
from msgreen.spinmodel.symmetry import Symmetry, transform
from msgreen.units import MEV

_NEAR = 1e-6
"""Relative difference of energies per cell from which one state is lower than another."""

_SAME_ENERGY = 1e-9
"""Relative change of the energy, class by class, that rounding of an operation may make."""

_SHOWN = 3
"""Minima that are drawn and printed, a choice: the table holds all."""

_HEADER = (
    *("state", "energy_meV", "above_lowest_meV", "starts", "torque_meV", "lowest_curvature_meV"),
    *("site", "Sx", "Sy", "Sz"),
)


def ground_states(
    model: SpinModel,
    *,
    box: Sequence[int] = (),
    starts: int = 256,
    seed: int = 0,
    moments: float | Sequence[float] = 1.0,
    progress: bool = False,
) -> Outcome:
    """Return the minima of a spin model as a table, a dataset and pictures.

    Parameters
    ----------
    model : SpinModel
    box : sequence of int
        Cells along every lattice vector, for a lattice; as `default_box` of 6.
    starts : int
        Number of random configurations to minimise from.
    seed : int
        Of the random configurations.
    moments : float or sequence of float
        In Bohr magnetons, of the sites of a lattice: they set the energies of magnons.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    InputError
        If `box` does not fit the lattice, or no start converges.
    """
    shape = tuple(box) or default_box(model, 6)
    symmetry = None if model.lattice is None else _symmetry(model, shape)
    found = find_minima(model, starts, shape=shape, seed=seed, symmetry=symmetry, progress=progress)
    figures = dict(_figures(model, found))
    lines, tables = [*_terms(model), "", *_named_states(model)], {}
    if model.lattice is not None:
        about, waves = _spiral(model, found, moments)
        lines += about
        if waves is not None:
            figures["magnons"] = magnons_figure(waves)
            tables["magnons"] = magnon_table(waves)
    lines += _minima(found, starts, math.prod(shape))
    return Outcome(
        _HEADER, _rows(model, found), _dataset(model, found), figures, lines, tables=tables
    )


def default_box(model: SpinModel, cells: int) -> tuple[int, ...]:
    """Return a box of a lattice: one cell along vectors that no term crosses, as out of a layer.

    Parameters
    ----------
    model : SpinModel
    cells : int
        Along every other lattice vector.
    """
    crossed = np.zeros(model.dimension, bool)
    for term in model.terms:
        inside = term.clusters.cells
        crossed |= np.any(inside != inside[:, :1], axis=(0, 1))
    return tuple(np.where(crossed, cells, 1).tolist())


def _symmetry(model: SpinModel, shape: Sequence[int]) -> Symmetry:
    """Return the operations of the crystal that keep the box and the energy."""
    assert model.lattice is not None
    whole = crystal_symmetry(model.lattice, model.symbols)
    spins = np.random.default_rng(0).normal(size=(*shape, model.site_count, 3))
    kept, images = [], []
    for op in range(len(whole)):
        with suppress(InputError):
            images.append(np.asarray(transform(spins, whole, op)))
            kept.append(op)
    parts = np.stack(list(model.energy_by_class(np.stack(images)).values()))
    change = np.abs(parts - parts[:, :1]).sum(axis=0)
    kept = np.array(kept)[change <= _SAME_ENERGY * np.abs(parts).sum(axis=0).max()]
    return Symmetry(
        whole.matrices[kept],
        whole.permutations[kept],
        whole.shifts[kept],
        whole.cell_matrices[kept],
    )


def _rows(model: SpinModel, found: Minima) -> list[tuple]:
    """Return a row for every spin that a term names; cells count on as in the box."""
    rows = []
    for n, spins in enumerate(np.asarray(found.directions)):
        energy, lowest = found.energies[n] / MEV, found.energies[0] / MEV
        state = n, energy, energy - lowest, int(found.hits[n]), found.torques[n] / MEV
        curvature = float(found.curvatures[n].min()) / MEV
        coupled = np.broadcast_to(model.coupled, spins.shape[:-1]).ravel()
        sites = enumerate(spins.reshape(-1, 3).tolist())
        rows += [(*state, curvature, site, *spin) for site, spin in sites if coupled[site]]
    return rows


def _dataset(model: SpinModel, found: Minima) -> xr.Dataset:
    cells = [f"cell{d + 1}" for d in range(model.dimension)]
    # Atoms without a moment point nowhere.
    known = np.where(model.coupled[:, None], 1.0, np.nan)
    unit = {"units": "eV"}
    return xr.Dataset(
        {
            "directions": (("state", *cells, "site", "xyz"), known * found.directions),
            "energy": ("state", found.energies, unit),
            "torque": ("state", found.torques, unit),
            "curvature": (("state", "mode"), found.curvatures, unit),
            "starts": ("state", found.hits),
        },
        attrs={"failed_starts": found.failed},
    )


def _figures(model: SpinModel, found: Minima) -> Mapping[str, Figure]:
    shown = 1 if model.lattice is not None else _SHOWN
    states = zip(found.energies[:shown], found.directions, strict=False)
    titles = {f"minimum {n}: {e / MEV:.3f} meV": state for n, (e, state) in enumerate(states)}
    figure = states_figure(model, titles)
    return {} if figure is None else {"ground_state": figure}


def _terms(model: SpinModel) -> list[str]:
    lines = [f"{'class':<24}{'rows':>6}{'largest (meV)':>16}"]
    for term in model.terms:
        largest = float(np.abs(np.asarray(term.values)).max(initial=0)) / MEV
        lines.append(f"{term.name:<24}{len(term.clusters):>6}{largest:>16.6g}")
    return lines


def _named_states(model: SpinModel) -> list[str]:
    count = model.site_count
    if model.dimension or count < 2:
        return []
    axes = zip("xyz", np.eye(3), strict=True)
    states = {f"ferromagnet along {name}": ferromagnet(count, axis) for name, axis in axes}
    if count == 3:
        states["up-up-down"] = collinear("uud")
        states |= {f"planar Neel N{s}": planar_neel(c) for s, c in (("+", 1), ("-", -1))}
    if count == 4:
        states |= {"up-down-up-down": collinear("udud"), "up-up-down-down": collinear("uudd")}
    return [f"{name:<24}{float(model.energy(s)) / MEV:>16.6f} meV" for name, s in states.items()]


def _spiral(model: SpinModel, found: Minima, moments):
    """Say which of box and spiral is lower; return magnons about the spiral if it is stable."""
    best = find_spiral(model)
    q = ", ".join(f"{component:.4f}" for component in best.q)
    spiral = best.energy / MEV
    box = float(found.energies[0]) / MEV / math.prod(np.shape(found.directions)[1:-2])
    lines = [f"lowest spiral at q = ({q}): {spiral:.6f} meV per cell"]
    if spiral < box - _NEAR * abs(box):
        lines.append(
            f"It lies below what fits into the box, {box:.6f} meV per cell: take cells that hold "
            "its period"
        )
    elif box < spiral - _NEAR * abs(box):
        lines.append(
            f"A state of the box lies below it, at {box:.6f} meV per cell: it is no spiral"
        )
    state = State("the lowest spiral", best.base, best.q, best.axis)
    about, waves = magnons_about(model, [state], moments)
    return [*lines, *about_temperatures(model, temperatures(model)), *about], waves


def _minima(found: Minima, starts: int, cells: int) -> list[str]:
    lines = []
    for n, (energy, hits) in enumerate(zip(found.energies[:_SHOWN], found.hits, strict=False)):
        per_cell = "" if cells == 1 else f" ({energy / MEV / cells:.6f} per cell)"
        lines.append(
            f"{'minimum ' + str(n):<24}{energy / MEV:>16.6f} meV{per_cell}, from {hits} of "
            f"{starts} starts"
        )
    return [*lines, f"{found.failed} starts did not converge"] if found.failed else lines
