"""What a contour assumes of the levels is checked against the host with its spins in place."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattices import SQUARE, dense_spins, paper_superconductor
from problems import MatrixStrength, dimer, random_cluster, random_spins, ring
from random_problems import ROUNDING, Case, connected, factor, outcomes, report

from msgreen import (
    ClusterHost,
    ContactCoupling,
    LloydEnergy,
    RashbaGas,
    SpinPairs,
    closed_hessian,
    coefficients,
    hessian,
    imaginary_axis,
    loop_energies,
    matsubara,
    semicircle,
    torque,
)
from msgreen.contour import fermi_line, matsubara_sum
from msgreen.contour.base import unexpected_levels
from msgreen.energy.bound_states import negative_count, scattering_form
from msgreen.energy.free_levels import (
    check_configurations,
    count_levels,
    nodes_and_ends,
    refuse_levels,
)
from msgreen.errors import AccuracyWarning, InputError
from msgreen.hosts.base import AbstractHost, check_levels
from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.hosts.tight_binding import TightBinding
from msgreen.lattice import Region, shell_model

SYSTEM = random_cluster(3)
SPINS = random_spins(0, 5, 3)


def stronger(scale):
    return MatrixStrength(SYSTEM.strengths * scale)


@pytest.mark.parametrize("scale", [0.5, 2.0, 6.0, 30.0, 300.0])
def test_levels_of_host_and_spins_are_counted_as_by_diagonalisation(scale):
    """Weak and strong spins, one of them without an orbital; both signs of every strength."""
    strengths = SYSTEM.strengths * scale
    strengths[1] = np.diag([strengths[1][0, 0].real, 0.0])
    ends = SYSTEM.fermi_energy + SYSTEM.gap * np.array([-200.0, -0.9, 0.9, 200.0])
    identity = np.eye(12)
    green = np.stack([np.linalg.inv(e * identity - SYSTEM.matrix()) for e in ends])
    green = green.reshape(4, 3, 4, 3, 4)
    scatterer = MatrixStrength(strengths)
    potential = np.stack([scatterer.potential(jnp.asarray(ends, complex), s) for s in SPINS], 1)
    found = count_levels(green, potential)
    system = type(SYSTEM)("", SYSTEM.hamiltonian, strengths, SYSTEM.fermi_energy, SYSTEM.gap)
    levels = np.stack([np.linalg.eigvalsh(system.matrix(s)) for s in SPINS])
    below = (levels[:, :, None] < ends).sum(axis=1)
    expected = np.stack([below[:, 0], below[:, 2] - below[:, 1], 12 - below[:, 3]], axis=1)
    np.testing.assert_array_equal(found, expected)
    form = scattering_form(green[1], potential[1])
    assert form.shape == (5, 12, 12)
    np.testing.assert_allclose(form, form.conj().swapaxes(1, 2))
    assert negative_count(np.array([[-1.0, 0.0], [-2.0, -1.0]])).tolist() == [1, 2]


def test_intervals_of_contours():
    gap = imaginary_axis(1.0, gap=0.5, bandwidth=8.0).free_intervals()
    np.testing.assert_allclose(gap, [(-np.inf, -7), (0.5, 1.5), (9, np.inf)], rtol=1e-6)
    warm = matsubara(0.1, 1.0, 8.0).free_intervals()
    np.testing.assert_allclose(warm, [(-np.inf, -7), (9, np.inf)], rtol=1e-6)
    assert semicircle(-3.0, 1.0).free_intervals() == [(-np.inf, -3.0)]
    top = matsubara_sum(0.1, 0.0, 50).free_intervals()[1]
    np.testing.assert_allclose(top, (10 * np.pi, np.inf), rtol=1e-6)
    assert imaginary_axis(0.0, scale=1.0).free_intervals() == []
    assert fermi_line(0.2, 0.0, 7.6, 10.0).free_intervals() == []
    traced = []
    jax.jit(lambda e: traced.append(imaginary_axis(e, 0.5, 8.0).free_intervals()))(1.0)
    assert traced == [[]]


def test_errors_name_what_is_wrong():
    assert "Argument `gap`" in str(unexpected_levels(-1.0, 1.0, "the host has levels"))
    assert "larger `bandwidth`" in str(unexpected_levels(1.0, np.inf, "the host has levels"))
    assert "below -1 eV" in str(unexpected_levels(-np.inf, -1.0, "the host has levels"))


def test_a_cluster_looks_for_its_levels():
    levels = np.linalg.eigvalsh(SYSTEM.matrix())
    options = {"fermi_energy": SYSTEM.fermi_energy}
    nearest, farthest = (f(np.abs(levels - SYSTEM.fermi_energy)) for f in (np.min, np.max))
    ClusterHost(SYSTEM.hamiltonian, gap=nearest, **options).contour(SYSTEM.sites)
    with pytest.raises(InputError, match="`gap` must not exceed.*host has levels"):
        ClusterHost(SYSTEM.hamiltonian, gap=1.01 * nearest, **options).contour(SYSTEM.sites)
    wide = {"gap": 0.1, "bandwidth": 0.99 * farthest}
    with pytest.raises(InputError, match="`contour` must cover all levels"):
        ClusterHost(SYSTEM.hamiltonian, **wide, **options).contour(SYSTEM.sites)
    at_a_level = ClusterHost(SYSTEM.hamiltonian, gap=1e-9, fermi_energy=float(levels[4]))
    with pytest.raises(InputError, match="host has levels"):
        LloydEnergy(at_a_level, SYSTEM.scatterer, SYSTEM.sites)


def test_every_way_to_energies_refuses_levels_that_spins_bind():
    lloyd = LloydEnergy(SYSTEM.host, stronger(2.0), SYSTEM.sites)
    bad = SPINS[3]
    for call in (
        lambda: lloyd(SPINS),
        lambda: lloyd.interaction(bad),
        lambda: lloyd.interaction_with_error(bad),
        lambda: lloyd.about(bad, 2),
        lambda: closed_hessian(lloyd, bad),
        lambda: hessian(lloyd.energy, bad),
        lambda: torque(lloyd.connected, bad),
    ):
        with pytest.raises(InputError, match="in configuration [03] the host with the spins of"):
            call()
    with pytest.raises(InputError, match="site . alone"):
        LloydEnergy(SYSTEM.host, stronger(6.0), SYSTEM.sites).single_site(bad)
    fine = SPINS[:3]
    expected = [
        type(SYSTEM)("", SYSTEM.hamiltonian, 2 * SYSTEM.strengths, SYSTEM.fermi_energy, 1).energy(s)
        for s in fine
    ]
    np.testing.assert_allclose(lloyd(fine), expected, atol=1e-9)


def test_spins_beyond_the_bandwidth_are_refused():
    with pytest.raises(InputError, match="has . levels below"):
        LloydEnergy(SYSTEM.host, stronger(1000.0), SYSTEM.sites)(SPINS)


def test_loops_ask_the_host_alone():
    """Perturbation theory in the spins: levels that they bind do not matter, the host's do."""
    spins = random_spins(1, SYSTEM.count)
    good = SYSTEM.host.contour(SYSTEM.sites)
    bad = imaginary_axis(SYSTEM.fermi_energy, gap=10 * SYSTEM.gap, bandwidth=50.0)
    for call in (
        lambda path: coefficients(SYSTEM.host, stronger(9.0), path, SYSTEM.sites, [[0, 1]]),
        lambda path: loop_energies(SYSTEM.host, stronger(9.0), path, SYSTEM.sites, [[0, 1]], spins),
    ):
        call(good)
        with pytest.raises(InputError, match="host has levels"):
            call(bad)


