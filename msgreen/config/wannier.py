"""``kind = "wannier"``: a crystal from a folder of Wannier90 files."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, ClassVar, Generic, Literal, TypeVar

import equinox as eqx
import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from msgreen.config.crystal_loops import SAME, Loops, with_loops
from msgreen.config.crystal_report import (
    about_anisotropy,
    about_electrons,
    about_pairs,
    about_rotation,
    about_symmetry,
)
from msgreen.config.kkr import InputFolder
from msgreen.config.lattice_order import (
    State,
    about_temperatures,
    largest_wave,
    magnon_table,
    magnons_about,
    temperatures,
)
from msgreen.config.schema import (
    AbstractRun,
    AbstractTable,
    InputFile,
    Outcome,
    Positive,
    exactly_one,
)
from msgreen.exchange.crystal.anisotropy import anisotropy_term, site_anisotropy
from msgreen.exchange.crystal.axes import collinear_tensors, crystal_model, whole_tensors
from msgreen.exchange.crystal.filling import Filling, filled
from msgreen.exchange.crystal.meshes import Effort
from msgreen.exchange.crystal.pairs import CrystalExchange, crystal_exchange, crystal_pairs
from msgreen.hosts.wannier import WannierHost
from msgreen.io.crystal_table import COLUMNS, crystal_dataset, crystal_rows
from msgreen.io.structures import read_structure
from msgreen.io.wannier import WannierHamiltonian, read_folder, wannier_host
from msgreen.plot.crystal import (
    bond_vectors_figure,
    exchange_distance_figure,
    magnons_figure,
    mesh_figure,
)
from msgreen.spinmodel import SpinModel, crystal_symmetry, symmetrise
from msgreen.spinmodel.symmetry import Symmetry
from msgreen.units import BOLTZMANN, MEV

SMALL_MOMENT = 1e-3
"""Bohr magnetons that every site has at least, as a spin of no length has no frequency."""


class AbstractCrystalHost(AbstractTable, ABC):
    """``[host]`` of a crystal in localised orbitals: the electrons, wherever they come from."""

    fermi_energy: float | None = None
    electrons: Positive | None = None
    temperature_K: Positive = 600.0
    vertex: Literal["bond", "onsite"] = "bond"
    atoms: Annotated[list[int] | list[str], Field(min_length=1)] | None = None

    _hamiltonian: WannierHamiltonian = PrivateAttr()
    _hosts: tuple[WannierHost, ...] = PrivateAttr()

    @model_validator(mode="after")
    def _has_meaning(self):
        if self.electrons is not None:
            exactly_one(self, "fermi_energy", "electrons")
        self._hamiltonian = self._read()
        axes = np.eye(3) if self._hamiltonian.spin_orbit else np.eye(3)[2:]
        self._hosts = tuple(self._host(axis) for axis in axes)
        return self

    @property
    def hamiltonian(self) -> WannierHamiltonian:
        """What the files hold."""
        return self._hamiltonian

    @property
    def hosts(self) -> tuple[WannierHost, ...]:
        """The crystal with moments along x, y and z; along z only without spin-orbit coupling.

        Where electrons are to be counted, at the E_F with which that begins.
        """
        return self._hosts

    def filled(
        self, patience: float, progress: bool
    ) -> tuple[tuple[WannierHost, ...], Filling | None]:
        """Return the crystal at its E_F, that of the last axis, and what was counted there."""
        if self.electrons is None:
            return self._hosts, None
        last, found = filled(self._hosts[-1], self.electrons, patience=patience, progress=progress)
        energy = last.fermi_energy
        return tuple(eqx.tree_at(lambda h: h.fermi_energy, h, energy) for h in self._hosts), found

    @property
    @abstractmethod
    def source(self) -> dict[str, str]:
        """Where the Hamiltonian comes from, as attributes of the dataset."""

    @abstractmethod
    def _read(self) -> WannierHamiltonian:
        """Read the files."""

    def _host(self, axis) -> WannierHost:
        return wannier_host(
            self._hamiltonian,
            temperature=self.temperature_K * BOLTZMANN,
            fermi_energy=self._first_energy(),
            vertex=self.vertex,
            axis=axis,
            atoms=self.atoms,
        )

    def _first_energy(self) -> float | None:
        """E_F, or where the search begins: the mean of all levels lies within the bands."""
        known = self._hamiltonian
        if self.electrons is None or known.fermi_energy is not None:
            return self.fermi_energy
        home = known.matrices[:, ~known.cells.any(axis=1)]
        return float(np.mean(np.real(np.diagonal(home, axis1=-2, axis2=-1))))


class Host(AbstractCrystalHost):
    """``[host]``: where the files are, and the electrons."""

    kind: Literal["wannier"]
    folder: InputFolder
    structure: InputFile | None = None
    seedname: str | Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    spinor_order: Literal["blocked", "interleaved"] | None = None
    orbital_atoms: list[int] | None = None

    @property
    def source(self) -> dict[str, str]:
        """Name of the folder."""
        folder: Path = self.folder
        return {"folder": folder.name}

    def _read(self) -> WannierHamiltonian:
        names = self.seedname
        return read_folder(
            self.folder,
            seedname=(names[0], names[1]) if isinstance(names, list) else names,
            spinor_order=self.spinor_order,
            orbital_atoms=self.orbital_atoms,
            crystal=None if self.structure is None else read_structure(self.structure),
        )


class Pairs(AbstractTable):
    """``[pairs]``: which pairs are wanted, and how well."""

    cutoff: Positive = 6.0
    tolerance: Positive = 0.01
    mesh: Annotated[int, Field(ge=2)] | None = None
    patience: Positive = 600.0
    symmetrise: bool = False


class Output(AbstractTable):
    """``[output]``: what is written."""

    figures: bool = True


HostTable = TypeVar("HostTable", bound=AbstractCrystalHost)


class AbstractCrystalRun(AbstractRun, Generic[HostTable]):
    """The whole configuration of a run on a crystal in localised orbitals."""

    table: ClassVar[str] = "pairs"

    host: HostTable
    pairs: Pairs = Pairs()
    loops: Loops | None = None
    output: Output = Output()

    _pairs: np.ndarray = PrivateAttr()
    _clusters: dict[str, np.ndarray] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _has_pairs(self):
        self._pairs = crystal_pairs(self.host.hosts[0], self.pairs.cutoff)
        if self.loops is not None:
            self._clusters = self.loops.clusters(self.host.hosts[0], self._pairs)
        return self

    def run(self, progress: bool) -> Outcome:
        """Compute the exchange of the crystal; see `AbstractRun.run`."""
        hamiltonian = self.host.hamiltonian
        hosts, filling = self.host.filled(self.pairs.patience, progress)
        effort: Effort = {"progress": progress}
        if filling is not None:
            effort["fermi_error"] = filling.fermi_energy.error
        runs = [self._exchange(host, effort) for host in hosts]
        tensors = whole_tensors(runs) if hamiltonian.spin_orbit else collinear_tensors(runs[0])
        symbols, lattice = hamiltonian.crystal.symbols, hosts[0].lattice
        model = crystal_model(tensors, lattice, symbols)
        single = site_anisotropy(runs, tensors) if hamiltonian.spin_orbit else None
        if single is not None:
            model = model.with_terms([*model.terms, anisotropy_term(single)])
        symmetry = crystal_symmetry(lattice, symbols, tolerance=SAME)
        checks = about_symmetry(model, symmetry)
        if self.pairs.symmetrise:
            model = symmetrise(model, symmetry)
        order = temperatures(model)
        about, waves = _magnons(model, runs[-1], single, order)
        summary = [
            *about_electrons(hamiltonian, hosts[-1], runs, filling),
            *about_rotation(hosts[-1], runs[-1]),
            *checks,
            *about_pairs(tensors, symbols, self._with_moments()),
            *([] if single is None else about_anisotropy(single, symbols)),
            *about_temperatures(model, order),
            *about,
        ]
        figures = {}
        if self.output.figures:
            figures = {
                "exchange": exchange_distance_figure(tensors, symbols),
                "mesh": mesh_figure(runs[-1].nodes),
            }
            if hamiltonian.spin_orbit:
                figures["vectors"] = bond_vectors_figure(tensors, lattice)
            if waves is not None:
                figures["magnons"] = magnons_figure(waves)
        tables = {} if waves is None else {"magnons": magnon_table(waves)}
        dataset = crystal_dataset(tensors, lattice, symbols, self._source(hosts[0]))
        outcome = Outcome(COLUMNS, crystal_rows(tensors), dataset, figures, summary, model, tables)
        if self.loops is None:
            return outcome
        return self._with_loops(outcome, hosts, self.loops, effort)

    def _with_loops(self, outcome: Outcome, hosts, table: Loops, effort: Effort) -> Outcome:
        host = hosts[0]
        if host.spin_orbit:
            found = table.four_spins(hosts, self._clusters, effort)
        else:
            found = table.couplings(host, self._clusters, effort)
        return with_loops(
            outcome,
            found,
            host.lattice,
            self._with_moments(),
            averaged=self.pairs.symmetrise,
            figures=self.output.figures,
        )

    def _with_moments(self) -> Symmetry:
        """Return the symmetry that maps atoms onto such with moments of the same sense."""
        host, symbols = self.host.hosts[0], self.host.hamiltonian.crystal.symbols
        labels = [f"{symbol}{sign:+d}" for symbol, sign in zip(symbols, host.signs, strict=True)]
        return crystal_symmetry(host.lattice, labels, tolerance=SAME)

    def _exchange(self, host: WannierHost, effort: Effort) -> CrystalExchange:
        # J of paper L is half of the coefficient of a pair.
        tolerance, table = 2 * self.pairs.tolerance * MEV, self.pairs
        effort = {**effort, "tolerance": tolerance, "mesh": table.mesh, "patience": table.patience}
        return crystal_exchange(host, self._pairs, **effort)

    def _source(self, host: WannierHost) -> dict[str, str]:
        return {
            **self.host.source,
            "fermi_energy_eV": f"{float(host.fermi_energy)!r}",
            "temperature_K": f"{self.host.temperature_K!r}",
            "vertex": self.host.vertex,
        }


class WannierRun(AbstractCrystalRun[Host]):
    """The whole configuration."""


def _magnons(model: SpinModel, run: CrystalExchange, single, order):
    """Return magnons about the moments of the run, or about the wave that the pairs favour.

    With spin-orbit coupling the moments first turn to their easy axis.
    """
    axis = np.asarray(run.axis)
    if single is not None:
        axis = single.easy_axis()

    def states():
        yield State("the state of the run", np.outer(run.signs, axis), np.zeros(3))
        if single is None and order is not None:
            yield largest_wave(model, order.q)

    # Induced moments of other atoms are no spins of the model.
    moments = np.maximum(np.abs(run.moments), SMALL_MOMENT)
    return magnons_about(model, states(), moments)
