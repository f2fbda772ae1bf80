"""What an interrupted run keeps beside the folder of its results."""

from contextlib import AbstractContextManager
from hashlib import file_digest
from pathlib import Path
from typing import Any

from msgreen.config import AbstractRun
from msgreen.io.kept import long_run


def kept_blocks(config: AbstractRun, folder: Path, resume: bool) -> AbstractContextManager[None]:
    """Keep the finished blocks of a run in a folder beside its results until it has ended.

    Parameters
    ----------
    config : AbstractRun
        Every key of it has to be the same when the run goes on, and every file that it names.
    folder : Path
        Of the results.
    resume : bool
        Whether blocks of another run are refused, or removed. Those of the same run are used.
    """
    return long_run(
        folder.with_name(f"{folder.name}.unfinished"), settings(config), resume=resume or None
    )


def settings(config: AbstractRun) -> dict[str, object]:
    """Return every key of a configuration by its dotted name; files by their content.

    What is drawn and written when all is computed may change.
    """
    return dict(_flat("", config.model_dump(exclude={"output"})))


def _flat(name: str, value: Any):
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), part)
    elif isinstance(value, Path) and value.is_file():
        with value.open("rb") as file:
            yield name, file_digest(file, "sha256").hexdigest()
    else:
        yield name, value
