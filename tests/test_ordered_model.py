"""The spin model of an ordered magnet: an iron bilayer against JuKKR, rotations and ln det."""

from itertools import combinations_with_replacement

import jax.numpy as jnp
import kkr_runs as kkr
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from msgreen import LloydEnergy, direction, rotation_tensor
from msgreen.config.ordered import Model, matched_model
from msgreen.errors import InputError
from msgreen.exchange.all_orders import reference_derivatives
from msgreen.exchange.matched import (
    COLLINEAR,
    FIELDS,
    FOUR_COLLINEAR,
    SPIN_ORBIT,
    ordered_model,
)
from msgreen.exchange.ordered import dmi_vectors, transverse_exchange
from msgreen.hosts.kkr import cluster_operations
from msgreen.io import jukkr
from msgreen.spin.algebra import tangent_frame
from msgreen.spinmodel import SpinModel, Term, match_derivatives
from msgreen.spinmodel.fitting import Derivatives, all_clusters, tilt_errors


@pytest.fixture(scope="module")
def iron():
    return ordered_model([(kkr.energy("fe2_nosoc"), kkr.Z)], spin_orbit=False)


def test_exchange_is_that_of_jukkr(iron):
    """JuKKR counts every ordered pair with a minus sign: J of the model is minus twice it."""
    term = iron.model["exchange"]
    tables = {n: jukkr.read_jij(kkr.folder("fe2_nosoc") / f"Jij.atom{n:05d}") for n in (2, 3)}
    positions = kkr.run("fe2_nosoc").atoms.positions
    for (i, j), value in zip(term.clusters.sites, np.asarray(term.values), strict=True):
        table = tables[kkr.TYPES[i]]
        shell = np.abs(table.distance - np.linalg.norm(positions[i] - positions[j])) < 1e-6
        shell &= table.partner == kkr.TYPES[j]
        np.testing.assert_allclose(value, -2 * table.J[shell], rtol=1e-7)
    assert iron.rank == 10 + 15 and iron.ambiguities == ()
    assert np.all(np.asarray(iron.model["exchange"].errors) < 0.1 * np.abs(term.values).max())


def test_model_without_spin_orbit_is_isotropic_but_for_the_field(iron):
    """The false anisotropy of coefficients read as those of spins was 0.316 eV here."""
    term = iron.model["exchange"]
    model = SpinModel([term], site_count=5)
    turns = Rotation.random(5, random_state=1)
    moments = np.array(kkr.tilted(40))
    energies = [float(model.energy(turn.apply(moments))) for turn in turns]
    scale = np.abs(np.asarray(term.values)).sum()
    np.testing.assert_allclose(energies, float(model.energy(moments)), atol=1e-12 * scale)
    field = np.asarray(iron.model["field"].values)
    assert np.abs(field[:, :2]).max() < 1e-9 * np.abs(field).max()


def test_energy_error_falls_like_the_fourth_power_of_the_tilt(iron):
    angles = np.radians([4.0, 8.0])
    errors = tilt_errors(iron.model, kkr.energy("fe2_nosoc").energy, kkr.Z, angles, count=6)
    exponent = np.log2(errors.rms[1] / errors.rms[0])
    assert exponent == pytest.approx(4, abs=0.3)
    assert errors.rms[0] < 2e-3 * errors.cost[0]


# --- four spins -------------------------------------------------------------------------------


def exponent(model, lloyd, angles, **options) -> float:
    errors = tilt_errors(
        model, lloyd.energy, kkr.Z, [np.radians(a) for a in angles], count=6, **options
    )
    return float(np.log2(errors.rms[1] / errors.rms[0]))


