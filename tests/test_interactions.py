"""The result: conversions, energies, tables and datasets."""

import numpy as np
import pytest
from problems import random_cluster, random_spins

from msgreen import (
    BRINKER,
    LOUNIS,
    NEUTRAL,
    OUASSOU,
    Interactions,
    LloydEnergy,
    SpinConvention,
    compute_interactions,
    contracted_loops,
    loops,
    pairs,
)
from msgreen.errors import InputError
from msgreen.spinmodel.interactions import Coefficient, Terms

SYSTEM = random_cluster(31, sites=4, orbitals=1, coupling=0.3)
POINTS = np.random.default_rng(1).uniform(size=(4, 3))


@pytest.fixture(scope="module")
def found():
    clusters = [
        pairs(POINTS),
        contracted_loops(POINTS, "biquadratic"),
        contracted_loops(POINTS, "three_site"),
        loops(POINTS, 4),
    ]
    return compute_interactions(SYSTEM.host, SYSTEM.scatterer, SYSTEM.sites, clusters)


def numbers(interactions):
    return np.array([row.value for row in interactions.rows(tensors=True)])


def test_kinds(found):
    assert [t.kind for t in found.terms] == ["pair", "biquadratic", "three_site", "four_site"]
    assert Terms(np.arange(6)[None], {}).kind == "six_site"
    assert Terms(np.arange(8)[None], {}).kind == "spins8_sites8"
    assert Terms(np.array([[0, 1, 2, 0, 1, 2]]), {}).kind == "spins6_sites3"


def test_round_trip_through_every_convention(found):
    long = SpinConvention("long", sign=-1, spin_length=1.5)
    there = found.to(LOUNIS).to(NEUTRAL).to(BRINKER).to(long).to(NEUTRAL)
    assert there.convention is NEUTRAL
    np.testing.assert_allclose(numbers(there), numbers(found), rtol=1e-14)


@pytest.mark.parametrize(
    ("convention", "factors"), [(LOUNIS, (-2, -2, -4, -8)), (BRINKER, (1, 1, 1, 1))]
)
def test_factors(found, convention, factors):
    other = found.to(convention)
    for factor, terms, neutral in zip(factors, other.terms, found.terms, strict=True):
        for name, c in terms.coefficients.items():
            mine = neutral.coefficients[name]
            np.testing.assert_allclose(factor * c.value, mine.value, rtol=1e-14)
            np.testing.assert_allclose(abs(factor) * c.error, mine.error, rtol=1e-14)
            assert np.all(c.error >= 0)
        np.testing.assert_allclose(factor * terms.tensor.value, neutral.tensor.value, rtol=1e-14)


def test_a_pair_of_paper_l_is_minus_two_j():
    terms = Terms(np.array([[0, 1]]), {"J_iso": Coefficient(np.array([1.0]), np.array([0.1]))})
    neutral = Interactions((terms,), LOUNIS).to(NEUTRAL)["pair"].coefficients["J_iso"]
    assert neutral.value[0] == -2 and neutral.error[0] == 0.2


def test_undefined_conversions(found):
    with pytest.raises(InputError, match="`convention` must define interactions of 3 sites"):
        found.to(OUASSOU)
    only_pairs = Interactions(found.terms[:1])
    np.testing.assert_array_equal(numbers(only_pairs.to(OUASSOU)), numbers(only_pairs))


def test_energy_is_the_series_in_every_convention(found):
    lloyd = LloydEnergy(SYSTEM.host, SYSTEM.scatterer, SYSTEM.sites, onsite=False)
    spins = random_spins(2, 3, 4)
    expected = [float(np.asarray(lloyd.series(s, 4))[[1, 3]].sum()) for s in spins]
    for convention in (NEUTRAL, LOUNIS, BRINKER):
        np.testing.assert_allclose(found.to(convention).energy(spins), expected, rtol=1e-10)
    assert found.energy(spins[0]).shape == ()
    np.testing.assert_allclose(found.energy(spins[None]), [expected], rtol=1e-10)


