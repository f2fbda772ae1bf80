"""Files that others got wrong, with the right answers by hand from the rules of each program."""

import warnings

import numpy as np
import pytest
import spin_programs as programs

from msgreen.errors import AccuracyWarning, FileFormatError
from msgreen.io.files import reading
from msgreen.io.jukkr.structure import read_lattice_constant
from msgreen.io.jukkr.text import Line, read_text
from msgreen.io.spin_programs import export, read_model, read_tb2j, read_uppasd, read_vampire
from msgreen.io.spin_programs.directions import Bond, added, check_directions, once
from msgreen.io.spin_programs.report import energies
from msgreen.io.spin_programs.text import site_index, vectors_of, word
from msgreen.io.spin_programs.uppasd import FOLDING, MRY
from msgreen.lattice import Lattice
from msgreen.spinmodel import SpinModel, Term
from msgreen.units import BOHR

UP = [0.0, 0.0, 1.0]


def write(folder, **files):
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder


def energy(model, spins):
    return float(sum(energies(term, np.asarray(spins, float)[None])[0] for term in model.terms))


def per_atom(model, spins):
    return energy(model, spins) / (np.size(spins) / 3)


# --- TB2J ---------------------------------------------------------------------------------------

# The cell of bcc iron rounded to three decimals as TB2J writes it; made up for this test.
CELL = np.array([[2.46678, 0, 0], [-0.82226, 2.32570, 0], [-0.82226, -1.16285, 2.01412]])


def tb2j(bonds, cell=CELL):
    head = "Cell (Angstrom):\n" + "\n".join(" ".join(f"{x:.3f}" for x in v) for v in cell)
    head += (
        "\nAtoms:\nAtom_number x y z w_charge M(x) M(y) M(z)\nFe1 0.0000 0.0000 0.0000 8 0 0 2\n"
    )
    text = head + "Total 8 0 0 2\nExchange:\n i j R J_iso(meV) vector distance(A)\n"
    for where, exchange, d in bonds:
        r = np.array(where) @ cell
        vector = ", ".join(f"{x:.3f}" for x in r)
        cells = ", ".join(map(str, where))
        text += f"Fe1 Fe1 ( {cells}) {exchange:.4f} ({vector}) {np.linalg.norm(r):.3f}\n"
        text += f"J_iso: {exchange:.4f}\n[Testing!] DMI: ({d[0]:.4f} {d[1]:.4f} {d[2]:.4f})\n"
    return text


def both(where, exchange, d=(0.0, 0.0, 0.0)):
    back = tuple(-n for n in where)
    return [(where, exchange, d), (back, exchange, tuple(-x for x in d))]


def test_cells_of_three_decimals(tmp_path):
    """Seven cells away the rounding of the cell is seven times as large."""
    bonds = both((7, 0, 0), 1.0) + both((-5, 7, 3), 0.5, (0.1, 0.2, 0.3))
    model = read_tb2j(write(tmp_path, exchange__out=tb2j(bonds)) / "exchange.out")
    spins = np.broadcast_to(UP, (8, 9, 5, 1, 3))
    np.testing.assert_allclose(1e3 * per_atom(model, spins), -3.0, rtol=1e-12)
    wrong = tb2j(bonds).replace("( 7, 0, 0)", "( 6, 0, 0)").replace("( -7, 0, 0)", "( -6, 0, 0)")
    with pytest.raises(FileFormatError, match="do not belong together"):
        read_tb2j(write(tmp_path, wrong__out=wrong) / "wrong.out")


