"""Interactions of an iron bilayer against JuKKR, autodiff, finite rotations and symmetry."""

from functools import partial

import jax
import jax.numpy as jnp
import kkr_runs as kkr
import numpy as np
import pytest

from msgreen import (
    LloydEnergy,
    closed_hessian,
    closed_rotation_tensor,
    coefficients,
    contracted_loops,
    energy_by_order,
    hessian,
    loop_tensors,
    loops,
    pairs,
    rotation_tensor,
    torque,
)
from msgreen.exchange.ordered import (
    TransverseExchange,
    difference,
    polar_frame,
    transverse_exchange,
)
from msgreen.hosts.kkr import KKRHost, cluster_operations, reciprocal, replace_atoms
from msgreen.io import jukkr
from msgreen.scattering.interpolation import interpolated_tmatrix, other_tmatrices
from msgreen.scattering.tmatrix import SpinSplitting
from msgreen.spin.algebra import rotate, tangent_frame
from msgreen.units import RYDBERG

PAIRS = kkr.all_pairs()
FOUR = loops(kkr.run("fe2_nosoc").atoms.positions, 4)


def vectors() -> np.ndarray:
    positions = kkr.run("fe2_nosoc").atoms.positions
    return positions[PAIRS[:, 1]] - positions[PAIRS[:, 0]]


def test_exchange_of_all_pairs_is_that_of_jukkr():
    run = kkr.run("fe2_nosoc")
    found = transverse_exchange(kkr.energy("fe2_nosoc"), run.reference, PAIRS).value
    tables = {n: jukkr.read_jij(kkr.folder("fe2_nosoc") / f"Jij.atom{n:05d}") for n in (2, 3)}
    for (i, j), vector, exchange in zip(PAIRS, vectors(), found.J, strict=True):
        table = tables[kkr.TYPES[i]]
        shell = np.abs(table.distance - np.linalg.norm(vector)) < 1e-6
        shell &= table.partner == kkr.TYPES[j]
        np.testing.assert_allclose(exchange, table.J[shell], rtol=2e-8)
    for rest in (found.D, found.S, found.A):
        np.testing.assert_allclose(rest, 0, atol=1e-15)


def test_published_values_without_spin_orbit():
    run = kkr.run("fe2_nosoc")
    pair = np.array([[0, 4], [0, 1], [0, 2]])
    found = transverse_exchange(kkr.energy("fe2_nosoc"), run.reference, pair).value.J / RYDBERG
    expected = [3.47109816e-3, -5.69706829e-4, 4.70336777e-5]
    np.testing.assert_allclose(found, expected, rtol=2e-8)


def reference_z() -> np.ndarray:
    """J, D, S, A that JuKKR prints for moments along z, per ordered pair."""
    tables = {n: jukkr.read_jij(kkr.folder("fe2_soc") / f"Jij.atom{n:05d}") for n in (2, 3)}
    rows = []
    for (i, _), vector in zip(PAIRS, vectors(), strict=True):
        table = tables[kkr.TYPES[i]]
        row = np.argmin(np.linalg.norm(table.vector - vector, axis=1))
        rows.append([table.J[row], table.D[row], table.S[row], table.A[row]])
    return np.array(rows)


def reference_y() -> np.ndarray:
    table = np.load(kkr.DATA / "fe2_soc_y.npz")["jij_ref"]
    rows = []
    for (i, _), vector in zip(PAIRS, vectors(), strict=True):
        here = table[table[:, 0] == kkr.TYPES[i]]
        rows.append(here[np.argmin(np.linalg.norm(here[:, 7:] - vector, axis=1)), 3:7])
    return np.array(rows) * RYDBERG


def relative(found: TransverseExchange, expected: np.ndarray) -> np.ndarray:
    """Largest deviation of J, D, S and A, relative to the largest of each that does not vanish."""
    scale = np.abs(expected).max(axis=0)
    scale = np.where(scale < 1e-12, np.abs(expected).max(), scale)
    return np.abs(np.stack(found, axis=1) - expected).max(axis=0) / scale


CASES = {
    "z": (lambda: kkr.run("fe2_soc").host, kkr.Z, reference_z),
    "y": (kkr.host_y, kkr.Y, reference_y),
}


