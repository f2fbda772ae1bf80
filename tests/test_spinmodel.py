"""The generalised spin model: energies, gradients, Hessians, lattices, and conversions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msgreen
from msgreen import ContactCoupling, RashbaGas, compute_interactions, spinmodel
from msgreen.clusters import contracted_loops, loops, pairs
from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spin.tensors import LEVI_CIVITA
from msgreen.spinmodel import (
    CLASSES,
    Clusters,
    Resolution,
    SpinClass,
    SpinModel,
    Term,
    fitting,
    from_interactions,
    resolve,
    spin_chiral_to_four_site,
)
from msgreen.spinmodel.convert import pair_terms
from msgreen.spinmodel.forms import (
    bond_field,
    chiral,
    chiral_chiral,
    dot,
    isotropic,
    scalar_chirality,
    slot_gradient,
    spin_chiral,
    tensor,
    triple,
    zeeman,
)
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms
from msgreen.spinmodel.rows import Row, cluster_names, printed, rows_of
from msgreen.spinmodel.states import is_even
from msgreen.spinmodel.symmetry.images import merge, relabellings

SITES = 7


def directions(seed, *shape):
    vectors = np.random.default_rng(seed).normal(size=(*shape, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def random_term(name, seed=0, rows=3, scale=0.01):
    rng = np.random.default_rng(seed)
    spin_class = CLASSES[name]
    sites = [rng.permutation(SITES)[: spin_class.site_count] for _ in range(rows)]
    return Term(name, sites, scale * rng.normal(size=(rows, *spin_class.shape)))


def written_out(name, v, s):
    """The energy of one cluster as the papers write it, with numpy's own products."""
    cross = lambda a, b: np.cross(s[a], s[b])  # noqa: E731
    return {
        "field": lambda: -v @ s[0],
        "anisotropy": lambda: s[0] @ v @ s[0],
        "exchange": lambda: v * (s[0] @ s[1]),
        "dzyaloshinskii_moriya": lambda: v @ cross(0, 1),
        "anisotropic_exchange": lambda: s[0] @ v @ s[1],
        "biquadratic": lambda: v * (s[0] @ s[1]) ** 2,
        "chiral_biquadratic": lambda: v @ cross(0, 1) * (s[0] @ s[1]),
        "three_site": lambda: v * (s[0] @ s[1]) * (s[1] @ s[2]),
        "chiral_three_site": lambda: v @ cross(0, 1) * (s[1] @ s[2]),
        "four_site": lambda: v * (s[0] @ s[1]) * (s[2] @ s[3]),
        "chiral_four_site": lambda: v @ cross(0, 1) * (s[2] @ s[3]),
        "six_spin": lambda: v * (s[0] @ s[1]) * (s[2] @ s[3]) * (s[4] @ s[5]),
        "chiral_six_spin": lambda: v @ cross(0, 1) * (s[2] @ s[3]) * (s[4] @ s[5]),
        "chiral_chiral": lambda: v * np.linalg.det(s[:3]) * np.linalg.det(s[3:]),
        "two_site_field": lambda: -(s[0] @ s[1]) * (v @ s[1]),
        "three_site_field": lambda: -(s[0] @ s[1]) * (v @ s[2]),
        "scalar_chirality": lambda: v * (s[0] @ cross(1, 2)),
        "spin_chiral": lambda: (v @ s[0]) * np.linalg.det(s[1:]),
        "tensor2": lambda: np.einsum("ab,a,b", v, *s),
        "tensor3": lambda: np.einsum("abc,a,b,c", v, *s),
        "tensor4": lambda: np.einsum("abcd,a,b,c,d", v, *s),
        "tensor6": lambda: np.einsum("abcdef,a,b,c,d,e,f", v, *s),
    }[name]()


