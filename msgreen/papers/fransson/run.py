"""``kind = "vibrating_pair"``: the figures of paper F2, one for each table that may follow."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from msgreen.config.schema import (
    AbstractRun,
    AbstractTable,
    OneOrMore,
    Outcome,
    Positive,
    exactly_one,
)
from msgreen.papers.fransson.pair import SpinPair
from msgreen.papers.fransson.phase_diagram import PUBLISHED_RATIO
from msgreen.papers.fransson.tables import (
    DisplacementTable,
    LevelTable,
    MapTable,
    SiteMomentTable,
    TemperatureMapTable,
)


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


_TABLES = ("map", "temperature_map", "site_moments", "displacement", "levels")


class VibratingPairRun(AbstractRun):
    """Moments or levels of vibrating spin pairs: exactly one table says of what."""

    host: PairHost
    map: MapTable | None = None
    temperature_map: TemperatureMapTable | None = None
    site_moments: SiteMomentTable | None = None
    displacement: DisplacementTable | None = None
    levels: LevelTable | None = None

    @model_validator(mode="after")
    def _asks_for_one_thing(self):
        exactly_one(self, *_TABLES)
        return self

    def run(self, progress: bool) -> Outcome:
        """Compute what the table says; see `AbstractRun.run`."""
        (table,) = (getattr(self, name) for name in _TABLES if getattr(self, name) is not None)
        return table.outcome(self.host.spin, self.host.ratio)
