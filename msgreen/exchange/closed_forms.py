"""Closed forms of the interactions: traces over loops, to every order in B.

For a loop i -> j -> k -> ... of N spins every leg contributes A t or B t. A *pattern* says which
legs carry B. Its coefficient is, in the convention of paper L,

    c = (2 / N pi) Im int Tr[X_ij t_j X_jk t_k ... X_ni t_i]      for N plus the number of B even,

with Re in place of Im if it is odd; it carries one Cartesian axis per B. The energy of one
ordered loop is minus the coefficient contracted with `msgreen.spin.algebra.spin_form`. All named
coefficients are patterns or sums of patterns:

    N = 2:  J_iso = c() - tr c(0,1),  D = c(1) - c(0),  J_ani = c(0,1) + c(0,1)^T
    N = 4:  B4_iso = c(),  C4_chiral = c(m) for every leg m
    N = 6:  kappa6 = c(),  C6_chiral = c(m)
    N = 3:  X3_chirality = c(),  F3_directed = c(m)

Odd N exist in hosts without time reversal only: X3 multiplies the scalar chirality of three spins,
F3 forms such as S_i (S_j.S_k) along B.
"""

from collections.abc import Sequence
from itertools import accumulate, combinations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float, Int, Sites, Vectors
from msgreen.blocks import map_items
from msgreen.clusters import check_loops, multiplicity
from msgreen.contour import Contour
from msgreen.errors import InputError
from msgreen.exchange.loops import (
    Legs,
    integrate_loops,
    loop_bonds,
    loop_rounding,
)
from msgreen.hosts.base import AbstractHost, check_levels, host_factor, site_count
from msgreen.scattering.contact import AbstractRigidScatterer
from msgreen.spin.algebra import spin_form
from msgreen.spinmodel.interactions import Coefficient


def pattern_integrand(
    legs: Legs, carriers: Sequence[int] = ()
) -> Complex[Array, "energy loop ..."]:
    """Return the integrand whose (1/pi) Im int is the coefficient of a pattern, one sense only.

    Parameters
    ----------
    legs : Legs
    carriers : sequence of int
        The legs that carry B, in increasing order.

    Returns
    -------
    complex array, shape (energy, loop, 3, ..., 3) with one Cartesian axis per carrier

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 16-18, 22, 25, 28, 34.
    """

    def factor(leg):
        strength = legs.strength[:, :, leg]
        if leg in carriers:
            return _multiply(legs.green.B[:, :, leg], strength[:, :, None])
        return _multiply(legs.green.A[:, :, leg], strength)[:, :, None]

    product = factor(0)
    for leg in range(1, legs.order):
        product = _multiply(product[:, :, :, None], factor(leg)[:, :, None])
        product = product.reshape(*product.shape[:2], -1, *product.shape[-2:])
    trace = jnp.trace(product, axis1=-2, axis2=-1)
    trace = trace.reshape(*trace.shape[:2], *(3,) * len(carriers))
    return trace * ((2j if (legs.order + len(carriers)) % 2 else 2) / legs.order)


def coefficient_integrand(
    forward: Legs, backward: Legs, carriers: Sequence[int] = ()
) -> Complex[Array, "energy loop ..."]:
    """Return the integrand of a pattern, averaged over both senses of the loop.

    Running the loop backwards changes the sign of a spin form of an odd number of Pauli matrices,
    N plus that of B. A single
    sense is not an observable, and only the average obeys F(z*) = F(z)*.
    """
    order = forward.order
    mirrored = [(order - 2 - leg) % order for leg in carriers]
    behind = pattern_integrand(backward, sorted(mirrored))
    axes = 2 + np.argsort(np.argsort(mirrored)).astype(int)
    behind = jnp.transpose(behind, (0, 1, *axes.tolist()))
    sign = -1 if (order + len(carriers)) % 2 else 1
    return 0.5 * (pattern_integrand(forward, carriers) + sign * behind)