@pytest.mark.parametrize(
    ("bonds", "message"),
    [
        ([((1, 0, 0), 5.0, (0.1, 0, 0)), ((-1, 0, 0), 1.0, (0.1, 0, 0))], "lines 11 and 14"),
        ([((1, 0, 0), 5.0, (0.1, 0, 0)), ((-1, 0, 0), 5.0, (0.1, 0, 0))], "differ by 0.2"),
        ([*both((1, 0, 0), 5.0), ((0, 1, 0), 1.0, (0, 0, 0))], "line 17: .*both of their ends"),
        (both((1, 0, 0), 5.0) * 2, "line 17: .*line 11 lists the same one"),
    ],
)
def test_two_directions_that_disagree(bonds, message, tmp_path):
    path = write(tmp_path, exchange__out=tb2j(bonds)) / "exchange.out"
    with pytest.raises(FileFormatError, match=message):
        read_tb2j(path)


def test_noise_gives_the_mean_and_a_warning(tmp_path):
    bonds = [((1, 0, 0), 5.01, (0, 0, 0)), ((-1, 0, 0), 5.0, (0, 0, 0))]
    path = write(tmp_path, exchange__out=tb2j(bonds)) / "exchange.out"
    with pytest.warns(AccuracyWarning, match="lines 11 and 14: .*mean"):
        model = read_tb2j(path)
    np.testing.assert_allclose(1e3 * np.asarray(model["exchange"].values), [-10.01])


def test_edges_of_even_meshes_hold_for_both_ends(tmp_path):
    """Meshes of four points have cells from -1 to 2: no bond leads to cell -2."""
    bonds = [*both((1, 0, 0), 5.0), ((2, 0, 0), 1.0, (0, 0, 0))]
    path = write(tmp_path, exchange__out=tb2j(bonds)) / "exchange.out"
    with pytest.warns(AccuracyWarning, match="even mesh"):
        model = read_tb2j(path)
    np.testing.assert_allclose(1e3 * per_atom(model, np.broadcast_to(UP, (6, 1, 3))), -12.0)


# --- UppASD -------------------------------------------------------------------------------------

HEAD = "cell {cell}\nposfile './posfile'\nexchange ./jfile\n"
CHAIN = {"cell": "9.0 0 0 0 9.0 0 0 0 2.0d0"}
PAIR = "1 1 0 0 0\n2 1 0 0 1.0\n"
ALTERNATING = np.broadcast_to([UP, [0.0, 0.0, -1.0]], (4, 2, 3))


def inpsd(extra="", cell="9.0 0 0\n 0 9.0 0\n 0 0 2.0"):
    return f"simid x\n{HEAD.format(cell=cell)}Sym 0\n{extra}"


def test_a_shell_that_comes_again_replaces(tmp_path):
    """One type, two sites: both lists of one type name the same vectors."""
    jfile = "1 2 0 0 1 -0.5\n1 2 0 0 -1 -0.5\n2 1 0 0 1 -0.5\n2 1 0 0 -1 -0.5\n"
    model = read_uppasd(write(tmp_path, inpsd__dat=inpsd("maptype 1\n"), posfile=PAIR, jfile=jfile))
    np.testing.assert_allclose(per_atom(model, ALTERNATING) / MRY, -1.0)


def test_maptype_3_names_cells_of_positions_as_written(tmp_path):
    jfile = "1 2 0 0 0 -0.5\n1 2 0 0 -1 -0.5\n2 1 0 0 0 -0.5\n2 1 0 0 1 -0.5\n"
    model = read_uppasd(write(tmp_path, inpsd__dat=inpsd("maptype 3\n"), posfile=PAIR, jfile=jfile))
    np.testing.assert_allclose(per_atom(model, ALTERNATING) / MRY, -1.0)
    with pytest.raises(FileFormatError, match="line 8: must hold `maptype` 1 or 2 or 3"):
        read_uppasd(write(tmp_path, inpsd__dat=inpsd("maptype 4\n")))


