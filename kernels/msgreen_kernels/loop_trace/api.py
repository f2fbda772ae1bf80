"""Weighted traces of products of matrices around closed loops."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike

from msgreen_kernels.loop_trace import xla


def _check_legs(legs: Array) -> None:
    if not jnp.issubdtype(legs.dtype, jnp.complexfloating):
        raise ValueError(
            f"Argument `legs` must be complex, but its type is {legs.dtype}. "
            "Use legs.astype(complex)."
        )
    if legs.ndim != 4 or legs.shape[-1] != legs.shape[-2]:
        raise ValueError(
            f"Argument `legs` must have shape (energy, leg, n, n), but its shape is {legs.shape}."
        )


def _check_index(index: ArrayLike, legs: Array) -> None:
    shape, dtype = np.shape(index), jnp.asarray(index).dtype
    if not jnp.issubdtype(dtype, jnp.integer):
        raise ValueError(f"Argument `index` must hold integers, but its type is {dtype}.")
    if len(shape) != 2 or shape[1] == 0:
        raise ValueError(
            "Argument `index` must have shape (loop, N) with at least one leg per loop, "
            f"but its shape is {shape}."
        )
    if isinstance(index, Tracer) or shape[0] == 0:
        return
    values = np.asarray(index)
    low, high = values.min(), values.max()
    if low < 0 or high >= legs.shape[1]:
        raise ValueError(
            f"Argument `index` must lie in 0 ... {legs.shape[1] - 1}, the legs of the table, "
            f"but it contains {low if low < 0 else high}."
        )


def _check_weights(weights: Array, legs: Array) -> None:
    if weights.dtype != legs.dtype:
        raise ValueError(
            f"Argument `weights` must have the type of `legs`, {legs.dtype}, "
            f"but its type is {weights.dtype}."
        )
    if weights.ndim not in (1, 2) or weights.shape[-1] != legs.shape[0]:
        raise ValueError(
            f"Argument `weights` must have shape ({legs.shape[0]},) or (rule, {legs.shape[0]}), "
            f"one weight for each energy of `legs`, but its shape is {weights.shape}."
        )


_jitted = partial(jax.jit, static_argnums=3)(xla.loop_trace)


def loop_trace(
    legs: ArrayLike, index: ArrayLike, weights: ArrayLike, *, block: int | None = None
) -> Array:
    """Sum over energies the weighted trace of the product of matrices around each loop.

    Parameters
    ----------
    legs : complex array (energy, leg, n, n)
        Table of matrices, such as a Green function between two sites times a vertex.
    index : integer array (loop, N)
        The legs of each loop, in the order of multiplication. Values are checked unless
        JAX is tracing them; a traced index out of range is clamped.
    weights : complex array (energy,) or (rule, energy)
        Quadrature weights; several rules share one pass over the loops.
    block : int, optional
        Loops evaluated together. By default the matrices of a block fill about 2 MB;
        temporary memory is a small multiple of that, in reverse mode too.

    Returns
    -------
    complex array (loop,) or (rule, loop)
        sum_e weights[e] Tr(legs[e, index[l, 0]] ... legs[e, index[l, N-1]]).

    Raises
    ------
    ValueError
        If a shape or type is wrong, an index lies outside the table, or `block` is not
        positive.

    Notes
    -----
    Differentiable any number of times, forward and reverse, in `legs` and `weights`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> legs = jnp.asarray([[[[2.0]], [[3.0]]]], dtype=complex)
    >>> total = loop_trace(legs, jnp.asarray([[0, 1], [1, 1]]), jnp.ones(1, complex))
    >>> print(total.real)
    [6. 9.]
    """
    legs, weights = jnp.asarray(legs), jnp.asarray(weights)
    _check_legs(legs)
    _check_index(index, legs)
    _check_weights(weights, legs)
    sites, n = np.shape(index)[1], legs.shape[-1]
    if block is None:
        block = xla.default_block(sites, max(n, 1))
    if block < 1:
        raise ValueError(f"Argument `block` must be at least 1, but it is {block}.")
    index = jnp.asarray(index, dtype=jnp.int32)
    if legs.size == 0 or len(index) == 0:
        return jnp.zeros((*weights.shape[:-1], len(index)), legs.dtype)
    total = _jitted(legs, index, jnp.atleast_2d(weights), block)
    return total if weights.ndim == 2 else total[0]
