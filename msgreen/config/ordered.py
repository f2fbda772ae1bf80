"""The spin model of a run on an ordered magnet: what is asked for, and what is said about it."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from msgreen.config.schema import AbstractTable
from msgreen.energy.lloyd import LloydEnergy
from msgreen.errors import InputError
from msgreen.exchange.matched import FIELDS, ordered_model
from msgreen.spinmodel import CLASSES, SpinModel
from msgreen.spinmodel.fitting import MatchResult, tilt_errors
from msgreen.spinmodel.symmetry import Symmetry
from msgreen.units import MEV

TILTS = (5.0, 10.0, 20.0, 40.0)
"""Degrees at which matched spin models are compared with the energy of all orders."""

LARGEST = 6
"""Moments up to which four spins are matched unasked: 7 s for five, 13 s for six, 34 s for seven.

With spin-orbit coupling, on two busy cores.
"""


def _as_class(name: str) -> str:
    if name not in CLASSES:
        raise InputError(
            f"Argument `classes` must hold some of {', '.join(CLASSES)}, but it holds {name!r}."
        )
    return name


SpinClassName = Annotated[str, AfterValidator(_as_class)]
"""A class of terms of the spin model, a key of `CLASSES`."""


class Model(AbstractTable):
    """``[model]``: the spin model that is matched to the derivatives at the reference."""

    order: Literal[2, 4] = 2
    classes: Annotated[list[SpinClassName], Field(min_length=1)] | None = None


def matched_model(
    references: Sequence[tuple[LloydEnergy, np.ndarray]],
    positions: np.ndarray | None,
    table: Model,
    *,
    spin_orbit: bool,
    others: Sequence[Sequence[LloydEnergy]] = (),
    symmetry: Symmetry | None = None,
) -> tuple[SpinModel, list[str]]:
    """Return the model that `table` asks for, and lines on how wrong two and four orders are.

    Parameters
    ----------
    references : sequence of (LloydEnergy, directions)
        As of `msgreen.exchange.matched.ordered_model`.
    positions : real array, shape (site, dim), optional
        In angstrom.
    table : Model
    spin_orbit : bool
    others : sequence of sequence of LloydEnergy, optional
        For every reference, energies that may be as right; see `ordered_model`.
    symmetry : Symmetry, optional
        Of the cluster.
    """
    lloyd, moments = references[0]
    orders = (2, 4) if table.order == 4 or lloyd.count <= LARGEST else (2,)
    found = {
        order: ordered_model(
            references,
            positions,
            spin_orbit=spin_orbit,
            order=order,
            classes=table.classes if order == table.order else None,
            others=others,
            symmetry=symmetry,
        )
        for order in orders
    }
    lines = [_about(order, result) for order, result in found.items()]
    chosen = found[table.order].model
    if any(name in FIELDS for name in chosen.classes):
        lines.append("Fields are those of the surroundings, whose moments stay along e0")
    if found[table.order].ambiguities:
        lines.append(
            "What no reference sees is zero in model.json, its errors undetermined: no prediction"
        )
    return chosen, [*lines, *_about_tilts(found, lloyd, moments)]


def _about(order: int, found: MatchResult) -> str:
    missed = max(found.misfit.values()) / max(found.largest.values())
    words = {2: "torques and Hessians", 4: "derivatives of four orders"}[order]
    return (
        f"Spin model of {', '.join(found.model.classes)}, matched to {words} at "
        f"{len(found.torques)} reference(s): {found.rank} parameters determined, "
        f"{len(found.ambiguities)} that no reference sees, misfit {missed:.1e} of the largest"
    )


def _about_tilts(found: dict[int, MatchResult], lloyd: LloydEnergy, moments) -> list[str]:
    angles = np.radians(TILTS).tolist()
    errors = [tilt_errors(m.model, lloyd.energy, moments, angles, count=10) for m in found.values()]

    lines = [
        "Random tilts: energy of all orders, error of the model of two orders"
        + (", of four orders" if len(found) > 1 else "")
        + " (root mean squares)"
    ]
    for row, angle in enumerate(angles):
        wrong = " ".join(f"{e.rms[row] / MEV:12.3e} meV" for e in errors)
        lines.append(f"{np.degrees(angle):8.1f} deg {errors[0].cost[row] / MEV:14.6f} meV {wrong}")
    return lines
