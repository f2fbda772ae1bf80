"""Linear least squares that says what it does not know."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from msgreen.errors import InputError

SINGULAR = 1e-10
"""Singular values below this part of the largest count as zero, for columns of length one."""

_SHARE = 1e-8
"""Parts of a parameter below this in the null space count as rounding."""


class Solution(NamedTuple):
    """The solution of a least-squares problem.

    Attributes
    ----------
    parameters : real array, shape (free,)
        In units of the columns, the shortest of all that fit equally well.
    covariance : real array, shape (free, free)
        Of the determined combinations.
    null : real array, shape (free, null)
        Combinations of the parameters that change nothing.
    rank : int
    condition : float
        Ratio of the largest to the smallest singular value that is not zero.
    variance : float
        Sum of squared residuals over the number of data minus the rank.
    ambiguities : tuple of mapping
        The combinations of `null`, each with a parameter of its own: label and coefficient.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    null: np.ndarray
    rank: int
    condition: float
    variance: float
    ambiguities: tuple[Mapping[str, float], ...]

    def standard_errors(self, basis: np.ndarray, start: int) -> np.ndarray:
        """Return the standard errors of values = sum_k parameters[start + k] basis[k].

        They are infinite for values that are not determined.
        """
        part = slice(start, start + len(basis))
        flat = basis.reshape(len(basis), int(np.prod(basis.shape[1:])))
        variances = np.sum(flat * (self.covariance[part, part] @ flat), axis=0)
        unknown = np.abs(self.null[part].T @ flat).max(axis=0, initial=0) > _SHARE
        errors = np.where(unknown, np.inf, np.sqrt(np.maximum(variances, 0)))
        return errors.reshape(basis.shape[1:])


def solve(matrix: np.ndarray, data: np.ndarray, labels: Sequence[str]) -> Solution:
    """Solve matrix @ parameters = data, by the singular values of columns of length one.

    Parameters
    ----------
    matrix : real array, shape (data, free)
    data : real array, shape (data,)
    labels : sequence of str
        Names of the parameters.

    Raises
    ------
    InputError
        If there is no surplus of data.
    """
    length = np.linalg.norm(matrix, axis=0)
    length[length <= SINGULAR * length.max(initial=0)] = np.inf
    left, singular, right = np.linalg.svd(matrix / length, full_matrices=len(data) < len(length))
    rank = int(np.count_nonzero(singular > SINGULAR * singular.max(initial=0)))
    kept, turned = singular[:rank], right[:rank]
    scale = np.where(np.isinf(length), 0.0, 1 / length)
    parameters = scale * (turned.T @ (left[:, :rank].T @ data / kept))
    freedom = len(data) - rank
    if not freedom:
        raise InputError(
            f"Argument `samples` must hold more data than there are free parameters, but there are "
            f"{len(data)} data and {len(length)} parameters. Add configurations, or use a symmetry."
        )
    residual = data - matrix @ parameters
    variance = float(residual @ residual / freedom)
    half = scale[:, None] * turned.T / kept
    null = right[rank:].T * np.where(np.isinf(length), 1.0, scale)[:, None]
    null /= np.linalg.norm(null, axis=0, keepdims=True)
    return Solution(
        parameters,
        variance * half @ half.T,
        null,
        rank,
        float(kept[0] / kept[-1]) if rank else 1.0,
        variance,
        _ambiguities(null, labels),
    )


def _ambiguities(null: np.ndarray, labels: Sequence[str]) -> tuple[Mapping[str, float], ...]:
    """Return a sparse basis of the null space: each row holds one parameter that no other has."""
    if not null.shape[1]:
        return ()
    found: Any = scipy.linalg.qr(null.T, mode="r", pivoting=True)
    triangle, order = found
    count = len(triangle)
    rows = np.zeros((count, len(labels)))
    rows[:, order[:count]] = np.eye(count)
    rows[:, order[count:]] = scipy.linalg.solve_triangular(triangle[:, :count], triangle[:, count:])
    return tuple(
        {label: float(x) for label, x in zip(labels, row, strict=True) if abs(x) > _SHARE}
        for row in rows
    )
