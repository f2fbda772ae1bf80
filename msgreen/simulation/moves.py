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
    spins : real array, shape (sublattice, 3, replica, *box with margins)
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
    beta, width = (_over_box(lattice, x) for x in (beta, width))

    def move(state, site):
        spins, key, accepted = state
        key, chosen = jax.random.split(key)
        old = lattice.own(spins, site)
        bits = jax.random.bits(chosen, (3, *old[0].shape), jnp.uint32)
        numbers = (_once(bits).astype(float) + 0.5) * 2.0**-32
        new = _once(_in_cone(old, numbers[0] * width, numbers[1]))
        turn = (new[0] - old[0], new[1] - old[1], new[2] - old[2])
        change = dot(lattice.field(spins, site), turn) + lattice.change(spins, site, old, new)
        taken = _once(numbers[2] < jnp.exp(-beta * change))
        kept = _chosen(taken, new, old)
        share = jnp.mean(taken.astype(float), axis=tuple(range(1, taken.ndim)))
        return (lattice.replaced(spins, site, kept), key, accepted + share), None

    start = (spins, key, jnp.zeros(spins.shape[2]))
    (spins, _, accepted), _ = jax.lax.scan(move, start, jnp.asarray(lattice.moving))
    return spins, accepted / len(lattice.moving)


@eqx.filter_jit
def reflect(lattice: Sublattices, spins: Array) -> Array:
    """Reflect every spin at its field, where the energy is linear in it: the energy stays.

    References
    ----------
    Creutz, Phys. Rev. D 36, 515 (1987).
    """

    def move(spins, site):
        old = lattice.own(spins, site)
        field = lattice.field(spins, site)
        square = dot(field, field)
        twice = 2 * dot(old, field) / jnp.where(square > 0, square, 1.0)
        free = square > 0
        x, y, z = (twice * f - s for s, f in zip(old, field, strict=True))
        return lattice.replaced(spins, site, _chosen(free, (x, y, z), old)), None

    if not lattice.reflecting:
        return spins
    return jax.lax.scan(move, spins, jnp.asarray(lattice.reflecting))[0]


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


def _over_box(lattice: Sublattices, numbers: Array) -> Array:
    return numbers.reshape(-1, *(1,) * len(lattice.box))


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
