"""Carrying clusters of sites, and the parameters of their interactions, by symmetry operations.

Two rows of a term are the same interaction if a lattice translation or the polynomial itself
carries one into the other: D_ij = -D_ji because the cross product changes sign. So every image of
a cluster is written in one canonical order of its sites.
"""

from collections.abc import Iterable
from functools import cache
from itertools import permutations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float
from msgreen.spinmodel.forms import CLASSES
from msgreen.spinmodel.symmetry.operations import Symmetry, no_symmetry
from msgreen.spinmodel.terms import Clusters, Term

_PRESENT = 1e-9
"""Share of a component in an image above which it is no rounding of a rotation."""


class Relabellings(NamedTuple):
    """The orders of the sites of a cluster that a class of terms does not tell apart.

    Attributes
    ----------
    columns : int array, shape (relabelling, site)
        The row ``sites[columns]`` has the energy of the row `sites`, if its parameter is
        ``sign * value.ravel()[source]``.
    signs : real array, shape (relabelling,)
    sources : int array, shape (relabelling, component)
    """

    columns: np.ndarray
    signs: np.ndarray
    sources: np.ndarray


@cache
def relabellings(name: str) -> Relabellings:
    """Return the symmetry of a class under exchange of its sites, read off its polynomial.

    Parameters
    ----------
    name : str
        Class of terms, a key of `CLASSES`.

    Notes
    -----
    A polynomial of dot and cross products keeps its value, changes its sign or becomes another
    one when the sites are permuted; a full tensor is transposed.

    Examples
    --------
    >>> relabellings("chiral_four_site").columns.tolist()
    [[0, 1, 2, 3], [0, 1, 3, 2], [1, 0, 2, 3], [1, 0, 3, 2]]
    >>> relabellings("chiral_four_site").signs.tolist()
    [1.0, 1.0, -1.0, -1.0]
    """
    _checks.one_of("name", name, CLASSES)
    spin_class = CLASSES[name]
    letters = sorted(set(spin_class.slots))
    slots = np.array([letters.index(letter) for letter in spin_class.slots])
    if len(spin_class.shape) == spin_class.order:
        return _transpositions(slots)
    columns = np.array(list(permutations(range(len(letters)))))
    rng = np.random.default_rng(0)
    spins = np.moveaxis(rng.normal(size=(len(letters), 8, 3)), -1, 1)
    value = np.moveaxis(rng.normal(size=(8, *spin_class.shape)), 0, -1)
    form: Any = spin_class.form
    here = form(value, list(spins[slots]))
    ratio = np.array([form(value, list(spins[c][slots])) / here for c in columns])
    kept = np.abs(np.abs(ratio) - 1).max(axis=1) < 1e-9
    kept &= np.ptp(ratio, axis=1) < 1e-9
    source = np.arange(np.prod(spin_class.shape, dtype=int))
    signs = ratio[kept].mean(axis=1).round()
    return Relabellings(columns[kept], signs, np.tile(source, (len(signs), 1)))


def _transpositions(slots: np.ndarray) -> Relabellings:
    """Return every permutation of the spins of a tensor that permutes its sites."""
    first = [int(np.argmax(slots == site)) for site in range(slots.max() + 1)]
    orders = np.array(list(permutations(range(len(slots)))))
    columns = slots[orders][:, first]
    kept = np.all(columns[:, slots] == slots[orders], axis=1)
    grid = np.arange(3 ** len(slots)).reshape((3,) * len(slots))
    sources = np.array([grid.transpose(order).ravel() for order in orders[kept]])
    return Relabellings(columns[kept], np.ones(len(sources)), sources)


class Images(NamedTuple):
    """The clusters of a term, carried by every operation of a group.

    Attributes
    ----------
    rows : int array, shape (image, site, 1 + dim)
        Site and cell, with the first site in the home cell. The images run over (op, row), so
        that the first are the clusters themselves.
    same : bool array, shape (image, relabelling)
        The relabellings that lead to the canonical order of the sites: more than one where a site
        occurs twice.
    key : int array, shape (image,)
        Number of the cluster, irrespective of the order of its sites.
    first : int array, shape (key,)
        The image that shows a cluster for the first time.
    """

    rows: np.ndarray
    same: np.ndarray
    key: np.ndarray
    first: np.ndarray