@pytest.mark.parametrize("axis", CASES)
def test_spin_orbit_exchange_with_supplied_derivative_is_that_of_jukkr(axis):
    """Every single J, D, S and A of the 20 pairs, not only relative to the largest.

    JuKKR prints eight digits, 0.1... to 0.9..., so that its last digit is known to 5e-8 relative
    at worst; the largest deviation is 2.6e-8. What vanishes by symmetry is below 1e-14 Ry in both.
    """
    host, moments, reference = CASES[axis]
    lloyd = LloydEnergy(host(), kkr.supplied(axis), np.arange(5))
    found = np.stack(transverse_exchange(lloyd, moments, PAIRS).value, axis=1)
    np.testing.assert_allclose(found, reference(), rtol=5e-8, atol=1e-16 * RYDBERG)


@pytest.mark.parametrize("axis", CASES)
def test_spin_orbit_exchange_from_directions(axis):
    """To the 2e-4 by which JuKKR's derivative differs from that of its own t-matrices."""
    host, moments, reference = CASES[axis]
    scatterer = kkr.run("fe2_soc").scatterer.about(moments)
    lloyd = LloydEnergy(host(), scatterer, np.arange(5))
    found = relative(transverse_exchange(lloyd, moments, PAIRS).value, reference())
    assert np.all(found < [5e-4, 5e-4, 2e-2, 2e-2]), found


def test_exchange_from_autodiff_is_the_closed_form():
    """The mixed second derivative of the Lloyd energy is -2 J: all pairs, few energies."""
    lloyd, moments = kkr.energy_at_few("fe2_nosoc"), kkr.run("fe2_nosoc").reference
    second = hessian(lloyd.energy, moments)
    exchange = transverse_exchange(lloyd, moments, PAIRS).value.J
    for along in (0, 1):
        mixed = second[PAIRS[:, 0], along, PAIRS[:, 1], along]
        np.testing.assert_allclose(mixed, -2 * exchange, rtol=1e-9)
    np.testing.assert_allclose(second, closed_hessian(lloyd, moments).value, atol=1e-14)


@pytest.mark.slow
def test_exchange_of_the_nearest_pair_from_autodiff_is_that_of_jukkr():
    lloyd, moments = kkr.energy("fe2_nosoc"), kkr.run("fe2_nosoc").reference
    step = np.array([[1.0, 0], [1.0, 0]])
    frame = tangent_frame(moments)
    found = mixed_derivative(lambda u: lloyd.energy(rotate(moments, frame, u, 2)), (0, 4), step)
    exchange = transverse_exchange(lloyd, moments, np.array([[0, 4]])).value.J[0]
    np.testing.assert_allclose(found, -2 * exchange, rtol=1e-9)
    np.testing.assert_allclose(found, -2 * 3.47109816e-3 * RYDBERG, rtol=2e-8)


def test_exchange_is_the_second_difference_of_finite_rotations():
    lloyd, step = kkr.energy("fe2_nosoc"), 0.02

    def turned(first, second):
        moments = kkr.Z.copy()
        for site, angle in ((0, first), (4, second)):
            moments[site] = [np.sin(angle), 0, np.cos(angle)]
        return moments

    signs = [(1, 1), (-1, -1), (1, -1), (-1, 1)]
    energies = np.asarray(lloyd(np.stack([turned(a * step, b * step) for a, b in signs])))
    difference = (energies[0] + energies[1] - energies[2] - energies[3]) / (4 * step**2)
    exchange = transverse_exchange(lloyd, kkr.Z, np.array([[0, 4]])).value.J[0]
    np.testing.assert_allclose(difference, -2 * exchange, rtol=step**2)


def test_spin_orbit_hessian_from_autodiff_is_the_closed_form_between_sites():
    lloyd = kkr.energy_at_few("fe2_soc")
    second = np.asarray(hessian(lloyd.energy, kkr.Z))
    closed = np.asarray(closed_hessian(lloyd, kkr.Z).value)
    i, j = PAIRS.T
    np.testing.assert_allclose(second[i, :, j], closed[i, :, j], atol=1e-9 * np.abs(closed).max())


