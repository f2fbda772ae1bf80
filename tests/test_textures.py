"""Skyrmions, walls, topological charge, structure factors, and barriers between states."""

import numpy as np
import pytest

from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.simulation import (
    EnergyPath,
    Moment,
    ScalarChirality,
    StructureFactor,
    TopologicalCharge,
    domain_wall,
    energy_path,
    skyrmion,
)
from msgreen.spinmodel import SpinModel, Term, relax

STEPS = [[[0, 0], [1, 0]], [[0, 0], [0, 1]]]


pytestmark = pytest.mark.computing


def film(exchange=-1.0, dmi=0.5, field=0.2, anisotropy=0.0):
    """A square lattice in meV with interfacial DMI."""
    meV = 1e-3
    return SpinModel(
        [
            Term("exchange", [[0, 0]] * 2, [exchange * meV] * 2, STEPS),
            Term(
                "dzyaloshinskii_moriya",
                [[0, 0]] * 2,
                dmi * meV * np.array([[0, -1.0, 0], [1.0, 0, 0]]),
                STEPS,
            ),
            Term("field", [[0]], [[0, 0, field * meV]], [[[0, 0]]]),
            Term("anisotropy", [[0]], [np.diag([0, 0, -anisotropy * meV])], [[[0, 0]]]),
        ],
        lattice=Lattice.square(),
    )


@pytest.fixture(scope="module")
def relaxed():
    """A skyrmion of 16 x 16 cells that is a minimum."""
    model = film()
    start = skyrmion(model, (16, 16), radius=3.0, helicity=np.pi)
    found = relax(model, start, tolerance=1e-12)
    assert found.converged
    return model, np.asarray(found.directions)


def test_charge_of_a_relaxed_skyrmion_is_an_integer(relaxed):
    model, spins = relaxed
    charge = TopologicalCharge(model)
    assert float(charge(spins[None])[0]) == pytest.approx(-1, abs=1e-10)
    assert spins[..., 2].min() < -0.8
    away = np.roll(spins, (5, 11), axis=(0, 1))
    assert float(charge(away[None])[0]) == pytest.approx(-1, abs=1e-10)


@pytest.mark.parametrize(("core", "winding"), [(-1, 1), (1, 1), (-1, -1), (1, 2)])
def test_charge_is_core_times_winding(core, winding):
    model = film()
    spins = skyrmion(model, (24, 24), radius=5.0, core=core, winding=winding, helicity=0.3)
    np.testing.assert_allclose(np.linalg.norm(spins, axis=-1), 1)
    charge = float(TopologicalCharge(model)(spins[None])[0])
    assert charge == pytest.approx(core * winding, abs=1e-10)
    middle = spins[12, 12, 0, 2]
    assert np.sign(middle) == core and np.sign(spins[0, 0, 0, 2]) == -core


def test_charge_of_random_states_is_an_integer():
    """On a lattice whose second vector lies clockwise of the first, and on triangles by hand."""
    spins = np.random.default_rng(0).normal(size=(5, 7, 6, 1, 3))
    spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
    model = film()
    charge = np.asarray(TopologicalCharge(model)(spins))
    np.testing.assert_allclose(charge, np.round(charge), atol=1e-10)
    turned = SpinModel([], lattice=Lattice(np.array([[0.0, 1.0], [1.0, 0.0]])))
    mirrored = np.asarray(TopologicalCharge(turned)(np.swapaxes(spins, 1, 2)))
    cells = [[[0, 0], [1, 0], [0, 1]], [[1, 0], [1, 1], [0, 1]]]
    other = np.asarray(TopologicalCharge(model, [[0, 0, 0]] * 2, cells)(spins))
    np.testing.assert_allclose(other, np.round(other), atol=1e-10)
    assert mirrored.shape == other.shape == (5,)
    smooth = skyrmion(model, (16, 16), radius=4.0)
    np.testing.assert_allclose(
        TopologicalCharge(turned)(np.swapaxes(smooth, 0, 1)[None]), -1, atol=1e-10
    )


def test_wall_goes_down_and_up():
    model = film()
    spins = domain_wall(model, (32, 4), width=2.0, helicity=np.pi / 2)
    np.testing.assert_allclose(np.linalg.norm(spins, axis=-1), 1)
    z = spins[:, 0, 0, 2]
    assert z[16] < -0.99 and z[0] > 0.99 and abs(z[8]) < 1e-6 and abs(z[24]) < 1e-6
    np.testing.assert_allclose(spins[8, :, 0], np.tile([0, 1.0, 0], (4, 1)), atol=1e-6)


