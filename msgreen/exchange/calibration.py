"""The coupling of a spin to an electron gas from the first minimum of the exchange it causes."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial.chebyshev import Chebyshev, chebpts1

from msgreen import _checks
from msgreen._typing import Array, Float, Scalar
from msgreen.contour import Contour
from msgreen.errors import InputError
from msgreen.exchange.closed_forms import named_integrands
from msgreen.exchange.loops import Legs
from msgreen.hosts.rashba import RashbaGas
from msgreen.scattering.contact import AbstractRigidScatterer, ContactCoupling

NODES = 31
"""Energies per loop; every loop of a gas decays along its contour, so that they reach 1e-13."""

_DEGREE = 12
"""Of the polynomial through J_iso about its minimum; its coefficients are rounding from 8 on."""


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
    values = np.asarray(_unit_exchanges(gas, jnp.asarray(grid)))
    low = np.flatnonzero((values[1:-1] < values[:-2]) & (values[1:-1] <= values[2:]))
    if not len(low):
        raise InputError(
            "Argument `gas` must have a minimum of J_iso within four Fermi wavelengths to "
            "calibrate the coupling, but there is none. Give the coupling itself."
        )
    # A polynomial knows the slope: derivatives of the Green functions take as long to be traced as
    # they do themselves.
    left, right = grid[low[0]], grid[low[0] + 2]
    nodes = 0.5 * (left + right) + 0.5 * (right - left) * chebpts1(len(grid))
    values = np.asarray(_unit_exchanges(gas, jnp.asarray(nodes)))
    exchange = Chebyshev.fit(nodes, values, _DEGREE, domain=[left, right])
    distance = nodes[np.argmin(values)]
    for _ in range(3):
        distance -= exchange.deriv(1)(distance) / exchange.deriv(2)(distance)
    return float(distance), float(exchange(distance))


def calibrated_coupling(gas: RashbaGas, minimum: Scalar) -> ContactCoupling:
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
    _checks.number("minimum", minimum)
    _checks.negative("minimum", minimum, "eV")
    frozen = jax.tree.map(jax.lax.stop_gradient, gas)
    distance, _ = first_minimum(frozen)
    return ContactCoupling(jnp.sqrt(minimum / _unit_exchange(gas, jnp.asarray(distance))))


@eqx.filter_jit
def _unit_exchange(gas: RashbaGas, distance: Float[Array, ""]) -> Float[Array, ""]:
    """J_iso(R) for unit coupling."""
    ((legs, path),) = equidistant_legs(gas, ContactCoupling(1.0), distance, [2])
    integrand = named_integrands(legs, legs)["J_iso"]
    return path.integrate(integrand)[0][0]


@eqx.filter_jit
def _unit_exchanges(gas, distances):
    return jax.vmap(lambda distance: _unit_exchange(gas, distance))(distances)


def equidistant_legs(
    gas: RashbaGas,
    scatterer: AbstractRigidScatterer,
    distance: Float[Array, ""],
    orders: Sequence[int],
) -> list[tuple[Legs, Contour]]:
    """Return the legs of loops of equal bonds along x, and their contours.

    The Green functions of all orders are evaluated at once, which compiles several times faster.

    Parameters
    ----------
    gas : RashbaGas
    scatterer : AbstractRigidScatterer
        The same for all sites.
    distance : float
        Length of every bond, in angstrom.
    orders : sequence of int
        Numbers of legs. A pair returns along -x; a longer loop need not close in space.

    Returns
    -------
    list of (Legs, Contour)
        For every order the legs of one loop, and the contour for its perimeter.
    """
    sites = jnp.zeros((2, gas.dimension)).at[0, 0].set(distance)
    paths = [gas.line(order * distance, nodes=NODES) for order in orders]
    nodes = jnp.concatenate([path.nodes for path in paths])
    green = gas.blocks(nodes, sites, np.array([[0, 1], [1, 0]]))
    strength = scatterer.strength(nodes, 1)
    found = []
    for n, (order, path) in enumerate(zip(orders, paths, strict=True)):
        here = slice(n * NODES, (n + 1) * NODES)
        along = np.array([[0, 1]]) if order == 2 else np.zeros((1, order), int)
        same = strength[here, np.zeros((1, order), int)]
        found.append((Legs(green[here][:, along], same), path))
    return found
