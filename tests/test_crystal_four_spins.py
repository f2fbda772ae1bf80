"""Four moments with spin-orbit coupling: a chain whose coupling turns the moments, site by site.

Hopping t exp(i angle sigma_z) between levels split on site is that without coupling, every moment
being turned about z by an angle that grows along the chain: the energy is known exactly from that
of the plain chain.
"""

from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.config.crystal_loops import about_vectors
from msgreen.errors import InputError
from msgreen.exchange.crystal import (
    FourSpins,
    crystal_exchange,
    crystal_loops,
    crystal_model,
    four_spins,
    whole_tensors,
    with_four_spins,
)
from msgreen.exchange.crystal.clusters import rings
from msgreen.exchange.crystal.four_spins import CROSSED, PRODUCTS
from msgreen.exchange.crystal.loop_model import loop_products
from msgreen.hosts.wannier import WannierHost
from msgreen.io.loop_table import VECTOR_COLUMNS, vector_rows
from msgreen.lattice import Lattice
from msgreen.spin.algebra import PAULI
from msgreen.spinmodel import SpinModel
from msgreen.units import MEV

LATTICE = Lattice(np.diag([2.0, 9.0, 9.0]))
CELLS = np.array([[-1, 0, 0], [0, 0, 0], [1, 0, 0]])
SITES = np.pad([[[0], [1], [2], [3]], [[0], [1], [2], [4]]], [(0, 0), (0, 0), (0, 3)])
MESH = 48
"""A turn that grows along a ring does not close: 16 cells leave 3e-4 of it in pairs, 32 4e-9."""
ANGLE = 0.02
SECOND = 6 * ANGLE**2
"""Terms of second order beside those of first: 5.6 and 5.3 times the square at either angle."""


def plain():
    home, hop = np.array([[0.2]]), np.array([[0.6]])
    even, field = np.stack([hop, home, hop]), np.array([0, -0.8, 0])[:, None, None]
    given: dict = dict(fermi_energy=0.1, temperature=0.25, mesh=MESH, vertex="onsite")
    return WannierHost(LATTICE, CELLS, np.stack([even + field, even - field]) + 0j, [0], **given)


def turned(axis, angle=ANGLE):
    hop = 0.6 * (np.cos(angle) * np.eye(2) + 1j * np.sin(angle) * PAULI[3])
    full = np.stack([hop.conj().T, 0.2 * np.eye(2) - 0.8 * PAULI[3], hop])[None]
    given: dict = dict(fermi_energy=0.1, temperature=0.25, mesh=MESH, vertex="onsite")
    return WannierHost(LATTICE, CELLS, full, [0], axis=axis, **given)


@pytest.fixture(scope="module")
def hosts():
    return [turned(axis) for axis in np.eye(3)]


@pytest.fixture(scope="module")
def found(hosts):
    return four_spins(hosts, SITES, mesh=MESH)


@pytest.fixture(scope="module")
def pairs():
    steps = [n for n in range(-4, 5) if n]
    return np.array([[0, 0, n, 0, 0] for n in steps])


def test_couplings_are_those_of_the_turned_chain(hosts, found, pairs):
    """B to second order in the angle, D = B times the angle between the sites to third."""
    walks = {"four_site": SITES[:, rings(4)].reshape(-1, 4, 4)}
    terms = crystal_loops(plain(), walks, mesh=MESH).terms["four_site"]
    exact = loop_products("four_site", terms).energies.value.reshape(2, 3)
    assert isinstance(found, FourSpins) and np.abs(exact).min() > 1e-6
    assert np.allclose(found.products.value, exact, rtol=0, atol=SECOND * np.abs(exact).max())
    # The sense of the turn is that of the pairs.
    along = crystal_exchange(hosts[2], pairs, mesh=MESH)
    step = (np.arctan2(along.along(), along.exchange()) % np.pi)[4]
    step = (step + np.pi / 2) % np.pi - np.pi / 2
    assert np.isclose(abs(step), 2 * ANGLE, rtol=1e-11)
    ahead = SITES[:, CROSSED[:, 1], 0] - SITES[:, CROSSED[:, 0], 0]
    vectors = np.tile(exact, (1, 2)) * np.sin(step * ahead)
    # Of vectors of all pairings only the part that a collinear state sees is determined.
    seen = turns() @ vectors[..., None]
    assert np.allclose(
        turns() @ found.vectors.value[..., 2:], seen, atol=SECOND * np.abs(seen).max()
    )
    assert np.abs(found.vectors.value[..., :2]).max() < 1e-12
    assert np.linalg.norm(found.vectors.value[..., 2]) < np.linalg.norm(vectors)
    assert np.all(found.products.error > 0) and np.all(found.vectors.error > 0)


