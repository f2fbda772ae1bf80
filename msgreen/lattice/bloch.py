"""Periodic lattices: H(k), and the resolvent between sites as a sum over k.

A sum over N points per direction is the resolvent of a torus of N cells: the true one plus its
images N cells away, which decay like exp(-kappa N) with kappa about Im z over the band velocity.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from msgreen_kernels import linalg
from msgreen_kernels.torus import planes, torus_green

from msgreen._typing import Array, ArrayLike, Complex, Float, Int, Num, Scalar
from msgreen.blocks import SUMMANDS, sum_items
from msgreen.errors import InputError

CHUNK = 4096
"""Points k that are held in memory at a time."""


def grid(
    mesh: Sequence[int] | Int[np.ndarray, " dim"],
    twist: Scalar | Float[ArrayLike, " dim"] = 0.0,
) -> Array:
    """Return the points (n + twist) / N of a mesh in units of the reciprocal vectors.

    Parameters
    ----------
    mesh : sequence of int
        N along every direction.
    twist : float or array, shape (dim,)
        Shift in units of the spacing; 1/2 makes the torus antiperiodic.

    Returns
    -------
    real array, shape (k, dim)
    """
    axes = np.meshgrid(*(np.arange(n) for n in mesh), indexing="ij")
    index = jnp.asarray(np.stack([a.ravel() for a in axes], axis=-1), float)
    return (index + jnp.asarray(twist, float)) / np.asarray(mesh, float)


def bloch_matrix(
    matrices: Complex[Array | np.ndarray, "hop size size"],
    cells: Int[ArrayLike, "hop dim"],
    k: Float[Array | np.ndarray, "k dim"],
) -> Complex[Array, "k size size"]:
    """Return H(k) = sum_R H(R) exp(2 pi i k.R).

    Parameters
    ----------
    matrices : complex array, shape (hop, size, size)
    cells : int array, shape (hop, dim)
    k : real array, shape (k, dim)
        In units of the reciprocal vectors.
    """
    phase = wave(k, np.asarray(cells, float).T)
    return jnp.tensordot(phase, matrices, axes=1)


def wave(
    k: Float[Array | np.ndarray, "... dim"], r: Float[Array | np.ndarray, "dim ..."]
) -> Complex[Array, "..."]:
    """Return exp(2 pi i k.r) for rows k and columns r."""
    angle = 2 * jnp.pi * (k @ r)
    return jax.lax.complex(jnp.cos(angle), jnp.sin(angle))


def resolvent(
    matrices: Complex[Array | np.ndarray, "hop size size"],
    cells: Int[ArrayLike, "hop dim"],
    k: Float[Array | np.ndarray, "k dim"],
    z: complex | Num[Array, ""],
) -> Complex[Array, "k size size"]:
    """Return (z - H(k))^-1 at one energy."""
    return linalg.resolvent(jnp.asarray(z, complex), bloch_matrix(matrices, cells, k))


def at_mesh(box: Complex[Array | np.ndarray, "... size size"], mesh: Sequence[int]) -> Any:
    """Return x(k) = sum_R exp(2 pi i k.R) x(R) on a mesh, one direction after the other.

    Parameters
    ----------
    box : complex array, shape (2 L1 + 1, ..., 2 Ld + 1, n, n)
        x(R) on the cells -L...L, of numpy or JAX, as is what is returned.
    mesh : sequence of int
        N along every direction.

    Returns
    -------
    complex array, shape (N1, ..., Nd, n, n)
    """
    for axis, count in enumerate(mesh):
        box = _along(axis, _phases(count, box.shape[axis]), box)
    return box


def from_mesh(values: Complex[Array | np.ndarray, "... size size"]) -> Any:
    """Return x(R) on cells -L...L from x(k) on 2 L + 1 points a direction; undo `at_mesh`."""
    for axis, count in enumerate(values.shape[:-2]):
        values = _along(axis, _phases(count, count).conj().T / count, values)
    return values


def _phases(count: int, width: int) -> np.ndarray:
    """Waves of a mesh, one per row, at the cells -L...L of one direction."""
    return np.exp(2j * np.pi * np.outer(np.arange(count), np.arange(width) - width // 2) / count)


def _along(axis: int, matrix: np.ndarray, box):
    """Multiply one axis of a box by a matrix."""
    xp: Any = np if isinstance(box, np.ndarray) else jnp
    return xp.moveaxis(xp.tensordot(matrix, box, axes=(1, axis)), 0, axis)


def mesh_blocks(
    matrices: Complex[Array | np.ndarray, "hop size size"],
    cells: Int[ArrayLike, "hop dim"],
    mesh: int,
    z: Complex[Array, " energy"],
    differences: Int[ArrayLike, "difference dim"],
    twist: Scalar | Float[ArrayLike, " dim"] = 0.0,
) -> Complex[Array, "coset energy difference size size"]:
    """Return G between cells of an infinite lattice from interleaved meshes.

    A mesh of N points per direction falls into 2^dim cosets of N/2 points per direction, the
    twisted tori of N/2 cells. Their mean is the torus of N cells, and how they scatter about it
    estimates their errors at no cost.

    Parameters
    ----------
    matrices : complex array, shape (hop, size, size)
    cells : int array, shape (hop, dim)
    mesh : int
        N, even.
    z : complex array, shape (energy,)
    differences : int array, shape (difference, dim)
        R; the block is <0| G |R>.
    twist : float or array, shape (dim,)
        Of the torus of N cells.

    Returns
    -------
    complex array, shape (2^dim, energy, difference, size, size)
        The first is the torus of N/2 cells with the same twist.
    """
    dim, size = np.shape(cells)[1], matrices.shape[-1]
    total = (mesh // 2) ** dim
    chunk = min(CHUNK, total)
    cosets, starts = np.meshgrid(np.arange(2**dim), np.arange(0, total, chunk), indexing="ij")
    places = [tuple(map(tuple, np.asarray(rows).tolist())) for rows in (cells, differences)]
    known = matrices, *places, mesh, chunk, z, jnp.asarray(twist, float)
    touched = 16 * chunk * len(z) * size**2
    return sum_items(_some_chunks, known, (cosets.ravel(), starts.ravel()), touched)


@eqx.filter_jit
def _some_chunks(known, share, cosets, starts):
    """Sum over chunks of the points of cosets, shape (coset, energy, difference, size, size)."""
    matrices, cells, differences, mesh, chunk, z, twist = known
    dim, size, half = len(cells[0]), matrices.shape[-1], mesh // 2
    total = half**dim
    columns = np.asarray(differences, float).reshape(-1, dim).T

    def add(sums, chosen):
        part, coset, start = chosen
        index = start + jnp.arange(chunk)
        inside = (index < total).astype(complex) * (part / total).astype(complex)
        steps = jnp.unravel_index(jnp.minimum(index, total - 1), (half,) * dim)
        corner = jnp.stack(jnp.unravel_index(coset, (2,) * dim))
        point = 2 * jnp.stack(steps, axis=-1) + corner
        k = (point.astype(float) + twist) / mesh
        back = inside[:, None] * wave(-k, columns)
        green = jax.vmap(lambda energy: resolvent(matrices, cells, k, energy))(z)
        return sums.at[coset].add(jnp.einsum("kr,ekij->erij", back, green)), None

    zero = jnp.zeros((2**dim, len(z), columns.shape[1], size, size), complex)
    chosen = jnp.asarray(share), jnp.asarray(cosets), jnp.asarray(starts)
    return jax.lax.scan(jax.checkpoint(add), zero, chosen)[0]


_PART_POINTS = 2**17
"""Points k of a part of `torus_box`: with 9 orbitals it costs 3 % more than without parts."""

_PAIR_POINTS = 2**14
"""Points k from which there are two parts all the same, for two threads."""

_PARTS_BYTES = 256 * 2**20
"""Memory of the boxes of all parts, which are held until they are added."""

_WORKERS = 2
"""Parts at once, each on one thread: on two cores 1.9 times faster than one."""


def torus_box(
    z: complex | Num[Array, ""],
    blocks: Complex[Array, "n1 n2 n3 size size"],
    mesh: Sequence[int],
    reach: Sequence[int],
    *,
    dressing: Complex[Array, "..."] | None = None,
    frame: Complex[Array, "..."] | None = None,
    real: bool = False,
) -> Complex[Array, "..."]:
    """Return `msgreen_kernels.torus.torus_green`; parts of the sum are blocks of long work.

    Parameters
    ----------
    z, blocks, mesh, reach, dressing, frame, real
        As there.

    Returns
    -------
    complex array, shape (2 r1 + 1, 2 r2 + 1, 2 r3 + 1, n, n), 2 n with a dressing
    """
    size = blocks.shape[-1] * (1 if dressing is None else 2)
    box = 16 * size**2 * int(np.prod([2 * r + 1 for r in reach]))
    points, held = int(np.prod(mesh)), max(2, _PARTS_BYTES // box)
    wanted = max(points // _PART_POINTS, _WORKERS if points >= _PAIR_POINTS else 1)
    slabs = planes(mesh, real)
    parts = min(wanted, slabs, SUMMANDS, held)
    edges = np.linspace(0, slabs, parts + 1).astype(int)
    # As numbers of numpy, meshes need no compilation of their own on several devices either.
    sizes = tuple(np.int64(n) if n > 1 else 1 for n in mesh)
    known = (jnp.asarray(z, complex), blocks, dressing, frame, sizes, tuple(reach), real)
    return sum_items(_some_planes, known, (edges[:-1], edges[1:]), 2**40, workers=_WORKERS)


def _some_planes(known, share, start, stop):
    """Sum over parts, which follow each other; those without a share do at the end."""
    z, blocks, dressing, frame, mesh, reach, real = known
    last = start[0] + share[0].astype(int) * (stop[-1] - start[0])
    span = start[0], last
    return torus_green(z, blocks, mesh, reach, dressing=dressing, frame=frame, real=real, span=span)


LADDER: tuple[int, ...] = (4, 8, 15, 23, 31, 47, 63, 87, 111, 143, 191, 255, 383, 511)
"""Meshes that are tried, most of them 4/3 or 3/2 of the one before: doubling costs 40 % more.

