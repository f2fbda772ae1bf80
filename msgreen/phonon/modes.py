"""Phonon modes on wave vectors: of a crystal, or from a dispersion relation."""

import math
from collections.abc import Sequence
from itertools import product

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Float, Scalar
from msgreen.contour.kronrod import gauss_kronrod
from msgreen.errors import InputError
from msgreen.phonon.crystal import HBAR2_OVER_U, HarmonicCrystal, check_squares, mesh
from msgreen.units import BOLTZMANN

LARGEST_MESH = 10_000_000
"""Points of a mesh times atoms squared: the dynamical matrices have 1.4 GB."""


_Axes = Float[ArrayLike, "branch 3"] | None
_Weights = Float[Array | np.ndarray, " k"]
Rule = tuple[Float[Array | np.ndarray, "k 3"], _Weights, _Weights]
"""Wave vectors in 1/angstrom, their weights, and those of a coarser rule."""


class Modes(eqx.Module):
    """Phonons: wave vectors with weights, energies, polarisations and zero-point lengths.

    The displacement of atom a at r is u_a(r) = sum_q w_q l_qa eps_qa e^{iq.r} (b_q + b+_-q).
    Axes of length 1 in place of `k` mean that all wave vectors share the value.

    Parameters
    ----------
    q : real array, shape (k, 3)
        In 1/angstrom.
    weights : real array, shape (k,)
        Measure of the sum over q: 1/N on a mesh of N points of a crystal.
    coarse : real array, shape (k,)
        Weights of a coarser rule on the same wave vectors; the difference estimates the error.
    energies : real array, shape (k, branch)
        hbar omega in eV.
    polarisations : complex array, shape (k, branch, atom, 3)
        Orthonormal over (atom, xyz) at every q, with the phase e^{iq.r} of the atom's position.
    lengths : real array, shape (k, branch, atom)
        l_q in angstrom, sqrt(hbar / 2 M omega) for atoms of mass M.

    Raises
    ------
    InputError
        If the polarisations are not orthonormal or shapes disagree.
    """

    q: Float[Array, "k 3"]
    weights: Float[Array, " k"]
    coarse: Float[Array, " k"]
    energies: Float[Array, "k branch"]
    polarisations: Complex[Array, "k branch atom 3"]
    lengths: Float[Array, "k branch atom"]

    def __init__(
        self,
        q: Float[ArrayLike, "k 3"],
        weights: Float[ArrayLike, " k"],
        coarse: Float[ArrayLike, " k"],
        energies: Float[ArrayLike, "#k branch"],
        polarisations: Complex[ArrayLike, "#k #branch atom 3"],
        lengths: Float[ArrayLike, "#k #branch #atom"],
    ):
        require_x64("Modes")
        _checks.finite_array("q", q, ("k", 3))
        count = np.shape(q)[:1]
        _checks.finite_array("weights", weights, count)
        _checks.finite_array("coarse", coarse, count)
        _checks.finite_array("energies", energies, (*count, "branch"), (1, "branch"))
        _checks.finite("polarisations", polarisations)
        _checks.finite("lengths", lengths)
        self.q = jnp.asarray(q, float)
        self.weights = jnp.asarray(weights, float)
        self.coarse = jnp.asarray(coarse, float)
        self.energies = jnp.asarray(energies, float)
        self.polarisations = jnp.asarray(polarisations, complex)
        self.lengths = jnp.asarray(lengths, float)
        _check_polarisations(self)
        sizes = [{1, n} for n in (*self.energies.shape, self.polarisations.shape[2])]
        _checks.shaped("lengths", lengths, *product(*sizes))

    def __add__(self, other: "Modes") -> "Modes":
        """Return the modes of both sets, which must have equally many branches and atoms."""

        def together(a, b):
            sizes = [(len(m.q), *x.shape[1:]) for m, x in ((self, a), (other, b))]
            return jnp.concatenate([jnp.broadcast_to(a, sizes[0]), jnp.broadcast_to(b, sizes[1])])

        return Modes(*(together(getattr(self, n), getattr(other, n)) for n in _FIELDS))

    def angular_momentum(self) -> Float[Array, "k branch 3"]:
        """Return the angular momentum of every mode in units of hbar.

        For polarisation eps it is -i sum_a eps_a* x eps_a: zero for linear, 1 for circular
        polarisation. Chiral phonons carry it with the sign of q.
        """
        eps = self.polarisations
        return jnp.sum(jnp.cross(jnp.conj(eps), eps), axis=-2).imag