def test_a_superconductor_with_bound_spins_is_refused_by_all():
    host = paper_superconductor(9, singlet=0.5, triplet=0.0, mu=-1.0, temperature=0.0, gap=0.3)
    sites = np.array([[4, 4, 0], [5, 4, 0]])
    strong, spins = ContactCoupling(-2.5, orbitals=2), random_spins(1, 2)
    for call in (
        lambda: LloydEnergy(host, strong, sites).interaction_with_error(spins),
        lambda: SpinPairs(host, strong, sites, [[0, 1]]).derivatives(),
    ):
        with pytest.raises(InputError, match="level"):
            call()


def test_a_level_in_the_outer_half_of_the_gap_is_no_harm():
    """The contour is made for half of the gap; the value is that of diagonalisation."""
    region, sites = Region(SQUARE, (4, 4)), np.array([[1, 1, 0]])
    model = shell_model(SQUARE, [-1.0], exchange=[0.0, 0.0, 6.0])
    host, up = FiniteLattice(model, region, gap=2.7), np.array([[0.0, 0.0, 1.0]])
    levels = np.linalg.eigvalsh(dense_spins(model, region, sites, up, -3.0))
    bare = np.linalg.eigvalsh(dense_spins(model, region, sites, up, 0.0))
    assert 1.35 < np.abs(levels).min() < 2.7
    found = LloydEnergy(host, ContactCoupling(-3.0), sites)(up)
    np.testing.assert_allclose(found, levels[levels < 0].sum() - bare[bare < 0].sum(), atol=1e-8)


