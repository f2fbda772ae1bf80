"""Checks of arguments. Values that JAX is tracing are passed through unchecked."""

import math
import os
from collections.abc import Iterable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from scipy.spatial import KDTree

from msgreen.errors import InputError


def concrete(value) -> np.ndarray | None:
    """Return `value` as a numpy array, or None while JAX is tracing it or a part of it."""
    traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(value))
    return None if traced else np.asarray(value)


def numbers(name: str, value, kind: str = "biufc") -> np.ndarray | None:
    """Return `value` as an array of numbers, or None while JAX is tracing it.

    `kind` holds the kinds of numpy that are taken: "iu" for whole numbers only.
    """
    what = {"iu": "whole numbers", "b": "true or false"}.get(kind, "numbers")
    try:
        array = concrete(value)
    except ValueError as error:
        raise InputError(
            f"Argument `{name}` must be an array of {what}, but its rows differ in length. Give "
            "all rows the same number of entries."
        ) from error
    if array is not None and array.size and array.dtype.kind not in kind:
        raise InputError(
            f"Argument `{name}` must be {what}, but it is {_short(value)} ({array.dtype}). "
            "Convert it."
        )
    return array


def shaped(name: str, value, *shapes: tuple[int | str, ...]) -> None:
    """Raise InputError unless `value` has one of some shapes; words stand for any length."""
    array = numbers(name, value)
    found = jnp.shape(jnp.asarray(value)) if array is None else array.shape
    for shape in shapes:
        known = zip(shape, found, strict=False)
        if len(shape) == len(found) and all(isinstance(n, str) or n == m for n, m in known):
            return
    wanted = " or ".join(f"({', '.join(map(str, s))}{',' * (len(s) == 1)})" for s in shapes)
    raise InputError(
        f"Argument `{name}` must have shape {wanted}, but its shape is {found}. Nothing is "
        "repeated along an axis: give every entry."
    )


def finite(name: str, value) -> None:
    """Raise InputError unless every entry of `value` is a finite number."""
    array = numbers(name, value)
    if array is not None and not np.all(np.isfinite(array)):
        raise InputError(
            f"Argument `{name}` must be finite, but it contains NaN or infinity. "
            "Check the input for missing or overflowing numbers."
        )


def finite_array(name: str, value, *shapes: tuple[int | str, ...]) -> None:
    """Raise InputError unless `value` has one of some shapes and finite entries."""
    shaped(name, value, *shapes)
    finite(name, value)


def number(name: str, value) -> None:
    """Raise InputError unless `value` is one finite number."""
    array = numbers(name, value)
    shape = jnp.shape(jnp.asarray(value)) if array is None else array.shape
    if shape or value is None:
        raise InputError(
            f"Argument `{name}` must be one number, but its shape is {shape}. Give a number, not a "
            "list."
        )
    finite(name, value)


MANY = 10_000_000
"""Sites, cells, points or steps of one call: an estimate, arrays of so many vectors have 0.2 GB."""


def count(name: str, value, least: int = 1) -> None:
    """Raise InputError unless `value` is an integer that arrays may be long."""
    whole_number(name, value, least, MANY)


def box(name: str, shape, dimension: int | None = None) -> None:
    """Raise InputError unless `shape` holds positive integers, one per lattice vector."""
    shaped(name, numbers(name, shape, "iu"), ("dim" if dimension is None else dimension,))
    cells = math.prod(int(n) for n in shape)
    if any(n < 1 for n in shape) or cells > MANY:
        raise InputError(
            f"Argument `{name}` must hold positive numbers of cells, at most {MANY} in all, but it "
            f"is {tuple(shape)}. Give one number per lattice vector."
        )


def one_of(name: str, value, choices) -> None:
    """Raise InputError unless `value` is one of some words."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(
            f"Argument `{name}` must be one of {', '.join(choices)}, but it is {value!r}. Choose "
            "one."
        )


def words(name: str, value, choices) -> None:
    """Raise InputError unless `value` is a sequence of some words."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InputError(
            f"Argument `{name}` must hold some of {', '.join(choices)}, but it is {value!r}. Give "
            "a list."
        )
    for item in value:
        if not isinstance(item, str) or item not in choices:
            raise InputError(
                f"Argument `{name}` must hold some of {', '.join(choices)}, but it holds {item!r}. "
                "Choose some."
            )


