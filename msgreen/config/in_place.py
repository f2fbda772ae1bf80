"""``[levels]``, ``[ldos]``, ``[local_gap]``: what electrons do about spins that point somewhere."""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from msgreen.config.lattice import Sites
from msgreen.config.schema import AbstractTable, Outcome, Positive
from msgreen.config.superconductor_host import SuperconductorHost
from msgreen.energy.bound_states import bound_states, gap_around
from msgreen.energy.local_density import local_density
from msgreen.energy.local_gap import LARGEST_MATRIX, local_gap
from msgreen.errors import InputError
from msgreen.hosts.base import AbstractLatticeHost
from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.hosts.superconductor import Superconductor
from msgreen.plot.superconductor import density_figure, levels_figure, order_parameter_figure
from msgreen.scattering.contact import AbstractScatterer

SiteRow = list[int]

Direction = Annotated[list[float], Field(min_length=3, max_length=3)]


class SpinsInPlace(NamedTuple):
    """Spins that point somewhere.

    Attributes
    ----------
    sites : int array, shape (spin, dim + 1)
    directions : real array, shape (spin, 3)
        Unit vectors.
    """

    sites: np.ndarray
    directions: np.ndarray


class Spins(AbstractTable):
    """``[spins]``: the spins of [levels] and [ldos], and where they point."""

    sites: Annotated[list[SiteRow], Field(min_length=1)] | None = None
    directions: Annotated[list[Direction], Field(min_length=1)] | None = None

    def in_place(self, sites: Sites | None) -> SpinsInPlace:
        """Return the spins: those of the table, or of [sites]; without directions along z."""
        rows = self.sites if self.sites is not None or sites is None else sites.sites
        if rows is None:
            raise InputError(
                "Argument `spins.sites` must be given where there are no [sites], but it is "
                "missing. List the sites of the spins."
            )
        directions = [[0.0, 0.0, 1.0]] * len(rows) if self.directions is None else self.directions
        if len(directions) != len(rows):
            raise InputError(
                f"Argument `spins.directions` must have a row for each of the {len(rows)} spins, "
                f"but it has {len(directions)}. Give a vector per spin."
            )
        lengths = np.linalg.norm(directions, axis=1, keepdims=True)
        if not lengths.all():
            raise InputError(
                "Argument `spins.directions` must not vanish, but one does. Give it a length; only "
                "its direction counts."
            )
        return SpinsInPlace(np.array(rows), np.array(directions) / lengths)

    def check(self, normal: AbstractLatticeHost, sites: Sites | None) -> None:
        """Raise InputError if a site does not exist, or directions are wrong."""
        _check_sites(normal, self.in_place(sites).sites, "spins.sites")


def _check_sites(normal: AbstractLatticeHost, rows, name: str) -> None:
    lattice = normal.region if isinstance(normal, FiniteLattice) else normal.model.lattice
    try:
        lattice.check_sites(rows)
    except InputError as error:
        raise InputError(str(error).replace("`sites`", f"`{name}`", 1)) from error


def _name(site) -> str:
    return " ".join(str(int(n)) for n in site)


class Levels(AbstractTable):
    """``[levels]``: the levels that spins bind where the host has none."""

    interval: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _has_meaning(self):
        if self.interval is not None and not self.interval[0] < self.interval[1]:
            raise InputError(
                f"Argument `interval` must have its lower end first, but it is {self.interval}. "
                "Swap them."
            )
        return self

    def added(
        self,
        outcome: Outcome,
        host: Superconductor,
        scatterer: AbstractScatterer,
        spins: SpinsInPlace,
    ) -> Outcome:
        """Return an outcome with the levels of all spins together, and of each one alone."""
        rows, directions = spins
        low, high = self._interval(host)
        groups = [[n] for n in range(len(rows))]
        groups += [list(range(len(rows)))] if len(rows) > 1 else []
        table, drawn = [], {}
        for chosen in groups:
            where = rows[chosen], directions[chosen], (low, high)
            found, errors = bound_states(host, scatterer, *where)
            name = ", ".join(_name(row) for row in rows[chosen])
            drawn["all" if len(chosen) > 1 else name] = found
            table += [
                (name, number, float(level), float(error), "eV")
                for number, (level, error) in enumerate(zip(found, errors, strict=True))
            ]
        header = ("spins", "level", "energy", "error", "unit")
        together = ", ".join(f"{level:.6g}" for level in list(drawn.values())[-1])
        line = f"Levels of all spins between {low:.6g} and {high:.6g} eV: {together or 'none'} (eV)"
        return outcome._replace(
            summary=[*outcome.summary, line],
            tables={**outcome.tables, "levels": (header, table)},
            figures={**outcome.figures, "levels": levels_figure(drawn, (low, high))},
        )

    def _interval(self, host: Superconductor) -> tuple[float, float]:
        """Return the interval of the table, which must be free of the host, or the whole gap."""
        if self.interval is None:
            try:
                gap = gap_around(host, 0.0, float(host.model.bound()))
            except InputError as error:
                raise InputError(
                    "Argument `interval` must be given where the host has no gap around E_F, but "
                    "it is missing. Give one without levels of the host, or leave out [levels]."
                ) from error
            return -gap, gap
        low, high = self.interval
        if host.has_levels(low, high):
            raise InputError(
                f"Argument `interval` must be free of levels of the host, but it has some between "
                f"{low} and {high} eV. Leave it out for the whole gap."
            )
        return low, high


