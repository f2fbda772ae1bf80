"""``kind = "kkr"``: a cluster of atoms of a real material, from a folder of kkrflex files."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from msgreen.clusters import contracted_loops, loops
from msgreen.config.ordered import Model, matched_model
from msgreen.config.schema import (
    AbstractRun,
    AbstractTable,
    InputFile,
    Order,
    Outcome,
    Output,
    Positive,
)
from msgreen.convention import CONVENTIONS, convention
from msgreen.energy.lloyd import LloydEnergy
from msgreen.errors import InputError
from msgreen.exchange.ordered import (
    OrderScan,
    difference,
    dmi_vectors,
    order_scan,
    reference_interactions,
    transverse_exchange,
    with_differences,
)
from msgreen.hosts.kkr import ClusterOperation, KKRHost, cluster_operations
from msgreen.io.datasets import dataset_of
from msgreen.io.jukkr import FILES, Run, check_folder, read_folder, read_host
from msgreen.plot import cluster_distance_figure, dmi_figure, rotation_order_figure
from msgreen.scattering.interpolation import other_tmatrices
from msgreen.scattering.tmatrix import TMatrix
from msgreen.spinmodel import cluster_symmetry
from msgreen.spinmodel.interactions import Coefficient, Interactions
from msgreen.spinmodel.rows import Row
from msgreen.spinmodel.symmetry import Symmetry
from msgreen.units import MEV


class _Reference(NamedTuple):
    """Energy and moments of a run, and energies that interpolation of t allows as well."""

    lloyd: LloydEnergy
    moments: np.ndarray
    others: list[LloydEnergy]


SYMMETRIC = 1e-4
"""Residual of the Green function below which an operation counts as a symmetry."""

_MISSING = (
    "D vectors: one run gives their component along its moments (D_along). For whole vectors and "
    'dmi.png name runs with moments along other axes, moments = ["FOLDER", ...] in [host]; each '
    "needs its kkrflex_green and nonco_angle.dat"
)


def _as_input_folder(value, info: ValidationInfo):
    if not isinstance(value, str):
        return value
    path = Path((info.context or {}).get("folder", "."), value).resolve()
    if not path.is_dir():
        raise InputError(f"Argument `folder` must be an existing folder, but {path} is none.")
    return path


InputFolder = Annotated[Path, BeforeValidator(_as_input_folder)]
"""An existing folder; relative paths start at the folder of the configuration."""


class Host(AbstractTable):
    """``[host]``: where the kkrflex files are."""

    kind: Literal["kkr"]
    folder: InputFolder
    moments: list[InputFolder] = []
    derivative: Annotated[list[InputFile], Field(min_length=3, max_length=3)] | None = None
    lattice_constant: Positive | None = None
    degree: Annotated[int, Field(ge=1, le=6)] | None = None

    @model_validator(mode="after")
    def _fits_together(self):
        if self.derivative is not None and (self.moments or self.degree is not None):
            other = "moments" if self.moments else "degree"
            raise InputError(
                f"Argument `derivative` must not be given together with `{other}`, but both are. "
                "It is dt/de at the moments of `folder`: remove one of the two."
            )
        return self

    @model_validator(mode="after")
    def _is_complete(self):
        check_folder(self.folder, *FILES)
        for folder in self.moments:
            check_folder(folder, "kkrflex_green")
        return self


class Cluster(AbstractTable):
    """``[cluster]``: the loops that are wanted."""

    orders: Annotated[list[Order], Field(min_length=1)] = [2, 3, 4]
    contracted: list[Literal["biquadratic", "three_site"]] = ["biquadratic", "three_site"]
    cutoff: Positive | None = None
    convention: Literal["neutral", "L", "B", "O"] = "L"

    @model_validator(mode="after")
    def _has_meaning(self):
        names = {"biquadratic": 2, "three_site": 3}
        sites = {(order, order) for order in self.orders}
        for order, count in sites | {(4, names[kind]) for kind in self.contracted}:
            convention(self.convention).factor(order, count, [1])
        return self

    def loops(self, positions: np.ndarray) -> list[np.ndarray]:
        """Return the loops, one array for every kind that has some."""
        points = jnp.asarray(positions)
        found = [loops(points, order, cutoff=self.cutoff) for order in self.orders]
        found += [contracted_loops(points, kind, cutoff=self.cutoff) for kind in self.contracted]
        return [array for array in found if len(array)]


class Rotation(AbstractTable):
    """``[rotation]``: angles at which orders of scattering are compared with all orders."""

    angles: Annotated[list[Positive], Field(min_length=2)] = [5, 10, 15, 20, 30, 40, 50, 60, 75, 90]
    order: Annotated[int, Field(ge=1, le=12)] = 6


class KKRRun(AbstractRun):
    """The whole configuration."""

    host: Host
    cluster: Cluster = Cluster()
    rotation: Rotation = Rotation()
    model: Model = Model()
    output: Output = Output()

    def run(self, progress: bool) -> Outcome:
        """Compute the interactions of the cluster; see `AbstractRun.run`."""
        found = read_folder(
            self.host.folder,
            lattice_constant=self.host.lattice_constant,
            degree=self.host.degree,
            derivative=self.host.derivative,
        )
        clusters = self.cluster.loops(found.atoms.positions)
        if not clusters:
            raise InputError(
                "Argument `cluster` must contain at least one loop, but the folder's atoms have "
                "none within the bounds. Raise `cutoff`, or lower `orders`."
            )
        result = reference_interactions(
            found.host, found.scatterer, found.sites, clusters, progress=progress
        )
        references = _references(found, self.host.moments)
        lloyd = references[0].lloyd
        result = with_differences(
            result,
            [
                reference_interactions(found.host, t, found.sites, clusters)
                for t in _others(found, found.reference)
            ],
        )
        result, missing = _with_vectors(result, found, references)
        result = result.to(CONVENTIONS[self.cluster.convention])
        result = replace(result, positions=found.positions)
        scan = order_scan(
            lloyd, found.reference, np.radians(self.rotation.angles), self.rotation.order
        )
        figures = _figures(found, result, scan) if self.output.figures else {}
        coupled = found.spin_orbit
        model, about = matched_model(
            [(r.lloyd, r.moments) for r in references],
            found.positions,
            self.model,
            spin_orbit=coupled,
            others=[r.others for r in references],
            symmetry=_symmetry(found) if len(references) > 1 else None,
        )
        summary = [
            *_about(found),
            *str(result).splitlines(),
            *missing,
            *_about_orders(scan),
            *about,
        ]
        table = Row._fields, result.rows(), dataset_of(result)
        return Outcome(*table, figures, summary, model)


def _figures(found: Run, result: Interactions, scan: OrderScan) -> dict:
    known = found.positions is not None
    positions, unit = (found.positions, "Å") if known else (found.atoms.positions, "$a$")
    figures = {
        "distance": cluster_distance_figure(result, positions, unit),
        "rotation": rotation_order_figure(scan),
    }
    if any("D_vector" in terms.coefficients for terms in result.terms):
        figures["dmi"] = dmi_figure(result, positions, unit)
    return figures


def _references(found: Run, folders: list[Path]) -> list[_Reference]:
    """Energy and moments of the run and of those with other moments."""
    if folders and not found.spin_orbit:
        raise InputError(
            "Argument `moments` must go with spin-orbit coupling, but the run in `folder` has "
            "none, and its vectors D vanish. Remove `moments`."
        )
    references = [_reference(found, found.host, found.reference)]
    for folder in folders:
        host, moment = read_host(folder)
        if host.green.shape != found.host.green.shape:
            raise InputError(
                f"Argument `moments` must name runs of the same cluster, but {folder} holds a "
                f"Green function of shape {host.green.shape}."
            )
        moments = np.tile(moment, (host.count, 1))
        references.append(_reference(found, host, moments))
    return references


def _reference(found: Run, host: KKRHost, moments: np.ndarray) -> _Reference:
    known = found.scatterer.about(jnp.asarray(moments)), *_others(found, moments)
    lloyd, *others = (LloydEnergy(host, t, found.sites) for t in known)
    return _Reference(lloyd, moments, others)


def _others(found: Run, moments: np.ndarray) -> tuple[TMatrix, ...]:
    return () if found.interpolation is None else other_tmatrices(found.interpolation, moments)


def _with_vectors(
    result: Interactions, found: Run, references: list[_Reference]
) -> tuple[Interactions, list[str]]:
    """Add the whole vectors D of pairs where the runs determine them; else say what is missing."""
    pairs = next((terms for terms in result.terms if terms.kind == "pair"), None)
    if pairs is None and len(references) > 1:
        raise InputError(
            "Argument `moments` must go with pairs, but `orders` lacks 2. Add it, or remove "
            "`moments`."
        )
    if pairs is None or not found.spin_orbit:
        return result, []
    try:
        vectors = _vectors(found, pairs.loops, references)
    except InputError:
        if len(references) > 1:
            raise
        return result, [_MISSING]
    grown = replace(pairs, coefficients={**pairs.coefficients, "D_vector": vectors})
    return replace(result, terms=tuple(grown if t is pairs else t for t in result.terms)), []


def _vectors(found: Run, pairs: np.ndarray, references: list[_Reference]) -> Coefficient:
    """Whole vectors D from all runs and the symmetry of the cluster, in the neutral convention."""
    along, errors = [], []
    for lloyd, moments, others in references:
        exchange, error = transverse_exchange(lloyd, moments, pairs)
        twins = [np.asarray(transverse_exchange(e, moments, pairs).value.D) for e in others]
        along.append(-2 * np.asarray(exchange.D))
        errors.append(2 * (np.asarray(error.D) + difference(np.asarray(exchange.D), twins)))
    operations = [(operation.matrix, operation.images) for operation in _operations(found)]
    directions = np.stack([reference.moments[0] for reference in references])
    vectors = dmi_vectors(pairs, directions, np.stack(along), operations, errors=np.stack(errors))
    return Coefficient(vectors.value, vectors.error, ("xyz",), rotation=True)


def _operations(found: Run) -> list[ClusterOperation]:
    every = cluster_operations(found.host, found.atoms.positions, found.reference)
    return [operation for operation in every if operation.residual < SYMMETRIC]


def _symmetry(found: Run) -> Symmetry:
    """Return the symmetry of the crystal at the cluster, for what time reversal keeps."""
    return cluster_symmetry(found.atoms.positions, [o.matrix for o in _operations(found)])


def _about(found: Run) -> list[str]:
    lines = [f"{found.host.count} atoms, {len(found.contour.nodes)} energies, moments along "]
    lines[0] += "{:.3f} {:.3f} {:.3f}".format(*found.reference[0])
    if found.interpolation is not None:
        lines.append(
            f"t(e) interpolated with harmonics up to degree {found.scatterer.degree}; directions "
            f"left out are predicted to {np.max(found.interpolation.error):.1e} at worst"
        )
    elif found.spin_orbit:
        lines.append("dt/de as given; beyond it t(e) is linear, energies at large angles are rough")
    if found.spin_orbit:
        residual = float(np.max(found.scatterer.spin_splitting_residual()))
        lines.append(
            f"{residual:.1%} of dt/de is not rotation of spin; coefficients of up to four spins "
            "contain it, those of six do not"
        )
    known = np.isfinite(found.contour.embedded).all()
    what = "bound the quadrature over" if known else "of quadrature are unknown (nan) for the"
    count = len(found.contour.nodes)
    lines.append(f"errors {what} {count} energies of the files; that of k points is not known")
    if found.interpolation is not None:
        lines.append(
            "errors contain the interpolation of t(e): differences from fits with other harmonics"
        )
    return lines


def _about_orders(scan: OrderScan) -> list[str]:
    count = scan.orders.shape[1]
    lines = [f"Tilted moments: energy of all orders, what is beyond order {count}, radius of G dt"]
    for angle, orders, total, radius in zip(*scan, strict=True):
        rest = total - orders.sum()
        lines.append(
            f"{np.degrees(angle):8.1f} deg {total / MEV:14.6f} meV {rest / MEV:12.3e} meV "
            f"{radius:8.3f}"
        )
    return lines
