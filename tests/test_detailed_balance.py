"""Detailed balance of every Monte Carlo move, by enumeration of spins at the corners of octahedra.

Energies are whole numbers and k_B T is 1/ln 2: all acceptances are powers of 1/2, and numbers on a
grid of 2^-n count them exactly.
"""

from itertools import product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.simulation.moves import draw, exchanged, reflect, rotate, sweep
from msgreen.simulation.numbers import key_of, threefry, uniform, words
from msgreen.simulation.sublattices import Sublattices
from msgreen.spinmodel import SpinModel, Term

pytestmark = pytest.mark.computing

CORNERS = np.concatenate([np.eye(3), -np.eye(3)])
STATES = CORNERS[np.array(list(product(range(6), repeat=3)))]
GRID = 2**10


def numbers_of(states):
    """Return the number in STATES of corners (state, 3, 3)."""
    which = np.argmin(np.linalg.norm(states[..., None, :] - CORNERS, axis=-1), axis=-1)
    assert np.abs(CORNERS[which] - states).max() < 1e-12
    return which @ [36, 6, 1]


def flows(weights, starts, ends):
    """Return the flow from state to state, if the starts are all alike likely but for `weights`."""
    count = len(weights)
    found = np.zeros((count, count))
    np.add.at(found, (starts, ends), 1.0)
    return weights[:, None] * found / found.sum(axis=1, keepdims=True)


