"""Single-site t-matrices of a cluster: `kkrflex_tmat`."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from msgreen.errors import FileFormatError
from msgreen.io.jukkr.spinor import block_diagonal, up_first
from msgreen.io.jukkr.text import Line, first_line, read_lines
from msgreen.units import BOHR


class TMatrixFile(NamedTuple):
    """What `kkrflex_tmat` holds.

    Attributes
    ----------
    t : complex array, shape (energy, site, 2 orb, 2 orb)
        In angstrom, spin up first, global spin frame with spin-orbit coupling.
    spin_orbit : bool
        Whether the run had spin-orbit coupling.
    """

    t: np.ndarray
    spin_orbit: bool

    @property
    def up(self) -> np.ndarray:
        """The block of spin up, shape (energy, site, orb, orb)."""
        half = self.t.shape[-1] // 2
        return self.t[..., :half, :half]

    @property
    def down(self) -> np.ndarray:
        """The block of spin down, shape (energy, site, orb, orb)."""
        half = self.t.shape[-1] // 2
        return self.t[..., half:, half:]


def read_tmat(file: str | Path) -> TMatrixFile:
    """Read `kkrflex_tmat`.

    Parameters
    ----------
    file : path

    Returns
    -------
    TMatrixFile

    Raises
    ------
    FileFormatError
        If the file is foreign, truncated or too long, naming the line.
    """
    lines = read_lines(file)
    if lines and lines[0].words[:2] == ("#", "serial:"):
        lines = lines[1:]
    what = "the header `# atoms spins energies orbitals korbit`"
    header = first_line(lines, file, what)
    if header.words[0] != "#":
        raise header.error(what, f"it begins with {header.words[0][:40]!r}")
    header = Line(header.file, header.number, header.words[1:])
    sites, spins, energies, orbitals, spin_orbit = header.integers(5, what)
    if min(sites, spins, energies, orbitals) < 1 or spin_orbit not in (0, 1) or spins > 2:
        raise header.error(what, f"it holds {sites} {spins} {energies} {orbitals} {spin_orbit}")
    if math.isqrt(orbitals // (1 + spin_orbit)) ** 2 * (1 + spin_orbit) != orbitals:
        raise header.error(what, f"{orbitals} is not a number of orbitals (lmax+1)^2")
    spins = 1 if spin_orbit else spins
    shape = (sites, spins, energies, orbitals, orbitals)
    stored = _read_matrices(file, lines[1:], shape)
    if spin_orbit:
        t = up_first(stored[:, 0])
    else:
        t = block_diagonal(up=stored[:, -1], down=stored[:, 0])
    return TMatrixFile(np.ascontiguousarray(np.swapaxes(t, 0, 1)) * BOHR, bool(spin_orbit))


def _read_matrices(file, lines: list[Line], shape) -> np.ndarray:
    """One line per site, spin and energy; the energy runs fastest."""
    labels = list(np.ndindex(*shape[:3]))
    if len(lines) != len(labels):
        raise FileFormatError(
            f"{file}: must hold {len(labels)} matrices, one line per site, spin and energy, but it "
            f"holds {len(lines)}. Copy the file again: it is truncated, or of another run."
        )
    stored = np.empty(shape, complex)
    for line, label in zip(lines, labels, strict=True):
        site, spin, energy = (n + 1 for n in label)
        what = f"the matrix of site {site}, spin {spin}, energy {energy}"
        if line.integers(3, what) != [site, spin, energy]:
            raise line.error(what, f"it is labelled {' '.join(line.words[:3])}")
        count = 4 + 2 * shape[3] ** 2
        numbers = line.numbers(count, what)
        if len(line.words) != count:
            raise line.error(f"{what} ({count} numbers)", f"it has {len(line.words)} words")
        if not np.all(np.isfinite(numbers)):
            raise line.error(what, "it holds NaN or infinity")
        # Column by column.
        stored[label] = numbers[4:].view(complex).reshape(shape[3:]).T
    return stored
