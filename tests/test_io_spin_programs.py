"""Files of other programs, read again with evaluators that know only their documentation."""

import numpy as np
import pytest
import spin_programs as programs

from msgreen.errors import FileFormatError, InputError, LossWarning
from msgreen.io import read_netcdf, write_netcdf
from msgreen.io.native import FORMAT, check_form, check_format, formula, incomplete
from msgreen.io.spin_programs import (
    FORMATS,
    Export,
    Lost,
    export,
    read_json,
    read_magnopy,
    read_model,
    read_spirit,
    read_tb2j,
    read_uppasd,
    read_vampire,
    write_json,
)
from msgreen.io.spin_programs.formats import FILES, FOLDERS
from msgreen.io.spin_programs.magnopy_script import write_magnopy_script
from msgreen.io.spin_programs.magnopy_text import write_magnopy
from msgreen.io.spin_programs.parts import Axes, Bonds, Geometry, Parts, axes, take_apart
from msgreen.io.spin_programs.report import Written, energies
from msgreen.io.spin_programs.spirit import write_spirit
from msgreen.io.spin_programs.sunny import write_sunny
from msgreen.io.spin_programs.tb2j_writer import write_tb2j
from msgreen.io.spin_programs.text import (
    after,
    find,
    integers,
    lines_of,
    number,
    numbers,
    site_moments,
    write_text,
)
from msgreen.io.spin_programs.undetermined import add_words, undetermined
from msgreen.io.spin_programs.uppasd import write_uppasd
from msgreen.io.spin_programs.vampire import write_vampire
from msgreen.lattice import Lattice
from msgreen.spinmodel import CLASSES, SpinModel, Term, magnetic_cell

CONFIGURATIONS = 100
EVALUATORS = {
    "spirit": lambda path, spins: programs.spirit(path / "input.cfg", spins),
    "uppasd": programs.uppasd,
    "vampire": programs.vampire,
    "sunny": lambda path, spins: programs.sunny(path / "model.jl", spins),
    "magnopy": lambda path, spins: programs.grogu(path / "grogu.txt", spins),
    "tb2j": lambda path, spins: programs.tb2j(path / "exchange.out", spins),
}
READERS = {
    "spirit": lambda path: read_spirit(path / "input.cfg"),
    "uppasd": read_uppasd,
    "vampire": lambda path: read_vampire(path / "vampire.ucf"),
    "magnopy": lambda path: read_magnopy(path / "grogu.txt"),
    "tb2j": lambda path: read_tb2j(path / "exchange.out"),
    "json": lambda path: read_json(path / "model.json"),
    "netcdf": lambda path: read_model(path / "model.nc"),
}
PAIRS = ("exchange", "dzyaloshinskii_moriya", "anisotropic_exchange")
HELD = {
    "spirit": (*PAIRS[:2], "anisotropy", "biquadratic", "three_site", "four_site"),
    "uppasd": (*PAIRS, "anisotropy"),
    "vampire": (*PAIRS, "biquadratic"),
    "sunny": (*PAIRS, "anisotropy", "biquadratic", "field"),
    "magnopy": (*PAIRS, "anisotropy"),
    "tb2j": PAIRS,
}
TRACELESS = np.eye(3) / 3


def values_of(name, count, rng):
    """Random parameters in eV, some 10 meV; tensors of pairs and sites symmetric and traceless."""
    values = 0.01 * rng.normal(size=(count, *CLASSES[name].shape))
    if name in ("anisotropy", "anisotropic_exchange"):
        values = values + np.swapaxes(values, 1, 2)
        values -= np.trace(values, axis1=1, axis2=2)[:, None, None] * TRACELESS
    return values


def cluster(names, seed=1) -> SpinModel:
    """Five sites with random couplings of random classes."""
    rng = np.random.default_rng(seed)
    terms = []
    for name in names:
        count = CLASSES[name].site_count
        choices = [np.resize(rng.permutation(5), count) for _ in range(3)]
        if name == "field":
            choices = [[site] for site in range(5)]
        sites = np.unique(np.array(choices), axis=0)
        terms.append(Term(name, sites, values_of(name, len(sites), rng)))
    return SpinModel(terms, positions=rng.normal(size=(5, 3)) * 4)


