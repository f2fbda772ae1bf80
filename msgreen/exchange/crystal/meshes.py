"""Sums over k for a crystal, energy by energy, each with a mesh of its own and a certificate.

The energies are taken from far away towards E_F. At each, meshes grow until the change of every
wanted number, weighted as it enters the result and scaled to the error of the finer mesh, is below
a share of the tolerance. A fifth of it is divided equally; of the rest the last energy, which costs
almost everything, has half, the one before half of what is left, and so on. What an energy leaves
of its share goes to those after it.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypedDict

import jax
import jax.numpy as jnp
import numpy as np
from tqdm.auto import tqdm

from msgreen import _checks
from msgreen._typing import Array
from msgreen.blocks import whole_step
from msgreen.contour import Contour
from msgreen.errors import InputError
from msgreen.hosts.wannier import WannierHost
from msgreen.lattice.bloch import LADDER, check_reach, error_ratio

EQUAL = 0.2
"""Part of the tolerance that is divided equally: else the far energies need larger meshes.

Points of all meshes that were tried, in iron, SrMnO3 and CrSTe at 7 tolerances of 0.001 to 0.3 meV:
0.01 to 0.1 cost up to 8 % more, but half in 2 of 21 cases, where one mesh less was enough at the
last energy; 0.3 leaves it too little and costs 1.5 to 2.1 times as many in 4 cases.
"""

SURE = 0.7
"""Part of the mesh that N Im z = const predicts from the energy before, which may be a step of 3/2
too fine: if that energy had failed on the one below, no mesh below it is tried. In iron at 600 K
N Im z is constant within a sixth; far from the axis meshes are finer than they need to be. In the
cases of `EQUAL` 0 costs up to 14 % more points, but half in one; 0.9 up to 2.3 times as many."""


class Node(NamedTuple):
    """What one energy needed.

    Attributes
    ----------
    energy : complex
        In eV.
    mesh : int
        Points per direction.
    error : float
        Largest share of the error of a coefficient, in eV.
    seconds : float
    """

    energy: complex
    mesh: int
    error: float
    seconds: float


class Effort(TypedDict, total=False):
    """What a sum over k may cost and must reach: keyword arguments of all sums over a crystal.

    Attributes
    ----------
    tolerance : float
        Largest error in eV of what is wanted, as estimated; 1e-6 by default.
    mesh : int, optional
        Points per direction at every energy, as other programs have it; the errors then tell what
        that costs.
    patience : float
        Seconds that the next energy may take, as predicted from those before it; 600 by default.
    progress : bool
        Whether to show a progress bar.
    report : callable, optional
        Is told, before the energies that take long, their mesh and predicted seconds.
    fermi_error : float
        Energy in eV by which E_F may be wrong, 0 by default: `Filling.fermi_energy.error`. How much
        every number changes with E_F by as much, up or down, is added to its error.
    """

    tolerance: float
    mesh: int | None
    patience: float
    progress: bool
    report: Callable[[str], None] | None
    fermi_error: float


class Budget(NamedTuple):
    """An `Effort` with its defaults."""

    tolerance: float = 1e-6
    mesh: int | None = None
    patience: float = 600.0
    progress: bool = False
    report: Callable[[str], None] | None = None
    fermi_error: float = 0.0


def sum_over_meshes(
    host: WannierHost,
    cells: np.ndarray,
    evaluate: Callable[[np.ndarray], Any],
    wanted: Callable[[Any], float],
    budget: Budget,
) -> tuple[Any, Any, list[Node]]:
    """Return functions of the Green function at all energies of the contour, and their doubts.

    Parameters
    ----------
    host : WannierHost
    cells : int array, shape (leg, 3)
        Differences of the cells between which the Green function is wanted.
    evaluate : callable
        Maps boxes (sector, n1, n2, n3, orb, orb), see `WannierHost.green_box`, to a pytree of
        arrays. What it knows besides must be seen by JAX, as in `jax.tree_util.Partial`.
    wanted : callable
        Maps such a pytree of doubts to the largest that counts.
    budget : Budget

    Returns
    -------
    values, doubts : pytrees of arrays with the energy first
    nodes : list of Node
        From far away towards E_F.

    Raises
    ------
    InputError
        If the tolerance has no meaning or is out of reach, the mesh is too small for the cells, or
        an energy would take longer than `patience`.
    """
    _checks.positive("tolerance", budget.tolerance, "eV")
    _checks.not_negative("fermi_error", budget.fermi_error, "eV")
    if budget.mesh is not None:
        check_reach(budget.mesh, cells)
    contour = host.contour()
    weights = np.abs(np.asarray(contour.weights)) / np.pi
    search = _Search(host, _reach(cells), evaluate, wanted, budget)
    found, around, left = [], [], budget.tolerance
    parts = (1 - EQUAL) * 0.5 ** np.arange(len(weights), 0, -1) + EQUAL / len(weights)
    for n in tqdm(range(len(weights)), "sums over k", disable=not budget.progress, unit="energy"):
        share = left * parts[n] / parts[n:].sum()
        z = complex(np.asarray(contour.nodes)[n])
        values, doubt, node, moved = search.converge(z, share / weights[n])
        error = wanted(doubt) * weights[n]
        found.append((values, doubt, node._replace(error=error)))
        around.append(moved)
        left -= min(error, share)
    values, doubts, nodes = zip(*found, strict=True)
    values, doubts = _stacked(values), _stacked(doubts)
    if budget.fermi_error:
        _add_last(doubts, _largest_change(contour, _stacked(around)), weights[-1])
    return values, doubts, list(nodes)


def _stacked(trees):
    return jax.tree.map(lambda *x: np.stack(x), *trees)


def _largest_change(contour: Contour, around):
    """Return by how much integrals of the first of three trees differ from those of the others."""
    known = jax.tree.map(lambda x: np.asarray(contour.integrate(x)[0]), around)
    return jax.tree.map(lambda a, b, c: np.maximum(abs(b - a), abs(c - a)), *known)


def _add_last(doubts, errors, weight: float) -> None:
    """Add errors of integrals to the doubts of the last energy, whence they come back as such."""
    for doubt, error in zip(jax.tree.leaves(doubts), jax.tree.leaves(errors), strict=True):
        doubt[-1] += error / weight


def on_meshes(
    host: WannierHost,
    meshes: Sequence[int],
    cells: np.ndarray,
    evaluate: Callable[[Array], Array],
) -> Array:
    """Return a function of the Green function, integrated on given meshes, differentiably.

    Parameters
    ----------
    host : WannierHost
    meshes : sequence of int
        Points per direction for every energy of ``host.contour()``: ``[n.mesh for n in
        found.nodes]`` of a result.
    cells : int array, shape (leg, 3)
        Differences of the cells between which the Green function is wanted.
    evaluate : callable
        Maps boxes (sector, n1, n2, n3, orb, orb) to a complex array.

    Returns
    -------
    real array
        Gradients in reverse mode with respect to the Hamiltonian, the splitting and E_F are those
        of the finite sum.
    """
    contour, reach = host.contour(), _reach(cells)
    if len(meshes) != len(contour.nodes):
        raise InputError(
            f"Argument `meshes` must hold {len(contour.nodes)} numbers, one per energy, but it "
            f"holds {len(meshes)}. Take those of the `nodes` of a result."
        )

    values = jnp.stack(
        [
            evaluate(host.green_boxes(z, mesh, reach))
            for z, mesh in zip(contour.nodes, meshes, strict=True)
        ]
    )
    return contour.integrate(values)[0]


def _reach(cells: np.ndarray) -> tuple[int, int, int]:
    a, b, c = np.abs(cells).max(axis=0, initial=0).tolist()
    return a, b, c


class _Search:
    """Finds the mesh of one energy after the other, and knows from the last what the next takes."""

    def __init__(self, host, reach, evaluate, wanted, budget: Budget):
        self.host, self.reach, self.budget = host, reach, budget
        self.evaluate, self.wanted = evaluate, wanted
        self.last, self.height, self.rate, self.rest = LADDER[0], 0.0, 0.0, np.inf
        self.needed, self.example = False, None
        self.dimension = sum(n > 0 for n in host.reach)

    def converge(self, z: complex, share: float):
        """Return values, their doubts and the node of one energy."""
        known = self.host, self.evaluate, z, share, self.budget.mesh, self.last, self.height
        known = *known, self.budget.fermi_error
        values, doubt, count, seconds, failed, moved = whole_step(
            lambda: self._converged(z, share), (*known, self.needed), lambda: self._example(z)
        )
        # The first energy fails on meshes that do not resolve H(R), whatever Im z.
        self.needed = bool(failed) and self.height > 0
        self.last, self.height = int(count), z.imag
        return values, doubt, Node(z, int(count), 0.0, float(seconds)), moved

    def _example(self, z: complex):
        """Return what has the structure of what is found, at any energy."""
        if self.example is None:
            values = self.evaluate(self._boxes(z, LADDER[0]))
            self.example = (
                values,
                values,
                0,
                0.0,
                False,
                (values,) * (3 * bool(self.budget.fermi_error)),
            )
        return self.example

    def _converged(self, z: complex, share: float):
        start, mesh = time.perf_counter(), self.budget.mesh
        ladder = self._ladder(z.imag) if mesh is None else (max(2, 2 * mesh // 3), mesh)
        before, coarse, failed = 0, None, False
        for count in ladder:
            if mesh is None:
                self._announce(z, count)
            begin = time.perf_counter()
            boxes = self._boxes(z, count)
            middle = time.perf_counter()
            fine = jax.tree.map(np.asarray, self.evaluate(boxes))
            # The first time it may be compiled.
            self.rest = min(self.rest, time.perf_counter() - middle)
            if coarse is not None:
                ratio = float(error_ratio(coarse[0], boxes, before, count))
                doubt = jax.tree.map(partial(_doubt, ratio), coarse[1], fine)
                if mesh is not None or self.wanted(doubt) < share:
                    self.rate = (middle - begin) / count**self.dimension
                    moved = self._around(z, before, coarse[1])
                    return fine, doubt, count, time.perf_counter() - start, failed, moved
                failed = True
            before, coarse = count, (boxes, fine)
        raise InputError(
            f"Argument `tolerance` must be reachable, but {LADDER[-1]} points per direction leave "
            f"a larger error at {z:.3g} eV. Raise it, or the temperature."
        )

    def _around(self, z: complex, count: int, values) -> tuple:
        """Return values of the coarser mesh, and those with E_F above and below by its error."""
        error = self.budget.fermi_error
        if not error:
            return ()
        ends = (self._boxes(z + sign * error, count) for sign in (1, -1))
        return values, *(jax.tree.map(np.asarray, self.evaluate(boxes)) for boxes in ends)

    def _boxes(self, z: complex, count: int) -> np.ndarray:
        """Return `WannierHost.green_boxes` by numpy, which joins and compares them in less time."""
        host, mesh = self.host, self.host.uniform(count)
        boxes = (host.green_box(z, s, mesh, self.reach) for s in range(len(host.sectors)))
        return np.stack([np.asarray(box) for box in boxes])

    def _ladder(self, height: float) -> tuple[int, ...]:
        """Return the meshes to try: nearer to the axis no energy needs less than the one before."""
        sure = self.last * max(1.0, SURE * self.height / height if self.needed else 0.0)
        first = sum(count <= sure for count in LADDER) - 2
        return LADDER[max(0, first) :]

    def _announce(self, z: complex, count: int) -> None:
        patience, known = self.budget.patience, self.rate > 0
        seconds = self.rate * count**self.dimension + (self.rest if known else 0.0)
        if seconds > patience:
            raise InputError(
                f"Argument `patience` must allow for {seconds:.0f} s on {count} points per "
                f"direction at {z.imag:.3g} eV above E_F, but it is {patience:g} s. Raise it, "
                "or the tolerance, or the temperature."
            )
        if self.budget.report is not None and seconds > 2.0:
            self.budget.report(
                f"{count} k points per direction at Im z = {z.imag:.3g} eV: {seconds:.0f} s"
            )


FLOOR = 3.0
"""Times the mean change that a doubt has at least.

With 1 some of 1242 pairs of iron had errors below the truth at 10 of 51 tolerances of 0.001 to 0.6
meV, with 2 the 12 third neighbours at some; with 3 none, and the smallest ratio is 1.27.
"""


def _doubt(ratio: float, coarse: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Return errors of the finer mesh from changes, which vanish for some numbers by accident."""
    change = np.abs(fine - coarse)
    least = FLOOR * change.mean() if change.size else 0.0
    return ratio * np.maximum(change, least)
