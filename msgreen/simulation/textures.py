"""Textures to begin from: skyrmions and domain walls in a box of a lattice."""

from collections.abc import Sequence

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Float
from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spinmodel import SpinModel

_TURNS = 100
"""Of the spins around a skyrmion: more than any box can show."""


def skyrmion(
    model: SpinModel,
    shape: Sequence[int],
    *,
    radius: float,
    width: float | None = None,
    winding: int = 1,
    helicity: float = 0.0,
    core: int = -1,
    centre: Float[ArrayLike, "2"] | None = None,
) -> Float[np.ndarray, "*box site 3"]:
    """Return one skyrmion in a ferromagnet along z.

    Parameters
    ----------
    model : SpinModel
        Of a lattice of two dimensions.
    shape : sequence of int
        Number of cells along both lattice vectors.
    radius : float
        Where the spins lie in the plane, in angstrom.
    width : float, optional
        Of the wall around the core, in angstrom; by default a third of the radius.
    winding : int
        Turns of the in-plane components around the core: 1, or -1 for an antiskyrmion.
    helicity : float
        Angle in radians from the outward direction: 0 and pi for Neel, +-pi/2 for Bloch skyrmions.
    core : {-1, 1}
        z component in the middle; outside it is the opposite. The topological charge is
        core * winding.
    centre : real array, shape (2,), optional
        In angstrom; by default the middle of the box.

    Returns
    -------
    real array, shape (*box, site, 3)
        Unit vectors; relax them.

    Notes
    -----
    The angle to the plane's normal is that of two walls, theta(r) = 2 arctan[sinh(R/w)/sinh(r/w)].
    """
    _, points = _points(model, shape, 2)
    _checks.positive_number("radius", radius, "angstrom")
    width = radius / 3 if width is None else width
    _checks.positive_number("width", width, "angstrom")
    _checks.whole_number("winding", winding, -_TURNS, _TURNS)
    _checks.number("helicity", helicity)
    _checks.whole_number("core", core, -1, 1)
    if core == 0:
        raise InputError("Argument `core` must be -1 or 1, but it is 0. Choose one of them.")
    if centre is not None:
        _checks.finite_array("centre", centre, (2,))
    middle = points.reshape(-1, 2).mean(axis=0) if centre is None else np.asarray(centre, float)
    x, y = np.moveaxis(points - middle, -1, 0)
    distance = np.hypot(x, y)
    # sinh(R/w)/sinh(r/w), in a form that does not overflow.
    polar = 2 * np.arctan2(
        np.exp((radius - distance) / width) * -np.expm1(-2 * radius / width),
        -np.expm1(-2 * distance / width),
    )
    azimuth = winding * np.arctan2(y, x) + helicity
    # At infinity polar = 0, in the middle pi.
    sin, cos = np.sin(polar), np.cos(polar)
    return np.stack([sin * np.cos(azimuth), sin * np.sin(azimuth), -core * cos], axis=-1)


def domain_wall(
    model: SpinModel,
    shape: Sequence[int],
    *,
    width: float,
    along: int = 0,
    helicity: float = 0.0,
) -> Float[np.ndarray, "*box site 3"]:
    """Return two walls in a box: spins along -z in its middle half, along z outside.

    Parameters
    ----------
    model : SpinModel
        Of a lattice of two or three dimensions.
    shape : sequence of int
        Number of cells along every lattice vector.
    width : float
        In angstrom: cos(theta) = tanh(x/width).
    along : int
        Number of the lattice vector across the walls.
    helicity : float
        Angle in radians of the spins in the middle of a wall, from x.

    Returns
    -------
    real array, shape (*box, site, 3)
        Unit vectors; relax them. A box closed periodically needs two walls.
    """
    lattice, points = _points(model, shape, 2, 3)
    _checks.positive_number("width", width, "angstrom")
    _checks.whole_number("along", along, 0, len(shape) - 1)
    _checks.number("helicity", helicity)
    reciprocal = np.linalg.pinv(lattice.vectors)[:, along]
    normal = reciprocal / np.linalg.norm(reciprocal)
    length = shape[along] * lattice.vectors[along] @ normal
    x = points @ normal % length
    up = 1 - np.tanh((x - length / 4) / width) + np.tanh((x - 3 * length / 4) / width)
    up = np.clip(up, -1, 1)
    side = np.sqrt(1 - up**2)
    return np.stack([side * np.cos(helicity), side * np.sin(helicity), up], axis=-1)


def _points(model: SpinModel, shape: Sequence[int], *dimensions: int) -> tuple[Lattice, np.ndarray]:
    """Return the lattice and the positions of all sites of a box, (*box, site, dim)."""
    if model.lattice is None or model.dimension not in dimensions:
        words = " or ".join(map(str, dimensions))
        raise InputError(
            f"Argument `model` must be of a lattice of {words} dimensions, but it has "
            f"{model.dimension}. Textures live on lattices."
        )
    _checks.box("shape", shape, model.dimension)
    return model.lattice, model.lattice.box_positions(shape)