def crystal(names, lattice, seed=2) -> SpinModel:
    """Random couplings between sites of neighbouring cells."""
    rng = np.random.default_rng(seed)
    terms = []
    for name in names:
        count, rows = CLASSES[name].site_count, []
        while len(rows) < 3:
            sites = rng.integers(lattice.atoms, size=count)
            cells = rng.integers(-2, 3, size=(count, lattice.dimension))
            named = np.concatenate([sites[:, None], cells], axis=1)
            if len(np.unique(named, axis=0)) == count:
                rows.append(named)
        found = np.array(rows)
        values = values_of(name, len(rows), rng)
        terms.append(Term(name, found[..., 0], values, found[..., 1:]))
    return SpinModel(terms, lattice=lattice)


RECTANGULAR = Lattice(np.diag([3.0, 4.0]), [[0.0, 0.0], [1.0, 1.5]])
GEOMETRIES = {
    "cluster": lambda names: cluster(names),
    "rectangular": lambda names: crystal(names, RECTANGULAR),
    "triangular": lambda names: crystal(names, Lattice.triangular(2.7)),
    "chain": lambda names: crystal(names, Lattice([[0.0, 2.5]])),
    "cubic": lambda names: crystal(names, Lattice.cubic(2.9)),
}


def configurations(model, seed=3):
    """Random directions for the model, and the same for the evaluators."""
    rng = np.random.default_rng(seed)
    box = (4, 5, 4)[: model.dimension]
    vectors = rng.normal(size=(CONFIGURATIONS, *box, model.site_count, 3))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    flat = vectors.reshape(CONFIGURATIONS, *box, *(1,) * (3 - model.dimension), -1, 3)
    flat = flat.reshape(*flat.shape[:4], model.site_count, 3)
    return vectors, np.moveaxis(flat, 0, 3)


def energy(model, vectors):
    """The model's energies, term by term; nothing is compiled."""
    return sum(energies(term, vectors) for term in model.terms)


def same(found, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-9 * scale)


def cells_of(model):
    return (4 * 5 * 4) if model.dimension == 3 else (1, 4, 20)[model.dimension]


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("program", EVALUATORS)
def test_energies_of_the_files(program, geometry, tmp_path):
    """The evaluators know constants of nature to 10 digits, which limits the agreement."""
    names = HELD[program]
    if program == "uppasd" and geometry in ("triangular", "chain", "cubic"):
        names = (*names, "biquadratic", "four_site")
    if program == "vampire" and geometry == "triangular":
        pytest.skip("Vampire has rectangular cells only")
    model = GEOMETRIES[geometry](names)
    outcome = export(model, tmp_path, program)
    assert isinstance(outcome, Export) and not outcome.lost and outcome.share == 0
    assert all(file.exists() for file in outcome.files)
    vectors, spins = configurations(model)
    expected = energy(model, vectors)
    constant = cells_of(model) * outcome.constant
    if (program, geometry) == ("vampire", "chain"):
        spins = np.swapaxes(spins, 0, 1)  # the chain runs along y
    same(EVALUATORS[program](tmp_path, spins) + constant, expected)
    if program in READERS:
        back = READERS[program](tmp_path)
        assert back.dimension == model.dimension
        same(energy(back, vectors) + constant, expected)


@pytest.mark.parametrize("geometry", ["cluster", "rectangular"])
@pytest.mark.parametrize("format", ["json", "netcdf"])
def test_own_files_lose_nothing(format, geometry, tmp_path):
    model = GEOMETRIES[geometry](list(CLASSES))
    outcome = export(model, tmp_path, format)
    back = READERS[format](tmp_path)
    assert not outcome.lost and back.classes == model.classes
    assert back.lattice == model.lattice and back.site_count == model.site_count
    for name in model.classes:
        assert back[name].clusters == model[name].clusters
        np.testing.assert_array_equal(back[name].values, model[name].values)
    if model.positions is not None:
        np.testing.assert_array_equal(back.positions, model.positions)
    np.testing.assert_array_equal(
        read_model(outcome.files[0])["tensor6"].values, model["tensor6"].values
    )


