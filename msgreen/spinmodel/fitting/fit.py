"""Fit of a spin model to the energies and constraining fields of configurations.

Every class of terms is linear in its values: the fit is one linear least-squares problem. Fields
are tangential, so that every spin of a configuration contributes two numbers. What the data
cannot tell apart is found from the singular values and reported, never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Float
from msgreen.errors import InputError
from msgreen.spinmodel.fitting.design import (
    Free,
    design_of,
    evaluate,
    free_values,
    labels,
    tangential,
)
from msgreen.spinmodel.fitting.least_squares import solve
from msgreen.spinmodel.fitting.sampling import Samples
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.symmetry.operations import Symmetry
from msgreen.spinmodel.terms import Term
from msgreen.units import MEV

LADDER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "two spins": (
            "field",
            "anisotropy",
            "exchange",
            "dzyaloshinskii_moriya",
            "anisotropic_exchange",
        ),
        "four spins, two sites": ("biquadratic", "chiral_biquadratic"),
        "three sites": ("three_site", "chiral_three_site"),
        "four sites": ("four_site", "chiral_four_site"),
    }
)
"""Classes in the order in which Brinker et al. add them in their Table 3."""


class FitErrors(NamedTuple):
    """How far a fitted model is from samples, in eV; NaN where the samples do not tell.

    Attributes
    ----------
    field_mae : float
        Length of the difference of the constraining fields of a spin, averaged over all spins
        and configurations.
    field_rms : float
        Root mean square of the same length.
    energy_rms, energy_max : float
        Root mean square and largest difference of the energies.
    energy_spread : float
        Standard deviation of the energies themselves.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Eq. 36.
    """

    field_mae: float
    field_rms: float
    energy_rms: float
    energy_max: float
    energy_spread: float

    @property
    def relative(self) -> float:
        """Root mean square error of the energies as a part of their spread."""
        return self.energy_rms / self.energy_spread


@dataclass(frozen=True)
class FitResult:
    """A fitted spin model and what is to be thought of it.

    Attributes
    ----------
    model : SpinModel
        With the fitted values; of all that fit equally well, the shortest. The errors of its terms
        are standard errors from the variance of the residuals, infinite where the data do not
        determine the value. They count what the model lacks as noise, which it is not: for a
        truncated model they are a scale, not a probability. Errors of the energies are added, by
        the most that they can change the value.
    offset : float
        Energy of the model's zero, in eV: add it to the energies of the model.
    covariance : real array, shape (free, free)
        Of the free parameters in eV^2, those that are not determined left out of account.
    free : mapping of str to real array, shape (free, cluster, ...)
        Values that one unit of each free parameter stands for, by class; the axis "free" of the
        covariance runs through the classes in their order, and ends with the offset if that
        was fitted.
    rank : int
        Number of independent parameters that the data determine.
    condition : float
        Ratio of the largest singular value to the smallest that is not zero, of columns of
        length one.
    freedom : int
        Number of data minus `rank`.
    variance : float
        Weighted sum of squared residuals over `freedom`, in eV^2.
    ambiguities : tuple of mapping
        Combinations of free parameters that change nothing: label and coefficient.
    errors : FitErrors
        Of the data of the fit.
    """

    model: SpinModel
    offset: float
    covariance: np.ndarray
    free: Mapping[str, np.ndarray]
    rank: int
    condition: float
    freedom: int
    variance: float
    ambiguities: tuple[Mapping[str, float], ...]
    errors: FitErrors

    def test(self, samples: Samples) -> FitErrors:
        """Return the errors of other configurations than those of the fit."""
        return _pooled([_residuals(self.model, self.offset, samples)])

    def __str__(self) -> str:
        e = self.errors
        lines = [
            f"{self.rank} independent parameters from {self.rank + self.freedom} data, condition "
            f"{self.condition:.3g}, {len(self.ambiguities)} ambiguous",
            f"fields: mean absolute error {e.field_mae / MEV:.4g} meV",
            f"energies: error {e.energy_rms / MEV:.4g} meV of a spread of "
            f"{e.energy_spread / MEV:.4g} meV",
            f"{'class':<24}{'largest value':>16}{'its error':>14}  meV",
        ]
        for term in self.model.terms:
            values = np.abs(np.asarray(term.values)).ravel()
            if not len(values):
                continue
            at = int(values.argmax())
            error = float(np.asarray(term.errors).ravel()[at])
            lines.append(f"{term.name:<24}{values[at] / MEV:>16.6g}{error / MEV:>14.2g}")
        return "\n".join(lines)


class CrossValidation(NamedTuple):
    """Errors of configurations that a fit has not seen.

    Attributes
    ----------
    errors : FitErrors
        Of all configurations, each left out of the fit that it tests.
    folds : tuple of FitErrors
        The same fold by fold.
    """

    errors: FitErrors
    folds: tuple[FitErrors, ...]


def fit(
    template: SpinModel,
    samples: Samples,
    *,
    symmetry: Symmetry | None = None,
    weights: Float[ArrayLike, " config"] | None = None,
    field_weight: float = 1.0,
    energy_weight: float = 0.0,
) -> FitResult:
    """Fit the values of all terms of a model to samples, by linear least squares.

    Parameters
    ----------
    template : SpinModel
        Its classes and clusters; its values are not used. See `all_clusters`.
    samples : Samples
    symmetry : Symmetry, optional
        Of a finite cluster; only values that it allows are fitted.
    weights : real array, shape (config,), optional
        Of the squared residuals of every configuration; by default all 1.
    field_weight, energy_weight : float
        Of the squared residuals of fields and energies, both in eV. With a weight of zero they
        are not used; energies are fitted with a constant offset.

    Returns
    -------
    FitResult

    Raises
    ------
    InputError
        If the samples lack what is to be fitted, or a weight is negative.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Sect. IV.

    Examples
    --------
    >>> from msgreen.spinmodel import SpinModel, Term
    >>> from msgreen.spinmodel.fitting import all_clusters
    >>> from msgreen.spinmodel.fitting import constraining_fields, sample_directions
    >>> trimer = SpinModel([Term("exchange", [[0, 1], [1, 2], [2, 0]], [0.01, 0.02, 0.03])])
    >>> samples = constraining_fields(trimer.energy, sample_directions(3, 20))
    >>> found = fit(all_clusters(3, ["exchange", "dzyaloshinskii_moriya"]), samples)
    >>> found.model["exchange"].values.round(6).tolist(), found.rank
    ([0.01, 0.03, 0.02], 12)
    """
    free = [free_values(term, symmetry) for term in template.terms]
    return _fitted(free, template, samples, weights, field_weight, energy_weight)


def _fitted(
    free: list[Free],
    template: SpinModel,
    samples: Samples,
    weights,
    field_weight: float,
    energy_weight: float,
) -> FitResult:
    matrix, data, doubt = _equations(free, samples, weights, field_weight, energy_weight)
    solution = solve(matrix, data, labels(free) + ["offset"] * (energy_weight > 0))
    start, terms = 0, []
    for term, basis in free:
        stop = start + len(basis)
        values = np.tensordot(solution.parameters[start:stop], basis, axes=1)
        errors = solution.standard_errors(basis, start)
        if doubt.any():
            errors = errors + solution.bounds(basis, start, doubt)
        terms.append(Term(term.name, term.clusters.sites, values, term.clusters.cells, errors))
        start = stop
    model, offset = template.with_terms(terms), 0.0
    if energy_weight > 0:
        offset = float(solution.parameters[-1])
    elif samples.energies is not None:
        offset = float(np.mean(samples.energies - evaluate(model, samples.directions)[0]))
    return FitResult(
        model,
        offset,
        solution.covariance,
        {term.name: basis for term, basis in free},
        solution.rank,
        solution.condition,
        len(data) - solution.rank,
        solution.variance,
        solution.ambiguities,
        _pooled([_residuals(model, offset, samples)]),
    )


def fit_by_class(
    template: SpinModel,
    samples: Samples,
    *,
    ladder: Mapping[str, tuple[str, ...]] = LADDER,
    symmetry: Symmetry | None = None,
    weights: Float[ArrayLike, " config"] | None = None,
    field_weight: float = 1.0,
    energy_weight: float = 0.0,
) -> dict[str, FitResult]:
    """Return a fit for every step of a ladder of classes, each with all classes before it.

    Parameters
    ----------
    template : SpinModel
        Steps that add none of its classes are left out.
    samples : Samples
    ladder : mapping of str to tuple of str
        Name of a step and the classes that it adds.
    symmetry, weights, field_weight, energy_weight
        As for `fit`.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Table 3.
    """
    wanted = {name for added in ladder.values() for name in added}
    free = [free_values(term, symmetry) for term in template.terms if term.name in wanted]
    found, names = {}, []
    for step, added in ladder.items():
        new = [name for name in added if name in template.classes]
        if new:
            names += new
            chosen = [part for part in free if part.term.name in names]
            found[step] = _fitted(chosen, template, samples, weights, field_weight, energy_weight)
    return found


def cross_validate(
    template: SpinModel,
    samples: Samples,
    folds: int = 5,
    *,
    symmetry: Symmetry | None = None,
    weights: Float[ArrayLike, " config"] | None = None,
    field_weight: float = 1.0,
    energy_weight: float = 0.0,
    seed: int = 0,
) -> CrossValidation:
    """Return the errors of configurations left out of the fit, each once.

    Parameters
    ----------
    template : SpinModel
    samples : Samples
    folds : int
        Number of parts into which the samples are divided at random, 2 to their number.
    symmetry, weights, field_weight, energy_weight
        As for `fit`.
    seed : int
    """
    _checks.whole_number("folds", folds, 2)
    _checks.whole_number("seed", seed, 0)
    if folds > len(samples):
        raise InputError(
            f"Argument `folds` must be between 2 and the {len(samples)} samples, but it is "
            f"{folds}. Take fewer."
        )
    weights = np.ones(len(samples)) if weights is None else np.asarray(weights, float)
    order = np.random.default_rng(seed).permutation(len(samples))
    free, parts = [free_values(term, symmetry) for term in template.terms], []
    for left_out in np.array_split(order, folds):
        rest = np.setdiff1d(order, left_out)
        found = _fitted(free, template, samples[rest], weights[rest], field_weight, energy_weight)
        parts.append(_residuals(found.model, found.offset, samples[left_out]))
    return CrossValidation(_pooled(parts), tuple(_pooled([part]) for part in parts))


def _equations(
    free: list[Free],
    samples: Samples,
    weights,
    field_weight: float,
    energy_weight: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the weighted matrix (data, free [+ offset]), the weighted data, and their errors."""
    samples, weights = _weighted(samples, weights)
    wanted = {
        "fields": ("field_weight", samples.fields, field_weight),
        "energies": ("energy_weight", samples.energies, energy_weight),
    }
    for name, (argument, data, weight) in wanted.items():
        _checks.number(argument, weight)
        _checks.not_negative(argument, weight)
        if weight > 0 and data is None:
            raise InputError(
                f"Argument `samples` must hold {name} to fit them, but it has none. Set "
                f"`{argument}` to zero."
            )
    energies, fields = design_of(free, samples.directions)
    matrix, data, doubt = [], [], []
    if field_weight > 0 and samples.fields is not None:
        root = np.sqrt(field_weight * weights)[:, None]
        matrix.append((fields * root).reshape(len(fields), root.size * fields.shape[-1]).T)
        measured = tangential(samples.directions, samples.fields).reshape(len(samples), -1)
        data.append((measured * root).ravel())
        doubt.append(np.zeros(measured.size))
    if energy_weight > 0:
        root = np.sqrt(energy_weight * weights)
        matrix = [np.pad(part, ((0, 0), (0, 1))) for part in matrix]
        matrix.append((np.vstack([energies, np.ones(len(samples))]) * root).T)
        data.append(np.asarray(samples.energies) * root)
        doubt.append(root * (0.0 if samples.errors is None else np.asarray(samples.errors)))
    if not data:
        raise InputError(
            "Argument `field_weight` or `energy_weight` must be greater than zero, but both are 0. "
            "Give one of them."
        )
    return np.concatenate(matrix), np.concatenate(data), np.concatenate(doubt)


