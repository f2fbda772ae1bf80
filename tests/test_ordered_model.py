"""The spin model of an ordered magnet: an iron bilayer against JuKKR, rotations and ln det."""

import kkr_runs as kkr
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from msgreen import LloydEnergy
from msgreen.errors import InputError
from msgreen.exchange.matched import COLLINEAR, SPIN_ORBIT, ordered_model, reference_derivatives
from msgreen.exchange.ordered import transverse_exchange
from msgreen.io import jukkr
from msgreen.spinmodel import SpinModel, tilt_errors


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


def test_model_with_spin_orbit_has_the_transverse_exchange():
    lloyd, reference = kkr.energy("fe2_soc"), kkr.run("fe2_soc").reference
    found = ordered_model([(lloyd, reference)], spin_orbit=True)
    assert found.model.classes == SPIN_ORBIT and COLLINEAR == SPIN_ORBIT[:2]
    terms = {name: np.asarray(found.model[name].values) for name in SPIN_ORBIT[1:]}
    bonds = found.model["exchange"].clusters.sites
    exact = transverse_exchange(lloyd, reference, bonds)
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


def lloyd_sites():
    return kkr.run("fe2_soc").sites


def test_errors_follow_the_contour_and_bad_input_is_refused():
    known = reference_derivatives(kkr.energy("fe2_nosoc"), kkr.Z, order=1)
    assert known.errors is not None and set(known.errors) == {(n,) for n in range(5)}
    few = reference_derivatives(kkr.energy_at_few("fe2_nosoc"), kkr.Z, order=1)
    assert few.errors is None
    with pytest.raises(InputError, match="`references` must hold one state at least"):
        ordered_model([], spin_orbit=True)
