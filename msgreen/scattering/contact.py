"""Scatterers: how spin directions become a potential V(S), site by site."""

import abc
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Float, Scalar
from msgreen.errors import InputError
from msgreen.spin.algebra import SIGMA, spin_matrix

MOST_ORBITALS = 1000
"""Orbitals of one site: no material has as many, and matrices of more would not fit into memory."""


class AbstractScatterer(eqx.Module):
    """The spin-dependent scattering of every site.

    `potential` serves Lloyd's formula, for any directions; `vertex` is its derivative with
    respect to a spin, which expansions and closed forms use.
    """

    @abc.abstractmethod
    def potential(
        self, z: Complex[Array, " energy"], directions: Float[Array, "site 3"]
    ) -> Complex[Array, "energy site spinorb spinorb"]:
        """Return V_i(z) for the given directions, in the unit that makes G V a pure number."""

    @abc.abstractmethod
    def vertex(
        self, z: Complex[Array, " energy"], count: int
    ) -> Complex[Array, "energy site 3 spinorb spinorb"]:
        """Return dV_i/dS_i for `count` sites, one matrix per Cartesian component of the spin."""


class AbstractRigidScatterer(AbstractScatterer):
    """A scatterer whose potential is V_i = t_i (S_i . sigma), t_i acting on orbitals only.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 8 and 36.
    """

    @abc.abstractmethod
    def strength(
        self, z: Complex[Array, " energy"], count: int
    ) -> Complex[Array, "energy site orb orb"]:
        """Return t_i(z) of `count` sites."""

    def potential(
        self, z: Complex[Array, " energy"], directions: Float[Array | np.ndarray, "site 3"]
    ) -> Complex[Array, "energy site spinorb spinorb"]:
        """Return V_i = t_i (S_i . sigma); see `AbstractScatterer.potential`."""
        return spin_matrix(self.strength(z, directions.shape[0]), directions)

    def vertex(
        self, z: Complex[Array, " energy"], count: int
    ) -> Complex[Array, "energy site 3 spinorb spinorb"]:
        """Return t_i sigma; see `AbstractScatterer.vertex`."""
        return _vertices(self.strength(z, count))


@jax.jit
def _vertices(t: Complex[Array, "energy site orb orb"]):
    blocks = jnp.einsum("kst,eiab->eiksatb", SIGMA, t)
    return blocks.reshape(*t.shape[:2], 3, *(2 * n for n in t.shape[2:]))


class ContactCoupling(AbstractRigidScatterer):
    """Local coupling J_sd S.sigma of a spin to the orbitals of its site.

    For an electron gas V(r) = J_sd delta(r - r_i) S_i.sigma with J_sd in eV angstrom^d; for a
    lattice J_sd is in eV. It acts as the identity on the orbitals.

    Parameters
    ----------
    coupling : float or real array, shape (site,)
        J_sd, common to all sites or one per site.
    orbitals : int
        Number of orbitals per site.

    Raises
    ------
    InputError
        If the strength is not finite or has more than one axis.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eq. 36.
    """

    coupling: Float[Array, "..."]
    orbitals: int = eqx.field(static=True)

    def __init__(self, coupling: Scalar | Float[ArrayLike, " site"], orbitals: int = 1):
        require_x64("ContactCoupling")
        _checks.finite("coupling", coupling)
        _checks.whole_number("orbitals", orbitals, 1, MOST_ORBITALS)
        self.coupling = jnp.asarray(coupling, float)
        if self.coupling.ndim > 1 or not self.coupling.size:
            raise InputError(
                "Argument `coupling` must be a number or one number per site, but its shape is "
                f"{self.coupling.shape}. Give one strength per site."
            )
        self.orbitals = orbitals

    def strength(
        self, z: Complex[Array, " energy"], count: int
    ) -> Complex[Array, "energy site orb orb"]:
        """Return J_sd times the identity for every energy and site."""
        if self.coupling.ndim == 1 and self.coupling.shape[0] != count:
            raise InputError(
                f"Argument `coupling` must hold one number per site ({count}), but it holds "
                f"{self.coupling.shape[0]}. "
                "Give one for each, or one number for all."
            )
        return _times_identity(self.coupling, (len(z), count), self.orbitals)


@partial(jax.jit, static_argnames=("shape", "orbitals"))
def _times_identity(coupling, shape: tuple[int, int], orbitals: int):
    matrices = coupling[..., None, None].astype(complex) * jnp.eye(orbitals, dtype=complex)
    return jnp.broadcast_to(matrices, (*shape, orbitals, orbitals))


def check_orbitals(scatterer: int, host: int) -> None:
    """Raise InputError unless a scatterer has as many orbitals per site as the host."""
    if scatterer != host:
        raise InputError(
            f"Argument `scatterer` must have the {host} orbitals of the host, but it has "
            f"{scatterer}. Make it for as many orbitals; a superconductor has twice those of its "
            "normal state."
        )


def check_scatterer(
    scatterer: AbstractScatterer, z: Complex[Array, " energy"], count: int, orbitals: int
) -> None:
    """Raise InputError unless a scatterer has `count` sites and the orbitals of the host."""
    spins = jax.ShapeDtypeStruct((count, 3), np.float64)
    check_orbitals(jax.eval_shape(scatterer.potential, z, spins).shape[-1] // 2, orbitals)


def resummed(
    potential: Complex[Array, "... spinorb spinorb"],
    onsite: Complex[Array, "... spinorb spinorb"],
) -> Complex[Array, "... spinorb spinorb"]:
    """Resum repeated scattering at one site: t_i = (1 - V_i G_ii)^-1 V_i = (V_i^-1 - G_ii)^-1.

    Parameters
    ----------
    potential : complex array, shape (energy, site, 2 orb, 2 orb)
        V_i.
    onsite : complex array, shape (energy, site, 2 orb, 2 orb)
        G_ii.

    Returns
    -------
    complex array, shape (energy, site, 2 orb, 2 orb)
        The t-matrix of each site; with it, Lloyd's formula needs G between different sites only.
    """
    identity = jnp.eye(potential.shape[-1], dtype=potential.dtype)
    return linalg.solve(identity - potential @ onsite, potential)
