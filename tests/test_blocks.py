"""Blocks of long work: same numbers on many devices, by two processes, and after a kill."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msgreen import ContactCoupling, LloydEnergy, RashbaGas
from msgreen.blocks import (
    BLOCK_BYTES,
    SUMMANDS,
    checksum,
    map_items,
    showing,
    sum_items,
    whole_step,
    working,
)
from msgreen.blocks.checksums import name_of
from msgreen.cli import main
from msgreen.cli.long_runs import kept_blocks, settings
from msgreen.cli.session import is_first
from msgreen.config import read_config
from msgreen.errors import InputError, ProcessError
from msgreen.io import kept
from msgreen.io.kept import long_run
from msgreen.io.pace import PATIENCE, Pace, refuse_other

ROOT = Path(__file__).resolve().parents[1]
ITEMS = (np.linspace(0.0, 1.0, 37),)

# Every device compiles what it runs.
FOUR_DEVICES = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"

PROGRAM = """
import sys, os, signal, pathlib
import jax
jax.config.update("jax_enable_x64", True)
if "--pair" in sys.argv:
    from msgreen.cli import session
    session._PATIENCE = 10
    session.prepare(distributed=True)
import jax.numpy as jnp
import numpy as np
from msgreen import ContactCoupling, LloydEnergy, RashbaGas, compute_interactions, loops, blocks
from msgreen.lattice import Lattice, mesh_blocks, shell_model
from msgreen.cli.endings import exit_code_of
from msgreen.exchange.loops import loop_energies
from msgreen.io import kept, pace

sys.stdout = sys.stderr
blocks.BLOCK_BYTES = 2**20
kept._FIRST = pace.PATIENCE = 0.0
if "--die" in sys.argv and jax.process_index() == 1:
    keep = kept._Parts.keep
    def dying(self, number, leaves):
        os.kill(os.getpid(), signal.SIGKILL)
    kept._Parts.keep = dying
if "--kill" in sys.argv:
    keep, calls = kept._Parts.keep, []
    def killed(self, number, leaves):
        keep(self, number, leaves)
        calls.append(1)
        if len(calls) == int(sys.argv[sys.argv.index("--kill") + 1]):
            os.kill(os.getpid(), signal.SIGKILL)
    kept._Parts.keep = killed
gas = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
sites = 9.0 * jnp.array([[i, j] for i in range(4) for j in range(4)], float)
coupling, rings = ContactCoupling(0.58), loops(sites, 4)
contour = gas.line(9.0, 80.0)
rng = np.random.default_rng(0)
spins = rng.normal(size=(40, 16, 3))
spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
def command():
    with kept.long_run("unfinished"):
        energy, error = loop_energies(gas, coupling, contour, sites, rings, spins[0])
        found = compute_interactions(gas, coupling, sites, [rings], contour=contour, tensors=False)
        lloyd = LloydEnergy(gas, coupling, sites, onsite=False, contour=contour)(spins)
        model = shell_model(Lattice.square(), [-1.0])
        here = np.zeros((1, 2), int)
        def sums():
            known, z = (model.matrices(), model.cells), np.array([0.1 + 0.5j])
            return [mesh_blocks(*known, n, z, here)[:, 0] for n in (256, 512)]
        mesh = blocks.whole_step(sums, model, lambda: [0, 0])
    if jax.process_index() == 0:
        chiral = found.terms[0].coefficients["C4_chiral"].value
        mesh = np.stack(mesh)
        np.savez(sys.argv[1], energy=energy, error=error, chiral=chiral, lloyd=lloyd, mesh=mesh)
    return 0

