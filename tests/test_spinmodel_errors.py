"""Errors of the values of a spin model: where they go, and that they bound what they should."""

import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.errors import InputError
from msgreen.io import dataset_of, export, read_model, write_dataset
from msgreen.lattice import Lattice
from msgreen.spin.tensors import pair_part_errors, pair_parts
from msgreen.spinmodel import SpinModel, Term, from_interactions, magnetic_cell, resolve, symmetrise
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms
from msgreen.spinmodel.symmetry import point_group
from msgreen.spinmodel.symmetry.images import carry, carry_errors, merge
from msgreen.spinmodel.symmetry.operations import cluster_symmetry, no_symmetry

TRIANGLE = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])


def interactions(rng, loops, scale, positions=None) -> tuple[Interactions, Interactions]:
    """Two sets whose tensors differ by less than the errors of the first."""
    exact, rough = [], []
    for array in loops:
        shape = (len(array), *(3,) * array.shape[1])
        axes = ("xyz",) * array.shape[1]
        tensor, error = rng.normal(size=shape), scale * rng.uniform(0.1, 1, size=shape)
        wrong = tensor + error * rng.uniform(-1, 1, size=shape)
        exact.append(Terms(array, {}, Coefficient(tensor, np.zeros(shape), axes)))
        rough.append(Terms(array, {}, Coefficient(wrong, error, axes)))
    return tuple(Interactions(tuple(t), positions=positions) for t in (exact, rough))


def assert_bounded(rough: SpinModel, exact: SpinModel):
    for term in rough.terms:
        change = np.abs(np.asarray(term.values - exact[term.name].values))
        assert np.all(change <= np.asarray(term.errors) * (1 + 1e-9) + 1e-13)
        assert change.max() > 0


def test_errors_of_interactions_reach_the_model_and_its_named_classes():
    rng = np.random.default_rng(3)
    loops = [np.array([[0, 1], [1, 2]]), np.array([[0, 1, 2, 3], [0, 2, 1, 3]])]
    exact, rough = map(from_interactions, interactions(rng, loops, 0.05))
    assert_bounded(rough, exact)
    assert_bounded(resolve(rough).model, resolve(exact).model)


def test_errors_of_pair_parts_are_reached_by_the_worst_tensor():
    rng = np.random.default_rng(6)
    errors = rng.uniform(size=(3, 3))
    signs = rng.choice([-1, 1], size=(4096, 3, 3))
    for part, bound in zip(pair_parts(signs * errors), pair_part_errors(errors), strict=True):
        assert np.all(np.abs(part) <= bound + 1e-12)
        reached = np.abs(part).max(axis=0) / bound
        # The isotropic part is taken off the diagonal of the symmetric one.
        assert np.all(reached > 0.3) and reached.max() > 0.99


def test_errors_that_are_not_finite_stay_with_their_component():
    term = Term("dzyaloshinskii_moriya", [[1, 0]], [[1.0, 1.0, 1.0]])
    images = carry(term.clusters, term.name, no_symmetry(2, 0))
    found = carry_errors(term.name, [[np.inf, np.nan, 0.5]], np.eye(3)[None], images)
    assert np.array_equal(found, [[np.inf, np.nan, 0.5]], equal_nan=True)


def test_errors_of_contracted_loops_reach_the_classes_of_fewer_spins():
    rng = np.random.default_rng(4)
    loops = [np.array([[0, 1, 0, 1]])]
    exact, rough = map(from_interactions, interactions(rng, loops, 0.05))
    assert_bounded(resolve(rough).model, resolve(exact).model)


def test_equivalent_clusters_that_disagree_raise_the_error_of_their_mean():
    chain = Lattice.chain(1.0)
    positions = np.arange(3.0)[:, None] * np.ones((1, 1))
    tensor = np.stack([np.eye(3), 1.01 * np.eye(3)])
    pair = Terms(np.array([[0, 1], [1, 2]]), {}, Coefficient(tensor, 1e-4 * np.ones((2, 3, 3))))
    found = Interactions((pair,), positions=positions)
    model = from_interactions(found, chain, tolerance=0.1)
    assert np.isclose(float(model["exchange"].values[0]), 1.005)
    assert np.isclose(float(model["exchange"].errors[0]), 0.005)
    assert np.isclose(float(model["anisotropic_exchange"].errors[0, 0, 1]), 1e-4)


