"""Papers F1 and F2, statement by statement: what is printed, and what follows."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import j0

from msgreen.papers.fransson import (
    MeanField,
    SpinPair,
    level_figure,
    levels,
    mean_displacement,
    mean_field,
    moment_per_site,
    site_moments,
)
from msgreen.phonon import crystal_modes, crystal_tensors, helical_chain
from msgreen.phonon.closed_forms import acoustic_range, elastic_range, optical_range
from msgreen.units import BOLTZMANN

COUPLING = 0.1 * np.broadcast_to(np.eye(3), (4, 3, 3))
SITES = [(0, 0), (1, 0)]


def helix():
    springs = [(1, 5.0, 1.0), (2, 2.0, 0.5), (3, 1.0, 0.2)]
    return helical_chain(4, radius=1.0, pitch=3.0, mass=50.0, springs=springs, pinning=0.3)


def cartesian(tensor):
    """Largest entry of the antisymmetric part in the Cartesian indices."""
    return np.abs(tensor - np.swapaxes(tensor, -1, -2)).max() / 2


# --- F1 -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def there_and_back():
    """Tensors of one pair of the helix in both directions."""
    return np.asarray(crystal_tensors(helix(), COUPLING, SITES, [(0, 1), (1, 0)], [33]).value)


def test_parts_of_eq_5_exchange_the_cartesian_indices_alone(there_and_back):
    """With x and x' exchanged too, as printed, the antisymmetric part is zero for any phonons."""
    there, back = there_and_back
    assert cartesian(there) > 0.01 * np.abs(there).max()
    printed = (there - back.T) / 2
    assert np.abs(printed).max() < 1e-13 * np.abs(there).max()


def test_both_vertices_belong_to_one_mode(there_and_back):
    """Eqs. 7 and 10 print W_q W_-q^+, which is symmetric where polarisations are circular."""
    modes = crystal_modes(helix(), [33])
    one, two = np.asarray(helix().position(SITES))
    W = 0.1 * np.asarray(modes.lengths)[..., None] * np.asarray(modes.polarisations)
    W1, W2 = W[:, :, 0], W[:, :, 1]
    d = -2 / np.asarray(modes.energies)
    phase = np.exp(1j * np.asarray(modes.q) @ (one - two))
    weights = np.asarray(modes.weights)

    def summed(second):
        return np.einsum("k,k,km,kmi,kmj->ij", weights, phase, d, W1, second)

    tensor = summed(W2.conj())  # eps_-q is the conjugate of eps_q: W_-q^+ is W_q^t
    np.testing.assert_allclose(tensor, there_and_back[0], atol=1e-12)
    single = W1[:, :, :, None] * W1[:, :, None, :].conj()
    assert cartesian(single) > 0.1 * np.abs(single).max()
    printed = W1[:, :, :, None] * W1[:, :, None, :]
    assert cartesian(printed) < 1e-15


def test_eq_11_lacks_a_factor_and_half_of_its_modes():
    """i int_0^Q sin(q.R) dq is 2 i times what is printed, and imaginary: -q must be among the q."""
    along, across, end = 3.0, 0.7, 0.4
    angle = end * along / 2
    integral = quad(lambda q: np.sin(across + q * along), 0, end)[0]
    printed = abs(np.sin(angle)) / along * np.cos(across - np.arctan2(np.cos(angle), np.sin(angle)))
    assert integral == pytest.approx(2 * printed)
    both = quad(lambda q: np.sin(across + q * along) + np.sin(-across - q * along), 0, end)[0]
    assert both == 0  # with equal polarisations; unlike ones at q and -q are what is needed


