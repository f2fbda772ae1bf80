"""The result: interactions of clusters of any order, in a stated convention.

Two expansions are kept apart. About zero the coefficients multiply the spins S themselves; a set
with a `reference` e0 was computed in an ordered magnet, and its coefficients multiply the
deviations dS = e - e0 of the moments. A third kind are the derivatives under rotations of moments
of fixed length about e0, which single coefficients of such a set are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import equinox as eqx
import numpy as np
import xarray as xr

from msgreen import _checks
from msgreen._typing import Array, Float, Num
from msgreen.clusters import multiplicity
from msgreen.convention import NEUTRAL, SpinConvention
from msgreen.convention import convention as named_convention
from msgreen.errors import InputError
from msgreen.spinmodel.rows import Row, cluster_names, leg_names, printed, rows_of


class Coefficient(eqx.Module):
    """Values of a named coefficient of some clusters, and estimates of their numerical errors.

    Attributes
    ----------
    value, error : arrays, shape (cluster, ...)
        In eV; real, but for a value that phonons mediate at a complex energy.
    axes : tuple of str
        Names of the axes after the first: "leg" for one entry per leg of the loop, "xyz" for a
        Cartesian one.
    rotation : bool
        Whether it is a derivative under rotations of moments of fixed length about the reference
        of the set, and no coefficient of spins or of their deviations.
    """

    value: Num[Array | np.ndarray, "cluster ..."]
    error: Float[Array | np.ndarray, "cluster ..."]
    axes: tuple[str, ...] = eqx.field(static=True, default=())
    rotation: bool = eqx.field(static=True, default=False)

    def scaled(self, factor: np.ndarray) -> "Coefficient":
        """Return numpy copies with the numbers of every cluster multiplied by its factor."""
        value, error = np.asarray(self.value), np.asarray(self.error)
        column = factor.reshape(-1, *(1,) * (value.ndim - 1))
        # Adding zero turns -0.0 into 0.0.
        return Coefficient(column * value + 0.0, np.abs(column) * error, self.axes, self.rotation)


@dataclass(frozen=True)
class Terms:
    """Interactions of one kind: clusters of the same number of spins and of different sites.

    Attributes
    ----------
    loops : int array, shape (cluster, order)
        The sites of every cluster, in the order of the loop.
    coefficients : mapping of str to Coefficient
        Named coefficients; values have the cluster as first axis.
    tensor : Coefficient, optional
        The full tensor of every cluster, shape (cluster, 3, ..., 3), Cartesian axes in the
        order of the sites.
    """

    loops: np.ndarray
    coefficients: Mapping[str, Coefficient]
    tensor: Coefficient | None = None

    def __post_init__(self):
        ranked = np.sort(self.loops, axis=1)
        counts = 1 + np.count_nonzero(np.diff(ranked, axis=1), axis=1)
        if len(set(counts.tolist())) > 1:
            raise InputError(
                "Argument `loops` must hold clusters of the same number of different sites, but "
                f"it holds clusters of {sorted(set(counts.tolist()))} sites. Pass each kind as an "
                "array of its own."
            )

    @property
    def order(self) -> int:
        """Number of spins."""
        return self.loops.shape[1]

    @property
    def site_count(self) -> int:
        """Number of different sites of a cluster."""
        return len(set(self.loops[0].tolist())) if len(self.loops) else self.order

    @property
    def kind(self) -> str:
        """Name of the kind: field, pair, biquadratic, three_site, three_spin, four_site, ..."""
        names = {(1, 1): "field", (2, 2): "pair", (4, 2): "biquadratic", (4, 3): "three_site"}
        words = {3: "three_spin", 4: "four_site", 6: "six_site"}
        if self.site_count == self.order and self.order in words:
            return words[self.order]
        return names.get((self.order, self.site_count), f"spins{self.order}_sites{self.site_count}")

    def scaled(self, factor: np.ndarray) -> "Terms":
        """Return the terms with every cluster's numbers multiplied by its factor."""
        return replace(
            self,
            coefficients={name: c.scaled(factor) for name, c in self.coefficients.items()},
            tensor=None if self.tensor is None else self.tensor.scaled(factor),
        )


