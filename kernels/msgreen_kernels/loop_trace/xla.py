"""The reference: scan over energies, blocks of loops, two layouts of the matrices.

Small matrices are kept with the batch innermost, shape (n, n, loop), where a product is a
broadcast multiply and a sum that XLA vectorises over the loops. Larger ones are kept as
(loop, n, n) and multiplied by the batched matrix product.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

# Smallest size where the batched matrix product wins on a CPU; see kernels/README.md.
SMALLEST_MATMUL = 9

# Axes of the matrices in the two layouts.
BATCH_LAST = (-3, -2)
BATCH_FIRST = (-2, -1)


def _multiply(a: Array, b: Array, axes: tuple[int, int]) -> Array:
    if axes == BATCH_FIRST:
        return a @ b
    return (a[:, :, None] * b[None]).sum(1)


def _pair_trace(a: Array, b: Array, axes: tuple[int, int]) -> Array:
    """Return Tr(a b) without forming the product."""
    return (a * jnp.swapaxes(b, *axes)).sum(axes)


def _chain(factors: Array, axes: tuple[int, int]) -> Array:
    product = factors[0]
    for factor in factors[1:]:
        product = _multiply(product, factor, axes)
    return product


def _rest_of_loop(g: Array, axes: tuple[int, int]) -> Array:
    """Return D_k = g_{k+1} ... g_N g_1 ... g_{k-1} for each k, from partial products."""
    count = len(g)
    if count == 1:
        eye = jnp.eye(g.shape[axes[0]], dtype=g.dtype)
        return jnp.broadcast_to(eye if axes == BATCH_FIRST else eye[..., None], g.shape)
    head, tail = [g[0]], [g[-1]]
    for k in range(1, count - 1):
        head.append(_multiply(head[-1], g[k], axes))
        tail.append(_multiply(g[count - 1 - k], tail[-1], axes))
    middle = [_multiply(tail[count - 2 - k], head[k - 1], axes) for k in range(1, count - 1)]
    return jnp.stack([tail[-1], *middle, head[-1]])


# The trace is linear in each factor and cyclic, so
#     d Tr(g_1 ... g_N) = sum_k Tr(D_k dg_k),  D_k = g_{k+1} ... g_N g_1 ... g_{k-1}.
# All D_k follow from the partial products from both ends, 3N - 6 multiplications in place of
# the N (N - 2) of separate products. D is built of the same differentiable operations.
@partial(jax.custom_jvp, nondiff_argnums=(1,))
def trace_of_product(g: Array, axes: tuple[int, int]) -> Array:
    """Return Tr(g_1 ... g_N) for factors on the first axis and matrices on `axes`."""
    if len(g) == 1:
        return jnp.trace(g[0], axis1=axes[0], axis2=axes[1])
    half = (len(g) + 1) // 2
    return _pair_trace(_chain(g[:half], axes), _chain(g[half:], axes), axes)


@trace_of_product.defjvp
def _trace_of_product_jvp(axes, primals, tangents):
    (g,), (dg,) = primals, tangents
    return trace_of_product(g, axes), _pair_trace(_rest_of_loop(g, axes), dg, axes).sum(0)


def _gather(table: Array, index: Array, n: int, axes: tuple[int, int]) -> Array:
    """Return the factors of a block of loops from `table` (leg, 2 n n) of real numbers."""
    g = jnp.take(table, index.T, axis=0, mode="clip")
    if axes == BATCH_LAST:
        g = jnp.moveaxis(g, -1, 1)
        return lax.complex(g[:, : n * n], g[:, n * n :]).reshape(len(g), n, n, -1)
    return lax.complex(g[..., : n * n], g[..., n * n :]).reshape(*g.shape[:2], n, n)


def default_block(sites: int, n: int) -> int:
    """Return the loops per block whose gathered factors fill about 2 MB."""
    return max(1, 2**17 // (sites * n * n))


def loop_trace(legs: Array, index: Array, weights: Array, block: int) -> Array:
    """Return sum_e weights[r, e] Tr(prod_k legs[e, index[l, k]]) with shape (rule, loop).

    Both the body of the scan and the block are rematerialised in reverse mode, which then
    holds the factors of one block of loops at one energy.
    """
    n = legs.shape[-1]
    axes = BATCH_LAST if n < SMALLEST_MATMUL else BATCH_FIRST
    loops, sites = index.shape
    block = min(block, loops)
    index = jnp.pad(index, ((0, -loops % block), (0, 0))).reshape(-1, block, sites)

    @jax.checkpoint
    def energy(total, data):
        leg, weight = data
        flat = leg.reshape(len(leg), n * n)
        table = jnp.concatenate([flat.real, flat.imag], axis=1)

        @jax.checkpoint
        def one_block(rows, table):
            return trace_of_product(_gather(table, rows, n, axes), axes)

        traces = lax.map(lambda rows: one_block(rows, table), index).reshape(-1)
        return total + weight[:, None] * traces, None

    start = jnp.zeros((weights.shape[0], index.shape[0] * block), legs.dtype)
    total, _ = lax.scan(energy, start, (legs, weights.T))
    return total[:, :loops]
