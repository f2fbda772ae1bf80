"""The Rashba gas against k-space integrals that share nothing with the closed forms."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import SIGMA
from scipy.special import hankel1, hankel2, jv, sici, yv

from msgreen import ContactCoupling, RashbaGas, coefficients, green_matrix
from msgreen.errors import InputError
from msgreen.units import HBAR2_OVER_ME

ROOT = Path(__file__).resolve().parents[1]
AU111 = {"effective_mass": 0.26, "fermi_wavevector": 0.167, "rashba_wavevector": 0.0135}
SCALE = HBAR2_OVER_ME / 0.26
STRONG = {"effective_mass": 0.26, "fermi_wavevector": 0.167, "rashba_wavevector": 0.11}
ABSCISSAS, WEIGHTS = np.polynomial.legendre.leggauss(60)


def gas(dimension, **changes):
    return RashbaGas(dimension, **(STRONG | changes))


def resolvent(z, kx, ky, rashba):
    """(z - H(k))^-1, H = hbar^2 k^2 / 2m - alpha (k x z).sigma, by Cramer's rule."""
    kx, ky = np.broadcast_arrays(kx, ky)
    h = SCALE / 2 * (kx**2 + ky**2)[..., None, None] * np.eye(2)
    h = h - SCALE * rashba * (ky[..., None, None] * SIGMA[0] - kx[..., None, None] * SIGMA[1])
    m = z * np.eye(2) - h
    det = m[..., 0, 0] * m[..., 1, 1] - m[..., 0, 1] * m[..., 1, 0]
    adjugate = np.stack([m[..., 1, 1], -m[..., 0, 1], -m[..., 1, 0], m[..., 0, 0]], axis=-1)
    return adjugate.reshape(*m.shape) / det[..., None, None]


def segment(start, end):
    """Nodes and weights of a straight line in the complex plane."""
    half = (end - start) / 2
    return start + half * (1 + ABSCISSAS), half * WEIGHTS


def path(*points):
    nodes, weights = zip(
        *(segment(a, b) for a, b in zip(points, points[1:], strict=False)), strict=True
    )
    return np.concatenate(nodes), np.concatenate(weights)


def poles(z, rashba):
    """Wave vectors of the bands at energy z: the first two belong above the path."""
    q = np.sqrt(2 * z / SCALE + rashba**2 + 0j)
    q = q if q.imag > 0 or (q.imag == 0 and q.real > 0) else -q
    return [q - rashba, q + rashba], [-q - rashba, -q + rashba]


def real_line(z, rashba, low, edge):
    """From `low` to `edge`, dipping away from the poles, above and below, near the real axis."""
    above, below = poles(z, rashba)
    side = sorted([(p.real, -1) for p in above] + [(p.real, 1) for p in below])
    side = [(x, s) for x, s in side if x > low]
    between = [(a[0] + b[0]) / 2 for a, b in zip(side, side[1:], strict=False)]
    points = [complex(low)]
    for n, (x, s) in enumerate(side):
        points.append(x + 0.02j * s)
        points.append(complex(between[n] if n < len(between) else edge))
    return path(*points)


def rays(edge, sign, length):
    """From `edge` into the upper (+) or lower (-) half plane, where e^{+-ikr} decays."""
    turn = np.exp(0.25j * np.pi * sign)
    return path(*(edge + turn * length * np.array([0, 0.02, 0.1, 0.3, 0.6, 1.0])))


def direct_1d(z, distance, rashba):
    """Int dk/2pi e^{ik(x_i - x_j)} G(k) for x_i - x_j = distance > 0."""
    edge, length = 1.0, 60 / distance
    k, w = real_line(z, rashba, -edge, edge)
    right, w_right = rays(edge, 1, length)
    left, w_left = -rays(edge, -1, length)[0], rays(edge, -1, length)[1]
    k = np.concatenate([k, right, left])
    w = np.concatenate([w, w_right, w_left])
    return np.einsum(
        "k,kst->st", w * np.exp(1j * k * distance) / (2 * np.pi), resolvent(z, k, 0.0, rashba)
    )


def direct_2d_brute(z, bond, rashba):
    """Int d^2k/(2 pi)^2 e^{ik.bond} G(k) for a bond along +x, without Bessel functions."""
    edge, length = 0.8, 60 / bond
    upper, w_upper = rays(edge, 1, length)
    middle, w_middle = path(*np.linspace(-edge, edge, 9))
    kx = np.concatenate([middle, upper, -upper.conj()])
    wx = np.concatenate([w_middle, w_upper, w_upper.conj()])
    total = 0
    cuts = np.sinh(np.linspace(0, np.arcsinh(45 / bond / 0.1), 14)) * 0.1
    ky, wy = path(*cuts)
    for sign in (1, -1):
        for y, v in zip(sign * ky, wy, strict=True):
            green = resolvent(z, kx, y, rashba)
            total = total + v * np.einsum("k,kst->st", wx * np.exp(1j * kx * bond), green)
    return total / (2 * np.pi) ** 2


