"""Range functions of the free gas against their large-distance forms, misprints included."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from msgreen.hosts.rashba import RashbaGas
from msgreen.papers.lounis.asymptotics import (
    ORDERS,
    amplitude,
    asymptotic_1d,
    asymptotic_2d,
    printed_2d,
    printed_equidistant_2d,
    range_2d,
)
from msgreen.papers.lounis.scan import DistanceScan
from msgreen.plot.style import (
    BLACK,
    BLUE,
    GREEN,
    PURPLE,
    RED,
    add_letters,
    panels,
    styled,
)

NAMES = {2: "J_iso", 4: "B4_iso", 6: "kappa6"}
EQUATIONS = {(1, 2): 43, (1, 4): 47, (1, 6): 54, (2, 2): 57, (2, 4): 59, (2, 6): 61}
POWERS = {(1, 2): 3, (1, 4): 2, (1, 6): 2, (2, 2): 1, (2, 4): 1, (2, 6): 1}
WORDS = {2: "two", 4: "four", 6: "six"}
MISPRINTED = {(2, 4): (1, "as printed"), (2, 6): (10, "as printed / 10")}
"""By what the printed form is divided in the figure, and how it is called there."""
SMALL: dict[str, Any] = {
    "fontsize": 6,
    "handlelength": 1.8,
    "columnspacing": 0.8,
    "handletextpad": 0.4,
}
"""Style of the legends."""
PHASES = 10
"""Points per oscillation."""


def oscillations(fermi_wavevector: float, count: int = 36) -> np.ndarray:
    """Return distances that sample single oscillations of J_iso, ever farther away.

    Parameters
    ----------
    fermi_wavevector : float
        q_F in 1/angstrom.
    count : int
        Number of oscillations, spaced evenly on a logarithmic scale from q_F R = 2 to 200.

    Returns
    -------
    real array, shape (count * PHASES,)
        In angstrom.
    """
    starts = np.geomspace(2.0, 200.0, count)[:, None]
    return ((starts + np.pi * np.arange(PHASES) / PHASES) / fermi_wavevector).ravel()


@styled
def asymptotic_figure(
    gases: Mapping[int, RashbaGas],
    near: Mapping[int, DistanceScan],
    far: Mapping[int, DistanceScan],
) -> Figure:
    """Draw exact range functions, their asymptotic forms and the deviations between them.

    Parameters
    ----------
    gases : mapping of int to RashbaGas
        Free gases by dimension.
    near : mapping of int to DistanceScan
        Their coefficients for unit coupling at distances shown in the upper panels.
    far : mapping of int to DistanceScan
        The same at the distances `oscillations`.

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 43, 47, 54 and 57 to 61.
    """
    figure, axes = panels(2 * len(gases), len(ORDERS), height=1.85, sharex="row")
    for row, (dimension, gas) in enumerate(gases.items()):
        for column, order in enumerate(ORDERS):
            upper, lower = axes[2 * row : 2 * row + 2, column]
            _draw_functions(upper, gas, order, near[dimension])
            _draw_deviations(lower, gas, order, far[dimension])
        axes[2 * row, 0].set_ylabel("range function / amplitude")
        axes[2 * row + 1, 0].set_ylabel("deviation / amplitude")
    add_letters(axes)
    return figure


def _draw_functions(panel: Axes, gas: RashbaGas, order: int, scan: DistanceScan) -> None:
    distance, exact = _relative(gas, order, scan)
    shown = distance <= 10 / float(gas.fermi_wavevector)
    distance, exact = distance[shown], exact[shown]
    size = amplitude(gas, order, distance)
    panel.plot(distance, exact, color=BLACK, linewidth=2.4, alpha=0.3, label="exact")
    misprinted = (gas.dimension, order) in MISPRINTED
    form = _asymptotic(gas, order, distance) / size
    panel.plot(distance, form, color=BLUE, label="corrected" if misprinted else "asymptotic")
    if misprinted:
        shrink, word = MISPRINTED[gas.dimension, order]
        printed = printed_equidistant_2d(gas, order, distance) / size / shrink
        panel.plot(distance, printed, color=RED, dashes=(4, 1.5), label=word)
    panel.axhline(0, color="0.5", linewidth=0.5, zorder=0)
    panel.set_ylim(-1.5, 1.8)
    panel.margins(x=0)
    panel.set_xlabel("$R$ (Å)")
    equation = EQUATIONS[gas.dimension, order]
    panel.set_title(f"{gas.dimension}D, {WORDS[order]} spins, L {equation}")
    panel.legend(loc="upper right", ncols=3, **SMALL).set_in_layout(False)


def _draw_deviations(panel: Axes, gas: RashbaGas, order: int, scan: DistanceScan) -> None:
    """Draw the largest deviation within every sampled oscillation."""
    distance, exact = _relative(gas, order, scan)
    size = amplitude(gas, order, distance)
    form = _asymptotic(gas, order, distance) / size
    equation, power = EQUATIONS[gas.dimension, order], POWERS[gas.dimension, order]
    curves = [(form - exact, BLUE, (), rf"L {equation}, $\propto R^{{-{power}}}$")]
    if (gas.dimension, order) in MISPRINTED:
        loop = (gas, order, order * distance, distance**order)
        first = range_2d(*loop) / size
        printed = printed_2d(*loop) / size
        equidistant = printed_equidistant_2d(gas, order, distance) / size
        general = f"L {equation - 1}"
        curves = [
            (equidistant - exact, RED, (4, 1.5), f"L {equation} as printed, constant"),
            (form - exact, BLUE, (), rf"L {equation} corrected, $\propto R^{{-{power}}}$"),
            (printed - first, PURPLE, (1.2, 1.2), f"{general} as printed: second $-$ first line"),
            (form - first, GREEN, (4, 1.5, 1, 1.5), f"{general} corrected: second $-$ first line"),
        ]
    where = distance.reshape(-1, PHASES)[:, 0]
    for values, colour, dashes, label in curves:
        largest = np.abs(values).reshape(-1, PHASES).max(axis=1)
        panel.loglog(where, largest, color=colour, dashes=dashes, label=label)
    panel.set_xlabel("$R$ (Å)")
    low, high = panel.get_ylim()
    panel.set_ylim(low * (low / high) ** (0.15 * len(curves)), high)
    panel.legend(loc="lower left", **SMALL).set_in_layout(False)


def _relative(gas: RashbaGas, order: int, scan: DistanceScan) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances, and the exact coefficient over its leading amplitude."""
    distance = np.asarray(scan.distance)
    return distance, np.asarray(scan.columns[NAMES[order]]) / amplitude(gas, order, distance)


def _asymptotic(gas: RashbaGas, order: int, distance: np.ndarray) -> np.ndarray:
    if gas.dimension == 1:
        return asymptotic_1d(gas, order, order * distance)
    return asymptotic_2d(gas, order, order * distance, distance**order)
