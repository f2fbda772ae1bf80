"""Files to read: ordinary ones, of bounded size."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError, InputError

LARGEST = 2**31
"""Bytes. Green functions of 100 sites at 60 energies, the largest files that are read as a whole,
have 0.3 GB; what is larger than this would not fit into the memory of most computers."""


def open_file(path: str | Path) -> BinaryIO:
    """Open an ordinary file to read it; devices, pipes and folders are refused at once.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    FileFormatError
        If there is no such file, or it is none, or it cannot be read.
    """
    path = _checks.path("path", path, long=True)  # of which the system complains itself
    try:
        # Without this flag, opening a pipe would wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileFormatError(
            f"{path}: the file must exist and must be readable, but it is not ({reason}). "
            "Give the right path."
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileFormatError(f"{path}: must be a file, but it is none. Give the right path.")
    return os.fdopen(descriptor, "rb")


def read_bytes(path: str | Path, largest: int = LARGEST) -> bytes:
    """Return the content of an ordinary file.

    Parameters
    ----------
    path : str or Path
    largest : int
        Bytes.

    Raises
    ------
    FileFormatError
        As `open_file`, and if the file is larger.
    """
    with open_file(path) as file:
        # Asked for that many bytes, `read` would take so much memory first.
        if os.fstat(file.fileno()).st_size > largest:
            raise FileFormatError(
                f"{path}: must have at most {largest} bytes, but it has more. Give the right file."
            )
        return file.read()


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Name the file in errors of what is built from it.

    Overflows become such errors too: the model refuses what is not finite.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except InputError as error:
        raise FileFormatError(f"{path}: must hold a spin model, but: {error}") from error
