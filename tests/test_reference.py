"""Sets about an ordered reference: they multiply deviations of the moments, and say so."""

import csv
from dataclasses import replace

import kkr_runs as kkr
import numpy as np
import pytest

from msgreen import (
    Interactions,
    LloydEnergy,
    compute_interactions,
    contracted_loops,
    loops,
    pairs,
    read_netcdf,
    write_csv,
    write_netcdf,
)
from msgreen.errors import FileFormatError, InputError
from msgreen.exchange.ordered import reference_interactions, with_differences
from msgreen.io import read_model, write_dataset
from msgreen.io.datasets import dataset_of
from msgreen.io.spin_programs import write_json
from msgreen.phonon import add_interactions
from msgreen.spinmodel import SpinModel, Term, from_interactions


@pytest.fixture(scope="module")
def iron():
    """The iron bilayer without spin-orbit coupling, all terms of two and four spins."""
    run = kkr.run("fe2_nosoc")
    points = run.atoms.positions
    clusters = [
        pairs(points),
        contracted_loops(points, "biquadratic"),
        contracted_loops(points, "three_site"),
        loops(points, 4),
    ]
    return reference_interactions(run.host, run.scatterer, run.sites, clusters)


def test_reference_is_that_of_the_t_matrices(iron):
    np.testing.assert_array_equal(iron.reference, kkr.Z)
    np.testing.assert_array_equal(iron.to(iron.convention).reference, kkr.Z)
    run = kkr.run("fe2_nosoc")
    about_zero = compute_interactions(run.host, run.scatterer.spin_splitting(), run.sites, [])
    assert about_zero.reference is None


def test_energy_is_that_of_deviations(iron):
    """Orders two and four of scattering at the deviations, repeated scattering left out."""
    run = kkr.run("fe2_nosoc")
    lloyd = LloydEnergy(run.host, run.scatterer, run.sites, onsite=False)
    for degrees in (10, 30):
        moments = kkr.tilted(degrees)
        expected = float(np.asarray(lloyd.series(moments, 4))[[1, 3]].sum())
        np.testing.assert_allclose(iron.energy(moments), expected, rtol=1e-9)
    np.testing.assert_allclose(iron.energy(kkr.Z), 0, atol=1e-15)


def test_set_about_a_reference_is_no_spin_model(iron):
    with pytest.raises(InputError, match="`interactions` must multiply spins.*ordered.*Match"):
        from_interactions(iron)
    with pytest.raises(InputError, match="`second` must multiply spins, but it was computed about"):
        add_interactions(replace(iron, reference=None), iron)
    for other in (replace(iron, reference=None), replace(iron, reference=kkr.Y)):
        with pytest.raises(InputError, match="`others` must hold sets about .* match one"):
            with_differences(iron, [other])
    with pytest.raises(InputError, match="`directions` must have shape .* each of 5 sites"):
        iron.energy(kkr.Z[:4])
    with pytest.raises(InputError, match="`reference` must hold unit vectors"):
        replace(iron, reference=2 * kkr.Z)


def test_tables_say_what_a_number_multiplies(iron, tmp_path):
    kinds = {row.term: row.spins for row in iron.rows(tensors=True)}
    rotations = {name for name, spins in kinds.items() if spins == "rotation"}
    assert rotations == {"J", "D_along", "S", "A"}
    assert {spins for name, spins in kinds.items() if name not in rotations} == {"dS"}
    assert {row.spins for row in replace(iron, reference=None).rows() if row.term == "D"} == {"S"}
    assert "deviations dS = e - e0" in str(iron)
    assert "deviations" not in str(Interactions(iron.terms))
    write_csv(iron, tmp_path / "interactions.csv")
    with open(tmp_path / "interactions.csv", newline="") as file:
        assert {(r["term"], r["spins"]) for r in csv.DictReader(file)} >= {("J", "rotation")}


def test_files_keep_the_reference(iron, tmp_path):
    write_netcdf(iron, tmp_path / "iron.nc")
    back = read_netcdf(tmp_path / "iron.nc")
    np.testing.assert_array_equal(back.reference, iron.reference)
    assert back.rows(tensors=True) == iron.rows(tensors=True)
    moments = kkr.tilted(20)
    assert back.energy(moments) == iron.energy(moments)
    with pytest.raises(FileFormatError, match=r"iron\.nc: must multiply spins.*model\.json"):
        read_model(tmp_path / "iron.nc")
    bond = Term("exchange", [[0, 1]], [0.01])
    write_json(SpinModel([bond]), tmp_path / "model.json")
    with pytest.raises(FileFormatError, match=r"model\.json: must be .* 5 moments .* has 2"):
        read_model(tmp_path / "iron.nc")
    model = SpinModel([bond], site_count=5)
    write_json(model, tmp_path / "model.json")
    assert read_model(tmp_path / "iron.nc").classes == model.classes


def test_files_of_the_earlier_form_are_refused(iron, tmp_path):
    """They held deviations without saying from which reference."""
    earlier = dataset_of(iron).drop_vars("reference").assign_attrs(spins="deviations e - e0")
    write_dataset(earlier, tmp_path / "earlier.nc")
    match = r"earlier\.nc: .* has no .*reference.*Write it again"
    with pytest.raises(FileFormatError, match=match):
        read_netcdf(tmp_path / "earlier.nc")
