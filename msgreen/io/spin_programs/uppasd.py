"""UppASD: `inpsd.dat` with files of positions, moments, pairs, anisotropies and rings.

E = - sum_{i != j} [J e_i.e_j + D.(e_i x e_j) + B (e_i.e_j)^2] + sum_i K (k.e_i)^2, in mRy, unit
vectors, every pair from both ends; a ring that is listed for each of its four atoms adds
2 K [(ij)(kl) + (il)(jk) - (ik)(jl)].

References
----------
Manual and source of UppASD (github.com/UppASD/UppASD): inputhandler_ext.f90, hamiltonianinit.f90,
energy.f90. Their example HeisChain, J = 2.5 mRy, has E = -4.9994 mRy per atom, which fixes the
count.
"""

from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path

import numpy as np

from msgreen.errors import FileFormatError
from msgreen.io.jukkr.text import Line
from msgreen.io.spin_programs.assemble import Assembly, label
from msgreen.io.spin_programs.parts import PAIRWISE, Axes, Bonds, Parts, axes
from msgreen.io.spin_programs.report import Written
from msgreen.io.spin_programs.text import (
    after,
    find,
    integers,
    lines_of,
    number,
    numbers,
    write_text,
)
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.convert import LEVI_CIVITA
from msgreen.units import BOHR_MAGNETON, RYDBERG

MRY = 1e-3 * RYDBERG
"""One mRy in eV."""

_CONVENTION = """\
# Spin model written by msgreen for UppASD (uppasd.github.io).
# Convention: unit vectors e, energies in mRy, every pair listed from both ends:
#   E = - sum_{i/=j} [ J e_i.e_j + D.(e_i x e_j) + B (e_i.e_j)^2 ] + sum_i K (k.e_i)^2
# With do_jtensor 1 the nine numbers are rows of J in - sum_{i/=j} e_i.J.e_j, D included.
# Rings, listed for each of their atoms: + 2 K [(e_i.e_j)(e_k.e_l)+(e_i.e_l)(e_j.e_k)
#   -(e_i.e_k)(e_j.e_l)] per plaquette.
# J > 0 is ferromagnetic. Lengths in angstrom, sites count from 1, each is a type of its own,
# neighbours are named by lattice translations (maptype 2). The files beside this one cannot hold
# comments.
# Moments in momfile are those given to msgreen (1 by default); check them before running dynamics.
# Run parameters (mode, temp, Nstep, ...) are placeholders."""


def write_uppasd(parts: Parts, folder: Path, moments: np.ndarray) -> Written:
    """Write `inpsd.dat` and the files that it names.

    Parameters
    ----------
    parts : Parts
    folder : Path
    moments : real array, shape (site,)
        In Bohr magnetons.
    """
    field = parts.uniform_field(moments)
    one_type = parts.model.site_count == 1
    lost = parts.unknown([*PAIRWISE, *(["four_site"] if one_type else [])], field)
    found = axes(parts.onsite())
    tables = _pairs(parts)
    if "biquadratic" in parts.terms:
        tables["bqfile"] = _listed(parts.biquadratic(), lambda v: number(-0.5 * v / MRY))
    if one_type and "four_site" in parts.terms:
        tables["ringfile"] = _rings(parts)
    if found.strengths.any():
        tables["kfile"] = _anisotropies(found)
    lines = [
        _CONVENTION,
        f"# Add the constant {number(found.constants.sum() / MRY)} mRy per cell to energies.",
        *_geometry(parts),
        *_keywords(tables, found),
        *([f"hfield {numbers(field / BOHR_MAGNETON)}"] if field is not None else []),
        *_RUN,
    ]
    tables["posfile"] = [
        f"{n} {n} {numbers(r)}" for n, r in enumerate(parts.geometry.positions, start=1)
    ]
    tables["momfile"] = [f"{n} 1 {number(m)} 0.0 0.0 1.0" for n, m in enumerate(moments, start=1)]
    files = [write_text(folder / "inpsd.dat", lines)]
    files += [write_text(folder / name, rows) for name, rows in tables.items()]
    return Written(files, lost, parts.constant + float(found.constants.sum()))


