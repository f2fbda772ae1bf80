"""The runs of lattices and superconductors from configuration files."""

import re

import numpy as np
import pytest
from lattices import paper_superconductor
from problems import random_spins

from msgreen import ContactCoupling, SpinPairs
from msgreen.cli import main
from msgreen.config import KINDS, read_config
from msgreen.config.lattice import Coupling, LatticeHost, LatticeRun, Pairs, Sites
from msgreen.config.superconductor import SuperconductorHost, SuperconductorRun
from msgreen.errors import ConfigError
from msgreen.io import read_model, read_netcdf

SUPERCONDUCTOR = """
[host]
kind = "superconductor"
lattice = "square"
hoppings = [-1.0]
fermi_energy = -3.0
temperature_K = 11.6
size = [7, 7]
singlet = 0.1
triplet = 0.1
d_imaginary = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]

[coupling]
value = -1.5

[pairs]
centre = [3, 3, 0]
direction = [1, 0]
distances = [1, 2]
"""

FERROMAGNET = """
[host]
kind = "lattice"
lattice = "square"
hoppings = [-0.1]
exchange = [0.0, 0.0, -0.5]
gap = 0.0999

[coupling]
value = -0.5

[sites]
sites = [[0, 0, 0], [1, 0, 0]]
orders = [2]
"""


