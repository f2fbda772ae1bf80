"""Range functions of phonon-mediated interactions with constant couplings, in closed form.

For W_q = W the tensor is W W^+ X(R) with

    X(R) = cell * int_{|q| < q_c} d^dq / (2 pi)^d  d_q(0) e^{iq.R},     d_q(0) = -2 / omega_q.

The measure is that of `msgreen.phonon.modes.ball`; the prefactors follow from it. F1 prints
-1/omega_q, keeps the factor of -2/omega_q in three dimensions, and has 1/(2 pi^2) in place of
1/pi in two. Its forms for optical phonons are those of `elastic_range`.

F1 is Fransson, Phonon mediated spin-spin interactions, arXiv:2604.14731.
"""

import jax.numpy as jnp
import numpy as np
from scipy.special import j0, j1, sici, struve

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float, Scalar


def acoustic_range(
    dimension: int,
    distance: Float[ArrayLike, "..."],
    *,
    cutoff: float,
    velocity: float,
    cell: float = 1.0,
    lower: float = 0.0,
) -> Float[np.ndarray | np.number, "..."]:
    """Return X(R) in 1/eV for acoustic phonons omega = velocity |q|.

    Parameters
    ----------
    dimension : int
    distance : real array
        R in angstrom, greater than zero.
    cutoff : float
        q_c in 1/angstrom.
    velocity : float
        hbar times the velocity of sound, in eV angstrom.
    cell : float
        Length, area or volume of a cell in angstrom^d.
    lower : float
        Smallest |q| in 1/angstrom, for one dimension only, where the integral needs it.

    Returns
    -------
    real array
        Decays like 1/R^(d-1), the cutoff adding oscillations.

    References
    ----------
    F1, Eq. 14, with the prefactors of one stated measure.
    """
    r = _distance(distance, cutoff=cutoff, velocity=velocity, cell=cell)
    _checks.whole_number("dimension", dimension, 1, 3)
    if dimension == 3:
        return -2 * cell * np.sin(cutoff * r / 2) ** 2 / (np.pi**2 * velocity * r**2)
    if dimension == 2:
        return -cell * _integrated_bessel(cutoff * r) / (np.pi * velocity * r)
    _checks.positive_number("lower", lower, "1/angstrom")
    return -2 * cell * (sici(cutoff * r)[1] - sici(lower * r)[1]) / (np.pi * velocity)


def optical_range(
    dimension: int,
    distance: Float[ArrayLike, "..."],
    *,
    cutoff: float,
    energy: float,
    cell: float = 1.0,
) -> Float[np.ndarray | np.number, "..."]:
    """Return X(R) in 1/eV for optical phonons of one energy; see `acoustic_range`.

    It decays like 1/R^((d+1)/2), the oscillations being those of a sharp cutoff: without the
    cutoff optical phonons without dispersion carry nothing beyond the site. Only in two dimensions
    is that shorter ranged than acoustic phonons with the same sharp cutoff.
    """
    r = _distance(distance, cutoff=cutoff, energy=energy, cell=cell)
    _checks.whole_number("dimension", dimension, 1, 3)
    x = cutoff * r
    if dimension == 3:
        return -cell * (np.sin(x) - x * np.cos(x)) / (np.pi**2 * energy * r**3)
    if dimension == 2:
        return -cell * cutoff * j1(x) / (np.pi * energy * r)
    return -2 * cell * np.sin(x) / (np.pi * energy * r)


def elastic_range(
    distance: Float[ArrayLike, "..."], *, cutoff: float, cell: float = 1.0
) -> Float[np.ndarray | np.number, "..."]:
    """Return -cell * int d^3q / (2 pi)^3 e^{iq.R} / q^2 = -cell Si(q_c R) / (2 pi^2 R).

    This is the range function of acoustic phonons in three dimensions when the spin-lattice
    coupling T is constant and the zero-point length l_q, proportional to 1/sqrt(omega), is kept:
    the elastic Green function, which decays one power slower than F1's.
    """
    r = _distance(distance, cutoff=cutoff, cell=cell)
    return -cell * sici(cutoff * r)[0] / (2 * np.pi**2 * r)


def chiral_tensors(
    range_function: Float[ArrayLike, " pair"],
    along: Float[ArrayLike, " pair"],
    *,
    shift: Scalar,
    axis: Float[ArrayLike, "3"] = (0.0, 0.0, 1.0),
) -> tuple[Float[Array, "pair 3 3"], Float[Array, "pair 3 3"]]:
    """Return symmetric and antisymmetric tensors of circular branches centred at +-shift.

    With P the projector across the axis n and (n x) its cross product matrix,

        D = X(R) [cos(q0 R_n) P - sin(q0 R_n) (n x)],   R_n = R.n.

    Parameters
    ----------
    range_function : real array, shape (pair,)
        X(R) of the branches.
    along : real array, shape (pair,)
        R.n in angstrom, R pointing from the second site to the first.
    shift : float
        q0 in 1/angstrom.
    axis : real array, shape (3,)

    Returns
    -------
    symmetric, antisymmetric : real arrays, shape (pair, 3, 3)
        The antisymmetric part is the Dzyaloshinskii-Moriya vector X sin(q0 R_n) n.

    References
    ----------
    F1, Eqs. 14 and 15: cos and sin of q0.R. With real polarisations F1's sine term is symmetric
    in its Cartesian indices and cancels between a pair and its reverse; circular ones make it an
    antisymmetric tensor.
    """
    _checks.finite_array("range_function", range_function, ("pair",))
    _checks.finite_array("along", along, np.shape(range_function))
    _checks.number("shift", shift)
    _checks.unit_vectors("axis", axis)
    _checks.shaped("axis", axis, (3,))
    x, along = jnp.asarray(range_function, float), jnp.asarray(along, float)
    n = jnp.asarray(axis, float)
    across = jnp.eye(3) - jnp.outer(n, n)
    cross = jnp.cross(n, jnp.eye(3)).T
    symmetric = (x * jnp.cos(shift * along))[:, None, None] * across
    return symmetric, -(x * jnp.sin(shift * along))[:, None, None] * cross


def _integrated_bessel(x) -> np.ndarray:
    """Return the integral of J_0 from 0 to x (DLMF 10.22.2); scipy's own has 10 digits only."""
    return x * j0(x) + np.pi * x / 2 * (j1(x) * struve(0, x) - j0(x) * struve(1, x))


def _distance(distance, **numbers) -> np.ndarray:
    _checks.positive("distance", distance, "angstrom")
    for name, value in numbers.items():
        _checks.positive_number(name, value)
    return np.asarray(distance, float)
