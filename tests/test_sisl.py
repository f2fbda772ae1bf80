"""Hamiltonians with overlap from files of SIESTA and from sisl, and `kind = "sisl"`."""

import csv
import shutil
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import scipy.linalg
import siesta_files
from scipy.special import expit
from test_overlap import overlap
from test_wannier_host import ATOM_OF, CELLS, LATTICE, chain

from msgreen.cli import main
from msgreen.config import read_config
from msgreen.config.sisl import SislHost, SislRun
from msgreen.errors import ConfigError, FileFormatError, InputError
from msgreen.io.localised import (
    Elements,
    assembled,
    from_sisl,
    read_localised,
    read_siesta,
    read_sisl,
)
from msgreen.io.wannier import Crystal, wannier_host
from msgreen.spin.algebra import SIGMA
from msgreen.units import BOLTZMANN, MEV

pytestmark = pytest.mark.computing

DATA = Path(__file__).parent / "data" / "sisl"


@pytest.fixture
def write(tmp_path):
    def make(spin_orbit=False, **given):
        path = tmp_path / "chain.nc"
        options = dict(overlap=overlap(), fermi_energy=0.1, symbols=("Fe", "O"))
        options.update(given)
        siesta_files.write(path, LATTICE, CELLS, chain(spin_orbit), ATOM_OF, **options)
        return path

    return make


def in_order(found):
    """Cells of a chain in the order of CELLS."""
    return [found.cells.tolist().index(cell) for cell in CELLS.tolist()]


@pytest.mark.parametrize("spin_orbit", [False, True])
def test_files_of_siesta_hold_what_was_calculated(write, spin_orbit):
    found = read_localised(write(spin_orbit))
    order = in_order(found)
    assert found.spin_orbit == spin_orbit and len(found.cells) == 3
    assert np.allclose(found.matrices[:, order], chain(spin_orbit), atol=1e-13)
    assert found.overlap is not None and np.allclose(found.overlap[order], overlap(), atol=1e-15)
    assert found.crystal.symbols == ("Fe", "O") and found.atom_of.tolist() == ATOM_OF.tolist()
    assert np.allclose(found.crystal.vectors, LATTICE.vectors)
    assert np.allclose(found.crystal.positions, LATTICE.basis)
    assert found.fermi_energy is not None and np.isclose(found.fermi_energy, 0.1)
    made = wannier_host(found, temperature=0.3, atoms=["Fe"])
    assert made.overlap is not None and made.atoms == (0,) and made.spin_orbit == spin_orbit


def test_files_without_names_number_their_atoms(write):
    path = write()
    for name, value in (("Element", 3), ("Element", "Fé"), ("ID", "one"), ("ID", h5py.Empty("i4"))):
        with h5py.File(path, "a") as file:
            file["BASIS/Fe"].attrs[name] = value
        numbered = name == "ID" or value == 3
        expected = ("atom0", "atom1") if numbered else ("Fé", "O")
        assert read_siesta(path).crystal.symbols == expected
    assert read_siesta(write(symbols=())).crystal.symbols == ("atom0", "atom1")


def turned_chain():
    """The chain with all moments turned, spin slow."""
    up, down = chain()
    turn = np.einsum("a,ast->st", [0.6, 0.48, 0.64], SIGMA)
    return np.kron(np.eye(2), (up + down) / 2) + np.kron(turn, (up - down) / 2)


def test_files_of_non_collinear_moments(tmp_path):
    path = tmp_path / "turned.nc"
    given = dict(overlap=overlap(), components=4)
    siesta_files.write(path, LATTICE, CELLS, turned_chain()[None], ATOM_OF, **given)
    found = read_siesta(path)
    assert np.allclose(found.matrices[0, in_order(found)], turned_chain(), atol=1e-13)
    # The exchange field turns to the axis of the host, and then it is the collinear chain.
    made = wannier_host(found, temperature=0.3)
    assert np.allclose(made.sectors[0, :, 0, 0, :3, :3], chain()[0][[2, 0, 1]], atol=1e-12)


def spoil(name, value):
    def change(file):
        del file[name]
        file[name] = value
        if name == "SPARSE/H":
            file[name].attrs["unit"] = b"Ry"

    return change


