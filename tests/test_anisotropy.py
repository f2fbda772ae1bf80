"""Anisotropy of single moments, against energies of bands, and what turning everything costs."""

import numpy as np
import pytest
from test_wannier_host import ATOM_OF, CELLS, LATTICE, THERMAL, chain, grand_potential

from msgreen.errors import InputError
from msgreen.exchange.crystal.anisotropy import SiteAnisotropy, anisotropy_term, site_anisotropy
from msgreen.exchange.crystal.axes import by_axis, crystal_model, whole_tensors
from msgreen.exchange.crystal.pairs import crystal_exchange, crystal_pairs
from msgreen.exchange.crystal.traces import goldstone_residual
from msgreen.hosts.wannier import WannierHost

FERMI = 0.1


def matrices(coupling):
    """The chain with its spin-orbit coupling, off-diagonal elements included, scaled."""
    none, whole = chain(False), chain(True)
    full = np.zeros_like(whole)
    full[0, :, :3, :3], full[0, :, 3:, 3:] = none
    return full + coupling * (whole - full)


def host(axis=(0, 0, 1), coupling=0.3, **options):
    options = dict(fermi_energy=FERMI, temperature=THERMAL, atoms=[0, 1], axis=axis) | options
    return WannierHost(LATTICE, CELLS, matrices(coupling), ATOM_OF, **options)


@pytest.fixture(scope="module")
def runs():
    hosts = [host(axis) for axis in np.eye(3)]
    pairs = crystal_pairs(hosts[0], 20.0)
    return [crystal_exchange(one, pairs, tolerance=1e-6) for one in hosts]


def band_energy(axis):
    """Grand potential per cell with all moments along an axis, from levels on a fine mesh."""
    wave = np.exp(2j * np.pi * np.outer(np.arange(64) / 64, [-1, 0, 1]))
    blocks = np.asarray(host(axis).sectors)[0, :, 0, 0]
    levels = np.linalg.eigvalsh(np.einsum("kr,rab->kab", wave, blocks))
    return grand_potential(levels, FERMI, THERMAL) / 64


def test_moments_that_turn_together_have_the_anisotropy_of_the_bands(runs):
    found = site_anisotropy(runs, whole_tensors(runs))
    assert isinstance(found, SiteAnisotropy)
    total = found.total.sum(axis=0)
    assert np.allclose(total, total.T) and abs(np.trace(total)) < 1e-12
    x, y, z = (band_energy(axis) for axis in np.eye(3))
    assert band_energy(found.easy_axis()) < min(x, y, z)
    assert np.isclose(total[0, 0] - total[2, 2], x - z, rtol=1e-4)
    assert np.isclose(total[1, 1] - total[2, 2], y - z, rtol=1e-4)
    # Between the axes the energy is that of second derivatives up to fourth order in the coupling.
    for a, b in ((0, 1), (0, 2)):
        one, other = np.eye(3)[a], np.eye(3)[b]
        change = band_energy((one + other) / 2**0.5) - band_energy((one - other) / 2**0.5)
        assert np.isclose(2 * total[a, b], change, rtol=2e-2)


def test_the_spin_model_has_that_anisotropy(runs):
    tensors = whole_tensors(runs)
    found = site_anisotropy(runs[::-1], tensors)
    model = crystal_model(tensors, LATTICE)
    whole = model.with_terms([*model.terms, anisotropy_term(found)])
    energy = [float(whole.energy(np.tile(axis, (16, 1, 1, 2, 1)))) / 16 for axis in np.eye(3)]
    total = np.diagonal(found.total.sum(axis=0))
    assert np.allclose(np.subtract(energy, energy[2]), total - total[2], atol=1e-10)
    assert np.all(found.errors < 1e-5) and np.all(found.spread < np.abs(found.total).max())


def test_runs_are_sorted_by_axis(runs):
    assert [run.axis.tolist() for run in by_axis(runs[::-1])] == np.eye(3).tolist()
    with pytest.raises(InputError, match="moments along x, y and z"):
        site_anisotropy(runs[:2], whole_tensors(runs))


def test_turning_everything_costs_nothing_but_the_coupling():
    options = dict(fermi_energy=FERMI, temperature=THERMAL)
    free = WannierHost(LATTICE, CELLS, chain(), ATOM_OF, **options)
    assert goldstone_residual(free) < 1e-11
    assert goldstone_residual(host(coupling=0.0)) < 1e-11
    assert goldstone_residual(host()) > 1e-4
    onsite = WannierHost(LATTICE, CELLS, chain(), ATOM_OF, vertex="onsite", **options)
    assert goldstone_residual(onsite) > 1e-3
