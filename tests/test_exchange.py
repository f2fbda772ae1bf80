"""Closed coefficients against finite differences, plain numpy, and the full tensors."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import MatrixStrength, gas_loop_1d, random_cluster, random_spins, ring

from msgreen import (
    LOUNIS,
    ContactCoupling,
    LloydEnergy,
    RashbaGas,
    coefficients,
    compute_interactions,
    energy_by_order,
    loop_tensors,
    loops,
    pairs,
    pattern_coefficient,
)
from msgreen.errors import InputError

LEVI_CIVITA = np.zeros((3, 3, 3))
for even in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    LEVI_CIVITA[even] = 1
    LEVI_CIVITA[even[::-1]] = -1

SYSTEM = random_cluster(11, sites=4, coupling=0.3)
PAIRS = np.stack(np.triu_indices(4, 1), axis=1)
RING = np.array([[0, 1, 2, 3], [0, 2, 1, 3]])


@pytest.fixture(scope="module")
def arguments():
    return SYSTEM.host, SYSTEM.scatterer, SYSTEM.host.contour(SYSTEM.sites), SYSTEM.sites


@pytest.fixture(scope="module")
def green():
    """A and B between all sites, by numpy alone: (energy, site, site, 4, orb, orb)."""
    z = np.asarray(SYSTEM.host.contour(SYSTEM.sites).nodes)
    full = np.stack([np.linalg.inv(e * np.eye(16) - SYSTEM.matrix()) for e in z])
    full = full.reshape(-1, 4, 2, 2, 4, 2, 2)
    up, down = full[:, :, 0, :, :, 0], full[:, :, 1, :, :, 1]
    flip, flop = full[:, :, 0, :, :, 1], full[:, :, 1, :, :, 0]
    parts = [up + down, flip + flop, 1j * (flip - flop), up - down]
    return np.stack([0.5 * p.swapaxes(2, 3) for p in parts], axis=3)


def pair_tensor(found):
    """J 1 + J_ani + D x, so that E = -sum_ij S_i T S_j."""
    return (
        found["J_iso"].value[:, None, None] * np.eye(3)
        + found["J_ani"].value
        + np.einsum("abc,pc->pab", LEVI_CIVITA, found["D"].value)
    )


def test_pair_tensor_is_j_and_j_ani_and_d(arguments):
    """L 11-18 with several orbitals and matrix strengths; the factor -2 from L to neutral."""
    tensor, _ = loop_tensors(*arguments, PAIRS)
    found = coefficients(*arguments, PAIRS)
    np.testing.assert_allclose(-2 * pair_tensor(found), tensor, rtol=0, atol=1e-13)
    parts = [np.abs(found[n].value).max() for n in ("J_iso", "J_ani", "D")]
    assert min(parts) > 1e-4


def test_pair_coefficients_are_second_derivatives_of_diagonalised_energies(arguments):
    """Finite differences of E(S) at S = 0 with vectors of free length."""
    found = pair_tensor(coefficients(*arguments, PAIRS))
    h = 0.04
    for pair, tensor in list(zip(PAIRS, found, strict=True))[::2]:
        for a, b in [(0, 0), (1, 2), (2, 1)]:
            mixed = []
            for s in (1, 2):
                total = 0.0
                for x, y in itertools.product((1, -1), repeat=2):
                    spins = np.zeros((4, 3))
                    spins[pair[0], a], spins[pair[1], b] = s * h * x, s * h * y
                    total += x * y * SYSTEM.energy(spins)
                mixed.append(total / (4 * s**2 * h**2))
            slope = (4 * mixed[0] - mixed[1]) / 3
            np.testing.assert_allclose(-2 * tensor[a, b], slope, rtol=0, atol=2e-6)


def test_pair_coefficients_by_numpy(arguments, green):
    """L 16-18 as printed."""
    path = arguments[2]
    weights = np.asarray(path.weights) / np.pi
    i, j = 1, 3
    a, b = green[:, :, :, 0], green[:, :, :, 1:]
    ti, tj = SYSTEM.strengths[i], SYSTEM.strengths[j]
    tr = lambda *m: np.einsum("eab,bc,ecd,da->e", m[0], tj, m[1], ti)  # noqa: E731
    bb = np.array(
        [[weights @ tr(b[:, i, j, p], b[:, j, i, q]) for q in range(3)] for p in range(3)]
    )
    iso = (weights @ tr(a[:, i, j], a[:, j, i])).imag - np.trace(bb).imag
    dmi = [
        (weights @ (tr(a[:, i, j], b[:, j, i, p]) - tr(b[:, i, j, p], a[:, j, i]))).real
        for p in range(3)
    ]
    found = coefficients(*arguments, np.array([[i, j]]))
    np.testing.assert_allclose(found["J_iso"].value[0], iso, rtol=1e-10)
    np.testing.assert_allclose(found["J_ani"].value[0], (bb + bb.T).imag, atol=1e-13)
    np.testing.assert_allclose(found["D"].value[0], dmi, rtol=1e-9, atol=1e-14)


def numpy_pattern(green, weights, loop, carriers):
    """One sense: (2/N pi) Im or Re int Tr[X t X t ...]."""
    product = np.eye(2)[None, None]
    for m, (here, after) in enumerate(zip(loop, (*loop[1:], loop[0]), strict=True)):
        block = green[:, here, after, 1:] if m in carriers else green[:, here, after, :1]
        leg = block @ SYSTEM.strengths[after]
        product = (product[:, :, None] @ leg[:, None]).reshape(len(green), -1, 2, 2)
    value = 2 / len(loop) / np.pi * np.tensordot(weights, np.trace(product, axis1=2, axis2=3), 1)
    value = value.reshape((3,) * len(carriers))
    return value.real if len(carriers) % 2 else value.imag


def spin_contraction(value, spins, loop, carriers):
    """Minus the coefficient times the form, by multiplying 2 x 2 matrices."""
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    total = 0.0
    for axes in itertools.product(range(3), repeat=len(carriers)):
        product, carried = np.eye(2), iter(axes)
        for m in range(len(loop)):
            if m in carriers:
                product = product @ sigma[next(carried)]
            product = product @ np.tensordot(spins[loop[(m + 1) % len(loop)]], sigma, 1)
        half = 0.5 * np.trace(product)
        total -= value[axes] * (half.imag if len(carriers) % 2 else half.real)
    return total


@pytest.mark.parametrize(
    "carriers", [(), (0,), (3,), (0, 1), (0, 2), (1, 3), (0, 1, 3), (0, 1, 2, 3)]
)
def test_pattern_coefficient_by_numpy(arguments, green, carriers):
    """The average over both senses: coefficient by coefficient and as an energy."""
    weights = np.asarray(arguments[2].weights)
    found = pattern_coefficient(*arguments, RING, carriers).value
    spins = random_spins(30, 4)
    for loop, value in zip(RING.tolist(), np.asarray(found), strict=True):
        ahead = numpy_pattern(green, weights, loop, carriers)
        # Backwards, leg m of the loop is leg N - 2 - m, and the order of the axes turns round.
        legs = [(2 - m) % 4 for m in carriers]
        order = [sorted(legs).index(m) for m in legs]
        behind = numpy_pattern(green, weights, loop[::-1], sorted(legs)).transpose(order)
        sign = (-1) ** len(carriers)
        np.testing.assert_allclose(value, (ahead + sign * behind) / 2, rtol=0, atol=1e-13)
        energies = [
            spin_contraction(ahead, spins, loop, carriers),
            spin_contraction(
                numpy_pattern(green, weights, loop[::-1], sorted(legs)),
                spins,
                loop[::-1],
                sorted(legs),
            ),
        ]
        mean = spin_contraction(value, spins, loop, carriers)
        np.testing.assert_allclose(mean, np.mean(energies), rtol=0, atol=1e-13)


def test_four_site_names_are_patterns(arguments):
    found = coefficients(*arguments, RING)
    np.testing.assert_allclose(
        found["B4_iso"].value, pattern_coefficient(*arguments, RING, ()).value, rtol=1e-12
    )
    for leg in range(4):
        np.testing.assert_allclose(
            found["C4_chiral"].value[:, leg],
            pattern_coefficient(*arguments, RING, (leg,)).value,
            rtol=0, atol=1e-15,
        )  # fmt: skip
    assert found["C4_chiral"].axes == ("leg", "xyz")


@pytest.mark.parametrize("order", [2, 4])
def test_energy_by_order_adds_up_to_the_tensor(arguments, order):
    clusters = PAIRS if order == 2 else np.array([[0, 1, 2, 3], [0, 2, 0, 2], [1, 0, 2, 0]])
    spins = random_spins(31, 4)
    for kind in [clusters] if order == 2 else clusters[:, None]:
        tensor, _ = loop_tensors(*arguments, kind)
        parts = np.asarray(energy_by_order(*arguments, kind, spins))
        assert parts.shape == (len(kind), order + 1)
        for loop, full, part in zip(kind, np.asarray(tensor), parts, strict=True):
            for site in loop:
                full = np.tensordot(spins[site], full, 1)
            np.testing.assert_allclose(part.sum(), full, rtol=1e-10, atol=1e-15)


@pytest.fixture(scope="module")
def hexagon():
    """Six sites with spin-orbit coupling, one orbital."""
    system = random_cluster(12, sites=6, orbitals=1, spin_orbit=0.5, coupling=0.3)
    return system, (system.host, system.scatterer, system.host.contour(system.sites), system.sites)


@pytest.mark.slow
def test_six_spins(hexagon):
    system, arguments = hexagon
    loop, spins = np.array([[0, 3, 1, 2, 5, 4]]), random_spins(32, 6)
    tensor = np.asarray(loop_tensors(*arguments, loop)[0][0])
    for site in loop[0]:
        tensor = np.tensordot(spins[site], tensor, 1)
    parts = energy_by_order(*arguments, loop, spins)[0]
    np.testing.assert_allclose(parts.sum(), tensor, rtol=1e-9)
    found = coefficients(*arguments, loop)
    np.testing.assert_allclose(
        found["kappa6"].value, pattern_coefficient(*arguments, loop, ()).value, rtol=1e-12
    )
    for leg in (0, 2, 5):
        np.testing.assert_allclose(
            found["C6_chiral"].value[:, leg],
            pattern_coefficient(*arguments, loop, (leg,)).value,
            rtol=1e-10, atol=1e-16,
        )  # fmt: skip


def test_kappa6_of_the_ring_by_finite_strengths():
    """Collinear spins without B: the sixth mixed difference of diagonalised energies."""
    system = ring(6)
    arguments = system.host, system.scatterer, system.host.contour(system.sites), system.sites
    clusters = loops(np.random.default_rng(4).uniform(size=(6, 3)), 6)
    kappa = np.asarray(coefficients(*arguments, clusters)["kappa6"].value)
    mixed = []
    for size in (0.1, 0.2):
        total = 0.0
        for signs in itertools.product([1, -1], repeat=6):
            spins = size * np.array(signs)[:, None] * np.array([0, 0, 1.0])
            total += np.prod(signs) * system.energy(spins)
        mixed.append(total / (2 * size) ** 6)
    np.testing.assert_allclose(-12 * kappa.sum(), (4 * mixed[0] - mixed[1]) / 3, rtol=1e-4)


def test_no_chirality_without_spin_orbit_coupling():
    system = random_cluster(13, sites=4, orbitals=2, spin_orbit=0.0, coupling=0.3)
    arguments = system.host, system.scatterer, system.host.contour(system.sites), system.sites
    pair, four = coefficients(*arguments, PAIRS), coefficients(*arguments, RING)
    assert np.abs(pair["J_iso"].value).max() > 1e-4 and np.abs(four["B4_iso"].value).max() > 1e-8
    for value in (pair["D"].value, pair["J_ani"].value, four["C4_chiral"].value):
        assert np.abs(value).max() < 1e-15


def test_no_chirality_about_a_centre_of_inversion():
    """A cluster that inversion maps to itself, site i to 3 - i, keeps J_ani and loses D of 0-3."""
    system = random_cluster(14, sites=4, orbitals=2, spin_orbit=0.6, coupling=0.3)
    h = system.hamiltonian
    strengths = system.strengths + system.strengths[::-1]
    symmetric = type(system)(
        "inversion", (h + h[::-1, :, ::-1]) / 2, strengths, system.fermi_energy, 1e-3
    )
    levels = np.linalg.eigvalsh(symmetric.matrix())
    middle = np.sort(levels)[7:9].mean()
    host = type(system)("inversion", symmetric.hamiltonian, strengths, middle, 1e-2).host
    path = host.contour(np.arange(4))
    found = coefficients(host, MatrixStrength(strengths), path, np.arange(4), PAIRS)
    dmi = dict(zip(map(tuple, PAIRS.tolist()), np.asarray(found["D"].value), strict=True))
    scale = np.abs(found["D"].value).max()
    assert scale > 1e-4
    for centred in ((0, 3), (1, 2)):
        assert np.abs(dmi[centred]).max() < 1e-12 * scale + 1e-15
    np.testing.assert_allclose(dmi[0, 1], -dmi[2, 3], rtol=0, atol=1e-12)


def test_reversed_pairs_and_loops(arguments):
    """D changes sign with the direction of the pair; a loop has no sense."""
    forward, backward = coefficients(*arguments, PAIRS), coefficients(*arguments, PAIRS[:, ::-1])
    np.testing.assert_allclose(forward["D"].value, -backward["D"].value, rtol=0, atol=1e-14)
    np.testing.assert_allclose(forward["J_ani"].value, backward["J_ani"].value, atol=1e-14)
    one, other = coefficients(*arguments, RING), coefficients(*arguments, RING[:, ::-1])
    np.testing.assert_allclose(one["B4_iso"].value, other["B4_iso"].value, rtol=1e-11)
    mirrored = np.asarray(other["C4_chiral"].value)[:, [2, 1, 0, 3]]
    np.testing.assert_allclose(one["C4_chiral"].value, -mirrored, rtol=0, atol=1e-14)


def test_one_dimensional_gas_against_exponential_integrals():
    """Equidistant sites on a line: L 42 and 45 with mpmath, at the perimeter of each loop."""
    gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.03)
    r, j_sd, scale = 6.0, 0.5, float(gas.hbar2_over_mass)
    sites = jnp.array([[0.0], [r], [2 * r], [3 * r]])
    arguments = gas, ContactCoupling(j_sd), gas.contour(sites), sites
    pair = coefficients(*arguments, np.array([[0, 2]]))
    radial = (j_sd / scale) ** 2 * gas_loop_1d(2, 4 * r, 0.167, scale)
    phase = 2 * 0.03 * 2 * r
    np.testing.assert_allclose(pair["J_iso"].value, [-radial * np.cos(phase)], rtol=1e-10)
    # r_0 - r_2 points along -x: its normal is +y.
    np.testing.assert_allclose(
        pair["D"].value, [[0, -radial * np.sin(phase), 0]], rtol=1e-10, atol=1e-17
    )
    four = coefficients(*arguments, np.array([[0, 1, 3, 2]]))
    radial = 0.5 * (j_sd / scale) ** 4 * gas_loop_1d(4, 6 * r, 0.167, scale)
    cosines = np.prod(np.cos(0.03 * r * np.array([1, 2, 1, 2])))
    np.testing.assert_allclose(four["B4_iso"].value, [radial * cosines], rtol=1e-9)
    expected = radial * cosines * np.tan(0.03 * r * np.array([1, 2, 1, 2]))
    # r_i - r_j along -x, -x, +x, +x; B along its normal; (1/2 pi) Re int i X = -Im.
    expected = -expected * np.array([1, 1, -1, -1])
    np.testing.assert_allclose(four["C4_chiral"].value[0, :, 1], expected, rtol=1e-9)


def gas_numbers(parameters, loop):
    mass, fermi, rashba, coupling, sites = parameters
    gas = RashbaGas(2, effective_mass=mass, fermi_wavevector=fermi, rashba_wavevector=rashba)
    path = gas.line(15.0, 40.0, nodes=31)
    found = coefficients(gas, ContactCoupling(coupling), path, sites, loop)
    numbers = {name: c.value.ravel() for name, c in found.items()}
    return jnp.concatenate([numbers[name] for name in sorted(numbers)])


@pytest.mark.slow
@pytest.mark.parametrize("loop", [((0, 1),), ((0, 1, 2, 3),)])
def test_gradient_by_every_leaf_under_jit_and_vmap(loop):
    """A random combination of all coefficients; k_R = 0 included."""
    loop = np.array(loop)
    sites = jnp.array([[0.0, 0.0], [8.0, 1.0], [9.0, 7.0], [-1.0, 6.0]])
    size = 13 if loop.shape[1] == 2 else 13
    mix = jnp.asarray(np.random.default_rng(33).normal(size=size))
    scalar = lambda p: 1e3 * mix @ gas_numbers(p, loop)  # noqa: E731
    batch = [
        (jnp.array(0.26), jnp.array(0.167), jnp.array(k), jnp.array(10.0), sites)
        for k in (0.0, 0.03)
    ]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *batch)
    value = jax.jit(jax.vmap(scalar))
    gradients = jax.jit(jax.vmap(jax.grad(scalar)))(stacked)
    for n, gradient in enumerate(gradients):
        for index in [()] if n < 4 else [(0, 0), (1, 1), (3, 0)]:
            h = 1e-3 * (float(batch[1][n]) if n < 4 else 1.0)
            shifts = []
            for step in (-2, -1, 1, 2):
                moved = list(stacked)
                moved[n] = moved[n].at[(slice(None), *index)].add(step * h)
                shifts.append(np.asarray(value(tuple(moved))))
            slope = (shifts[0] - 8 * shifts[1] + 8 * shifts[2] - shifts[3]) / (12 * h)
            np.testing.assert_allclose(gradient[(slice(None), *index)], slope, rtol=2e-7, atol=1e-9)


def test_gradient_by_the_matrix_strengths(arguments):
    host, _, path, sites = arguments

    @eqx.filter_jit
    def chirality(scale):
        found = coefficients(
            host, MatrixStrength(scale * SYSTEM.strengths.astype(complex)), path, sites, RING
        )
        return found["C4_chiral"].value[0, 1, 2]

    scale = jnp.array(1.0 + 0j)
    slope = jax.grad(lambda s: chirality(s.astype(complex)))(jnp.array(1.0))
    np.testing.assert_allclose(slope, 4 * chirality(scale), rtol=1e-12)


def test_small_blocks_are_one_block(arguments, monkeypatch):
    whole = coefficients(*arguments, np.concatenate([RING, RING[:, [0, 3, 1, 2]]]))
    tensor = loop_tensors(*arguments, RING)[0]
    monkeypatch.setattr("msgreen.blocks.BLOCK_BYTES", 1)
    split = coefficients(*arguments, np.concatenate([RING, RING[:, [0, 3, 1, 2]]]))
    for name, coefficient in whole.items():
        np.testing.assert_allclose(split[name].value, coefficient.value, rtol=0, atol=1e-15)
        np.testing.assert_allclose(split[name].error, coefficient.error, rtol=1e-6)
    np.testing.assert_allclose(loop_tensors(*arguments, RING)[0], tensor, atol=1e-15)


def test_compute_interactions(arguments):
    host, scatterer, path, sites = arguments
    found = compute_interactions(host, scatterer, sites, [PAIRS, RING])
    assert found.convention.name == "neutral" and found.positions is None
    direct = coefficients(*arguments, PAIRS)
    np.testing.assert_allclose(
        found["pair"].coefficients["D"].value, -2 * direct["D"].value, rtol=1e-13
    )
    np.testing.assert_allclose(found["pair"].tensor.value, loop_tensors(*arguments, PAIRS)[0])
    plain = compute_interactions(host, scatterer, sites, [PAIRS], tensors=False, contour=path)
    assert plain["pair"].tensor is None
    empty = compute_interactions(host, scatterer, sites, [PAIRS, np.zeros((0, 4), int)])
    assert len(empty["four_site"].loops) == 0 and len(empty.to(LOUNIS).rows()) == 6 * 13


def test_energy_of_pairs_is_the_second_order(arguments):
    host, scatterer, path, sites = arguments
    lloyd = LloydEnergy(host, scatterer, sites, onsite=False)
    spins = random_spins(34, 4)
    found = compute_interactions(host, scatterer, sites, [pairs(np.eye(4))])
    np.testing.assert_allclose(found.energy(spins), lloyd.series(spins, 2)[1], rtol=1e-10)


def test_arguments_refused(arguments):
    with pytest.raises(InputError, match="`carriers` must be increasing leg numbers from 0 to 3"):
        pattern_coefficient(*arguments, RING, (1, 0))
    with pytest.raises(InputError, match="`carriers` must be increasing leg numbers"):
        pattern_coefficient(*arguments, RING, (4,))
    for function in (coefficients, loop_tensors):
        with pytest.raises(InputError, match="`loops` must be an int array"):
            function(*arguments, np.array([[0], [1]]))
        with pytest.raises(InputError, match="must hold site numbers from 0 to 3"):
            function(*arguments, np.array([[0, 4]]))
    with pytest.raises(InputError, match="`directions` must hold unit vectors"):
        energy_by_order(*arguments, PAIRS, np.ones((4, 3)))
    with pytest.raises(InputError, match="`clusters` must be an int array"):
        compute_interactions(*arguments[:2], arguments[3], [np.array([[0], [1]])])
