"""Figures of spin textures, landscapes and magnon bands."""

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver

from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.plot import landscape_figure, magnon_figure, states_figure, texture_figure
from msgreen.plot.style import BLUE
from msgreen.spinmodel import SpinModel, Term
from msgreen.spinmodel.states import SpinWaves, cone, spiral, stripes, wave_vector_path

CHAIN, SQUARE = Lattice.chain(), Lattice.square(2.0)


def test_textures_show_arrows_in_the_page_and_discs_for_the_rest():
    tilted = spiral((4, 3), [0.25, 0.0], cone(0.5, 0.0)[None])
    figure = texture_figure({"cone": (SQUARE, tilted), "stripes": (SQUARE, stripes("ud", (4, 2)))})
    assert isinstance(figure, Figure)
    first = figure.axes[0]
    discs = next(c for c in first.collections if isinstance(c, EllipseCollection))
    arrows = next(c for c in first.collections if isinstance(c, Quiver))
    assert np.allclose(discs.get_array(), np.cos(0.5))
    assert np.asarray(discs.get_offsets())[-1].tolist() == [6.0, 4.0]
    assert np.allclose(np.hypot(arrows.U, arrows.V), 0.8 * 2.0 * np.sin(0.5))
    assert figure.axes[-1].get_ylabel() == "$S_z$"


def test_chains_are_seen_from_the_side():
    wave = np.asarray(spiral((8,), [1 / 8], cone(np.pi / 2, 0.0)[None], [1.0, 0, 0]))
    figure = texture_figure({"one": (CHAIN, wave)}, upward="z")
    panel = figure.axes[0]
    arrows = next(c for c in panel.collections if isinstance(c, Quiver))
    discs = next(c for c in panel.collections if isinstance(c, EllipseCollection))
    assert np.allclose(arrows.V, 0.8 * wave[:, 0, 2])
    assert np.allclose(discs.get_array(), -wave[:, 0, 1])


def test_bands_are_drawn_in_mev_and_unstable_ones_marked():
    path = wave_vector_path(SQUARE, [[0, 0], [0.5, 0], [0.5, 0.5]], 4)
    energies = 1e-3 * np.stack([path.distance, 2 * path.distance], axis=1)
    stable = path.distance < 1
    nothing = np.zeros_like(energies)
    waves = SpinWaves(path.k, energies, nothing, np.zeros((9, 2, 2, 2)), nothing[:, 0], stable)
    figure = magnon_figure(path, ["G", "X", "M"], {"model": waves}, title="here")
    panel = figure.axes[0]
    band, unstable = panel.lines[:2]
    assert np.allclose(band.get_ydata(), path.distance)
    assert to_hex(band.get_color()) == BLUE.lower()
    assert len(np.asarray(unstable.get_xdata())) == np.sum(~stable)
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["G", "X", "M"]


def test_landscapes_of_one_and_two_parameters():
    x, y = np.linspace(0, 180, 5), np.linspace(0, 90, 4)
    line = landscape_figure({"angle": x}, {"a": 1e-3 * x, "b": 0 * x}, marks={"planar": [90]})
    assert np.allclose(line.axes[0].lines[0].get_ydata(), x)
    assert "planar" in [text.get_text() for text in line.axes[0].texts]
    surface = 1e-3 * (x[:, None] + y)
    area = landscape_figure({"x": x, "y": y}, {"a": surface, "b": surface}, marks={"P": [90, 45]})
    mesh = area.axes[0].collections[0]
    assert np.allclose(np.asarray(mesh.get_array()).ravel(), 1e3 * surface.T.ravel())
    assert [panel.get_title() for panel in area.axes[:2]] == ["a", "b"]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: texture_figure({"a": (CHAIN, stripes("ud", (4,)))}, upward="x"), "upward"),
        (lambda: texture_figure({"a": (SQUARE, stripes("ud", (4,)))}), "states"),
        (lambda: landscape_figure({}, {}), "grids"),
    ],
)
def test_wrong_arguments_are_named(call, name):
    with pytest.raises(InputError, match=f"Argument `{name}`"):
        call()


def test_spins_behind_others_are_left_out():
    """Of a cubic box the layer nearest to the reader is drawn, of atoms those with a term."""
    bond = Term("exchange", [[1, 1]], [-1.0], [[[0, 0, 0], [1, 0, 0]]])
    lattice = Lattice(3.0 * np.eye(3), [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    state = np.zeros((2, 3, 2, 2, 3))
    state[..., 0, :, 2], state[..., 1, :, 2] = -1, 1
    figure = states_figure(SpinModel([bond], lattice=lattice), {"box": state})
    (discs,) = [c for c in figure.axes[0].collections if isinstance(c, EllipseCollection)]
    np.testing.assert_array_equal(discs.get_array(), np.ones(6))
    assert discs.get_offsets().min() == 1.0
    alone = SpinModel([Term("field", [[0]], [[0, 0, 1.0]])])
    assert states_figure(alone, {"one": np.array([[0.0, 0.0, 1.0]])}) is None