_RUN = [
    "",
    "mode S",
    "temp 1.0e-3",
    "damping 0.1",
    "Nstep 1000",
    "timestep 1.0e-16",
    "do_avrg Y",
    "plotenergy 1",
]


def _geometry(parts: Parts) -> list[str]:
    vectors, _, periodic = parts.geometry
    cells = np.where(periodic, np.maximum(10, 2 * parts.reach + 1), 1)
    return [
        "",
        "simid msgreen",
        f"ncell {integers(cells)}",
        f"BC {' '.join('P' if p else '0' for p in periodic)}",
        f"cell {numbers(vectors[0])}",
        *(f"     {numbers(v)}" for v in vectors[1:]),
        "alat 1.0e-10",
        "Sym 0",
        "maptype 2",
        "posfiletype C",
        "posfile ./posfile",
        "momfile ./momfile",
        "Initmag 3",
        "Mensemble 1",
        "exchange ./jfile",
    ]


def _keywords(tables, found: Axes) -> list[str]:
    tensorial = len(tables["jfile"][0].split()) > 6 if tables["jfile"] else False
    return [
        *(["do_jtensor 1"] if tensorial else []),
        *(["dm ./dmfile"] if "dmfile" in tables else []),
        *(["bq ./bqfile"] if "bqfile" in tables else []),
        *(["ring ./ringfile"] if "ringfile" in tables else []),
        *(["anisotropy ./kfile"] if "kfile" in tables else []),
        *(["mult_axis Y"] if found.strengths[:, 1].any() else []),
    ]


def _pairs(parts: Parts) -> dict[str, list[str]]:
    """Return tables of exchange and D, or of full tensors if there is anisotropic exchange."""
    bonds = parts.bonds()
    if "anisotropic_exchange" in parts.terms:
        return {"jfile": _listed(bonds, lambda t: numbers(-0.5 * t / MRY))}
    exchange = bonds._replace(values=np.trace(bonds.values, axis1=1, axis2=2) / 3)
    tables = {"jfile": _listed(exchange, lambda v: number(-0.5 * v / MRY))}
    if "dzyaloshinskii_moriya" in parts.terms:
        tables["dmfile"] = _listed(
            bonds, lambda t: numbers(-0.25 * np.einsum("abc,ab->c", LEVI_CIVITA, t) / MRY)
        )
    return tables


def _listed(bonds: Bonds, text) -> list[str]:
    return [
        f"{integers(sites + 1)} {integers(cell)} {text(value)}"
        for sites, cell, value in zip(*bonds.both_directions(), strict=True)
    ]


def _anisotropies(found: Axes) -> list[str]:
    axes_used = (0, 1) if found.strengths[:, 1].any() else (0,)
    return [
        f"{site + 1:3d} 1 {number(found.strengths[site, axis] / MRY)} 0.0 "
        f"{numbers(found.directions[site, axis])} 0.0"
        for axis in axes_used
        for site in range(len(found.constants))
    ]


def _rings(parts: Parts) -> list[str]:
    """Return the four-site terms of a lattice with one site per cell as rings.

    The three products of four sites have the coefficients p_n. A ring has 1, 1, and -1 for the
    product of its diagonals, so that sum_n a_n ring_n with a_n = (sum_m p_m - p_n) / 2 is the
    same energy: three rings hold any isotropic four-site interaction.
    """
    rows = []
    for corners, coefficients in _plaquettes(parts).items():
        cells = np.array(corners)
        weights = 0.5 * (sum(coefficients) - coefficients)
        for opposite, weight in enumerate(weights, start=1):
            for i in range(4) if weight else ():
                rows.append(f"1 1 1 1 {_around(cells, i, opposite)} {number(0.5 * weight / MRY)}")
    return rows


def _around(cells: np.ndarray, i: int, opposite: int) -> str:
    """Return the vectors from corner i of a ring to its neighbours and to the opposite corner.

    The diagonals join corner 0 to the corner `opposite`, and the two others.
    """
    others = [n for n in (1, 2, 3) if n != opposite]
    partner = {0: opposite, opposite: 0, others[0]: others[1], others[1]: others[0]}
    left, right = (n for n in range(4) if n not in (i, partner[i]))
    return integers(cells[[left, partner[i], right]] - cells[i])


