"""What the program asks of its process: double precision, and kept compilations."""

import gc
import os
from pathlib import Path

import platformdirs

CACHE_BYTES = 512 * 2**20
"""Bound of the kept compilations, of which the oldest go first. The example leaves some MB."""


def cache_folder() -> Path | None:
    """Return where compilations are kept, or None if they are not.

    ``MSGREEN_CACHE`` names a folder, or is "off"; ``JAX_COMPILATION_CACHE_DIR`` wins.
    """
    own = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if own is not None:
        return Path(own)
    chosen = os.environ.get("MSGREEN_CACHE", "")
    if chosen.lower() in ("off", "0", "no"):
        return None
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("msgreen"), "jax")


_GARBAGE = 500_000
"""Objects between two looks for garbage. Imports and tracing leave many that stay: with Python's
700 looks take a tenth of the time of the example, with 100,000 still 0.2 s; these cost 20 MB."""

_PATIENCE = 30
"""Seconds after which a process that says nothing is taken for dead, as are all who wait for it."""


def prepare(*, distributed: bool = False) -> None:
    """Switch JAX to double precision and let it keep what it compiles.

    Parameters
    ----------
    distributed : bool
        Whether to join the other processes that the environment names: of SLURM, of Open MPI, or
        by JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID.

    Raises
    ------
    InputError
        If there are none.
    """
    gc.set_threshold(_GARBAGE, 10, 10)
    import jax

    jax.config.update("jax_enable_x64", True)
    if distributed:
        _join()
    folder = cache_folder()
    if folder is None or getattr(jax.config, "jax_compilation_cache_dir", None):
        return
    bound_cache(folder, CACHE_BYTES)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def is_first() -> bool:
    """Whether this process is the only one, or the one that writes."""
    import jax

    return jax.process_index() == 0


def _join() -> None:
    import jax

    from msgreen.errors import InputError

    def named(variable: str) -> int | None:
        return int(os.environ[variable]) if variable in os.environ else None

    try:
        jax.distributed.initialize(
            num_processes=named("JAX_NUM_PROCESSES"),
            process_id=named("JAX_PROCESS_ID"),
            initialization_timeout=2 * _PATIENCE,
            heartbeat_timeout_seconds=_PATIENCE,
            shutdown_timeout_seconds=_PATIENCE,
        )
    except (ValueError, RuntimeError) as error:
        raise InputError(
            "Argument `--distributed` must come with processes that SLURM or Open MPI started, but "
            f"there are none to be joined ({' '.join(str(error).split())}). Leave it out, or set "
            "JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID."
        ) from error


def bound_cache(folder: Path, limit: int) -> None:
    """Remove the oldest files of a folder until the others have at most `limit` bytes."""
    try:
        files = [(file, file.stat()) for file in folder.iterdir() if file.is_file()]
    except OSError:  # there is none yet, or another process removes the same files
        return
    size = sum(found.st_size for _, found in files)
    for file, found in sorted(files, key=lambda entry: entry[1].st_mtime):
        if size <= limit:
            return
        file.unlink(missing_ok=True)
        size -= found.st_size
