"""A contour: energies, weights and an estimate of its own error."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float, Num
from msgreen.errors import InputError
from msgreen.estimate import Estimate

ROUNDING = 20 * float(np.finfo(np.float64).eps)
"""Of an integrand, relative to it: an estimate that the tests of honest errors hold up."""

# QUADPACK takes 200 with real differences, whose accidental zeros need the larger factor.
KRONROD_FACTOR = 10.0
KRONROD_POWER = 1.5  # That of QUADPACK.

# Where F is singular at the end of the path, or Gregory weights join in, the law is looser.
LOOSE_FACTOR = 30.0


class Contour(eqx.Module):
    """Quadrature of the occupied energies, sum_e weights[e] F(nodes[e]) ~ int f(e) F(e + i0) de.

    Build it with one of the factories of `msgreen.contour`.

    Attributes
    ----------
    nodes : Array, shape (energy,)
        Complex energies in eV, in the upper half plane, ordered from far away towards E_F.
    weights : Array, shape (energy,)
        Weights in eV.
    embedded : Array, shape (energy,)
        Weights in eV of a coarser rule on the same nodes; NaN where no estimate is possible.
    factor, power : float, static
        With delta = |sum (w - embedded) F| / pi, taken as a complex number so that it has
        no accidental zeros, and scale = sum |w F| / pi, the error is
        scale min(1, (factor delta/scale)^power).
    floor : float, static
        Error of the rule itself, relative to the scale; it is added.
    tail : bool, static
        Whether M_0/z may remain of F far away on the imaginary axis. It does not enter the
        integral and is left out of delta and scale, where it would diverge.
    ends : real array, shape (end,)
        In eV, ascending: between -inf, ends[0], ends[1], ..., inf every second interval, the first
        one included, must be free of levels, of the host and of the host with its spins. The error
        estimate does not see levels there; whoever uses the contour looks for
        them. Empty without such intervals.
    """

    nodes: Complex[Array, "energy"]
    weights: Complex[Array, "energy"]
    embedded: Complex[Array, "energy"]
    factor: float = eqx.field(static=True, default=KRONROD_FACTOR)
    power: float = eqx.field(static=True, default=KRONROD_POWER)
    floor: float = eqx.field(static=True, default=0.0)
    tail: bool = eqx.field(static=True, default=False)
    ends: Float[Array, " end"] = eqx.field(default_factory=lambda: jnp.zeros(0))

    def free_intervals(self) -> list[tuple[float, float]]:
        """Return the intervals (low, high) in eV that must be free of levels.

        None are known while JAX traces them.
        """
        ends = _checks.concrete(self.ends)
        if ends is None or not len(ends):
            return []
        bounds = [-np.inf, *ends.tolist(), np.inf]
        return list(zip(bounds[0::2], bounds[1::2], strict=False))

    def integrate(
        self, values: Num[ArrayLike, "..."], axis: int = 0, *, doubt: ArrayLike = 0.0
    ) -> Estimate[Float[Array, "..."]]:
        """Return (1/pi) Im int f F and an estimate of its absolute error.

        Parameters
        ----------
        values : array_like
            F at the nodes, with the energy on `axis`.
        axis : int
            Axis of the energy.
        doubt : float or array_like, shape of `values`
            Absolute error of F itself: of the mesh of a host, or of rounding where large terms
            cancel in F. By default F is exact up to its own rounding.

        Returns
        -------
        Estimate
            Real, shape of `values` without `axis`, in eV times the unit of F. The error is that of
            quadrature, `doubt` and rounding, added.
        """
        return _integrated(self, values, doubt, axis)

    def _error(
        self, f: Complex[Array, "... energy"], unsure: Float[Array, "..."]
    ) -> Float[Array, "..."]:
        nodes, weights, embedded = jax.lax.stop_gradient((self.nodes, self.weights, self.embedded))
        # Moduli are added: between energies errors may cancel, but by accident only.
        given = (ROUNDING * jnp.abs(f) + unsure) @ jnp.abs(weights) / jnp.pi
        if self.tail:
            f = f - _tail(nodes.imag, f.imag)
        scale = jnp.abs(f * weights).sum(axis=-1) / jnp.pi
        delta = jnp.abs(f @ (weights - embedded)) / jnp.pi
        relative = self.factor * delta / jnp.where(scale > 0, scale, 1.0)
        estimate = scale * jnp.minimum(1.0, relative**self.power + self.floor)
        return jax.lax.stop_gradient(estimate + given)


@partial(jax.jit, static_argnames="axis")
def _integrated(contour: Contour, values, doubt, axis: int) -> Estimate[Float[Array, "..."]]:
    f = jnp.moveaxis(jnp.asarray(values, dtype=jnp.complex128), axis, -1)
    value = (f @ contour.weights).imag / jnp.pi
    unsure = jnp.asarray(doubt, dtype=jnp.float64)
    if unsure.ndim:
        unsure = jnp.moveaxis(unsure, axis, -1)
    return Estimate(value, contour._error(*jax.lax.stop_gradient((f, unsure))))


def unexpected_levels(low: float, high: float, found: str) -> InputError:
    """Return the error about levels in one of `Contour.free_intervals`.

    Parameters
    ----------
    low, high : float
        In eV; one of them may be infinite.
    found : str
        What was found, as "the host has levels".
    """
    if np.isfinite(low) and np.isfinite(high):
        return InputError(
            "Argument `gap` must not exceed the distance from E_F to the nearest level, but "
            f"{found} between {low:g} and {high:g} eV. Use a smaller gap (`bound_states` gives "
            "the levels of spins), or a temperature above zero."
        )
    place = f"below {high:g}" if np.isfinite(high) else f"above {low:g}"
    return InputError(
        f"Argument `contour` must cover all levels, but {found} {place} eV. Give the contour a "
        "larger `bandwidth`, or a lower `bottom`."
    )


def _tail(
    frequency: Float[Array, "energy"], imaginary: Float[Array, "... energy"]
) -> Complex[Array, "... energy"]:
    """Return M_0/(i w), made finite near E_F, with M_0 from the two farthest nodes.

    On the imaginary axis w Im F = -M_0 + O(w^-2).
    """
    square = frequency[:2] ** 2
    moment = frequency[:2] * imaginary[..., :2] * square * jnp.asarray([1.0, -1.0])
    moment = moment.sum(axis=-1, keepdims=True) / (square[0] - square[1])
    tail = moment * frequency / (frequency**2 + frequency[0] * frequency[-1])
    return jax.lax.complex(jnp.zeros_like(tail), tail)


def _angle(phase: Num[ArrayLike, "..."], axis: int) -> Float[Array, "..."]:
    phase = jnp.moveaxis(jnp.asarray(phase), axis, 0)
    return jnp.angle(phase) if jnp.iscomplexobj(phase) else phase


def _check_phase(phase, axis: int, fewest: int) -> None:
    _checks.numbers("phase", phase)
    shape = np.shape(phase)
    if not -len(shape) <= axis < len(shape) or shape[axis] < fewest:
        raise InputError(
            f"Argument `phase` must hold {fewest} or more energies on its axis {axis}, but its "
            f"shape is {shape}. Give one phase per node."
        )


def _wrapped_steps(angle: Float[Array, "energy ..."]) -> tuple[Array, Array]:
    step = jax.lax.stop_gradient(jnp.diff(angle, axis=0))
    turns = jnp.round(step / (2 * jnp.pi))
    return turns, step - 2 * jnp.pi * turns


def unwrap_logdet(
    phase: Num[ArrayLike, "..."], logabs: Float[ArrayLike, "..."], axis: int = 0
) -> Complex[Array, "..."]:
    """Complex ln det, continuous along the nodes of a contour.

    The first node, far away where ln det tends to zero, keeps its principal value. It is
    right where the phase turns by less than pi from node to node: `largest_phase_step`.

    Parameters
    ----------
    phase : array_like
        Phase in radians, or the complex sign that `slogdet` returns.
    logabs : array_like
        ln |det|, same shape.
    axis : int
        Axis of the energy.

    Returns
    -------
    Array
        Complex, same shape. Derivatives pass through both arguments.
    """
    _check_phase(phase, axis, 1)
    _checks.shaped("logabs", logabs, np.shape(phase))
    return _unwrapped(phase, logabs, axis)


@partial(jax.jit, static_argnames="axis")
def _unwrapped(phase, logabs, axis):
    angle = _angle(phase, axis)
    turns, _ = _wrapped_steps(angle)
    first = jax.lax.stop_gradient(jnp.round(angle[:1] / (2 * jnp.pi)))
    count = jnp.concatenate([first, first + jnp.cumsum(turns, axis=0)])
    angle = jnp.moveaxis(angle - 2 * jnp.pi * count, 0, axis)
    return jax.lax.complex(jnp.asarray(logabs, dtype=angle.dtype), angle)


def largest_phase_step(phase: Num[ArrayLike, "..."], axis: int = 0) -> Float[Array, "..."]:
    """Largest turn in radians of a phase between neighbouring nodes, at most pi.

    Values near pi say that `unwrap_logdet` may have lost a turn: use more nodes.

    Parameters
    ----------
    phase : array_like
        Phase in radians, or the complex sign that `slogdet` returns.
    axis : int
        Axis of the energy.

    Returns
    -------
    Array
        Shape of `phase` without `axis`.
    """
    _check_phase(phase, axis, 2)
    _, step = _wrapped_steps(_angle(phase, axis))
    return jnp.abs(step).max(axis=0)
