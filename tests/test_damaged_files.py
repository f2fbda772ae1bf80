"""Damaged configurations, NetCDF files, files of JuKKR and phonopy: errors that name the file.

Text is changed by bytes, words and lines, at random but always in the same way.
"""

import random
import shutil
import warnings

import numpy as np
import pytest

from msgreen.config import read_config
from msgreen.errors import MsgreenError
from msgreen.io import jukkr, netcdf, read_model, read_netcdf, write_netcdf
from msgreen.io.phonopy import read_phonopy
from msgreen.io.spin_programs import read_json, write_json
from msgreen.papers import runs
from msgreen.spinmodel import SpinModel, Term
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms

MUTANTS = 100

WORDS = (
    *(b"nan", b"-inf", b"1e400", b"1e30", b"-1", b"0", b"9" * 30, b"1000000000", b"", b"\xff\xfe"),
    *(b"1.5", b"2 3", b"x", b"[", b"]]", b"{", b'"', b"'", b"#", b"=", b"true", b"null", b"!!a b"),
    *(b"\xef\xbb\xbf", b"\0", b"\r", b"*2", b"3*0", b"/", b"-", b"[]", b"{}", b"\xc2\x85", b"1979"),
)

TEXTS = {
    "rashba": """
[host]
kind = "rashba"
dimension = [1, 2]
effective_mass = 0.26
fermi_wavevector = 0.167
rashba_wavevector = 0.0135
[coupling]
first_minimum = -1.0
[scan]
start = 5.0
stop = 9.0
count = 5
""",
    "cluster": """
[host]
kind = "rashba"
dimension = 2
effective_mass = 0.26
fermi_energy = 0.406
[coupling]
value = 15.48
[cluster]
positions = [[0, 0], [6, 0], [6, 6], [0, 6]]
orders = [2, 4]
contracted = ["biquadratic", "three_site"]
convention = "L"
""",
    "lattice": """
[host]
kind = "lattice"
vectors = [[1.0, 0.0], [0.0, 1.0]]
basis = [[0.0, 0.0]]
hoppings = [-0.1]
onsite = [0.0]
exchange = [0.0, 0.0, -0.5]
gap = 0.0999
size = [4, 4]
periodic = [true, false]
removed = [[0, 0, 0]]
[coupling]
value = -0.5
[sites]
sites = [[1, 0, 0], [1, 1, 0], [2, 1, 0]]
orders = [2, 4]
cutoff = 2.0
""",
    "superconductor": """
[host]
kind = "superconductor"
lattice = "square"
hoppings = [-1.0]
fermi_energy = -3.0
temperature_K = 11.6
size = [5, 5]
singlet = 0.1
triplet = 0.1
d_imaginary = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
winding = [1, 0]
[coupling]
value = -1.5
[pairs]
centre = [2, 2, 0]
direction = [1, 0]
distances = [1, 2]
""",
    "phonons": """
[host]
kind = "phonons"
vectors = [[1.0, 0.0, 0.0]]
basis = [[0.0, 0.0, 0.0]]
masses = [50.0]
pinning = 0.1
[[host.springs]]
a = 0
b = 0
cell = [1]
along = 5.0
across = 1.0
[pairs]
sites = [[0, 0], [0, 1]]
couplings = [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]
pairs = [[0, 1]]
mesh = [9]
""",
    "vibrating_pair": """
[host]
kind = "vibrating_pair"
spin = [0.5, 1.0]
[map]
exchange_meV = [-1.0, 1.0]
alpha_meV = [0.0, 2.0]
count = 5
""",
}


