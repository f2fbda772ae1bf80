"""A scan over distance as a scene: loops whose bonds all have the length of a slider."""

import re
from pathlib import Path

import numpy as np
import xarray as xr

from msgreen.errors import FileFormatError
from msgreen.page.rows import Rows
from msgreen.page.scene import frame_content, scan_content

_NOTE = (
    "All bonds of a loop have the length R. Loops of four and six sites are drawn as squares and "
    "hexagons."
)


def scan_scene(path: str | Path, data: xr.Dataset, title: str) -> dict:
    """Return the scene of coefficients against the length of the bonds of a loop.

    Parameters
    ----------
    path : str or Path
        What an error names.
    data : xarray.Dataset
        Variables in meV with the last dimension ``distance``, in angstrom.
    title : str

    Raises
    ------
    FileFormatError
        If no variable is one.
    """
    distances = np.asarray(data["distance"].values, float)
    named = [
        (str(name), selected)
        for name, variable in data.data_vars.items()
        if variable.dims[-1:] == ("distance",) and variable.attrs.get("units") == "meV"
        for selected in _dimensions(variable)
        if not str(name).endswith("_error")
    ]
    if not named or not len(distances):
        raise FileFormatError(
            f"{path}: must hold coefficients in meV against distance, but it has none. Open it "
            "with xarray, or run it again."
        )
    # Sites of all loops, on circles whose sides are one angstrom.
    orders = sorted({_order(name) for name, _ in named})
    corners = {order: _polygon(order) for order in orders}
    start = dict(zip(orders, np.cumsum([0, *orders])[:-1].tolist(), strict=True))
    places = np.concatenate(list(corners.values()))
    columns = [_columns(name, selected, data, start) for name, selected in named]
    about = f"Convention {data.attrs.get('convention', '')}; meV. {data.attrs.get('coupling', '')}"
    texts = {"title": title, "about": about, "notes": [_NOTE]}
    frame = frame_content("R (Å)", distances.tolist(), sizes=True)
    return scan_content(texts, places, columns, frame)


def _dimensions(variable: xr.DataArray) -> list[dict]:
    """Return the selections that leave the distance only."""
    if variable.ndim == 1:
        return [{}]
    name = str(variable.dims[0])
    return [{name: value} for value in variable[name].values.tolist()]


def _order(name: str) -> int:
    """Return the number of spins, which the name of a coefficient of more than two says."""
    found = re.search(r"\d", name)
    return int(found[0]) if found else 2


def _polygon(order: int) -> np.ndarray:
    if order == 2:
        return np.array([[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0]])
    angles = 2 * np.pi * (np.arange(order) + 0.5) / order
    circle = np.stack([np.cos(angles), np.sin(angles), np.zeros(order)], axis=1)
    return circle / (2 * np.sin(np.pi / order))


def _columns(name: str, selected: dict, data: xr.Dataset, start: dict) -> list[Rows]:
    """Return one coefficient at every distance."""
    order = _order(name)
    sites = start[order] + np.arange(order)[None]
    cells = np.zeros((*sites.shape, 0), np.int64)
    about = name + "".join(f", {value}D" for value in selected.values())
    values = data[name].sel(selected).values[:, None]
    error = data.get(f"{name}_error")
    errors = [None] * len(values) if error is None else error.sel(selected).values[:, None]
    return [
        Rows(about, name, "", order, sites, cells, *numbers)
        for numbers in zip(values, errors, strict=True)
    ]
