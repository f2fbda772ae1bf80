"""`msgreen doctor`: versions, devices and their rates, threads, kept compilations, what to mend."""

import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from msgreen.cli import devices
from msgreen.cli.session import CACHE_BYTES, cache_folder, prepare

PACKAGES = ("msgreen", "jax", "jaxlib", "numpy", "scipy", "equinox")
"""Those whose versions matter for numbers."""

SAFE_FLAG = "--xla_cpu_enable_concurrency_optimized_scheduler=false"
"""With it two batched LAPACK calls at once ended in 11 of 11 runs, without it in none of 3."""

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables of the environment that set the threads of a BLAS."""


def doctor() -> list[str]:
    """Examine the installation, and return what was found in lines."""
    precision = _precision_found()
    prepare()
    import jax

    from msgreen._threads import blas_threads

    threads = blas_threads()
    named = [f"{name}={os.environ[name]}" for name in THREAD_VARIABLES if name in os.environ]
    lines = [f"{name:<12}{found}" for name, found in versions().items()]
    lines.append(f"{'devices':<12}{', '.join(map(str, jax.devices()))}")
    lines += _device_lines()
    lines.append(f"{'precision':<12}{precision}; the program `msgreen` always uses float64")
    lines += [f"{'BLAS':<12}{library}, threads: {count}" for library, count in threads.items()]
    lines.append(f"{'threads set':<12}{', '.join(named) or 'by msgreen'}")
    lines.append(f"{'compiled':<12}{_cache()}")
    lines.append(f"{'LAPACK':<12}{_batches()}")
    return [*lines, "", *remedies(threads, precision)]


def _device_lines() -> list[str]:
    """Say what the first device can do, and when the CPU does it faster."""
    import jax

    device = jax.devices()[0]
    rates = devices.measure(device)
    lines = [
        f"{'float64':<12}{devices.precision(rates)}",
        f"{'memory':<12}{devices.memory(device.platform, os.environ)}",
    ]
    if device.platform == "cpu":
        return [*lines, f"{'CPU':<12}all work is done on it, as there is no other device"]
    cpu = devices.measure(jax.devices("cpu")[0])
    return [*lines, f"{'CPU':<12}{devices.faster_on_cpu(rates, cpu)}"]


def _cache() -> str:
    folder = cache_folder()
    if folder is None:
        return "not kept (MSGREEN_CACHE=off)"
    files = list(folder.iterdir()) if folder.is_dir() else []
    size = sum(file.stat().st_size for file in files) / 2**20
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return f"{folder}, {size:.0f} MB, set by JAX_COMPILATION_CACHE_DIR"
    bound = CACHE_BYTES // 2**20
    return f"{folder}, {size:.0f} of at most {bound} MB; MSGREEN_CACHE=off keeps none"


def _batches() -> str:
    """Say whether batched calls of `jax.numpy.linalg` outside of msgreen may hang."""
    if SAFE_FLAG in os.environ.get("XLA_FLAGS", ""):
        return "batched calls of jax.numpy.linalg do not wait for each other (XLA_FLAGS)"
    return (
        "msgreen makes no batched calls that wait for each other; your own ones of "
        f"jax.numpy.linalg may hang on a CPU: set XLA_FLAGS={SAFE_FLAG}"
    )


def versions() -> dict[str, str]:
    """Return the version of Python and of `PACKAGES`, by name."""
    found = {"python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _precision_found() -> str:
    """Return the precision in which other programs of this environment run."""
    import jax

    return "float64" if jax.config.read("jax_enable_x64") else "float32"


def remedies(threads: Mapping[str, int], precision: str) -> list[str]:
    """Return what to mend, in words.

    Parameters
    ----------
    threads : mapping of str to int
        Threads of every BLAS.
    precision : str
        "float32" or "float64".
    """
    found = []
    missing = [name for name, number in versions().items() if number == "not installed"]
    if missing:
        found.append(f"Not installed: {', '.join(missing)}. Run `pip install -e .` in the source.")
    if any(count > 1 for count in threads.values()):
        found.append(
            "The BLAS uses several threads, which slows batched linear algebra down by factors. "
            "Set OPENBLAS_NUM_THREADS=1."
        )
    if precision == "float32":
        found.append(
            "In your own scripts switch JAX to float64 first: "
            'jax.config.update("jax_enable_x64", True), or set JAX_ENABLE_X64=1.'
        )
    return found or ["Nothing to mend."]
