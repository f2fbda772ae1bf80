"""Hamiltonians of magnets between localised orbitals: checks, and turning the exchange field.

Between real orbitals reversal of time leaves Re h_0 and Im h of H = h_0 + h.sigma unchanged. Re h
is the exchange field b(R), which turns with the moments.
"""

from collections.abc import Sequence

import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Int
from msgreen.errors import InputError
from msgreen.lattice.bloch import at_mesh
from msgreen.lattice.geometry import Lattice
from msgreen.spin.algebra import PAULI


def known_matrices(name: str, value: ArrayLike) -> Complex[np.ndarray, "..."]:
    """Return matrices that a host is made of; InputError unless they are finite numbers.

    Parameters
    ----------
    name : str
        Of the argument.
    value : array
    """
    _checks.finite(name, value)
    known = _checks.concrete(value)
    if known is None:
        raise InputError(
            f"Argument `{name}` must be numbers when a host is made, but JAX traces it. Make the "
            "host first, and differentiate with respect to its fields."
        )
    return known.astype(complex)


def check_hamiltonian(
    matrices: Complex[Array | np.ndarray, "spin cell size size"],
    cells: np.ndarray,
    orbitals: np.ndarray,
    lattice: Lattice,
) -> None:
    """Raise InputError unless matrices are a Hamiltonian of the lattice.

    Parameters
    ----------
    matrices : complex array
        H(R) of spin up and down, (2, cell, orb, orb), or of both, (1, cell, 2 orb, 2 orb).
    cells : int array, shape (cell, 3)
    orbitals : int array, shape (orb,)
        Atom of every orbital.
    lattice : Lattice
    """
    spins, count, size = matrices.shape[0], len(cells), len(orbitals)
    expected = (1, count, 2 * size, 2 * size) if spins == 1 else (2, count, size, size)
    if matrices.shape != expected:
        raise InputError(
            f"Argument `matrices` must have shape {(2, count, size, size)}, or "
            f"{(1, count, 2 * size, 2 * size)} with spin-orbit coupling, but its shape is "
            f"{matrices.shape}."
        )
    if cells.shape != (count, 3) or lattice.dimension != 3:
        raise InputError(
            f"Argument `cells` must have shape (cell, 3) on a lattice of 3 vectors, but its shape "
            f"is {cells.shape} and there are {lattice.dimension} vectors."
        )
    if size == 0 or orbitals.min() < 0 or orbitals.max() >= lattice.atoms:
        raise InputError(
            f"Argument `atom_of` must hold atoms from 0 to {lattice.atoms - 1} of the lattice, but "
            f"it is {orbitals.tolist()}."
        )
    check_hermitian("matrices", matrices, cells)


def check_hermitian(
    name: str,
    matrices: Complex[Array | np.ndarray, "... cell size size"],
    cells: Int[np.ndarray, "cell 3"],
) -> None:
    """Raise InputError unless X(R) = X(-R)^dagger for every R, and every R is there once.

    Parameters
    ----------
    name : str
        Of the argument.
    matrices : complex array, shape (..., cell, n, n)
    cells : int array, shape (cell, 3)
    """
    place = {tuple(cell): n for n, cell in enumerate(cells.tolist())}
    back = [place.get(tuple(-n for n in cell)) for cell in cells.tolist()]
    if None in back or len(place) < len(cells):
        raise InputError(
            "Argument `cells` must hold every R once, and with R also -R, but it does not. Add the "
            "missing cells."
        )
    change = np.abs(matrices - matrices[..., np.array(back), :, :].conj().swapaxes(-1, -2))
    if change.max() > 1e-5:
        cell = cells[np.unravel_index(change.argmax(), change.shape)[-3]].tolist()
        raise InputError(
            f"Argument `{name}` must be Hermitian, the adjoint of R at -R, but at R = "
            f"{cell} they differ by {change.max():.3g}. Correct one of them."
        )