def direct_2d(z, bond, rashba):
    """The same with the angular integral done: A by J0, B by J1 (along +y for a bond along +x).

    G(k) = g(k) + f(k) (k x z).sigma/k; the Bessel function is split into Hankel functions,
    each of which decays on its own ray.
    """

    def radial(k):
        band = [1 / (z - SCALE / 2 * (k**2 + 2 * s * k * rashba)) for s in (1, -1)]
        return k * (band[0] + band[1]) / 2, k * (band[0] - band[1]) / 2

    edge, length = 0.8, 60 / bond
    k, w = real_line(z, rashba, 0.0, edge)
    g, f = radial(k)
    scalar = np.sum(w * jv(0, k * bond) * g)
    vector = np.sum(w * jv(1, k * bond) * f)
    for sign, hankel in ((1, hankel1), (-1, hankel2)):
        k, w = rays(edge, sign, length)
        g, f = radial(k)
        scalar += np.sum(w * hankel(0, k * bond) * g) / 2
        vector += np.sum(w * hankel(1, k * bond) * f) / 2
    # <e^{ik.r} k_x/k> = i J1, and the upper band (k + k_R) has spin along -(k x z) = +y.
    return scalar / (2 * np.pi), 1j * vector / (2 * np.pi)


def block(host, z, bond):
    """G_ij for r_i - r_j = bond."""
    sites = jnp.stack([jnp.asarray(bond, float), jnp.zeros(len(bond))])
    green = host.blocks(jnp.array([z]), sites, np.array([[0, 1]]))
    return np.asarray(green.matrix())[0, 0]


BOTTOM = -SCALE * STRONG["rashba_wavevector"] ** 2 / 2
ENERGIES = [
    0.3 + 0.2j,
    -0.1 + 0.3j,
    2j,
    0.4 + 1e-3j,
    0.4 + 1e-9j,
    0.4,
    0.5 * BOTTOM + 1e-9j,
    0.5 * BOTTOM,
    0.1 * BOTTOM + 0.01j,
    2 * BOTTOM + 1e-9j,
]


@pytest.mark.parametrize("z", ENERGIES, ids=str)
@pytest.mark.parametrize("distance", [3.0, 17.0])
def test_one_dimension_is_the_k_integral(z, distance):
    """Also between the bottom of the bands and their crossing, and on the real axis."""
    rashba = STRONG["rashba_wavevector"]
    expected = direct_1d(complex(z), distance, rashba)
    found = block(gas(1), complex(z), [distance])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("z", ENERGIES, ids=str)
@pytest.mark.parametrize("distance", [3.0, 17.0])
def test_two_dimensions_are_the_radial_integral(z, distance):
    scalar, vector = direct_2d(complex(z), distance, STRONG["rashba_wavevector"])
    expected = scalar * np.eye(2) + vector * SIGMA[1]
    found = block(gas(2), complex(z), [distance, 0.0])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("z", [0.3 + 0.4j, -0.2 + 0.3j])
def test_two_dimensions_are_the_k_integral(z):
    expected = direct_2d_brute(z, 6.0, STRONG["rashba_wavevector"])
    found = block(gas(2), z, [6.0, 0.0])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_real_axis_is_the_limit_from_above():
    for dimension in (1, 2):
        for energy in (0.4, 0.5 * BOTTOM, 2 * BOTTOM):
            bond = [5.0, 0.0][:dimension]
            at, above = (block(gas(dimension), energy + s * 1j, bond) for s in (0, 1e-11))
            np.testing.assert_allclose(at, above, atol=1e-8 * np.abs(above).max())


def test_wavevector_is_the_branch_of_the_upper_half_plane():
    host = gas(2)
    z = jnp.array([0.4, 0.4 + 1e-12j, -3.0, -3 + 1j, 0.5 * BOTTOM, 2 * BOTTOM + 0.1j, 1j])
    q = np.asarray(host.wavevector(z))
    assert np.all(q.imag >= 0) and np.all(q.real >= 0)
    np.testing.assert_allclose(SCALE / 2 * (q**2 - STRONG["rashba_wavevector"] ** 2), z, rtol=1e-14)


