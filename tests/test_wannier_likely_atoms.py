"""Atoms of orbitals from nothing but their hoppings."""

from itertools import product

import numpy as np
import pytest
import wannier_files as wf

from msgreen.errors import InputError
from msgreen.io import wannier
from msgreen.io.wannier.assignment import guessed
from msgreen.io.wannier.likely_atoms import LikelyAtoms, likely_atoms

VECTORS = np.array([[3.4, 0.0, 0.0], [-1.7, 2.9, 0.0], [0.0, 0.0, 30.0]])
POSITIONS = np.array([[0.0, 0.0, 0.0], [1.7, 1.0, -1.2], [0.0, 1.95, 2.0]])
CELLS = np.array(list(product(range(-3, 4), range(-3, 4), [0])))
SHIFT = np.array([[0, 0, 0], [-1, 0, 0], [0, -1, 0]])


def hoppings(atom_of, seed, decay=0.6):
    """|H(R)|^2 scattered about exp(-2 d / decay length) of true distances, small on an atom."""
    places = (POSITIONS + SHIFT @ VECTORS)[atom_of]
    steps = (CELLS @ VECTORS)[:, None, None] + places[None] - places[:, None]
    lengths = np.linalg.norm(steps, axis=-1)
    scatter = np.random.default_rng(seed).exponential(size=lengths.shape)
    scatter = (scatter + scatter[::-1].swapaxes(1, 2)) / 2
    mean = np.where(lengths < 0.1, 0.01, np.exp(-2 * decay * lengths))
    strengths = scatter * mean
    home = len(CELLS) // 2
    strengths[home] += 25 * np.eye(len(atom_of))
    return strengths


@pytest.mark.parametrize("counts", [(2, 1, 1), (3, 2, 2), (1, 3, 2)])
def test_atoms_are_recovered(counts):
    atom_of = np.repeat(np.arange(3), counts)
    found = likely_atoms(VECTORS, POSITIONS, CELLS, hoppings(atom_of, 3))
    assert isinstance(found, LikelyAtoms) and found.clear
    assert found.atom.tolist() == atom_of.tolist()
    assert np.array_equal(found.shift, SHIFT[atom_of])


def test_hoppings_that_tell_nothing():
    same = hoppings(np.array([0, 0, 1, 2]), 0, decay=0.0)
    flat = np.where(same > 10, same, 1.0)
    found = likely_atoms(VECTORS, POSITIONS, CELLS, flat)
    assert found is not None and not found.clear
    assert likely_atoms(VECTORS, POSITIONS, CELLS, flat[:, :2, :2]) is None
    many = np.ones((len(CELLS), 60, 60))
    assert likely_atoms(VECTORS, POSITIONS, CELLS, many) is None


def archive(file, strengths):
    """Spinors up, down, up, down with a splitting of the first atom."""
    orb = strengths.shape[1]
    home = len(CELLS) // 2
    matrices = np.zeros((len(CELLS), 2 * orb, 2 * orb), complex)
    matrices[:, :orb, :orb] = matrices[:, orb:, orb:] = np.sqrt(strengths)
    matrices[home, np.arange(2), np.arange(2)] += 1.0
    frac = POSITIONS @ np.linalg.inv(VECTORS)
    mixed = wf.interleaved(matrices)
    np.savez(file, R=CELLS, HR=mixed, lattice=VECTORS, frac=frac)
    return matrices


def test_archive_without_centres(tmp_path):
    atom_of = np.array([0, 0, 1, 1, 2])
    matrices = archive(tmp_path / "x.npz", hoppings(atom_of, 5))
    found = wannier.read_folder(tmp_path)
    assert found.atom_of.tolist() == atom_of.tolist()
    assert any("2, 2, 1 of them" in note for note in found.notes)
    k = np.array([0.2, 0.3, 0.0])
    waves = [np.exp(2j * np.pi * cells @ k) for cells in (CELLS, found.cells)]
    before = np.einsum("r,rmn->mn", waves[0], matrices)
    after = np.einsum("r,rmn->mn", waves[1], found.matrices[0])
    assert np.allclose(np.linalg.eigvalsh(before), np.linalg.eigvalsh(after), atol=1e-13)
    flat = np.full((len(CELLS), 5, 5), 0.01)
    matrices = archive(tmp_path / "x.npz", flat)
    crystal = wannier.Crystal(VECTORS, ("a", "b", "c"), POSITIONS)
    assert guessed(CELLS, matrices, crystal, np.tile(np.arange(5), 2)) is None
    with pytest.raises(InputError, match="orbital_atoms"):
        wannier.read_folder(tmp_path)
