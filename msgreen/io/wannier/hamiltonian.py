"""Hamiltonians of crystals between localised orbitals, each assigned to an atom."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Crystal:
    """Lattice vectors and atoms.

    Attributes
    ----------
    vectors : real array, shape (3, 3)
        In angstrom, one per row.
    symbols : tuple of str
        Labels of the atoms, as the file has them.
    positions : real array, shape (atom, 3)
        In angstrom.
    """

    vectors: np.ndarray
    symbols: tuple[str, ...]
    positions: np.ndarray


@dataclass(frozen=True, eq=False)
class WannierHamiltonian:
    """H(R) between Wannier functions or other localised orbitals, degeneracies divided out.

    Attributes
    ----------
    crystal : Crystal
    cells : int array, shape (cell, 3)
        R, sorted; with every R there is -R.
    matrices : complex array, shape (spin, cell, orb, orb)
        <0 m| H |R n> in eV, H(k) = sum_R H(R) exp(2 pi i k.R): spin up and down without
        spin-orbit coupling. With it, shape (1, cell, 2 orb, 2 orb) and spin is the slow index.
    atom_of : int array, shape (orb,)
        The atom of every orbital, in the cell at the origin.
    centres : real array, shape (spin, orb, 3), or None
        Centres of the functions in angstrom, moved by lattice vectors to their atoms; with
        spin-orbit coupling those of up and down functions.
    fermi_energy : float or None
        In eV, if the file has it.
    hermiticity : float
        Largest deviation of H(R) from H(-R)^+ in the file, in eV; removed by averaging.
    notes : tuple of str
        What the reader found or assumed, one sentence each.
    overlap : real or complex array, shape (cell, orb, orb), or None
        S(R) = <0 m|R n>; None between orthonormal functions.
    """

    crystal: Crystal
    cells: np.ndarray
    matrices: np.ndarray
    atom_of: np.ndarray
    centres: np.ndarray | None
    fermi_energy: float | None
    hermiticity: float
    notes: tuple[str, ...]
    overlap: np.ndarray | None = None

    @property
    def spin_orbit(self) -> bool:
        """Whether one matrix holds both spins."""
        return self.matrices.shape[0] == 1

    @property
    def orbital_count(self) -> int:
        """Number of orbitals per cell, without spin."""
        return len(self.atom_of)

    def spinor_matrices(self) -> np.ndarray:
        """Return H(R) with spin as the slow index, shape (cell, 2 orb, 2 orb), in eV."""
        if self.spin_orbit:
            return self.matrices[0]
        orb = self.orbital_count
        full = np.zeros((len(self.cells), 2 * orb, 2 * orb), complex)
        full[:, :orb, :orb], full[:, orb:, orb:] = self.matrices
        return full

    def pauli_matrices(self) -> np.ndarray:
        """Return the parts of H(R) = h_0 + h.sigma, shape (4, cell, orb, orb), in eV.

        Between real orbitals, reversal of time leaves Re h_0 and Im h (spin-orbit coupling)
        unchanged, and turns the signs of Re h (exchange) and Im h_0.
        """
        return pauli_parts(self.spinor_matrices())

    def splitting(self) -> np.ndarray:
        """Return the exchange field B(R) = Re h(R), shape (3, cell, orb, orb), in eV.

        Without spin-orbit coupling the z component is (H_up - H_down)/2, complex if the file is.
        """
        parts = self.pauli_matrices()[1:]
        return np.real(parts) if self.spin_orbit else parts


def pauli_parts(spinor: np.ndarray) -> np.ndarray:
    """Return h_0, h_x, h_y, h_z of matrices (..., 2 orb, 2 orb) with spin slow."""
    orb = spinor.shape[-1] // 2
    uu, ud = spinor[..., :orb, :orb], spinor[..., :orb, orb:]
    du, dd = spinor[..., orb:, :orb], spinor[..., orb:, orb:]
    return np.stack([(uu + dd) / 2, (ud + du) / 2, 1j * (ud - du) / 2, (uu - dd) / 2])
