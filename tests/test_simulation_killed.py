"""A simulation that is killed, without a chance to tidy up, goes on to the same numbers."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]

PROGRAM = """
import sys
import jax
jax.config.update("jax_enable_x64", True)
import numpy as np
from msgreen.lattice import Lattice
from msgreen.io import pace
from msgreen.simulation import StructureFactor, monte_carlo
from msgreen.spinmodel import SpinModel, Term

module = sys.modules[monte_carlo.__module__]
module._MOVES_AT_ONCE, pace.PATIENCE = 2000, 0.0
chain = SpinModel([Term("exchange", [[0, 0]], [-1.0], [[[0], [1]]])], lattice=Lattice.chain())
save, calls = np.savez, []

def slow(file, **data):
    calls.append(1)
    if len(calls) == int(sys.argv[1]):
        file.write(b"PK half of it")
        file.flush()
        print("writing", flush=True)
        sys.stdin.read()
    save(file, **data)

def sampled(path):
    waves = {"waves": StructureFactor(chain, [[0.25], [0.5]])}
    run = monte_carlo(
        chain, [0.5, 0.8], (8,), samples=400, seed=4, observables=waves, checkpoint=path
    )
    return {"energy": run.energy, "moment": run.moment, "directions": run.directions,
            "waves": run.observables["waves"], "exchanged": run.exchanged, "width": run.width}

np.savez = slow
resumed = sampled("kept.npz")
np.savez = save
np.savez("whole.npz", **sampled(None))
np.savez("resumed.npz", **resumed)
"""


@pytest.mark.slow
def test_killed_while_it_writes(tmp_path):
    """SIGKILL in the middle of the ninth checkpoint: the eighth one is whole."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    options = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": path}}

    def command(call):
        return [sys.executable, "-c", PROGRAM, str(call)]

    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command(9), **pipes, **options) as process:
        assert process.stdout is not None and process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
    with np.load(tmp_path / "kept.npz") as kept:
        records = [len(kept[name]) for name in kept.files if name.startswith("record")]
    assert set(records) and 0 < max(records) < 400
    subprocess.run(command(-1), check=True, timeout=300, **options)
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "resumed.npz") as resumed:
        assert set(whole.files) == set(resumed.files)
        for name in whole.files:
            np.testing.assert_array_equal(resumed[name], whole[name])
