"""Spin models matched to covariant derivatives: of electrons, and of known spin models."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import random_cluster, random_spins
from scipy.spatial.transform import Rotation

from msgreen import (
    ContactCoupling,
    LloydEnergy,
    RashbaGas,
    compute_interactions,
    contracted_loops,
    effective_field,
    hessian,
    imaginary_axis,
    pairs,
    rotation_tensor,
    torque,
)
from msgreen.errors import InputError
from msgreen.exchange.derivatives import closed_hessian
from msgreen.exchange.ordered import dmi_vectors, transverse_exchange
from msgreen.lattice import Lattice
from msgreen.spinmodel import (
    CLASSES,
    SpinModel,
    Term,
    cluster_symmetry,
    from_interactions,
    match_derivatives,
    resolve,
)
from msgreen.spinmodel.fitting import (
    Derivatives,
    MatchResult,
    all_clusters,
    derivatives_at,
    tilt_errors,
)
from msgreen.spinmodel.fitting.design import unit_tensors
from msgreen.spinmodel.fitting.tilts import TiltErrors
from msgreen.spinmodel.symmetry import no_symmetry, point_group, residual

ISOTROPIC = ["exchange", "biquadratic", "three_site", "four_site"]
TWO_SPINS = ["field", "anisotropy", "exchange", "dzyaloshinskii_moriya", "anisotropic_exchange"]
FOUR_SPINS = [
    *TWO_SPINS,
    *("biquadratic", "chiral_biquadratic", "three_site", "chiral_three_site"),
    *("four_site", "chiral_four_site"),
]
PAIRS = np.array([[0, 1], [0, 2], [1, 2]])
ANGLES = [0.05, 0.1]


def along(axis, count: int) -> np.ndarray:
    return np.tile(np.asarray(axis, float), (count, 1))


def coplanar(count: int) -> np.ndarray:
    """Neighbours at 120 degrees, as on a triangle; the fourth spin is parallel to the first."""
    angle = 2 * np.pi * np.arange(count) / 3
    return np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)


STATES = {"ferromagnet": lambda n: along([0, 0, 1], n), "120 degrees": coplanar}


@cache
def electrons(count: int, coupled: bool) -> LloydEnergy:
    """A cluster of electrons with and without spin-orbit coupling, free to turn as a whole."""
    system = random_cluster(23, count, 1, spin_orbit=0.4 if coupled else 0.0, coupling=0.5)
    axis = imaginary_axis(system.fermi_energy, gap=0.1, bandwidth=10.0, accuracy=1e-8)
    return LloydEnergy(system.host, system.scatterer, system.sites, axis)


@cache
def fourth(count: int, coupled: bool, state: str) -> Derivatives:
    """All derivatives up to the fourth."""
    return derivatives_at(electrons(count, coupled).energy, STATES[state](count), 4)


@cache
def second(coupled: bool, axis: str) -> Derivatives:
    """Torque and Hessian of the trimer with all moments along an axis.

    Taken from four orders, which another test has compiled.
    """
    energy = electrons(3, coupled).energy
    return derivatives_at(energy, along(np.eye(3)["xyz".index(axis)], 3), 4).up_to(2)


def exponent(model, energy, directions, **options) -> float:
    found = tilt_errors(model, energy, directions, ANGLES, **options)
    assert found.rms[0] > 1e-13  # above rounding
    return float(np.log2(found.rms[1] / found.rms[0]))


# --- derivatives ------------------------------------------------------------------------------


def test_derivatives_are_those_of_nested_rotations():
    """Polarisation along paths against mixed derivatives taken one after the other."""
    energy, spins = electrons(3, True).energy, coplanar(3)
    found = fourth(3, True, "120 degrees")
    assert found.orders == (1, 2, 3, 4)
    np.testing.assert_allclose(found.torque, torque(energy, spins), atol=1e-13)
    curvature = np.asarray(hessian(energy, spins))
    for (i, j), block in ((s, b) for s, b in found.tensors.items() if len(s) == 2):
        np.testing.assert_allclose(block, curvature[i, :, j], atol=1e-13)
    sites = (0, 0, 1, 2)
    exact = rotation_tensor(electrons(3, True).about(spins, 4), spins, sites)
    assert np.abs(exact).max() > 1e-3
    np.testing.assert_allclose(found.tensors[sites], exact, atol=1e-12)


def test_errors_of_a_coarser_rule_bound_the_uncertainties():
    """The values of a fine and a coarse rule differ by less than what is said."""
    fine = electrons(3, True)
    system = random_cluster(23, 3, 1, spin_orbit=0.4, coupling=0.5)
    axis = imaginary_axis(system.fermi_energy, gap=0.1, bandwidth=10.0, accuracy=1e-4)
    coarse = LloydEnergy(system.host, system.scatterer, system.sites, axis)
    clusters = [(0, 1), (0, 2), (1, 2)]
    spins = along([0, 0, 1], 3)
    found = derivatives_at(fine.energy, spins, clusters=clusters, coarser=coarse.energy)
    template = all_clusters(3, ["exchange"])
    swapped = derivatives_at(coarse.energy, spins, clusters=clusters).tensors
    rough = match_derivatives(template, [Derivatives(spins, swapped, found.errors)])
    exact = match_derivatives(template, [second(True, "z").of(clusters)])
    wrong = np.abs(rough.model["exchange"].values - exact.model["exchange"].values)
    bound = np.asarray(rough.model["exchange"].errors)
    assert np.all(wrong > 0)
    assert np.all(wrong <= bound * (1 + 1e-6))
    assert np.all(np.isnan(np.asarray(exact.model["exchange"].errors)))


# --- electrons: two spins -----------------------------------------------------------------------


@pytest.mark.parametrize("closed", [False, True])
def test_one_collinear_state_gives_the_exchange_of_liechtenstein(closed):
    """J, D along the moments, S and A of ordered pairs with a minus sign: half, and negative."""
    lloyd, spins = electrons(3, True), along([0, 0, 1], 3)
    record = second(True, "z")
    if closed:
        curvature, error = closed_hessian(lloyd, spins)
        field = effective_field(lloyd.energy, spins)
        record = Derivatives.from_hessian(spins, curvature, field=field, error=error)
    found = match_derivatives(all_clusters(3, TWO_SPINS), [record])
    known = transverse_exchange(lloyd, spins, PAIRS).value
    model = found.model
    tensor = np.asarray(model["exchange"].values)[:, None, None] * np.eye(3)
    tensor = -0.5 * (tensor + np.asarray(model["anisotropic_exchange"].values))
    np.testing.assert_allclose((tensor[:, 0, 0] + tensor[:, 1, 1]) / 2, known.J, atol=1e-9)
    np.testing.assert_allclose((tensor[:, 0, 0] - tensor[:, 1, 1]) / 2, known.S, atol=1e-9)
    np.testing.assert_allclose(tensor[:, 0, 1], known.A, atol=1e-9)
    vectors = -0.5 * np.asarray(model["dzyaloshinskii_moriya"].values)
    np.testing.assert_allclose(vectors[:, 2], known.D, atol=1e-9)
    assert min(np.abs(part).max() for part in known) > 1e-5
    np.testing.assert_allclose(found.torques[0], torque(lloyd.energy, spins), atol=1e-12)
    # One state does not see D across the moments: not determined, and said to be.
    unknown = np.isinf(np.asarray(found.model["dzyaloshinskii_moriya"].errors))
    np.testing.assert_array_equal(unknown | closed, np.tile([True, True, closed], (3, 1)))
    named = {label for combination in found.ambiguities for label in combination}
    assert {"dzyaloshinskii_moriya 0-1 x", "dzyaloshinskii_moriya 1-2 y"} <= named
    assert "dzyaloshinskii_moriya 0-1 z" not in named


def test_three_states_determine_all_that_two_spins_can_be():
    """Nine numbers of a pair, six of a site: D is that of its components along the moments."""
    records = [second(True, axis) for axis in "xyz"]
    template = all_clusters(3, TWO_SPINS)
    found = match_derivatives(template, records, strict=True)
    assert (found.rank, found.ambiguities) == (3 * (3 + 5) + 3 * (1 + 3 + 5), ())
    assert match_derivatives(template, records[:1]).rank < found.rank
    lloyd = electrons(3, True)
    components = [transverse_exchange(lloyd, r.directions, PAIRS).value.D for r in records]
    vectors, _ = dmi_vectors(PAIRS, np.eye(3), components)
    between = all_clusters(3, ["exchange", "dzyaloshinskii_moriya", "anisotropic_exchange"])
    matched = match_derivatives(between, [r.of(PAIRS) for r in records], strict=True).model
    ours = -0.5 * np.asarray(matched["dzyaloshinskii_moriya"].values)
    np.testing.assert_allclose(ours, vectors, atol=1e-12)
    assert np.abs(vectors).min() > 1e-6


def test_without_spin_orbit_coupling_the_model_turns_freely():
    """All two-spin classes are offered to three states; but for J they come out zero."""
    found = match_derivatives(
        all_clusters(3, TWO_SPINS), [second(False, axis) for axis in "xyz"], strict=True
    )
    scale = float(np.abs(found.model["exchange"].values).max())
    assert scale > 1e-3
    assert max(found.misfit.values()) < 1e-12 * scale
    spins = random_spins(3, 5, 3)
    turned = spins @ Rotation.random(random_state=4).as_matrix().T
    change = found.model.energy(turned) - found.model.energy(spins)
    np.testing.assert_allclose(change, 0, atol=1e-12 * scale)
    for name in ("field", "anisotropy", "dzyaloshinskii_moriya", "anisotropic_exchange"):
        np.testing.assert_allclose(found.model[name].values, 0, atol=1e-12 * scale)


# --- electrons: how the error of the energy grows -----------------------------------------------


@pytest.mark.parametrize("count", [3, 4])
def test_errors_of_a_free_magnet(count):
    """Collinear without spin-orbit coupling: rotation by pi about the moments forbids odd orders.

    Two orders matched leave theta^4, four leave theta^6. B's classes contain all polynomials of
    two scalar products, and so all fourth derivatives at the ferromagnet.
    """
    energy, record = electrons(count, False).energy, fourth(count, False, "ferromagnet")
    two = match_derivatives(all_clusters(count, ISOTROPIC[:1]), [record.up_to(2)], strict=True)
    assert exponent(two.model, energy, record.directions) == pytest.approx(4, abs=0.3)
    four = match_derivatives(all_clusters(count, ISOTROPIC), [record], strict=True)
    assert max(four.misfit.values()) < 1e-12
    assert exponent(four.model, energy, record.directions) == pytest.approx(6, abs=0.3)


@pytest.mark.parametrize("count", [3, 4])
def test_errors_about_120_degrees(count):
    """No rotation turns all deviations of non-collinear spins round: third orders are not zero.

    Two orders matched leave theta^3, four theta^5. Exchange alone cannot match two orders there,
    and B's classes cannot match four: they have as many numbers as at the ferromagnet, the
    energy has more.
    """
    energy, record = electrons(count, False).energy, fourth(count, False, "120 degrees")
    third = max(np.abs(t).max() for sites, t in record.tensors.items() if len(sites) == 3)
    assert third > 1e-3
    alone = match_derivatives(all_clusters(count, ISOTROPIC[:1]), [record.up_to(2)])
    assert alone.misfit[2] > 1e-4
    two = match_derivatives(all_clusters(count, ISOTROPIC), [record.up_to(2)])
    assert max(two.misfit.values()) < 1e-12
    assert exponent(two.model, energy, record.directions) == pytest.approx(3, abs=0.3)
    assert match_derivatives(all_clusters(count, ISOTROPIC), [record]).misfit[4] > 1e-5
    if count == 3:
        tensors = match_derivatives(all_clusters(3, ["tensor4"]), [record])
        assert max(tensors.misfit.values()) < 1e-12
        assert exponent(tensors.model, energy, record.directions) == pytest.approx(5, abs=0.3)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("count", [3, 4])
def test_errors_with_spin_orbit_coupling(count, state):
    """Full tensors can match everything: what is left is the next order, theta^3 and theta^5."""
    energy, record = electrons(count, True).energy, fourth(count, True, state)
    two = match_derivatives(all_clusters(count, ["tensor2"]), [record.up_to(2)])
    assert max(two.misfit.values()) < 1e-12
    assert exponent(two.model, energy, record.directions) == pytest.approx(3, abs=0.3)
    if (count, state) == (4, "120 degrees"):
        return  # as slow as the ferromagnet, and no other route
    four = match_derivatives(all_clusters(count, ["tensor4"]), [record])
    assert max(four.misfit.values()) < 1e-12
    assert exponent(four.model, energy, record.directions) == pytest.approx(5, abs=0.3)


def test_a_frozen_surrounding_is_a_site_that_does_not_move():
    """Three of four spins turn; (S_i.S_j)(S_k.S_l) with S_l at rest is a term of three spins."""
    energy, whole = electrons(4, False).energy, fourth(4, False, "ferromagnet")
    record = whole.of([sites for sites in whole.tensors if 3 not in sites])
    spins, moving = record.directions, (0, 1, 2)
    two = match_derivatives(
        all_clusters(4, ["field", "exchange"]).with_terms(
            [Term("field", [[0], [1], [2]], np.zeros((3, 3))), Term("exchange", PAIRS, np.zeros(3))]
        ),
        [record.up_to(2)],
    )
    assert max(two.misfit.values()) < 1e-12
    np.testing.assert_allclose(np.asarray(two.model["field"].values)[:, :2], 0, atol=1e-14)
    assert np.abs(two.model["field"].values).max() > 1e-4
    assert exponent(two.model, energy, spins, sites=moving) == pytest.approx(4, abs=0.3)
    four = match_derivatives(all_clusters(4, ISOTROPIC), [record])
    assert max(four.misfit.values()) < 1e-12
    assert exponent(four.model, energy, spins, sites=moving) == pytest.approx(6, abs=0.3)


# --- electrons: the trimer on a Rashba gas ------------------------------------------------------

CORNERS = np.pi / 2 + 2 * np.pi * np.arange(3) / 3
TRIMER = 4.0 / np.sqrt(3) * np.stack([np.cos(CORNERS), np.sin(CORNERS)], axis=1)
GAS = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
J_SD = 15.48356  # eV angstrom^2, the first minimum of J_iso is -1 meV


def rashba(scale: float) -> LloydEnergy:
    return LloydEnergy(GAS, ContactCoupling(scale * J_SD), TRIMER, onsite=False)


@cache
def two_spin_exchange(scale: float, axis: str) -> Derivatives:
    spins = along(np.eye(3)["xyz".index(axis)], 3)
    return derivatives_at(rashba(scale).energy, spins)


def test_exchange_at_the_ferromagnet_contains_four_spins():
    """J of the matched model is J + 2 (B + B3) of the expansion about S = 0.

    In the convention of Brinker et al., Sect. VII, every bond of the trimer is in two three-site
    terms. The named couplings leave out what four spins have beyond them, of second order in
    spin-orbit coupling. The expansion to four spins leaves out six: smaller by the coupling
    squared.
    """
    missed = []
    loops = [pairs(TRIMER), *(contracted_loops(TRIMER, n) for n in ("biquadratic", "three_site"))]
    template = all_clusters(3, ["exchange", "dzyaloshinskii_moriya", "anisotropic_exchange"])
    for scale in (0.1, 0.2):
        matched = match_derivatives(template, [two_spin_exchange(scale, "z").of(PAIRS)]).model
        found = compute_interactions(GAS, ContactCoupling(scale * J_SD), TRIMER, loops)
        expanded = from_interactions(found)
        bare = resolve(expanded).model
        bond = by_pair(bare["exchange"]) + across(bare)
        added = 2 * by_pair(bare["biquadratic"]) + by_pair(bare["three_site"])
        ours = by_pair(matched["exchange"]) + across(matched)
        np.testing.assert_allclose(ours - bond, added, rtol=0.01)
        np.testing.assert_allclose(
            by_pair(bare["three_site"]), 4 * by_pair(bare["biquadratic"]), rtol=0.01
        )
        state = along([0, 0, 1], 3)
        tensors = derivatives_at(plain(expanded), state, clusters=PAIRS).tensors
        whole = [np.trace(tensors[tuple(pair)]) / 2 for pair in PAIRS.tolist()]
        missed.append(np.abs(ours - whole).max() / np.abs(added).max())
    assert missed[1] < 0.01
    assert np.log2(missed[1] / missed[0]) == pytest.approx(2, abs=0.1)


def by_pair(term: Term) -> np.ndarray:
    """Sum over the rows that contain a bond: the first two sites, or the last two."""
    total = np.zeros(len(PAIRS))
    for sites, value in zip(term.clusters.sites.tolist(), np.asarray(term.values), strict=True):
        bonds = [{*sites[n : n + 2]} for n in range(len(sites) - 1)]
        total += value * np.array([{*pair} in bonds for pair in PAIRS.tolist()])
    return total


def across(model: SpinModel) -> np.ndarray:
    """What the anisotropic exchange adds to J across moments along z: half of its trace there."""
    term = model["anisotropic_exchange"]
    return by_pair(Term("exchange", term.clusters.sites, -np.asarray(term.values)[:, 2, 2] / 2))


def test_symmetry_adds_what_states_do_not_see():
    """Of the trimer's D, moments along x see the part across the bonds, along z the rest."""
    group = cluster_symmetry(TRIMER, point_group("C3v"))
    template = all_clusters(3, ["exchange", "dzyaloshinskii_moriya", "anisotropic_exchange"])
    records = [two_spin_exchange(0.1, axis).of(PAIRS) for axis in "xz"]
    free = match_derivatives(template, records)
    bound = match_derivatives(template, records, symmetry=group)
    assert np.isinf(np.asarray(free.model["dzyaloshinskii_moriya"].errors)).any()
    assert not np.isinf(np.asarray(bound.model["dzyaloshinskii_moriya"].errors)).any()
    for name, broken in residual(bound.model, group).items():
        assert broken.largest < 1e-10 * broken.scale, name
    vectors = np.asarray(bound.model["dzyaloshinskii_moriya"].values)
    _, known = records
    seen = match_derivatives(template, [known]).model["dzyaloshinskii_moriya"].values
    np.testing.assert_allclose(np.abs(vectors[:, 2]), np.abs(seen[:, 2]), rtol=1e-9)


