"""Spins on small clusters as pictures."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from msgreen.plot.style import BLACK, add_letters, panels, styled

_COLOURS = "RdBu_r"


@styled
def spins_figure(states: Mapping[str, tuple]) -> Figure:
    """Draw spins on small clusters: from above, and obliquely from the side.

    Parameters
    ----------
    states : mapping of str to (positions, directions)
        By title; positions of shape (site, 2 or 3) in angstrom and unit vectors (site, 3). Seen
        from above, arrows are the components in the plane, the colour of a site is S^z, and the
        numbers are polar angles.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Figs. 5 and 6.
    """
    if len(states) == 1:
        figure, axes = panels(1, 2, 2.4, width_ratios=(1, 1.3))
        axes = axes.T
    else:
        figure, axes = panels(2, len(states), 1.75, height_ratios=(1.3, 1))
    for column, (title, (positions, directions)) in enumerate(states.items()):
        points, spins = np.asarray(positions, float)[:, :2], np.asarray(directions, float)
        points = points - points.mean(axis=0)
        size = np.linalg.norm(points[1] - points[0])
        _draw_above(axes[0, column], points / size, spins)
        _draw_oblique(axes[1, column], points / size, spins)
        axes[0, column].set_title(title)
    colours = ScalarMappable(Normalize(-1, 1), _COLOURS)
    figure.colorbar(colours, ax=axes[0, :], label="$S^z$", pad=0.01)
    add_letters(axes)
    return figure


def _draw_above(panel: Axes, points, spins) -> None:
    around = np.concatenate([points, points[:1]])
    panel.plot(*around.T, color="0.8", lw=0.8, zorder=0)
    panel.scatter(
        *points.T,
        c=spins[:, 2],
        cmap=_COLOURS,
        vmin=-1,
        vmax=1,
        s=60,
        edgecolors=BLACK,
        linewidths=0.6,
        zorder=2,
    )
    flat = spins[:, :2]
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    along = np.where(length > 0.02, flat / np.maximum(length, 1e-12), 0.0)
    _arrows(panel, points + 0.1 * along, 0.38 * flat, pivot="tail")
    away = points / np.linalg.norm(points, axis=1, keepdims=True)
    beside = along[:, ::-1] * [-1, 1]
    beside = beside * np.where(np.sum(beside * away, axis=1, keepdims=True) < 0, -1, 1)
    for place, angle in zip(
        points + np.where(length > 0.5, beside * [0.42, 0.22], 0.36 * away * [1.3, 0.7]),
        np.degrees(np.arccos(np.clip(spins[:, 2], -1, 1))),
        strict=True,
    ):
        panel.annotate(rf"${angle:.1f}^\circ$", place, ha="center", va="center")
    _frame(panel, "$x$", "$y$")
    panel.set(xlim=(-1.25, 1.25), ylim=(-1.1, 1.1))


def _draw_oblique(panel: Axes, points, spins) -> None:
    """Draw x to the right, z upward and y into the picture."""

    def project(vectors):
        x, y, z = vectors.T
        return np.stack([x + 0.4 * y, z + 0.4 * y], axis=1)

    bases = project(np.pad(points, ((0, 0), (0, 1))))
    around = np.concatenate([bases, bases[:1]])
    panel.plot(*around.T, color="0.8", lw=0.8, zorder=0)
    panel.scatter(*bases.T, s=14, color="0.4", zorder=2)
    _arrows(panel, bases, 0.8 * project(spins), pivot="mid")
    _frame(panel, "$x$", "$z$")
    panel.set(xlim=(-1.2, 1.2), ylim=(-0.73, 0.73))


def _arrows(panel: Axes, points, vectors, pivot: str) -> None:
    seen = np.linalg.norm(vectors, axis=1) > 0.01
    panel.quiver(
        *points[seen].T,
        *vectors[seen].T,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.012,
        pivot=pivot,
        color=BLACK,
        zorder=3,
    )


def _frame(panel: Axes, horizontal: str, vertical: str) -> None:
    panel.set_aspect("equal")
    panel.set(xticks=[], yticks=[], xlabel=horizontal, ylabel=vertical)
