"""Point groups: orthogonal matrices by Schoenflies name, or generated from given operations."""

import re
from fractions import Fraction

import numpy as np
from scipy.spatial.transform import Rotation

from msgreen import _checks
from msgreen._typing import ArrayLike, Float
from msgreen.errors import InputError

_SAME = 1e-6  # of matrix entries; operations of a group of up to 120 differ by 0.05
_LARGEST = 120  # operations of the largest point group that is not about one axis, Ih
_X, _Z, _DIAGONAL = np.eye(3)[0], np.eye(3)[2], np.ones(3)
_FIVEFOLD = np.array([0.0, 1.0, (1 + np.sqrt(5)) / 2])


def turn(axis: Float[ArrayLike, "3"], angle: float) -> np.ndarray:
    """Return the rotation by an angle (rad, anticlockwise) about an axis, shape (3, 3)."""
    axis = np.asarray(axis, float)
    return Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix()


def mirror(normal: Float[ArrayLike, "3"]) -> np.ndarray:
    """Return the reflection in the plane with the given normal, shape (3, 3)."""
    return -turn(normal, np.pi)


def point_group(
    name: str,
    axis: Float[ArrayLike, "3"] = (0.0, 0.0, 1.0),
    second: Float[ArrayLike, "3"] = (1.0, 0.0, 0.0),
) -> np.ndarray:
    """Return the operations of a point group.

    Parameters
    ----------
    name : str
        Schoenflies symbol: C1, Ci, Cs, Cn, Cnv, Cnh, Sn (n even), Dn, Dnh, Dnd, T, Td, Th, O, Oh,
        I or Ih, with any number n.
    axis : array_like, shape (3,)
        Main axis; the normal of the mirror plane of Cs; a fourfold (twofold) axis of the cubic
        (icosahedral) groups.
    second : array_like, shape (3,)
        A direction perpendicular to the axis: the normal of a vertical mirror plane of Cnv, Dnh
        and Dnd, a twofold axis of Dn.

    Returns
    -------
    real array, shape (op, 3, 3)
        Matrices that act on positions; the identity comes first.

    Raises
    ------
    InputError
        If the name is unknown or the two directions are not perpendicular.

    Examples
    --------
    >>> len(point_group("C3v")), len(point_group("Oh"))
    (6, 48)
    """
    if not isinstance(name, str):
        raise InputError(
            f"Argument `name` must be a Schoenflies symbol like C3v, but it is {name!r}. Give text."
        )
    _checks.finite("axis", axis)
    _checks.finite("second", second)
    axis, second = (np.asarray(v, float) for v in (axis, second))
    for label, vector in {"axis": axis, "second": second}.items():
        if vector.shape != (3,) or not np.any(vector):
            raise InputError(
                f"Argument `{label}` must be a vector of 3 components, not all zero, but it is "
                f"{vector.tolist()}. Give a direction."
            )
    axis, second = axis / np.linalg.norm(axis), second / np.linalg.norm(second)
    if abs(axis @ second) > _SAME:
        raise InputError(
            f"Argument `second` must be perpendicular to `axis`, but it is {second.tolist()} and "
            f"the axis {axis.tolist()}. Give a vertical mirror's normal or a twofold axis."
        )
    frame = np.stack([second, np.cross(axis, second), axis], axis=1)
    generators = [frame @ g @ frame.T for g in _generators(name)]
    return generate_group(np.array(generators).reshape(-1, 3, 3))


def _generators(name: str) -> list[np.ndarray]:
    """Return generators in the frame where the axis is z and the second direction x."""
    inversion, threefold = -np.eye(3), turn(_DIAGONAL, 2 * np.pi / 3)
    tetrahedral, octahedral = [turn(_Z, np.pi), threefold], [turn(_Z, np.pi / 2), threefold]
    icosahedral = [*tetrahedral, turn(_FIVEFOLD, 2 * np.pi / 5)]
    named = {
        "C1": [],
        "Ci": [inversion],
        "Cs": [mirror(_Z)],
        "T": tetrahedral,
        "Td": [mirror(_Z) @ turn(_Z, np.pi / 2), threefold],
        "Th": [*tetrahedral, inversion],
        "O": octahedral,
        "Oh": [*octahedral, inversion],
        "I": icosahedral,
        "Ih": [*icosahedral, inversion],
    }
    if name in named:
        return named[name]
    found = re.fullmatch(r"(C|D|S)([1-9]\d*)(v|h|d)?", name)
    family, number, kind = found.groups() if found else ("", "1", None)
    n = int(number)
    main = turn(_Z, 2 * np.pi / n)
    axial = {
        "C": [main],
        "Cv": [main, mirror(_X)],
        "Ch": [main, mirror(_Z)],
        "D": [main, turn(_X, np.pi)],
        "Dh": [main, mirror(_X), mirror(_Z)],
        "Dd": [mirror(_Z) @ turn(_Z, np.pi / n), mirror(_X)],
    }
    if family == "S" and n % 2 == 0 and kind is None:
        return [mirror(_Z) @ main]
    if family + (kind or "") not in axial:
        raise InputError(
            "Argument `name` must be a Schoenflies symbol like C3v, D4h, S4 or Td, but it is "
            f"{name!r}. Choose one of the 32, or of the families of any order."
        )
    return axial[family + (kind or "")]


