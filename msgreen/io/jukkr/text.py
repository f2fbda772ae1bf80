"""Lines and numbers of text files, with errors that name the place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError
from msgreen.io.files import read_bytes

# What Fortran reads as a number: exponents with D, and without letter if they have three digits.
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[EeDdQq]([+-]?\d+)|([+-]\d+))?")
_SPECIAL = re.compile(r"[,;*'\"/]")
_ITEM = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"|([^\s,;/'\"]+)")
_LARGEST_INTEGER = 2**31 - 1
"""Of Fortran's default kind."""
_MOST_REPEATS = 10_000
"""Of one value, as `3*0.0`, a choice: more is a damaged file that would fill the memory."""


@dataclass(frozen=True)
class Line:
    """One line of a text file that is not empty."""

    file: Path
    number: int
    words: tuple[str, ...]

    def numbers(self, count: int, what: str) -> np.ndarray:
        """Return the first `count` values as finite numbers, or say that `what` was expected.

        They are read as list-directed input of Fortran: exponents with D, commas between values,
        `3*0.0` for three of them, quotes around them.
        """
        words = self.values()
        if len(words) < count:
            raise self.error(f"{what} ({count} numbers)", f"it has {len(words)} words")
        try:
            found = np.array(words[:count], float)
            plain = not any("_" in word for word in words[:count])
        except ValueError:
            found, plain = np.zeros(0), False
        if not plain:
            found = np.array([self._number(word, what) for word in words[:count]])
        if not np.all(np.isfinite(found)):
            raise self.error(what, "it holds NaN or infinity")
        return found

    def integers(self, count: int, what: str) -> list[int]:
        """Return the first `count` values as integers, or say that `what` was expected."""
        expected = f"{what} ({count} integers)"
        return [self.whole(number, expected) for number in self.numbers(count, what)]

    def whole(self, number: float, what: str) -> int:
        """Return one of the numbers as an integer, or say that `what` was expected."""
        if number != round(number) or abs(number) > _LARGEST_INTEGER:
            raise self.error(what, f"it has {number}")
        return int(number)

    def count(self, what: str) -> int:
        """Return the first value as a number of things, or say that `what` was expected."""
        (found,) = self.integers(1, what)
        if found < 0:
            raise self.error(what, f"it is {found}")
        return found

    def values(self) -> tuple[str, ...]:
        """Return the words as list-directed input of Fortran takes them, without quotes.

        Commas separate values, ``n*value`` repeats one, a slash outside quotes ends the line.
        """
        if not any(_SPECIAL.search(word) for word in self.words):
            return self.words
        text, found, place = " ".join(self.words), [], 0
        for item in _ITEM.finditer(text):
            between = text[place : item.start()]
            if "/" in between:
                return tuple(found)
            if between.count(",") > (place > 0):
                raise self.error("a value between two commas", "there is none")
            quoted = item[1] if item[1] is not None else item[2]
            found += [quoted] if quoted is not None else self._repeated(item[3])
            place = item.end()
        return tuple(found)

    def rest(self, start: int) -> "Line":
        """Return the line without its first words."""
        return Line(self.file, self.number, self.words[start:])

    def error(self, expected: str, found: str) -> FileFormatError:
        """Return the error of a line that does not hold what it must."""
        return FileFormatError(
            f"{self.file}, line {self.number}: must hold {expected}, but {found}. "
            "Check that the file is complete and of the right kind."
        )

    def _repeated(self, word: str) -> list[str]:
        times, star, value = word.partition("*")
        if not star or not times.isdecimal():
            return [word]
        if int(times[:9]) > _MOST_REPEATS or not value:
            raise self.error("a value and how often it is repeated", f"it has {word[:40]!r}")
        return int(times) * [value]

    def _number(self, word: str, what: str) -> float:
        found = _NUMBER.fullmatch(word)
        if not found:
            if word.lower().lstrip("+-") in ("nan", "inf", "infinity"):
                return np.nan
            raise self.error(what, f"{word[:40]!r} is not a number")
        exponent = found[2] or found[3]
        return float(f"{found[1]}E{exponent}" if exponent else found[1])


def read_text(file: str | Path) -> str:
    """Return a text file without the mark of byte order.

    Bytes that are not UTF-8 are taken as Latin-1: they occur in comments of old files.

    Raises
    ------
    FileFormatError
        If the file cannot be read, or holds binary data.
    """
    path = _checks.path("file", file)
    content = read_bytes(path)
    if b"\0" in content:
        raise FileFormatError(
            f"{path}: must be a text file, but it holds binary data. Give the right file."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.removeprefix(b"\xef\xbb\xbf").decode("latin-1")


def read_lines(file: str | Path, comments: Sequence[str] = ()) -> list[Line]:
    """Return the lines of a text file that are neither empty nor start with a comment mark.

    Raises
    ------
    FileFormatError
        If the file cannot be read, or holds binary data.
    """
    path, marks = _checks.path("file", file), tuple(comments)
    numbered = enumerate(re.split(r"\r\n|\r|\n", read_text(path)), start=1)
    lines = [Line(path, number, tuple(line.split())) for number, line in numbered]
    return [line for line in lines if line.words and not line.words[0].startswith(marks or "\0")]


def first_line(lines: list[Line], file: str | Path, what: str) -> Line:
    """Return the first of the remaining lines, or say that the file ends before `what`."""
    if not lines:
        raise FileFormatError(
            f"{file}: must hold {what}, but it ends before. Copy the file again: it is truncated."
        )
    return lines[0]
