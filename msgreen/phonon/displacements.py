"""How the energies of electrons change with displacements of atoms, by autodiff of their host."""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, Float, Pairs
from msgreen.contour import Contour
from msgreen.contour.base import ROUNDING
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.exchange.loops import integrate_loops, loop_tensors
from msgreen.hosts.base import (
    AbstractHost,
    check_levels,
    check_pairs,
    checked_blocks,
    host_factor,
    site_count,
)
from msgreen.scattering.contact import AbstractScatterer, check_orbitals

MOST_ATOMS = 1000
"""Atoms that move, an estimate: every component is one more forward derivative of all tensors."""

System = Callable[[Array], tuple[AbstractHost, AbstractScatterer, Any]]
"""Maps displacements (atom, 3) in angstrom to (host, scatterer, sites)."""


def exchange_slopes(
    system: System, atoms: int, pairs: Pairs, contour: Contour | None = None
) -> Estimate[Float[Array, "pair atom 3 3 3"]]:
    """Return dT/du, how the tensors of pairs change with the displacements of atoms, by autodiff.

    Parameters
    ----------
    system : callable
        Maps displacements (atom, 3) in angstrom to (host, scatterer, sites), differentiably: an
        electron gas moves its `sites`, a tight-binding host changes its hoppings.
    atoms : int
        Number of atoms that move.
    pairs : int array, shape (pair, 2)
        Row numbers into `sites`.
    contour : Contour, optional
        By default that of the host at rest.

    Returns
    -------
    Estimate
        Shape (pair, atom, 3, 3, 3) in eV/angstrom: displacement, then the two spins, where the
        energy of a pair is e_i . T . e_j. `msgreen.spin.tensors.pair_parts` of it are dJ/du, dD/du
        and the rest. The error is that of the contour.

    Raises
    ------
    InputError
        If `system` is no function, or a pair joins a site to itself.
    """
    rest, _, path, sites = _at_rest(system, atoms, contour)
    pairs = different_pairs(pairs, len(sites))
    rules = [path, eqx.tree_at(lambda c: c.weights, path, path.embedded)]

    def tensors(displacements):
        where = system(displacements)
        return jnp.stack([loop_tensors(*where[:2], rule, where[2], pairs)[0] for rule in rules])

    value, other = jnp.moveaxis(jax.jacfwd(tensors)(rest), (-2, -1), (2, 3))
    return Estimate(value, _contour_error(path, value, other))


