"""TB2J: `exchange.out`, as TB2J and `write_tb2j` write it.

E = - sum_{i != j} [J e_i.e_j + e_i.J_ani.e_j + D.(e_i x e_j)] - sum_i e_i.A.e_i, in meV, unit
vectors, every pair from both ends.

References
----------
Xu He et al., Comput. Phys. Commun. 264, 107938 (2021), and "Conventions of Heisenberg Model" in
the documentation of TB2J.
"""

import re
import warnings
from pathlib import Path

import numpy as np

from msgreen import _checks
from msgreen.errors import AccuracyWarning, FileFormatError
from msgreen.io.files import reading
from msgreen.io.jukkr.text import Line
from msgreen.io.spin_programs.assemble import Assembly
from msgreen.io.spin_programs.directions import Bond, check_directions, once
from msgreen.io.spin_programs.text import after, lines_of, vectors_of
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.convert import LEVI_CIVITA
from msgreen.units import MEV

_MARKS = re.compile(r"[()\[\],]")
_HEAD = re.compile(r"\S+ \S+ ?\([^()]*\) ?\S+ \(")

_LAST_DIGIT = 1.1e-3
"""Of the anisotropic part in meV, which has the fewest digits, in each of two directions."""


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
        If a section is missing, the bond vectors contradict cell and positions by more than the
        digits of the file explain, a bond is listed twice or from one end only, or both of its
        ends contradict each other.

    Warns
    -----
    AccuracyWarning
        If both ends of a bond differ by noise, or bonds at the edge of an even mesh of wave
        vectors are listed from one end, as TB2J does; they are taken to hold for the other.

    Notes
    -----
    The anisotropic part need not be traceless; its trace is counted with the exchange, as TB2J
    does. The single-ion anisotropy of the file has the sign of the documentation,
    ``- sum_i e_i.A.e_i``; versions of TB2J differ about it, and its authors advise against it.
    """
    path = _checks.path("path", path)
    with reading(path):
        return _model(lines_of(path, ()), path)


def _model(lines: list[Line], path: Path) -> SpinModel:
    place = _section(lines, "Cell (Angstrom):", path)
    rows = after(lines, place + 1, 3, "three vectors")
    vectors = vectors_of(rows[0], np.array([row.numbers(3, "a vector") for row in rows]))
    names, positions, position_digit = _atoms(lines, _section(lines, "Atoms:", path))
    symbols = [name.rstrip("0123456789") for name in names]
    assembly = Assembly(vectors, positions, symbols=symbols)
    start = _section(lines, "Exchange:", path)
    _read_anisotropies(lines[:start], names, assembly)
    heads = [n for n in range(start, len(lines)) if _is_bond(lines[n], names)]
    if not heads:
        raise lines[start].error("bonds after it", "there is none")
    digits = (max(_last_digit(word) for row in rows for word in row.words[:3]), position_digit)
    bonds = []
    for first, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        head, *body = lines[first:end]
        bonds.append(_bond(head, body, names, (vectors, positions), digits))
    found = once(bonds)
    for bond in check_directions(found, _LAST_DIGIT, _edges(bonds)):
        found[bond.back] = bond._replace(i=bond.j, j=bond.i, cell=bond.back[2:], value=bond.value.T)
    if len(found) > len(bonds):
        warnings.warn(
            f"{path}: must list every bond from both of its ends, but {len(found) - len(bonds)} "
            "bonds at the edge of an even mesh of wave vectors are listed from one. They are "
            "taken to be the same from the other; use an odd mesh.",
            AccuracyWarning,
            stacklevel=4,
        )
    for bond in found.values():
        assembly.add_pair(bond.i, bond.j, bond.cell, -MEV * bond.value)
    return assembly.model()


def _bond(head: Line, body: list[Line], names, geometry, digits) -> Bond:
    """Return one bond after a check of its vector.

    The cell is written with few decimals: its rounding is multiplied by the number of cells.
    """
    vectors, positions = geometry
    words = _words(head)
    i, j = names[words[0]], names[words[1]]
    tail = Line(head.file, head.number, tuple(words[2:]))
    cell = tail.integers(3, "the cell of a bond")
    found = tail.rest(3).numbers(4, "J and a vector")
    expected = positions[j] + cell @ vectors - positions[i]
    vector_digit = max(_last_digit(word) for word in words[6:9])
    allowed = 0.5 * (digits[0] * np.abs(cell).sum() + 2 * digits[1] + vector_digit) + 1e-4
    if np.abs(expected - found[1:]).max() > allowed:
        raise head.error(
            f"the vector {np.round(expected, 3)} between its atoms within {allowed:.1e}",
            f"it has {found[1:]}: atoms and cells do not belong together",
        )
    a, b, c = cell
    return Bond(head, i, j, (a, b, c), _tensor(head, body, found[0]))


def _edges(bonds: list[Bond]):
    """Return whether a bond is at the edge of an even mesh.

    TB2J lists the cells from -n/2 + 1 to n/2 of n points (`kmesh_to_R`).
    """
    cells = np.array([bond.cell for bond in bonds])
    lowest, highest = cells.min(axis=0), cells.max(axis=0)
    even = (lowest == 1 - highest) & (highest > 1)
    return lambda bond: bool(np.any(even & (np.array(bond.cell) == highest)))


def _last_digit(word: str) -> float:
    """Return the value of one unit in the last place of a decimal number."""
    mantissa, _, exponent = word.lower().partition("e")
    power = int(exponent) if exponent.lstrip("+-").isdecimal() and len(exponent) < 4 else 0
    return 10.0 ** (power - len(mantissa.partition(".")[2]))


def _section(lines: list[Line], title: str, path: Path) -> int:
    for place, line in enumerate(lines):
        if " ".join(line.words).startswith(title):
            return place
    raise FileFormatError(
        f"{path}: must hold a section {title!r}, but it has none. Give an `exchange.out` of TB2J."
    )


def _words(line: Line) -> list[str]:
    return _MARKS.sub(" ", " ".join(line.words)).split()


def _atoms(lines: list[Line], start: int) -> tuple[dict[str, int], np.ndarray, float]:
    """Return numbers by name, positions, and the last digit of these."""
    names: dict[str, int] = {}
    positions, digit = [], 0.0
    for line in lines[start + 1 :]:
        if line.words[0] == "Total":
            if not positions:
                raise lines[start].error("a list of atoms", "there is none")
            return names, np.array(positions), digit
        if line.words[0] not in ("Atom", "Atom_number") and not line.words[0].startswith("("):
            if line.words[0] in names:
                raise line.error("every atom once", f"{line.words[0]!r} is listed before")
            names[line.words[0]] = len(names)
            rest = line.rest(1)
            positions.append(rest.numbers(3, "a position after the name of an atom"))
            digit = max(digit, *(_last_digit(word) for word in rest.words[:3]))
    raise lines[start].error("a list of atoms that ends with `Total`", "the list does not end")


def _is_bond(line: Line, names: dict[str, int]) -> bool:
    """Return whether a line begins a bond; one of unknown atoms is refused."""
    if not _HEAD.match(" ".join(line.words)):
        return False
    for name in _words(line)[:2]:
        if name not in names:
            raise line.error(f"atoms of {', '.join(names)[:80]}", f"it names {name[:40]!r}")
    return True


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
        if not words or words[0] not in names or len(words) < 4:
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
