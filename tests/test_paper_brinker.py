"""Paper B: what a microscopic model gives (Eqs. 5-15), chiralities (Eqs. 11-13, 53-57), data."""

from itertools import permutations, product

import numpy as np
import pytest
from problems import random_spins

from msgreen.errors import InputError
from msgreen.papers.brinker import (
    STRUCTURES,
    moment,
    pattern_figure,
    ring_model,
    ring_positions,
    tetramer_parameters,
    trimer_parameters,
)
from msgreen.spin.algebra import spin_form
from msgreen.spin.chirality import scalar_chirality
from msgreen.spinmodel import Term, cluster_symmetry
from msgreen.spinmodel.fitting import cube_directions
from msgreen.spinmodel.symmetry import complete, point_group

dot, cross = (lambda a, b: np.sum(a * b, axis=-1, keepdims=True)), np.cross


@pytest.fixture(scope="module")
def spins():
    return random_spins(21, 4, 9)


def loop(*path, soc=False):
    """1/2 Tr over the spins of a path; the spin-orbit site stands between the first two.

    `spin_form` begins after the spin it is given last, so that the first leg follows spin 1.
    """
    form = np.asarray(spin_form(list(path), (0,) if soc else ()))
    return form if soc else form[..., None]


def test_isotropic_loops(spins):
    """Eqs. 5, 6, 8 and 14: products of dot products, and what fewer spins do already."""
    one, two, three, four = spins
    np.testing.assert_allclose(loop(one, two), dot(one, two), atol=1e-14)
    np.testing.assert_allclose(loop(one, two, one, two), 2 * dot(one, two) ** 2 - 1, atol=1e-14)
    bent = 2 * dot(one, two) * dot(two, three) - dot(one, three)
    np.testing.assert_allclose(loop(one, two, three, two), bent, atol=1e-14)
    ring = dot(one, two) * dot(three, four) - dot(one, three) * dot(two, four)
    ring += dot(one, four) * dot(two, three)
    np.testing.assert_allclose(loop(one, two, three, four), ring, atol=1e-14)


def test_chiral_loops(spins):
    """Eqs. 7, 9 and 15: a cross product replaces one dot product, the second with a minus sign."""
    one, two, three, four = spins
    np.testing.assert_allclose(-loop(one, two, soc=True), cross(one, two), atol=1e-14)
    pair = 2 * cross(one, two) * dot(one, two)
    np.testing.assert_allclose(-loop(one, two, one, two, soc=True), pair, atol=1e-14)
    bent = 2 * cross(one, two) * dot(two, three) - cross(one, three)
    np.testing.assert_allclose(-loop(one, two, three, two, soc=True), bent, atol=1e-14)

    def replaced(a, b, c, d):
        return cross(a, b) * dot(c, d) - dot(a, b) * cross(c, d)

    ring = replaced(one, two, three, four) - replaced(one, three, two, four)
    ring += replaced(one, four, two, three)
    np.testing.assert_allclose(-loop(one, two, three, four, soc=True), ring, atol=1e-14)


def test_symmetric_and_antisymmetric_chiral_triples(spins):
    """Eqs. 11 to 13: the difference of the two orders is a scalar chirality and a DMI."""
    one, two, three, _ = spins
    first = cross(one, two) * dot(two, three)
    second = cross(three, two) * dot(two, one)
    chi = np.asarray(scalar_chirality(one, two, three))[:, None]
    np.testing.assert_allclose(first - second, chi * two + cross(one, three), atol=1e-14)
    symmetric = first + second
    assert np.abs(symmetric - cross(one, three)).max() > 0.1
    np.testing.assert_allclose(dot(symmetric, two), 0, atol=1e-14)  # no chirality in the sum


def test_chiral_chiral_interaction_is_isotropic(spins):
    """Eqs. 53 and 54: the square of the scalar chirality in dot products."""
    one, two, three, _ = spins
    ab, bc, ca = dot(one, two), dot(two, three), dot(three, one)
    square = 1 + 2 * ab * bc * ca - ab**2 - bc**2 - ca**2
    chi = np.asarray(scalar_chirality(one, two, three))[:, None]
    np.testing.assert_allclose(chi**2, square, atol=1e-14)


def test_spin_times_chirality_is_chiral(spins):
    """Eqs. 55 to 57: (v . S_1) chi_234 for four sites, and for three with S_1 among them."""
    one, two, three, four = spins
    chi = np.asarray(scalar_chirality(two, three, four))[:, None]
    products = dot(one, two) * cross(three, four) + dot(one, three) * cross(four, two)
    products += dot(one, four) * cross(two, three)
    np.testing.assert_allclose(one * chi, products, atol=1e-14)
    chi = np.asarray(scalar_chirality(one, two, three))[:, None]
    three_sites = cross(two, three) + dot(one, two) * cross(three, one)
    three_sites += dot(one, three) * cross(one, two)
    np.testing.assert_allclose(one * chi, three_sites, atol=1e-14)


