import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattices import (
    IMAGINARY_PX,
    SQUARE,
    dense_matrix,
    dense_spins,
    free_energy,
    paper_superconductor,
)

from msgreen import ContactCoupling, LloydEnergy, compute_interactions, loop_tensors
from msgreen.energy.bound_states import bound_states
from msgreen.energy.pair_form import (
    design,
    fitted_form,
    pair_interactions,
    pair_vector,
    weights,
)
from msgreen.energy.spin_pairs import SpinPairs
from msgreen.errors import InputError
from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.hosts.superconductor import Superconductor
from msgreen.hosts.tight_binding import TightBinding
from msgreen.lattice import Lattice, Region, shell_model
from msgreen.lattice.nambu import Pairing, p_wave, s_wave
from msgreen.papers.ouassou import parity_figure, tuning_figure
from msgreen.plot import distance_figure
from msgreen.spin.sphere import sphere_rule
from msgreen.spin.tensors import LEVI_CIVITA

SITES = np.array([[3, 3, 0], [4, 3, 0], [4, 5, 0]])
COUPLING = ContactCoupling(-1.5, orbitals=2)


def directions(count, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def difference_by_diagonalisation(model, region, sites, one, two, temperature=0.001):
    energies = [
        free_energy(np.linalg.eigvalsh(dense_spins(model, region, sites, spins, -1.5)), temperature)
        for spins in (one, two)
    ]
    return energies[0] - energies[1]


def test_three_spins_with_vacancy_disorder_and_varying_gap():
    """Everything at once, by the layers, against diagonalisation."""
    rng = np.random.default_rng(5)
    region = Region(SQUARE, (7, 6), removed=[(3, 4, 0), (0, 0, 0)])
    model = shell_model(SQUARE, [-1.0], rashba=0.2).with_local(0.3 * rng.normal(size=(7, 6, 1)))
    amplitude = 1 + 0.3 * rng.normal(size=(7, 6)) + 0.2j * rng.normal(size=(7, 6))
    pairing = s_wave(SQUARE, 0.3) + p_wave(SQUARE, 0.2, IMAGINARY_PX)
    host = Superconductor(
        FiniteLattice(model, region, fermi_energy=-1.0, temperature=0.001),
        pairing.modulated(amplitude),
    )
    energy = LloydEnergy(host, COUPLING, SITES)
    one, two = directions(3, 1), directions(3, 2)
    expected = difference_by_diagonalisation(host.model, region, SITES, one, two)
    np.testing.assert_allclose(energy(one) - energy(two), expected, atol=1e-11)


def test_winding_in_the_gauge_where_the_gap_is_uniform():
    """A supercurrent by twisted hoppings equals phases put on every bond."""
    size, winding = 6, 1
    fast = paper_superconductor(size, singlet=0.3, triplet=0.2, periodic=True, winding=winding)
    still = s_wave(SQUARE, 0.3) + p_wave(SQUARE, 0.2, IMAGINARY_PX)
    x = np.arange(size)[:, None] * np.ones(size)
    middle = np.stack([x + 0.5 * cell[0] for cell in still.cells], axis=-1)
    phase = np.exp(2j * np.pi * winding * middle / size)
    blocks = phase[..., None, None, None, None] * np.asarray(still.blocks)
    local = Pairing(SQUARE, still.cells, blocks)
    slow = Superconductor(fast.normal, local)
    sites = np.array([[1, 2, 0], [4, 2, 0]])
    z, pairs = jnp.array([0.1j]), np.array([[0, 0], [0, 1]])
    found, expected = fast.blocks(z, sites, pairs), slow.blocks(z, sites, pairs)
    np.testing.assert_allclose(found.A, expected.A, atol=1e-13)
    np.testing.assert_allclose(found.B, expected.B, atol=1e-13)


@pytest.mark.parametrize("winding", [1, 2])
def test_winding_of_layers_is_that_of_a_cut(winding):
    """An odd winding twists a closed direction by half a turn; layers spread it over all hops."""
    region = Region(SQUARE, (6, 3), periodic=(True, False))
    sites, pairs = np.array([[0, 1, 0], [5, 2, 0]]), np.array([[0, 0], [0, 1], [1, 0]])
    hosts = [
        Superconductor(
            FiniteLattice(shell_model(SQUARE, [-1.0]), region, fermi_energy=-0.7, route=route),
            s_wave(SQUARE, 0.3),
            pair_momentum=[winding / 6, 0.0],
        )
        for route in ("cut", "layers")
    ]
    cut, layers = (host.blocks(jnp.array([0.1 + 0.2j]), sites, pairs).A for host in hosts)
    np.testing.assert_allclose(layers, cut, atol=1e-13)
    edges = np.linspace(0.02, 0.6, 5)
    found = [[host.has_levels(0.0, float(edge)) for edge in edges] for host in hosts]
    assert found[0] == found[1] and len(set(found[0])) == 2


def test_infinite_superconductor_at_zero_temperature():
    """On an s-wave superconductor one spin binds the levels of Yu, Shiba and Rusinov."""
    normal = TightBinding(shell_model(SQUARE, [-1.0]), fermi_energy=-0.5)
    host = Superconductor(normal, s_wave(SQUARE, 1.0), gap=0.2)
    site, spin = np.array([[0, 0, 0]]), np.array([[0.0, 0.0, 1.0]])
    levels = bound_states(host, COUPLING, site, spin, (-0.99, 0.99)).value
    assert len(levels) == 2
    np.testing.assert_allclose(levels[0], -levels[1], atol=1e-10)
    region = Region(SQUARE, (21, 21))
    finite = Superconductor(
        FiniteLattice(shell_model(SQUARE, [-1.0]), region, fermi_energy=-0.5), s_wave(SQUARE, 1.0)
    )
    same = bound_states(finite, COUPLING, [[10, 10, 0]], spin, (-0.99, 0.99)).value
    np.testing.assert_allclose(same, levels, atol=1e-3)


def test_bound_states_of_a_dimer_equal_diagonalisation():
    host = paper_superconductor(9, singlet=0.5, triplet=0.2, mu=-1.0)
    region = host.normal.region
    sites, spins = np.array([[4, 4, 0], [5, 4, 0]]), directions(2, 3)
    gap = 0.4
    assert not host.has_levels(-gap, gap)
    matrix = dense_spins(host.model, region, sites, spins, -1.5)
    levels = np.linalg.eigvalsh(matrix)
    expected = levels[np.abs(levels) < gap]
    assert len(expected)
    found = bound_states(host, COUPLING, sites, spins, (-gap, gap)).value
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_levels_in_the_assumed_gap_are_detected():
    host = paper_superconductor(9, singlet=0.5, triplet=0.0, mu=-1.0, temperature=0.0, gap=0.3)
    sites, pairs = [[4, 4, 0], [5, 4, 0]], [[0, 1]]
    with pytest.raises(InputError, match="pair 0 of sites .* levels between .*bound_states"):
        SpinPairs(host, ContactCoupling(-2.5, orbitals=2), sites, pairs).fit()
    weak = SpinPairs(host, ContactCoupling(-0.5, orbitals=2), sites, pairs).fit()
    cold = paper_superconductor(9, singlet=0.5, triplet=0.0, mu=-1.0, temperature=1e-3)
    same = SpinPairs(cold, ContactCoupling(-0.5, orbitals=2), sites, pairs).fit()
    np.testing.assert_allclose(weak.J, same.J, atol=1e-11)
    gapless = paper_superconductor(9, singlet=0.0, triplet=0.2, temperature=0.0, gap=0.3)
    with pytest.raises(InputError, match="host has levels between"):
        SpinPairs(gapless, COUPLING, sites, pairs)


def test_second_order_is_the_limit_of_weak_coupling():
    host, sites = paper_superconductor(7), [[3, 3, 0], [4, 3, 0]]
    weak = SpinPairs(host, ContactCoupling(-1e-3, orbitals=2), sites, [[0, 1]])
    K = weak.second_order()
    found = weak.fit()
    np.testing.assert_allclose(np.diagonal(K[0]), found.J[0], rtol=1e-4)
    np.testing.assert_allclose(pair_vector(K)[0], found.D[0], rtol=1e-4, atol=1e-15)
    scatterer = ContactCoupling(-1e-3, orbitals=2)
    tensor, _ = loop_tensors(host, scatterer, host.contour(sites), sites, [[0, 1]])
    np.testing.assert_allclose(K[0], tensor[0], atol=1e-17)


@pytest.mark.slow
def test_four_spins_on_a_superconductor():
    """Loops of four are the part of ln det that is odd in every spin, up to the next even order."""
    host = paper_superconductor(7)
    sites = np.array([[2, 2, 0], [3, 2, 0], [3, 3, 0], [2, 3, 0]])
    spins, around = directions(4, seed=1), [[0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3]]
    signs = np.array(list(itertools.product((1, -1), repeat=4)))
    deviations = []
    for strength in (0.1, 0.2):
        scatterer = ContactCoupling(-strength, orbitals=2)
        energy = LloydEnergy(host, scatterer, sites)
        odd = sum(float(energy(s[:, None] * spins)) * s.prod() for s in signs) / len(signs)
        found = compute_interactions(host, scatterer, sites, [np.array(around)])
        deviations.append(odd / float(found.energy(spins)) - 1)
        coefficients = found["four_site"].coefficients
        assert (
            abs(coefficients["C4_chiral"].value).max()
            > 0.01 * abs(coefficients["B4_iso"].value).max()
        )
    assert abs(deviations[0]) < 1e-3
    assert deviations[1] / deviations[0] == pytest.approx(4, rel=0.3)


def test_coefficients_as_an_interaction_set():
    found = SpinPairs(paper_superconductor(5), COUPLING, [[2, 2, 0], [3, 2, 0]], [[0, 1]]).fit()
    result = pair_interactions(found, [[0, 1]])
    assert result.convention.name == "O"
    np.testing.assert_allclose(result["pair"].coefficients["D"].value, found.D)


def test_form_of_a_pair_is_found_again():
    form = np.random.default_rng(0).normal(size=(2, 16))
    noise = np.linalg.qr(design(), mode="complete")[0][:, 20]  # what no coefficient makes
    energies = form @ design().T + noise
    *found, residual = fitted_form(jnp.asarray(energies))
    np.testing.assert_allclose(np.column_stack(found), form, atol=1e-13)
    np.testing.assert_allclose(energies @ weights().T, form, atol=1e-13)
    np.testing.assert_allclose(residual, np.abs(noise).max(), rtol=1e-12)


def test_figures_show_what_they_are_given():
    K = 2e-3 * np.eye(3) - 1e-3 * LEVI_CIVITA[2] + np.zeros((2, 1, 1))
    figure = distance_figure([1, 2], K, unit="eV")
    left, right = figure.axes
    assert left.get_ylabel() == "$D$ (meV)" and right.get_ylabel() == "magnitude (meV)"
    np.testing.assert_allclose(right.lines[0].get_ydata(), [1, 1])
    np.testing.assert_allclose(left.lines[1].get_ydata(), [-1, -1])
    assert [line.get_label() for line in left.lines[1:]] == ["$D_z$"]
    names = [line.get_label() for line in right.lines]
    assert names == ["$|D_z|$", "$|J_{xx}| = |J_{yy}| = |J_{zz}|$"]
    K[:, 1, 2] += 1e-3
    names = [line.get_label() for line in distance_figure([1, 2], K).axes[1].lines]
    assert names[:2] == ["$|D_x|$", "$|D_z|$"] and names[-1] == "$|J_{yz}|$"
    figure = parity_figure([0.0, 0.1], [0.0, 0.1], np.eye(2))
    np.testing.assert_allclose(figure.axes[1].lines[-1].get_ydata(), [0, 1000])
    figure = tuning_figure([1, 2], {"current": [0.5, 1.0]}, [-1.0, 1.0], {"a": [1e-3, 2e-3]})
    np.testing.assert_allclose([bar.get_height() for bar in figure.axes[0].patches], [50, 100])


def test_derivatives_of_the_dmi():
    """d D_z / d(mu, Delta_s, Delta_p) and the pair momentum against differences."""
    sites = np.array([[3, 3, 0], [4, 3, 0]])
    contour = paper_superconductor(7, temperature=0.02).contour(sites)

    def dmi(x):
        normal = FiniteLattice(
            shell_model(SQUARE, [-1.0]),
            Region(SQUARE, (7, 7)),
            fermi_energy=x[0],
            temperature=0.02,
        )
        pairing = s_wave(SQUARE, x[1]) + p_wave(SQUARE, x[2], IMAGINARY_PX)
        host = Superconductor(normal, pairing, pair_momentum=x[3:])
        return SpinPairs(host, COUPLING, sites, [[0, 1]], contour).fit().D[0, 2]

    dmi = jax.jit(dmi)
    x, step = jnp.array([-1.2, 0.2, 0.3, 0.04, 0.0]), 1e-5
    expected = [(dmi(x.at[n].add(step)) - dmi(x.at[n].add(-step))) / (2 * step) for n in range(5)]
    np.testing.assert_allclose(jax.jit(jax.grad(dmi))(x), expected, atol=1e-8)


def test_sphere_rule_integrates_polynomials():
    points, weights = sphere_rule(2)
    np.testing.assert_allclose(weights.sum(), 4 * np.pi)
    np.testing.assert_allclose((weights * points[:, 2] ** 4).sum(), 4 * np.pi / 5)
    np.testing.assert_allclose((weights * points[:, 0] ** 2 * points[:, 1]).sum(), 0, atol=1e-15)


def test_bad_input():
    host = paper_superconductor(5)
    with pytest.raises(InputError, match="lattice of 5 x 5 cells"):
        host.blocks(jnp.array([1j]), [[5, 0, 0]], [[0, 0]])
    with pytest.raises(InputError, match="one spin on one site"):
        LloydEnergy(host, COUPLING, [[1, 1, 0], [1, 1, 0]])
    with pytest.raises(InputError, match="two different sites per pair"):
        SpinPairs(host, COUPLING, [[1, 1, 0], [2, 1, 0]], [[0, 0]])
    with pytest.raises(InputError, match="whole number of times"):
        torus = FiniteLattice(shell_model(SQUARE, [-1.0]), Region(SQUARE, (5, 5), True), gap=0.1)
        turning = Superconductor(torus, s_wave(SQUARE, 0.1), pair_momentum=[0.3, 0.0])
        turning.blocks(jnp.array([1j]), [[0, 0, 0]], [[0, 0]])
    with pytest.raises(InputError, match="Put the phase into the amplitude"):
        local = s_wave(SQUARE, 0.1).modulated(jnp.ones((5, 5)))
        Superconductor(host.normal, local, pair_momentum=[0.2, 0.0])
    with pytest.raises(InputError, match="must have shape"):
        Superconductor(host.normal, s_wave(SQUARE, 0.1), pair_momentum=[0.2])
    with pytest.raises(InputError, match="lattice of `model`"):
        FiniteLattice(shell_model(SQUARE, [-1.0]), Region(Lattice.square(2.0), (5, 5)))
    with pytest.raises(InputError, match="local blocks for the"):
        model = shell_model(SQUARE, [-1.0]).with_local(np.zeros((4, 4, 1)))
        FiniteLattice(model, Region(SQUARE, (5, 5)))
    with pytest.raises(InputError, match="`route`"):
        FiniteLattice(shell_model(SQUARE, [-1.0]), Region(SQUARE, (5, 5)), route="fast")


def test_dense_doubling_has_paired_levels():
    host = paper_superconductor(4)
    levels = np.linalg.eigvalsh(dense_matrix(host.model, host.normal.region)[0])
    np.testing.assert_allclose(levels, -levels[::-1], atol=1e-13)
