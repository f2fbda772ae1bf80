"""What a host is: anything that gives G(z) between sites, and a contour natural to it."""

import abc
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, Complex, Float
from msgreen.contour import Contour, imaginary_axis, matsubara
from msgreen.errors import InputError
from msgreen.lattice import HoppingModel
from msgreen.spin.algebra import Green


class Coarse(eqx.Module):
    """The Green function of a host from a coarser mesh, which tells the error of the finer one.

    What is computed from G is computed from both; the error of the finer result is `ratio` times
    their difference (`mesh_error`).

    Attributes
    ----------
    green : Green
        The same blocks from the coarser mesh.
    ratio : real array, shape (energy,)
        How much closer to the infinitely fine mesh the finer one is.
    """

    green: Green
    ratio: Float[Array, " energy"]


def mesh_error(fine, coarse, ratio, axis: int = 0) -> Float[Array, "..."]:
    """Return the error of what a host's Green function was used for, energy by energy.

    Parameters
    ----------
    fine, coarse : arrays
        The same function of `blocks` and of `Coarse.green`, with the energy on `axis`.
    ratio : real array, shape (energy,)
        `Coarse.ratio`.
    axis : int
    """
    change = jnp.moveaxis(jnp.abs(jax.lax.stop_gradient(fine - coarse)), axis, -1)
    return jnp.moveaxis(change * jax.lax.stop_gradient(ratio), -1, axis)


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

    def blocks_and_coarse(
        self, z: Complex[Array, " energy"], sites, pairs: np.ndarray
    ) -> tuple[Green, Coarse | None]:
        """Return `blocks`, and the same from a coarser mesh by hosts that sum over one.

        Whatever gives an error estimate asks for both. Hosts with closed forms leave it as it is:
        their G is exact up to rounding, which the consumers know.

        Returns
        -------
        blocks : Green
        coarse : Coarse or None
        """
        return self.blocks(z, sites, pairs), None

    def keeps_time_reversal(self, z: Complex[Array, " energy"], sites) -> bool:
        """Whether the Green function between different `sites` at energies `z` keeps time reversal.

        In such a host the energies of odd numbers of spins vanish.
        """
        pairs = np.argwhere(~np.eye(site_count(sites), dtype=bool))
        return time_odd_share(self.blocks(z, sites, pairs), pairs) < TIME_EVEN

    @property
    def assumed_gap(self) -> float | None:
        """Half-width in eV of the gap around E_F that `contour` relies on, None without one."""
        return None


TIME_EVEN = 1e-9
"""Share of G that rounding, but no magnetism, can make odd under reversal of time."""


def time_odd_share(green: Green, pairs: np.ndarray) -> float:
    """Return how much of G changes under reversal of time, relative to its largest entry.

    Reversal of time takes G_ij to sigma_y G_ji^T sigma_y at the same z, so that A_ij - A_ji^T and
    B_ij + B_ji^T are what is odd. With NaN while JAX is tracing, when nothing is known.

    Parameters
    ----------
    green : Green
    pairs : int array, shape (pair, 2)
        Both directions of every pair.
    """
    a, b = _checks.concrete(green.A), _checks.concrete(green.B)
    if a is None or b is None:
        return float("nan")
    place = {pair: n for n, pair in enumerate(map(tuple, pairs.tolist()))}
    back = [place[j, i] for i, j in pairs.tolist()]
    odd = [a - a[:, back].swapaxes(-1, -2), b + b[:, back].swapaxes(-1, -2)]
    scale = max(np.abs(part).max(initial=0) for part in (a, b))
    return float(max(np.abs(part).max(initial=0) for part in odd) / scale) if scale else 0.0


class AbstractLatticeHost(AbstractHost):
    """A host on a lattice: a hopping model, and a way to its resolvent between chosen sites.

    Hosts that change the model but keep the geometry, as a superconductor does, receive such a
    host and hand it their own model. Sites are rows of integers: cell coordinates, basis atom.
    """

    model: eqx.AbstractVar[HoppingModel]
    fermi_energy: eqx.AbstractVar[Float[Array, ""]]
    temperature: eqx.AbstractVar[float]

    @abc.abstractmethod
    def model_blocks(
        self, model: HoppingModel, z: Complex[Array, " energy"], sites, pairs, momentum=None
    ) -> Complex[Array, "energy pair spinorb spinorb"]:
        """Return the blocks of (z - H)^-1 of another model in the geometry of this host.

        `momentum`, shape (dim,), is the pair momentum of a superconductor in units of the
        reciprocal vectors: closed directions are twisted by half of it per cell.
        """

    def model_blocks_and_coarse(
        self, model: HoppingModel, z: Complex[Array, " energy"], sites, pairs, momentum=None
    ) -> tuple[
        Complex[Array, "energy pair spinorb spinorb"],
        tuple[Complex[Array, "energy pair spinorb spinorb"], Float[Array, " energy"]] | None,
    ]:
        """Return `model_blocks`, and those of a coarser mesh with `Coarse.ratio`, or None."""
        return self.model_blocks(model, z, sites, pairs, momentum), None

    @abc.abstractmethod
    def has_levels(self, model: HoppingModel, low: float, high: float, momentum=None) -> bool:
        """Return whether another model in the geometry of this host has levels in an interval."""


def level_contour(
    centre, bound: float, temperature: float, gap: float | None, has_levels: Callable
) -> Contour:
    """Return the contour for a bounded spectrum: poles of the Fermi function, or a gap.

    Parameters
    ----------
    centre : float
        E_F in eV.
    bound : float
        Bound in eV of the absolute value of all levels of the host. Twice of it is covered, so
        that spins may be coupled as strongly as the host is wide.
    temperature : float
        k_B T in eV. At zero a gap is needed.
    gap : float, optional
        Distance in eV from E_F to the nearest level.
    has_levels : callable
        Tells whether there are levels in an interval (low, high).

    Raises
    ------
    InputError
        If the temperature is zero and there is no gap, or there are levels within it.
    """
    width = 2 * bound + abs(float(centre))
    if temperature > 0:
        return matsubara(temperature, centre, _rounded(width, temperature), accuracy=1e-11)
    if gap is None:
        raise InputError(
            "Argument `gap` must be given at zero temperature, but it is missing. Pass the "
            "distance from E_F to the nearest level, a temperature, or a contour."
        )
    low, high = float(centre) - gap, float(centre) + gap
    if has_levels(low, high):
        raise InputError(
            f"Argument `gap` must not exceed the distance from E_F to the nearest level, but the "
            f"host has levels between {low:g} and {high:g} eV. Use a smaller gap, or a "
            "temperature above zero."
        )
    return imaginary_axis(centre, gap, _rounded(width + 10 * gap, gap), accuracy=1e-11)


def _rounded(width: float, unit: float) -> float:
    """Round up to a power of two of the unit: neighbouring parameters share one set of poles."""
    return float(unit * 2.0 ** np.ceil(np.log2(width / unit)))


def host_factor(host: AbstractHost) -> float:
    """Return 1/2 for a particle-hole doubled host, 1 otherwise."""
    return 0.5 if host.nambu else 1.0


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
