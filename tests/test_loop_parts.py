"""The parts that exchange and plaquettes are made of, each against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msgreen import (
    ClusterHost,
    ContactCoupling,
    LloydEnergy,
    RashbaGas,
    compute_interactions,
    imaginary_axis,
)
from msgreen.blocks import map_items
from msgreen.clusters import check_loops, check_order
from msgreen.energy.lloyd import LloydExpansion
from msgreen.errors import InputError
from msgreen.exchange.closed_forms import coefficient_integrand, named_integrands, pattern_integrand
from msgreen.exchange.loops import Bonds, Legs, by_order, loop_bonds
from msgreen.hosts.base import host_factor
from msgreen.papers.lounis import equidistant_scan
from msgreen.papers.lounis.scan import DistanceScan
from msgreen.spinmodel.interactions import Interactions
from msgreen.spinmodel.rows import Row

RING = np.array([[0, 1, 2, 3], [0, 2, 1, 3]])


@pytest.fixture(scope="module")
def host():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8))
    matrix = (matrix + matrix.conj().T).reshape(4, 2, 4, 2)
    return ClusterHost(matrix, gap=0.05, bandwidth=20.0)


@pytest.fixture(scope="module")
def bonds(host):
    z = jnp.array([0.3j, 1.0j])
    return loop_bonds(host, ContactCoupling(0.7), z, np.arange(4), RING)


def test_bonds_and_legs(host, bonds):
    table, forward, backward = bonds
    assert isinstance(table, Bonds)
    legs = table.legs(forward)
    assert isinstance(legs, Legs) and legs.order == 4
    z = jnp.array([0.3j, 1.0j])
    for index, loops in ((forward, RING), (backward, RING[:, ::-1])):
        expected = host.blocks(z, np.arange(4), np.stack([loops[1], np.roll(loops[1], -1)], 1))
        np.testing.assert_allclose(table.legs(index).green.A[:, 1], expected.A, atol=1e-14)


def test_pattern_integrands(bonds):
    table, forward, backward = bonds
    ahead, behind = table.legs(forward), table.legs(backward)
    a, b = ahead.green.A[..., 0, 0], ahead.green.B[..., 0, 0]
    plain = 0.5 * 0.7**4 * np.prod(a, axis=-1)
    np.testing.assert_allclose(pattern_integrand(ahead), plain, rtol=1e-12)
    carried = 0.5j * 0.7**4 * b[:, :, 1] * np.prod(np.delete(a, 1, axis=-1), axis=-1)[..., None]
    np.testing.assert_allclose(pattern_integrand(ahead, (1,)), carried, rtol=1e-12)
    named = named_integrands(ahead, behind)
    np.testing.assert_allclose(named["B4_iso"], coefficient_integrand(ahead, behind), rtol=1e-12)
    for leg in range(4):
        single = coefficient_integrand(ahead, behind, (leg,))
        np.testing.assert_allclose(named["C4_chiral"][:, :, leg], single, rtol=1e-12, atol=1e-14)


def test_blocks_do_not_change_the_result(bonds):
    _, forward, backward = bonds

    def evaluate(known, ahead, behind):
        return known * jnp.asarray(ahead[:, 0] - behind[:, 1])

    one = map_items(evaluate, 2, (forward, backward), 1)
    np.testing.assert_array_equal(map_items(evaluate, 2, (forward, backward), 2**30), one)


def test_small_parts(host):
    assert host_factor(host) == 1.0
    check_order(4)
    for order in (1, 2.5):
        with pytest.raises(InputError, match="`order` must be a whole number of spins"):
            check_order(order)
    np.testing.assert_array_equal(check_loops([[0, 1]]), [[0, 1]])
    with pytest.raises(InputError, match="`loops` must be an int array"):
        check_loops([0.5])


def test_rows_and_results(host):
    found = compute_interactions(host, ContactCoupling(0.1), np.arange(4), [np.array([[0, 1]])])
    assert isinstance(found, Interactions) and isinstance(found.rows()[0], Row)
    with pytest.raises(InputError, match="`terms` must hold every kind of cluster once"):
        Interactions((*found.terms, *found.terms))
    with pytest.raises(InputError, match="`loops` must hold clusters of the same number"):
        both = [np.array([[0, 1, 2, 3], [0, 1, 0, 1]])]
        compute_interactions(host, ContactCoupling(0.1), np.arange(4), both, tensors=False)
    lloyd = LloydEnergy(host, ContactCoupling(0.1), np.arange(4), imaginary_axis(0.0, scale=1.0))
    assert isinstance(lloyd.about(np.eye(3)[[0, 1, 2, 0]], 2), LloydExpansion)
    gas = RashbaGas(1, effective_mass=1.0, fermi_wavevector=1.0)
    scan, error = equidistant_scan(gas, ContactCoupling(1.0), [3.0])
    assert isinstance(scan, DistanceScan) and set(error.columns) == set(scan.columns)


def test_bandwidth_is_needed_while_the_hamiltonian_is_traced():
    def node(scale):
        matrix = scale * jnp.eye(4, dtype=complex).reshape(2, 2, 2, 2)
        return ClusterHost(matrix, gap=0.1).contour(np.arange(2)).nodes[0].imag

    with pytest.raises(InputError, match="`bandwidth` must be given"):
        jax.jit(node)(jnp.array(1.0 + 0j))


def test_kinds_of_one_order_are_evaluated_together():
    calls = []

    def evaluate(clusters):
        calls.append(clusters.shape)
        return {"sum": clusters.sum(axis=1), "pair": (clusters, -clusters)}

    kinds = [np.arange(4).reshape(2, 2), np.arange(12).reshape(3, 4), np.ones((1, 2), int)]
    found = by_order(kinds, evaluate)
    assert calls == [(3, 2), (3, 4)]
    for array, result in zip(kinds, found, strict=True):
        np.testing.assert_array_equal(result["sum"], array.sum(axis=1))
        np.testing.assert_array_equal(result["pair"][1], -array)
    assert by_order([], evaluate) == []
