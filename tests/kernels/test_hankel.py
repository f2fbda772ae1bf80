import importlib

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
import scipy.special
from msgreen_kernels import hankel1_01, hankel1e_01
from msgreen_kernels.hankel import elementary
from msgreen_kernels.hankel.table import POLES
from msgreen_kernels.shapes import HANKEL_POINTS

RADII = [1e-6, 1e-3, 0.3, 1.0, 1.9, 1.999999, 2.0, 2.000001, 2.5, 5.0, 20.0, 90.0, 400.0, 1e3]
ANGLES = [0.0, 1e-8, 0.2, 0.7, 1.3, np.pi / 2, 1.9, 2.6, np.pi - 1e-8, np.pi]


def grid():
    z = np.array(RADII)[:, None] * np.exp(1j * np.array(ANGLES))
    z[:, -1] = -np.array(RADII)
    return z.ravel()


def hankel(order, z):
    """Return H of integer order by the modified function, DLMF 10.27.8 and 10.4.2."""
    sign = (-1) ** order if order < 0 else 1
    w = mp.mpc(z.imag, -z.real)
    return sign * 2 / mp.pi * mp.mpc(0, -1) ** (abs(order) + 1) * mp.besselk(abs(order), w)


def exact(order, z, scaled=False):
    with mp.workdps(30):
        z = mp.mpc(complex(z))
        return hankel(order, z) * (mp.expj(-z) if scaled else 1)


def exact_derivative(order, z, n):
    """Return d^n H / dz^n from the closed form in Bessel functions, DLMF 10.6.7."""
    with mp.workdps(40):
        z = mp.mpc(complex(z))
        terms = [(-1) ** k * mp.binomial(n, k) * hankel(order - n + 2 * k, z) for k in range(n + 1)]
        return complex(mp.fsum(terms) / 2**n)


def random_points(count, radius=30.0):
    rng = np.random.default_rng(7)
    return rng.uniform(-radius, radius, count) + 1j * rng.uniform(0, radius, count)


@pytest.mark.parametrize("scaled", [False, True])
def test_values_agree_with_mpmath_up_to_both_rims(scaled):
    z = grid()
    z = z if scaled else z[z.imag < 690]
    values = (hankel1e_01 if scaled else hankel1_01)(jnp.asarray(z))
    for order in (0, 1):
        reference = [exact(order, w, scaled) for w in z]
        error = [
            float(abs(mp.mpc(complex(v)) / r - 1))
            for v, r in zip(np.asarray(values[order]), reference, strict=True)
        ]
        assert max(error) < 1e-14


def test_values_agree_with_scipy():
    z = random_points(HANKEL_POINTS.test)
    for order, value in enumerate(hankel1_01(jnp.asarray(z))):
        np.testing.assert_allclose(value, scipy.special.hankel1(order, z), rtol=1.5e-14)
    for order, value in enumerate(hankel1e_01(jnp.asarray(z))):
        np.testing.assert_allclose(value, scipy.special.hankel1e(order, z), rtol=1.5e-14)


def test_wronskian():
    # J_1 Y_0 - J_0 Y_1 = 2 / (pi x) on the real axis, DLMF 10.5.2.
    x = np.geomspace(1e-4, 1e4, 500)
    h0, h1 = (np.asarray(h) for h in hankel1_01(jnp.asarray(x, complex)))
    np.testing.assert_allclose(h1.real * h0.imag - h0.real * h1.imag, 2 / (np.pi * x), rtol=1e-13)


def test_both_sides_of_the_matching_circle_agree():
    angle = np.linspace(0, np.pi, 201)
    inside, outside = ((2 + d) * np.exp(1j * angle) for d in (-1e-15, 1e-15))
    inside, outside = (z.real + 1j * np.abs(z.imag) for z in (inside, outside))
    for a, b in zip(hankel1_01(inside), hankel1_01(outside), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-14)


def test_negative_real_axis_is_reached_from_above():
    x = np.array([0.5, 1.7, 2.0, 3.0, 50.0])
    z = -x + 0j
    z.imag = -0.0
    above = hankel1_01(jnp.asarray(-x + 0j))
    for order, value in enumerate(hankel1_01(jnp.asarray(z))):
        expected = (-1) ** (order + 1) * np.conj(scipy.special.hankel1(order, x))
        np.testing.assert_allclose(value, expected, rtol=1e-14)
        np.testing.assert_array_equal(value, above[order])


def test_scaled_functions_do_not_underflow_and_tiny_or_huge_arguments_are_safe():
    h0, h1 = hankel1e_01(jnp.asarray([1e5j, 1e200j]))
    np.testing.assert_allclose(abs(h0), np.sqrt(2 / np.pi / np.array([1e5, 1e200])), rtol=1e-5)
    np.testing.assert_allclose(h1 / h0, -1j, rtol=1e-5)
    h0, h1 = hankel1_01(jnp.asarray([1e-200 + 0j]))
    np.testing.assert_allclose(h1, 2 / (np.pi * 1j) * 1e200, rtol=1e-14)
    np.testing.assert_allclose(h0, scipy.special.hankel1(0, 1e-200), rtol=1e-14)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("z", [0.3 + 0.1j, 1.99 + 0.2j, 0.8 + 1.8j, 2.01 + 0.1j, -4.0 + 3.0j, 25.0])
def test_derivatives_of_order_one_to_four(order, z):
    def f(w):
        return hankel1_01(w)[order]

    for n in range(1, 5):
        mode = jax.jacfwd if n % 2 else jax.jacrev
        f = mode(f, holomorphic=True)
        value = complex(f(jnp.asarray(complex(z))))
        expected = exact_derivative(order, z, n)
        assert abs(value - expected) < 5e-14 * 2**n * abs(expected)


