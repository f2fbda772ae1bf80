"""Fits of spin models: what is put in comes out, and errors are what they claim to be."""

from dataclasses import replace
from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest
from problems import random_cluster, random_spins
from scipy.stats import chi2

from msgreen import LloydEnergy, effective_field
from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spinmodel import CLASSES, SpinModel, Term, cluster_symmetry, symmetrise
from msgreen.spinmodel.fitting import (
    LADDER,
    Configurations,
    CrossValidation,
    FitErrors,
    FitResult,
    Samples,
    all_clusters,
    constraining_fields,
    cross_validate,
    cube_directions,
    cube_weights,
    fit,
    fit_by_class,
    inequivalent_configurations,
    sample_directions,
)
from msgreen.spinmodel.fitting.design import (
    Free,
    columns,
    design_of,
    evaluate,
    free_values,
    labels,
    tangential,
)
from msgreen.spinmodel.fitting.least_squares import SINGULAR, Solution, solve
from msgreen.spinmodel.symmetry import count_parameters, point_group

EVERYTHING = [name for step in LADDER.values() for name in step if name != "field"]
TRIMER = np.array([[np.cos(a), np.sin(a)] for a in np.pi / 2 + 2 * np.pi / 3 * np.arange(3)])
SQUARE = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])


def corner_frame() -> np.ndarray:
    """A cube on its corner: its space diagonal along z, the mirror of the trimer along x."""
    rows = np.array([[1.0, -1, 0], [1, 1, -2], [1, 1, 1]])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def turned(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def filled(template: SpinModel, seed: int, scale: float = 0.01) -> SpinModel:
    """The template with random values that its parameters can take, in eV."""
    rng = np.random.default_rng(seed)
    terms = []
    for part in map(free_values, template.terms):
        values = np.tensordot(scale * rng.normal(size=len(part.basis)), part.basis, axes=1)
        terms.append(Term(part.term.name, part.term.clusters.sites, values))
    return template.with_terms(terms)


def measured(model: SpinModel, directions, offset: float = 0.0) -> Samples:
    """Samples of a model; the fields keep their radial part, which must not matter."""
    energies, gradients = evaluate(model, directions)
    return Samples(directions, energies + offset, gradients)


def noisy(samples: Samples, sigma: float, seed: int) -> Samples:
    noise = sigma * np.random.default_rng(seed).normal(size=samples.fields.shape)
    return Samples(samples.directions, samples.energies, samples.fields + noise)


# --- configurations ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("positions", "group", "frame", "published"),
    [
        (TRIMER, "C3v", corner_frame(), 252),
        (SQUARE, "C4v", np.eye(3), 2513),
        (SQUARE, "C4v", turned(np.pi / 4), 2541),
    ],
)
def test_inequivalent_configurations_are_those_of_burnside(positions, group, frame, published):
    symmetry = cluster_symmetry(positions, point_group(group))
    choices = cube_directions(frame)
    fixed = 0
    for rotation, permutation in zip(symmetry.rotations, symmetry.permutations, strict=True):
        for sign in (1, -1):
            trace = 1
            for cycle in cycles(permutation):
                power = np.linalg.matrix_power(sign * rotation, len(cycle))
                trace *= np.count_nonzero(np.abs(choices @ power.T - choices).max(axis=1) < 1e-9)
            fixed += trace
    found = inequivalent_configurations(len(positions), choices, symmetry)
    assert isinstance(found, Configurations)
    assert len(found.directions) == fixed / (2 * len(symmetry)) == published
    assert found.counts.sum() == 14 ** len(positions)
    drawn = sample_directions(
        len(positions), 250, kind="product", choices=choices, symmetry=symmetry, seed=1
    )
    assert drawn.shape == (250, len(positions), 3)


def cycles(permutation) -> list[set[int]]:
    found = []
    for start in range(len(permutation)):
        site, cycle = start, set()
        while site not in cycle:
            cycle.add(site)
            site = int(permutation[site])
        if cycle not in found:
            found.append(cycle)
    return found


def test_a_cube_that_does_not_share_the_symmetry_is_refused():
    symmetry = cluster_symmetry(TRIMER, point_group("C3v"))
    with pytest.raises(InputError, match="mapped onto themselves"):
        sample_directions(3, kind="product", symmetry=symmetry)


