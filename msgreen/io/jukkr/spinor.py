"""Order of spins: JuKKR writes down first, msgreen up first."""

import numpy as np


def up_first(matrices: np.ndarray) -> np.ndarray:
    """Swap the two spins in the last two axes, spin being the slow index."""
    half = matrices.shape[-1] // 2
    return np.roll(matrices, (half, half), axis=(-2, -1))


def block_diagonal(up: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Put matrices of the two spins on the diagonal, up first."""
    orb = up.shape[-1]
    both = np.zeros((*up.shape[:-2], 2 * orb, 2 * orb), complex)
    both[..., :orb, :orb] = up
    both[..., orb:, orb:] = down
    return both
