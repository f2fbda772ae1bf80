"""Contours on the vertical line through E_F, where Green functions are smoothest."""

import jax
import jax.numpy as jnp
import numpy as np

from msgreen._checks import concrete, finite, number, positive_number
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Scalar
from msgreen.contour.base import LOOSE_FACTOR, Contour
from msgreen.contour.kronrod import check_node_count
from msgreen.contour.paths import real, unit_pair, vertical
from msgreen.contour.poles import (
    FEWEST_POLES,
    MOST_PADE_POLES,
    MOST_POLES,
    PoleRule,
    pade,
    zolotarev,
)
from msgreen.errors import InputError

SAFETY = 10.0
"""The error of a pole rule is at most this times the scaled change upon dropping poles."""

EDGE = 1 - 1e-7
"""A level may lie at the edge of a gap to rounding: levels are looked for in this part of it."""

MOST_FREQUENCIES = 1_000_000
"""Terms of a plain sum: its error falls as their inverse, and so many G take hours."""

FINEST_ACCURACY = 1e-13
"""Finer rules than this differ by rounding only: their weights are of the order of one."""


def _on_axis(energy, frequency, weights, embedded, **rule) -> Contour:
    """Contour of int dw over E_F + i w: dE = i dw, and the path runs towards E_F."""
    return Contour(*_upwards(energy, frequency, weights, embedded), **rule)


@jax.jit
def _upwards(energy, frequency, weights, embedded) -> tuple[Array, Array, Array]:
    zero = jnp.zeros_like(frequency)
    return (
        vertical(energy, frequency),
        jax.lax.complex(zero, -weights),
        jax.lax.complex(zero, -embedded),
    )


@jax.jit
def _ends(energy, near, far) -> Array:
    """Where levels may begin and end; `near` is None if they may lie at E_F."""
    distance = jnp.stack([far / EDGE] if near is None else [near * EDGE, far / EDGE])
    return jax.lax.stop_gradient(energy + jnp.concatenate([-distance[::-1], distance]))


def _from_poles(energy, unit, rule: PoleRule, ends) -> Contour:
    half_pi = jnp.pi / 2 * unit
    poles, weights, embedded = (jnp.asarray(a) for a in rule[:3])
    return _on_axis(
        energy,
        unit * poles,
        half_pi * weights,
        half_pi * embedded,
        factor=SAFETY * rule.reduction,
        power=1.0,
        # Levels that move in opposite directions cancel in sum |w F|, but not in its error.
        floor=2 * SAFETY * rule.deviation,
        ends=ends,
    )


def _check_accuracy(accuracy: float) -> None:
    number("accuracy", accuracy)
    if not FINEST_ACCURACY <= accuracy < 1:
        raise InputError(
            f"Argument `accuracy` must be between {FINEST_ACCURACY:g} and 1, "
            f"but it is {accuracy!r}. 1e-10 is a good choice."
        )


def _check_pole_count(nodes: int | None, most: int = MOST_POLES) -> None:
    if nodes is None:
        return
    whole = isinstance(nodes, (int, np.integer)) and not isinstance(nodes, bool)
    if not whole or not FEWEST_POLES <= nodes <= most:
        raise InputError(
            f"Argument `nodes` must be an integer of at least {FEWEST_POLES} and at most {most}, "
            f"but it is {nodes!r}. Leave it out to have it chosen from `accuracy`."
        )


def _ratio(given: float | None, large, small, names: tuple[str, str]) -> float:
    """Return the static ratio of two energies, which decides the poles."""
    if given is not None:
        positive_number("ratio", given)
        return float(given)
    above, below = concrete(large), concrete(small)
    if above is None or below is None:
        raise InputError(
            f"Argument `ratio` must be given while JAX traces `{names[0]}` or `{names[1]}`, but "
            f"it is missing. Pass the largest `{names[0]}`/`{names[1]}` as a Python number."
        )
    # Beyond this, squares overflow.
    if 1e-150 * above > below:
        raise InputError(
            f"Argument `{names[0]}` must be at most 1e150 times `{names[1]}`, but they are "
            f"{above:g} and {below:g}. Check their units."
        )
    return float(above / below)


