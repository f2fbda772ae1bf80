"""Interactions that phonons carry between spins, as 3 x 3 tensors.

Spins couple to displacements by H = -sum_i e_i . T_i u_i with unit vectors e_i and couplings T_i
in eV/angstrom. The phonons then give every pair the energy e_i . D_ij . e_j with

    D_ij(z) = sum_q W_q(i) W_q(j)^+ d_q(z) e^{iq.R},    W_q(i) = l_q T_i eps_q,   R = r_i - r_j,
    d_q(z) = 1/(z - omega) - 1/(z + omega),             d_q(0) = -2/omega.

For classical spins this is exact at z = 0 and does not depend on temperature: the partition
function of displaced oscillators is that of the oscillators at rest. The factor
coth(omega / 2 k_B T) that a temperature adds here is that of F1 Eq. 13, for comparison with it.

A coupling linear in the spin and in the displacement exists only where time reversal is broken.
"""

from collections.abc import Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import linalg

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float, Int, Num, Pairs, Scalar
from msgreen.blocks import map_items, sum_items
from msgreen.convention import NEUTRAL
from msgreen.errors import InputError
from msgreen.hosts.base import check_pairs
from msgreen.phonon.crystal import HarmonicCrystal, check_sites, mesh, require_stable
from msgreen.phonon.matrix_function import hermitian_function
from msgreen.phonon.modes import Modes, check_mesh, thermal_factor, thirds
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms
from msgreen.units import BOLTZMANN

_CHUNK = 4096  # wave vectors at a time, which bounds the memory
_PROBE = 8  # wave vectors per direction at which a crystal is checked for stability


def mode_tensors(
    modes: Modes,
    couplings: Float[ArrayLike, "atom 3 3"],
    positions: Float[ArrayLike, "site 3"],
    pairs: Pairs,
    *,
    atoms: Sequence[int] | None = None,
    z: complex | Num[Array, ""] = 0.0,
    temperature: Scalar = 0.0,
) -> Coefficient:
    """Return the mediated tensors of pairs of sites as a sum over modes.

    The sum runs over chunks of wave vectors, so that memory does not grow with their number. It is
    differentiable with respect to energies, polarisations, couplings and positions.

    Parameters
    ----------
    modes : Modes
    couplings : real array, shape (atom, 3, 3)
        T of every atom of the cell in eV/angstrom, first index spin, second displacement.
    positions : real array, shape (site, 3)
        In angstrom.
    pairs : int array, shape (pair, 2)
    atoms : sequence of int, optional
        Which atom of the cell each site is; atom 0 by default.
    z : complex, optional
        Energy in eV. A real z gives real tensors.
    temperature : float
        In K; multiplies every mode by coth(omega / 2 k_B T).

    Returns
    -------
    Coefficient
        Tensors of shape (pair, 3, 3) in eV, and the difference to the coarser rule of the modes.

    Raises
    ------
    InputError
        If a static tensor is asked of a mode of zero or imaginary frequency.

    References
    ----------
    F1, Eqs. 4b, 7 and 10.
    """
    _checks.finite_array("positions", positions, ("site", 3))
    _checks.number("z", z)
    positions = jnp.asarray(positions, float)
    pairs = check_pairs(pairs, len(positions))
    couplings = _check_couplings(couplings, modes.polarisations.shape[2])
    _check_positive(modes)
    if atoms is not None:
        _checks.numbers("atoms", atoms, "iu")
    kind = np.zeros(len(positions), int) if atoms is None else np.asarray(atoms)
    if kind.shape != (len(positions),) or kind.min() < 0 or kind.max() >= len(couplings):
        raise InputError(
            f"Argument `atoms` must hold one atom from 0 to {len(couplings) - 1} per site, but it "
            f"is {kind}. "
            "Count atoms from 0."
        )
    separations = positions[pairs[:, 0]] - positions[pairs[:, 1]]
    kinds, members = np.unique(kind[pairs], axis=0, return_inverse=True)
    groups = tuple(tuple(np.flatnonzero(members.ravel() == n).tolist()) for n in range(len(kinds)))
    z = jnp.asarray(z)
    arrays = (modes.q, modes.weights, modes.coarse, modes.energies, modes.polarisations)
    arrays = (*arrays, modes.lengths)
    count = len(modes.q)
    same = tuple(None if len(x) == count else x for x in arrays)
    known = same, couplings, separations, tuple(map(tuple, kinds.tolist())), groups, z
    items = tuple(x for x in arrays if len(x) == count)
    value, coarse = sum_items(_summed, (*known, _warmth(temperature)), items, 2**13)
    error = jnp.abs(value - coarse)
    return Coefficient(value if jnp.iscomplexobj(z) else value.real, error, ("xyz", "xyz"))


