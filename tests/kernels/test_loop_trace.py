import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import with_derivatives
from msgreen_kernels import loop_trace
from msgreen_kernels.shapes import LOOPS


def problem(n, sites, energies, legs, loops, rules=None, seed=0):
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(n)

    weights = normal(energies) if rules is None else normal(rules, energies)
    return normal(energies, legs, n, n), rng.integers(0, legs, (loops, sites)), weights


def naive(legs, index, weights):
    product = legs[:, index[:, 0]]
    for k in range(1, index.shape[1]):
        product = np.einsum("elij,eljk->elik", product, legs[:, index[:, k]])
    return np.einsum("...e,elii->...l", weights, product)


def small(shape, **options):
    sizes = (shape.energies.test, shape.legs.test, shape.loops.test)
    return problem(shape.n, shape.sites, *sizes, **options)


# Small and large matrices are laid out in two ways; each meets every block and rule.
LAYOUTS = (LOOPS[0], LOOPS[-1])


@pytest.mark.parametrize("shape", LOOPS)
def test_values_agree_with_numpy(shape):
    data = small(shape, rules=2)
    np.testing.assert_allclose(loop_trace(*data, block=7), naive(*data), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("shape", LAYOUTS)
@pytest.mark.parametrize("rules", [None, 1, 2])
@pytest.mark.parametrize("block", [None, 1, 7])
def test_blocks_and_rules_agree_with_numpy(shape, rules, block):
    data = small(shape, rules=rules)
    value = loop_trace(*data, block=block)
    np.testing.assert_allclose(value, naive(*data), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("n", "sites"), [(1, 3), (3, 5), *((n, sites) for n in (2, 9) for sites in (1, 2, 3, 5, 7))]
)
def test_any_number_of_sites(n, sites):
    data = problem(n, sites, 2, 6, 11)
    np.testing.assert_allclose(loop_trace(*data), naive(*data), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("n", "sites"), [(1, 3), *((n, sites) for n in (2, 9) for sites in (1, 2, 3, 5))]
)
def test_gradient_agrees_with_the_derivative_of_the_naive_sum(n, sites):
    legs, index, weights = problem(n, sites, 2, 5, 9, rules=2)
    rng = np.random.default_rng(1)
    cotangent = rng.normal(size=(2, 9))
    step = problem(n, sites, 2, 5, 9, rules=2, seed=2)

    def f(legs, weights, function=loop_trace):
        return (cotangent * function(legs, index, weights, **options).real).sum()

    options = {"block": 4}
    gradient = jax.jit(jax.grad(f, argnums=(0, 1)))(legs, weights)
    tangent = jax.jvp(f, (legs, weights), (step[0], step[2]))[1]
    options = {}
    # f is a polynomial of degree N + 1, for which this central difference is sharp.
    h = 1e-3
    around = [f(legs + k * h * step[0], weights + k * h * step[2], naive) for k in (-2, -1, 1, 2)]
    difference = (around[0] - 8 * around[1] + 8 * around[2] - around[3]) / (12 * h)
    inner = sum((g * s).sum().real for g, s in zip(gradient, (step[0], step[2]), strict=True))
    np.testing.assert_allclose(tangent, difference, rtol=1e-7)
    np.testing.assert_allclose(inner, tangent, rtol=1e-11)


@pytest.mark.parametrize("n", [2, 9])
def test_derivatives_of_order_one_to_four(n):
    # Every leg is g0 + t v, so the loop is a polynomial in t with known derivatives.
    sites = 4
    legs, index, weights = problem(n, sites, 2, 4, 3)
    step = problem(n, sites, 2, 4, 3, seed=8)[0]

    def f(t):
        return loop_trace(legs + t.astype(complex) * step, index, weights, block=2).real

    nodes = np.arange(-2, 3)
    samples = [naive(legs + t * step, index, weights).real for t in nodes]
    coefficients = np.linalg.solve(np.vander(nodes, increasing=True).astype(float), samples)
    modes = jax.jacrev, jax.jacfwd, jax.jacfwd, jax.jacfwd
    found = jax.jit(with_derivatives(f, modes))(jnp.asarray(0.0))
    for k in range(1, 5):
        expected = coefficients[k] * np.prod(np.arange(1, k + 1))
        np.testing.assert_allclose(found[k], expected, rtol=1e-9, atol=1e-10)


def test_repeated_legs_add_up_in_the_gradient():
    legs = jnp.asarray([[[[2.0 + 0j]]]])
    index = np.zeros((3, 4), int)

    def f(x):
        return loop_trace(x, index, jnp.ones(1, complex)).real.sum()

    np.testing.assert_allclose(jax.grad(f)(legs), 3 * 4 * 2.0**3 * np.ones((1, 1, 1, 1)))


def test_jit_with_traced_index_and_vmap():
    legs, index, weights = problem(2, 4, 3, 7, 10)
    expected = naive(legs, index, weights)
    np.testing.assert_allclose(jax.jit(loop_trace)(legs, index, weights), expected, rtol=1e-12)
    stacked = jax.vmap(loop_trace, (0, None, None))(np.stack([legs, 2 * legs]), index, weights)
    np.testing.assert_allclose(stacked, np.stack([expected, 16 * expected]), rtol=1e-12)


def test_reverse_mode_memory_does_not_grow_with_the_number_of_loops():
    def temporary(loops):
        legs, index, weights = problem(2, 4, 3, 10, loops)

        def f(legs):
            return loop_trace(legs, index, weights, block=256).real.sum()

        analysis = jax.jit(jax.grad(f)).lower(legs).compile().memory_analysis()
        return analysis.temp_size_in_bytes

    gathered = 4 * 4 * 16
    assert temporary(2**15) - temporary(2**12) < 0.5 * gathered * (2**15 - 2**12)


def test_single_precision_follows_the_input():
    legs, index, weights = problem(2, 4, 3, 7, 10)
    value = loop_trace(legs.astype(np.complex64), index, weights.astype(np.complex64))
    assert value.dtype == jnp.complex64
    np.testing.assert_allclose(value, naive(legs, index, weights), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("energies", "legs", "n", "loops"), [(0, 3, 2, 4), (2, 3, 2, 0), (2, 3, 0, 4), (2, 0, 2, 0)]
)
def test_empty_inputs(energies, legs, n, loops):
    table = np.zeros((energies, legs, n, n), complex)
    index = np.zeros((loops, 4), int)
    assert loop_trace(table, index, np.zeros(energies, complex)).shape == (loops,)
    value = loop_trace(table, index, np.zeros((2, energies), complex))
    np.testing.assert_array_equal(value, np.zeros((2, loops)))


GOOD = {
    "legs": np.zeros((2, 3, 2, 2), complex),
    "index": np.zeros((5, 4), int),
    "weights": np.zeros(2, complex),
}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"legs": np.zeros((2, 3, 2, 2))}, "Argument `legs` must be complex"),
        ({"legs": np.zeros((2, 3, 2, 1), complex)}, "`legs` must have shape .energy, leg, n, n."),
        ({"legs": np.zeros((3, 2, 2), complex)}, "`legs` must have shape .energy, leg, n, n."),
        ({"index": np.zeros((5, 4))}, "Argument `index` must hold integers, but .* float64"),
        ({"index": np.zeros(4, int)}, r"`index` must have shape \(loop, N\)"),
        ({"index": np.zeros((5, 0), int)}, "at least one leg per loop"),
        ({"index": np.full((5, 4), 3)}, r"`index` must lie in 0 \.\.\. 2, .* contains 3"),
        ({"index": np.full((5, 4), -1)}, r"`index` must lie in 0 \.\.\. 2, .* contains -1"),
        ({"weights": np.zeros(2)}, "Argument `weights` must have the type of `legs`, complex128"),
        ({"weights": np.zeros(3, complex)}, r"`weights` must have shape \(2,\) or \(rule, 2\)"),
        ({"weights": np.zeros((1, 1, 2), complex)}, "`weights` must have shape"),
        ({"block": 0}, "Argument `block` must be at least 1, but it is 0"),
    ],
)
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        loop_trace(**(GOOD | wrong))
