"""A magnet in Wannier functions or other localised orbitals: H(R) of a real material as a host.

In a basis of real orbitals the time-odd part of H is the exchange field b(R), a vector in spin
space, and the time-even part is all the rest, spin-orbit coupling included. An atom's share of b is
what turns with its moment, its vertex:

- "bond" (the default): half of the splitting of every bond belongs to either end,
  V_i(e) = (P_i b + b P_i)/2 (e - e0).sigma. With X_i = [P_i, b P_i] this is a local scatterer on
  doubled orbitals, V_i = X_i [tau_x/2 (x) (e - e0).sigma] X_i^+, seen by the Green function
  X_i^+ G X_j. Summed over all atoms it is the rotation of everything, which costs nothing.
- "onsite": the block b_ii of the home cell only, as in most programs. What lies between cells does
  not turn.

Orbitals of different atoms may overlap, by S(R) for either spin: the resolvent is (z S - H)^-1. It
is the exchange field that turns, and S does not, so that no vertex depends on the energy. But
halves of b between given orbitals would not belong to the atoms: an orbital that reaches into a
neighbour feels the field there, and in iron from SIESTA turning one moment would gain energy.
"bond" therefore takes halves between Löwdin's orbitals, W = S^(1/2):

    V_i = (W P_i W^-1 b + b W^-1 P_i W)/2 (e - e0).sigma,   X_i = [W P_i, b W^-1 P_i],

which sum to the rotation of everything for any W. "onsite" is the block between given orbitals.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Energies, Float, Int, Num, Pairs, Sites
from msgreen.contour import Contour, matsubara
from msgreen.errors import InputError
from msgreen.hosts.base import AbstractHost, Coarse, check_pairs
from msgreen.lattice import Lattice, magnetic
from msgreen.lattice.bloch import LADDER, atom_blocks, check_reach, error_ratio, torus_box
from msgreen.lattice.overlap import between_loewdin, loewdin, overlap_box, with_overlap
from msgreen.scattering.exchange_field import ExchangeField
from msgreen.spin.algebra import Green, decompose

Vertex = Literal["bond", "onsite"]

MAGNETIC = 0.05
"""Share of the largest splitting, by trace, of a magnetic atom: O in SrMnO3 has 0.03, Te 0.01."""

BAND_MESH = 8
"""Points per direction for the extremes of the bands: 24 find the same in iron, SrMnO3, CrSTe."""


class WannierHost(AbstractHost):
    """An ordered magnet given by its Hamiltonian between localised orbitals.

    Parameters
    ----------
    lattice : Lattice
        In three dimensions; its basis are the atoms.
    cells : int array, shape (cell, 3)
        R; with R also -R.
    matrices : complex array, shape (spin, cell, orb, orb)
        H(R) in eV of spin up and down, moments along z; or, with spin-orbit coupling, shape
        (1, cell, 2 orb, 2 orb) with spin as the slow index and moments along `axis`.
    atom_of : int array, shape (orb,)
        The atom of every orbital.
    fermi_energy, temperature : float
        E_F and k_B T in eV, differentiable leaves.
    vertex : {"bond", "onsite"}
    axis : real array, shape (3,)
        Direction of the moments, that of the largest if they are antiparallel. With spin-orbit
        coupling the whole exchange field b(R) of the matrices is turned there, which leaves the
        spin-orbit coupling as it is.
    overlap : complex array, shape (cell, orb, orb), optional
        S(R) of the orbitals of either spin; by default they are orthonormal.
    atoms : sequence of int, optional
        The magnetic ones; by default those with a splitting of at least 5 % of the largest.
    mesh : int, optional
        Points per direction for `blocks`. By default every energy gets what `accuracy` asks for.
    accuracy : float
        Largest estimated error of G, relative to its largest entry, for chosen meshes.

    Raises
    ------
    InputError
        If shapes do not fit, the Hamiltonian is not Hermitian, the overlap not positive definite,
        nothing is magnetic, a number has no meaning, or E_F lies outside the bands.

    Notes
    -----
    `sites` are int arrays (site, 4): cell coordinates and the atom. Sites whose atoms have fewer
    orbitals than others are filled with zeros.
    """

    nambu: ClassVar[bool] = False

    sectors: Complex[Array, "sector n1 n2 n3 size size"]
    splitting: Complex[Array, "n1 n2 n3 orb orb"]
    overlap: Complex[Array, "n1 n2 n3 orb orb"] | None
    frame: Complex[Array, "m1 m2 m3 orb orb"] | None
    fermi_energy: Float[Array, ""]
    temperature: Float[Array, ""]
    lattice: Lattice = eqx.field(static=True)
    atom_of: tuple[int, ...] = eqx.field(static=True)
    atoms: tuple[int, ...] = eqx.field(static=True)
    vertex: Vertex = eqx.field(static=True)
    axis: tuple[float, float, float] = eqx.field(static=True)
    signs: tuple[int, ...] = eqx.field(static=True)
    real: bool = eqx.field(static=True)
    band: tuple[float, float] = eqx.field(static=True)
    made_at: float = eqx.field(static=True)
    mesh: int | None = eqx.field(static=True)
    accuracy: float = eqx.field(static=True)

    def __init__(
        self,
        lattice: Lattice,
        cells: Int[ArrayLike, "cell 3"],
        matrices: ArrayLike,
        atom_of: Int[ArrayLike, " orb"],
        *,
        fermi_energy: ArrayLike,
        temperature: float,
        vertex: Vertex = "bond",
        axis: Float[ArrayLike, "3"] = (0.0, 0.0, 1.0),
        overlap: ArrayLike | None = None,
        atoms: Sequence[int] | None = None,
        mesh: int | None = None,
        accuracy: float = 1e-9,
    ):
        require_x64("WannierHost")
        _checks.positive_number("temperature", temperature, "k_B T in eV")
        _checks.positive_number("accuracy", accuracy)
        _checks.number("fermi_energy", fermi_energy)
        _checks.finite_array("axis", axis, (3,))
        _checks.unit_vectors("axis", np.asarray(axis, float)[None])
        if vertex not in ("bond", "onsite"):
            raise InputError(
                f'Argument `vertex` must be "bond" or "onsite", but it is {vertex!r}. "bond" turns '
                "the whole moment."
            )
        if mesh is not None and mesh < 2:
            raise InputError(f"Argument `mesh` must be at least 2, but it is {mesh}. Raise it.")
        cells, orbitals = np.asarray(cells, int), np.asarray(atom_of, int)
        direction, known = np.asarray(axis, float), magnetic.known_matrices("matrices", matrices)
        magnetic.check_hamiltonian(known, cells, orbitals, lattice)
        self.lattice, self.atom_of = lattice, tuple(orbitals.tolist())
        parts = magnetic.turn_field(known, cells, orbitals, direction)
        self.sectors, self.splitting = (jnp.asarray(magnetic.boxed(cells, x)) for x in parts)
        self.overlap, self.frame = None, None
        if overlap is not None:
            self.overlap = jnp.asarray(overlap_box(overlap, cells, len(orbitals)))
            self.frame = loewdin(self.overlap) if vertex == "bond" else None
        self.fermi_energy = jnp.asarray(fermi_energy, float)
        self.temperature, self.made_at = jnp.asarray(temperature, float), float(temperature)
        self.vertex, self.mesh, self.accuracy = vertex, mesh, float(accuracy)
        self.axis = tuple(direction.tolist())
        given = [known] if overlap is None else [known, overlap]
        self.real = len(known) == 2 and not any(np.any(np.imag(x)) for x in given)
        self.atoms, self.signs = self._magnetic(atoms)
        self.band = self._extremes()

    @property
    def spin_orbit(self) -> bool:
        """Whether one matrix holds both spins."""
        return len(self.sectors) == 1

    @property
    def reach(self) -> tuple[int, int, int]:
        """Largest R of H(R) in every direction."""
        a, b, c = (width // 2 for width in self.sectors.shape[1:4])
        return a, b, c

    def uniform(self, count: int) -> tuple[int, int, int]:
        """Return a mesh of so many points in every direction in which electrons move."""
        a, b, c = (count if reach else 1 for reach in self.reach)
        return a, b, c

    def onsite(self) -> "WannierHost":
        """Return the same electrons for the vertex "onsite", whose Green function costs less."""
        plain = eqx.tree_at(lambda h: h.frame, self, None, is_leaf=lambda x: x is None)
        object.__setattr__(plain, "vertex", "onsite")
        return plain

    def orbitals(self, atom: int) -> np.ndarray:
        """Return the numbers of an atom's orbitals."""
        return np.flatnonzero(np.array(self.atom_of) == atom)

    def blocks(self, z: Energies, sites: Sites, pairs: Pairs) -> Green:
        """Return G_ij(z) on the orbitals of the vertex; see `AbstractHost.blocks`."""
        return self.blocks_and_coarse(z, sites, pairs)[0]

    def blocks_and_coarse(self, z: Energies, sites: Sites, pairs: Pairs) -> tuple[Green, Coarse]:
        """Return G_ij(z) from two meshes; see `AbstractHost.blocks_and_coarse`."""
        rows = self.lattice.check_sites(sites)
        pairs = check_pairs(pairs, len(rows))
        start, end = rows[pairs[:, 0]], rows[pairs[:, 1]]
        steps = end[:, :3] - start[:, :3]
        reach = tuple(np.abs(steps).max(axis=0, initial=0).tolist())
        fine, coarse, ratios = [], [], []
        for energy in jnp.asarray(z, complex):
            found = self._converged(energy, reach)
            for kept, box in zip((fine, coarse), found[:2], strict=True):
                kept.append(self.cut(box, steps, start[:, 3], end[:, 3]))
            ratios.append(found[2])
        green = [decompose(self._spinors(jnp.stack(kept))) for kept in (fine, coarse)]
        return green[0], Coarse(green[1], jnp.array(ratios))

    def contour(self, sites: Sites | None = None) -> Contour:
        """Return poles of the Fermi function for the bands and 20 % more.

        Wherever in the bands E_F lies: their number is the same while JAX traces it, and is that
        of the temperature with which the host was made while JAX traces the temperature.
        """
        low, high = self.band
        known = _checks.concrete(self.temperature)
        ratio = (0.6 + 0.5) * (high - low) / (self.made_at if known is None else float(known))
        return matsubara(self.temperature, self.fermi_energy, ratio=ratio)

    def has_levels(self, low: float, high: float) -> bool:
        """Whether the bands reach into an interval; see `AbstractHost.has_levels`."""
        return low < self.band[1] and high > self.band[0]

    def scatterer(self, sites: Sites) -> ExchangeField:
        """Return the scatterers of sites, about their moments along the axis or against it."""
        rows = self.lattice.check_sites(sites)
        field = jnp.stack([self.vertex_of(int(atom)) for atom in rows[:, 3]])
        return ExchangeField(field, np.outer(np.array(self.signs)[rows[:, 3]], self.axis))

    def vertex_of(self, atom: int) -> Complex[Array, "orb orb"]:
        """Return v_i of an atom in eV: its block of b, or tau_x/2 on doubled orbitals.

        With the sign of its moment, as v_i multiplies a unit vector along the moment, and b lies
        along the axis.
        """
        width, sign = max(np.bincount(self.atom_of)), self.signs[atom]
        if self.vertex == "bond":
            flip = sign * np.array([[0, 0.5], [0.5, 0]])
            return jnp.asarray(np.kron(flip, np.eye(width)), complex)
        row = self.orbitals(atom)
        block = sign * self.splitting[self.reach][np.ix_(row, row)]
        missing = width - len(row)
        return jnp.pad(block, ((0, missing), (0, missing)))

    def green_box(
        self, z: complex | Num[Array, ""], sector: int, mesh: Sequence[int], reach: Sequence[int]
    ) -> Complex[Array, "n1 n2 n3 size size"]:
        """Return the Green function of a torus between cells, one spin sector, one energy.

        Parameters
        ----------
        z : complex scalar
            In eV, above the real axis.
        sector : int
            0 and 1 for spin up and down; 0 with spin-orbit coupling.
        mesh, reach : sequences of 3 int

        Returns
        -------
        complex array, shape (2 r1 + 1, 2 r2 + 1, 2 r3 + 1, orb, orb)
            On the orbitals of a cell, with spin-orbit coupling times two with spin as the slow
            index; twice for the vertex "bond", and for "onsite" with an overlap, where the second
            half is G times the overlap. Zero in cells half the torus away or farther.
        """
        blocks, overlap, frame = self.sectors[sector], *map(self._both, (self.overlap, self.frame))
        if overlap is not None:
            blocks = with_overlap(z, blocks, overlap)
        dressing = self._both(self.splitting) if self.vertex == "bond" else overlap
        box = torus_box(z, blocks, mesh, reach, dressing=dressing, frame=frame, real=self.real)
        # A cell that the torus places as near the other way round would hold an image instead of
        # what is as good as zero; where nothing hops, N = 1, all cells but the own are such.
        near = [2 * abs(np.arange(-r, r + 1)) < n for r, n in zip(reach, mesh, strict=True)]
        kept = near[0][:, None, None] & near[1][:, None] & near[2]
        return box if kept.all() else jnp.where(jnp.asarray(kept)[..., None, None], box, 0.0)

    def _both(self, box):
        """Return a function of cells between the orbitals of all spins of a sector."""
        if box is None or not self.spin_orbit:
            return box
        return jnp.kron(jnp.eye(2, dtype=complex)[None, None, None], box)

    def density(
        self, box: Complex[Array | np.ndarray, "n1 n2 n3 row column"]
    ) -> Complex[Array | np.ndarray, "size size"]:
        """Return the matrix in a box of one sector whose diagonal counts electrons by orbitals.

        With an overlap by Löwdin's orbitals; for the vertex "onsite" Mulliken's (G S + S G)/2.
        """
        home, size = box[tuple(np.array(box.shape[:3]) // 2)], self.sectors.shape[-1]
        if self.vertex == "bond" or self.overlap is None:
            return home[:size, :size]
        return (home[:size, size:] + home[size:, :size]) / 2

    def cut(
        self,
        box: Complex[Array | np.ndarray, "sector n1 n2 n3 row column"],
        steps: Int[ArrayLike, "pair 3"],
        start: Int[ArrayLike, " pair"],
        end: Int[ArrayLike, " pair"],
    ) -> Complex[Array, "pair sector size size"]:
        """Cut the blocks between atoms out of boxes (sector, n1, n2, n3, orb, orb)."""
        index = self._index()
        whole = np.array_equal(index, [np.arange(box.shape[-1])])
        return atom_blocks(box, steps, None if whole else index, start, end)

    def _index(self) -> np.ndarray:
        """Rows of every atom's orbitals in the matrices of a box, the last being one of zeros.

        With spin-orbit coupling spin is the slow index, and then X = [P, b P].
        """
        orb, width = len(self.atom_of), max(np.bincount(self.atom_of))
        spins = 2 if self.spin_orbit else 1
        copies = 2 if self.vertex == "bond" else 1
        dressed = self.vertex == "bond" or self.overlap is not None
        rows = np.full((self.lattice.atoms, spins, copies, width), (1 + dressed) * spins * orb)
        for atom in range(self.lattice.atoms):
            own = self.orbitals(atom)
            first = orb * np.add.outer(np.arange(spins), spins * np.arange(copies))
            rows[atom, :, :, : len(own)] = own + first[..., None]
        return rows.reshape(self.lattice.atoms, -1)

    def _spinors(self, blocks) -> Complex[Array, "energy pair spinorb spinorb"]:
        """Sectors (energy, pair, sector, orb, orb) as matrices with spin as the slow index."""
        if self.spin_orbit:
            return blocks[:, :, 0]
        up, down = blocks[:, :, 0], blocks[:, :, 1]
        zero = jnp.zeros_like(up)
        return jnp.block([[up, zero], [zero, down]])

    def green_boxes(
        self, z: complex | Num[Array, ""], count: int, reach: Sequence[int]
    ) -> Complex[Array, "sector n1 n2 n3 size size"]:
        """Return `green_box` of all sectors on `uniform` meshes."""
        sectors, mesh = range(len(self.sectors)), self.uniform(count)
        return jnp.stack([self.green_box(z, sector, mesh, reach) for sector in sectors])

    def _converged(self, z, reach):
        """Boxes of a mesh and of a coarser one, and the ratio of their errors."""
        least = 2 * max(reach) + 2
        if self.mesh is not None:
            check_reach(self.mesh, reach)
            coarse, fine = (self.green_boxes(z, n, reach) for n in (self.mesh // 2, self.mesh))
            return fine, coarse, error_ratio(coarse, fine, self.mesh // 2, self.mesh)
        if _checks.concrete(z) is None or _checks.concrete(self.sectors) is None:
            raise InputError(
                "Argument `mesh` must be given while JAX traces the Hamiltonian or the energies, "
                "but it is missing. Choose it beforehand."
            )
        coarse, last = None, 0
        for mesh in (n for n in LADDER if n >= least):
            fine = self.green_boxes(z, mesh, reach)
            if coarse is not None:
                ratio = float(error_ratio(coarse, fine, last, mesh))
                change = float(jnp.abs(fine - coarse).max() / jnp.abs(fine).max())
                if ratio * change < self.accuracy:
                    return fine, coarse, ratio
            coarse, last = fine, mesh
        raise InputError(
            f"Argument `z` must lie farther from the bands, but {LADDER[-1]} points per direction "
            f"do not resolve {complex(z):.3g} eV. Raise the temperature or `accuracy`."
        )

    def nonlocal_share(self) -> float:
        """Return the share of the exchange field, by norm, that lies between cells."""
        field = between_loewdin(self.splitting, self.frame)
        away = field - field.mean(axis=(0, 1, 2))
        return float(np.linalg.norm(away) / np.linalg.norm(field))

    def strengths(self) -> Float[np.ndarray, " atom"]:
        """Return the trace of every atom's exchange field in its cell, in eV.

        Between Löwdin's orbitals for the vertex "bond", between the given ones for "onsite".
        """
        home = between_loewdin(self.splitting, self.frame).mean(axis=(0, 1, 2))
        return np.bincount(self.atom_of, np.real(np.diag(home)), self.lattice.atoms)

    def _magnetic(self, atoms) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the magnetic atoms, and the sign of every atom's moment along the axis.

        The majority has the lower energy, so that the field on a moment along the axis is negative.
        """
        known = self.strengths()
        signs = tuple(np.where(known > 0, -1, 1).tolist())
        if atoms is not None:
            chosen = sorted({int(a) for a in atoms})
            if not chosen or chosen[0] < 0 or chosen[-1] >= self.lattice.atoms:
                raise InputError(
                    f"Argument `atoms` must hold numbers from 0 to {self.lattice.atoms - 1}, but "
                    f"it is {atoms}."
                )
            return tuple(chosen), signs
        size = np.abs(known)
        if size.max() < 1e-6:
            raise InputError(
                "Argument `matrices` must have an exchange splitting, but spin up and down are the "
                "same. Use the files of a magnetic calculation."
            )
        return tuple(np.flatnonzero(size >= MAGNETIC * size.max()).tolist()), signs

    def levels(self, count: int) -> Float[np.ndarray, "k level"]:
        """Return the energies in eV of all states of both spins on a `uniform` mesh."""
        overlap = None if self.overlap is None else np.asarray(self._both(self.overlap))
        known, mesh = np.asarray(self.sectors), self.uniform(count)
        return np.concatenate([magnetic.sector_levels(x, mesh, overlap) for x in known], axis=1)

    def _extremes(self) -> tuple[float, float]:
        levels = self.levels(BAND_MESH)
        low, high = float(levels.min()), float(levels.max())
        energy = _checks.concrete(self.fermi_energy)
        if energy is not None and not low < float(energy) < high:
            raise InputError(
                f"Argument `fermi_energy` must lie within the bands, from {low:.4g} to {high:.4g} "
                f"eV, but it is {float(energy):.6g} eV. Take it from the same calculation."
            )
        return low, high
