"""Whole sets of files or none, in folders where the user may have files of his own.

A set is written into a temporary folder, which is then renamed to `_COMMIT` inside the folder of
the results. That one step decides: before it nothing has changed, after it every file of the new
set takes its name and files of the old set that the new one lacks go, if need be by the next
command that meets the folder. A manifest says which files are whose, with their checksums: what
it does not list, or what has changed since, belongs to the user.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path

from msgreen import _checks
from msgreen.errors import FileFormatError, InputError
from msgreen.io.atomic import (
    FINISHING,
    folder_message,
    part_folder,
    remove_part,
    synchronise,
    writing,
)
from msgreen.io.files import read_bytes

MANIFEST = ".msgreen.json"
"""Which files of a folder are results, by the command that wrote them, with their SHA-256."""

_COMMIT = ".msgreen-commit"
"""A complete set whose files are about to take their names."""

_Manifest = dict[str, dict[str, str]]


@contextmanager
def replacing_files(
    name: str, folder: str | Path, owner: str, expected: Iterable[str] = ()
) -> Iterator[Path]:
    """Give a temporary folder; on success its files appear in `folder` all together.

    They replace the files of the last such set of the same owner, and no others. If anything is
    raised meanwhile, `folder` stays as it was, and is not there if it was not.

    Parameters
    ----------
    name : str
        The argument that an error message names.
    folder : str or Path
        Made if it does not exist.
    owner : str
        The command whose results they are.
    expected : iterable of str
        Names of files that will be written; they are checked at once.

    Yields
    ------
    Path
        Where to write files; no folders.

    Raises
    ------
    InputError
        If the folder cannot be written to, or if it holds files of such names that are not
        results of this owner, or were changed since. If that is found only in the end, the
        results are kept in another folder, which the message names.
    """
    folder = _checks.path(name, folder)
    whole = not os.path.lexists(folder)
    above = _missing(folder)
    if not whole:
        finish(folder)
        _refuse_foreign(name, folder, foreign_files(folder, owner, expected), "")
    stage = part_folder(name, folder.parent if whole else folder)
    try:
        yield stage
        with writing(folder_message(name, folder)):
            _place(name, stage, folder, owner)
    except InputError as error:
        if str(stage) not in str(error):
            raise
        raise InputError(str(error).replace(str(stage), str(folder))) from error
    finally:
        remove_part(stage)
        for made in above:
            with suppress(OSError):
                made.rmdir()


def foreign_files(folder: str | Path, owner: str, names: Iterable[str]) -> list[str]:
    """Return those of the names that `folder` has and that are not, as they are, of this owner."""
    folder = Path(folder)
    known = _manifest(folder).get(owner, {})
    return [
        name
        for name in names
        if os.path.lexists(folder / name) and _digest(folder / name) != known.get(name, "")
    ]


def finish(folder: str | Path) -> None:
    """Let the files of a complete set take their names, if a command was killed while they did.

    Parameters
    ----------
    folder : str or Path
        Any folder; nothing happens if it has no such set.

    Raises
    ------
    InputError
        If there is one, and the folder cannot be written to.
    """
    folder = Path(folder)
    if (folder / _COMMIT).is_dir():
        with writing(folder_message("folder", folder)), _locked(folder), FINISHING:
            _roll_forward(folder)


def _place(name: str, stage: Path, folder: Path, owner: str) -> None:
    """Give a complete set its place."""
    files = {file.name: _digest(file) for file in stage.iterdir()}
    _write_manifest(stage, {owner: files})
    if not os.path.lexists(folder):
        # It fails if another process has just made the folder.
        with suppress(OSError), FINISHING:
            os.rename(stage, folder)
            synchronise(folder.parent)
            return
    with _locked(folder), FINISHING:
        _roll_forward(folder)
        foreign = foreign_files(folder, owner, files)
        if foreign:
            kept = stage.with_name(stage.name.strip(".").replace(".part", "-results"))
            (stage / MANIFEST).unlink()
            os.rename(stage, kept)
            _refuse_foreign(name, folder, foreign, f" The results are in {kept}.")
        _write_manifest(stage, {**_manifest(folder), owner: files})
        os.rename(stage, folder / _COMMIT)
        synchronise(folder)
        _roll_forward(folder)


def _roll_forward(folder: Path) -> None:
    """Give the files of a complete set their names; may be interrupted and called again."""
    commit = folder / _COMMIT
    if not commit.is_dir():
        return
    new = {name for files in _manifest(commit).values() for name in files}
    for owner, files in _manifest(folder).items() if new else ():
        for name in set(files) - new - set(foreign_files(folder, owner, files)):
            (folder / name).unlink(missing_ok=True)
    # The manifest is last: until it is replaced, the old one still tells what is to be removed.
    for file in sorted(commit.iterdir(), key=lambda file: file.name == MANIFEST):
        os.replace(file, folder / file.name)
    synchronise(folder)
    commit.rmdir()


def _refuse_foreign(name: str, folder: Path, foreign: list[str], rest: str) -> None:
    if foreign:
        raise InputError(
            f"Argument `{name}` must be a folder without files of the same names as the results, "
            f"but {folder} has {', '.join(foreign)}, written or changed by someone else. Move "
            f"them, or choose another folder.{rest}"
        )


def _manifest(folder: Path) -> _Manifest:
    """Return the manifest of a folder, empty if there is none that makes sense."""
    try:
        content = json.loads(read_bytes(folder / MANIFEST))
    except (FileFormatError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        str(owner): {n: str(d) for n, d in files.items() if Path(n).name == n}
        for owner, files in content.items()
        if isinstance(files, dict)
    }


def _write_manifest(folder: Path, content: Mapping) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    synchronise(path)
    synchronise(folder)


def _digest(path: Path) -> str | None:
    """Return the SHA-256 of a file, None of anything else."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _missing(folder: Path) -> list[Path]:
    """Return the folders above that do not exist yet, the deepest first."""
    return [above for above in folder.parents if not above.exists()]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from giving names in the same folder, where the system can."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