class LocalDensities(AbstractTable):
    """``[ldos]``: the local density of states with the spins in place."""

    places: Annotated[list[SiteRow], Field(min_length=1)] | None = None
    start: float
    stop: float
    count: Annotated[int, Field(ge=2, le=100_000)] = 401
    broadening: Positive

    @model_validator(mode="after")
    def _has_meaning(self):
        if not self.start < self.stop:
            raise InputError(
                f"Argument `stop` must be greater than `start` ({self.start}), but it is "
                f"{self.stop}. Swap them."
            )
        return self

    def check(self, normal: AbstractLatticeHost) -> None:
        """Raise InputError if a place does not exist."""
        if self.places is not None:
            _check_sites(normal, self.places, "ldos.places")

    def added(
        self,
        outcome: Outcome,
        host: Superconductor,
        scatterer: AbstractScatterer,
        spins: SpinsInPlace,
    ) -> Outcome:
        """Return an outcome with the local densities of states."""
        places = spins.sites if self.places is None else np.array(self.places)
        energies = np.linspace(self.start, self.stop, self.count)
        found = local_density(
            host,
            scatterer,
            *spins,
            energies,
            broadening=self.broadening,
            places=places,
        )
        columns = [np.asarray(part) for part in (found.total.value, found.host, found.total.error)]
        spin = np.asarray(found.spin)
        table = [
            (
                float(e),
                _name(site),
                *(float(c[n, p]) for c in columns[:1]),
                *spin[n, p].tolist(),
                *(float(c[n, p]) for c in columns[1:]),
                "1/eV",
            )
            for p, site in enumerate(places)
            for n, e in enumerate(energies)
        ]
        header = ("energy_eV", "site", "density", "x", "y", "z", "without_spins", "error", "unit")
        drawn = {_name(site): (columns[0][:, p], columns[1][:, p]) for p, site in enumerate(places)}
        line = (
            f"Local densities of states at {len(places)} sites, broadened by {self.broadening:g} "
            f"eV: largest error {columns[2].max():.1e} 1/eV"
        )
        return outcome._replace(
            summary=[*outcome.summary, line],
            tables={**outcome.tables, "ldos": (header, table)},
            figures={**outcome.figures, "ldos": density_figure(energies, drawn)},
        )


class GapInPlace(AbstractTable):
    """``[local_gap]``: the gap of every bond with the spins in place, for [levels] and [ldos]."""

    def check(self, host: SuperconductorHost) -> None:
        """Raise InputError if the host has no attraction, or its lattice does not fit."""
        normal = host.normal()
        if host.attraction() is None or not isinstance(normal, FiniteLattice):
            raise InputError(
                "Argument `local_gap` must come with an attraction on a lattice of given `size`, "
                "but [host] has none. Add `singlet_attraction` and `size`, or remove it."
            )
        if host.winding is not None and any(host.winding):
            raise InputError(
                "Argument `local_gap` must come without a `winding`, but it is "
                f"{host.winding}. Remove one of them."
            )
        rows = 2 * normal.model.blocks.shape[-1] * len(normal.region.sites())
        if rows > LARGEST_MATRIX:
            raise InputError(
                f"Argument `local_gap` must come with a lattice of at most {LARGEST_MATRIX} rows "
                f"with particles and holes, but it has {rows}. Take a smaller `size`."
            )

    def added(
        self,
        outcome: Outcome,
        host: SuperconductorHost,
        scatterer: AbstractScatterer,
        spins: SpinsInPlace,
    ) -> tuple[Outcome, Superconductor]:
        """Return an outcome with the order parameter of every site, and the host that has it."""
        normal, attraction = host.normal(), host.attraction()
        assert isinstance(normal, FiniteLattice) and attraction is not None
        found = local_gap(normal, attraction, scatterer, *spins)
        sites = normal.region.sites()
        values = np.asarray(found.order_parameter())[(slice(None), *sites.T)]
        # The common phase is free: that of the mean of the largest channel is taken out.
        mean = values.mean(axis=1)[np.abs(values.mean(axis=1)).argmax()]
        values = values * np.exp(-1j * np.angle(mean))
        names, error = host.channels(), float(found.error)
        table = [
            (_name(site), name, float(value.real), float(value.imag), error, "eV")
            for name, column in zip(names, values, strict=True)
            for site, value in zip(sites, column, strict=True)
        ]
        header = ("site", "channel", "real", "imaginary", "error", "unit")
        places = normal.model.lattice.positions(sites)
        marked = normal.model.lattice.positions(spins.sites)
        drawn = dict(zip(names, values.real, strict=True))
        line = (
            f"Gap of every bond with the spins in place: within {error:.0e} eV; it gains "
            f"{float(found.condensation):.6g} eV, and levels and densities of states are its own"
        )
        outcome = outcome._replace(
            summary=[*outcome.summary, line],
            tables={**outcome.tables, "gap": (header, table)},
            figures={**outcome.figures, "gap": order_parameter_figure(places, drawn, marked)},
        )
        return outcome, found.superconductor()
