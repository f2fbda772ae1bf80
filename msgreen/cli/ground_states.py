"""What `msgreen spinmodel` finds: terms of a model, energies of simple states, and its minima."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from msgreen.config import Outcome
from msgreen.plot import spins_figure, texture_figure
from msgreen.spinmodel import (
    Minima,
    SpinModel,
    collinear,
    ferromagnet,
    find_minima,
    find_spiral,
    planar_neel,
)
from msgreen.units import MEV

_SHOWN = 3
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
    progress: bool = False,
) -> Outcome:
    """Return the minima of a spin model as a table, a dataset and pictures.

    Parameters
    ----------
    model : SpinModel
    box : sequence of int
        Cells along every lattice vector, for a lattice; 6 each by default.
    starts : int
        Number of random configurations to minimise from.
    seed : int
        Of the random configurations.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    InputError
        If `box` does not fit the lattice, or no start converges.
    """
    shape = tuple(box) or (6,) * model.dimension
    found = find_minima(model, starts, shape=shape, seed=seed, progress=progress)
    return Outcome(
        _HEADER,
        _rows(found),
        _dataset(model, found),
        _figures(model, found),
        [*_terms(model), "", *_named_states(model), *_spiral(model), *_minima(found, starts)],
    )


def _rows(found: Minima) -> list[tuple]:
    rows = []
    for n, spins in enumerate(np.asarray(found.directions)):
        energy, lowest = found.energies[n] / MEV, found.energies[0] / MEV
        state = n, energy, energy - lowest, int(found.hits[n]), found.torques[n] / MEV
        curvature = float(found.curvatures[n].min()) / MEV
        sites = enumerate(spins.reshape(-1, 3).tolist())
        rows += [(*state, curvature, site, *spin) for site, spin in sites]
    return rows


def _dataset(model: SpinModel, found: Minima) -> xr.Dataset:
    cells = [f"cell{d + 1}" for d in range(model.dimension)]
    unit = {"units": "eV"}
    return xr.Dataset(
        {
            "directions": (("state", *cells, "site", "xyz"), found.directions),
            "energy": ("state", found.energies, unit),
            "torque": ("state", found.torques, unit),
            "curvature": (("state", "mode"), found.curvatures, unit),
            "starts": ("state", found.hits),
        },
        attrs={"failed_starts": found.failed},
    )


def _figures(model: SpinModel, found: Minima) -> Mapping[str, Figure]:
    states = np.asarray(found.directions)[:_SHOWN]
    titles = [f"{energy / MEV:.3f} meV" for energy in found.energies[:_SHOWN]]
    if model.lattice is not None:
        return {"ground_state": texture_figure({titles[0]: (model.lattice, states[0])})}
    if model.positions is None or model.site_count < 2:
        return {}
    positions = np.asarray(model.positions)
    shown = {t: (positions, s) for t, s in zip(titles, states, strict=True)}
    return {"ground_state": spins_figure(shown)}


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


def _spiral(model: SpinModel) -> list[str]:
    if not model.dimension:
        return []
    best = find_spiral(model)
    q = ", ".join(f"{component:.4f}" for component in best.q)
    return [f"lowest spiral at q = ({q}): {best.energy / MEV:.6f} meV per cell"]


def _minima(found: Minima, starts: int) -> list[str]:
    lines = [
        f"{'minimum ' + str(n):<24}{energy / MEV:>16.6f} meV, from {hits} of {starts} starts"
        for n, (energy, hits) in enumerate(zip(found.energies, found.hits, strict=True))
        if n < _SHOWN
    ]
    return [*lines, f"{found.failed} starts did not converge"] if found.failed else lines
