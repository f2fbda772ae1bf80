"""TB2J: `exchange.out`, read only.

E = - sum_{i != j} [J e_i.e_j + e_i.J_ani.e_j + D.(e_i x e_j)] - sum_i e_i.A.e_i, in meV, unit
vectors, every pair from both ends.

References
----------
Xu He et al., Comput. Phys. Commun. 264, 107938 (2021), and "Conventions of Heisenberg Model" in
the documentation of TB2J.
"""

import re
from pathlib import Path

import numpy as np

from msgreen.errors import FileFormatError
from msgreen.io.jukkr.text import Line
from msgreen.io.spin_programs.assemble import Assembly
from msgreen.io.spin_programs.text import after, lines_of
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.convert import LEVI_CIVITA
from msgreen.units import MEV

_MARKS = re.compile(r"[()\[\],]")


def read_tb2j(path: str | Path) -> SpinModel:
    """Read `exchange.out` of TB2J.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    SpinModel
        With all atoms of the file as sites, also those without interactions. The precision is
        that of the file: 4 decimals of a meV, 3 for the anisotropic part.

    Raises
    ------
    FileFormatError
        If a section is missing, or the bond vectors contradict cell and positions.

    Notes
    -----
    The anisotropic part need not be traceless; its trace is counted with the exchange, as TB2J
    does. The single-ion anisotropy of the file has the sign of the documentation,
    ``- sum_i e_i.A.e_i``; versions of TB2J differ about it, and its authors advise against it.
    """
    lines = lines_of(path, ())
    place = _section(lines, "Cell (Angstrom):")
    rows = after(lines, place + 1, 3, "three vectors")
    vectors = np.array([row.numbers(3, "a vector") for row in rows])
    names, positions = _atoms(lines, _section(lines, "Atoms:"))
    assembly = Assembly(vectors, positions)
    start = _section(lines, "Exchange:")
    _read_anisotropies(lines[:start], names, assembly)
    bonds = [n for n in range(start, len(lines)) if _is_bond(lines[n], names)]
    if not bonds:
        raise lines[start].error("bonds after it", "there is none")
    for first, end in zip(bonds, [*bonds[1:], len(lines)], strict=True):
        head, *body = lines[first:end]
        words = _words(head)
        i, j = names[words[0]], names[words[1]]
        numbers = Line(head.file, head.number, tuple(words[2:])).numbers(7, "cell, J and a vector")
        cell = numbers[:3].astype(int)
        expected = positions[j] + cell @ vectors - positions[i]
        if np.abs(expected - numbers[4:7]).max() > 2e-3:
            raise head.error(
                f"the vector {np.round(expected, 3)} between its atoms",
                f"it has {numbers[4:7]}: atoms and cells do not belong together",
            )
        assembly.add_pair(i, j, cell.tolist(), -MEV * _tensor(head, body, numbers[3]))
    return assembly.model()


def _section(lines: list[Line], title: str) -> int:
    for place, line in enumerate(lines):
        if " ".join(line.words).startswith(title):
            return place
    raise FileFormatError(
        f"{lines[0].file if lines else 'the file'}: must hold a section {title!r}, but it has "
        "none. Give an `exchange.out` of TB2J."
    )


def _words(line: Line) -> list[str]:
    return _MARKS.sub(" ", " ".join(line.words)).split()


def _atoms(lines: list[Line], start: int) -> tuple[dict[str, int], np.ndarray]:
    """Return numbers by name, and positions."""
    names: dict[str, int] = {}
    positions = []
    for line in lines[start + 1 :]:
        if line.words[0] == "Total":
            return names, np.array(positions)
        if line.words[0] not in ("Atom", "Atom_number") and not line.words[0].startswith("("):
            names[line.words[0]] = len(names)
            rest = Line(line.file, line.number, line.words[1:])
            positions.append(rest.numbers(3, "a position after the name of an atom"))
    raise lines[start].error("a list of atoms that ends with `Total`", "the list does not end")


def _is_bond(line: Line, names: dict[str, int]) -> bool:
    return line.words[0] in names and len(line.words) > 5 and line.words[1] in names


def _tensor(head: Line, body: list[Line], exchange: float) -> np.ndarray:
    """Return J + J_ani + D of one bond in meV, in the convention of the file."""
    tensor = exchange * np.eye(3)
    for place, line in enumerate(body):
        words = _words(line)
        text = " ".join(line.words)
        if "DMI:" in text:
            found = Line(line.file, line.number, tuple(words[-3:])).numbers(3, "a vector")
            tensor = tensor + LEVI_CIVITA @ found
        elif "J_ani:" in text:
            rows = [Line(r.file, r.number, tuple(_words(r))) for r in body[place + 1 : place + 4]]
            if len(rows) < 3:
                raise head.error("three rows of J_ani", "the file ends before")
            tensor = tensor + np.array([row.numbers(3, "a row of J_ani") for row in rows])
    return tensor


def _read_anisotropies(lines: list[Line], names: dict[str, int], assembly: Assembly) -> None:
    """Read the axes (name, k1, direction) or the tensors (name and three rows)."""
    titles = [n for n, line in enumerate(lines) if line.words[:2] == ("Single", "Ion")]
    if not titles:
        return
    body = lines[titles[0] + 1 :]
    for place, line in enumerate(body):
        words = _words(line)
        if words[0] not in names or len(words) < 4:
            continue
        rest = Line(line.file, line.number, tuple(words[1:]))
        if len(words) == 4:
            rows = [rest.numbers(3, "a row")]
            rows += [r.numbers(3, "a row") for r in after(body, place + 1, 2, "three rows")]
            tensor = np.array(rows)
        else:
            strength, *axis = rest.numbers(4, "a strength and a direction")
            tensor = strength * np.outer(axis, axis)
        assembly.add("anisotropy", [(names[words[0]], 0, 0, 0)], -MEV * tensor)
