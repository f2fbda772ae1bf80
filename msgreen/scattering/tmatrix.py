"""Scatterers of the KKR method: the single-site t-matrix as a function of the moment's direction.

The potential of a rotated moment, seen from a host that already contains the moments along e0, is

    V_i = t_i(e_i) - t_i(e0_i),        t_i(e) = sum_n R_n(e) c_in

with real solid harmonics R_n of the direction. Without spin-orbit coupling two degrees suffice and
are exact, t(e) = t_0 + Delta e.sigma; with it, t(e) is interpolated between computed directions.
"""

from functools import partial
from math import pi, sqrt

import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Energies, Float, Vectors
from msgreen.errors import InputError
from msgreen.scattering.contact import AbstractRigidScatterer, AbstractScatterer
from msgreen.spin.algebra import SIGMA, spin_matrix
from msgreen.spin.harmonics import solid_harmonics

_CARTESIAN = np.array([2, 0, 1])  # x, y, z among the harmonics y, z, x of degree 1
_UNIT = sqrt(3 / (4 * pi))  # Y_1m = _UNIT * x, y, z on unit vectors


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

    def strength(
        self, z: Complex[Array, " energy"], count: int
    ) -> Complex[Array, "energy site orb orb"]:
        """Return Delta_i at the energies of the t-matrices."""
        _check_request(z, count, self.energies, self.splitting.shape[1])
        return self.splitting


class TMatrix(AbstractScatterer):
    """t-matrices t_i(e) = sum_n R_n(e) c_in about a reference direction.

    Build it with `collinear_tmatrix`, `linear_tmatrix` or
    `msgreen.scattering.interpolation.interpolated_tmatrix`.

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

    def __init__(
        self,
        energies: Energies,
        coefficients: Complex[ArrayLike, "energy site harmonic spinorb spinorb"],
        reference: Vectors,
    ):
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

    def potential(
        self, z: Complex[Array, " energy"], directions: Float[Array, "site 3"]
    ) -> Complex[Array, "energy site spinorb spinorb"]:
        """Return t_i(e_i) - t_i(e0_i); see `AbstractScatterer.potential`."""
        _check_request(z, directions.shape[0], self.energies, len(self.reference))
        here = solid_harmonics(directions, self.degree)
        return self._combine(here - solid_harmonics(self.reference, self.degree))

    def vertex(
        self, z: Complex[Array, " energy"], count: int
    ) -> Complex[Array, "energy site 3 spinorb spinorb"]:
        """Return dt_i/de_i at the reference; see `AbstractScatterer.vertex`."""
        _check_request(z, count, self.energies, len(self.reference))
        return _slopes(self.reference, self.coefficients, self.degree)

    def about(self, directions: Vectors) -> "TMatrix":
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
        return _weighted(harmonics, self.coefficients)

    def _splitting(self):
        """Delta = 1/6 sum_a Tr_s sigma_a dt/de_a of the harmonics of degree one."""
        return _mean_splitting(self.coefficients)


@partial(jax.jit, static_argnames="degree")
def _slopes(reference, coefficients, degree: int) -> Complex[Array, "energy site 3 size size"]:
    """dt/de from the coefficients of solid harmonics."""
    slope = jax.vmap(jax.jacfwd(lambda e: solid_harmonics(e, degree)))(reference)
    return jnp.einsum("ink,einst->eikst", slope.astype(complex), coefficients)


@jax.jit
def _weighted(harmonics, coefficients) -> Complex[Array, "energy site size size"]:
    return jnp.einsum("in,einst->eist", harmonics.astype(complex), coefficients)


@jax.jit
def _mean_splitting(coefficients) -> Complex[Array, "energy site orb orb"]:
    slope = _UNIT * coefficients[:, :, 1 + _CARTESIAN]
    size = slope.shape[-1]
    blocks = slope.reshape(*slope.shape[:-2], 2, size // 2, 2, size // 2)
    return jnp.einsum("kst,eiktasb->eiab", SIGMA, blocks) / 6


def collinear_tmatrix(
    energies: Energies,
    up: Complex[ArrayLike, "energy site orb orb"],
    down: Complex[ArrayLike, "energy site orb orb"],
    reference: Vectors,
) -> TMatrix:
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


def linear_tmatrix(
    energies: Energies,
    derivative: Complex[ArrayLike, "energy site 3 spinorb spinorb"],
    reference: Vectors,
) -> TMatrix:
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


def _check_request(z, count, energies, sites) -> None:
    """Refuse energies and site numbers other than those of the t-matrices."""
    _checks.same_energies("z", z, energies, "the t-matrices")
    if count != sites:
        raise InputError(
            f"Argument `directions` must hold {sites} sites, those of the t-matrices, but it "
            f"holds {count}."
        )