def test_own_files_state_their_convention(tmp_path):
    model = cluster(["exchange", "chiral_four_site"])
    write_json(model, tmp_path / "m.json")
    write_netcdf(model, tmp_path / "m.nc")
    with pytest.raises(FileFormatError, match=r"holds a spin model. Read it with .*read_model"):
        read_netcdf(tmp_path / "m.nc")
    with pytest.raises(FileFormatError, match=r"a.nc: .*version 1 or earlier, but .*version 7"):
        check_format("a.nc", FORMAT, 7)
    with pytest.raises(FileFormatError, match=r"a.nc, there: must define the class 'exchange'"):
        check_form("a.nc", "there", "exchange", "spam")
    assert "lacks 'sites'" in str(incomplete("a.nc", KeyError("sites")))
    text = (tmp_path / "m.json").read_text()
    for words in ("v.(S_a x S_b) (S_c.S_d)", "once per cell", "unit vectors", '"eV"'):
        assert words in text
    assert formula(CLASSES["biquadratic"]) == "v (S_a.S_b) (S_a.S_b)"
    assert formula(CLASSES["field"]) == "-v.S_a"
    assert formula(CLASSES["anisotropy"]) == "sum_ij v[i,j] S_a[i] S_a[j]"
    assert formula(CLASSES["chiral_chiral"]).startswith("v (S_a.(S_b x S_c)) (S_d.")


def test_formulas_are_the_forms():
    """The text of a formula, evaluated as Python, gives the energy of the class."""
    rng = np.random.default_rng(5)
    for spin_class in CLASSES.values():
        value = rng.normal(size=spin_class.shape)
        letters = sorted(set(spin_class.slots))
        spins = {letter: rng.normal(size=3) for letter in letters}
        text = formula(spin_class)
        if text.startswith("sum"):
            indices = "ijklmn"[: spin_class.order]
            rule = ",".join([indices, *indices])
            found = np.einsum(rule, value, *(spins[letter] for letter in spin_class.slots))
        else:
            found = interpreted(text, value, spins)
        slots = [tuple(spins[letter]) for letter in spin_class.slots]
        np.testing.assert_allclose(found, spin_class.form(value, slots), rtol=1e-12)


def interpreted(text, value, spins):
    """Evaluate products of scalars, dot products and triple products."""
    sign = -1.0 if text.startswith("-") else 1.0
    text = text.removeprefix("-")
    for letter in spins:
        text = text.replace(f"S_{letter}", f"V(spins['{letter}'])")
    text = text.replace(" x ", " ^ ").replace(".(", "*(").replace(".V", "*V")
    text = text.replace(") (", ") * (").replace("v (", "w * (").replace("v V(", "w * V(")
    text = text.replace("v*", "V(value)*")
    return sign * eval(text, {"V": Vector, "spins": spins, "value": value, "w": value})


class Vector:
    def __init__(self, v):
        self.v = v

    def __mul__(self, other):
        return self.v @ other.v

    def __rmul__(self, factor):
        return Vector(factor * self.v)

    def __xor__(self, other):
        return Vector(np.cross(self.v, other.v))


def test_energies_without_compiling_are_those_of_the_model():
    model = crystal(["exchange", "chiral_three_site", "field"], RECTANGULAR)
    vectors, _ = configurations(model)
    np.testing.assert_allclose(energy(model, vectors), model.energy(vectors), atol=1e-13)


# --- known by hand ----------------------------------------------------------------------------