def mutant(data: bytes, rng: random.Random) -> bytes:
    """One to three changes: of a byte, a word, a line, a number; lost, doubled, or cut."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = _changed(data, rng) or b"\n"
    return data


def _changed(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(300, len(data)))
    end = min(len(data), start + rng.randrange(1, 40))
    kind = rng.randrange(8)
    if kind == 0:
        return data[:start] + bytes([rng.randrange(256)]) + data[start + 1 :]
    if kind == 1:
        return data[:start] + b" " + rng.choice(WORDS) + b" " + data[end:]
    if kind == 2:
        return data[:start]
    if kind == 3:
        return data[:start] + data[end:]
    if kind == 4:
        return data[:end] + data[start:]
    lines = data.split(b"\n")
    n = rng.randrange(min(40, len(lines)))
    if kind == 5:
        return b"\n".join([*lines[:n], *lines[n + 1 :]])
    words = lines[n].replace(b"[", b" ").replace(b"]", b" ").replace(b",", b" ").split()
    if not words:
        return data
    lines[n] = lines[n].replace(rng.choice(words), rng.choice(WORDS), 1)
    return b"\n".join(lines)


def attack(file, reader, seed, count=MUTANTS, change=mutant):
    """Read damaged versions of a file; return how many were refused, by our own errors."""
    data = file.read_bytes()
    rng = random.Random(seed)
    refused = 0
    for number in range(count):
        file.write_bytes(change(data, rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = reader(file)
            except MsgreenError as error:
                refused += 1
                assert str(file) in str(error) and len(str(error)) < 1500, error
                assert "\n" not in str(error), error
                continue
            except Exception as error:
                raise AssertionError(f"mutant {number}: {file.read_bytes()[:3000]!r}") from error
        for array in arrays(found):
            assert np.all(np.isfinite(array)), f"mutant {number}"
    file.write_bytes(data)
    return refused


def arrays(found):
    """The numbers of what a reader returns, without error estimates, which may be unknown."""
    if isinstance(found, SpinModel):
        return [np.asarray(term.values) for term in found.terms]
    items = found if isinstance(found, tuple) else (found,)
    return [a for a in items if isinstance(a, np.ndarray)]


@pytest.mark.parametrize("kind", TEXTS)
def test_configurations(kind, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text(TEXTS[kind])
    read_config(file, runs.KINDS)
    assert attack(file, lambda path: read_config(path, runs.KINDS), kind) > MUTANTS // 2


READERS = {
    "kkrflex_tmat": jukkr.read_tmat,
    "kkrflex_atominfo": jukkr.read_atominfo,
    "kkrflex_hoststructure.dat": jukkr.read_hoststructure,
    "kkrflex_green": jukkr.read_green,
    "nonco_angle.dat": jukkr.read_angles,
    "inputcard": jukkr.read_lattice_constant,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = jukkr.example("fe2_soc", tmp_path_factory.mktemp("kkr"))
    if not (folder / "kkrflex_hoststructure.dat").exists():
        text = "[bravais]\n1 0 0\n0 1 0\n0 0 1\n[basis]\n1\n0 0 0 1.0\n"
        (folder / "kkrflex_hoststructure.dat").write_text(text)
    if not (folder / "inputcard").exists():
        (folder / "inputcard").write_text("ALATBASIS= 5.4\n")
    if not (folder / "nonco_angle.dat").exists():
        (folder / "nonco_angle.dat").write_text("90.0 90.0\n")
    return folder


@pytest.mark.parametrize("name", READERS)
def test_files_of_jukkr(name, run, tmp_path):
    file = tmp_path / name
    shutil.copy(run / name, file)
    READERS[name](file)
    count = 20 if file.stat().st_size > 10**6 else MUTANTS
    assert attack(file, READERS[name], name, count) > count // 20


def test_table_of_jukkr(tmp_path):
    file = tmp_path / "Jij.atom00001"
    for columns, row in ((4, "1.0 0.5 2 3"), (10, "1.0 0.1 0.2 0.3 0.4 1.0 0.0 0.0 1 2")):
        file.write_text("# head\n" + 3 * (row + "\n"))
        jukkr.read_jij(file)
        assert attack(file, jukkr.read_jij, columns) > MUTANTS // 4


@pytest.mark.parametrize("name", [*READERS, "Jij.atom00001"])
def test_what_is_no_file(name, tmp_path):
    reader = READERS.get(name, jukkr.read_jij)
    (tmp_path / name).mkdir()
    for path in (tmp_path / name, tmp_path / "none" / name):
        with pytest.raises(MsgreenError, match=name):
            reader(path)


def model():
    return SpinModel(
        [
            Term("exchange", [[0, 1], [1, 2]], [-0.010, 0.003]),
            Term("dzyaloshinskii_moriya", [[0, 1]], [[0, 0, 0.004]]),
        ],
        positions=[[0, 0, 0], [2.0, 0, 0], [4.0, 0, 0]],
    )


def interactions():
    value = Coefficient(np.array([0.25, 0.5]), np.array([1e-12, 1e-9]))
    return Interactions((Terms(np.array([[0, 1], [1, 2]]), {"J_iso": value}),))


def binary_mutant(data: bytes, rng: random.Random) -> bytes:
    """Zeroes or ones over 64 bytes, changed bytes, or an early end."""
    start = 64 * rng.randrange(len(data) // 64)
    kind = rng.randrange(4)
    if kind < 2:
        return data[:start] + bytes([255 * kind]) * 64 + data[start + 64 :]
    if kind == 2:
        return data[:start]
    changed = bytearray(data)
    for _ in range(8):
        changed[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["model", "interactions"])
def test_netcdf(kind, tmp_path, monkeypatch):
    """Among them are files on which the HDF5 library goes around in circles."""
    monkeypatch.setattr(netcdf, "_PATIENCE", 5.0)
    file = tmp_path / "model.nc"
    if kind == "model":
        write_netcdf(model(), file)
        reader = read_model
    else:
        write_netcdf(interactions(), file)
        reader = read_netcdf
    reader(file)
    assert attack(file, reader, kind, 30, binary_mutant) > 5


def test_hdf5_that_hangs_or_crashes_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "model.nc"
    write_netcdf(model(), file)
    program = tmp_path / "netcdf_probe.py"
    monkeypatch.setattr(netcdf, "_PATIENCE", 1.0)
    monkeypatch.setattr(netcdf, "__file__", str(tmp_path / "netcdf.py"))
    for code, said in (("while True: pass", "hangs"), ("import os; os.abort()", "crashes")):
        program.write_text(code)
        with pytest.raises(MsgreenError, match=rf"model\.nc: .*the HDF5 library {said}"):
            read_model(file)


def test_spin_models_in_json(tmp_path):
    file = tmp_path / "model.json"
    write_json(model(), file)
    read_json(file)
    assert attack(file, read_json, 0) > MUTANTS // 4


def test_phonopy_files(tmp_path, monkeypatch):
    phonopy = pytest.importorskip("phonopy")
    from phonopy.structure.atoms import PhonopyAtoms

    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cell = PhonopyAtoms(symbols=["Na"], cell=3 * np.eye(3), scaled_positions=[[0, 0, 0]])
        phonons = phonopy.Phonopy(cell, np.diag([2, 1, 1]), log_level=0)
        phonons.force_constants = np.einsum("ij,ab->ijab", [[1.0, -1.0], [-1.0, 1.0]], np.eye(3))
        phonons.save(tmp_path / "phonopy.yaml", settings={"force_constants": True})
        read_phonopy(tmp_path / "phonopy.yaml")
    assert attack(tmp_path / "phonopy.yaml", read_phonopy, 0) > MUTANTS // 4


@pytest.mark.parametrize("word", ["1e30", "0.5", "nan", "1e400", "9" * 30])
def test_integers_of_jukkr_are_integers(word, tmp_path):
    atoms, table = tmp_path / "kkrflex_atominfo", tmp_path / "Jij.atom00001"
    atoms.write_text(f"1 1\n0 0 0 26.0 0 0 {word}\n")
    with pytest.raises(MsgreenError, match=r"kkrflex_atominfo, line 2: must hold position"):
        jukkr.read_atominfo(atoms)
    for row in (f"1.0 0.5 {word} 3", f"1.0 0.1 0.2 0.3 0.4 1.0 0.0 0.0 {word} 2"):
        table.write_text(row + "\n")
        with pytest.raises(MsgreenError, match=r"Jij\.atom00001, line 1: must hold"):
            jukkr.read_jij(table)
