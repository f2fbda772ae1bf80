"""Two spins in a host, to all orders: E(S1, S2) of many pairs that share one Green function.

Per pair, Lloyd's formula is E = E_1(S1) + E_2(S2) + E_12 with the connected part

    E_12 = (1/pi) Im int ln det[1 - t_1(S1) G_12 t_2(S2) G_21].

Three ways lead from the surface E(S1, S2) to the coefficients of

    F = F0 + mu.(S1 + S2) + sum_a J_a S1_a S2_a + D.(S1 x S2)                       (O 1)

and of what O's form lacks: the field of opposite sign on the two spins, and the symmetric couplings
of different components. They agree where E is bilinear: a fit to 36 configurations, derivatives
about collinear configurations, and the expansion in spherical harmonics, which also shows what the
form omits.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import slogdet

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float, Pairs, Sites
from msgreen.blocks import map_items
from msgreen.contour import Contour
from msgreen.contour.base import ROUNDING
from msgreen.energy.free_levels import nodes_and_ends, refuse_levels
from msgreen.energy.pair_form import AXES, PairCoefficients, fitted_form, weights
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.hosts.base import (
    AbstractHost,
    check_pairs,
    checked_blocks,
    host_factor,
    mesh_error,
    site_count,
)
from msgreen.scattering.contact import AbstractScatterer, check_scatterer, resummed
from msgreen.spin.harmonics import harmonic_count, solid_harmonics
from msgreen.spin.sphere import sphere_rule


class HarmonicExpansion(NamedTuple):
    """E(S1, S2) = sum_LM c_LM Y_L(S1) Y_M(S2) in real spherical harmonics, in eV.

    Attributes
    ----------
    F0 : real array, shape (pair,)
        The mean over all directions.
    mu : real array, shape (pair, 2, 3)
        Field on each of the two spins.
    K : real array, shape (pair, 3, 3)
        The bilinear part S1.K.S2.
    rest : real array, shape (pair, degree + 1, degree + 1)
        Root mean square over both spheres of the part of degree l in S1 and l' in S2.
    coefficients : real array, shape (pair, harmonic, harmonic)
        c_LM, in the order of `msgreen.spin.harmonics.solid_harmonics`.
    """

    F0: Float[Array, " pair"]
    mu: Float[Array, "pair 2 3"]
    K: Float[Array, "pair 3 3"]
    rest: Float[Array, "pair degree degree"]
    coefficients: Float[Array, "pair harmonic harmonic"]


class SpinPairs(eqx.Module):
    """Energies of pairs of spins, each pair alone in the host.

    Parameters
    ----------
    host : AbstractHost
    scatterer : AbstractScatterer
    sites : array with one row per site
    pairs : int array, shape (pair, 2)
        Rows of `sites`; the two must differ.
    contour : Contour, optional
        By default ``host.contour(sites)``.

    Raises
    ------
    InputError
        If a pair holds one site twice, or the host has levels where the contour assumes none; and
        by every method, if a pair has. Nothing is checked of values that JAX traces.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from msgreen import ContactCoupling
    >>> from msgreen.hosts.finite_lattice import FiniteLattice
    >>> from msgreen.lattice import Lattice, Region, shell_model
    >>> square = Lattice.square()
    >>> metal = FiniteLattice(
    ...     shell_model(square, [-1.0]), Region(square, (9, 9)), fermi_energy=-3.0, temperature=0.1
    ... )
    >>> sites = [[4, 4, 0], [5, 4, 0]]
    >>> found = SpinPairs(metal, ContactCoupling(-0.5), sites, [[0, 1]]).fit()
    >>> bool(jnp.allclose(found.J[0], found.J[0, 0])), bool(abs(found.D).max() < 1e-12)
    (True, True)
    """

    onsite: Complex[Array, "energy pair 2 size size"]
    forward: Complex[Array, "energy pair size size"]
    backward: Complex[Array, "energy pair size size"]
    coarse: tuple[Array, Array, Array] | None
    ratio: Float[Array, " energy"] | None
    edges: Complex[Array, "end pair 2 size 2 size"]
    scatterer: AbstractScatterer
    path: Contour
    pairs: tuple[tuple[int, int], ...] = eqx.field(static=True)
    count: int = eqx.field(static=True)
    prefactor: float = eqx.field(static=True)

    def __init__(
        self,
        host: AbstractHost,
        scatterer: AbstractScatterer,
        sites: Sites,
        pairs: Pairs,
        contour: Contour | None = None,
    ):
        self.count = site_count(sites)
        array = check_pairs(pairs, self.count)
        if (array[:, 0] == array[:, 1]).any():
            raise InputError(
                "Argument `pairs` must hold two different sites per pair, but one holds site "
                f"{int(array[array[:, 0] == array[:, 1]][0, 0])} twice. "
                "Remove that pair."
            )
        self.pairs = tuple((int(i), int(j)) for i, j in array)
        self.path = host.contour(sites) if contour is None else contour
        self.scatterer = scatterer
        self.prefactor = host_factor(host)
        z, count = nodes_and_ends(host, self.path), len(self.path.nodes)
        fine, coarse, ratio = _blocks(host, z, sites, array)
        check_scatterer(scatterer, self.path.nodes, self.count, fine[0].shape[-1] // 2)
        self.onsite, self.forward, self.backward = (part[:count] for part in fine)
        self.coarse = None if coarse is None else jax.tree.map(lambda a: a[:count], coarse)
        self.ratio = None if ratio is None else ratio[:count]
        self.edges = _as_pairs(*(part[count:] for part in fine))

    def energies(
        self, first: Float[ArrayLike, "first 3"], second: Float[ArrayLike, "second 3"]
    ) -> Estimate[Float[Array, "pair first second"]]:
        """Return E(S1, S2) in eV for all combinations of two lists of directions.

        Parameters
        ----------
        first, second : real arrays, shape (a, 3) and (b, 3)
            Unit vectors.

        Returns
        -------
        Estimate
            Shape (pair, a, b), single-site energies included. The error is that of the contour, of
            the mesh of the host and of rounding. For hosts with a mesh the determinants are made
            twice.

        Raises
        ------
        InputError
            If a pair has a level where the contour assumes none.
        """
        for name, vectors in (("first", first), ("second", second)):
            _checks.unit_vectors(name, vectors)
        first, second = jnp.asarray(first, float), jnp.asarray(second, float)
        self._check_levels(first, second)
        return _surface(self, first, second)

    def fit(self) -> PairCoefficients:
        """Return the coefficients by least squares from the 36 configurations of paper O."""
        axes = jnp.asarray(AXES)
        self._check_levels(axes, axes)
        value, error = _surface(self, axes, axes, jnp.asarray(weights()))
        return PairCoefficients(*fitted_form(value.reshape(len(self.pairs), 36)), error=error)

    def lone_fields(self) -> Estimate[Float[Array, "pair 2 3"]]:
        """Return the field that each spin of a pair feels without the other.

        Half the difference of its energies along +x and -x, ..., in eV; zero where time reversal
        holds.
        """
        axes = jnp.asarray(AXES)
        self._check_levels(axes, axes)
        return _lone_fields(self, axes)

    def derivatives(self) -> tuple[Float[Array, "pair 2 3"], Float[Array, "pair 3 3"]]:
        """Return fields and bilinear couplings by exact derivatives about collinear spins.

        All twelve references S1, S2 = +-e_c are averaged; with E bilinear every one gives the
        same.

        Returns
        -------
        mu : real array, shape (pair, 2, 3)
            Field on each spin, in eV.
        K : real array, shape (pair, 3, 3)
            S1.K.S2 in eV: J_a = K_aa, D = antisymmetric part, D_z = (K_xy - K_yx) / 2.
        """
        references = [(s * np.eye(3)[c], r * np.eye(3)[c]) for c in range(3) for s, r in _SIGNS]
        self._check_levels(jnp.asarray(AXES), jnp.asarray(AXES))
        return _derivatives(self, jnp.asarray(np.array(references)))

    def harmonics(self, degree: int = 3) -> HarmonicExpansion:
        """Return the expansion in spherical harmonics of both spins up to a degree.

        Parameters
        ----------
        degree : int
            Largest l, at least 1. The quadrature on the spheres is exact for surfaces of degree
            `degree` + 1 and aliases higher parts.
        """
        _checks.whole_number("degree", degree, 1)
        points, weights = map(jnp.asarray, sphere_rule(degree))
        value, _ = self.energies(points, points)
        harmonics = solid_harmonics(points, degree) * weights[:, None]
        found = jnp.einsum("pab,am,bn->pmn", value, harmonics, harmonics)
        cartesian = np.array([3, 1, 2])
        unit = 4 * np.pi
        fields = [found[:, cartesian, 0], found[:, 0, cartesian]]
        power = found**2 / unit**2
        edges = [harmonic_count(n) for n in range(degree + 1)]
        split = [
            jnp.split(part, edges[:-1], axis=2) for part in jnp.split(power, edges[:-1], axis=1)
        ]
        rest = jnp.stack([jnp.stack([q.sum(axis=(1, 2)) for q in row], -1) for row in split], -2)
        return HarmonicExpansion(
            found[:, 0, 0] / unit,
            np.sqrt(3) / unit * jnp.stack(fields, axis=1),
            3 / unit * found[:, cartesian][:, :, cartesian],
            jnp.sqrt(rest),
            found,
        )

    def second_order(self) -> Float[Array, "pair 3 3"]:
        """Return the RKKY limit: S1.K.S2 of second order in the coupling, K in eV."""
        vertex = self.scatterer.vertex(self.path.nodes, self.count)
        i, j = np.array(self.pairs).T
        out = jnp.einsum("epkab,epbc->epkac", vertex[:, i], self.forward)
        back = jnp.einsum("epkab,epbc->epkac", vertex[:, j], self.backward)
        trace = jnp.einsum("epkac,eplca->epkl", out, back)
        return -self.prefactor * self.path.integrate(trace)[0]

    def second_order_parts(self) -> tuple[Float[Array, "pair 3 3"], Float[Array, "pair 3 3"]]:
        """Return what normal and what anomalous Green functions add to `second_order`, in eV.

        Both blocks between the sites join particle to particle and hole to hole, or both change
        one into the other.

        Raises
        ------
        InputError
            If the host is no superconductor with one orbital per site.

        References
        ----------
        Ouassou, Yokoyama, Linder, arXiv:2407.07144, Eq. 4: the terms of g and of f.
        """
        size = self.onsite.shape[-1]
        if self.prefactor != 0.5 or size != 4:
            raise InputError(
                "Argument `host` must be a superconductor with one orbital per site to have normal "
                "and anomalous parts, but it is another host. Use `second_order`."
            )
        kept = np.tile(np.eye(2, dtype=complex), (2, 2))  # (spin, particle or hole)
        parts = []
        for mask in (kept, 1 - kept):
            part = eqx.tree_at(
                lambda p: (p.forward, p.backward), self, (mask * self.forward, mask * self.backward)
            )
            parts.append(part.second_order())
        return parts[0], parts[1]

    @eqx.filter_jit
    def potentials(
        self, directions: Float[Array, "direction 3"], z: Complex[Array, " energy"]
    ) -> Complex[Array, "direction energy site size size"]:
        """Return V of every site for every direction."""

        def one(direction):
            spins = jnp.broadcast_to(direction, (self.count, 3))
            return self.scatterer.potential(z, spins)

        return jax.vmap(one)(directions)

    def _check_levels(self, first, second) -> None:
        """Refuse levels of a pair where the contour assumes none."""
        if not len(self.edges) or _checks.concrete(first) is None:
            return
        ends = self.path.ends.astype(complex)
        left, right = (
            np.moveaxis(np.asarray(self.potentials(vectors, ends)), 0, 1)
            for vectors in (first, second)
        )
        a, b = (m.ravel() for m in np.meshgrid(range(len(first)), range(len(second))))
        for number, (i, j) in enumerate(self.pairs):

            def describe(n, number=number):
                spins = f"along {np.asarray(first[a[n]])} and {np.asarray(second[b[n]])}"
                return f"the host with pair {number} of sites {self.pairs[number]} {spins}"

            potential = np.stack([left[:, a, i], right[:, b, j]], axis=2)
            refuse_levels(self.path, self.edges[:, number], potential, describe)


_SIGNS = ((1, 1), (1, -1), (-1, 1), (-1, -1))


def _blocks(host, z, sites, pairs):
    """G on the sites and between them, the same from a coarser mesh, and its ratio.

    The shapes are (energy, pair, two, n, n) and twice (energy, pair, n, n).
    """
    used, place = np.unique(pairs, return_inverse=True)
    place = place.reshape(pairs.shape)
    wanted = np.concatenate([np.stack([used, used], axis=1), pairs, pairs[:, ::-1]])

    fine, coarse = checked_blocks(host, z, sites, wanted)
    less = (None, None) if coarse is None else (_parts(coarse.green, place), coarse.ratio)
    return _parts(fine, place), *less


@jax.jit
def _parts(green, place):
    """G on the sites of pairs, whose places among all sites are given, there and back."""
    found, count = green.matrix(), len(place)
    return found[:, place], found[:, -2 * count : -count], found[:, -count:]


@jax.jit
def _as_pairs(onsite, forward, backward):
    """Assemble the 2 x 2 site blocks of every pair."""
    first = jnp.stack([onsite[:, :, 0], forward], axis=3)
    second = jnp.stack([backward, onsite[:, :, 1]], axis=3)
    return jnp.stack([first, second], axis=2)


@eqx.filter_jit
def _lone_fields(pairs: SpinPairs, axes):
    """Half the differences of the energies of single spins along +x and -x, ..."""
    potential = pairs.potentials(axes, pairs.path.nodes)[:, :, np.array(pairs.pairs)]
    unit = jnp.eye(pairs.onsite.shape[-1], dtype=complex)
    single = slogdet(unit - pairs.onsite @ potential)[1]
    found = pairs.path.integrate((single[::2] - single[1::2]) / 2, axis=1, doubt=ROUNDING)
    return Estimate(*(jnp.moveaxis(part, 0, -1) for part in found.scaled(pairs.prefactor)))


def _surface(pairs: SpinPairs, first, second, rows=None):
    """E(S1, S2) and its error; with `rows` (coefficient, 36) that of combinations of energies."""
    each = 16 * len(pairs.path.nodes) * len(first) * len(second) * pairs.forward.shape[-1] ** 2
    numbers = np.arange(len(pairs.pairs))
    return map_items(_surface_of, (pairs, first, second, rows), (numbers,), each)


@eqx.filter_jit
def _surface_of(known, numbers):
    """`_surface` of some pairs, one after the other, so that memory stays bounded."""
    pairs, first, second, rows = known
    green = pairs.onsite, pairs.forward, pairs.backward
    green, coarse = jax.tree.map(lambda a: jnp.moveaxis(a, 1, 0), (green, pairs.coarse))
    one, two = (
        jnp.moveaxis(pairs.potentials(spins, pairs.path.nodes)[:, :, ends], 2, 0)
        for spins, ends in zip((first, second), np.array(pairs.pairs).T, strict=True)
    )
    inputs = jax.tree.map(lambda a: a[numbers], (one, two, green, coarse))

    def combined(energies):
        return energies if rows is None else rows @ energies.reshape(36, -1)

    def of_pair(arrays):
        one, two, green, coarse = arrays
        total = _log_determinants(one, two, *green)
        wanted, doubt = combined(total), ROUNDING
        if coarse is not None:
            less = combined(_log_determinants(one, two, *coarse))
            doubt = mesh_error(wanted, less, pairs.ratio, axis=-1) + ROUNDING
        error = pairs.path.integrate(wanted, axis=-1, doubt=doubt)[1]
        return pairs.path.integrate(total, axis=-1)[0], error

    value, error = jax.lax.map(of_pair, inputs)
    return Estimate(value, error).scaled(pairs.prefactor)


def _log_determinants(one, two, onsite, forward, backward):
    """Ln |det(1 - G V)| of one pair for all combinations of its potentials (a, b, energy)."""
    unit = jnp.eye(forward.shape[-1], dtype=complex)
    left = resummed(one, onsite[:, 0]) @ forward
    right = resummed(two, onsite[:, 1]) @ backward
    linked = unit - jnp.einsum("aeij,bejk->abeik", left, right)
    single = [
        slogdet(unit - onsite[:, 0] @ one)[1][:, None],
        slogdet(unit - onsite[:, 1] @ two)[1][None],
    ]
    return slogdet(linked)[1] + single[0] + single[1]


@eqx.filter_jit
def _derivatives(pairs: SpinPairs, references):
    """Average of first and mixed second derivatives in the tangent planes."""

    def energy(one, two, reference):
        spins = [s + u for s, u in zip(reference, (one, two), strict=True)]
        unit = [(s / jnp.linalg.norm(s))[None] for s in spins]
        return _surface(pairs, *unit)[0][:, 0, 0]

    def at(reference):
        zero = jnp.zeros(3)
        fields = [jax.jacfwd(energy, n)(zero, zero, reference) for n in (0, 1)]
        mixed = jax.jacfwd(jax.jacfwd(energy, 1), 0)(zero, zero, reference)
        return jnp.stack(fields, axis=1), jnp.swapaxes(mixed, -1, -2)

    fields, mixed = jax.lax.map(at, references)
    across = 1.0 - jnp.abs(references[:, 0])
    seen = jnp.einsum("ra,rb->rab", across, across)
    coupling = mixed.sum(axis=0) / seen.sum(axis=0)
    return fields.sum(axis=0) / across.sum(axis=0), coupling
