"""Sums over a mesh of k points, plane by plane and without a matrix per point in memory.

A function of the cell, x(R) on a box of cells, becomes x(k) one direction after the other, which
costs a few products of small matrices per point instead of a phase for every R. At a tile of points
something is done with the matrices, and the result goes back to a box of cells in the same way.
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


class Box(NamedTuple):
    """Matrices x(R) on cells -L...L, and the sign s of x(k) = sum_R exp(2 pi i s k.R) x(R).

    Attributes
    ----------
    parts : pair of real arrays, shape (n, m, 2 L3 + 1, 2 L2 + 1, 2 L1 + 1)
    sign : int
    """

    parts: Pair
    sign: int


class Mesh(NamedTuple):
    """A mesh of k points; `visited` are the first of every direction that are summed."""

    size: Sequence[Array]
    visited: Sequence[Array]
    half: int | None


def _wave(cells: Array, points: Array, size, sign: int) -> Pair:
    """Return exp(2 pi i sign k R / N), shape (cell, point); the product is exact modulo N."""
    turn = jnp.mod(cells[:, None] * points[None], size).astype(float)
    angle = (sign * 2 * jnp.pi / size.astype(float)) * turn
    return jnp.cos(angle), jnp.sin(angle)


def _times(x: Pair, wave: Pair) -> Pair:
    """Return x @ wave for complex numbers in two parts, as one product of real matrices."""
    cos, sin = wave
    flat = jnp.concatenate(x, axis=-1)
    turned = jnp.concatenate(
        [jnp.concatenate([cos, sin], axis=1), jnp.concatenate([-sin, cos], axis=1)]
    )
    product = flat @ turned
    count = cos.shape[1]
    return product[..., :count], product[..., count:]


def _swap(x: Pair) -> Pair:
    return jnp.swapaxes(x[0], -1, -2), jnp.swapaxes(x[1], -1, -2)


def _cells(width: int) -> Array:
    return jnp.arange(width) - width // 2


def sweep(
    inputs: Sequence[Box],
    act: Callable[[list[Pair]], list[Pair]],
    outputs: Sequence[tuple[tuple[int, int], tuple[int, int, int], int]],
    mesh: Mesh,
    span: tuple[Array, Array],
    tile: tuple[int, int],
) -> list[Pair]:
    """Return y(R) = sum_k weight exp(2 pi i s k.R) y(k) with y(k) = act(x(k), ...).

    Parameters
    ----------
    inputs : sequence of Box
    act : callable
        Takes and returns lists of pairs of real arrays (n, m, point).
    outputs : sequence of (matrix shape, reach, sign)
        Cells -reach...reach of the three directions.
    mesh : Mesh
        The weight is 1/2 at points of the direction `half` that are their own partners.
    span : pair of int arrays
        First and last plane, in units of PLANES.
    tile : pair of int
        Points of the second and third direction that are done at once.

    Returns
    -------
    list of pairs of real arrays, shape (n, m, 2 r3 + 1, 2 r2 + 1, 2 r1 + 1)
    """
    second, third = tile

    def forth(x: Pair, sign: int, axis: int, start, count: int) -> Pair:
        points = start + jnp.arange(count)
        return _times(x, _wave(_cells(x[0].shape[-1]), points, mesh.size[axis], sign))

    def back(x: Pair, reach: int, sign: int, axis: int, start) -> Pair:
        points = start + jnp.arange(x[0].shape[-1])
        weight = (points < mesh.visited[axis]).astype(float)
        if axis == mesh.half:
            own = (points == 0) | (2 * points == mesh.size[axis])
            weight = jnp.where(own, 0.5, 1.0) * weight
        cos, sin = _wave(_cells(2 * reach + 1), points, mesh.size[axis], sign)
        return _times(x, ((weight * cos).T, (weight * sin).T))

    def zeros(ranges: Callable) -> list[Pair]:
        shapes = [(*matrix, *ranges(reach)) for matrix, reach, _ in outputs]
        return [(jnp.zeros(shape), jnp.zeros(shape)) for shape in shapes]

    def add(sums: list[Pair], terms: list[Pair]) -> list[Pair]:
        return [(a + c, b + d) for (a, b), (c, d) in zip(sums, terms, strict=True)]

    def plane(lines: list[Pair]) -> list[Pair]:
        def rows(n, sums):
            strips = [
                _swap(forth(x, box.sign, 1, n * second, second))
                for x, box in zip(lines, inputs, strict=True)
            ]

            def points(m, sums):
                here = [
                    forth(x, box.sign, 2, m * third, third)
                    for x, box in zip(strips, inputs, strict=True)
                ]
                flat = [tuple(p.reshape(*p.shape[:2], -1) for p in x) for x in here]
                found = act(flat)
                wide = [tuple(p.reshape(*p.shape[:2], second, third) for p in x) for x in found]
                terms = [
                    back(x, reach[2], sign, 2, m * third)
                    for x, (_, reach, sign) in zip(wide, outputs, strict=True)
                ]
                return add(sums, terms)

            empty = zeros(lambda r: (second, 2 * r[2] + 1))
            found = lax.fori_loop(0, -(-mesh.visited[2] // third), points, empty)
            terms = [
                back(_swap(x), reach[1], sign, 1, n * second)
                for x, (_, reach, sign) in zip(found, outputs, strict=True)
            ]
            return add(sums, terms)

        empty = zeros(lambda r: (2 * r[2] + 1, 2 * r[1] + 1))
        return lax.fori_loop(0, -(-mesh.visited[1] // second), rows, empty)

    def slab(n, sums):
        near = [forth(box.parts, box.sign, 0, n * PLANES, PLANES) for box in inputs]
        near = [tuple(jnp.moveaxis(p, -1, 0) for p in x) for x in near]
        found = lax.map(plane, near)
        terms = [
            back(tuple(jnp.moveaxis(p, 0, -1) for p in x), reach[0], sign, 0, n * PLANES)
            for x, (_, reach, sign) in zip(found, outputs, strict=True)
        ]
        return add(sums, terms)

    empty = zeros(lambda r: (2 * r[2] + 1, 2 * r[1] + 1, 2 * r[0] + 1))
    return lax.fori_loop(*span, slab, empty)


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


def dressed(g: Pair, b: Pair) -> Pair:
    """Return [[g, g b], [b g, b g b]], shape (2 n, 2 n, point)."""
    right = product(g, b)
    rows = [g, right], [product(b, g), product(b, right)]
    return tuple(
        jnp.concatenate([jnp.concatenate([x[p] for x in row], axis=1) for row in rows])
        for p in range(2)
    )  # pyright: ignore[reportReturnType]
