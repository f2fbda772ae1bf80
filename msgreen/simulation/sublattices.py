"""Sublattices of a box whose spins no term connects: all spins of one move at once.

A box of a lattice is a smaller box of larger cells, such that every term joins different sites of
the larger cell. All copies of one of its sites form a sublattice. Spins are stored by sublattices,
with a margin of periodic copies, so that neighbours are plain windows.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, Float, Int
from msgreen.errors import InputError
from msgreen.spinmodel import SpinModel, magnetic_cell
from msgreen.spinmodel.forms import Form, Spin, Values, dot, slot_gradient
from msgreen.spinmodel.terms import Clusters

_WRITTEN_OUT = 100
"""Factors of all terms of all sublattices up to which a sweep is written out, not looped over.

A step of a loop costs some ten microseconds, for which 500 spins can move. Of more terms the
compilation takes long: of 140 of ten classes on one sublattice 150 s, as a loop 6 s.
"""


class _Visits(eqx.Module):
    """The terms of one class that name the moving spin in the same places, for every sublattice.

    Attributes
    ----------
    values : real array, shape (sublattice, visit, ...)
        Zero where a sublattice has fewer visits than another.
    clusters : Clusters
        Sublattice of every spin of the term (sublattice, visit, order), and its cell, counted from
        that of the spin that moves.
    own : tuple of int
        The places of the spin that moves.
    """

    values: Float[Array, "sublattice visit ..."]
    clusters: Clusters = eqx.field(static=True)
    own: tuple[int, ...] = eqx.field(static=True)
    form: Form = eqx.field(static=True)


class Sublattices(eqx.Module):
    """A spin model on a box, by sublattices.

    Parameters
    ----------
    model : SpinModel
    shape : sequence of int
        Number of cells along every lattice vector; empty for a finite cluster.

    Attributes
    ----------
    linear, other : tuple of _Visits
        Terms that name the moving spin once, and several times.
    period : tuple of int
        Cells of the larger cell.
    box : tuple of int
        Larger cells of the box.
    reach : tuple of int
        Margin in larger cells.
    count : int
        Number of sublattices.
    moving : tuple of int
        Those that a term names.
    reflecting : tuple of int
        Of these, where the energy is linear in the spin.

    Raises
    ------
    InputError
        If `shape` does not fit the model, or a term meets itself around the box.
    """

    linear: tuple[_Visits, ...]
    other: tuple[_Visits, ...]
    count: int = eqx.field(static=True)
    moving: tuple[int, ...] = eqx.field(static=True)
    reflecting: tuple[int, ...] = eqx.field(static=True)
    period: tuple[int, ...] = eqx.field(static=True)
    box: tuple[int, ...] = eqx.field(static=True)
    reach: tuple[int, ...] = eqx.field(static=True)
    site_count: int = eqx.field(static=True)

    def __init__(self, model: SpinModel, shape: Sequence[int] = ()):
        shape = tuple(int(n) for n in shape)
        _check_shape(model, shape)
        self.period = _period(model, shape)
        self.box = tuple(n // p for n, p in zip(shape, self.period, strict=True))
        self.site_count = model.site_count
        large = magnetic_cell(model, self.period) if model.dimension else model
        found = [*_visits(large)]
        nearest = [self._nearest(rows.cells) for rows in found]
        tables = [
            _Visits(
                jnp.asarray(_by_mover(rows.values, rows.movers, large.site_count)),
                Clusters(
                    _by_mover(rows.sites, rows.movers, large.site_count),
                    _by_mover(cells, rows.movers, large.site_count),
                ),
                rows.own,
                rows.form,
            )
            for rows, cells in zip(found, nearest, strict=True)
        ]
        self.linear = tuple(v for v in tables if len(v.own) == 1)
        self.other = tuple(v for v in tables if len(v.own) > 1)
        margins = [np.abs(cells).max(axis=(0, 1)) for cells in nearest]
        self.reach = tuple(int(n) for n in np.max([np.zeros(len(shape), int), *margins], axis=0))
        curved = {int(site) for rows in found if len(rows.own) > 1 for site in rows.movers}
        self.count = large.site_count
        self.moving = tuple(np.flatnonzero(large.coupled).tolist())
        self.reflecting = tuple(site for site in self.moving if site not in curved)

    @property
    def spin_count(self) -> int:
        """Number of spins of the box that move."""
        return len(self.moving) * int(np.prod(self.box))

    def _nearest(self, cells: np.ndarray) -> np.ndarray:
        """Cells of the smaller box at the shortest way around it."""
        box = np.array(self.box, int)
        return (cells + box // 2) % box - box // 2

    def split(self, directions: Float[Array | np.ndarray, "replica *box site 3"]) -> Array:
        """Return directions by sublattices with margins, (sublattice, 3, *box).

        Replicas lie side by side along the last axis of the box: loops over it are long.
        """
        dim, count = len(self.box), len(directions)
        pairs = [n for pair in zip(self.box, self.period, strict=True) for n in pair]
        spins = directions.reshape(count, *pairs, self.site_count, 3)
        outer, inner = range(1, 2 * dim, 2), range(2, 2 * dim + 1, 2)
        spins = spins.transpose(*inner, 2 * dim + 1, 2 * dim + 2, *outer, 0)
        return self._with_margins(spins.reshape(self.count, 3, *self.box, count))

    def join(self, spins: Array) -> Float[Array, "replica *box site 3"]:
        """Return what `split` was given."""
        dim, count = len(self.box), self.replicas(spins)
        spins = spins.reshape(*spins.shape[: dim + 1], -1, count) if dim else spins
        for axis, (reach, size) in enumerate(zip(self.reach, self.box, strict=True), start=2):
            spins = jax.lax.slice_in_dim(spins, reach, reach + size, axis=axis)
        spins = spins.reshape(*self.period, self.site_count, 3, *self.box, count)
        cells = [axis for d in range(dim) for axis in (dim + 2 + d, d)]
        spins = spins.transpose(2 * dim + 2, *cells, dim, dim + 1)
        shape = [n * p for n, p in zip(self.box, self.period, strict=True)]
        return spins.reshape(count, *shape, self.site_count, 3)

    def _with_margins(self, spins: Array | np.ndarray) -> Array:
        if not self.box:
            return jnp.asarray(spins)
        margins = [(0, 0)] * (spins.ndim - 1 - len(self.box)) + [(r, r) for r in self.reach]
        spins = jnp.pad(spins, [*margins, (0, 0)], mode="wrap")
        return spins.reshape(*spins.shape[:-2], -1)

    def replicas(self, spins: Array | np.ndarray) -> int:
        """Return their number."""
        return spins.shape[-1] // (self.box[-1] + 2 * self.reach[-1] if self.box else 1)

    def own_shape(self, spins: Array | np.ndarray) -> tuple[int, ...]:
        """Return the shape of a component of a sublattice."""
        count = self.replicas(spins)
        return (*self.box[:-1], self.box[-1] * count) if self.box else (count,)

    def along(
        self, spins: Array | np.ndarray, values: Float[Array, "... replica"]
    ) -> Float[Array, "..."]:
        """Return values of the replicas, repeated along the last axis of the box."""
        return jnp.tile(values, self.own_shape(spins)[-1] // values.shape[-1])

    def window(
        self,
        spins: Array,
        site: int | Int[Array, ""],
        cell: Sequence[int] | Int[Array | np.ndarray, " dim"],
    ) -> Spin:
        """Return the spins of one sublattice at a cell from every one, x, y, z (*box)."""
        start = [c + r for c, r in zip(cell, self.reach, strict=True)]
        start[-1:] = [start[-1] * self.replicas(spins)] if self.box else [0]
        shape = self.own_shape(spins)
        cut = partial(jax.lax.dynamic_slice, allow_negative_indices=False)
        x, y, z = (cut(spins, (site, axis, *start), (1, 1, *shape))[0, 0] for axis in range(3))
        return x, y, z

    def own(self, spins: Array, site: int | Int[Array, ""]) -> Spin:
        """Return the spins of one sublattice."""
        return self.window(spins, site, (0,) * len(self.box))

    def replaced(self, spins: Array, site: int | Int[Array, ""], own: Spin) -> Array:
        """Return spins with one sublattice replaced, its margins too."""
        box = (*self.box, self.replicas(spins))
        part = self._with_margins(jnp.stack([jnp.reshape(x, box) for x in own]))
        return jax.lax.dynamic_update_slice(spins, part[None], (site, *(0,) * part.ndim))

    def normalised(self, spins: Array) -> Array:
        """Return the spins without the rounding of their lengths."""
        return spins / jnp.linalg.norm(spins, axis=1, keepdims=True)

    def field(self, spins: Array, site: int | Int[Array, ""]) -> Spin:
        """Return dE/dS of one sublattice, from the terms that are linear in its spins."""
        zero = jnp.zeros(self.own_shape(spins))
        total = (zero, zero, zero)
        for visits in self.linear:

            def add(total, value, others, visits=visits):
                others[visits.own[0]] = total  # its shape counts: the form is linear in it
                force = slot_gradient(visits.form, value, others, visits.own[0])
                return tuple(t + f for t, f in zip(total, force, strict=True))

            total = self._over(visits, spins, site, add, total)
        return total

    def change(self, spins: Array, site: int | Int[Array, ""], old: Spin, new: Spin) -> Array:
        """Return the change of energy by the terms that are not linear, as single spins move."""
        total = jnp.zeros(self.own_shape(spins))
        for visits in self.other:

            def add(total, value, others, visits=visits):
                def energy(spin):
                    filled = [spin if m in visits.own else other for m, other in enumerate(others)]
                    return visits.form(value, filled)

                return total + energy(new) - energy(old)

            total = self._over(visits, spins, site, add, total)
        return total

    def _over(self, visits: _Visits, spins: Array, site, add, start):
        """Go over the visits of one sublattice: a number of Python's writes them out."""
        known = visits.clusters

        def visited(total, value, sites, cells):
            others = [
                None if m in visits.own else self.window(spins, sites[m], cells[m])
                for m in range(known.sites.shape[-1])
            ]
            return add(total, value, others)

        if isinstance(site, int):
            total = start
            for n, (sites, cells) in enumerate(
                zip(known.sites[site], known.cells[site], strict=True)
            ):
                total = visited(total, visits.values[site, n], sites, cells)
            return total
        tables = (visits.values, jnp.asarray(known.sites), jnp.asarray(known.cells))
        mine = jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, site, keepdims=False), tables)
        unroll = len(mine[1]) if self._factors <= _WRITTEN_OUT else 1
        return jax.lax.scan(
            lambda total, row: (visited(total, *row), None), start, mine, unroll=unroll
        )[0]

    @property
    def _factors(self) -> int:
        """Spins that the terms of one sublattice multiply."""
        every = [v.clusters.sites.shape for v in (*self.linear, *self.other)]
        return sum(visits * max(order - 1, 1) for _, visits, order in every)

    def one_by_one(
        self, move: Callable, state: Any, sites: Sequence[int], numbers: Any = None
    ) -> Any:
        """Return what is left of a state after ``move(state, site, number)`` of all `sites`.

        Parameters
        ----------
        move : callable
            Of state, site, and its rows of `numbers`.
        state : pytree of arrays
        sites : sequence of int
            Sublattices.
        numbers : pytree of arrays, one row per site, optional
        """
        if len(sites) * self._factors > _WRITTEN_OUT:
            rows = (jnp.asarray(sites), numbers)
            return jax.lax.scan(lambda state, row: (move(state, *row), None), state, rows)[0]
        for n, site in enumerate(sites):
            state = move(state, site, jax.tree.map(lambda rows, n=n: rows[n], numbers))
        return state


