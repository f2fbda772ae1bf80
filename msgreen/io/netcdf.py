"""Interaction sets as NetCDF files, without loss."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from msgreen import _checks
from msgreen.convention import SpinConvention
from msgreen.errors import FileFormatError, InputError
from msgreen.io.atomic import replacing
from msgreen.io.files import open_file
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms

_CONVENTION = (
    "convention",
    "sign",
    "ordered_sum",
    "spin_length",
    "complete",
    "weights_sites",
    "weights",
)
_OWN = (*_CONVENTION, "kinds")

_PATIENCE = 20.0
"""Seconds in which a file must be read once by another process, and one more for every
`_BYTES_PER_SECOND`. Small files take 0.4 s on a slow computer, nearly all of it for the start."""

_BYTES_PER_SECOND = 10**7


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


def write_netcdf(interactions: Interactions, path: str | Path) -> None:
    """Write an interaction set as NetCDF, with its tensors, errors, convention and units.

    Parameters
    ----------
    interactions : Interactions
    path : str or Path
    """
    write_dataset(dataset_of(interactions), path)


def read_netcdf(path: str | Path) -> Interactions:
    """Read an interaction set that `write_netcdf` wrote; every number comes back bit by bit.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Interactions

    Raises
    ------
    FileFormatError
        If the file does not exist, is no NetCDF file or holds something else.
    """
    return checked_interactions(path, load_netcdf(path))


def checked_interactions(path: str | Path, dataset: xr.Dataset) -> Interactions:
    """Return `interactions_of` the dataset of a file, or a FileFormatError that names the file."""
    try:
        return interactions_of(dataset)
    except KeyError as error:
        raise FileFormatError(
            f"{path}: the file must hold an interaction set, but it has no {error}. "
            "Write it again with `msgreen run`, without `[scan]`; open scans and maps with xarray."
        ) from error
    except (InputError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise FileFormatError(
            f"{path}: the file must hold an interaction set, but it is damaged ({error}). "
            "Write it again with `msgreen run`."
        ) from error


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


def dataset_of(interactions: Interactions) -> xr.Dataset:
    """Return `Interactions.to_xarray`, with the attributes needed to come back from it."""
    dataset = interactions.to_xarray()
    dataset.attrs["complete"] = int(interactions.convention.complete)
    dataset.attrs["kinds"] = " ".join(terms.kind for terms in interactions.terms)
    return dataset


def interactions_of(dataset: xr.Dataset) -> Interactions:
    """Return the interaction set of a dataset made by `dataset_of`.

    Raises
    ------
    KeyError
        If something is missing.
    """
    terms = tuple(_terms_of(dataset, kind) for kind in dataset.attrs["kinds"].split())
    positions = dataset["positions"].values if "positions" in dataset else None
    reference = dataset["reference"].values if "reference" in dataset else None
    if reference is None and "deviations" in str(dataset.attrs.get("spins", "")):
        raise KeyError("reference, whose deviations it holds (it is of an earlier version)")
    source = {key: value for key, value in dataset.attrs.items() if key not in _OWN}
    return Interactions(terms, _convention_of(dataset.attrs), positions, source, reference)


def _terms_of(dataset: xr.Dataset, kind: str) -> Terms:
    sites = dataset[f"{kind}_sites"].values
    names = [
        str(name).removeprefix(f"{kind}_")
        for name, variable in dataset.data_vars.items()
        if variable.dims[0] == kind and f"{name}_error" in dataset
    ]
    found = {name: _coefficient_of(dataset, f"{kind}_{name}") for name in names}
    tensor = found.pop("tensor", None)
    return Terms(sites, found, tensor)


def _coefficient_of(dataset: xr.Dataset, name: str) -> Coefficient:
    variable = dataset[name]
    axes = tuple("leg" if str(dim).endswith("_leg") else "xyz" for dim in variable.dims[1:])
    rotation = variable.attrs.get("spins") == "rotation"
    return Coefficient(variable.values, dataset[f"{name}_error"].values, axes, rotation)


def _convention_of(attributes: Mapping) -> SpinConvention:
    sites = np.atleast_1d(attributes.get("weights_sites", np.zeros(0, int)))
    weights = np.atleast_1d(attributes.get("weights", np.zeros(0)))
    return SpinConvention(
        str(attributes["convention"]),
        sign=int(attributes["sign"]),
        ordered=bool(attributes["ordered_sum"]),
        weights={int(n): float(w) for n, w in zip(sites, weights, strict=True)},
        complete=bool(attributes["complete"]),
        spin_length=float(attributes["spin_length"]),
    )
