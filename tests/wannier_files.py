"""Small crystals, and the files that Wannier90 would write for them."""

import gzip
from itertools import product
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data" / "wannier"

VECTORS = np.array([[3.0, 0.1, 0.0], [-0.4, 3.2, 0.2], [0.0, 0.3, 3.5]])
SYMBOLS = ("Mn", "O")
POSITIONS = np.array([[0.0, 0.0, 0.0], [1.4, 1.7, 1.8]])
ATOM_OF = np.array([0, 0, 1])
CELLS = np.array(list(product(range(-1, 2), repeat=3)))
DEGENERACIES = 1 + np.abs(CELLS).sum(axis=1)
"""As on the border of a supercell; the same for R and -R."""


def random_hoppings(seed=0, size=3, *, complex_numbers=False):
    """H(R) * degeneracy with six digits, Hermitian, decaying with distance."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2, len(CELLS), size, size)) * [[[[1.0]]], [[[complex_numbers]]]]
    decay = np.exp(-np.linalg.norm(CELLS @ VECTORS, axis=1) / 2)[:, None, None]
    matrices = (values[0] + 1j * values[1]) * decay
    matrices = (matrices + matrices[::-1].conj().swapaxes(1, 2)) / 2
    return np.round(matrices, 6)


def two_spins(seed=0):
    """Up and down: nearly the same hoppings, but for a splitting of the Mn orbitals."""
    mean = random_hoppings(seed)
    small = 0.1 * random_hoppings(seed + 1)
    splitting = np.zeros_like(mean)
    splitting[len(CELLS) // 2] = np.diag([0.0 if atom else 1.2 for atom in ATOM_OF])
    return np.round(mean - splitting + small, 6), np.round(mean + splitting - small, 6)


def with_spin_orbit(seed=0):
    """Spin slow: mean + splitting along an axis + a small spin-orbit coupling."""
    up, down = two_spins(seed)
    full = np.zeros((len(CELLS), 6, 6), complex)
    full[:, :3, :3], full[:, 3:, 3:] = up, down
    full[len(CELLS) // 2, :3, 3:] = 0.05 * np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 0]])
    full[len(CELLS) // 2, 3:, :3] = full[len(CELLS) // 2, :3, 3:].T.conj()
    return np.round(full, 6)


def divided(matrices):
    """H(R) of what a file holds."""
    return matrices / DEGENERACIES[:, None, None]


def interleaved(matrices):
    """The matrices in the order up, down, up, down, from spin slow."""
    half = matrices.shape[-1] // 2
    order = np.arange(2 * half).reshape(2, half).T.ravel()
    return matrices[:, order[:, None], order]


def head(count, degeneracies):
    numbers = [f"{n:5d}" for n in degeneracies]
    lines = ["".join(numbers[n : n + 15]) for n in range(0, len(numbers), 15)]
    return [f"{count:12d}", f"{len(degeneracies):12d}", *lines]


def hr_text(matrices, cells=CELLS, degeneracies=DEGENERACIES):
    """The text of `_hr.dat`; the first index runs fastest."""
    size = matrices.shape[1]
    lines = [" written on 26Nov2026 at 00:00:00", *head(size, degeneracies)]
    for (x, y, z), matrix in zip(cells.tolist(), matrices, strict=True):
        for n, m in product(range(size), repeat=2):
            value = matrix[m, n]
            numbers = f"{value.real:12.6f}{value.imag:12.6f}"
            lines.append(f"{x:5d}{y:5d}{z:5d}{m + 1:5d}{n + 1:5d}{numbers}")
    return "\n".join(lines) + "\n"


def tb_text(matrices, centres, cells=CELLS, degeneracies=DEGENERACIES):
    """The text of `_tb.dat`; the position operator is diagonal and in the home cell only."""
    size = matrices.shape[1]
    lines = [" written on 26Nov2026 at 00:00:00"]
    lines += ["".join(f"{x:24.16f}" for x in row) for row in VECTORS]
    lines += head(size, degeneracies)
    pairs = [(m, n) for n, m in product(range(size), repeat=2)]
    for cell, matrix in zip(cells.tolist(), matrices, strict=True):
        lines += ["", "".join(f"{x:5d}" for x in cell)]
        for m, n in pairs:
            value = matrix[m, n]
            lines.append(f"{m + 1:5d}{n + 1:5d}   {value.real:15.8E} {value.imag:15.8E}")
    for cell in cells.tolist():
        lines += ["", "".join(f"{x:5d}" for x in cell)]
        for m, n in pairs:
            place = centres[m] if m == n and not any(cell) else np.zeros(3)
            numbers = " ".join(f"{x:15.8E} {0.0:15.8E}" for x in place)
            lines.append(f"{m + 1:5d}{n + 1:5d}   {numbers}")
    return "\n".join(lines) + "\n"


def wsvec_text(images, size, cells=CELLS):
    """The text of `_wsvec.dat`; `images(cell, m, n)` lists the T of an element."""
    lines = ["## written on 26Nov2026 at 00:00:00 with use_ws_distance=.true."]
    for cell in cells.tolist():
        for m, n in product(range(size), repeat=2):
            shifts = images(tuple(cell), m, n)
            lines.append("".join(f"{x:5d}" for x in (*cell, m + 1, n + 1)))
            lines.append(f"{len(shifts):5d}")
            lines += ["".join(f"{x:5d}" for x in shift) for shift in shifts]
    return "\n".join(lines) + "\n"


def win_text(extra=""):
    """The text of a `.win` file."""
    cell = "\n".join(" ".join(f"{x:.10f}" for x in row) for row in VECTORS)
    rows = zip(SYMBOLS, POSITIONS, strict=True)
    atoms = "\n".join(f"{name} {' '.join(f'{x:.10f}' for x in place)}" for name, place in rows)
    return (
        f"num_wann = 3\n{extra}\nbegin unit_cell_cart\n{cell}\nend unit_cell_cart\n\n"
        f"begin atoms_cart\n{atoms}\nend atoms_cart\n"
    )


def centres_text(centres):
    """The text of `_centres.xyz`."""
    lines = [f"{len(centres) + 2:6d}", " Wannier centres, written by Wannier90"]
    rows = [("X", place) for place in centres] + list(zip(SYMBOLS, POSITIONS, strict=True))
    lines += [f"{name:2s} " + "".join(f" {x:16.8f}" for x in place) for name, place in rows]
    return "\n".join(lines) + "\n"


def write_run(folder, seed, matrices, atom_of=ATOM_OF, shift=0, extra=""):
    """A run with `_hr.dat`, `.win` and `_centres.xyz`; centres moved by lattice vectors."""
    (folder / f"{seed}_hr.dat").write_text(hr_text(matrices))
    (folder / f"{seed}.win").write_text(win_text(extra))
    centres = POSITIONS[atom_of] + np.broadcast_to(shift, (len(atom_of), 3)) @ VECTORS
    (folder / f"{seed}_centres.xyz").write_text(centres_text(centres))


def write_iron(folder):
    """bcc iron as the files of its run, from `data/wannier/iron.npz`."""
    with np.load(DATA / "iron.npz") as stored:
        cells, degeneracies = stored["cells"], stored["degeneracies"]
        halves = {spin: stored[spin] * 1e-6 for spin in ("up", "down")}
    edge = 2.71175
    for spin, half in halves.items():
        full = np.concatenate([half, half[-2::-1].swapaxes(1, 2)])
        text = hr_text(full.astype(complex), cells, degeneracies.tolist())
        with gzip.open(folder / f"Fe_{spin}_hr.dat.gz", "wt", compresslevel=1) as file:
            file.write(text)
        (folder / f"Fe_{spin}.win").write_text(
            "begin atoms_frac\nFe 0 0 0\nend atoms_frac\nbegin unit_cell_cart\nbohr\n"
            f"{edge} {edge} {edge}\n{-edge} {edge} {edge}\n{-edge} {-edge} {edge}\n"
            "end unit_cell_cart\n"
        )
        (folder / f"Fe_{spin}_centres.xyz").write_text("10\n\n" + "X 0 0 0\n" * 9 + "Fe 0 0 0\n")
