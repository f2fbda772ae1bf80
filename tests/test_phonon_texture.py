"""Sums of electronic and phonon-mediated interactions, and the canting they cause."""

import numpy as np
import pytest

from msgreen.convention import LOUNIS
from msgreen.errors import InputError
from msgreen.phonon.springs import Spring, helical_chain, mass_spring
from msgreen.phonon.texture import add_interactions, ground_state, heisenberg, ring
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms


def turn(angle, along):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, along]])


def two_atom_chain():
    springs = [Spring(0, 1, (0,), 4.0, 4.0), Spring(1, 0, (1,), 4.0, 4.0)]
    return mass_spring([[6.0, 0, 0]], [[0, 0, 0], [3.0, 0, 0]], [50.0] * 2, springs, pinning=2.0)


def alternating(angle, exchange):
    """Two-atom chain whose couplings are turned by +-angle, with Heisenberg exchange.

    Phonons favour parallel spins; whether z couples to them decides that the xy plane is easy.
    """
    z = 1.0 if exchange > 0 else 0.0
    couplings = 0.1 * np.stack([turn(angle, z), turn(-angle, z)])
    mediated = ring(two_atom_chain(), couplings, 4, [63])
    electronic = heisenberg(mediated["pair"].loops, mediated.positions, exchange)
    return mediated, add_interactions(electronic, mediated)


@pytest.mark.parametrize("exchange", [0.004, -0.004])
def test_canting_of_the_chain_is_that_of_its_closed_form(exchange):
    """Angle between neighbours: atan2(D, J) away from antiparallel, alternating in sign."""
    angle = 0.3
    mediated, model = alternating(angle, exchange)
    strength = mediated["pair"].tensor.value[0, 0, 0] / np.cos(2 * angle)
    along = exchange + strength * np.cos(2 * angle)
    across = strength * np.sin(2 * angle)
    found = ground_state(model, starts=6)
    half = (np.pi - abs(np.arctan2(across, along))) / 2
    assert found.energy == pytest.approx(-8 * np.hypot(along, across), rel=1e-10)
    assert found.moment == pytest.approx(abs(np.cos(half)), abs=1e-5)
    assert found.staggered == pytest.approx(abs(np.sin(half)), abs=1e-5)
    assert min(found.moment, found.staggered) > 0.02


def test_without_the_antisymmetric_part_order_stays_collinear():
    for exchange, moment in ((0.004, 0.0), (-0.004, 1.0)):
        found = ground_state(alternating(0.0, exchange)[1], starts=4)
        assert found.moment == pytest.approx(moment, abs=1e-6)
        assert found.staggered == pytest.approx(1 - moment, abs=1e-6)


def test_dmi_of_the_alternating_chain_alternates_and_that_of_a_helix_does_not():
    mediated, _ = alternating(0.3, 0.0)
    vector = mediated["pair"].coefficients["D"].value[:, 2]
    assert np.allclose(vector, vector[0] * (-1.0) ** np.arange(8), rtol=1e-10)
    springs = [(1, 5.0, 1.0), (2, 2.0, 0.5), (3, 1.0, 0.2)]
    helix = helical_chain(4, radius=1.0, pitch=3.0, mass=50.0, springs=springs, pinning=0.3)
    same = np.broadcast_to(0.1 * np.eye(3), (4, 3, 3))
    along = ring(helix, same, 3, [9])["pair"].coefficients["D"].value[:, 2]
    assert abs(along[0]) > 1e-7
    assert np.allclose(along, along[0], rtol=1e-9)


def test_sum_is_the_sum_of_energies_whichever_way_pairs_are_listed():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(4, 3))

    def random(pairs):
        value = rng.normal(size=(len(pairs), 3, 3))
        named = {"J_iso": Coefficient(np.zeros(len(pairs)), np.zeros(len(pairs)))}
        terms = Terms(np.array(pairs), named, Coefficient(value, 0 * value, ("xyz", "xyz")))
        return Interactions((terms,), positions=places)

    first, second = random([(0, 1), (1, 2)]), random([(1, 0), (3, 2), (2, 1)])
    spins = rng.normal(size=(5, 4, 3))
    spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
    total = add_interactions(first, second.to(LOUNIS))
    assert np.allclose(total.energy(spins), first.energy(spins) + second.energy(spins))
    assert len(total["pair"].loops) == 3
    parts = total["pair"].coefficients
    rebuilt = parts["J_iso"].value[:, None, None] * np.eye(3) + parts["J_ani"].value
    tensor = total["pair"].tensor.value
    assert np.allclose(rebuilt, (tensor + tensor.swapaxes(1, 2)) / 2)


def test_isotropic_part_of_the_electrons_keeps_its_name():
    mediated, model = alternating(0.3, 0.004)
    assert np.allclose(model["pair"].coefficients["J_iso"].value, 0.004)
    assert not np.any(mediated["pair"].coefficients["J_iso"].value)


def test_wrong_arguments_are_refused():
    first = heisenberg([(0, 1)], np.eye(3)[:2], 1.0)
    with pytest.raises(InputError, match="positions of `first`"):
        add_interactions(first, heisenberg([(0, 1)], 2 * np.eye(3)[:2], 1.0))
    bare = Interactions((Terms(np.array([[0, 1]]), {}),))
    with pytest.raises(InputError, match="carry tensors"):
        add_interactions(first, bare)
    four = Interactions((Terms(np.array([[0, 1, 2, 3]]), {}),))
    with pytest.raises(InputError, match="must not repeat terms"):
        add_interactions(four, four)
    with pytest.raises(InputError, match="pair terms with tensors"):
        ground_state(four)
    with pytest.raises(InputError, match="less than half"):
        ring(two_atom_chain(), np.zeros((2, 3, 3)), 2, [9], neighbours=2)
    plane = mass_spring(np.eye(3)[:2], [[0, 0, 0]], [1.0], [], pinning=1.0)
    with pytest.raises(InputError, match="must be a chain"):
        ring(plane, np.zeros((1, 3, 3)), 4, [9, 9])
