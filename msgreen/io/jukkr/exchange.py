"""Exchange constants that JuKKR computes itself, `Jij.atom*`, for comparison."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from msgreen.io.jukkr.text import first_line, read_lines
from msgreen.units import RYDBERG


class ExchangeTable(NamedTuple):
    """What `Jij.atom*` holds; energies in eV, E = -sum over ordered pairs of J e_i.e_j + ...

    The convention is that of paper L. With spin-orbit coupling, x and y are the polar and azimuthal
    unit vectors at the moment's direction z, and J = (Jxx + Jyy)/2, S = (Jxx - Jyy)/2,
    A = (Jyx + Jxy)/2, D = (Jxy - Jyx)/2: the component of D along the moment.

    Attributes
    ----------
    distance : real array, shape (pair,)
        In units of the lattice constant.
    J : real array, shape (pair,)
    D, S, A : real array, shape (pair,), or None without spin-orbit coupling
    vector : real array, shape (pair, 3), or None without spin-orbit coupling
        From atom i to atom j, in units of the lattice constant.
    partner : int array, shape (pair,)
        Type of atom j.
    """

    distance: np.ndarray
    J: np.ndarray
    D: np.ndarray | None
    S: np.ndarray | None
    A: np.ndarray | None
    vector: np.ndarray | None
    partner: np.ndarray


def read_jij(file: str | Path) -> ExchangeTable:
    """Read `Jij.atom*`, with or without spin-orbit coupling.

    Raises
    ------
    FileFormatError
        If a line does not hold 4 (no spin-orbit coupling) or 10 numbers like the first.
    """
    lines = read_lines(file, comments=("#", "&"))
    first = first_line(lines, file, "a table of exchange constants")
    columns = len(first.words)
    if columns not in (4, 10):
        raise first.error("4 or 10 numbers", f"it has {columns} words")
    rows = []
    for line in lines:
        if len(line.words) != columns:
            raise line.error(f"{columns} numbers like line {first.number}", "it does not")
        rows.append(line.numbers(columns, "exchange constants"))
        line.whole(rows[-1][2 if columns == 4 else 8], "the type of an atom")
    table = np.array(rows)
    energies = table[:, 1:5] * RYDBERG
    if columns == 4:
        return ExchangeTable(
            table[:, 0], energies[:, 0], None, None, None, None, table[:, 2].astype(int)
        )
    exchange, dmi, s, a = energies.T
    return ExchangeTable(table[:, 0], exchange, dmi, s, a, table[:, 5:8], table[:, 8].astype(int))