# --- known spin models ------------------------------------------------------------------------


def random_model(count: int, names) -> SpinModel:
    rng = np.random.default_rng(8)
    template = all_clusters(count, names)
    terms = []
    for term in template.terms:
        values = rng.normal(size=term.values.shape) * 1e-3
        if term.name in ("anisotropy", "anisotropic_exchange"):
            values = (values + np.swapaxes(values, -1, -2)) / 2
            values -= np.trace(values, axis1=-2, axis2=-1)[:, None, None] * np.eye(3) / 3
        terms.append(Term(term.name, term.clusters.sites, values))
    return template.with_terms(terms)


def plain(model: SpinModel):
    """The energy as a bare polynomial, which compiles faster than that of the model."""

    return jax.tree_util.Partial(polynomial, model)


def polynomial(model: SpinModel, spins):
    total = 0.0
    for term in model.terms:
        slots, _ = term.slots()
        vectors = [tuple(spins[at].T) for at in slots.T]
        total += jnp.sum(term.spin_class.form(jnp.moveaxis(term.values, 0, -1), vectors))
    return total


def test_known_models_are_recovered():
    """All classes of four spins and the zero of energy, from three orders at five states."""
    model, states = random_model(3, FOUR_SPINS), random_spins(1, 5, 3)
    bare = plain(model)
    np.testing.assert_allclose(bare(states[0]), model.energy(states[0]), rtol=1e-13)

    def energy(spins):  # compiled once for all states
        return bare(spins) + 0.7

    clusters = [(), *second(True, "z").tensors, (0, 0, 1), (0, 1, 1), (0, 1, 2), (1, 2, 2)]
    references = [derivatives_at(energy, s, clusters=clusters) for s in states]
    found = match_derivatives(model, references, strict=True)
    assert found.offset == pytest.approx(0.7, abs=1e-12)
    assert found.surplus > 0
    for term in model.terms:
        np.testing.assert_allclose(found.model[term.name].values, term.values, atol=1e-12)
    assert max(found.misfit.values()) < 1e-13
    assert "0 ambiguous" in str(found)