def test_optical_forms_of_f1_are_those_of_elastic_waves():
    """After Eq. 15: 1 / omega^2 of sound instead of a constant; in two dimensions they diverge."""
    distance, cutoff = 9.0, 1.3
    printed = quad(lambda x: np.sinc(x / np.pi), 0, cutoff * distance)[0] / distance
    elastic = elastic_range(distance, cutoff=cutoff)
    assert elastic == pytest.approx(-printed / (2 * np.pi**2), rel=1e-10)
    constant = quad(
        lambda q: q**2 * np.sinc(q * distance / np.pi), 0, cutoff, epsabs=1e-13, limit=200
    )[0]
    optical = optical_range(3, distance, cutoff=cutoff, energy=1.0)
    assert optical == pytest.approx(-constant / np.pi**2, rel=1e-9)
    lower = np.array([1e-2, 1e-4])
    plane = [quad(lambda x: j0(x) / x, start, 5.0, limit=400)[0] for start in lower]
    assert plane[1] - plane[0] == pytest.approx(np.log(100), rel=1e-3)


@pytest.mark.parametrize(("dimension", "sharp"), [(2, 1.5), (3, 2.0)])
def test_optical_phonons_reach_less_far_in_two_dimensions_only(dimension, sharp):
    """With a sharp cutoff R^-(d+1)/2 against R^-(d-1); averaged over cutoffs much faster."""
    far = 100 * 2.0 ** np.arange(5)

    def power(range_function, **options):
        cutoffs = 1.3 + np.linspace(0, 2 * np.pi, 64)[:, None] / far  # one oscillation
        values = np.array(
            [
                [float(range_function(dimension, r, cutoff=q, **options)) for r, q in row]
                for row in (zip(far, some, strict=True) for some in cutoffs)
            ]
        )
        largest = np.polyfit(np.log(far), np.log(np.abs(values).max(axis=0)), 1)[0]
        return -largest, np.abs(values.mean(axis=0)) / np.abs(values).max(axis=0)

    optical, averaged = power(optical_range, energy=1.0)
    acoustic, kept = power(acoustic_range, velocity=1.0)
    assert optical == pytest.approx(sharp, abs=0.02)
    assert acoustic == pytest.approx(dimension - 1, abs=0.05)
    assert averaged[-1] < 0.03 < 0.4 < kept[-1]


def occupied(hamiltonian, temperature=0.2):
    """Density matrix of electrons at zero chemical potential."""
    energies, vectors = np.linalg.eigh(hamiltonian)
    return (vectors / (np.exp(energies / temperature) + 1)) @ vectors.conj().T


def spin_coupling(exchange_field, seed=3):
    """d^2 E / du dS at S = 0 for an electronic cluster with strong spin-orbit coupling."""
    rng = np.random.default_rng(seed)
    flip = np.kron(np.array([[0, 1], [-1, 0]]), np.eye(3))  # i sigma_y, complex conjugation after

    def symmetric():
        matrix = rng.normal(size=(6, 6)) + 1j * rng.normal(size=(6, 6))
        matrix = matrix + matrix.conj().T
        return (matrix + flip @ matrix.conj() @ flip.T) / 4

    rest, slope = symmetric(), symmetric()  # H(u) = rest + u slope
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    spins = [np.kron(s, np.diag([1.0, 0, 0])) for s in sigma]  # of the site that carries S
    field = exchange_field * np.kron(sigma[2], np.diag([0, 1.0, 0]))

    def torque(u):
        density = occupied(rest + u * slope + field)
        return np.array([np.trace(density @ s).real for s in spins])

    assert np.abs(rest[:3, 3:]).max() > 0.1  # spin-orbit coupling
    return (torque(1e-5) - torque(-1e-5)) / 2e-5


def test_linear_coupling_needs_broken_time_reversal():
    """After Eq. 3: E(S, u) = E(-S, u) where time reversal holds, spin-orbit coupling or not."""
    assert np.abs(spin_coupling(0.0)).max() < 1e-9
    assert np.abs(spin_coupling(0.3)).max() > 1e-3


# --- F2 -----------------------------------------------------------------------------------------


