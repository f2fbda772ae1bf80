"""Hamiltonians H(R) between Wannier functions: `_hr.dat` and `_tb.dat`."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from msgreen._typing import ArrayLike, Int, Num
from msgreen.errors import FileFormatError
from msgreen.io.jukkr.text import Line
from msgreen.io.wannier.text import TextStream, finite_numbers, integers

_CHUNK = 2**16
"""Lines parsed at a time: some 10 MB."""

FARTHEST = 10_000
"""Largest coordinate of a cell; a larger number is a damaged file."""


class RealSpace(NamedTuple):
    """What `_hr.dat` or `_tb.dat` holds, divided by the degeneracies of the cells.

    Attributes
    ----------
    cells : int array, shape (cell, 3)
    matrices : complex array, shape (cell, function, function)
        <0 m| H |R n> / degeneracy(R) in eV.
    degeneracies : int array, shape (cell,)
        As the file has them.
    vectors : real array, shape (3, 3), or None
        Lattice vectors in angstrom, of `_tb.dat`.
    centres : real array, shape (function, 3), or None
        Diagonal of the position operator in angstrom, of `_tb.dat`.
    """

    cells: np.ndarray
    matrices: np.ndarray
    degeneracies: np.ndarray
    vectors: np.ndarray | None = None
    centres: np.ndarray | None = None


def read_hr(file: str | Path) -> RealSpace:
    """Read `seedname_hr.dat`, or the same compressed with gzip.

    Parameters
    ----------
    file : path

    Returns
    -------
    RealSpace

    Raises
    ------
    FileFormatError
        If the file is foreign, truncated or too long, naming the line.
    """
    with TextStream(file) as stream:
        stream.header()
        size, count, degeneracies = _head(stream)
        stream.check_room(count * size**2, 14, "the matrix elements")
        cells = np.empty((count, 3), int)
        matrices = np.empty((count, size, size), complex)
        step = max(1, _CHUNK // size**2)
        for start in range(0, count, step):
            end = min(start + step, count)
            what = "R1 R2 R3 m n Re H Im H"
            rows = stream.rows((end - start) * size**2, 7, what)
            cells[start:end] = _cells(stream, rows[:, :3], size**2)
            values = rows[:, 5] + 1j * rows[:, 6]
            matrices[start:end] = _matrices(stream, rows[:, 3:5], values, size)
        stream.end()
    _check_distinct(Path(file), cells)
    return RealSpace(cells, matrices / degeneracies[:, None, None], degeneracies)


def read_tb(file: str | Path) -> RealSpace:
    """Read `seedname_tb.dat`, or the same compressed with gzip.

    Parameters
    ----------
    file : path

    Returns
    -------
    RealSpace
        With lattice vectors; with centres if the file has the position operator.

    Raises
    ------
    FileFormatError
        If the file is foreign, truncated or too long, naming the line.
    """
    with TextStream(file) as stream:
        stream.header()
        lines = [stream.line("three lattice vectors") for _ in range(3)]
        vectors = np.array([finite_numbers(line, 3, "a lattice vector") for line in lines])
        size, count, degeneracies = _head(stream)
        stream.check_room(count * size**2, 8, "the matrix elements")
        cells = np.empty((count, 3), int)
        matrices = np.empty((count, size, size), complex)
        for n in range(count):
            cells[n] = read_cell(stream.line("a cell R1 R2 R3"))
            rows = stream.rows(size**2, 4, "m n Re H Im H")
            matrices[n] = _matrices(stream, rows[:, :2], rows[:, 2] + 1j * rows[:, 3], size)[0]
        centres = _centres(stream, count, size)
    _check_distinct(Path(file), cells)
    matrices /= degeneracies[:, None, None]
    return RealSpace(cells, matrices, degeneracies, vectors, centres)


def collect(
    cells: Int[np.ndarray, "entry 3"],
    m: Int[ArrayLike, " entry"],
    n: Int[ArrayLike, " entry"],
    values: Num[ArrayLike, " entry"],
    size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return distinct cells, sorted, with the sums of the entries (cell, m, n, value)."""
    low = cells.min(axis=0)
    span = cells.max(axis=0) - low + 1
    found, place = np.unique(np.ravel_multi_index((cells - low).T, span), return_inverse=True)
    matrices = np.zeros((len(found), size, size), complex)
    np.add.at(matrices, (place, np.asarray(m), np.asarray(n)), values)
    return np.stack(np.unravel_index(found, span), axis=-1) + low, matrices