@pytest.mark.parametrize(("kind", "tolerance"), [("random", 0.06), ("quasi_random", 0.003)])
def test_directions_are_uniform(kind, tolerance):
    spins = sample_directions(2, 2000, kind=kind, seed=3)
    assert np.abs(np.linalg.norm(spins, axis=-1) - 1).max() < 1e-12
    assert np.abs(spins.mean(axis=0)).max() < tolerance
    moments = np.einsum("cia,cjb->iajb", spins, spins) / len(spins)
    expected = np.einsum("ij,ab->iajb", np.eye(2), np.eye(3)) / 3
    assert np.abs(moments - expected).max() < tolerance
    assert np.array_equal(spins, sample_directions(2, 2000, kind=kind, seed=3))


def test_weighted_cube_averages_fifth_degree_exactly():
    frame = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    spins = cube_directions(frame)[:, None]
    weights = cube_weights(spins, frame)
    assert weights.sum() == pytest.approx(14)
    for powers in product(range(6), repeat=3):
        if sum(powers) <= 5:
            mean = np.mean(weights * np.prod(spins[:, 0] ** np.array(powers), axis=1))
            assert mean == pytest.approx(sphere_mean(powers), abs=1e-15)


def sphere_mean(powers) -> float:
    """Mean of x^a y^b z^c over the unit sphere: (a-1)!! (b-1)!! (c-1)!! / (a+b+c+1)!!."""
    if any(p % 2 for p in powers):
        return 0.0

    def double_factorial(n):
        return float(np.prod(np.arange(n, 0, -2)))

    return np.prod([double_factorial(p - 1) for p in powers]) / double_factorial(sum(powers) + 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "grid", "count": 3}, "`kind`"),
        ({"kind": "random"}, "`count`"),
        ({"kind": "random", "count": 3, "choices": np.eye(3)}, "`choices`"),
        ({"kind": "product", "count": 2000}, "must not exceed"),
        ({"kind": "product", "choices": np.eye(3)}, "mapped onto themselves"),
        ({"kind": "product", "choices": 2 * np.eye(3)}, "unit vectors"),
    ],
)
def test_wrong_sampling_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        sample_directions(3, **options)


def test_too_large_a_product_is_refused():
    with pytest.raises(InputError, match=r"14\^7"):
        sample_directions(7, 10, kind="product")
    with pytest.raises(InputError, match="`frame`"):
        cube_directions(2 * np.eye(3))


# --- constraining fields ----------------------------------------------------------------------


def test_fields_are_finite_differences_of_the_lloyd_energy():
    system = random_cluster(5, sites=3)
    energy = LloydEnergy(system.host, system.scatterer, system.sites)
    spins = random_spins(2, 3, 3)
    found = constraining_fields(energy, spins, block=2)
    assert np.abs(found.energies - np.asarray(energy(spins))).max() < 1e-13
    assert np.abs(np.sum(found.fields * spins, axis=-1)).max() < 1e-14
    assert np.abs(found.fields[1] - effective_field(energy.energy, spins[1])).max() < 1e-13
    site, step = 1, 1e-3
    along = found.fields[:, site] / np.linalg.norm(found.fields[:, site], axis=1, keepdims=True)

    def moved(angle):
        turned = spins.copy()
        turned[:, site] = np.cos(angle) * spins[:, site] + np.sin(angle) * along
        return np.asarray(energy(turned))

    coarse = (moved(2 * step) - moved(-2 * step)) / (4 * step)
    slope = (4 * (moved(step) - moved(-step)) / (2 * step) - coarse) / 3
    assert np.abs(slope - np.linalg.norm(found.fields[:, site], axis=1)).max() < 1e-9


def test_any_function_has_constraining_fields():
    spins = random_spins(3, 5, 2, 3)[:, :, 0]

    def energy(s):
        return jnp.sum(s[0] * s[1]) ** 2

    found = constraining_fields(energy, spins)
    dot = np.sum(spins[:, 0] * spins[:, 1], axis=1)[:, None]
    expected = 2 * dot * (spins[:, 1] - dot * spins[:, 0])
    assert np.abs(found.fields[:, 0] - expected).max() < 1e-14
    with pytest.raises(InputError, match="one configuration"):
        constraining_fields(energy, spins[0])