One less than a multiple of 8 fills the tiles of `torus_green`, and half of it the slabs: 95 takes
12 % less than 96.
"""

GROWTH = 10.0
"""Factor by which the error of a mesh may exceed the square of that of its half, relative to G.

With 10 alone it was too small in 4 of 33 cases; max(10, N/4) held in all. Waves in d dimensions
spread as R^-(d-1)/2, whence the N.
"""

MARGIN = 2.0
"""Factor on the error of a mesh for changes that are small by accident.

With it the smallest ratio of error and truth is 1.3 in 1242 pairs of iron at tolerances of 0.002 to
0.6 meV, 1.7 in 168 of them with the vertex "bond".
"""

LARGEST_QUOTIENT = 2 / 3
"""Of the errors of two meshes, where their difference does not tell it: the error is 4 times it."""


@jax.jit
def atom_blocks(
    box: Complex[Array | np.ndarray, "sector n1 n2 n3 row column"],
    cells: Int[ArrayLike, "pair 3"],
    rows: Int[ArrayLike, "atom size"] | None,
    start: Int[ArrayLike, " pair"],
    end: Int[ArrayLike, " pair"],
) -> Complex[Array, "pair sector size size"]:
    """Return the blocks between atoms in chosen cells of boxes.

    A row of an atom that is one too far is a row of zeros; None are all rows, of the only atom.
    """
    found = box[(slice(None), *(cells + np.array(box.shape[1:4]) // 2).T)]
    if rows is None:
        return jnp.moveaxis(found, 0, 1)
    found = jnp.pad(found, [(0, 0)] * 2 + [(0, 1)] * 2)
    pair, rows = jnp.arange(found.shape[1])[:, None, None], jnp.asarray(rows)
    return jnp.moveaxis(found[:, pair, rows[start][:, :, None], rows[end][:, None, :]], 0, 1)


def error_ratio(
    coarse: Num[Array | np.ndarray, "..."],
    fine: Num[Array | np.ndarray, "..."],
    before: int,
    after: int,
) -> Float[Array, ""]:
    """Return the error of the finer mesh over its difference from the coarser one.

    The error falls like exp(-kappa N). From N to f N the relative error delta becomes at most q
    delta with q = (g delta)^(f - 1), g = max(10, N/4), and the difference is (1 - q) delta.
    """
    if isinstance(fine, Tracer) or isinstance(coarse, Tracer):
        xp: Any = jnp
        coarse, fine = jax.lax.stop_gradient((coarse, fine))
    else:
        # On large boxes a quarter of the time of XLA.
        xp, coarse, fine = np, np.asarray(coarse), np.asarray(fine)
    delta = xp.abs(fine - coarse).max() / xp.abs(fine).max()
    quotient = (max(GROWTH, after / 4) * delta) ** (after / before - 1)
    quotient = xp.minimum(quotient, LARGEST_QUOTIENT)
    return jnp.asarray(MARGIN * quotient / (1 - quotient))


def check_reach(mesh: int, steps: Int[ArrayLike, "..."]) -> None:
    """Refuse cells that a torus of `mesh` cells places as near the other way round.

    Parameters
    ----------
    mesh : int
    steps : int array
        Differences of cells.
    """
    reach = int(np.abs(steps).max(initial=0))
    if 2 * reach >= mesh:
        raise InputError(
            f"Argument `mesh` must be more than twice the distance of the sites, but it is {mesh} "
            f"and they are up to {reach} cells apart. Use at least {2 * reach + 2}."
        )
