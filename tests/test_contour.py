"""Contours against integrals with exact answers: value, honesty of the error, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from integrals import (
    HBAR2_OVER_M,
    PROBLEMS,
    Levels,
    Problem,
    chain,
    loop_1d_exact,
    spectra,
)
from pade_table import POWERS, computed
from scipy.special import sici

from msgreen.contour import (
    Contour,
    fermi_line,
    imaginary_axis,
    largest_phase_step,
    matsubara,
    matsubara_sum,
    semicircle,
    unwrap_logdet,
    user_contour,
)
from msgreen.contour.kronrod import check_node_count, gauss_kronrod
from msgreen.contour.paths import gregory, line_node_count, unit_pair, vertical
from msgreen.contour.poles import TABULATED_ACCURACY, PoleRule, pade, zolotarev
from msgreen.errors import InputError, PrecisionError


def measure(problem: Problem, nodes: int) -> tuple[float, float, float]:
    """True error, reported error and scale of a problem."""
    contour = problem.contour(nodes)
    values = problem.integrand(np.asarray(contour.nodes))
    value, error = contour.integrate(values)
    scale = np.abs(np.asarray(contour.weights) * values).sum() / np.pi
    return abs(float(value) - problem.exact), float(error), float(scale)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_value_is_accurate_and_error_is_honest(problem):
    coarsest = 0.0
    for nodes in problem.nodes:
        true, error, scale = measure(problem, nodes)
        coarsest = max(coarsest, true, 1e-3 * scale)
        assert true <= error, f"{nodes} nodes: error {true:.1e}, reported {error:.1e}"
        # A result that vanishes by symmetry has no error at all, at any number of nodes.
        sane = max(1e6 * true, 1e-6 * scale, 2e3 * coarsest)
        assert error <= sane, f"{nodes} nodes: error {true:.1e}, reported {error:.1e}"
    assert true <= problem.accuracy * scale
    assert error <= max(1e3 * problem.accuracy, 1e-6) * scale or error <= 1e3 * true


# --- rules ------------------------------------------------------------------


def test_kronrod_rules_agree_with_published_values():
    # QUADPACK, routines qk15 and qk31.
    x, kronrod, gauss = gauss_kronrod(15)
    assert x[-1] == pytest.approx(0.991455371120812639206854697526329, abs=2e-16)
    assert kronrod[-1] == pytest.approx(0.022935322010529224963732008058970, abs=2e-16)
    assert kronrod[7] == pytest.approx(0.209482141084727828012999174891714, abs=4e-16)
    assert gauss[7] == pytest.approx(0.417959183673469387755102040816327, abs=6e-16)
    x, kronrod, _ = gauss_kronrod(31)
    assert x[-1] == pytest.approx(0.998002298693397060285172840152271, abs=2e-16)
    assert kronrod[-1] == pytest.approx(0.005377479872923348987792051430128, abs=2e-16)
    assert kronrod[15] == pytest.approx(0.101330007014791549017374792767493, abs=4e-16)


@pytest.mark.parametrize("nodes", [7, 9, 15, 21, 31, 41, 61, 101])
def test_kronrod_rules_integrate_polynomials(nodes):
    x, kronrod, gauss = gauss_kronrod(nodes)
    n = (nodes - 1) // 2
    for degree in range(3 * n + 2):
        exact = 0.0 if degree % 2 else 2 / (degree + 1)
        assert kronrod @ x**degree == pytest.approx(exact, abs=1e-14)
        if degree < 2 * n:
            assert gauss @ x**degree == pytest.approx(exact, abs=1e-14)
    assert np.all(kronrod > 0) and np.all(np.diff(x) > 0)


@pytest.mark.parametrize(("rule", "grid"), [(zolotarev, 1.0), (pade, 1e-3)])
@pytest.mark.parametrize("accuracy", [1e-4, 1e-8, 1e-12])
def test_pole_rules_reach_the_accuracy_asked_for(rule, grid, accuracy):
    result = rule(300.0, accuracy)
    assert isinstance(result, PoleRule)
    poles, weights, embedded, deviation, reduction = result
    x = np.geomspace(grid, 300.0, 30001)[:, None]
    target = np.ones(len(x)) if rule is zolotarev else np.tanh(x[:, 0] / 2)
    assert np.abs((weights * x / (x**2 + poles**2)).sum(1) - target).max() <= 1.05 * accuracy
    assert deviation <= accuracy and reduction < 1e-2
    assert np.all(weights > 0) and np.all(np.diff(poles) < 0)
    assert np.count_nonzero(embedded) < len(poles)


def test_pair_on_the_unit_interval_runs_downwards():
    v, kronrod, gauss = unit_pair(15)
    assert np.all(np.diff(v) < 0) and 0 < v[-1] and v[0] < 1
    assert kronrod @ v**3 == pytest.approx(0.25) == gauss @ v**3
    np.testing.assert_array_equal(vertical(jnp.asarray(2.0), v), 2 + 1j * np.asarray(v))


@pytest.mark.parametrize("nodes", [14, 5, 15.0, "15"])
def test_node_numbers_without_a_pair_are_refused(nodes):
    with pytest.raises(InputError, match="`nodes` must be an odd integer of at least 7"):
        check_node_count("nodes", nodes)


def test_lowest_pade_poles_are_matsubara_frequencies():
    poles, weights, *_ = pade(1000.0, 1e-10)
    assert poles[-4:] == pytest.approx(np.pi * np.array([7, 5, 3, 1]), rel=1e-6)
    assert weights[-4:] == pytest.approx(4.0, rel=1e-4)


@pytest.mark.parametrize("power", [1, 5, 7])
def test_tabulated_rules_are_those_that_are_computed(power):
    known, fresh = pade(2.0**power, TABULATED_ACCURACY), computed(power)
    for one, other in zip(known, fresh, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


def test_tabulated_rules_are_accurate():
    lengths = []
    for power in POWERS:
        rule = pade(2.0**power, TABULATED_ACCURACY)
        x = np.geomspace(1e-3, 2.0**power, 3001)[:, None]
        approximation = (rule.weights * x / (x**2 + rule.poles**2)).sum(axis=1)
        assert np.abs(approximation - np.tanh(x[:, 0] / 2)).max() <= TABULATED_ACCURACY
        lengths.append(len(rule.poles))
    # The error of a rule is near 4 exp(-n decay).
    decays = np.pi**2 / np.log(4 * np.hypot(2.0 ** np.array(POWERS) / np.pi, 1))
    assert np.abs(lengths - np.log(4 / TABULATED_ACCURACY) / decays).max() < 3


def test_gregory_weights_turn_the_integral_into_the_sum():
    x = np.arange(4000) + 0.5
    points = np.arange(8) + 0.5
    total = np.exp(-0.05 * x).sum()
    assert 20 + gregory(8) @ np.exp(-0.05 * points) == pytest.approx(total, abs=1e-10)


@pytest.mark.parametrize(("gap", "nodes"), [(0.1, 10), (0.01, 16), (1e-3, 22), (1e-4, 28)], ids=str)
def test_number_of_zolotarev_nodes(gap, nodes):
    assert len(imaginary_axis(0.0, gap, 1.0).nodes) <= nodes


def test_number_of_pade_nodes():
    assert len(matsubara(0.001, 0.0, 7.0).nodes) == 24


# --- physics ----------------------------------------------------------------


@pytest.mark.parametrize("length", [8.0, 40.0, 400.0])
def test_pair_in_one_dimension_is_the_sine_integral(length):
    exact = HBAR2_OVER_M / np.pi * (sici(0.167 * length)[0] - np.pi / 2)
    assert loop_1d_exact(2, length, 0.167) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("ratio", [1, 10, 100])
def test_default_node_number_serves_all_loops_of_the_range(ratio):
    contour = fermi_line(0.167, 0.0135, HBAR2_OVER_M, 20.0, 20.0 * ratio)
    assert len(contour.nodes) == line_node_count(ratio)
    q = np.sqrt(2 * np.asarray(contour.nodes) / HBAR2_OVER_M + 0.0135**2)
    for length in np.geomspace(20.0, 20.0 * ratio, 5):
        for order in (2, 4):
            f = np.exp(1j * q * length) / q**order
            value, error = contour.integrate(f)
            scale = np.abs(np.asarray(contour.weights) * f).sum() / np.pi
            true = abs(value - loop_1d_exact(order, length, 0.167))
            assert true <= error
            assert true <= 1e-10 * scale


def test_cold_limit_of_the_pole_rule_is_the_step():
    spectrum = spectra()["local"]
    cold, warm = imaginary_axis(0.0, 0.09, 2.1), matsubara(0.002, 0.0, 2.1)
    results = [float(c.integrate(spectrum(np.asarray(c.nodes)))[0]) for c in (cold, warm)]
    assert results[0] == pytest.approx(results[1], abs=1e-9)


def test_cold_limit_of_the_semicircle():
    def energy(temperature):
        contour = semicircle(-2.6, -0.6, 41, temperature)
        return float(contour.integrate(chain(1)(np.asarray(contour.nodes)))[0])

    cold = energy(None)
    first, second = energy(1e-3) - cold, energy(2e-3) - cold
    assert second / first == pytest.approx(4.0, abs=1e-3)  # Sommerfeld: T^2


def test_thermal_rules_agree():
    spectrum = spectra()["chain R=1"]
    few, many = matsubara(0.01, -0.3, 2.5), matsubara_sum(0.01, -0.3, 5000)
    a, b = (c.integrate(spectrum(np.asarray(c.nodes))) for c in (few, many))
    assert abs(a[0] - b[0]) <= b[1] < 4e-3


@pytest.mark.parametrize(
    "contour",
    [
        fermi_line(0.167, 0.01, HBAR2_OVER_M, 20.0),
        semicircle(-1.0, 0.5, 21),
        imaginary_axis(0.2, 0.1, 2.0),
        imaginary_axis(0.2, scale=0.3),
        matsubara(0.01, 0.2, 2.0),
        matsubara_sum(0.01, 0.2, 50),
    ],
)
def test_nodes_run_towards_the_fermi_energy(contour):
    nodes = np.asarray(contour.nodes)
    assert np.all(nodes.imag > 0)
    end = nodes[-1].real
    assert np.all(np.diff(np.abs(nodes - end))[:-1] < 0)
    assert nodes.dtype == contour.weights.dtype == contour.embedded.dtype == np.complex128


def test_integrate_handles_axes_and_real_values():
    contour = imaginary_axis(0.0, 0.09, 2.1)
    spectrum = spectra()["trace"]
    f = spectrum(np.asarray(contour.nodes))
    one, doubt = contour.integrate(f)
    stacked = np.stack([f, 2 * f, 0 * f])
    value, error = contour.integrate(stacked, axis=1)
    assert value.shape == error.shape == (3,)
    assert value.dtype == error.dtype == np.float64
    np.testing.assert_allclose(value, float(one) * np.array([1.0, 2.0, 0.0]), rtol=1e-14)
    np.testing.assert_allclose(error, float(doubt) * np.array([1.0, 2.0, 0.0]), rtol=1e-12)
    np.testing.assert_allclose(contour.integrate(f.real)[0], one, rtol=1e-14)


# --- derivatives ------------------------------------------------------------


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_gradient_through_the_fermi_line(transform):
    point = tuple(jnp.asarray(x, dtype=jnp.float64) for x in (0.167, 0.0135, HBAR2_OVER_M))

    def as_complex(fermi, rashba, hbar2_over_m):
        contour = fermi_line(fermi, rashba, hbar2_over_m, 30.0)
        shifted = 2 * contour.nodes / hbar2_over_m.astype(complex) + rashba.astype(complex) ** 2
        q = jnp.sqrt(shifted)
        return contour.integrate(jnp.exp(1j * q * 30.0) / q**4)[0]

    gradient = transform(jax.grad(as_complex, argnums=(0, 1, 2)))(*point)
    q = 0.167
    end = HBAR2_OVER_M / np.pi * (np.exp(30j * q) / q**3).imag
    assert gradient[0] == pytest.approx(end, rel=1e-9)
    # At fixed q_F the Rashba wave vector shifts energies only.
    assert gradient[1] == pytest.approx(0.0, abs=1e-9 * abs(end))
    exact = loop_1d_exact(4, 30.0, q) / HBAR2_OVER_M
    assert gradient[2] == pytest.approx(exact, rel=1e-9)
    second = transform(jax.grad(jax.grad(as_complex)))(*point)
    step = 1e-5
    ends = [HBAR2_OVER_M / np.pi * (np.exp(30j * x) / x**3).imag for x in (q + step, q - step)]
    assert second == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)


def test_gradient_with_respect_to_the_lengths_of_the_path_vanishes():
    def energy(length):
        contour = fermi_line(0.167, 0.0, HBAR2_OVER_M, length)
        q = jnp.sqrt(2 * contour.nodes / HBAR2_OVER_M)
        return contour.integrate(jnp.exp(30j * q) / q**2)[0]

    assert jax.grad(energy)(30.0) == 0.0


def level_energy(make):
    def energy(x):
        contour = make(x)
        return contour.integrate(1 / (contour.nodes - 0.35))[0]

    return energy


def test_gradient_with_respect_to_the_fermi_energy():
    temperature, energy = 0.05, 0.3
    pole = jax.grad(level_energy(lambda e: matsubara(temperature, e, 2.0, 1e-12)))(energy)
    exact = -1 / (4 * temperature * np.cosh((0.35 - energy) / (2 * temperature)) ** 2)
    assert pole == pytest.approx(exact, rel=1e-8)
    f = chain(2)
    band = jax.grad(
        lambda e: semicircle(-2.6, e, 41).integrate(_chain(semicircle(-2.6, e, 41).nodes))[0]
    )(-0.6)
    assert band == pytest.approx(float(f(np.array([-0.6 + 0j]))[0].imag) / np.pi, rel=1e-10)
    gapped = jax.grad(level_energy(lambda e: imaginary_axis(e, 0.1, 2.0, accuracy=1e-12)))(0.1)
    assert gapped == pytest.approx(0.0, abs=1e-8)


def _chain(z):
    root = jnp.sqrt(z - 1.9) * jnp.sqrt(z + 1.9)
    return ((z - root) / 1.9) ** 2 / root


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_gradient_with_respect_to_the_temperature(transform):
    energy = level_energy(lambda t: matsubara(t, 0.3, accuracy=1e-12, ratio=50.0))
    slope = transform(jax.grad(energy))(0.05)
    x = 0.05 / (2 * 0.05)
    exact = -0.5 / np.cosh(x) ** 2 * x / 0.05
    assert slope == pytest.approx(exact, rel=1e-8)
    thermal = level_energy(lambda t: matsubara_sum(t, 0.3, 4000))
    assert jax.grad(thermal)(0.05) == pytest.approx(exact, rel=1e-3)


def test_contours_can_be_vmapped():
    wave = jnp.linspace(0.1, 0.5, 4)
    batch = jax.vmap(lambda q: fermi_line(q, 0.0, HBAR2_OVER_M, 30.0))(wave)
    single = fermi_line(wave[2], 0.0, HBAR2_OVER_M, 30.0)
    np.testing.assert_allclose(batch.nodes[2], single.nodes, rtol=1e-14)
    results = jax.vmap(lambda c: c.integrate(1 / (c.nodes + 1j) ** 2))(batch)
    np.testing.assert_allclose(results[0][2], single.integrate(1 / (single.nodes + 1j) ** 2)[0])


@pytest.mark.parametrize("amplitude", [0.0, 1.0])
def test_error_has_no_gradient_and_no_nan(amplitude):
    contour = imaginary_axis(0.2, scale=0.3)

    def doubt(x):
        return contour.integrate(x.astype(complex) / (contour.nodes - 0.1))[1]

    assert jax.grad(doubt)(jnp.asarray(amplitude)) == 0.0
    value = jax.grad(lambda x: contour.integrate(x.astype(complex) / (contour.nodes - 0.1))[0])
    assert np.isfinite(value(jnp.asarray(amplitude)))


# --- phases -----------------------------------------------------------------


def strong_coupling(contour: Contour):
    """Matrices 1 - G V whose determinant winds along the contour."""
    rng = np.random.default_rng(3)
    bare = np.diag(np.linspace(-1.0, 1.5, 6)).astype(complex)
    kick = rng.normal(size=(6, 6)) * 0.7 - 2.5 * np.eye(6)
    z = np.asarray(contour.nodes)
    full = bare + kick + kick.T
    green = np.linalg.inv(z[:, None, None] * np.eye(6) - bare)
    levels = [np.linalg.eigvalsh(m) for m in (full, bare)]
    return np.eye(6) - green @ (full - bare), levels


@pytest.mark.parametrize("form", ["sign", "angle"])
def test_unwrapped_determinant_gives_the_sum_of_levels(form):
    contour = semicircle(-18.0, 0.25, 61)
    matrices, (full, bare) = strong_coupling(contour)
    sign, logabs = np.linalg.slogdet(matrices)
    phase = sign if form == "sign" else np.angle(sign)
    value, error = contour.integrate(unwrap_logdet(phase, logabs))
    exact = np.minimum(full - 0.25, 0).sum() - np.minimum(bare - 0.25, 0).sum()
    assert abs(value - exact) <= error < 1e-3
    principal, _ = contour.integrate(logabs + 1j * np.angle(sign))
    assert abs(principal - exact) > 1e-2
    assert 0.1 < largest_phase_step(phase) < np.pi / 2


def test_unwrapping_keeps_axes_and_first_principal_value():
    turns = np.linspace(0.5, 60.0, 100)
    phase = np.stack([turns, -turns, turns + 4 * np.pi])
    result = unwrap_logdet(phase, np.zeros_like(phase), axis=1)
    expected = np.stack([turns, -turns, turns])
    np.testing.assert_allclose(result.imag, expected, atol=1e-12)
    again = unwrap_logdet(np.exp(1j * phase.T), np.zeros_like(phase.T))
    np.testing.assert_allclose(again.imag, expected.T, atol=1e-12)
    assert largest_phase_step(phase, axis=1) == pytest.approx(np.full(3, 59.5 / 99))


def test_gradients_pass_through_the_phase():
    z = semicircle(-3.0, 0.3, 21).nodes

    def winding(x, unwrap):
        det = jnp.exp(1j * x.astype(complex) * jnp.linspace(0, 12.0, 21)[:, None].astype(complex))
        det = (det[:, 0] * (z + 2)).astype(complex)
        if unwrap:
            return unwrap_logdet(det / jnp.abs(det).astype(complex), jnp.log(jnp.abs(det)))
        return jnp.log(det)

    x = jnp.asarray(1.3)
    unwrapped, principal = (
        jax.jit(jax.jacfwd(lambda x, u=u: winding(x, u)))(x) for u in (True, False)
    )
    np.testing.assert_allclose(unwrapped, principal, atol=1e-12)
    np.testing.assert_allclose(unwrapped.imag, np.linspace(0, 12.0, 21), atol=1e-12)


# --- arguments --------------------------------------------------------------


def test_user_contour_without_a_second_rule_has_no_estimate():
    reference = imaginary_axis(0.0, 0.09, 2.1)
    f = spectra()["trace"](np.asarray(reference.nodes))
    mine = user_contour(reference.nodes, reference.weights)
    assert mine.integrate(f)[0] == reference.integrate(f)[0]
    assert np.isnan(mine.integrate(f)[1])
    both = user_contour(reference.nodes, reference.weights, reference.embedded)
    assert both.integrate(f)[1] > reference.integrate(f)[1]


def test_levels_inside_the_assumed_gap_are_wrong():
    contour = imaginary_axis(0.0, 0.1, 2.0)
    inside = Levels(np.array([0.02]), np.ones(1))
    value, _ = contour.integrate(inside(np.asarray(contour.nodes)))
    assert abs(value - 0.5) > 1e-2


def test_node_numbers_are_static_under_tracing():
    lengths = jax.jit(lambda a, b: fermi_line(0.1, 0.0, 30.0, a, b).nodes)(10.0, 1000.0)
    assert len(lengths) == line_node_count(100.0)
    with pytest.raises(InputError, match="`ratio` must be given while JAX traces"):
        jax.jit(lambda t: matsubara(t, 0.0, 1.0).nodes)(0.01)
    assert jax.jit(lambda g: imaginary_axis(0.0, g, ratio=20.0).nodes)(0.1).shape == (11,)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: fermi_line(0.0, 0.0, 30.0, 10.0), "`fermi_wavevector` must be greater than zero"),
        (lambda: fermi_line(np.nan, 0.0, 30.0, 10.0), "`fermi_wavevector` must be finite"),
        (lambda: fermi_line(0.1, np.inf, 30.0, 10.0), "`rashba_wavevector` must be finite"),
        (lambda: fermi_line(0.1, 0.0, -1.0, 10.0), "`hbar2_over_m` must be greater than zero"),
        (lambda: fermi_line(0.1, 0.0, 30.0, 0.0), "`shortest` must be greater than zero"),
        (lambda: fermi_line(0.1, 0.0, 30.0, 1.0, -1.0), "`longest` must be greater than zero"),
        (lambda: fermi_line(0.1, 0.0, 30.0, 5.0, 1.0), "`longest` must be at least `shortest`"),
        (lambda: fermi_line(0.1, 0.0, 30.0, 5.0, nodes=30), "`nodes` must be an odd integer"),
        (lambda: fermi_line(0.1, 0.0, 30.0, 5.0, nodes=5), "`nodes` must be an odd integer"),
        (lambda: semicircle(1.0, 0.5), "`bottom` must be below `fermi_energy`, but 1.0 >= 0.5"),
        (lambda: semicircle(np.nan, 0.5), "`bottom` must be finite"),
        (lambda: semicircle(0.0, np.inf), "`fermi_energy` must be finite"),
        (lambda: semicircle(0.0, 1.0, 20), "`nodes` must be an odd integer"),
        (lambda: semicircle(0.0, 1.0, temperature=0.0), "`temperature` must be greater than zero"),
        (lambda: semicircle(0.0, 1.0, temperature=-1.0), "`temperature` must be greater than"),
        (lambda: imaginary_axis(0.0), "`scale` must be given without a `gap`"),
        (lambda: imaginary_axis(np.nan, scale=1.0), "`fermi_energy` must be finite"),
        (lambda: imaginary_axis(0.0, scale=0.0), "`scale` must be greater than zero"),
        (lambda: imaginary_axis(0.0, scale=1.0, nodes=12), "`nodes` must be an odd integer"),
        (lambda: imaginary_axis(0.0, 0.1), "`bandwidth` must accompany `gap`"),
        (lambda: imaginary_axis(0.0, -0.1, 1.0), "`gap` must be greater than zero"),
        (lambda: imaginary_axis(0.0, 0.1, 0.0), "`bandwidth` must be greater than zero"),
        (lambda: imaginary_axis(0.0, 2.0, 1.0), "`gap` must be below `bandwidth`"),
        (lambda: imaginary_axis(0.0, 0.1, 1.0, nodes=2), "`nodes` must be an integer of at least"),
        (lambda: imaginary_axis(0.0, 0.1, 1.0, accuracy=0.0), "`accuracy` must be between"),
        (
            lambda: imaginary_axis(0.0, 1e-14, 1.0, accuracy=1e-13),
            "`gap` must let 80 poles reach .* 1e-13, but .* 1.0e\\+14 .* needs about 106",
        ),
        (
            lambda: matsubara(1e-3, 0.0, 1e9),
            "`temperature` must let 60 poles reach .* 1e-10, but .* 1.0e\\+12 .* needs about 68",
        ),
        (lambda: matsubara(1e-300, 0.0, 1e9), "`bandwidth` must be at most 1e150 times"),
        (lambda: matsubara(0.0, 0.0, 1.0), "`temperature` must be greater than zero"),
        (lambda: matsubara(-0.1, 0.0, 1.0), "`temperature` must be greater than zero"),
        (lambda: matsubara(0.1, 0.0), "`bandwidth` must be given"),
        (lambda: matsubara(0.1, 0.0, np.nan), "`bandwidth` must be finite"),
        (lambda: matsubara(0.1, np.nan, 1.0), "`fermi_energy` must be finite"),
        (lambda: matsubara(0.1, 0.0, 1.0, nodes=1), "`nodes` must be an integer of at least 3"),
        (lambda: matsubara(0.1, 0.0, 1.0, accuracy=2.0), "`accuracy` must be between"),
        (lambda: matsubara(0.1, 0.0, ratio=-1.0), "`ratio` must be greater than zero"),
        (lambda: matsubara_sum(0.0, 0.0, 10), "`temperature` must be greater than zero"),
        (lambda: matsubara_sum(0.1, 0.0, 0), "`nodes` must be an integer of at least 3"),
        (lambda: user_contour([1j, np.nan], [1.0, 1.0]), "`nodes` must be finite"),
        (lambda: user_contour([1j], [1.0, 1.0]), "`weights` must have shape"),
        (lambda: user_contour([], []), "`nodes` must have shape"),
        (lambda: user_contour([1j], [1.0], [1.0, 2.0]), "`embedded` must have shape"),
        (lambda: user_contour([1j, -1j], [1.0, 1.0]), "must lie in the upper half plane"),
    ],
)
def test_wrong_arguments_are_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_single_precision_is_refused():
    with jax.enable_x64(False), pytest.raises(PrecisionError, match="`Contour` needs float64"):
        semicircle(-1.0, 0.0)
