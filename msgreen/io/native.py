"""msgreen's own file of spin models: JSON that loses nothing and states its convention."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from msgreen import _checks
from msgreen.errors import FileFormatError
from msgreen.io.atomic import replacing
from msgreen.io.files import reading
from msgreen.io.jukkr.text import read_text
from msgreen.lattice import Lattice
from msgreen.spinmodel import CLASSES, SpinClass, SpinModel, Term

FORMAT = "msgreen spin model"
VERSION = 1

CONVENTION: Mapping[str, str | float] = {
    "sign": "plus: the energy is the sum of the forms below; b is a field, hence its minus",
    "counting": "every row of a term once; for a lattice once per cell",
    "spins": "unit vectors S; the letters of a form are the sites of a row, in order",
    "spin_length": 1.0,
    "errors": "how wrong values may be; unknown, or undetermined if the data do not tell the value",
    "energy_unit": "eV",
    "length_unit": "angstrom",
    "cells": "a site in cell n is at its position plus n times the lattice vectors",
}
"""The convention of the files, in words."""


def formula(spin_class: SpinClass) -> str:
    """Return the energy of one row of a class as text.

    Examples
    --------
    >>> from msgreen.spinmodel import CLASSES
    >>> formula(CLASSES["chiral_three_site"])
    'v.(S_a x S_b) (S_b.S_c)'
    """
    spins = [f"S_{letter}" for letter in spin_class.slots]
    pairs = [f"({a}.{b})" for a, b in zip(spins[::2], spins[1::2], strict=False)]
    kind = spin_class.form.__name__
    if kind == "zeeman":
        return f"-v.{spins[0]}"
    if kind == "bond_field":
        return "-({}.{}) (v.{})".format(*spins)
    if kind == "isotropic":
        return " ".join(["v", *pairs])
    if kind == "chiral":
        return " ".join([f"v.({spins[0]} x {spins[1]})", *pairs[1:]])
    if kind == "scalar_chirality":
        return "v {}.({} x {})".format(*spins)
    if kind == "spin_chiral":
        return "(v.{}) ({}.({} x {}))".format(*spins)
    if kind == "chiral_chiral":
        first, second = spins[:3], spins[3:]
        return f"v ({first[0]}.({first[1]} x {first[2]})) ({second[0]}.({second[1]} x {second[2]}))"
    indices = "ijklmn"[: len(spins)]
    factors = " ".join(f"{spin}[{index}]" for spin, index in zip(spins, indices, strict=True))
    return f"sum_{indices} v[{','.join(indices)}] {factors}"


def write_json(model: SpinModel, path: str | Path) -> None:
    """Write a spin model as JSON; every number comes back bit by bit.

    Parameters
    ----------
    model : SpinModel
    path : str or Path
    """
    lattice = model.lattice
    content = {
        "format": FORMAT,
        "version": VERSION,
        "convention": dict(CONVENTION),
        "site_count": model.site_count,
        "lattice": None
        if lattice is None
        else {"vectors": lattice.vectors.tolist(), "basis": lattice.basis.tolist()},
        "positions": None if model.positions is None else np.asarray(model.positions).tolist(),
        "symbols": model.symbols,
        "terms": [
            {
                "class": term.name,
                "form": formula(term.spin_class),
                "sites": term.clusters.sites.tolist(),
                "cells": term.clusters.cells.tolist(),
                "values": np.asarray(term.values).tolist(),
                "errors": None if term.errors is None else _spelt(np.asarray(term.errors).tolist()),
            }
            for term in model.terms
        ],
    }
    with replacing(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _spelt(value) -> list | float | str | None:
    """Errors for JSON, which has no numbers that are not finite."""
    if isinstance(value, list):
        return [_spelt(v) for v in value]
    if math.isfinite(value):
        return value
    return "undetermined" if math.isinf(value) else "unknown"


def _unspelt(value):
    if isinstance(value, list):
        return [_unspelt(v) for v in value]
    words = {"undetermined": float("inf"), "unknown": float("nan")}
    return words.get(value, value) if isinstance(value, str) else value


def read_json(path: str | Path) -> SpinModel:
    """Read a spin model that `write_json` wrote.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    SpinModel

    Raises
    ------
    FileFormatError
        If the file does not exist, is no such file, or defines a class differently.
    """
    path = _checks.path("path", path)
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, FileFormatError):
            raise
        line = getattr(error, "lineno", 1)
        raise FileFormatError(
            f"{path}, line {line}: must be JSON, but it is not ({error}). Write it again."
        ) from error
    with reading(path):
        try:
            return _from_json(path, content)
        except (KeyError, TypeError, AttributeError) as error:
            raise incomplete(path, error) from error


def _from_json(path: str | Path, content) -> SpinModel:
    if not isinstance(content, dict):
        raise incomplete(path, KeyError("format"))
    check_format(path, content["format"], content["version"])
    lattice, positions = content["lattice"], content["positions"]
    dimension = 0
    if lattice is not None:
        vectors = _array(path, "lattice vectors", lattice["vectors"], (None, None))
        basis = _array(path, "lattice basis", lattice["basis"], (None, vectors.shape[1]))
        lattice, dimension = Lattice(vectors, basis), len(vectors)
    count = _array(path, "site_count", content["site_count"], (), whole=True)
    if positions is not None:
        positions = _array(path, "positions", positions, (None, None))
    terms = []
    for number, term in enumerate(content["terms"]):
        place, name = f"term {number}", str(term["class"])
        check_form(path, place, name, term["form"])
        size, shape = CLASSES[name].site_count, CLASSES[name].shape
        sites = _array(path, f"{place}, sites", term["sites"], (None, size), whole=True)
        # Rows of a finite cluster have cells without components.
        inner = (*sites.shape, dimension)
        cells = _array(path, f"{place}, cells", term["cells"], inner, whole=True)
        values = _array(path, f"{place}, values", term["values"], (len(sites), *shape))
        errors = _unspelt(term.get("errors"))
        if errors is not None:
            errors = _array(path, f"{place}, errors", errors, values.shape, finite=False)
        terms.append(Term(name, sites, values, cells, errors))
    return SpinModel(
        terms,
        site_count=int(count),
        lattice=lattice,
        positions=positions,
        symbols=_symbols(path, content.get("symbols")),
    )


def _symbols(path, value) -> list[str] | None:
    if value is not None and not (isinstance(value, list) and all(type(x) is str for x in value)):
        raise FileFormatError(
            f"{path}, symbols: must be a list of names, but it is {str(value)[:40]}. Leave it out."
        )
    return value


_LARGEST = 2**31 - 1
"""Whole numbers in files are sites and cells; readers elsewhere keep them in 32 bits."""


def _array(
    path, place: str, value, shape: tuple[int | None, ...], whole=False, finite=True
) -> np.ndarray:
    """Return numbers of a file as an array of a shape of which None is any length."""
    kind = "integers" if whole else "numbers"
    expected = f"{kind} of the shape ({', '.join('any' if n is None else str(n) for n in shape)})"
    try:
        array = np.array(value)
        found = f"their shape is {array.shape}"
    except (ValueError, OverflowError):
        array, found = np.zeros(0, object), "they are ragged"
    if not array.size and array.ndim <= len(shape):
        array = np.zeros([n or 0 for n in shape], int) if 0 in shape or None in shape else array
    fits = array.ndim == len(shape) and all(
        n in (None, m) for n, m in zip(shape, array.shape, strict=True)
    )
    if array.dtype.kind not in ("i" if whole else "if"):
        fits, found = False, "they are of another kind"
    largest = _LARGEST if whole else np.inf
    if not fits or (finite and array.size and not np.abs(array).max() <= largest):
        raise FileFormatError(
            f"{path}, {place}: must hold {expected}, but {found}. Write it again with "
            "`msgreen.io.export`."
        )
    return array.astype(np.int64 if whole else float)


def check_format(path: str | Path, form: object, version: object) -> None:
    """Raise FileFormatError unless a file says that it is a spin model of a known version."""
    if not isinstance(version, (int, np.integer)):
        raise incomplete(path, KeyError("version"))
    if form != FORMAT or int(version) > VERSION:
        raise FileFormatError(
            f"{path}: must be a file of the format {FORMAT!r}, version {VERSION} or earlier, but "
            f"it says {form!r}, version {version}. Write it again, or use a newer msgreen."
        )


def check_form(path: str | Path, place: str, name: str, form: str) -> None:
    """Raise FileFormatError unless a file defines a class of terms as msgreen does."""
    known = formula(CLASSES[name]) if name in CLASSES else None
    if form != known:
        raise FileFormatError(
            f"{path}, {place}: must define the class {name!r} as {known!r}, but it says {form!r}. "
            "Convert the values."
        )


def incomplete(path: str | Path, error: Exception) -> FileFormatError:
    """Return the error of a file in which something is missing."""
    return FileFormatError(
        f"{path}: the file must hold a whole spin model, but it lacks {error}. "
        "Write it again with `msgreen.io.export`."
    )
