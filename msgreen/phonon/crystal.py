"""Harmonic crystals in one, two or three dimensions: force constants and dynamical matrices."""

import warnings
from collections.abc import Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg
from scipy import constants as _c

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Float, Int
from msgreen.errors import AccuracyWarning, InputError
from msgreen.units import HBAR2_OVER_ME

HBAR2_OVER_U: float = HBAR2_OVER_ME * _c.m_e / _c.atomic_mass
"""hbar^2 over the atomic mass unit, in eV angstrom^2."""

_SUM_RULE = 1e-6
"""Net force of a rigid shift, relative to the largest spring, that rounding of files explains."""

_UNSTABLE = 1e-9
"""Negative squared energy, relative to the largest, that rounding of acoustic modes explains."""


class HarmonicCrystal(eqx.Module):
    """Atoms on a lattice with harmonic forces between them.

    The energy is 1/2 sum u_a(R) Phi_ab(n) u_b(R + n) over all cells R, with one block Phi_ab(n)
    for each entry of `bonds`. Displacements have three components in any dimension.

    Parameters
    ----------
    vectors : real array, shape (dim, 3)
        Lattice vectors in angstrom; dim is 1, 2 or 3.
    basis : real array, shape (atom, 3)
        Positions of the atoms of a cell, in angstrom.
    masses : real array, shape (atom,)
        In atomic mass units.
    blocks : real array, shape (bond, 3, 3)
        Force constants Phi_ab(n) in eV/angstrom^2. Both directions of a bond and the self terms
        (a, a, 0) are listed.
    bonds : int array, shape (bond, 2 + dim)
        Rows (a, b, n_1, ..., n_dim): atom a of the home cell and atom b of the cell n.
    pinned : bool
        True if the crystal is held by something else (a substrate, a harmonic trap), so that the
        acoustic sum rule does not apply.

    Raises
    ------
    InputError
        If shapes disagree, a mass is not positive, or the force constants are not symmetric.

    Warns
    -----
    AccuracyWarning
        If an unpinned crystal breaks the acoustic sum rule; the message says by how much.
    """

    vectors: Float[Array, "dim 3"]
    basis: Float[Array, "atom 3"]
    masses: Float[Array, " atom"]
    blocks: Float[Array, "bond 3 3"]
    bonds: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    pinned: bool = eqx.field(static=True)

    def __init__(
        self,
        vectors: Float[ArrayLike, "dim 3"],
        basis: Float[ArrayLike, "atom 3"],
        masses: Float[ArrayLike, " atom"],
        blocks: Float[ArrayLike, "bond 3 3"],
        bonds: Int[ArrayLike, "bond column"],
        *,
        pinned: bool = False,
    ):
        require_x64("HarmonicCrystal")
        given = {"vectors": vectors, "basis": basis, "masses": masses, "blocks": blocks}
        for name, value in given.items():
            _checks.finite(name, value)
        _checks.shaped("bonds", _checks.numbers("bonds", bonds, "iu"), ("bond", "2 + dim"))
        self.vectors = jnp.atleast_2d(jnp.asarray(vectors, float))
        self.basis = jnp.atleast_2d(jnp.asarray(basis, float))
        self.masses = jnp.atleast_1d(jnp.asarray(masses, float))
        self.blocks = jnp.asarray(blocks, float)
        self.bonds = tuple(tuple(int(n) for n in row) for row in np.asarray(bonds))
        self.pinned = bool(pinned)
        _check_shapes(self)
        _checks.positive("masses", self.masses, "atomic mass units")
        _check_symmetry(self)
        if not self.pinned:
            _warn_of_sum_rule(self)

    @property
    def dimension(self) -> int:
        """Number of lattice vectors."""
        return self.vectors.shape[0]

    @property
    def atom_count(self) -> int:
        """Number of atoms in a cell."""
        return self.basis.shape[0]

    @property
    def reciprocal(self) -> Float[Array, "dim 3"]:
        """Reciprocal lattice vectors b_i with a_i . b_j = 2 pi delta_ij, in 1/angstrom."""
        return 2 * jnp.pi * jnp.linalg.pinv(self.vectors).T

    def position(self, sites: Int[ArrayLike, "site column"]) -> Float[Array, "site 3"]:
        """Return the positions in angstrom of sites (atom, n_1, ..., n_dim)."""
        rows = check_sites(self, sites)
        return self.basis[rows[:, 0]] + rows[:, 1:].astype(float) @ self.vectors

    def force_matrix(self, q: Float[Array, "k dim"]) -> Complex[Array, "k branch branch"]:
        """Return Phi(q) = sum_n Phi(n) exp(2 pi i q.n) with q in units of the reciprocal vectors.

        Parameters
        ----------
        q : real array, shape (k, dim)

        Returns
        -------
        complex array, shape (k, 3 atom, 3 atom)
            In eV/angstrom^2, in the gauge where the phase is that of the cell.
        """
        rows = np.asarray(self.bonds)
        cells, where = np.unique(rows[:, 2:], axis=0, return_inverse=True)
        places = (where.ravel(), rows[:, 0], rows[:, 1])
        return _force_matrix(self.blocks, places, cells.astype(float), self.atom_count, q)

    def dynamical_matrix(self, q: Float[Array, "k dim"]) -> Complex[Array, "k branch branch"]:
        """Return hbar^2 M^-1/2 Phi(q) M^-1/2 in eV^2; its eigenvalues are (hbar omega)^2."""
        return _divided(self.force_matrix(q), self.mass_matrix())

    def mass_matrix(self) -> Float[Array, " branch"]:
        """Return the diagonal of M / hbar^2 in 1/(eV angstrom^2), three entries per atom."""
        return jnp.repeat(self.masses, 3) / HBAR2_OVER_U

    def squared_energies(self, q: Float[ArrayLike, "k dim"]) -> np.ndarray:
        """Return (hbar omega)^2 in eV^2, shape (k, 3 atom), ascending; not differentiable."""
        return np.asarray(linalg.eigvalsh(self.dynamical_matrix(jnp.asarray(q, float))))


