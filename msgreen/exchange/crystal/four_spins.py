"""Products of four different moments of a crystal with spin-orbit coupling, and its spin model.

About moments along n, with signs s, the energy of a spin model with the terms

    B (S_i.S_j)(S_k.S_l)  and  D.(S_i x S_j)(S_k.S_l)

of all pairings contains the parts p of the moments across n, of all four sites, as

    (B delta_ab delta_cd + D.n eps_ab delta_cd + ...) p_i^a p_j^b p_k^c p_l^d,  eps_ab = n.(a x b):

three and six tensors that a turn about n leaves alone. They are matched to the mixed derivatives
T_ijkl of `crystal_rotations` about moments along x, y and z; B is the mean over the three. What
else is in T is of second order in the coupling. Only three of the six tensors of D are independent:
the shortest D that have them are taken.

While k and l rest, the terms act like an exchange s_k s_l B and a Dzyaloshinskii-Moriya vector
s_k s_l D, which are taken out of those of the pairs: the model keeps its second derivatives.
"""

from collections.abc import Sequence
from typing import NamedTuple, Unpack

import jax.numpy as jnp
import numpy as np

from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.exchange.crystal.axes import by_axis
from msgreen.exchange.crystal.clusters import ordered, rings
from msgreen.exchange.crystal.loops import CrystalLoops, LoopTerms
from msgreen.exchange.crystal.meshes import Effort, Node
from msgreen.exchange.crystal.rotations import crystal_rotations
from msgreen.hosts.wannier import WannierHost
from msgreen.spin.algebra import tangent_frame
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.terms import Term

PRODUCTS = np.array([[0, 2, 1, 3], [0, 3, 1, 2], [0, 1, 2, 3]])
"""Sites of (S_a.S_b)(S_c.S_d): the opposite ones of the loops `rings(4)`."""

CROSSED = np.concatenate([PRODUCTS, PRODUCTS[:, [2, 3, 0, 1]]])
"""Sites of D.(S_a x S_b)(S_c.S_d)."""


class FourSpins(NamedTuple):
    """Couplings of four different moments, in eV, once per cell.

    Attributes
    ----------
    sites : int array, shape (set, 4, 4)
        Cell and atom of every site.
    products : Estimate of real arrays, shape (set, 3)
        B of `PRODUCTS`.
    vectors : Estimate of real arrays, shape (set, 6, 3)
        D of `CROSSED`.
    spread : real array, shape (set, 3)
        Largest difference between the B about the three axes.
    rest : real array, shape (set,)
        Norm of what the terms leave of T, the largest of the axes.
    signs : tuple of int
        Of every atom's moment along the axis.
    nodes : tuple of Node
        Of the last axis.
    """

    sites: np.ndarray
    products: Estimate[np.ndarray]
    vectors: Estimate[np.ndarray]
    spread: np.ndarray
    rest: np.ndarray
    signs: tuple[int, ...]
    nodes: tuple[Node, ...]

    def loops(self) -> CrystalLoops:
        """Return the isotropic part as couplings J_ring of loops; paper L's are not known."""
        # B of opposite sites is the sum of the three J_ring without twice the loop's own.
        value, error = self.products
        ring = (value.sum(axis=1, keepdims=True) - value) / 2
        doubt = np.broadcast_to(error.sum(axis=1, keepdims=True) / 2, ring.shape)
        unknown = np.full(ring.size, np.nan)
        walks = self.sites[:, rings(4)].reshape(-1, 4, 4)
        terms = LoopTerms(walks, Estimate(ring.ravel(), doubt.ravel()), Estimate(unknown, unknown))
        return CrystalLoops({"four_site": terms}, self.signs, self.nodes)


