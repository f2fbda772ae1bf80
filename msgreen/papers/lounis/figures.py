r"""Interactions of equidistant loops against distance, as in Figures 1 to 3 of paper L.

The interaction of N spins decays as R^-p with p = 1 in one dimension and p = 1 + N / 2 in two (L
Eq. 62). Curves are multiplied by (q_F R)^p, which keeps the unit meV and shows all distances at
one scale. Where magnitudes still differ, the legend names a factor.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from msgreen.papers.lounis.scan import DistanceScan
from msgreen.plot.style import (
    BLACK,
    BLUE,
    DASHES,
    GREEN,
    PURPLE,
    RED,
    SKY,
    add_legend,
    add_letters,
    panels,
    styled,
)
from msgreen.units import MEV

Scans = Mapping[int, DistanceScan]
"""Scans by the dimension of the gas."""

FEW_POINTS = 20
"""Below this number of distances the points of a scan are marked."""

REACH = 20.0
"""Figures end at this value of q_F R: beyond, only the beats repeat themselves."""


class Curve(NamedTuple):
    """How a coefficient is drawn."""

    label: str
    order: int
    colour: str


CURVES = {
    "J_iso": Curve(r"$J^{\mathrm{iso}}$", 2, BLUE),
    "J_ani": Curve(r"$J^{\mathrm{ani}}$", 2, SKY),
    "D": Curve(r"$D$", 2, BLACK),
    "B4_iso": Curve(r"$\mathcal{B}$", 4, RED),
    "C4_chiral": Curve(r"$\mathcal{C}$", 4, PURPLE),
    "kappa6": Curve(r"$\varkappa$", 6, GREEN),
}


@styled
def isotropic_figure(free: Scans, coupled: Scans, fermi_wavevector: float) -> Figure:
    """Draw the isotropic two-, four- and six-spin interactions without and with Rashba coupling.

    Parameters
    ----------
    free, coupled : mapping of int to DistanceScan
        Without and with Rashba coupling, by dimension; in eV.
    fermi_wavevector : float
        q_F in 1/angstrom.

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Fig. 1.
    """
    names = ("J_iso", "B4_iso", "kappa6")
    figure, axes = panels(2, len(coupled), height=2.2, sharex=True)
    for j, dimension in enumerate(coupled):
        rows = [Panel(scans[dimension], dimension, fermi_wavevector) for scans in (free, coupled)]
        factors = rows[0].factors(names)
        for i, word in enumerate(("without", "with")):
            rows[i].draw(axes[i, j], factors)
            axes[i, j].set_title(f"{dimension}D, {word} spin-orbit coupling")
    return _finished(figure, axes)


@styled
def order_figure(scans: Scans, fermi_wavevector: float) -> Figure:
    """Draw the bilinear, the four-spin and the six-spin interactions in panels of their own.

    Parameters
    ----------
    scans : mapping of int to DistanceScan
        By dimension; in eV.
    fermi_wavevector : float
        q_F in 1/angstrom.

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Fig. 2.
    """
    columns = (("J_iso", "J_ani", "D"), ("B4_iso", "C4_chiral"), ("kappa6",))
    figure, axes = panels(len(scans), 3, height=2.4, sharex=True)
    for (i, dimension), (j, names) in product(enumerate(scans), enumerate(columns)):
        panel = Panel(scans[dimension], dimension, fermi_wavevector)
        panel.draw(axes[i, j], dict.fromkeys(names, 1.0), unit=panel.unit(names))
        axes[i, j].set_title(f"{dimension}D, {('two', 'four', 'six')[j]} spins")
    return _finished(figure, axes)


@styled
def chiral_figure(scans: Scans, fermi_wavevector: float) -> Figure:
    """Draw the Dzyaloshinskii-Moriya, anisotropic and chiral four-spin interactions together.

    Parameters
    ----------
    scans : mapping of int to DistanceScan
        By dimension; in eV.
    fermi_wavevector : float
        q_F in 1/angstrom.

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Fig. 3.
    """
    figure, axes = panels(len(scans), 1, height=2.2, sharex=True)
    for i, dimension in enumerate(scans):
        panel = Panel(scans[dimension], dimension, fermi_wavevector)
        panel.draw(axes[i, 0], panel.factors(("D", "J_ani", "C4_chiral")))
        axes[i, 0].set_title(f"{dimension}D")
    return _finished(figure, axes)


class Panel(NamedTuple):
    """A scan to be drawn, with (q_F R)^p in front of every coefficient."""

    scan: DistanceScan
    dimension: int
    fermi_wavevector: float

    def power(self, name: str) -> int:
        """Return the power p of the decay R^-p (L Eq. 62)."""
        return 1 + (self.dimension - 1) * CURVES[name].order // 2

    def scaled(self, name: str) -> np.ndarray:
        """Return (q_F R)^p times a coefficient in meV."""
        phase = self.fermi_wavevector * np.asarray(self.scan.distance)
        return phase ** self.power(name) * np.asarray(self.scan.columns[name]) / MEV

    def height(self, name: str) -> float:
        """Return the largest drawn value."""
        return float(np.abs(self.scaled(name)).max())

    def factors(self, names: Sequence[str]) -> dict[str, float]:
        """Return round numbers that bring the curves just below the height of the first."""
        first = self.height(names[0])
        return {n: _round_down(first / self.height(n)) if self.height(n) else 1.0 for n in names}

    def unit(self, names: Sequence[str]) -> int:
        """Return the power of ten of meV in which the curves are of order one."""
        largest = max(self.height(name) for name in names)
        return 0 if not largest or largest > 0.5 else int(np.floor(np.log10(largest)))

    def draw(self, axes: Axes, factors: Mapping[str, float], unit: int = 0) -> None:
        """Draw the named coefficients, each times its factor, in units of 10^unit meV."""
        distance = np.asarray(self.scan.distance)
        marker = "o" if len(distance) < FEW_POINTS else None
        powers = {self.power(name) for name in factors}
        for dashes, (name, factor) in zip(DASHES, factors.items(), strict=False):
            own = "" if len(powers) == 1 else f", $p={self.power(name)}$"
            axes.plot(
                distance,
                factor * self.scaled(name) / 10.0**unit,
                color=CURVES[name].colour,
                dashes=dashes,
                marker=marker,
                markersize=3,
                label=_number(factor) + CURVES[name].label + own,
            )
        axes.axhline(0, color="0.5", linewidth=0.5, zorder=0)
        axes.set_xlim(distance.min(), self._end(distance))
        power = "p" if len(powers) > 1 else str(*powers)
        phase = r"(q_{\mathrm{F}}R)" + ("" if power == "1" else f"^{power}")
        size = rf"$10^{{{unit}}}$ " if unit else ""
        axes.set_ylabel(rf"${phase}\,\times$ coefficient ({size}meV)")

    def _end(self, distance: np.ndarray) -> float:
        """Where the axis ends: at REACH, if that leaves something to see."""
        reach = max(REACH / self.fermi_wavevector, 2 * distance.min())
        return min(distance.max(), reach) if len(distance) > 1 else distance.max() + 1


def _round_down(number: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, ... that is not above the number, at least 1."""
    if number < 1:
        return 1.0
    decade = 10.0 ** np.floor(np.log10(number))
    return decade * max(digit for digit in (1.0, 2.0, 5.0) if digit * decade <= number)


def _number(factor: float) -> str:
    """Write a factor before a symbol; nothing for 1."""
    if factor == 1:
        return ""
    if factor < 1000:
        return f"{factor:.0f} "
    exponent = int(np.floor(np.log10(factor)))
    digit = round(factor / 10.0**exponent)
    return (rf"${digit}\cdot$" if digit > 1 else "") + f"$10^{{{exponent}}}\\,$"


def _finished(figure: Figure, axes: np.ndarray) -> Figure:
    add_letters(axes)
    for panel in axes.flat:
        add_legend(panel, columns=3)
    for panel in axes[-1]:
        panel.set_xlabel("$R$ (Å)")
    return figure
