"""Averages of correlated samples, with errors: what a Monte Carlo simulation says."""

import logging
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Bool, Float
from msgreen.errors import AccuracyWarning, InputError
from msgreen.estimate import Estimate
from msgreen.simulation.monte_carlo import MonteCarlo

_BLOCKS = 32
"""Blocks of samples that errors are estimated from: an error is then right to 13 %."""

_TIMES = 5.0
"""Autocorrelation times of a block, below which errors are too small by a tenth or more."""


class Thermodynamics(NamedTuple):
    """What follows from energy and moment at every temperature, per spin.

    Errors are standard deviations.

    Attributes
    ----------
    temperature : real array, shape (temperature,)
        k_B T in eV.
    energy : Estimate
        In eV.
    heat : Estimate
        Specific heat in k_B.
    moment : Estimate
        Mean length of the mean of all spins.
    susceptibility : Estimate
        N (<m^2> - <m>^2) / (k_B T) in 1/eV, m being that length.
    binder : Estimate
        Cumulant 1 - <m^4> / (3 <m^2>^2): 2/3 in order, 4/9 without order and for large boxes.
    time : real array, shape (temperature,)
        Integrated autocorrelation time of the energy or the moment, the longer one, in samples.
    """

    temperature: np.ndarray
    energy: Estimate
    heat: Estimate
    moment: Estimate
    susceptibility: Estimate
    binder: Estimate
    time: np.ndarray

    def __str__(self) -> str:
        names = ("energy", "heat", "moment", "susceptibility", "binder")
        head = "".join(f"{name:>22}" for name in names)
        lines = [f"{'k_B T (eV)':>12}{head}{'time':>8}"]
        for n, kt in enumerate(self.temperature):
            known = [getattr(self, name) for name in names]
            cells = "".join(f"{e.value[n]:>13.6g} ±{e.error[n]:>7.1g}" for e in known)
            lines.append(f"{kt:>12.6g}{cells}{self.time[n]:>8.1f}")
        return "\n".join(lines)


def thermodynamics(run: MonteCarlo, order: str | None = None) -> Thermodynamics:
    """Return energy, specific heat, moment, susceptibility and cumulant, with errors.

    Parameters
    ----------
    run : MonteCarlo
    order : str, optional
        Name of a recorded observable of shape (replica,) that takes the place of the length of the
        moment: a `WaveOrder`, for what has no moment.

    Returns
    -------
    Thermodynamics

    Notes
    -----
    Errors are those of the jackknife over blocks of samples. They are right if the blocks are much
    longer than the autocorrelation time; if they are not, an `AccuracyWarning` says so.
    """
    n, kt = run.spin_count, run.temperature
    m = _order(run, order)
    moments = np.stack([run.energy, run.energy**2, m, m**2, m**4], axis=-1)

    def of(mean):
        e, ee, m, mm, mmmm = np.moveaxis(mean, -1, 0)
        heat, response = (ee - e**2) / kt**2 / n, n * (mm - m**2) / kt
        return np.stack([e / n, heat, m, response, 1 - mmmm / (3 * mm**2)])

    found = jackknife(moments, of)
    energy, heat, moment, response, binder = map(Estimate, found.value, found.error)
    return Thermodynamics(kt, energy, heat, moment, response, binder, _times(run, order))


def _order(run: MonteCarlo, name: str | None) -> np.ndarray:
    """Return the length of the moment, or another order by name, (sample, temperature)."""
    if name is None:
        return np.linalg.norm(run.moment, axis=-1)
    _checks.one_of("order", name, run.observables)
    found = run.observables[name]
    _checks.shaped("order", found, run.energy.shape)
    return np.abs(found)


def _times(run: MonteCarlo, order: str | None = None) -> np.ndarray:
    """Return autocorrelation times; warn where blocks of samples are too short for errors."""
    m = _order(run, order)
    count = len(run.temperature)
    times = [[autocorrelation_time(x[:, t]) for t in range(count)] for x in (run.energy, m)]
    longest = np.max(times, axis=0)
    length = len(run.energy) // _BLOCKS
    short = longest > length / _TIMES
    if np.any(short):
        warnings.warn(
            f"Errors at {short.sum()} of {count} temperatures may be too small: a block of "
            f"{length} samples is {length / longest.max():.1f} autocorrelation times at the worst, "
            f"and {_TIMES:.0f} are needed. Take more samples, or raise `interval`.",
            AccuracyWarning,
            stacklevel=3,
        )
    return longest


