import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from lattices import SQUARE, dense_matrix

from msgreen import ContactCoupling, LloydEnergy, closed_hessian, hessian, loop_tensors
from msgreen.errors import InputError
from msgreen.hosts.base import check_pairs, level_contour, site_count
from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.hosts.tight_binding import TightBinding
from msgreen.lattice import Lattice, Region, shell_model
from msgreen.scattering.contact import AbstractScatterer
from msgreen.spin.algebra import SIGMA

MEV = 1e-3


class RigidRotation(AbstractScatterer):
    """b (e - e0).sigma: a moment of the host that is turned away from e0."""

    field: jnp.ndarray
    reference: jnp.ndarray

    def potential(self, z, directions):
        turned = (directions - self.reference).astype(complex)
        matrix = self.field.astype(complex) * jnp.einsum("ik,kst->ist", turned, SIGMA)
        return jnp.broadcast_to(matrix, (len(z), *matrix.shape))

    def vertex(self, z, count):
        vertex = self.field.astype(complex) * jnp.asarray(SIGMA)
        return jnp.broadcast_to(vertex, (len(z), count, 3, 2, 2))


def ferromagnet(**options):
    """Square lattice, t = -0.1 eV, splitting 1 eV, half filling: an insulator with gap 0.1 eV."""
    model = shell_model(SQUARE, [-0.1], exchange=[0.0, 0.0, -0.5])
    return TightBinding(model, gap=0.0999, **options)


SITES = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [2, 0, 0]])
PUBLISHED = np.array([16.152869, -2.677643, -0.899684]) * MEV


def test_exchange_of_the_square_ferromagnet():
    """Pair energies for unit vectors: closed form, autodiff and the traces of loops agree."""
    host, up = ferromagnet(), jnp.tile(jnp.array([0.0, 0.0, 1.0]), (4, 1))
    energy = LloydEnergy(host, RigidRotation(jnp.array(-0.5), up), SITES)
    closed = closed_hessian(energy, up).value
    np.testing.assert_allclose(closed[0, 0, 1:, 0], PUBLISHED, atol=5e-10)
    np.testing.assert_allclose(closed[0, 1, 1:, 1], PUBLISHED, atol=5e-10)
    np.testing.assert_allclose(closed[0, 0, 1:, 1], 0, atol=1e-15)
    np.testing.assert_allclose(hessian(energy.energy, up), closed, atol=1e-13)
    pairs = [[0, 1], [0, 2], [0, 3]]
    contour = host.contour(SITES)
    tensor, _ = loop_tensors(host, ContactCoupling(-0.5), contour, SITES, pairs)
    np.testing.assert_allclose(tensor[:, 0, 0], PUBLISHED, atol=5e-10)


def test_exchange_agrees_with_finite_rotations():
    """Two moments of a small ferromagnetic torus are turned by a finite angle."""
    region = Region(SQUARE, (4, 4), True)
    model = shell_model(SQUARE, [-0.1], exchange=[0.0, 0.0, -0.5])
    host = FiniteLattice(model, region, gap=0.0999)
    sites = np.array([[0, 0, 0], [1, 0, 0]])
    up = jnp.tile(jnp.array([0.0, 0.0, 1.0]), (2, 1))
    energy = LloydEnergy(host, RigidRotation(jnp.array(-0.5), up), sites)
    turned = np.array([[np.sin(0.7), 0, np.cos(0.7)], [0, np.sin(-0.4), np.cos(0.4)]])
    matrix, names = dense_matrix(model, region)
    levels = [np.linalg.eigvalsh(matrix)]
    for site, change in zip(sites, turned - np.asarray(up), strict=True):
        at = 2 * names.index(tuple(site))
        matrix[at : at + 2, at : at + 2] += -0.5 * np.tensordot(change, SIGMA, 1)
    levels.append(np.linalg.eigvalsh(matrix))
    expected = np.minimum(levels[1], 0).sum() - np.minimum(levels[0], 0).sum()
    np.testing.assert_allclose(energy.energy(jnp.asarray(turned)), expected, atol=1e-11)


@pytest.mark.parametrize("z", [0.5j, 0.7 + 0.4j])
def test_square_lattice_green_function_is_elliptic(z):
    """G_00 = 2 K(4 / z) / (pi z) for t = 1 (K of the modulus)."""
    host = TightBinding(shell_model(SQUARE, [-1.0]), temperature=0.1)
    found, error = host.with_error(jnp.array([z]), [[0, 0, 0]], [[0, 0]])
    expected = complex(2 * mp.ellipk((4 / mp.mpc(z)) ** 2) / (mp.pi * z))
    np.testing.assert_allclose(found[0, 0, 0, 0], expected, atol=1e-9)
    assert abs(complex(found[0, 0, 0, 0]) - expected) <= error[0, 0, 0, 0] + 1e-15


