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
    inverse : real array, shape (free, data)
        Of the matrix: parameters = inverse @ data.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    null: np.ndarray
    rank: int
    condition: float
    variance: float
    ambiguities: tuple[Mapping[str, float], ...]
    inverse: np.ndarray

    def standard_errors(self, basis: np.ndarray, start: int) -> np.ndarray:
        """Return the standard errors of values = sum_k parameters[start + k] basis[k].

        They are infinite for values that are not determined.
        """
        part, flat = _part(basis, start)
        variances = np.sum(flat * (self.covariance[part, part] @ flat), axis=0)
        errors = np.where(self._unknown(part, flat), np.inf, np.sqrt(np.maximum(variances, 0)))
        return errors.reshape(basis.shape[1:])

    def bounds(self, basis: np.ndarray, start: int, errors: np.ndarray) -> np.ndarray:
        """Return how much errors of the data (data,) can change the same values at most.

        Unlike standard errors they hold for errors that are not random, as those of quadratures.
        """
        part, flat = _part(basis, start)
        changes = np.abs(flat.T @ self.inverse[part]) @ errors
        return np.where(self._unknown(part, flat), np.inf, changes).reshape(basis.shape[1:])

    def _unknown(self, part: slice, flat: np.ndarray) -> np.ndarray:
        return np.abs(self.null[part].T @ flat).max(axis=0, initial=0) > _SHARE


def _part(basis: np.ndarray, start: int) -> tuple[slice, np.ndarray]:
    flat = basis.reshape(len(basis), int(np.prod(basis.shape[1:])))
    return slice(start, start + len(basis)), flat


def solve(
    matrix: np.ndarray, data: np.ndarray, labels: Sequence[str], *, surplus: bool = True
) -> Solution:
    """Solve matrix @ parameters = data, by the singular values of columns of length one.

    Parameters
    ----------
    matrix : real array, shape (data, free)
    data : real array, shape (data,)
    labels : sequence of str
        Names of the parameters.
    surplus : bool
        Whether there must be more data than independent parameters, so that the residuals tell
        the variance; without a surplus it is NaN.

    Raises
    ------
    InputError
        If there is no surplus of data, and must be one.
    """
    length = np.linalg.norm(matrix, axis=0)
    length[length <= SINGULAR * length.max(initial=0)] = np.inf
    left, singular, right = np.linalg.svd(matrix / length, full_matrices=len(data) < len(length))
    rank = int(np.count_nonzero(singular > SINGULAR * singular.max(initial=0)))
    kept, turned = singular[:rank], right[:rank]
    scale = np.where(np.isinf(length), 0.0, 1 / length)
    parameters = scale * (turned.T @ (left[:, :rank].T @ data / kept))
    freedom = len(data) - rank
    if surplus and not freedom:
        raise InputError(
            f"Argument `samples` must hold more data than there are free parameters, but there are "
            f"{len(data)} data and {len(length)} parameters. Add configurations, or use a symmetry."
        )
    residual = data - matrix @ parameters
    variance = float(residual @ residual / freedom) if freedom else float("nan")
    half = scale[:, None] * turned.T / kept
    inverse = half @ left[:, :rank].T
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
        inverse,
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
        {labels[n]: float(row[n]) for n in np.flatnonzero(np.abs(row) > _SHARE).tolist()}
        for row in rows
    )
