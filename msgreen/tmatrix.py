"""Scatterers of the KKR method: the single-site t-matrix as a function of the moment's direction.

The potential of a rotated moment, seen from a host that already contains the moments along e0, is

    V_i = t_i(e_i) - t_i(e0_i),        t_i(e) = sum_n R_n(e) c_in

with real solid harmonics R_n of the direction. Without spin-orbit coupling two degrees suffice and
are exact, t(e) = t_0 + Delta e.sigma; with it, t(e) is interpolated between computed directions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, Complex, Float
from msgreen.errors import InputError
from msgreen.harmonics import (
    axial_image,
    harmonic_count,
    solid_harmonics,
    spinor_representation,
    time_reversed,
)
from msgreen.scattering import AbstractRigidScatterer, AbstractScatterer
from msgreen.spin import SIGMA, spin_matrix

_CARTESIAN = np.array([2, 0, 1])  # x, y, z among the harmonics y, z, x of degree 1
_UNIT = np.sqrt(3 / (4 * np.pi))


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
        c_in in angstrom; the harmonics are those of `msgreen.harmonics.solid_harmonics`.
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
        over all energies. NaN where the others do not determine the prediction.
    """

    tmatrix: TMatrix
    error: np.ndarray


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
    parts = [mean * np.sqrt(4 * np.pi), *(s / _UNIT for s in slope)]
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
    energies,
    directions: Float[Array, "direction 3"],
    t: Complex[Array, "direction energy site spinorb spinorb"],
    reference: Float[Array, "site 3"],
    *,
    degree: int = 2,
    operations: Sequence[np.ndarray] = (),
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
    degree : int
        Largest degree of the harmonics. To first order in spin-orbit coupling t(e) has degree 2;
        degree 3 is of second order.
    operations : sequence of real arrays, shape (3, 3)
        Point operations that leave every site's lattice surroundings as they are. They multiply
        the data: t of the rotated moment is the rotated t.

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
    directions, t = np.asarray(directions, float), jnp.asarray(t, complex)
    if t.ndim != 5 or t.shape[:2] != (len(directions), len(np.asarray(energies))):
        raise InputError(
            "Argument `t` must have shape (direction, energy, site, n, n) with "
            f"{len(directions)} directions and {len(np.asarray(energies))} energies, but its "
            f"shape is {t.shape}."
        )
    operations = [np.eye(3), *(o for o in operations if not np.allclose(o, np.eye(3)))]
    orbital_degree = round(np.sqrt(t.shape[-1] // 2)) - 1
    every = np.arange(len(directions))
    fit, rank = _fit_weights(directions, every, degree, operations)
    if rank < harmonic_count(degree):
        raise InputError(
            f"Argument `directions` must determine {harmonic_count(degree)} harmonics of degree "
            f"up to {degree}, but with their images they determine {rank}. Add directions, or "
            "lower `degree`."
        )
    coefficients = _fitted(fit, t, every, operations, orbital_degree)
    error = np.full((len(directions), t.shape[2]), np.nan)
    for left_out in every:
        kept = np.delete(every, left_out)
        fit, rank = _fit_weights(directions, kept, degree, operations)
        if rank == harmonic_count(degree):
            partial = _fitted(fit, t, kept, operations, orbital_degree)
            harmonics = solid_harmonics(directions[left_out], degree).astype(complex)
            guess = jnp.einsum("n,einst->eist", harmonics, partial)
            error[left_out] = _size(guess - t[left_out]) / _size(
                t[left_out] - time_reversed(t[left_out])
            )
    return Interpolation(TMatrix(energies, coefficients, reference), error)


def _images(directions, operations):
    """Directions under all operations and reversal of time, shape (operation, 2, direction, 3)."""
    moved = np.stack([axial_image(o, directions) for o in operations])
    return np.stack([moved, -moved], axis=1)


def _fit_weights(directions, kept, degree, operations):
    """Least-squares weights (harmonic, operation, 2, direction), and the rank."""
    images = _images(directions[kept], operations)
    design = np.asarray(solid_harmonics(images.reshape(-1, 3), degree))
    weights = np.linalg.pinv(design, rcond=1e-6)
    rank = int(np.linalg.matrix_rank(design, tol=1e-6 * np.linalg.norm(design, 2)))
    return weights.reshape(-1, *images.shape[:3]), rank


def _fitted(weights, t, kept, operations, orbital_degree):
    """sum over images of weight times image; one operation at a time to save memory."""
    total = 0.0
    for number, operation in enumerate(operations):
        turn = jnp.asarray(spinor_representation(operation, orbital_degree), complex)
        for sense, image in enumerate((lambda m: m, time_reversed)):
            weight = jnp.asarray(weights[:, number, sense], complex)
            part = jnp.einsum("nd,deist->einst", weight, t[kept])
            total = total + image(turn @ part @ turn.conj().T)
    return total


def _size(matrices):
    return np.sqrt(np.sum(np.abs(np.asarray(matrices)) ** 2, axis=(0, 2, 3)))


def _check_request(z, count, energies, sites) -> None:
    """Refuse energies and site numbers other than those of the t-matrices."""
    _checks.same_energies("z", z, energies, "the t-matrices")
    if count != sites:
        raise InputError(
            f"Argument `directions` must hold {sites} sites, those of the t-matrices, but it "
            f"holds {count}."
        )