def test_prefactors_count_isotropic_interactions_once():
    """Eq. 1: 1/2, 1/2, 1/8 are one over the number of orders that leave the product unchanged."""
    generic = np.random.default_rng(1).normal(size=(4, 3))
    factors = {
        2: lambda i, j: i @ j,
        3: lambda i, j, k: (i @ j) * (j @ k),
        4: lambda i, j, k, l: (i @ j) * (k @ l),  # noqa: E741
    }
    model = ring_model(tetramer_parameters("Cr"))
    names = {2: "exchange", 3: "three_site", 4: "four_site"}
    reference = {2: "J", 3: "B3", 4: "B4"}
    for count, form in factors.items():
        value = form(*generic[:count])
        orders = [form(*generic[list(order)]) for order in permutations(range(count))]
        assert np.isclose(orders, value).sum() == {2: 2, 3: 2, 4: 8}[count]
        once = getattr(tetramer_parameters("Cr"), reference[count])[0]
        np.testing.assert_allclose(model[names[count]].values[0], once)


# --- data and the pattern of Fig. 2 -------------------------------------------------------------


def test_structures():
    """Table 2: moments change little between the two codes, relaxations are those of a surface."""
    assert len(STRUCTURES) == 14
    table = np.array(list(STRUCTURES.values()))
    np.testing.assert_allclose(table[:, 3], table[:, 1], rtol=0.21)
    assert {name.split("/")[1]: row[2] for name, row in STRUCTURES.items()} == {
        "Pt(111)": 17.5,
        "Pt(001)": 22.5,
        "Re(0001)": 15.0,
        "Au(111)": 17.5,
    }
    assert moment("Pt(001)", "Cr") == 3.04 and moment("Au(111)", "Mn") == 4.26


def test_pattern_of_a_trimer():
    """Fig. 2: mirrors and rotations make six vectors of one, all of the same length."""
    p = trimer_parameters("Pt(111)", "Fe")
    with pytest.raises(InputError, match="must hold a triangle, but it is empty"):
        pattern_figure({})
    figure = pattern_figure({"Fe3": p})
    arrows = figure.axes[0].collections[-1]
    drawn = np.stack([arrows.U, arrows.V, arrows.get_array() / 1e3], axis=1)
    scale = np.linalg.norm(drawn[:, :2], axis=1)
    np.testing.assert_allclose(scale, 0.45)
    symmetry = cluster_symmetry(ring_positions(3), point_group("C3v"))
    images = complete(Term("chiral_three_site", [[0, 1, 2]], p.C3), symmetry)
    vectors = np.asarray(images.values)
    flat = vectors[:, :2] * 0.45 / np.linalg.norm(vectors[0, :2])
    np.testing.assert_allclose(drawn[:, :2], flat, atol=1e-12)
    np.testing.assert_allclose(drawn[:, 2], vectors[:, 2], atol=1e-12)


def quartic(spins):
    """Monomials of fourth degree in three spins: values and tangential gradients.

    Shapes (configuration, monomial) and (configuration, 9, monomial).
    """
    powers = np.array([p for p in product(range(5), repeat=9) if sum(p) == 4])
    x = spins.reshape(len(spins), 9)
    table = np.stack([x**0, x, x**2, x**3, x**4], axis=-1)
    factors = np.stack([table[:, axis, powers[:, axis]] for axis in range(9)], axis=1)
    slopes = np.stack([np.where(p > 0, p, 0) for p in powers.T])[None] * np.stack(
        [table[:, axis, np.maximum(powers[:, axis] - 1, 0)] for axis in range(9)], axis=1
    )
    gradients = np.stack(
        [slopes[:, a] * np.prod(np.delete(factors, a, axis=1), axis=1) for a in range(9)], axis=1
    )
    by_spin = gradients.reshape(len(spins), 3, 3, -1)
    along = np.einsum("csa,csam->csm", spins, by_spin)
    tangential = by_spin - spins[..., None] * along[:, :, None]
    return np.prod(factors, axis=1), tangential.reshape(gradients.shape)


def rank(matrix):
    levels = np.linalg.eigvalsh(matrix.T @ matrix)
    return int(np.sum(levels > 1e-10 * levels[-1]))


def test_what_fourteen_directions_determine():
    """Sect. IV: their fields leave 9 of the 405 functions of four spins open, energies none."""
    directions = np.asarray(cube_directions())
    assert len(directions) == 14
    spins = np.array(list(product(directions, repeat=3)))
    some = np.random.default_rng(0).permutation(len(spins))[:1200]
    values, fields = quartic(spins[some])
    fields = fields.reshape(-1, fields.shape[-1])
    assert rank(fields) == 396
    assert rank(np.concatenate([fields, values])) == 406  # 405 and the constant
    anywhere, gradients = quartic(random_spins(3, 400, 3))
    assert rank(gradients.reshape(-1, gradients.shape[-1])) == 405
