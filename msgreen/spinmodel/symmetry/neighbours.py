"""The clusters of neighbouring sites of a lattice, once each."""

from collections.abc import Sequence

import numpy as np

from msgreen import _checks
from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spinmodel.forms import CLASSES
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.symmetry.images import carry
from msgreen.spinmodel.symmetry.operations import no_symmetry
from msgreen.spinmodel.terms import Clusters, Term


def clusters_within(lattice: Lattice, cutoff: float, names: Sequence[str]) -> SpinModel:
    """Return a periodic model with every cluster of near sites once and all values zero.

    Parameters
    ----------
    lattice : Lattice
    cutoff : float
        Largest distance between two sites of a cluster, in angstrom.
    names : sequence of str
        Classes, keys of `CLASSES`. All sites of a cluster differ.

    Returns
    -------
    SpinModel
        A template, for `count_parameters` and fits.

    Raises
    ------
    InputError
        If a class is unknown or the cutoff is not positive.

    Examples
    --------
    >>> from msgreen.lattice import Lattice
    >>> plane = clusters_within(Lattice.square(), 1.5, ["exchange", "three_site", "four_site"])
    >>> {term.name: len(term.clusters) for term in plane.terms}
    {'exchange': 4, 'three_site': 12, 'four_site': 3}
    """
    _checks.positive_number("cutoff", cutoff, "angstrom")
    _checks.words("names", names, CLASSES)
    points, near = _neighbourhood(lattice, cutoff * (1 + 1e-9))
    terms = []
    for name in names:
        rows = points[_tuples(near, lattice.atoms, CLASSES[name].site_count)]
        clusters = Clusters(rows[..., 0].copy(), rows[..., 1:].copy())
        images = carry(clusters, name, no_symmetry(lattice.atoms, lattice.dimension))
        once = images.rows[images.first]
        values = np.zeros((len(once), *CLASSES[name].shape))
        terms.append(Term(name, once[..., 0], values, once[..., 1:]))
    return SpinModel(terms, lattice=lattice)


LARGEST_NEIGHBOURHOOD = 5000
"""Sites around a cell; the vectors between them have 0.6 GB in three dimensions."""


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise InputError(
            f"Argument `cutoff` must leave at most {most} sites around a cell, but {count} are to "
            "be looked at. Use a smaller cutoff."
        )


def _neighbourhood(lattice: Lattice, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
    """Return points (atom, cell) near the home cell, itself first, and who is near to whom."""
    spacing = 1 / np.linalg.norm(np.linalg.pinv(lattice.vectors), axis=0)
    spread = np.linalg.norm(lattice.basis[:, None] - lattice.basis, axis=-1).max()
    reach = int(np.ceil((cutoff + spread) / spacing.min()))
    _check_count((2 * reach + 1) ** lattice.dimension * lattice.atoms, _checks.MANY)
    cells = np.indices((2 * reach + 1,) * lattice.dimension).reshape(lattice.dimension, -1).T
    cells = cells - reach
    cells = cells[np.argsort(np.abs(cells).sum(axis=1), kind="stable")]
    atoms = np.tile(np.arange(lattice.atoms), len(cells))[:, None]
    points = np.concatenate([atoms, np.repeat(cells, lattice.atoms, axis=0)], axis=1)
    places = points[:, 1:] @ lattice.vectors + lattice.basis[points[:, 0]]
    home = np.linalg.norm(places[:, None] - places[: lattice.atoms], axis=-1).min(axis=1)
    points, places = points[home <= cutoff], places[home <= cutoff]
    _check_count(len(points), LARGEST_NEIGHBOURHOOD)
    distance = np.linalg.norm(places[:, None] - places, axis=-1)
    return points, (distance <= cutoff) & ~np.eye(len(points), dtype=bool)


def _tuples(near: np.ndarray, atoms: int, count: int) -> np.ndarray:
    """Return all ordered tuples of points that are near to each other, from the home cell."""
    tuples = np.arange(atoms)[:, None]
    for _ in range(count - 1):
        old, new = np.nonzero(near[tuples].all(axis=1))
        tuples = np.concatenate([tuples[old], new[:, None]], axis=1)
    return tuples
