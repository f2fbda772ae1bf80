"""A superconductor: a pair potential on top of any lattice host, by composition."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Energies, Float, Pairs, Sites
from msgreen.contour import Contour
from msgreen.errors import InputError
from msgreen.hosts.base import (
    AbstractHost,
    AbstractLatticeHost,
    Coarse,
    check_pairs,
    level_contour,
)
from msgreen.lattice import HoppingModel
from msgreen.lattice.nambu import Pairing, charge_phase, double
from msgreen.spin.algebra import Green, decompose


class Superconductor(AbstractHost):
    """A lattice host with a pair potential, in the basis where spin is sigma x tau_0.

    Its orbitals are those of the normal host for particles and again for holes, so a scatterer
    needs ``orbitals`` = 2 times those of the normal host and everything above the host works
    unchanged. Energies are counted from the Fermi energy of the normal host.

    Parameters
    ----------
    normal : AbstractLatticeHost
        Finite or infinite; its temperature is that of the superconductor.
    pairing : Pairing
        Sums of `s_wave`, `p_wave`, `d_wave`, or any other; with an amplitude that varies in
        space (`Pairing.modulated`) only on finite lattices.
    pair_momentum : real array, shape (dim,), optional
        Q in units of the reciprocal vectors: Delta turns as exp(2 pi i Q.r), r being the cell (for
        bonds the midpoint of the cells). A winding nu over L cells is Q = nu / L. Derivatives with
        respect to it hold the twist of closed directions fixed.
    gap : float, optional
        Lower bound in eV of the absolute value of all levels, needed at zero temperature, where
        it is checked.

    Raises
    ------
    InputError
        If the pairing does not fit the host, or it winds with an amplitude given cell by cell.

    References
    ----------
    Ouassou, Yokoyama, Linder, arXiv:2407.07144, Eqs. 3 and 5.
    """

    nambu: ClassVar[bool] = True

    normal: AbstractLatticeHost
    pairing: Pairing
    pair_momentum: Float[Array, " dim"]
    gap: float | None = eqx.field(static=True)

    def __init__(
        self,
        normal: AbstractLatticeHost,
        pairing: Pairing,
        *,
        pair_momentum: Float[ArrayLike, " dim"] | None = None,
        gap: float | None = None,
    ):
        require_x64("Superconductor")
        dim = normal.model.lattice.dimension
        momentum = np.zeros(dim) if pair_momentum is None else pair_momentum
        _checks.finite("pair_momentum", momentum)
        _checks.shaped("pair_momentum", momentum, (dim,))
        if gap is not None:
            _checks.positive_number("gap", gap, "eV")
        self.normal = normal
        self.pairing = pairing
        self.pair_momentum = jnp.asarray(momentum, float)
        self.gap = None if gap is None else float(gap)
        local = pairing.blocks.ndim > 5 or normal.model.local
        if local and _moves(self.pair_momentum):
            raise InputError(
                "Argument `pair_momentum` must be zero for an inhomogeneous superconductor, but "
                f"it is {np.asarray(momentum).tolist()}. Put the phase into the amplitude."
            )

    @property
    def model(self) -> HoppingModel:
        """The Bogoliubov-de Gennes Hamiltonian, in the gauge where Delta does not turn."""
        normal = self.normal
        return double(normal.model, self.pairing, normal.fermi_energy, self.pair_momentum)

    def blocks(self, z: Energies, sites: Sites, pairs: Pairs) -> Green:
        """Return G_ij(z); see `AbstractHost.blocks`. Sites are those of the normal host."""
        z = jnp.asarray(z, complex)
        green = self.normal.model_blocks(self.model, z, sites, pairs, self._momentum)
        return decompose(self._turned(green, sites, pairs))

    def blocks_and_coarse(
        self, z: Energies, sites: Sites, pairs: Pairs
    ) -> tuple[Green, Coarse | None]:
        """Return G_ij(z) from two meshes; see `AbstractHost.blocks_and_coarse`."""
        z = jnp.asarray(z, complex)
        green, coarse = self.normal.model_blocks_and_coarse(
            self.model, z, sites, pairs, self._momentum
        )
        fine = decompose(self._turned(green, sites, pairs))
        if coarse is None:
            return fine, None
        return fine, Coarse(decompose(self._turned(coarse[0], sites, pairs)), coarse[1])

    def contour(self, sites: Sites) -> Contour:
        """Return poles of the Fermi function, or of a gap that has been checked."""
        return level_contour(
            0.0, self.model.bound(), self.normal.temperature, self.gap, self.has_levels
        )

    def has_levels(self, low: float, high: float) -> bool:
        """Whether there are levels between two energies; see `AbstractHost.has_levels`."""
        return self.normal.model_has_levels(self.model, low, high, self._momentum)

    @property
    def _momentum(self):
        return self.pair_momentum if _moves(self.pair_momentum) else None

    def _turned(self, green, sites, pairs):
        """Go back to the gauge where Delta turns."""
        momentum = self._momentum
        if momentum is None:
            return green
        cells = jnp.asarray(np.asarray(sites)[:, :-1], float)
        phase = charge_phase(jnp.pi * (cells @ momentum), self.model.orbitals // 2)
        phase = jnp.concatenate([phase, phase], axis=-1)
        pairs = check_pairs(pairs, len(phase))
        return phase[pairs[:, 0], :, None] * green * phase[pairs[:, 1], None, :].conj()


def _moves(momentum) -> bool:
    """Whether Delta turns in space; a traced momentum may."""
    value = _checks.concrete(momentum)
    return value is None or bool(np.any(value))
