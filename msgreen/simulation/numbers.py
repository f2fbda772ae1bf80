"""Random numbers of a simulation: functions of a key and of where they are used.

They are those of `jax.random`. A call of it costs as much as thousands of numbers on a CPU: it is
a loop over rounds. Here the rounds are written out.
"""

import math

import jax
import jax.numpy as jnp

from msgreen._typing import Array, Int

_TURNS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
"""Rotations and key parity of Threefry-2x32, as its authors print them."""


def threefry(key: Array, first: Array, second: Array) -> tuple[Array, Array]:
    """Return two random words for every two words, by Threefry-2x32 of 20 rounds.

    Parameters
    ----------
    key : unsigned int array, shape (2,)
    first, second : unsigned int arrays of 32 bits, of one shape

    References
    ----------
    Salmon et al., SC '11: Proceedings, 16 (2011).
    """
    keys = (key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(_PARITY))
    x, y = first + keys[0], second + keys[1]
    for group in range(1, 6):
        for turn in _TURNS[(group - 1) % 2]:
            x = x + y
            y = ((y << turn) | (y >> (32 - turn))) ^ x
        x, y = x + keys[group % 3], y + keys[(group + 1) % 3] + jnp.uint32(group)
    return x, y


def key_of(key: Array, number: int | Int[Array, ""]) -> Array:
    """Return the key of one of 2^64 uses."""
    number = jnp.asarray(number, jnp.uint64)
    return jnp.stack(threefry(key, (number >> 32).astype(jnp.uint32), number.astype(jnp.uint32)))


def words(key: Array, shape: tuple[int, ...]) -> Array:
    """Return random words of 32 bits: those of `jax.random.bits` of a key of such data."""
    places = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    first, second = threefry(key, jnp.zeros_like(places), places)
    return first ^ second


def uniform(key: Array, shape: tuple[int, ...]) -> Array:
    """Return numbers between 0 and 1 of 32 bits, none of which is 0 or 1."""
    return (words(key, shape).astype(float) + 0.5) * 2.0**-32
