"""Figures: what a reader needs is on them, and the user's settings are left alone."""

import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from msgreen import ContactCoupling, RashbaGas
from msgreen.papers.lounis import (
    asymptotic_figure,
    chiral_figure,
    equidistant_scan,
    isotropic_figure,
    order_figure,
    oscillations,
)
from msgreen.papers.lounis.figures import CURVES, Curve, Panel
from msgreen.plot.style import DASHES, STYLE, add_legend, add_letters, panels, styled

Q = 0.167
DISTANCES = np.concatenate([np.linspace(2.0, 100.0, 40), oscillations(Q)])


def gas(dimension: int, rashba: float) -> RashbaGas:
    return RashbaGas(dimension, effective_mass=0.26, fermi_wavevector=Q, rashba_wavevector=rashba)


def part(scan, where):
    return type(scan)(*(np.asarray(column)[where] for column in scan))


@pytest.fixture(scope="module")
def scans():
    """Scans by Rashba wave vector and dimension."""
    coupling = {1: ContactCoupling(0.58), 2: ContactCoupling(15.5)}
    grid = jnp.asarray(DISTANCES)
    return {
        k: {d: equidistant_scan(gas(d, k), coupling[d], grid)[0] for d in (1, 2)}
        for k in (0.0, 0.0135)
    }


@pytest.fixture(scope="module")
def figures(scans):
    near = {d: part(scan, slice(0, 40)) for d, scan in scans[0.0].items()}
    coupled = {d: part(scan, slice(0, 40)) for d, scan in scans[0.0135].items()}
    far = {d: part(scan, slice(40, None)) for d, scan in scans[0.0].items()}
    return {
        "isotropic": isotropic_figure(near, coupled, Q),
        "orders": order_figure(coupled, Q),
        "chiral": chiral_figure(coupled, Q),
        "asymptotic": asymptotic_figure({d: gas(d, 0.0) for d in (1, 2)}, near, far),
    }


COUNTS = {"isotropic": 4, "orders": 6, "chiral": 2, "asymptotic": 12}


@pytest.mark.parametrize("name", COUNTS)
def test_panels_have_letters_units_and_legends(figures, name, tmp_path):
    figure = figures[name]
    assert isinstance(figure, Figure) and len(figure.axes) == COUNTS[name]
    for letter, axes in zip("abcdefghijkl", figure.axes, strict=False):
        assert axes.get_title(loc="left") == f"({letter})"
        assert axes.get_legend() is not None
    bottom = [axes for axes in figure.axes if axes.get_xlabel()]
    assert bottom and all(axes.get_xlabel() == "$R$ (Å)" for axes in bottom)
    labelled = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    word = "amplitude" if name == "asymptotic" else "meV"
    assert labelled and all(word in label for label in labelled)
    figure.savefig(tmp_path / "figure.png", dpi=50)


@pytest.mark.parametrize("name", ["isotropic", "orders", "chiral"])
def test_curves_differ_in_colour_and_dashes(figures, name):
    for axes in figures[name].axes:
        curves = [line for line in axes.lines if not line.get_label().startswith("_")]
        assert len({line.get_color() for line in curves}) == len(curves)
        assert len({line._unscaled_dash_pattern for line in curves}) == len(curves)


def test_frame_of_figures():
    @styled
    def draw() -> Figure:
        assert matplotlib.rcParams["font.size"] == STYLE["font.size"]
        figure, axes = panels(1, 2, height=2.0)
        axes[0, 0].plot([0, 1], [0, 1], label="line")
        add_letters(axes)
        add_legend(axes[0, 0], columns=1)
        return figure

    axes = draw().axes
    assert [panel.get_title(loc="left") for panel in axes] == ["(a)", "(b)"]
    assert axes[0].get_ylim()[1] > 1.1


def test_dashes_suffice():
    assert all(isinstance(curve, Curve) for curve in CURVES.values())
    assert len(DASHES) >= 3 and {curve.order for curve in CURVES.values()} == {2, 4, 6}


def test_misprints_are_named(figures):
    texts = {t.get_text() for a in figures["asymptotic"].axes for t in a.get_legend().get_texts()}
    for words in ("L 58 as printed", "L 59 as printed", "L 60 as printed", "L 61 as printed"):
        assert any(text.startswith(words) for text in texts), words


def test_scaled_curves_are_bounded(scans):
    """With (q_F R)^p in front every curve of the free gas keeps its amplitude."""
    for dimension, scan in scans[0.0].items():
        panel = Panel(scan, dimension, Q)
        for name in ("J_iso", "B4_iso", "kappa6"):
            curve = np.abs(panel.scaled(name))
            assert 0.7 < curve[:40].max() / curve[-10:].max() < 1.1, (dimension, name)


def test_factors_are_round_and_vanishing_curves_are_left_alone(scans):
    factors = Panel(scans[0.0][1], 1, Q).factors(("J_iso", "B4_iso", "C4_chiral"))
    assert factors["J_iso"] == 1.0 and factors["C4_chiral"] == 1.0
    assert float(f"{factors['B4_iso']:.0e}") == factors["B4_iso"] > 10


def test_oscillations_sample_single_periods():
    grid = Q * oscillations(Q, count=4).reshape(4, -1)
    np.testing.assert_allclose(grid[:, -1] - grid[:, 0], 0.9 * np.pi)
    np.testing.assert_allclose(grid[[0, -1], 0], [2.0, 200.0])


def test_single_distance_can_be_drawn(scans):
    one = {1: part(scans[0.0135][1], slice(3, 4))}
    assert chiral_figure(one, Q).axes[0].lines[0].get_marker() == "o"


def test_settings_of_the_user_survive(scans):
    before = dict(matplotlib.rcParams)
    chiral_figure(scans[0.0135], Q)
    assert dict(matplotlib.rcParams) == before
