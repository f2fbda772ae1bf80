"""Text files, plain or compressed, read once from beginning to end in bounded memory."""

import gzip
import io
import warnings
import zlib
from functools import partial
from itertools import islice
from pathlib import Path
from textwrap import shorten
from types import TracebackType

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError
from msgreen.io.files import open_file
from msgreen.io.jukkr.text import Line

_LONGEST_LINE = 4096
"""Bytes; Wannier90 writes no longer line, and a file without line ends must not fill memory."""

_CHUNK = 2**16
"""Lines parsed at a time."""

LARGEST = 1e9
"""eV or angstrom; a larger number is a damaged file."""

_EXPANSION = 1100
"""No gzip file expands by more than 1032."""


class TextStream:
    """A text file that is read line by line, or many lines of numbers at once.

    Parameters
    ----------
    path : path
        Compressed with gzip if the name ends in `.gz`.

    Raises
    ------
    FileFormatError
        If it cannot be opened.
    """

    def __init__(self, path: str | Path):
        self.path = _checks.path("file", path)
        self.number = 0
        self._first = 1
        self._file = self._stream = open_file(self.path)
        self._size = self._file.seek(0, 2)
        self._file.seek(0)
        if self.path.suffix == ".gz":
            # GzipFile.readline runs in Python; BufferedReader reads lines in C.
            self._stream = io.BufferedReader(gzip.open(self._file))  # type: ignore[arg-type]

    def __enter__(self) -> "TextStream":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        self._file.close()

    def check_room(self, lines: int, shortest: int, what: str) -> None:
        """Raise FileFormatError if the file is too small for that many lines of so many bytes."""
        room = self._size * (_EXPANSION if self.path.suffix == ".gz" else 1)
        if lines * shortest > room:
            raise self.ends(f"{what} ({lines} lines)")

    def header(self) -> str:
        """Return the next line as it is, be it empty or not."""
        lines = self._take(1)
        if not lines:
            raise self.ends("a header")
        return lines[0].decode("utf-8", "replace").strip()

    def line(self, what: str) -> Line:
        """Return the next line that is not empty, or say that the file ends before `what`."""
        found = self.optional_line()
        if found is None:
            raise self.ends(what)
        return found

    def optional_line(self) -> Line | None:
        """Return the next line that is not empty, or None at the end of the file."""
        while lines := self._take(1):
            words = lines[0].decode("utf-8", "replace").split()
            if words:
                return Line(self.path, self.number, tuple(words))
        return None

    def rows(self, count: int, columns: int, what: str) -> np.ndarray:
        """Return the next lines as finite numbers, shape (count, columns)."""
        lines = self.skip(count, what)
        values = _numbers(b"".join(lines))
        if values is None or values.size != count * columns:
            rows = enumerate(lines, self._first)
            values = np.concatenate([self._row(n, line, columns, what) for n, line in rows])
        values = values.reshape(count, columns)
        sound = (np.abs(values) < LARGEST).all(axis=1)
        if not sound.all():
            raise self.error(int(np.argmin(sound)), what, "it holds NaN, infinity or the like")
        return values

    def skip(self, count: int, what: str) -> list[bytes]:
        """Return the next lines unread, or say that the file ends before `what`."""
        self._first = self.number + 1
        lines = self._take(count)
        if len(lines) < count:
            raise self.ends(what)
        return lines

    def integers_left(self) -> np.ndarray | None:
        """Return all integers up to the end of the file; None if something else is there."""
        parts = [np.zeros(0, int)]
        while lines := self._take(_CHUNK):
            values = _numbers(b"".join(lines))
            if values is None or not np.all(np.abs(values) < LARGEST):
                return None
            part = values.astype(int)
            if np.any(part != values):
                return None
            parts.append(part)
        return np.concatenate(parts)

    def end(self) -> None:
        """Raise FileFormatError unless nothing but empty lines is left."""
        line = self.optional_line()
        if line is not None:
            raise FileFormatError(
                f"{self.path}, line {line.number}: must be beyond the end, but the file goes on. "
                "Check the numbers of functions and of cells in its head."
            )

    def error(self, row: int, expected: str, found: str) -> FileFormatError:
        """Return the error of a row of what was last read by `rows`."""
        return Line(self.path, self._first + row, ()).error(expected, found)

    def ends(self, what: str) -> FileFormatError:
        """Return the error of a file that ends too early."""
        return FileFormatError(
            f"{self.path}, line {self.number}: must be followed by {what}, but the file is too "
            "short for that. Copy the file again: it is truncated."
        )

    def _row(self, number: int, text: bytes, columns: int, what: str) -> np.ndarray:
        line = Line(self.path, number, tuple(text.decode("utf-8", "replace").split()))
        if len(line.words) != columns:
            raise line.error(f"{what} ({columns} numbers)", f"it has {len(line.words)} words")
        return line.numbers(columns, what)

    def _take(self, count: int) -> list[bytes]:
        """Read up to `count` lines."""
        try:
            lines = list(islice(iter(partial(self._stream.readline, _LONGEST_LINE), b""), count))
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable(self.path, error) from error
        self.number += len(lines)
        return lines


def integers(line: Line, count: int, what: str) -> list[int]:
    """Return the first `count` words of a line as integers that fit into 32 bits."""
    found = line.numbers(count, what)
    if not np.all(np.abs(found) < 2**31) or np.any(found != np.round(found)):
        raise line.error(f"{what} ({count} integers)", f"it has {' '.join(line.words[:count])}")
    return [int(n) for n in found]


def finite_numbers(line: Line, count: int, what: str) -> np.ndarray:
    """Return the first `count` words of a line as finite numbers."""
    found = line.numbers(count, what)
    if not np.all(np.abs(found) < LARGEST):
        raise line.error(what, "it holds NaN, infinity or the like")
    return found


def unreadable(path: Path, error: Exception) -> FileFormatError:
    """Return the error of a file that the system, or its decompression, refuses."""
    # That of a damaged archive quotes parts of it.
    reason = shorten(str(getattr(error, "strerror", None) or error), 200)
    return FileFormatError(
        f"{path}: the file must be readable, but it is not ({reason}). "
        "Give the right path, or copy the file again."
    )


def _numbers(text: bytes) -> np.ndarray | None:
    """Parse numbers between white space in C; None if something else is there."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, sep=" ")
        except (ValueError, DeprecationWarning):
            return None
