"""Results as tables: one row per number, of interactions and of spin models alike."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from msgreen.units import MEV

_SHOWN = 20
"""Rows of one kind that printing shows: a screen holds two kinds."""

_ROUNDING = 1e-9
"""Numbers below their error are not printed if this part of the largest is above it. Errors of
converged integrals are 1e-13 to 1e-10 of the largest number; nobody reads ten digits in vain."""


class Row(NamedTuple):
    """One number of a result, as a line of a table.

    Attributes
    ----------
    order : int
        Number of spins.
    term : str
        What the number is called: a coefficient, or the class of a term of a spin model.
    sites : str
        "0-4-1"; a site in another cell of a lattice says which: "0-1[1 0]".
    component : str
        Cartesian axes, after the leg of a loop "4>1" if there is one per leg.
    value, error : float
        An infinite error is that of a value that nothing determines, NaN an unknown one.
    unit, convention : str
    spins : str
        What the number multiplies: "S", "dS" (deviations), or "rotation".
    """

    order: int
    term: str
    sites: str
    component: str
    value: float
    error: float
    unit: str
    convention: str
    spins: str


def rows_of(
    order: int,
    term: str,
    clusters: Sequence[str],
    axes: Sequence[str | np.ndarray],
    values: np.ndarray,
    errors: np.ndarray | None,
    convention: str,
    spins: str,
) -> Iterator[Row]:
    """Yield the numbers of one term, in eV.

    Parameters
    ----------
    order : int
    term : str
    clusters : sequence of str
        How the sites of every cluster are called.
    axes : sequence of str or str arrays
        Names of the entries of every further axis of `values`: the same for every cluster, or of
        shape (cluster, entry).
    values, errors : real arrays, shape (cluster, ...)
        Errors are unknown if there are none.
    convention, spins : str
    """
    for index in product(*map(range, values.shape)):
        cluster, *entries = index
        names = [
            axis[cluster][n] if np.ndim(axis) == 2 else axis[n]
            for axis, n in zip(axes, entries, strict=True)
        ]
        legs = [name for name in names if len(name) > 1]
        letters = "".join(name for name in names if len(name) == 1)
        yield Row(
            order,
            term,
            clusters[cluster],
            " ".join(filter(None, [*legs, letters])),
            float(values[index]),
            np.nan if errors is None else float(errors[index]),
            "eV",
            convention,
            spins,
        )


def cluster_names(sites: np.ndarray, cells: np.ndarray | None = None) -> list[str]:
    """Return how tables call clusters: sites joined by hyphens, with the cells of the others.

    Parameters
    ----------
    sites : int array, shape (cluster, site)
    cells : int array, shape (cluster, site, dim), optional

    Examples
    --------
    >>> cluster_names(np.array([[0, 1]]), np.array([[[0, 0], [1, 0]]]))
    ['0-1[1 0]']
    """
    if cells is None:
        cells = np.zeros((*sites.shape, 0), int)
    return [
        "-".join(
            f"{site}[{' '.join(map(str, cell))}]" if any(cell) else str(site)
            for site, cell in zip(cluster, places, strict=True)
        )
        for cluster, places in zip(sites.tolist(), cells.tolist(), strict=True)
    ]


def leg_names(loops: np.ndarray) -> list[list[str]]:
    """Return how tables call the legs of loops (loop, site), "4>1" from site 4 to site 1."""
    ends = zip(loops.tolist(), np.roll(loops, -1, axis=1).tolist(), strict=True)
    return [[f"{a}>{b}" for a, b in zip(*loop, strict=True)] for loop in ends]


def printed(heading: Iterable[str], kinds: Iterable[tuple[str, Iterable[Row]]]) -> str:
    """Return rows as a text to read, in meV: of every kind the first that are not zero.

    Parameters
    ----------
    heading : iterable of str
        Lines above the table.
    kinds : iterable of (str, iterable of Row)
    """
    shown = {kind: _not_zero(list(rows)) for kind, rows in kinds}
    terms, sites = (
        max([least, *(len(str(getattr(row, name))) + 2 for rows in shown.values() for row in rows)])
        for name, least in (("term", 12), ("sites", 16))
    )
    lines = [
        *heading,
        f"{'term':<{terms}}{'sites':<{sites}}{'component':<14}{'value':>16} {'error':>11}",
    ]
    for kind, rows in shown.items():
        lines += [
            f"{row.term:<{terms}}{row.sites:<{sites}}{row.component:<14}{row.value / MEV:>16.8g}"
            f" {_doubt(row.error):>11}"
            for row in rows[:_SHOWN]
        ]
        if len(rows) > _SHOWN:
            lines.append(f"... {len(rows) - _SHOWN} more {kind} rows that are not zero")
    return "\n".join(lines)


def _not_zero(rows: list[Row]) -> list[Row]:
    """Leave out what is zero, or zero to rounding; what is not determined has to be seen."""
    least = _ROUNDING * max((abs(row.value) for row in rows), default=0.0)
    return [
        row
        for row in rows
        if np.isinf(row.error) or (row.value != 0.0 and not abs(row.value) <= row.error <= least)
    ]


def _doubt(error: float) -> str:
    if np.isfinite(error):
        return f"{error / MEV:.1e}"
    return "undetermined" if np.isinf(error) else "unknown"
