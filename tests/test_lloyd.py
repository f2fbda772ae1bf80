"""Lloyd energies against diagonalisation."""

import itertools
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import SIGMA, dimer, random_cluster, random_spins, ring

from msgreen import AbstractHost, ContactCoupling, LloydEnergy, RashbaGas, imaginary_axis
from msgreen.energy.determinants import (
    as_matrix,
    check_scattering_order,
    log_determinant,
    onsite_blocks,
    power_traces,
)
from msgreen.errors import AccuracyWarning, InputError
from msgreen.spin.algebra import Green, decompose

SYSTEMS = [
    random_cluster(1),
    random_cluster(2, sites=4, orbitals=1, spin_orbit=0.8),
    random_cluster(5, sites=2, orbitals=3, time_reversal=False, coupling=0.3),
    ring(6),
    dimer(),
]


@pytest.fixture(scope="module", params=SYSTEMS, ids=str)
def case(request):
    system = request.param
    return system, LloydEnergy(system.host, system.scatterer, system.sites)


def test_total_energy_is_that_of_diagonalisation(case):
    """Absolute energies: E(S) = Omega[H + V(S)] - Omega[H], non-collinear spins."""
    system, lloyd = case
    spins = random_spins(10, 8, system.count)
    exact = np.array([system.energy(s) for s in spins])
    levels = np.array([np.linalg.eigvalsh(system.matrix(s)) for s in spins])
    assert np.abs(levels - system.fermi_energy).min() >= system.gap * (1 - 1e-12)
    np.testing.assert_allclose(lloyd(spins), exact, rtol=0, atol=1e-9 * np.abs(exact).max())
    differences = exact - exact[0]
    found = np.asarray(lloyd(spins)) - np.asarray(lloyd(spins))[0]
    np.testing.assert_allclose(found, differences, rtol=0, atol=1e-9 * np.abs(exact).max())


def test_energies_to_ten_digits_on_a_finer_contour():
    system = SYSTEMS[0]
    axis = imaginary_axis(system.fermi_energy, gap=system.gap, bandwidth=40.0, accuracy=1e-13)
    lloyd = LloydEnergy(system.host, system.scatterer, system.sites, axis)
    spins = random_spins(11, 8, 3)
    exact = np.array([system.energy(s) for s in spins])
    np.testing.assert_allclose(lloyd(spins), exact, rtol=0, atol=1e-11)


def test_connected_and_single_site_parts(case):
    """Single-site energies from one spin at a time; the two parts add up to the total."""
    system, lloyd = case
    spins = random_spins(12, 3, system.count)
    alone = [
        sum(
            system.energy(np.where(np.arange(system.count)[:, None] == i, s, 0.0))
            for i in range(system.count)
        )
        for s in spins
    ]
    scale = np.abs(alone).max()
    np.testing.assert_allclose(lloyd.single_site(spins), alone, rtol=0, atol=1e-9 * scale)
    total = lloyd.interaction(spins) + lloyd.single_site(spins)
    np.testing.assert_allclose(total, lloyd(spins), rtol=0, atol=1e-11 * scale)


def test_batches_are_loops():
    system = SYSTEMS[0]
    lloyd = LloydEnergy(system.host, system.scatterer, system.sites)
    spins = random_spins(13, 2, 3, system.count)
    for function in (lloyd, lloyd.interaction, lloyd.single_site):
        batch = function(spins)
        assert batch.shape == (2, 3)
        one_by_one = [[function(s) for s in row] for row in spins]
        np.testing.assert_allclose(batch, one_by_one, rtol=0, atol=1e-13 * np.abs(batch).max())


def test_memory_bounded_blocks_are_one_block(monkeypatch):
    system = SYSTEMS[0]
    lloyd = LloydEnergy(system.host, system.scatterer, system.sites)
    spins = random_spins(14, 7, 3)
    whole = lloyd(spins)
    monkeypatch.setattr("msgreen.energy.lloyd._BLOCK_BYTES", 2 * 64 * lloyd.green.size)
    other = random_spins(14, 7, 1, 3)  # a new shape, compiled anew
    np.testing.assert_allclose(lloyd(other)[:, 0], whole, rtol=1e-13)


