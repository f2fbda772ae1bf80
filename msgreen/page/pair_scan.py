"""A scan of pairs over parameters of their host as a scene: sliders, curves and maps."""

import math
from pathlib import Path

import numpy as np
import xarray as xr

from msgreen.errors import FileFormatError
from msgreen.page.rows import Rows
from msgreen.page.scene import frame_content, scan_content
from msgreen.units import MEV

MOST = 20_000
"""Points of a scan times pairs: at 0.2 kB each they take 4 MB, nearly as much as plotly.js."""

_NAMES = {
    "J": ("J_x", "J_y", "J_z"),
    "D": ("D",),
    "J_mixed": ("J_yz", "J_zx", "J_xy"),
    "mu": ("mu",),
    "mu_odd": ("mu_odd",),
    "F0": ("F0",),
}
"""What is shown of every variable: its components, or a vector."""

_ORDERS = {"mu": 1, "mu_odd": 1, "F0": 0}


def is_pair_scan(data: xr.Dataset) -> bool:
    """Whether a dataset is a scan of pairs, as `msgreen.config.scan` makes it."""
    return {"steps", "displacement"} <= set(data.coords) and set(_NAMES) <= set(data)


def pair_scan_scene(path: str | Path, data: xr.Dataset, title: str) -> dict:
    """Return the scene of coefficients of pairs against one or two parameters.

    Parameters
    ----------
    path : str or Path
        What an error names.
    data : xarray.Dataset
        Coefficients in eV by the parameters, ``steps`` and, if they are vectors, ``xyz``; their
        errors; where the second spin is (``displacement``, in angstrom); and the gap by
        ``channel``, if it was solved for.
    title : str

    Raises
    ------
    FileFormatError
        If the dataset is none of these.
    """
    axes = [str(name) for name in data["F0"].dims[:-1]]
    _check(path, data, axes)
    shape = tuple(data.sizes[name] for name in axes)
    count = max(1, MOST // max(1, math.prod(shape)))
    shown = data.isel(steps=slice(count))
    notes = []
    if count < data.sizes["steps"]:
        notes.append(f"The first {count} of {data.sizes['steps']} distances are here.")
    places = np.concatenate([np.zeros((1, 3)), shown["displacement"].values])
    columns = [column for name in _NAMES for column in _coefficients(name, shown, shape)]
    if "gap" in shown:
        columns += _gaps(shown, shape)
    first, *others = (
        frame_content(_label(name, data), data[name].values.tolist()) for name in axes
    )
    about = f"Energy of two spins: {data.attrs.get('form', '')}; unit vectors; meV."
    texts = {"title": title, "about": about, "notes": notes}
    frame = {**first, "second": others[0] if others else None}
    return scan_content(texts, places, columns, frame)


def _check(path: str | Path, data: xr.Dataset, axes: list[str]) -> None:
    """Raise FileFormatError if names and dimensions are not those of a scan."""
    ends = (*axes, "steps")
    vector = (*ends, "xyz")
    wanted = {name: vector for name in _NAMES} | {"F0": ends}
    wanted |= {f"{name}_error": dims for name, dims in wanted.items()}
    wanted |= {"displacement": ("steps", "xyz")} | {name: (name,) for name in axes}
    if "gap" in data:
        wanted |= dict.fromkeys(("gap", "gap_error"), (*axes, "channel"))
    wrong = [name for name, dims in wanted.items() if name not in data or data[name].dims != dims]
    if not 1 <= len(axes) <= 2:
        wrong = [*wrong, "F0"]
    elif not wrong and (data.sizes["xyz"] != 3 or not data["F0"].size):
        wrong = ["xyz", "steps"]
    if wrong:
        raise FileFormatError(
            f"{path}: must hold a scan over one or two parameters, but {wrong[0]} has not the "
            "dimensions of one. Run it again."
        )


def _label(name: str, data: xr.Dataset) -> str:
    words = name.removesuffix("_K").replace("_", " ").replace("fermi", "Fermi")
    unit = data[name].attrs.get("units", "1")
    return words if unit == "1" else f"{words} ({unit})"


def _coefficients(name: str, data: xr.Dataset, shape: tuple[int, ...]) -> list[list[Rows]]:
    """Return what exceeds its error somewhere, at every point."""
    count = data.sizes["steps"]
    values, errors = (
        data[key].values.reshape(math.prod(shape), count, -1) / MEV
        for key in (name, f"{name}_error")
    )
    sites = np.stack([np.zeros(count, int), 1 + np.arange(count)], axis=1)
    cells = np.zeros((*sites.shape, 0), np.int64)
    found = []
    for n, symbol in enumerate(_NAMES[name]):
        one = len(_NAMES[name]) > 1 or values.shape[-1] == 1
        mine, doubt = (x[..., n] if one else x for x in (values, errors))
        if (np.abs(mine) > doubt).any():
            about = symbol, symbol, "", _ORDERS.get(name, 2), sites, cells
            found.append([Rows(*about, *point) for point in zip(mine, doubt, strict=True)])
    return found


def _gaps(data: xr.Dataset, shape: tuple[int, ...]) -> list[list[Rows]]:
    """Return the gap of every channel, which belongs to no pair."""
    sites, cells = np.zeros((1, 1), int), np.zeros((1, 1, 0), np.int64)
    values, errors = (
        data[key].values.reshape(math.prod(shape), -1, 1) / MEV for key in ("gap", "gap_error")
    )
    return [
        [
            Rows(f"gap, {channel}", "gap", "", 0, sites, cells, *point)
            for point in zip(values[:, n], errors[:, n], strict=True)
        ]
        for n, channel in enumerate(data["channel"].values.tolist())
    ]