def _plaquettes(parts: Parts) -> dict[tuple, np.ndarray]:
    """Return coefficients of (01)(23), (02)(13), (03)(12) by corners, sorted, the first at home."""
    _, cells, values = parts.products("four_site")
    found: dict[tuple, np.ndarray] = {}
    for corners, value in zip(cells.tolist(), values, strict=True):
        ranked = sorted(corners)
        rank = [ranked.index(corner) for corner in corners]
        partner = rank[rank.index(0) ^ 1]
        key = tuple(tuple(np.subtract(corner, ranked[0]).tolist()) for corner in ranked)
        found.setdefault(key, np.zeros(3))[partner - 1] += value
    return found


def read_uppasd(path: str | Path) -> SpinModel:
    """Read the spin model of an input of UppASD.

    Parameters
    ----------
    path : str or Path
        The folder, or its `inpsd.dat`. Other files are looked for beside it.

    Returns
    -------
    SpinModel
        Periodic along the vectors that an interaction follows, whatever the system size and the
        boundary conditions of the file.

    Raises
    ------
    FileFormatError
        If the files are incomplete, or hold what is not read here: random alloys, symmetry other
        than none or cubic, cubic anisotropy, other couplings.
    """
    path = Path(path)
    path = path / "inpsd.dat" if path.is_dir() else path
    return _Input(path).model()


_OTHER = ("do_ralloy", "biqdm", "pd", "sa", "chir", "fourx", "random_anisotropy")


