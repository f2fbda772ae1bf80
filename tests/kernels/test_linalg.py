import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from msgreen_kernels import linalg
from msgreen_kernels.linalg import lapack, xla
from msgreen_kernels.shapes import LINALG_BATCH


def matrices(n, batch, seed=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, n, n)) + 1j * rng.normal(size=(batch, n, n))


def hermitian(n, batch, seed=3):
    a = matrices(n, batch, seed)
    return a + a.conj().swapaxes(-1, -2)


def residual(a, x):
    """Largest entry of 1 - a x over the condition of a."""
    condition = np.linalg.norm(a, axis=(-2, -1)) * np.linalg.norm(x, axis=(-2, -1))
    return (np.abs(a @ np.asarray(x) - np.eye(a.shape[-1])).max(axis=(-2, -1)) / condition).max()


@pytest.mark.parametrize("n", LINALG_BATCH)
def test_values_agree_with_numpy(n):
    a = matrices(n, LINALG_BATCH[n].test)
    z = 0.3 + 0.7j
    assert residual(a, linalg.inverse(a)) < 1e-14
    assert residual(z * np.eye(n) - hermitian(n, 4), linalg.resolvent(z, hermitian(n, 4))) < 1e-14
    b = matrices(n, len(a), 5)[..., : max(1, n // 2)]
    np.testing.assert_allclose(linalg.solve(a, b), np.linalg.solve(a, b), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [3, 9, 20])
def test_elimination_is_as_accurate_as_lapack(n):
    """Badly scaled rows, and leading minors that vanish or nearly do."""
    a = matrices(n, 70)
    a[:20, 0, 0] = 0
    a[20:40, : n - 1, : n - 1] *= 1e-9
    a[40:60] *= 10.0 ** np.random.default_rng(1).uniform(-8, 8, (20, n, 1))
    a[60:] *= 1e170
    found = xla.eliminate(jnp.asarray(a), pivoting=True)
    phase, logabs = np.linalg.slogdet(a)
    np.testing.assert_allclose(found.phase, phase, rtol=1e-11)
    np.testing.assert_allclose(found.logabs, logabs, rtol=1e-12)
    exact = np.linalg.inv(a)
    error = np.linalg.norm(found.inverse - exact, axis=(-2, -1))
    scaled = a / np.abs(a).max(axis=-1, keepdims=True)
    assert (error <= 1e-14 * np.linalg.cond(scaled) * np.linalg.norm(exact, axis=(-2, -1))).all()


@pytest.mark.parametrize("height", [1.0, 1e-2])
def test_resolvents_need_no_pivoting(height):
    """Also where every diagonal entry is that of an empty level at the energy itself."""
    h = hermitian(12, 70)
    h[:, np.arange(12), np.arange(12)] = 0
    a = 1j * height * np.eye(12) - h
    found = xla.eliminate(jnp.asarray(a), pivoting=False).inverse
    assert residual(a, found) < 1e-15 / height
    phase, logabs = np.linalg.slogdet(a)
    found = xla.eliminate(jnp.asarray(a), pivoting=False)
    np.testing.assert_allclose(found.logabs, logabs, rtol=1e-12)
    np.testing.assert_allclose(found.phase, phase, rtol=1e-11)


@pytest.mark.parametrize("height", [0.0, 1e-9])
def test_resolvents_close_to_the_axis_pivot(height):
    h = hermitian(12, 70)
    h[:, np.arange(12), np.arange(12)] = 0
    a = 1j * height * np.eye(12) - h
    assert residual(a, linalg.resolvent(jnp.asarray(1j * height), h)) < 1e-15


def test_singular_matrices():
    a = jnp.zeros((70, 9, 9), complex)
    found = xla.eliminate(a, pivoting=True)
    np.testing.assert_array_equal(found.phase, 0)
    np.testing.assert_array_equal(found.logabs, -np.inf)
    assert not np.isfinite(found.inverse).any()


@pytest.mark.parametrize(("n", "batch"), [(2, 3), (5, 3), (5, 400)])
def test_derivatives_to_third_order(n, batch):
    """(A - t B)^-1 = X + t X B X + t^2 X B X B X + ... with X = A^-1, in mixed modes."""
    a, b = matrices(n, batch) + 2 * n * np.eye(n), matrices(n, batch, 8)
    x = np.linalg.inv(a)
    exact = [x, x @ b @ x, 2 * x @ b @ x @ b @ x, 6 * x @ b @ x @ b @ x @ b @ x]
    weights = jnp.asarray(matrices(n, batch, 9))

    def f(t):
        inverse = linalg.inverse(jnp.asarray(a) - t.astype(complex) * jnp.asarray(b))
        return jnp.sum(weights * inverse).real

    def g(t):
        shifted = jnp.asarray(a) - t.astype(complex) * jnp.asarray(b)
        return jnp.sum(weights * linalg.solve(shifted, jnp.asarray(a))).real

    third = jax.jit(jax.grad(jax.jacfwd(jax.jacfwd(f))))(jnp.asarray(0.0))
    second = jax.jit(jax.grad(jax.grad(g)))(jnp.asarray(0.0))
    np.testing.assert_allclose(third, np.sum(weights * exact[3]).real, rtol=1e-9)
    np.testing.assert_allclose(second, np.sum(weights * (exact[2] @ a)).real, rtol=1e-9)


def test_derivatives_of_resolvents():
    h, b = hermitian(4, 1)[0], hermitian(4, 1, 7)[0]

    def f(t):
        z = t.astype(complex) + 1j
        return linalg.resolvent(z, jnp.asarray(h) + 2 * t.astype(complex) * jnp.asarray(b)).real

    g = np.linalg.inv(1j * np.eye(4) - h)
    change = 2 * b - np.eye(4)
    exact = g @ change @ g, 2 * g @ change @ g @ change @ g
    first = jax.jacfwd(f)(jnp.asarray(0.0))
    second = jax.jit(jax.jacfwd(jax.jacrev(f)))(jnp.asarray(0.0))
    np.testing.assert_allclose(first, exact[0].real, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(second, exact[1].real, rtol=1e-10, atol=1e-12)


def test_maps_join_the_batch():
    """Under vmap, also of a loop, no LAPACK call receives more matrices than stay on a thread."""
    a = jnp.asarray(matrices(24, 12)).reshape(4, 3, 24, 24)
    mapped = jax.jit(jax.vmap(lambda rows: jax.lax.map(linalg.inverse, rows)))
    calls = [line for line in mapped.lower(a).as_text().splitlines() if "lapack_zgetrf" in line]
    batches = [int(b or 1) for b in re.findall(r"-> \(tensor<(?:(\d+)x)?24x24x", "".join(calls))]
    assert calls and len(batches) == len(calls)
    assert all(lapack.is_serial(batch, 24) for batch in batches)
    np.testing.assert_allclose(mapped(a), np.linalg.inv(a), rtol=1e-8)
    np.testing.assert_allclose(jax.vmap(jax.vmap(linalg.inverse))(a), np.linalg.inv(a), rtol=1e-8)


@pytest.mark.parametrize("single", [False, True])
def test_serial_calls(single):
    seen = []

    def double(a):
        seen.append(a.shape)
        return 2 * a

    a = jnp.asarray(matrices(12, 50))
    np.testing.assert_array_equal(lapack.in_serial_calls(double, a, single=single), 2 * a)
    assert all(lapack.is_serial(1 if len(s) == 2 else s[0], 12) for s in seen)


def test_empty_batches_and_single_precision():
    for shape in [(0, 3, 3), (2, 0, 3, 3), (2, 0, 0)]:
        assert linalg.inverse(jnp.zeros(shape, complex)).shape == shape
        assert linalg.resolvent(jnp.asarray(1j), jnp.zeros(shape, complex)).shape == shape
        assert linalg.eigvalsh(jnp.zeros(shape, complex)).shape == shape[:-1]
    assert linalg.solve(jnp.zeros((0, 3, 3)), jnp.zeros((0, 3, 2))).shape == (0, 3, 2)
    a = matrices(5, 300).astype(np.complex64)
    found = linalg.inverse(a)
    assert found.dtype == jnp.complex64
    assert residual(a, found) < 1e-5


def test_real_matrices():
    a = matrices(5, 300).real
    found = linalg.inverse(a)
    assert found.dtype == jnp.float64
    assert residual(a, found) < 1e-14


def test_spectra():
    h = hermitian(6, 10).reshape(2, 5, 6, 6)
    values, vectors = (np.asarray(x) for x in linalg.eigh(h))
    np.testing.assert_allclose(values, np.linalg.eigvalsh(h), atol=1e-13)
    np.testing.assert_allclose((vectors * values[..., None, :]) @ vectors.conj().mT, h, atol=1e-12)
    np.testing.assert_allclose(jax.vmap(linalg.eigvalsh)(h), values, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linalg.inverse(np.eye(2, dtype=int)), "`a` must be real or complex, but .* int64"),
        (lambda: linalg.inverse(np.ones((2, 3))), r"`a` must hold square matrices .* \(2, 3\)"),
        (lambda: linalg.solve(np.eye(2), np.eye(3)), r"`b` must hold matrices of 2 rows"),
        (lambda: linalg.solve(np.eye(2), 1j * np.eye(2)), "`b` must have the type of `a`"),
        (lambda: linalg.solve(np.ones((2, 3, 3)), np.ones((5, 3, 3))), "`b` must have batch axes"),
        (lambda: linalg.resolvent(1.0, np.eye(2)), "`z` must be complex"),
        (lambda: linalg.eigh(np.ones(3)), r"`a` must hold square matrices .* \(3,\)"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


INVERSES = """
import jax, numpy as np
from msgreen_kernels import linalg
both = jax.jit(lambda a: (linalg.inverse(a), linalg.inverse(a + 1)))
rng = np.random.default_rng(0)
for _ in range(20):
    shape = 8000, 12, 12
    a = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    assert all(np.isfinite(x).all() for x in jax.block_until_ready(both(a)))
"""

HESSIANS = """
import jax, numpy as np
from msgreen import ContactCoupling, LloydEnergy, RashbaGas
gas = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
sites = np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0]])
energy = LloydEnergy(gas, ContactCoupling(5.0), sites, onsite=False)
hessian = jax.jit(jax.vmap(jax.hessian(energy.connected)))
rng = np.random.default_rng(0)
for _ in range(20):
    spins = rng.normal(size=(64, 4, 3))
    spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
    assert np.isfinite(jax.block_until_ready(hessian(spins))).all()
"""


@pytest.mark.parametrize("program", [INVERSES, HESSIANS], ids=["inverses", "hessians"])
def test_large_batches_at_once_do_not_wait_for_each_other(program):
    """Twenty runs of what hung for good with batched LAPACK calls on two cores."""
    environment = os.environ | {"JAX_ENABLE_X64": "1"}
    subprocess.run([sys.executable, "-c", program], env=environment, timeout=240, check=True)
