"""A checked run as TOML, to be run again."""

import json
from collections.abc import Mapping

from msgreen.config.schema import AbstractRun


def toml_text(run: AbstractRun, *comments: str) -> str:
    """Return the configuration of a run as TOML, with all defaults and absolute paths.

    Parameters
    ----------
    run : AbstractRun
    *comments : str
        Lines written above it.

    Returns
    -------
    str
        `read_config` gives the same run for it.
    """
    content = run.model_dump(mode="json", exclude_none=True)
    return "\n".join([*(f"# {line}" for line in comments), *_table_lines(content, ())]) + "\n"


def _table_lines(table: Mapping, path: tuple[str, ...]) -> list[str]:
    """Values first, then sub-tables, as TOML wants it."""
    nested = {key: value for key, value in table.items() if _is_nested(value)}
    lines = [f"{_key(k)} = {_value(v)}" for k, v in table.items() if k not in nested]
    for key, value in nested.items():
        place = (*path, _key(key))
        header = f"[{'.'.join(place)}]"
        if isinstance(value, Mapping):
            lines += ["", header, *_table_lines(value, place)]
        else:
            lines += [s for item in value for s in ("", f"[{header}]", *_table_lines(item, place))]
    return lines


def _is_nested(value) -> bool:
    is_array = isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
    return is_array or isinstance(value, Mapping)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() else json.dumps(key)


def _value(value) -> str:
    """Numbers, strings, booleans and lists of them look in TOML as in JSON."""
    return json.dumps(value, ensure_ascii=False)