def imaginary_axis(
    fermi_energy: Scalar,
    gap: Scalar | None = None,
    bandwidth: Scalar | None = None,
    scale: Scalar | None = None,
    nodes: int | None = None,
    accuracy: float = 1e-10,
    ratio: float | None = None,
) -> Contour:
    """Zero temperature, along E_F + i w.

    With `gap` and `bandwidth` the step at E_F is replaced by Zolotarev's best rational
    approximation on gap <= |E - E_F| <= bandwidth. Otherwise a Gauss-Kronrod rule in
    w = scale (1 + x)/(1 - x) is used, for which E_F may lie in a continuum.

    Parameters
    ----------
    fermi_energy : array_like, scalar
        E_F in eV; a differentiable leaf.
    gap : array_like, scalar, optional
        Distance in eV from E_F to the nearest level, of the host and of the host with its
        magnetic sites: bound states in the gap count.
    bandwidth : array_like, scalar, optional
        Distance in eV from E_F to the farthest level, likewise.
    scale : array_like, scalar, optional
        Energy in eV where half of the nodes lie below, when no gap is given: about
        hbar v_F / R for a distance R in a metal, or sqrt(gap * bandwidth).
    nodes : int, optional
        Number of nodes. By default chosen from `accuracy` for a gap, 31 without (then odd).
    accuracy : float
        Largest error of the step on the given energies.
    ratio : float, optional
        Static bandwidth/gap, to be given when either is traced; the bandwidth covered is
        then `ratio` times the gap.

    Returns
    -------
    Contour
        Exact up to the constant M_0/2 with M_0 = lim z F(z), if that is not zero:
        the integral is (1/pi) Im int f F + M_0/2.

    Raises
    ------
    InputError
        If neither `gap` with `bandwidth` nor `scale` is given, an energy is not positive,
        the gap is not below the bandwidth, or `nodes` or `accuracy` are out of range.
    PrecisionError
        If JAX runs in single precision.
    """
    require_x64("Contour")
    number("fermi_energy", fermi_energy)
    if gap is None:
        return _moebius(fermi_energy, scale, 31 if nodes is None else nodes)
    _check_accuracy(accuracy)
    _check_pole_count(nodes)
    positive_number("gap", gap, "eV")
    if bandwidth is None and ratio is None:
        raise InputError(
            "Argument `bandwidth` must accompany `gap`, but it is missing. "
            "Pass the distance from E_F to the farthest level in eV."
        )
    if bandwidth is not None:
        positive_number("bandwidth", bandwidth, "eV")
    width = _ratio(ratio, bandwidth, gap, ("bandwidth", "gap"))
    if width <= 1:
        raise InputError(
            f"Argument `gap` must be below `bandwidth`, but bandwidth/gap is {width:g}. "
            "Both are distances from E_F in eV."
        )
    unit = jax.lax.stop_gradient(real(gap))
    energy = real(fermi_energy)
    ends = _ends(energy, unit, width * unit)
    return _from_poles(energy, unit, zolotarev(width, accuracy, nodes), ends)


def _moebius(fermi_energy, scale, nodes: int) -> Contour:
    if scale is None:
        raise InputError(
            "Argument `scale` must be given without a `gap`, but it is missing. Pass about "
            "hbar v_F / R in eV for a metal, or `gap` and `bandwidth` for a gapped host."
        )
    positive_number("scale", scale, "eV")
    check_node_count("nodes", nodes)
    v, kronrod, gauss = unit_pair(nodes)
    unit = jax.lax.stop_gradient(real(scale))
    # v = (1 + x)/2, hence w = scale v/(1 - v); 1 - v is a mirror image, free of cancellation.
    mirror = v[::-1]
    step = unit / mirror**2
    return _on_axis(
        real(fermi_energy),
        unit * v / mirror,
        step * kronrod,
        step * gauss,
        factor=LOOSE_FACTOR,
        tail=True,
    )


def matsubara(
    temperature: Scalar,
    fermi_energy: Scalar,
    bandwidth: Scalar | None = None,
    accuracy: float = 1e-10,
    nodes: int | None = None,
    ratio: float | None = None,
) -> Contour:
    """Finite temperature, bounded spectrum: few poles in place of the Matsubara frequencies.

    The Fermi function is replaced on |E - E_F| <= bandwidth by a multipoint Pade
    approximant. Its lowest poles are Matsubara frequencies, the others stand for many.

    Parameters
    ----------
    temperature : array_like, scalar
        k_B T in eV, greater than zero.
    fermi_energy : array_like, scalar
        E_F in eV; a differentiable leaf.
    bandwidth : array_like, scalar
        Distance in eV from E_F to the farthest level, of the host and of the host with its
        magnetic sites.
    accuracy : float
        Largest error of tanh((E - E_F)/2T) on these energies.
    nodes : int, optional
        Number of poles, instead of `accuracy`.
    ratio : float, optional
        Static bandwidth/temperature, to be given when either is traced; the bandwidth
        covered is then `ratio` times the temperature.

    Returns
    -------
    Contour
        Exact up to the constant M_0/2 as in `imaginary_axis`.

    Raises
    ------
    InputError
        If an energy is not positive or `nodes` or `accuracy` are out of range.
    PrecisionError
        If JAX runs in single precision.
    """
    require_x64("Contour")
    positive_number("temperature", temperature, "k_B T in eV; use `imaginary_axis` at zero")
    number("fermi_energy", fermi_energy)
    _check_accuracy(accuracy)
    _check_pole_count(nodes, MOST_PADE_POLES)
    if bandwidth is None and ratio is None:
        raise InputError(
            "Argument `bandwidth` must be given, but it is missing. "
            "Pass the distance from E_F to the farthest level in eV."
        )
    if bandwidth is not None:
        positive_number("bandwidth", bandwidth, "eV")
    # A rule needs some room; where levels are closer than T it covers more than they need.
    width = max(1.0, _ratio(ratio, bandwidth, temperature, ("bandwidth", "temperature")))
    energy, unit = real(fermi_energy), real(temperature)
    return _from_poles(
        energy, unit, pade(width, accuracy, nodes), _ends(energy, None, width * unit)
    )


