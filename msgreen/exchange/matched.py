"""The spin model of an ordered magnet, matched to rotations about its reference states.

The coefficients of deviations from a reference (`msgreen.exchange.ordered`) are no spin model. The
model here has the torques and the Hessians of Lloyd's energy at one or several references; what no
reference sees is listed by `MatchResult.ambiguities`.
"""

from collections.abc import Sequence

import equinox as eqx
import numpy as np

from msgreen._typing import ArrayLike, Float
from msgreen.energy.lloyd import LloydEnergy
from msgreen.errors import InputError
from msgreen.spinmodel.fitting.design import all_clusters
from msgreen.spinmodel.fitting.matching import MatchResult, match_derivatives
from msgreen.spinmodel.fitting.matching_derivatives import Derivatives, derivatives_at
from msgreen.spinmodel.symmetry.operations import Symmetry

COLLINEAR: tuple[str, ...] = ("field", "exchange")
"""Classes without spin-orbit coupling; the field is that of the frozen surroundings."""

SPIN_ORBIT: tuple[str, ...] = (*COLLINEAR, "dzyaloshinskii_moriya", "anisotropic_exchange")
"""Classes with spin-orbit coupling. At one reference an anisotropy of a site is like a field."""


def reference_derivatives(
    lloyd: LloydEnergy, directions: Float[ArrayLike, "site 3"], order: int = 2
) -> Derivatives:
    """Return the derivatives of Lloyd's energy under rotations about a reference, with errors.

    Parameters
    ----------
    lloyd : LloydEnergy
        Of the reference: its t-matrices are those about `directions` (`TMatrix.about`).
    directions : real array, shape (site, 3)
        Unit vectors.
    order : int
        Highest order.

    Returns
    -------
    Derivatives
        In eV. The errors are the differences from the coarser rule of the contour; None where it
        has none.
    """
    weights = np.asarray(lloyd.path.embedded)
    coarser = None
    if np.isfinite(weights).all():
        coarser = eqx.tree_at(lambda e: e.path.weights, lloyd, lloyd.path.embedded).energy
    return derivatives_at(lloyd.energy, np.asarray(directions), order, coarser=coarser)


def ordered_model(
    references: Sequence[tuple[LloydEnergy, Float[ArrayLike, "site 3"]]],
    positions: Float[ArrayLike, "site dim"] | None = None,
    *,
    spin_orbit: bool,
    symmetry: Symmetry | None = None,
) -> MatchResult:
    """Return the spin model with the torques and Hessians of an ordered magnet.

    Parameters
    ----------
    references : sequence of (LloydEnergy, directions)
        The magnet with its moments along one or several directions, (site, 3) each.
    positions : real array, shape (site, dim), optional
        In angstrom.
    spin_orbit : bool
        Whether to match `SPIN_ORBIT`, with the anisotropy of every site if there are several
        references, or only `COLLINEAR`.
    symmetry : Symmetry, optional
        Of the cluster; only what it allows is matched.

    Returns
    -------
    MatchResult
        The "field" is that of the surroundings, whose moments do not turn.

    Raises
    ------
    InputError
        If there is no reference, or one has another number of sites.

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
    classes = SPIN_ORBIT if spin_orbit else COLLINEAR
    if spin_orbit and len(references) > 1:
        classes = (*classes, "anisotropy")
    template = all_clusters(references[0][0].count, classes, positions=positions)
    known = [reference_derivatives(lloyd, directions) for lloyd, directions in references]
    return match_derivatives(template, known, symmetry=symmetry)
