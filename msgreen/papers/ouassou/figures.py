"""Figures 1(b) and 3 of paper O: how D_z depends on pairing, supercurrent and filling."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from msgreen._typing import ArrayLike, Float
from msgreen.plot.style import BLACK, BLUE, GREEN, PURPLE, RED, SKY, add_letters, panels, styled

_COLORS = (BLUE, RED, GREEN, PURPLE, SKY, BLACK)


@styled
def parity_figure(
    singlet: Sequence[float] | Float[np.ndarray, " singlet"],
    triplet: Sequence[float] | Float[np.ndarray, " triplet"],
    D: Float[ArrayLike, "singlet triplet"],
) -> Figure:
    """Return a map of D_z against the singlet and triplet amplitudes.

    Parameters
    ----------
    singlet, triplet : real arrays, shape (m,) and (n,)
        In units of the hopping.
    D : real array, shape (m, n)

    References
    ----------
    Ouassou, Yokoyama, Linder, arXiv:2407.07144, Fig. 1(b).
    """
    figure, axes = panels(1, 2, 3.0, width_ratios=(1.25, 1))
    left, right = axes[0]
    values = 1e3 * np.asarray(D)
    limit = np.abs(values).max()
    signed = values.min() < -1e-6 * limit
    image = left.pcolormesh(
        triplet,
        singlet,
        values,
        cmap="RdBu_r" if signed else "YlOrRd",
        vmin=-limit if signed else 0,
        vmax=limit,
        rasterized=True,
    )
    figure.colorbar(image, ax=left, label=r"$D_z\ (10^{-3}\,t)$")
    left.set_xlabel(r"$\Delta_p / t$")
    left.set_ylabel(r"$\Delta_s / t$")
    rows = np.linspace(0, len(singlet) - 1, 5).round().astype(int)
    for row, color in zip(rows, _COLORS, strict=False):
        label = rf"$\Delta_s = {singlet[row]:.2g}\,t$"
        right.plot(triplet, values[row], color=color, label=label)
    right.set_xlabel(r"$\Delta_p / t$")
    right.set_ylabel(r"$D_z\ (10^{-3}\,t)$")
    right.legend(loc="upper left")
    add_letters(axes)
    return figure


@styled
def tuning_figure(
    distances: Float[ArrayLike, " pair"],
    change: Mapping[str, Sequence[float]],
    mu: Float[ArrayLike, " point"],
    D: Mapping[str, Sequence[float]],
    dashed: Mapping[str, Sequence[float]] | None = None,
) -> Figure:
    """Return how a supercurrent and the chemical potential tune D_z.

    Parameters
    ----------
    distances : real array, shape (pair,)
        In lattice constants.
    change : mapping of label to real array, shape (pair,)
        Relative change of D_z.
    mu : real array, shape (m,)
        In units of the hopping.
    D : mapping of label to real array, shape (m,)
    dashed : mapping of label to real array, shape (m,), optional
        Curves in the same colors to compare with, such as those of a smaller lattice.

    References
    ----------
    Ouassou, Yokoyama, Linder, arXiv:2407.07144, Fig. 3.
    """
    figure, axes = panels(1, 2, 2.6)
    left, right = axes[0]
    width = 0.8 / len(change)
    for number, ((label, values), color) in enumerate(zip(change.items(), _COLORS, strict=False)):
        shift = (number - (len(change) - 1) / 2) * width
        left.bar(
            np.asarray(distances) + shift, 100 * np.asarray(values), width, color=color, label=label
        )
    left.axhline(0, color=BLACK, linewidth=0.5)
    left.set_xlabel(r"distance $\delta / a$")
    left.set_ylabel(r"change of $D_z$ (%)")
    left.set_xticks(np.asarray(distances))
    left.legend(loc="upper left")
    right.axhline(0, color=BLACK, linewidth=0.5)
    for (label, values), color in zip(D.items(), _COLORS, strict=False):
        right.plot(mu, 1e3 * np.asarray(values), color=color, label=label)
    for (label, values), color in zip((dashed or {}).items(), _COLORS, strict=False):
        right.plot(mu, 1e3 * np.asarray(values), "--", color=color, label=label)
    right.set_xlabel(r"$\mu / t$")
    right.set_ylabel(r"$D_z\ (10^{-3}\,t)$")
    right.legend(loc="upper right")
    add_letters(axes)
    return figure
