"""Lattices and atoms from files of other programs: POSCAR, CIF, xyz and whatever else ASE reads."""

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError, InputError
from msgreen.io.files import read_bytes
from msgreen.io.wannier.hamiltonian import Crystal

LARGEST = 2**26
"""Bytes of a file: a million atoms in text."""


def read_structure(file: str | Path) -> Crystal:
    """Read lattice vectors and atoms from a file with ASE.

    Parameters
    ----------
    file : path
        What ``ase.io.read(file)`` reads, with three lattice vectors; of several structures the
        last one.

    Returns
    -------
    Crystal
        In angstrom. ``msgreen.Lattice(crystal.vectors, crystal.positions)`` is its lattice.

    Raises
    ------
    InputError
        If ASE is not installed.
    FileFormatError
        If ASE cannot read the file, or it has no three lattice vectors, or no atom.
    """
    path = _checks.path("file", file)
    read_bytes(path, LARGEST)
    try:
        ase: Any = importlib.import_module("ase.io")
    except ImportError as error:
        raise InputError(
            f"Argument `structure` can be read if ASE is installed, but it is {path} and ASE is "
            "not. Install it with: pip install 'msgreen[ase]'"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            atoms = ase.read(path, do_not_split_by_at_sign=True)
            vectors = np.array(atoms.cell, float)
            positions, symbols = np.array(atoms.positions, float), tuple(atoms.symbols)
        # What ASE raises for files of other programs is not listed anywhere.
        except Exception as error:
            raise FileFormatError(
                f"{path}: must hold a crystal that ASE reads, but it does not "
                f"({' '.join(str(error).split()) or type(error).__name__}). Give a POSCAR or CIF."
            ) from error
    if not np.isfinite(vectors).all() or abs(np.linalg.det(vectors)) < 1e-6:
        raise FileFormatError(
            f"{path}: must hold three independent lattice vectors, but they span no volume. Give "
            "a file of a crystal, as POSCAR or CIF."
        )
    if not len(symbols) or not np.isfinite(positions).all():
        raise FileFormatError(
            f"{path}: must hold atoms at finite positions, but it does not. Give a POSCAR or CIF."
        )
    return Crystal(vectors, symbols, positions)
