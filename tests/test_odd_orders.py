"""Odd numbers of spins: where time reversal is broken, and only there."""

import runpy

import jax.numpy as jnp
import kkr_runs as kkr
import numpy as np
import pytest
from problems import random_cluster, random_spins

from msgreen import (
    BRINKER,
    ContactCoupling,
    LloydEnergy,
    RashbaGas,
    closed_multilinear_tensor,
    coefficients,
    compute_interactions,
    energy_by_order,
    loop_energies,
    loop_tensors,
    loops,
    pairs,
    rotation_tensor,
)
from msgreen.errors import InputError, LossWarning
from msgreen.exchange.closed_forms import loop_names
from msgreen.exchange.ordered import reference_interactions
from msgreen.exchange.third import third_derivatives
from msgreen.hosts.base import time_odd_share
from msgreen.io import export
from msgreen.spin.algebra import spin_form, tangent_frame
from msgreen.spinmodel import SpinModel, Term, from_interactions

SYSTEM = random_cluster(41, sites=4, orbitals=1, coupling=0.3, time_reversal=False)
POINTS = np.random.default_rng(2).uniform(size=(4, 3))
THREE = loops(POINTS, 3)
ARGUMENTS = SYSTEM.host, SYSTEM.scatterer, SYSTEM.host.contour(SYSTEM.sites), SYSTEM.sites
GAS = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
CORNERS = np.array([[0.0, 0.0], [6.0, 0.0], [2.0, 5.0]])


def test_triples_of_sites_come_once():
    assert THREE.tolist() == [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]
    assert loops(np.random.default_rng(0).uniform(size=(6, 3)), 5).shape == (6 * 12, 5)


def test_tensor_is_the_third_derivative_at_zero():
    lloyd = LloydEnergy(SYSTEM.host, SYSTEM.scatterer, SYSTEM.sites, onsite=False)
    tensors, _ = loop_tensors(*ARGUMENTS, THREE)
    for sites, tensor in zip(THREE, tensors, strict=True):
        exact = closed_multilinear_tensor(lloyd, sites.tolist()).value
        np.testing.assert_allclose(tensor, exact, atol=1e-12 * np.abs(exact).max())


def test_loops_of_three_add_up_to_the_third_order_of_scattering():
    lloyd = LloydEnergy(SYSTEM.host, SYSTEM.scatterer, SYSTEM.sites, onsite=False)
    spins = random_spins(5, 4)
    third = float(lloyd.series(spins, 3)[2])
    energies, _ = loop_energies(*ARGUMENTS, THREE, spins)
    np.testing.assert_allclose(float(energies.sum()), third, rtol=1e-10)
    by_power = np.asarray(energy_by_order(*ARGUMENTS, THREE, spins))
    np.testing.assert_allclose(by_power.sum(axis=1), energies, rtol=1e-10, atol=1e-16)
    named = coefficients(*ARGUMENTS, THREE)
    assert tuple(named) == loop_names(3) == ("X3_chirality", "F3_directed")
    columns = [spins[THREE[:, m]] for m in range(3)]
    chirality = -6 * np.asarray(named["X3_chirality"].value) * np.asarray(spin_form(columns))
    np.testing.assert_allclose(by_power[:, 0], chirality, rtol=1e-10, atol=1e-16)
    single = sum(
        np.sum(np.asarray(named["F3_directed"].value)[:, m] * spin_form(columns, (m,)), axis=-1)
        for m in range(3)
    )
    np.testing.assert_allclose(by_power[:, 1], -6 * single, rtol=1e-10, atol=1e-16)


def test_three_spins_go_into_a_spin_model():
    found = compute_interactions(
        SYSTEM.host, SYSTEM.scatterer, SYSTEM.sites, [pairs(POINTS), THREE]
    )
    assert [terms.kind for terms in found.terms] == ["pair", "three_spin"]
    model, spins = from_interactions(found), random_spins(6, 3, 4)
    assert "tensor3" in model.classes
    np.testing.assert_allclose(model.energy(spins), found.energy(spins), rtol=1e-12)
    with pytest.raises(InputError, match="interactions of 3 sites and 3 spins, but 'B' does not"):
        found.to(BRINKER)


