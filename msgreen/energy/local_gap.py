"""The gap equation of a finite lattice, bond by bond, with edges, vacancies and spins in place.

Every bond e of a channel c (every site, for pairs on sites) has an amplitude of its own,

    Delta_e = -V_c <phi_e, rho_e> / <phi_e, phi_e>,

rho being the block of f(H) from particles to holes, and H the matrix of the whole lattice.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.sparse.linalg import gmres
from msgreen_kernels import linalg

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float, Num
from msgreen.energy.occupation import fermi_matrix, level_free_energy
from msgreen.errors import InputError
from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.hosts.superconductor import Superconductor
from msgreen.lattice import Region
from msgreen.lattice.attraction import Attraction
from msgreen.lattice.nambu import Pairing, double
from msgreen.scattering.contact import AbstractScatterer, check_scatterer

LARGEST_MATRIX = 4096
"""Size of the matrix, an estimate: one diagonalisation of 1024 sites takes a minute, and there are
some tens."""

_STEPS = 4
"""Steps of Newton's method; from 1e-3 of the gap three leave rounding."""

_SOLVED = 1e-7
"""Part of the gap by which the equation may fail."""

_POWERS = 60
"""Powers of the response in which what grows is looked for."""

_UNSTABLE = 1e-6
"""What may be rounding of a growth of 1."""

_NOTHING = 1e-9
"""Amplitude in eV below which there is no gap."""


class LocalGap(eqx.Module):
    """A self-consistent pair potential that differs from bond to bond.

    Attributes
    ----------
    amplitudes : complex array, shape (channel, *box, hop, atom, atom)
        Delta in eV of every bond from the atom (first) of a cell over a hop of the attraction to
        another (last); zero where there is none. Differentiable with respect to whatever it depends
        on, the directions of the spins too; a common phase is free, and kept that of the start.
    error : float
        Last change of the amplitudes and what is left of the equation, in eV.
    free_energy : float
        Of lattice and spins in eV, up to a constant of the normal model; not differentiated. At a
        solution its derivatives are those of fixed amplitudes.
    condensation : float
        Free energy gained against no gap, in eV.
    attraction : Attraction
    normal : FiniteLattice
    """

    amplitudes: Complex[Array, "channel ..."]
    error: Float[Array, ""]
    free_energy: Float[Array, ""]
    condensation: Float[Array, ""]
    attraction: Attraction
    normal: FiniteLattice

    def pairing(self) -> Pairing:
        """Return the pair potential."""
        return _pairing(self.attraction, self.amplitudes)

    def superconductor(self, gap: float | None = None) -> Superconductor:
        """Return the normal host with this pair potential, but without the spins."""
        return Superconductor(self.normal, self.pairing(), gap=gap)

    def order_parameter(self) -> Complex[Array, "channel ..."]:
        """Return the mean over the bonds of every atom, weighted as in the free energy.

        Returns
        -------
        complex array, shape (channel, *box, atom)
            In eV.
        """
        weights = _weights(self.attraction)
        dim = self.normal.model.lattice.dimension
        weights = weights.reshape(len(weights), *(1,) * dim, *weights.shape[1:])
        present = _bonds(self.normal, self.attraction).real
        total = jnp.sum(weights * present, axis=(-3, -1))
        summed = jnp.sum(weights.astype(complex) * self.amplitudes, axis=(-3, -1))
        return summed / jnp.where(total > 0, total, 1.0).astype(complex)