def test_heisenberg_chain_of_uppasd(tmp_path):
    """Their example: J = 2.5 mRy has -5 mRy per atom, so that E = - sum over both neighbours."""
    rydberg = programs.EV_PER_RYDBERG
    bond = 2 * -2.5e-3 * rydberg  # a bond has both directions
    chain = SpinModel(
        [Term("exchange", [[0, 0]], [bond], [[[0], [1]]])], lattice=Lattice([[0.0, 0.0, 1.0]])
    )
    export(chain, tmp_path, "uppasd")
    rows = sorted(programs.words(tmp_path / "jfile"), key=lambda row: row[2])
    assert [row[:5] for row in rows] == [["1", "1", "-1", "0", "0"], ["1", "1", "1", "0", "0"]]
    np.testing.assert_allclose([float(row[5]) for row in rows], 2.5, rtol=1e-10)
    ferromagnet = np.zeros((8, 1, 3)) + [0, 0, 1]
    np.testing.assert_allclose(energy(chain, ferromagnet[None]) / 8, -5e-3 * rydberg, rtol=1e-12)


def test_reads_the_heisenberg_chain_of_uppasd(tmp_path):
    """One neighbour and cubic symmetry, as people write it."""
    (tmp_path / "inpsd.dat").write_text(
        "simid HeisWire\nncell 1 1 100  System size\nBC 0 0 P\ncell 1.0 0.0 0.0\n0.0 1.0 0.0\n"
        "0.0 0.0 1.0\nSym 1   Symmetry\nposfile ./posfile\nexchange ./jfile\nmomfile ./momfile\n"
    )
    (tmp_path / "posfile").write_text("1 1 0.0 0.0 0.0\n")
    (tmp_path / "momfile").write_text("1 1 1.0 0.0 0.0 1.0\n")
    (tmp_path / "jfile").write_text(" 1 1    0.0    0.0    1.0    2.5000\n")
    model = read_model(tmp_path)
    assert model.dimension == 3 and model.classes == ("exchange",)
    # On the cube symmetry makes six neighbours of one.
    ferromagnet = np.zeros((3, 3, 3, 1, 3)) + [0, 0, 1]
    expected = -6 * 2.5e-3 * programs.EV_PER_RYDBERG
    np.testing.assert_allclose(energy(model, ferromagnet[None]) / 27, expected, rtol=1e-10)


def test_dimer_in_every_program(tmp_path):
    """10 meV for parallel spins, D = 3 meV along z."""
    dimer = SpinModel(
        [
            Term("exchange", [[0, 1]], [0.010]),
            Term("dzyaloshinskii_moriya", [[0, 1]], [[0.0, 0.0, 0.003]]),
        ]
    )
    for program in EVALUATORS:
        export(dimer, tmp_path / program, program)
    row = programs.section(programs.words(tmp_path / "spirit/input.cfg"), "n_interaction_pairs")[0]
    assert (row["Jij"], row["Dijz"]) == (-10.0, -3.0)
    rows = programs.words(tmp_path / "uppasd" / "dmfile")
    signs = {tuple(row[:2]): float(row[-1]) for row in rows}
    half = 0.0015e3 / programs.EV_PER_RYDBERG
    np.testing.assert_allclose([signs["1", "2"], signs["2", "1"]], [-half, half], rtol=1e-9)
    first = programs.words(tmp_path / "vampire" / "vampire.ucf")[8]
    joule = np.array(first[6:], float).reshape(3, 3) * programs.EV_PER_JOULE
    np.testing.assert_allclose(
        joule, [[-0.01, -0.003, 0], [0.003, -0.01, 0], [0, 0, -0.01]], rtol=1e-9
    )
    assert (
        "[10.0 3.0 0.0; -3.0 10.0 0.0; 0.0 0.0 10.0], Bond(1, 2, [0, 0, 0])"
        in (tmp_path / "sunny" / "model.jl").read_text()
    )
    rows = programs.words(tmp_path / "magnopy" / "grogu.txt")
    place = rows.index(["Exchange", "tensor", "(meV)"]) + 6
    assert [float(x) for x in rows[place + 1]] == [10.0, 3.0, 0.0]


