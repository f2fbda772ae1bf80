import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattices import IMAGINARY_PX, SQUARE, dense_matrix

from msgreen.errors import InputError
from msgreen.lattice import Lattice, Region, hopping_model, shell_model
from msgreen.lattice.nambu import Pairing, charge_phase, d_wave, double, p_wave, s_wave

STILL = np.zeros(2)


def textbook_matrix(model, pairing, region, mu):
    """[[h, Delta], [Delta^dagger, -h*]] in the basis (c, c^dagger)."""
    normal, _ = dense_matrix(model, region)
    normal = normal - mu * np.eye(len(normal))
    gap, _ = dense_matrix(pairing, region)
    size = model.blocks.shape[-1]
    i_sigma2 = np.kron([[0, 1], [-1, 0]], np.eye(size // 2))
    delta = gap @ np.kron(np.eye(len(gap) // size), i_sigma2)
    np.testing.assert_allclose(delta, -delta.T, atol=1e-15)
    return np.block([[normal, delta], [delta.conj().T, -normal.conj()]])


class View:
    """A pairing as a bare list of blocks, for `dense_matrix`."""

    def __init__(self, pairing):
        self.blocks, self.cells, self.local = pairing.blocks, pairing.cells, False


@pytest.mark.parametrize(
    "pairing",
    [
        s_wave(SQUARE, 0.3 + 0.1j),
        s_wave(SQUARE, 0.2) + p_wave(SQUARE, 0.4, IMAGINARY_PX),
        p_wave(SQUARE, 0.3, [[1, 0], [1j, 0.4], [0, 1j]]) + d_wave(SQUARE, 0.5, np.diag([1, -1])),
    ],
)
def test_doubling_keeps_the_levels_of_the_textbook_basis(pairing):
    model = shell_model(SQUARE, [-1.0], exchange=[0.1, 0.2, 0.3], rashba=0.3)
    region = Region(SQUARE, (3, 4))
    doubled, _ = dense_matrix(double(model, pairing, -0.7, STILL), region)
    expected = textbook_matrix(model, View(pairing), region, -0.7)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(doubled), np.linalg.eigvalsh(expected), atol=1e-13
    )


def test_doubling_with_two_orbitals():
    rng = np.random.default_rng(1)
    chain = Lattice.chain()
    block = rng.normal(size=(2, 4, 4)) + 1j * rng.normal(size=(2, 4, 4))
    model = hopping_model(
        chain, [((0,), 0, 0, block[0] + block[0].conj().T), ((1,), 0, 0, block[1])]
    )
    pairing, region = s_wave(chain, 0.3j, orbitals=2), Region(chain, (5,))
    doubled, _ = dense_matrix(double(model, pairing, 0.2, np.zeros(1)), region)
    expected = textbook_matrix(model, View(pairing), region, 0.2)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(doubled), np.linalg.eigvalsh(expected), atol=1e-12
    )


def test_spin_acts_alike_on_particles_and_holes():
    """An exchange field b.sigma becomes b.sigma x tau_0."""
    field = np.array([0.3, -0.2, 0.5])
    model = shell_model(SQUARE, [0.0], exchange=field)
    doubled = double(model, s_wave(SQUARE, 0.0), 0.0, STILL)
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    home = doubled.cells.index((0, 0))
    expected = np.kron(np.tensordot(field, sigma, 1), np.eye(2))
    np.testing.assert_allclose(doubled.blocks[home, 0, :, 0], expected, atol=1e-15)


def test_uniform_amplitude_changes_nothing():
    pairing = s_wave(SQUARE, 0.2) + p_wave(SQUARE, 0.1, IMAGINARY_PX)
    local = pairing.modulated(jnp.ones((3, 4)))
    assert local.blocks.shape[:2] == (3, 4)
    np.testing.assert_allclose(local.blocks[1, 2], pairing.blocks)


def test_doubled_model_is_differentiable():
    def level(delta):
        model = double(shell_model(SQUARE, [-1.0]), s_wave(SQUARE, delta), 0.0, STILL)
        return jnp.sum(jnp.abs(model.blocks) ** 2)

    np.testing.assert_allclose(jax.grad(level)(0.3), 4 * 2 * 0.3)


def test_charge_phase():
    phase = charge_phase(jnp.array([0.4]), 2)
    np.testing.assert_allclose(phase[0], np.exp([0.4j, 0.4j, -0.4j, -0.4j]))


def test_bad_input():
    even = np.zeros((3, 1, 2, 1, 2), complex)
    even[0, 0, :, 0] = even[2, 0, :, 0] = np.diag([1.0, -1.0])
    cells = [(-1, 0), (0, 0), (1, 0)]
    with pytest.raises(InputError, match=r"particle-hole symmetry.*R = \(-1, 0\).*spin-orbital 0"):
        Pairing(SQUARE, cells, even)
    with pytest.raises(InputError, match="shape"):
        p_wave(SQUARE, 0.1, np.zeros((2, 2)))
    with pytest.raises(InputError, match="one number per cell"):
        s_wave(SQUARE, 0.1).modulated(jnp.ones(3))
    with pytest.raises(InputError, match="lattice and the orbitals"):
        double(shell_model(SQUARE, [-1.0]), s_wave(Lattice.chain(), 0.1), 0.0, STILL)