def generate_group(operations: Float[ArrayLike, "operation 3 3"]) -> np.ndarray:
    """Return the smallest group that holds the given operations.

    Parameters
    ----------
    operations : array_like, shape (op, 3, 3)
        Orthogonal matrices.

    Returns
    -------
    real array, shape (op, 3, 3)
        The identity, the other proper rotations, then reflections and all else.

    Raises
    ------
    InputError
        If a matrix is not orthogonal, or if the products do not close into a small group.
    """
    _checks.finite_array("operations", operations, ("op", 3, 3))
    given = np.asarray(operations, float)
    skew = np.abs(given @ given.swapaxes(1, 2) - np.eye(3)).max(axis=(1, 2), initial=0)
    if np.any(skew > _SAME):
        raise InputError(
            "Argument `operations` must hold orthogonal matrices, but matrix "
            f"{int(skew.argmax())} is not: R R^T differs from 1 by {skew.max():.1e}. "
            "Write more digits."
        )
    group = np.eye(3)[None]
    new = given
    while len(new):
        group = np.concatenate([group, _without_repetition(new, group)])
        if len(group) > _LARGEST:
            raise InputError(
                "Argument `operations` must generate a finite point group, but their products do "
                f"not close within {_LARGEST} operations. Check the axes and angles."
            )
        new = _without_repetition((group[:, None] @ given[None]).reshape(-1, 3, 3), group)
    group = np.where(np.abs(group) < 1e-14, 0.0, group)
    return group[np.argsort(-np.linalg.det(group).round(), kind="stable")]


def _without_repetition(matrices: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the matrices that are not known, each once."""
    kept: list[np.ndarray] = []
    for matrix in matrices:
        others = np.concatenate([known, *(k[None] for k in kept)])
        if np.abs(others - matrix).max(axis=(1, 2)).min() > _SAME:
            kept.append(matrix)
            if len(kept) > _LARGEST:
                break
    return np.array(kept).reshape(-1, 3, 3)


def operation_name(matrix: Float[ArrayLike, "3 3"]) -> str:
    """Return an orthogonal matrix in words.

    Examples
    --------
    >>> [operation_name(m) for m in point_group("C2h")]  # doctest: +NORMALIZE_WHITESPACE
    ['identity', 'C2 about [0 0 1]', 'mirror normal to [0 0 1]', 'inversion']
    """
    _checks.finite_array("matrix", matrix, (3, 3))
    matrix = np.asarray(matrix, float)
    proper = np.linalg.det(matrix) > 0
    rotation = matrix if proper else -matrix
    angle = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))
    if angle < _SAME:
        return "identity" if proper else "inversion"
    axis = _axis(rotation, angle)
    # -R(a, t) is the reflection in the plane normal to a after the rotation about -a by pi - t.
    axis = (1 if proper or angle > np.pi - _SAME else -1) * axis / np.abs(axis).max()
    words = "[" + " ".join(f"{component:.4g}" for component in axis + 0.0) + "]"
    if not proper and angle > np.pi - _SAME:
        return f"mirror normal to {words}"
    turns = Fraction((angle if proper else np.pi - angle) / (2 * np.pi)).limit_denominator(60)
    power = f"^{turns.numerator}" if turns.numerator > 1 else ""
    return f"{'C' if proper else 'S'}{turns.denominator}{power} about {words}"


def _axis(rotation: np.ndarray, angle: float) -> np.ndarray:
    """Axis of an anticlockwise rotation by a known angle between 0 and pi."""
    if angle > np.pi - _SAME:
        along = rotation + np.eye(3)
        return along[:, np.argmax(np.diag(along))]
    skew = rotation - rotation.T
    return np.array([skew[2, 1], skew[0, 2], skew[1, 0]])
