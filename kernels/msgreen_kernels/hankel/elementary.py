"""Sine, cosine and angle in arithmetic that XLA vectorises on a CPU.

XLA calls the C library once per element for sin, cos and atan2 of doubles; together they
would cost more than the two Hankel functions.
"""

import math

import jax.numpy as jnp
from jax import Array

# pi/2 in three parts of 26 bits and a remainder: k times a part is exact for |k| < 2^27.
HALF_PI = (
    1.5707963109016418,
    1.5893254712295857e-08,
    6.123233932053594e-17,
    6.36831716351095e-25,
)
# Taylor series; the terms left out are below rounding in the range that reduction leaves.
SIN = [(-1.0) ** k / math.factorial(2 * k + 1) for k in range(9)]
COS = [(-1.0) ** k / math.factorial(2 * k) for k in range(10)]
ATAN = [(-1.0) ** k / (2 * k + 1) for k in range(12)]


def _even(coefficients: list[float], x: Array) -> Array:
    """Return a polynomial in x^2."""
    x2 = x * x
    total = jnp.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        total = total * x2 + c
    return total


def cos_sin(x: Array) -> tuple[Array, Array]:
    """Return cos(x) and sin(x), as a pair on the unit circle, to about two ulp of 1.

    Beyond |x| = 2e8 the pair belongs to an argument within an ulp or two of `x`.
    """
    if x.dtype != jnp.float64:
        return jnp.cos(x), jnp.sin(x)
    k = jnp.round(x * (2 / math.pi))
    r = x
    for part in HALF_PI:
        r = r - k * part
    cos, sin = _even(COS, r), r * _even(SIN, r)
    quadrant = k - 4 * jnp.floor(0.25 * k)
    odd = (quadrant == 1) | (quadrant == 3)
    cos, sin = jnp.where(odd, sin, cos), jnp.where(odd, cos, sin)
    return (
        jnp.where((quadrant == 1) | (quadrant == 2), -cos, cos),
        jnp.where(quadrant >= 2, -sin, sin),
    )


def angle_from_y(x: Array, y: Array, r: Array) -> Array:
    """Return atan2(x, y) for y >= 0 and r = |x + iy|: exactly zero on the y axis.

    Three half-angle steps, tan(a/2) = tan(a) / (1 + sqrt(1 + tan(a)^2)), then the series.
    """
    t = x / (r + y)
    for _ in range(2):
        t = t / (1 + jnp.sqrt(1 + t * t))
    return 8 * t * _even(ATAN, t)
