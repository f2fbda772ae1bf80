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
from msgreen._typing import Array, ArrayLike, Float
from msgreen.estimate import Estimate
from msgreen.exchange.calibration import equidistant_legs
from msgreen.exchange.closed_forms import named_integrands, pattern_integrand
from msgreen.hosts.rashba import RashbaGas
from msgreen.scattering.contact import AbstractRigidScatterer


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
    def columns(self) -> dict[str, Array | np.ndarray]:
        """The coefficients by name, without the distance."""
        return {name: column for name, column in self._asdict().items() if name != "distance"}


def equidistant_scan(
    gas: RashbaGas,
    scatterer: AbstractRigidScatterer,
    distances: float | Float[ArrayLike, " distance"],
) -> Estimate[DistanceScan]:
    """Return the interactions of equidistant loops, with the estimates of their errors.

    Parameters
    ----------
    gas : RashbaGas
    scatterer : AbstractRigidScatterer
        The same for all sites.
    distances : real array, shape (distance,)
        R in angstrom, positive.

    Returns
    -------
    Estimate
        Of `DistanceScan`, with the distances in both. Energies in eV, convention L. Differentiable
        with respect to all arguments.

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
    return Estimate(DistanceScan(distances, **values), DistanceScan(distances, **errors))


@eqx.filter_jit
def _scan(gas, scatterer, distances):
    return jax.vmap(lambda distance: _at_distance(gas, scatterer, distance))(distances)


def _at_distance(gas, scatterer, distance):
    """All coefficients at one distance, each order on the contour of its perimeter."""
    normal = jnp.array([0.0, -1.0, 0.0])
    two, four, six = equidistant_legs(gas, scatterer, distance, (2, 4, 6))
    found = {name: two[1].integrate(f) for name, f in named_integrands(two[0], two[0]).items()}
    patterns = (("B4_iso", four, ()), ("C4_chiral", four, (0,)), ("kappa6", six, ()))
    for name, (legs, path), carriers in patterns:
        found[name] = path.integrate(pattern_integrand(legs, carriers))
    values, errors = {}, {}
    for name, (value, error) in found.items():
        along = (normal,) * (value.ndim - 1)
        values[name] = _contract(value[0], along)
        errors[name] = _contract(error[0], tuple(abs(n) for n in along))
    return values, errors


def _contract(tensor, vectors):
    for vector in vectors:
        tensor = tensor @ vector
    return tensor
