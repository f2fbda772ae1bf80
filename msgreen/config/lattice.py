"""``kind = "lattice"``: spins on a tight-binding lattice, infinite or finite."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from pydantic import Field, model_validator

from msgreen.clusters import loops
from msgreen.config.fitted import MOST_SITES, Fit, about_series, fitted
from msgreen.config.ordered import Model, matched_model
from msgreen.config.schema import (
    TEMPERATURE_IN_EV,
    AbstractRun,
    AbstractTable,
    Order,
    Outcome,
    Positive,
    Renamed,
    doubt,
    exactly_one,
)
from msgreen.convention import CONVENTIONS
from msgreen.energy.lloyd import LloydEnergy
from msgreen.energy.pair_form import pair_interactions
from msgreen.energy.spin_pairs import SpinPairs
from msgreen.errors import InputError
from msgreen.exchange.compute import compute_interactions
from msgreen.exchange.ordered import reference_interactions
from msgreen.hosts.base import AbstractHost, AbstractLatticeHost
from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.hosts.tight_binding import TightBinding
from msgreen.io.datasets import dataset_of
from msgreen.lattice import HoppingModel, Lattice, Region, shell_model
from msgreen.plot import cluster_distance_figure, distance_figure, interaction_figures
from msgreen.scattering.contact import ContactCoupling
from msgreen.scattering.exchange_field import ExchangeField
from msgreen.spinmodel.rows import Row
from msgreen.units import BOLTZMANN

Vector = Annotated[list[float], Field(min_length=1)]

_SAME = 1e-9
"""Difference, relative, of a coupling and an exchange field that are the same: digits of a file."""


HOTTEST = 1e5
"""Kelvin, above which a temperature may be meant in another unit: there solids have melted."""


class AbstractLatticeTable(AbstractTable):
    """The keys of ``[host]`` that describe the normal state."""

    renamed: ClassVar[Mapping[str, Renamed]] = MappingProxyType({"temperature": TEMPERATURE_IN_EV})

    lattice: Literal["chain", "square", "triangular", "honeycomb", "cubic"] | None = None
    spacing: Positive = 1.0
    vectors: list[Vector] | None = None
    basis: list[Vector] | None = None
    hoppings: Annotated[list[float], Field(min_length=1)]
    onsite: Annotated[list[float], Field(min_length=1)] = [0.0]
    exchange: Annotated[list[float], Field(min_length=3, max_length=3)] = [0.0, 0.0, 0.0]
    rashba: float = 0.0
    fermi_energy: float = 0.0
    temperature_K: Annotated[float, Field(ge=0)] = 0.0
    gap: Positive | None = None
    size: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] | None = None
    periodic: Annotated[list[bool], Field(min_length=1)] = [False]
    removed: list[list[int]] = []

    @model_validator(mode="after")
    def _has_meaning(self):
        exactly_one(self, "lattice", "vectors")
        doubt("temperature_K", self.temperature_K, "K", HOTTEST)
        if self.basis is not None and self.vectors is None:
            raise InputError(
                "Argument `basis` must come with `vectors`, but these are missing. Add them, or "
                "remove the basis."
            )
        if self.size is None and self.removed:
            raise InputError(
                "Argument `removed` must come with the `size` of a finite lattice, but that is "
                "missing. Add it."
            )
        self.check()
        return self

    def check(self) -> None:
        """Build the host once, which checks everything else."""
        self.normal()

    def geometry(self) -> Lattice:
        """Return the lattice."""
        if self.vectors is not None:
            return Lattice(self.vectors, self.basis)
        return getattr(Lattice, str(self.lattice))(self.spacing)

    def model(self) -> HoppingModel:
        """Return the hopping model of the normal state."""
        onsite = self.onsite[0] if len(self.onsite) == 1 else self.onsite
        return shell_model(
            self.geometry(),
            self.hoppings,
            onsite=np.asarray(onsite),
            exchange=np.asarray(self.exchange),
            rashba=self.rashba,
        )

    def normal(self) -> AbstractLatticeHost:
        """Return the host of the normal state."""
        options = {
            "fermi_energy": self.fermi_energy,
            "temperature": self.temperature_K * BOLTZMANN,
            "gap": self.gap,
        }
        if self.size is None:
            return TightBinding(self.model(), **options)
        periodic = self.periodic[0] if len(self.periodic) == 1 else self.periodic
        try:
            region = Region(self.geometry(), self.size, periodic, self.removed)
        except InputError as error:  # the key of the file has another name
            raise InputError(str(error).replace("`shape`", "`size`", 1)) from error
        return FiniteLattice(self.model(), region, **options)


class LatticeHost(AbstractLatticeTable):
    """``[host]``: a tight-binding lattice."""

    kind: Literal["lattice"]

    def check(self) -> None:
        """Build the host and its contour once, which checks everything else."""
        host = self.normal()
        host.contour(any_site(host))


def any_site(host: AbstractLatticeHost) -> np.ndarray:
    """Return a site of a lattice, for what does not depend on sites."""
    if isinstance(host, FiniteLattice):
        return host.region.sites()[:1]
    return np.zeros((1, host.model.lattice.dimension + 1), int)


class Coupling(AbstractTable):
    """``[coupling]``: J_sd in eV, or the exchange field of moments that the host contains."""

    value: float


class Pairs(AbstractTable):
    """``[pairs]``: one spin at the centre and one displaced, to all orders of the coupling."""

    centre: list[int]
    direction: list[int]
    distances: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_meaning(self):
        if len(self.centre) != len(self.direction) + 1 or not any(self.direction):
            raise InputError(
                "Argument `direction` must be a lattice vector that is not zero, with one integer "
                f"less than `centre`, but it is {self.direction}. "
                "Count in lattice vectors."
            )
        if len(set(self.distances)) < len(self.distances):
            raise InputError(
                f"Argument `distances` must not repeat itself, but it is {self.distances}. "
                "List each once."
            )
        return self

    def sites(self) -> np.ndarray:
        """Return the central site and the displaced ones."""
        step = np.array([*self.direction, 0])
        return np.array([self.centre, *(np.array(self.centre) + n * step for n in self.distances)])


class Sites(AbstractTable):
    """``[sites]``: explicit sites and the loops that are wanted, by perturbation theory."""

    sites: Annotated[list[list[int]], Field(min_length=2)]
    orders: Annotated[list[Order], Field(min_length=1)] = [2, 4]
    cutoff: Positive | None = None
    convention: Literal["neutral", "L", "B", "O"] = "neutral"

    def clusters(self, lattice: Lattice) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the sites, and their loops of all orders that have some."""
        sites = np.array(self.sites)
        positions = jnp.asarray(lattice.positions(sites))
        found = [loops(positions, order, cutoff=self.cutoff) for order in self.orders]
        return sites, [array for array in found if len(array)]


