"""Hopping models: a Hamiltonian as blocks H(R) between the cells of a lattice."""

from collections.abc import Iterable, Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Int, Scalar
from msgreen.errors import InputError
from msgreen.lattice.geometry import Lattice
from msgreen.spin.algebra import PAULI

Term = tuple[Sequence[int], int, int, ArrayLike]


class HoppingModel(eqx.Module):
    """H(R) = <cell r| H |cell r + R>, the same in every cell or given cell by cell.

    Parameters
    ----------
    lattice : Lattice
    cells : int array, shape (hop, dim)
        The vectors R in units of the Bravais vectors; with R also -R.
    blocks : complex array, shape (hop, atom, 2 orb, atom, 2 orb)
        H(R) in eV; in the spin-orbital index of an atom spin is the slow index. With leading axes
        (n_1, ..., n_dim, hop, ...) the blocks belong to the cells of a finite box, which makes the
        system inhomogeneous.

    Raises
    ------
    InputError
        If the Hamiltonian is not Hermitian, H(R) != H(-R)^dagger, naming the worst entry.
    """

    blocks: Complex[Array, "..."]
    lattice: Lattice = eqx.field(static=True)
    cells: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __init__(
        self, lattice: Lattice, cells: Int[ArrayLike, "hop dim"], blocks: Complex[ArrayLike, "..."]
    ):
        require_x64("HoppingModel")
        self.lattice = lattice
        self.cells = check_cells(cells)
        _checks.finite("blocks", blocks)
        self.blocks = jnp.asarray(blocks, complex)
        check_blocks("blocks", lattice, self.cells, self.blocks)
        partner = swap_ends(self.cells, self.blocks, lattice.dimension).conj()
        check_same(
            self.cells,
            self.blocks,
            partner,
            "Argument `blocks` must be Hermitian, H(R) = H(-R)^dagger,",
            "the conjugate of its partner",
        )

    @property
    def orbitals(self) -> int:
        """Number of orbitals per atom, spin not counted."""
        return self.blocks.shape[-1] // 2

    @property
    def local(self) -> bool:
        """Whether the blocks are given cell by cell."""
        return self.blocks.ndim > 5

    @property
    def size(self) -> int:
        """Dimension of the matrix of one cell."""
        return self.lattice.atoms * self.blocks.shape[-1]

    def matrices(self) -> Complex[Array, "*cell hop size size"]:
        """Return the blocks as square matrices of the cell."""
        return self.blocks.reshape(*self.blocks.shape[:-4], self.size, self.size)

    def bound(self) -> float:
        """Return an upper bound of the absolute value of all levels, in eV."""
        rows = np.abs(np.asarray(self.matrices())).sum(axis=(-3, -1))
        return float(rows.max())

    def shifted(self, energy: Scalar) -> "HoppingModel":
        """Return the model with `energy` (eV) added to the diagonal."""
        home = self.cells.index((0,) * self.lattice.dimension)
        size = self.blocks.shape[-1] * self.lattice.atoms
        unit = jnp.eye(size, dtype=complex).reshape(self.blocks.shape[-4:])
        shift = jnp.asarray(energy).astype(complex) * unit
        return eqx.tree_at(
            lambda m: m.blocks, self, self.blocks.at[..., home, :, :, :, :].add(shift)
        )

    def with_local(self, potential: Complex[ArrayLike, "..."]) -> "HoppingModel":
        """Return the model with an on-site potential in every cell of a finite box: disorder.

        Parameters
        ----------
        potential : array, shape (n_1, ..., n_dim, atom) or (..., atom, 2 orb, 2 orb)
            In eV: a number, or a Hermitian matrix, for every site.
        """
        home = self.cells.index((0,) * self.lattice.dimension)
        dim, size = self.lattice.dimension, self.blocks.shape[-1]
        potential = jnp.asarray(potential).astype(complex)
        if potential.ndim == dim + 1:
            potential = potential[..., None, None] * jnp.eye(size, dtype=complex)
        if potential.ndim != dim + 3 or potential.shape[dim:] != (self.lattice.atoms, size, size):
            raise InputError(
                "Argument `potential` must have one number or one matrix per site, but its shape "
                f"is {potential.shape}. Cells come first, then atoms."
            )
        unit = jnp.eye(self.lattice.atoms, dtype=complex)
        onsite = jnp.einsum("...aij,ab->...aibj", potential, unit)
        box = potential.shape[:dim]
        blocks = jnp.broadcast_to(self.blocks, (*box, *self.blocks.shape[-5:]))
        blocks = blocks.at[..., home, :, :, :, :].add(onsite)
        return HoppingModel(self.lattice, self.cells, blocks)