@pytest.mark.parametrize("z", [0.7 + 0.4j, 1.5 + 1.2j, 3.0 + 0.0j, 6.0 + 2.0j])
def test_scaled_derivatives(z):
    def f(w):
        return hankel1e_01(w)

    value, first = jax.jvp(f, (jnp.asarray(z),), (jnp.asarray(1 + 0j),))
    step = 1e-4
    for order in (0, 1):
        assert np.isclose(value[order], scipy.special.hankel1e(order, z), rtol=1e-14)
        around = [scipy.special.hankel1e(order, z + k * step) for k in (-2, -1, 1, 2)]
        difference = (around[0] - 8 * around[1] + 8 * around[2] - around[3]) / (12 * step)
        assert np.isclose(first[order], difference, rtol=1e-10)

    def second(w):
        return jax.jacfwd(jax.jacfwd(lambda u: f(u)[0], holomorphic=True), holomorphic=True)(w)

    h0, h1 = value
    assert np.isclose(second(jnp.asarray(z)), -2 * h0 + 2j * h1 + h1 / z, rtol=1e-12)


def test_high_derivatives_are_finite_everywhere_under_jit_and_vmap():
    z = jnp.asarray(grid()[len(ANGLES) : -3 * len(ANGLES)])

    def f(w):
        return jnp.stack(hankel1_01(w))

    for _ in range(4):
        f = jax.jacfwd(f, holomorphic=True)
    assert np.all(np.isfinite(jax.jit(jax.vmap(f))(z)))


def test_gradient_of_a_real_function_of_a_real_parameter():
    def f(k):
        h0, h1 = hankel1_01(lax_complex(k * jnp.asarray([0.5, 3.0])))
        return jnp.sum((h0 * h1).imag)

    def lax_complex(x):
        return jax.lax.complex(x, 0.1 * jnp.ones_like(x))

    step = 1e-5
    difference = (f(1.3 + step) - f(1.3 - step)) / (2 * step)
    assert np.isclose(jax.grad(f)(1.3), difference, rtol=1e-8)
    assert np.isclose(jax.jit(jax.grad(f))(1.3), jax.jacfwd(f)(1.3), rtol=1e-14)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4)])
def test_shapes_jit_and_vmap(shape):
    z = jnp.asarray(random_points(int(np.prod(shape))).reshape(shape))
    eager = hankel1_01(z)
    assert all(h.shape == shape and h.dtype == jnp.complex128 for h in eager)
    for other in [jax.jit(hankel1_01)(z)] + ([jax.vmap(hankel1_01)(z)] if shape else []):
        for a, b in zip(eager, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)


def test_single_precision_follows_the_input():
    z = random_points(500).astype(np.complex64)
    for order, value in enumerate(hankel1_01(jnp.asarray(z))):
        assert value.dtype == jnp.complex64
        np.testing.assert_allclose(
            value, scipy.special.hankel1(order, z.astype(complex)), rtol=2e-5, atol=1e-30
        )


def test_points_below_the_axis_are_nan_when_traced():
    assert np.all(np.isnan(jax.jit(hankel1_01)(jnp.asarray(1 - 1e-3j))))


@pytest.mark.parametrize("function", [hankel1_01, hankel1e_01])
@pytest.mark.parametrize(
    ("z", "message"),
    [
        (1.0, "Argument `z` must be complex, but its type is float64"),
        (1 - 0.1j, "Argument `z` must have Im z >= 0, but"),
        ([1j, 0j], "Argument `z` must not be zero, but"),
    ],
)
def test_errors(function, z, message):
    with pytest.raises(ValueError, match=message):
        function(jnp.asarray(z))


def test_the_table_is_what_the_generator_prints():
    generator = importlib.import_module("msgreen_kernels.hankel.coefficients")
    namespace = {}
    exec(generator.source(), namespace)
    assert namespace["POLES"] == POLES


def test_the_rational_function_alone_is_accurate_to_three_ulp():
    generator = importlib.import_module("msgreen_kernels.hankel.coefficients")
    for w in [2, 2j, 2 * mp.expj(0.6), 2 * mp.expj(1.1), 2.3j, 4j, 11j, 100j, 7]:
        s0, s1 = generator.stieltjes(mp.mpmathify(w))[:2]
        r0, r1 = (sum(row[k] / (w + row[0]) for row in POLES) for k in (1, 2))
        assert abs((r0 - s0) / (1 - s0)) < 3e-15
        assert abs((r1 - s1) / (1 + s1)) < 3e-15


def test_elementary_functions():
    assert sum(map(mp.mpf, elementary.HALF_PI)) - mp.pi / 2 < mp.mpf(2) ** -54
    x = np.concatenate([np.linspace(-50, 50, 4001), [1e4, -1e6, 1.23e8]])
    cos, sin = elementary.cos_sin(jnp.asarray(x))
    np.testing.assert_allclose(cos, np.cos(x), rtol=0, atol=4e-16)
    np.testing.assert_allclose(sin, np.sin(x), rtol=0, atol=4e-16)
    a = np.linspace(-np.pi / 2, np.pi / 2, 1001)
    x, y = np.sin(a), np.abs(np.cos(a))
    angle = elementary.angle_from_y(jnp.asarray(x), jnp.asarray(y), jnp.hypot(x, y))
    np.testing.assert_allclose(angle, a, rtol=1e-15, atol=1e-16)
