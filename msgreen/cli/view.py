"""`msgreen view`: a result as a page for the browser."""

import argparse
from pathlib import Path

from msgreen.cli.report import common_options, say
from msgreen.cli.session import prepare

PAGE = "view.html"
"""Name of the page of a result."""


def add_view(commands: argparse._SubParsersAction) -> None:
    """Add ``msgreen view`` to the commands of the program."""
    view = commands.add_parser(
        "view",
        help="show a result on a page to turn about",
        description="Write one HTML file with the structure, bonds coloured by exchange, "
        "Dzyaloshinskii-Moriya vectors, plaquettes and spin states, for any browser; it needs no "
        "network.",
        parents=[common_options()],
    )
    view.add_argument(
        "result",
        metavar="RESULT",
        help="a folder of `run`, `spinmodel` or `simulate`, its interactions.nc, a model as for "
        "`export`, or a system of Brinker et al. (2020)",
    )
    view.add_argument(
        "--out",
        type=Path,
        metavar="FILE.html",
        help="the page (default: view.html beside the result)",
    )
    view.add_argument("--open", action="store_true", help="show the page in the browser at once")
    view.set_defaults(command=_view)


def _view(options: argparse.Namespace) -> int:
    prepare()
    from msgreen.io import replacing_files
    from msgreen.page import read_page, view
    from msgreen.papers.brinker import published_model

    out = options.out or _beside(Path(options.result))
    notes = []
    if options.out is not None or not _is_there(Path(options.result), out):
        published = published_model(options.result)
        page = view(published, title=options.result) if published else read_page(options.result)
        notes = page.scene["notes"]
        # Each page is a set of its own: another one in the same folder stays.
        with replacing_files("--out", out.parent, f"view {out.name}", [out.name]) as stage:
            page.save(stage / out.name)
    say(options, notes, {"page": [out]})
    if options.open:
        import webbrowser

        webbrowser.open(out.resolve().as_uri())
    return 0


def _is_there(result: Path, out: Path) -> bool:
    """Whether the command that made the results made their page too."""
    from msgreen.io.results import foreign_files

    owners = ("run", "spinmodel", "simulate")
    folder = result if result.is_dir() else result.parent
    names = [out.name] if folder == result else [out.name, result.name]
    return (
        result.exists()
        and out.exists()
        and any(not foreign_files(folder, owner, names) for owner in owners)
    )


def _beside(result: Path) -> Path:
    if result.is_dir():
        return result / PAGE
    return result.with_name(PAGE) if result.exists() else Path(PAGE)
