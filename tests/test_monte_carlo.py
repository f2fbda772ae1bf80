"""Monte Carlo against closed forms, quadrature and transfer matrices; interrupted runs."""

import sys
from itertools import pairwise

import jax
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ive

from msgreen.errors import AccuracyWarning, FileFormatError, InputError
from msgreen.estimate import Estimate
from msgreen.lattice import Lattice
from msgreen.simulation import (
    Moment,
    MonteCarlo,
    StructureFactor,
    Thermodynamics,
    autocorrelation_time,
    binder_crossing,
    jackknife,
    monte_carlo,
    reweighted,
    thermodynamics,
)
from msgreen.simulation.checkpoint import Checkpoint
from msgreen.simulation.moves import draw, sweep
from msgreen.simulation.sublattices import Sublattices
from msgreen.spin.sphere import sphere_rule
from msgreen.spinmodel import SpinModel, Term

CHAIN = SpinModel([Term("exchange", [[0, 0]], [-1.0], [[[0], [1]]])], lattice=Lattice.chain())


pytestmark = pytest.mark.computing


def random_spins(seed, *shape):
    spins = np.random.default_rng(seed).normal(size=(*shape, 3))
    return spins / np.linalg.norm(spins, axis=-1, keepdims=True)


def test_one_spin_is_in_detailed_balance():
    """Flows between bins of cos(theta) are equal both ways, and the bins are as full as they are.

    Energy -b z + K z^2.
    """
    b, k, kt = 0.8, 1.5, 0.5
    model = SpinModel(
        [Term("field", [[0]], [[0, 0, b]]), Term("anisotropy", [[0]], [np.diag([0, 0, k])])]
    )
    found = monte_carlo(model, [kt], samples=60_000, reflections=0, seed=3)
    z = found.moment[:, 0, 2]
    edges = np.linspace(-1, 1, 7)
    weight = [quad(lambda z: np.exp((b * z - k * z**2) / kt), *e)[0] for e in pairwise(edges)]
    bins = np.clip(np.digitize(z, edges) - 1, 0, 5)
    share = np.stack([bins == n for n in range(6)], axis=-1)
    known = jackknife(share)
    assert np.all(np.abs(known.value - np.array(weight) / np.sum(weight)) < 4 * known.error)
    flow = share[:-1, :, None] & share[1:, None, :]
    there, back = flow.sum(axis=0), flow.sum(axis=0).T
    assert np.all(np.abs(there - back) < 5 * np.sqrt(there + back + 1.0))
    assert there[0, 2] > 100


def exact_mean(model, kt, count, degree):
    """Mean energy of a cluster by a product rule on the spheres."""
    points, weights = (np.asarray(x) for x in sphere_rule(degree))
    grid = np.stack(np.meshgrid(*[np.arange(len(points))] * count, indexing="ij"), axis=-1)
    grid = grid.reshape(-1, count)
    energy = np.asarray(model.energy(points[grid]))
    weight = np.prod(weights[grid], axis=-1) * np.exp(-energy / kt)
    return np.sum(weight * energy) / np.sum(weight)


@pytest.mark.parametrize(
    "terms",
    [
        {"exchange": -1.0, "biquadratic": 0.7, "dzyaloshinskii_moriya": [0.2, 0.5, -0.3]},
        {"chiral_biquadratic": [0.4, 0.0, 0.8], "anisotropy": np.diag([0.0, 0.3, -0.5])},
    ],
)
def test_dimers_by_quadrature(terms):
    sites = {"anisotropy": [[0], [1]]}
    model = SpinModel(
        [
            Term(name, sites.get(name, [[0, 1]]), [value] * len(sites.get(name, [0])))
            for name, value in terms.items()
        ]
    )
    kt = 0.6
    found = thermodynamics(monte_carlo(model, [kt, 1.0], samples=20_000, seed=1))
    exact = exact_mean(model, kt, 2, 14) / 2
    assert abs(found.energy.value[0] - exact) < 4 * found.energy.error[0] < 0.02


def test_trimer_by_quadrature():
    """Chiral terms of three sites, and the scalar chirality."""
    model = SpinModel(
        [
            Term("chiral_three_site", [[0, 1, 2], [2, 0, 1]], [[0.5, 0, 0.3], [0, -0.4, 0.6]]),
            Term("scalar_chirality", [[0, 1, 2]], [0.8]),
        ]
    )
    kt = 0.5
    found = thermodynamics(monte_carlo(model, [kt, 0.8], samples=20_000, seed=2))
    exact = exact_mean(model, kt, 3, 8) / 3
    assert abs(found.energy.value[0] - exact) < 4 * found.energy.error[0] < 0.02


