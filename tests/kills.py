"""Kill a long run at random moments, again and again, and see whether anything is lost.

    python tests/kills.py 50

A run computes energies of loops, steps with sums over k inside, and Lloyd energies. It is killed
(kill -9) up to so many times; every life goes on from what the one before left, and a run that
comes to its end makes room for another. After every kill all files must be whole and every finished
block that was there must still be there, or what contains it; every end must give the numbers of a
run that was not killed, bit by bit. The tests have a short version.
"""

import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def compute(folder: Path) -> None:
    """Do the work, keep its blocks in a folder, and write the result beside it."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    from msgreen import ContactCoupling, LloydEnergy, RashbaGas, loops
    from msgreen.blocks import whole_step
    from msgreen.exchange.loops import loop_energies
    from msgreen.io.atomic import replacing
    from msgreen.io.kept import long_run
    from msgreen.lattice import Lattice, mesh_blocks, shell_model

    gas = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    sites = 9.0 * np.stack(np.meshgrid(range(5), range(5)), -1).reshape(-1, 2)
    spins = np.random.default_rng(0).normal(size=(300, 25, 3))
    spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
    coupling, contour = ContactCoupling(0.58), gas.line(18.0, 300.0)
    model, steps = shell_model(Lattice.square(), [-1.0]), np.zeros((1, 2), int)

    def sums(z):
        arguments = model.matrices(), model.cells
        return [mesh_blocks(*arguments, n, jnp.array([z]), steps) for n in (512, 1024, 1536)]

    with long_run(folder):
        print("computing", flush=True)
        energy, _ = loop_energies(gas, coupling, contour, sites, loops(sites, 4), spins[0])
        found = [
            whole_step(lambda z=z: sums(z), (model, z), lambda: [0, 0, 0])
            for z in (0.5j, 0.2j, 0.1j)
        ]
        lloyd = LloydEnergy(gas, coupling, sites, onsite=False, contour=contour)(spins)
    with replacing(folder.with_name("result.npz")) as part, open(part, "wb") as file:
        np.savez(file, energy=energy, lloyd=lloyd, **{f"sum{n}": x for n, x in enumerate(found)})


def start(folder: Path) -> subprocess.Popen:
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(folder.parent.parent / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    return subprocess.Popen(
        [sys.executable, __file__, "--compute", str(folder)],
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", **cache},
        stdout=subprocess.PIPE,
        text=True,
    )


def begun(life: subprocess.Popen) -> float:
    """Wait until a run computes, and return the time."""
    assert life.stdout is not None and life.stdout.readline() == "computing\n"
    return time.monotonic()


def kept(folder: Path) -> set[tuple[str, int]]:
    """Return the steps and numbers of all finished blocks, whose files must be whole."""
    found = set()
    for path in folder.glob("*.npz"):
        with zipfile.ZipFile(path) as file:
            assert file.testzip() is None, path
        with np.load(path, allow_pickle=False) as arrays:
            assert {"layout", "numbers", "leaf0"} <= set(arrays.files), path
            found |= {(path.name.split("-")[0], int(n)) for n in arrays["numbers"]}
    return found


def is_there(block: tuple[str, int], found: set[tuple[str, int]]) -> bool:
    """Whether a block is kept, or what is kept as a whole contains it."""
    step = block[0].split(".")
    wholes = {(".".join(step[: n + 1]), -1) for n in range(len(step))}
    return block in found or bool(wholes & found)


def result(folder: Path) -> dict[str, np.ndarray]:
    assert not folder.exists(), "the folder stays"
    with np.load(folder.with_name("result.npz")) as file:
        return {name: file[name] for name in file.files}


def main(kills: int) -> None:
    home, random_moment = Path(mkdtemp()), random.Random(0)
    whole = home / "whole" / "unfinished"
    whole.parent.mkdir()
    for _ in range(2):  # the first compiles
        with start(whole) as life:
            begin = begun(life)
            assert life.wait() == 0
            length = time.monotonic() - begin
    expected = result(whole)
    print(f"{length:.0f} s without a kill", flush=True)
    folder = home / "killed" / "unfinished"
    folder.parent.mkdir()
    done, ends, grown, before = 0, 0, 0, set()
    while done < kills:
        with start(folder) as life:
            begun(life)
            try:
                life.wait(random_moment.uniform(0, length))
            except subprocess.TimeoutExpired:
                life.send_signal(signal.SIGKILL)
        killed = life.returncode == -signal.SIGKILL
        assert killed or life.returncode == 0, life.returncode
        done += killed
        if folder.with_name("result.npz").exists():
            found = result(folder)
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                np.testing.assert_array_equal(found[name], value, err_msg=name)
            folder.with_name("result.npz").unlink()
            ends, before = ends + 1, set()
            continue
        assert killed, "no result"
        after = kept(folder)
        lost = [block for block in before if not is_there(block, after)]
        # Between the last block and the result the folder goes.
        assert not lost or not folder.exists(), lost
        grown += len(after) > len(before)
        before = after
        print(f"kill {done}: {len(after)} blocks", flush=True)
    assert ends, "no run came to its end; kill fewer times"
    print(
        f"{kills} kills of runs of {length:.0f} s, {grown} with more blocks than before: no file "
        f"in part, no block lost; {ends} runs came to their end with the same numbers"
    )
    rmtree(home)


if __name__ == "__main__":
    if sys.argv[1] == "--compute":
        compute(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]))
