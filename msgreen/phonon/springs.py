"""Crystals made of masses and springs, and a helical chain with chiral phonons."""

from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float, Scalar
from msgreen.errors import InputError
from msgreen.phonon.crystal import HarmonicCrystal


class Spring(NamedTuple):
    """A spring between atom `a` of a cell and atom `b` of the cell `cell` further on.

    `along` and `across` are its stiffness for displacements along the bond and across it, in
    eV/angstrom^2.
    """

    a: int
    b: int
    cell: tuple[int, ...]
    along: float
    across: float = 0.0


def mass_spring(
    vectors: Float[ArrayLike, "dim 3"],
    basis: Float[ArrayLike, "atom 3"],
    masses: Float[ArrayLike, " atom"],
    springs: Iterable[Spring],
    *,
    pinning: Scalar | Float[ArrayLike, " atom"] = 0.0,
) -> HarmonicCrystal:
    """Return the crystal of masses joined by springs.

    Parameters
    ----------
    vectors : real array, shape (dim, 3)
        Lattice vectors in angstrom.
    basis : real array, shape (atom, 3)
        In angstrom.
    masses : real array, shape (atom,)
        In atomic mass units.
    springs : sequence of Spring
        Every spring once; its reverse and the self terms follow from the acoustic sum rule.
    pinning : float or real array, shape (atom,)
        Stiffness in eV/angstrom^2 that holds every atom at its place.

    Returns
    -------
    HarmonicCrystal
        Differentiable with respect to stiffness, masses and geometry.

    Raises
    ------
    InputError
        If a spring joins an atom to itself or its ends coincide.

    Examples
    --------
    A chain with the dispersion 2 sqrt(K / M) sin(q a / 2) along it:

    >>> chain = mass_spring([[2.0, 0, 0]], [[0, 0, 0]], [50.0], [Spring(0, 0, (1,), 5.0, 1.0)])
    >>> import numpy as np
    >>> from msgreen.phonon.crystal import HBAR2_OVER_U
    >>> top = np.sqrt(chain.squared_energies([[0.5]])[0, -1])
    >>> bool(np.isclose(top, 2 * np.sqrt(HBAR2_OVER_U * 5.0 / 50.0)))
    True
    """
    for name, value in {"vectors": vectors, "basis": basis, "masses": masses}.items():
        _checks.finite(name, value)
    _checks.shaped("basis", basis, ("atom", 3), (3,))
    _checks.shaped("vectors", vectors, ("dim", 3), (3,))
    vectors = jnp.atleast_2d(jnp.asarray(vectors, float))
    basis = jnp.atleast_2d(jnp.asarray(basis, float))
    home = (0,) * vectors.shape[0]
    _checks.finite_array("pinning", pinning, (), basis.shape[:1])
    stiffness = jnp.broadcast_to(jnp.asarray(pinning, float), basis.shape[:1])
    held = _checks.concrete(pinning)
    pinned = True if held is None else bool(np.any(held != 0))
    blocks = [*(stiffness[:, None, None] * np.eye(3))]
    bonds = [(a, a, *home) for a in range(len(basis))]
    for spring in _check_springs(springs):
        a, b, cell, along, across = spring
        _check_ends(spring, len(basis), len(home))
        if a == b and tuple(cell) == home:
            raise InputError(
                f"Argument `springs` must join different atoms, but {spring} joins an atom to "
                "itself. Use `pinning` to hold an atom at its place."
            )
        ends = (vectors, basis, np.array([a, b]), np.array(cell, float))
        block = _spring_block(ends, along, across)
        blocks += [-block, -block, block, block]
        bonds += [(a, b, *cell), (b, a, *(-n for n in cell)), (a, a, *home), (b, b, *home)]
    return HarmonicCrystal(
        vectors, basis, masses, jnp.stack(blocks), np.array(bonds), pinned=pinned
    )


@jax.jit
def _spring_block(ends, along, across) -> Array:
    """Return the force constants between the two atoms of a spring, with a plus sign."""
    vectors, basis, (a, b), cell = ends
    reach = basis[b] + cell @ vectors - basis[a]
    direction = reach / jnp.linalg.norm(reach)
    line = jnp.outer(direction, direction)
    return along * line + across * (jnp.eye(3) - line)


def _check_ends(spring: Spring, atoms: int, dimension: int) -> None:
    *cell, a, b = place = np.array([*np.ravel(spring.cell), spring.a, spring.b])
    whole = np.issubdtype(place.dtype, np.integer)
    if not whole or len(cell) != dimension or not (0 <= a < atoms and 0 <= b < atoms):
        raise InputError(
            f"Argument `springs` must join atoms from 0 to {atoms - 1} over cells of {dimension} "
            f"integers, but one is {spring}. Count atoms from 0."
        )


