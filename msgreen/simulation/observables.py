"""What is looked at in states of spins: order of any wave vector, chirality, topological charge.

All are modules that map directions (replica, *box, site, 3) to one row per replica, so that
`monte_carlo` can record them.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float, Int
from msgreen.errors import InputError
from msgreen.spinmodel import SpinModel


class Moment(eqx.Module):
    """The mean of all spins that a term names, shape (replica, 3).

    Parameters
    ----------
    model : SpinModel
    signs : real array, shape (site,), optional
        Of the sites of a cell: +1 and -1 for the staggered moment of two sublattices.
    """

    weights: Float[Array, " site"]
    dimension: int = eqx.field(static=True)

    def __init__(self, model: SpinModel, signs: Float[ArrayLike, " site"] | None = None):
        if signs is not None:
            _checks.finite_array("signs", signs, (model.site_count,))
        coupled = model.coupled
        weights = coupled / coupled.sum()
        self.weights = jnp.asarray(weights if signs is None else weights * np.asarray(signs, float))
        self.dimension = model.dimension

    def __call__(self, directions: Float[Array | np.ndarray, "replica *box site 3"]) -> Array:
        """Return it."""
        cells = tuple(range(1, self.dimension + 1))
        return jnp.einsum("rsx,s->rx", jnp.mean(directions, axis=cells), self.weights)


class StructureFactor(eqx.Module):
    """S(q) = |sum_i S_i exp(-2 pi i q . r_i)|^2 / N, shape (replica, wave).

    The sum goes over the spins that a term names, N of them.

    Parameters
    ----------
    model : SpinModel
        Of a lattice.
    q : real array, shape (wave, dim)
        In units of the reciprocal lattice vectors; multiples of 1/n of a box of n cells have no
        leakage.
    """

    phases: Complex[Array, "wave site"]
    q: Float[Array, "wave dim"]
    count: int = eqx.field(static=True)

    def __init__(self, model: SpinModel, q: Float[ArrayLike, "wave dim"]):
        if model.lattice is None:
            raise InputError(
                "Argument `model` must be of a lattice, but it is a finite cluster. Wave vectors "
                "need one."
            )
        _checks.shaped("q", q, ("wave", model.dimension))
        _checks.finite("q", q)
        self.q = jnp.asarray(q, float)
        inner = model.lattice.basis @ np.linalg.pinv(model.lattice.vectors)
        coupled = model.coupled
        self.phases = _wave(self.q @ inner.T) * coupled.astype(complex)
        self.count = int(coupled.sum())

    def __call__(self, directions: Float[Array | np.ndarray, "replica *box site 3"]) -> Array:
        """Return it."""
        box = directions.shape[1:-2]
        waves = jnp.einsum("ws,r...sa->rwa...", self.phases, directions.astype(complex))
        for axis, size in enumerate(box):
            phase = _wave(jnp.outer(self.q[:, axis], jnp.arange(size).astype(float)))
            waves = jnp.einsum("rwan...,wn->rwa...", waves, phase)
        return jnp.sum(jnp.abs(waves) ** 2, axis=-1) / (self.count * int(np.prod(box)))


def _wave(turns: Array) -> Array:
    """Return exp(-2 pi i x)."""
    return jax.lax.complex(jnp.cos(2 * jnp.pi * turns), -jnp.sin(2 * jnp.pi * turns))


class ScalarChirality(eqx.Module):
    """Mean of S_i . (S_j x S_k) over triangles, shape (replica,).

    Parameters
    ----------
    model : SpinModel
    sites : int array, shape (triangle, 3)
    cells : int array, shape (triangle, 3, dim), optional
        Of a lattice; by default all in the same cell.
    """

    triangles: "_Triangles"

    def __init__(
        self,
        model: SpinModel,
        sites: Int[ArrayLike, "triangle 3"],
        cells: Int[ArrayLike, "triangle 3 dim"] | None = None,
    ):
        self.triangles = _Triangles(model, sites, cells)

    def __call__(self, directions: Float[Array | np.ndarray, "replica *box site 3"]) -> Array:
        """Return it."""
        a, b, c = self.triangles.corners(directions)
        triple = jnp.sum(a * jnp.cross(b, c), axis=-1)
        return jnp.mean(triple, axis=tuple(range(1, triple.ndim)))


class TopologicalCharge(eqx.Module):
    """How often the spins of a plane cover the sphere, shape (replica,).

    The solid angles of triangles that cover the plane once, over 4 pi: an integer for any state of
    a periodic box whose spins are not exactly opposite. A skyrmion has -1 if its core points down
    in a plane that points up.

    Parameters
    ----------
    model : SpinModel
        Of a lattice of two dimensions.
    sites, cells : int arrays, shapes (triangle, 3) and (triangle, 3, 2), optional
        Of a cell, going around counterclockwise; by default the two triangles of the cell of a
        lattice with one site.

    References
    ----------
    Berg and Luescher, Nucl. Phys. B 190, 412 (1981).
    """

    triangles: "_Triangles"

    def __init__(
        self,
        model: SpinModel,
        sites: Int[ArrayLike, "triangle 3"] | None = None,
        cells: Int[ArrayLike, "triangle 3 2"] | None = None,
    ):
        lattice = model.lattice
        if lattice is None or model.dimension != 2 or (sites is None and model.site_count != 1):
            raise InputError(
                "Argument `model` must be of a lattice of two dimensions, with one site unless "
                "triangles are given, but it is not. Give `sites` and `cells`."
            )
        if sites is None:
            sites = [[0, 0, 0], [0, 0, 0]]
            cells = [[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]]
            if np.linalg.det(lattice.vectors) < 0:
                cells = [row[::-1] for row in cells]
        self.triangles = _Triangles(model, sites, cells)

    def __call__(self, directions: Float[Array | np.ndarray, "replica *box site 3"]) -> Array:
        """Return it."""
        a, b, c = self.triangles.corners(directions)
        triple = jnp.sum(a * jnp.cross(b, c), axis=-1)
        pairs = sum(jnp.sum(x * y, axis=-1) for x, y in ((a, b), (b, c), (c, a)))
        angle = 2 * jnp.arctan2(triple, 1 + pairs)
        return jnp.sum(angle, axis=tuple(range(1, angle.ndim))) / (4 * jnp.pi)


class _Triangles(eqx.Module):
    """Triangles of sites of every cell."""

    sites: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    cells: tuple[tuple[tuple[int, ...], ...], ...] = eqx.field(static=True)

    def __init__(self, model: SpinModel, sites, cells=None):
        _checks.shaped("sites", _checks.numbers("sites", sites, "iu"), ("triangle", 3))
        sites = np.asarray(sites, int)
        cells = np.zeros((*sites.shape, model.dimension), int) if cells is None else cells
        shape = (*sites.shape, model.dimension)
        _checks.shaped("cells", _checks.numbers("cells", cells, "iu"), shape)
        if np.any(sites < 0) or np.any(sites >= model.site_count):
            raise InputError(
                f"Argument `sites` must hold numbers from 0 to {model.site_count - 1}, but it does "
                "not. Count the sites of a cell."
            )
        self.sites = tuple(map(tuple, sites.tolist()))
        self.cells = tuple(tuple(map(tuple, row)) for row in np.asarray(cells, int).tolist())

    def corners(
        self, directions: Float[Array | np.ndarray, "replica *box site 3"]
    ) -> Sequence[Array]:
        """Return the spins of the three corners, each (replica, triangle, *box, 3)."""
        axes = tuple(range(1, directions.ndim - 2))

        def spins(site, cell):
            return jnp.roll(directions[..., site, :], [-c for c in cell], axes)

        return [
            jnp.stack([spins(s[n], c[n]) for s, c in zip(self.sites, self.cells, strict=True)], 1)
            for n in range(3)
        ]