def test_ferromagnetic_moments_hardly_decay():
    """Fig. 5(d), "peaks and then decays": 50 meV has no peak, 5 meV falls by 0.1 to 0.6 %."""
    temperatures = np.arange(180.0, 301.0, 20.0)
    for anharmonicity, fall in ((1e-11, 0.0057), (1e-7, 0.0013)):
        options = {"spin": 1, "coupling": 0.01, "anharmonicity": anharmonicity, "energy": 1e-4}
        weak, strong = (
            np.abs(moment_per_site(temperatures, exchange=J, anisotropy=J, **options))
            for J in (5e-3, 50e-3)
        )
        assert temperatures[weak.argmax()] == 220.0
        assert 1 - weak[-1] / weak.max() == pytest.approx(fall, abs=2e-4)
        assert np.all(np.diff(strong) > 0)


def test_levels_of_an_antiferromagnetic_pair():
    """Fig. 1: singlet below triplet; anisotropy splits it 1 : 2, the displacement further."""
    stages = {
        "exchange": SpinPair(0.5, 0.01),
        "anisotropy": SpinPair(0.5, 0.01, anisotropic=-0.002),
        "vibration": SpinPair(0.5, 0.01, [0.024, 0.012], anisotropic=-0.002),
    }
    drawn = level_figure(stages).axes[0].collections
    assert [len(lines.get_segments()) for lines in drawn] == [1, 3, 1, 2, 1, 1, 1, 1, 1]
    lengths = [np.ptp(segment[:, 0]) for segment in drawn[1].get_segments()]
    np.testing.assert_allclose(lengths, 0.8 / 3)
    heights = [lines.get_segments()[0][0, 1] for lines in drawn]
    expected = [levels(pair)[0] for pair in stages.values()]
    np.testing.assert_allclose(heights[:2], 1e3 * expected[0][[0, 3]])
    np.testing.assert_allclose(heights[2:5], 1e3 * expected[1][[0, 1, 3]])
    np.testing.assert_allclose(heights[5:], 1e3 * expected[2])
    ground = [levels(pair)[1][0] for pair in stages.values()]
    assert ground == [0, 0, -1]


def test_displacement_and_moments_belong_to_each_other():
    """Eq. 6 in mean field: a solution of both equations, zero together without anharmonicity."""
    coupling, energy = np.array([0.010, 0.0]), 0.005
    critical = coupling[0] ** 2 / (2 * energy) / BOLTZMANN  # one spin 1/2, 116 K
    alone = SpinPair(0.5, 0.0)
    warm = mean_field(alone, coupling, energy, 1.1 * critical)
    assert abs(warm.displacement) < 1e-3 and np.abs(warm.moments).max() < 1e-3
    cold = mean_field(alone, coupling, energy, 0.5 * critical)
    assert isinstance(cold, MeanField)
    m = brentq(lambda x: x - 0.5 * np.tanh(2 * x / 0.5), 0.1, 0.5)  # Weiss
    assert abs(cold.moments[0]) == pytest.approx(m, rel=1e-6)
    assert cold.displacement == pytest.approx(-2 / energy * coupling @ cold.moments)

    both = np.array([0.010, 0.006])
    pair = SpinPair(1, 0.004, [1e-3, 0.0], single_ion=[1e-3, 1e-3])
    found = mean_field(pair, both, energy, 60.0, anharmonicity=1e-5)
    moved = SpinPair(1, 0.004, [1e-3, 0.0] + both * found.displacement, single_ion=[1e-3, 1e-3])
    np.testing.assert_allclose(site_moments(moved, 60.0), found.moments, rtol=1e-4)
    free = mean_displacement(1e-5, energy, 60.0)
    assert found.displacement == pytest.approx(float(free) - 2 / energy * both @ found.moments)


