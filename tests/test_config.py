"""Configurations: what is right is read, what is wrong is named with file, line and remedy."""

import os
import re
import time
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import pytest

from msgreen.config import (
    KINDS,
    AbstractRun,
    AbstractTable,
    InputFile,
    Outcome,
    naming,
    read_config,
    reader,
    toml_text,
)
from msgreen.config.kinds import Kinds
from msgreen.config.lines import key_lines
from msgreen.config.rashba import Cluster, Coupling, Host, RashbaRun
from msgreen.config.reader import read_file
from msgreen.config.schema import exactly_one
from msgreen.errors import ConfigError, FileFormatError, InputError
from msgreen.papers import runs
from msgreen.papers.lounis.run import Output, Scan, ScanRun

GOOD = """\
[host]
kind = "rashba"
dimension = 2
effective_mass = 0.26
fermi_wavevector = 0.167
rashba_wavevector = 0.0135

[coupling]
first_minimum = -1.0

[scan]
distances = [5.0, 10.0]
"""
CLUSTER = (
    GOOD.split("[scan]")[0]
    + """\
[cluster]
positions = [
    [0.0, 0.0],
    [5.0, 0.0],
    [5.0, 5.0],
    [0.0, 5.0],
]
orders = [2, 4]
"""
)


def read(text: str, folder) -> AbstractRun:
    file = folder / "run.toml"
    file.write_text(text, encoding="utf-8")
    return read_config(file, runs.KINDS)


def test_line_numbers():
    text = (
        "# comment\na = 1\n\n[b]\nc.d = [\n  1, # [x]\n  2,\n]\n"
        "s = '''\n[no.table]\nk = 1\n'''\n[[e]]\nf = 1\n[[e]]\nf = 2\n[e.g]\nh = 3\n"
    )
    expected = {
        ("a",): 2,
        ("b",): 4,
        ("b", "c"): 5,
        ("b", "c", "d"): 5,
        ("b", "s"): 9,
        ("e", 0): 13,
        ("e", 0, "f"): 14,
        ("e", 1): 15,
        ("e", 1, "f"): 16,
        ("e", 1, "g"): 17,
        ("e", 1, "g", "h"): 18,
    }
    assert key_lines(text) == expected


@pytest.mark.parametrize("text", [GOOD, CLUSTER])
def test_written_configuration_is_the_same(text, tmp_path):
    run = read(text, tmp_path)
    assert isinstance(run, ScanRun)
    again = read(toml_text(run, "a comment"), tmp_path)
    assert again == run
    assert toml_text(again, "a comment") == toml_text(run, "a comment")


PAGE = (Path(__file__).resolve().parents[1] / "docs" / "command_line.md").read_text("utf-8")


@pytest.mark.parametrize("text", re.findall(r"^```toml\n(.*?)^```", PAGE, flags=re.M | re.S))
def test_printed_configurations_are_valid(text, tmp_path):
    run = read(text, tmp_path)
    assert type(run) is runs.KINDS[run.host.kind]


def test_all_keys_are_documented():
    tables = [field.annotation for field in ScanRun.model_fields.values()]
    models = [
        t for union in tables for t in (union, *get_args(union)) if hasattr(t, "model_fields")
    ]
    keys = {key for model in models for key in model.model_fields}
    assert len(keys) > 20
    assert not {key for key in keys if f"`{key}`" not in PAGE}


def test_every_kind_is_a_run():
    found = Kinds({**runs.KINDS.paths, "rashba": "msgreen.config.rashba.RashbaRun"})
    assert found["rashba"] is RashbaRun and len(found) == len(runs.KINDS)
    assert all(issubclass(kind, AbstractRun) for kind in runs.KINDS.values())


def test_example_is_valid():
    run = read_config(runs.EXAMPLE, runs.KINDS)
    assert run.host.dimension == [1, 2]
    assert run.scan.grid()[0] == 2.0 and run.scan.grid()[-1] == 200.0


@pytest.mark.parametrize("keys", [{"step": 0.1}, {"count": 11}], ids=lambda keys: next(iter(keys)))
def test_grid_holds_both_ends(keys):
    np.testing.assert_allclose(Scan(start=2.0, stop=3.0, **keys).grid(), np.linspace(2, 3, 11))


def test_configuration_can_be_built_in_python(tmp_path):
    host = Host(
        kind="rashba",
        dimension=2,
        effective_mass=0.26,
        fermi_wavevector=0.167,
        rashba_wavevector=0.0135,
    )
    coupling = Coupling(first_minimum=-1.0)
    cluster = Cluster(positions=[[0.0, 0.0], [5.0, 0.0], [5.0, 5.0], [0.0, 5.0]], orders=[2, 4])
    run = ScanRun(host=host, coupling=coupling, cluster=cluster, output=Output(figures=True))
    assert run == read(CLUSTER, tmp_path)
    general = RashbaRun(host=host, coupling=coupling, cluster=cluster)
    assert general == read_config(tmp_path / "run.toml")
    assert [loops.shape for loops in cluster.loops()] == [(6, 2), (3, 4)]


