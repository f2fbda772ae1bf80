"""Loops against brute force, and their tensors against the orders of the diagonalised energy."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from problems import SIGMA, random_cluster, random_spins, ring

from msgreen import (
    ContactCoupling,
    LloydEnergy,
    RashbaGas,
    contracted_loops,
    loop_tensors,
    loops,
    pairs,
)
from msgreen.clusters import multiplicity, ordered_loops, perimeters
from msgreen.errors import InputError
from msgreen.exchange.loops import directed_pairs, loop_energies

POINTS = np.random.default_rng(1).uniform(0, 4, size=(8, 2))


def length(path, points=POINTS):
    return [
        np.linalg.norm(points[a] - points[b])
        for a, b in zip(path, path[1:] + path[:1], strict=True)
    ]


def canonical(path):
    turns = [path[m:] + path[:m] for m in range(len(path))]
    return min(turns + [t[::-1] for t in turns])


def brute_force(order, cutoff, perimeter):
    found = set()
    for path in itertools.permutations(range(len(POINTS)), order):
        steps = length(path)
        short = cutoff is None or max(steps) <= cutoff
        if short and (perimeter is None or sum(steps) <= perimeter):
            found.add(canonical(path))
    return found


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize(
    ("cutoff", "perimeter"), [(None, None), (2.0, None), (None, 8.0), (2.5, 9.0), (0.1, None)]
)
def test_loops_are_those_of_brute_force(order, cutoff, perimeter):
    found = loops(POINTS, order, cutoff=cutoff, perimeter=perimeter)
    listed = [tuple(int(s) for s in loop) for loop in found]
    assert found.shape == (len(listed), order)
    assert len(set(map(canonical, listed))) == len(listed), "a loop occurs twice"
    assert set(map(canonical, listed)) == brute_force(order, cutoff, perimeter)
    assert np.all(found[:, 0] == found.min(axis=1)) if len(found) else True
    assert np.all(found[:, 1] <= found[:, -1]) if len(found) else True
    if len(found):
        np.testing.assert_allclose(perimeters(POINTS, found), [sum(length(p)) for p in listed])
    np.testing.assert_array_equal(multiplicity(found), 2 if order == 2 else 2 * order)


def test_splitting_of_long_lists_changes_nothing(monkeypatch):
    whole = loops(POINTS, 6, cutoff=2.5)
    monkeypatch.setattr("msgreen.clusters._PATHS_AT_ONCE", 3)
    split = loops(POINTS, 6, cutoff=2.5)
    assert set(map(tuple, split)) == set(map(tuple, whole)) and len(split) == len(whole)


def test_pairs():
    found = {tuple(p) for p in pairs(POINTS, 2.0)}
    near = {
        (i, j)
        for i, j in itertools.combinations(range(8), 2)
        if np.linalg.norm(POINTS[i] - POINTS[j]) <= 2.0
    }
    assert found == near and len(pairs(POINTS)) == 28
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    assert len(pairs(square, 1.0)) == 4, "a bond of exactly the cutoff counts"
    assert len(loops(square, 4, perimeter=4.0)) == 1


def test_walks_are_loops_and_contracted_loops():
    """Every closed four-step walk between different sites occurs once, in all its orders."""
    cutoff = 2.2
    near = {tuple(p) for p in pairs(POINTS, cutoff)}
    step = lambda a, b: (min(a, b), max(a, b)) in near  # noqa: E731
    walks = {
        w
        for w in itertools.product(range(8), repeat=4)
        if all(step(a, b) for a, b in zip(w, w[1:] + w[:1], strict=True))
    }
    clusters = [
        loops(POINTS, 4, cutoff=cutoff),
        contracted_loops(POINTS, "biquadratic", cutoff=cutoff),
        contracted_loops(POINTS, "three_site", cutoff=cutoff),
    ]
    orders = [o for array in clusters for loop in array for o in ordered_loops(loop)]
    assert len(orders) == len(set(orders)) and set(orders) == walks
    counted = [multiplicity(array) for array in clusters]
    assert [set(c.tolist()) for c in counted] == [{8}, {2}, {4}]
    assert sum(c.sum() for c in counted) == len(walks)


def test_many_loops_have_the_same_table_of_legs_as_few():
    """Marks instead of a sort; far more sites than loops are sorted."""
    some = np.random.default_rng(0).integers(0, 5, (30, 4))
    found, index = directed_pairs(some)
    far = np.concatenate([some, [[0, 900, 1, 901]]])
    sparse, rows = directed_pairs(far)
    np.testing.assert_array_equal(found[index], sparse[rows[:-1]])
    steps = np.stack([some, np.roll(some, -1, axis=1)], axis=-1)
    np.testing.assert_array_equal(found[index], steps)
    np.testing.assert_array_equal(found, np.unique(steps.reshape(-1, 2), axis=0))


def test_directed_pairs():
    found, index = directed_pairs(np.array([[0, 1, 2, 3], [0, 2, 1, 3]]))
    np.testing.assert_array_equal(found[index[1]], [[0, 2], [2, 1], [1, 3], [3, 0]])
    assert len(found) == len({tuple(p) for p in found})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: loops(POINTS, 1), "`order` must be a whole number of spins.*but it is 1"),
        (lambda: loops(POINTS, 0), "`order` must be a whole number"),
        (lambda: loops(POINTS, 4, cutoff=0.0), "`cutoff` must be greater than zero"),
        (lambda: loops(POINTS, 4, perimeter=-1.0), "`perimeter` must be greater than zero"),
        (lambda: pairs(POINTS, np.nan), "`cutoff` must be finite"),
        (lambda: pairs(POINTS[[0, 1, 0]]), "`positions` must hold distinct sites.* 0 and 2 coinc"),
        (lambda: pairs(POINTS[0]), r"`positions` must have shape \(site, dim\)"),
        (lambda: contracted_loops(POINTS, "ring"), "`kind` must be .*but it is 'ring'"),
        (lambda: multiplicity(np.array([0, 1])), "`loops` must be an int array of shape"),
        (lambda: multiplicity(np.array([[0.0, 1.0]])), "`loops` must be an int array of shape"),
    ],
)
def test_arguments_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


SYSTEMS = [random_cluster(7, sites=4, coupling=0.3), random_cluster(9, 4, 1, time_reversal=False)]


def contraction(tensors, clusters, spins):
    total = 0.0
    for tensor, loop in zip(np.asarray(tensors), clusters, strict=True):
        for site in loop:
            tensor = np.tensordot(spins[site], tensor, 1)
        total += tensor
    return total


@pytest.mark.parametrize("system", SYSTEMS, ids=str)
def test_sum_over_all_loops_is_the_order_of_the_energy(system):
    """Second and fourth order of the series without on-site blocks, all patterns of B."""
    points = np.random.default_rng(2).uniform(size=(4, 3))
    lloyd = LloydEnergy(system.host, system.scatterer, system.sites, onsite=False)
    spins = random_spins(3, 4)
    series = lloyd.series(spins, 4)
    arguments = system.host, system.scatterer, lloyd.path, system.sites
    two = contraction(loop_tensors(*arguments, pairs(points))[0], pairs(points), spins)
    np.testing.assert_allclose(two, series[1], rtol=1e-10)
    four, parts = 0.0, []
    for clusters in (
        loops(points, 4),
        contracted_loops(points, "biquadratic"),
        contracted_loops(points, "three_site"),
    ):
        parts.append(contraction(loop_tensors(*arguments, clusters)[0], clusters, spins))
        energies, error = loop_energies(*arguments, clusters, spins)
        np.testing.assert_allclose(energies.sum(), parts[-1], rtol=1e-9, atol=1e-14)
        assert np.all(np.asarray(error) >= 0)
    four = sum(parts)
    np.testing.assert_allclose(four, series[3], rtol=1e-9)
    assert min(np.abs(parts)) > 1e-3 * abs(four)


def test_tensor_is_the_printed_trace():
    """-(1/2 pi N) m Im int Tr[sigma G sigma G ...] with numpy, entry by entry, for one loop."""
    system = SYSTEMS[1]
    lloyd = LloydEnergy(system.host, system.scatterer, system.sites)
    z, w = np.asarray(lloyd.path.nodes), np.asarray(lloyd.path.weights)
    green = np.stack([np.linalg.inv(e * np.eye(8) - system.matrix()) for e in z])
    green = green.reshape(-1, 4, 2, 4, 2)
    loop, strength = (0, 2, 3, 1), system.strengths[:, 0, 0].real
    for sense in (loop, loop[::-1]):
        legs = [green[:, a, :, b] for a, b in zip(sense, sense[1:] + sense[:1], strict=True)]
        trace = np.einsum(
            "aps,esq,bqt,etu,cuv,evw,dwx,exp->eabcd",
            SIGMA, legs[0], SIGMA, legs[1], SIGMA, legs[2], SIGMA, legs[3],
            optimize=True,
        )  # fmt: skip
        value = -np.tensordot(w, trace, 1).imag / np.pi * np.prod(strength)
        if sense == loop:
            expected = value
        else:
            expected = expected + value.transpose(3, 2, 1, 0)
    found, _ = loop_tensors(
        system.host, system.scatterer, lloyd.path, system.sites, np.array([loop])
    )
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def test_six_distinct_sites():
    """The sixty loops over six sites give the part of E(S) that is linear in every spin."""
    system = ring(6)
    path = system.host.contour(system.sites)
    clusters = loops(np.random.default_rng(4).uniform(size=(6, 3)), 6)
    assert len(clusters) == 60
    spins = random_spins(5, 6)
    energies, _ = loop_energies(system.host, system.scatterer, path, system.sites, clusters, spins)
    tensors, _ = loop_tensors(system.host, system.scatterer, path, system.sites, clusters[7:9])
    np.testing.assert_allclose(contraction(tensors, clusters[7:9], spins), sum(energies[7:9]))
    signs, mixed = np.array(list(itertools.product([1, -1], repeat=6))), []
    for size in (0.1, 0.2):
        values = [system.energy(size * s[:, None] * spins) for s in signs]
        mixed.append(np.mean(np.prod(signs, axis=1) * values) / size**6)
    np.testing.assert_allclose(energies.sum(), (4 * mixed[0] - mixed[1]) / 3, rtol=1e-3)


def test_loop_energies_bound_their_error():
    gas = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.05)
    points = np.random.default_rng(6).uniform(0, 30, size=(7, 2))
    clusters, spins = loops(points, 4), random_spins(7, 7)
    assert len(clusters) > 100
    sites = jnp.asarray(points)
    dense, _ = loop_energies(
        gas, ContactCoupling(15.0), gas.contour(sites, nodes=101), sites, clusters, spins
    )
    path = gas.contour(sites, nodes=21)
    found, error = loop_energies(gas, ContactCoupling(15.0), path, sites, clusters, spins)
    assert np.all(np.abs(found - dense) <= np.asarray(error) + 1e-14 * np.abs(dense).max())
    with pytest.raises(InputError, match="`directions` must hold unit vectors"):
        loop_energies(gas, ContactCoupling(15.0), path, sites, clusters, 2 * spins)
