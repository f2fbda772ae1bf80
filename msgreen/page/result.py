"""What files hold, as a page: folders of results, spin models, interactions, scans."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from msgreen.errors import FileFormatError
from msgreen.io.netcdf import checked_interactions, load_netcdf
from msgreen.io.results import finish
from msgreen.io.spin_programs import read_model
from msgreen.page.scan import scan_scene
from msgreen.page.view import Page, state_titles, view
from msgreen.spinmodel import SpinModel


def read_page(path: str | Path) -> Page:
    """Return the page of a folder of results, or of a file.

    Parameters
    ----------
    path : str or Path
        A folder that `msgreen run`, `spinmodel` or `simulate` wrote, its ``interactions.nc``, or
        a spin model as `msgreen.io.read_model` reads it. States beside a ``model.json`` in a
        folder are there to flip through.

    Returns
    -------
    Page

    Raises
    ------
    FileFormatError
        If there is nothing to show, or a file is wrong.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    finish(folder)
    title = path.resolve().name
    if path.is_dir() and not (path / "inpsd.dat").exists():
        return _folder_page(path, title)
    if path.suffix.lower() != ".nc":
        return view(read_model(path), title=title)
    data = load_netcdf(path)
    return _dataset_page(path, data, title)


def _folder_page(folder: Path, title: str) -> Page:
    if (folder / "model.json").exists():
        model = read_model(folder / "model.json")
        return view(model, states=_states(folder, model), title=title)
    known = (folder / "interactions.nc", folder / "model.nc")
    file = next((file for file in known if file.exists()), None)
    if file is None:
        raise FileFormatError(
            f"{folder}: must hold results that can be shown, but it has no model.json and no "
            "interactions.nc. Name a file, or a folder that `msgreen run` wrote."
        )
    return _dataset_page(file, load_netcdf(file), title)


def _dataset_page(file: Path, data: xr.Dataset, title: str) -> Page:
    if "kinds" in data.attrs:
        return view(checked_interactions(file, data), title=title)
    if "distance" in data.coords:
        return Page(scan_scene(file, data, title))
    return view(read_model(file), title=title)


def _states(folder: Path, model: SpinModel) -> Mapping[str, np.ndarray] | None:
    """Return the states in the folder of a model: minima, or those of a simulation."""
    for name, axis in (("states.nc", "energy"), ("simulation.nc", "temperature")):
        file = folder / name
        if not file.exists():
            continue
        data = load_netcdf(file)
        missing = [key for key in ("directions", axis) if key not in data]
        if missing or data["directions"].shape[-2:] != (model.site_count, 3):
            raise FileFormatError(
                f"{file}: must hold states of {folder / 'model.json'}, but it does not. Write "
                "both again, or name the model itself."
            )
        numbers = data[axis].values
        titles = state_titles(numbers) if axis == "energy" else [f"{t:.4g} K" for t in numbers]
        return dict(zip(titles, data["directions"].values, strict=True))
    return None
