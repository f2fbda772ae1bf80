"""The E_F that holds given electrons, against levels of fine meshes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.errors import InputError
from msgreen.exchange.crystal import (
    Filling,
    crystal_exchange,
    crystal_pairs,
    electrons_on_meshes,
    exchange_on_meshes,
    filled,
)
from msgreen.hosts.wannier import WannierHost
from msgreen.lattice import Lattice

LATTICE = Lattice(np.diag([2.0, 9.0, 9.0]), np.array([[0.0, 0, 0], [0.9, 0.4, 0.2]]))
CELLS = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]])
THERMAL = 0.1


def chain(vertex="bond", split=1.0, **options):
    rng = np.random.default_rng(3)
    home, step = rng.normal(size=(2, 3, 3))
    even = np.stack([home + home.T, step, step.T]) / 2
    field = np.zeros((3, 3, 3))
    field[0] = -split * np.diag([1.0, 0.9, 0.1])
    field[1] = field[2] = -0.1 * np.diag([1.0, 1.0, 0.0])
    given: dict = dict(fermi_energy=0.0, temperature=THERMAL, vertex=vertex, **options)
    return WannierHost(
        LATTICE, CELLS, np.stack([even + field, even - field]) + 0j, [0, 0, 1], **given
    )


def levels(made: WannierHost, count: int = 4000):
    """All levels of a fine mesh, (k, level), by numpy alone."""
    k = np.arange(count) / count
    waves = np.exp(2j * np.pi * np.outer(k, [-1, 0, 1]))
    sectors = np.asarray(made.sectors)[:, :, 0, 0]
    return np.concatenate(
        [np.linalg.eigvalsh(np.einsum("kr,rab->kab", waves, sector)) for sector in sectors], axis=1
    )


def held(known, energy, thermal=THERMAL):
    return np.mean(np.sum(1 / (1 + np.exp((known - energy) / thermal)), axis=1))


@pytest.mark.parametrize(("vertex", "electrons"), [("bond", 1.3), ("onsite", 3.0)])
def test_fermi_energy_is_that_of_the_levels(vertex, electrons):
    made = chain(vertex)
    known = levels(made)
    low, high = known.min(), known.max()
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if held(known, middle) < electrons else (low, middle)
    for tolerance in (1e-2, 1e-5):
        host, found = filled(made, electrons, tolerance=tolerance)
        energy, error = found.fermi_energy
        assert isinstance(found, Filling) and float(host.fermi_energy) == energy
        assert abs(energy - low) <= error
        assert abs(held(known, energy) - electrons) <= found.electrons.error + 1e-9
    run = crystal_exchange(host, crystal_pairs(host, 2.1), tolerance=1e-6)
    assert np.isclose(run.electrons.sum(), electrons, atol=1e-5)
    assert error < 1e-4 and found.electrons.error <= tolerance


def test_in_a_gap_the_error_reaches_its_edges():
    """Spin up full, spin down empty: every energy between them holds as many electrons."""
    made = chain("onsite", split=8.0)
    known = levels(made)
    energy, error = filled(made, 4.0)[1].fermi_energy
    ordered = np.sort(known, axis=1)
    top, bottom = ordered[:, 3].max(), ordered[:, 4].min()
    assert top < energy < bottom and bottom - top > 1
    assert error > 0.3 * (bottom - top)


def test_an_error_of_the_fermi_energy_reaches_every_number():
    host, wrong = chain(), 1e-3
    pairs = crystal_pairs(host, 4.1)

    def run(shift, **effort):
        moved = eqx.tree_at(lambda h: h.fermi_energy, host, jnp.asarray(shift))
        return crystal_exchange(moved, pairs, tolerance=1e-8, **effort)

    exact, up, down = (run(shift) for shift in (0.0, wrong, -wrong))
    unsure = run(0.0, fermi_error=wrong)
    for value, error, size in (
        ("tensors", "errors", (1, 2)),
        ("turning", "turning_errors", (1, 2)),
        ("electrons", "electron_errors", ()),
    ):
        ends = [np.abs(getattr(end, value) - getattr(exact, value)) for end in (up, down)]
        moved = np.maximum(*ends).max(axis=size) if size else np.maximum(*ends)
        known, found = getattr(exact, error), getattr(unsure, error)
        assert moved.max() > 100 * known.max()
        assert np.all(moved <= found) and np.all(found < 1.2 * moved.max() + known)
    with pytest.raises(InputError, match="`fermi_error` must not be negative"):
        run(0.0, fermi_error=-wrong)


def test_exchange_at_a_given_filling_answers_to_what_moves_the_levels():
    """A shift of all levels moves E_F and nothing else; with that of an orbital E_F moves too."""
    host, found = filled(chain(), 2.6, tolerance=1e-6)
    pairs = np.array([[0, 1, 0, 0, 0]])
    meshes = [64] * len(found.nodes)
    where = (0, 0)

    def moved(size, shift, energy):
        block = jnp.diag(jnp.where(jnp.arange(3) == 0, size, 0.0) + shift).astype(complex)
        sectors = host.sectors.at[:, 1, 0, 0].add(block)
        return eqx.tree_at(
            lambda h: (h.sectors, h.fermi_energy), host, (sectors, host.fermi_energy + energy)
        )

    def exchange(*change):
        return exchange_on_meshes(moved(*change), pairs, meshes)[0][where]

    def electrons(*change):
        return electrons_on_meshes(moved(*change), meshes)

    zero = (0.0, 0.0, 0.0)
    assert np.isclose(electrons(*zero), 2.6, atol=1e-6)
    slopes = [np.array(jax.grad(f, argnums=(0, 1, 2))(*zero)) for f in (exchange, electrons)]
    # (by the orbital, by all levels, by E_F) at a given number of electrons
    at_filling = slopes[0] - slopes[0][2] * slopes[1] / slopes[1][2]
    assert abs(at_filling[1]) < 1e-9 * abs(slopes[0][1])
    step = 1e-3
    ends = []
    for sign in (1, -1):
        other = filled(moved(sign * step, 0.0, 0.0), 2.6, tolerance=1e-9)[0]
        ends.append(float(exchange_on_meshes(other, pairs, meshes)[0][where]))
    assert np.isclose(at_filling[0], (ends[0] - ends[1]) / (2 * step), rtol=1e-4)
    assert abs(at_filling[0] - slopes[0][0]) > 1e-3 * abs(slopes[0][0])


def test_exchange_answers_to_the_temperature():
    made = chain()
    pairs = np.array([[0, 1, 0, 0, 0]])
    meshes = [96] * len(made.contour().nodes)

    def exchange(temperature):
        host = eqx.tree_at(lambda h: h.temperature, made, temperature)
        return exchange_on_meshes(host, pairs, meshes)[0, 0, 0]

    slope = jax.grad(exchange)(jnp.asarray(THERMAL))
    step = 1e-4
    ends = [float(exchange(jnp.asarray(THERMAL + sign * step))) for sign in (1, -1)]
    assert np.isclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-5) and abs(slope) > 1e-4
    # A host at another temperature has the contour of that.
    cold = eqx.tree_at(lambda h: h.temperature, made, jnp.asarray(THERMAL / 20))
    assert len(cold.contour().nodes) > len(made.contour().nodes)


def test_more_than_the_bands_hold_is_refused():
    with pytest.raises(InputError, match=r"`electrons` must lie between .* and .*, with E_F"):
        filled(chain(), 6.0)
