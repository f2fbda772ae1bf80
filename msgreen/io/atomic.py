"""Whole files or none: an interrupted program leaves no half-written file."""

import errno
import os
import platform
import re
import secrets
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import NamedTemporaryFile

from msgreen import _checks
from msgreen.errors import InputError

FINISHING = threading.RLock()
"""Held while files take their names; who ends the process takes it first."""

_NODE = f"{zlib.crc32(platform.node().encode()):08x}"
_PART = re.compile(rf"\.msgreen-{_NODE}-(\d+)-[0-9a-f]{{16}}\.part")
"""Names of temporary files and folders of this computer, with the number of their process."""

_pending: set[Path] = set()

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; on success the file there takes the name `path`.

    If anything is raised meanwhile, the temporary file is removed and an older file at `path`
    stays as it was. A link at `path` is replaced; the file that it points to stays as it was.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    Path
        Where to write. The file exists, is empty, and is of this process alone.

    Raises
    ------
    InputError
        If the file cannot be written: no folder, no right, no space.

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
    path = _checks.path("path", path)
    part = path.with_name(part_name())
    _pending.add(part)
    try:
        with writing(f"Argument `path` must be a file that can be written to, but {path} cannot"):
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            yield part
            synchronise(part)
            with FINISHING:
                os.replace(part, path)
            synchronise(path.parent)
    finally:
        remove_part(part)


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
    folder = _checks.path(name, folder)
    with writing(folder_message(name, folder)):
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, prefix=".", suffix=".part"):
            return folder


def part_folder(name: str, folder: str | Path) -> Path:
    """Return a new temporary folder inside `folder`; parts of processes that died are removed.

    Parameters
    ----------
    name : str
        The argument that an error message names.
    folder : str or Path

    Raises
    ------
    InputError
        If `folder` cannot be made or written to.
    """
    folder = _checks.path(name, folder)
    with writing(folder_message(name, folder)):
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        part = folder / part_name()
        _pending.add(part)
        part.mkdir()
    return part


def folder_message(name: str, folder: Path) -> str:
    """Return the message for `writing` about a folder."""
    return f"Argument `{name}` must be a folder that can be written to, but {folder} cannot"


def part_name() -> str:
    """Return a name for a temporary file or folder that nothing else has."""
    return f".msgreen-{_NODE}-{os.getpid()}-{secrets.token_hex(8)}.part"


def remove_part(part: Path) -> None:
    """Remove a temporary file or folder of this process, if it is still there."""
    with suppress(OSError):
        if part.is_dir():
            rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)
    _pending.discard(part)


def remove_parts() -> None:
    """Remove every temporary file and folder of this process."""
    for part in tuple(_pending):
        remove_part(part)


def synchronise(path: Path) -> None:
    """Wait until a file or folder is on the disk; what the system cannot do is left out."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def writing(message: str) -> Iterator[None]:
    """Turn what the system refuses into an InputError: `message`, the reason, and a remedy."""
    try:
        yield
    except OSError as error:
        full = error.errno in _FULL
        remedy = "Make room, or choose another folder." if full else "Choose another folder."
        raise InputError(f"{message}: {error.strerror or error}. {remedy}") from error


def _remove_stale(folder: Path) -> None:
    """Remove what processes of this computer left that were killed."""
    for part in folder.glob(".msgreen-*.part"):
        found = _PART.fullmatch(part.name)
        if found and not _is_alive(int(found[1])):
            remove_part(part)


def _is_alive(process: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