def shifted(file):
    file["SPARSE/H"][0, 1] += 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.__delitem__("SPARSE/S"), r"must have the field `SPARSE/S`"),
        (spoil("SPARSE/H", np.zeros((1, 27))), r"must hold 2, 4 or 8 components of spin, .* 1\."),
        (spoil("SPARSE/H", np.zeros((2, 26))), r"`SPARSE/H`: must hold one number per spin"),
        (spoil("SPARSE/S", np.full(27, np.nan)), r"`SPARSE/S`: must hold finite numbers"),
        (spoil("SPARSE/n_col", np.array([9, 9, 8])), r"`SPARSE/list_col`: must hold all elements"),
        (spoil("SPARSE/list_col", np.full(27, 10)), r"`SPARSE/list_col`: must hold orbitals"),
        (spoil("SPARSE/isc_off", np.zeros((3, 2), int)), r"`SPARSE/isc_off`: must hold a cell"),
        (spoil("lasto", np.array([2, 4])), r"`lasto`: must hold all orbitals"),
        (spoil("xa", np.zeros((2, 2))), r"`xa`: must hold a position per atom"),
        (spoil("cell", np.zeros((3, 3))), r"`cell`: must hold three vectors"),
        (spoil("Ef", np.array([0.1, 0.2])), r"`Ef`: must hold one Fermi energy"),
        (spoil("Ef", np.array(["x"], "S1")), r"`Ef`: must hold numbers"),
        (lambda f: f["SPARSE/H"].attrs.modify("unit", b"eV"), r"must hold energies in Ry"),
        (shifted, r"must hold a Hermitian H\(R\), but its element"),
    ],
)
def test_damaged_files_are_refused(write, change, message):
    path = write()
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(FileFormatError, match=message):
        read_siesta(path)


def test_truncated_files_and_overlaps_of_others_are_refused(write):
    path = write()
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(FileFormatError, match=r"chain\.nc: the file must be NetCDF 4"):
        read_localised(path)
    path = write(overlap=overlap() - 0.9 * np.eye(3)[None] * [[[1]], [[0]], [[0]]])
    with pytest.raises(InputError, match=r"`overlap` must be positive definite.* at k = "):
        wannier_host(read_siesta(path), temperature=0.3)
    with pytest.raises(FileFormatError, match=r"must have at most .* elements"):
        far = Elements(np.full((1, 3), 500), *np.zeros((2, 1), int), np.ones((2, 1)), None)
        assembled(far, Crystal(np.eye(3), ("H",), np.zeros((1, 3))), np.zeros(1, int), 0.0, path)


def sisl_chain(spin, dtype=float):
    """The chain as an object of sisl, with moments along z, turned, or with spin-orbit coupling."""
    sisl = pytest.importorskip("sisl")
    atoms = [sisl.Atom(26, [2.5, 2.5]), sisl.Atom(8, [2.5])]
    geometry = sisl.Geometry(LATTICE.basis, atoms, sisl.Lattice(LATTICE.vectors, nsc=[3, 1, 1]))
    hamiltonian = sisl.Hamiltonian(geometry, spin=spin, orthogonal=False, dtype=dtype)
    up, down = chain()
    full = {
        "polarized": np.kron([[1, 0], [0, 0]], up) + np.kron([[0, 0], [0, 1]], down),
        "non-colinear": turned_chain(),
        "spin-orbit": chain(True)[0],
    }[spin].reshape(3, 2, 3, 2, 3)
    for place, m, n in np.ndindex(3, 3, 3):
        (uu, ud), (du, dd) = full[place, :, m, :, n]
        values = {
            "polarized": [uu, dd],
            "non-colinear": [uu, dd, ud],
            "spin-orbit": [uu, dd, ud, du],
        }
        found = values[spin]
        if dtype is float:
            found = [uu.real, dd.real, ud.real, ud.imag, uu.imag, dd.imag, du.real, du.imag]
            found = found[: {"polarized": 2, "non-colinear": 4, "spin-orbit": 8}[spin]]
        hamiltonian[m, n, tuple(CELLS[place])] = [*found, overlap()[place, m, n]]
    return sisl, hamiltonian, full.reshape(3, 6, 6)


@pytest.mark.parametrize("spin", ["polarized", "non-colinear", "spin-orbit"])
@pytest.mark.parametrize("dtype", [float, complex])
def test_objects_of_sisl_have_the_levels_that_sisl_finds(spin, dtype):
    _, hamiltonian, full = sisl_chain(spin, dtype)
    found = from_sisl(hamiltonian, 0.1)
    assert np.allclose(found.spinor_matrices()[in_order(found)], full, atol=1e-14)
    k = np.array([0.2, 0.0, 0.0])
    wave = np.exp(2j * np.pi * found.cells @ k)
    full = np.tensordot(wave, found.spinor_matrices(), 1)
    s = np.kron(np.eye(2), np.tensordot(wave, found.overlap, 1))
    expected = (
        [hamiltonian.eigh(k, spin=n) for n in (0, 1)]
        if spin == "polarized"
        else hamiltonian.eigh(k)
    )
    assert np.allclose(scipy.linalg.eigvalsh(full, s), np.sort(np.ravel(expected)))


