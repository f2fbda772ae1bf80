"""Tensors of four and six spins as named classes of interactions.

A tensor contains isotropic and chiral couplings, couplings of fewer spins (two spins of one site
multiply to one), anisotropies, a constant, and what remains. All of them are functions on the
spheres of the spins; the named ones are the projection of the tensor's energy onto their span,
with the mean over all directions as inner product.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from msgreen.spinmodel.convert import LEVI_CIVITA
from msgreen.spinmodel.forms import CLASSES
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.terms import Term

Pair = tuple[int, int]

_TRACELESS = np.array(
    [
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]],
        [[0, 0, 1], [0, 0, 0], [1, 0, 0]],
        [[0, 0, 0], [0, 0, 1], [0, 1, 0]],
        [[1, 0, 0], [0, -1, 0], [0, 0, 0]],
        [[-1, 0, 0], [0, -1, 0], [0, 0, 2]],
    ],
    dtype=float,
)
_BLOCKS = {"isotropic": np.eye(3)[None], "chiral": LEVI_CIVITA, "tensor": _TRACELESS}


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
        for pattern, rows in _patterns(term):
            columns = list(_columns(pattern))
            design = _quadrature(pattern)
            embedded = np.concatenate([c.tensors for c in columns]).reshape(-1, design.shape[1])
            flat = rest[rows].reshape(len(rows), -1)
            samples = design @ flat.T
            found = np.linalg.lstsq(design @ embedded.T, samples, rcond=1e-10)[0].T
            flat = flat - found @ embedded
            rest[rows] = flat.reshape(rest[rows].shape)
            total += float(np.sum(samples**2))
            lost += float(np.sum((design @ flat.T) ** 2))
            named, shift = _named(term, rows, pattern, columns, found)
            parts += named
            constant += shift
        remainders.append(Term(term.name, term.clusters.sites, rest, term.clusters.cells))
    share = float(np.sqrt(lost / total)) if total else 0.0
    left = remainders if share > 1e-12 else []
    return Resolution(model.with_terms(merge(parts)), constant, model.with_terms(left), share)


def merge(parts) -> list[Term]:
    """Return one term per class, with clusters that are the same added up.

    Parameters
    ----------
    parts : iterable of (name, sites, cells, values)
        As the arguments of `Term`.

    Notes
    -----
    Two clusters are the same if they differ by a lattice vector or by an order of their sites
    that the class does not distinguish, up to a sign or a transposition of the parameter.
    """
    found: dict[str, dict[tuple, np.ndarray]] = {name: {} for name in CLASSES}
    for name, sites, cells, values in parts:
        symmetries = own_symmetries(name)
        labels = np.concatenate([sites[..., None], cells], axis=-1)
        for cluster, value in zip(labels, values, strict=True):
            key, act = min(
                ((_home(cluster[list(order)]), n) for n, (order, _) in enumerate(symmetries))
            )
            same = found[name].setdefault(key, np.zeros(np.shape(value)))
            same += _moved(value, *symmetries[act])
    terms = []
    for name, clusters in found.items():
        if clusters:
            labels = np.array(list(clusters))
            terms.append(
                Term(name, labels[..., 0], np.array([*clusters.values()]), labels[..., 1:])
            )
    return terms


@cache
def own_symmetries(name: str) -> list[tuple[tuple[int, ...], int]]:
    """Return the orders of the sites that a class does not distinguish, each with its sign.

    Reordered sites describe the same energy with the parameter times the sign; the parameters
    "anisotropic_exchange" and full tensors are transposed along.
    """
    spin_class = CLASSES[name]
    count, order = spin_class.site_count, spin_class.order
    everything = list(permutations(range(count)))
    if spin_class.shape == (3,) * order:
        return [(p, 1) for p in everything]
    index = [sorted(set(spin_class.slots)).index(letter) for letter in spin_class.slots]
    spins = np.random.default_rng(0).normal(size=(count, 3))[np.array(everything)[:, index]]
    value = jnp.asarray(np.random.default_rng(1).normal(size=spin_class.shape))
    x, y, z = jnp.moveaxis(jnp.asarray(spins), -1, 0)
    energies = spin_class.form(value, [(x[:, n], y[:, n], z[:, n]) for n in range(order)])
    ratios = np.asarray(energies / energies[0])
    signs = np.where(np.abs(np.abs(ratios) - 1) < 1e-9, np.round(ratios), 0).astype(int)
    return [(p, int(sign)) for p, sign in zip(everything, signs, strict=True) if sign]


def _numpy(term: Term):
    return term.clusters.sites, term.clusters.cells, np.asarray(term.values)


def _home(cluster: np.ndarray) -> tuple:
    """Name a cluster (site, 1 + dim) with its first site in the home cell."""
    moved = cluster - np.concatenate([[0], cluster[0, 1:]])
    return tuple(map(tuple, moved.tolist()))


def _moved(value, order, sign):
    value = np.asarray(value)
    return np.transpose(value, order) if value.ndim == len(order) > 1 else sign * value


def _patterns(term: Term) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yield the ways in which sites of the clusters coincide, and the rows of each."""
    sites, cells = term.slots()
    labels = np.concatenate([sites[..., None], cells], axis=-1)
    groups: dict[tuple[int, ...], list[int]] = {}
    for row, cluster in enumerate(labels.tolist()):
        names: dict[tuple[int, ...], int] = {}
        pattern = tuple(names.setdefault(tuple(label), len(names)) for label in cluster)
        groups.setdefault(pattern, []).append(row)
    for pattern, rows in groups.items():
        yield pattern, np.array(rows)


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
    return (
        [order]
        if name is None
        else [tuple(order[n] for n in permutation) for permutation, _ in own_symmetries(name)]
    )


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
    z, weights = np.polynomial.legendre.leggauss(degree + 1)
    phi = 2 * np.pi * np.arange(2 * degree + 1) / (2 * degree + 1)
    z, phi = (a.ravel() for a in np.meshgrid(z, phi, indexing="ij"))
    rho = np.sqrt(1 - z**2)
    points = np.stack([rho * np.cos(phi), rho * np.sin(phi), z], axis=1)
    return points, np.repeat(weights / 2, 2 * degree + 1) / (2 * degree + 1)


def _named(term: Term, rows, pattern, columns: list[_Column], found: np.ndarray):
    """Return the found couplings as arguments of `Term`, and the constant."""
    sites, cells = (array[rows] for array in term.slots())
    home = [pattern.index(letter) for letter in range(max(pattern) + 1)]
    parts, constant, start = [], 0.0, 0
    for column in columns:
        values = found[:, start : start + len(column.tensors)]
        start += len(column.tensors)
        if column.name is None:
            constant += float(values.sum())
            continue
        shape = CLASSES[column.name].shape
        if shape == (3, 3):
            values = np.einsum("pm,mab->pab", values, _TRACELESS)
        slots = [home[letter] for letter in column.letters]
        values = values.reshape(len(rows), *shape)
        parts.append((column.name, sites[:, slots], cells[:, slots], values))
    return parts, constant
