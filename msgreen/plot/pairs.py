"""Interactions of two spins against their distance."""

import numpy as np
from matplotlib.figure import Figure

from msgreen._typing import ArrayLike, Float
from msgreen.plot.style import BLACK, BLUE, GREEN, PURPLE, RED, SKY, add_letters, panels, styled
from msgreen.spin.tensors import pair_parts

_SHOWN = 1e-9
"""Components below this share of the largest entry are zero by symmetry: rounding is 1e-14 of it,
and the figures of paper O span five orders of magnitude."""


@styled
def distance_figure(
    distances: Float[ArrayLike, " pair"], K: Float[ArrayLike, "pair 3 3"], unit: str = "t"
) -> Figure:
    """Return the components of D against distance, and the magnitudes of all coefficients.

    Parameters
    ----------
    distances : real array, shape (pair,)
        In lattice constants.
    K : real array, shape (pair, 3, 3)
        Bilinear tensors S1.K.S2 in `unit`. Drawn are D of the antisymmetric part and the symmetric
        entries J_xx, ..., J_xy that do not vanish; equal ones share a curve.
    unit : str
        Of energies: "eV", which are drawn in meV, or "t" for the hopping.

    References
    ----------
    Ouassou, Yokoyama, Linder, arXiv:2407.07144, Figs. 1(c) and 2.
    """
    distances, K = np.asarray(distances), np.asarray(K)
    least = _SHOWN * np.abs(K).max()
    vectors = {f"D_{a}": column for a, column in zip("xyz", pair_parts(K).vector.T, strict=True)}
    vectors = {name: column for name, column in vectors.items() if np.abs(column).max() > least}
    symmetric = (K + np.swapaxes(K, 1, 2)) / 2
    entries = {f"J_{{{a}{b}}}": symmetric[:, i, j] for (i, a), (j, b) in _ENTRIES}
    figure, axes = panels(1, 2, 2.6)
    left, right = axes[0]
    left.axhline(0, color=BLACK, linewidth=0.5)
    small, whole, factor = r"$(10^{-3}\,t)$", "$(t)$", 1.0
    if unit == "eV":
        small, whole, factor = "(meV)", "(meV)", 1e3
    for (name, column), colour in zip(vectors.items(), (RED, PURPLE, SKY), strict=False):
        look = dict(color=colour, marker="o", markersize=3)
        left.plot(distances, 1e3 * column, label=f"${name}$", **look)
        right.semilogy(distances, factor * np.abs(column), label=f"$|{name}|$", **look)
    for n, (name, column) in enumerate(_joined(entries, least).items()):
        look = dict(color=(BLUE, GREEN, BLACK)[n % 3], marker="s^Dv<>"[n], markersize=3)
        right.semilogy(distances, factor * np.abs(column), label=f"${name}$", **look)
    left.set_ylabel(f"$D$ {small}")
    right.set_ylabel(f"magnitude {whole}")
    for panel in (left, right):
        panel.set_xlabel(r"distance $\delta / a$")
        panel.set_xlim(distances.min() - 0.5, distances.max() + 0.5)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(loc="upper right")
    add_letters(axes)
    return figure


_ENTRIES = [
    ((i, "xyz"[i]), (j, "xyz"[j])) for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2))
]


def _joined(entries: dict[str, np.ndarray], least: float) -> dict[str, np.ndarray]:
    """Return the columns that do not vanish by their magnitudes, equal ones under one name."""
    found: dict[str, np.ndarray] = {}
    for name, column in entries.items():
        if np.abs(column).max() <= least:
            continue
        same = [n for n, c in found.items() if np.allclose(c, column, rtol=1e-6, atol=least)]
        if same:
            found[f"{same[0]} = |{name}|"] = found.pop(same[0])
        else:
            found[f"|{name}|"] = column
    return found