def jackknife(
    samples: Float[ArrayLike, "sample ..."] | Bool[ArrayLike, "sample ..."],
    of: Callable = lambda mean: mean,
) -> Estimate:
    """Return a function of means, and its error by the jackknife over blocks of samples.

    Parameters
    ----------
    samples : real array, shape (sample, ...)
        Correlated over times much shorter than a 32nd of them all.
    of : callable
        Of the mean of the samples, any shape to any shape.

    Examples
    --------
    >>> import numpy as np
    >>> from msgreen.simulation import jackknife
    >>> found = jackknife(np.random.default_rng(0).normal(1.0, 2.0, 40000), lambda mean: mean**2)
    >>> bool(abs(found.value - 1.0) < 3 * found.error), round(float(found.error), 2)
    (True, 0.02)
    """
    _checks.finite("samples", samples)
    samples = np.atleast_1d(np.asarray(samples, float))
    if len(samples) < 2 * _BLOCKS:
        raise InputError(
            f"Argument `samples` must hold {2 * _BLOCKS} samples or more for an error, but it "
            f"holds {len(samples)}. Sample longer."
        )
    length = len(samples) // _BLOCKS
    used = samples[len(samples) - _BLOCKS * length :]
    blocks = used.reshape(_BLOCKS, length, *samples.shape[1:]).mean(axis=1)
    whole = blocks.mean(axis=0)
    without = np.stack([of((_BLOCKS * whole - block) / (_BLOCKS - 1)) for block in blocks])
    spread = np.sqrt((_BLOCKS - 1) * np.mean((without - without.mean(axis=0)) ** 2, axis=0))
    value = _BLOCKS * of(whole) - (_BLOCKS - 1) * without.mean(axis=0)
    return Estimate(value, spread)


def autocorrelation_time(series: Float[ArrayLike, " sample"]) -> float:
    """Return the integrated autocorrelation time of a series, in samples; 1/2 if independent.

    N samples are worth N / (2 times it) independent ones.
    """
    _checks.finite_array("series", series, ("sample",))
    series = np.asarray(series, float)
    if len(series) < 2:
        raise InputError(
            f"Argument `series` must hold two samples or more, but it holds {len(series)}. Sample "
            "longer."
        )
    # It warns with every import that series may be too short, as `Thermodynamics.time` shows.
    logging.getLogger("pymbar").setLevel(logging.ERROR)
    from pymbar.timeseries import statistical_inefficiency

    if np.ptp(series) == 0:
        return 0.5
    return 0.5 * float(statistical_inefficiency(series))


def reweighted(
    run: MonteCarlo,
    temperature: Float[ArrayLike, " target"],
    samples: Float[ArrayLike, "sample temperature ..."] | None = None,
) -> Estimate:
    """Return averages at temperatures between those of a run, from all of its samples together.

    Parameters
    ----------
    run : MonteCarlo
    temperature : real array, shape (other,)
        k_B T in eV.
    samples : real array, shape (sample, temperature, ...), optional
        What is averaged; by default the energy. Powers of it give cumulants.

    Returns
    -------
    Estimate
        Arrays of shape (other, ...).

    References
    ----------
    Shirts and Chodera, J. Chem. Phys. 129, 124105 (2008).
    """
    weights = _Weights(run, temperature)
    _times(run)
    samples = run.energy if samples is None else np.asarray(samples, float)
    flat = samples.reshape(*run.energy.shape, -1)

    def mean(rows):
        part = weights.of(rows)
        return np.einsum("ost,stk->ok", part, flat[rows]) / part.sum(axis=(1, 2))[:, None]

    every, *without = (mean(rows) for rows in _left_out(len(flat)))
    error = np.sqrt((_BLOCKS - 1) * np.var(without, axis=0))
    shape = (len(every), *samples.shape[2:])
    return Estimate(every.reshape(shape), error.reshape(shape))


def _left_out(count: int) -> list[np.ndarray]:
    """Return the numbers of all samples, and of those outside each of the blocks."""
    every = np.arange(count)
    return [every, *(np.setdiff1d(every, block) for block in np.array_split(every, _BLOCKS))]


