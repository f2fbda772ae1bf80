"""Sums over k for a crystal, energy by energy, each with a mesh of its own and a certificate.

The energies are taken from far away towards E_F. At each, meshes grow until the change of every
wanted number, weighted as it enters the result and scaled to the error of the finer mesh, is below
a share of the tolerance. A fifth of it is divided equally; of the rest the last energy, which costs
almost everything, has half, the one before half of what is left, and so on.
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
    """

    tolerance: float
    mesh: int | None
    patience: float
    progress: bool
    report: Callable[[str], None] | None


class Budget(NamedTuple):
    """An `Effort` with its defaults."""

    tolerance: float = 1e-6
    mesh: int | None = None
    patience: float = 600.0
    progress: bool = False
    report: Callable[[str], None] | None = None


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
    if budget.mesh is not None:
        check_reach(budget.mesh, cells)
    contour = host.contour()
    weights = np.abs(np.asarray(contour.weights)) / np.pi
    search = _Search(host, _reach(cells), evaluate, wanted, budget)
    found = []
    for n in tqdm(range(len(weights)), disable=not budget.progress, unit="energy"):
        part = (1 - EQUAL) * 0.5 ** (len(weights) - n) + EQUAL / len(weights)
        share = budget.tolerance * part / weights[n]
        z = complex(np.asarray(contour.nodes)[n])
        values, doubt, node = search.converge(z, share)
        found.append((values, doubt, node._replace(error=wanted(doubt) * weights[n])))
    values, doubts, nodes = zip(*found, strict=True)
    stacked = [jax.tree.map(lambda *x: np.stack(x), *parts) for parts in (values, doubts)]
    return *stacked, list(nodes)


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
        values, doubt, count, seconds, failed = whole_step(
            lambda: self._converged(z, share), (*known, self.needed), lambda: self._example(z)
        )
        self.last, self.height, self.needed = int(count), z.imag, bool(failed)
        return values, doubt, Node(z, int(count), 0.0, float(seconds))

    def _example(self, z: complex):
        """Return what has the structure of what is found, at any energy."""
        if self.example is None:
            values = self.evaluate(self.host.green_boxes(z, LADDER[0], self.reach))
            self.example = values, values, 0, 0.0, False
        return self.example

    def _converged(self, z: complex, share: float):
        start, mesh = time.perf_counter(), self.budget.mesh
        ladder = self._ladder(z.imag) if mesh is None else (max(2, 2 * mesh // 3), mesh)
        before, coarse, failed = 0, None, False
        for count in ladder:
            if mesh is None:
                self._announce(z, count)
            begin = time.perf_counter()
            boxes = np.asarray(self.host.green_boxes(z, count, self.reach))
            middle = time.perf_counter()
            fine = jax.tree.map(np.asarray, self.evaluate(boxes))
            # The first time it may be compiled.
            self.rest = min(self.rest, time.perf_counter() - middle)
            if coarse is not None:
                ratio = float(error_ratio(coarse[0], boxes, before, count))
                doubt = jax.tree.map(partial(_doubt, ratio), coarse[1], fine)
                if mesh is not None or self.wanted(doubt) < share:
                    self.rate = (middle - begin) / count**self.dimension
                    return fine, doubt, count, time.perf_counter() - start, failed
                failed = True
            before, coarse = count, (boxes, fine)
        raise InputError(
            f"Argument `tolerance` must be reachable, but {LADDER[-1]} points per direction leave "
            f"a larger error at {z:.3g} eV. Raise it, or the temperature."
        )

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


def _doubt(ratio: float, coarse: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Return errors of the finer mesh; none is below the mean, as changes vanish by accident."""
    change = np.abs(fine - coarse)
    mean = change.mean() if change.size else 0.0
    return ratio * np.maximum(change, mean)
