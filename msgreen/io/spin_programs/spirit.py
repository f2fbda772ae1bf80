"""Spirit: one configuration file with geometry, pairs, quadruplets and anisotropies.

E = - sum_i mu_i B.n_i - sum_i K (k.n_i)^2 - sum_<ij> [J n_i.n_j + D.(n_i x n_j)]
- sum Q (n_i.n_j)(n_k.n_l), in meV, unit vectors, every pair and every quadruplet once.

References
----------
G. P. Mueller et al., Phys. Rev. B 99, 224414 (2019), and the input documentation of Spirit.
"""

from pathlib import Path

import numpy as np

from msgreen.errors import FileFormatError
from msgreen.io.jukkr.text import Line
from msgreen.io.spin_programs.assemble import Assembly
from msgreen.io.spin_programs.parts import Parts, axes
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
from msgreen.units import BOHR_MAGNETON, MEV

HELD = (
    "field",
    "anisotropy",
    "exchange",
    "dzyaloshinskii_moriya",
    "biquadratic",
    "three_site",
    "four_site",
)
"""Classes that Spirit knows; of a field only one that all moments share."""

_HALF = np.sqrt(0.75)
LATTICES = {
    "sc": np.eye(3),
    "fcc": np.array([[0.5, 0, 0.5], [0.5, 0.5, 0], [0, 0.5, 0.5]]),
    "bcc": np.array([[0.5, 0.5, -0.5], [-0.5, 0.5, -0.5], [0.5, -0.5, -0.5]]),
    "hex2d": np.array([[_HALF, -0.5, 0], [_HALF, 0.5, 0], [0, 0, 1]]),
    "hex2d60": np.array([[_HALF, -0.5, 0], [_HALF, 0.5, 0], [0, 0, 1]]),
    "hex2d120": np.array([[0.5, -_HALF, 0], [0.5, _HALF, 0], [0, 0, 1]]),
}
"""Bravais vectors by the names that Spirit gives them."""

_HEADER = """\
# Spin model written by msgreen for Spirit (spirit-code.github.io).
# Convention: unit vectors n, energies in meV, every pair and every quadruplet counted once:
#   E = - sum_i mu_i B.n_i - sum_i K (k.n_i)^2
#       - sum_<ij> [ J n_i.n_j + D.(n_i x n_j) ] - sum Q (n_i.n_j)(n_k.n_l)
# J > 0 is ferromagnetic. Sites count from 0; da db dc are the cell of a site relative to site i.
# A quadruplet with k=i, l=j is biquadratic; one with k=j has three sites.
# mu_s are the moments given to msgreen (1 by default); check them before running dynamics."""


def write_spirit(parts: Parts, path: Path, moments: np.ndarray) -> Written:
    """Write `input.cfg` or another file for ``hamiltonian heisenberg_pairs``.

    Parameters
    ----------
    parts : Parts
    path : Path
        Of the file.
    moments : real array, shape (site,)
        In Bohr magnetons.
    """
    field = parts.uniform_field(moments)
    lost = parts.unknown(HELD, field)
    found = axes(parts.onsite())
    lines = [
        _HEADER,
        f"# Add the constant {number(found.constants.sum() / MEV)} meV per cell to energies.",
        *_geometry(parts, moments),
        *_field(np.zeros(3) if field is None else field),
        *_anisotropies(found),
        *_pairs(parts),
        *_quadruplets(parts),
    ]
    constant = parts.constant + float(found.constants.sum())
    return Written([write_text(path, lines)], lost, constant)


def _geometry(parts: Parts, moments: np.ndarray) -> list[str]:
    vectors, positions, periodic = parts.geometry
    cells = np.where(periodic, np.maximum(10, 2 * parts.reach + 1), 1)
    return [
        "",
        "hamiltonian heisenberg_pairs",
        f"boundary_conditions {integers(periodic)}",
        "ddi_method none",
        "lattice_constant 1.0",
        "bravais_vectors",
        *map(numbers, vectors),
        "basis",
        str(len(positions)),
        *map(numbers, positions @ np.linalg.inv(vectors)),
        f"mu_s {numbers(moments)}",
        f"n_basis_cells {integers(cells)}",
    ]


