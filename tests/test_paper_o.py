"""Paper O (Ouassou, Yokoyama, Linder, arXiv:2407.07144): at its size, against its own code."""

import numpy as np
import pytest
from lattices import (
    IMAGINARY_PX,
    dense_spins,
    free_energy,
    paper_superconductor,
    published,
)

from msgreen import ContactCoupling
from msgreen.energy.spin_pairs import (
    AXES,
    HarmonicExpansion,
    PairCoefficients,
    SpinPairs,
    pair_vector,
)

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
    """s + p_x: no DMI; each spin alone feels a field along z, different at the two sites.

    The common mu of the form cannot represent it: the residual is as large as the fields.
    """
    sites, pairs = along(11, [2])
    found = SpinPairs(paper_superconductor(d_matrix=REAL_PX), COUPLING, sites, pairs)
    fit, harmonics = found.fit(), found.harmonics(degree=2)
    np.testing.assert_allclose(fit.D, 0, atol=1e-12)
    np.testing.assert_allclose(harmonics.mu[0, :, :2], 0, atol=1e-12)
    fields = np.asarray(harmonics.mu[0, :, 2])
    assert np.all(np.abs(fields) > 1e-4) and abs(fields[0] - fields[1]) > 1e-4
    np.testing.assert_allclose(fit.residual[0], abs(fields[0] - fields[1]), rtol=0.3)
    invariant = SpinPairs(paper_superconductor(), COUPLING, sites, pairs).harmonics(degree=2)
    np.testing.assert_allclose(invariant.mu, 0, atol=1e-13)


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
    """Up to 192 % more, most at 5 a and 8 a, alike in both senses, weakly less at 10 a."""
    sites, pairs = along(101, [5, 8, 10])
    dmi = [
        np.asarray(
            SpinPairs(
                paper_superconductor(101, periodic=(True, False), winding=winding),
                COUPLING,
                sites,
                pairs,
            )
            .fit()
            .D[:, 2]
        )
        for winding in (0, 1, -1)
    ]
    np.testing.assert_allclose(dmi[1], dmi[2], atol=1e-12)
    np.testing.assert_allclose(dmi[1] / dmi[0] - 1, [1.916, 1.919, -0.172], atol=1e-3)


def test_dmi_is_odd_in_the_chemical_potential():
    """Figure 3(b): particle-hole transformation on the bipartite lattice."""
    sites, pairs = along(11, [1, 2])
    below, above = (
        SpinPairs(paper_superconductor(mu=mu), COUPLING, sites, pairs).fit().D for mu in (-1.3, 1.3)
    )
    np.testing.assert_allclose(below, -np.asarray(above), atol=1e-12)
