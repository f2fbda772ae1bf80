"""Configuration files: what `msgreen run` computes, checked as a whole before anything runs.

A configuration is a TOML file whose key ``host.kind`` says which run it describes. To add one,
say ``kind = "chain"``:

1. Write ``msgreen/config/chain.py`` with a class ``ChainRun(AbstractRun)``. Its fields are the
   tables of the file, each a class derived from `AbstractTable`; ``[host]`` must contain
   ``kind: Literal["chain"]``. Types check themselves; what a type cannot say goes into
   ``@model_validator(mode="after")`` methods, which raise `InputError` with the usual message
   ``Argument `key` must ..., but ...``. File, line and table are added to it. Files to read have
   the type `InputFile`.
2. Its method ``run(progress)`` computes and returns an `Outcome`: a table, a dataset, figures.
3. Add it to `KINDS` below, a commented example to ``msgreen/config/examples/``, named as the kind,
   and its keys to ``docs/command_line.md``.

Nothing else changes: reading, error messages, output files and the program do not know kinds.
Runs that reproduce a paper live beside it in `msgreen.papers`.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from msgreen.config.kinds import Kinds as Kinds
from msgreen.config.reader import naming as naming
from msgreen.config.reader import read_file
from msgreen.config.schema import AbstractRun as AbstractRun
from msgreen.config.schema import AbstractTable as AbstractTable
from msgreen.config.schema import InputFile as InputFile
from msgreen.config.schema import Outcome as Outcome
from msgreen.config.schema import json_schema as json_schema
from msgreen.config.writer import toml_text as toml_text

KINDS = Kinds(
    {
        "rashba": "msgreen.config.rashba.RashbaRun",
        "kkr": "msgreen.config.kkr.KKRRun",
        "lattice": "msgreen.config.lattice.LatticeRun",
        "superconductor": "msgreen.config.superconductor.SuperconductorRun",
        "phonons": "msgreen.config.phonon.PhononRun",
        "wannier": "msgreen.config.wannier.WannierRun",
        "sisl": "msgreen.config.sisl.SislRun",
    }
)
"""The kinds of run by the name in ``host.kind``."""

EXAMPLES: Mapping[str, Path] = MappingProxyType(
    {file.stem: file for file in sorted(Path(__file__).parent.glob("examples/*.toml"))}
)
"""Commented configurations to start from, by kind; those of files name a folder of yours."""


def read_config(path: str | Path, kinds: Mapping[str, type[AbstractRun]] = KINDS) -> AbstractRun:
    """Read and check a configuration file.

    Parameters
    ----------
    path : str or Path
    kinds : mapping of str to AbstractRun subclass
        The kinds of run by the value of ``host.kind``; `msgreen.papers.runs.KINDS` has those of
        the papers too, and is what `msgreen run` knows.

    Returns
    -------
    AbstractRun
        Ready to run.

    Raises
    ------
    ConfigError
        If anything is wrong; the message names file, line and remedy.
    """
    return read_file(Path(path), kinds)