@pytest.mark.parametrize("name", CLASSES)
def test_energy_is_what_the_papers_write(name):
    term = random_term(name)
    model = SpinModel([term], site_count=SITES)
    spins = directions(1, SITES)
    exact = sum(
        written_out(name, np.asarray(value), spins[row])
        for row, value in zip(term.clusters.sites, term.values, strict=True)
    )
    np.testing.assert_allclose(model.energy(spins), exact, rtol=1e-12)
    full, (slots, _) = np.asarray(term.tensor()), term.slots()
    letters = "abcdef"[: term.spin_class.order]
    contracted = sum(
        np.einsum(f"{letters},{','.join(letters)}", t, *spins[row])
        for t, row in zip(full, slots, strict=True)
    )
    np.testing.assert_allclose(contracted, exact, rtol=1e-12)


def everything(seed=0):
    return SpinModel([random_term(n, seed + k) for k, n in enumerate(CLASSES)], site_count=SITES)


def test_gradient_equals_finite_differences():
    model, spins, step = everything(), directions(2, SITES), 1e-3
    gradient = np.asarray(model.gradient(spins))
    units = np.eye(3 * SITES).reshape(-1, SITES, 3)

    def difference(h):
        return (model.energy(spins + h * units) - model.energy(spins - h * units)) / (2 * h)

    found = (4 * difference(step) - difference(2 * step)) / 3
    np.testing.assert_allclose(gradient.ravel(), found, atol=1e-9 * np.abs(gradient).max())
    np.testing.assert_allclose(gradient, jax.grad(model.energy)(jnp.asarray(spins)), atol=1e-15)
    np.testing.assert_array_equal(model.effective_field(spins), -gradient)


def test_energy_and_gradient_are_energy_and_gradient():
    model, spins = everything(), directions(3, 4, SITES)
    energy, gradient = model.energy_and_gradient(spins)
    np.testing.assert_array_equal(energy, model.energy(spins))
    np.testing.assert_array_equal(gradient, model.gradient(spins))
    single = [float(model.energy(s)) for s in spins]
    np.testing.assert_allclose(energy, single, rtol=1e-13)
    by_class = model.energy_by_class(spins)
    assert tuple(by_class) == model.classes == tuple(CLASSES)
    np.testing.assert_allclose(sum(by_class.values()), energy, rtol=1e-13)


def test_hessian_is_the_covariant_one_of_autodiff():
    names = "field", "anisotropy", "dzyaloshinskii_moriya", "three_site", "chiral_biquadratic"
    model = SpinModel([random_term(n, 5) for n in names], site_count=SITES)
    spins = directions(4, 2, SITES)
    found = model.hessian(spins)
    for one, block in zip(spins, found, strict=True):
        np.testing.assert_allclose(block, msgreen.hessian(model.energy, one), atol=1e-15)


def test_gradient_with_respect_to_parameters():
    model, spins = everything(), directions(5, SITES)
    slope = eqx.filter_grad(lambda m: m.energy(spins))(model)
    for term, change in zip(model.terms, slope.terms, strict=True):
        # Every term is linear in its parameter.
        linear = jnp.sum(term.values * change.values)
        np.testing.assert_allclose(linear, model.energy_by_class(spins)[term.name], rtol=1e-10)


def square_lattice():
    rng = np.random.default_rng(7)
    cells = {
        "exchange": [[[0, 0], [1, 0]], [[0, 0], [0, 1]], [[0, 0], [2, -1]]],
        "dzyaloshinskii_moriya": [[[0, 0], [1, 0]], [[0, 0], [0, 1]]],
        "three_site": [[[1, 0], [0, 0], [0, 1]], [[-1, 0], [0, 0], [0, 3]]],
        "chiral_four_site": [[[0, 0], [1, 0], [1, 1], [0, 1]]],
        "anisotropy": [[[0, 0]]],
    }
    terms = []
    for name, offsets in cells.items():
        sites = rng.integers(0, 2, size=np.shape(offsets)[:2])
        shape = (len(offsets), *CLASSES[name].shape)
        terms.append(Term(name, sites, rng.normal(size=shape), offsets))
    return SpinModel(terms, lattice=Lattice([[2.0, 0.0], [0.0, 3.0]], [[0, 0], [1.0, 1.5]]))