OTHERS = {
    "scalar_chirality": [[0, 1, 2], [3, 1, 0]],
    "spin_chiral": [[0, 1, 2, 3]],
    "tensor3": [[0, 1, 2], [0, 1, 1]],
    "six_spin": [[0, 1, 2, 0, 1, 2], [0, 1] * 3],
    "chiral_six_spin": [[0, 1, 2, 0, 1, 2], [0, 1] * 3],
    "chiral_chiral": [[0, 1, 2, 0, 2, 1]],
    "tensor6": [[0, 1, 2, 0, 2, 1]],
}


@pytest.mark.parametrize("name", OTHERS)
def test_columns_are_derivatives_of_the_model(name):
    """Odd and six spins, repeated sites: the design against differentiation of the form itself."""
    sites = OTHERS[name]
    values = np.random.default_rng(2).normal(size=(len(sites), *CLASSES[name].shape))
    model = SpinModel([Term(name, sites, values)], site_count=4)
    clusters = [(0,), (0, 2), (1, 1)]
    reference = derivatives_at(plain(model), random_spins(5, 4), clusters=clusters)
    found = match_derivatives(model, [reference])
    assert max(found.misfit.values()) < 1e-10 * max(found.largest.values())
    assert min(found.largest.values()) > 0.01


# --- refusals -----------------------------------------------------------------------------------

