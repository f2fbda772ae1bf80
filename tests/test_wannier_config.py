"""`msgreen run` on a folder of Wannier90 files: bcc iron, and a model with spin-orbit coupling."""

import csv
from pathlib import Path

import numpy as np
import pytest
import wannier_files as wf
import xarray as xr

from msgreen.cli import main
from msgreen.config import read_config
from msgreen.config.crystal_loops import Loops
from msgreen.config.crystal_report import about_electrons, about_pairs
from msgreen.config.shipped import SHIPPED, configuration
from msgreen.config.wannier import WannierRun
from msgreen.errors import ConfigError, FileFormatError, InputError
from msgreen.exchange.crystal.axes import CrystalTensors, collinear_tensors
from msgreen.exchange.crystal.meshes import Node
from msgreen.exchange.crystal.pairs import CrystalExchange, crystal_exchange, crystal_pairs
from msgreen.io import read_model
from msgreen.io.crystal_table import COLUMNS, crystal_dataset, crystal_rows
from msgreen.io.loop_table import VECTOR_COLUMNS
from msgreen.io.wannier import odd_rest, read_folder, wannier_host
from msgreen.lattice import Lattice
from msgreen.plot.crystal import bond_vectors_figure, exchange_distance_figure, mesh_figure
from msgreen.spinmodel import crystal_symmetry
from msgreen.units import BOLTZMANN, MEV

pytestmark = pytest.mark.computing

