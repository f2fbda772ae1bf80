"""Ground states of a spin model: many starts, distinct minima, their stability, landscapes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Bool, Float, Int, Spins
from msgreen.errors import InputError
from msgreen.spin.algebra import tangent_frame
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.states.equivalence import distances, rotation_axes
from msgreen.spinmodel.states.relax import curvature_product, relax
from msgreen.spinmodel.symmetry.operations import Symmetry

_DENSE = 1000  # spins up to which the Hessian is diagonalised as a matrix
_LOWEST = 6  # curvatures of large systems: three of a global rotation and those that matter
_POINTS_AT_ONCE = 2**16  # spins


class Minima(NamedTuple):
    """Distinct minima, the lowest first.

    Attributes
    ----------
    directions : real array, shape (minimum, [cells,] site, 3)
        One representative each.
    energies : real array, shape (minimum,)
        In eV.
    hits : int array, shape (minimum,)
        Number of starts that ended there or at an equivalent state.
    torques : real array, shape (minimum,)
        Largest torque on a spin in eV.
    curvatures : real array, shape (minimum, mode)
        Lowest eigenvalues of the covariant Hessian in eV: all of a small model, six of a large one.
    failed : int
        Number of starts that did not converge; they are not among the minima.
    """

    directions: Float[np.ndarray, "minimum ..."]
    energies: Float[np.ndarray, "minimum"]
    hits: Int[np.ndarray, "minimum"]
    torques: Float[np.ndarray, "minimum"]
    curvatures: Float[np.ndarray, "minimum mode"]
    failed: int

    @property
    def stable(self) -> Bool[np.ndarray, "minimum"]:
        """Whether no curvature is negative beyond rounding; zero ones are soft directions."""
        return self.curvatures[:, 0] > -1e-6 * np.abs(self.curvatures).max(axis=1)


def find_minima(
    model: SpinModel,
    starts: int | Spins = 256,
    *,
    shape: Sequence[int] = (),
    seed: int = 0,
    symmetry: Symmetry | None = None,
    same: float = 1e-3,
    tolerance: float = 1e-10,
    max_steps: int = 300,
    progress: bool = False,
) -> Minima:
    """Minimise from many starts and return the distinct minima, the lowest first.

    Parameters
    ----------
    model : SpinModel
    starts : int or real array, shape (start, [cells,] site, 3)
        Number of random configurations, or configurations of one's own.
    shape : sequence of int
        Number of cells along every lattice vector, for random configurations of a lattice.
    seed : int
        Of the random configurations.
    symmetry : Symmetry, optional
        Point or space group whose operations make states equivalent. Global rotations that the
        model allows (found by `rotation_axes`), time reversal and translations always do.
    same : float
        Root mean square difference of the spins, in radians, below which states are the same.
    tolerance : float
        Largest torque in eV at convergence.
    max_steps : int
        Of one minimisation.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Minima

    Raises
    ------
    InputError
        If the shape does not fit the lattice, or no start converges.

    Notes
    -----
    A start that is stationary by itself stays where it is, even at a saddle point: see
    `Minima.stable`. A box of a lattice holds the wave vectors that fit into it only; compare with
    `find_spiral`.

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> from msgreen.spinmodel import SpinModel, Term, find_minima
    >>> trimer = SpinModel([Term("exchange", [[0, 1], [1, 2], [2, 0]], [0.010] * 3)])
    >>> found = find_minima(trimer, 20)
    >>> found.energies.round(6).tolist(), found.hits.tolist()
    ([-0.015], [20])
    """
    _checks.positive_number("same", same, "rad")
    _checks.whole_number("seed", seed, 0)
    if isinstance(starts, int):
        starts = _random_starts(model, starts, shape, seed)
    ends = relax(model, starts, tolerance=tolerance, max_steps=max_steps, progress=progress)
    spins, energies, torques, converged = map(
        np.asarray, (ends.directions, ends.energy, ends.torque, ends.converged)
    )
    failed = int(np.sum(~converged))
    if converged.ndim != 1 or failed == converged.size:
        raise InputError(
            "Argument `starts` must hold configurations that converge along its first axis, but "
            f"{failed} of {converged.shape} do not. Increase `max_steps` or `tolerance`."
        )
    order = np.argsort(np.where(converged, energies, np.inf), kind="stable")[: len(spins) - failed]
    spins, energies, torques = spins[order], energies[order], torques[order]
    window = 10 * tolerance * spins[0].size / 3
    groups = _groups(model, spins, energies, window, same, symmetry)
    first = np.array([group[0] for group in groups])
    return Minima(
        spins[first],
        energies[first],
        np.array([len(group) for group in groups]),
        torques[first],
        np.array([curvatures(model, state) for state in spins[first]]),
        failed,
    )


def _random_starts(model: SpinModel, count: int, shape: Sequence[int], seed: int) -> Array:
    if len(shape) != model.dimension:
        raise InputError(
            f"Argument `shape` must have {model.dimension} numbers, one per lattice vector, but it "
            f"is {tuple(shape)}."
        )
    _checks.positive("starts", count)
    vectors = jax.random.normal(jax.random.key(seed), (count, *shape, model.site_count, 3))
    return vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)


def _groups(model, spins, energies, window: float, same: float, symmetry) -> list[np.ndarray]:
    """Return the numbers of equivalent states; each group starts with its lowest."""
    axes = rotation_axes(model)
    left, groups = np.arange(len(spins)), []
    while len(left):
        near = left[energies[left] - energies[left[0]] <= window]
        away = distances(model, spins[near[0]], spins[near], axes, symmetry)
        group = near[(away <= same) | (near == near[0])]
        groups.append(group)
        left = np.setdiff1d(left, group)
    return groups


@eqx.filter_jit
def _curve(model: SpinModel, spins: Array, frame: Array, modes: Array) -> Array:
    """Apply the Hessian in tangent coordinates to modes, shape (mode, [cells,] site, 2)."""
    gradient = model.gradient(spins)

    def one(mode):
        step = jnp.sum(mode[..., None] * frame, axis=-2)
        image = curvature_product(model, spins, gradient, step)
        return jnp.sum(frame * image[..., None, :], axis=-1)

    return jax.lax.map(one, modes)


def curvatures(
    model: SpinModel, directions: Float[ArrayLike, "*box site 3"]
) -> Float[np.ndarray, "mode"]:
    """Return the lowest eigenvalues of the covariant Hessian of one configuration.

    Parameters
    ----------
    model : SpinModel
    directions : real array, shape ([cells,] site, 3)
        Unit vectors of a stationary state.

    Returns
    -------
    real array, shape (mode,)
        In eV, ascending: all of up to 1000 spins, else the six lowest by Lanczos iteration.
        Negative ones are directions in which the energy falls, zeros are soft: a global rotation,
        for instance, costs nothing in an isotropic model.
    """
    _checks.unit_vectors("directions", directions)
    axes = ("cells",) * model.dimension
    _checks.shaped("directions", directions, (*axes, model.site_count, 3))
    directions = jnp.asarray(directions, float)
    frame = tangent_frame(directions)
    size = 2 * directions.size // 3
    if size <= 2 * _DENSE:
        basis = jnp.eye(size).reshape(size, *frame.shape[:-1])
        matrix = np.asarray(_curve(model, directions, frame, basis)).reshape(size, size)
        return np.linalg.eigvalsh(0.5 * (matrix + matrix.T))

    shift = float(jnp.max(jnp.abs(model.gradient(directions))))  # the iteration fails at zero

    def image(mode):
        modes = jnp.asarray(mode).reshape(1, *frame.shape[:-1])
        return np.asarray(_curve(model, directions, frame, modes)).ravel() + shift * mode.ravel()

    operator = LinearOperator((size, size), matvec=image, dtype=float)  # type: ignore[call-arg]
    options = {"which": "SA", "ncv": 80, "tol": 1e-8, "return_eigenvectors": False}
    start = np.random.default_rng(0).normal(size=size)
    return np.sort(eigsh(operator, _LOWEST, v0=start, **options)) - shift


def landscape(
    model: SpinModel, family: Callable[..., Array], *grids: ArrayLike
) -> Float[Array, "*grid"]:
    """Return the energy of a family of states over a grid of its parameters.

    Parameters
    ----------
    model : SpinModel
    family : callable
        Maps one number per grid to directions ([cells,] site, 3).
    *grids : real arrays, shape (point,)
        Values of the first, second, ... parameter.

    Returns
    -------
    real array, shape (first point, second point, ...)
        In eV. States are made and evaluated in batches of bounded size.

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> from msgreen.spinmodel import SpinModel, Term, landscape
    >>> from msgreen.spinmodel.states import canted
    >>> trimer = SpinModel([Term("exchange", [[0, 1], [1, 2], [2, 0]], [0.010] * 3)])
    >>> landscape(trimer, canted, [0.0, jax.numpy.pi / 2]).round(6).tolist()
    [0.03, -0.015]
    """
    if not grids:
        raise InputError(
            "Argument `grids` must hold one grid per parameter, but it is empty. Give some points."
        )
    for grid in grids:
        _checks.finite_array("grids", grid, ("point",))
        if not np.size(grid):
            raise InputError(
                "Argument `grids` must hold points, but one grid is empty. Give some points."
            )
    axes = [jnp.asarray(grid, float) for grid in grids]
    shape = tuple(len(axis) for axis in axes)
    points = jnp.stack([axis.ravel() for axis in jnp.meshgrid(*axes, indexing="ij")], axis=-1)
    spins = jax.eval_shape(lambda point: family(*point), points[0]).size // 3
    size = max(1, min(len(points), _POINTS_AT_ONCE // spins))

    def energy(point):
        return model.energy(family(*point))

    return jax.lax.map(energy, points, batch_size=size).reshape(shape)
