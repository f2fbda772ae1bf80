"""Sums over a mesh of k points against dense sums, and their derivatives against differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from msgreen_kernels.torus import active_order, api, planes, torus_green

Z = 0.3 + 0.7j


def grid(shape, fractions):
    axes = [np.arange(n) / n if fractions else np.arange(n) - n // 2 for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def hermitian(rng, reach, n, real=False):
    shape = (*(2 * r + 1 for r in reach), n, n)
    h = rng.normal(size=shape) + (0 if real else 1j) * rng.normal(size=shape)
    return (h + h[::-1, ::-1, ::-1].conj().swapaxes(-1, -2)) / 2


def dense(z, blocks, mesh, reach, dressing=None, frame=None):
    k = grid(mesh, True)

    def wave(box):
        phases = np.exp(2j * np.pi * k @ grid(box.shape[:3], False).T)
        return np.einsum("kr,rab->kab", phases, box.reshape(-1, *box.shape[3:]))

    green = np.linalg.inv(z * np.eye(blocks.shape[-1]) - wave(blocks))
    if dressing is not None:
        b = wave(dressing)
        if frame is not None:
            w = wave(frame)
            green, b = w @ green @ w, np.linalg.solve(w, b) @ np.linalg.inv(w)
        green = np.block([[green, green @ b], [b @ green, b @ green @ b]])
    width = [2 * r + 1 for r in reach]
    back = np.exp(-2j * np.pi * k @ grid(width, False).T)
    return np.einsum("kr,kab->rab", back, green).reshape(*width, *green.shape[1:]) / len(k)


MESHES = [(5, 6, 4), (7, 1, 9), (1, 1, 12), (1, 1, 1)]


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("mesh", MESHES)
def test_sums_are_those_over_all_points(mesh, real):
    rng = np.random.default_rng(sum(mesh))
    reach = [int(n > 1) for n in mesh]
    h, b = (hermitian(rng, reach, 3, real) for _ in range(2))
    found = torus_green(Z, h, mesh, (2, 1, 1), real=real)
    assert np.allclose(found, dense(Z, h, mesh, (2, 1, 1)), atol=1e-13)
    found = torus_green(Z, h, mesh, (1, 0, 2), dressing=b, real=real)
    assert np.allclose(found, dense(Z, h, mesh, (1, 0, 2), b), atol=1e-12)


def framed(s):
    """A Hermitian function of cells that is positive definite at every k."""
    w = 0.02 * s
    w[tuple(n // 2 for n in s.shape[:3])] += np.eye(s.shape[-1])
    return w


@pytest.mark.parametrize("real", [False, True])
def test_overlaps_change_the_blocks_and_frames_the_orbitals(real):
    """The resolvent of z s - h, and its dressing between the orbitals w^-1."""
    rng = np.random.default_rng(5)
    mesh = (4, 3, 5)
    h, b, s = (hermitian(rng, (1, 1, 1), 2, real) for _ in range(3))
    overlap, frame, unit = framed(s), framed(h), framed(0 * s)
    changed = h - Z * (overlap - unit)
    found = torus_green(Z, changed, mesh, (1, 0, 1), dressing=b, frame=frame, real=real)
    # zero - (h - z s) is what `dense` inverts
    expected = dense(0, h - Z * overlap, mesh, (1, 0, 1), b, frame)
    assert np.allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("size", [15, 21])
def test_large_matrices_have_smaller_tiles(size):
    h = hermitian(np.random.default_rng(size), (1, 1, 1), size, True)
    found = torus_green(Z, h, (5, 3, 9), (1, 1, 1), real=True)
    assert np.allclose(found, dense(Z, h, (5, 3, 9), (1, 1, 1)), atol=1e-12)


def test_parts_of_a_sum_add_up():
    rng = np.random.default_rng(1)
    h = hermitian(rng, (1, 1, 1), 2)
    mesh = (13, 4, 3)
    count = planes(mesh, False)
    assert count == 4 and active_order(mesh) == (0, 1, 2)
    parts = [torus_green(Z, h, mesh, (1, 1, 1), span=(n, n + 1)) for n in range(count)]
    assert np.allclose(sum(parts), torus_green(Z, h, mesh, (1, 1, 1)), atol=1e-14)


@pytest.mark.parametrize("dressings", [0, 1, 2])
def test_gradients_are_those_of_the_sum(dressings):
    rng = np.random.default_rng(2)
    mesh, reach = (3, 4, 2), (1, 1, 2)
    boxes = [hermitian(rng, r, 2) for r in ((1, 1, 1), (1, 0, 1), (0, 1, 1))]
    boxes[2] = framed(boxes[2])
    given = boxes[: 1 + dressings]
    size = 4 if dressings else 2
    width = (*(2 * r + 1 for r in reach), size, size)
    seed = rng.normal(size=width) + 1j * rng.normal(size=width)

    def value(z, h, b=None, w=None):
        return jnp.sum(seed * torus_green(z, h, mesh, reach, dressing=b, frame=w)).real

    def slow(z, h, *boxes):
        return np.sum(seed * dense(z, h, mesh, reach, *boxes)).real

    arguments = [jnp.asarray(Z), *map(jnp.asarray, given)]
    found = jax.grad(value, tuple(range(len(arguments))))(*arguments)
    small = 1e-5
    for n, slope in enumerate(found):
        step = rng.normal(size=slope.shape) + 1j * rng.normal(size=slope.shape)
        ends = []
        for sign in (1, -1):
            moved = [np.asarray(x) for x in arguments]
            moved[n] = moved[n] + sign * small * step
            ends.append(slow(*moved))
        expected = float(np.sum(slope * step).real)
        assert np.isclose((ends[0] - ends[1]) / (2 * small), expected, rtol=1e-5)


def test_one_compilation_serves_all_meshes():
    rng = np.random.default_rng(3)
    h = hermitian(rng, (1, 1, 1), 2)
    torus_green(Z, h, (2, 3, 4), (1, 1, 1))
    before = api._swept._cache_size()
    torus_green(Z, h, (5, 3, 6), (1, 1, 1))
    assert api._swept._cache_size() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blocks": np.zeros((2, 1, 1, 2, 2))}, r"`blocks` must have shape"),
        ({"blocks": np.zeros((1, 1, 1, 2, 3))}, r"`blocks` must have shape"),
        ({"dressing": np.zeros((1, 1, 1, 3, 3))}, r"`dressing` must hold matrices like `blocks`"),
        ({"frame": np.zeros((1, 1, 1, 3, 3))}, r"`frame` must hold matrices like `blocks`"),
        ({"frame": np.zeros((1, 1, 1, 2, 2))}, r"`frame` must come with a `dressing`"),
        ({"mesh": (2, 2)}, r"`mesh` must hold 3 positive integers"),
        ({"mesh": (0, 2, 2)}, r"`mesh` must hold 3 positive integers"),
        ({"reach": (0, -1, 2)}, r"`reach` must hold 3 integers from 0"),
    ],
)
def test_wrong_arguments_are_refused(change, message):
    given = {"z": Z, "blocks": np.zeros((1, 1, 1, 2, 2)), "mesh": (1, 1, 1), "reach": (0, 0, 0)}
    with pytest.raises(ValueError, match=message):
        torus_green(**{**given, **change})
