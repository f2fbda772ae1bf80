"""Lines and numbers of text files, with errors that name the place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from msgreen.errors import FileFormatError

# Fortran drops the E of an exponent with three digits: 0.1234-102.
_BARE_EXPONENT = re.compile(r"(\d)([+-]\d{3})(?!\d)")


@dataclass(frozen=True)
class Line:
    """One line of a text file that is not empty."""

    file: Path
    number: int
    words: tuple[str, ...]

    def numbers(self, count: int, what: str) -> np.ndarray:
        """Return the first `count` words as numbers, or say that `what` was expected."""
        if len(self.words) < count:
            raise self.error(f"{what} ({count} numbers)", f"it has {len(self.words)} words")
        try:
            return np.array(self.words[:count], float)
        except ValueError:
            return np.array([self._number(word, what) for word in self.words[:count]])

    def integers(self, count: int, what: str) -> list[int]:
        """Return the first `count` words as integers, or say that `what` was expected."""
        found = self.numbers(count, what)
        if np.any(found != np.round(found)):
            raise self.error(f"{what} ({count} integers)", f"it has {' '.join(self.words[:count])}")
        return [int(n) for n in found]

    def error(self, expected: str, found: str) -> FileFormatError:
        """Return the error of a line that does not hold what it must."""
        return FileFormatError(
            f"{self.file}, line {self.number}: must hold {expected}, but {found}. "
            "Check that the file is complete and of the right kind."
        )

    def _number(self, word: str, what: str) -> float:
        try:
            return float(_BARE_EXPONENT.sub(r"\1E\2", word).replace("D", "E"))
        except ValueError:
            raise self.error(what, f"{word[:40]!r} is not a number") from None


def read_lines(file: str | Path, comments: Sequence[str] = ()) -> list[Line]:
    """Return the lines of a text file that are neither empty nor start with a comment mark."""
    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{path}: must be a text file, but it holds binary data. Give the right file."
        ) from error
    numbered = enumerate(text.splitlines(), start=1)
    lines = [Line(path, number, tuple(line.split())) for number, line in numbered]
    marks = tuple(comments)
    return [line for line in lines if line.words and not line.words[0].startswith(marks or "\0")]


def first_line(lines: list[Line], file: str | Path, what: str) -> Line:
    """Return the first of the remaining lines, or say that the file ends before `what`."""
    if not lines:
        raise FileFormatError(
            f"{file}: must hold {what}, but it ends before. Copy the file again: it is truncated."
        )
    return lines[0]
