"""Gauss-Jordan elimination with the batch innermost, for many small matrices.

The loop is arranged for XLA on a CPU: the scaled pivot row and the column of the next step are
part of its state, so that they are stored once instead of being recomputed for every entry, and
real and imaginary parts are separate arrays that are updated in place.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

BLOCK = 64  # matrices eliminated together; a few blocks of this size fit the cache


class Eliminated(NamedTuple):
    """What elimination finds: phase and log-modulus of the determinant, and the inverse."""

    phase: Array
    logabs: Array
    inverse: Array


class _Line(NamedTuple):
    """Pivot row over the pivot, pivot column, and where they cross."""

    row: tuple[Array, Array]
    column: tuple[Array, Array]
    pivot: tuple[Array, Array]
    place: Array


class _State(NamedTuple):
    parts: tuple[Array, Array]
    used: Array
    order: Array
    pivots: tuple[Array, Array]
    line: _Line


def _at(x: Array, k, axis: int) -> Array:
    return lax.dynamic_index_in_dim(x, k, axis, keepdims=False)


def _put(x: Array, value: Array, k) -> Array:
    return lax.dynamic_update_index_in_dim(x, value, k, 0)


def _reciprocal(re: Array, im: Array) -> tuple[Array, Array]:
    """1 / z without overflow, and 0 for z = 0."""
    scale = jnp.maximum(jnp.abs(re), jnp.abs(im))
    scale = 1 / jnp.where(scale == 0, 1.0, scale)
    re, im = re * scale, im * scale
    norm = re * re + im * im
    norm = scale / jnp.where(norm == 0, 1.0, norm)
    return re * norm, -im * norm


def _largest(column: tuple[Array, Array], used: Array) -> Array:
    """Row of the largest entry of the column among rows that have not been pivots."""
    size = jnp.where(used, -1.0, jnp.abs(column[0]) + jnp.abs(column[1]))
    best, place = size[0], jnp.zeros(size.shape[1], jnp.int32)
    for i in range(1, len(size)):
        larger = size[i] > best
        best, place = jnp.where(larger, size[i], best), jnp.where(larger, i, place)
    return place


def _chosen(x: Array, place: Array) -> Array:
    row = x[0]
    for i in range(1, len(x)):
        row = jnp.where(place == i, x[i], row)
    return row


def _line(parts: tuple[Array, Array], used: Array, k, pivoting: bool) -> _Line:
    """Read row and column of step k, ready for the update."""
    number = jnp.arange(parts[0].shape[0], dtype=jnp.int32)[:, None]
    re, im = (_at(x, k, 1) for x in parts)
    if pivoting:
        place = _largest((re, im), used)
        row_re, row_im = (_chosen(x, place) for x in parts)
    else:
        place = jnp.full(re.shape[1], k, jnp.int32)
        row_re, row_im = (_at(x, k, 0) for x in parts)
    pivot = _at(row_re, k, 0), _at(row_im, k, 0)
    q_re, q_im = _reciprocal(*pivot)
    here = number == k
    row = (
        jnp.where(here, q_re, row_re * q_re - row_im * q_im),
        jnp.where(here, q_im, row_re * q_im + row_im * q_re),
    )
    # The pivot row is replaced by row: it is cleared and -(-1) row is added.
    crossing = number == (place if pivoting else k)
    column = jnp.where(crossing, -1.0, re), jnp.where(crossing, 0.0, im)
    return _Line(row, column, pivot, place)


def _step(k, state: _State, pivoting: bool) -> _State:
    (re, im), line = state.parts, state.line
    n = re.shape[0]
    number = jnp.arange(n, dtype=jnp.int32)[:, None]
    crossing = number == (line.place if pivoting else k)
    cleared = crossing[:, None] | (number == k)[None]
    (c_re, c_im), (r_re, r_im) = [x[:, None] for x in line.column], [x[None] for x in line.row]
    re = jnp.where(cleared, 0.0, re) - (c_re * r_re - c_im * r_im)
    im = jnp.where(cleared, 0.0, im) - (c_re * r_im + c_im * r_re)
    used = state.used | crossing if pivoting else state.used
    order = _put(state.order, line.place, k) if pivoting else state.order
    pivots = _put(state.pivots[0], line.pivot[0], k), _put(state.pivots[1], line.pivot[1], k)
    following = _line((re, im), used, jnp.minimum(k + 1, n - 1), pivoting)
    return _State((re, im), used, order, pivots, following)


def _determinant(pivots: tuple[Array, Array], order: Array, pivoting: bool):
    size = jnp.hypot(*pivots)
    safe = jnp.where(size == 0, 1.0, size)
    phase = jnp.prod(lax.complex(pivots[0] / safe, pivots[1] / safe), axis=0)
    if pivoting:
        earlier = jnp.triu(jnp.ones((len(order),) * 2, bool), 1)[..., None]
        inversions = jnp.sum(earlier & (order[:, None] > order[None]), axis=(0, 1))
        phase = jnp.where(inversions % 2 == 1, -phase, phase)
    return phase, jnp.sum(jnp.log(size), axis=0), jnp.any(size == 0, axis=0)


def _eliminated(parts: tuple[Array, Array], pivoting: bool) -> _State:
    """Eliminate matrices of shape (n, n, batch), in two parts, at once."""
    n, batch = parts[0].shape[1:]
    used, order = jnp.zeros((n, batch), bool), jnp.zeros((n, batch), jnp.int32)
    empty = jnp.zeros((n, batch), parts[0].dtype)
    state = _State(parts, used, order, (empty, empty), _line(parts, used, 0, pivoting))
    return lax.fori_loop(0, n, lambda k, s: _step(k, s, pivoting), state)


def eliminate_last(parts: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return inverses of matrices (n, n, batch) in real and imaginary parts, without pivoting."""
    return _eliminated(parts, pivoting=False).parts


