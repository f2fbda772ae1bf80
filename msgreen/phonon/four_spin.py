"""Four-spin exchange that phonons mediate where time reversal holds.

Pairs of spins have the energy e_i . T_p(u) . e_j, p = (i, j). A lattice with force constants Phi
relaxes to u = -Phi^-1 f, f = sum_p e_i . dT_p/du . e_j, and gains

    -1/2 f Phi^-1 f = -1/2 sum_pq (e_i . dT_p/du . e_j) Phi^-1 (e_k . dT_q/du . e_l),

to second order in dT/du: the isotropic parts give (e_i.e_j)(e_k.e_l), the antisymmetric ones its
chiral partners. Like every static interaction of harmonic phonons it does not depend on
temperature.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, Float
from msgreen.clusters import ordered_loops
from msgreen.contour import Contour
from msgreen.convention import NEUTRAL
from msgreen.errors import InputError
from msgreen.exchange.loops import loop_tensors
from msgreen.hosts.base import check_pairs
from msgreen.phonon.crystal import HarmonicCrystal, check_sites
from msgreen.phonon.mediated import crystal_tensors
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms

MOST_ATOMS = 1000
"""Atoms that move, an estimate: every component is one more forward derivative of all tensors."""


class Response(NamedTuple):
    """A derivative or a response, and the estimate of its error, arrays of one shape."""

    value: Float[Array | np.ndarray, "..."]
    error: Float[Array | np.ndarray, "..."]


def exchange_slopes(
    system: Callable[[Array], tuple[Any, Any, Any]],
    atoms: int,
    pairs,
    contour: Contour | None = None,
) -> Response:
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
    Response
        Shape (pair, atom, 3, 3, 3) in eV/angstrom: displacement, then the two spins, where the
        energy of a pair is e_i . T . e_j. `msgreen.spin.tensors.pair_parts` of it are dJ/du, dD/du
        and the rest. The error is that of the contour.

    Raises
    ------
    InputError
        If `system` is no function, or a pair joins a site to itself.
    """
    if not callable(system):
        raise InputError(
            f"Argument `system` must be a function of displacements, but it is {system!r}. Give "
            "one that returns host, scatterer and sites."
        )
    _checks.whole_number("atoms", atoms, 1, MOST_ATOMS)
    rest = jnp.zeros((atoms, 3))
    host, _, sites = system(rest)
    path = host.contour(sites) if contour is None else contour
    pairs = _different(pairs, len(sites))
    rules = [path, eqx.tree_at(lambda c: c.weights, path, path.embedded)]

    def tensors(displacements):
        where = system(displacements)
        return jnp.stack([loop_tensors(*where[:2], rule, where[2], pairs)[0] for rule in rules])

    value, other = jnp.moveaxis(jax.jacfwd(tensors)(rest), (-2, -1), (2, 3))
    return Response(value, _contour_error(path, value, other))


def static_response(crystal: HarmonicCrystal, sites, shape: Sequence[int]) -> Response:
    """Return Phi^-1 between sites of a crystal: how forces on them displace them.

    Parameters
    ----------
    crystal : HarmonicCrystal
        Of springs or of phonopy. Without pinning a chain and a plane give way to a uniform force:
        Phi^-1 grows with the mesh by a constant that slopes, whose sum over atoms is zero, cancel.
    sites : int array, shape (site, 1 + dim)
        Rows (atom, cell).
    shape : sequence of int
        Mesh along each reciprocal vector, see `msgreen.phonon.crystal_tensors`.

    Returns
    -------
    Response
        Shape (site, 3, site, 3) in angstrom^2/eV.
    """
    count = len(check_sites(crystal, sites))
    every = np.argwhere(np.ones((count, count), bool))
    unit = np.broadcast_to(np.eye(3), (crystal.atom_count, 3, 3))
    found = crystal_tensors(crystal, unit, sites, every, shape)
    value, error = (
        jnp.swapaxes(jnp.reshape(part, (count, count, 3, 3)), 1, 2)
        for part in (found.value, found.error)
    )
    return Response(-value, error)


