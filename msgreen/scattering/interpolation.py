"""t-matrices between the directions of the moments in which they were computed, and how well.

With spin-orbit coupling t(e) is a sum of solid harmonics up to a degree; reversal of time and the
point operations that the t-matrices obey multiply the data.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy.spatial.transform import Rotation

from msgreen import _checks
from msgreen._typing import ArrayLike, Complex, Energies, Float, Vectors
from msgreen.errors import InputError
from msgreen.scattering.tmatrix import TMatrix, linear_tmatrix
from msgreen.spin.algebra import SIGMA
from msgreen.spin.harmonics import (
    axial_image,
    crystal_operations,
    harmonic_count,
    orbital_representation,
    solid_harmonics,
    spinor_representation,
    time_reversed,
)

_LARGEST_DEGREE = 3
"""Unless asked for more: in iron degree 3 errs by 0.02 %, degree 2 by 0.17 % (docs/kkr.md)."""

_RANK = 1e-5
"""Relative singular value below which the directions given do not determine all harmonics."""


class Interpolation(NamedTuple):
    """Interpolated t-matrices and how well they predict directions that were left out.

    Attributes
    ----------
    tmatrix : TMatrix
    error : real array, shape (direction, site)
        For every direction e: |t(e) predicted by the others - t(e)| / |t(e) - t(-e)|, matrix norms
        over all energies. Where the others determine fewer harmonics, with fewer: then it bounds
        the error from above.
    operations : tuple of real arrays, shape (3, 3)
        The point operations that were used.
    other : TMatrix
        A fit to the same data with other harmonics, see `other_tmatrices`: up to the next lower
        degree, or for degree 1 the shortest one of degree 2.
    """

    tmatrix: TMatrix
    error: np.ndarray
    operations: tuple[np.ndarray, ...]
    other: TMatrix


def interpolated_tmatrix(
    energies: Energies,
    directions: Float[ArrayLike, "direction 3"],
    t: Complex[ArrayLike, "direction energy site spinorb spinorb"],
    reference: Vectors,
    *,
    degree: int | None = None,
    operations: Sequence[np.ndarray] | None = None,
) -> Interpolation:
    """Interpolate t-matrices between moment directions, with spin-orbit coupling.

    Parameters
    ----------
    energies : complex array, shape (energy,)
        In eV.
    directions : real array, shape (direction, 3)
        Unit vectors along which the moments were put, the same for all sites.
    t : complex array, shape (direction, energy, site, 2 orb, 2 orb)
        In angstrom, global spin frame.
    reference : real array, shape (site, 3)
        Unit vectors of the moments that the host contains.
    degree : int, optional
        Largest degree of the harmonics; by default the largest up to 3 that the directions
        determine. t(e) has degree 2 to first order in spin-orbit coupling, 3 to second order.
    operations : sequence of real arrays, shape (3, 3), optional
        Point operations of the surroundings of every site, about that site. They multiply the
        data: t of the rotated moment is the rotated t. By default those that the t-matrices
        themselves obey (`site_operations`).

    Returns
    -------
    Interpolation

    Raises
    ------
    InputError
        If the directions, with their images under time reversal and the operations, do not
        determine the harmonics.

    Notes
    -----
    Least squares over all directions and their images. Reversal of time,
    t(-e) = sigma_y t(e)^T sigma_y, is always used.
    """
    _checks.unit_vectors("directions", directions)
    points, t = np.asarray(directions, float), np.asarray(t, complex)
    if t.ndim != 5 or t.shape[:2] != (len(points), len(np.asarray(energies))):
        raise InputError(
            "Argument `t` must have shape (direction, energy, site, n, n) with "
            f"{len(points)} directions and {len(np.asarray(energies))} energies, but its shape is "
            f"{t.shape}."
        )
    if operations is None:
        operations = site_operations(points, t)
    operations = [np.eye(3), *(o for o in operations if not np.allclose(o, np.eye(3)))]
    largest = _determined_degree(points, operations, _LARGEST_DEGREE if degree is None else degree)
    if degree is not None and largest < degree:
        raise InputError(
            f"Argument `directions` must determine the {harmonic_count(degree)} harmonics up to "
            f"degree {degree}, but with their images they determine those up to {largest} only. "
            "Add directions, or lower `degree`."
        )
    if largest < 1:
        raise InputError(
            f"Argument `directions` must determine how t turns with the moment, but the "
            f"{len(points)} given do not, even with their images. Add directions."
        )
    first, site = np.unique(_first_equal(t), return_inverse=True)
    images = _images(t[:, :, first], operations)
    error = [_miss(points, images, n, operations, largest) for n in range(len(points))]
    fits = []
    for degree in (largest, 2 if largest == 1 else largest - 1):
        fitted = _fitted(points, images, range(len(points)), operations, degree)
        fits.append(TMatrix(energies, fitted[:, site], reference))
    return Interpolation(fits[0], np.array(error)[:, site], tuple(operations), fits[1])


def other_tmatrices(found: Interpolation, reference: Vectors) -> tuple[TMatrix, ...]:
    """Return t-matrices that the same data allow: what differs between them is not known.

    Parameters
    ----------
    found : Interpolation
    reference : real array, shape (site, 3)
        Unit vectors of the moments about which t is wanted.

    Returns
    -------
    tuple of TMatrix
        `Interpolation.other`. For degree 1, which knows no interplay of spin-orbit coupling and
        direction, also two whose derivative is a rotation, of the spin alone and of spin and
        orbitals: exact without spin-orbit coupling, and without a crystal field.
    """
    other = found.other.about(jnp.asarray(reference, float))
    if found.tmatrix.degree > 1:
        return (other,)
    return other, _turned(other, orbitals=False), _turned(other, orbitals=True)


def _turned(tmatrix: TMatrix, *, orbitals: bool) -> TMatrix:
    """Return t about its reference as if a moment turned with its spin, or with its orbitals."""
    t, e0 = np.asarray(tmatrix.at(tmatrix.reference)), np.asarray(tmatrix.reference)
    degree = _orbital_degree(t)
    unit = np.eye((degree + 1) ** 2)
    rotations = -0.5j * np.asarray([np.kron(sigma, unit) for sigma in np.asarray(SIGMA)])
    if orbitals:
        slopes = [_orbital_slope(axis, degree) for axis in np.eye(3)]
        rotations = rotations + np.asarray([np.kron(np.eye(2), slope) for slope in slopes])
    # The axis e0 x k turns e0 towards k.
    axes = np.cross(e0[:, None, :], np.eye(3)[None])
    turn = np.einsum("ika,ast->ikst", axes, rotations)
    t = t[:, :, None]
    odd = (t - time_reversed(t)) / 2
    slope = turn @ t - t @ turn + e0[:, :, None, None] * odd
    return linear_tmatrix(tmatrix.energies, slope, tmatrix.reference)


def _orbital_slope(axis, degree: int) -> np.ndarray:
    """Return the derivative of the representation of rotations about an axis."""
    step = 1e-4
    turns = [Rotation.from_rotvec(sign * step * axis).as_matrix() for sign in (1, -1)]
    forward, back = (orbital_representation(turn, degree) for turn in turns)
    return (forward - back) / (2 * step)


def site_operations(
    directions: Float[ArrayLike, "direction 3"],
    t: Complex[ArrayLike, "direction energy site spinorb spinorb"],
    *,
    tolerance: float = 1e-6,
) -> list[np.ndarray]:
    """Return the point operations that the t-matrices of all sites obey, from the data alone.

    An operation of a cubic or hexagonal lattice is kept if it takes at least one of the
    directions, up to its sign, to one of them, and t always follows to `tolerance` of its size.
    Three of the energies are looked at.
    """
    points, t = np.asarray(directions, float), np.asarray(t, complex)
    degree = _orbital_degree(t)
    samples = t[:, :: max(1, t.shape[1] // 3), np.unique(_first_equal(t))]
    reversed_samples = time_reversed(samples)
    scale = np.abs(samples).max()
    kept = []
    for operation in crystal_operations():
        turn = spinor_representation(operation, degree)
        overlap = axial_image(operation, points) @ points.T
        pairs = np.argwhere(np.abs(np.abs(overlap) - 1) < 1e-9)
        if not len(pairs):
            continue
        here, there = pairs.T
        same = (overlap[here, there] > 0)[:, None, None, None, None]
        moved = turn @ samples[here] @ turn.conj().T
        expected = np.where(same, samples[there], reversed_samples[there])
        if np.abs(moved - expected).max() < tolerance * scale:
            kept.append(operation)
    return kept


def _first_equal(t) -> list[int]:
    """For every site the first one with the same t-matrices."""
    count = t.shape[2]
    return [
        next(j for j in range(count) if np.array_equal(t[:, :, i], t[:, :, j]))
        for i in range(count)
    ]


def _images(
    t, operations
) -> Complex[np.ndarray, "direction operation sense energy site size size"]:
    """T under all operations, and that reversed in time."""
    turns = [spinor_representation(o, _orbital_degree(t)) for o in operations]
    turns = np.stack(turns)[:, None, None]
    moved = turns @ t[:, None] @ turns.conj().swapaxes(-1, -2)
    return np.stack([moved, time_reversed(moved)], axis=2)


def _design(points, kept, operations, degree):
    """Harmonics of directions and all their images, shape (direction operation sense, harmonic)."""
    moved = np.stack([axial_image(o, points[list(kept)]) for o in operations], axis=1)
    both = np.stack([moved, -moved], axis=2)
    return solid_harmonics(both.reshape(-1, 3), degree)


def _determined_degree(points, operations, largest, kept=None) -> int:
    """Return the largest degree up to `largest` whose harmonics the directions determine."""
    kept = range(len(points)) if kept is None else kept
    for degree in range(largest, -1, -1):
        singular = np.linalg.svd(_design(points, kept, operations, degree), compute_uv=False)
        if len(singular) == harmonic_count(degree) and singular[-1] > _RANK * singular[0]:
            return degree
    return -1


def _fitted(points, images, kept, operations, degree):
    """Coefficients by least squares, shape (energy, site, harmonic, n, n)."""
    weights = np.linalg.pinv(_design(points, kept, operations, degree), rcond=_RANK)
    data = images[np.array(kept)].reshape(weights.shape[1], -1)
    fitted = weights @ data
    return np.moveaxis(fitted.reshape(-1, *images.shape[3:]), 0, 2)


def _miss(points, images, left_out, operations, largest) -> np.ndarray:
    """Relative error per site of one direction as the others predict it."""
    kept = [n for n in range(len(points)) if n != left_out]
    degree = _determined_degree(points, operations, largest, kept) if kept else -1
    if degree < 0:
        return np.full(images.shape[4], np.nan)
    harmonics = solid_harmonics(points[left_out], degree)
    fitted = _fitted(points, images, kept, operations, degree)
    # The identity is the first operation.
    t, reversed_t = images[left_out, 0]
    miss = np.einsum("n,einst->eist", harmonics, fitted) - t
    return _norm(miss) / _norm(t - reversed_t)


def _norm(matrices):
    return np.sqrt(np.sum(np.abs(matrices) ** 2, axis=(0, 2, 3)))


def _orbital_degree(t) -> int:
    return round(np.sqrt(t.shape[-1] // 2)) - 1
