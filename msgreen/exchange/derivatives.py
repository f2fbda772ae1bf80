"""Derivatives of the energy with respect to spin directions.

Two different expansions are served and kept apart by name:

- *rotations* about a reference configuration: derivatives with respect to geodesic (normal)
  coordinates u on the sphere, e_i(u) = cos|u| e_i + sinc|u| (u_1 a_i + u_2 b_i), where (a_i, b_i)
  is `msgreen.spin.algebra.tangent_frame`. At u = 0 these are the symmetrised covariant derivatives
  on the sphere, of any order. In second order this is the exchange of Liechtenstein et al.
- the *multilinear* expansion about S = 0: plain derivatives with respect to unconstrained
  spins, at S = 0. This is the expansion of Lounis; its tensors are those of the plaquettes.

All functions take the energy as a callable of an array (site, 3), so any energy will do. The
closed forms take a `LloydEnergy` and need no automatic differentiation.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import permutations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, Complex, Float, Vectors
from msgreen.contour.base import ROUNDING
from msgreen.energy.lloyd import LloydEnergy, LloydExpansion
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.exchange.taylor import polarised_derivative
from msgreen.spin.algebra import rotate, tangent_frame

Energy = Callable[[Array], Array]

MOST_SPINS = 100_000
"""Spins of an energy: more would be a mistake, and one derivative of so many takes minutes."""


def effective_field(energy: Energy, directions: Vectors) -> Float[Array, "site 3"]:
    """Return the tangential gradient of the energy, (1 - e e) dE/de, in eV.

    The constraining field of a spin is this vector; minus it drives the spin.
    """
    directions = _reference(energy, directions)
    gradient = _gradient(energy, directions)
    return gradient - jnp.sum(gradient * directions, axis=-1, keepdims=True) * directions


def torque(energy: Energy, directions: Vectors) -> Float[Array, "site 3"]:
    """Return the torque e x dE/de on every spin, in eV.

    A rotation of spin i about the axis n by a small angle changes the energy by
    angle * n . torque_i.
    """
    directions = _reference(energy, directions)
    return jnp.cross(directions, _gradient(energy, directions))


def hessian(energy: Energy, directions: Vectors) -> Float[Array, "site 2 site 2"]:
    """Return the covariant Hessian of the energy on the sphere, in eV, by autodiff.

    Parameters
    ----------
    energy : callable
        Maps spins (site, 3) to an energy in eV; differentiable.
    directions : real array, shape (site, 3)
        Unit vectors of the reference configuration; it need not be stationary.

    Returns
    -------
    real array, shape (site, 2, site, 2)
        Second derivatives in the geodesic coordinates along `tangent_frame`.

    References
    ----------
    Liechtenstein et al., J. Magn. Magn. Mater. 67, 65 (1987).
    """
    directions = _reference(energy, directions)
    return _hessian(energy, directions, jnp.zeros((len(directions), 2)))


def rotation_tensor(
    energy: Energy, directions: Vectors, sites: Sequence[int]
) -> Float[Array, "..."]:
    """Return the mixed derivative of the energy under rotations of given spins, by autodiff.

    Parameters
    ----------
    energy : callable
        Maps spins (site, 3) to an energy in eV; differentiable.
    directions : real array, shape (site, 3)
        Unit vectors of the reference configuration.
    sites : sequence of N int
        The spins to differentiate by, in order; a site may occur several times.

    Returns
    -------
    real array, shape (2,) * N
        d^N E / du_1 ... du_N in eV, u_m being the geodesic coordinates of spin ``sites[m]``.
        Two entries give a block of the Hessian; four and six the ring and six-spin couplings
        as seen from the reference.

    Raises
    ------
    InputError
        If a site does not exist, or if the energy is an expansion about another reference or of
        too low an order.

    Notes
    -----
    Nested derivatives of a determinant compile slowly, from third or fourth order on. Pass
    ``lloyd.about(directions, N)`` as the energy there: it has the same derivatives up to order N.
    Only the potential is then differentiated automatically, in Taylor mode; the power series of
    the determinant follows from it by matrix products.
    """
    directions = _reference(energy, directions)
    _check_sites(sites, len(directions))
    if isinstance(energy, LloydExpansion):
        _check_expansion(energy, directions, len(sites))
        return polarised_derivative(energy, tuple(map(int, sites)))
    origin = jnp.zeros((len(directions), 2))
    return _rotation_tensor(energy, directions, origin, tuple(map(int, sites)))


def multilinear_tensor(energy: Energy, count: int, sites: Sequence[int]) -> Float[Array, "..."]:
    """Return the mixed derivative with respect to unconstrained spins at S = 0, by autodiff.

    Parameters
    ----------
    energy : callable
        Maps spins (site, 3) of any length to an energy in eV; differentiable at zero.
    count : int
        Number of spins.
    sites : sequence of N int
        The spins to differentiate by.

    Returns
    -------
    real array, shape (3,) * N
        For distinct sites, the sum of the tensors of all their loops (`msgreen.exchange.loops`).

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 10, 19, 32.
    """
    _checks.whole_number("count", count, 1, MOST_SPINS)
    _check_sites(sites, count)
    return _multilinear_tensor(energy, jnp.zeros((count, 3)), tuple(map(int, sites)))


def closed_hessian(
    lloyd: LloydEnergy, directions: Vectors
) -> Estimate[Float[Array, "site 2 site 2"]]:
    """Return the covariant Hessian in closed form, from the dressed Green function.

    With g = (1 - G V)^-1 G and vertices v^a = dV/du_a, the blocks i != j are
    -(1/pi) Im int Tr[g_ij v_j^b g_ji v_i^a] (Liechtenstein et al.); the diagonal blocks hold in
    addition the second derivative of the potential, -(1/pi) Im int Tr[g_ii d^2V_i], with
    d^2 e / du_a du_b = -delta_ab e.

    Valid for scatterers that are linear in the spin, V = v . S.

    Returns
    -------
    Estimate
        Shape (site, 2, site, 2), in eV, the same as `hessian`. The error is that of the contour,
        of the mesh of the host and of rounding.
    """
    directions = _reference(lloyd.energy, directions)
    return with_rounding(lloyd, lambda known: -_hessian_integrand(known, directions))


def with_rounding(lloyd: LloydEnergy, integrand: Callable[[LloydEnergy], Array]) -> Estimate:
    """Return `LloydEnergy.integrated` with an error that contains rounding.

    Components that vanish by symmetry are sums of terms as large as the largest component, and so
    is their rounding.
    """
    sizes = []

    def watched(known):
        values = integrand(known)
        sizes.append(_largest(values))
        return values

    value, error = lloyd.integrated(watched)
    rounding = ROUNDING * (jnp.abs(lloyd.path.weights) @ sizes[0]) / np.pi
    return Estimate(value, error + lloyd.prefactor * jax.lax.stop_gradient(rounding))


@jax.jit
def _largest(values: Array) -> Float[Array, " energy"]:
    return jnp.max(jnp.abs(values), axis=tuple(range(1, values.ndim)))


@eqx.filter_jit
def _hessian_integrand(lloyd, directions):
    dressed = lloyd.dressed_green(directions)
    vertex = lloyd.scatterer.vertex(lloyd.path.nodes, lloyd.count)
    tangent = _tangent_vertex(vertex, directions)
    legs = jnp.einsum("eisjt,ejbtu->eijbsu", dressed, tangent)
    pairs = jnp.einsum("eijbst,ejiats->eiajb", legs, legs)
    along = jnp.einsum("eikst,ik->eist", vertex, directions.astype(complex))
    onsite = jnp.einsum("eisit,eits->ei", dressed, along)
    count = lloyd.count
    diagonal = jnp.einsum(
        "ei,ij,ab->eiajb", onsite, jnp.eye(count, dtype=complex), jnp.eye(2, dtype=complex)
    )
    return pairs - diagonal


def closed_rotation_tensor(
    lloyd: LloydEnergy, directions: Vectors, sites: Sequence[int]
) -> Estimate[Float[Array, "..."]]:
    """Return the mixed derivative under rotations of distinct spins, in closed form.

    -(1/pi) Im int sum over the (N-1)! cyclic orders of Tr[v_i g_ij v_j g_jk ...] with the dressed
    Green function g. Valid for scatterers that are linear in the spin.

    Returns
    -------
    Estimate
        Shape (2,) * N, in eV, the same as `rotation_tensor`.

    Raises
    ------
    InputError
        If a site occurs twice.
    """
    directions = _reference(lloyd.energy, directions)
    vertex = lloyd.scatterer.vertex(lloyd.path.nodes, lloyd.count)
    tangent = _tangent_vertex(vertex, directions)
    return _closed_tensor(lloyd, lambda known: known.dressed_green(directions), tangent, sites)


def closed_multilinear_tensor(
    lloyd: LloydEnergy, sites: Sequence[int]
) -> Estimate[Float[Array, "..."]]:
    """Return the mixed derivative at S = 0 for distinct sites, in closed form, in eV.

    The same as `multilinear_tensor`: the bare Green function takes the place of the dressed one.
    """
    vertex = lloyd.scatterer.vertex(lloyd.path.nodes, lloyd.count)
    return _closed_tensor(lloyd, lambda known: known.green, vertex, sites)


def _closed_tensor(lloyd, green, vertex, sites) -> Estimate:
    _check_sites(sites, lloyd.count)
    if len(set(sites)) < len(sites):
        raise InputError(
            f"Argument `sites` must not repeat a site, but it is {tuple(sites)}. "
            "Use the autodiff function of the same name without `closed_`."
        )
    wanted = tuple(map(int, sites))
    return with_rounding(lloyd, lambda known: -_summed_traces(green(known), vertex, wanted))


@partial(jax.jit, static_argnames="sites")
def _summed_traces(green, vertex, sites: tuple[int, ...]) -> Complex[Array, "energy ..."]:
    """Traces over all cyclic orders of the sites, with the axes in the order of `sites`."""
    first, *others = range(len(sites))
    total = jnp.zeros((), complex)
    for order in permutations(others):
        loop = (first, *order)
        trace = _ordered_trace(green, vertex, [sites[m] for m in loop])
        total = total + jnp.transpose(trace, (0, *(1 + np.argsort(loop))))
    return total


def _ordered_trace(green, vertex, loop):
    """Tr[v_i^a G_ij v_j^b G_jk ...] with open Cartesian axes in the order of `loop`."""
    batch = green.shape[0]
    size = green.shape[2]
    product = jnp.broadcast_to(jnp.eye(size, dtype=complex), (batch, 1, size, size))
    for here, after in zip(loop, [*loop[1:], loop[0]], strict=True):
        leg = vertex[:, here] @ green[:, None, here, :, after, :]
        product = (product[:, :, None] @ leg[:, None]).reshape(batch, -1, size, size)
    components = vertex.shape[2]
    return jnp.trace(product, axis1=-2, axis2=-1).reshape(batch, *(components,) * len(loop))


@jax.jit
def _tangent_vertex(vertex, directions):
    frame = tangent_frame(directions).astype(complex)
    return jnp.einsum("iak,eikst->eiast", frame, vertex)


@eqx.filter_jit
def _gradient(energy, directions):
    return jax.grad(lambda spins: energy(spins))(directions)


@eqx.filter_jit
def _hessian(energy, directions, origin):
    return jax.hessian(_in_tangent_coordinates(energy, directions, 2))(origin)


@eqx.filter_jit
def _rotation_tensor(energy, directions, origin, sites):
    moved = _in_tangent_coordinates(energy, directions, len(sites))
    return _mixed_derivative(moved, origin, sites)


@eqx.filter_jit
def _multilinear_tensor(energy, origin, sites):
    return _mixed_derivative(energy, origin, sites)


def _in_tangent_coordinates(energy, directions, order):
    """Return the energy of turned spins; its derivatives at zero are exact up to an order."""
    frame = tangent_frame(directions)
    return lambda tangent: energy(rotate(directions, frame, tangent, order))


def _mixed_derivative(function, origin, sites):
    """d^N f with respect to the rows `sites` of its argument, by nested forward derivatives."""
    axes = origin.shape[1]

    def along(components):
        nested = function
        for site, component in zip(sites, components, strict=True):
            tangent = jnp.zeros_like(origin).at[site, component].set(1.0)
            nested = _directional(nested, tangent)
        return nested(origin)

    every = np.stack(np.unravel_index(np.arange(axes ** len(sites)), (axes,) * len(sites)), axis=1)
    return jax.vmap(along)(jnp.asarray(every)).reshape((axes,) * len(sites))


def _directional(function, tangent):
    return lambda point: jax.jvp(function, (point,), (tangent,))[1]


def _reference(energy: Energy, directions) -> Float[Array, "site 3"]:
    """Return the reference as an array, checked to be one for which the energy is known."""
    _checks.shaped("directions", directions, ("site", 3))
    _checks.unit_vectors("directions", directions)
    owner = getattr(energy, "__self__", None)
    if isinstance(owner, LloydEnergy):
        connected = getattr(energy, "__func__", None) is LloydEnergy.connected
        owner.check_levels(directions, alone=connected)
    return jnp.asarray(directions, float)


def _check_expansion(expansion: LloydExpansion, directions, order: int) -> None:
    if expansion.order < order:
        raise InputError(
            f"Argument `energy` must be an expansion of at least order {order}, one per site, but "
            f"its order is {expansion.order}. Make it with `about(directions, {order})`."
        )
    if not np.allclose(expansion.reference, directions, rtol=0, atol=1e-12):
        raise InputError(
            "Argument `directions` must be the reference of the expansion, but they differ. Make "
            "the expansion with `about(directions, ...)`."
        )


def _check_sites(sites, count) -> None:
    array = np.asarray(_checks.numbers("sites", sites, "iu"))
    if array.ndim != 1 or not len(sites) or any(not 0 <= s < count for s in sites):
        raise InputError(
            f"Argument `sites` must hold site numbers from 0 to {count - 1}, "
            f"but it is {sites!r}. Give one number per derivative."
        )
