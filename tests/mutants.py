"""Read very many damaged files of every reader: `python tests/mutants.py [COUNT [SEED [READER]]]`.

The tests read some hundred of each; this takes hours for 1e5 of them, and says what was wrong.
"""

import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import test_damaged_files as damaged
import test_io_spin_fuzz as spin
import test_wannier_fuzz as wannier_fuzz
import wannier_files as wf

from msgreen.config import read_config
from msgreen.errors import MsgreenError
from msgreen.io import jukkr, read_model, read_netcdf, wannier, write_netcdf
from msgreen.io.phonopy import read_phonopy
from msgreen.io.spin_programs import export
from msgreen.papers.runs import KINDS
from msgreen.spinmodel import SpinModel

PROCESSOR, CLOCK = 10.0, 120.0
"""Seconds of either that one file may take."""

MEMORY = 2 * 2**30
"""Bytes that the process may take."""


@dataclass(frozen=True)
class Target:
    """A file to damage, what to read with which reader, and its share of the mutants."""

    file: Path
    path: Path
    reader: Callable
    mutant: Callable = damaged.mutant
    share: float = 1.0


def word_mutant(data: bytes, rng: random.Random) -> bytes:
    return next(iter(spin.mutants(data.decode(), rng.random())))


def configurations(folder: Path) -> Iterator[tuple[str, Target]]:
    for kind, text in damaged.TEXTS.items():
        file = folder / f"{kind}.toml"
        file.write_text(text)
        yield f"config of {kind}", Target(file, file, lambda path: read_config(path, KINDS))
    run = folder / "wannier_run"
    run.mkdir()
    for name, matrices in zip(("up", "down"), wf.two_spins(), strict=True):
        wf.write_run(run, f"x_{name}", matrices)
    text = f"""
[host]
kind = "wannier"
folder = "{run}"
fermi_energy = 0.3
temperature_K = 3000.0
[pairs]
cutoff = 4.0
tolerance = 0.02
"""
    file = run / "run.toml"
    file.write_text(text)
    yield "config of wannier", Target(file, file, lambda path: read_config(path, KINDS))
    for name in ("x_up_hr.dat", "x_up.win", "x_up_centres.xyz"):
        yield (
            f"folder of wannier, {name}",
            Target(run / name, run, wannier.read_folder, wannier_fuzz.mutant),
        )


def kkr(folder: Path) -> Iterator[tuple[str, Target]]:
    run = jukkr.example("fe2_soc", folder / "kkr")
    file = folder / "kkr.toml"
    file.write_text(
        f'[host]\nkind = "kkr"\nfolder = "{run}"\n[cluster]\norders = [2]\ncontracted = []\n'
    )
    yield "config of kkr", Target(file, file, lambda path: read_config(path, KINDS))
    for name, reader in damaged.READERS.items():
        file = run / name
        if not file.exists():
            yield from _written(folder, name, reader)
            continue
        share = 0.1 if file.stat().st_size > 10**6 else 1.0
        yield f"jukkr, {name}", Target(file, file, reader, share=share)
        yield f"folder of jukkr, {name}", Target(file, run, jukkr.read_folder, share=0.1)
    for columns, row in ((4, "1.0 0.5 2 3"), (10, "1.0 0.1 0.2 0.3 0.4 1.0 0.0 0.0 1 2")):
        file = folder / f"Jij.atom0000{columns}"
        file.write_text("# head\n" + 3 * (row + "\n"))
        yield f"jukkr, Jij of {columns} columns", Target(file, file, jukkr.read_jij)


def _written(folder: Path, name: str, reader: Callable) -> Iterator[tuple[str, Target]]:
    texts = {
        "kkrflex_hoststructure.dat": "[bravais]\n1 0 0\n0 1 0\n0 0 1\n[basis]\n1\n0 0 0 1.0\n",
        "inputcard": "ALATBASIS= 5.4\n",
        "nonco_angle.dat": "90.0 90.0\n",
    }
    (folder / name).write_text(texts[name])
    yield f"jukkr, {name}", Target(folder / name, folder / name, reader)


def spin_models(folder: Path) -> Iterator[tuple[str, Target]]:
    for program, name, target, reader in spin.SOURCES:
        place = folder / f"{program} {name}".replace(".", "_")
        place.mkdir()
        if program == "tb2j":
            (place / name).write_text(spin.TB2J)
        else:
            export(spin.model(), place, program)
        mutant = word_mutant if name != "model.json" else damaged.mutant
        yield f"{program}, {name}", Target(place / name, place / target, reader, mutant)


