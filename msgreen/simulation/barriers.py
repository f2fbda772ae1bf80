"""Paths of least energy between two states, and the barrier on them."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float
from msgreen.errors import InputError
from msgreen.spin.algebra import tangent_frame
from msgreen.spinmodel import SpinModel

_SHAKE = 0.02
"""Random part of the first path in radians."""

_IMAGES = 10_000
"""More than any path needs: 16 show a barrier to a percent."""

_ROUND = 100
"""Steps between two looks at the forces."""


class EnergyPath(NamedTuple):
    """A path between two states along which the energy is as low as it can be.

    Attributes
    ----------
    directions : real array, shape (image, *box, site, 3)
    energy : real array, shape (image,)
        In eV.
    distance : real array, shape (image,)
        Length of the path to each image, in radians of all spins together.
    force : float
        Largest force across the path on any spin that is left, in eV.
    converged : bool
        Whether it fell below the tolerance.
    """

    directions: Float[np.ndarray, "image ..."]
    energy: Float[np.ndarray, " image"]
    distance: Float[np.ndarray, " image"]
    force: float
    converged: bool

    @property
    def saddle(self) -> int:
        """Number of the image of highest energy."""
        return int(np.argmax(self.energy))

    @property
    def barrier(self) -> float:
        """Highest energy less that of the first image, in eV."""
        return float(self.energy.max() - self.energy[0])


def energy_path(
    model: SpinModel,
    first: Float[ArrayLike, "*box site 3"],
    last: Float[ArrayLike, "*box site 3"],
    *,
    images: int = 16,
    tolerance: float = 1e-5,
    max_steps: int = 20_000,
    seed: int = 0,
    progress: bool = False,
) -> EnergyPath:
    """Return a path of least energy between two minima, by the geodesic nudged elastic band.

    Parameters
    ----------
    model : SpinModel
    first, last : real arrays, shape (*box, site, 3)
        Unit vectors, at minima: `msgreen.spinmodel.relax` finds them.
    images : int
        States on the path, both ends included.
    tolerance : float
        Largest force on a spin in eV.
    max_steps : int
    seed : int
        Of a small random part of the first path, without which it could not leave a symmetry that
        both states have, and of the plane in which spins turn that are opposite in both states.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    EnergyPath
        What did not converge says so. The highest image climbs: it is the saddle point.

    Notes
    -----
    Spins move in the tangent planes by the force across the path; springs along it keep the images
    apart. Steps are those of damped dynamics: what moves along its force gains speed, and stops
    when the force turns.

    References
    ----------
    Bessarab, Uzdin, Jonsson, Comput. Phys. Commun. 196, 335 (2015).
    """
    for name, state in {"first": first, "last": last}.items():
        _checks.unit_vectors(name, state)
        cells = tuple(f"n_{d + 1}" for d in range(model.dimension))
        _checks.shaped(name, state, (*cells, model.site_count, 3))
    ends = [jnp.asarray(state, float) for state in (first, last)]
    if ends[0].shape != ends[1].shape:
        raise InputError(
            f"Argument `last` must have the shape {ends[0].shape} of `first`, but its shape is "
            f"{ends[1].shape}. Give two states of one box."
        )
    _checks.whole_number("images", images, 3, _IMAGES)
    _checks.whole_number("seed", seed, 0)
    _checks.whole_number("max_steps", max_steps, 1)
    _checks.positive_number("tolerance", tolerance, "eV")
    path = _geodesics(ends[0], ends[1], images, seed)
    band, force, done = _Band(path, jnp.zeros_like(path)), np.inf, 0
    stiffness = jnp.linalg.norm(model.gradient(path), axis=-1).max()
    with tqdm(desc="barrier", total=max_steps, unit="step", disable=not progress) as bar:
        while done < max_steps and force > tolerance:
            band, largest = _advance(model, band, stiffness, jnp.asarray(done > 0))
            force, done = float(largest), done + _ROUND
            bar.update(_ROUND)
    distance = np.concatenate([[0.0], np.cumsum(_steps(band.path))])
    energy = np.asarray(model.energy(band.path))
    return EnergyPath(np.asarray(band.path), energy, distance, force, force <= tolerance)


class _Band(NamedTuple):
    path: Array
    velocity: Array


def _geodesics(first: Array, last: Array, images: int, seed: int) -> Array:
    """Return the path on which every spin takes the shortest way at constant speed."""
    cos = jnp.clip(jnp.sum(first * last, axis=-1, keepdims=True), -1, 1)
    angle = jnp.arccos(cos)
    across = last - cos * first
    turned = jax.random.normal(jax.random.key(seed), (2,))
    any_way = jnp.einsum("a,...ax->...x", turned, tangent_frame(first))
    opposite = jnp.linalg.norm(across, axis=-1, keepdims=True) < 1e-6
    across = jnp.where(opposite, any_way, across)
    across = across / jnp.linalg.norm(across, axis=-1, keepdims=True)
    share = jnp.linspace(0.0, 1.0, images).reshape(-1, *(1,) * first.ndim)
    path = jnp.cos(share * angle) * first + jnp.sin(share * angle) * across
    path = path + _SHAKE * jax.random.normal(jax.random.key(seed + 1), path.shape)
    path = path / jnp.linalg.norm(path, axis=-1, keepdims=True)
    return path.at[0].set(first).at[-1].set(last)


def _steps(path: Array) -> Array:
    """Return the lengths of the steps from image to image, of all spins together."""
    one, other = path[:-1], path[1:]
    sine = jnp.linalg.norm(jnp.cross(one, other), axis=-1)
    angle = jnp.arctan2(sine, jnp.sum(one * other, axis=-1))
    return jnp.sqrt(_sums(angle**2))


@eqx.filter_jit
def _advance(model: SpinModel, band: _Band, stiffness: Array, climbing: Array):
    """Return the band after some steps of damped dynamics, and the largest force across it."""
    time = 0.3 / jnp.sqrt(stiffness)

    def step(carry, last):
        band, _ = carry
        force, across = _forces(model, band.path, stiffness, climbing)
        power, square = jnp.sum(force * band.velocity), jnp.sum(force**2)
        kept = jnp.maximum(power, 0.0) / jnp.where(square > 0, square, 1.0)
        velocity = (kept + time) * force
        path = band.path + time * velocity
        path = path / jnp.linalg.norm(path, axis=-1, keepdims=True)
        moved = _Band(path, _tangential(path, velocity))
        # The last step only looks at the forces: they are compiled once.
        stays = jax.tree.map(lambda old, new: jnp.where(last, old, new), band, moved)
        return (stays, jnp.max(jnp.sum(across**2, axis=-1))), None

    (band, square), _ = jax.lax.scan(step, (band, 0.0), jnp.arange(_ROUND + 1) == _ROUND)
    return band, jnp.sqrt(square)


def _forces(model: SpinModel, path: Array, stiffness: Array, climbing: Array):
    """Return the forces that move the images, and the part of them that is not of springs."""
    energy, gradient = model.energy_and_gradient(path)
    gradient = _tangential(path, gradient)[1:-1]
    inner = path[1:-1]
    ahead, behind = (_tangential(inner, d) for d in (path[2:] - inner, inner - path[:-2]))
    rise, fall = energy[2:] - energy[1:-1], energy[1:-1] - energy[:-2]
    steep = jnp.maximum(jnp.abs(rise), jnp.abs(fall))
    flat = jnp.minimum(jnp.abs(rise), jnp.abs(fall))
    # The tangent points to the higher neighbour; at an extremum both count, weighted (Henkelman).
    higher = energy[2:] > energy[:-2]
    weight_ahead = jnp.where(higher, steep, flat)
    weight_behind = jnp.where(higher, flat, steep)
    monotone = rise * fall > 0
    weight_ahead = jnp.where(monotone, (rise > 0).astype(float), weight_ahead)
    weight_behind = jnp.where(monotone, (rise <= 0).astype(float), weight_behind)
    tangent = _each(weight_ahead, path) * ahead + _each(weight_behind, path) * behind
    tangent = tangent / _each(jnp.sqrt(_sums(tangent**2)) + 1e-300, path)

    along = _each(_sums(gradient * tangent), path) * tangent
    top = climbing & (jnp.arange(1, len(path) - 1) == 1 + jnp.argmax(energy[1:-1]))
    across = jnp.where(_each(top, path), 2 * along - gradient, along - gradient)
    steps = _steps(path)
    springs = jnp.where(top, 0.0, stiffness * (steps[1:] - steps[:-1]))
    force = across + _each(springs, path) * tangent
    still = jnp.zeros_like(path[:1])
    return jnp.concatenate([still, force, still]), across


def _tangential(path: Array, vectors: Array) -> Array:
    return vectors - jnp.sum(path * vectors, axis=-1, keepdims=True) * path


def _sums(values: Array) -> Array:
    """Sum over everything but the images."""
    return jnp.sum(values, axis=tuple(range(1, values.ndim)))


def _each(numbers: Array, path: Array) -> Array:
    """Return numbers of the images as they multiply vectors of all spins."""
    return numbers.reshape(-1, *(1,) * (path.ndim - 1))
