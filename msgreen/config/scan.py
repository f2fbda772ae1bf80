"""``[scan]``: interactions of pairs on a superconductor against one or two of its parameters."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Annotated, NamedTuple

import jax
import numpy as np
import xarray as xr
from pydantic import Field, model_validator
from pydantic_core import core_schema
from tqdm import tqdm

from msgreen.config.lattice import Pairs
from msgreen.config.schema import AbstractTable, Outcome
from msgreen.config.superconductor_host import SuperconductorHost
from msgreen.energy.pair_form import pair_interactions
from msgreen.energy.spin_pairs import SpinPairs
from msgreen.errors import InputError
from msgreen.plot.superconductor import map_figure, scan_figure
from msgreen.scattering.contact import AbstractScatterer
from msgreen.spinmodel.rows import Row

LARGEST = 10_000
"""Points of a scan, an estimate: each takes a second on 101 x 101 sites."""


def _spread(value):
    """Return the values of a range {start, stop, count}, both ends among them."""
    if not isinstance(value, dict):
        return value
    keys = ("start", "stop", "count")
    wrong = sorted({*keys} ^ value.keys())
    if wrong:
        raise InputError(
            f"Argument `{wrong[0]}` must not be missing or added: a range has the keys start, stop "
            f"and count, but it has {', '.join(map(str, value)) or 'none'}. Give these three."
        )
    start, stop, count = (value[key] for key in keys)
    for name, end in (("start", start), ("stop", stop)):
        number = isinstance(end, int | float) and not isinstance(end, bool)
        if not number or not np.isfinite(end):
            raise InputError(
                f"Argument `{name}` must be a number, but it is {end!r}. Correct the value."
            )
    if isinstance(count, bool) or not isinstance(count, int) or not 2 <= count <= LARGEST:
        raise InputError(
            f"Argument `count` must be an integer from 2 to {LARGEST}, but it is {count!r}. "
            "Correct the value."
        )
    if start == stop:
        raise InputError(
            f"Argument `stop` must differ from `start`, but both are {stop}. Change one."
        )
    return np.linspace(start, stop, count).tolist()


class _ListOrRange:
    """Takes a range as the list of its values, and says so in the schema."""

    def __get_pydantic_core_schema__(self, source, handler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(_spread, handler(source))

    def __get_pydantic_json_schema__(self, schema, handler) -> dict:
        number, whole = {"type": "number"}, {"type": "integer", "minimum": 2}
        keys = {"start": number, "stop": number, "count": whole}
        spread = {"type": "object", "properties": keys, "required": list(keys)}
        return {"anyOf": [handler(schema), {**spread, "additionalProperties": False}]}


Values = Annotated[list[float], Field(min_length=1, max_length=LARGEST), _ListOrRange()]
"""Values of a parameter: a list, or a range {start, stop, count}."""


class Coordinate(NamedTuple):
    """A parameter of the host that can be scanned.

    Attributes
    ----------
    unit : str
    label : str
        For pictures.
    keys : callable
        Maps the host's table and a value to the keys that change.
    tick : float, optional
        Distance of the ticks of pictures.
    """

    unit: str
    label: str
    keys: Callable[[SuperconductorHost, float], dict]
    tick: float | None = None


def _ratio(host: SuperconductorHost, value: float) -> dict:
    length = np.hypot(host.singlet, host.triplet)
    triplet = length / np.hypot(1.0, value)
    return {"singlet": float(value * triplet), "triplet": float(triplet)}


def _phase(host: SuperconductorHost, value: float) -> dict:
    parts = [0.0 if m is None else np.array(m) for m in (host.d_real, host.d_imaginary)]
    turned = (parts[0] + 1j * parts[1]) * np.exp(1j * np.radians(value))
    # What vanishes for quarter turns is not left to rounding.
    turned = np.round(turned, 15)
    return {"d_real": turned.real.tolist(), "d_imaginary": turned.imag.tolist()}


def _winding(host: SuperconductorHost, value: float) -> dict:
    return {"winding": [int(value) * turns for turns in host.winding or []]}


def _own(key: str) -> Callable[[SuperconductorHost, float], dict]:
    return lambda host, value: {key: float(value)}


COORDINATES: Mapping[str, Coordinate] = MappingProxyType(
    {
        "fermi_energy": Coordinate("eV", r"$E_F$ (eV)", _own("fermi_energy")),
        "temperature_K": Coordinate("K", r"$T$ (K)", _own("temperature_K")),
        "singlet": Coordinate("eV", r"$\Delta_s$ (eV)", _own("singlet")),
        "triplet": Coordinate("eV", r"$\Delta_p$ (eV)", _own("triplet")),
        "ratio": Coordinate("1", r"$\Delta_s/\Delta_p$", _ratio),
        "phase_degrees": Coordinate("degree", r"phase of $\Delta_p$ (degrees)", _phase, 90.0),
        "winding": Coordinate("1", r"winding $\nu$", _winding, 1.0),
        "singlet_attraction": Coordinate("eV", r"$V_s$ (eV)", _own("singlet_attraction")),
        "triplet_attraction": Coordinate("eV", r"$V_p$ (eV)", _own("triplet_attraction")),
    }
)
"""What can be scanned, by key."""


class Scan(AbstractTable):
    """``[scan]``: values of one or two parameters of the host."""

    fermi_energy: Values | None = None
    temperature_K: Values | None = None
    singlet: Values | None = None
    triplet: Values | None = None
    ratio: Values | None = None
    phase_degrees: Values | None = None
    winding: Annotated[list[int], Field(min_length=1, max_length=LARGEST)] | None = None
    singlet_attraction: Values | None = None
    triplet_attraction: Values | None = None

    @model_validator(mode="after")
    def _has_meaning(self):
        axes = self.axes()
        if not 1 <= len(axes) <= 2:
            raise InputError(
                f"Argument `scan` must have one or two of the keys {', '.join(COORDINATES)}, but "
                f"it has {len(axes)}. Give those that are to be varied."
            )
        if "ratio" in axes and {"singlet", "triplet"} & axes.keys():
            raise InputError(
                "Argument `ratio` must not be given together with an amplitude, but both are. It "
                "keeps the sum of their squares: remove one."
            )
        points = np.prod([len(values) for values in axes.values()])
        if points > LARGEST:
            raise InputError(
                f"Argument `scan` must have at most {LARGEST} points, but it has {points}. Give "
                "fewer values."
            )
        for name, values in axes.items():
            if len(np.unique(values)) < len(values):
                raise InputError(
                    f"Argument `{name}` must not repeat itself, but a value occurs twice. List "
                    "each once."
                )
        return self

    def axes(self) -> dict[str, np.ndarray]:
        """Return the values of the parameters that are varied."""
        found = {}
        for name in COORDINATES:
            values = getattr(self, name)
            if values is not None:
                found[name] = np.array(values)
        return found

    def check(self, host: SuperconductorHost) -> None:
        """Raise InputError if a parameter has no meaning for a host, or leaves its range."""
        axes = self.axes()
        vectors = host.d_real is not None or host.d_imaginary is not None
        without = host.attraction() is None, "a host without attraction"
        turning = vectors, "`d_real` or `d_imaginary` of the host"
        needed = {
            "singlet": (without,),
            "triplet": (without, turning),
            "ratio": (without, turning),
            "phase_degrees": (turning,),
            "winding": ((host.winding is not None, "`winding` of the host, which it multiplies"),),
        }
        for name in ("singlet_attraction", "triplet_attraction"):
            needed[name] = ((getattr(host, name) is not None, f"`{name}` of the host"),)
        for name, values in axes.items():
            for fits, what in needed.get(name, ()):
                if not fits:
                    raise InputError(
                        f"Argument `scan.{name}` must come with {what}, but that is not so. Change "
                        "[host], or vary something else."
                    )
            if name.endswith(("_K", "_attraction")) and values.min() < 0:
                raise InputError(
                    f"Argument `scan.{name}` must not be negative, but {values.min()} is. Remove "
                    "what is below zero."
                )
        if "ratio" in axes and not (host.singlet or host.triplet):
            raise InputError(
                "Argument `scan.ratio` must come with amplitudes of the host, the sum of whose "
                "squares it keeps, but they vanish. Give `singlet` or `triplet` in [host]."
            )
        for corner in product(*((values[0], values[-1]) for values in axes.values())):
            changed_host(host, dict(zip(axes, corner, strict=True))).check()


def changed_host(host: SuperconductorHost, values: Mapping[str, float]) -> SuperconductorHost:
    """Return a host with other values of the parameters of a scan."""
    for name, value in values.items():
        host = host.changed(**COORDINATES[name].keys(host, value))
    return host


def scanned(
    host: SuperconductorHost,
    scatterer: AbstractScatterer,
    pairs: Pairs,
    scan: Scan,
    progress: bool,
) -> Outcome:
    """Return the interactions of pairs at all points of a scan.

    Parameters
    ----------
    host : SuperconductorHost
    scatterer : AbstractScatterer
    pairs : Pairs
    scan : Scan
    progress : bool
        Whether to show a progress bar.
    """
    axes, sites = scan.axes(), pairs.sites()
    numbers = [[0, n + 1] for n in range(len(pairs.distances))]
    channels = host.channels()
    found, gaps, rows, about = [], [], [], ""
    for point in tqdm(list(product(*axes.values())), "scan", disable=not progress, leave=False):
        values = dict(zip(axes, point, strict=True))
        solved = changed_host(host, values).solved()
        part = SpinPairs(solved.host, scatterer, sites, numbers).fit()
        found.append(jax.tree.map(np.asarray, part))
        where = [int(v) if name == "winding" else float(v) for name, v in values.items()]
        for row in pair_interactions(part, numbers).rows():
            steps = pairs.distances[int(row.sites.split("-")[1]) - 1]
            rows.append((*where, steps, *row))
        if solved.gap is not None:
            about = solved.lines[1]
            gap = np.stack([np.asarray(solved.gap.amplitudes), np.asarray(solved.gap.error)])
            gaps.append(gap)
            for name, (value, error) in zip(channels, gap.T.tolist(), strict=True):
                rows.append((*where, "", 0, "gap", "", name, value, error, "eV", "O", ""))
    shape = tuple(len(values) for values in axes.values())
    fits = jax.tree.map(lambda *parts: np.stack(parts).reshape(*shape, *parts[0].shape), *found)
    known = np.stack(gaps).reshape(*shape, 2, -1) if gaps else None
    places = np.asarray(host.geometry().positions(sites))
    dataset = _dataset(axes, pairs, fits, channels, known)
    dataset = dataset.assign_coords(displacement=_displacement(places[1:] - places[0]))
    summary = [
        f"{len(found)} points: "
        + ", ".join(f"{n} values of {name}" for name, n in dataset.sizes.items() if name in axes),
        f"largest residual of the form F0 + mu.(S1 + S2) + mu_odd.(S1 - S2) + S1.K.S2: "
        f"{float(fits.residual.max()):.2e} eV, largest error {float(fits.error.max()):.1e} eV",
    ]
    if gaps:
        summary.append(about)
        summary.append(f"largest error of the gap: {float(np.stack(gaps)[:, 1].max()):.1e} eV")
    labels = [COORDINATES[name].label for name in axes]
    values = list(axes.values())
    if len(axes) == 2:
        figure = map_figure(labels, values, fits.K[:, :, 0])
    else:
        curves = {} if known is None else dict(zip(channels, known[:, 0].T, strict=True))
        (axis,) = axes
        tick = COORDINATES[axis].tick
        figure = scan_figure(labels[0], values[0], pairs.distances, fits.K, curves, tick)
    header = (*map(_column, axes), "steps", *Row._fields)
    return Outcome(header, rows, dataset, {"scan": figure}, summary)


def _column(name: str) -> str:
    """Return the name of a column, with the unit."""
    unit = COORDINATES[name].unit
    return f"{name}_{unit}" if unit == "eV" else name


def _displacement(steps: np.ndarray) -> tuple:
    """Return where the second spins are, seen from the first."""
    spatial = np.pad(steps, ((0, 0), (0, 3 - steps.shape[1])))
    return ("steps", "xyz"), spatial, {"units": "angstrom"}


def _dataset(axes, pairs: Pairs, fits, channels: Sequence[str], gaps) -> xr.Dataset:
    """Return coefficients with their errors, by the parameters, the distance and the component."""
    ends = (*axes, "steps")
    starts = {"F0": 0, "mu": 1, "J": 4, "D": 7, "mu_odd": 10, "J_mixed": 13}
    data = {}
    for name, start in starts.items():
        values = getattr(fits, name)
        vector = name != "F0"
        error = fits.error[..., start : start + 3] if vector else fits.error[..., start]
        dims = (*ends, "xyz") if vector else ends
        data[name] = (dims, values, {"units": "eV"})
        data[f"{name}_error"] = (dims, error, {"units": "eV"})
    data["residual"] = (ends, fits.residual, {"units": "eV"})
    coords = {
        name: (name, values, {"units": COORDINATES[name].unit}) for name, values in axes.items()
    }
    coords |= {"steps": ("steps", np.array(pairs.distances)), "xyz": ("xyz", list("xyz"))}
    if gaps is not None:
        coords |= {"channel": ("channel", list(channels))}
        for name, values in zip(("gap", "gap_error"), np.moveaxis(gaps, -2, 0), strict=True):
            data[name] = ((*axes, "channel"), values, {"units": "eV"})
    about = {"convention": "O", "form": "F0 + mu.(S1 + S2) + mu_odd.(S1 - S2) + S1.K.S2"}
    return xr.Dataset(data, coords, about)