def binary(folder: Path) -> Iterator[tuple[str, Target]]:
    file = folder / "model.nc"
    write_netcdf(damaged.model(), file)
    yield "model as netcdf", Target(file, file, read_model, damaged.binary_mutant, 0.02)
    file = folder / "interactions.nc"
    write_netcdf(damaged.interactions(), file)
    yield "interactions as netcdf", Target(file, file, read_netcdf, damaged.binary_mutant, 0.02)
    for name, (data, reader) in wannier_fuzz.FORMATS.items():
        file = folder / name
        file.write_bytes(data)
        yield f"wannier, {name}", Target(file, file, reader, wannier_fuzz.mutant)


def phonons(folder: Path) -> Iterator[tuple[str, Target]]:
    import phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    cell = PhonopyAtoms(symbols=["Na"], cell=3 * np.eye(3), scaled_positions=[[0, 0, 0]])
    crystal = phonopy.Phonopy(cell, np.diag([2, 1, 1]), log_level=0)
    crystal.force_constants = np.einsum("ij,ab->ijab", [[1.0, -1.0], [-1.0, 1.0]], np.eye(3))
    file = folder / "phonopy.yaml"
    crystal.save(file, settings={"force_constants": True})
    yield "phonopy", Target(file, file, read_phonopy, share=0.3)


def halved(found, right) -> bool:
    """Whether a bond of a spin model became just half as strong."""
    if not isinstance(found, SpinModel):
        return False
    for new, old in zip(found.terms, right.terms, strict=False):
        if old.spin_class.site_count > 1 and np.shape(new.values) == np.shape(old.values):
            new, old = np.asarray(new.values), np.asarray(old.values)
            if np.any((np.abs(new - old / 2) < 1e-12) & (np.abs(old) > 1e-9)):
                return True
    return False


def wrong_with(target: Target, right) -> tuple[str, str]:
    """What became of one file: "refused", "read", or a fault in words."""
    signal.setitimer(signal.ITIMER_PROF, PROCESSOR)
    signal.setitimer(signal.ITIMER_REAL, CLOCK)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            found = target.reader(target.path)
    except MsgreenError as error:
        said = str(error)
        if (
            str(target.file.parent) not in said
            or "\n" in said
            or len(said) > 1500
            or " must " not in said
        ):
            return "said badly", said
        return "refused", ""
    except TimeoutError:
        return "takes too long", traceback.format_exc()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return "raw error", traceback.format_exc()[-1500:]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    if not all(np.all(np.isfinite(array)) for array in damaged.arrays(found)):
        return "not finite", ""
    return ("halved" if halved(found, right) and not warned else "read"), ""


def attack(name: str, target: Target, count: int, seed: int) -> None:
    data, rng = target.file.read_bytes(), random.Random(f"{name} {seed}")
    right = target.reader(target.path)
    outcomes: dict[str, int] = {}
    begin = time.process_time()
    for number in range(max(1, int(count * target.share))):
        content = target.mutant(data, rng)
        target.file.write_bytes(content)
        outcome, said = wrong_with(target, right)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > MEMORY:
            outcome, said = "takes too much memory", ""
        if outcome not in ("refused", "read") and outcomes[outcome] <= 5:
            sys.stdout.write(f"--- {name}, mutant {number}: {outcome}\n{said}\n")
            where = Path(tempfile.gettempdir()) / f"mutant-{seed}-{number}-{target.file.name}"
            where.write_bytes(content)
            sys.stdout.write(f"kept as {where}\n")
        if outcome == "takes too much memory":
            break
    target.file.write_bytes(data)
    took = time.process_time() - begin
    sys.stdout.write(f"{name}: {outcomes}, {took:.0f} s\n")
    sys.stdout.flush()


def late(*_) -> None:
    raise TimeoutError


def main(count: int = 100_000, seed: int = 0, only: str = "") -> None:
    signal.signal(signal.SIGPROF, late)
    signal.signal(signal.SIGALRM, late)
    warnings.simplefilter("ignore")
    jax.config.update("jax_enable_x64", True)
    with tempfile.TemporaryDirectory() as name:
        makers = (spin_models, binary, kkr, configurations, phonons)
        targets = [found for maker in makers for found in maker(Path(name))]
        each = count / sum(target.share for _, target in targets)
        for label, target in targets:
            if only in label:
                attack(label, target, round(each), seed)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
