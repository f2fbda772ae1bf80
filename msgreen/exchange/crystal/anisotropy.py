"""Anisotropy of single moments of a crystal, from tilting them about x, y and z.

With E = sum over pairs of e_i.K_ij.e_j + sum_i e_i.A_i.e_i and all moments along n (signs s), the
second derivatives by tilting one moment towards a and b, across n, and with all others, are

    C_i^ab(n) = 2 (A_ab - delta_ab A_nn) - delta_ab S_i^nn,        S_i = sum_j s_i s_j K_ij,
    U_i^ab(n) = C_i^ab(n) + S_i^ab = 2 [T_ab - delta_ab T_nn],     T = A + S/2.

C is large, as it contains what holds the moment up, and U small. An energy that is not bilinear has
another U at either end of a rotation from n to a; the mean over the two,
T_aa - T_nn = [U^aa(n) - U^nn(a)]/4, is what the two ends differ by to the same order. A is what S/2
leaves of T.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from msgreen.exchange.crystal.axes import CrystalTensors, by_axis
from msgreen.exchange.crystal.pairs import CrystalExchange
from msgreen.spinmodel.terms import Term


class SiteAnisotropy(NamedTuple):
    """Tensors of e.A.e of the magnetic atoms, symmetric and without trace, in eV.

    Attributes
    ----------
    atoms : tuple of int
    single : real array, shape (atom, 3, 3)
        A: of the moment alone.
    total : real array, shape (atom, 3, 3)
        T: with its share of the pairs, for moments that turn together.
    errors : real array, shape (atom,)
        Of an entry of either, from contour and meshes.
    spread : real array, shape (atom,)
        How much they depend on the states that they were taken about.
    """

    atoms: tuple[int, ...]
    single: np.ndarray
    total: np.ndarray
    errors: np.ndarray
    spread: np.ndarray

    def easy_axis(self) -> np.ndarray:
        """Return the direction of lowest energy of moments that turn together, shape (3,)."""
        return np.linalg.eigh(self.total.sum(axis=0))[1][:, 0]


def site_anisotropy(found: Sequence[CrystalExchange], tensors: CrystalTensors) -> SiteAnisotropy:
    """Return the anisotropy of single moments of a crystal with spin-orbit coupling.

    Parameters
    ----------
    found : sequence of 3 CrystalExchange
        With moments along x, y and z, in any order.
    tensors : CrystalTensors
        Of the same pairs, from `whole_tensors`.

    Raises
    ------
    InputError
        If an axis is missing.

    Notes
    -----
    Pairs beyond the cutoff count by the anisotropy of their exchange alone: what they hold the
    moment up with cancels between the references.
    """
    runs = by_axis(found)
    turning = np.stack([run.turning for run in runs])
    # Moments that turn together feel each other's D, which cancels between the two.
    turning = (turning + turning.swapaxes(2, 3)) / 2
    between = turning.sum(axis=0) / 2
    steps = _differences(turning) / 4
    total = _tensor(steps, between)
    exchange = _by_atom(runs[0], tensors)
    single = total - _without_trace(exchange) / 2
    # The same with exchange from either end of a rotation instead of its mean.
    pairs = turning - np.stack([run.curvature for run in runs])
    other = _tensor(steps - _differences(pairs) / 2, between - exchange / 2)
    around = np.abs(steps[:, 0, 1] + steps[:, 1, 2] + steps[:, 2, 0]) / 3
    spread = np.maximum(np.abs(other - single).max(axis=(1, 2)), around)
    errors = np.sum([run.turning_errors for run in runs], axis=0) / 2
    return SiteAnisotropy(runs[0].atoms, single, total, errors, spread)


def _differences(blocks: np.ndarray) -> np.ndarray:
    """Return X^aa(n) - X^nn(a) of an array (n, atom, a, b), shape (atom, n, a)."""
    ends = np.einsum("niaa->ina", blocks)
    return ends - ends.swapaxes(1, 2)


def _tensor(steps: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Return tensors without trace from T_aa - T_nn, (atom, n, a), and entries between two axes."""
    diagonal = np.einsum("ina,ab->iab", steps / 3, np.eye(3))
    return np.where(np.eye(3, dtype=bool), diagonal, between)


def _by_atom(run: CrystalExchange, tensors: CrystalTensors) -> np.ndarray:
    """Return sum_j s_i s_j K_ij of every magnetic atom, symmetric, shape (atom, 3, 3)."""
    signs = np.array(run.signs)
    i, j = tensors.pairs[:, :2].T
    mine = (i == np.array(run.atoms)[:, None]) * signs[i] * signs[j]
    total = np.einsum("ip,pab->iab", mine, tensors.tensors)
    return (total + total.swapaxes(1, 2)) / 2


def _without_trace(tensors: np.ndarray) -> np.ndarray:
    return tensors - np.trace(tensors, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)


def anisotropy_term(found: SiteAnisotropy) -> Term:
    """Return the tensors of single moments as a term of a lattice model in three dimensions.

    Parameters
    ----------
    found : SiteAnisotropy
    """
    cells = np.zeros((len(found.atoms), 1, 3), int)
    errors = np.broadcast_to(found.errors[:, None, None], found.single.shape)
    return Term("anisotropy", np.array(found.atoms)[:, None], found.single, cells, errors)