_FIELDS = ("q", "weights", "coarse", "energies", "polarisations", "lengths")


def crystal_modes(
    crystal: HarmonicCrystal,
    shape: Sequence[int],
    *,
    shift: float = 0.5,
    allow_imaginary: bool = False,
) -> Modes:
    """Return the modes of a crystal on a regular mesh, by diagonalisation.

    Parameters
    ----------
    crystal : HarmonicCrystal
    shape : sequence of int
        Mesh along each reciprocal vector; multiples of 3 (or 1), so that every third point forms
        the coarser rule of the error estimate.
    shift : float
        0.5 avoids q = 0, 0 contains it.
    allow_imaginary : bool
        Whether to return imaginary frequencies, as negative energies, instead of refusing them.

    Returns
    -------
    Modes
        Not differentiable with respect to the crystal; `crystal_tensors` is.

    Raises
    ------
    InputError
        If a frequency is imaginary and not asked for, or the mesh has no coarser one.
    """
    check_mesh(crystal, shape, shift)
    fractional = mesh(shape, shift)
    squares, vectors = np.linalg.eigh(np.asarray(crystal.dynamical_matrix(jnp.asarray(fractional))))
    if not allow_imaginary:
        check_squares(squares, fractional)
    energies = np.sign(squares) * np.sqrt(np.abs(squares))
    q = fractional @ np.asarray(crystal.reciprocal)
    polarisations = vectors.swapaxes(1, 2).reshape(*squares.shape, crystal.atom_count, 3)
    phase = np.exp(-1j * q @ np.asarray(crystal.basis).T)
    polarisations = polarisations * phase[:, None, :, None]
    masses = np.asarray(crystal.masses)
    scale = np.maximum(np.abs(energies), 1e-300)[:, :, None]
    lengths = np.sqrt(HBAR2_OVER_U / (2 * masses * scale))
    weights = np.full(len(q), 1 / len(q))
    return Modes(q, weights, weights * third_points(shape, shift), energies, polarisations, lengths)


def check_mesh(crystal: HarmonicCrystal, shape: Sequence[int], shift: float) -> None:
    """Raise InputError unless a mesh fits into memory and every third point is one of its kind."""
    _checks.shaped("shape", _checks.numbers("shape", shape, "iu"), (crystal.dimension,))
    if any(n != 1 and (n % 3 or n < 3) for n in shape):
        raise InputError(
            f"Argument `shape` must hold {crystal.dimension} multiples of 3 (or 1), but it is "
            f"{shape}. Every third point is the coarser mesh of the error estimate."
        )
    count = math.prod(shape) * crystal.atom_count**2
    if count > LARGEST_MESH:
        raise InputError(
            f"Argument `shape` must have at most {LARGEST_MESH} points times atoms squared, but "
            f"{tuple(shape)} and {crystal.atom_count} atoms are {count}. Take a coarser mesh."
        )
    _checks.number("shift", shift)
    if shift not in (0, 0.5):
        raise InputError(f"Argument `shift` must be 0 or 0.5, but it is {shift!r}. Choose one.")


def thirds(shape: Sequence[int], shift: float) -> tuple[slice, ...]:
    """Return the slices of a mesh that pick every third point, with the same shift.

    Every second point of a shifted mesh would do only by halves: the mirror images of a symmetric
    integrand then have the same sum on all four cosets, and the difference vanishes.
    """
    first = round(2 * shift)
    return tuple(slice(first, None, 3) if n > 1 else slice(None) for n in shape)


def third_points(shape: Sequence[int], shift: float) -> np.ndarray:
    """Return the relative weights of every third point of a regular mesh, zero elsewhere."""
    factor = np.zeros(tuple(shape))
    chosen = thirds(shape, shift)
    factor[chosen] = factor.size / factor[chosen].size
    return factor.ravel()


