"""``kind = "superconductor"``: spins on a superconductor of mixed parity."""

from pydantic import model_validator

from msgreen.config.in_place import GapInPlace, Levels, LocalDensities, Spins
from msgreen.config.lattice import AbstractSpinRun
from msgreen.config.scan import Scan, scanned
from msgreen.config.schema import Outcome
from msgreen.config.superconductor_host import SuperconductorHost as SuperconductorHost
from msgreen.errors import InputError
from msgreen.scattering.contact import ContactCoupling


class SuperconductorRun(AbstractSpinRun):
    """The whole configuration."""

    host: SuperconductorHost
    scan: Scan | None = None
    spins: Spins | None = None
    levels: Levels | None = None
    ldos: LocalDensities | None = None
    local_gap: GapInPlace | None = None

    @model_validator(mode="after")
    def _fits_together(self):
        normal = self.host.normal()
        self.check_sites(normal)
        if self.scan is not None:
            for name in ("sites", "spins", "levels", "ldos", "local_gap"):
                if getattr(self, name) is not None:
                    raise InputError(
                        f"Argument `{name}` must not be given together with `scan`, which is of "
                        "pairs alone, but both are. Remove one."
                    )
            self.scan.check(self.host)
        if self.local_gap is not None:
            self.local_gap.check(self.host)
        if any(table is not None for table in (self.levels, self.ldos, self.local_gap)):
            (self.spins or Spins()).check(normal, self.sites)
        elif self.spins is not None:
            raise InputError(
                "Argument `spins` must come with [levels], [ldos] or [local_gap], but none is "
                "there. Add one, or remove it."
            )
        if self.ldos is not None:
            self.ldos.check(normal)
        return self

    def run(self, progress: bool) -> Outcome:
        """Compute pairs or loops, and what else is asked for; see `AbstractRun.run`."""
        scatterer = ContactCoupling(self.coupling.value, orbitals=2)
        if self.scan is not None:
            assert self.pairs is not None
            return scanned(self.host, scatterer, self.pairs, self.scan, progress)
        solved = self.host.solved()
        outcome = self.outcome(solved.host, self.host.geometry(), 2, progress)
        outcome = outcome._replace(summary=[*solved.lines, *outcome.summary])
        host = solved.host
        if self.local_gap is not None:
            spins = (self.spins or Spins()).in_place(self.sites)
            outcome, host = self.local_gap.added(outcome, self.host, scatterer, spins)
        for table in (self.levels, self.ldos):
            if table is not None:
                spins = (self.spins or Spins()).in_place(self.sites)
                outcome = table.added(outcome, host, scatterer, spins)
        return outcome
