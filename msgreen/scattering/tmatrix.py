"""Scatterers of the KKR method: the single-site t-matrix as a function of the moment's direction.

The potential of a rotated moment, seen from a host that already contains the moments along e0, is

    V_i = t_i(e_i) - t_i(e0_i),        t_i(e) = sum_n R_n(e) c_in

with real solid harmonics R_n of the direction. Without spin-orbit coupling two degrees suffice and
are exact, t(e) = t_0 + Delta e.sigma; with it, t(e) is interpolated between computed directions.
"""

from collections.abc import Sequence
from math import pi, sqrt
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Float
from msgreen.errors import InputError
from msgreen.scattering.contact import AbstractRigidScatterer, AbstractScatterer
from msgreen.spin.algebra import SIGMA, spin_matrix
from msgreen.spin.harmonics import (
    axial_image,
    crystal_operations,
    harmonic_count,
    solid_harmonics,
    spinor_representation,
    time_reversed,
)

_CARTESIAN = np.array([2, 0, 1])  # x, y, z among the harmonics y, z, x of degree 1
_UNIT = sqrt(3 / (4 * pi))  # Y_1m = _UNIT * x, y, z on unit vectors

_LARGEST_DEGREE = 3
"""Unless asked for more: in iron degree 3 errs by 0.02 %, degree 2 by 0.17 % (docs/kkr.md)."""

_RANK = 1e-5
"""Relative singular value below which the directions given do not determine all harmonics."""


class SpinSplitting(AbstractRigidScatterer):
    """Spin-rotation invariant t-matrices, V_i = Delta_i (dS_i . sigma), Delta = (t_up - t_down)/2.

    The vectors that it takes are *deviations* dS = e - e0 from the host's reference state, which
    need not be unit vectors. Expansions about dS = 0 are those of paper L on a real material.

    Parameters
    ----------
    energies : complex array, shape (energy,)
        In eV.
    splitting : complex array, shape (energy, site, orb, orb)
        Delta in angstrom.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 6-8.
    """

    energies: Complex[Array, " energy"]
    splitting: Complex[Array, "energy site orb orb"]

    def strength(self, z, count):
        """Return Delta_i at the energies of the t-matrices."""
        _check_request(z, count, self.energies, self.splitting.shape[1])
        return self.splitting


