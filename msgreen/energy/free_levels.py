"""What a contour assumes of the levels of host and spins together, checked by counting them.

The rule for a contour on the axis through E_F is exact between a gap and a bandwidth, and its error
estimate knows nothing of levels elsewhere. G of the host at the ends of these intervals tells how
many levels there are with any spins in place (`msgreen.energy.bound_states`).
"""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float
from msgreen.contour import Contour
from msgreen.contour.base import unexpected_levels
from msgreen.energy.bound_states import negative_count, scattering_form
from msgreen.hosts.base import AbstractHost, check_levels
from msgreen.scattering.contact import AbstractScatterer

_BLOCK_BYTES = 64 * 2**20
"""Memory of the matrices of a block of configurations, a choice: small beside those of energies."""


def nodes_and_ends(host: AbstractHost, contour: Contour) -> Complex[Array, " energy"]:
    """Return the energies of a contour and, if it fits the levels of the host, its ends."""
    if not check_levels(host, contour):
        return contour.nodes
    return jnp.concatenate([contour.nodes, contour.ends.astype(complex)])


def check_configurations(
    contour: Contour,
    edges: Complex[Array | np.ndarray, "end site spinorb site spinorb"],
    scatterer: AbstractScatterer,
    directions: Float[ArrayLike, "*config site 3"],
    *,
    together: bool = False,
    alone: bool = False,
    subsets: Sequence[Sequence[int]] = (),
) -> None:
    """Raise InputError if host and spins have levels where a contour assumes none.

    Parameters
    ----------
    contour : Contour
    edges : complex array, shape (end, site, 2 orb, site, 2 orb)
        G of the host at its ends; without ends nothing is checked.
    scatterer : AbstractScatterer
    directions : real array, shape (..., site, 3)
        Unit vectors. Nothing is checked while JAX traces them.
    together, alone : bool
        Whether all spins in place are checked, and each one by itself.
    subsets : sequence of sequences of int
        Further sites whose spins alone are in place.
    """
    leaves = jax.tree.leaves((edges, directions, scatterer))
    if not len(edges) or any(_checks.concrete(leaf) is None for leaf in leaves):
        return
    known, count = np.asarray(edges), edges.shape[1]
    flat = jnp.asarray(directions, float).reshape(-1, count, 3)
    block = max(1, _BLOCK_BYTES // (16 * edges.size))
    everyone = list(range(count))
    parts = [everyone] * together + [[site] for site in everyone] * alone
    for start in range(0, len(flat), block):
        some = flat[start : start + block]
        potential = np.asarray(_potentials(scatterer, contour.ends, some))
        for subset in [*parts, *map(list, subsets)]:
            spins = _named(subset, count)
            refuse_levels(
                contour,
                known[:, subset][:, :, :, subset],
                potential[:, :, subset],
                lambda n, start=start, spins=spins: (
                    f"in configuration {start + n} the host with the spins of {spins}"
                ),
            )


def _named(subset: list[int], count: int) -> str:
    if len(subset) == 1:
        return f"site {subset[0]} alone"
    return "all sites" if len(subset) == count else f"sites {', '.join(map(str, subset))}"


@eqx.filter_jit
def _potentials(scatterer, ends, directions) -> Complex[Array, "end config site spinorb spinorb"]:
    """V of many configurations at the ends of a contour."""
    z = ends.astype(complex)
    return jax.vmap(lambda spins: scatterer.potential(z, spins), out_axes=1)(directions)


def count_levels(green: np.ndarray, potential: np.ndarray) -> np.ndarray:
    """Return how many levels lie in the intervals that a contour takes to be free of them.

    Parameters
    ----------
    green : complex array, shape (end, site, size, site, size)
        G of the host, which has no levels there, at `Contour.ends`.
    potential : complex array, shape (end, config, site, size, size)
        V_i, Hermitian.

    Returns
    -------
    int array, shape (config, interval)
        In the intervals -inf to the first end, second to third end, and so on.
    """
    norms = np.array([np.linalg.norm(_square(g), 2) for g in green])
    reach = np.abs(potential).sum(axis=-1).max(axis=(-1, -2)) * norms[:, None]
    strong = np.nonzero((reach >= 1).any(axis=0))[0]
    found = np.zeros((potential.shape[1], len(green) // 2 + 1), int)
    for part in np.array_split(strong, len(strong) * green[0].nbytes // _BLOCK_BYTES + 1):
        far = (np.linalg.eigvalsh(potential[0, part]) >= 0).sum(axis=(-1, -2))
        bounds = [far, *(far.copy() for _ in green), far]
        for below, g, v, near in zip(
            bounds[1:], green, potential, reach[:, part] >= 1, strict=False
        ):
            below[near] = negative_count(np.linalg.eigvalsh(scattering_form(g, v[part[near]])))
        steps = [high - low for low, high in zip(bounds[0::2], bounds[1::2], strict=False)]
        found[part] = np.stack(steps, axis=-1)
    return found


def refuse_levels(
    contour: Contour,
    green: Complex[Array | np.ndarray, "energy ..."],
    potential: Complex[Array | np.ndarray, "energy ..."],
    describe: Callable[[int], str],
) -> None:
    """Raise InputError if host and spins have levels where a contour assumes none.

    Parameters
    ----------
    contour : Contour
    green, potential : complex arrays
        As for `count_levels`. Nothing is checked while JAX traces one of them, or without ends.
    describe : callable
        Says which spins a configuration is of.
    """
    known, strengths = _checks.concrete(green), _checks.concrete(potential)
    if known is None or strengths is None or not len(known):
        return
    found = count_levels(known, strengths)
    if found.any():
        config, interval = map(int, np.argwhere(found)[0])
        count = abs(found[config, interval])
        raise unexpected_levels(
            *contour.free_intervals()[interval],
            f"{describe(config)} has {count} level{'s' if count > 1 else ''}",
        )


def _square(blocks: np.ndarray) -> np.ndarray:
    size = blocks.shape[0] * blocks.shape[1]
    return blocks.reshape(size, size)