def read_cell(line: Line) -> list[int]:
    """Return the three integers of a line that holds nothing else."""
    if len(line.words) != 3:
        raise line.error("a cell (3 integers)", f"it has {len(line.words)} words")
    cell = integers(line, 3, "a cell")
    if max(map(abs, cell)) > FARTHEST:
        raise line.error("a cell", f"it holds {' '.join(line.words)}")
    return cell


def _head(stream: TextStream) -> tuple[int, int, np.ndarray]:
    """Numbers of functions and cells, and the degeneracies of the cells."""
    line = stream.line("the number of Wannier functions")
    (size,) = integers(line, 1, "the number of Wannier functions")
    if size < 1:
        raise line.error("the number of Wannier functions", f"it is {size}")
    line = stream.line("the number of cells")
    (count,) = integers(line, 1, "the number of cells")
    if count < 1:
        raise line.error("the number of cells", f"it is {count}")
    found: list[int] = []
    while len(found) < count:
        line = stream.line(f"the degeneracies of {count} cells")
        more = integers(line, len(line.words), "degeneracies")
        found += more
        if min(more) < 1 or len(found) > count:
            raise line.error(
                f"degeneracies, {count} in all and at least 1", f"it holds {' '.join(line.words)}"
            )
    return size, count, np.array(found)


def _cells(stream: TextStream, numbers: np.ndarray, rows: int) -> np.ndarray:
    """Return the cell of every matrix, which must stand in all of its rows."""
    first = numbers[::rows]
    wrong = (numbers != np.repeat(first, rows, axis=0)).any(axis=1)
    wrong |= (numbers != np.round(numbers)).any(axis=1)
    wrong |= (np.abs(numbers) > FARTHEST).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        what = f"the cell R of one matrix, the same in {rows} lines"
        raise stream.error(row, what, f"R is {' '.join(f'{n:g}' for n in numbers[row])}")
    return first.astype(int)


def _matrices(stream: TextStream, labels, values, size: int) -> np.ndarray:
    """Return matrices, shape (matrix, size, size), of rows that name every element once."""
    what = f"two functions between 1 and {size}"
    wrong = ((labels < 1) | (labels > size) | (labels != np.round(labels))).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise stream.error(row, what, f"m n is {' '.join(f'{n:g}' for n in labels[row])}")
    m, n = labels.astype(int).T - 1
    count = len(values) // size**2
    place = np.repeat(np.arange(count), size**2) * size**2 + m * size + n
    order = np.argsort(place, kind="stable")
    again = np.nonzero(place[order][1:] == place[order][:-1])[0]
    if again.size:
        row = int(order[again[0] + 1])
        raise stream.error(
            row, f"{what}, every pair once", f"m n = {m[row] + 1} {n[row] + 1} is twice"
        )
    return values[order].reshape(count, size, size)


def _centres(stream: TextStream, count: int, size: int) -> np.ndarray | None:
    """Diagonal of the position operator in the home cell; None if the file ends before."""
    centres = None
    for n in range(count):
        line = stream.optional_line()
        if line is None and n == 0:
            return None
        if line is None:
            raise stream.ends("the position operator")
        if any(read_cell(line)):
            stream.skip(size**2, "the position operator")
            continue
        rows = stream.rows(size**2, 8, "m n and the position operator")
        values = rows[:, 2::2] + 1j * rows[:, 3::2]
        axes = [_matrices(stream, rows[:, :2], value, size)[0] for value in values.T]
        centres = np.stack([np.real(np.diag(axis)) for axis in axes], axis=-1)
    stream.end()
    return centres


def _check_distinct(file: Path, cells: np.ndarray) -> None:
    found, count = np.unique(cells, axis=0, return_counts=True)
    if count.max() > 1:
        raise FileFormatError(
            f"{file}: must hold every cell once, but R = {found[count.argmax()].tolist()} is there "
            f"{count.max()} times. Write the file again with Wannier90."
        )
