"""Ordering temperatures of classical spins: mean field, and the random phase approximation.

With E = -sum_{i != j} J_ij e_i.e_j and J(q) the matrix of a cell, the molecular field orders the
mode of the largest eigenvalue of J(q), at k_B T = 2/3 of it. Tyablikov's decoupling for classical
spins on n sublattices with moments m_i near T_C, where the frequencies are m_i (L_i delta_ij -
2 J_ij(q)), gives

    3 k_B T (1/N) sum_q [(L - 2 J(q))^-1]_ii = 1    for every i,    (L - 2 J(Q)) s = 0,

with L_i = sum_j 2 J_ij(Q) s_j / s_i from the moments s of the ordered state, m_i = |s_i| m. For one
atom it is 1/(k_B T) = 3/2 (1/N) sum_q 1/[J(Q) - J(q)]. The same equations are those of the
spherical model with one constraint for every sublattice.

Near Q the sum has a singularity 1/|q - Q|^2: a mesh of step h without Q is wrong by
c_1 h + c_3 h^3 + ..., which three meshes take out.
"""

from contextlib import suppress
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.states.spirals import luttinger_tisza

MESHES = (8, 16, 32, 64)
"""Points per direction of the coarsest of three meshes, one choice after the other."""

_STEPS = 8
"""Of Newton's iteration for the ratios of moments: from equal ones 5 reach rounding when exchange
constants differ tenfold."""


class OrderingTemperatures(NamedTuple):
    """Temperatures k_B T in eV at which a lattice of classical spins loses its order.

    Attributes
    ----------
    q : real array, shape (dim,)
        Wave vector of the order.
    mean_field, rpa : Estimate
        `rpa` is zero without coupling in three dimensions, where its sum diverges, and NaN where
        the order is not collinear or no minimum. The errors are those of the model's values, all in
        the worst way, and of the mesh.
    mesh : int
        Points per direction of the coarsest mesh; 0 where there is none.
    """

    q: np.ndarray
    mean_field: Estimate[float]
    rpa: Estimate[float]
    mesh: int


def ordering_temperatures(model: SpinModel, *, tolerance: float = 1e-4) -> OrderingTemperatures:
    """Return the temperatures of mean field and random phase approximation, with their errors.

    Parameters
    ----------
    model : SpinModel
        Of a lattice; terms other than "exchange" are left out.
    tolerance : float
        Largest relative error of `rpa` due to the mesh.

    Raises
    ------
    InputError
        If there is no exchange that favours an order, or the mesh does not converge.
    """
    _checks.positive_number("tolerance", tolerance)
    exchange = model["exchange"]
    clusters, values = exchange.clusters, np.asarray(exchange.values)
    errors = 0.0 if exchange.errors is None else np.asarray(exchange.errors)
    wave = luttinger_tisza(model.with_terms([exchange])).q
    half = np.round(2 * wave) / 2 + 0.0
    wave = np.where(np.abs(wave - half) < 1e-6, half, wave)
    field, slope = _MeanField(clusters, wave).temperature(values)
    _check_order("model", field)
    mean_field = Estimate(float(field), _sum(slope, errors))
    if np.any(2 * wave % 1):
        return OrderingTemperatures(wave, mean_field, Estimate(np.nan, 0.0), 0)
    if np.linalg.matrix_rank(clusters.cells[:, 1] - clusters.cells[:, 0]) < 3:
        return OrderingTemperatures(wave, mean_field, Estimate(0.0, 0.0), 0)
    found = change = np.nan
    for mesh in MESHES:
        last = found
        found, slope = _Collinear(clusters, wave, mesh).temperature(values)
        change = abs(float(found) - last)
        if np.isnan(found) or change < tolerance * found:
            rpa = Estimate(float(found), float(change + _sum(slope, errors)))
            return OrderingTemperatures(wave, mean_field, rpa, mesh)
    raise InputError(
        f"Argument `tolerance` must be reachable, but {2 * MESHES[-1]} points per direction leave "
        f"an error of {change / found:.1g}. Raise it."
    )


def _sum(slope: np.ndarray, errors) -> float:
    """Return the error of a temperature if all values of the model are wrong in the worst way."""
    return float(np.sum(np.abs(slope) * errors))


def _check_order(name: str, temperature) -> None:
    known = _checks.concrete(temperature)
    if known is not None and not known > 0:
        raise InputError(
            f"Argument `{name}` must favour an order, but the largest eigenvalue of J(q) is "
            f"{1.5 * float(known):.3g} eV. Take another."
        )