def local_gap(
    normal: FiniteLattice,
    attraction: Attraction,
    scatterer: AbstractScatterer | None = None,
    sites: Num[ArrayLike, "site ..."] | None = None,
    directions: Float[ArrayLike, "site 3"] | None = None,
    *,
    start: Complex[ArrayLike, "channel ..."] | None = None,
) -> LocalGap:
    """Return the self-consistent pair potential of a finite lattice with spins in place.

    Parameters
    ----------
    normal : FiniteLattice
        With any edges, vacancies and disorder; the whole matrix is diagonalised.
    attraction : Attraction
        Of the same lattice. Every bond of a channel finds its own amplitude.
    scatterer : AbstractScatterer, optional
        With a potential that does not depend on energy; all three of the next or none.
    sites : int array, shape (site, dim + 1), optional
    directions : real array, shape (site, 3), optional
        Unit vectors.
    start : complex array, shape (channel,) or that of `LocalGap.amplitudes`, optional
        Amplitudes in eV to start from, by default half of the strengths. It decides where there are
        several solutions: beyond the coupling at which a spin binds an electron two coexist.

    Returns
    -------
    LocalGap

    Raises
    ------
    InputError
        If lattice or scatterer do not fit, the matrix is larger than 4096, or the start leads to no
        solution.

    References
    ----------
    Salkola, Balatsky, Schrieffer, Phys. Rev. B 55, 12648 (1997).

    Examples
    --------
    >>> from msgreen.lattice import Lattice, Region, shell_model
    >>> from msgreen.lattice.nambu import s_wave
    >>> square = Lattice.square()
    >>> metal = FiniteLattice(
    ...     shell_model(square, [-1.0]), Region(square, (3, 3)), fermi_energy=-1.0, temperature=0.1
    ... )
    >>> found = local_gap(metal, Attraction([s_wave(square, 1.0)], [3.0]))
    >>> np.abs(found.order_parameter()[0, :, 1, 0]).round(3).tolist()
    [0.806, 0.652, 0.806]
    """
    present = _bonds(normal, attraction)
    numbers, potential = _potential(normal, scatterer, sites, directions)
    amplitudes = 0.5 * attraction.strengths if start is None else start
    _checks.finite_array("start", amplitudes, present.shape[:1], present.shape)
    amplitudes = jnp.asarray(amplitudes).astype(complex)
    if amplitudes.ndim == 1:
        amplitudes = amplitudes.reshape(-1, *(1,) * (present.ndim - 1))
    problem = _Problem(normal, attraction, present, potential, numbers)
    found, step, left, energies, growth = _solved(problem, _real(amplitudes * present))
    _check_solution(left, found, growth)
    error = jnp.abs(step).max() + jnp.abs(left).max()
    gained = energies[1] - energies[0]
    return LocalGap(_complex(found), error, energies[0], gained, attraction, normal)


def _bonds(normal: FiniteLattice, attraction: Attraction) -> Complex[Array, "channel ..."]:
    """Return one where a channel has a bond within the lattice, of the shape of the amplitudes."""
    if not isinstance(normal, FiniteLattice):
        raise InputError(
            "Argument `normal` must be a FiniteLattice to have a gap of every bond, but it is "
            f"{type(normal).__name__}. Use `uniform_gap`."
        )
    model, region = normal.model, normal.region
    fits = attraction.forms.shape[-3:] == model.blocks.shape[-3:]
    if attraction.lattice != model.lattice or not fits:
        raise InputError(
            "Argument `attraction` must have the lattice and the orbitals of `normal`, but they "
            "differ. Build both from the same Lattice."
        )
    size = 2 * model.blocks.shape[-1] * len(region.sites())
    if size > LARGEST_MATRIX:
        raise InputError(
            f"Argument `normal` must have a matrix of at most {LARGEST_MATRIX} rows with particles "
            f"and holes, but it has {size}. Take a smaller lattice."
        )
    number = _numbers(region)
    ends = _ends(region, number, attraction.cells)
    inside = (number[..., None, :, None] >= 0) & (ends[..., None, :] >= 0)
    weights = _weights(attraction)
    weights = weights.reshape(len(weights), *(1,) * len(region.shape), *weights.shape[1:])
    return ((weights > 0) & inside).astype(complex)


def _numbers(region: Region) -> np.ndarray:
    """Return the row of every site in the matrix, (*box, atom), -1 where there is none."""
    number = np.full((*region.shape, region.lattice.atoms), -1)
    rows = region.sites()
    number[tuple(rows.T)] = np.arange(len(rows))
    return number


def _ends(region: Region, number: np.ndarray, cells) -> np.ndarray:
    """Return the rows of the sites that are one hop away, (*box, hop, atom), -1 outside."""
    found = []
    for cell in cells:
        ends = np.roll(number, tuple(-n for n in cell), axis=tuple(range(len(cell))))
        for axis, (step, length) in enumerate(zip(cell, region.shape, strict=True)):
            place = np.arange(length) + step
            if not region.periodic[axis]:
                ends[(slice(None),) * axis + ((place < 0) | (place >= length),)] = -1
        found.append(ends)
    return np.stack(found, axis=-2)


def _rows(region: Region, cells) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
    """Return all bonds inside: indices (*box, hop, atom, atom), then the rows of both sites."""
    number = _numbers(region)
    ends = _ends(region, number, cells)
    inside = (number[..., None, :, None] >= 0) & (ends[..., None, :] >= 0)
    index = np.nonzero(inside)
    cell, (hop, first, last) = index[:-3], index[-3:]
    return index, number[(*cell, first)], ends[(*cell, hop, last)]