def test_harmonic_vibrations_magnetise_no_spin_one_half():
    """Eq. 6: exactly, the moment vanishes where the mean field has one."""
    size, coupling, energy = 40, 0.010, 0.005
    lower = np.diag(np.sqrt(np.arange(1, size)), 1)
    vibration = energy * np.diag(np.arange(size))
    Sz, beta = np.diag([0.5, -0.5]), 1 / (BOLTZMANN * 30.0)

    def moment(field):
        H = np.kron(np.eye(2), vibration) + coupling * np.kron(Sz, lower + lower.T)
        energies, vectors = np.linalg.eigh(H + field * np.kron(Sz, np.eye(size)))
        weights = np.exp(-beta * (energies - energies[0]))
        mean = np.einsum("is,ij,js,s", vectors, np.kron(Sz, np.eye(size)), vectors, weights)
        return mean / weights.sum()

    assert abs(moment(0.0)) < 1e-10
    assert moment(1e-4) == pytest.approx(-0.5 * np.tanh(beta * 1e-4 / 2), rel=1e-6)  # a free spin
    assert abs(mean_field(SpinPair(0.5, 0.0), [coupling, 0.0], energy, 30.0).moments[0]) > 0.4


def test_cubic_term_must_conserve_momentum():
    """Before Eq. 7: Q_k Q_k' Q_k+k' changes with the origin; Q_-k-k' gives sum Q_n^3."""
    count = 6
    where = np.arange(count)

    def cubic(displacements, sign):
        waves = np.fft.fft(displacements) / np.sqrt(count)
        k, other = np.meshgrid(where, where)
        return np.sum(waves[k] * waves[other] * waves[sign * (k + other) % count])

    u = np.random.default_rng(4).normal(size=count)
    assert cubic(u, -1) == pytest.approx(np.sqrt(count) * np.sum(u**3))
    assert cubic(np.roll(u, 1), -1) == pytest.approx(cubic(u, -1))
    assert abs(cubic(np.roll(u, 1), 1) - cubic(u, 1)) > 0.1


def test_mean_displacement_of_a_crystal_is_uniform():
    """Eq. 7 for k = 0 only: equal anharmonic sites, coupled to each other, move alike."""
    levels, count, omega = 5, 3, 1.0
    lower = np.diag(np.sqrt(np.arange(1, levels)), 1)
    single = [lower + lower.T, omega * np.diag(np.arange(levels))]

    def at(matrix, site):
        factors = [matrix if n == site else np.eye(levels) for n in range(count)]
        return np.kron(np.kron(factors[0], factors[1]), factors[2])

    Q = [at(single[0], n) for n in range(count)]
    H = sum(at(single[1], n) + 0.02 * Q[n] @ Q[n] @ Q[n] for n in range(count))
    H = H + 0.1 * sum(Q[n] @ Q[(n + 1) % count] for n in range(count))
    energies, vectors = np.linalg.eigh(H)
    weights = np.exp(-energies + energies[0])
    density = (vectors * weights / weights.sum()) @ vectors.T
    mean = np.array([np.trace(density @ q) for q in Q])
    waves = np.fft.fft(mean)
    assert abs(waves[0]) > 0.1 and np.abs(waves[1:]).max() < 1e-12


def test_transform_of_a_gaussian():
    """After Fig. 4: exp(-r^2 / r_S^2) on a plane has pi r_S^2 exp(-k^2 r_S^2 / 4)."""
    size, k = 1.7, 0.8
    value = quad(lambda r: 2 * np.pi * r * j0(k * r) * np.exp(-((r / size) ** 2)), 0, 20)[0]
    assert value == pytest.approx(np.pi * size**2 * np.exp(-((k * size) ** 2) / 4))


def test_single_ion_anisotropy_does_nothing_to_spins_one_half():
    """Fig. 5 has I = |J| and, in the text, S = 1/2: (S^z)^2 is a constant then."""
    with_it = SpinPair(0.5, 0.01, [0.012, 0.006], single_ion=[0.01, 0.01])
    without = SpinPair(0.5, 0.01, [0.012, 0.006])
    np.testing.assert_allclose(site_moments(with_it, 40.0), site_moments(without, 40.0))
    spin_one = SpinPair(1, 0.01, [0.012, 0.006], single_ion=[0.01, 0.01])
    plain = SpinPair(1, 0.01, [0.012, 0.006])
    assert np.abs(site_moments(spin_one, 40.0) - site_moments(plain, 40.0)).max() > 0.01
