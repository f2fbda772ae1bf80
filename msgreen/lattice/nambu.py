"""Particle-hole doubling in the basis where spin is sigma x tau_0.

With Psi = (c_up, c_down, c^+_down, -c^+_up) a spin couples as S.sigma to particles and holes
alike, a hole block is the time-reversed particle block, -sigma_2 h* sigma_2, and a pairing
(psi + d.sigma) i sigma_2 becomes psi + d.sigma. A Green function is A + B.sigma as in a normal
host, A carrying the singlet and B the triplet correlations, with a particle-hole index among the
orbitals: orbital ``tau * orb_count + orb``, tau = 0 for particles.
"""

from collections.abc import Callable, Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float, Int, Num, Scalar
from msgreen.errors import InputError
from msgreen.lattice import HoppingModel, Lattice
from msgreen.lattice.bloch import wave
from msgreen.lattice.model import check_blocks, check_cells, check_same, swap_ends
from msgreen.spin.algebra import PAULI


class Pairing(eqx.Module):
    """A pair potential: blocks psi(R) + d(R).sigma between cells, the same or cell by cell.

    The Hamiltonian is 1/2 sum_ij c^+_i [(psi_ij + d_ij.sigma) i sigma_2] c^+_j + h.c.

    Parameters
    ----------
    lattice : Lattice
    cells : int array, shape (hop, dim)
    blocks : complex array, shape (hop, atom, 2 orb, atom, 2 orb)
        In eV, without the factor i sigma_2; leading axes as for `HoppingModel`.

    Raises
    ------
    InputError
        If Fermi statistics (particle-hole symmetry) is violated, naming the worst entry: psi must
        be even and d odd under exchange of the two electrons,
        M(R) = sigma_2 M(-R)^T sigma_2.
    """

    blocks: Complex[Array, "..."]
    lattice: Lattice = eqx.field(static=True)
    cells: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __init__(
        self, lattice: Lattice, cells: Int[ArrayLike, "hop dim"], blocks: Complex[ArrayLike, "..."]
    ):
        self.lattice = lattice
        self.cells = check_cells(cells)
        _checks.finite("blocks", blocks)
        self.blocks = jnp.asarray(blocks, complex)
        check_blocks("blocks", lattice, self.cells, self.blocks)
        partner = _flip(swap_ends(self.cells, self.blocks, lattice.dimension))
        check_same(
            self.cells,
            self.blocks,
            partner,
            "Argument `blocks` must respect particle-hole symmetry (psi even, d odd),",
            "what its partner demands",
        )

    def __add__(self, other: "Pairing") -> "Pairing":
        """Return the sum of two pair potentials, as for mixed parity."""
        cells = tuple(sorted({*self.cells, *other.cells}))
        total = on_cells(self.cells, self.blocks, cells) + on_cells(
            other.cells, other.blocks, cells
        )
        return Pairing(self.lattice, cells, total)

    def modulated(self, amplitude: Complex[ArrayLike, " *box"]) -> "Pairing":
        """Return the pairing times an amplitude that varies from cell to cell.

        Parameters
        ----------
        amplitude : complex array, shape (n_1, ..., n_dim)
            One number per cell of a finite box; a bond takes the mean of its two cells.
        """
        amplitude = jnp.asarray(amplitude).astype(complex)
        dim = self.lattice.dimension
        if amplitude.ndim != dim:
            raise InputError(
                f"Argument `amplitude` must have {dim} axes, one number per cell, but its shape is "
                f"{amplitude.shape}. "
                "Give it the shape of the region."
            )
        ends = [
            jnp.roll(amplitude, tuple(-n for n in cell), axis=tuple(range(dim)))
            for cell in self.cells
        ]
        mean = 0.5 * (amplitude[..., None] + jnp.stack(ends, axis=-1))
        blocks = mean[..., None, None, None, None] * self.blocks
        return Pairing(self.lattice, self.cells, blocks)


