"""Sums over a mesh of k points, plane by plane and without a matrix per point in memory.

A function of the cell, x(R) on a box of cells, becomes x(k) one direction after the other, which
costs a few products of small matrices per point instead of a phase for every R. At a tile of points
something is done with the matrices, and the result goes back to a box of cells in the same way.
Sums of x(R) and x(-R) go with cosines and differences with sines, so that these matrices are real.
Matrices have their indices first and the points last, so that the loops over points are innermost;
real and imaginary parts are separate arrays.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from msgreen_kernels.linalg.xla import eliminate_last

PLANES = 4
"""Planes between two additions to the result: its size is that of the box, times the matrices."""

Pair = tuple[Array, Array]


class Mesh(NamedTuple):
    """A mesh of k points; `visited` are the first of every direction that are summed."""

    size: Sequence[Array]
    visited: Sequence[Array]
    half: int | None


def _waves(width: int, points: Array, size) -> Array:
    """Return cos(2 pi k R / N) for R from 0 and sin for R from 1, shape (width, point).

    The product k R is exact modulo N.
    """
    cells = jnp.arange(width // 2 + 1)
    turn = jnp.mod(cells[:, None] * points[None], size).astype(float)
    angle = (2 * jnp.pi / size.astype(float)) * turn
    return jnp.concatenate([jnp.cos(angle), jnp.sin(angle[1:])])


def _times(x: Pair, waves: Array) -> Pair:
    return x[0] @ waves, x[1] @ waves


def _to_waves(x: Pair, axis: int, sign: int) -> Pair:
    """Return the coefficients of the waves of sum_R exp(2 pi i sign k R / N) x(R), on an axis."""
    half = x[0].shape[axis] // 2

    def parts(y):
        behind, own, ahead = jnp.split(y, (half, half + 1), axis)
        behind = jnp.flip(behind, axis)
        return (own, ahead + behind), ahead - behind

    (re, re_odd), (im, im_odd) = map(parts, x)
    return jnp.concatenate([*re, -sign * im_odd], axis), jnp.concatenate([*im, sign * re_odd], axis)


def _from_waves(x: Pair, axis: int, sign: int) -> Pair:
    """Return sum_k exp(2 pi i sign k R / N) y(k) of sums of y(k) times waves, on an axis."""
    half = x[0].shape[axis] // 2
    (own, re, re_odd), (im_own, im, im_odd) = (jnp.split(y, (1, half + 1), axis) for y in x)

    def cells(own, even, odd):
        return jnp.concatenate([jnp.flip(even - odd, axis), own, even + odd], axis)

    return cells(own, re, -sign * im_odd), cells(im_own, im, sign * re_odd)


def _swap(x: Pair) -> Pair:
    return jnp.swapaxes(x[0], -1, -2), jnp.swapaxes(x[1], -1, -2)


def _reshaped(x: Pair, *points: int) -> Pair:
    shape = (*x[0].shape[:2], *points)
    return x[0].reshape(shape), x[1].reshape(shape)


class Output(NamedTuple):
    """Where y(R) = sum_k exp(2 pi i sign k.R) y(k) is wanted: matrices on cells -reach...reach."""

    matrix: tuple[int, int]
    reach: tuple[int, int, int]
    sign: int


class Plan(NamedTuple):
    """What a sweep does: signs of the inputs, the act at a tile of points, outputs, mesh, tile.

    The act takes and returns lists of pairs of real arrays (n, m, point).
    """

    signs: Sequence[int]
    act: Callable[[list[Pair]], list[Pair]]
    outputs: Sequence[Output]
    mesh: Mesh
    tile: tuple[int, int]


def _forth(plan: Plan, xs: Sequence[Pair], axis: int, start, count: int) -> list[Pair]:
    """Transform the last axis, waves of a direction, to `count` points of the mesh."""
    points, size = start + jnp.arange(count), plan.mesh.size[axis]
    return [_times(x, _waves(x[0].shape[-1], points, size)) for x in xs]


def _back(plan: Plan, xs: Sequence[Pair], axis: int, start) -> list[Pair]:
    """Transform the last axis, points of the mesh, to waves, with the weights of the points."""
    mesh = plan.mesh
    points = start + jnp.arange(xs[0][0].shape[-1])
    weight = (points < mesh.visited[axis]).astype(float)
    if axis == mesh.half:
        own = (points == 0) | (2 * points == mesh.size[axis])
        weight = jnp.where(own, 0.5, 1.0) * weight
    found = []
    for x, output in zip(xs, plan.outputs, strict=True):
        waves = _waves(2 * output.reach[axis] + 1, points, mesh.size[axis])
        found.append(_times(x, (weight * waves).T))
    return found


def _loop(plan: Plan, span: tuple, step: Callable, shape: Callable) -> list[Pair]:
    """Add up lists of pairs whose last axes have the shape of an output's reach."""

    def add(n, sums):
        return [(a + c, b + d) for (a, b), (c, d) in zip(sums, step(n), strict=True)]

    shapes = [(*output.matrix, *shape(*output.reach)) for output in plan.outputs]
    empty = [(jnp.zeros(shape), jnp.zeros(shape)) for shape in shapes]
    return lax.fori_loop(span[0], span[1], add, empty)


