"""Computed interactions as a spin model."""

import jax.numpy as jnp
import numpy as np

from msgreen._typing import ArrayLike, Float, Int, Pairs
from msgreen.convention import NEUTRAL
from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spin.tensors import LEVI_CIVITA as LEVI_CIVITA
from msgreen.spin.tensors import pair_part_errors, pair_parts
from msgreen.spinmodel.interactions import Interactions, Terms
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.terms import Term


def from_interactions(
    interactions: Interactions, lattice: Lattice | None = None, *, tolerance: float = 1e-6
) -> SpinModel:
    """Return interactions of any convention as a spin model with the same energies and errors.

    Fields become "field"; pairs become "exchange", "dzyaloshinskii_moriya" and
    "anisotropic_exchange"; three, four and six spins become full tensors, which `resolve` turns
    into named classes.

    Parameters
    ----------
    interactions : Interactions
        With tensors.
    lattice : Lattice, optional
        Makes the model periodic: the sites are folded into cells, and clusters that differ by a
        lattice vector are one. Every cluster of the cell must be there at least once.
    tolerance : float
        How far clusters that differ by a lattice vector may disagree, relative to the largest
        entry of their kind.

    Raises
    ------
    InputError
        If the set was computed about a reference, tensors or positions are missing, a site is not
        on the lattice, or equivalent clusters disagree.
    """
    if interactions.reference is not None:
        raise InputError(
            "Argument `interactions` must multiply spins, but this set was computed about an "
            "ordered reference and multiplies deviations e - e0, whose longitudinal parts mix the "
            "orders: read as spins it would give a false anisotropy. Match the derivatives of the "
            "energy at the reference instead (`msgreen.spinmodel.match_derivatives`)."
        )
    rows: dict[int, list[tuple[np.ndarray, ...]]] = {}
    neutral = interactions.to(NEUTRAL)
    sites, cells = _sites(neutral, lattice)
    for terms in neutral.terms:
        clusters = terms.loops, sites[terms.loops], cells[terms.loops], *_tensors(terms)
        folded = clusters[1:] if lattice is None else _fold(*clusters, tolerance)
        rows.setdefault(terms.order, []).append(folded)
    found = []
    for order, parts in sorted(rows.items()):
        merged = [np.concatenate(part) for part in zip(*parts, strict=True)]
        found += pair_terms(*merged) if order == 2 else [_tensor_term(order, *merged)]
    if lattice is not None:
        return SpinModel(found, lattice=lattice)
    count = len(sites)
    return SpinModel(found, site_count=count, positions=interactions.positions)


def pair_terms(
    sites: Pairs,
    cells: Int[ArrayLike, "pair 2 dim"] | None,
    tensors: Float[ArrayLike, "pair 3 3"],
    errors: Float[ArrayLike, "pair 3 3"] | None = None,
) -> list[Term]:
    """Return pair tensors S_i . T . S_j as their trace, antisymmetric and remaining parts.

    Parameters
    ----------
    sites, cells : int arrays, shape (pair, 2) and (pair, 2, dim)
    tensors : real array, shape (pair, 3, 3)
        In eV.
    errors : real array, shape (pair, 3, 3), optional
        Of the entries.
    """
    names = "exchange", "dzyaloshinskii_moriya", "anisotropic_exchange"
    parts = pair_parts(np.asarray(tensors, float))
    doubts = [None] * 3 if errors is None else pair_part_errors(np.asarray(errors, float))
    return [
        Term(name, sites, part, cells, doubt)
        for name, part, doubt in zip(names, parts, doubts, strict=True)
    ]


def spin_chiral_to_four_site(term: Term) -> Term:
    """Return the "chiral_four_site" term with the energy of a "spin_chiral" one.

    Parameters
    ----------
    term : Term
        Of the class "spin_chiral", (C.S_a) S_b.(S_c x S_d).

    Returns
    -------
    Term
        Three rows with the same vector for every row of `term`.

    Raises
    ------
    InputError
        If the term is of another class.

    Notes
    -----
    In three dimensions S_a [S_b.(S_c x S_d)] = (S_a.S_b) S_c x S_d + (S_a.S_c) S_d x S_b +
    (S_a.S_d) S_b x S_c. The four choices of the single spin are not independent, because four
    vectors obey Cramer's rule: their span has three dimensions per component of C, of the six
    of the chiral four-site forms.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Eqs. 11-13, 55-57.
    """
    if term.name != "spin_chiral":
        raise InputError(
            f'Argument `term` must be of the class "spin_chiral", but it is {term.name!r}. Convert '
            "tensors with `resolve`."
        )
    orders = np.array([[2, 3, 0, 1], [3, 1, 0, 2], [1, 2, 0, 3]])
    sites, cells = term.clusters.sites[:, orders], term.clusters.cells[:, orders]
    return Term(
        "chiral_four_site",
        np.concatenate(sites),
        jnp.repeat(term.values, 3, axis=0),
        np.concatenate(cells),
        None if term.errors is None else jnp.repeat(term.errors, 3, axis=0),
    )


