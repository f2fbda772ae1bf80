"""Determinants and traces of scattering matrices G V, energy by energy."""

import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg, slogdet

from msgreen._typing import Array, Complex
from msgreen.contour import unwrap_logdet
from msgreen.errors import InputError


def check_scattering_order(order: int) -> None:
    """Raise InputError unless `order` is a number of scatterings."""
    if not isinstance(order, (int, np.integer)) or order < 1:
        raise InputError(
            f"Argument `order` must be an integer of at least 1, but it is {order!r}. Give the "
            "largest number of scatterings."
        )


def power_traces(
    matrix: Complex[Array, "energy size size"], order: int
) -> list[Complex[Array, " energy"]]:
    """Tr M^p for p = 1 ... order; the last power is not formed."""
    powers = [matrix]
    while 2 * len(powers) < order:
        powers.append(powers[-1] @ matrix)
    traces = [jnp.trace(power, axis1=1, axis2=2) for power in powers]
    for p in range(len(powers) + 1, order + 1):
        left, right = powers[p // 2 - 1], powers[p - p // 2 - 1]
        traces.append(jnp.einsum("eij,eji->e", left, right))
    return traces[:order]


def onsite_blocks(
    green: Complex[Array, "energy site spinorb site spinorb"],
) -> Complex[Array, "energy site spinorb spinorb"]:
    """Return the blocks G_ii."""
    return jnp.moveaxis(jnp.diagonal(green, axis1=1, axis2=3), -1, 1)


def as_matrix(
    blocks: Complex[Array, "energy site spinorb site spinorb"],
) -> Complex[Array, "energy size size"]:
    """Return blocks between sites as matrices of size site x 2 orb."""
    size = blocks.shape[1] * blocks.shape[2]
    return blocks.reshape(blocks.shape[0], size, size)


def log_determinant(matrix: Complex[Array, "energy ... size size"]) -> Complex[Array, "..."]:
    """Ln det of matrices (energy, ..., n, n), continuous along the contour."""
    phase, logabs = slogdet(matrix)
    return unwrap_logdet(phase, logabs, axis=0)


@jax.jit
def dressed(
    scattering: Complex[Array, "energy size size"],
    green: Complex[Array, "energy site spinorb site spinorb"],
) -> Complex[Array, "energy site spinorb site spinorb"]:
    """Return (1 - G V)^-1 G, the Green function with the spins in place.

    Parameters
    ----------
    scattering : complex array, shape (energy, site n, site n)
        G V.
    green : complex array, shape (energy, site, n, site, n)
        G.
    """
    identity = jnp.eye(scattering.shape[-1], dtype=complex)
    return linalg.solve(identity - scattering, as_matrix(green)).reshape(green.shape)
