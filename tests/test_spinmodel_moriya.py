"""Moriya's rules and those of paper B come out of the action of the group."""

import numpy as np
import pytest

from msgreen.errors import InputError
from msgreen.spinmodel import CLASSES, Term, cluster_symmetry
from msgreen.spinmodel.fitting.design import all_clusters
from msgreen.spinmodel.symmetry import (
    allowed,
    complete,
    count_parameters,
    invariants,
    orbits,
    point_group,
    transform,
)
from msgreen.spinmodel.symmetry.images import relabellings

TRIMER = np.array([[-0.5, -np.sqrt(1 / 12)], [0.5, -np.sqrt(1 / 12)], [0.0, np.sqrt(1 / 3)]])
TETRAMER = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
CHIRAL_PAIRS = ("dzyaloshinskii_moriya", "chiral_biquadratic")
CHIRAL = (*CHIRAL_PAIRS, "chiral_three_site", "chiral_four_site")


def random_frame(seed):
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return frame * np.linalg.det(frame)


def spanned(basis, expected):
    """Whether rows span the same space as the expected directions."""
    expected = np.linalg.qr(np.reshape(expected, (-1, 3)).T)[0]
    rows = np.reshape(basis, (len(basis), -1))
    return rows.shape[0] == expected.shape[1] and np.allclose(
        rows.T @ rows, expected @ expected.T, atol=1e-12
    )


@pytest.fixture(scope="module")
def trimer():
    return cluster_symmetry(TRIMER, point_group("C3v"))


@pytest.fixture(scope="module")
def tetramer():
    return cluster_symmetry(TETRAMER, point_group("C4v"))


# --- the symmetry of the polynomials -----------------------------------------------------------

OWN = {
    "exchange": {(0, 1): 1, (1, 0): 1},
    "dzyaloshinskii_moriya": {(0, 1): 1, (1, 0): -1},
    "biquadratic": {(0, 1): 1, (1, 0): 1},
    "chiral_biquadratic": {(0, 1): 1, (1, 0): -1},
    "three_site": {(0, 1, 2): 1, (2, 1, 0): 1},
    "chiral_three_site": {(0, 1, 2): 1},
    "chiral_four_site": {(0, 1, 2, 3): 1, (0, 1, 3, 2): 1, (1, 0, 2, 3): -1, (1, 0, 3, 2): -1},
}


@pytest.mark.parametrize("name", OWN)
def test_own_symmetry_of_a_class(name):
    """B: D_ji = -D_ij, B_ijk = B_kji, C_jikl = -C_ijkl = -C_ijlk, none for C_ijk."""
    table = relabellings(name)
    assert dict(zip(map(tuple, table.columns.tolist()), table.signs, strict=True)) == OWN[name]


@pytest.mark.parametrize(
    ("name", "count"),
    [("four_site", 8), ("six_spin", 48), ("chiral_six_spin", 16), ("chiral_chiral", 72)],
)
def test_number_of_equivalent_orders(name, count):
    assert len(relabellings(name).signs) == count


@pytest.mark.parametrize("name", CLASSES)
def test_relabelled_rows_have_the_same_energy(name):
    rng = np.random.default_rng(3)
    spin_class, table = CLASSES[name], relabellings(name)
    letters = sorted(set(spin_class.slots))
    slots = [letters.index(letter) for letter in spin_class.slots]
    spins = rng.normal(size=(len(letters), 3))
    value = rng.normal(size=spin_class.shape)
    energy = float(spin_class.form(value, list(spins[slots])))
    for way in range(0, len(table.signs), 1 + len(table.signs) // 20):
        moved = table.signs[way] * value.ravel()[table.sources[way]].reshape(spin_class.shape)
        again = float(spin_class.form(moved, list(spins[table.columns[way]][slots])))
        assert again == pytest.approx(energy, rel=1e-12)


def test_unknown_class():
    with pytest.raises(InputError, match="Argument `name` must be one of"):
        relabellings("exchanges")


# --- Moriya -------------------------------------------------------------------------------------

FRAME = random_frame(1)
ALONG, ACROSS, OTHER = FRAME.T


@pytest.mark.parametrize("name", CHIRAL_PAIRS)
@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (point_group("Ci"), []),
        (point_group("Cs", axis=ALONG, second=ACROSS), [ACROSS, OTHER]),
        (point_group("Cs", axis=ACROSS, second=OTHER), [ACROSS]),
        (point_group("C2", axis=ACROSS, second=OTHER), [ALONG, OTHER]),
        (point_group("C2", axis=ALONG, second=ACROSS), [ALONG]),
        (point_group("C3", axis=ALONG, second=ACROSS), [ALONG]),
        (point_group("C6", axis=ALONG, second=ACROSS), [ALONG]),
        (point_group("C4v", axis=ALONG, second=ACROSS), []),
    ],
    ids=[
        "inversion",
        "bisecting mirror",
        "containing mirror",
        "C2 across",
        "C2",
        "C3",
        "C6",
        "C4v",
    ],
)
def test_rules_of_moriya(name, group, expected):
    dimer = cluster_symmetry([1.2 * ALONG, -1.2 * ALONG], group)
    basis = allowed(name, [0, 1], dimer)
    assert spanned(basis, expected) if expected else basis.shape == (0, 3)


