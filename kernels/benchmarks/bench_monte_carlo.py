"""Monte Carlo of a film of 128 x 128 spins against a loop over single spins compiled by numba."""

from _measure import header  # isort: skip

import time
from math import cos, exp, pi, sin, sqrt

import jax
import jax.numpy as jnp
import numpy as np

from msgreen.lattice import Lattice
from msgreen.simulation.moves import draw, sweep
from msgreen.simulation.sublattices import Sublattices
from msgreen.spinmodel import SpinModel, Term

SIZE, SWEEPS, WIDTH, DMI = 128, 100, 0.5, 0.3
STEPS = [[[0, 0], [1, 0]], [[0, 0], [0, 1]]]
RING = [[[0, 0], [1, 0], [1, 1], [0, 1]]]
PAIRS = (
    Term("exchange", [[0, 0]] * 2, [-1.0] * 2, STEPS),
    Term("dzyaloshinskii_moriya", [[0, 0]] * 2, [[0, DMI, 0], [-DMI, 0, 0]], STEPS),
)
RINGS = (Term("four_site", [[0] * 4], [0.1], RING),)


def single_spins(spins, sweeps):
    """Move one spin after the other: exchange and DMI of four neighbours, k_B T = 1."""
    accepted, size = 0, len(spins)
    for _ in range(sweeps):
        for i in range(size):
            for j in range(size):
                right, left = spins[(i + 1) % size, j], spins[i - 1, j]
                ahead, behind = spins[i, (j + 1) % size], spins[i, j - 1]
                hx = -(right[0] + left[0] + ahead[0] + behind[0]) - DMI * (right[2] - left[2])
                hy = -(right[1] + left[1] + ahead[1] + behind[1]) - DMI * (ahead[2] - behind[2])
                hz = -(right[2] + left[2] + ahead[2] + behind[2])
                hz += DMI * (right[0] - left[0] + ahead[1] - behind[1])
                x, y, z = spins[i, j]
                c = 1 - WIDTH * np.random.random()
                angle, s = 2 * pi * np.random.random(), sqrt(1 - c * c)
                sign = 1.0 if z >= 0 else -1.0
                a = -1 / (sign + z)
                b = x * y * a
                p, q = s * cos(angle), s * sin(angle)
                u = c * x + p * (1 + sign * x * x * a) + q * b
                v = c * y + p * sign * b + q * (sign + y * y * a)
                w = c * z - p * sign * x - q * y
                change = hx * (u - x) + hy * (v - y) + hz * (w - z)
                if change <= 0 or np.random.random() < exp(-change):
                    spins[i, j] = u, v, w
                    accepted += 1
    return accepted / (sweeps * size * size)


def random_spins(replicas):
    spins = np.random.default_rng(0).normal(size=(replicas, SIZE, SIZE, 1, 3))
    return spins / np.linalg.norm(spins, axis=-1, keepdims=True)


def nanoseconds(terms, replicas):
    """Return wall and processor time per move, and the share of accepted moves."""
    lattice = Sublattices(SpinModel(terms, lattice=Lattice.square()), (SIZE, SIZE))
    start = lattice.split(random_spins(replicas))
    kt, width = (lattice.along(start, jnp.full(replicas, x)) for x in (1.0, WIDTH))

    @jax.jit
    def many(spins, key):
        def step(n, now):
            spins, numbers, total = now
            spins, accepted = sweep(lattice, spins, numbers, kt, width)
            return spins, draw(lattice, spins, key, n + 1), total + accepted.mean() / SWEEPS

        first = (spins, draw(lattice, spins, key, 0), 0.0)
        spins, _, accepted = jax.lax.fori_loop(0, SWEEPS, step, first)
        return spins, accepted

    spins, _ = many(start, jax.random.key_data(jax.random.key(0)))
    best = np.array([np.inf, np.inf])
    for seed in range(3):
        start = clocks()
        spins, accepted = jax.block_until_ready(
            many(spins, jax.random.key_data(jax.random.key(seed)))
        )
        best = np.minimum(best, clocks() - start)
    return 1e9 * best / (SWEEPS * replicas * SIZE**2), float(accepted)


def clocks():
    """Return wall and processor time: other people's work spoils the first one only."""
    return np.array([time.perf_counter(), time.process_time()])


def main():
    header()
    ours = {}
    for name, terms in {"pairs": PAIRS, "pairs and rings": PAIRS + RINGS}.items():
        for replicas in (1, 2, 8):
            ours[name, replicas], share = nanoseconds(terms, replicas)
            wall, processor = ours[name, replicas]
            print(
                f"{name}, {replicas} replicas: {wall:.1f} ns per move ({processor:.1f} ns of a "
                f"processor), {share:.2f} accepted"
            )
    try:
        import numba
    except ImportError:
        print("numba is not installed: no comparison. pip install numba")
        return
    loop = numba.njit(fastmath=True)(single_spins)
    spins = random_spins(1)[0, :, :, 0].copy()
    loop(spins, 100)
    theirs = np.array([np.inf, np.inf])
    for _ in range(3):
        start = clocks()
        share = loop(spins, SWEEPS)
        theirs = np.minimum(theirs, 1e9 * (clocks() - start) / (SWEEPS * SIZE**2))
    print(f"numba, one thread: {theirs[0]:.1f} ns per move, {share:.2f} accepted")
    for (name, replicas), time_of_move in ours.items():
        wall, processor = theirs / time_of_move
        print(f"{name}, {replicas} replicas: ratio {wall:.1f} (of processor times {processor:.1f})")


if __name__ == "__main__":
    main()
