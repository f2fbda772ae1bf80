"""Unrolled elimination for small matrices."""

import jax
import jax.numpy as jnp
from jax import Array, lax

# Largest size where unrolled elimination beats the others on a CPU; see kernels/README.md.
LARGEST_UNROLLED = 4

Entry = tuple[Array, Array]
Rows = list[list[Entry]]


def _select(condition: Array, yes: Entry, no: Entry) -> Entry:
    return jnp.where(condition, yes[0], no[0]), jnp.where(condition, yes[1], no[1])


def _swap_largest_up(rows: Rows, k: int, odd: Array) -> Array:
    """Move the row with the largest entry in column k to row k; return the parity."""
    for i in range(k + 1, len(rows)):
        (tr, ti), (cr, ci) = rows[k][k], rows[i][k]
        larger = jnp.abs(cr) + jnp.abs(ci) > jnp.abs(tr) + jnp.abs(ti)
        odd = odd ^ larger
        for j in range(k, len(rows)):
            top, low = rows[k][j], rows[i][j]
            rows[k][j] = _select(larger, low, top)
            rows[i][j] = _select(larger, top, low)
    return odd


def _eliminate(rows: Rows, k: int) -> None:
    """Subtract multiples of row k from the rows below it."""
    pr, pi = rows[k][k]
    scale = jnp.abs(pr) + jnp.abs(pi)
    scale = 1 / jnp.where(scale == 0, 1.0, scale)
    pr, pi = pr * scale, pi * scale
    norm = pr * pr + pi * pi
    norm = scale / jnp.where(norm == 0, 1.0, norm)
    qr, qi = pr * norm, -pi * norm
    for i in range(k + 1, len(rows)):
        cr, ci = rows[i][k]
        fr, fi = cr * qr - ci * qi, cr * qi + ci * qr
        for j in range(k + 1, len(rows)):
            (tr, ti), (lr, li) = rows[k][j], rows[i][j]
            rows[i][j] = (lr - (fr * tr - fi * ti), li - (fr * ti + fi * tr))


@jax.jit
def unrolled(a: Array) -> tuple[Array, Array]:
    """Return phase and log|det| by elimination with partial pivoting, the batch innermost."""
    n = a.shape[-1]
    entries = jnp.moveaxis(a.reshape(-1, n * n), 1, 0)
    rows = [[(e.real, e.imag) for e in entries[i * n : (i + 1) * n]] for i in range(n)]
    odd = jnp.zeros(entries.shape[1], bool)
    one = jnp.ones_like(rows[0][0][0])
    logabs, re, im = 0 * one, one, 0 * one
    for k in range(n):
        odd = _swap_largest_up(rows, k, odd)
        pr, pi = rows[k][k]
        size = jnp.hypot(pr, pi)
        logabs = logabs + jnp.log(size)
        scale = 1 / jnp.where(size == 0, 1.0, size)
        ur, ui = pr * scale, pi * scale
        re, im = re * ur - im * ui, re * ui + im * ur
        _eliminate(rows, k)
    sign = jnp.where(odd, -one, one)
    shape = a.shape[:-2]
    return lax.complex(sign * re, sign * im).reshape(shape), logabs.reshape(shape)
