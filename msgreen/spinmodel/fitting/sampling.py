"""Spin configurations to fit a model to, and what an energy says about them."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float
from msgreen.blocks import map_items
from msgreen.errors import InputError
from msgreen.spinmodel.symmetry.operations import Symmetry

LARGEST_PRODUCT = 10_000_000
"""Number of configurations beyond which a product of directions is not enumerated."""

CONFIGURATIONS = 256
"""Evaluated by one program: enough for its start not to count, few enough to be shared."""


@dataclass(frozen=True)
class Samples:
    """Configurations with what is known about them.

    Attributes
    ----------
    directions : real array, shape (config, ..., site, 3)
        Unit vectors.
    energies : real array, shape (config,), optional
        In eV.
    fields : real array, shape (config, ..., site, 3), optional
        Constraining fields, the tangential part of dE/dS, in eV. A part along the spin has no
        meaning and is not used.
    errors : real array, shape (config,), optional
        Error estimates of the energies in eV, which add to the errors of what is fitted to them.
    """

    directions: np.ndarray
    energies: np.ndarray | None = None
    fields: np.ndarray | None = None
    errors: np.ndarray | None = None

    def __post_init__(self):
        _checks.unit_vectors("directions", self.directions)
        shape = np.shape(self.directions)
        expected = {"energies": shape[:1], "fields": shape, "errors": shape[:1]}
        for name in expected:
            given = getattr(self, name)
            if given is not None:
                _checks.finite(name, given)
                if np.shape(given) != expected[name]:
                    raise InputError(
                        f"Argument `{name}` must have shape {expected[name]} like the directions, "
                        f"but its shape is {np.shape(given)}. Give one entry per configuration."
                    )

    def __len__(self):
        return len(self.directions)

    def __getitem__(self, index) -> "Samples":
        """Return some of the configurations, chosen by a slice, numbers or a mask."""
        known = (self.energies, self.fields, self.errors)
        return Samples(self.directions[index], *(None if x is None else x[index] for x in known))


def constraining_fields(
    energy: Callable[[Array], Array],
    directions: Float[Array | np.ndarray, "config *box site 3"],
    *,
    block: int = 1,
) -> Samples:
    """Return energies and constraining fields B_i = (1 - S_i S_i) . dE/dS_i of configurations.

    Parameters
    ----------
    energy : callable
        Maps the spins of one configuration (..., site, 3) to an energy in eV; any function that
        JAX can differentiate, as ``LloydEnergy(...).interaction``.
    directions : real array, shape (config, ..., site, 3)
        Unit vectors.
    block : int
        Number of configurations that are evaluated at once; bounds the memory.

    Returns
    -------
    Samples

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Eqs. 33-35.
    """
    _checks.unit_vectors("directions", directions)
    _checks.count("block", block)
    spins = jnp.asarray(directions, float)
    if spins.ndim < 3 or not len(spins):
        raise InputError(
            "Argument `directions` must have shape (config, ..., site, 3) with one configuration "
            f"at least, but its shape is {spins.shape}. Put several along the first axis."
        )
    known = energy, min(block, len(spins))
    energies, gradients = map_items(_slopes, known, (spins,), 1, block_bytes=CONFIGURATIONS)
    along = jnp.sum(gradients * spins, axis=-1, keepdims=True)
    return Samples(np.asarray(spins), np.asarray(energies), np.asarray(gradients - along * spins))


@eqx.filter_jit
def _slopes(known, spins):
    energy, block = known
    return jax.lax.map(lambda s: jax.value_and_grad(energy)(s), spins, batch_size=block)


def cube_directions(frame: Float[ArrayLike, "3 3"] | None = None) -> Float[np.ndarray, "choice 3"]:
    """Return the 14 directions to the faces and the corners of a cube.

    Parameters
    ----------
    frame : real array, shape (3, 3), optional
        Orthogonal matrix; its columns are the axes of the cube. By default x, y and z.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Sect. IV.
    """
    corners = np.array(list(product((1.0, -1.0), repeat=3))) / np.sqrt(3)
    return np.concatenate([np.eye(3), -np.eye(3), corners]) @ _frame(frame).T


def cube_weights(
    directions: Float[ArrayLike, "*config site 3"], frame: Float[ArrayLike, "3 3"] | None = None
) -> Float[np.ndarray, " config"]:
    """Return the weights that make means over products of `cube_directions` means over all spins.

    Parameters
    ----------
    directions : real array, shape (config, site, 3)
        Every spin along one of the 14 directions.
    frame : real array, shape (3, 3), optional
        As for `cube_directions`.

    Returns
    -------
    real array, shape (config,)
        The product over the sites of 14/15 for a face and 21/20 for a corner.

    Notes
    -----
    With these weights polynomials of degree five in every spin are averaged exactly. In a fit
    to the whole product, two- and four-spin interactions that the model lacks are then orthogonal
    to those that it has, and do not spoil them.
    """
    _checks.unit_vectors("directions", directions)
    _checks.shaped("directions", directions, ("config", "site", 3), ("site", 3))
    along = np.abs(np.asarray(directions) @ _frame(frame)).max(axis=-1)
    return np.where(along > 0.9, 14 / 15, 21 / 20).prod(axis=-1)


def _frame(frame) -> np.ndarray:
    if frame is not None:
        _checks.finite("frame", frame)
    frame = np.eye(3) if frame is None else np.asarray(frame, float)
    if frame.shape != (3, 3) or np.abs(frame.T @ frame - np.eye(3)).max() > 1e-8:
        raise InputError(
            "Argument `frame` must be an orthogonal 3 x 3 matrix, but it is not. Give the axes of "
            "the cube as its columns."
        )
    return frame


class Configurations(NamedTuple):
    """Configurations that stand for others.

    Attributes
    ----------
    directions : real array, shape (config, site, 3)
    counts : int array, shape (config,)
        Number of configurations that each stands for, itself included.
    """

    directions: np.ndarray
    counts: np.ndarray


def inequivalent_configurations(
    site_count: int,
    choices: Float[ArrayLike, "choice 3"] | None = None,
    symmetry: Symmetry | None = None,
) -> Configurations:
    """Return all configurations of spins along given directions that symmetry distinguishes.

    Parameters
    ----------
    site_count : int
    choices : real array, shape (choice, 3), optional
        Unit vectors; by default `cube_directions`.
    symmetry : Symmetry, optional
        Of a finite cluster; by default time reversal only, which is always included. It must map
        the choices onto themselves.

    Raises
    ------
    InputError
        If the choices do not share the symmetry, or there are more than ten million
        configurations.

    Notes
    -----
    Brinker et al. quote 2744 -> 252 configurations of a C3v trimer and 38416 -> 2513 of a C4v
    tetramer. These are the numbers for a cube that shares the symmetry: standing on a corner
    above the trimer, with its faces towards the atoms of the tetramer. With faces towards the
    edges of the tetramer there are 2541, and a cube that stands on a face does not share the
    threefold axis.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Sect. IV.
    """
    if choices is not None:
        _checks.unit_vectors("choices", choices)
        _checks.shaped("choices", choices, ("choice", 3))
    choices = cube_directions() if choices is None else np.asarray(choices, float)
    _checks.whole_number("site_count", site_count, 1)
    size = len(choices)
    if site_count * np.log(max(size, 2)) > np.log(LARGEST_PRODUCT):
        raise InputError(
            f"Argument `site_count` must not make more than {LARGEST_PRODUCT} configurations, but "
            f"it makes {size}^{site_count}. Use random directions, or fewer `choices`."
        )
    digits = np.indices((size,) * site_count).reshape(site_count, -1).T
    place = size ** np.arange(site_count)[::-1]
    smallest = np.arange(len(digits))
    for moved, permutation in _actions(site_count, choices, symmetry):
        image = np.empty_like(digits)
        image[:, permutation] = moved[digits]
        np.minimum(smallest, image @ place, out=smallest)
    kept, counts = np.unique(smallest, return_counts=True)
    return Configurations(choices[digits[kept]], counts)


def sample_directions(
    site_count: int,
    count: int | None = None,
    *,
    kind: Literal["random", "quasi_random", "product"] = "random",
    choices: Float[ArrayLike, "choice 3"] | None = None,
    symmetry: Symmetry | None = None,
    seed: int = 0,
) -> Float[np.ndarray, "config site 3"]:
    """Return configurations of unit vectors.

    Parameters
    ----------
    site_count : int
    count : int, optional
        Number of configurations; may be left out for a product, which then is returned whole.
    kind : "random", "quasi_random" or "product"
        Independent and uniform on every sphere; a scrambled Halton sequence, which covers the
        spheres more evenly; or some of the `inequivalent_configurations`, drawn at random.
    choices, symmetry
        As for `inequivalent_configurations`, for a product.
    seed : int

    Raises
    ------
    InputError
        If an argument is missing, or has no use for this kind.

    Examples
    --------
    >>> sample_directions(3, kind="product").shape
    (1372, 3, 3)
    """
    _checks.one_of("kind", kind, ("random", "quasi_random", "product"))
    _checks.count("site_count", site_count)
    _checks.whole_number("seed", seed, 0)
    if count is not None:
        _checks.whole_number("count", count, 1, _checks.MANY // site_count)
    if kind == "product":
        found, _ = inequivalent_configurations(site_count, choices, symmetry)
        return found if count is None else _drawn(found, count, seed)
    for name, value in (("choices", choices), ("symmetry", symmetry)):
        if value is not None:
            raise InputError(
                f"Argument `{name}` must be left out for {kind!r} directions, but it is given. "
                'Choose kind="product" for it.'
            )
    if count is None:
        raise InputError(
            f"Argument `count` must be given for {kind!r} directions, but it is missing. Give "
            "the number of configurations."
        )
    if kind == "random":
        vectors = np.random.default_rng(seed).normal(size=(count, site_count, 3))
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    # It takes a tenth of the time to import msgreen.
    from scipy.stats import qmc

    points = qmc.Halton(2 * site_count, rng=seed).random(count).reshape(count, site_count, 2)
    z, phi = 2 * points[..., 0] - 1, 2 * np.pi * points[..., 1]
    rho = np.sqrt(1 - z**2)
    return np.stack([rho * np.cos(phi), rho * np.sin(phi), z], axis=-1)


def _drawn(configurations: np.ndarray, count: int, seed: int) -> np.ndarray:
    if count > len(configurations):
        raise InputError(
            f"Argument `count` must not exceed the {len(configurations)} inequivalent "
            f"configurations of the product, but it is {count}. Leave it out for all."
        )
    chosen = np.random.default_rng(seed).choice(len(configurations), count, replace=False)
    return configurations[np.sort(chosen)]


def _actions(site_count: int, choices: np.ndarray, symmetry: Symmetry | None):
    """Yield how every operation, with and without time reversal, permutes choices and sites."""
    rotations, permutations = np.eye(3)[None], np.arange(site_count)[None]
    if symmetry is not None:
        rotations, permutations = symmetry.rotations, symmetry.permutations
    if permutations.shape[1] != site_count:
        raise InputError(
            f"Argument `symmetry` must permute {site_count} sites, but it permutes "
            f"{permutations.shape[1]}. Build it for these sites."
        )
    for rotation, permutation in zip(rotations, permutations, strict=True):
        turned = choices @ rotation.T
        for sign in (1, -1):
            apart = np.linalg.norm(sign * turned[:, None] - choices, axis=-1)
            if apart.min(axis=1).max() > 1e-6:
                what = "time reversal and every operation of the symmetry"
                raise InputError(
                    f"Argument `choices` must be mapped onto themselves by {what}, but they are "
                    "not. Turn them, as with `cube_directions(frame)`."
                )
            yield apart.argmin(axis=1), permutation