def read(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return read_config(path)


def test_superconductor_run_equals_the_library(tmp_path):
    run = read(tmp_path, SUPERCONDUCTOR)
    assert isinstance(run, SuperconductorRun) and isinstance(run.host, SuperconductorHost)
    assert isinstance(run.pairs, Pairs) and isinstance(run.coupling, Coupling)
    outcome = run.run(progress=False)
    sites = run.pairs.sites()
    found = SpinPairs(
        paper_superconductor(7), ContactCoupling(-1.5, orbitals=2), sites, [[0, 1], [0, 2]]
    ).fit()
    values = {(row.term, row.sites, row.component): row.value for row in outcome.rows}
    np.testing.assert_allclose(values["D", "0-1", "z"], found.D[0, 2], atol=1e-14)
    np.testing.assert_allclose(values["J", "0-2", "x"], found.J[1, 0], atol=1e-14)
    assert outcome.dataset.attrs["convention"] == "O"
    assert set(outcome.figures) == {"pairs"}
    np.testing.assert_allclose(outcome.dataset["pair_tensor"], found.K, atol=1e-14)


def test_pairs_of_a_rashba_lattice_lose_nothing(tmp_path, capsys):
    """D along y and J_xy are in table, picture and spin model; along the diagonal and the axis."""
    text = SUPERCONDUCTOR.replace('"superconductor"', '"lattice"').replace("-1.5", "-0.75")
    text = re.sub(r"(singlet|triplet|d_imaginary).*\n", "", text)
    text = text.replace("[coupling]", "rashba = 0.2\n[coupling]")
    shown = {}
    for direction in ("[1, 0]", "[1, 1]"):
        run = read(tmp_path, text.replace("[1, 0]\ndist", f"{direction}\ndist"))
        outcome = run.run(progress=False)
        values = {(row.term, row.sites, row.component): row.value for row in outcome.rows}
        axes = outcome.figures["pairs"].axes
        shown[direction] = [line.get_label() for line in axes[1].lines], values
    assert abs(shown["[1, 0]"][1]["D", "0-1", "y"]) > 1e-3
    assert shown["[1, 0]"][0][0] == "$|D_y|$"
    assert abs(shown["[1, 1]"][1]["J_mixed", "0-1", "z"]) > 1e-5
    assert "|J_{xy}|" in " ".join(shown["[1, 1]"][0])

    out = tmp_path / "out"
    assert main(["run", str(tmp_path / "run.toml"), "--out", str(out)]) == 0
    found = read_netcdf(out / "interactions.nc")
    spins = random_spins(5, 3)
    energies = [
        s.energy(spins) for s in (found, found.to("L"), read_model(out / "interactions.nc"))
    ]
    np.testing.assert_allclose(energies[1:], energies[0], rtol=1e-12)
    assert main(["spinmodel", str(out / "interactions.nc"), "--out", str(tmp_path / "states")]) == 0
    assert "model.json" in capsys.readouterr().out


def test_lattice_run_gives_the_exchange_of_the_ferromagnet(tmp_path):
    run = read(tmp_path, FERROMAGNET)
    assert isinstance(run, LatticeRun) and isinstance(run.host, LatticeHost)
    assert isinstance(run.sites, Sites)
    outcome = run.run(progress=False)
    values = {(row.term, row.sites): row.value for row in outcome.rows}
    np.testing.assert_allclose(values["J_iso", "0-1"], 16.152869e-3, atol=1e-9)
    np.testing.assert_allclose(values["J", "0-1"], 16.152869e-3, atol=1e-9)
    assert {row.spins for row in outcome.rows} == {"dS", "rotation"}
    # What vanishes without spin-orbit coupling is as uncertain as the rounding of J.
    assert all(abs(row.value) <= row.error for row in outcome.rows if row.term == "D_along")
    # The spin model has the exchange of rotations, whichever the sign of coupling and field.
    np.testing.assert_allclose(outcome.model["exchange"].values, [16.152869e-3], atol=1e-9)
    assert outcome.model.classes == ("field", "exchange")
    assert any("error of the model of two orders, of four orders" in s for s in outcome.summary)
    down = read(tmp_path, FERROMAGNET.replace("value = -0.5", "value = 0.5"))
    assert isinstance(down, LatticeRun)
    np.testing.assert_allclose(down.moment(), [0, 0, -1])


def test_lattice_run_with_spin_orbit_writes_a_model_to_export(tmp_path):
    """The model is about the moments of the host; spins of another coupling stand beside them."""
    text = FERROMAGNET.replace("[coupling]", "rashba = 0.02\n[coupling]").replace(
        "orders = [2]", "orders = [2, 3]"
    )
    text = text.replace("[[0, 0, 0], [1, 0, 0]]", "[[0, 0, 0], [1, 0, 0], [1, 1, 0]]")
    (tmp_path / "run.toml").write_text(text + "[model]\norder = 4\n")
    out = tmp_path / "out"
    assert main(["run", str(tmp_path / "run.toml"), "--out", str(out)]) == 0
    model = read_model(out / "interactions.nc")
    assert {"two_site_field", "chiral_three_site", "scalar_chirality"} <= set(model.classes)
    args = ["export", str(out / "interactions.nc"), "--to", "json", "--out", str(tmp_path / "new")]
    assert main(args) == 0
    beside = read(tmp_path, text.replace("value = -0.5", "value = -0.3"))
    outcome = beside.run(progress=False)
    assert outcome.model is None and {row.spins for row in outcome.rows} == {"S"}
    with pytest.raises(ConfigError, match="`model` must come with `sites` whose moments"):
        read(tmp_path, text.replace("value = -0.5", "value = -0.3") + "[model]\norder = 2\n")
    with pytest.raises(ConfigError, match="must hold some of field, .* holds 'spam'"):
        read(tmp_path, text + '[model]\nclasses = ["spam"]\n')


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('lattice = "square"\n', "", "`host.lattice` must be given"),
        ("size = [7, 7]", "size = [7, 3]", "must lie in the lattice of 7 x 3 cells"),
        ("temperature_K = 11.6", "temperature_K = -1.0", "temperature_K"),
        ("d_imaginary", "d_real = [[0.0]]\n#", "d_real"),
        ("d_imaginary", "#", "must come with `d_real` or `d_imaginary`"),
        ("distances = [1, 2]", "distances = [1, 1]", "must not repeat itself"),
        ("direction = [1, 0]", "direction = [0, 0]", "must be a lattice vector"),
        ("size = [7, 7]", "size = [7, 7]\nwinding = [1]", "`host.winding` must hold one integer"),
        (
            "[pairs]",
            "[sites]\nsites = [[0, 0, 0], [1, 0, 0]]\n[pairs]",
            "must not be given together",
        ),
    ],
)
def test_wrong_keys_are_named(tmp_path, old, new, message):
    assert {"lattice", "superconductor"} <= set(KINDS)
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, SUPERCONDUCTOR.replace(old, new))


def test_removed_sites_need_a_size(tmp_path):
    with pytest.raises(ConfigError, match="`host.removed` must come with"):
        read(tmp_path, FERROMAGNET.replace("gap", "removed = [[0, 0, 0]]\ngap"))
    with pytest.raises(ConfigError, match="`host.basis` must come with"):
        read(tmp_path, FERROMAGNET.replace("gap", "basis = [[0.0, 0.0]]\ngap"))
