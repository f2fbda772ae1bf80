"""Run what hung for good with LAPACK calls of whole batches, in new processes, many times.

    python tests/deadlocks.py 20

Every process runs on two cores, and pinned to one. The tests of the kernels have a short version.
"""

import os
import subprocess
import sys
import time

from kernels.test_linalg import HESSIANS, INVERSES

PATIENCE = 300
"""Seconds; on two busy cores a process takes 10 to 40."""


def seconds(program: str, cores: set[int]) -> float | None:
    """How long a process took, or None if it hung."""
    environment = os.environ | {"JAX_ENABLE_X64": "1"}
    pinned = f"import os; os.sched_setaffinity(0, {cores})\n"
    begin = time.monotonic()
    try:
        subprocess.run(
            [sys.executable, "-c", pinned + program.replace("range(20)", "range(2)")],
            env=environment,
            timeout=PATIENCE,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return None
    return time.monotonic() - begin


def main(runs: int = 20) -> None:
    available = sorted(os.sched_getaffinity(0))
    for name, program in {"inverses": INVERSES, "hessians": HESSIANS}.items():
        for cores in (set(available[:2]), {available[0]}):
            times = [seconds(program, cores) for _ in range(runs)]
            ended = [t for t in times if t is not None]
            sys.stdout.write(
                f"{name}, {len(cores)} cores: {len(ended)} of {runs} ended, "
                f"the longest after {max(ended, default=0):.0f} s\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
