"""Energy and gradient of a 300 x 300 square lattice with pair, three-site and four-site terms.

The baseline is numpy over whole arrays: every spin of every row is a rolled copy of the lattice,
and so is every force.
"""

from _measure import bound, header, milliseconds  # isort: skip

import jax.numpy as jnp
import numpy as np

from msgreen.lattice import Lattice
from msgreen.spinmodel import SpinModel, Term

SIZE = 300
ROWS = {
    "exchange": [[(0, 0), (1, 0)], [(0, 0), (0, 1)], [(0, 0), (1, 1)], [(0, 0), (1, -1)]],
    "dzyaloshinskii_moriya": [[(0, 0), (1, 0)], [(0, 0), (0, 1)]],
    "three_site": [
        [(1, 0), (0, 0), (0, 1)],
        [(1, 0), (0, 0), (0, -1)],
        [(-1, 0), (0, 0), (0, 1)],
        [(-1, 0), (0, 0), (0, -1)],
        [(-1, 0), (0, 0), (1, 0)],
        [(0, -1), (0, 0), (0, 1)],
    ],
    "four_site": [
        [(0, 0), (1, 0), (1, 1), (0, 1)],
        [(0, 0), (0, 1), (1, 0), (1, 1)],
        [(0, 0), (1, 1), (1, 0), (0, 1)],
    ],
}
ROWS["chiral_three_site"] = ROWS["three_site"]
ROWS["chiral_four_site"] = ROWS["four_site"]


def square_lattice():
    rng = np.random.default_rng(0)
    terms = []
    for name, cells in ROWS.items():
        shape = (len(cells), 3) if "chiral" in name or "moriya" in name else len(cells)
        sites = np.zeros(np.shape(cells)[:2], int)
        terms.append(Term(name, sites, rng.normal(size=shape), cells))
    return SpinModel(terms, lattice=Lattice.square())


def numpy_energy_and_gradient(model):
    """Return a function of spins (3, n, n) that evaluates the same terms with numpy."""
    rows = [
        (cell, np.asarray(value), value.ndim == 1)
        for term in model.terms
        for cell, value in zip(term.slots()[1].tolist(), term.values, strict=True)
    ]
    shifts = {tuple(c) for cell, _, _ in rows for c in cell}

    def evaluate(spins):
        copies = {(a, b): np.roll(spins, (-a, -b), (1, 2)) for a, b in shifts}
        gradient, energy = np.zeros_like(spins), 0.0
        for cell, value, is_chiral in rows:
            s = [copies[tuple(c)] for c in cell]
            if is_chiral:
                vector = np.broadcast_to(value[:, None, None], spins.shape)
                factor = np.tensordot(value, np.cross(s[0], s[1], axis=0), 1)
                forces = [np.cross(s[1], vector, axis=0), np.cross(vector, s[0], axis=0)]
            else:
                factor = value * np.sum(s[0] * s[1], axis=0)
                forces = [value * s[1], value * s[0]]
            if len(s) == 4:
                second = np.sum(s[2] * s[3], axis=0)
                forces = [f * second for f in forces] + [factor * s[3], factor * s[2]]
                factor = factor * second
            energy += factor.sum()
            for (a, b), force in zip(cell, forces, strict=True):
                gradient += np.roll(force, (a, b), (1, 2))
        return energy, gradient

    return evaluate


def main():
    header()
    model = square_lattice()
    spins = np.random.default_rng(1).normal(size=(SIZE, SIZE, 1, 3))
    spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
    columns = np.ascontiguousarray(np.moveaxis(spins[:, :, 0], -1, 0))
    baseline = numpy_energy_and_gradient(model)
    energy, gradient = model.energy_and_gradient(spins)
    other_energy, other = baseline(columns)
    assert abs(energy - other_energy) < 1e-9 * abs(other_energy)
    assert np.abs(np.moveaxis(gradient[:, :, 0], -1, 0) - other).max() < 1e-10

    on_device = jnp.asarray(spins)
    ours = milliseconds(model.energy_and_gradient, on_device, runs=15)
    theirs = milliseconds(baseline, columns, runs=5)
    rows = {n: sum(len(t.clusters) for t in model.terms if t.spin_class.order == n) for n in (2, 4)}
    print(f"{SIZE} x {SIZE} spins, {rows[2]} rows of two spins and {rows[4]} of four")
    print(f"energy and gradient: {ours:.1f} ms, numpy {theirs:.1f} ms ({theirs / ours:.1f} times)")
    # Force and sum of one spin: about 12 operations with two spins, 30 with four. Every row reads
    # the lattice of spins and adds to that of the gradient.
    flops = SIZE**2 * (rows[2] * 2 * 12 + rows[4] * 4 * 30)
    bound(ours, flops, 9 * 8 * SIZE**2 * (rows[2] + rows[4]))


if __name__ == "__main__":
    main()
