"""``[host]`` of a superconductor: its pair potential, given or from an attraction."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from msgreen import _checks
from msgreen.config.lattice import AbstractLatticeTable, any_site
from msgreen.config.schema import Positive
from msgreen.energy.bound_states import gap_around
from msgreen.energy.uniform_gap import UniformGap, lowest_gap
from msgreen.errors import InputError
from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.hosts.superconductor import Superconductor
from msgreen.hosts.tight_binding import TightBinding
from msgreen.lattice.attraction import Attraction
from msgreen.lattice.nambu import Pairing, d_wave, p_wave, s_wave

Matrix = Annotated[list[list[float]], Field(min_length=3, max_length=3)]

CHANNELS = ("singlet", "triplet", "d_wave")
"""Keys of the amplitudes; those of the attractions end with ``_attraction``."""


class Solved(NamedTuple):
    """A superconductor, with its gap if that was solved for.

    Attributes
    ----------
    host : Superconductor
    gap : UniformGap or None
    lines : sequence of str
        What there is to say on it.
    """

    host: Superconductor
    gap: UniformGap | None = None
    lines: Sequence[str] = ()


class SuperconductorHost(AbstractLatticeTable):
    """``[host]``: the normal state and its pair potential."""

    kind: Literal["superconductor"]
    singlet: float = 0.0
    triplet: float = 0.0
    d_real: Matrix | None = None
    d_imaginary: Matrix | None = None
    d_wave: float = 0.0
    singlet_attraction: Positive | None = None
    triplet_attraction: Positive | None = None
    d_wave_attraction: Positive | None = None
    winding: list[int] | None = None
    superconducting_gap: Positive | None = None

    def check(self) -> None:
        """Build the superconductor once, which checks everything else but solves for no gap."""
        triplet = self.triplet or self.triplet_attraction
        if triplet and self.d_real is None and self.d_imaginary is None:
            name = "triplet" if self.triplet else "triplet_attraction"
            raise InputError(
                f"Argument `{name}` must come with `d_real` or `d_imaginary`, the matrix that maps "
                "bonds to d-vectors, but both are missing. Add one."
            )
        if self.winding is not None and (self.size is None or len(self.winding) != len(self.size)):
            raise InputError(
                "Argument `winding` must hold one integer per direction of a lattice of given "
                f"`size`, but it is {self.winding}. "
                "Give `size`, and one winding for each of its directions."
            )
        space = self.geometry().vectors.shape[1]
        for name in ("d_real", "d_imaginary"):
            if getattr(self, name) is not None:
                _checks.shaped(name, getattr(self, name), (3, space))
        attraction = self.attraction()
        if attraction is None:
            host = self.superconductor()
            try:
                host.contour(any_site(host.normal))
            except InputError as error:
                key = "`superconducting_gap`"
                raise InputError(str(error).replace("`gap`", key)) from error
            return
        for name in CHANNELS:
            if getattr(self, name):
                raise InputError(
                    f"Argument `{name}` must not be given together with an attraction, from which "
                    f"the gap follows, but it is {getattr(self, name)}. Remove it, or the "
                    "attraction."
                )
        self.with_pairing(attraction.pairing(0.5 * attraction.strengths))

    def changed(self, **keys) -> "SuperconductorHost":
        """Return the table with other values of some keys, which are not checked."""
        return self.model_copy(update=keys)

    def forms(self) -> dict[str, Pairing]:
        """Return the pair potential of amplitude 1 of every channel that can have one."""
        lattice = self.geometry()
        space = lattice.vectors.shape[1]
        found = {"singlet": s_wave(lattice, 1.0)}
        if self.d_real is not None or self.d_imaginary is not None:
            none = np.zeros((3, space))
            parts = [none if m is None else np.array(m) for m in (self.d_real, self.d_imaginary)]
            found["triplet"] = p_wave(lattice, 1.0, parts[0] + 1j * parts[1])
        if self.d_wave or self.d_wave_attraction:
            form = np.diag([1.0, -1.0, *[0.0] * (space - 2)])
            found["d_wave"] = d_wave(lattice, 1.0, form.tolist())
        return found

    def channels(self) -> list[str]:
        """Return the channels that have an attraction."""
        return [name for name in CHANNELS if getattr(self, f"{name}_attraction") is not None]

    def attraction(self) -> Attraction | None:
        """Return the attraction, if the gap is to follow from one."""
        names = self.channels()
        if not names:
            return None
        forms = self.forms()
        strengths = [getattr(self, f"{name}_attraction") for name in names]
        return Attraction([forms[name] for name in names], strengths)

    def superconductor(self) -> Superconductor:
        """Return the host with the amplitudes of the file."""
        lattice, forms = self.geometry(), self.forms()
        pairing = s_wave(lattice, self.singlet)
        for name in ("triplet", "d_wave"):
            if getattr(self, name):
                form = forms[name]
                blocks = getattr(self, name) * form.blocks
                pairing = pairing + Pairing(lattice, form.cells, blocks)
        return self.with_pairing(pairing)

    def with_pairing(self, pairing: Pairing, gap: float | None = None) -> Superconductor:
        """Return the host with a pair potential, and a lower bound of its levels."""
        gap = self.superconducting_gap if gap is None else gap
        return Superconductor(self.normal(), pairing, pair_momentum=self.pair_momentum(), gap=gap)

    def pair_momentum(self) -> np.ndarray | None:
        """Return the momentum of the pairs in units of the reciprocal vectors."""
        if self.winding is None or self.size is None:
            return None
        return np.array(self.winding) / np.array(self.size)

    def solved(self) -> Solved:
        """Return the superconductor, with the gap of the attraction if there is one."""
        attraction = self.attraction()
        if attraction is None:
            return Solved(self.superconductor())
        normal = self.normal()
        where = "this torus"
        if not isinstance(normal, FiniteLattice) or not _is_torus(normal):
            where = "the infinite lattice of the same parameters"
            normal = TightBinding(
                normal.model, fermi_energy=normal.fermi_energy, temperature=normal.temperature
            )
        found = lowest_gap(normal, attraction, pair_momentum=self.pair_momentum())
        amplitudes = ", ".join(
            f"{name} {float(value):.8g} eV within {float(error):.1g} eV"
            for name, value, error in zip(
                self.channels(), found.amplitudes, found.error, strict=True
            )
        )
        mesh = " x ".join(map(str, found.mesh))
        lines = [
            f"Gap of {where} ({mesh} points k): {amplitudes}; it gains "
            f"{float(found.condensation):.4g} eV per cell",
            "Edges, vacancies and the spins do not change that gap, and the errors below do not "
            "contain its own",
        ]
        host = self.with_pairing(attraction.pairing(found.amplitudes))
        if self.temperature_K == 0 and self.superconducting_gap is None:
            bound = self._smallest_level(host)
            lines.append(f"No level of the host without spins within {bound:.6g} eV of E_F")
            host = self.with_pairing(host.pairing, bound)
        return Solved(host, found, lines)

    def _smallest_level(self, host: Superconductor) -> float:
        try:
            return gap_around(host, 0.0, float(host.model.bound()))
        except InputError as error:
            raise InputError(
                "Argument `temperature_K` must be greater than zero where the superconductor has "
                "no full gap, but it is 0 and levels lie at E_F. Give a temperature."
            ) from error


def _is_torus(normal: FiniteLattice) -> bool:
    return all(normal.region.periodic) and not normal.region.removed
