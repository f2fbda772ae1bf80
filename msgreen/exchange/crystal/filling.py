"""The Fermi energy of a crystal that holds a given number of electrons.

Electrons are counted by the sums over k with a certificate that exchange is made of, at the same
temperature. How their number answers to E_F is read off the levels of a mesh: from a count at E,
the next E is where these levels hold as many more as are missing. E stays between energies with
too few and too many.
"""

from collections.abc import Sequence
from typing import NamedTuple, Unpack

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from scipy.optimize import brentq
from scipy.special import expit

from msgreen import _checks
from msgreen._typing import Array, Complex, Float
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.exchange.crystal.meshes import Budget, Effort, Node, on_meshes, sum_over_meshes
from msgreen.exchange.crystal.traces import diagonals
from msgreen.hosts.wannier import WannierHost

TOLERANCE = 1e-4
"""Electrons that may be missing.

In iron they are 1e-4 eV of E_F and 0.007 meV of J_1, which answers to E_F by 70 meV per eV.
"""

POINTS = 4096
"""Of the mesh whose levels lead the search.

At 600 K their number answers to E_F as on fine meshes to 5 % in iron, 8 % in SrMnO3, 0.1 % in
CrSTe; at 300 K to 18, 25 and 1 %.
"""

UNSURE = 1 / 3
"""Part of the last step, on trust of these levels, by which it may be wrong."""

_HOME = np.zeros((1, 3), int)


class Filling(NamedTuple):
    """The E_F that holds given electrons.

    Attributes
    ----------
    electrons : Estimate of float
        Per cell; the error is what may be missing.
    fermi_energy : Estimate of float
        E_F in eV; its error is how far from it levels of a mesh put the electrons that may be
        missing, in a gap as far as its edges.
    nodes : tuple of Node
        From far away towards E_F, of the last count.
    """

    electrons: Estimate[float]
    fermi_energy: Estimate[float]
    nodes: tuple[Node, ...]


def filled(
    host: WannierHost, electrons: float, **effort: Unpack[Effort]
) -> tuple[WannierHost, Filling]:
    """Return a host with the E_F at which it holds a given number of electrons.

    Parameters
    ----------
    host : WannierHost
        With any E_F.
    electrons : float
        Per cell, of both spins.
    **effort : Effort
        `tolerance`, here of the number of electrons, `TOLERANCE` by default; `mesh`, `patience`,
        `progress`, `report`.

    Raises
    ------
    InputError
        If E_F would lie outside the bands, or an energy would take longer than `patience`.
    """
    _checks.number("electrons", electrons)
    budget = Budget(**{"tolerance": TOLERANCE, **effort})
    levels = _Levels(host)
    low, high = host.band
    least, most = levels.count(low), levels.count(high)
    if not least < electrons < most:
        raise InputError(
            f"Argument `electrons` must lie between {least:.4g} and {most:.4g}, with E_F within "
            f"the bands, but it is {electrons:g}. Count those of the bands in the files only."
        )
    energy, missing = levels.energy(electrons), 0.1
    while True:
        # No count need be much better than what the one before has left.
        share = max(budget.tolerance / 2, abs(missing) / 10)
        count, error, nodes = _count(_at(host, energy), budget._replace(tolerance=share))
        missing = electrons - count
        known = abs(missing) <= error and share == budget.tolerance / 2
        if abs(missing) > error:
            low, high = (energy, high) if missing > 0 else (low, energy)
        step = levels.energy(levels.count(energy) + missing)
        energy = step if low < step < high else (low + high) / 2
        unsure = error + UNSURE * abs(missing)
        if known or unsure <= budget.tolerance:
            break
    ends = [levels.energy(levels.count(energy) + sign * unsure) for sign in (-1, 1)]
    away = float(np.abs(np.subtract(ends, energy)).max())
    found = Filling(Estimate(electrons, unsure), Estimate(energy, away), nodes)
    return _at(host, energy), found


def _at(host: WannierHost, energy: float) -> WannierHost:
    return eqx.tree_at(lambda h: h.fermi_energy, host, jnp.asarray(energy))


def electrons_on_meshes(host: WannierHost, meshes: Sequence[int]) -> Float[Array, ""]:
    """Return the number of electrons per cell on given meshes, as a differentiable function.

    Parameters
    ----------
    host : WannierHost
    meshes : sequence of int
        Points per direction for every energy of ``host.contour()``.

    Notes
    -----
    With its derivatives those at a given E_F become those at a given number N of electrons:
    dJ - (dJ/dE_F) dN / (dN/dE_F).
    """
    plain, half = host.onsite(), len(host.atom_of)
    return half - on_meshes(plain, meshes, _HOME, lambda boxes: _traces(plain, boxes).sum())


def _traces(host: WannierHost, boxes) -> Complex[Array, "spin atom"]:
    return jnp.stack(diagonals(host, boxes))


def _count(host: WannierHost, budget: Budget) -> tuple[float, float, tuple[Node, ...]]:
    """Return the number of electrons, its error and the nodes of the sum."""
    plain = host.onsite()
    values, doubts, nodes = sum_over_meshes(
        plain, _HOME, Partial(_traces, plain), lambda doubt: float(doubt.sum()), budget
    )
    # (1/pi) Im int f Tr G is minus the number of electrons, up to half the number of states.
    traces, errors = host.contour().integrate(values, doubt=doubts)
    return len(host.atom_of) - float(traces.sum()), float(errors.sum()), tuple(nodes)


class _Levels:
    """How many electrons the levels of a mesh hold, and where they hold so many."""

    def __init__(self, host: WannierHost):
        directions = sum(reach > 0 for reach in host.reach)
        self.levels = host.levels(round(POINTS ** (1 / max(directions, 1))))
        self.band, self.thermal = host.band, float(host.temperature)

    def count(self, energy: float) -> float:
        return float(expit((energy - self.levels) / self.thermal).sum(axis=1).mean())

    def energy(self, electrons: float) -> float:
        """Return the E_F of so many electrons, or that end of the bands that is nearest."""
        low, high = self.band
        if electrons <= self.count(low):
            return low
        if electrons >= self.count(high):
            return high
        found = brentq(lambda energy: self.count(energy) - electrons, low, high)
        return float(np.asarray(found))
