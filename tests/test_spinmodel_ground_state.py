"""Named states, minimisation from many starts, equivalence of states, landscapes."""

import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spin.algebra import rotate_about
from msgreen.spinmodel import (
    SpinModel,
    Term,
    cluster_symmetry,
    crystal_symmetry,
    find_minima,
    landscape,
    relax,
)
from msgreen.spinmodel.states import (
    Minima,
    Relaxed,
    canted,
    collinear,
    cone,
    curvatures,
    distances,
    ferromagnet,
    ground_state,
    is_even,
    multi_q,
    planar_neel,
    rotation_axes,
    spiral,
    stripes,
)
from msgreen.spinmodel.states.relax import curvature_product
from msgreen.spinmodel.symmetry import point_group

J = 0.010
EDGES = [[0, 1], [1, 2], [2, 0]]
MIDDLES = [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
BOX = (6, 6)
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])


def trimer(exchange, biquadratic, three_site, anisotropy=(0.0, 0.0, 0.0)):
    """Triangle in the counting of paper B: every cluster once."""
    return SpinModel(
        [
            Term("exchange", EDGES, [exchange] * 3),
            Term("biquadratic", EDGES, [biquadratic] * 3),
            Term("three_site", MIDDLES, [three_site] * 3),
            Term("anisotropy", [[0], [1], [2]], [np.diag(anisotropy)] * 3),
        ]
    )


def square(first, second, biquadratic=0.0, easy=0.0):
    """Square lattice with exchange of neighbours and, along each diagonal, of next neighbours."""
    cells = [[[0, 0], cell] for cell in ([1, 0], [0, 1], [1, 1], [1, -1])]
    exchange = [first, first, *np.broadcast_to(second, 2)]
    terms = [
        Term("exchange", [[0, 0]] * 4, exchange, cells),
        Term("biquadratic", [[0, 0]] * 2, [biquadratic] * 2, cells[:2]),
        Term("anisotropy", [[0]], [np.diag([0.0, 0.0, easy])], [[[0, 0]]]),
    ]
    return SpinModel(terms, lattice=Lattice.square())


def random_spins(*shape, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(*shape, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


# --- named states ------------------------------------------------------------------------------


def test_energies_of_paper_b_for_the_named_states_of_a_trimer():
    exchange, biquadratic, three_site = 7.0, 3.0, -2.0
    model = trimer(exchange, biquadratic, three_site)
    four = biquadratic + three_site
    assert model.energy(ferromagnet(3)) == pytest.approx(3 * (exchange + four))
    uud = -exchange + 3 * biquadratic - three_site
    assert model.energy(collinear("uud", [1, 1, 0])) == pytest.approx(uud)
    for chirality in (1, -1):
        neel = model.energy(planar_neel(chirality, phase=0.3))
        assert neel == pytest.approx(-1.5 * exchange + 0.75 * four)
    assert model.energy(jnp.eye(3)) == pytest.approx(0.0)


def test_canted_states_lead_from_the_ferromagnet_to_the_planar_state():
    assert np.allclose(canted(0.0), ferromagnet(3))
    assert np.allclose(canted(np.pi / 2, -1, 4, 0.2), planar_neel(-1, 4, 0.2))
    family = canted(np.array([0.3, 0.8]), 1, 3, np.array([0.1, 0.2]))
    assert family.shape == (2, 3, 3)
    assert np.allclose(family[1, :, 2], np.cos(0.8))


@pytest.mark.parametrize("chirality", [1, -1])
def test_chirality_is_the_sense_of_rotation_from_site_to_site(chirality):
    spins = np.asarray(planar_neel(chirality))
    turn = np.cross(spins, np.roll(spins, -1, axis=0))[:, 2]
    assert np.allclose(turn, chirality * np.sqrt(0.75))


def test_stripes_repeat_their_pattern():
    row = stripes("uudd", (8, 2), along=0)[..., 0, 2]
    assert np.array_equal(row[:, 1], [1, 1, -1, -1] * 2)
    board = stripes("ud", (4, 4), along=(1, 1))[..., 0, 2]
    assert np.array_equal(board, (-1.0) ** np.add(*np.indices((4, 4))))


def test_one_circular_wave_is_a_spiral_and_four_equal_phases_are_up_up_down_down():
    base = cone(np.pi / 2, 0.4)[None]
    amplitude = np.exp(-0.4j) * np.array([1.0, 1j, 0.0])
    wave = multi_q((5,), [[-2 / 5]], [amplitude])
    assert np.allclose(wave, spiral((5,), [2 / 5], base), atol=1e-12)
    double = multi_q((4,), [[0.25]], [np.exp(-0.25j * np.pi) * np.array([0.0, 0, 1])])
    assert np.allclose(double, stripes("uudd", (4,)), atol=1e-12)
    tilted = multi_q((4,), [[0.25]], [[1.0, -1j, 0]], uniform=[0.0, 0, 1])
    assert np.allclose(tilted, spiral((4,), [0.25], cone(np.pi / 4, 0.0)[None]), atol=1e-12)


def test_rotations_about_an_axis_are_right_handed():
    assert np.allclose(
        rotate_about(jnp.array([0.0, 0, 1]), jnp.array(np.pi / 2), jnp.eye(3)[0]), [0, 1, 0]
    )
    axis = jnp.asarray(random_spins())
    assert cone(0.7, 1.1, axis) @ axis == pytest.approx(np.cos(0.7))
    turned = rotate_about(axis, jnp.array(0.5), cone(0.7, 1.1, axis))
    assert np.allclose(turned, cone(0.7, 1.6, axis))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: collinear("up"), "pattern"),
        (lambda: collinear("ud", [0, 0, 0]), "axis"),
        (lambda: stripes("uudd", (6,)), "shape"),
        (lambda: spiral((4, 4), [0.25], ferromagnet(1)), "wave_vector"),
        (lambda: multi_q((4,), [[0.25]], [[1.0, 0, 0]]), "amplitudes"),
        (lambda: find_minima(square(J, J), 3, shape=(3,)), "shape"),
        (lambda: find_minima(trimer(1.0, 0.0, 0.0), 3, max_steps=1), "starts"),
        (lambda: relax(square(J, J), ferromagnet(1)), "directions"),
        (lambda: landscape(square(J, J), lambda x: x), "grids"),
    ],
)
def test_wrong_arguments_are_named(call, name):
    with pytest.raises(InputError, match=f"Argument `{name}`"):
        call()


