"""The structural Green function of a cluster: `kkrflex_green`."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen.contour import Contour
from msgreen.errors import FileFormatError
from msgreen.io.files import read_bytes
from msgreen.io.jukkr.energies import run_contour
from msgreen.io.jukkr.spinor import block_diagonal, up_first
from msgreen.units import BOHR, RYDBERG

_INTEGERS = 6
"""Of the first record: energies, spins, sites twice, orbitals, and whether spin-orbit coupling."""


class GreenFile(NamedTuple):
    """What `kkrflex_green` holds.

    Attributes
    ----------
    contour : Contour
        Energies and weights in eV, in the order of the file; its error estimate is NaN if the
        rule of integration is not recognised.
    green : complex array, shape (energy, site, 2 orb, site, 2 orb)
        In 1/angstrom, spin up first, on-site blocks included.
    spin_orbit : bool
        Whether the run had spin-orbit coupling.
    double : bool
        Whether the numbers were stored in double precision.
    """

    contour: Contour
    green: np.ndarray
    spin_orbit: bool
    double: bool


class _Header(NamedTuple):
    energies: int
    spins: int
    sites: int
    orbitals: int
    spin_orbit: bool

    @property
    def size(self) -> int:
        """Rows of one matrix."""
        return self.sites * self.orbitals

    @property
    def records(self) -> int:
        return 1 + self.energies * (1 if self.spin_orbit else self.spins)


def read_green(file: str | Path) -> GreenFile:
    """Read `kkrflex_green`, of single or double precision, with or without spin-orbit coupling.

    Parameters
    ----------
    file : path
        Direct-access file without record markers, little endian.

    Returns
    -------
    GreenFile

    Raises
    ------
    FileFormatError
        If the file is foreign, truncated or too long.

    Notes
    -----
    The precision is told from the size of the file. A cluster of one atom is always written in
    single precision, whatever the length of the records.

    The weights of JuKKR contain the Fermi function and -2/pi: int dE f F = -(pi/2) sum wez F.
    The error estimate is that of `msgreen.io.jukkr.energies.run_contour`.
    """
    path = _checks.path("file", file)
    data = read_bytes(path)
    header = _read_header(path, data)
    length = _record_length(path, data, header)
    double = length == 16 * header.size**2
    number = np.dtype("<c16" if double and header.sites > 1 else "<c8")
    matrices = [
        np.frombuffer(data, number, header.size**2, offset=n * length)
        for n in range(1, header.records)
    ]
    stored = np.stack(matrices).astype(complex).reshape(-1, header.size, header.size)
    if not np.all(np.isfinite(stored)):
        bad = int(np.argmax(~np.isfinite(stored).all(axis=(1, 2))))
        raise FileFormatError(
            f"{path}, record {bad + 2}: must hold finite numbers, but it holds NaN or infinity. "
            "Copy the file again, or check the run."
        )
    # The first index is the fastest in the file.
    stored = stored.transpose(0, 2, 1)
    shape = (-1, header.sites, header.orbitals, header.sites, header.orbitals)
    blocks = np.swapaxes(stored.reshape(shape), 2, 3)
    if header.spin_orbit:
        green = up_first(blocks)
    else:
        spins = blocks.reshape(header.spins, header.energies, *blocks.shape[1:])
        green = block_diagonal(up=spins[-1], down=spins[0])
    numbers = np.frombuffer(data, "<c16", 2 * header.energies, offset=4 * _INTEGERS)
    energies, weights = numbers.reshape(2, -1)
    contour = run_contour(RYDBERG * energies, -np.pi / 2 * RYDBERG * weights)
    in_order = np.ascontiguousarray(np.swapaxes(green, 2, 3)) / BOHR
    return GreenFile(contour, in_order, header.spin_orbit, number.itemsize == 16)


def _read_header(path: Path, data: bytes) -> _Header:
    if len(data) < 4 * _INTEGERS:
        raise FileFormatError(
            f"{path}, record 1: must hold {_INTEGERS} integers and the energies, but the file has "
            f"{len(data)} bytes. Copy the file again: it is truncated."
        )
    energies, spins, sites, again, orbitals, spin_orbit = (
        int(n) for n in np.frombuffer(data, "<i4", _INTEGERS)
    )
    degree = math.isqrt(max(orbitals, 0) // (1 + max(spin_orbit, 0))) - 1
    plausible = (
        0 < energies < 10**5
        and spins in (1, 2)
        and 0 < sites == again
        and spin_orbit in (0, 1)
        and orbitals > 0
        and orbitals == (1 + spin_orbit) * (degree + 1) ** 2
    )
    if not plausible:
        raise FileFormatError(
            f"{path}, record 1: must begin with the numbers of energies, spins (1 or 2), sites "
            "(twice), orbitals ((lmax+1)^2, twice that with spin-orbit coupling) and 0 or 1, but "
            f"it begins with {energies}, {spins}, {sites}, {again}, {orbitals}, {spin_orbit}. "
            "Give a little-endian kkrflex_green."
        )
    return _Header(energies, spins, sites, orbitals, bool(spin_orbit))


def _record_length(path: Path, data: bytes, header: _Header) -> int:
    lengths = {name: n * header.size**2 for name, n in (("double", 16), ("single", 8))}
    for length in lengths.values():
        if len(data) == header.records * length and length >= 24 + 32 * header.energies:
            return length
    expected = " or ".join(f"{header.records * n} ({name})" for name, n in lengths.items())
    found = " or ".join(f"{len(data) / n:.4g} ({name})" for name, n in lengths.items())
    raise FileFormatError(
        f"{path}: must have {header.records} records, {expected} bytes, for "
        f"{header.energies} energies, {header.sites} sites and {header.orbitals} orbitals, but it "
        f"has {len(data)} bytes, {found} records. Copy the file again: it is truncated, or of "
        "another run."
    )
