"""Exchange of a crystal as a table and as a labelled dataset, in the convention of paper L."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from msgreen.exchange.crystal.axes import CrystalTensors
from msgreen.lattice import Lattice
from msgreen.units import MEV

COLUMNS: tuple[str, ...] = (
    "atom_i",
    "atom_j",
    "R1",
    "R2",
    "R3",
    "distance_angstrom",
    "J_meV",
    "D_x_meV",
    "D_y_meV",
    "D_z_meV",
    "error_meV",
)
"""One row per ordered pair: atoms from 0 in the order of the file, j in cell R."""


def crystal_rows(found: CrystalTensors) -> list[tuple]:
    """Return the table with the `COLUMNS`, E = -sum over ordered pairs of J e.e + D.(e x e).

    The error is the largest of J and of the components of D.

    Parameters
    ----------
    found : CrystalTensors
    """
    parts, errors = found.parts()
    error = np.maximum(errors.isotropic, errors.vector.max(axis=1))
    numbers = np.column_stack([parts.isotropic, parts.vector, error]) / MEV + 0.0
    rows = zip(found.pairs.tolist(), found.distances.tolist(), numbers.tolist(), strict=True)
    return [(*pair, distance, *values) for pair, distance, values in rows]


def crystal_dataset(
    found: CrystalTensors, lattice: Lattice, symbols: tuple[str, ...], source: Mapping[str, str]
) -> xr.Dataset:
    """Return everything as a labelled dataset, ready for NetCDF.

    Parameters
    ----------
    found : CrystalTensors
    lattice : Lattice
    symbols : tuple of str
        Of the atoms.
    source : mapping of str to str
        Attributes that say where the numbers come from.
    """
    parts, errors = found.parts()
    energy = {"units": "eV"}
    length = {"units": "angstrom"}
    full = ("pair", "xyz", "xyz_2")
    data = {
        "atoms": (("pair", "end"), found.pairs[:, :2]),
        "cell": (("pair", "direction"), found.pairs[:, 2:], {"of": "atom j; atom i is in cell 0"}),
        "distance": ("pair", found.distances, length),
        "J": ("pair", parts.isotropic, energy),
        "J_error": ("pair", errors.isotropic, energy),
        "D": (("pair", "xyz"), parts.vector, energy),
        "D_error": (("pair", "xyz"), errors.vector, energy),
        "anisotropic": (full, parts.traceless, energy),
        "anisotropic_error": (full, errors.traceless, energy),
        "reference_spread": ("pair", found.spread / 2, energy),
        "lattice_vectors": (("direction", "xyz"), lattice.vectors, length),
        "positions": (("site", "xyz"), lattice.basis, length),
        "symbols": ("site", np.array(symbols, dtype=object)),
    }
    attributes = {
        "convention": "L",
        "energy": "-sum over ordered pairs of J e_i.e_j + D.(e_i x e_j) + e_i.anisotropic.e_j",
        **source,
    }
    return xr.Dataset(data, attrs=attributes)