@pytest.mark.parametrize("box", [(4, 5), (3, 2)])
def test_lattice_is_its_supercell(box):
    """Boxes smaller than the reach of an interaction close on themselves."""
    model = square_lattice()
    spins = directions(6, 3, *box, 2)
    cluster = model.supercell(box)
    flat = spins.reshape(3, -1, 3)
    np.testing.assert_allclose(model.energy(spins), cluster.energy(flat), rtol=1e-12)
    np.testing.assert_allclose(
        model.gradient(spins).reshape(flat.shape), cluster.gradient(flat), atol=1e-12
    )
    home = cluster.positions.reshape(*box, 2, 2)[-1, -1, 1]
    np.testing.assert_allclose(home, [2.0 * box[0] - 1.0, 3.0 * box[1] - 1.5])


def test_lattice_energy_site_by_site():
    model = square_lattice()
    box = (4, 4)
    spins = directions(8, *box, 2)
    total = 0.0
    for n in np.ndindex(box):
        for term in model.terms:
            clusters = zip(term.clusters.sites, term.clusters.cells, term.values, strict=True)
            for sites, cells, value in clusters:
                at = [tuple((np.array(n) + c) % box) for c in cells]
                chosen = np.array([spins[(*c, s)] for c, s in zip(at, sites, strict=True)])
                total += written_out(term.name, np.asarray(value), chosen)
    np.testing.assert_allclose(model.energy(spins), total, rtol=1e-12)


def test_energies_of_paper_b_trimers():
    """E_FM = 3 (J + B + B3), up-up-down -J + 3 B - B3, planar Neel -3 J/2 + 3/4 (B + B3)."""
    J, B, B3 = 0.07435, -0.00625, 0.00772
    edges = [[0, 1], [1, 2], [2, 0]]
    model = SpinModel(
        [
            Term("exchange", edges, [J] * 3),
            Term("biquadratic", edges, [B] * 3),
            Term("three_site", [[0, 1, 2], [1, 2, 0], [2, 0, 1]], [B3] * 3),
        ]
    )
    up = np.array([[0.0, 0.0, 1.0]] * 3)
    angle = 2 * np.pi / 3 * np.arange(3)
    neel = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
    found = model.energy(np.stack([up, up * [[1], [1], [-1]], neel]))
    exact = [3 * (J + B + B3), -J + 3 * B - B3, -1.5 * J + 0.75 * (B + B3)]
    np.testing.assert_allclose(found, exact, rtol=1e-14)


def test_square_of_the_chirality():
    """chi^2 = 1 + 2 (12)(23)(31) - (12)^2 - (23)^2 - (31)^2 (paper B, Eq. 54)."""
    left = SpinModel([Term("chiral_chiral", [[0, 1, 2, 0, 1, 2]], [1.0])])
    edges = [[0, 1], [1, 2], [2, 0]]
    right = SpinModel(
        [
            Term("six_spin", [[0, 1, 1, 2, 2, 0]], [2.0]),
            Term("biquadratic", edges, [-1.0] * 3),
        ]
    )
    spins = directions(9, 50, 3)
    np.testing.assert_allclose(left.energy(spins), 1 + right.energy(spins), atol=1e-14)


