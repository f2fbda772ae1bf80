"""Interactions of a set of spins: on the map of its sites, and against distance."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from msgreen.plot.style import BLACK, BLUE, GREEN, PURPLE, RED, WIDTH, add_letters, styled
from msgreen.spinmodel.interactions import Interactions, Terms
from msgreen.units import MEV

_BONDS = "RdBu_r"
_SHOWN = 0.05
"""Share of the largest below which a bond or an arrow is not drawn: it would be a speck."""
_NEAR = 1.5
"""Times the shortest distance, up to which bonds have arrows; a diagonal of a square is one."""
_NOISE = 1e-7
"""Numbers of a panel below this share of its largest are left out: they vanish by symmetry."""


def interaction_figures(found: Interactions) -> dict[str, Figure]:
    """Return `interactions_figure` by the name of its file; nothing if there are no pairs."""
    has_pairs = any(terms.kind == "pair" for terms in found.terms)
    return {"interactions": interactions_figure(found)} if has_pairs else {}


@styled
def interactions_figure(found: Interactions) -> Figure:
    r"""Draw pairs on the map of the sites, pairs against distance, and loops of four spins.

    Parameters
    ----------
    found : Interactions
        With `positions`, and with pairs about zero: coefficients "J_iso" and "D". Drawn in its
        own convention.

    Returns
    -------
    matplotlib.figure.Figure
        Seen from above, the colour of a bond is :math:`J^{\mathrm{iso}}`, and the arrow on a
        short one is the part of :math:`\mathbf D_{ij}`, :math:`i < j`, in the plane. The panel
        of four spins is missing if there are none.
    """
    four = [terms for terms in found.terms if terms.order == 4]
    ratios = (1.25, 1, 1) if four else (1.25, 1)
    figure = Figure(figsize=(WIDTH if four else 5.2, 2.5), layout="constrained")
    axes = figure.subplots(1, len(ratios), squeeze=False, width_ratios=ratios)
    places = _places(found)
    pair = found["pair"]
    _draw_map(figure, axes[0, 0], pair, places[:, :2], found.convention.name)
    length = np.linalg.norm(places[pair.loops[:, 0]] - places[pair.loops[:, 1]], axis=1)
    _draw_pairs(axes[0, 1], pair, length)
    if four:
        _draw_loops(axes[0, 2], four, places)
    add_letters(axes)
    return figure


def _places(found: Interactions) -> np.ndarray:
    positions = np.asarray(found.positions, float)
    return np.pad(positions, ((0, 0), (0, 3 - positions.shape[1])))


def _draw_map(figure: Figure, panel: Axes, pair: Terms, points, convention: str) -> None:
    exchange = np.asarray(pair.coefficients["J_iso"].value) / MEV
    largest = np.abs(exchange).max()
    order = np.argsort(np.abs(exchange))
    drawn = order[np.abs(exchange[order]) > _SHOWN * largest]
    bonds = LineCollection(
        points[pair.loops[drawn]],
        array=exchange[drawn],
        cmap=_BONDS,
        norm=Normalize(-largest, largest),
        linewidths=0.5 + 3.5 * np.abs(exchange[drawn]) / largest,
        zorder=1,
    )
    panel.add_collection(bonds)
    label = rf"$J^{{\mathrm{{iso}}}}$ (meV), convention {convention}"
    figure.colorbar(bonds, ax=panel, label=label, location="left", pad=0.02, aspect=30)
    panel.scatter(*points.T, s=70, color="w", edgecolors=BLACK, linewidths=0.8, zorder=4)
    for number, point in enumerate(points):
        panel.annotate(str(number), point, ha="center", va="center_baseline", fontsize=6, zorder=5)
    _draw_vectors(panel, pair, points)
    panel.set_aspect("equal")
    panel.set(xticks=[], yticks=[])
    panel.margins(0.12)
    panel.set_frame_on(False)


def _draw_vectors(panel: Axes, pair: Terms, points) -> None:
    """Draw D of near bonds, a third of the way: the middles of crossing bonds coincide."""
    flat = np.asarray(pair.coefficients["D"].value)[:, :2] / MEV
    ends = points[pair.loops]
    along = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(along, axis=1)
    size = np.linalg.norm(flat, axis=1)
    drawn = (length <= _NEAR * length.min()) & (size > _SHOWN * size.max(initial=0))
    if not drawn.any() or size.max() < _NOISE:
        return
    arrows = panel.quiver(
        *(ends[:, 0] + 0.38 * along)[drawn].T,
        *flat[drawn].T,
        angles="xy",
        scale_units="xy",
        scale=size[drawn].max() / (0.45 * length.min()),
        width=0.013,
        edgecolor="w",
        linewidth=0.5,
        pivot="mid",
        zorder=3,
    )
    text = rf"$\mathbf{{D}}$: {size[drawn].max():.2g} meV"
    panel.quiverkey(arrows, 0.6, 1.05, size[drawn].max(), text, labelpos="E")


def _draw_pairs(panel: Axes, pair: Terms, length: np.ndarray) -> None:
    exchange, vectors = (np.asarray(pair.coefficients[n].value) / MEV for n in ("J_iso", "D"))
    panel.axhline(0, color="0.7", lw=0.6, zorder=0)
    panel.plot(length, exchange, "o", color=BLUE, ms=4, label=r"$J^{\mathrm{iso}}$")
    size = np.linalg.norm(vectors, axis=1)
    if size.max() > _NOISE * np.abs(exchange).max():
        panel.plot(length, size, "s", color=RED, ms=3.5, mfc="none", label=r"$|\mathbf{D}|$")
    panel.set(xlabel="distance (Å)", ylabel="pairs (meV)")
    panel.margins(0.08)
    _legend_above(panel)


def _draw_loops(panel: Axes, four: list[Terms], places: np.ndarray) -> None:
    """Draw magnitudes against the perimeter: filled marks isotropic, open ones chiral."""
    marks = {"biquadratic": "D", "three_site": "^"}
    for terms in four:
        corners = places[terms.loops]
        legs = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=-1)
        values = {
            name: np.abs(np.asarray(c.value)).reshape(len(corners), -1).max(axis=1) / MEV
            for name, c in terms.coefficients.items()
        }
        largest = max(some.max() for some in values.values())
        word = terms.kind.replace("_", " ").replace("four site", "")
        for name, text, colour, face in (
            ("B4_iso", r"|\mathcal{B}|", GREEN, GREEN),
            ("C4_chiral", r"|\mathcal{C}|", PURPLE, "none"),
        ):
            some = values.get(name, np.zeros(0))
            seen = some > _NOISE * largest
            if seen.any():
                style: dict[str, Any] = {
                    "marker": marks.get(terms.kind, "o"),
                    "color": colour,
                    "mfc": face,
                }
                label = f"${text}$ {word}".strip()
                panel.plot(
                    legs.sum(axis=1)[seen], some[seen], ls="none", ms=3.5, label=label, **style
                )
    panel.set_yscale("log")
    panel.set(xlabel="length of the loop (Å)", ylabel="four spins (meV)")
    _legend_above(panel)


def _legend_above(panel: Axes) -> None:
    """Put the legend beside the letter: inside, its marks would look like numbers."""
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, columnspacing=1, handlelength=1)
