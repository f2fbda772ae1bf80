"""Occupation of the levels of matrices: density matrix and free energy."""

import jax
import jax.numpy as jnp
from msgreen_kernels import linalg

from msgreen._typing import Array, Complex, Float, Scalar

COLDEST = 1e-100
"""k_B T in eV that stands for zero: levels over it and its inverse are still numbers."""


@jax.custom_jvp
def fermi_matrix(
    matrix: Complex[Array, "*batch size size"], temperature: Scalar
) -> Complex[Array, "*batch size size"]:
    """Return f(H) = 1/2 (1 - tanh(H / 2T)) of Hermitian matrices, also at zero temperature.

    Parameters
    ----------
    matrix : complex array, shape (..., n, n)
        H in eV, counted from the Fermi energy.
    temperature : float
        k_B T in eV.

    Notes
    -----
    First derivatives follow Daleckii and Krein without those of eigenvectors: in the eigenbasis
    df_ab = L_ab dH_ab, and with u = E_a / 2T, v = E_b / 2T

        L_ab = (f_a - f_b) / (E_a - E_b) = -(1 - tanh u tanh v) tanh(u - v) / (4 T (u - v)),

    which cancels nowhere, at crossings neither.
    """
    values, vectors = linalg.eigh(matrix)
    return _rotated(vectors, 0.5 * (1 - jnp.tanh(0.5 * values / _above_zero(temperature))))


@fermi_matrix.defjvp
def _fermi_matrix_jvp(primals, tangents):
    (matrix, temperature), (d_matrix, d_temperature) = primals, tangents
    values, vectors = linalg.eigh(matrix)
    thermal_energy = _above_zero(temperature)
    u = 0.5 * values / thermal_energy
    tangent = jnp.tanh(u)
    found = _rotated(vectors, 0.5 * (1 - tangent))
    step = u[..., :, None] - u[..., None, :]
    small = jnp.abs(step) < 1e-4
    slope = jnp.where(small, 1 - step**2 / 3, jnp.tanh(step) / jnp.where(small, 1.0, step))
    slope = -(1 - tangent[..., :, None] * tangent[..., None, :]) * slope / (4 * thermal_energy)
    adjoint = jnp.conj(vectors).swapaxes(-1, -2)
    inner = slope.astype(vectors.dtype) * (adjoint @ d_matrix @ vectors)
    thermal = 0.5 * (1 - tangent**2) * u / thermal_energy * d_temperature
    change = vectors @ inner @ adjoint + _rotated(vectors, thermal)
    return found, change


def level_free_energy(
    levels: Float[Array, "*batch level"], temperature: Scalar
) -> Float[Array, "*batch"]:
    """Return -T sum ln(1 + exp(-E / T)) over the last axis, E in eV counted from E_F."""
    thermal_energy = _above_zero(temperature)
    return -thermal_energy * jnp.sum(jax.nn.softplus(-levels / thermal_energy), axis=-1)


def _above_zero(temperature):
    return jnp.maximum(jnp.asarray(temperature, float), COLDEST)


def _rotated(vectors, factors):
    factors = factors.astype(vectors.dtype)
    return (vectors * factors[..., None, :]) @ jnp.conj(vectors).swapaxes(-1, -2)
