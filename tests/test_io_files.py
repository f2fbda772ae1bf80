"""Files to read are files, HDF5 is read elsewhere first, and temporary files can be removed."""

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from msgreen.errors import FileFormatError, InputError
from msgreen.io import write_dataset
from msgreen.io.atomic import (
    folder_message,
    part_folder,
    remove_part,
    remove_parts,
    replacing,
    synchronise,
    writing,
)
from msgreen.io.datasets import checked_interactions, model_of_dataset
from msgreen.io.files import open_file, read_bytes
from msgreen.io.jukkr import FILES, check_folder
from msgreen.io.netcdf import check_hdf5, load_netcdf
from msgreen.io.netcdf_probe import probe


def test_only_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(FileFormatError, match=f"{path}: must be a file, but it is none"):
            open_file(path)
    for path in (tmp_path / "none", tmp_path / ("x" * 300), "\0"):
        with pytest.raises(FileFormatError, match="must exist and must be readable"):
            open_file(path)
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    with open_file(tmp_path / "link") as file:
        assert file.read() == b"12345"
    assert read_bytes(tmp_path / "file", 5) == b"12345"
    with pytest.raises(FileFormatError, match="must have at most 4 bytes"):
        read_bytes(tmp_path / "file", 4)


def test_hdf5_is_read_before_it_is_trusted(tmp_path):
    file = tmp_path / "a.nc"
    write_dataset(xr.Dataset({"a": ("x", np.arange(3.0))}, attrs={"n": 1}), file)
    assert probe(str(file)) == ""
    check_hdf5(file)
    data = load_netcdf(file)
    assert data.a.values.tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(FileFormatError, match=r"a\.nc: .* interaction set, but it has no 'kinds'"):
        checked_interactions(file, data)
    with pytest.raises(FileFormatError, match=r"a\.nc: .* whole spin model, but it lacks 'format'"):
        model_of_dataset(file, data)
    file.write_bytes(file.read_bytes()[:-100])
    assert "truncated" in probe(str(file))
    for reader in (check_hdf5, load_netcdf):
        with pytest.raises(FileFormatError, match=r"a\.nc: the file must be NetCDF 4"):
            reader(file)


def test_data_that_no_file_can_hold(tmp_path):
    """A few hundred bytes may promise any amount of numbers."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file.create_dataset("huge", (10**6, 10**6), "f8", chunks=(10, 10))
    with pytest.raises(FileFormatError, match="8000000000000 bytes, more than the file can hold"):
        load_netcdf(tmp_path / "a.nc")


def test_parts_of_this_process_can_be_removed(tmp_path):
    """As signals do, in the middle of writing."""
    with pytest.raises(InputError, match="cannot: No such file"):
        with replacing(tmp_path / "table") as part:
            folder = part_folder("--out", tmp_path)
            (folder / "table").write_text("half")
            other = part_folder("--out", tmp_path)
            remove_part(other)
            assert {f.name for f in tmp_path.iterdir()} == {part.name, folder.name}
            remove_parts()
            assert not list(tmp_path.iterdir())
            synchronise(part)
    message = folder_message("--out", tmp_path)
    with pytest.raises(InputError, match=f"Argument `--out` .*{tmp_path} cannot: no\\. Choose"):
        with writing(message):
            raise OSError("no")


def test_folder_of_a_run_of_jukkr(tmp_path):
    for name in FILES:
        with pytest.raises(InputError, match=f"Argument `folder` must hold {name}"):
            check_folder(tmp_path, *FILES)
        (tmp_path / name).touch()
    check_folder(tmp_path, *FILES)
