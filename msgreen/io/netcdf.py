"""NetCDF files, written as a whole and read where a damaged one does no harm."""

import subprocess
import sys
from pathlib import Path

import xarray as xr

from msgreen import _checks
from msgreen.errors import FileFormatError
from msgreen.io.atomic import replacing
from msgreen.io.files import open_file

_PATIENCE = 20.0
"""Seconds in which a file must be read once by another process, and one more for every
`_BYTES_PER_SECOND`. Small files take 0.4 s on a slow computer, nearly all of it for the start."""

_BYTES_PER_SECOND = 10**7
"""Far below what any disc reads."""


def write_dataset(dataset: xr.Dataset, path: str | Path) -> None:
    """Write a labelled dataset as NetCDF 4; the file appears as a whole or not at all.

    Parameters
    ----------
    dataset : xarray.Dataset
    path : str or Path
    """
    # In memory first: the HDF5 library can end the process when a disk is full.
    content = dataset.to_netcdf(engine="h5netcdf")
    with replacing(path) as part:
        part.write_bytes(content)


def load_netcdf(path: str | Path) -> xr.Dataset:
    """Return the whole content of a NetCDF 4 file, after another process could read it.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    FileFormatError
        If the file is none, or the HDF5 library cannot read it, hangs or crashes.
    """
    check_hdf5(path)
    try:
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            return dataset.load()
    # What xarray raises for HDF5 files that are no NetCDF is not listed anywhere.
    except Exception as error:
        raise _unreadable(path, str(error) or type(error).__name__) from error


def check_hdf5(path: str | Path) -> None:
    """Let another process read an HDF5 file.

    Raises
    ------
    FileFormatError
        If the file is none, or the HDF5 library cannot read it, hangs or crashes.
    """
    path = _checks.path("path", path)
    with open_file(path) as file:
        size = file.seek(0, 2)
    wrong = _probed(path, _PATIENCE + size / _BYTES_PER_SECOND)
    if wrong:
        raise _unreadable(path, wrong)


def _unreadable(path: str | Path, wrong: str) -> FileFormatError:
    return FileFormatError(
        f"{path}: the file must be NetCDF 4, but it cannot be read ({wrong}). Write it again."
    )


def _probed(path: Path, seconds: float) -> str:
    """Return what is wrong with an HDF5 file, found out where it can do no harm."""
    program = Path(__file__).with_name("netcdf_probe.py")
    command = [sys.executable, "-P", str(program), str(path.absolute()), str(round(seconds))]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2 * seconds
        )
    except subprocess.TimeoutExpired:
        return "the HDF5 library hangs: the file is damaged"
    damaged = f"the HDF5 library crashes or takes more than {seconds:.0f} s: the file is damaged"
    return done.stdout if done.returncode == 0 else damaged
