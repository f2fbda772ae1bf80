"""Figures of phonon-mediated interactions (F1) and of vibrating spin pairs (F2)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from msgreen.papers.fransson.phase_diagram import ground_state_crossovers
from msgreen.phonon.closed_forms import acoustic_range
from msgreen.phonon.modes import thermal_factor
from msgreen.phonon.texture import Texture
from msgreen.plot.style import BLUE, DASHES, GREEN, PURPLE, RED, add_letters, panels, styled
from msgreen.units import MEV

Sums = Mapping[int, tuple[np.ndarray, np.ndarray, np.ndarray]]
"""By dimension: distances, symmetric and antisymmetric strengths from sums over wave vectors."""


@styled
def range_figure(cutoff: float, shift: float, *, reach: float = 80.0, sums: Sums | None = None):
    """Draw the symmetric and antisymmetric range functions of chiral acoustic phonons.

    Parameters
    ----------
    cutoff : float
        q_c in 1/angstrom.
    shift : float
        q_0 in 1/angstrom, along R.
    reach : float
        Largest q_c R.
    sums : mapping of int to arrays, optional
        Values to be marked, by dimension: R in angstrom, symmetric and antisymmetric strength for
        a velocity of 1 eV angstrom and a cell of 1.

    Returns
    -------
    matplotlib.figure.Figure
        R^(d-1) X(R) cos q_0 R and sin q_0 R over their largest value.

    References
    ----------
    F1, Fig. 2.
    """
    figure, axes = panels(1, 2, height=2.3)
    phase = np.linspace(0.5, reach, 1600)
    r = phase / cutoff
    for panel, dimension in zip(axes[0], (2, 3), strict=True):
        x = -acoustic_range(dimension, r, cutoff=cutoff, velocity=1.0)
        scale = np.max(x * r ** (dimension - 1))
        even = x * np.cos(shift * r) * r ** (dimension - 1) / scale
        odd = x * np.sin(shift * r) * r ** (dimension - 1) / scale
        panel.plot(phase, even, color=BLUE, label=r"symmetric, $\cos q_0R$")
        panel.plot(phase, odd, color=RED, dashes=DASHES[1], label=r"antisymmetric, $\sin q_0R$")
        if sums and dimension in sums:
            at, symmetric, skew = sums[dimension]
            weight = np.asarray(at) ** (dimension - 1) / scale
            for values, colour in ((symmetric, BLUE), (skew, RED)):
                panel.plot(cutoff * at, -weight * values, "o", color=colour, markersize=3)
        panel.axhline(0, color="0.5", linewidth=0.5, zorder=0)
        panel.set_title(f"{dimension}D")
        panel.set_xlabel(r"$q_{\mathrm{c}}R$")
        panel.set_ylabel("$-R$" + ("" if dimension == 2 else "$^2$") + r"$\,X(R)$ (norm.)")
        panel.set_xlim(0, reach)
        panel.set_ylim(-1.15, 1.5)
        panel.legend(loc="upper right", ncols=2)
    add_letters(axes)
    return figure


@styled
def canting_figure(textures: Mapping[str, tuple[Texture, Texture]]) -> Figure:
    """Draw chains of spins seen along z: without and with the antisymmetric interaction.

    Parameters
    ----------
    textures : mapping of str to (Texture, Texture)
        By title: the collinear and the canted state.

    References
    ----------
    F1, Fig. 3.
    """
    figure, axes = panels(len(textures), 1, height=1.5)
    for panel, (title, pair) in zip(axes[:, 0], textures.items(), strict=True):
        count = len(pair[0].directions)
        for height, colour, texture in zip((1.0, -1.0), (BLUE, RED), pair, strict=True):
            spins = _level(texture.directions)
            panel.quiver(
                np.arange(count),
                np.full(count, height),
                0.75 * spins[:, 0],
                0.75 * spins[:, 1],
                color=colour,
                pivot="mid",
                angles="xy",
                scale_units="xy",
                scale=1.0,
                width=0.004,
            )
            words = f"moment {texture.moment:.3f}\nstaggered {texture.staggered:.3f}"
            panel.text(count - 0.2, height, words, va="center", color=colour)
        panel.set_title(title, loc="center")
        panel.set_xlim(-0.8, count + 1.6)
        panel.set_ylim(-1.9, 1.9)
        panel.set_aspect("equal")
        panel.set_xticks([])
        panel.set_yticks([])
        for side in panel.spines.values():
            side.set_visible(False)
    add_letters(axes)
    return figure


def _level(directions: np.ndarray) -> np.ndarray:
    """Turn the plane of the spins into that of the page, the first pair upright on average."""
    plane = np.linalg.svd(directions, full_matrices=False)[2][:2]
    flat = directions @ plane.T
    sign = np.sign(flat @ flat[0])
    mean = (sign[:, None] * flat).mean(axis=0)
    mean /= np.linalg.norm(mean)
    return np.stack([flat @ [mean[1], -mean[0]], flat @ mean], axis=1)


_F2 = r"$3|\alpha| = J$ of F2"


@styled
def field_map_figure(
    exchange, alpha, moments: Mapping[float, np.ndarray], *, temperature: float, ratio: float
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
    columns = min(len(moments), 2)
    rows = -(-len(moments) // columns)
    figure, axes = panels(rows, columns, height=2.6, sharex=True, sharey=True)
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


@styled
def displacement_figure(energies: Sequence[float], temperatures) -> Figure:
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
    exchange, temperatures, moments: Mapping[float, np.ndarray], *, spin: float
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
    figure, axes = panels(2, 2, height=2.4, sharex=True, sharey=True)
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
def site_moment_figure(temperatures, moments: Mapping[str, Mapping[float, np.ndarray]]) -> Figure:
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
    figure, axes = panels(2, 2, height=2.2, sharex=True)
    colours = (GREEN, PURPLE, BLUE, RED, "k")
    for panel, (title, curves) in zip(axes.flat, moments.items(), strict=False):
        for colour, (strength, values) in zip(colours, curves.items(), strict=False):
            exponent = round(np.log10(strength))
            factor = _FACTORS.get(exponent, 1)
            label = rf"$10^{{{exponent}}}$" + (f" (x {factor})" if factor > 1 else "")
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
