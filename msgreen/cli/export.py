"""`msgreen export`: a spin model in the files of another program."""

import argparse
import sys
import warnings
from pathlib import Path

from msgreen.cli.report import common_options, say
from msgreen.cli.session import prepare
from msgreen.cli.start import Names
from msgreen.errors import LossWarning


def _formats():
    from msgreen.io.spin_programs import FORMATS

    return FORMATS


def add_export(commands: argparse._SubParsersAction) -> None:
    """Add ``msgreen export`` to the commands of the program."""
    export = commands.add_parser(
        "export",
        help="write a spin model for another program",
        description="Write a spin model in the format and convention of another program.",
        parents=[common_options()],
    )
    export.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="a model (.json, .nc), interactions.nc of `msgreen run`, exchange.out of TB2J, or an "
        "input of Spirit (.cfg), UppASD (inpsd.dat), Vampire (.ucf) or GROGU (.txt)",
    )
    export.add_argument(
        "--to",
        required=True,
        choices=Names(_formats),
        metavar="FORMAT",
        help="one of %(choices)s",
    )
    export.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="folder of the files"
    )
    export.add_argument(
        "--moments",
        nargs="+",
        type=float,
        metavar="M",
        help="magnetic moments in Bohr magnetons, one or one per site (default: 1)",
    )
    export.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    prepare()
    from msgreen.io import export, read_model

    moments = options.moments
    if moments is not None and len(moments) == 1:
        (moments,) = moments
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LossWarning)
        outcome = export(read_model(options.model), options.out, options.to, moments=moments)
    say(options, [outcome.summary])
    if outcome.lost:
        sys.stderr.write(f"msgreen: not in the files: {outcome.losses}\n")
    return 0
