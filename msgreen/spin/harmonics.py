"""Real spherical harmonics, and how orbitals and spins transform under point operations.

The harmonics are orthonormal, in the order l = 0, 1, ..., m = -l, ..., l without the sign of Condon
and Shortley: s | y z x | xy yz z2 xz x2-y2 | ...
"""

from itertools import permutations, product
from math import factorial, pi, sqrt
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial.transform import Rotation

from msgreen._typing import Array, ArrayLike, Complex, Float
from msgreen.errors import InputError
from msgreen.spin.algebra import PAULI


def harmonic_count(degree: int) -> int:
    """Return the number (degree + 1)^2 of harmonics up to a degree."""
    return (degree + 1) ** 2


def solid_harmonics(
    vectors: Float[ArrayLike, "*batch 3"], degree: int
) -> Float[Array | np.ndarray, "*batch harmonic"]:
    """Return r^l Y_lm(r/|r|) up to l = `degree`: homogeneous polynomials in x, y, z.

    Parameters
    ----------
    vectors : real array, shape (..., 3)
        On unit vectors these are the spherical harmonics. Elsewhere they continue them to a
        smooth function, so that derivatives with respect to a free vector exist.
    degree : int
        Largest l.

    Returns
    -------
    real array, shape (..., (degree + 1)^2)
        Of numpy if `vectors` is, otherwise of JAX.

    Notes
    -----
    r^l Y_lm = N_lm Q_lm(z, r^2) Re or Im (x + i y)^|m|, with the recursion
    (l - m) Q_lm = (2 l - 1) z Q_(l-1)m - (l + m - 1) r^2 Q_(l-2)m.
    """
    if isinstance(vectors, Array):
        return _harmonics(vectors.astype(float), degree, jnp)
    return _polynomials(np.asarray(vectors, float), degree, np)


def _polynomials(array: Any, degree: int, xp: Any):
    x, y, z = xp.moveaxis(array, -1, 0)
    square = xp.sum(array * array, axis=-1)
    real, imaginary = xp.ones_like(x), xp.zeros_like(x)
    found = {}
    for m in range(degree + 1):
        below, here = xp.zeros_like(x), xp.ones_like(x) * _double_factorial(2 * m - 1)
        for order in range(m, degree + 1):
            norm = sqrt((2 * order + 1) / (4 * pi) * factorial(order - m) / factorial(order + m))
            norm *= sqrt(2) if m else 1
            found[order, m] = norm * here * real
            if m:
                found[order, -m] = norm * here * imaginary
            above = (2 * order + 1) * z * here - (order + m) * square * below
            below, here = here, above / (order + 1 - m)
        real, imaginary = x * real - y * imaginary, y * real + x * imaginary
    return xp.stack([found[key] for key in sorted(found)], axis=-1)


_harmonics = jax.jit(_polynomials, static_argnums=(1, 2))


def orbital_representation(
    operation: Float[ArrayLike, "3 3"], degree: int
) -> Float[np.ndarray, "orb orb"]:
    """Return the matrix of f(r) -> f(O^-1 r) on the harmonics up to l = `degree`.

    Parameters
    ----------
    operation : real array, shape (3, 3)
        Rotation, reflection or inversion O.
    degree : int

    Returns
    -------
    real array, shape ((degree + 1)^2, (degree + 1)^2)
        Orthogonal and block diagonal in l; a matrix t of the orbitals becomes D t D^T.

    Raises
    ------
    InputError
        If the operation is not orthogonal.
    """
    matrix = _orthogonal(operation)
    points = np.random.default_rng(1).normal(size=(4 * harmonic_count(degree), 3))
    points /= np.linalg.norm(points, axis=1)[:, None]
    basis = solid_harmonics(points, degree)
    moved = solid_harmonics(points @ matrix, degree)
    return np.linalg.lstsq(basis, moved, rcond=None)[0]


def spin_representation(operation: Float[ArrayLike, "3 3"]) -> Complex[np.ndarray, "2 2"]:
    """Return the matrix of a point operation on spinors (up, down): spin is an axial vector."""
    matrix = _orthogonal(operation)
    x, y, z, w = Rotation.from_matrix(np.linalg.det(matrix) * matrix).as_quat()
    return np.einsum("p,pst->st", np.array([w, -1j * x, -1j * y, -1j * z]), PAULI)


def spinor_representation(
    operation: Float[ArrayLike, "3 3"], degree: int
) -> Complex[np.ndarray, "spinorb spinorb"]:
    """Return the unitary matrix of a point operation on spinors of orbitals, spin slow.

    A moment along e turns into one along `axial_image` of e.
    """
    return np.kron(spin_representation(operation), orbital_representation(operation, degree))


def axial_image(
    operation: Float[ArrayLike, "3 3"], vectors: Float[ArrayLike, "*batch 3"]
) -> Float[np.ndarray, "*batch 3"]:
    """Return det(O) O e, the image of an axial vector such as a magnetic moment."""
    matrix = _orthogonal(operation)
    return np.linalg.det(matrix) * np.asarray(vectors, float) @ matrix.T


def crystal_operations() -> list[np.ndarray]:
    """Return the point operations of a cubic and of a hexagonal lattice with axes along x, y, z.

    48 of the cube and 24 of the hexagonal prism about z, 64 different ones; the identity is first.
    """
    signs = [np.diag(s) for s in product((1.0, -1.0), repeat=3)]
    cubic = [sign @ np.eye(3)[list(order)] for order in permutations(range(3)) for sign in signs]
    sixth = Rotation.from_rotvec([0, 0, np.pi / 3]).as_matrix()
    turns = [np.linalg.matrix_power(sixth, n) for n in range(6)]
    hexagonal = [turn @ sign for turn in turns for sign in signs]
    different: list[np.ndarray] = []
    for operation in [*cubic, *hexagonal]:
        if not any(np.allclose(operation, other) for other in different):
            different.append(operation)
    return different


def time_reversed(matrix: Complex[Array | np.ndarray, "*batch spinorb spinorb"]) -> Any:
    """Return sigma_y M^T sigma_y: a Green function or t-matrix with all moments reversed.

    Reversal of time conjugates; together with M(z*) = M(z)^+ it is a transposition at fixed z.
    """
    flip: Any = np.kron(PAULI[2], np.eye(matrix.shape[-1] // 2))
    return flip @ matrix.swapaxes(-1, -2) @ flip


def _orthogonal(operation) -> np.ndarray:
    matrix = np.asarray(operation, float)
    if matrix.shape != (3, 3) or np.abs(matrix @ matrix.T - np.eye(3)).max() > 1e-10:
        raise InputError(
            "Argument `operation` must be an orthogonal matrix of shape (3, 3), but it is "
            f"{matrix.tolist()}. Give rotations and reflections in Cartesian coordinates."
        )
    return matrix


def _double_factorial(n: int) -> int:
    return n * _double_factorial(n - 2) if n > 1 else 1
