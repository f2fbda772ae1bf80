"""Terms of the generalised spin model: clusters of sites and the parameters of one class."""

from collections.abc import Iterator
from functools import cached_property, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Float, Int
from msgreen.convention import NEUTRAL
from msgreen.errors import InputError
from msgreen.spinmodel.forms import CLASSES, SpinClass
from msgreen.spinmodel.rows import Row, cluster_names, rows_of


class Clusters:
    """The sites of the clusters of one term, a constant that JAX can compare.

    Attributes
    ----------
    sites : int array, shape (cluster, site)
        Numbers of the sites in their cell.
    cells : int array, shape (cluster, site, dim)
        Lattice vectors of their cells; `dim` is 0 for a finite cluster.
    """

    def __init__(self, sites: np.ndarray, cells: np.ndarray):
        self.sites, self.cells = sites, cells
        sites.setflags(write=False)
        cells.setflags(write=False)

    @cached_property
    def _key(self):
        return (self.cells.shape, self.sites.tobytes(), self.cells.tobytes())

    def __hash__(self):
        return hash(self._key)

    def __eq__(self, other):
        return isinstance(other, Clusters) and self._key == other._key

    def __len__(self):
        return len(self.sites)

    def first_repeat(self) -> int | None:
        """Return the first row that names a site twice, None if there is none."""
        named = np.concatenate([self.sites[..., None], self.cells], axis=-1)
        equal = np.all(named[:, :, None] == named[:, None], axis=-1)
        rows = np.flatnonzero(equal.sum(axis=(1, 2)) > named.shape[1])
        return int(rows[0]) if len(rows) else None


class Term(eqx.Module):
    """All interactions of one class, counted once per row (and per cell of a lattice).

    Parameters
    ----------
    name : str
        Class of the term, a key of `CLASSES`.
    sites : int array, shape (cluster, site)
        Sites of every cluster in the order of the class: the second site of "three_site" is the
        one that occurs twice; the cross product of chiral terms is that of the first two sites.
    values : real array, shape (cluster, ...)
        Parameters in eV: numbers, vectors or tensors by class.
    cells : int array, shape (cluster, site, dim), optional
        Lattice vectors of the sites; by default a finite cluster.
    errors : real array, shape of `values`, optional
        How wrong the values may be, in eV: infinite for a value that is not determined, NaN for
        one of unknown error. By default nothing is known.

    Raises
    ------
    InputError
        If the class is unknown or the shapes do not fit it.

    Notes
    -----
    With unit vectors S and plus signs, the energy of one row is v (S_i.S_j) for "exchange",
    v.(S_i x S_j) for "dzyaloshinskii_moriya", v (S_i.S_j)^2 for "biquadratic",
    v (S_i.S_j)(S_j.S_k) for "three_site", v.(S_i x S_j)(S_j.S_k) for "chiral_three_site",
    v.(S_i x S_j)(S_k.S_l) for "chiral_four_site" and so on; -v.S_i for "field".

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Eqs. 1-16.
    """

    values: Float[Array, "cluster ..."]
    errors: Float[Array, "cluster ..."] | None
    name: str = eqx.field(static=True)
    clusters: Clusters = eqx.field(static=True)

    def __init__(
        self,
        name: str,
        sites: Int[ArrayLike, "cluster site"],
        values: ArrayLike,
        cells: Int[ArrayLike, "cluster site dim"] | None = None,
        errors: ArrayLike | None = None,
    ):
        require_x64("Term")
        _checks.one_of("name", name, CLASSES)
        spin_class = CLASSES[name]
        _checks.numbers("values", values)
        sites = _checked_sites(sites, spin_class.site_count)
        cells = np.zeros((*sites.shape, 0), np.int64) if cells is None else np.array(cells)
        values = jnp.asarray(values, float)
        _check(name, spin_class, sites, cells, values)
        self.name, self.values = name, values
        self.errors = None if errors is None else _checked_errors(errors, values)
        self.clusters = Clusters(sites, cells.astype(np.int64))
        row = self.clusters.first_repeat() if spin_class.distinct else None
        if row is not None:
            raise InputError(
                f"Argument `sites` must hold different sites in every {name!r} cluster, but "
                f"row {row} repeats one: {sites[row].tolist()}. Use the class of fewer sites."
            )

    @property
    def spin_class(self) -> SpinClass:
        """Form, slots and symbol of the class."""
        return CLASSES[self.name]

    @property
    def dimension(self) -> int:
        """Number of lattice vectors; 0 for a finite cluster."""
        return self.clusters.cells.shape[-1]

    def slots(self) -> tuple[np.ndarray, np.ndarray]:
        """Return site (cluster, order) and cell (cluster, order, dim) of every spin."""
        letters = self.spin_class.slots
        index = [sorted(set(letters)).index(letter) for letter in letters]
        return self.clusters.sites[:, index], self.clusters.cells[:, index]

    def tensor(self) -> Float[Array, "cluster ..."]:
        """Return every row as a Cartesian tensor, one axis per spin, in the order of the slots."""
        return _tensors(self.spin_class, self.values)

    def rows(self) -> Iterator[Row]:
        """Yield every number as a row of a table."""
        clusters = cluster_names(self.clusters.sites, self.clusters.cells)
        axes = ["xyz"] * len(self.spin_class.shape)
        values = np.asarray(self.values)
        errors = None if self.errors is None else np.asarray(self.errors)
        order = self.spin_class.order
        yield from rows_of(order, self.name, clusters, axes, values, errors, NEUTRAL.name, "S")

    def patterns(self) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
        """Yield the ways in which the sites of the spins coincide, and the rows of each.

        A pattern numbers the different sites in the order of the spins: (0, 1, 0, 1) for a
        biquadratic term.
        """
        sites, cells = self.slots()
        labels = np.concatenate([sites[..., None], cells], axis=-1)
        groups: dict[tuple[int, ...], list[int]] = {}
        for row, cluster in enumerate(labels.tolist()):
            names: dict[tuple[int, ...], int] = {}
            pattern = tuple(names.setdefault(tuple(label), len(names)) for label in cluster)
            groups.setdefault(pattern, []).append(row)
        for pattern, rows in groups.items():
            yield pattern, np.array(rows)


