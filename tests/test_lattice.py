import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattices import SQUARE, dense_green, dense_matrix

from msgreen.errors import InputError
from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.lattice import (
    HoppingModel,
    Lattice,
    Region,
    bloch_matrix,
    cut_blocks,
    grid,
    hopping_model,
    layer_blocks,
    layer_levels_below,
    levels_below,
    mesh_blocks,
    sector_blocks,
    sectors,
    shell_model,
)
from msgreen.lattice.bloch import resolvent, wave
from msgreen.lattice.finite import missing_sites, torus_mesh
from msgreen.lattice.geometry import Shell
from msgreen.lattice.layers import elimination_cost
from msgreen.lattice.model import check_blocks, check_same, swap_ends

HONEYCOMB = Lattice.honeycomb()


@pytest.mark.parametrize(
    "lattice, numbers, lengths",
    [
        (Lattice.chain(2.0), (2, 2), (2, 4)),
        (Lattice.square(), (4, 4, 4, 8), (1, 2**0.5, 2, 5**0.5)),
        (Lattice.triangular(), (6, 6, 6), (1, 3**0.5, 2)),
        (HONEYCOMB, (6, 12, 6), (1, 3**0.5, 2)),
        (Lattice.cubic(), (6, 12, 8), (1, 2**0.5, 3**0.5)),
        (Lattice([[1.0, 0.0], [7.3, 1.0]]), (2, 2), (1, (0.3**2 + 1) ** 0.5)),
    ],
)
def test_shells_hold_every_neighbour(lattice, numbers, lengths):
    shells = lattice.shells(len(numbers))
    assert all(isinstance(shell, Shell) for shell in shells)
    assert tuple(len(shell.bonds) for shell in shells) == numbers
    np.testing.assert_allclose([shell.distance for shell in shells], lengths)
    for shell in shells:
        np.testing.assert_allclose(
            np.linalg.norm(lattice.displacement(shell.bonds), axis=1), shell.distance
        )


def test_positions_and_flakes():
    disc = Region(SQUARE, (7, 7)).without(lambda r: np.hypot(*(r - 3.0).T) > 3.1)
    positions = SQUARE.positions(disc.sites())
    assert len(disc.sites()) == 29
    assert np.hypot(*(positions - 3).T).max() == 3


def cases():
    rng = np.random.default_rng(3)
    rashba = shell_model(SQUARE, [-1.0, 0.3], exchange=[0.1, 0.2, 0.3], rashba=0.2)
    vacancies = [(1, 1, 0)]
    yield "box", rashba, Region(SQUARE, (5, 6))
    yield "cylinder with vacancies", rashba, Region(SQUARE, (6, 4), (True, False), vacancies)
    yield "torus", rashba, Region(SQUARE, (4, 5), True)
    honeycomb = shell_model(HONEYCOMB, [-1.0, 0.1], onsite=[0.3, -0.3], rashba=0.1)
    yield "ribbon", honeycomb, Region(HONEYCOMB, (3, 5), (False, True), [(1, 2, 1)])
    block = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    onsite = block + block.conj().T
    terms = [((0,), 0, 0, onsite), ((1,), 0, 0, block), ((2,), 0, 0, 0.3 * block @ block)]
    yield (
        "two orbitals, far hops",
        hopping_model(Lattice.chain(), terms),
        Region(Lattice.chain(), (9,)),
    )
    yield "ring", hopping_model(Lattice.chain(), terms), Region(Lattice.chain(), (8,), True)


CASES = {name: (model, region) for name, model, region in cases()}
per_case = pytest.mark.parametrize("name", CASES)


@per_case
def test_finite_routes_equal_the_dense_inverse(name):
    model, region = CASES[name]
    sites = region.sites()[[0, 3, -1]]
    z = jnp.array([0.3j, 0.4 + 0.1j])
    expected = dense_green(model, region, z, sites)
    for route in (cut_blocks, layer_blocks):
        found = jax.jit(lambda blocks, r=route: r(blocks, model.cells, region, z, sites))
        np.testing.assert_allclose(found(model.blocks), expected, rtol=0, atol=3e-14)


