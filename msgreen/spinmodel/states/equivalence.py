"""Which states of a spin model are the same: global rotations, time reversal, translations."""

import numpy as np

from msgreen import _checks
from msgreen.spinmodel.forms import CLASSES
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.symmetry.operations import Symmetry, transform

_NUMBERS_AT_ONCE = 2**20
"""Spin components that are compared together: products of 3 x 3 matrices, 8 MB each."""

_ISOTROPIC = {
    *("exchange", "biquadratic", "three_site", "four_site", "six_spin"),
    *("scalar_chirality", "chiral_chiral"),
}


def rotation_axes(model: SpinModel) -> np.ndarray:
    """Return the axes about which all spins can be turned together without a change of energy.

    Parameters
    ----------
    model : SpinModel

    Returns
    -------
    real array, shape (axis, 3)
        Three axes for an isotropic model, one for a model with an easy axis or plane, none in
        general.

    Notes
    -----
    A rotation about n changes the energy by n . sum_i (S_i x dE/dS_i). The axes are those along
    which this total torque vanishes in random configurations of a box without double bonds.
    Terms made of dot products alone need no such test.
    """
    if _ISOTROPIC.issuperset(model.classes):
        return np.eye(3)
    reach = [np.abs(t.clusters.cells).max(axis=(0, 1), initial=0) for t in model.terms]
    reach = np.max(reach, axis=0) if reach else np.zeros(model.dimension)
    shape = (8, *(4 * reach.astype(int) + 1), model.site_count, 3)
    spins = np.random.default_rng(0).normal(size=shape)
    spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
    gradient = np.asarray(model.gradient(spins))
    torque = np.cross(spins, gradient).reshape(8, -1, 3).sum(axis=1)
    strength = np.abs(gradient).max()
    _, sizes, axes = np.linalg.svd(torque)
    return axes[sizes <= 1e-9 * strength]


def is_even(model: SpinModel) -> bool:
    """Whether time reversal S -> -S leaves the energy alone: no term has an odd number of spins."""
    return all(CLASSES[name].order % 2 == 0 for name in model.classes)


def distances(
    model: SpinModel,
    first: np.ndarray,
    others: np.ndarray,
    axes: np.ndarray,
    symmetry: Symmetry | None = None,
) -> np.ndarray:
    """Return how far states are from another one, modulo the symmetries of the model.

    Parameters
    ----------
    model : SpinModel
    first : real array, shape ([cells,] site, 3)
    others : real array, shape (state, [cells,] site, 3)
    axes : real array, shape (axis, 3)
        From `rotation_axes`.
    symmetry : Symmetry, optional
        Operations of a point or space group.

    Returns
    -------
    real array, shape (state,)
        Root mean square difference of the spins that a term names, the least over all global
        rotations, time reversal for even models, translations of a periodic box and operations.
    """
    state = (*("cells",) * model.dimension, model.site_count, 3)
    _checks.finite_array("first", first, state)
    _checks.finite_array("others", others, ("state", *state))
    _checks.finite_array("axes", axes, ("axis", 3))
    first, others, axes = np.asarray(first), np.asarray(others), np.asarray(axes)
    blocks = np.array_split(others, 1 + others.size // _NUMBERS_AT_ONCE)
    return np.concatenate([_distances(model, first, b, axes, symmetry) for b in blocks])


def _distances(model: SpinModel, first, others, axes, symmetry) -> np.ndarray:
    kept = first * model.coupled[:, None]
    images = [others]
    if symmetry is not None:
        images = [np.asarray(transform(others, symmetry, op)) for op in range(len(symmetry))]
    signs = (1, -1) if is_even(model) else (1,)
    best = np.full(len(others), -np.inf)
    for image in images:
        for sign in signs:
            products = _products(kept, sign * image, model.dimension) / np.mean(model.coupled)
            overlap = _aligned(products, axes)
            best = np.maximum(best, overlap.reshape(len(others), -1).max(axis=1, initial=-np.inf))
    return np.sqrt(np.maximum(0.0, 2 - 2 * best))


def _products(first: np.ndarray, others: np.ndarray, dimension: int) -> np.ndarray:
    """Return mean_i A_i B_i^T for every state B and every translation of it."""
    count = first.size / 3
    cells = tuple(range(dimension))
    a, b = np.fft.fftn(first, axes=cells), np.fft.fftn(others, axes=[c + 1 for c in cells])
    waves = np.einsum("...ia,s...ib->s...ab", a.conj(), b)
    return np.fft.ifftn(waves, axes=[c + 1 for c in cells]).real / count


def _aligned(products: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Return the largest mean of A . R B over the rotations R about the given axes (Kabsch)."""
    trace = np.trace(products, axis1=-2, axis2=-1)
    if len(axes) == 0:
        return trace
    if len(axes) == 1:
        along = np.einsum("a,...ab,b", axes[0], products, axes[0])
        skew = products - np.swapaxes(products, -1, -2)
        across = skew[..., [2, 0, 1], [1, 2, 0]] @ axes[0]
        return along + np.hypot(trace - along, across)
    sizes = np.linalg.svd(products, compute_uv=False)
    return sizes[..., 0] + sizes[..., 1] + np.sign(np.linalg.det(products)) * sizes[..., 2]
