"""Four-spin exchange that phonons mediate where time reversal holds.

Pairs of spins have the energy e_i . T_p(u) . e_j, p = (i, j). A lattice with force constants Phi
relaxes to u = -Phi^-1 f, f = sum_p e_i . dT_p/du . e_j, and gains

    -1/2 f Phi^-1 f = -1/2 sum_pq (e_i . dT_p/du . e_j) Phi^-1 (e_k . dT_q/du . e_l),

to second order in dT/du: the isotropic parts give (e_i.e_j)(e_k.e_l), the antisymmetric ones its
chiral partners. Like every static interaction of harmonic phonons it does not depend on
temperature.
"""

from collections.abc import Mapping

import numpy as np

from msgreen import _checks
from msgreen._typing import Pairs, Vectors
from msgreen.clusters import ordered_loops
from msgreen.convention import NEUTRAL
from msgreen.estimate import Estimate
from msgreen.phonon.displacements import different_pairs, estimated_arrays
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms


def four_spin_interactions(
    slopes: Estimate,
    pairs: Pairs,
    positions: Vectors,
    response: Estimate,
    source: Mapping[str, str] | None = None,
) -> Interactions:
    """Return the four-spin exchange that phonons mediate, in the neutral convention.

    Parameters
    ----------
    slopes : Estimate
        dT/du of the pairs, shape (pair, atom, 3, 3, 3), from `exchange_slopes`.
    pairs : int array, shape (pair, 2)
        Of different sites, every pair once.
    positions : real array, shape (site, 3)
        Of the spins, in angstrom.
    response : Estimate
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
    pairs = different_pairs(pairs, len(places))
    slope, doubt = estimated_arrays("slopes", slopes, (len(pairs), "atom", 3, 3, 3))
    moved = slope.shape[1]
    stiff, loose = estimated_arrays("response", response, (moved, 3, moved, 3))
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
