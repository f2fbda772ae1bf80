"""The gap equation of a homogeneous superconductor, in k space.

With the pair potential sum_c Delta_c phi_c the free energy of a cell is stationary where

    Delta_c = -V_c <tr phi_c(k)^+ rho(k)> / <tr phi_c(k)^+ phi_c(k)>,

<...> being means over k and rho(k) the block from particles to holes of f(H(k)). The Fermi energy
is held fixed and the Hartree shift left out.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float
from msgreen.energy.occupation import fermi_matrix, level_free_energy
from msgreen.errors import InputError
from msgreen.hosts.base import AbstractLatticeHost
from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.hosts.superconductor import Superconductor
from msgreen.hosts.tight_binding import SMALLEST_GROWTH, TightBinding
from msgreen.lattice import bloch_matrix, grid
from msgreen.lattice.attraction import Attraction
from msgreen.lattice.nambu import double

FINEST_MESH = {1: 2**13, 2: 512, 3: 32}
"""Points per direction, an estimate: one evaluation then takes some seconds and 1 GB."""

COARSEST_MESH = 32
GROWTH = 4
"""Points per direction to begin with, a choice, and how many times as many the next mesh has. Every
mesh is compiled for, which takes longer than all but the last solution."""

_NOTHING = 1e-9
"""Amplitude in eV below which there is no gap."""

_SOLVED = 1e-7
"""Part of the gap by which the equation may fail; Newton's method leaves 1e-11."""

_STATIONARY = 1e-6
"""Part of the gap by which the equation of a phase may fail: more is no rounding."""


class UniformGap(eqx.Module):
    """A self-consistent pair potential, the same in every cell.

    Attributes
    ----------
    amplitudes : real array, shape (channel,)
        Delta of every channel in eV; differentiable with respect to whatever it depends on.
    error : real array, shape (channel,)
        Estimate of the error of the mesh; of a gap that vanishes, the distance of levels at the
        Fermi energy that neither the mesh nor the temperature resolves.
    condensation : float
        Free energy that a cell gains against the normal state, in eV; not differentiated.
    mesh : tuple of int
        Points k per direction.
    attraction : Attraction
    normal : AbstractLatticeHost
    pair_momentum : real array, shape (dim,)
    """

    amplitudes: Float[Array, " channel"]
    error: Float[Array, " channel"]
    condensation: Float[Array, ""]
    mesh: tuple[int, ...] = eqx.field(static=True)
    attraction: Attraction
    normal: AbstractLatticeHost
    pair_momentum: Float[Array, " dim"]

    def superconductor(self, gap: float | None = None) -> Superconductor:
        """Return the normal host with this pair potential; `gap` is needed at zero temperature."""
        pairing = self.attraction.pairing(self.amplitudes)
        return Superconductor(self.normal, pairing, pair_momentum=self.pair_momentum, gap=gap)


