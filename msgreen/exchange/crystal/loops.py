"""Couplings of two, four and six spins of a crystal about its collinear state, per loop and cell.

With p_i the part of the moment e_i across the reference, the energy of rotations contains, for
every loop i -> j -> k -> ... of N sites, m of whose orders differ,

    J_ring X_ijk...,   J_ring = -(m / N pi) Im int de f(e)  sum_s Tr[v_i G_ij^-s v_j G_jk^s ...]

averaged over both senses. X is half of the trace of p_i.sigma p_j.sigma ...: p_i.p_j for a pair,
(p_i.p_j)(p_k.p_l) + (p_i.p_l)(p_j.p_k) - (p_i.p_k)(p_j.p_l) for four sites. Every product of dot
products of different sites p is free of all that turns with the length of p alone: legs within a
site and changes of e along the reference do not enter.

Paper L's coefficients, of deviations of any direction, have the mean A of both spins on all legs
instead of the two in turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from msgreen import _checks
from msgreen._typing import Array, Float
from msgreen.clusters import multiplicity
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.exchange.crystal.clusters import check_sites, loop_legs
from msgreen.exchange.crystal.meshes import Budget, Effort, Node, on_meshes, sum_over_meshes
from msgreen.hosts.wannier import WannierHost

_BLOCK_BYTES = 2**26
"""Memory of the products of a block of loops."""


class LoopTerms(NamedTuple):
    """Couplings of loops of one kind, in eV, every loop once per cell.

    Attributes
    ----------
    sites : int array, shape (loop, order, 4)
        Cell and atom of every site in the order of the loop.
    ring : Estimate of real arrays, shape (loop,)
        J_ring, of moments of fixed length that turn; neutral: E = J_ring X.
    bare : Estimate of real arrays, shape (loop,)
        Paper L's coefficient without B, of deviations e - e0: "B4_iso", "kappa6".
    """

    sites: np.ndarray
    ring: Estimate[np.ndarray]
    bare: Estimate[np.ndarray]


@dataclass(frozen=True)
class CrystalLoops:
    """Couplings of the loops of a crystal about its collinear state.

    Attributes
    ----------
    terms : mapping of str to LoopTerms
        By kind: "pair", "biquadratic", "three_site", "four_site", "six_site".
    signs : tuple of int
        Direction of the moment of every atom along the axis.
    nodes : tuple of Node
        From far away towards E_F.
    """

    terms: Mapping[str, LoopTerms]
    signs: tuple[int, ...]
    nodes: tuple[Node, ...]


def crystal_loops(
    host: WannierHost,
    clusters: Mapping[str, np.ndarray],
    **effort: Unpack[Effort],
) -> CrystalLoops:
    """Return the couplings of loops of a crystal about its collinear state, converged in k.

    Parameters
    ----------
    host : WannierHost
        Without spin-orbit coupling.
    clusters : mapping of str to int array, shape (loop, order, 4)
        Loops by kind, as from `msgreen.exchange.crystal.clusters.crystal_clusters`.
    **effort : Effort
        `tolerance`, of any coupling; `mesh`, `patience`, `progress`, `report`.

    Returns
    -------
    CrystalLoops

    Raises
    ------
    InputError
        If the host has spin-orbit coupling, loops have no meaning, or an energy would take longer
        than `patience`.

    Notes
    -----
    The Green function is summed once for all loops, between the cells that their legs join. Odd
    numbers of spins have no such couplings: without spin-orbit coupling turning all moments about
    the reference costs nothing.

    References
    ----------
    Liechtenstein et al., J. Magn. Magn. Mater. 67, 65 (1987); Lounis, New J. Phys. 22, 103003
    (2020), Eqs. 19 and 22.
    """
    plan = _plan(host, clusters)
    values, doubts, nodes = sum_over_meshes(
        host,
        plan.steps[:, 2:],
        Partial(_integrands, host, plan),
        lambda doubts: max(float(doubt.max(initial=0)) for doubt in doubts),
        Budget(**effort),
    )
    terms = {}
    for (kind, sites), value, doubt in zip(clusters.items(), values, doubts, strict=True):
        found, error = (np.asarray(x) for x in host.contour().integrate(value, doubt=doubt))
        ring, bare = map(Estimate, found, error)
        terms[kind] = LoopTerms(np.asarray(sites), ring, bare)
    return CrystalLoops(terms, host.signs, tuple(nodes))


def rings_on_meshes(
    host: WannierHost, loops: np.ndarray, meshes: Sequence[int]
) -> Float[Array, " loop"]:
    """Return J_ring of loops on given meshes, as a differentiable function of the host.

    Parameters
    ----------
    host : WannierHost
    loops : int array, shape (loop, order, 4)
        Cell and atom of every site.
    meshes : sequence of int
        Points per direction for every energy of ``host.contour()``: ``[n.mesh for n in
        found.nodes]`` of a `CrystalLoops`.

    Returns
    -------
    real array, shape (loop,)
        In eV. Gradients in reverse mode with respect to the Hamiltonian, the splitting and E_F are
        those of the finite sum.
    """
    plan = _plan(host, {"loops": loops})
    return on_meshes(
        host, meshes, plan.steps[:, 2:], lambda boxes: _integrands(host, plan, boxes)[0][0]
    )


class _Plan(NamedTuple):
    """Loops in terms of the Green functions along their legs.

    Attributes
    ----------
    steps : int array, shape (step, 5)
        Different legs (i, j, R1, R2, R3), from atom i of the home cell to atom j of cell R.
    legs : list of int arrays, shape (sense, loop, order)
        Rows of `steps`, for every kind of loops; one sense where both are the same.
    shares : list of real arrays, shape (loop,)
        -m/N of every loop.
    """

    steps: np.ndarray
    legs: list[np.ndarray]
    shares: list[np.ndarray]


def _plan(host: WannierHost, clusters: Mapping[str, np.ndarray]) -> _Plan:
    if host.spin_orbit:
        raise InputError(
            "Argument `host` must be without spin-orbit coupling for loops of a crystal, but its "
            "matrices hold both spins. Ask for pairs, or for loops of chosen sites by "
            "`reference_interactions`."
        )
    # H real: a loop and its reverse have the same trace, summed over spins.
    senses = 1 if host.real else 2
    walks = [_checked(host, loops) for loops in clusters.values()]
    steps, legs = loop_legs([np.stack([w, w[:, ::-1]][:senses]) for w in walks])
    shares = [-_orders(w) / w.shape[1] for w in walks]
    return _Plan(steps, legs, shares)


def _orders(walks: np.ndarray) -> np.ndarray:
    """Return the number of different orders of every loop."""
    _, number = np.unique(walks.reshape(-1, 4), axis=0, return_inverse=True)
    return multiplicity(number.reshape(walks.shape[:2]))


def _checked(host: WannierHost, loops) -> np.ndarray:
    """Return loops of a host as an int array (loop, order, 4), refusing what are none."""
    array = check_sites(host.atoms, loops, "loops")
    if array.shape[1] % 2:
        raise InputError(
            f"Argument `loops` must have an even number of spins, but it has {array.shape[1]}: "
            "without spin-orbit coupling odd orders vanish. Leave them out."
        )
    if np.any(np.all(array == np.roll(array, 1, axis=1), axis=2)):
        raise InputError(
            "Argument `loops` must join different sites, but one joins a site with itself. Leave "
            "it out."
        )
    return array


def _integrands(host: WannierHost, plan: _Plan, boxes) -> list:
    """Return what J_ring and L's coefficient are integrals of, at one energy.

    Parameters
    ----------
    host : WannierHost
    plan : _Plan
    boxes : complex array, shape (sector, n1, n2, n3, orb, orb)

    Returns
    -------
    list of complex arrays, shape (2, loop)
        By kind.
    """
    start, end, cells = plan.steps[:, 0], plan.steps[:, 1], plan.steps[:, 2:]
    vertices = jnp.stack([host.vertex_of(atom) for atom in range(host.lattice.atoms)])
    table = _table(vertices, start, host.cut(boxes, cells, start, end))
    known = _checks.concrete(table)
    # numpy multiplies stacks of small matrices twice as fast.
    spins = table if known is None else known
    found = []
    for legs, share in zip(plan.legs, plan.shares, strict=True):
        order = legs.shape[2]
        in_turn, mean = _traces(spins, legs.reshape(-1, order))
        ring = in_turn.reshape(legs.shape[:2]).mean(axis=0)
        bare = mean.reshape(legs.shape[:2]).mean(axis=0)
        parts = share.astype(complex) * ring, 2 / order * bare
        found.append(jnp.stack(parts) if known is None else np.stack(parts))
    return found


@jax.jit
def _table(vertices, start, blocks):
    """Return v_i G_ij (sector, step, orb, orb)."""
    return jnp.moveaxis(vertices[start][:, None] @ blocks, 1, 0)


def _traces(spins, legs: np.ndarray):
    """Return Tr[x_1 x_2 ...] with spins in turn, summed over the first, and with their mean.

    Every loop is two words of half its legs, and many loops share their words.
    """
    half = legs.shape[1] // 2
    halves = np.concatenate([legs[:, :half], legs[:, half:]])
    words, index = np.unique(halves, axis=0, return_inverse=True)
    left, right = index.ravel()[: len(legs)], index.ravel()[len(legs) :]
    mean = (spins[0] + spins[1]) / 2
    turns = [_word([spins[(first + m) % 2] for m in range(half)], words) for first in (0, 1)]
    plain = _word([mean] * half, words)
    one = _joined(turns[0], turns[half % 2], left, right)
    other = _joined(turns[1], turns[1 - half % 2], left, right)
    return one + other, _joined(plain, plain, left, right)


def _word(tables: list, words: np.ndarray):
    product = tables[0][words[:, 0]]
    for table, letter in zip(tables[1:], words.T[1:], strict=True):
        product = product @ table[letter]
    return product


def _joined(left, right, first: np.ndarray, second: np.ndarray):
    """Return Tr[left right] of pairs of words, in bounded memory."""
    xp = np if isinstance(left, np.ndarray) else jnp
    size = max(1, _BLOCK_BYTES // (16 * left.shape[-1] ** 2))
    parts = [
        xp.einsum("wab,wba->w", left[first[n : n + size]], right[second[n : n + size]])
        for n in range(0, max(1, len(first)), size)
    ]
    return xp.concatenate(parts)
