"""Files of phonopy give the frequencies that phonopy gives."""

import gzip
import lzma
import os
import sys
import warnings

import numpy as np
import pytest

from msgreen.errors import FileFormatError, InputError
from msgreen.estimate import Estimate
from msgreen.io.phonopy import crystal_of, read_phonopy
from msgreen.phonon import four_spin_interactions, static_response
from msgreen.phonon.crystal import HarmonicCrystal


def test_without_phonopy_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "phonopy", None)
    with pytest.raises(InputError, match="pip install phonopy"):
        read_phonopy(tmp_path / "phonopy.yaml")


@pytest.fixture
def phonons():
    """Rock salt with springs to first and second neighbours on a 3 x 3 x 3 supercell of 2 atoms."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        phonopy = pytest.importorskip("phonopy")
        from phonopy.structure.atoms import PhonopyAtoms

        cell = PhonopyAtoms(
            symbols=["Na", "Cl"],
            cell=2.0 * (np.ones((3, 3)) - np.eye(3)),
            scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]],
        )
        found = phonopy.Phonopy(cell, np.diag([3, 3, 3]), log_level=0)
        found.force_constants = springs(found.supercell)
        yield found


def springs(supercell):
    places, vectors = supercell.positions, supercell.cell
    count = len(places)
    matrix = np.zeros((count, count, 3, 3))
    images = np.stack(np.meshgrid(*3 * [[-1, 0, 1]], indexing="ij"), -1).reshape(-1, 3) @ vectors
    for i in range(count):
        for j in range(count):
            for reach in places[j] - places[i] + images:
                length = np.linalg.norm(reach)
                stiffness = 3.0 * (abs(length - 2.0) < 0.1) + 0.7 * (abs(length - 2 * 2**0.5) < 0.1)
                if stiffness:
                    line = np.outer(reach, reach) / length**2
                    block = stiffness * (0.8 * line + 0.2 * np.eye(3))
                    matrix[i, j] -= block
                    matrix[i, i] += block
    return matrix


def test_frequencies_are_those_of_phonopy(phonons, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        phonons.save(tmp_path / "phonopy.yaml", settings={"force_constants": True})
        read = read_phonopy(tmp_path / "phonopy.yaml")
        points = np.random.default_rng(0).random((4, 3))
        terahertz = np.array([phonons.get_frequencies(q) for q in points])
    assert isinstance(read, HarmonicCrystal)
    for crystal in (read, crystal_of(phonons)):
        energies = np.sqrt(crystal.squared_energies(points))
        assert np.allclose(energies, terahertz * 4.135667696e-3, rtol=1e-6)


def test_four_spin_exchange_of_force_constants_of_phonopy(phonons):
    """Three spins of rock salt: the response by phonopy's matrices on another mesh."""
    crystal = crystal_of(phonons)
    sites = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]])
    pairs = np.array([[0, 1], [1, 2]])
    rng = np.random.default_rng(4)
    slope = rng.normal(size=(2, 3, 3, 3, 3))
    slope -= slope.mean(axis=1, keepdims=True)  # moving all atoms changes no exchange
    response = static_response(crystal, sites, (9, 9, 9))
    given = Estimate(slope, np.zeros(slope.shape))
    places = 2.0 * np.array([[0.0, 0, 0], [1.0, 1, 1], [0.0, 1, 1]])
    model = four_spin_interactions(given, pairs, places, response)
    spins = rng.normal(size=(3, 3))
    spins /= np.linalg.norm(spins, axis=1, keepdims=True)
    force = np.einsum("pnxab,pa,pb->nx", slope, *spins[pairs.T])

    mesh = (
        np.stack(np.meshgrid(*3 * [np.arange(12)], indexing="ij"), -1).reshape(-1, 3) + 0.5
    ) / 12
    roots = np.sqrt(np.repeat(phonons.primitive.masses, 3))
    basis = phonons.primitive.scaled_positions
    relative = sites[:, 1:] + basis[sites[:, 0]]
    energy = 0.0
    for q in mesh:
        phonons.dynamical_matrix.run(q)
        matrix = phonons.dynamical_matrix.dynamical_matrix * np.outer(roots, roots)
        pull = np.zeros((2, 3), complex)
        for place, (atom, *_), row in zip(relative, sites, force, strict=True):
            pull[atom] += np.exp(-2j * np.pi * (q @ place)) * row
        energy -= (
            0.5 * (pull.ravel().conj() @ np.linalg.solve(matrix, pull.ravel())).real / len(mesh)
        )
    assert float(model.energy(spins)) == pytest.approx(energy, rel=2e-3)


