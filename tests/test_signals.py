"""Signals that are really sent to the program: one line, its exit code, soon, no leftovers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 2.0

# Who starts tests in the background of a shell script lets them ignore interrupts.
HEEDING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
"""

SCAN = """
[host]
kind = "rashba"
dimension = 2
effective_mass = 0.26
fermi_wavevector = 0.167
rashba_wavevector = 0.0135
[coupling]
value = 0.58
[scan]
start = 5.0
stop = 2500.0
count = {count}
[output]
figures = false
"""

# Python looks after signals between its steps only; this one takes long.
STUCK = """
import numpy, sys
from msgreen.cli import main
import msgreen.papers.lounis.run as run
def stuck(self, progress):
    sys.stderr.write("computing")
    sys.stderr.flush()
    numpy.linalg.eigvals(numpy.random.default_rng(0).normal(size=(6000, 6000)))
run.ScanRun.run = stuck
sys.exit(main())
"""

# It stays in the middle of writing.
WRITING = """
import sys, time
from msgreen.cli import main
import xarray
def slow(self, *args, **options):
    sys.stderr.write("writing")
    sys.stderr.flush()
    time.sleep(60)
xarray.Dataset.to_netcdf = slow
sys.exit(main())
"""

PLAIN = """
import sys
from msgreen import cli
ready = cli.end_on_signals
def said():
    ready()
    sys.stderr.write("started")
    sys.stderr.flush()
cli.end_on_signals = said
sys.exit(cli.main())
"""


@pytest.fixture
def started(tmp_path):
    """Start the program in a folder of its own."""
    processes = []

    def start(code, count=100_000):
        (tmp_path / "run.toml").write_text(SCAN.format(count=count))
        path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
        environment = {**os.environ, "PYTHONPATH": path}
        command = [sys.executable, "-c", HEEDING + code, "run", "run.toml", "--out", "out"]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def ended(process, number):
    """Exit code and what is said after a signal, and whether that was soon."""
    begin = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - begin < LIMIT
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("delay", [0.0, 0.2, 0.8, 1.6, 3.0])
def test_interrupted_early(started, tmp_path, delay):
    """While modules are imported, JAX compiles, or numbers are computed."""
    process = started(PLAIN)
    assert process.stderr.read(7) == b"started"
    time.sleep(delay)
    assert process.poll() is None
    code, out, err = ended(process, signal.SIGINT)
    assert (code, out, err) == (130, "", "msgreen: interrupted; no file is incomplete\n")
    # Blocks that are done may be kept for another run.
    assert {file.name for file in tmp_path.iterdir()} - {"out.unfinished"} == {"run.toml"}


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
@pytest.mark.parametrize("program", [STUCK, WRITING], ids=["computing", "writing"])
def test_ended_in_the_middle(started, tmp_path, program, number, code, word):
    process = started(program, count=50)
    said = process.stderr.read(7)
    time.sleep(0.2)
    found, out, err = ended(process, number)
    assert said in (b"computi", b"writing")
    assert (found, out) == (code, "")
    assert err.removeprefix("ng") == f"msgreen: {word}; no file is incomplete\n"
    assert [file.name for file in tmp_path.iterdir()] == ["run.toml"]


def test_ignored_signals_stay_ignored(started, tmp_path):
    """As under nohup, or in the background of a script."""
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + WRITING
    process = started(ignoring, count=50)
    assert process.stderr.read(7) == b"writing"
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    assert ended(process, signal.SIGTERM)[0] == 143
