"""Spin textures of chains: electronic and phonon-mediated interactions in one spin model."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Float, Pairs, Scalar, Vectors
from msgreen.convention import NEUTRAL
from msgreen.errors import InputError
from msgreen.hosts.base import check_pairs
from msgreen.phonon.crystal import HarmonicCrystal
from msgreen.phonon.mediated import crystal_tensors, interactions, named_parts
from msgreen.spinmodel.convert import from_interactions
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms
from msgreen.spinmodel.states.relax import relax

LARGEST_RING = 100_000
"""Cells of a ring, an estimate: tensors of so many are small, to minimise their energy is not."""

MOST_STARTS = 100_000
"""Random starts, a choice: of a ring of 100 spins twelve take 0.2 s once compiled."""


class Texture(NamedTuple):
    """A spin configuration of lowest energy.

    `directions` are unit vectors, shape (site, 3); `energy` is in eV for all sites; `moment` is
    the length of the mean spin and `staggered` that of the mean of spins with alternating sign.
    """

    directions: np.ndarray
    energy: float
    moment: float
    staggered: float


def heisenberg(
    pairs: Pairs,
    positions: Vectors,
    exchange: Scalar | Float[ArrayLike, " pair"],
) -> Interactions:
    """Return isotropic interactions of the given strength, energy J e_i.e_j per pair, in eV."""
    _checks.finite_array("positions", positions, ("site", 3))
    pairs = check_pairs(pairs, len(np.asarray(positions)))
    _checks.finite_array("exchange", exchange, (), (len(pairs),))
    strength = np.broadcast_to(np.asarray(exchange, float), len(pairs))
    value = strength[:, None, None] * np.eye(3)
    tensor = Coefficient(value, np.zeros_like(value), ("xyz", "xyz"))
    terms = Terms(pairs, named_parts(tensor, isotropic=True), tensor)
    return Interactions((terms,), NEUTRAL, np.asarray(positions, float))


def ring(
    crystal: HarmonicCrystal,
    couplings: Float[ArrayLike, "atom 3 3"],
    cells: int,
    shape: Sequence[int],
    *,
    neighbours: int = 1,
    isotropic: bool = False,
) -> Interactions:
    """Return the phonon-mediated interactions of a chain closed to a ring, translation by cells.

    Parameters
    ----------
    crystal : HarmonicCrystal
        Of one dimension; every atom carries a spin.
    couplings : real array, shape (atom, 3, 3)
        In eV/angstrom.
    cells : int
        Number of cells of the ring.
    shape : sequence of int
        Mesh of the sum over wave vectors of the infinite chain.
    neighbours : int
        How far the interactions reach, in atoms along the chain; less than half the ring.
    isotropic : bool
        See `msgreen.phonon.mediated.interactions`.
    """
    _checks.whole_number("cells", cells, 1, LARGEST_RING)
    _checks.whole_number("neighbours", neighbours, 1)
    atoms = crystal.atom_count
    count = atoms * cells
    if crystal.dimension != 1:
        raise InputError(
            "Argument `crystal` must be a chain (one lattice vector), but it has "
            f"{crystal.dimension}. "
            "Build it from one vector."
        )
    if 2 * neighbours >= count:
        raise InputError(
            f"Argument `neighbours` must be less than half the number of sites ({count}), but it "
            f"is {neighbours}. Take more cells."
        )
    steps = np.arange(1, neighbours + 1)
    sites = [divmod(s, atoms)[::-1] for s in range(atoms + neighbours)]
    home = np.array([(a, a + n) for a in range(atoms) for n in steps])
    tensors = crystal_tensors(crystal, couplings, np.array(sites), home, shape)
    shifts = atoms * np.arange(cells)
    pairs = (home[None] + shifts[:, None, None]).reshape(-1, 2) % count

    def repeated(array):
        return np.tile(np.asarray(array), (cells, 1, 1))

    tiled = Coefficient(repeated(tensors.value), repeated(tensors.error), tensors.axes)
    places = crystal.position([divmod(s, atoms)[::-1] for s in range(count)])
    return interactions(tiled, pairs, np.asarray(places), isotropic=isotropic)


def add_interactions(first: Interactions, second: Interactions) -> Interactions:
    """Return the sum of two sets of interactions, in the neutral convention.

    Pairs that both sets have become one, whichever way round each set lists them; other kinds of
    terms may occur in one set only.

    Raises
    ------
    InputError
        If a set was computed about a reference, the positions disagree, both sets have the same
        many-spin terms, or pairs lack tensors.
    """
    for name, one in (("first", first), ("second", second)):
        if one.reference is not None:
            raise InputError(
                f"Argument `{name}` must multiply spins, but it was computed about an ordered "
                "reference and multiplies deviations from it. Add spin models instead."
            )
    sets = [first.to(NEUTRAL), second.to(NEUTRAL)]
    places = [s.positions for s in sets if s.positions is not None]
    if len(places) == 2 and not _same(*places):
        raise InputError(
            "Argument `second` must have the positions of `first`, but they differ. Interactions "
            "of different structures cannot be added."
        )
    pairs = [t for s in sets for t in s.terms if t.kind == "pair"]
    others = [t for s in sets for t in s.terms if t.kind != "pair"]
    kinds = [t.kind for t in others]
    if len(set(kinds)) < len(kinds):
        raise InputError(
            f"Argument `second` must not repeat terms, but both have {kinds}. "
            "Add each kind of term once."
        )
    merged = (_merged(pairs),) if pairs else ()
    source = {**sets[0].source, **sets[1].source}
    return Interactions((*merged, *others), NEUTRAL, places[0] if places else None, source)


def ground_state(
    model: Interactions, *, starts: int = 12, seed: int = 0, tolerance: float = 1e-12
) -> Texture:
    """Return the configuration of lowest energy of pair interactions, from many random starts.

    `msgreen.spinmodel.relax` minimises them; `find_minima` there tells all that it ends in apart.

    Parameters
    ----------
    model : Interactions
        Pair terms with tensors.
    starts : int
        Random configurations to begin from.
    seed : int
    tolerance : float
        On the largest torque, relative to the largest number of the tensors.

    Returns
    -------
    Texture
    """
    _checks.whole_number("starts", starts, 1, MOST_STARTS)
    _checks.whole_number("seed", seed, 0)
    _checks.positive_number("tolerance", tolerance)
    tensor = model.terms[0].tensor if [t.kind for t in model.terms] == ["pair"] else None
    if tensor is None:
        raise InputError(
            "Argument `model` must consist of pair terms with tensors, but it does not. "
            "Make it with `interactions`."
        )
    count = int(model.terms[0].loops.max()) + 1
    starts_at = np.random.default_rng(seed).normal(size=(starts, count, 3))
    starts_at /= np.linalg.norm(starts_at, axis=-1, keepdims=True)
    scale = float(np.abs(tensor.value).max()) or 1.0
    found = relax(from_interactions(model), starts_at, tolerance=tolerance * scale)
    spins = np.asarray(found.directions[np.argmin(found.energy)])
    sign = (-1.0) ** np.arange(count)
    return Texture(
        spins,
        float(model.energy(spins)),
        float(np.linalg.norm(spins.mean(axis=0))),
        float(np.linalg.norm((sign[:, None] * spins).mean(axis=0))),
    )


def _merged(parts: Sequence[Terms]) -> Terms:
    """Pair terms of several sets as one, every pair with the smaller site first."""
    isotropic, tensors = {}, {}
    for terms in parts:
        if terms.tensor is None:
            raise InputError(
                "Argument `first` must carry tensors of its pairs, but it or `second` does not. "
                "Ask for them when computing the interactions (`tensors=True`)."
            )
        trace = np.asarray(terms.coefficients["J_iso"].value)
        value, error = np.asarray(terms.tensor.value), np.asarray(terms.tensor.error)
        for n, (a, b) in enumerate(terms.loops.tolist()):
            pair = (min(a, b), max(a, b))
            block = np.stack([value[n], error[n]])
            total = tensors.setdefault(pair, np.zeros((2, 3, 3)))
            total += block if a < b else block.swapaxes(1, 2)
            isotropic[pair] = isotropic.get(pair, 0.0) + trace[n]
    pairs = np.array(sorted(tensors)).reshape(-1, 2)
    stacked = np.array([tensors[tuple(pair)] for pair in pairs.tolist()])
    tensor = Coefficient(stacked[:, 0], stacked[:, 1], ("xyz", "xyz"))
    named = named_parts(tensor)
    trace = np.array([isotropic[tuple(pair)] for pair in pairs.tolist()])
    doubt = np.trace(tensor.error, axis1=1, axis2=2) / 3
    whole = named["J_ani"]
    named["J_iso"] = Coefficient(trace, doubt)
    named["J_ani"] = Coefficient(
        whole.value - trace[:, None, None] * np.eye(3),
        whole.error + doubt[:, None, None] * np.eye(3),
        whole.axes,
    )
    return Terms(pairs, named, tensor)


def _same(a, b) -> bool:
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=0, atol=1e-8)