def path(name: str, value, *, long: bool = False) -> Path:
    """Return `value` as a path; raise InputError unless it is text or a path, `long` or not."""
    told = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(told, str):
        raise InputError(
            f"Argument `{name}` must be text or a path, but it is {_short(value)}. Give the name "
            "of a file or folder."
        )
    # What systems refuse, with errors that `Path.exists` and its like let through.
    short = len(told) < 4000 and all(len(os.fsencode(part)) < 256 for part in Path(told).parts)
    if not (short or long):
        raise InputError(
            f"Argument `{name}` must be the name of a file or folder, but it has {len(told)} "
            f"characters ({told[:40]} ...). Give a path, not what is in the file."
        )
    return Path(told)


def positive_number(name: str, value, unit: str = "") -> None:
    """Raise InputError unless `value` is one finite number greater than zero."""
    number(name, value)
    positive(name, value, unit)


def whole_number(name: str, value, least: int, most: int | None = None) -> None:
    """Raise InputError unless `value` is an integer in a range."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"{least} to {most}"
        raise InputError(
            f"Argument `{name}` must be an integer of {limits}, but it is {value!r}. Give a count."
        )


def positive(name: str, value, unit: str = "") -> None:
    """Raise InputError unless every entry of `value` is finite and greater than zero."""
    finite(name, value)
    array = concrete(value)
    if array is not None and np.any(array <= 0):
        raise InputError(
            f"Argument `{name}` must be greater than zero{f' ({unit})' if unit else ''}, "
            f"but it is {array if array.ndim == 0 else array.min()}. Check its sign and unit."
        )


def negative(name: str, value, unit: str = "") -> None:
    """Raise InputError unless every entry of `value` is finite and less than zero."""
    finite(name, value)
    array = concrete(value)
    if array is not None and np.any(array >= 0):
        raise InputError(
            f"Argument `{name}` must be less than zero{f' ({unit})' if unit else ''}, "
            f"but it is {array if array.ndim == 0 else array.max()}. Check its sign and unit."
        )


def not_negative(name: str, value, unit: str = "") -> None:
    """Raise InputError unless every entry of `value` is finite and at least zero."""
    finite(name, value)
    array = concrete(value)
    if array is not None and np.any(array < 0):
        raise InputError(
            f"Argument `{name}` must not be negative{f' ({unit})' if unit else ''}, "
            f"but it is {array if array.ndim == 0 else array.min()}. Check its sign and unit."
        )


def unit_vectors(name: str, value, tolerance: float = 1e-8) -> None:
    """Raise InputError unless the last axis of `value` holds finite unit vectors."""
    finite(name, value)
    array = concrete(value)
    if array is None:
        return
    if array.ndim == 0 or array.shape[-1] != 3:
        raise InputError(
            f"Argument `{name}` must have 3 components on its last axis, "
            f"but its shape is {array.shape}. Give one vector x, y, z per spin."
        )
    norm = np.linalg.norm(array, axis=-1)
    worst = np.abs(norm - 1).max(initial=0)
    if worst > tolerance:
        raise InputError(
            f"Argument `{name}` must hold unit vectors, but a norm differs from 1 by {worst:.1e}. "
            "Divide each vector by its norm."
        )


def distinct_sites(name: str, positions, tolerance: float = 1e-6) -> None:
    """Raise InputError if two of the `positions` (site, dim) coincide."""
    finite(name, positions)
    array = concrete(positions)
    if array is not None and array.ndim != 2:
        raise InputError(
            f"Argument `{name}` must have shape (site, dim), but its shape is {array.shape}. Give "
            "one row per site."
        )
    if array is None or len(array) < 2:
        return
    tree = KDTree(array)
    distance, neighbour = map(np.asarray, tree.query(array, k=2))
    closest = int(np.argmin(distance[:, 1]))
    if distance[closest, 1] <= tolerance:
        i, j = sorted((closest, int(np.max(neighbour[closest]))))
        raise InputError(
            f"Argument `{name}` must hold distinct sites, but sites {i} and {j} coincide. "
            "Remove one of them."
        )


def same_energies(name: str, z, known, owner: str, tolerance: float = 1e-9) -> None:
    """Raise InputError unless `z` are the energies `known` (eV) to rounding, in their order."""
    if np.shape(z) != np.shape(known):
        raise InputError(
            f"Argument `{name}` must be the {len(known)} energies of {owner}, but its shape is "
            f"{np.shape(z)}. Use the contour of the host."
        )
    here, there = concrete(z), concrete(known)
    if here is None or there is None:
        return
    worst = np.abs(here - there).max(initial=0)
    if worst > tolerance:
        raise InputError(
            f"Argument `{name}` must be the energies of {owner}, but one differs by {worst:.1e} "
            "eV. Green functions from a file exist at its energies only: use the contour of the "
            "host."
        )


def _short(value) -> str:
    """Return how a value is written, in sixty characters at most."""
    shown = " ".join(repr(value).split())
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
