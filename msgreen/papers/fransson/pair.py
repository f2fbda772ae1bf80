r"""Two vibrating spins, diagonalised exactly.

    H = J S_1.S_2 + I S_1^z S_2^z + sum_m [K_m (S_m^z)^2 + a_m S_m^z]

with a_m the field of the displaced nuclei at spin m. S^z_1 + S^z_2 = M is conserved, so H falls
into tridiagonal blocks of at most 2S + 1 states. J > 0 is antiferromagnetic.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Float, Scalar
from msgreen.errors import InputError
from msgreen.phonon.matrix_function import log_trace_exp
from msgreen.units import BOLTZMANN


class SpinPair(eqx.Module):
    """A pair of equal spins with exchange, anisotropy and a field at each site.

    All numbers are differentiable, in eV, and may be arrays that broadcast against each other.

    Parameters
    ----------
    spin : float
        1/2, 1, 3/2, ...
    exchange : float or real array
        J; positive is antiferromagnetic.
    fields : real array, shape (..., 2)
        a_1 and a_2.
    anisotropic : float or real array
        I, the additional exchange of the z components.
    single_ion : real array, shape (..., 2)
        K_1 and K_2; positive is easy plane.

    Raises
    ------
    InputError
        If the spin is not a positive multiple of 1/2.

    Notes
    -----
    In the symbols of F2 Eq. 1 the parameters are J = -J_F2, I = -(I_12 + I_21), K_m = -I_mm and
    a_m = -sum_n A_mn.<Q_n>.
    """

    exchange: Float[Array, " *grid"]
    fields: Float[Array, "*grid 2"]
    anisotropic: Float[Array, " *grid"]
    single_ion: Float[Array, "*grid 2"]
    spin: float = eqx.field(static=True)

    def __init__(
        self,
        spin: float,
        exchange: Float[ArrayLike, "..."],
        fields: Float[ArrayLike, "... 2"] = (0.0, 0.0),
        *,
        anisotropic: Float[ArrayLike, "..."] = 0.0,
        single_ion: Float[ArrayLike, "... 2"] = (0.0, 0.0),
    ):
        require_x64("SpinPair")
        doubled = 2 * spin
        if not (np.isfinite(doubled) and doubled == round(doubled) and doubled > 0):
            raise InputError(
                f"Argument `spin` must be a positive multiple of 1/2, but it is {spin}. "
                "Use 0.5, 1, 1.5, 2, ..."
            )
        self.spin = float(spin)
        self.exchange = jnp.asarray(exchange, float)
        self.fields = jnp.asarray(fields, float)
        self.anisotropic = jnp.asarray(anisotropic, float)
        self.single_ion = jnp.asarray(single_ion, float)
        for name in ("exchange", "fields", "anisotropic", "single_ion"):
            _checks.finite(name, getattr(self, name))

    @property
    def total_projections(self) -> np.ndarray:
        """All values of M, from -2S to 2S."""
        return np.arange(-2 * self.spin, 2 * self.spin + 1)

    def block(self, total: float) -> Float[Array, "*grid state state"]:
        """Return the block of H with S^z_1 + S^z_2 = `total`, states in order of S^z_1."""
        s = self.spin
        first = np.arange(max(-s, total - s), min(s, total + s) + 1)
        second = total - first
        values = np.stack([first, second], axis=-1)
        diagonal = (
            (self.exchange + self.anisotropic)[..., None] * (first * second)
            + jnp.sum(self.single_ion[..., None, :] * values**2, axis=-1)
            + jnp.sum(self.fields[..., None, :] * values, axis=-1)
        )
        up, down = first[:-1], second[:-1]
        hop = np.sqrt((s * (s + 1) - up * (up + 1)) * (s * (s + 1) - down * (down - 1))) / 2
        step = np.diag(hop, 1) + np.diag(hop, -1)
        return diagonal[..., None] * np.eye(len(first)) + self.exchange[..., None, None] * step

    def log_partition(self, temperature: Float[ArrayLike, "..."]) -> Float[Array, "*grid total"]:
        """Return ln Z_M of every block, in the order of `total_projections`."""
        beta = 1 / (BOLTZMANN * jnp.asarray(temperature, float))
        scaled = [-beta[..., None, None] * self.block(m) for m in self.total_projections]
        middle = len(scaled) // 2
        sizes = zip(scaled[:middle], scaled[:middle:-1], strict=True)  # M and -M have equal sizes
        both = [log_trace_exp(jnp.stack(blocks)) for blocks in sizes]
        logs = [low for low, _ in both] + [log_trace_exp(scaled[middle])]
        logs += [high for _, high in reversed(both)]
        return jnp.stack(jnp.broadcast_arrays(*logs), axis=-1)


def levels(pair: SpinPair) -> tuple[np.ndarray, np.ndarray]:
    """Return all energies of a single pair in ascending order, and the M of each.

    Returns
    -------
    energies : real array, shape (state,)
        In eV.
    total : real array, shape (state,)
        S^z_1 + S^z_2 of each state.
    """
    blocks = [np.linalg.eigvalsh(np.asarray(pair.block(m))) for m in pair.total_projections]
    energies = np.concatenate(blocks)
    total = np.repeat(pair.total_projections, [len(b) for b in blocks])
    order = np.argsort(energies, kind="stable")
    return energies[order], total[order]


def free_energy(pair: SpinPair, temperature: Float[ArrayLike, "..."]) -> Float[Array, " *grid"]:
    """Return -k_B T ln tr e^{-H / k_B T} in eV, differentiable to any order.

    Parameters
    ----------
    pair : SpinPair
    temperature : float or real array
        In K.
    """
    return _free_energy(pair, _checked(temperature))


def total_moment(pair: SpinPair, temperature: Float[ArrayLike, "..."]) -> Float[Array, " *grid"]:
    """Return the thermal average of S^z_1 + S^z_2, for all pairs and temperatures of a grid.

    Only the partition functions of the blocks enter, no eigenvectors.

    Examples
    --------
    >>> uniform = SpinPair(2, exchange=-1.0, fields=[1.0, 1.0])  # ferromagnet against its field
    >>> round(float(total_moment(uniform, 10.0)), 6)
    -4.0
    """
    return _total_moment(pair, _checked(temperature))


def site_moments(pair: SpinPair, temperature: Float[ArrayLike, "..."]) -> Float[Array, "*grid 2"]:
    """Return the thermal averages of S^z_1 and S^z_2: derivatives of the free energy.

    Differentiable with respect to every parameter and the temperature.
    """
    return _site_moments(pair, _checked(temperature))


def _checked(temperature):
    _checks.positive("temperature", temperature, "K")
    return jnp.asarray(temperature, float)


@eqx.filter_jit
def _free_energy(pair, temperature):
    logs = pair.log_partition(temperature)
    return -BOLTZMANN * temperature * jax.nn.logsumexp(logs, axis=-1)


@eqx.filter_jit
def _total_moment(pair, temperature):
    logs = pair.log_partition(temperature)
    return jnp.sum(jax.nn.softmax(logs, axis=-1) * pair.total_projections, axis=-1)


@eqx.filter_jit
def _site_moments(pair, temperature):
    def summed(fields):
        moved = eqx.tree_at(lambda p: p.fields, pair, fields)
        return jnp.sum(_free_energy(moved, temperature))

    shape = jnp.broadcast_shapes(
        pair.exchange.shape,
        pair.anisotropic.shape,
        pair.fields.shape[:-1],
        pair.single_ion.shape[:-1],
        temperature.shape,
    )
    return jax.grad(summed)(jnp.broadcast_to(pair.fields, (*shape, 2)))


def spin_half_levels(
    exchange: Scalar, fields: Float[Array | np.ndarray, "2"]
) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
    """Return the levels of two spins 1/2 with H = J S_1.S_2 + a_1 S_1^z + a_2 S_2^z, closed form.

    Returns
    -------
    parallel : real array, shape (2,)
        J/4 + (a_1 + a_2)/2 and J/4 - (a_1 + a_2)/2, for M = 1 and M = -1.
    antiparallel : real array, shape (2,)
        -J/4 + Omega/2 and -J/4 - Omega/2 with Omega = sqrt(J^2 + (a_1 - a_2)^2).

    References
    ----------
    F2, below Eq. 4: the printed levels (J +- 3 alpha)/4 are those of a_1 = alpha, a_2 = alpha/2,
    and Omega must then read sqrt(J^2 + alpha^2/4).
    """
    mean, difference = (fields[0] + fields[1]) / 2, fields[0] - fields[1]
    omega = jnp.hypot(exchange, difference)
    sign = jnp.array([1.0, -1.0])
    return exchange / 4 + sign * mean, -exchange / 4 + sign * omega / 2


def spin_half_moment(
    exchange: Scalar,
    fields: Float[Array | np.ndarray, "2"],
    temperature: Scalar,
) -> Float[Array, ""]:
    """Return the thermal average of S^z_1 + S^z_2 of two spins 1/2 in closed form.

    References
    ----------
    F2, Eq. 5, which is the case a_1 = alpha, a_2 = alpha/2 with Omega = sqrt(J^2 + alpha^2/4).
    """
    parallel, antiparallel = spin_half_levels(exchange, fields)
    energies = jnp.concatenate([parallel, antiparallel])
    weights = jax.nn.softmax(-energies / (BOLTZMANN * temperature))
    return weights[0] - weights[1]


def anisotropic_levels(
    exchange: Scalar,
    matrix: Float[ArrayLike, "2 2"],
    fields: Sequence[float] | Float[Array | np.ndarray, "2"],
) -> Float[Array, "4"]:
    """Return the levels of F2 Eq. 1 for spins 1/2, in F2's signs and with the right I_-.

    Parameters
    ----------
    exchange : float
        F2's J: the pair has -J S_1.S_2.
    matrix : real array, shape (2, 2)
        F2's I_mn: the pair has -sum S_m^z I_mn S_n^z.
    fields : real array, shape (2,)
        F2's sum_n A_mn.<Q_n>: the pair has minus this times S_m^z.

    Returns
    -------
    real array, shape (4,)
        -J/4 - I_+ -+ alpha, then J/4 - I_- +- Omega.

    References
    ----------
    F2, Eq. 2. There I_- = I_+ - (I_12 - I_21)/2 is printed; it must be (I_12 + I_21)/2.
    """
    matrix = jnp.asarray(matrix, float)
    plus = jnp.sum(matrix) / 4
    minus = plus - (matrix[0, 1] + matrix[1, 0]) / 2
    alpha = (fields[0] + fields[1]) / 2
    omega = jnp.hypot(exchange / 2, alpha - fields[1])
    sign = jnp.array([-1.0, 1.0])
    return jnp.concatenate(
        [-exchange / 4 - plus + sign * alpha, exchange / 4 - minus - sign * omega]
    )