class _Rows(NamedTuple):
    """Terms of one form, with the moving spin in the same places."""

    movers: np.ndarray
    sites: np.ndarray
    cells: np.ndarray  # from that of the moving spin
    values: np.ndarray
    own: tuple[int, ...]
    form: Form


def _visits(model: SpinModel) -> Iterator[_Rows]:
    """Yield all terms once for each of their spins; all that join a pair are one tensor."""
    pairs = []
    for term in model.terms:
        sites, cells = term.slots()
        for pattern, rows in term.patterns():
            pair = pattern == (0, 1)
            values = np.asarray(term.tensor() if pair else term.values)[rows]
            for letter in range(max(pattern) + 1):
                own = tuple(m for m, other in enumerate(pattern) if other == letter)
                relative = cells[rows] - cells[rows][:, own[:1]]
                found = _Rows(
                    sites[rows, own[0]], sites[rows], relative, values, own, term.spin_class.form
                )
                if pair:
                    pairs.append(found)
                else:
                    yield found
    if pairs:
        yield _tensors(pairs)


def _tensors(pairs: list[_Rows]) -> _Rows:
    """Return the sum of the terms of every pair of spins, the moving one first."""
    turned = [
        (rows.sites[:, ::-1], rows.cells[:, ::-1], rows.values.swapaxes(1, 2))
        if rows.own == (1,)
        else (rows.sites, rows.cells, rows.values)
        for rows in pairs
    ]
    sites, cells, values = (np.concatenate(part) for part in zip(*turned, strict=True))
    names = np.concatenate([sites, cells[:, 1]], axis=1)
    _, first, which = np.unique(names, axis=0, return_index=True, return_inverse=True)
    total = np.zeros((len(first), 3, 3))
    np.add.at(total, which.ravel(), values)
    return _Rows(sites[first, 0], sites[first], cells[first], total, (0,), _bilinear)


