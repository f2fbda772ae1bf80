"""The spin model of spins beside a host, fitted to their energy of all orders over all directions.

Loops of n spins are the energy for weak coupling only: for strong coupling their sum need not even
have the sign of the energy. What a spin model can say then is a fit to the energy itself, with
what it misses.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float
from msgreen.contour.base import ROUNDING
from msgreen.energy.determinants import log_determinant
from msgreen.energy.lloyd import LloydEnergy
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.fitting import (
    FitErrors,
    FitResult,
    Samples,
    all_clusters,
    fit,
    sample_directions,
)
from msgreen.spinmodel.fitting.design import free_values
from msgreen.spinmodel.symmetry import Symmetry

EVEN: tuple[str, ...] = (
    *("anisotropy", "exchange", "dzyaloshinskii_moriya", "anisotropic_exchange"),
    *("biquadratic", "chiral_biquadratic", "three_site", "chiral_three_site"),
    *("four_site", "chiral_four_site"),
)
"""Classes of a host with time reversal: those of paper B."""

ODD: tuple[str, ...] = ("field", "two_site_field", "three_site_field", "scalar_chirality")
"""What is added where time reversal is broken."""

LARGEST = 6
"""Spins up to which all classes are fitted unasked; of more, those of two sites."""

SURPLUS = 4
"""Configurations for every parameter."""

UNSEEN = 200
"""Configurations that the fit has not seen."""

REVERSED = 20
"""Configurations in which all spins are reversed, to see whether that changes the energy."""

BATCH = 64
"""Configurations at once: of four spins on a superconductor they take 10 MB."""


class FittedModel(NamedTuple):
    """A spin model fitted to the energy of all orders.

    Attributes
    ----------
    fit : FitResult
        The errors of the terms of its model are the standard errors of the fit, to which those of
        contour, host and rounding are added.
    unseen : FitErrors
        Of configurations that the fit has not seen: what the model misses.
    error : float
        Largest error of the energies themselves, in eV.
    """

    fit: FitResult
    unseen: FitErrors
    error: float

    @property
    def model(self) -> SpinModel:
        """The spin model."""
        return self.fit.model


def fitted_model(
    lloyd: LloydEnergy,
    positions: Float[ArrayLike, "site dim"] | None = None,
    *,
    classes: Sequence[str] | None = None,
    configurations: int | None = None,
    symmetry: Symmetry | None = None,
    seed: int = 0,
) -> FittedModel:
    """Return the spin model that is closest to Lloyd's energy, over all directions of the spins.

    Parameters
    ----------
    lloyd : LloydEnergy
    positions : real array, shape (site, dim), optional
        In angstrom.
    classes : sequence of str, optional
        Keys of `CLASSES`. By default `EVEN`, up to two sites if there are more than six, and `ODD`
        if the energy changes when all spins are reversed.
    configurations : int, optional
        Number of random configurations; by default four times that of the parameters.
    symmetry : Symmetry, optional
        Of the cluster; only what it allows is fitted.
    seed : int

    Returns
    -------
    FittedModel

    Raises
    ------
    InputError
        If a class is unknown, or there are fewer configurations than parameters.

    Notes
    -----
    Single-site energies belong to it. A fit to energies is linear, so that errors of the energies
    are carried to the terms, at most, by the inverse of the matrix. Where a level of the host with
    its spins crosses the Fermi energy as they turn, the energy has a kink, which no polynomial has.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Sect. IV.
    """
    _checks.whole_number("seed", seed, 0)
    count = lloyd.count
    unseen = sample_directions(count, UNSEEN, seed=seed + 1)
    energies, errors = _energies(lloyd, unseen)
    if classes is None:
        classes = _classes(lloyd, unseen, energies, errors)
    template = all_clusters(count, classes, positions=positions)
    if not template.terms:
        raise InputError(
            f"Argument `classes` must hold one that {count} spins can have, but it holds "
            f"{', '.join(classes) or 'none'}. Add one, as exchange."
        )
    if configurations is None:
        parameters = sum(len(free_values(term, symmetry).basis) for term in template.terms)
        configurations = max(UNSEEN, SURPLUS * parameters)
    _checks.whole_number("configurations", configurations, 2)
    directions = sample_directions(count, configurations, seed=seed)
    data, doubt = _energies(lloyd, directions)
    samples = Samples(directions, data, errors=doubt)
    found = fit(template, samples, symmetry=symmetry, field_weight=0, energy_weight=1)
    return FittedModel(found, found.test(Samples(unseen, energies)), float(doubt.max()))


def _energies(lloyd: LloydEnergy, directions: np.ndarray) -> Estimate[np.ndarray]:
    """Return energies of configurations."""
    lloyd.check_levels(directions)
    spins = jnp.asarray(directions)
    found = lloyd.integrated(partial(_log_determinants, spins=spins), ROUNDING)
    return Estimate(*map(np.asarray, found))


@eqx.filter_jit
def _log_determinants(lloyd: LloydEnergy, *, spins) -> Complex[Array, "energy config"]:
    def one(spins):
        matrix = lloyd.scattering_matrix(spins)
        return log_determinant(jnp.eye(matrix.shape[-1], dtype=complex) - matrix)

    return jnp.moveaxis(jax.lax.map(one, spins, batch_size=BATCH), 0, 1)


def _classes(lloyd: LloydEnergy, directions, energies, errors) -> tuple[str, ...]:
    """Return the classes of the energy: with odd ones if it changes when all spins turn round."""
    some = slice(REVERSED)
    back, doubt = _energies(lloyd, -directions[some])
    odd = np.abs(energies[some] - back) > errors[some] + doubt
    few = lloyd.count <= LARGEST
    classes = EVEN if few else EVEN[:6]
    return (*classes, *(ODD if few else ODD[:2])) if odd.any() else classes
