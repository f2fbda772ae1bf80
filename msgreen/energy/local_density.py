"""The local density of states beside spins in a host: what a scanning tunnelling microscope sees.

With the spins in place the Green function between other sites is

    g_ab = G_ab + sum_ij G_ai T_ij G_jb,        T = V (1 - G V)^-1,

and the density of electrons of energy E at a is -(1 / pi) Im tr g_aa(E + i eta), of particles alone
in a superconductor.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float, Num, Sites, Vectors
from msgreen.contour.base import ROUNDING
from msgreen.energy.determinants import as_matrix
from msgreen.estimate import Estimate
from msgreen.hosts.base import AbstractHost, checked_blocks, mesh_error, site_count
from msgreen.scattering.contact import AbstractScatterer, check_scatterer
from msgreen.spin.algebra import Green, decompose


class LocalDensity(NamedTuple):
    """Densities of states per site in 1/eV, both directions of spin and all orbitals together.

    Attributes
    ----------
    total : Estimate
        Shape (energy, place), with the spins in place. The error is that of the mesh of the host
        and of rounding; the broadening is none.
    spin : real array, shape (energy, place, 3)
        Difference of the densities of spins along and against x, y and z.
    host : real array, shape (energy, place)
        Without the spins.
    """

    total: Estimate[Float[Array, "energy place"]]
    spin: Float[Array, "energy place 3"]
    host: Float[Array, "energy place"]


def local_density(
    host: AbstractHost,
    scatterer: AbstractScatterer,
    sites: Sites,
    directions: Vectors,
    energies: Float[ArrayLike, " energy"],
    *,
    broadening: float,
    places: Num[ArrayLike, "place ..."] | None = None,
) -> LocalDensity:
    """Return the local density of states with spins in place.

    Parameters
    ----------
    host : AbstractHost
    scatterer : AbstractScatterer
    sites : array with one row per site
        Of the spins.
    directions : real array, shape (site, 3)
        Unit vectors.
    energies : real array, shape (energy,)
        In eV as the host counts them, of a superconductor from the Fermi energy.
    broadening : float
        eta in eV: every level becomes a Lorentzian of this half width.
    places : array with one row per place, optional
        Where the density is wanted, named as sites are; by default the sites of the spins.

    Returns
    -------
    LocalDensity

    Raises
    ------
    InputError
        If the broadening is not positive, or arrays do not have these shapes.

    Notes
    -----
    Over all energies it integrates to 2 per orbital. In a superconductor only particles count:
    the tunnelling current at a negative voltage is that of the density at a negative energy.

    Examples
    --------
    >>> from msgreen import ContactCoupling, TightBinding
    >>> from msgreen.lattice import Lattice, shell_model
    >>> chain = TightBinding(shell_model(Lattice.chain(), [-1.0]))
    >>> site, up = [[0, 0]], [[0.0, 0.0, 1.0]]
    >>> found = local_density(chain, ContactCoupling(0.0), site, up, [0.0], broadening=0.1)
    >>> round(float(found.total.value[0, 0]) * np.pi, 3)  # 2 spins, each 1 / (2 pi t)
    0.999
    """
    count = site_count(sites)
    _checks.finite_array("directions", directions, (count, 3))
    _checks.unit_vectors("directions", directions)
    _checks.finite_array("energies", energies, ("energy",))
    _checks.positive_number("broadening", broadening, "eV")
    wanted = sites if places is None else places
    _checks.finite_array("places", wanted, ("place", *np.shape(sites)[1:]))
    every, number = np.unique(
        np.concatenate([np.asarray(sites), np.asarray(wanted)]), axis=0, return_inverse=True
    )
    number = number.ravel()
    inside, outside = number[:count], number[count:]
    a, b = np.meshgrid(outside, inside, indexing="ij")
    i, j = np.meshgrid(inside, inside, indexing="ij")
    between = np.stack([a.ravel(), b.ravel()], axis=1)
    pairs = [
        np.stack([outside, outside], axis=1),
        between,
        between[:, ::-1],
        np.stack([i.ravel(), j.ravel()], axis=1),
    ]
    real = jnp.asarray(energies, float)
    z = jax.lax.complex(real, jnp.full_like(real, broadening))
    fine, coarse = checked_blocks(host, z, every, np.concatenate(pairs))
    check_scatterer(scatterer, z, count, fine.A.shape[-1])
    potential = scatterer.potential(z, jnp.asarray(directions, float))
    total, spin, bare = _densities(fine, potential, len(outside), host.nambu)
    error = ROUNDING * (jnp.abs(total) + jnp.abs(bare)) / broadening
    if coarse is not None:
        less = _densities(coarse.green, potential, len(outside), host.nambu)[0]
        error = error + mesh_error(total, less, coarse.ratio)
    return LocalDensity(Estimate(total, error), spin, bare)


@eqx.filter_jit
def _densities(green: Green, potential, places: int, nambu: bool):
    """Densities of the places from the blocks of all pairs."""
    blocks = green.matrix()
    count, size = potential.shape[1], blocks.shape[-1]
    own, rest = blocks[:, :places], blocks[:, places:]
    out, back, inner = jnp.split(rest, np.array([1, 2]) * places * count, axis=1)
    out, back = (part.reshape(-1, places, count, size, size) for part in (out, back))
    inner = jnp.swapaxes(inner.reshape(-1, count, count, size, size), 2, 3)
    matrix = as_matrix(jnp.einsum("eiajb,ejbc->eiajc", inner, potential))
    unit = jnp.eye(matrix.shape[-1], dtype=complex)
    arriving = jnp.moveaxis(back, 1, 3).reshape(-1, count * size, places * size)
    inside = linalg.solve(unit - matrix, arriving).reshape(-1, count, size, places, size)
    scattered = jnp.einsum("epiab,eibc,eicpd->epad", out, potential, inside)
    (total, spin), (bare, _) = (_traced(g, nambu) for g in (own + scattered, own))
    return total, spin, bare


def _traced(blocks, nambu: bool):
    """Return -(1 / pi) Im of the traces with 1 and sigma over the particles."""
    parts = decompose(blocks)
    kept = parts.A.shape[-1] // (2 if nambu else 1)
    total, spin = (
        jnp.trace(part[..., :kept, :kept], axis1=-2, axis2=-1) for part in (parts.A, parts.B)
    )
    return -2 / jnp.pi * total.imag, -2 / jnp.pi * spin.imag
