"""Vampire: a unit cell file with exchange, and a stub of the material file.

E = - 1/2 sum_{i != j} [S_i.J.S_j + J_bq (S_i.S_j)^2] - sum_i K (k.S_i)^2, in Joule, unit vectors,
every pair from both ends.

References
----------
Source and manual of Vampire (github.com/richard-evans/vampire), src/unitcell and
src/exchange/energy.cpp.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError, InputError
from msgreen.io.files import reading
from msgreen.io.jukkr.text import Line
from msgreen.io.spin_programs.assemble import Assembly
from msgreen.io.spin_programs.directions import Bond, added, check_directions
from msgreen.io.spin_programs.parts import PAIRS, PAIRWISE, Axes, Bonds, Parts, axes
from msgreen.io.spin_programs.report import Written
from msgreen.io.spin_programs.text import (
    after,
    integers,
    lines_of,
    number,
    numbers,
    site_index,
    vectors_of,
    write_text,
)
from msgreen.spinmodel import SpinModel
from msgreen.units import BOHR_MAGNETON, JOULE, MEV, RYDBERG

_HEADER = """\
# Spin model written by msgreen for Vampire (vampire.york.ac.uk).
# Convention: unit vectors S, energies in Joule, every pair listed from both ends:
#   E = - 1/2 sum_{i/=j} [ S_i.J.S_j + J_bq (S_i.S_j)^2 ] - sum_i K (k.S_i)^2
# J > 0 is ferromagnetic; the nine numbers of a tensorial interaction are its rows.
# The second list of interactions, if any, is biquadratic. K is in vampire.mat.
# Unit cell size in angstrom:"""

_MATERIALS = """\
# Materials of vampire.ucf, one per site, written by msgreen.
# To be supplied: atomic-spin-moment (placeholders unless they were given to msgreen),
# damping-constant, initial-spin-direction. The field, if any, goes into the input file:
#   {field}
# Periodic directions of the model:{periodic}
# Other lines of the input file: material:file = vampire.mat,
# material:unit-cell-file = vampire.ucf, dimensions:system-size-x, ..., sim:program, ..."""


def write_vampire(parts: Parts, folder: Path, moments: np.ndarray) -> Written:
    """Write `vampire.ucf` and `vampire.mat`.

    Parameters
    ----------
    parts : Parts
    folder : Path
    moments : real array, shape (site,)
        In Bohr magnetons.

    Raises
    ------
    InputError
        If the vectors of the cell are not along x, y and z.
    """
    lengths, order, signs = _box(parts)
    fractions, home = parts.geometry.folded()
    fractions, fold = _folded(fractions[:, order] * signs)
    field = parts.uniform_field(moments)
    # One axis of anisotropy per site, one field for all moments.
    lost = parts.unknown(PAIRWISE, field)
    found = axes(parts.onsite())
    lost += parts.onsite_terms(found.tensors(1))
    bonds = parts.bonds()
    tensorial = any(name in parts.terms for name in PAIRS[1:])
    if not tensorial:
        bonds = bonds._replace(values=np.trace(bonds.values, axis1=1, axis2=2) / 3)

    def listed(bonds: Bonds) -> list[str]:
        turned = bonds.moved(home)
        turned = turned._replace(cells=turned.cells[:, order] * signs).moved(fold)
        return _interactions(turned)

    count = len(fractions)
    lines = [
        *(_HEADER, numbers(lengths), "# Unit cell vectors:"),
        *map(numbers, np.eye(3)),
        *("# Atoms, materials; then id cx cy cz material", f"{count} {count}"),
        *(f"{n} {numbers(r)} {n}" for n, r in enumerate(fractions)),
        "# Interactions, kind; then id i j dx dy dz and J",
        *(f"{2 * len(bonds.sites)} {'tensorial' if tensorial else 'isotropic'}", *listed(bonds)),
    ]
    if "biquadratic" in parts.terms:
        pairs = parts.biquadratic()
        lines += ["# Biquadratic interactions, kind", f"{2 * len(pairs.sites)} isotropic"]
        lines += listed(pairs)
    files = [write_text(folder / "vampire.ucf", lines)]
    materials = _materials(parts, found, moments, field, order)
    files.append(write_text(folder / "vampire.mat", materials))
    return Written(files, lost, parts.constant + float(found.constants.sum()))


