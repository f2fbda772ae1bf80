"""UppASD, read: `inpsd.dat` and the files that it names, as UppASD itself takes them.

References
----------
Source of UppASD (github.com/UppASD/UppASD): Input/inputhandler.f90 (keywords; the last one
counts), Input/inputhandler_ext.f90 (tables), System/geometry.f90 (atoms are moved into the cell),
Hamiltonian/neighbourmap.f90 (`setup_nm`: where a vector ends), Hamiltonian/hamiltonianinit.f90.
"""

from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError
from msgreen.io.files import reading
from msgreen.io.jukkr.text import Line
from msgreen.io.spin_programs.assemble import Assembly, label
from msgreen.io.spin_programs.directions import Bond, added, check_directions
from msgreen.io.spin_programs.text import (
    after,
    lines_of,
    site_index,
    vectors_of,
    word,
)
from msgreen.io.spin_programs.uppasd import FOLDING, MRY
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.convert import LEVI_CIVITA
from msgreen.units import BOHR_MAGNETON

_MARKS = ("#", "%", "*", "!", "=")

_OFF = {
    **dict.fromkeys(("do_ralloy", "do_dip", "do_bpulse"), "0"),
    **dict.fromkeys(("ea_model", "rdm_model", "random_anisotropy", "map_multiple"), "f"),
    **dict.fromkeys(
        ("exc_inter", "do_ewald", "do_lsf", "demag", "ind_mom_flag", "aunits", "do_cluster"), "n"
    ),
    **dict.fromkeys(("do_ld", "do_kmc", "do_efield", "locfield", "read_dipole"), "n"),
    "conf_num": "1",
}
"""Keywords that change the energy and are not read here, with the value that switches them off."""

_REFUSED = (
    *("biqdm", "pd", "sa", "chir", "fourx", "ll", "lll", "llll", "ml", "mml", "mmll"),
    *("siteatomfield", "multiscale", "exchangedlm", "positions", "moments"),
)
"""Keywords that change the energy and are not read here, whatever their value."""

_SAME_SHELL = 1e-5**0.5
"""Distance, in units of the file, below which UppASD takes vectors for the same shell."""

_FARTHEST = 1e9
"""Components above it, in units of the file, are no vectors; shells are counted by integers."""

_REACHED = 0.1
"""Distance, in units of the file, at which UppASD takes a vector to end at an atom."""