# --- columns ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in CLASSES if name != "tensor6"])
def test_columns_are_the_model_for_unit_values(name):
    spin_class = CLASSES[name]
    rng = np.random.default_rng(7)
    sites = [list(range(spin_class.site_count)), list(range(spin_class.site_count))[::-1]]
    term = Term(name, sites, 0.01 * rng.normal(size=(2, *spin_class.shape)))
    spins = random_spins(8, 4, max(spin_class.site_count, 2))
    free = free_values(term)._replace(basis=np.asarray(term.values)[None])
    energy, gradient = columns(free, spins)
    model = SpinModel([term], site_count=spins.shape[1])
    expected = model.energy_and_gradient(spins)
    assert np.abs(energy[0] - expected[0]).max() < 1e-15
    assert np.abs(gradient[0] - expected[1]).max() < 1e-15
    assert np.abs(evaluate(model, spins)[1] - expected[1]).max() < 1e-15


def test_design_puts_the_columns_of_all_terms_below_each_other():
    spins = random_spins(8, 4, 3)
    free = [free_values(term) for term in all_clusters(3, ["field", "exchange"]).terms]
    energies, fields = design_of(free, spins)
    assert energies.shape == (9 + 3, 4) and fields.shape == (9 + 3, 4, 6)
    model = SpinModel([Term("field", [[0]], [[0, 0.1, 0]]), Term("exchange", [[1, 2]], [0.2])])
    weights = np.zeros(12)
    pairs = free[1].term.clusters.sites.tolist()
    weights[1], weights[9 + pairs.index([1, 2])] = 0.1, 0.2
    energy, gradient = evaluate(model, spins)
    np.testing.assert_allclose(weights @ energies, energy, atol=1e-15)
    wanted = tangential(spins, gradient).reshape(4, 6)
    np.testing.assert_allclose(np.tensordot(weights, fields, 1), wanted, atol=1e-15)


@pytest.mark.parametrize("function", [fit_by_class, cross_validate])
def test_misspelt_options_are_refused_by_the_function_that_was_called(function):
    template = all_clusters(2, ["exchange"])
    samples = measured(SpinModel([Term("exchange", [[0, 1]], [0.1])]), random_spins(9, 6, 2))
    with pytest.raises(TypeError, match=rf"{function.__name__}\(\) got an unexpected.*'weigths'"):
        function(template, samples, weigths=np.ones(6))


def test_columns_of_a_lattice():
    lattice = Lattice.square()
    cells = [[[0, 0], [1, 0], [1, 1]], [[0, 0], [0, 1], [-1, 0]]]
    term = Term("chiral_three_site", np.zeros((2, 3), int), 0.01 * np.eye(3)[:2], cells)
    spins = random_spins(9, 2, 3, 4, 1)
    found = fit(
        SpinModel([term], lattice=lattice), measured(SpinModel([term], lattice=lattice), spins)
    )
    assert np.abs(np.asarray(found.model["chiral_three_site"].values) - term.values).max() < 1e-15
    assert found.freedom == 2 * 12 * 2 - 6


# Brinker et al., Sect. III: clusters of a trimer, and the numbers that C3v leaves to choose.
TRIMER_COUNTS = {
    "anisotropy": (3, 3),
    "exchange": (3, 1),
    "dzyaloshinskii_moriya": (3, 2),
    "anisotropic_exchange": (3, 3),
    "biquadratic": (3, 1),
    "chiral_biquadratic": (3, 2),
    "three_site": (3, 1),
    "chiral_three_site": (6, 3),
}
# The same of a tetramer and C4v.
TETRAMER_COUNTS = {
    "anisotropy": (4, 3),
    "exchange": (6, 2),
    "dzyaloshinskii_moriya": (6, 3),
    "anisotropic_exchange": (6, 5),
    "biquadratic": (6, 2),
    "chiral_biquadratic": (6, 3),
    "three_site": (12, 2),
    "chiral_three_site": (24, 9),
    "four_site": (3, 2),
    "chiral_four_site": (6, 3),
}


