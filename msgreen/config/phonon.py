"""``kind = "phonons"``: interactions that phonons mediate."""

import re
import warnings
from collections.abc import Mapping
from itertools import combinations
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from msgreen.config.schema import (
    TEMPERATURE_IN_EV,
    AbstractRun,
    AbstractTable,
    Outcome,
    Output,
    Positive,
    Renamed,
)
from msgreen.convention import CONVENTIONS
from msgreen.errors import AccuracyWarning, InputError
from msgreen.io.datasets import dataset_of
from msgreen.phonon.crystal import HarmonicCrystal
from msgreen.phonon.mediated import check_request, crystal_tensors, interactions
from msgreen.phonon.springs import Spring, mass_spring
from msgreen.plot.phonon import tensor_distance_figure
from msgreen.spinmodel.interactions import Interactions
from msgreen.spinmodel.rows import Row
from msgreen.units import BOLTZMANN, MEV

Vector = Annotated[list[float], Field(min_length=3, max_length=3)]
_KEYS = {
    "sites": "pairs.sites",
    "pairs": "pairs.pairs",
    "couplings": "pairs.couplings",
    "shape": "pairs.mesh",
    "crystal": "host.springs",
}
"""Keys of the file by the argument of the library."""

THERMAL = (
    "`temperature_K` multiplies every mode by coth(omega / 2 k_B T), as paper F1 does. Static "
    "interactions of classical spins do not depend on temperature: leave it out for them."
)
"""What a run with a temperature warns of."""

Matrix = Annotated[list[Vector], Field(min_length=3, max_length=3)]


class SpringTable(AbstractTable):
    """``[[host.springs]]``: one spring, in eV/angstrom^2."""

    a: int
    b: int
    cell: list[int]
    along: float
    across: float = 0.0


class CrystalHost(AbstractTable):
    """``[host]``: masses and springs."""

    kind: Literal["phonons"]
    vectors: Annotated[list[Vector], Field(min_length=1, max_length=3)]
    basis: Annotated[list[Vector], Field(min_length=1)] = [[0.0, 0.0, 0.0]]
    masses: Annotated[list[Positive], Field(min_length=1)]
    springs: list[SpringTable] = []
    pinning: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _has_meaning(self):
        self.crystal()
        return self

    def crystal(self) -> HarmonicCrystal:
        """Return the crystal."""
        springs = [Spring(s.a, s.b, tuple(s.cell), s.along, s.across) for s in self.springs]
        return mass_spring(self.vectors, self.basis, self.masses, springs, pinning=self.pinning)


class PairTable(AbstractTable):
    """``[pairs]``: which spins, and how they couple to displacements."""

    renamed: ClassVar[Mapping[str, Renamed]] = MappingProxyType({"temperature": TEMPERATURE_IN_EV})

    sites: Annotated[list[list[int]], Field(min_length=2)]
    couplings: Annotated[list[Matrix], Field(min_length=1)]
    pairs: list[Annotated[list[int], Field(min_length=2, max_length=2)]] | None = None
    mesh: Annotated[list[int], Field(min_length=1, max_length=3)]
    temperature_K: Annotated[float, Field(ge=0)] = 0.0
    isotropic: bool = False
    convention: Literal["neutral", "L", "B", "O"] = "neutral"

    @model_validator(mode="after")
    def _has_meaning(self):
        if self.pairs is not None:
            named = {tuple(sorted(pair)) for pair in self.pairs}
            if not named or len(named) < len(self.pairs) or any(i == j for i, j in named):
                raise InputError(
                    "Argument `pairs` must hold pairs of different rows of `sites`, each once, but "
                    f"it is {self.pairs}. Leave it out for all pairs."
                )
        return self

    def numbers(self) -> np.ndarray:
        """Return the pairs as rows of `sites`; all of them by default."""
        if self.pairs is not None:
            return np.array(self.pairs)
        return np.array(list(combinations(range(len(self.sites)), 2)))


class PhononRun(AbstractRun):
    """Interactions that the phonons of a mass-spring crystal mediate."""

    host: CrystalHost
    pairs: PairTable
    output: Output = Output()

    @model_validator(mode="after")
    def _fits_together(self):
        table = self.pairs
        try:
            request = self.host.crystal(), table.couplings, table.sites, table.numbers()
            check_request(*request, table.mesh)
        except InputError as error:
            raise InputError(
                re.sub(r"(?<=^Argument `)\w+", lambda m: _KEYS.get(m[0], m[0]), str(error))
            ) from error
        return self

    def run(self, progress: bool) -> Outcome:
        """Compute the tensors; see `AbstractRun.run`."""
        if self.pairs.temperature_K > 0:
            warnings.warn(THERMAL, AccuracyWarning, stacklevel=2)
        found = self._interactions()
        doubt = float(np.max(np.asarray(found["pair"].coefficients["J_ani"].error))) / MEV
        lines = [f"largest error of the mesh: {doubt:.1e} meV", *str(found).splitlines()]
        figures = {"pairs": tensor_distance_figure(found)} if self.output.figures else {}
        return Outcome(Row._fields, found.rows(), dataset_of(found), figures, lines)

    def _interactions(self) -> Interactions:
        crystal, table = self.host.crystal(), self.pairs
        sites, numbers = np.array(table.sites), table.numbers()
        tensors = crystal_tensors(
            crystal,
            table.couplings,
            sites,
            numbers,
            table.mesh,
            temperature=table.temperature_K * BOLTZMANN,
        )
        places = np.asarray(crystal.position(sites))
        model = interactions(
            tensors, numbers, places, isotropic=table.isotropic, source={"host": "phonons"}
        )
        return model.to(CONVENTIONS[table.convention])