@per_case
def test_levels_are_counted(name):
    model, region = CASES[name]
    levels = np.linalg.eigvalsh(dense_matrix(model, region)[0])
    for energy in (-0.417, 0.233):
        expected = int((levels < energy).sum())
        assert levels_below(model.blocks, model.cells, region, energy) == expected
        assert layer_levels_below(model.blocks, model.cells, region, energy) == expected


def test_sectors_are_what_hops_connect():
    along_z = shell_model(SQUARE, [-1.0], exchange=[0.0, 0.0, 0.3])
    assert sectors(along_z.blocks) == ((0,), (1,))
    assert sectors(shell_model(SQUARE, [-1.0], rashba=0.1).blocks) == ((0, 1),)
    region, z = Region(SQUARE, (4, 4)), jnp.array([0.3j])
    arguments = (along_z.blocks, along_z.cells, region, z, np.array([[1, 1, 0], [2, 1, 0]]))
    found = sector_blocks(*arguments, sectors(along_z.blocks))
    np.testing.assert_allclose(found, cut_blocks(*arguments), atol=1e-14)


def test_twist_is_a_change_of_gauge():
    """A flux through a ring: phases on every bond, or a shifted mesh."""
    model, region = CASES["ring"]
    sites, z, flux = np.array([[1, 0], [6, 0]]), jnp.array([0.2j]), 0.3
    phase = wave(jnp.asarray(model.cells, float), jnp.array([flux / 8]))
    turned = phase[:, None, None, None, None] * model.blocks
    plain = cut_blocks(turned, model.cells, region, z, sites)
    twisted = cut_blocks(model.blocks, model.cells, region, z, sites, jnp.array([flux]))
    np.testing.assert_allclose(jnp.abs(plain), jnp.abs(twisted), atol=1e-14)


def test_disorder_goes_through_the_layers():
    rng = np.random.default_rng(0)
    region = Region(SQUARE, (4, 5), (False, True))
    model = shell_model(SQUARE, [-1.0], rashba=0.2).with_local(rng.normal(size=(4, 5, 1)))
    sites, z = region.sites()[[1, 7]], jnp.array([0.2j])
    found = layer_blocks(model.blocks, model.cells, region, z, sites)
    np.testing.assert_allclose(found, dense_green(model, region, z, sites), atol=1e-13)
    levels = np.linalg.eigvalsh(dense_matrix(model, region)[0])
    count = layer_levels_below(model.blocks, model.cells, region, 0.3)
    assert count == int((levels < 0.3).sum())


def test_torus_for_a_box_is_larger_by_the_range():
    model, region = CASES["box"]
    assert torus_mesh(region, model.cells) == (6, 7)
    assert len(missing_sites(region, model.cells)) == 42 - 30


def test_mesh_sum_is_the_resolvent_of_a_torus():
    model = shell_model(SQUARE, [-1.0], exchange=[0, 0, 0.2], rashba=0.1)
    region, z = Region(SQUARE, (6, 6), True), jnp.array([0.5j])
    steps = np.array([[0, 0], [2, -1]])
    cosets = mesh_blocks(model.matrices(), model.cells, 6, z, steps)
    fine, coarse = cosets.mean(axis=0), cosets[0]
    expected = dense_green(model, region, z, [[0, 1, 0], [2, 0, 0]])
    np.testing.assert_allclose(fine[0, 0], expected[0, 0, :, 0], atol=1e-14)
    np.testing.assert_allclose(fine[0, 1], expected[0, 0, :, 1], atol=1e-14)
    smaller = dense_green(model, Region(SQUARE, (3, 3), True), z, [[0, 1, 0], [2, 0, 0]])
    np.testing.assert_allclose(coarse[0, 1], smaller[0, 0, :, 1], atol=1e-14)
    # The others are antiperiodic: along y, along x, along both.
    for twist, coset in zip([(0, 0.5), (0.5, 0), (0.5, 0.5)], cosets[1:], strict=True):
        k = grid((3, 3), twist)
        back = wave(-k, steps.T.astype(float))
        green = resolvent(model.matrices(), model.cells, k, z[0])
        expected = jnp.einsum("kr,kij->rij", back, green) / 9
        np.testing.assert_allclose(coset[0], expected, atol=1e-14)


