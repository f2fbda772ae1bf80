"""TB2J: `exchange.out` in its own layout, for programs that read it."""

from pathlib import Path

import numpy as np

from msgreen.io.spin_programs.parts import PAIRS, Parts
from msgreen.io.spin_programs.report import Written
from msgreen.io.spin_programs.text import write_text
from msgreen.spin.tensors import pair_parts
from msgreen.units import MEV

_RULE = "=" * 90
_THIN = "-" * 90


def write_tb2j(parts: Parts, path: Path, moments: np.ndarray) -> Written:
    """Write `exchange.out`: E = -sum_{i != j} [J e_i.e_j + e_i.J_ani.e_j + D.(e_i x e_j)] in meV.

    Parameters
    ----------
    parts : Parts
    path : Path
        Of the file.
    moments : real array, shape (site,)
        In Bohr magnetons, along z in the list of atoms.

    References
    ----------
    Xu He et al., Comput. Phys. Commun. 264, 107938 (2021), "Conventions of Heisenberg Model" in
    the documentation of TB2J.
    """
    vectors, positions, _ = parts.geometry
    names = _names(parts.model.symbols or ["M"] * len(positions))
    bonds = parts.bonds().both_directions()
    lines = [
        _RULE,
        "Information:",
        "Exchange parameters written by msgreen in the layout of TB2J",
        "E = -sum_{i/=j} [J e_i.e_j + e_i.J_ani.e_j + D.(e_i x e_j)], every pair from both ends",
        _RULE,
        "Cell (Angstrom):",
        *(_numbers(vector) for vector in vectors),
        "",
        _RULE,
        "Atoms:",
        "(Note: charges are not known.)",
        "Atom_number      x         y         z     w_charge    M(x)      M(y)      M(z)",
        *(
            f"{name:<8} {_numbers([*place, 0.0, 0.0, 0.0, moment])}"
            for name, place, moment in zip(names, positions, moments, strict=True)
        ),
        f"{'Total':<8} {'':>47} {_numbers([0.0, 0.0, 0.0, float(np.sum(moments))])}",
        "",
        _RULE,
        "Exchange:",
        "    i      j          R        J_iso(meV)          vector          distance(A)",
    ]
    # Half of a pair that is counted from both ends, with a minus sign.
    exchange, vector, traceless = pair_parts(-0.5 * bonds.values / MEV)
    for n, ((i, j), cell) in enumerate(zip(bonds.sites, bonds.cells, strict=True)):
        bond = positions[j] + cell @ vectors - positions[i]
        place = "({:3d}, {:3d}, {:3d})".format(*cell)
        along = "({:.6f}, {:.6f}, {:.6f})".format(*bond)
        lines += [
            _THIN,
            f"{names[i]:>6} {names[j]:>6} {place} {exchange[n]:.10f} {along} "
            f"{np.linalg.norm(bond):.6f}",
            f"J_iso: {exchange[n]:.10f}",
            "DMI: ({:.10f} {:.10f} {:.10f})".format(*vector[n]),
            "J_ani:",
            "[" + "\n ".join(f"[{_numbers(row)}]" for row in traceless[n]) + "]",
        ]
    return Written([write_text(path, [*lines, _THIN])], parts.but(*PAIRS), parts.constant)


def _names(symbols) -> list[str]:
    """Return the atoms numbered by element: Sr1, Mn1, O1, O2."""
    elements = [symbol.rstrip("0123456789") for symbol in symbols]
    return [f"{element}{elements[: n + 1].count(element)}" for n, element in enumerate(elements)]


def _numbers(values) -> str:
    return " ".join(f"{value + 0.0:14.10f}" for value in values)
