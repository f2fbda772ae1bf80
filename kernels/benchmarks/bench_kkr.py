"""Pairs, four-site and contracted terms of a KKR cluster: time and share of the product rate."""

from _measure import header, milliseconds  # isort: skip

import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np

from msgreen import contracted_loops, loops, pairs
from msgreen.exchange.ordered import reference_interactions
from msgreen.io import jukkr


def product_rate(size, energies, batch):
    """Return GFlop/s of batched complex products of the size of a site's matrices."""
    rng = np.random.default_rng(0)
    shape = (energies * batch, size, size)
    a, b = (jnp.asarray(rng.normal(size=shape) + 1j * rng.normal(size=shape)) for _ in range(2))
    taken = milliseconds(jax.jit(jnp.matmul), a, b)
    return 8 * size**3 * shape[0] / taken / 1e6


def products(clusters, size, energies):
    """Return the operations of full tensors, both senses, by successive open products."""
    total = 0
    for array in clusters:
        order = array.shape[1]
        open_products = sum(3**legs for legs in range(2, order)) + 3**order / size
        total += 2 * len(array) * open_products * 8 * size**3 * energies
    return total


def main():
    header()
    found = jukkr.read_folder(jukkr.example("fe2_soc", tempfile.mkdtemp()))
    points = found.atoms.positions
    kinds = [contracted_loops(points, kind) for kind in ("biquadratic", "three_site")]
    clusters = [pairs(points), loops(points, 4), *kinds]
    size, energies = found.host.green.shape[2], found.host.green.shape[0]
    flops = products(clusters, size, energies)
    names = ", ".join(f"{len(array)} of {array.shape[1]} spins" for array in clusters)
    print(f"loops: {names}; matrices of {size}, {energies} energies")
    for run in ("first, compiling", "again"):
        start, cpu = time.perf_counter(), time.process_time()
        reference_interactions(found.host, found.scatterer, found.sites, clusters)
        taken, cpu = time.perf_counter() - start, time.process_time() - cpu
        rate = flops / taken / 1e9
        machine = product_rate(size, energies, 100)
        print(
            f"{run}: {taken:.2f} s ({cpu:.2f} s of processors); "
            f"tensors alone need {flops / 1e9:.2f} GFlop, {rate:.2f} of "
            f"{machine:.1f} GFlop/s of {size} x {size} products ({rate / machine:.1%})"
        )


if __name__ == "__main__":
    main()
