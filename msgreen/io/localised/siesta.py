"""`SystemLabel.nc`, the NetCDF file of SIESTA with H(R), S(R) and the crystal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError
from msgreen.io.localised.sparse import Elements, assembled
from msgreen.io.netcdf import check_hdf5
from msgreen.io.wannier.hamiltonian import Crystal, WannierHamiltonian
from msgreen.io.wannier.text import LARGEST
from msgreen.units import BOHR, RYDBERG

_FIELDS = {
    "cell": "f",
    "xa": "f",
    "lasto": "iu",
    "Ef": "f",
    "SPARSE/n_col": "iu",
    "SPARSE/list_col": "iu",
    "SPARSE/isc_off": "iu",
    "SPARSE/H": "f",
    "SPARSE/S": "f",
}
"""What is read, with the kind of its numbers."""


def read_siesta(file: str | Path) -> WannierHamiltonian:
    """Read the Hamiltonian, overlap, crystal and E_F of SIESTA's NetCDF file.

    Parameters
    ----------
    file : path
        `SystemLabel.nc`, which SIESTA writes with `CDF.Save true`, and sisl with
        `Hamiltonian.write`.

    Returns
    -------
    WannierHamiltonian
        With `overlap`, in eV.

    Raises
    ------
    FileFormatError
        If the file is damaged, of something else, not spin-polarised, or of two Fermi energies.

    Notes
    -----
    The file is written column by column: <0 n| H |R m> stands where <0 m| H |-R n> is expected. Of
    its components (uu, dd, ud, du) the third is Re - i Im, and in calculations with spin-orbit
    coupling Im uu, Im dd, Re du and Im du follow.
    """
    path = _checks.path("file", file)
    check_hdf5(path)
    with h5py.File(path, "r") as content:
        fields = {name: _field(path, content, name) for name in _FIELDS}
        symbols = _symbols(content, len(fields["xa"]))
        unit = content["SPARSE/H"].attrs.get("unit", b"Ry")
    _check_shapes(path, fields, unit)
    energies = np.unique(fields["Ef"]) * RYDBERG
    if len(energies) > 1:
        raise _wrong(
            path,
            "Ef",
            "one Fermi energy",
            "it holds one for each spin",
            "Run SIESTA again without a fixed total spin.",
        )
    last = fields["lasto"].astype(int)
    atom_of = np.repeat(np.arange(len(last)), np.diff(last, prepend=0))
    crystal = Crystal(fields["cell"] * BOHR, symbols, fields["xa"] * BOHR)
    elements = _elements(fields, len(atom_of))
    return assembled(elements, crystal, atom_of, float(energies[0]), path)


def _elements(fields: dict[str, np.ndarray], size: int) -> Elements:
    column = fields["SPARSE/list_col"].astype(int) - 1
    row = np.repeat(np.arange(size), fields["SPARSE/n_col"])
    cells = fields["SPARSE/isc_off"].astype(int)[column // size]
    h = fields["SPARSE/H"] * RYDBERG
    spins = h.astype(complex)
    if len(h) >= 4:
        mixed = h[2] - 1j * h[3]
        spins = np.stack([h[0], h[1], mixed, mixed.conj()])
    if len(h) == 8:
        spins[:2] += 1j * h[4:6]
        spins[3] = h[6] + 1j * h[7]
    return Elements(-cells, column % size, row, spins, fields["SPARSE/S"])


def _field(path: Path, content: h5py.File, name: str) -> np.ndarray:
    item = content.get(name)
    if not isinstance(item, h5py.Dataset):
        raise FileFormatError(
            f"{path}: must have the field `{name}` of SIESTA's NetCDF files, but it does not. "
            "Write it with `CDF.Save true`; other files of SIESTA are read with sisl."
        )
    array = np.asarray(item)
    if array.dtype.kind not in _FIELDS[name] or not array.size:
        raise _wrong(path, name, "numbers", f"it is {array.dtype} of shape {array.shape}")
    if not np.all(np.abs(array.astype(float)) < LARGEST):
        raise _wrong(path, name, "finite numbers", "it holds NaN, infinity or the like")
    return array


def _symbols(content: Any, atoms: int) -> tuple[str, ...]:
    """Elements of the atoms; numbered atoms if the file does not say."""
    basis = content.get("BASIS")
    members: dict[str, Any] = dict(basis) if isinstance(basis, h5py.Group) else {}
    named = {}
    for group in members.values():
        number, symbol = (np.ravel(group.attrs.get(name)) for name in ("ID", "Element"))
        if number.dtype.kind in "iu" and symbol.dtype.kind in "SU" and number.size:
            text = symbol[0].decode("ascii", "replace") if symbol.dtype.kind == "S" else symbol[0]
            named[int(number[0])] = str(text).strip()
    kinds = np.ravel(members["basis"]).tolist() if "basis" in members else []
    if len(kinds) != atoms or not set(kinds) <= set(named):
        return tuple(f"atom{n}" for n in range(atoms))
    return tuple(named[kind] for kind in kinds)


def _check_shapes(path: Path, fields: dict[str, np.ndarray], unit) -> None:
    """Raise FileFormatError unless the fields belong together."""
    count, size = len(fields["SPARSE/list_col"]), len(fields["SPARSE/n_col"])
    cells, atoms, spins = len(fields["SPARSE/isc_off"]), len(fields["xa"]), len(fields["SPARSE/H"])
    rules: list[tuple[str, Callable, str]] = [
        ("cell", lambda x: x.shape == (3, 3) and abs(np.linalg.det(x)) > 1e-6, "three vectors"),
        ("xa", lambda x: x.shape == (atoms, 3), "a position per atom"),
        ("lasto", lambda x: x.shape == (atoms,), "the last orbital of each atom"),
        ("lasto", lambda x: np.all(np.diff(x, prepend=0) >= 0) and x[-1] == size, "all orbitals"),
        ("SPARSE/n_col", lambda x: x.shape == (size,) and x.min() >= 0, "counts of elements"),
        ("SPARSE/list_col", lambda x: x.shape == (fields["SPARSE/n_col"].sum(),), "all elements"),
        ("SPARSE/list_col", lambda x: x.min() >= 1 and x.max() <= size * cells, "orbitals"),
        ("SPARSE/isc_off", lambda x: x.shape == (cells, 3), "a cell per row"),
        ("SPARSE/S", lambda x: x.shape == (count,), "one number per element"),
        ("SPARSE/H", lambda x: x.shape == (spins, count), "one number per spin and element"),
    ]
    for name, holds, expected in rules:
        if not holds(fields[name]):
            raise _wrong(path, name, expected, "it does not")
    if unit not in (b"Ry", "Ry"):
        raise _wrong(path, "SPARSE/H", "energies in Ry", f"its unit is {unit!r}")
    if spins not in (2, 4, 8):
        raise _wrong(
            path,
            "SPARSE/H",
            "2, 4 or 8 components of spin",
            f"it holds {spins}",
            "Run SIESTA again with `Spin polarized`, or `Spin spin-orbit`.",
        )


def _wrong(path: Path, name: str, expected: str, found: str, remedy: str = "") -> FileFormatError:
    remedy = remedy or "Copy the file again."
    return FileFormatError(f"{path}, field `{name}`: must hold {expected}, but {found}. {remedy}")
