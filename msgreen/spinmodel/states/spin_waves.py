"""Linear spin waves of collinear, spiral and other single-q states, with terms of any order.

With unit vectors S_i along the spins, hbar s_i the angular momentum of spin i and E(S) the energy,

    hbar s_i dS_i/dt = dE/dS_i x S_i.

In the tangent frame (a, b, S) of every spin, S_i = ... + u_1 a + u_2 b, this is Hamilton's
equation for the canonical pair sqrt(hbar s) (u_1, u_2). With u = W (b_k, b^+_-k),
W = (1, 1; -i, i) / sqrt(2 s), the covariant Hessian H(k) becomes W^+ H W, whose para-unitary
eigenvalues are the energies of the magnons.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from msgreen import _checks
from msgreen._typing import ArrayLike, Bool, Complex, Float, Scalar, Vectors
from msgreen.errors import InputError
from msgreen.spin.algebra import tangent_frame
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.states.equivalence import rotation_axes

_G_FACTOR = 2.0
"""Of an electron: a moment of m Bohr magnetons is a spin of length m / 2."""


class SpinWaves(NamedTuple):
    """Magnons of one state.

    Attributes
    ----------
    k : real array, shape (k, dim)
        In units of the reciprocal lattice vectors.
    energies : real array, shape (k, site)
        hbar omega in eV, ascending; of unstable wave vectors the real part.
    growth : real array, shape (k, site)
        |Im hbar omega| in eV: zero unless small deviations grow.
    modes : complex array, shape (k, 2, site, mode)
        Deviations (u_1, u_2) of the spins in their tangent frames, normalised para-unitarily, for
        one magnon; zero where the energy vanishes, where no such normalisation exists.
    lowest : real array, shape (k,)
        Lowest eigenvalue of the Hessian H(k) in eV.
    stable : bool array, shape (k,)
        Whether no deviation lowers the energy, up to rounding.
    """

    k: Float[np.ndarray, "k dim"]
    energies: Float[np.ndarray, "k site"]
    growth: Float[np.ndarray, "k site"]
    modes: Complex[np.ndarray, "k 2 site mode"]
    lowest: Float[np.ndarray, "k"]
    stable: Bool[np.ndarray, "k"]


def spin_waves(
    model: SpinModel,
    directions: Vectors,
    k: Float[ArrayLike, "k dim"],
    *,
    moments: Scalar | Float[ArrayLike, " site"],
    q: Float[ArrayLike, " dim"] | None = None,
    axis: Float[ArrayLike, "3"] = (0.0, 0.0, 1.0),
    tolerance: float = 1e-6,
) -> SpinWaves:
    """Return the magnon energies of a state that repeats in every cell, or turns from cell to cell.

    Parameters
    ----------
    model : SpinModel
        Of a lattice, with any terms; `magnetic_cell` enlarges the cell for states of a longer
        period.
    directions : real array, shape (site, 3)
        Unit vectors of cell 0, a stationary state.
    k : real array, shape (k, dim)
        Wave vectors in units of the reciprocal lattice vectors.
    moments : float or real array, shape (site,)
        Spin magnetic moments in Bohr magnetons, m = 2 s.
    q : real array, shape (dim,), optional
        Wave vector of a spiral S(n) = R(axis, 2 pi q . n) S(0); all cells are equal by default.
    axis : real array, shape (3,)
        Of the spiral; the model must be invariant under rotations about it.
    tolerance : float
        Largest torque, relative to the field on a spin, of a stationary state.

    Returns
    -------
    SpinWaves
        For a spiral in the rotating frame: a neutron sees the components along the axis at k and
        those across it at k - q and k + q.

    Raises
    ------
    InputError
        If the state is not stationary or the model does not allow the spiral.

    Notes
    -----
    The energy of a model of unit vectors fixes energies of magnons only with the length of the
    spins: a ferromagnet has hbar omega = 4/m sum_j J_0j [cos(k.R_j) - 1], with J < 0 and each
    neighbour j in the sum. Moments antiparallel to the spins, as those of electrons, change
    nothing if `directions` are spins; if they are moments, omega(k) is what omega(-k) is here.
    This matters for Dzyaloshinskii-Moriya interactions only.

    References
    ----------
    Colpa, Physica A 93, 327 (1978); Toth, Lake, J. Phys. Condens. Matter 27, 166002 (2015).
    """
    _checks.unit_vectors("directions", directions)
    _checks.shaped("directions", directions, (model.site_count, 3))
    _checks.positive("moments", moments, "mu_B")
    _checks.shaped("moments", moments, (), (model.site_count,))
    _checks.finite("k", k)
    _checks.finite_array("axis", axis, (3,))
    _checks.positive_number("tolerance", tolerance)
    if q is not None:
        _checks.finite_array("q", q, (model.dimension,))
    k, spins = np.asarray(k, float), np.asarray(directions, float)
    if k.ndim != 2 or k.shape[1] != model.dimension or model.lattice is None:
        raise InputError(
            "Argument `k` must have shape (k, dim) with the dimension of the lattice of `model`, "
            f"{model.dimension}, but its shape is {k.shape}. Give one row per wave vector."
        )
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    wave = np.zeros(model.dimension) if q is None else np.asarray(q, float)
    if np.any(wave != np.round(wave)):
        _check_axis(model, axis)
    hessian = _hessian(model, spins, wave, axis, k, tolerance)
    spin = np.broadcast_to(np.asarray(moments, float) / _G_FACTOR, model.site_count)
    return _diagonalise(k, hessian, np.tile(spin, 2))


def _check_axis(model: SpinModel, axis: np.ndarray) -> None:
    axes = rotation_axes(model)
    if len(axes) == 0 or np.linalg.norm(axis - axes.T @ (axes @ axis)) > 1e-6:
        raise InputError(
            "Argument `axis` must be one about which all spins can turn without a change of "
            f"energy, but `model` allows rotations about {axes.round(6).tolist()} only. Use "
            "`magnetic_cell` for a commensurate state."
        )


def _hessian(model: SpinModel, directions, wave, axis, k, tolerance) -> np.ndarray:
    """Return H(k) in tangent frames of the rotating frame, shape (k, 2 site, 2 site).

    The index is ``component * site_count + site``.
    """
    count = model.site_count
    gradient = np.zeros((count, 3))
    free = np.zeros((len(k), count, 3, count, 3), complex)
    for term in model.terms:
        sites, cells = term.slots()
        tensor, turns = np.asarray(term.tensor()), _turns(cells @ wave, axis)
        spins = np.einsum("rmab,rmb->rma", turns, directions[sites])
        order = range(term.spin_class.order)
        for m in order:
            force = _contracted(tensor, spins, [m])
            np.add.at(gradient, sites[:, m], np.einsum("ra,rab->rb", force, turns[:, m]))
            for n in (n for n in order if n != m):
                block = _contracted(tensor, spins, [m, n])
                block = np.einsum("rca,rcd,rdb->rab", turns[:, m], block, turns[:, n])
                phase = np.exp(2j * np.pi * (cells[:, n] - cells[:, m]) @ k.T)
                # Indices around a colon put the axis of the rows first.
                at = (slice(None), sites[:, m], slice(None), sites[:, n])
                np.add.at(free, at, phase[..., None, None] * block[:, None])  # type: ignore[arg-type]
    along = np.sum(directions * gradient, axis=1)
    torque = np.abs(np.cross(directions, gradient)).max()
    if torque > tolerance * np.abs(gradient).max(initial=1e-300):
        raise InputError(
            "Argument `directions` must be a stationary state, but a torque of "
            f"{torque:.2g} eV acts on a spin. Minimise it first."
        )
    frame = np.asarray(tangent_frame(directions))
    curved = np.einsum("iax,kixjy,jby->kaibj", frame, free, frame)
    curved -= np.einsum("i,ij,ab->aibj", along, np.eye(count), np.eye(2))
    return curved.reshape(len(k), 2 * count, 2 * count)


def _turns(fractions: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Return the rotations about the axis by fractions of a full turn, shape (..., 3, 3)."""
    turns = Rotation.from_rotvec(2 * np.pi * fractions.reshape(-1, 1) * axis)
    return turns.as_matrix().reshape(*fractions.shape, 3, 3)


