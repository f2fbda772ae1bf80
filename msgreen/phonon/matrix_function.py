"""Functions of Hermitian matrices whose derivative needs no derivative of eigenvectors."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from msgreen_kernels import linalg

_TERMS = 15  # (1/2)^16 / 16! is below rounding
_SQUARINGS = 40  # serves norms up to 2^39


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def hermitian_function(function: Callable, matrix: jax.Array, parameters: Any) -> jax.Array:
    """Return f(A; p) = U diag f(lambda; p) U^H of Hermitian matrices A = U diag(lambda) U^H.

    Parameters
    ----------
    function : callable
        ``function(eigenvalues, parameters)``, elementwise and analytic on the spectrum. It must
        not close over arrays that are to be differentiated; those go into `parameters`.
    matrix : complex array, shape (..., n, n)
    parameters : pytree of arrays

    Returns
    -------
    complex array, shape (..., n, n)

    Notes
    -----
    First derivatives follow Daleckii and Krein: with E = U^H dA U,

        U^H df U = L * E + diag(f_p dp),   L_ij = (f_i - f_j) / (lambda_i - lambda_j),

    where L_ij = f' when two eigenvalues coincide. L is symmetric and smooth at crossings, while
    eigenvectors are not. Second derivatives are not offered by this rule.
    """
    values, vectors = linalg.eigh(matrix)
    return _rotated(vectors, function(values, parameters)[..., None, :])


@hermitian_function.defjvp
def _jvp(function, primals, tangents):
    matrix, parameters = primals
    d_matrix, d_parameters = tangents
    values, vectors = linalg.eigh(matrix)
    f, df_dp = jax.jvp(lambda p: function(values, p), (parameters,), (d_parameters,))
    gap = values[..., :, None] - values[..., None, :]
    middle = 0.5 * (values[..., :, None] + values[..., None, :])
    _, slope = jax.jvp(lambda x: function(x, parameters), (middle,), (jnp.ones_like(middle),))
    close = jnp.abs(gap) < 1e-5 * jnp.abs(middle)
    quotient = (f[..., :, None] - f[..., None, :]) / jnp.where(close, 1.0, gap).astype(f.dtype)
    adjoint = jnp.conj(vectors).swapaxes(-1, -2)
    inner = jnp.where(close, slope, quotient) * (adjoint @ d_matrix @ vectors)
    diagonal = df_dp[..., None, :] * jnp.eye(values.shape[-1], dtype=df_dp.dtype)
    tangent = vectors @ (inner + diagonal) @ adjoint
    return _rotated(vectors, f[..., None, :]), tangent


def _rotated(vectors, factors):
    return (vectors * factors) @ jnp.conj(vectors).swapaxes(-1, -2)


@jax.custom_jvp
def log_trace_exp(matrix: jax.Array) -> jax.Array:
    """Return ln tr e^A of real symmetric matrices, differentiable to any order.

    Parameters
    ----------
    matrix : real array, shape (..., n, n)

    Returns
    -------
    real array, shape (...)

    Notes
    -----
    The value comes from eigenvalues. The derivative is that of a free energy,

        d ln tr e^A = tr(rho dA),   rho = e^A / tr e^A,

    with the matrix exponential of rho, which is entire in A; further derivatives differentiate
    that exponential. Its squarings lose about as many digits as ||A|| has before its point.
    """
    if matrix.shape[-1] == 1:
        return matrix[..., 0, 0]
    return jax.nn.logsumexp(linalg.eigvalsh(matrix), axis=-1)


@log_trace_exp.defjvp
def _log_trace_exp_jvp(primals, tangents):
    (matrix,), (d_matrix,) = primals, tangents
    top = linalg.eigvalsh(jax.lax.stop_gradient(matrix))[..., -1]
    unit = jnp.eye(matrix.shape[-1])
    power = _exponential(matrix - top[..., None, None] * unit)
    density = power / jnp.trace(power, axis1=-2, axis2=-1)[..., None, None]
    return log_trace_exp(matrix), jnp.sum(density * d_matrix.swapaxes(-1, -2), axis=(-2, -1))


def _exponential(matrix):
    """Taylor series of e^(A / 2^s) and s squarings, in loops that have derivatives of any order."""
    unit = jnp.eye(matrix.shape[-1])
    size = jnp.max(jnp.sum(jnp.abs(jax.lax.stop_gradient(matrix)), axis=-1), axis=-1)
    squarings = jnp.ceil(jnp.log2(jnp.maximum(size, 0.5))) + 1
    scaled = matrix * jnp.exp2(-squarings)[..., None, None]

    def add_term(total, order):
        return unit + scaled @ total / order, None

    def square(total, step):
        again = (step < squarings)[..., None, None]
        return jnp.where(again, total @ total, total), None

    start = jnp.broadcast_to(unit, matrix.shape)
    total, _ = jax.lax.scan(add_term, start, jnp.arange(_TERMS, 0, -1).astype(float))
    total, _ = jax.lax.scan(square, total, jnp.arange(_SQUARINGS).astype(float))
    return total
