"""Ordering temperatures, against Watson's integrals and the equations of motion below T_C."""

import jax
import numpy as np
import pytest
from scipy.optimize import root

from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spinmodel import SpinModel, Term, ordering_temperatures
from msgreen.spinmodel.states import OrderingTemperatures, mean_field_temperature, rpa_temperature

J = 0.02  # eV, of a pair


def model(vectors, basis, sites, cells, values, errors=None):
    ends = np.zeros((len(cells), 2, len(vectors)), int)
    ends[:, 1] = cells
    return SpinModel(
        [Term("exchange", sites, values, ends, errors)], lattice=Lattice(vectors, basis)
    )


def cubic(steps, value=-J, errors=None):
    vectors = {3: np.eye(3), 4: np.ones((3, 3)) - 2 * np.eye(3), 6: np.ones((3, 3)) - np.eye(3)}
    count = len(steps)
    sites, values = [[0, 0]] * count, [value] * count
    return model(vectors[count], [[0.0] * 3], sites, steps, values, errors)


SIMPLE = np.eye(3, dtype=int)
BODY = np.concatenate([SIMPLE, [[1, 1, 1]]])
FACE = np.concatenate([SIMPLE, [[1, -1, 0], [1, 0, -1], [0, 1, -1]]])


@pytest.mark.parametrize(
    ("steps", "watson"), [(SIMPLE, 1.5163860592), (BODY, 1.3932039297), (FACE, 1.3446610732)]
)
def test_ratio_to_mean_field_is_an_integral_of_watson(steps, watson):
    found = ordering_temperatures(cubic(steps))
    assert isinstance(found, OrderingTemperatures) and not found.q.any()
    assert found.mean_field.value == pytest.approx(2 * J * len(steps) / 3, rel=1e-12)
    rpa, error = found.rpa
    assert abs(found.mean_field.value / watson - rpa) < error < 1e-4 * rpa
    fine = float(rpa_temperature(cubic(steps), [0, 0, 0], 32))
    assert found.mean_field.value / fine == pytest.approx(watson, rel=2e-7)


def test_antiferromagnet_and_larger_cells_have_the_temperatures_of_the_ferromagnet():
    """Turning every other spin round changes the sign of all bonds, and nothing else."""
    known = ordering_temperatures(cubic(SIMPLE))
    other = ordering_temperatures(cubic(SIMPLE, J))
    assert other.q.tolist() == [0.5, 0.5, 0.5]
    assert other.rpa.value == pytest.approx(known.rpa.value, rel=1e-12)
    steps = [[0, 0, 0], [1, 0, 0], *2 * [[0, 1, 0]], *2 * [[0, 0, 1]]]
    sites = [[0, 1], [1, 0], [0, 0], [1, 1], [0, 0], [1, 1]]
    two = model(np.diag([2.0, 1, 1]), [[0, 0, 0], [1, 0, 0]], sites, steps, [-J] * 6)
    pair = ordering_temperatures(two)
    assert pair.mean_field.value == pytest.approx(known.mean_field.value, rel=1e-12)
    assert pair.rpa.value == pytest.approx(known.rpa.value, rel=2e-6)


FERRIMAGNET = model(
    np.eye(3),
    [[0, 0, 0], [0.5, 0.5, 0.5]],
    [*[[0, 1]] * 8, *[[0, 0]] * 3],
    [*(-np.array(list(np.ndindex(2, 2, 2)))).tolist(), *SIMPLE.tolist()],
    [J] * 8 + [-J] * 3,
)
"""CsCl with antiparallel sublattices, one of which has exchange of its own."""


