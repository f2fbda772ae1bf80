"""The spin model of an ordered magnet, matched to rotations about its reference states.

The coefficients of deviations from a reference (`msgreen.exchange.ordered`) are no spin model. The
model here has the derivatives of Lloyd's energy at one or several references, to second or fourth
order; what no reference sees is listed by `MatchResult.ambiguities`.

Moments of the surroundings stay along e0. A product of two dot products of which they take part
leaves one of few spins: (S_i.e0) is a "field", (S_i.e0)^2 an "anisotropy", (S_i.e0)(S_j.e0) an
"anisotropic_exchange", (S_i.S_j)(S_j.e0) a "two_site_field", (S_i.S_j)(S_k.e0) a
"three_site_field". Without spin-orbit coupling they and the isotropic classes are all that the
energy can have to fourth order at collinear moments.
"""

from collections.abc import Sequence

import numpy as np

from msgreen._typing import ArrayLike, Float, Vectors
from msgreen.energy.lloyd import LloydEnergy
from msgreen.errors import InputError
from msgreen.exchange.all_orders import reference_derivatives
from msgreen.exchange.ordered import difference
from msgreen.spinmodel.fitting.design import all_clusters
from msgreen.spinmodel.fitting.matching import MatchResult, match_derivatives
from msgreen.spinmodel.fitting.matching_derivatives import Derivatives
from msgreen.spinmodel.symmetry.operations import Symmetry

FIELDS: tuple[str, ...] = ("field", "two_site_field", "three_site_field")
"""Classes that belong to the surroundings, and turn with them from one reference to another."""

COLLINEAR: tuple[str, ...] = ("field", "exchange")
"""Classes of two orders without spin-orbit coupling."""

SPIN_ORBIT: tuple[str, ...] = (*COLLINEAR, "dzyaloshinskii_moriya", "anisotropic_exchange")
"""Classes with spin-orbit coupling. At one reference an anisotropy of a site is like a field."""

FOUR_COLLINEAR: tuple[str, ...] = (
    *("field", "anisotropy", "exchange", "anisotropic_exchange"),
    *("biquadratic", "three_site", "four_site", "two_site_field", "three_site_field"),
)
"""Classes of four orders without spin-orbit coupling; fields and anisotropies are along e0."""

FOUR_SPIN_ORBIT: tuple[str, ...] = (
    *("field", "anisotropy", "exchange", "dzyaloshinskii_moriya", "anisotropic_exchange"),
    *("biquadratic", "chiral_biquadratic", "three_site", "chiral_three_site"),
    *("four_site", "chiral_four_site", "two_site_field", "three_site_field", "scalar_chirality"),
)
"""Classes of four orders with spin-orbit coupling: those of paper B, and fields.

They are complete to its first order, but for what surroundings add to chiral terms.
"""


def ordered_model(
    references: Sequence[tuple[LloydEnergy, Vectors]],
    positions: Float[ArrayLike, "site dim"] | None = None,
    *,
    spin_orbit: bool,
    order: int = 2,
    classes: Sequence[str] | None = None,
    symmetry: Symmetry | None = None,
    others: Sequence[Sequence[LloydEnergy]] = (),
) -> MatchResult:
    """Return the spin model with the derivatives of the energy of an ordered magnet.

    Parameters
    ----------
    references : sequence of (LloydEnergy, directions)
        The magnet with its moments along one or several directions, (site, 3) each.
    positions : real array, shape (site, dim), optional
        In angstrom.
    spin_orbit : bool
        Whether there is spin-orbit coupling: whether the model may have directions other than e0.
    order : {2, 4}
        Highest order of the derivatives: torques and Hessians, or those of four spins too.
    classes : sequence of str, optional
        Of the model. By default `COLLINEAR`, or `SPIN_ORBIT` with the anisotropy of every site if
        there are several references; for four orders `FOUR_COLLINEAR` or `FOUR_SPIN_ORBIT`.
    symmetry : Symmetry, optional
        Of the cluster; only what it allows is matched. With several references it does not apply
        to what breaks time reversal, which each has of its own.
    others : sequence of sequence of LloydEnergy, optional
        For every reference, energies whose derivatives there would be as good: differences from
        them are errors.

    Returns
    -------
    MatchResult
        The fields are those of the surroundings, whose moments do not turn, at the first reference.

    Raises
    ------
    InputError
        If there is no reference, one has another number of sites, or moments of four orders without
        spin-orbit coupling are not collinear.

    References
    ----------
    Liechtenstein et al., J. Magn. Magn. Mater. 67, 65 (1987); Udvardi et al., Phys. Rev. B 68,
    104436 (2003).
    """
    if not len(references):
        raise InputError(
            "Argument `references` must hold one state at least, but it is empty. Give the energy "
            "and the directions of its moments."
        )
    if order not in (2, 4):
        raise InputError(f"Argument `order` must be 2 or 4, but it is {order}.")
    units = None
    if order == 4 and not spin_orbit and symmetry is None:
        units = _along(_axis([directions for _, directions in references]))
    if classes is None:
        classes = _classes(spin_orbit, order, len(references))
    own = (*FIELDS, "scalar_chirality") if len(references) > 1 else ()
    template = all_clusters(references[0][0].count, classes, positions=positions)
    known = [reference_derivatives(lloyd, directions, order) for lloyd, directions in references]
    for n, energies in enumerate(others):
        twins = [reference_derivatives(e, known[n].directions, order) for e in energies]
        known[n] = _doubted(known[n], twins)
    return match_derivatives(template, known, symmetry=symmetry, units=units, own=own)


def _doubted(known: Derivatives, twins: Sequence[Derivatives]) -> Derivatives:
    """Add to the errors, where they are known, the differences of the twins."""
    if known.errors is None:
        return known
    errors = {
        sites: known.errors[sites] + difference(value, [twin.tensors[sites] for twin in twins])
        for sites, value in known.tensors.items()
    }
    return Derivatives(known.directions, known.tensors, errors)


def _classes(spin_orbit: bool, order: int, references: int) -> tuple[str, ...]:
    if order == 4:
        return FOUR_SPIN_ORBIT if spin_orbit else FOUR_COLLINEAR
    if not spin_orbit:
        return COLLINEAR
    return SPIN_ORBIT if references == 1 else (*SPIN_ORBIT, "anisotropy")


def _axis(directions: Sequence[Vectors]) -> Float[np.ndarray, "3"]:
    """Return the axis e0 of collinear moments."""
    moments = np.concatenate([np.asarray(state, float) for state in directions])
    if np.abs(np.cross(moments[0], moments)).max() > 1e-9:
        raise InputError(
            "Argument `references` must hold collinear moments for a model of four spins without "
            "spin-orbit coupling, but they are not. Match a template of your own with "
            "`match_derivatives`."
        )
    return moments[0]


def _along(axis: Float[np.ndarray, "3"]) -> dict[str, np.ndarray]:
    """Return the values that the surroundings leave: fields along e0, anisotropies e0 e0."""
    twice = np.outer(axis, axis)[None]
    vectors = dict.fromkeys(FIELDS, axis[None])
    return {**vectors, "anisotropy": twice, "anisotropic_exchange": twice}