def four_spins(
    hosts: Sequence[WannierHost], sets: np.ndarray, **effort: Unpack[Effort]
) -> FourSpins:
    """Return the couplings of four different moments of a crystal with spin-orbit coupling.

    Parameters
    ----------
    hosts : sequence of 3 WannierHost
        Of one crystal, with moments along x, y and z in any order.
    sets : int array, shape (set, 4, 4)
        Cell and atom of four different sites.
    **effort : Effort
        `tolerance`, of any component of T; `mesh`, `patience`, `progress`, `report`.

    Raises
    ------
    InputError
        If an axis is missing, the sites of a set are not different magnetic ones, or an energy
        would take longer than `patience`.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Eqs. 8 and 9.
    """
    straight, turned = _tensors(PRODUCTS, np.eye(2)), _tensors(CROSSED, [[0, 1], [-1, 0]])
    to_products, to_vectors = np.linalg.pinv(straight), np.linalg.pinv(turned)
    products, components, doubts, rest = [], [], [], []
    nodes: tuple[Node, ...] = ()
    for host in by_axis(hosts):
        tensor, error, nodes = crystal_rotations(host, sets, **effort)
        first, second = np.asarray(tangent_frame(jnp.asarray(host.axis)))
        right = np.sign(np.dot(np.cross(first, second), host.axis))
        flat = tensor.reshape(len(tensor), 16)
        products.append(flat @ to_products.T)
        along = flat @ to_vectors.T
        components.append(right * along)
        doubts.append(error.reshape(len(error), 16))
        left = flat - products[-1] @ straight.T - along @ turned.T
        rest.append(np.linalg.norm(left, axis=1))
    vectors, doubt = np.stack(components, axis=-1), np.stack(doubts)
    return FourSpins(
        np.asarray(sets),
        Estimate(np.mean(products, axis=0), (doubt @ np.abs(to_products).T).mean(axis=0)),
        Estimate(vectors, np.moveaxis(doubt @ np.abs(to_vectors).T, 0, -1)),
        np.ptp(products, axis=0),
        np.max(rest, axis=0),
        hosts[0].signs,
        nodes,
    )


def _tensors(orders: np.ndarray, first) -> np.ndarray:
    """Return first_ab delta_cd with its axes in the order of the sites, shape (16, order)."""
    product = np.einsum("ab,cd->abcd", np.asarray(first, float), np.eye(2))
    return np.stack([product.transpose(np.argsort(order)).ravel() for order in orders], axis=1)


def with_four_spins(model: SpinModel, found: FourSpins) -> SpinModel:
    """Return the spin model of pairs with the couplings of four moments, and pairs without them.

    Parameters
    ----------
    model : SpinModel
        As from `crystal_model`, with all pairs of the sets.
    found : FourSpins

    Raises
    ------
    InputError
        If a pair is missing.
    """
    signs = np.array(found.signs)
    parts = {
        "four_site": (PRODUCTS, found.products),
        "chiral_four_site": (CROSSED, found.vectors),
    }
    terms = {term.name: term for term in model.terms}
    for name, (orders, energies) in parts.items():
        sites = found.sites[:, orders].reshape(-1, 4, 4)
        values, errors = (x.reshape(len(sites), *x.shape[2:]) for x in energies)
        lower = "exchange" if name == "four_site" else "dzyaloshinskii_moriya"
        halves = (0, 1), (2, 3)
        for pair, resting in (halves, halves[::-1]) if name == "four_site" else (halves,):
            sign = signs[sites[:, list(resting), 3]].prod(axis=1)
            sign = sign.reshape(-1, *(1,) * (values.ndim - 1))
            terms[lower] = _less(terms[lower], sites[:, list(pair)], sign * values, errors)
        terms[name] = Term(name, sites[..., 3], values, sites[..., :3], errors)
    return model.with_terms(list(terms.values()))


def _less(term: Term, pairs: np.ndarray, values: np.ndarray, errors: np.ndarray) -> Term:
    """Take values of pairs (pair, 2, 4) out of a term of pairs; vectors are odd in their order."""
    clusters = term.clusters
    mine = np.concatenate([clusters.cells, clusters.sites[..., None]], axis=-1)
    keys, own = _named(mine)
    place = {key.tobytes(): n for n, key in enumerate(keys)}
    names, forward = _named(pairs)
    rows = [place.get(name.tobytes()) for name in names]
    if None in rows:
        raise InputError(
            "Argument `model` must hold every pair of the four sites, but one is missing. Take "
            "pairs within a larger cutoff."
        )
    at = np.array(rows, int)
    if values.ndim > 1:
        values = (own[at] * forward)[:, None] * values
    total, doubt = np.array(term.values), np.array(term.errors)
    np.subtract.at(total, at, values)
    np.add.at(doubt, at, errors)
    return Term(term.name, clusters.sites, total, clusters.cells, doubt)


def _named(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs in a standard order, and 1 or -1 for those that were in it or not."""
    known = ordered(pairs)
    home = pairs.copy()
    home[..., :3] -= pairs[:, :1, :3]
    same = np.all(known == home, axis=(1, 2))
    return known.reshape(len(pairs), 8), np.where(same, 1, -1)
