"""A folder of Wannier90 files as one Hamiltonian: spins, order of spinors, atoms, checks."""

import numpy as np
import pytest
import wannier_files as wf

from msgreen.errors import FileFormatError, InputError, MsgreenError
from msgreen.io import wannier
from msgreen.io.wannier import spinors
from msgreen.io.wannier.assignment import Assignment, assign, named, to_home_cell
from msgreen.io.wannier.consistency import check_gauge, hermitian
from msgreen.io.wannier.folder import home_matrix
from msgreen.io.wannier.hamiltonian import pauli_parts
from msgreen.io.wannier.real_space import collect
from msgreen.io.wannier.seeds import beside, choose, hamiltonian_file

UP, DOWN = wf.two_spins()
BOTH = wf.with_spin_orbit()
TWICE = np.tile(wf.ATOM_OF, 2)


def write_spins(folder, up=UP, down=DOWN, names=("x_up", "x_down"), **options):
    for name, matrices in zip(names, (up, down), strict=True):
        wf.write_run(folder, name, matrices, **options)


def refused(kind, folder, *words, **options):
    with pytest.raises(kind) as caught:
        wannier.read_folder(folder, **options)
    for word in words:
        assert word in str(caught.value)


def bloch(hamiltonian, k):
    phases = np.exp(2j * np.pi * hamiltonian.cells @ np.asarray(k))
    return np.einsum("r,rmn->mn", phases, hamiltonian.spinor_matrices())


def energies(hamiltonian, k):
    return np.linalg.eigvalsh(bloch(hamiltonian, k))


K = (0.31, -0.12, 0.23)


def direct(matrices):
    phases = np.exp(2j * np.pi * wf.CELLS @ np.array(K))
    return np.einsum("r,rmn->mn", phases, wf.divided(matrices))


@pytest.mark.parametrize("names", [("x_up", "x_down"), ("X.UP", "X.dn"), ("up", "down")])
def test_two_files_are_the_two_spins(tmp_path, names):
    write_spins(tmp_path, names=names)
    found = wannier.read_folder(tmp_path)
    assert isinstance(found, wannier.WannierHamiltonian) and not found.spin_orbit
    assert np.abs(found.matrices - [wf.divided(UP), wf.divided(DOWN)]).max() < 1e-15
    assert found.atom_of.tolist() == wf.ATOM_OF.tolist() and found.orbital_count == 3
    assert isinstance(found.crystal, wannier.Crystal) and found.crystal.symbols == wf.SYMBOLS
    assert found.hermiticity < 1e-15 and found.fermi_energy is None
    field = found.splitting()
    assert np.abs(field[:2]).max() == 0
    assert np.abs(field[2] - wf.divided(UP - DOWN) / 2).max() < 1e-15
    assert found.centres is not None
    assert np.allclose(found.centres, wf.POSITIONS[wf.ATOM_OF])
    assert np.allclose(bloch(found, K)[:3, :3], direct(UP))


@pytest.mark.parametrize("order", spinors.ORDERS)
@pytest.mark.parametrize("given", [False, True])
def test_order_of_spinors(tmp_path, order, given):
    matrices = wf.interleaved(BOTH) if order == "interleaved" else BOTH
    atoms = np.repeat(wf.ATOM_OF, 2) if order == "interleaved" else TWICE
    wf.write_run(tmp_path, "x", matrices, atoms, extra="spinors = true")
    found = wannier.read_folder(tmp_path, spinor_order=order if given else None)
    assert found.spin_orbit and any(order in note for note in found.notes)
    assert np.abs(found.matrices[0] - wf.divided(BOTH)).max() < 1e-15
    assert np.allclose(found.splitting(), found.pauli_matrices()[1:].real)
    assert found.atom_of.tolist() == wf.ATOM_OF.tolist()


@pytest.mark.parametrize("order", spinors.ORDERS)
def test_order_of_spinors_on_one_atom(tmp_path, order):
    """Where centres do not tell, the exchange splitting does."""
    matrices = wf.interleaved(BOTH) if order == "interleaved" else BOTH
    wf.write_run(tmp_path, "x", matrices, np.zeros(6, int))
    crystal = "begin atoms_cart\nMn 0 0 0\nend atoms_cart\n"
    text = wf.win_text()
    (tmp_path / "x.win").write_text(text[: text.index("begin atoms")] + crystal)
    (tmp_path / "x_centres.xyz").unlink()
    found = wannier.read_folder(tmp_path)
    assert np.abs(found.matrices[0] - wf.divided(BOTH)).max() < 1e-15


