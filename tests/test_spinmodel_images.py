"""Images of terms under a group, and the symmetry of interactions that were computed."""

import jax.numpy as jnp
import numpy as np
import pytest

from msgreen import ContactCoupling, RashbaGas, compute_interactions
from msgreen.clusters import contracted_loops, pairs
from msgreen.spinmodel import Term, cluster_symmetry, from_interactions
from msgreen.spinmodel.symmetry import complete, point_group, residual
from msgreen.spinmodel.symmetry.images import (
    Images,
    Relabellings,
    carry,
    carry_values,
    relabellings,
    sum_by,
    term_of,
)

TRIMER = 6.0 * np.array([[-0.5, -np.sqrt(1 / 12)], [0.5, -np.sqrt(1 / 12)], [0.0, np.sqrt(1 / 3)]])


def test_images_of_a_bond():
    """Two operations of three map the bond onto itself, in either order of its sites."""
    symmetry = cluster_symmetry(TRIMER, point_group("C3v"))
    term = Term("dzyaloshinskii_moriya", [[0, 1]], [[0.0, 1.0, 2.0]])
    images = carry(term.clusters, term.name, symmetry)
    assert isinstance(images, Images)
    assert images.rows[:, :, 0].tolist() == symmetry.permutations[:, [0, 1]].tolist()
    assert np.bincount(images.key).tolist() == [2, 2, 2]
    values = carry_values(term.name, np.asarray(term.values), symmetry.rotations, images.same)
    table = relabellings(term.name)
    assert isinstance(table, Relabellings)
    mean = sum_by(images.key, values, 3) / 2
    again = term_of(term.name, images, mean)
    full = complete(term, symmetry)
    assert again.clusters == full.clusters
    np.testing.assert_allclose(again.values, full.values, atol=1e-15)


@pytest.mark.slow
def test_computed_interactions_have_the_symmetry_of_the_cluster():
    """A trimer on a Rashba gas is C3v to rounding; the gas breaks the mirror of the plane."""
    gas = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.02)
    sites = jnp.asarray(TRIMER)
    loops = [contracted_loops(sites, kind) for kind in ("biquadratic", "three_site")]
    found = compute_interactions(gas, ContactCoupling(1.0), sites, [pairs(sites), *loops])
    model = from_interactions(found)
    vertical = residual(model, cluster_symmetry(TRIMER, point_group("C3v")))
    assert set(vertical) == {"exchange", "dzyaloshinskii_moriya", "anisotropic_exchange", "tensor4"}
    for broken in vertical.values():
        assert broken.largest < 1e-13 * broken.scale
    flat = residual(model, cluster_symmetry(TRIMER, point_group("D3h")))
    assert flat["exchange"].largest < 1e-13 * flat["exchange"].scale
    assert flat["dzyaloshinskii_moriya"].rms == pytest.approx(flat["dzyaloshinskii_moriya"].scale)
    assert flat["tensor4"].rms > 0.1 * flat["tensor4"].scale