def _potential(normal: FiniteLattice, scatterer, sites, directions):
    """Return the rows of the spins in the matrix, and their potentials (site, n, n) or None."""
    given = [part is not None for part in (scatterer, sites, directions)]
    if not any(given):
        return (), None
    if not all(given):
        raise InputError(
            "Argument `directions` must come with `scatterer` and `sites`, but not all are given. "
            "Give all three, or none for a lattice without spins."
        )
    rows = normal.region.check_sites(sites)
    _checks.finite_array("directions", directions, (len(rows), 3))
    _checks.unit_vectors("directions", directions)
    z = jnp.zeros(1, complex)
    check_scatterer(scatterer, z, len(rows), normal.model.blocks.shape[-1])
    numbers = tuple(_numbers(normal.region)[tuple(rows.T)].tolist())
    return numbers, scatterer.potential(z, jnp.asarray(directions, float))[0]


def _weights(attraction: Attraction) -> Float[Array, "channel hop atom atom"]:
    """Return tr(phi^+ phi) of every bond."""
    return jnp.sum(jnp.abs(attraction.forms) ** 2, axis=(3, 5))


def _pairing(attraction: Attraction, amplitudes) -> Pairing:
    """Return sum_c Delta_e phi_c as a pair potential of every cell."""
    blocks = jnp.einsum("c...hab,chasbt->...hasbt", amplitudes, attraction.forms)
    return Pairing(attraction.lattice, attraction.cells, blocks)


def _real(amplitudes) -> Float[Array, "2 ..."]:
    return jnp.stack([amplitudes.real, amplitudes.imag])


def _complex(parts) -> Complex[Array, "..."]:
    return jax.lax.complex(parts[0], parts[1])


