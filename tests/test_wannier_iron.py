"""bcc iron from its files: speed, electrons, and exchange by another route than contours.

Exchange constants of the on-site vertex are sums over pairs of states,

    J_ij = -1/N^2 sum_kk' cos((k' - k).R) sum_nm |<nk up| B |mk' down>|^2 (f_n - f_m) / (e_n - e_m),

in the convention E = -sum over ordered pairs of J_ij e_i.e_j.
"""

import time

import numpy as np
import pytest
import wannier_files as wf
from scipy.special import expit

from msgreen.io import wannier
from msgreen.units import BOLTZMANN, MEV

FERMI_ENERGY = 12.6256
THERMAL = 600 * BOLTZMANN


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iron")
    wf.write_iron(folder)
    return folder


@pytest.fixture(scope="module")
def iron(folder):
    return wannier.read_folder(folder)


def mesh(count):
    axis = np.arange(count) / count
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


def states(iron, spin, k):
    phases = np.exp(2j * np.pi * (k @ iron.cells.T))
    matrices = (phases @ iron.matrices[spin].reshape(len(iron.cells), -1)).reshape(-1, 9, 9)
    return np.linalg.eigh(matrices)


def occupation(energy):
    return expit((FERMI_ENERGY - energy) / THERMAL)


def exchange(iron, count, cells):
    """J in meV on a mesh of count^3 points."""
    k = mesh(count)
    (up, left), (down, right) = states(iron, 0, k), states(iron, 1, k)
    splitting = iron.splitting()[2, np.all(iron.cells == 0, axis=1)][0]
    found = np.zeros(len(cells))
    for n, point in enumerate(k):
        between = np.abs((left[n].conj().T @ splitting) @ right) ** 2
        step = up[n][:, None] - down[:, None, :]
        rise = occupation(up[n])[:, None] - occupation(down)[:, None, :]
        waves = np.cos(2 * np.pi * (k - point) @ np.transpose(cells))
        found -= (between * rise / step).sum(axis=(1, 2)) @ waves
    return found / len(k) ** 2 / MEV


def test_iron_is_what_the_run_was(iron):
    assert iron.matrices.shape == (2, 597, 9, 9) and not iron.spin_orbit
    assert iron.crystal.symbols == ("Fe",) and set(iron.atom_of) == {0}
    nearest = np.linalg.norm(iron.crystal.vectors, axis=1)
    assert np.allclose(nearest, 2.4855, atol=1e-4)
    assert iron.hermiticity < 1e-12


def test_share_of_the_splitting_between_cells(iron):
    """34 % by norm: the exchange field of iron is not on site."""
    field = iron.splitting()[2]
    away = np.any(iron.cells != 0, axis=1)
    assert np.isclose(np.linalg.norm(field[away]) / np.linalg.norm(field), 0.343, atol=5e-4)


def test_electrons_and_moment(iron):
    """Converged: 7.9955 electrons and 2.2372 Bohr magnetons; "down" is the majority."""
    k = mesh(16)
    up, down = (occupation(states(iron, spin, k)[0]).sum(axis=1).mean() for spin in (0, 1))
    assert abs(up + down - 7.9955) < 0.01
    assert abs(down - up - 2.2372) < 0.01


BONDS = [[-1, 0, 0], [0, -1, 1], [-2, 1, -1], [-2, 1, 0], [-2, 0, 0]]
"""One of each of the first five shells."""


def test_exchange_on_a_fixed_mesh(iron):
    """Numbers of an independent program for the same files, mesh and temperature."""
    expected = [7.641572, -1.499144, 2.479474, -1.592820, -3.787729]
    found = exchange(iron, 5, BONDS)
    # Bonds of a shell differ by 4e-6 meV, as the functions are not exactly cubic.
    assert np.abs(found - expected).max() < 5e-6


def test_reading_is_fast(folder):
    """Half a second on a slow machine; a Python loop over lines takes longer than that."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        wannier.read_folder(folder)
        times.append(time.perf_counter() - start)
    assert min(times) < 1.0
