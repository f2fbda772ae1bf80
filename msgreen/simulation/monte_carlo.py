"""Monte Carlo of a generalised spin model: replicas of a box or cluster, one per temperature."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float
from msgreen.errors import InputError
from msgreen.simulation.checkpoint import Checkpoint
from msgreen.simulation.moves import Numbers, draw, exchanged, reflect, sweep
from msgreen.simulation.numbers import key_of, uniform
from msgreen.simulation.observables import Moment
from msgreen.simulation.sublattices import Sublattices
from msgreen.spinmodel import SpinModel

Observable = Callable[[Float[Array, "replica *box site 3"]], Array]
"""What is recorded: directions of all replicas to an array with one row per replica."""

_MOVES_AT_ONCE = 2**22
"""Moves between two looks at the clock: a tenth of a second at 20 ns each."""

_RECORDS_AT_ONCE = 1024
"""Records that are kept until then."""

_ADAPTATIONS = 16
"""Changes of the widths in a warm-up that is long enough."""

_WANTED = 0.5
"""Share of the moves to be accepted; efficiency changes little between 0.3 and 0.7."""


@dataclass(frozen=True)
class MonteCarlo:
    """What a Monte Carlo simulation recorded.

    Attributes
    ----------
    temperature : real array, shape (temperature,)
        k_B T in eV.
    energy : real array, shape (sample, temperature)
        Of the whole box or cluster, in eV.
    moment : real array, shape (sample, temperature, 3)
        Mean of all spins that a term names.
    observables : mapping of str to array, shape (sample, temperature, ...)
    directions : real array, shape (temperature, *box, site, 3)
        Where the replicas of these temperatures ended.
    accepted : real array, shape (temperature,)
        Share of the moves that were accepted.
    exchanged : real array, shape (temperature - 1,)
        Share of the attempts to exchange neighbouring temperatures that were accepted.
    width : real array, shape (temperature,)
        1 - cos of the largest angle by which a move turns a spin.
    spin_count : int
        Of the box or cluster; sites that no term names are no spins, and stay as they began.
    """

    temperature: np.ndarray
    energy: np.ndarray
    moment: np.ndarray
    observables: Mapping[str, np.ndarray]
    directions: np.ndarray
    accepted: np.ndarray
    exchanged: np.ndarray
    width: np.ndarray
    spin_count: int

    def __str__(self) -> str:
        lines = [
            f"{len(self.energy)} samples of {self.spin_count} spins",
            f"{'k_B T (eV)':>12}{'E/spin (eV)':>14}{'accepted':>10}{'exchanged':>11}",
        ]
        swaps = [*self.exchanged, np.nan]
        mean = self.energy.mean(axis=0) / self.spin_count
        for row in zip(self.temperature, mean, self.accepted, swaps, strict=True):
            lines.append("{:>12.6g}{:>14.6g}{:>10.2f}{:>11.2f}".format(*row))
        return "\n".join(lines)


def monte_carlo(
    model: SpinModel,
    temperature: Float[ArrayLike, " temperature"],
    shape: Sequence[int] = (),
    *,
    samples: int,
    interval: int = 1,
    warm_up: int | None = None,
    reflections: int = 1,
    start: Float[ArrayLike, "*box site 3"] | None = None,
    observables: Mapping[str, Observable] | None = None,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> MonteCarlo:
    """Sample the states of a spin model at several temperatures.

    Parameters
    ----------
    model : SpinModel
    temperature : real array, shape (temperature,)
        k_B T in eV, in ascending order. Every temperature has a replica; neighbours are exchanged.
    shape : sequence of int
        Number of cells of the box along every lattice vector, closed periodically; empty for a
        finite cluster.
    samples : int
        Number of records.
    interval : int
        Sweeps from one record to the next. In a sweep every spin tries one move.
    warm_up : int, optional
        Intervals before the first record, in which the angles are adapted; by default a fifth of
        `samples`.
    reflections : int
        Sweeps of reflections after every sweep of moves: spins turn half a turn about their fields,
        where the energy is linear in them. They cost nothing in energy and decorrelate.
    start : real array, shape ([temperature,] *box, site, 3), optional
        Unit vectors; by default random ones.
    observables : mapping of str to callable, optional
        What else to record: jitted functions of directions (replica, *box, site, 3) that return an
        array with one row per replica. See `msgreen.simulation.observables`.
    seed : int
        The same seed gives the same numbers on the same kind of device.
    checkpoint : str or Path, optional
        File that keeps what is done; if it exists, the simulation goes on from there. The result is
        that of an uninterrupted one. It is removed by nobody.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    MonteCarlo

    Raises
    ------
    InputError
        If temperatures are not positive and ascending, or `shape` does not fit the model, or the
        checkpoint is of another simulation.
    FileFormatError
        If the checkpoint is damaged.

    Notes
    -----
    All spins of a sublattice that no term joins move at once; sublattices are found from the terms.

    References
    ----------
    Metropolis et al., J. Chem. Phys. 21, 1087 (1953); Creutz, Phys. Rev. D 36, 515 (1987);
    Hukushima and Nemoto, J. Phys. Soc. Jpn. 65, 1604 (1996).

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import numpy as np
    >>> from msgreen.simulation import monte_carlo
    >>> from msgreen.spinmodel import SpinModel, Term
    >>> dimer = SpinModel([Term("exchange", [[0, 1]], [-0.010])])
    >>> found = monte_carlo(dimer, [0.005, 0.010], samples=2000)
    >>> exact = -0.010 * (1 / np.tanh(1.0) - 1.0)
    >>> bool(abs(found.energy[:, 1].mean() - exact) < 5e-4)
    True
    """
    kt = _temperatures(temperature)
    warm_up = samples // 5 if warm_up is None else warm_up
    counts = {"samples": (samples, 1), "interval": (interval, 1), "warm_up": (warm_up, 0)}
    for name, (count, least) in (counts | {"reflections": (reflections, 0)}).items():
        _checks.whole_number(name, count, least)
    _checks.whole_number("seed", seed, 0)
    lattice = Sublattices(model, shape)
    recorded = {"energy": model.energy, "moment": Moment(model), **(observables or {})}
    work = _Work(lattice, tuple(recorded.values()), jnp.asarray(interval), jnp.asarray(reflections))
    start_spins = _start(model, tuple(shape), len(kt), start, seed)
    state = _State(
        lattice.split(jnp.asarray(start_spins)),
        jnp.arange(len(kt)),
        jax.random.key_data(jax.random.key(seed)),
        jnp.full(len(kt), 0.5, float),
        jnp.asarray(0, int),  # types as they come out of a block: a weak one would compile it twice
    )
    terms = [(t.name, t.clusters.sites, t.clusters.cells, t.values) for t in model.terms]
    settings = {
        "model": terms,
        "temperature": kt,
        "shape": tuple(shape),
        "samples": samples,
        "interval": interval,
        "warm_up": warm_up,
        "reflections": reflections,
        "start": start,
        "observables": tuple(recorded),
        "seed": seed,
    }
    kept = Checkpoint(checkpoint, settings)
    state, records = _sampled(work, state, jnp.asarray(1 / kt), (warm_up, samples), kept, progress)
    *series, accepted, swaps = records
    named = dict(zip(recorded, series, strict=True))
    tried = np.sum(~np.isnan(swaps), axis=0)
    return MonteCarlo(
        kt,
        named.pop("energy"),
        named.pop("moment"),
        named,
        np.asarray(_joined(lattice, state)),
        accepted.mean(axis=0),
        np.where(tried, np.nansum(swaps, axis=0) / np.maximum(tried, 1), np.nan),
        np.asarray(state.width),
        lattice.spin_count,
    )


class _State(eqx.Module):
    """Everything that the rest of a simulation depends on."""

    spins: Array
    order: Array  # which replica has a temperature
    key: Array
    width: Array  # by temperature
    done: Array  # intervals


class _Work(eqx.Module):
    lattice: Sublattices
    observables: tuple[Observable, ...]
    interval: Array  # of this and of the next one nothing is compiled anew
    reflections: Array


def _sampled(work: _Work, state: _State, beta: Array, counts, kept: Checkpoint, progress: bool):
    """Return the last state and all records after the warm-up; go on from what is kept."""
    warm_up, samples = counts
    moves = work.lattice.spin_count * len(beta) * int(work.interval * (1 + work.reflections))
    length = min(max(1, _MOVES_AT_ONCE // moves), _RECORDS_AT_ONCE)
    state, parts = kept.read(state)
    with tqdm(
        desc="Monte Carlo", total=warm_up + samples, unit="sample", disable=not progress
    ) as bar:
        while (done := int(state.done)) < warm_up + samples:
            warming = done < warm_up
            piece = min(length, max(16, warm_up // _ADAPTATIONS))
            count = min(piece, warm_up - done) if warming else min(length, warm_up + samples - done)
            state, records = _block(work, state, beta, length, jnp.asarray(count))
            records = [np.asarray(x)[:count] for x in records]
            if warming:
                state = _adapted(state, records[-2])
            else:
                parts.append(records)
            kept.write(state, parts, last=done + count == warm_up + samples)
            bar.update(done + count - bar.n)
    return state, [np.concatenate(part) for part in zip(*parts, strict=True)]


@eqx.filter_jit
def _joined(lattice: Sublattices, state: _State) -> Array:
    return lattice.join(state.spins)[state.order]


@eqx.filter_jit
def _block(work: _Work, state: _State, beta: Array, length: int, count: Array):
    """Return the state after `count` intervals, and `length` records of which these are right."""
    lattice = work.lattice

    def one(state: _State, numbers: Numbers):
        rank = jnp.argsort(state.order)
        kt, width = (lattice.along(state.spins, x[rank]) for x in (1 / beta, state.width))

        def step(n, now):
            spins, numbers, total = now
            spins, accepted = sweep(lattice, spins, numbers, kt, width)
            spins = jax.lax.fori_loop(0, work.reflections, reflected, spins)
            following = state.done * work.interval + n + 1
            return spins, draw(lattice, spins, state.key, following), total + accepted

        def reflected(_, spins):
            return reflect(lattice, spins)

        start = (state.spins, numbers, jnp.zeros(len(beta)))
        spins, numbers, total = jax.lax.fori_loop(0, work.interval, step, start)
        spins = lattice.normalised(spins)
        directions = lattice.join(spins)[state.order]
        found = [observable(directions) for observable in work.observables]
        share = (total / work.interval)[state.order]
        luck = uniform(key_of(state.key, 3 * state.done + 2), (len(beta) - 1,))
        order, swapped = exchanged(state.order, found[0], beta, luck, state.done % 2 == 0)
        state = _State(spins, order, state.key, state.width, state.done + 1)
        return state, numbers, (*found, share, swapped)

    def step(n, now):
        state, numbers, records = now
        state, numbers, found = one(state, numbers)
        rows = jax.tree.map(lambda all_, row: all_.at[n].set(row), records, found)
        return state, numbers, rows

    numbers = draw(lattice, state.spins, state.key, state.done * work.interval)
    shapes = jax.eval_shape(one, state, numbers)[2]
    empty = jax.tree.map(lambda x: jnp.zeros((length, *x.shape), x.dtype), shapes)
    state, _, records = jax.lax.fori_loop(0, count, step, (state, numbers, empty))
    return state, records


def _adapted(state: _State, accepted: np.ndarray) -> _State:
    """Change the angles towards the wanted share of accepted moves."""
    factor = np.clip(np.mean(accepted, axis=0) / _WANTED, 0.5, 2.0)
    return eqx.tree_at(lambda s: s.width, state, jnp.clip(state.width * factor, 1e-6, 2.0))


def _temperatures(temperature) -> np.ndarray:
    _checks.positive("temperature", temperature, "k_B T in eV")
    kt = np.atleast_1d(np.asarray(temperature, float))
    if kt.ndim != 1 or not kt.size or np.any(np.diff(kt) <= 0):
        raise InputError(
            "Argument `temperature` must be a list in ascending order, but it is not, or is empty. "
            "Sort it, and give every temperature once."
        )
    return kt


def _start(model: SpinModel, shape: tuple[int, ...], count: int, start, seed: int) -> np.ndarray:
    whole = (count, *shape, model.site_count, 3)
    if start is None:
        spins = np.random.default_rng(seed).normal(size=whole)
        return spins / np.linalg.norm(spins, axis=-1, keepdims=True)
    _checks.unit_vectors("start", start)
    _checks.shaped("start", start, whole, whole[1:])
    return np.broadcast_to(np.asarray(start, float), whole)
