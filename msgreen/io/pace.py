"""What is kept of unfinished work: how often it is written, and whether it is of the same work."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from msgreen.errors import InputError

PATIENCE = 50.0
"""Time between two writings over that of one: at most 2 % of the time are spent on it."""


class Pace:
    """Says when to write next, so that writing takes a small part of the time.

    Parameters
    ----------
    first : float
        Seconds until the first time.
    """

    def __init__(self, first: float = 0.0):
        self._next = time.monotonic() + first

    def due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() >= self._next

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Measure a writing, and put off the next one accordingly."""
        start = time.monotonic()
        yield
        end = time.monotonic()
        self._next = end + PATIENCE * (end - start)


def refuse_other(
    argument: str, what: str, known: Mapping[str, str], wanted: Mapping[str, str], remedy: str
) -> None:
    """Refuse what was kept of other work, and say what differs.

    Parameters
    ----------
    argument : str
    what : str
        What is refused: "... is of one".
    known, wanted : mapping of str to str
        What the kept work depends on, and what this one does, by name.
    remedy : str

    Raises
    ------
    InputError
        If a name is missing on one side, or differs.
    """
    other = sorted(n for n in {*known, *wanted} if known.get(n) != wanted.get(n))
    if other:
        raise InputError(
            f"Argument `{argument}` must go on with the same work, but {what} with "
            f"another {', '.join(other)}. {remedy}"
        )
