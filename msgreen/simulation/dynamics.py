"""The stochastic Landau-Lifshitz-Gilbert equation of a generalised spin model.

    dS/dt = -w S x (h + b) - alpha w S x (S x (h + b)),   w = g / (hbar m (1 + alpha^2))

with S along the moment of m Bohr magnetons, g = 2, the field h = -dE/dS in eV, and a random field
b of white noise, <b_a(t) b_b(t')> = 2 alpha k_B T (m hbar / g) delta_ab delta(t - t'), for which
the states at long times are those of temperature T. Times are in fs. A flux density B in tesla is
the field m mu_B B. If the unit vectors of a model are spins, opposite to their moments, precession
has the other sense.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float, Scalar
from msgreen.errors import InputError
from msgreen.spinmodel import SpinModel
from msgreen.units import HBAR_FS

_G = 2.0
"""g factor of the electron's spin, as magnets have it to some percent."""

Drive = Callable[[Array], Array]
"""Time in fs to a field -dE/dS in eV, of a shape that broadcasts to (*box, site, 3)."""


class Trajectory(NamedTuple):
    """Spins in time.

    Attributes
    ----------
    time : real array, shape (record,)
        In fs.
    directions : real array, shape (record, ..., *box, site, 3)
    energy : real array, shape (record, ...)
        In eV, without the driving field.
    """

    time: Float[Array, " record"]
    directions: Float[Array, "record ..."]
    energy: Float[Array, "record ..."]


def spin_dynamics(
    model: SpinModel,
    directions: Float[ArrayLike, "*box site 3"],
    *,
    moments: Float[ArrayLike, "..."],
    step: float,
    steps: int,
    every: int = 1,
    damping: Scalar = 0.0,
    temperature: Scalar = 0.0,
    field: Drive | None = None,
    seed: int = 0,
) -> Trajectory:
    """Integrate the Landau-Lifshitz-Gilbert equation, with noise at finite temperature.

    Parameters
    ----------
    model : SpinModel
    directions : real array, shape (..., *box, site, 3)
        Unit vectors to begin from; leading axes are independent copies.
    moments : real number or array, shape (site,)
        In Bohr magnetons.
    step : float
        In fs. See the notes.
    steps : int
    every : int
        Steps from one record to the next; the start is the first record.
    damping : float
        Gilbert's alpha.
    temperature : float
        k_B T in eV.
    field : callable, optional
        A driving field in time, see `Drive`.
    seed : int
        Of the noise.

    Returns
    -------
    Trajectory

    Raises
    ------
    InputError
        If moments are not positive, damping or temperature negative, or there is temperature
        without damping.

    Notes
    -----
    The implicit midpoint rule in the form of Mentink et al.: every spin is turned by an exact
    rotation about the field at a predicted midpoint, so that lengths stay to rounding. Its error
    falls like step^2; a step should be a small part (a hundredth) of the fastest precession,
    2 pi m hbar / (g |h|). Everything is differentiable, with respect to values of the model,
    moments, damping and start.

    References
    ----------
    Mentink, Tretyakov, Fasolino, Katsnelson, Rasing, J. Phys. Condens. Matter 22, 176001 (2010);
    Brown, Phys. Rev. 130, 1677 (1963).

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import numpy as np
    >>> from msgreen.simulation import spin_dynamics
    >>> from msgreen.spinmodel import SpinModel, Term
    >>> spin = SpinModel([Term("field", [[0]], [[0.0, 0.0, 0.001]])])
    >>> found = spin_dynamics(spin, [[1.0, 0.0, 0.0]], moments=1.0, step=1.0, steps=1000)
    >>> turned = np.unwrap(np.arctan2(found.directions[:, 0, 1], found.directions[:, 0, 0]))
    >>> round(float(turned[-1]), 3)  # 2 * 0.001 eV / hbar * 1000 fs
    3.039
    """
    start = model._directions(directions)
    _checks.unit_vectors("directions", directions)
    _checks.positive("moments", moments, "Bohr magnetons")
    _checks.shaped("moments", moments, (), (model.site_count,))
    _checks.positive_number("step", step, "fs")
    _checks.whole_number("steps", steps, 1)
    _checks.whole_number("every", every, 1, steps)
    _checks.whole_number("seed", seed, 0)
    for name, value in {"damping": damping, "temperature": temperature}.items():
        _checks.number(name, value)
        _checks.not_negative(name, value)
    hot, damped = (_checks.concrete(x) for x in (temperature, damping))
    if hot is not None and damped is not None and hot > 0 and damped == 0:
        raise InputError(
            "Argument `damping` must be greater than zero at finite temperature, but it is 0. "
            "Without friction nothing balances the noise."
        )
    rate = _G / (HBAR_FS * jnp.asarray(moments, float))
    settings = _Settings(
        rate[..., None] if rate.ndim else rate,
        *(jnp.asarray(x, float) for x in (damping, temperature, step)),
    )
    records = steps // every
    return _integrate(model, start, settings, field, jax.random.key(seed), records, every)


class _Settings(NamedTuple):
    rate: Array  # g / (hbar m), in 1/(eV fs)
    damping: Array
    temperature: Array
    step: Array


@eqx.filter_jit
def _integrate(model, start, settings: _Settings, field, key, records: int, every: int):
    rate, damping, temperature, step = settings
    square = 2 * damping * temperature * step / rate
    hot = square > 0  # the derivative of the root of zero is none
    noise = jnp.where(hot, jnp.sqrt(jnp.where(hot, square, 1.0)), 0.0)

    def turn(spins, time, kick):
        """Return the rotation vector of one step, at these spins."""
        force = model.effective_field(spins) * step + kick
        if field is not None:
            force = force + field(time) * step
        return rate / (1 + damping**2) * (force + damping * jnp.cross(spins, force))

    def one(spins, number):
        time = step * number.astype(float)
        normal = jax.random.normal(jax.random.fold_in(key, number), spins.shape)
        kick = noise * normal
        predicted = rotated(spins, turn(spins, time, kick))
        middle = (spins + predicted) / 2
        return rotated(spins, turn(middle, time + step / 2, kick)), None

    def record(spins, number):
        after, _ = jax.lax.scan(one, spins, number * every + jnp.arange(every))
        return after, after

    _, found = jax.lax.scan(record, start, jnp.arange(records))
    found = jnp.concatenate([start[None], found])
    time = step * every * jnp.arange(records + 1).astype(float)
    return Trajectory(time, found, model.energy(found))


def rotated(spins: Array, vector: Array) -> Array:
    """Return the solution of S' = S - (S + S')/2 x -v: a rotation, of |v| to second order.

    Cayley's transform: lengths stay, and no sine or square root is taken.
    """
    half = vector / 2
    square = jnp.sum(half**2, axis=-1, keepdims=True)
    along = jnp.sum(half * spins, axis=-1, keepdims=True)
    return ((1 - square) * spins - 2 * jnp.cross(spins, half) + 2 * along * half) / (1 + square)
