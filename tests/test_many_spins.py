"""Energies of many spins at full coupling: inclusion and exclusion, and a fitted model."""

from itertools import combinations, product

import numpy as np
import pytest
from lattices import dense_spins, free_energy, paper_superconductor

from msgreen import ContactCoupling, LloydEnergy, compute_interactions
from msgreen.energy.many_spins import many_spin_energies
from msgreen.errors import InputError
from msgreen.exchange.fitted import EVEN, ODD, FittedModel, fitted_model
from msgreen.spinmodel.fitting import Samples, all_clusters, fit, sample_directions

HOST = paper_superconductor(7)
SQUARE_OF_SPINS = np.array([[2, 2, 0], [3, 2, 0], [3, 3, 0], [2, 3, 0]])
FULL = ContactCoupling(-1.5, orbitals=2)


@pytest.fixture(scope="module")
def four():
    return LloydEnergy(HOST, FULL, SQUARE_OF_SPINS)


def dense_energy(sites, spins):
    """By diagonalisation of the whole lattice."""
    matrix = dense_spins(HOST.model, HOST.normal.region, SQUARE_OF_SPINS[sites], spins[sites], -1.5)
    return free_energy(np.linalg.eigvalsh(matrix), 0.001)


def test_four_spins_by_diagonalisation(four):
    """What four spins have together, and no three of them."""
    spins = sample_directions(4, 1, seed=1)[0]
    subsets = [list(s) for size in range(5) for s in combinations(range(4), size)]
    expected = sum((-1) ** len(s) * dense_energy(s, spins) for s in subsets)
    value, error = many_spin_energies(four, spins, [[0, 1, 2, 3], [2, 1], [3]])
    assert abs(value[0] - expected) < 1e-11 and error[0] < 1e-9 < abs(value[0])
    pair = sum((-1) ** len(s) * dense_energy(s, spins) for s in ([], [1], [2], [1, 2]))
    assert abs(value[1] - pair) < 1e-11
    # All parts together are the whole.
    clusters = [s for s in subsets if s]
    parts, _ = many_spin_energies(four, np.stack([spins, -spins]), clusters)
    np.testing.assert_allclose(parts.sum(axis=1), four(np.stack([spins, -spins])), atol=1e-12)


def test_loops_of_four_have_the_wrong_sign_at_full_coupling(four):
    """The part that is odd in every spin, over what loops of four give: 1 for weak coupling.

    At the coupling of paper O it is -1.32 here: perturbation theory cannot be used.
    """
    spins = np.random.default_rng(2).normal(size=(4, 3))
    spins /= np.linalg.norm(spins, axis=1, keepdims=True)
    around = np.array([[0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3]])
    signs = np.array(list(product((1, -1), repeat=4)))
    turned = signs[:, :, None] * spins
    loops = compute_interactions(HOST, FULL, SQUARE_OF_SPINS, [around])
    dense = np.array([dense_energy([0, 1, 2, 3], s) for s in turned])
    odd = np.mean(dense * signs.prod(axis=1))
    together, _ = many_spin_energies(four, turned, [[0, 1, 2, 3]])
    np.testing.assert_allclose(np.mean(together[:, 0] * signs.prod(axis=1)), odd, atol=1e-12)
    assert odd / float(loops.energy(spins)) == pytest.approx(-1.3208, abs=1e-3)


def test_fit_to_all_orders_is_honest(four):
    """0.2 % of the spread is missed; errors are those between two sets of configurations."""
    found = fitted_model(four)
    assert isinstance(found, FittedModel) and found.model.classes == EVEN
    assert found.unseen.relative < 0.003 and found.error < 1e-9
    other = fitted_model(four, seed=7).model
    for name in ("exchange", "dzyaloshinskii_moriya", "four_site", "three_site"):
        one, two = found.model[name], other[name]
        apart = (one.values - two.values) / np.hypot(one.errors, two.errors)
        assert 0.3 < np.sqrt(np.mean(apart**2)) < 2.0
    # Bilinear terms alone miss ten times as much.
    assert fitted_model(four, classes=EVEN[:4]).unseen.relative > 10 * found.unseen.relative


def test_fit_has_fields_where_time_reversal_is_broken():
    real = paper_superconductor(7, d_matrix=np.array([[0, 0], [0, 0], [1, 0]]))
    lloyd = LloydEnergy(real, FULL, SQUARE_OF_SPINS[:3])
    found = fitted_model(lloyd)
    assert set(ODD) <= set(found.model.classes)
    assert np.abs(found.model["field"].values).max() > 1e-3
    assert found.unseen.relative < 0.01


def test_errors_of_the_energies_add_to_those_of_a_fit():
    spins = sample_directions(2, 30)
    template = all_clusters(2, ["exchange"])
    energies = 0.1 * np.sum(spins[:, 0] * spins[:, 1], axis=1)
    options = {"field_weight": 0.0, "energy_weight": 1.0}
    exact = fit(template, Samples(spins, energies), **options).model["exchange"]
    rough = Samples(spins, energies, errors=np.full(30, 1e-3))
    doubted = fit(template, rough[:20], **options).model["exchange"]
    assert exact.errors[0] < 1e-12 and 1e-3 < doubted.errors[0] < 4e-3
    with pytest.raises(InputError, match="`errors` must have shape"):
        Samples(spins, energies, errors=np.zeros(3))


def test_what_many_spins_refuse(four):
    spins = sample_directions(4, 1)[0]
    for clusters in ([], [[0, 0]], [[0.5, 1.0]], [list(range(9))]):
        with pytest.raises(InputError, match="`clusters` must hold"):
            many_spin_energies(four, spins, clusters)
    with pytest.raises(InputError, match="site numbers from 0 to 3"):
        many_spin_energies(four, spins, [[0, 4]])
    with pytest.raises(InputError, match="`classes` must hold one that 4 spins can have"):
        fitted_model(four, classes=["six_spin"] * 0)
    gapped = paper_superconductor(7, singlet=0.5, triplet=0.0, temperature=0.0, gap=0.3, mu=-1.0)
    cold = LloydEnergy(gapped, ContactCoupling(-2.5, orbitals=2), SQUARE_OF_SPINS[:3])
    with pytest.raises(InputError, match="levels between"):
        many_spin_energies(cold, spins[:3], [[0, 1]])