def _bilinear(value: Array | np.ndarray, spins: Sequence[Spin]) -> Values:
    """Return S_1 . (T S_2), written out: it fuses with what surrounds it."""
    first, second = spins
    x, y, z = (dot((row[0], row[1], row[2]), second) for row in value)
    return dot(first, (x, y, z))


def _by_mover(table: np.ndarray, movers: np.ndarray, count: int) -> np.ndarray:
    """Return rows by the site that moves, (site, visit, ...), zeros where there are less."""
    visits = [table[movers == site] for site in range(count)]
    found = np.zeros((count, max(map(len, visits)), *table.shape[1:]), table.dtype)
    for rows, place in zip(visits, found, strict=True):
        place[: len(rows)] = rows
    return found


def _check_shape(model: SpinModel, shape: tuple[int, ...]) -> None:
    if len(shape) != model.dimension or any(n < 1 for n in shape):
        what = f"{model.dimension} positive integers" if model.dimension else "empty for a cluster"
        raise InputError(
            f"Argument `shape` must be {what}, but it is {shape}. Give the number of cells along "
            "every lattice vector."
        )
    _checks.whole_number("shape", int(np.prod(shape, dtype=object)), 1, 2**31)


def _period(model: SpinModel, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the smallest larger cell, a divisor of the box, whose sites no term joins."""
    apart = []
    for term in model.terms:
        sites, cells = term.clusters.sites, term.clusters.cells
        for m, n in zip(*np.triu_indices(sites.shape[1], 1), strict=True):
            steps = (cells[:, m] - cells[:, n])[sites[:, m] == sites[:, n]]
            apart.append(steps[np.any(steps != 0, axis=1)])
    steps = np.unique(np.concatenate([np.zeros((0, model.dimension), int), *apart]), axis=0)
    divisors = [[p for p in range(1, n + 1) if n % p == 0] for n in shape]
    for period in sorted(product(*divisors), key=lambda p: (np.prod(p), p)):
        if np.all(np.any(steps % np.array(period, int) != 0, axis=1)):
            return period
    raise InputError(
        f"Argument `shape` must be larger than the interactions reach, but in a box of {shape} "
        "cells a term meets itself. Take more cells."
    )
