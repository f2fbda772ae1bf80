"""One BLAS thread per process, unless the user asked for another number.

JAX (0.10 and later) runs batched LAPACK calls in its own thread pool on the
CPU; a BLAS that opens threads of its own inside each call makes them 10 to 160
times slower. An explicit OPENBLAS_NUM_THREADS, OMP_NUM_THREADS or
MKL_NUM_THREADS in the environment wins. It happens with the import of the
first room that computes: they all import `msgreen._precision`.
"""

import os

import scipy.linalg  # noqa: F401  JAX calls the BLAS that scipy loads
from threadpoolctl import threadpool_info, threadpool_limits

_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def limit_blas_threads() -> None:
    """Set the BLAS thread number of this process to one, unless the environment names one."""
    if not any(name in os.environ for name in _VARIABLES):
        threadpool_limits(1, user_api="blas")


def blas_threads() -> dict[str, int]:
    """Return the present number of threads of every loaded BLAS library."""
    return {
        f"{pool['internal_api']} ({pool['filepath'].rsplit('/', 1)[-1]})": pool["num_threads"]
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    }


limit_blas_threads()
