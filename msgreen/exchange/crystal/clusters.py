"""Which loops of a crystal are computed: those within a cutoff, and what a spin model needs more.

Four moments interact by three products of dot products, which the three loops over the same four
sites mix, and six by fifteen, which sixty loops mix: for every loop within the cutoff all over the
same sites are taken. For what the products contain of lower orders so are the loops over four of
six sites, and all pairs that occur.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import combinations, permutations
from types import MappingProxyType

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Int
from msgreen.errors import InputError
from msgreen.hosts.wannier import WannierHost
from msgreen.lattice import lattice_contracted_loops, lattice_loops
from msgreen.spinmodel.symmetry.operations import Symmetry

KINDS: Mapping[str, int] = MappingProxyType(
    {"pair": 2, "biquadratic": 4, "three_site": 4, "four_site": 4, "six_site": 6}
)
"""Kinds of loops by name, and their numbers of spins."""


def crystal_clusters(
    host: WannierHost,
    cutoffs: Mapping[str, float],
    *,
    pairs: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return the loops of a crystal within cutoffs, and what a spin model needs of others.

    Parameters
    ----------
    host : WannierHost
    cutoffs : mapping of str to float
        Largest length of a leg in angstrom, for every kind that is wanted, a key of `KINDS`.
    pairs : int array, shape (pair, 5), optional
        Further pairs (i, j, R1, R2, R3), as from `crystal_pairs`.

    Returns
    -------
    dict of int arrays, shape (loop, order, 4)
        Cell and atom of every site, every loop once up to translation. "four_site" has the three
        loops over the same sites one after the other, "six_site" the sixty.

    Raises
    ------
    InputError
        If a kind is unknown, or there are too many loops.
    """
    unknown = [kind for kind in cutoffs if kind not in KINDS]
    if unknown:
        raise InputError(
            f"Argument `cutoffs` must name some of {', '.join(KINDS)}, but it names "
            f"{unknown[0]!r}. Choose among them."
        )
    where = {"atoms": host.atoms, "along": [reach > 0 for reach in host.reach]}
    found = {}
    for kind in (kind for kind in KINDS if kind in cutoffs):
        cutoff = cutoffs[kind]
        if kind in ("biquadratic", "three_site"):
            found[kind] = lattice_contracted_loops(host.lattice, kind, cutoff, **where)
        else:
            loops = lattice_loops(host.lattice, KINDS[kind], cutoff, **where)
            found[kind] = loops if kind == "pair" else all_rings(loops)
    if "six_site" in found:
        found = _with_subsets(found)
    ends = [found.pop("pair", np.zeros((0, 2, 4), int))]
    if pairs is not None:
        cells = np.stack([np.zeros_like(pairs[:, 2:]), pairs[:, 2:]], axis=1)
        ends.append(np.concatenate([cells, pairs[:, :2, None]], axis=2))
    ends += [factor for kind in found for factor in dot_products(kind, found[kind])]
    return {"pair": canonical(np.concatenate(ends)), **found}