def _plane(plan: Plan, lines: list[Pair]) -> list[Pair]:
    """Sum over the second and third direction; `lines` are (n, m, 2 L3 + 1, 2 L2 + 1)."""
    second, third = plan.tile

    def rows(n):
        strips = [_swap(x) for x in _forth(plan, lines, 1, n * second, second)]

        def points(m):
            here = _forth(plan, strips, 2, m * third, third)
            flat = [
                (re.reshape(*re.shape[:2], -1), im.reshape(*im.shape[:2], -1)) for re, im in here
            ]
            wide = [_reshaped(x, *plan.tile) for x in plan.act(flat)]
            return _back(plan, wide, 2, m * third)

        tiles = 0, -(-plan.mesh.visited[2] // third)
        found = _loop(plan, tiles, points, lambda a, b, c: (second, 2 * c + 1))
        return _back(plan, [_swap(x) for x in found], 1, n * second)

    tiles = 0, -(-plan.mesh.visited[1] // second)
    return _loop(plan, tiles, rows, lambda a, b, c: (2 * c + 1, 2 * b + 1))


def sweep(plan: Plan, inputs: Sequence[Pair], span) -> list[Pair]:
    """Return y(R) = sum_k weight exp(2 pi i s k.R) y(k) with y(k) = act(x(k), ...).

    Parameters
    ----------
    plan : Plan
    inputs : sequence of pairs of real arrays, shape (n, m, 2 L3 + 1, 2 L2 + 1, 2 L1 + 1)
        x(R) on cells -L...L.
    span : pair of int arrays
        First and last plane, in units of PLANES.

    Returns
    -------
    list of pairs of real arrays, shape (n, m, 2 r3 + 1, 2 r2 + 1, 2 r1 + 1)
    """
    coefficients = []
    for x, sign in zip(inputs, plan.signs, strict=True):
        for axis in (-3, -2, -1):
            x = _to_waves(x, axis, sign)
        coefficients.append(x)

    def slab(n):
        near = _forth(plan, coefficients, 0, n * PLANES, PLANES)
        lines = [(jnp.moveaxis(re, -1, 0), jnp.moveaxis(im, -1, 0)) for re, im in near]
        found = lax.map(lambda one: _plane(plan, one), lines)
        stack = [(jnp.moveaxis(re, 0, -1), jnp.moveaxis(im, 0, -1)) for re, im in found]
        return _back(plan, stack, 0, n * PLANES)

    found = _loop(plan, span, slab, lambda a, b, c: (2 * c + 1, 2 * b + 1, 2 * a + 1))
    for axis in (-3, -2, -1):
        found = [_from_waves(x, axis, o.sign) for x, o in zip(found, plan.outputs, strict=True)]
    return found


def product(a: Pair, b: Pair) -> Pair:
    """Return the products of matrices (n, k, point) and (k, m, point), in two parts."""
    shape = (a[0].shape[0], *b[0].shape[1:])

    def step(k, sums):
        re, im = sums
        left = [lax.dynamic_index_in_dim(x, k, 1, keepdims=True) for x in a]
        right = [lax.dynamic_index_in_dim(x, k, 0, keepdims=True) for x in b]
        re = re + (left[0] * right[0] - left[1] * right[1])
        im = im + (left[0] * right[1] + left[1] * right[0])
        return re, im

    return lax.fori_loop(0, a[0].shape[1], step, (jnp.zeros(shape), jnp.zeros(shape)))


def transpose(a: Pair) -> Pair:
    """Return the transposed matrices."""
    return jnp.swapaxes(a[0], 0, 1), jnp.swapaxes(a[1], 0, 1)


def resolvent(z: Array, h: Pair) -> Pair:
    """Return (z - h)^-1 of Hermitian matrices (n, n, point), for Im z > 0."""
    unit = jnp.eye(h[0].shape[0])[:, :, None]
    return eliminate_last((z.real * unit - h[0], z.imag * unit - h[1]))


def added(*terms: Pair) -> Pair:
    """Return the sum of matrices."""
    return sum(t[0] for t in terms), sum(t[1] for t in terms)  # pyright: ignore


def joined(parts: Sequence[Pair], axis: int) -> Pair:
    """Return matrices side by side."""
    return jnp.concatenate([p[0] for p in parts], axis), jnp.concatenate(
        [p[1] for p in parts], axis
    )