def carry(clusters: Clusters, name: str, symmetry: Symmetry) -> Images:
    """Return the clusters of a class of terms under all operations of a group."""
    sites, cells = clusters.sites, clusters.cells
    moved = symmetry.permutations[:, sites]
    each = np.arange(len(symmetry))[:, None, None]
    places = np.einsum("rsd,ode->orse", cells, symmetry.cell_matrices)
    places = places + symmetry.shifts[each, sites]
    rows = np.concatenate([moved[..., None], places - places[:, :, :1]], axis=-1)
    parts = [_canonical(name, carried) for carried in rows]
    canonical = np.concatenate([part[0] for part in parts])
    same = np.concatenate([part[1] for part in parts])
    _, first, key = np.unique(canonical, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return Images(
        rows.reshape(-1, *rows.shape[2:]), same, np.argsort(order)[key.ravel()], first[order]
    )


def _canonical(name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lexicographically smallest order of the sites, and the ways that lead there."""
    candidates = rows[:, relabellings(name).columns]
    candidates[..., 1:] -= candidates[:, :, :1, 1:]
    candidates = candidates.reshape(*candidates.shape[:2], int(np.prod(rows.shape[1:])))
    same = np.ones(candidates.shape[:2], bool)
    for column in np.moveaxis(candidates, -1, 0):
        smallest = np.where(same, column, np.iinfo(np.int64).max).min(axis=1, keepdims=True)
        same &= column == smallest
    return candidates[np.arange(len(rows)), same.argmax(axis=1)], same


def carry_values(
    name: str,
    values: Float[ArrayLike, "row ..."],
    rotations: np.ndarray,
    same: np.ndarray,
    *,
    signed: bool = True,
) -> Any:
    """Return parameters turned by every rotation and written in the canonical order of the sites.

    Parameters
    ----------
    name : str
    values : real array, shape (row, ...)
    rotations : real array, shape (op, 3, 3)
    same : bool array, shape (op * row, relabelling)
        From `Images`. Where several relabellings lead to the canonical order, the mean over them
        keeps the part of the parameter that the energy depends on.
    signed : bool
        Whether a relabelling may change the sign, as it does but for errors.

    Returns
    -------
    real array, shape (op * row, component)
    """
    known = _checks.concrete(values)
    xp: Any = jnp if known is None else np
    values = jnp.asarray(values) if known is None else known
    turned = xp.broadcast_to(values, (len(rotations), *values.shape))
    for axis in range(2, turned.ndim):
        last = xp.einsum("oab,or...b->or...a", rotations, xp.moveaxis(turned, axis, -1))
        turned = xp.moveaxis(last, -1, axis)
    table = relabellings(name)
    flat = turned.reshape(len(same), table.sources.shape[1])
    image, way = np.nonzero(same)
    picked = xp.take_along_axis(flat[image], table.sources[way], axis=1)
    share = (table.signs[way] if signed else 1.0) / same.sum(axis=1)[image]
    return sum_by(image, picked * share[:, None], len(same))


def carry_errors(
    name: str, errors: Float[ArrayLike, "row ..."], rotations: np.ndarray, images: Images
) -> np.ndarray:
    """Return bounds of what errors (row, ...) make of sums over images, shape (key, component).

    The absolute errors of all images of a cluster add up; not determined (infinite) and not known
    (NaN) are what any such value enters.
    """

    def total(part) -> np.ndarray:
        moved = carry_values(name, part, np.abs(rotations), images.same, signed=False)
        return np.asarray(sum_by(images.key, np.asarray(moved), len(images.first)))

    errors = np.asarray(errors, float)
    finite = np.isfinite(errors)
    bound = total(np.where(finite, errors, 0.0))
    bound[total(np.isnan(errors).astype(float)) > _PRESENT] = np.nan
    bound[total(np.isinf(errors).astype(float)) > _PRESENT] = np.inf
    return bound


def sum_by(
    index: np.ndarray, values: Float[Array | np.ndarray, "row component"], count: int
) -> Any:
    """Return the sum of the rows with equal index, shape (count, component).

    Known values stay in numpy, where nothing has to be compiled; traced ones stay in JAX.
    """
    if isinstance(values, jax.Array):
        return jax.ops.segment_sum(values, index, count)
    total = np.zeros((count, values.shape[1]))
    np.add.at(total, index, values)
    return total


def term_of(
    name: str,
    images: Images,
    canonical: Float[ArrayLike, "key component"],
    errors: Float[ArrayLike, "key component"] | None = None,
) -> Term:
    """Return the term of all clusters, each in the order of its sites that was shown first.

    Parameters
    ----------
    name : str
    images : Images
    canonical : real array, shape (key, component)
        Parameters in the canonical order of the sites.
    errors : real array, shape (key, component), optional
        Of `canonical`.
    """
    table, shape = relabellings(name), CLASSES[name].shape
    way = images.same[images.first].argmax(axis=1)
    back = np.argsort(table.sources[way], axis=1)
    xp: Any = jnp if isinstance(canonical, jax.Array) else np
    values = xp.take_along_axis(canonical, back, axis=1) * table.signs[way][:, None]
    rows = images.rows[images.first]
    if errors is not None:
        errors = np.take_along_axis(errors, back, axis=1).reshape(-1, *shape)
    return Term(name, rows[..., 0], values.reshape(-1, *shape), rows[..., 1:], errors)


def merge(parts: Iterable[tuple]) -> list[Term]:
    """Return one term per class, with rows of the same cluster added up.

    Parameters
    ----------
    parts : iterable of (name, sites, cells, values[, errors])
        As the arguments of `Term`; a class may come several times. The errors of a sum add up;
        those of a class are known if all are.
    """
    by_name: dict[str, list[tuple]] = {}
    for name, sites, cells, values, *errors in parts:
        known = errors[0] if errors else None
        by_name.setdefault(name, []).append((sites, cells, values, known))
    terms = []
    for name in filter(by_name.get, CLASSES):
        *arrays, errors = zip(*by_name[name], strict=True)
        sites, cells, values = map(np.concatenate, arrays)
        if not len(sites):
            continue
        trivial = no_symmetry(int(sites.max()) + 1, cells.shape[-1])
        images = carry(Clusters(sites, cells), name, trivial)
        values = carry_values(name, values, trivial.rotations, images.same)
        total, doubt = sum_by(images.key, values, len(images.first)), None
        if all(error is not None for error in errors):
            known = np.concatenate(errors)
            doubt = carry_errors(name, known, trivial.rotations, images)
        terms.append(term_of(name, images, total, doubt))
    return terms
