"""Exchange of a crystal: against distance, as vectors on the bonds, and what it took."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from msgreen.exchange.crystal.axes import CrystalTensors
from msgreen.exchange.crystal.meshes import Node
from msgreen.lattice import Lattice
from msgreen.plot.style import BLACK, BLUE, GREEN, PURPLE, RED, SKY, add_letters, panels, styled
from msgreen.spinmodel.states import Magnons
from msgreen.units import MEV

COLOURS = (BLACK, BLUE, RED, GREEN, PURPLE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")

VISIBLE = 1e-6
"""Length in meV from which a vector D is drawn."""


@styled
def exchange_distance_figure(found: CrystalTensors, symbols: tuple[str, ...]) -> Figure:
    """Draw J with its error, and D if there is any, against distance, by kinds of atoms.

    Parameters
    ----------
    found : CrystalTensors
    symbols : tuple of str
        Of the atoms.
    """
    parts, errors = found.parts()
    length = np.linalg.norm(parts.vector, axis=1) / MEV
    chiral = found.spin_orbit and length.max(initial=0) > VISIBLE
    figure, axes = panels(1, 2 if chiral else 1, 2.8)
    names = [" - ".join(sorted((symbols[i], symbols[j]))) for i, j in found.pairs[:, :2]]
    kinds = sorted(set(names))
    for number, name in enumerate(kinds):
        # After six kinds colours come again with other markers.
        colour = COLOURS[number % len(COLOURS)]
        marker = MARKERS[(number + number // len(COLOURS)) % len(MARKERS)]
        mine = np.array([n == name for n in names])
        style = dict(color=colour, marker=marker, ms=3.5, ls="none", lw=0.8, label=name)
        at = found.distances[mine]
        doubt = errors.isotropic[mine] / MEV
        axes[0, 0].errorbar(at, parts.isotropic[mine] / MEV, doubt, capsize=1.5, **style)
        if chiral:
            axes[0, 1].plot(at, length[mine], **style)
    axes[0, 0].axhline(0, color="0.7", lw=0.6, zorder=0)
    axes[0, 0].set(xlabel=r"distance ($\mathrm{\AA}$)", ylabel="exchange $J$ (meV)")
    if len(kinds) > 1:
        axes[0, 0].legend(loc="best", ncols=1 + (len(kinds) - 1) // 6)
    if chiral:
        axes[0, 1].set(xlabel=r"distance ($\mathrm{\AA}$)", ylabel=r"$|\mathbf{D}|$ (meV)")
        axes[0, 1].set_ylim(bottom=0)
        add_letters(axes)
    return figure


@styled
def bond_vectors_figure(found: CrystalTensors, lattice: Lattice) -> Figure:
    """Draw the D vectors of the nearest bonds of every magnetic atom, seen along three axes.

    Parameters
    ----------
    found : CrystalTensors
    lattice : Lattice
    """
    vectors = found.parts()[0].vector / MEV
    near = found.distances < found.distances.min() * 1.05
    start = lattice.basis[found.pairs[near, 0]]
    end = lattice.basis[found.pairs[near, 1]] + found.pairs[near, 2:] @ lattice.vectors
    arrows = vectors[near]
    longest = max(np.linalg.norm(arrows, axis=1).max(initial=0), VISIBLE)
    scale = 0.4 * found.distances.min() / longest
    figure, axes = panels(1, 3, 2.6)
    middle = 0.5 * (start + end)
    for panel, (a, b) in zip(axes[0], ((0, 1), (0, 2), (1, 2)), strict=True):
        for one, two in zip(start, end, strict=True):
            panel.plot([one[a], two[a]], [one[b], two[b]], color="0.75", lw=1, zorder=1)
        ends = np.concatenate([start, end])
        panel.plot(ends[:, a], ends[:, b], "o", color=BLACK, ms=5, zorder=2)
        panel.quiver(
            middle[:, a],
            middle[:, b],
            scale * arrows[:, a],
            scale * arrows[:, b],
            angles="xy",
            scale_units="xy",
            scale=1,
            pivot="middle",
            color=RED,
            width=0.012,
            zorder=3,
        )
        low, high = ends.min(axis=0), ends.max(axis=0)
        half = 0.5 * (high - low).max() + 0.2 * found.distances.min()
        panel.set_xlim(0.5 * (low + high)[a] - half, 0.5 * (low + high)[a] + half)
        panel.set_ylim(0.5 * (low + high)[b] - half, 0.5 * (low + high)[b] + half)
        panel.set_aspect("equal")
        labels = [rf"${'xyz'[n]}$ ($\mathrm{{\AA}}$)" for n in (a, b)]
        panel.set(xlabel=labels[0], ylabel=labels[1])
    figure.suptitle(
        rf"$\mathbf{{D}}_{{ij}}$ of nearest bonds from the atom to its neighbours; "
        rf"the longest is {longest:.3g} meV"
    )
    add_letters(axes)
    return figure


@styled
def mesh_figure(nodes: tuple[Node, ...]) -> Figure:
    """Draw the points per direction of every energy, and what they leave of error.

    Parameters
    ----------
    nodes : tuple of Node
        Of `CrystalExchange`.
    """
    figure, axes = panels(1, 2, 2.4)
    above = [node.energy.imag for node in nodes]
    axes[0, 0].loglog(above, [node.mesh for node in nodes], "o-", color=BLACK, ms=3.5)
    axes[0, 0].set(ylabel="$k$ points per direction $N$")
    axes[0, 0].yaxis.set_major_formatter(ScalarFormatter())
    axes[0, 0].yaxis.set_minor_formatter(ScalarFormatter())
    error = [max(node.error, 1e-20) / MEV for node in nodes]
    axes[0, 1].loglog(above, error, "s-", color=BLUE, ms=3.5)
    axes[0, 1].set(ylabel="largest error (meV)")
    for panel in axes[0]:
        panel.set(xlabel=r"$\mathrm{Im}\,z$ (eV)")
    add_letters(axes)
    return figure


@styled
def magnons_figure(found: Magnons) -> Figure:
    """Draw energies of magnons and J(q) along a path; unstable stretches are marked by dots.

    Parameters
    ----------
    found : Magnons
    """
    path, stable = found.path, found.waves.stable
    figure, axes = panels(1, 2, 2.8)
    pieces = np.split(np.arange(len(path.k)), np.flatnonzero(np.diff(path.distance) == 0) + 1)
    for panel, values, colour in (
        (axes[0, 0], found.waves.energies, BLUE),
        (axes[0, 1], found.exchange, RED),
    ):
        for piece in pieces:
            panel.plot(path.distance[piece], values[piece] / MEV, color=colour)
        for tick in path.ticks[1:-1]:
            panel.axvline(tick, color="0.75", lw=0.5, zorder=0)
        panel.set_xticks(path.ticks, [_corner(label) for label in path.labels])
        panel.set_xlim(path.ticks[0], path.ticks[-1])
        panel.tick_params(axis="x", top=False, bottom=False)
    bad = found.waves.energies[~stable] / MEV
    distances = np.broadcast_to(path.distance[~stable, None], bad.shape)
    axes[0, 0].plot(distances, bad, "o", color=BLUE, ms=2)
    axes[0, 0].set_ylim(0, None)
    axes[0, 0].set(ylabel=r"$\hbar\omega$ (meV)")
    axes[0, 1].axhline(0, color="0.75", lw=0.5, zorder=0)
    axes[0, 1].set(ylabel=r"$J(\mathbf{q})$ (meV)")
    add_letters(axes)
    return figure


def _corner(label: str) -> str:
    """Return the name of a corner, or of two, with its index below the line."""
    parts = [name.partition("_") for name in label.split("|")]
    return "|".join(f"{name}$_{{{index}}}$" if index else name for name, _, index in parts)