def check_cells(cells: Int[ArrayLike, "hop dim"]) -> tuple[tuple[int, ...], ...]:
    """Return cells as tuples of integers, or raise InputError."""
    array = np.asarray(_checks.numbers("cells", cells, "iu"))
    if array.ndim != 2 or not len(array):
        raise InputError(
            f"Argument `cells` must be an int array of shape (hop, dim), but its shape is "
            f"{array.shape}. Give one vector R per block."
        )
    return tuple(map(tuple, array.tolist()))


def check_blocks(
    name: str, lattice: Lattice, cells: Sequence[tuple[int, ...]], blocks: Complex[Array, "..."]
) -> None:
    """Raise InputError unless `blocks` fit the lattice and `cells` hold -R with every R once."""
    if len(set(cells)) < len(cells) or any(len(cell) != lattice.dimension for cell in cells):
        raise InputError(
            f"Argument `cells` must hold different vectors of {lattice.dimension} integers, but it "
            f"is {cells}. Give every R once."
        )
    for cell in cells:
        if tuple(-n for n in cell) not in cells:
            raise InputError(
                f"Argument `cells` must hold -R with every R, but it lacks the partner of {cell}. "
                "Add it with the conjugate transposed block."
            )
    tail = blocks.shape[-4:]
    dimensions = 5 + lattice.dimension if blocks.ndim > 5 else 5
    right = blocks.ndim == dimensions and blocks.shape[-5] == len(cells)
    if not right or tail[:2] != tail[2:] or tail[0] != lattice.atoms or tail[1] % 2:
        raise InputError(
            f"Argument `{name}` must have shape ({len(cells)}, {lattice.atoms}, 2 orb, "
            f"{lattice.atoms}, 2 orb), with one axis per dimension in front if it differs from "
            f"cell to cell, but its shape is {blocks.shape}. Reshape it; spin is the slow index."
        )


@partial(jax.jit, static_argnums=(0, 2))
def swap_ends(cells: Sequence[tuple[int, ...]], blocks: Array, dimension: int) -> Array:
    """Return for every block M(r, R) the transpose of the block M(r + R, -R)."""
    moved = []
    for cell in cells:
        back = blocks[..., cells.index(tuple(-n for n in cell)), :, :, :, :]
        if back.ndim > 4:
            back = jnp.roll(back, tuple(-n for n in cell), axis=tuple(range(dimension)))
        moved.append(jnp.moveaxis(back, (-4, -3), (-2, -1)))
    return jnp.stack(moved, axis=-5)


def check_same(
    cells: Sequence[tuple[int, ...]],
    blocks: Complex[Array, "..."],
    partner: Complex[Array, "..."],
    demand: str,
    against: str,
) -> None:
    """Raise InputError, naming the worst entry, unless `blocks` and `partner` agree."""
    one, two = _checks.concrete(blocks), _checks.concrete(partner)
    if one is None or two is None:
        return
    defect = np.abs(one - two)
    if defect.max(initial=0) <= 1e-10 * max(1.0, np.abs(one).max()):
        return
    *cell, hop, atom, i, other, j = map(int, np.unravel_index(defect.argmax(), one.shape))
    place = f" of cell {tuple(cell)}" if cell else ""
    raise InputError(
        f"{demand} but at R = {cells[hop]}{place} the entry of atom {atom} (spin-orbital {i}) and "
        f"atom {other} (spin-orbital {j}) differs from {against} by {defect.max():.1e}. Correct "
        "one of them."
    )


