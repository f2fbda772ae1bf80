"""Spin algebra against explicit Pauli matrices, finite rotations and the printed formulas."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.jet import jet
from problems import SIGMA, random_spins
from scipy.spatial.transform import Rotation

from msgreen.errors import InputError
from msgreen.spin.algebra import (
    Green,
    angles,
    decompose,
    direction,
    rotate,
    rotate_about,
    spin_form,
    spin_matrix,
    tangent_frame,
)
from msgreen.spin.tensors import LEVI_CIVITA, TRACELESS, PairParts, pair_parts

EPS = 1e-13
dot, cross = (lambda a, b: np.sum(a * b, axis=-1)), np.cross


def pauli(vector):
    return np.tensordot(vector, SIGMA, 1)


def random_complex(seed, *shape):
    return np.random.default_rng(seed).normal(size=(*shape, 2)) @ [1, 1j]


def half_trace(spins, legs):
    """1/2 Tr of the loop i -> j -> ...; legs holds (scalar, vector) of every leg."""
    product = np.eye(2, dtype=complex)
    for m, (scalar, vector) in enumerate(legs):
        after = spins[(m + 1) % len(spins)]
        product = product @ (scalar * np.eye(2) + pauli(vector)) @ pauli(after)
    return 0.5 * np.trace(product)


def test_decompose_inverts_matrix():
    matrix = random_complex(1, 4, 6, 6)
    green = decompose(jnp.asarray(matrix))
    assert green.A.shape == (4, 3, 3) and green.B.shape == (4, 3, 3, 3)
    np.testing.assert_allclose(green.matrix(), matrix, rtol=0, atol=EPS)
    blocks = matrix.reshape(4, 2, 3, 2, 3)
    np.testing.assert_allclose(green.A, (blocks[:, 0, :, 0] + blocks[:, 1, :, 1]) / 2, atol=EPS)
    np.testing.assert_allclose(green.B[:, 2], (blocks[:, 0, :, 0] - blocks[:, 1, :, 1]) / 2)


def test_matrix_is_the_kronecker_product():
    green = Green(jnp.asarray(random_complex(2, 3, 3)), jnp.asarray(random_complex(3, 3, 3, 3)))
    expected = np.kron(np.eye(2), green.A) + sum(
        np.kron(s, b) for s, b in zip(SIGMA, np.asarray(green.B), strict=True)
    )
    np.testing.assert_allclose(green.matrix(), expected, atol=EPS)
    assert green[None].A.shape == (1, 3, 3)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4,)])
def test_decompose_refuses(shape):
    with pytest.raises(InputError, match="Argument `matrix` must be square with an even size"):
        decompose(jnp.zeros(shape, complex))


def test_spin_matrix():
    strength, spin = random_complex(4, 2, 2), np.array([0.3, -1.2, 0.7])
    found = spin_matrix(jnp.asarray(strength), jnp.asarray(spin))
    np.testing.assert_allclose(found, np.kron(pauli(spin), strength), atol=EPS)


def test_direction_and_angles():
    spins = random_spins(5, 20)
    np.testing.assert_allclose(direction(*angles(spins)), spins, atol=EPS)
    np.testing.assert_allclose(direction(np.pi / 2, 0.0), [1, 0, 0], atol=EPS)
    np.testing.assert_allclose(direction(np.pi / 2, np.pi / 2), [0, 1, 0], atol=EPS)
    theta, phi = angles(np.array([[0, 0, 1.0], [0, 0, -1.0], [0, -1.0, 0]]))
    np.testing.assert_allclose(theta, [0, np.pi, np.pi / 2])
    np.testing.assert_allclose(phi[2], -np.pi / 2)


def test_angles_keep_precision_next_to_the_pole():
    tiny = np.array([1e-12, 0.0, 1.0])
    np.testing.assert_allclose(angles(tiny)[0], 1e-12, rtol=1e-12)


SPECIAL = np.array([[0, 0, 1.0], [0, 0, -1.0], [1.0, 0, 0], [0, -1.0, 0], [1e-9, 0, -1.0]])


def test_tangent_frame_is_right_handed():
    spins = np.concatenate([random_spins(6, 50), SPECIAL])
    u, v = np.moveaxis(np.asarray(tangent_frame(spins)), 1, 0)
    np.testing.assert_allclose(cross(u, v), spins, atol=1e-14)
    np.testing.assert_allclose(dot(u, v), 0, atol=1e-15)
    np.testing.assert_allclose([dot(u, u), dot(v, v)], 1, atol=1e-14)


def test_rotate_is_a_finite_rotation():
    spins = np.concatenate([random_spins(7, 20), SPECIAL])
    frame = np.asarray(tangent_frame(spins))
    rng = np.random.default_rng(8)
    tangent = rng.normal(size=(len(spins), 2))
    tangent *= (rng.uniform(0, np.pi, len(spins)) / np.linalg.norm(tangent, axis=1))[:, None]
    tangent[0] *= np.pi / np.linalg.norm(tangent[0])
    tangent[1] = 0
    moved = np.asarray(rotate(spins, frame, tangent))
    axis = cross(spins, np.einsum("ia,iak->ik", tangent, frame))
    np.testing.assert_allclose(moved, Rotation.from_rotvec(axis).apply(spins), atol=2e-15)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=2e-15)
    np.testing.assert_allclose(moved[0], -spins[0], atol=2e-15)


def test_rotate_has_all_derivatives_at_zero():
    """Along a straight line in the tangent plane: cos t e + sin t u, to sixth order."""
    spin = random_spins(9)
    frame = np.asarray(tangent_frame(spin))
    slope = np.array([0.6, 0.8])
    along = np.einsum("a,ak->k", slope, frame)
    point = lambda t: rotate(spin, frame, t * jnp.asarray(slope))  # noqa: E731
    _, derivatives = jet(point, (0.0,), ([1.0, 0.0, 0.0, 0.0, 0.0, 0.0],))
    cycle = [along, -spin, -along, spin, along, -spin]
    np.testing.assert_allclose(derivatives, cycle, rtol=0, atol=1e-13)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_rotate_to_an_order_has_its_derivatives_at_zero(order):
    spin = random_spins(9)
    frame, slope = tangent_frame(spin), jnp.array([0.6, 0.8])
    along = slope @ frame

    def nth(n):
        point = lambda t: rotate(spin, frame, t * slope, order)  # noqa: E731
        return functools.reduce(lambda f, _: jax.jacfwd(f), range(n), point)(0.0)

    cycle = [spin, along, -spin, -along, spin]
    for n, exact in enumerate(cycle[: order + 1]):
        np.testing.assert_allclose(nth(n), exact, rtol=0, atol=1e-14)
    assert np.abs(nth(order + 1)).max() < 1e-14


@pytest.mark.parametrize("order", [-1, 2.5, "2"])
def test_rotate_refuses_orders_that_are_none(order):
    spin = random_spins(9)
    with pytest.raises(InputError, match="`order` must be an integer of at least 0"):
        rotate(spin, tangent_frame(spin), jnp.zeros(2), order)


@pytest.mark.parametrize("order", [2, 3, 4, 5, 6])
def test_spin_form_is_the_trace(order):
    spins = list(np.random.default_rng(order).normal(size=(order, 3)))
    powers = range(order + 1) if order < 6 else (0, 1, 2, 3)
    patterns = [c for p in powers for c in itertools.combinations(range(order), p)]
    vectors = np.random.default_rng(10).normal(size=(order, 3))
    for carriers in patterns:
        form = np.asarray(spin_form(spins, carriers))
        assert form.shape == (3,) * len(carriers)
        legs = [(0.0, vectors[m]) if m in carriers else (1.0, np.zeros(3)) for m in range(order)]
        trace = half_trace(spins, legs)
        odd = (order + len(carriers)) % 2
        assert abs(trace.real if odd else trace.imag) < 1e-11
        for m in carriers:
            form = np.tensordot(vectors[m], form, 1)
        np.testing.assert_allclose(form, trace.imag if odd else trace.real, atol=1e-11)


def test_spin_form_of_three_spins_is_their_scalar_chirality():
    i, j, k = random_spins(17, 3)
    np.testing.assert_allclose(spin_form([i, j, k]), dot(i, cross(j, k)), atol=1e-14)


def test_spin_form_of_all_carriers_in_a_batch():
    spins = [random_spins(s, 5) for s in range(4)]
    form = np.asarray(spin_form(spins, (0, 1, 2, 3)))
    assert form.shape == (5, 3, 3, 3, 3)
    single = spin_form([s[2] for s in spins], (0, 1, 2, 3))
    np.testing.assert_allclose(form[2], single, atol=EPS)


# The printed forms, Lounis, New J. Phys. 22, 103003 (2020), with random vectors.


@pytest.fixture(scope="module")
def draw():
    rng = np.random.default_rng(12)
    return rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=3)


def test_two_spins(draw):
    (i, j, *_), b, _ = draw
    np.testing.assert_allclose(spin_form([i, j]), dot(i, j))
    np.testing.assert_allclose(spin_form([i, j], (0,)), cross(j, i))
    np.testing.assert_allclose(spin_form([i, j], (1,)), cross(i, j))


def test_four_spins_without_b(draw):
    (i, j, k, l), *_ = draw  # noqa: E741
    expected = dot(i, j) * dot(k, l) - dot(i, k) * dot(j, l) + dot(i, l) * dot(j, k)
    np.testing.assert_allclose(spin_form([i, j, k, l]), expected)


def lounis_23(spins, last_sign):
    i, j, k, l = spins  # noqa: E741
    first = dot(j, k) * cross(l, i) + cross(j, k) * dot(l, i)
    return first + last_sign * cross(cross(j, k), cross(l, i))


def test_four_spins_with_one_b(draw):
    spins, *_ = draw
    np.testing.assert_allclose(spin_form(spins, (0,)), lounis_23(spins, -1), rtol=1e-12)
    # The other legs by cyclic relabelling.
    for leg in range(4):
        shifted = np.roll(spins, -leg, axis=0)
        np.testing.assert_allclose(spin_form(spins, (leg,)), lounis_23(shifted, -1), rtol=1e-12)


def test_erratum_lounis_23_last_sign(draw):
    spins, *_ = draw
    assert np.abs(np.asarray(spin_form(spins, (0,))) - lounis_23(spins, +1)).max() > 0.1


def test_lounis_24_and_26(draw):
    """Through scalar and vector chiralities, all four legs (L 26), and contracted with C (L 24)."""
    spins, c, _ = draw
    for leg in range(4):
        i, j, k, l = np.roll(spins, -leg, axis=0)  # noqa: E741
        chirality, vector_chirality = dot(i, cross(k, l)), cross(i, cross(k, l))
        lounis_26 = j * chirality - cross(i, j) * dot(k, l) + cross(j, vector_chirality)
        np.testing.assert_allclose(spin_form(spins, (leg,)), lounis_26, rtol=1e-11)
        turned = cross(c, j)
        lounis_24 = dot(c, j) * dot(cross(k, l), i) + dot(turned, i) * dot(k, l)
        lounis_24 -= dot(turned, cross(cross(k, l), i))
        np.testing.assert_allclose(dot(c, spin_form(spins, (leg,))), lounis_24, rtol=1e-11)


def two_adjacent(spins, b, c, complete=True):
    i, j, k, l = spins  # noqa: E741
    p0, p, q0, q = dot(b, j), cross(b, j), dot(c, k), cross(c, k)
    r0, r = dot(l, i), cross(l, i)
    value = p0 * q0 * r0 - q0 * dot(p, r) - p0 * dot(q, r) + dot(cross(p, q), r)
    return value - r0 * dot(p, q) if complete else value


def test_four_spins_with_two_b_adjacent(draw):
    spins, b, c = draw
    form = np.einsum("ab,a,b", spin_form(spins, (0, 1)), b, c)
    np.testing.assert_allclose(form, two_adjacent(spins, b, c), rtol=1e-11)


def test_erratum_lounis_28_omits_a_term(draw):
    spins, b, c = draw
    form = np.einsum("ab,a,b", spin_form(spins, (0, 1)), b, c)
    assert abs(form - two_adjacent(spins, b, c, complete=False)) > 0.1


def test_four_spins_with_two_b_opposite(draw):
    """1/2 Tr[(b.s)(j.s)(k.s)(c.s)(l.s)(i.s)] by the six-vector form."""
    spins, b, c = draw
    i, j, k, l = spins  # noqa: E741
    form = np.einsum("ab,a,b", spin_form(spins, (0, 2)), b, c)
    np.testing.assert_allclose(form, six_vectors(b, j, k, c, l, i), rtol=1e-11)


def six_vectors(i, j, k, l, m, n, complete=True):  # noqa: E741
    a0, b0, c0 = dot(i, j), dot(k, l), dot(m, n)
    a, b, c = cross(i, j), cross(k, l), cross(m, n)
    value = a0 * b0 * c0 - a0 * dot(b, c) - b0 * dot(a, c) - c0 * dot(a, b)
    return value + dot(a, cross(b, c)) if complete else value


def test_six_spins():
    spins = np.random.default_rng(13).normal(size=(6, 3))
    np.testing.assert_allclose(spin_form(spins), six_vectors(*spins), rtol=1e-11)


def test_erratum_lounis_32_omits_the_triple_product():
    spins = np.random.default_rng(13).normal(size=(6, 3))
    assert abs(spin_form(spins) - six_vectors(*spins, complete=False)) > 0.1


@pytest.mark.parametrize("function", [angles, tangent_frame])
def test_unit_vectors_are_asked_for(function):
    with pytest.raises(InputError, match="must hold unit vectors.*Divide each vector"):
        function(np.array([0.0, 0.0, 2.0]))
    with pytest.raises(InputError, match="must be finite"):
        function(np.array([0.0, np.nan, 1.0]))
    with pytest.raises(InputError, match="3 components"):
        function(np.array([1.0, 0.0]))


def test_rotation_about_an_axis_is_that_of_scipy():
    rng = np.random.default_rng(5)
    axis, vectors, angle = random_spins(6, 4), rng.normal(size=(4, 3)), rng.normal(size=4)
    expected = Rotation.from_rotvec(angle[:, None] * axis).apply(vectors)
    np.testing.assert_allclose(rotate_about(axis, angle, vectors), expected, atol=1e-14)


def test_parts_of_a_pair_tensor_add_up_and_have_their_symmetry():
    tensors = np.random.default_rng(6).normal(size=(5, 2, 3, 3))
    parts = pair_parts(tensors)
    assert isinstance(parts, PairParts)
    one, two = random_spins(7, 5, 2), random_spins(8, 5, 2)
    energy = np.einsum("...a,...ab,...b", one, tensors, two)
    named = parts.isotropic * dot(one, two) + dot(parts.vector, cross(one, two))
    named += np.einsum("...a,...ab,...b", one, parts.traceless, two)
    np.testing.assert_allclose(named, energy, atol=1e-14)
    np.testing.assert_allclose(np.trace(parts.traceless, axis1=-2, axis2=-1), 0, atol=1e-15)
    np.testing.assert_array_equal(parts.traceless, np.swapaxes(parts.traceless, -1, -2))
    flat = TRACELESS.reshape(5, 9)
    gram = flat @ flat.T
    np.testing.assert_array_equal(gram, np.diag(np.diag(gram)))
    assert np.all(np.trace(TRACELESS, axis1=1, axis2=2) == 0)
    np.testing.assert_array_equal(LEVI_CIVITA[0, 1], [0, 0, 1])