def test_heisenberg_chain():
    """Fisher's energy -L(1/kT) a bond, and correlations L^n; MBAR between the temperatures."""
    kt = np.array([0.4, 0.55, 0.75])
    run = monte_carlo(CHAIN, kt, (32,), samples=4000, interval=2, reflections=2)
    langevin = 1 / np.tanh(1 / kt) - kt
    found = thermodynamics(run)
    # Around a ring of 32 bonds the correction is L^32.
    assert np.all(np.abs(found.energy.value + langevin) < 4 * found.energy.error)
    assert np.all(found.energy.error < 0.01)
    heat = 1 - (1 / kt) ** 2 / np.sinh(1 / kt) ** 2
    assert np.all(np.abs(found.heat.value - heat) < 4 * found.heat.error)
    square = jackknife(32 * np.sum(run.moment**2, axis=-1))
    assert np.all(np.abs(square.value - (1 + langevin) / (1 - langevin)) < 4 * square.error)
    between = reweighted(run, [0.48, 0.6])
    exact = -32 * (1 / np.tanh(1 / np.array([0.48, 0.6])) - np.array([0.48, 0.6]))
    assert np.all(np.abs(between.value - exact) < 4 * between.error)
    assert np.all(between.error < 0.02 * np.abs(exact))
    assert isinstance(run, MonteCarlo) and "accepted" in str(run)
    assert isinstance(found, Thermodynamics) and "heat" in str(found)
    assert isinstance(found.energy, Estimate)


def test_planar_chain():
    """x and y components of neighbours only: the transfer matrix on the sphere by quadrature."""
    planar = Term("anisotropic_exchange", [[0, 0]], [-np.diag([1.0, 1.0, 0.0])], [[[0], [1]]])
    model = SpinModel([planar], lattice=Lattice.chain())
    kt = 0.5
    nodes, weights = np.polynomial.legendre.leggauss(60)
    side = np.sqrt(1 - nodes**2)

    def sector(beta, turns):
        x = beta * np.outer(side, side)
        matrix = np.sqrt(np.outer(weights, weights)) * ive(turns, x) * np.exp(x)
        return np.linalg.eigh(matrix)

    def largest(beta):
        return np.log(sector(beta, 0)[0][-1])

    exact = -(largest(1 / kt + 1e-4) - largest(1 / kt - 1e-4)) / 2e-4
    run = monte_carlo(model, [kt, 0.7], (32,), samples=10_000, interval=2)
    found = thermodynamics(run).energy
    assert abs(found.value[0] - exact) < 4 * found.error[0] < 0.02 * abs(exact)
    # Correlations in the plane at distance n are sum_k share_k ratio_k^n; their sum over n:
    (whole, states), (part, turned) = sector(1 / kt, 0), sector(1 / kt, 1)
    share, ratio = (turned.T @ (side * states[:, -1])) ** 2, part / whole[-1]
    assert share @ ratio == pytest.approx(-exact, rel=1e-6) and ratio.max() ** 32 < 1e-3
    square = jackknife(32 * np.sum(run.moment[:, 0, :2] ** 2, axis=-1))
    summed = share @ ((1 + ratio) / (1 - ratio))
    assert abs(square.value - summed) < 4 * square.error < 0.1 * summed


@pytest.mark.slow
def test_simple_cubic_critical_temperature():
    """k_B T_C = 1.4430 J (Chen, Ferrenberg, Landau 1993)."""
    steps = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    bonds = Term("exchange", [[0, 0]] * 3, [-1.0] * 3, [[[0, 0, 0], step] for step in steps])
    model = SpinModel([bonds], lattice=Lattice.cubic())
    runs = [
        monte_carlo(model, [1.40, 1.44, 1.48], (n,) * 3, samples=count, reflections=4)
        for n, count in ((6, 12_000), (12, 8000))
    ]
    found = binder_crossing(*runs)
    assert abs(found.value - 1.4430) < 0.003 * 1.4430
    assert found.error < 0.003 * 1.4430
    with pytest.raises(InputError, match="`large` must have a larger cumulant.*Sample around"):
        binder_crossing(*runs[::-1])


