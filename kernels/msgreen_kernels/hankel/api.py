"""Hankel functions of the first kind, orders 0 and 1, in the closed upper half plane."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike

from msgreen_kernels.hankel import xla


def _checked(z: ArrayLike) -> Array:
    """Return `z` as an array; values are checked unless JAX is tracing them."""
    z = jnp.asarray(z)
    if not jnp.issubdtype(z.dtype, jnp.complexfloating):
        raise ValueError(
            f"Argument `z` must be complex, but its type is {z.dtype}. Use z.astype(complex)."
        )
    if isinstance(z, Tracer):
        return z
    values = np.asarray(z)
    if np.any(np.imag(values) < 0):
        raise ValueError(
            "Argument `z` must have Im z >= 0, but it has points in the lower half plane. "
            "Take the root with the positive imaginary part."
        )
    if np.any(values == 0):
        raise ValueError(
            "Argument `z` must not be zero, but it is: both functions are singular there."
        )
    return z


_evaluate = partial(jax.jit, static_argnums=1)(xla.hankel)


# The rules below close on themselves, so derivatives of every order are again the pair and
# nothing is differentiated through the branches of the reference (DLMF 10.6.3, 10.6.2):
#     H0' = -H1,  H1' = H0 - H1 / z.
# With h = e^{-iz} H the product rule adds -i h to each line.
@jax.custom_jvp
def _plain(z: Array) -> tuple[Array, Array]:
    return _evaluate(z, False)


@_plain.defjvp
def _plain_jvp(primals, tangents):
    (z,), (dz,) = primals, tangents
    h0, h1 = _plain(z)
    return (h0, h1), (-h1 * dz, (h0 - h1 / z) * dz)


@jax.custom_jvp
def _scaled(z: Array) -> tuple[Array, Array]:
    return _evaluate(z, True)


@_scaled.defjvp
def _scaled_jvp(primals, tangents):
    (z,), (dz,) = primals, tangents
    h0, h1 = _scaled(z)
    return (h0, h1), (-(h1 + 1j * h0) * dz, (h0 - 1j * h1 - h1 / z) * dz)


def hankel1_01(z: ArrayLike) -> tuple[Array, Array]:
    """Hankel functions of the first kind of order 0 and 1.

    Parameters
    ----------
    z : complex array of any shape
        Nonzero points with Im z >= 0. The negative real axis is reached from above:
        Im z = -0.0 counts as +0.0. Points below the axis raise when `z` is concrete and
        give NaN when it is traced.

    Returns
    -------
    h0, h1 : complex arrays of the shape and type of `z`
        H0(z) and H1(z). They underflow beyond Im z of about 700 in double precision;
        `hankel1e_01` does not.

    Raises
    ------
    ValueError
        If `z` is not complex, is zero, or lies in the lower half plane.

    Notes
    -----
    The relative error stays below 1e-14 for 1e-6 <= |z| <= 1e3 in double precision.
    Derivatives of every order, forward and reverse, use H0' = -H1 and H1' = H0 - H1/z.

    References
    ----------
    NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov/10.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> h0, h1 = hankel1_01(jnp.asarray(1.0 + 0.0j))
    >>> print(f"{h0:.4f} {h1:.4f}")
    0.7652+0.0883j 0.4401-0.7812j
    """
    return _plain(_checked(z))


def hankel1e_01(z: ArrayLike) -> tuple[Array, Array]:
    """Hankel functions of order 0 and 1 times exp(-iz), which neither under- nor overflow.

    Parameters
    ----------
    z : complex array of any shape
        As in `hankel1_01`.

    Returns
    -------
    h0, h1 : complex arrays of the shape and type of `z`
        H0(z) e^{-iz} and H1(z) e^{-iz}.

    Raises
    ------
    ValueError
        If `z` is not complex, is zero, or lies in the lower half plane.

    Notes
    -----
    The n-th derivative is accurate to about 2^n roundings of the function, not of the
    derivative itself, which is smaller by |z|^-n far from the origin.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> h0, h1 = hankel1e_01(jnp.asarray(1000.0j))
    >>> print(f"{h0.imag:.6f} {h1.real:.6f}")
    -0.025228 -0.025241
    """
    return _scaled(_checked(z))