@partial(jax.jit, static_argnames="atoms")
def _force_matrix(blocks: Array, places, cells: Array, atoms: int, q: Array) -> Array:
    where, first, second = places
    table = jnp.zeros((len(cells), atoms, 3, atoms, 3))
    table = table.at[where, first, :, second, :].add(blocks)
    flat = table.reshape(len(cells), -1)
    phase = 2 * jnp.pi * (q @ cells.T)
    matrix = jax.lax.complex(jnp.cos(phase) @ flat, jnp.sin(phase) @ flat)
    return matrix.reshape(len(q), 3 * atoms, 3 * atoms)


@jax.jit
def _divided(forces: Array, masses: Array) -> Array:
    root = 1 / jnp.sqrt(masses)
    return forces * (root[:, None] * root[None, :]).astype(complex)


def mesh(shape: Sequence[int], shift: float = 0.5) -> np.ndarray:
    """Return a regular mesh of wave vectors in units of the reciprocal vectors.

    Parameters
    ----------
    shape : sequence of int
        Number of points along each reciprocal vector.
    shift : float
        Displacement in units of the spacing: 0.5 avoids q = 0, 0 contains it.

    Returns
    -------
    real array, shape (k, dim)
    """
    if any(int(n) != n or n < 1 for n in shape):
        raise InputError(
            f"Argument `shape` must hold positive integers, but it is {tuple(shape)}. "
            "Give one number per lattice vector."
        )
    axes = [(np.arange(n) + shift) / n for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def require_stable(crystal: HarmonicCrystal, q: Float[ArrayLike, "k dim"]) -> None:
    """Raise InputError if any vibration at the wave vectors `q` has an imaginary frequency."""
    if _checks.concrete(crystal.blocks) is None or _checks.concrete(crystal.masses) is None:
        return
    check_squares(crystal.squared_energies(q), np.asarray(q))


def check_squares(squares: np.ndarray, q: np.ndarray) -> None:
    """Raise InputError if a squared energy is negative beyond rounding."""
    if squares.min() < -_UNSTABLE * max(np.abs(squares).max(), 1e-300):
        worst = np.unravel_index(np.argmin(squares), squares.shape)[0]
        place = ", ".join(f"{x:.4g}" for x in q[worst])
        raise InputError(
            "Argument `crystal` must have real phonon frequencies, but one is imaginary at "
            f"q = ({place}): (hbar omega)^2 = {squares.min():.3e} eV^2. Relax the structure, add "
            "the missing forces, or ask for it (`allow_imaginary=True`)."
        )


def check_sites(crystal: HarmonicCrystal, sites: Int[ArrayLike, "site column"]) -> np.ndarray:
    """Return `sites` as an int array of rows (atom, n_1, ..., n_dim), refusing unknown atoms."""
    rows = np.atleast_2d(np.asarray(_checks.numbers("sites", sites)))
    if rows.shape[1:] != (1 + crystal.dimension,) or not np.issubdtype(rows.dtype, np.integer):
        raise InputError(
            f"Argument `sites` must be an int array of shape (site, {1 + crystal.dimension}) with "
            f"rows (atom, cell), but it is {rows.dtype} of shape {rows.shape}. "
            "Give one row per site."
        )
    if rows[:, 0].min() < 0 or rows[:, 0].max() >= crystal.atom_count:
        raise InputError(
            f"Argument `sites` must hold atoms from 0 to {crystal.atom_count - 1}, but atoms range "
            f"from {rows[:, 0].min()} to {rows[:, 0].max()}. "
            "Count atoms from 0."
        )
    return rows


def _check_shapes(crystal: HarmonicCrystal) -> None:
    atoms, dim = crystal.atom_count, crystal.dimension
    rows = np.asarray(crystal.bonds)
    expected = {
        "vectors": (crystal.vectors.shape, (dim, 3)),
        "basis": (crystal.basis.shape, (atoms, 3)),
        "masses": (crystal.masses.shape, (atoms,)),
        "blocks": (crystal.blocks.shape, (len(rows), 3, 3)),
        "bonds": (rows.shape, (len(rows), 2 + dim)),
    }
    for name, (shape, wanted) in expected.items():
        if shape != wanted:
            raise InputError(
                f"Argument `{name}` must have shape {wanted}, but its shape is {shape}. Check the "
                "numbers of atoms and bonds."
            )
    if dim not in (1, 2, 3):
        raise InputError(
            f"Argument `vectors` must hold 1, 2 or 3 vectors, but it holds {dim}. "
            "Give one row per direction."
        )
    if rows[:, :2].min() < 0 or rows[:, :2].max() >= atoms:
        raise InputError(
            f"Argument `bonds` must name atoms from 0 to {atoms - 1}, but they range from "
            f"{rows[:, :2].min()} to {rows[:, :2].max()}. "
            "Count atoms from 0."
        )


def _check_symmetry(crystal: HarmonicCrystal) -> None:
    """Phi_ab(n) = Phi_ba(-n)^T: force constants are second derivatives."""
    blocks = _checks.concrete(crystal.blocks)
    if blocks is None:
        return
    table: dict[tuple[int, ...], np.ndarray] = {}
    for row, block in zip(crystal.bonds, blocks, strict=True):
        table[row] = table.get(row, np.zeros((3, 3))) + block
    scale = np.abs(blocks).max(initial=1e-300)
    for row, block in table.items():
        reverse = (row[1], row[0], *(-n for n in row[2:]))
        defect = np.abs(block - table.get(reverse, np.zeros((3, 3))).T).max()
        if defect > 1e-8 * scale:
            raise InputError(
                f"Argument `blocks` must be symmetric, Phi_ab(n) = Phi_ba(-n)^T, but bond {row} "
                f"and its reverse differ by {defect:.1e} eV/angstrom^2. List both directions."
            )


def _warn_of_sum_rule(crystal: HarmonicCrystal) -> None:
    blocks = _checks.concrete(crystal.blocks)
    if blocks is None:
        return
    net = np.zeros((crystal.atom_count, 3, 3))
    np.add.at(net, np.asarray(crystal.bonds)[:, 0], blocks)
    scale, worst = np.abs(blocks).max(initial=1e-300), np.abs(net).max()
    if worst > _SUM_RULE * scale:
        warnings.warn(
            "Argument `blocks` must obey the acoustic sum rule, but the forces of a rigid shift "
            f"of the crystal sum to {worst:.2e} eV/angstrom^2, {worst / scale:.1e} of the largest "
            "force constant. Subtract them from the self terms, or pass `pinned=True` if the "
            "crystal is held from outside.",
            AccuracyWarning,
            stacklevel=3,
        )