def test_sisl_reads_what_siesta_writes(tmp_path, monkeypatch):
    sisl, hamiltonian, _ = sisl_chain("polarized")
    file = tmp_path / "chain.TSHS"
    hamiltonian.write(str(file))
    found = read_localised(file)
    order = in_order(found)
    assert np.allclose(found.matrices[:, order], chain(), atol=1e-9)
    assert found.fermi_energy == 0.0 and "does not name the elements" in found.notes[0]
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(FileFormatError, match=r"chain\.TSHS: must hold a Hamiltonian that sisl"):
        read_sisl(file)
    single = sisl.Hamiltonian(hamiltonian.geometry)
    with pytest.raises(FileFormatError, match=r"must hold a Hamiltonian of spin up and down"):
        from_sisl(single)
    empty = SimpleNamespace(read_hamiltonian=lambda: None)
    monkeypatch.setattr(sisl, "get_sile", lambda path: empty)
    with pytest.raises(FileFormatError, match=r"must lie beside the \.nc, \.TSHS or \.HSX"):
        read_sisl(file)


def test_without_sisl_its_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sisl", None)
    (tmp_path / "a.HSX").write_bytes(b"x")
    with pytest.raises(InputError, match=r"unless sisl is installed.*pip install"):
        read_localised(tmp_path / "a.HSX")
    with pytest.raises(FileFormatError, match="the file must exist"):
        read_localised(tmp_path / "b.HSX")


def iron_sum_over_states(iron, count, cell):
    """J of halves of bonds between Löwdin's orbitals, in meV, as a sum over pairs of states."""
    k = np.indices((count,) * 3).reshape(3, -1).T / count
    wave = np.exp(2j * np.pi * k @ iron.cells.T)
    up, down, s = (np.tensordot(wave, x, 1) for x in (*iron.matrices, iron.overlap))
    root = np.array([scipy.linalg.sqrtm(x) for x in s])
    inverse = np.linalg.inv(root)
    field = inverse @ (up - down) @ inverse / 2
    (e, left), (o, right) = (np.linalg.eigh(inverse @ x @ inverse) for x in (up, down))
    f, g = (expit((iron.fermi_energy - x) / (3000 * BOLTZMANN)) for x in (e, o))
    total = 0.0
    for n in range(len(k)):
        between = np.abs(left[n].conj().T @ (field[n] + field) / 2 @ right) ** 2
        rate = (f[n][:, None] - g[:, None, :]) / (e[n][:, None] - o[:, None, :])
        total -= np.sum(between * rate, axis=(1, 2)) @ np.cos(2 * np.pi * (k - k[n]) @ cell)
    return total / len(k) ** 2 / MEV


@pytest.mark.slow
def test_run_on_iron_from_siesta(tmp_path, capsys):
    shutil.copy(DATA / "iron.nc", tmp_path)
    file = tmp_path / "iron.toml"
    file.write_text(
        '[host]\nkind = "sisl"\nfile = "iron.nc"\ntemperature_K = 3000.0\n'
        "[pairs]\ncutoff = 2.5\nmesh = 3\n[output]\nfigures = false\n"
    )
    iron = read_siesta(DATA / "iron.nc")
    assert iron.matrices.shape == (2, 149, 19, 19) and iron.crystal.symbols == ("Fe",)
    assert main(["run", str(file), "--out", str(tmp_path / "out")]) == 0
    assert "Löwdin" in capsys.readouterr().out
    with open(tmp_path / "out" / "pairs.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 8
    row = rows[0]
    expected = iron_sum_over_states(iron, 3, [int(row[name]) for name in ("R1", "R2", "R3")])
    # The cut of the square root leaves parts in 1e6.
    assert np.isclose(float(row["J_meV"]), expected, rtol=1e-4)


def test_wrong_configurations_name_line_and_remedy(write, tmp_path):
    file = tmp_path / "wrong.toml"
    write()
    with h5py.File(tmp_path / "wrong.nc", "w") as empty:
        empty["cell"] = np.eye(3)
    file.write_text('[host]\nkind = "sisl"\nfile = "chain.nc"\n')
    config = read_config(file)
    assert isinstance(config, SislRun) and isinstance(config.host, SislHost)
    assert config.host.source == {"file": "chain.nc"}
    for text, message in (
        ('file = "none.nc"', r"line 3: Argument `host.file` must be an existing file"),
        (
            'file = "chain.nc"\nfermi_energy = 90.0',
            r"`host.fermi_energy` must lie within the bands",
        ),
        ('file = "chain.nc"\natoms = ["Co"]', r"`host.atoms` must name some of Fe, O"),
        ('file = "wrong.nc"', r"wrong\.nc: must have the field"),
    ):
        file.write_text(f'[host]\nkind = "sisl"\n{text}\n')
        with pytest.raises((ConfigError, FileFormatError), match=message):
            read_config(file)