def turn_field(
    matrices: Complex[Array | np.ndarray, "spin cell size size"],
    cells: np.ndarray,
    orbitals: np.ndarray,
    axis: np.ndarray,
) -> tuple[Complex[np.ndarray, "spin cell size size"], Complex[np.ndarray, "cell orb orb"]]:
    """Turn the exchange field so that the largest moment lies along an axis.

    Parameters
    ----------
    matrices, cells, orbitals
        As for `check_hamiltonian`.
    axis : real array, shape (3,)

    Returns
    -------
    matrices, field : complex arrays
        H(R) with the moment along the axis, and the field along it, shape (cell, orb, orb).
        Without spin-orbit coupling the majority is what is called up.
    """
    matrices = np.asarray(matrices)
    home = int(np.flatnonzero(~cells.any(axis=1))[0])
    if len(matrices) == 2:
        field = (matrices[0] - matrices[1]) / 2
        down = _largest_trace(field[None, home], orbitals)[0] > 0
        return (matrices[::-1], -field) if down else (matrices, field)
    orb = matrices.shape[-1] // 2
    blocks = matrices[0].reshape(-1, 2, orb, 2, orb)
    parts = np.einsum("pts,rsatb->prab", PAULI, blocks) / 2
    odd = parts[1:].real
    largest = _largest_trace(odd[:, home], orbitals)
    own = -largest / max(np.linalg.norm(largest), 1e-12)
    field = np.einsum("vw,wrab->vrab", _rotation(own, axis), odd)
    parts[1:] += field - odd
    spinor = np.einsum("pst,prab->rsatb", PAULI, parts)
    splitting = np.einsum("v,vrab->rab", axis, field).astype(complex)
    return spinor.reshape(1, -1, 2 * orb, 2 * orb), splitting


def _largest_trace(field, orbitals: np.ndarray) -> np.ndarray:
    """Return the trace of a field (component, orb, orb) on the atom where it is largest."""
    diagonal = np.diagonal(field.real, axis1=1, axis2=2)
    traces = np.stack([diagonal[:, orbitals == a].sum(axis=1) for a in np.unique(orbitals)])
    return traces[np.linalg.norm(traces, axis=1).argmax()]


def _rotation(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the rotation that takes a unit vector to another by the shortest way."""
    cosine = start @ end
    if cosine > -1 + 1e-9:
        a, b, c = np.cross(start, end)
        k = np.array([[0, -c, b], [c, 0, -a], [-b, a, 0]])
        return np.eye(3) + k + k @ k / (1 + cosine)
    normal = np.cross(start, np.eye(3)[np.abs(start).argmin()])
    return 2 * np.outer(normal, normal) / (normal @ normal) - np.eye(3)


def boxed(
    cells: np.ndarray, matrices: Complex[Array | np.ndarray, "... cell size size"]
) -> Complex[np.ndarray, "... size size"]:
    """Put matrices (..., cell, n, n) on the smallest box of cells -L...L that holds them."""
    reach = np.abs(cells).max(axis=0)
    lead = matrices.shape[: matrices.ndim - 3]
    box = np.zeros((*lead, *(2 * reach + 1), *matrices.shape[-2:]), complex)
    box[(Ellipsis, *(cells + reach).T, slice(None), slice(None))] = matrices
    return box


def sector_levels(
    blocks: np.ndarray,
    mesh: Sequence[int],
    overlap: Complex[Array | np.ndarray, "..."] | None = None,
) -> np.ndarray:
    """Return the eigenvalues of one sector on a mesh.

    Parameters
    ----------
    blocks : complex array, shape (2 L1 + 1, 2 L2 + 1, 2 L3 + 1, size, size)
        H(R).
    mesh : sequence of 3 int
    overlap : complex array, shape of `blocks`, optional
        S(R), positive definite at every k.
    """
    matrices = at_mesh(blocks, mesh)
    if overlap is not None:
        lower = np.linalg.inv(np.linalg.cholesky(at_mesh(overlap, mesh)))
        matrices = lower @ matrices @ lower.conj().swapaxes(-1, -2)
    return np.linalg.eigvalsh(matrices).reshape(-1, blocks.shape[-1])