def test_all_derivatives_are_those_of_differentiation():
    """Words of letters against series along paths."""
    lloyd, reference = kkr.energy_at_few("fe2_soc"), kkr.run("fe2_soc").reference
    found = reference_derivatives(lloyd, reference, 4)
    assert found.orders == (1, 2, 3, 4) and len(found.tensors) == 5 + 15 + 35 + 70
    for sites in [(0,), (0, 4), (1, 1), (0, 0, 4), (0, 1, 2, 4), (1, 1, 1, 1)]:
        exact = np.asarray(
            rotation_tensor(lloyd.about(jnp.asarray(reference), len(sites)), reference, sites)
        )
        np.testing.assert_allclose(found.tensors[sites], exact, atol=1e-12)
    assert np.abs(found.tensors[0, 0, 4]).max() > 1e-4


@pytest.fixture(scope="module")
def four(iron):
    return ordered_model([(kkr.energy("fe2_nosoc"), kkr.Z)], spin_orbit=False, order=4)


def test_energy_error_of_four_spins_falls_like_the_sixth_power(iron, four):
    """Isotropic classes, and those that the frozen surroundings leave, match all derivatives.

    They are all polynomials of two of the products S_i.S_j and S_i.e0: 15 and 120.
    """
    lloyd = kkr.energy("fe2_nosoc")
    assert set(four.model.classes) == set(FOUR_COLLINEAR)
    assert four.rank == 15 + 15 * 16 // 2 and four.ambiguities == ()
    # The symmetry of JuKKR's files leaves 5e-8 in the Green function.
    assert all(four.misfit[n] < 1e-8 * four.largest[4] for n in four.misfit)
    assert exponent(four.model, lloyd, [4.0, 8.0]) == pytest.approx(6, abs=0.3)
    two, better = (
        tilt_errors(found.model, lloyd.energy, kkr.Z, [np.radians(10)], count=6)
        for found in (iron, four)
    )
    assert better.rms[0] < 0.03 * two.rms[0] < 1e-3 * two.cost[0]


def test_lines_for_the_terminal(four):
    table = Model(order=4)
    lloyd = kkr.energy("fe2_nosoc")
    model, lines = matched_model([(lloyd, kkr.Z)], None, table, spin_orbit=False)
    np.testing.assert_allclose(model["exchange"].values, four.model["exchange"].values, rtol=1e-12)
    assert "two_site_field" in lines[1] and "135 parameters determined, 0 that" in lines[1]
    assert [line.split()[0] for line in lines[-4:]] == ["5.0", "10.0", "20.0", "40.0"]


def test_surroundings_are_needed(four):
    """Without the terms that contain e0 fourth derivatives are missed; with none of them, much."""
    lloyd = kkr.energy("fe2_nosoc")
    for left_out in ("two_site_field", "three_site_field", "anisotropic_exchange", "anisotropy"):
        classes = [name for name in FOUR_COLLINEAR if name != left_out]
        less = ordered_model([(lloyd, kkr.Z)], spin_orbit=False, order=4, classes=classes)
        assert less.misfit[4] > 1e4 * four.misfit[4], left_out
    free = SpinModel(
        [four.model[n] for n in FOUR_COLLINEAR if n not in FIELDS and "aniso" not in n]
    )
    moments = np.array(kkr.tilted(40))
    energies = [float(free.energy(r.apply(moments))) for r in Rotation.random(5, random_state=1)]
    scale = sum(np.abs(np.asarray(t.values)).sum() for t in free.terms)
    np.testing.assert_allclose(energies, float(free.energy(moments)), atol=1e-12 * scale)


def parts_of_error(model, lloyd, moving, angle: float) -> np.ndarray:
    """Largest odd and even part, in the tilt, of the error of the energy."""
    azimuth = np.random.default_rng(3).uniform(0, 2 * np.pi, (6, len(moving)))
    tilt = np.array([1, -1])[:, None, None] * np.radians(angle)
    spins = np.tile(kkr.Z, (2, 6, 1, 1))
    spins[:, :, moving] = direction(np.broadcast_to(tilt, (2, *azimuth.shape)), azimuth)
    wrong = np.asarray(model.energy(spins)) - np.asarray(lloyd(spins))
    wrong -= float(model.energy(kkr.Z))
    return np.abs([wrong[0] - wrong[1], wrong[0] + wrong[1]]).max(axis=1) / 2