def uniform_gap(
    normal: TightBinding | FiniteLattice,
    attraction: Attraction,
    *,
    pair_momentum: Float[ArrayLike, " dim"] | None = None,
    start: Float[ArrayLike, " channel"] | None = None,
    mesh: int | None = None,
    accuracy: float = 1e-6,
) -> UniformGap:
    """Return the self-consistent pair potential of a homogeneous superconductor.

    Parameters
    ----------
    normal : TightBinding or FiniteLattice
        Infinite, or closed in all directions without vacancies: then the sum over k is exact.
    attraction : Attraction
    pair_momentum : real array, shape (dim,), optional
        As of `Superconductor`.
    start : real array, shape (channel,), optional
        Amplitudes in eV to start from; by default half of the strengths. It decides where there
        are several solutions.
    mesh : int, optional
        Even number of points k per direction of an infinite lattice. By default it grows until the
        error is small enough; it must be given where JAX traces something.
    accuracy : float
        Largest error relative to the largest amplitude, for a mesh that is chosen. If no mesh in
        reach has it, `error` says so.

    Returns
    -------
    UniformGap
        Stationary, and stable against what the forms allow. Other relative phases are not tried.

    Raises
    ------
    InputError
        If the host is neither infinite nor a torus, the mesh is not given while JAX traces, or the
        relative phases of the forms are not stationary.

    Examples
    --------
    >>> from msgreen.lattice import Lattice, shell_model
    >>> from msgreen.lattice.nambu import s_wave
    >>> square = Lattice.square()
    >>> metal = TightBinding(shell_model(square, [-1.0]), fermi_energy=-1.0, temperature=0.1)
    >>> found = uniform_gap(metal, Attraction([s_wave(square, 1.0)], [3.0]))
    >>> round(float(found.amplitudes[0]), 4)
    0.7098
    """
    model = normal.model
    dim = model.lattice.dimension
    momentum = np.zeros(dim) if pair_momentum is None else pair_momentum
    _checks.finite_array("pair_momentum", momentum, (dim,))
    _checks.positive_number("accuracy", accuracy)
    amplitudes = 0.5 * attraction.strengths if start is None else start
    _checks.finite_array("start", amplitudes, attraction.strengths.shape)
    momentum, amplitudes = jnp.asarray(momentum, float), jnp.asarray(amplitudes, float)
    first, *finer = _meshes(normal, attraction, momentum, mesh)
    found, doubts = _on_mesh(normal, attraction, momentum, first, amplitudes)
    for shape in finer:
        scale = np.abs(np.asarray(found.amplitudes)).max()
        if np.asarray(found.error).max() <= accuracy * scale + _NOTHING:
            break
        start = found.amplitudes if scale > _NOTHING else amplitudes
        found, doubts = _on_mesh(normal, attraction, momentum, shape, start)
    _check_solution(doubts, found.amplitudes)
    return found


def lowest_gap(
    normal: TightBinding | FiniteLattice,
    attraction: Attraction,
    *,
    pair_momentum: Float[ArrayLike, " dim"] | None = None,
    mesh: int | None = None,
    accuracy: float = 1e-6,
) -> UniformGap:
    """Return the solution that gains most, of those from all channels and from each one alone.

    Parameters
    ----------
    normal, attraction, pair_momentum, mesh, accuracy
        As of `uniform_gap`.

    Raises
    ------
    InputError
        As `uniform_gap`; for a start that leads to no stable solution only if none does.

    Notes
    -----
    Channels compete, and which wins depends on where one starts. Free energies decide here; they
    cannot while JAX traces something.
    """
    count = len(attraction.strengths)
    half = 0.5 * np.asarray(attraction.strengths)
    starts = [half, *(half * row for row in np.eye(count) if count > 1)]
    found, refusal = [], None
    for start in starts:
        try:
            found.append(
                uniform_gap(
                    normal,
                    attraction,
                    pair_momentum=pair_momentum,
                    start=start,
                    mesh=mesh,
                    accuracy=accuracy,
                )
            )
        except InputError as error:
            if "`start`" not in str(error):
                raise
            refusal = error
    if refusal is not None and not found:
        raise refusal
    return max(found, key=lambda solution: float(solution.condensation))


class _Doubts(NamedTuple):
    """What must be small, or positive, for a solution to be one."""

    residual: Array  # of the gap equation, in eV
    phases: Array  # its imaginary parts, in eV
    slope: Array  # derivative of the residual: positive where the solution is stable


def _on_mesh(normal, attraction, momentum, shape, start) -> tuple[UniformGap, _Doubts]:
    """Solve on one mesh."""
    k, parts = _points(normal, shape, momentum)
    problem = _problem(normal, attraction, momentum, k)
    amplitudes, deviation, condensation, doubts = _solved(problem, parts, start)
    error = jnp.zeros_like(deviation)
    if isinstance(normal, TightBinding):
        scale = jnp.abs(amplitudes).max()
        growth = max(SMALLEST_GROWTH, shape[0] / 4)
        relative = deviation.max() / jnp.where(scale > 0, scale, 1.0)
        error = growth * jnp.minimum(1.0, relative) * deviation
        error = error + jnp.where(scale > _NOTHING, 0.0, _unseen(problem, shape))
    error = jax.lax.stop_gradient(error)
    found = UniformGap(amplitudes, error, condensation, shape, attraction, normal, momentum)
    return found, doubts


