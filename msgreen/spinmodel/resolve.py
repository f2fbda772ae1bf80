"""Tensors of four and six spins as named classes of interactions.

A tensor contains isotropic and chiral couplings, couplings of fewer spins (two spins of one site
multiply to one), anisotropies, a constant, and what remains. All of them are functions on the
spheres of the spins; the named ones are the projection of the tensor's energy onto their span,
with the mean over all directions as inner product.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from msgreen.spin.sphere import sphere_rule
from msgreen.spin.tensors import LEVI_CIVITA, TRACELESS
from msgreen.spinmodel.forms import CLASSES
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.symmetry.images import merge, relabellings
from msgreen.spinmodel.terms import Term

Pair = tuple[int, int]

_BLOCKS = {"isotropic": np.eye(3)[None], "chiral": LEVI_CIVITA, "tensor": TRACELESS}


class Resolution(NamedTuple):
    """A spin model whose tensors of four and six spins have been resolved.

    Attributes
    ----------
    model : SpinModel
        Without those tensors.
    constant : float
        In eV (per cell for a lattice).
    remainder : SpinModel
        What no named class contains, as tensors. The energies of `model` and `remainder` and the
        constant add up to the energy of the original.
    share : float
        Root mean square of the remainder's energy over all directions, relative to that of the
        tensors; sums over clusters of squares.
    """

    model: SpinModel
    constant: float
    remainder: SpinModel
    share: float


class _Column(NamedTuple):
    """One named coupling inside a tensor: class, letters of its sites, and its embedding."""

    name: str | None
    letters: tuple[int, ...]
    tensors: np.ndarray


def resolve(model: SpinModel) -> Resolution:
    """Return a model with its "tensor4" and "tensor6" terms split into named classes.

    Four spins give "four_site", "three_site", "biquadratic", their chiral companions, and what
    they contribute to "exchange", "dzyaloshinskii_moriya" and the anisotropies; six spins
    give "six_spin" and "chiral_six_spin" likewise.

    Parameters
    ----------
    model : SpinModel

    Returns
    -------
    Resolution
    """
    parts = [(t.name, *_numpy(t)) for t in model.terms if t.name not in ("tensor4", "tensor6")]
    remainders, constant, lost, total = [], 0.0, 0.0, 0.0
    for term in model.terms:
        if term.name not in ("tensor4", "tensor6"):
            continue
        rest = np.array(term.values)
        for pattern, rows in term.patterns():
            columns = list(_columns(pattern))
            design = _quadrature(pattern)
            embedded = np.concatenate([c.tensors for c in columns]).reshape(-1, design.shape[1])
            flat = rest[rows].reshape(len(rows), -1)
            samples = design @ flat.T
            inverse = np.linalg.pinv(design @ embedded.T, rcond=1e-10)
            found = samples.T @ inverse.T
            flat = flat - found @ embedded
            rest[rows] = flat.reshape(rest[rows].shape)
            total += float(np.sum(samples**2))
            lost += float(np.sum((design @ flat.T) ** 2))
            doubt = None
            if term.errors is not None:
                errors = np.asarray(term.errors)[rows].reshape(len(rows), -1)
                doubt = _bound(errors, inverse @ design)
            named, shift = _named(term, rows, pattern, columns, found, doubt)
            parts += named
            constant += shift
        remainders.append(Term(term.name, term.clusters.sites, rest, term.clusters.cells))
    share = float(np.sqrt(lost / total)) if total else 0.0
    left = remainders if share > 1e-12 else []
    return Resolution(model.with_terms(merge(parts)), constant, model.with_terms(left), share)


def _numpy(term: Term):
    errors = None if term.errors is None else np.asarray(term.errors)
    return term.clusters.sites, term.clusters.cells, np.asarray(term.values), errors


def _bound(errors: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return what errors (row, entry) can change of entries @ matrix.T at most."""
    size = np.abs(matrix).T
    known = np.where(np.isfinite(errors), errors, 0.0) @ size
    return np.where(~np.isfinite(errors) @ (size > 1e-9), np.nan, known)


def _columns(pattern: tuple[int, ...]) -> Iterator[_Column]:
    """Yield every different named coupling of the letters of a pattern, embedded in its slots."""
    seen = set()
    for pairing in _pairings(tuple(range(len(pattern)))):
        for first, *rest in _first_pairs(pairing):
            letters = pattern[first[0]], pattern[first[1]]
            others = sorted(tuple(sorted((pattern[a], pattern[b]))) for a, b in rest)
            others = [pair for pair in others if pair[0] != pair[1]]
            for kind in _kinds(letters, others):
                name, order = _class(kind, letters, others)
                key = (name, min(_same(name, order)))
                if key not in seen:
                    seen.add(key)
                    forward = kind != "chiral" or order[:2] == letters
                    slots = first if forward else (first[1], first[0])
                    yield _Column(name, order, _embed(_BLOCKS[kind], [slots, *rest]))