def test_a_host_with_time_reversal_symmetry_refuses():
    coupling, path = ContactCoupling(15.0), GAS.contour(CORNERS)
    assert GAS.keeps_time_reversal(path.nodes, CORNERS)
    symmetric = random_cluster(3, sites=2, orbitals=2)
    assert symmetric.host.keeps_time_reversal(np.array([0.5j]), symmetric.sites)
    pair = np.array([[0, 1], [1, 0]])
    assert time_odd_share(GAS.blocks(path.nodes, CORNERS, pair), pair) < 1e-12
    assert not SYSTEM.host.keeps_time_reversal(ARGUMENTS[2].nodes, SYSTEM.sites)
    triple, spins = np.array([[0, 1, 2]]), random_spins(7, 3)
    for function, more in ((coefficients, ()), (loop_tensors, ()), (loop_energies, (spins,))):
        with pytest.raises(InputError, match="`loops` must have an even number .* time reversal"):
            function(GAS, coupling, path, CORNERS, triple, *more)


def test_odd_orders_about_an_ordered_magnet_are_those_of_the_series():
    """In iron the third order of the deviations is larger than the fourth."""
    run = kkr.run("fe2_nosoc")
    lloyd = LloydEnergy(run.host, run.scatterer, run.sites, onsite=False)
    points = run.atoms.positions
    clusters = [pairs(points), loops(points, 3)]
    found = reference_interactions(run.host, run.scatterer, run.sites, clusters)
    assert "X3_chirality" in found["three_spin"].coefficients
    for degrees in (10, 30):
        moments = np.array(kkr.tilted(degrees))
        orders = np.asarray(lloyd.series(moments, 4))
        np.testing.assert_allclose(found.energy(moments), orders[1:3].sum(), rtol=1e-10)
    total = kkr.energy("fe2_nosoc").series(moments, 4)
    assert abs(float(total[2])) > 5 * abs(float(total[3]))


def test_third_derivatives_of_iron_have_a_name():
    """Closed form against Taylor series; without spin-orbit coupling a turn by pi forbids them."""
    lloyd, moments = kkr.energy_at_few("fe2_soc"), kkr.run("fe2_soc").reference
    loops = np.array([[0, 1, 4], [2, 1, 0]])
    value, error = third_derivatives(lloyd, moments, loops)
    frame = np.asarray(tangent_frame(jnp.asarray(moments)))
    for row, found in zip(loops.tolist(), np.asarray(value), strict=True):
        exact = rotation_tensor(lloyd.about(jnp.asarray(moments), 3), moments, row)
        ours = np.einsum("xyz,ax,by,cz->abc", found, *(frame[site] for site in row))
        np.testing.assert_allclose(ours, exact, atol=1e-12)
        assert np.abs(found).max() > 1e-5 and not found[2].any() and not found[:, :, 2].any()
    assert error.shape == value.shape
    run = kkr.run("fe2_soc")
    triple = loops[:1]
    named = reference_interactions(run.host, run.scatterer, run.sites, [triple])["three_spin"]
    rotation = named.coefficients["R3"]
    assert rotation.rotation and np.abs(rotation.value).max() == pytest.approx(0.75e-3, rel=0.02)
    plain = kkr.run("fe2_nosoc")
    found, error = third_derivatives(kkr.energy("fe2_nosoc"), plain.reference, loops)
    assert np.all(np.abs(found) <= error) and np.abs(found).max() < 1e-12
    with pytest.raises(InputError, match="`loops` must hold three different sites"):
        third_derivatives(lloyd, moments, np.array([[0, 1, 0]]))


def test_three_spins_go_to_magnopy_and_are_named_where_they_are_lost(tmp_path):
    """Evaluated by magnopy itself."""
    magnopy = pytest.importorskip("magnopy")
    tensor = 0.001 * np.random.default_rng(8).normal(size=(1, 3, 3, 3))
    terms = [Term("scalar_chirality", [[0, 1, 2]], [0.003]), Term("tensor3", [[0, 1, 3]], tensor)]
    terms.append(Term("spin_chiral", [[0, 1, 2, 3]], [[0.001, 0.002, 0.0]]))
    square = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [2, 2, 0]])
    model = SpinModel(terms, positions=square)
    written = export(model, tmp_path, "magnopy_python")
    energy = magnopy.Energy(runpy.run_path(str(written.files[0]))["hamiltonian"])
    for spins in random_spins(9, 3, 4):
        assert energy.E_0(spins) == pytest.approx(1e3 * float(model.energy(spins)), rel=1e-12)
    with pytest.warns(LossWarning, match="scalar_chirality .* spin_chiral .* tensor3"):
        export(model, tmp_path, "spirit")
