"""Mixed derivatives of any order from directional ones, in Taylor mode."""

from collections.abc import Sequence
from functools import partial
from itertools import product
from math import factorial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.jet import jet

from msgreen._typing import Array, Float
from msgreen.energy.lloyd import LloydExpansion
from msgreen.spin.algebra import tangent_frame

_BLOCK_BYTES = 2**28
"""Memory of the coefficients of a block of tangent vectors, a choice."""


def polarised_derivative(expansion: LloydExpansion, sites: Sequence[int]) -> Float[Array, "..."]:
    """d^N E from directional derivatives D_v^N, in Taylor mode.

    2^(N-1) N! d^N E / du_1 ... du_N = sum over signs s of (s_1 ... s_N) D_v^N E, with s_1 = 1 and
    v = s_1 u_1 + ... + s_N u_N: every monomial but the mixed one cancels. Equal v are evaluated
    once.
    """
    order, moving = len(sites), sorted(set(sites))
    signs = np.array([(1.0, *rest) for rest in product((1.0, -1.0), repeat=order - 1)])
    every = np.array(list(product((0, 1), repeat=order)))
    vectors = np.zeros((len(every), len(signs), len(moving), 2))
    for m, site in enumerate(sites):
        vectors[np.arange(len(every)), :, moving.index(site), every[:, m]] += signs[:, m]
    different, which = np.unique(vectors.reshape(-1, 2 * len(moving)), axis=0, return_inverse=True)
    different = different.reshape(-1, len(moving), 2)
    coefficients = _taylor_coefficients(expansion, jnp.asarray(different), moving, order)
    summed = coefficients[which.reshape(len(every), -1)] @ jnp.asarray(signs.prod(axis=1))
    return summed.reshape((2,) * order) / 2.0 ** (order - 1)


def _taylor_coefficients(expansion: LloydExpansion, vectors, moving, order: int):
    """D_v^N E / N! for tangent vectors (vector, moving site, 2), in blocks of bounded memory.

    The jet of the potential is not compiled: its many small steps would take longer to compile
    than to do.
    """
    lloyd, rows = expansion.lloyd, np.array(moving)
    potential = jax.vmap(lambda s: lloyd.scatterer.potential(lloyd.path.nodes, s)[:, rows])
    entries = len(lloyd.path.nodes) * lloyd.count * lloyd.green.shape[2] ** 2
    blocks = -(-len(vectors) * 64 * order * entries // _BLOCK_BYTES)
    size = -(-len(vectors) // blocks)
    # Blocks of one shape, so that every step is compiled once.
    padded = jnp.pad(vectors, ((0, blocks * size - len(vectors)), (0, 0), (0, 0)))
    parts = []
    for some in padded.reshape(blocks, size, *vectors.shape[1:]):
        place, series = _geodesics(expansion.reference, rows, some, order)
        _, derivatives = jet(potential, (place,), (series,))
        change = [d / factorial(k) for k, d in enumerate(derivatives, start=1)]
        parts.append(_taylor(expansion, change, moving))
    return jnp.concatenate(parts)[: len(vectors)]


@partial(jax.jit, static_argnames="order")
def _geodesics(reference, rows, vectors, order: int):
    """Spins of geodesics along tangent vectors, and their derivatives of orders 1 ... N."""
    place = jnp.broadcast_to(reference, (len(vectors), *reference.shape))
    length = jnp.linalg.norm(vectors, axis=-1, keepdims=True)
    heading = jnp.sum(vectors[..., None] * tangent_frame(reference)[rows], axis=-2)
    series = []
    for k in range(1, order + 1):
        along = heading if k % 2 else reference[rows]
        moved = (-1) ** (k // 2) * length ** (k - k % 2) * along
        series.append(jnp.zeros_like(place).at[:, rows].set(moved))
    return place, series


@eqx.filter_jit
def _taylor(expansion: LloydExpansion, change, moving):
    return jax.lax.map(lambda parts: expansion.taylor(moving, parts), change)