def test_ring_is_three_numbers_of_a_square_lattice(tmp_path):
    """K = 1 meV with the signs + + - is one ring: four rows, half of K each."""
    corners = [[[0, 0], [1, 0], [1, 1], [0, 1]], [[1, 0], [1, 1], [0, 0], [0, 1]]]
    corners.append([[0, 0], [1, 1], [1, 0], [0, 1]])
    ring = Term("four_site", [[0] * 4] * 3, [1e-3, 1e-3, -1e-3], corners)
    export(SpinModel([ring], lattice=Lattice.square(2.5)), tmp_path, "uppasd")
    rows = programs.words(tmp_path / "ringfile")
    assert len(rows) == 4
    expected = 0.5 / programs.EV_PER_RYDBERG
    np.testing.assert_allclose([float(row[-1]) for row in rows], expected, rtol=1e-9)
    # The opposite corner is the diagonal of the square.
    assert sorted(np.abs(np.array(row[7:9], int)).tolist() for row in rows) == [[1, 1]] * 4


# --- what is lost -----------------------------------------------------------------------------


def test_losses_are_named_with_their_share(tmp_path):
    """A dimer's energy spread is known: <(S.S)^2> = 1/3, and <(n.SxS (S.S))^2> = 1/15 * 2/3..."""
    model = SpinModel(
        [
            Term("exchange", [[0, 1]], [0.010]),
            Term("chiral_biquadratic", [[0, 1]], [[0.0, 0.0, 0.020]]),
        ]
    )
    # <(z.(SxS))^2 (S.S)^2> = 1/3 <sin^2 cos^2> = 1/3 (1/3 - 1/5).
    lost, kept = 0.020**2 * (1 / 3 - 1 / 5) / 3, 0.010**2 / 3
    with pytest.warns(LossWarning, match="chiral_biquadratic") as caught:
        outcome = export(model, tmp_path, "spirit")
    assert "'json'" in str(caught[0].message)
    (item,) = outcome.lost
    assert isinstance(item, Lost) and (item.name, item.clusters) == ("chiral_biquadratic", 1)
    np.testing.assert_allclose(item.share, np.sqrt(lost / (lost + kept)), rtol=0.15)
    assert item.share == outcome.share and "chiral_biquadratic" in str(outcome)


@pytest.mark.parametrize("program", EVALUATORS)
def test_nothing_is_dropped_silently(program, tmp_path):
    """The energies of the files, of what is lost, and the constant add up to the whole."""
    model = crystal([n for n in CLASSES if n != "tensor6"], RECTANGULAR)
    with pytest.warns(LossWarning):
        outcome = export(model, tmp_path, program)
    write = FILES[program][1] if program in FILES else FOLDERS[program]
    target = outcome.files[0] if program in FILES else tmp_path
    written = write(take_apart(model), target, np.ones(2))
    assert isinstance(written, Written)
    vectors, spins = configurations(model)
    found = EVALUATORS[program](tmp_path, spins) + 20 * outcome.constant
    lost = sum(energies(term, vectors) for term in written.lost)
    whole = energy(model, vectors)
    same(found + lost, whole)
    assert [item.name for item in outcome.lost] == [term.name for term in written.lost]
    np.testing.assert_allclose(outcome.share, np.std(lost) / np.std(whole), rtol=0.3)


def test_field_is_kept_if_all_moments_share_it(tmp_path):
    moments = np.array([1.0, 2.0, 0.5])
    tesla = np.array([1.0, -2.0, 3.0])
    fields = moments[:, None] * tesla * programs.EV_PER_TESLA
    model = SpinModel(
        [Term("field", [[0], [1], [2]], fields), Term("exchange", [[0, 1], [1, 2]], [1e-3, 2e-3])]
    )
    vectors, spins = configurations(model)
    expected = energy(model, vectors)
    for program in ("spirit", "uppasd", "vampire"):
        outcome = export(model, tmp_path / program, program, moments=moments)
        assert not outcome.lost
        if program == "vampire":
            found = programs.vampire(tmp_path / program, spins, field=tesla)
            text = (tmp_path / program / "vampire.mat").read_text()
            size = float(text.split("applied-field-strength =")[1].split("!T")[0])
            np.testing.assert_allclose(size, np.linalg.norm(tesla), rtol=1e-8)
        else:
            found = EVALUATORS[program](tmp_path / program, spins)
            back = READERS[program](tmp_path / program)
            same(energy(back, vectors), expected)
        same(found, expected)
        with pytest.warns(LossWarning, match="3 x field"):
            export(model, tmp_path / "uneven", program)


