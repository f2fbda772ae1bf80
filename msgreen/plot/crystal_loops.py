"""Couplings of four and six spins of a crystal against the length of their loops."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from msgreen.io.loop_table import LoopTable
from msgreen.plot.style import BLACK, BLUE, GREEN, RED, panels, styled
from msgreen.units import MEV

LOOKS = {
    "biquadratic": ("two sites", BLACK, "o"),
    "three_site": ("three sites", BLUE, "s"),
    "four_site": ("four sites", RED, "D"),
    "six_site": ("six sites", GREEN, "^"),
}
"""Name, colour and marker of every kind."""


@styled
def loop_lengths_figure(tables: Sequence[LoopTable]) -> Figure:
    """Draw |J_ring| of every orbit of loops against the length of the closed path.

    Full marks are positive; open ones negative, which favour parallel moments. The line marks the
    largest error.

    Parameters
    ----------
    tables : sequence of LoopTable
    """
    figure, axes = panels(1, 1, 2.8)
    panel = axes[0, 0]
    errors = [float(np.max(table.terms.ring.error, initial=0)) for table in tables]
    for table in tables:
        label, colour, marker = LOOKS[table.kind]
        rows = [members[0] for members in table.members()]
        value, length = table.terms.ring.value[rows] / MEV, table.lengths[rows]
        for sign, face in ((1, colour), (-1, "white")):
            some = np.sign(value) == sign
            style = {"color": colour, "mfc": face, "marker": marker, "ls": "none", "ms": 4}
            panel.plot(length[some], np.abs(value[some]), label=label, **style)
            label = None
    panel.plot([], [], "o", color="0.4", mfc="white", ms=4, label="negative")
    panel.axhline(max(errors) / MEV, color="0.6", lw=0.8, ls=":", zorder=0, label="largest error")
    panel.set_yscale("log")
    panel.set(xlabel=r"length of the loop ($\mathrm{\AA}$)", ylabel=r"$|J_\mathrm{ring}|$ (meV)")
    panel.legend(loc="best")
    return figure
