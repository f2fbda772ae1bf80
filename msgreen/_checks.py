"""Checks of arguments. Values that JAX is tracing are passed through unchecked."""

import numpy as np
from jax.core import Tracer
from scipy.spatial import KDTree

from msgreen.errors import InputError


def concrete(value) -> np.ndarray | None:
    """Return `value` as a numpy array, or None while JAX is tracing it."""
    return None if isinstance(value, Tracer) else np.asarray(value)


def finite(name: str, value) -> None:
    """Raise InputError unless every entry of `value` is finite."""
    array = concrete(value)
    if array is not None and not np.all(np.isfinite(array)):
        raise InputError(
            f"Argument `{name}` must be finite, but it contains NaN or infinity. "
            "Check the input for missing or overflowing numbers."
        )


def positive(name: str, value, unit: str = "") -> None:
    """Raise InputError unless every entry of `value` is finite and greater than zero."""
    finite(name, value)
    array = concrete(value)
    if array is not None and np.any(array <= 0):
        raise InputError(
            f"Argument `{name}` must be greater than zero{f' ({unit})' if unit else ''}, "
            f"but it is {array if array.ndim == 0 else array.min()}."
        )


def negative(name: str, value, unit: str = "") -> None:
    """Raise InputError unless every entry of `value` is finite and less than zero."""
    finite(name, value)
    array = concrete(value)
    if array is not None and np.any(array >= 0):
        raise InputError(
            f"Argument `{name}` must be less than zero{f' ({unit})' if unit else ''}, "
            f"but it is {array if array.ndim == 0 else array.max()}."
        )


def not_negative(name: str, value, unit: str = "") -> None:
    """Raise InputError unless every entry of `value` is finite and at least zero."""
    finite(name, value)
    array = concrete(value)
    if array is not None and np.any(array < 0):
        raise InputError(
            f"Argument `{name}` must not be negative{f' ({unit})' if unit else ''}, "
            f"but it is {array if array.ndim == 0 else array.min()}."
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
            f"but its shape is {array.shape}."
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
