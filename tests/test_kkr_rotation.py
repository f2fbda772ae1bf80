"""Derivatives of high order of the bilayer's energy under rotations, to sixth order.

The yardstick knows nothing of determinants or polarisation: by the chain rule the mixed derivative
is a sum over the ways to gather the rotations of one site into derivatives of its t-matrix, and
over the cyclic orders of these around a loop of Green functions.
"""

from itertools import permutations

import jax
import jax.numpy as jnp
import kkr_runs as kkr
import numpy as np
import pytest

from msgreen import (
    LloydEnergy,
    closed_hessian,
    closed_rotation_tensor,
    rotation_tensor,
    user_contour,
)
from msgreen.errors import InputError
from msgreen.hosts.kkr import KKRHost
from msgreen.scattering.tmatrix import TMatrix
from msgreen.spin.algebra import rotate, tangent_frame


def part(name: str, sites, chosen=(12, 28)) -> LloydEnergy:
    """Some of the five atoms, the others held fixed, at some of the energies."""
    run, rows, few = kkr.run(name), np.array(sites), np.array(chosen)
    path = user_contour(run.contour.nodes[few], run.contour.weights[few])
    host = KKRHost(run.host.green[few][:, rows][:, :, :, rows], path)
    t = run.scatterer
    scatterer = TMatrix(t.energies[few], t.coefficients[few][:, rows], t.reference[rows])
    return LloydEnergy(host, scatterer, host.sites)


def gatherings(slots):
    """All ways to gather slots into groups."""
    if not slots:
        yield []
        return
    first, *rest = slots
    for groups in gatherings(rest):
        yield [[first], *groups]
        for n in range(len(groups)):
            yield [*groups[:n], [first, *groups[n]], *groups[n + 1 :]]


def by_chain_rule(lloyd, moments, sites, vectors) -> float:
    """d^N E along one tangent vector per entry of `sites`."""
    frame, z = tangent_frame(moments), lloyd.path.nodes
    green = np.asarray(lloyd.dressed_green(moments))

    def slope(group):
        """Mixed derivative of the t-matrix of one site."""
        site = sites[group[0]]

        def nested(u):
            spins = rotate(moments, frame, u, len(group))
            return lloyd.scatterer.potential(z, spins)[:, site]

        for m in group:
            step = jnp.zeros((len(moments), 2)).at[site].set(vectors[m])
            nested = (lambda f, s: lambda u: jax.jvp(f, (u,), (s,))[1])(nested, step)
        return np.asarray(nested(jnp.zeros((len(moments), 2))))

    slopes, total = {}, 0
    for groups in gatherings(list(range(len(sites)))):
        if any(len({sites[m] for m in group}) > 1 for group in groups):
            continue
        for group in map(tuple, groups):
            if group not in slopes:
                slopes[group] = sites[group[0]], slope(group)
        first, *others = (slopes[tuple(group)] for group in groups)
        for order in permutations(others):
            loop = (first, *order)
            product = np.eye(green.shape[2])
            for (here, v), (there, _) in zip(loop, (*order, first), strict=True):
                product = product @ v @ green[:, here, :, there]
            total = total + np.trace(product, axis1=1, axis2=2)
    return -float(lloyd.path.integrate(total)[0])


CASES = [
    ("fe2_nosoc", (0, 1, 2, 0), 1),
    ("fe2_nosoc", (0, 1, 2, 0, 1, 2), 1),
    ("fe2_soc", (0, 1, 2, 0), 1),
    ("fe2_soc", (2, 2, 0, 1), 2),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sites", "seed"), CASES)
def test_autodiff_about_the_ferromagnet_is_the_chain_rule(name, sites, seed):
    """Two atoms of the square and the apex; sites that recur test curved t-matrices."""
    lloyd = part(name, (0, 1, 4)[: 1 + max(sites)])
    moments = jnp.asarray(kkr.Z[: lloyd.count])
    vectors = np.random.default_rng(seed).normal(size=(len(sites), 2))
    tensor = np.asarray(rotation_tensor(lloyd.about(moments, len(sites)), moments, sites))
    found = tensor
    for vector in vectors:
        found = np.tensordot(vector, found, 1)
    expected = by_chain_rule(lloyd, moments, sites, vectors)
    scale = np.abs(tensor).max() * np.prod(np.linalg.norm(vectors, axis=1))
    assert abs(expected) > 1e-3 * scale
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * scale)


@pytest.mark.parametrize("name", ["fe2_nosoc", "fe2_soc"])
def test_ring_of_four_from_autodiff_is_the_closed_form(name):
    lloyd, sites = part(name, (0, 1, 2, 4)), (0, 3, 1, 2)
    moments = jnp.asarray(kkr.Z[:4])
    found = rotation_tensor(lloyd.about(moments, 4), moments, sites)
    closed = np.asarray(closed_rotation_tensor(lloyd, moments, sites).value)
    np.testing.assert_allclose(found, closed, rtol=0, atol=1e-11 * np.abs(closed).max())


def test_ring_of_four_is_the_second_difference_of_exchange():
    """With spin-orbit coupling: the pair 0-1 in closed form while atoms 2 and 3 are turned."""
    lloyd = part("fe2_soc", (0, 1, 2, 4))
    moments, frame = jnp.asarray(kkr.Z[:4]), tangent_frame(kkr.Z[:4])

    def difference(step):
        total = 0
        for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            tangent = jnp.zeros((4, 2)).at[2, 0].set(a * step).at[3, 1].set(b * step)
            pair = closed_hessian(lloyd, rotate(moments, frame, tangent)).value[0, :, 1]
            total = total + a * b * np.asarray(pair)
        return total / (4 * step**2)

    coarse, fine = difference(0.1), difference(0.05)
    expected = (4 * fine - coarse) / 3
    found = np.asarray(rotation_tensor(lloyd.about(moments, 4), moments, (0, 1, 2, 3)))
    np.testing.assert_allclose(found[:, :, 0, 1], expected, atol=2e-4 * np.abs(found).max())


def test_expansions_about_another_reference_are_refused():
    lloyd = part("fe2_nosoc", (0, 4))
    moments = jnp.asarray(kkr.Z[:2])
    with pytest.raises(InputError, match="at least order 4"):
        rotation_tensor(lloyd.about(moments, 3), moments, (0, 1, 0, 1))
    with pytest.raises(InputError, match="must be the reference"):
        rotation_tensor(lloyd.about(moments, 2), kkr.tilted(10)[:2], (0, 1))


def test_error_of_the_closed_hessian_is_known_for_the_energies_of_a_run():
    value, error = closed_hessian(kkr.energy("fe2_nosoc"), kkr.Z)
    pair = np.asarray(value)[0, 0, 4, 0], np.asarray(error)[0, 0, 4, 0]
    assert 1e-3 < pair[1] / abs(pair[0]) < 0.02
    _, unknown = closed_hessian(part("fe2_nosoc", (0, 4)), jnp.asarray(kkr.Z[:2]))
    assert np.isnan(unknown).all()
