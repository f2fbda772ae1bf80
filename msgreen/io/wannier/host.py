"""A Hamiltonian between Wannier functions as a host."""

from collections.abc import Sequence

import numpy as np

from msgreen._typing import ArrayLike, Float
from msgreen.errors import InputError
from msgreen.hosts.wannier import Vertex, WannierHost
from msgreen.io.wannier.hamiltonian import WannierHamiltonian
from msgreen.lattice import Lattice


def wannier_host(
    hamiltonian: WannierHamiltonian,
    *,
    temperature: float,
    fermi_energy: float | None = None,
    vertex: Vertex = "bond",
    axis: Float[ArrayLike, "3"] = (0.0, 0.0, 1.0),
    atoms: Sequence[int | str] | None = None,
) -> WannierHost:
    """Return the host of a Hamiltonian that was read.

    Parameters
    ----------
    hamiltonian : WannierHamiltonian
    temperature : float
        k_B T in eV.
    fermi_energy : float, optional
        E_F in eV; by default that of the file.
    vertex, axis
        See `WannierHost`.
    atoms : sequence of int or str, optional
        The magnetic atoms by number or symbol; by default those with a splitting.

    Raises
    ------
    InputError
        If there is no E_F, or no atom of a symbol.
    """
    energy = hamiltonian.fermi_energy if fermi_energy is None else fermi_energy
    if energy is None:
        raise InputError(
            "Argument `fermi_energy` must be given, but the files do not hold it. Take it from the "
            "output of the calculation, in eV, or let it be found from the number of electrons."
        )
    crystal = hamiltonian.crystal
    return WannierHost(
        Lattice(crystal.vectors, crystal.positions),
        hamiltonian.cells,
        hamiltonian.matrices,
        hamiltonian.atom_of,
        fermi_energy=energy,
        temperature=temperature,
        vertex=vertex,
        axis=axis,
        overlap=hamiltonian.overlap,
        atoms=None if atoms is None else _numbers(atoms, crystal.symbols),
    )


def _numbers(atoms, symbols: tuple[str, ...]) -> list[int]:
    found: list[int] = []
    for atom in atoms:
        same = [n for n, symbol in enumerate(symbols) if atom == symbol]
        if isinstance(atom, str) and not same:
            raise InputError(
                f"Argument `atoms` must name some of {', '.join(sorted(set(symbols)))}, but it "
                f"names {atom!r}."
            )
        found += same if isinstance(atom, str) else [int(atom)]
    return found


def odd_rest(hamiltonian: WannierHamiltonian) -> float:
    """Return the share of the time-odd part of H, by norm, that is no exchange field.

    It is Im h_0, and zero without spin-orbit coupling. Above some 5 % the functions are no pairs of
    spin up and down.
    """
    if not hamiltonian.spin_orbit:
        return 0.0
    parts = hamiltonian.pauli_matrices()
    rest, field = np.linalg.norm(np.imag(parts[0])), np.linalg.norm(np.real(parts[1:]))
    return float(rest / np.hypot(rest, field))
