"""LAPACK in calls that stay on one thread.

Since version 0.10, jaxlib spreads one batched LAPACK call over the threads of XLA and waits for
them on a thread of the same pool: as many calls at once as there are threads wait for good. Calls
of few operations and calls of one matrix are not spread.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax

# A call is spread from about batch x 3 n^3 = 2e5 on.
SERIAL = 100_000


def is_serial(batch: int, n: int) -> bool:
    """Whether a LAPACK call on the whole batch stays on one thread."""
    return batch <= 1 or batch * 3 * n**3 <= SERIAL


def in_serial_calls(function: Callable, *arrays: Array, single: bool = False):
    """Return function(*arrays) of arrays with one batch axis, in calls that stay on one thread.

    `single` makes one call per matrix, for routines whose cost JAX counts otherwise.
    """
    batch, n = arrays[0].shape[0], arrays[0].shape[-1]
    chunk = 1 if single else max(1, SERIAL // (3 * n**3))
    if batch <= chunk:
        return function(*arrays)
    if chunk == 1:
        return lax.map(lambda xs: function(*xs), arrays)
    whole = batch - batch % chunk
    first = [x[:whole].reshape(-1, chunk, *x.shape[1:]) for x in arrays]
    found = lax.map(lambda xs: function(*xs), tuple(first))
    found = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), found)
    if whole == batch:
        return found
    rest = function(*(x[whole:] for x in arrays))
    return jax.tree.map(lambda *xs: jnp.concatenate(xs), found, rest)


def all_from_one_lu(a: Array) -> tuple[Array, Array, Array]:
    """Return phase, log|det| and the inverse from one factorisation."""
    lu, pivots, permutation = lax.linalg.lu(a)
    diagonal = jnp.diagonal(lu, axis1=-2, axis2=-1)
    size = jnp.abs(diagonal)
    swaps = jnp.sum(pivots != jnp.arange(a.shape[-1], dtype=pivots.dtype), axis=-1)
    turned = jnp.prod(diagonal / jnp.where(size == 0, 1.0, size).astype(a.dtype), axis=-1)
    phase = jnp.where(swaps % 2 == 1, -turned, turned)
    identity = jnp.eye(a.shape[-1], dtype=a.dtype)[permutation]
    half = lax.linalg.triangular_solve(lu, identity, left_side=True, lower=True, unit_diagonal=True)
    inverse = lax.linalg.triangular_solve(lu, half, left_side=True, lower=False)
    return phase, jnp.sum(jnp.log(size), axis=-1), inverse
