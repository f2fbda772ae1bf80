"""Files: whole or not at all, and nothing is lost on the way there and back."""

import csv

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from msgreen import (
    LOUNIS,
    NEUTRAL,
    ContactCoupling,
    Interactions,
    RashbaGas,
    SpinConvention,
    compute_interactions,
    contracted_loops,
    loops,
    pairs,
    read_netcdf,
    write_csv,
    write_netcdf,
)
from msgreen.convention import CONVENTIONS
from msgreen.errors import FileFormatError, InputError
from msgreen.io import (
    dataset_of,
    interactions_of,
    replacing,
    writable_folder,
    write_dataset,
    write_table,
)
from msgreen.papers.lounis import SCAN_HEADER, equidistant_scan, scan_dataset, scan_rows
from msgreen.papers.lounis.table import scan_summary
from msgreen.spinmodel.interactions import Coefficient, Terms

SQUARE = 6.0 * np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@pytest.fixture(scope="module")
def square() -> Interactions:
    gas = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    clusters = [pairs(SQUARE), loops(SQUARE, 4), contracted_loops(SQUARE, "three_site")]
    return compute_interactions(gas, ContactCoupling(15.5), jnp.asarray(SQUARE), clusters)


def assert_same(one: Interactions, other: Interactions) -> None:
    assert one.convention == other.convention
    assert dict(one.source) == dict(other.source)
    np.testing.assert_array_equal(one.positions, other.positions)
    assert [t.kind for t in one.terms] == [t.kind for t in other.terms]
    for ours, theirs in zip(one.terms, other.terms, strict=True):
        np.testing.assert_array_equal(ours.loops, theirs.loops)
        assert set(ours.coefficients) == set(theirs.coefficients)
        named = [(c, theirs.coefficients[name]) for name, c in ours.coefficients.items()]
        for a, b in [*named, *([(ours.tensor, theirs.tensor)] if ours.tensor else [])]:
            assert a.axes == b.axes
            np.testing.assert_array_equal(a.value, b.value)
            np.testing.assert_array_equal(a.error, b.error)
        assert (ours.tensor is None) == (theirs.tensor is None)


@pytest.mark.parametrize("convention", [NEUTRAL, LOUNIS, CONVENTIONS["B"]], ids=lambda c: c.name)
def test_netcdf_round_trip_loses_nothing(square, convention, tmp_path):
    written = square.to(convention)
    write_netcdf(written, tmp_path / "interactions.nc")
    assert_same(read_netcdf(tmp_path / "interactions.nc"), written)


def test_round_trip_of_own_convention_and_missing_parts(tmp_path):
    own = SpinConvention("own", -1, True, {2: 0.5}, complete=False, spin_length=1.5)
    exchange = Coefficient(np.array([0.1, -1 / 3]), np.array([1e-17, 0.0]))
    terms = Terms(np.array([[0, 1], [1, 2]]), {"J_iso": exchange})
    written = Interactions((terms,), own)
    write_netcdf(written, tmp_path / "own.nc")
    back = read_netcdf(tmp_path / "own.nc")
    assert back.convention == own and back.positions is None and back["pair"].tensor is None
    np.testing.assert_array_equal(back["pair"].coefficients["J_iso"].value, exchange.value)


def test_energy_survives_the_file(square, tmp_path):
    spins = np.random.default_rng(0).normal(size=(5, 4, 3))
    spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
    write_netcdf(square.to(LOUNIS), tmp_path / "interactions.nc")
    back = read_netcdf(tmp_path / "interactions.nc")
    np.testing.assert_allclose(back.energy(spins), square.energy(spins), rtol=1e-14)


def test_netcdf_carries_units_and_convention(square, tmp_path):
    write_netcdf(square.to(LOUNIS), tmp_path / "interactions.nc")
    with xr.open_dataset(tmp_path / "interactions.nc") as data:
        assert data["pair_J_iso"].units == "eV"
        assert data["positions"].units == "angstrom"
        assert data.attrs["convention"] == "L" and data.attrs["sign"] == -1
        assert interactions_of(data.load()).convention == LOUNIS
    assert dataset_of(square).attrs["kinds"] == "pair four_site three_site"


