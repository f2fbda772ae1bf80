"""Magnons and exchange along the standard path of a crystal, about a state given or found."""

from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Float, Scalar, Vectors
from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.states.paths import Path, standard_path
from msgreen.spinmodel.states.spin_waves import SpinWaves, spin_waves
from msgreen.spinmodel.states.spirals import FourierExchange
from msgreen.spinmodel.terms import Term


class Magnons(NamedTuple):
    """Along the standard path of a lattice.

    Attributes
    ----------
    path : Path
    exchange : real array, shape (k, site)
        Eigenvalues of J(q) in eV, descending, E = -sum over ordered pairs of J e_i.e_j.
    waves : SpinWaves
    """

    path: Path
    exchange: np.ndarray
    waves: SpinWaves


def magnons(
    model: SpinModel,
    directions: Vectors,
    *,
    moments: Scalar | Float[ArrayLike, " site"],
    q: Float[ArrayLike, " dim"] | None = None,
    axis: Float[ArrayLike, "3"] = (0.0, 0.0, 1.0),
) -> Magnons:
    """Return the energies of magnons and J(q) along the standard path of a lattice.

    Parameters
    ----------
    model : SpinModel
        Of a lattice; sites without any term are left out.
    directions, q, axis
        The state, as for `spin_waves`, with all sites of the cell.
    moments : float or real array, shape (site,)
        In Bohr magnetons.

    Raises
    ------
    InputError
        If the state is not stationary, the model does not allow the spiral, or nothing interacts.
    """
    _checks.finite_array("directions", directions, (model.site_count, 3))
    _checks.finite("moments", moments)
    path = standard_path(model)
    inner, sites = interacting(model)
    given = np.atleast_1d(np.asarray(moments, float))
    if given.shape not in ((1,), (model.site_count,)):
        raise InputError(
            f"Argument `moments` must be one number or one for each of {model.site_count} sites, "
            f"but its shape is {given.shape}. Give one per site."
        )
    own = np.broadcast_to(given, model.site_count)[sites]
    waves = spin_waves(inner, np.asarray(directions)[sites], path.k, moments=own, q=q, axis=axis)
    return Magnons(path, exchange_levels(inner, path.k), waves)


def exchange_levels(model: SpinModel, q: Float[ArrayLike, "... dim"]) -> np.ndarray:
    """Return the eigenvalues of J(q), isotropic exchange of paper L, in eV, descending.

    Parameters
    ----------
    model : SpinModel
        Of a lattice.
    q : real array, shape (..., dim)
        In units of the reciprocal lattice vectors.

    Returns
    -------
    real array, shape (..., site)
    """
    _checks.finite("q", q)
    if np.shape(q)[-1:] != (model.dimension,):
        raise InputError(
            f"Argument `q` must have {model.dimension} components on its last axis, but its shape "
            f"is {np.shape(q)}. Give them in units of the reciprocal vectors."
        )
    exchange = model.with_terms([t for t in model.terms if t.name == "exchange"])
    matrices = FourierExchange(exchange).matrices(np.asarray(q, float))[..., ::3, ::3]
    return np.linalg.eigvalsh(-matrices / 2)[..., ::-1]


def interacting(model: SpinModel) -> tuple[SpinModel, np.ndarray]:
    """Return a lattice model without the sites that no term names, and the sites kept."""
    named = [term.clusters.sites.ravel() for term in model.terms]
    sites = np.unique(np.concatenate([np.zeros(0, int), *named]))
    if model.lattice is None or not len(sites):
        raise InputError(
            "Argument `model` must be periodic and have terms, but it lacks them. Give it a "
            "lattice and interactions."
        )
    terms = [
        Term(
            term.name,
            np.searchsorted(sites, term.clusters.sites),
            term.values,
            term.clusters.cells,
            term.errors,
        )
        for term in model.terms
    ]
    symbols = None if model.symbols is None else [model.symbols[site] for site in sites]
    lattice = Lattice(model.lattice.vectors, model.lattice.basis[sites])
    return SpinModel(terms, lattice=lattice, symbols=symbols), sites
