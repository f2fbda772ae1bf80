"""UppASD, written: `inpsd.dat` with files of positions, moments, pairs, anisotropies and rings.

E = - sum_{i != j} [J e_i.e_j + D.(e_i x e_j) + B (e_i.e_j)^2] + sum_i K (k.e_i)^2, in mRy, unit
vectors, every pair from both ends; a ring that is listed for each of its four atoms adds
2 K [(ij)(kl) + (il)(jk) - (ik)(jl)].

References
----------
Manual and source of UppASD (github.com/UppASD/UppASD): inputhandler_ext.f90, hamiltonianinit.f90,
energy.f90. Their example HeisChain, J = 2.5 mRy, has E = -4.9994 mRy per atom, which fixes the
count.
"""

from pathlib import Path

import numpy as np

from msgreen.io.spin_programs.parts import PAIRWISE, Axes, Bonds, Parts, axes
from msgreen.io.spin_programs.report import Written
from msgreen.io.spin_programs.text import integers, number, numbers, write_text
from msgreen.spinmodel.convert import LEVI_CIVITA
from msgreen.units import BOHR_MAGNETON, RYDBERG

MRY = 1e-3 * RYDBERG
"""One mRy in eV."""

FOLDING = 1e-5
"""Fraction of a cell below 0 at which UppASD leaves an atom in its cell (geometry.f90).

It moves all other atoms into the cell before it reads the cells of neighbours, which therefore
are relative to the moved ones.
"""

_CONVENTION = """\
# Spin model written by msgreen for UppASD (uppasd.github.io).
# Convention: unit vectors e, energies in mRy, every pair listed from both ends:
#   E = - sum_{i/=j} [ J e_i.e_j + D.(e_i x e_j) + B (e_i.e_j)^2 ] + sum_i K (k.e_i)^2
# With do_jtensor 1 and calc_jtensor F the nine numbers are rows of J in - sum_{i/=j} e_i.J.e_j,
# D included; without calc_jtensor F UppASD takes the first of them for isotropic exchange.
# Rings, listed for each of their atoms: + 2 K [(e_i.e_j)(e_k.e_l)+(e_i.e_l)(e_j.e_k)
#   -(e_i.e_k)(e_j.e_l)] per plaquette.
# J > 0 is ferromagnetic. Lengths in angstrom, sites count from 1, each is a type of its own,
# neighbours are named by lattice translations (maptype 2), all atoms are inside the cell.
# The files beside this one cannot hold comments.
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
    # Of several types UppASD keeps no place for biquadratic exchange, and aborts; rings know one.
    one_type = parts.model.site_count == 1
    pairwise = [name for name in PAIRWISE if one_type or name != "biquadratic"]
    lost = parts.unknown([*pairwise, *(["four_site"] if one_type else [])], field)
    found = axes(parts.onsite())
    home = np.floor(parts.geometry.fractions() + FOLDING).astype(int)
    positions = parts.geometry.positions - home @ parts.geometry.vectors
    tables = _pairs(parts, home)
    if one_type and "biquadratic" in parts.terms:
        tables["bqfile"] = _listed(
            parts.biquadratic().moved(home), lambda v: number(-0.5 * v / MRY)
        )
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
    tables["posfile"] = [f"{n} {n} {numbers(r)}" for n, r in enumerate(positions, start=1)]
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
        *(["do_jtensor 1", "calc_jtensor F"] if tensorial else []),
        *(["dm ./dmfile"] if "dmfile" in tables else []),
        *(["bq ./bqfile"] if "bqfile" in tables else []),
        *(["ring ./ringfile"] if "ringfile" in tables else []),
        *(["anisotropy ./kfile"] if "kfile" in tables else []),
        *(["mult_axis Y"] if found.strengths[:, 1].any() else []),
    ]


def _pairs(parts: Parts, home: np.ndarray) -> dict[str, list[str]]:
    """Return tables of exchange and D, or of full tensors if there is anisotropic exchange."""
    bonds = parts.bonds().moved(home)
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
