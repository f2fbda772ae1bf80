"""Loops of a lattice, each once up to translations.

A loop stands for all its translates, so that as many as are listed belong to every cell. Sites are
ordered by atom, then by cell: an order that translations keep, in which every loop has one smallest
site. That site is put into the home cell.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.spatial import KDTree

from msgreen import _checks
from msgreen.clusters import LARGEST_COUNT, check_order, closed_paths, neighbour_table, pairs
from msgreen.errors import InputError
from msgreen.lattice.geometry import Lattice

LARGEST_PATCH = 1_000_000
"""Sites near the home cell among which loops are looked for: some 0.1 GB with their neighbours."""

SLACK = 1e-9
"""Relative excess of a length over a cutoff that is rounding."""


class _Patch(NamedTuple):
    """The sites near the home cell, ordered by atom and then by cell.

    Attributes
    ----------
    sites : int array, shape (site, dim + 1)
        Cell and atom.
    positions : real array, shape (site, space)
        In angstrom.
    home : int array, shape (atom,)
        Rows of the atoms of the home cell.
    """

    sites: np.ndarray
    positions: np.ndarray
    home: np.ndarray

    def neighbours(self, cutoff: float) -> list[np.ndarray]:
        """Return the rows of the sites within a cutoff of every atom of the home cell."""
        places = self.positions[self.home]
        found = KDTree(self.positions).query_ball_point(places, cutoff * (1 + SLACK))
        both = zip(self.home.tolist(), found, strict=True)
        return [np.array(sorted({*near} - {own}), int) for own, near in both]


def lattice_loops(
    lattice: Lattice,
    order: int,
    cutoff: float,
    *,
    atoms: Sequence[int] | None = None,
    along: Sequence[bool] | None = None,
) -> np.ndarray:
    """Return all loops over distinct sites of a lattice, each once up to translation and order.

    Parameters
    ----------
    lattice : Lattice
    order : int
        Number of sites; 2 for pairs.
    cutoff : float
        Largest length of a leg in angstrom.
    atoms : sequence of int, optional
        Those of the basis that take part; by default all.
    along : sequence of bool, optional
        Lattice vectors along which there are other cells; by default all.

    Returns
    -------
    int array, shape (loop, order, dim + 1)
        Cell and atom of every site; the first has the smallest atom, and lies in the home cell.

    Raises
    ------
    InputError
        If `order` or `cutoff` have no meaning, or there may be more than `LARGEST_COUNT` loops.

    Examples
    --------
    >>> import numpy as np
    >>> iron = Lattice(np.array([[1, 1, 1], [-1, 1, 1], [-1, -1, 1]]) / 2)
    >>> [len(lattice_loops(iron, order, 0.9)) for order in (2, 4, 6)]
    [4, 12, 148]
    """
    count, exact = count_loops(lattice, order, cutoff, atoms=atoms, along=along)
    if count > LARGEST_COUNT:
        raise InputError(
            f"Argument `cutoff` must leave at most {LARGEST_COUNT} loops of {order} sites, but "
            f"there {'are' if exact else 'may be up to'} {count}. Give a smaller one."
        )
    patch = _patch(lattice, order // 2 * cutoff, cutoff, atoms, along)
    bonds = pairs(patch.positions, cutoff)
    if order == 2:
        return patch.sites[bonds[np.isin(bonds[:, 0], patch.home)]]
    walk = patch.positions, neighbour_table(len(patch.sites), bonds)
    found = [block for h in patch.home for block in closed_paths(*walk, h, order, np.inf)]
    return patch.sites[np.concatenate([np.zeros((0, order), int), *found])]


def lattice_contracted_loops(
    lattice: Lattice,
    kind: Literal["biquadratic", "three_site"],
    cutoff: float,
    *,
    atoms: Sequence[int] | None = None,
    along: Sequence[bool] | None = None,
) -> np.ndarray:
    """Return the four-step loops of a lattice that revisit a site, each once up to translation.

    Parameters
    ----------
    lattice, cutoff, atoms, along
        As for `lattice_loops`.
    kind : {"biquadratic", "three_site"}
        i -> j -> i -> j for every pair, or i -> j -> k -> j for every pair i, k of neighbours of j.

    Returns
    -------
    int array, shape (loop, 4, dim + 1)
    """
    if kind not in ("biquadratic", "three_site"):
        raise InputError(
            f'Argument `kind` must be "biquadratic" or "three_site", but it is {kind!r}. '
            "Choose one."
        )
    if kind == "biquadratic":
        return lattice_loops(lattice, 2, cutoff, atoms=atoms, along=along)[:, [0, 1, 0, 1]]
    patch = _patch(lattice, cutoff, cutoff, atoms, along)
    around = patch.neighbours(cutoff)
    count = sum(math.comb(len(near), 2) for near in around)
    if count > LARGEST_COUNT:
        raise InputError(
            f"Argument `cutoff` must leave at most {LARGEST_COUNT} chains of three sites, but "
            f"there are {count}. Give a smaller one."
        )
    rows = [np.zeros((0, 4), int)]
    for home, near in zip(patch.home, around, strict=True):
        one, other = np.triu_indices(len(near), 1)
        middle = np.full(len(one), home)
        rows.append(np.stack([near[one], middle, near[other], middle], axis=1))
    return patch.sites[np.concatenate(rows)]


def count_loops(
    lattice: Lattice,
    order: int,
    cutoff: float,
    *,
    atoms: Sequence[int] | None = None,
    along: Sequence[bool] | None = None,
) -> tuple[int, bool]:
    """Return how many loops `lattice_loops` would list, without listing them.

    Closed walks of n steps are the mean over k of Tr a(k)^n, a being the matrix of legs. Up to
    four steps those that visit a site twice are known, and the number is exact; beyond it is a
    bound.

    Returns
    -------
    count : int
    exact : bool
    """
    check_order(order)
    patch = _patch(lattice, cutoff, cutoff, atoms, along)
    around = patch.neighbours(cutoff)
    degrees = np.array([len(near) for near in around])
    start = np.repeat(np.arange(len(around)), degrees)
    ends = patch.sites[np.concatenate(around)]
    end = np.searchsorted(patch.sites[patch.home, -1], ends[:, -1])
    widths = order * np.abs(ends[:, :-1]).max(axis=0, initial=0) + 1
    legs = np.zeros((*widths, len(around), len(around)))
    np.add.at(legs, (*ends[:, :-1].T, start, end), 1.0)
    waves = np.fft.fftn(legs, axes=range(lattice.dimension))
    walks = np.trace(np.linalg.matrix_power(waves, order), axis1=-2, axis2=-1)
    total = round(float(walks.real.mean()))
    if order == 4:
        total += int(np.sum(degrees - 2 * degrees**2))
    # A pair is walked once from either end, a longer loop in two senses.
    return total // (order if order == 2 else 2 * order), order <= 4


def _patch(lattice: Lattice, radius: float, cutoff: float, atoms, along) -> _Patch:
    """Return the sites within a radius of the atoms of the home cell."""
    _checks.positive_number("cutoff", cutoff, "angstrom")
    dim = lattice.dimension
    chosen = np.arange(lattice.atoms) if atoms is None else np.unique(atoms)
    moves = np.ones(dim, bool) if along is None else np.asarray(along, bool)
    spacing = 1 / np.linalg.norm(np.linalg.pinv(lattice.vectors), axis=0)
    basis = lattice.basis[chosen]
    spread = np.linalg.norm(basis[:, None] - basis, axis=-1).max()
    reach = np.where(moves, np.floor((radius + spread) / spacing * (1 + SLACK)), 0.0)
    count = np.prod(2 * reach + 1) * len(chosen)
    if count > LARGEST_PATCH:
        raise InputError(
            f"Argument `cutoff` must leave at most {LARGEST_PATCH} sites to look through, but "
            f"there are {count:.3g} within reach of loops. Give a smaller one."
        )
    widths = reach.astype(int)
    cells = np.indices(tuple(2 * widths + 1)).reshape(dim, -1).T - widths
    sites = np.concatenate([np.insert(cells, dim, atom, axis=1) for atom in chosen])
    positions = sites[:, :-1] @ lattice.vectors + lattice.basis[sites[:, -1]]
    near = KDTree(basis).query(positions)[0] <= radius * (1 + SLACK)
    sites, positions = sites[near], positions[near]
    home = np.flatnonzero(~sites[:, :-1].any(axis=1))
    return _Patch(sites, positions, home)