def s_wave(lattice: Lattice, amplitude: complex | Num[Array, ""], orbitals: int = 1) -> Pairing:
    """Return the on-site singlet pairing -Delta_s in every orbital.

    Parameters
    ----------
    lattice : Lattice
    amplitude : complex
        Delta_s in eV.
    orbitals : int

    References
    ----------
    Ouassou, Yokoyama, Linder, arXiv:2407.07144, Eq. 5.
    """
    _checks.number("amplitude", amplitude)
    _checks.whole_number("orbitals", orbitals, 1, 1000)
    size = lattice.atoms * 2 * orbitals
    unit = np.eye(size).reshape(1, lattice.atoms, -1, lattice.atoms, 2 * orbitals)
    return Pairing(lattice, [(0,) * lattice.dimension], _scaled(amplitude, -unit))


@jax.jit
def _scaled(amplitude, blocks) -> Complex[Array, "..."]:
    return jnp.asarray(amplitude).astype(complex) * jnp.asarray(blocks).astype(complex)


def p_wave(
    lattice: Lattice, amplitude: complex | Num[Array, ""], d_matrix: Complex[ArrayLike, "3 space"]
) -> Pairing:
    """Return the triplet pairing of nearest neighbours, d = -(Delta_p / 2) M n for the bond n.

    Parameters
    ----------
    lattice : Lattice
        With one orbital per atom.
    amplitude : complex
        Delta_p in eV.
    d_matrix : complex array, shape (3, space)
        M, which maps the unit vector n of a bond in real space to the d-vector. Paper O's
        d = i e_z p_x is ``1j`` at row z, column x.

    References
    ----------
    Ouassou, Yokoyama, Linder, arXiv:2407.07144, Eq. 5.
    """
    _checks.number("amplitude", amplitude)
    _checks.finite("d_matrix", d_matrix)
    _checks.shaped("d_matrix", d_matrix, (3, lattice.vectors.shape[1]))
    return _bond_pairing(lattice, amplitude, lambda units: _triplet(d_matrix, units))


@jax.jit
def _triplet(d_matrix, units) -> Complex[Array, "bond 2 2"]:
    matrix, units = (jnp.asarray(a).astype(complex) for a in (d_matrix, units))
    return jnp.einsum("ak,bk,ast->bst", matrix, units, jnp.asarray(PAULI[1:]))


def d_wave(
    lattice: Lattice, amplitude: complex | Num[Array, ""], form: Float[ArrayLike, "space space"]
) -> Pairing:
    """Return the singlet pairing of nearest neighbours, psi = -(Delta_d / 2) n.F.n for the bond n.

    Parameters
    ----------
    lattice : Lattice
        With one orbital per atom.
    amplitude : complex
        Delta_d in eV.
    form : array_like, shape (space, space)
        F, symmetric: diag(1, -1) gives d_{x^2 - y^2}; the identity gives extended s-wave.
    """
    space = lattice.vectors.shape[1]
    _checks.number("amplitude", amplitude)
    _checks.finite("form", form)
    _checks.shaped("form", form, (space, space))
    matrix = np.asarray(form, complex)

    def singlet(units):
        return np.einsum("bk,kl,bl->b", units, matrix, units)[:, None, None] * PAULI[0]

    return _bond_pairing(lattice, amplitude, singlet)


def _bond_pairing(lattice: Lattice, amplitude, form: Callable) -> Pairing:
    """-amplitude / 2 times the matrices (bond, 2, 2) that `form` gives for unit vectors."""
    shell = lattice.shells(1)[0]
    units = lattice.displacement(shell.bonds) / shell.distance
    cells = sorted({tuple(bond[:-2]) for bond in shell.bonds.tolist()})
    rows = [(cells.index(tuple(bond[:-2])), *bond[-2:]) for bond in shell.bonds.tolist()]
    blocks = _placed((len(cells), lattice.atoms), np.array(rows), form(units))
    return Pairing(lattice, cells, _scaled(-0.5 * amplitude, blocks))


@partial(jax.jit, static_argnums=0)
def _placed(counts: tuple[int, int], rows, blocks) -> Complex[Array, "..."]:
    """Blocks of bonds with the rows (hop, from, to) in H(R) of some hops and atoms."""
    hops, atoms = counts
    empty = jnp.zeros((hops, atoms, 2, atoms, 2), complex)
    return empty.at[rows[:, 0], rows[:, 1], :, rows[:, 2]].add(blocks)