def test_interrupted_runs_go_on_as_if_they_had_not_been(tmp_path, monkeypatch):
    """Interrupted after it has written what is done, for the ninth time."""
    options = {"samples": 300, "warm_up": 100, "seed": 4}
    options["observables"] = {"odd": Moment(CHAIN), "waves": StructureFactor(CHAIN, [[0.5]])}
    monkeypatch.setattr(sys.modules[monte_carlo.__module__], "_MOVES_AT_ONCE", 2000)
    whole = monte_carlo(CHAIN, [0.5, 0.8], (12,), **options)
    path = tmp_path / "chain.npz"
    monkeypatch.setattr("msgreen.io.pace.PATIENCE", 0.0)
    write, calls = Checkpoint.write, []

    def broken(self, state, parts, last):
        write(self, state, parts, last=last)
        calls.append(1)
        if len(calls) == 9:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "write", broken)
        with pytest.raises(KeyboardInterrupt):
            monte_carlo(CHAIN, [0.5, 0.8], (12,), checkpoint=path, **options)
    resumed = monte_carlo(CHAIN, [0.5, 0.8], (12,), checkpoint=path, **options)
    np.testing.assert_array_equal(resumed.energy, whole.energy)
    np.testing.assert_array_equal(resumed.observables["odd"], whole.observables["odd"])
    np.testing.assert_array_equal(resumed.directions, whole.directions)
    with pytest.raises(
        InputError, match="`checkpoint` must go on with the same .* another seed. Remove it"
    ):
        monte_carlo(CHAIN, [0.5, 0.8], (12,), checkpoint=path, **options | {"seed": 5})
    path.write_bytes(b"PK nothing")
    with pytest.raises(FileFormatError, match="must be a readable archive.*Remove it"):
        monte_carlo(CHAIN, [0.5, 0.8], (12,), checkpoint=path, **options)


def test_moves_share_their_numbers_with_nobody():
    """The same seed gives the same samples, another one others; replicas differ."""
    runs = [monte_carlo(CHAIN, [0.5, 0.6], (8,), samples=5, seed=s).energy for s in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.abs(runs[0] - runs[2]).min() > 0
    assert np.abs(runs[0][:, 0] - runs[0][:, 1]).min() > 0


def test_autocorrelation_time_of_a_known_process():
    rng = np.random.default_rng(0)
    series = np.zeros(40_000)
    for n in range(1, len(series)):
        series[n] = 0.8 * series[n - 1] + rng.normal()
    assert autocorrelation_time(series) == pytest.approx(1.8 / 0.2 / 2, rel=0.15)
    assert autocorrelation_time(np.ones(100)) == 0.5


def test_short_runs_warn_of_their_errors():
    """Without reflections, cold and in small steps: samples that hardly differ."""
    run = monte_carlo(CHAIN, [0.02], (32,), samples=128, reflections=0)
    with pytest.warns(AccuracyWarning, match="Errors at 1 of 1 temperatures may be too small"):
        found = thermodynamics(run)
    assert found.time[0] > 4 / 5


def test_bad_input():
    with pytest.raises(InputError, match="`temperature` must be a list in ascending order"):
        monte_carlo(CHAIN, [0.5, 0.4], (8,), samples=1)
    with pytest.raises(InputError, match="`temperature` must be greater than zero"):
        monte_carlo(CHAIN, [0.0], (8,), samples=1)
    with pytest.raises(InputError, match="`shape` must be 1 positive integers, but it is ()"):
        monte_carlo(CHAIN, [0.5], samples=1)
    with pytest.raises(InputError, match="`shape` must be larger than the interactions reach"):
        monte_carlo(CHAIN, [0.5], (1,), samples=1)
    with pytest.raises(InputError, match="`start` must have shape"):
        monte_carlo(CHAIN, [0.5], (4,), samples=1, start=random_spins(0, 5, 1))
    with pytest.raises(InputError, match="`samples` must hold 64 samples or more"):
        jackknife(np.ones(10))
    run = monte_carlo(CHAIN, [0.5, 0.6], (4,), samples=64)
    with pytest.raises(InputError, match="`temperature` must lie between 0.5 and 0.6 eV"):
        reweighted(run, [0.7])


def test_a_move_is_accepted_as_often_as_said():
    """Without energy every move is accepted; against an infinite field almost none is."""
    free = SpinModel([Term("field", [[0]], [[0.0, 0.0, 0.0]])])
    held = SpinModel([Term("field", [[0]], [[0.0, 0.0, 1e9]])])
    up = np.array([[[0.0, 0.0, 1.0]]])
    for model, share in ((free, 1.0), (held, 0.0)):
        lattice = Sublattices(model)
        one = np.ones(1)
        spins = lattice.split(up)
        numbers = draw(lattice, spins, jax.random.key_data(jax.random.key(0)), 0)
        _, accepted = sweep(lattice, spins, numbers, one, one)
        assert float(accepted[0]) == share