def test_reversed_bond_changes_the_sign_of_b():
    sites = jnp.array([[0.0, 0.0], [4.0, 3.0], [-2.0, 5.0]])
    z = jnp.array([0.2 + 0.1j, 1.0 + 0.5j])
    forward = gas(2).blocks(z, sites, np.array([[0, 1], [0, 2], [1, 2]]))
    backward = gas(2).blocks(z, sites, np.array([[1, 0], [2, 0], [2, 1]]))
    np.testing.assert_array_equal(forward.A, backward.A)
    np.testing.assert_array_equal(forward.B, -backward.B)


def test_time_reversal_and_reciprocity():
    """sigma_y G_ij^T sigma_y = G_ji, and G_ij(z*) = G_ji(z)^dagger for the closed-form branch."""
    matrix = np.asarray(green_matrix(gas(1), jnp.array([0.3 + 0.2j]), jnp.array([[0.0], [3.0]])))
    g01, g10 = matrix[0, 0, :, 1], matrix[0, 1, :, 0]
    np.testing.assert_allclose(SIGMA[1] @ g01.T @ SIGMA[1], g10, atol=1e-15)


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2, 2.5, -1.0])
def test_bond_normal_turns_with_the_bond(angle):
    """beta = (sin b, -cos b, 0) for r_i - r_j at angle b, L below Eq. 37; the gas is isotropic."""
    z = jnp.array([0.3 + 0.2j])
    sites = 7.0 * np.array([[np.cos(angle), np.sin(angle)], [0.0, 0.0]])
    green = gas(2).blocks(z, jnp.asarray(sites), np.array([[0, 1]]))
    along_x = gas(2).blocks(z, jnp.array([[7.0, 0.0], [0.0, 0.0]]), np.array([[0, 1]]))
    np.testing.assert_allclose(green.A, along_x.A, rtol=1e-13)
    strength = -np.asarray(along_x.B)[0, 0, 1, 0, 0]
    normal = np.array([np.sin(angle), -np.cos(angle), 0.0])
    np.testing.assert_allclose(green.B[0, 0, :, 0, 0], strength * normal, atol=1e-16)


@pytest.mark.parametrize("dimension", [1, 2])
def test_free_gas_has_no_b(dimension):
    host = gas(dimension, rashba_wavevector=None)
    sites = jnp.asarray(np.array([[0.0, 0.0], [4.0, 1.0]])[:, :dimension])
    green = host.blocks(jnp.array([0.3 + 0.1j, 1.0]), sites, np.array([[0, 1]]))
    assert np.abs(green.B).max() == 0
    small = gas(dimension, rashba_wavevector=1e-8).blocks(
        jnp.array([0.3 + 0.1j, 1.0]), sites, np.array([[0, 1]])
    )
    np.testing.assert_allclose(small.A, green.A, rtol=1e-7)


def test_onsite_block_of_one_dimension():
    """Int dk/2pi of the resolvent converges; its tail is -(2/scale) k^-2 and smaller."""
    z, rashba, edge = 0.3 + 0.2j, STRONG["rashba_wavevector"], 1.0
    t, w = path(*np.linspace(-0.5 * np.pi, 0.5 * np.pi, 9))
    k = edge * np.tan(t)
    green = resolvent(z, k, 0.0, rashba) * (edge / np.cos(t) ** 2)[:, None, None]
    expected = np.einsum("k,kst->st", w, green) / (2 * np.pi)
    found = gas(1).blocks(jnp.array([z]), jnp.array([[0.0]]), np.array([[0, 0]])).matrix()[0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("z", [0.3 + 0.2j, -0.4 + 0.1j, 0.5 * BOTTOM + 0.05j, 3j, 0.4, BOTTOM / 2])
@pytest.mark.parametrize("cutoff", [0.7, 5.0])
def test_onsite_block_of_two_dimensions(z, cutoff):
    """Trapezoidal rule over the angle, a path around the poles along k up to the cutoff."""
    z = complex(z)
    rashba = STRONG["rashba_wavevector"]
    first, w_first = real_line(z, rashba, 0.0, 0.5)
    rest, w_rest = path(0.5, (0.5 + cutoff) / 2, cutoff)
    k, w = np.concatenate([first, rest]), np.concatenate([w_first, w_rest])
    angle = 2 * np.pi * np.arange(8) / 8
    green = resolvent(z, k[:, None] * np.cos(angle), k[:, None] * np.sin(angle), rashba)
    expected = np.einsum("k,kast->st", w * k / (2 * np.pi) / 8, green)
    host = gas(2, momentum_cutoff=cutoff)
    sites, pairs = jnp.array([[0.0, 0.0], [5.0, 0.0]]), np.array([[1, 1], [0, 1], [0, 0]])
    found = np.asarray(host.blocks(jnp.array([z]), sites, pairs).matrix())
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found[0, 0], expected, rtol=0, atol=1e-11 * scale)
    np.testing.assert_allclose(found[0, 2], expected, rtol=0, atol=1e-11 * scale)
    # Blocks between sites do not know the cutoff.
    without = gas(2).blocks(jnp.array([z]), sites, pairs[1:2]).matrix()[0, 0]
    np.testing.assert_allclose(found[0, 1], without, rtol=1e-15)


