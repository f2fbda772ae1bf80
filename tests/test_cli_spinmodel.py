"""The command `msgreen spinmodel`: what it finds, writes and refuses."""

import csv

import numpy as np
import pytest
import xarray as xr

from msgreen.cli import main
from msgreen.cli.ground_states import ground_states
from msgreen.errors import InputError
from msgreen.io import export, read_model
from msgreen.lattice import Lattice
from msgreen.papers.brinker import published_model, tetramer, trimer
from msgreen.spinmodel import SpinModel, Term
from msgreen.units import MEV


def triangular_antiferromagnet():
    bonds = [[[0, 0], [1, 0]], [[0, 0], [0, 1]], [[0, 0], [1, -1]]]
    term = Term("exchange", [[0, 0]] * 3, [0.010] * 3, bonds)
    return SpinModel([term], lattice=Lattice([[3.0, 0.0], [1.5, 2.598]]))


def test_published_models_by_name():
    spins = np.eye(4)[:, :3] + np.array([0.0, 0.0, 0.1])
    spins /= np.linalg.norm(spins, axis=1, keepdims=True)
    for name, exact in (
        ("Fe3/Re(0001)", trimer("Re(0001)", "Fe", anisotropy=True)),
        ("Cr4/Pt(001)", tetramer("Cr", anisotropy=True)),
    ):
        found = published_model(name)
        some = spins[: exact.site_count]
        assert float(found.energy(some)) == float(exact.energy(some))
    assert published_model("model.json") is None
    with pytest.raises(InputError, match=r"must be a tetramer on Pt\(001\)"):
        published_model("Cr4/Pt(111)")
    with pytest.raises(InputError, match="must name a system of"):
        published_model("Ni3/Pt(111)")


def test_cluster_has_its_known_ground_state():
    model = SpinModel([Term("exchange", [[0, 1], [1, 2], [2, 0]], [0.010] * 3)])
    outcome = ground_states(model, starts=8)
    energies = {row[0]: row[1] for row in outcome.rows}
    np.testing.assert_allclose(energies[0], -15.0, rtol=1e-9)
    assert len(outcome.rows[0]) == len(outcome.header)
    assert outcome.figures == {}  # no positions to draw
    text = "\n".join(outcome.summary)
    assert "planar Neel N+" in text
    assert "-15.000000 meV" in text
    spins = np.array([row[-3:] for row in outcome.rows[:3]])
    np.testing.assert_allclose(spins.sum(axis=0), 0.0, atol=1e-6)


def test_lattice_has_its_known_ground_state():
    outcome = ground_states(triangular_antiferromagnet(), box=(3, 3), starts=8)
    np.testing.assert_allclose(outcome.dataset.energy[0] / MEV, -15.0 * 9, rtol=1e-8)
    assert outcome.dataset.directions.dims == ("state", "cell1", "cell2", "site", "xyz")
    assert set(outcome.figures) == {"ground_state"}
    assert "-15.000000 meV per cell" in "\n".join(outcome.summary)


def test_command_writes_tables_pictures_and_the_model(tmp_path, capsys):
    model = tmp_path / "model.json"
    export(trimer("Pt(111)", "Cr"), model, "json")
    folder = tmp_path / "out"
    assert main(["spinmodel", str(model), "--out", str(folder), "--starts", "8"]) == 0
    assert "minimum 0" in capsys.readouterr().out
    with (folder / "states.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with xr.open_dataset(folder / "states.nc", engine="h5netcdf") as states:
        lowest = float(states.energy[0])
        directions = states.directions[0].values
    np.testing.assert_allclose(float(rows[0]["energy_meV"]), lowest / MEV, rtol=1e-9)
    back = read_model(folder / "model.json")
    np.testing.assert_allclose(back.energy(directions), lowest, rtol=1e-12)
    assert (folder / "ground_state.png").stat().st_size > 10_000


def test_command_refuses_what_it_cannot_read(tmp_path, capsys):
    assert main(["spinmodel", str(tmp_path / "none.json"), "--out", str(tmp_path)]) == 2
    assert "must exist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
