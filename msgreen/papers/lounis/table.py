"""Scans over distance as tables and datasets, in meV."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from msgreen.convention import LOUNIS
from msgreen.estimate import Estimate
from msgreen.papers.lounis.scan import DistanceScan
from msgreen.units import MEV

_SHOWN = 6
"""Rows of a scan in its summary: they fit on one screen for both dimensions."""

Scans = Mapping[int, Estimate[DistanceScan]]
"""By the dimension of the gas."""

NAMES = tuple(name for name in DistanceScan._fields if name != "distance")
SCAN_HEADER = ("dimension", "R_angstrom", *(f"{name}_meV" for name in NAMES), "error_meV")
"""Columns of the table of a scan; convention L."""


def scan_rows(scans: Scans) -> list[tuple]:
    """Return one row per dimension and distance, with the columns of `SCAN_HEADER`.

    Parameters
    ----------
    scans : mapping of int to pair of DistanceScan
        Values and errors in eV.

    Returns
    -------
    list of tuple
        In meV; the last column is the largest error estimate of the row.
    """
    rows = []
    for dimension, (values, errors) in scans.items():
        table = np.stack([np.asarray(values.columns[name]) for name in NAMES], axis=1) / MEV
        doubt = np.stack([np.asarray(errors.columns[name]) for name in NAMES], axis=1) / MEV
        for distance, row, error in zip(values.distance, table, doubt, strict=True):
            rows.append((dimension, float(distance), *row.tolist(), float(error.max())))
    return rows


def scan_summary(scans: Scans) -> list[str]:
    """Return lines with some rows of a scan, and how uncertain it is at most.

    Parameters
    ----------
    scans : mapping of int to pair of DistanceScan
        Values and errors in eV.
    """
    lines = [f"{'meV':<4}{'R / A':>9}" + "".join(f"{name:>13}" for name in NAMES)]
    for dimension in scans:
        rows = scan_rows({dimension: scans[dimension]})
        shown = np.unique(np.linspace(0, len(rows) - 1, _SHOWN).round().astype(int))
        lines += [
            f"{dimension}D  {rows[n][1]:>9.4g}" + "".join(f"{v:>13.5g}" for v in rows[n][2:-1])
            for n in shown
        ]
        worst = max(row[-1] for row in rows)
        lines.append(f"{dimension}D: {len(rows)} distances, largest error {worst:.1e} meV")
    return lines


def scan_dataset(scans: Scans, attributes: Mapping | None = None) -> xr.Dataset:
    """Return a scan as a labelled dataset, with the error of every coefficient.

    Parameters
    ----------
    scans : mapping of int to pair of DistanceScan
        Values and errors in eV, all dimensions at the same distances.
    attributes : mapping, optional
        Added to those of the dataset.

    Returns
    -------
    xarray.Dataset
        In meV, with the dimensions ``dimension`` and ``distance``.
    """
    first, _ = next(iter(scans.values()))
    coordinates = {
        "dimension": ("dimension", list(scans), {"long_name": "dimension of the electron gas"}),
        "distance": ("distance", np.asarray(first.distance), {"units": "angstrom"}),
    }
    data = {}
    for name in NAMES:
        for suffix, part in (("", 0), ("_error", 1)):
            columns = [np.asarray(scan[part].columns[name]) / MEV for scan in scans.values()]
            data[name + suffix] = (("dimension", "distance"), np.stack(columns), {"units": "meV"})
    described = {"convention": LOUNIS.name, "vectors": "along the bond normal (0, -1, 0)"}
    return xr.Dataset(data, coordinates, {**described, **(attributes or {})})
