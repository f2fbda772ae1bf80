"""Paper O (Ouassou, Yokoyama, Linder, arXiv:2407.07144): at its size, against its own code."""

import numpy as np
import pytest
from lattices import (
    IMAGINARY_PX,
    SQUARE,
    dense_matrix,
    dense_spins,
    free_energy,
    paper_superconductor,
    published,
)

from msgreen import ContactCoupling
from msgreen.energy.pair_form import AXES, PairCoefficients, pair_interactions, pair_vector
from msgreen.energy.spin_pairs import HarmonicExpansion, SpinPairs
from msgreen.errors import InputError
from msgreen.lattice import Region
from msgreen.spinmodel import from_interactions

COUPLING = ContactCoupling(-1.5, orbitals=2)
REAL_PX = np.array([[0, 0], [0, 0], [1, 0]])
GROUPS = published()


def along(size, distances, direction="x"):
    """Sites at the centre and displaced, and the pairs of the centre with each other one."""
    unit = np.array([1, 0, 0] if direction == "x" else [0, 1, 0])
    centre = np.array([size // 2, size // 2, 0])
    sites = np.array([centre, *(centre + n * unit for n in distances)])
    return sites, [[0, n + 1] for n in range(len(distances))]


def of_group(case, mu, records):
    first = records[0]
    return paper_superconductor(
        mu=mu,
        singlet=first["Delta_s"],
        triplet=first["Delta_p"],
        d_matrix=REAL_PX if case == "s_plus_p" else IMAGINARY_PX,
    )


@pytest.mark.parametrize("case, mu", GROUPS)
def test_every_published_free_energy(case, mu):
    """36 energies, J and D of all records of the authors' code, zero modes included."""
    records = GROUPS[case, mu]
    host = of_group(case, mu, records)
    for direction in "xy":
        chosen = [r for r in records if r["direction"] == direction]
        sites, pairs = along(11, [r["delta"] for r in chosen], direction)
        found = SpinPairs(host, COUPLING, sites, pairs)
        energies = np.asarray(found.energies(AXES, AXES)[0])
        expected = np.array([r["F"] for r in chosen])
        shift = (energies - expected).mean(axis=(1, 2), keepdims=True)
        np.testing.assert_allclose(energies - shift, expected, rtol=0, atol=2e-12)
        np.testing.assert_allclose(shift, 0, atol=1e-11)
        fit = found.fit()
        assert isinstance(fit, PairCoefficients)
        np.testing.assert_allclose(fit.J, [r["J"] for r in chosen], rtol=0, atol=2e-12)
        np.testing.assert_allclose(fit.D, [r["D"] for r in chosen], rtol=0, atol=2e-12)


@pytest.mark.parametrize("case, mu", [("p", 0.0), ("normal", -1.0), ("s_plus_i_p", -3.0)])
def test_zero_modes_are_counted_right(case, mu):
    """Diagonalisation of the whole lattice, with a level at zero counted once and not dropped."""
    records = GROUPS[case, mu]
    host = of_group(case, mu, records)
    record = next(r for r in records if r["delta"] == 2 and r["direction"] == "x")
    sites, _ = along(11, [2])
    energies = []
    for first, second in ((0, 0), (0, 1), (0, 2)):
        spins = AXES[[first, second]]
        matrix = dense_spins(host.model, host.normal.region, sites, spins, -1.5)
        energies.append(free_energy(np.linalg.eigvalsh(matrix), 0.001))
    expected = record["F"][0, :3] - record["F"][0, 0]
    np.testing.assert_allclose(np.array(energies) - energies[0], expected, rtol=0, atol=2e-11)


def test_three_ways_to_the_coefficients():
    """Fit, derivatives and harmonics agree where the form is complete, at weak coupling."""
    sites, pairs = along(11, [1, 3])
    host = paper_superconductor()
    weak = SpinPairs(host, ContactCoupling(-0.05, orbitals=2), sites, pairs)
    fit, harmonics = weak.fit(), weak.harmonics(degree=2)
    mu, K = weak.derivatives()
    assert isinstance(harmonics, HarmonicExpansion)
    assert fit.residual[0] < 1e-3 * abs(fit.J[0]).max()
    for bilinear in (K, harmonics.K):
        np.testing.assert_allclose(np.diagonal(bilinear, axis1=1, axis2=2), fit.J, atol=3e-10)
        np.testing.assert_allclose(pair_vector(bilinear), fit.D, atol=3e-10)
    np.testing.assert_allclose(mu, 0, atol=1e-13)
    # Of second order, too, but not in the form: the anisotropy of a single spin near the edge.
    assert 1e-8 < harmonics.rest[1, 0, 2] < fit.residual[1]
    assert harmonics.rest[1, 2, 2] < 0.1 * harmonics.rest[1, 0, 2]


def test_what_the_form_leaves_out():
    """At J = 3t the surface has parts of second degree in both spins: the residual of the fit."""
    sites, pairs = along(11, [1])
    strong = SpinPairs(paper_superconductor(), COUPLING, sites, pairs)
    harmonics = strong.harmonics(degree=4)
    assert 1e-4 < harmonics.rest[0, 2, 2] < 1e-3
    assert harmonics.rest[0, 4, 4] < 0.05 * harmonics.rest[0, 2, 2]
    assert 1e-4 < strong.fit().residual[0] < 1e-3
    odd = harmonics.rest[0, 0, 1], harmonics.rest[0, 1, 2]
    np.testing.assert_allclose(odd, 0, atol=1e-13)


def test_without_the_i_time_reversal_breaks():
    """s + p_x: no DMI, but fields along z of opposite signs on the two spins, beyond O's Eq. 1."""
    sites, pairs = along(11, [2])
    found = SpinPairs(paper_superconductor(d_matrix=REAL_PX), COUPLING, sites, pairs)
    fit, harmonics = found.fit(), found.harmonics(degree=2)
    np.testing.assert_allclose(fit.D, 0, atol=1e-12)
    np.testing.assert_allclose(fit.fields[0, :, :2], 0, atol=1e-12)
    fields = np.asarray(harmonics.mu[0])
    np.testing.assert_allclose(fit.fields[0], fields, rtol=0.05, atol=1e-12)
    assert abs(fit.mu_odd[0, 2]) > 2 * fit.residual[0]  # what O's form would leave
    # Alone the spin at the centre feels nothing, for x -> -x is a mirror; the other feels an edge.
    lone, error = found.lone_fields()
    assert abs(lone[0, 0, 2]) < 1e-15 < 1e-3 < lone[0, 1, 2]
    invariant = SpinPairs(paper_superconductor(), COUPLING, sites, pairs)
    np.testing.assert_allclose(invariant.fit().fields, 0, atol=1e-13)
    assert len(pair_interactions(invariant.fit(), pairs, None, invariant.lone_fields()).terms) == 1
    # The set of interactions has what the pair has: its energies, but for what is not bilinear.
    model = from_interactions(pair_interactions(fit, pairs, None, (lone, error)))
    assert model.classes[0] == "field"
    one, two = np.repeat(AXES, 6, axis=0), np.tile(AXES, (6, 1))
    exact = np.asarray(found.energies(AXES, AXES)[0]).ravel()
    made = np.asarray(model.energy(np.stack([one, two], axis=1)))
    off = exact - exact.mean() - made
    assert np.abs(off).max() == pytest.approx(float(fit.residual[0]), rel=1e-6)


def test_pair_field_of_s_plus_p_is_of_third_order():
    """What stays in a large sample is mu_odd, of the pair: proportional to the coupling cubed."""
    sites, pairs = along(11, [1])
    host = paper_superconductor(d_matrix=REAL_PX)
    odd = []
    for strength in (-0.05, -0.1):
        found = SpinPairs(host, ContactCoupling(strength, orbitals=2), sites, pairs)
        fields = np.asarray(found.fit().fields - found.lone_fields()[0])[0, :, 2]
        odd.append((fields[0] - fields[1]) / 2)
    assert odd[1] / odd[0] == pytest.approx(8, rel=0.02)


def test_dmi_needs_both_parities_and_a_displacement_along_x():
    for options in ({"singlet": 0.0}, {"triplet": 0.0}):
        sites, pairs = along(11, [1, 2])
        found = SpinPairs(paper_superconductor(**options), COUPLING, sites, pairs).fit()
        np.testing.assert_allclose(found.D, 0, atol=1e-13)
    sites, pairs = along(11, [1, 2], "y")
    found = SpinPairs(paper_superconductor(), COUPLING, sites, pairs).fit()
    np.testing.assert_allclose(found.D, 0, atol=1e-13)


def test_both_components_give_both_displacements_a_dmi():
    """s + i (p_x + p_y): the two directions are mirror images."""
    host = paper_superconductor(d_matrix=np.array([[0, 0], [0, 0], [1j, 1j]]))
    found = []
    for direction in "xy":
        sites, pairs = along(11, [1, 2], direction)
        found.append(SpinPairs(host, COUPLING, sites, pairs).fit().D[:, 2])
    assert abs(found[0][0]) > 1e-3
    np.testing.assert_allclose(found[0], found[1], atol=1e-13)


FIGURE_D = {1: 8.56549476e-03, 5: -2.53126496e-05, 6: -7.06843062e-04, 9: -3.49714510e-04}


@pytest.mark.slow
def test_figures_1c_and_2_at_full_size():
    """O's statements about Fig. 2: at 6 a and 9 a the DMI dominates, at 5 a Heisenberg does."""
    sites, pairs = along(101, range(1, 21))
    found = SpinPairs(paper_superconductor(101), COUPLING, sites, pairs).fit()
    dmi, heisenberg = np.asarray(found.D[:, 2]), np.asarray(found.J[:, 0])
    for distance, value in FIGURE_D.items():
        np.testing.assert_allclose(dmi[distance - 1], value, atol=1e-9)
    assert np.all(np.abs(dmi / heisenberg)[[5, 8]] > 4)
    assert abs(heisenberg[4] / dmi[4]) > 50
    np.testing.assert_allclose(found.J[:, 0], found.J[:, 1], atol=1e-11)
    np.testing.assert_allclose(found.D[:, :2], 0, atol=1e-11)
    assert found.error.max() < 1e-10


@pytest.mark.slow
def test_supercurrent_of_figure_3a():
    """Up to 192 % more, most at 5 a and 8 a, alike in both senses, weakly less at 10 a.

    But the current puts a field on every spin, odd in its sense and larger than D from 2 a on.
    """
    sites, pairs = along(101, [2, 5, 8, 10])
    dmi, fields = [], []
    for winding in (0, 1, -1):
        host = paper_superconductor(101, periodic=(True, False), winding=winding)
        found = SpinPairs(host, COUPLING, sites, pairs)
        dmi.append(np.asarray(found.fit().D[:, 2]))
        fields.append(np.asarray(found.lone_fields()[0])[:, :, 2])
    np.testing.assert_allclose(dmi[1], dmi[2], atol=1e-12)
    np.testing.assert_allclose(dmi[1][1:] / dmi[0][1:] - 1, [1.916, 1.919, -0.172], atol=1e-3)
    np.testing.assert_allclose(fields[0], 0, atol=1e-12)
    np.testing.assert_allclose(np.abs(fields[1]), 3.536e-3, atol=1e-6)
    np.testing.assert_allclose(fields[1], -fields[2], atol=1e-12)
    assert np.all(np.abs(fields[1][:, 0]) > np.abs(dmi[1]))
    assert abs(fields[1][1, 0] / dmi[1][1]) > 10


def test_field_of_a_supercurrent_needs_both_parities():
    sites, pairs = along(11, [1])

    def field(**options):
        host = paper_superconductor(periodic=(True, False), winding=1, **options)
        return np.asarray(SpinPairs(host, COUPLING, sites, pairs).lone_fields()[0])[0, :, 2]

    assert np.all(np.abs(field()) > 1e-3)
    for options in ({"singlet": 0.0}, {"triplet": 0.0}):
        np.testing.assert_allclose(field(**options), 0, atol=1e-12)


@pytest.mark.slow
def test_fields_of_s_plus_p_far_from_the_edge():
    """Of a spin one site off the centre only the edge, of the pair a part that stays."""
    lone, odd = [], []
    for size in (31, 61):
        host = paper_superconductor(size, d_matrix=REAL_PX)
        found = SpinPairs(host, COUPLING, *along(size, [1]))
        alone = np.asarray(found.lone_fields()[0])[0, :, 2]
        fields = np.asarray(found.fit().fields)[0, :, 2] - alone
        lone.append(alone)
        odd.append((fields[0] - fields[1]) / 2)
    np.testing.assert_allclose(np.abs(lone), [[0, 3.8e-4], [0, 1.1e-5]], atol=1e-5)
    np.testing.assert_allclose(np.abs(odd), [4.19e-3, 4.49e-3], atol=0.01e-3)


@pytest.mark.slow
def test_most_of_the_dmi_is_carried_by_normal_green_functions():
    """Eq. 4 at second order: g_s g_p gives 50 to 94 % of D_z at 1 a to 8 a, f_s f_p the rest."""
    found = SpinPairs(paper_superconductor(101), COUPLING, *along(101, range(1, 9)))
    normal, anomalous = (np.asarray(pair_vector(K))[:, 2] for K in found.second_order_parts())
    np.testing.assert_allclose(normal + anomalous, pair_vector(found.second_order())[:, 2])
    share = normal / (normal + anomalous)
    np.testing.assert_allclose(share, [0.50, 0.55, 0.83, 0.65, 0.79, 0.93, 0.83, 0.94], atol=0.006)


def test_parts_of_second_order():
    """Anomalous Green functions need pairs, and a normal host has no such parts."""
    sites, pairs = along(11, [1])
    host = paper_superconductor()
    normal, anomalous = SpinPairs(host, COUPLING, sites, pairs).second_order_parts()
    assert abs(pair_vector(anomalous)[0, 2]) > 0.1 * abs(pair_vector(normal)[0, 2]) > 0
    unpaired = paper_superconductor(singlet=0.0, triplet=0.0)
    normal, anomalous = SpinPairs(unpaired, COUPLING, sites, pairs).second_order_parts()
    np.testing.assert_allclose(anomalous, 0, atol=1e-15)
    metal = SpinPairs(host.normal, ContactCoupling(-1.5), sites, pairs)
    np.testing.assert_allclose(normal, metal.second_order(), atol=1e-12)
    with pytest.raises(InputError, match="must be a superconductor with one orbital"):
        metal.second_order_parts()


@pytest.mark.slow
def test_large_ratios_depend_on_the_size():
    """Fig. 2, "an order of magnitude" at 9 a: closing 101 sites to a torus makes it 24."""
    sites, pairs = along(101, [6, 9])
    ratios = []
    for periodic in ((False, False), (True, True)):
        found = SpinPairs(paper_superconductor(101, periodic=periodic), COUPLING, sites, pairs)
        fit = found.fit()
        ratios.append(np.abs(np.asarray(fit.D[:, 2] / fit.J[:, 0])))
    np.testing.assert_allclose(ratios[0], [4.5, 9.3], atol=0.1)
    assert ratios[1][1] == pytest.approx(23.7, abs=0.2)


def test_dmi_is_odd_in_the_chemical_potential():
    """Figure 3(b): particle-hole transformation on the bipartite lattice."""
    sites, pairs = along(11, [1, 2])
    below, above = (
        SpinPairs(paper_superconductor(mu=mu), COUPLING, sites, pairs).fit().D for mu in (-1.3, 1.3)
    )
    np.testing.assert_allclose(below, -np.asarray(above), atol=1e-12)


def reversal_breaks(host, region):
    """How much time reversal, i sigma_y and complex conjugation, changes the Hamiltonian."""
    matrix, _ = dense_matrix(host.model, region)
    turn = np.kron(np.eye(len(matrix) // 4), np.kron([[0, 1], [-1, 0]], np.eye(2)))
    return np.abs(turn @ matrix.conj() @ turn.T - matrix).max()


def test_time_reversal_of_the_pairing():
    """The "different complex phases" of s and p are those of bonds: p is imaginary there."""
    region = Region(SQUARE, (4, 3), (True, True))
    assert reversal_breaks(paper_superconductor(), region) < 1e-15
    assert reversal_breaks(paper_superconductor(d_matrix=REAL_PX), region) > 0.01
    bonds = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    k = np.random.default_rng(0).normal(size=(5, 2))
    d = np.einsum("b,kb->k", 1j * bonds[:, 0], np.exp(1j * k @ bonds.T))
    np.testing.assert_allclose(d, -2 * np.sin(k[:, 0]), atol=1e-14)  # real, as the singlet is