def _field(field: np.ndarray) -> list[str]:
    size = float(np.linalg.norm(field))
    normal = field / size if size else np.array([0.0, 0.0, 1.0])
    return [
        "# in tesla",
        f"external_field_magnitude {number(size / BOHR_MAGNETON)}",
        f"external_field_normal {numbers(normal)}",
    ]


def _anisotropies(found) -> list[str]:
    rows = [
        f"{site:3d} {numbers(found.directions[site, axis])} {number(-strength / MEV)}"
        for (site, axis), strength in np.ndenumerate(found.strengths)
        if strength
    ]
    return ["", f"n_anisotropy {len(rows)}", "i Kx Ky Kz K", *rows] if rows else []


def _pairs(parts: Parts) -> list[str]:
    bonds = parts.bonds()
    exchange = -np.trace(bonds.values, axis1=1, axis2=2) / 3 / MEV
    vectors = -0.5 * np.einsum("abc,pab->pc", LEVI_CIVITA, bonds.values) / MEV
    rows = [
        f"{integers(sites)} {integers(cell)} {number(j)} {numbers(d)}"
        for sites, cell, j, d in zip(bonds.sites, bonds.cells, exchange, vectors, strict=True)
    ]
    return ["", f"n_interaction_pairs {len(rows)}", "i j da db dc Jij Dijx Dijy Dijz", *rows]


def _quadruplets(parts: Parts) -> list[str]:
    sites, cells, values = parts.products()
    rows = []
    for site, cell, value in zip(sites, cells, values, strict=True):
        others = " ".join(integers([s, *c]) for s, c in zip(site[1:], cell[1:], strict=True))
        rows.append(f"{site[0]:3d} {others} {number(-value / MEV)}")
    if not rows:
        return []
    header = "i j da_j db_j dc_j k da_k db_k dc_k l da_l db_l dc_l Q"
    return ["", f"n_interaction_quadruplets {len(rows)}", header, *rows]


def read_spirit(path: str | Path) -> SpinModel:
    """Read the spin model of a configuration file of Spirit with explicit pairs.

    Parameters
    ----------
    path : str or Path
        The configuration file. Files that it names are looked for beside it.

    Returns
    -------
    SpinModel
        Periodic along the vectors that an interaction follows, whatever the number of cells and
        the boundary conditions of the file.

    Raises
    ------
    FileFormatError
        If the file is incomplete or describes interactions by shells of neighbours.
    """
    lines = lines_of(path)
    kind = find(lines, "hamiltonian")
    if kind is not None and "heisenberg_pairs" not in lines[kind].words[1:]:
        raise FileFormatError(
            f"{path}, line {lines[kind].number}: must hold `hamiltonian heisenberg_pairs`, but it "
            f"holds {' '.join(lines[kind].words)!r}. List the pairs explicitly."
        )
    vectors = _vectors(lines)
    fractions = _basis(lines)
    count = len(fractions)
    assembly = Assembly(vectors, fractions @ vectors)
    _read_field(lines, assembly, count)
    for row in _table(lines, path, "n_anisotropy", ("anisotropy_file",)):
        axis, strength = _vector(row, "k", ("kx", "ky", "kz"))
        assembly.add("anisotropy", [(row.site("i"), 0, 0, 0)], -strength * np.outer(axis, axis))
    for row in _table(lines, path, "n_interaction_pairs", ("interaction_pairs_file",)):
        axis, strength = _vector(row, "dij", ("dijx", "dijy", "dijz"))
        exchange = row.value("jij") * np.eye(3)
        tensor = -MEV * exchange - strength * LEVI_CIVITA @ axis
        assembly.add_pair(row.site("i"), row.site("j"), row.cell(""), tensor)
    names = ("interaction_quadruplets_file",)
    for row in _table(lines, path, "n_interaction_quadruplets", names):
        labels = [(row.site("i"), 0, 0, 0)]
        labels += [(row.site(x), *row.cell(f"_{x}")) for x in "jkl"]
        assembly.add_product(labels, -MEV * row.value("q"))
    return assembly.model()


