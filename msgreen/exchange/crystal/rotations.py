"""Mixed derivatives of the energy of a crystal under rotations of a few of its moments.

For N different sites, with V_i^a = v_i t_a.sigma along two directions t_a across the moments,

    T_ij...^ab... = -(1/pi) Im int de f(e)  sum over the (N - 1)! cyclic orders of
                    Tr[V_i^a G_ij V_j^b G_jk ...].

With spin-orbit coupling T has all its components and N may be odd; without, it is a sum of the
couplings of `msgreen.exchange.crystal.loops`.
"""

from itertools import permutations
from typing import Unpack

import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from msgreen._typing import Array, Complex, Float
from msgreen.errors import InputError
from msgreen.exchange.crystal.clusters import check_sites, loop_legs
from msgreen.exchange.crystal.meshes import Budget, Effort, Node, sum_over_meshes
from msgreen.hosts.wannier import WannierHost
from msgreen.spin.algebra import SIGMA, tangent_frame

LARGEST_ORDER = 6
"""Spins of a tensor: six have 120 orders and 64 components, eight 5040 and 256."""


def crystal_rotations(
    host: WannierHost,
    sets: np.ndarray,
    **effort: Unpack[Effort],
) -> tuple[Float[np.ndarray, "set ..."], Float[np.ndarray, "set ..."], tuple[Node, ...]]:
    """Return the mixed derivatives under rotations of sets of moments, converged in k.

    Parameters
    ----------
    host : WannierHost
        About its moments, which lie along its axis.
    sets : int array, shape (set, N, 4)
        Cell and atom of N different sites.
    **effort : Effort
        `tolerance`, of any component; `mesh`, `patience`, `progress`, `report`.

    Returns
    -------
    tensors, errors : real arrays, shape (set, 2, ..., 2)
        In eV, with one axis per site: components along `msgreen.spin.algebra.tangent_frame` of the
        axis of the host, the same for parallel and antiparallel moments.
    nodes : tuple of Node

    Raises
    ------
    InputError
        If the sites of a set are not different magnetic ones, are more than `LARGEST_ORDER`, or an
        energy would take longer than `patience`.

    References
    ----------
    Liechtenstein et al., J. Magn. Magn. Mater. 67, 65 (1987).
    """
    sites = check_sites(host.atoms, sets, "sets")
    order = sites.shape[1]
    if not 2 <= order <= LARGEST_ORDER:
        raise InputError(
            f"Argument `sets` must hold 2 to {LARGEST_ORDER} sites each, but they hold {order}. "
            "Take fewer."
        )
    flat = np.sort(
        np.unique(sites.reshape(-1, 4), axis=0, return_inverse=True)[1].reshape(-1, order)
    )
    if np.any(flat[:, 1:] == flat[:, :-1]):
        raise InputError(
            "Argument `sets` must hold different sites in every set, but one occurs twice. Leave "
            "it out."
        )
    orders = np.array([(0, *rest) for rest in permutations(range(1, order))])
    steps, (legs,) = loop_legs([sites[:, orders]])
    values, doubts, nodes = sum_over_meshes(
        host,
        steps[:, 2:],
        Partial(_integrand, host, steps, legs, orders),
        lambda doubt: float(doubt.max(initial=0)),
        Budget(**effort),
    )
    tensors, errors = (np.asarray(x) for x in host.contour().integrate(values, doubt=doubts))
    return -tensors, errors, tuple(nodes)


def _integrand(host: WannierHost, steps, legs, orders, boxes) -> Complex[np.ndarray, "set ..."]:
    table = np.asarray(_vertices_and_green(host, steps, boxes))
    total = np.zeros((len(legs), *(2,) * orders.shape[1]), complex)
    for column, order in zip(np.moveaxis(legs, 1, 0), orders, strict=True):
        trace = _open_trace(table, column)
        # Its axes are the sites in the order of the walk.
        total += trace.transpose(0, *(1 + np.argsort(order)))
    return total


def _vertices_and_green(host: WannierHost, steps, boxes) -> Complex[Array, "step 2 size size"]:
    """Return V_i^a G_ij of every leg, spin being the slow index."""
    start, end = steps[:, 0], steps[:, 1]
    green = host.cut(boxes, steps[:, 2:], start, end)
    width = green.shape[-1] // (2 if host.spin_orbit else 1)
    if host.spin_orbit:
        full = green[:, 0]
    else:
        spins = np.eye(2)[:, :, None] * np.eye(2)[:, None, :]
        full = jnp.einsum("sab,psxy->paxby", spins.astype(complex), green)
        full = full.reshape(len(steps), 2 * width, 2 * width)
    pauli = jnp.einsum("da,ast->dst", tangent_frame(jnp.asarray(host.axis)).astype(complex), SIGMA)
    local = jnp.stack([host.vertex_of(atom) for atom in range(host.lattice.atoms)])
    vertices = jnp.einsum("dst,ixy->idsxty", pauli, local)
    vertices = vertices.reshape(len(local), 2, 2 * width, 2 * width)
    return vertices[start] @ full[:, None]


def _open_trace(table: np.ndarray, legs: np.ndarray) -> np.ndarray:
    """Return Tr[x_1^a x_2^b ...] of walks (walk, order), shape (walk, 2, ..., 2)."""
    half = legs.shape[1] // 2
    left, right = _word(table, legs[:, :half]), _word(table, legs[:, half:])
    traces = np.einsum("waxy,wbyx->wab", left, right, optimize=True)
    return traces.reshape(len(legs), *(2,) * legs.shape[1])


def _word(table: np.ndarray, letters: np.ndarray) -> np.ndarray:
    """Return products of the letters (word, letter), shape (word, component, orb, orb)."""
    product = table[letters[:, 0]]
    for letter in letters.T[1:]:
        product = product[:, :, None] @ table[letter][:, None]
        product = product.reshape(len(letters), -1, *table.shape[2:])
    return product
