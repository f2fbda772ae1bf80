"""What a page draws: sites, clusters of sites with values along a parameter, and states."""

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from msgreen._typing import ArrayLike, Float
from msgreen.page.rows import Rows
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.interactions import Interactions

LARGEST = 2000
"""Rows of one name on a page. On two cores without a graphics card 2740 bonds, of 1370 rows, take
3 s to draw, and the 150 that are drawn at first 0.8 s."""

MOST_SPINS = 2000
"""Spins of a state that are drawn: 1024 take 0.5 s likewise."""

MOST_STATE_SPINS = 100_000
"""Spins of all states together: they take 4 MB, nearly as much as plotly.js."""

_DIGITS = 9
"""Significant digits of the numbers of a page, more than anyone reads off it."""


class Geometry(NamedTuple):
    """Where sites are.

    Attributes
    ----------
    positions : real array, shape (site, 3)
        In angstrom.
    vectors : real array, shape (dim, 3)
        Of the lattice; without rows for a finite cluster.
    symbols : tuple of str
    coupled : bool array, shape (site,)
        Which sites have a moment.
    """

    positions: np.ndarray
    vectors: np.ndarray
    symbols: tuple[str, ...]
    coupled: np.ndarray


class Places:
    """Sites of a page, numbered as they are asked for."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self._numbers: dict[tuple[int, ...], int] = {}

    def number(self, site: int, cell: Sequence[int]) -> int:
        """Return the number of a site in a cell."""
        return self._numbers.setdefault((site, *cell), len(self._numbers))

    def numbers(self, sites: np.ndarray, cells: np.ndarray) -> list[list[int]]:
        """Return the numbers of clusters, shape (row, site)."""
        rows = zip(sites.tolist(), cells.tolist(), strict=True)
        return [[self.number(s, c) for s, c in zip(*row, strict=True)] for row in rows]

    def content(self) -> list[dict]:
        """Return all sites so far: position, label, symbol, whether it has a moment."""
        found = []
        for site, *cell in self._numbers:
            place = self.geometry.positions[site] + np.array(cell, int) @ self.geometry.vectors
            symbol = self.geometry.symbols[site] if self.geometry.symbols else ""
            where = f", cell {' '.join(map(str, cell))}" if any(cell) else ""
            found.append(
                {
                    "place": _plain(place),
                    "label": f"{symbol or 'site'} {site}{where}",
                    "symbol": symbol,
                    "site": site,
                    "cell": cell,
                    "coupled": bool(self.geometry.coupled[site]),
                }
            )
        return found


def geometry_of(result: SpinModel | Interactions, count: int) -> tuple[Geometry, list[str]]:
    """Return where the sites of a result are, and what had to be assumed.

    Parameters
    ----------
    result : SpinModel or Interactions
    count : int
        Number of sites, which a set without positions does not say.
    """
    lattice = result.lattice if isinstance(result, SpinModel) else None
    positions = result.positions if lattice is None else lattice.basis
    symbols = (result.symbols or ()) if isinstance(result, SpinModel) else ()
    coupled = result.coupled if isinstance(result, SpinModel) else np.ones(count, bool)
    notes = []
    if positions is None:
        positions = _polygon(count)
        notes.append("The result has no positions: its sites are drawn on a circle.")
    vectors = np.zeros((0, 3)) if lattice is None else _spatial(lattice.vectors)
    return Geometry(_spatial(positions), vectors, symbols, coupled), notes


def _spatial(places) -> np.ndarray:
    array = np.asarray(places, float)
    return np.pad(array, ((0, 0), (0, 3 - array.shape[1])))


def _polygon(count: int) -> np.ndarray:
    """Return sites on a circle, 3 angstrom apart."""
    angles = 2 * np.pi * np.arange(count) / max(count, 1)
    radius = 1.5 / np.sin(np.pi / count) if count > 1 else 0.0
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def strongest(frames: Sequence[list[Rows]]) -> tuple[list[list[Rows]], list[str]]:
    """Return at most `LARGEST` rows of every name, and what was left out.

    Parameters
    ----------
    frames : sequence of list of Rows
        Along a parameter, with the same clusters.
    """
    kept: list[list[Rows]] = [[] for _ in frames]
    notes = []
    for same in zip(*frames, strict=True):
        size = np.max([np.abs(rows.sizes) for rows in same], axis=0)
        order = np.argsort(-size, kind="stable")
        if len(order) > LARGEST:
            notes.append(
                f"{same[0].name}: the {LARGEST} largest of {len(order)} rows are here; the others "
                f"are at most {size[order[LARGEST]]:.3g} meV."
            )
        index = np.sort(order[:LARGEST])
        for mine, rows in zip(kept, same, strict=True):
            mine.append(rows.taken(index))
    return kept, notes


def groups(frames: Sequence[list[Rows]], places: Places, centre: np.ndarray) -> list[dict]:
    """Return the clusters of every name, with their values for every frame.

    Parameters
    ----------
    frames : sequence of list of Rows
    places : Places
        Gets their sites.
    centre : int array, shape (dim,)
        Cell about which they are drawn.
    """
    found = []
    for same in zip(*frames, strict=True):
        rows = same[0]
        cells = rows.cells - rows.cells[:, :1] + centre
        group: dict[str, Any] = {
            "name": rows.name,
            "symbol": rows.symbol,
            "form": rows.form,
            "order": rows.order,
            "signed": rows.values.ndim == 1,
            "sites": places.numbers(rows.sites, cells),
            "values": [_plain(some.sizes) for some in same],
            "errors": [None if some.doubts is None else _plain(some.doubts) for some in same],
            "vectors": [None if some.vectors is None else _plain(some.vectors) for some in same],
            "leg_names": rows.legs,
            "leg_vectors": [_plain(some.values) for some in same] if rows.legs else [],
        }
        # A bond leaves the cell in both directions, so that each site has all its neighbours.
        both = rows.cells.shape[-1] > 0 and rows.sites.shape[1] == 2
        back = cells + cells[:, :1] - cells[:, 1:] if both else cells
        group["copies"] = places.numbers(rows.sites, back) if both else []
        found.append(group)
    return found


def states_content(
    places: Places, states: Mapping[str, np.ndarray], box: Sequence[int]
) -> tuple[list[dict], list[str]]:
    """Return states to flip through, and what was left out.

    Parameters
    ----------
    places : Places
        Gets the sites of the box.
    states : mapping of str to real array, shape ([cells,] site, 3)
        NaN where there is no moment.
    box : sequence of int
        Number of cells along every lattice vector.
    """
    if not states:
        return [], []
    cells = np.array(list(np.ndindex(*box)), int).reshape(math.prod(box), len(box))
    away = np.linalg.norm((cells - centre_of(box)) @ places.geometry.vectors, axis=1)
    count = len(places.geometry.positions)
    near = np.argsort(away, kind="stable")[: max(1, MOST_SPINS // count)]
    for cell in cells[near].tolist():
        for site in range(count):
            places.number(site, cell)
    notes = []
    if len(near) < len(cells):
        notes.append(f"States: the {len(near)} of {len(cells)} cells nearest the middle are here.")
    most = max(1, MOST_STATE_SPINS // (len(near) * count))
    if most < len(states):
        notes.append(f"States: the first {most} of {len(states)} are here.")
    numbers = np.sort(near)
    return [
        {
            "title": title,
            "spins": _plain(spins.reshape(len(cells), count, 3)[numbers].reshape(-1, 3)),
            "box": list(box),
            "cells": numbers.tolist() if len(near) < len(cells) else None,
        }
        for title, spins in islice(states.items(), most)
    ], notes


def centre_of(box: Sequence[int]) -> np.ndarray:
    """Return the middle cell of a box."""
    return np.array(box, int) // 2


def _plain(array) -> list | float | None:
    """Return nested lists of short numbers; what is not finite becomes None, as JSON has it."""
    array = np.asarray(array, float)
    if array.ndim:
        return [_plain(part) for part in array]
    return float(f"{array:.{_DIGITS}g}") if np.isfinite(array) else None


def frame_content(
    name: str, values: Float[ArrayLike, " point"], sizes: bool = False
) -> Mapping[str, Any]:
    """Return the parameter along which there are results.

    Parameters
    ----------
    name : str
        With its unit.
    values : real array, shape (point,)
    sizes : bool
        Whether it is the length in angstrom by which all positions are multiplied.
    """
    return {"name": name, "values": _plain(values), "sizes": sizes}


def scan_content(
    texts: Mapping[str, Any],
    positions: Float[np.ndarray, "site 3"],
    columns: Sequence[list[Rows]],
    frame: Mapping[str, Any],
) -> dict:
    """Return the scene of a scan, whose sites are on no lattice.

    Parameters
    ----------
    texts : mapping of str
        ``title``, ``about`` and ``notes``.
    positions : real array, shape (site, 3)
        In angstrom; all of them are drawn.
    columns : sequence of list of Rows
        Of every coefficient its values at all points of the scan.
    frame : mapping
        As `frame_content`.
    """
    count = len(positions)
    places = Places(Geometry(positions, np.zeros((0, 3)), (), np.ones(count, bool)))
    for site in range(count):
        places.number(site, ())
    frames = [list(rows) for rows in zip(*columns, strict=True)]
    return {
        **texts,
        "vectors": [],
        "centre": [],
        "groups": groups(frames, places, np.zeros(0, int)),
        "sites": places.content(),
        "site_count": count,
        "states": [],
        "frame": frame,
    }
