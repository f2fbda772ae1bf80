"""Command-line runs and figures of phonons and of vibrating pairs."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from msgreen.config.phonon import CrystalHost, PairTable, PhononRun, SpringTable
from msgreen.config.reader import read_file
from msgreen.errors import AccuracyWarning, ConfigError
from msgreen.papers.fransson import (
    displacement_figure,
    field_map_figure,
    site_moment_figure,
    temperature_map_figure,
)
from msgreen.papers.fransson.run import MapTable, PairHost, VibratingPairRun
from msgreen.phonon.crystal import HarmonicCrystal
from msgreen.phonon.mediated import crystal_tensors
from msgreen.phonon.texture import Texture
from msgreen.plot import canting_figure, range_figure

KINDS = {"phonons": PhononRun, "vibrating_pair": VibratingPairRun}

CHAIN = """\
[host]
kind = "phonons"
vectors = [[4.0, 0.0, 0.0]]
basis = [[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]
masses = [20.0, 60.0]
pinning = 0.2

[[host.springs]]
a = 0
b = 1
cell = [0]
along = 5.0
across = 1.0

[[host.springs]]
a = 1
b = 0
cell = [1]
along = 5.0
across = 1.0

[pairs]
sites = [[0, 0], [1, 0], [0, 1]]
couplings = [
    [[0.1, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.1]],
    [[0.1, 0.05, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.1]],
]
mesh = [33]
"""

PAIR = """\
[host]
kind = "vibrating_pair"
spin = [0.5, 1.0]

[map]
exchange_meV = [-4.0, 4.0]
alpha_meV = [-8.0, 8.0]
count = 11
"""


def read(text, folder):
    file = folder / "run.toml"
    file.write_text(text, encoding="utf-8")
    return read_file(file, KINDS)


def test_run_of_a_chain_gives_its_tensors(tmp_path):
    run = read(CHAIN, tmp_path)
    assert isinstance(run, PhononRun)
    outcome = run.run(False)
    crystal = run.host.crystal()
    assert isinstance(crystal, HarmonicCrystal)
    direct = crystal_tensors(
        crystal, run.pairs.couplings, run.pairs.sites, run.pairs.numbers(), [33]
    )
    assert np.array_equal(outcome.dataset["pair_tensor"].values, direct.value)
    assert len(outcome.rows) == 3 * (1 + 9 + 3)
    assert "error of the mesh" in outcome.summary[0]


def test_thermal_factor_is_warned_of(tmp_path):
    run = read(CHAIN + "temperature_K = 300.0\n", tmp_path)
    with pytest.warns(AccuracyWarning, match="do not depend on temperature"):
        run.run(False)


def test_run_of_a_pair_gives_a_map_and_a_figure(tmp_path):
    run = read(PAIR, tmp_path)
    outcome = run.run(False)
    assert outcome.dataset["moment"].shape == (2, 11, 11)
    assert len(outcome.rows) == 242 and len(outcome.rows[0]) == len(outcome.header)
    assert isinstance(outcome.figures["moments"], Figure)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CHAIN.replace("mesh = [33]", "mesh = [32]"), "line 27.*multiples of 3|multiples of 3"),
        (CHAIN.replace("[0, 1]]\nc", "[5, 1]]\nc"), "atoms from 0 to 1"),
        (CHAIN.replace("b = 1\n", "b = 7\n"), "must join atoms from 0 to 1"),
        (PAIR.replace("0.5, 1.0", "0.7"), "multiple of 1/2"),
        (PAIR.replace("count", "counts"), "Did you mean `count`"),
    ],
)
def test_wrong_configurations_are_refused_with_the_remedy(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read(text, tmp_path)


def test_tables_have_defaults():
    spring = SpringTable(a=0, b=0, cell=[1], along=1.0)
    host = CrystalHost(kind="phonons", vectors=[[1.0, 0, 0]], masses=[1.0], springs=[spring])
    assert host.pinning == 0 and spring.across == 0
    table = PairTable(sites=[[0, 0], [0, 1]], couplings=[np.eye(3).tolist()], mesh=[3])
    assert table.numbers().tolist() == [[0, 1]]
    assert PairHost(kind="vibrating_pair", spin=[2.0]).ratio == 0.5
    assert MapTable(exchange_meV=[0.0, 1.0], alpha_meV=[0.0, 1.0]).temperature_K == 3.0


def test_figures_show_what_they_are_given():
    sums = {3: (np.array([5.0]), np.array([-0.1]), np.array([-0.2]))}
    ranges = range_figure(0.6, 0.06, sums=sums)
    assert len(ranges.axes[1].lines) == len(ranges.axes[0].lines) + 2
    up = Texture(np.tile([0, 0, 1.0], (4, 1)), -1.0, 1.0, 0.0)
    assert len(canting_figure({"a": (up, up)}).axes) == 1
    assert len(displacement_figure([0.001, 0.1], [1.0, 300.0]).axes[0].lines) == 2
    line = np.linspace(-0.01, 0.01, 5)
    values = np.zeros((5, 5))
    maps = field_map_figure(line, line, {0.5: values}, temperature=3.0, ratio=0.5)
    assert "S = 0.5" in maps.axes[0].get_title()
    heat = temperature_map_figure(
        line, [1.0, 2.0], dict.fromkeys((1e-3, 2e-3), values[:, :2]), spin=1
    )
    assert len(heat.axes) == 4 + 2
    moments = site_moment_figure([1.0, 2.0], {"FM": {1e-7: [0.0, 1e-5], 1e-3: [0.0, 0.5]}})
    heights = [line.get_ydata()[-1] for line in moments.axes[0].lines]
    assert np.allclose(heights, [0.1, 0.5])  # the first is drawn 10,000 times too large