@pytest.mark.parametrize(("maptype", "cell"), [(2, -1), (3, 0)])
def test_atoms_outside_the_cell_are_moved_into_it(maptype, cell, tmp_path):
    """Cells of maptype 2 are relative to moved atoms, those of maptype 3 to written ones."""
    posfile = "1 1 0 0 0\n2 2 0 0 -1.0\n"
    # Site 2 is at -1, moved to +1; the bond of site 1 leads to -1.
    jfile = f"1 2 0 0 {cell} -0.5\n2 1 0 0 {-cell} -0.5\n"
    files = {"inpsd__dat": inpsd(f"maptype {maptype}\n"), "posfile": posfile, "jfile": jfile}
    model = read_uppasd(write(tmp_path, **files))
    vectors = model.lattice.basis[1] - model.lattice.basis[0]
    cells = model["exchange"].clusters.cells[0]
    sites = model["exchange"].clusters.sites[0]
    sign = 1 if sites[0] == 0 else -1
    bond = sign * (vectors + sign * (cells[1] - cells[0]) @ model.lattice.vectors)
    assert abs(abs(bond[2]) - 1.0) < 1e-9 and np.allclose(bond[:2], 0)
    np.testing.assert_allclose(np.asarray(model["exchange"].values) / MRY, [1.0])


def test_the_type_of_the_second_site_matters(tmp_path):
    """The image (1, 0, 0) of a row from type 1 to type 2 ends on type 1, and is dropped."""
    files = {
        "inpsd__dat": inpsd("Sym 1\n", "1 0 0 0 1 0 0 0 2"),
        "posfile": "1 1 0 0 0\n2 2 0 0 1\n",
        "jfile": "1 2 0 0 1 -0.4\n2 1 0 0 1 -0.4\n",
    }
    model = read_uppasd(write(tmp_path, **files))
    assert model.dimension == 1
    np.testing.assert_allclose(per_atom(model, ALTERNATING) / MRY, -0.8)


def test_fortran_numbers(tmp_path):
    files = {
        "inpsd__dat": inpsd("maptype 2\nalat 2.87d-10\n", "1.0d0 3*0.0 1.0 3*0. 1.0D+0"),
        "posfile": "1,1,3*0.0\n",
        "jfile": "1,1,1,0,0,1.0\n1 1 -1 2*0 1.0d0 2.87 / a remark\n",
    }
    model = read_uppasd(write(tmp_path, **files))
    np.testing.assert_allclose(model.lattice.vectors, [[2.87, 0, 0]])
    np.testing.assert_allclose(per_atom(model, np.broadcast_to(UP, (3, 1, 3))) / MRY, -2.0)
    line = Line(tmp_path, 1, ("2*1.5", "'a", "b'", "3,", "4", "/", "5"))
    assert line.values() == ("1.5", "1.5", "a b", "3", "4")
    with pytest.raises(FileFormatError, match="between two commas"):
        Line(tmp_path, 1, ("1,,2",)).numbers(2, "numbers")
    for text in ("1_0", "nan", "1e999", "x", "99999999*1"):
        with pytest.raises(FileFormatError, match="line 1: must hold"):
            Line(tmp_path, 1, (text,)).numbers(1, "a number")


@pytest.mark.parametrize(
    ("jfile", "extra", "message"),
    [
        ("0 1 1 0 0 1.0\n", "", "jfile, line 1: must hold sites from 1 to 1, but it names the"),
        ("-1 1 1 0 0 1.0\n", "", "names the site -1"),
        ("1 3 1 0 0 1.0\n", "", "names the site 3"),
        ("1.5 1 1 0 0 1.0\n", "", "integers"),
        ("1 1 1 0 0 1.0\n", "", "listed from both of their ends"),
        ("1 1 1 0 0 1.0\n1 1 -1 0 0 2.0\n", "", "jfile, lines 1 and 2: .*differ by 1"),
        ("1 1 1 0 0 nan\n", "", "NaN or infinity"),
        ("1 1 0 0 0 1.0\n", "", "from a site to itself"),
        ("", "do_dip 1\n", "it has 'do_dip 1'"),
        ("", "sa ./safile\n", "it has 'sa"),
        ("", "exchange /etc/hostname\n", "a file in the folder"),
        ("1 1 1 0 0 1 0 0 0 1 0 0 0 1\n", "do_jtensor 1\n", "nine"),
    ],
)
def test_uppasd_refuses(jfile, extra, message, tmp_path):
    extra = "maptype 2\n" + extra
    write(tmp_path, inpsd__dat=inpsd(extra), posfile="1 1 0 0 0\n", jfile=jfile)
    with pytest.raises(FileFormatError, match=message):
        read_uppasd(tmp_path)