@eqx.filter_jit
def _unseen(problem: "_Problem", shape: tuple[int, ...]):
    """Gap that may be there though a mesh has none: the distance of its levels at the Fermi energy.

    A mesh resolves what temperature blurs, and what has no levels there.
    """
    normal, temperature = jax.lax.stop_gradient((problem.normal, problem.temperature))
    levels = linalg.eigvalsh(normal).reshape(*shape, -1)
    steps = [jnp.abs(levels - jnp.roll(levels, 1, axis)).max() for axis in range(len(shape))]
    distance = jnp.stack(steps).max()
    blurred = jnp.maximum(temperature, jnp.abs(levels).min())
    return jnp.where(blurred < distance, distance, 0.0)


class _Problem(eqx.Module):
    """H(k) = normal + sum_c Delta_c paired_c, in the basis of particles and holes."""

    normal: Complex[Array, "k size size"]
    paired: Complex[Array, "channel k size size"]
    turned: Complex[Array, "channel k size size"]
    attraction: Attraction
    temperature: Float[Array, ""]

    def response(self, amplitudes, channels):
        """-V tr(phi^+ rho) over the weight of the channel, its real part: (channel, k).

        With `turned` for `channels`, whose forms have the factor i, its imaginary part.
        """
        density = fermi_matrix(self.bloch(amplitudes), self.temperature)
        traces = 0.5 * jnp.einsum("ckij,kji->ck", channels, density).real
        factor = self.attraction.strengths / self.attraction.weights()
        return -factor[:, None] * traces

    def bloch(self, amplitudes):
        """H(k) of Bogoliubov and de Gennes."""
        return self.normal + jnp.tensordot(amplitudes.astype(complex), self.paired, axes=1)

    def free_energy(self, amplitudes):
        """Of a cell, up to the constant of the doubling."""
        levels = linalg.eigvalsh(self.bloch(amplitudes))
        pairs = self.attraction.weights() * amplitudes**2 / self.attraction.strengths
        return 0.5 * jnp.mean(level_free_energy(levels, self.temperature)) + 0.5 * pairs.sum()


@eqx.filter_jit
def _problem(normal, attraction: Attraction, momentum, k) -> _Problem:
    def bloch(amplitudes):
        pairing = attraction.pairing(amplitudes)
        model = double(normal.model, pairing, normal.fermi_energy, momentum)
        return bloch_matrix(model.matrices(), model.cells, k)

    empty = bloch(jnp.zeros(attraction.strengths.shape))
    unit = jnp.eye(len(attraction.strengths), dtype=complex)
    paired = jnp.stack([bloch(row) - empty for row in unit])
    turned = jnp.stack([bloch(1j * row) - empty for row in unit])
    return _Problem(empty, paired, turned, attraction, normal.temperature)


@eqx.filter_jit
def _solved(problem: _Problem, parts, start):
    """Amplitudes, their scatter over the parts of the mesh, what is gained, and what to check."""
    # Imported where it is used, because it takes a third of the time of importing this package.
    import optimistix

    def residual(amplitudes, problem):
        return amplitudes - problem.response(amplitudes, problem.paired).mean(axis=1)

    frozen, start = jax.lax.stop_gradient((problem, start))
    near = optimistix.fixed_point(
        lambda x, p: x - residual(x, p),
        optimistix.FixedPointIteration(rtol=1e-2, atol=1e-6),
        start,
        frozen,
        max_steps=200,
        throw=False,
    ).value
    found = optimistix.root_find(
        residual,
        optimistix.Newton(rtol=1e-11, atol=1e-13),
        jax.lax.stop_gradient(near),
        problem,
        max_steps=60,
        throw=False,
    )
    amplitudes = found.value
    fixed = jax.lax.stop_gradient(amplitudes)
    slope = jax.jacfwd(lambda x: residual(x, frozen))(fixed)
    response = frozen.response(fixed, frozen.paired)
    changes = parts @ response.T - response.mean(axis=1)
    deviation = jnp.abs(jnp.linalg.solve(slope, changes.T)).max(axis=1)
    phases = frozen.response(fixed, frozen.turned).mean(axis=1)
    gained = frozen.free_energy(jnp.zeros_like(fixed)) - frozen.free_energy(fixed)
    return amplitudes, deviation, gained, _Doubts(residual(fixed, frozen), phases, slope)