def test_forms_accept_arrays_of_spins():
    a, b, c = (tuple(jnp.asarray(directions(k, 5)).T) for k in range(3))
    x, y, z = (np.stack(s, axis=-1) for s in (a, b, c))
    np.testing.assert_allclose(dot(a, b), np.sum(x * y, -1), rtol=1e-14)
    np.testing.assert_allclose(triple(a, b, c), np.sum(x * np.cross(y, z), -1), rtol=1e-13)
    v = jnp.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(zeeman(v, [a]), -x @ v, rtol=1e-14)
    np.testing.assert_allclose(isotropic(2.0, [a, b]), 2 * np.sum(x * y, -1), rtol=1e-14)
    np.testing.assert_allclose(chiral(v, [a, b]), np.cross(x, y) @ v, rtol=1e-13)
    squared = chiral_chiral(1.0, [a, b, c, a, b, c])
    np.testing.assert_allclose(squared, triple(a, b, c) ** 2, rtol=1e-13)
    matrix = jnp.asarray(np.random.default_rng(0).normal(size=(3, 3)))
    np.testing.assert_allclose(tensor(matrix, [a, b]), np.sum(x @ matrix * y, -1), rtol=1e-13)
    force = slot_gradient(chiral, v, [a, b], 1)
    np.testing.assert_allclose(np.stack(force, -1), np.cross(v, x), rtol=1e-13)


# --- building models -------------------------------------------------------------------------


def test_model_gives_and_drops_classes():
    model = everything()
    assert model["six_spin"].name == "six_spin"
    assert isinstance(model["exchange"].spin_class, SpinClass)
    small = model.without("tensor6", "field")
    assert set(CLASSES) - set(small.classes) == {"tensor6", "field"}
    assert model.with_terms([]).site_count == SITES
    spins = directions(10, SITES)
    assert float(model.with_terms([]).energy(spins)) == 0.0
    assert CLASSES["three_site"].site_count == 3
    assert CLASSES["three_site"].order == 4


def test_clusters_compare_by_content():
    a, b = random_term("exchange"), random_term("exchange")
    assert isinstance(a.clusters, Clusters)
    assert a.clusters == b.clusters
    assert hash(a.clusters) == hash(b.clusters)
    assert a.clusters != random_term("exchange", 1).clusters
    assert len(a.clusters) == 3
    assert a.dimension == 0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Term("ring", [[0, 1]], [1.0]), "`name` must be one of field, anisotropy"),
        (lambda: Term("exchange", [[0, 1]], [[1.0]]), r"`values` must have shape \(1,\) for"),
        (lambda: Term("exchange", [[0, 1]], [np.nan]), "`values` must be finite"),
        (lambda: Term("exchange", [[0, 1]], [1.0], [[0, 0]]), "`cells` must have shape"),
        (lambda: Term("exchange", [[0, 1]], [1.0], [[[0], [0.5]]]), "`cells` must hold integers"),
        (lambda: Term("exchange", [[0, -1]], [1.0]), "`sites` must not be negative"),
        (lambda: Term("exchange", [[1, 1]], [1.0]), "`sites` must hold different sites in every"),
        (lambda: SpinModel([Term("exchange", [[0, 4]], [1.0])], site_count=2), "names site 4"),
        (lambda: SpinModel([], positions=[[0, 0]], site_count=2), "`positions` must have 2 sites"),
        (lambda: SpinModel([], lattice=Lattice.square(), site_count=2), "`lattice` must have 2"),
        (
            lambda: SpinModel([], lattice=Lattice.square(), positions=[[0.0, 0.0]]),
            "`positions` must be left out",
        ),
        (
            lambda: SpinModel([Term("exchange", [[0, 1]], [1.0])], lattice=Lattice.square()),
            "names site 1|`terms` must",
        ),
        (
            lambda: SpinModel([Term("field", [[0]], [[0, 0, 1.0]])], lattice=Lattice.square()),
            "`terms` must have cells of 2 integers",
        ),
        (lambda: SpinModel([random_term("field")] * 2), "`terms` must hold every class once"),
        (lambda: everything()["ring"], "`name` must be one of field"),
        (lambda: everything().energy(np.zeros((3, 3))), r"`directions` must have shape \(..., 7"),
        (lambda: everything().energy(np.full((SITES, 3), np.nan)), "`directions` must be finite"),
        (lambda: everything().hessian(np.zeros((SITES, 3))), "`directions` must hold unit vectors"),
        (lambda: everything().supercell((2,)), "`shape` must have 0 numbers"),
        (lambda: square_lattice().supercell((1, 3)), "`shape` must be larger than the inter"),
        (lambda: square_lattice().hessian(directions(0, 1, 1, 2)), "must be a finite cluster"),
    ],
)
def test_wrong_arguments_are_named(build, message):
    with pytest.raises(InputError, match=message):
        build()


