"""What a host is: anything that gives G(z) between sites, and a contour natural to it."""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msgreen._typing import Array, Complex
from msgreen.contour import Contour
from msgreen.errors import InputError
from msgreen.spin import Green


class AbstractHost(eqx.Module):
    """A host of magnetic sites, described by its resolvent G(z) = (z - H)^-1.

    A new host implements `blocks` and `contour` and sets `nambu`; everything above it
    (energies, interactions, derivatives) works unchanged. Fields that are arrays are
    differentiable parameters; mark everything else ``eqx.field(static=True)``.

    `sites` is whatever names sites for this host, with one row per site: positions in
    angstrom for an electron gas, cell and basis indices for a lattice, atom numbers for a
    cluster. The code above only passes it on.
    """

    nambu: ClassVar[bool]
    """Whether the orbitals include particle and hole (then energies get a factor 1/2)."""

    @abc.abstractmethod
    def blocks(self, z: Complex[Array, " energy"], sites, pairs: np.ndarray) -> Green:
        """Return the blocks G_ij(z) for given pairs of sites.

        Parameters
        ----------
        z : complex array, shape (energy,)
            Energies in eV, in the closed upper half plane.
        sites : array with one row per site
        pairs : int array, shape (pair, 2)
            Row numbers (i, j) into `sites`; i = j asks for an on-site block.

        Returns
        -------
        Green
            A of shape (energy, pair, orb, orb), B of shape (energy, pair, 3, orb, orb).
        """

    @abc.abstractmethod
    def contour(self, sites) -> Contour:
        """Return the energies and weights that suit this host and these sites."""


def site_count(sites) -> int:
    """Return the number of rows of `sites`."""
    return int(np.shape(sites)[0])


def check_pairs(pairs, count: int) -> np.ndarray:
    """Return `pairs` as an int array of shape (pair, 2), refusing rows outside 0...count-1."""
    array = np.asarray(pairs)
    if array.ndim != 2 or array.shape[1] != 2 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            f"Argument `pairs` must be an int array of shape (pair, 2), but it is {array.dtype} "
            f"of shape {array.shape}."
        )
    if array.size and (array.min() < 0 or array.max() >= count):
        raise InputError(
            f"Argument `pairs` must hold site numbers from 0 to {count - 1}, but it ranges from "
            f"{array.min()} to {array.max()}."
        )
    return array


def green_matrix(
    host: AbstractHost, z: Complex[Array, " energy"], sites
) -> Complex[Array, "energy site spinorb site spinorb"]:
    """Return G(z) between all sites, on-site blocks included.

    Parameters
    ----------
    host : AbstractHost
    z : complex array, shape (energy,)
        Energies in eV.
    sites : array with one row per site

    Returns
    -------
    complex array, shape (energy, site, 2 orb, site, 2 orb)
    """
    count = site_count(sites)
    pairs = np.stack(np.meshgrid(np.arange(count), np.arange(count), indexing="ij"), axis=-1)
    matrix = host.blocks(z, sites, pairs.reshape(-1, 2)).matrix()
    size = matrix.shape[-1]
    return jnp.swapaxes(matrix.reshape(len(z), count, count, size, size), 2, 3)