def matsubara_sum(temperature: Scalar, fermi_energy: Scalar, nodes: int) -> Contour:
    """Plain Matsubara sum of the lowest `nodes` frequencies, the slow reference.

    The error falls as 1/nodes once the highest frequency exceeds the bandwidth; below
    that neither value nor estimate mean anything.

    Parameters
    ----------
    temperature : array_like, scalar
        k_B T in eV, greater than zero.
    fermi_energy : array_like, scalar
        E_F in eV; a differentiable leaf.
    nodes : int
        Number of positive frequencies.

    Returns
    -------
    Contour
        Exact up to the constant M_0/2 as in `imaginary_axis`.

    Raises
    ------
    InputError
        If `temperature` is not positive or `nodes` is below 3.
    PrecisionError
        If JAX runs in single precision.
    """
    require_x64("Contour")
    positive_number("temperature", temperature, "k_B T in eV")
    number("fermi_energy", fermi_energy)
    _check_pole_count(nodes, MOST_FREQUENCIES)
    order = np.arange(nodes)[::-1]
    unit = 2 * jnp.pi * real(temperature)
    half = (order < nodes // 2).astype(np.float64)
    return _on_axis(
        real(fermi_energy),
        unit * jnp.asarray(order + 0.5),
        unit * jnp.ones(nodes, dtype=jnp.float64),
        unit * jnp.asarray(half),
        factor=3.0,
        power=1.0,
        tail=True,
        ends=_ends(real(fermi_energy), None, nodes * unit),
    )


def user_contour(
    nodes: Complex[ArrayLike, "energy"],
    weights: Complex[ArrayLike, "energy"],
    embedded: Complex[ArrayLike, "energy"] | None = None,
) -> Contour:
    """Contour of given nodes and weights, for example those of another program.

    Parameters
    ----------
    nodes : array_like, shape (energy,)
        Complex energies in eV with Im >= 0, ordered towards E_F.
    weights : array_like, shape (energy,)
        Weights in eV, so that sum w F ~ int f F.
    embedded : array_like, shape (energy,), optional
        Weights in eV of a coarser rule, whose difference is taken as the error. Without
        it the error is NaN, that is, unknown.

    Returns
    -------
    Contour
        No claim is made about its accuracy.

    Raises
    ------
    InputError
        If the shapes differ, a number is not finite, or a node lies below the real axis.
    PrecisionError
        If JAX runs in single precision.
    """
    require_x64("Contour")
    arrays = {"nodes": nodes, "weights": weights}
    if embedded is not None:
        arrays["embedded"] = embedded
    for name, array in arrays.items():
        finite(name, array)
    shape = np.shape(nodes)
    for name, array in arrays.items():
        if len(np.shape(array)) != 1 or np.shape(array) != shape or shape[0] == 0:
            raise InputError(
                f"Argument `{name}` must have shape (energy,) like `nodes`, but the shapes are "
                f"{np.shape(array)} and {shape}. Give one number per energy."
            )
    points = concrete(nodes)
    if points is not None and np.any(np.imag(points) < 0):
        raise InputError(
            "Argument `nodes` must lie in the upper half plane, but the smallest imaginary part "
            f"is {np.imag(points).min():g} eV. Take the conjugate of nodes and weights."
        )
    z, w = (jnp.asarray(a, dtype=jnp.complex128) for a in (nodes, weights))
    coarse = jnp.full_like(w, jnp.nan) if embedded is None else jnp.asarray(embedded, w.dtype)
    return Contour(z, w, coarse, factor=1.0, power=1.0)
