"""Inverses and resolvents of batches of matrices against jnp.linalg."""

from _measure import header, milliseconds  # isort: skip

import os
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg
from msgreen_kernels.shapes import LINALG_BATCH

RUNS = 9


def compiled(function, *arguments):
    """Return the compiled function and the seconds that compiling took."""
    lowered = jax.jit(function).lower(*arguments)
    start = time.process_time()
    return lowered.compile(), time.process_time() - start


def paired(functions, a):
    """Return medians of milliseconds and of processor milliseconds of functions in turn."""
    wall, work = [[] for _ in functions], [[] for _ in functions]
    for _ in range(RUNS):
        for i, function in enumerate(functions):
            start = time.process_time()
            wall[i].append(milliseconds(function, a, runs=1, warm=False))
            work[i].append(1e3 * (time.process_time() - start))
    return [statistics.median(w) for w in wall], [statistics.median(w) for w in work]


def main():
    header()
    print(f"{len(os.sched_getaffinity(0))} cores in use; us per matrix, compiling in s")
    rng = np.random.default_rng(0)
    for n, size in LINALG_BATCH.items():
        shape = (size.bench, n, n)
        h = rng.normal(size=shape) + 1j * rng.normal(size=shape)
        h = jnp.asarray(h + h.conj().swapaxes(1, 2))
        z = jnp.asarray(0.5j)
        unit = jnp.eye(n, dtype=complex)
        named = {
            "jnp.linalg.inv": lambda h, unit=unit, z=z: jnp.linalg.inv(z * unit - h),
            "inverse": lambda h, unit=unit, z=z: linalg.inverse(z * unit - h),
            "resolvent": lambda h, z=z: linalg.resolvent(z, h),
        }
        made = [compiled(function, h) for function in named.values()]
        for function, _ in made:
            jax.block_until_ready(function(h))
        wall, work = paired([function for function, _ in made], h)
        for i, name in enumerate(named):
            print(
                f"n = {n}, {size.bench} matrices, {name}: {1e3 * wall[i] / size.bench:.2f}, "
                f"ratio {wall[0] / wall[i]:.2f}, of processor time {work[0] / work[i]:.2f}; "
                f"compiling {made[i][1]:.2f}"
            )


if __name__ == "__main__":
    main()
