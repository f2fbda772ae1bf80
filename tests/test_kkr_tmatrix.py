"""Harmonics, t-matrices as functions of the direction, and the KKR host."""

import equinox as eqx
import jax
import jax.numpy as jnp
import kkr_runs as kkr
import numpy as np
import pytest
from scipy.special import sph_harm_y

from msgreen import user_contour
from msgreen.errors import InputError
from msgreen.hosts.kkr import (
    ClusterOperation,
    KKRHost,
    cluster_operations,
    replace_atoms,
    symmetrize,
)
from msgreen.scattering.interpolation import (
    Interpolation,
    interpolated_tmatrix,
    site_operations,
)
from msgreen.scattering.tmatrix import SpinSplitting, TMatrix, collinear_tmatrix, linear_tmatrix
from msgreen.spin.algebra import SIGMA, direction
from msgreen.spin.harmonics import (
    axial_image,
    crystal_operations,
    harmonic_count,
    orbital_representation,
    solid_harmonics,
    spin_representation,
    spinor_representation,
    time_reversed,
)

FOURFOLD = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
MIRROR = np.diag([-1.0, 1, 1])


# --- harmonics ----------------------------------------------------------------------------------


def test_harmonics_are_those_of_scipy():
    theta, phi = np.array([0.3, 1.2, 2.9]), np.array([0.1, 4.0, -1.3])
    found = solid_harmonics(np.asarray(direction(theta, phi)), 4)
    column = 0
    for degree in range(5):
        for m in range(-degree, degree + 1):
            value = (-1) ** m * sph_harm_y(degree, abs(m), theta, phi)
            expected = value.real if m >= 0 else value.imag
            expected = expected * (np.sqrt(2) if m else 1)
            np.testing.assert_allclose(found[:, column], expected, atol=1e-14)
            column += 1
    assert column == harmonic_count(4)


def test_order_of_the_orbitals():
    x, y, z = 0.3, -0.5, 0.7
    harmonics = solid_harmonics(jnp.array([x, y, z]), 2)
    p = np.sqrt(3 / (4 * np.pi)) * np.array([y, z, x])
    np.testing.assert_allclose(harmonics[1:4], p)
    d = np.sqrt(15 / (4 * np.pi)) * np.array([x * y, y * z, 0, x * z, (x * x - y * y) / 2])
    np.testing.assert_allclose(np.delete(harmonics[4:], 2), np.delete(d, 2))


@pytest.mark.parametrize("operation", [FOURFOLD, MIRROR, -np.eye(3), -FOURFOLD])
def test_representations_act_as_they_say(operation):
    turn = orbital_representation(operation, 3)
    np.testing.assert_allclose(turn @ turn.T, np.eye(16), atol=1e-13)
    points = np.random.default_rng(0).normal(size=(5, 3))
    moved = solid_harmonics(points @ operation, 3)
    np.testing.assert_allclose(solid_harmonics(points, 3) @ turn, moved, atol=1e-12)
    spin, axis = spin_representation(operation), np.array([0.1, 0.7, -0.4])
    before, after = (np.einsum("k,kst->st", v, SIGMA) for v in (axis, axial_image(operation, axis)))
    np.testing.assert_allclose(spin @ before @ spin.conj().T, after, atol=1e-14)
    both = spinor_representation(operation, 1)
    np.testing.assert_allclose(both, np.kron(spin, turn[:4, :4]), atol=1e-13)


def test_operations_of_the_crystal_systems():
    operations = crystal_operations()
    assert len(operations) == 64
    np.testing.assert_array_equal(operations[0], np.eye(3))


def test_operation_must_be_orthogonal():
    with pytest.raises(InputError, match="orthogonal"):
        orbital_representation(np.ones((3, 3)), 1)


def test_time_reversal_turns_spins():
    orbital = np.diag([1.0, 2.0]) + 0j
    moment = np.kron(SIGMA[0], orbital)
    np.testing.assert_array_equal(time_reversed(moment), -moment)
    np.testing.assert_array_equal(
        time_reversed(np.kron(np.eye(2), orbital)).real, np.kron(np.eye(2), orbital).real
    )


# --- t-matrices ---------------------------------------------------------------------------------


def test_collinear_t_turns_with_the_spin():
    run = kkr.run("fe2_nosoc")
    t = np.asarray(run.scatterer.at(jnp.asarray(kkr.Z)))
    up, down = t[..., :9, :9], t[..., 9:, 9:]
    np.testing.assert_allclose(np.asarray(run.scatterer.at(jnp.asarray(-kkr.Z)))[..., :9, :9], down)
    moments = kkr.tilted(50)
    along = np.einsum("ik,kst->ist", moments, SIGMA)
    expected = np.kron(np.eye(2), (up + down) / 2) + np.einsum(
        "ist,eiab->eisatb", along, (up - down) / 2
    ).reshape(t.shape)
    np.testing.assert_allclose(run.scatterer.at(jnp.asarray(moments)), expected, atol=1e-15)
    again = collinear_tmatrix(run.contour.nodes, up, down, kkr.Z)
    np.testing.assert_allclose(again.coefficients, run.scatterer.coefficients, atol=1e-15)