@pytest.mark.parametrize("name", CHIRAL)
def test_sites_in_one_mirror_plane(name):
    """B: the vector is then perpendicular to the plane, for any number of sites."""
    rng = np.random.default_rng(5)
    count = CLASSES[name].site_count
    places = rng.normal(size=(count, 2)) @ np.stack([ALONG, OTHER])
    plane = cluster_symmetry(places, point_group("Cs", axis=ACROSS, second=OTHER))
    assert spanned(allowed(name, range(count), plane), [ACROSS])


def test_inversion_kills_pair_vectors_only():
    """B: chiral multi-site vectors survive inversion, unless it exchanges the crossed sites."""
    group = cluster_symmetry(
        [[1.0, 0.0, 0.2], [0.3, 1.1, 0.0], [-1.0, 0.0, -0.2], [-0.3, -1.1, 0.0]], point_group("Ci")
    )
    for name in CHIRAL_PAIRS:
        assert len(allowed(name, [0, 2], group)) == 0
        assert len(allowed(name, [0, 1], group)) == 3
    assert len(allowed("chiral_three_site", [0, 1, 2], group)) == 3
    assert len(allowed("chiral_three_site", [0, 2, 1], group)) == 3
    assert len(allowed("chiral_four_site", [0, 1, 2, 3], group)) == 3
    assert len(allowed("chiral_four_site", [0, 2, 1, 3], group)) == 0


def test_pair_at_every_inversion_center_of_a_row():
    row = cluster_symmetry([[-1.0, 0, 0], [0, 0, 0], [1.0, 0, 0]], point_group("Ci"))
    assert len(allowed("dzyaloshinskii_moriya", [0, 2], row)) == 0
    full = complete(Term("chiral_three_site", [[0, 1, 2]], [[1.0, 2.0, 3.0]]), row)
    assert full.clusters.sites.tolist() == [[0, 1, 2], [2, 1, 0]]
    np.testing.assert_array_equal(full.values, [[1.0, 2.0, 3.0]] * 2)


# --- the trimer of B, Sect. III.1 --------------------------------------------------------------


@pytest.mark.parametrize("name", CHIRAL_PAIRS)
def test_trimer_pair_vector(trimer, name):
    """B 20: D_12 lies in the mirror plane perpendicular to the bond."""
    assert allowed(name, [0, 1], trimer).tolist() == [[0, 1, 0], [0, 0, 1]]


def test_trimer_three_site_vector_is_free(trimer):
    assert allowed("chiral_three_site", [0, 1, 2], trimer).tolist() == np.eye(3).tolist()


def test_trimer_with_horizontal_mirror():
    flat = cluster_symmetry(TRIMER, point_group("D3h"))
    for name, sites in [(name, [0, 1]) for name in CHIRAL_PAIRS] + [
        ("chiral_three_site", [0, 1, 2])
    ]:
        assert allowed(name, sites, flat).tolist() == [[0, 0, 1]]


def test_trimer_pair_vectors_from_one(trimer):
    """B 21, 22: the mirrors and the rotations carry D_12 onto the other bonds."""
    vector = np.array([0.0, 1.3, -0.4])
    term = complete(Term("dzyaloshinskii_moriya", [[0, 1]], [vector]), trimer)
    assert term.clusters.sites.tolist() == [[0, 1], [1, 2], [2, 0]]
    third = point_group("C3")[1]
    for sites, value in zip(term.clusters.sites, np.asarray(term.values), strict=True):
        power = np.linalg.matrix_power(third, int(sites[0]))
        np.testing.assert_allclose(value, power @ vector, atol=1e-15)
    # The mirror that exchanges 1 and 3 maps (1, 2) onto (3, 2): D_32 = -sigma D_12.
    sigma = trimer.matrices[trimer.permutations.tolist().index([2, 1, 0])]
    np.testing.assert_allclose(term.values[1], sigma @ vector, atol=1e-15)


