"""One function to write a spin model for any program, and one to read any file."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import numpy as np
import xarray as xr

from msgreen import _checks
from msgreen._typing import ArrayLike, Float, Scalar
from msgreen.errors import FileFormatError, LossWarning
from msgreen.io.atomic import writable_folder
from msgreen.io.datasets import checked_interactions, model_of_dataset, write_netcdf
from msgreen.io.files import read_bytes
from msgreen.io.native import FORMAT, read_json, write_json
from msgreen.io.netcdf import load_netcdf
from msgreen.io.results import finish, replacing_files
from msgreen.io.spin_programs.magnopy_script import write_magnopy_script
from msgreen.io.spin_programs.magnopy_text import read_magnopy, write_magnopy
from msgreen.io.spin_programs.parts import Parts, take_apart
from msgreen.io.spin_programs.report import Export, Written, report
from msgreen.io.spin_programs.spirit import read_spirit, write_spirit
from msgreen.io.spin_programs.sunny import write_sunny
from msgreen.io.spin_programs.tb2j import read_tb2j
from msgreen.io.spin_programs.tb2j_writer import write_tb2j
from msgreen.io.spin_programs.text import site_moments
from msgreen.io.spin_programs.undetermined import add_words, undetermined
from msgreen.io.spin_programs.uppasd import write_uppasd
from msgreen.io.spin_programs.uppasd_input import read_uppasd
from msgreen.io.spin_programs.vampire import read_vampire, write_vampire
from msgreen.io.table import write_csv
from msgreen.spinmodel import SpinModel, from_interactions

FOLDERS: Mapping[str, Callable[[Parts, Path, np.ndarray], Written]] = MappingProxyType(
    {"uppasd": write_uppasd, "vampire": write_vampire}
)
"""Writers of several files into one folder."""

FILES: Mapping[str, tuple[str, Callable[[Parts, Path, np.ndarray], Written]]] = MappingProxyType(
    {
        "spirit": ("input.cfg", write_spirit),
        "sunny": ("model.jl", write_sunny),
        "magnopy": ("grogu.txt", write_magnopy),
        "magnopy_python": ("model.py", write_magnopy_script),
        "tb2j": ("exchange.out", write_tb2j),
    }
)
"""Writers of one file, with its name in a folder."""

NATIVE: Mapping[str, tuple[str, Callable[[SpinModel, Path], None]]] = MappingProxyType(
    {
        "json": ("model.json", write_json),
        "netcdf": ("model.nc", write_netcdf),
        "csv": ("model.csv", write_csv),
    }
)
"""Writers of every number; the geometry is not in the table."""

FORMATS: tuple[str, ...] = (*FILES, *FOLDERS, *NATIVE)
"""Names of all formats that `export` writes."""


def export(
    model: SpinModel,
    path: str | Path,
    format: str,
    *,
    moments: Scalar | Float[ArrayLike, " site"] | None = None,
) -> Export:
    """Write a spin model for another program, in the convention of that program.

    Parameters
    ----------
    model : SpinModel
    path : str or Path
        A folder, made if it does not exist. For formats of one file also the file, if it has the
        ending of that format.
    format : str
        "spirit", "uppasd", "vampire", "sunny", "magnopy", "magnopy_python", "tb2j", "json",
        "netcdf" or "csv", a table to read.
    moments : real array, shape () or (site,), optional
        Magnetic moments in Bohr magnetons for programs that ask for them; 1 by default. They
        scale times and fields, not the interactions.

    Returns
    -------
    Export
        The files, and what they do not contain.

    Raises
    ------
    InputError
        If the format is unknown, the folder cannot be written to or has files of the same names
        that are not an earlier export, or the program cannot have the geometry of the model.

    Warns
    -----
    LossWarning
        If the program has no place for some terms; it names them with their share of the energy.

    Notes
    -----
    What data did not determine (`Term.errors`) is named in the files and in `Export.undetermined`.

    Finite clusters and directions without periodicity get 20 angstrom of vacuum and open
    boundaries; a model without positions has its sites 3 angstrom apart on a line. Tensors of
    four and six spins are first resolved into named classes (`msgreen.spinmodel.resolve`).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from msgreen.spinmodel import SpinModel, Term
    >>> dimer = SpinModel([Term("exchange", [[0, 1]], [0.010])])
    >>> outcome = export(dimer, Path(tempfile.mkdtemp()) / "dimer.cfg", "spirit")
    >>> lines = outcome.files[0].read_text().splitlines()
    >>> dict(zip(lines[-2].split(), lines[-1].split()))["Jij"]
    '-10.0'
    """
    _checks.one_of("format", format, FORMATS)
    path = _checks.path("path", path)
    with _target(path, format) as target:
        outcome = _write(model, target, format, moments)
    # A set of files is written elsewhere and then takes its place.
    named = tuple(path if file == path else path / file.name for file in outcome.files)
    outcome = replace(outcome, files=named)
    if outcome.lost:
        warnings.warn(
            f"Argument `model` must have terms that {format!r} knows to be written as a whole, but "
            f"it also has {outcome.losses}. They are not in the files. Use the formats 'json' or "
            "'netcdf' to keep everything.",
            LossWarning,
            stacklevel=2,
        )
    return outcome


def _write(model: SpinModel, target: Path, format: str, moments) -> Export:
    unknown = undetermined(model)
    if format in NATIVE:
        NATIVE[format][1](model, target)
        return Export(format, (target,), undetermined=unknown)
    write = FOLDERS[format] if format in FOLDERS else FILES[format][1]
    parts = take_apart(model)
    written = write(parts, target, site_moments(moments, model.site_count))
    if unknown:
        add_words(written.files, unknown)
    return replace(report(format, parts, written), undetermined=unknown)


@contextmanager
def _target(path: Path, format: str) -> Iterator[Path]:
    """Give what to write: `path` itself if it has the ending of a file, or what appears in it."""
    default = "" if format in FOLDERS else ({**FILES, **NATIVE})[format][0]
    if default and path.suffix == Path(default).suffix:
        writable_folder("path", path.parent)
        yield path
        return
    expected = [default] if default else []
    with replacing_files("path", path, f"export {format}", expected) as stage:
        yield stage / default


def read_model(path: str | Path) -> SpinModel:
    """Read a spin model from a file of any program, told by its name.

    Parameters
    ----------
    path : str or Path
        `*.json` and `*.nc` of msgreen (a spin model, or the interactions of `msgreen run` with
        tensors; for an ordered magnet or a crystal the model.json of the same run is read instead),
        `exchange.out` of TB2J, `*.cfg` of Spirit, `inpsd.dat` or its folder of UppASD, `*.ucf` of
        Vampire, `*.txt` of GROGU.

    Returns
    -------
    SpinModel

    Raises
    ------
    FileFormatError
        If the name is of no known format, or the file is wrong.
    """
    path = _checks.path("path", path)
    finish(path if path.is_dir() else path.parent)
    if not path.exists():
        raise FileFormatError(f"{path}: must exist, but it does not. Give the right path.")
    if path.is_dir() or path.name.lower() == "inpsd.dat":
        return read_uppasd(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise FileFormatError(
            f"{path}: must be named `inpsd.dat` or end with one of {', '.join(_READERS)}, but it "
            "does not. Rename it, or use a reader of `msgreen.io.spin_programs`."
        )
    return reader(path)


def _read_nc(path: Path) -> SpinModel:
    data = load_netcdf(path)
    if data.attrs.get("format") == FORMAT:
        return model_of_dataset(path, data)
    if "kinds" not in data.attrs and data.attrs.get("model"):
        return _model_beside(path, data)
    found = checked_interactions(path, data)
    if found.reference is None:
        return from_interactions(found)
    model = _model_beside(path, data)
    if model.site_count != len(found.reference):
        raise FileFormatError(
            f"{path.with_name('model.json')}: must be the spin model of the "
            f"{len(found.reference)} moments of {path}, but it has {model.site_count}. Run it "
            "again: the files are of different runs."
        )
    return model


def _model_beside(path: Path, data: xr.Dataset) -> SpinModel:
    """Return the spin model of a run whose dataset is none: the model.json beside it."""
    matched = path.with_name("model.json")
    if not matched.exists():
        why = "it is the table of a run"
        if "kinds" in data.attrs:
            why = "it was computed about an ordered reference and multiplies deviations from it"
        raise FileFormatError(
            f"{path}: must multiply spins, but {why}. Put the matched spin model {matched.name} of "
            "the same run beside it, or run it again."
        )
    if data.attrs.get("model", "") not in ("", sha256(read_bytes(matched)).hexdigest()):
        raise FileFormatError(
            f"{matched}: must be the spin model of the run of {path}, but it is another. Run it "
            "again, or name the model itself."
        )
    return read_json(matched)


_READERS: Mapping[str, Callable[[Path], SpinModel]] = MappingProxyType(
    {
        ".json": read_json,
        ".nc": _read_nc,
        ".out": read_tb2j,
        ".cfg": read_spirit,
        ".ucf": read_vampire,
        ".txt": read_magnopy,
    }
)
