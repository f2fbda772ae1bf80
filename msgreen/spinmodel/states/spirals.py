"""Wave vectors: exchange in reciprocal space, spin spirals of any wave vector, their minimum.

Wave vectors are given in units of the reciprocal lattice vectors: the phase of cell n is
2 pi q . n.
"""

from functools import partial
from itertools import product
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float
from msgreen.errors import InputError
from msgreen.spin.algebra import rotate_about
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.terms import Term

_FULL_TURN = 2 * np.pi

_PHASES_AT_ONCE = 2**22
"""Of wave vectors and pairs: 64 MB of complex numbers."""


def exchange_matrix(model: SpinModel, q: Float[ArrayLike, "*batch dim"]) -> Complex[Array, "..."]:
    """Return the Fourier transform J(q) of all terms of two spins.

    Parameters
    ----------
    model : SpinModel
        Of a lattice; fields and terms of more than two spins are left out.
    q : real array, shape (..., dim)

    Returns
    -------
    complex array, shape (..., 3 site, 3 site)
        Hermitian, in eV, index ``3 * site + component``. With S(n) = Re sum_q S_q exp(2 pi i q . n)
        written with both signs of q, the energy per cell is 1/2 sum_q S_q^+ J(q) S_q. For one site
        and isotropic exchange J(q) is the sum over all neighbours of J_0j exp(2 pi i q . n_j).
    """
    q = _wave_vectors(model, q)
    size = 3 * model.site_count
    total = jnp.zeros((*q.shape[:-1], size, size), complex)
    for term in model.terms:
        if term.spin_class.order != 2:
            continue
        sites, cells = term.slots()
        phase = _FULL_TURN * (q @ (cells[:, 1] - cells[:, 0]).T.astype(float))
        wave = jax.lax.complex(jnp.cos(phase), jnp.sin(phase))
        blocks = jnp.zeros((len(sites), size, size)).at[_places(sites)].set(term.tensor())
        total = total + jnp.tensordot(wave, blocks.astype(complex), 1)
    return total + jnp.swapaxes(total, -1, -2).conj()