def test_rotations_are_in_detailed_balance():
    """Terms of one to three sites, linear and not; rotations that take corners to corners."""
    model = SpinModel(
        [
            Term("exchange", [[0, 1], [1, 2]], [1.0, -1.0]),
            Term("dzyaloshinskii_moriya", [[0, 2]], [[0.0, 1.0, 0.0]]),
            Term("field", [[1]], [[0.0, 0.0, 1.0]]),
            Term("anisotropy", [[0]], [np.diag([0.0, -1.0, 1.0])]),
            Term("biquadratic", [[0, 2]], [1.0]),
            Term("chiral_three_site", [[2, 1, 0]], [[1.0, 0.0, 0.0]]),
            Term("scalar_chirality", [[0, 1, 2]], [1.0]),
        ]
    )
    energy = np.asarray(model.energy(STATES))
    assert np.abs(energy - np.round(energy)).max() < 1e-12 and np.ptp(energy) <= 10
    starts, luck, coin = (
        x.ravel() for x in np.meshgrid(range(216), range(GRID), range(2), indexing="ij")
    )
    bits = jnp.asarray((2 * luck + 1) * (2**31 // GRID) + coin, jnp.uint32)
    lattice = Sublattices(model)
    spins = lattice.split(jnp.asarray(STATES[starts]))
    kt = jnp.full(len(starts), 1 / np.log(2))
    move = eqx.filter_jit(rotate)
    for axis, half in (([0, 0, 1], np.pi / 4), ([1, 1, 1], np.pi / 3), ([1, -1, 0], np.pi / 2)):
        vector = np.sqrt(2) * np.sin(half) * np.array(axis) / np.linalg.norm(axis)
        vector = jnp.broadcast_to(jnp.asarray(vector)[:, None], (3, len(starts)))
        real = jnp.full(len(starts), np.sqrt(2) * np.cos(half))
        for site in range(3):
            moved, taken = move(lattice, spins, jnp.asarray(site), vector, real, bits, kt)
            ends = numbers_of(np.asarray(lattice.join(moved)))
            flow = flows(2.0**-energy, starts, ends)
            np.testing.assert_allclose(flow, flow.T, rtol=1e-12, atol=0)
            assert np.count_nonzero(flow - np.diag(np.diag(flow))) > 70 and 0.2 < taken.mean() < 0.9


def test_reflections_are_in_detailed_balance():
    """Every state goes to one of the same energy, and back; spins without a field stay."""
    bonds = [[0, 1], [1, 2], [2, 0]]
    model = SpinModel([Term("exchange", bonds, [1.0] * 3)])
    lattice = Sublattices(model)
    assert lattice.reflecting == (0, 1, 2)
    energy = np.asarray(model.energy(STATES))
    spins, moved = lattice.split(jnp.asarray(STATES)), 0
    for site in range(3):
        # Of one sublattice: a sweep over all of them is the product, and goes back in reverse.
        one = Sublattices(model)
        object.__setattr__(one, "reflecting", (site,))
        ends = numbers_of(np.asarray(lattice.join(reflect(one, spins))))
        np.testing.assert_array_equal(ends[ends], np.arange(216))
        np.testing.assert_allclose(energy[ends], energy, atol=1e-12)
        moved += np.count_nonzero(ends != np.arange(216))
    assert moved > 216


@pytest.mark.parametrize("even", [True, False])
def test_exchanges_of_temperatures_are_in_detailed_balance(even):
    """Three temperatures, and replicas of four energies."""
    beta = jnp.array([3.0, 2.0, 1.0]) * np.log(2)
    states = np.array(list(product(range(4), repeat=3)))
    starts, luck = (x.ravel() for x in np.meshgrid(range(64), range(GRID), indexing="ij"))
    luck = np.repeat((luck[:, None] + 0.5) / GRID, 2, axis=1)  # of two pairs one is tried
    swapped = jax.jit(jax.vmap(lambda e, u: exchanged(jnp.arange(3), e, beta, u, even)))
    order, taken = swapped(jnp.asarray(states[starts], float), jnp.asarray(luck))
    ends = np.take_along_axis(states[starts], np.asarray(order), axis=1) @ [16, 4, 1]
    flow = flows(np.exp(-states @ np.asarray(beta)), starts, ends)
    np.testing.assert_allclose(flow, flow.T, rtol=1e-12, atol=0)
    tried = [even, not even]
    np.testing.assert_array_equal(~np.isnan(taken), np.tile(tried, (len(starts), 1)))
    assert 0.5 < np.nanmean(taken) < 1


def test_rotations_are_as_likely_as_their_reverse():
    """Points of a ball: no direction, and <x_i x_j> = delta_ij / 5; as far as they may turn."""
    count, width = 20_000, 0.3
    free = SpinModel([Term("field", [[0]], [[0.0, 0.0, 0.0]])])
    lattice = Sublattices(free)
    up = lattice.split(jnp.tile(jnp.array([[[0.0, 0.0, 1.0]]]), (count, 1, 1)))
    key = jax.random.key_data(jax.random.key(0))
    numbers = draw(lattice, up, key, 5)
    points = np.asarray(numbers.turns[0])
    np.testing.assert_allclose(points.mean(axis=1), 0, atol=4 / np.sqrt(5 * count))
    np.testing.assert_allclose(points @ points.T / count, np.eye(3) / 5, atol=0.01)
    assert 0.99 < np.linalg.norm(points, axis=0).max() < 1
    assert abs(np.mean(np.asarray(numbers.words) & 1) - 0.5) < 2 / np.sqrt(count)
    moved, accepted = sweep(lattice, up, numbers, jnp.ones(count), jnp.full(count, width))
    assert accepted.min() == 1
    ends = np.asarray(lattice.join(moved))[:, 0]
    np.testing.assert_allclose(np.linalg.norm(ends, axis=-1), 1, rtol=1e-12)
    assert 0.98 * width < np.max(1 - ends[:, 2]) < width
    np.testing.assert_allclose(ends[:, :2].mean(axis=0), 0, atol=4 * np.sqrt(width / count))
    # 1 - cos = width (x^2 + y^2) for the point (x, y, z).
    assert abs(np.mean(1 - ends[:, 2]) - 0.4 * width) < 4 * width / np.sqrt(count)


def test_numbers_are_those_of_jax():
    """And of the known answer of the generator (Random123: all ones)."""
    ones = jnp.full(2, 0xFFFFFFFF, jnp.uint32)
    first, second = threefry(ones, ones[0], ones[1])
    assert (int(first), int(second)) == (0x1CB996FC, 0xBB002BE7)
    key = jax.random.key(7)
    data = jax.random.key_data(key)
    with jax.threefry_partitionable(True):
        expected = jax.random.bits(key, (3, 50), jnp.uint32)
    np.testing.assert_array_equal(words(data, (3, 50)), expected)
    assert not np.array_equal(key_of(data, 1), key_of(data, 2**32 + 1))
    numbers = uniform(key_of(data, 3), (10_000,))
    assert 0 < numbers.min() < 1e-3 and 0.999 < numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 4 / np.sqrt(12 * 10_000)
