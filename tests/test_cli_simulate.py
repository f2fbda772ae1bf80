"""`msgreen simulate`: tables, pictures and files; an interrupted run goes on."""

import csv
import sys

import numpy as np
import pytest
import xarray as xr

from msgreen.cli import main
from msgreen.cli.simulation import CHECKPOINT, forget, simulate
from msgreen.errors import AccuracyWarning, InputError
from msgreen.estimate import Estimate
from msgreen.io.ovf import write_ovf
from msgreen.io.spin_programs import write_json
from msgreen.lattice import Lattice
from msgreen.plot.simulation import thermodynamics_figure
from msgreen.simulation import monte_carlo, thermodynamics
from msgreen.spinmodel import SpinModel, Term
from msgreen.units import BOLTZMANN

SQUARE = SpinModel(
    [
        Term("exchange", [[0, 0]] * 2, [-0.01] * 2, [[[0, 0], [1, 0]], [[0, 0], [0, 1]]]),
        Term("anisotropy", [[0]], [np.diag([0, 0, -0.01])], [[[0, 0]]]),
    ],
    lattice=Lattice.square(),
)


@pytest.fixture
def model(tmp_path):
    write_json(SQUARE, tmp_path / "square.json")
    return tmp_path / "square.json"


SHORT = pytest.mark.filterwarnings("default:Errors at:msgreen.errors.AccuracyWarning")


@SHORT
def test_a_scan_of_temperatures(model, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["simulate", str(model), "--out", str(out), "--box", "6", "6", "--critical"]
    assert main([*command, "--temperatures", "40", "90", "120", "160", "--samples", "400"]) == 0
    said, warned = capsys.readouterr()
    assert "Errors at 4 of 4 temperatures may be too small" in warned
    assert "Critical temperature, cumulants of 2 x 2 and 6 x 6 cells" in said
    assert "Its topological charge: " in said and "Hand over: msgreen export" in said
    with open(out / "simulation.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["temperature_K"]) for r in rows] == pytest.approx([40, 90, 120, 160] * 2)
    assert [r["spins"] for r in rows] == ["36"] * 4 + ["4"] * 4
    moments = [float(r["moment"]) for r in rows[:4]]
    assert moments == sorted(moments, reverse=True) and moments[0] > 0.9 and moments[3] < 0.6
    data = xr.open_dataset(out / "simulation.nc")
    assert data.energy.shape == (400, 4) and data.cold.shape == (6, 6, 1, 3)
    per_spin = float(data.energy.mean("sample")[0]) / 36 * 1e3
    assert float(rows[0]["energy_meV"]) == pytest.approx(per_spin, rel=1e-2)
    # All spins along z are the ground state: -0.02 - 0.01 eV each.
    np.testing.assert_allclose(np.abs(data.cold[..., 2]), 1, atol=1e-4)
    assert "Coldest state, relaxed: -30.000000 meV per spin" in said
    text = (out / "state.ovf").read_text().splitlines()
    assert text[0] == "# OOMMF OVF 2.0" and "# pointcount: 36" in text
    start = text.index("# Begin: Data Text") + 1
    points = np.array([line.split() for line in text[start : start + 36]], float)
    np.testing.assert_allclose(np.linalg.norm(points[:, 3:], axis=1), 1, rtol=1e-9)
    assert np.ptp(points[:, 0]) == pytest.approx(5e-10)
    for name in ("thermodynamics.png", "state.png", "model.json"):
        assert (out / name).stat().st_size > 1000
    assert not list(out.glob(f"{CHECKPOINT}*"))


def test_an_interrupted_simulation_goes_on(tmp_path, monkeypatch):
    """What the first attempt kept is used, and refused for other settings."""
    options = {"temperatures": [50.0, 100.0], "box": (4, 4), "samples": 70, "stage": tmp_path}
    kelvin = np.linspace(50, 100, 12)
    kept = tmp_path / f"{CHECKPOINT}-0.npz"
    monte_carlo(SQUARE, kelvin * BOLTZMANN, (4, 4), samples=70, checkpoint=kept)

    def never(*arguments):
        raise AssertionError("computed again")

    monkeypatch.setattr(sys.modules[monte_carlo.__module__], "_block", never)
    with pytest.warns(AccuracyWarning, match="may be too small"):
        outcome = simulate(SQUARE, folder=tmp_path, **options)
    assert len(outcome.rows) == 12
    with pytest.raises(InputError, match="`checkpoint` must .*another seed"):
        simulate(SQUARE, folder=tmp_path, seed=1, **options)
    forget(tmp_path)
    assert not kept.exists()


def test_figure_of_two_boxes():
    runs = {n: monte_carlo(SQUARE, [0.004], (n, n), samples=64) for n in (2, 4)}
    with pytest.warns(AccuracyWarning, match="may be too small"):
        found = {str(n): thermodynamics(run) for n, run in runs.items()}
    figure = thermodynamics_figure(found, critical=Estimate(np.asarray(0.004), np.asarray(1e-4)))
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert "Binder cumulant" in labels and len(labels) == 6
    assert len(figure.axes[0].containers) == 2


def test_bad_requests(model, tmp_path, capsys):
    command = ["simulate", str(model), "--out", str(tmp_path / "out")]
    assert main([*command, "--temperatures", "100", "50"]) == 2
    assert "`--temperatures` must be positive and ascending" in capsys.readouterr().err
    assert main([*command, "--box", "6"]) == 2
    assert "`shape` must be 2 positive integers" in capsys.readouterr().err
    assert main(["simulate", "Cr3/Pt(111)", "--out", str(tmp_path / "b"), "--critical"]) == 2
    assert "`critical` must be left out for a finite cluster" in capsys.readouterr().err
    assert not (tmp_path / "b" / "simulation.csv").exists()
    with pytest.raises(InputError, match="`positions` must have shape"):
        write_ovf(tmp_path / "a.ovf", [1.0], [[0, 0, 1.0]])
    with pytest.raises(InputError, match="`directions` must have shape"):
        write_ovf(tmp_path / "a.ovf", [[1.0]], [[0, 0, 1.0]] * 2)


@SHORT
def test_a_cluster_is_heated(tmp_path):
    out = tmp_path / "trimer"
    arguments = ["simulate", "Cr3/Pt(111)", "--out", str(out), "--samples", "200", "-q"]
    assert main(arguments) == 0
    with open(out / "simulation.csv", newline="") as file:
        energies = [float(r["energy_meV"]) for r in csv.DictReader(file)]
    assert len(energies) == 12 and energies[0] < energies[-1]
