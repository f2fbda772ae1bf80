"""Exchange of all pairs of a crystal, with a mesh of k points for every energy and a certificate.

About the ordered state the pair energy is e_i.K_ij.e_j with

    K_ij^ab = -(1/pi) Im int de f(e)  Tr[V_i^a G_ij V_j^b G_ji],    a, b across the moments

(Liechtenstein et al.).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from msgreen import _checks
from msgreen._typing import Array, Float
from msgreen.contour import Contour
from msgreen.errors import InputError
from msgreen.exchange.crystal.meshes import Budget, Effort, Node, on_meshes, sum_over_meshes
from msgreen.exchange.crystal.traces import Integrands, integrands
from msgreen.hosts.wannier import WannierHost
from msgreen.spin.algebra import tangent_frame

LARGEST_SEARCH = 10_000_000
"""Pairs of atoms that are looked through for those within a cutoff: about a GB of numbers."""


@dataclass(frozen=True)
class CrystalExchange:
    """Pair interactions of a crystal about its ordered state, neutral: sum over pairs e_i.K.e_j.

    Attributes
    ----------
    pairs : int array, shape (pair, 5)
        (i, j, R1, R2, R3): atom i in the home cell and atom j in cell R; with every pair its
        reverse.
    distances : real array, shape (pair,)
        In angstrom.
    tensors : real array, shape (pair, 3, 3)
        K in eV. Only the block across the moments is determined; without spin-orbit coupling K is
        a number times the identity.
    errors : real array, shape (pair,)
        Of an entry of the block: contour and meshes, added.
    axis : real array, shape (3,)
    atoms : tuple of int
        The magnetic ones.
    signs : tuple of int
        Of every atom's moment along the axis.
    curvature : real array, shape (magnetic atom, 3, 3)
        Second derivatives in eV of the energy with respect to the angles by which the moment of a
        magnetic atom is tilted alone, towards two directions across the moments.
    turning : real array, shape (magnetic atom, 3, 3)
        The same if the moments of all its pairs turn with it: zero with all pairs and the vertex
        "bond", but for the anisotropy of spin-orbit coupling.
    curvature_errors, turning_errors : real arrays, shape (magnetic atom,)
        Of an entry.
    electrons, moments : real arrays, shape (atom,)
        Electrons, and spin up minus down along the axis, of every atom.
    electron_errors : real array, shape (atom,)
        Of either.
    nodes : tuple of Node
        From far away towards E_F.
    """

    pairs: np.ndarray
    distances: np.ndarray
    tensors: np.ndarray
    errors: np.ndarray
    axis: np.ndarray
    atoms: tuple[int, ...]
    signs: tuple[int, ...]
    curvature: np.ndarray
    turning: np.ndarray
    curvature_errors: np.ndarray
    turning_errors: np.ndarray
    electrons: np.ndarray
    moments: np.ndarray
    electron_errors: np.ndarray
    nodes: tuple[Node, ...]

    def exchange(self) -> np.ndarray:
        """Return K along the two directions across the moments, averaged, shape (pair,), in eV."""
        frame = np.asarray(tangent_frame(jnp.asarray(self.axis)))
        return np.einsum("ta,pab,tb->p", frame, self.tensors, frame) / 2

    def along(self) -> np.ndarray:
        """Return the component of the Dzyaloshinskii-Moriya vector along the moments, in eV."""
        first, second = np.asarray(tangent_frame(jnp.asarray(self.axis)))
        odd = self.tensors - self.tensors.swapaxes(1, 2)
        right = np.sign(np.dot(np.cross(first, second), self.axis))
        return right * np.einsum("a,pab,b->p", first, odd, second) / 2


def crystal_pairs(host: WannierHost, cutoff: float) -> np.ndarray:
    """Return all ordered pairs of magnetic atoms within a distance, nearest first.

    Parameters
    ----------
    host : WannierHost
    cutoff : float
        In angstrom.

    Returns
    -------
    int array, shape (pair, 5)
        (i, j, R1, R2, R3), the cells in directions in which electrons move.

    Raises
    ------
    InputError
        If there is none, or the cutoff is too large to search.
    """
    _checks.positive("cutoff", cutoff, "angstrom")
    vectors, basis = host.lattice.vectors, host.lattice.basis
    spacing = 1 / np.linalg.norm(np.linalg.inv(vectors), axis=0)
    spread = np.linalg.norm(basis[:, None] - basis, axis=-1).max()
    reach = [
        (int((cutoff + spread) / step) + 1) * (hops > 0)
        for step, hops in zip(spacing, host.reach, strict=True)
    ]
    count = int(np.prod([2 * r + 1 for r in reach])) * len(host.atoms) ** 2
    if count > LARGEST_SEARCH:
        raise InputError(
            f"Argument `cutoff` must be searched in at most {LARGEST_SEARCH} pairs of atoms, but "
            f"{cutoff} angstrom reach {count}. Lower it."
        )
    cells = np.indices([2 * r + 1 for r in reach]).reshape(3, -1).T - np.array(reach)
    found, lengths = [], []
    for i in host.atoms:
        for j in host.atoms:
            distance = np.linalg.norm(cells @ vectors + basis[j] - basis[i], axis=1)
            near = (distance < cutoff * (1 + 1e-9)) & (distance > 1e-6)
            ends = np.tile([i, j], (int(np.count_nonzero(near)), 1))
            found.append(np.concatenate([ends, cells[near]], axis=1))
            lengths.append(distance[near])
    pairs, length = np.concatenate(found), np.concatenate(lengths)
    if not len(pairs):
        raise InputError(
            f"Argument `cutoff` must reach a pair of magnetic atoms, but none is within {cutoff} "
            "angstrom. Raise it."
        )
    return pairs[np.lexsort((*pairs.T[::-1], np.round(length, 6)))]


def crystal_exchange(
    host: WannierHost,
    pairs: np.ndarray,
    **effort: Unpack[Effort],
) -> CrystalExchange:
    """Return the exchange of pairs of a crystal about its ordered state, converged in k.

    Parameters
    ----------
    host : WannierHost
    pairs : int array, shape (pair, 5)
        (i, j, R1, R2, R3) as from `crystal_pairs`.
    **effort : Effort
        `tolerance`, of any coefficient; `mesh`, `patience`, `progress`, `report`.

    Returns
    -------
    CrystalExchange

    Raises
    ------
    InputError
        If pairs have no meaning, or an energy would take longer than `patience`.

    References
    ----------
    Liechtenstein et al., J. Magn. Magn. Mater. 67, 65 (1987); Udvardi et al., Phys. Rev. B 68,
    104436 (2003).
    """
    rows = _check_pairs(host, pairs)
    values, doubts, nodes = sum_over_meshes(
        host,
        rows[:, 2:],
        Partial(integrands, host, rows=rows),
        lambda doubt: float(doubt.pairs.max(initial=0)),
        Budget(**effort),
    )
    return _assemble(host, host.contour(), rows, values, doubts, nodes)


def exchange_on_meshes(
    host: WannierHost, pairs: np.ndarray, meshes: Sequence[int]
) -> Float[Array, "pair 2 2"]:
    """Return K across the moments on given meshes, as a differentiable function of the host.

    Parameters
    ----------
    host : WannierHost
    pairs : int array, shape (pair, 5)
    meshes : sequence of int
        Points per direction for every energy of ``host.contour()``: ``[n.mesh for n in
        found.nodes]`` of a `CrystalExchange`.

    Returns
    -------
    real array, shape (pair, 2, 2)
        In eV, in the frame `msgreen.spin.algebra.tangent_frame` of the axis. Gradients in reverse
        mode with respect to the Hamiltonian, the splitting and E_F are those of the finite sum.
    """
    rows = _check_pairs(host, pairs)
    return on_meshes(host, meshes, rows[:, 2:], lambda boxes: integrands(host, boxes, rows).pairs)


def _check_pairs(host: WannierHost, pairs) -> np.ndarray:
    rows = np.asarray(pairs)
    if rows.ndim != 2 or rows.shape[1] != 5 or not np.issubdtype(rows.dtype, np.integer):
        raise InputError(
            "Argument `pairs` must be an int array of shape (pair, 5), i, j and the cell of j, but "
            f"it is {rows.dtype} of shape {rows.shape}."
        )
    wrong = [int(a) for a in np.unique(rows[:, :2]) if a not in host.atoms]
    if wrong:
        raise InputError(
            f"Argument `pairs` must name magnetic atoms, {list(host.atoms)}, but it names "
            f"{wrong[0]}. Name it in `atoms` of the host."
        )
    if np.any((rows[:, 0] == rows[:, 1]) & ~rows[:, 2:].any(axis=1)):
        raise InputError("Argument `pairs` must join different sites, but one joins a site twice.")
    return rows


def _assemble(host, contour: Contour, rows, values: Integrands, doubts: Integrands, nodes):
    frame = np.asarray(tangent_frame(jnp.asarray(host.axis)))
    integrals = (
        [np.asarray(x) for x in contour.integrate(value, doubt=doubt)]
        for value, doubt in zip(values, doubts, strict=True)
    )
    (across, errors), tilted, turned, up, down = integrals
    states = np.bincount(host.atom_of, minlength=host.lattice.atoms)
    ends = host.lattice.basis[rows[:, 1]] - host.lattice.basis[rows[:, 0]]
    distances = np.linalg.norm(rows[:, 2:] @ host.lattice.vectors + ends, axis=1)
    return CrystalExchange(
        rows,
        distances,
        np.einsum("ta,pts,sb->pab", frame, across, frame),
        errors.reshape(len(rows), 4).max(axis=1, initial=0),
        np.asarray(host.axis),
        host.atoms,
        host.signs,
        np.einsum("ta,pts,sb->pab", frame, tilted[0], frame),
        np.einsum("ta,pts,sb->pab", frame, turned[0], frame),
        tilted[1].max(axis=(1, 2)),
        turned[1].max(axis=(1, 2)),
        # (1/pi) Im int f Tr G is minus the number of electrons, up to half the number of states.
        states - up[0] - down[0],
        down[0] - up[0],
        up[1] + down[1],
        tuple(nodes),
    )


def total_exchange(found: CrystalExchange, atom: int) -> float:
    """Return the sum over the pairs of an atom of what holds its moment up, -K if parallel, in eV.

    Turning one moment costs `CrystalExchange.curvature`; with the vertex "bond" and all pairs the
    two agree, as turning all moments costs nothing.
    """
    i, j = found.pairs[:, :2].T
    signs = np.array(found.signs)
    return float(-np.sum((signs[i] * signs[j] * found.exchange())[i == atom]))
