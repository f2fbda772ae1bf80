"""How signals end the program: one line, an exit code, and no temporary files.

Python runs handlers of signals between two of its own steps, which may be minutes apart while JAX
compiles or computes. A thread that waits for the number of the signal, which Python's part in C
writes into a pipe at once, does not depend on that. It ends the process without the interpreter's
own shutdown: threads of JAX that are still computing would crash in it.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

ENDS: Mapping[str, str] = MappingProxyType(
    {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "the terminal is gone"}
)
"""Signals that end the program, and what it says; those that the parent ignores stay ignored."""

_PATIENCE = 1.0
"""Seconds for files to take their names; they take some 0.1 ms each."""


def end_on_signals() -> None:
    """Let signals end this process with one line and the exit code 128 plus their number."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for name in ENDS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    threading.Thread(target=_wait, args=(reader,), name="signals", daemon=True).start()


def _wait(reader: int) -> None:
    names = {getattr(signal, name): name for name in ENDS if hasattr(signal, name)}
    while (number := os.read(reader, 1)[0]) not in names:
        pass
    # If it is not loaded, nothing was written.
    atomic = sys.modules.get("msgreen.io.atomic")
    if atomic is not None and hasattr(atomic, "remove_parts"):
        atomic.FINISHING.acquire(timeout=_PATIENCE)
        atomic.remove_parts()
    line = f"msgreen: {ENDS[names[number]]}; no file is incomplete\n"
    with suppress(OSError):
        # A line of the terminal that shows progress, or ^C, ends first.
        os.write(2, ("\n" * os.isatty(2) + line).encode())
    os._exit(128 + number)