def test_exactly_one():
    exactly_one(Scan(distances=[1.0]), "distances", "start")
    with pytest.raises(InputError, match="must be given .or `stop`"):
        exactly_one(Scan(distances=[1.0]), "start", "stop")


def test_alternative_parameters(tmp_path):
    energy = GOOD.replace("fermi_wavevector = 0.167", "fermi_energy = 0.40600895")
    energy = energy.replace("rashba_wavevector = 0.0135", "rashba_parameter = 0.39565")
    gas = read(energy, tmp_path).host.gas(2)
    assert float(gas.fermi_wavevector) == pytest.approx(0.167, rel=1e-5)
    assert float(gas.rashba_wavevector) == pytest.approx(0.0135, rel=1e-4)


# What is replaced in GOOD or CLUSTER, by what, the line, and a part of the message.
WRONG = [
    (GOOD, "effective_mass", "efective_mass", 4, "`host.efective_mass` must be one of the keys"),
    (GOOD, "effective_mass", "efective_mass", 4, "Did you mean `effective_mass`?"),
    (GOOD, "[scan]", "[skan]", 11, "`skan` must be one of the keys host, coupling, scan"),
    (GOOD, "distances", "cheese", 12, "`scan.cheese` must be one of the keys distances, start"),
    (GOOD, "effective_mass = 0.26\n", "", 1, "`host.effective_mass` must be given, but it is miss"),
    (GOOD, "0.26", "-0.26", 4, "`host.effective_mass` must be greater than 0, but it is -0.26."),
    (GOOD, "0.26", "0", 4, "`host.effective_mass` must be greater than 0"),
    (GOOD, "0.26", "nan", 4, "`host.effective_mass` must be"),
    (GOOD, "0.26", '"heavy"', 4, "must be a valid number, but it is 'heavy'"),
    (GOOD, "0.26", "true", 4, "must be a valid number, but it is True"),
    (
        GOOD,
        "dimension = 2",
        "dimension = 4",
        3,
        "`host.dimension.0` must be 1, 2 or 3, but it is 4",
    ),
    (GOOD, "dimension = 2", "dimension = [2, 2]", 3, "`host.dimension` must not repeat itself"),
    (GOOD, "dimension = 2", "dimension = []", 3, "`host.dimension`"),
    (GOOD, '"rashba"', '"kkr2"', 2, "but it is 'kkr2'. Write for example [host]"),
    (GOOD, 'kind = "rashba"\n', "", 1, '`host.kind` must be one of "rashba"'),
    (GOOD, "dimension", "fermi_energy = 0.4\ndimension", 6, "not be given together with `fermi_e"),
    (GOOD, "fermi_wavevector = 0.167\n", "", 1, "`host.fermi_wavevector` must be given (or"),
    (GOOD, "fermi_wavevector = 0.167", "fermi_energy = -5.0", 5, "above the bottom of the band"),
    (GOOD, "-1.0", "1.0", 9, "`coupling.first_minimum` must be less than 0, but it is 1.0"),
    (GOOD, "first_minimum = -1.0", "", 8, "`coupling.first_minimum` must be given (or `value`)"),
    (GOOD, "first_minimum", "value = 1\nfirst_minimum", 9, "`coupling.value` must not be given"),
    (GOOD, "first_minimum = -1.0", "value = [1, 2]", 9, "must have one number per dimension"),
    (GOOD, "[5.0, 10.0]", "[5.0, 0.0]", 12, "`scan.distances.1` must be greater than 0"),
    (GOOD, "[5.0, 10.0]", "[]", 12, "`scan.distances`"),
    (GOOD, "distances = [5.0, 10.0]", "start = 5.0", 11, "must be given (or `count`)"),
    (GOOD, "[5.0, 10.0]", "[5.0]\nstep = 1.0", 13, "`scan.step` must not be given together with"),
    (GOOD, "distances = [5.0, 10.0]", "start = 5\nstop = 2\nstep = 1", 13, "greater than `start`"),
    (GOOD, "[scan]\ndistances = [5.0, 10.0]", "", 0, "`scan` must be given (or `cluster`)"),
    (GOOD, "[scan]", "[scan", 11, "The file must be valid TOML, but"),
    (GOOD, "5.0, 10.0]", "5.0, 10.0", 13, "The file must be valid TOML, but"),
    (CLUSTER, "[5.0, 0.0]", "[0.0, 0.0]", 12, "`cluster.positions` must hold distinct sites"),
    (CLUSTER, "[5.0, 0.0]", "[5.0]", 12, "must hold positions of one dimension"),
    (CLUSTER, "[5.0, 0.0]", '["a", 0.0]', 12, "`cluster.positions.1.0` must be a valid number"),
    (CLUSTER, "dimension = 2", "dimension = 1", 12, "as many coordinates as the gas"),
    (CLUSTER, "[2, 4]", "[2, 3]", 18, "`cluster.orders.1` must be an even number of spins"),
    (CLUSTER, "[2, 4]", "[2]\ncutoff = 1.0", 12, "must contain at least one loop"),
    (CLUSTER, "[2, 4]", '[2]\nconvention = "X"', 19, "`cluster.convention` must be"),
    (CLUSTER, "[2, 4]", '[2, 4]\nconvention = "O"', 19, "must define interactions of 4 sites"),
    (CLUSTER, "[cluster]", "[scan]\ndistances=[1.0]\n[cluster]", 13, "`cluster` must not be given"),
]