class _Input:
    """An input of UppASD while it is read."""

    def __init__(self, path: Path):
        self._folder = path.parent
        self._lines = lines_of(path, ("#", "%", "*", "!", "="))
        for name in _OTHER:
            place = find(self._lines, name)
            if place is not None and self._lines[place].words[1:2] != ("0",):
                raise self._lines[place].error("nothing that is not read here", f"it has {name!r}")
        start = find(self._lines, "cell")
        if start is None:
            raise FileFormatError(f"{path}: must hold the keyword `cell`. Give an `inpsd.dat`.")
        words = [w for line in after(self._lines, start, 3, "three vectors") for w in line.words]
        first = self._lines[start]
        matrix = Line(first.file, first.number, tuple(words[1:])).numbers(9, "cell vectors")
        vectors = matrix.reshape(3, 3) * float(self._word("scalefac", "1.0"))
        self._direct = self._word("posfiletype", "C") == "D"
        self._maptype = int(self._word("maptype", "1"))
        rows = self._file("posfile") or []
        order = sorted(rows, key=lambda row: row.integers(1, "a site")[0])
        positions = np.array([row.numbers(5, "site, type, x y z")[2:] for row in order])
        self._types = [row.integers(2, "site and type")[1] for row in order]
        self._positions = positions @ vectors if self._direct else positions
        self._vectors, self._inverse = vectors, np.linalg.inv(vectors)
        unit = 1e10 * float(self._word("alat", "1e-10"))
        self._assembly = Assembly(unit * vectors, unit * self._positions)

    def model(self) -> SpinModel:
        """Return the model of all files."""
        tensorial = self._word("do_jtensor", "0") == "1"
        wide = 9 if tensorial else 1
        for i, j, cell, value in self._pairs("exchange", wide):
            tensor = value.reshape(3, 3) if tensorial else value[0] * np.eye(3)
            self._assembly.add_pair(i, j, cell, -MRY * tensor)
        for i, j, cell, value in self._pairs("dm", 3):
            self._assembly.add_pair(i, j, cell, -MRY * LEVI_CIVITA @ value)
        for i, j, cell, value in self._pairs("bq", 1):
            self._assembly.add_biquadratic(i, j, cell, -MRY * value[0])
        self._read_rings()
        self._read_anisotropies()
        self._read_field()
        return self._assembly.model()

    def _word(self, keyword: str, default: str) -> str:
        place = find(self._lines, keyword)
        return default if place is None else self._lines[place].words[1]

    def _file(self, keyword: str) -> list[Line] | None:
        place = find(self._lines, keyword)
        if place is None:
            return None
        return lines_of(self._folder / self._lines[place].words[1].removeprefix("./"))

    def _pairs(self, keyword: str, count: int) -> Iterator[tuple]:
        """Yield sites, cell and values of every pair, for all sites of a type."""
        symmetry = self._word("sym", "0")
        for row in self._file(keyword) or []:
            found = row.numbers(5 + count, f"two sites, a vector and {count} values")
            vector = self._vector(found[:5])
            if keyword == "dm" or symmetry == "0":
                images = vector[None]
            elif symmetry == "1":
                images = np.unique(np.round(_CUBIC @ vector, 9), axis=0)
            else:
                raise row.error("pairs of a file with `Sym 0` or `Sym 1`", f"Sym is {symmetry}")
            kind = self._types[int(found[0]) - 1]
            for image in images:
                ends = list(self._ends(kind, image))
                if not ends and symmetry == "0":
                    raise row.error("a vector between two sites", f"none is {vector} away")
                yield from ((i, j, cell, found[5:]) for i, j, cell in ends)

    def _vector(self, row: np.ndarray) -> np.ndarray:
        """Return the vector of a bond (i, j, three numbers)."""
        i, j = int(row[0]) - 1, int(row[1]) - 1
        if self._maptype == 2:
            return self._positions[j] - self._positions[i] + row[2:] @ self._vectors
        return row[2:] @ self._vectors if self._direct else row[2:]

    def _ends(self, kind: int, vector: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
        for i, own in enumerate(self._types):
            if own == kind:
                offset = (self._positions[i] + vector - self._positions) @ self._inverse
                miss = np.abs((offset - np.round(offset)) @ self._vectors).max(axis=1)
                j = int(np.argmin(miss))
                if miss[j] < 3e-3:
                    yield i, j, np.round(offset[j]).astype(int)

    def _read_rings(self) -> None:
        for row in self._file("ring") or []:
            found = row.numbers(14, "four sites, three vectors and a value")
            names = (found[0], found[1], found[2], found[3])
            vectors = [
                self._vector(np.array([names[0], names[n], *found[1 + 3 * n : 4 + 3 * n]]))
                for n in (1, 2, 3)
            ]
            for i, kind in enumerate(self._types):
                corners = [(i, 0, 0, 0)]
                for vector in vectors:
                    ends = [e for e in self._ends(kind, vector) if e[0] == i]
                    corners += [label(j, cell) for _, j, cell in ends]
                if len(corners) < 4:
                    raise row.error("vectors between sites", "one leads to no site")
                a, b, c, d = corners
                weight = 0.5 * MRY * found[13]
                for order, sign in (((a, b, c, d), 1), ((a, d, b, c), 1), ((a, c, b, d), -1)):
                    self._assembly.add_product(order, sign * weight)

    def _read_anisotropies(self) -> None:
        for row in self._file("anisotropy") or []:
            found = row.numbers(7, "site, type, K1, K2 and an axis")
            if found[1] != 1 or found[3] != 0:
                raise row.error("uniaxial anisotropy of second order", "it has another one")
            axis = found[4:7] / np.linalg.norm(found[4:7])
            tensor = MRY * found[2] * np.outer(axis, axis)
            self._assembly.add("anisotropy", [(int(found[0]) - 1, 0, 0, 0)], tensor)

    def _read_field(self) -> None:
        place = find(self._lines, "hfield")
        if place is not None:
            line = self._lines[place]
            field = Line(line.file, line.number, line.words[1:]).numbers(3, "a field in tesla")
            for row in self._file("momfile") or []:
                found = row.numbers(3, "site, type and moment")
                value = BOHR_MAGNETON * found[2] * field
                self._assembly.add("field", [(int(found[0]) - 1, 0, 0, 0)], value)


_CUBIC = np.array(
    [
        np.eye(3)[list(order)] * np.array(signs)[:, None]
        for order in permutations(range(3))
        for signs in product((1, -1), repeat=3)
    ]
)