def test_filling_and_coupling_by_either_name():
    host = RashbaGas(2, **AU111)
    scale = HBAR2_OVER_ME / 0.26
    energy = scale / 2 * (0.167**2 - 0.0135**2)
    np.testing.assert_allclose(host.fermi_energy, energy, rtol=1e-14)
    np.testing.assert_allclose(host.hbar2_over_mass, scale, rtol=1e-15)
    other = RashbaGas(2, effective_mass=0.26, fermi_energy=energy, rashba_parameter=0.0135 * scale)
    np.testing.assert_allclose(other.fermi_wavevector, 0.167, rtol=1e-14)
    np.testing.assert_allclose(other.rashba_wavevector, 0.0135, rtol=1e-14)
    below = RashbaGas(1, effective_mass=1.0, fermi_energy=-0.01, rashba_wavevector=0.1)
    np.testing.assert_allclose(below.fermi_energy, -0.01, rtol=1e-12)
    assert below.fermi_wavevector < below.rashba_wavevector


def wavefunction(parameters, dimension):
    mass, fermi, rashba, cutoff, sites = parameters
    host = RashbaGas(
        dimension,
        effective_mass=mass,
        fermi_wavevector=fermi,
        rashba_wavevector=rashba,
        momentum_cutoff=cutoff if dimension == 2 else None,
    )
    path = host.line(9.0, 20.0, nodes=21)
    pairs = np.array([[0, 1], [1, 2], [2, 0], [1, 1]])
    green = host.blocks(path.nodes, sites, pairs)
    mixed = jnp.sum(green.A[:, 0] * green.A[:, 1] * green.B[:, 2].sum(axis=1), axis=(1, 2))
    mixed = mixed * (1 + 1e2 * green.A[:, 3, 0, 0])
    return 1e4 * path.integrate(mixed + 1j * mixed)[0]


@pytest.mark.parametrize("dimension", [1, 2])
def test_derivatives_by_every_parameter_and_position(dimension):
    sites = np.array([[0.0, 0.0], [4.0, 1.0], [-2.0, 3.0]])[:, :dimension]
    parameters = (0.26, 0.2, 0.05, 0.9, jnp.asarray(sites))
    function = jax.jit(lambda p: wavefunction(p, dimension))
    exact, tree = jax.tree.flatten(jax.jit(jax.grad(function))(parameters))
    leaves = jax.tree.leaves(parameters)
    for n, leaf in enumerate(leaves):
        for index in np.ndindex(np.shape(leaf)):

            def shifted(step, n=n, index=index):
                array = np.array(leaves[n], float)
                array[index] += step
                return function(jax.tree.unflatten(tree, [*leaves[:n], array, *leaves[n + 1 :]]))

            h = 1e-4 * max(1.0, abs(np.asarray(leaf)[index])) if np.shape(leaf) else 1e-4 * leaf
            slope = (8 * (shifted(h) - shifted(-h)) - shifted(2 * h) + shifted(-2 * h)) / (12 * h)
            np.testing.assert_allclose(np.asarray(exact[n])[index], slope, rtol=1e-8, atol=1e-12)
            expected_zero = dimension == 1 and n == 3
            assert (exact[n][index] == 0) == expected_zero


def exchange(host, distance):
    sites = jnp.zeros((2, host.dimension)).at[1, 0].set(distance)
    found = coefficients(host, ContactCoupling(1.0), host.line(2 * distance), sites, [[0, 1]])
    return {name: np.asarray(c.value)[0] for name, c in found.items()}


