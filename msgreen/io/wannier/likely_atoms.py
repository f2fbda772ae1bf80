"""Which atoms orbitals belong to if no file says: the most likely ones, given their hoppings.

Orbitals are listed atom by atom, in the order of the atoms, as projections usually are; how many
each atom has is open. Hoppings depend on distance more than on anything else. If every
|H_mn(R)|^2 is an exponential variate whose mean depends on the distance alone, the logarithm of
the likelihood is, up to a constant,

    -sum over shells s of N_s ln(mean of |H|^2 in s),

N_s being the number of elements in the shell. The likeliest atoms are those whose distances
explain most.
"""

from collections.abc import Iterator
from itertools import combinations, product
from math import comb
from typing import NamedTuple

import numpy as np

from msgreen._typing import Float, Int

_SHELL = 0.3
"""Angstrom, the width of a shell: below differences of bond lengths, above their scatter.

SrMnO3 and CrSTe get their atoms with any width from 0.05 to 2.
"""

_FLOOR = 1e-8
"""eV^2 added to every mean, so that shells of nothing but symmetry zeros do not decide."""

_REACH = 2
"""Cells on either side whose hoppings are compared."""

_MOST = 500
"""Divisions of the orbitals that are tried: four atoms with 14 orbitals have 286."""

_REFINED = 8
"""Likeliest divisions for which neighbouring cells are tried."""

_CLEAR = 20.0
"""Logarithm of the ratio of likelihoods that decides: CrSTe has 500, SrMnO3 2600.

A choice: elements are no independent variates, so that a ratio that is not huge means little.
"""


class LikelyAtoms(NamedTuple):
    """The likeliest atoms of orbitals.

    Attributes
    ----------
    atom : int array, shape (orb,)
    shift : int array, shape (orb, 3)
        Cell in which the atom stands.
    advantage : float
        Logarithm of its likelihood over that of the next best division.
    """

    atom: np.ndarray
    shift: np.ndarray
    advantage: float

    @property
    def clear(self) -> bool:
        """Whether the likelihood decides."""
        return self.advantage > _CLEAR


def likely_atoms(
    vectors: Float[np.ndarray, "3 3"],
    positions: Float[np.ndarray, "atom 3"],
    cells: Int[np.ndarray, "cell 3"],
    strengths: Float[np.ndarray, "cell orb orb"],
) -> LikelyAtoms | None:
    """Return the likeliest atoms of orbitals, or None if there are too many possibilities.

    Parameters
    ----------
    vectors : real array, shape (3, 3)
        Lattice vectors in angstrom.
    positions : real array, shape (atom, 3)
        In angstrom.
    cells : int array, shape (cell, 3)
        With -R for every R.
    strengths : real array, shape (cell, orb, orb)
        |H(R)|^2 in eV^2, summed over spins.

    Returns
    -------
    LikelyAtoms or None
    """
    orb, atoms = strengths.shape[1], len(positions)
    if atoms < 2 or orb < atoms or comb(orb - 1, atoms - 1) > _MOST:
        return None
    near = np.abs(cells).max(axis=1) <= _REACH
    cells, strengths = cells[near], strengths[near]
    free = _free_places(vectors, cells, strengths)
    images = np.array(list(product(*((-1, 0, 1) if c.any() else (0,) for c in cells.T))))
    elsewhere = np.ones(strengths.shape, bool)
    elsewhere[~cells.any(axis=1)] = ~np.eye(orb, dtype=bool)
    steps = (cells @ vectors)[:, None, None]

    def surprise(atom, shift):
        places = positions[atom] + shift @ vectors
        lengths = np.linalg.norm(steps + places[None] - places[:, None], axis=-1)
        shell = np.rint(lengths[elsewhere] / _SHELL).astype(int)
        number = np.bincount(shell)
        mean = np.bincount(shell, strengths[elsewhere]) / np.maximum(number, 1)
        return float(number @ np.log(mean + _FLOOR))

    rough = []
    for atom in _divisions(orb, atoms):
        shift = _nearest_cells(vectors, positions, atom, free)
        rough.append((surprise(atom, shift), shift, atom))
    rough.sort(key=lambda item: item[0])
    found = [
        (*_best_cells(surprise, atom, shift, images), atom) for _, shift, atom in rough[:_REFINED]
    ]
    found.sort(key=lambda item: item[0])
    advantage = found[1][0] - found[0][0] if len(found) > 1 else np.inf
    return LikelyAtoms(found[0][2], found[0][1], float(advantage))


def _divisions(orb: int, atoms: int) -> Iterator[np.ndarray]:
    """Atoms of orbitals in order, at least one orbital each."""
    for cuts in combinations(range(1, orb), atoms - 1):
        yield np.repeat(np.arange(atoms), np.diff([0, *cuts, orb]))


def _free_places(vectors, cells, strengths) -> np.ndarray:
    """Places that make sum |H|^2 |distance|^2 least, free of atoms; up to a common shift."""
    moment = np.einsum("rmn,rc->mc", strengths, cells @ vectors)
    total = strengths.sum(axis=0)
    return np.linalg.pinv(np.diag(total.sum(axis=1)) - total) @ moment


def _nearest_cells(vectors, positions, atom, free) -> np.ndarray:
    """Cells of the atoms that come next to the free places of their orbitals."""
    count = np.bincount(atom)[:, None]
    mean = np.stack([np.bincount(atom, column) for column in free.T], axis=-1) / count
    rest = (mean - mean[0] - positions + positions[0]) @ np.linalg.inv(vectors)
    return np.rint(rest).astype(int)[atom]


def _best_cells(surprise, atom, shift, images) -> tuple[float, np.ndarray]:
    """Move one atom after the other to the likeliest of its neighbouring cells."""
    best = surprise(atom, shift)
    for moved in range(1, int(atom.max()) + 1):
        for image in images:
            trial = shift + image * (atom == moved)[:, None]
            value = surprise(atom, trial)
            if value < best:
                best, shift = value, trial
    return best, shift
