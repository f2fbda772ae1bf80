"""Figures 2 and 4 of paper B: pattern of chiral vectors; energies of a trimer."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from msgreen.errors import InputError
from msgreen.papers.brinker.rings import (
    RingParameters,
    effective_interactions,
    ring_energy,
    ring_model,
    ring_positions,
    ring_states,
)
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

_POINTS = 361
"""Angles of a curve, a choice: a degree apart."""
_CHIRAL_SUMS = (
    (r"$\mathbf{D}$", ("D",), SKY),
    (r"$\mathbf{D}+c\,\mathbf{C}$", ("D", "C"), BLUE),
    (r"$\mathbf{D}+c\,\mathbf{C}_3$", ("D", "C3"), GREEN),
    ("all", ("D", "C", "C3"), RED),
)
_ISOTROPIC_SUMS = (
    ("$J$", ("J",), SKY),
    ("$J, B$", ("J", "B"), BLUE),
    ("$J, B_3$", ("J", "B3"), GREEN),
    ("all", ("J", "B", "B3"), RED),
)
_STEPS = (
    ("isotropic", ("J", "B", "B3"), BLACK),
    ("+ DMI", ("D",), BLUE),
    ("+ chiral 4-spin", ("C", "C3"), RED),
    ("+ anisotropy", ("K", "dJ"), PURPLE),
)


@styled
def trimer_figure(parameters: RingParameters) -> Figure:
    """Draw energies and effective interactions of a trimer against the opening of its spins.

    Panels: (a) isotropic energy per atom; (b, c) components of the effective chiral vector, c
    being the cosine of the angle between two spins; (d) anisotropic parts of the energy per atom
    in the N+ family with spins pointing outward; (e) its energy near the planar state, relative to
    that state, one class after the other, with the minima marked; (f) chiral energy of the N+
    families and of N-.

    Parameters
    ----------
    parameters : RingParameters
        Of a triangle.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Fig. 4.
    """
    _require_triangle(parameters)
    figure, axes = panels(2, 3, 2.15)
    angle = np.linspace(0, np.pi, _POINTS)
    _draw_isotropic(axes[0, 0], parameters, angle)
    for panel, axis, name in ((axes[0, 1], 1, "y"), (axes[0, 2], 2, "z")):
        _draw_vector(panel, parameters, angle, axis, name)
    _draw_parts(axes[1, 0], parameters, angle)
    _draw_minima(axes[1, 1], parameters)
    _draw_chirality(axes[1, 2], parameters, angle)
    for panel in axes.flat:
        panel.set_xlabel(r"polar angle $\theta$ (degrees)")
    for panel in axes.flat[[0, 1, 2, 3, 5]]:
        panel.set(xlim=(0, 180), xticks=range(0, 181, 45))
    add_letters(axes)
    return figure


@styled
def pattern_figure(trimers: Mapping[str, RingParameters]) -> Figure:
    """Draw the six chiral three-site vectors of triangles at the bonds of their cross products.

    An arrow is the component in the plane of the vector of i-j-k, in the colour of its component
    along z; it stands beside the bond i-j, towards j, the site that occurs twice. Lengths are
    relative to the longest arrow of all panels.

    Parameters
    ----------
    trimers : mapping of str to RingParameters
        Triangles by title.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Fig. 2.
    """
    if not trimers:
        raise InputError(
            "Argument `trimers` must hold a triangle, but it is empty. Name one, as "
            "trimer_parameters returns it."
        )
    terms = {}
    for title, parameters in trimers.items():
        _require_triangle(parameters)
        terms[title] = ring_model(parameters)["chiral_three_site"]
    vectors = {title: np.asarray(term.values) / MEV / _WEIGHT for title, term in terms.items()}
    longest, highest = (
        max(np.linalg.norm(v[:, part], axis=1).max() for v in vectors.values()) or 1.0
        for part in (slice(2), slice(2, 3))
    )
    rows, columns = -(-len(terms) // 4), min(len(terms), 4)
    figure, axes = panels(rows, columns, 1.9)
    for panel in axes.flat[len(terms) :]:
        panel.set_axis_off()
    for panel, (title, term) in zip(axes.flat, terms.items(), strict=False):
        places = _draw_triangle(panel, term.clusters.sites)
        panel.quiver(
            *places.T,
            *(0.45 / longest * vectors[title][:, :2]).T,
            vectors[title][:, 2],
            cmap="RdBu_r",
            clim=(-highest, highest),
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.015,
            edgecolor=BLACK,
            linewidth=0.4,
        )
        panel.set_title(title)
    colours = ScalarMappable(Normalize(-highest, highest), "RdBu_r")
    figure.colorbar(colours, ax=axes, label=r"$\mathcal{C}_3^z$ (meV)", pad=0.01)
    return figure


def _draw_triangle(panel: Axes, triples: np.ndarray) -> np.ndarray:
    """Draw the sites with their numbers, and return where the vectors of i-j-k stand."""
    points = ring_positions(3)
    panel.plot(*np.concatenate([points, points[:1]]).T, color="0.8", lw=0.8, zorder=0)
    panel.scatter(*points.T, s=60, color="0.4", zorder=1)
    for number, point in enumerate(points):
        panel.annotate(str(number + 1), point, color="white", ha="center", va="center")
    first, middle = points[triples[:, 0]], points[triples[:, 1]]
    panel.set(aspect="equal", xticks=[], yticks=[], xlim=(-1.1, 1.1), ylim=(-0.9, 1.2))
    return 0.35 * first + 0.65 * middle + 0.12 * (first + middle)


_WEIGHT = 0.5
"""Of a chiral triple in the energy: the prefactor of B's sum over ordered triples."""


