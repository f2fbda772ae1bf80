"""Symmetry operations of clusters and crystals, and what they do to sites and spins.

A spin is an axial vector: an operation R turns it by the proper rotation det(R) R. Dot products,
cross products and triple products of spins transform under a proper rotation like those of
ordinary vectors, so that one rule serves every class of terms: *each Cartesian index of a
parameter turns by det(R) R*. Numbers stay, the vectors of chiral terms turn like spins, tensors
turn in every index.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import spglib
from scipy.spatial import KDTree

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float
from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spinmodel.symmetry.groups import generate_group, operation_name


@dataclass(frozen=True, eq=False, repr=False)
class Symmetry:
    """A group of operations that maps the sites of a cluster or of a crystal onto each other.

    Built by `cluster_symmetry` and `crystal_symmetry`.

    Attributes
    ----------
    matrices : real array, shape (op, 3, 3)
        Orthogonal matrices R that act on positions; the identity comes first.
    permutations : int array, shape (op, site)
        Site onto which an operation maps a site.
    shifts : int array, shape (op, site, dim)
        Cell onto which an operation maps a site of cell 0; `dim` is 0 for a finite cluster.
    cell_matrices : int array, shape (op, dim, dim)
        The operation in the basis of the lattice vectors: site s of cell n goes to the cell
        ``n @ cell_matrices[op] + shifts[op, s]``.

    Notes
    -----
    Time reversal is not among the operations: interactions of an even number of spins are
    invariant under it. A magnetic field is an axial vector and lowers the symmetry, see
    `that_keeps`.
    """

    matrices: np.ndarray
    permutations: np.ndarray
    shifts: np.ndarray
    cell_matrices: np.ndarray

    def __len__(self) -> int:
        return len(self.matrices)

    def __repr__(self) -> str:
        return f"<{len(self)} symmetry operations of {self.site_count} sites>"

    @property
    def site_count(self) -> int:
        """Number of sites (of a cell)."""
        return self.permutations.shape[1]

    @property
    def dimension(self) -> int:
        """Number of lattice vectors; 0 for a finite cluster."""
        return self.shifts.shape[2]

    @property
    def rotations(self) -> np.ndarray:
        """Proper rotations det(R) R by which spins turn, shape (op, 3, 3)."""
        return np.linalg.det(self.matrices).round()[:, None, None] * self.matrices

    @property
    def names(self) -> list[str]:
        """The operations in words."""
        return [operation_name(matrix) for matrix in self.matrices]

    def that_keeps(
        self,
        *,
        polar: Float[ArrayLike, "3"] | None = None,
        axial: Float[ArrayLike, "3"] | None = None,
        tolerance: float = 1e-6,
    ) -> "Symmetry":
        """Return the subgroup that leaves given vectors unchanged.

        Parameters
        ----------
        polar : array_like, shape (3,), optional
            Such as the normal of a surface, or an electric field.
        axial : array_like, shape (3,), optional
            Such as a magnetic field.
        """
        kept = np.ones(len(self), bool)
        for vector, matrices in ((polar, self.matrices), (axial, self.rotations)):
            if vector is not None:
                vector = np.asarray(vector, float)
                change = np.abs(matrices @ vector - vector).max(axis=1)
                kept &= change <= tolerance * np.abs(vector).max()
        return Symmetry(
            self.matrices[kept],
            self.permutations[kept],
            self.shifts[kept],
            self.cell_matrices[kept],
        )


def no_symmetry(site_count: int, dimension: int = 0) -> Symmetry:
    """Return the group of the identity alone.

    Parameters
    ----------
    site_count : int
    dimension : int
        Number of lattice vectors.
    """
    _checks.count("site_count", site_count)
    _checks.whole_number("dimension", dimension, 0, 3)
    return Symmetry(
        np.eye(3)[None],
        np.arange(site_count)[None],
        np.zeros((1, site_count, dimension), np.int64),
        np.eye(dimension, dtype=np.int64)[None],
    )


def cluster_symmetry(
    positions: Float[ArrayLike, "site dim"],
    matrices: Float[ArrayLike, "operation 3 3"],
    center: Float[ArrayLike, " dim"] | None = None,
    *,
    species: Sequence | None = None,
    tolerance: float = 1e-5,
) -> Symmetry:
    """Return how the operations of a point group permute the sites of a finite cluster.

    Parameters
    ----------
    positions : array_like, shape (site, 2 or 3)
        In angstrom; planar clusters lie at z = 0.
    matrices : array_like, shape (op, 3, 3)
        Operations or generators, see `point_group`; they are completed to a group.
    center : array_like, shape (2 or 3,), optional
        Fixed point of all operations in angstrom; by default the mean of the positions.
    species : sequence, optional
        One label per site; operations map equal sites only.
    tolerance : float
        Largest distance in angstrom between a mapped site and a site.

    Raises
    ------
    InputError
        If an operation maps a site where no equal site is.

    Examples
    --------
    >>> import numpy as np
    >>> from msgreen.spinmodel.symmetry import point_group
    >>> corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
    >>> cluster_symmetry(corners, point_group("C3v")).permutations.tolist()[:3]
    [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
    """
    places = _in_space("positions", positions)
    _checks.distinct_sites("positions", places)
    _checks.positive_number("tolerance", tolerance, "angstrom")
    origin = places.mean(axis=0) if center is None else _in_space("center", [center])[0]
    group = generate_group(matrices)
    labels = _labels(species, len(places))
    tree = KDTree(places)
    permutations = []
    for matrix in group:
        distance, site = tree.query((places - origin) @ matrix.T + origin)
        _require_equal_sites("matrices", matrix, distance, labels, labels[site], tolerance)
        permutations.append(site)
    empty = np.zeros((len(group), len(places), 0), np.int64)
    return Symmetry(group, np.array(permutations), empty, np.zeros((len(group), 0, 0), np.int64))


def crystal_symmetry(
    lattice: Lattice,
    species: Sequence | None = None,
    *,
    magnetic: Sequence[int] | None = None,
    tolerance: float = 1e-5,
) -> Symmetry:
    """Return the space group of a crystal, modulo lattice translations, as found by spglib.

    Parameters
    ----------
    lattice : Lattice
        With one, two or three vectors in one to three dimensions; what is missing is filled up
        with empty space. Its basis are all atoms that the spins know of.
    species : sequence, optional
        One label per basis atom; by default all are equal.
    magnetic : sequence of int, optional
        Basis atoms that carry the spins, in the order of the sites of the spin model; by default
        all.
    tolerance : float
        Largest distance in angstrom between atoms that are equal by symmetry.

    Returns
    -------
    Symmetry
        Of the lattice with the magnetic atoms as basis.

    Raises
    ------
    InputError
        If spglib finds no symmetry, or an operation maps a magnetic site onto none.

    Notes
    -----
    A planar lattice is symmetric under reflection in its own plane. For a layer on a surface add
    the substrate to the basis, or take ``crystal_symmetry(lattice).that_keeps(polar=normal)``.
    About the axis of a chain only twofold and fourfold operations are found, those of the cell
    that spglib sees: a subgroup, for a straight chain and for a rod of triangles alike.
    """
    _checks.positive_number("tolerance", tolerance, "angstrom")
    labels = _labels(species, lattice.atoms)
    chosen = np.arange(lattice.atoms) if magnetic is None else np.asarray(magnetic, int)
    vectors, places = in_three_dimensions(lattice)
    fractions = places @ np.linalg.inv(vectors)
    _, numbers = np.unique(labels, return_inverse=True)
    turns, translations = _space_group(vectors, fractions, numbers, tolerance)
    cartesian = vectors.T @ turns @ np.linalg.inv(vectors.T)
    matrices = np.array([_nearest_orthogonal(matrix) for matrix in cartesian])
    sites, labels, dim = fractions[chosen], labels[chosen], lattice.dimension
    permutations, shifts = [], []
    for turn, translation, matrix in zip(turns, translations, matrices, strict=True):
        offset = (sites @ turn.T + translation)[:, None] - sites[None]
        cells = np.round(offset)
        distance = np.linalg.norm((offset - cells) @ vectors, axis=-1)
        site = distance.argmin(axis=1)
        every = np.arange(len(sites))
        _require_equal_sites(
            "magnetic", matrix, distance[every, site], labels, labels[site], tolerance
        )
        permutations.append(site)
        shifts.append(cells[every, site, :dim])
    cell_matrices = turns.swapaxes(1, 2)[:, :dim, :dim].astype(np.int64)
    return Symmetry(matrices, np.array(permutations), np.array(shifts, np.int64), cell_matrices)


def transform(
    directions: Float[ArrayLike, "... site 3"], symmetry: Symmetry, op: int
) -> Float[Array, "... site 3"]:
    """Return the configuration that a symmetry operation makes of another.

    The spin of site s, turned by det(R) R, appears at the site onto which s is mapped.

    Parameters
    ----------
    directions : real array, shape (..., site, 3) or (..., n_1, ..., n_dim, site, 3)
        For a lattice, all cells of a periodic box that the operation maps onto itself.
    symmetry : Symmetry
    op : int
        Number of the operation.

    Returns
    -------
    real array, of the shape of `directions`

    Raises
    ------
    InputError
        If the shape does not fit, or the operation does not keep the box.
    """
    _checks.numbers("directions", directions)
    _checks.whole_number("op", op, 0, len(symmetry.permutations) - 1)
    directions = jnp.asarray(directions, float)
    dim, site_count = symmetry.dimension, symmetry.site_count
    if directions.ndim < dim + 2 or directions.shape[-2:] != (site_count, 3):
        raise InputError(
            f"Argument `directions` must end in {dim} axes of cells and the shape "
            f"({site_count}, 3), but its shape is {directions.shape}. Give one vector per site."
        )
    box = directions.shape[directions.ndim - 2 - dim : -2]
    turn, size = symmetry.cell_matrices[op], np.array(box, int)
    if np.any(size[:, None] * turn % size):
        raise InputError(
            f"Argument `directions` must fill a box that {operation_name(symmetry.matrices[op])} "
            f"maps onto itself, but the box has {box} cells. Take equal numbers of cells."
        )
    cells = np.array(list(np.ndindex(*box)), int).reshape(-1 if dim else 1, dim)
    target = ((cells @ turn)[:, None] + symmetry.shifts[op]) % size
    strides = np.cumprod([1, *box[:0:-1]])[::-1][:dim]
    source = np.argsort((target @ strides * site_count + symmetry.permutations[op]).ravel())
    flat = directions.reshape(*directions.shape[: directions.ndim - 2 - dim], -1, 3)
    return _turned(flat, source, symmetry.rotations[op]).reshape(directions.shape)


@jax.jit
def _turned(flat: Array, source: Array | np.ndarray, rotation: Array | np.ndarray) -> Array:
    return flat[..., source, :] @ rotation.T


def _in_space(name: str, vectors) -> np.ndarray:
    """Vectors of two or three components as vectors of three."""
    _checks.finite(name, vectors)
    array = np.asarray(vectors, float)
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        raise InputError(
            f"Argument `{name}` must have 2 or 3 components, but its shape is {array.shape}. "
            "Give one row per site."
        )
    return np.pad(array, ((0, 0), (0, 3 - array.shape[1])))


def _labels(species: Sequence | None, count: int) -> np.ndarray:
    labels = np.zeros(count, int) if species is None else np.array(list(species))
    if labels.shape != (count,):
        raise InputError(
            f"Argument `species` must hold one label for each of the {count} sites, but its shape "
            f"is {labels.shape}. Equal labels are equal atoms."
        )
    return labels


def _require_equal_sites(name: str, matrix, distance, labels, reached, tolerance: float) -> None:
    """Raise InputError unless all sites are mapped onto sites of the same species."""
    wrong = np.nonzero((distance > tolerance) | (labels != reached))[0]
    if not len(wrong):
        return
    site = wrong[np.argmax(distance[wrong])]
    missing = distance[site] > tolerance
    there = f"the site there is {str(reached[site])!r}, not {str(labels[site])!r}"
    away = f"the nearest site is {distance[site]:.2g} angstrom away"
    remedy = {
        "matrices": "Check the axes of the group, its center and the positions.",
        "magnetic": "Name all equivalent atoms, or give the others another species.",
    }
    raise InputError(
        f"Argument `{name}` must fit the symmetry, but {operation_name(matrix)} fails for site "
        f"{site}: {away if missing else there}. {remedy[name]}"
    )


def in_three_dimensions(lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Return three lattice vectors, and positions centred in the empty directions.

    The added vectors are orthogonal to the others and longer than the crystal's own, so that no
    operation mixes them, and follow the principal axes of the atoms; these lie about the origin,
    which mirrors then keep.
    """
    dim, space = lattice.vectors.shape
    vectors = np.pad(lattice.vectors, ((0, 0), (0, 3 - space)))
    places = np.pad(lattice.basis, ((0, 0), (0, 3 - space)))
    empty = np.linalg.svd(vectors)[2][dim:]
    across = (places - places.mean(axis=0)) @ empty.T
    empty = np.linalg.svd(across)[2] @ empty
    along = places @ empty.T
    middle = (along.max(axis=0) + along.min(axis=0)) / 2
    extent = np.linalg.norm(along - middle, axis=1).max()
    length = 3 * np.linalg.norm(vectors, axis=1).sum() + 4 * extent
    return np.concatenate([vectors, length * empty]), places - middle @ empty


def _space_group(vectors, fractions, numbers, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Rotations and translations of column fractions, the identity first."""
    with warnings.catch_warnings():
        # spglib 2.7 and 2.8 announce their new error handling at every call.
        warnings.simplefilter("ignore", DeprecationWarning)
        found = spglib.get_symmetry((vectors, fractions, numbers), symprec=tolerance)
    if not found:
        raise InputError(
            "Argument `lattice` must be a crystal whose symmetry spglib finds, but it finds none. "
            "Change the tolerance."
        )
    turns, translations = found["rotations"], found["translations"]
    moved = np.abs(turns - np.eye(3, dtype=int)).sum(axis=(1, 2))
    away = np.linalg.norm(translations - np.round(translations), axis=1)
    order = np.argsort(np.where(away > 1e-9, 1, 0) + moved, kind="stable")
    return turns[order], translations[order]


def _nearest_orthogonal(matrix: np.ndarray) -> np.ndarray:
    left, _, right = np.linalg.svd(matrix)
    nearest = left @ right
    return np.where(np.abs(nearest) < 1e-14, 0.0, nearest)
