"""What Hamiltonians from files must fulfil: Hermiticity, and one gauge for both spins."""

from pathlib import Path

import numpy as np

from msgreen._typing import Complex, Int, Num
from msgreen.errors import FileFormatError

LARGEST_DEFECT = 1e-5
"""eV; files have six digits, and rounding leaves 1e-6. Beyond, something else is wrong."""

_ALIKE = 0.5
"""Smallest overlap of hoppings of both spins; iron and SrMnO3 have above 0.99.

With the functions of one spin in any order the medians are 0.04 and 0.37, the largest of 50 orders
0.41 and 0.52. Two that are swapped leave 0.76 and 0.96, medians, and pass.
"""


def hermitian(
    cells: Int[np.ndarray, "cell 3"],
    matrices: Num[np.ndarray, "cell function function"],
    file: Path,
    name: str = "H",
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return H(R) = H(-R)^+ by averaging, and the largest deviation that was removed.

    Parameters
    ----------
    cells : int array, shape (cell, 3)
    matrices : complex array, shape (cell, function, function)
        In eV.
    file : path
        Named by errors.
    name : str
        Of the matrices: H, or S for an overlap, which has no unit.

    Returns
    -------
    cells, matrices : arrays
        Cells sorted, with -R for every R.
    defect : float
        In eV.

    Raises
    ------
    FileFormatError
        If the deviation is above 1e-5 eV, naming the worst element.
    """
    both, place = np.unique(np.concatenate([cells, -cells]), axis=0, return_inverse=True)
    full = np.zeros((len(both), *matrices.shape[1:]), complex)
    full[place.ravel()[: len(cells)]] = matrices
    # The sorted list of cells, read backwards, is that of -R.
    partner = full[::-1].conj().swapaxes(1, 2)
    defect = np.abs(full - partner)
    worst = float(defect.max())
    if worst > LARGEST_DEFECT:
        cell, m, n = map(int, np.unravel_index(defect.argmax(), defect.shape))
        raise FileFormatError(
            f"{file}: must hold a Hermitian {name}(R), but its element {m + 1}, {n + 1} at R = "
            f"{both[cell].tolist()} differs from its partner at -R by {worst:.1e}"
            f"{' eV' if name == 'H' else ''}. Copy the file again, or write it again."
        )
    return both, (full + partner) / 2, worst


def check_gauge(
    up: Complex[np.ndarray, "cell orb orb"], down: Complex[np.ndarray, "cell orb orb"], file: Path
) -> None:
    """Raise FileFormatError unless the functions of both spins have the same signs.

    The hoppings of both spins between two functions are nearly alike; a sign that one file has
    and the other has not turns all hoppings of a function. Signs are followed along the
    strongest hoppings that connect all functions.

    Parameters
    ----------
    up, down : complex array, shape (cell, orb, orb)
        H(R) of the same cells in eV.
    file : path
        Of spin down, named by errors.
    """
    norm = np.sqrt((np.abs(up) ** 2).sum(axis=0) * (np.abs(down) ** 2).sum(axis=0))
    alike = (up * down.conj()).sum(axis=0).real
    np.fill_diagonal(norm, 0.0)
    np.fill_diagonal(alike, 0.0)
    if norm.max(initial=0) == 0:
        return
    signs = _signs(norm, alike)
    flipped = np.nonzero(signs != np.sign(signs.sum() + 0.5))[0]
    agreement = float((signs[:, None] * alike * signs).sum() / norm.sum())
    if agreement < _ALIKE:
        raise FileFormatError(
            f"{file}: must hold the same functions as the file of spin up, but the hoppings of "
            f"both spins overlap by {agreement:.2f} only. Use the same projections in the same "
            "order for both spins, without maximal localisation if it mixes them."
        )
    if flipped.size:
        raise FileFormatError(
            f"{file}: must have the gauge of the file of spin up, but the hoppings of function "
            f"{', '.join(str(n + 1) for n in flipped)} have the opposite sign. Give the functions "
            "of both spins the same sign."
        )


def _signs(norm: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """Relative signs along the maximum spanning tree of the hoppings."""
    signs = np.zeros(len(norm))
    signs[0] = 1.0
    for _ in range(len(norm) - 1):
        known = signs != 0
        links = np.where(known[:, None] & ~known[None], norm, -1.0)
        start, end = np.unravel_index(links.argmax(), links.shape)
        signs[end] = signs[start] * (1.0 if alike[start, end] >= 0 else -1.0)
    return signs
