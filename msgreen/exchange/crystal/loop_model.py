"""The spin model of a crystal with the couplings of its loops.

About a collinear state S_i.S_j = s_i s_j + p_i.p_j + ..., s being the signs of the moments along
the axis. The coefficient of (p_i.p_j)(p_k.p_l) in the energy is therefore that of
(S_i.S_j)(S_k.S_l) in the model, whatever else it contains; and such a term adds s_k s_l times its
coefficient to that of p_i.p_j, which is taken out of the exchange. Six spins are treated alike,
first out of the products over four sites. The model then has the second, fourth and sixth
derivatives by different moments of its clusters that the electrons have.

A collinear state tells ten of the fifteen products over six sites apart. They are taken in the
combinations of the loops, half of the trace of S_i.sigma S_j.sigma ...
"""

from collections.abc import Mapping
from itertools import combinations
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.exchange.crystal.clusters import KINDS, dot_products, loop_keys, ordered, rings
from msgreen.exchange.crystal.loops import CrystalLoops, LoopTerms
from msgreen.lattice import Lattice
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.terms import Term

CLASS_OF: Mapping[str, str] = MappingProxyType({"six_site": "six_spin"})
"""Classes of the spin model of kinds of loops, where their names differ."""


class Products(NamedTuple):
    """Products of dot products of one kind, E = value (S_i.S_j)(S_k.S_l)..., once per cell.

    Attributes
    ----------
    sites : int array, shape (product, site, 4)
        Cell and atom of every site, in the order of the class of the spin model.
    pairs : list of int arrays, shape (product, 2, 4)
        The sites of every dot product.
    energies : Estimate of real arrays, shape (product,)
        In eV.
    """

    sites: np.ndarray
    pairs: list[np.ndarray]
    energies: Estimate[np.ndarray]


def loop_products(kind: str, terms: LoopTerms) -> Products:
    """Return the products of dot products that loops of a kind stand for.

    Parameters
    ----------
    kind : {"biquadratic", "three_site", "four_site", "six_site"}
    terms : LoopTerms
        Of "four_site" and "six_site" all loops over the same sites one after the other.

    Raises
    ------
    InputError
        If a loop over some sites is there without the others.
    """
    if kind == "six_site":
        return _six_sites(terms)
    pairs = dot_products(kind, terms.sites)
    if kind == "four_site":
        _, ring, error = _grouped(terms)
        values = ring.sum(axis=1, keepdims=True) - 2 * ring
        errors = np.broadcast_to(error.sum(axis=1, keepdims=True), ring.shape)
        energies = Estimate(values.ravel(), errors.ravel())
        return Products(np.concatenate(pairs, axis=1), pairs, energies)
    # Half of the trace of p_i p_j p_k p_j is 2 (p_i.p_j)(p_j.p_k) - p_j^2 (p_i.p_k).
    width = 2 if kind == "biquadratic" else 3
    pairs = pairs * 2 if kind == "biquadratic" else pairs
    return Products(terms.sites[:, :width], pairs, terms.ring.scaled(2))


