"""Two spins on a superconductor: paper O at its size, against dense diagonalisation.

With ``--map`` also Figure 1(b), a 21 x 21 grid of pair potentials on the full lattice.
"""

from _measure import header, peak_gigabytes  # isort: skip

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from msgreen import ContactCoupling, matsubara
from msgreen.energy.spin_pairs import SpinPairs
from msgreen.hosts.finite_lattice import FiniteLattice
from msgreen.hosts.superconductor import Superconductor
from msgreen.lattice import Lattice, Region, shell_model
from msgreen.lattice.nambu import p_wave, s_wave

COUPLING = ContactCoupling(-1.5, orbitals=2)
SQUARE = Lattice.square()
IMAGINARY_PX = np.array([[0, 0], [0, 0], [1j, 0]])
MODEL = shell_model(SQUARE, [-1.0])


def superconductor(size, mu=-3.0, singlet=0.1, triplet=0.1):
    normal = FiniteLattice(MODEL, Region(SQUARE, (size, size)), fermi_energy=mu, temperature=0.001)
    return Superconductor(normal, s_wave(SQUARE, singlet) + p_wave(SQUARE, triplet, IMAGINARY_PX))


def geometry(size, distances):
    centre = size // 2
    sites = np.array([[centre + n, centre, 0] for n in (0, *distances)])
    return sites, [[0, n + 1] for n in range(len(distances))]


def coefficients(host, sites, pairs, contour=None):
    return jax.block_until_ready(SpinPairs(host, COUPLING, sites, pairs, contour).fit())


def seconds(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def dense_free_energy(size):
    """One configuration by diagonalisation of the real-space matrix, built as paper O does."""
    model = superconductor(size).model
    blocks, n = np.asarray(model.blocks)[:, 0, :, 0], size * size
    matrix = np.zeros((n, 4, n, 4), complex)
    cells = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), -1)
    for cell, block in zip(model.cells, blocks, strict=True):
        end = cells + np.array(cell)
        inside = ((end >= 0) & (end < size)).all(axis=-1)
        start = (cells[inside] * [size, 1]).sum(axis=-1)
        matrix[start, :, (end[inside] * [size, 1]).sum(axis=-1)] += block
    levels = np.linalg.eigvalsh(matrix.reshape(4 * n, -1))
    return -0.25 * np.abs(levels).sum()


def exponent(sizes, times):
    return np.polyfit(np.log(sizes), np.log(times), 1)[0]


def compare():
    """36 configurations of one distance: time against the number of sites, both ways."""
    dense_sizes, sizes = (7, 11, 15, 21), (11, 21, 41, 61, 81, 101)
    seconds(dense_free_energy, 5)
    dense = {size: 36 * seconds(dense_free_energy, size)[0] for size in dense_sizes}
    ours = {}
    for size in sizes:
        task = (superconductor(size), *geometry(size, [1]))
        contour = task[0].contour(task[1])
        coefficients(*task, contour)
        ours[size] = seconds(coefficients, *task, contour)[0]
    for size in sorted({*dense, *ours}):
        columns = [
            f"{table[size]:9.3f} s" if size in table else " " * 11 for table in (dense, ours)
        ]
        ratio = f"   ratio {dense[size] / ours[size]:.0f}" if size in dense and size in ours else ""
        print(f"{size:4d} x {size:<4d} dense {columns[0]}   msgreen {columns[1]}{ratio}")
    large = [size for size in sizes if size >= 41]
    print(
        "exponents in the number of sites: dense "
        f"{exponent([s**2 for s in dense], list(dense.values())):.2f}, msgreen "
        f"{exponent([s**2 for s in large], [ours[s] for s in large]):.2f} (from 41 x 41)"
    )


def gradient():
    size = 101
    sites, pairs = geometry(size, range(1, 21))
    contour = superconductor(size).contour(sites)

    def dmi(x):
        return (
            SpinPairs(superconductor(size, *x), COUPLING, sites, pairs, contour).fit().D[:, 2].sum()
        )

    x = jnp.array([-3.0, 0.1, 0.1])
    times = []
    for function in (jax.jit(dmi), jax.jit(jax.grad(dmi))):
        jax.block_until_ready(function(x))
        times.append(
            min(seconds(lambda f=function: jax.block_until_ready(f(x)))[0] for _ in range(3))
        )
    print(
        f"D and its derivatives by (mu, Delta_s, Delta_p): {times[0]:.2f} s and {times[1]:.2f} s, "
        f"ratio {times[1] / times[0]:.2f}"
    )


def parity_map():
    """Figure 1(b): D_z at one lattice constant on a 21 x 21 grid."""
    amplitudes = np.linspace(0, 0.2, 21)
    sites, pairs = geometry(101, [1])
    contour = matsubara(0.001, 0.0, bandwidth=20.0, accuracy=1e-9)

    def dmi_at(singlet, triplet):
        host = superconductor(101, -3.0, singlet, triplet)
        return coefficients(host, sites, pairs, contour).D[0, 2]

    def grid():
        return [
            [
                coefficients(superconductor(101, -3.0, s, p), sites, pairs, contour).D[0, 2]
                for p in amplitudes
            ]
            for s in amplitudes
        ]

    taken, D = seconds(grid)
    print(f"21 x 21 map on 101 x 101: {taken:.0f} s, largest |D_z| {np.abs(D).max():.3e} t")


def main():
    header()
    start = time.perf_counter()
    host, geometry_of_figure = superconductor(101), geometry(101, range(1, 21))
    found = coefficients(host, *geometry_of_figure)
    print(
        f"Figures 1(c) and 2 (101 x 101, 20 distances, 36 configurations): "
        f"{time.perf_counter() - start:.1f} s with compilation ({time.process_time():.1f} s of "
        f"processor time since Python started); D_z(a) = {found.D[0, 2]:.9f} t, error estimate "
        f"{found.error.max():.0e} t"
    )
    print(f"again: {seconds(coefficients, host, *geometry_of_figure)[0]:.2f} s")
    gradient()
    compare()
    if "--map" in sys.argv:
        parity_map()
    print(f"peak memory {peak_gigabytes():.2f} GB")


if __name__ == "__main__":
    main()