def test_observables_are_their_sums():
    rng = np.random.default_rng(1)
    spins = rng.normal(size=(2, 4, 3, 2, 3))
    lattice = Lattice(np.array([[1.0, 0.2], [0.3, 1.1]]), np.array([[0.0, 0.0], [0.4, 0.5]]))
    model = SpinModel([], lattice=lattice)
    waves = np.array([[0.25, 1 / 3], [0.5, 0.0]])
    cells = np.stack(np.meshgrid(np.arange(4), np.arange(3), indexing="ij"), -1)
    points = cells[:, :, None] @ lattice.vectors + lattice.basis
    reciprocal = 2 * np.pi * waves @ np.linalg.inv(lattice.vectors).T
    phase = np.exp(-1j * np.einsum("wd,abnd->wabn", reciprocal, points))
    sums = np.einsum("wabn,rabnx->rwx", phase, spins)
    np.testing.assert_allclose(
        StructureFactor(model, waves)(spins), np.sum(np.abs(sums) ** 2, -1) / 24, rtol=1e-12
    )
    np.testing.assert_allclose(Moment(model)(spins), spins.mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(
        Moment(model, [1, -1])(spins),
        (spins[..., 0, :] - spins[..., 1, :]).mean(axis=(1, 2)) / 2,
        rtol=1e-12,
    )
    found = ScalarChirality(model, [[0, 1, 0]], [[[0, 0], [0, 0], [1, 0]]])(spins)
    ahead = np.roll(spins, -1, axis=1)
    triple = np.linalg.det(
        np.stack([spins[..., 0, :], spins[..., 1, :], ahead[..., 0, :]], axis=-2)
    )
    np.testing.assert_allclose(found, triple.mean(axis=(1, 2)), rtol=1e-12)


def test_barrier_of_a_spin_is_that_of_its_saddle():
    """Over the middle axis of an anisotropy, not the hard one."""
    one = SpinModel([Term("anisotropy", [[0]], [np.diag([1e-3, 2e-3, 0.0])])])
    path = energy_path(one, [[0, 0, 1.0]], [[0, 0, -1.0]], images=9, tolerance=1e-9)
    assert path.converged and path.barrier == pytest.approx(1e-3, rel=1e-9)
    assert (
        isinstance(path, EnergyPath)
        and path.saddle == 4
        and path.distance[-1] == pytest.approx(np.pi)
    )


def test_barrier_of_two_spins_by_a_fine_scan():
    """Two spins in a plane: the lowest of all highest points of ways over a fine grid."""
    easy = np.diag([0.0, 50.0, -1.0]) * 1e-3
    terms = [
        Term("anisotropy", [[0], [1]], [easy, 0.6 * easy]),
        Term("exchange", [[0, 1]], [-0.4e-3]),
    ]
    dimer = SpinModel(terms)
    up, down = np.array([[0, 0, 1.0]] * 2), np.array([[0, 0, -1.0]] * 2)
    path = energy_path(dimer, up, down, images=21, tolerance=1e-8)
    assert path.converged

    angle = np.linspace(0, 2 * np.pi, 361)
    spins = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=-1)
    states = np.stack(np.broadcast_arrays(spins[:, None], spins[None]), axis=-2)
    energy = np.asarray(dimer.energy(states))
    level = highest_of_the_lowest_way(energy, (0, 0), (180, 180))
    assert path.barrier == pytest.approx(level - energy[0, 0], rel=1e-3)


def highest_of_the_lowest_way(energy, start, end) -> float:
    """Fill the basin of `start` point by point until `end` is reached."""
    import heapq

    seen, heap, level = {start}, [(energy[start], start)], -np.inf
    while heap:
        height, (i, j) = heapq.heappop(heap)
        level = max(level, height)
        if (i, j) == end:
            return level
        for near in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
            inside = all(0 <= n < m for n, m in zip(near, energy.shape, strict=True))
            if inside and near not in seen:
                seen.add(near)
                heapq.heappush(heap, (energy[near], near))
    raise AssertionError("no way")


@pytest.mark.slow
def test_skyrmion_collapses_over_a_saddle(relaxed):
    model, spins = relaxed
    up = np.zeros_like(spins)
    up[..., 2] = 1
    path = energy_path(model, spins, up, images=12, tolerance=1e-6, max_steps=8000)
    assert path.converged and 0 < path.saddle < 11
    saddle = path.directions[path.saddle]
    gradient = np.asarray(model.gradient(saddle))
    torque = np.cross(saddle, gradient)
    assert np.abs(torque).max() < 1e-6
    assert path.barrier == pytest.approx(float(model.energy(saddle) - model.energy(spins)))
    charges = np.asarray(TopologicalCharge(model)(path.directions))
    np.testing.assert_allclose(charges, np.round(charges), atol=1e-9)
    assert charges[0] == pytest.approx(-1) and charges[-1] == pytest.approx(0, abs=1e-9)


def test_bad_input():
    model = film()
    cluster = SpinModel([Term("exchange", [[0, 1]], [1.0])])
    with pytest.raises(InputError, match="`model` must be of a lattice of 2 dimensions"):
        skyrmion(cluster, (), radius=1.0)
    with pytest.raises(InputError, match="`core` must be -1 or 1, but it is 0"):
        skyrmion(model, (4, 4), radius=1.0, core=0)
    with pytest.raises(InputError, match=r"`shape` must have shape \(2,\)"):
        skyrmion(model, (4,), radius=1.0)
    with pytest.raises(InputError, match="`model` must be of a lattice of two dimensions"):
        TopologicalCharge(cluster)
    with pytest.raises(InputError, match="`model` must be of a lattice, but it is a finite"):
        StructureFactor(cluster, [[0.0]])
    with pytest.raises(InputError, match="`sites` must hold numbers from 0 to 0"):
        ScalarChirality(model, [[0, 1, 2]])
    with pytest.raises(InputError, match="`last` must have shape"):
        energy_path(cluster, [[0, 0, 1.0]] * 2, [[0, 0, 1.0]])
    with pytest.raises(InputError, match="`first` must have shape"):
        energy_path(cluster, [[[0, 0, 1.0]] * 2], [[[0, 0, 1.0]] * 2])
