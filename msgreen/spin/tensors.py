"""Tensors of two spins: their isotropic, antisymmetric and symmetric traceless parts."""

from typing import NamedTuple

import numpy as np

from msgreen._typing import Float

LEVI_CIVITA: np.ndarray = np.zeros((3, 3, 3))
"""The totally antisymmetric symbol."""
for _a, _b, _c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    LEVI_CIVITA[_a, _b, _c], LEVI_CIVITA[_b, _a, _c] = 1.0, -1.0

TRACELESS: np.ndarray = np.array(
    [
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]],
        [[0, 0, 1], [0, 0, 0], [1, 0, 0]],
        [[0, 0, 0], [0, 0, 1], [0, 1, 0]],
        [[1, 0, 0], [0, -1, 0], [0, 0, 0]],
        [[-1, 0, 0], [0, -1, 0], [0, 0, 2]],
    ],
    dtype=float,
)
"""Orthogonal basis of symmetric traceless tensors: xy, xz, yz, x2 - y2, 3 z2 - r2."""


class PairParts(NamedTuple):
    """A pair tensor T as J S_i.S_j + D.(S_i x S_j) + S_i.K.S_j with a symmetric traceless K.

    Attributes
    ----------
    isotropic : real array, shape (...)
        J = tr T / 3.
    vector : real array, shape (..., 3)
        D, from the antisymmetric part.
    traceless : real array, shape (..., 3, 3)
        K.
    """

    isotropic: np.ndarray
    vector: np.ndarray
    traceless: np.ndarray


def pair_part_errors(errors: Float[np.ndarray, "*batch 3 3"]) -> PairParts:
    """Return bounds of the three parts for errors (..., 3, 3) of the entries of pair tensors."""
    isotropic = np.trace(errors, axis1=-2, axis2=-1) / 3
    vector = 0.5 * np.einsum("abc,...ab->...c", np.abs(LEVI_CIVITA), errors)
    symmetric = 0.5 * (errors + np.swapaxes(errors, -1, -2))
    return PairParts(isotropic, vector, symmetric + isotropic[..., None, None] * np.eye(3))


def pair_parts(tensors: Float[np.ndarray, "*batch 3 3"]) -> PairParts:
    """Return the three parts of pair tensors, shape (..., 3, 3), in their unit.

    Examples
    --------
    >>> parts = pair_parts(np.array([[3.0, 1.0, 0.0], [-1.0, 3.0, 0.0], [0.0, 0.0, 6.0]]))
    >>> float(parts.isotropic), parts.vector.tolist(), np.diag(parts.traceless).tolist()
    (4.0, [0.0, 0.0, 1.0], [-1.0, -1.0, 2.0])
    """
    isotropic = np.trace(tensors, axis1=-2, axis2=-1) / 3
    vector = 0.5 * np.einsum("abc,...ab->...c", LEVI_CIVITA, tensors)
    symmetric = 0.5 * (tensors + np.swapaxes(tensors, -1, -2))
    return PairParts(isotropic, vector, symmetric - isotropic[..., None, None] * np.eye(3))
