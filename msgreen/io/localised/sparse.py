"""From the elements that programs store to H(R) and S(R) between orbitals."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from msgreen.errors import FileFormatError
from msgreen.io.wannier.consistency import hermitian
from msgreen.io.wannier.hamiltonian import Crystal, WannierHamiltonian
from msgreen.io.wannier.real_space import collect

_LARGEST = 2**26
"""Elements of H(R) of one spin with its zeros, 1 GB: 300 orbitals on 9 x 9 x 9 cells."""


class Elements(NamedTuple):
    """Elements <0 m| H |R n> and <0 m | R n> that are stored.

    Attributes
    ----------
    cells : int array, shape (element, 3)
        R.
    rows, columns : int arrays, shape (element,)
        m and n.
    spins : complex array, shape (2, element) or (4, element)
        In eV: up-up and down-down, then, unless the moments are collinear, up-down and down-up.
    overlap : real array, shape (element,), or None
        None between orthonormal orbitals.
    """

    cells: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    spins: np.ndarray
    overlap: np.ndarray | None


def assembled(
    elements: Elements,
    crystal: Crystal,
    atom_of: np.ndarray,
    fermi_energy: float | None,
    file: Path,
    notes: tuple[str, ...] = (),
) -> WannierHamiltonian:
    """Return the Hamiltonian of stored elements; elements of the same place are added.

    Parameters
    ----------
    elements : Elements
    crystal : Crystal
    atom_of : int array, shape (orb,)
        The atom of every orbital.
    fermi_energy : float or None
        In eV.
    file : path
        Named by errors.
    notes : tuple of str
        What the reader assumed.

    Raises
    ------
    FileFormatError
        If H(R) or S(R) is not the adjoint of that at -R, or they would not fit into memory.
    """
    size = len(atom_of)
    spread = np.prod(2.0 * np.abs(elements.cells).max(axis=0, initial=0) + 1)
    if spread * size**2 > _LARGEST:
        raise FileFormatError(
            f"{file}: must have at most {_LARGEST} elements with those that are zero, but "
            f"{size} orbitals on {spread:.0f} cells have more. Use a basis of shorter range."
        )
    values = [*elements.spins, *([] if elements.overlap is None else [elements.overlap])]
    place = elements.cells, elements.rows, elements.columns
    found = [collect(*place, value, size) for value in values]
    cells, dense = found[0][0], [matrices for _, matrices in found]
    sectors = dense[: len(elements.spins)]
    if len(sectors) == 4:
        up, down, mixed, back = sectors
        sectors = [np.block([[up, mixed], [back, down]])]
    checked = [hermitian(cells, sector, file) for sector in sectors]
    overlap = None
    if elements.overlap is not None:
        overlap = hermitian(cells, dense[-1], file, "S")[1]
    return WannierHamiltonian(
        crystal,
        checked[0][0],
        np.stack([matrices for _, matrices, _ in checked]),
        atom_of,
        None,
        fermi_energy,
        max(defect for _, _, defect in checked),
        notes,
        overlap,
    )