def test_undecidable_order_of_spinors(tmp_path):
    mean = wf.random_hoppings()
    full = np.zeros((len(wf.CELLS), 6, 6), complex)
    full[:, :3, :3] = full[:, 3:, 3:] = mean
    wf.write_run(tmp_path, "x", full, np.zeros(6, int))
    options = {"orbital_atoms": [0, 0, 1]}
    refused(FileFormatError, tmp_path, "blocked", "spinor_order", **options)
    found = wannier.read_folder(tmp_path, spinor_order="blocked", **options)
    assert np.abs(found.splitting()).max() == 0
    refused(InputError, tmp_path, "spinor_order", spinor_order="mixed")


def test_decision_needs_a_factor_of_three(tmp_path):
    assert spinors.decide({"blocked": 0.01, "interleaved": 0.5}, tmp_path) == "blocked"
    with pytest.raises(FileFormatError, match="too close to decide"):
        spinors.decide({"blocked": 0.2, "interleaved": 0.5}, tmp_path)
    assert spinors.spin_slow("interleaved", 4).tolist() == [0, 2, 1, 3]
    home = home_matrix_of(BOTH)
    assert spinors.score(home, wf.ATOM_OF) < 0.1
    turned = np.kron([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]], np.eye(3))
    moved = turned @ home @ turned.T
    assert np.isclose(spinors.score(moved, wf.ATOM_OF), spinors.score(home, wf.ATOM_OF))


