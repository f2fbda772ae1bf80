"""The order that a model of a lattice wants: waves of the box at which its exchange is lowest."""

from collections.abc import Sequence
from itertools import product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, Complex, Float
from msgreen.errors import InputError
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.states.spirals import FourierExchange

_EQUAL = 1e-6
"""Of the largest exchange: waves whose energies differ by less are one star."""

_LARGEST_STAR = 48
"""Waves of a general position in a cubic crystal; more are a degeneracy, not an order."""

_WAVES = 10**6
"""Of a box, above which the exchange of all would take minutes."""


class WaveOrder(eqx.Module):
    """How much of the order of the lowest exchange there is, from 0 to 1, shape (replica,).

    The root of the sum over the waves q of |sum_i w_i* S_i exp(-2 pi i q . n_i)|^2 / N^2, twice
    that where q and -q differ: 1 for an antiferromagnet and for a spiral, and what `Moment` has as
    its length for a ferromagnet.

    Parameters
    ----------
    model : SpinModel
        Of a lattice, with terms of two spins.
    shape : sequence of int
        Number of cells along every lattice vector: only waves that fit are looked at.

    Attributes
    ----------
    q : real array, shape (wave, dim)
        In units of the reciprocal lattice vectors; of q and -q one.
    weights : complex array, shape (wave, site)
        Phases w of the sites of a cell, from the lowest eigenvector of the exchange; 0 for sites
        that take no part.
    energy : float
        Of the exchange at these waves, per cell in eV.
    period : tuple of int
        Cells after which all waves repeat, along every lattice vector.

    Raises
    ------
    InputError
        If the model is not of a lattice or has no terms of two spins, the box has other dimensions,
        or so many waves are equal that no order is singled out.

    Notes
    -----
    Terms of more spins may favour other waves: compare with the state that is found.

    References
    ----------
    Luttinger, Tisza, Phys. Rev. 70, 954 (1946).
    """

    q: Float[Array, "wave dim"]
    weights: Complex[Array, "wave site"]
    energy: float = eqx.field(static=True)
    period: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, model: SpinModel, shape: Sequence[int]):
        if model.lattice is None:
            raise InputError(
                "Argument `model` must be of a lattice, but it is a finite cluster. Clusters have "
                "no waves."
            )
        _checks.box("shape", shape, model.dimension)
        shape = tuple(shape)
        _checks.whole_number("shape", int(np.prod(shape)), 1, _WAVES)
        numbers, energies, modes = _lowest(model, shape)
        if len(numbers) > _LARGEST_STAR:
            raise InputError(
                f"Argument `model` must single out some waves, but {len(numbers)} have the lowest "
                "exchange alike. Record `StructureFactor` at the waves that you expect."
            )
        self.q = jnp.asarray(numbers / np.array(shape))
        self.weights = jnp.asarray(np.stack([_phases(mode) for mode in modes]))
        self.energy = float(energies[0])
        divisors = np.gcd.reduce(np.vstack([numbers, shape]), axis=0)
        self.period = tuple((np.array(shape) // divisors).tolist())

    @property
    def uniform(self) -> bool:
        """Whether it is that of a ferromagnet."""
        same = bool(jnp.allclose(self.weights, self.weights[:, :1]) and self.weights[0, 0] != 0)
        return len(self.q) == 1 and not np.any(self.q) and same

    def __call__(self, directions: Float[Array | np.ndarray, "replica *box site 3"]) -> Array:
        """Return it."""
        box = directions.shape[1:-2]
        waves = jnp.einsum("ws,r...sa->rwa...", self.weights.conj(), directions.astype(complex))
        for axis, size in enumerate(box):
            turns = 2 * jnp.pi * jnp.outer(self.q[:, axis], jnp.arange(size).astype(float))
            phase = jax.lax.complex(jnp.cos(turns), -jnp.sin(turns))
            waves = jnp.einsum("rwan...,wn->rwa...", waves, phase)
        count = jnp.sum(jnp.abs(self.weights), axis=1) * int(np.prod(box))
        twofold = jnp.any(jnp.abs(2 * self.q - jnp.round(2 * self.q)) > 1e-9, axis=1)
        part = jnp.sum(jnp.abs(waves) ** 2, axis=-1) / count**2
        return jnp.sqrt(jnp.sum(part * jnp.where(twofold, 2.0, 1.0), axis=1))


def _lowest(model: SpinModel, shape: tuple[int, ...]):
    """Return numbers (wave, dim), energies and modes (wave, site, 3) of the lowest exchange."""
    exchange = FourierExchange(model)
    if not len(exchange.steps):
        raise InputError(
            "Argument `model` must have terms of two spins, but it has none. Record "
            "`StructureFactor` at the waves that you expect."
        )
    # One of q and -q: the first number that is not its own reverse is in the lower half.
    every = np.array(list(product(*(range(n) for n in shape))))
    reverse = -every % np.array(shape)
    every = every[[tuple(a) <= tuple(b) for a, b in zip(every, reverse, strict=True)]]
    values, vectors = np.linalg.eigh(exchange.matrices(every / np.array(shape)))
    scale = np.abs(values).max()
    chosen = np.flatnonzero(values[:, 0] <= values[:, 0].min() + _EQUAL * scale)
    modes = vectors[chosen, :, 0].reshape(len(chosen), -1, 3)
    return every[chosen], exchange.size / 6 * values[chosen, 0], modes


def _phases(mode: np.ndarray) -> np.ndarray:
    """Return the phases of the sites of a mode (site, 3), whatever its polarisation."""
    left, _, _ = np.linalg.svd(mode)
    size = np.abs(left[:, 0])
    first = left[np.argmax(size > 1e-6 * size.max()), 0]
    turned = left[:, 0] * np.conj(first)
    return np.where(size > 1e-6 * size.max(), turned / np.maximum(np.abs(turned), 1e-300), 0.0)
