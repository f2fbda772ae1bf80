"""The order of spinor functions: all up then all down, or up and down in turn."""

from pathlib import Path

import numpy as np

from msgreen.errors import FileFormatError
from msgreen.io.wannier.hamiltonian import pauli_parts

ORDERS = ("blocked", "interleaved")
"""All functions of spin up, then all of spin down; or up, down, up, down."""

_CLEAR = 3.0
"""Ratio of scores that decides: CrSTe has 125, and 3.3 with a fiftieth of its splitting."""


def spin_slow(order: str, count: int) -> np.ndarray:
    """Return the functions in the order with spin slow, shape (count,)."""
    if order == "blocked":
        return np.arange(count)
    return np.concatenate([np.arange(0, count, 2), np.arange(1, count, 2)])


def score(home: np.ndarray, atom_of: np.ndarray) -> float:
    """Return how far the time-odd on-site part is from a vector along one axis per atom.

    Parameters
    ----------
    home : complex array, shape (2 orb, 2 orb)
        H(R = 0) in eV with spin slow.
    atom_of : int array, shape (orb,)

    Returns
    -------
    float
        (|Im h_0| + |Re h across the moment|) / |Re h along the moment|; infinite without
        moments.
    """
    across = along = 0.0
    for atom in np.unique(atom_of):
        inside = np.nonzero(atom_of == atom)[0]
        parts = pauli_parts(home)[:, inside[:, None], inside]
        lengths = np.linalg.svd(np.real(parts[1:]).reshape(3, -1), compute_uv=False)
        along += lengths[0] ** 2
        across += (lengths[1:] ** 2).sum() + np.linalg.norm(np.imag(parts[0])) ** 2
    return float(np.sqrt(across / along)) if along > 1e-12 else np.inf


def decide(scores: dict[str, float], file: Path) -> str:
    """Return the order with the lower score.

    Raises
    ------
    FileFormatError
        If the scores are within a factor of 3 of each other, or there are no moments.
    """
    (best, low), (_, high) = sorted(scores.items(), key=lambda item: item[1])
    if not low * _CLEAR < high < np.inf:
        raise FileFormatError(
            f"{file}: must show by its exchange splitting how up and down functions are ordered, "
            f"but blocked and interleaved order score {scores['blocked']:.2g} and "
            f"{scores['interleaved']:.2g}, too close to decide. Name it with `spinor_order`."
        )
    return best
