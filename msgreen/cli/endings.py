"""How the program ends when what is around it fails: memory, disks, whoever reads its output."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress

from msgreen.errors import MsgreenError, ProcessError

WRONG, FAILED, INTERRUPTED, UNREAD = 2, 1, 130, 141
"""Exit codes; the last two are 128 plus the numbers of SIGINT and SIGPIPE, as shells say it."""


def open_standard_files() -> None:
    """Open those of input, output and errors that are closed; a pipe could get their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)


def exit_code_of(command: Callable[[], int]) -> int:
    """Run a command whose files appear as a whole or not at all; say in one line what went wrong.

    Parameters
    ----------
    command : callable
        Returns an exit code.

    Returns
    -------
    int
        That of the command, or one of this module.
    """
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()
    except ProcessError as error:
        _said(FAILED, str(error))
        # JAX would wait for the lost process once more, and abort.
        os._exit(FAILED)
    except MsgreenError as error:
        return _said(WRONG, str(error))
    except KeyboardInterrupt:
        return _said(INTERRUPTED, "interrupted; no file is incomplete")
    except BrokenPipeError:
        _drop_output()
        return UNREAD
    except OSError as error:
        _drop_output()
        return _said(
            FAILED, f"output must be written, but it cannot be: {error}. Make room for it."
        )
    except MemoryError as error:
        return _out_of_memory(str(error))
    except RuntimeError as error:  # as JAX says it
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return _out_of_memory(str(error).removeprefix("RESOURCE_EXHAUSTED: "))


def _out_of_memory(reason: str) -> int:
    reason = " ".join(reason.split()).rstrip(".") or "an allocation failed"
    remedy = "Ask for fewer sites, energies or points of a mesh; no file is incomplete."
    return _said(FAILED, f"memory must suffice, but it does not: {reason}. {remedy}")


def _said(code: int, line: str) -> int:
    with suppress(OSError):
        sys.stderr.write(f"msgreen: {line}\n")
    return code


def _drop_output() -> None:
    """Let what is still to be written vanish, or the interpreter complains when it ends."""
    if sys.stdout is sys.__stdout__:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
