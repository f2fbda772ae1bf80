"""Harmonic crystals from files of phonopy, read through the phonopy library."""

from importlib import import_module
from pathlib import Path

import numpy as np

from msgreen.errors import FileFormatError, InputError
from msgreen.phonon.crystal import HarmonicCrystal

_KNOWN_UNITS = (None, "vasp", "aims", "qlm")
"""Calculators whose files are in eV and angstrom."""


def read_phonopy(path: str | Path, *, force_sets: str | Path | None = None) -> HarmonicCrystal:
    """Read force constants from `phonopy.yaml`, with forces in the same or in another file.

    Parameters
    ----------
    path : str or Path
        `phonopy.yaml`, `phonopy_params.yaml` or `phonopy_disp.yaml`.
    force_sets : str or Path, optional
        `FORCE_SETS`; by default what phonopy finds in the file or beside it.

    Returns
    -------
    HarmonicCrystal
        Of the primitive cell, in eV, angstrom and atomic mass units. Force constants are
        symmetrised by phonopy; those to several equally near images are shared between them. The
        non-analytical part of polar crystals is left out.

    Raises
    ------
    InputError
        If phonopy is not installed.
    FileFormatError
        If the file is not one of phonopy's, holds no forces, or is not in eV and angstrom.
    """
    try:
        library = import_module("phonopy")
    except ImportError as error:
        raise InputError(
            "Argument `path` must be read with phonopy, but it is not installed. "
            "Install it with `pip install phonopy`."
        ) from error
    try:
        phonons = library.load(
            str(path),
            force_sets_filename=None if force_sets is None else str(force_sets),
            is_nac=False,
            is_compact_fc=False,
            log_level=0,
        )
    except Exception as error:
        raise FileFormatError(
            f"{path}: the file must be one that phonopy can load, but it is not ({error})."
        ) from error
    if phonons.force_constants is None:
        raise FileFormatError(
            f"{path}: the file must come with forces or force constants, but there are none. "
            "Name FORCE_SETS with `force_sets`."
        )
    if phonons.calculator not in _KNOWN_UNITS:
        raise FileFormatError(
            f"{path}: the file must be in eV and angstrom, but it is of {phonons.calculator}. "
            "Convert it with phonopy."
        )
    return crystal_of(phonons)


def crystal_of(phonons) -> HarmonicCrystal:
    """Return the harmonic crystal of a `phonopy.Phonopy` object with full force constants."""
    cell = phonons.primitive
    vectors, multiplicity = cell.get_smallest_vectors()
    places = np.asarray(cell.scaled_positions)
    home = [int(n) for n in cell.p2s_map]
    kind = [home.index(int(n)) for n in cell.s2p_map]
    table: dict[tuple[int, ...], np.ndarray] = {}
    for a, first in enumerate(home):
        for second, b in enumerate(kind):
            count, start = (int(n) for n in multiplicity[second, a])
            block = np.asarray(phonons.force_constants[first, second]) / count
            for vector in vectors[start : start + count]:
                shift = np.rint(vector - places[b] + places[a]).astype(int)
                bond = (a, b, *shift.tolist())
                table[bond] = table.get(bond, np.zeros((3, 3))) + block
    return HarmonicCrystal(
        cell.cell, cell.positions, cell.masses, np.stack(list(table.values())), list(table)
    )
