"""What blocks cost: the same work at once, in blocks, and in blocks that are kept.

Ratios of processor time to that of one call for all items, medians of runs in turn.
"""

from _measure import header  # isort: skip

import statistics
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from bench_superconductor import COUPLING, geometry, superconductor
from msgreen_kernels import loop_trace

from msgreen import contracted_loops, loops, pairs
from msgreen.blocks import map_items
from msgreen.energy.spin_pairs import SpinPairs
from msgreen.exchange.ordered import reference_interactions
from msgreen.io import jukkr
from msgreen.io.kept import long_run

RUNS = 9


def at_once(function, known, items, *rest, **options):
    """Do as `map_items`, without blocks."""
    return function(known, *items)


def traces(known, index):
    return loop_trace(known[0], index, known[1])


def loop_traces(count=300_000):
    rng = np.random.default_rng(0)
    legs = rng.normal(size=(22, 100_000, 2, 2)) + 1j * rng.normal(size=(22, 100_000, 2, 2))
    index = rng.integers(0, 100_000, (count, 4))
    known = jnp.asarray(legs), jnp.ones(22, complex)
    return lambda: sys.modules[__name__].map_items(traces, known, (index,), 2**10)


def superconductor_pairs():
    host, (sites, chosen) = superconductor(41), geometry(41, range(1, 13))
    contour = host.contour(sites)
    return lambda: SpinPairs(host, COUPLING, sites, chosen, contour).fit()


def kkr():
    found = jukkr.read_folder(jukkr.example("fe2_soc", tempfile.mkdtemp()))
    points = found.atoms.positions
    kinds = [contracted_loops(points, kind) for kind in ("biquadratic", "three_site")]
    clusters = [pairs(points), loops(points, 4), *kinds]
    return lambda: reference_interactions(found.host, found.scatterer, found.sites, clusters)


def measured(work) -> dict[str, float]:
    """Return the median processor time of every way, the ways in turn."""
    users = [m for n, m in sys.modules.items() if getattr(m, "map_items", None) is map_items]
    users = [m for m in users if m.__name__ != "msgreen.blocks"]
    taken: dict[str, list[float]] = {"at once": [], "blocks": [], "kept": []}
    for run in range(RUNS + 1):
        for way, times in taken.items():
            for module in users:
                module.map_items = at_once if way == "at once" else map_items
            folder = Path(tempfile.mkdtemp()) / "kept"
            start = time.process_time()
            with long_run(folder) if way == "kept" else nullcontext():
                jax.block_until_ready(work())
            if run:
                times.append(time.process_time() - start)
    return {way: statistics.median(times) for way, times in taken.items()}


def main():
    header()
    for make in (loop_traces, superconductor_pairs, kkr):
        found = measured(make())
        first = found["at once"]
        ratios = ", ".join(f"{way} {t / first:.3f}" for way, t in found.items())
        print(f"{make.__name__}: {first:.2f} s of processors; {ratios}")


if __name__ == "__main__":
    main()