def hopping_model(lattice: Lattice, terms: Iterable[Term]) -> HoppingModel:
    """Return the model of a list of hoppings; the conjugate of every hopping is added.

    Parameters
    ----------
    lattice : Lattice
    terms : iterable of (cell, from, to, block)
        H between atom `from` of the cell at the origin and atom `to` of the cell `cell`, in eV:
        a number, a matrix (2, 2) of one orbital, or (2 orb, 2 orb) with spin slow. Each bond is
        named once, from one of its ends; terms of the same bond and end are added. An on-site block
        (cell 0, from = to) must be Hermitian and is not doubled.

    Returns
    -------
    HoppingModel

    Raises
    ------
    InputError
        If there is no term, an atom does not exist, a bond is named from both ends, or a block is
        no matrix of spin and orbitals.
    """
    require_x64("hopping_model")
    entries = [_entry(lattice, number, term) for number, term in enumerate(terms)]
    if not entries:
        raise InputError(
            "Argument `terms` must hold at least one hopping, but it is empty. Give rows of (cell, "
            "from, to, block)."
        )
    _check_named_once([entry[:3] for entry in entries])
    home = (0,) * lattice.dimension
    found = {cell for cell, *_ in entries} | {home}
    cells = sorted(found | {tuple(-n for n in cell) for cell in found})
    bonds = tuple(entry[:3] for entry in entries)
    blocks = _assembled(tuple(cells), lattice.atoms, bonds, [entry[3] for entry in entries])
    return HoppingModel(lattice, cells, blocks)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _assembled(cells, atoms: int, bonds, terms: list[Array]) -> Complex[Array, "..."]:
    """Blocks H(R) of the terms of bonds (cell, from, to), and of their conjugates."""
    terms = [jnp.asarray(block).astype(complex) for block in terms]
    terms = [block if block.ndim else block * jnp.eye(2, dtype=complex) for block in terms]
    size = max(block.shape[-1] for block in terms)
    blocks = jnp.zeros((len(cells), atoms, size, atoms, size), complex)
    for (cell, start, end), block in zip(bonds, terms, strict=True):
        block = jnp.kron(block, jnp.eye(size // block.shape[-1], dtype=complex))
        blocks = blocks.at[cells.index(cell), start, :, end, :].add(block)
        if any(cell) or start != end:
            back = cells.index(tuple(-n for n in cell))
            blocks = blocks.at[back, end, :, start, :].add(block.conj().T)
    return blocks


def shell_model(
    lattice: Lattice,
    hoppings: Sequence,
    *,
    onsite: ArrayLike = 0.0,
    exchange: ArrayLike | Sequence = (0.0, 0.0, 0.0),
    rashba: ArrayLike = 0.0,
) -> HoppingModel:
    """Return the one-orbital model with one hopping per shell of neighbours.

    Parameters
    ----------
    lattice : Lattice
        In the xy plane if there is a Rashba coupling.
    hoppings : sequence of float
        Matrix elements of H in eV for the first, second, ... shell: usually -t.
    onsite : float or real array, shape (atom,)
        Energy of the orbital in eV.
    exchange : real array, shape (3,) or (atom, 3)
        Exchange field b in eV: the term b.sigma, a splitting of 2 abs(b). A ferromagnet with
        moments along e and splitting Delta has b = -Delta e / 2.
    rashba : float
        Coupling of first neighbours in eV: i rashba (d x z).sigma for the unit bond vector d.
        On the square lattice this is -alpha (k x z).sigma at small k, alpha = 2 rashba a.

    Returns
    -------
    HoppingModel
        Differentiable with respect to all parameters.
    """
    require_x64("shell_model")
    atoms = lattice.atoms
    shapes = {"onsite": ((), (atoms,)), "exchange": ((3,), (atoms, 3)), "rashba": ((),)}
    for name, value in (("onsite", onsite), ("exchange", exchange), ("rashba", rashba)):
        _checks.shaped(name, value, *shapes[name])
        _checks.finite(name, value)
    if isinstance(hoppings, str) or not len(hoppings):
        raise InputError(
            "Argument `hoppings` must hold one number per shell of neighbours, but it is "
            f"{hoppings!r}. Give that of the first shell at least."
        )
    for hopping in hoppings:
        _checks.shaped("hoppings", hopping, ())
        _checks.finite("hoppings", hopping)
    home = (0,) * lattice.dimension
    places: list = [(home, a, a) for a in range(atoms)]
    kinds, normals = [], []
    for number, shell in enumerate(lattice.shells(len(hoppings))):
        along = lattice.displacement(shell.bonds) / shell.distance
        for bond, unit in zip(shell.bonds.tolist(), along, strict=True):
            cell, start, end = tuple(bond[:-2]), bond[-2], bond[-1]
            if (cell, start, end) > (tuple(-n for n in cell), end, start):
                places.append((cell, start, end))
                kinds.append(number)
                spun = number == 0 and len(unit) > 1
                normals.append(unit[1] * PAULI[1] - unit[0] * PAULI[2] if spun else 0 * PAULI[0])
    directions = np.array(normals).reshape(-1, 2, 2)
    values = list(hoppings), onsite, exchange, rashba
    terms = _shell_terms(*values, atoms, tuple(kinds), directions)
    return hopping_model(
        lattice, [(*place, term) for place, term in zip(places, terms, strict=True)]
    )


@partial(jax.jit, static_argnames=("atoms", "shells"))
def _shell_terms(hoppings, onsite, exchange, rashba, atoms: int, shells, normals) -> list[Array]:
    """Blocks of the atoms, then of the bonds: hopping of the shell + i rashba (d x z).sigma."""
    field = jnp.broadcast_to(jnp.asarray(exchange, float), (atoms, 3))
    energy = jnp.broadcast_to(jnp.asarray(onsite, float), (atoms,))
    parts = jnp.concatenate([energy[:, None], field], axis=1).astype(complex)
    diagonal = jnp.einsum("ap,pst->ast", parts, jnp.asarray(PAULI))
    spinless = jnp.stack([jnp.asarray(value).astype(complex) for value in hoppings])
    spun = 1j * jnp.asarray(rashba).astype(complex) * normals
    bonds = spinless[np.array(shells, int), None, None] * PAULI[0] + spun
    return [*diagonal, *bonds]


def _entry(lattice: Lattice, number: int, term: Term):
    """Return one term with its cell as a tuple and its block as a matrix, checked."""
    try:
        cell, start, end, block = term
    except (TypeError, ValueError) as error:
        raise InputError(
            "Argument `terms` must hold rows of (cell, from, to, block), but term "
            f"{number} is {term!r}. Give all four."
        ) from error
    place = _checks.numbers("terms", [*np.ravel(cell), start, end], "iu")
    if place is None or place.shape != (lattice.dimension + 2,):
        raise InputError(
            f"Argument `terms` must hold cells of {lattice.dimension} integers, but that of term "
            f"{number} is {cell!r}. Count in Bravais vectors."
        )
    *cell, start, end = place.tolist()
    for atom in (start, end):
        if not 0 <= atom < lattice.atoms:
            raise InputError(
                f"Argument `terms` must name atoms from 0 to {lattice.atoms - 1}, but term "
                f"{number} names atom {atom}. Count atoms from 0."
            )
    _checks.finite("terms", block)
    shape = np.shape(block)
    if shape and (len(shape) != 2 or shape[0] != shape[1] or shape[0] % 2):
        raise InputError(
            "Argument `terms` must hold numbers or square matrices (2 orb, 2 orb), but the block "
            f"of term {number} has shape {shape}. Spin is the slow index."
        )
    return tuple(cell), start, end, block


def _check_named_once(bonds) -> None:
    """Refuse bonds named from both of their ends, which would count twice."""
    known = {bond: number for number, bond in enumerate(bonds)}
    for number, (cell, start, end) in enumerate(bonds):
        reverse = (tuple(-n for n in cell), end, start)
        if reverse in known and reverse != (cell, start, end):
            raise InputError(
                "Argument `terms` must name each bond from one of its ends, but terms "
                f"{number} and {known[reverse]} are the same bond seen from both: cell {cell}, "
                f"atoms {start} and {end}. Remove one of them; its conjugate is added."
            )