@pytest.mark.parametrize("mesh", [8, 16, 32, 64])
def test_mesh_error_estimate_is_honest(mesh):
    """Chain: G_R = -i exp(i k R) / (2 t sin k), 2 t cos k = -z."""
    host = TightBinding(shell_model(Lattice.chain(), [-1.0]), temperature=0.1, mesh=mesh)
    z = jnp.array([0.1j, 0.3 + 0.2j, 1j])
    k = np.arccos(-np.asarray(z) / 2)
    k = np.where(k.imag < 0, -k, k)
    found, error = host.with_error(z, [[0, 0], [2, 0]], [[0, 0], [0, 1]])
    exact = np.stack([-1j / (2 * np.sin(k)), -1j * np.exp(2j * k) / (2 * np.sin(k))], axis=1)
    actual, error = np.abs(found[:, :, 0, 0] - exact).max(axis=1), error[:, 0, 0, 0]
    assert np.all(actual <= error + 1e-15)
    assert np.all(error <= 1e4 * actual + 1e-9)


def test_far_from_the_axis_few_points_suffice():
    host = ferromagnet()
    meshes = host.converged_mesh(np.array([0.05j, 0.2j, 2j]), SITES)
    assert list(meshes) == sorted(meshes, reverse=True) and meshes[0] > meshes[-1]


def test_infinite_lattice_is_the_limit_of_a_torus():
    model = shell_model(SQUARE, [-1.0], rashba=0.2, exchange=[0.0, 0.0, 0.4])
    infinite = TightBinding(model, temperature=0.1)
    torus = FiniteLattice(model, Region(SQUARE, (64, 64), True), temperature=0.1)
    z, pairs = jnp.array([1.0j]), np.array([[0, 1], [2, 3]])
    found, expected = infinite.blocks(z, SITES, pairs), torus.blocks(z, SITES, pairs)
    np.testing.assert_allclose(found.A, expected.A, atol=1e-9)
    np.testing.assert_allclose(found.B, expected.B, atol=1e-9)


def test_pairs_are_rows_of_sites():
    assert check_pairs([[0, 1]], site_count(SITES)).shape == (1, 2)
    with pytest.raises(InputError, match="from 0 to 3"):
        check_pairs([[0, 4]], site_count(SITES))
    with pytest.raises(InputError, match="int array"):
        check_pairs([0, 1], 2)


def test_contour_of_a_bounded_spectrum():
    """Poles of the Fermi function at a temperature; otherwise a gap without levels in it."""
    warm = level_contour(0.3, 2.0, 0.1, None, lambda low, high: True)
    cold = level_contour(0.3, 2.0, 0.0, 0.1, lambda low, high: False)
    for contour in (warm, cold):
        np.testing.assert_allclose(contour.nodes.real, 0.3)
    with pytest.raises(InputError, match="levels between 0.2 and 0.4 eV"):
        level_contour(0.3, 2.0, 0.0, 0.1, lambda low, high: True)


def test_gradient_with_respect_to_the_hopping():
    z = jnp.array([0.3j])

    def onsite(t):
        host = TightBinding(shell_model(SQUARE, [t]), temperature=0.1, mesh=64)
        return host.blocks(z, [[0, 0, 0]], np.array([[0, 0]])).A[0, 0, 0, 0].imag

    step = 1e-5
    difference = (onsite(-1.0 + step) - onsite(-1.0 - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(onsite)(-1.0), difference, rtol=1e-6)


def test_bad_input():
    model = shell_model(SQUARE, [-1.0])
    with pytest.raises(InputError, match="even number"):
        TightBinding(model, mesh=15)
    with pytest.raises(InputError, match="`gap` must be given at zero temperature"):
        TightBinding(model).contour(SITES)
    with pytest.raises(InputError, match="host has levels between"):
        TightBinding(model, gap=0.1).contour(SITES)
    with pytest.raises(InputError, match="Use FiniteLattice"):
        TightBinding(model.with_local(np.zeros((2, 2, 1))))
    with pytest.raises(InputError, match="converged_mesh"):
        host = TightBinding(model, temperature=0.1)
        jax.jit(lambda z: host.blocks(z, SITES, np.array([[0, 0]])).A)(jnp.array([1j]))
    with pytest.raises(InputError, match="farther from the levels"):
        cubic = TightBinding(shell_model(Lattice.cubic(), [-1.0]), temperature=0.1)
        cubic.blocks(jnp.array([1e-5j]), [[0, 0, 0, 0]], [[0, 0]])
    with pytest.raises(InputError, match="`temperature` must not be negative"):
        TightBinding(model, temperature=-1.0)