def turns():
    """The tensors of D.n of all pairings, shape (16, 6)."""
    crossed = np.einsum("ab,cd->abcd", [[0, 1], [-1, 0]], np.eye(2))
    return np.stack([crossed.transpose(np.argsort(o)).ravel() for o in CROSSED], axis=1)


def test_what_is_left_is_of_second_order(found):
    twice = four_spins([turned(axis, 2 * ANGLE) for axis in np.eye(3)], SITES, mesh=MESH)
    assert np.allclose(twice.rest / found.rest, 4, rtol=0.05)
    assert np.all(found.spread < 9 * ANGLE**2 * np.abs(found.products.value).max())


def test_loops_are_their_products(found):
    terms = found.loops().terms["four_site"]
    again = loop_products("four_site", terms)
    assert np.allclose(again.energies.value.reshape(2, 3), found.products.value)
    assert np.array_equal(again.sites.reshape(2, 3, 4, 4), SITES[:, PRODUCTS])
    rows = [dict(zip(VECTOR_COLUMNS, row, strict=True)) for row in vector_rows(found)]
    assert rows[4]["cells"] == "1 0 0; 2 0 0; 0 0 0; 3 0 0" and rows[4]["atoms"] == "0-0-0-0"
    assert np.isclose(rows[4]["D_z_meV"] * MEV, found.vectors.value[0, 4, 2])
    assert np.isclose(rows[4]["B_meV"] * MEV, found.products.value[0, 1])
    assert "D.(S_i x S_j)(S_k.S_l)" in about_vectors(found)[0]


def mixed(model: SpinModel, cells, tilts, axis):
    """The part of the energy that is odd in some tilts, with all other moments along the axis."""
    senses = np.array(list(product((-1.0, 1.0), repeat=len(cells))))
    spins = np.tile(axis, (len(senses), MESH, 1, 1, 1, 1)).astype(float)
    for n, cell in enumerate(cells):
        spins[:, cell, 0, 0, 0] += senses[:, n, None] * tilts[n]
    return float(senses.prod(axis=1) @ np.asarray(model.energy(jnp.asarray(spins)))) / len(senses)


def test_the_model_keeps_the_second_derivatives_of_the_pairs(hosts, found, pairs):
    runs = [crystal_exchange(host, pairs, mesh=MESH) for host in hosts]
    model = crystal_model(whole_tensors(runs), LATTICE)
    whole = with_four_spins(model, found)
    assert whole.classes[-2:] == ("four_site", "chiral_four_site")
    assert not np.allclose(whole["exchange"].values, model["exchange"].values, rtol=1e-6)
    rng = np.random.default_rng(0)
    for axis in np.eye(3):
        tilts = rng.normal(size=(4, 3)) * (1 - axis)
        for two in ([0, 1], [3, 1], [4, 0]):
            before, after = (mixed(m, two, tilts, axis) for m in (model, whole))
            assert np.isclose(before, after, rtol=1e-10, atol=1e-15)
        # The fourth derivative is that of the electrons, to second order.
        four = mixed(whole, [0, 1, 2, 3], tilts, axis)
        expected = contraction(found, 0, tilts, axis)
        assert np.isclose(four, expected, rtol=1e-9)
    with pytest.raises(InputError, match="`model` must hold every pair"):
        with_four_spins(crystal_model(whole_tensors(runs), LATTICE), shifted(found))
    with pytest.raises(InputError, match="must hold moments along x, y and z"):
        four_spins(hosts[:2], SITES, mesh=MESH)


def shifted(found):
    sites = found.sites.copy()
    sites[:, 3, 0] += 9
    return found._replace(sites=sites)


def contraction(found, n, tilts, axis):
    """B (p.p)(p.p) and D.(p x p)(p.p) of all pairings."""
    energy = 0.0
    for (a, b, c, d), value in zip(PRODUCTS, found.products.value[n], strict=True):
        energy += value * (tilts[a] @ tilts[b]) * (tilts[c] @ tilts[d])
    for (a, b, c, d), vector in zip(CROSSED, found.vectors.value[n], strict=True):
        energy += vector @ np.cross(tilts[a], tilts[b]) * (tilts[c] @ tilts[d])
    return energy
