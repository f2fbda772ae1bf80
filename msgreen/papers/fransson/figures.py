"""Figures of vibrating spin pairs: those of paper F2."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from msgreen._typing import ArrayLike, Float
from msgreen.papers.fransson.pair import SpinPair, levels
from msgreen.papers.fransson.phase_diagram import ground_state_crossovers
from msgreen.phonon.modes import thermal_factor
from msgreen.plot.style import BLUE, DASHES, GREEN, PURPLE, RED, add_letters, panels, styled
from msgreen.units import MEV

_F2 = r"$3|\alpha| = J$ of F2"


@styled
def field_map_figure(
    exchange: Float[ArrayLike, " exchange"],
    alpha: Float[ArrayLike, " alpha"],
    moments: Mapping[float, Float[ArrayLike, "exchange alpha"]],
    *,
    temperature: float,
    ratio: float,
) -> Figure:
    """Draw the total moment of pairs over exchange and displacement field, one panel per spin.

    Parameters
    ----------
    exchange, alpha : real arrays
        In eV.
    moments : mapping of float to real array, shape (exchange, alpha)
        By spin.
    temperature : float
        In K, for the title.
    ratio : float
        a_2 / a_1; lines mark the changes of the ground state.

    References
    ----------
    F2, Fig. 2.
    """
    exchange, alpha = np.asarray(exchange) / MEV, np.asarray(alpha) / MEV
    figure, axes = _panels(len(moments), height=2.6, sharex=True, sharey=True)
    positive = np.array([0.0, exchange.max()])
    for panel, (spin, values) in zip(axes.flat, moments.items(), strict=False):
        mesh = panel.pcolormesh(
            alpha,
            exchange,
            values,
            cmap="RdBu_r",
            vmin=-2 * spin,
            vmax=2 * spin,
            rasterized=True,
            shading="nearest",
        )
        for change, _ in ground_state_crossovers(spin, ratio=ratio):
            for sign in (1, -1):
                ends = sign * change * positive
                panel.plot(ends, positive, color="k", linewidth=0.7, label="ground state changes")
        for sign in (1, -1):
            panel.plot(sign * positive / 3, positive, color=GREEN, dashes=DASHES[1], label=_F2)
        panel.set_xlim(alpha.min(), alpha.max())
        panel.set_ylim(exchange.min(), exchange.max())
        panel.set_title(f"$S = {spin:g}$, $T = {temperature:g}$ K")
        figure.colorbar(mesh, ax=panel, label=r"$\langle S_1^z + S_2^z\rangle$", pad=0.02)
    handles = dict(zip(*axes[0, 0].get_legend_handles_labels()[::-1], strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=2)
    for panel in axes[-1]:
        panel.set_xlabel(r"$\alpha$ (meV)")
    for panel in axes[:, 0]:
        panel.set_ylabel("$J$ (meV)")
    add_letters(axes)
    return figure


def _panels(count: int, height: float, **options) -> tuple[Figure, np.ndarray]:
    """Return a figure with panels in at most two columns, blank where there is nothing to draw."""
    columns = min(count, 2)
    figure, axes = panels(-(-count // columns), columns, height=height, **options)
    for unused in axes.flat[count:]:
        unused.set_axis_off()
    return figure, axes


@styled
def level_figure(pairs: Mapping[str, SpinPair]) -> Figure:
    """Draw the levels of pairs side by side, coloured by their S^z_1 + S^z_2.

    Parameters
    ----------
    pairs : mapping of str to SpinPair
        Single pairs by title: such as exchange alone, with anisotropy, with a displacement.

    References
    ----------
    F2, Fig. 1.
    """
    figure, axes = panels(1, 1, height=2.6)
    panel, widest = axes[0, 0], max(2 * pair.spin for pair in pairs.values())
    colours = ScalarMappable(Normalize(-widest, widest), "coolwarm")
    for place, pair in enumerate(pairs.values()):
        energies, totals = levels(pair)
        together = np.r_[0, np.flatnonzero(np.diff(energies) > 1e-9 * np.ptp(energies)) + 1]
        for group in np.split(np.arange(len(energies)), together[1:]):
            ends = place - 0.4 + 0.8 * np.linspace(0, 1, len(group) + 1)
            panel.hlines(
                energies[group] / MEV, ends[:-1], ends[1:], color=colours.to_rgba(totals[group])
            )
    panel.set_xticks(range(len(pairs)), list(pairs))
    panel.set_ylabel("energy (meV)")
    figure.colorbar(colours, ax=panel, label="$S_1^z + S_2^z$", pad=0.02)
    return figure


@styled
def displacement_figure(
    energies: Sequence[float], temperatures: Float[ArrayLike, " temperature"]
) -> Figure:
    """Draw coth(omega / 2 k_B T) / omega against temperature for vibrations of given energies.

    Parameters
    ----------
    energies : sequence of float
        In eV.
    temperatures : real array
        In K.

    References
    ----------
    F2, Fig. 3.
    """
    figure, axes = panels(1, 1, height=2.8)
    panel = axes[0, 0]
    temperatures = np.asarray(temperatures, float)
    for n, energy in enumerate(energies):
        values = np.asarray(thermal_factor(energy, temperatures)) / (energy / MEV)
        shade = 0.75 * n / max(len(energies) - 1, 1)
        panel.semilogy(temperatures, values, color=(shade, 0.25, 0.75 - shade))
        panel.annotate(
            f"{energy / MEV:.3g}",
            (temperatures[-1], values[-1]),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    panel.set_xlim(temperatures.min(), temperatures.max())
    panel.set_xlabel("$T$ (K)")
    panel.set_ylabel(r"$\coth(\omega_0/2k_{\mathrm{B}}T)/\omega_0$ (1/meV)")
    panel.set_title(r"numbers at the right: $\omega_0$ in meV", loc="right")
    return figure


@styled
def temperature_map_figure(
    exchange: Float[ArrayLike, " exchange"],
    temperatures: Float[ArrayLike, " temperature"],
    moments: Mapping[float, Float[ArrayLike, "exchange temperature"]],
    *,
    spin: float,
) -> Figure:
    """Draw the size of the total moment of pairs over exchange and temperature.

    Parameters
    ----------
    exchange : real array
        In eV.
    temperatures : real array
        In K.
    moments : mapping of float to real array, shape (exchange, temperature)
        By energy of the vibration in eV.
    spin : float

    References
    ----------
    F2, Fig. 4.
    """
    figure, axes = _panels(len(moments), height=2.4, sharex=True, sharey=True)
    for panel, (energy, values) in zip(axes.flat, moments.items(), strict=False):
        mesh = panel.pcolormesh(
            np.asarray(exchange) / MEV,
            np.asarray(temperatures),
            np.abs(values).T,
            cmap="magma",
            vmin=0,
            vmax=2 * spin,
            rasterized=True,
            shading="nearest",
        )
        panel.axvline(0, color="w", linewidth=0.5, dashes=DASHES[1])
        panel.set_title(rf"$\omega_0 = {energy / MEV:g}$ meV")
        figure.colorbar(mesh, ax=panel, label=r"$|\langle S_1^z + S_2^z\rangle|$", pad=0.02)
    for panel in axes[-1]:
        panel.set_xlabel("$J$ (meV)")
    for panel in axes[:, 0]:
        panel.set_ylabel("$T$ (K)")
    add_letters(axes)
    return figure


_FACTORS = {-7: 10_000, -6: 500, -5: 25}  # those of F2, by the exponent of Phi / omega_0


@styled
def site_moment_figure(
    temperatures: Float[ArrayLike, " temperature"],
    moments: Mapping[str, Mapping[float, Float[ArrayLike, " temperature"]]],
) -> Figure:
    """Draw the moment per site against temperature, one curve per anharmonicity.

    Parameters
    ----------
    temperatures : real array
        In K.
    moments : mapping of str to mapping of float to real array
        By title of the panel, then by Phi / omega_0.

    References
    ----------
    F2, Fig. 5.
    """
    figure, axes = _panels(len(moments), height=2.2, sharex=True)
    colours = (GREEN, PURPLE, BLUE, RED, "k")
    for panel, (title, curves) in zip(axes.flat, moments.items(), strict=False):
        for colour, (strength, values) in zip(colours, curves.items(), strict=False):
            digits, exponent = f"{strength:.2e}".split("e")
            mantissa = "" if float(digits) == 1 else rf"{float(digits):g} \cdot "
            factor = _FACTORS.get(int(exponent), 1)
            label = rf"${mantissa}10^{{{int(exponent)}}}$" + (
                f" (x {factor})" if factor > 1 else ""
            )
            panel.plot(temperatures, factor * np.abs(values), color=colour, label=label)
        panel.set_title(title)
        panel.set_xlim(np.min(temperatures), np.max(temperatures))
    for panel in axes[-1]:
        panel.set_xlabel("$T$ (K)")
    for panel in axes[:, 0]:
        panel.set_ylabel(r"$|\langle S^z_m\rangle|$ per site")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=5,
        title=r"$\Phi/\omega_0$",
    )
    add_letters(axes)
    return figure
