"""Crystals of Wannier90 files: `seedname.win` and `seedname_centres.xyz`."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError
from msgreen.io.jukkr.text import Line
from msgreen.io.wannier.text import TextStream, finite_numbers, integers
from msgreen.units import BOHR

_UNITS = {"bohr": BOHR, "ang": 1.0, "angstrom": 1.0}
_LOGICAL = {".true.": True, "true": True, "t": True, ".false.": False, "false": False, "f": False}


class WinFile(NamedTuple):
    """What msgreen needs of `seedname.win`.

    Attributes
    ----------
    vectors : real array, shape (3, 3), or None
        Lattice vectors in angstrom, one per row; None without `unit_cell_cart`.
    symbols : tuple of str
        Of the atoms; empty without a block of atoms.
    positions : real array, shape (atom, 3)
        In angstrom.
    spinors : bool or None
        None if the file does not say.
    use_ws_distance : bool or None
        None if the file does not say.
    """

    vectors: np.ndarray | None
    symbols: tuple[str, ...]
    positions: np.ndarray
    spinors: bool | None
    use_ws_distance: bool | None


class CentresFile(NamedTuple):
    """What `seedname_centres.xyz` holds.

    Attributes
    ----------
    centres : real array, shape (function, 3)
        In angstrom.
    symbols : tuple of str
        Of the atoms.
    positions : real array, shape (atom, 3)
        In angstrom.
    """

    centres: np.ndarray
    symbols: tuple[str, ...]
    positions: np.ndarray


def read_win(file: str | Path) -> WinFile:
    """Read cell and atoms from `seedname.win`.

    Parameters
    ----------
    file : path
        Keys in any case of letters; comments begin with `!` or `#`; blocks `unit_cell_cart`,
        `atoms_cart` and `atoms_frac`, the first two in angstrom or bohr.

    Returns
    -------
    WinFile

    Raises
    ------
    FileFormatError
        If a block is incomplete or holds something else, naming the line.
    """
    keys, blocks = _contents(_checks.path("file", file))
    vectors = None
    if "unit_cell_cart" in blocks:
        start, lines = blocks["unit_cell_cart"]
        unit, lines = _unit(lines)
        if len(lines) != 3:
            raise start.error("three lattice vectors", f"there are {len(lines)} lines")
        vectors = unit * np.array([finite_numbers(line, 3, "a lattice vector") for line in lines])
        if abs(np.linalg.det(vectors)) < 1e-6:
            raise start.error("independent lattice vectors", "they span no volume")
    symbols, positions = _atoms(blocks, vectors)
    spinors = _logical(keys, "spinors")
    return WinFile(vectors, symbols, positions, spinors, _logical(keys, "use_ws_distance"))


def read_centres(file: str | Path) -> CentresFile:
    """Read `seedname_centres.xyz`.

    Parameters
    ----------
    file : path

    Returns
    -------
    CentresFile

    Raises
    ------
    FileFormatError
        If the file is foreign or truncated, naming the line.
    """
    with TextStream(file) as stream:
        line = stream.line("the number of centres and atoms")
        (count,) = integers(line, 1, "the number of centres and atoms")
        stream.check_room(count, 8, "centres and atoms")
        stream.header()
        lines = [stream.line("a symbol and a position") for _ in range(count)]
        stream.end()
    for line in lines:
        if len(line.words) < 4:
            raise line.error("a symbol and a position", f"it has {len(line.words)} words")
    symbols = [line.words[0] for line in lines]
    places = [
        finite_numbers(Line(line.file, line.number, line.words[1:]), 3, "a position")
        for line in lines
    ]
    is_centre = np.array([symbol.upper() == "X" for symbol in symbols], bool)
    positions = np.array(places).reshape(-1, 3)
    atoms = tuple(symbol for symbol in symbols if symbol.upper() != "X")
    return CentresFile(positions[is_centre], atoms, positions[~is_centre])


def _contents(path: Path) -> tuple[dict[str, Line], dict[str, tuple[Line, list[Line]]]]:
    """Lines of keys, and lines of blocks with the line that begins each, by lower-case names."""
    keys: dict[str, Line] = {}
    blocks: dict[str, tuple[Line, list[Line]]] = {}
    inside = None
    with TextStream(path) as stream:
        while (line := stream.optional_line()) is not None:
            text = re.split("[!#]", " ".join(line.words), maxsplit=1)[0]
            words = tuple(text.replace("=", " ").replace(":", " ").split())
            if not words:
                continue
            first, name = words[0].lower(), " ".join(words[1:2]).lower()
            if first == "begin" and inside is None:
                if name in blocks:
                    raise line.error("every block once", f"`{name}` has begun before")
                inside, blocks[name] = name, (line, [])
            elif first == "end":
                if name != inside:
                    raise line.error(f"`end {inside or ''}`", f"it ends `{name}`")
                inside = None
            elif inside is not None:
                blocks[inside][1].append(Line(path, line.number, tuple(text.split())))
            else:
                keys[first] = Line(path, line.number, words)
    if inside is not None:
        raise FileFormatError(
            f"{path}, line {blocks[inside][0].number}: must be followed by `end {inside}`, but the "
            "file ends before. Copy the file again: it is truncated."
        )
    return keys, blocks


def _unit(lines: list[Line]) -> tuple[float, list[Line]]:
    """Factor to angstrom, and the lines that follow the unit if there is one."""
    if lines and len(lines[0].words) == 1:
        unit = lines[0].words[0].lower()
        if unit not in _UNITS:
            raise lines[0].error(f"a unit ({', '.join(_UNITS)})", f"it holds {unit!r}")
        return _UNITS[unit], lines[1:]
    return 1.0, lines


def _atoms(blocks, vectors) -> tuple[tuple[str, ...], np.ndarray]:
    names = [name for name in ("atoms_cart", "atoms_frac") if name in blocks]
    if not names:
        return (), np.empty((0, 3))
    start, lines = blocks[names[-1]]
    if len(names) == 2:
        raise start.error("the atoms once", "`atoms_cart` and `atoms_frac` are both there")
    fractional = names == ["atoms_frac"]
    unit, lines = (1.0, lines) if fractional else _unit(lines)
    if fractional and vectors is None:
        raise start.error("`unit_cell_cart` beside `atoms_frac`", "it is not there")
    if not lines:
        raise start.error("atoms", "the block is empty")
    for line in lines:
        if len(line.words) < 4:
            raise line.error("a symbol and a position", f"it has {len(line.words)} words")
    places = np.array(
        [finite_numbers(Line(n.file, n.number, n.words[1:]), 3, "a position") for n in lines]
    )
    positions = places @ vectors if fractional else unit * places
    return tuple(line.words[0] for line in lines), positions


def _logical(keys: dict[str, Line], name: str) -> bool | None:
    if name not in keys:
        return None
    line = keys[name]
    value = " ".join(line.words[1:2]).lower()
    if value not in _LOGICAL:
        raise line.error(f"`{name}` as .true. or .false.", f"it is {value!r}")
    return _LOGICAL[value]
