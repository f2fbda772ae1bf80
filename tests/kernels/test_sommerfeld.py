"""Sommerfeld's integrals against spherical waves, and along the real axis where that converges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from msgreen_kernels import sommerfeld
from scipy.integrate import quad_vec
from scipy.special import hankel1

RHO = np.array([3.0, 7.0, 2.0, 0.01, 0.0])
ALONG = np.array([0.0, 7.0, -9.8, 10.0, 12.0])


@pytest.mark.parametrize("q", [0.3 + 0j, 0.3 + 0.05j, 0.1 + 0.5j, 1j])
def test_without_a_shift_it_is_the_spherical_wave(q):
    s, v = sommerfeld(jnp.array([q]), jnp.array(0j), RHO, ALONG)
    distance = np.hypot(RHO, ALONG)
    np.testing.assert_allclose(s[0], 2 * np.exp(1j * q * distance) / (1j * np.pi * distance), 1e-11)
    assert np.abs(v).max() < 1e-6 * np.abs(s).max()  # terms 1 / rho^2 cancel near the axis
    assert np.abs(v[0, :3]).max() < 1e-14


def direct(q, k, rho, z):
    def at(p):
        kappa = np.sqrt(q**2 - p**2)
        kappa = kappa if kappa.imag > 0 else -kappa
        up, down = kappa + k, kappa - k
        wave = np.exp(1j * p * z) / (2 * np.pi * kappa)
        return wave * np.array(
            [
                up * hankel1(0, up * rho) + down * hankel1(0, down * rho),
                (up * hankel1(1, up * rho) - down * hankel1(1, down * rho)) / rho,
            ]
        )

    return quad_vec(lambda p: at(p) + at(-p), 0, 45 / rho, epsabs=1e-13, epsrel=1e-11)[0]


@pytest.mark.parametrize(("q", "k"), [(0.3 + 0.1j, 0.11), (0.05 + 0.03j, 0.11), (0.2 + 0.3j, -0.2)])
def test_path_meets_the_real_axis(q, k):
    """Also where the shift is larger than q: no branch point lies between the two."""
    s, v = sommerfeld(jnp.array([q]), jnp.array(k + 0j), RHO[:3], ALONG[:3])
    for n in range(3):
        expected = direct(q, k, RHO[n], ALONG[n])
        np.testing.assert_allclose([s[0, n], v[0, n]], expected, rtol=1e-9)


def test_derivatives_at_the_plane_are_those_of_an_even_function():
    def value(z):
        s, v = sommerfeld(jnp.array([0.3 + 0.1j]), jnp.array(0.11 + 0j), RHO[:1], z[None])
        return s[0, 0].real + v[0, 0].imag

    both = jax.jit(lambda z: (value(z), jax.jvp(value, (z,), (jnp.ones(()),))[1]))
    (low, flat), (high, slope), (_, back) = (map(float, both(z)) for z in (0.0, 0.01, -0.01))
    assert abs(flat) < 1e-14
    assert slope / 0.02 == pytest.approx((high - low) / 0.01**2, rel=1e-4)
    assert back == pytest.approx(-slope, rel=1e-10)