def test_energy_error_with_spin_orbit_falls_like_the_third_and_fifth_power():
    """Full tensors of three moments, the other two among the frozen surroundings.

    In iron the odd orders are so small that the even ones are larger from some degrees on.
    """
    lloyd, moving = kkr.energy("fe2_soc"), (0, 1, 4)
    known = reference_derivatives(lloyd, kkr.Z, 4)
    record = known.of([sites for sites in known.tensors if set(sites) <= set(moving)])
    rows = {n: list(combinations_with_replacement(moving, n)) for n in (2, 3, 4)}
    terms = [Term("field", [[site] for site in moving], np.zeros((3, 3)))]
    terms += [Term(f"tensor{n}", r, np.zeros((len(r), *(3,) * n))) for n, r in rows.items()]
    for order in (2, 4):
        template = SpinModel(terms[:order], site_count=5)
        found = match_derivatives(template, [record.up_to(order)])
        assert max(found.misfit.values()) < 1e-12
        small, large = (parts_of_error(found.model, lloyd, moving, a) for a in (4.0, 8.0))
        assert np.log2(large / small) == pytest.approx([order + 1, order + 2], abs=0.3)


def test_four_spins_with_spin_orbit_miss_its_second_order():
    """Classes of first order in spin-orbit coupling: what they miss is small against the rest."""
    lloyd = kkr.energy("fe2_soc")
    found = ordered_model([(lloyd, kkr.Z)], spin_orbit=True, order=4)
    assert found.misfit[4] < 1e-3 * found.largest[4] and found.misfit[3] < 2e-3 * found.largest[3]
    two = ordered_model([(lloyd, kkr.Z)], spin_orbit=True)
    errors = [
        tilt_errors(m.model, lloyd.energy, kkr.Z, [np.radians(5)], count=6) for m in (two, found)
    ]
    assert errors[1].rms[0] < 0.03 * errors[0].rms[0]


# --- spin-orbit coupling ----------------------------------------------------------------------


def test_model_with_spin_orbit_has_the_transverse_exchange():
    lloyd, reference = kkr.energy("fe2_soc"), kkr.run("fe2_soc").reference
    found = ordered_model([(lloyd, reference)], spin_orbit=True)
    assert found.model.classes == SPIN_ORBIT and COLLINEAR == SPIN_ORBIT[:2]
    terms = {name: np.asarray(found.model[name].values) for name in SPIN_ORBIT[1:]}
    bonds = found.model["exchange"].clusters.sites
    exact = transverse_exchange(lloyd, reference, bonds).value
    eye = np.eye(3)
    tensors = terms["exchange"][:, None, None] * eye + terms["anisotropic_exchange"]
    straight = (tensors[:, 0, 0] + tensors[:, 1, 1]) / 2
    np.testing.assert_allclose(straight, -2 * np.asarray(exact.J), atol=1e-10)
    np.testing.assert_allclose(
        terms["dzyaloshinskii_moriya"][:, 2], -2 * np.asarray(exact.D), atol=1e-10
    )
    np.testing.assert_allclose(
        (tensors[:, 0, 0] - tensors[:, 1, 1]) / 2, -2 * np.asarray(exact.S), atol=1e-10
    )
    np.testing.assert_allclose(tensors[:, 0, 1], -2 * np.asarray(exact.A), atol=1e-10)
    unseen = {name.split()[0] for row in found.ambiguities for name in row}
    assert "dzyaloshinskii_moriya" in unseen
    # Another reference sees the component along its moments.
    other = LloydEnergy(kkr.host_y(), kkr.run("fe2_soc").scatterer.about(kkr.Y), lloyd_sites())
    two = ordered_model([(lloyd, reference), (other, kkr.Y)], spin_orbit=True)
    assert two.rank > found.rank and "anisotropy" in two.model.classes


