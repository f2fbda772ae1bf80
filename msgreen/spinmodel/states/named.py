"""Named states: collinear patterns, cones of spins around an axis, spirals and multi-q states.

States of a cluster have the shape (site, 3), those of a box of cells (n_1, ..., n_dim, site, 3), as
`SpinModel` takes them. Wave vectors are given in units of the reciprocal lattice vectors: the
phase of cell n is 2 pi q . n.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float, Scalar, Vectors
from msgreen.errors import InputError
from msgreen.spin.algebra import rotate_about, tangent_frame

_Z = (0.0, 0.0, 1.0)


def ferromagnet(count: int, axis: Float[ArrayLike, "3"] = _Z) -> Float[Array, "site 3"]:
    """Return `count` spins along one axis."""
    _checks.count("count", count)
    return collinear("u" * count, axis)


def collinear(pattern: str, axis: Float[ArrayLike, "3"] = _Z) -> Float[Array, "site 3"]:
    """Return spins up and down along an axis.

    Parameters
    ----------
    pattern : str
        One letter per site, "u" for up and "d" for down: "uud" is the up-up-down state of a
        trimer, "udud" the antiferromagnet of a square.
    axis : real array, shape (3,)
        Of any length.

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> from msgreen.spinmodel.states import collinear
    >>> collinear("ud").tolist()
    [[0.0, 0.0, 1.0], [-0.0, -0.0, -1.0]]
    """
    return _signs(pattern)[:, None] * _unit("axis", axis)


def stripes(
    pattern: str,
    shape: Sequence[int],
    along: int | Sequence[int] = 0,
    axis: Float[ArrayLike, "3"] = _Z,
) -> Float[Array, "*box 1 3"]:
    """Return a collinear state of a lattice with one site, a pattern repeated along the cells.

    Parameters
    ----------
    pattern : str
        Letters "u" and "d": "uudd" is the up-up-down-down state.
    shape : sequence of int
        Number of cells along every lattice vector.
    along : int or sequence of int
        Number of the lattice vector along which the pattern runs, or one integer h per lattice
        vector: cell n gets the letter number h . n. On the square lattice "ud" along (1, 1) is
        the checkerboard.
    axis : real array, shape (3,)

    Raises
    ------
    InputError
        If the pattern does not fit into the box.
    """
    letters = len(_signs(pattern))
    _checks.box("shape", shape)
    if isinstance(along, Sequence) or np.ndim(along):
        _checks.shaped("along", _checks.numbers("along", along, "iu"), (len(shape),))
    else:
        _checks.whole_number("along", along, 0, len(shape) - 1)
    steps = np.eye(len(shape), dtype=int)[along] if np.ndim(along) == 0 else np.asarray(along)
    if np.any(steps * np.array(shape) % letters):
        raise InputError(
            f"Argument `shape` must repeat the {len(pattern)} letters of `pattern`, but it is "
            f"{tuple(shape)} along {steps.tolist()}. Take multiples of {len(pattern)}."
        )
    number = np.tensordot(steps, np.indices(tuple(shape)), 1) % letters
    return _signs(pattern)[number][..., None, None] * _unit("axis", axis)


def cone(
    angle: Float[ArrayLike, "..."], phase: Float[ArrayLike, "..."], axis: Float[ArrayLike, "3"] = _Z
) -> Float[Array, "*batch 3"]:
    """Return unit vectors at an angle to an axis.

    Parameters
    ----------
    angle : real array
        Between spin and axis, in radians.
    phase : real array
        Azimuth about the axis in radians, counted from the first vector of
        `msgreen.spin.algebra.tangent_frame`: about z from x to y.
    axis : real array, shape (3,)

    Returns
    -------
    real array, shape of `angle` and `phase` together, and 3
    """
    _checks.numbers("angle", angle)
    _checks.numbers("phase", phase)
    axis = _unit("axis", axis)
    return _cone(jnp.asarray(angle, float), jnp.asarray(phase, float), axis)


@jax.jit
def _cone(angle: Array, phase: Array, axis: Array) -> Array:
    u, v = tangent_frame(axis)
    angle, phase = angle[..., None], phase[..., None]
    return jnp.cos(angle) * axis + jnp.sin(angle) * (jnp.cos(phase) * u + jnp.sin(phase) * v)


def canted(
    angle: Float[ArrayLike, "..."],
    chirality: int = 1,
    count: int = 3,
    phase: Float[ArrayLike, "..."] = 0.0,
) -> Float[Array, "*batch site 3"]:
    """Return the canted states of a ring of sites: a cone about z that opens by `angle`.

    Site m has the azimuth phase + chirality 2 pi m / count. The ferromagnet is at angle 0, the
    planar state at pi/2; with the phase of the position of site 0, chirality +1 and sites in
    anticlockwise order the spins point away from the centre.

    Parameters
    ----------
    angle : real array
        Polar angle in radians; leading axes are kept.
    chirality : int
        Sense of rotation from site to site: +1 for anticlockwise, -1 for clockwise.
    count : int
    phase : real array
        Azimuth of site 0, of the shape of `angle`.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Eq. 37.
    """
    _checks.number("chirality", chirality)
    _checks.count("count", count)
    _checks.numbers("angle", angle)
    _checks.numbers("phase", phase)
    turn = chirality * 2 * np.pi / count * np.arange(count)
    angle, phase = (jnp.asarray(a, float)[..., None] for a in (angle, phase))
    return cone(angle, phase + turn)


def planar_neel(chirality: int = 1, count: int = 3, phase: Scalar = 0.0) -> Float[Array, "site 3"]:
    """Return the planar Néel state N+ (chirality +1) or N- (-1) of a ring: `canted` at pi/2."""
    return canted(np.pi / 2, chirality, count, phase)


def spiral(
    shape: Sequence[int],
    wave_vector: Float[ArrayLike, " dim"],
    base: Vectors,
    axis: Float[ArrayLike, "3"] = _Z,
) -> Float[Array, "*box site 3"]:
    """Return the spin spiral S(n) = R(axis, 2 pi q . n) S(0) in a box of cells.

    Parameters
    ----------
    shape : sequence of int
        Number of cells along every lattice vector; with q . n a whole number for n from one end
        to the other, the spiral closes periodically.
    wave_vector : real array, shape (dim,)
        q in units of the reciprocal lattice vectors.
    base : real array, shape (site, 3)
        Spins of cell 0, for instance `cone` of the cone angle and a phase per site.
    axis : real array, shape (3,)
        Axis of rotation; the sense is right-handed.
    """
    _checks.unit_vectors("base", base)
    _checks.shaped("base", base, ("site", 3))
    _checks.box("shape", shape)
    _checks.shaped("wave_vector", wave_vector, (len(shape),))
    phase = 2 * np.pi * jnp.tensordot(_wave("wave_vector", wave_vector, shape), _cells(shape), 1)
    return rotate_about(_unit("axis", axis), phase[..., None], jnp.asarray(base, float))


def multi_q(
    shape: Sequence[int],
    wave_vectors: Float[ArrayLike, "wave dim"],
    amplitudes: Complex[ArrayLike, "wave 3"] | Complex[ArrayLike, "wave site 3"],
    uniform: Float[ArrayLike, "3"] | Vectors | None = None,
) -> Float[Array, "*box site 3"]:
    """Return the normalised superposition of waves, Re sum_w A_w exp(2 pi i q_w . n) + M.

    One wave of A = u - i v is a planar spiral, equal ones of opposite q a sine; three at 120
    degrees in the plane make skyrmion or vortex lattices (2q and 3q states).

    Parameters
    ----------
    shape : sequence of int
        Number of cells along every lattice vector.
    wave_vectors : real array, shape (wave, dim)
        In units of the reciprocal lattice vectors.
    amplitudes : complex array, shape (wave, site, 3) or (wave, 3)
    uniform : real array, shape (site, 3) or (3,), optional
        M.

    Returns
    -------
    real array, shape (n_1, ..., site, 3)

    Raises
    ------
    InputError
        If the waves cancel somewhere, so that no direction is left.
    """
    _checks.box("shape", shape)
    _checks.shaped("wave_vectors", wave_vectors, ("wave", len(shape)))
    count = np.shape(wave_vectors)[0]
    _checks.finite_array("amplitudes", amplitudes, (count, 3), (count, "site", 3))
    if uniform is not None:
        sites = np.shape(amplitudes)[1:-1] or ("site",)
        _checks.finite_array("uniform", uniform, (3,), (*sites, 3))
    amplitudes = jnp.asarray(amplitudes, complex)
    amplitudes = amplitudes[:, None] if amplitudes.ndim == 2 else amplitudes
    phase = 2 * np.pi * jnp.tensordot(_wave("wave_vectors", wave_vectors, shape), _cells(shape), 1)
    waves = jax.lax.complex(jnp.cos(phase), jnp.sin(phase))
    total = jnp.tensordot(waves, amplitudes, [[0], [0]]).real
    total = total if uniform is None else total + jnp.asarray(uniform, float)
    norm = jnp.linalg.norm(total, axis=-1, keepdims=True)
    shortest = _checks.concrete(norm)
    if shortest is not None and shortest.min() < 1e-8:
        raise InputError(
            "Argument `amplitudes` must leave a direction at every site, but the waves cancel at "
            f"{np.argwhere(shortest < 1e-8)[0, :-1].tolist()}. Shift a phase."
        )
    return total / norm


def _signs(pattern: str) -> Array:
    if not isinstance(pattern, str) or not pattern or set(pattern) - set("ud"):
        raise InputError(
            f'Argument `pattern` must hold the letters "u" and "d", but it is {pattern!r}. '
            "Give one letter per site."
        )
    return jnp.where(np.array(list(pattern)) == "u", 1.0, -1.0)


def _unit(name: str, vector) -> Array:
    _checks.finite(name, vector)
    vector = jnp.asarray(vector, float)
    norm = jnp.linalg.norm(vector)
    if vector.shape != (3,) or _checks.concrete(norm) == 0:
        raise InputError(
            f"Argument `{name}` must be a vector of 3 components that is not zero, but it is "
            f"{vector}. Give a direction."
        )
    return vector / norm


def _cells(shape: Sequence[int]) -> np.ndarray:
    return np.indices(tuple(shape)).astype(float)


def _wave(name: str, wave, shape: Sequence[int]) -> Array:
    _checks.finite(name, wave)
    wave = jnp.asarray(wave, float)
    if wave.ndim == 0 or wave.shape[-1] != len(shape):
        raise InputError(
            f"Argument `{name}` must have {len(shape)} components on its last axis like `shape`, "
            f"but its shape is {wave.shape}. Give one per lattice vector."
        )
    return wave
