"""Covariant derivatives of an energy of spins at a reference state.

Spins move along geodesics, e_i(u) = cos|u_i| e_i + sin|u_i| u_i/|u_i|, u_i being two components
along `msgreen.spin.algebra.tangent_frame`. Derivatives with respect to u at u = 0 are the
symmetrised covariant derivatives on the spheres: the first give the torque, the second the Hessian
of Liechtenstein et al., and so on to any order.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, product
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Float, Vectors
from msgreen.blocks import map_items
from msgreen.errors import InputError
from msgreen.spin.algebra import tangent_frame
from msgreen.spinmodel.fitting.sampling import CONFIGURATIONS

Energy = Callable[[Array], Array]
Tensors = Mapping[tuple[int, ...], np.ndarray]

_BLOCK = 16
"""Paths that are differentiated at once: on a CPU larger blocks are not faster."""

_ASYMMETRY = 1e-8
"""Part of a tensor by which components of one site may differ under exchange."""


@dataclass(frozen=True)
class Derivatives:
    """What is known of the derivatives of an energy at one reference state, in eV.

    Parameters
    ----------
    directions : real array, shape (site, 3)
        Unit vectors of the reference. It need not be stationary, see `torque`.
    tensors : mapping of tuple of N int to real array, shape (2,) * N
        Mixed derivatives by the sites that move, in ascending order; a site may occur several
        times. The axes are components along `tangent_frame` of the sites. The key () holds the
        energy itself.
    errors : mapping like `tensors`, optional
        Bounds of the errors of all tensors.

    Raises
    ------
    InputError
        If directions or tensors have a wrong shape, name sites that do not exist, are not finite
        or not symmetric in the components of a repeated site.
    """

    directions: np.ndarray
    tensors: Tensors
    errors: Tensors | None = None

    def __post_init__(self):
        if np.ndim(self.directions) != 2:
            raise InputError(
                "Argument `directions` must have shape (site, 3), but its shape is "
                f"{np.shape(self.directions)}. Give one record per reference state."
            )
        _checks.unit_vectors("directions", self.directions)
        if not self.tensors:
            raise InputError("Argument `tensors` must hold one derivative at least, but is empty.")
        _check_tensors("tensors", self.tensors, self.site_count)
        if self.errors is None:
            return
        _check_tensors("errors", self.errors, self.site_count)
        if set(self.errors) != set(self.tensors):
            raise InputError(
                "Argument `errors` must hold the sites of `tensors`, but it holds others. Leave "
                "it out if some errors are not known."
            )

    @property
    def site_count(self) -> int:
        """Number of spins."""
        return len(self.directions)

    @property
    def orders(self) -> tuple[int, ...]:
        """Orders of derivatives that are known."""
        return tuple(sorted({len(sites) for sites in self.tensors}))

    def up_to(self, order: int) -> "Derivatives":
        """Return the derivatives of this and lower orders."""
        return self.of([sites for sites in self.tensors if len(sites) <= order])

    def of(self, clusters: Sequence[Sequence[int]] | np.ndarray) -> "Derivatives":
        """Return the derivatives by some of the clusters of sites."""
        keys = [tuple(sorted(map(int, sites))) for sites in clusters]
        unknown = [sites for sites in keys if sites not in self.tensors]
        if unknown:
            raise InputError(
                f"Argument `clusters` must hold known derivatives, but that by the sites "
                f"{unknown[0]} is not known. Leave it out."
            )
        errors = None if self.errors is None else {k: self.errors[k] for k in keys}
        return Derivatives(self.directions, {k: self.tensors[k] for k in keys}, errors)

    @property
    def torque(self) -> Float[np.ndarray, "site 3"]:
        """Torque e x dE/de on every spin in eV; NaN where the first derivative is not known."""
        frame = np.asarray(tangent_frame(jnp.asarray(self.directions, float)))
        slopes = [self.tensors.get((site,), np.full(2, np.nan)) for site in range(self.site_count)]
        return np.cross(self.directions, np.einsum("ia,iax->ix", slopes, frame))

    @classmethod
    def from_hessian(
        cls,
        directions: Vectors,
        hessian: Float[ArrayLike, "site 2 site 2"],
        *,
        field: Vectors | None = None,
        error: Float[ArrayLike, "site 2 site 2"] | None = None,
    ) -> "Derivatives":
        """Return the record of a Hessian that has been computed elsewhere, in closed form say.

        Parameters
        ----------
        directions : real array, shape (site, 3)
        hessian : real array, shape (site, 2, site, 2)
            As of `msgreen.hessian` and `msgreen.closed_hessian`, in eV.
        field : real array, shape (site, 3), optional
            Tangential part of dE/de in eV, as of `msgreen.effective_field`.
        error : real array, shape (site, 2, site, 2), optional
            Of the Hessian; the field then counts as exact.
        """
        directions = np.asarray(directions, float)
        count = len(directions)
        shapes = {"hessian": (hessian, (count, 2, count, 2)), "error": (error, (count, 2) * 2)}
        shapes["field"] = (field, (count, 3))
        for name, (array, shape) in shapes.items():
            if array is not None and np.shape(array) != shape:
                raise InputError(
                    f"Argument `{name}` must have shape {shape} for {count} sites, but its shape "
                    f"is {np.shape(array)}."
                )
        pairs = list(combinations_with_replacement(range(count), 2))
        tensors = {(i, j): np.asarray(hessian)[i, :, j] for i, j in pairs}
        errors = None if error is None else {(i, j): np.asarray(error)[i, :, j] for i, j in pairs}
        if field is not None:
            frame = np.asarray(tangent_frame(jnp.asarray(directions)))
            slopes = np.einsum("iax,ix->ia", frame, np.asarray(field, float))
            tensors |= {(site,): slope for site, slope in enumerate(slopes)}
            if errors is not None:
                errors |= {(site,): np.zeros(2) for site in range(count)}
        return cls(directions, tensors, errors)

    @classmethod
    def from_components(
        cls,
        directions: Float[ArrayLike, "site 3"],
        values: Mapping[tuple[int, ...], float],
        errors: Mapping[tuple[int, ...], float] | None = None,
    ) -> "Derivatives":
        """Return the record of derivatives that are known one by one.

        Parameters
        ----------
        directions : real array, shape (site, 3)
        values : mapping of tuple of int to float
            In eV, by ascending numbers 2 * site + component; all components of a set of sites.
        errors : mapping like `values`, optional
        """
        keys = list(dict.fromkeys(tuple(v // 2 for v in variables) for variables in values))
        doubts = None if errors is None else {k: _filled(k, errors) for k in keys}
        return cls(np.asarray(directions), {k: _filled(k, values) for k in keys}, doubts)


def derivatives_at(
    energy: Energy,
    directions: Float[ArrayLike, "site 3"],
    order: int = 2,
    *,
    clusters: Sequence[Sequence[int]] | np.ndarray | None = None,
    coarser: Energy | None = None,
) -> Derivatives:
    """Return covariant derivatives of an energy at a reference state, by autodiff.

    Parameters
    ----------
    energy : callable
        Maps spins (site, 3) to an energy in eV; any function that JAX can differentiate, as
        ``LloydEnergy(...).energy`` or ``SpinModel(...).energy``.
    directions : real array, shape (site, 3)
        Unit vectors of the reference.
    order : int
        All derivatives from the first to this order; that of a few sites at every order.
    clusters : sequence of sequences of int, optional
        The sites of the derivatives that are wanted, instead of all: (0,) is a torque, (0, 1) a
        block of the Hessian, (0, 0, 1, 2) a contracted fourth derivative, () the energy.
    coarser : callable, optional
        The same energy by a coarser rule, on fewer energies say. The difference of its derivatives
        is taken as the error.

    Returns
    -------
    Derivatives

    Raises
    ------
    InputError
        If the directions are not unit vectors, or a site does not exist.

    Notes
    -----
    Only derivatives along single paths are taken, E(t v), all of them at once; a mixed derivative
    of order N is the sum over the subsets of its N components of (-1)^(N - size) times the
    coefficient of t^N along the sum v of the subset (polarisation).

    Examples
    --------
    >>> from msgreen.spinmodel import SpinModel, Term
    >>> from msgreen.spinmodel.fitting import derivatives_at
    >>> dimer = SpinModel([Term("exchange", [[0, 1]], [-0.010])])
    >>> found = derivatives_at(dimer.energy, [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    >>> found.tensors[0, 1].round(6).tolist(), found.tensors[0, 0].round(6).tolist()
    ([[-0.01, 0.0], [0.0, -0.01]], [[0.01, 0.0], [0.0, 0.01]])
    """
    require_x64("derivatives_at")
    _checks.unit_vectors("directions", directions)
    directions = np.asarray(directions, float)
    _checks.whole_number("order", order, 1)
    if clusters is None:
        clusters = [
            sites
            for n in range(1, order + 1)
            for sites in combinations_with_replacement(range(len(directions)), n)
        ]
    for sites in clusters:
        _checks.shaped("clusters", _checks.numbers("clusters", sites, "iu"), ("site",))
    keys = list(dict.fromkeys(tuple(sorted(map(int, sites))) for sites in clusters))
    _check_sites("clusters", keys, len(directions))
    scheme = polarisation(tuple(v for sites in keys for v in components(sites)), len(directions))
    found = [_differentiated(e, directions, scheme) for e in (energy, coarser) if e is not None]
    value, *other = (dict(zip(scheme.tuples, values, strict=True)) for values in found)
    errors = {k: abs(value[k] - other[0][k]) for k in value} if other else None
    return Derivatives.from_components(directions, value, errors)


class Polarisation(NamedTuple):
    """How mixed derivatives follow from derivatives along straight paths.

    Attributes
    ----------
    tuples : tuple of tuple of int
        The mixed derivatives: ascending numbers 2 * site + component.
    vectors : real array, shape (path, site, 2)
        Initial velocities of the paths.
    groups : tuple of (order, rows, paths, signs)
        The derivatives ``rows`` are sums over the last axis of signs times the coefficients of
        t^order along the paths (row, subset).
    """

    tuples: tuple[tuple[int, ...], ...]
    vectors: np.ndarray
    groups: tuple[tuple[int, np.ndarray, np.ndarray, np.ndarray], ...]

    @property
    def order(self) -> int:
        """Highest order."""
        return max(order for order, *_ in self.groups)

    def combined(self, coefficients: np.ndarray) -> np.ndarray:
        """Return mixed derivatives (..., tuple) from coefficients (..., path, power)."""
        result = np.zeros((*coefficients.shape[:-2], len(self.tuples)))
        for order, rows, paths, signs in self.groups:
            result[..., rows] = coefficients[..., order][..., paths] @ signs
        return result


def polarisation(tuples: tuple[tuple[int, ...], ...], site_count: int) -> Polarisation:
    """Return the paths that determine mixed derivatives, each path once."""
    numbers: dict[tuple[int, ...], int] = {}
    by_order: dict[int, list[int]] = {}
    for row, variables in enumerate(tuples):
        by_order.setdefault(len(variables), []).append(row)
    groups = []
    for order, rows in by_order.items():
        slots = [s for size in range(1, order + 1) for s in combinations(range(order), size)]
        slots = slots or [()]
        signs = np.array([(-1.0) ** (order - len(s)) for s in slots])
        paths = [
            [numbers.setdefault(tuple(tuples[row][m] for m in s), len(numbers)) for s in slots]
            for row in rows
        ]
        groups.append((order, np.array(rows), np.array(paths), signs))
    vectors = np.zeros((len(numbers), 2 * site_count))
    for variables, number in numbers.items():
        np.add.at(vectors[number], np.array(variables, int), 1.0)
    return Polarisation(tuples, vectors.reshape(-1, site_count, 2), tuple(groups))


def components(sites: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield the different components 2 * site + axis of a derivative by ascending sites."""
    every = product((0, 1), repeat=len(sites))
    named = (tuple(sorted(2 * s + a for s, a in zip(sites, axes, strict=True))) for axes in every)
    yield from dict.fromkeys(named)


def _filled(sites: tuple[int, ...], values: Mapping[tuple[int, ...], float]) -> np.ndarray:
    tensor = np.zeros((2,) * len(sites))
    for axes in product((0, 1), repeat=len(sites)):
        named = sorted(2 * s + a for s, a in zip(sites, axes, strict=True))
        tensor[axes] = values[tuple(named)]
    return tensor


def _differentiated(energy: Energy, directions: np.ndarray, scheme: Polarisation) -> np.ndarray:
    frame = np.asarray(tangent_frame(jnp.asarray(directions)))
    heading = np.einsum("pia,iax->pix", scheme.vectors, frame)
    speed = np.linalg.norm(scheme.vectors, axis=-1, keepdims=True)
    heading /= np.where(speed > 0, speed, 1.0)
    known = energy, jnp.asarray(directions), scheme.order
    found = map_items(_along, known, (heading, speed), 1, block_bytes=CONFIGURATIONS)
    return scheme.combined(np.asarray(found))


@eqx.filter_jit
def _along(known, *paths: Array) -> Array:
    """Taylor coefficients of the energy along geodesics, shape (path, order + 1)."""
    energy, directions, order = known

    def one(path):
        heading, speed = path

        def place(t):
            return [energy(jnp.cos(speed * t) * directions + jnp.sin(speed * t) * heading)]

        derivatives = place
        for _ in range(order):
            derivatives = _one_more(derivatives)
        found = derivatives(jnp.zeros(()))
        return jnp.stack([d / math.factorial(k) for k, d in enumerate(found)])

    return jax.lax.map(one, paths, batch_size=min(_BLOCK, len(paths[0])))


def _one_more(function):
    """Return a list of derivatives, each that of the one before, with one more of them."""

    def longer(t):
        found, slopes = jax.jvp(function, (t,), (jnp.ones(()),))
        return [*found, slopes[-1]]

    return longer


def _check_sites(name: str, keys: Sequence[tuple[int, ...]], count: int) -> None:
    for sites in keys:
        if any(not 0 <= s < count for s in sites):
            raise InputError(
                f"Argument `{name}` must name sites from 0 to {count - 1}, but it names {sites}. "
                "Count sites from 0."
            )
    if not keys:
        raise InputError(
            f"Argument `{name}` must hold one cluster at least, but it is empty. Name some sites."
        )


def _check_tensors(name: str, tensors: Tensors, count: int) -> None:
    _check_sites(name, list(tensors), count)
    for sites, tensor in tensors.items():
        if list(sites) != sorted(sites):
            raise InputError(
                f"Argument `{name}` must name the sites of a derivative in ascending order, but "
                f"it names {sites}. Sort them, and transpose the tensor."
            )
        if np.shape(tensor) != (2,) * len(sites):
            raise InputError(
                f"Argument `{name}` must hold an array of shape {(2,) * len(sites)} for the sites "
                f"{sites}, but its shape is {np.shape(tensor)}."
            )
        _checks.finite(name, tensor)
        worst = max(
            (
                np.abs(tensor - np.swapaxes(tensor, m, m + 1)).max()
                for m in range(len(sites) - 1)
                if sites[m] == sites[m + 1]
            ),
            default=0.0,
        )
        if worst > _ASYMMETRY * np.abs(tensor).max():
            raise InputError(
                f"Argument `{name}` must be symmetric in the components of a repeated site, but "
                f"for {sites} it is not, by {worst:.3g} eV. Take the symmetrised derivative."
            )
