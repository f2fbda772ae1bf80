"""How wrong the energy of a spin model is where spins are tilted from a reference."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float
from msgreen.blocks import map_items
from msgreen.errors import InputError
from msgreen.spin.algebra import tangent_frame
from msgreen.spinmodel.fitting.sampling import CONFIGURATIONS
from msgreen.spinmodel.model import SpinModel


class TiltErrors(NamedTuple):
    """Errors of the energies of a model at random tilts from a reference, in eV.

    Attributes
    ----------
    angle : real array, shape (angle,)
        By which the spins are tilted, in radians.
    rms, largest : real array, shape (angle,)
        Root mean square and largest error of the energy that the tilts cost.
    cost : real array, shape (angle,)
        Root mean square of the energy itself.
    """

    angle: np.ndarray
    rms: np.ndarray
    largest: np.ndarray
    cost: np.ndarray


def tilt_errors(
    model: SpinModel,
    energy: Callable[[Array], Array],
    directions: Float[Array | np.ndarray, "site 3"],
    angles: Float[ArrayLike, " angle"],
    *,
    sites: Sequence[int] | None = None,
    count: int = 20,
    seed: int = 0,
) -> TiltErrors:
    """Return the errors of a model where spins are tilted from a reference by given angles.

    Parameters
    ----------
    model : SpinModel
        Of a finite cluster.
    energy : callable
        Maps spins (site, 3) to an energy in eV, as for `derivatives_at`.
    directions : real array, shape (site, 3)
        Unit vectors of the reference, whose energy is the zero of both energies.
    angles : real array, shape (angle,)
        In radians.
    sites : sequence of int, optional
        The spins that are tilted, all by the same angle; by default all spins.
    count : int
        Number of tilts; their azimuths are random, and the same for every angle.
    seed : int
    """
    _checks.unit_vectors("directions", directions)
    _checks.finite_array("angles", angles, ("angle",))
    _checks.count("count", count)
    _checks.whole_number("seed", seed, 0)
    if sites is not None:
        _checks.shaped("sites", _checks.numbers("sites", sites, "iu"), ("site",))
        if not all(0 <= site < model.site_count for site in sites):
            raise InputError(
                f"Argument `sites` must hold sites from 0 to {model.site_count - 1}, but it is "
                f"{list(sites)}. Count sites from 0."
            )
    if np.shape(directions) != (model.site_count, 3) or model.dimension:
        raise InputError(
            f"Argument `directions` must have shape ({model.site_count}, 3) for a model of a "
            f"finite cluster, but its shape is {np.shape(directions)}. Give one vector per site."
        )
    directions = jnp.asarray(directions, float)
    azimuth = np.random.default_rng(seed).uniform(0, 2 * np.pi, (count, len(directions)))
    compass = np.stack([np.cos(azimuth), np.sin(azimuth)], axis=-1)
    heading = np.einsum("cia,iax->cix", compass, tangent_frame(directions))
    angles = np.asarray(angles, float)
    tilt = np.zeros((len(angles), 1, len(directions), 1))
    tilt[:, :, slice(None) if sites is None else list(sites)] = np.reshape(angles, (-1, 1, 1, 1))
    spins = np.cos(tilt) * np.asarray(directions) + np.sin(tilt) * heading
    spins = np.concatenate([directions[None], spins.reshape(-1, *directions.shape)])
    spins = jnp.asarray(spins)
    exact = np.asarray(map_items(_energies, energy, (spins,), 1, block_bytes=CONFIGURATIONS))
    ours = np.asarray(model.energy(spins))
    cost, found = ((e[1:] - e[0]).reshape(-1, count) for e in (exact, ours))
    wrong = found - cost
    rms, whole = (np.sqrt(np.mean(x**2, axis=1)) for x in (wrong, cost))
    return TiltErrors(angles, rms, np.abs(wrong).max(axis=1), whole)


@eqx.filter_jit
def _energies(energy, spins):
    return jax.lax.map(lambda s: energy(s), spins)
