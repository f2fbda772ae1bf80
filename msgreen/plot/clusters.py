"""Spins on small clusters as pictures."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from msgreen.plot.style import BLACK, WIDTH, add_letters, panels, styled

_COLOURS = "RdBu_r"
_SLANT = 0.4
"""Share of y that goes to the right and upward in a picture from the side."""
_SAME = 0.05
"""Relative difference within which distances to neighbours count as equal: layers relax by less."""


@styled
def spins_figure(states: Mapping[str, tuple]) -> Figure:
    """Draw spins on small clusters: from above, and obliquely from the side.

    Parameters
    ----------
    states : mapping of str to (positions, directions)
        By title; positions of shape (site, 2 or 3) in angstrom and unit vectors (site, 3). Lines
        join the nearest neighbours. Seen from above, arrows are the components in the plane, the
        colour of a site is S^z, and the numbers are polar angles.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Figs. 5 and 6.
    """
    drawn = {
        title: (_scaled(places), np.asarray(s, float)) for title, (places, s) in states.items()
    }
    # Half of the size of what is seen from above, with room for arrows and angles.
    reach = np.max([np.abs(points).max(axis=0) for points, _ in drawn.values()], axis=0) + 0.62
    rise = _SLANT * (reach[1] - 0.62) + 0.62
    if len(states) == 1:
        figure, axes = panels(1, 2, WIDTH / 2.3 * max(reach[1], rise) / reach[0])
        axes = axes.T
    else:
        width = WIDTH / (len(states) + 0.25)
        height = width * (reach[1] + rise) / (2 * reach[0]) + 0.2
        figure, axes = panels(2, len(states), height, height_ratios=(reach[1], rise))
    for column, (title, (points, spins)) in enumerate(drawn.items()):
        _draw_above(axes[0, column], points, spins)
        _draw_oblique(axes[1, column], points, spins)
        axes[0, column].set(xlim=(-reach[0], reach[0]), ylim=(-reach[1], reach[1]), title=title)
        axes[1, column].set(xlim=(-reach[0], reach[0]), ylim=(-rise, rise))
    colours = ScalarMappable(Normalize(-1, 1), _COLOURS)
    figure.colorbar(colours, ax=axes, label="$S^z$", pad=0.01, aspect=30)
    add_letters(axes)
    return figure


def _scaled(positions) -> np.ndarray:
    """Positions in the plane about their mean, in units of the shortest distance."""
    points = np.asarray(positions, float)[:, :2]
    return (points - points.mean(axis=0)) / _distances(points).min()


def _distances(points: np.ndarray) -> np.ndarray:
    """Distances of all pairs; of a site from itself infinite."""
    found = np.linalg.norm(points[:, None] - points, axis=-1)
    return found + np.diag(np.full(len(points), np.inf))


def _bonds(points: np.ndarray) -> np.ndarray:
    """Pairs of nearest neighbours, in both orders."""
    return np.argwhere(_distances(points) < 1 + _SAME)


def _draw_above(panel: Axes, points, spins) -> None:
    bonds = _bonds(points)
    panel.add_collection(LineCollection(points[bonds], colors="0.8", linewidths=0.8, zorder=0))
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
    angles = np.degrees(np.arccos(np.clip(spins[:, 2], -1, 1)))
    for site, (point, angle) in enumerate(zip(points, angles, strict=True)):
        neighbours = points[bonds[bonds[:, 0] == site, 1]] - point
        place = point + [0.36, 0.28] * _free_direction([*neighbours, along[site]])
        panel.annotate(rf"${angle:.1f}^\circ$", place, ha="center", va="center")
    _frame(panel, "$x$", "$y$")


def _free_direction(taken) -> np.ndarray:
    """Return the unit vector in the plane that is farthest from all of `taken`."""
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False) + np.pi / 2
    choices = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return choices[np.argmin(np.max(choices @ np.transpose(taken), axis=1).round(6))]


def _draw_oblique(panel: Axes, points, spins) -> None:
    """Draw x to the right, z upward and y into the picture."""

    def project(vectors):
        x, y, z = vectors.T
        return np.stack([x + _SLANT * y, z + _SLANT * y], axis=1)

    bases = project(np.pad(points, ((0, 0), (0, 1))))
    lines = LineCollection(list(bases[_bonds(points)]), colors="0.8", linewidths=0.8, zorder=0)
    panel.add_collection(lines)
    panel.scatter(*bases.T, s=14, color="0.4", zorder=2)
    _arrows(panel, bases, 0.8 * project(spins), pivot="mid")
    _frame(panel, "$x$", "$z$")


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
