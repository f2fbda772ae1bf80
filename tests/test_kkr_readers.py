"""Readers of JuKKR's files: what they return, and what they say of files that are wrong."""

import kkr_runs as kkr
import numpy as np
import pytest

from msgreen import LloydEnergy
from msgreen.errors import FileFormatError, InputError
from msgreen.exchange.ordered import transverse_exchange
from msgreen.io import jukkr
from msgreen.io.jukkr.moments import moment_axes, read_moment
from msgreen.io.jukkr.spinor import block_diagonal, up_first
from msgreen.io.jukkr.text import Line, first_line, read_lines
from msgreen.spin.harmonics import time_reversed
from msgreen.units import BOHR, RYDBERG

ENERGIES = np.array([0.1 + 0.2j, 0.3 + 0.1j, 0.5 + 0.05j])
WEIGHTS = np.array([-0.1 + 0.01j, -0.2j, 0.3 + 0.4j])


def write_green(file, sites, lmax, soc, single=False, record=None, seed=0):
    """A file as JuKKR writes it; returns the matrices in the order (spin, energy, row, column)."""
    orbitals = (lmax + 1) ** 2 * (1 + soc)
    size = sites * orbitals
    spins = 1 if soc else 2
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(2, spins, len(ENERGIES), size, size))
    matrices = numbers[0] + 1j * numbers[1]
    record = record or (8 if single else 16) * size**2
    integers = np.array([len(ENERGIES), 2, sites, sites, orbitals, soc], "<i4")
    head = integers.tobytes() + ENERGIES.tobytes() + WEIGHTS.tobytes()
    number = "<c8" if single else "<c16"
    flat = matrices.reshape(-1, size, size)
    records = [head, *(m.T.astype(number).tobytes() for m in flat)]
    file.write_bytes(b"".join(r.ljust(record, b"\0") for r in records))
    return matrices


@pytest.mark.parametrize("single", [False, True])
def test_green_without_spin_orbit(tmp_path, single):
    file = tmp_path / "kkrflex_green"
    down, up = write_green(file, 2, 1, 0, single)
    found = jukkr.read_green(file)
    assert found.double is not single and not found.spin_orbit
    blocks = up.reshape(3, 2, 4, 2, 4) / BOHR
    tolerance = 1e-6 if single else 1e-15
    np.testing.assert_allclose(found.green[:, :, :4, :, :4], blocks, rtol=tolerance)
    blocks = down.reshape(3, 2, 4, 2, 4) / BOHR
    np.testing.assert_allclose(found.green[:, :, 4:, :, 4:], blocks, rtol=tolerance)
    np.testing.assert_array_equal(found.green[:, :, :4, :, 4:], 0)
    np.testing.assert_allclose(found.contour.nodes, RYDBERG * ENERGIES)
    np.testing.assert_allclose(found.contour.weights, -np.pi / 2 * RYDBERG * WEIGHTS)


def test_green_with_spin_orbit(tmp_path):
    file = tmp_path / "kkrflex_green"
    stored = write_green(file, 2, 1, 1)[0].reshape(3, 2, 2, 4, 2, 2, 4)
    found = jukkr.read_green(file)
    assert found.spin_orbit
    green = found.green.reshape(3, 2, 2, 4, 2, 2, 4) * BOHR
    np.testing.assert_allclose(green, stored[:, :, ::-1, :, :, ::-1], rtol=1e-15)


@pytest.mark.parametrize("record", [8, 16])
def test_green_of_one_atom_is_single_whatever_the_records(tmp_path, record):
    file = tmp_path / "kkrflex_green"
    stored = write_green(file, 1, 2, 0, single=True, record=record * 81)
    found = jukkr.read_green(file)
    assert not found.double
    np.testing.assert_allclose(found.green[:, 0, :9, 0, :9] * BOHR, stored[1], rtol=1e-6)


def test_green_that_is_truncated(tmp_path):
    file = tmp_path / "kkrflex_green"
    write_green(file, 2, 1, 0)
    data = file.read_bytes()
    for end, message in ((len(data) - 5, "7 records, 7168"), (10, "record 1: must hold 6")):
        file.write_bytes(data[:end])
        with pytest.raises(FileFormatError, match=message):
            jukkr.read_green(file)
    file.write_bytes(data[: 3 * 1024])
    with pytest.raises(FileFormatError, match=r"3 \(double\) or 6 \(single\) records"):
        jukkr.read_green(file)


