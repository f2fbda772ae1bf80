"""The three-dimensional Rashba gas against integrals over k that share nothing with its path."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import SIGMA
from scipy.integrate import quad
from scipy.special import jv

from msgreen import ContactCoupling, RashbaGas, coefficients, compute_interactions
from msgreen.config.reader import read_file
from msgreen.errors import InputError
from msgreen.papers.runs import KINDS
from msgreen.units import HBAR2_OVER_ME, MEV

SCALE = HBAR2_OVER_ME / 0.26
STRONG = {"effective_mass": 0.26, "fermi_wavevector": 0.167, "rashba_wavevector": 0.11}
BOTTOM = -SCALE * STRONG["rashba_wavevector"] ** 2 / 2
ENERGIES = np.array([0.3 + 0.2j, 2j, 0.5 * BOTTOM + 0.01j, 0.4 + 0.01j])
BONDS = np.array([[3.0, 0.0, 2.0], [4.0, -7.0, 4.0], [0.3, 0.4, -9.0], [0.0, 0.0, 6.0]])
SITES = np.array([*BONDS, [0.0, 0.0, 0.0]])
PAIRS = np.array([[n, len(BONDS)] for n in range(len(BONDS))])


def gas(**changes):
    return RashbaGas(3, **(STRONG | changes))


def radial(z, momentum, height):
    """Int dk_z/2pi e^{i k_z height} of both bands by the residue, helicity + first."""
    q2 = 2 * z / SCALE + STRONG["rashba_wavevector"] ** 2
    parts = []
    for helicity in (1, -1):
        root = np.sqrt(q2 - (momentum + helicity * STRONG["rashba_wavevector"]) ** 2)
        root = root if root.imag > 0 else -root
        parts.append(-1j / SCALE * np.exp(1j * root * abs(height)) / root)
    return parts


def complex_quad(integrand, end, **options):
    found = quad(
        integrand, 0, end, complex_func=True, epsabs=1e-14, epsrel=1e-12, limit=500, **options
    )
    return found[0]


def direct(z, bond):
    """Int d^3k/(2pi)^3 e^{ik.bond} G(k): residue in k_z, angle by Bessel functions, k by quad.

    The band (k + k_R)^2 has spin along -(k x z), of which e^{ik.r} leaves i J1 across the bond.
    """
    rho = np.hypot(*bond[:2])
    edges = [abs(np.sqrt(2 * z / SCALE + 0.11**2).real + s * 0.11) for s in (1, -1)]

    def integral(integrand):
        return complex_quad(integrand, 40 / abs(bond[2]), points=edges) / (2 * np.pi)

    def scalar(k):
        return k * jv(0, k * rho) * sum(radial(z, k, bond[2])) / 2

    def vector(k):
        up, down = radial(z, k, bond[2])
        return k * 1j * jv(1, k * rho) * (up - down) / 2

    across = np.array([-bond[1], bond[0], 0.0]) / max(rho, 1e-30)
    return integral(scalar) * np.eye(2) + integral(vector) * np.einsum("x,xst", across, SIGMA)


@pytest.fixture(scope="module")
def found():
    return np.asarray(gas().blocks(ENERGIES, SITES, PAIRS).matrix())


def test_blocks_are_the_k_integral(found):
    """Also between the bottom of the bands and their crossing, and for a bond along z."""
    for e, z in enumerate(ENERGIES):
        for n, bond in enumerate(BONDS):
            expected = direct(complex(z), bond)
            scale = np.abs(expected).max()
            np.testing.assert_allclose(found[e, n], expected, rtol=0, atol=1e-11 * scale)


@pytest.mark.slow
def test_blocks_solve_the_equation_of_motion():
    """(z - H) G = 0 off the site, with derivatives by position: in the plane and out of it."""
    host, z = gas(), jnp.array([0.3 + 0.2j])
    pair = np.array([[0, 1]])

    def at(place):
        sites = jnp.stack([place, jnp.zeros(3)])
        block = host.blocks(z, sites, pair).matrix()[0, 0]
        return jnp.stack([block.real, block.imag])

    @jax.jit
    def expanded(place):
        slope = jax.jacfwd(at)
        return at(place), slope(place), jax.jacfwd(slope)(place)

    for bond in ([5.0, 2.0, 0.0], [1.0, 2.0, 4.0]):
        parts = [np.asarray(part) for part in expanded(jnp.asarray(bond))]
        G, dG, ddG = (part[0] + 1j * part[1] for part in parts)
        kinetic = -SCALE / 2 * np.trace(ddG, axis1=-2, axis2=-1)
        # alpha (k x z).sigma = -i alpha (d_y sigma_x - d_x sigma_y)
        turned = SIGMA[0] @ dG[..., 1] - SIGMA[1] @ dG[..., 0]
        left = complex(z[0]) * G - kinetic - 1j * SCALE * STRONG["rashba_wavevector"] * turned
        assert np.abs(left).max() < 1e-10 * np.abs(G).max()


def test_without_coupling_it_is_the_spherical_wave():
    """The closed form, which the quadrature meets as the coupling goes to zero."""
    host = gas(rashba_wavevector=None)
    blocks = host.blocks(ENERGIES, SITES, PAIRS)
    q, distance = np.asarray(host.wavevector(ENERGIES))[:, None], np.linalg.norm(BONDS, axis=1)
    np.testing.assert_allclose(
        blocks.A[..., 0, 0], -np.exp(1j * q * distance) / (2 * np.pi * SCALE * distance), rtol=1e-12
    )
    assert np.abs(blocks.B).max() == 0
    small = gas(rashba_wavevector=1e-9).blocks(ENERGIES, SITES, PAIRS)
    np.testing.assert_allclose(small.A, blocks.A, rtol=1e-10)
    # B is of first order in the coupling, also for derivatives at zero.
    slope = jax.jacfwd(lambda k: gas(rashba_wavevector=k).blocks(ENERGIES, SITES, PAIRS).B.imag)
    np.testing.assert_allclose(slope(0.0), small.B.imag / 1e-9, atol=1e-9)
    assert np.abs(slope(0.0)).max() > 1e-3
    real = gas(rashba_wavevector=1e-9).blocks(np.array([0.4]), SITES, PAIRS)
    np.testing.assert_allclose(real.A, host.blocks(np.array([0.4]), SITES, PAIRS).A, rtol=1e-10)


def test_bonds_far_apart_are_refused_with_coupling():
    far = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 700.0], [700.0, 0.0, 0.0]])
    with pytest.raises(InputError, match="700 angstrom, where G is accurate up to 598.8"):
        gas().blocks(ENERGIES, far, [[0, 1], [0, 2]])
    assert np.isfinite(gas().blocks(ENERGIES, far, [[0, 2]]).A).all()
    free = gas(rashba_wavevector=0.0)
    assert np.isfinite(free.blocks(ENERGIES, 9 * far, [[0, 1]]).A).all()
    traced = jax.jit(lambda places: gas().blocks(ENERGIES, places, [[0, 1]]).A)
    assert np.isnan(traced(far)).all()
    with pytest.raises(InputError, match="`momentum_cutoff` must be given"):
        gas().blocks(ENERGIES, far, [[0, 0]])


@pytest.mark.parametrize("z", [0.3 + 0.2j, 0.5 * BOTTOM + 0.05j, 3j, -0.4 + 0.1j])
def test_onsite_block_is_cut_in_the_plane(z):
    cutoff, rashba = 0.9, STRONG["rashba_wavevector"]
    total = complex_quad(lambda k: k * sum(radial(z, k, 0.0)), cutoff)
    host = gas(momentum_cutoff=cutoff, rashba_wavevector=rashba)
    block = host.blocks(np.array([z]), SITES, np.array([[1, 1]]))
    assert complex(block.A[0, 0, 0, 0]) == pytest.approx(total / (4 * np.pi), rel=1e-10)


def test_exchange_in_the_plane_has_a_dzyaloshinskii_moriya_vector_across():
    """Along z there is none: rotations about z and mirrors that contain it forbid it."""
    host = gas(rashba_wavevector=0.03)
    sites = np.array([[0.0, 0.0, 0.0], [8.0, 0.0, 0.0], [0.0, 0.0, 8.0]])
    path = host.line(16.0)
    terms = coefficients(host, ContactCoupling(100.0), path, sites, [[0, 1], [0, 2]])
    across, along = np.asarray(terms["D"].value)
    assert np.abs(across[[0, 2]]).max() < 1e-10 * abs(across[1]) and abs(across[1]) > 1e-4
    assert np.abs(along).max() < 1e-12


def test_scan_of_a_configuration(tmp_path):
    """Equidistant loops are those along x; asymptotic forms are drawn of fewer dimensions only."""
    file = tmp_path / "space.toml"
    file.write_text(
        '[host]\nkind = "rashba"\ndimension = 3\neffective_mass = 0.26\nfermi_wavevector = 0.167\n'
        "rashba_wavevector = 0.0135\n[coupling]\nvalue = 500.0\n[scan]\ndistances = [8.0, 12.0]\n"
    )
    outcome = read_file(file, KINDS).run(False)
    assert set(outcome.figures) == {"figure1_isotropic", "figure2_orders", "figure3_chiral"}
    host = gas(rashba_wavevector=0.0135)
    sites = np.array([[0.0, 0.0, 0.0], [8.0, 0.0, 0.0]])
    pair = coefficients(host, ContactCoupling(500.0), host.line(16.0), sites, [[0, 1]])
    assert outcome.dataset["J_iso"].values.ravel()[0] == pytest.approx(
        float(pair["J_iso"].value[0]) / MEV, rel=1e-9
    )


def test_error_of_long_bonds_is_that_of_the_integral():
    """Without coupling J is exact; so little of it changes J by 1e-17 of itself."""
    for height in (60.0, 99.0):
        sites = [[0.0, 0.0, 0.0], [0.0, 0.0, height / 0.167]]
        exact, found = (
            compute_interactions(
                gas(rashba_wavevector=k), ContactCoupling(100.0), sites, [np.array([[0, 1]])]
            )["pair"].coefficients["J_iso"]
            for k in (0.0, 1e-12)
        )
        wrong = abs(found.value[0] - exact.value[0])
        assert exact.error[0] < wrong < found.error[0] < 1e-9 * abs(exact.value[0])
