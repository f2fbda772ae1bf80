"""Interactions of equidistant loops in an electron gas as functions of distance: paper L's scan.

All legs of a loop have the same length R and direction x; such a loop need not close in space. The
interactions depend on the geometry through R alone, which is why L studies them.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, Float
from msgreen.errors import InputError
from msgreen.exchange import named_integrands, pattern_integrand
from msgreen.hosts.rashba import RashbaGas
from msgreen.plaquette import Legs
from msgreen.scattering import AbstractRigidScatterer, ContactCoupling

NODES = 31
"""Energies per loop of a scan."""


class DistanceScan(NamedTuple):
    """Coefficients against distance in eV, convention L; vectors along the bond normal.

    The bond normal of a bond r_i - r_j along x is (0, -1, 0) (beta of paper L).
    """

    distance: Float[Array, " distance"]
    J_iso: Float[Array, " distance"]
    J_ani: Float[Array, " distance"]
    D: Float[Array, " distance"]
    B4_iso: Float[Array, " distance"]
    C4_chiral: Float[Array, " distance"]
    kappa6: Float[Array, " distance"]

    @property
    def columns(self) -> dict[str, Array]:
        """The coefficients by name, without the distance."""
        return {name: column for name, column in self._asdict().items() if name != "distance"}


def equidistant_scan(
    gas: RashbaGas, scatterer: AbstractRigidScatterer, distances: Float[Array, " distance"]
) -> tuple[DistanceScan, DistanceScan]:
    """Return the interactions of equidistant loops and the estimates of their errors.

    Parameters
    ----------
    gas : RashbaGas
    scatterer : AbstractRigidScatterer
        The same for all sites.
    distances : real array, shape (distance,)
        R in angstrom, positive.

    Returns
    -------
    values, errors : DistanceScan
        Energies in eV, convention L. Differentiable with respect to all arguments.

    Raises
    ------
    InputError
        If a distance is not positive.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Sect. III.3 and Figs. 1-3.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from msgreen import ContactCoupling, RashbaGas
    >>> gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    >>> scan, _ = equidistant_scan(gas, ContactCoupling(0.58162120808), jnp.array([5.0]))
    >>> [f"{1e3 * float(c[0]):.6f}" for c in (scan.J_iso, scan.D)]
    ['0.505660', '0.068682']
    """
    _checks.positive("distances", distances, "angstrom")
    distances = jnp.atleast_1d(jnp.asarray(distances, float))
    values, errors = _scan(gas, scatterer, distances)
    return DistanceScan(distances, **values), DistanceScan(distances, **errors)


def first_minimum(gas: RashbaGas) -> tuple[float, float]:
    """Return where J_iso(R) has its first minimum, and its value for unit coupling.

    Parameters
    ----------
    gas : RashbaGas

    Returns
    -------
    distance : float
        In angstrom.
    value : float
        J_iso / J_sd^2 there, in 1 / (eV angstrom^2d), convention L.

    Raises
    ------
    InputError
        If J_iso has no minimum within four Fermi wavelengths.
    """
    grid = np.linspace(0.05, 8 * np.pi, 400) / float(gas.fermi_wavevector)
    distance = value = np.nan
    for _ in range(3):
        values, slopes = map(np.asarray, _unit_exchange_and_slope(gas, jnp.asarray(grid)))
        turns = np.nonzero((slopes[:-1] < 0) & (slopes[1:] >= 0))[0]
        if not len(turns):
            raise InputError(
                "Argument `gas` must have a minimum of J_iso within four Fermi wavelengths to "
                "calibrate the coupling, but there is none. Give the coupling itself."
            )
        left = turns[0]
        step = grid[left + 1] - grid[left]
        distance = grid[left] - slopes[left] * step / (slopes[left + 1] - slopes[left])
        value = values[left]
        grid = np.linspace(grid[left], grid[left + 1], len(grid))
    return float(distance), float(value)


def calibrated_coupling(gas: RashbaGas, minimum) -> ContactCoupling:
    """Return the contact coupling for which the first minimum of J_iso(R) has a given value.

    Parameters
    ----------
    gas : RashbaGas
    minimum : float
        J_iso at its first minimum in eV, convention L, with spin-orbit coupling; negative.

    Returns
    -------
    ContactCoupling
        J_sd > 0 in eV angstrom^d. Its first derivative with respect to the parameters of the gas
        is exact: J_iso is stationary at the minimum, so the distance may be held fixed.

    Raises
    ------
    InputError
        If `minimum` is not negative.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Sect. III.3.
    """
    _checks.positive("-minimum", -minimum, "eV")
    frozen = jax.tree.map(jax.lax.stop_gradient, gas)
    distance, _ = first_minimum(frozen)
    return ContactCoupling(jnp.sqrt(minimum / _unit_exchange(gas, jnp.asarray(distance))))


@eqx.filter_jit
def _unit_exchange(gas: RashbaGas, distance: Float[Array, ""]) -> Float[Array, ""]:
    """J_iso(R) for unit coupling."""
    legs, path = _legs(gas, ContactCoupling(1.0), distance, 2)
    integrand = named_integrands(legs, legs)["J_iso"]
    return path.integrate(integrand)[0][0]


@eqx.filter_jit
def _unit_exchange_and_slope(gas, distances):
    return jax.vmap(jax.value_and_grad(lambda r: _unit_exchange(gas, r)))(distances)


@eqx.filter_jit
def _scan(gas, scatterer, distances):
    return jax.vmap(lambda distance: _at_distance(gas, scatterer, distance))(distances)


def _at_distance(gas, scatterer, distance):
    """All coefficients at one distance, each order on the contour of its perimeter."""
    normal = jnp.array([0.0, -1.0, 0.0])
    two, path = _legs(gas, scatterer, distance, 2)
    found = {name: path.integrate(f) for name, f in named_integrands(two, two).items()}
    for name, order, carriers in (("B4_iso", 4, ()), ("C4_chiral", 4, (0,)), ("kappa6", 6, ())):
        legs, path = _legs(gas, scatterer, distance, order)
        found[name] = path.integrate(pattern_integrand(legs, carriers))
    values, errors = {}, {}
    for name, (value, error) in found.items():
        along = (normal,) * (value.ndim - 1)
        values[name] = _contract(value[0], along)
        errors[name] = _contract(error[0], tuple(abs(n) for n in along))
    return values, errors


def _legs(gas, scatterer, distance, order):
    """Legs of a loop with all bonds r_i - r_j along +x; a pair returns along -x."""
    sites = jnp.zeros((2, gas.dimension)).at[0, 0].set(distance)
    path = gas.line(order * distance, nodes=NODES)
    green = gas.blocks(path.nodes, sites, np.array([[0, 1], [1, 0]]))
    along = np.array([[0, 1]]) if order == 2 else np.zeros((1, order), int)
    strength = scatterer.strength(path.nodes, 1)[:, np.zeros((1, order), int)]
    return Legs(green[:, along], strength), path


def _contract(tensor, vectors):
    for vector in vectors:
        tensor = tensor @ vector
    return tensor