HEADER = "atom_i,atom_j,R1,R2,R3,distance_angstrom,J_meV,D_x_meV,D_y_meV,D_z_meV,error_meV".split(
    ","
)
BONDS = [[-1, 0, 0], [0, -1, 1], [-2, 1, -1], [-2, 1, 0], [-2, 0, 0]]
"""One of each of the first five shells."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iron")
    wf.write_iron(folder)
    return folder


@pytest.fixture(scope="module")
def iron(folder):
    return wannier_host(
        read_folder(folder), fermi_energy=12.6256, temperature=600 * BOLTZMANN, vertex="onsite"
    )


def bonds(pairs):
    return [int(np.flatnonzero(np.all(pairs[:, 2:] == bond, axis=1))[0]) for bond in BONDS]


def test_exchange_of_iron_on_fixed_meshes(iron):
    """Numbers of an independent program for the same files, meshes and temperature."""
    pairs = crystal_pairs(iron, 5.0)
    known = {
        5: [7.641572, -1.499144, 2.479474, -1.592820, -3.787729],
        9: [7.260737, 9.323510, -0.670433, -1.109833, -3.515960],
    }
    for mesh, expected in known.items():
        found = crystal_exchange(iron, pairs, mesh=mesh)
        assert isinstance(found, CrystalExchange) and isinstance(found.nodes[0], Node)
        exchange = -found.exchange()[bonds(pairs)] / (2 * MEV)
        # Bonds of a shell differ by 4e-6 meV, as the functions are not exactly cubic.
        assert np.abs(exchange - expected).max() < 5e-6


def test_run_on_iron(folder, tmp_path, capsys):
    """The two keys of `[host]`, a vertex, a cutoff and a tolerance; errors bound the truth."""
    file = tmp_path / "iron.toml"
    file.write_text(
        f'[host]\nkind = "wannier"\nfolder = "{folder}"\nfermi_energy = 12.6256\n'
        'temperature_K = 600.0\nvertex = "onsite"\n[pairs]\ncutoff = 5.0\ntolerance = 0.02\n'
    )
    assert main(["run", str(file), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "7.99" in said and "moment 2.23" in said and "34.3% by norm" in said
    assert "184." in said and "do not agree" in said and "what lies between cells" in said
    assert "48 operations" in said and "random phase approximation" in said
    assert "is unstable at" in said and "Magnons about the spiral" in said
    with open(tmp_path / "out" / "pairs.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    assert list(rows[0]) == HEADER == list(COLUMNS) and len(rows) == 58
    pairs = np.array([[int(row[name]) for name in HEADER[:5]] for row in rows])
    exact = [8.298580, 7.345041, -0.181631, -1.503149, -1.083676]
    for row, value in zip(bonds(pairs), exact, strict=True):
        error = float(rows[row]["error_meV"])
        # Two of the values are means over a shell, which differ by 8e-4 from the bond.
        assert abs(float(rows[row]["J_meV"]) - value) < error + 1e-3
        assert 0 < error < 0.02 and float(rows[row]["D_z_meV"]) == 0
    with xr.open_dataset(tmp_path / "out" / "pairs.nc", engine="h5netcdf") as dataset:
        assert dataset["J"].attrs["units"] == "eV" and dataset.attrs["vertex"] == "onsite"
        assert np.allclose(dataset["J"] / MEV, [float(row["J_meV"]) for row in rows])
    model = read_model(tmp_path / "out" / "model.json")
    assert model.classes == ("exchange",) and len(model["exchange"].clusters) == 29
    assert float(np.asarray(model["exchange"].errors).max()) < 0.04 * MEV
    again = read_model(tmp_path / "out" / "pairs.nc")
    assert np.array_equal(again["exchange"].values, model["exchange"].values)
    other = tmp_path / "out" / "model.json"
    other.write_text(other.read_text() + " ")
    with pytest.raises(FileFormatError, match="must be the spin model of the run of .*pairs.nc"):
        read_model(tmp_path / "out" / "pairs.nc")
    other.unlink()
    with pytest.raises(FileFormatError, match="it is the table of a run. Put the matched"):
        read_model(tmp_path / "out" / "pairs.nc")
    with open(tmp_path / "out" / "magnons.csv", newline="") as table:
        waves = list(csv.DictReader(table))
    assert [row["corner"] for row in waves if row["corner"]] == "Γ H N Γ P H P N".split()
    spacing = [float(row["J_1_meV"]) for row in waves]
    assert np.isclose(spacing[0], sum(float(row["J_meV"]) for row in rows))
    for name in ("exchange.png", "mesh.png", "magnons.png"):
        assert (tmp_path / "out" / name).stat().st_size > 10_000


def spin_orbit_files(folder):
    """Files of a chain of atoms with two orbitals, spin-orbit coupling and moments along z."""
    rng = np.random.default_rng(0)
    even, hop = np.diag([0.3, -0.2]), 0.4 * rng.normal(size=(2, 2))
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    coupling = np.array([[0, 0.2j], [-0.2j, 0]])
    home = np.kron(np.eye(2), even) - np.kron(pauli[2], np.diag([1.0, 0.8]))
    home = home + np.kron(pauli[1], coupling)
    step = np.kron(np.eye(2), hop) + 1j * np.kron(pauli[0], 0.15 * rng.normal(size=(2, 2)))
    cells = np.array([[-1, 0, 0], [0, 0, 0], [1, 0, 0]])
    matrices = np.stack([step.conj().T, home, step])
    (folder / "x_hr.dat").write_text(wf.hr_text(matrices, cells, [1, 1, 1]))
    (folder / "x.win").write_text(
        "spinors = .true.\nuse_ws_distance = .false.\nbegin atoms_frac\nCr 0 0 0\nend atoms_frac\n"
        "begin unit_cell_cart\nang\n3 0 0\n0 12 0\n0 0 12\nend unit_cell_cart\n"
    )
    (folder / "x_centres.xyz").write_text("5\n\n" + "X 0 0 0\n" * 4 + "Cr 0 0 0\n")


def test_run_with_spin_orbit_coupling(tmp_path, capsys):
    """Three axes from one Hamiltonian: whole vectors D, and a picture of them."""
    spin_orbit_files(tmp_path)
    file = tmp_path / "chain.toml"
    file.write_text(
        '[host]\nkind = "wannier"\nfolder = "."\nfermi_energy = 0.1\ntemperature_K = 3000.0\n'
        'spinor_order = "blocked"\natoms = ["Cr"]\n[pairs]\ncutoff = 9.5\ntolerance = 0.01\n'
        'symmetrise = true\n[loops]\nkinds = ["four_site"]\ncutoff = 6.5\ntolerance = 0.01\n'
    )
    config = read_config(file)
    assert isinstance(config, WannierRun)
    assert main(["run", str(file), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "along 0 1 0" in said and "Diagonal entries differ" in said
    assert "half of the splitting of every bond" in said and "no exchange field: " in said
    assert "Anisotropy e.A.e of single moments" in said and "in layers and chains" in said
    with open(tmp_path / "out" / "pairs.csv", newline="") as table:
        rows = {row["R1"]: row for row in csv.DictReader(table)}
    one, other = rows["1"], rows["-1"]
    vectors = [np.array([float(row[f"D_{a}_meV"]) for a in "xyz"]) for row in (one, other)]
    assert np.allclose(vectors[0], -vectors[1], atol=1e-6) and np.linalg.norm(vectors[0]) > 0.1
    model = read_model(tmp_path / "out" / "model.json")
    assert {"dzyaloshinskii_moriya", "anisotropy"} <= set(model.classes)
    assert model.classes[-2:] == ("four_site", "chiral_four_site")
    with open(tmp_path / "out" / "loop_vectors.csv", newline="") as table:
        products = list(csv.DictReader(table))
    assert list(products[0]) == list(VECTOR_COLUMNS) and len(products) == 6
    with open(tmp_path / "out" / "loops.csv", newline="") as table:
        loops = list(csv.DictReader(table))
    assert {row["L_meV"] for row in loops} == {""}
    assert {row["B_meV"] for row in loops} == {row["B_meV"] for row in products}
    assert "|D| up to" in said and (tmp_path / "out" / "loops.png").exists()
    assert model.symbols == ("Cr",)
    # The positions have an inversion that the random hoppings lack: the model has no D left.
    assert np.abs(model["dzyaloshinskii_moriya"].values).max() < 1e-12
    residue = [line for line in said.splitlines() if line.startswith("dzyaloshinskii")]
    assert float(residue[0].split()[1]) > 0.1
    assert (tmp_path / "out" / "vectors.png").exists()


def test_electrons_in_place_of_the_fermi_energy(tmp_path):
    """One E_F for all axes, that of moments along z."""
    spin_orbit_files(tmp_path)
    file = tmp_path / "chain.toml"
    file.write_text(
        '[host]\nkind = "wannier"\nfolder = "."\nelectrons = 1.8\ntemperature_K = 3000.0\n'
        'spinor_order = "blocked"\n[pairs]\ncutoff = 3.5\n'
    )
    config = read_config(file)
    assert isinstance(config, WannierRun)
    hosts, found = config.host.filled(600.0, False)
    assert found is not None and len(hosts) == 3
    assert {float(host.fermi_energy) for host in hosts} == {found.fermi_energy.value}
    run = crystal_exchange(hosts[2], crystal_pairs(hosts[2], 3.5), tolerance=1e-4)
    assert abs(run.electrons.sum() - 1.8) < found.electrons.error + run.electron_errors.sum()
    said = "\n".join(about_electrons(config.host.hamiltonian, hosts[2], [run], found))
    assert f"{found.fermi_energy.value:.7g} eV within" in said and "hold 1.8 electrons" in said
    assert "may be wrong by is in all errors below" in said


def test_loops_that_spin_orbit_coupling_leaves_unknown_are_refused(tmp_path):
    spin_orbit_files(tmp_path)
    hamiltonian = read_folder(tmp_path, spinor_order="blocked")
    host = wannier_host(hamiltonian, fermi_energy=0.1, temperature=0.3)
    pairs = crystal_pairs(host, 6.5)
    with pytest.raises(InputError, match=r"`loops.kinds` must be \['four_site'\] .* by two to six"):
        Loops(kinds=["three_site"], cutoff=6.5).clusters(host, pairs)
    with pytest.raises(InputError, match="up to 9.0000 angstrom apart. Raise `pairs.cutoff`"):
        Loops(cutoff=6.5).clusters(host, pairs)


def test_tables_and_pictures_of_a_set(folder, iron):
    found = crystal_exchange(iron, crystal_pairs(iron, 3.0), mesh=8)
    said = "\n".join(about_electrons(read_folder(folder), iron, [found]))
    assert "34.3% by norm" in said and f"{found.electrons.sum():.4f} electrons" in said
    assert f"both within {found.electron_errors.sum():.1e}" in said
    tensors = collinear_tensors(found)
    assert isinstance(tensors, CrystalTensors)
    rows = crystal_rows(tensors)
    assert len(rows) == 14 and all(len(row) == len(COLUMNS) for row in rows)
    dataset = crystal_dataset(tensors, iron.lattice, ("Fe",), {"vertex": "onsite"})
    assert dataset["D"].shape == (14, 3)
    figures = [
        exchange_distance_figure(tensors, ("Fe",)),
        bond_vectors_figure(tensors, iron.lattice),
        mesh_figure(found.nodes),
    ]
    assert all(figure.axes for figure in figures)


def test_example_with_its_files_comes_with_the_program(tmp_path, monkeypatch):
    assert configuration(Path("srmno3")) == SHIPPED["srmno3"]
    config = read_config(SHIPPED["srmno3"])
    assert isinstance(config, WannierRun)
    assert config.host.hamiltonian.crystal.symbols == ("Sr", "Mn", "O", "O", "O")
    assert config.host.hosts[0].atoms == (1,)
    # A file of that name is what is meant.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "srmno3").write_text("")
    assert configuration(Path("srmno3")) == Path("srmno3")


def test_pairs_of_equal_length_that_are_not_equal_stand_apart(iron):
    """In bcc crystals (3 3 3)/2 and (5 1 1)/2 have the same length."""
    pairs = crystal_pairs(iron, 7.5)
    zero = np.zeros(len(pairs))
    cells = np.linalg.norm(pairs[:, 2:] @ iron.lattice.vectors, axis=1)
    unit = np.tile(np.eye(3), (len(pairs), 1, 1))
    tensors = CrystalTensors(pairs, cells, unit, 0 * unit, zero, False)
    lines = about_pairs(tensors, ("Fe",), crystal_symmetry(iron.lattice))
    assert sorted(int(line.split()[4]) for line in lines[-2:]) == [8, 24]
    assert len(lines) == 2 + 11


def test_every_kind_of_pairs_is_drawn():
    """More kinds than there are colours."""
    pairs = np.array([[n, n, 1, 0, 0] for n in range(8)])
    unit, zero = np.tile(np.eye(3), (8, 1, 1)), np.zeros(8)
    tensors = CrystalTensors(pairs, zero + 2.0, unit, 0 * unit, zero, False)
    panel = exchange_distance_figure(tensors, tuple("ABCDEFGH")).axes[0]
    looks = {(line.get_color(), line.get_marker()) for line, *_ in panel.containers}
    assert len(panel.containers) == len(looks) == 8


def test_odd_rest_without_spin_orbit_coupling_is_nothing(folder):
    assert odd_rest(read_folder(folder)) == 0.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`host.fermi_energy` must be given"),
        ("fermi_energy = 80.0", "line 4: Argument `host.fermi_energy` must lie within the bands"),
        ('fermi_energy = 12.6\natoms = ["Co"]', "`host.atoms` must name some of Fe"),
        ("fermi_energy = 12.6\nvertex = 3", "`host.vertex`"),
        ("fermi_energy = 12.6\nelectrons = 8.0", "`host.electrons` must not be given together"),
        ("fermi_energy = 12.6\n[pairs]\ncutoff = 1.0", "`cutoff` must reach a pair"),
        ("fermi_energy = 12.6\n[pairs]\nmesh = 1", "line 6: Argument `pairs.mesh`"),
    ],
)
def test_wrong_configurations_name_line_and_remedy(folder, tmp_path, text, message):
    file = tmp_path / "wrong.toml"
    file.write_text(f'[host]\nkind = "wannier"\nfolder = "{folder}"\n{text}\n')
    with pytest.raises(ConfigError, match=message):
        read_config(file)


def test_symbols_that_no_atom_has_are_refused(folder):
    with pytest.raises(InputError, match="`atoms` must name some of Fe"):
        wannier_host(read_folder(folder), temperature=0.05, fermi_energy=12.6, atoms=["Ni"])


def test_lattice_of_the_host_is_that_of_the_files(iron):
    assert isinstance(iron.lattice, Lattice) and iron.atoms == (0,)
