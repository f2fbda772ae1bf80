"""Groups, their action on sites and spins, and projection of models onto them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spinmodel import (
    CLASSES,
    SpinModel,
    Term,
    cluster_symmetry,
    crystal_symmetry,
    symmetrise,
)
from msgreen.spinmodel.symmetry import (
    Count,
    Residual,
    Symmetry,
    allowed,
    clusters_within,
    complete,
    count_parameters,
    generate_group,
    no_symmetry,
    operation_name,
    orbits,
    point_group,
    residual,
    transform,
)
from msgreen.spinmodel.symmetry.operations import in_three_dimensions

TRIMER = np.array([[-0.5, -np.sqrt(1 / 12)], [0.5, -np.sqrt(1 / 12)], [0.0, np.sqrt(1 / 3)]])
TETRAMER = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
BCC = Lattice(1.4 * np.array([[-1.0, 1, 1], [1, -1, 1], [1, 1, -1]]))
KAGOME = Lattice(Lattice.triangular(2.0).vectors, [[0, 0], [1, 0], [0.5, np.sqrt(0.75)]])
NORMAL = [0.0, 0.0, 1.0]

# --- point groups -------------------------------------------------------------------------------

ORDERS = {"C1": 1, "Ci": 2, "Cs": 2, "C5": 5, "C3v": 6, "C4v": 8, "C6h": 12, "S4": 4, "S6": 6}
ORDERS |= {"D2": 4, "D3h": 12, "D4h": 16, "D2d": 8, "D3d": 12, "D7h": 28}
ORDERS |= {"T": 12, "Td": 24, "Th": 24, "O": 24, "Oh": 48, "I": 60, "Ih": 120}


@pytest.mark.parametrize("name", ORDERS)
def test_point_group_is_a_group(name):
    frame = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    group = point_group(name, axis=frame[0], second=frame[1])
    assert len(group) == ORDERS[name]
    np.testing.assert_array_equal(group[0], np.eye(3))
    first, second = np.random.default_rng(2).integers(len(group), size=(2, 200))
    products = (group[first] @ group[second]).reshape(-1, 9)
    distance = np.abs(products[:, None] - group.reshape(1, -1, 9)).max(axis=-1)
    assert distance.min(axis=1).max() < 1e-13
    assert len(generate_group(group)) == len(group)


def test_orientation_of_a_point_group():
    names = [operation_name(m) for m in point_group("C2v", axis=[0, 1, 0], second=[0, 0, 1])]
    assert names[1:] == ["C2 about [0 1 0]", "mirror normal to [0 0 1]", "mirror normal to [1 0 0]"]


def test_names_of_improper_rotations():
    names = {operation_name(m) for m in point_group("S6")}
    assert names >= {"identity", "inversion", "S6 about [0 0 1]", "S6 about [0 0 -1]"}
    assert "C5^2 about [0 0 1]" in {operation_name(m) for m in point_group("C5")}


@pytest.mark.parametrize("name", ["C0", "D3x", "S3", "Q", "C2V", "Sv4"])
def test_unknown_point_group(name):
    with pytest.raises(InputError, match="Argument `name` must be a Schoenflies symbol"):
        point_group(name)


def test_wrong_axes_and_operations():
    with pytest.raises(InputError, match="Argument `second` must be perpendicular"):
        point_group("C3v", axis=[1, 0, 0])
    with pytest.raises(InputError, match="Argument `axis` must be a vector"):
        point_group("C3v", axis=[0, 0, 0])
    with pytest.raises(InputError, match="must hold orthogonal matrices, but matrix 1"):
        generate_group([np.eye(3), 1.1 * np.eye(3)])
    with pytest.raises(InputError, match="must generate a finite point group"):
        generate_group([[[np.cos(1), -np.sin(1), 0], [np.sin(1), np.cos(1), 0], [0, 0, 1]]])
    with pytest.raises(InputError, match="must have shape"):
        generate_group(np.eye(3))


# --- clusters -----------------------------------------------------------------------------------


def test_operations_permute_the_sites():
    symmetry = cluster_symmetry(TRIMER + [3.0, 1.0], point_group("C3v"))
    assert isinstance(symmetry, Symmetry)
    assert (len(symmetry), symmetry.site_count, symmetry.dimension) == (6, 3, 0)
    assert repr(symmetry) == "<6 symmetry operations of 3 sites>"
    moved = np.einsum("oab,sb->osa", symmetry.matrices[:, :2, :2], TRIMER)
    np.testing.assert_allclose(moved, TRIMER[symmetry.permutations], atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(symmetry.rotations), 1)


def test_generators_are_completed():
    assert len(cluster_symmetry(TETRAMER, point_group("C4v")[1:6])) == 8


def test_failing_operation_and_site_are_named():
    with pytest.raises(InputError, match=r"C3 about \[0 0 1\] fails for site 1: the nearest"):
        cluster_symmetry(TRIMER + [[0, 0], [0, 0], [0, 0.1]], point_group("C3"), center=[0, 0])
    with pytest.raises(InputError, match="fails for site 0: the site there is 'Cr', not 'Fe'"):
        cluster_symmetry(TRIMER, point_group("C3"), species=["Fe", "Cr", "Fe"])
    with pytest.raises(InputError, match="Argument `species` must hold one label"):
        cluster_symmetry(TRIMER, point_group("C3"), species=["Fe"])
    with pytest.raises(InputError, match="Argument `positions` must have 2 or 3 components"):
        cluster_symmetry([[0.0], [1.0]], point_group("Ci"))


def test_species_may_be_exchanged_by_the_others():
    symmetry = cluster_symmetry(TRIMER, point_group("Cs", axis=[1, 0, 0], second=[0, 1, 0]))
    assert symmetry.permutations.tolist() == [[0, 1, 2], [1, 0, 2]]


# --- crystals -----------------------------------------------------------------------------------

FCC = np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
B20 = [[0.138] * 3, [0.638, 0.362, 0.862], [0.862, 0.638, 0.362], [0.362, 0.862, 0.638]]

CRYSTALS = {
    "zigzag": (Lattice([[1.0, 0.0]], [[0.0, 0.0], [0.5, 0.4]]), 8),
    "buckled": (Lattice([[1.5, 0.8, 0], [1.5, -0.8, 0]], [[0, 0, 0], [1, 0, 0.4]]), 4),
    "diamond": (Lattice(FCC, [[0, 0, 0], [0.5, 0.5, 0.5]]), 48),
    "conventional fcc": (Lattice(2 * np.eye(3), np.concatenate([[[0.0, 0, 0]], FCC])), 192),
    "B20": (Lattice(4.558 * np.eye(3), 4.558 * np.array(B20)), 12),
    "chain": (Lattice.chain(2.0), 16),
    "square": (Lattice.square(2.7), 16),
    "triangular": (Lattice.triangular(2.7), 24),
    "honeycomb": (Lattice.honeycomb(1.4), 24),
    "kagome": (KAGOME, 24),
    "bcc": (BCC, 48),
    "cubic": (Lattice.cubic(2.0), 48),
}


@pytest.mark.parametrize("name", CRYSTALS)
def test_crystal_operations_map_sites_onto_sites(name):
    lattice, order = CRYSTALS[name]
    symmetry = crystal_symmetry(lattice)
    assert len(symmetry) == order
    assert symmetry.names[0] == "identity"
    space = lattice.vectors.shape[1]
    cells = np.random.default_rng(0).integers(-3, 4, size=(5, lattice.dimension))
    for op, matrix in enumerate(symmetry.matrices[:, :space, :space]):
        before = (cells @ lattice.vectors)[:, None] + lattice.basis
        target = (cells @ symmetry.cell_matrices[op])[:, None] + symmetry.shifts[op]
        after = target @ lattice.vectors + lattice.basis[symmetry.permutations[op]]
        offset = after - before @ matrix.T
        np.testing.assert_allclose(offset, np.broadcast_to(offset[0, 0], offset.shape), atol=1e-9)


def test_species_and_surface_lower_the_symmetry():
    honeycomb = Lattice.honeycomb(1.4)
    assert len(crystal_symmetry(honeycomb, species="BN")) == 12
    assert len(crystal_symmetry(honeycomb, species="BN").that_keeps(polar=NORMAL)) == 6
    plane = crystal_symmetry(Lattice.square())
    assert len(plane.that_keeps(polar=NORMAL)) == 8
    assert len(plane.that_keeps(axial=NORMAL)) == 8
    assert len(plane.that_keeps(axial=NORMAL, polar=NORMAL)) == 4


def test_magnetic_layer_on_a_substrate():
    """A substrate atom below a hollow leaves p3m1: its mirrors lie across the bonds."""
    vectors = Lattice.triangular(2.7).vectors
    hollow = vectors.sum(axis=0) / 3
    places = [[0, 0, 0], [*hollow, -2.0]]
    slab = Lattice(np.pad(vectors, ((0, 0), (0, 1))), places)
    surface = crystal_symmetry(slab, ["Fe", "Pt"], magnetic=[0])
    assert (len(surface), surface.site_count) == (6, 1)
    assert allowed("dzyaloshinskii_moriya", [0, 0], surface, [[0, 0], [1, 0]]).tolist() == [
        [0, 1, 0],
        [0, 0, 1],
    ]
    with pytest.raises(InputError, match="Argument `magnetic` must fit the symmetry"):
        crystal_symmetry(KAGOME, magnetic=[0, 1])


def test_rashba_pattern_on_the_square_lattice():
    """D lies in the plane, perpendicular to the bond; a free plane has none."""
    plane = crystal_symmetry(Lattice.square())
    cells = [[0, 0], [1, 1]]
    assert len(allowed("dzyaloshinskii_moriya", [0, 0], plane, cells)) == 0
    (vector,) = allowed("dzyaloshinskii_moriya", [0, 0], plane.that_keeps(polar=NORMAL), cells)
    np.testing.assert_allclose(vector, [np.sqrt(0.5), -np.sqrt(0.5), 0], atol=1e-12)


def test_vectors_of_kagome():
    """In the plane, D is along its normal and circulates; the buckled lattice has one more."""
    flat = crystal_symmetry(KAGOME)
    assert allowed("dzyaloshinskii_moriya", [0, 1], flat, [[0, 0], [0, 0]]).tolist() == [NORMAL]
    surface = flat.that_keeps(polar=NORMAL)
    assert len(allowed("dzyaloshinskii_moriya", [0, 1], surface, [[0, 0], [0, 0]])) == 2
    reference = Term("dzyaloshinskii_moriya", [[0, 1]], [NORMAL], cells=[[[0, 0], [0, 0]]])
    full = complete(reference, flat)
    assert len(full.clusters) == 6
    np.testing.assert_allclose(np.abs(full.values), np.tile(NORMAL, (6, 1)), atol=1e-12)


def test_inversion_at_the_bonds_of_bcc():
    """Pairs have no vector; paths of three sites have one, perpendicular to their mirror plane."""
    symmetry = crystal_symmetry(BCC)
    names = ["exchange", "dzyaloshinskii_moriya", "chiral_biquadratic", "chiral_three_site"]
    template = clusters_within(BCC, 2.9, names)
    counts = count_parameters(template, symmetry)
    assert counts["exchange"] == Count(clusters=7, orbits=2, parameters=2)
    assert counts["dzyaloshinskii_moriya"].parameters == 0
    assert counts["chiral_biquadratic"].parameters == 0
    # Two short bonds and a long one: the vector is crossed on a short or on the long bond.
    assert counts["chiral_three_site"].parameters == counts["chiral_three_site"].orbits == 3


def test_clusters_within_a_cutoff():
    counts = {"exchange": 4, "three_site": 12, "chiral_three_site": 24, "four_site": 3}
    plane = clusters_within(Lattice.square(), 1.5, [*counts, "anisotropy"])
    assert {t.name: len(t.clusters) for t in plane.terms} == counts | {"anisotropy": 1}
    rows = clusters_within(KAGOME, 1.0, ["exchange"])["exchange"].clusters
    assert len(rows) == 6
    assert orbits("exchange", rows.sites, crystal_symmetry(KAGOME), rows.cells).tolist() == [0] * 6
    with pytest.raises(InputError, match="Argument `names` must hold some of"):
        clusters_within(KAGOME, 1.0, ["J"])
    with pytest.raises(InputError, match="Argument `cutoff` must be greater than zero"):
        clusters_within(KAGOME, 0.0, ["exchange"])


# --- invariance ---------------------------------------------------------------------------------


def random_model(template, seed=0):
    rng = np.random.default_rng(seed)
    terms = [
        Term(t.name, t.clusters.sites, rng.normal(size=t.values.shape), t.clusters.cells)
        for t in template.terms
    ]
    return template.with_terms(terms)


def finite(positions):
    """Every class of terms on the sites of a cluster, with values of no symmetry."""
    count = len(positions)
    terms = []
    for name, spin_class in CLASSES.items():
        if spin_class.distinct and spin_class.site_count > count or name == "tensor6":
            continue
        rng = np.random.default_rng(len(name))
        sites = [rng.permutation(6)[: spin_class.site_count] % count for _ in range(3)]
        if spin_class.distinct:
            sites = [rng.permutation(count)[: spin_class.site_count] for _ in range(3)]
        terms.append(Term(name, sites, np.zeros((3, *spin_class.shape))))
    return random_model(SpinModel(terms, positions=positions))


PERIODIC = ["anisotropic_exchange", "chiral_biquadratic", "chiral_three_site", "three_site"]
PROBLEMS = {
    "trimer": (finite(TRIMER), cluster_symmetry(TRIMER, point_group("C3v")), ()),
    "tetramer": (finite(TETRAMER), cluster_symmetry(TETRAMER, point_group("C4v")), ()),
    "square": (
        random_model(clusters_within(Lattice.square(), 1.5, [*PERIODIC, "chiral_four_site"])),
        crystal_symmetry(Lattice.square()).that_keeps(polar=NORMAL),
        (3, 3),
    ),
    "kagome": (
        random_model(clusters_within(KAGOME, 1.0, PERIODIC)),
        crystal_symmetry(KAGOME),
        (3, 3),
    ),
    "bcc": (
        random_model(clusters_within(BCC, 2.9, PERIODIC[:3])),
        crystal_symmetry(BCC),
        (3, 3, 3),
    ),
}


def images(symmetry, spins):
    return jnp.stack([transform(spins, symmetry, op) for op in range(len(symmetry))])


def energy(model, spins):
    """The energy by plain loops over the rows, (...)."""
    spins = np.asarray(spins)
    box = tuple(range(spins.ndim - 2 - model.dimension, spins.ndim - 2))
    total = np.zeros(spins.shape[: spins.ndim - 2])
    for term in model.terms:
        for sites, cells, value in zip(*term.slots(), np.asarray(term.values), strict=True):
            places = zip(sites, cells, strict=True)
            slots = [np.roll(spins, -cell, axis=box)[..., site, :] for site, cell in places]
            if len(term.spin_class.shape) == term.spin_class.order > 1:
                rest = np.tensordot(slots[0], value, 1)
                for spin in slots[1:]:
                    rest = np.einsum("...a,...ak->...k", spin, rest.reshape(*spin.shape, -1))
                total += rest[..., 0]
            else:
                form = term.spin_class.form
                total += form(value, [tuple(np.moveaxis(slot, -1, 0)) for slot in slots])
    return total.sum(axis=box)


@pytest.mark.parametrize("name", PROBLEMS)
def test_projection_is_the_mean_over_the_group(name):
    """The projected model is invariant, and its energy is the mean over all images."""
    model, symmetry, box = PROBLEMS[name]
    rng = np.random.default_rng(4)
    spins = rng.normal(size=(2, *box, model.site_count, 3))
    spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
    moved = images(symmetry, spins)
    invariant = symmetrise(model, symmetry)
    before, after = energy(model, moved), energy(invariant, moved)
    scale = np.abs(before).max()
    assert np.ptp(before, axis=0).max() > 0.1
    assert np.ptp(after, axis=0).max() < 1e-13 * scale
    np.testing.assert_allclose(after[0], before.mean(axis=0), atol=1e-13 * scale)
    assert max(r.largest for r in residual(invariant, symmetry).values()) < 1e-14
    assert max(r.largest for r in residual(model, symmetry).values()) > 0.1


def test_energy_and_gradient_of_the_model_turn_with_the_spins():
    model, symmetry, _ = PROBLEMS["trimer"]
    some = ("anisotropy", "dzyaloshinskii_moriya", "chiral_three_site")
    model = symmetrise(model.with_terms([model[name] for name in some]), symmetry)
    spins = np.random.default_rng(4).normal(size=(2, 3, 3))
    np.testing.assert_allclose(model.energy(spins), energy(model, spins), atol=1e-12)
    gradient = model.gradient(spins)
    np.testing.assert_allclose(
        model.gradient(images(symmetry, spins)), images(symmetry, gradient), atol=1e-12
    )


def test_residual_of_a_disturbed_model():
    symmetry = cluster_symmetry(TRIMER, point_group("C3v"))
    exact = Term("exchange", [[0, 1], [1, 2], [2, 0]], [1e-3, 1e-3, 1e-3])
    wrong = Term("exchange", [[0, 1], [1, 2], [2, 0]], [1e-3, 1e-3, 1.3e-3])
    assert residual(SpinModel([exact]), symmetry) == {"exchange": Residual(0, 0, 1e-3)}
    found = residual(SpinModel([wrong]), symmetry)["exchange"]
    assert found.largest == pytest.approx(0.2e-3)
    assert found.rms == pytest.approx(np.sqrt(2) * 1e-4)


def test_field_is_an_axial_vector():
    """A vertical mirror reverses a field along z: the field lowers the symmetry."""
    symmetry = cluster_symmetry(TRIMER, point_group("C3v"))
    field = SpinModel([Term("field", [[0], [1], [2]], np.tile(NORMAL, (3, 1)))])
    assert residual(field, symmetry)["field"].largest == 1
    assert residual(field, symmetry.that_keeps(axial=NORMAL))["field"].largest < 1e-15
    assert not np.any(symmetrise(field, symmetry)["field"].values)


def test_order_and_direction_of_rows_are_kept():
    symmetry = cluster_symmetry(TRIMER, point_group("C3v"))
    sites = [[2, 0], [1, 0], [1, 2]]
    model = SpinModel([Term("dzyaloshinskii_moriya", sites, np.zeros((3, 3)))])
    assert symmetrise(model, symmetry).terms[0].clusters.sites.tolist() == sites
    empty = SpinModel([Term("exchange", np.zeros((0, 2), int), np.zeros(0))], site_count=3)
    assert len(symmetrise(empty, symmetry).terms[0].clusters) == 0
    assert residual(empty, symmetry) == {"exchange": Residual(0, 0, 0)}


# --- completion ---------------------------------------------------------------------------------


def test_forbidden_values_are_refused_or_projected():
    symmetry = cluster_symmetry(TRIMER, point_group("C3v"))
    term = Term("dzyaloshinskii_moriya", [[0, 1]], [[0.1, 1.0, 2.0]])
    with pytest.raises(InputError, match=r"\(sites \[0, 1\]\) changes by 0.2 eV under mirror norm"):
        complete(term, symmetry)
    projected = complete(term, symmetry, project=True)
    np.testing.assert_allclose(projected.values[0], [0, 1, 2], atol=1e-15)


def test_reference_clusters_must_agree():
    symmetry = cluster_symmetry(TRIMER, point_group("C3v"))
    with pytest.raises(InputError, match="rows 0 and 1 are images of one another and differ by 1"):
        complete(Term("exchange", [[0, 1], [1, 2]], [1.0, 2.0]), symmetry)
    with pytest.raises(InputError, match="rows 0 and 1 are images of one another"):
        complete(Term("chiral_three_site", [[0, 1, 2], [1, 2, 0]], np.ones((2, 3))), symmetry)
    with pytest.raises(InputError, match=r"row 0 \(sites \[0, 1\]\) occurs twice"):
        complete(Term("exchange", [[0, 1], [1, 0]], [1.0, 1.0]), symmetry)
    term = complete(Term("exchange", [[0, 1], [1, 2]], [1.0, 1.0]), symmetry)
    assert term.values.tolist() == [1.0, 1.0, 1.0]


def test_derivatives_pass_through():
    symmetry = cluster_symmetry(TRIMER, point_group("C3v"))

    def total(values):
        term = complete(Term("dzyaloshinskii_moriya", [[0, 1]], values), symmetry)
        return jnp.sum(symmetrise(SpinModel([term]), symmetry).terms[0].values ** 2)

    gradient = jax.jit(jax.grad(total))(jnp.array([[0.0, 1.0, 2.0]]))
    np.testing.assert_allclose(gradient, [[0.0, 6.0, 12.0]], atol=1e-12)


def test_symmetry_of_something_else():
    symmetry = cluster_symmetry(TRIMER, point_group("C3v"))
    square = crystal_symmetry(Lattice.square())
    with pytest.raises(InputError, match="Argument `symmetry` must be that of the sites"):
        allowed("exchange", [0, 3], symmetry)
    with pytest.raises(InputError, match="Argument `symmetry` must be that of the model"):
        symmetrise(SpinModel([], site_count=2), symmetry)
    with pytest.raises(InputError, match="belongs to other lattice vectors"):
        residual(clusters_within(Lattice.triangular(), 1.0, ["exchange"]), square)
    with pytest.raises(InputError, match="must end in 0 axes of cells"):
        transform(np.zeros((2, 3)), symmetry, 1)
    quarter = next(n for n, name in enumerate(square.names) if name.startswith("C4"))
    with pytest.raises(InputError, match="must fill a box that C4"):
        transform(np.zeros((2, 3, 1, 3)), square, quarter)


def test_no_symmetry_is_the_identity():
    trivial = no_symmetry(3, 2)
    assert len(trivial) == 1
    assert trivial.site_count == 3
    assert trivial.dimension == 2
    assert trivial.names == ["identity"]


def test_layers_and_chains_are_filled_up_with_empty_space():
    vectors, places = in_three_dimensions(Lattice.honeycomb())
    assert np.allclose(vectors[2, :2], 0) and abs(vectors[2, 2]) > 3 and places.shape == (2, 3)
    assert np.allclose(vectors[:2, :2], Lattice.honeycomb().vectors)
