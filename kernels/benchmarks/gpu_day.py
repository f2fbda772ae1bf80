"""Everything to be known from a day with a GPU, in a dated report: ``make gpu``.

Tests that mean something there; every kernel on the device and on the CPU of the same machine, with
what the rates of the device would allow; what single precision and a pivot would change; and all
benchmarks on both. Without a GPU the same is done on the CPU, and the report says so. ``--tiny``
takes the sizes of the tests and leaves tests and benchmarks out, ``--out FILE`` names the report.
"""

from _measure import bandwidth, milliseconds, multiply_add_rate  # isort: skip

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import hankel1_01, linalg, loop_trace, shapes, slogdet
from msgreen_kernels.torus import torus_green

ROOT = Path(__file__).resolve().parents[2]
TESTS = ("tests/kernels", "tests/test_blocks.py", "tests/test_lloyd.py", "tests/test_exchange.py")
HANKEL_FLOPS = 900
"""Of both orders at one point, as `bench_hankel` counts them."""


class Case(NamedTuple):
    """A kernel with its arguments, and what it has to do and to move at least."""

    name: str
    function: object
    arguments: tuple
    flops: float
    moved: float


def random(*shape):
    rng = np.random.default_rng(0)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def cases(tiny: bool) -> list[Case]:
    def size(pair):
        return pair.test if tiny else pair.bench

    count = size(shapes.HANKEL_POINTS)
    z = random(count)
    z = z.real + 1j * abs(z.imag)
    found = [Case("hankel1_01", hankel1_01, (z,), HANKEL_FLOPS * count, 48 * count)]
    for n, pair in shapes.LOGDET_BATCH.items():
        a = random(size(pair), n, n)
        found.append(Case(f"slogdet, n = {n}", slogdet, (a,), 8 / 3 * n * a.size, 16 * a.size))
    for n, pair in shapes.LINALG_BATCH.items():
        a = random(size(pair), n, n)
        for name, function in (("inverse", linalg.inverse), ("jnp.linalg.inv", jnp.linalg.inv)):
            found.append(Case(f"{name}, n = {n}", function, (a,), 8 * n * a.size, 32 * a.size))
    rng = np.random.default_rng(1)
    for s in shapes.LOOPS:
        energies, legs, loops = map(size, (s.energies, s.legs, s.loops))
        index = rng.integers(0, legs, (loops, s.sites))
        each = 8 * s.n**3 * max(s.sites - 2, 0) + 8 * s.n**2
        arguments = random(energies, legs, s.n, s.n), index, np.ones(energies, complex)
        moved = 16 * s.n**2 * s.sites * energies * loops
        name = f"loop_trace, n = {s.n}, {s.sites} legs"
        found.append(Case(name, loop_trace, arguments, each * energies * loops, moved))
    mesh, n = 8 if tiny else 32, 9
    box = random(5, 5, 5, n, n)
    box = box + box[::-1, ::-1, ::-1].swapaxes(-1, -2).conj()

    def torus(box):
        return torus_green(0.1 + 1j, box, (mesh,) * 3, (2, 2, 2))

    found.append(Case("torus_green, n = 9", torus, (box,), 8 * n**3 * mesh**3, 16 * 2 * box.size))
    return found


def taken(case: Case, device, single: bool = False) -> float:
    """Return milliseconds of a kernel on a device, or NaN where it cannot be had."""
    arguments = case.arguments
    if single:
        arguments = [x.astype(np.complex64) if np.iscomplexobj(x) else x for x in arguments]
    with jax.default_device(device):
        try:
            return milliseconds(case.function, *(jax.device_put(x, device) for x in arguments))
        except (TypeError, ValueError, RuntimeError):
            return float("nan")


def rates(device) -> tuple[float, float]:
    """Return GFlop/s of multiply-adds, and GB/s."""
    with jax.default_device(device):
        return multiply_add_rate(), bandwidth()


def kernels(device, cpu, tiny: bool) -> list[str]:
    rate, stream = rates(device)
    lines = [
        f"The device does {rate:.0f} GFlop/s of multiply-adds in float64 and streams {stream:.0f} "
        "GB/s, measured. The bound is the time that these allow for the operations and the bytes "
        "that a kernel needs at least; share is the bound over the time.",
        "",
        "| kernel | device | bound by | share | CPU / device | single precision |",
        "|---|---|---|---|---|---|",
    ]
    for case in cases(tiny):
        here = taken(case, device)
        there = here if device == cpu else taken(case, cpu)
        work, moved = case.flops / rate / 1e6, case.moved / stream / 1e6
        by = "arithmetic" if work > moved else "memory"
        faster = here / taken(case, device, single=True)
        lines.append(
            f"| {case.name} | {here:.3g} ms | {by} | {max(work, moved) / here:.0%} | "
            f"{there / here:.2f} | {faster:.2f} times as fast |"
        )
    peak = (device.memory_stats() or {}).get("peak_bytes_in_use")
    return [*lines, "", "Peak memory " + (f"{peak / 2**30:.2f} GB." if peak else "is not told.")]


def command(arguments: list[str], **environment) -> tuple[str, float]:
    """Return what a command says, and its seconds."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("", "kernels"))
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout.strip(), time.perf_counter() - begin


def tests() -> list[str]:
    said, seconds = command(["-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS])
    return ["```", *said.splitlines()[-20:], "```", f"{seconds:.0f} s."]


def benchmarks(gpu: bool) -> list[str]:
    lines = []
    for path in sorted((ROOT / "kernels" / "benchmarks").glob("bench_*.py")):
        said, seconds = command([str(path)])
        lines += [f"### {path.stem}", "", "```", said, "```", ""]
        if gpu:
            cpu, slower = command([str(path)], JAX_PLATFORMS="cpu")
            lines += ["On the CPU of the machine:", "", "```", cpu, "```", ""]
            lines += [f"Whole script: CPU / device = {slower / seconds:.2f}.", ""]
    return lines


def report(tiny: bool) -> str:
    device, cpu = jax.devices()[0], jax.devices("cpu")[0]
    gpu = device.platform != "cpu"
    lines = [
        f"# Kernels on {device.device_kind}, {datetime.now(UTC):%Y-%m-%d}",
        "",
        "Made by `make gpu`" + (", sizes of the tests." if tiny else "."),
        f"jax {jax.__version__}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.",
        "" if gpu else "\n**No GPU: nothing was run on one.** What follows is the CPU.\n",
        "## Kernels",
        "",
        *kernels(device, cpu, tiny),
    ]
    if not tiny:
        lines += ["", "## Tests", "", *tests(), "", "## Benchmarks", "", *benchmarks(gpu)]
    return "\n".join(lines) + "\n"


def main() -> None:
    out = ROOT / "kernels" / f"gpu_{datetime.now(UTC):%Y-%m-%d}.md"
    if "--out" in sys.argv:
        out = Path(sys.argv[sys.argv.index("--out") + 1])
    text = report("--tiny" in sys.argv)
    out.write_text(text, encoding="utf-8")
    print(out)
    if "No GPU" in text:
        print("no GPU: nothing was run on one")


if __name__ == "__main__":
    main()
