"""Spins on a superconductor: what tunes their interactions, bound levels, densities of states."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from msgreen._typing import ArrayLike, Float
from msgreen.plot.style import (
    BLACK,
    BLUE,
    DASHES,
    GREEN,
    PURPLE,
    RED,
    SKY,
    add_letters,
    panels,
    styled,
)
from msgreen.spin.tensors import pair_parts

_COLOURS = (BLUE, RED, GREEN, PURPLE, SKY, BLACK)

_ZERO = 1e-9
"""Components of D below this share of all coefficients are zero by symmetry."""


@styled
def scan_figure(
    label: str,
    values: Float[ArrayLike, " point"],
    distances: Sequence[int],
    K: Float[ArrayLike, "point pair 3 3"],
    gaps: Mapping[str, Float[ArrayLike, " point"]] | None = None,
    tick: float | None = None,
) -> Figure:
    """Return D, if there is any, and J of pairs against a parameter, and the gap if it follows.

    Parameters
    ----------
    label : str
        Of the parameter, with its unit.
    values : real array, shape (point,)
    distances : sequence of int
        In steps.
    K : real array, shape (point, pair, 3, 3)
        Bilinear tensors S1.K.S2 in eV.
    gaps : mapping of str to real array, shape (point,), optional
        Amplitudes in eV by channel.
    tick : float, optional
        Distance of the ticks of the parameter, if it is not to be chosen.
    """
    values = np.asarray(values)
    drawn = _coefficients(np.asarray(K))
    figure, axes = panels(1, len(drawn) + bool(gaps), 2.6)
    marker = {"marker": "o", "markersize": 2.5} if len(values) <= _FEW else {}
    for panel, (text, columns) in zip(axes[0], drawn.items(), strict=False):
        panel.axhline(0, color=BLACK, linewidth=0.5)
        for number, (distance, column) in enumerate(zip(distances, columns.T, strict=True)):
            colour = _COLOURS[number % len(_COLOURS)]
            dashes = DASHES[number // len(_COLOURS) % len(DASHES)]
            line = panel.plot(values, 1e3 * column, color=colour, label=str(distance), **marker)[0]
            line.set_dashes(dashes or (None, None))
        panel.set_ylabel(text)
    axes[0, 0].legend(title="steps", ncols=2 if len(distances) > 4 else 1)
    for number, (channel, column) in enumerate((gaps or {}).items()):
        label_of_it = channel.replace("_", " ")
        axes[0, -1].plot(
            values, 1e3 * np.asarray(column), color=_COLOURS[number], label=label_of_it, **marker
        )
    if gaps:
        axes[0, -1].set_ylabel("gap (meV)")
        axes[0, -1].set_ylim(bottom=0)
        axes[0, -1].legend()
    for panel in axes.flat:
        panel.set_xlabel(label)
        if tick is not None:
            panel.xaxis.set_major_locator(MultipleLocator(tick))
    add_letters(axes)
    return figure


_FEW = 30
"""Points up to which each has a marker."""


@styled
def map_figure(
    labels: Sequence[str],
    values: Sequence[Float[ArrayLike, " point"]],
    K: Float[ArrayLike, "row column 3 3"],
) -> Figure:
    """Return maps of D and J of a pair against two parameters.

    Parameters
    ----------
    labels : sequence of str
        Of the two parameters, with their units.
    values : two real arrays, shape (m,) and (n,)
    K : real array, shape (m, n, 3, 3)
        Bilinear tensors S1.K.S2 in eV.

    References
    ----------
    Ouassou, Yokoyama, Linder, arXiv:2407.07144, Fig. 1(b).
    """
    drawn = _coefficients(np.asarray(K))
    figure, axes = panels(1, len(drawn), 2.8)
    for panel, (text, data) in zip(axes[0], drawn.items(), strict=True):
        shown = 1e3 * data
        limit = np.abs(shown).max() or 1.0
        image = panel.pcolormesh(
            values[1], values[0], shown, cmap="RdBu_r", vmin=-limit, vmax=limit, rasterized=True
        )
        figure.colorbar(image, ax=panel, label=text)
        panel.set_xlabel(labels[1])
        panel.set_ylabel(labels[0])
    add_letters(axes)
    return figure


def _coefficients(K: np.ndarray) -> dict[str, np.ndarray]:
    """Return the component of D that is largest anywhere, unless all vanish, and J, by label."""
    vectors = pair_parts(K).vector
    sizes = np.abs(vectors).reshape(-1, 3).max(axis=0)
    found = {}
    if sizes.max() > _ZERO * np.abs(K).max():
        component = int(sizes.argmax())
        found[f"$D_{'xyz'[component]}$ (meV)"] = vectors[..., component]
    found[r"$J = \mathrm{tr}\,K/3$ (meV)"] = np.trace(K, axis1=-2, axis2=-1) / 3
    return found


@styled
def levels_figure(
    groups: Mapping[str, Float[ArrayLike, " level"]], interval: tuple[float, float]
) -> Figure:
    """Return the levels that spins bind, group by group, in an interval without levels of the host.

    Parameters
    ----------
    groups : mapping of str to real array, shape (level,)
        Energies in eV by the name of the spins.
    interval : (float, float)
        In eV.
    """
    figure, axes = panels(1, 1, 2.6)
    panel = axes[0, 0]
    low, high = (1e3 * end for end in interval)
    room = 0.15 * (high - low)
    for start, stop in ((low - room, low), (high, high + room)):
        panel.axhspan(start, stop, color=BLACK, alpha=0.15, linewidth=0)
    for place, levels in enumerate(groups.values()):
        panel.hlines(1e3 * np.asarray(levels), place - 0.35, place + 0.35, color=BLUE)
    panel.axhline(0, color=BLACK, linewidth=0.5, linestyle=":")
    panel.set_xticks(range(len(groups)), list(groups))
    panel.set_xlim(-0.6, len(groups) - 0.4)
    panel.set_ylim(low - room, high + room)
    panel.set_xlabel("sites of the spins")
    panel.set_ylabel("bound levels (meV)")
    return figure


@styled
def density_figure(
    energies: Float[ArrayLike, " energy"],
    places: Mapping[str, tuple[Float[ArrayLike, " energy"], Float[ArrayLike, " energy"]]],
) -> Figure:
    """Return local densities of states, with the spins in place and without them.

    Parameters
    ----------
    energies : real array, shape (energy,)
        In eV.
    places : mapping of str to (with, without), real arrays of shape (energy,)
        Densities in 1/eV by the name of the place.
    """
    figure, axes = panels(1, 1, 2.8)
    panel = axes[0, 0]
    for number, (name, (inside, without)) in enumerate(places.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        panel.plot(1e3 * np.asarray(energies), inside, color=colour, label=name)
        panel.plot(1e3 * np.asarray(energies), without, color=colour, linewidth=0.6, dashes=(3, 2))
    panel.set_xlabel("energy (meV)")
    panel.set_ylabel("density of states (1/eV)")
    panel.set_xlim(1e3 * np.min(energies), 1e3 * np.max(energies))
    panel.set_ylim(bottom=0)
    panel.legend(title="site; dashed: without spins", ncols=2 if len(places) > 4 else 1)
    return figure


@styled
def order_parameter_figure(
    positions: Float[ArrayLike, "site space"],
    values: Mapping[str, Float[ArrayLike, " site"]],
    spins: Float[ArrayLike, "place space"],
) -> Figure:
    """Return the order parameter of every site, as a map and against the distance of a spin.

    Parameters
    ----------
    positions : real array, shape (site, space)
        In angstrom; of chains and layers the first components are drawn.
    values : mapping of str to real array, shape (site,)
        In eV by channel.
    spins : real array, shape (place, space)
        Where spins are.
    """
    places, marks = (np.asarray(p, float) for p in (positions, spins))
    distance = np.linalg.norm(places[:, None] - marks, axis=-1).min(axis=1)
    points, marked = (np.pad(p, ((0, 0), (0, 1)))[:, :2] for p in (places, marks))
    figure, axes = panels(len(values), 2, 2.8)
    for (panel, right), (name, column) in zip(axes, values.items(), strict=True):
        shown = 1e3 * np.asarray(column)
        signed = shown.min() < 0
        limit = np.abs(shown).max() or 1.0
        image = panel.scatter(
            *points.T,
            c=shown,
            s=min(120.0, 10000.0 / len(points)),
            marker="s",
            cmap="RdBu_r" if signed else "viridis",
            vmin=-limit if signed else 0.0,
            vmax=limit,
        )
        panel.scatter(*marked.T, marker="x", s=25, color=BLACK, linewidths=1.0)
        label = f"{name.replace('_', ' ')} gap (meV)"
        figure.colorbar(image, ax=panel, label=label)
        panel.set_aspect("equal")
        panel.set_xlabel("x (\u00c5)")
        panel.set_ylabel("y (\u00c5)")
        right.axhline(0, color=BLACK, linewidth=0.5)
        right.plot(distance, shown, "o", markersize=3, color=BLUE)
        right.set_xlabel("distance of the nearest spin (\u00c5)")
        right.set_ylabel(label)
    add_letters(axes)
    return figure
