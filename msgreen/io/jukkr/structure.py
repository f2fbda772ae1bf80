"""Positions: `kkrflex_atominfo`, `kkrflex_hoststructure.dat`, `nonco_angle.dat`, the input card."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from msgreen.errors import FileFormatError
from msgreen.io.jukkr.text import Line, first_line, read_lines
from msgreen.spin.algebra import direction
from msgreen.units import BOHR

_ALAT = re.compile(r"ALATBASIS\s*=\s*(\S+)")


class AtomInfo(NamedTuple):
    """Atoms of a cluster, from `kkrflex_atominfo`.

    Attributes
    ----------
    positions : real array, shape (site, 3)
        In units of the lattice constant.
    nuclear_charge : real array, shape (site,)
    virtual, removed : bool array, shape (site,)
        Whether the impurity program is to add or remove the atom.
    lmax : int array, shape (site,)
        Largest angular momentum.
    """

    positions: np.ndarray
    nuclear_charge: np.ndarray
    virtual: np.ndarray
    removed: np.ndarray
    lmax: np.ndarray


class HostStructure(NamedTuple):
    """Lattice of the host, from `kkrflex_hoststructure.dat`, in units of the lattice constant.

    Attributes
    ----------
    bravais : real array, shape (3, 3)
        Primitive vectors as rows; the third is zero for a layer.
    basis : real array, shape (atom, 3)
    weights : real array, shape (atom,)
    """

    bravais: np.ndarray
    basis: np.ndarray
    weights: np.ndarray


def read_atominfo(file: str | Path) -> AtomInfo:
    """Read `kkrflex_atominfo`.

    Raises
    ------
    FileFormatError
        If the file is foreign or truncated, naming the line.
    """
    lines = read_lines(file, comments=("#",))
    what = "the number of atoms"
    count, _ = first_line(lines, file, what).integers(2, what)
    rows = []
    for atom in range(count):
        what = f"position, charge, two flags and lmax of atom {atom + 1} of {count}"
        line = first_line(lines[1 + atom : 2 + atom], file, what)
        rows.append(line.numbers(7, what))
        line.whole(rows[-1][6], what)
    table = np.array(rows).reshape(-1, 7)
    flags = table[:, 4:6] != 0
    return AtomInfo(table[:, :3], table[:, 3], flags[:, 0], flags[:, 1], table[:, 6].astype(int))


def read_hoststructure(file: str | Path) -> HostStructure:
    """Read `kkrflex_hoststructure.dat`.

    Raises
    ------
    FileFormatError
        If the file is foreign or truncated, naming the line.
    """
    lines = read_lines(file, comments=("#",))
    _section(lines, file, "[bravais]")
    vectors = []
    for number in (1, 2, 3):
        what = f"Bravais vector {number}"
        vectors.append(first_line(lines[number:], file, what).numbers(3, what))
    lines = lines[4:]
    _section(lines, file, "[basis]")
    what = "the number of basis atoms"
    count = first_line(lines[1:], file, what).integers(1, what)[0]
    rows = []
    for atom in range(count):
        what = f"position and weight of basis atom {atom + 1} of {count}"
        rows.append(first_line(lines[2 + atom : 3 + atom], file, what).numbers(4, what))
    table = np.array(rows).reshape(-1, 4)
    return HostStructure(np.array(vectors), table[:, :3], table[:, 3])


def read_angles(file: str | Path) -> np.ndarray:
    """Read `nonco_angle.dat`, the directions of the moments.

    Returns
    -------
    real array, shape (atom, 3)
        Unit vectors, one per atom of the unit cell.

    Raises
    ------
    FileFormatError
        If the file is foreign or empty, naming the line.
    """
    lines = read_lines(file, comments=("#",))
    what = "polar angle and azimuth in degrees"
    first_line(lines, file, what)
    angles = np.radians([line.numbers(2, what) for line in lines])
    return np.asarray(direction(angles[:, 0], angles[:, 1]))


def read_lattice_constant(file: str | Path) -> float:
    """Return the lattice constant of a JuKKR input card (ALATBASIS, in Bohr radii) in angstrom.

    Raises
    ------
    FileFormatError
        If no line of the file that is not a comment names it.
    """
    for line in read_lines(file, comments=("#",)):
        found = _ALAT.search(" ".join(line.words).partition("#")[0])
        if found:
            what = "the lattice constant as `ALATBASIS= a` with a > 0"
            value = float(Line(line.file, line.number, (found[1],)).numbers(1, what)[0])
            if not value > 0:
                raise line.error(what, f"it is {value}")
            return value * BOHR
    raise FileFormatError(
        f"{file}: must name the lattice constant as `ALATBASIS= a` with a > 0, but it does not. "
        "Give the lattice constant yourself."
    )


def _section(lines, file, name: str) -> None:
    line = first_line(lines, file, f"the section {name}")
    if line.words[0] != name:
        raise line.error(f"the section {name}", f"it holds {line.words[0][:40]!r}")
