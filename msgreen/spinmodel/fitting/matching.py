"""Spin models whose derivatives at reference states are those of an energy.

About an ordered state the coefficients of an expansion in deviations of the spins are not those of
a spin model: covariant derivatives of many orders mix in them. The model of chosen classes is the
one whose own covariant derivatives at the same states are equal to those of the energy. They are
linear in its values: one linear least-squares problem for all orders and all states.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import factorial, prod

import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen.errors import InputError
from msgreen.spin.algebra import tangent_frame
from msgreen.spinmodel.fitting.design import Free, free_values, labels, unit_tensors
from msgreen.spinmodel.fitting.least_squares import solve
from msgreen.spinmodel.fitting.matching_derivatives import (
    Derivatives,
    Polarisation,
    components,
    polarisation,
)
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.symmetry.operations import Symmetry
from msgreen.spinmodel.terms import Term
from msgreen.units import MEV

_BLOCK_NUMBERS = 2**22
"""Numbers in the products of spins that are held at once."""


@dataclass(frozen=True)
class MatchResult:
    """A spin model matched to derivatives, and what is to be thought of it.

    Attributes
    ----------
    model : SpinModel
        Of all models that match equally well, the shortest. The errors of its terms are what those
        of the derivatives can change of the values at most: infinite where the references do not
        determine the value, NaN if a reference has no errors.
    offset : float
        Energy of the model's zero in eV, if the references hold energies; NaN otherwise.
    free : mapping of str to real array, shape (free, cluster, ...)
        Values that one unit of each free parameter stands for, by class.
    rank : int
        Number of independent parameters that the references determine.
    surplus : int
        Number of different derivatives minus `rank`.
    condition : float
        Ratio of the largest singular value to the smallest that is not zero.
    ambiguities : tuple of mapping
        Combinations of free parameters that no reference sees: label and coefficient.
    largest, misfit : mapping of int to float
        Largest derivative of every order, and largest difference from that of the model, in eV.
    torques : tuple of real arrays, shape (site, 3)
        Torque on every spin at every reference, in eV.
    """

    model: SpinModel
    offset: float
    free: Mapping[str, np.ndarray]
    rank: int
    surplus: int
    condition: float
    ambiguities: tuple[Mapping[str, float], ...]
    largest: Mapping[int, float]
    misfit: Mapping[int, float]
    torques: tuple[np.ndarray, ...]

    def __str__(self) -> str:
        torque = max(float(np.abs(t).max()) for t in self.torques)
        lines = [
            f"{self.rank} independent parameters from {self.rank + self.surplus} derivatives of "
            f"{len(self.torques)} references, condition {self.condition:.3g}, "
            f"{len(self.ambiguities)} ambiguous",
            f"largest torque of a reference: {torque / MEV:.4g} meV",
            f"{'order':<8}{'largest derivative':>20}{'misfit':>14}  meV",
        ]
        for order, largest in self.largest.items():
            lines.append(f"{order:<8}{largest / MEV:>20.6g}{self.misfit[order] / MEV:>14.2g}")
        return "\n".join(lines)


def match_derivatives(
    template: SpinModel,
    references: Sequence[Derivatives],
    *,
    symmetry: Symmetry | None = None,
    units: Mapping[str, np.ndarray] | None = None,
    own: Sequence[str] = (),
    angle: float = 0.3,
    strict: bool = False,
) -> MatchResult:
    """Return the spin model whose derivatives at reference states are given ones.

    Parameters
    ----------
    template : SpinModel
        Its classes and clusters, of a finite cluster; its values are not used. See
        `all_clusters`.
    references : sequence of Derivatives
        Of the same energy at one or several states. With energies among them, these are matched
        up to a constant.
    symmetry : Symmetry, optional
        Only values that it allows are matched.
    units : mapping of str to real array, shape (free, ...), optional
        Values that every cluster of a class can have, one for each free parameter, by class; by
        default all. Not together with `symmetry`.
    own : sequence of str
        Classes of which every reference has values of its own: those of surroundings that turn
        with it, which need not have the symmetry. The model has those of the first.
    angle : float
        Tilt in radians of which the model should be right. A derivative counts by its energy at
        this tilt, angle^N / N!, so that low orders are matched best if a model cannot match all
        of them. Models that can do not depend on it, but for what is ambiguous.
    strict : bool
        Whether to refuse a template with values that the references do not determine.

    Returns
    -------
    MatchResult

    Raises
    ------
    InputError
        If there are no references, or they have other sites than the template, or the template is
        periodic, or both `units` and `symmetry` are given; for a strict match also if anything is
        ambiguous.

    Notes
    -----
    At one collinear state two orders determine J, the component of D along the moments, and the
    anisotropies S and A across them (Liechtenstein et al.); three states with different axes
    determine all of D and of the anisotropies. Fourth order adds biquadratic, three-site and
    four-site interactions.

    References
    ----------
    Liechtenstein et al., J. Magn. Magn. Mater. 67, 65 (1987).

    Examples
    --------
    >>> from msgreen.spinmodel import SpinModel, Term
    >>> from msgreen.spinmodel.fitting import all_clusters, derivatives_at
    >>> dimer = SpinModel([Term("dzyaloshinskii_moriya", [[0, 1]], [[0.001, 0.0, 0.002]])])
    >>> up = [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    >>> along_z = derivatives_at(dimer.energy, up, clusters=[[0, 1]])
    >>> found = match_derivatives(all_clusters(2, ["dzyaloshinskii_moriya"]), [along_z])
    >>> found.model["dzyaloshinskii_moriya"].values.round(6).tolist()
    [[0.0, 0.0, 0.002]]
    >>> [list(combination) for combination in found.ambiguities]
    [['dzyaloshinskii_moriya 0-1 x'], ['dzyaloshinskii_moriya 0-1 y']]
    """
    _check(template, references)
    _checks.positive("angle", angle, "radians")
    if units and symmetry is not None:
        raise InputError(
            "Argument `units` must not be given together with `symmetry`, but both are. Leave one "
            "of them out."
        )
    free = [
        free_values(term, None if term.name in own else symmetry, (units or {}).get(term.name))
        for term in template.terms
    ]
    offset = any(() in r.tensors for r in references)
    matrices, *parts = zip(*(_equations(free, r, angle) for r in references), strict=True)
    data, errors, weights, orders = (np.concatenate(p) for p in parts)
    matrix, names = _joined(matrices, free, own)
    if offset:
        matrix = np.concatenate([matrix, (orders == 0)[:, None]], axis=1)
        names = [*names, "offset"]
    solution = solve(weights[:, None] * matrix, weights * data, names, surplus=False)
    if strict and solution.ambiguities:
        raise InputError(_undetermined(solution.ambiguities))
    start, terms = 0, []
    for term, basis in free:
        values = np.tensordot(solution.parameters[start : start + len(basis)], basis, axes=1)
        bounds = solution.bounds(basis, start, weights * errors)
        terms.append(Term(term.name, term.clusters.sites, values, term.clusters.cells, bounds))
        start += len(basis)
    missed = np.abs(data - matrix @ solution.parameters)
    by_order = {int(n): orders == n for n in np.unique(orders)}
    return MatchResult(
        template.with_terms(terms),
        float(solution.parameters[-1]) if offset else float("nan"),
        {term.name: basis for term, basis in free},
        solution.rank,
        len(data) - solution.rank,
        solution.condition,
        solution.ambiguities,
        {n: float(np.abs(data[rows]).max()) for n, rows in by_order.items()},
        {n: float(missed[rows].max()) for n, rows in by_order.items()},
        tuple(r.torque for r in references),
    )


def _check(template: SpinModel, references: Sequence[Derivatives]) -> None:
    if not len(references):
        raise InputError(
            "Argument `references` must hold the derivatives at one state at least, but it is "
            "empty. Make them with `derivatives_at`."
        )
    if template.dimension:
        raise InputError(
            "Argument `template` must be a finite cluster, but it is periodic. Take its "
            "`supercell`."
        )
    for reference in references:
        if reference.site_count != template.site_count:
            raise InputError(
                f"Argument `references` must have {template.site_count} sites like the template, "
                f"but one has {reference.site_count}. Give `site_count` for sites without terms."
            )


def _undetermined(ambiguities) -> str:
    named = ["; ".join(f"{x:+.3g} {name}" for name, x in row.items()) for row in ambiguities[:5]]
    more = f" and {len(ambiguities) - 5} more" if len(ambiguities) > 5 else ""
    return (
        "Argument `references` must determine every value of the template, but they leave open: "
        + ", ".join(f"({row})" for row in named)
        + f"{more}. Add references with other directions or of higher order, take the classes out, "
        "or use a symmetry."
    )


def _equations(free: list[Free], reference: Derivatives, angle: float):
    """Return matrix (data, free), data, errors, weights and orders of one reference."""
    row_of, data, errors, weights = {}, [], [], []
    for sites, tensor in reference.tensors.items():
        doubt = np.full_like(tensor, np.nan, float)
        if reference.errors is not None:
            doubt = reference.errors[sites]
        for variables in components(sites):
            axes = tuple(v % 2 for v in variables)
            row_of[variables] = len(data)
            data.append(np.asarray(tensor)[axes])
            errors.append(np.asarray(doubt)[axes])
            repeats = prod(factorial(variables.count(v)) for v in set(variables))
            weights.append(angle ** len(variables) / repeats)
    matrix = np.zeros((len(data), sum(len(f.basis) for f in free)))
    start = 0
    for part in free:
        stop = start + len(part.basis)
        _add_columns(matrix[:, start:stop], part, reference, row_of)
        start = stop
    orders = np.array([len(variables) for variables in row_of])
    return matrix, np.array(data), np.array(errors), np.array(weights), orders


def _joined(matrices, free: list[Free], own: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Put the equations of all references below each other, and name the parameters."""
    alone = np.repeat([f.term.name in own for f in free], [len(f.basis) for f in free])
    names = labels(free)
    special = [name for name, separate in zip(names, alone, strict=True) if separate]
    first, *others = matrices
    matrix = np.concatenate([first, *(np.where(alone, 0.0, other) for other in others)])
    start = len(first)
    for number, other in enumerate(others, start=1):
        columns = np.zeros((len(matrix), len(special)))
        columns[start : start + len(other)] = other[:, alone]
        matrix = np.concatenate([matrix, columns], axis=1)
        names += [f"{name} of reference {number}" for name in special]
        start += len(other)
    return matrix, names


def _add_columns(matrix: np.ndarray, free: Free, reference: Derivatives, row_of) -> None:
    """Add the derivatives of unit parameters of one class of terms to the columns of a matrix."""
    units = unit_tensors(free.term.name)
    values = free.basis.reshape(len(free.basis), len(free.term.clusters), len(units))
    slots, _ = free.term.slots()
    for pattern, rows in free.term.patterns():
        home = [pattern.index(letter) for letter in range(max(pattern) + 1)]
        sites = slots[rows][:, home]
        every = (
            variables
            for order in reference.orders
            for variables in combinations_with_replacement(range(2 * len(home)), order)
        )
        scheme = polarisation(tuple(every), len(home))
        flat = units.reshape(len(units), -1)
        size = max(1, _BLOCK_NUMBERS // (flat.shape[1] * len(scheme.vectors) * (scheme.order + 1)))
        for first in range(0, len(rows), size):
            some = slice(first, first + size)
            products = _products(pattern, sites[some], reference.directions, scheme)
            found = np.einsum("us,sct->uct", flat, products)
            for row, local, unit in zip(
                rows[some], sites[some], np.moveaxis(found, 1, 0), strict=True
            ):
                _scatter(matrix, values[:, row], local, unit, scheme.tuples, row_of)


def _scatter(matrix, values, sites, derivatives, tuples, row_of) -> None:
    """Add values (free, unit) times derivatives (unit, tuple) where the data has the tuple."""
    active = np.nonzero(values.any(axis=1))[0]
    named = (tuple(sorted(2 * int(sites[v // 2]) + v % 2 for v in t)) for t in tuples)
    rows = np.array([row_of.get(name, -1) for name in named])
    known = rows >= 0
    added = values[active] @ derivatives[:, known]
    matrix[np.ix_(rows[known], active)] += added.T


def _products(pattern, sites, directions, scheme: Polarisation) -> np.ndarray:
    """Return mixed derivatives of all products of spin components, (3^slot, cluster, tuple).

    Spins are power series in the length of the path; their product is one as well.
    """
    series = _spins(sites, directions, scheme)
    powers = series.shape[-1]
    total = np.ones((1, *series.shape[2:]))
    total[..., 1:] = 0
    for letter in pattern:
        spin = series[letter]
        grown = np.zeros((len(total), 3, *total.shape[1:]))
        for k in range(powers):
            grown[..., k:] += total[:, None, ..., : powers - k] * spin[None, ..., k, None]
        total = grown.reshape(-1, *total.shape[1:])
    return scheme.combined(total)


def _spins(sites, directions, scheme: Polarisation) -> np.ndarray:
    """Return spins on geodesics as power series, shape (letter, 3, cluster, path, power)."""
    directions = np.asarray(directions, float)
    frame = np.asarray(tangent_frame(jnp.asarray(directions)))
    heading = np.einsum("pla,clax->lxcp", scheme.vectors, frame[sites])
    resting = np.moveaxis(directions[sites], (1, 2), (0, 1))[..., None]
    speed = np.linalg.norm(scheme.vectors, axis=-1).T[:, None, None]
    powers = [
        (-1.0) ** (k // 2) / factorial(k) * speed ** (k - k % 2) * (heading if k % 2 else resting)
        for k in range(scheme.order + 1)
    ]
    return np.stack(powers, axis=-1)