def _with_subsets(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Add the loops over four of every six sites."""
    sets = canonical(found["six_site"])
    some = np.array(list(combinations(range(6), 4)))
    known = found.get("four_site", np.zeros((0, 4, 4), int))
    four = np.concatenate([known, sets[:, some].reshape(-1, 4, 4)])
    whole = {**found, "four_site": all_rings(four)}
    return {kind: whole[kind] for kind in KINDS if kind in whole}


@cache
def rings(order: int) -> np.ndarray:
    """Return all loops over so many sites, (order - 1)!/2 permutations that begin with 0."""
    found = [(0, *rest) for rest in permutations(range(1, order)) if rest[0] < rest[-1]]
    return np.array(found)


def all_rings(loops: np.ndarray) -> np.ndarray:
    """Return all loops over the sites of every loop (loop, order, 4), those of a set together."""
    order = loops.shape[1]
    return canonical(loops)[:, rings(order)].reshape(-1, order, 4)


def dot_products(kind: str, loops: np.ndarray) -> list[np.ndarray]:
    """Return the pairs of sites that are multiplied in the products of a kind, each (loop, 2, 4).

    A loop i j k l over four sites stands for (S_i.S_k)(S_j.S_l), one over fewer for its legs.
    """
    if kind == "four_site":
        return [loops[:, [0, 2]], loops[:, [1, 3]]]
    if kind == "three_site":
        return [loops[:, [0, 1]], loops[:, [1, 2]]]
    return [loops[:, [0, 1]]] if kind == "biquadratic" else []


def canonical(sets: np.ndarray) -> np.ndarray:
    """Return the different sets of sites (set, site, 4) up to translation, sites in order."""
    return np.unique(ordered(sets), axis=0)


def ordered(sets: np.ndarray) -> np.ndarray:
    """Return sets with their sites ordered by atom and cell, the first in the home cell."""
    rank = np.lexsort((sets[..., 2], sets[..., 1], sets[..., 0], sets[..., 3]), axis=1)
    found = np.take_along_axis(sets, rank[..., None], axis=1).copy()
    found[..., :3] -= found[:, :1, :3]
    return found


def check_sites(atoms: Sequence[int], sets: Int[ArrayLike, "set site 4"], name: str) -> np.ndarray:
    """Return sets of sites as an int array (set, site, 4), refusing other shapes and atoms.

    Parameters
    ----------
    atoms : sequence of int
        Those that sites may have.
    sets : array_like
    name : str
        Of the argument.
    """
    array = np.asarray(_checks.numbers(name, sets))
    if array.ndim != 3 or array.shape[2] != 4 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            f"Argument `{name}` must be an int array of shape (set, site, 4), cell and atom of "
            f"every site, but it is {array.dtype} of shape {array.shape}. Take those of "
            "`crystal_clusters`."
        )
    wrong = [int(a) for a in np.unique(array[..., 3]) if a not in atoms]
    if wrong:
        raise InputError(
            f"Argument `{name}` must name magnetic atoms, {list(atoms)}, but it names {wrong[0]}. "
            "Name it in `atoms` of the host."
        )
    return array


def loop_legs(walks: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the different legs of loops up to translation, and which of them every loop has.

    Parameters
    ----------
    walks : sequence of int arrays, shape (..., order, 4)
        Cell and atom of every site.

    Returns
    -------
    steps : int array, shape (step, 5)
        (i, j, R1, R2, R3), from atom i of the home cell to atom j of cell R.
    legs : list of int arrays, shape (..., order)
        Rows of `steps`; leg m leads from site m to site m + 1, the last one back to the first.
    """
    ends = [np.stack([w, np.roll(w, -1, axis=-2)], axis=-2) for w in walks]
    rows = np.concatenate([e.reshape(-1, 2, 4) for e in ends])
    steps = np.concatenate([rows[:, :, 3], rows[:, 1, :3] - rows[:, 0, :3]], axis=1)
    steps, index = np.unique(steps, axis=0, return_inverse=True)
    stops = np.cumsum([w.size // 4 for w in walks])[:-1]
    parts = np.split(index.ravel(), stops)
    return steps, [x.reshape(w.shape[:-1]) for x, w in zip(parts, walks, strict=True)]


def loop_orbits(loops: np.ndarray, symmetry: Symmetry) -> np.ndarray:
    """Return the number of the orbit of every loop under a space group.

    Parameters
    ----------
    loops : int array, shape (loop, order, 4)
        Cell and atom of every site.
    symmetry : Symmetry
        Of the crystal, see `msgreen.spinmodel.crystal_symmetry`, with all atoms as sites.

    Returns
    -------
    int array, shape (loop,)
        Equal for loops that the group maps onto each other, counted from 0 as they appear.
    """
    cells, atoms = loops[..., :3], loops[..., 3]
    names = loop_keys(loops)
    for places, shifts, turn in zip(
        symmetry.permutations, symmetry.shifts, symmetry.cell_matrices, strict=True
    ):
        image = np.concatenate([cells @ turn + shifts[atoms], places[atoms][..., None]], axis=-1)
        names = _smaller(names, loop_keys(image))
    _, first, orbit = np.unique(names, axis=0, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[orbit.ravel()]


def loop_keys(loops: np.ndarray) -> np.ndarray:
    """Return the smallest of all orders of every loop that begin in the home cell, flattened."""
    order = loops.shape[1]
    walks = [np.roll(some, m, axis=1) for some in (loops, loops[:, ::-1]) for m in range(order)]
    shifted = [w - np.pad(w[:, :1, :3], [(0, 0), (0, 0), (0, 1)]) for w in walks]
    flat = [w.reshape(len(loops), -1) for w in shifted]
    name = flat[0]
    for other in flat[1:]:
        name = _smaller(name, other)
    return name


def _smaller(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the lexicographically smaller one of every two rows."""
    rows, first = np.arange(len(a)), np.argmax(a != b, axis=1)
    return np.where((a[rows, first] <= b[rows, first])[:, None], a, b)