@pytest.mark.parametrize("name", ["fe2_nosoc", "fe2_soc"])
@pytest.mark.parametrize("degrees", [10, 30])
def test_series_tends_to_lloyd_at_the_level_of_the_next_orders(name, degrees):
    lloyd, moments = kkr.energy(name), kkr.tilted(degrees)
    orders = np.asarray(lloyd.series(moments, 10))
    rest = abs(float(lloyd(moments)) - orders[:8].sum())
    assert rest < 2 * np.abs(orders[8:]).sum() + 1e-14


def test_spectral_radius_of_one_turned_moment():
    angles = np.radians([20, 60, 120, 180])
    found = []
    for angle in angles:
        moments = kkr.Z.copy()
        moments[0] = [np.sin(angle), 0, np.cos(angle)]
        found.append(kkr.energy("fe2_nosoc").spectral_radius(moments))
    np.testing.assert_allclose(found, [0.14, 0.43, 0.81, 1.06], atol=0.006)


# --- L's form: A and B of the real material, deviations from the ferromagnet as spins -----------


def test_loops_of_deviations_are_the_orders_of_the_series():
    """Loops between different sites and on-site scattering make up the second order."""
    run, lloyd = kkr.run("fe2_nosoc"), kkr.energy("fe2_nosoc")
    deviation = kkr.tilted(30) - run.reference
    pair = pairs(run.atoms.positions)
    bonds, _ = loop_tensors(run.host, run.scatterer, run.contour, run.sites, pair)
    between = np.einsum("pab,pa,pb->", bonds, deviation[pair[:, 0]], deviation[pair[:, 1]])
    itself = np.stack([run.sites, run.sites], axis=1)
    onsite, _ = loop_tensors(run.host, run.scatterer, run.contour, run.sites, itself)
    alone = np.einsum("pab,pa,pb->", onsite, deviation, deviation)
    second = lloyd.series(kkr.tilted(30), 2)[1]
    np.testing.assert_allclose(between + alone, second, rtol=1e-10)


def test_powers_of_B_add_up_to_the_full_tensor():
    run = kkr.run("fe2_nosoc")
    rigid = run.scatterer.spin_splitting()
    few = FOUR[:3]
    spins = kkr.tilted(70)
    by_order = energy_by_order(run.host, rigid, run.contour, run.sites, few, spins)
    tensors, _ = loop_tensors(run.host, run.scatterer, run.contour, run.sites, few)
    ordered = [spins[few[:, m]] for m in range(4)]
    full = np.einsum("pabcd,pa,pb,pc,pd->p", tensors, *ordered)
    np.testing.assert_allclose(by_order.sum(axis=1), full, rtol=1e-10)


def mixed_derivative(energy, sites, vectors):
    """d^N E / da db ... along one vector per site, from zero, by nested directional derivatives."""
    nested = energy
    for site, vector in zip(sites, vectors, strict=True):
        step = jnp.zeros((5, len(vector))).at[site].set(vector)
        nested = partial(lambda f, step, point: jax.jvp(f, (point,), (step,))[1], nested, step)
    return float(jax.jit(nested)(jnp.zeros((5, len(vectors[0])))))


def test_four_spin_tensor_in_L_form_is_that_of_autodiff_in_deviations():
    lloyd, sites = kkr.energy_at_few("fe2_nosoc"), (0, 1, 2, 4)
    vectors = np.random.default_rng(3).normal(size=(4, 3))
    found = mixed_derivative(lambda s: lloyd.energy(jnp.asarray(kkr.Z) + s), sites, vectors)
    rows = FOUR[[set(row) == set(sites) for row in FOUR.tolist()]]
    host = KKRHost(lloyd.green, lloyd.path)
    tensors, _ = loop_tensors(host, lloyd.scatterer, lloyd.path, host.sites, rows)
    ordered = vectors[[[sites.index(site) for site in row] for row in rows.tolist()]]
    total = np.einsum("pabcd,pa,pb,pc,pd->", tensors, *np.moveaxis(ordered, 1, 0))
    np.testing.assert_allclose(found, total, rtol=1e-9)


