"""Which runs of Wannier90 a folder holds, and which of them are the two spins of one."""

import re
from collections.abc import Sequence
from pathlib import Path

from msgreen.errors import InputError

HAMILTONIANS = ("_tb.dat", "_tb.dat.gz", "_hr.dat", "_hr.dat.gz", ".npz")
"""Ends of names, the most precise first."""

_UP = re.compile("up", re.IGNORECASE)
_DOWN = re.compile("down|dn", re.IGNORECASE)


def choose(folder: Path, seedname: str | tuple[str, str] | None) -> tuple[str, ...]:
    """Return one seedname, or those of spin up and down.

    Parameters
    ----------
    folder : path
    seedname : str, pair of str, or None
        What the user wants; None to let the folder tell.

    Raises
    ------
    InputError
        If the folder holds no Hamiltonian, not that one, or several.
    """
    found = _seeds(folder)
    if seedname is not None:
        several = isinstance(seedname, Sequence) and not isinstance(seedname, str)
        wanted = tuple(map(str, seedname)) if several else (str(seedname),)
        missing = [seed for seed in wanted if seed not in found]
        if missing or len(wanted) not in (1, 2):
            raise InputError(
                f"Argument `seedname` must be one or two of {', '.join(found) or 'none'} in "
                f"{folder}, but it is {seedname!r}. Give up and down as a pair."
            )
        return wanted
    if not found:
        raise InputError(
            f"Argument `folder` must hold a file that ends in {', '.join(HAMILTONIANS)}, but "
            f"{folder} holds none. Run Wannier90 with write_hr = .true. or write_tb = .true."
        )
    runs = _runs(found)
    if len(runs) > 1:
        names = "; ".join(" and ".join(run) for run in runs)
        raise InputError(
            f"Argument `seedname` must choose one run, but {folder} holds {len(runs)}: {names}. "
            "Give a seedname, or a pair for spin up and down."
        )
    return runs[0]


def hamiltonian_file(folder: Path, seed: str) -> Path:
    """Return the most precise file of H(R) of a seedname that `choose` has found."""
    return next(file for end in HAMILTONIANS if (file := folder / f"{seed}{end}").is_file())


def beside(folder: Path, seed: str, end: str) -> Path | None:
    """Return another file of a seedname, plain or compressed, or None."""
    for file in (folder / f"{seed}{end}", folder / f"{seed}{end}.gz"):
        if file.is_file():
            return file
    return None


def _seeds(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise InputError(
            f"Argument `folder` must be a folder, but {folder} is none. Give the folder of a "
            "Wannier90 run."
        )
    ends = {
        file.name.removesuffix(end)
        for file in folder.iterdir()
        for end in HAMILTONIANS
        if file.is_file() and file.name.endswith(end)
    }
    return sorted(ends)


def _runs(seeds: list[str]) -> list[tuple[str, ...]]:
    """Pairs of seednames that differ by up and down only, then the rest one by one."""
    ups = {frame: seed for seed in seeds for frame in _frames(_UP, seed)}
    pairs = [(ups[frame], seed) for seed in seeds for frame in _frames(_DOWN, seed) if frame in ups]
    paired = {seed for pair in pairs for seed in pair}
    return [*pairs, *((seed,) for seed in seeds if seed not in paired)]


def _frames(spin: re.Pattern, seed: str) -> list[tuple[str, str]]:
    """Return what stands before and after every place where the name of the spin stands."""
    return [(seed[: m.start()].lower(), seed[m.end() :].lower()) for m in spin.finditer(seed)]