def coefficients(
    host: AbstractHost,
    scatterer: AbstractRigidScatterer,
    contour: Contour,
    sites: Sites,
    loops: Int[ArrayLike, "loop order"],
    *,
    progress: bool = False,
) -> dict[str, Coefficient]:
    """Return the named coefficients of loops, in eV and in the convention of paper L.

    A pure JAX function, differentiable with respect to host, scatterer and sites.

    Parameters
    ----------
    host : AbstractHost
    scatterer : AbstractRigidScatterer
    contour : Contour
    sites : array with one row per site
    loops : int array, shape (loop, order)
        All of the same order; evaluated in blocks of bounded memory.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    dict of Coefficient
        Order 2: ``J_iso`` (loop,), ``J_ani`` (loop, 3, 3), ``D`` (loop, 3). Higher orders:
        ``B4_iso`` or ``kappa6`` (loop,), and ``C4_chiral`` or ``C6_chiral`` (loop, leg, 3). Odd
        orders N: ``XN_chirality`` (loop,) and ``FN_directed`` (loop, leg, 3). Errors are those of
        the contour, of the mesh of the host and of rounding, added.

    Notes
    -----
    For hosts with a mesh the traces are made twice; the sum over the mesh, which takes most of the
    time, is made once.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 13-18, 22, 25, 34.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from msgreen import ContactCoupling, RashbaGas
    >>> sites = jnp.array([[0.0], [5.0]])
    >>> def dmi(k_r):
    ...     gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=k_r)
    ...     terms = coefficients(gas, ContactCoupling(0.58), gas.line(10.0), sites, [[0, 1]])
    ...     return terms["D"].value[0, 1]
    >>> bool(abs(dmi(0.0)) < 1e-15), bool(jax.grad(dmi)(0.0) > 0)
    (True, True)
    """
    check_levels(host, contour)
    bonds, forward, backward = loop_bonds(host, scatterer, contour.nodes, sites, loops)
    factor = host_factor(host)
    entries = 9 * bonds.strength.shape[0] * forward.shape[1] * bonds.strength.shape[-1] ** 2
    size = jax.lax.stop_gradient(bonds.size())
    found = map_items(
        _evaluate,
        (contour, bonds, size, factor),
        (forward, backward),
        16 * entries,
        label=f"{forward.shape[1]}-spin" if progress else None,
        unit="loop",
    )
    return dict(sorted(found.items(), key=lambda item: len(item[1].axes)))


def pattern_coefficient(
    host: AbstractHost,
    scatterer: AbstractRigidScatterer,
    contour: Contour,
    sites: Sites,
    loops: Int[ArrayLike, "loop order"],
    carriers: Sequence[int],
) -> Coefficient:
    """Return the coefficient of any pattern, in eV and in the convention of paper L.

    With ``carriers=(0, 1)`` on four-site loops this is the anisotropic four-spin term of
    neighbouring legs, with ``(0, 2)`` that of opposite legs, and so on up to all legs.

    Parameters
    ----------
    host, scatterer, contour, sites, loops
        As for `coefficients`.
    carriers : sequence of int
        The legs that carry B, in increasing order.

    Returns
    -------
    Coefficient
        Of shape (loop, 3, ..., 3), one Cartesian axis per carrier.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 27 and 28.
    """
    check_levels(host, contour)
    bonds, forward, backward = loop_bonds(host, scatterer, contour.nodes, sites, loops)
    _check_carriers(carriers, forward.shape[1])
    return _pattern(contour, bonds, forward, backward, host_factor(host), tuple(carriers))


@eqx.filter_jit
def _pattern(contour, bonds, forward, backward, factor: float, carriers) -> Coefficient:
    rounding = factor * _rounding(contour, bonds.size(), forward)

    def integrand(legs):
        return coefficient_integrand(legs(forward), legs(backward), carriers)

    coarse = None if bonds.coarse is None else integrand(bonds.coarse_legs)
    axes = ("xyz",) * len(carriers)
    return _integrated(factor, contour, integrand(bonds.legs), axes, rounding, bonds, coarse)


def energy_by_order(
    host: AbstractHost,
    scatterer: AbstractRigidScatterer,
    contour: Contour,
    sites: Sites,
    loops: Int[ArrayLike, "loop order"],
    directions: Vectors,
) -> Float[Array, "loop power"]:
    """Return the energy of every loop split by powers of B, in eV.

    Parameters
    ----------
    host, scatterer, contour, sites, loops
        As for `coefficients`.
    directions : real array, shape (site, 3)

    Returns
    -------
    real array, shape (loop, order + 1)
        Entry p collects all patterns with p factors of B; all orders of the sites of the loop are
        counted. The sum over p is the contraction of the full tensor.
    """
    loops = check_loops(loops, site_count(sites))
    _checks.shaped("directions", directions, (site_count(sites), 3))
    _checks.unit_vectors("directions", directions)
    forward, backward = _legs(host, scatterer, contour, sites, loops)
    spins = jnp.asarray(directions, float)[loops]
    factor = host_factor(host) * multiplicity(loops).astype(float)
    return _energy_by_order(contour, forward, backward, spins, factor)


@jax.jit
def _energy_by_order(contour, forward: Legs, backward: Legs, spins, factor):
    order = forward.order
    by_order = []
    for power in range(order + 1):
        total = jnp.zeros(len(spins))
        for carriers in combinations(range(order), power):
            value, _ = contour.integrate(coefficient_integrand(forward, backward, carriers))
            contracted = value * spin_form([spins[:, leg] for leg in range(order)], carriers)
            total = total - jnp.sum(contracted.reshape(len(spins), -1), axis=1)
        by_order.append(total * factor)
    return jnp.stack(by_order, axis=1)