@pytest.mark.parametrize("name", ["fe2_nosoc", "fe2_soc"])
def test_vertex_is_the_derivative_of_the_potential(name):
    scatterer = kkr.run(name).scatterer.about(kkr.tilted(50))
    z = scatterer.energies
    step = np.zeros((5, 3))
    step[2] = [1e-4, 2e-4, -1e-4]
    plus, minus = (scatterer.potential(z, scatterer.reference + s * step) for s in (1, -1))
    expected = np.asarray(plus - minus)[:, 2] / 2
    found = np.einsum("k,ekst->est", step[2], np.asarray(scatterer.vertex(z, 5))[:, 2])
    np.testing.assert_allclose(found, expected, atol=1e-7 * np.abs(expected).max())
    np.testing.assert_array_equal(scatterer.potential(z, scatterer.reference), 0)


def test_splitting_of_a_rigid_t_is_half_the_difference():
    scatterer = kkr.run("fe2_nosoc").scatterer
    t = scatterer.at(scatterer.reference)
    rigid = scatterer.spin_splitting()
    assert isinstance(rigid, SpinSplitting)
    np.testing.assert_allclose(
        rigid.strength(scatterer.energies, 5), (t[..., :9, :9] - t[..., 9:, 9:]) / 2, atol=1e-15
    )
    np.testing.assert_allclose(scatterer.spin_splitting_residual(), 0, atol=1e-14)
    assert np.all(kkr.run("fe2_soc").scatterer.spin_splitting_residual() < 0.06)
    assert np.all(kkr.run("fe2_soc").scatterer.spin_splitting_residual() > 0.05)


def test_interpolation_meets_directions_that_it_does_not_know():
    """Directions y, -z and a diagonal: as good as the estimate says."""
    run = kkr.run("fe2_soc")
    directions, t = kkr.extra_directions()
    for moment, expected in zip(directions, t, strict=True):
        found = run.scatterer.at(jnp.tile(jnp.asarray(moment), (5, 1)))
        miss = np.linalg.norm(found - expected)
        miss /= np.linalg.norm(expected - time_reversed(expected))
        assert miss < run.interpolation_error.max()
        assert miss < 1e-5


def test_interpolated_derivative_is_nearly_that_of_jukkr():
    """To the 2e-4 by which JuKKR's derivative differs from central differences of its t."""
    run = kkr.run("fe2_soc")
    for axis, moments in (("z", kkr.Z), ("y", kkr.Y)):
        expected = np.asarray(kkr.supplied(axis).vertex(run.contour.nodes, 5))
        across = np.eye(3) - moments[0][:, None] * moments[0]
        found = run.scatterer.about(moments).vertex(run.contour.nodes, 5)
        found = np.einsum("kl,eilst->eikst", across, found)
        assert np.linalg.norm(found - expected) < 3e-4 * np.linalg.norm(expected)


def test_spin_commutator_is_not_the_derivative():
    """-(i/2)[sigma_y, t] turns the spin but not the orbitals with the moment."""
    run = kkr.run("fe2_soc")
    t = np.asarray(run.scatterer.at(jnp.asarray(kkr.Z)))
    generator = np.kron(SIGMA[1], np.eye(9))
    commutator = -0.5j * (generator @ t - t @ generator)
    exact = np.asarray(run.scatterer.vertex(run.contour.nodes, 5))[:, :, 0]
    assert np.linalg.norm(commutator - exact) > 0.03 * np.linalg.norm(exact)


def test_operations_are_found_in_the_data():
    directions, t = kkr.extra_directions()
    found = site_operations(directions, t)
    assert len(found) == 8
    assert any(np.allclose(o, FOURFOLD) for o in found)
    assert all(np.allclose(o[2], [0, 0, 1]) for o in found)


