"""Every key of a configuration, spoilt in many ways: one line that names key and line, or a run."""

import copy
import re
import tomllib

import pytest
from test_config_lattice import FERROMAGNET, SUPERCONDUCTOR

from msgreen.config import read_config
from msgreen.config.lattice import any_site
from msgreen.errors import ConfigError
from msgreen.papers.brinker import published_model
from msgreen.papers.runs import KINDS

CLUSTER = """
[host]
kind = "rashba"
dimension = 1
effective_mass = 0.26
fermi_energy = 0.4
rashba_parameter = 0.1
[coupling]
value = 0.5
[cluster]
positions = [[0.0], [5.0], [9.0]]
orders = [2]
cutoff = 20.0
"""
SCAN = """
[host]
kind = "rashba"
dimension = 1
effective_mass = 0.26
fermi_wavevector = 0.167
[coupling]
first_minimum = -5.0
[scan]
distances = [5.0]
"""
FLAKE = """
[host]
kind = "lattice"
vectors = [[1.0, 0.0], [0.0, 1.0]]
basis = [[0.0, 0.0], [0.5, 0.5]]
hoppings = [-0.1]
onsite = [0.1, 0.2]
exchange = [0.0, 0.0, -0.5]
temperature_K = 1160.0
size = [4, 4]
periodic = [true, false]
removed = [[0, 0, 0]]
[coupling]
value = -0.5
[sites]
sites = [[1, 1, 0], [1, 2, 1]]
orders = [2]
"""
PHONONS = """
[host]
kind = "phonons"
vectors = [[2.0, 0.0, 0.0]]
basis = [[0.0, 0.0, 0.0]]
masses = [50.0]
pinning = 0.1
springs = [{a = 0, b = 0, cell = [1], along = 5.0}]
[pairs]
sites = [[0, 0], [0, 1]]
couplings = [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]
pairs = [[0, 1]]
mesh = [9]
temperature_K = 0.0
"""
IN_PLACE = (
    SUPERCONDUCTOR.split("[pairs]")[0]
    + """
[sites]
sites = [[2, 2, 0], [3, 2, 0]]
orders = [2]
[fit]
classes = ["exchange"]
configurations = 20
seed = 0
[spins]
sites = [[2, 2, 0]]
directions = [[0.0, 0.0, 1.0]]
[levels]
interval = [-0.01, 0.01]
[ldos]
places = [[2, 2, 0]]
start = -0.5
stop = 0.5
count = 5
broadening = 0.1
"""
)
SCANNED = (
    SUPERCONDUCTOR.replace("singlet = 0.1", "singlet_attraction = 2.0").replace(
        "triplet = 0.1", "winding = [0, 0]"
    )
    + """
[scan]
temperature_K = [10.0, 20.0]
fermi_energy = {start = -1.0, stop = 1.0, count = 3}
"""
)
FILES = {
    "superconductor": SUPERCONDUCTOR,
    "in_place": IN_PLACE,
    "scanned": SCANNED,
    "ferromagnet": FERROMAGNET,
    "cluster": CLUSTER,
    "scan": SCAN,
    "flake": FLAKE,
    "phonons": PHONONS,
}
SPOILT = (
    *("abc", [], [[]], {}, True, 0, -1, 2.5, -0.0271, 10**12, 1e300, [1, 2], [[0, 0]], [[[1]]]),
    *([[1.0], [1.0, 2.0]], [[0, 5]], [[0, 1], [1, 0]]),
)


def toml(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def text_of(content: dict) -> str:
    lines = []
    for name, table in content.items():
        lines += [f"[{name}]", *(f"{key} = {toml(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


@pytest.mark.filterwarnings("error", "ignore::msgreen.errors.UnitWarning")
@pytest.mark.parametrize("name", FILES)
def test_spoilt_keys_are_named_with_their_line(name, tmp_path):
    path, content = tmp_path / "run.toml", tomllib.loads(FILES[name])
    path.write_text(text_of(content))
    read_config(path, KINDS)
    refused = 0
    for table, key in ((t, k) for t in content for k in content[t] if k != "kind"):
        for bad in SPOILT:
            changed = copy.deepcopy(content)
            changed[table][key] = bad
            path.write_text(text_of(changed))
            try:
                read_config(path, KINDS)
            except ConfigError as error:
                refused += 1
                said = str(error).removeprefix(str(path))
                wanted = r", line \d+: Argument `[\w.]+` must .*, but .*[.:] .*\S\.$"
                assert re.match(wanted, said, re.DOTALL), (table, key, bad, said)
    assert refused > 10 * sum(len(t) for t in content.values()) / 2


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (
            "cluster",
            "fermi_energy = 0.4",
            "fermi_energy = -0.0271",
            r"line 6: .*bottom of the band",
        ),
        (
            "cluster",
            "dimension = 1",
            f"dimension = [{'9' * 30}]",
            r"line 4: Argument `host.dimension.0` must be valid \(.* size\), but it is 9{30}\.",
        ),
        ("flake", "onsite = [0.1, 0.2]", "onsite = [0.1, 0.2, 0.3]", r"line 7: .*`host.onsite`"),
        ("flake", "removed = [[0, 0, 0]]", "removed = [[0, 0]]", r"line 12: .*`host.removed`"),
        ("flake", "temperature_K = 1160.0", "gap = 5.0", r"line 9: .*`host.gap` must not exceed"),
        ("flake", "temperature_K = 1160.0", "", r"`host.gap` must be given at zero temperature"),
        ("flake", "[[1, 1, 0], [1, 2, 1]]", "[[1, 1, 0], [1, 2]]", "rows differ in length"),
        ("phonons", "pairs = [[0, 1]]", "pairs = [[0, 2]]", r"line 12: .*`pairs.pairs`.*0 to 1"),
        ("phonons", "pairs = [[0, 1]]", "pairs = [[1, 1]]", r"line 12: .*`pairs.pairs`"),
        ("phonons", "mesh = [9]", "mesh = [1]", r"line 13: .*`pairs.mesh` must exceed"),
        ("phonons", "along = 5.0", "along = -5.0", r"line 8: .*`host.springs` must have real"),
        (
            "superconductor",
            "[[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]",
            "[[0.0], [0.0], [1.0]]",
            r"line 11: .*`host.d_imaginary` must have shape \(3, 2\)",
        ),
        (
            "superconductor",
            "temperature_K = 11.6",
            "superconducting_gap = 3.0",
            r"line 7: .*`host.superconducting_gap` must not exceed",
        ),
    ],
)
def test_what_does_not_fit_is_found_before_anything_runs(name, old, new, said, tmp_path):
    path = tmp_path / "run.toml"
    assert old in FILES[name]
    path.write_text(FILES[name].replace(old, new))
    with pytest.raises(ConfigError, match=said):
        read_config(path, KINDS)


def test_any_site_is_one_that_is_there(tmp_path):
    (tmp_path / "run.toml").write_text(FLAKE)
    host = read_config(tmp_path / "run.toml", KINDS).host.normal()
    assert any_site(host).tolist() == [[0, 0, 1]]
    (tmp_path / "run.toml").write_text(FERROMAGNET)
    host = read_config(tmp_path / "run.toml", KINDS).host.normal()
    assert any_site(host).tolist() == [[0, 0, 0]]


def test_an_unknown_published_model_lists_those_there_are():
    with pytest.raises(ValueError, match=r"or one of Cr3/Pt\(111\), .*Fe4/Pt\(001\), but it is"):
        published_model("chromium")
    assert published_model("some/file.json") is None
