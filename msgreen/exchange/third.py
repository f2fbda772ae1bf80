"""Third derivatives of the energy under rotations of three moments, in closed form.

With g the Green function at the reference and v_i = dV/de_i,

    R_abc = -(1/pi) Im int Tr[g_ij v_j^b g_jk v_k^c g_ki v_i^a] + the other sense of the loop,

for components across the moments. Without spin-orbit coupling collinear moments have none: a turn
by pi about them changes its sign.
"""

import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, Float, Vectors
from msgreen.energy.lloyd import LloydEnergy
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.exchange.derivatives import with_rounding


def third_derivatives(
    lloyd: LloydEnergy, directions: Vectors, loops: np.ndarray
) -> Estimate[Float[Array, "loop 3 3 3"]]:
    """Return the third derivatives by the directions of three different moments.

    Parameters
    ----------
    lloyd : LloydEnergy
        Its t-matrices must be those about `directions` (`TMatrix.about`).
    directions : real array, shape (site, 3)
        Unit vectors of the reference.
    loops : int array, shape (loop, 3)
        Sites.

    Returns
    -------
    Estimate
        Shape (loop, 3, 3, 3) in eV, Cartesian components in the order of the sites; those along a
        moment are zero. The energy of small deviations e across the moments is
        sum_abc R_abc e_i^a e_j^b e_k^c.

    Raises
    ------
    InputError
        If `loops` are no triples of different sites.
    """
    _checks.unit_vectors("directions", directions)
    directions = jnp.asarray(directions, float)
    loops = np.asarray(loops)
    if loops.ndim != 2 or loops.shape[1] != 3 or any(len(set(row)) < 3 for row in loops.tolist()):
        raise InputError(
            "Argument `loops` must hold three different sites in every row, but it does not. Use "
            "`rotation_tensor` for sites that recur."
        )
    across = jnp.eye(3) - directions[:, :, None] * directions[:, None, :]

    def integrand(known):
        green = jnp.moveaxis(known.dressed_green(directions), 3, 2)
        vertex = known.scatterer.vertex(known.path.nodes, known.count)
        vertex = jnp.einsum("ikl,eilst->eikst", across.astype(complex), vertex)

        def leg(one, other):
            return green[:, loops[:, one], loops[:, other], None] @ vertex[:, loops[:, other]]

        def sense(first, second, third):
            return jnp.einsum(
                "elbst,elctu,elaus->elabc",
                *(leg(first, second), leg(second, third), leg(third, first)),
            )

        return -sense(0, 1, 2) - jnp.swapaxes(sense(0, 2, 1), -1, -2)

    return with_rounding(lloyd, integrand)