def _contracted(tensor: np.ndarray, spins: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """Contract a tensor (row, 3, ...) with the spins (row, slot, 3) of all slots but those kept.

    Every term is linear in each of its slots: this is its derivative by the slots that are kept,
    whose axes follow in the order given.
    """
    slots = range(spins.shape[1])
    operands = [part for m in slots if m not in kept for part in (spins[:, m], [0, m + 1])]
    return np.einsum(tensor, [0, *(m + 1 for m in slots)], *operands, [0, *(m + 1 for m in kept)])


def _diagonalise(k: np.ndarray, hessian: np.ndarray, spin: np.ndarray) -> SpinWaves:
    """Diagonalise W^+ H W para-unitarily: with H = K^+ K, from the Hermitian K W eta W^+ K^+.

    W eta W^+ is the symplectic form over s, so the frames (b, b^+) are never needed. Nothing is
    inverted, and semidefinite H with Goldstone modes does no harm.
    """
    count = len(spin) // 2
    symplectic = np.kron(np.array([[0, 1j], [-1j, 0]]), np.eye(count)) / spin
    values, vectors = np.linalg.eigh(hessian)
    lowest, scale = values[:, 0], np.abs(values).max()
    stable = lowest >= -1e-8 * scale
    root = np.sqrt(np.maximum(values, 0.0))[..., None] * vectors.conj().swapaxes(1, 2)
    levels, states = np.linalg.eigh(root @ symplectic @ root.conj().swapaxes(1, 2))
    levels, states = levels[:, count:], states[..., count:]
    energies, growth = np.maximum(levels, 0.0), np.zeros((len(k), count))
    zero = levels <= 1e-7 * scale
    weight = np.where(zero, 0.0, 1 / np.sqrt(np.where(zero, 1.0, levels)))
    modes = symplectic @ root.conj().swapaxes(1, 2) @ states * weight[:, None]
    for number in np.nonzero(~stable)[0]:
        found = np.linalg.eig(symplectic @ hessian[number])
        upper = np.argsort(np.real(found.eigenvalues), kind="stable")[count:]
        energies[number] = np.real(found.eigenvalues[upper])
        growth[number] = np.abs(np.imag(found.eigenvalues[upper]))
        modes[number] = found.eigenvectors[:, upper]
    modes = modes.reshape(len(k), 2, count, count)
    return SpinWaves(k, energies, growth, modes, lowest, stable)
