"""Spin textures as OVF 2.0 files, which OOMMF, mumax and their viewers read."""

from pathlib import Path

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Float, Vectors
from msgreen.errors import InputError
from msgreen.io.atomic import replacing


def write_ovf(
    path: str | Path,
    positions: Float[ArrayLike, "site dim"],
    directions: Vectors,
    *,
    title: str = "spins",
) -> None:
    """Write directions at positions as an irregular mesh, in text.

    Parameters
    ----------
    path : str or Path
    positions : real array, shape (site, 1 to 3)
        In angstrom; the file says metres.
    directions : real array, shape (site, 3)
    title : str

    Raises
    ------
    InputError
        If shapes do not fit, or the file cannot be written.

    References
    ----------
    OOMMF User's Guide, OVF 2.0 format (NIST).
    """
    _checks.finite("positions", positions)
    _checks.finite("directions", directions)
    points, spins = np.asarray(positions, float), np.asarray(directions, float)
    if points.ndim != 2 or not 1 <= points.shape[1] <= 3:
        raise InputError(
            "Argument `positions` must have shape (site, 1 to 3), but its shape is "
            f"{points.shape}. Give one row per spin."
        )
    _checks.shaped("directions", spins, (len(points), 3))
    points = np.pad(points, ((0, 0), (0, 3 - points.shape[1]))) * 1e-10
    low, high = points.min(axis=0), points.max(axis=0)
    spread = np.linalg.norm(high - low) / max(len(points), 2) ** (1 / 3)
    step = spread if spread > 0 else 1e-10
    header = [
        "# OOMMF OVF 2.0",
        "# Segment count: 1",
        "# Begin: Segment",
        "# Begin: Header",
        f"# Title: {' '.join(title.split())}",
        "# meshtype: irregular",
        "# meshunit: m",
        *(f"# {a}min: {x - step / 2:.12e}" for a, x in zip("xyz", low, strict=True)),
        *(f"# {a}max: {x + step / 2:.12e}" for a, x in zip("xyz", high, strict=True)),
        f"# pointcount: {len(points)}",
        "# valuedim: 3",
        "# valuelabels: S_x S_y S_z",
        "# valueunits: 1 1 1",
        "# End: Header",
        "# Begin: Data Text",
    ]
    rows = [" ".join(f"{x:.12e}" for x in row) for row in np.hstack([points, spins])]
    with replacing(path) as part:
        ending = ["# End: Data Text", "# End: Segment", ""]
        part.write_text("\n".join([*header, *rows, *ending]), encoding="utf-8")
