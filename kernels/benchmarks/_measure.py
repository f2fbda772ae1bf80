"""Clock, machine rates and memory, shared by the benchmarks."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import resource
import statistics
import sys
import time
from pathlib import Path

try:
    import msgreen_kernels  # noqa: F401
except ImportError:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")


def milliseconds(function, *arguments, runs=5, warm=True):
    if warm:
        jax.block_until_ready(function(*arguments))
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def bandwidth():
    """Return GB/s of a = b + s c on 128 MB arrays."""
    b, c = jnp.ones(2**24), jnp.ones(2**24)
    return 3 * b.nbytes / milliseconds(jax.jit(lambda b, c: b + 3.0 * c), b, c) / 1e6


def multiply_add_rate():
    """Return GFlop/s of vectorised multiply-adds that stay in registers."""
    steps = 64

    def chain(x):
        y = x
        for _ in range(steps):
            x, y = x * 0.999 + 0.5, y * 0.998 + 0.4
        return x + y

    x = jnp.ones(2**22)
    return 4 * steps * x.size / milliseconds(jax.jit(chain), x) / 1e6


def peak_gigabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def bound(milliseconds_taken, flops, moved_bytes):
    """Print what fraction of the machine's two rates a run reaches."""
    rate, stream = multiply_add_rate(), bandwidth()
    reached = flops / milliseconds_taken / 1e6
    moved = moved_bytes / milliseconds_taken / 1e6
    print(
        f"  bound: {reached:.1f} of {rate:.1f} GFlop/s ({reached / rate:.0%}), "
        f"{moved:.1f} of {stream:.1f} GB/s streamed ({moved / stream:.0%})"
    )


def header():
    device, cores = jax.devices()[0], os.cpu_count()
    print(f"{device.platform} ({device.device_kind}), {cores} cores, jax {jax.__version__}")
