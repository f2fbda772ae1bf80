"""Spirit: one configuration file with geometry, pairs, quadruplets and anisotropies.

E = - sum_i mu_i B.n_i - sum_i K (k.n_i)^2 - sum_<ij> [J n_i.n_j + D.(n_i x n_j)]
- sum Q (n_i.n_j)(n_k.n_l), in meV, unit vectors, every pair and every quadruplet once.

References
----------
G. P. Mueller et al., Phys. Rev. B 99, 224414 (2019), and the input documentation of Spirit.
"""

from pathlib import Path

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError
from msgreen.io.files import reading
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
    site_index,
    vectors_of,
    word,
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
        If the file is incomplete, describes interactions by shells of neighbours, or holds what
        changes the energy and is not read here: dipolar interactions, cubic anisotropy, defects.
    """
    path = _checks.path("path", path)
    with reading(path):
        return _model(lines_of(path), path)


_REFUSED = ("basis_file", "atom_types", "n_defects", "defects_from_file")


def _model(lines: list[Line], path: str | Path) -> SpinModel:
    _refuse(lines)
    vectors = _vectors(lines)
    fractions = _basis(lines)
    count = len(fractions)
    assembly = Assembly(vectors, fractions @ vectors)
    _read_field(lines, assembly, count)
    _read_anisotropies(lines, path, assembly, count)
    pairs = ("n_interaction_pairs", ("interaction_pairs_file",))
    if find(lines, pairs[0], *pairs[1]) is None:
        raise FileFormatError(
            f"{path}: must list pairs after `n_interaction_pairs` or name an "
            "`interaction_pairs_file`, but it does neither. Copy the file again: it is truncated, "
            "or of another kind."
        )
    # Spirit adds up pairs that come again, from either end (io/Dataparser.cpp).
    for row in _table(lines, path, *pairs, ("i", "j"), ("jij", _D)):
        i, j, cell = row.site("i", count), row.site("j", count), row.cell("")
        if i == j and not any(cell):
            raise row.line.error("a pair of two sites", "it is one of a site with itself")
        axis, strength = _vector(row, "dij", _D)
        tensor = -MEV * row.value("jij") * np.eye(3) - strength * LEVI_CIVITA @ axis
        assembly.add_pair(i, j, cell, tensor)
    quadruplets = ("n_interaction_quadruplets", ("interaction_quadruplets_file",))
    for row in _table(lines, path, *quadruplets, ("i", "j", "k", "l"), ("q",)):
        labels = [(row.site("i", count), 0, 0, 0)]
        labels += [(row.site(x, count), *row.cell(f"_{x}")) for x in "jkl"]
        assembly.add_product(labels, -MEV * row.value("q"))
    return assembly.model()


def _refuse(lines: list[Line]) -> None:
    """Refuse keywords that change the energy and are not read here."""
    kind = find(lines, "hamiltonian")
    if kind is not None and "heisenberg_pairs" not in lines[kind].words[1:]:
        line = lines[kind]
        raise FileFormatError(
            f"{line.file}, line {line.number}: must hold `hamiltonian heisenberg_pairs`, but it "
            f"holds {' '.join(line.words)[:60]!r}. List the pairs explicitly."
        )
    other = find(lines, *_REFUSED)
    method = find(lines, "ddi_method")
    if method is not None and word(lines[method], 1, "a method").lower() != "none":
        other = method
    if other is not None:
        raise lines[other].error(
            "nothing that changes the energy and is not read here",
            f"it has {' '.join(lines[other].words)[:60]!r}",
        )


def _read_anisotropies(lines: list[Line], path, assembly: Assembly, count: int) -> None:
    """Add those of a table, or else one axis for all sites (io/Configparser.cpp)."""
    table = ("n_anisotropy", ("anisotropy_file",))
    for row in _table(lines, path, *table, ("i",), (_K,)):
        axis, strength = _vector(row, "k", _K)
        tensor = -strength * np.outer(axis, axis)
        assembly.add("anisotropy", [(row.site("i", count), 0, 0, 0)], tensor)
    if find(lines, table[0], *table[1]) is not None:
        return
    cubic = find(lines, "cubic_anisotropy_magnitude")
    if cubic is not None and lines[cubic].rest(1).numbers(1, "one number after a keyword")[0]:
        raise lines[cubic].error("no cubic anisotropy, which is not read here", "it has some")
    size = find(lines, "anisotropy_magnitude")
    if size is None:
        return
    strength = MEV * lines[size].rest(1).numbers(1, "one number after a keyword")[0]
    axis = _direction(lines, "anisotropy_normal")
    for place in range(count if strength else 0):
        assembly.add("anisotropy", [(place, 0, 0, 0)], -strength * np.outer(axis, axis))


_K = ("kx", "ky", "kz")
_D = ("dijx", "dijy", "dijz")


class _Row:
    """A line of a table with named columns."""

    def __init__(self, line: Line, columns: list[str]):
        self.line = line
        values = line.numbers(len(columns), "one number per column")
        if len(line.values()) > len(columns):
            raise line.error(
                f"one number for each of {len(columns)} columns", f"it has {len(line.values())}"
            )
        self._values = dict(zip(columns, values.tolist(), strict=True))

    def value(self, name: str) -> float:
        return float(self._values.get(name, 0.0))

    def has(self, name: str) -> bool:
        return name in self._values

    def integer(self, name: str) -> int:
        """Return an integer, 0 if there is no such column, as Spirit takes it."""
        text = repr(self.value(name))
        return Line(self.line.file, self.line.number, (text,)).integers(1, f"{name!r}")[0]

    def site(self, name: str, count: int) -> int:
        if name not in self._values:
            raise self.line.error(f"a column {name!r}", "its header has none")
        return site_index(self.line, self.integer(name), count)

    def cell(self, suffix: str) -> tuple[int, int, int]:
        a, b, c = (self.integer(f"d{axis}{suffix}") for axis in "abc")
        return a, b, c


def _table(lines: list[Line], path, keyword: str, files, sites, values) -> list[_Row]:
    """Return the rows of a table in the file, or in another file that it names.

    Its header must have at least one of `values`, each a column or several that belong together.
    """
    start, named = find(lines, keyword), find(lines, *files)
    if start is None and named is not None:
        other = Path(path).parent / Path(word(lines[named], 1, "the name of a file")).name
        lines = lines_of(other)
        start = find(lines, keyword)
        if not lines:
            raise FileFormatError(f"{other}: must hold a table, but it is empty. Give the right.")
    if start is None and named is None:
        return []
    first = 0 if start is None else start + 1
    count = len(lines) - 1 if start is None else lines[start].rest(1).count("a number of rows")
    if not count:
        return []
    (header,) = after(lines, first, 1, "a header of columns")
    columns = [name.lower() for name in header.words]
    unknown = [c for c in columns if c in ("ka", "kb", "kc", "k4", "dija", "dijb", "dijc")]
    if unknown:
        raise header.error("Cartesian components", f"it has the columns {', '.join(unknown)}")
    found = [_Row(line, columns) for line in after(lines, first + 1, count, f"{count} rows")]
    groups = [{group} if isinstance(group, str) else set(group) for group in values]
    partly = [g for g in groups if 0 < len(g & set(columns)) < len(g)]
    absent = [name for name in sites if name not in columns]
    if len(set(columns)) < len(columns) or partly or not any(g <= set(columns) for g in groups):
        wanted = " or ".join(" ".join(sorted(group)) for group in groups)
        raise header.error(f"the columns {wanted}, each once", f"it has {' '.join(columns)[:80]}")
    if absent:
        raise found[0].line.error(f"a column {absent[0]!r}", "its header has none")
    return found


def _vector(row: _Row, size: str, names: tuple[str, str, str]) -> tuple[np.ndarray, float]:
    """Return direction and strength in eV; a column of the strength normalises the vector."""
    vector = np.array([row.value(name) for name in names])
    norm = float(np.linalg.norm(vector))
    strength = row.value(size) if row.has(size) else norm
    return (vector / norm if norm else np.zeros(3)), MEV * strength


def _vectors(lines: list[Line]) -> np.ndarray:
    scale = find(lines, "lattice_constant")
    what = "one number after a keyword"
    constant = 1.0 if scale is None else lines[scale].rest(1).numbers(1, what)[0]
    for keyword in ("bravais_vectors", "bravais_matrix"):
        place = find(lines, keyword)
        if place is not None:
            rows = after(lines, place + 1, 3, "three vectors")
            matrix = np.array([row.numbers(3, "a vector") for row in rows])
            turned = matrix if keyword == "bravais_vectors" else matrix.T
            return vectors_of(rows[0], constant * turned)
    place = find(lines, "bravais_lattice")
    name = "sc" if place is None else word(lines[place], 1, "the name of a lattice").lower()
    if name not in LATTICES:
        raise lines[place or 0].error(f"one of {', '.join(LATTICES)}", f"it has {name[:40]!r}")
    known = constant * LATTICES[name]
    return known if scale is None else vectors_of(lines[scale], known)


def _basis(lines: list[Line]) -> np.ndarray:
    place = find(lines, "basis")
    if place is None:
        return np.zeros((1, 3))
    (stated,) = after(lines, place + 1, 1, "the number of atoms")
    count = stated.count("a number of atoms")
    if not count:
        raise stated.error("a number of atoms greater than 0", "it is 0")
    rows = after(lines, place + 2, count, f"{count} atoms")
    return np.array([row.numbers(3, "an atom") for row in rows])


def _direction(lines: list[Line], keyword: str) -> np.ndarray:
    """Return the unit vector after a keyword, z if there is none or it is zero."""
    place = find(lines, keyword)
    axis = np.zeros(3)
    if place is not None:
        axis = lines[place].rest(1).numbers(3, "a vector after a keyword")
    length = float(np.linalg.norm(axis))
    return axis / length if length else np.array([0.0, 0.0, 1.0])


def _read_field(lines: list[Line], assembly: Assembly, count: int) -> None:
    size = find(lines, "external_field_magnitude")
    if size is None:
        return
    strength = BOHR_MAGNETON * lines[size].rest(1).numbers(1, "one number after a keyword")[0]
    axis = _direction(lines, "external_field_normal")
    stated = find(lines, "mu_s")
    moments = np.ones(1)
    if stated is not None:
        line = lines[stated].rest(1)
        moments = line.numbers(min(max(len(line.values()), 1), count), "moments")
    for place in range(count):
        # Those that are missing are the first.
        moment = moments[place] if place < len(moments) else moments[0]
        assembly.add("field", [(place, 0, 0, 0)], moment * strength * axis)