def _block(a: Array, pivoting: bool) -> Eliminated:
    """Eliminate matrices of shape (batch, n, n) at once."""
    batch, n = a.shape[:2]
    x = jnp.moveaxis(a, 0, -1)
    state = _eliminated((x.real, x.imag), pivoting)
    re, im = state.parts
    phase, logabs, singular = _determinant(state.pivots, state.order, pivoting)
    if pivoting:
        # Row order[k] holds row k of the inverse, column k its column order[k].
        number = jnp.arange(n, dtype=jnp.int32)
        match = state.order[:, None] == number[:, None]
        back = jnp.sum(jnp.where(match, number[:, None, None], 0), axis=0, dtype=jnp.int32)
        index = (state.order[:, None] * n + back[None]).reshape(n * n, batch)
        re, im = (jnp.take_along_axis(x.reshape(n * n, batch), index, 0) for x in (re, im))
    re = jnp.where(singular, jnp.nan, re.reshape(n, n, batch))
    inverse = lax.complex(re, im.reshape(n, n, batch))
    phase = jnp.where(singular, 0, phase)
    return Eliminated(phase, logabs, jnp.moveaxis(inverse, -1, 0))


def eliminate(a: Array, pivoting: bool) -> Eliminated:
    """Return determinant and inverse of complex matrices of shape (batch, n, n), in blocks."""
    batch, n = a.shape[:2]
    if batch <= BLOCK:
        return _block(a, pivoting)
    missing = -batch % BLOCK
    if missing:
        filling = jnp.broadcast_to(jnp.eye(n, dtype=a.dtype), (missing, n, n))
        a = jnp.concatenate([a, filling])
    found = lax.map(lambda b: _block(b, pivoting), a.reshape(-1, BLOCK, n, n))
    return Eliminated(*(x.reshape(-1, *x.shape[2:])[:batch] for x in found))


def closed_form(a: Array) -> Array:
    """Return the inverse of 1x1 and 2x2 matrices: the adjugate over the determinant."""
    if a.shape[-1] == 1:
        return 1 / a
    size = jnp.abs(a.real) + jnp.abs(a.imag)
    scale = jnp.max(size, axis=(-2, -1), keepdims=True)
    scale = (1 / jnp.where(scale == 0, 1.0, scale)).astype(a.dtype)
    b = a * scale
    p, q, r, s = b[..., 0, 0], b[..., 0, 1], b[..., 1, 0], b[..., 1, 1]
    adjugate = jnp.stack([jnp.stack([s, -q], -1), jnp.stack([-r, p], -1)], -2)
    return adjugate * (scale / (p * s - q * r)[..., None, None])
