"""Moves of a Monte Carlo simulation: rotations, reflections, and exchange of temperatures."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen._typing import Array, Bool, Int
from msgreen.simulation.numbers import key_of, uniform, words
from msgreen.simulation.sublattices import Sublattices
from msgreen.spinmodel.forms import Spin, Values, dot


class Numbers(eqx.Module):
    """The random numbers of a sweep.

    Attributes
    ----------
    turns : real array, shape (move, 3, last)
        Points of the unit ball for every sublattice that moves and every replica, repeated along
        the last axis of the box.
    words : unsigned int array, shape (move, ...)
        A word of 32 bits for every spin.
    """

    turns: Array
    words: Array


def draw(
    lattice: Sublattices, spins: Array | np.ndarray, key: Array, number: int | Int[Array, ""]
) -> Numbers:
    """Return the random numbers of one of many sweeps.

    Parameters
    ----------
    lattice : Sublattices
    spins : real array, as `Sublattices.split` returns them
    key : unsigned int array, shape (2,)
    number : int
        Of the sweep.

    Notes
    -----
    Draw them in another turn of a loop than they are used in. XLA would join the drawing to its
    uses, and repeat it for each.
    """
    count, shape = lattice.replicas(spins), (len(lattice.moving), *lattice.own_shape(spins))
    height, around, radius = uniform(key_of(key, 3 * number), (3, len(lattice.moving), count))
    z, phase = 2 * height - 1, 2 * jnp.pi * around
    side, length = jnp.sqrt(1 - z**2), jnp.cbrt(radius)
    points = length * jnp.stack([side * jnp.cos(phase), side * jnp.sin(phase), z])
    turns = jnp.moveaxis(lattice.along(spins, points), 0, 1)
    return Numbers(turns, words(key_of(key, 3 * number + 1), shape))


@eqx.filter_jit
def sweep(
    lattice: Sublattices, spins: Array, numbers: Numbers, kt: Array, width: Array
) -> tuple[Array, Array]:
    """Try a move of every spin by Metropolis: a rotation, forth or back.

    Parameters
    ----------
    lattice : Sublattices
    spins : real array, as `Sublattices.split` returns them
    numbers : Numbers
    kt : real array, shape (last,)
        k_B T in eV of every replica, as `Sublattices.along` repeats it.
    width : real array, shape (last,)
        1 - cos of the largest angle that a spin moves: 2 is the whole sphere.

    Returns
    -------
    spins, accepted : arrays
        Of every replica the share of the moves that were accepted.

    Notes
    -----
    The spins of a sublattice and replica share the axis and the angle of a rotation, and nothing
    else: each goes forth or back by a coin of its own, and stays or not by itself. For a given
    rotation they are independent, and the move of each is as likely as its reverse. So detailed
    balance holds for every rotation, and most of the random numbers, sines and cosines are saved.
    """
    count = lattice.replicas(spins)
    vectors = jnp.sqrt(width) * numbers.turns
    reals = jnp.sqrt(2 - jnp.sum(vectors**2, axis=1))

    def move(state, site, row):
        spins, accepted = state
        vector, real, words = row
        spins, taken = rotate(lattice, spins, site, vector, real, words, kt)
        return spins, accepted + jnp.mean(taken.reshape(-1, count).astype(float), axis=0)

    start = (spins, jnp.zeros(count))
    rows = (vectors, reals, numbers.words)
    spins, accepted = lattice.one_by_one(move, start, lattice.moving, rows)
    return spins, accepted / len(lattice.moving)


def rotate(
    lattice: Sublattices,
    spins: Array,
    site: int | Int[Array, ""],
    vector: Array,
    real: Array,
    words: Array,
    kt: Array,
) -> tuple[Array, Array]:
    """Rotate the spins of one sublattice, forth or back, by Metropolis.

    Parameters
    ----------
    lattice : Sublattices
    spins : real array, as `Sublattices.split` returns them
    site : int
        The sublattice.
    vector, real : real arrays, shapes (3, last) and (last,)
        Of a unit quaternion times the root of 2.
    words : unsigned int array, shape of a component of a sublattice
        The last bit says whether a spin goes forth, the others whether the move is accepted.
    kt : real array, shape (last,)

    Returns
    -------
    spins, taken : arrays
    """
    old = lattice.own(spins, site)
    # S + v x (v x S) +- w v x S for the quaternion (w, v) times the root of 2.
    first = _cross((vector[0], vector[1], vector[2]), old)
    second = _cross((vector[0], vector[1], vector[2]), first)
    real = jnp.where((words & 1).astype(bool), real, -real)
    step = (second[0] + real * first[0], second[1] + real * first[1], second[2] + real * first[2])
    new = (old[0] + step[0], old[1] + step[1], old[2] + step[2])
    change = dot(lattice.field(spins, site), step) + lattice.change(spins, site, old, new)
    luck = ((words >> 1).astype(float) + 0.5) * 2.0**-31
    taken = luck < jnp.exp(-change / kt)
    return lattice.replaced(spins, site, _chosen(taken, new, old)), taken


@eqx.filter_jit
def reflect(lattice: Sublattices, spins: Array) -> Array:
    """Reflect every spin at its field, where the energy is linear in it: the energy stays.

    References
    ----------
    Creutz, Phys. Rev. D 36, 515 (1987).
    """
    # XLA joins the field to the components of the spin and computes it for each, unless there is a
    # choice between. This one is always the same, which XLA does not know.
    known = spins.ravel()[0] < 2

    def move(spins, site, _):
        old = lattice.own(spins, site)
        field = jax.lax.cond(known, lambda s: lattice.field(s, site), lambda s: old, spins)
        square = dot(field, field)
        free = square > 0
        twice = 2 * dot(old, field) / jnp.where(free, square, 1.0)
        x, y, z = (twice * f - s for s, f in zip(old, field, strict=True))
        return lattice.replaced(spins, site, _chosen(free, (x, y, z), old))

    return lattice.one_by_one(move, spins, lattice.reflecting)


def exchanged(
    order: Array, energy: Array, beta: Array, luck: Array, even: bool | Bool[Array, ""]
) -> tuple[Array, Array]:
    """Exchange the replicas of neighbouring temperatures.

    Parameters
    ----------
    order : int array, shape (temperature,)
    energy : real array, shape (temperature,)
        Of the replicas in this order.
    beta : real array, shape (temperature,)
    luck : real array, shape (temperature - 1,)
        Random numbers between 0 and 1.
    even : bool
        Whether the pairs are (0, 1), (2, 3), ... or (1, 2), (3, 4), ...

    Returns
    -------
    order : int array, shape (temperature,)
    accepted : real array, shape (temperature - 1,)
        1 where the pair was exchanged, 0 where not, NaN where it was not tried.

    References
    ----------
    Hukushima and Nemoto, J. Phys. Soc. Jpn. 65, 1604 (1996).
    """
    pair = jnp.arange(len(order) - 1)
    tried = pair % 2 == jnp.where(even, 0, 1)
    gain = (beta[1:] - beta[:-1]) * (energy[1:] - energy[:-1])
    taken = tried & (luck < jnp.exp(gain))
    up = jnp.concatenate([taken, jnp.zeros(1, bool)])
    down = jnp.concatenate([jnp.zeros(1, bool), taken])
    place = jnp.arange(len(order))
    place = jnp.where(up, place + 1, jnp.where(down, place - 1, place))
    return order[place], jnp.where(tried, taken.astype(float), jnp.nan)


def _cross(a: Spin, b: Spin) -> Spin:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _chosen(condition: Values, one: Spin, other: Spin) -> Spin:
    x, y, z = (jnp.where(condition, a, b) for a, b in zip(one, other, strict=True))
    return x, y, z
