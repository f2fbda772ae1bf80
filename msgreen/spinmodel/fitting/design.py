"""What a spin model can be fitted with: its clusters, its free parameters, and their columns."""

from collections.abc import Sequence
from functools import cache
from itertools import permutations, product
from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float
from msgreen.spin.tensors import TRACELESS
from msgreen.spinmodel.forms import CLASSES, Form, chiral, chiral_chiral, isotropic, tensor
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.symmetry.images import relabellings
from msgreen.spinmodel.symmetry.invariance import invariants
from msgreen.spinmodel.symmetry.operations import Symmetry
from msgreen.spinmodel.terms import Term

MOST_SITES = 100
"""Sites of `all_clusters`: an estimate, the orders of four of so many are 1e8."""

_FACTOR: dict[Form, int] = {isotropic: 2, chiral: 2, chiral_chiral: 3}
"""Number of spins in every factor of a form; they are of different sites, else it is trivial."""


def all_clusters(
    site_count: int, names: Sequence[str], *, positions: Float[ArrayLike, "site dim"] | None = None
) -> SpinModel:
    """Return a model with every cluster of a few sites once and all values zero: a template.

    Parameters
    ----------
    site_count : int
    names : sequence of str
        Classes, keys of `CLASSES`. Those of more sites than there are have no clusters and are
        left out.
    positions : real array, shape (site, 2 or 3), optional
        In angstrom.

    Raises
    ------
    InputError
        If a class is unknown.

    Examples
    --------
    >>> trimer = all_clusters(3, ["exchange", "three_site", "chiral_three_site", "four_site"])
    >>> {term.name: len(term.clusters) for term in trimer.terms}
    {'exchange': 3, 'three_site': 3, 'chiral_three_site': 6}
    """
    _checks.whole_number("site_count", site_count, 1, MOST_SITES)
    _checks.words("names", names, CLASSES)
    terms = []
    for name in names:
        sites = _clusters(site_count, name)
        if len(sites):
            terms.append(Term(name, sites, np.zeros((len(sites), *CLASSES[name].shape))))
    return SpinModel(terms, site_count=site_count, positions=positions)


def _clusters(site_count: int, name: str) -> np.ndarray:
    """Return one order of the sites of every cluster: the first of those that mean the same."""
    spin_class = CLASSES[name]
    count = spin_class.site_count
    if spin_class.distinct:
        rows = np.array(list(permutations(range(site_count), count)), int).reshape(-1, count)
    else:
        rows = np.array(list(product(range(site_count), repeat=count)), int)
        width = _FACTOR.get(spin_class.form, 1)
        ranked = np.sort(rows.reshape(len(rows), -1, width), axis=-1)
        rows = rows[np.all(ranked[..., 1:] != ranked[..., :-1], axis=(1, 2))]
    place = site_count ** np.arange(count)[::-1]
    images = np.stack([rows[:, order] @ place for order in relabellings(name).columns])
    return rows[images.min(axis=0) == rows @ place]


class Free(NamedTuple):
    """The values that a term can have.

    Attributes
    ----------
    term : Term
        Its clusters; values are zero.
    basis : real array, shape (free, cluster, ...)
        Values that one unit of each free parameter stands for.
    """

    term: Term
    basis: np.ndarray


def free_values(
    term: Term, symmetry: Symmetry | None = None, units: np.ndarray | None = None
) -> Free:
    """Return the values that a term can have, whatever those that it has.

    Parameters
    ----------
    term : Term
    symmetry : Symmetry, optional
        Keeps the values that it allows, see `invariants`; images that the term lacks are added,
        and clusters without an allowed value left out.
    units : real array, shape (free, ...), optional
        Of every cluster alone, the values that it can have; instead of `symmetry`.

    Notes
    -----
    Anisotropies are symmetric and traceless: the trace of K is a constant; that of dJ is a J,
    and its antisymmetric part a D. Numbers, vectors and other tensors are free.
    """
    if symmetry is not None:
        clusters = term.clusters
        found = invariants(
            term.name, clusters.sites, symmetry, clusters.cells if term.dimension else None
        )
        return _joined(term, found)
    block = np.eye(int(np.prod(term.spin_class.shape))).reshape(-1, *term.spin_class.shape)
    if units is not None:
        block = np.asarray(units, float)
    elif term.name in ("anisotropy", "anisotropic_exchange"):
        block = TRACELESS
    rows = np.eye(len(term.clusters))
    return Free(term, np.einsum("cr,k...->ckr...", rows, block).reshape(-1, *term.values.shape))


def _joined(term: Term, found: Sequence[Term]) -> Free:
    """Put the clusters of several terms of a class into one term, those that are equal once."""
    start, count = {}, 0
    for part in found:
        if part.clusters not in start:
            start[part.clusters] = count
            count += len(part.clusters)
    shape = term.spin_class.shape
    basis = np.zeros((len(found), count, *shape))
    for row, part in zip(basis, found, strict=True):
        first = start[part.clusters]
        row[first : first + len(part.clusters)] = part.values
    sites = [c.sites for c in start] or [term.clusters.sites[:0]]
    cells = [c.cells for c in start] or [term.clusters.cells[:0]]
    values = np.zeros((count, *shape))
    return Free(Term(term.name, np.concatenate(sites), values, np.concatenate(cells)), basis)


