"""`msgreen run` on a folder of kkrflex files, whole D vectors and the figures."""

import csv

import kkr_runs as kkr
import numpy as np
import pytest
import xarray as xr

from msgreen import pairs
from msgreen.cli import main
from msgreen.config import read_config
from msgreen.config.kkr import KKRRun
from msgreen.errors import ConfigError, InputError
from msgreen.exchange.ordered import OrderScan, dmi_vectors, order_scan, reference_interactions
from msgreen.hosts.kkr import cluster_operations
from msgreen.io import read_model
from msgreen.plot import cluster_distance_figure, dmi_figure, rotation_order_figure
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms
from msgreen.units import RYDBERG


def write(folder, extra=""):
    file = folder / "kkr.toml"
    file.write_text(f'[host]\nkind = "kkr"\nfolder = "{kkr.folder("fe2_nosoc")}"\n{extra}')
    return file


@pytest.mark.slow
def test_run_without_spin_orbit(tmp_path, capsys):
    """The two keys of `[host]` suffice; the pair table holds JuKKR's constants."""
    assert main(["run", str(write(tmp_path)), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "errors bound the quadrature over 29 energies" in said
    assert "25 parameters determined, 0 that no reference sees" in said and "Model:" in said
    assert "135 parameters determined, 0 that no reference sees" in said
    assert "error of the model of two orders, of four orders" in said
    with open(tmp_path / "out" / "interactions.csv", newline="") as file:
        rows = {(r["term"], r["sites"]): r for r in csv.DictReader(file)}
    exchange = float(rows["J", "0-4"]["value"])
    assert exchange == pytest.approx(3.47109816e-3 * RYDBERG, rel=2e-8)
    # Third derivatives vanish identically without spin-orbit coupling.
    assert all(0 < float(r["error"]) < 1e-3 or r["term"] == "R3" for r in rows.values())
    assert all(abs(float(r["value"])) < 1e-12 for r in rows.values() if r["term"] == "R3")
    with xr.open_dataset(tmp_path / "out" / "interactions.nc") as data:
        assert data.positions.shape == (5, 3)
        assert data.four_site_tensor.shape == (15, 3, 3, 3, 3)
    model = read_model(tmp_path / "out" / "interactions.nc")
    assert model.classes == ("field", "exchange") and (tmp_path / "out" / "model.json").exists()
    pair = model["exchange"].clusters.sites.tolist().index([0, 4])
    assert float(model["exchange"].values[pair]) == pytest.approx(-2 * exchange, rel=1e-7)
    for name in ("distance", "rotation"):
        assert (tmp_path / "out" / f"{name}.png").stat().st_size > 10_000


@pytest.mark.slow
def test_run_with_spin_orbit_and_two_moments(tmp_path):
    file = tmp_path / "kkr.toml"
    file.write_text(
        f'[host]\nkind = "kkr"\nfolder = "{kkr.folder("fe2_soc")}"\n'
        f'moments = ["{kkr.folder("fe2_soc_y")}"]\n'
        "[cluster]\norders = [2]\ncontracted = []\n[rotation]\nangles = [10, 20]\norder = 2\n"
    )
    config = read_config(file)
    assert isinstance(config, KKRRun)
    outcome = config.run(False)
    assert set(outcome.figures) == {"distance", "rotation", "dmi"}
    vectors = {(r.sites, r.component): r.value for r in outcome.rows if r.term == "D_vector"}
    # JuKKR prints 1.02529e-4 Ry for moments along y.
    assert abs(vectors["0-1", "y"]) == pytest.approx(1.0252915e-4 * RYDBERG, rel=1e-3)
    assert vectors["0-3", "x"] == pytest.approx(-vectors["0-1", "y"], rel=1e-6)
    assert any("degree 3" in line for line in outcome.summary)
    assert any("at 2 reference(s)" in line for line in outcome.summary)
    assert outcome.model is not None and "anisotropy" in outcome.model.classes
    # Symmetry gives the model whole vectors as well: E = D.(S_i x S_j) once per bond.
    term = outcome.model["dzyaloshinskii_moriya"]
    for (i, j), vector in zip(term.clusters.sites.tolist(), np.asarray(term.values), strict=True):
        known = [vectors[f"{min(i, j)}-{max(i, j)}", axis] for axis in "xyz"]
        np.testing.assert_allclose(vector, -2 * np.sign(j - i) * np.array(known), atol=1e-10)
    assert np.isfinite(np.asarray(term.errors)).all()


@pytest.mark.slow
def test_run_with_a_model_of_chosen_classes(tmp_path):
    classes = ("field", "exchange", "biquadratic", "two_site_field")
    table = "[cluster]\norders = [2]\ncontracted = []\n[rotation]\nangles = [10, 20]\norder = 2\n"
    table += f"[model]\norder = 4\nclasses = {list(classes)}\n[output]\nfigures = false"
    outcome = read_config(write(tmp_path, table)).run(False)
    assert outcome.model is not None and set(outcome.model.classes) == set(classes)
    assert any("Fields are those of the surroundings" in line for line in outcome.summary)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ('moments = ["nowhere"]', "existing folder"),
        ("degree = 0", "degree"),
        ('derivative = ["kkr.toml"]', "derivative"),
        ('degree = 2\nderivative = ["kkr.toml", "kkr.toml", "kkr.toml"]', "together with `degree`"),
        ("[cluster]\norders = [1]", "whole number"),
        ("[rotation]\nangles = [10]", "angles"),
        ("[model]\norder = 3", "order"),
        ('[model]\nclasses = ["spam"]', "must hold some of field"),
    ],
)
def test_wrong_configurations(tmp_path, extra, message):
    with pytest.raises(ConfigError, match=message):
        read_config(write(tmp_path, extra))