def test_anisotropy_with_one_axis_is_kept_by_vampire(tmp_path):
    axis = np.array([1.0, 2.0, 2.0]) / 3
    tensors = [-0.002 * np.outer(axis, axis), np.diag([0.001, 0.001, -0.002])]
    model = SpinModel([Term("anisotropy", [[0], [1]], tensors), Term("exchange", [[0, 1]], [0.01])])
    outcome = export(model, tmp_path, "vampire")
    np.testing.assert_allclose(outcome.constant, 0.001, rtol=1e-12)
    vectors, spins = configurations(model)
    expected = energy(model, vectors)
    same(programs.vampire(tmp_path, spins) + outcome.constant, expected)
    same(
        energy(read_model(tmp_path / "vampire.ucf"), vectors) + outcome.constant,
        expected,
    )
    biaxial = SpinModel([Term("anisotropy", [[0]], [np.diag([0.001, 0.0, -0.003])])], site_count=1)
    with pytest.warns(LossWarning, match="1 x anisotropy"):
        export(biaxial, tmp_path, "vampire")


def test_axes_of_tensors():
    rng = np.random.default_rng(4)
    tensors = rng.normal(size=(6, 3, 3))
    tensors = tensors + np.swapaxes(tensors, 1, 2)
    tensors[5] = 0
    found = axes(tensors)
    rebuilt = found.constants[:, None, None] * np.eye(3) + found.tensors(0) + found.tensors(1)
    np.testing.assert_allclose(rebuilt, tensors, atol=1e-12)
    assert np.all(np.abs(found.strengths[:, 0]) >= np.abs(found.strengths[:, 1]))


# --- geometry ---------------------------------------------------------------------------------


def test_cells_of_folded_sites_keep_the_bonds(tmp_path):
    """Sunny and Vampire fold atoms into the cell; the bonds must keep their lengths."""
    lattice = Lattice(np.diag([3.0, 4.0, 5.0]), [[-1.0, 5.0, 0.5], [7.0, 0.2, -6.0]])
    model = crystal(["exchange", "biquadratic"], lattice)
    bonds = np.concatenate([np.diff(t.clusters.cells, axis=1)[:, 0] for t in model.terms])
    ends = np.concatenate([t.clusters.sites for t in model.terms])
    vectors = bonds @ lattice.vectors + lattice.basis[ends[:, 1]] - lattice.basis[ends[:, 0]]
    expected = np.unique(np.round(np.linalg.norm(vectors, axis=1), 6))
    for program in ("sunny", "vampire"):
        export(model, tmp_path, program)
    back = read_vampire(tmp_path / "vampire.ucf")
    for found in (back, take_apart(back).model):
        lengths = []
        for term in found.terms:
            cells, sites = term.clusters.cells, term.clusters.sites
            moved = (cells[:, 1] - cells[:, 0]) @ found.lattice.vectors
            moved = moved + np.diff(found.lattice.basis[sites], axis=1)[:, 0]
            lengths.append(np.linalg.norm(moved, axis=1))
        np.testing.assert_allclose(np.unique(np.round(np.concatenate(lengths), 6)), expected)
    text = (tmp_path / "model.jl").read_text()
    places = programs.matrix(text.split("positions = [[")[1].split("]]")[0].replace("], [", ";"))
    assert places.min() >= 0 and places.max() < 1
    calls = programs.re.findall(r"Bond\((\d+), (\d+), \[(.*?)\]", text)
    moved = [
        np.array(cell.split(","), int) + places[int(j) - 1] - places[int(i) - 1]
        for i, j, cell in calls
    ]
    lengths = np.linalg.norm(moved @ lattice.vectors, axis=1)
    np.testing.assert_allclose(np.unique(np.round(lengths, 6)), expected)