def test_keywords_that_scale(tmp_path):
    pairs = "1 1 1 0 0 1.0\n1 1 -1 0 0 1.0\n"
    vectors = "1 1 1 0 0 0 0 1.0\n1 1 -1 0 0 0 0 -1.0\n"
    extra = "maptype 2\njij_scale 0.5\ndm ./dmfile\ndm_scale 2.0\ndo_dip 0\nea_model .false.\n"
    files = {"inpsd__dat": inpsd(extra), "posfile": "1 1 0 0 0\n", "jfile": pairs}
    model = read_uppasd(write(tmp_path, **files, dmfile=vectors))
    np.testing.assert_allclose(np.asarray(model["exchange"].values) / MRY, [-1.0])
    found = np.abs(np.asarray(model["dzyaloshinskii_moriya"].values)) / MRY
    np.testing.assert_allclose(found, [[0, 0, 4.0]])


def test_direct_coordinates(tmp_path):
    """`posfiletype D`: positions and vectors of maptype 1 in units of the cell."""
    files = {
        "inpsd__dat": inpsd("posfiletype D\n"),
        "posfile": "1 1 0 0 0\n2 1 0 0 0.5\n",
        "jfile": "1 1 0 0 0.5 -0.5\n1 1 0 0 -0.5 -0.5\n",
    }
    model = read_uppasd(write(tmp_path, **files))
    np.testing.assert_allclose(model.lattice.basis[1], [0, 0, 1.0])
    np.testing.assert_allclose(per_atom(model, ALTERNATING) / MRY, -1.0)
    with pytest.raises(FileFormatError, match="`posfiletype` C or D"):
        read_uppasd(write(tmp_path, inpsd__dat=inpsd("posfiletype d\n")))


def spiral_model():
    """A chain: J = -10, D_z = 4 and an anisotropic part diag(1, -1, 0) in meV."""
    along = [[[0], [1]]]
    return SpinModel(
        [
            Term("exchange", [[0, 0]], [-0.010], along),
            Term("dzyaloshinskii_moriya", [[0, 0]], [[0, 0, 0.004]], along),
            Term("anisotropic_exchange", [[0, 0]], [np.diag([1e-3, -1e-3, 0])], along),
        ],
        lattice=Lattice([[3.0, 0.0, 0.0]]),
    )


def test_tensors_are_switched_on_for_uppasd(tmp_path):
    """Four cells, spins turning by 90 degrees: +16 meV in UppASD, which reads nine numbers."""
    export(spiral_model(), tmp_path, "uppasd")
    assert "calc_jtensor F" in (tmp_path / "inpsd.dat").read_text()
    spins = np.array([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]).reshape(4, 1, 1, 1, 1, 3)
    np.testing.assert_allclose(1e3 * programs.uppasd(tmp_path, spins), [16.0])
    np.testing.assert_allclose(1e3 * energy(read_uppasd(tmp_path), spins[:, 0, 0, 0]), 16.0)


def test_one_number_for_a_tensor(tmp_path):
    files = {"posfile": "1 1 0 0 0\n", "jfile": "1 1 1 0 0 1.0\n1 1 -1 0 0 1.0\n"}
    write(tmp_path, inpsd__dat=inpsd("maptype 2\ndo_jtensor 1\ncalc_jtensor .TRUE.\n"), **files)
    model = read_uppasd(tmp_path)
    assert model.classes == ("exchange",)
    np.testing.assert_allclose(np.asarray(model["exchange"].values) / MRY, [-2.0])