@pytest.mark.parametrize("distance", [2.0, 9.0, 60.0, 200.0])
def test_rkky_of_the_free_gas(distance):
    """1D: (m/pi hbar^2)(pi/2 - Si(2 q r)); 2D: -(m q^2/4 pi hbar^2)(J0 Y0 + J1 Y1)."""
    fermi = AU111["fermi_wavevector"]
    one = exchange(RashbaGas(1, **AU111 | {"rashba_wavevector": 0.0}), distance)
    closed = (np.pi / 2 - sici(2 * fermi * distance)[0]) / np.pi / SCALE
    bound = 1 / (2 * fermi * distance) / np.pi / SCALE
    np.testing.assert_allclose(one["J_iso"], closed, rtol=0, atol=1e-12 * bound)
    two = exchange(RashbaGas(2, **AU111 | {"rashba_wavevector": 0.0}), distance)
    x = fermi * distance
    closed = -(fermi**2) * (jv(0, x) * yv(0, x) + jv(1, x) * yv(1, x)) / (4 * np.pi * SCALE)
    np.testing.assert_allclose(two["J_iso"], closed, rtol=0, atol=1e-12 * fermi**2 / SCALE / x**2)
    for found in (one, two):
        assert np.abs(found["D"]).max() == 0 and np.abs(found["J_ani"]).max() == 0


REFUSED = [
    ({"dimension": 4}, "Argument `dimension` must be 1, 2 or 3, but it is 4"),
    ({"effective_mass": -0.26}, "`effective_mass` must be greater than zero .*electron masses"),
    ({"effective_mass": 0.0}, "`effective_mass` must be greater than zero"),
    ({"effective_mass": np.nan}, "`effective_mass` must be finite.*Check the input"),
    (
        {"fermi_wavevector": None},
        "`fermi_wavevector` must be given .or `fermi_energy`., but neither",
    ),
    ({"fermi_energy": 0.4}, "`fermi_wavevector` must not be given together with `fermi_energy`"),
    ({"fermi_wavevector": 0.0}, "`fermi_wavevector` must be greater than zero .*1/angstrom"),
    ({"fermi_wavevector": np.inf}, "`fermi_wavevector` must be finite"),
    (
        {"fermi_wavevector": None, "fermi_energy": -5.0},
        "`fermi_energy` must be above the bottom of the band, .* eV, but it is -5 eV",
    ),
    ({"fermi_wavevector": None, "fermi_energy": np.nan}, "`fermi_energy` must be finite"),
    ({"rashba_parameter": 0.1}, "`rashba_wavevector` must not be given together.*Give one of them"),
    ({"rashba_wavevector": np.nan}, "`rashba_wavevector` must be finite"),
    ({"momentum_cutoff": -1.0}, "`momentum_cutoff` must be greater than zero"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_parameters_refused(changes, message):
    arguments = {"dimension": 2} | STRONG | changes
    with pytest.raises(InputError, match=message):
        RashbaGas(arguments.pop("dimension"), **arguments)


def test_sites_and_pairs_refused():
    host, z = gas(2), jnp.array([0.1j])
    pair = np.array([[0, 1]])
    two = jnp.array([[0.0, 0.0], [5.0, 0.0]])
    for sites in (jnp.zeros((2, 1)), jnp.zeros(2), jnp.zeros((0, 2))):
        with pytest.raises(InputError, match=r"`sites` must be positions of shape \(site, 2\)"):
            host.blocks(z, sites, pair)
    with pytest.raises(InputError, match="must hold distinct sites, but sites 0 and 2 coincide"):
        host.blocks(z, jnp.array([[0.0, 0.0], [5.0, 0.0], [0.0, 0.0]]), pair)
    with pytest.raises(InputError, match="`sites` must be finite"):
        host.blocks(z, two.at[0, 0].set(np.nan), pair)
    with pytest.raises(InputError, match="`pairs` must hold site numbers from 0 to 1"):
        host.blocks(z, two, np.array([[0, 2]]))
    with pytest.raises(InputError, match=r"`pairs` must be an int array of shape \(pair, 2\)"):
        host.blocks(z, two, np.array([[0.0, 1.0]]))
    with pytest.raises(InputError, match="`momentum_cutoff` must be given for an on-site block"):
        host.blocks(z, two, np.array([[0, 0]]))
    with pytest.raises(InputError, match="must hold at least two sites.*Use `RashbaGas.line`"):
        host.contour(two[:1])


def test_single_precision_is_refused():
    """In a process of its own, with 64 bits off, the default of JAX."""
    code = "from msgreen import RashbaGas; RashbaGas(1, effective_mass=1.0, fermi_wavevector=0.1)"
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}",
        "JAX_ENABLE_X64": "0",
        "JAX_PLATFORMS": "cpu",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("msgreen.errors.PrecisionError: `RashbaGas` needs float64")
    assert 'jax.config.update("jax_enable_x64", True)' in message
    assert "JAX_ENABLE_X64=1" in message
