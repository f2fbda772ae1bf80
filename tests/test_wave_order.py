"""The order of the lowest exchange: antiferromagnets and spirals have one, and a temperature."""

import numpy as np
import pytest

from msgreen.cli.simulation import simulate
from msgreen.errors import AccuracyWarning, InputError
from msgreen.lattice import Lattice
from msgreen.simulation import Moment, MonteCarlo, WaveOrder, thermodynamics
from msgreen.spinmodel import SpinModel, Term
from msgreen.spinmodel.states import cone, spiral
from msgreen.units import BOLTZMANN

STEPS = [[[0, 0, 0], step] for step in np.eye(3, dtype=int).tolist()]


def cubic(exchange):
    return SpinModel(
        [Term("exchange", [[0, 0]] * 3, [exchange] * 3, STEPS)], lattice=Lattice.cubic()
    )


def random_spins(seed, *shape):
    spins = np.random.default_rng(seed).normal(size=(*shape, 3))
    return spins / np.linalg.norm(spins, axis=-1, keepdims=True)


def test_an_antiferromagnet_is_a_ferromagnet_of_turned_spins():
    """So its Néel temperature is 1.4430 J too: energies and orders are the same, state by state."""
    shape = (4, 2, 6)
    order = WaveOrder(cubic(1.0), shape)
    np.testing.assert_allclose(order.q, [[0.5, 0.5, 0.5]])
    assert order.period == (2, 2, 2) and not order.uniform and order.energy == pytest.approx(-3)
    spins = random_spins(0, 3, *shape, 1)
    signs = (-1.0) ** np.indices(shape).sum(axis=0)[..., None, None]
    moment = np.linalg.norm(Moment(cubic(1.0))(signs * spins), axis=-1)
    np.testing.assert_allclose(order(spins), moment, rtol=1e-12)
    np.testing.assert_allclose(cubic(1.0).energy(spins), cubic(-1.0).energy(signs * spins))
    ferromagnet = WaveOrder(cubic(-1.0), shape)
    assert ferromagnet.uniform and ferromagnet.period == (1, 1, 1)
    np.testing.assert_allclose(ferromagnet(signs * spins), moment, rtol=1e-12)


def test_spirals_and_cells_of_two_atoms():
    bonds = [[[0], [1]], [[0], [2]]]
    frustrated = SpinModel(
        [Term("exchange", [[0, 0]] * 2, [-1.0, 0.5], bonds)], lattice=Lattice.chain()
    )
    order = WaveOrder(frustrated, (12,))
    np.testing.assert_allclose(order.q, [[1 / 6]])
    assert order.period == (6,)
    state = spiral((12,), [1 / 6], cone(np.pi / 2, 0.0)[None])
    np.testing.assert_allclose(order(state[None]), 1, rtol=1e-12)
    # Two atoms in a cell, opposite, and one that no term names.
    lattice = Lattice([[1.0]], [[0.0], [0.3], [0.6]])
    pair = Term("exchange", [[0, 2], [2, 0]], [1.0, 1.0], [[[0], [0]], [[0], [1]]])
    order = WaveOrder(SpinModel([pair], lattice=lattice), (4,))
    assert not order.uniform and not np.any(order.q) and order.weights[0, 1] == 0
    up = np.tile([0.0, 0.0, 1.0], (1, 4, 3, 1))
    np.testing.assert_allclose(order(up), 0, atol=1e-12)
    up[..., 2, :] *= -1
    np.testing.assert_allclose(order(up), 1, rtol=1e-12)


def test_equal_waves_count_together():
    """Stripes along both axes, of a square lattice with neighbours along the diagonals."""
    diagonal = Term("exchange", [[0, 0]] * 2, [1.0] * 2, [[[0, 0], [1, 1]], [[0, 0], [1, -1]]])
    order = WaveOrder(SpinModel([diagonal], lattice=Lattice.square()), (4, 4))
    assert sorted(np.asarray(order.q).tolist()) == [[0, 0.5], [0.5, 0]]
    stripes = np.zeros((1, 4, 4, 1, 3))
    stripes[..., 2] = ((-1.0) ** np.arange(4))[:, None, None]
    for state in (stripes, stripes.swapaxes(1, 2)):
        np.testing.assert_allclose(order(state), 1, rtol=1e-12)


@pytest.mark.slow
def test_a_run_follows_the_staggered_order(tmp_path):
    """The smaller box holds the same wave, and moments of both boxes stay what they were."""
    model, top = cubic(0.01), 0.01443 / BOLTZMANN
    options = {"folder": tmp_path, "stage": tmp_path, "critical": True, "samples": 150}
    with pytest.warns(AccuracyWarning, match="may be too small"):
        found = simulate(
            model, box=(4, 4, 4), temperatures=[0.5 * top, top, 1.5 * top], interval=2, **options
        )
    text = "\n".join(found.summary)
    assert (
        "J(q) is lowest in this box at q = (0.5, 0.5, 0.5)" in text and "without a box" not in text
    )
    value = float(text.split("4 x 4 x 4 cells: ")[1].split()[0])
    assert value == pytest.approx(top, rel=0.15)
    rows = [dict(zip(found.header, row, strict=True)) for row in found.rows]
    assert rows[0]["order"] > 0.7 > 0.2 > rows[0]["moment"]
    assert rows[0]["order_binder"] > 0.6 and found.dataset["order"].shape == (150, 3)
    with pytest.raises(InputError, match="`--box` must hold the order of the model twice"):
        simulate(model, box=(2, 2, 2), **options)


def test_bad_input():
    with pytest.raises(InputError, match=r"`shape` must have shape \(3,\)"):
        WaveOrder(cubic(1.0), (4, 4))
    with pytest.raises(InputError, match="`model` must be of a lattice, but it is a finite"):
        WaveOrder(SpinModel([Term("exchange", [[0, 1]], [1.0])]), (4,))
    with pytest.raises(InputError, match="`model` must have terms of two spins"):
        WaveOrder(SpinModel([], lattice=Lattice.chain()), (4,))
    apart = Term("exchange", [[0, 0]], [1.0], [[[0, 0], [1, 0]]])
    with pytest.raises(InputError, match="`model` must single out some waves, but 101"):
        WaveOrder(SpinModel([apart], lattice=Lattice.square()), (2, 200))
    series = np.zeros((64, 1))
    run = MonteCarlo(*[series] * 3, {"waves": series}, *[series] * 4, spin_count=8)
    with pytest.raises(InputError, match="`order` must be one of"):
        thermodynamics(run, "order")
