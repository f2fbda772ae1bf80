"""Local minimisation of a spin model on the sphere, many configurations at once."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Bool, Float, Int
from msgreen.blocks import map_items
from msgreen.errors import InputError
from msgreen.spinmodel.model import SpinModel

_SPINS_AT_ONCE = 2**9
"""A block ends when its slowest start does: larger blocks wait longer for stragglers."""

_ROUNDING = 1e3 * np.finfo(float).eps
"""Of energies: near a minimum the predicted gain falls below it, and every step is as good."""


class Relaxed(NamedTuple):
    """Where minimisations ended.

    Attributes
    ----------
    directions : real array, shape (..., [cells,] site, 3)
    energy : real array, shape (...)
        In eV.
    torque : real array, shape (...)
        Largest torque on a spin, |S x dE/dS|, in eV.
    steps : int array, shape (...)
    converged : bool array, shape (...)
        Whether the torque fell below the tolerance.
    """

    directions: Float[Array, "..."]
    energy: Float[Array, "..."]
    torque: Float[Array, "..."]
    steps: Int[Array, "..."]
    converged: Bool[Array, "..."]


def relax(
    model: SpinModel,
    directions: Float[ArrayLike, "*box site 3"],
    *,
    tolerance: float = 1e-10,
    max_steps: int = 300,
    progress: bool = False,
) -> Relaxed:
    """Minimise the energy of every configuration from where it is.

    Parameters
    ----------
    model : SpinModel
    directions : real array, shape (..., [cells,] site, 3)
        Unit vectors; leading axes number the configurations.
    tolerance : float
        Largest torque in eV at which a configuration counts as converged.
    max_steps : int
        Number of trust regions tried per configuration.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Relaxed
        What did not converge says so.

    Notes
    -----
    Newton steps along geodesics, from a truncated conjugate-gradient solution within a trust
    region; the Hessian acts through derivatives of the gradient and is never stored. The
    coordinates are centred anew at every step, so no direction is singular. Convergence is
    quadratic; directions of negative curvature are followed, so that only a start that is
    stationary by itself can end at a saddle point. Configurations are worked on in batches of a
    fixed number of spins, so that a model is compiled once; a batch waits for its slowest member,
    so large boxes go one by one.

    References
    ----------
    Absil, Baker, Gallivan, Found. Comput. Math. 7, 303 (2007).
    """
    _checks.unit_vectors("directions", directions)
    _checks.positive_number("tolerance", tolerance, "eV")
    _checks.count("max_steps", max_steps)
    directions = jnp.asarray(directions, float)
    axes = model.dimension + 2
    if directions.ndim < axes or directions.shape[-2] != model.site_count:
        raise InputError(
            f"Argument `directions` must have {model.site_count} sites and {axes} axes or more, "
            f"but its shape is {directions.shape}. Give one vector per site."
        )
    lead, one = directions.shape[: directions.ndim - axes], directions.shape[-axes:]
    starts = directions.reshape(-1, *one)
    size = max(1, _SPINS_AT_ONCE * 3 // int(np.prod(one)))
    known = model, jnp.asarray(tolerance, float), jnp.asarray(max_steps)
    label = "relax" if progress else None
    whole = map_items(
        _relax, known, (starts,), 1, block_bytes=size, filled=True, label=label, unit="start"
    )
    return Relaxed(*(part.reshape(*lead, *part.shape[1:]) for part in whole))


class _State(NamedTuple):
    spins: Array
    energy: Array
    gradient: Array
    radius: Array
    step: Array  # to be tried next
    predicted: Array  # decrease of the energy by it
    at_edge: Array
    steps: Array


@eqx.filter_jit
def _relax(known, starts: Array) -> Relaxed:
    model, tolerance, max_steps = known
    return jax.vmap(lambda start: _relax_one(model, start, tolerance, max_steps))(starts)


def _relax_one(model: SpinModel, start: Array, tolerance, max_steps) -> Relaxed:
    widest = 0.5 * np.pi * np.sqrt(start.size / 3)

    def torque(state: _State) -> Array:
        force = _tangential(state.spins, state.gradient)
        return jnp.sqrt(jnp.max(_dot(force, force)))

    def unfinished(state: _State) -> Array:
        first = state.steps == 0
        return first | ((torque(state) > tolerance) & (state.steps <= max_steps))

    def advance(state: _State) -> _State:
        spins = _geodesic(state.spins, state.step)
        energy, gradient = model.energy_and_gradient(spins)
        noise = _ROUNDING * (jnp.abs(energy) + jnp.sum(jnp.sqrt(_dot(gradient, gradient))))
        quality = (state.energy - energy + noise) / (state.predicted + noise)
        grown = jnp.where(state.at_edge, jnp.minimum(2 * state.radius, widest), state.radius)
        radius = jnp.where(quality > 0.75, grown, state.radius)
        radius = jnp.where(quality < 0.25, 0.25 * state.radius, radius)
        accepted = quality > 0.1
        state = state._replace(
            spins=jnp.where(accepted, spins, state.spins),
            energy=jnp.where(accepted, energy, state.energy),
            gradient=jnp.where(accepted, gradient, state.gradient),
            radius=radius,
            steps=state.steps + 1,
        )
        return _with_next_step(model, state, unfinished(state))

    nothing, no = jnp.zeros_like(start), jnp.asarray(False)
    infinite, radius = jnp.asarray(jnp.inf), jnp.asarray(widest / 8)
    begin = _State(start, infinite, nothing, radius, nothing, jnp.asarray(1.0), no, jnp.asarray(0))
    end = jax.lax.while_loop(unfinished, advance, begin)
    residual = torque(end)
    return Relaxed(end.spins, end.energy, residual, end.steps - 1, residual <= tolerance)


def _dot(a: Array, b: Array) -> Array:
    """Return a . b of every spin; written out, it fuses with what surrounds it."""
    return (a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2])[..., None]


def _tangential(spins: Array, vectors: Array) -> Array:
    return vectors - _dot(spins, vectors) * spins


def _geodesic(spins: Array, step: Array) -> Array:
    angle = jnp.sqrt(_dot(step, step))
    moved = jnp.cos(angle) * spins + jnp.sinc(angle / np.pi) * step
    return moved / jnp.sqrt(_dot(moved, moved))


def curvature_product(model: SpinModel, spins: Array, gradient: Array, step: Array) -> Array:
    """Return the covariant Hessian applied to tangent vectors, shape (..., site, 3) in eV.

    The second term is the curvature of the sphere, as in `SpinModel.hessian`.
    """
    change = jax.jvp(model.gradient, (spins,), (step,))[1]
    return _tangential(spins, change) - _dot(spins, gradient) * step


class _Conjugate(NamedTuple):
    step: Array
    image: Array  # the Hessian applied to the step
    residual: Array
    search: Array
    square: Array  # of the residual
    rounds: Array
    at_edge: Array


def _with_next_step(model: SpinModel, state: _State, needed: Array) -> _State:
    """Minimise the quadratic model within the trust region (Steihaug's conjugate gradients).

    The accuracy follows the misalignment of spins and fields: quadratic convergence.
    Configurations of a batch that need no step any more must not keep the others waiting.
    """
    force = _tangential(state.spins, state.gradient)
    square = jnp.sum(force**2)
    misaligned = jnp.sqrt(square / jnp.maximum(jnp.sum(state.gradient**2), 1e-300))
    enough = square * jnp.minimum(0.1, misaligned) ** 2
    most = min(2 * force.size // 3, 200)

    def unfinished(now: _Conjugate) -> Array:
        return needed & (now.square > enough) & ~now.at_edge & (now.rounds < most)

    def advance(now: _Conjugate) -> _Conjugate:
        image = curvature_product(model, state.spins, state.gradient, now.search)
        curvature = jnp.sum(now.search * image)
        length = now.square / jnp.where(curvature > 0, curvature, 1.0)
        outside = jnp.sum((now.step + length * now.search) ** 2) >= state.radius**2
        at_edge = (curvature <= 0) | outside
        length = jnp.where(at_edge, _to_edge(now, state.radius), length)
        residual = now.residual + length * image
        square = jnp.sum(residual**2)
        search = square / now.square * now.search - residual
        step, image = now.step + length * now.search, now.image + length * image
        return _Conjugate(step, image, residual, search, square, now.rounds + 1, at_edge)

    nothing = jnp.zeros_like(force)
    begin = _Conjugate(nothing, nothing, force, -force, square, jnp.asarray(0), jnp.asarray(False))
    end = jax.lax.while_loop(unfinished, advance, begin)
    predicted = -jnp.sum(end.step * (force + 0.5 * end.image))
    return state._replace(step=end.step, predicted=predicted, at_edge=end.at_edge)


def _to_edge(now: _Conjugate, radius: Array) -> Array:
    """Return t >= 0 with |step + t search| = radius."""
    a, b = jnp.sum(now.search**2), jnp.sum(now.step * now.search)
    c = jnp.sum(now.step**2) - radius**2
    a = jnp.where(a > 0, a, 1.0)
    return (jnp.sqrt(jnp.maximum(b**2 - a * c, 0.0)) - b) / a
