"""Lattices and atoms from files that ASE reads."""

import sys

import numpy as np
import pytest
import wannier_files as wf

from msgreen.cli import main
from msgreen.errors import FileFormatError, InputError
from msgreen.io.structures import LARGEST, read_structure
from msgreen.io.wannier import read_folder

VECTORS = np.array([[3.0, 0, 0], [0, 12, 0], [0, 0, 12]])
POSCAR = """a chain
1.0
3.0 0.0 0.0
0.0 12.0 0.0
0.0 0.0 12.0
Cr Te
1 1
Cartesian
0.0 0.0 0.0
1.5 1.0 0.0
"""
CIF = """data_chain
_cell_length_a 3.0
_cell_length_b 12.0
_cell_length_c 12.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Cr1 Cr 0 0 0
Te1 Te 0.5 0.0833333333333 0
"""


@pytest.mark.parametrize(("name", "text"), [("POSCAR", POSCAR), ("chain.cif", CIF)])
def test_structures_of_other_programs(tmp_path, name, text):
    pytest.importorskip("ase")
    (tmp_path / name).write_text(text)
    found = read_structure(tmp_path / name)
    assert np.allclose(found.vectors, VECTORS) and found.symbols == ("Cr", "Te")
    assert np.allclose(found.positions, [[0, 0, 0], [1.5, 1, 0]])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("POSCAR", POSCAR[:40], "must hold a crystal that ASE reads"),
        ("x.xyz", "1\n\nH 0 0 0\n", "three independent lattice vectors"),
        ("x.dat", "nothing", "must hold a crystal that ASE reads"),
        ("missing", None, "must exist"),
    ],
)
def test_files_without_a_crystal_are_refused(tmp_path, name, text, message):
    pytest.importorskip("ase")
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(FileFormatError, match=message):
        read_structure(tmp_path / name)
    assert LARGEST < 2**30


def test_without_ase_it_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "POSCAR").write_text(POSCAR)
    monkeypatch.setitem(sys.modules, "ase.io", None)
    with pytest.raises(InputError, match=r"pip install 'msgreen\[ase\]'"):
        read_structure(tmp_path / "POSCAR")


def archive(folder):
    """An archive without symbols: one orbital on the first of two atoms."""
    field = np.diag([-0.5, 0.5]).astype(complex)
    np.savez(
        folder / "chain.npz",
        R=np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]]),
        HR=np.stack([field, -0.2 * np.eye(2), -0.2 * np.eye(2)]),
        lattice=VECTORS,
        frac=np.array([[0.0, 0, 0], [0.5, 1 / 12, 0]]),
        efermi=np.array(0.0),
    )


def test_a_structure_names_the_atoms_of_a_run(tmp_path, capsys):
    pytest.importorskip("ase")
    archive(tmp_path)
    (tmp_path / "POSCAR").write_text(POSCAR)
    found = read_folder(
        tmp_path,
        spinor_order="blocked",
        orbital_atoms=[0],
        crystal=read_structure(tmp_path / "POSCAR"),
    )
    assert found.crystal.symbols == ("Cr", "Te")
    file = tmp_path / "chain.toml"
    file.write_text(
        '[host]\nkind = "wannier"\nfolder = "."\nstructure = "POSCAR"\natoms = ["Cr"]\n'
        'orbital_atoms = [0]\nspinor_order = "blocked"\ntemperature_K = 3000.0\n'
    )
    assert main(["run", str(file), "--check"]) == 0
    (tmp_path / "POSCAR").write_text(POSCAR.replace("3.0 0.0", "3.1 0.0"))
    assert main(["run", str(file), "--check"]) == 2
    assert "lattice vectors differ by 1.0e-01 angstrom" in capsys.readouterr().err


def test_a_structure_stands_for_a_missing_win_file(tmp_path):
    pytest.importorskip("ase")
    for spin, matrices in zip(("up", "down"), wf.two_spins(), strict=True):
        wf.write_run(tmp_path, f"x_{spin}", matrices)
    expected = read_folder(tmp_path)
    crystal = expected.crystal
    for file in (*tmp_path.glob("*.win"), *tmp_path.glob("*.xyz")):
        file.unlink()
    with pytest.raises(InputError, match="lattice vectors"):
        read_folder(tmp_path)
    found = read_folder(tmp_path, orbital_atoms=expected.atom_of, crystal=crystal)
    assert np.array_equal(found.crystal.positions, crystal.positions)
    assert found.matrices.shape == expected.matrices.shape