def helical_chain(
    atoms_per_turn: int,
    *,
    radius: Scalar,
    pitch: float,
    mass: float,
    springs: Iterable[tuple[int, float, float]],
    pinning: Scalar = 0.0,
    handedness: int = 1,
) -> HarmonicCrystal:
    """Return a helix of equal atoms along z; its phonons are chiral where the radius is not zero.

    Parameters
    ----------
    atoms_per_turn : int
        At least 3.
    radius : float
        In angstrom; at zero the helix is a straight chain, which has inversion symmetry.
    pitch : float
        Rise per turn in angstrom.
    mass : float
        In atomic mass units.
    springs : sequence of (int, float, float)
        Neighbour along the helix, stiffness along and across the bond in eV/angstrom^2.
    pinning : float
        Stiffness in eV/angstrom^2 that holds every atom.
    handedness : int
        +1 for a right-handed helix, -1 for its mirror image.

    Raises
    ------
    InputError
        If the handedness is not 1 or -1 or there are fewer than three atoms in a turn.
    """
    _check_turn(atoms_per_turn, handedness)
    _checks.number("radius", radius)
    for name, value in {"pitch": pitch, "mass": mass}.items():
        _checks.positive_number(name, value)
    for row in springs:
        if len(np.shape(row)) != 1 or len(row) != 3 or not isinstance(row[0], (int, np.integer)):
            raise InputError(
                "Argument `springs` must hold a neighbour and two stiffnesses each, but one is "
                f"{row!r}. Give (1, 5.0, 1.0) for the next atom."
            )
    step = np.arange(atoms_per_turn)
    angle = handedness * 2 * np.pi * step / atoms_per_turn
    basis = jnp.stack(
        [radius * np.cos(angle), radius * np.sin(angle), pitch * step / atoms_per_turn], axis=1
    )
    joined = [
        Spring(a, (a + n) % atoms_per_turn, ((a + n) // atoms_per_turn,), along, across)
        for a in range(atoms_per_turn)
        for n, along, across in springs
    ]
    masses = jnp.full(atoms_per_turn, mass)
    return mass_spring([[0, 0, pitch]], basis, masses, joined, pinning=pinning)


def screw_couplings(
    atoms_per_turn: int, coupling: Float[ArrayLike, "3 3"], handedness: int = 1
) -> jnp.ndarray:
    """Return the couplings of all atoms of a helix from that of the first, by the screw axis.

    Parameters
    ----------
    atoms_per_turn : int
    coupling : real array, shape (3, 3)
        Spin-lattice coupling of atom 0 in eV/angstrom.
    handedness : int

    Returns
    -------
    real array, shape (atom, 3, 3)
    """
    _check_turn(atoms_per_turn, handedness)
    _checks.finite_array("coupling", coupling, (3, 3))
    angle = handedness * 2 * np.pi * np.arange(atoms_per_turn) / atoms_per_turn
    zero, one = np.zeros_like(angle), np.ones_like(angle)
    rotation = np.array(
        [
            [np.cos(angle), -np.sin(angle), zero],
            [np.sin(angle), np.cos(angle), zero],
            [zero, zero, one],
        ]
    ).transpose(2, 0, 1)
    return jnp.einsum("nab,bc,ndc->nad", rotation, jnp.asarray(coupling, float), rotation)


LONGEST_TURN = 1000
"""Atoms per turn. A helix of 300 took 6 s of a processor, in proportion to the atoms."""


def _check_turn(atoms: int, handedness: int) -> None:
    _checks.whole_number("atoms_per_turn", atoms, 3, LONGEST_TURN)
    _checks.number("handedness", handedness)
    if handedness not in (1, -1):
        raise InputError(
            f"Argument `handedness` must be 1 or -1, but it is {handedness}. Choose one."
        )


def _check_springs(springs: Iterable[Spring]) -> list[Spring]:
    """Return `springs` as a list, refusing what is none."""
    found = springs if isinstance(springs, str) else list(springs)
    for spring in found:
        stiffness = spring[3:] if isinstance(spring, tuple) and len(spring) == 5 else None
        if stiffness is None:
            raise InputError(
                f"Argument `springs` must hold objects `Spring`, but one is {spring!r}. Give "
                "Spring(a, b, cell, along, across)."
            )
        _checks.finite("springs", stiffness[0])
        _checks.finite("springs", stiffness[1])
    return list(found)