@dataclass(frozen=True)
class Interactions:
    """Magnetic interactions of all orders, with their convention and error estimates.

    Attributes
    ----------
    terms : tuple of Terms
        One entry per kind of cluster. Energies in eV.
    convention : SpinConvention
    positions : real array, shape (site, dim), optional
        In angstrom.
    source : mapping of str to str
        Where the numbers come from: host, parameters, program version.
    reference : real array, shape (site, 3), optional
        Directions e0 of the moments of the ordered state about which the set was computed; its
        coefficients then multiply dS = e - e0. None if they multiply the spins.

    Notes
    -----
    Signs and counts differ between papers and programs; `to` converts between them exactly.
    """

    terms: tuple[Terms, ...]
    convention: SpinConvention = NEUTRAL
    positions: np.ndarray | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    reference: np.ndarray | None = None

    def __post_init__(self):
        if self.reference is not None:
            _checks.unit_vectors("reference", self.reference)
        kinds = [terms.kind for terms in self.terms]
        if len(set(kinds)) < len(kinds):
            raise InputError(
                f"Argument `terms` must hold every kind of cluster once, but it holds {kinds}. "
                "Concatenate the clusters of one kind."
            )

    def __getitem__(self, kind: str) -> Terms:
        """Return the terms of one kind, such as "pair" or "four_site"."""
        for terms in self.terms:
            if terms.kind == kind:
                return terms
        raise InputError(
            f"Argument `kind` must be one of {', '.join(t.kind for t in self.terms)}, "
            f"but it is {kind!r}."
        )

    def to(self, convention: SpinConvention | str) -> "Interactions":
        """Return the same interactions in another convention, which may be given by its name."""
        wanted = named_convention(convention)
        converted = []
        for terms in self.terms:
            single = terms.order == 1
            counts = np.ones(len(terms.loops)) if single else multiplicity(terms.loops)
            shape = (terms.order, terms.site_count, counts)
            converted.append(terms.scaled(self.convention.factor(*shape) / wanted.factor(*shape)))
        return replace(self, terms=tuple(converted), convention=wanted)

    def energy(self, directions: np.ndarray) -> np.ndarray:
        """Return the energy of spin configurations from the full tensors, in eV.

        Parameters
        ----------
        directions : real array, shape (..., site, 3)
            Unit vectors e.

        Returns
        -------
        real array, shape (...)
            The tensors contracted with the spins e; of a set about a reference with the deviations
            e - e0. That is the part of the energy of the orders and clusters of the set; the
            single-site and odd orders, which an ordered magnet has, are in no such set.

        Raises
        ------
        InputError
            If a kind of term carries no tensor, or `directions` are no unit vectors.
        """
        _checks.unit_vectors("directions", directions)
        spins = np.asarray(directions, float)
        self._check_count(spins.shape)
        if self.reference is not None:
            spins = spins - self.reference
        total = np.zeros(spins.shape[:-2])
        for terms in self.to(NEUTRAL).terms:
            if terms.tensor is None:
                raise InputError(
                    f"Argument `self` must carry tensors, but the {terms.kind} terms have none. "
                    "Ask for them when computing the interactions (`tensors=True`)."
                )
            partial = np.broadcast_to(
                terms.tensor.value, (*spins.shape[:-2], *terms.tensor.value.shape)
            )
            for m in reversed(range(terms.order)):
                spin = spins[..., terms.loops[:, m], :]
                spin = spin.reshape(*spin.shape[:-1], *(1,) * m, 3)
                partial = np.sum(partial * spin, axis=-1)
            total = total + partial.sum(axis=-1)
        return total

    def _check_count(self, shape: tuple[int, ...]) -> None:
        named = [int(terms.loops.max()) + 1 for terms in self.terms if len(terms.loops)]
        least = max(named, default=0)
        exact = None if self.reference is None else len(self.reference)
        if len(shape) < 2 or shape[-2] < least or exact not in (None, shape[-2]):
            needed = f"at least {least}" if exact is None else exact
            raise InputError(
                "Argument `directions` must have shape (..., site, 3) with one vector for each of "
                f"{needed} sites, but its shape is {shape}. Pass all of them."
            )

    def rows(self, tensors: bool = False) -> list[Row]:
        """Return every number as a row: order, term, sites, component, value, error, unit."""
        return [row for terms in self.terms for row in self._rows(terms, tensors)]

    def _spins_of(self, coefficient: Coefficient) -> str:
        if coefficient.rotation:
            return "rotation"
        return "S" if self.reference is None else "dS"

    def to_xarray(self) -> xr.Dataset:
        """Return everything as a labelled dataset, ready for NetCDF.

        Of the convention it keeps all but whether it is complete, which `msgreen.io.dataset_of`
        adds so that the set can be read back.
        """
        data: dict = {}
        for terms in self.terms:
            cluster = terms.kind
            data[f"{cluster}_sites"] = ((cluster, f"{cluster}_site"), terms.loops)
            for name, c in _named(terms, tensors=True).items():
                dims = (cluster, *_dimensions(c.axes, terms))
                described = {"units": "eV", "spins": self._spins_of(c)}
                data[f"{cluster}_{name}"] = (dims, c.value, described)
                data[f"{cluster}_{name}_error"] = (dims, c.error, {"units": "eV"})
        if self.positions is not None:
            data["positions"] = (("site", "dim"), self.positions, {"units": "angstrom"})
        if self.reference is not None:
            data["reference"] = (("site", "xyz0"), np.asarray(self.reference))
        attributes = {
            "convention": self.convention.name,
            "sign": self.convention.sign,
            "ordered_sum": int(self.convention.ordered),
            "spin_length": self.convention.spin_length,
            **self.source,
        }
        weights = self.convention.weights
        if weights:
            attributes["weights_sites"] = np.array(list(weights))
            attributes["weights"] = np.array(list(weights.values()))
        return xr.Dataset(data, attrs=attributes)

    def __str__(self) -> str:
        sign = "+" if self.convention.sign > 0 else "-"
        counting = "ordered sets of sites" if self.convention.ordered else "unordered clusters"
        heading = [
            f"Interactions in meV, convention {self.convention.name} "
            f"(sign {sign}, sum over {counting})",
            *_about(self.reference),
        ]
        return printed(heading, ((terms.kind, self._rows(terms)) for terms in self.terms))

    def _rows(self, terms: Terms, tensors: bool = False) -> Iterator[Row]:
        for name, coefficient in _named(terms, tensors).items():
            yield from rows_of(
                terms.order,
                name,
                cluster_names(terms.loops),
                [_entries(axis, terms.loops) for axis in coefficient.axes],
                np.asarray(coefficient.value),
                np.asarray(coefficient.error),
                self.convention.name,
                self._spins_of(coefficient),
            )


def _about(reference: np.ndarray | None) -> list[str]:
    """Say in a table what the numbers of a set about a reference multiply."""
    if reference is None:
        return []
    return [
        "Coefficients of deviations dS = e - e0 of the moments from their reference, not of e;",
        "J, D_along, S, A, D_vector and R3 are derivatives under rotations about it.",
    ]


def _named(terms: Terms, tensors: bool) -> dict[str, Coefficient]:
    named = dict(terms.coefficients)
    if tensors and terms.tensor is not None:
        named["tensor"] = terms.tensor
    return named


def _entries(axis: str, loops: np.ndarray) -> str | np.ndarray:
    """Name the entries of an axis: Cartesian ones, or the legs "i>j" of every loop."""
    return axis if axis == "xyz" else np.array(leg_names(loops))


def _dimensions(axes: tuple[str, ...], terms: Terms) -> list[str]:
    names, cartesian = [], 0
    for axis in axes:
        if axis == "leg":
            names.append(f"{terms.kind}_leg")
        else:
            names.append(f"xyz{cartesian}")
            cartesian += 1
    return names
