"""The generalised spin model: energy, gradient and Hessian of any set of terms."""

from collections.abc import Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Bool, Float
from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spin.algebra import tangent_frame
from msgreen.spinmodel.forms import Spin, slot_gradient
from msgreen.spinmodel.rows import Row, printed
from msgreen.spinmodel.terms import Clusters, Term


class SpinModel(eqx.Module):
    """Classical spins of unit length on a finite cluster or on a lattice.

    Parameters
    ----------
    terms : sequence of Term
        Energies in eV; at most one term of each class.
    site_count : int, optional
        Number of sites (of a cell); by default that of the positions or the largest site named.
    lattice : Lattice, optional
        For a periodic model; its basis are the sites of the cell.
    positions : real array, shape (site, 2 or 3), optional
        In angstrom, for a finite cluster.
    symbols : sequence of str, optional
        Chemical symbols of the sites, for files and symmetry; the energy does not know them.

    Raises
    ------
    InputError
        If a term names a site or a dimension that the model does not have, or a class occurs twice.

    Notes
    -----
    Directions have the shape (..., site, 3) for a cluster and (..., n_1, ..., n_dim, site, 3) for
    a lattice: any box of cells, closed periodically. Every method accepts leading axes, is jitted
    and differentiable with respect to the directions and to the values of the terms.

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> from msgreen.spinmodel import SpinModel, Term
    >>> dimer = SpinModel([Term("exchange", [[0, 1]], [0.010])])
    >>> float(dimer.energy([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]))
    -0.01
    """

    terms: tuple[Term, ...]
    positions: Float[Array, "site dim"] | None
    site_count: int = eqx.field(static=True)
    lattice: Lattice | None = eqx.field(static=True)
    symbols: tuple[str, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        terms: Sequence[Term],
        *,
        site_count: int | None = None,
        lattice: Lattice | None = None,
        positions: Float[ArrayLike, "site dim"] | None = None,
        symbols: Sequence[str] | None = None,
    ):
        self.terms = tuple(terms)
        self.lattice = lattice
        self.symbols = None if symbols is None else tuple(map(str, symbols))
        if positions is not None:
            _checks.finite_array("positions", positions, ("site", 2), ("site", 3))
        self.positions = None if positions is None else jnp.asarray(positions, float)
        named = [0, *(int(t.clusters.sites.max()) + 1 for t in self.terms if len(t.clusters))]
        if site_count is None and lattice is not None:
            site_count = len(lattice.basis)
        if site_count is None:
            site_count = max(named) if self.positions is None else len(self.positions)
        self.site_count = site_count
        self._check(max(named))

    def _check(self, named: int) -> None:
        if self.lattice is not None and self.positions is not None:
            raise InputError(
                "Argument `positions` must be left out for a periodic model, but `lattice` has a "
                "basis already. Give the positions as the basis of the lattice."
            )
        basis = self.lattice and self.lattice.basis
        counts = {"positions": self.positions, "lattice": basis, "symbols": self.symbols}
        for name, sites in counts.items():
            if sites is not None and len(sites) != self.site_count:
                raise InputError(
                    f"Argument `{name}` must have {self.site_count} sites, but it has {len(sites)}."
                )
        if named > self.site_count:
            raise InputError(
                f"Argument `terms` must name the sites 0 to {self.site_count - 1}, but one names "
                f"site {named - 1}."
            )
        for term in self.terms:
            if term.dimension != self.dimension:
                raise InputError(
                    f"Argument `terms` must have cells of {self.dimension} integers like the "
                    f"lattice, but those of {term.name!r} have {term.dimension}."
                )
        names = [term.name for term in self.terms]
        if len(set(names)) < len(names):
            raise InputError(
                f"Argument `terms` must hold every class once, but it holds {names}. "
                "Concatenate the clusters of one class."
            )

    @property
    def dimension(self) -> int:
        """Number of lattice vectors; 0 for a finite cluster."""
        return 0 if self.lattice is None else self.lattice.dimension

    def __getitem__(self, name: str) -> Term:
        """Return the term of one class."""
        for term in self.terms:
            if term.name == name:
                return term
        raise InputError(
            f"Argument `name` must be one of {', '.join(t.name for t in self.terms)}, "
            f"but it is {name!r}. Choose one."
        )

    def without(self, *names: str) -> "SpinModel":
        """Return the model without the terms of the given classes."""
        return self.with_terms([self[n] for n in self.classes if n not in names])

    def with_terms(self, terms: Sequence[Term]) -> "SpinModel":
        """Return a model of the same sites with other terms."""
        return SpinModel(
            terms,
            site_count=self.site_count,
            lattice=self.lattice,
            positions=self.positions,
            symbols=self.symbols,
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of terms that the model holds."""
        return tuple(term.name for term in self.terms)

    @property
    def coupled(self) -> Bool[np.ndarray, " site"]:
        """Which sites a term names; all if there are no terms.

        The others are atoms without a moment: a spin there would feel nothing.
        """
        named = [term.clusters.sites.ravel() for term in self.terms if len(term.clusters)]
        sites = np.unique(np.concatenate(named)) if named else np.arange(self.site_count)
        return np.isin(np.arange(self.site_count), sites)

    def rows(self) -> list[Row]:
        """Return every number as a row: order, term, sites, component, value, error, unit."""
        return [row for term in self.terms for row in term.rows()]

    def __str__(self) -> str:
        where = f" per cell of a lattice in {self.dimension} dimensions" if self.dimension else ""
        heading = f"Spin model, energies in meV, every row once; sites{where}: {self.site_count}"
        return printed([heading], ((term.name, term.rows()) for term in self.terms))

    def energy(self, directions: Float[ArrayLike, "*box site 3"]) -> Float[Array, "..."]:
        """Return the energy in eV: of the cluster, or of all cells of the box.

        Parameters
        ----------
        directions : real array, shape (..., [cells,] site, 3)
            Vectors, normally of unit length; the polynomial is evaluated as it is.
        """
        return self.energy_and_gradient(directions)[0]

    def gradient(self, directions: Float[ArrayLike, "*box site 3"]) -> Float[Array, "*box site 3"]:
        """Return dE/dS in eV, the spins being free vectors."""
        return self.energy_and_gradient(directions)[1]

    def effective_field(
        self, directions: Float[ArrayLike, "*box site 3"]
    ) -> Float[Array, "*box site 3"]:
        """Return -dE/dS in eV, the field about which a spin precesses.

        `msgreen.effective_field` of the energy gives the constraining field: the tangential part
        of dE/dS.
        """
        return -self.gradient(directions)

    def energy_and_gradient(
        self, directions: Float[ArrayLike, "*box site 3"]
    ) -> tuple[Array, Array]:
        """Return `energy` and `gradient` at the cost of one of them."""
        _, energy, gradient = _evaluate(self, self._directions(directions))
        return energy, gradient

    def energy_by_class(self, directions: Float[ArrayLike, "*box site 3"]) -> dict[str, Array]:
        """Return the energy of every class of terms, in eV."""
        parts, *_ = _evaluate(self, self._directions(directions))
        return dict(zip(self.classes, parts, strict=True))

    def hessian(self, directions: Float[ArrayLike, "*batch site 3"]) -> Float[Array, "..."]:
        """Return the covariant Hessian on the sphere, in eV, of a finite cluster.

        Parameters
        ----------
        directions : real array, shape (..., site, 3)
            Unit vectors; they need not be stationary.

        Returns
        -------
        real array, shape (..., site, 2, site, 2)
            Second derivatives in the geodesic coordinates along
            `msgreen.spin.algebra.tangent_frame`.

        Raises
        ------
        InputError
            For a lattice: use `supercell` first.
        """
        if self.dimension:
            raise InputError(
                "Argument `self` must be a finite cluster, but the model is periodic. Take "
                "its `supercell` first."
            )
        _checks.unit_vectors("directions", directions)
        return _hessian(self, self._directions(directions))

    def supercell(self, shape: Sequence[int]) -> "SpinModel":
        """Return a periodic model as a finite cluster of cells, closed periodically.

        Parameters
        ----------
        shape : sequence of int
            Number of cells along every lattice vector. Site ``s`` of cell n gets the number
            ``ravel(n) * site_count + s``, as in ``directions.reshape(-1, 3)``.

        Raises
        ------
        InputError
            For a finite cluster, or if a cluster of sites would close on itself.
        """
        grown = magnetic_cell(self, shape)
        for term in self.terms:
            folded = Clusters(term.clusters.sites, term.clusters.cells % np.array(shape))
            row = folded.first_repeat() if term.spin_class.distinct else None
            if row is not None:
                raise InputError(
                    "Argument `shape` must be larger than the interactions reach, but in a box "
                    f"of {tuple(shape)} cells row {row} of {term.name!r} meets itself. Take more "
                    "cells."
                )
        terms = [
            Term(term.name, term.clusters.sites, term.values, errors=term.errors)
            for term in grown.terms
        ]
        basis = None if grown.lattice is None else grown.lattice.basis
        return SpinModel(terms, positions=basis, symbols=grown.symbols)

    def _directions(self, directions) -> Array:
        _checks.numbers("directions", directions, "biuf")
        directions = jnp.asarray(directions, float)
        axes = self.dimension + 2
        if directions.ndim < axes or directions.shape[-2:] != (self.site_count, 3):
            cells = "".join(f"n_{d + 1}, " for d in range(self.dimension))
            raise InputError(
                f"Argument `directions` must have shape (..., {cells}{self.site_count}, 3), but "
                f"its shape is {directions.shape}. Give a vector for every site."
            )
        _checks.finite("directions", directions)
        return directions


def magnetic_cell(model: SpinModel, shape: Sequence[int]) -> SpinModel:
    """Return the same lattice model with a cell of several cells.

    Parameters
    ----------
    model : SpinModel
        Of a lattice.
    shape : sequence of int
        Number of cells along every lattice vector.

    Returns
    -------
    SpinModel
        Site ``s`` of cell n of the shape is the new site ``ravel(n) * site_count + s``, as in
        ``directions.reshape(-1, 3)`` of a box.
    """
    _checks.box("shape", shape)
    if model.lattice is None or len(shape) != model.dimension:
        raise InputError(
            f"Argument `shape` must have {model.dimension} numbers, one per lattice vector, but it "
            f"is {tuple(shape)}. Give the model a lattice."
        )
    cells = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    cells = cells.reshape(-1, model.dimension)
    terms = []
    for term in model.terms:
        moved = term.clusters.cells[None] + cells[:, None, None]
        outer, inner = np.divmod(moved, np.array(shape))
        number = np.ravel_multi_index(tuple(np.moveaxis(inner, -1, 0)), tuple(shape))
        sites = number * model.site_count + term.clusters.sites
        copies = (len(cells), *(1,) * len(term.spin_class.shape))
        errors = None if term.errors is None else jnp.tile(term.errors, copies)
        width = sites.shape[-1]
        outer = outer.reshape(-1, width, model.dimension)
        values = jnp.tile(term.values, copies)
        terms.append(Term(term.name, sites.reshape(-1, width), values, outer, errors))
    vectors = model.lattice.vectors
    basis = model.lattice.box_positions(shape).reshape(-1, vectors.shape[1])
    grown = Lattice(np.array(shape)[:, None] * vectors, basis)
    symbols = None if model.symbols is None else model.symbols * len(cells)
    return SpinModel(terms, lattice=grown, symbols=symbols)


@eqx.filter_jit
def _evaluate(model: SpinModel, directions: Array) -> tuple[Array, Array, Array]:
    """Return the energy of every term, shape (term, ...), their sum and its gradient."""
    components = jnp.moveaxis(directions, (-1, -2), (0, 1))
    evaluated = _on_lattice if model.dimension else _on_cluster
    parts, gradient = evaluated(model, components)
    box = directions.shape[: directions.ndim - 2 - model.dimension]
    each = jnp.stack(parts) if parts else jnp.zeros((0, *box))
    return each, jnp.sum(each, axis=0), jnp.moveaxis(gradient, (0, 1), (-1, -2))


def _on_cluster(model: SpinModel, components: Array) -> tuple[list[Array], Array]:
    """Return energies and dE/dS, shape (3, site, ...), of a finite cluster: all rows at once."""
    total, parts = jnp.zeros_like(components), []
    for term in model.terms:
        sites = term.slots()[0].T
        values = jnp.moveaxis(term.values, 0, -1)
        values = values.reshape(*values.shape, *(1,) * (components.ndim - 2))
        spins = [tuple(jnp.take(components, at, axis=1, mode="clip")) for at in sites]
        energies, pullback = jax.vjp(partial(term.spin_class.form, values), spins)
        forces = jnp.stack([*map(jnp.stack, pullback(jnp.ones_like(energies))[0])], axis=1)
        total = total.at[:, sites].add(forces, mode="promise_in_bounds")
        parts.append(jnp.sum(energies, axis=0))
    return parts, total


def _on_lattice(model: SpinModel, components: Array) -> tuple[list[Array], Array]:
    """Return energies and dE/dS, shape (3, site, ..., cells), of a lattice.

    A term of order N is homogeneous of degree N in the spins, so that its energy is S . dE/dS / N
    (Euler): the gradient gives the energy for free.
    """
    total, parts = jnp.zeros_like(components), []
    cells = tuple(range(components.ndim - model.dimension, components.ndim))
    for term in model.terms:
        gradient = _lattice_gradient(term, components)
        along = jnp.sum(components * gradient, axis=(0, 1, *cells))
        parts.append(along / term.spin_class.order)
        total = total + gradient
    return parts, total


def _lattice_gradient(term: Term, components: Array) -> Array:
    """Return dE/dS of one term of a lattice, shape (3, site, ..., cells).

    One row after the other: the gradient at the home cell of each of its spins needs the other
    spins at their relative cells, which are windows of the periodically padded box. Nothing is
    scattered, and each row compiles to one loop over the box.
    """
    sites, cells = term.slots()
    order, dim = term.spin_class.order, term.dimension
    reach = np.abs(cells[:, :, None] - cells[:, None]).max(axis=(0, 1, 2), initial=0)
    lead, shape = components.ndim - dim, components.shape[2:]
    padding = [(0, 0)] * lead + [(int(r), int(r)) for r in reach]
    padded = tuple(jnp.pad(components, padding, mode="wrap"))
    origins = cells[:, None] - cells[:, :, None] + reach  # (row, home, slot, dim)

    def window(site, origin) -> Spin:
        # None is negative, which would take most of the time of compiling to find out.
        at = [site, *[0] * (lead - 2), *origin]
        cut = partial(jax.lax.dynamic_slice, allow_negative_indices=False)
        x, y, z = (cut(component, at, (1, *shape))[0] for component in padded)
        return x, y, z

    def add_row(gradient, row):
        site, origin, value = row
        for home in range(order):
            spins = [window(site[m], origin[home, m]) for m in range(order)]
            force = slot_gradient(term.spin_class.form, value, spins, home)
            gradient = tuple(
                total.at[site[home]].add(part) for total, part in zip(gradient, force, strict=True)
            )
        return gradient, None

    start = tuple(jnp.zeros_like(components))
    rows = (jnp.asarray(sites), jnp.asarray(origins), term.values)
    return jnp.stack(jax.lax.scan(add_row, start, rows)[0])


@eqx.filter_jit
def _hessian(model: SpinModel, directions: Array) -> Array:
    """Return u_a . (d^2E/dS dS') . u_b - delta (S . dE/dS) in the tangent frames.

    The second term is the curvature of the sphere: along a geodesic the spin accelerates by -S.
    """

    def gradient(spins):
        return _evaluate(model, spins)[2]

    def one(spins):
        frame = tangent_frame(spins)
        free = jnp.einsum("iax,ixjy,jby->iajb", frame, jax.jacfwd(gradient)(spins), frame)
        along = jnp.sum(spins * gradient(spins), axis=-1)
        return free - jnp.einsum("i,ij,ab->iajb", along, jnp.eye(len(spins)), jnp.eye(2))

    batch = directions.shape[:-2]
    blocks = jax.vmap(one)(directions.reshape(-1, *directions.shape[-2:]))
    return blocks.reshape(*batch, *blocks.shape[1:])
