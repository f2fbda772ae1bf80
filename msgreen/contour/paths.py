"""Contours for gapless continua: paths through the upper half plane that end at E_F."""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np

from msgreen._checks import concrete, number, positive_number
from msgreen._precision import require_x64
from msgreen._typing import Array, Float, Scalar
from msgreen.contour.base import KRONROD_FACTOR, LOOSE_FACTOR, Contour
from msgreen.contour.kronrod import check_node_count, gauss_kronrod
from msgreen.errors import InputError

DECAY = 42.0
"""exp(-42) is below the last digit: where the path of the Fermi line may end."""


SHORT = 2.0
"""In units of 1/q_F: below this length q_F, not the perimeter, sets the scale of the path."""

GREGORY_POINTS = 8
"""Order of the end correction; the estimate of its error is of half the order."""


def real(value: Scalar) -> Float[Array, ""]:
    """Return a number as a float64 array."""
    return jnp.asarray(value, dtype=jnp.float64)


def vertical(energy: Float[Array, ""], height: Float[Array, "energy"]) -> Array:
    """Return energy + i height."""
    return jax.lax.complex(jnp.broadcast_to(energy, height.shape), height)


def unit_pair(nodes: int) -> tuple[Array, Array, Array]:
    """Gauss-Kronrod pair on (0, 1), from 1 down to 0: nodes, weights, embedded weights."""
    x, kronrod, gauss = (jnp.asarray(a[::-1]) for a in gauss_kronrod(nodes))
    return (1 + x) / 2, kronrod / 2, gauss / 2


def line_node_count(longest_over_shortest: float) -> int:
    """Nodes of `fermi_line` that reach about 1e-11 for loops of this range of perimeters."""
    return 31 + 10 * int(np.ceil(np.log10(max(longest_over_shortest, 1.0))))


def _line_nodes(nodes: int | None, shortest, longest) -> int:
    if nodes is not None:
        check_node_count("nodes", nodes)
        return nodes
    short, long = concrete(shortest), concrete(longest)
    if short is None or long is None:
        return line_node_count(100.0)
    return line_node_count(float(long / short))


def fermi_line(
    fermi_wavevector: Scalar,
    rashba_wavevector: Scalar,
    hbar2_over_m: Scalar,
    shortest: Scalar,
    longest: Scalar | None = None,
    nodes: int | None = None,
) -> Contour:
    r"""Path of constant Re q through the Fermi point of a free or Rashba gas.

    With q = q_F + i s the energy is (hbar^2/2m)(q^2 - k_R^2) and a product of Green
    functions around a loop of perimeter L decays as exp(-s L) without oscillating, so that
    a Gauss-Kronrod rule in v, s = (e^{b v} - 1) / l, converges exponentially. The length l is
    (shortest longest^2)^(1/3), but at least 2/q_F; b is such that s(1) = 42 / shortest.

    Parameters
    ----------
    fermi_wavevector : array_like, scalar
        q_F in 1/angstrom, greater than zero; a differentiable leaf.
    rashba_wavevector : array_like, scalar
        k_R in 1/angstrom; a differentiable leaf.
    hbar2_over_m : array_like, scalar
        hbar^2/m in eV angstrom^2; a differentiable leaf.
    shortest : array_like, scalar
        Smallest perimeter in angstrom of the loops to be integrated.
    longest : array_like, scalar, optional
        Largest perimeter; the smallest one by default.
    nodes : int, optional
        Odd number of nodes; by default 31, and 10 more per decade of longest/shortest
        (51 if the lengths are being traced).

    Returns
    -------
    Contour
        Zero temperature.

    Raises
    ------
    InputError
        If a wave vector or mass is not positive, a length is not positive, `longest` is
        below `shortest`, or `nodes` is even or below 7.
    PrecisionError
        If JAX runs in single precision.

    References
    ----------
    S. Lounis, New J. Phys. 22, 103003 (2020), Eqs. 35-61 (Green functions of the Rashba gas).
    """
    require_x64("Contour")
    longest = shortest if longest is None else longest
    positive_number("fermi_wavevector", fermi_wavevector, "1/angstrom")
    number("rashba_wavevector", rashba_wavevector)
    positive_number("hbar2_over_m", hbar2_over_m, "eV angstrom^2")
    positive_number("shortest", shortest, "angstrom")
    positive_number("longest", longest, "angstrom")
    short, long = concrete(shortest), concrete(longest)
    if short is not None and long is not None and long < short:
        raise InputError(
            f"Argument `longest` must be at least `shortest`, but {long} < {short} angstrom. "
            "Swap them."
        )
    count = _line_nodes(nodes, shortest, longest)
    return _line(fermi_wavevector, rashba_wavevector, hbar2_over_m, shortest, longest, count)


