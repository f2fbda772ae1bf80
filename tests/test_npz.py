"""Archives of arrays: what is damaged, foreign or too large is refused, by whoever reads it."""

from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from msgreen.blocks import _work
from msgreen.errors import FileFormatError, InputError
from msgreen.io.kept import long_run
from msgreen.io.npz import read_arrays, versions, write_arrays
from msgreen.simulation.checkpoint import Checkpoint

ARRAYS = {"numbers": np.arange(100.0), "phases": np.exp(1j * np.arange(7)), "name": np.array("x")}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "arrays.npz"
    write_arrays(path, ARRAYS)
    return path


def test_arrays_come_back_to_the_last_bit(path):
    found = read_arrays(path, "")
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)


def test_damaged_archives_are_refused(path):
    whole = path.read_bytes()
    middle = len(whole) // 4
    spoilt = whole[:middle] + b"\0\1" + whole[middle + 2 :]
    for damaged in (b"", b"PK nothing", whole[:-40], spoilt):
        path.write_bytes(damaged)
        with pytest.raises(FileFormatError, match="arrays.npz: must be a readable .* Copy it."):
            read_arrays(path, "Copy it.")
        with pytest.raises(FileFormatError, match="arrays.npz: must be .* Remove it to begin"):
            Checkpoint(path, {}).read(0.0)


def test_objects_of_python_are_refused(path):
    np.savez(path, numbers=np.array([{}], dtype=object))
    with pytest.raises(FileFormatError, match="must be a readable archive"):
        read_arrays(path, "")


def test_other_archives_are_no_checkpoints(path):
    with pytest.raises(FileFormatError, match="must be a checkpoint of msgreen, but it has none"):
        Checkpoint(path, {}).read(0.0)


def test_unfinished_work_knows_its_versions(monkeypatch):
    assert versions()["version of numpy"] == np.__version__

    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("msgreen.io.npz.version", missing)
    assert versions()["version of msgreen"] == "unknown"


def test_folder_of_a_running_computation_is_left_alone(tmp_path):
    folder = tmp_path / "unfinished"
    with long_run(folder):
        keeper = _work.get().keeper
        assert keeper is not None
        keeper.begin({})
        keeper.keep(0, [np.arange(3.0)])
        keeper.write()
        parts = sorted(folder.iterdir())
        with (
            pytest.raises(InputError, match="another one is using"),
            long_run(folder, resume=False),
        ):
            pass
        assert sorted(folder.iterdir()) == parts
    assert not folder.exists()
