"""Bravais lattices with a basis, shells of neighbours, and finite regions of cells.

A site is named by a row of integers: its cell coordinates n and the number of its basis atom.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Float, Int, Num
from msgreen.errors import InputError


class Shell(NamedTuple):
    """All directed bonds of one length, that start in the cell at the origin.

    Attributes
    ----------
    distance : float
        In angstrom.
    bonds : int array, shape (bond, dim + 2)
        Cell coordinates of the end, basis atom of the start, basis atom of the end.
    """

    distance: float
    bonds: np.ndarray


@dataclass(frozen=True, eq=False)
class Lattice:
    """A Bravais lattice with a basis.

    Parameters
    ----------
    vectors : array_like, shape (dim, space)
        Bravais vectors in angstrom, one per row.
    basis : array_like, shape (atom, space), optional
        Positions of the basis atoms in angstrom; by default one atom at the origin.

    Raises
    ------
    InputError
        If the vectors are linearly dependent or two basis atoms coincide.

    Examples
    --------
    >>> [round(shell.distance, 3) for shell in Lattice.square().shells(3)]
    [1.0, 1.414, 2.0]
    """

    vectors: np.ndarray
    basis: np.ndarray

    def __init__(
        self,
        vectors: Float[ArrayLike, "dim space"],
        basis: Float[ArrayLike, "atom space"] | None = None,
    ):
        _checks.finite("vectors", vectors)
        vectors = np.atleast_2d(np.asarray(vectors, float))
        _checks.shaped("vectors", vectors, ("dim", "space"))
        dim, space = vectors.shape
        if dim > space or np.linalg.matrix_rank(vectors) < dim:
            raise InputError(
                "Argument `vectors` must be linearly independent, but they span fewer than "
                f"{dim} dimensions. Give one independent vector per row."
            )
        basis = np.zeros((1, space)) if basis is None else basis
        _checks.finite("basis", basis)
        basis = np.atleast_2d(np.asarray(basis, float))
        if basis.ndim != 2 or basis.shape[1] != space:
            raise InputError(
                f"Argument `basis` must have {space} components per atom like `vectors`, but its "
                f"shape is {basis.shape}. Give one position per atom."
            )
        _checks.distinct_sites("basis", basis)
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "basis", basis)

    @property
    def _key(self):
        return (self.vectors.shape, self.vectors.tobytes(), self.basis.tobytes())

    def __hash__(self):
        return hash(self._key)

    def __eq__(self, other):
        return isinstance(other, Lattice) and self._key == other._key

    @classmethod
    def chain(cls, spacing: float = 1.0) -> "Lattice":
        """Return a chain along x with the given spacing in angstrom."""
        return cls([[spacing, 0.0]])

    @classmethod
    def square(cls, spacing: float = 1.0) -> "Lattice":
        """Return the square lattice with the given spacing in angstrom."""
        return cls(spacing * np.eye(2))

    @classmethod
    def triangular(cls, spacing: float = 1.0) -> "Lattice":
        """Return the triangular lattice with the given spacing in angstrom."""
        return cls(spacing * np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]]))

    @classmethod
    def honeycomb(cls, spacing: float = 1.0) -> "Lattice":
        """Return the honeycomb lattice with the given bond length in angstrom."""
        vectors = spacing * np.array([[1.5, np.sqrt(0.75)], [1.5, -np.sqrt(0.75)]])
        return cls(vectors, [[0.0, 0.0], [spacing, 0.0]])

    @classmethod
    def cubic(cls, spacing: float = 1.0) -> "Lattice":
        """Return the simple cubic lattice with the given spacing in angstrom."""
        return cls(spacing * np.eye(3))

    @property
    def dimension(self) -> int:
        """Number of Bravais vectors."""
        return len(self.vectors)

    @property
    def atoms(self) -> int:
        """Number of basis atoms."""
        return len(self.basis)

    def positions(self, sites: Int[ArrayLike, "site column"]) -> np.ndarray:
        """Return the positions in angstrom of sites, shape (site, space)."""
        array = self.check_sites(sites)
        return array[:, :-1] @ self.vectors + self.basis[array[:, -1]]

    def box_positions(self, box: Sequence[int]) -> np.ndarray:
        """Return the positions in angstrom of all atoms of a box of cells, (*box, atom, space)."""
        cells = np.moveaxis(np.indices(tuple(box)), 0, -1)
        return (cells @ self.vectors)[..., None, :] + self.basis

    def displacement(self, bonds: Int[ArrayLike, "bond column"]) -> np.ndarray:
        """Return the vectors in angstrom of bonds (cell, from, to), shape (bond, space)."""
        bonds = np.asarray(bonds)
        start, end = self.basis[bonds[:, -2]], self.basis[bonds[:, -1]]
        return bonds[:, :-2] @ self.vectors + end - start

    def shells(self, count: int) -> list[Shell]:
        """Return the `count` shortest shells of neighbours.

        Raises
        ------
        InputError
            If they are not among `LARGEST_SEARCH` bonds.
        """
        if count < 1:
            raise InputError(
                f"Argument `count` must be at least 1, but it is {count}. "
                "Ask for one shell or more."
            )
        reach = 1
        while True:
            bonds = (2 * reach + 1) ** self.dimension * self.atoms**2
            if bonds > LARGEST_SEARCH:
                raise InputError(
                    f"Argument `vectors` must be about as short as the lattice allows, but {count} "
                    f"shells of neighbours are not among {bonds} bonds. Reduce the vectors, or ask "
                    "for fewer shells."
                )
            found, complete = self._shells_within(reach)
            if len(found) >= count and found[count - 1].distance <= complete:
                return found[:count]
            reach *= 2

    def _shells_within(self, reach: int) -> tuple[list[Shell], float]:
        """All shells from cells up to `reach` away, and the distance up to which none is missing.

        A cell outside differs by at least reach + 1 periods along some reciprocal direction.
        """
        cells = np.array(list(product(range(-reach, reach + 1), repeat=self.dimension)))
        atoms = np.array(list(product(range(self.atoms), repeat=2)))
        bonds = np.concatenate(
            [np.repeat(cells, len(atoms), axis=0), np.tile(atoms, (len(cells), 1))], axis=1
        )
        distance = np.linalg.norm(self.displacement(bonds), axis=1)
        order = np.argsort(distance, kind="stable")
        order = order[distance[order] > 1e-9]
        bonds, distance = bonds[order], distance[order]
        edges = np.nonzero(np.diff(distance) > 1e-6 * distance[0])[0] + 1
        shells = [
            Shell(float(d[0]), b)
            for d, b in zip(np.split(distance, edges), np.split(bonds, edges), strict=True)
        ]
        spread = np.linalg.norm(self.basis[:, None] - self.basis[None], axis=-1).max()
        spacing = 1 / np.linalg.norm(np.linalg.pinv(self.vectors), axis=0)
        return shells, float((reach + 1) * spacing.min() - spread)

    def check_sites(self, sites: Num[ArrayLike, "site column"], name: str = "sites") -> np.ndarray:
        """Return `sites` as an int array (site, dim + 1), refusing wrong shapes and atoms."""
        array = np.asarray(_checks.numbers(name, sites))
        shape = (array.shape[0] if array.ndim else 0, self.dimension + 1)
        if array.shape != shape or not np.issubdtype(array.dtype, np.integer):
            raise InputError(
                f"Argument `{name}` must be an int array of shape (site, {self.dimension + 1}) "
                f"with cell coordinates and basis atom, but it is {array.dtype} of shape "
                f"{array.shape}. Give one row per site."
            )
        wrong = (array[:, -1] < 0) | (array[:, -1] >= self.atoms)
        if wrong.any():
            raise InputError(
                f"Argument `{name}` must name basis atoms from 0 to {self.atoms - 1}, but site "
                f"{array[wrong][0].tolist()} does not. Count atoms from 0."
            )
        _check_distinct(name, array)
        return array


LARGEST_SEARCH = 2_000_000
"""Bonds among which shells of neighbours are looked for: a second, and 0.2 GB. A hundred shells
of a cubic lattice of one atom lie within 36,000."""

LARGEST_REGION = 250_000
"""Sites of a piece of a lattice, an estimate: 101 x 101 cells take minutes, and the work grows
with the cube of the narrower side."""


@dataclass(frozen=True)
class Region:
    """A finite piece of a lattice: a box of cells, periodic or open, less the removed sites.

    Parameters
    ----------
    lattice : Lattice
    shape : sequence of int
        Number of cells along each Bravais vector.
    periodic : bool or sequence of bool
        Whether each direction is closed to a ring: all open is a flake, one closed a cylinder,
        all closed a torus.
    removed : int array, shape (site, dim + 1)
        Sites that are missing: vacancies, or everything outside a flake of another shape.

    Raises
    ------
    InputError
        If the shape is not positive or has more sites than `LARGEST_REGION`, or a removed site
        lies outside the box.
    """

    lattice: Lattice
    shape: tuple[int, ...]
    periodic: tuple[bool, ...]
    removed: tuple[tuple[int, ...], ...]

    def __init__(
        self,
        lattice: Lattice,
        shape: Sequence[int] | Int[np.ndarray, " dim"],
        periodic: bool | Sequence[bool] = False,
        removed: Int[ArrayLike, "site column"] = (),
    ):
        _checks.numbers("shape", shape, "iu")
        shape = tuple(np.atleast_1d(shape).tolist())
        if len(shape) != lattice.dimension or min(shape) < 1:
            raise InputError(
                f"Argument `shape` must hold {lattice.dimension} positive numbers of cells, but "
                f"it is {shape}. Give one per Bravais vector."
            )
        _checks.numbers("periodic", periodic, "b")
        count = math.prod(shape) * lattice.atoms
        if count > LARGEST_REGION:
            raise InputError(
                f"Argument `shape` must describe at most {LARGEST_REGION} sites, but {shape} are "
                f"{count}. Take a smaller piece, or an infinite lattice."
            )
        _checks.shaped("periodic", periodic, (), (lattice.dimension,))
        closed = np.broadcast_to(np.asarray(periodic, bool), (lattice.dimension,))
        _checks.numbers("removed", removed, "iu")
        if not np.size(removed):
            removed = np.zeros((0, lattice.dimension + 1), int)
        object.__setattr__(self, "lattice", lattice)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "periodic", tuple(bool(p) for p in closed))
        object.__setattr__(self, "removed", ())
        removed = self.check_sites(removed, "removed")
        object.__setattr__(self, "removed", tuple(map(tuple, removed.tolist())))

    def sites(self) -> np.ndarray:
        """Return all sites that are present, shape (site, dim + 1), in the order of the cells."""
        ranges = [*map(range, self.shape), range(self.lattice.atoms)]
        missing = set(self.removed)
        return np.array([site for site in product(*ranges) if site not in missing])

    def without(self, outside: Callable[[np.ndarray], Any]) -> "Region":
        """Return the region less all sites whose position makes `outside` true.

        Parameters
        ----------
        outside : callable
            Maps positions in angstrom, shape (site, space), to a bool array, shape (site,).
        """
        sites = self.sites()
        gone = np.asarray(outside(self.lattice.positions(sites)), bool)
        removed = [*self.removed, *map(tuple, sites[gone].tolist())]
        return Region(self.lattice, self.shape, self.periodic, removed)

    def check_sites(self, sites: Num[ArrayLike, "site column"], name: str = "sites") -> np.ndarray:
        """Return `sites` as an int array; refuse sites outside the box and removed ones."""
        array = self.lattice.check_sites(sites, name)
        outside = ((array[:, :-1] < 0) | (array[:, :-1] >= np.array(self.shape))).any(axis=1)
        if outside.any():
            raise InputError(
                f"Argument `{name}` must lie in the lattice of {' x '.join(map(str, self.shape))} "
                f"cells, but {array[outside][0].tolist()} does not. Cells count from 0."
            )
        for site in map(tuple, array.tolist()):
            if site in self.removed:
                raise InputError(
                    f"Argument `{name}` must not hold removed sites, but {list(site)} is removed. "
                    "Choose another site."
                )
        return array


def _check_distinct(name: str, array: np.ndarray) -> None:
    unique, first, count = np.unique(array, axis=0, return_index=True, return_counts=True)
    if len(unique) < len(array):
        twice = unique[count > 1][0]
        i, j = np.nonzero((array == twice).all(axis=1))[0][:2]
        raise InputError(
            f"Argument `{name}` must hold distinct sites, but rows {i} and {j} are both "
            f"{twice.tolist()}. Put one spin on one site."
        )
