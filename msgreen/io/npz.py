"""Archives of numpy arrays: Hamiltonians of users, and what is kept of unfinished work."""

import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import shorten

import numpy as np

from msgreen.errors import FileFormatError
from msgreen.io.atomic import replacing
from msgreen.io.files import open_file

_LARGEST = 2**30
"""Bytes of an array that may be packed as tightly as can be."""

_RATIO = 10
"""By how much larger arrays may be packed. Those of physics, which are numbers of 16 digits, shrink
by less unless they are mostly zero; then they are small."""


def read_arrays(path: str | Path, remedy: str) -> dict[str, np.ndarray]:
    """Return all arrays of an `.npz` file by name.

    Parameters
    ----------
    path : str or Path
    remedy : str
        What to do about a damaged file.

    Raises
    ------
    FileFormatError
        If the file is none, damaged, holds objects of Python, or would fill the memory.
    """
    with open_file(path) as file:
        try:
            with zipfile.ZipFile(file) as members:
                for member in members.infolist():
                    if member.file_size > max(_LARGEST, _RATIO * member.compress_size):
                        raise ValueError(
                            f"{member.filename} would grow to {member.file_size} bytes"
                        )
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        # What zipfile and numpy raise for damaged archives is not listed anywhere, and may quote
        # parts of them.
        except Exception as error:
            raise FileFormatError(
                f"{path}: must be a readable archive of numpy, but it is not "
                f"({shorten(str(error), 200)}). {remedy}"
            ) from error


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to an `.npz` file, which appears whole or not at all.

    Parameters
    ----------
    path : str or Path
    arrays : mapping of str to array
    """
    with replacing(path) as part, open(part, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def versions() -> dict[str, str]:
    """Return the versions of what computes, on which unfinished work depends to the last bit."""
    return {f"version of {name}": _version(name) for name in ("msgreen", "jax", "jaxlib", "numpy")}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # of a source tree that is not installed
        return "unknown"