# --- from computed interactions --------------------------------------------------------------


def rashba_trimer(rashba_wavevector):
    """A trimer on a Rashba gas with all pairs and all loops of four spins."""
    gas = RashbaGas(
        2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=rashba_wavevector
    )
    sites = jnp.array([[0.0, 0.0], [6.0, 0.0], [3.0, 5.0]])
    contracted = [contracted_loops(sites, kind) for kind in ("biquadratic", "three_site")]
    clusters = [pairs(sites), *contracted]
    contour = gas.contour(sites, nodes=15)
    return compute_interactions(gas, ContactCoupling(1.0), sites, clusters, contour=contour)


@pytest.fixture(scope="module")
def trimer():
    return rashba_trimer(0.02)


def test_model_of_interactions_has_their_energies(trimer):
    model = from_interactions(trimer)
    spins = directions(11, 30, 3)
    np.testing.assert_allclose(model.energy(spins), trimer.energy(spins), rtol=1e-12)
    np.testing.assert_array_equal(model.positions, trimer.positions)
    other = from_interactions(trimer.to(msgreen.LOUNIS))
    np.testing.assert_allclose(other.energy(spins), trimer.energy(spins), rtol=1e-12)
    vectors = trimer["pair"].coefficients["D"].value
    np.testing.assert_allclose(
        model["dzyaloshinskii_moriya"].values, vectors, rtol=1e-10, atol=1e-18
    )


def test_resolved_model_has_the_same_energies(trimer):
    model = from_interactions(trimer)
    found = resolve(model)
    assert isinstance(found, Resolution)
    spins = directions(12, 30, 3)
    total = found.model.energy(spins) + found.constant + found.remainder.energy(spins)
    np.testing.assert_allclose(total, model.energy(spins), rtol=1e-12)
    assert {"biquadratic", "chiral_biquadratic", "three_site", "chiral_three_site"} <= set(
        found.model.classes
    )


def test_classes_of_paper_b_are_complete_to_first_order_in_spin_orbit_coupling(trimer):
    """What they leave out, anisotropic four-spin terms, is of second order."""
    share = resolve(from_interactions(trimer)).share
    half = resolve(from_interactions(rashba_trimer(0.01))).share
    np.testing.assert_allclose(share / half, 4.0, rtol=0.05)
    assert share < 0.1


def test_resolve_without_spin_orbit_coupling_is_isotropic_and_complete():
    found = resolve(from_interactions(rashba_trimer(0.0)))
    assert found.share < 1e-12
    assert found.remainder.terms == ()
    for name in found.model.classes:
        largest = np.abs(found.model[name].values).max()
        isotropic_class = name in ("exchange", "biquadratic", "three_site")
        assert isotropic_class == (largest > 1e-9 * np.abs(found.model["exchange"].values).max())


