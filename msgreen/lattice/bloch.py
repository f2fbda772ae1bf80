"""Periodic lattices: H(k), and the resolvent between sites as a sum over k.

A sum over N points per direction is the resolvent of a torus of N cells: the true one plus its
images N cells away, which decay like exp(-kappa N) with kappa about Im z over the band velocity.
"""

import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg

from msgreen._typing import Array, Complex

CHUNK = 4096
"""Points k that are held in memory at a time."""


def grid(mesh, twist=0.0) -> Array:
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


def bloch_matrix(matrices, cells, k) -> Complex[Array, "k dim dim"]:
    """Return H(k) = sum_R H(R) exp(2 pi i k.R).

    Parameters
    ----------
    matrices : complex array, shape (hop, dim, dim)
    cells : int array, shape (hop, dim)
    k : real array, shape (k, dim)
        In units of the reciprocal vectors.
    """
    phase = wave(k, np.asarray(cells, float).T)
    return jnp.tensordot(phase, matrices, axes=1)


def wave(k, r) -> Complex[Array, "..."]:
    """Return exp(2 pi i k.r) for rows k and columns r."""
    angle = 2 * jnp.pi * (k @ r)
    return jax.lax.complex(jnp.cos(angle), jnp.sin(angle))


def resolvent(matrices, cells, k, z) -> Complex[Array, "k dim dim"]:
    """Return (z - H(k))^-1 at one energy."""
    return linalg.resolvent(jnp.asarray(z, complex), bloch_matrix(matrices, cells, k))


def mesh_blocks(
    matrices, cells, mesh: int, z, differences, twist=0.0
) -> tuple[Complex[Array, "energy difference dim dim"], Complex[Array, "..."]]:
    """Return G between cells of an infinite lattice, from a mesh and from every second point.

    Parameters
    ----------
    matrices : complex array, shape (hop, dim, dim)
    cells : int array, shape (hop, dim)
    mesh : int
        Even number of points along every direction.
    z : complex array, shape (energy,)
    differences : int array, shape (difference, dim)
        R; the block is <0| G |R>.
    twist : float or array, shape (dim,)

    Returns
    -------
    fine, coarse : complex arrays, shape (energy, difference, dim, dim)
        Their difference estimates the error of the coarse mesh.
    """
    cells, differences = np.asarray(cells), np.asarray(differences, float)
    dim = cells.shape[1]
    total = mesh**dim
    chunk = min(CHUNK, total)
    starts = np.arange(0, total, chunk)
    shape = (mesh,) * dim

    def add(sums, start):
        index = start + jnp.arange(chunk)
        inside = (index < total).astype(float)
        point = jnp.stack(jnp.unravel_index(jnp.minimum(index, total - 1), shape), axis=-1)
        even = jnp.all(point % 2 == 0, axis=-1).astype(float) * 2.0**dim
        k = (point.astype(float) + jnp.asarray(twist, float)) / mesh
        back = wave(-k, differences.T)
        green = jax.vmap(lambda energy: resolvent(matrices, cells, k, energy))(z)
        weights = jnp.stack([inside, inside * even]).astype(complex) / total
        return sums + jnp.einsum("wk,kr,ekij->werij", weights, back, green, optimize=True), None

    size = matrices.shape[-1]
    zero = jnp.zeros((2, len(z), len(differences), size, size), complex)
    sums, _ = jax.lax.scan(jax.checkpoint(add), zero, jnp.asarray(starts))
    return sums[0], sums[1]
