"""Results as labelled datasets and NetCDF files, without loss: interactions and spin models.

Both have a variable of the sites of all clusters of a kind (`pair_sites`), one for every number,
clusters first (`pair_J_iso`, `exchange_values`), and one for its error (`pair_J_iso_error`).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from msgreen.convention import SpinConvention
from msgreen.errors import FileFormatError, InputError
from msgreen.io.files import reading
from msgreen.io.native import (
    CONVENTION,
    FORMAT,
    VERSION,
    check_form,
    check_format,
    formula,
    incomplete,
)
from msgreen.io.netcdf import load_netcdf, write_dataset
from msgreen.lattice import Lattice
from msgreen.spinmodel import SpinModel, Term
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms

_CONVENTION = (
    "convention",
    "sign",
    "ordered_sum",
    "spin_length",
    "complete",
    "weights_sites",
    "weights",
)
_OWN = (*_CONVENTION, "kinds")


def write_netcdf(result: Interactions | SpinModel, path: str | Path) -> None:
    """Write a result as NetCDF 4; every number comes back bit by bit.

    Parameters
    ----------
    result : Interactions or SpinModel
        With their errors, units and convention; interactions with their tensors.
    path : str or Path
    """
    write_dataset(dataset_of(result), path)


def read_netcdf(path: str | Path) -> Interactions:
    """Read interactions that `write_netcdf` wrote; `msgreen.io.read_model` reads spin models.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Interactions

    Raises
    ------
    FileFormatError
        If the file does not exist, is no NetCDF file or holds something else.
    """
    return checked_interactions(path, load_netcdf(path))


def checked_interactions(path: str | Path, dataset: xr.Dataset) -> Interactions:
    """Return `interactions_of` the dataset of a file, or a FileFormatError that names the file."""
    if dataset.attrs.get("format") == FORMAT:
        raise FileFormatError(
            f"{path}: the file must hold an interaction set, but it holds a spin model. Read it "
            "with `msgreen.io.read_model`."
        )
    try:
        return interactions_of(dataset)
    except KeyError as error:
        raise FileFormatError(
            f"{path}: the file must hold an interaction set, but it has no {error}. "
            "Write it again with `msgreen run`, without `[scan]`; open scans and maps with xarray."
        ) from error
    except (InputError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise FileFormatError(
            f"{path}: the file must hold an interaction set, but it is damaged ({error}). "
            "Write it again with `msgreen run`."
        ) from error


def dataset_of(result: Interactions | SpinModel) -> xr.Dataset:
    """Return a result as a labelled dataset with all that is needed to come back from it.

    Parameters
    ----------
    result : Interactions or SpinModel
    """
    if isinstance(result, SpinModel):
        return _model_dataset(result)
    dataset = result.to_xarray()
    dataset.attrs["complete"] = int(result.convention.complete)
    dataset.attrs["kinds"] = " ".join(terms.kind for terms in result.terms)
    return dataset


def interactions_of(dataset: xr.Dataset) -> Interactions:
    """Return the interaction set of a dataset made by `dataset_of`.

    Raises
    ------
    KeyError
        If something is missing.
    """
    terms = tuple(_terms_of(dataset, kind) for kind in dataset.attrs["kinds"].split())
    positions = dataset["positions"].values if "positions" in dataset else None
    reference = dataset["reference"].values if "reference" in dataset else None
    if reference is None and "deviations" in str(dataset.attrs.get("spins", "")):
        raise KeyError("reference, whose deviations it holds (it is of an earlier version)")
    source = {key: value for key, value in dataset.attrs.items() if key not in _OWN}
    return Interactions(terms, _convention_of(dataset.attrs), positions, source, reference)


def _terms_of(dataset: xr.Dataset, kind: str) -> Terms:
    sites = dataset[f"{kind}_sites"].values
    names = [
        str(name).removeprefix(f"{kind}_")
        for name, variable in dataset.data_vars.items()
        if variable.dims[0] == kind and f"{name}_error" in dataset
    ]
    found = {name: _coefficient_of(dataset, f"{kind}_{name}") for name in names}
    tensor = found.pop("tensor", None)
    return Terms(sites, found, tensor)


def _coefficient_of(dataset: xr.Dataset, name: str) -> Coefficient:
    variable = dataset[name]
    axes = tuple("leg" if str(dim).endswith("_leg") else "xyz" for dim in variable.dims[1:])
    rotation = variable.attrs.get("spins") == "rotation"
    return Coefficient(variable.values, dataset[f"{name}_error"].values, axes, rotation)


def _convention_of(attributes: Mapping) -> SpinConvention:
    sites = np.atleast_1d(attributes.get("weights_sites", np.zeros(0, int)))
    weights = np.atleast_1d(attributes.get("weights", np.zeros(0)))
    return SpinConvention(
        str(attributes["convention"]),
        sign=int(attributes["sign"]),
        ordered=bool(attributes["ordered_sum"]),
        weights={int(n): float(w) for n, w in zip(sites, weights, strict=True)},
        complete=bool(attributes["complete"]),
        spin_length=float(attributes["spin_length"]),
    )


def _model_dataset(model: SpinModel) -> xr.Dataset:
    data: dict = {}
    for term in model.terms:
        name = term.name
        axes = [f"xyz{axis}" for axis in range(len(term.spin_class.shape))]
        attributes = {"units": "eV", "form": formula(term.spin_class)}
        data[f"{name}_sites"] = ((name, f"{name}_site"), term.clusters.sites)
        data[f"{name}_cells"] = ((name, f"{name}_site", "dimension"), term.clusters.cells)
        data[f"{name}_values"] = ((name, *axes), np.asarray(term.values), attributes)
        if term.errors is not None:
            data[f"{name}_values_error"] = ((name, *axes), np.asarray(term.errors), {"units": "eV"})
    lengths = {"units": "angstrom"}
    if model.lattice is not None:
        data["lattice_vectors"] = (("dimension", "space"), model.lattice.vectors, lengths)
        data["basis"] = (("site", "space"), model.lattice.basis, lengths)
    if model.positions is not None:
        data["positions"] = (("site", "space"), np.asarray(model.positions), lengths)
    if model.symbols is not None:
        data["symbols"] = ("site", np.array(model.symbols, dtype=object))
    attributes = {
        "format": FORMAT,
        "version": VERSION,
        "site_count": model.site_count,
        "classes": " ".join(model.classes),
        **{f"convention_{key}": value for key, value in CONVENTION.items()},
    }
    return xr.Dataset(data, attrs=attributes)


def model_of_dataset(path: str | Path, data: xr.Dataset) -> SpinModel:
    """Return the spin model of a dataset, or raise FileFormatError."""
    with reading(path):
        try:
            return _from_dataset(path, data)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            if isinstance(error, FileFormatError | InputError):
                raise
            raise incomplete(path, error) from error


def _from_dataset(path: str | Path, data: xr.Dataset) -> SpinModel:
    check_format(path, data.attrs["format"], data.attrs["version"])
    terms = []
    for name in data.attrs["classes"].split():
        values = data[f"{name}_values"]
        check_form(path, f"variable {name}_values", name, values.attrs["form"])
        cells = data[f"{name}_cells"].values
        # The second is the name in files of earlier versions.
        known = [e for e in (f"{name}_values_error", f"{name}_errors") if e in data]
        errors = data[known[0]].values if known else None
        terms.append(Term(name, data[f"{name}_sites"].values, values.values, cells, errors))
    periodic = "lattice_vectors" in data
    return SpinModel(
        terms,
        site_count=int(data.attrs["site_count"]),
        lattice=Lattice(data["lattice_vectors"].values, data["basis"].values) if periodic else None,
        positions=data["positions"].values if "positions" in data else None,
        symbols=data["symbols"].values.tolist() if "symbols" in data else None,
    )