def ball(
    dimension: int,
    cutoff: float,
    *,
    cell: float = 1.0,
    panels: int = 4,
    azimuths: int = 32,
    lower: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return nodes and weights of cell * int_{|q| < cutoff} d^dq / (2 pi)^d.

    Parameters
    ----------
    dimension : int
        1 (q along z), 2 (q in the xy plane) or 3.
    cutoff : float
        In 1/angstrom.
    cell : float
        Length, area or volume of a cell in angstrom^d.
    panels : int
        Gauss-Kronrod panels of 15 nodes along the radius and, in three dimensions, in cos theta.
        A panel resolves about two oscillations of e^{iq.R}.
    azimuths : int
        Even number of equidistant azimuths; more than 2 * cutoff * R for an honest error estimate.
    lower : float
        Smallest |q|; acoustic phonons in one dimension need one. Panels then grow geometrically.

    Returns
    -------
    q : real array, shape (k, 3)
    weights, coarse : real arrays, shape (k,)
        Of the Kronrod rule with all azimuths, and of the Gauss rule with every second one.
    """
    _checks.whole_number("dimension", dimension, 1, 3)
    _checks.whole_number("panels", panels, 1)
    _checks.whole_number("azimuths", azimuths, 2)
    if azimuths % 2:
        raise InputError(
            f"Argument `azimuths` must be even, but it is {azimuths}. Take the next even number."
        )
    _checks.positive_number("cutoff", cutoff, "1/angstrom")
    _checks.positive_number("cell", cell)
    _checks.number("lower", lower)
    if not 0 <= lower < cutoff:
        raise InputError(
            f"Argument `lower` must be at least 0 and below the cutoff {cutoff:g}, but it is "
            f"{lower:g}. Leave it out in two and three dimensions."
        )
    count = (15 * panels) ** (1 + (dimension == 3)) * (2 if dimension == 1 else azimuths)
    if count > LARGEST_MESH:
        raise InputError(
            f"Argument `panels` must leave at most {LARGEST_MESH} wave vectors, but {panels} and "
            f"{azimuths} azimuths make {count}. Take fewer."
        )
    edges = np.geomspace if lower > 0 else np.linspace
    radius, fine, rough = _panels(edges(lower, cutoff, panels + 1))
    measure = cell * (radius / (2 * np.pi)) ** (dimension - 1) / (2 * np.pi)
    if dimension == 1:
        zero = np.zeros(2 * len(radius))
        q = np.stack([zero, zero, np.concatenate([radius, -radius])], axis=1)
        return q, np.tile(fine * measure, 2), np.tile(rough * measure, 2)
    phi = 2 * np.pi * np.arange(azimuths) / azimuths
    around = np.full(azimuths, 2 * np.pi / azimuths)
    half = around * np.where(np.arange(azimuths) % 2 == 0, 2.0, 0.0)
    if dimension == 2:
        cosine, up, up_rough = np.zeros(1), np.ones(1), np.ones(1)
    else:
        cosine, up, up_rough = _panels(np.linspace(-1, 1, panels + 1))
    sine = np.sqrt(1 - cosine**2)
    ring = np.stack(
        [
            np.multiply.outer(sine, np.cos(phi)),
            np.multiply.outer(sine, np.sin(phi)),
            np.multiply.outer(cosine, np.ones(azimuths)),
        ],
        axis=-1,
    )
    q = np.multiply.outer(radius, ring).reshape(-1, 3)
    weights = np.multiply.outer(fine * measure, np.multiply.outer(up, around)).ravel()
    coarse = np.multiply.outer(rough * measure, np.multiply.outer(up_rough, half)).ravel()
    return q, weights, coarse


def acoustic(rule: Rule, velocity: float, *, length: Scalar = 1.0, axes: _Axes = None) -> Modes:
    """Return acoustic branches omega = velocity |q| on a rule such as `ball`.

    Parameters
    ----------
    rule : tuple of arrays
        Wave vectors, weights and coarse weights.
    velocity : float
        hbar times the velocity of sound, in eV angstrom.
    length : float
        Zero-point length l in angstrom, the same for all q (as in F1).
    axes : real array, shape (branch, 3), optional
        Orthonormal polarisations; x, y and z by default.

    References
    ----------
    F1, Eqs. 7 and 14.
    """
    _checks.positive_number("velocity", velocity, "eV angstrom")
    return _branches(rule, velocity * np.linalg.norm(rule[0], axis=1), length, axes)


def optical(rule: Rule, energy: float, *, length: Scalar = 1.0, axes: _Axes = None) -> Modes:
    """Return dispersionless optical branches of the given energy in eV; see `acoustic`."""
    _checks.positive_number("energy", energy, "eV")
    return _branches(rule, np.full(len(rule[0]), energy), length, axes)


def chiral(
    rule: Rule,
    energies: Float[ArrayLike, " k"],
    *,
    shift: Scalar,
    axis: Float[ArrayLike, "3"] = (0.0, 0.0, 1.0),
    length: Scalar = 1.0,
) -> Modes:
    """Return circularly polarised branches whose dispersions are centred at +shift and -shift.

    A screw axis does this to transverse phonons: the two helicities are displaced in opposite
    directions, omega_+(q) = omega(q - q0), omega_-(q) = omega(q + q0), and time reversal maps one
    onto the other. At zero shift there is inversion symmetry.

    Parameters
    ----------
    rule : tuple of arrays
        Wave vectors measured from the centres, weights, coarse weights.
    energies : real array, shape (k,)
        hbar omega in eV at those wave vectors.
    shift : float
        q0 in 1/angstrom.
    axis : real array, shape (3,)
        Direction of q0; the polarisations are perpendicular to it.
    length : float
        In angstrom.
    """
    _checks.unit_vectors("axis", axis)
    _checks.shaped("axis", axis, (3,))
    _checks.number("shift", shift)
    _checks.positive_number("length", length, "angstrom")
    _checks.finite_array("energies", energies, np.shape(rule[0])[:1])
    axis = np.asarray(axis, float)
    first = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    q, weights, coarse = rule
    helicities = [
        Modes(
            jnp.asarray(q) + sign * shift * axis,
            weights,
            coarse,
            jnp.asarray(energies, float)[:, None],
            ((first + 1j * sign * second) / np.sqrt(2))[None, None, None],
            jnp.full((1, 1, 1), length),
        )
        for sign in (1, -1)
    ]
    return helicities[0] + helicities[1]


def thermal_factor(
    energies: Float[ArrayLike, "..."], temperature: Float[ArrayLike, "..."]
) -> Float[Array, "..."]:
    """Return coth(hbar omega / 2 k_B T), which is 1 at zero temperature.

    Parameters
    ----------
    energies : real array
        hbar omega in eV.
    temperature : float or real array
        In K.
    """
    _checks.finite("energies", energies)
    _checks.not_negative("temperature", temperature, "K")
    energies, temperature = jnp.asarray(energies), jnp.asarray(temperature)
    cold = _checks.concrete(temperature)
    if cold is not None and np.all(cold == 0):
        return jnp.ones_like(energies)
    return 1 / jnp.tanh(energies / (2 * BOLTZMANN * temperature))


def _branches(rule, energies, length, axes) -> Modes:
    _checks.positive_number("length", length, "angstrom")
    if axes is not None:
        _checks.finite_array("axes", axes, ("branch", 3), (3,))
    axes = np.eye(3) if axes is None else np.atleast_2d(np.asarray(axes, complex))
    polarisations = np.asarray(axes, complex)[None, :, None, :]
    energies = jnp.broadcast_to(jnp.asarray(energies)[:, None], (len(rule[0]), len(axes)))
    q, weights, coarse = rule
    return Modes(q, weights, coarse, energies, polarisations, jnp.full((1, len(axes), 1), length))


def _panels(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, kronrod, gauss = gauss_kronrod(15)
    half = np.diff(edges)[:, None] / 2
    nodes = edges[:-1, None] + half * (x + 1)
    return nodes.ravel(), (half * kronrod).ravel(), (half * gauss).ravel()


def _check_polarisations(modes: Modes) -> None:
    eps = _checks.concrete(modes.polarisations)
    if eps is None:
        return
    k, branches = modes.energies.shape
    if eps.ndim != 4 or eps.shape[1] != branches or eps.shape[3] != 3 or eps.shape[0] not in (1, k):
        raise InputError(
            f"Argument `polarisations` must have shape ({k}, {branches}, atom, 3), but its shape "
            f"is {eps.shape}. "
            "Give one vector per mode and atom."
        )
    flat = eps.reshape(*eps.shape[:2], -1)
    overlap = np.einsum("kma,kna->kmn", flat.conj(), flat)
    defect = np.abs(overlap - np.eye(branches))
    if defect.max(initial=0) > 1e-8:
        place = tuple(int(n) for n in np.unravel_index(defect.argmax(), defect.shape))
        raise InputError(
            "Argument `polarisations` must be orthonormal at every q, but the overlap of branches "
            f"{place[1]} and {place[2]} at wave vector {place[0]} is wrong by {defect.max():.1e}. "
            "Normalise the polarisation vectors over all atoms of the cell."
        )
