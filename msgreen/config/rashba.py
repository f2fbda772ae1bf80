"""``kind = "rashba"``: loops of explicit positions in an electron gas."""

from dataclasses import replace
from typing import Annotated, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from pydantic import Field, model_validator

from msgreen import _checks
from msgreen.clusters import contracted_loops, loops, perimeters
from msgreen.config.schema import (
    AbstractRun,
    AbstractTable,
    EvenOrder,
    Negative,
    OneOrMore,
    Outcome,
    Output,
    Positive,
    doubt,
    exactly_one,
)
from msgreen.convention import CONVENTIONS, convention
from msgreen.errors import InputError
from msgreen.exchange.calibration import first_minimum
from msgreen.exchange.compute import compute_interactions
from msgreen.hosts.rashba import RashbaGas
from msgreen.io.datasets import dataset_of
from msgreen.plot import interaction_figures
from msgreen.scattering.contact import ContactCoupling
from msgreen.spinmodel.rows import Row
from msgreen.units import MEV


class Host(AbstractTable):
    """``[host]``: the electron gas."""

    kind: Literal["rashba"]
    dimension: Annotated[list[Literal[1, 2, 3]], Field(min_length=1), OneOrMore]
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
                f"Argument `dimension` must not repeat itself, but it is {self.dimension}. "
                "List each once."
            )
        self.gas(self.dimension[0])
        doubt("fermi_energy", self.fermi_energy, "eV", 50.0)
        return self

    def gas(self, dimension: int) -> RashbaGas:
        """Return the electron gas of one dimension."""
        return RashbaGas(dimension, **self.model_dump(exclude={"kind", "dimension"}))

    def free_gas(self, dimension: int) -> RashbaGas:
        """Return the gas with the same q_F and no Rashba coupling."""
        return eqx.tree_at(lambda g: g.rashba_wavevector, self.gas(dimension), jnp.zeros(()))


class Coupling(AbstractTable):
    """``[coupling]``: the strength of the scatterers, given or calibrated."""

    first_minimum: Negative | None = None
    spin_orbit: bool = True
    value: Annotated[list[Positive], OneOrMore] | None = None

    @model_validator(mode="after")
    def _is_given_once(self):
        exactly_one(self, "first_minimum", "value")
        doubt("first_minimum", self.first_minimum, "meV", 1e3)
        if self.value is not None and not self.spin_orbit:
            raise InputError(
                "Argument `spin_orbit` must not be given together with `value`, but both are. "
                "Remove it: it says which `first_minimum` is meant."
            )
        return self

    def check(self, host: Host) -> None:
        """Raise InputError if the number of values is not that of the dimensions."""
        if self.value is not None and len(self.value) != len(host.dimension):
            raise InputError(
                "Argument `coupling.value` must have one number per dimension, but it has "
                f"{len(self.value)} for {len(host.dimension)}. "
                "Give as many values as dimensions."
            )

    def contact(self, host: Host, index: int) -> tuple[ContactCoupling, str]:
        """Return the coupling for one of the dimensions, and a line about it."""
        dimension = host.dimension[index]
        unit = "eV angstrom" + (f"^{dimension}" if dimension > 1 else "")
        if self.value is not None:
            strength = self.value[index]
            return ContactCoupling(strength), f"{dimension}D: J_sd = {strength:.11g} {unit}"
        minimum = self.first_minimum
        assert minimum is not None
        gas = host.gas(dimension) if self.spin_orbit else host.free_gas(dimension)
        distance, value = first_minimum(gas)
        strength = float(np.sqrt(minimum * MEV / value))
        return ContactCoupling(strength), (
            f"{dimension}D: J_sd = {strength:.11g} {unit}; first minimum of J_iso "
            f"{minimum:g} meV at R = {distance:#.10g} angstrom"
            + ("" if self.spin_orbit else " without spin-orbit coupling")
        )


class Cluster(AbstractTable):
    """``[cluster]``: explicit positions and the loops that are wanted."""

    positions: Annotated[list[list[float]], Field(min_length=2)]
    orders: Annotated[list[EvenOrder], Field(min_length=1)] = [2, 4, 6]
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
                f"{sorted(lengths)}. "
                "Give all rows as many coordinates."
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

    def check(self, host: Host) -> None:
        """Raise InputError if the positions do not fit the gas or hold no loop."""
        width = len(self.positions[0])
        if host.dimension != [width]:
            raise InputError(
                f"Argument `cluster.positions` must have as many coordinates as the gas has "
                f"dimensions ({host.dimension}), but it has {width}. "
                "Change one of them."
            )
        if not self.loops():
            raise InputError(
                "Argument `cluster.positions` must contain at least one loop within the "
                "bounds, but there is none. Raise `cutoff` or `perimeter`."
            )

    def outcome(self, host: Host, coupling: Coupling, output: Output, progress: bool) -> Outcome:
        """Compute the interactions of all loops, and draw them if `output` wants it."""
        gas = host.gas(host.dimension[0])
        scatterer, line = coupling.contact(host, 0)
        sites = jnp.asarray(self.positions, float)
        found = self.loops()
        lengths = np.concatenate([np.asarray(perimeters(sites, array)) for array in found])
        result = compute_interactions(
            gas,
            scatterer,
            sites,
            found,
            contour=gas.line(lengths.min(), lengths.max()),
            tensors=self.tensors,
            progress=progress,
        ).to(CONVENTIONS[self.convention])
        result = replace(result, source={**result.source, "coupling": line})
        summary = [line, *str(result).splitlines()]
        figures = interaction_figures(result) if output.figures else {}
        return Outcome(Row._fields, result.rows(), dataset_of(result), figures, summary)


class RashbaRun(AbstractRun):
    """The whole configuration."""

    host: Host
    coupling: Coupling
    cluster: Cluster
    output: Output = Output()

    @model_validator(mode="after")
    def _fits_together(self):
        self.coupling.check(self.host)
        self.cluster.check(self.host)
        return self

    def run(self, progress: bool) -> Outcome:
        """Compute the interactions of the cluster; see `AbstractRun.run`."""
        return self.cluster.outcome(self.host, self.coupling, self.output, progress)
