"""Line numbers of the keys of a TOML text."""

import re
import tomllib
from collections.abc import Iterator

_TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|[][{}\n]''',
    re.DOTALL,
)
"""What may hold or end a line of TOML: strings, comments, brackets, ends of lines."""

Place = tuple[str | int, ...]
"""Path to a value: keys of tables, and numbers in arrays of tables."""


def key_lines(text: str) -> dict[Place, int]:
    r"""Return the line, counted from one, at which every table and key of a valid TOML text starts.

    Statements of TOML end at the end of a line that is outside of brackets and strings; the parser
    itself tells which keys each of them sets.

    Parameters
    ----------
    text : str
        TOML that `tomllib` accepts.

    Returns
    -------
    dict of tuple to int
        Arrays of tables contribute their numbers to the path.

    Examples
    --------
    >>> key_lines("a = 1\n[b]\nc.d = [\n2]\n[[e]]\n[[e]]\nf = 3")[("b", "c", "d")]
    3
    >>> key_lines("[[e]]\n[[e]]\nf = 3")[("e", 1, "f")]
    3
    """
    found: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    for line, statement in _statements(text):
        content = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _header(content, counts)
            found.setdefault(table, line)
        else:
            for place in _places(content):
                found.setdefault(table + place, line)
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield every statement with the number of its first line; empty lines are statements too."""
    start, first, line, depth = 0, 1, 1, 0
    for token in _TOKEN.finditer(text):
        line += token[0].count("\n")
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        elif token[0] == "\n" and not depth:
            yield first, text[start : token.end()]
            start, first = token.end(), line
    yield first, text[start:]


def _header(content: dict, counts: dict[Place, int]) -> Place:
    """Return the path of a [table] or [[array of tables]], with numbers of elements."""
    place: Place = ()
    node = content
    while node:
        key, value = next(iter(node.items()))
        place += (key,)
        if isinstance(value, list):
            counts[place] = counts.get(place, -1) + 1
            value = value[0]
        if place in counts:
            place += (counts[place],)
        node = value
    return place


def _places(content: dict) -> list[Place]:
    """Return the paths of all keys of nested dictionaries."""
    found: list[Place] = []
    for key, value in content.items():
        found.append((key,))
        if isinstance(value, dict):
            found += [(key, *rest) for rest in _places(value)]
    return found
