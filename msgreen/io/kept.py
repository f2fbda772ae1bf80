"""Finished blocks of long work in a folder, for a run that is interrupted to go on.

Parts are npz files: exact numbers of all types, complex ones too, which NetCDF has not, read by
numpy alone. Each appears whole or not at all, and holds the blocks since the one before. Their
names begin with the number of the map, behind those of the maps that it is a part of: 0002.0000.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree

import jax
import numpy as np

from msgreen import _checks
from msgreen.blocks import WHOLE, AbstractKeeper, working
from msgreen.errors import FileFormatError, InputError
from msgreen.io.atomic import folder_message, replacing, writing
from msgreen.io.files import read_bytes
from msgreen.io.npz import read_arrays, versions, write_arrays
from msgreen.io.pace import Pace, refuse_other

_KEY = "key.json"
_REMEDY = "Remove it, and they will be computed again."

_FIRST = 1.0
"""Seconds of work after which the first part is written: shorter runs leave nothing."""


@contextmanager
def long_run(
    folder: str | Path,
    settings: Mapping[str, object] | None = None,
    *,
    resume: bool | None = True,
) -> Iterator[None]:
    """Keep finished blocks of what is computed inside, and share blocks between processes.

    A run that was killed goes on from the blocks that are in the folder, and gives the numbers of
    one that was not, bit by bit. When all is done the folder is removed.

    Parameters
    ----------
    folder : str or Path
        For nothing else. Processes of `jax.distributed` share it.
    settings : mapping, optional
        What the run depends on, by name; numbers, strings, lists. Versions, devices and the
        content of all blocks are compared in any case.
    resume : bool, optional
        Whether to go on from what is in the folder, and to refuse that of another run; otherwise it
        is removed first. With None, only that of another run is removed.

    Raises
    ------
    InputError
        If the folder is of a run with other settings, which are named, or cannot be written to.
    FileFormatError
        If what is in it is damaged.
    ProcessError
        If another process ends before this one.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import jax.numpy as jnp
    >>> from msgreen import ContactCoupling, RashbaGas, compute_interactions, pairs
    >>> gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    >>> sites = jnp.array([[0.0], [5.0], [10.0]])
    >>> with long_run(Path(tempfile.mkdtemp()) / "unfinished"):
    ...     found = compute_interactions(gas, ContactCoupling(0.58), sites, [pairs(sites)])
    """
    keeper = _Parts(_checks.path("folder", folder), settings or {}, resume)
    try:
        with working(keeper):
            yield
    except BaseException:
        with suppress(OSError, InputError):
            keeper.write()
        raise
    finally:
        keeper.close()
    if jax.process_index() == 0:
        rmtree(keeper.folder, ignore_errors=True)


class _Parts(AbstractKeeper):
    """Parts of one folder."""

    def __init__(self, folder: Path, settings: Mapping[str, object], resume: bool | None):
        self.folder, self.first, self.strict = folder, jax.process_index() == 0, bool(resume)
        self.key = {name: json.dumps(value, default=str) for name, value in settings.items()}
        self.key |= versions()
        self.place, self.counts = [], [0]
        self.pending: dict[str, dict[int, list[np.ndarray]]] = {}
        self.layouts: dict[str, str] = {}
        self.stale: list[str] = []
        self.pace, self.lock = Pace(_FIRST), None
        known = (
            _read_json(folder / _KEY) if (folder / _KEY).exists() and resume is not False else {}
        )
        self.resume = self.strict or known == self.key
        if known and self.resume:
            self._refuse_other("settings", known, self.key)
        if not self.resume and self.first and folder.exists():
            self._lock()
            rmtree(folder, ignore_errors=True)
            self.close()

    def begin(self, layout: Mapping[str, str]) -> dict[int, list[np.ndarray]]:
        """Return the kept blocks of the next map; see `AbstractKeeper.begin`."""
        self.place.append(f"{self.counts[-1]:04d}")
        self.counts[-1] += 1
        self.counts.append(0)
        step = ".".join(self.place)
        self.layouts[step] = json.dumps(dict(layout))
        found: dict[int, list[np.ndarray]] = {}
        for path in sorted(self.folder.glob(f"{step}-*.npz")) if self.resume else ():
            known, blocks = _read_part(path)
            if known != layout and not self.strict:
                path.unlink(missing_ok=True)
                continue
            self._refuse_other(f"step {step}", known, layout)
            found |= blocks
        return {WHOLE: found[WHOLE]} if WHOLE in found else found

    def keep(self, number: int, leaves: list[np.ndarray]) -> None:
        """Keep a block, and write all when it is time; see `AbstractKeeper.keep`."""
        self.pending.setdefault(".".join(self.place), {})[number] = leaves
        if self.pace.due():
            self.write()

    def end(self, whole: list[np.ndarray] | None = None) -> None:
        """End a map, and write all when it is time; see `AbstractKeeper.end`."""
        step = ".".join(self.place)
        if whole is not None:
            self.pending = {
                name: blocks for name, blocks in self.pending.items() if not _within(name, step)
            }
            self.stale.append(step)
            if self.first:
                self.keep(WHOLE, whole)
        self.place.pop()
        self.counts.pop()

    def write(self) -> None:
        """Write all blocks that are not on the disk, and remove those that others replace."""
        if not self.pending:
            return
        with self.pace.writing():
            self._open()
            for step, blocks in list(self.pending.items()):
                numbers = sorted(blocks)
                data = {
                    f"leaf{n}": np.stack(x)
                    for n, x in enumerate(zip(*(blocks[b] for b in numbers), strict=True))
                }
                data |= {"layout": np.array(self.layouts[step]), "numbers": np.array(numbers)}
                write_arrays(self.folder / f"{step}-{_label(numbers[0])}.npz", data)
                del self.pending[step]
            # Not before: a run that is killed in between goes on from either.
            for step in self.stale if self.first else ():
                for path in self.folder.glob(f"{step}[-.]*.npz"):
                    if path.name != f"{step}-{_label(WHOLE)}.npz":
                        path.unlink(missing_ok=True)
            self.stale.clear()

    def close(self) -> None:
        """Let other processes use the folder."""
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def _open(self) -> None:
        """Make the folder with its key, and keep other runs from it."""
        with writing(folder_message("folder", self.folder)):
            self.folder.mkdir(parents=True, exist_ok=True)
        if self.first and self.lock is None:
            self._lock()
            with replacing(self.folder / _KEY) as part:
                part.write_text(json.dumps(self.key, indent=1) + "\n", encoding="utf-8")

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:
            return
        self.lock = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"Argument `folder` must be of one run, but another one is using {self.folder}. "
                "Wait for it, or choose another folder."
            ) from error
        except OSError:  # some file systems have no locks
            return

    def _refuse_other(self, where: str, known: Mapping, wanted: Mapping) -> None:
        what = f"{self.folder} has blocks of one ({where})"
        remedy = "Remove the folder to begin anew, or restore what was changed."
        refuse_other("resume", what, known, wanted, remedy)


def _within(name: str, step: str) -> bool:
    """Whether a map is another one, or a part of it."""
    return name == step or name.startswith(f"{step}.")


def _label(number: int) -> str:
    """Return the name of a part after its first block, which no other process has."""
    return f"{'whole' if number == WHOLE else f'{number:08d}'}-{jax.process_index()}"


def _read_json(path: Path) -> dict:
    try:
        return dict(json.loads(read_bytes(path)))
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from error


def _read_part(path: Path) -> tuple[dict, dict[int, list[np.ndarray]]]:
    arrays = read_arrays(path, _REMEDY)
    try:
        numbers, layout = arrays.pop("numbers").tolist(), json.loads(str(arrays.pop("layout")))
        leaves = [arrays[f"leaf{n}"] for n in range(len(arrays))]
    except (ValueError, KeyError) as error:
        raise _damaged(path, error) from error
    return layout, {b: [x[row] for x in leaves] for row, b in enumerate(numbers)}


def _damaged(path: Path, error: Exception) -> FileFormatError:
    return FileFormatError(
        f"{path}: must hold finished blocks, but it cannot be read ({error}). {_REMEDY}"
    )