class AbstractSpinRun(AbstractRun):
    """Spins on a lattice: pairs to all orders, or the terms of loops."""

    coupling: Coupling
    pairs: Pairs | None = None
    sites: Sites | None = None
    fit: Fit | None = None

    def outcome(
        self, host: AbstractHost, lattice: Lattice, orbitals: int, progress: bool
    ) -> Outcome:
        """Compute what the configuration asks for on a host."""
        scatterer = ContactCoupling(self.coupling.value, orbitals=orbitals)
        if self.sites is not None:
            return _run_sites(host, lattice, scatterer, self.sites, self.fit, progress)
        if self.pairs is not None:
            return _run_pairs(host, lattice, scatterer, self.pairs)
        raise InputError("Argument `pairs` must be given (or `sites`), but it is missing. Add one.")

    def check_sites(self, normal: AbstractLatticeHost) -> None:
        """Raise InputError if exactly one of the tables is not given or a site does not exist."""
        exactly_one(self, "pairs", "sites")
        if self.fit is not None and (self.sites is None or len(self.sites.sites) > MOST_SITES):
            raise InputError(
                f"Argument `fit` must come with at most {MOST_SITES} `sites`, but there are "
                f"{'none' if self.sites is None else len(self.sites.sites)}. Give [sites], or "
                "remove [fit]."
            )
        if self.pairs is not None:
            rows, key = self.pairs.sites(), "pairs.centre"
        else:
            assert self.sites is not None
            rows, key = self.sites.sites, "sites.sites"
        lattice = normal.region if isinstance(normal, FiniteLattice) else normal.model.lattice
        try:
            lattice.check_sites(rows)
        except InputError as error:
            raise InputError(str(error).replace("`sites`", f"`{key}`", 1)) from error


