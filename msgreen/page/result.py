"""What files hold, as a page: folders of results, spin models, interactions, scans."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from msgreen.errors import FileFormatError
from msgreen.io.datasets import checked_interactions
from msgreen.io.netcdf import load_netcdf
from msgreen.io.results import finish
from msgreen.io.spin_programs import read_model
from msgreen.page.pair_scan import is_pair_scan, pair_scan_scene
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
    return _file_page(path, title)


def result_page(
    model: SpinModel | None, data: xr.Dataset | None, title: str, where: str | Path = "dataset"
) -> Page | None:
    """Return the page of what a command found, None if it is nothing that a page shows.

    Parameters
    ----------
    model : SpinModel, optional
    data : xarray.Dataset, optional
        States of the model (``directions`` against ``energy`` or ``temperature``), interactions,
        or a scan over distance or over parameters of a host.
    title : str
    where : str or Path
        What an error names.
    """
    if model is not None:
        return view(model, states=_states(where, data, model), title=title)
    if data is not None and "kinds" in data.attrs:
        return view(checked_interactions(where, data), title=title)
    if data is not None and "distance" in data.coords:
        return Page(scan_scene(where, data, title))
    if data is not None and is_pair_scan(data):
        return Page(pair_scan_scene(where, data, title))
    return None


def _folder_page(folder: Path, title: str) -> Page:
    model = folder / "model.json"
    if model.exists():
        known = (folder / "states.nc", folder / "simulation.nc")
        states = next((file for file in known if file.exists()), model)
        data = None if states == model else load_netcdf(states)
        page = result_page(read_model(model), data, title, states)
        assert page is not None
        return page
    known = (folder / "interactions.nc", folder / "model.nc")
    file = next((file for file in known if file.exists()), None)
    if file is None:
        raise FileFormatError(
            f"{folder}: must hold results that can be shown, but it has no model.json and no "
            "interactions.nc. Name a file, or a folder that `msgreen run` wrote."
        )
    return _file_page(file, title)


def _file_page(file: Path, title: str) -> Page:
    data = load_netcdf(file)
    page = result_page(None, data, title, file)
    if page is not None:
        return page
    if "format" not in data.attrs:
        raise FileFormatError(
            f"{file}: must hold interactions, a scan or a spin model to be shown, but it does not. "
            "Look at the pictures beside it, or open it with xarray."
        )
    return view(read_model(file), title=title)


def _states(where, data: xr.Dataset | None, model: SpinModel) -> Mapping[str, np.ndarray] | None:
    """Return minima, or the states of a simulation, by their titles."""
    if data is None or "directions" not in data:
        return None
    spins, axis = data["directions"], str(data["directions"].dims[0])
    number = "energy" if axis == "state" else axis
    if spins.shape[-2:] != (model.site_count, 3) or number not in data:
        raise FileFormatError(
            f"{where}: must hold states of the spin model beside it, but it does not. Write both "
            "again, or name the model itself."
        )
    numbers = data[number].values
    titles = state_titles(numbers) if number == "energy" else [f"{t:.4g} K" for t in numbers]
    return dict(zip(titles, spins.values, strict=True))
