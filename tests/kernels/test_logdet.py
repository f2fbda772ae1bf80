import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from derivatives import with_derivatives
from msgreen_kernels import slogdet
from msgreen_kernels.shapes import LOGDET_BATCH

SMALL = [1, 2, 4, 8]


def matrices(n, batch, seed=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, n, n)) + 1j * rng.normal(size=(batch, n, n))


@pytest.mark.parametrize("n", LOGDET_BATCH)
def test_values_agree_with_numpy(n):
    a = matrices(n, LOGDET_BATCH[n].test)
    phase, logabs = slogdet(a)
    expected_phase, expected_logabs = np.linalg.slogdet(a)
    np.testing.assert_allclose(phase, expected_phase, rtol=1e-12)
    np.testing.assert_allclose(logabs, expected_logabs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("n", [2, 4, 8])
@pytest.mark.parametrize("corner", [1e-12, 1e-300, 0.0])
def test_small_leading_minors_cost_no_accuracy(n, corner):
    a = matrices(n, 20)
    a[:, 0, 0] = corner
    a[:, : n - 1, : n - 1] *= 1e-9
    for one in a:
        with mp.workdps(50):
            exact = complex(mp.log(mp.det(mp.matrix(one.tolist()))))
        phase, logabs = slogdet(one)
        bound = 4e-16 * n * np.linalg.cond(one / np.abs(one).max(axis=1, keepdims=True))
        assert abs(logabs - exact.real) < 1e-14 + bound
        assert abs(phase - np.exp(1j * exact.imag)) < 1e-14 + bound


@pytest.mark.parametrize("n", [1, 2, 3, 4, 8])
def test_extreme_scales_neither_overflow_nor_underflow(n):
    a = matrices(n, 4)
    for scale in (1e-200, 1e200):
        phase, logabs = slogdet(a * scale)
        np.testing.assert_allclose(phase, slogdet(a)[0], rtol=1e-12)
        np.testing.assert_allclose(logabs, slogdet(a)[1] + n * np.log(scale), rtol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
def test_singular_matrices(n):
    a = np.zeros((2, n, n), complex)
    a[1] = np.outer(np.arange(n), 1j * np.arange(n))
    phase, logabs = slogdet(a)
    np.testing.assert_array_equal(phase, 0)
    np.testing.assert_array_equal(logabs, -np.inf)


@pytest.mark.parametrize("n", SMALL)
def test_first_derivative_is_the_trace_with_the_inverse(n):
    a, da = matrices(n, 3), matrices(n, 3, seed=4)
    trace = np.einsum("bij,bji->b", np.linalg.inv(a), da)
    (phase, _), (dphase, dlogabs) = jax.jvp(slogdet, (jnp.asarray(a),), (jnp.asarray(da),))
    np.testing.assert_allclose(dlogabs, trace.real, rtol=1e-11)
    np.testing.assert_allclose(dphase, 1j * trace.imag * phase, rtol=1e-11)
    gradient = jax.grad(lambda x: slogdet(x)[1].sum())(jnp.asarray(a))
    np.testing.assert_allclose(gradient, np.linalg.inv(a).swapaxes(-1, -2), rtol=1e-11)


def exact_derivatives(a, b, count):
    """Return d^k ln det(a + t b) / dt^k at t = 0: (-1)^(k-1) (k-1)! Tr (a^-1 b)^k."""
    x, power, values = np.linalg.solve(a, b), np.eye(len(a)), []
    factor = 1.0
    for k in range(1, count + 1):
        power = power @ x
        values.append(factor * np.trace(power))
        factor *= -k
    return values


@pytest.mark.parametrize(
    "n", [pytest.param(n, marks=pytest.mark.slow) if n == 4 else n for n in SMALL]
)
def test_derivatives_of_order_one_to_four_in_mixed_modes(n):
    a = matrices(n, 1)[0] + 2 * n * np.eye(n)
    b = matrices(n, 1, seed=9)[0]

    def logdet(t):
        phase, logabs = slogdet(jnp.asarray(a) + t.astype(complex) * jnp.asarray(b))
        return jnp.stack([logabs, jnp.angle(phase)])

    modes = jax.jacfwd, jax.jacrev, jax.jacfwd, jax.jacfwd
    _, *found = jax.jit(with_derivatives(logdet, modes))(jnp.asarray(0.0))
    for value, expected in zip(found, exact_derivatives(a, b, 4), strict=True):
        np.testing.assert_allclose(value, [expected.real, expected.imag], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("n", [2, 8])
def test_hessian_is_the_same_in_every_mode(n):
    a, b = matrices(n, 1)[0], matrices(n, 3, seed=5)

    def f(t):
        return slogdet(a + jnp.einsum("k,kij->ij", t.astype(complex), b))[1]

    t = jnp.asarray([0.1, -0.2, 0.05])
    reference = jax.jacfwd(jax.jacfwd(f))(t)
    np.testing.assert_allclose(jax.jacfwd(jax.jacrev(f))(t), reference, rtol=1e-9)
    np.testing.assert_allclose(jax.jacrev(jax.jacrev(f))(t), reference, rtol=1e-9)


@pytest.mark.parametrize("n", [1, 4, 5])
@pytest.mark.parametrize("batch", [(), (3,), (2, 0), (2, 3)])
def test_shapes_jit_and_vmap(n, batch):
    a = jnp.asarray(matrices(n, int(np.prod(batch))).reshape(*batch, n, n))
    phase, logabs = slogdet(a)
    assert phase.shape == logabs.shape == batch
    assert phase.dtype == jnp.complex128 and logabs.dtype == jnp.float64
    for other in [jax.jit(slogdet)(a)] + ([jax.vmap(slogdet)(a)] if batch else []):
        np.testing.assert_allclose(other[0], phase, rtol=1e-13)
        np.testing.assert_allclose(other[1], logabs, rtol=1e-13, atol=1e-14)


def test_empty_matrices_have_determinant_one():
    phase, logabs = slogdet(jnp.zeros((3, 0, 0), complex))
    np.testing.assert_array_equal(phase, np.ones(3))
    np.testing.assert_array_equal(logabs, np.zeros(3))


@pytest.mark.parametrize("n", [2, 4, 8])
def test_single_precision_follows_the_input(n):
    a = matrices(n, 10)
    phase, logabs = slogdet(a.astype(np.complex64))
    assert phase.dtype == jnp.complex64 and logabs.dtype == jnp.float32
    np.testing.assert_allclose(logabs, np.linalg.slogdet(a)[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("a", "message"),
    [
        (np.eye(2), "Argument `a` must be complex, but its type is float64"),
        (np.ones(3, complex), r"must hold square matrices on its last two axes, but .* \(3,\)"),
        (np.ones((2, 3), complex), r"must hold square matrices .* \(2, 3\)"),
    ],
)
def test_errors(a, message):
    with pytest.raises(ValueError, match=message):
        slogdet(a)