def double(
    model: HoppingModel,
    pairing: Pairing,
    fermi_energy: Scalar,
    pair_momentum: Float[ArrayLike, " dim"],
) -> HoppingModel:
    """Return the Bogoliubov-de Gennes Hamiltonian of a normal model with a pair potential.

    Parameters
    ----------
    model : HoppingModel
    pairing : Pairing
    fermi_energy : float
        In eV; it becomes the zero of energy.
    pair_momentum : real array, shape (dim,)
        Q in units of the reciprocal vectors: the pair potential turns as exp(2 pi i Q.r). The
        result is in the gauge where it does not, c_r -> exp(i pi Q.r) c_r.

    Returns
    -------
    HoppingModel
        With twice the orbitals.

    Raises
    ------
    InputError
        If the two are not on the same lattice or have different numbers of orbitals.
    """
    if pairing.lattice != model.lattice or pairing.blocks.shape[-4:] != model.blocks.shape[-4:]:
        raise InputError(
            "Argument `pairing` must have the lattice and the orbitals of the normal host, but "
            f"its blocks are {pairing.blocks.shape[-4:]} and the host's "
            f"{model.blocks.shape[-4:]} on lattices of {pairing.lattice.atoms} and "
            f"{model.lattice.atoms} atoms. "
            "Build both from the same Lattice."
        )
    cells = tuple(sorted({*model.cells, *pairing.cells}))
    blocks = _doubled(cells, model, pairing, fermi_energy, pair_momentum)
    return HoppingModel(model.lattice, cells, blocks)


@eqx.filter_jit
def _doubled(cells, model, pairing, fermi_energy, pair_momentum) -> Complex[Array, "..."]:
    """Particles, holes and the pair potential between them, as one program for all that follows."""
    model = model.shifted(-jnp.asarray(fermi_energy, float))
    turn = wave(jnp.asarray(cells, float), 0.5 * jnp.asarray(pair_momentum, float))
    particle = turn[:, None, None, None, None] * on_cells(model.cells, model.blocks, cells)
    gap = on_cells(pairing.cells, pairing.blocks, cells)
    hole = -_flip(particle.conj())
    particle, gap = jnp.broadcast_arrays(particle, gap)
    hole, conjugate = jnp.broadcast_arrays(hole, _flip(gap.conj()))
    nambu = jnp.stack([jnp.stack([particle, gap]), jnp.stack([conjugate, hole])])
    atoms, size = model.blocks.shape[-4:-2]
    orbitals = size // 2
    nambu = nambu.reshape(2, 2, *particle.shape[:-4], atoms, 2, orbitals, atoms, 2, orbitals)
    nambu = jnp.moveaxis(nambu, (0, 1), (-6, -2))
    return nambu.reshape(*particle.shape[:-4], atoms, 2 * size, atoms, 2 * size)


def charge_phase(angle: Float[ArrayLike, "*batch"], orbitals: int) -> Complex[Array, "*batch orb"]:
    """Return exp(i angle) for the particle orbitals and exp(-i angle) for the hole orbitals."""
    sign = jnp.asarray(np.repeat([1.0, -1.0], orbitals))
    turned = jnp.asarray(angle)[..., None] * sign
    return jax.lax.complex(jnp.cos(turned), jnp.sin(turned))


@jax.jit
def _flip(blocks) -> Array:
    """sigma_2 M sigma_2 in the spin indices."""
    shape = blocks.shape
    orbitals = shape[-1] // 2
    split = blocks.reshape(*shape[:-3], 2, orbitals, shape[-2], 2, orbitals)
    sign = jnp.asarray([[1.0, -1.0], [-1.0, 1.0]]).astype(complex)
    flipped = split[..., ::-1, :, :, ::-1, :] * sign[:, None, None, :, None]
    return flipped.reshape(shape)


@partial(jax.jit, static_argnums=(0, 2))
def on_cells(
    old: Sequence[tuple[int, ...]], blocks: Complex[Array, "..."], new: Sequence[tuple[int, ...]]
) -> Array:
    """Return blocks listed for other cells, zero where there were none."""
    rows = np.array([new.index(cell) for cell in old])
    shape = (*blocks.shape[:-5], len(new), *blocks.shape[-4:])
    return jnp.zeros(shape, complex).at[..., rows, :, :, :, :].set(blocks)
