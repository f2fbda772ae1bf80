"""A folder of kkrflex files as a host with its scatterers."""

import zipfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen.contour import Contour
from msgreen.errors import FileFormatError, InputError
from msgreen.hosts.kkr import KKRHost
from msgreen.io.jukkr.green import GreenFile, read_green
from msgreen.io.jukkr.moments import read_moment
from msgreen.io.jukkr.structure import AtomInfo, read_atominfo, read_lattice_constant
from msgreen.io.jukkr.tmat import TMatrixFile, read_tmat
from msgreen.scattering.interpolation import Interpolation, interpolated_tmatrix
from msgreen.scattering.tmatrix import TMatrix, collinear_tmatrix, linear_tmatrix
from msgreen.spin.harmonics import time_reversed

EXAMPLES = ("fe2_nosoc", "fe2_soc", "fe2_soc_y")
"""Names of the example folders that come with msgreen; see `example`."""

FILES = ("kkrflex_green", "kkrflex_tmat", "kkrflex_atominfo")
"""Files without which a folder is no run."""


class Run(NamedTuple):
    """A cluster of atoms from a JuKKR run, ready for everything that takes a host.

    Attributes
    ----------
    host : KKRHost
    scatterer : TMatrix
        Single-site t-matrices about the moments of the run.
    atoms : AtomInfo
        Positions in units of the lattice constant.
    lattice_constant : float or None
        In angstrom; None if neither given nor named by an `inputcard` in the folder.
    interpolation : Interpolation or None
        Between the directions of the moments, and how well every direction is predicted by the
        others; None without spin-orbit coupling, where t(e) is exact, and with a given derivative.
    spin_orbit : bool
        Whether the run had spin-orbit coupling.
    """

    host: KKRHost
    scatterer: TMatrix
    atoms: AtomInfo
    lattice_constant: float | None
    interpolation: Interpolation | None
    spin_orbit: bool = False

    @property
    def interpolation_error(self) -> np.ndarray | None:
        """Error of every direction as the others predict it, shape (direction, site), or None."""
        return None if self.interpolation is None else self.interpolation.error

    @property
    def contour(self) -> Contour:
        """The energies and weights of the run."""
        return self.host.path

    @property
    def sites(self) -> np.ndarray:
        """All atoms, as the host names them."""
        return self.host.sites

    @property
    def reference(self) -> np.ndarray:
        """Directions of the moments that the host contains, shape (site, 3)."""
        return np.asarray(self.scatterer.reference)

    @property
    def positions(self) -> np.ndarray | None:
        """Positions in angstrom, shape (site, 3), if the lattice constant is known."""
        if self.lattice_constant is None:
            return None
        return self.lattice_constant * self.atoms.positions


def read_folder(
    folder: str | Path,
    *,
    lattice_constant: float | None = None,
    degree: int | None = None,
    operations: Sequence[np.ndarray] | None = None,
    derivative: Sequence[str | Path] | None = None,
) -> Run:
    """Read the kkrflex files of a folder.

    Parameters
    ----------
    folder : path
        With `kkrflex_green`, `kkrflex_tmat` and `kkrflex_atominfo`; with `nonco_angle.dat` unless
        the moments lie along z; optionally with the `inputcard`, for the lattice constant. With
        spin-orbit coupling every sub-folder that holds a `kkrflex_tmat` and a `nonco_angle.dat`
        adds a direction of the moments.
    lattice_constant : float, optional
        In angstrom.
    degree, operations : optional
        Of the interpolation between directions with spin-orbit coupling; see
        `msgreen.scattering.interpolation.interpolated_tmatrix`.
    derivative : sequence of three paths, optional
        Files of the layout of `kkrflex_tmat` with dt/de_x, dt/de_y and dt/de_z at the moments of
        the run in place of t, e being the direction of the moment, global spin frame. No other
        directions are then needed or read. The component along the moment is not used: reversal
        of time gives it. Beyond the derivative t(e) is taken as linear.

    Returns
    -------
    Run

    Raises
    ------
    FileFormatError
        If a file is wrong, or if files do not belong together.
    InputError
        If the folder lacks a file, or directions of the moments.
    """
    folder = _checks.path("folder", folder)
    check_folder(folder, *FILES)
    green, t = read_green(folder / "kkrflex_green"), read_tmat(folder / "kkrflex_tmat")
    atoms = read_atominfo(folder / "kkrflex_atominfo")
    _check_match(folder, green, t, atoms)
    card = folder / "inputcard"
    if lattice_constant is None and card.is_file():
        lattice_constant = read_lattice_constant(card)
    along = read_moment(folder, t.t if green.spin_orbit else None)
    reference = np.tile(along, (green.green.shape[1], 1))
    host = KKRHost(green.green, green.contour)
    if not green.spin_orbit:
        if derivative is not None:
            raise InputError(
                "Argument `derivative` must go with spin-orbit coupling, but the run has none, and "
                "its t-matrices turn with the spin exactly. Remove `derivative`."
            )
        scatterer = collinear_tmatrix(green.contour.nodes, t.up, t.down, reference)
        return Run(host, scatterer, atoms, lattice_constant, None)
    if derivative is not None:
        slope = _slope(derivative, t, along)
        scatterer = linear_tmatrix(green.contour.nodes, slope, reference)
        return Run(host, scatterer, atoms, lattice_constant, None, True)
    others = []
    for sub in _directions(folder):
        other = _matching_tmat(sub / "kkrflex_tmat", t)
        others.append((read_moment(sub, other.t), other))
    found = interpolated_tmatrix(
        green.contour.nodes,
        np.stack([along, *(e for e, _ in others)]),
        np.stack([t.t, *(other.t for _, other in others)]),
        reference,
        degree=degree,
        operations=operations,
    )
    return Run(host, found.tmatrix, atoms, lattice_constant, found, True)


