"""The bilinear form of the energy of two spins, and sets of interactions made of it.

F = F0 + mu.(S1 + S2) + mu_odd.(S1 - S2) + S1.K.S2
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msgreen._typing import Array, ArrayLike, Float, Pairs
from msgreen.convention import OUASSOU
from msgreen.estimate import Estimate
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms

AXES: np.ndarray = np.array([s * np.eye(3)[a] for a in range(3) for s in (1, -1)])
"""The directions +x, -x, +y, -y, +z, -z of paper O, shape (6, 3)."""


class PairCoefficients(NamedTuple):
    """Coefficients of F = F0 + mu.(S1 + S2) + mu_odd.(S1 - S2) + S1.K.S2, in eV.

    The bilinear part is J_x S1_x S2_x + ... + D.(S1 x S2) and, symmetric in the two spins, J_yz,
    J_zx and J_xy in `J_mixed`. Paper O's form (Eq. 1) is that without `mu_odd` and `J_mixed`. All
    have the pair as first axis, after those of a scan. `residual` is the largest deviation of the
    energies from the form. `error` holds the error estimates of F0, mu, J, D, mu_odd and J_mixed in
    this order: contour, mesh of the host and rounding, added.
    """

    F0: Float[Array, "*batch pair"]
    mu: Float[Array, "*batch pair 3"]
    J: Float[Array, "*batch pair 3"]
    D: Float[Array, "*batch pair 3"]
    mu_odd: Float[Array, "*batch pair 3"]
    J_mixed: Float[Array, "*batch pair 3"]
    residual: Float[Array, "*batch pair"]
    error: Float[Array, "*batch pair coefficient"]

    @property
    def fields(self) -> Float[Array, "*batch pair 2 3"]:
        """What multiplies S1 and S2: mu + mu_odd and mu - mu_odd."""
        return jnp.stack([self.mu + self.mu_odd, self.mu - self.mu_odd], axis=-2)

    @property
    def K(self) -> Float[Array, "*batch pair 3 3"]:
        """The bilinear part as a tensor, S1.K.S2."""
        return _bilinear(self.J, self.D, self.J_mixed)


def pair_vector(K: Float[ArrayLike, "*batch 3 3"]) -> Float[Array, "*batch 3"]:
    """Return D of the antisymmetric part of S1.K.S2 = ... + D.(S1 x S2)."""
    moved = jnp.asarray(K)
    return 0.5 * jnp.stack(
        [
            moved[..., 1, 2] - moved[..., 2, 1],
            moved[..., 2, 0] - moved[..., 0, 2],
            moved[..., 0, 1] - moved[..., 1, 0],
        ],
        axis=-1,
    )


def pair_interactions(
    found: PairCoefficients,
    pairs: Pairs,
    positions: Float[np.ndarray, "site dim"] | None = None,
    lone: Estimate[Float[ArrayLike, "pair 2 3"]] | None = None,
) -> Interactions:
    """Return fitted coefficients as an interaction set in the convention of paper O.

    Parameters
    ----------
    found : PairCoefficients
    pairs : int array, shape (pair, 2)
    positions : real array, shape (site, dim), optional
        In angstrom.
    lone : pair of real arrays, shape (pair, 2, 3), optional
        From `SpinPairs.lone_fields`. With it the set has fields of the sites, if any exceeds its
        error: what a spin feels alone, and what each pair adds to that.
    """
    pairs, error = np.asarray(pairs), np.asarray(found.error)
    names = "mu", "J", "D", "mu_odd", "J_mixed"
    columns = {name: error[:, 1 + 3 * n : 4 + 3 * n] for n, name in enumerate(names)}
    named = {
        name: Coefficient(np.asarray(getattr(found, name)), columns[name], ("xyz",))
        for name in ("J", "D", "J_mixed", "mu", "mu_odd")
    }
    named["residual"] = Coefficient(np.asarray(found.residual), error.max(axis=1))
    doubt = np.abs(_bilinear(columns["J"], columns["D"], columns["J_mixed"], sign=1))
    tensor = Coefficient(np.asarray(found.K), doubt, ("xyz", "xyz"))
    terms = [Terms(pairs, named, tensor)]
    if lone is not None:
        fields = _site_fields(found, pairs, columns["mu"] + columns["mu_odd"], *lone)
        terms = [*([] if fields is None else [fields]), *terms]
    return Interactions(tuple(terms), OUASSOU, positions)


def _site_fields(found: PairCoefficients, pairs, doubt, lone, lone_error) -> Terms | None:
    """Return the field on every site: alone, and what each of its pairs adds."""
    alone, added = np.asarray(lone, float), np.asarray(found.fields) - np.asarray(lone)
    sites, place = np.unique(pairs, return_inverse=True)
    place = place.reshape(pairs.shape)
    value, error = np.zeros((2, len(sites), 3))
    value[place], error[place] = alone, np.asarray(lone_error)
    np.add.at(value, place, added)
    np.add.at(error, place, doubt[:, None] + np.asarray(lone_error))
    if np.all(np.abs(value) <= error):
        return None
    coefficient = Coefficient(value, error, ("xyz",))
    return Terms(sites[:, None], {"field": coefficient}, coefficient)


@partial(jax.jit, static_argnames="sign")
def _bilinear(J, D, mixed, sign: int = -1):
    """Return K of its diagonal, antisymmetric and mixed symmetric parts; `sign` is that of D^t."""
    a, b, c = np.array([1, 2, 0]), np.array([2, 0, 1]), np.arange(3)
    K = jnp.zeros((*jnp.shape(J), 3)).at[..., c, c].set(J)
    return K.at[..., a, b].set(mixed + D).at[..., b, a].set(mixed + sign * D)


def design() -> np.ndarray:
    """Columns 1, S1 + S2, S1_a S2_a, S1 x S2, S1 - S2, mixed ones at the 36 configurations."""
    one, two = np.repeat(AXES, 6, axis=0), np.tile(AXES, (6, 1))
    mixed = np.roll(one, -1, 1) * np.roll(two, -2, 1) + np.roll(one, -2, 1) * np.roll(two, -1, 1)
    parts = np.ones((36, 1)), one + two, one * two, np.cross(one, two), one - two, mixed
    return np.concatenate(parts, axis=1)


def weights() -> np.ndarray:
    """Rows that make coefficients, as the columns of `design`, of the 36 energies."""
    rows = np.linalg.pinv(design()) @ (np.eye(36) - 1 / 36)
    rows[0] += 1 / 36
    return rows


@jax.jit
def fitted_form(energies: Float[Array, "pair config"]) -> tuple[Float[Array, "pair ..."], ...]:
    """Return what `design` fits to energies: F0, mu, J, D, mu_odd, J_mixed and the residual.

    Parameters
    ----------
    energies : real array, shape (pair, 36)
        Of the configurations of `design`, in eV.
    """
    form = design()
    # The mean is taken out first and put back into F0.
    mean = energies.mean(axis=1, keepdims=True)
    found = (energies - mean) @ np.linalg.pinv(form).T
    residual = jnp.abs(energies - mean - found @ form.T).max(axis=1)
    return found[:, 0] + mean[:, 0], *jnp.split(found[:, 1:], 5, axis=1), residual