def columns(
    free: Free, directions: Float[ArrayLike, "config *box site 3"]
) -> tuple[np.ndarray, np.ndarray]:
    """Return energy (free, config) and dE/dS (free, config, ..., site, 3) of unit parameters.

    Parameters
    ----------
    free : Free
    directions : real array, shape (config, ..., site, 3)

    Notes
    -----
    Every form is linear in its parameter and in the spin of every slot. So is its derivative with
    respect to one spin in the others: contractions of a constant tensor, without compilation.
    """
    term, count = free.term, len(free.basis)
    units = unit_tensors(term.name)
    values = free.basis.reshape(count, len(term.clusters), len(units))
    spins = np.moveaxis(np.asarray(directions, float), (-1, -2), (0, 1))
    extent, box = spins.shape[2:], tuple(range(-term.dimension, 0))
    energy, gradient = np.zeros((count, extent[0])), np.zeros((count, *spins.shape))
    for row, (sites, cells) in enumerate(zip(*term.slots(), strict=True)):
        active = np.nonzero(values[:, row].any(axis=1))[0]
        tensors = np.tensordot(values[active, row], units, axes=1)
        for home, site in enumerate(sites):
            seen = [
                (np.roll(spins[:, s], shift, box) if any(shift) else spins[:, s]).reshape(3, -1)
                for s, shift in zip(sites, (cells[home] - cells).tolist(), strict=True)
            ]
            others = seen[:home] + seen[home + 1 :]
            force = _contracted(np.moveaxis(tensors, 1 + home, 1), others, seen[0].shape[1])
            gradient[active, :, site] += force.reshape(len(active), 3, *extent)
            if home == 0:
                along = np.sum(force * seen[0], axis=1)
                energy[active] += along.reshape(len(active), *extent).sum(axis=box)
    return energy, np.moveaxis(gradient, (1, 2), (-1, -2))


def evaluate(
    model: SpinModel, directions: Float[Array | np.ndarray, "config *box site 3"]
) -> tuple[np.ndarray, np.ndarray]:
    """Return energy (config,) and dE/dS (config, ..., site, 3) of a model, without compilation.

    For many models at few configurations; `SpinModel.energy_and_gradient` is for the contrary.
    """
    energy, gradient = np.zeros(len(directions)), np.zeros(np.shape(directions))
    for term in model.terms:
        parts = columns(Free(term, np.asarray(term.values)[None]), directions)
        energy, gradient = energy + parts[0][0], gradient + parts[1][0]
    return energy, gradient


@cache
def unit_tensors(name: str) -> np.ndarray:
    """Return the Cartesian tensors of unit parameters of a class, (component, 3, ..., 3)."""
    spin_class = CLASSES[name]
    size = int(np.prod(spin_class.shape))
    units = np.eye(size).reshape(size, *spin_class.shape)
    if spin_class.form is tensor:
        return units
    return np.asarray(
        Term(name, np.tile(np.arange(spin_class.site_count), (size, 1)), units).tensor()
    )


def _contracted(tensors: np.ndarray, spins: list[np.ndarray], points: int) -> np.ndarray:
    """Contract all axes but the first two with spins (3, point), giving (component, 3, point)."""
    products = np.ones((1, points))
    for spin in spins:
        products = (products[:, None] * spin).reshape(-1, points)
    return (tensors.reshape(-1, len(products)) @ products).reshape(len(tensors), 3, points)


def tangential(
    directions: Float[ArrayLike, "*batch site 3"], vectors: Float[ArrayLike, "... site 3"]
) -> np.ndarray:
    """Return two components of vectors at right angles to the directions, (..., site, 2)."""
    directions = np.asarray(directions, float)
    farthest = np.eye(3)[np.abs(directions).argmin(axis=-1)]
    first = np.cross(directions, farthest)
    first /= np.linalg.norm(first, axis=-1, keepdims=True)
    frame = np.stack([first, np.cross(directions, first)], axis=-2)
    return np.einsum("...ax,...x->...a", frame, np.asarray(vectors))


def design_of(
    free: Sequence[Free], directions: Float[np.ndarray, "config *box site 3"]
) -> tuple[np.ndarray, np.ndarray]:
    """Return energies (free, config) and tangential fields (free, config, component).

    Parameters
    ----------
    free : sequence of Free
    directions : real array, shape (config, ..., site, 3)
        Unit vectors.
    """
    count = len(directions)
    energies = [np.zeros((0, count))]
    fields = [np.zeros((0, count, directions[0, ..., :2].size))]
    for part in free:
        energy, gradient = columns(part, directions)
        energies.append(energy)
        fields.append(tangential(directions, gradient).reshape(len(energy), count, -1))
    return np.concatenate(energies), np.concatenate(fields)


def labels(free: Sequence[Free]) -> list[str]:
    """Return a name for every free parameter: class, sites and component where there is one."""
    return [_label(f.term, number, v) for f in free for number, v in enumerate(f.basis)]


def _label(term: Term, number: int, values: np.ndarray) -> str:
    entries = np.argwhere(values)
    if len(set(entries[:, 0].tolist())) > 1:
        return f"{term.name} #{number}"
    row, *component = entries[0].tolist()
    cells = term.clusters.cells[row].tolist() if term.dimension else ""
    part = "".join("xyz"[n] for n in component) if len(entries) == 1 else f"#{number}"
    return f"{term.name} {'-'.join(map(str, term.clusters.sites[row]))} {cells}{part}".strip()