def test_interpolation_is_exact_for_harmonics_of_its_degree():
    rng = np.random.default_rng(1)
    coefficients = rng.normal(size=(2, 1, 9, 8, 8)) + 1j * rng.normal(size=(2, 1, 9, 8, 8))
    parity = np.array([1] + [-1] * 3 + [1] * 5)[:, None, None]
    coefficients = coefficients + parity * time_reversed(coefficients)
    exact = TMatrix(np.array([1j, 2j]), coefficients, kkr.Z[:1])
    directions = rng.normal(size=(7, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    t = np.stack([np.asarray(exact.at(jnp.asarray(e[None]))) for e in directions])
    found = interpolated_tmatrix(exact.energies, directions, t, kkr.Z[:1])
    assert isinstance(found, Interpolation) and found.tmatrix.degree == 2
    np.testing.assert_allclose(found.tmatrix.coefficients, coefficients, atol=1e-9)
    assert found.error.max() < 1e-9


def test_interpolation_refuses_too_few_directions():
    directions, t = kkr.extra_directions()
    nodes = kkr.run("fe2_soc").contour.nodes
    with pytest.raises(InputError, match="determine the 16 harmonics up to degree 3"):
        interpolated_tmatrix(nodes, directions, t, kkr.Z, degree=3)
    with pytest.raises(InputError, match="how t turns"):
        interpolated_tmatrix(nodes, directions[1:2], t[1:2], kkr.Z, operations=[])
    with pytest.raises(InputError, match="3 directions and 28 energies"):
        interpolated_tmatrix(nodes[1:], directions, t, kkr.Z)


def test_t_of_other_energies_or_sites_is_refused():
    scatterer = kkr.run("fe2_nosoc").scatterer
    with pytest.raises(InputError, match="differs by"):
        scatterer.potential(scatterer.energies + 0.1, jnp.asarray(kkr.Z))
    with pytest.raises(InputError, match="must be the 29 energies"):
        scatterer.vertex(scatterer.energies[1:], 5)
    with pytest.raises(InputError, match="5 sites"):
        scatterer.vertex(scatterer.energies, 4)
    with pytest.raises(InputError, match="coefficients"):
        TMatrix(scatterer.energies, scatterer.coefficients[:, :, :3], kkr.Z)
    with pytest.raises(InputError, match="unit vectors"):
        linear_tmatrix(scatterer.energies, np.zeros((29, 5, 3, 18, 18)), 2 * kkr.Z)


# --- host ---------------------------------------------------------------------------------------


def test_blocks_are_those_of_the_file():
    host = kkr.host_y()
    blocks = host.blocks(host.path.nodes, np.array([2, 4]), np.array([[0, 1], [1, 1]])).matrix()
    np.testing.assert_allclose(blocks[:, 0], host.green[:, 2, :, 4], atol=1e-14)
    np.testing.assert_allclose(blocks[:, 1], host.green[:, 4, :, 4], atol=1e-14)
    assert host.count == 5 and list(host.sites) == [0, 1, 2, 3, 4]


def test_host_refuses_other_energies_and_shapes():
    host = kkr.run("fe2_nosoc").host
    with pytest.raises(InputError, match="use the contour of the host"):
        host.blocks(host.path.nodes + 1e-3, host.sites, np.array([[0, 1]]))
    with pytest.raises(InputError, match="29 energies"):
        host.blocks(host.path.nodes[:4], host.sites, np.array([[0, 1]]))
    short = user_contour(host.path.nodes[:3], host.path.weights[:3])
    with pytest.raises(InputError, match="29 energies of `green`"):
        KKRHost(host.green, short)
    with pytest.raises(InputError, match="must have shape"):
        KKRHost(host.green[:, 0], host.path)
    with pytest.raises(InputError, match="one matrix per energy and atom"):
        replace_atoms(host, jnp.zeros((29, 5, 9, 9), complex))


def test_energies_depend_on_the_green_function_differentiably():
    run = kkr.run("fe2_nosoc")
    pair = np.array([[0, 4]])

    def exchange(scale):
        host = eqx.tree_at(lambda h: h.green, run.host, run.host.green * scale)
        green = host.blocks(run.contour.nodes, run.sites, pair).A
        return jnp.sum(jnp.abs(green) ** 2)

    value, slope = jax.value_and_grad(exchange)(1.0)
    np.testing.assert_allclose(slope, 2 * value)


@pytest.mark.parametrize(("name", "bound"), [("fe2_nosoc", 1e-7), ("fe2_soc", 1e-6)])
def test_symmetry_of_the_bilayer_cluster(name, bound):
    """Four rotations, and four mirrors with a reversal of time: 4m'm'."""
    run = kkr.run(name)
    operations = cluster_operations(run.host, run.atoms.positions, run.reference)
    assert len(operations) == 8 and all(isinstance(o, ClusterOperation) for o in operations)
    mirrors = [o for o in operations if np.linalg.det(o.matrix) < 0]
    assert len(mirrors) == 4 and all(o.reversal for o in mirrors)
    assert max(o.residual for o in operations) < bound
    symmetric = symmetrize(run.host, operations)
    again = cluster_operations(symmetric, run.atoms.positions, run.reference)
    assert max(o.residual for o in again) < 1e-13
