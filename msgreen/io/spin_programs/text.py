"""Numbers, lines and keywords of text files."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Bool, Float, Int, Scalar
from msgreen.errors import FileFormatError, InputError
from msgreen.io.atomic import replacing
from msgreen.io.jukkr.text import Line, read_lines


def number(value: float) -> str:
    """Return the shortest text that reads back as the same number."""
    return repr(float(value) + 0.0)


def numbers(values: Float[ArrayLike, "..."]) -> str:
    """Return the numbers of an array of any shape in one line, as `number` writes them."""
    return " ".join(number(value) for value in np.ravel(values))


def integers(values: Int[ArrayLike, "..."] | Bool[ArrayLike, "..."]) -> str:
    """Return integers in one line."""
    return " ".join(f"{int(value):3d}" for value in np.ravel(values))


def write_text(path: Path, lines: Iterable[str]) -> Path:
    """Write lines; the file appears as a whole or not at all. Return its path."""
    with replacing(path) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def lines_of(path: str | Path, comments: Iterable[str] = ("#",)) -> list[Line]:
    """Return the lines of a text file without empty lines and comments.

    Raises
    ------
    FileFormatError
        If the file cannot be read.
    """
    marks = tuple(comments)
    return [_without_comment(line, marks) for line in read_lines(path, marks)]


def after(lines: list[Line], start: int, count: int, what: str) -> list[Line]:
    """Return `count` lines from number `start` of the list, or say that the file ends before."""
    if len(lines) < start + count:
        last = lines[-1] if lines else None
        place = f"{last.file}, line {last.number}" if last else "the file"
        raise FileFormatError(
            f"{place}: must be followed by {what}, but the file ends before. "
            "Copy the file again: it is truncated."
        )
    return lines[start : start + count]


def find(lines: list[Line], *keywords: str) -> int | None:
    """Return the place in the list of the first line that starts with a keyword."""
    names = [keyword.lower() for keyword in keywords]
    return next((n for n, line in enumerate(lines) if line.words[0].lower() in names), None)


def word(line: Line, place: int, what: str) -> str:
    """Return one word of a line without quotes, or say that `what` was expected."""
    if len(line.words) <= place:
        raise line.error(what, f"it ends after {' '.join(line.words)[:60]!r}")
    return line.words[place].strip("'\"")


def site_index(line: Line, found: int, count: int, first: int = 0) -> int:
    """Return the index of a site that is numbered from `first`, or say that it does not exist."""
    if not first <= found < first + count:
        raise line.error(f"sites from {first} to {first + count - 1}", f"it names the site {found}")
    return found - first


def vectors_of(line: Line, matrix: np.ndarray) -> np.ndarray:
    """Return the vectors of a cell, of which `line` is the first, or say that they span none."""
    lengths = np.linalg.norm(matrix, axis=1)
    smallest = np.linalg.svd(matrix / np.maximum(lengths, 1e-300)[:, None], compute_uv=False)[-1]
    if not np.all((lengths > 1e-6) & (lengths < 1e9)) or smallest < 1e-6:
        raise line.error("three vectors that span a cell", f"they are {matrix.tolist()}")
    return matrix


def site_moments(moments: Scalar | Float[ArrayLike, " site"] | None, count: int) -> np.ndarray:
    """Return magnetic moments in Bohr magnetons, one per site; 1 by default.

    Raises
    ------
    InputError
        If there are not as many as sites, or one is not positive.
    """
    if moments is not None:
        _checks.positive("moments", moments, "Bohr magnetons")
    array = np.ones(count) if moments is None else np.asarray(moments, float)
    if array.shape not in ((), (count,)):
        raise InputError(
            f"Argument `moments` must be one number or {count} numbers, one per site, but its "
            f"shape is {array.shape}. Leave it out for 1."
        )
    return np.broadcast_to(array, (count,))


def _without_comment(line: Line, marks: tuple[str, ...]) -> Line:
    for place, found in enumerate(line.words):
        if marks and found.startswith(marks):
            return Line(line.file, line.number, line.words[:place])
    return line