def test_csv_keeps_all_digits(square, tmp_path):
    write_csv(square, tmp_path / "interactions.csv", tensors=True)
    with open(tmp_path / "interactions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = square.rows(tensors=True)
    assert list(rows[0]) == list(expected[0]._fields)
    assert len(rows) == len(expected)
    for row, original in zip(rows, expected, strict=True):
        assert float(row["value"]) == original.value and float(row["error"]) == original.error
        assert (row["term"], row["sites"]) == (original.term, original.sites)


def test_scan_as_table_and_dataset(tmp_path):
    gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    scans = {1: equidistant_scan(gas, ContactCoupling(0.58), jnp.array([5.0, 9.0]))}
    values, errors = scans[1]
    table = np.array(scan_rows(scans))
    np.testing.assert_array_equal(table[:, :2], [[1, 5.0], [1, 9.0]])
    for name, column in values.columns.items():
        position = SCAN_HEADER.index(f"{name}_meV")
        np.testing.assert_array_equal(table[:, position], np.asarray(column) / 1e-3)
    largest = np.max([np.asarray(c) for c in errors.columns.values()], axis=0) / 1e-3
    np.testing.assert_array_equal(table[:, -1], largest)
    head, first, last, about = scan_summary(scans)
    assert [float(word) for word in first.split()[2:]] == pytest.approx(table[0, 2:-1], rel=1e-4)
    assert head.split()[-6:] == list(values.columns) and last.split()[:2] == ["1D", "9"]
    assert "2 distances, largest error" in about
    write_dataset(scan_dataset(scans, {"note": "x"}), tmp_path / "scan.nc")
    with xr.open_dataset(tmp_path / "scan.nc") as data:
        assert data.D.units == data.D_error.units == "meV" and data.attrs["note"] == "x"
        np.testing.assert_array_equal(data.D.sel(dimension=1), np.asarray(values.D) / 1e-3)


@pytest.mark.parametrize("older", [None, "older"])
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError])
def test_failing_writer_leaves_no_trace(tmp_path, older, interruption):
    file = tmp_path / "table.csv"
    if older:
        file.write_text(older)

    def rows():
        yield 1, 2
        raise interruption

    with pytest.raises(interruption):
        write_table(file, ("a", "b"), rows())
    assert [f.name for f in tmp_path.iterdir()] == (["table.csv"] if older else [])
    assert not older or file.read_text() == older


def test_failing_netcdf_writer_leaves_no_trace(tmp_path):
    with pytest.raises(TypeError):
        write_dataset(xr.Dataset(attrs={"not serialisable": object()}), tmp_path / "a.nc")
    assert not list(tmp_path.iterdir())


def test_replacing_gives_the_whole_file(tmp_path):
    with replacing(tmp_path / "a.txt") as part:
        part.write_text("new")
        assert not (tmp_path / "a.txt").exists()
    assert [f.name for f in tmp_path.iterdir()] == ["a.txt"]


def test_foreign_files_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="must exist and must be readable"):
        read_netcdf(tmp_path / "missing.nc")
    (tmp_path / "text.nc").write_text("no NetCDF")
    with pytest.raises(FileFormatError, match="must be NetCDF 4"):
        read_netcdf(tmp_path / "text.nc")
    write_dataset(xr.Dataset({"a": ("x", [1.0])}), tmp_path / "other.nc")
    with pytest.raises(FileFormatError, match="must hold an interaction set"):
        read_netcdf(tmp_path / "other.nc")


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="Argument `--out` must be a folder that can be"):
            writable_folder("--out", folder)
    made = writable_folder("--out", tmp_path / "a" / "b")
    assert made.is_dir() and not list(made.iterdir())