def home_matrix_of(matrices):
    return matrices[len(wf.CELLS) // 2]


def test_pauli_parts():
    matrix = home_matrix_of(BOTH)
    zero, x, y, z = pauli_parts(matrix)
    again = np.block([[zero + z, x - 1j * y], [x + 1j * y, zero - z]])
    assert np.abs(again - matrix).max() < 1e-15


def test_centres_that_contradict_the_order(tmp_path):
    wf.write_run(tmp_path, "x", BOTH, TWICE)
    refused(FileFormatError, tmp_path, "on one atom", spinor_order="interleaved")


def test_one_file_without_spin(tmp_path):
    wf.write_run(tmp_path, "x", UP)
    refused(FileFormatError, tmp_path, "an even number", "it holds 3")
    wf.write_run(tmp_path, "x", BOTH, TWICE, extra="spinors = F")
    refused(FileFormatError, tmp_path, "spinors = .false.")


def test_several_runs_in_a_folder(tmp_path):
    write_spins(tmp_path)
    wf.write_run(tmp_path, "soc", BOTH, TWICE)
    refused(InputError, tmp_path, "seedname", "x_up and x_down; soc")
    assert wannier.read_folder(tmp_path, seedname="soc").spin_orbit
    assert not wannier.read_folder(tmp_path, seedname=("x_up", "x_down")).spin_orbit
    refused(InputError, tmp_path, "soc, x_down, x_up", seedname="other")
    assert choose(tmp_path, ("x_down", "x_up")) == ("x_down", "x_up")
    assert hamiltonian_file(tmp_path, "soc").name == "soc_hr.dat"
    assert beside(tmp_path, "soc", "_wsvec.dat") is None


def test_folder_that_lacks_something(tmp_path):
    refused(InputError, tmp_path / "nowhere", "must be a folder")
    refused(InputError, tmp_path, "write_hr")
    write_spins(tmp_path)
    (tmp_path / "x_up_centres.xyz").unlink()
    refused(InputError, tmp_path, "orbital_atoms", "write_xyz")
    found = wannier.read_folder(tmp_path, orbital_atoms=[0, 0, 1])
    assert found.centres is None
    (tmp_path / "x_up.win").unlink()
    refused(InputError, tmp_path, "unit_cell_cart")
    cell = wf.win_text().split("begin atoms")[0]
    (tmp_path / "x_up.win").write_text(cell)
    refused(InputError, tmp_path, "the atoms of x_up_hr.dat")


@pytest.mark.parametrize("atoms", [[0, 0], [0, 0, 2], [0, 0, -1], [0.0, 0.0, 1.0]])
def test_named_atoms_that_are_wrong(tmp_path, atoms):
    write_spins(tmp_path)
    refused(InputError, tmp_path, "orbital_atoms", orbital_atoms=atoms)


def test_functions_in_other_cells(tmp_path):
    """Moving home cells changes R and the phases of H(k), not its eigenvalues."""
    for folder in ("plain", "moved"):
        (tmp_path / folder).mkdir()
    write_spins(tmp_path / "plain")
    shift = np.array([[1, 0, 0], [0, 0, 0], [0, -2, 1]])
    write_spins(tmp_path / "moved", shift=shift)
    plain, moved = (wannier.read_folder(tmp_path / name) for name in ("plain", "moved"))
    assert not np.array_equal(plain.cells, moved.cells)
    assert np.allclose(energies(plain, K), energies(moved, K), atol=1e-14)
    assert moved.centres is not None
    assert np.allclose(moved.centres, wf.POSITIONS[wf.ATOM_OF])
    named_too = wannier.read_folder(tmp_path / "moved", orbital_atoms=[0, 0, 1])
    assert np.array_equal(named_too.matrices, moved.matrices)
    entry = UP[0, 0, 2] / wf.DEGENERACIES[0]
    place = np.all(moved.cells == wf.CELLS[0] + shift[2] - shift[0], axis=1)
    assert np.isclose(moved.matrices[0, place, 0, 2], entry)


def test_parts_of_the_assignment(tmp_path):
    crystal = wannier.Crystal(wf.VECTORS, wf.SYMBOLS, wf.POSITIONS)
    centres = wf.POSITIONS[wf.ATOM_OF] + 0.2
    found = assign(centres, crystal, tmp_path)
    assert isinstance(found, Assignment) and found.atom.tolist() == [0, 0, 1]
    assert (
        named([0, 0, 1], centres, crystal, np.arange(3), tmp_path).shift.tolist() == [[0, 0, 0]] * 3
    )
    cells, matrices = to_home_cell(wf.CELLS, UP, np.array([[1, 1, 1]] * 3))
    assert cells is wf.CELLS and matrices is UP
    cells, matrices = collect(np.array([[1, 0, 0], [1, 0, 0]]), [0, 0], [1, 1], [2.0, 3.0], 2)
    assert cells.tolist() == [[1, 0, 0]] and matrices[0, 0, 1] == 5


def test_centres_far_from_atoms(tmp_path):
    write_spins(tmp_path)
    centres = wf.POSITIONS[wf.ATOM_OF].copy()
    centres[1] = [1.5, 0.0, 0.3]
    (tmp_path / "x_up_centres.xyz").write_text(wf.centres_text(centres))
    refused(FileFormatError, tmp_path, "function 2", "atom 0 (Mn)", "x_up_hr.dat")
    centres[1] = 1e7
    (tmp_path / "x_up_centres.xyz").write_text(wf.centres_text(centres))
    refused(FileFormatError, tmp_path, "1e+06 cells from an atom")


def test_equal_atoms_with_different_numbers_of_functions(tmp_path):
    write_spins(tmp_path)
    for spin in ("up", "down"):
        file = tmp_path / f"x_{spin}.win"
        file.write_text(file.read_text().replace("O ", "Mn "))
    refused(FileFormatError, tmp_path, "atom 0 (Mn) has 2", "atom 1 (Mn) has 1")


def test_spins_that_do_not_belong_together(tmp_path):
    write_spins(tmp_path)
    (tmp_path / "x_down.win").write_text(wf.win_text().replace("3.2", "3.3"))
    refused(FileFormatError, tmp_path, "x_down_hr.dat", "crystal")
    write_spins(tmp_path, down=BOTH, atom_of=TWICE)
    wf.write_run(tmp_path, "x_up", UP)
    refused(FileFormatError, tmp_path, "it holds 6 and not 3")
    write_spins(tmp_path)
    text = wf.centres_text(wf.POSITIONS[[0, 1, 0]])
    (tmp_path / "x_down_centres.xyz").write_text(text)
    refused(FileFormatError, tmp_path, "function 2", "same projections")
    (tmp_path / "x_down_centres.xyz").write_text(wf.centres_text(wf.POSITIONS[[0, 0]]))
    refused(FileFormatError, tmp_path, "a centre for each of the 3")


@pytest.mark.parametrize("flipped", [[0], [1], [2], [0, 2]])
def test_gauge_of_two_spins(tmp_path, flipped):
    signs = np.ones(3)
    signs[flipped] = -1
    write_spins(tmp_path, down=signs[:, None] * DOWN * signs)
    refused(FileFormatError, tmp_path, "x_down_hr.dat", "gauge", "opposite sign")


def test_functions_of_two_spins_that_differ(tmp_path):
    other = wf.random_hoppings(17)
    with pytest.raises(FileFormatError, match="must hold the same functions"):
        check_gauge(UP, other, tmp_path)
    check_gauge(UP, DOWN, tmp_path)
    check_gauge(UP[:, :1, :1], DOWN[:, :1, :1], tmp_path)


def test_hamiltonian_that_is_not_hermitian(tmp_path):
    broken = UP.copy()
    broken[3, 0, 1] += 0.001
    write_spins(tmp_path, up=broken)
    refused(FileFormatError, tmp_path, "x_up_hr.dat", "Hermitian", "[-1, 0, -1]")
    broken[3, 0, 1] -= 0.001 - 4e-6
    write_spins(tmp_path, up=broken)
    found = wannier.read_folder(tmp_path)
    assert np.isclose(found.hermiticity, 4e-6 / wf.DEGENERACIES[3])
    partner = found.matrices[:, ::-1].conj().swapaxes(2, 3)
    assert np.array_equal(found.matrices, partner)


def test_cell_without_partner(tmp_path):
    cells, matrices, defect = hermitian(np.array([[0, 0, 0]]), np.eye(2)[None], tmp_path)
    assert defect == 0 and len(cells) == len(matrices) == 1
    with pytest.raises(FileFormatError, match="Hermitian"):
        hermitian(wf.CELLS[1:], UP[1:], tmp_path)


def test_shared_images(tmp_path):
    """A file of images is used where it is, and missed where it is not."""
    write_spins(tmp_path)
    notes = wannier.read_folder(tmp_path).notes
    assert sum("wsvec" in note for note in notes) == 1

    def images(cell, m, n):
        far = tuple(2 * x for x in cell)
        return [(0, 0, 0), tuple(-x for x in far)] if any(cell) else [(0, 0, 0)]

    for spin in ("up", "down"):
        (tmp_path / f"x_{spin}_wsvec.dat").write_text(wf.wsvec_text(images, 3))
    found = wannier.read_folder(tmp_path)
    assert not found.notes
    mean = (wf.divided(UP) + wf.divided(UP)[::-1]) / 2
    assert np.abs(found.matrices[0] - mean).max() < 1e-15
    for spin in ("up", "down"):
        (tmp_path / f"x_{spin}_wsvec.dat").unlink()
        (tmp_path / f"x_{spin}.win").write_text(wf.win_text("use_ws_distance = F"))
    assert not wannier.read_folder(tmp_path).notes


def test_folder_with_tb_files(tmp_path):
    """They are preferred, and need no other file if the atoms are known."""
    centres = wf.POSITIONS[wf.ATOM_OF]
    write_spins(tmp_path)
    before = wannier.read_folder(tmp_path)
    for spin, matrices in (("up", UP), ("down", DOWN)):
        (tmp_path / f"x_{spin}_tb.dat").write_text(wf.tb_text(matrices, centres))
        (tmp_path / f"x_{spin}_hr.dat").write_text("not read")
        (tmp_path / f"x_{spin}.win").unlink()
    found = wannier.read_folder(tmp_path)
    assert found.crystal.symbols == wf.SYMBOLS
    assert np.abs(found.matrices - before.matrices).max() < 1e-8
    (tmp_path / "x_up.win").write_text(wf.win_text().replace("3.2", "3.3"))
    refused(FileFormatError, tmp_path, "x_up.win", "lattice vectors of x_up_tb.dat")
    text = wf.tb_text(UP, centres).splitlines()
    text[1] = text[2]
    (tmp_path / "x_up.win").unlink()
    (tmp_path / "x_up_tb.dat").write_text("\n".join(text))
    refused(FileFormatError, tmp_path, "span no volume")


def test_folder_with_an_archive(tmp_path):
    frac = wf.POSITIONS @ np.linalg.inv(wf.VECTORS)
    matrices = wf.interleaved(wf.divided(BOTH))
    fields = {"R": wf.CELLS, "HR": matrices, "lattice": wf.VECTORS, "frac": frac}
    np.savez(tmp_path / "x.npz", **fields, efermi=-0.5)
    refused(InputError, tmp_path, "orbital_atoms")
    found = wannier.read_folder(tmp_path, orbital_atoms=[0, 0, 1])
    assert found.fermi_energy == -0.5 and found.spin_orbit
    assert np.abs(found.matrices[0] - wf.divided(BOTH)).max() < 1e-15
    assert np.array_equal(home_matrix(found), home_matrix_of(BOTH))
    assert isinstance(found.notes[0], str) and issubclass(FileFormatError, MsgreenError)
