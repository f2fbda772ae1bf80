"""What a file cannot hold: how many clusters, and their share of the energy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from msgreen._typing import Array, Float
from msgreen.io.spin_programs.parts import Parts
from msgreen.spinmodel import Term

SAMPLES = 100
"""Random configurations from which shares are estimated."""


class Lost(NamedTuple):
    """Terms of one class that a file does not contain.

    Attributes
    ----------
    name : str
        The class.
    clusters : int
        Number of rows.
    share : float
        Root mean square of the deviation of their energy from its mean over random directions of
        the spins, relative to that of the whole model.
    """

    name: str
    clusters: int
    share: float


@dataclass(frozen=True)
class Export:
    """What `export` wrote.

    Attributes
    ----------
    format : str
    files : tuple of Path
    lost : tuple of Lost
        Empty if the files hold the whole model.
    share : float
        Of everything that is lost together.
    constant : float
        Energy per cell in eV to be added to that of the other program. It depends on no spin.
    undetermined : str
        Numbers, by class, that no data determined.
    """

    format: str
    files: tuple[Path, ...]
    lost: tuple[Lost, ...] = ()
    share: float = 0.0
    constant: float = 0.0
    undetermined: str = ""

    def __str__(self) -> str:
        return "\n".join(
            [self.summary, *([f"Not in the files: {self.losses}."] if self.lost else [])]
        )

    @property
    def summary(self) -> str:
        """What was written, in words."""
        lines = [f"Wrote {', '.join(map(str, self.files))} ({self.format})."]
        if self.constant:
            lines.append(f"Energies there lack the constant {self.constant:.6g} eV per cell.")
        if self.undetermined:
            lines.append(f"Not determined by the data, no predictions: {self.undetermined}.")
        return "\n".join(lines)

    @property
    def losses(self) -> str:
        """The lost terms in words."""
        words = [
            f"{item.clusters} x {item.name} ({100 * item.share:.3g} % of the energy spread)"
            for item in self.lost
        ]
        together = f", together {100 * self.share:.3g} %" if len(words) > 1 else ""
        return ", ".join(words) + together


class Written(NamedTuple):
    """What the writer of one format did.

    Attributes
    ----------
    files : sequence of Path
    lost : sequence of Term
        At most one of each class, in the sites and cells of the model.
    constant : float
        Energy per cell in eV that the files lack.
    """

    files: Sequence[Path]
    lost: Sequence[Term]
    constant: float = 0.0


def report(name: str, parts: Parts, written: Written) -> Export:
    """Return the report of a written format with the shares of what was lost."""
    files = tuple(written.files)
    if not written.lost:
        return Export(name, files, constant=written.constant)
    directions = _random_directions(parts)
    total = np.std(sum(energies(term, directions) for term in parts.model.terms))
    lost = {term.name: energies(term, directions) for term in written.lost}
    rows = {term.name: len(term.clusters) for term in written.lost}
    items = tuple(Lost(name, rows[name], float(np.std(e) / total)) for name, e in lost.items())
    together = float(np.std(sum(lost.values())) / total)
    return Export(name, files, items, together, written.constant)


def energies(term: Term, directions: np.ndarray) -> Float[Array | np.ndarray, " sample"]:
    """Return the energies of one term, without compiling a program for them.

    Parameters
    ----------
    term : Term
    directions : real array, shape (sample, [cells,] site, 3)
        Configurations of a closed box of cells.

    Returns
    -------
    real array, shape (sample,)
        In eV.
    """
    form = cast(Callable[..., np.ndarray], term.spin_class.form)
    components = np.moveaxis(directions, -1, 0)
    box = tuple(range(2, 2 + term.dimension))
    total = np.zeros(len(directions))
    for sites, cells, value in zip(*term.slots(), np.asarray(term.values), strict=True):
        spins = [
            tuple(np.roll(components[..., site], tuple(-cell), box))
            for site, cell in zip(sites, cells, strict=True)
        ]
        total = total + form(value, spins).reshape(len(total), -1).sum(axis=1)
    return total


def _random_directions(parts: Parts) -> np.ndarray:
    """Return random configurations of a box that no cluster spans twice, up to 5 cells wide."""
    box = np.clip(2 * parts.reach + 1, 2, 5)[: parts.model.dimension]
    shape = (SAMPLES, *map(int, box), parts.model.site_count, 3)
    vectors = np.random.default_rng(0).normal(size=shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
