"""Sums over k and their resolvents against one batch of matrices, and exchange of a crystal."""

from _measure import header, milliseconds  # isort: skip

import time

import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels.torus import torus_green, xla

from msgreen.config.shipped import SHIPPED
from msgreen.exchange.crystal import crystal_exchange, crystal_pairs
from msgreen.io.wannier import read_folder, wannier_host
from msgreen.units import BOLTZMANN, MEV

MESH = 32
REACH = (4, 4, 4)
SIZES = (9, 14, 18, 22)


def crystal(n: int, seed: int = 0):
    """Return cells and Hermitian real H(R) of a body-centred crystal, shorter with distance."""
    rng = np.random.default_rng(seed)
    cells = np.indices((5, 5, 5)).reshape(3, -1).T - 2
    size = np.exp(-np.linalg.norm(cells, axis=1))[:, None, None]
    blocks = size * rng.normal(size=(len(cells), n, n))
    return cells, (blocks + blocks[::-1].swapaxes(1, 2)) / 2


def dense(z, blocks, mesh, reach):
    """Return the same sum with all matrices of the mesh at once and a phase for every R."""
    width, n = blocks.shape[0], blocks.shape[-1]
    points = jnp.stack(jnp.meshgrid(*[jnp.arange(mesh, dtype=float) / mesh] * 3, indexing="ij"), -1)
    k = points.reshape(-1, 3)

    def waves(half, sign):
        cells = np.indices((2 * half + 1,) * 3).reshape(3, -1).T - half
        angle = sign * 2 * jnp.pi * (k @ cells.T.astype(float))
        return jax.lax.complex(jnp.cos(angle), jnp.sin(angle))

    h = (waves(width // 2, 1) @ blocks.reshape(-1, n * n)).reshape(-1, n, n)
    green = jnp.linalg.inv(z * jnp.eye(n, dtype=complex) - h)
    return waves(reach, -1).T @ green.reshape(-1, n * n)


def resolvents(z, n, tiles=32, points=128):
    """Print what elimination in tiles of a sum takes, with its share of `jnp.linalg.inv`."""
    rng = np.random.default_rng(n)
    h = rng.normal(size=(tiles, n, n, points)) + 1j * rng.normal(size=(tiles, n, n, points))
    h = jnp.asarray(h + h.conj().swapaxes(1, 2))
    ours = jax.jit(lambda x: jax.lax.map(lambda tile: xla.resolvent(z, tile), x))
    theirs = jax.jit(lambda h: jnp.linalg.inv(z * jnp.eye(n, dtype=complex) - h))
    times = []
    for function, x in ((ours, (h.real, h.imag)), (theirs, jnp.moveaxis(h, -1, 1))):
        jax.block_until_ready(function(x))
        start = time.process_time()
        for _ in range(7):
            jax.block_until_ready(function(x))
        times.append((time.process_time() - start) / 7)
    print(
        f"resolvent n = {n}: {1e6 * times[0] / tiles / points:.2f} us of processor time, ", end=""
    )
    print(f"resolvent n = {n}: {each:.2f} us of a processor, ratio {times[1] / times[0]:.1f}")


def main():
    header()
    z = jnp.asarray(0.3 + 0.2j)
    for n in SIZES:
        resolvents(z, n)
    slow = jax.jit(dense, static_argnums=(2, 3))
    for n in SIZES:
        _, blocks = crystal(n)
        box = jnp.asarray(blocks.reshape(5, 5, 5, n, n), complex)
        ours = milliseconds(lambda box=box: torus_green(z, box, (MESH,) * 3, REACH, real=True))
        theirs = milliseconds(lambda box=box: slow(z, box, MESH, REACH[0]))
        per_point = 1e3 * ours / (MESH**2 * (MESH // 2 + 1))
        print(f"n = {n}: {ours:.1f} ms, {per_point:.2f} us per point; ratio {theirs / ours:.1f}")
    iron = read_folder(SHIPPED["iron"].parent)
    times = {}
    for vertex in ("onsite", "bond"):
        host = wannier_host(iron, fermi_energy=12.6256, temperature=600 * BOLTZMANN, vertex=vertex)
        pairs = crystal_pairs(host, 15.0)
        crystal_exchange(host, pairs, tolerance=4e-3 * MEV)
        wall, cpu = time.perf_counter(), time.process_time()
        crystal_exchange(host, pairs, tolerance=4e-3 * MEV)
        wall, times[vertex] = time.perf_counter() - wall, time.process_time() - cpu
        print(
            f"{vertex}: J of {len(pairs)} pairs of iron to 2e-3 meV in {wall:.2f} s, "
            f"{times[vertex]:.2f} s of all cores"
        )
    print(f"ratio of the vertices: {times['bond'] / times['onsite']:.1f}")


if __name__ == "__main__":
    main()