def mean_field_temperature(model: SpinModel, q: Float[ArrayLike, " dim"]) -> Float[Array, ""]:
    """Return k_B T_C of the molecular field for isotropic exchange, in eV.

    Parameters
    ----------
    model : SpinModel
        Of a lattice; terms other than "exchange" are left out.
    q : real array, shape (dim,)
        Wave vector of the order.

    Returns
    -------
    real scalar
        2/3 of the largest eigenvalue of J(q), E = -sum over ordered pairs; differentiable with
        respect to the values of the model.

    Raises
    ------
    InputError
        If there is no order.
    """
    _checks.finite_array("q", q, (model.dimension,))
    wave = np.asarray(q, float)
    exchange = model["exchange"]
    energy = _differentiable(_MeanField(exchange.clusters, wave), exchange.values)
    _check_order("q", energy)
    return energy


def rpa_temperature(
    model: SpinModel, q: Float[ArrayLike, " dim"], mesh: int = 16
) -> Float[Array, ""]:
    """Return k_B T_C of the random phase approximation for isotropic exchange, in eV.

    Parameters
    ----------
    model : SpinModel
        Of a lattice in three dimensions; terms other than "exchange" are left out.
    q : real array, shape (3,)
        Wave vector of a collinear order: half a reciprocal lattice vector, or zero.
    mesh : int
        Points per direction, even, of the coarsest of three meshes, the others having 3/2 and 2
        times as many.

    Returns
    -------
    real scalar
        NaN if the order is no minimum; differentiable with respect to the values of the model.

    Raises
    ------
    InputError
        If the order is not collinear, or the mesh is odd.

    References
    ----------
    Tyablikov, Ukr. Math. J. 11, 287 (1959); Pajda et al., Phys. Rev. B 64, 174402 (2001); Rusz,
    Turek, Divis, Phys. Rev. B 71, 174408 (2005).
    """
    _checks.whole_number("mesh", mesh, 2, 100)
    if mesh % 2:
        raise InputError(
            f"Argument `mesh` must be even, but it is {mesh}. Take the next even number."
        )
    _checks.finite("q", q)
    wave = np.asarray(q, float)
    if wave.shape != (3,) or np.any(2 * wave % 1):
        raise InputError(
            "Argument `q` must be half a reciprocal lattice vector of three dimensions, or zero, "
            f"but it is {wave.tolist()}. Other orders are not collinear."
        )
    exchange = model["exchange"]
    return _differentiable(_Collinear(exchange.clusters, wave, mesh), exchange.values)


class _MeanField:
    """Exchange constants of given pairs as the temperature of the molecular field, in numpy."""

    def __init__(self, clusters, wave: np.ndarray):
        _, sites = np.unique(clusters.sites, return_inverse=True)
        self.i, self.j = sites.reshape(-1, 2).T
        self.size = int(sites.max()) + 1
        self.waves = np.exp(2j * np.pi * (clusters.cells[:, 1] - clusters.cells[:, 0]) @ wave)

    def temperature(self, values) -> tuple[np.ndarray, np.ndarray]:
        """Return k_B T_C and its derivatives, to which a change of the mode adds nothing."""
        half = np.zeros([self.size] * 2, complex)
        np.add.at(half, (self.i, self.j), np.asarray(values) * self.waves)
        levels, modes = np.linalg.eigh(-half - half.conj().T)
        mode = modes[:, -1]
        slope = -2 * np.real(mode[self.i].conj() * mode[self.j] * self.waves)
        return levels[-1] / 3, slope / 3


class _Sums(NamedTuple):
    """L, G on every mesh, f and P of given moments; see `_Collinear`."""

    field: np.ndarray
    greens: list[np.ndarray]
    local: np.ndarray
    overlap: np.ndarray