@pytest.mark.parametrize(
    ("positions", "group", "counts"),
    [(TRIMER, "C3v", TRIMER_COUNTS), (SQUARE, "C4v", TETRAMER_COUNTS)],
    ids=["trimer", "tetramer"],
)
def test_clusters_and_free_parameters_are_those_of_brinker(positions, group, counts):
    symmetry = cluster_symmetry(positions, point_group(group))
    template = all_clusters(len(positions), EVERYTHING)
    counted = count_parameters(template, symmetry)
    found = {}
    for term in template.terms:
        free = len(free_values(term, symmetry).basis)
        assert free == counted[term.name].parameters
        found[term.name] = (len(term.clusters), free)
    assert found == counts


def test_parameters_have_names():
    template = all_clusters(3, ["exchange", "dzyaloshinskii_moriya", "anisotropic_exchange"])
    names = labels([free_values(term) for term in template.terms])
    assert names[1] == "exchange 0-2"
    assert "dzyaloshinskii_moriya 1-2 y" in names
    assert "anisotropic_exchange 0-1 #3" in names
    symmetry = cluster_symmetry(TRIMER, point_group("C3v"))
    free = free_values(template["exchange"], symmetry)
    assert isinstance(free, Free)
    assert labels([free]) == ["exchange #0"]


def test_tangential_components_keep_lengths():
    spins, vectors = random_spins(30, 50, 2), random_spins(31, 50, 2)
    inside = tangential(spins, vectors)
    assert np.abs(tangential(spins, spins)).max() < 1e-15
    radial = np.sum(spins * vectors, axis=-1)
    assert np.abs(np.sum(inside**2, axis=-1) + radial**2 - 1).max() < 1e-14


def test_least_squares_of_a_known_problem():
    """Two columns that differ in scale, one that repeats the first, and one of zeros."""
    rng = np.random.default_rng(32)
    columns = rng.normal(size=(12, 2)) * [1.0, 1e6]
    matrix = np.column_stack([columns, 2 * columns[:, 0], np.zeros(12)])
    found = solve(matrix, columns @ [3.0, 4.0], ["a", "b", "c", "d"])
    assert isinstance(found, Solution)
    assert found.rank == 2
    assert np.abs(matrix @ found.parameters - columns @ [3.0, 4.0]).max() < 1e-8
    errors = found.standard_errors(np.eye(4), 0)
    assert errors[1] < 1e-12
    assert np.all(np.isinf(errors[[0, 2, 3]]))
    zeros, repeated = sorted(found.ambiguities, key=len)
    assert set(zeros) == {"d"}
    assert repeated["a"] / repeated["c"] == pytest.approx(-2)
    assert found.condition < 1e3 < 1 / SINGULAR


def test_all_clusters_of_unknown_classes_are_refused():
    with pytest.raises(InputError, match="`names`"):
        all_clusters(3, ["heisenberg"])


# --- fits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [{}, {"energy_weight": 1.0}, {"field_weight": 0.0}])
def test_fit_recovers_every_class(weights):
    model = filled(all_clusters(4, EVERYTHING), 1)
    spins = random_spins(2, 320, 4)
    samples = Samples(spins, *map(np.asarray, model.energy_and_gradient(spins)))
    samples = replace(samples, energies=samples.energies + 0.3)
    if "field_weight" in weights:
        weights = {"field_weight": 0.0, "energy_weight": 2.0}
    found = fit(all_clusters(4, EVERYTHING), samples, **weights)
    assert isinstance(found, FitResult)
    for term in model.terms:
        miss = np.abs(np.asarray(found.model[term.name].values - term.values)).max()
        assert miss < 1e-12, term.name
        assert np.asarray(found.model[term.name].errors).max() < 1e-12
    assert found.offset == pytest.approx(0.3, abs=1e-12)
    assert found.rank == 203 + ("energy_weight" in weights)
    assert found.ambiguities == ()
    assert found.errors.energy_max < 1e-12
    assert found.test(samples[:7]).field_mae < 1e-12


