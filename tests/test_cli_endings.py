"""What the program says and returns when its surroundings fail it."""

import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.cli.endings import FAILED, INTERRUPTED, UNREAD, WRONG, exit_code_of
from msgreen.errors import InputError

ROOT = Path(__file__).resolve().parents[1]


def ended(output, *, unbuffered="", closed=(), arguments=("--help",)):
    """Exit code of the program and what it says to the standard error."""
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    code = "".join(f"import os; os.close({number})\n" for number in closed)
    # A new interpreter: it finds the files closed when it starts.
    code += (
        "import os, sys; os.execv(sys.executable, [sys.executable, '-m', 'msgreen', *sys.argv[1:]])"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(
        command, env=environment, stdout=output, stderr=subprocess.PIPE, text=True, timeout=120
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(("unbuffered", "arguments"), [("", ("--help",)), ("1", ("doctor",))])
def test_nobody_reads_the_output(unbuffered, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    assert ended(writer, unbuffered=unbuffered, arguments=arguments) == (UNREAD, "")
    os.close(writer)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_no_room_for_the_output():
    with open("/dev/full", "wb") as full:
        code, said = ended(full)
    assert code == FAILED
    assert said.startswith("msgreen: output must be written, but it cannot be: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("closed", [(1,), (0, 1, 2)])
def test_closed_files_are_no_fault(closed):
    """As `open_standard_files` sees to."""
    assert ended(subprocess.DEVNULL, closed=closed) == (0, "")


@pytest.mark.parametrize("ones", [np.ones, jnp.ones], ids=["numpy", "jax"])
def test_memory_does_not_suffice(ones, capsys):
    assert exit_code_of(lambda: ones((2**25, 2**25))) == FAILED
    said = capsys.readouterr().err
    assert said.startswith("msgreen: memory must suffice, but it does not: ")
    assert said.count("\n") == 1


def test_other_endings(capsys):
    def failing(error):
        raise error

    assert exit_code_of(lambda: 0) == 0
    assert exit_code_of(lambda: failing(InputError("Argument"))) == WRONG
    assert exit_code_of(lambda: failing(KeyboardInterrupt())) == INTERRUPTED
    assert capsys.readouterr().err.splitlines() == [
        "msgreen: Argument",
        "msgreen: interrupted; no file is incomplete",
    ]
    with pytest.raises(RuntimeError, match="a fault of the program"):
        exit_code_of(lambda: failing(RuntimeError("a fault of the program")))
