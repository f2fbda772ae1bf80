"""Kinds of run that reproduce papers, for a reader of configurations that wants them too."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from msgreen.config import EXAMPLES as GENERAL_EXAMPLES
from msgreen.config import KINDS as GENERAL
from msgreen.config import Kinds

EXAMPLE = Path(__file__).parent / "lounis" / "au111.toml"
"""The configuration that is run when none is given: the surface state of Au(111)."""

KINDS = Kinds(
    {
        **GENERAL.paths,
        "rashba": "msgreen.papers.lounis.run.ScanRun",
        "vibrating_pair": "msgreen.papers.fransson.run.VibratingPairRun",
    }
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