class _Collinear:
    """Exchange constants of given pairs as a temperature, in numpy: its derivatives are known.

    With G = (L - 2 J)^-1, f = (1/N) sum_q G_ii and P_ij = (1/N) sum_q |G_ij|^2,

        df = -sum_j P_ij dL_j + (1/N) sum_q (G 2 dJ G)_ii    for every i.

    The weights w_i = sum_j s_j^2 (P^-1)_ji make the moments stationary, as (L - 2 J(Q)) s = 0:

        df sum_i w_i = -s.2 dJ(Q).s + (1/N) sum_q Tr[G w G 2 dJ(q)].
    """

    def __init__(self, clusters, wave: np.ndarray, mesh: int):
        _, sites = np.unique(clusters.sites, return_inverse=True)
        self.i, self.j = sites.reshape(-1, 2).T
        self.steps = clusters.cells[:, 1] - clusters.cells[:, 0]
        self.signs = np.cos(2 * np.pi * self.steps @ wave).round()
        self.size = int(sites.max()) + 1
        self.counts = [mesh, 3 * mesh // 2, 2 * mesh]
        # The sum is its limit plus c_1 / N + c_3 / N^3.
        powers = (1.0 / np.array(self.counts))[:, None] ** [0, 1, 3]
        self.shares = np.linalg.inv(powers)[0] / np.array(self.counts) ** 3

    def temperature(self, values) -> tuple[np.ndarray, np.ndarray]:
        """Return k_B T_C and its derivatives, NaN if the order is no minimum."""
        with suppress(np.linalg.LinAlgError):
            return self._temperature(np.asarray(values))
        return self._nothing()

    def _nothing(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array(np.nan), np.full(len(self.i), np.nan)

    def _temperature(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        waves = [self._on_mesh(values, count) for count in self.counts]
        order = waves[0][0, 0, 0].real
        moments = np.sign(np.linalg.eigh(order)[1][:, -1])
        sums = self._sums(order, moments, waves)
        for _ in range(_STEPS):
            # d f_i / d ln s_k; scaling all moments changes nothing.
            slope = sums.overlap @ ((sums.field - order) * moments / moments[:, None])
            change = np.linalg.lstsq(slope - slope[0], sums.local[0] - sums.local)[0]
            if np.abs(change).max() < 1e-12:
                break
            moments = moments * np.exp(np.clip(change, -1, 1))
            sums = self._sums(order, moments, waves)
        lowest = np.linalg.eigvalsh(sums.field - waves[0]).reshape(-1, self.size)[1:].min()
        if not lowest > 0 or np.ptp(sums.local) > 1e-9 * sums.local[0]:
            return self._nothing()
        weights = np.linalg.solve(sums.overlap.T, moments**2)
        bent = self._along_bonds([(g * weights) @ g for g in sums.greens])
        slope = 2 * self.signs * (moments[self.i] * moments[self.j] - bent) / weights.sum()
        found = np.array(1 / (3 * sums.local.mean()))
        return found, -3 * found**2 * slope

    def _sums(self, order: np.ndarray, moments: np.ndarray, waves) -> "_Sums":
        field = np.diag(order @ moments / moments)
        greens = [_green(field - wave) for wave in waves]
        local = self._limit([np.einsum("xyzii->i", g).real for g in greens])
        overlap = self._limit([np.sum(np.abs(g) ** 2, axis=(0, 1, 2)) for g in greens])
        return _Sums(field, greens, local, overlap)

    def _on_mesh(self, values, count: int) -> np.ndarray:
        """Return 2 J(Q + q), shape (count, count, count, site, site)."""
        box = np.zeros((count, count, count, self.size, self.size))
        for start, end, cells in ((self.i, self.j, self.steps), (self.j, self.i, -self.steps)):
            np.add.at(box, (*(cells % count).T, start, end), -self.signs * values)
        return np.fft.ifftn(box, axes=(0, 1, 2)) * count**3

    def _limit(self, sums) -> np.ndarray:
        """Return (1/N) sum_q on an infinitely fine mesh from the sums of three."""
        return np.tensordot(self.shares, np.array(sums), 1)

    def _along_bonds(self, parts) -> np.ndarray:
        """Return Re (1/N) sum_q A_ji(q) exp(2 pi i q.R) of every pair."""
        found = []
        for part, count in zip(parts, self.counts, strict=True):
            waves = np.fft.ifftn(part, axes=(0, 1, 2)) * count**3
            found.append(waves[(*(self.steps % count).T, self.j, self.i)].real)
        return self._limit(found)


def _green(matrices: np.ndarray) -> np.ndarray:
    """Return the inverses, and zero at q = 0, where there is none."""
    matrices[0, 0, 0] = np.eye(len(matrices[0, 0, 0]))
    found = np.linalg.inv(matrices)
    found[0, 0, 0] = 0
    return found


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _differentiable(exchange: _MeanField | _Collinear, values: Array) -> Array:
    return _value_and_slope(exchange, values)[0]


@_differentiable.defjvp
def _differentiable_jvp(exchange: _MeanField | _Collinear, primals, tangents):
    value, slope = _value_and_slope(exchange, *primals)
    return value, slope @ tangents[0]


def _value_and_slope(exchange: _MeanField | _Collinear, values: Array):
    shapes = jax.ShapeDtypeStruct((), float), jax.ShapeDtypeStruct(values.shape, float)
    return jax.pure_callback(exchange.temperature, shapes, values)
