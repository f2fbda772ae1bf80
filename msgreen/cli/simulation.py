"""What `msgreen simulate` does: a temperature scan, the critical temperature, the cold state."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from msgreen.cli.ground_states import default_box
from msgreen.config import Outcome
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.io.ovf import write_ovf
from msgreen.plot import states_figure
from msgreen.plot.simulation import thermodynamics_figure
from msgreen.simulation import (
    MonteCarlo,
    Thermodynamics,
    TopologicalCharge,
    WaveOrder,
    binder_crossing,
    monte_carlo,
    thermodynamics,
)
from msgreen.spinmodel import SpinModel, luttinger_tisza, relax
from msgreen.units import BOLTZMANN, MEV

CHECKPOINT = ".msgreen-simulation"
"""Beginning of the names of files that keep what is done."""

_COUNT = 12
"""Temperatures of a scan whose range is not given."""

_REFINEMENTS = 3
"""Scans around the critical temperature, each of which is finer than the one before."""

_ALIKE = 0.1
"""Share of exchanges of two temperatures that are accepted, above which their states are alike."""

_HEADER = (
    *("spins", "temperature_K", "energy_meV", "energy_error_meV", "heat_kB", "heat_error_kB"),
    *("moment", "moment_error", "susceptibility_per_meV", "susceptibility_error_per_meV"),
    *("binder", "binder_error", "autocorrelation_time", "accepted", "exchanged"),
    *("order", "order_error", "order_susceptibility_per_meV", "order_susceptibility_error_per_meV"),
    *("order_binder", "order_binder_error"),
)


def simulate(
    model: SpinModel,
    *,
    folder: Path,
    stage: Path,
    temperatures: Sequence[float] = (),
    box: Sequence[int] = (),
    critical: bool = False,
    samples: int = 2000,
    interval: int = 1,
    seed: int = 0,
    progress: bool = False,
) -> Outcome:
    """Return the temperature scan of a spin model, with the relaxed state of its coldest replica.

    Parameters
    ----------
    model : SpinModel
    folder : Path
        Where checkpoints are kept; a run that was interrupted goes on from there.
    stage : Path
        Where the coldest state is written for viewers, as ``state.ovf``, if it has positions.
    temperatures : sequence of float
        In K; two numbers are the ends of a range. By default a range around that of order.
    box : sequence of int
        Cells along every lattice vector of a lattice; as `default_box` of 12.
    critical : bool
        Whether to sample a smaller box too, and look for the crossing of the cumulants.
    samples, interval, seed : int
        As of `msgreen.simulation.monte_carlo`.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    InputError
        If the temperatures are not positive, the box does not fit, or nothing crosses.
    """
    shape = tuple(box) or default_box(model, 12)
    kelvin = _temperatures(model, temperatures)
    waves = [_waves(model, shape)]
    shapes = [shape]
    if critical:
        shapes.append(_smaller(model, shape, waves[0]))
        waves.append(_waves(model, shapes[1]))
    order = None if waves[0] is None or waves[0].uniform else "order"

    def scan(kelvin: np.ndarray, first: int) -> list[MonteCarlo]:
        return [
            monte_carlo(
                model,
                kelvin * BOLTZMANN,
                cells,
                samples=samples,
                interval=interval,
                observables={} if order is None or wave is None else {order: wave},
                seed=seed,
                checkpoint=folder / f"{CHECKPOINT}-{n}.npz",
                progress=progress,
            )
            for n, (cells, wave) in enumerate(zip(shapes, waves, strict=True), start=first)
        ]

    runs = scan(kelvin, 0)
    found = {_name(s, r): thermodynamics(r, order) for s, r in zip(shapes, runs, strict=True)}
    crossing = _critical(runs, scan, order) if critical else None
    cold = relax(model, runs[0].directions[0], tolerance=1e-8 * _scale(model))
    state = np.asarray(cold.directions)
    symbol = r"\langle|m|\rangle" if order is None else r"\langle|m_q|\rangle"
    figures = {"thermodynamics": thermodynamics_figure(found, critical=crossing, order=symbol)}
    drawn = states_figure(model, {"coldest state, relaxed": state})
    figures |= {} if drawn is None else {"state": drawn}
    summary = [
        *_table(found[_name(shape, runs[0])], "|m|" if order is None else "|m_q|"),
        "",
        *([] if order is None or waves[0] is None else _about_waves(model, waves[0])),
        *_about_crossing(crossing, shapes),
        *_about_cold(model, float(cold.energy), bool(cold.converged), state, runs[0].spin_count),
    ]
    rows = [row for r, t in zip(runs, found.values(), strict=True) for row in _rows(r, t, order)]
    places = _places(model, shape)
    if places is not None:
        spins = state[..., model.coupled, :].reshape(-1, 3)
        write_ovf(stage / "state.ovf", places, spins, title="coldest state")
    return Outcome(_HEADER, rows, _dataset(model, runs[0], state, order), figures, summary)


def _critical(runs: list[MonteCarlo], scan, order: str | None) -> Estimate:
    """Return where the cumulants cross; sample between temperatures that are too far apart.

    Averages between temperatures are those of the states of both, which must be alike.
    """
    for number in range(_REFINEMENTS):
        near = binder_crossing(runs[1], runs[0], order)
        kt = runs[0].temperature
        above = int(np.clip(np.searchsorted(kt, float(near.value)), 1, len(kt) - 1))
        if runs[0].exchanged[above - 1] > _ALIKE:
            return near
        reach = max((kt[above] - kt[above - 1]) / 2, 3 * float(near.error))
        low = max(float(near.value) - reach, kt[0])
        high = min(float(near.value) + reach, kt[-1])
        # As many temperatures as before: nothing is compiled anew.
        runs = scan(np.linspace(low, high, len(kt)) / BOLTZMANN, 2 * (number + 1))
    return binder_crossing(runs[1], runs[0], order)


def forget(folder: Path) -> None:
    """Remove what was kept of a simulation that has ended."""
    for file in folder.glob(f"{CHECKPOINT}-*.npz"):
        file.unlink(missing_ok=True)


def _waves(model: SpinModel, shape: Sequence[int]) -> WaveOrder | None:
    """Return the order of the lowest exchange; None for clusters, and where there is none."""
    try:
        return WaveOrder(model, shape) if model.dimension else None
    except InputError:
        return None


def _smaller(model: SpinModel, shape: Sequence[int], wave: WaveOrder | None) -> tuple[int, ...]:
    """Return a box of about half the size that holds the same waves."""
    if not model.dimension:
        raise InputError(
            "Argument `critical` must be left out for a finite cluster, but it is given. "
            "Clusters have no phase transitions."
        )
    period = (1,) * len(shape) if wave is None else wave.period
    units = [int(np.lcm(2, p)) if n % 2 == 0 else p for n, p in zip(shape, period, strict=True)]
    small = tuple(max(u, u * (n // (2 * u))) for n, u in zip(shape, units, strict=True))
    if all(s >= n for s, n in zip(small, shape, strict=True)):
        raise InputError(
            "Argument `--box` must hold the order of the model twice with `--critical`, whose "
            f"period is {' x '.join(map(str, period))} cells, but it is "
            f"{' x '.join(map(str, shape))}. Take a larger box."
        )
    return small


def _about_waves(model: SpinModel, wave: WaveOrder) -> list[str]:
    """Say which waves the order is of, and whether the box holds the best."""
    names = [", ".join(f"{x:.4g}" for x in q) for q in np.asarray(wave.q)]
    listed = "; ".join(f"({name})" for name in names)
    lines = [f"Order |m_q|: J(q) is lowest in this box at q = {listed}"]
    best = luttinger_tisza(model)
    missed = (wave.energy - best.energy) / abs(best.energy)
    if missed > 1e-6:
        q = ", ".join(f"{x:.4g}" for x in best.q)
        lines.append(f"  without a box at ({q}), lower by {missed:.2%}: choose --box to hold it")
    return lines


def _places(model: SpinModel, shape: Sequence[int]) -> np.ndarray | None:
    """Return the positions of the spins that a term names, (spin, dim), if they are known."""
    coupled = model.coupled
    if model.lattice is None:
        return None if model.positions is None else np.asarray(model.positions)[coupled]
    places = model.lattice.box_positions(shape)[..., coupled, :]
    return places.reshape(-1, places.shape[-1])


def _temperatures(model: SpinModel, given: Sequence[float]) -> np.ndarray:
    kelvin = np.asarray(given, float)
    if not len(kelvin):
        top = _scale(model) / 3 / BOLTZMANN
        return np.linspace(0.1 * top, 1.4 * top, _COUNT)
    if np.any(~(kelvin > 0)) or np.any(np.diff(kelvin) <= 0):
        raise InputError(
            "Argument `--temperatures` must be positive and ascending, in K, but it is "
            f"{', '.join(f'{t:g}' for t in kelvin)}. Give the ends of a range, or every one."
        )
    return np.linspace(kelvin[0], kelvin[1], _COUNT) if len(kelvin) == 2 else kelvin


def _scale(model: SpinModel) -> float:
    """Largest field on a spin of the ferromagnet and of random states, in eV."""
    box = (4,) * model.dimension
    spins = np.random.default_rng(0).normal(size=(8, *box, model.site_count, 3))
    spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
    spins[0] = (0.0, 0.0, 1.0)
    return float(np.linalg.norm(model.gradient(spins), axis=-1).max())


def _name(shape: Sequence[int], run: MonteCarlo) -> str:
    cells = " x ".join(map(str, shape))
    return f"{cells} cells" if shape else f"{run.spin_count} spins"


def _rows(run: MonteCarlo, found: Thermodynamics, order: str | None) -> list[tuple]:
    moment = found if order is None else thermodynamics(run)
    columns = _columns(moment, "energy", "heat", "moment", "susceptibility", "binder")
    last = _columns(found, "moment", "susceptibility", "binder")
    swaps = [*run.exchanged, np.nan]
    kelvin = found.temperature / BOLTZMANN
    every = zip(kelvin, *columns, found.time, run.accepted, swaps, *last, strict=True)
    return [(run.spin_count, *map(float, row)) for row in every]


def _columns(found: Thermodynamics, *names: str) -> list[np.ndarray]:
    units = {"energy": 1 / MEV, "susceptibility": MEV}
    return [units.get(n, 1.0) * column for n in names for column in getattr(found, n)]


def _dataset(model: SpinModel, run: MonteCarlo, state: np.ndarray, order) -> xr.Dataset:
    cells = [f"cell{d + 1}" for d in range(model.dimension)]
    known = np.where(model.coupled[:, None], 1.0, np.nan)  # atoms without moment point nowhere
    return xr.Dataset(
        {
            "energy": (("sample", "temperature"), run.energy, {"units": "eV"}),
            "moment": (("sample", "temperature", "xyz"), run.moment),
            "directions": (("temperature", *cells, "site", "xyz"), known * run.directions),
            "cold": ((*cells, "site", "xyz"), known * state),
            "accepted": ("temperature", run.accepted),
            **(
                {}
                if order is None
                else {order: (("sample", "temperature"), run.observables[order])}
            ),
        },
        coords={"temperature": ("temperature", run.temperature / BOLTZMANN, {"units": "K"})},
    )


def _table(found: Thermodynamics, order: str) -> list[str]:
    lines = [
        f"{'T (K)':>10}{'E/spin (meV)':>22}{'C (k_B)':>20}{order:>20}{'Binder':>18}{'time':>8}"
    ]
    for n, kt in enumerate(found.temperature):
        cells = [
            f"{e.value[n] * unit:>{width - 9}.5f} ±{e.error[n] * unit:>7.5f}"
            for e, unit, width in (
                (found.energy, 1 / MEV, 22),
                (found.heat, 1.0, 20),
                (found.moment, 1.0, 20),
                (found.binder, 1.0, 18),
            )
        ]
        lines.append(f"{kt / BOLTZMANN:>10.2f}{''.join(cells)}{found.time[n]:>8.1f}")
    return lines


def _about_crossing(crossing, shapes) -> list[str]:
    if crossing is None:
        return []
    value, error = (float(x) / BOLTZMANN for x in crossing)
    boxes = " and ".join(" x ".join(map(str, s)) for s in shapes[::-1])
    return [f"Critical temperature, cumulants of {boxes} cells: {value:.4g} ± {error:.2g} K"]


def _about_cold(model, energy: float, converged: bool, state, count: int) -> list[str]:
    words = "relaxed" if converged else "not quite relaxed"
    lines = [f"Coldest state, {words}: {energy / count / MEV:.6f} meV per spin"]
    if model.dimension == 2 and model.site_count == 1:
        charge = float(TopologicalCharge(model)(state[None])[0])
        lines.append(f"Its topological charge: {charge:.4g}")
    return lines
