"""Figures of spin textures, energy landscapes and magnon bands."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from msgreen._typing import ArrayLike, Float
from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.plot.clusters import spins_figure
from msgreen.plot.style import (
    BLUE,
    DASHES,
    GREEN,
    PURPLE,
    RED,
    WIDTH,
    add_legend,
    add_letters,
    panels,
    styled,
)
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.states import Path, SpinWaves
from msgreen.units import MEV

_CURVES = (BLUE, RED, GREEN, PURPLE)
_SPHERE = "coolwarm"


@styled
def texture_figure(
    states: Mapping[str, tuple[Lattice, Float[ArrayLike, "... 3"]]], *, upward: str = "y"
) -> Figure:
    """Draw the spins of boxes of cells: arrows in the page, discs for the component out of it.

    Parameters
    ----------
    states : mapping of str to (Lattice, real array)
        By title: lattice and directions, shape (n_1, ..., site, 3).
    upward : str
        Axis that points up on the page: "y" for a layer seen from above, "z" for a chain or a
        layer seen from the side. The axis x points to the right. Of spins one behind the other
        the one nearest to the reader is drawn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if upward not in ("y", "z"):
        raise InputError(f'Argument `upward` must be "y" or "z", but it is {upward!r}.')
    across = 1 if upward == "y" else 2
    drawn = {title: _uppermost(*_sites(*state), across) for title, state in states.items()}
    flat = all(np.ptp(places[:, across]) < 1e-9 for places, _ in drawn.values())
    columns = 1 if flat else min(len(states), 3)
    rows = -(-len(states) // columns)
    height = 1.05 if flat else 0.82 * WIDTH / columns * _tallest(drawn.values(), across) + 0.5
    figure, axes = panels(rows, columns, height)
    for panel, (title, (places, spins)) in zip(axes.flat, drawn.items(), strict=False):
        to_reader = spins[:, 2] if upward == "y" else -spins[:, 1]
        _draw_texture(panel, places[:, [0, across]], spins[:, [0, across]], to_reader)
        panel.set(title=title, xlabel="$x$ (Å)", ylabel=f"${upward}$ (Å)")
    for panel in axes.flat[len(states) :]:
        panel.set_visible(False)
    scale = ScalarMappable(Normalize(-1, 1), _SPHERE)
    # Red spins point to the reader, who looks along -z, or along y if z points up.
    label = "$S_z$" if upward == "y" else "$-S_y$"
    figure.colorbar(scale, ax=axes, label=label, pad=0.01, aspect=25, shrink=0.9 if flat else 0.6)
    if len(states) > 1:
        add_letters(axes)
    return figure


def _tallest(states, across: int) -> float:
    """Largest ratio of height and width, at most one and a half."""
    sizes = [np.ptp(places[:, [0, across]], axis=0) for places, _ in states]
    return max(min(1.5, float(tall / wide)) if wide else 1.5 for wide, tall in sizes)


def _sites(lattice: Lattice, directions) -> tuple[np.ndarray, np.ndarray]:
    """Positions and directions of all sites of a box, shape (site, 3) each."""
    directions = np.asarray(directions, float)
    box = directions.shape[: lattice.dimension]
    if directions.shape != (*box, lattice.atoms, 3):
        raise InputError(
            f"Argument `states` must hold directions of {lattice.dimension} axes of cells and "
            f"{lattice.atoms} sites, but a shape is {directions.shape}."
        )
    places = lattice.box_positions(box)
    places = places.reshape(-1, places.shape[-1])
    return np.pad(places, ((0, 0), (0, 3 - places.shape[1]))), directions.reshape(-1, 3)


def _uppermost(places, spins, across: int) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the spins that lie behind another one, seen along -z, or along y if z is up."""
    depth = -places[:, 2] if across == 1 else places[:, 1]
    nearest = np.argsort(depth, kind="stable")
    page = np.round(places[nearest][:, [0, across]], 3)
    _, first = np.unique(page, axis=0, return_index=True)
    seen = np.sort(nearest[first])
    return places[seen], spins[seen]


def states_figure(
    model: SpinModel, states: Mapping[str, Float[ArrayLike, "... 3"]]
) -> Figure | None:
    """Draw states of a spin model: boxes of a lattice as textures, clusters from two sides.

    Parameters
    ----------
    model : SpinModel
    states : mapping of str to real array, shape ([cells,] site, 3)
        By title. Sites that no term names are left out.

    Returns
    -------
    matplotlib.figure.Figure or None
        None of a cluster without positions or of a single spin.
    """
    coupled = model.coupled
    spins = {title: np.asarray(state)[..., coupled, :] for title, state in states.items()}
    if model.lattice is not None:
        lattice = Lattice(model.lattice.vectors, model.lattice.basis[coupled])
        return texture_figure({title: (lattice, state) for title, state in spins.items()})
    if model.positions is None or coupled.sum() < 2:
        return None
    positions = np.asarray(model.positions)[coupled]
    return spins_figure({title: (positions, state) for title, state in spins.items()})


def _draw_texture(panel: Axes, places, arrows, out) -> None:
    from_site = np.linalg.norm(places[1:] - places[0], axis=1)
    spacing = from_site.min(initial=np.inf) if len(places) > 1 else 1.0
    size = np.full(len(places), 0.92 * spacing)
    discs = EllipseCollection(
        size,
        size,
        np.zeros(len(places)),
        units="xy",
        offsets=places,
        offset_transform=panel.transData,
        cmap=_SPHERE,
        norm=Normalize(-1, 1),
        linewidths=0,
    )
    discs.set_array(out)
    panel.add_collection(discs)
    panel.quiver(
        *places.T,
        *(0.8 * spacing * arrows.T),
        pivot="mid",
        angles="xy",
        scale_units="xy",
        scale=1.0,
        units="xy",
        width=0.07 * spacing,
        minlength=0.1,
        headwidth=3.6,
        headlength=4.0,
        headaxislength=3.8,
    )
    panel.set_aspect("equal")
    panel.set_anchor("N")
    panel.locator_params(nbins=5)
    low, high = places.min(axis=0) - 0.6 * spacing, places.max(axis=0) + 0.6 * spacing
    panel.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))


@styled
def magnon_figure(
    path: Path, corners: Sequence[str], bands: Mapping[str, SpinWaves], *, title: str = ""
) -> Figure:
    """Draw the energies of magnons along a path; unstable stretches are marked by dots.

    Parameters
    ----------
    path : Path
        From `wave_vector_path`.
    corners : sequence of str
        Names of its corners.
    bands : mapping of str to SpinWaves
        By label, all on the wave vectors of the path.
    title : str
    """
    figure, axes = panels(1, 1, height=2.6)
    panel = axes[0, 0]
    for number, (label, waves) in enumerate(bands.items()):
        style = {"color": _CURVES[number % 4], "dashes": DASHES[number % 4]}
        for band, energies in enumerate(waves.energies.T / MEV):
            name = label if band == 0 else None
            panel.plot(path.distance, energies, label=name, **style)
            at = ~waves.stable
            panel.plot(path.distance[at], energies[at], "o", color=style["color"], markersize=2)
    for tick in path.ticks[1:-1]:
        panel.axvline(tick, color="0.75", linewidth=0.5, zorder=0)
    panel.set_xticks(path.ticks, list(corners))
    panel.set(xlim=(path.ticks[0], path.ticks[-1]), ylabel=r"$\hbar\omega$ (meV)")
    panel.set_ylim(0, None)
    panel.tick_params(axis="x", top=False, bottom=False)
    panel.set_title(title)
    add_legend(panel, 2)
    return figure


@styled
def landscape_figure(
    grids: Mapping[str, np.ndarray],
    energies: Mapping[str, np.ndarray],
    *,
    marks: Mapping[str, Sequence[float]] | None = None,
    unit: str = "meV",
) -> Figure:
    """Draw energies over one or two parameters of a family of states.

    Parameters
    ----------
    grids : mapping of str to real array
        One or two parameters by the label of their axis; angles in degrees, for instance.
    energies : mapping of str to real array
        By label, in eV, of the shape of the grids: from `landscape`. Curves of one parameter
        share a panel, maps of two have one each.
    marks : mapping of str to sequence of float, optional
        Points to be named, by their text.
    unit : str
        Words behind meV, such as "meV per atom".
    """
    names, values = list(grids), [np.asarray(grid, float) for grid in grids.values()]
    if len(values) not in (1, 2):
        raise InputError(
            f"Argument `grids` must hold one or two parameters, but it holds {len(values)}."
        )
    if len(values) == 1:
        figure, axes = panels(1, 1, height=2.6)
        _draw_curves(axes[0, 0], values[0], energies, marks or {})
        axes[0, 0].set(xlabel=names[0], ylabel=f"energy ({unit})")
        return figure
    figure, axes = panels(1, len(energies), height=2.6, sharey=True)
    for panel, (label, map_) in zip(axes[0], energies.items(), strict=True):
        _draw_map(figure, panel, values, np.asarray(map_) / MEV, marks or {}, unit)
        panel.set_title(label)
        panel.set_xlabel(names[0])
    axes[0, 0].set_ylabel(names[1])
    if len(energies) > 1:
        add_letters(axes)
    return figure


def _draw_curves(panel: Axes, grid: np.ndarray, energies, marks) -> None:
    for number, (label, curve) in enumerate(energies.items()):
        style = {"color": _CURVES[number % 4], "dashes": DASHES[number % 4]}
        panel.plot(grid, np.asarray(curve) / MEV, label=label, **style)
    panel.set_xlim(grid.min(), grid.max())
    for text, (place,) in marks.items():
        panel.axvline(place, color="0.75", linewidth=0.5, zorder=0)
        panel.annotate(
            text,
            (place, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
        )
    if len(energies) > 1:
        add_legend(panel, 2)


def _draw_map(figure: Figure, panel: Axes, grids, energies: np.ndarray, marks, unit: str) -> None:
    mesh = panel.pcolormesh(*grids, energies.T, cmap="viridis", shading="gouraud", rasterized=True)
    panel.contour(*grids, energies.T, 12, colors="w", linewidths=0.4, linestyles="solid")
    for text, place in marks.items():
        panel.plot(*place, "o", color="w", markersize=4, markeredgecolor="k", markeredgewidth=0.6)
        panel.annotate(text, tuple(place), xytext=(5, 4), textcoords="offset points", color="w")
    figure.colorbar(mesh, ax=panel, label=f"energy ({unit})", pad=0.02)
