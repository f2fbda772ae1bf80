"""Green functions of a periodic crystal between cells, as sums over a mesh of k points."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike

from msgreen_kernels.torus import xla
from msgreen_kernels.torus.dressing import dressed, pulled

TILES = {3: (8, 16), 2: (1, 32), 1: (1, 64), 0: (1, 1)}
"""Points done at once along the last two directions, by the number of periodic directions.

At n = 9 and 15^3 cells (8, 8) takes 1.25 times as long on meshes from 48, (16, 16) as long. Meshes
that are no multiples of a tile visit points in vain: 24^3 takes 10 % longer than with (8, 8).
"""

LARGE = {15: (8, 8), 21: (4, 8)}
"""The same in three directions from a size of the matrices on, which otherwise leave the cache.

On 31^3 points (8, 16) takes 1.4, 1.2 and 1.3 times as long at n = 16, 18 and 20, at n = 22 1.3
times as long as (4, 8); at n = 14 (8, 8) takes 1.15 times as long.
"""


def _many(count) -> bool:
    """Whether a direction has several points, as one whose number JAX traces has."""
    return isinstance(count, Tracer) or count > 1


def active_order(mesh: Sequence[int]) -> tuple[int, int, int]:
    """Return the directions in the order of the sweep: those with one point first or second."""
    active = [axis for axis in range(3) if _many(mesh[axis])]
    flat = [axis for axis in range(3) if not _many(mesh[axis])]
    if len(active) == 2:
        return active[0], flat[0], active[1]
    first, second, third = *flat, *active
    return first, second, third


def planes(mesh: Sequence[int], real: bool) -> int:
    """Return the number of slabs of planes that a sum over the mesh consists of."""
    size = [mesh[axis] for axis in active_order(mesh)]
    visited = size[0] // 2 + 1 if real and size[0] > 1 else size[0]
    return -(-visited // xla.PLANES)


def torus_green(
    z: ArrayLike,
    blocks: ArrayLike,
    mesh: Sequence[int],
    reach: Sequence[int],
    *,
    dressing: ArrayLike | None = None,
    frame: ArrayLike | None = None,
    real: bool = False,
    span: tuple[int, int] | None = None,
) -> Array:
    """Return the resolvent of a torus of N1 x N2 x N3 cells between the home cell and others.

        G(R) = 1/N sum_k exp(-2 pi i k.R) (z - h(k))^-1,   h(k) = sum_R exp(2 pi i k.R) h(R)

    Parameters
    ----------
    z : complex scalar
        With a positive imaginary part.
    blocks : complex array, shape (2 L1 + 1, 2 L2 + 1, 2 L3 + 1, n, n)
        h(R) on the cells -L...L, Hermitian: h(-R) = h(R)^+. With an overlap s(R) of the orbitals
        the resolvent of z s - h is that of h - z (s - 1).
    mesh : sequence of 3 int
        N; other meshes need no new compilation. Where several points are, JAX may trace how many if
        there is a `span`.
    reach : sequence of 3 int
        Cells -reach...reach are returned.
    dressing : complex array, shape of `blocks` with other L, optional
        b(R), Hermitian. Then [[G, G b], [b G, b G b]] is returned.
    frame : complex array, shape of `blocks` with other L, optional
        w(R), Hermitian and positive definite, with a dressing: the same for w G w and
        w^-1 b w^-1 instead of G and b.
    real : bool
        Whether h, s, b and w are real: G(-k) is the transpose of G(k), and half of the points do.
    span : pair of int, optional
        First and last of `planes` to sum over, for a part of the sum. By default all.

    Returns
    -------
    complex array, shape (2 r1 + 1, 2 r2 + 1, 2 r3 + 1, n, n), 2 n with a dressing

    Raises
    ------
    ValueError
        If a shape does not fit.

    Notes
    -----
    Elimination without pivoting is safe: a pivot is z - e - S(z) of a Schur complement, whose
    imaginary part is at least Im z, times the lowest eigenvalue of an overlap. First derivatives
    in reverse mode are those of the sum, at two to four times its cost; they need the whole `span`.
    """
    blocks = _box("blocks", blocks)
    boxes = (blocks, _like("dressing", dressing, blocks), _like("frame", frame, blocks))
    if frame is not None and dressing is None:
        raise ValueError("Argument `frame` must come with a `dressing`, but there is none.")
    mesh = tuple(n if isinstance(n, Tracer) else int(n) for n in mesh)  # pyright: ignore
    reach = tuple(int(n) for n in reach)
    if len(mesh) != 3 or any(not _many(n) and n < 1 for n in mesh):
        raise ValueError(f"Argument `mesh` must hold 3 positive integers, but it is {mesh}.")
    if len(reach) != 3 or min(reach) < 0:
        raise ValueError(f"Argument `reach` must hold 3 integers from 0, but it is {reach}.")
    order = active_order(mesh)
    half = next((a for a in range(3) if _many(mesh[order[a]])), None) if real else None
    directions = sum(map(_many, mesh))
    tile = TILES[directions]
    for least, smaller in LARGE.items():
        tile = smaller if directions == 3 and blocks.shape[-1] >= least else tile
    sizes = jnp.array([mesh[a] for a in order])
    span = (0, planes(mesh, real)) if span is None else span
    static = _Static((reach[order[0]], reach[order[1]], reach[order[2]]), half, tile)
    moved = tuple(None if x is None else jnp.transpose(x, (*order, 3, 4)) for x in boxes)
    found: Any = _sum(static, jnp.asarray(z, complex), moved, sizes, jnp.array(span))
    return jnp.transpose(found, (*np.argsort(order), 3, 4))


class _Static(NamedTuple):
    """What a compilation depends on, besides shapes."""

    reach: tuple[int, int, int]
    half: int | None
    tile: tuple[int, int]


def _box(name: str, array: ArrayLike) -> Array:
    array = jnp.asarray(array)
    shape = array.shape
    if array.ndim != 5 or shape[3] != shape[4] or not all(width % 2 for width in shape[:3]):
        raise ValueError(
            f"Argument `{name}` must have shape (2 L1 + 1, 2 L2 + 1, 2 L3 + 1, n, n), but its "
            f"shape is {shape}."
        )
    return array.astype(complex)


def _like(name: str, array: ArrayLike | None, blocks: Array) -> Array | None:
    given = None if array is None else _box(name, array)
    if given is not None and given.shape[3:] != blocks.shape[3:]:
        raise ValueError(
            f"Argument `{name}` must hold matrices like `blocks`, {blocks.shape[3:]}, but its "
            f"shape is {given.shape}."
        )
    return given


def _parts(box: Array) -> xla.Pair:
    """Matrices first, directions last to first, as `xla.sweep` has them."""
    turned = jnp.transpose(box, (3, 4, 2, 1, 0))
    return turned.real, turned.imag


def _matrices_last(parts: xla.Pair) -> Array:
    return jnp.transpose(jax.lax.complex(*parts), (4, 3, 2, 0, 1))


def _mesh(sizes: Array, half: int | None) -> xla.Mesh:
    visited = [sizes[a] // 2 + 1 if a == half else sizes[a] for a in range(3)]
    return xla.Mesh([sizes[a] for a in range(3)], visited, half)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _sum(static: _Static, z, boxes, sizes, span) -> Array:
    return _whole(static, _swept(static, z, boxes, sizes, span), sizes)


@partial(jax.jit, static_argnums=(0,))
def _swept(static: _Static, z, boxes, sizes, span) -> list[xla.Pair]:
    reach, half, tile = static
    blocks, dressing, frame = boxes
    n = blocks.shape[-1]

    def act(x):
        g = xla.resolvent(z, x[0])
        return [g] if dressing is None else dressed(g, x[1], None if frame is None else x[2])

    inputs = [_parts(box) for box in boxes if box is not None]
    outputs = [xla.Output((n, n), reach, -1)] * (1 if dressing is None else 4)
    plan = xla.Plan([1] * len(inputs), act, outputs, _mesh(sizes, half), tile)
    return xla.sweep(plan, inputs, (span[0], span[1]))


# By itself, as XLA would otherwise fuse the transpositions with what makes their input.
@partial(jax.jit, static_argnums=(0,))
def _whole(static: _Static, parts: list[xla.Pair], sizes) -> Array:
    """Return boxes of matrices, those of several blocks joined, divided by the number of points."""
    found = [_matrices_last(x) for x in parts]
    if len(found) > 1:
        rows = (jnp.concatenate(found[i : i + 2], -1) for i in (0, 2))
        found = [jnp.concatenate(list(rows), -2)]
    (green,) = found
    if static.half is not None:
        green = green + jnp.swapaxes(green[::-1, ::-1, ::-1], -1, -2)
    return green / jnp.prod(sizes).astype(complex)


def _forward(static, z, boxes, sizes, span):
    return _sum(static, z, boxes, sizes, span), (z, boxes, sizes)


def _reverse(static, saved, cotangent):
    z, boxes, sizes = saved
    return _pulled(static, z, boxes, sizes, cotangent)


@partial(jax.jit, static_argnums=(0,))
def _pulled(static: _Static, z, boxes, sizes, cotangent):
    """Pull a cotangent of T back, point by point.

    Those of h(R), b(R) and w(R) are sums over the whole mesh with the opposite waves, as h(k), b(k)
    and w(k) are; z* is minus the trace of h*(R = 0).
    """
    blocks, dressing, frame = boxes
    n = blocks.shape[-1]
    given = [box for box in boxes if box is not None]

    def act(x):
        g = xla.resolvent(z, x[0])
        if dressing is None:
            g = xla.transpose(g)
            return [xla.product(xla.product(g, x[1]), g)]
        return pulled(g, x[1], None if frame is None else x[2], x[-1])

    outputs = [xla.Output((n, n), _reach(box), 1) for box in given]
    mesh = _mesh(sizes, None)
    plan = xla.Plan([1] * len(given) + [-1], act, outputs, mesh, static.tile)
    inputs = [*map(_parts, given), _parts(cotangent)]
    sums = xla.sweep(plan, inputs, (0, -(-mesh.visited[0] // xla.PLANES)))
    found = [_matrices_last(x) / jnp.prod(sizes).astype(complex) for x in sums]
    home = _reach(blocks)
    energy = -jnp.trace(found[0][home])
    missing = [None] * (len(boxes) - len(found))
    return energy, (*found, *missing), None, None


def _reach(box: Array) -> tuple[int, int, int]:
    a, b, c = (width // 2 for width in box.shape[:3])
    return a, b, c


_sum.defvjp(_forward, _reverse)
