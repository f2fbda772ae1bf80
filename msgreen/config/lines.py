"""Line numbers of the keys of a TOML text."""

import tomllib

Place = tuple[str | int, ...]
"""Path to a value: keys of tables, and numbers in arrays of tables."""


def key_lines(text: str) -> dict[Place, int]:
    r"""Return the line, counted from one, at which every table and key of a valid TOML text starts.

    Statements of TOML end at the end of a line, so the shortest run of lines that can be parsed
    is one statement, and the parser itself tells which keys it sets.

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
    start, statement = 1, ""
    for number, line in enumerate(text.splitlines(), start=1):
        start = start if statement else number
        statement += line + "\n"
        try:
            content = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            table = _header(content, counts)
            found.setdefault(table, start)
        else:
            for place in _places(content):
                found.setdefault(table + place, start)
        statement = ""
    return found


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
