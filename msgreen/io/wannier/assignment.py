"""Which atom a Wannier function belongs to, and in which cell it stands."""

from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Complex, Int
from msgreen.errors import FileFormatError, InputError
from msgreen.io.wannier.hamiltonian import Crystal
from msgreen.io.wannier.likely_atoms import likely_atoms
from msgreen.io.wannier.real_space import collect

_FARTHEST = 1e6
"""Cells between a centre and the atoms; more is a damaged file."""

_IMAGES = np.array(list(product(range(-2, 3), repeat=3)))
"""Cells around the nearest in fractions, which in oblique cells is not the nearest in space. One
suffices for reduced vectors; two for sheared ones are a choice."""


class Assignment(NamedTuple):
    """Atoms of functions.

    Attributes
    ----------
    atom : int array, shape (function,)
    shift : int array, shape (function, 3)
        Cell in which that atom stands.
    notes : tuple of str
        What was assumed.
    """

    atom: np.ndarray
    shift: np.ndarray
    notes: tuple[str, ...] = ()


def assign(centres: np.ndarray, crystal: Crystal, file: Path) -> Assignment:
    """Return the atom next to every centre, modulo lattice vectors.

    Parameters
    ----------
    centres : real array, shape (function, 3)
        In angstrom.
    crystal : Crystal
    file : path
        Named by errors.

    Returns
    -------
    Assignment

    Raises
    ------
    FileFormatError
        If a centre is farther from every atom than half the distance of neighbouring atoms, or
        if atoms of the same label get different numbers of functions.
    """
    distance, shift = _nearest_images(centres, crystal, file)
    atom = distance.argmin(axis=1)
    function = np.arange(len(centres))
    nearest = distance[function, atom]
    far = int(nearest.argmax())
    reach = _neighbour_distance(crystal) / 2
    if nearest[far] > reach:
        raise FileFormatError(
            f"{file}: must put every function on an atom, but function {far + 1} is centred "
            f"{nearest[far]:.3f} angstrom from {_name(crystal, int(atom[far]))}, beyond half the "
            f"distance of neighbours ({reach:.3f}). Use functions centred on atoms, or name the "
            "atoms with `orbital_atoms`."
        )
    _check_equal(atom, crystal, file)
    return Assignment(atom, shift[function, atom])


def named(
    atoms: Int[ArrayLike, " orb"],
    centres: np.ndarray | None,
    crystal: Crystal,
    repeats: np.ndarray,
    file: Path,
) -> Assignment:
    """Return the assignment that the user gives, with cells from the centres if they are known.

    Parameters
    ----------
    atoms : int array, shape (orb,)
        Atom of every orbital, from 0.
    centres : real array, shape (function, 3), or None
    crystal : Crystal
    repeats : int array, shape (function,)
        Orbital of every function.
    file : path
        Named by errors.

    Raises
    ------
    InputError
        If there is not one atom of the crystal per orbital.
    """
    _checks.numbers("orbital_atoms", atoms, "iu")
    given = np.asarray(atoms)
    count = int(repeats.max()) + 1
    if given.shape != (count,) or given.min() < 0 or given.max() >= len(crystal.symbols):
        raise InputError(
            f"Argument `orbital_atoms` must be {count} integers between 0 and "
            f"{len(crystal.symbols) - 1}, the atom of every orbital, but it is "
            f"{given.tolist()}. Count the atoms of the crystal from 0."
        )
    atom = given[repeats]
    shift = np.zeros((len(atom), 3), int)
    if centres is not None:
        shift = _nearest_images(centres, crystal, file)[1][np.arange(len(atom)), atom]
    return Assignment(atom, shift)


def guessed(
    cells: Int[np.ndarray, "cell 3"],
    matrices: Complex[np.ndarray, "cell function function"],
    crystal: Crystal,
    repeats: np.ndarray,
) -> Assignment | None:
    """Return the likeliest assignment given the hoppings, or None if it is not clear.

    Parameters
    ----------
    cells : int array, shape (cell, 3)
    matrices : complex array, shape (cell, function, function)
    crystal : Crystal
    repeats : int array, shape (function,)
        Orbital of every function, spin slow.
    """
    orb = int(repeats.max()) + 1
    spins = len(repeats) // orb
    squares = np.abs(matrices.reshape(-1, spins, orb, spins, orb)) ** 2
    found = likely_atoms(crystal.vectors, crystal.positions, cells, squares.sum(axis=(1, 3)))
    if found is None or not found.clear:
        return None
    counts = ", ".join(map(str, np.bincount(found.atom)))
    note = (
        f"No centres: orbitals are taken atom by atom in the order of the atoms, {counts} of them, "
        "which explains the hoppings best by distance."
    )
    return Assignment(found.atom[repeats], found.shift[repeats], (note,))


def to_home_cell(
    cells: Int[np.ndarray, "cell 3"],
    matrices: Complex[np.ndarray, "cell function function"],
    shift: Int[np.ndarray, "function 3"],
) -> tuple[np.ndarray, np.ndarray]:
    """Return H(R) between functions moved by -shift cells: R becomes R + shift_n - shift_m."""
    if not np.any(shift - shift[0]):
        return cells, matrices
    size = matrices.shape[1]
    moved = cells[:, None, None] + shift[None, None] - shift[None, :, None]
    _, m, n = np.indices(matrices.shape)
    return collect(moved.reshape(-1, 3), m.ravel(), n.ravel(), matrices.ravel(), size)


def _nearest_images(centres, crystal: Crystal, file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Distances in angstrom and cells of the nearest images, shape (function, atom, ...)."""
    vectors = crystal.vectors
    step = (centres[:, None] - crystal.positions[None]) @ np.linalg.inv(vectors)
    if not np.all(np.abs(step) < _FARTHEST):
        raise FileFormatError(
            f"{file}: must be of the crystal of its centres, but a centre is more than "
            f"{_FARTHEST:.0e} cells from an atom. Take both from the same run."
        )
    home = np.rint(step).astype(int)
    rest = (step - home)[:, :, None] - _IMAGES
    distance = np.linalg.norm(rest @ vectors, axis=-1)
    best = distance.argmin(axis=-1)
    return distance.min(axis=-1), home + _IMAGES[best]


def _neighbour_distance(crystal: Crystal) -> float:
    """Smallest distance of two atoms, or of an atom and its own image."""
    steps = crystal.positions[:, None] - crystal.positions[None]
    distance = np.linalg.norm(steps[:, :, None] + _IMAGES @ crystal.vectors, axis=-1)
    return float(distance[distance > 1e-3].min())


def _check_equal(atom: np.ndarray, crystal: Crystal, file: Path) -> None:
    counts = np.bincount(atom, minlength=len(crystal.symbols))
    for n, symbol in enumerate(crystal.symbols):
        first = crystal.symbols.index(symbol)
        if counts[n] != counts[first]:
            raise FileFormatError(
                f"{file}: must give atoms of the same kind equally many functions, but "
                f"{_name(crystal, first)} has {counts[first]} and {_name(crystal, n)} has "
                f"{counts[n]}. Name the atoms with `orbital_atoms`, or label them differently."
            )


def _name(crystal: Crystal, atom: int) -> str:
    return f"atom {atom} ({crystal.symbols[atom]})"