def test_bloch_matrix_of_the_rashba_square():
    """H(k) = -2t (cos + cos) - 2 lambda (sin k_y sigma_x - sin k_x sigma_y)."""
    model = shell_model(SQUARE, [-1.0], rashba=0.3)
    k = grid((5, 3))
    kx, ky = 2 * np.pi * np.asarray(k).T
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]]])
    expected = np.einsum("k,st->kst", -2 * (np.cos(kx) + np.cos(ky)), np.eye(2))
    expected = expected - 0.6 * np.einsum("ak,ast->kst", [np.sin(ky), -np.sin(kx)], sigma)
    np.testing.assert_allclose(bloch_matrix(model.matrices(), model.cells, k), expected, atol=1e-14)
    product = resolvent(model.matrices(), model.cells, k, 0.3j) @ (0.3j * np.eye(2) - expected)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(2), (15, 2, 2)), atol=1e-14)


def test_bad_input():
    model = shell_model(SQUARE, [-1.0])
    with pytest.raises(InputError, match=r"Hermitian.*R = \(0, 0\).*spin-orbital 1"):
        HoppingModel(SQUARE, [(0, 0)], np.array([[0, 1], [0.5, 0]]).reshape(1, 1, 2, 1, 2))
    with pytest.raises(InputError, match="lacks the partner"):
        HoppingModel(SQUARE, [(0, 0), (1, 0)], np.zeros((2, 1, 2, 1, 2)))
    with pytest.raises(InputError, match="shape"):
        HoppingModel(SQUARE, [(0, 0)], np.zeros((1, 2, 2)))
    with pytest.raises(InputError, match="finite"):
        shell_model(SQUARE, [float("nan")])
    with pytest.raises(InputError, match="linearly independent"):
        Lattice([[1.0, 0.0], [2.0, 0.0]])
    with pytest.raises(InputError, match="`basis` must hold distinct"):
        Lattice([[1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(InputError, match=r"lattice of 3 x 3 cells.*\[3, 0, 0\]"):
        Region(SQUARE, (3, 3)).check_sites([[3, 0, 0]])
    with pytest.raises(InputError, match="rows 0 and 2"):
        SQUARE.check_sites([[0, 0, 0], [1, 0, 0], [0, 0, 0]])
    with pytest.raises(InputError, match="is removed"):
        Region(SQUARE, (3, 3), removed=[(1, 1, 0)]).check_sites([[1, 1, 0]])
    with pytest.raises(InputError, match="basis atoms"):
        SQUARE.check_sites([[0, 0, 1]])
    with pytest.raises(InputError, match="`shape`"):
        Region(SQUARE, (3,))
    with pytest.raises(InputError, match="one number or one matrix"):
        model.with_local(np.zeros((3, 3)))


def test_checks_of_blocks_name_the_entry():
    model = shell_model(SQUARE, [-1.0])
    check_blocks("blocks", SQUARE, model.cells, model.blocks)
    partner = swap_ends(model.cells, model.blocks, 2).conj()
    check_same(model.cells, model.blocks, partner, "It must fit,", "its partner")
    with pytest.raises(InputError, match=r"It must fit, but at R = \(-1, 0\)"):
        check_same(model.cells, model.blocks, partner.at[0].add(1.0), "It must fit,", "its partner")


def test_lattices_compare_by_value():
    assert Lattice.square() == SQUARE and hash(Lattice.square()) == hash(SQUARE)
    assert Region(SQUARE, (3, 3)) == Region(Lattice.square(), (3, 3))
    assert Region(SQUARE, (3, 3)) != Region(SQUARE, (3, 3), True)


def test_long_open_strips_are_eliminated_by_layers():
    """Cutting 1979 x 4 cells out of a torus takes a matrix of their rim, 60000 times the work."""
    model, region = shell_model(SQUARE, [-1.0]), Region(SQUARE, (1979, 4))
    spinorb = model.blocks.shape[-1]
    assert elimination_cost(region, model.cells, spinorb) == 1979 * (4 * spinorb) ** 3
    assert FiniteLattice(model, region, temperature=0.1)._route(model) == "layers"
    square = Region(SQUARE, (9, 9))
    assert FiniteLattice(model, square, temperature=0.1)._route(model) == "cut"