def turned(record: Derivatives, matrix, images) -> Derivatives:
    """The derivatives at the state that an operation of the crystal makes of a reference."""
    directions = np.empty_like(record.directions)
    directions[images] = record.directions @ matrix.T
    old, new = (np.asarray(tangent_frame(jnp.asarray(d))) for d in (record.directions, directions))
    change = np.einsum("iax,xy,iby->iab", new[images], matrix, old)
    tensors = {}
    for sites, block in record.tensors.items():
        for axis, site in enumerate(sites):
            block = np.moveaxis(np.tensordot(change[site], block, (1, axis)), 0, axis)
        there = np.array([images[site] for site in sites])
        order = np.argsort(there, kind="stable")
        tensors[tuple(map(int, there[order]))] = np.transpose(block, order)
    return Derivatives(directions, tensors)


def test_vectors_of_three_references_are_those_along_the_moments():
    """Moments along z, along y, and along x by the fourfold axis.

    The fields of the surroundings turn with the reference: what a torque says belongs to them.
    """
    run = kkr.run("fe2_soc")
    along_y = kkr.host_y(), run.scatterer.about(jnp.asarray(kkr.Y)), kkr.Y
    known = (run.host, run.scatterer, kkr.Z), along_y
    lloyds = [LloydEnergy(host, t, run.sites) for host, t, _ in known]
    records = [reference_derivatives(e, d) for e, (*_, d) in zip(lloyds, known, strict=True)]
    operations = cluster_operations(run.host, run.atoms.positions, run.reference)
    quarter = next(o for o in operations if np.allclose(o.matrix @ [0, 1, 0], [1, 0, 0]))
    records.append(turned(records[1], quarter.matrix, quarter.images))
    assert np.allclose(records[2].directions, [1, 0, 0])
    template = all_clusters(5, (*SPIN_ORBIT, "anisotropy"))
    found = match_derivatives(template, records, own=FIELDS)
    term = found.model["dzyaloshinskii_moriya"]
    pairs = term.clusters.sites
    along = [
        -2 * np.asarray(transverse_exchange(e, d, pairs).value.D)
        for e, (*_, d) in zip(lloyds, known, strict=True)
    ]
    axes = np.stack([kkr.Z[0], kkr.Y[0]])
    vectors, _ = dmi_vectors(pairs, axes, np.stack(along), [o[:2] for o in operations])
    assert np.abs(vectors).max() > 1e-3
    np.testing.assert_allclose(term.values, vectors, atol=1e-8 * np.abs(vectors).max())
    unseen = {name.split()[0] for row in found.ambiguities for name in row}
    assert "dzyaloshinskii_moriya" not in unseen


def lloyd_sites():
    return kkr.run("fe2_soc").sites


def test_errors_follow_the_contour_and_bad_input_is_refused():
    known = reference_derivatives(kkr.energy("fe2_nosoc"), kkr.Z, order=1)
    assert known.errors is not None and set(known.errors) == {(n,) for n in range(5)}
    few = reference_derivatives(kkr.energy_at_few("fe2_nosoc"), kkr.Z, order=1)
    assert few.errors is None
    with pytest.raises(InputError, match="`references` must hold one state at least"):
        ordered_model([], spin_orbit=True)
    lloyd = kkr.energy_at_few("fe2_nosoc")
    with pytest.raises(InputError, match="`order` must be 2 or 4"):
        ordered_model([(lloyd, kkr.Z)], spin_orbit=False, order=3)
    with pytest.raises(InputError, match="`references` must hold collinear moments"):
        ordered_model([(lloyd, kkr.tilted(20))], spin_orbit=False, order=4)
    with pytest.raises(InputError, match="`order` must be at least 1"):
        reference_derivatives(lloyd, kkr.Z, 0)
