"""Every function of the room of files refuses what is no path, and arguments without meaning."""

import inspect
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import xarray as xr
from bad_calls import Call
from test_bad_calls import check_spoilt, said_well
from wannier_files import two_spins, write_run

from msgreen import _checks, io
from msgreen.errors import FileFormatError, InputError, MsgreenError
from msgreen.io import jukkr, localised, ovf, phonopy, spin_programs, structures, wannier
from msgreen.spinmodel import SpinModel, Term
from msgreen.spinmodel.interactions import Interactions

MODEL = SpinModel([Term("exchange", [[0, 1]], [-0.01])], positions=[[0.0, 0, 0], [2.0, 0, 0]])
UP = np.tile([0.0, 0.0, 1.0], (2, 1))

NO_PATHS = {
    "nothing": None,
    "a number": 3,
    "not a number": float("nan"),
    "a list": [],
    "an array": np.zeros(3),
    "bytes": b"file",
}
LONG = {"what is in a file": "x" * 5000, "a long way": "x/" * 3000}
PATHS = {"no words": "", "a zero": "a\0b", "missing": "missing", "no folder": "no/where/file"}


def readers():
    """Functions that read what their first argument names."""
    found = {}
    for room in (io, jukkr, localised, phonopy, spin_programs, structures, wannier):
        for name, function in vars(room).items():
            if name.startswith("read_") and function.__module__.startswith("msgreen.io"):
                found[f"{function.__module__}.{name}"] = function
    return found


WRITERS = {
    "replacing": lambda path: io.replacing(path).__enter__(),
    "replacing_files": lambda path: io.replacing_files("folder", path, "run").__enter__(),
    "writable_folder": lambda path: io.writable_folder("folder", path),
    "export": lambda path: io.export(MODEL, path, "json"),
    "write_csv": lambda path: io.write_csv(Interactions(()), path),
    "write_dataset": lambda path: io.write_dataset(xr.Dataset(), path),
    "write_json": lambda path: spin_programs.write_json(MODEL, path),
    "write_netcdf": lambda path: io.write_netcdf(Interactions(()), path),
    "write_ovf": lambda path: ovf.write_ovf(path, UP, UP),
    "write_table": lambda path: io.write_table(path, ["a"], [[1.0]]),
}


@pytest.mark.parametrize("name", readers())
def test_readers_refuse_what_is_no_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = readers()[name]
    more = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty][1:]
    for way, path in (NO_PATHS | LONG | PATHS | {"a folder": str(tmp_path)}).items():
        with pytest.raises(MsgreenError) as error:
            function(path, *["other"] * len(more))
        # Of names that are too long the system may complain, as of files that are not there.
        assert said_well(error.value) or way not in NO_PATHS, (way, str(error.value))
        assert isinstance(error.value, (InputError, FileFormatError))
        assert str(error.value).endswith("."), (way, str(error.value))


@pytest.mark.parametrize("name", WRITERS)
def test_writers_refuse_what_is_no_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for way, path in (NO_PATHS | LONG).items():
        with pytest.raises(InputError) as error:
            WRITERS[name](path)
        assert said_well(error.value), (way, str(error.value))
    assert not list(tmp_path.iterdir())


@cache
def run_of_wannier90():
    folder = Path(mkdtemp())
    for spin, matrices in zip(("up", "down"), two_spins(), strict=True):
        write_run(folder, f"iron_{spin}", matrices)
    return folder


def written(**arguments):
    ovf.write_ovf(Path(mkdtemp()) / "state.ovf", **arguments)


def host(**arguments):
    return wannier.wannier_host(wannier.read_folder(run_of_wannier90()), **arguments)


ROWS = {
    "write_ovf": Call(written, positions=UP, directions=UP),
    "read_folder": Call(
        lambda **k: wannier.read_folder(run_of_wannier90(), **k),
        seedname=("iron_up", "iron_down"),
        orbital_atoms=[0, 0, 1],
    ),
    "wannier_host": Call(host, temperature=0.1, fermi_energy=0.1, axis=np.array([0.0, 0.0, 1.0])),
}
RIGHT = {"write_ovf.positions": ("shorter",)}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ROWS)
def test_what_is_spoilt_is_refused(name):
    check_spoilt(name, ROWS[name], RIGHT)


def test_paths_by_themselves():
    assert _checks.path("file", "a/b") == _checks.path("file", Path("a/b")) == Path("a/b")
    with pytest.raises(InputError, match="`file` must be text or a path, but it is 3. Give"):
        _checks.path("file", 3)