def test_what_cannot_be_known_is_said():
    """A host that does not know its levels warns; under a trace nothing is checked."""

    class Unknown(AbstractHost):
        nambu = False
        host: ClusterHost

        def blocks(self, z, sites, pairs):
            return self.host.blocks(z, sites, pairs)

        def contour(self, sites):
            return self.host.contour(sites)

    unknown = Unknown(SYSTEM.host)
    with pytest.warns(AccuracyWarning, match="Unknown does not know its levels"):
        lloyd = LloydEnergy(unknown, stronger(6.0), SYSTEM.sites)
    assert lloyd.edges.shape[0] == 0
    lloyd.check_levels(SPINS)
    check_configurations(lloyd.path, lloyd.edges, lloyd.scatterer, SPINS, together=True, alone=True)
    path = SYSTEM.host.contour(SYSTEM.sites)
    assert check_levels(SYSTEM.host, path)
    assert len(nodes_and_ends(SYSTEM.host, path)) == len(path.nodes) + 4
    checked = []

    def trace(hamiltonian):
        host = ClusterHost(hamiltonian, fermi_energy=SYSTEM.fermi_energy, gap=9.0, bandwidth=50.0)
        checked.append(check_levels(host, host.contour(SYSTEM.sites)))
        return jnp.sum(jnp.abs(hamiltonian))

    jax.grad(trace)(jnp.abs(jnp.asarray(SYSTEM.hamiltonian)))
    assert checked == [False]
    lloyd = LloydEnergy(SYSTEM.host, stronger(6.0), SYSTEM.sites)
    jax.jit(lambda spins: lloyd.interaction(spins))(SPINS[0])
    refuse_levels(path, np.zeros((0, 1, 2, 1, 2), complex), np.zeros((0, 1, 1, 2, 2), complex), str)


def test_hosts_know_their_levels():
    gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    bottom = -0.5 * float(gas.hbar2_over_mass) * 0.0135**2
    assert not gas.has_levels(-np.inf, 1.01 * bottom) and gas.has_levels(-np.inf, 0.99 * bottom)
    with pytest.raises(InputError, match="must cover all levels"):
        sites = np.array([[0.0], [9.0]])
        contour = matsubara(0.01, gas.fermi_energy, 10.0)
        coefficients(gas, ContactCoupling(0.1), contour, sites, [[0, 1]])
    model = shell_model(SQUARE, [-1.0])
    for host in (
        FiniteLattice(model, Region(SQUARE, (6, 6)), gap=0.1),
        TightBinding(model, gap=0.1),
    ):
        assert not host.has_levels(-np.inf, -4.0001) and not host.has_levels(4.0001, np.inf)
        assert host.has_levels(-np.inf, -3.4) and host.has_levels(3.4, np.inf)
    for system in (ring(6), dimer()):
        assert not system.host.has_levels(-0.9 * system.gap, 0.9 * system.gap)


@pytest.mark.slow
def test_random_problems_are_refused_or_honest():
    """A part of the run that `python tests/random_problems.py 300` makes."""
    found = outcomes(12)
    refused = [result for result in found.values() if isinstance(result, str)]
    numbers = [case for result in found.values() if not isinstance(result, str) for case in result]
    assert len(refused) > 1 and len(numbers) > 40
    assert max(case.excess for case in numbers) < 1, report(found)


def test_random_problems_measure_what_they_say():
    rng = np.random.default_rng(1)
    assert 0.1 < factor(rng, 0.1, 0.2) < 0.2
    assert Case("a", 1.0, 0.1, 1.5, 0.0).excess == pytest.approx(5)
    assert Case("a", 1.0, 0.1, 1.0 + 1e-13, 1e-12).excess == 0.0
    spins = random_spins(3, 3)
    assert connected(lambda sites, s: float(len(sites)), spins) == 0.0
    assert ROUNDING < 1e-12 and "below the truth" in report(outcomes(2))
