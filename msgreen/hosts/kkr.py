"""A cluster of atoms in a real material: structural Green functions of the KKR method."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, Complex
from msgreen.contour import Contour
from msgreen.errors import InputError
from msgreen.hosts.base import AbstractHost, check_pairs
from msgreen.spin import Green, decompose


class KKRHost(AbstractHost):
    """Structural Green function of a cluster, at the energies at which it was computed.

    The host contains its atoms with their moments in a reference state; a scatterer
    (`msgreen.tmatrix`) is the change of the t-matrices from there.

    Parameters
    ----------
    green : complex array, shape (energy, site, 2 orb, site, 2 orb)
        In 1/angstrom, on-site blocks included; orbitals are real harmonics, spin is the slow index.
    contour : Contour
        The energies of `green` and their weights.

    Raises
    ------
    InputError
        If the shape does not fit the contour, or a number is not finite.

    Notes
    -----
    `sites` are numbers of the cluster's atoms, an int array of shape (site,). The energies cannot
    be chosen: any others than those of the contour are refused.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 6-9.
    """

    nambu: ClassVar[bool] = False

    green: Complex[Array, "energy site spinorb site spinorb"]
    path: Contour

    def __init__(self, green, contour: Contour):
        require_x64("KKRHost")
        self.green = jnp.asarray(green, complex)
        self.path = contour
        shape = self.green.shape
        if len(shape) != 5 or shape[1:3] != shape[3:] or shape[2] % 2:
            raise InputError(
                "Argument `green` must have shape (energy, site, 2 orb, site, 2 orb), but its "
                f"shape is {shape}."
            )
        if shape[0] != len(contour.nodes):
            raise InputError(
                f"Argument `contour` must have the {shape[0]} energies of `green`, but it has "
                f"{len(contour.nodes)}."
            )
        _checks.finite("green", self.green)

    @property
    def count(self) -> int:
        """Number of atoms."""
        return self.green.shape[1]

    @property
    def sites(self) -> np.ndarray:
        """All atoms of the cluster, as `blocks` names them."""
        return np.arange(self.count)

    def blocks(self, z, sites, pairs) -> Green:
        """Return G_ij(z); see `AbstractHost.blocks`. `sites` are atom numbers, shape (site,)."""
        _checks.same_energies("z", z, self.path.nodes, "the Green function")
        numbers = check_pairs(np.stack([np.asarray(sites)] * 2, axis=1), self.count)[:, 0]
        pairs = numbers[check_pairs(pairs, len(numbers))]
        # Advanced indices apart from each other put the pairs first.
        return decompose(jnp.swapaxes(self.green[:, pairs[:, 0], :, pairs[:, 1]], 0, 1))

    def contour(self, sites) -> Contour:
        """Return the energies and weights of the Green function."""
        return self.path


def replace_atoms(host: KKRHost, change: Complex[Array, "energy site spinorb spinorb"]) -> KKRHost:
    """Return the host with other t-matrices at its atoms: Dyson's equation for the cluster.

        G' = G + G dt G' = G (1 - dt G)^-1

    Parameters
    ----------
    host : KKRHost
    change : complex array, shape (energy, site, 2 orb, 2 orb)
        dt = t_new - t_old in angstrom, zero at atoms that stay: an impurity, or a turned moment
        (`TMatrix.potential`).

    Returns
    -------
    KKRHost
        Scatterers must now be given relative to the new atoms (`TMatrix.about`).

    Raises
    ------
    InputError
        If the shape does not fit the host.
    """
    change = jnp.asarray(change, complex)
    energies, count, size = host.green.shape[:3]
    if change.shape != (energies, count, size, size):
        raise InputError(
            f"Argument `change` must have shape {(energies, count, size, size)}, but its shape is "
            f"{change.shape}. Give one matrix per energy and atom of the host."
        )
    product = jnp.einsum("eiajb,ejbc->eiajc", host.green, change)
    green, product = (m.reshape(energies, count * size, -1) for m in (host.green, product))
    # (1 - G dt)^-1 G = G (1 - dt G)^-1
    replaced = jnp.linalg.solve(jnp.eye(count * size, dtype=complex) - product, green)
    return KKRHost(replaced.reshape(host.green.shape), host.path)
