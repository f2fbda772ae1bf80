"""Hamiltonians as numpy archives, `.npz`."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError
from msgreen.io.npz import read_arrays
from msgreen.io.wannier.text import LARGEST

_FIELDS = {"R": "int", "HR": "complex", "lattice": "float", "frac": "float"}


class Archive(NamedTuple):
    """What an archive holds.

    Attributes
    ----------
    cells : int array, shape (cell, 3)
        Field `R`.
    matrices : complex array, shape (cell, function, function)
        Field `HR`: <0 m| H |R n> in eV, degeneracies divided out.
    vectors : real array, shape (3, 3)
        Field `lattice`, in angstrom.
    positions : real array, shape (atom, 3)
        Field `frac`, turned from lattice coordinates to angstrom.
    symbols : tuple of str
        Field `symbols`, optional; numbered atoms otherwise.
    centres : real array, shape (function, 3), or None
        Field `centres` in angstrom, optional.
    fermi_energy : float or None
        Field `efermi` in eV, optional.
    """

    cells: np.ndarray
    matrices: np.ndarray
    vectors: np.ndarray
    positions: np.ndarray
    symbols: tuple[str, ...]
    centres: np.ndarray | None
    fermi_energy: float | None


def read_archive(file: str | Path) -> Archive:
    """Read a Hamiltonian from an `.npz` archive.

    Parameters
    ----------
    file : path
        With the fields `R`, `HR`, `lattice`, `frac`, and optionally `symbols`, `centres`,
        `efermi`.

    Returns
    -------
    Archive

    Raises
    ------
    FileFormatError
        If a field is missing or has another shape or kind, naming the field.
    """
    path = _checks.path("file", file)
    fields = read_arrays(path, "Give the right path, or copy the file again.")
    for name in _FIELDS:
        if name not in fields:
            raise FileFormatError(
                f"{path}: must have the fields {', '.join(_FIELDS)}, but it lacks `{name}`. "
                "Add it with numpy.savez."
            )
    cells = _array(path, fields, "R", (None, 3), "iu").astype(int)
    matrices = _array(path, fields, "HR", (len(cells), None, None), "cf").astype(complex)
    if not len(cells) or matrices.shape[1] != matrices.shape[2] or not matrices.shape[1]:
        raise _wrong(path, "HR", "square matrices", f"its shape is {matrices.shape}")
    if len(np.unique(cells, axis=0)) < len(cells) or np.abs(cells).max() > 10_000:
        raise _wrong(path, "R", "every cell once", "it repeats one, or holds a far one")
    vectors = _array(path, fields, "lattice", (3, 3), "fi").astype(float)
    if abs(np.linalg.det(vectors)) < 1e-6:
        raise _wrong(path, "lattice", "independent vectors", "they span no volume")
    positions = _array(path, fields, "frac", (None, 3), "fi").astype(float) @ vectors
    symbols = tuple(f"atom{n}" for n in range(len(positions)))
    if "symbols" in fields:
        symbols = tuple(map(str, _array(path, fields, "symbols", (len(positions),), "U")))
    centres = None
    if "centres" in fields:
        centres = _array(path, fields, "centres", (matrices.shape[1], 3), "f").astype(float)
    fermi = None
    if "efermi" in fields:
        fermi = float(_array(path, fields, "efermi", (), "fi"))
    return Archive(cells, matrices, vectors, positions, symbols, centres, fermi)


def _array(path: Path, fields, name: str, shape, kinds: str) -> np.ndarray:
    array = fields[name]
    same = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not same or array.dtype.kind not in kinds:
        want = tuple("any" if n is None else n for n in shape)
        raise _wrong(
            path, name, f"an array of shape {want}", f"it is {array.dtype} of shape {array.shape}"
        )
    if kinds != "U" and not np.all(np.abs(array) < LARGEST):
        raise _wrong(path, name, "finite numbers", "it holds NaN, infinity or the like")
    return array


def _wrong(path: Path, name: str, expected: str, found: str) -> FileFormatError:
    return FileFormatError(
        f"{path}, field `{name}`: must hold {expected}, but {found}. Save it again with "
        "numpy.savez."
    )