def test_trimer_three_site_vectors_from_one(trimer):
    """B 23: C_213 = (C^x, -C^y, -C^z); cyclic permutations rotate."""
    vector = np.array([0.7, -1.1, 0.3])
    term = complete(Term("chiral_three_site", [[0, 1, 2]], [vector]), trimer)
    found = {tuple(s): v for s, v in zip(term.clusters.sites.tolist(), term.values, strict=True)}
    third = point_group("C3")[1]
    mirrored = vector * [1, -1, -1]
    expected = {
        (0, 1, 2): vector,
        (1, 2, 0): third @ vector,
        (2, 0, 1): third.T @ vector,
        (1, 0, 2): mirrored,
        (0, 2, 1): third.T @ mirrored,
        (2, 1, 0): third @ mirrored,
    }
    assert set(found) == set(expected)
    for sites, value in expected.items():
        np.testing.assert_allclose(found[sites], value, atol=1e-15)


def test_trimer_isotropic_terms_are_equal(trimer):
    for name, sites in {"exchange": [0, 1], "biquadratic": [0, 1], "three_site": [0, 1, 2]}.items():
        term = complete(Term(name, [sites], [0.7]), trimer)
        np.testing.assert_array_equal(term.values, [0.7] * 3)


def test_trimer_anisotropies(trimer):
    """B 49, 50: no xy and xz components at atom 3 and on the bond 1-2."""
    for name, sites in {"anisotropy": [2], "anisotropic_exchange": [0, 1]}.items():
        basis = allowed(name, sites, trimer)
        assert len(basis) == 3
        np.testing.assert_allclose(basis[:, 0, 1:], 0, atol=1e-15)
        np.testing.assert_allclose(basis, basis.swapaxes(1, 2), atol=1e-15)
        np.testing.assert_allclose(np.trace(basis, axis1=1, axis2=2), 0, atol=1e-15)


# --- the tetramer of B, Sect. III.2 ------------------------------------------------------------


def values_of(term):
    return {tuple(s): v for s, v in zip(term.clusters.sites.tolist(), term.values, strict=True)}


@pytest.mark.parametrize("name", CHIRAL_PAIRS)
def test_tetramer_pair_vectors(tetramer, name):
    assert allowed(name, [0, 1], tetramer).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert spanned(allowed(name, [0, 2], tetramer), [[1, -1, 0]])
    quarter = point_group("C4")[1]
    edge, diagonal = np.array([0.0, 0.5, 1.5]), np.array([0.8, -0.8, 0.0])
    found = values_of(complete(Term(name, [[0, 1], [0, 2]], [edge, diagonal]), tetramer))
    power = [np.linalg.matrix_power(quarter, n) for n in range(4)]
    expected = {(n, (n + 1) % 4): power[n] @ edge for n in range(4)}
    expected |= {(0, 2): diagonal, (1, 3): quarter @ diagonal}
    assert set(found) == set(expected)
    for sites, value in expected.items():
        np.testing.assert_allclose(found[sites], value, atol=1e-15)


def test_tetramer_three_site_groups(tetramer):
    """B 29-31: three groups of eight, each with a general vector; rotations and a mirror."""
    rows = all_clusters(4, ["chiral_three_site"])["chiral_three_site"].clusters.sites
    assert np.bincount(orbits("chiral_three_site", rows, tetramer)).tolist() == [8, 8, 8]
    quarter, vector = point_group("C4")[1], np.array([0.3, 0.7, -0.2])
    for reference in ([0, 1, 2], [0, 1, 3], [0, 2, 1]):
        assert len(allowed("chiral_three_site", reference, tetramer)) == 3
        found = values_of(complete(Term("chiral_three_site", [reference], [vector]), tetramer))
        for n in range(4):
            turned = np.linalg.matrix_power(quarter, n)
            sites = (np.array(reference) + n) % 4
            np.testing.assert_allclose(found[tuple(sites)], turned @ vector, atol=1e-15)
            # The mirror x -> -x exchanges 1 and 2, 3 and 4.
            mirrored = (np.array([1, 0, 3, 2])[reference] + n) % 4
            value = turned @ (vector * [1, -1, -1])
            np.testing.assert_allclose(found[tuple(mirrored)], value, atol=1e-15)


def test_tetramer_isotropic_orbits(tetramer):
    for name, sizes in {"exchange": [4, 2], "three_site": [4, 8], "four_site": [2, 1]}.items():
        rows = all_clusters(4, [name])[name].clusters.sites
        assert sorted(np.bincount(orbits(name, rows, tetramer))) == sorted(sizes)