def read_host(folder: str | Path) -> tuple[KKRHost, np.ndarray]:
    """Read the Green function of a folder alone.

    Parameters
    ----------
    folder : path
        With `kkrflex_green`, and `nonco_angle.dat` unless the moments lie along z.

    Returns
    -------
    host : KKRHost
    moment : real array, shape (3,)
        Unit vector along the moments.

    Raises
    ------
    FileFormatError
        If a file is wrong.
    InputError
        If the folder lacks the Green function.
    """
    folder = _checks.path("folder", folder)
    check_folder(folder, "kkrflex_green")
    green = read_green(folder / "kkrflex_green")
    onsite = None
    if green.spin_orbit:
        # The surroundings of a site are polarised along their moments.
        onsite = np.moveaxis(np.diagonal(green.green, axis1=1, axis2=3), -1, 1)
    return KKRHost(green.green, green.contour), read_moment(folder, onsite)


def check_folder(folder: str | Path, *names: str) -> None:
    """Raise InputError unless a folder holds files of all these names."""
    for name in names:
        if not (_checks.path("folder", folder) / name).is_file():
            raise InputError(
                f"Argument `folder` must hold {name}, but {folder} does not. Run JuKKR with the "
                "option KKRFLEX and copy its kkrflex_* files there."
            )


def example(name: str, folder: str | Path) -> Path:
    """Unpack an example run that comes with msgreen.

    Parameters
    ----------
    name : {"fe2_nosoc", "fe2_soc", "fe2_soc_y"}
        A bilayer of iron, bcc(001), without and with spin-orbit coupling: five atoms, four of
        one layer in a square and the apex above it. Moments along z, in the last along y; of
        that there is the Green function only.
    folder : path
        Where to put it.

    Returns
    -------
    path
        The folder of the run, `folder` / `name`.

    References
    ----------
    Made with JuKKR (MIT licence), https://jukkr.fz-juelich.de.
    """
    if name not in EXAMPLES:
        raise InputError(
            f"Argument `name` must be one of {', '.join(EXAMPLES)}, but it is {name!r}."
        )
    packed = files("msgreen.io.jukkr") / "data" / f"{name}.zip"
    with packed.open("rb") as stream, zipfile.ZipFile(stream) as archive:
        archive.extractall(folder)
    return Path(folder) / name


def _directions(folder: Path) -> list[Path]:
    """Sub-folders of runs with other directions of the moments."""
    return sorted(
        sub
        for sub in folder.iterdir()
        if (sub / "kkrflex_tmat").is_file() and (sub / "nonco_angle.dat").is_file()
    )


def _slope(files: Sequence[str | Path], t: TMatrixFile, along: np.ndarray) -> np.ndarray:
    """Return dt/de, shape (energy, site, 3, n, n): across the moment of files, along it of t."""
    if len(files) != 3:
        raise InputError(
            "Argument `derivative` must name three files, of the components x, y and z, but it "
            f"names {len(files)}."
        )
    given = np.stack([_matching_tmat(Path(file), t).t for file in files], axis=2)
    odd = (t.t - time_reversed(t.t)) / 2
    across = np.eye(3) - np.outer(along, along)
    known = np.einsum("kl,eilst->eikst", across, given)
    return known + along[:, None, None] * odd[:, :, None]


def _check_match(folder: Path, green: GreenFile, t: TMatrixFile, atoms: AtomInfo) -> None:
    energies, sites, size = green.green.shape[:3]
    if t.t.shape != (energies, sites, size, size) or t.spin_orbit != green.spin_orbit:
        raise FileFormatError(
            f"{folder / 'kkrflex_tmat'}: must hold {energies} energies, {sites} sites and "
            f"{size // 2} orbitals {'with' if green.spin_orbit else 'without'} spin-orbit "
            f"coupling like kkrflex_green, but it holds {t.t.shape[0]}, {t.t.shape[1]} and "
            f"{t.t.shape[2] // 2} {'with' if t.spin_orbit else 'without'}. Take both files from "
            "one run."
        )
    if len(atoms.positions) != sites:
        raise FileFormatError(
            f"{folder / 'kkrflex_atominfo'}: must hold {sites} atoms like kkrflex_green, but it "
            f"holds {len(atoms.positions)}. Take both files from one run."
        )


def _matching_tmat(file: Path, reference: TMatrixFile) -> TMatrixFile:
    found = read_tmat(file)
    if found.t.shape != reference.t.shape or found.spin_orbit != reference.spin_orbit:
        raise FileFormatError(
            f"{file}: must hold matrices of shape {reference.t.shape} with spin-orbit coupling "
            f"like the t-matrices of the run, but their shape is {found.t.shape}. Take them from "
            "the same input, with other moments or differentiated."
        )
    return found
