"""Named coefficients of the bilayer: with spin-orbit coupling they follow the exact tensors."""

from functools import cache

import kkr_runs as kkr
import numpy as np
import pytest

from msgreen import LOUNIS, coefficients, contracted_loops, loop_tensors, loops, pairs
from msgreen.clusters import multiplicity
from msgreen.exchange.ordered import (
    difference,
    reference_interactions,
    transverse_exchange,
    with_differences,
)
from msgreen.spin.algebra import spin_form
from msgreen.spinmodel.interactions import Interactions
from msgreen.units import MEV

POSITIONS = kkr.run("fe2_soc").atoms.positions
CLUSTERS = {
    "pair": pairs(POSITIONS),
    "four_site": loops(POSITIONS, 4)[:4],
    "biquadratic": contracted_loops(POSITIONS, "biquadratic")[:4],
}


@cache
def interactions(name: str) -> Interactions:
    run = kkr.run(name)
    return reference_interactions(run.host, run.scatterer, run.sites, list(CLUSTERS.values()))


@cache
def tensors(name: str, kind: str, rigid: bool) -> np.ndarray:
    run = kkr.run(name)
    scatterer = run.scatterer.spin_splitting() if rigid else run.scatterer
    return np.asarray(loop_tensors(run.host, scatterer, run.contour, run.sites, CLUSTERS[kind])[0])


@cache
def closed(name: str, kind: str) -> dict[str, np.ndarray]:
    """Coefficients of paper L with t = Delta, per cluster instead of per ordered set of sites."""
    run, rows = kkr.run(name), CLUSTERS[kind]
    named = coefficients(run.host, run.scatterer.spin_splitting(), run.contour, run.sites, rows)
    factor = LOUNIS.factor(rows.shape[1], len(set(rows[0].tolist())), multiplicity(rows))
    return {n: np.asarray(c.scaled(factor).value) for n, c in named.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLUSTERS)
def test_without_spin_orbit_they_are_those_of_paper_L(kind):
    named, expected = interactions("fe2_nosoc")[kind].coefficients, closed("fe2_nosoc", kind)
    for name, value in expected.items():
        np.testing.assert_allclose(named[name].value, value, rtol=1e-13, atol=1e-17)


@pytest.mark.parametrize("name", ["fe2_nosoc", "fe2_soc"])
def test_coefficients_of_pairs_are_the_whole_tensor(name):
    named = interactions(name)["pair"].coefficients
    antisymmetric = np.einsum("pk,kab->pab", named["D"].value, LEVI_CIVITA)
    isotropic = named["J_iso"].value[:, None, None] * np.eye(3)
    total = isotropic + named["J_ani"].value + antisymmetric
    expected = tensors(name, "pair", False)
    np.testing.assert_allclose(total, expected, atol=1e-14 * np.abs(expected).max())


LEVI_CIVITA = np.cross(np.eye(3)[:, None], np.eye(3)[None]).transpose(2, 0, 1)


@pytest.mark.parametrize("kind", ["four_site", "biquadratic"])
def test_four_spin_coefficients_take_all_of_their_form_from_the_tensor(kind):
    """Of the energies of all moments along x, y or z, what is left is orthogonal to the forms."""
    named, rigid = interactions("fe2_soc")[kind].coefficients, closed("fe2_soc", kind)
    beyond = tensors("fe2_soc", kind, False) - tensors("fe2_soc", kind, True)
    columns = list(np.eye(3)[np.indices((3, 3, 3, 3)).reshape(4, -1)])
    forms = [np.asarray(spin_form(columns))]
    added = [(named["B4_iso"].value - rigid["B4_iso"])[:, None]]
    for leg in range(4):
        forms.extend(np.asarray(spin_form(columns, (leg,))).T)
        added.append((named["C4_chiral"].value - rigid["C4_chiral"])[:, leg])
    design = np.stack(forms, axis=1)
    energy = np.einsum("pabcd,na,nb,nc,nd->np", beyond, *columns, optimize=True)
    fitted = np.linalg.lstsq(design, energy, rcond=None)[0].T
    expected = np.concatenate(added, axis=1)
    np.testing.assert_allclose(fitted, expected, atol=1e-10 * np.abs(expected).max())


def test_size_of_the_correction():
    """Small for isotropic coefficients, as large as the whole for chiral ones."""
    pair, rigid = interactions("fe2_soc")["pair"].coefficients, closed("fe2_soc", "pair")
    change = np.abs(pair["J_iso"].value - rigid["J_iso"]) / np.abs(rigid["J_iso"]).max()
    assert 1e-3 < change.max() < 1e-2
    four, rigid = interactions("fe2_soc")["four_site"].coefficients, closed("fe2_soc", "four_site")
    change = np.abs(four["B4_iso"].value - rigid["B4_iso"]).max() / np.abs(rigid["B4_iso"]).max()
    assert 0.01 < change < 0.03
    change = np.abs(four["C4_chiral"].value - rigid["C4_chiral"]).max()
    assert 0.03 * MEV < change < 0.06 * MEV
    assert change > 0.5 * np.abs(rigid["C4_chiral"]).max()


@pytest.mark.parametrize("name", ["fe2_nosoc", "fe2_soc"])
def test_every_number_has_an_error(name):
    for terms in interactions(name).terms:
        for coefficient in (*terms.coefficients.values(), terms.tensor):
            error = np.asarray(coefficient.error)
            assert np.all(np.isfinite(error)) and np.all(error >= 0)
            assert error.max() < 0.1 * np.abs(terms.tensor.value).max()


def test_error_of_exchange_does_not_depend_on_the_frame():
    lloyd, bonds = kkr.energy("fe2_nosoc"), CLUSTERS["pair"]
    _, error = transverse_exchange(lloyd, kkr.Z, bonds)
    named = interactions("fe2_nosoc")["pair"].coefficients
    np.testing.assert_allclose(named["J"].error, 2 * np.asarray(error.J))
    np.testing.assert_allclose(error.J, error.S)
    assert np.all(np.asarray(error.J) > 0)


def test_differences_of_other_t_matrices_are_errors():
    """Twice the difference of every number, of tensors too, and no less than that of its kind."""
    run, chosen = kkr.run("fe2_soc"), [CLUSTERS["pair"][:2]]
    sets = [
        reference_interactions(run.host, t, run.sites, chosen)
        for t in (run.scatterer, kkr.supplied("z"))
    ]
    doubted = with_differences(sets[0], sets[1:])
    for name in ("J", "D_along", "J_iso"):
        one, two, found = (s["pair"].coefficients[name] for s in (*sets, doubted))
        added = np.asarray(found.error) - np.asarray(one.error)
        change = np.abs(np.asarray(one.value) - np.asarray(two.value))
        assert np.all(added >= 2 * change * (1 - 1e-9)), name
        np.testing.assert_array_equal(found.value, one.value)
    tensor, before = doubted["pair"].tensor, sets[0]["pair"].tensor
    assert tensor is not None and before is not None and np.all(tensor.error >= before.error)
    assert difference(np.array([1.0, 0.0]), []).tolist() == [0.0, 0.0]
    np.testing.assert_allclose(difference(np.array([3.0, 4.0]), [np.array([3.0, 5.0])]), [1.2, 2.0])