class TMatrix(AbstractScatterer):
    """t-matrices t_i(e) = sum_n R_n(e) c_in about a reference direction.

    Build it with `collinear_tmatrix`, `linear_tmatrix` or `interpolated_tmatrix`.

    Attributes
    ----------
    energies : complex array, shape (energy,)
        In eV.
    coefficients : complex array, shape (energy, site, harmonic, 2 orb, 2 orb)
        c_in in angstrom; the harmonics are those of `msgreen.spin.harmonics.solid_harmonics`.
    reference : real array, shape (site, 3)
        e0, the moments that the host contains.

    Notes
    -----
    Directions may be any vectors: the polynomials R_n continue t(e) off the sphere.
    """

    energies: Complex[Array, " energy"]
    coefficients: Complex[Array, "energy site harmonic spinorb spinorb"]
    reference: Float[Array, "site 3"]

    def __init__(self, energies, coefficients, reference):
        require_x64("TMatrix")
        _checks.unit_vectors("reference", reference)
        self.energies = jnp.asarray(energies, complex)
        self.coefficients = jnp.asarray(coefficients, complex)
        self.reference = jnp.asarray(reference, float)
        shape = self.coefficients.shape
        expected = (len(self.energies), len(self.reference))
        if len(shape) != 5 or shape[:2] != expected or round(np.sqrt(shape[2])) ** 2 != shape[2]:
            raise InputError(
                f"Argument `coefficients` must have shape {expected} + ((degree + 1)^2, n, n), "
                f"but its shape is {shape}."
            )

    @property
    def degree(self) -> int:
        """Largest degree of the harmonics."""
        return round(np.sqrt(self.coefficients.shape[2])) - 1

    def at(
        self, directions: Float[Array, "site 3"]
    ) -> Complex[Array, "energy site spinorb spinorb"]:
        """Return t_i(e_i) in angstrom."""
        return self._combine(solid_harmonics(directions, self.degree))

    def potential(self, z, directions):
        """Return t_i(e_i) - t_i(e0_i); see `AbstractScatterer.potential`."""
        _check_request(z, directions.shape[0], self.energies, len(self.reference))
        here = solid_harmonics(directions, self.degree)
        return self._combine(here - solid_harmonics(self.reference, self.degree))

    def vertex(self, z, count):
        """Return dt_i/de_i at the reference; see `AbstractScatterer.vertex`."""
        _check_request(z, count, self.energies, len(self.reference))
        slope = jax.vmap(jax.jacfwd(lambda e: solid_harmonics(e, self.degree)))(self.reference)
        return jnp.einsum("ink,einst->eikst", slope.astype(complex), self.coefficients)

    def about(self, directions: Float[Array, "site 3"]) -> "TMatrix":
        """Return the same t-matrices about other moments, for a host that contains those."""
        return TMatrix(self.energies, self.coefficients, directions)

    def spin_splitting(self) -> SpinSplitting:
        """Return the part Delta e.sigma of t(e): all of its dependence on e without spin-orbit."""
        return SpinSplitting(self.energies, self._splitting())

    def spin_splitting_residual(self) -> Float[Array, " site"]:
        """Return how far dt/de at the reference is from Delta sigma, per site and relative.

        Only derivatives across the moment count. Zero without spin-orbit coupling.
        """
        exact = self.vertex(self.energies, len(self.reference))
        across = jnp.eye(3) - self.reference[:, :, None] * self.reference[:, None, :]
        rigid = SpinSplitting(self.energies, self._splitting())
        rest = exact - rigid.vertex(self.energies, len(self.reference))

        def size(vertex):
            tangential = jnp.einsum("ikl,eilst->eikst", across.astype(complex), vertex)
            return jnp.sqrt(jnp.sum(jnp.abs(tangential) ** 2, axis=(0, 2, 3, 4)))

        return size(rest) / size(exact)

    def _combine(self, harmonics) -> Complex[Array, "energy site spinorb spinorb"]:
        return jnp.einsum("in,einst->eist", harmonics.astype(complex), self.coefficients)

    def _splitting(self):
        """Delta = 1/6 sum_a Tr_s sigma_a dt/de_a of the harmonics of degree one."""
        slope = _UNIT * self.coefficients[:, :, 1 + _CARTESIAN]
        size = slope.shape[-1]
        blocks = slope.reshape(*slope.shape[:-2], 2, size // 2, 2, size // 2)
        return jnp.einsum("kst,eiktasb->eiab", SIGMA, blocks) / 6


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
    """

    tmatrix: TMatrix
    error: np.ndarray
    operations: tuple[np.ndarray, ...]


def collinear_tmatrix(energies, up, down, reference) -> TMatrix:
    """Return t(e) = (t_up + t_down)/2 + (t_up - t_down)/2 e.sigma: exact without spin-orbit.

    Parameters
    ----------
    energies : complex array, shape (energy,)
        In eV.
    up, down : complex array, shape (energy, site, orb, orb)
        t-matrices of the two spins in angstrom, up along the moment.
    reference : real array, shape (site, 3)
        Unit vectors along the moments.
    """
    up, down = jnp.asarray(up, complex), jnp.asarray(down, complex)
    mean = jnp.kron(jnp.eye(2, dtype=complex), (up + down) / 2)
    splitting = (up - down) / 2
    slope = [spin_matrix(splitting, jnp.eye(3)[k]) for k in np.argsort(_CARTESIAN)]
    parts = [mean * sqrt(4 * pi), *(s / _UNIT for s in slope)]
    return TMatrix(energies, jnp.stack(parts, axis=2), reference)


def linear_tmatrix(energies, derivative, reference) -> TMatrix:
    """Return t(e) - t(e0) = dt/de (e - e0) from a supplied derivative; right to first order.

    Parameters
    ----------
    energies : complex array, shape (energy,)
        In eV.
    derivative : complex array, shape (energy, site, 3, 2 orb, 2 orb)
        dt/de at the reference in angstrom, Cartesian components; that along the moment may be zero.
    reference : real array, shape (site, 3)
        Unit vectors along the moments.

    Notes
    -----
    It serves everything that needs the first derivative only: pairs and loops of different sites.
    """
    slope = jnp.asarray(derivative, complex)[:, :, np.argsort(_CARTESIAN)] / _UNIT
    return TMatrix(energies, jnp.pad(slope, ((0, 0), (0, 0), (1, 0), (0, 0), (0, 0))), reference)


def interpolated_tmatrix(
    energies: Complex[ArrayLike, " energy"],
    directions: Float[ArrayLike, "direction 3"],
    t: Complex[ArrayLike, "direction energy site spinorb spinorb"],
    reference: Float[ArrayLike, "site 3"],
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
    fitted = _fitted(points, images, range(len(points)), operations, largest)
    return Interpolation(
        TMatrix(energies, fitted[:, site], reference), np.array(error)[:, site], tuple(operations)
    )


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


def _images(t, operations) -> Complex[np.ndarray, "direction operation sense energy site n n"]:
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


def _check_request(z, count, energies, sites) -> None:
    """Refuse energies and site numbers other than those of the t-matrices."""
    _checks.same_energies("z", z, energies, "the t-matrices")
    if count != sites:
        raise InputError(
            f"Argument `directions` must hold {sites} sites, those of the t-matrices, but it "
            f"holds {count}."
        )