@pytest.mark.parametrize(
    "name",
    ["biquadratic", "chiral_biquadratic", "three_site", "chiral_three_site", "four_site"]
    + ["chiral_four_site", "six_spin", "chiral_six_spin"],
)
def test_resolve_returns_what_a_tensor_was_made_of(name):
    spin_class = CLASSES[name]
    sites = [list(range(spin_class.site_count))]
    term = Term(name, sites, np.random.default_rng(1).normal(size=(1, *spin_class.shape)))
    made = SpinModel([Term(f"tensor{spin_class.order}", term.slots()[0], term.tensor())])
    found = resolve(made)
    assert found.share < 1e-12
    np.testing.assert_allclose(found.constant, 0.0, atol=1e-12)
    spins = directions(13, 20, spin_class.site_count)
    exact = SpinModel([term]).energy(spins)
    np.testing.assert_allclose(found.model.energy(spins), exact, rtol=1e-10, atol=1e-12)
    if name != "chiral_six_spin":  # more vectors than independent couplings of six spins
        others = found.model.without(name)
        np.testing.assert_allclose(others.energy(spins), 0.0, atol=1e-12)


def test_resolved_remainder_has_no_named_part():
    """The projection is orthogonal: the named part and the remainder are uncorrelated."""
    values = np.random.default_rng(3).normal(size=(1, 3, 3, 3, 3))
    found = resolve(SpinModel([Term("tensor4", [[0, 1, 2, 1]], values)]))
    spins = directions(14, 200_000, 3)
    named, rest = found.model.energy(spins), found.remainder.energy(spins)
    assert abs(np.corrcoef(named, rest)[0, 1]) < 0.01
    assert abs(np.mean(rest)) < 0.01 * np.std(rest)
    again = resolve(found.remainder)
    np.testing.assert_allclose(again.model.energy(spins[:20]), 0.0, atol=1e-12)


def test_merge_adds_up_the_same_clusters():
    """D_ij = -D_ji, transposed anisotropies, and clusters that differ by a lattice vector."""
    none, ring = np.zeros((2, 2, 0), int), np.array([[[0], [1]], [[3], [2]]])
    d, k = np.array([0.1, 0.2, 0.3]), np.arange(9.0).reshape(3, 3)
    sites = np.array([[0, 1], [1, 0]])
    (term,) = merge([("dzyaloshinskii_moriya", sites, none, np.array([d, 2 * d]))])
    np.testing.assert_allclose(term.values, [-d], atol=1e-15)
    (term,) = merge([("anisotropic_exchange", sites, none, np.array([k, k]))])
    np.testing.assert_allclose(term.values, [k + k.T])
    (term,) = merge([("exchange", np.zeros((2, 2), int), ring, np.array([1.0, 2.0]))])
    np.testing.assert_allclose(term.values, [3.0])


def test_pair_terms_recompose_the_tensor():
    tensors = np.random.default_rng(5).normal(size=(2, 3, 3))
    terms = pair_terms(np.array([[0, 1], [1, 2]]), np.zeros((2, 2, 0), int), tensors)
    recomposed = sum(np.asarray(term.tensor()) for term in terms)
    np.testing.assert_allclose(recomposed, tensors, atol=1e-15)
    assert LEVI_CIVITA[0, 1, 2] == 1
    assert LEVI_CIVITA[1, 0, 2] == -1


def test_chain_of_atoms_becomes_a_lattice():
    """Four equidistant atoms on a wire: bonds of one length are one term of the infinite chain."""
    gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.05)
    sites = jnp.array([[5.0 * n] for n in range(4)])
    contour = gas.contour(sites, nodes=15)
    clusters = [pairs(sites), loops(sites, 4), contracted_loops(sites, "three_site", cutoff=6.0)]
    found = compute_interactions(gas, ContactCoupling(1.0), sites, clusters, contour=contour)
    chain = from_interactions(found, Lattice([[5.0]]))
    assert [len(term.clusters) for term in chain.terms] == [3, 3, 3, 3 + 1]
    # Ferromagnet along the wire: every distance once per cell.
    spins = np.tile([1.0, 0.0, 0.0], (8, 1, 1))
    pair, four = found["pair"], found["four_site"]
    first = [np.nonzero((pair.loops == [0, n]).all(axis=1))[0][0] for n in (1, 2, 3)]
    bonds = pair.tensor.value[first, 0, 0].sum() + four.tensor.value[:, 0, 0, 0, 0].sum()
    bonds += found["three_site"].tensor.value[0, 0, 0, 0, 0]
    np.testing.assert_allclose(chain.energy(spins), 8 * bonds, rtol=1e-10)


