"""Harmonic crystals from files of phonopy, read through the phonopy library."""

import bz2
import gzip
import io
import lzma
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError, InputError
from msgreen.io.files import LARGEST, open_file
from msgreen.io.netcdf import check_hdf5
from msgreen.phonon.crystal import HarmonicCrystal

_KNOWN_UNITS = (None, "vasp", "aims", "qlm")
"""Calculators whose files are in eV and angstrom."""

_PACKED = {".xz": lzma.open, ".lzma": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}

_CONSTANTS = ("FORCE_CONSTANTS", "force_constants.hdf5")
"""Names that phonopy looks for, in this order."""

_DEEPEST = 50
"""Levels of a yaml file. Those of phonopy have 6; some thousand end the process."""

_PLAIN = {None, "!", *(f"tag:yaml.org,2002:{n}" for n in "str int float bool null seq map".split())}


def read_phonopy(path: str | Path, *, force_sets: str | Path | None = None) -> HarmonicCrystal:
    """Read force constants from `phonopy.yaml`, with forces in the same or in another file.

    Parameters
    ----------
    path : str or Path
        `phonopy.yaml`, `phonopy_params.yaml` or `phonopy_disp.yaml`. Force constants that are not
        in it are taken from `FORCE_CONSTANTS` or `force_constants.hdf5` beside it.
    force_sets : str or Path, optional
        `FORCE_SETS`; by default what is in the file or beside it.

    Returns
    -------
    HarmonicCrystal
        Of the primitive cell, in eV, angstrom and atomic mass units. Force constants are
        symmetrised by phonopy; those to several equally near images are shared between them. The
        non-analytical part of polar crystals is left out.

    Raises
    ------
    InputError
        If phonopy is not installed, or would take a file of the current folder that does not
        belong to `path`.
    FileFormatError
        If the file is not one of phonopy's, holds no forces, is not in eV and angstrom, or has
        tags, which phonopy would run as code.
    """
    try:
        library = import_module("phonopy")
    except ImportError as error:
        raise InputError(
            "Argument `path` must be read with phonopy, but it is not installed. "
            "Install it with `pip install phonopy`."
        ) from error
    path = _checks.path("path", path)
    content = _checked_yaml(path)
    sets, constants = _beside(path, force_sets, content)
    try:
        phonons = library.load(
            io.BytesIO(content),
            force_sets_filename=sets,
            force_constants_filename=constants,
            is_nac=False,
            is_compact_fc=False,
            log_level=0,
        )
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileFormatError(
            f"{path}: the file must be one that phonopy can load, but it is not ({reason}). Write "
            "it again with phonopy."
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


def _checked_yaml(path: Path) -> bytes:
    """Return the content of a yaml file without tags, aliases and depths that phonopy cannot have.

    Its loader runs what tags name, so that a file could run any program.
    """
    yaml = import_module("yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content = _unpacked(path)
    depth = 0
    try:
        for event in yaml.parse(content, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            alias = isinstance(event, yaml.AliasEvent)
            if alias or depth > _DEEPEST or getattr(event, "tag", None) not in _PLAIN:
                found = "an alias" if alias else f"{depth} levels"
                found = f"the tag {event.tag[:40]!r}" if getattr(event, "tag", None) else found
                raise FileFormatError(
                    f"{path}, line {event.start_mark.line + 1}: must hold plain values as phonopy "
                    f"writes them, but there is {found}. Do not trust this file."
                )
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            f"{path}: the file must be yaml, but it is not ({' '.join(str(error).split())}). Copy "
            "it again."
        ) from error
    return content


def _unpacked(path: Path) -> bytes:
    """Return the content of a file that may be compressed, as far as it fits into memory."""
    unpack = _PACKED.get(path.suffix)
    try:
        with open_file(path) as file, unpack(file) if unpack else file as stream:
            content = stream.read(LARGEST + 1)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise FileFormatError(
            f"{path}: the file must be compressed as its name says, but it is not ({error}). Copy "
            "it again."
        ) from error
    if len(content) > LARGEST:
        raise FileFormatError(
            f"{path}: must have at most {LARGEST} bytes, but it has more. Give the right file."
        )
    return content


def _beside(
    path: Path, force_sets: str | Path | None, content: bytes
) -> tuple[str | None, str | None]:
    """Return the files of forces and of force constants that go with a yaml file."""
    if force_sets is None and re.search(rb"^force_constants:", content, re.MULTILINE):
        return None, None
    given = force_sets is not None
    sets = _checks.path("force_sets", force_sets) if given else path.parent / "FORCE_SETS"
    found = [sets] if given or sets.exists() else []
    constants = [file for n in _CONSTANTS if (file := path.parent / n).exists()][:1]
    constants = constants if force_sets is None else []
    for file in found + constants:
        open_file(file).close()
        if file.suffix == ".hdf5":
            check_hdf5(file)
    missing = [] if found else ["FORCE_SETS"]
    missing += [] if constants else _CONSTANTS
    for name in missing:
        if Path(name).exists():
            raise InputError(
                f"Argument `path` must be read where there is no other {name}, but phonopy would "
                f"take {Path(name).absolute()}. Change to another folder, or move the file."
            )
    names = [str(files[0]) if files else None for files in (found, constants)]
    return names[0], names[1]


def crystal_of(phonons: Any) -> HarmonicCrystal:
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