@pytest.mark.parametrize(("text", "old", "new", "line", "message"), WRONG)
def test_mistakes_are_named(text, old, new, line, message, tmp_path):
    assert old in text
    with pytest.raises(ConfigError) as caught:
        read(text.replace(old, new, 1), tmp_path)
    found = str(caught.value)
    place = f"run.toml, line {line}: " if line else "run.toml: "
    assert place in found
    assert message in found
    assert "\n" not in found and found.rstrip().endswith((".", "?"))


def test_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="must exist and must be readable"):
        read_config(tmp_path / "missing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="line 1: the configuration must be text in UTF-8"):
        read_config(tmp_path / "binary.toml")


# --- another kind, as other modules will add them ----------------------------------------------


class FileHost(AbstractTable):
    kind: Literal["file"]
    path: InputFile


class Site(AbstractTable):
    name: str


class FileRun(AbstractRun):
    host: FileHost
    site: list[Site] = []

    def run(self, progress: bool) -> Outcome:
        raise AssertionError("not run here")


def read_other(text: str, folder) -> AbstractRun:
    (folder / "run.toml").write_text(text)
    return read_file(folder / "run.toml", MappingProxyType({**KINDS, "file": FileRun}))


def test_paths_start_at_the_configuration(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "green.dat").write_text("")
    text = '[host]\nkind = "file"\npath = "data/green.dat"\n[[site]]\nname = "Fe"\n'
    run = read_other(text, tmp_path)
    assert run.host.path == (tmp_path / "data" / "green.dat").resolve()
    other = tmp_path / "elsewhere"
    other.mkdir()
    assert read_other(toml_text(run), other) == run


def test_mistakes_of_another_kind(tmp_path):
    with pytest.raises(ConfigError, match="line 3: Argument `host.path` must be an existing file"):
        read_other('[host]\nkind = "file"\npath = "none.dat"\n', tmp_path)
    (tmp_path / "x").write_text("")
    text = '[host]\nkind = "file"\npath = "x"\n[[site]]\nname = "Fe"\n[[site]]\nnane = "Co"\n'
    with pytest.raises(ConfigError, match="Did you mean `name`") as caught:
        read_other(text, tmp_path)
    assert "line 7: Argument `site.1.nane` must be one of the keys name" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 10_000, "must be valid TOML"),
        ("a = " + "[" * 10_000 + "]" * 10_000, "nested too deeply"),
        ("a = " + "9" * 5000, "must be valid TOML"),
        ("a = 1\nb = 'é'".encode("latin-1"), "line 2: the configuration must be text in UTF-8"),
        (b"\0", "must be valid TOML"),
        (b"", "`host.kind` must be one of"),
        ("host = 1", "`host.kind` must be one of"),
        ("host.kind = []", "`host.kind` must be one of"),
        (GOOD + "distance = [5.0]", "line 13"),
        ("\ufeff" + GOOD + "x = 1", "line 13"),
        (GOOD.replace("-1.0", "-" + "9" * 400), "line 9"),
        (GOOD.replace("[5.0, 10.0]", "[\n" + 20_000 * "[5.0],\n" + "]"), "line 12"),
    ],
)
def test_any_text_gives_one_line_soon(content, said, tmp_path):
    file = tmp_path / "run.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    begin = time.process_time()
    with pytest.raises(ConfigError, match=re.escape(said)) as error:
        read_config(file, runs.KINDS)
    assert time.process_time() - begin < 5
    assert str(file) in str(error.value) and len(str(error.value)) < 500


def test_mark_of_byte_order_is_left_out(tmp_path):
    assert read("\ufeff" + GOOD, tmp_path) == read(GOOD, tmp_path)


def test_what_is_no_file_is_refused_at_once(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero"), tmp_path / "none", Path("\0")):
        with pytest.raises(ConfigError, match="must be a file|must exist"):
            read_config(path, runs.KINDS)
    monkeypatch.setattr(reader, "LARGEST", 10)
    with pytest.raises(ConfigError, match="must have at most 10 bytes"):
        read(GOOD, tmp_path)


@pytest.mark.parametrize(
    ("name", "place"),
    [("fermi_wavevector", ", line 5"), ("scan.distances", ", line 12"), ("shape", ""), ("", "")],
)
def test_errors_of_the_computation_name_the_file(name, place, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text(GOOD)
    message = f"Argument `{name}` must be other, but it is not. Change it."
    with pytest.raises(ConfigError, match=re.escape(f"{file}{place}: {message}")), naming(file):
        raise InputError(message)
    with pytest.raises(ConfigError, match="^once$"), naming(file):
        raise ConfigError("once")
    with pytest.raises(FileFormatError, match="^other$"), naming(file):
        raise FileFormatError("other")