def test_green_that_is_foreign(tmp_path):
    file = tmp_path / "kkrflex_green"
    file.write_bytes(b"not a Green function, but long enough")
    with pytest.raises(FileFormatError, match="record 1: must begin with the numbers"):
        jukkr.read_green(file)
    write_green(file, 2, 1, 0)
    swapped = np.frombuffer(file.read_bytes(), "<i4").byteswap().tobytes()
    file.write_bytes(swapped)
    with pytest.raises(FileFormatError, match="little-endian"):
        jukkr.read_green(file)


def test_green_that_is_not_finite(tmp_path):
    file = tmp_path / "kkrflex_green"
    write_green(file, 2, 1, 0)
    data = bytearray(file.read_bytes())
    data[2 * 1024 : 2 * 1024 + 8] = np.array([np.nan]).tobytes()
    file.write_bytes(data)
    with pytest.raises(FileFormatError, match="record 3: must hold finite"):
        jukkr.read_green(file)


def tmat_text() -> str:
    return (kkr.folder("fe2_nosoc") / "kkrflex_tmat").read_text()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda lines: lines[:-3], "290 matrices, .* but it holds 287"),
        (
            lambda lines: [*lines[:9], lines[9][:200], *lines[10:]],
            "line 10: .*166 numbers",
        ),
        (lambda lines: [*lines[:5], *lines[6:], lines[5]], "line 6: .* labelled 1 1 5"),
        (lambda lines: lines[2:], "header"),
        (lambda lines: ["# 5 2 29 8 0", *lines[2:]], "8 is not a number of orbitals"),
        (lambda lines: ["# 5 2 29 9 x", *lines[2:]], "'x' is not a number"),
        (lambda lines: [], "it ends before"),
        (
            lambda lines: [*lines[:3], lines[3].replace("E", "F", 1), *lines[4:]],
            "line 4: .* number",
        ),
    ],
)
def test_tmat_that_is_wrong(tmp_path, edit, message):
    file = tmp_path / "kkrflex_tmat"
    file.write_text("\n".join(edit(tmat_text().splitlines())))
    with pytest.raises(FileFormatError, match=message):
        jukkr.read_tmat(file)


def test_tmat_is_stored_by_columns(tmp_path):
    matrix = np.arange(16).reshape(4, 4) + 0.5j
    numbers = " ".join(f"{x:.6f}" for x in matrix.T.ravel().view(float))
    lines = ["# 1 1 1 4 0", f"1 1 1 0 {numbers}"]
    (tmp_path / "t").write_text("\n".join(lines))
    found = jukkr.read_tmat(tmp_path / "t")
    np.testing.assert_allclose(found.up[0, 0], matrix * BOHR)
    np.testing.assert_allclose(found.down[0, 0], matrix * BOHR)


def test_exponents_of_three_digits():
    line = Line(kkr.DATA, 1, ("0.5-102", "0.25E+01", "1.0D-3"))
    np.testing.assert_allclose(line.numbers(3, "numbers"), [0.5e-102, 2.5, 1e-3])
    with pytest.raises(FileFormatError, match="3 integers"):
        line.integers(3, "numbers")


def test_first_line_of_a_text(tmp_path):
    file = tmp_path / "text"
    file.write_text("# remark\n\n 1 2\n")
    lines = read_lines(file, comments=("#",))
    assert first_line(lines, file, "two numbers").number == 3
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileFormatError, match="binary"):
        read_lines(file)


