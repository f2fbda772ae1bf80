"""Two processes with one core each against one process with one core.

Four-site loops, a sum over 10^6 k of a lattice and one of a crystal, and Lloyd energies of 10^3
configurations; the second time, when all is compiled. ``--loops 10000000`` takes as many loops.
"""

from _measure import header, peak_gigabytes  # isort: skip

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from msgreen import ContactCoupling, LloydEnergy, RashbaGas
from msgreen.blocks import working
from msgreen.exchange.loops import loop_energies
from msgreen.hosts.tight_binding import TightBinding
from msgreen.lattice import Lattice, shell_model
from msgreen.lattice.bloch import torus_box

RUNS = 3
LOOPS = int(sys.argv[sys.argv.index("--loops") + 1]) if "--loops" in sys.argv else 500_000

GAS = {"effective_mass": 0.26, "fermi_wavevector": 0.167, "rashba_wavevector": 0.0135}


def square(count):
    return 9.0 * np.stack(np.meshgrid(range(count), range(count)), -1).reshape(-1, 2)


def directions(*shape):
    spins = np.random.default_rng(0).normal(size=(*shape, 3))
    return spins / np.linalg.norm(spins, axis=-1, keepdims=True)


def four_site_loops():
    sites, rng = square(10), np.random.default_rng(1)
    steps = rng.integers(1, 25, size=(LOOPS, 4)).cumsum(axis=1)
    gas, coupling, spins = RashbaGas(2, **GAS), ContactCoupling(0.58), directions(100)
    contour = gas.line(18.0, 400.0)
    return lambda: loop_energies(gas, coupling, contour, sites, steps % 100, spins)


def lattice_sum():
    host = TightBinding(shell_model(Lattice.square(), [-1.0]), temperature=0.01, mesh=1000)
    z = jnp.asarray(0.03j * np.arange(1, 33, 2))
    sites = np.array([[n, 0, 0] for n in range(4)])
    pairs = np.argwhere(~np.eye(4, dtype=bool))
    return lambda: host.blocks(z, sites, pairs)


def crystal_sum():
    size, distance = 9, np.linalg.norm(np.indices((9, 9, 9)) - 4, axis=0)
    box = np.random.default_rng(2).normal(size=(9, 9, 9, size, size))
    box = (box + np.swapaxes(box[::-1, ::-1, ::-1], -1, -2)) * np.exp(-distance)[..., None, None]
    known = jnp.asarray(box, complex), (100, 100, 100), (4, 4, 4)
    return lambda: [torus_box(0.1 + height * 1j, *known) for height in (0.5, 0.2)]


def lloyd_energies():
    lloyd = LloydEnergy(RashbaGas(2, **GAS), ContactCoupling(0.58), square(5), onsite=False)
    spins = directions(1000, 25)
    return lambda: lloyd(spins)


KINDS = (four_site_loops, lattice_sum, crystal_sum, lloyd_energies)


def child(number: int, processes: int) -> None:
    """Measure all kinds of work in a process of one core, and print it."""
    if processes > 1:
        jax.distributed.initialize(num_processes=processes, process_id=number)
    found = {}
    for make in KINDS:
        work, times = make(), []
        with working():
            for _ in range(RUNS + 1):
                start = time.perf_counter(), time.process_time()
                jax.block_until_ready(work())
                times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
        wall, cpu = map(statistics.median, zip(*times[1:], strict=True))
        found[make.__name__] = wall, cpu, peak_gigabytes()
        print(make.__name__, times, file=sys.stderr, flush=True)
    print(json.dumps(found))


def measured(processes: int) -> list[dict]:
    """Return what every process says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        **os.environ,
        "JAX_COORDINATOR_ADDRESS": address,
        "PYTHONPATH": os.pathsep.join(str(Path(__file__).parents[n]) for n in (2, 1)),
    }
    cores = sorted(os.sched_getaffinity(0))
    started = []
    for number in range(processes):
        command = [sys.executable, __file__, "--child", str(number), str(processes)]
        command += ["--loops", str(LOOPS)]
        core = str(cores[number % len(cores)])
        started.append(
            subprocess.Popen(
                ["taskset", "-c", core, *command], env=environment, stdout=subprocess.PIPE
            )
        )
    said = [process.communicate()[0].decode().splitlines()[-1] for process in started]
    return [json.loads(line) for line in said]


def main():
    if "--child" in sys.argv:
        place = sys.argv.index("--child")
        return child(int(sys.argv[place + 1]), int(sys.argv[place + 2]))
    header()
    print(f"load {os.getloadavg()[0]:.1f}, {LOOPS} loops")
    (one,), two = measured(1), measured(2)
    print(f"load {os.getloadavg()[0]:.1f} at the end")
    for name, (wall, cpu, peak) in one.items():
        both = [process[name] for process in two]
        print(
            f"{name}: one {wall:.2f} s, {cpu:.2f} s of its core, {peak:.2f} GB; "
            f"two {wall / max(b[0] for b in both):.2f} times faster, by time of cores "
            f"{cpu / max(b[1] for b in both):.2f}; {max(b[2] for b in both):.2f} GB each at most"
        )


if __name__ == "__main__":
    main()
