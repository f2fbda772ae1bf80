"""Phase and log-modulus of the determinants of a batch of complex matrices."""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from msgreen_kernels import linalg
from msgreen_kernels.linalg import lapack
from msgreen_kernels.linalg.api import flat, on_cpu, prefers_lapack
from msgreen_kernels.linalg.xla import eliminate
from msgreen_kernels.logdet import xla

# A determinant alone is a third of an elimination to the inverse; LAPACK is faster beyond this.
LARGEST_ELIMINATED = 8


@flat
def _value(a: Array) -> tuple[Array, Array]:
    def default(a):
        phase, logabs = jnp.linalg.slogdet(a)
        return phase, logabs

    def cpu(a):
        if a.shape[-1] > LARGEST_ELIMINATED or prefers_lapack(*a.shape[:2]):
            return lapack.in_serial_calls(default, a)
        found = eliminate(a, pivoting=True)
        return found.phase, found.logabs

    return on_cpu(cpu, default, a)


@flat
def _all(a: Array) -> tuple[Array, Array, Array]:
    def cpu(a):
        if prefers_lapack(*a.shape[:2]):
            return lapack.in_serial_calls(lapack.all_from_one_lu, a)
        return tuple(eliminate(a, pivoting=True))

    return on_cpu(cpu, lapack.all_from_one_lu, a)


# Jacobi's formula: d ln det A = Tr(A^-1 dA) = t. With det A = p e^l, |p| = 1, the real part
# is dl = Re t and the imaginary part turns the phase, dp = i Im(t) p. A A^-1 = 1 gives
# d(A^-1) = -A^-1 dA A^-1. Together the rules close on themselves: derivatives of every order
# cost products with the one inverse.
@jax.custom_jvp
def _with_inverse(a: Array) -> tuple[Array, Array, Array]:
    if a.shape[-1] <= xla.LARGEST_UNROLLED:
        return *xla.unrolled(a), linalg.inverse(a)
    return _all(a)


@_with_inverse.defjvp
def _with_inverse_jvp(primals, tangents):
    phase, logabs, x = _with_inverse(*primals)
    da = tangents[0]
    t = jnp.sum(x * jnp.swapaxes(da, -1, -2), axis=(-2, -1))
    turn = lax.complex(jnp.zeros_like(t.imag), t.imag) * phase
    return (phase, logabs, x), (turn, t.real, -(x @ da @ x))


@jax.custom_jvp
def _slogdet(a: Array) -> tuple[Array, Array]:
    n = a.shape[-1]
    return xla.unrolled(a) if n <= xla.LARGEST_UNROLLED else _value(a)


@_slogdet.defjvp
def _slogdet_jvp(primals, tangents):
    value, change = jax.jvp(_with_inverse, primals, tangents)
    return value[:2], change[:2]


_jitted = jax.jit(_slogdet)


def slogdet(a: ArrayLike) -> tuple[Array, Array]:
    """Phase and natural logarithm of the modulus of det(a).

    Parameters
    ----------
    a : complex array (..., n, n)
        Square matrices; any batch shape, also empty.

    Returns
    -------
    phase : complex array (...)
        det(a) / abs(det(a)), or 0 for a singular matrix.
    logabs : real array (...)
        ln abs(det(a)), or -inf for a singular matrix.

    Raises
    ------
    ValueError
        If `a` is not complex or its last two axes are not square.

    Notes
    -----
    All routes pivot, so a small leading minor costs no accuracy: unrolled elimination for
    n <= 4, elimination in a loop for many matrices up to n = 8 (n = 20 with derivatives), LAPACK
    beyond. Derivatives of every order, forward and reverse, use d ln det a = Tr(a^-1 da); they
    are infinite or NaN at a singular matrix. The determinant
    of a 0 x 0 matrix is 1.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> phase, logabs = slogdet(jnp.asarray([[0, 1], [1, 0]], dtype=complex))
    >>> print(f"{phase.real:.1f} {logabs:.1f}")
    -1.0 0.0
    """
    a = jnp.asarray(a)
    if not jnp.issubdtype(a.dtype, jnp.complexfloating):
        raise ValueError(
            f"Argument `a` must be complex, but its type is {a.dtype}. Use a.astype(complex)."
        )
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(
            "Argument `a` must hold square matrices on its last two axes, "
            f"but its shape is {a.shape}."
        )
    if a.size == 0:
        batch = a.shape[:-2]
        return jnp.ones(batch, a.dtype), jnp.zeros(batch, a.real.dtype)
    return _jitted(a)