def test_four_spin_rotations_about_the_ferromagnet():
    lloyd, sites = kkr.energy_at_few("fe2_nosoc"), (0, 1, 2, 4)
    closed = np.asarray(closed_rotation_tensor(lloyd, kkr.Z, sites).value)
    angles = np.random.default_rng(4).normal(size=(4, 2))
    frame = tangent_frame(kkr.Z)
    found = mixed_derivative(lambda u: lloyd.energy(rotate(kkr.Z, frame, u, 4)), sites, angles)
    np.testing.assert_allclose(np.einsum("abcd,a,b,c,d->", closed, *angles), found, rtol=1e-9)


@pytest.mark.slow
def test_rotations_of_one_pair():
    lloyd = kkr.energy_at_few("fe2_soc")
    found = rotation_tensor(lloyd.energy, kkr.Z, (0, 4))
    closed = closed_rotation_tensor(lloyd, kkr.Z, (0, 4)).value
    np.testing.assert_allclose(found, closed, atol=1e-10 * np.abs(closed).max())


def test_six_spin_loops_that_revisit_a_site():
    """Five atoms have no six-site loop: the tensor of 0-1-0-2-3-4 against matrix products."""
    run = kkr.run("fe2_nosoc")
    loop = np.array([[0, 1, 0, 2, 3, 4]])
    rigid = run.scatterer.spin_splitting()
    kappa = coefficients(run.host, rigid, run.contour, run.sites, loop)["kappa6"].value[0]
    spatial = np.asarray(run.host.green)
    average = (spatial[:, :, :9, :, :9] + spatial[:, :, 9:, :, 9:]) / 2
    t = np.asarray(rigid.splitting)
    product = np.eye(9)
    for here, there in zip(loop[0], np.roll(loop[0], -1), strict=True):
        product = product @ average[:, here, :, there] @ t[:, there]
    trace = np.trace(product, axis1=1, axis2=2)
    expected = (run.contour.weights @ trace).imag / (3 * np.pi)
    np.testing.assert_allclose(kappa, expected, rtol=1e-6)


def test_chiral_coefficients_vanish_without_spin_orbit():
    """To rounding once G_ij = G_ji^T and t = t^T hold, which the files break by 5e-8 and 3e-6."""
    run = kkr.run("fe2_nosoc")
    rigid = run.scatterer.spin_splitting()
    bonds = pairs(run.atoms.positions)
    t = rigid.splitting
    symmetric = SpinSplitting(rigid.energies, (t + jnp.swapaxes(t, -1, -2)) / 2)
    cases = ((run.host, rigid, 2e-7), (reciprocal(run.host), symmetric, 1e-12))
    for host, rigid, bound in cases:
        four = coefficients(host, rigid, run.contour, run.sites, FOUR)
        two = coefficients(host, rigid, run.contour, run.sites, bonds)
        scale = np.abs(four["B4_iso"].value).max()
        assert np.abs(four["C4_chiral"].value).max() < bound * scale
        assert np.abs(two["D"].value).max() < 1e-12 * np.abs(two["J_iso"].value).max()


def test_interactions_have_the_symmetry_of_the_bilayer():
    """Vertices and Green function of atoms moved by the eight operations give moved tensors."""
    run = kkr.run("fe2_soc")
    sites = np.array([[0, 1], [0, 4], [0, 2]])
    tensors, _ = loop_tensors(run.host, run.scatterer, run.contour, run.sites, sites)
    for operation in cluster_operations(run.host, run.atoms.positions, run.reference):
        moved, _ = loop_tensors(
            run.host, run.scatterer, run.contour, run.sites, operation.images[sites]
        )
        turn = np.linalg.det(operation.matrix) * operation.matrix
        if operation.reversal:
            turn = -turn
        expected = np.einsum("pab,ca,db->pcd", tensors, turn, turn)
        np.testing.assert_allclose(moved, expected, atol=1e-6 * np.abs(tensors).max())