def test_uncertainties_are_honest():
    """(x - x0) C^-1 (x - x0) follows chi^2, and every value its own normal distribution."""
    template = all_clusters(3, ["exchange", "dzyaloshinskii_moriya", "three_site", "anisotropy"])
    model = filled(template, 3)
    samples, sigma = measured(model, random_spins(4, 60, 3)), 1e-4
    squares, scaled = [], []
    for seed in range(40):
        found = fit(template, noisy(samples, sigma, 100 + seed))
        assert found.variance == pytest.approx(sigma**2, rel=0.35)
        assert sum(map(len, found.free.values())) == len(found.covariance) == found.rank == 30
        difference = np.concatenate(
            [np.asarray(found.model[t.name].values - t.values).ravel() for t in model.terms]
        )
        errors = np.concatenate(
            [np.asarray(found.model[t.name].errors).ravel() for t in model.terms]
        )
        scaled.append(difference / errors)
        parameters = difference_of_parameters(found, model)
        squares.append(parameters @ np.linalg.solve(found.covariance, parameters))
    low, high = chi2.ppf([0.001, 0.999], 30 * len(squares))
    assert low < np.sum(squares) < high
    assert np.abs(np.mean(np.square(scaled)) - 1) < 0.15


def difference_of_parameters(found: FitResult, model: SpinModel) -> np.ndarray:
    parts = []
    for name, basis in found.free.items():
        difference = np.asarray(found.model[name].values - model[name].values).ravel()
        flat = basis.reshape(len(basis), -1)
        parts.append(np.linalg.lstsq(flat.T, difference, rcond=None)[0])
    return np.concatenate(parts)


def test_what_cannot_be_told_apart_is_reported():
    """chi^2 = 1 + 2 (12)(23)(31) - (12)^2 - (23)^2 - (31)^2, Brinker et al. Eq. 54."""
    template = all_clusters(3, ["exchange", "biquadratic", "six_spin", "chiral_chiral"])
    samples = measured(filled(template, 5), random_spins(6, 80, 3))
    found = fit(template, samples)
    (ambiguity,) = found.ambiguities
    unit = ambiguity["chiral_chiral 0-1-2-0-1-2"]
    expected = {"six_spin 0-1-0-2-1-2": -2.0} | {
        f"biquadratic {p}": 1.0 for p in ("0-1", "0-2", "1-2")
    }
    assert {k: v / unit for k, v in ambiguity.items() if "chiral" not in k} == pytest.approx(
        expected
    )
    assert np.all(np.isinf(np.asarray(found.model["biquadratic"].errors)))
    assert np.all(np.asarray(found.model["exchange"].errors) < 1e-12)
    assert found.rank == 3 + 3 + 10
    assert found.errors.field_mae < 1e-15
    assert "1 ambiguous" in str(found)


def test_full_tensors_span_all_four_spin_functions():
    """Polynomials of degree 2 and 4 on two spheres, even under time reversal.

    By the orders l of the two spins: 1+1, 2, 2+2, 3+1 and 4 give 9 + 10 + 25 + 42 + 18
    independent functions.
    """
    template = all_clusters(2, ["tensor4"])
    found = fit(template, measured(filled(template, 8), random_spins(9, 120, 2)))
    assert len(template["tensor4"].clusters) == 5
    assert found.rank == 104
    assert len(found.ambiguities) == 5 * 81 - 104
    assert found.errors.field_mae < 1e-13


def test_symmetry_constrains_the_fit():
    symmetry = cluster_symmetry(TRIMER, point_group("C3v"))
    template = all_clusters(3, EVERYTHING)
    model = symmetrise(filled(template, 10), symmetry)
    samples = measured(model, random_spins(11, 12, 3))
    found = fit(template, samples, symmetry=symmetry)
    assert found.rank == 16
    spins = random_spins(12, 20, 3)
    assert np.abs(evaluate(found.model, spins)[0] - evaluate(model, spins)[0]).max() < 1e-14


def test_inequivalent_configurations_with_their_counts_stand_for_all():
    """Also for a model that the classes cannot hold, so that the fit is a compromise."""
    symmetry = cluster_symmetry(TRIMER, point_group("C3v"))
    whole = all_clusters(3, ["exchange", "dzyaloshinskii_moriya", "chiral_three_site", "six_spin"])
    model = symmetrise(filled(whole, 13), symmetry)
    template = all_clusters(3, ["exchange", "dzyaloshinskii_moriya"])
    choices = cube_directions(corner_frame())
    few, counts = inequivalent_configurations(3, choices, symmetry)
    every, equal = inequivalent_configurations(3, choices)
    assert set(equal) == {2}
    reduced = fit(template, measured(model, few), symmetry=symmetry, weights=counts)
    complete = fit(template, measured(model, every))
    spins = random_spins(14, 20, 3)
    difference = evaluate(reduced.model, spins)[0] - evaluate(complete.model, spins)[0]
    assert np.abs(difference).max() < 1e-14
    assert complete.errors.relative > 0.05