def _grouped(terms: LoopTerms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sets of sites (set, site, 4), and couplings and errors of their loops (set, loop)."""
    order = terms.sites.shape[1]
    every = rings(order)
    count, rest = divmod(len(terms.sites), len(every))
    sets = terms.sites[:: len(every)][:count]
    if rest or np.any(terms.sites != sets[:, every].reshape(-1, order, 4)):
        raise InputError(
            f"Argument `found` must hold all loops over the same {order} sites one after the "
            "other, but one is missing. Take the loops of `crystal_clusters`."
        )
    ring, error = (part.reshape(count, -1) for part in terms.ring)
    return sets, ring, error


def _six_sites(terms: LoopTerms) -> Products:
    """Return half of the trace of S_i.sigma S_j.sigma ... of all loops as products."""
    sets, ring, error = _grouped(terms)
    pairings = perfect_matchings(6)
    signs = np.array([[_sign(walk, pairing) for pairing in pairings] for walk in rings(6)])
    sites = sets[:, np.array(pairings).reshape(-1, 6)].reshape(-1, 6, 4)
    errors = np.repeat(error.sum(axis=1), len(pairings))
    energies = Estimate((ring @ signs).ravel(), errors)
    return Products(sites, [sites[:, [n, n + 1]] for n in (0, 2, 4)], energies)


def perfect_matchings(count: int) -> list[tuple[tuple[int, int], ...]]:
    """Return all ways to divide so many sites into pairs.

    Examples
    --------
    >>> perfect_matchings(4)
    [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]
    """

    def of(rest: tuple[int, ...]) -> list[tuple[tuple[int, int], ...]]:
        if not rest:
            return [()]
        first, *others = rest
        left = [(other, tuple(x for x in others if x != other)) for other in others]
        return [((first, other), *pairing) for other, less in left for pairing in of(less)]

    return of(tuple(range(count)))


def _sign(walk, pairing) -> int:
    """Return the sign of a pairing in a trace around a loop: -1 for every crossing of pairs."""
    place = np.argsort(walk)
    chords = [sorted((int(place[a]), int(place[b]))) for a, b in pairing]
    crossings = sum(a < c < b < d or c < a < d < b for (a, b), (c, d) in combinations(chords, 2))
    return -1 if crossings % 2 else 1


def loop_model(found: CrystalLoops, lattice: Lattice) -> SpinModel:
    """Return the spin model of a crystal that has the couplings of its loops.

    Parameters
    ----------
    found : CrystalLoops
        Of the clusters of `crystal_clusters`, which hold all pairs that their products have.
    lattice : Lattice
        Of the crystal. Atoms that are not magnetic stay in the model as sites without terms.

    Returns
    -------
    SpinModel
        With "exchange" and the classes "biquadratic", "three_site", "four_site" and "six_spin" of
        what was found.

    Raises
    ------
    InputError
        If a pair or a loop is missing.
    """
    pair, signs = found.terms["pair"], np.array(found.signs)
    kinds = [kind for kind in KINDS if kind in found.terms and kind != "pair"]
    products = {kind: loop_products(kind, found.terms[kind]) for kind in kinds}
    if "six_site" in products and "four_site" in products:
        four, six = products["four_site"], products["six_site"]
        keys = loop_keys(_crossed(four.pairs))
        for n in range(3):
            rest, resting = six.pairs[:n] + six.pairs[n + 1 :], six.pairs[n : n + 1]
            four = _less(four, keys, loop_keys(_crossed(rest)), resting, six, signs)
        products["four_site"] = four
    exchange = Products(pair.sites, [pair.sites], pair.ring)
    keys = ordered(pair.sites).reshape(len(pair.sites), -1)
    for product in products.values():
        for n, mine in enumerate(product.pairs):
            rows, resting = ordered(mine), product.pairs[:n] + product.pairs[n + 1 :]
            exchange = _less(exchange, keys, rows, resting, product, signs)
    terms = [_term("exchange", exchange)]
    terms += [_term(CLASS_OF.get(kind, kind), product) for kind, product in products.items()]
    return SpinModel(terms, lattice=lattice)


def _crossed(pairs: list[np.ndarray]) -> np.ndarray:
    """Return the loop whose opposite sites are two pairs: it names their product."""
    one, other = pairs
    return np.stack([one[:, 0], other[:, 0], one[:, 1], other[:, 1]], axis=1)


def _less(
    lower: Products,
    keys: np.ndarray,
    wanted: np.ndarray,
    resting: list[np.ndarray],
    higher: Products,
    signs: np.ndarray,
) -> Products:
    """Take out of lower products what higher ones contain of them while other pairs rest."""
    place = {key.tobytes(): n for n, key in enumerate(keys)}
    rows = [place.get(key.tobytes()) for key in wanted]
    if None in rows:
        raise InputError(
            "Argument `found` must hold every pair and loop that its products contain, but one is "
            "missing. Take the loops of `crystal_clusters`."
        )
    at, (values, errors) = np.array(rows, int), (part.copy() for part in lower.energies)
    sign = np.prod([signs[pair[..., 3]].prod(axis=1) for pair in resting], axis=0)
    np.subtract.at(values, at, sign * higher.energies.value)
    np.add.at(errors, at, higher.energies.error)
    return lower._replace(energies=Estimate(values, errors))


def _term(name: str, product: Products) -> Term:
    sites, (values, errors) = product.sites, product.energies
    return Term(name, sites[..., 3], values, sites[..., :3], errors)