def _box(parts: Parts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lengths of the cell along x, y, z, and which vectors lie there with which sign."""
    vectors = parts.geometry.vectors
    order = np.argmax(np.abs(vectors), axis=0)
    along = vectors[order, np.arange(3)] if len(set(order.tolist())) == 3 else np.zeros(3)
    if not np.allclose(vectors[order], np.diag(along), atol=1e-6 * np.abs(vectors).max()):
        raise InputError(
            "Argument `model` must have lattice vectors along x, y and z for Vampire, which knows "
            f"no other cells, but they are {np.round(vectors, 4).tolist()}. Describe the lattice "
            "by a rectangular cell with more sites."
        )
    return np.abs(along), order, np.sign(along).astype(int)


def _folded(fractions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cells = np.floor(fractions + 1e-9)
    return np.maximum(fractions - cells, 0.0), cells.astype(int)


def _interactions(bonds: Bonds) -> list[str]:
    rows = zip(*bonds.both_directions(), strict=True)
    return [
        f"{n} {integers(sites)} {integers(cell)} {numbers(-value / JOULE)}"
        for n, (sites, cell, value) in enumerate(rows)
    ]


def _materials(parts: Parts, found: Axes, moments, field, order) -> list[str]:
    tesla = np.zeros(3) if field is None else field / BOHR_MAGNETON
    size = float(np.linalg.norm(tesla))
    unit = tesla / size if size else np.array([0.0, 0.0, 1.0])
    periodic = "".join(
        f" create:periodic-boundaries-{axis}"
        for axis, n in zip("xyz", order, strict=True)
        if parts.geometry.periodic[n]
    )
    text = f"sim:applied-field-strength = {number(size)} !T, " + (
        f"sim:applied-field-unit-vector = {', '.join(number(u) for u in unit)}"
    )
    lines = [_MATERIALS.format(field=text, periodic=periodic or " none")]
    lines.append(f"material:num-materials = {len(moments)}")
    for n, moment in enumerate(moments):
        key = f"material[{n + 1}]"
        lines += [
            f"{key}:material-name = site{n}",
            f"{key}:damping-constant = 1.0",
            f"{key}:atomic-spin-moment = {number(moment)} !muB",
            f"{key}:initial-spin-direction = 0,0,1",
            f"{key}:unit-cell-category = {n + 1}",
        ]
        if found.strengths[n, 0]:
            axis = ", ".join(number(x) for x in found.directions[n, 0])
            strength = number(-found.strengths[n, 0] / JOULE)
            lines += [
                f"{key}:second-order-uniaxial-anisotropy-constant = {strength}",
                f"{key}:uniaxial-anisotropy-direction = {axis}",
            ]
    return lines


def read_vampire(path: str | Path, materials: str | Path | None = None) -> SpinModel:
    """Read the spin model of a unit cell file of Vampire.

    Parameters
    ----------
    path : str or Path
        The unit cell file.
    materials : str or Path, optional
        The material file, for uniaxial anisotropies; by default a file beside it with the same
        name and the ending ".mat", if there is one.

    Returns
    -------
    SpinModel

    Raises
    ------
    FileFormatError
        If the file is incomplete, lists a bond from one end only or with different values, takes
        its exchange constants from the material file, or that has anisotropies or units that are
        not read here.

    Warns
    -----
    AccuracyWarning
        If both ends of a bond differ by noise.
    """
    path = _checks.path("path", path)
    with reading(path):
        lines = lines_of(path)
        if not lines:
            raise FileFormatError(f"{path}: must hold a unit cell, but it is empty. Give the file.")
        head = after(lines, 0, 5, "sizes, three vectors and the number of atoms")
        size = head[0].numbers(3, "a unit cell size")
        rows = [line.numbers(3, "a unit cell vector") for line in head[1:4]]
        vectors = vectors_of(head[1], size * np.array(rows))
        count = head[4].count("a number of atoms")
        atoms = [_atom(line) for line in after(lines, 5, count, f"{count} atoms")]
        if not atoms:
            raise head[4].error("a number of atoms greater than 0", "it is 0")
        assembly = Assembly(vectors, np.array([position for position, _ in atoms]) * size)
        start = _read_block(lines, 5 + count, assembly, biquadratic=False)
        if start < len(lines):
            start = _read_block(lines, start, assembly, biquadratic=True)
        if start < len(lines):
            raise lines[start].error("the end of the file", "there is more")
        default = Path(path).with_suffix(".mat")
        if materials is not None or default.exists():
            _read_materials(materials or default, assembly, [kind for _, kind in atoms])
        return assembly.model()


_WIDTHS = {"isotropic": 1, "vectorial": 3, "tensorial": 9}


def _atom(line: Line) -> tuple[np.ndarray, int]:
    """Return the fractions of an atom and the number of its material, 0 by default."""
    position = line.numbers(4, "id and position of an atom")[1:]
    if np.any((position < 0) | (position > 1)):
        raise line.error("fractions from 0 to 1, as Vampire demands", f"they are {position}")
    kind = line.rest(4).count("the number of a material") if len(line.words) > 4 else 0
    return position, kind


def _read_block(lines: list[Line], start: int, assembly: Assembly, biquadratic: bool) -> int:
    """Read one list of interactions and return where the next begins.

    Vampire takes every line as a neighbour, so that equal ones add up, and refuses lists without
    the other direction of a bond (unitcell/verify.cpp).
    """
    (head,) = after(lines, start, 1, "the number of interactions")
    kind = head.words[1] if len(head.words) > 1 else ""
    if kind not in _WIDTHS or (biquadratic and kind != "isotropic"):
        raise head.error(
            "a number and `isotropic`, `vectorial` or `tensorial` (biquadratic: `isotropic`)",
            f"its kind is {kind[:40]!r}; other kinds scale constants of the material file",
        )
    count, width = head.count("a number of interactions"), _WIDTHS[kind]
    sites = len(assembly.positions)
    bonds = []
    for line in after(lines, start + 1, count, f"{count} interactions"):
        found = line.numbers(6 + width, f"six integers and {width} values")[6:]
        _, i, j, a, b, c = line.integers(6, "id, two sites and a cell")
        tensor = found.reshape(3, 3) if width == 9 else found * np.eye(3)
        bonds.append(
            Bond(line, site_index(line, i, sites), site_index(line, j, sites), (a, b, c), tensor)
        )
    listed = added(bonds)
    check_directions(listed)
    for bond in listed.values():
        if biquadratic:
            value = -0.5 * JOULE * bond.value[0, 0]
            assembly.add_biquadratic(bond.i, bond.j, bond.cell, value)
        else:
            assembly.add_pair(bond.i, bond.j, bond.cell, -0.5 * JOULE * bond.value)
    return start + 1 + count


_UNITS: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("", "J", "J/atom"), JOULE),
        **{"zJ": 1e-21 * JOULE, "erg": 1e-7 * JOULE, "eV": 1.0, "meV": MEV},
        **{"Ryd": RYDBERG, "mRyd": 1e-3 * RYDBERG, "Ht": 2 * RYDBERG},
    }
)
"""Units of energies by the names of Vampire (utility/units.cpp), in eV; Joule by default."""

_UNIAXIAL = ("second-order-uniaxial-anisotropy-constant", "uniaxial-anisotropy-constant")
_DIRECTION = "uniaxial-anisotropy-direction"
_OTHER = (
    *("fourth-order-uniaxial-anisotropy-constant", "sixth-order-uniaxial-anisotropy-constant"),
    *("fourth-order-cubic-anisotropy-constant", "cubic-anisotropy-constant"),
    *("sixth-order-cubic-anisotropy-constant", "lattice-anisotropy-constant"),
    *("neel-anisotropy-constant", "surface-anisotropy-constant"),
    *("dmi-constant", "dzyaloshinskii-moriya-interaction-constant"),
)
"""Keywords that change the energy and are not read here, unless their value is 0."""

# Vampire ignores blanks and quotes: key[index]:word[index]=value!unit#comment (vio/match.cpp).
_MATERIAL = re.compile(r"material\[(\d{1,6})\]:([^=!\[]+)(?:\[\d+\])?=([^!]*)(?:!(.*))?")


def _energy(values: Line, name: str, unit: str) -> float:
    """Return an energy in eV."""
    if unit not in _UNITS:
        raise values.error(
            f"an energy in {', '.join(filter(None, _UNITS))}", f"its unit is {unit[:40]!r}"
        )
    return _UNITS[unit] * float(values.numbers(1, f"a value of {name}")[0])


def _read_materials(path: str | Path, assembly: Assembly, kinds: list[int]) -> None:
    strengths: dict[int, float] = {}
    directions: dict[int, np.ndarray] = {}
    for line in lines_of(path):
        text = "".join(line.words).partition("#")[0].replace('"', "").replace("'", "")
        found = _MATERIAL.fullmatch(text)
        if found:
            number, name, unit = int(found[1]) - 1, found[2], found[4] or ""
            values = Line(line.file, line.number, tuple(found[3].split(",")))
            if name in _UNIAXIAL:
                strengths[number] = _energy(values, name, unit)
            elif name in _OTHER and _energy(values, name, unit):
                raise line.error("nothing that is not read here", f"it has {name!r}")
            elif name == _DIRECTION:
                directions[number] = values.numbers(3, f"a vector of {name}")
        elif not text.startswith("material:"):
            raise line.error(
                "`material[n]:keyword = numbers`", f"it holds {' '.join(line.words)[:60]!r}"
            )
    for place, kind in enumerate(kinds):
        if strengths.get(kind):
            axis = directions.get(kind, np.array([0.0, 0.0, 1.0]))
            length = float(np.linalg.norm(axis))
            if not length > 0:
                raise FileFormatError(
                    f"{path}: must give the material {kind + 1} a direction of its anisotropy, but "
                    "it is zero. Correct it."
                )
            axis = axis / length
            tensor = -strengths[kind] * np.outer(axis, axis)
            assembly.add("anisotropy", [(place, 0, 0, 0)], tensor)
