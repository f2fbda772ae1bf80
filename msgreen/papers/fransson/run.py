"""``kind = "vibrating_pair"``: the map of moments of paper F2."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import numpy as np
import xarray as xr
from pydantic import Field, model_validator

from msgreen.config.schema import (
    AbstractRun,
    AbstractTable,
    OneOrMore,
    Outcome,
    Positive,
    Renamed,
)
from msgreen.papers.fransson.figures import field_map_figure
from msgreen.papers.fransson.pair import SpinPair
from msgreen.papers.fransson.phase_diagram import PUBLISHED_RATIO, exchange_field_map
from msgreen.units import MEV


class PairHost(AbstractTable):
    """``[host]``: the vibrating pair."""

    kind: Literal["vibrating_pair"]
    spin: Annotated[list[Positive], Field(min_length=1), OneOrMore]
    ratio: float = PUBLISHED_RATIO

    @model_validator(mode="after")
    def _has_meaning(self):
        for spin in self.spin:
            SpinPair(spin, 0.0)
        return self


class MapTable(AbstractTable):
    """``[map]``: the range of exchange and displacement field, and the temperature."""

    renamed: ClassVar[Mapping[str, Renamed]] = MappingProxyType(
        {
            "exchange": Renamed("exchange_meV"),
            "alpha": Renamed("alpha_meV"),
            "temperature": Renamed("temperature_K"),
        }
    )

    exchange_meV: Annotated[list[float], Field(min_length=2, max_length=2)]
    alpha_meV: Annotated[list[float], Field(min_length=2, max_length=2)]
    count: Annotated[int, Field(ge=2, le=2001)] = 201
    temperature_K: Positive = 3.0


class VibratingPairRun(AbstractRun):
    """The total moment of vibrating spin pairs over exchange and displacement field."""

    host: PairHost
    map: MapTable

    def run(self, progress: bool) -> Outcome:
        """Compute the maps; see `AbstractRun.run`."""
        exchange, alpha = (
            MEV * np.linspace(ends[0], ends[1], self.map.count)
            for ends in (self.map.exchange_meV, self.map.alpha_meV)
        )
        moments = {
            spin: np.asarray(
                exchange_field_map(
                    spin, exchange, alpha, self.map.temperature_K, ratio=self.host.ratio
                )
            )
            for spin in self.host.spin
        }
        dataset = xr.Dataset(
            {"moment": (("spin", "exchange", "alpha"), np.stack(list(moments.values())))},
            {
                "spin": list(moments),
                "exchange": ("exchange", exchange, {"units": "eV"}),
                "alpha": ("alpha", alpha, {"units": "eV"}),
            },
            {"temperature": self.map.temperature_K, "ratio": self.host.ratio},
        )
        rows = [
            (spin, j, a, values[n, m])
            for spin, values in moments.items()
            for n, j in enumerate(exchange.tolist())
            for m, a in enumerate(alpha.tolist())
        ]
        options = {"temperature": self.map.temperature_K, "ratio": self.host.ratio}
        figure = field_map_figure(exchange, alpha, moments, **options)
        lines = [
            f"S = {spin:g}: largest moment {np.abs(v).max():.6g}" for spin, v in moments.items()
        ]
        return Outcome(
            ("spin", "J_eV", "alpha_eV", "moment"), rows, dataset, {"moments": figure}, lines
        )