def test_tetramer_four_site_vectors(tetramer):
    """B: edges (0, C^y, C^z), four of them; diagonals one component across the plane."""
    assert allowed("chiral_four_site", [0, 1, 2, 3], tetramer).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert spanned(allowed("chiral_four_site", [0, 2, 1, 3], tetramer), [[1, -1, 0]])
    edge, diagonal = np.array([0.0, 0.5, 1.5]), np.array([0.8, -0.8, 0.0])
    rows = [[0, 1, 2, 3], [0, 2, 1, 3]]
    found = values_of(complete(Term("chiral_four_site", rows, [edge, diagonal]), tetramer))
    quarter = point_group("C4")[1]
    assert len(found) == 6
    np.testing.assert_allclose(found[1, 2, 3, 0], quarter @ edge, atol=1e-15)
    np.testing.assert_allclose(found[2, 3, 0, 1], edge * [-1, -1, 1], atol=1e-15)
    np.testing.assert_allclose(found[1, 3, 2, 0], quarter @ diagonal, atol=1e-15)
    flat = cluster_symmetry(TETRAMER, point_group("D4h"))
    assert allowed("chiral_four_site", [0, 1, 2, 3], flat).tolist() == [[0, 0, 1]]
    assert len(allowed("chiral_four_site", [0, 2, 1, 3], flat)) == 0


# --- counting -----------------------------------------------------------------------------------

OTHERS = ("scalar_chirality", "spin_chiral")  # not in the tables, as fields
NAMES = [
    n for n, c in CLASSES.items() if c.distinct and n not in OTHERS and not n.endswith("field")
]


def test_numbers_of_parameters_are_the_columns_of_the_tables(trimer, tetramer):
    """B, Tables 4 and 6 for trimers, 5 and 7 for tetramers."""
    count = {
        "exchange": (1, 2),
        "dzyaloshinskii_moriya": (2, 3),
        "biquadratic": (1, 2),
        "chiral_biquadratic": (2, 3),
        "three_site": (1, 2),
        "chiral_three_site": (3, 9),
        "four_site": (None, 2),
        "chiral_four_site": (None, 3),
        "anisotropy": (3, 3),
        "anisotropic_exchange": (3, 5),
    }
    for column, (size, symmetry) in enumerate([(3, trimer), (4, tetramer)]):
        found = count_parameters(all_clusters(size, NAMES), symmetry)
        expected = {n: c[column] for n, c in count.items() if c[column] is not None}
        assert {name: number.parameters for name, number in found.items()} == expected
    assert found["chiral_three_site"] == (24, 3, 9)


def energies(term, spins):
    """Energy of every row with unit parameters, (row * component, config), by the plain forms."""
    spin_class = term.spin_class
    size = int(np.prod(spin_class.shape))
    units = np.eye(size).reshape(size, *spin_class.shape)
    sites, _ = term.slots()
    columns = []
    for row in sites:
        slots = [tuple(np.moveaxis(spins[:, site], -1, 0)) for site in row]
        columns += [np.broadcast_to(spin_class.form(u, slots), len(spins)) for u in units]
    return np.array(columns)


@pytest.mark.parametrize("name", NAMES)
def test_number_of_parameters_is_the_rank_of_averaged_energies(tetramer, name):
    """An independent count: average the energies of all unit terms over the group."""
    rng = np.random.default_rng(2)
    spins = rng.normal(size=(60, 4, 3))
    spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
    term = all_clusters(4, [name])[name]
    mean = sum(energies(term, np.asarray(transform(spins, tetramer, op))) for op in range(8))
    extra = {"anisotropy": 1, "anisotropic_exchange": 2 + 3}.get(name, 0)  # constant; J and D
    rank = np.linalg.matrix_rank(mean, tol=1e-9)
    found = count_parameters(all_clusters(4, [name]), tetramer)[name].parameters
    assert rank == found + extra


def test_invariants_span_what_the_group_leaves(tetramer):
    rows = [[0, 1, 2, 3], [0, 2, 1, 3], [1, 2, 3, 0]]
    basis = invariants("chiral_four_site", rows, tetramer)
    assert [len(term.clusters) for term in basis] == [4, 4, 2]
    for term in basis:
        assert np.linalg.norm(term.values[0]) == pytest.approx(1)


def test_tensor_of_a_revisited_site(trimer):
    """A tensor on (1, 2, 1, 2) is symmetric in the spins of each site, and follows its bond."""
    basis = allowed("tensor4", [0, 1, 0, 1], trimer)
    np.testing.assert_allclose(basis, basis.transpose(0, 3, 2, 1, 4), atol=1e-13)
    np.testing.assert_allclose(basis, basis.transpose(0, 1, 4, 3, 2), atol=1e-13)
    free = cluster_symmetry(TRIMER, point_group("C1"))
    assert len(allowed("tensor4", [0, 1, 0, 1], free)) == 36
    assert len(allowed("tensor2", [0, 0], free)) == 6


def test_long_tensors():
    """Characters: S_1^3 S_2^3 has (100 + 3 * 2^2 + 4 * 10) / 8 invariants of D2h."""
    pair = cluster_symmetry([[-0.5, 0, 0], [0.5, 0, 0]], point_group("D2h"))
    assert len(allowed("tensor6", [0, 1, 0, 1, 0, 1], pair)) == 19
