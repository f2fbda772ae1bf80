"""Traces around loops against numpy, which gathers and multiplies with np.matmul."""

from _measure import bound, header, milliseconds, peak_gigabytes  # isort: skip

import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import loop_trace
from msgreen_kernels.shapes import LOOPS


def numpy_loops(legs, index, weights, block=50_000):
    total = np.zeros(len(index), complex)
    for table, weight in zip(legs, weights, strict=True):
        for start in range(0, len(index), block):
            rows = index[start : start + block]
            product = table[rows[:, 0]]
            for k in range(1, rows.shape[1]):
                product = np.matmul(product, table[rows[:, k]])
            total[start : start + block] += weight * np.trace(product, axis1=-2, axis2=-1)
    return total


def flops(shape):
    """Return the operations of one pass: N - 2 products and one trace of a pair."""
    each = 8 * shape.n**3 * max(shape.sites - 2, 0) + 8 * shape.n**2
    return each * shape.energies.bench * shape.loops.bench


def run(shape):
    rng = np.random.default_rng(0)
    size = (shape.energies.bench, shape.legs.bench, shape.n, shape.n)
    legs = rng.normal(size=size) + 1j * rng.normal(size=size)
    index = rng.integers(0, shape.legs.bench, (shape.loops.bench, shape.sites))
    weights = rng.normal(size=shape.energies.bench) + 0j
    data = [jnp.asarray(x) for x in (legs, index, weights)]

    value = milliseconds(loop_trace, *data, runs=3)
    after_value = peak_gigabytes()

    def total(legs, weights):
        return loop_trace(legs, data[1], weights).real.sum()

    both = jax.jit(jax.value_and_grad(total, argnums=(0, 1)))
    gradient = milliseconds(both, data[0], data[2], runs=3)
    after_gradient = peak_gigabytes()
    few = min(shape.loops.bench, 100_000)
    baseline = milliseconds(numpy_loops, legs, index[:few], weights, runs=1, warm=False)
    baseline *= shape.loops.bench / few
    print(
        f"n = {shape.n}, {shape.sites} sites, {shape.energies.bench} energies, "
        f"{shape.legs.bench} legs, {shape.loops.bench} loops:"
    )
    print(f"  value {value:.0f} ms, numpy {baseline:.0f} ms, ratio {baseline / value:.1f}")
    print(f"  value and gradient {gradient:.0f} ms, {gradient / value:.1f} times the value")
    print(f"  peak memory {after_value:.2f} GB after the value, {after_gradient:.2f} GB after both")
    moved = 16 * shape.n**2 * shape.sites * shape.energies.bench * shape.loops.bench
    bound(value, flops(shape), moved)


def main():
    header()
    for shape in LOOPS:
        run(shape)


if __name__ == "__main__":
    main()