class LatticeRun(AbstractSpinRun):
    """The whole configuration."""

    host: LatticeHost
    model: Model = Model()

    @model_validator(mode="after")
    def _fits_together(self):
        self.check_sites(self.host.normal())
        if self.fit is not None and self.moment() is not None:
            raise InputError(
                "Argument `fit` must not be given for moments that the host contains, but `value` "
                "is the length of `exchange`. Use [model], which is matched about them."
            )
        if "model" in self.model_fields_set and (self.sites is None or self.moment() is None):
            raise InputError(
                "Argument `model` must come with `sites` whose moments the host contains, but "
                "there are none. Set `value` to the length of `exchange`, or remove [model]."
            )
        return self

    def moment(self) -> np.ndarray | None:
        """Return the direction of the host's moments, if the coupling is their exchange field."""
        field = np.asarray(self.host.exchange)
        length = np.linalg.norm(field)
        if not length or abs(abs(self.coupling.value) - length) > _SAME * length:
            return None
        return np.sign(self.coupling.value) * field / length

    def run(self, progress: bool) -> Outcome:
        """Compute pairs or loops; see `AbstractRun.run`."""
        host, lattice, moment = self.host.normal(), self.host.geometry(), self.moment()
        if self.sites is None or moment is None:
            return self.outcome(host, lattice, 1, progress)
        sites, clusters = self.sites.clusters(lattice)
        reference = np.tile(moment, (len(sites), 1))
        splitting = np.full((len(sites), 1, 1), self.coupling.value)
        scatterer = ExchangeField(splitting, reference)
        found = reference_interactions(host, scatterer, sites, clusters, progress=progress)
        found = replace(found, positions=lattice.positions(sites))
        named = found.to(CONVENTIONS[self.sites.convention])
        lloyd = LloydEnergy(host, scatterer, sites)
        model, about = matched_model(
            [(lloyd, reference)], found.positions, self.model, spin_orbit=bool(self.host.rashba)
        )
        summary = [*str(named).splitlines(), *about]
        table = Row._fields, named.rows(), dataset_of(named)
        figures = {"distance": cluster_distance_figure(named, found.positions, "Å")}
        return Outcome(*table, figures, summary, model)


def _run_pairs(host, lattice, scatterer, table: Pairs) -> Outcome:
    sites = table.sites()
    pairs = [[0, n + 1] for n in range(len(table.distances))]
    energies = SpinPairs(host, scatterer, sites, pairs)
    found, lone = energies.fit(), energies.lone_fields()
    result = pair_interactions(found, pairs, lattice.positions(sites), lone)
    figure = distance_figure(table.distances, found.K, unit="eV")
    summary = [
        f"largest residual of the form F0 + mu.(S1 + S2) + mu_odd.(S1 - S2) + S1.K.S2: "
        f"{float(np.max(found.residual)):.2e} eV",
        *str(result).splitlines(),
    ]
    return Outcome(Row._fields, result.rows(), dataset_of(result), {"pairs": figure}, summary)


def _run_sites(host, lattice, scatterer, table: Sites, fit: Fit | None, progress: bool) -> Outcome:
    sites, clusters = table.clusters(lattice)
    result = compute_interactions(host, scatterer, sites, clusters, progress=progress)
    named = replace(result, positions=lattice.positions(sites))
    named = named.to(CONVENTIONS[table.convention])
    outcome = Outcome(
        Row._fields,
        named.rows(),
        dataset_of(named),
        interaction_figures(named),
        str(named).splitlines(),
    )
    if len(sites) > MOST_SITES:
        return outcome
    lloyd = LloydEnergy(host, scatterer, sites)
    lines = [*outcome.summary, *about_series(lloyd)]
    if fit is None:
        return outcome._replace(summary=lines)
    found = fitted(lloyd, fit, named)
    lines += found.lines
    return outcome._replace(summary=lines, model=found.model, tables=found.tables)
