"""A folder of a Wannier90 run as one Hamiltonian of a crystal."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Int
from msgreen.errors import FileFormatError, InputError
from msgreen.io.wannier import spinors
from msgreen.io.wannier.archive import read_archive
from msgreen.io.wannier.assignment import (
    Assignment,
    assign,
    guessed,
    named,
    to_home_cell,
)
from msgreen.io.wannier.consistency import check_gauge, hermitian
from msgreen.io.wannier.hamiltonian import Crystal, WannierHamiltonian
from msgreen.io.wannier.images import spread
from msgreen.io.wannier.real_space import read_hr, read_tb
from msgreen.io.wannier.seeds import beside, choose, hamiltonian_file
from msgreen.io.wannier.structure import WinFile, read_centres, read_win

_SAME_PLACE = 1e-3
"""Angstrom; files round positions to 1e-6 or better, and units to 1e-5."""


@dataclass(frozen=True, eq=False)
class _Run:
    """One seedname: H(R) between functions in the order of the file."""

    file: Path
    cells: np.ndarray
    matrices: np.ndarray
    crystal: Crystal
    centres: np.ndarray | None
    spinors: bool | None
    fermi_energy: float | None
    notes: tuple[str, ...]
    defect: float = 0.0


def read_folder(
    folder: str | Path,
    *,
    seedname: str | tuple[str, str] | None = None,
    spinor_order: str | None = None,
    orbital_atoms: Int[ArrayLike, " orb"] | None = None,
    crystal: Crystal | None = None,
) -> WannierHamiltonian:
    """Read what a folder holds of a Wannier90 run.

    Parameters
    ----------
    folder : path
        With `seedname_hr.dat` or `seedname_tb.dat` (the latter is preferred; either may be
        compressed, `.gz`) and `seedname.win`; with `seedname_centres.xyz` unless `_tb.dat` has
        the centres; with `seedname_wsvec.dat` if Wannier90 used it. Two seednames that
        differ by up and down are the two spins; one is a run with spin-orbit coupling. Or
        with one `.npz` archive (`read_archive`).
    seedname : str or pair of str, optional
        Needed if the folder holds several runs; a pair is spin up and down.
    spinor_order : {"blocked", "interleaved"}, optional
        With spin-orbit coupling: all functions of spin up before all of spin down, or in turn.
        By default the order that makes the exchange splitting a vector.
    orbital_atoms : int array, shape (orb,), optional
        Atom of every orbital, from 0. By default the atom next to the centre; for an archive
        without centres the likeliest, if it is clear (`likely_atoms`).
    crystal : Crystal, optional
        Lattice vectors and atoms instead of those of the folder, as from
        `msgreen.io.structures.read_structure`; its vectors must be those of the folder, if any.

    Returns
    -------
    WannierHamiltonian

    Raises
    ------
    InputError
        If the folder lacks a file, or holds several runs.
    FileFormatError
        If a file is wrong, or files do not belong together.
    """
    folder = _checks.path("folder", folder)
    if spinor_order is not None and spinor_order not in spinors.ORDERS:
        raise InputError(
            f"Argument `spinor_order` must be one of {', '.join(spinors.ORDERS)}, but it is "
            f"{spinor_order!r}. Leave it out to let the files tell."
        )
    runs = [_read_run(folder, seed, crystal) for seed in choose(folder, seedname)]
    if len(runs) == 1:
        return _with_spin_orbit(runs[0], spinor_order, orbital_atoms)
    return _collinear(runs[0], runs[1], orbital_atoms)


def _read_run(folder: Path, seed: str, crystal: Crystal | None) -> _Run:
    file = hamiltonian_file(folder, seed)
    if file.suffix == ".npz":
        run = _from_archive(file, crystal)
    else:
        run = _from_text(folder, seed, file, crystal)
    cells, matrices, defect = hermitian(run.cells, run.matrices, file)
    return replace(run, cells=cells, matrices=matrices, defect=defect)


def _from_archive(file: Path, given: Crystal | None) -> _Run:
    found = read_archive(file)
    crystal = Crystal(found.vectors, found.symbols, found.positions)
    if given is not None:
        _check_vectors(file, found.vectors, given)
        crystal = given
    return _Run(
        file, found.cells, found.matrices, crystal, found.centres, None, found.fermi_energy, ()
    )


def _from_text(folder: Path, seed: str, file: Path, given: Crystal | None) -> _Run:
    found = read_tb(file) if "_tb.dat" in file.name else read_hr(file)
    win_file = beside(folder, seed, ".win")
    win = read_win(win_file) if win_file else WinFile(None, (), np.empty((0, 3)), None, None)
    images = beside(folder, seed, "_wsvec.dat")
    if images is not None:
        found = spread(found, images)
    xyz = beside(folder, seed, "_centres.xyz")
    symbols, positions, centres = win.symbols, win.positions, found.centres
    if xyz is not None:
        listed = read_centres(xyz)
        if not symbols:
            symbols, positions = listed.symbols, listed.positions
        if centres is None:
            centres = listed.centres
    if centres is not None and len(centres) != found.matrices.shape[1]:
        raise FileFormatError(
            f"{xyz}: must hold a centre for each of the {found.matrices.shape[1]} functions of "
            f"{file.name}, but it holds {len(centres)}. Take both from the same run."
        )
    if given is None:
        vectors = _vectors(file, win_file, found.vectors, win.vectors)
    else:
        for known in (found.vectors, win.vectors):
            _check_vectors(file, known, given)
        vectors, symbols, positions = given.vectors, given.symbols, given.positions
    if not symbols:
        raise InputError(
            f"Argument `folder` must hold the atoms of {file.name}, in {seed}.win or "
            f"{seed}_centres.xyz, but {folder} does not. Copy {seed}.win there."
        )
    notes = () if images else _missing_images(seed, win.use_ws_distance)
    crystal = Crystal(vectors, symbols, positions)
    return _Run(file, found.cells, found.matrices, crystal, centres, win.spinors, None, notes)


def _check_vectors(file: Path, known: np.ndarray | None, given: Crystal) -> None:
    if known is not None and np.abs(known - given.vectors).max() > _SAME_PLACE:
        raise FileFormatError(
            f"{file}: must belong to the crystal that is given, but its lattice vectors differ by "
            f"{np.abs(known - given.vectors).max():.1e} angstrom. Give the crystal as the "
            "calculation had it."
        )


def _vectors(file: Path, win_file: Path | None, tb, win) -> np.ndarray:
    if tb is not None and win is not None and np.abs(tb - win).max() > _SAME_PLACE:
        raise FileFormatError(
            f"{win_file}: must have the lattice vectors of {file.name}, but they differ by "
            f"{np.abs(tb - win).max():.1e} angstrom. Take both from the same run."
        )
    vectors = tb if tb is not None else win
    if vectors is None:
        raise InputError(
            f"Argument `folder` must hold the lattice vectors of {file.name}, in a .win file with "
            f"the block unit_cell_cart, but {file.parent} does not. Copy it there."
        )
    if abs(np.linalg.det(vectors)) < 1e-6:
        raise FileFormatError(
            f"{file}: must hold independent lattice vectors, but they span no volume. "
            "Copy the file again."
        )
    return vectors


def _missing_images(seed: str, used: bool | None) -> tuple[str, ...]:
    if used is False:
        return ()
    default = "asks for" if used else "does not switch off, and Wannier90 3 uses,"
    return (
        f"{seed}_wsvec.dat is missing although {seed}.win {default} use_ws_distance: "
        "hoppings to the border of the supercell are taken as equally shared between cells.",
    )


def _assign(run: _Run, orbital_atoms, repeats: np.ndarray) -> Assignment:
    """Atoms of functions; `repeats` says which orbital a function is."""
    if orbital_atoms is not None:
        return named(orbital_atoms, run.centres, run.crystal, repeats, run.file)
    if run.centres is not None:
        return assign(run.centres, run.crystal, run.file)
    if len(run.crystal.symbols) == 1:
        return Assignment(np.zeros(len(repeats), int), np.zeros((len(repeats), 3), int))
    guess = None
    if run.file.suffix == ".npz":
        guess = guessed(run.cells, run.matrices, run.crystal, repeats)
    if guess is not None:
        return guess
    raise InputError(
        f"Argument `orbital_atoms` must name the atom of every orbital, but it is not given and "
        f"{run.file.parent} holds no centres for {run.file.name}. Give it, or run Wannier90 with "
        "write_xyz = .true."
    )


def _collinear(up: _Run, down: _Run, orbital_atoms) -> WannierHamiltonian:
    _check_match(up, down)
    repeats = np.arange(up.matrices.shape[1])
    spins = []
    for run in (up, down):
        found = _assign(run, orbital_atoms, repeats)
        spins.append((found, to_home_cell(run.cells, run.matrices, found.shift)))
    first, second = (found for found, _ in spins)
    different = np.nonzero(first.atom != second.atom)[0]
    if different.size:
        n = int(different[0])
        raise FileFormatError(
            f"{down.file}: must put function {n + 1} on the atom of spin up ({first.atom[n]}), but "
            f"it is on atom {second.atom[n]}. Use the same projections for both spins."
        )
    cells, matrices = _on_common_cells([moved for _, moved in spins])
    check_gauge(matrices[0], matrices[1], down.file)
    centres = None
    if up.centres is not None and down.centres is not None:
        moved = [
            run.centres - found.shift @ run.crystal.vectors
            for run, (found, _) in zip((up, down), spins, strict=True)
        ]
        centres = np.stack(moved)
    defect = max(up.defect, down.defect)
    return WannierHamiltonian(
        up.crystal,
        cells,
        matrices,
        first.atom,
        centres,
        up.fermi_energy,
        defect,
        (*(up.notes or down.notes), *first.notes),
    )


def _check_match(up: _Run, down: _Run) -> None:
    one, two = up.matrices.shape[1], down.matrices.shape[1]
    if one != two:
        raise FileFormatError(
            f"{down.file}: must hold as many functions as {up.file.name}, but it holds {two} and "
            f"not {one}. Take both spins from the same run."
        )
    here, there = up.crystal, down.crystal
    same = here.symbols == there.symbols and all(
        np.allclose(a, b, rtol=0, atol=_SAME_PLACE)
        for a, b in ((here.vectors, there.vectors), (here.positions, there.positions))
    )
    if not same:
        raise FileFormatError(
            f"{down.file}: must be of the crystal of {up.file.name}, but lattice vectors or atoms "
            "differ. Take both spins from the same run."
        )


def _on_common_cells(spins) -> tuple[np.ndarray, np.ndarray]:
    """H(R) of both spins on all cells of either, shape (spin, cell, orb, orb)."""
    cells = np.unique(np.concatenate([c for c, _ in spins]), axis=0)
    place = {cell: n for n, cell in enumerate(map(tuple, cells.tolist()))}
    matrices = np.zeros((2, len(cells), *spins[0][1].shape[1:]), complex)
    for spin, (own, values) in enumerate(spins):
        matrices[spin, [place[cell] for cell in map(tuple, own.tolist())]] = values
    return cells, matrices


def _with_spin_orbit(run: _Run, wanted: str | None, orbital_atoms) -> WannierHamiltonian:
    count = run.matrices.shape[1]
    if run.spinors is False or count % 2:
        reason = "its .win says spinors = .false." if count % 2 == 0 else f"it holds {count}"
        raise FileFormatError(
            f"{run.file}: must hold functions of both spins, an even number, but {reason}. "
            "Give two files whose names hold up and down, or a run with spin-orbit coupling."
        )
    if wanted is None and orbital_atoms is None and run.centres is None:
        wanted = _order_by_splitting(run)
    ordered = {
        name: _in_order(run, name, orbital_atoms)
        for name in ([wanted] if wanted else spinors.ORDERS)
    }
    fitting = {name: found for name, found in ordered.items() if found is not None}
    if not fitting:
        raise FileFormatError(
            f"{run.file}: must put up and down functions of an orbital on one atom, but "
            f"{wanted or 'neither blocked nor interleaved'} order does not. Name the other "
            "`spinor_order`, or the atoms with `orbital_atoms`."
        )
    order = next(iter(fitting))
    if len(fitting) > 1:
        scores = {
            name: spinors.score(home_matrix(found), found.atom_of)
            for name, found in fitting.items()
        }
        order = spinors.decide(scores, run.file)
    chosen = fitting[order]
    return replace(chosen, notes=(*chosen.notes, f"Functions of up and down spin are {order}."))


def _order_by_splitting(run: _Run) -> str:
    """Order of spinors of functions of which the atoms are not known."""
    home = run.matrices[np.all(run.cells == 0, axis=1)].sum(axis=0)
    count = len(home)
    alone = np.zeros(count // 2, int)
    slow = {name: spinors.spin_slow(name, count) for name in spinors.ORDERS}
    scores = {name: spinors.score(home[s][:, s], alone) for name, s in slow.items()}
    return spinors.decide(scores, run.file)


def home_matrix(hamiltonian: WannierHamiltonian) -> np.ndarray:
    """Return H(R = 0) with spin as the slow index, shape (2 orb, 2 orb), in eV."""
    home = np.all(hamiltonian.cells == 0, axis=1)
    return hamiltonian.spinor_matrices()[home].sum(axis=0)


def _in_order(run: _Run, order: str, orbital_atoms) -> WannierHamiltonian | None:
    """Put spin slow; return None if an orbital's two functions are on two atoms."""
    slow = spinors.spin_slow(order, run.matrices.shape[1])
    centres = None if run.centres is None else run.centres[slow]
    orb = len(slow) // 2
    matrices = run.matrices[:, slow[:, None], slow]
    inner = replace(run, centres=centres, matrices=matrices)
    found = _assign(inner, orbital_atoms, np.tile(np.arange(orb), 2))
    if np.any(found.atom[:orb] != found.atom[orb:]):
        return None
    cells, matrices = to_home_cell(run.cells, matrices, found.shift)
    if centres is not None:
        centres = (centres - found.shift @ run.crystal.vectors).reshape(2, orb, 3)
    atom = found.atom[:orb]
    return WannierHamiltonian(
        run.crystal,
        cells,
        matrices[None],
        atom,
        centres,
        run.fermi_energy,
        run.defect,
        (*run.notes, *found.notes),
    )