def test_errors_of_merged_rows_add_up_whatever_their_order():
    up = np.array([[0, 1]]), np.zeros((1, 2, 0), int)
    down = np.array([[1, 0]]), np.zeros((1, 2, 0), int)
    vectors = np.array([[1.0, 2.0, 3.0]]), np.array([[0.5, 0.5, 0.5]])
    (term,) = merge(
        [
            ("dzyaloshinskii_moriya", *up, vectors[0], np.array([[0.1, np.inf, 0.1]])),
            ("dzyaloshinskii_moriya", *down, vectors[1], np.array([[0.2, 0.2, np.nan]])),
        ]
    )
    assert np.allclose(term.values, [[0.5, 1.5, 2.5]])
    assert np.array_equal(term.errors, [[0.1 + 0.2, np.inf, np.nan]], equal_nan=True)
    (unknown,) = merge([("exchange", *up, np.ones(1), np.ones(1)), ("exchange", *down, np.ones(1))])
    assert unknown.errors is None


def test_errors_of_a_symmetrised_model_bound_those_of_the_mean():
    rng = np.random.default_rng(5)
    rows = [[0, 1], [1, 2], [2, 0]]
    values, errors = rng.normal(size=(3, 3)), rng.uniform(0.1, 1, size=(3, 3))
    symmetry = cluster_symmetry(TRIANGLE, point_group("C3v"))
    exact = SpinModel([Term("dzyaloshinskii_moriya", rows, values)], positions=TRIANGLE)
    exact = symmetrise(exact, symmetry)
    for _ in range(20):
        wrong = values + errors * rng.choice([-1, 1], size=(3, 3))
        term = Term("dzyaloshinskii_moriya", rows, wrong, errors=errors)
        mean = symmetrise(SpinModel([term], positions=TRIANGLE), symmetry).terms[0]
        change = np.abs(mean.values - exact.terms[0].values)
        assert np.all(change <= np.asarray(mean.errors) + 1e-13)
        assert float(np.max(mean.errors)) < 1.5


def test_errors_are_repeated_in_larger_cells():
    term = Term("exchange", [[0, 0]], [1.0], [[[0], [1]]], errors=[0.1])
    chain = SpinModel([term], lattice=Lattice.chain(1.0))
    assert np.array_equal(magnetic_cell(chain, [4]).terms[0].errors, np.full(4, 0.1))
    assert np.array_equal(chain.supercell([4]).terms[0].errors, np.full(4, 0.1))


@pytest.mark.parametrize("format", ["json", "netcdf"])
def test_files_keep_errors_bit_by_bit(tmp_path, format):
    errors = [[0.1, np.inf, np.nan], [1 / 3, 0.0, 1e-300]]
    term = Term("dzyaloshinskii_moriya", [[0, 1], [1, 2]], np.ones((2, 3)), errors=errors)
    model = SpinModel([term, Term("exchange", [[0, 1]], [1.0])])
    (file,) = export(model, tmp_path, format).files
    back = read_model(file)
    assert np.array_equal(back["dzyaloshinskii_moriya"].errors, errors, equal_nan=True)
    assert back["exchange"].errors is None


def test_a_wrong_error_is_refused():
    with pytest.raises(InputError, match=r"`errors` must have the shape \(1,\) of `values`"):
        Term("exchange", [[0, 1]], [1.0], errors=[0.1, 0.2])
    with pytest.raises(InputError, match=r"`errors` must not be negative, but it holds -0.1"):
        Term("exchange", [[0, 1]], [1.0], errors=jnp.array([-0.1]))


def test_errors_of_earlier_files(tmp_path):
    """They were called `exchange_errors`; now as those of interactions, `..._error`."""
    model = SpinModel([Term("exchange", [[0, 1]], [1.0], errors=[0.1])])
    earlier = dataset_of(model).rename(exchange_values_error="exchange_errors")
    write_dataset(earlier, tmp_path / "model.nc")
    assert read_model(tmp_path / "model.nc")["exchange"].errors == 0.1
