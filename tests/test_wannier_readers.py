"""Readers of single files of Wannier90: what they return, and what they say of wrong ones."""

import gzip

import numpy as np
import pytest
import wannier_files as wf

from msgreen.errors import FileFormatError
from msgreen.io import wannier
from msgreen.io.jukkr.text import Line
from msgreen.io.wannier.real_space import read_cell
from msgreen.io.wannier.text import TextStream, finite_numbers, integers, unreadable
from msgreen.units import BOHR

MATRICES = wf.random_hoppings(complex_numbers=True)


def refused(reader, file, *words):
    with pytest.raises(FileFormatError) as caught:
        reader(file)
    for word in (file.name, *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("end", ["", ".gz"])
def test_hr(tmp_path, end):
    file = tmp_path / f"x_hr.dat{end}"
    text = wf.hr_text(MATRICES).encode()
    file.write_bytes(gzip.compress(text) if end else text)
    found = wannier.read_hr(file)
    assert isinstance(found, wannier.RealSpace)
    assert np.array_equal(found.cells, wf.CELLS)
    assert np.array_equal(found.degeneracies, wf.DEGENERACIES)
    assert np.abs(found.matrices - wf.divided(MATRICES)).max() < 1e-15


def test_hr_takes_elements_in_any_order(tmp_path):
    """Labels say where an element belongs; other programs let the second index run fastest."""
    file = tmp_path / "x_hr.dat"
    lines = wf.hr_text(MATRICES).splitlines()
    start = len(lines) - 9 * len(wf.CELLS)
    blocks = [lines[n : n + 9][::-1] for n in range(start, len(lines), 9)]
    file.write_text("\n".join(lines[:start] + [line for block in blocks for line in block]))
    assert np.abs(wannier.read_hr(file).matrices - wf.divided(MATRICES)).max() < 1e-15


def test_hr_in_several_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("msgreen.io.wannier.real_space._CHUNK", 40)
    file = tmp_path / "x_hr.dat"
    file.write_text(wf.hr_text(MATRICES))
    assert np.abs(wannier.read_hr(file).matrices - wf.divided(MATRICES)).max() < 1e-15


FIRST = 6  # line of the first element: a comment, two counts, two lines of degeneracies


@pytest.mark.parametrize(
    ("line", "old", "new", "words"),
    [
        (2, "3", "-3", ("line 2", "number of Wannier functions")),
        (3, "27", "27.5", ("line 3", "number of cells")),
        (4, "4", "0", ("line 4", "degeneracies")),
        (5, "4", "4    4", ("line 5", "degeneracies, 27 in all")),
        (FIRST, "-1", "-2", (f"line {FIRST + 1}", "same in 9 lines")),
        (FIRST + 1, "    2    1", "    5    1", (f"line {FIRST + 1}", "between 1 and 3")),
        (FIRST + 1, "    2    1", "    1    1", (f"line {FIRST + 1}", "every pair once")),
        (FIRST + 2, ".", "*", (f"line {FIRST + 2}", "is not a number")),
        (FIRST + 2, "    3", "", (f"line {FIRST + 2}", "6 words")),
        (FIRST + 3, "0.000000", "NaN", (f"line {FIRST + 3}", "NaN, infinity")),
    ],
)
def test_hr_with_a_wrong_line(tmp_path, line, old, new, words):
    file = tmp_path / "x_hr.dat"
    lines = wf.hr_text(MATRICES.real.astype(complex)).splitlines()
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    file.write_text("\n".join(lines))
    refused(wannier.read_hr, file, *words)


def test_hr_of_wrong_length(tmp_path):
    file = tmp_path / "x_hr.dat"
    text = wf.hr_text(MATRICES)
    file.write_text(text[: text.rindex("\n", 0, -200)])
    refused(wannier.read_hr, file, "line 244", "truncated")
    file.write_text(text + "  1 1 1 1 1 0 0\n")
    refused(wannier.read_hr, file, "line 249", "beyond the end")
    file.write_text(text.replace("          27", "   900000000", 1))
    refused(wannier.read_hr, file)
    file.write_text(text.replace("           3", "   900000000", 1))
    refused(wannier.read_hr, file, "truncated")
    file.write_text(text.replace("   -1   -1   -1", "    1    1    1"))
    refused(wannier.read_hr, file, "every cell once")
    file.write_text("")
    refused(wannier.read_hr, file, "header")


def test_compressed_file_that_is_damaged(tmp_path):
    file = tmp_path / "x_hr.dat.gz"
    packed = gzip.compress(wf.hr_text(MATRICES).encode())
    file.write_bytes(packed[: len(packed) // 2])
    refused(wannier.read_hr, file, "must be readable")
    file.write_text("not compressed")
    refused(wannier.read_hr, file, "must be readable")
    refused(wannier.read_hr, tmp_path / "missing_hr.dat", "No such file")


def test_tb(tmp_path):
    file = tmp_path / "x_tb.dat"
    centres = wf.POSITIONS[wf.ATOM_OF] + 0.01
    text = wf.tb_text(MATRICES, centres)
    file.write_text(text)
    found = wannier.read_tb(file)
    assert np.abs(found.matrices - wf.divided(MATRICES)).max() < 1e-8
    assert found.vectors is not None and np.abs(found.vectors - wf.VECTORS).max() < 1e-15
    assert found.centres is not None and np.abs(found.centres - centres).max() < 1e-7
    half = text.index("\n\n", len(text) // 3)
    lines = text.splitlines()
    hamiltonian = 4 + 4 + 27 * 11
    file.write_text("\n".join(lines[:hamiltonian]))
    assert wannier.read_tb(file).centres is None
    file.write_text(text[:half])
    refused(wannier.read_tb, file, "truncated")
    file.write_text("\n".join(lines[:-3]))
    refused(wannier.read_tb, file, "truncated")
    file.write_text(text.replace("E-01", "-101").replace("E+00", "D+00"))
    tiny = np.abs(wannier.read_tb(file).matrices.real)
    tenths = (np.abs(MATRICES.real) >= 0.1) & (np.abs(MATRICES.real) < 1)
    assert tiny[tenths].max() < 1e-99
    assert np.allclose(tiny[~tenths], np.abs(wf.divided(MATRICES).real)[~tenths])


def images(cell, m, n):
    """Elements to the oxygen on one border are shared with the opposite border."""
    return [(0, 0, 0), (-2, 0, 0)] if cell[0] == 1 and (m, n) == (0, 2) else [(0, 0, 0)]


def test_wsvec(tmp_path):
    """The Bloch sum is that of a loop over all images."""
    file, hr = tmp_path / "x_wsvec.dat", tmp_path / "x_hr.dat"
    file.write_text(wf.wsvec_text(images, 3))
    hr.write_text(wf.hr_text(MATRICES))
    found = wannier.spread(wannier.read_hr(hr), file)
    k = np.array([0.13, -0.27, 0.41])
    bloch = np.einsum("r,rmn->mn", np.exp(2j * np.pi * found.cells @ k), found.matrices)
    expected = np.zeros((3, 3), complex)
    for cell, matrix in zip(wf.CELLS, wf.divided(MATRICES), strict=True):
        for m, n in np.ndindex(3, 3):
            shifts = images(tuple(cell), m, n)
            waves = [np.exp(2j * np.pi * (cell + shift) @ k) for shift in shifts]
            expected[m, n] += matrix[m, n] * np.mean(waves)
    assert np.abs(bloch - expected).max() < 1e-14
    assert [-1, 0, 0] in found.cells.tolist() and len(found.cells) == 27


def test_images_at_once_and_line_by_line(tmp_path, monkeypatch):
    """The slow route, which finds the wrong line, gives the numbers of the fast one."""
    file, hr = tmp_path / "x_wsvec.dat", tmp_path / "x_hr.dat"
    file.write_text(wf.wsvec_text(images, 3))
    hr.write_text(wf.hr_text(MATRICES))
    fast = wannier.spread(wannier.read_hr(hr), file)
    monkeypatch.setattr("msgreen.io.wannier.images._all_at_once", lambda *_: None)
    slow = wannier.spread(wannier.read_hr(hr), file)
    assert np.array_equal(fast.cells, slow.cells)
    assert np.array_equal(fast.matrices, slow.matrices)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("   -1   -1   -1    1    1\n", "   -7   -1   -1    1    1\n", ("line 2", "a cell of")),
        ("   -1   -1   -1    1    1\n", "   -1   -1   -1    1    4\n", ("line 2", "a cell of")),
        ("    1    2\n", "    1    1\n", ("stands there before",)),
        ("\n    1\n    0", "\n    0\n    0", ("line 3", "number of images")),
        ("    0    0    0\n", "    0    0\n", ("line 4", "2 words")),
        ("    0    0    0\n", "    0    0  1e9\n", ("line 4", "a cell")),
    ],
)
def test_wsvec_that_is_wrong(tmp_path, old, new, words):
    hr, file = tmp_path / "x_hr.dat", tmp_path / "x_wsvec.dat"
    hr.write_text(wf.hr_text(MATRICES))
    found = wannier.read_hr(hr)
    text = wf.wsvec_text(images, 3)
    head, body = text.split("\n", 1)
    file.write_text(head + "\n" + body.replace(old, new, 1))
    refused(lambda f: wannier.spread(found, f), file, *words)


def test_truncated_wsvec(tmp_path):
    hr, file = tmp_path / "x_hr.dat", tmp_path / "x_wsvec.dat"
    hr.write_text(wf.hr_text(MATRICES))
    text = wf.wsvec_text(images, 3)
    file.write_text(text[: len(text) // 2])
    refused(lambda f: wannier.spread(wannier.read_hr(hr), f), file)


def test_win_in_the_manners_that_wannier90_allows(tmp_path):
    file = tmp_path / "x.win"
    file.write_text(
        "! a comment\nNUM_WANN : 3 # another\nSpinors = .TRUE.\nuse_ws_distance=F\n"
        "Begin Unit_Cell_Cart\nBohr\n 1.0d0 0 0 ! a\n0 2 0\n\n0 0 4\nEnd Unit_Cell_Cart\n"
        "begin ATOMS_FRAC\nMn1 0 0 0\nO 0.5 0.5 0.25\nend atoms_frac\n"
        "begin projections\nMn1:d\nend projections\n"
    )
    found = wannier.read_win(file)
    assert isinstance(found, wannier.WinFile)
    assert found.vectors is not None and np.allclose(found.vectors, BOHR * np.diag([1, 2, 4]))
    assert found.symbols == ("Mn1", "O")
    assert np.allclose(found.positions, [[0, 0, 0], BOHR * np.array([0.5, 1, 1])])
    assert found.spinors is True and found.use_ws_distance is False


def test_win_with_cartesian_atoms(tmp_path):
    file = tmp_path / "x.win"
    file.write_text("begin atoms_cart\nbohr\nFe 1 2 3\nend atoms_cart\n")
    found = wannier.read_win(file)
    assert found.vectors is None and found.spinors is None
    assert np.allclose(found.positions, BOHR * np.array([[1, 2, 3]]))
    file.write_text(wf.win_text())
    found = wannier.read_win(file)
    assert np.allclose(found.positions, wf.POSITIONS) and np.allclose(found.vectors, wf.VECTORS)


CELL = "begin unit_cell_cart\n1 0 0\n0 1 0\n0 0 1\nend unit_cell_cart\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("begin unit_cell_cart\n1 0 0\nend unit_cell_cart", ("line 1", "three lattice vectors")),
        (CELL.replace("0 0 1", "0 1 0"), ("line 1", "span no volume")),
        (CELL.replace("0 0 1", "0 0 one"), ("line 4", "not a number")),
        (CELL.replace("\n1 0 0", "\ninch\n1 0 0"), ("line 2", "'inch'")),
        (CELL + CELL, ("line 6", "begun before")),
        (CELL.replace("end", "fin"), ("line 1", "end unit_cell_cart")),
        ("end atoms_cart", ("line 1", "atoms_cart")),
        ("begin atoms_frac\nFe 0 0 0\nend atoms_frac", ("line 1", "unit_cell_cart")),
        ("begin atoms_cart\nFe 0 0\nend atoms_cart", ("line 2", "3 words")),
        ("begin atoms_cart\nang\nend atoms_cart", ("line 1", "empty")),
        (
            CELL + "begin atoms_cart\nFe 0 0 0\nend atoms_cart\nbegin atoms_frac\nFe 0 0 0\n"
            "end atoms_frac",
            ("line 9", "both"),
        ),
        ("spinors = yes", ("line 1", "'yes'")),
    ],
)
def test_win_that_is_wrong(tmp_path, text, words):
    file = tmp_path / "x.win"
    file.write_text(text)
    refused(wannier.read_win, file, *words)


def test_centres(tmp_path):
    file = tmp_path / "x_centres.xyz"
    centres = wf.POSITIONS[wf.ATOM_OF]
    text = wf.centres_text(centres)
    file.write_text(text)
    found = wannier.read_centres(file)
    assert isinstance(found, wannier.CentresFile)
    assert np.allclose(found.centres, centres) and np.allclose(found.positions, wf.POSITIONS)
    assert found.symbols == wf.SYMBOLS
    file.write_text(text[: text.rindex("O ")])
    refused(wannier.read_centres, file, "truncated")
    file.write_text(text.replace("O  ", "O x"))
    refused(wannier.read_centres, file, "line 7", "not a number")
    file.write_text(text.replace("     5", "     4", 1))
    refused(wannier.read_centres, file, "line 7", "beyond the end")


FIELDS = {
    "R": wf.CELLS,
    "HR": wf.divided(MATRICES),
    "lattice": wf.VECTORS,
    "frac": wf.POSITIONS @ np.linalg.inv(wf.VECTORS),
}


def test_archive(tmp_path):
    file = tmp_path / "x.npz"
    centres = wf.POSITIONS[wf.ATOM_OF]
    np.savez(file, **FIELDS, efermi=1.5, symbols=np.array(wf.SYMBOLS), centres=centres)
    found = wannier.read_archive(file)
    assert isinstance(found, wannier.Archive) and found.fermi_energy == 1.5
    assert np.allclose(found.positions, wf.POSITIONS) and found.symbols == wf.SYMBOLS
    assert np.array_equal(found.matrices, FIELDS["HR"]) and found.centres is not None
    np.savez(file, **FIELDS)
    assert wannier.read_archive(file).symbols == ("atom0", "atom1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("R", None),
        ("R", wf.CELLS[:-1]),
        ("R", 0 * wf.CELLS),
        ("HR", FIELDS["HR"][:, :2]),
        ("HR", FIELDS["HR"] * np.nan),
        ("lattice", np.zeros((3, 3))),
        ("frac", np.zeros((2, 2))),
        ("efermi", np.zeros(2)),
        ("symbols", np.zeros(2)),
    ],
)
def test_archive_that_is_wrong(tmp_path, name, value):
    file = tmp_path / "x.npz"
    fields = {**FIELDS, name: value}
    np.savez(file, **{key: array for key, array in fields.items() if array is not None})
    refused(wannier.read_archive, file, name if value is None or name != "R" else "must hold")


def test_lines_of_numbers(tmp_path):
    line = Line(tmp_path, 3, ("1", "2.5", "inf"))
    assert integers(line, 1, "a number") == [1] and finite_numbers(line, 2, "two")[1] == 2.5
    for read, count in ((integers, 2), (integers, 3), (finite_numbers, 3)):
        with pytest.raises(FileFormatError, match="line 3"):
            read(line, count, "numbers")
    assert "Give the right path" in str(unreadable(tmp_path, OSError("gone")))


def test_a_line_without_end_fills_no_memory(tmp_path):
    file = tmp_path / "x_hr.dat.gz"
    file.write_bytes(gzip.compress(b"1" * 10**7))
    with TextStream(file) as stream:
        assert len(stream.header()) == 4096
    refused(wannier.read_hr, file)


@pytest.mark.parametrize(("text", "message"), [("1 -2\n", "cell"), ("0 0 99999999\n", "cell")])
def test_a_cell_is_three_integers(text, message, tmp_path):
    file = tmp_path / "cells"
    file.write_text("1 -2 3\n" + text)
    with TextStream(file) as stream:
        assert read_cell(stream.line("a cell")) == [1, -2, 3]
        with pytest.raises(FileFormatError, match=rf"cells, line 2: .*{message}"):
            read_cell(stream.line("a cell"))
