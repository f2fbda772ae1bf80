"""What a command leaves in its folder: tables, pictures, a model, and a page of them."""

from pathlib import Path
from typing import TYPE_CHECKING

from msgreen.cli.view import PAGE

if TYPE_CHECKING:
    from msgreen.config import Outcome
    from msgreen.spinmodel import SpinModel

_DPI = 200
"""Of pictures in pixels per inch, a choice: 1400 over the width of two columns."""


def write_outcome(
    outcome: "Outcome",
    stage: Path,
    folder: Path,
    table: str,
    model: "SpinModel | None",
    *,
    page: bool = True,
) -> dict[str, list[Path]]:
    """Write all that was found, and return the files by kind, with those that are there already.

    Parameters
    ----------
    outcome : Outcome
    stage : Path
        Where to write them, as `msgreen.io.replacing_files` gives it.
    folder : Path
        Where they will be.
    table : str
        Name of the table and the dataset, without ending.
    model : SpinModel, optional
        Of which the outcome is, or which it has found.
    page : bool
        Whether to write a page, if it can show the outcome.
    """
    from hashlib import sha256

    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from msgreen.io import replacing, write_dataset, write_table
    from msgreen.io.spin_programs import write_json
    from msgreen.page import result_page

    there = [file.name for file in stage.iterdir()]
    data = outcome.dataset.assign_attrs(program=program())
    if model is not None:
        write_json(model, stage / "model.json")
        data.attrs["model"] = sha256((stage / "model.json").read_bytes()).hexdigest()
    write_dataset(data, stage / f"{table}.nc")
    tables = {table: (outcome.header, outcome.rows), **outcome.tables}
    for name, (header, rows) in tables.items():
        write_table(stage / f"{name}.csv", header, rows)
    for name, figure in outcome.figures.items():
        figure.dpi = _DPI
        with replacing(stage / f"{name}.png") as part:
            # `savefig` writes the same, but goes through the whole figure once more.
            FigureCanvasAgg(figure).print_png(part)
    shown = result_page(model, outcome.dataset, folder.resolve().name) if page else None
    if shown is not None:
        shown.save(stage / PAGE)
    names = {
        "tables": [f"{table}.csv", f"{table}.nc", *there, *(f"{n}.csv" for n in outcome.tables)],
        "pictures": [f"{name}.png" for name in outcome.figures],
        "page": [PAGE] if shown is not None else [],
        "model": ["model.json"] if model is not None else [],
    }
    return {kind: [folder / name for name in mine] for kind, mine in names.items()}


def program() -> str:
    """Return name and version of the program; a source tree that is not installed has none."""
    # It takes longer than all that is imported for help, and signals wait for that.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"msgreen {version('msgreen')}"
    except PackageNotFoundError:
        return "msgreen (source tree)"
