"""Reported errors against true ones: the mesh of a host, the contour and rounding, added."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattices import SQUARE

from msgreen import (
    ContactCoupling,
    LloydEnergy,
    RashbaGas,
    closed_hessian,
    closed_multilinear_tensor,
    closed_rotation_tensor,
    coefficients,
    compute_interactions,
    loop_energies,
    loop_tensors,
    matsubara,
)
from msgreen.contour.base import ROUNDING
from msgreen.energy.spin_pairs import SpinPairs
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.exchange.closed_forms import pattern_coefficient
from msgreen.exchange.derivatives import with_rounding
from msgreen.exchange.loops import integrate_loops, loop_rounding
from msgreen.hosts.base import Coarse, mesh_error
from msgreen.hosts.superconductor import Superconductor
from msgreen.hosts.tight_binding import TightBinding
from msgreen.lattice import Lattice, shell_model
from msgreen.lattice.nambu import s_wave

LATTICES = {1: Lattice.chain(), 2: SQUARE, 3: Lattice.cubic()}
SITES = {
    1: np.array([[0, 0], [1, 0], [3, 0], [-2, 0]]),
    2: np.array([[0, 0, 0], [1, 0, 0], [2, 1, 0], [0, 2, 0]]),
    3: np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 2, 0]]),
}
PAIRS, RING = [[0, 1], [0, 2], [1, 3]], [[0, 1, 2, 3]]
COLDEST = {1: 0.05, 2: 0.1, 3: 0.4}
MESHES = {1: (12, 32), 2: (8, 16), 3: (8, 12)}
CONVERGED = {1: 512, 2: 192, 3: 48}


def ferromagnet(**options):
    model = shell_model(SQUARE, [-1.0], exchange=[0.0, 0.0, -0.5])
    return TightBinding(model, fermi_energy=-0.7, temperature=0.05, **options)


def random_hosts(dim, seed, **options):
    """A lattice with random field, spin-orbit coupling and filling; the same on a fine mesh."""
    rng = np.random.default_rng([dim, seed])
    field = rng.normal(size=3) * rng.choice([0.0, 0.3, 1.0])
    rashba = 0.4 * rng.normal() if dim < 3 else 0.0
    model = shell_model(LATTICES[dim], [-1.0], exchange=field, rashba=rashba)
    state = {"fermi_energy": rng.uniform(-1, 1) * 2 * dim}
    state["temperature"] = COLDEST[dim] * rng.choice([1.0, 3.0])
    contour = matsubara(state["temperature"], state["fermi_energy"], ratio=512.0, nodes=17)
    return (
        TightBinding(model, **state, **options),
        TightBinding(model, **state, mesh=CONVERGED[dim]),
        contour,
    )


def results(host, contour, sites):
    """Everything about pairs and a ring that has an error, as (value, error)."""
    coupling = ContactCoupling(0.5)
    named = coefficients(host, coupling, contour, sites, PAIRS)
    named |= coefficients(host, coupling, contour, sites, RING)
    return {name: (found.value, found.error) for name, found in named.items()}


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_errors_of_random_lattices_are_honest_and_sharp(dim):
    """The reference is a mesh on which G has converged; both use the same contour."""
    excess = []
    for seed in range(4):
        host, fine, contour = random_hosts(dim, seed, mesh=MESHES[dim][seed % 2])
        truth = results(fine, contour, SITES[dim])
        for name, (value, error) in results(host, contour, SITES[dim]).items():
            true = np.abs(value - truth[name][0])
            assert np.all(true <= error), (seed, name)
            seen = true > 1e-12 * np.abs(value).max()
            excess += (np.asarray(error)[seen] / true[seen]).tolist()
    assert len(excess) > 12
    assert np.median(excess) < 1000


def test_error_of_a_chosen_mesh_is_honest():
    host, fine, contour = random_hosts(2, 7, accuracy=1e-4)
    truth = results(fine, contour, SITES[2])
    for name, (value, error) in results(host, contour, SITES[2]).items():
        assert np.all(np.abs(value - truth[name][0]) <= error), name


@pytest.mark.parametrize("mesh", [8, 16, 32])
def test_mesh_of_a_ferromagnet_reaches_every_result(mesh):
    """J_iso of nearest neighbours converges to -3.467 meV; every road must know how far it is."""
    sites, coupling = SITES[2][:3], ContactCoupling(-0.5)
    host, fine = ferromagnet(mesh=mesh), ferromagnet(mesh=256)
    contour = host.contour(sites)
    spins = jnp.array([[0.0, 0.6, 0.8], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])

    def roads(host):
        pair = coefficients(host, coupling, contour, sites, [[0, 1]])["J_iso"]
        pattern = pattern_coefficient(host, coupling, contour, sites, [[0, 1]], (0, 1))
        loops = [[0, 1], [1, 2]]
        lloyd = LloydEnergy(host, coupling, sites, contour)
        pairs = SpinPairs(host, coupling, sites, [[0, 1]], contour)
        fit = pairs.fit()
        named = [fit.mu, fit.J, fit.D, fit.mu_odd, fit.J_mixed]
        hessian = closed_hessian(lloyd, jnp.tile(jnp.array([0.0, 0.0, 1.0]), (3, 1)))
        return {
            "J": (pair.value, pair.error),
            "pattern": (pattern.value, pattern.error),
            "tensor": loop_tensors(host, coupling, contour, sites, loops),
            "loop": loop_energies(host, coupling, contour, sites, loops, spins),
            "lloyd": lloyd.interaction_with_error(spins),
            "surface": pairs.energies(spins, spins),
            "F0": (fit.F0, fit.error[:, 0]),
            "fit": (jnp.concatenate(named, axis=1), fit.error[:, 1:]),
            "hessian": hessian,
        }

    truth = roads(fine)
    np.testing.assert_allclose(truth["J"][0], -0.0034672, atol=1e-7)
    excess = []
    for name, (value, error) in roads(host).items():
        true = np.abs(np.asarray(value) - np.asarray(truth[name][0]))
        assert np.all(true <= np.asarray(error)), name
        excess.append(float(np.max(error) / np.max(true)))
    # A single result may be right by accident.
    assert np.median(excess) <= 100


def test_interactions_carry_the_error_of_the_mesh():
    host, pair = ferromagnet(mesh=8), np.array([[0, 1]])
    found = compute_interactions(host, ContactCoupling(-0.5), SITES[2][:2], [pair])["pair"]
    isotropic = found.coefficients["J_iso"]
    assert found.tensor is not None
    assert abs(isotropic.value[0] - 2 * 0.0034672) < isotropic.error[0]
    assert found.tensor.error[0, 0, 0] > 1e-3


@pytest.mark.parametrize(
    "closed",
    [
        closed_hessian,
        lambda lloyd, spins: closed_rotation_tensor(lloyd, spins, (0, 1)),
        lambda lloyd, spins: closed_multilinear_tensor(lloyd, (0, 1)),
    ],
)
def test_closed_forms_know_what_a_mesh_leaves(closed):
    up = jnp.tile(jnp.array([0.0, 0.0, 1.0]), (2, 1))
    coupling, contour = ContactCoupling(-0.5), ferromagnet().contour(SITES[2][:2])
    coarse, fine = (
        closed(LloydEnergy(ferromagnet(mesh=mesh), coupling, SITES[2][:2], contour), up)
        for mesh in (8, 128)
    )
    assert isinstance(coarse, Estimate) and coarse.error.max() > 1e-4
    assert np.all(np.abs(coarse.value - fine.value) <= coarse.error + fine.error)


def test_superconductor_hands_the_mesh_on():
    """Pairing, and the mesh of the normal host: the error is honest here too."""
    model, coupling = shell_model(LATTICES[1], [-1.0]), ContactCoupling(0.5, orbitals=2)
    normal = [TightBinding(model, temperature=0.1, mesh=mesh) for mesh in (12, 256)]
    coarse, fine = (Superconductor(host, s_wave(LATTICES[1], 0.2)) for host in normal)
    contour = coarse.contour(SITES[1])
    found = coefficients(coarse, coupling, contour, SITES[1], PAIRS)["J_iso"]
    truth = coefficients(fine, coupling, contour, SITES[1], PAIRS)["J_iso"]
    true = np.abs(found.value - truth.value)
    assert np.all(true <= found.error) and np.all(true > 1e-12)
    phased = Superconductor(normal[0], s_wave(LATTICES[1], 0.2), pair_momentum=[0.1])
    green, known = phased.blocks_and_coarse(contour.nodes, SITES[1], np.array([[0, 2]]))
    np.testing.assert_array_equal(
        green.A, phased.blocks(contour.nodes, SITES[1], np.array([[0, 2]])).A
    )
    assert isinstance(known, Coarse) and known.green.A.shape == green.A.shape


def test_rounding_is_that_of_the_largest_component():
    """A sum of large terms that vanishes is as uncertain as they are."""
    lloyd = LloydEnergy(ferromagnet(), ContactCoupling(-0.5), np.array([[0, 0, 0], [1, 0, 0]]))
    up = np.tile([0.0, 0.0, 1.0], (2, 1))
    value, error = closed_hessian(lloyd, up)
    crossed = np.abs(value[0, 0, 1, 1]), error[0, 0, 1, 1]
    assert crossed[0] <= crossed[1] and crossed[1] > 1e-16 * np.abs(value).max()
    one, rounding = with_rounding(
        lloyd, lambda known: known.path.nodes[:, None] * jnp.eye(2, dtype=complex)[0]
    )
    assert one[1] == 0 < rounding[1]


def test_zero_by_symmetry_lies_within_its_error():
    """D vanishes without spin-orbit coupling; rounding leaves something behind."""
    rng = np.random.default_rng(1)
    for host in (
        TightBinding(shell_model(SQUARE, [-1.0], exchange=[0.3, -0.2, 0.4]), temperature=0.3),
        RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0),
    ):
        gas = isinstance(host, RashbaGas)
        sites = rng.normal(size=(4, 2)) * 15 if gas else SITES[2]
        for strength in (0.5, 300.0):
            contour = host.contour(sites)
            loops = [[0, 1], [0, 2], [1, 3], [2, 3]]
            found = coefficients(host, ContactCoupling(strength), contour, sites, loops)
            assert np.all(np.abs(found["D"].value) <= found["D"].error)
            assert np.all(found["D"].error <= 1e-6 * np.abs(found["J_iso"].value).max())


def test_a_mesh_that_mistakes_sites_is_refused():
    host = ferromagnet(mesh=8)
    with pytest.raises(InputError, match="up to 4 cells apart. Use at least 10"):
        host.blocks(jnp.array([1j]), [[0, 0, 0], [4, 1, 0]], np.array([[0, 1]]))


def test_parts_of_the_error_of_loops():
    """Components change together; what symmetry forbids stays; rounding has a bound."""
    contour = matsubara(0.1, 0.0, 8.0)
    rng = np.random.default_rng(3)
    fine = rng.normal(size=(len(contour.nodes), 2, 3)) + 0j
    change = 1e-3 * np.array([[1.0, 0.1, 0.0], [0.0, 0.2, 0.3]])
    ratio = np.full(len(contour.nodes), 0.5)
    value, plain = contour.integrate(fine)
    found, error = integrate_loops(contour, fine, fine + change, ratio)
    np.testing.assert_array_equal(found, value)
    total = 0.5e-3 * np.abs(contour.weights).sum() / np.pi
    expected = total * np.array([[1.0, 1.0, 0.0], [0.0, 0.3, 0.3]])
    np.testing.assert_allclose(error - plain, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(integrate_loops(contour, fine, None, None)[1], plain)
    np.testing.assert_allclose(mesh_error(fine.T, fine.T + 1, ratio, axis=2), 0.5)
    size = rng.uniform(size=(len(contour.nodes), 3))
    index = np.array([[0, 1, 2, 1]])
    exact = ROUNDING * np.abs(contour.weights) @ size[:, index[0]].prod(axis=1) / np.pi
    bound = loop_rounding(contour, jnp.asarray(size), index)[0]
    assert exact <= bound <= 5 * exact


def test_estimates_unpack_scale_and_pass_through_jit():
    found = jax.jit(lambda x: Estimate(x, 0.1 * x).scaled(-2.0))(jnp.ones(2))
    value, error = found
    assert isinstance(found, Estimate)
    np.testing.assert_allclose(value, -2.0)
    np.testing.assert_allclose(error, 0.2)
    assert Estimate[jax.Array] == tuple[jax.Array, jax.Array]  # what annotations are checked for