def test_energy_refused(found):
    bare = compute_interactions(
        SYSTEM.host, SYSTEM.scatterer, SYSTEM.sites, [pairs(POINTS)], tensors=False
    )
    with pytest.raises(InputError, match="must carry tensors, but the pair terms have none"):
        bare.energy(random_spins(3, 4))
    with pytest.raises(InputError, match="`directions` must hold unit vectors"):
        found.energy(np.ones((4, 3)))
    for shape in ((3, 3), (3,)):
        with pytest.raises(InputError, match="one vector for each of at least 4 sites, but its"):
            found.energy(np.broadcast_to([0.0, 0.0, 1.0], shape))
    with pytest.raises(InputError, match="`directions` must be finite"):
        found.energy(np.full((4, 3), np.nan))
    with pytest.raises(InputError, match="`kind` must be one of pair, biquadratic.*'six_site'"):
        found["six_site"]


def test_rows(found):
    rows = found.rows()
    assert len(rows) == 6 * (1 + 9 + 3) + (6 + 12 + 3) * (1 + 4 * 3)
    four = [r for r in rows if r.term == "C4_chiral" and r.sites == "0-1-2-3"]
    assert [r.component for r in four[:4]] == ["0>1 x", "0>1 y", "0>1 z", "1>2 x"]
    assert four[-1].component == "3>0 z"
    values = found["four_site"].coefficients["C4_chiral"].value
    index = found["four_site"].loops.tolist().index([0, 1, 2, 3])
    np.testing.assert_array_equal([r.value for r in four], values[index].ravel())
    assert {(r.unit, r.convention) for r in rows} == {("eV", "neutral")}
    assert len(found.rows(tensors=True)) == len(rows) + 6 * 9 + 21 * 81
    ani = [r.component for r in rows if r.term == "J_ani"][:4]
    assert ani == ["xx", "xy", "xz", "yx"]


def test_printed_table(found):
    text = str(Interactions(found.terms[:1]).to(LOUNIS))
    head, columns, first, *_ = text.splitlines()
    assert "in meV, convention L (sign -, sum over ordered sets of sites)" in head
    assert columns.split() == ["term", "sites", "component", "value", "error"]
    name, sites, value, error = first.split()
    coefficient = found.to(LOUNIS)["pair"].coefficients["J_iso"]
    assert (name, sites) == ("J_iso", "0-1")
    np.testing.assert_allclose(float(value), 1e3 * coefficient.value[0], rtol=1e-7)
    np.testing.assert_allclose(float(error), 1e3 * coefficient.error[0], rtol=0.06)
    assert "more four_site rows" in str(found) and len(str(found).splitlines()) < 90


def test_dataset_loses_nothing(found):
    data = found.to(BRINKER).to_xarray()
    for terms in found.to(BRINKER).terms:
        np.testing.assert_array_equal(data[f"{terms.kind}_sites"], terms.loops)
        for name, c in {**terms.coefficients, "tensor": terms.tensor}.items():
            stored = data[f"{terms.kind}_{name}"]
            np.testing.assert_array_equal(stored, c.value)
            np.testing.assert_array_equal(data[f"{terms.kind}_{name}_error"], c.error)
            assert stored.attrs["units"] == "eV" and stored.dims[0] == terms.kind
    assert data.attrs["convention"] == "B" and data.attrs["sign"] == 1
    assert data.attrs["ordered_sum"] == 1 and data.attrs["spin_length"] == 1.0
    weights = dict(zip(data.attrs["weights_sites"], data.attrs["weights"], strict=True))
    assert weights == {2: 0.5, 3: 0.25, 4: 0.125}
    assert data.attrs["host"] == "ClusterHost"
    placed = Interactions(found.terms, positions=POINTS).to_xarray()
    np.testing.assert_array_equal(placed["positions"], POINTS)