@partial(jax.jit, static_argnums=0)
def _tensors(spin_class: SpinClass, values: Array) -> Array:
    order, form = spin_class.order, spin_class.form
    grid = np.indices((3,) * order)
    spins = [(1.0 * (g == 0), 1.0 * (g == 1), 1.0 * (g == 2)) for g in grid]
    return jax.vmap(lambda value: form(value, spins) + jnp.zeros((3,) * order))(values)


def _checked_errors(errors: ArrayLike, values: Array) -> Array:
    errors = jnp.asarray(errors, float)
    if errors.shape != values.shape:
        raise InputError(
            f"Argument `errors` must have the shape {values.shape} of `values`, but its shape is "
            f"{errors.shape}. Give one error for every value."
        )
    known = _checks.concrete(errors)
    if known is not None and np.any(known < 0):
        raise InputError(
            f"Argument `errors` must not be negative, but it holds {np.nanmin(known)}. Pass "
            "absolute errors in eV."
        )
    return errors


def _checked_sites(sites, count: int) -> np.ndarray:
    """Return `sites` with shape (cluster, site); one cluster may come as one row."""
    _checks.finite("sites", sites)
    if not np.array_equal(sites, np.round(sites)):
        raise InputError(
            "Argument `sites` must hold integers, but it holds other numbers. Count sites from 0."
        )
    array = np.atleast_2d(np.array(sites, dtype=np.int64))
    array = array.reshape(-1, count) if array.size == 0 else array
    if count == 1 and np.ndim(sites) == 1:
        array = array.T
    _checks.shaped("sites", array, ("cluster", count))
    return array


def _check(name, spin_class: SpinClass, sites, cells, values) -> None:
    if values.shape != (len(sites), *spin_class.shape):
        raise InputError(
            f"Argument `values` must have shape {(len(sites), *spin_class.shape)} for the class "
            f"{name!r} and {len(sites)} clusters, but its shape is {values.shape}. Give "
            "one per cluster."
        )
    _checks.finite("values", values)
    if cells.shape[:-1] != sites.shape or cells.ndim != 3:
        raise InputError(
            f"Argument `cells` must have shape {(*sites.shape, 'dim')} like `sites`, but its shape "
            f"is {cells.shape}. Give one lattice vector per site."
        )
    if not np.array_equal(cells, np.round(cells)):
        raise InputError(
            "Argument `cells` must hold integers, but it holds other numbers. Count "
            "lattice vectors."
        )
    if np.any(sites < 0):
        raise InputError(
            f"Argument `sites` must not be negative, but it holds {sites.min()}. Count from 0."
        )