def test_files_without_forces_and_foreign_files_are_refused(phonons, tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("nothing: 1\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match="broken.yaml: the file must be one that phonopy"):
        read_phonopy(broken)
    bare = tmp_path / "bare.yaml"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        phonons.save(bare, settings={"force_constants": False, "force_sets": False})
        with pytest.raises(FileFormatError, match="forces or force constants"):
            read_phonopy(bare)


@pytest.mark.parametrize(
    "text",
    [
        'a: !!python/object/apply:os.system ["touch pwned"]',
        'a: [1, {b: !!python/object/apply:os.system ["touch pwned"]}]',
        '%TAG !e! tag:yaml.org,2002:python/object/apply:\n---\na: !e!os.system ["touch pwned"]',
        'a: !<tag:yaml.org,2002:python/object/apply:os.system> ["touch pwned"]',
        "a: !!python/name:os.system",
        "!!python/module:os",
        "a: &x [1, 1]\nb: [*x, *x]",
        "a: " + "[" * 200,
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_code_in_files_is_not_run(text, packed, tmp_path, monkeypatch):
    """The loader of phonopy would run it."""
    pytest.importorskip("phonopy")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ("phonopy.yaml.gz" if packed else "phonopy.yaml")
    file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    with pytest.raises(FileFormatError, match=r"phonopy\.yaml.*, line \d: must hold plain values"):
        read_phonopy(file)
    assert not (tmp_path / "pwned").exists()


def test_bombs_and_special_files_are_refused(phonons, tmp_path, monkeypatch):
    bomb = tmp_path / "phonopy.yaml.xz"
    bomb.write_bytes(lzma.compress(bytes(10**7)))
    monkeypatch.setattr("msgreen.io.phonopy.LARGEST", 10**6)
    with pytest.raises(FileFormatError, match="must have at most 1000000 bytes"):
        read_phonopy(bomb)
    bomb.write_bytes(b"not packed")
    with pytest.raises(FileFormatError, match="must be compressed as its name says"):
        read_phonopy(bomb)
    os.mkfifo(tmp_path / "pipe.yaml")
    phonons.save(tmp_path / "phonopy.yaml", settings={"force_sets": False})
    for path, sets in (("pipe.yaml", None), ("phonopy.yaml", tmp_path / "pipe.yaml")):
        with pytest.raises(FileFormatError, match="pipe.yaml: must be a file"):
            read_phonopy(tmp_path / path, force_sets=sets)


def test_forces_come_from_beside_the_file(phonons, tmp_path, monkeypatch):
    """By itself, phonopy takes those of the folder in which Python runs."""
    from phonopy.file_IO import write_FORCE_CONSTANTS, write_force_constants_to_hdf5

    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    for folder, factor in ((elsewhere, 4.0), (here, 1.0)):
        folder.mkdir()
        write_FORCE_CONSTANTS(factor * phonons.force_constants, folder / "FORCE_CONSTANTS")
    phonons.save(here / "phonopy.yaml", settings={"force_constants": False, "force_sets": False})
    expected = crystal_of(phonons).squared_energies([[0.1, 0.2, 0.3]])
    monkeypatch.chdir(elsewhere)
    found = read_phonopy(here / "phonopy.yaml").squared_energies([[0.1, 0.2, 0.3]])
    assert np.allclose(found, expected, rtol=1e-6)
    (here / "FORCE_CONSTANTS").unlink()
    with pytest.raises(InputError, match="no other FORCE_CONSTANTS"):
        read_phonopy(here / "phonopy.yaml")
    hdf5 = here / "force_constants.hdf5"
    write_force_constants_to_hdf5(phonons.force_constants, hdf5)
    found = read_phonopy(here / "phonopy.yaml").squared_energies([[0.1, 0.2, 0.3]])
    assert np.allclose(found, expected, rtol=1e-6)
    hdf5.write_bytes(hdf5.read_bytes()[:500])
    with pytest.raises(FileFormatError, match=r"force_constants\.hdf5"):
        read_phonopy(here / "phonopy.yaml")
