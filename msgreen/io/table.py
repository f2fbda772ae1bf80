"""Tables as comma-separated text, with all digits."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgreen.io.atomic import replacing
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.interactions import Interactions
from msgreen.spinmodel.rows import Row


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


def write_csv(result: Interactions | SpinModel, path: str | Path, *, tensors: bool = False) -> None:
    """Write interactions or a spin model as a table with one row per number.

    The columns are ``order, term, sites, component, value, error, unit, convention, spins``; the
    last says what a number multiplies: ``S``, ``dS`` or ``rotation`` (see `Interactions`).

    Parameters
    ----------
    result : Interactions or SpinModel
        Of a spin model every value, counted as in the model.
    path : str or Path
    tensors : bool
        Whether to write the entries of the full tensors of interactions too. They are always in
        the NetCDF file.

    Examples
    --------
    >>> import tempfile
    >>> from msgreen.spinmodel import SpinModel, Term
    >>> file = Path(tempfile.mkdtemp()) / "model.csv"
    >>> write_csv(SpinModel([Term("exchange", [[0, 1]], [0.25], errors=[1e-12])]), file)
    >>> print(file.read_text(), end="")
    order,term,sites,component,value,error,unit,convention,spins
    2,exchange,0-1,,0.25,1e-12,eV,neutral,S
    """
    rows = result.rows() if isinstance(result, SpinModel) else result.rows(tensors)
    write_table(path, Row._fields, rows)
