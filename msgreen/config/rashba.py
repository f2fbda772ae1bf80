"""``kind = "rashba"``: equidistant loops against distance, or loops of explicit positions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from pydantic import AfterValidator, Field, model_validator

from msgreen import _checks
from msgreen.clusters import check_order, contracted_loops, loops, perimeters
from msgreen.config.schema import (
    AbstractRun,
    AbstractTable,
    Negative,
    OneOrMore,
    Outcome,
    Positive,
    exactly_one,
)
from msgreen.convention import CONVENTIONS, convention
from msgreen.errors import InputError
from msgreen.exchange.calibration import first_minimum
from msgreen.exchange.closed_forms import compute_interactions
from msgreen.hosts.rashba import RashbaGas
from msgreen.io.netcdf import dataset_of
from msgreen.papers.lounis import (
    asymptotic_figure,
    chiral_figure,
    isotropic_figure,
    order_figure,
    oscillations,
)
from msgreen.papers.lounis.scan import DistanceScan, equidistant_scan
from msgreen.papers.lounis.table import SCAN_HEADER, Scans, scan_dataset, scan_rows
from msgreen.scattering.contact import ContactCoupling
from msgreen.spinmodel.interactions import Row
from msgreen.units import MEV

BLOCK = 400
"""Distances that are computed at a time."""


def _even(order: int) -> int:
    check_order(order)
    return order


class Host(AbstractTable):
    """``[host]``: the electron gas."""

    kind: Literal["rashba"]
    dimension: Annotated[list[Literal[1, 2]], Field(min_length=1), OneOrMore]
    effective_mass: Positive
    fermi_wavevector: Positive | None = None
    fermi_energy: float | None = None
    rashba_wavevector: float | None = None
    rashba_parameter: float | None = None
    momentum_cutoff: Positive | None = None

    @model_validator(mode="after")
    def _has_meaning(self):
        if len(set(self.dimension)) < len(self.dimension):
            raise InputError(
                f"Argument `dimension` must not repeat itself, but it is {self.dimension}."
            )
        self.gas(self.dimension[0])
        return self

    def gas(self, dimension: int) -> RashbaGas:
        """Return the electron gas of one dimension."""
        return RashbaGas(dimension, **self.model_dump(exclude={"kind", "dimension"}))


class Coupling(AbstractTable):
    """``[coupling]``: the strength of the scatterers, given or calibrated."""

    first_minimum: Negative | None = None
    value: Annotated[list[Positive], OneOrMore] | None = None

    @model_validator(mode="after")
    def _is_given_once(self):
        exactly_one(self, "first_minimum", "value")
        return self


class Scan(AbstractTable):
    """``[scan]``: distances of equidistant loops."""

    distances: Annotated[list[Positive], Field(min_length=1)] | None = None
    start: Positive | None = None
    stop: Positive | None = None
    step: Positive | None = None
    count: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _is_given_once(self):
        exactly_one(self, "distances", "start")
        if self.start is None:
            for name in ("stop", "step", "count"):
                if getattr(self, name) is not None:
                    raise InputError(
                        f"Argument `{name}` must not be given together with `distances`, but both "
                        "are. Remove it, or give `start` instead of `distances`."
                    )
            return self
        exactly_one(self, "step", "count")
        if self.stop is None or self.stop <= self.start:
            raise InputError(
                f"Argument `stop` must be greater than `start` ({self.start}), but it is "
                f"{'missing' if self.stop is None else self.stop}."
            )
        return self

    def grid(self) -> np.ndarray:
        """Return the distances in angstrom."""
        if self.distances is not None:
            return np.array(self.distances)
        assert self.start is not None and self.stop is not None
        if self.count is not None:
            return np.linspace(self.start, self.stop, self.count)
        assert self.step is not None
        steps = int((self.stop - self.start) / self.step * (1 + 1e-12))
        return self.start + self.step * np.arange(steps + 1)


class Cluster(AbstractTable):
    """``[cluster]``: explicit positions and the loops that are wanted."""

    positions: Annotated[list[list[float]], Field(min_length=2)]
    orders: Annotated[list[Annotated[int, AfterValidator(_even)]], Field(min_length=1)] = [2, 4, 6]
    contracted: list[Literal["biquadratic", "three_site"]] = []
    cutoff: Positive | None = None
    perimeter: Positive | None = None
    tensors: bool | Literal["auto"] = "auto"
    convention: Literal["neutral", "L", "B", "O"] = "neutral"

    @model_validator(mode="after")
    def _has_meaning(self):
        lengths = {len(row) for row in self.positions}
        if len(lengths) > 1:
            raise InputError(
                "Argument `positions` must hold positions of one dimension, but their lengths are "
                f"{sorted(lengths)}."
            )
        _checks.distinct_sites("positions", np.array(self.positions))
        sites = {(order, order) for order in self.orders}
        names = {"biquadratic": 2, "three_site": 3}
        for order, count in sites | {(4, names[kind]) for kind in self.contracted}:
            convention(self.convention).factor(order, count, [1])
        return self

    def loops(self) -> list[np.ndarray]:
        """Return the loops within the bounds, one array for every kind that has some."""
        points = jnp.asarray(self.positions, float)
        bounds = {"cutoff": self.cutoff, "perimeter": self.perimeter}
        found = [loops(points, order, **bounds) for order in self.orders]
        found += [contracted_loops(points, kind, cutoff=self.cutoff) for kind in self.contracted]
        return [array for array in found if len(array)]


class Output(AbstractTable):
    """``[output]``: what is written."""

    figures: bool = True


class RashbaRun(AbstractRun):
    """The whole configuration."""

    host: Host
    coupling: Coupling
    scan: Scan | None = None
    cluster: Cluster | None = None
    output: Output = Output()

    @model_validator(mode="after")
    def _fits_together(self):
        exactly_one(self, "scan", "cluster")
        dimensions = self.host.dimension
        given = self.coupling.value
        if given is not None and len(given) != len(dimensions):
            raise InputError(
                "Argument `coupling.value` must have one number per dimension, but it has "
                f"{len(given)} for {len(dimensions)}."
            )
        if self.cluster is not None:
            width = len(self.cluster.positions[0])
            if dimensions != [width]:
                raise InputError(
                    f"Argument `cluster.positions` must have as many coordinates as the gas has "
                    f"dimensions ({dimensions}), but it has {width}."
                )
            if not self.cluster.loops():
                raise InputError(
                    "Argument `cluster.positions` must contain at least one loop within the "
                    "bounds, but there is none. Raise `cutoff` or `perimeter`."
                )
        return self

    def run(self, progress: bool) -> Outcome:
        """Compute the scan or the interactions of the cluster; see `AbstractRun.run`."""
        if self.cluster is not None:
            return self._run_cluster(self.cluster, progress)
        assert self.scan is not None
        return self._run_scan(self.scan)

    def _coupling(self, index: int) -> tuple[ContactCoupling, str]:
        """Return the coupling for one of the dimensions, and a line about it."""
        dimension = self.host.dimension[index]
        unit = "eV angstrom" + ("^2" if dimension == 2 else "")
        if self.coupling.value is not None:
            strength = self.coupling.value[index]
            return ContactCoupling(strength), f"{dimension}D: J_sd = {strength:.11g} {unit}"
        minimum = self.coupling.first_minimum
        assert minimum is not None
        distance, value = first_minimum(self.host.gas(dimension))
        strength = float(np.sqrt(minimum * MEV / value))
        return ContactCoupling(strength), (
            f"{dimension}D: J_sd = {strength:.11g} {unit}; first minimum of J_iso "
            f"{minimum:g} meV at R = {distance:#.10g} angstrom"
        )

    def _run_scan(self, scan: Scan) -> Outcome:
        distances = scan.grid()
        gases = {dimension: self.host.gas(dimension) for dimension in self.host.dimension}
        couplings = [self._coupling(index) for index in range(len(gases))]
        lines = [line for _, line in couplings]
        strengths = {d: c for d, (c, _) in zip(gases, couplings, strict=True)}
        scans = {d: scan_in_blocks(gas, strengths[d], distances) for d, gas in gases.items()}
        figures = _scan_figures(gases, strengths, scans) if self.output.figures else {}
        attributes = {"coupling": "; ".join(lines)}
        return Outcome(
            SCAN_HEADER, scan_rows(scans), scan_dataset(scans, attributes), figures, lines
        )

    def _run_cluster(self, cluster: Cluster, progress: bool) -> Outcome:
        gas = self.host.gas(self.host.dimension[0])
        coupling, line = self._coupling(0)
        sites = jnp.asarray(cluster.positions, float)
        found = cluster.loops()
        lengths = np.concatenate([np.asarray(perimeters(sites, array)) for array in found])
        result = compute_interactions(
            gas,
            coupling,
            sites,
            found,
            contour=gas.line(lengths.min(), lengths.max()),
            tensors=cluster.tensors,
            progress=progress,
        ).to(CONVENTIONS[cluster.convention])
        result = replace(result, source={**result.source, "coupling": line})
        summary = [line, *str(result).splitlines()]
        return Outcome(Row._fields, result.rows(), dataset_of(result), {}, summary)


def scan_in_blocks(
    gas: RashbaGas, coupling: ContactCoupling, distances: np.ndarray
) -> tuple[DistanceScan, DistanceScan]:
    """Return `equidistant_scan`, made of blocks of one length: compiled once, memory bounded.

    Parameters
    ----------
    gas : RashbaGas
    coupling : ContactCoupling
    distances : real array, shape (distance,)
        In angstrom.

    Returns
    -------
    values, errors : DistanceScan
        As numpy arrays.
    """
    padded = np.pad(distances, (0, -len(distances) % BLOCK), mode="edge")
    blocks = [
        equidistant_scan(gas, coupling, jnp.asarray(padded[start : start + BLOCK]))
        for start in range(0, len(padded), BLOCK)
    ]
    values, errors = (
        jax.tree.map(lambda *columns: np.concatenate(columns)[: len(distances)], *part)
        for part in zip(*blocks, strict=True)
    )
    return values, errors


def _scan_figures(
    gases: Mapping[int, RashbaGas], couplings: Mapping[int, ContactCoupling], scans: Scans
) -> dict[str, Figure]:
    """Return Figures 1 to 3 of paper L, and one of its asymptotic forms."""
    values = {dimension: scan for dimension, (scan, _) in scans.items()}
    distances = np.asarray(next(iter(values.values())).distance)
    fermi = float(next(iter(gases.values())).fermi_wavevector)
    far = oscillations(fermi)
    near = np.linspace(0.3, 10.0, BLOCK) / fermi
    free, near_free, far_free = {}, {}, {}
    bare = {dimension: _without_rashba(gas) for dimension, gas in gases.items()}
    for dimension, gas in bare.items():
        free[dimension], _ = scan_in_blocks(gas, couplings[dimension], distances)
        near_free[dimension], _ = scan_in_blocks(gas, ContactCoupling(1.0), near)
        far_free[dimension], _ = scan_in_blocks(gas, ContactCoupling(1.0), far)
    return {
        "figure1_isotropic": isotropic_figure(free, values, fermi),
        "figure2_orders": order_figure(values, fermi),
        "figure3_chiral": chiral_figure(values, fermi),
        "figure4_asymptotic": asymptotic_figure(bare, near_free, far_free),
    }


def _without_rashba(gas: RashbaGas) -> RashbaGas:
    return eqx.tree_at(lambda g: g.rashba_wavevector, gas, jnp.zeros(()))