def test_uppasd_finds_every_bond_of_atoms_outside_the_cell(tmp_path):
    """Three atoms on a triclinic lattice: the energy of UppASD's neighbour map is the model's."""
    vectors = np.array([[3.0, 0.1, 0.0], [0.4, 3.5, 0.2], [-0.3, 0.5, 4.0]])
    fractions = np.array([[1.6, 0.4, 0.8], [0.35, 0.9, -0.55], [-1.0 - 0.1 * FOLDING, 0.0, 2.0]])
    rng = np.random.default_rng(3)
    sites = rng.permuted(np.tile([0, 1, 2], (20, 1)), axis=1)[:, :2]
    cells = np.stack([np.zeros((20, 3), int), rng.integers(-1, 2, size=(20, 3))], axis=1)
    model = SpinModel(
        [
            Term("exchange", sites, rng.normal(size=20) * 1e-2, cells),
            Term("dzyaloshinskii_moriya", sites, rng.normal(size=(20, 3)) * 1e-3, cells),
        ],
        lattice=Lattice(vectors, fractions @ vectors),
    )
    export(model, tmp_path, "uppasd")
    spins = rng.normal(size=(3, 3, 3, 4, 3, 3))
    spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
    expected = [energy(model, spins[:, :, :, n]) for n in range(4)]
    # The spins of an atom that was moved by some cells are named by the new cells.
    moved = [[1, 0, 0], [0, 0, -1], [-1, 0, 2]]
    for n, cell in enumerate(moved):
        spins[..., n, :] = np.roll(spins[..., n, :], cell, axis=(0, 1, 2))
    np.testing.assert_allclose(programs.uppasd(tmp_path, spins), expected, rtol=1e-9)
    back = read_uppasd(tmp_path)
    found = [energy(back, spins[:, :, :, n]) for n in range(4)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


# --- Spirit -------------------------------------------------------------------------------------

PAIRS = "hamiltonian heisenberg_pairs\nn_interaction_pairs 1\ni j da db dc Jij\n0 0 1 0 0 10\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must list pairs after `n_interaction_pairs`"),
        ("hamiltonian heisenberg_pairs\nbravais_lattice sc\n", "truncated"),
        (PAIRS.replace("1 0 0 10", "0.5 0 0 10"), "line 4: .*'da' .1 integers"),
        (PAIRS.replace("0 0 1 0", "0 -1 1 0"), "line 4: must hold sites from 0 to 0"),
        (PAIRS.replace("0 0 1 0", "0 1e9 1 0"), "line 4: must hold sites from 0 to 0"),
        (PAIRS.replace("1 0 0 10", "0 0 0 10"), "line 4: .*itself"),
        (PAIRS.replace("Jij", "J"), "line 3: must hold the columns jij or dijx dijy dijz"),
        (PAIRS.replace("0 0 10", "0 0 10 7"), "line 4: must hold one number for each of 6"),
        ("n_interaction_pairs 1\n", "a.cfg, line 1: must be followed by a header"),
        (PAIRS + "ddi_method fft\n", "it has 'ddi_method fft'"),
        (PAIRS + "cubic_anisotropy_magnitude 1\n", "no cubic anisotropy"),
        (PAIRS + "n_defects 1\n", "it has 'n_defects 1'"),
        (PAIRS + "lattice_constant x\n", "line 5: .*'x' is not a number"),
        (PAIRS + "lattice_constant 0\n", "line 5: must hold three vectors that span a cell"),
    ],
)
def test_spirit_refuses(text, message, tmp_path):
    with pytest.raises(FileFormatError, match=message):
        read_model(write(tmp_path, a__cfg=text) / "a.cfg")


