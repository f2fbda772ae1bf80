"""Kinds of run that reproduce papers, for a reader of configurations that wants them too."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from msgreen.config import EXAMPLES as GENERAL_EXAMPLES
from msgreen.config import KINDS as GENERAL
from msgreen.config import AbstractRun
from msgreen.papers.fransson.run import VibratingPairRun
from msgreen.papers.lounis.run import EXAMPLE as EXAMPLE
from msgreen.papers.lounis.run import ScanRun

KINDS: Mapping[str, type[AbstractRun]] = MappingProxyType(
    {**GENERAL, "rashba": ScanRun, "vibrating_pair": VibratingPairRun}
)
"""Those of `msgreen.config`, with the scan of paper L for gases, and those of the papers."""

EXAMPLES: Mapping[str, Path] = MappingProxyType(
    {
        **GENERAL_EXAMPLES,
        "scan": EXAMPLE,
        "vibrating_pair": Path(__file__).parent / "fransson" / "example.toml",
    }
)
"""Commented configurations to start from, by kind; "scan" is of the kind "rashba"."""
