"""Hamiltonians of the package sisl: objects in memory, and all files that it reads."""

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError, InputError
from msgreen.io.files import open_file
from msgreen.io.localised.sparse import Elements, assembled
from msgreen.io.wannier.hamiltonian import Crystal, WannierHamiltonian


def read_sisl(file: str | Path) -> WannierHamiltonian:
    """Read a Hamiltonian from a file with sisl: `.fdf`, `.HSX`, `.TSHS` of SIESTA, and others.

    Parameters
    ----------
    file : path
        What ``sisl.get_sile(file).read_hamiltonian()`` reads. `.TSHS` and old `.HSX` do not hold
        all of the crystal; the `.fdf` beside them does.

    Returns
    -------
    WannierHamiltonian
        With `overlap` unless the orbitals are orthonormal. Energies and E_F are those of the
        calculation, in eV; sisl counts them from E_F where it knows it.

    Raises
    ------
    InputError
        If sisl is not installed.
    FileFormatError
        If sisl cannot read the file, or it does not hold both spins.
    """
    path = _checks.path("file", file)
    open_file(path).close()
    try:
        sisl: Any = importlib.import_module("sisl")
    except ImportError as error:
        raise InputError(
            f"Argument `file` must be an .nc of SIESTA unless sisl is installed, but it is {path} "
            "and sisl is not. Install it with: pip install 'msgreen[sisl]'"
        ) from error
    with warnings.catch_warnings():
        # A file without E_F: the user is asked for it.
        warnings.simplefilter("ignore")
        try:
            sile: Any = sisl.get_sile(path)
            hamiltonian = sile.read_hamiltonian()
            energy = sile.read_fermi_level() if hasattr(sile, "read_fermi_level") else None
        # What sisl raises for files of other programs is not listed anywhere.
        except Exception as error:
            raise FileFormatError(
                f"{path}: must hold a Hamiltonian that sisl {sisl.__version__} reads, but it does "
                f"not ({' '.join(str(error).split()) or type(error).__name__}). Copy the file "
                "again, or give the .fdf of the run."
            ) from error
    if hamiltonian is None:
        raise FileFormatError(
            f"{path}: must lie beside the .nc, .TSHS or .HSX of its run, but none is there. Copy "
            "it there."
        )
    notes = ()
    if path.suffix == ".TSHS":
        notes = (f"{path.name} does not name the elements of the atoms; the .fdf does",)
    level = None if energy is None else float(np.ravel(energy)[0])
    return _converted(hamiltonian, level or 0.0, level, path, notes)


def from_sisl(hamiltonian: Any, fermi_energy: float | None = None) -> WannierHamiltonian:
    """Return a `sisl.Hamiltonian` that is in memory.

    Parameters
    ----------
    hamiltonian : sisl.Hamiltonian
        Of both spins: polarized, non-colinear or with spin-orbit coupling; between real orbitals.
    fermi_energy : float, optional
        In eV; 0 in what sisl reads from SIESTA.

    Raises
    ------
    FileFormatError
        If it is of other spins, or not Hermitian.
    """
    return _converted(hamiltonian, 0.0, fermi_energy, Path("sisl.Hamiltonian"), ())


def _converted(hamiltonian, shift: float, fermi_energy, path: Path, notes) -> WannierHamiltonian:
    """Return elements with `shift`, in eV, added to all levels."""
    spin, geometry = hamiltonian.spin, hamiltonian.geometry
    if spin.is_unpolarized or spin.is_nambu:
        raise FileFormatError(
            f"{path}: must hold a Hamiltonian of spin up and down, but its spin is of another "
            f"kind, {' '.join(str(spin).split())}. Run the calculation spin-polarised."
        )
    components = spin.size(hamiltonian.dtype)
    parts = [hamiltonian.tocsr(n).tocoo() for n in range(components + (not hamiltonian.orthogonal))]
    columns, rows = parts[0].col, parts[0].row
    values = np.stack([part.data for part in parts])
    overlap = None if hamiltonian.orthogonal else values[-1]
    spins = _spins(values[:components])
    spins[:2] += shift * ((rows == columns) if overlap is None else overlap)
    cells = np.asarray(geometry.lattice.sc_off)[columns // geometry.no]
    elements = Elements(cells, rows, columns % geometry.no, spins, overlap)
    crystal = Crystal(
        np.asarray(geometry.cell, float),
        tuple(geometry.atoms[n].symbol for n in range(geometry.na)),
        np.asarray(geometry.xyz, float),
    )
    atom_of = np.asarray(geometry.o2a(np.arange(geometry.no)), int)
    return assembled(elements, crystal, atom_of, fermi_energy, path, notes)


def _spins(values: np.ndarray) -> np.ndarray:
    """Return up-up, down-down and, unless collinear, up-down and down-up of sisl's components.

    Complex ones are these, without down-up if there is no spin-orbit coupling; real ones are
    Re uu, Re dd, Re ud, Im ud and with spin-orbit coupling Im uu, Im dd, Re du, Im du.
    """
    if len(values) == 2:
        return values.astype(complex)
    if np.iscomplexobj(values):
        mixed = values[2]
        return np.stack([*values[:3], mixed.conj() if len(values) == 3 else values[3]])
    mixed = values[2] + 1j * values[3]
    if len(values) == 4:
        return np.stack([values[0], values[1], mixed, mixed.conj()])
    return np.stack(
        [
            values[0] + 1j * values[4],
            values[1] + 1j * values[5],
            mixed,
            values[6] + 1j * values[7],
        ]
    )
