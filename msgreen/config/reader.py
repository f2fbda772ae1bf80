"""From a configuration file to a checked run, or to an error that names its line."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from msgreen.config.lines import Place, key_lines
from msgreen.config.schema import AbstractRun
from msgreen.errors import ConfigError, FileFormatError, InputError
from msgreen.io.files import read_bytes
from msgreen.io.results import finish

LARGEST = 2**24
"""Bytes of a configuration: 16 MB hold a million positions, which take seconds to be checked."""

_SHOWN = 60
"""Characters of a wrong value that a message shows."""


def read_file(path: Path, kinds: Mapping[str, type[AbstractRun]]) -> AbstractRun:
    """Return the run that a file describes.

    Parameters
    ----------
    path : Path
    kinds : mapping of str to AbstractRun subclass
        The kinds of run by the value of ``host.kind``.

    Raises
    ------
    ConfigError
        If the file cannot be read, is no TOML, or does not fit its kind.
    """
    text = _text(path)
    try:
        content = tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError(_at(path, 0, _syntax("it is nested too deeply", text)[1])) from error
    except ValueError as error:
        raise ConfigError(_at(path, *_syntax(str(error), text))) from error
    kind = _kind(path, text, content, kinds)
    try:
        return kinds[kind].model_validate(content, context={"folder": path.parent})
    except ValidationError as error:
        # A misspelt key is also a missing one; then the misspelling is what helps.
        worst = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        lines = key_lines(text)
        line, message = _message(dict(worst[0]), kinds[kind], content, lines)
        raise ConfigError(_at(path, line, message)) from error


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Name the file and, if it has the key, the line in errors of what a configuration asks for.

    Parameters
    ----------
    path : str or Path
        The configuration.

    Raises
    ------
    ConfigError
        Instead of any other InputError.
    """
    try:
        yield
    except InputError as error:
        if isinstance(error, ConfigError):
            raise
        named = re.match(r"Argument `([\w.]+)`", str(error))
        wanted = tuple(named[1].split(".")) if named else ("",)
        lines = {
            line
            for place, line in key_lines(_text(Path(path))).items()
            if place[-len(wanted) :] == wanted
        }
        line = lines.pop() if len(lines) == 1 else 0
        raise ConfigError(_at(Path(path), line, str(error))) from error


def _text(path: Path) -> str:
    try:
        finish(path.parent)
        return read_bytes(path, LARGEST).decode("utf-8-sig")
    except FileFormatError as error:
        raise ConfigError(str(error)) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}, line {line}: the configuration must be text in UTF-8, but a byte there is "
            "not. Save it as UTF-8."
        ) from error


def _at(path: Path, line: int, message: str) -> str:
    return f"{path}, line {line}: {message}" if line else f"{path}: {message}"


def _syntax(reason: str, text: str) -> tuple[int, str]:
    """Line and message of an error of the TOML parser."""
    place = re.search(r" \(at line (\d+), .*\)$", reason)
    line = int(place[1]) if place else text.count("\n") + 1
    reason = re.sub(r" \(at [^()]*\)$", "", reason)
    return line, f"The file must be valid TOML, but: {reason}. Correct this line."


def _kind(path: Path, text: str, content: Mapping, kinds: Mapping) -> str:
    host = content.get("host")
    kind = host.get("kind") if isinstance(host, dict) else None
    if isinstance(kind, str) and kind in kinds:
        return kind
    lines = key_lines(text)
    line = lines.get(("host", "kind")) or lines.get(("host",), 0)
    found = "missing" if kind is None else repr(kind)
    choices = ", ".join(f'"{name}"' for name in kinds)
    message = f"Argument `host.kind` must be one of {choices}, but it is {found}."
    raise ConfigError(_at(path, line, f"{message} Write for example [host] kind = {choices}."))


def _message(error: dict[str, Any], schema, content, lines) -> tuple[int, str]:
    """Line (0 if unknown) and text of one of pydantic's errors, in the grammar of this library."""
    place: Place = error["loc"]
    name = ".".join(map(str, place))
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        inner = re.match(r"Argument `([\w.]+)`", str(cause))
        if inner and isinstance(_value_at(content, place), dict):
            place = (*place, *_keys(inner[1], _known_keys(schema, place)))
            name = ".".join(map(str, place))
        text = re.sub(r"^Argument `[^`]*`", f"Argument `{name}`", str(cause))
    elif isinstance(cause, FileFormatError):
        text = str(cause)
    elif error["type"] == "extra_forbidden":
        text = _unknown(name, str(place[-1]), _known_keys(schema, place[:-1]))
    elif error["type"] == "missing":
        where = f"the table [{'.'.join(map(str, place[:-1]))}]" if place[:-1] else "the file"
        text = f"Argument `{name}` must be given, but it is missing. Add it to {where}."
    else:
        wanted = re.sub(r"^(Input|List) should ", "must ", error["msg"])
        wanted = re.sub(r" after validation, not \d+$", "", wanted)
        wanted = wanted if wanted.startswith("must ") else f"must be valid ({wanted})"
        text = f"Argument `{name}` {wanted}, but it is {_shown(error['input'])}. Correct the value."
    return _line(lines, place), text


def _keys(argument: str, known: list[str]) -> list[str]:
    """Return the path of an argument of the library, of which the key may name the unit."""
    *tables, name = argument.split(".")
    return [*tables, next((key for key in known if key == f"{name}_K"), name)]


def _shown(value) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _line(lines: Mapping[Place, int], place: Place) -> int:
    """Return the line of a key, or of the table around it."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 0)


def _unknown(name: str, key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, 1)
    remedy = f"Did you mean `{close[0]}`?" if close else "Remove it."
    choices = ", ".join(known)
    return f"Argument `{name}` must be one of the keys {choices}, but it is unknown. {remedy}"


def _known_keys(schema, place: Place) -> list[str]:
    """Return the keys that the table at `place` may have."""
    properties = schema.model_json_schema()
    definitions = properties.get("$defs", {})
    for key in place:
        if isinstance(key, str):
            properties = _table(properties["properties"][key], definitions)
    return list(properties.get("properties", {}))


def _table(node: Mapping, definitions: Mapping) -> Mapping:
    """Return the schema of a table, found behind references, optional values and arrays."""
    choices = [node, *node.get("anyOf", []), node.get("items", {})]
    names = [choice["$ref"].rpartition("/")[2] for choice in choices if "$ref" in choice]
    return definitions[names[0]] if names else node


def _value_at(content, place: Place):
    for key in place:
        content = content[key]
    return content
