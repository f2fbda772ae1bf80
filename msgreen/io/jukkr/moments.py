"""Directions of the moments: as a run names them, and as its matrices tell."""

from pathlib import Path

import numpy as np

from msgreen._typing import Complex, Float
from msgreen.errors import FileFormatError
from msgreen.io.jukkr.structure import read_angles
from msgreen.spin.algebra import SIGMA

_POLARISED = 0.05
"""Spin part of a matrix, relative, below which an atom has no axis: 0.3 (t), 0.24 (G) in iron."""

_TOLERANCE = np.radians(3)
"""Spin-orbit coupling turns Tr(sigma t) of iron by 1e-4 degrees at most, for all directions known.

3 degrees leave room for heavier atoms; angles that are wrong are mostly so by much more.
"""


def moment_axes(
    matrices: Complex[np.ndarray, "energy site spinorb spinorb"],
) -> tuple[Float[np.ndarray, "site 3"], Float[np.ndarray, " site"]]:
    """Return the axis of the spin part of matrices in the global spin frame, up to its sign.

    Parameters
    ----------
    matrices : complex array, shape (energy, site, 2 orb, 2 orb)
        t-matrices, or blocks G_ii of the Green function; spin up first.

    Returns
    -------
    axes : real array, shape (site, 3)
        The direction n with the largest sum over energies of abs(n . Tr sigma t)^2.
    share : real array, shape (site,)
        Size of Tr sigma t relative to that of t.
    """
    energies, sites, size, _ = matrices.shape
    blocks = matrices.reshape(energies, sites, 2, size // 2, 2, size // 2)
    vectors = np.einsum("kts,eisata->iek", np.asarray(SIGMA), blocks)
    _, lengths, axes = np.linalg.svd(np.concatenate([vectors.real, vectors.imag], axis=1))
    whole = size * np.sum(np.abs(matrices) ** 2, axis=(0, 2, 3))
    return axes[:, 0], lengths[:, 0] / np.sqrt(whole)


def read_moment(
    folder: Path, matrices: Complex[np.ndarray, "energy site size size"] | None
) -> Float[np.ndarray, "3"]:
    """Return the common direction of the moments of a run, from `nonco_angle.dat` or z.

    Parameters
    ----------
    folder : path
    matrices : complex array, shape (energy, site, 2 orb, 2 orb), optional
        With spin-orbit coupling, those of the run that must agree with the direction. Its sign
        they do not tell.

    Raises
    ------
    FileFormatError
        If the moments have no common direction, or the matrices say another.
    """
    file = folder / "nonco_angle.dat"
    named = file.is_file()
    moment = np.array([0.0, 0.0, 1.0])
    if named:
        moments = read_angles(file)
        if np.abs(moments - moments[0]).max() > 1e-9:
            raise FileFormatError(
                f"{file}: must put all moments along one direction, but they differ. Use a "
                "collinear run for every direction."
            )
        moment = moments[0]
    if matrices is None:
        return moment
    axes, share = moment_axes(matrices)
    off = np.where(share > _POLARISED, np.linalg.norm(np.cross(axes, moment), axis=1), 0.0)
    if off.max() > np.sin(_TOLERANCE):
        atom = int(off.argmax())
        axis = " ".join(f"{x:.3f}" for x in axes[atom])
        seen = (
            f"the matrices of the run have that of atom {atom + 1} along ({axis}) or its opposite"
        )
        if not named:
            raise FileFormatError(
                f"{folder}: must hold nonco_angle.dat unless the moments lie along z, but {seen}. "
                "Copy nonco_angle.dat from the run."
            )
        raise FileFormatError(
            f"{file}: must name the direction of the moments, but {seen}. Take all files from one "
            "run."
        )
    return moment