# --- minima of clusters ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "energy", "count"),
    [
        ((J, 0.0, 0.0), -1.5 * J, 1),
        ((-J, 0.0, 0.0), -3 * J, 1),
        ((J, 0.3 * J, 0.3 * J), -1.5 * J + 0.75 * 0.6 * J, 1),
        ((J, 0.0, J), -2 * J, 3),
        ((0.0, J, 0.0), 0.0, 1),
    ],
    ids=["planar Néel", "ferromagnet", "four-spin terms", "up-up-down", "perpendicular"],
)
def test_ground_state_of_isotropic_trimers(parameters, energy, count):
    found = find_minima(trimer(*parameters), 60)
    assert isinstance(found, Minima)
    assert found.energies[0] == pytest.approx(energy, abs=1e-12)
    assert np.all(found.torques < 1e-10)
    assert found.stable[0]
    assert found.hits.sum() + found.failed == 60
    assert np.all(np.diff(found.energies) >= 0)
    assert np.sum(found.energies <= found.energies[0] + 1e-12) == count


@pytest.mark.slow
def test_minimum_of_a_square_with_four_spin_terms_is_up_down_up_down():
    """Parameters of the size of Cr4 on Pt(001) in paper B, Table 5."""
    ring = [[0, 1], [1, 2], [2, 3], [3, 0], [0, 2], [1, 3]]
    model = SpinModel(
        [
            Term("exchange", ring, [0.029] * 4 + [0.012] * 2),
            Term("biquadratic", ring, [-0.0115] * 4 + [-0.0006] * 2),
            Term(
                "four_site", [[0, 1, 2, 3], [1, 2, 3, 0], [0, 2, 1, 3]], [-0.0025, -0.0025, 0.001]
            ),
        ]
    )
    found = find_minima(model, 100)
    direct = -4 * 0.029 + 2 * 0.012 - 4 * 0.0115 - 2 * 0.0006 - 2 * 0.0025 + 0.001
    assert found.energies[0] == pytest.approx(direct, abs=1e-12)
    assert distances(model, collinear("udud"), found.directions[:1], np.eye(3)) < 1e-6
    assert found.hits[0] > 50


def test_newton_steps_leave_saddle_points_and_say_when_they_do_not():
    model = trimer(J, 0.0, 0.0)
    saddle = np.asarray(collinear("uud"))
    stay = find_minima(model, saddle[None])
    assert stay.energies[0] == pytest.approx(-J)
    assert not stay.stable[0]
    nearby = saddle + 1e-6 * random_spins(3)
    away = relax(model, nearby / np.linalg.norm(nearby, axis=-1, keepdims=True))
    assert isinstance(away, Relaxed)
    assert away.converged
    assert away.energy == pytest.approx(-1.5 * J)


def test_failures_are_counted_and_left_out():
    model = trimer(J, 0.0, 0.0)
    starts = np.concatenate([random_spins(5, 3), planar_neel()[None]])
    ends = relax(model, starts, max_steps=2)
    found = find_minima(model, starts, max_steps=2)
    assert found.failed == np.sum(~np.asarray(ends.converged)) > 0
    assert found.hits.sum() == 6 - found.failed
    again = relax(model, starts.reshape(2, 3, 3, 3), max_steps=2)
    assert np.array_equal(again.energy.reshape(-1), ends.energy)