def cluster_of(loops_, tensor_shape=(3, 3), positions=None, tensor=True):
    values = np.arange(float(len(loops_) * np.prod(tensor_shape))).reshape(-1, *tensor_shape)
    coefficient = Coefficient(values, values, ("xyz",) * len(tensor_shape))
    terms = Terms(np.array(loops_), {}, coefficient if tensor else None)
    return Interactions((terms,), positions=positions)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: from_interactions(cluster_of([[0, 1]], tensor=False)), "must carry tensors"),
        (
            lambda: from_interactions(cluster_of([range(8)], (3,) * 8)),
            "must hold clusters of 1, 2, 3, 4 or 6 spins",
        ),
        (
            lambda: from_interactions(cluster_of([[0, 1]]), Lattice([[1.0]])),
            "must have positions to be folded",
        ),
        (
            lambda: from_interactions(
                cluster_of([[0, 1]], positions=np.array([[0.0], [0.7]])), Lattice([[1.0]])
            ),
            "`lattice` must contain all sites, but site 1 is 0.3",
        ),
        (
            lambda: from_interactions(
                cluster_of([[0, 1], [1, 2]], positions=np.arange(3.0)[:, None]), Lattice([[1.0]])
            ),
            "must be the same in every cell, but the cluster",
        ),
    ],
)
def test_wrong_interactions_are_named(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_scalar_chirality_is_odd_and_changes_sign_with_the_sense():
    term = Term("scalar_chirality", [[0, 1, 2]], [0.7])
    model = SpinModel([term])
    spins = directions(20, 3)
    assert not is_even(model)
    np.testing.assert_allclose(model.energy(-spins), -model.energy(spins), rtol=1e-14)
    assert relabellings("scalar_chirality").signs.tolist() == [1, -1, -1, 1, 1, -1]
    both = np.array([[0, 1, 2], [0, 2, 1]])
    (twice,) = merge([(term.name, both, np.zeros((2, 3, 0), int), np.array([0.7, 0.2]))])
    np.testing.assert_allclose(twice.values, [0.5])
    turned = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turned *= np.linalg.det(turned)
    np.testing.assert_allclose(model.energy(spins @ turned.T), model.energy(spins), rtol=1e-13)
    s = [tuple(spin) for spin in spins]
    np.testing.assert_allclose(scalar_chirality(0.7, s), model.energy(spins), rtol=1e-14)


def test_fields_are_products_with_a_spin_that_does_not_turn():
    """What (S_i.S_j)(S_k.e0) leaves for the spins that turn, as the surroundings of a cluster."""
    spins = directions(23, 30, 4)
    fixed = np.concatenate([spins[:, :3], np.broadcast_to(spins[0, 3], (30, 1, 3))], axis=1)
    four = SpinModel([Term("four_site", [[0, 1, 2, 3]], [0.7])])
    three = SpinModel([Term("three_site", [[0, 1, 3]], [0.4])], site_count=4)
    terms = [
        Term("three_site_field", [[0, 1, 2]], -0.7 * spins[:1, 3]),
        Term("two_site_field", [[0, 1]], -0.4 * spins[:1, 3]),
    ]
    found = SpinModel(terms, site_count=4).energy(spins)
    np.testing.assert_allclose(four.energy(fixed) + three.energy(fixed), found, atol=1e-14)
    s = [tuple(spin) for spin in spins[0]]
    assert float(bond_field(s[3], s[:3])) == pytest.approx(-dot(s[0], s[1]) * dot(s[2], s[3]))
    assert relabellings("three_site_field").columns.tolist() == [[0, 1, 2], [1, 0, 2]]
    assert relabellings("two_site_field").columns.tolist() == [[0, 1]]


def test_spin_chiral_term_lies_in_the_chiral_four_site_forms_of_paper_b():
    """Of rank three per component of the vector inside their six, by Cramer's rule."""
    term = Term("spin_chiral", [[0, 1, 2, 3], [2, 6, 4, 5]], directions(21, 2))
    spins = directions(22, 40, SITES)
    here = SpinModel([term], site_count=SITES).energy(spins)
    there = SpinModel([spin_chiral_to_four_site(term)], site_count=SITES).energy(spins)
    np.testing.assert_allclose(there, here, atol=1e-14)
    v = (0.3, -0.4, 0.5)
    four = [tuple(spin.T) for spin in np.moveaxis(spins, 1, 0)[:4]]
    rows = [spin_chiral(v, [four[n], *(four[m] for m in range(4) if m != n)]) for n in range(4)]
    assert np.linalg.matrix_rank(np.array(rows), tol=1e-10) == 3
    pairs_of = [(0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2), (2, 3, 0, 1), (1, 3, 0, 2), (1, 2, 0, 3)]
    chirals = np.array([chiral(v, [four[n] for n in order]) for order in pairs_of])
    assert np.linalg.matrix_rank(chirals, tol=1e-10) == 6
    assert np.linalg.matrix_rank(np.concatenate([chirals, rows]), tol=1e-10) == 6
    with pytest.raises(InputError, match="`term` must be of the class .spin_chiral., but it is"):
        spin_chiral_to_four_site(Term("exchange", [[0, 1]], [1.0]))


def test_a_model_as_a_table():
    """Every number with its error, cells of other sites, and what nothing determines."""
    cells = [[[0, 0], [1, 0]]]
    vector = np.array([[0.01, 0.0, 0.0]])
    doubt = np.array([[1e-5, np.inf, np.nan]])
    model = SpinModel(
        [
            Term("exchange", [[0, 0]], [0.02], cells),
            Term("dzyaloshinskii_moriya", [[0, 0]], vector, cells, doubt),
        ],
        lattice=Lattice.square(1.0),
    )
    rows = model.rows()
    assert all(isinstance(row, Row) for row in rows)
    assert [row.sites for row in rows] == 4 * ["0-0[1 0]"] and rows[1].component == "x"
    assert [row.value for row in rows] == [0.02, 0.01, 0.0, 0.0]
    np.testing.assert_array_equal([row.error for row in rows], [np.nan, 1e-5, np.inf, np.nan])
    heading, columns, *lines = str(model).splitlines()
    assert "in 2 dimensions: 1" in heading and columns.split()[-1] == "error"
    assert [line.split()[-2:] for line in lines] == [
        ["20", "unknown"],
        ["10", "1.0e-02"],
        ["0", "undetermined"],
    ]
    long = Term("exchange", [[n, n + 1] for n in range(25)], np.ones(25))
    assert "5 more exchange rows" in str(SpinModel([long]))
    (row,) = rows_of(2, "J", ["0-1"], [], np.array([1.0]), None, "neutral", "S")
    some = [row._replace(value=value, error=1e-12) for value in (1.0, 1e-13)]
    assert len(printed([], [("pair", some)]).splitlines()) == 2
    some = [row._replace(value=value, error=1e-3) for value in (1.0, 1e-4)]
    assert len(printed([], [("pair", some)]).splitlines()) == 3
    assert cluster_names(np.array([[0, 1, 2]])) == ["0-1-2"]
    assert printed(["about"], [("pair", [row])]).splitlines()[2].split()[:2] == ["J", "0-1"]


def test_names_that_moved_say_where_they_are():
    with pytest.warns(FutureWarning, match="`fit` is in `msgreen.spinmodel.fitting`"):
        from msgreen.spinmodel import fit
    assert fit is fitting.fit
    with pytest.raises(AttributeError, match="has no `spam`"):
        _ = spinmodel.spam
