"""A contour: energies, weights and an estimate of its own error."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen._typing import Array, ArrayLike, Complex, Float, Num

ROUNDING = 20 * float(np.finfo(np.float64).eps)

KRONROD_FACTOR = 200.0
"""QUADPACK's factor from the relative difference of a Kronrod pair to its error."""


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
    reduction : float or None, static
        Factor from the difference of the two rules to the error of the finer one. None for
        a Gauss-Kronrod pair, whose error falls with the power 3/2 of that difference.
    floor : float, static
        Error of the rule itself, relative to sum |w F| / pi.
    modulus : bool, static
        Whether the difference of the rules is taken as a complex number. It then has no
        accidental zeros; it needs Im(w F) and Re(w F) both to converge.
    """

    nodes: Complex[Array, "energy"]
    weights: Complex[Array, "energy"]
    embedded: Complex[Array, "energy"]
    reduction: float | None = eqx.field(static=True, default=None)
    floor: float = eqx.field(static=True, default=0.0)
    modulus: bool = eqx.field(static=True, default=True)

    def integrate(self, values: Num[ArrayLike, "..."], axis: int = 0) -> tuple[Array, Array]:
        """Return (1/pi) Im int f F and an estimate of its absolute error.

        Parameters
        ----------
        values : array_like
            F at the nodes, with the energy on `axis`.
        axis : int
            Axis of the energy.

        Returns
        -------
        value : Array
            Real, shape of `values` without `axis`, in eV times the unit of F.
        error : Array
            Absolute error estimate of the quadrature, same shape; no gradient flows through it.
        """
        f = jnp.moveaxis(jnp.asarray(values, dtype=jnp.complex128), axis, -1)
        value = (f @ self.weights).imag / jnp.pi
        return value, self._error(jax.lax.stop_gradient(f))

    def _error(self, f: Complex[Array, "... energy"]) -> Float[Array, "..."]:
        weights, embedded = jax.lax.stop_gradient((self.weights, self.embedded))
        scale = jnp.abs(f * weights).sum(axis=-1) / jnp.pi
        difference = f @ (weights - embedded) / jnp.pi
        delta = jnp.abs(difference) if self.modulus else jnp.abs(difference.imag)
        if self.reduction is None:
            safe = jnp.where(scale > 0, scale, 1.0)
            estimate = scale * jnp.minimum(1.0, (KRONROD_FACTOR * delta / safe) ** 1.5)
        else:
            estimate = self.reduction * delta
        return jax.lax.stop_gradient(estimate + (self.floor + ROUNDING) * scale)


def _angle(phase: Num[ArrayLike, "..."], axis: int) -> Float[Array, "..."]:
    phase = jnp.moveaxis(jnp.asarray(phase), axis, 0)
    return jnp.angle(phase) if jnp.iscomplexobj(phase) else phase


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
    _, step = _wrapped_steps(_angle(phase, axis))
    return jnp.abs(step).max(axis=0)
