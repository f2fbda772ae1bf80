"""Orbitals with overlap: the square root of S, and whether S is one.

With S(k) between the orbitals of different atoms the resolvent is (z S - H)^-1. What belongs to an
atom is only clear between orthogonal orbitals; Löwdin's, S^(-1/2) times the given ones, are those
nearest to them, and keep every symmetry.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg

from msgreen._typing import Array, ArrayLike, Complex, Num
from msgreen.errors import InputError
from msgreen.lattice.bloch import at_mesh, from_mesh
from msgreen.lattice.magnetic import boxed, check_hermitian, known_matrices

MESHES = (9, 17, 25)
"""Points per direction on which the square root is taken, until its border is below `CUT`.

SIESTA's double-zeta iron, with eigenvalues of S down to 1.2e-4, has 7e-4 at the border of the
first, 4 cells away, 9e-7 at that of the second and 5e-8 at that of the third.
"""

CUT = 1e-6
"""Elements of the square root below which a cell is left out.

Sums over atoms do not feel it, as any W will do for them; of single atoms it is a part in 1e6.
"""

SMALLEST = 1e-6
"""Smallest eigenvalue of an overlap that is taken; iron has 1.2e-4.

Below, the orbitals are as good as linearly dependent, and the cut is no longer small beside W.
"""


def overlap_box(
    overlap: Complex[ArrayLike, "cell orb orb"], cells: np.ndarray, size: int
) -> Complex[np.ndarray, "n1 n2 n3 orb orb"]:
    """Return S(R) of `size` orbitals on a box of cells -L...L.

    Parameters
    ----------
    overlap : complex array, shape (cell, orb, orb)
    cells : int array, shape (cell, 3)
    size : int

    Raises
    ------
    InputError
        If the shape is another, S(R) is not the adjoint of S(-R), or S(k) not positive definite.
    """
    overlap = known_matrices("overlap", overlap)
    if overlap.shape != (len(cells), size, size):
        raise InputError(
            f"Argument `overlap` must have shape {(len(cells), size, size)}, the cells of "
            f"`matrices` and one row per orbital, but its shape is {overlap.shape}."
        )
    check_hermitian("overlap", overlap[None], cells)
    box = boxed(cells, overlap)
    check_positive(box, _mesh(box, MESHES[0]))
    return box


def _mesh(box, count: int) -> list[int]:
    """Return at least `count` points per direction that tell the cells of a box apart."""
    return [max(width, count) if width > 1 else 1 for width in box.shape[:3]]


def check_positive(
    overlap: Complex[Array | np.ndarray, "n1 n2 n3 orb orb"], mesh: Sequence[int]
) -> None:
    """Raise InputError unless S(k) is positive definite on a mesh.

    Parameters
    ----------
    overlap : complex array, shape (2 L1 + 1, 2 L2 + 1, 2 L3 + 1, orb, orb)
        S(R).
    mesh : sequence of 3 int
    """
    lowest = np.linalg.eigvalsh(at_mesh(np.asarray(overlap), mesh))[..., 0]
    if lowest.min() < SMALLEST:
        at = np.argwhere(lowest == lowest.min())[0]
        k = ", ".join(f"{n}/{count}" for n, count in zip(at, mesh, strict=True))
        raise InputError(
            f"Argument `overlap` must be positive definite, its eigenvalues at least {SMALLEST:g}, "
            f"but at k = ({k}) it has {lowest.min():.3g}. Take H and S from the same file, and a "
            "basis without linear dependences."
        )


@jax.jit
def with_overlap(
    z: complex | Num[Array, ""],
    blocks: Complex[Array, "n1 n2 n3 size size"],
    overlap: Complex[Array | np.ndarray, "n1 n2 n3 size size"],
) -> Complex[Array, "n1 n2 n3 size size"]:
    """Return H - z (S - 1), whose resolvent at z is (z S - H)^-1, from boxes of the same cells."""
    home = tuple(width // 2 for width in overlap.shape[:3])
    unit = jnp.eye(overlap.shape[-1], dtype=complex)
    return jnp.asarray(blocks - z * overlap).at[home].add(z * unit)


def square_root(
    overlap: Complex[ArrayLike, "n1 n2 n3 orb orb"], mesh: Sequence[int]
) -> Complex[Array, "m1 m2 m3 orb orb"]:
    """Return W(R) with W(k)^2 = S(k) on a mesh, Hermitian and positive definite.

    Parameters
    ----------
    overlap : complex array, shape (2 L1 + 1, 2 L2 + 1, 2 L3 + 1, orb, orb)
        S(R).
    mesh : sequence of 3 int
        Odd numbers.

    Returns
    -------
    complex array, shape (*mesh, orb, orb)
        On the cells that the mesh tells apart, with a first derivative in either mode.
    """
    root = from_mesh(_root(at_mesh(jnp.asarray(overlap, complex), mesh)))
    return (root + jnp.conj(root[::-1, ::-1, ::-1]).swapaxes(-1, -2)) / 2


@jax.custom_jvp
def _root(matrices):
    """Return W = S^(1/2); from W dW + dW W = dS its derivative divides by w_i + w_j > 0."""
    values, vectors = linalg.eigh(matrices)
    return _turned(vectors, jnp.sqrt(values)[..., None, :] * jnp.eye(values.shape[-1]))


@_root.defjvp
def _root_jvp(primals, tangents):
    values, vectors = linalg.eigh(primals[0])
    root = jnp.sqrt(values)
    inner = jnp.conj(vectors).swapaxes(-1, -2) @ tangents[0] @ vectors
    slope = inner / (root[..., :, None] + root[..., None, :]).astype(complex)
    diagonal = root[..., None, :] * jnp.eye(values.shape[-1])
    return _turned(vectors, diagonal), _turned(vectors, slope)


def _turned(vectors, matrices):
    return vectors @ matrices.astype(complex) @ jnp.conj(vectors).swapaxes(-1, -2)


def loewdin(
    overlap: Complex[Array | np.ndarray, "n1 n2 n3 orb orb"],
) -> Complex[Array, "m1 m2 m3 orb orb"]:
    """Return the square root of an overlap on the cells where it is above `CUT`.

    Parameters
    ----------
    overlap : complex array, shape (2 L1 + 1, 2 L2 + 1, 2 L3 + 1, orb, orb)
        S(R).

    Raises
    ------
    InputError
        If S(k) is not positive definite.

    References
    ----------
    Löwdin, J. Chem. Phys. 18, 365 (1950).
    """
    root, reach = jnp.asarray(overlap), np.zeros(3, int)
    for count in MESHES:
        mesh = _mesh(overlap, count)
        check_positive(overlap, mesh)
        root = square_root(overlap, mesh)
        border = np.array(mesh) // 2
        above = np.abs(np.asarray(root)).max(axis=(-1, -2)) > CUT
        reach = np.abs(np.argwhere(above) - border).max(axis=0)
        if np.all((reach < border) | (border == 0)):
            break
    middle = np.array(root.shape[:3]) // 2
    a, b, c = (slice(m - r, m + r + 1) for m, r in zip(middle, reach, strict=True))
    return root[a, b, c]


def between_loewdin(
    field: Complex[ArrayLike, "n1 n2 n3 orb orb"],
    frame: Complex[ArrayLike, "m1 m2 m3 orb orb"] | None,
) -> np.ndarray:
    """Return W^-1 b W^-1 on a mesh of k that tells the cells of b and W apart.

    Parameters
    ----------
    field : complex array, shape (2 L1 + 1, 2 L2 + 1, 2 L3 + 1, orb, orb)
        b(R).
    frame : complex array, shape of `field` with other L, or None
        W(R); without it W = 1.

    Returns
    -------
    complex array, shape (k1, k2, k3, orb, orb)
    """
    boxes = [np.asarray(box) for box in (field, frame) if box is not None]
    mesh = np.max([box.shape[:3] for box in boxes], axis=0).tolist()
    values, *roots = (at_mesh(box, mesh) for box in boxes)
    for inverse in map(np.linalg.inv, roots):
        values = inverse @ values @ inverse
    return values