class _Shell(NamedTuple):
    """A vector from all sites of one type, to sites of another if that matters."""

    line: Line
    kind: int
    target: int
    vector: np.ndarray
    values: np.ndarray


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
        If the files are incomplete; list a bond from one of its ends only, or both ends
        contradict each other; or hold what is not read here and changes the energy: random
        alloys, symmetry other than none or cubic, cubic anisotropy, dipolar and other couplings.

    Warns
    -----
    AccuracyWarning
        If both ends of a bond differ by noise.

    Notes
    -----
    As in UppASD, interactions belong to types: a vector that comes again for the same type
    replaces the values before it, and neighbours of another type than the row names have no
    exchange. Atoms outside the cell are moved into it; with ``maptype 2`` cells are relative to
    the moved atoms, with ``maptype 3`` to the positions as written.
    """
    path = _checks.path("path", path)
    path = path / "inpsd.dat" if path.is_dir() else path
    with reading(path):
        return _Input(path).model()


class _Input:
    """An input of UppASD while it is read."""

    def __init__(self, path: Path):
        self._path = path
        lines = lines_of(path, _MARKS)
        self._keys = {
            line.words[0].partition(":")[0].lower(): (place, line)
            for place, line in enumerate(lines)
        }
        self._refuse()
        if "cell" not in self._keys:
            raise FileFormatError(f"{path}: must hold the keyword `cell`. Give an `inpsd.dat`.")
        place, first = self._keys["cell"]
        words = [w for line in after(lines, place, 3, "three vectors") for w in line.words]
        matrix = Line(first.file, first.number, tuple(words[1:])).numbers(9, "cell vectors")
        vectors = vectors_of(first, self._number("scalefac", 1.0) * matrix.reshape(3, 3))
        self._direct = self._choice("posfiletype", "C", "C", "D") == "D"
        self._maptype = int(self._choice("maptype", "1", "1", "2", "3"))
        self._vectors, self._inverse = vectors, np.linalg.inv(vectors)
        self._raw, self._types = self._sites()
        home = np.floor(self._raw @ self._inverse + FOLDING)
        self._positions = self._raw - home @ vectors
        unit = 1e10 * self._number("alat", 1e-10)
        self._assembly = Assembly(unit * vectors, unit * self._positions)

    def model(self) -> SpinModel:
        """Return the model of all files."""
        tensorial = self._choice("do_jtensor", "0", "0", "1") == "1"
        nine = tensorial and self._truth("calc_jtensor", "T") == "f"
        scale = 1.0 if tensorial else self._number("jij_scale", 1.0)
        exchange = self._bonds("exchange", 9 if nine else 1, typed=not tensorial)
        self._add(
            (i, j, cell, line, scale * (v.reshape(3, 3) if nine else v[0] * np.eye(3)))
            for i, j, cell, line, v in exchange
        )
        scale = self._number("dm_scale", 1.0)
        self._add(
            (i, j, cell, line, scale * LEVI_CIVITA @ v)
            for i, j, cell, line, v in self._bonds("dm", 3)
        )
        pairs = (
            Bond(line, i, j, cell, v[0] * np.eye(3)) for i, j, cell, line, v in self._bonds("bq", 1)
        )
        found = added(list(pairs))
        check_directions(found)
        for bond in found.values():
            self._assembly.add_biquadratic(bond.i, bond.j, bond.cell, -MRY * bond.value[0, 0])
        self._read_rings()
        self._read_anisotropies()
        self._read_field()
        return self._assembly.model()

    def _refuse(self) -> None:
        """Refuse keywords that change the energy and are not read here."""
        for name, (_, line) in self._keys.items():
            value = word(line, 1, f"a value of {name!r}") if name in _OFF else ""
            if name in _REFUSED or (name in _OFF and not _is(value, _OFF[name])):
                raise line.error(
                    "nothing that changes the energy and is not read here",
                    f"it has {' '.join(line.words)[:60]!r}",
                )

    def _word(self, keyword: str, default: str) -> str:
        if keyword not in self._keys:
            return default
        return word(self._keys[keyword][1], 1, f"a value of `{keyword}`")

    def _number(self, keyword: str, default: float) -> float:
        if keyword not in self._keys:
            return default
        line = self._keys[keyword][1]
        value = float(line.rest(1).numbers(1, f"a number after `{keyword}`")[0])
        if keyword in ("alat", "scalefac") and not value > 0:
            raise line.error(f"`{keyword}` greater than 0", f"it is {value}")
        return value

    def _choice(self, keyword: str, default: str, *known: str) -> str:
        value = self._word(keyword, default)
        if value not in known:
            line = self._keys[keyword][1]
            raise line.error(f"`{keyword}` {' or '.join(known)}", f"it is {value[:40]!r}")
        return value

    def _truth(self, keyword: str, default: str) -> str:
        """Return "t" or "f" of a logical value as Fortran reads it."""
        value = self._word(keyword, default).lstrip(".").lower()[:1]
        if value not in ("t", "f"):
            raise self._keys[keyword][1].error(f"`{keyword}` T or F", f"it is {value!r}")
        return value

    def _file(self, keyword: str) -> list[Line]:
        """Return the lines of a file that lies beside the input, none if there is no keyword."""
        if keyword not in self._keys:
            return []
        line = self._keys[keyword][1]
        name = Path(self._word(keyword, ""))
        if name.is_absolute() or ".." in name.parts:
            raise line.error(f"a file in the folder of {self._path.name}", f"it names {name}")
        return lines_of(self._path.parent / name, ("#", "%", "!"))

    def _sites(self) -> tuple[np.ndarray, list[int]]:
        """Return Cartesian positions as written, and the types."""
        rows = self._file("posfile")
        if not rows:
            raise FileFormatError(
                f"{self._path}: must name a `posfile` with atoms, but it does not, or the file is "
                "empty. Add it."
            )
        positions = np.full((len(rows), 3), np.nan)
        types = [0] * len(rows)
        for row in rows:
            number, kind = row.integers(2, "site and type")
            place = site_index(row, number, len(rows), 1)
            if types[place] or kind < 1:
                raise row.error("every site once, and types from 1", f"it is {number} {kind}")
            positions[place], types[place] = row.numbers(5, "site, type, x y z")[2:], kind
        return positions @ self._vectors if self._direct else positions, types

    def _site(self, row: Line, number: float) -> int:
        return site_index(row, int(number), len(self._types), 1)

    def _shells(self, keyword: str, width: int) -> list[_Shell]:
        """Return the rows of a table; a vector that comes again for a type replaces the values."""
        rows = self._file(keyword)
        shells: list[_Shell] = []
        # Vectors by type and by boxes that are as wide as the same shell.
        known: dict[tuple[int, ...], list[int]] = {}
        for row in rows:
            i, j = (self._site(row, n) for n in row.integers(2, "two sites"))
            found = row.numbers(5 + width, f"two sites, a vector and {width} values")[2:]
            if keyword == "exchange" and width == 1 and len(row.values()) >= 14:
                raise row.error(
                    "one number after the vector, unless `do_jtensor 1` and `calc_jtensor F` say "
                    "that there are nine",
                    "it has nine, of which UppASD would take the first",
                )
            kind, vector = self._types[i], self._vector(i, j, found[:3], keyword)
            if not np.all(np.abs(vector) < _FARTHEST):
                raise row.error("a vector between two sites", f"it is {vector}")
            shell = _Shell(row, kind, self._types[j], vector, found[3:])
            a, b, c = (int(n) for n in np.floor(vector / _SAME_SHELL))
            around = ((kind, a + x, b + y, c + z) for x, y, z in product((-1, 0, 1), repeat=3))
            same = False
            for n in (n for box in around for n in known.get(box, ())):
                old = shells[n]
                if np.linalg.norm(old.vector - vector) < _SAME_SHELL:
                    shells[n] = shell._replace(vector=old.vector, target=old.target)
                    same = True
            if not same:
                known.setdefault((kind, a, b, c), []).append(len(shells))
                shells.append(shell)
        return shells

    def _vector(self, i: int, j: int, numbers: np.ndarray, keyword: str) -> np.ndarray:
        """Return the Cartesian vector of a bond (`read_exchange_getNeighVec`)."""
        if self._maptype == 2:
            return self._positions[j] - self._positions[i] + numbers @ self._vectors
        if self._maptype == 3 and keyword in ("exchange", "dm"):
            return self._raw[j] - self._raw[i] + numbers @ self._vectors
        # Vectors of `bq` are Cartesian, whatever the kind of the posfile.
        direct = self._direct and keyword != "bq"
        return numbers @ self._vectors if direct else numbers

    def _bonds(self, keyword: str, width: int, typed: bool = False) -> Iterator[tuple]:
        """Yield sites, cell, line and values of every bond, for all sites of a type."""
        for shell in self._shells(keyword, width):
            symmetry = "0" if keyword == "dm" else self._word("sym", "0")
            if symmetry not in ("0", "1"):
                raise shell.line.error(
                    "pairs of a file with `Sym 0` or `Sym 1`", f"Sym is {symmetry}"
                )
            images = shell.vector[None]
            if symmetry == "1":
                images = np.unique(np.round(_CUBIC @ shell.vector, 9), axis=0)
            for image in images:
                ends = list(self._ends(shell, image, typed))
                if not ends and symmetry == "0":
                    raise shell.line.error(
                        "a vector between two sites", f"none is {shell.vector} away"
                    )
                yield from ((i, j, cell, shell.line, shell.values) for i, j, cell in ends)

    def _ends(self, shell: _Shell, vector: np.ndarray, typed: bool) -> Iterator[tuple]:
        """Yield where a vector leads from every site of a type (`setup_nm`).

        Sites of another type than the row names are no neighbours in a table of exchange.
        """
        allowed = np.array([kind == shell.target or not typed for kind in self._types])
        for i in np.flatnonzero(np.array(self._types) == shell.kind):
            offset = (self._positions[i] + vector - self._positions) @ self._inverse
            if np.abs(offset).max() > 2**31:
                raise shell.line.error("a vector between two sites", f"it is {vector}")
            miss = np.linalg.norm((offset - np.round(offset)) @ self._vectors, axis=1)
            near = np.flatnonzero((miss < _REACHED) & allowed)
            if len(near) > 1:
                raise shell.line.error("a vector to one site", f"{len(near)} are at its end")
            for j in near:
                a, b, c = np.round(offset[j]).astype(int)
                yield int(i), int(j), (int(a), int(b), int(c))

    def _add(self, found) -> None:
        bonds = added([Bond(line, i, j, cell, value) for i, j, cell, line, value in found])
        check_directions(bonds)
        for bond in bonds.values():
            self._assembly.add_pair(bond.i, bond.j, bond.cell, -MRY * bond.value)

    def _read_rings(self) -> None:
        """Add rings; UppASD takes them for lattices of one type, and the last of equal ones."""
        rings: dict[tuple, tuple[Line, float]] = {}
        for row in self._file("ring"):
            sites = [self._site(row, n) for n in row.integers(4, "four sites")]
            found = row.numbers(14, "four sites, three vectors and a value")
            if self._maptype == 3 or len(set(self._types)) > 1:
                raise row.error("rings of one type, by maptype 1 or 2", "they are others")
            vectors = [
                self._vector(sites[0], sites[n], found[1 + 3 * n : 4 + 3 * n], "ring")
                for n in (1, 2, 3)
            ]
            for i in range(len(self._types)):
                corners = [(i, 0, 0, 0)]
                for vector in vectors:
                    shell = _Shell(row, self._types[i], self._types[i], vector, found[13:])
                    ends = [e for e in self._ends(shell, vector, False) if e[0] == i]
                    corners += [label(j, cell) for _, j, cell in ends]
                if len(corners) < 4:
                    raise row.error("vectors between sites", "one leads to no site")
                rings[tuple(corners)] = row, 0.5 * MRY * found[13]
        for (a, b, c, d), (_, weight) in rings.items():
            for order, sign in (((a, b, c, d), 1), ((a, d, b, c), 1), ((a, c, b, d), -1)):
                self._assembly.add_product(order, sign * weight)

    def _read_anisotropies(self) -> None:
        """Add one axis per site, and a second one if `mult_axis` says so (`read_anisotropy`)."""
        rows = self._file("anisotropy")
        axes = 2 if self._word("mult_axis", "N").upper().startswith("Y") else 1
        expected = axes * len(self._types)
        if rows and (len(rows) != expected or _is(self._word("do_anisotropy", "1"), "0")):
            raise rows[-1].error(
                f"the last of {expected} anisotropies, one for each axis of each site, with "
                "`do_anisotropy 1`",
                f"it is number {len(rows)}",
            )
        for row in rows:
            number, kind = row.integers(2, "site and type of the anisotropy")
            found = row.numbers(7, "site, type, K1, K2 and an axis")
            place, length = self._site(row, number), float(np.linalg.norm(found[4:7]))
            if kind == 0 or not np.any(found[2:4]):
                continue
            if kind != 1 or found[3] != 0 or not length > 0:
                raise row.error("uniaxial anisotropy of second order", "it has another one")
            axis = found[4:7] / length
            tensor = MRY * found[2] * np.outer(axis, axis)
            self._assembly.add("anisotropy", [(place, 0, 0, 0)], tensor)

    def _read_field(self) -> None:
        if "hfield" not in self._keys:
            return
        line = self._keys["hfield"][1]
        field = line.rest(1).numbers(3, "a field in tesla")
        rows = self._file("momfile")
        if np.any(field) and len(rows) != len(self._types):
            raise line.error("a field, with a `momfile` of all sites", f"that has {len(rows)}")
        for row in rows:
            found = row.numbers(3, "site, type and moment")
            value = BOHR_MAGNETON * found[2] * field
            place = self._site(row, row.integers(1, "a site")[0])
            self._assembly.add("field", [(place, 0, 0, 0)], value)


def _is(value: str, off: str) -> bool:
    """Return whether a number or a letter of a switch is the one that switches it off."""
    return value.lower().lstrip(".0" if off == "1" else ".")[:1] == off


_CUBIC = np.array(
    [
        np.eye(3)[list(order)] * np.array(signs)[:, None]
        for order in permutations(range(3))
        for signs in product((1, -1), repeat=3)
    ]
)