def test_spirit_with_one_anisotropy_for_all_sites(tmp_path):
    text = PAIRS + "basis\n2\n0 0 0\n0.5 0 0\nanisotropy_magnitude 2.0\nanisotropy_normal 0 2 0\n"
    model = read_model(write(tmp_path, a__cfg=text + "ddi_method none\n") / "a.cfg")
    found = 1e3 * np.asarray(model["anisotropy"].values)
    np.testing.assert_allclose(found, [np.diag([0, -2.0, 0])] * 2)


def test_spirit_adds_up_a_pair_from_both_ends(tmp_path):
    text = PAIRS.replace("pairs 1", "pairs 2") + "0 0 -1 0 0 5\n"
    model = read_model(write(tmp_path, a__cfg=text) / "a.cfg")
    np.testing.assert_allclose(1e3 * np.asarray(model["exchange"].values), [-15.0])


# --- Vampire ------------------------------------------------------------------------------------

UCF = "3 3 3\n1 0 0\n0 1 0\n0 0 1\n1 1\n0 0 0 0 0\n2 isotropic\n"
UCF += "0 0 0 1 0 0 2e-21\n1 0 0 -1 0 0 2e-21\n"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("uniaxial-anisotropy-constant=1.0 !meV", 1e-3),
        ('second-order-uniaxial-anisotropy-constant = "1.0e-3" !eV # remark', 1e-3),
        ("uniaxial-anisotropy-constant=1.0e-24", 6.241509074e-6),
        ("uniaxial-anisotropy-constant=1.0e-3 !zJ", 6.241509074e-6),
        ("uniaxial-anisotropy-constant=1.0e-17 !erg", 6.241509074e-6),
        ("uniaxial-anisotropy-constant=2.0 !mRyd", 2 * 13.605693123e-3),
        ("uniaxial-anisotropy-constant=1.0 !Ryd", 13.605693123),
        ("uniaxial-anisotropy-constant=1.0 !Ht", 27.211386246),
    ],
)
def test_units_of_vampire(line, value, tmp_path):
    write(tmp_path, a__ucf=UCF, a__mat=f"material:num-materials=1\nmaterial[1]:{line}\n")
    model = read_vampire(tmp_path / "a.ucf")
    found = np.asarray(model["anisotropy"].values)
    np.testing.assert_allclose(found, [np.diag([0, 0, -value])], rtol=1e-8)


@pytest.mark.parametrize(
    ("ucf", "mat", "message"),
    [
        (
            UCF,
            "material[1]:uniaxial-anisotropy-constant=1 !T\n",
            "a.mat, line 1: .*its unit is 'T'",
        ),
        (
            UCF,
            "material[1]:cubic-anisotropy-constant=1e-24\n",
            "it has 'cubic-anisotropy-constant'",
        ),
        (UCF, "material[1]:uniaxial-anisotropy-constant=x\n", "'x' is not a number"),
        (UCF.replace("1 0 0 -1 0 0 2e", "1 0 0 -1.5 0 0 2e"), "", "line 9: .*integers"),
        (UCF.replace("1 0 0 -1 0 0 2e", "1 0 7 -1 0 0 2e"), "", "line 9: .*sites from 0 to 0"),
        (UCF.replace("1 0 0 -1 0 0 2e", "1 0 0 -2 0 0 2e"), "", "both of their ends"),
        (UCF.replace("1 0 0 -1 0 0 2e", "1 0 0 -1 0 0 1e"), "", "lines 8 and 9: .*differ by 1e-21"),
        (UCF.replace("0 0 0 0 0\n2", "0 0 0 1.5 0\n2"), "", "line 6: must hold fractions"),
        (UCF.replace("2 isotropic", "-2 isotropic"), "", "line 7: must hold a number of inter"),
        (UCF + "0 isotropic\nmore\n", "", "line 11: must hold the end of the file"),
    ],
)
def test_vampire_refuses(ucf, mat, message, tmp_path):
    write(tmp_path, a__ucf=ucf, a__mat=mat)
    with pytest.raises(FileFormatError, match=message):
        read_vampire(tmp_path / "a.ucf")


