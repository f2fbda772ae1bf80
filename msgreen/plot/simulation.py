"""Figures of simulations at temperature."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from msgreen.estimate import Estimate
from msgreen.plot.style import BLACK, BLUE, GREEN, PURPLE, RED, add_letters, panels, styled
from msgreen.simulation import Thermodynamics
from msgreen.units import BOLTZMANN, MEV

_COLOURS = (BLUE, RED, GREEN, PURPLE)


@styled
def thermodynamics_figure(
    boxes: Mapping[str, Thermodynamics],
    *,
    critical: Estimate | None = None,
    order: str = r"\langle|m|\rangle",
) -> Figure:
    """Draw energy, specific heat, moment, susceptibility and cumulant against temperature.

    Parameters
    ----------
    boxes : mapping of str to Thermodynamics
        By the words of the legend.
    critical : Estimate, optional
        Critical temperature k_B T in eV, drawn as a band of one standard deviation.
    order : str
        Symbol of the order, as LaTeX writes it.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = panels(2, 3, 2.1, sharex=True)
    curves = [
        ("energy", "energy per spin (meV)", 1 / MEV),
        ("heat", "specific heat ($k_B$)", 1.0),
        ("moment", f"${order}$", 1.0),
        ("susceptibility", "susceptibility (1/meV)", MEV),
        ("binder", "Binder cumulant", 1.0),
    ]
    for panel, (name, label, unit) in zip(axes.flat, curves, strict=False):
        for colour, (title, found) in zip(_COLOURS, boxes.items(), strict=False):
            estimate = getattr(found, name)
            kelvin = found.temperature / BOLTZMANN
            panel.errorbar(
                kelvin,
                estimate.value * unit,
                estimate.error * unit,
                color=colour,
                marker="o",
                markersize=2.5,
                linewidth=0.8,
                capsize=1.5,
                label=title,
            )
        panel.set_ylabel(label)
        if critical is not None:
            middle, error = (float(x) / BOLTZMANN for x in critical)
            panel.axvspan(middle - error, middle + error, color=BLACK, alpha=0.15, linewidth=0)
            panel.axvline(middle, color=BLACK, linewidth=0.6, dashes=(4, 1.5))
    last = axes.flat[-1]
    last.axis("off")
    last.legend(*axes.flat[0].get_legend_handles_labels(), loc="center")
    for panel in (*axes.flat[2:3], *axes[1, :2]):
        panel.set_xlabel("temperature (K)")
        panel.tick_params(labelbottom=True)
    add_letters(np.asarray(axes.flat[:-1]))
    return figure
