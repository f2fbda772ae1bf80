"""The spin model of a crystal with the couplings of its loops.

About a collinear state S_i.S_j = s_i s_j + p_i.p_j + ..., s being the signs of the moments along
the axis. The coefficient of (p_i.p_j)(p_k.p_l) in the energy is therefore that of
(S_i.S_j)(S_k.S_l) in the model, whatever else it contains; and such a term adds s_k s_l times its
coefficient to that of p_i.p_j, which is taken out of the exchange. The model then has the second
derivatives of all its pairs, and the fourth of all its clusters, that the electrons have.
"""

from typing import NamedTuple

import numpy as np

from msgreen.errors import InputError
from msgreen.exchange.crystal_clusters import RINGS, dot_products, ordered
from msgreen.exchange.crystal_loops import CrystalLoops, LoopTerms
from msgreen.lattice import Lattice
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.terms import Term


class Products(NamedTuple):
    """Products of dot products of one kind, E = value (S_i.S_j)(S_k.S_l), once per cell.

    Attributes
    ----------
    sites : int array, shape (product, site, 4)
        Cell and atom of every site, in the order of the class of the spin model.
    pairs : list of int arrays, shape (product, 2, 4)
        The sites of either dot product.
    values, errors : real arrays, shape (product,)
        In eV.
    """

    sites: np.ndarray
    pairs: list[np.ndarray]
    values: np.ndarray
    errors: np.ndarray


def loop_products(kind: str, terms: LoopTerms) -> Products:
    """Return the products of dot products that loops of a kind stand for.

    Parameters
    ----------
    kind : {"biquadratic", "three_site", "four_site"}
    terms : LoopTerms
        Of "four_site" the three loops over the same sites one after the other.

    Raises
    ------
    InputError
        If a loop over four sites is there without the two others.
    """
    if kind != "four_site":
        # Half of the trace of p_i p_j p_k p_j is 2 (p_i.p_j)(p_j.p_k) - p_j^2 (p_i.p_k).
        width = 2 if kind == "biquadratic" else 3
        pairs = dot_products(kind, terms.sites)
        pairs = pairs * 2 if kind == "biquadratic" else pairs
        return Products(terms.sites[:, :width], pairs, 2 * terms.ring, 2 * terms.ring_error)
    count = len(terms.sites) // 3
    grouped = terms.sites.reshape(count, 3, 4, 4) if len(terms.sites) == 3 * count else None
    if grouped is None or np.any(grouped != grouped[:, 0][:, RINGS]):
        raise InputError(
            "Argument `found` must hold the three loops over the same four sites one after the "
            "other, but one is missing. Take the loops of `crystal_clusters`."
        )
    ring, error = terms.ring.reshape(count, 3), terms.ring_error.reshape(count, 3)
    values = ring.sum(axis=1, keepdims=True) - 2 * ring
    errors = np.broadcast_to(error.sum(axis=1, keepdims=True), ring.shape)
    pairs = dot_products(kind, terms.sites)
    return Products(np.concatenate(pairs, axis=1), pairs, values.ravel(), errors.ravel())


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
        With "exchange" and the classes "biquadratic", "three_site" and "four_site" of what was
        found. Six spins are no part of it: a collinear state tells ten of the fifteen products
        over six sites.

    Raises
    ------
    InputError
        If a pair or a loop is missing.
    """
    kinds = [k for k in ("biquadratic", "three_site", "four_site") if k in found.terms]
    products = {kind: loop_products(kind, found.terms[kind]) for kind in kinds}
    pairs = found.terms["pair"]
    place = {site.tobytes(): n for n, site in enumerate(ordered(pairs.sites))}
    exchange, doubt = pairs.ring.copy(), pairs.ring_error.copy()
    signs = np.array(found.signs)
    for product in products.values():
        for mine, other in (product.pairs, product.pairs[::-1]):
            rows = [place.get(pair.tobytes()) for pair in ordered(mine)]
            if None in rows:
                raise InputError(
                    "Argument `found` must hold every pair of its loops, but one is missing. Take "
                    "the loops of `crystal_clusters`."
                )
            sign = signs[other[..., 3]].prod(axis=1)
            np.subtract.at(exchange, np.array(rows, int), sign * product.values)
            np.add.at(doubt, np.array(rows, int), product.errors)
    terms = [_term("exchange", pairs.sites, exchange, doubt)]
    terms += [_term(kind, p.sites, p.values, p.errors) for kind, p in products.items()]
    return SpinModel(terms, lattice=lattice)


def _term(name: str, sites: np.ndarray, values: np.ndarray, errors: np.ndarray) -> Term:
    return Term(name, sites[..., 3], values, sites[..., :3], errors)
