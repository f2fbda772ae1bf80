"""What a host is: anything that gives G(z) between sites, and a contour natural to it."""

import abc
import warnings
from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import blake2b
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Energies, Float, Num, Pairs, Scalar, Sites
from msgreen.contour import Contour, imaginary_axis, matsubara
from msgreen.contour.axis import EDGE
from msgreen.contour.base import unexpected_levels
from msgreen.errors import AccuracyWarning, InputError
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


@partial(jax.jit, static_argnames="axis")
def mesh_error(
    fine: Num[Array, "..."],
    coarse: Num[Array, "..."],
    ratio: Float[Array, " energy"],
    axis: int = 0,
) -> Float[Array, "..."]:
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
    def blocks(self, z: Complex[Array, " energy"], sites: Sites, pairs: np.ndarray) -> Green:
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
    def contour(self, sites: Sites) -> Contour:
        """Return the energies and weights that suit this host and these sites."""

    def blocks_and_coarse(
        self, z: Complex[Array, " energy"], sites: Sites, pairs: np.ndarray
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

    def keeps_time_reversal(self, z: Energies, sites: Sites) -> bool:
        """Whether the Green function between different `sites` at energies `z` keeps time reversal.

        In such a host the energies of odd numbers of spins vanish.
        """
        pairs = np.argwhere(~np.eye(site_count(sites), dtype=bool))
        green = self.blocks(jnp.asarray(z, complex), sites, pairs)
        return time_odd_share(green, pairs) < TIME_EVEN

    def has_levels(self, low: float, high: float) -> bool | None:
        """Whether the host, without spins, has levels between two energies in eV, also infinite.

        None where the host cannot tell; what a contour assumes is then not checked.
        """
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
    temperature: eqx.AbstractVar[Float[Array, ""]]

    @abc.abstractmethod
    def model_blocks(
        self,
        model: HoppingModel,
        z: Complex[Array, " energy"],
        sites: Sites,
        pairs: Pairs,
        momentum: Float[ArrayLike, " dim"] | None = None,
    ) -> Complex[Array, "energy pair spinorb spinorb"]:
        """Return the blocks of (z - H)^-1 of another model in the geometry of this host.

        `momentum`, shape (dim,), is the pair momentum of a superconductor in units of the
        reciprocal vectors: closed directions are twisted by half of it per cell.
        """

    def model_blocks_and_coarse(
        self,
        model: HoppingModel,
        z: Complex[Array, " energy"],
        sites: Sites,
        pairs: Pairs,
        momentum: Float[ArrayLike, " dim"] | None = None,
    ) -> tuple[
        Complex[Array, "energy pair spinorb spinorb"],
        tuple[Complex[Array, "energy pair spinorb spinorb"], Float[Array, " energy"]] | None,
    ]:
        """Return `model_blocks`, and those of a coarser mesh with `Coarse.ratio`, or None."""
        return self.model_blocks(model, z, sites, pairs, momentum), None

    @abc.abstractmethod
    def model_has_levels(
        self,
        model: HoppingModel,
        low: float,
        high: float,
        momentum: Float[ArrayLike, " dim"] | None = None,
    ) -> bool:
        """Return whether another model in the geometry of this host has levels in an interval."""


MARGIN = 0.5
"""Part of the gap of a host for which its contour is made: spins may bind levels in the rest of it.

It costs one or two poles, and at its edges G on a mesh converges as well as on the imaginary axis.
"""


def level_contour(
    centre: Scalar,
    bound: float,
    temperature: Scalar,
    gap: float | None,
    has_levels: Callable,
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
        Distance in eV from E_F to the nearest level of the host. The contour is made for half of
        it, and with spins in place levels may come as near.
    has_levels : callable
        Tells whether there are levels in an interval (low, high).

    Raises
    ------
    InputError
        If the temperature is zero and there is no gap, or there are levels within it; or if JAX
        traces the temperature, whose ratio to the width decides the poles.
    """
    known = _checks.concrete(temperature)
    if known is None:
        raise InputError(
            "Argument `contour` must be given while JAX traces the temperature, but it is missing. "
            "Pass `matsubara(temperature, fermi_energy, ratio=...)`, the ratio being the width of "
            "the spectrum over the temperature."
        )
    width = 2 * bound + abs(float(centre))
    if known > 0:
        return matsubara(temperature, centre, _rounded(width, float(known)), accuracy=1e-11)
    if gap is None:
        raise InputError(
            "Argument `gap` must be given at zero temperature, but it is missing. Pass the "
            "distance from E_F to the nearest level, a temperature, or a contour."
        )
    low, high = float(centre) - gap * EDGE, float(centre) + gap * EDGE
    if has_levels(low, high):
        raise unexpected_levels(low, high, "the host has levels")
    near = MARGIN * gap
    return imaginary_axis(centre, near, _rounded(width + 10 * gap, near), accuracy=1e-11)


def check_levels(host: AbstractHost, contour: Contour) -> bool:
    """Return whether a contour fits the levels of a host, as far as that can be known.

    Returns
    -------
    bool
        False if nothing was checked: JAX traces the host or the contour, or the contour assumes
        nothing, or the host cannot tell (`AbstractHost.has_levels`), with a warning.

    Raises
    ------
    InputError
        If the host has levels where the contour assumes none.

    Warns
    -----
    AccuracyWarning
        If the host cannot tell.
    """
    intervals = contour.free_intervals()
    leaves = jax.tree.leaves(host)
    if not intervals or any(_checks.concrete(leaf) is None for leaf in leaves):
        return False
    digest = blake2b(b"".join(np.asarray(leaf).tobytes() for leaf in leaves)).digest()
    free = _known_free(jax.tree.structure(host), digest)
    for low, high in intervals:
        if any(start <= low and high <= end for start, end in free):
            continue
        found = host.has_levels(low, high)
        if found is None:
            warnings.warn(
                f"{type(host).__name__} does not know its levels: no one has checked whether they "
                "lie where the contour takes them to be. Compare two values of `gap` and "
                "`bandwidth`, or give the host a method `has_levels`.",
                AccuracyWarning,
                stacklevel=3,
            )
            return False
        if found:
            raise unexpected_levels(low, high, "the host has levels")
        free.append((low, high))
    return True


@lru_cache(maxsize=32)
def _known_free(structure, digest: bytes) -> list[tuple[float, float]]:
    """Return the list of intervals found free of levels so far, one list per host."""
    return []


def _rounded(width: float, unit: float) -> float:
    """Round up to a power of two of the unit: neighbouring parameters share one set of poles."""
    # Beyond 2^60 no rule exists, which the rule itself says.
    return float(unit * 2.0 ** min(60.0, np.ceil(np.log2(width / unit))))


def host_factor(host: AbstractHost) -> float:
    """Return 1/2 for a particle-hole doubled host, 1 otherwise."""
    return 0.5 if host.nambu else 1.0


def site_count(sites: Sites) -> int:
    """Return the number of rows of `sites`."""
    array = _checks.numbers("sites", sites)
    shape = np.shape(sites) if array is None else array.shape
    if not shape:
        raise InputError(
            f"Argument `sites` must have one row per site, but it is {sites!r}. Name the sites as "
            "their host does."
        )
    return int(shape[0])


def check_pairs(pairs: Pairs, count: int) -> np.ndarray:
    """Return `pairs` as an int array of shape (pair, 2), refusing rows outside 0...count-1."""
    array = np.asarray(_checks.numbers("pairs", pairs))
    if array.ndim != 2 or array.shape[1] != 2 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            f"Argument `pairs` must be an int array of shape (pair, 2), but it is {array.dtype} "
            f"of shape {array.shape}. Give two rows of `sites` per pair."
        )
    if array.size and (array.min() < 0 or array.max() >= count):
        raise InputError(
            f"Argument `pairs` must hold site numbers from 0 to {count - 1}, but it ranges from "
            f"{array.min()} to {array.max()}. Count sites from 0."
        )
    return array


def checked_blocks(
    host: AbstractHost, z: Complex[Array, " energy"], sites: Sites, pairs: np.ndarray
) -> tuple[Green, Coarse | None]:
    """Return `AbstractHost.blocks_and_coarse`, refusing blocks of another shape."""
    green, coarse = host.blocks_and_coarse(z, sites, pairs)
    for part in [green] if coarse is None else [green, coarse.green]:
        orb = part.A.shape[-1]
        wanted = (len(z), len(pairs), orb, orb), (len(z), len(pairs), 3, orb, orb)
        if (part.A.shape, part.B.shape) != wanted:
            raise InputError(
                f"Argument `host` must return blocks of shape {wanted[0]} and {wanted[1]}, but "
                f"their shapes are {part.A.shape} and {part.B.shape}. Correct "
                f"{type(host).__name__}.blocks."
            )
    return green, coarse


def green_matrix(
    host: AbstractHost, z: Complex[Array, " energy"], sites: Sites
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
    return green_matrices(host, z, sites)[0]


def green_matrices(
    host: AbstractHost, z: Complex[Array, " energy"], sites: Sites
) -> tuple[Array, tuple[Array, Float[Array, " energy"]] | None]:
    """Return `green_matrix`, and that of a coarser mesh with `Coarse.ratio`, or None."""
    _checks.shaped("z", z, ("energy",))
    _checks.finite("z", z)
    count = site_count(sites)
    pairs = np.stack(np.meshgrid(np.arange(count), np.arange(count), indexing="ij"), axis=-1)
    fine, coarse = checked_blocks(host, z, sites, pairs.reshape(-1, 2))

    def matrix(green: Green):
        blocks = green.matrix()
        size = blocks.shape[-1]
        return jnp.swapaxes(blocks.reshape(len(z), count, count, size, size), 2, 3)

    return matrix(fine), None if coarse is None else (matrix(coarse.green), coarse.ratio)