@eqx.filter_jit
def _summed(known, share, *items):
    """Both quadratures, shape (pair, 3, 3) each, chunk by chunk of wave vectors.

    The first of what is known are the arrays that are the same for all wave vectors, or None.
    """
    same, couplings, separations, kinds, groups, z, temperature = known
    count = len(share)
    steps = -(-count // _CHUNK)
    size = -(-count // steps)

    def chunked(x, filler):
        last = jnp.full_like(x, filler, shape=(steps * size - count, *x.shape[1:]))
        return jnp.concatenate([x, last]).reshape(steps, size, *x.shape[1:])

    pieces = chunked(jnp.asarray(share), 0.0), *(chunked(jnp.asarray(x), 1.0) for x in items)

    def kernel(energies, polarisations, lengths):
        thermal = 1.0 if temperature is None else thermal_factor(energies, temperature)
        factor = (2 * energies * thermal).astype(complex) / (
            (z * z).astype(complex) - energies.astype(complex) ** 2
        )
        eps = lengths[..., None].astype(complex) * polarisations
        coupled = jnp.einsum("aij,kmaj->kmai", couplings.astype(complex), eps)
        for a, b in kinds:
            yield jnp.einsum("km,kmi,kmj->kij", factor, coupled[:, :, a], coupled[:, :, b].conj())

    def step(total, piece):
        rest = iter(piece[1:])
        q, w, c, energies, eps, lengths = (next(rest) if x is None else x for x in same)
        weights = jnp.stack([w, c], axis=1) * piece[0][:, None]
        for group, matrix in zip(groups, kernel(energies, eps, lengths), strict=True):
            rows = np.array(group)
            flat = jnp.stack([matrix.real, matrix.imag]).reshape(2, -1, 1, 9)
            both = (weights[:, None, :, None] * flat.swapaxes(0, 1)).reshape(len(q), 36)
            phase = separations[rows] @ q.T
            even, odd = jnp.cos(phase) @ both, jnp.sin(phase) @ both
            found = jax.lax.complex(even[:, :18] - odd[:, 18:], even[:, 18:] + odd[:, :18])
            total = total.at[rows].add(found)
        return total, None

    start = jnp.zeros((separations.shape[0], 18), complex)
    total, _ = jax.lax.scan(jax.checkpoint(step), start, pieces)
    total = total.reshape(-1, 2, 3, 3)
    return total[:, 0], total[:, 1]


def crystal_tensors(
    crystal: HarmonicCrystal,
    couplings: Float[ArrayLike, "atom 3 3"],
    sites: Int[ArrayLike, "site column"],
    pairs: Pairs,
    shape: Sequence[int],
    *,
    z: complex | Num[Array, ""] = 0.0,
    temperature: Scalar = 0.0,
    shift: float = 0.5,
) -> Coefficient:
    """Return the mediated tensors of pairs of sites of a crystal.

    The sum over modes is a resolvent, sum_mode l^2 eps eps^+ d(z) = [z^2 M - Phi(q)]^-1, so no
    mode is computed and derivatives with respect to force constants, masses and couplings are
    safe; all separations come out of one fast Fourier transform.

    Parameters
    ----------
    crystal : HarmonicCrystal
    couplings : real array, shape (atom, 3, 3)
        T of every atom of the cell in eV/angstrom; zero for an atom without a spin.
    sites : int array, shape (site, 1 + dim)
        Rows (atom, cell).
    pairs : int array, shape (pair, 2)
        Row numbers into `sites`.
    shape : sequence of int
        Mesh along each reciprocal vector, multiples of 3 (or 1).
    z : complex, optional
        Energy in eV. A real z gives real tensors.
    temperature : float
        In K. Above zero, matrix functions replace the resolvent, with first derivatives only.
    shift : float
        Of the mesh in units of its spacing; 0.5 avoids q = 0.

    Returns
    -------
    Coefficient
        Tensors of shape (pair, 3, 3) in eV, and the difference to the mesh of every third point.

    Raises
    ------
    InputError
        If the crystal is unstable, or the mesh is too small for the separations.
    """
    _checks.number("z", z)
    rows, pairs, couplings = check_request(crystal, couplings, sites, pairs, shape, shift)
    cells = rows[pairs[:, 1], 1:] - rows[pairs[:, 0], 1:]
    kinds, members = np.unique(rows[pairs, 0], axis=0, return_inverse=True)
    z = jnp.asarray(z)
    fractional = jnp.asarray(mesh(shape, shift))
    atoms = tuple(map(tuple, kinds.tolist()))
    known = crystal, couplings, atoms, z, _warmth(temperature)
    each = 10 * 16 * (3 * crystal.atom_count) ** 2
    field = map_items(_on_mesh, known, (fractional,), each)
    field = field.reshape(*shape, *field.shape[1:])
    value, coarse = (
        _transformed(f, cells, members.ravel(), shift) for f in (field, field[thirds(shape, shift)])
    )
    error = jnp.abs(value - coarse)
    return Coefficient(value if jnp.iscomplexobj(z) else value.real, error, ("xyz", "xyz"))


def check_request(
    crystal: HarmonicCrystal,
    couplings: Float[ArrayLike, "atom 3 3"],
    sites: Int[ArrayLike, "site column"],
    pairs: Pairs,
    shape: Sequence[int],
    shift: float = 0.5,
) -> tuple[np.ndarray, np.ndarray, Array]:
    """Return sites, pairs and couplings as arrays if `crystal_tensors` can be had of them.

    Raises
    ------
    InputError
        As by `crystal_tensors`, before anything takes time.
    """
    rows = check_sites(crystal, sites)
    pairs = check_pairs(pairs, len(rows))
    couplings = _check_couplings(couplings, crystal.atom_count)
    check_mesh(crystal, shape, shift)
    _check_reach(rows[pairs[:, 1], 1:] - rows[pairs[:, 0], 1:], shape)
    require_stable(crystal, mesh([min(n, _PROBE) for n in shape], shift))
    return rows, pairs, couplings


@eqx.filter_jit
def _on_mesh(known, fractional):
    """T_a [z^2 M - Phi(q)]^-1_ab T_b^T for the pairs of atoms, shape (k, pair of atoms, 3, 3)."""
    crystal, couplings, atoms, z, temperature = known
    a, b = np.array(atoms).T
    left, right = couplings[a].astype(complex), couplings[b].astype(complex)

    def contribution(q):
        response = _response(crystal, q[None], z, temperature)[0]
        blocks = response.reshape(crystal.atom_count, 3, crystal.atom_count, 3)
        return jnp.einsum("nij,njk,nlk->nil", left, blocks[a, :, b, :], right)

    return jax.vmap(jax.checkpoint(contribution))(fractional)


def interactions(
    tensors: Coefficient,
    pairs: Pairs,
    positions: Float[ArrayLike, "site 3"],
    *,
    isotropic: bool = False,
    source: Mapping[str, str] | None = None,
) -> Interactions:
    """Return mediated tensors as interactions in the neutral convention.

    Parameters
    ----------
    tensors : Coefficient
        From `mode_tensors` or `crystal_tensors`, real.
    pairs : int array, shape (pair, 2)
        Of different sites, every pair once.
    positions : real array, shape (site, 3)
        In angstrom.
    isotropic : bool
        Whether to split the symmetric part into J_iso = tr S / 3 and a traceless J_ani. By
        default J_iso is zero and J_ani the whole symmetric part: F1 warns that phonons give no
        natural isotropic part, because S need not be near a multiple of the unit matrix.
    source : mapping of str to str, optional

    Returns
    -------
    Interactions
        Pair terms with the tensor and J_iso, J_ani and D, where the energy of a pair is
        J_iso e_i.e_j + e_i.J_ani.e_j + D.(e_i x e_j).

    Raises
    ------
    InputError
        If the tensors have an imaginary part or a pair joins a site to itself.
    """
    _checks.finite_array("positions", positions, ("site", 3))
    pairs = check_pairs(pairs, len(np.asarray(positions)))
    _checks.shaped("tensors", tensors.value, (len(pairs), 3, 3))
    if np.any(pairs[:, 0] == pairs[:, 1]):
        raise InputError(
            "Argument `pairs` must join different sites, but one joins a site to itself. "
            "On-site tensors are not pair interactions."
        )
    value, error = np.asarray(tensors.value), np.asarray(tensors.error)
    imaginary = np.abs(np.imag(value)).max(initial=0)
    if imaginary > 1e-9 * np.abs(value).max(initial=1e-300):
        raise InputError(
            "Argument `tensors` must be real, but the imaginary part reaches "
            f"{imaginary:.1e} eV. A spin model needs static tensors (z = 0) or an "
            "imaginary z."
        )
    tensor = Coefficient(np.real(value), error, ("xyz", "xyz"))
    found = Terms(pairs, named_parts(tensor, isotropic), tensor)
    return Interactions((found,), NEUTRAL, np.asarray(positions), dict(source or {}))


def named_parts(tensor: Coefficient, isotropic: bool = False) -> dict[str, Coefficient]:
    """Return J_iso, J_ani and D of pair tensors, shape (pair, 3, 3), neutral convention."""
    value, error = np.asarray(tensor.value), np.asarray(tensor.error)
    symmetric = (value + value.swapaxes(1, 2)) / 2
    doubt = (error + error.swapaxes(1, 2)) / 2
    trace, trace_error = np.zeros((2, len(value)))
    if isotropic:
        trace = np.trace(symmetric, axis1=1, axis2=2) / 3
        trace_error = np.trace(error, axis1=1, axis2=2) / 3
    cycle = ([1, 2, 0], [2, 0, 1])
    unit = np.eye(3)
    return {
        "J_iso": Coefficient(trace, trace_error),
        "J_ani": Coefficient(
            symmetric - trace[:, None, None] * unit,
            doubt + trace_error[:, None, None] * unit,
            ("xyz", "xyz"),
        ),
        "D": Coefficient(
            (value[:, *cycle] - value[:, *cycle[::-1]]) / 2, doubt[:, *cycle], ("xyz",)
        ),
    }


def _warmth(temperature):
    """Return the temperature as an array, or None if it is zero."""
    _checks.number("temperature", temperature)
    _checks.not_negative("temperature", temperature, "K")
    known = _checks.concrete(temperature)
    return None if known is not None and known == 0 else jnp.asarray(temperature, float)


def _response(crystal, q, z, temperature):
    """-(Phi - z^2 M)^-1, with coth(omega / 2 k_B T) if there is a temperature."""
    if temperature is None:
        inertia = jnp.diag(crystal.mass_matrix()).astype(complex)
        return linalg.inverse((z * z).astype(complex) * inertia - crystal.force_matrix(q))
    root = jnp.sqrt(crystal.mass_matrix())
    parameters = (jnp.asarray(z, complex), temperature)
    function = hermitian_function(_warm, crystal.dynamical_matrix(q), parameters)
    return function / (root[:, None] * root[None, :]).astype(complex)


def _warm(squares, parameters):
    """coth(omega / 2 k_B T) / (z^2 - omega^2) as a function of omega^2."""
    z, temperature = parameters
    thermal = 1 / jnp.tanh(jnp.sqrt(squares) / (2 * BOLTZMANN * temperature))
    return thermal.astype(complex) / (z * z - squares.astype(complex))


def _transformed(field, cells, members, shift):
    """(1/N) sum_m f_m e^{-2 pi i n.(m + shift)/N} at the cells n, each with its matrix element."""
    shape = field.shape[: cells.shape[1]]
    places = tuple(np.mod(cells, shape).T)
    phase = np.exp(-2j * np.pi * shift * (cells / np.asarray(shape)).sum(axis=1))
    return _at_places(field, (*places, members), phase)


@jax.jit
def _at_places(field, places, phase):
    table = jnp.fft.fftn(field, axes=tuple(range(len(places) - 1)), norm="forward")
    return phase[:, None, None] * table[places]


def _check_couplings(couplings, atoms: int):
    _checks.numbers("couplings", couplings)
    couplings = jnp.asarray(couplings, float)
    if couplings.shape != (atoms, 3, 3):
        raise InputError(
            f"Argument `couplings` must have shape ({atoms}, 3, 3), one matrix per atom of the "
            f"cell, but its shape is {couplings.shape}. "
            "Give zeros for an atom without a spin."
        )
    _checks.finite("couplings", couplings)
    return couplings


def _check_positive(modes: Modes) -> None:
    energies = _checks.concrete(modes.energies)
    if energies is not None and energies.min(initial=1) <= 0:
        raise InputError(
            "Argument `modes` must have positive frequencies, but the lowest energy is "
            f"{energies.min():.3e} eV. Use a mesh without q = 0 (`shift=0.5`) and a stable crystal."
        )


def _check_reach(cells: np.ndarray, shape: Sequence[int]) -> None:
    reach = np.abs(cells).max(axis=0, initial=0)
    if any(n <= 2 * r for n, r in zip(shape, reach, strict=True)):
        raise InputError(
            f"Argument `shape` must exceed twice the separations {tuple(reach.tolist())} in cells, "
            f"but it is {tuple(shape)}. The mesh repeats beyond that."
        )
