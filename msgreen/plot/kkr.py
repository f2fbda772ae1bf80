"""Interactions of a cluster in a real material: against distance, on the cluster, by order."""

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from msgreen.clusters import perimeters
from msgreen.exchange.ordered import OrderScan
from msgreen.plot.style import BLACK, BLUE, GREEN, PURPLE, RED, SKY, add_letters, panels, styled
from msgreen.spinmodel.interactions import Interactions
from msgreen.units import MEV

COLOURS = (BLACK, BLUE, RED, GREEN, PURPLE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")


@styled
def cluster_distance_figure(found: Interactions, positions: np.ndarray, unit: str) -> Figure:
    """Draw pairs against distance, and four-spin coefficients against the length of the loop.

    Parameters
    ----------
    found : Interactions
        From `msgreen.exchange.ordered.reference_interactions`, any convention; drawn as it is.
    positions : real array, shape (site, 3)
    unit : str
        Of the positions, for the axes.
    """
    figure, axes = panels(1, 2, 2.6)
    left, right = axes[0]
    pairs, four = {}, {}
    for terms in found.terms:
        length = np.asarray(perimeters(jnp.asarray(positions), terms.loops))
        named = terms.coefficients
        if terms.kind == "pair":
            pairs["$J$ about the reference"] = length / 2, named["J"].value
            pairs[r"$J^{\mathrm{iso}}$ of deviations"] = length / 2, named["J_iso"].value
            if "D_vector" in named:
                size = np.linalg.norm(named["D_vector"].value, axis=1)
                pairs[r"$|\mathbf{D}|$"] = length / 2, size
        elif terms.order == 4:
            name = terms.kind.replace("_", " ")
            chiral = np.linalg.norm(named["C4_chiral"].value, axis=-1).max(axis=1)
            four[rf"$|\mathcal{{B}}|$, {name}"] = length, np.abs(named["B4_iso"].value)
            four[rf"$|\mathcal{{C}}|$, {name}"] = length, chiral
    _points(left, pairs)
    _points(right, four)
    left.axhline(0, color="0.7", lw=0.6, zorder=0)
    left.set(xlabel=f"distance ({unit})", ylabel="pair interaction (meV)")
    right.set(xlabel=f"length of the loop ({unit})", ylabel="four-spin coefficient (meV)")
    if right.has_data():
        right.set_yscale("log")
        low, high = right.get_ylim()
        right.set_ylim(low, 8 * high)
        right.legend(loc="upper right", ncols=2)
    if left.has_data():
        left.legend(loc="upper right")
    add_letters(axes)
    return figure


def _points(panel, curves) -> None:
    """Draw the curves that do not vanish, chiral ones with open marks."""
    for (name, (length, values)), colour, marker in zip(
        curves.items(), COLOURS, MARKERS, strict=False
    ):
        seen = np.abs(values) > 1e-7 * MEV
        if seen.any():
            is_open = "mathcal{C}" in name or "reference" in name
            face, size = "none" if is_open else colour, 7 if "reference" in name else 4
            style = dict(color=colour, marker=marker, mfc=face, ms=size, ls="none")
            panel.plot(length[seen], values[seen] / MEV, label=name, **style)


@styled
def dmi_figure(found: Interactions, positions: np.ndarray, unit: str) -> Figure:
    """Draw the Dzyaloshinskii-Moriya vectors of all bonds on the cluster, seen from above.

    Arrows at the middle of each bond i -> j, i < j, show the components in the plane; the numbers
    are the components along z. The arrow in the corner is the scale.
    """
    pair = found["pair"]
    points, dmi = np.asarray(positions, float), pair.coefficients["D_vector"].value / MEV
    start, end = points[pair.loops[:, 0]], points[pair.loops[:, 1]]
    figure, axes = panels(1, 1, 4.6)
    figure.set_figwidth(5.2)
    panel = axes[0, 0]
    panel.set_aspect("equal")
    for a, b in zip(start, end, strict=True):
        panel.plot([a[0], b[0]], [a[1], b[1]], color="0.8", lw=0.8, zorder=0)
    height = points[:, 2]
    top = height > height.mean() + 1e-9
    for chosen, colour, size, name in ((~top, "0.55", 90, "lower"), (top, BLUE, 150, "upper")):
        if chosen.any():
            label = f"{name} layer" if top.any() else None
            panel.scatter(*points[chosen, :2].T, s=size, color=colour, zorder=3, label=label)
    for number, point in enumerate(points):
        panel.annotate(str(number), point[:2], color="w", ha="center", va="center", zorder=4)
    # A third of the way: the middles of crossing diagonals coincide.
    middle = start + 0.36 * (end - start)
    largest = np.linalg.norm(dmi, axis=1).max()
    shortest = np.linalg.norm(end - start, axis=1).min()
    arrows = panel.quiver(
        *middle[:, :2].T,
        *dmi[:, :2].T,
        angles="xy",
        scale_units="xy",
        scale=largest / (0.4 * shortest),
        width=0.006,
        color=RED,
        zorder=5,
        pivot="mid",
    )
    panel.quiverkey(arrows, 0.82, 1.03, largest, f"{largest:.2g} meV", labelpos="E")
    for point, vector in zip(middle, dmi, strict=True):
        if abs(vector[2]) > 0.02 * largest:
            panel.annotate(
                f"{vector[2]:+.2f}", point[:2], (4, 4), textcoords="offset points", fontsize=6
            )
    panel.set(xlabel=f"$x$ ({unit})", ylabel=f"$y$ ({unit})")
    panel.margins(0.3)
    if top.any():
        panel.legend(loc="upper left", bbox_to_anchor=(0, 1.08), ncols=2)
    return figure


@styled
def rotation_order_figure(scan: OrderScan) -> Figure:
    """Draw the energies of 1, 2, ... scatterings against the angle of the moments, and the radius.

    The second panel shows how far truncated sums are from the energy of all orders.
    """
    figure, axes = panels(1, 3, 2.4)
    degrees = np.degrees(scan.angle)
    count = scan.orders.shape[1]
    for order in range(count):
        style = dict(color=COLOURS[order % 6], marker=MARKERS[order % 6], ms=2.5)
        axes[0, 0].semilogy(
            degrees, np.abs(scan.orders[:, order]) / MEV, label=f"{order + 1}", **style
        )
        rest = np.abs(scan.orders[:, : order + 1].sum(axis=1) - scan.total)
        axes[0, 1].semilogy(degrees, rest / MEV, label=f"{order + 1}", **style)
    axes[0, 0].semilogy(degrees, np.abs(scan.total) / MEV, "--", color="0.5", label="all")
    axes[0, 0].set(ylabel="|energy of one order| (meV)")
    axes[0, 1].set(ylabel="|energy beyond an order| (meV)")
    axes[0, 2].plot(degrees, scan.radius, color=BLACK)
    axes[0, 2].axhline(1, color="0.6", lw=0.6, ls=":")
    axes[0, 2].set(ylabel="spectral radius of $G\\,\\delta t$", ylim=(0, None))
    for panel in axes.flat:
        panel.set_xlabel("angle of the moments (degrees)")
    axes[0, 0].legend(title="scatterings", ncols=2, loc="lower right")
    add_letters(axes)
    return figure
