"""One style for all figures: legible in a two-column journal, and to colour-blind readers."""

from collections.abc import Callable
from functools import wraps
from string import ascii_lowercase
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 7.0
"""Of a figure over two columns, in inches."""

BLACK, BLUE, SKY = "#000000", "#0072B2", "#56B4E9"
RED, PURPLE, GREEN = "#D55E00", "#AA3377", "#009E73"

DASHES = ((), (4, 1.5), (4, 1.5, 1, 1.5), (1.2, 1.2))
"""Line styles of the first, second, ... curve of a panel."""

STYLE: dict[Any, Any] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    # Where they would be anyway: to look for ticks in their way took a fifth of the time to draw.
    "axes.titley": 1.0,
    "axes.linewidth": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "legend.borderaxespad": 0.3,
    "legend.labelspacing": 0.2,
    "lines.linewidth": 1.1,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
}


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Make a figure function draw in this style, and leave that of the user alone."""

    @wraps(draw)
    def wrapper(*arguments, **options) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*arguments, **options)

    return wrapper


def panels(rows: int, columns: int, height: float, **options) -> tuple[Figure, np.ndarray]:
    """Return a figure and its panels, each `height` inches high."""
    figure = Figure(figsize=(WIDTH, height * rows + 0.2), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def add_letters(axes: np.ndarray) -> None:
    """Put (a), (b), ... above the panels, row by row."""
    for letter, panel in zip(ascii_lowercase, axes.flat, strict=False):
        panel.set_title(f"({letter})", loc="left", fontweight="bold")


def add_legend(panel: Axes, columns: int) -> None:
    """Put the legend into room made for it above the curves."""
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.16 * (high - low))
    panel.legend(loc="upper right", ncols=columns, columnspacing=1.2)