sys.exit(exit_code_of(command))
"""


def start(folder, *arguments, **environment) -> subprocess.Popen:
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    kept = {**os.environ, "PYTHONPATH": path, **environment}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(command, cwd=folder, env=kept, stderr=subprocess.PIPE, text=True)


def run(folder, *arguments, **environment) -> dict[str, np.ndarray]:
    with start(folder, *arguments, **environment) as process:
        _, said = process.communicate(timeout=200)
    assert process.returncode == 0, said[-2000:]
    return numbers(folder, arguments[0])


def numbers(folder, name: str) -> dict[str, np.ndarray]:
    assert not (folder / "unfinished").exists()
    with np.load(folder / name) as file:
        return {name: file[name] for name in file.files}


def pair(folder, name: str, *arguments) -> list[subprocess.Popen]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    own = {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": "2"}
    return [
        start(folder, name, "--pair", *arguments, JAX_PROCESS_ID=str(n), **own) for n in range(2)
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"), "whole.npz")


@pytest.mark.slow
def test_many_devices_change_rounding_only(whole, tmp_path):
    found = run(tmp_path, "four.npz", XLA_FLAGS=FOUR_DEVICES)
    # An error is the difference of two integrals, whose rounding it has.
    size = {**whole, "error": whole["energy"]}
    for name, value in whole.items():
        atol = 1e-13 * np.abs(size[name]).max()
        np.testing.assert_allclose(found[name], value, rtol=0, atol=atol)


@pytest.mark.slow
def test_every_kind_of_work_is_the_same_on_many_devices():
    found = subprocess.run(
        [sys.executable, ROOT / "tests" / "many_devices.py"],
        env={**os.environ, "XLA_FLAGS": FOUR_DEVICES},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    first, *kinds = found.stdout.splitlines()
    assert first == "4 devices" and len(kinds) == 12
    for line in kinds:
        assert float(line.split()[1]) < 1e-13, line


@pytest.mark.slow
def test_two_processes_change_nothing(whole, tmp_path):
    both = pair(tmp_path, "two.npz")
    said = [process.communicate(timeout=200)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    found = numbers(tmp_path, "two.npz")
    for name, value in whole.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.slow
def test_process_that_dies_ends_the_run(whole, tmp_path):
    both = pair(tmp_path, "two.npz", "--die")
    said = [process.communicate(timeout=150)[1] for process in both]
    assert [process.returncode for process in both] == [1, -signal.SIGKILL]
    assert "msgreen: Every process of the run must answer, but one does not" in said[0]
    found = run(tmp_path, "resumed.npz")
    for name, value in whole.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.slow
def test_killed_run_goes_on_to_the_same_numbers(whole, tmp_path):
    # In the loops, and within a sum that is a part of a step.
    for block in (1, 7, 25):
        with start(tmp_path, "x.npz", "--kill", str(block)) as process:
            process.communicate(timeout=200)
        assert process.returncode == -signal.SIGKILL
        assert list((tmp_path / "unfinished").glob("*.npz"))
    found = run(tmp_path, "resumed.npz")
    for name, value in whole.items():
        np.testing.assert_array_equal(found[name], value)


def square(known, x):
    return known * x**2


def test_blocks_give_the_whole():
    exact = 3.0 * ITEMS[0] ** 2
    for item_bytes in (1, 2**24, 2**30):
        np.testing.assert_array_equal(map_items(square, 3.0, ITEMS, item_bytes), exact)
    with working():
        np.testing.assert_array_equal(map_items(square, 3.0, ITEMS, 2**24), exact)


def test_bars_of_several_blocks_are_shown_where_they_are_wanted(monkeypatch, capsys):
    monkeypatch.setattr("msgreen.blocks.PATIENCE", 0.0)
    for wanted in (False, True):
        with showing(wanted):
            map_items(square, 2.0, ITEMS, BLOCK_BYTES // 10)
        assert ("0/37" in capsys.readouterr().err) == wanted
    with showing():
        map_items(square, 2.0, ITEMS, 1)
    assert capsys.readouterr().err == ""


def total(known, share, x):
    return known * (share * x).sum()


def test_sums_of_blocks_are_the_whole_sum():
    for item_bytes in (1, 2**24, 2**30):
        for workers in (1, 2):
            found = sum_items(total, 3.0, ITEMS, item_bytes, workers=workers)
            np.testing.assert_allclose(found, 3.0 * ITEMS[0].sum(), rtol=1e-14)
    slope = jax.grad(lambda x: sum_items(total, x, ITEMS, 2**30))(3.0)
    np.testing.assert_allclose(slope, ITEMS[0].sum(), rtol=1e-14)


def test_blocks_are_filled_where_all_have_one_shape():
    shapes = set()

    def seen(known, x):
        shapes.add(x.shape)
        return known * x

    for count in (1, 5, 17):
        found = map_items(seen, 2.0, (ITEMS[0][:count],), 1, block_bytes=5, filled=True)
        np.testing.assert_array_equal(found, 2.0 * ITEMS[0][:count])
    assert shapes == {(5,)}


def test_what_is_kept_as_a_whole_takes_the_place_of_its_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("msgreen.io.kept._FIRST", 0.0)
    monkeypatch.setattr("msgreen.io.pace.PATIENCE", 0.0)
    folder, stop, calls = tmp_path / "kept", [0], []

    def counted(known, share, x):
        if not isinstance(x, jax.core.Tracer):  # asked for its shape
            calls.append(1)
            if len(calls) == stop[0]:
                raise KeyboardInterrupt
        return (total(known, share, x),)

    def twice(n):
        return [sum_items(counted, float(n + k), ITEMS, 2**24)[0] for k in (0, 1)]

    def everything():
        calls.clear()
        with long_run(folder):
            sums = [whole_step(lambda n=n: twice(n), n, lambda: [0, 0]) for n in range(2)]
            return [*sums, sum_items(counted, 7.0, ITEMS, 2**30)[0]]

    whole = everything()
    parts = len(calls)
    for place in range(1, parts + 1, 7):
        stop[0] = place
        with pytest.raises(KeyboardInterrupt):
            everything()
        # Steps, sums of a step, and parts of a sum.
        assert len(list(folder.glob("*.npz"))) <= 2 + 1 + SUMMANDS
        stop[0] = 0
        jax.tree.map(np.testing.assert_array_equal, everything(), whole)
        assert len(calls) == parts - (place - 1)


def test_kept_blocks_are_not_computed_again(tmp_path, monkeypatch):
    monkeypatch.setattr("msgreen.io.kept._FIRST", 0.0)
    monkeypatch.setattr("msgreen.io.pace.PATIENCE", 0.0)
    calls = []

    def counted(known, x):
        calls.append(1)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return (known * x**2,)

    def everything(known=3.0, resume=True, **settings):
        with long_run(tmp_path / "kept", settings, resume=resume):
            return map_items(counted, known, ITEMS, 2**24)[0]

    with pytest.raises(KeyboardInterrupt):
        everything(mesh=8)
    with pytest.raises(InputError, match="other mesh"):
        everything(mesh=9)
    with pytest.raises(InputError, match="other host, coupling or energies"):
        everything(np.float64(4.0), mesh=8)
    np.testing.assert_array_equal(everything(mesh=8), 3.0 * ITEMS[0] ** 2)
    assert len(calls) == 20 and not (tmp_path / "kept").exists()
    everything(mesh=9, resume=False)


def test_blocks_of_another_function_are_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr("msgreen.io.kept._FIRST", 0.0)
    gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    lloyd = LloydEnergy(gas, ContactCoupling(0.58), jnp.array([[0.0], [5.0]]))
    spins = np.tile([[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]], (3, 1, 1))
    with pytest.raises(KeyboardInterrupt), long_run(tmp_path / "kept"):
        lloyd(spins)
        raise KeyboardInterrupt
    with (
        pytest.raises(InputError, match="other host, coupling or energies"),
        long_run(tmp_path / "kept"),
    ):
        lloyd.interaction(spins)
    with long_run(tmp_path / "kept", resume=None):
        found = lloyd.interaction(spins)
    np.testing.assert_array_equal(found, lloyd.interaction(spins))
    assert not (tmp_path / "kept").exists()


def test_checksums_know_functions_and_what_is_static():
    tree = (ContactCoupling(0.5), np.arange(3.0), "word", square)
    others = (
        ContactCoupling(0.5, orbitals=2),
        np.arange(1, 4.0),
        "other",
        test_blocks_give_the_whole,
    )
    assert checksum(tree) == checksum((ContactCoupling(0.5), np.arange(3.0), "word", square))
    for n, other in enumerate(others):
        assert checksum((*tree[:n], other, *tree[n + 1 :])) != checksum(tree)

    assert name_of(square).endswith("test_blocks.square")

    def energy(scale, inner):
        return lambda x: scale * inner(x)

    words = [checksum(energy(a, energy(b, abs))) for a, b in ((1, 2), (1, 2), (2, 2), (1, 3))]
    assert words[0] == words[1] and len(set(words)) == 3


def test_writing_takes_a_small_part_of_the_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("msgreen.io.pace.time.monotonic", lambda: now[0])
    pace = Pace(1.0)
    assert not pace.due()
    now[0] += 1.0
    assert pace.due()
    with pace.writing():
        now[0] += 0.5
    now[0] += PATIENCE * 0.5 - 0.1
    assert not pace.due()
    now[0] += 0.2
    assert pace.due()


def test_other_work_is_refused_by_name():
    same = {"seed": "1", "mesh": "8"}
    refuse_other("checkpoint", "a.npz is of one", same, dict(same), "Remove it.")
    for known in ({"seed": "2", "mesh": "8"}, {"mesh": "8"}, {**same, "version": "3"}):
        with pytest.raises(InputError, match=r"but a.npz is of one with another (seed|version)\."):
            refuse_other("checkpoint", "a.npz is of one", known, same, "Remove it.")


def test_process_that_is_gone_is_said():
    from msgreen.blocks import _together

    def gone(value):
        raise RuntimeError("Connection closed by peer")

    with pytest.raises(ProcessError, match="must answer, but one does not"):
        _together(gone, jnp.zeros(1))


CONFIG = """
[host]
kind = "rashba"
dimension = 2
effective_mass = 0.26
fermi_wavevector = 0.167
rashba_wavevector = 0.0135
[coupling]
value = 15.48
[cluster]
positions = [[0.0, 0.0], [10.0, 0.0], [5.0, 8.66], [-5.0, 8.66]]
orders = [2, 4]
[output]
figures = false
"""


def test_interrupted_command_goes_on(tmp_path, monkeypatch, capsys):
    for name, value in {"io.kept._FIRST": 0.0, "io.pace.PATIENCE": 0.0}.items():
        monkeypatch.setattr(f"msgreen.{name}", value)
    monkeypatch.setattr("msgreen.blocks.BLOCK_BYTES", 2**12)
    assert is_first()
    config, whole, out = tmp_path / "a.toml", tmp_path / "whole", tmp_path / "out"
    config.write_text(CONFIG)
    assert main(["run", str(config), "--out", str(whole)]) == 0
    keep, calls = kept._Parts.keep, []

    def interrupted(self, number, leaves):
        keep(self, number, leaves)
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(kept._Parts, "keep", interrupted)
        assert main(["run", str(config), "--out", str(out)]) == 130
    assert len(list((tmp_path / "out.unfinished").glob("*.npz"))) == 3 and not out.exists()
    other = tmp_path / "b.toml"
    other.write_text(CONFIG.replace("0.0135", "0.0136"))
    assert main(["run", str(other), "--out", str(out), "--resume"]) == 2
    assert "other host.rashba_wavevector" in capsys.readouterr().err
    assert main(["run", str(config), "--out", str(out)]) == 0
    assert not (tmp_path / "out.unfinished").exists()
    table = "interactions.csv"
    assert (out / table).read_bytes() == (whole / table).read_bytes()
    every = settings(read_config(config))
    assert not any(name.startswith("output") for name in every)
    assert every["host.kind"] == "rashba" and kept_blocks(read_config(config), out, True)
