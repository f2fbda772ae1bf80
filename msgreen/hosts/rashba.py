"""Electron gas with Rashba spin-orbit coupling in one, two and three dimensions."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import hankel1_01, sommerfeld

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, Complex, Energies, Float, Pairs, Scalar, Sites
from msgreen.blocks import map_items
from msgreen.clusters import perimeters
from msgreen.contour import Contour, fermi_line
from msgreen.errors import InputError
from msgreen.hosts.base import AbstractHost, Coarse, check_pairs, site_count
from msgreen.spin.algebra import Green
from msgreen.units import HBAR2_OVER_ME

_BOND_BYTES = 512
"""Memory of one bond at one energy, with what its Hankel functions need meanwhile."""


class RashbaGas(AbstractHost):
    """Electron gas H = hbar^2 k^2 / 2m - alpha (k x z).sigma in one, two or three dimensions.

    Without Rashba coupling (k_R = 0) it is the free electron gas. In three dimensions the motion
    along z is free; G is a closed form without coupling, and with it an integral over k_z of that
    of two dimensions, which is as accurate as `msgreen_kernels.sommerfeld` says. Derivatives by k_R
    at k_R = 0 are those of first order.

    Give the filling by exactly one of `fermi_wavevector` and `fermi_energy`, and the coupling by
    at most one of `rashba_wavevector` and `rashba_parameter`.

    Parameters
    ----------
    dimension : int
        1 (sites on the x axis), 2 (sites in the xy plane) or 3.
    effective_mass : float
        m* in electron masses, positive.
    fermi_wavevector : float, optional
        q_F in 1/angstrom, where E_F = hbar^2 (q_F^2 - k_R^2) / 2m.
    fermi_energy : float, optional
        E_F in eV from the crossing point of the bands at k = 0; above the band bottom.
    rashba_wavevector : float, optional
        k_R = m alpha / hbar^2 in 1/angstrom.
    rashba_parameter : float, optional
        alpha in eV angstrom.
    momentum_cutoff : float, optional
        Lambda in 1/angstrom. Only on-site blocks of the gas in two and three dimensions need it:
        there the integral over k diverges, logarithmically and linearly, and the momentum in the
        xy plane is cut at Lambda. A contact scatterer of radius a corresponds to Lambda of the
        order 1/a. Blocks between different sites do not depend on it.

    Raises
    ------
    InputError
        If a parameter is missing, given twice, not finite or has no meaning.
    PrecisionError
        If JAX runs in single precision.

    References
    ----------
    Lounis, New J. Phys. 22, 103003 (2020), Eqs. 35-38 and 55; Imamura et al., Phys. Rev. B 69,
    121303 (2004).

    Examples
    --------
    >>> gas = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    >>> round(float(gas.fermi_energy), 6)
    0.406009
    """

    nambu: ClassVar[bool] = False

    dimension: int = eqx.field(static=True)
    effective_mass: Float[Array, ""]
    fermi_wavevector: Float[Array, ""]
    rashba_wavevector: Float[Array, ""]
    momentum_cutoff: Float[Array, ""] | None

    def __init__(
        self,
        dimension: int,
        *,
        effective_mass: Scalar,
        fermi_wavevector: Scalar | None = None,
        fermi_energy: Scalar | None = None,
        rashba_wavevector: Scalar | None = None,
        rashba_parameter: Scalar | None = None,
        momentum_cutoff: Scalar | None = None,
    ):
        require_x64("RashbaGas")
        if not isinstance(dimension, (int, np.integer)) or dimension not in (1, 2, 3):
            raise InputError(
                f"Argument `dimension` must be 1, 2 or 3, but it is {dimension!r}. Choose one."
            )
        _checks.positive_number("effective_mass", effective_mass, "electron masses")
        scale = HBAR2_OVER_ME / effective_mass
        wavevector = _one_of(
            "rashba_wavevector",
            rashba_wavevector,
            "rashba_parameter",
            None if rashba_parameter is None else rashba_parameter / scale,
            default=0.0,
        )
        _checks.number("rashba_wavevector", wavevector)
        wavevector = jnp.asarray(wavevector, float)
        from_energy = None
        if fermi_energy is not None:
            _checks.number("fermi_energy", fermi_energy)
            square = 2 * jnp.asarray(fermi_energy, float) / scale + wavevector**2
            _above_bottom(fermi_energy, square, -0.5 * scale * wavevector**2)
            from_energy = jnp.sqrt(square)
        fermi = _one_of("fermi_wavevector", fermi_wavevector, "fermi_energy", from_energy)
        _checks.positive_number("fermi_wavevector", fermi, "1/angstrom")
        self.dimension = int(dimension)
        self.effective_mass = jnp.asarray(effective_mass, float)
        self.fermi_wavevector = jnp.asarray(fermi, float)
        self.rashba_wavevector = jnp.asarray(wavevector, float)
        if momentum_cutoff is not None:
            _checks.positive_number("momentum_cutoff", momentum_cutoff, "1/angstrom")
            momentum_cutoff = jnp.asarray(momentum_cutoff, float)
        self.momentum_cutoff = momentum_cutoff

    @property
    def hbar2_over_mass(self) -> Float[Array, ""]:
        """hbar^2 / m* in eV angstrom^2."""
        return HBAR2_OVER_ME / self.effective_mass

    @property
    def fermi_energy(self) -> Float[Array, ""]:
        """E_F in eV, from the crossing point of the bands at k = 0."""
        return 0.5 * self.hbar2_over_mass * (self.fermi_wavevector**2 - self.rashba_wavevector**2)

    def wavevector(self, z: Energies) -> Complex[Array, " energy"]:
        """Return q(z) = sqrt(2 m z / hbar^2 + k_R^2) with Im q >= 0, in 1/angstrom."""
        scale, k = self._complex()
        root = jnp.sqrt(2 * jnp.asarray(z, complex) / scale + k * k)
        # A real energy is the limit from above; no sign of zero must decide on the branch.
        return jnp.where(root.imag < 0, -root, root)

    def blocks(self, z: Energies, sites: Sites, pairs: Pairs) -> Green:
        """Return G_ij(z); see `AbstractHost.blocks`. `sites` are positions (site, dim) in angstrom.

        Raises
        ------
        InputError
            If `sites` has the wrong shape, two sites coincide, an on-site block in two or three
            dimensions is asked for without a `momentum_cutoff`, or bonds of a three-dimensional gas
            with Rashba coupling are longer than 100 / q_F (up to 45 degrees out of the xy plane:
            300 / q_F). While JAX traces them, G of these is NaN.
        """
        positions = self._positions(sites)
        pairs = check_pairs(pairs, site_count(positions))
        onsite = pairs[:, 0] == pairs[:, 1]
        # G_ji has the A of G_ij and minus its B: every bond is computed once.
        ends, place = np.unique(np.sort(pairs[~onsite], axis=1), axis=0, return_inverse=True)
        bond = jnp.subtract(*jnp.take(positions, ends.T, axis=0))
        column = np.full(len(pairs), len(ends))
        column[~onsite] = place.ravel()
        sense = np.where(pairs[:, 0] > pairs[:, 1], -1.0, 1.0)
        self._check_reach(bond)
        known = self, bond, column, sense, bool(onsite.any())
        each = _BOND_BYTES * len(bond) + 64 * len(pairs)
        return map_items(_at_energies, known, (jnp.asarray(z, complex),), each)

    def blocks_and_coarse(
        self, z: Energies, sites: Sites, pairs: Pairs
    ) -> tuple[Green, Coarse | None]:
        """Return G_ij(z), and in three dimensions another that is as far off as it may be.

        See `AbstractHost.blocks_and_coarse`.
        """
        green = self.blocks(z, sites, pairs)
        if self.dimension < 3:
            return green, None
        positions, ends = self._positions(sites), np.asarray(pairs)
        bond = jnp.subtract(*jnp.take(positions, ends.T, axis=0))
        doubt = jnp.where(self.rashba_wavevector == 0, 0.0, self._doubt(bond))
        share = jax.lax.stop_gradient(1 - doubt)[:, None, None].astype(complex)
        other = Green(green.A * share, green.B * share[:, None])
        return green, Coarse(other, jnp.ones(len(green.A)))

    def contour(self, sites: Sites, nodes: int | None = None) -> Contour:
        """Return the line q = q_F + i s, made for all loops of two to six of the `sites`.

        Parameters
        ----------
        sites : real array, shape (site, dim)
            Positions in angstrom.
        nodes : int, optional
            Number of energies; by default chosen from the range of distances.
        """
        positions = self._positions(sites)
        if len(positions) < 2:
            raise InputError(
                "Argument `sites` must hold at least two sites, but it holds one. "
                "Use `RashbaGas.line` with the perimeters of the loops."
            )
        lengths = perimeters(positions, np.transpose(np.triu_indices(len(positions), 1)))
        return self.line(lengths.min(), 3 * lengths.max(), nodes)

    def line(
        self,
        shortest: Scalar,
        longest: Scalar | None = None,
        nodes: int | None = None,
    ) -> Contour:
        """Return the line q = q_F + i s for loops of perimeter `shortest` to `longest` (angstrom).

        See `msgreen.contour.fermi_line`.
        """
        return fermi_line(
            self.fermi_wavevector,
            self.rashba_wavevector,
            self.hbar2_over_mass,
            shortest,
            longest,
            nodes,
        )

    def has_levels(self, low: float, high: float) -> bool:
        """Whether there are levels between two energies; see `AbstractHost.has_levels`."""
        return high > -0.5 * float(self.hbar2_over_mass) * float(self.rashba_wavevector) ** 2

    @eqx.filter_jit
    def _blocks(self, z, bond, column, sense, onsite: bool) -> Green:
        """Return the blocks of the bonds, then of one site, in the order `column` and `sense`."""
        q = self.wavevector(z)[:, None]
        if self.dimension == 3:
            scalar, vector = self._in_space(q, bond)
        else:
            scalar, vector = self._between(q, jnp.linalg.norm(bond, axis=-1))
            vector = vector[..., None] * _bond_normal(bond).astype(complex)
        if onsite:
            scalar = jnp.concatenate([scalar, self._onsite(q)], axis=1)
            vector = jnp.concatenate([vector, jnp.zeros((len(q), 1, 3), complex)], axis=1)
        vector = vector[:, column] * sense[:, None].astype(complex)
        return Green(scalar[:, column, None, None], vector[..., None, None])

    def _between(self, q, distance):
        """Return A, and B along the bond normal, at distances > 0 (L Eqs. 38 and 55)."""
        scale, k = self._complex()
        distance = distance.astype(complex)
        if self.dimension == 1:
            wave = jnp.exp(1j * q * distance) / (q * scale)
            return -1j * wave * jnp.cos(k * distance), wave * jnp.sin(k * distance)
        # Both at once: the program is half as long.
        zeroth, first = hankel1_01(jnp.stack([q + k, q - k]) * distance)
        (plus0, minus0), (plus1, minus1) = zeroth, first
        plus, minus = (1 + k / q) / 4, (1 - k / q) / 4
        scalar = -1j * (plus * plus0 + minus * minus0) / scale
        return scalar, (plus * plus1 - minus * minus1) / scale

    def _in_space(self, q, bond):
        """Return A and B in three dimensions: -(m / 2 pi hbar^2) e^{iqR} / R without coupling.

        To first order in k_R, B = i k_R A along the normal times the length in the plane.
        """
        scale, k = self._complex()
        distance = jnp.linalg.norm(bond, axis=-1)
        x, y, z = bond.T
        # On the z axis the derivative of the root does not exist; that of G by it vanishes.
        across = jnp.sqrt(jnp.maximum(x**2 + y**2, (_ON_AXIS * distance) ** 2))

        def free():
            wave = jnp.exp(1j * q * distance.astype(complex)) / distance.astype(complex)
            scalar = -wave / (2 * np.pi * scale)
            return scalar, 1j * k * scalar

        def coupled():
            scalar, vector = sommerfeld(q[:, 0], k, across, z)
            near = self.fermi_wavevector * distance <= _reach(across, z)
            parts = -1j / (4 * scale) * scalar, vector / (4 * scale)
            return tuple(jnp.where(near, part, jnp.nan) for part in parts)

        scalar, vector = jax.lax.cond(self.rashba_wavevector == 0, free, coupled)
        normal = jnp.stack([y, -x, jnp.zeros_like(x)], axis=-1).astype(complex)
        return scalar, vector[..., None] * normal

    def _onsite(self, q):
        """Return G_ii: finite in one dimension, cut at k = momentum_cutoff in two and three.

        In two dimensions G_ii = -(m / 2 pi hbar^2) sum_(+-) int_0^Lambda k dk /
        [(k +- k_R)^2 - q^2], integrated by partial fractions. In three, with the integral over k_z
        done, it is -(i m / 4 pi hbar^2) sum_(+-) int_0^Lambda k dk / [q^2 - (k +- k_R)^2]^(1/2).
        All logarithms and roots are those of the closed upper half plane, where they are
        continuous.
        """
        scale, rashba = self._complex()
        if self.dimension == 1:
            return -1j / (q * scale)
        if self.momentum_cutoff is None:
            raise InputError(
                "Argument `momentum_cutoff` must be given for an on-site block of a gas in two or "
                "three dimensions, which diverges without it. Pass "
                "`RashbaGas(..., momentum_cutoff=...)` of about one over the radius of the "
                "scatterer, or use only loops over distinct sites."
            )
        cutoff = self.momentum_cutoff.astype(complex)
        if self.dimension == 3:
            ends = [_primitive(q, rashba, cutoff, sign) for sign in (1, -1)]
            return -1j / (4 * np.pi * scale) * (ends[0] + ends[1])
        total = jnp.zeros_like(q)
        for p in (q + rashba, q - rashba):
            total = total + p / (2 * q) * (
                jnp.log(p + cutoff) + jnp.log(p - cutoff) - 2 * jnp.log(p)
            )
        return -total / (2 * np.pi * scale)

    def _complex(self):
        """hbar^2 / m and k_R as complex numbers."""
        return self.hbar2_over_mass.astype(complex), self.rashba_wavevector.astype(complex)

    def _check_reach(self, bond) -> None:
        """Refuse bonds over which the integral of the gas in space is not accurate."""
        known = map(_checks.concrete, (bond, self.rashba_wavevector, self.fermi_wavevector))
        bond, coupling, fermi = known
        if self.dimension < 3 or bond is None or fermi is None or coupling == 0 or not len(bond):
            return
        distance = np.linalg.norm(bond, axis=-1)
        reach = np.asarray(_reach(np.linalg.norm(bond[:, :2], axis=-1), bond[:, 2])) / fermi
        worst = np.argmax(distance / reach)
        if distance[worst] > reach[worst]:
            raise InputError(
                "Argument `sites` must not be too far apart in three dimensions with Rashba "
                f"coupling, but some are {distance[worst]:.4g} angstrom, where G is accurate up to "
                f"{reach[worst]:.4g}. Leave them or the coupling out."
            )

    def _doubt(self, bond):
        """Largest error of the integral over k_z relative to G: that on the z axis is the largest.

        Measured against the closed form: 2e-13 at q_F R = 60, 2e-12 at 75, 6e-11 at 99.
        """
        steep = jnp.abs(bond[:, 2]) > jnp.linalg.norm(bond[:, :2], axis=-1)
        far = self.fermi_wavevector * jnp.linalg.norm(bond, axis=-1) > 30
        return jnp.where(steep & far, 1e-10, 1e-12)

    def _positions(self, sites) -> Float[Array, "site dim"]:
        positions = jnp.asarray(sites, float)
        if positions.ndim != 2 or positions.shape[1] != self.dimension or not len(positions):
            raise InputError(
                f"Argument `sites` must be positions of shape (site, {self.dimension}) in "
                f"angstrom, but its shape is {positions.shape}. Give one row per site."
            )
        _checks.distinct_sites("sites", positions)
        return positions


def _reach(across, along):
    """q_F R up to which the integral over k_z is right to 1e-10: it was measured, 1e-8 at 200.

    Up to 45 degrees out of the plane it is right to 1e-12 at 400, not at 600.
    """
    return jnp.where(jnp.abs(along) <= across, 300.0, 100.0)


_ON_AXIS = 1e-9
"""Distance from the z axis, in lengths of the bond, at which a bond is along it."""


def _primitive(q, rashba, cutoff, sign: int):
    """int_0^Lambda k dk / [q^2 - (k + sign k_R)^2]^(1/2), the root in the upper half plane.

    With p = k + sign k_R a primitive is -root - sign k_R i log(root - ip): the derivative of the
    logarithm is -i / root, and its argument stays in the right half plane.
    """
    shift = sign * rashba

    def at(p):
        root = jnp.sqrt(q**2 - p**2)
        root = jnp.where(root.imag < 0, -root, root)
        return -root - 1j * shift * jnp.log(root - 1j * p)

    return at(cutoff + shift) - at(shift)


def _at_energies(known, z) -> Green:
    gas, *bonds = known
    return gas._blocks(z, *bonds)


def _bond_normal(bond: Float[Array, "pair dim"]) -> Float[Array, "pair 3"]:
    """(sin b, -cos b, 0) for bonds r_i - r_j at angle b to the x axis (L, below Eq. 37).

    The direction of the bond follows from G_ij = sum_k e^{ik.(r_i - r_j)} G(k); L leaves it open.
    """
    unit = bond / jnp.linalg.norm(bond, axis=-1, keepdims=True)
    x = unit[:, 0]
    y = unit[:, 1] if bond.shape[1] == 2 else jnp.zeros_like(x)
    return jnp.stack([y, -x, jnp.zeros_like(x)], axis=-1)


def _above_bottom(fermi_energy, square, bottom) -> None:
    """Raise InputError unless the Fermi energy (eV) is above the bottom of the band."""
    found = _checks.concrete(square)
    if found is not None and found <= 0:
        raise InputError(
            f"Argument `fermi_energy` must be above the bottom of the band, {bottom:z.6g} eV, but "
            f"it is {fermi_energy:.6g} eV. Raise it, or give `fermi_wavevector`."
        )


def _one_of(name, value, other_name, other, default=None):
    """Return the one of two alternative parameters that is given."""
    if value is not None and other is not None:
        raise InputError(
            f"Argument `{name}` must not be given together with `{other_name}`, but both are. "
            "Give one of them."
        )
    chosen = other if value is None else value
    if chosen is None and default is None:
        raise InputError(
            f"Argument `{name}` must be given (or `{other_name}`), but neither is. Add one."
        )
    return default if chosen is None else chosen
