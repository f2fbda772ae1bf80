"""The reference in plain XLA: power series for |z| < 2, a rational function beyond.

Everything is real arithmetic on Re z and Im z. Each order is built by itself, although the
two orders share subexpressions: XLA on a CPU vectorises one elementwise loop per output,
and stores to memory whatever expensive value two outputs share.

References
----------
NIST Digital Library of Mathematical Functions, 10.8 (series) and 10.17 (large |z|).
"""

import math

import jax.numpy as jnp
from jax import Array, lax

from msgreen_kernels.hankel.elementary import angle_from_y, cos_sin
from msgreen_kernels.hankel.table import POLES

RADIUS = 2.0  # power series inside, sum over poles outside, where the table is fitted
TERMS = 14  # of the power series: (|z| / 2)^28 / 14!^2 = 1e-22 at the radius
EULER = 0.5772156649015329  # the constant of Euler and Mascheroni


def _harmonic(k: int) -> float:
    return math.fsum(1 / j for j in range(1, k + 1))


def _series(order: int) -> tuple[list[float], list[float]]:
    """Return the coefficients in q = z^2 / 4 of J and of the part of Y without a logarithm.

    With L = ln(z/2): H0 = J0 (1 + 2i/pi L) + i P0 and, with J1 = z/2 j1,
    H1 = z/2 (j1 (1 + 2i/pi L) + i P1) - 2i/(pi z). P holds the digamma terms.
    """
    bessel, rest = [], []
    for k in range(TERMS):
        c = (-1.0) ** k / (math.factorial(k) * math.factorial(k + order))
        digamma = _harmonic(k) + _harmonic(k + order) - 2 * EULER
        bessel.append(c)
        rest.append(-c * digamma / math.pi)
    return bessel, rest


def _horner(coefficients: list[float], qr: Array, qi: Array) -> tuple[Array, Array]:
    """Return the real and imaginary part of a polynomial with real coefficients."""
    re, im = jnp.full_like(qr, coefficients[-1]), jnp.zeros_like(qi)
    for c in coefficients[-2::-1]:
        re, im = re * qr - im * qi + c, re * qi + im * qr
    return re, im


def _mul(a: tuple, b: tuple) -> tuple:
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def _small(order: int, x: Array, y: Array, r: Array) -> tuple[Array, Array]:
    qr, qi = 0.25 * (x - y) * (x + y), 0.5 * x * y
    bessel, rest = _series(order)
    j, p = _horner(bessel, qr, qi), _horner(rest, qr, qi)
    log = (2 / math.pi * angle_from_y(x, y, r), 2 / math.pi * jnp.log(0.5 * r))
    re, im = _mul(j, log)
    re, im = re - p[1], im + p[0]
    if order == 0:
        return re, im
    re, im = _mul((re, im), (0.5 * x, 0.5 * y))
    pole = 2 / math.pi / r
    return re - pole * (y / r), im - pole * (x / r)


def _large(order: int, x: Array, y: Array, r: Array) -> tuple[Array, Array]:
    """Return H e^{-iz}; with w = -iz, 1 / (w + s) = (y + s + ix) / ((y + s)^2 + x^2)."""
    x2 = x * x
    re, im = jnp.zeros_like(x), jnp.zeros_like(x)
    for row in POLES:
        t = y + row[0]
        d = row[1 + order] / (t * t + x2)
        re, im = re + t * d, im + d
    im = im * x
    re, im = (1 - re, -im) if order == 0 else (im, -1 - re)
    u = jnp.sqrt(0.5 * (r + jnp.abs(x)))
    v = 0.5 * y / u
    # 1/sqrt(z) = conj(sqrt(z)) / |z| keeps the sheet at z = -x + 0i, sqrt(1/z) does not.
    a, b = jnp.where(x >= 0, u, v), jnp.where(x >= 0, v, u)
    scale = 1 / (math.sqrt(math.pi) * r)
    return _mul((re, im), (scale * (a - b), -scale * (a + b)))


def hankel(z: Array, scaled: bool) -> tuple[Array, Array]:
    """Return (H0, H1), times e^{-iz} if `scaled`; NaN where Im z < 0."""
    x, y = z.real, z.imag
    y = jnp.where(y == 0, 0.0, jnp.where(y < 0, jnp.nan, y))
    ax = jnp.abs(x)
    m = jnp.maximum(ax, y)
    ratio = jnp.minimum(ax, y) / m
    r = m * jnp.sqrt(1 + ratio * ratio)
    is_small = r < RADIUS
    sign = 1.0 if scaled else -1.0
    size = jnp.exp(sign * y)
    cos, sin = cos_sin(x)
    phase = (size * cos, -sign * size * sin)

    def one(order):
        small, large = _small(order, x, y, r), _large(order, x, y, r)
        if scaled:
            small = _mul(small, phase)
        else:
            large = _mul(large, phase)
        return lax.complex(
            jnp.where(is_small, small[0], large[0]), jnp.where(is_small, small[1], large[1])
        )

    return one(0), one(1)
