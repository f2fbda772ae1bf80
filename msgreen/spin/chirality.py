"""Chiralities of three spins: the scalar and the vector that L's multi-spin forms are made of."""

import jax.numpy as jnp

from msgreen._typing import Array, ArrayLike, Float


def scalar_chirality(
    one: Float[ArrayLike, "*batch 3"],
    two: Float[ArrayLike, "*batch 3"],
    three: Float[ArrayLike, "*batch 3"],
) -> Float[Array, "*batch"]:
    """Return the scalar chirality chi = S_1 . (S_2 x S_3) of three spins.

    Parameters
    ----------
    one, two, three : real array, shape (..., 3)

    Notes
    -----
    For unit vectors it is the volume that they span: at most 1, for three perpendicular spins. In
    the canted states of a triangle (polar angle theta, azimuths 120 degrees apart) it is
    (3 sqrt 3 / 2) sin^2 theta cos theta, largest at cos theta = 1 / sqrt 3.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 26 and 33.

    Examples
    --------
    >>> float(scalar_chirality([1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]))
    1.0
    """
    return jnp.sum(jnp.asarray(one) * jnp.cross(jnp.asarray(two), jnp.asarray(three)), axis=-1)


def vector_chirality(
    one: Float[ArrayLike, "*batch 3"],
    two: Float[ArrayLike, "*batch 3"],
    three: Float[ArrayLike, "*batch 3"],
) -> Float[Array, "*batch 3"]:
    """Return the vector chirality aleph = S_1 x (S_2 x S_3) of three spins.

    Parameters
    ----------
    one, two, three : real array, shape (..., 3)

    Notes
    -----
    For unit vectors its length is at most 1: S_2 and S_3 perpendicular, S_1 in their plane. In the
    canted states of a triangle (see `scalar_chirality`) the length is
    sqrt 3 sin theta abs(1 - (3/2) sin^2 theta), largest (0.866) in the planar state; the maximum
    at cos theta = sqrt 7 / 3 that the paper names is a local one (0.544).

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 26 and 33.

    Examples
    --------
    >>> [float(x) for x in vector_chirality([1.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0])]
    [0.0, -1.0, 0.0]
    """
    return jnp.cross(jnp.asarray(one), jnp.cross(jnp.asarray(two), jnp.asarray(three)))