def test_seed_decides_the_starts():
    first, second = (find_minima(trimer(J, 0.0, J), 20, seed=3) for _ in range(2))
    assert np.array_equal(first.directions, second.directions)


# --- equivalence -------------------------------------------------------------------------------


def test_global_rotations_that_cost_nothing():
    isotropic = trimer(J, 0.1 * J, 0.2 * J).without("anisotropy")
    assert rotation_axes(isotropic).shape == (3, 3)
    assert rotation_axes(trimer(J, 0.1 * J, 0.2 * J)).shape == (3, 3)
    normal = Term("dzyaloshinskii_moriya", EDGES, [[0.0, 0, J]] * 3)
    axes = rotation_axes(isotropic.with_terms([*isotropic.terms, normal]))
    assert np.allclose(np.abs(axes), [[0, 0, 1]])
    assert rotation_axes(trimer(J, 0.0, 0.0, [0.1 * J, 0.2 * J, 0.0])).shape == (0, 3)
    wound = Term("dzyaloshinskii_moriya", [[0, 0]], [[0.1, 0, 0]], [[[0, 0], [2, 0]]])
    axes = rotation_axes(SpinModel([wound], lattice=Lattice.square()))
    assert np.allclose(np.abs(axes), [[1, 0, 0]])


def test_states_are_compared_modulo_rotations_time_and_translations():
    model = square(J, 0.0)
    state = random_spins(4, 3, 1)
    axis = random_spins(seed=1)
    turned = np.asarray(rotate_about(axis, jnp.array(0.8), jnp.asarray(state)))
    moved = np.roll(turned, (2, 1), axis=(0, 1))
    others = np.stack([state, turned, -moved, random_spins(4, 3, 1, seed=2)])
    away = distances(model, state, others, np.eye(3))
    assert np.all(away[:3] < 1e-7)
    assert away[3] > 0.5
    assert distances(model, state, moved[None], axis[None])[0] < 1e-7
    assert distances(model, state, moved[None], np.zeros((0, 3)))[0] > 0.1
    field = Term("field", [[0]], [[0.0, 0, 1]], [[[0, 0]]])
    assert is_even(model)
    assert not is_even(model.with_terms([field]))


def test_frustrated_ising_like_trimer_has_three_minima_that_symmetry_makes_one():
    plain = find_minima(trimer(J, 0.0, 0.0, [0.3 * J, 0.1 * J, -5 * J]), 60)
    lowest = np.isclose(plain.energies, plain.energies[0])
    assert plain.energies[0] == pytest.approx(-J - 15 * J)
    assert lowest.sum() == 3
    symmetry = cluster_symmetry(CORNERS, point_group("C3v"))
    upright = trimer(J, 0.0, 0.0, [0.0, 0.0, -5 * J])
    reduced = find_minima(upright, 60, symmetry=symmetry)
    assert np.isclose(reduced.energies, reduced.energies[0]).sum() == 1
    assert reduced.hits[0] == find_minima(upright, 60).hits[:3].sum()


@pytest.mark.slow
def test_stripes_along_both_axes_of_the_square_lattice_are_one_state():
    model = square(J, J, easy=-0.1 * J)
    starts = np.stack([stripes("ud", BOX, along) for along in (0, 1)])
    assert len(find_minima(model, starts).energies) == 2
    symmetry = crystal_symmetry(Lattice.square())
    assert find_minima(model, starts, symmetry=symmetry).hits.tolist() == [2]


# --- lattices ----------------------------------------------------------------------------------


def test_triangular_antiferromagnet_orders_at_120_degrees():
    """A square lattice with one of its diagonals."""
    model = square(J, [0.0, J])
    found = find_minima(model, 10, shape=BOX)
    assert found.energies[0] / 36 == pytest.approx(-1.5 * J)
    order = np.asarray(spiral(BOX, [1 / 3, -1 / 3], cone(np.pi / 2, 0.0)[None]))
    assert distances(model, order, found.directions[:1], np.eye(3)) < 1e-4
    assert np.sum(np.abs(found.curvatures[0]) < 1e-8) == 3


def test_frustrated_square_lattice_orders_in_stripes():
    """Beyond J_2 = J_1/2; a biquadratic term decides between states of two sublattices."""
    model = square(J, J, biquadratic=-0.1 * J)
    found = find_minima(model, 10, shape=BOX)
    assert found.energies[0] / 36 == pytest.approx(-2 * J - 0.2 * J)
    starts = np.stack([stripes("ud", BOX, along) for along in (0, 1)])
    away = [distances(model, state, found.directions[:1], np.eye(3)) for state in starts]
    assert min(np.concatenate(away)) < 1e-4