def _weighted(samples: Samples, weights) -> tuple[Samples, np.ndarray]:
    """Return the samples of positive weight, and their weights."""
    count = len(samples)
    if weights is not None:
        _checks.finite("weights", weights)
    weights = np.ones(count) if weights is None else np.asarray(weights, float)
    _checks.not_negative("weights", weights)
    if weights.shape != (count,):
        raise InputError(
            f"Argument `weights` must have shape ({count},), one per configuration, but its shape "
            f"is {weights.shape}. Give zeros for those to leave out."
        )
    return samples[weights > 0], weights[weights > 0]


class _Residuals(NamedTuple):
    """Differences of energies (config,) and lengths of those of fields (config, spin)."""

    energies: np.ndarray
    energy: np.ndarray
    field: np.ndarray


def _residuals(model: SpinModel, offset: float, samples: Samples) -> _Residuals:
    energy, gradient = evaluate(model, samples.directions)
    unknown = np.full(len(samples), np.nan)
    energies = unknown if samples.energies is None else np.asarray(samples.energies)
    field = unknown[:, None]
    if samples.fields is not None:
        missed = tangential(samples.directions, gradient - samples.fields)
        field = np.linalg.norm(missed, axis=-1).reshape(len(samples), -1)
    return _Residuals(energies, energies - energy - offset, field)


def _pooled(parts: list[_Residuals]) -> FitErrors:
    energies, energy, field = (np.concatenate(part) for part in zip(*parts, strict=True))
    return FitErrors(
        float(np.mean(field)),
        float(np.sqrt(np.mean(field**2))),
        float(np.sqrt(np.mean(energy**2))),
        float(np.abs(energy).max()),
        float(np.std(energies)),
    )
