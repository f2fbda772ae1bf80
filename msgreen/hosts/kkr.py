"""A cluster of atoms in a real material: structural Green functions of the KKR method."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Energies, Pairs, Sites, Vectors
from msgreen.contour import Contour
from msgreen.errors import InputError
from msgreen.hosts.base import AbstractHost, check_pairs
from msgreen.spin.algebra import Green, decompose
from msgreen.spin.harmonics import (
    axial_image,
    crystal_operations,
    spinor_representation,
    time_reversed,
)


class KKRHost(AbstractHost):
    """Structural Green function of a cluster, at the energies at which it was computed.

    The host contains its atoms with their moments in a reference state; a scatterer
    (`msgreen.scattering.tmatrix`) is the change of the t-matrices from there.

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

    def __init__(
        self, green: Complex[ArrayLike, "energy site spinorb site spinorb"], contour: Contour
    ):
        require_x64("KKRHost")
        self.green = jnp.asarray(green, complex)
        self.path = contour
        shape = self.green.shape
        if len(shape) != 5 or shape[1:3] != shape[3:] or shape[2] % 2:
            raise InputError(
                "Argument `green` must have shape (energy, site, 2 orb, site, 2 orb), but its "
                f"shape is {shape}. "
                "Spin is the slow index of a site."
            )
        if shape[0] != len(contour.nodes):
            raise InputError(
                f"Argument `contour` must have the {shape[0]} energies of `green`, but it has "
                f"{len(contour.nodes)}. "
                "Give the contour of its file."
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

    def blocks(self, z: Energies, sites: Sites, pairs: Pairs) -> Green:
        """Return G_ij(z); see `AbstractHost.blocks`. `sites` are atom numbers, shape (site,)."""
        _checks.same_energies("z", z, self.path.nodes, "the Green function")
        numbers = check_pairs(np.stack([np.asarray(sites)] * 2, axis=1), self.count)[:, 0]
        pairs = numbers[check_pairs(pairs, len(numbers))]
        return _between(self.green, *pairs.T)

    def contour(self, sites: Sites) -> Contour:
        """Return the energies and weights of the Green function."""
        return self.path


@jax.jit
def _between(green, first, second) -> Green:
    # Advanced indices apart from each other put the pairs first.
    return decompose(jnp.swapaxes(green[:, first, :, second], 0, 1))


def replace_atoms(
    host: KKRHost, change: Complex[ArrayLike, "energy site spinorb spinorb"]
) -> KKRHost:
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
    replaced = linalg.solve(jnp.eye(count * size, dtype=complex) - product, green)
    return KKRHost(replaced.reshape(host.green.shape), host.path)


class ClusterOperation(NamedTuple):
    """A symmetry operation of a cluster in its host.

    Attributes
    ----------
    matrix : real array, shape (3, 3)
        About the centre of the cluster.
    images : int array, shape (site,)
        The atom to which every atom is moved.
    reversal : bool
        Whether time is reversed in addition, because the operation alone reverses the moments.
    residual : float
        |G moved - G| / |G|, matrix norms over all energies.
    """

    matrix: np.ndarray
    images: np.ndarray
    reversal: bool
    residual: float


def cluster_operations(
    host: KKRHost, positions: Vectors, reference: Vectors
) -> list[ClusterOperation]:
    """Return the point operations that a cluster's positions and moments allow, with residuals.

    Parameters
    ----------
    host : KKRHost
    positions : real array, shape (site, 3)
        In any unit.
    reference : real array, shape (site, 3)
        Unit vectors along the moments.

    Returns
    -------
    list of ClusterOperation
        All operations of a cubic or hexagonal lattice, alone or together with a reversal of time,
        that map positions and moments on themselves. A large residual tells that the host around
        the cluster does not have the symmetry.
    """
    points = np.asarray(positions, float)
    points = points - points.mean(axis=0)
    moments = np.asarray(reference, float)
    scale = np.abs(points).max() if len(points) > 1 else 1.0
    green = np.asarray(host.green)
    found = []
    for operation in crystal_operations():
        distance = np.linalg.norm((points @ operation.T)[:, None] - points[None], axis=-1)
        images = distance.argmin(axis=1)
        if distance.min(axis=1).max() > 1e-6 * scale:
            continue
        turned = axial_image(operation, moments)
        for reversal, sign in ((False, 1.0), (True, -1.0)):
            if np.abs(sign * turned - moments[images]).max() < 1e-9:
                trial = ClusterOperation(operation, images, reversal, np.nan)
                residual = np.linalg.norm(_moved(green, trial) - green) / np.linalg.norm(green)
                found.append(trial._replace(residual=float(residual)))
    return found


def symmetrize(host: KKRHost, operations: Sequence[ClusterOperation]) -> KKRHost:
    """Return the host with its Green function averaged over symmetry operations.

    It removes the small asymmetry that a finite k mesh leaves in a computed Green function.

    Parameters
    ----------
    host : KKRHost
    operations : sequence of ClusterOperation
        A group, as `cluster_operations` returns it.
    """
    green = np.asarray(host.green)
    return KKRHost(sum(_moved(green, o) for o in operations) / len(operations), host.path)


def reciprocal(host: KKRHost) -> KKRHost:
    """Return the host with (G + G^T)/2: for hosts without spin-orbit coupling only.

    There, with collinear moments along z, running a path backwards changes nothing,
    G_ij = G_ji^T spin by spin. A computed Green function obeys it up to its k mesh.
    """
    green = np.asarray(host.green)
    return KKRHost((green + green.transpose(0, 3, 4, 1, 2)) / 2, host.path)


def _moved(green, operation: ClusterOperation) -> np.ndarray:
    """G of the moved cluster, where U G_ij U^+ stands at the images of i and j."""
    degree = round(np.sqrt(green.shape[2] // 2)) - 1
    turn = spinor_representation(operation.matrix, degree)
    blocks = turn @ np.swapaxes(green, 2, 3) @ turn.conj().T
    source = np.argsort(operation.images)
    blocks = blocks[:, source][:, :, source]
    if operation.reversal:
        blocks = time_reversed(np.swapaxes(blocks, 1, 2))
    return np.swapaxes(blocks, 2, 3)
