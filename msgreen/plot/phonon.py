"""Figures of phonon-mediated interactions and of the textures they make."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from msgreen.errors import InputError
from msgreen.phonon.closed_forms import acoustic_range
from msgreen.phonon.texture import Texture
from msgreen.plot.style import BLUE, DASHES, RED, add_letters, panels, styled
from msgreen.spinmodel.interactions import Interactions
from msgreen.units import MEV

Sums = Mapping[int, tuple[np.ndarray, np.ndarray, np.ndarray]]
"""By dimension: distances, symmetric and antisymmetric strengths from sums over wave vectors."""


@styled
def range_figure(
    cutoff: float, shift: float, *, reach: float = 80.0, sums: Sums | None = None
) -> Figure:
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
def tensor_distance_figure(found: Interactions) -> Figure:
    """Draw how large the pair tensors are against distance, and the largest of their errors.

    Parameters
    ----------
    found : Interactions
        With `positions`, and pairs with tensors T. Drawn in its own convention: the norm of
        (T + T^T)/2, and the length of D, where they are above the largest error of a norm that is
        known, and of pairs whose error is not known.
    """
    pair, places = found["pair"], np.asarray(found.positions, float)
    if pair.tensor is None:
        raise InputError(
            "Argument `found` must carry tensors, but its pairs have none. Ask for them when "
            "computing the interactions (`tensors=True`)."
        )
    tensor = np.asarray(pair.tensor.value) / MEV
    # Entries may err together: of a norm the error is the norm of theirs.
    doubt = np.linalg.norm(pair.tensor.error, axis=(1, 2)) / MEV
    known = ~np.isnan(doubt)
    error = doubt[known].max(initial=0.0)
    length = np.linalg.norm(places[pair.loops[:, 0]] - places[pair.loops[:, 1]], axis=1)
    turned = np.swapaxes(tensor, 1, 2)
    figure, axes = panels(1, 1, 2.6)
    panel = axes[0, 0]
    for part, label, colour, marker in (
        ((tensor + turned) / 2, r"symmetric, $|T + T^{\mathrm{T}}|/2$", BLUE, "o"),
        ((tensor - turned) / np.sqrt(8), r"$|\mathbf{D}|$", RED, "s"),
    ):
        size = np.linalg.norm(part, axis=(1, 2))
        seen = ~known | (size > error)
        if seen.any():
            panel.plot(length[seen], size[seen], marker, color=colour, ms=4, label=label)
    if known.any():
        panel.axhline(error, color="0.6", lw=0.8, ls=":", zorder=0, label="largest error")
    panel.set_yscale("log")
    panel.set(xlabel="distance (Å)", ylabel=f"pairs (meV), convention {found.convention.name}")
    panel.legend()
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
