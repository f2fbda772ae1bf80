"""The error estimate of the energies of a JuKKR run, against integrals that are known."""

import kkr_runs as kkr
import numpy as np
import pytest

from msgreen.io.jukkr.energies import run_contour
from msgreen.units import MEV

CONTOUR = kkr.run("fe2_nosoc").contour
NODES, WEIGHTS = np.asarray(CONTOUR.nodes), np.asarray(CONTOUR.weights)


def dense_rule() -> tuple[np.ndarray, np.ndarray]:
    """The same path with 400 nodes per line: up, along to E_F - 30 kT, on with f, and poles."""
    x, g = np.polynomial.legendre.leggauss(400)
    fermi, height = NODES[-1].real, NODES[4].imag
    thermal = height / (10 * np.pi)
    corners = np.array(
        [
            NODES[0].real,
            NODES[0].real + 1j * height,
            fermi - 30 * thermal + 1j * height,
            fermi + 1j * height,
            fermi + 60 * thermal + 1j * height,
        ]
    )
    half, middle = np.diff(corners) / 2, (corners[1:] + corners[:-1]) / 2
    nodes, weights = middle[:, None] + half[:, None] * x, half[:, None] * g
    weights[2:] /= np.exp((nodes[2:].real - fermi) / thermal) + 1
    return (
        np.concatenate([nodes.ravel(), NODES[24:]]),
        np.concatenate([weights.ravel(), WEIGHTS[24:]]),
    )


@pytest.mark.parametrize("resonances", [1, 2, 4, 6])
def test_error_estimate_bounds_the_error(resonances):
    """Products of resonances at random energies of the band, as wide as 5 meV to 1.4 eV."""
    rng = np.random.default_rng(resonances)
    width = 13.6 * 10 ** rng.uniform(-3.5, -1, (resonances, 300))
    energy = 13.6 * rng.uniform(-0.05, 0.9, (resonances, 300))

    def product(z):
        return np.prod(1 / (z[:, None, None] - energy + 1j * width), axis=1)

    nodes, weights = dense_rule()
    expected = (weights @ product(nodes)).imag / np.pi
    value, error = CONTOUR.integrate(product(NODES))
    ratio = np.abs(value - expected) / error
    assert ratio.max() < 0.1
    assert np.median(ratio) > 1e-6


def test_coarser_rule_drops_one_node_per_line():
    embedded = np.asarray(CONTOUR.embedded)
    dropped = np.flatnonzero(np.abs(embedded) < 1e-12 * np.abs(WEIGHTS).max())
    assert len(dropped) == 3 and dropped[0] < 4 <= dropped[1] < 20 <= dropped[2] < 24
    np.testing.assert_array_equal(embedded[24:], WEIGHTS[24:])
    for line, degree in ((slice(0, 4), 2), (slice(4, 20), 14), (slice(20, 24), 2)):
        shifted = NODES[line] - NODES[line].mean()
        power = (shifted / np.abs(shifted).max()) ** degree
        np.testing.assert_allclose(embedded[line] @ power, WEIGHTS[line] @ power, rtol=1e-8)


def test_exchange_of_the_bilayer_is_known_to_two_percent():
    run = kkr.run("fe2_nosoc")
    green = np.asarray(run.host.green)
    legs = green[:, 0, :9, 4, :9] @ np.asarray(run.scatterer.spin_splitting().splitting)[:, 4]
    back = green[:, 4, 9:, 0, 9:] @ np.asarray(run.scatterer.spin_splitting().splitting)[:, 0]
    value, error = run.contour.integrate(np.trace(legs @ back, axis1=1, axis2=2))
    assert abs(value) == pytest.approx(47.2267 * MEV, rel=1e-4)
    assert 0.001 < error / abs(value) < 0.02


@pytest.mark.parametrize("change", ["moved", "off the line", "reordered", "one line", "no poles"])
def test_other_energies_have_no_estimate(change):
    nodes, weights = NODES.copy(), WEIGHTS.copy()
    if change == "moved":
        nodes[10] += 1e-3
    elif change == "off the line":
        nodes[22] += 1e-3j
    elif change == "reordered":
        nodes, weights = nodes[::-1], weights[::-1]
    elif change == "one line":
        weights = np.full(29, 0.1 + 0.1j)
    else:
        nodes, weights = nodes[:24], weights[:24]
    value, error = run_contour(nodes, weights).integrate(nodes)
    assert np.isfinite(value) and np.isnan(error)


def test_lines_without_fermi_function_are_recognised():
    """Zero temperature: the Gauss-Legendre lines alone."""
    value, error = run_contour(NODES[:20], WEIGHTS[:20]).integrate(NODES[:20] ** 2)
    assert error < 1e-12 * abs(value)
