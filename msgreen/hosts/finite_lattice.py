"""A finite piece of a lattice: flake, cylinder or torus, with vacancies and disorder."""

from typing import ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Energies, Float, Pairs, Scalar, Sites
from msgreen.blocks import map_items
from msgreen.contour import Contour
from msgreen.errors import InputError
from msgreen.hosts.base import AbstractLatticeHost, check_pairs, level_contour
from msgreen.lattice import (
    HoppingModel,
    Region,
    layer_blocks,
    layer_levels_below,
    levels_below,
    sector_blocks,
    sectors,
)
from msgreen.lattice.bloch import wave
from msgreen.lattice.finite import missing_sites
from msgreen.lattice.layers import elimination_cost
from msgreen.spin.algebra import Green, decompose

LARGEST_CUT = 4000
"""Matrix size beyond which the sites that are missing are not removed all at once."""

SLIM = 100.0
"""By how many times a cut may multiply more than layers, which do it one small one after the other:
1979 x 4 cells, where it would 60000 times, take half a minute; cut out, they had not ended after
150 seconds. Where the two turn over between 100 and 60000 has not been measured."""


class FiniteLattice(AbstractLatticeHost):
    """A finite tight-binding system, exact and without a matrix of its full size.

    A homogeneous system is cut out of a torus, whose resolvent comes from k space; the cost is
    one factorisation of the size of its rim. An inhomogeneous one is eliminated layer by layer.

    Parameters
    ----------
    model : HoppingModel
        Homogeneous, or with local blocks of the shape of the region.
    region : Region
    fermi_energy : float
        E_F in eV.
    temperature : float
        k_B T in eV, differentiable; at zero a gap is needed.
    gap : float, optional
        Distance in eV from E_F to the nearest level, checked by counting levels.
    route : "auto", "cut" or "layers"
        How to compute; "auto" cuts homogeneous systems.

    Raises
    ------
    InputError
        If model and region do not fit, or a number has no meaning.

    Notes
    -----
    `sites` are int arrays (site, dim + 1): cell coordinates from 0, and the basis atom.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from msgreen.lattice import Lattice, Region, shell_model
    >>> square = Lattice.square()
    >>> flake = FiniteLattice(shell_model(square, [-1.0]), Region(square, (5, 5)), temperature=0.1)
    >>> onsite = flake.blocks(jnp.array([1j]), [[2, 2, 0]], [[0, 0]])
    >>> round(float(onsite.A[0, 0, 0, 0].imag), 6)
    -0.461538
    """

    nambu: ClassVar[bool] = False

    model: HoppingModel
    fermi_energy: Float[Array, ""]
    temperature: Float[Array, ""]
    region: Region = eqx.field(static=True)
    gap: float | None = eqx.field(static=True)
    route: str = eqx.field(static=True)

    def __init__(
        self,
        model: HoppingModel,
        region: Region,
        *,
        fermi_energy: Scalar = 0.0,
        temperature: Scalar = 0.0,
        gap: float | None = None,
        route: Literal["auto", "cut", "layers"] = "auto",
    ):
        require_x64("FiniteLattice")
        _checks.number("fermi_energy", fermi_energy)
        _checks.number("temperature", temperature)
        _checks.not_negative("temperature", temperature, "k_B T in eV")
        if gap is not None:
            _checks.positive_number("gap", gap, "eV")
        if model.lattice != region.lattice:
            raise InputError(
                "Argument `region` must be a piece of the lattice of `model`, but the lattices "
                "differ. Build both from the same Lattice."
            )
        if not isinstance(route, str) or route not in ("auto", "cut", "layers"):
            raise InputError(
                f"Argument `route` must be 'auto', 'cut' or 'layers', but it is {route!r}. "
                "Leave it out."
            )
        self.model = model
        self.region = region
        self.fermi_energy = jnp.asarray(fermi_energy, float)
        self.temperature = jnp.asarray(temperature, float)
        self.gap = None if gap is None else float(gap)
        self.route = route
        self._route(model)

    def blocks(self, z: Energies, sites: Sites, pairs: Pairs) -> Green:
        """Return G_ij(z); see `AbstractHost.blocks`."""
        return decompose(self.model_blocks(self.model, z, sites, pairs))

    def contour(self, sites: Sites) -> Contour:
        """Return poles of the Fermi function, or of a gap that has been checked."""
        self.region.check_sites(sites)

        return level_contour(
            self.fermi_energy, self.model.bound(), self.temperature, self.gap, self.has_levels
        )

    def has_levels(self, low: float, high: float) -> bool:
        """Whether there are levels between two energies; see `AbstractHost.has_levels`."""
        return self.model_has_levels(self.model, low, high)

    def model_blocks(
        self,
        model: HoppingModel,
        z: Energies,
        sites: Sites,
        pairs: Pairs,
        momentum: Float[ArrayLike, " dim"] | None = None,
    ) -> Complex[Array, "energy pair spinorb spinorb"]:
        """Return the blocks of another model; see `AbstractLatticeHost.model_blocks`."""
        rows = self.region.check_sites(sites)
        pairs = check_pairs(pairs, len(rows))
        route, twist = self._route(model), self._twist(momentum)
        names = tuple(map(tuple, rows.tolist()))
        traced = _checks.concrete(model.blocks) is None
        whole = (tuple(range(model.blocks.shape[-1])),)
        parts = whole if traced or route == "layers" else sectors(model.blocks)
        known = model, self.region, route, parts, twist, names
        green = map_items(_green, known, (jnp.asarray(z, complex),), self._bytes(model, route))
        return _between(green, pairs[:, 0], pairs[:, 1])

    def model_has_levels(
        self,
        model: HoppingModel,
        low: float,
        high: float,
        momentum: Float[ArrayLike, " dim"] | None = None,
    ) -> bool:
        """Count levels by the signs of pivots; see `AbstractLatticeHost.model_has_levels`."""
        bound = model.bound()
        low, high = max(low, -1.01 * bound), min(high, 1.01 * bound)
        if low >= high:
            return False
        given, energies = self._twist(momentum), (low, high)
        if self._route(model) == "cut":
            arguments = (model.blocks, model.cells, self.region)
            twist = 0.0 if given is None else given
            counts = [levels_below(*arguments, energy, twist) for energy in energies]
        else:
            blocks = _spread(model, self.region, given)
            arguments = (blocks, model.cells, self.region)
            counts = [layer_levels_below(*arguments, energy) for energy in energies]
        return counts[1] > counts[0]

    def _route(self, model: HoppingModel) -> str:
        if model.local:
            box = model.blocks.shape[: model.lattice.dimension]
            if box != self.region.shape:
                raise InputError(
                    f"Argument `model` must have local blocks for the {self.region.shape} cells "
                    f"of the region, but it has them for {box}. "
                    "Make both of one shape."
                )
            if self.route == "cut":
                raise InputError(
                    "Argument `route` must be 'auto' or 'layers' for an inhomogeneous model, but "
                    "it is 'cut'. "
                    "Leave it out."
                )
            return "layers"
        if self.route != "auto":
            return self.route
        gone = len(missing_sites(self.region, model.cells)) * model.blocks.shape[-1]
        layers = elimination_cost(self.region, model.cells, model.blocks.shape[-1])
        # Closed regions, whose layers are wider, have not been measured.
        slim = not any(self.region.periodic) and float(gone) ** 3 > SLIM * layers
        small = gone <= LARGEST_CUT and not slim
        return "cut" if small else "layers"

    def _bytes(self, model: HoppingModel, route: str) -> int:
        """Memory that the Green function of one energy goes through."""
        size, sites = model.blocks.shape[-1], int(np.prod(self.region.shape))
        if route == "layers":
            return int(16 * elimination_cost(self.region, model.cells, size) ** (2 / 3))
        gone = len(missing_sites(self.region, model.cells)) * size
        return 16 * (sites * self.region.lattice.atoms**2 * size**2 + gone**2)

    def _twist(self, momentum):
        """Twist of the closed directions that belongs to a pair momentum, without derivative."""
        if momentum is None:
            return None
        closed = np.array(self.region.periodic)
        size = np.where(closed, np.array(self.region.shape), 0).astype(float)
        turns = _checks.concrete(momentum)
        if turns is None:
            return -0.5 * jnp.round(jax.lax.stop_gradient(momentum) * size)
        winding = turns * size
        if np.abs(winding - np.round(winding)).max() > 1e-9:
            raise InputError(
                "Argument `pair_momentum` must wind a whole number of times around a closed "
                f"direction, but it winds {winding.tolist()} times. Use multiples of 1 / cells."
            )
        return None if not np.any(np.round(winding)) else -0.5 * jnp.round(jnp.asarray(winding))


@jax.jit
def _between(green, first, second):
    """Return the blocks of pairs of sites, (energy, pair, ...)."""
    return jnp.moveaxis(green[:, first, :, second, :], 0, 1)


@eqx.filter_jit
def _green(known, z):
    model, region, route, parts, twist, names = known
    sites = np.array(names, int)
    if route == "cut":
        shift = 0.0 if twist is None else twist
        return sector_blocks(model.blocks, model.cells, region, z, sites, parts, shift)
    blocks = _spread(model, region, twist)
    green = layer_blocks(blocks, model.cells, region, z, sites)
    if twist is None:
        return green
    phase = wave(jnp.asarray(sites[:, :-1], float), twist / np.array(region.shape, float))
    return phase[:, None, None, None] * green * phase.conj()[:, None]


def _spread(model: HoppingModel, region: Region, twist) -> Array:
    """Blocks in the gauge where every hop bears its share of the twist, which layers cannot."""
    if twist is None:
        return model.blocks
    share = wave(jnp.asarray(model.cells, float), twist / np.array(region.shape, float))
    return share[:, None, None, None, None] * model.blocks
