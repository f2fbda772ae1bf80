"""Every kind of long work once, small: on one device, and on all that there are.

    XLA_FLAGS=--xla_force_host_platform_device_count=4 python tests/many_devices.py

prints the largest difference of every kind, relative to its largest number.
"""

import sys
import time
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)
sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("kernels", ".")]

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from msgreen import ContactCoupling, RashbaGas, SpinPairs  # noqa: E402
from msgreen.hosts.cluster import ClusterHost  # noqa: E402
from msgreen.hosts.finite_lattice import FiniteLattice  # noqa: E402
from msgreen.hosts.tight_binding import TightBinding  # noqa: E402
from msgreen.lattice import Lattice, Region, bloch, shell_model  # noqa: E402
from msgreen.papers.lounis.run import scan_in_blocks  # noqa: E402
from msgreen.phonon import Spring, crystal_modes, crystal_tensors, mass_spring, mode_tensors  # noqa: E402
from msgreen.spinmodel import SpinModel, Term, relax  # noqa: E402
from msgreen.spinmodel.fitting import constraining_fields, derivatives_at  # noqa: E402

# So that these small sums are made of many parts.
bloch.CHUNK, bloch._PART_POINTS = 16, 2**10

SQUARE = Lattice.square()
MODEL = shell_model(SQUARE, [-1.0])
SITES = np.array([[0, 0, 0], [1, 0, 0], [2, 1, 0], [3, 1, 0]])
ENERGIES = jnp.array([0.3j, 0.1 + 1j, -1 + 2j])
PAIRS = np.array([[0, 1], [0, 2], [1, 3]])
CHAIN = SpinModel([Term("exchange", [[0, 1], [1, 2]], [-1.0, 0.3])], site_count=3)
SPRINGS = [Spring(0, 0, cell, 4.0, 1.0) for cell in np.eye(3, dtype=int).tolist()]
rng = np.random.default_rng(0)
SPINS = rng.normal(size=(11, 3, 3))
SPINS /= np.linalg.norm(SPINS, axis=-1, keepdims=True)


def crystal_sums():
    box = np.random.default_rng(2).normal(size=(3, 3, 3, 2, 2))
    box = box + np.swapaxes(box[::-1, ::-1, ::-1], -1, -2)
    return bloch.torus_box(0.1 + 1j, jnp.asarray(box, complex), (20, 20, 24), (1, 1, 0))


def mesh_sums():
    host = TightBinding(MODEL, fermi_energy=-1.0, temperature=0.1, mesh=16)
    return host.blocks_and_coarse(ENERGIES, SITES, PAIRS)


def finite_lattice():
    host = FiniteLattice(MODEL, Region(SQUARE, (5, 5)), temperature=0.1)
    return host.blocks(ENERGIES, SITES, PAIRS)


def gas():
    host = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    return host.blocks(ENERGIES, 7.0 * np.arange(4.0)[:, None], PAIRS)


def cluster():
    matrix = np.random.default_rng(1).normal(size=(4, 2, 4, 2))
    return ClusterHost(matrix + matrix.transpose(2, 3, 0, 1), gap=0.1).blocks(
        ENERGIES, np.arange(4), PAIRS
    )


def pair_surfaces():
    host = FiniteLattice(MODEL, Region(SQUARE, (5, 5)), fermi_energy=-3.0, temperature=0.1)
    contour = host.contour(SITES)
    return SpinPairs(host, ContactCoupling(-0.5), SITES, PAIRS, contour).fit()[:5]


def scan():
    gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    values, _ = scan_in_blocks(gas, ContactCoupling(0.58), np.linspace(5.0, 9.0, 11))
    return values[1:]


def vibrations():
    return mass_spring(2.5 * np.eye(3), [[0, 0, 0]], [50.0], SPRINGS)


def phonon_mesh():
    coupling, sites = 0.05 * np.eye(3)[None], np.array([[0, 0, 0, 0], [0, 1, 0, 0]])
    return crystal_tensors(vibrations(), coupling, sites, [[0, 1]], (6, 3, 3)).value


def phonon_modes():
    modes = crystal_modes(vibrations(), (6, 3, 3))
    return mode_tensors(modes, 0.05 * np.eye(3)[None], 2.5 * np.eye(3)[:2], [[0, 1]]).value


def fields():
    found = constraining_fields(CHAIN.energy, SPINS)
    return found.energies, found.fields


def tensors():
    return derivatives_at(CHAIN.energy, SPINS[0], 2).tensors


def minima():
    return relax(CHAIN, SPINS).energy


KINDS = (
    crystal_sums,
    mesh_sums,
    finite_lattice,
    gas,
    cluster,
    pair_surfaces,
    scan,
    phonon_mesh,
    phonon_modes,
    fields,
    tensors,
    minima,
)


def compared(kind) -> float:
    """Return the largest difference between one device and all, over the largest number."""
    some, every = (jax.tree.map(np.asarray, on(kind)) for on in (on_one_device, lambda x: x()))
    pairs = list(zip(*map(jax.tree.leaves, (some, every)), strict=True))
    return max(np.abs(a - b).max() for a, b in pairs) / max(np.abs(a).max() for a, _ in pairs)


def on_one_device(kind):
    places = jax.local_devices
    jax.local_devices = lambda: places()[:1]
    try:
        return kind()
    finally:
        jax.local_devices = places


if __name__ == "__main__":
    sys.stdout.write(f"{jax.local_device_count()} devices\n")
    for kind in KINDS:
        begin = time.process_time()
        worst = compared(kind)
        sys.stdout.write(f"{kind.__name__} {worst:.1e} {time.process_time() - begin:.1f} s\n")
