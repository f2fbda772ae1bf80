"""``kind = "wannier"``: a crystal from a folder of Wannier90 files."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, ClassVar, Generic, Literal, TypeVar

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from msgreen.config.kkr import InputFolder
from msgreen.config.schema import AbstractRun, AbstractTable, Outcome, Positive
from msgreen.exchange.crystal import (
    CrystalExchange,
    crystal_exchange,
    crystal_pairs,
    total_exchange,
)
from msgreen.exchange.crystal_axes import (
    CrystalTensors,
    collinear_tensors,
    crystal_model,
    whole_tensors,
)
from msgreen.hosts.wannier import WannierHost
from msgreen.io.crystal_table import COLUMNS, crystal_dataset, crystal_rows
from msgreen.io.wannier import WannierHamiltonian, odd_rest, read_folder, wannier_host
from msgreen.plot.crystal import bond_vectors_figure, exchange_distance_figure, mesh_figure
from msgreen.spinmodel import SpinModel, luttinger_tisza
from msgreen.units import BOLTZMANN, MEV

SHELL = 1e-3
"""Angstrom within which distances count as equal."""


class AbstractCrystalHost(AbstractTable, ABC):
    """``[host]`` of a crystal in localised orbitals: the electrons, wherever they come from."""

    fermi_energy: float | None = None
    temperature_K: Positive = 600.0
    vertex: Literal["bond", "onsite"] = "bond"
    atoms: Annotated[list[int] | list[str], Field(min_length=1)] | None = None

    _hamiltonian: WannierHamiltonian = PrivateAttr()
    _hosts: tuple[WannierHost, ...] = PrivateAttr()

    @model_validator(mode="after")
    def _has_meaning(self):
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
        """The crystal with moments along x, y and z; along z only without spin-orbit coupling."""
        return self._hosts

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
            fermi_energy=self.fermi_energy,
            vertex=self.vertex,
            axis=axis,
            atoms=self.atoms,
        )


class Host(AbstractCrystalHost):
    """``[host]``: where the files are, and the electrons."""

    kind: Literal["wannier"]
    folder: InputFolder
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
        )


class Pairs(AbstractTable):
    """``[pairs]``: which pairs are wanted, and how well."""

    cutoff: Positive = 6.0
    tolerance: Positive = 0.01
    mesh: Annotated[int, Field(ge=2)] | None = None
    patience: Positive = 600.0


class Output(AbstractTable):
    """``[output]``: what is written."""

    figures: bool = True


HostTable = TypeVar("HostTable", bound=AbstractCrystalHost)


class AbstractCrystalRun(AbstractRun, Generic[HostTable]):
    """The whole configuration of a run on a crystal in localised orbitals."""

    table: ClassVar[str] = "pairs"

    host: HostTable
    pairs: Pairs = Pairs()
    output: Output = Output()

    _pairs: np.ndarray = PrivateAttr()

    @model_validator(mode="after")
    def _has_pairs(self):
        self._pairs = crystal_pairs(self.host.hosts[0], self.pairs.cutoff)
        return self

    def run(self, progress: bool) -> Outcome:
        """Compute the exchange of the crystal; see `AbstractRun.run`."""
        hamiltonian, hosts = self.host.hamiltonian, self.host.hosts
        runs = [self._exchange(host, self._pairs, progress) for host in hosts]
        tensors = whole_tensors(runs) if hamiltonian.spin_orbit else collinear_tensors(runs[0])
        model = crystal_model(tensors, hosts[0].lattice, hamiltonian.crystal.symbols)
        symbols = hamiltonian.crystal.symbols
        summary = [
            *_about_electrons(hamiltonian, hosts[-1], runs),
            *_about_rotation(hosts[-1], runs[-1]),
            *_shells(tensors, symbols),
            *_about_temperature(model),
        ]
        figures = {}
        if self.output.figures:
            figures = {
                "exchange": exchange_distance_figure(tensors, symbols),
                "mesh": mesh_figure(runs[-1].nodes),
            }
            if hamiltonian.spin_orbit:
                figures["vectors"] = bond_vectors_figure(tensors, hosts[0].lattice)
        dataset = crystal_dataset(tensors, hosts[0].lattice, symbols, self._source(hosts[0]))
        return Outcome(COLUMNS, crystal_rows(tensors), dataset, figures, summary, model)

    def _exchange(self, host: WannierHost, pairs, progress: bool) -> CrystalExchange:
        # J of paper L is half of the coefficient of a pair.
        return crystal_exchange(
            host,
            pairs,
            tolerance=2 * self.pairs.tolerance * MEV,
            mesh=self.pairs.mesh,
            patience=self.pairs.patience,
            progress=progress,
        )

    def _source(self, host: WannierHost) -> dict[str, str]:
        return {
            **self.host.source,
            "fermi_energy_eV": f"{float(host.fermi_energy)!r}",
            "temperature_K": f"{self.host.temperature_K!r}",
            "vertex": self.host.vertex,
        }


class WannierRun(AbstractCrystalRun[Host]):
    """The whole configuration."""


def _about_electrons(hamiltonian: WannierHamiltonian, host: WannierHost, runs) -> list[str]:
    found = runs[-1]
    charge = found.electrons.sum()
    lines = [
        f"{len(hamiltonian.cells)} cells, {hamiltonian.orbital_count} orbitals a spin, "
        f"{'with' if hamiltonian.spin_orbit else 'without'} spin-orbit coupling; E_F = "
        f"{float(host.fermi_energy):.6g} eV, {host.temperature / BOLTZMANN:.6g} K",
        *hamiltonian.notes,
        f"H(R) Hermitian to {hamiltonian.hermiticity:.1e} eV; exchange field between cells: "
        f"{host.nonlocal_share():.1%} by norm",
    ]
    if hamiltonian.spin_orbit:
        lines.append(f"Time-odd part that is no exchange field: {odd_rest(hamiltonian):.2%}")
    for run in runs:
        lines.append(
            f"{run.electrons.sum():.4f} electrons, moment {run.moments.sum():.4f} Bohr magnetons"
            + ("" if len(runs) == 1 else " along {:.0f} {:.0f} {:.0f}".format(*run.axis))
        )
    symbols = hamiltonian.crystal.symbols
    lines += [f"{'atom':<10}{'electrons':>12}{'moment':>12}"]
    lines += [
        f"{f'{n} {symbols[n]}':<10}{found.electrons[n]:>12.4f}{found.moments[n]:>12.4f}"
        + ("   magnetic" if n in host.atoms else "")
        for n in range(len(symbols))
    ]
    if abs(charge - round(charge)) > 0.02:
        lines.append(
            f"Warning: {charge:.4f} electrons are not an integer: check `fermi_energy`, and that "
            "all occupied bands are in the files"
        )
    return lines


def _about_rotation(host: WannierHost, found: CrystalExchange) -> list[str]:
    """Say what turning one moment costs, and how much of it the pairs explain."""
    what = "half of the splitting of every bond" if host.vertex == "bond" else "the on-site block"
    lines = [f"Moments turn with {what}. Turning one alone: half the curvature, and sum of J (meV)"]
    for place, atom in enumerate(host.atoms):
        half = np.trace(found.curvature[place]) / (4 * MEV)
        total = total_exchange(found, atom) / (2 * MEV)
        lines.append(f"{atom:<10}{half:>12.3f}{total:>12.3f}")
    if host.vertex == "onsite":
        lines.append("What lies between cells does not turn: sum and curvature do not agree")
    last = found.nodes[-1]
    lines.append(
        f"k points per direction: {found.nodes[0].mesh} to {last.mesh} at {len(found.nodes)} "
        f"energies, {sum(node.seconds for node in found.nodes):.1f} s"
    )
    return lines


def _shells(tensors: CrystalTensors, symbols) -> list[str]:
    parts, errors = tensors.parts()
    header = f"{'pair':<12}{'distance':>10}{'number':>8}{'J (meV)':>14}{'spread':>10}{'error':>10}"
    lines = [
        "E = -sum over ordered pairs of J e.e + D.(e x e); means over equal distances",
        header + (f"{'|D| (meV)':>12}" if tensors.spin_orbit else ""),
    ]
    kinds = [(symbols[i], symbols[j]) for i, j in tensors.pairs[:, :2]]
    seen: dict[tuple, list[int]] = {}
    for n, (one, two) in enumerate(kinds):
        key = (round(tensors.distances[n] / SHELL), *sorted((one, two)))
        near = (key[0] - 1, *key[1:])
        seen.setdefault(near if near in seen else key, []).append(n)
    for (_, one, two), rows in seen.items():
        J = parts.isotropic[rows] / MEV
        line = (
            f"{one + ' - ' + two:<12}{tensors.distances[rows[0]]:>10.4f}{len(rows):>8}"
            f"{J.mean():>14.6f}{np.ptp(J):>10.1e}{errors.isotropic[rows].max() / MEV:>10.1e}"
        )
        if tensors.spin_orbit:
            line += f"{np.linalg.norm(parts.vector[rows], axis=1).mean() / MEV:>12.6f}"
        lines.append(line)
    if tensors.spin_orbit:
        lines.append(
            "Diagonal entries differ between references by up to "
            f"{tensors.spread.max() / (2 * MEV):.2e} meV"
        )
    return lines


def _about_temperature(model: SpinModel) -> list[str]:
    """Return the mean-field temperature of the wave that the pairs favour, for unit vectors."""
    lowest = luttinger_tisza(model)
    if lowest.energy >= 0:
        return ["Mean field of these pairs: no order"]
    kelvin = -2 * lowest.energy / 3 / BOLTZMANN / model.site_count
    wave = np.round(lowest.q, 4).tolist()
    return [f"Mean field of these pairs: wave vector {wave}, at most {kelvin:.0f} K"]