@pytest.mark.parametrize("kind", ["biquadratic", "three_site"])
def test_contracted_loops_exist(kind):
    run = kkr.run("fe2_nosoc")
    found = contracted_loops(run.atoms.positions, kind)
    rigid = run.scatterer.spin_splitting()
    value = coefficients(run.host, rigid, run.contour, run.sites, found)["B4_iso"].value
    assert np.all(np.abs(value) > 1e-8)


# --- replaced atoms --------------------------------------------------------------------------


def test_replacing_there_and_back_is_the_identity():
    run = kkr.run("fe2_soc")
    change = run.scatterer.potential(run.contour.nodes, jnp.asarray(kkr.tilted(60)))
    back = replace_atoms(replace_atoms(run.host, change), -change)
    np.testing.assert_allclose(back.green, run.host.green, atol=1e-12)


@pytest.mark.parametrize("name", ["fe2_nosoc", "fe2_soc"])
def test_energies_of_successive_rotations_add_up(name):
    """E(0 -> 1) + E(1 -> 2) = E(0 -> 2), the host of the second step holding moments 1."""
    run, lloyd = kkr.run(name), kkr.energy(name)
    first, second = kkr.Z.copy(), kkr.tilted(40)
    first[1] = [np.sin(0.8), 0, np.cos(0.8)]
    change = run.scatterer.potential(run.contour.nodes, jnp.asarray(first))
    after = LloydEnergy(replace_atoms(run.host, change), run.scatterer.about(first), run.sites)
    steps = float(lloyd(first)) + float(after(second))
    np.testing.assert_allclose(steps, float(lloyd(second)), rtol=1e-11)


def test_dressed_green_function_is_that_of_the_replaced_cluster():
    run, lloyd, moments = kkr.run("fe2_nosoc"), kkr.energy("fe2_nosoc"), kkr.tilted(40)
    change = run.scatterer.potential(run.contour.nodes, jnp.asarray(moments))
    np.testing.assert_allclose(
        replace_atoms(run.host, change).green, lloyd.dressed_green(moments), atol=1e-12
    )


def test_ferromagnet_without_spin_orbit_exerts_no_torque():
    turning = torque(kkr.energy("fe2_nosoc").energy, kkr.Z)
    np.testing.assert_allclose(turning, 0, atol=1e-14)


def test_polar_frame_is_right_handed():
    moments = kkr.tilted(70)
    x, y = np.moveaxis(np.asarray(polar_frame(moments)), 1, 0)
    np.testing.assert_allclose(np.cross(x, y), moments, atol=1e-15)


@pytest.mark.parametrize("names", [("px",), ("px", "c1"), ("px", "c1", "s1x")])
def test_error_of_the_interpolation_is_honest(names):
    """Against the derivative that JuKKR uses, which differs from its t-matrices by up to 5e-4.

    Two, three and four directions with their images determine degrees 1, 2 and 3.
    """
    run, folder = kkr.run("fe2_soc"), kkr.folder("fe2_soc")
    files = [folder, *(folder / name for name in names)]
    axes = [kkr.Z[0], *(jukkr.read_angles(f / "nonco_angle.dat")[0] for f in files[1:])]
    t = np.stack([jukkr.read_tmat(f / "kkrflex_tmat").t for f in files])
    found = interpolated_tmatrix(run.contour.nodes, np.stack(axes), t, kkr.Z)
    assert found.tmatrix.degree == len(names)
    ratios: list[float] = []
    for axis, host, moments in (("z", run.host, kkr.Z), ("y", kkr.host_y(), kkr.Y)):

        def quantities(t, host=host, moments=moments):
            return np.asarray(
                transverse_exchange(LloydEnergy(host, t, run.sites), moments, PAIRS).value
            )

        exact, ours = quantities(kkr.supplied(axis)), quantities(found.tmatrix.about(moments))
        twins = [quantities(other) for other in other_tmatrices(found, moments)]
        for n, name in enumerate("JDSA"):
            estimate = difference(ours[n], [twin[n] for twin in twins])
            wrong = np.abs(ours[n] - exact[n])
            known = 5e-4 * np.abs(exact[n]).max() + 1e-12
            assert np.all(wrong <= estimate + known), (axis, name)
            seen = wrong > known
            ratios += list(estimate[seen] / wrong[seen])
    assert 1 < np.median(ratios) < 100
