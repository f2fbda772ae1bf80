"""Long simulations can be interrupted: what is done is kept in a file, whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

from msgreen import _checks
from msgreen.blocks import checksum
from msgreen.errors import FileFormatError
from msgreen.io.atomic import writable_folder
from msgreen.io.npz import read_arrays, versions, write_arrays
from msgreen.io.pace import Pace, refuse_other

State = TypeVar("State")


class Checkpoint:
    """A file with the state of a simulation, and what it has recorded so far.

    Parameters
    ----------
    path : str or Path, optional
        By default nothing is kept.
    settings : mapping of str to anything
        What the simulation depends on, by name; pytrees of arrays, numbers and strings.
    """

    def __init__(self, path: str | Path | None, settings: Mapping[str, object]):
        self.path = None if path is None else _checks.path("checkpoint", path)
        self.settings = {name: checksum(value) for name, value in settings.items()}
        self.settings |= versions()
        self.pace = Pace()

    def read(self, start: State) -> tuple[State, list[list[np.ndarray]]]:
        """Return the state and the records of the file, or `start` and none if there is no file.

        Raises
        ------
        InputError
            If the file is of a simulation with other settings, which are named.
        FileFormatError
            If it is damaged.
        """
        if self.path is None or not self.path.exists():
            return start, []
        remedy = "Remove it to begin anew, or name another."
        found = read_arrays(self.path, remedy)
        try:
            known = dict(
                zip(found.pop("names").tolist(), found.pop("digests").tolist(), strict=True)
            )
        except (ValueError, KeyError) as error:
            raise FileFormatError(
                f"{self.path}: must be a checkpoint of msgreen, but it has none of its fields. "
                f"{remedy}"
            ) from error
        refuse_other("checkpoint", f"{self.path} is of one", known, self.settings, remedy)
        leaves, shape = jax.tree.flatten(start)
        state = [found[f"state{n}"] for n in range(len(leaves))]
        count = sum(name.startswith("record") for name in found)
        records = [found[f"record{n}"] for n in range(count)]
        return jax.tree.unflatten(shape, map(jax.numpy.asarray, state)), [records] if count else []

    def write(self, state: Any, parts: list[list[np.ndarray]], *, last: bool) -> None:
        """Keep the state and all records, unless writing would take too large a part of the time.

        The parts are joined. What is `last` is kept in any case.
        """
        if self.path is None or not (last or self.pace.due()):
            return
        with self.pace.writing():
            if parts:
                parts[:] = [[np.concatenate(part) for part in zip(*parts, strict=True)]]
            names, digests = map(np.array, zip(*self.settings.items(), strict=True))
            data = {"names": names, "digests": digests}
            data |= {f"state{n}": np.asarray(x) for n, x in enumerate(jax.tree.leaves(state))}
            data |= {f"record{n}": record for n, record in enumerate(parts[0] if parts else [])}
            writable_folder("checkpoint", self.path.parent)
            write_arrays(self.path, data)