def _tensor_term(order: int, sites, cells, tensors, errors) -> Term:
    if order == 1:
        return Term("field", sites, -tensors, cells, errors)  # -b.S
    return Term(f"tensor{order}", sites, tensors, cells, errors)


def _tensors(terms: Terms) -> tuple[np.ndarray, np.ndarray]:
    if terms.tensor is None:
        raise InputError(
            f"Argument `interactions` must carry tensors, but the {terms.kind} terms have none. "
            "Ask for them when computing the interactions (`tensors=True`)."
        )
    if terms.order not in (1, 2, 3, 4, 6):
        raise InputError(
            "Argument `interactions` must hold clusters of 1, 2, 3, 4 or 6 spins, but it holds "
            f"some of {terms.order}. Leave them out."
        )
    return np.asarray(terms.tensor.value, float), np.asarray(terms.tensor.error, float)


def _sites(interactions: Interactions, lattice: Lattice | None):
    """Return number in the cell and cell of every site of the interactions."""
    named = [int(terms.loops.max()) + 1 for terms in interactions.terms if len(terms.loops)]
    positions = interactions.positions
    count = max([0, *named]) if positions is None else len(positions)
    if lattice is None:
        return np.arange(count), np.zeros((count, 0), int)
    if positions is None:
        raise InputError(
            "Argument `interactions` must have positions to be folded into a lattice, but it has "
            "none. Set them, in angstrom, with `dataclasses.replace`."
        )
    width = min(positions.shape[1], lattice.vectors.shape[1])
    offset = positions[:, None, :width] - lattice.basis[None, :, :width]
    inverse = np.linalg.pinv(lattice.vectors[:, :width])
    cells = np.round(offset @ inverse)
    miss = np.linalg.norm(offset - cells @ lattice.vectors[:, :width], axis=-1)
    sites = np.argmin(miss, axis=1)
    everyone = np.arange(count)
    worst = int(np.argmax(miss[everyone, sites]))
    if miss[worst, sites[worst]] > 1e-3:
        raise InputError(
            "Argument `lattice` must contain all sites, but site "
            f"{worst} is {miss[worst, sites[worst]]:.3g} angstrom away from it."
        )
    return sites, cells[everyone, sites].astype(int)


def _fold(loops, sites, cells, tensors, errors, tolerance):
    """Merge clusters that differ by a lattice vector, a cyclic shift or a reversal.

    The error of a mean is the mean of the errors, or how far one of them is away from it.
    """
    groups: dict[tuple, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    order = loops.shape[1]
    shifts = [np.roll(np.arange(order), -m) for m in range(order)]
    walks = [*shifts, *(walk[::-1] for walk in shifts)]
    for loop, site, cell, *pair in zip(loops, sites, cells, tensors, errors, strict=True):
        names = [_name(site[walk], cell[walk]) for walk in walks]
        key = min(names)
        # A loop that visits a site twice has several walks of the same name.
        same = [walk for walk, name in zip(walks, names, strict=True) if name == key]
        tensor, error = (np.mean([np.transpose(t, w) for w in same], axis=0) for t in pair)
        groups.setdefault(key, []).append((loop, tensor, error))
    scale = tolerance * np.abs(tensors).max(initial=0)
    means, bounds = [], []
    for same in groups.values():
        stack = np.array([tensor for _, tensor, _ in same])
        mean = stack.mean(axis=0)
        distance = np.abs(stack - mean)
        apart = distance.max(axis=tuple(range(1, stack.ndim)))
        if apart.max() > scale:
            raise InputError(
                "Argument `interactions` must be the same in every cell, but the cluster "
                f"{same[int(np.argmax(apart))][0].tolist()} differs from its mean over the cells "
                f"by {apart.max():.3g} eV. Leave out clusters at the border, or raise `tolerance`."
            )
        means.append(mean)
        bounds.append(np.maximum(np.mean([e for *_, e in same], axis=0), distance.max(axis=0)))
    names = np.array(list(groups)).reshape(len(groups), order, -1)
    merged = (np.array(part).reshape(-1, *(3,) * order) for part in (means, bounds))
    return names[:, :, 0], names[:, :, 1:], *merged


def _name(sites: np.ndarray, cells: np.ndarray) -> tuple[int, ...]:
    """Name a cluster with its first site in the home cell."""
    return tuple(np.concatenate([sites[:, None], cells - cells[0]], axis=1).ravel().tolist())
