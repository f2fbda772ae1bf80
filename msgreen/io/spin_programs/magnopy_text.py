"""The text format of GROGU, which magnopy reads and which states its convention.

E = 1/2 sum_{i != j} e_i.J.e_j + sum_i e_i.K.e_i, in meV, unit vectors, every pair from both ends.

References
----------
Specification in the tutorials of grogupy, and the reader of magnopy (magnopy.org).
"""

from pathlib import Path

import numpy as np

from msgreen.io.jukkr.text import Line
from msgreen.io.spin_programs.assemble import Assembly
from msgreen.io.spin_programs.parts import Parts
from msgreen.io.spin_programs.report import Written
from msgreen.io.spin_programs.text import after, integers, lines_of, number, numbers, write_text
from msgreen.spinmodel import SpinModel
from msgreen.units import MEV

HELD = ("anisotropy", "exchange", "dzyaloshinskii_moriya", "anisotropic_exchange")
"""Classes that the format knows."""

_RULE = "=" * 80
_THIN = "-" * 80


def write_magnopy(parts: Parts, path: Path, moments: np.ndarray) -> Written:
    """Write a text file that `magnopy.io.load_grogu` reads.

    Parameters
    ----------
    parts : Parts
    path : Path
        Of the file.
    moments : real array, shape (site,)
        In Bohr magnetons; half of them are the lengths of the spins in the file (g = 2).
    """
    vectors, positions, _ = parts.geometry
    names = [f"M{n}" for n in range(1, len(positions) + 1)]
    bonds = parts.bonds().both_directions()
    lines = [
        _RULE,
        "Spin model written by msgreen: E = 1/2 sum_{i/=j} e_i.J.e_j + sum_i e_i.K.e_i",
        "in meV, unit vectors e, every pair from both ends; J > 0 is antiferromagnetic.",
        _RULE,
        "Hamiltonian convention",
        "Double counting      true",
        "Normalized spins     true",
        "Intra-atomic factor  +1",
        "Exchange factor      +0.5",
        _RULE,
        "Cell (Ang)",
        *map(numbers, vectors),
        _RULE,
        "Magnetic sites",
        f"Number of sites {len(names)}",
        "Name x (Ang) y (Ang) z (Ang) s sx sy sz",
        *(
            f"{name} {numbers(r)} {number(m / 2)} 0.0 0.0 1.0"
            for name, r, m in zip(names, positions, moments, strict=True)
        ),
        _RULE,
        "Intra-atomic anisotropy tensor (meV)",
        _THIN,
    ]
    for name, tensor in zip(names, parts.onsite(), strict=True):
        lines += [name, "Matrix", *map(numbers, tensor / MEV), _THIN]
    lines += [_RULE, "Exchange tensor (meV)", f"Number of pairs {len(bonds.sites)}", _THIN]
    lines += ["Name1 Name2 i j k d (Ang)", _THIN]
    for (i, j), cell, tensor in zip(*bonds, strict=True):
        distance = float(np.linalg.norm(positions[j] + cell @ vectors - positions[i]))
        lines += [f"{names[i]} {names[j]} {integers(cell)} {number(distance)}", "Matrix"]
        lines += [*map(numbers, tensor / MEV), _THIN]
    return Written([write_text(path, lines)], parts.but(*HELD), parts.constant)


def read_magnopy(path: str | Path) -> SpinModel:
    """Read a text file of GROGU or `write_magnopy` in the convention that it states.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    SpinModel
        If the file counts pairs twice, those listed from one end only stand for both.

    Raises
    ------
    FileFormatError
        If a section is missing or its numbers are not where they belong.
    """
    lines = lines_of(path)
    start = _section(lines, "hamiltonian", "convention")
    rules = dict(_rule(line) for line in after(lines, start + 1, 4, "the convention"))
    place = _section(lines, "cell", "(ang)")
    rows = after(lines, place + 1, 3, "three vectors")
    vectors = np.array([row.numbers(3, "a vector") for row in rows])
    place = _section(lines, "magnetic", "sites")
    count = _count(after(lines, place + 1, 1, "the number of sites")[0])
    atoms = after(lines, place + 3, count, f"{count} sites")
    names = {line.words[0]: n for n, line in enumerate(atoms)}
    rest = [Line(line.file, line.number, line.words[1:]) for line in atoms]
    numbers = [line.numbers(4, "position and spin after a name") for line in rest]
    lengths = np.array([n[3] for n in numbers]) if not rules["normalized"] else np.ones(count)
    assembly = Assembly(vectors, np.array([n[:3] for n in numbers]))
    place = _section(lines, "intra-atomic", "tensor", "(mev)")
    end = _section(lines, "exchange", "tensor", "(mev)")
    for owner, tensor in _matrices(lines[place + 1 : end]):
        site = _site(owner, names, 0)
        value = MEV * rules["intra-atomic"] * lengths[site] ** 2 * tensor
        assembly.add("anisotropy", [(site, 0, 0, 0)], value)
    found = {}
    for owner, tensor in _matrices(lines[end + 1 :]):
        i, j = _site(owner, names, 0), _site(owner, names, 1)
        tail = Line(owner.file, owner.number, owner.words[2:])
        found[(i, j, *tail.integers(3, "the cell of the second site"))] = tensor
    for (i, j, *cell), tensor in found.items():
        back = (j, i, *(-n for n in cell))
        missing = rules["double"] and back not in found
        scale = MEV * rules["exchange"] * lengths[i] * lengths[j] * (2 if missing else 1)
        assembly.add_pair(i, j, cell, scale * tensor)
    return assembly.model()


def _section(lines: list[Line], *words: str) -> int:
    for place, line in enumerate(lines):
        text = " ".join(line.words).lower()
        if all(word in text for word in words):
            return place
    raise lines[-1].error(f"a section {' '.join(words)!r} before it", "the file has none")


def _rule(line: Line) -> tuple[str, float]:
    word = line.words[-1].lower()
    truth = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
    if word in truth:
        return line.words[0].lower(), truth[word]
    return line.words[0].lower(), Line(line.file, line.number, (word,)).numbers(1, "a factor")[0]


def _count(line: Line) -> int:
    return Line(line.file, line.number, line.words[3:]).integers(1, "a number after three words")[0]


def _site(line: Line, names: dict[str, int], word: int) -> int:
    if len(line.words) <= word or line.words[word] not in names:
        raise line.error(f"a site of {', '.join(names)}", f"it has {' '.join(line.words)!r}")
    return names[line.words[word]]


def _matrices(lines: list[Line]):
    """Yield the line before every word "Matrix", and the nine numbers after it."""
    for place, line in enumerate(lines):
        if line.words[0].lower().startswith("matrix"):
            rows = after(lines, place + 1, 3, "three rows")
            yield lines[place - 1], np.array([row.numbers(3, "a row") for row in rows])
