"""Scatterers of magnets given by a Hamiltonian: the exchange field of an atom turns as a whole.

The host contains the moments along e0; a moment along e changes the Hamiltonian by

    V_i(e) = v_i (e - e0_i).sigma

with v_i the exchange splitting of the atom, a matrix between its orbitals.
"""

import jax.numpy as jnp

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Float, Vectors
from msgreen.errors import InputError
from msgreen.scattering.contact import AbstractRigidScatterer, AbstractScatterer
from msgreen.spin.algebra import SIGMA, spin_matrix


class FieldDeviation(AbstractRigidScatterer):
    """V_i = v_i (dS_i . sigma) for deviations dS = e - e0 of the moments, of any length.

    Parameters
    ----------
    splitting : complex array, shape (site, orb, orb)
        v_i in eV.
    """

    splitting: Complex[Array, "site orb orb"]

    def strength(
        self, z: Complex[Array, " energy"], count: int
    ) -> Complex[Array, "energy site orb orb"]:
        """Return v_i for every energy; see `AbstractRigidScatterer.strength`."""
        if count != len(self.splitting):
            raise InputError(
                f"Argument `splitting` must hold one matrix for each of {count} sites, but it "
                f"holds {len(self.splitting)}. Take the scatterer of the same sites."
            )
        return jnp.broadcast_to(self.splitting, (len(z), *self.splitting.shape))


class ExchangeField(AbstractScatterer):
    """V_i(e) = v_i (e - e0_i).sigma, about a reference state that the host contains.

    Parameters
    ----------
    splitting : complex array, shape (site, orb, orb)
        v_i in eV.
    reference : real array, shape (site, 3)
        e0, unit vectors.

    Raises
    ------
    InputError
        If a shape does not fit or a vector is no unit vector.
    """

    splitting: Complex[Array, "site orb orb"]
    reference: Float[Array, "site 3"]

    def __init__(self, splitting: ArrayLike, reference: ArrayLike):
        require_x64("ExchangeField")
        _checks.unit_vectors("reference", reference)
        self.splitting = jnp.asarray(splitting, complex)
        self.reference = jnp.asarray(reference, float)
        shape = self.splitting.shape
        if len(shape) != 3 or shape[1] != shape[2] or shape[0] != len(self.reference):
            raise InputError(
                f"Argument `splitting` must have shape ({len(self.reference)}, orb, orb), one "
                f"matrix per vector of `reference`, but its shape is {shape}."
            )

    def potential(
        self, z: Complex[Array, " energy"], directions: Vectors
    ) -> Complex[Array, "energy site spinorb spinorb"]:
        """Return v_i (e - e0).sigma; see `AbstractScatterer.potential`."""
        one = spin_matrix(self.splitting, jnp.asarray(directions, float) - self.reference)
        return jnp.broadcast_to(one, (len(z), *one.shape))

    def vertex(
        self, z: Complex[Array, " energy"], count: int
    ) -> Complex[Array, "energy site 3 spinorb spinorb"]:
        """Return v_i sigma; see `AbstractScatterer.vertex`."""
        size = 2 * self.splitting.shape[-1]
        blocks = jnp.einsum("kst,iab->iksatb", SIGMA, self.splitting)
        blocks = blocks.reshape(-1, 3, size, size)
        return jnp.broadcast_to(blocks, (len(z), *blocks.shape))

    def spin_splitting(self) -> FieldDeviation:
        """Return the scatterer of deviations dS; see `TMatrix.spin_splitting`."""
        return FieldDeviation(self.splitting)

    def spin_splitting_residual(self) -> Float[Array, " site"]:
        """Return what of dV/de is no rotation of spin: nothing."""
        return jnp.zeros(len(self.splitting))
