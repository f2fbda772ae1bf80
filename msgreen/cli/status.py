"""What the program is doing: a line that is alive while it compiles and computes."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

PATIENCE = 2.0
"""Seconds after which a command says what it is doing: what takes less needs no words."""

_TICK = 0.25
"""Seconds between two looks at the clock."""

_REQUEST = "/jax/compilation_cache/compile_requests_use_cache"
_COMPILED = "/jax/core/compile/backend_compile_duration"


class _Compilations:
    """Counts the programs that JAX has compiled, or read, and whether it is at one."""

    def __init__(self) -> None:
        self.count, self.seconds, self.running = 0, 0.0, False

    def begin(self, event: str, **_: object) -> None:
        if event == _REQUEST:
            self.running = True

    def end(self, event: str, duration_secs: float, **_: str | int) -> None:
        if event == _COMPILED:
            self.count, self.seconds, self.running = (
                self.count + 1,
                self.seconds + duration_secs,
                False,
            )


@contextmanager
def status(shown: bool, verbose: bool) -> Iterator[None]:
    """Show a line about compilations and elapsed time below everything that takes a while.

    Parameters
    ----------
    shown : bool
        Whether there is a terminal to show it on.
    verbose : bool
        Whether to say at the end what took the time.
    """
    import jax

    from msgreen.blocks import showing

    compiled, start, over = _Compilations(), time.perf_counter(), threading.Event()
    jax.monitoring.register_event_listener(compiled.begin)
    jax.monitoring.register_event_duration_secs_listener(compiled.end)
    watch = threading.Thread(target=_watch, args=(compiled, start, over), daemon=True)
    if shown:
        watch.start()
    try:
        with showing(shown):
            yield
    finally:
        over.set()
        if shown:
            watch.join()
        jax.monitoring.unregister_event_listener(compiled.begin)
        jax.monitoring.unregister_event_duration_listener(compiled.end)
    if verbose:
        seconds = time.perf_counter() - start
        sys.stderr.write(
            f"msgreen: {seconds:.1f} s, of which {compiled.seconds:.1f} s to compile "
            f"{compiled.count} programs or to read them from the cache\n"
        )


def _watch(compiled: _Compilations, start: float, over: threading.Event) -> None:
    if over.wait(PATIENCE):
        return
    # A bar without a total: bars of the library find a line of their own beside it.
    with tqdm(bar_format="{desc}", leave=False) as line:
        while not over.wait(_TICK):
            seconds = time.perf_counter() - start
            word = "Compiling" if compiled.running else "Computing"
            line.set_description_str(f"{word}… {seconds:.0f} s, {compiled.count} programs compiled")
