"""Moves of a Monte Carlo simulation: cones, reflections, and exchange of temperatures."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from msgreen._typing import Array
from msgreen.simulation.sublattices import Sublattices
from msgreen.spinmodel.forms import Spin, dot


def _series(function) -> np.ndarray:
    """Return a polynomial on (0, 1), highest power first."""
    return Chebyshev.interpolate(function, 9, (0, 1)).convert(kind=Polynomial).coef[::-1]


_COS = _series(lambda s: np.cos(np.pi * np.sqrt(s)))
_SIN = _series(lambda s: np.pi * np.sinc(np.sqrt(s)))
"""cos(pi v) and sin(pi v)/v of v^2, to 3e-12: JAX's own take 11 ns a number on a CPU, these 1 ns.

A distribution of angles that is even to 3e-12 is even enough.
"""


@eqx.filter_jit
def sweep(
    lattice: Sublattices, spins: Array, key: Array, beta: Array, width: Array
) -> tuple[Array, Array]:
    """Try a move of every spin, to anywhere in a cone around it, by Metropolis.

    Parameters
    ----------
    lattice : Sublattices
    spins : real array, as `Sublattices.split` returns them
    key : PRNG key
    beta : real array, shape (replica,)
        1/(k_B T) in 1/eV.
    width : real array, shape (replica,)
        1 - cos of the half angle of the cone: 2 is the whole sphere.

    Returns
    -------
    spins, accepted : arrays
        Of every replica the share of the moves that were accepted.
    """
    shape, count = lattice.own_shape(spins), lattice.replicas(spins)
    beta, width = (jnp.tile(x, shape[-1] // count) for x in (beta, width))
    # All at once: on a CPU a call costs as much as some hundred numbers, and a number 7 ns.
    words = jax.random.bits(key, (len(lattice.moving), 2, *shape), jnp.uint32)

    def move(state, site, words):
        spins, accepted = state
        old = lattice.own(spins, site)
        drop, turn, luck = _once(_three_of_two(words))
        new = _once(_in_cone(old, drop * width, turn))
        step = (new[0] - old[0], new[1] - old[1], new[2] - old[2])
        change = dot(lattice.field(spins, site), step) + lattice.change(spins, site, old, new)
        taken = _once(luck < jnp.exp(-beta * change))
        kept = _chosen(taken, new, old)
        share = jnp.mean(taken.reshape(-1, count).astype(float), axis=0)
        return lattice.replaced(spins, site, kept), accepted + share

    start = (spins, jnp.zeros(count))
    spins, accepted = lattice.one_by_one(move, start, lattice.moving, words)
    return spins, accepted / len(lattice.moving)


def _three_of_two(words: Array) -> tuple[Array, Array, Array]:
    """Return three numbers between 0 and 1 of 22, 21 and 21 bits."""
    first, second = words
    rest = ((first & 0x7FF) << 10) | (second & 0x3FF)
    parts = ((second >> 10, 22), (first >> 11, 21), (rest, 21))
    drop, turn, luck = ((part.astype(float) + 0.5) * 2.0**-bits for part, bits in parts)
    return drop, turn, luck


@eqx.filter_jit
def reflect(lattice: Sublattices, spins: Array) -> Array:
    """Reflect every spin at its field, where the energy is linear in it: the energy stays.

    References
    ----------
    Creutz, Phys. Rev. D 36, 515 (1987).
    """

    def move(spins, site, _):
        old = lattice.own(spins, site)
        field = _once(lattice.field(spins, site))
        square = dot(field, field)
        twice = 2 * dot(old, field) / jnp.where(square > 0, square, 1.0)
        free = square > 0
        x, y, z = (twice * f - s for s, f in zip(old, field, strict=True))
        return lattice.replaced(spins, site, _chosen(free, (x, y, z), old))

    return lattice.one_by_one(move, spins, lattice.reflecting)


def exchanged(order: Array, energy: Array, beta: Array, key: Array, even) -> tuple[Array, Array]:
    """Exchange the replicas of neighbouring temperatures.

    Parameters
    ----------
    order : int array, shape (temperature,)
    energy : real array, shape (temperature,)
        Of the replicas in this order.
    beta : real array, shape (temperature,)
    key : PRNG key
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
    taken = tried & (jax.random.uniform(key, pair.shape) < jnp.exp(gain))
    up = jnp.concatenate([taken, jnp.zeros(1, bool)])
    down = jnp.concatenate([jnp.zeros(1, bool), taken])
    place = jnp.arange(len(order))
    place = jnp.where(up, place + 1, jnp.where(down, place - 1, place))
    return order[place], jnp.where(tried, taken.astype(float), jnp.nan)


def _chosen(condition: Array, one: Spin, other: Spin) -> Spin:
    x, y, z = (jnp.where(condition, a, b) for a, b in zip(one, other, strict=True))
    return x, y, z


def _once(value):
    """Compute a value once: XLA would fuse it into, and so repeat it for, each of its uses."""
    return jax.lax.optimization_barrier(value)


def _in_cone(spin: Spin, drop: Array, turn: Array) -> Spin:
    """Return unit vectors at the angle arccos(1 - drop) to the spins, `turn` around them.

    The frame is that of Duff et al., J. Comput. Graph. Tech. 6, 1 (2017): no direction is singular.
    """
    x, y, z = spin
    sign = jnp.where(z < 0, -1.0, 1.0)
    a = -1 / (sign + z)
    b = x * y * a
    cos = 1 - drop
    sin = jnp.sqrt(jnp.maximum(drop * (2 - drop), 0.0))
    v = 2 * turn - 1
    along, across = _once((sin * jnp.polyval(_COS, v * v), sin * v * jnp.polyval(_SIN, v * v)))
    new = (
        cos * x + along * (1 + sign * x * x * a) + across * b,
        cos * y + along * sign * b + across * (sign + y * y * a),
        cos * z - along * sign * x - across * y,
    )
    norm = jax.lax.rsqrt(dot(new, new))
    return new[0] * norm, new[1] * norm, new[2] * norm