def ring(first, second, biquadratic, three_site):
    """Chain with neighbours, next-nearest neighbours and three sites in a row."""
    cells = [[[0], [1]], [[0], [2]]]
    terms = [
        Term("exchange", [[0, 0]] * 2, [first, second], cells),
        Term("biquadratic", [[0, 0]], [biquadratic], cells[:1]),
        Term("three_site", [[0, 0, 0]], [three_site], [[[0], [1], [2]]]),
    ]
    return SpinModel(terms, lattice=Lattice.chain())


@pytest.mark.slow
def test_four_spin_terms_split_up_up_down_down_from_spirals():
    """With exchange alone the 90 degree spiral and its superpositions have the same energy."""
    box = (8,)
    turn = spiral(box, [0.25], cone(np.pi / 2, 0.0)[None])
    double = stripes("uudd", box)
    plain = ring(0.3 * J, J, 0.0, 0.0)
    assert plain.energy(turn) == pytest.approx(plain.energy(double)) == pytest.approx(-8 * J)
    biquadratic, three_site = 0.11 * J, 0.17 * J
    full = ring(0.3 * J, J, biquadratic, three_site)
    assert full.energy(turn) == pytest.approx(-8 * J)
    assert full.energy(double) == pytest.approx(-8 * J + 8 * (biquadratic - three_site))
    found = relax(ring(0.0, J, 0.0, three_site), random_spins(10, 8, 1))
    best = np.argmin(found.energy)
    assert found.energy[best] == pytest.approx(-8 * (J + three_site))
    lowest = np.asarray(found.directions)[best : best + 1]
    assert distances(full, double, lowest, np.eye(3)) < 1e-5


# --- curvatures and landscapes -----------------------------------------------------------------


def test_curvatures_are_eigenvalues_of_the_hessian(monkeypatch):
    model = trimer(J, 0.3 * J, 0.3 * J)
    matrix = np.asarray(model.hessian(planar_neel())).reshape(6, 6)
    assert np.allclose(curvatures(model, planar_neel()), np.linalg.eigvalsh(matrix), atol=1e-15)
    lattice = square(-J, 0.2 * J, easy=-0.05 * J)
    state = np.broadcast_to(ferromagnet(1), (*BOX, 1, 3))
    every = curvatures(lattice, state)
    monkeypatch.setattr(ground_state, "_DENSE", 10)
    assert np.allclose(
        np.unique(curvatures(lattice, state).round(9)), np.unique(every[:6].round(9))
    )
    assert every[0] == pytest.approx(0.1 * J)


def test_curvature_along_a_step_is_the_second_derivative_along_its_geodesic():
    model, spins = trimer(J, 0.3 * J, 0.3 * J), jnp.asarray(random_spins(3))
    axes = jnp.asarray(random_spins(3, seed=1))
    step = jnp.cross(axes, spins)
    image = curvature_product(model, spins, model.gradient(spins), step)
    length = jnp.linalg.norm(step, axis=-1)

    def energy(t):
        angle = t * length[:, None]
        return model.energy(jnp.cos(angle) * spins + jnp.sin(angle) * step / length[:, None])

    h = 1e-4
    second = (energy(h) - 2 * energy(0.0) + energy(-h)) / h**2
    assert jnp.sum(step * image) == pytest.approx(float(second), rel=1e-6)


def test_landscapes_are_energies_of_the_family(monkeypatch):
    model = trimer(J, 0.3 * J, 0.2 * J)
    angle, phase = np.linspace(0, np.pi, 7), np.linspace(0, 2, 3)
    line = landscape(model, canted, angle)
    assert np.allclose(line, model.energy(canted(angle)))
    cosine = 1 - 1.5 * np.sin(angle) ** 2
    assert np.allclose(line, 3 * (J * cosine + 0.5 * J * cosine**2))
    monkeypatch.setattr(ground_state, "_POINTS_AT_ONCE", 10)
    area = landscape(model, lambda a, p: canted(a, 1, 3, p), angle, phase)
    assert area.shape == (7, 3)
    assert np.allclose(area, line[:, None])


def test_atoms_without_a_term_do_not_tell_states_apart():
    """A spin that feels nothing keeps its random direction; the minimum is one all the same."""
    terms = [
        Term("exchange", [[0, 2]], [-0.01]),
        Term("anisotropy", [[2]], [np.diag([0, 0, -0.01])]),
    ]
    found = find_minima(SpinModel(terms), 8)
    assert found.hits.tolist() == [8]
    model = SpinModel(terms)
    state = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    others = np.array([[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]])
    none = np.zeros((0, 3))
    np.testing.assert_allclose(distances(model, state, others, none), 1.0)