def _require_triangle(parameters: RingParameters) -> None:
    if parameters.atoms != 3:
        raise InputError(
            f"Argument `parameters` must be those of a triangle, but they have {parameters.atoms} "
            "atoms."
        )


def _draw_isotropic(panel: Axes, parameters: RingParameters, angle) -> None:
    for number, (label, names, colour) in enumerate(_ISOTROPIC_SUMS):
        energy = ring_energy(parameters.only(*names), angle).isotropic
        dashes = DASHES[number]
        panel.plot(np.degrees(angle), energy / MEV, color=colour, dashes=dashes, label=label)
    panel.set_ylabel("isotropic energy (meV per atom)")
    add_legend(panel, 2)


def _draw_vector(panel: Axes, parameters: RingParameters, angle, axis: int, name: str) -> None:
    for number, (label, names, colour) in enumerate(_CHIRAL_SUMS):
        vector = effective_interactions(parameters.only(*names), angle).D[:, 0, axis] / MEV
        panel.plot(np.degrees(angle), vector, color=colour, dashes=DASHES[number], label=label)
    panel.set_ylabel(rf"$D_\mathrm{{eff}}^{name}$ (meV)")
    add_legend(panel, 2)


def _anisotropy(parameters: RingParameters, angle) -> np.ndarray:
    """Energy per atom of K and dJ in the N+ family that points outward."""
    model = ring_model(parameters.only("K", "dJ"))
    return np.asarray(model.energy(ring_states(3, angle))) / 3


def _draw_parts(panel: Axes, parameters: RingParameters, angle) -> None:
    for (_, names, colour), dashes, label in zip(
        _STEPS[1:], DASHES, ("DMI", "chiral 4-spin", "anisotropy"), strict=False
    ):
        if names == ("K", "dJ"):
            energy = _anisotropy(parameters, angle)
        else:
            energy = ring_energy(parameters.only(*names), angle).total
        panel.plot(np.degrees(angle), energy / MEV, color=colour, dashes=dashes, label=label)
    panel.axhline(0, color="0.6", lw=0.5, zorder=0)
    panel.set_ylabel("anisotropic energy (meV per atom)")
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.16 * (high - low))
    panel.legend(loc="upper right", ncols=2, columnspacing=1.2, handlelength=2.0)


def _draw_minima(panel: Axes, parameters: RingParameters) -> None:
    angle = np.pi / 2 + np.radians(np.linspace(-5, 5, _POINTS))
    energy = np.zeros_like(angle)
    for (label, names, colour), dashes in zip(_STEPS, DASHES, strict=True):
        if names == ("K", "dJ"):
            energy = energy + _anisotropy(parameters, angle)
        else:
            energy = energy + np.asarray(ring_energy(parameters.only(*names), angle).total)
        shown = (energy - energy[len(angle) // 2]) / MEV
        panel.plot(np.degrees(angle), shown, color=colour, dashes=dashes, label=label)
        lowest = int(np.argmin(shown))
        panel.plot(np.degrees(angle[lowest]), shown[lowest], "o", color=colour, ms=3)
    panel.set(ylabel="energy above planar (meV per atom)", xlim=(85, 95))
    panel.legend(loc="upper center")


def _draw_chirality(panel: Axes, parameters: RingParameters, angle) -> None:
    chiral = parameters.only("D", "C", "C3")
    curves = (
        (r"$N_+$ outward", 0.0, 1, BLUE),
        (r"$N_+$ inward", np.pi, 1, RED),
        (r"$N_-$", 0.0, -1, GREEN),
    )
    for (label, phase, chirality, colour), dashes in zip(curves, DASHES, strict=False):
        energy = ring_energy(chiral, angle, phase, chirality=chirality).total
        panel.plot(np.degrees(angle), energy / MEV, color=colour, dashes=dashes, label=label)
    panel.axhline(0, color="0.6", lw=0.5, zorder=0)
    panel.set_ylabel("chiral energy (meV per atom)")
    add_legend(panel, 2)