@partial(jax.jit, static_argnames="count")
def _line(fermi_wavevector, rashba_wavevector, hbar2_over_m, shortest, longest, count) -> Contour:
    # The integral does not depend on the path, only on its end E_F.
    low, high = (jax.lax.stop_gradient(real(length)) for length in (shortest, longest))
    inverse_fermi = 1 / jax.lax.stop_gradient(real(fermi_wavevector))
    scale = jnp.maximum(jnp.cbrt(low * high**2), SHORT * inverse_fermi)
    v, kronrod, gauss = unit_pair(count)
    rate = jnp.log1p(DECAY * scale / low)
    s = jnp.expm1(rate * v) / scale
    ds = rate * jnp.exp(rate * v) / scale
    mass, rashba = (real(x).astype(jnp.complex128) for x in (hbar2_over_m, rashba_wavevector))
    q = vertical(real(fermi_wavevector), s)
    step = -1j * mass * q
    return Contour(
        mass / 2 * (q**2 - rashba**2),
        step * (ds * kronrod).astype(q.dtype),
        step * (ds * gauss).astype(q.dtype),
    )


@lru_cache(maxsize=8)
def gregory(points: int) -> np.ndarray:
    """Weights g_j with sum_j g_j (j + 1/2)^p = zeta(-p, 1/2) for p < `points`.

    They turn the integral into the Matsubara sum:
    sum_n F(n + 1/2) = int_0^inf F + sum_j g_j F(j + 1/2) for smooth F.

    Parameters
    ----------
    points : int
        Number of points, the order of the formula.

    Returns
    -------
    ndarray, shape (points,)
        Weights.
    """
    with mp.workdps(50):
        half = [mp.mpf(2 * j + 1) / 2 for j in range(points)]
        moments = mp.matrix([[h**p for h in half] for p in range(points)])
        target = mp.matrix([mp.zeta(-p, 0.5) for p in range(points)])
        return np.array([float(g) for g in mp.lu_solve(moments, target)])


def _matsubara_correction(energy, temperature) -> tuple[Array, Array, Array]:
    """Nodes, weights and coarser weights of the Gregory points above `energy`."""
    frequency = jnp.pi * temperature * jnp.asarray(2.0 * np.arange(GREGORY_POINTS) + 1)
    fine = gregory(GREGORY_POINTS)
    # Half the order: with errors x^8 and x^4 the power 3/2 of the estimate stays honest.
    coarse = np.append(gregory(GREGORY_POINTS // 2), np.zeros(GREGORY_POINTS // 2))
    unit = -2j * jnp.pi * temperature.astype(jnp.complex128)
    return vertical(energy, frequency), unit * fine.astype(complex), unit * coarse.astype(complex)


def semicircle(
    bottom: Scalar,
    fermi_energy: Scalar,
    nodes: int = 31,
    temperature: Scalar | None = None,
) -> Contour:
    """Semicircle from below the spectrum to E_F, Gauss-Kronrod in the angle.

    At finite temperature the lowest Matsubara points are added with Gregory weights: the
    nodes of the semicircle do not change. F must be smooth over 16 pi T around E_F.

    Parameters
    ----------
    bottom : array_like, scalar
        Energy in eV below the whole spectrum, also below bound states.
    fermi_energy : array_like, scalar
        E_F in eV; a differentiable leaf.
    nodes : int
        Odd number of nodes on the semicircle.
    temperature : array_like, scalar, optional
        k_B T in eV; None for zero temperature. Adds 8 nodes.

    Returns
    -------
    Contour
        `nodes` energies, and 8 more at finite temperature.

    Raises
    ------
    InputError
        If `bottom` is not below `fermi_energy`, `temperature` is not positive, or `nodes`
        is even or below 7.
    PrecisionError
        If JAX runs in single precision.

    References
    ----------
    K. Wildberger, P. Lang, R. Zeller, P. H. Dederichs, Phys. Rev. B 52, 11502 (1995).
    """
    require_x64("Contour")
    number("bottom", bottom)
    number("fermi_energy", fermi_energy)
    check_node_count("nodes", nodes)
    low, high = concrete(bottom), concrete(fermi_energy)
    if low is not None and high is not None and low >= high:
        raise InputError(
            f"Argument `bottom` must be below `fermi_energy`, but {low} >= {high} eV. "
            "Choose it below every level of the spectrum."
        )
    if temperature is not None:
        positive_number("temperature", temperature, "k_B T in eV; pass None for zero temperature")
    return _half_circle(bottom, fermi_energy, temperature, nodes)


@partial(jax.jit, static_argnames="nodes")
def _half_circle(bottom, fermi_energy, temperature, nodes) -> Contour:
    energy, start = real(fermi_energy), jax.lax.stop_gradient(real(bottom))
    v, kronrod, gauss = unit_pair(nodes)
    radius = (energy - start) / 2
    turn = jax.lax.complex(radius * jnp.cos(jnp.pi * v), radius * jnp.sin(jnp.pi * v))
    points = turn + ((start + energy) / 2).astype(turn.dtype)
    step = -1j * jnp.pi * turn
    weights, embedded = step * kronrod.astype(step.dtype), step * gauss.astype(step.dtype)
    if temperature is not None:
        extra = _matsubara_correction(energy, real(temperature))
        points, weights, embedded = (
            jnp.concatenate(pair) for pair in zip((points, weights, embedded), extra, strict=True)
        )
    factor = KRONROD_FACTOR if temperature is None else LOOSE_FACTOR
    return Contour(points, weights, embedded, factor=factor, ends=start[None])