def spin_lattice_coupling(
    system: System, atoms: int, contour: Contour | None = None
) -> Estimate[Float[Array, "site atom 3 3"]]:
    """Return T = -d^2E/dS du, the coupling of spins to displacements, from the electrons of a host.

    To first order a spin has the energy E = -(1/pi) Im int f Tr[v.S G_ii], v its vertex, and

        T_i(n) = (1/pi) Im int f d/du_n Tr[v_i G_ii(z; u)] dz

    with f the Fermi function and all atoms at rest: the static limit of the susceptibility of F1
    Eq. 2. It vanishes in every host with time reversal, with spin-orbit coupling or without; the
    host must contain an exchange field, ordered moments or a magnetic field.

    Parameters
    ----------
    system : callable
        As for `exchange_slopes`. About ordered moments, which the host contains, take a scatterer
        of their deviations, such as `msgreen.scattering.exchange_field.FieldDeviation`.
    atoms : int
        Number of atoms that move.
    contour : Contour, optional
        By default that of the host at rest.

    Returns
    -------
    Estimate
        Shape (site, atom, 3, 3) in eV/angstrom, first index spin, second displacement:
        H = -sum_in e_i . T_i(n) . u_n, both couplings of F1 Eq. 3 together. The error is that of
        the contour, of the mesh of the host and of rounding. The sum over all atoms vanishes if
        nothing else holds the electrons in place.

    Raises
    ------
    InputError
        If `system` is no function, or its scatterer does not fit its host.

    References
    ----------
    F1 (Fransson, arXiv:2604.14731), Eqs. 2 and 3.
    """
    rest, still, path, sites = _at_rest(system, atoms, contour)
    check_levels(still, path)
    count = site_count(sites)
    onsite = np.repeat(np.arange(count)[:, None], 2, axis=1)

    def scattered(displacements):
        host, scatterer, places = system(displacements)
        green, coarse = checked_blocks(host, path.nodes, places, onsite)
        vertex = scatterer.vertex(path.nodes, count)
        check_orbitals(vertex.shape[-1] // 2, green.A.shape[-1])
        less = None if coarse is None else vertex @ coarse.green.matrix()[:, :, None]
        ratio = None if coarse is None else coarse.ratio
        return (vertex @ green.matrix()[:, :, None], less), ratio

    legs, ratio = jax.jacfwd(scattered, has_aux=True)(rest)
    factor = host_factor(still)
    return _integrated(path, legs, ratio).scaled(factor)


def _at_rest(system: System, atoms: int, contour: Contour | None):
    """Displacements of zero, host, contour and sites there, of a system that has been checked."""
    if not callable(system):
        raise InputError(
            f"Argument `system` must be a function of displacements, but it is {system!r}. Give "
            "one that returns host, scatterer and sites."
        )
    _checks.whole_number("atoms", atoms, 1, MOST_ATOMS)
    rest = jnp.zeros((atoms, 3))
    host, _, sites = system(rest)
    return rest, host, host.contour(sites) if contour is None else contour, sites


@eqx.filter_jit
def _integrated(path: Contour, legs, ratio) -> Estimate[Array]:
    """(1/pi) Im int of traces of legs (energy, site, 3, n, n, atom, 3), and its error."""
    fine, coarse = legs
    trace = partial(jnp.einsum, "eisnnax->eiasx")
    value, error = integrate_loops(
        path, trace(fine), None if coarse is None else trace(coarse), ratio
    )
    # A trace may vanish by symmetry, the entries that cancel in it do not.
    size = jnp.moveaxis(jnp.linalg.norm(legs[0], axis=(3, 4)), 3, 2)
    rounding = ROUNDING * jnp.einsum("e,eiasx->iasx", jnp.abs(path.weights), size) / np.pi
    return Estimate(value, error + rounding)


def _contour_error(path: Contour, value, other):
    """Error of the contour as `Contour.integrate` estimates it, with the largest slope as scale.

    The integral of moduli, which it has there, is larger, and the estimate then smaller.
    """
    scale = jnp.abs(value).max()
    relative = path.factor * jnp.abs(value - other) / jnp.where(scale > 0, scale, 1.0)
    return scale * jnp.minimum(1.0, relative**path.power + path.floor)


def different_pairs(pairs: Pairs, count: int) -> np.ndarray:
    """Return `pairs` as an int array, refusing pairs of a site with itself and repeated ones."""
    pairs = check_pairs(pairs, count)
    known = {tuple(sorted(pair)) for pair in pairs.tolist()}
    if np.any(pairs[:, 0] == pairs[:, 1]) or len(known) < len(pairs):
        raise InputError(
            "Argument `pairs` must join different sites, every pair once, but it is "
            f"{pairs.tolist()}. Remove the others."
        )
    return pairs


def estimated_arrays(
    name: str, given: Estimate, shape: tuple[int | str, ...]
) -> Estimate[np.ndarray]:
    """Return value and error of an Estimate as arrays, refusing other shapes and what is none."""
    if not isinstance(given, Estimate):
        raise InputError(
            f"Argument `{name}` must be an `Estimate`, but it is {given!r}. Make one of the value "
            "and its error."
        )
    for part in given:
        _checks.finite_array(name, part, shape)
    value, error = (np.asarray(part, float) for part in given)
    _checks.shaped(name, error, value.shape)
    return Estimate(value, error)
