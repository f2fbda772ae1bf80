"""The command `msgreen spinmodel`: what it finds, writes and refuses."""

import csv

import numpy as np
import pytest
import xarray as xr

from msgreen.cli import main
from msgreen.cli.ground_states import default_box, ground_states
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


def test_box_of_a_layer_has_one_cell_across():
    bonds = [[[0, 0, 0], [1, 0, 0]], [[0, 1, 0], [0, 0, 0]]]
    lattice = Lattice(np.diag([3.0, 3.0, 20.0]))
    layer = SpinModel([Term("exchange", [[0, 0]] * 2, [-0.01] * 2, bonds)], lattice=lattice)
    assert default_box(layer, 6) == (6, 6, 1) and default_box(trimer("Pt(111)", "Fe"), 6) == ()
    found = ground_states(layer, starts=4)
    assert found.dataset.sizes["cell3"] == 1
    assert any("J(q) is largest at q = (0.0000 0.0000 0.0000)" in line for line in found.summary)


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
    assert set(outcome.figures) == {"ground_state", "magnons"}
    said = "\n".join(outcome.summary)
    assert "-15.000000 meV per cell" in said and "lies below" not in said
    assert "J(q) is largest at q = (" in said and "15.0000 meV" in said
    assert outcome.tables["magnons"][0][-2:] == ("magnon_1_meV", "stable")


def test_spiral_that_does_not_fit_into_the_box_is_said_to_lie_lower():
    cells = [[[0], [1]], [[0], [2]]]
    term = Term("exchange", [[0, 0]] * 2, [-0.010, 0.004], cells)
    outcome = ground_states(SpinModel([term], lattice=Lattice.chain()), box=(6,), starts=16)
    said = "\n".join(outcome.summary)
    # cos(2 pi q) = 10 / (4 * 4), and the energy -J1^2 / (8 J2) - J2.
    q = np.arccos(0.625) / (2 * np.pi)
    assert f"lowest spiral at q = ({q:.4f}): {-100 / 32 - 4:.6f} meV per cell" in said
    assert "It lies below what fits into the box" in said


def test_state_below_all_spirals_is_said_to_be_none():
    """Biquadratic terms make neighbours of a square lattice perpendicular to each other."""
    bonds = [[[0, 0], [1, 0]], [[0, 0], [0, 1]]]
    far = [[[0, 0], [1, 1]], [[0, 0], [1, -1]]]
    terms = [
        Term("exchange", [[0, 0]] * 2, [0.010] * 2, far),
        Term("biquadratic", [[0, 0]] * 2, [0.003] * 2, bonds),
    ]
    model = SpinModel(terms, lattice=Lattice.square())
    outcome = ground_states(model, box=(2, 2), starts=8)
    assert "it is no spiral" in "\n".join(outcome.summary)
    lowest = [line for line in outcome.summary if line.startswith("minimum 0")]
    assert "-20.000000 per cell" in lowest[0]


def test_equivalent_states_of_a_lattice_are_one_minimum():
    """Stripes along x and along y: one state of the square lattice."""
    near, far = [[[0, 0], [1, 0]], [[0, 0], [0, 1]]], [[[0, 0], [1, 1]], [[0, 0], [1, -1]]]
    terms = [
        Term("exchange", [[0, 0]] * 4, [0.010] * 2 + [0.010] * 2, near + far),
        Term("biquadratic", [[0, 0]] * 2, [-0.002] * 2, near),
    ]
    model = SpinModel(terms, lattice=Lattice.square())
    outcome = ground_states(model, box=(4, 4), starts=32)
    energies = np.unique(np.round(outcome.dataset.energy.values / MEV, 6))
    assert np.isclose(energies[0] / 16, -24.0)
    assert np.sum(np.isclose(outcome.dataset.energy / MEV, energies[0], atol=1e-6)) == 1


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
