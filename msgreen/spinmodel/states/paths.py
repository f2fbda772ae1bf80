"""Wave vectors along lines: between corners of one's own, or of the standard path of a crystal."""

import warnings
from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Float
from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.symmetry.operations import in_three_dimensions

_GREEK = {"GAMMA": "Γ", "DELTA": "Δ", "LAMBDA": "Λ", "SIGMA": "Σ"}


class Path(NamedTuple):
    """Wave vectors along straight lines.

    Attributes
    ----------
    k : real array, shape (k, dim)
        In units of the reciprocal lattice vectors.
    distance : real array, shape (k,)
        Along the path, in 1/angstrom.
    ticks : real array, shape (corner,)
        Distances of the corners.
    labels : tuple of str
        Their names, where known; "U|K" where the path jumps from U to K, which have the same
        distance.
    """

    k: np.ndarray
    distance: np.ndarray
    ticks: np.ndarray
    labels: tuple[str, ...] = ()


def wave_vector_path(
    lattice: Lattice, corners: Float[ArrayLike, "corner dim"], count: int = 50
) -> Path:
    """Return wave vectors along straight lines between corners, for `spin_waves`.

    Parameters
    ----------
    lattice : Lattice
    corners : real array, shape (corner, dim)
        In units of the reciprocal lattice vectors.
    count : int
        Number of steps from corner to corner.
    """
    _checks.count("count", count)
    _checks.finite("corners", corners)
    corners = np.asarray(corners, float)
    if corners.ndim != 2 or corners.shape[1] != lattice.dimension or len(corners) < 2:
        raise InputError(
            f"Argument `corners` must have shape (corner, {lattice.dimension}) with two corners or "
            f"more, but its shape is {corners.shape}. Give one row per corner."
        )
    fraction = np.arange(count)[:, None] / count
    lines = [a + fraction * (b - a) for a, b in zip(corners[:-1], corners[1:], strict=True)]
    k = np.concatenate([*lines, corners[-1:]])
    steps = np.diff(k, axis=0) @ (2 * np.pi * np.linalg.pinv(lattice.vectors).T)
    distance = np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps, axis=1))])
    return Path(k, distance, distance[::count])


def standard_path(model: SpinModel, count: int = 200) -> Path:
    """Return the standard path of the Brillouin zone of a lattice, as seekpath names it.

    Parameters
    ----------
    model : SpinModel
        Of a lattice; without symbols all sites are equal. Directions in which nothing interacts
        are left out.
    count : int
        Steps of the whole path; every line has at least two.

    Raises
    ------
    InputError
        If the model is finite.

    References
    ----------
    Hinuma et al., Comput. Mater. Sci. 128, 140 (2017).
    """
    _checks.whole_number("count", count, 1, 1_000_000)
    if model.lattice is None:
        raise InputError(
            "Argument `model` must be periodic, but it is a finite cluster. Give it a lattice."
        )
    lattice, reach = model.lattice, _reach(model)
    if np.count_nonzero(reach) < 2:
        direction = int(np.argmax(reach))
        ends = np.eye(lattice.dimension)[direction] * [[0.0], [0.5]]
        return _joined(lattice, [(("Γ", "X"), ends)], count)
    vectors, places = in_three_dimensions(lattice)
    _, numbers = np.unique(model.symbols or [""] * lattice.atoms, return_inverse=True)
    points, lines = _seek(vectors, places @ np.linalg.inv(vectors), numbers)
    coupled = np.pad(reach > 0, (0, 3 - lattice.dimension))
    kept = []
    for names in lines:
        ends = np.array([points[name] for name in names])
        if not np.any(ends[:, ~coupled]):
            kept.append((tuple(map(_name, names)), ends[:, : lattice.dimension]))
    return _joined(lattice, kept, count)


def _reach(model: SpinModel) -> np.ndarray:
    """Return the largest distance of cells along every lattice vector, int (dim,)."""
    spans = [np.ptp(term.clusters.cells, axis=1) for term in model.terms]
    return np.concatenate([np.zeros((1, model.dimension), int), *spans]).max(axis=0)


def _seek(vectors, fractions, numbers):
    """Return the corners in units of the reciprocal lattice vectors, and the lines by name."""
    # Imported where it is used: it takes a third of a second.
    import seekpath

    with warnings.catch_warnings():
        # spglib announces its new error handling, seekpath that a cell is not primitive.
        warnings.simplefilter("ignore")
        found = seekpath.get_path_orig_cell((vectors, fractions, numbers))
    return found["point_coords"], found["path"]


def _name(name: str) -> str:
    first, *rest = name.split("_")
    return "_".join([_GREEK.get(first, first), *rest])


def _joined(lattice: Lattice, lines, count: int) -> Path:
    """Put lines one behind the other; where the next starts elsewhere, no distance is added."""
    reciprocal = 2 * np.pi * np.linalg.pinv(lattice.vectors).T
    lengths = np.array([np.linalg.norm((ends[1] - ends[0]) @ reciprocal) for _, ends in lines])
    steps = np.maximum(2, np.round(count * lengths / lengths.sum())).astype(int)
    k, distance, labels, ticks = [], [], [""], [0.0]
    for (names, ends), length, step in zip(lines, lengths, steps, strict=True):
        goes_on = labels[-1] == names[0]
        if not goes_on:
            labels[-1] = "|".join([name for name in (labels[-1], names[0]) if name])
        fraction = np.arange(goes_on, step + 1) / step
        k.append(ends[0] + fraction[:, None] * (ends[1] - ends[0]))
        distance.append(ticks[-1] + fraction * length)
        labels.append(names[1])
        ticks.append(ticks[-1] + length)
    return Path(np.concatenate(k), np.concatenate(distance), np.array(ticks), tuple(labels))