def test_weights_of_zero_leave_configurations_out():
    template = all_clusters(3, ["exchange", "anisotropy"])
    samples = noisy(measured(filled(template, 15), random_spins(16, 30, 3)), 1e-3, 0)
    weights = np.repeat([1.0, 0.0], 15)
    with_weights, without = fit(template, samples, weights=weights), fit(template, samples[:15])
    assert with_weights.freedom == without.freedom
    assert with_weights.variance == pytest.approx(without.variance, rel=1e-12)


def test_ladder_of_classes():
    model = filled(all_clusters(3, EVERYTHING), 17)
    samples = measured(model, random_spins(18, 40, 3))
    steps = fit_by_class(model, samples)
    assert list(steps) == ["two spins", "four spins, two sites", "three sites"]
    errors = [step.errors.field_rms for step in steps.values()]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-15
    assert steps["two spins"].model.classes == tuple(n for n in EVERYTHING[:4])


def test_cross_validation_predicts_the_error_of_new_configurations():
    """Noise and a class that is missing, with few data: the fit flatters itself."""
    template = all_clusters(3, EVERYTHING)
    model = filled(all_clusters(3, [*EVERYTHING, "six_spin"]), 19)
    samples = noisy(measured(model, random_spins(20, 40, 3)), 3e-3, 1)
    unseen = noisy(measured(model, random_spins(21, 2000, 3)), 3e-3, 2)
    found = fit(template, samples)
    truth = found.test(unseen)
    checked = cross_validate(template, samples, 10, seed=3)
    assert isinstance(checked, CrossValidation)
    assert isinstance(checked.errors, FitErrors)
    assert len(checked.folds) == 10
    assert found.errors.field_rms < 0.85 * truth.field_rms
    assert checked.errors.field_rms == pytest.approx(truth.field_rms, rel=0.15)
    assert checked.errors.energy_rms == pytest.approx(truth.energy_rms, rel=0.35)
    weighted = cross_validate(template, samples, 10, seed=3, weights=np.full(40, 2.0))
    assert weighted.errors.field_rms == pytest.approx(checked.errors.field_rms)


def test_printed_result():
    template = all_clusters(2, ["exchange", "dzyaloshinskii_moriya"])
    found = fit(template, measured(filled(template, 22), random_spins(23, 10, 2)))
    assert "4 independent parameters from 40 data" in str(found)
    assert "exchange" in str(found)


def test_fields_alone_and_energies_alone_suffice():
    template = all_clusters(2, ["exchange"])
    samples = measured(filled(template, 24), random_spins(25, 9, 2))
    fields = fit(template, Samples(samples.directions, fields=samples.fields))
    energies = fit(
        template, Samples(samples.directions, samples.energies), field_weight=0.0, energy_weight=1.0
    )
    assert float(fields.model["exchange"].values[0]) == pytest.approx(
        float(energies.model["exchange"].values[0]), abs=1e-15
    )
    assert fields.offset == 0.0
    assert np.isnan(fields.errors.energy_rms)
    assert np.isnan(energies.errors.field_mae)


SPINS = random_spins(26, 6, 2)
PAIR = all_clusters(2, ["exchange", "dzyaloshinskii_moriya"])
GOOD = Samples(SPINS, np.zeros(6), np.zeros((6, 2, 3)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Samples(2 * SPINS), "unit vectors"),
        (lambda: Samples(SPINS, np.zeros(5)), "`energies`"),
        (lambda: Samples(SPINS, fields=np.full((6, 2, 3), np.nan)), "finite"),
        (lambda: fit(PAIR, Samples(SPINS)), "must hold fields"),
        (lambda: fit(PAIR, GOOD, field_weight=0.0), "greater than zero"),
        (lambda: fit(PAIR, GOOD, field_weight=-1.0), "`field_weight` must not be negative"),
        (lambda: fit(PAIR, GOOD, weights=np.ones(3)), "`weights`"),
        (lambda: fit(all_clusters(2, EVERYTHING), GOOD[:1]), "more data"),
        (lambda: cross_validate(PAIR, GOOD, 7), "`folds`"),
    ],
)
def test_wrong_fits_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()
