"""``kind = "superconductor"``: spins on a superconductor of mixed parity."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from msgreen import _checks
from msgreen.config.lattice import AbstractLatticeTable, AbstractSpinRun, any_site
from msgreen.config.schema import Outcome, Positive
from msgreen.errors import InputError
from msgreen.hosts.superconductor import Superconductor
from msgreen.lattice.nambu import d_wave, p_wave, s_wave

Matrix = Annotated[list[list[float]], Field(min_length=3, max_length=3)]


class SuperconductorHost(AbstractLatticeTable):
    """``[host]``: the normal state and its pair potential."""

    kind: Literal["superconductor"]
    singlet: float = 0.0
    triplet: float = 0.0
    d_real: Matrix | None = None
    d_imaginary: Matrix | None = None
    d_wave: float = 0.0
    winding: list[int] | None = None
    superconducting_gap: Positive | None = None

    def check(self) -> None:
        """Build the superconductor once, which checks everything else."""
        if self.triplet and self.d_real is None and self.d_imaginary is None:
            raise InputError(
                "Argument `triplet` must come with `d_real` or `d_imaginary`, the matrix that maps "
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
        host = self.superconductor()
        try:
            host.contour(any_site(host.normal))
        except InputError as error:
            key = "`superconducting_gap`"
            raise InputError(str(error).replace("`gap`", key)) from error

    def superconductor(self) -> Superconductor:
        """Return the host."""
        lattice = self.geometry()
        space = lattice.vectors.shape[1]
        pairing = s_wave(lattice, self.singlet)
        if self.triplet:
            none = np.zeros((3, space))
            parts = [none if m is None else np.array(m) for m in (self.d_real, self.d_imaginary)]
            pairing = pairing + p_wave(lattice, self.triplet, parts[0] + 1j * parts[1])
        if self.d_wave:
            form = np.diag([1.0, -1.0, *[0.0] * (space - 2)])
            pairing = pairing + d_wave(lattice, self.d_wave, form.tolist())
        momentum = None
        if self.winding is not None and self.size is not None:
            momentum = np.array(self.winding) / np.array(self.size)
        return Superconductor(
            self.normal(), pairing, pair_momentum=momentum, gap=self.superconducting_gap
        )


class SuperconductorRun(AbstractSpinRun):
    """The whole configuration."""

    host: SuperconductorHost

    @model_validator(mode="after")
    def _fits_together(self):
        self.check_sites(self.host.normal())
        return self

    def run(self, progress: bool) -> Outcome:
        """Compute pairs or loops; see `AbstractRun.run`."""
        return self.outcome(self.host.superconductor(), self.host.geometry(), 2, progress)