def named_integrands(forward: Legs, backward: Legs) -> dict[str, Complex[Array, "energy loop ..."]]:
    """Return the integrands of all named coefficients; see `coefficients`."""
    order = forward.order
    if order == 2:
        return _pair_integrands(forward)
    isotropic, chiral = loop_names(order)
    ahead, behind = _isotropic_and_chiral(forward), _isotropic_and_chiral(backward)
    sign = -1 if order % 2 else 1
    same_leg = jnp.roll(jnp.flip(behind[1], axis=2), -1, axis=2)
    return {
        isotropic: 0.5 * (ahead[0] + sign * behind[0]),
        chiral: 0.5 * (ahead[1] - sign * same_leg),
    }


def loop_names(order: int) -> tuple[str, str]:
    """Return the names of the coefficients without B and with one, of loops of `order` spins."""
    if order % 2:
        return f"X{order}_chirality", f"F{order}_directed"
    known = {4: ("B4_iso", "C4_chiral"), 6: ("kappa6", "C6_chiral")}
    return known.get(order, (f"iso{order}", f"C{order}_chiral"))


def _isotropic_and_chiral(legs: Legs):
    """Return the patterns () and (m,) for all legs m, from the products of all other legs."""
    order = legs.order
    plain = [_multiply(legs.green.A[:, :, m], legs.strength[:, :, m]) for m in range(order)]
    upto = list(accumulate(plain, _multiply))
    onward = list(accumulate(plain[::-1], lambda tail, leg: _multiply(leg, tail)))[::-1]
    inner = [_multiply(onward[m + 1], upto[m - 1]) for m in range(1, order - 1)]
    rest = jnp.stack([onward[1], *inner, upto[-2]], axis=2)
    spin = _multiply(legs.green.B, legs.strength[:, :, :, None])
    chiral = jnp.sum(spin * jnp.swapaxes(rest, -1, -2)[:, :, :, None], axis=(-1, -2))
    isotropic = jnp.trace(upto[-1], axis1=-2, axis2=-1)
    even, odd = (2j, 2) if order % 2 else (2, 2j)
    return even / order * isotropic, odd / order * chiral


def _pair_integrands(legs: Legs):
    both = pattern_integrand(legs, (0, 1))
    trace = jnp.trace(both, axis1=-2, axis2=-1)
    return {
        "J_iso": pattern_integrand(legs) - trace,
        "J_ani": both + jnp.swapaxes(both, -1, -2),
        "D": pattern_integrand(legs, (1,)) - pattern_integrand(legs, (0,)),
    }


def _legs(host, scatterer, contour, sites, loops) -> tuple[Legs, Legs]:
    check_levels(host, contour)
    bonds, forward, backward = loop_bonds(host, scatterer, contour.nodes, sites, loops)
    return bonds.legs(forward), bonds.legs(backward)


@eqx.filter_jit
def _evaluate(known, forward, backward) -> dict[str, Coefficient]:
    """Return all named coefficients of one block of loops.

    Energy by energy, and computed again in reverse mode: the legs of a block then stay in cache,
    which makes the gradient several times faster.
    """
    contour, bonds, size, factor = known

    def at_energy(slice_of_bonds):
        one = jax.tree.map(lambda table: table[None], slice_of_bonds)
        fine = named_integrands(one.legs(forward), one.legs(backward))
        fine = {name: integrand[0] for name, integrand in fine.items()}
        if one.coarse is None:
            return fine, dict.fromkeys(fine)
        coarse = named_integrands(one.coarse_legs(forward), one.coarse_legs(backward))
        return fine, {name: integrand[0] for name, integrand in coarse.items()}

    integrands, coarse = jax.lax.map(jax.checkpoint(at_energy), bonds)
    rounding = factor * _rounding(contour, size, forward)
    return {
        name: _integrated(
            factor,
            contour,
            integrand,
            ("leg", "xyz")
            if name.endswith(("chiral", "directed"))
            else ("xyz",) * (integrand.ndim - 2),
            rounding,
            bonds,
            coarse[name],
        )
        for name, integrand in integrands.items()
    }


def _rounding(contour, size, index) -> Float[Array, " loop"]:
    """Return the rounding error of coefficients of loops in the convention of paper L."""
    return 4 / index.shape[1] * loop_rounding(contour, size, index)


def _integrated(factor, contour, integrand, axes, rounding, bonds, coarse) -> Coefficient:
    ratio = None if bonds.coarse is None else bonds.coarse.ratio
    value, error = integrate_loops(contour, integrand, coarse, ratio)
    floor = rounding.reshape(-1, *(1,) * (error.ndim - 1))
    return Coefficient(factor * value, factor * error + floor, axes)


def _multiply(a, b):
    """Matrix product of orbital matrices; small ones without a call of the BLAS."""
    if a.shape[-1] <= 4:
        return jnp.sum(a[..., :, :, None] * b[..., None, :, :], axis=-2)
    return a @ b


def _check_carriers(carriers, order) -> None:
    array = np.asarray(_checks.numbers("carriers", carriers, "iu"))
    known = array.tolist()
    if array.ndim != 1 or known != sorted({*known} & {*range(order)}):
        raise InputError(
            f"Argument `carriers` must be increasing leg numbers from 0 to {order - 1}, "
            f"but it is {carriers!r}. List each leg that carries B once."
        )