Z = along([0, 0, 1], 2)
DIMER = SpinModel([Term("exchange", [[0, 1]], [0.01])])


def record(**changes) -> Derivatives:
    return Derivatives(Z, {(0, 1): np.eye(2), **changes.pop("tensors", {})}, **changes)


def test_what_is_not_determined_is_refused_if_asked():
    template = all_clusters(2, ["exchange", "dzyaloshinskii_moriya"])
    with pytest.raises(InputError, match=r"leave open: .*dzyaloshinskii_moriya 0-1 x.*symmetry"):
        match_derivatives(template, [record()], strict=True)
    with pytest.raises(InputError, match="`references` must hold .* one state at least"):
        match_derivatives(template, [])
    units = {"dzyaloshinskii_moriya": np.eye(3)[2:]}
    along_z = match_derivatives(template, [record()], units=units, strict=True)
    assert along_z.rank == 2
    with pytest.raises(InputError, match="`units` must not be given together with `symmetry`"):
        match_derivatives(template, [record()], units=units, symmetry=no_symmetry(2))


def test_wrong_sites_are_refused():
    with pytest.raises(InputError, match="`references` must have 3 sites like the template"):
        match_derivatives(all_clusters(3, ["exchange"]), [record()])
    chain = SpinModel(
        [Term("exchange", [[0, 0]], [1.0], [[[0], [1]]])], lattice=Lattice([[1.0]], [[0.0]])
    )
    with pytest.raises(InputError, match="`template` must be a finite cluster"):
        match_derivatives(chain, [record()])
    with pytest.raises(InputError, match="`directions` must have shape"):
        tilt_errors(DIMER, DIMER.energy, along([0, 0, 1], 3), [0.1])
    with pytest.raises(InputError, match="`clusters` must name sites from 0 to 1"):
        derivatives_at(DIMER.energy, Z, clusters=[(0, 2)])
    with pytest.raises(InputError, match="`clusters` must hold one cluster at least"):
        derivatives_at(DIMER.energy, Z, clusters=[])
    with pytest.raises(InputError, match="`order` must be an integer of at least 1"):
        derivatives_at(DIMER.energy, Z, 0)
    with pytest.raises(InputError, match="`directions` must hold unit vectors"):
        derivatives_at(DIMER.energy, 2 * Z)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({(1, 0): np.eye(2)}, "ascending order"),
        ({(0, 2): np.eye(2)}, "name sites from 0 to 1"),
        ({(0,): np.eye(2)}, r"shape \(2,\) for the sites \(0,\)"),
        ({(0, 0): np.array([[0.0, 1.0], [0.0, 0.0]])}, "symmetric in the components"),
        ({(0,): np.array([np.nan, 0.0])}, "finite"),
    ],
)
def test_wrong_tensors_are_refused(tensors, message):
    with pytest.raises(InputError, match=message):
        record(tensors=tensors)