def _places(sites: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return where the tensors of pairs stand in matrices (pair, 3 site, 3 site)."""
    rows = 3 * sites[:, 0, None, None] + np.arange(3)[:, None]
    return np.arange(len(sites))[:, None, None], rows, 3 * sites[:, 1, None, None] + np.arange(3)


class LowestWave(NamedTuple):
    """Where the lowest eigenvalue of the exchange matrix has its minimum.

    Attributes
    ----------
    q : real array, shape (dim,)
    energy : float
        Lower bound of the energy per cell of the terms of two spins, in eV.
    mode : complex array, shape (site, 3)
        Eigenvector, of norm 1.
    """

    q: np.ndarray
    energy: float
    mode: np.ndarray


def luttinger_tisza(model: SpinModel, mesh: int = 24, rounds: int = 40) -> LowestWave:
    """Find the wave vector of the lowest eigenvalue of J(q).

    Parameters
    ----------
    model : SpinModel
        Of a lattice.
    mesh : int
        Wave vectors per reciprocal lattice vector of the first search.
    rounds : int
        Times that the mesh around the best wave vector is then made finer, by a factor of 2.

    Returns
    -------
    LowestWave
        The bound is reached if spins of unit length can be made of the mode, as always for one
        site per cell with isotropic exchange. Of equivalent wave vectors one is returned.

    References
    ----------
    Luttinger, Tisza, Phys. Rev. 70, 954 (1946).
    """
    _checks.whole_number("mesh", mesh, 1, round(_checks.MANY ** (1 / _dimension(model))))
    _checks.whole_number("rounds", rounds, 0, 1000)
    axis = np.arange(mesh) / mesh
    q = np.array(list(product(axis - (axis > 0.5), repeat=_dimension(model))))
    near = np.array(list(product((-1.0, 0.0, 1.0), repeat=q.shape[-1])))
    exchange = FourierExchange(model)
    best, step = exchange.lowest(q), 1 / mesh
    for _ in range(rounds):
        step /= 2
        best = min(best, exchange.lowest(best.q + step * near), key=lambda wave: wave.energy)
    return best._replace(q=best.q - np.round(best.q - 1e-9))


class FourierExchange:
    """`exchange_matrix` of one model in numpy, for many wave vectors: nothing is compiled.

    Parameters
    ----------
    model : SpinModel
        Of a lattice.
    """

    def __init__(self, model: SpinModel):
        self.size, steps, blocks = 3 * model.site_count, [np.zeros((0, model.dimension))], []
        for term in model.terms:
            if term.spin_class.order == 2:
                sites, cells = term.slots()
                block = np.zeros((len(sites), self.size, self.size))
                block[_places(sites)] = np.asarray(term.tensor())
                steps.append(cells[:, 1] - cells[:, 0])
                blocks.append(block)
        self.steps = np.concatenate(steps)
        self.blocks = np.concatenate([np.zeros((0, self.size, self.size)), *blocks])

    def matrices(self, q: np.ndarray) -> np.ndarray:
        """Return what `exchange_matrix` does, shape (..., 3 site, 3 site)."""
        half = np.tensordot(np.exp(2j * np.pi * q @ self.steps.T), self.blocks, 1)
        return half + half.conj().swapaxes(-1, -2)

    def lowest(self, q: np.ndarray) -> LowestWave:
        """Return the lowest eigenvalue among those of all wave vectors."""
        parts = np.array_split(q, 1 + len(q) * len(self.steps) // _PHASES_AT_ONCE)
        return min((self._lowest(part) for part in parts), key=lambda wave: wave.energy)

    def _lowest(self, q: np.ndarray) -> LowestWave:
        values, vectors = np.linalg.eigh(self.matrices(q))
        number = int(np.argmin(values[:, 0]))
        mode = vectors[number, :, 0].reshape(-1, 3)
        return LowestWave(q[number], self.size / 6 * float(values[number, 0]), mode)


def spiral_energy(
    model: SpinModel,
    q: Float[ArrayLike, "*batch dim"],
    base: Float[ArrayLike, "*batch site 3"],
    axis: Float[ArrayLike, "*#batch 3"] = (0.0, 0.0, 1.0),
) -> Float[Array, "*batch"]:
    """Return the energy per cell of the spin spiral S(n) = R(axis, 2 pi q . n) S(0), in eV.

    Parameters
    ----------
    model : SpinModel
        Of a lattice, with any terms.
    q : real array, shape (..., dim)
        Commensurate or not.
    base : real array, shape (..., site, 3)
        Spins of cell 0: see `cone`.
    axis : real array, shape (..., 3)
        Unit vector.

    Returns
    -------
    real array, shape (...)
        Differentiable with respect to everything.

    Notes
    -----
    Every row of the model is evaluated once, with the spins of its cells. If the model is not
    invariant under rotations about the axis, the energy of a cell depends on its phase, a
    trigonometric polynomial of the degree of the term; the mean over more phases than its degree
    is its exact mean. That is the energy of an incommensurate spiral. A commensurate one of short
    period may gain more by its phase: compare with `spiral` in a box.
    """
    q = _wave_vectors(model, q)
    _checks.unit_vectors("base", base)
    _checks.unit_vectors("axis", axis)
    if np.shape(base)[-2:-1] != (model.site_count,):
        raise InputError(
            f"Argument `base` must hold {model.site_count} spins on its last axis but one, but its "
            f"shape is {np.shape(base)}. Give the spins of one cell."
        )
    base, axis = jnp.asarray(base, float), jnp.asarray(axis, float)
    batch = np.broadcast_shapes(q.shape[:-1], base.shape[:-2], axis.shape[:-1])
    q, base, axis = (
        jnp.broadcast_to(part, (*batch, *part.shape[part.ndim - keep :])).reshape(
            -1, *part.shape[part.ndim - keep :]
        )
        for part, keep in ((q, 1), (base, 2), (axis, 1))
    )
    return jax.vmap(partial(_spiral_energy, model))(q, base, axis).reshape(batch)


@eqx.filter_jit
def _spiral_energy(model: SpinModel, q: Array, base: Array, axis: Array) -> Array:
    return sum((_row_energies(t, q, base, axis) for t in model.terms), start=jnp.zeros(()))


def _row_energies(term: Term, q: Array, base: Array, axis: Array) -> Array:
    sites, cells = term.slots()
    count = term.spin_class.order + 1
    offsets = _FULL_TURN * np.arange(count)[:, None, None] / count
    phase = _FULL_TURN * (cells.astype(float) @ q) + offsets
    spins = rotate_about(axis, phase, base[sites])

    def row(value, row_spins):
        return term.spin_class.form(value, [(s[0], s[1], s[2]) for s in row_spins])

    return jnp.sum(jax.vmap(jax.vmap(row), in_axes=(None, 0))(term.values, spins)) / count


class Spiral(NamedTuple):
    """The spin spiral of lowest energy that was found.

    Attributes
    ----------
    q : real array, shape (dim,)
        Between -1/2 and 1/2; the first component that is not zero is positive. Zero if all spins
        lie along the axis, about which they then do not turn.
    axis : real array, shape (3,)
        About which spins turn in the right-handed sense.
    base : real array, shape (site, 3)
        Spins of cell 0.
    energy : float
        Per cell, in eV.
    slope : float
        Largest derivative of the energy by q and the directions that is left, in eV.
    """

    q: np.ndarray
    axis: np.ndarray
    base: np.ndarray
    energy: float
    slope: float


def find_spiral(
    model: SpinModel,
    *,
    axis: Float[ArrayLike, "3"] | None = None,
    starts: int = 64,
    seed: int = 0,
    max_steps: int = 500,
) -> Spiral:
    """Minimise the energy of spin spirals over wave vector, axis and spins of the cell.

    Parameters
    ----------
    model : SpinModel
        Of a lattice, with any terms.
    axis : real array, shape (3,), optional
        Axis of rotation; optimised by default.
    starts : int
        Number of random spirals to start from.
    seed : int
    max_steps : int
        Of one minimisation.

    Returns
    -------
    Spiral
        `slope` says how well it converged.

    Notes
    -----
    The quasi-Newton method of Broyden, Fletcher, Goldfarb and Shanno, for all starts together.
    States of several wave vectors are not among the candidates: see `multi_q`, `find_minima`.
    """
    _checks.positive("starts", starts)
    dim, sites = _dimension(model), model.site_count
    for name, value in {"starts": starts, "max_steps": max_steps}.items():
        _checks.whole_number(name, value, 1, 100_000)
    _checks.whole_number("seed", seed, 0)
    if axis is not None:
        _checks.finite_array("axis", axis, (3,))
    fixed = None if axis is None else jnp.asarray(axis, float)
    keys = jax.random.split(jax.random.key(seed), 2)
    guess = (
        jax.random.uniform(keys[0], (starts, dim), minval=-0.5, maxval=0.5),
        jax.random.normal(keys[1], (starts, sites + 1, 3)),
    )
    (q, base, turn), energies, slopes = _minimise(model, fixed, guess, max_steps)
    best = int(jnp.argmin(energies))
    wave = np.asarray(q[best]) - np.round(np.asarray(q[best]))
    # Atoms without a moment point anywhere.
    along = np.abs(np.asarray(base[best] @ turn[best]))[model.coupled]
    if np.all(along > 1 - 1e-9):
        wave = np.zeros(dim)
    sign = next((np.sign(x) for x in wave if abs(x) > 1e-6), 1.0)
    return Spiral(
        sign * wave,
        sign * np.asarray(turn[best]),
        np.asarray(base[best]),
        float(energies[best]),
        float(slopes[best]),
    )


def _unpacked(fixed, parameters: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    """Return q, base and axis; directions are free vectors divided by their length."""
    q, vectors = parameters
    vectors = vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)
    axis = vectors[-1] if fixed is None else fixed / jnp.linalg.norm(fixed)
    return q, vectors[:-1], axis


@eqx.filter_jit
def _minimise(model: SpinModel, fixed, guess, max_steps: int):
    # Imported where it is used, because it takes a third of the time of importing this package.
    import optimistix

    unit = sum(jnp.sum(jnp.abs(term.values)) for term in model.terms)

    def energy(parameters, _):
        return _spiral_energy(model, *_unpacked(fixed, parameters)) / unit

    def one(start):
        solver = optimistix.BFGS(rtol=1e-12, atol=1e-12)
        found = optimistix.minimise(energy, solver, start, max_steps=max_steps, throw=False)
        value, slope = jax.value_and_grad(energy)(found.value, None)
        largest = jnp.max(jnp.stack([jnp.max(jnp.abs(part)) for part in slope]))
        return _unpacked(fixed, found.value), unit * value, unit * largest

    return jax.vmap(one)(guess)


def _dimension(model: SpinModel) -> int:
    if model.lattice is None:
        raise InputError(
            "Argument `model` must be periodic, but it is a finite cluster. Give it a lattice."
        )
    return model.dimension


def _wave_vectors(model: SpinModel, q) -> Array:
    _checks.finite("q", q)
    q, dim = jnp.asarray(q, float), _dimension(model)
    if q.ndim == 0 or q.shape[-1] != dim:
        raise InputError(
            f"Argument `q` must have {dim} components on its last axis, one per lattice vector, "
            f"but its shape is {q.shape}. Give them in units of the reciprocal vectors."
        )
    return q