def four_spin_interactions(
    slopes: Response, pairs, positions, response: Response, source=None
) -> Interactions:
    """Return the four-spin exchange that phonons mediate, in the neutral convention.

    Parameters
    ----------
    slopes : Response
        dT/du of the pairs, shape (pair, atom, 3, 3, 3), from `exchange_slopes`.
    pairs : int array, shape (pair, 2)
        Of different sites, every pair once.
    positions : real array, shape (site, 3)
        Of the spins, in angstrom.
    response : Response
        Phi^-1 between the atoms that move, shape (atom, 3, atom, 3), from `static_response`, or the
        inverse of any force constants, with its error.
    source : mapping of str to str, optional

    Returns
    -------
    Interactions
        Tensors of two, three and four sites. `msgreen.spinmodel.from_interactions` makes a spin
        model of them, and `resolve` names its classes; `add_interactions` adds them to pairs.

    Raises
    ------
    InputError
        If shapes disagree, a pair joins a site to itself or occurs twice.
    """
    _checks.finite_array("positions", positions, ("site", 3))
    places = np.asarray(positions, float)
    pairs = _different(pairs, len(places))
    slope, doubt = _arrays("slopes", slopes, (len(pairs), "atom", 3, 3, 3))
    moved = slope.shape[1]
    stiff, loose = _arrays("response", response, (moved, 3, moved, 3))
    slope, doubt, pairs = _oriented(slope, doubt, pairs, places)
    value = -0.5 * _product(slope, stiff, slope)
    mixed = _product(doubt, np.abs(stiff), np.abs(slope))
    bound = _product(np.abs(slope), loose, np.abs(slope))
    error = 0.5 * (mixed + np.transpose(mixed, (1, 0, 4, 5, 2, 3)) + bound)
    terms = []
    for loops in _by_sites(pairs, value, error):
        both = np.array(list(loops.values()))
        tensor = Coefficient(both[:, 0], both[:, 1], ("xyz",) * 4)
        terms.append(Terms(np.array(list(loops)), {}, tensor))
    return Interactions(tuple(terms), NEUTRAL, places, dict(source or {}))


def _contour_error(path: Contour, value, other):
    """Error of the contour as `Contour.integrate` estimates it, with the largest slope as scale.

    The integral of moduli, which it has there, is larger, and the estimate then smaller.
    """
    scale = jnp.abs(value).max()
    relative = path.factor * jnp.abs(value - other) / jnp.where(scale > 0, scale, 1.0)
    return scale * jnp.minimum(1.0, relative**path.power + path.floor)


def _product(left, middle, right):
    """Contract slopes with a response: shape (pair, pair, 3, 3, 3, 3)."""
    return np.einsum("pmxab,mxny,qnycd->pqabcd", left, middle, right, optimize=True)


def _by_sites(pairs, value, error):
    """Yield the loops of two, three and four sites with their summed tensors and errors.

    A loop may be made of two different couples of pairs, (ij)(kl) and (jk)(li).
    """
    kinds: dict[int, dict[tuple, tuple[np.ndarray, np.ndarray]]] = {}
    for p, q in zip(*np.triu_indices(len(pairs)), strict=True):
        sites, axes = _walk(pairs[p], pairs[q])
        count = 1 if p == q else 2
        name = ordered_loops(sites)[0]
        walks = [np.roll(np.arange(4), -m) for m in range(4)]
        walks += [walk[::-1] for walk in walks]
        walk = next(w for w in walks if tuple(sites[w].tolist()) == name)
        order = np.array(axes)[walk]
        new = [count * np.transpose(part[p, q], order) for part in (value, error)]
        group = kinds.setdefault(len(set(name)), {})
        old = group.get(name, (0.0, 0.0))
        group[name] = (old[0] + new[0], old[1] + new[1])
    yield from (kinds[count] for count in sorted(kinds))


def _walk(first, second):
    """Return the sites of two pairs as a loop i, j, k, l or i, j, k, j, and the axes it takes."""
    sites, axes = [*first, *second], [0, 1, 2, 3]
    shared = set(first) & set(second)
    if len(shared) == 1:
        (centre,) = shared
        axes = [axes[n] for n in (*_last(first, centre, 0), *_last(second, centre, 2))]
    return np.array([sites[n] for n in axes]), axes


def _last(pair, centre, start: int) -> tuple[int, int]:
    return (start, start + 1) if pair[1] == centre else (start + 1, start)


def _oriented(slope, doubt, pairs, places):
    """Turn every pair to one side, so that translated pairs are listed alike."""
    way = np.round(places[pairs[:, 1]] - places[pairs[:, 0]], 6)
    back = np.array([tuple(row) < (0.0, 0.0, 0.0) for row in way.tolist()])
    turn = back[:, None, None, None, None]
    slope, doubt = (np.where(turn, np.swapaxes(a, -1, -2), a) for a in (slope, doubt))
    return slope, doubt, np.where(back[:, None], pairs[:, ::-1], pairs)


def _arrays(name: str, given, shape):
    if not isinstance(given, Response):
        raise InputError(
            f"Argument `{name}` must be a Response, but it is {given!r}. Make one of the value "
            "and its error."
        )
    for part in given:
        _checks.finite_array(name, part, shape)
    value, error = (np.asarray(part, float) for part in given)
    _checks.shaped(name, error, value.shape)
    return value, error


def _different(pairs, count: int) -> np.ndarray:
    pairs = check_pairs(pairs, count)
    known = {tuple(sorted(pair)) for pair in pairs.tolist()}
    if np.any(pairs[:, 0] == pairs[:, 1]) or len(known) < len(pairs):
        raise InputError(
            "Argument `pairs` must join different sites, every pair once, but it is "
            f"{pairs.tolist()}. Remove the others."
        )
    return pairs
