"""Tables as comma-separated text, with all digits."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgreen.io.atomic import replacing
from msgreen.spinmodel.interactions import Interactions, Row


def write_table(path: str | Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a table; numbers keep all their digits, and the file appears as a whole or not at all.

    Parameters
    ----------
    path : str or Path
    header : sequence of str
        Names of the columns.
    rows : iterable of sequences
    """
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_csv(interactions: Interactions, path: str | Path, *, tensors: bool = False) -> None:
    """Write an interaction set as a table with one row per number.

    The columns are ``order, term, sites, component, value, error, unit, convention, spins``; the
    last says what a number multiplies: ``S``, ``dS`` or ``rotation`` (see `Interactions`).

    Parameters
    ----------
    interactions : Interactions
    path : str or Path
    tensors : bool
        Whether to write the entries of the full tensors too. They are always in the NetCDF file.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from msgreen.spinmodel.interactions import Coefficient, Terms
    >>> exchange = Coefficient(np.array([0.25]), np.array([1e-12]))
    >>> file = Path(tempfile.mkdtemp()) / "interactions.csv"
    >>> write_csv(Interactions((Terms(np.array([[0, 1]]), {"J_iso": exchange}),)), file)
    >>> print(file.read_text(), end="")
    order,term,sites,component,value,error,unit,convention,spins
    2,J_iso,0-1,,0.25,1e-12,eV,neutral,S
    """
    write_table(path, Row._fields, interactions.rows(tensors))
