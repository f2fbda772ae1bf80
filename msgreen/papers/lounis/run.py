"""``kind = "rashba"``: the scan of paper L with its figures, or a cluster of explicit positions."""

from collections.abc import Mapping
from typing import Annotated

import jax
import numpy as np
from matplotlib.figure import Figure
from pydantic import Field, model_validator

from msgreen.blocks import map_items
from msgreen.config.rashba import Cluster, Coupling, Host
from msgreen.config.schema import (
    AbstractRun,
    AbstractTable,
    Outcome,
    Output,
    Positive,
    exactly_one,
)
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.hosts.rashba import RashbaGas
from msgreen.papers.lounis.figures import chiral_figure, isotropic_figure, order_figure
from msgreen.papers.lounis.range_figure import asymptotic_figure, oscillations
from msgreen.papers.lounis.scan import DistanceScan, equidistant_scan
from msgreen.papers.lounis.table import SCAN_HEADER, Scans, scan_dataset, scan_rows, scan_summary
from msgreen.scattering.contact import ContactCoupling

LARGEST_SCAN = 100_000
"""Distances of a scan, an estimate: so many should take minutes, and a picture cannot show more."""

BLOCK = 400
"""Distances that are computed at a time."""


class Scan(AbstractTable):
    """``[scan]``: distances of equidistant loops."""

    distances: Annotated[list[Positive], Field(min_length=1)] | None = None
    start: Positive | None = None
    stop: Positive | None = None
    step: Positive | None = None
    count: Annotated[int, Field(ge=2, le=LARGEST_SCAN)] | None = None

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
        if self.step is not None and (self.stop - self.start) / self.step > LARGEST_SCAN:
            raise InputError(
                f"Argument `step` must leave at most {LARGEST_SCAN} distances, but "
                f"{self.stop - self.start} / {self.step} are more. Give a larger one."
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


class ScanRun(AbstractRun):
    """What `RashbaRun` describes, or equidistant loops against distance instead of a cluster."""

    host: Host
    coupling: Coupling
    scan: Scan | None = None
    cluster: Cluster | None = None
    output: Output = Output()

    @model_validator(mode="after")
    def _fits_together(self):
        exactly_one(self, "scan", "cluster")
        self.coupling.check(self.host)
        if self.cluster is not None:
            self.cluster.check(self.host)
        return self

    def run(self, progress: bool) -> Outcome:
        """Compute the scan or the interactions of the cluster; see `AbstractRun.run`."""
        if self.cluster is not None:
            return self.cluster.outcome(self.host, self.coupling, self.output, progress)
        assert self.scan is not None
        distances = self.scan.grid()
        gases = {dimension: self.host.gas(dimension) for dimension in self.host.dimension}
        couplings = [self.coupling.contact(self.host, index) for index in range(len(gases))]
        lines = [line for _, line in couplings]
        strengths = {d: c for d, (c, _) in zip(gases, couplings, strict=True)}
        scans = {
            d: scan_in_blocks(gas, strengths[d], distances, progress=progress)
            for d, gas in gases.items()
        }
        bare = {dimension: self.host.free_gas(dimension) for dimension in gases}
        figures = _scan_figures(bare, strengths, scans) if self.output.figures else {}
        attributes = {"coupling": "; ".join(lines)}
        summary = [*lines, *scan_summary(scans)]
        return Outcome(
            SCAN_HEADER, scan_rows(scans), scan_dataset(scans, attributes), figures, summary
        )


def scan_in_blocks(
    gas: RashbaGas, coupling: ContactCoupling, distances: np.ndarray, *, progress: bool = False
) -> Estimate[DistanceScan]:
    """Return `equidistant_scan`, made of blocks of one length: compiled once, memory bounded.

    Parameters
    ----------
    gas : RashbaGas
    coupling : ContactCoupling
    distances : real array, shape (distance,)
        In angstrom.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Estimate
        As numpy arrays.
    """
    # In three dimensions distances that no one asked for cost more than another compilation.
    size = BLOCK if gas.dimension < 3 else min(BLOCK, len(distances))
    found = map_items(
        _scan,
        (gas, coupling),
        (distances,),
        1,
        block_bytes=size,
        filled=True,
        label="scan" if progress else None,
    )
    return jax.tree.map(np.asarray, found)


def _scan(known, distances):
    gas, coupling = known
    return equidistant_scan(gas, coupling, distances)


def _scan_figures(
    bare: Mapping[int, RashbaGas], couplings: Mapping[int, ContactCoupling], scans: Scans
) -> dict[str, Figure]:
    """Return Figures 1 to 3 of paper L, and its asymptotic forms in one and two dimensions."""
    values = {dimension: scan for dimension, (scan, _) in scans.items()}
    distances = np.asarray(next(iter(values.values())).distance)
    fermi = float(next(iter(bare.values())).fermi_wavevector)
    far = oscillations(fermi)
    near = np.linspace(0.3, 10.0, BLOCK) / fermi
    free, near_free, far_free = {}, {}, {}
    planar = {dimension: gas for dimension, gas in bare.items() if dimension < 3}
    for dimension, gas in bare.items():
        free[dimension], _ = scan_in_blocks(gas, couplings[dimension], distances)
    for dimension, gas in planar.items():
        near_free[dimension], _ = scan_in_blocks(gas, ContactCoupling(1.0), near)
        far_free[dimension], _ = scan_in_blocks(gas, ContactCoupling(1.0), far)
    figures = {
        "figure1_isotropic": isotropic_figure(free, values, fermi),
        "figure2_orders": order_figure(values, fermi),
        "figure3_chiral": chiral_figure(values, fermi),
    }
    if planar:
        figures["figure4_asymptotic"] = asymptotic_figure(planar, near_free, far_free)
    return figures
