"""Hamiltonians of magnets between localised orbitals: checks, and turning the exchange field.

Between real orbitals reversal of time leaves Re h_0 and Im h of H = h_0 + h.sigma unchanged. Re h
is the exchange field b(R), which turns with the moments.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, Complex, Int
from msgreen.errors import InputError
from msgreen.lattice.bloch import at_mesh
from msgreen.lattice.geometry import Lattice
from msgreen.spin.algebra import PAULI


def check_hamiltonian(
    matrices: Complex[Array, "spin cell size size"],
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
    known = _checks.concrete(matrices)
    if known is None:
        return
    change = np.abs(known - known[..., np.array(back), :, :].conj().swapaxes(-1, -2))
    if change.max() > 1e-5:
        cell = cells[np.unravel_index(change.argmax(), change.shape)[-3]].tolist()
        raise InputError(
            f"Argument `{name}` must be Hermitian, the adjoint of R at -R, but at R = "
            f"{cell} they differ by {change.max():.3g}. Correct one of them."
        )


def turn_field(
    matrices: Complex[Array, "spin cell size size"],
    cells: np.ndarray,
    orbitals: np.ndarray,
    axis: np.ndarray,
) -> tuple[Complex[Array, "spin cell size size"], Complex[Array, "cell orb orb"]]:
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
    home = int(np.flatnonzero(~cells.any(axis=1))[0])
    if len(matrices) == 2:
        field = (matrices[0] - matrices[1]) / 2
        down = _largest_trace(field[None, home], orbitals)[0] > 0
        return (matrices[::-1], -field) if down else (matrices, field)
    orb = matrices.shape[-1] // 2
    even, odd = _even_and_odd(matrices[0].reshape(-1, 2, orb, 2, orb))
    largest = _largest_trace(np.asarray(odd)[:, home], orbitals)
    spinor, splitting = _along(even, odd, -largest / max(np.linalg.norm(largest), 1e-12), axis)
    return spinor.reshape(1, -1, 2 * orb, 2 * orb), splitting


@jax.jit
def _even_and_odd(blocks):
    """Return the parts of H(R) (cell, spin, orb, spin, orb) that keep and change sign in time.

    The even one has four components, 1 and sigma, the field three.
    """
    parts = jnp.einsum("pts,rsatb->prab", jnp.asarray(PAULI, complex), blocks) / 2
    odd = parts[1:].real
    return parts.at[1:].add(-odd.astype(complex)), odd


@jax.jit
def _along(even, odd, own, axis):
    """Return H(R) with the field turned from one direction to another, and the field along it."""
    field = jnp.einsum("vw,wrab->vrab", _rotation(own, axis), odd)
    turned = even.at[1:].add(field.astype(complex))
    spinor = jnp.einsum("pst,prab->rsatb", jnp.asarray(PAULI, complex), turned)
    return spinor, jnp.einsum("v,vrab->rab", axis, field).astype(complex)


def _largest_trace(field, orbitals: np.ndarray) -> np.ndarray:
    """Return the trace of a field (component, orb, orb) on the atom where it is largest."""
    diagonal = np.diagonal(np.asarray(field).real, axis1=1, axis2=2)
    traces = np.stack([diagonal[:, orbitals == a].sum(axis=1) for a in np.unique(orbitals)])
    return traces[np.linalg.norm(traces, axis=1).argmax()]


def _rotation(start, end):
    """Return the rotation that takes a unit vector to another by the shortest way."""
    start = start.astype(float)
    cross = jnp.cross(start, end)
    cosine = start @ end
    k = jnp.array([[0, -cross[2], cross[1]], [cross[2], 0, -cross[0]], [-cross[1], cross[0], 0]])
    near = jnp.eye(3) + k + k @ k / jnp.maximum(1 + cosine, 1e-12)
    flat = jnp.where(jnp.abs(start[0]) < 0.9, jnp.eye(3)[0], jnp.eye(3)[1])
    normal = jnp.cross(start, flat)
    normal = normal / jnp.linalg.norm(normal)
    opposite = 2 * jnp.outer(normal, normal) - jnp.eye(3)
    return jnp.where(cosine > -1 + 1e-9, near, opposite)


def boxed(
    cells: np.ndarray, matrices: Complex[Array, "... cell size size"]
) -> Complex[Array, "... size size"]:
    """Put matrices (..., cell, n, n) on the smallest box of cells -L...L that holds them."""
    reach = np.abs(cells).max(axis=0)
    lead = matrices.shape[: matrices.ndim - 3]
    shape = (*lead, *(2 * reach + 1).tolist(), *matrices.shape[-2:])
    return _placed(matrices, cells + reach, shape)


@partial(jax.jit, static_argnames="shape")
def _placed(matrices, cells, shape):
    box = jnp.zeros(shape, complex)
    return box.at[(Ellipsis, *cells.T, slice(None), slice(None))].set(matrices)


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
