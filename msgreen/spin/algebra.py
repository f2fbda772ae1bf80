"""Spin algebra: Pauli decomposition of Green functions, directions, and traces of Pauli strings.

A matrix in spin (x) orbital space is written M = A sigma_0 + B . sigma with A, B matrices in the
orbital index. The full matrix has the index ``spin * orb_count + orb`` (spin up first).
"""

from collections.abc import Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float
from msgreen.errors import InputError

SIGMA: np.ndarray = np.array(
    [[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=np.complex128
)
"""The Pauli matrices, shape (3, 2, 2)."""

PAULI: np.ndarray = np.concatenate([np.eye(2, dtype=np.complex128)[None], SIGMA])
"""The identity and the Pauli matrices, shape (4, 2, 2)."""


class Green(eqx.Module):
    """A matrix in spin and orbital space, decomposed as A sigma_0 + B . sigma.

    Attributes
    ----------
    A : complex array, shape (..., orb, orb)
        Spin-independent part.
    B : complex array, shape (..., 3, orb, orb)
        Spin-dependent part, Cartesian components.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eq. 9.
    """

    A: Complex[Array, "*batch orb orb"]
    B: Complex[Array, "*batch 3 orb orb"]

    def matrix(self) -> Complex[Array, "*batch spinorb spinorb"]:
        """Return the full matrix A sigma_0 + B . sigma, spin being the slow index."""
        return _assembled(self)

    def __getitem__(self, index) -> "Green":
        """Index the batch axes of both parts."""
        return Green(self.A[index], self.B[index])


@jax.jit
def _assembled(green: Green):
    return _pauli_sum(jnp.concatenate([green.A[..., None, :, :], green.B], axis=-3))


def decompose(matrix: Complex[ArrayLike, "*batch spinorb spinorb"]) -> Green:
    """Decompose a spin-orbital matrix: A = Tr_s G / 2, B = Tr_s(sigma G) / 2.

    Parameters
    ----------
    matrix : complex array, shape (..., 2 orb, 2 orb)
        Spin is the slow index.

    Returns
    -------
    Green
        The exact inverse of `Green.matrix`.

    Raises
    ------
    InputError
        If the matrix is not square with an even size.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eq. 9.
    """
    if not isinstance(matrix, jax.Array):
        _checks.numbers("matrix", matrix)
        matrix = jnp.asarray(matrix, complex)
    size = matrix.shape[-1] if matrix.ndim else 0
    if matrix.ndim < 2 or matrix.shape[-2] != size or size % 2:
        raise InputError(
            "Argument `matrix` must be square with an even size (spin x orbitals), "
            f"but its shape is {matrix.shape}. Spin is the slow index."
        )
    return _decomposed(matrix)


@jax.jit
def _decomposed(matrix) -> Green:
    orb = matrix.shape[-1] // 2
    blocks = matrix.reshape(*matrix.shape[:-2], 2, orb, 2, orb)
    parts = 0.5 * jnp.einsum("pst,...tasb->...pab", PAULI, blocks)
    return Green(parts[..., 0, :, :], parts[..., 1:, :, :])


def _pauli_sum(components: Complex[Array, "*batch 4 orb orb"]):
    """Sum components[p] (x) pauli[p] into full spin-orbital matrices."""
    blocks = jnp.einsum("...pab,pst->...satb", components, PAULI)
    orb = components.shape[-1]
    return blocks.reshape(*components.shape[:-3], 2 * orb, 2 * orb)


@jax.jit
def spin_matrix(
    strength: Complex[Array, "*batch orb orb"], spin: Float[Array, "*#batch 3"]
) -> Complex[Array, "*batch spinorb spinorb"]:
    """Return strength (x) (spin . sigma), the potential of a rigid spin.

    Parameters
    ----------
    strength : complex array, shape (..., orb, orb)
    spin : real array, shape (..., 3)

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eq. 8.
    """
    vector = spin[..., :, None, None].astype(strength.dtype) * strength[..., None, :, :]
    return _pauli_sum(jnp.concatenate([jnp.zeros_like(vector[..., :1, :, :]), vector], axis=-3))


def direction(
    theta: Float[ArrayLike, "..."], phi: Float[ArrayLike, "..."]
) -> Float[Array, "*batch 3"]:
    """Return the unit vector with polar angle `theta` and azimuth `phi` (radians)."""
    _checks.finite("theta", theta)
    _checks.finite("phi", phi)
    return _direction(theta, phi)


@jax.jit
def _direction(theta, phi) -> Float[Array, "*batch 3"]:
    theta, phi = jnp.broadcast_arrays(jnp.asarray(theta, float), jnp.asarray(phi, float))
    sin = jnp.sin(theta)
    return jnp.stack([sin * jnp.cos(phi), sin * jnp.sin(phi), jnp.cos(theta)], axis=-1)


def angles(directions: Float[ArrayLike, "*batch 3"]) -> tuple[Array, Array]:
    """Return polar angle and azimuth (radians) of unit vectors; the inverse of `direction`."""
    _checks.unit_vectors("directions", directions)
    x, y, z = jnp.moveaxis(jnp.asarray(directions), -1, 0)
    return jnp.arctan2(jnp.hypot(x, y), z), jnp.arctan2(y, x)


def tangent_frame(directions: Float[Array | np.ndarray, "*batch 3"]) -> Float[Array, "*batch 2 3"]:
    """Return two unit vectors per direction that complete it to a right-handed frame.

    The frame (u, v) obeys u x v = direction and is smooth except on the equator z = 0,
    where the sign convention changes; there is no singularity at the poles.

    Parameters
    ----------
    directions : real array, shape (..., 3)
        Unit vectors.

    Returns
    -------
    real array, shape (..., 2, 3)

    References
    ----------
    Duff et al., J. Comput. Graph. Tech. 6, 1 (2017).
    """
    _checks.unit_vectors("directions", directions)
    return _frame(directions)


@jax.jit
def _frame(directions) -> Float[Array, "*batch 2 3"]:
    x, y, z = jnp.moveaxis(jnp.asarray(directions), -1, 0)
    sign = jnp.where(z >= 0, 1.0, -1.0).astype(z.dtype)
    a = -1.0 / (sign + z)
    b = x * y * a
    u = jnp.stack([1.0 + sign * x * x * a, sign * b, -sign * x], axis=-1)
    v = jnp.stack([b, sign + y * y * a, -y], axis=-1)
    return jnp.stack([u, v], axis=-2)


@partial(jax.jit, static_argnames="order")
def rotate(
    directions: Float[Array, "*batch 3"],
    frame: Float[Array, "*batch 2 3"],
    tangent: Float[Array, "*batch 2"],
    order: int = 35,
) -> Float[Array, "*batch 3"]:
    """Move unit vectors along geodesics: the exponential map of the sphere.

    Parameters
    ----------
    directions : real array, shape (..., 3)
    frame : real array, shape (..., 2, 3)
        Tangent vectors from `tangent_frame`.
    tangent : real array, shape (..., 2)
        Geodesic (normal) coordinates in radians, of length at most pi.
    order : int
        Power of the angle at which its series end. The default is exact to rounding up to an angle
        of pi; derivatives at `tangent` = 0 are exact up to this order and compile several times as
        fast with few terms.

    Notes
    -----
    cos and sinc are evaluated as power series of the squared angle, so that derivatives of any
    order at `tangent` = 0 exist.
    """
    _checks.whole_number("order", order, 0)
    square = jnp.sum(tangent * tangent, axis=-1, keepdims=True)
    cos, sinc = jnp.ones_like(square), jnp.ones_like(square)
    for k in reversed(range(2, order + 1, 2)):
        cos = 1.0 - square / (k * (k - 1)) * cos
    for k in reversed(range(3, order + 1, 2)):
        sinc = 1.0 - square / (k * (k - 1)) * sinc
    return cos * directions + sinc * jnp.sum(tangent[..., None] * frame, axis=-2)


@jax.jit
def rotate_about(
    axis: Float[ArrayLike, "*#batch 3"],
    angle: Float[ArrayLike, "*#batch"],
    vectors: Float[ArrayLike, "*#batch 3"],
) -> Float[Array, "... 3"]:
    """Turn vectors about unit vectors by angles in radians, anticlockwise (Rodrigues)."""
    axis, angle, vectors = (jnp.asarray(part, float) for part in (axis, angle, vectors))
    cos, sin = jnp.cos(angle)[..., None], jnp.sin(angle)[..., None]
    along = jnp.sum(axis * vectors, axis=-1, keepdims=True) * axis
    return along + cos * (vectors - along) + sin * jnp.cross(axis, vectors)


def spin_form(
    spins: Sequence[Array | np.ndarray] | Array | np.ndarray, carriers: Sequence[int] = ()
) -> Float[Array, "..."]:
    """Return the spin factor of a closed loop of N spins, some of its legs carrying B.

    The loop is i -> j -> k -> ... -> i; leg m leads from spin m to spin m + 1 and contributes
    sigma^a if m is in `carriers`, the identity otherwise. The result is

        F^{ab...} = 1/2 Tr[ (sigma^a) (S_j.sigma) (sigma^b) (S_k.sigma) ... (S_i.sigma) ]

    if the number of Pauli matrices, N plus that of the carriers, is even, and its imaginary part if
    it is odd (the trace is real or imaginary accordingly).

    Parameters
    ----------
    spins : sequence of N real arrays, shape (..., 3)
        S_i, S_j, S_k, ... in the order of the loop.
    carriers : sequence of int
        The legs that carry a B, in increasing order.

    Returns
    -------
    real array, shape (..., 3, 3, ...) with one Cartesian axis per carrier

    Notes
    -----
    N = 2: () gives S_i.S_j, (0,) gives S_j x S_i. N = 3: () gives S_i.(S_j x S_k). N = 4: () gives
    (ij)(kl) - (ik)(jl) + (il)(jk), and (0,) the bracket of Lounis Eq. 23 with the sign of its
    last term corrected. N = 6: () gives the five terms of Lounis Eq. 32 including
    a.(b x c), which the paper omits.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 11, 20, 23, 28, 32.
    """
    return _spin_form(list(spins), tuple(int(leg) for leg in carriers))


@partial(jax.jit, static_argnames="carriers")
def _spin_form(spins: list[Array], carriers: tuple[int, ...]) -> Float[Array, "..."]:
    count = len(spins)
    batch = np.broadcast_shapes(*(np.shape(s)[:-1] for s in spins))
    product = jnp.broadcast_to(jnp.asarray(PAULI[0]), (*batch, 2, 2))
    open_axes = 0
    for leg in range(count):
        if leg in carriers:
            open_axes += 1
            product = jnp.einsum("...st,atu->...asu", product, SIGMA)
        spin = jnp.asarray(spins[(leg + 1) % count])
        matrix = jnp.einsum("...a,ast->...st", spin.astype(np.complex128), SIGMA)
        matrix = matrix.reshape(*matrix.shape[:-2], *(1,) * open_axes, 2, 2)
        product = product @ matrix
    trace = 0.5 * jnp.trace(product, axis1=-2, axis2=-1)
    return trace.imag if (count + len(carriers)) % 2 else trace.real
