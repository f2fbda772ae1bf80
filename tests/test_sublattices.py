"""Sublattices of spins that no term joins: their energies are those of the model."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.lattice import Lattice
from msgreen.simulation import StructureFactor, monte_carlo
from msgreen.simulation.moves import reflect
from msgreen.simulation.sublattices import Sublattices
from msgreen.spinmodel import CLASSES, SpinModel, Term

CHAIN = SpinModel([Term("exchange", [[0, 0]], [-1.0], [[[0], [1]]])], lattice=Lattice.chain())
CHOSEN = (
    *("field", "anisotropy", "exchange", "dzyaloshinskii_moriya", "biquadratic"),
    *("chiral_three_site", "chiral_four_site", "tensor2", "tensor3"),
)


def random_spins(seed, *shape):
    spins = np.random.default_rng(seed).normal(size=(*shape, 3))
    return spins / np.linalg.norm(spins, axis=-1, keepdims=True)


def some_classes():
    """Some of all kinds, on an oblique lattice of two sites with terms to other cells."""
    rng = np.random.default_rng(5)
    terms = []
    for name in CHOSEN:
        spin_class = CLASSES[name]
        count = spin_class.site_count
        sites = rng.permutation(np.resize([0, 1], (2, count)), axis=1)
        cells = np.stack([np.arange(count) % 3, np.arange(count) // 3], axis=-1)
        if not spin_class.distinct:
            # Repeated sites, whose energy is not linear in the spin.
            sites[1], cells = np.arange(count) // 2 % 2, np.stack([cells, 0 * cells])
        else:
            cells = np.stack([cells, cells[::-1]])
        values = 0.1 * rng.normal(size=(2, *spin_class.shape))
        terms.append(Term(name, sites, values, cells))
    lattice = Lattice(np.array([[1.0, 0.2], [0.3, 1.1]]), np.array([[0.0, 0.0], [0.4, 0.5]]))
    return SpinModel(terms, lattice=lattice)


def test_changes_of_energy_are_those_of_the_model():
    """Of single spins, and of all spins of a sublattice together."""
    model, shape = some_classes(), (6, 3)
    lattice = Sublattices(model, shape)
    state = random_spins(0, 2, *shape, 2)
    spins = lattice.split(state)
    np.testing.assert_array_equal(lattice.join(spins), state)
    assert not any(lattice.reflecting) and lattice.linear and lattice.other
    energy = model.energy(state)
    field, bend = (eqx.filter_jit(f) for f in (Sublattices.field, Sublattices.change))
    for site in (0, lattice.count - 1):
        old = lattice.own(spins, site)
        new = tuple(np.moveaxis(random_spins(1 + site, *old[0].shape), -1, 0))
        linear = field(lattice, spins, jnp.asarray(site))
        change = sum(f * (b - a) for f, a, b in zip(linear, old, new, strict=True))
        change = np.asarray(change + bend(lattice, spins, jnp.asarray(site), old, new))
        moved = lattice.join(lattice.replaced(spins, site, new))
        total = np.asarray(model.energy(moved) - energy)
        np.testing.assert_allclose(change.reshape(-1, 2).sum(axis=0), total, atol=1e-12)
        where = (*(0,) * (len(lattice.box) - 1), 1)  # the second replica in the first cell
        one = tuple(a.at[where].set(b[where]) for a, b in zip(old, new, strict=True))
        moved = lattice.join(lattice.replaced(spins, site, one))
        np.testing.assert_allclose(
            np.asarray(model.energy(moved) - energy), [0, change[where]], atol=1e-12
        )


@pytest.mark.parametrize(("step", "period"), [([1, 0], (2, 1)), ([1, 1], (1, 2)), ([3, 0], (2, 1))])
def test_sublattices_are_the_fewest(step, period):
    bond = Term("exchange", [[0, 0]], [1.0], [[[0, 0], step]])
    assert Sublattices(SpinModel([bond], lattice=Lattice.square()), (6, 6)).period == period


def test_atoms_without_a_moment_are_no_spins():
    """They stay as they are, and neither energies per spin nor moments count them."""
    bond = Term("exchange", [[1, 1]], [-1.0], [[[0], [1]]])
    lattice = Lattice([[1.0]], [[0.0], [0.3], [0.6]])
    diluted = SpinModel([bond], lattice=lattice)
    runs = [monte_carlo(m, [0.5], (8,), samples=64, seed=1) for m in (diluted, CHAIN)]
    assert [run.spin_count for run in runs] == [8, 8]
    assert Sublattices(diluted, (8,)).moving == (1, 4)
    assert diluted.coupled.tolist() == [False, True, False]
    assert SpinModel([], lattice=lattice).coupled.all()
    start = random_spins(2, 8, 3)
    run = monte_carlo(diluted, [0.5], (8,), samples=64, start=start)
    np.testing.assert_allclose(run.directions[0][:, [0, 2]], start[:, [0, 2]], rtol=1e-12)
    assert np.abs(run.directions[0][:, 1] - start[:, 1]).min() > 1e-3
    np.testing.assert_allclose(run.moment[-1, 0], run.directions[0][:, 1].mean(axis=0), rtol=1e-9)
    whole = StructureFactor(diluted, [[0.0]])(run.directions)[0, 0]
    np.testing.assert_allclose(whole, 8 * np.sum(run.moment[-1, 0] ** 2), rtol=1e-9)


def test_reflections_keep_the_energy():
    spins = random_spins(3, 1, 12, 1)
    lattice = Sublattices(CHAIN, (12,))
    turned = lattice.join(reflect(lattice, lattice.split(spins)))
    assert np.abs(turned - spins).min() > 1e-6
    np.testing.assert_allclose(CHAIN.energy(turned), CHAIN.energy(spins), rtol=1e-12)
    bent = SpinModel(
        [*CHAIN.terms, Term("anisotropy", [[0]], [np.eye(3)], [[[0]]])], lattice=CHAIN.lattice
    )
    lattice = Sublattices(bent, (12,))
    np.testing.assert_array_equal(lattice.join(reflect(lattice, lattice.split(spins))), spins)
