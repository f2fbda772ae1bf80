"""Interactions of all given clusters as one result: named coefficients and full tensors."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from msgreen._typing import Sites
from msgreen.clusters import check_loops, multiplicity
from msgreen.contour import Contour
from msgreen.convention import LOUNIS, NEUTRAL
from msgreen.exchange.closed_forms import coefficients
from msgreen.exchange.loops import by_order, loop_tensors
from msgreen.hosts.base import AbstractHost, site_count
from msgreen.scattering.contact import AbstractRigidScatterer
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms


def compute_interactions(
    host: AbstractHost,
    scatterer: AbstractRigidScatterer,
    sites: Sites,
    clusters: Sequence[np.ndarray],
    *,
    contour: Contour | None = None,
    tensors: bool | Literal["auto"] = "auto",
    progress: bool = False,
) -> Interactions:
    """Return the interactions of all given clusters, in the neutral convention.

    Parameters
    ----------
    host : AbstractHost
    scatterer : AbstractRigidScatterer
    sites : array with one row per site
    clusters : sequence of int arrays, shape (cluster, order)
        Pairs and loops, as from `pairs`, `loops` and `contracted_loops`; one array per kind.
    contour : Contour, optional
        By default ``host.contour(sites)``.
    tensors : bool or "auto"
        Whether to compute the full tensors too; "auto" does so for up to four spins and 10,000
        clusters.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Interactions

    Notes
    -----
    Clusters are evaluated in blocks of bounded memory.
    """
    contour = host.contour(sites) if contour is None else contour
    count = site_count(sites)
    arrays = [check_loops(array, count, "clusters") for array in clusters]
    where = host, scatterer, contour, sites
    named = by_order(arrays, lambda loops: coefficients(*where, loops, progress=progress))
    full = [
        n
        for n, array in enumerate(arrays)
        if (len(array) <= 10_000 and array.shape[1] <= 4 if tensors == "auto" else tensors)
    ]
    found = by_order([arrays[n] for n in full], lambda loops: loop_tensors(*where, loops))
    tensors_of = dict(zip(full, found, strict=True))
    terms = [_terms(array, named[n], tensors_of.get(n)) for n, array in enumerate(arrays)]
    positions = np.asarray(sites) if np.issubdtype(np.asarray(sites).dtype, np.floating) else None
    result = Interactions(tuple(terms), LOUNIS, positions, {"host": type(host).__name__})
    return result.to(NEUTRAL)


def _terms(loops, named, found) -> Terms:
    """One kind of cluster, in the convention of paper L."""
    tensor = None
    if found is not None:
        order = loops.shape[1]
        count = len(set(loops[0].tolist())) if len(loops) else order
        neutral = Coefficient(found[0], found[1], ("xyz",) * order)
        tensor = neutral.scaled(1 / LOUNIS.factor(order, count, multiplicity(loops)))
    return Terms(loops, {name: c.scaled(np.ones(len(loops))) for name, c in named.items()}, tensor)