class _Weights:
    """Weights of the samples of a run at other temperatures (MBAR), of all samples or of a part."""

    def __init__(self, run: MonteCarlo, temperature):
        logging.getLogger("pymbar").setLevel(logging.ERROR)
        from pymbar import MBAR

        _checks.positive("temperature", temperature, "k_B T in eV")
        self.other = np.atleast_1d(np.asarray(temperature, float))
        _checks.shaped("temperature", self.other, ("other",))
        if not len(self.other):
            raise InputError(
                "Argument `temperature` must hold a temperature, but it is empty. Name one or more."
            )
        if self.other.min() < run.temperature[0] or self.other.max() > run.temperature[-1]:
            raise InputError(
                f"Argument `temperature` must lie between {run.temperature[0]:.6g} and "
                f"{run.temperature[-1]:.6g} eV, those of the run, but it does not. Sample there."
            )
        self.beta, self.energy = 1 / run.temperature, run.energy - run.energy.mean()
        reduced = self.beta[:, None] * self.energy.T.ravel()
        counts = np.full(len(self.beta), len(self.energy))
        with jax.numpy_dtype_promotion("standard"):
            known = MBAR(reduced, counts, solver_protocol=({"method": "adaptive"},))
        self.free = known.f_k

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Return the weights of some of the samples, (other, sample, temperature).

        Their free energies are their own, by a step of Newton from those of all samples: errors
        that leave them as they are come out too small by a half.
        """
        energy = self.energy[rows]
        logs = -self.beta[:, None] * energy.ravel()
        free, count = self.free, len(rows)
        if count < len(self.energy):
            total = np.logaddexp.reduce(free[:, None] + logs, axis=0)
            share = np.exp(free[:, None] + logs - total)
            bend = np.diag(share.sum(axis=1)) - share @ share.T
            step = np.linalg.solve(bend[1:, 1:], count - share.sum(axis=1)[1:])
            free = free + np.concatenate([[0.0], step])
        exponents = -energy.ravel() / self.other[:, None]
        exponents -= np.logaddexp.reduce(free[:, None] + logs, axis=0)
        found = np.exp(exponents - exponents.max(axis=1, keepdims=True))
        return found.reshape(len(self.other), *energy.shape)


def binder_crossing(small: MonteCarlo, large: MonteCarlo, order: str | None = None) -> Estimate:
    """Return k_B T in eV where the cumulants of two boxes are equal: the critical temperature.

    Parameters
    ----------
    small, large : MonteCarlo
        Of the same model in two boxes, sampled at temperatures around the critical one.
    order : str, optional
        Name of the recorded order, as of `thermodynamics`; by default the moment.

    Raises
    ------
    InputError
        If the cumulants do not cross between the temperatures.

    References
    ----------
    Binder, Z. Phys. B 43, 119 (1981).
    """
    low, high = _around_crossing(small, large, order)
    parts = [_between(run, low, high) for run in (small, large)]
    for run in parts:
        _times(run, order)
    low = max(run.temperature[0] for run in parts)
    high = min(run.temperature[-1] for run in parts)
    grid = np.linspace(low, high, 33)
    tables = [_cumulants(run, grid, order) for run in parts]
    whole = _crossing(grid, tables[1][-1] - tables[0][-1])
    error = 0.0
    for place in range(2):
        rows = [[row if n == place else -1 for n in range(2)] for row in range(_BLOCKS)]
        others = [_crossing(grid, tables[1][m] - tables[0][n], whole) for n, m in rows]
        error += (_BLOCKS - 1) * np.nanvar(np.array(others))
    return Estimate(np.asarray(whole), np.sqrt(error))


def _around_crossing(small: MonteCarlo, large: MonteCarlo, order: str | None) -> tuple:
    """Return temperatures around the crossing, three on either side: further ones add noise."""
    kelvin = np.unique(np.concatenate([small.temperature, large.temperature]))
    kelvin = kelvin[kelvin >= max(small.temperature[0], large.temperature[0])]
    kelvin = kelvin[kelvin <= min(small.temperature[-1], large.temperature[-1])]

    def cumulant(run):
        square = _order(run, order) ** 2
        direct = 1 - np.mean(square**2, axis=0) / (3 * np.mean(square, axis=0) ** 2)
        return np.interp(kelvin, run.temperature, direct)

    found = _crossing(kelvin, cumulant(large) - cumulant(small)) if len(kelvin) > 1 else np.nan
    if np.isnan(found):
        low, high = kelvin[[0, -1]] if len(kelvin) else (np.nan, np.nan)
        raise InputError(
            f"Argument `large` must have a larger cumulant than `small` at {low:.6g} eV and a "
            f"smaller one at {high:.6g} eV, but it has not. Sample around the critical "
            "temperature, or longer."
        )
    above = int(np.searchsorted(kelvin, found))
    return kelvin[max(above - 3, 0)], kelvin[min(above + 2, len(kelvin) - 1)]


def _crossing(grid: np.ndarray, gap: np.ndarray, near: float | None = None) -> float:
    """Return where a gap falls through zero: most steeply, or nearest to what is known."""
    here = np.flatnonzero((gap[:-1] > 0) & (gap[1:] <= 0))
    if not len(here):
        return np.nan
    drop = gap[here] - gap[here + 1]
    places = grid[here] + (grid[here + 1] - grid[here]) * gap[here] / drop
    best = np.argmax(drop) if near is None else np.argmin(np.abs(places - near))
    return float(places[best])


def _between(run: MonteCarlo, low: float, high: float) -> MonteCarlo:
    """Return the part of a run between two temperatures, and one more if they are not its own."""
    first = max(int(np.searchsorted(run.temperature, low, side="right")) - 1, 0)
    last = int(np.searchsorted(run.temperature, high)) + 1
    return replace(
        run,
        temperature=run.temperature[first:last],
        energy=run.energy[:, first:last],
        moment=run.moment[:, first:last],
        observables={name: x[:, first:last] for name, x in run.observables.items()},
        directions=run.directions[first:last],
        accepted=run.accepted[first:last],
        exchanged=run.exchanged[first : last - 1],
        width=run.width[first:last],
    )


def _cumulants(run: MonteCarlo, grid: np.ndarray, order: str | None) -> np.ndarray:
    """Return Binder's cumulant on a grid: without each of the blocks, and of all samples."""
    weights, square = _Weights(run, grid), _order(run, order) ** 2
    found = []
    for rows in _left_out(len(square)):
        part = weights.of(rows)
        sums = [np.einsum("ost,st->o", part, square[rows] ** power) for power in range(3)]
        found.append(1 - sums[2] * sums[0] / (3 * sums[1] ** 2))
    return np.stack([*found[1:], found[0]])