def _pairings(slots: tuple[int, ...]) -> Iterator[list[Pair]]:
    if not slots:
        yield []
    for partner in slots[1:]:
        left = tuple(s for s in slots[1:] if s != partner)
        for rest in _pairings(left):
            yield [(slots[0], partner), *rest]


def _first_pairs(pairing: list[Pair]) -> Iterator[list[Pair]]:
    for n, pair in enumerate(pairing):
        yield [pair, *pairing[:n], *pairing[n + 1 :]]


def _kinds(letters, others) -> list[str]:
    different = letters[0] != letters[1]
    kinds = ["isotropic", "chiral"] if different else ["isotropic"]
    return kinds if others else [*kinds, "tensor"]


def _class(kind: str, letters, others) -> tuple[str | None, tuple[int, ...]]:
    """Return the class of a coupling and its sites in the order of the class."""
    a, b = letters
    if kind == "tensor":
        return ("anisotropy", (a,)) if a == b else ("anisotropic_exchange", tuple(sorted(letters)))
    if kind == "isotropic" and a == b:
        if not others:
            return None, ()
        (a, b), *others = others
    chiral = kind == "chiral"
    if not others:
        return ("dzyaloshinskii_moriya" if chiral else "exchange"), (a, b)
    prefix = "chiral_" if chiral else ""
    if len(others) > 1:
        return prefix + "six_spin", (a, b, *(letter for pair in others for letter in pair))
    (c, d) = others[0]
    if {a, b} == {c, d}:
        return prefix + "biquadratic", (a, b)
    if {a, b} & {c, d}:
        shared = ({a, b} & {c, d}).pop()
        ends = ({a, b} - {shared}).pop(), ({c, d} - {shared}).pop()
        return prefix + "three_site", (ends[0], shared, ends[1])
    return prefix + "four_site", (a, b, c, d)


def _same(name: str | None, order: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the orders of sites that describe the same coupling."""
    if name is None:
        return [order]
    return [tuple(order[n] for n in columns) for columns in relabellings(name).columns]


def _embed(blocks: np.ndarray, pairs: Sequence[Pair]) -> np.ndarray:
    """Return blocks on the first pair of slots times the identity on the others, flattened."""
    tensors = blocks
    for _ in pairs[1:]:
        tensors = tensors[..., None, None] * np.eye(3)
    slots = [slot for pair in pairs for slot in pair]
    return np.transpose(tensors, (0, *(1 + np.argsort(slots)))).reshape(len(blocks), -1)


def _quadrature(pattern: tuple[int, ...]) -> np.ndarray:
    """Return the products of spin components at the points of an exact rule, (point, 3^N).

    The rows carry the square root of the weight, so that sums of squares over them are means over
    all directions.
    """
    rules = [_sphere(pattern.count(letter)) for letter in range(max(pattern) + 1)]
    grid = np.indices([len(weights) for _, weights in rules]).reshape(len(rules), -1)
    root = np.sqrt(np.prod([rules[n][1][grid[n]] for n in range(len(rules))], axis=0))
    products = root[:, None]
    for letter in pattern:
        spin = rules[letter][0][grid[letter]]
        products = (products[:, :, None] * spin[:, None, :]).reshape(len(root), -1)
    return products


def _sphere(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points and weights that average products of two polynomials of a degree exactly."""
    if degree == 1:
        return np.eye(3), np.full(3, 1 / 3)
    points, weights = sphere_rule(degree)
    return points, weights / (4 * np.pi)


def _named(term: Term, rows, pattern, columns: list[_Column], found: np.ndarray, doubt):
    """Return the found couplings and their errors as arguments of `Term`, and the constant."""
    sites, cells = (array[rows] for array in term.slots())
    home = [pattern.index(letter) for letter in range(max(pattern) + 1)]
    parts, constant, start = [], 0.0, 0
    for column in columns:
        part = slice(start, start + len(column.tensors))
        start = part.stop
        if column.name is None:
            constant += float(found[:, part].sum())
            continue
        slots = [home[letter] for letter in column.letters]
        values = _shaped(found[:, part], column.name, TRACELESS)
        errors = None if doubt is None else _shaped(doubt[:, part], column.name, np.abs(TRACELESS))
        parts.append((column.name, sites[:, slots], cells[:, slots], values, errors))
    return parts, constant


def _shaped(found: np.ndarray, name: str, traceless: np.ndarray) -> np.ndarray:
    """Return coefficients (row, part) as parameters of a class."""
    shape = CLASSES[name].shape
    if shape == (3, 3):
        return np.einsum("pm,mab->pab", found, traceless)
    return found.reshape(len(found), *shape)
