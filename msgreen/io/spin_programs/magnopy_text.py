"""The text format of GROGU, which magnopy reads and which states its convention.

E = 1/2 sum_{i != j} e_i.J.e_j + sum_i e_i.K.e_i, in meV, unit vectors, every pair from both ends.

References
----------
Specification in the tutorials of grogupy, and the reader of magnopy (magnopy.org).
"""

from pathlib import Path

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError
from msgreen.io.files import reading
from msgreen.io.jukkr.text import Line
from msgreen.io.spin_programs.assemble import Assembly
from msgreen.io.spin_programs.directions import Bond, check_directions, once
from msgreen.io.spin_programs.parts import Parts
from msgreen.io.spin_programs.report import Written
from msgreen.io.spin_programs.text import (
    after,
    integers,
    lines_of,
    number,
    numbers,
    vectors_of,
    write_text,
)
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
        If a section is missing, its numbers are not where they belong, a bond is listed twice
        (which magnopy refuses too), or its two ends contradict each other.

    Warns
    -----
    AccuracyWarning
        If both ends of a bond differ by noise.
    """
    path = _checks.path("path", path)
    with reading(path):
        return _model(lines_of(path), path)


def _model(lines: list[Line], path: str | Path) -> SpinModel:
    start = _section(lines, path, "hamiltonian", "convention")
    rules = _rules(after(lines, start + 1, 4, "the convention"))
    place = _section(lines, path, "cell", "(ang)")
    rows = after(lines, place + 1, 3, "three vectors")
    vectors = vectors_of(rows[0], np.array([row.numbers(3, "a vector") for row in rows]))
    place = _section(lines, path, "magnetic", "sites")
    count = _count(after(lines, place + 1, 1, "the number of sites")[0])
    atoms = after(lines, place + 3, count, f"{count} sites")
    names = {line.words[0]: n for n, line in enumerate(atoms)}
    if len(names) < max(count, 1):
        raise lines[place + 1].error("sites of different names", f"it has {len(names)}")
    numbers = [line.rest(1).numbers(4, "position and spin after a name") for line in atoms]
    lengths = np.array([n[3] for n in numbers]) if not rules["normalized"] else np.ones(count)
    assembly = Assembly(vectors, np.array([n[:3] for n in numbers]))
    place = _section(lines, path, "intra-atomic", "tensor", "(mev)")
    end = _section(lines, path, "exchange", "tensor", "(mev)")
    seen = set()
    for owner, tensor in _matrices(lines[place + 1 : end]):
        site = _site(owner, names, 0)
        if site in seen:
            raise owner.error("every site once", f"{owner.words[0]!r} is listed before")
        seen.add(site)
        value = MEV * rules["intra-atomic"] * lengths[site] ** 2 * tensor
        assembly.add("anisotropy", [(site, 0, 0, 0)], value)
    (stated,) = after(lines, end + 1, 1, "the number of pairs")
    bonds = once([_bond(owner, names, t) for owner, t in _matrices(lines[end + 1 :])])
    if len(bonds) != _count(stated):
        raise stated.error("the number of pairs that follow", f"{len(bonds)} do")
    _add_bonds(bonds, rules, lengths, assembly)
    return assembly.model()


def _bond(owner: Line, names: dict[str, int], tensor: np.ndarray) -> Bond:
    i, j = _site(owner, names, 0), _site(owner, names, 1)
    a, b, c = owner.rest(2).integers(3, "the cell of the second site")
    return Bond(owner, i, j, (a, b, c), tensor)


def _add_bonds(bonds: dict[tuple[int, ...], Bond], rules, lengths, assembly: Assembly) -> None:
    """Add bonds; if pairs count twice, those listed from one end stand for both."""
    if rules["double"]:
        check_directions(bonds, excused=lambda bond: True)
    for bond in bonds.values():
        alone = bond.back not in bonds
        if not alone and not rules["double"]:
            raise bond.line.error(
                "every bond once, as pairs are not counted twice",
                f"line {bonds[bond.back].line.number} lists it from the other end",
            )
        scale = MEV * rules["exchange"] * lengths[bond.i] * lengths[bond.j]
        scale = scale * (2 if rules["double"] and alone else 1)
        assembly.add_pair(bond.i, bond.j, bond.cell, scale * bond.value)


def _section(lines: list[Line], path: str | Path, *words: str) -> int:
    for place, line in enumerate(lines):
        text = " ".join(line.words).lower()
        if all(word in text for word in words):
            return place
    raise FileFormatError(
        f"{path}: must hold a section {' '.join(words)!r}, but it has none. Give a text file of "
        "GROGU."
    )


_TRUTH = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


def _rules(lines: list[Line]) -> dict[str, float]:
    """Return the convention: two truths and two factors, by their first words."""
    rules = {}
    for line in lines:
        name, value = line.words[0].lower(), line.words[-1].lower()
        if name in ("double", "normalized"):
            if value not in _TRUTH:
                raise line.error("true or false", f"it has {value[:40]!r}")
            rules[name] = _TRUTH[value]
        elif name in ("intra-atomic", "exchange"):
            rules[name] = float(line.rest(len(line.words) - 1).numbers(1, "a factor")[0])
    if len(rules) < 4:
        raise lines[0].error(
            "and the three lines after it, `Double counting`, `Normalized spins`, `Intra-atomic "
            "factor` and `Exchange factor`",
            "one of them is missing or misspelt",
        )
    return rules


def _count(line: Line) -> int:
    return line.rest(3).count("a number after three words")


def _site(line: Line, names: dict[str, int], word: int) -> int:
    if len(line.words) <= word or line.words[word] not in names:
        raise line.error(f"a site of {', '.join(names)}", f"it has {' '.join(line.words)!r}")
    return names[line.words[word]]


def _matrices(lines: list[Line]):
    """Yield the line before every word "Matrix", and the nine numbers after it."""
    for place, line in enumerate(lines):
        if place and line.words[0].lower().startswith("matrix"):
            rows = after(lines, place + 1, 3, "three rows")
            yield lines[place - 1], np.array([row.numbers(3, "a row") for row in rows])