def test_gradient_is_the_finite_difference(case):
    system, lloyd = case
    spins = random_spins(15, system.count)
    gradient = np.asarray(eqx.filter_jit(jax.grad(lambda s: lloyd.energy(s)))(jnp.asarray(spins)))
    h = 1e-4
    for index in [(0, 0), (1, 2), (0, 1)]:
        values = []
        for step in (-2, -1, 1, 2):
            moved = spins.copy()
            moved[index] += step * h
            values.append(system.energy(moved))
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
        np.testing.assert_allclose(gradient[index], slope, rtol=0, atol=3e-9)


def test_series_are_the_orders_in_the_coupling():
    """Against Taylor coefficients of diagonalised energies in the strength of V."""
    system = SYSTEMS[0]
    lloyd = LloydEnergy(system.host, system.scatterer, system.sites)
    spins = random_spins(16, 3)
    series = lloyd.series(spins, 8)
    expected = system.series(spins, 8)
    np.testing.assert_allclose(series, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
    assert np.abs(series[1]) > 1e-3
    odd = np.asarray(series)[::2]
    np.testing.assert_allclose(odd, 0, atol=1e-10)  # time reversal of the host


def test_series_converges_to_the_total():
    system = random_cluster(1, coupling=0.25)
    lloyd = LloydEnergy(system.host, system.scatterer, system.sites)
    spins = random_spins(17, 3)
    radius = lloyd.spectral_radius(spins)
    total = float(lloyd(spins))
    for order in (4, 10, 30):
        left = abs(float(lloyd.series(spins, order).sum()) - total)
        assert left < 20 * system.gap * radius ** (order + 1) + 1e-13


def test_series_without_onsite_blocks():
    """`onsite=False` drops the blocks G_ii: zeros on the diagonal, the same series otherwise."""
    system = SYSTEMS[0]
    lloyd = LloydEnergy(system.host, system.scatterer, system.sites)
    dropped = LloydEnergy(system.host, system.scatterer, system.sites, onsite=False)
    spins = random_spins(18, 3)
    zeroed = np.array(lloyd.green)
    for i in range(3):
        zeroed[:, i, :, i, :] = 0
    np.testing.assert_allclose(dropped.green, zeroed, rtol=0, atol=1e-13)
    weights = np.asarray(lloyd.path.weights)
    product = np.asarray(zeroed.reshape(len(weights), 12, 12)) @ (
        system.matrix(spins) - system.matrix()
    )
    expected = []
    for p in range(1, 7):
        traces = np.trace(np.linalg.matrix_power(product, p), axis1=1, axis2=2)
        expected.append(-(weights @ traces).imag / (np.pi * p))
    np.testing.assert_allclose(dropped.series(spins, 6), expected, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(dropped(spins), dropped.interaction(spins), rtol=1e-12)
    np.testing.assert_allclose(dropped.single_site(spins), 0, atol=1e-15)


def test_spectral_radius_and_its_warning():
    strong = dimer()
    lloyd = LloydEnergy(strong.host, strong.scatterer, strong.sites)
    spins = random_spins(19, 2)
    potential = strong.matrix(spins) - strong.matrix()
    radius = max(
        np.abs(np.linalg.eigvals(np.linalg.solve(z * np.eye(4) - strong.matrix(), potential))).max()
        for z in np.asarray(lloyd.path.nodes)
    )
    np.testing.assert_allclose(lloyd.spectral_radius(spins), radius, rtol=1e-12)
    assert radius > 1
    with pytest.warns(AccuracyWarning, match=f"spectral radius of G V is {radius:.2f}"):
        lloyd.series(spins, 4)
    # The all-order energy does not care.
    np.testing.assert_allclose(lloyd(spins), strong.energy(spins), rtol=1e-9)


def test_dressed_green_function(case):
    system, lloyd = case
    spins = random_spins(20, system.count)
    matrix = system.matrix(spins)
    inverse = np.stack(
        [np.linalg.inv(z * np.eye(len(matrix)) - matrix) for z in np.asarray(lloyd.path.nodes)]
    )
    dressed = np.asarray(lloyd.dressed_green(jnp.asarray(spins))).reshape(inverse.shape)
    np.testing.assert_allclose(dressed, inverse, rtol=0, atol=1e-11 * np.abs(inverse).max())


@pytest.mark.parametrize("nodes", [5, 10])
def test_error_estimate_of_a_gapped_host(nodes):
    """Few nodes on purpose; the reference is diagonalisation.

    The rule's own error scales with the moves of single levels, most of which cancel in the
    connected part; the estimate allows for that.
    """
    system = SYSTEMS[0]
    axis = imaginary_axis(system.fermi_energy, gap=system.gap, bandwidth=20.0, nodes=nodes)
    lloyd = LloydEnergy(system.host, system.scatterer, system.sites, axis)
    for seed in range(4):
        spins = random_spins(seed, 3)
        exact = system.energy(spins)
        _, estimate = axis.integrate(
            np.linalg.slogdet(np.eye(12) - np.asarray(lloyd.scattering_matrix(spins)))[1]
        )
        assert abs(lloyd(spins) - exact) <= estimate
        alone = [np.where(np.arange(3)[:, None] == i, spins, 0.0) for i in range(3)]
        connected = exact - sum(system.energy(s) for s in alone)
        value, error = lloyd.interaction_with_error(spins)
        np.testing.assert_allclose(value, lloyd.interaction(spins), rtol=1e-12, atol=1e-15)
        assert abs(value - connected) <= error


def test_error_estimate_of_the_gas_is_honest():
    gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    sites, spins = jnp.array([[0.0], [6.0], [15.0]]), random_spins(21, 3)
    coupling = ContactCoupling(0.58)
    dense = LloydEnergy(gas, coupling, sites, gas.contour(sites, nodes=201)).interaction(spins)
    for nodes in (11, 31):
        lloyd = LloydEnergy(gas, coupling, sites, gas.contour(sites, nodes=nodes))
        value, error = lloyd.interaction_with_error(spins)
        assert abs(value - dense) <= error
    assert error < 1e-6 * abs(value)


class Superconductor(AbstractHost):
    """A BdG cluster in the basis (c_up, c_down, c+_down, -c+_up), for the factor 1/2."""

    nambu: ClassVar[bool] = True
    hamiltonian: jax.Array  # (site, 4, site, 4), index spin * 2 + particle-hole

    def blocks(self, z, sites, pairs):
        count = len(self.hamiltonian)
        matrix = jnp.asarray(self.hamiltonian).reshape(4 * count, 4 * count)
        shifted = z[:, None, None] * jnp.eye(4 * count, dtype=complex) - matrix
        green = jnp.linalg.inv(shifted).reshape(-1, count, 4, count, 4)
        return decompose(green[:, pairs[:, 0], :, pairs[:, 1]].swapaxes(0, 1))

    def contour(self, sites):
        return imaginary_axis(0.0, gap=0.02, bandwidth=20.0, accuracy=1e-13)

    def has_levels(self, low, high):
        size = 4 * len(self.hamiltonian)
        levels = np.linalg.eigvalsh(np.asarray(self.hamiltonian).reshape(size, size))
        return bool(np.any((levels > low) & (levels < high)))


def many_body_energy(hopping, mu, pairing, coupling, spins):
    """Ground state energy of two superconducting sites in Fock space (16 states)."""
    modes = 4  # site * 2 + spin
    lower = np.array([[0, 1], [0, 0]])
    string = np.diag([1, -1])

    def annihilator(n):
        factors = [string] * n + [lower] + [np.eye(2)] * (modes - n - 1)
        return np.array(eval_kron(factors), complex)

    def eval_kron(factors):
        product = np.eye(1)
        for factor in factors:
            product = np.kron(product, factor)
        return product

    c = [annihilator(n) for n in range(modes)]
    d = [m.conj().T for m in c]
    total = np.zeros((16, 16), complex)
    for i in range(2):
        spin = coupling * np.tensordot(spins[i], SIGMA, 1)
        for s, t in itertools.product(range(2), range(2)):
            total += (spin[s, t] - mu * (s == t)) * d[2 * i + s] @ c[2 * i + t]
        pair = pairing * d[2 * i] @ d[2 * i + 1]
        total += pair + pair.conj().T
    for s in range(2):
        total += hopping * (d[s] @ c[2 + s] + d[2 + s] @ c[s])
    return np.linalg.eigvalsh(total)[0]


def test_particle_hole_doubling_gets_one_half():
    """Against exact diagonalisation in Fock space, which knows no doubling."""
    hopping, mu, pairing, coupling = -1.0, 0.3, 0.4, 0.25
    tau_x, tau_z = SIGMA[0], SIGMA[2]
    hamiltonian = np.zeros((2, 4, 2, 4), complex)
    for i in range(2):
        hamiltonian[i, :, i, :] = np.kron(np.eye(2), -mu * tau_z + pairing * tau_x)
        hamiltonian[i, :, 1 - i, :] = np.kron(np.eye(2), hopping * tau_z)
    host = Superconductor(jnp.asarray(hamiltonian))
    lloyd = LloydEnergy(host, ContactCoupling(coupling, orbitals=2), np.arange(2))
    spins = random_spins(22, 5, 2)
    exact = [many_body_energy(hopping, mu, pairing, coupling, s) for s in spins]
    bare = many_body_energy(hopping, mu, pairing, 0.0, spins[0])
    np.testing.assert_allclose(lloyd(spins), np.array(exact) - bare, rtol=0, atol=1e-11)
    series = lloyd.series(spins[0], 2)
    assert abs(series.sum() - lloyd(spins[0])) < 0.2 * abs(series[1])


def test_host_without_spin_orbit_coupling_is_isotropic():
    system = ring(6)
    lloyd = LloydEnergy(system.host, system.scatterer, system.sites)
    spins = random_spins(23, 6)
    rotation = np.linalg.qr(np.random.default_rng(24).normal(size=(3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    np.testing.assert_allclose(lloyd(spins @ rotation.T), lloyd(spins), rtol=1e-11)


@pytest.fixture(scope="module")
def three():
    system = SYSTEMS[0]
    return LloydEnergy(system.host, system.scatterer, system.sites)


def test_arguments_refused(three):
    good = random_spins(25, 3)
    for method in (three, three.interaction, three.single_site):
        with pytest.raises(InputError, match=r"`directions` must have shape \(..., 3, 3\)"):
            method(good[:2])
        with pytest.raises(InputError, match="`directions` must hold unit vectors"):
            method(1.1 * good)
        with pytest.raises(InputError, match="`directions` must be finite"):
            method(np.where(np.eye(3) > 0, np.nan, good))
    for method in (
        three.interaction_with_error,
        three.spectral_radius,
        lambda s: three.series(s, 2),
    ):
        with pytest.raises(InputError, match=r"`directions` must have shape \(3, 3\)"):
            method(good[None])
    with pytest.raises(InputError, match="`order` must be an integer of at least 1, but it is 0"):
        three.series(good, 0)
    assert three(np.zeros((0, 3, 3))).shape == (0,)


def test_green_of_two_dimensions_needs_a_cutoff_only_onsite():
    gas = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    sites, coupling = jnp.array([[0.0, 0.0], [9.0, 2.0]]), ContactCoupling(15.0)
    with pytest.raises(InputError, match="`momentum_cutoff` must be given"):
        LloydEnergy(gas, coupling, sites)
    energy = LloydEnergy(gas, coupling, sites, onsite=False)
    assert isinstance(gas.blocks(energy.path.nodes, sites, np.array([[0, 1]])), Green)
    up, down = np.array([0, 0, 1.0]), np.array([0, 0, -1.0])
    assert energy(np.stack([up, up])) != energy(np.stack([up, down]))


def test_scatterer_refused():
    with pytest.raises(InputError, match="`coupling` must be a number or one number per site"):
        ContactCoupling(np.ones((2, 2)))
    with pytest.raises(InputError, match="`coupling` must be finite"):
        ContactCoupling(np.nan)
    with pytest.raises(InputError, match=r"`coupling` must hold one number per site \(3\)"):
        ContactCoupling(np.ones(2)).strength(jnp.ones(1, complex), 3)


def test_determinants_and_traces_of_matrices():
    rng = np.random.default_rng(4)
    blocks = jnp.asarray(0.1 * rng.normal(size=(3, 2, 4, 2, 4)) + 0j)
    matrix = as_matrix(blocks)
    np.testing.assert_allclose(
        onsite_blocks(blocks)[:, 1], np.asarray(matrix)[:, 4:, 4:], rtol=1e-15
    )
    traces = power_traces(matrix, 5)
    powers = [np.linalg.matrix_power(np.asarray(matrix), p) for p in range(1, 6)]
    np.testing.assert_allclose(traces, [np.trace(p, axis1=1, axis2=2) for p in powers], rtol=1e-10)
    found = log_determinant(jnp.eye(8, dtype=complex) - matrix)
    np.testing.assert_allclose(
        np.exp(found), np.linalg.det(np.eye(8) - np.asarray(matrix)), rtol=1e-12
    )
    for order in (0, 1.5, "2"):
        with pytest.raises(InputError, match="`order` must be an integer of at least 1"):
            check_scattering_order(order)
