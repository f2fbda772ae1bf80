"""Lists that name every bond from both of its ends."""

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from msgreen.errors import AccuracyWarning, FileFormatError
from msgreen.io.jukkr.text import Line

_ROUNDING = 1e-6
_NOISE = 1e-2
"""Differences of both directions, relative to the largest value of the file, that are taken as
rounding, and as noise of which the mean is taken with a warning."""


class Bond(NamedTuple):
    """A pair of sites as a line of a file names it.

    Attributes
    ----------
    line : Line
    i, j : int
    cell : tuple of int
        Of the second site.
    value : real array, shape (3, 3)
        T of S_i . T . S_j, in the unit of the file.
    """

    line: Line
    i: int
    j: int
    cell: tuple[int, int, int]
    value: np.ndarray

    @property
    def key(self) -> tuple[int, ...]:
        """Both sites and the cell."""
        return (self.i, self.j, *self.cell)

    @property
    def back(self) -> tuple[int, ...]:
        """The key of the same bond, seen from its other end."""
        return (self.j, self.i, *(-n for n in self.cell))


def once(bonds: Sequence[Bond]) -> dict[tuple[int, ...], Bond]:
    """Return bonds by their keys; refuse a bond that is listed twice from the same end."""
    found: dict[tuple[int, ...], Bond] = {}
    for bond in bonds:
        _check_ends(bond)
        if bond.key in found:
            raise bond.line.error(
                "every bond once from each of its ends",
                f"line {found[bond.key].line.number} lists the same one",
            )
        found[bond.key] = bond
    return found


def added(bonds: Sequence[Bond]) -> dict[tuple[int, ...], Bond]:
    """Return bonds by their keys; those that are listed twice are added up."""
    found: dict[tuple[int, ...], Bond] = {}
    for bond in bonds:
        _check_ends(bond)
        before = found.get(bond.key)
        found[bond.key] = (
            bond if before is None else before._replace(value=before.value + bond.value)
        )
    return found


def check_directions(
    bonds: dict[tuple[int, ...], Bond],
    rounding: float = 0.0,
    excused: Callable[[Bond], bool] = lambda bond: False,
) -> list[Bond]:
    """Check that both ends of every bond are listed, and that they agree.

    Parameters
    ----------
    bonds : dict
        By their keys.
    rounding : float
        The last digit of the numbers.
    excused : callable
        Whether a bond may be listed from one end only.

    Returns
    -------
    list of Bond
        Those that are listed from one end only.

    Raises
    ------
    FileFormatError
        If an end is missing, or both differ by more than noise; it names both lines.

    Warns
    -----
    AccuracyWarning
        If both ends differ by more than rounding. Their mean is what adding up both gives.
    """
    scale = max((float(np.abs(b.value).max()) for b in bonds.values()), default=0.0)
    single, worst, place = [], rounding + _ROUNDING * scale, None
    for bond in bonds.values():
        other = bonds.get(bond.back)
        if other is None and np.abs(bond.value).max() <= rounding:
            continue
        if other is None:
            if not excused(bond):
                raise bond.line.error(
                    "bonds that are listed from both of their ends",
                    f"the bond from site {bond.i + 1} to site {bond.j + 1} in cell {bond.cell} is "
                    "listed from one",
                )
            single.append(bond)
            continue
        difference = float(np.abs(bond.value - other.value.T).max())
        if not difference <= rounding + _NOISE * scale:
            raise _disagreement(bond, other)
        if difference > worst:
            worst, place = difference, (bond, other)
    if place is not None:
        first, second = (bond.line for bond in place)
        warnings.warn(
            f"{first.file}, lines {first.number} and {second.number}: must hold the same coupling "
            f"from both ends of a bond, but they differ by {worst:.3g} in the unit of the file. "
            "The mean of both directions is taken; converge the calculation better.",
            AccuracyWarning,
            stacklevel=4,
        )
    return single


def _check_ends(bond: Bond) -> None:
    if bond.key == bond.back:
        raise bond.line.error("a bond between two sites", "it leads from a site to itself")


def _disagreement(bond: Bond, other: Bond) -> FileFormatError:
    first, second = sorted((bond.line, other.line), key=lambda line: line.number)
    return FileFormatError(
        f"{first.file}, lines {first.number} and {second.number}: must hold the same coupling from "
        "both ends of a bond (equal exchange, opposite D, transposed tensors), but they differ by "
        f"{float(np.abs(bond.value - other.value.T).max()):.3g} in the unit of the file. Correct "
        "one of them."
    )
