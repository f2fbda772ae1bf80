"""Command-line runs and figures of phonons and of vibrating pairs."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from msgreen.config.phonon import CrystalHost, PairTable, PhononRun, SpringTable
from msgreen.config.reader import read_file
from msgreen.errors import AccuracyWarning, ConfigError, InputError
from msgreen.io import interactions_of
from msgreen.papers.fransson import (
    displacement_figure,
    exchange_temperature_map,
    field_map_figure,
    moment_per_site,
    site_moment_figure,
    temperature_map_figure,
)
from msgreen.papers.fransson.run import PairHost, VibratingPairRun
from msgreen.papers.fransson.tables import (
    DisplacementTable,
    LevelTable,
    MapTable,
    SiteMomentTable,
    TemperatureMapTable,
)
from msgreen.phonon.crystal import HarmonicCrystal
from msgreen.phonon.mediated import crystal_tensors
from msgreen.phonon.texture import Texture
from msgreen.plot import canting_figure, range_figure, tensor_distance_figure
from msgreen.spinmodel.interactions import Terms
from msgreen.units import MEV

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
    panel = outcome.figures["pairs"].axes[0]
    size = np.linalg.norm(direct.value[0] + direct.value[0].T) / 2 / MEV
    assert panel.lines[0].get_ydata()[0] == pytest.approx(size)
    doubt = np.linalg.norm(direct.error, axis=(1, 2)).max() / MEV
    assert panel.lines[-1].get_ydata()[0] == pytest.approx(doubt)
    given = interactions_of(outcome.dataset)
    pair = given["pair"]
    unknown = replace(pair.tensor, error=np.full(np.shape(pair.tensor.error), np.nan))
    unsure = replace(given, terms=(replace(pair, tensor=unknown),))
    assert len(tensor_distance_figure(unsure).axes[0].lines[0].get_ydata()) == len(direct.value)
    doubts = np.array(pair.tensor.error)
    doubts[0], doubts[1:] = np.nan, 1e3
    partly = replace(pair, tensor=replace(pair.tensor, error=doubts))
    panel = tensor_distance_figure(replace(given, terms=(partly,))).axes[0]
    *points, line = panel.lines
    assert points and all(len(drawn.get_ydata()) == 1 for drawn in points)
    assert line.get_label() == "largest error" and line.get_ydata()[0] == pytest.approx(3e3 / MEV)
    labels = [line.get_label() for line in tensor_distance_figure(unsure).axes[0].lines]
    assert labels and "largest error" not in labels
    plain = read(CHAIN + "[output]\nfigures = false\n", tmp_path)
    assert plain.run(False).figures == {}
    bare = replace(interactions_of(outcome.dataset), terms=(Terms(np.array([[0, 1]]), {}),))
    with pytest.raises(InputError, match="tensors=True"):
        tensor_distance_figure(bare)


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


OTHERS = {
    "temperature_map": """
exchange_meV = [-10.0, 10.0]
temperature_K = [1.0, 100.0]
vibration_meV = [0.6, 1.2, 1.8]
strength_meV2 = 0.2
count = 5
""",
    "site_moments": """
exchange_meV = [5.0, -5.0]
coupling_meV = 10.0
vibration_meV = 0.1
anharmonicity = [3e-6, 1e-3]
temperature_K = [2.0, 300.0]
count = 5
""",
    "displacement": "vibration_meV = 1.8\ntemperature_K = [1.0, 300.0]\ncount = 5\n",
    "levels": "exchange_meV = 10.0\nanisotropy_meV = -2.0\nalpha_meV = 24.0\n",
}


def asked(table, folder, spin="1.0"):
    run = read(
        f'[host]\nkind = "vibrating_pair"\nspin = {spin}\n[{table}]\n{OTHERS[table]}', folder
    )
    assert isinstance(run, VibratingPairRun)
    return run, run.run(False)


def test_moments_over_exchange_and_temperature_are_those_of_the_library(tmp_path):
    run, outcome = asked("temperature_map", tmp_path)
    assert isinstance(run.temperature_map, TemperatureMapTable)
    found = outcome.dataset["moment"]
    assert found.dims == ("spin", "vibration", "exchange", "temperature")
    exact = exchange_temperature_map(
        1, 1e-3 * np.linspace(-10, 10, 5), np.linspace(1, 100, 5), energy=1.2e-3, strength=2e-7
    )
    np.testing.assert_allclose(found.values[0, 1], exact, rtol=1e-12)
    assert outcome.header[-2:] == ("T_K", "moment") and len(outcome.rows) == 75
    axes = outcome.figures["moments_spin_1"].axes[:4]
    assert [panel.axison for panel in axes] == [True, True, True, False]


def test_positive_exchange_of_an_aggregate_is_antiferromagnetic(tmp_path):
    """The sign of the map, not that of F2's Fig. 5; labels of curves that are no power of ten."""
    run, outcome = asked("site_moments", tmp_path)
    assert isinstance(run.site_moments, SiteMomentTable)
    exact = moment_per_site(
        np.linspace(2, 300, 5),
        spin=1,
        exchange=-5e-3,
        coupling=0.01,
        anharmonicity=1e-7,
        energy=1e-4,
        anisotropy=5e-3,
    )
    np.testing.assert_allclose(outcome.dataset["moment"].values[0, 0, 1], exact, rtol=1e-9)
    labels = [text.get_text() for text in outcome.figures["moments_spin_1"].legends[0].texts]
    assert labels == [r"$3 \cdot 10^{-6}$ (x 500)", "$10^{-3}$"]


def test_levels_and_displacements_are_tables_too(tmp_path):
    run, outcome = asked("levels", tmp_path, "[0.5, 1.0]")
    assert isinstance(run.levels, LevelTable) and len(outcome.rows) == 3 * (4 + 9)
    ground = min((row for row in outcome.rows if row[1] == "with displacement"), key=lambda r: r[2])
    # S = 1 has gained one unit of moment at alpha / J = 1.72 and saturates at 3.
    assert ground[0] == 1 and ground[3] == -1
    assert set(outcome.figures) == {"levels_spin_0.5", "levels_spin_1"}
    run, outcome = asked("displacement", tmp_path)
    assert isinstance(run.displacement, DisplacementTable)
    energy, temperature, value = outcome.rows[2]
    expected = 1 / np.tanh(energy / (2 * 8.617333262e-5 * temperature)) / energy
    assert energy == pytest.approx(1.8e-3) and value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CHAIN.replace("mesh = [33]", "mesh = [32]"), "line 27.*multiples of 3|multiples of 3"),
        (CHAIN.replace("[0, 1]]\nc", "[5, 1]]\nc"), "atoms from 0 to 1"),
        (CHAIN.replace("b = 1\n", "b = 7\n"), "must join atoms from 0 to 1"),
        (PAIR.replace("0.5, 1.0", "0.7"), "multiple of 1/2"),
        (PAIR.replace("count", "counts"), "Did you mean `count`"),
        (PAIR + "[displacement]\n" + OTHERS["displacement"], "must not be given together with"),
        (PAIR[: PAIR.index("[map]")], "`map` must be given"),
        (PAIR[: PAIR.index("[map]")] + "[levels]\nexchange_meV = 0.0\nalpha_meV = 0.0\n", "differ"),
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
    assert len(heat.axes) == 2 + 2
    moments = site_moment_figure([1.0, 2.0], {"FM": {1e-7: [0.0, 1e-5], 1e-3: [0.0, 0.5]}})
    heights = [line.get_ydata()[-1] for line in moments.axes[0].lines]
    assert np.allclose(heights, [0.1, 0.5])  # the first is drawn 10,000 times too large
