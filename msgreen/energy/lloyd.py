"""Lloyd's formula: the energy of a set of spins, to all orders, from the host's Green function.

    E(S) = (1/pi) Im int^{E_F} de  Tr ln[1 - G(e) V(S)]
         = sum_i E_i(S_i) + E_int(S)

The single-site energies E_i = (1/pi) Im int Tr ln[1 - G_ii V_i] are split off exactly. What
remains, E_int = (1/pi) Im int Tr ln[1 - G' t(S)] with G' the blocks between different sites and
t_i = (1 - V_i G_ii)^-1 V_i, is the connected part: it needs no cancellation of large numbers.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, Complex, Float, Sites, Spins, Vectors
from msgreen.blocks import map_items
from msgreen.contour import Contour
from msgreen.contour.base import ROUNDING
from msgreen.energy.determinants import (
    as_matrix,
    check_scattering_order,
    dressed,
    log_determinant,
    onsite_blocks,
    power_traces,
)
from msgreen.energy.free_levels import check_configurations, nodes_and_ends
from msgreen.errors import AccuracyWarning, InputError
from msgreen.estimate import Estimate
from msgreen.hosts.base import AbstractHost, checked_blocks, host_factor, mesh_error, site_count
from msgreen.scattering.contact import AbstractScatterer, check_scatterer, resummed
from msgreen.spin.algebra import Green

_BLOCK_BYTES = 256 * 2**20
"""Memory of a batch of configurations, a choice: four copies of G V for each of them."""

_BATCHES = 8
"""Batches of configurations in a program: it asks for their memory once. One takes 1.4 times."""


class LloydEnergy(eqx.Module):
    """E(S) of n spins in a host, as a jitted, batched and differentiable function.

    Parameters
    ----------
    host : AbstractHost
    scatterer : AbstractScatterer
    sites : array with one row per site
        As the host names its sites; the rows must differ.
    contour : Contour, optional
        Energies and weights; by default ``host.contour(sites)``.
    onsite : bool
        Whether repeated scattering at one site (the blocks G_ii) is included. False drops
        it, as the expansion of Lounis does.

    Attributes
    ----------
    green : complex array, shape (energy, site, 2 orb, site, 2 orb)
        G on the contour; its on-site blocks are zero if `onsite` is False.
    coarse : optional
        `green` from a coarser mesh, and `Coarse.ratio`, of hosts that sum over one. Error estimates
        evaluate the energy with both.
    edges : complex array, shape (end, site, 2 orb, site, 2 orb)
        G at `Contour.ends`; empty if there is nothing to check.

    Raises
    ------
    InputError
        If the host has levels where the contour assumes none; later if directions are no unit
        vectors, or host and spins have such levels. Not checked: values that JAX traces, and what
        `energy` and `connected` are given.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 4-7.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from msgreen import ContactCoupling, LloydEnergy, RashbaGas
    >>> gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    >>> energy = LloydEnergy(gas, ContactCoupling(0.58), jnp.array([[0.0], [9.35]]))
    >>> up, down = jnp.array([0.0, 0.0, 1.0]), jnp.array([0.0, 0.0, -1.0])
    >>> round(1e3 * float(energy.interaction(jnp.stack([up, down]))), 2)
    -1.97
    """

    green: Complex[Array, "energy site spinorb site spinorb"]
    scatterer: AbstractScatterer
    path: Contour
    prefactor: float = eqx.field(static=True)
    coarse: tuple[Array, Float[Array, " energy"]] | None
    edges: Complex[Array, "end site spinorb site spinorb"]

    def __init__(
        self,
        host: AbstractHost,
        scatterer: AbstractScatterer,
        sites: Sites,
        contour: Contour | None = None,
        *,
        onsite: bool = True,
    ):
        self.path = host.contour(sites) if contour is None else contour
        self.scatterer = scatterer
        self.prefactor = host_factor(host)
        z, count = nodes_and_ends(host, self.path), len(self.path.nodes)
        green, coarse = _assembled(host, z, sites, onsite)
        self.green, self.edges = green[:count], green[count:]
        check_scatterer(scatterer, self.path.nodes, self.count, green.shape[-1] // 2)
        self.coarse = None if coarse is None else (coarse[0][:count], coarse[1][:count])

    @property
    def count(self) -> int:
        """Number of spins."""
        return self.green.shape[1]

    def __call__(self, directions: Spins) -> Float[Array, "*config"]:
        """Return the total E(S) in eV, single-site energies included.

        Parameters
        ----------
        directions : real array, shape (..., site, 3)
            Unit vectors; leading axes are configurations, evaluated in blocks.

        Notes
        -----
        A contour made for loops between sites (`RashbaGas.contour`) does not converge the
        single-site energies of an electron gas, which do not depend on the directions; use
        `interaction` there.
        """
        return self._batched(directions, LloydEnergy.energy, together=True)

    def interaction(self, directions: Spins) -> Float[Array, "*config"]:
        """Return E(S) - sum_i E_i(S_i) in eV, the connected part; arguments as for a call."""
        return self._batched(directions, LloydEnergy.connected, together=True, alone=True)

    def single_site(self, directions: Spins) -> Float[Array, "*config"]:
        """Return sum_i E_i(S_i) in eV, each spin alone in the host; arguments as for a call."""
        return self._batched(directions, LloydEnergy._single_site, alone=True)

    def interaction_with_error(self, directions: Vectors) -> Estimate[Float[Array, ""]]:
        """Return `interaction` of one configuration and its error estimate, in eV.

        The parts of the error are the contour, the mesh of the host and rounding.
        """
        self._check(directions, batched=False)
        self.check_levels(directions, alone=True)
        spins = jnp.asarray(directions, float)
        # The matrix 1 - X is rounded relative to 1, however small X and the logarithm may be.
        return self.integrated(lambda lloyd: lloyd._linked(spins), ROUNDING)

    def integrated(self, integrand: Callable, rounding: float = 0.0) -> Estimate:
        """Return (prefactor/pi) Im int of an integrand and its error: contour, mesh, rounding.

        Parameters
        ----------
        integrand : callable
            Maps this object to an array with the energy first. It is called again with the Green
            function of the coarser mesh in its place, if the host has one.
        rounding : float
            Rounding error of the integrand beyond that of its own value.
        """
        values = integrand(self)
        if self.coarse is None:
            return self.path.integrate(values, doubt=rounding).scaled(self.prefactor)
        green, ratio = self.coarse
        coarse = integrand(eqx.tree_at(lambda lloyd: lloyd.green, self, green))
        doubt = mesh_error(values, coarse, ratio) + rounding
        return self.path.integrate(values, doubt=doubt).scaled(self.prefactor)

    def energy(self, spins: Float[Array, "site 3"]) -> Float[Array, ""]:
        """Return the total E(S) of one configuration of vectors of any length, in eV.

        The unchecked form of calling the object; derivatives with respect to unconstrained
        spins (`msgreen.exchange.derivatives`) go through it.
        """
        return self._integrate(self._total(spins))

    def connected(self, spins: Float[Array, "site 3"]) -> Float[Array, ""]:
        """Return the connected part of `energy`, for one configuration of any spin lengths."""
        return self._integrate(self._linked(spins))

    def scattering_matrix(self, spins: Vectors) -> Complex[Array, "energy size size"]:
        """Return G V(S) on the contour, as matrices of size site x 2 orb."""
        potential = self.scatterer.potential(self.path.nodes, jnp.asarray(spins))
        product = jnp.einsum("eiajb,ejbc->eiajc", self.green, potential)
        return as_matrix(product)

    def dressed_green(self, spins: Vectors) -> Complex[Array, "energy site spinorb site spinorb"]:
        """Return g = (1 - G V)^-1 G on the contour: the Green function with the spins in place."""
        return dressed(self.scattering_matrix(spins), self.green)

    def about(self, directions: Vectors, order: int) -> "LloydExpansion":
        """Return the energy about a reference, exact to `order` in the change of the potential.

        Its derivatives at the reference up to `order` are those of the total energy, but cost
        matrix products only: fit for high orders.

        Parameters
        ----------
        directions : real array, shape (site, 3)
            Unit vectors of the reference.
        order : int
            At least 1.
        """
        self._check(directions, batched=False)
        check_scattering_order(order)
        self.check_levels(directions)
        return LloydExpansion(self, directions, order)

    def spectral_radius(self, directions: Vectors) -> float:
        """Return the largest |eigenvalue| of G V(S) over the contour.

        The expansion of ln(1 - G V) in orders of scattering converges below 1 only. Not
        differentiable.
        """
        self._check(directions, batched=False)
        matrix = np.asarray(self.scattering_matrix(jnp.asarray(directions, float)))
        return float(np.abs(np.linalg.eigvals(matrix)).max())

    def series(self, directions: Vectors, order: int) -> Float[Array, " order"]:
        """Return the energies of scattering order p = 1 ... `order`, in eV.

        Parameters
        ----------
        directions : real array, shape (site, 3)
            Unit vectors.
        order : int
            Highest power of G V, at least 1.

        Returns
        -------
        real array, shape (order,)
            -(1 / pi p) Im int Tr (G V)^p; the sum converges to the total energy if the spectral
            radius of G V is below 1.

        Warns
        -----
        AccuracyWarning
            If the spectral radius of G V exceeds 0.9: the series converges slowly or not at all.

        References
        ----------
        Lounis, New J. Phys. 22, 103003 (2020), Eq. 5.
        """
        check_scattering_order(order)
        radius = self.spectral_radius(directions)
        if radius > 0.9:
            warnings.warn(
                f"The spectral radius of G V is {radius:.2f}: the truncated series converges "
                "slowly or diverges. Use the all-order energy, or weaker scattering.",
                AccuracyWarning,
                stacklevel=2,
            )
        matrix = self.scattering_matrix(jnp.asarray(directions, float))
        traces = [trace / p for p, trace in enumerate(power_traces(matrix, order), start=1)]
        return -self.prefactor * self.path.integrate(jnp.stack(traces, axis=1))[0]

    def _single_site(self, spins) -> Float[Array, ""]:
        return self._integrate(self._alone(spins))

    def _integrate(self, log_determinant) -> Float[Array, ""]:
        return self.prefactor * self.path.integrate(log_determinant)[0]

    def _total(self, spins) -> Complex[Array, " energy"]:
        """Ln det(1 - G V)."""
        matrix = self.scattering_matrix(spins)
        return log_determinant(jnp.eye(matrix.shape[-1], dtype=complex) - matrix)

    def _alone(self, spins) -> Complex[Array, " energy"]:
        """sum_i ln det(1 - G_ii V_i)."""
        onsite = onsite_blocks(self.green)
        product = onsite @ self.scatterer.potential(self.path.nodes, spins)
        return log_determinant(jnp.eye(product.shape[-1], dtype=complex) - product).sum(axis=1)

    def _linked(self, spins) -> Complex[Array, " energy"]:
        """Ln det(1 - G' t)."""
        onsite = onsite_blocks(self.green)
        t = resummed(self.scatterer.potential(self.path.nodes, spins), onsite)
        sites = np.arange(self.count)
        between = self.green.at[:, sites, :, sites, :].set(0.0)
        matrix = as_matrix(jnp.einsum("eiajb,ejbc->eiajc", between, t))
        return log_determinant(jnp.eye(matrix.shape[-1], dtype=complex) - matrix)

    def check_levels(
        self, directions: Spins, *, together: bool = True, alone: bool = False
    ) -> None:
        """Raise InputError if host and spins have levels where the contour assumes none.

        `together` asks for all spins in place, `alone` for each one by itself.
        """
        known = self.path, self.edges, self.scatterer
        check_configurations(*known, directions, together=together, alone=alone)

    def _batched(self, directions, function, *, together=False, alone=False):
        self._check(directions, batched=True)
        self.check_levels(directions, together=together, alone=alone)
        flat = jnp.asarray(directions, float).reshape(-1, self.count, 3)
        batch = max(1, _BLOCK_BYTES // (4 * 16 * self.green.size))
        known = self, function, batch
        found = map_items(_at_configurations, known, (flat,), 1, block_bytes=_BATCHES * batch)
        return found.reshape(np.shape(directions)[:-2])

    def _check(self, directions, batched: bool) -> None:
        shape = np.shape(directions)
        if shape[-2:] != (self.count, 3) or (not batched and len(shape) != 2):
            expected = f"({'..., ' if batched else ''}{self.count}, 3)"
            raise InputError(
                f"Argument `directions` must have shape {expected}, but its shape is {shape}. "
                "Give one unit vector per site."
            )
        _checks.unit_vectors("directions", directions)


class LloydExpansion(eqx.Module):
    """The energy about a reference S0, exact to a given order in the change of the potential.

    E(S) - E(S0) = -(1/pi) Im int sum_(p <= order) Tr (g dV)^p / p, with g the Green function at S0.
    Made by `LloydEnergy.about`. Calling it with spins (site, 3) returns an energy in eV.
    """

    lloyd: LloydEnergy
    reference: Float[Array, "site 3"]
    potential: Complex[Array, "energy site spinorb spinorb"]
    dressed: Complex[Array, "energy site spinorb site spinorb"]
    order: int = eqx.field(static=True)

    def __init__(self, lloyd: LloydEnergy, directions: Vectors, order: int):
        directions = jnp.asarray(directions, float)
        self.lloyd = lloyd
        self.reference = directions
        self.potential = lloyd.scatterer.potential(lloyd.path.nodes, directions)
        self.dressed = lloyd.dressed_green(directions)
        self.order = order

    def __call__(self, spins: Float[Array, "site 3"]) -> Float[Array, ""]:
        """Return the change of the total energy in eV, for vectors of any length."""
        potential = self.lloyd.scatterer.potential(self.lloyd.path.nodes, spins)
        change = jnp.einsum("eiajb,ejbc->eiajc", self.dressed, potential - self.potential)
        traces = power_traces(as_matrix(change), self.order)
        total = sum(trace / p for p, trace in enumerate(traces, start=1))
        return -self.lloyd.prefactor * self.lloyd.path.integrate(total)[0]

    def taylor(
        self, sites: Sequence[int], change: Sequence[Complex[Array, "energy site spinorb spinorb"]]
    ) -> Float[Array, ""]:
        """Return the Taylor coefficient tau^N of the energy along a path of potentials, in eV.

        Parameters
        ----------
        sites : sequence of int
            The sites that move, all different.
        change : sequence of N complex arrays, shape (energy, moving site, 2 orb, 2 orb)
            V_1, ..., V_N of the path V(tau) = V(S0) + V_1 tau + V_2 tau^2 + ...

        Notes
        -----
        With M = g (V_1 tau + ...) and R = (1 - M)^-1, d/dtau ln det(1 - M) = -Tr[R M'], power by
        power: R_n = sum_(k <= n) M_k R_(n-k), and N L_N = -sum_(k <= N) k Tr[M_k R_(N-k)].
        """
        moving = np.asarray(sites)
        green = self.dressed[:, moving][:, :, :, moving]
        steps = [as_matrix(jnp.einsum("eiajb,ejbc->eiajc", green, part)) for part in change]
        count = len(steps)
        resolvent = [jnp.eye(steps[0].shape[-1], dtype=complex)[None]]
        for n in range(1, count):
            products = [steps[k - 1] @ resolvent[n - k] for k in range(1, n + 1)]
            resolvent.append(jnp.sum(jnp.stack(products), axis=0))
        traces = [
            k * jnp.sum(steps[k - 1] * jnp.swapaxes(resolvent[count - k], 1, 2), axis=(1, 2))
            for k in range(1, count + 1)
        ]
        return -self.lloyd.prefactor * self.lloyd.path.integrate(sum(traces) / count)[0]


@eqx.filter_jit
def _at_configurations(known, directions):
    """Evaluate a function of one configuration at several, in batches of bounded memory."""
    lloyd, function, batch = known
    if len(directions) == 1:
        return function(lloyd, directions[0])[None]
    batch = min(batch, len(directions))
    return jax.lax.map(lambda spins: function(lloyd, spins), directions, batch_size=batch)


def _assembled(host: AbstractHost, z, sites, onsite: bool):
    """G(z) between all sites, and the same from a coarser mesh with its ratio, or None.

    Without `onsite` these blocks are zero and the host is not asked for them.
    """
    count = site_count(sites)
    i, j = np.nonzero(np.ones((count, count), bool) if onsite else ~np.eye(count, dtype=bool))
    fine, coarse = checked_blocks(host, z, sites, np.stack([i, j], axis=1))

    def matrix(green):
        return _between_sites(green, i, j, count)

    return matrix(fine), None if coarse is None else (matrix(coarse.green), coarse.ratio)


@partial(jax.jit, static_argnames="count")
def _between_sites(green: Green, i, j, count: int) -> Complex[Array, "energy site size site size"]:
    """Blocks of the pairs (i, j) as one matrix of all sites."""
    blocks = green.matrix()
    energies, _, size, _ = blocks.shape
    full = jnp.zeros((energies, count, count, size, size), blocks.dtype).at[:, i, j].set(blocks)
    return jnp.swapaxes(full, 2, 3)
