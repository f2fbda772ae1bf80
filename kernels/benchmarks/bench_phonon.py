"""Phonon-mediated tensors of many pairs on a large mesh, and a phase diagram of vibrating pairs."""

from _measure import header, peak_gigabytes  # isort: skip

import time

import jax
import numpy as np

from msgreen.papers.fransson import exchange_field_map
from msgreen.phonon import Spring, crystal_modes, crystal_tensors, mass_spring, mode_tensors

MESH = (102, 102, 102)
PAIRS = 1000
POINTS = 400


def seconds(function):
    """Return wall-clock and processor seconds as text, and the result."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = jax.block_until_ready(function())
    return (
        f"{time.perf_counter() - wall:.1f} s ({time.process_time() - cpu:.1f} s of processors)",
        result,
    )


def cubic():
    neighbours = [Spring(0, 0, cell, 4.0, 1.0) for cell in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    diagonals = [
        Spring(0, 0, cell, 2.0, 0.3)
        for cell in ((1, 1, 0), (1, -1, 0), (1, 0, 1), (1, 0, -1), (0, 1, 1), (0, 1, -1))
    ]
    return mass_spring(2.5 * np.eye(3), [[0, 0, 0]], [50.0], neighbours + diagonals)


def main():
    header()
    alpha = np.linspace(-0.01, 0.01, POINTS)

    def phase_diagram():
        return exchange_field_map(2, alpha, alpha, 3.0)

    first, _ = seconds(phase_diagram)
    again, _ = seconds(phase_diagram)
    print(f"phase diagram {POINTS} x {POINTS}, S = 2: {first} first, {again} again")

    crystal = cubic()
    coupling = 0.05 * np.random.default_rng(0).normal(size=(1, 3, 3))
    cells = np.stack(np.meshgrid(*3 * [np.arange(-5, 5)], indexing="ij"), -1).reshape(-1, 3)
    sites = np.concatenate([np.zeros((1 + PAIRS, 1), int), np.vstack([[[9, 9, 9]], cells])], axis=1)
    pairs = np.stack([np.zeros(PAIRS, int), 1 + np.arange(PAIRS)], axis=1)
    taken, by_fft = seconds(lambda: crystal_tensors(crystal, coupling, sites, pairs, MESH))
    count = np.prod(MESH)
    print(f"{PAIRS} pairs, {count} wave vectors of a crystal, resolvent and FFT: {taken}")
    print(
        f"  peak memory {peak_gigabytes():.2f} GB, largest mesh error {by_fft.error.max():.1e} eV"
    )
    modes = crystal_modes(crystal, MESH)
    print(f"  peak memory after the modes {peak_gigabytes():.2f} GB")
    places = crystal.position(sites)
    taken, by_modes = seconds(lambda: mode_tensors(modes, coupling, places, pairs))
    print(f"{PAIRS} pairs, {count} wave vectors, sum over given modes: {taken}")
    print(f"  peak memory {peak_gigabytes():.2f} GB")
    difference = np.abs(by_fft.value - by_modes.value).max() / np.abs(by_fft.value).max()
    print(f"  the two agree to {difference:.1e}")


if __name__ == "__main__":
    main()