def test_clusters_get_vacuum_and_open_boundaries(tmp_path):
    model = cluster(["exchange"])
    export(model, tmp_path / "one.cfg", "spirit")
    text = (tmp_path / "one.cfg").read_text()
    assert "boundary_conditions   0   0   0" in text and "n_basis_cells   1   1   1" in text
    geometry = take_apart(model).geometry
    gap = np.diag(geometry.vectors) - np.ptp(geometry.positions, axis=0)
    np.testing.assert_allclose(gap, 20.0)
    export(model, tmp_path, "uppasd")
    assert "BC 0 0 0" in (tmp_path / "inpsd.dat").read_text()


def test_left_handed_lattice_for_sunny(tmp_path):
    lattice = Lattice([[0.0, 3.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 4.0]])
    model = crystal(["exchange", "dzyaloshinskii_moriya"], lattice)
    export(model, tmp_path, "sunny")
    text = (tmp_path / "model.jl").read_text()
    columns = programs.matrix(text.split("latvecs = [")[1].split("]")[0])
    assert np.linalg.det(columns) > 0
    vectors, spins = configurations(model)
    swapped = np.swapaxes(spins, 1, 2)
    same(programs.sunny(tmp_path / "model.jl", swapped), energy(model, vectors))


def test_refused_geometry_and_arguments(tmp_path):
    model = crystal(["exchange"], Lattice.triangular(3.0))
    with pytest.raises(InputError, match="along x, y and z for Vampire.*rectangular cell"):
        export(model, tmp_path, "vampire")
    with pytest.raises(InputError, match="must be one of spirit"):
        export(model, tmp_path, "spinw")
    with pytest.raises(InputError, match="one number or 1 numbers"):
        export(model, tmp_path, "spirit", moments=[1.0, 2.0])
    with pytest.raises(InputError, match="greater than zero"):
        export(model, tmp_path, "spirit", moments=0.0)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="folder that can be written to"):
        export(model, tmp_path / "file", "uppasd")
    assert set(FORMATS) == {*EVALUATORS, "magnopy_python", "json", "netcdf", "csv"}


# --- parts and text ---------------------------------------------------------------------------


def test_parts_of_a_model():
    """Every bond once and forward; a tensor on one spin is an anisotropy."""
    tensors = np.arange(27.0).reshape(3, 3, 3)
    cells = [[[0], [1]], [[1], [0]], [[2], [2]]]
    model = SpinModel(
        [Term("tensor2", [[0, 0]] * 3, tensors, cells), Term("field", [[0]], [[1, 2, 3]], [[[0]]])],
        lattice=Lattice.chain(2.0),
    )
    parts = take_apart(model)
    assert isinstance(parts, Parts) and isinstance(parts.geometry, Geometry)
    bonds = parts.bonds()
    assert isinstance(bonds, Bonds) and bonds.cells.tolist() == [[1, 0, 0]]
    np.testing.assert_allclose(bonds.values[0], tensors[0] + tensors[1].T, rtol=1e-14)
    both = bonds.both_directions()
    assert both.cells.tolist() == [[1, 0, 0], [-1, 0, 0]]
    np.testing.assert_array_equal(both.values[1], both.values[0].T)
    np.testing.assert_allclose(parts.onsite()[0], 0.5 * (tensors[2] + tensors[2].T))
    assert parts.reach.tolist() == [1, 0, 0] and parts.field().tolist() == [[1, 2, 3]]
    assert isinstance(axes(parts.onsite()), Axes)