class _Row:
    """A line of a table with named columns."""

    def __init__(self, line: Line, columns: list[str]):
        self._line = line
        self._values = dict(
            zip(columns, line.numbers(len(columns), "one number per column"), strict=True)
        )

    def value(self, name: str) -> float:
        return float(self._values.get(name, 0.0))

    def has(self, name: str) -> bool:
        return name in self._values

    def site(self, name: str) -> int:
        if name not in self._values:
            raise self._line.error(f"a column {name!r}", "its header has none")
        return int(self._values[name])

    def cell(self, suffix: str) -> tuple[int, int, int]:
        a, b, c = (int(self.value(f"d{axis}{suffix}")) for axis in "abc")
        return a, b, c


def _table(lines: list[Line], path, keyword: str, files: tuple[str, ...]) -> list[_Row]:
    start, named = find(lines, keyword), find(lines, *files)
    if start is None and named is not None:
        other = Path(path).parent / Path(lines[named].words[1]).name
        lines = lines_of(other)
        start = find(lines, keyword)
        rows = lines if start is None else lines[start + 1 :]
        count = len(rows) - 1 if start is None else int(lines[start].words[1])
    elif start is not None:
        rows, count = lines[start + 1 :], int(lines[start].words[1])
    else:
        return []
    columns = [word.lower() for word in after(rows, 0, 1, "a header of columns")[0].words]
    unknown = [c for c in columns if c in ("ka", "kb", "kc", "k4", "dija", "dijb", "dijc")]
    if unknown:
        raise rows[0].error("Cartesian components", f"it has the columns {', '.join(unknown)}")
    return [_Row(line, columns) for line in after(rows, 1, count, f"{count} rows")]


def _vector(row: _Row, size: str, names: tuple[str, str, str]) -> tuple[np.ndarray, float]:
    """Return direction and strength in eV; a column of the strength normalises the vector."""
    vector = np.array([row.value(name) for name in names])
    norm = float(np.linalg.norm(vector))
    strength = row.value(size) if row.has(size) else norm
    return (vector / norm if norm else np.zeros(3)), MEV * strength


def _vectors(lines: list[Line]) -> np.ndarray:
    scale = find(lines, "lattice_constant")
    constant = 1.0 if scale is None else float(lines[scale].words[1])
    for keyword in ("bravais_vectors", "bravais_matrix"):
        place = find(lines, keyword)
        if place is not None:
            rows = after(lines, place + 1, 3, "three vectors")
            matrix = np.array([row.numbers(3, "a vector") for row in rows])
            return constant * (matrix if keyword == "bravais_vectors" else matrix.T)
    place = find(lines, "bravais_lattice")
    name = "sc" if place is None else lines[place].words[1].lower()
    if name not in LATTICES:
        raise lines[place or 0].error(f"one of {', '.join(LATTICES)}", f"it has {name!r}")
    return constant * LATTICES[name]


def _basis(lines: list[Line]) -> np.ndarray:
    place = find(lines, "basis")
    if place is None:
        return np.zeros((1, 3))
    (count,) = after(lines, place + 1, 1, "the number of atoms")
    rows = after(lines, place + 2, count.integers(1, "a number of atoms")[0], "atoms")
    return np.array([row.numbers(3, "an atom") for row in rows])


def _read_field(lines: list[Line], assembly: Assembly, count: int) -> None:
    size, normal = find(lines, "external_field_magnitude"), find(lines, "external_field_normal")
    if size is None:
        return
    words = "one number after a keyword"
    strength = BOHR_MAGNETON * Line(*_tail(lines[size])).numbers(1, words)[0]
    axis = np.array([0.0, 0.0, 1.0])
    if normal is not None:
        axis = Line(*_tail(lines[normal])).numbers(3, "a vector after a keyword")
    place = find(lines, "mu_s")
    words = ["1.0"] if place is None else lines[place].words[1:]
    moments = [float(word) for word in words] + [float(words[0])] * (count - len(words))
    for site, moment in enumerate(moments[:count]):
        field = moment * strength * axis / np.linalg.norm(axis)
        assembly.add("field", [(site, 0, 0, 0)], field)


def _tail(line: Line):
    return line.file, line.number, line.words[1:]