def test_wrong_records_are_refused():
    with pytest.raises(InputError, match="`tensors` must hold one derivative"):
        Derivatives(Z, {})
    with pytest.raises(InputError, match=r"`directions` must have shape \(site, 3\)"):
        Derivatives(Z[None], {(0, 1): np.eye(2)})
    with pytest.raises(InputError, match="`errors` must hold the sites of `tensors`"):
        record(errors={(0,): np.zeros(2)})
    with pytest.raises(InputError, match=r"`hessian` must have shape \(2, 2, 2, 2\)"):
        Derivatives.from_hessian(Z, np.zeros((4, 4)))
    with pytest.raises(InputError, match="`clusters` must hold known derivatives"):
        record().of([(0,)])
    assert np.isnan(record().torque).all()
    assert jnp.ndim(record().tensors[0, 1]) == 2


def test_results_have_their_types():
    model = SpinModel([Term("exchange", [[0, 1]], [-0.01])])
    found = match_derivatives(model, [derivatives_at(model.energy, Z)])
    assert isinstance(found, MatchResult) and found.rank == 1
    errors = tilt_errors(found.model, model.energy, Z, [0.3], count=3)
    assert isinstance(errors, TiltErrors) and errors.largest[0] < 1e-15 < errors.cost[0]


@pytest.mark.parametrize("name", ["field", "chiral_three_site", "scalar_chirality"])
def test_unit_tensors_are_those_of_the_terms(name):
    spin_class = CLASSES[name]
    value = np.random.default_rng(9).normal(size=spin_class.shape)
    exact = Term(name, [list(range(spin_class.site_count))], value[None]).tensor()[0]
    found = np.tensordot(value.ravel(), unit_tensors(name), 1)
    np.testing.assert_allclose(found, exact, atol=1e-12)
