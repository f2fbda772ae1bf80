"""Images between which elements of H(R) are shared: `_wsvec.dat`."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from msgreen.io.wannier.real_space import FARTHEST, RealSpace, collect, read_cell
from msgreen.io.wannier.text import TextStream, integers

_RECORD = 6
"""Integers before the images of an element: R1 R2 R3 m n, and the number of images."""


class _Images(NamedTuple):
    """For every image: cell, m, n of its element (image, 3), T (image, 3), and its share."""

    entries: np.ndarray
    shifts: np.ndarray
    shares: np.ndarray


def spread(found: RealSpace, file: str | Path) -> RealSpace:
    """Return H(R) with every element shared between the equally near images of `_wsvec.dat`.

    Parameters
    ----------
    found : RealSpace
    file : path
        `seedname_wsvec.dat`, or the same compressed with gzip.

    Returns
    -------
    RealSpace
        H_mn(R) / degeneracy(T) is added to H_mn(R + T) for every T that the file lists.

    Raises
    ------
    FileFormatError
        If the file is foreign, truncated, or of another Hamiltonian, naming the line.
    """
    size = found.matrices.shape[1]
    place = {tuple(cell): n for n, cell in enumerate(found.cells.tolist())}
    images = _all_at_once(file, place, size) or _line_by_line(file, place, size)
    at, m, n = images.entries.T
    values = found.matrices[at, m, n] * images.shares
    cells, matrices = collect(found.cells[at] + images.shifts, m, n, values, size)
    return found._replace(cells=cells, matrices=matrices)


def _all_at_once(file: str | Path, place: dict, size: int) -> _Images | None:
    """Walk through the integers of the file; None if anything is not as it must be."""
    with TextStream(file) as stream:
        stream.header()
        numbers = stream.integers_left()
    if numbers is None:
        return None
    listed, starts, start = numbers.tolist(), [], 0
    while start + _RECORD <= len(listed):
        starts.append(start)
        start += _RECORD + 3 * max(listed[start + _RECORD - 1], 0)
    if start != len(listed) or len(starts) != len(place) * size**2:
        return None
    begin = np.array(starts)
    head = numbers[begin[:, None] + np.arange(_RECORD)]
    at = np.array([place.get(tuple(cell), -1) for cell in head[:, :3].tolist()])
    m, n, count = head[:, 3] - 1, head[:, 4] - 1, head[:, 5]
    inside = (at >= 0) & (m >= 0) & (m < size) & (n >= 0) & (n < size) & (count > 0)
    if not inside.all() or len(np.unique((at * size + m) * size + n)) < len(at):
        return None
    record = np.repeat(np.arange(len(at)), count)
    within = np.arange(len(record)) - np.repeat(np.cumsum(count) - count, count)
    shifts = numbers[(begin[record] + _RECORD + 3 * within)[:, None] + np.arange(3)]
    if np.abs(shifts).max() > FARTHEST:
        return None
    return _Images(np.stack([at, m, n], axis=-1)[record], shifts, 1 / count[record])


def _line_by_line(file: str | Path, place: dict, size: int) -> _Images:
    """Read the images slowly, and say which line is wrong."""
    seen = np.zeros((len(place), size, size), bool)
    entries, shifts, shares = [], [], []
    with TextStream(file) as stream:
        stream.header()
        while (line := stream.optional_line()) is not None:
            *cell, m, n = integers(line, 5, "R1 R2 R3 m n")
            what = "a cell of the Hamiltonian and two of its functions"
            if tuple(cell) not in place or not (1 <= m <= size and 1 <= n <= size):
                raise line.error(what, f"it holds {' '.join(line.words[:5])}")
            entry = (place[tuple(cell)], m - 1, n - 1)
            if seen[entry]:
                raise line.error(what, f"{' '.join(line.words[:5])} stands there before")
            seen[entry] = True
            line = stream.line("the number of images")
            (images,) = integers(line, 1, "the number of images")
            if not 1 <= images <= FARTHEST:
                raise line.error("the number of images", f"it is {images}")
            for _ in range(images):
                entries.append(entry)
                shifts.append(read_cell(stream.line("an image T1 T2 T3")))
                shares.append(1 / images)
        if not seen.all():
            raise stream.ends(f"the images of all {seen.size} matrix elements")
    return _Images(np.array(entries), np.array(shifts), np.array(shares))