def magnetisations(temperature, mesh=8):
    """Solve <e_z> = coth(x) - 1/x, 1/x_i = k_B T (1/N) sum_q [frequencies^-1]_ii, below T_C."""
    term = FERRIMAGNET["exchange"]
    (i, j), steps = term.clusters.sites.T, term.clusters.cells[:, 1]
    counts = np.array([mesh, 3 * mesh // 2, 2 * mesh])
    shares = np.linalg.inv((1.0 / counts)[:, None] ** [0, 1, 3])[0] / counts**3
    waves = []
    for count in counts:
        q = np.stack(np.meshgrid(*[np.arange(count) / count] * 3), -1).reshape(-1, 3)
        phase = -np.asarray(term.values) * np.exp(2j * np.pi * q @ steps.T)
        wave = np.zeros((len(q), 2, 2), complex)
        for n in range(len(i)):
            wave[:, i[n], j[n]] += phase[:, n]
            wave[:, j[n], i[n]] += phase[:, n].conj()
        waves.append(wave)

    def residual(m):
        field = np.diag(waves[0][0].real @ m)
        total = 0
        for wave, share in zip(waves, shares, strict=True):
            inverse = np.linalg.inv(field - m[:, None] * wave[1:])
            total = total + share * np.einsum("qii->i", inverse).real
        x = 1 / (temperature * total)
        return 1 / np.tanh(x) - 1 / x - m

    found = root(residual, [0.3, -0.3])
    assert found.success
    return found.x


def test_temperature_of_a_ferrimagnet_is_where_its_moments_vanish():
    found = float(rpa_temperature(FERRIMAGNET, [0, 0, 0], 8))
    below = np.array([0.98, 0.99])
    squares = np.array([magnetisations(found * t)[0] ** 2 for t in below])
    vanish = below[1] + squares[1] * (below[1] - below[0]) / (squares[0] - squares[1])
    assert vanish == pytest.approx(1, abs=2e-4)
    # The sublattices differ, so that equal moments would not do.
    upper, lower = magnetisations(0.99 * found)
    assert upper > 0 > lower and abs(upper / lower + 1) > 0.05


@pytest.mark.parametrize("temperature", [mean_field_temperature, rpa_temperature])
def test_derivatives_of_temperatures(temperature):
    term = FERRIMAGNET["exchange"]

    def of(values):
        new = Term("exchange", term.clusters.sites, values, term.clusters.cells)
        return temperature(FERRIMAGNET.with_terms([new]), np.zeros(3))

    values, step = np.asarray(term.values), 1e-5
    slope = jax.grad(of)(term.values)
    for n in (0, 9):
        change = step * np.eye(len(values))[n]
        expected = (float(of(values + change)) - float(of(values - change))) / (2 * step)
        assert slope[n] == pytest.approx(expected, rel=1e-6)


def test_errors_of_exchange_become_errors_of_temperatures():
    found = ordering_temperatures(cubic(SIMPLE, errors=[1e-4] * 3))
    assert found.mean_field.error == pytest.approx(found.mean_field.value * 1e-4 / J)
    assert found.rpa.error > found.rpa.value * 1e-4 / J * 0.999


def test_no_order_without_a_third_dimension_and_none_that_is_not_collinear():
    layer = model(np.eye(3), [[0.0] * 3], [[0, 0]] * 2, SIMPLE[:2], [-J] * 2)
    found = ordering_temperatures(layer)
    assert found.rpa.value == 0 and found.mean_field.value > 0
    spiral = model(
        np.eye(3), [[0.0] * 3], [[0, 0]] * 4, [*SIMPLE, [2, 0, 0]], [-J, -J, -J, 0.8 * J]
    )
    found = ordering_temperatures(spiral)
    assert np.isnan(found.rpa.value) and 0 < abs(found.q[0]) < 0.5
    # About the ferromagnet, which is no minimum, there is no temperature either.
    assert np.isnan(rpa_temperature(spiral, [0, 0, 0], 8))


def test_wrong_arguments_are_named():
    with pytest.raises(InputError, match="`q` must be half a reciprocal"):
        rpa_temperature(cubic(SIMPLE), [0.1, 0, 0])
    with pytest.raises(InputError, match="`mesh` must be even"):
        rpa_temperature(cubic(SIMPLE), [0, 0, 0], 7)
    with pytest.raises(InputError, match="must favour an order"):
        mean_field_temperature(cubic(SIMPLE), [0.5, 0.5, 0.5])
    with pytest.raises(InputError, match="`tolerance` must be reachable"):
        ordering_temperatures(cubic(SIMPLE), tolerance=1e-13)