class _Problem(eqx.Module):
    """What the amplitudes depend on; as unknowns they are real and imaginary parts."""

    normal: FiniteLattice
    attraction: Attraction
    present: Complex[Array, "channel ..."]
    potential: Complex[Array, "site spinorb spinorb"] | None
    spins: tuple[int, ...] = eqx.field(static=True)

    def matrix(self, parts) -> Complex[Array, "row column"]:
        """Return H of Bogoliubov and de Gennes, sites before spin, particle or hole, orbital."""
        normal, region = self.normal, self.normal.region
        pairing = _pairing(self.attraction, _complex(parts))
        momentum = jnp.zeros(len(region.shape))
        model = double(normal.model, pairing, normal.fermi_energy, momentum)
        index, start, end = _rows(region, model.cells)
        blocks = jnp.moveaxis(model.blocks, -2, -3)[index]
        count, size = len(region.sites()), blocks.shape[-1]
        matrix = jnp.zeros((count, count, size, size), complex).at[start, end].add(blocks)
        if self.potential is not None:
            place = np.array(self.spins)
            matrix = matrix.at[place, place].add(self.potential)
        matrix = jnp.swapaxes(matrix, 1, 2).reshape(count * size, count * size)
        # The amplitudes of a bond from both its ends are unknowns of their own: their mean counts.
        return 0.5 * (matrix + matrix.conj().T)

    def response(self, parts) -> Float[Array, "2 ..."]:
        """Return -V <phi, rho> / <phi, phi> of every bond."""
        matrix, attraction = self.matrix(parts), self.attraction
        index, start, end = _rows(self.normal.region, attraction.cells)
        forms = jnp.moveaxis(attraction.forms, -2, -3)
        size = forms.shape[-1]
        count = matrix.shape[0] // (2 * size)
        density = fermi_matrix(matrix, self.normal.temperature)
        density = density.reshape(count, 2, 2, size // 2, count, 2, 2, size // 2)
        # From holes to particles, as the pair potential in the matrix.
        density = density[start, :, 0, :, end, :, 1].reshape(len(start), size, size)
        bond = forms[(slice(None), *index[-3:])]
        found = jnp.sum(bond.conj() * density, axis=(-2, -1))
        weights = _weights(attraction)[(slice(None), *index[-3:])]
        scale = -attraction.strengths[:, None] / jnp.where(weights > 0, weights, 1.0)
        found = scale.astype(complex) * found
        value = jnp.zeros_like(self.present).at[(slice(None), *index)].set(found)
        return _real(value)

    def scale(self) -> Float[Array, "2 ..."]:
        """Return the square roots of what pairs cost, in which the response is symmetric."""
        weights = _weights(self.attraction) / self.attraction.strengths[:, None, None, None]
        weights = weights.reshape(len(weights), *(1,) * (self.present.ndim - 4), *weights.shape[1:])
        present = self.present.real > 0
        weights = jnp.broadcast_to(jnp.where(weights > 0, weights, 1.0), present.shape)
        return jnp.sqrt(jnp.stack([jnp.where(present, weights, 1.0)] * 2))

    def free_energy(self, parts) -> Float[Array, ""]:
        """Return the free energy of the lattice, pairs included."""
        levels = linalg.eigvalsh(self.matrix(parts))
        weights = _weights(self.attraction) / self.attraction.strengths[:, None, None, None]
        pairs = jnp.einsum("c...hab,chab->", jnp.abs(_complex(parts)) ** 2, weights)
        return 0.5 * level_free_energy(levels, self.normal.temperature) + 0.5 * pairs


@eqx.filter_jit
def _solved(problem: _Problem, start):
    """Return amplitudes, their last step, what is left, free energies and the growth of deviations.

    Newton's step from the solution, with the operator held fixed, has the derivative of the
    solution: x = x0 - A^-1 r(x0, p). A turn of the common phase changes nothing; where A has it in
    its null space, |i x><i x| is added, which keeps it that of the start.
    """
    # Imported where it is used, because it takes a third of the time of importing this package.
    import optimistix

    frozen = jax.lax.stop_gradient(problem)
    scale = frozen.scale()

    @jax.custom_vjp
    def energy(y):
        return frozen.free_energy(y / scale)

    def slope_of(y, grown):
        x = y / scale
        return (grown * scale * (x - frozen.response(x)),)

    energy.defvjp(lambda y: (energy(y), y), slope_of)
    near = optimistix.minimise(
        lambda y, _: energy(y),
        optimistix.LBFGS(rtol=1e-6, atol=1e-8),
        jax.lax.stop_gradient(start) * scale,
        max_steps=500,
        throw=False,
    ).value
    near = near / scale

    def left(x):
        return x - frozen.response(x)

    def newton(x, residual, slope):
        turned = jnp.stack([-x[1], x[0]])
        length = jnp.linalg.norm(turned)
        turned = turned / jnp.where(length > 0, length, 1.0)

        def operator(v):
            return slope(v) + turned * jnp.vdot(turned, v)

        return gmres(operator, residual, tol=1e-10, atol=1e-14, restart=40, maxiter=10)[0]

    def improved(_, x):
        return x - newton(x, *jax.linearize(left, x))

    fixed = jax.lax.stop_gradient(jax.lax.fori_loop(0, _STEPS, improved, near))
    _, slope = jax.linearize(left, fixed)
    residual = fixed - problem.response(fixed)
    step = newton(fixed, residual, slope)
    found = fixed - step
    last = jax.lax.stop_gradient(found)
    energies = frozen.free_energy(last), frozen.free_energy(jnp.zeros_like(last))
    growth = _growth(lambda v: scale * (v / scale - slope(v / scale)), scale * last)
    return found, jax.lax.stop_gradient(step), left(last), energies, growth


def _growth(operator, solution) -> Float[Array, ""]:
    """Return the largest eigenvalue of a symmetric operator beside that of the common phase.

    More than 1 tells that iteration leads away from the solution: it is no minimum.
    """
    turned = jnp.stack([-solution[1], solution[0]])
    length = jnp.linalg.norm(turned)
    turned = turned / jnp.where(length > 0, length, 1.0)

    def powered(_, state):
        vector = operator(state[0])
        vector = vector - turned * jnp.vdot(turned, vector)
        size = jnp.linalg.norm(vector)
        return vector / jnp.where(size > 0, size, 1.0), size

    wave = jnp.sin(jnp.arange(1.0, solution.size + 1)).reshape(solution.shape)
    wave = wave / jnp.linalg.norm(wave)
    return jax.lax.fori_loop(0, _POWERS, powered, (wave, jnp.zeros(())))[1]


def _check_solution(left, found, growth) -> None:
    """Refuse what is no solution, and what is no minimum of the free energy."""
    residual, amplitudes = _checks.concrete(left), _checks.concrete(found)
    if residual is None or amplitudes is None:
        return
    worst = np.abs(residual).max()
    if not worst <= _SOLVED * np.abs(amplitudes).max() + _NOTHING:
        raise InputError(
            "Argument `start` must lead to a solution of the gap equation, but what is left of it "
            f"is {worst:.1e} eV. Give amplitudes nearer to it."
        )
    if float(growth) > 1 + _UNSTABLE:
        raise InputError(
            "Argument `start` must lead to a minimum of the free energy, but what was found is "
            f"none: deviations grow by {float(growth):.6f} a step. Give amplitudes of other phases."
        )
