"""Interactions of two spins against their distance."""

import numpy as np
from matplotlib.figure import Figure

from msgreen.plot.style import BLACK, BLUE, GREEN, RED, add_letters, panels, styled


@styled
def distance_figure(distances, J, D, unit: str = "t") -> Figure:
    """Return D_z against distance, and the magnitudes of all coefficients.

    Parameters
    ----------
    distances : real array, shape (pair,)
        In lattice constants.
    J, D : real arrays, shape (pair, 3)
        In `unit`.
    unit : str
        Of energies: "eV", or "t" for the hopping.

    References
    ----------
    Ouassou, Yokoyama, Linder, arXiv:2407.07144, Figs. 1(c) and 2.
    """
    distances, J, D = np.asarray(distances), np.asarray(J), np.asarray(D)
    figure, axes = panels(1, 2, 2.6)
    left, right = axes[0]
    left.axhline(0, color=BLACK, linewidth=0.5)
    left.plot(distances, 1e3 * D[:, 2], "o-", color=RED, markersize=3)
    text = "t" if unit == "t" else rf"\mathrm{{{unit}}}"
    left.set_ylabel(rf"$D_z\ (10^{{-3}}\,{text})$")
    curves = {"|D_z|": (D[:, 2], RED, "o-"), "|J_z|": (J[:, 2], BLUE, "s-")}
    curves["|J_x| = |J_y|"] = (J[:, 0], GREEN, "^-")
    for name, (values, color, style) in curves.items():
        right.semilogy(
            distances, np.abs(values), style, color=color, markersize=3, label=f"${name}$"
        )
    right.set_ylabel(rf"magnitude $({text})$")
    right.legend(loc="upper right")
    for panel in (left, right):
        panel.set_xlabel(r"distance $\delta / a$")
        panel.set_xlim(distances.min() - 0.5, distances.max() + 0.5)
    add_letters(axes)
    return figure