def test_text_keeps_all_digits(tmp_path):
    values = np.random.default_rng(6).normal(size=5) * 10.0 ** np.arange(-20, 5, 5)
    path = write_text(tmp_path / "a.txt", ["# a", numbers(values), "", integers([1, -2]) + " # b"])
    first, second = lines_of(path)
    assert first.number == 2 and second.words == ("1", "-2")
    np.testing.assert_array_equal(first.numbers(5, "numbers"), values)
    assert number(-0.0) == "0.0" and find([first, second], "1") == 1
    with pytest.raises(FileFormatError, match="line 4: must be followed by more"):
        after([first, second], 1, 2, "more")
    assert site_moments(2.0, 3).tolist() == [2.0, 2.0, 2.0]


def test_files_have_usual_names():
    assert FILES["spirit"] == ("input.cfg", write_spirit)
    assert FILES["magnopy"] == ("grogu.txt", write_magnopy)
    assert FILES["magnopy_python"] == ("model.py", write_magnopy_script)
    assert FILES["sunny"] == ("model.jl", write_sunny)
    assert FILES["tb2j"] == ("exchange.out", write_tb2j)
    assert FOLDERS == {"uppasd": write_uppasd, "vampire": write_vampire}


@pytest.mark.parametrize("name", FORMATS)
def test_files_say_what_no_data_determine(tmp_path, name):
    errors = np.array([[np.inf, np.inf, 1e-5]])
    vector = Term("dzyaloshinskii_moriya", [[0, 1]], [[0.0, 0.0, 0.001]], errors=errors)
    model = SpinModel([vector], positions=[[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    outcome = export(model, tmp_path / "unknown", name)
    assert undetermined(model) == outcome.undetermined == "2 of dzyaloshinskii_moriya"
    assert "no predictions: 2 of dzyaloshinskii_moriya." in str(outcome)
    said = [b"no predictions: 2 of dzyaloshinskii_moriya" in f.read_bytes() for f in outcome.files]
    assert any(said) or name in ("json", "netcdf", "csv")
    if name in ("spirit", "magnopy", "json", "netcdf"):
        spins = np.eye(3)[:2]
        assert float(read_model(outcome.files[0]).energy(spins)) == pytest.approx(0.001)
    plain = tmp_path / "plain.txt"
    plain.write_text("1 2\n")
    add_words([plain], "nothing")
    assert plain.read_text() == "1 2\n"
    known = export(SpinModel([Term("exchange", [[0, 1]], [0.01])]), tmp_path / "known", name)
    assert not known.undetermined and not any(
        b"no predictions" in f.read_bytes() for f in known.files
    )


def test_symbols_of_atoms_stay_and_name_the_atoms_of_tb2j(tmp_path):
    symbols = ("Sr", "Mn1", "O", "O")
    lattice = Lattice(3.8 * np.eye(3), 1.9 * np.array([[0, 0, 0], [1, 1, 1], [1, 1, 0], [1, 0, 1]]))
    bond = Term("exchange", [[1, 1]], [0.01], [[[0, 0, 0], [1, 0, 0]]])
    model = SpinModel([bond], lattice=lattice, symbols=symbols)
    for file, format in (("a.json", "json"), ("a.nc", "netcdf")):
        export(model, tmp_path / file, format)
        assert read_model(tmp_path / file).symbols == symbols
    export(model, tmp_path, "tb2j")
    text = (tmp_path / "exchange.out").read_text()
    assert [line.split()[0] for line in text.splitlines()[14:18]] == ["Sr1", "Mn1", "O1", "O2"]
    assert read_tb2j(tmp_path / "exchange.out").symbols == ("Sr", "Mn", "O", "O")
    assert model.with_terms(model.terms).symbols == symbols
    assert magnetic_cell(model, (2, 1, 1)).symbols == 2 * symbols
    assert model.supercell((3, 3, 3)).symbols == 27 * symbols
    with pytest.raises(InputError, match="`symbols` must have 4 sites"):
        SpinModel([bond], lattice=lattice, symbols=["Mn"])
    spoilt = (tmp_path / "a.json").read_text().replace('"Mn1"', "3")
    (tmp_path / "b.json").write_text(spoilt)
    with pytest.raises(FileFormatError, match="symbols: must be a list of names"):
        read_model(tmp_path / "b.json")