def _meshes(normal, attraction, momentum, mesh: int | None) -> list[tuple[int, ...]]:
    """Return the meshes that are tried, coarse ones first."""
    dim = normal.model.lattice.dimension
    if isinstance(normal, FiniteLattice):
        if not all(normal.region.periodic) or normal.region.removed:
            raise InputError(
                "Argument `normal` must be infinite or closed in all directions without vacancies "
                "to have the same gap everywhere, but it is not. Take that of the infinite lattice."
            )
        return [normal.region.shape]
    given = normal.mesh if mesh is None else mesh
    if given is not None:
        _checks.whole_number("mesh", given, 4, 2**20)
        if given % 2:
            raise InputError(
                f"Argument `mesh` must be even, but it is {given}: its halves tell the error. Take "
                "the next even number."
            )
        return [(int(given),) * dim]
    leaves = jax.tree.leaves((normal, attraction, momentum))
    if any(_checks.concrete(leaf) is None for leaf in leaves):
        raise InputError(
            "Argument `mesh` must be given while JAX traces the model, the temperature or the "
            "attraction, but it is missing. Take `mesh` of a gap that was solved for beforehand."
        )
    sizes = [COARSEST_MESH]
    while sizes[-1] < FINEST_MESH[dim]:
        sizes.append(GROWTH * sizes[-1])
    return [(size,) * dim for size in sizes]


def _points(normal, shape: tuple[int, ...], momentum):
    """Points k, and the matrix that averages over each part of their mesh."""
    if isinstance(normal, FiniteLattice):
        twist: Any = -0.5 * jnp.round(jax.lax.stop_gradient(momentum) * np.array(shape, float))
        return grid(shape, twist), jnp.full((1, int(np.prod(shape))), 1.0 / np.prod(shape))
    corner = np.stack(np.unravel_index(np.arange(int(np.prod(shape))), shape), axis=-1) % 2
    label = corner @ 2 ** np.arange(len(shape))
    count = 2 ** len(shape)
    parts = (label == np.arange(count)[:, None]) * (count / len(label))
    return grid(shape), jnp.asarray(parts)


def _check_solution(doubts: _Doubts, amplitudes) -> None:
    """Refuse what is no solution, an unstable one, and forms whose relative phase would turn."""
    if any(_checks.concrete(leaf) is None for leaf in (*doubts, amplitudes)):
        return
    scale = np.abs(np.asarray(amplitudes)).max()
    if not np.abs(doubts.residual).max() <= _SOLVED * scale + _NOTHING:
        raise InputError(
            "Argument `start` must lead to a solution of the gap equation, but what is left of it "
            f"is {np.abs(doubts.residual).max():.1e} eV. Give amplitudes nearer to it."
        )
    if np.linalg.eigvals(doubts.slope).real.min() < -_SOLVED:
        raise InputError(
            "Argument `start` must lead to a stable solution of the gap equation, but that which "
            f"was found, {np.asarray(amplitudes)} eV, is not. Give other amplitudes."
        )
    if np.abs(doubts.phases).max() > _STATIONARY * scale + _NOTHING:
        raise InputError(
            "Argument `attraction` must have forms whose relative phases are stationary, but the "
            f"gap equation leaves imaginary parts up to {np.abs(doubts.phases).max():.1e} eV. "
            "Multiply a form by another phase, such as 1j."
        )
