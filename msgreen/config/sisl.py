"""``kind = "sisl"``: a crystal between overlapping orbitals, of SIESTA or what else sisl reads."""

from pathlib import Path
from typing import Literal

from msgreen.config.schema import InputFile
from msgreen.config.wannier import AbstractCrystalHost, AbstractCrystalRun
from msgreen.io.localised import read_localised
from msgreen.io.wannier import WannierHamiltonian


class SislHost(AbstractCrystalHost):
    """``[host]``: where the file is, and the electrons."""

    kind: Literal["sisl"]
    file: InputFile

    @property
    def source(self) -> dict[str, str]:
        """Name of the file."""
        file: Path = self.file
        return {"file": file.name}

    def _read(self) -> WannierHamiltonian:
        return read_localised(self.file)


class SislRun(AbstractCrystalRun[SislHost]):
    """The whole configuration."""
