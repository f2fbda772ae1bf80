"""What a run of a vibrating pair computes: one table of the configuration for each figure of F2."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, ClassVar

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field, model_validator

from msgreen.config.schema import AbstractTable, OneOrMore, Outcome, Positive, Renamed
from msgreen.errors import InputError
from msgreen.papers.fransson.figures import (
    displacement_figure,
    field_map_figure,
    level_figure,
    site_moment_figure,
    temperature_map_figure,
)
from msgreen.papers.fransson.pair import SpinPair, levels
from msgreen.papers.fransson.phase_diagram import (
    exchange_field_map,
    exchange_temperature_map,
    moment_per_site,
)
from msgreen.phonon.modes import thermal_factor
from msgreen.units import MEV

Range = Annotated[list[float], Field(min_length=2, max_length=2)]
Warm = Annotated[list[Positive], Field(min_length=2, max_length=2)]
Count = Annotated[int, Field(ge=2, le=2001)]
Panels = Annotated[list[float], Field(min_length=1, max_length=4), OneOrMore]
Energies = Annotated[list[Positive], Field(min_length=1, max_length=20), OneOrMore]
FewEnergies = Annotated[list[Positive], Field(min_length=1, max_length=4), OneOrMore]


class AbstractPairTable(AbstractTable, ABC):
    """A table that says what is computed of pairs of given spins."""

    @abstractmethod
    def outcome(self, spins: Sequence[float], ratio: float) -> Outcome:
        """Compute it.

        Parameters
        ----------
        spins : sequence of float
        ratio : float
            a_2 / a_1.
        """


class MapTable(AbstractPairTable):
    """``[map]``: the range of exchange and displacement field, and the temperature (F2, Fig. 2)."""

    renamed: ClassVar[Mapping[str, Renamed]] = MappingProxyType(
        {
            "exchange": Renamed("exchange_meV"),
            "alpha": Renamed("alpha_meV"),
            "temperature": Renamed("temperature_K"),
        }
    )

    exchange_meV: Range
    alpha_meV: Range
    count: Count = 201
    temperature_K: Positive = 3.0

    def outcome(self, spins: Sequence[float], ratio: float) -> Outcome:
        """Return the total moment by spin, exchange and field."""
        exchange, alpha = (
            MEV * _points(ends, self.count) for ends in (self.exchange_meV, self.alpha_meV)
        )
        options = {"temperature": self.temperature_K, "ratio": ratio}
        moments = {
            spin: np.asarray(exchange_field_map(spin, exchange, alpha, **options)) for spin in spins
        }
        axes = {"spin": spins, "exchange": exchange, "alpha": alpha}
        figures = {"moments": field_map_figure(exchange, alpha, moments, **options)}
        return _outcome(axes, moments, options, figures)


class TemperatureMapTable(AbstractPairTable):
    """``[temperature_map]``: exchange against temperature, vibration by vibration (F2, Fig. 4)."""

    exchange_meV: Range
    temperature_K: Warm
    count: Count = 101
    vibration_meV: FewEnergies
    strength_meV2: float

    def outcome(self, spins: Sequence[float], ratio: float) -> Outcome:
        """Return the total moment by spin, vibration, exchange and temperature."""
        exchange = MEV * _points(self.exchange_meV, self.count)
        temperatures = _points(self.temperature_K, self.count)
        energies = [MEV * energy for energy in self.vibration_meV]
        moments, figures = {}, {}
        for spin in spins:
            maps = {
                energy: np.asarray(
                    exchange_temperature_map(
                        spin,
                        exchange,
                        temperatures,
                        energy=energy,
                        strength=MEV**2 * self.strength_meV2,
                        ratio=ratio,
                    )
                )
                for energy in energies
            }
            moments[spin] = np.stack(list(maps.values()))
            figures[f"moments_spin_{spin:g}"] = temperature_map_figure(
                exchange, temperatures, maps, spin=spin
            )
        axes = {"spin": spins, "vibration": energies, "exchange": exchange}
        return _outcome({**axes, "temperature": temperatures}, moments, {"ratio": ratio}, figures)


class SiteMomentTable(AbstractPairTable):
    """``[site_moments]``: moments of a planar aggregate against temperature (F2, Fig. 5)."""

    exchange_meV: Panels
    coupling_meV: float
    vibration_meV: Positive
    anharmonicity: Annotated[list[Positive], Field(min_length=1, max_length=5), OneOrMore]
    temperature_K: Warm
    count: Count = 101
    anisotropy: Annotated[float, Field(ge=0)] = 1.0

    def outcome(self, spins: Sequence[float], ratio: float) -> Outcome:
        """Return the moment per site by spin, exchange, Phi / omega_0 and temperature."""
        temperatures = _points(self.temperature_K, self.count)
        moments, figures = {}, {}
        for spin in spins:
            panels = {
                rf"$J = {size:g}$ meV": {
                    strength: np.asarray(self._curve(spin, size, strength, temperatures, ratio))
                    for strength in self.anharmonicity
                }
                for size in self.exchange_meV
            }
            moments[spin] = np.array([list(curves.values()) for curves in panels.values()])
            figures[f"moments_spin_{spin:g}"] = site_moment_figure(temperatures, panels)
        exchange = [MEV * size for size in self.exchange_meV]
        axes = {"spin": spins, "exchange": exchange, "anharmonicity": self.anharmonicity}
        return _outcome({**axes, "temperature": temperatures}, moments, {"ratio": ratio}, figures)

    def _curve(self, spin, size, strength, temperatures, ratio):
        energy = MEV * self.vibration_meV
        return moment_per_site(
            temperatures,
            spin=spin,
            exchange=-MEV * size,  # F2's J is positive for ferromagnets
            coupling=MEV * self.coupling_meV,
            anharmonicity=strength * energy,
            energy=energy,
            anisotropy=MEV * self.anisotropy * abs(size),
            ratio=ratio,
        )


class DisplacementTable(AbstractPairTable):
    """``[displacement]``: the mean displacement of vibrations against temperature (F2, Fig. 3)."""

    vibration_meV: Energies
    temperature_K: Warm
    count: Count = 201

    def outcome(self, spins: Sequence[float], ratio: float) -> Outcome:
        """Return coth(omega / 2 k_B T) / omega by vibration and temperature."""
        energies = [MEV * energy for energy in self.vibration_meV]
        temperatures = _points(self.temperature_K, self.count)
        values = {e: np.asarray(thermal_factor(e, temperatures)) / e for e in energies}
        figures = {"displacement": displacement_figure(energies, temperatures)}
        axes = {"vibration": energies, "temperature": temperatures}
        return _outcome(axes, values, {}, figures, "coth_over_omega_per_eV")


class LevelTable(AbstractPairTable):
    """``[levels]``: exchange alone, with anisotropy, and with a displacement (F2, Fig. 1)."""

    exchange_meV: float
    anisotropy_meV: float = 0.0
    alpha_meV: float

    @model_validator(mode="after")
    def _has_levels(self):
        if self.exchange_meV == self.anisotropy_meV == self.alpha_meV == 0:
            raise InputError(
                "Argument `exchange_meV` must differ from zero where nothing else does, but it is "
                "0: all levels are equal. Give an exchange."
            )
        return self

    def outcome(self, spins: Sequence[float], ratio: float) -> Outcome:
        """Return the levels of every stage with their S^z."""
        exchange, anisotropic = MEV * self.exchange_meV, MEV * self.anisotropy_meV
        fields = np.array([1.0, ratio]) * MEV * self.alpha_meV
        rows, figures = [], {}
        for spin in spins:
            stages = {
                "exchange": SpinPair(spin, exchange),
                "with anisotropy": SpinPair(spin, exchange, anisotropic=anisotropic),
                "with displacement": SpinPair(spin, exchange, fields, anisotropic=anisotropic),
            }
            for stage, pair in stages.items():
                found = (part.tolist() for part in levels(pair))
                rows += [(spin, stage, *row) for row in zip(*found, strict=True)]
            figures[f"levels_spin_{spin:g}"] = level_figure(stages)
        header = ("spin", "stage", "energy_eV", "moment")
        columns = zip(header, zip(*rows, strict=True), strict=True)
        dataset = xr.Dataset({name: ("level", list(column)) for name, column in columns})
        lines = [f"S = {spin:g}: {(2 * spin + 1) ** 2:g} levels in each stage" for spin in spins]
        return Outcome(header, rows, dataset, figures, lines)


_COLUMNS = {
    "spin": ("spin", ""),
    "exchange": ("J_eV", "eV"),
    "alpha": ("alpha_eV", "eV"),
    "vibration": ("vibration_eV", "eV"),
    "anharmonicity": ("Phi_over_omega", ""),
    "temperature": ("T_K", "K"),
}
"""Column of the table and unit of every axis."""


def _points(ends: Sequence[float], count: int) -> np.ndarray:
    return np.linspace(ends[0], ends[1], count)


def _outcome(
    axes: Mapping[str, Sequence | np.ndarray],
    values: Mapping[float, np.ndarray],
    options: Mapping[str, float],
    figures: Mapping[str, Figure],
    name: str = "moment",
) -> Outcome:
    """Return values on a grid of axes, the first of which is that of the mapping."""
    together = np.stack(list(values.values()))
    coordinates = {
        axis: (axis, np.asarray(points), {"units": _COLUMNS[axis][1]})
        for axis, points in axes.items()
    }
    dataset = xr.Dataset({name: (tuple(axes), together)}, coordinates, dict(options))
    grid = np.meshgrid(*axes.values(), indexing="ij")
    rows = list(zip(*(part.ravel().tolist() for part in (*grid, together)), strict=True))
    first = next(iter(axes))
    lines = [
        f"{first} = {key:g}: largest {name} {np.abs(part).max():.6g}"
        for key, part in values.items()
    ]
    header = (*(_COLUMNS[axis][0] for axis in axes), name)
    return Outcome(header, rows, dataset, figures, lines)
