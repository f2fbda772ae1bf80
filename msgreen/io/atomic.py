"""Whole files or none: an interrupted program leaves no half-written file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from msgreen.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; on success the file there takes the name `path`.

    If anything is raised meanwhile, the temporary file is removed and an older file at `path`
    stays as it was.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    Path
        Where to write.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> file = Path(tempfile.mkdtemp()) / "table.csv"
    >>> with replacing(file) as part:
    ...     _ = part.write_text("complete")
    >>> file.read_text()
    'complete'
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def writable_folder(name: str, folder: str | Path) -> Path:
    """Return `folder`, made if it does not exist, after a file could be written to it.

    Parameters
    ----------
    name : str
        The argument that an error message names.
    folder : str or Path

    Raises
    ------
    InputError
        If it cannot be made or written to.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, prefix=".", suffix=".part"):
            return folder
    except OSError as error:
        raise InputError(
            f"Argument `{name}` must be a folder that can be written to, but {folder} cannot: "
            f"{error.strerror or error}. Choose another folder."
        ) from error