def test_structure_files():
    folder = kkr.folder("fe2_nosoc")
    atoms = jukkr.read_atominfo(folder / "kkrflex_atominfo")
    assert isinstance(atoms, jukkr.AtomInfo)
    np.testing.assert_array_equal(atoms.positions[4], [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(atoms.nuclear_charge, 26)
    assert not atoms.virtual.any() and not atoms.removed.any() and np.all(atoms.lmax == 2)
    host = jukkr.read_hoststructure(folder / "kkrflex_hoststructure.dat")
    assert isinstance(host, jukkr.HostStructure)
    np.testing.assert_array_equal(host.bravais, np.diag([1.0, 1.0, 0.0]))
    assert host.basis.shape == (4, 3) and np.all(host.weights == 1)
    assert jukkr.read_lattice_constant(folder / "inputcard") == pytest.approx(5.42 * BOHR)


@pytest.mark.parametrize(
    ("reader", "name", "cut", "message"),
    [
        (jukkr.read_atominfo, "kkrflex_atominfo", -60, "atom 5 of 5"),
        (jukkr.read_hoststructure, "kkrflex_hoststructure.dat", -80, "basis atom 4 of 4"),
        (jukkr.read_hoststructure, "kkrflex_atominfo", None, r"section \[bravais\]"),
        (jukkr.read_atominfo, "Jij.atom00002", None, "must hold"),
        (jukkr.read_jij, "kkrflex_atominfo", None, "4 or 10 numbers"),
        (jukkr.read_lattice_constant, "kkrflex_atominfo", None, "ALATBASIS"),
    ],
)
def test_text_files_that_are_wrong(tmp_path, reader, name, cut, message):
    file = tmp_path / name
    file.write_text((kkr.folder("fe2_nosoc") / name).read_text()[:cut])
    with pytest.raises(FileFormatError, match=message):
        reader(file)


def test_exchange_tables():
    plain = jukkr.read_jij(kkr.folder("fe2_nosoc") / "Jij.atom00002")
    assert isinstance(plain, jukkr.ExchangeTable) and plain.D is None
    assert plain.J[0] == pytest.approx(0.34710982e-2 * RYDBERG) and plain.partner[0] == 3
    spinful = jukkr.read_jij(kkr.folder("fe2_soc") / "Jij.atom00002")
    assert spinful.S is not None and spinful.vector is not None
    assert spinful.S[0] == pytest.approx(-0.23412819e-5 * RYDBERG)
    np.testing.assert_array_equal(spinful.vector[0], [-1, 0, 0])


def test_angles(tmp_path):
    file = tmp_path / "nonco_angle.dat"
    file.write_text("90.0 90.0 1\n180.0 0.0 1\n")
    np.testing.assert_allclose(jukkr.read_angles(file), [[0, 1, 0], [0, 0, -1]], atol=1e-15)


def test_folder_of_files_that_do_not_match(tmp_path):
    folder = jukkr.example("fe2_nosoc", tmp_path)
    write_green(folder / "kkrflex_green", 2, 1, 0)
    with pytest.raises(FileFormatError, match="3 energies, 2 sites and 4 orbitals without"):
        jukkr.read_folder(folder)
    (folder / "kkrflex_tmat").unlink()
    with pytest.raises(InputError, match="must hold kkrflex_tmat"):
        jukkr.read_folder(folder)


def test_folder_with_too_few_directions(tmp_path):
    folder = jukkr.example("fe2_soc", tmp_path)
    for name in ("px", "c1"):
        (folder / name / "nonco_angle.dat").unlink()
    with pytest.raises(InputError, match="Add directions"):
        jukkr.read_folder(folder, operations=[], degree=2)


def test_folder_without_lattice_constant(tmp_path):
    folder = jukkr.example("fe2_nosoc", tmp_path)
    (folder / "inputcard").unlink()
    run = jukkr.read_folder(folder)
    assert isinstance(run, jukkr.Run)
    assert run.lattice_constant is None and run.positions is None
    known = jukkr.read_folder(folder, lattice_constant=2.0)
    np.testing.assert_allclose(known.positions[1], [2, 0, 0])


def test_moments_along_different_directions_are_refused(tmp_path):
    folder = jukkr.example("fe2_nosoc", tmp_path)
    (folder / "nonco_angle.dat").write_text("0 0\n90 0\n")
    with pytest.raises(FileFormatError, match="along one direction"):
        jukkr.read_folder(folder)


def test_moments_are_those_of_the_matrices(tmp_path):
    """Tr sigma t along the moments in all directions; G of the surroundings as well."""
    folder = jukkr.example("fe2_soc", tmp_path)
    for sub in ("px", "c1", "s1x"):
        axes, share = moment_axes(jukkr.read_tmat(folder / sub / "kkrflex_tmat").t)
        named = jukkr.read_angles(folder / sub / "nonco_angle.dat")[0]
        np.testing.assert_allclose(np.abs(axes @ named), 1, atol=1e-10)
        assert np.all((share > 0.2) & (share < 1))
        t = jukkr.read_tmat(folder / sub / "kkrflex_tmat").t
        np.testing.assert_array_equal(read_moment(folder / sub, t), named)
    turned = (folder / "px" / "kkrflex_tmat").read_bytes()
    (folder / "kkrflex_tmat").write_bytes(turned)
    with pytest.raises(FileFormatError, match=r"must hold nonco_angle.dat .* along \(-?1.000 "):
        jukkr.read_folder(folder)
    (folder / "nonco_angle.dat").write_text("90 87\n")
    with pytest.raises(FileFormatError, match="nonco_angle.dat: must name the direction"):
        jukkr.read_folder(folder)
    other = jukkr.example("fe2_soc_y", tmp_path)
    (other / "nonco_angle.dat").unlink()
    with pytest.raises(FileFormatError, match="must hold nonco_angle.dat unless the moments"):
        jukkr.read_host(other)


def write_derivative(folder) -> list:
    """Write dt/de of JuKKR, moments along z, in the layout of kkrflex_tmat."""
    slope = np.asarray(kkr.supplied("z").vertex(kkr.run("fe2_soc").contour.nodes, 5))
    files = []
    for axis in range(3):
        stored = up_first(slope[:, :, axis]) / BOHR
        lines = [f"# {stored.shape[1]} 1 {len(stored)} {stored.shape[-1]} 1"]
        for site, energy in np.ndindex(stored.shape[1], len(stored)):
            numbers = stored[energy, site].T.ravel().view(float)
            lines.append(f"{site + 1} 1 {energy + 1} 0 " + " ".join(map(repr, numbers.tolist())))
        files.append(folder / f"dtde_{'xyz'[axis]}")
        files[-1].write_text("\n".join(lines) + "\n")
    return files


def test_derivative_from_files(tmp_path):
    """No other direction is read, and the exchange is that of JuKKR to the printed digits."""
    folder = jukkr.example("fe2_soc", tmp_path)
    for name in ("px", "c1", "s1x"):
        (folder / name / "kkrflex_tmat").unlink()
    files = write_derivative(tmp_path)
    run = jukkr.read_folder(folder, derivative=files)
    assert run.spin_orbit and run.interpolation is None and run.interpolation_error is None
    energy = LloydEnergy(run.host, run.scatterer, run.sites)
    pairs = np.array([[0, 1], [0, 4]])
    exact = LloydEnergy(run.host, kkr.supplied("z"), run.sites)
    for ours, theirs in zip(
        transverse_exchange(energy, run.reference, pairs).value,
        transverse_exchange(exact, run.reference, pairs).value,
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-17)
    # Along the moment t is odd under reversal: t(-e0) is that of reversed time.
    reversed_t = run.scatterer.at(-run.scatterer.reference)
    original = run.scatterer.at(run.scatterer.reference)
    near = jukkr.read_tmat(folder / "kkrflex_tmat").t
    np.testing.assert_allclose(reversed_t - original, time_reversed(near) - near, atol=1e-12)
    with pytest.raises(InputError, match="`derivative` must name three files"):
        jukkr.read_folder(folder, derivative=files[:2])
    with pytest.raises(InputError, match="`derivative` must go with spin-orbit coupling"):
        jukkr.read_folder(kkr.folder("fe2_nosoc"), derivative=files)


def test_example_that_does_not_exist(tmp_path):
    with pytest.raises(InputError, match="fe2_nosoc, fe2_soc"):
        jukkr.example("ni", tmp_path)


def test_spins_change_places():
    matrix = np.arange(16).reshape(4, 4)
    np.testing.assert_array_equal(up_first(matrix)[:2, :2], matrix[2:, 2:])
    both = block_diagonal(up=np.eye(2), down=2 * np.eye(2))
    np.testing.assert_array_equal(np.diag(both), [1, 1, 2, 2])


def test_files_of_the_run_are_what_they_say():
    green = jukkr.read_green(kkr.folder("fe2_soc") / "kkrflex_green")
    t = jukkr.read_tmat(kkr.folder("fe2_soc") / "kkrflex_tmat")
    assert isinstance(green, jukkr.GreenFile) and isinstance(t, jukkr.TMatrixFile)
    assert green.double and green.spin_orbit and t.spin_orbit
    assert green.green.shape == (29, 5, 18, 5, 18) and t.t.shape == (29, 5, 18, 18)