def test_cutoff_without_loops(tmp_path):
    config = read_config(write(tmp_path, "[cluster]\ncutoff = 0.1"))
    with pytest.raises(InputError, match="Raise `cutoff`"):
        config.run(False)


def test_vectors_need_enough_moments():
    bonds = pairs(kkr.run("fe2_nosoc").atoms.positions)
    with pytest.raises(InputError, match="determine 1 components"):
        dmi_vectors(bonds, kkr.Z[:1], np.zeros((1, len(bonds))))


def test_vectors_from_their_components():
    vectors = np.random.default_rng(2).normal(size=(2, 3))
    bonds = np.array([[0, 1], [1, 2]])
    found, unknown = dmi_vectors(bonds, np.eye(3), vectors.T)
    np.testing.assert_allclose(found, vectors, atol=1e-14)
    assert np.isnan(unknown).all()
    _, bounds = dmi_vectors(bonds, np.eye(3), vectors.T, errors=np.full((3, 2), 1e-3))
    np.testing.assert_allclose(bounds, 1e-3)


def test_operations_supply_moments():
    """Along y and z with the fourfold axis: the component along x follows."""
    run = kkr.run("fe2_soc")
    operations = cluster_operations(run.host, run.atoms.positions, run.reference)
    bonds = pairs(run.atoms.positions)
    vector = run.atoms.positions[bonds[:, 1]] - run.atoms.positions[bonds[:, 0]]
    expected = np.cross(vector, [0, 0, 1])
    moments = np.array([[0.0, 1, 0], [0, 0, 1]])
    found, _ = dmi_vectors(bonds, moments, moments @ expected.T, [o[:2] for o in operations])
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_scan_of_orders_and_figures():
    run, lloyd = kkr.run("fe2_nosoc"), kkr.energy("fe2_nosoc")
    scan = order_scan(lloyd, run.reference, np.radians([5, 60, 80]), order=3)
    assert isinstance(scan, OrderScan)
    assert scan.radius[0] < 0.1 and scan.radius[2] > 1
    rest = np.abs(scan.total - scan.orders.sum(axis=1))
    assert rest[0] < 1e-3 * abs(scan.total[0]) < rest[2]
    assert len(rotation_order_figure(scan).axes) == 3
    found = reference_interactions(run.host, run.scatterer, run.sites, [pairs(run.atoms.positions)])
    assert len(cluster_distance_figure(found, run.atoms.positions, "$a$").axes) == 2
    pair = found["pair"]
    drawn = pair.coefficients["D"]
    drawn = Coefficient(np.asarray(drawn.value) + 1e-3, drawn.error, drawn.axes)
    found = Interactions((Terms(pair.loops, {"D_vector": drawn}),))
    assert len(dmi_figure(found, run.atoms.positions, "$a$").axes) == 1


@pytest.mark.parametrize("missing", ["kkrflex_green", "kkrflex_tmat", "kkrflex_atominfo"])
def test_missing_files_are_named_before_anything_is_computed(missing, tmp_path):
    for name in {"kkrflex_green", "kkrflex_tmat", "kkrflex_atominfo"} - {missing}:
        (tmp_path / name).write_text("")
    file = tmp_path / "kkr.toml"
    file.write_text(f'[host]\nkind = "kkr"\nfolder = "{tmp_path}"\n')
    with pytest.raises(ConfigError, match=rf"line 3: Argument `host\.folder` must hold {missing}"):
        read_config(file)
