"""A finite cluster of orbitals with a given Hamiltonian matrix."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Energies, Float, Pairs, Scalar, Sites
from msgreen.blocks import map_items
from msgreen.contour import Contour, imaginary_axis
from msgreen.errors import InputError
from msgreen.hosts.base import AbstractHost, check_levels, check_pairs
from msgreen.spin.algebra import Green, decompose


class ClusterHost(AbstractHost):
    """A finite system with one Hamiltonian matrix; its sites may carry magnetic moments.

    The resolvent is a plain matrix inverse, so that a cluster is also the yardstick for other
    hosts: everything can be compared with diagonalisation.

    Parameters
    ----------
    hamiltonian : complex array, shape (site, 2 orb, site, 2 orb)
        In eV, Hermitian; in the spin-orbital index of each site spin is the slow index.
    fermi_energy : float
        E_F in eV. It must lie in a gap of the cluster with its spins in place.
    gap : float
        A lower bound of the distance in eV of the levels from E_F, with any of the spins in place.
    bandwidth : float, optional
        An upper bound of that distance. By default four times the largest sum of the moduli in a
        row of the Hamiltonian, which leaves room for spins that couple as strongly as that.

    Raises
    ------
    InputError
        If the Hamiltonian is not Hermitian or has the wrong shape, or a number has no meaning.

    Notes
    -----
    `sites` are numbers of the cluster's sites, an int array of shape (site,).
    """

    nambu: ClassVar[bool] = False

    hamiltonian: Complex[Array, "site spinorb site spinorb"]
    fermi_energy: Float[Array, ""]
    gap: float = eqx.field(static=True)
    bandwidth: float | None = eqx.field(static=True)

    def __init__(
        self,
        hamiltonian: Complex[ArrayLike, "site spinorb site spinorb"],
        *,
        fermi_energy: Scalar = 0.0,
        gap: float,
        bandwidth: float | None = None,
    ):
        require_x64("ClusterHost")
        _checks.finite("hamiltonian", hamiltonian)
        matrix = jnp.asarray(hamiltonian, complex)
        if matrix.ndim != 4 or matrix.shape[:2] != matrix.shape[2:] or matrix.shape[1] % 2:
            raise InputError(
                "Argument `hamiltonian` must have shape (site, 2 orb, site, 2 orb), but its shape "
                f"is {matrix.shape}. Reshape it; spin is the slow index of a site."
            )
        array = _checks.concrete(matrix)
        if array is not None:
            defect = np.abs(array - array.transpose(2, 3, 0, 1).conj())
            if defect.max() > 1e-10 * max(1.0, np.abs(array).max()):
                entry = tuple(int(n) for n in np.unravel_index(defect.argmax(), array.shape))
                raise InputError(
                    f"Argument `hamiltonian` must be Hermitian, but entry {entry} differs from the "
                    f"conjugate of its partner by {defect.max():.1e}. Take (H + H^+)/2 if that is "
                    "meant."
                )
        _checks.number("fermi_energy", fermi_energy)
        _checks.positive_number("gap", gap, "eV")
        if bandwidth is not None:
            _checks.positive_number("bandwidth", bandwidth, "eV")
        self.hamiltonian = matrix
        self.fermi_energy = jnp.asarray(fermi_energy, float)
        self.gap = float(gap)
        self.bandwidth = None if bandwidth is None else float(bandwidth)

    def blocks(self, z: Energies, sites: Sites, pairs: Pairs) -> Green:
        """Return G_ij(z); see `AbstractHost.blocks`. `sites` are site numbers, shape (site,)."""
        numbers = _check_sites(sites, len(self.hamiltonian))
        pairs = numbers[check_pairs(pairs, len(numbers))]
        known, z = (self.hamiltonian, pairs), jnp.asarray(z, complex)
        return map_items(_blocks, known, (z,), 3 * 16 * self.hamiltonian.size)

    def contour(self, sites: Sites) -> Contour:
        """Return the imaginary axis through E_F, made for the gap and the bandwidth.

        Raises
        ------
        InputError
            If a level of the cluster without spins lies nearer to E_F or farther away.
        """
        bandwidth = self.bandwidth
        if bandwidth is None:
            levels = _checks.concrete(self.hamiltonian), _checks.concrete(self.fermi_energy)
            if levels[0] is None or levels[1] is None:
                raise InputError(
                    "Argument `bandwidth` must be given while JAX traces the Hamiltonian, but it "
                    "is missing. Pass `ClusterHost(..., bandwidth=...)` or make the contour first."
                )
            row_sums = np.abs(levels[0]).reshape(*levels[0].shape[:2], -1).sum(axis=-1)
            bandwidth = 4 * row_sums.max() + abs(float(levels[1])) + 10 * self.gap
        contour = imaginary_axis(self.fermi_energy, gap=self.gap, bandwidth=bandwidth)
        check_levels(self, contour)
        return contour

    def has_levels(self, low: float, high: float) -> bool:
        """Whether there are levels between two energies; see `AbstractHost.has_levels`."""
        size = self.hamiltonian.shape[0] * self.hamiltonian.shape[1]
        levels = np.linalg.eigvalsh(np.asarray(self.hamiltonian).reshape(size, size))
        return bool(np.any((levels > low) & (levels < high)))


@jax.jit
def _blocks(known, z) -> Green:
    hamiltonian, pairs = known
    count, size = hamiltonian.shape[:2]
    green = linalg.resolvent(z, hamiltonian.reshape(count * size, count * size))
    green = green.reshape(-1, count, size, count, size)
    return decompose(green[:, pairs[:, 0], :, pairs[:, 1]].swapaxes(0, 1))


def _check_sites(sites, count: int) -> np.ndarray:
    """Return `sites` as an int array, refusing numbers outside 0...count-1 and repeated ones."""
    array = np.asarray(_checks.numbers("sites", sites))
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            f"Argument `sites` must be an int array of shape (site,), but it is {array.dtype} of "
            f"shape {array.shape}. Number the sites of the cluster from 0."
        )
    if np.any((array < 0) | (array >= count)) or len(np.unique(array)) < len(array):
        raise InputError(
            f"Argument `sites` must hold different site numbers from 0 to {count - 1}, but it is "
            f"{array.tolist()}. Name each site once."
        )
    return array
