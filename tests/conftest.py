"""What every test relies on: one BLAS thread, float64, strict promotion, compilations kept."""

import ctypes
import gc
import os
import shutil
from pathlib import Path

# Read when numpy and JAX are imported. Notebooks, pages and commands that tests start inherit
# them, so that what one process has compiled is read by all others, and by the next run.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).resolve().parents[1] / ".cache" / "jax")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

# XLA's older emitters compile programs that run once in two thirds of the time, in one module
# each in 15 % less. `make test` leaves the tests of the kernels to the newer ones, which users
# have.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
)

import jax
import pytest
from jax._src.interpreters import mlir

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")

KERNELS = Path(__file__).resolve().parent / "kernels"
CACHE = Path(__file__).resolve().parents[1] / ".cache" / "jax"

# Compilations of older sources and of older versions of JAX are never read again.
CACHE_BYTES = 2**30

# Two processes of tests and their children stay below 4 GB.
GROWTH_BYTES = 400 * 2**20

# Where pytest keeps the seconds that every test took when `make test` last ran.
SECONDS = "msgreen/seconds"
seconds = {}

# They take longest and start first, each on its own process.
FIRST = ("test_notebooks.py", "test_docs.py")


def pytest_sessionstart(session):
    """Begin the kept compilations anew where they have grown too large."""
    if hasattr(session.config, "workerinput") or not CACHE.exists():
        return
    if sum(file.stat().st_size for file in CACHE.iterdir()) > CACHE_BYTES:
        shutil.rmtree(CACHE)


def pytest_addoption(parser):
    parser.addoption(
        "--within",
        type=float,
        help="only tests that took at most so many seconds when times were last kept, and new ones",
    )
    parser.addoption("--keep-times", action="store_true", help="keep the time of every test")


def pytest_runtest_logreport(report):
    """Add up the time of a test and of the fixtures that it was first to need."""
    seconds[report.nodeid] = seconds.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish(session):
    """Keep the times of the tests, if asked to; those of all processes arrive in the first.

    A test that runs alone is charged for what others prepare in a whole run: only `make test` asks.
    """
    config = session.config
    if config.getoption("--keep-times") and not hasattr(config, "workerinput"):
        config.cache.set(SECONDS, config.cache.get(SECONDS, {}) | seconds)


def select_fast(config, items):
    """Leave out tests that took longer than the user asked for; unknown ones stay."""
    within = config.getoption("--within")
    if within is None:
        return
    known = config.cache.get(SECONDS, {})
    slow = {item for item in items if known.get(item.nodeid, 0.0) > within}
    config.hook.pytest_deselected(items=list(slow))
    items[:] = [item for item in items if item not in slow]


def pytest_collection_modifyitems(config, items):
    """Put files in the order in which they start: the longest first."""
    select_fast(config, items)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name not in FIRST, item.path not in slow))


def pytest_collection_finish():
    """Let the garbage collector pass over what stays: it took a tenth of the time of the tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


class SmallContext(mlir.JaxIrContext):
    """A context for lowering that loads what a program is made of, not all that there is.

    JAX makes one for each program, and loading all took a tenth of the time of the tests.
    """

    def load_all_available_dialects(self):
        """Load functions; JAX registers the dialects of operations by itself."""
        _ = self.dialects["func"]


mlir.JaxIrContext = SmallContext


def resident_bytes():
    """Memory of this process, or 0 where Linux does not tell."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


def forget_programs():
    """Clear compiled programs and give their memory back, where the C library can."""
    jax.clear_caches()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@pytest.fixture(autouse=True, scope="session")
def cleared_at():
    """Memory at the last time the compiled programs were cleared."""
    return {"bytes": resident_bytes()}


@pytest.fixture(autouse=True)
def bounded_memory(cleared_at):
    """Clear compiled programs as they add up."""
    yield
    if resident_bytes() > cleared_at["bytes"] + GROWTH_BYTES:
        forget_programs()
        cleared_at["bytes"] = resident_bytes()


def start_anew(computing):
    """Forget all programs; optimise what follows, or compile it as fast as can be."""
    forget_programs()
    jax.config.update("jax_disable_most_optimizations", not computing)
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = str(int(not computing))  # of its children


@pytest.fixture(autouse=True, scope="module")
def compilation(request):
    """Optimise the programs of kernels and of long computations only.

    Most of the time of the tests is spent on compiling programs that run once.
    """
    marked = request.node.get_closest_marker("computing") is not None
    start_anew(marked or KERNELS in request.path.parents)


@pytest.fixture(autouse=True)
def compilation_of_one_test(request):
    """Optimise a test of a file whose other tests compile longer than they compute."""
    marked = any(marker.name == "computing" for marker in request.node.own_markers)
    if marked:
        start_anew(computing=True)
    yield
    if marked:
        start_anew(computing=False)