# --- GROGU --------------------------------------------------------------------------------------


def test_a_bond_twice_in_grogu(tmp_path):
    model = SpinModel([Term("exchange", [[0, 0]], [0.01], [[[0], [1]]])], lattice=Lattice([[3.0]]))
    text = export(model, tmp_path, "magnopy").files[0].read_text()
    block = text[text.index("M1 M1   1") :]
    first = block[: block.index("-" * 80) + 81]
    twice = text.replace("pairs 2", "pairs 3") + first
    for wrong, message in [
        (twice, "every bond once from each"),
        (text.replace("pairs 2", "pairs 3"), "the number of pairs that follow, but 2 do"),
        (text.replace("Double counting      true", "Double counting      false"), "counted twice"),
        (text.replace("spins     true", "spins     treu"), "true or false, but it has 'treu'"),
        (text.replace("Exchange factor", "Exchnge factor"), "missing or misspelt"),
        ("", "must hold a section"),
    ]:
        with pytest.raises(FileFormatError, match=message):
            read_model(write(tmp_path, wrong__txt=wrong) / "wrong.txt")


# --- text ---------------------------------------------------------------------------------------


def test_legacy_text(tmp_path):
    """Comments of any encoding, a mark of byte order, line ends of other systems."""
    for mark, end in ((b"", b"\n"), (b"\xef\xbb\xbf", b"\r\n")):
        content = PAIRS.encode().replace(b"\n", b" # gr\xf6\xdfer als \xc5\n").replace(b"\n", end)
        (tmp_path / "a.cfg").write_bytes(mark + content)
        model = read_model(tmp_path / "a.cfg")
        np.testing.assert_allclose(1e3 * np.asarray(model["exchange"].values), [-10.0])
        (tmp_path / "a.ucf").write_bytes(mark + b"# \xc5ngstr\xf6m" + end + UCF.encode())
        assert read_vampire(tmp_path / "a.ucf").classes == ("exchange",)
    (tmp_path / "a.cfg").write_bytes(b"\x00\x01")
    with pytest.raises(FileFormatError, match="binary"):
        read_text(tmp_path / "a.cfg")
    with pytest.raises(FileFormatError, match="must be a file"):
        read_text(tmp_path)


def test_comments_of_an_inputcard_are_no_data(tmp_path):
    text = "# ALATBASIS= 99.0 (old)\nRMAX=7 ALATBASIS= 5.42d0 # ALATBASIS= 98.0\n"
    found = read_lattice_constant(write(tmp_path, inputcard=text) / "inputcard")
    np.testing.assert_allclose(found, 5.42 * BOHR)


def test_parts_of_the_readers(tmp_path):
    line = Line(tmp_path, 3, ("exchange", "'./jfile'"))
    assert word(line, 1, "a file") == "./jfile" and site_index(line, 2, 2, 1) == 1
    np.testing.assert_array_equal(vectors_of(line, np.eye(3)), np.eye(3))
    bond = Bond(line, 0, 1, (1, 0, 0), np.eye(3))
    assert bond.back == (1, 0, -1, 0, 0)
    np.testing.assert_array_equal(added([bond, bond])[bond.key].value, 2 * np.eye(3))
    assert check_directions(once([bond]), excused=lambda b: True) == [bond]
    for wrong in (lambda: word(line, 2, "a file"), lambda: vectors_of(line, np.ones((3, 3)))):
        with pytest.raises(FileFormatError, match="line 3: must hold"):
            wrong()
    with pytest.raises(FileFormatError, match="a.cfg: must hold a spin model"), reading("a.cfg"):
        Lattice(np.zeros((3, 3)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with reading("a.cfg"):
            np.array([1e300]) * 1e300
