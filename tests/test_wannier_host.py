"""A crystal in localised orbitals: both vertices against diagonalised supercells and sum rules.

The model has magnetic atoms and a ligand, and a splitting that lies partly between atoms.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.energy.lloyd import LloydEnergy
from msgreen.errors import InputError
from msgreen.exchange.crystal.axes import collinear_tensors, crystal_model, whole_tensors
from msgreen.exchange.crystal.meshes import Effort
from msgreen.exchange.crystal.pairs import (
    crystal_exchange,
    crystal_pairs,
    exchange_on_meshes,
    total_exchange,
)
from msgreen.exchange.crystal.traces import Integrands, integrands
from msgreen.hosts.wannier import WannierHost
from msgreen.io import kept
from msgreen.io.kept import long_run
from msgreen.lattice import Lattice
from msgreen.lattice.bloch import LADDER, atom_blocks, check_reach, error_ratio
from msgreen.lattice.magnetic import (
    boxed,
    check_hamiltonian,
    known_matrices,
    sector_levels,
    turn_field,
)
from msgreen.scattering.exchange_field import ExchangeField, FieldDeviation
from msgreen.spin.algebra import PAULI

LATTICE = Lattice(np.diag([2.0, 9.0, 9.0]), np.array([[0.0, 0, 0], [0.9, 0.4, 0.2]]))
ATOM_OF = np.array([0, 0, 1])
CELLS = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]])
THERMAL = 0.3


def chain(spin_orbit=False, seed=0):
    """A chain of magnetic atoms with two orbitals and ligands with one: H(R) of both spins."""
    rng = np.random.default_rng(seed)

    def parts(scale):
        home, hop = scale * rng.normal(size=(2, 3, 3))
        return np.stack([(home + home.T) / 2, hop, hop.T])

    even, field = parts(0.7), parts(0.06)
    field[0] -= np.diag([1.2, 1.0, 0.03])
    if not spin_orbit:
        return np.stack([even + field, even - field]).astype(complex)
    blocks = np.einsum("rab,st->rsatb", even, np.eye(2)) + np.einsum(
        "rab,st->rsatb", field, PAULI[3]
    )
    for axis in (1, 2, 3):
        home, hop = 0.15 * rng.normal(size=(2, 3, 3))
        coupling = 1j * np.stack([home - home.T, hop, -hop.T])
        blocks = blocks + np.einsum("rab,st->rsatb", coupling, PAULI[axis])
    return blocks.reshape(1, 3, 6, 6)


def host(vertex="bond", spin_orbit=False, **options):
    given = dict(fermi_energy=0.1, temperature=THERMAL, vertex=vertex, **options)
    return WannierHost(LATTICE, CELLS, chain(spin_orbit), ATOM_OF, **given)


def supercell(made: WannierHost, count: int, changes):
    """Levels of a ring of cells; `changes` maps atoms (cell, atom) to e - e0."""
    orb = len(ATOM_OF)
    full = np.zeros((2, count, orb, 2, count, orb), complex)
    field = np.zeros((count, orb, count, orb), complex)
    for cell in range(count):
        for step in (-1, 0, 1):
            to = (cell + step) % count
            block = made.sectors[:, step + 1, 0, 0]
            if made.spin_orbit:
                full[:, cell, :, :, to, :] += np.asarray(block[0]).reshape(2, orb, 2, orb)
            else:
                for spin in (0, 1):
                    full[spin, cell, :, spin, to, :] += np.asarray(block[spin])
            field[cell, :, to, :] += np.asarray(made.splitting[step + 1, 0, 0])
    size = count * orb
    flat = field.reshape(size, size)
    matrix = full.reshape(2 * size, 2 * size)
    for (cell, atom), change in changes.items():
        mine = np.zeros((count, orb))
        mine[cell, ATOM_OF == atom] = 1
        projector = np.diag(mine.ravel())
        share = (projector @ flat + flat @ projector) / 2
        if made.vertex == "onsite":
            share = projector @ flat @ projector
        share = made.signs[atom] * share
        matrix = matrix + np.kron(np.einsum("a,ast->st", change, PAULI[1:]), share)
    return np.linalg.eigvalsh(matrix)


def grand_potential(levels, fermi_energy, thermal):
    return -thermal * np.sum(np.logaddexp(0, -(levels - fermi_energy) / thermal))


@pytest.mark.parametrize("spin_orbit", [False, True])
@pytest.mark.parametrize("vertex", ["bond", "onsite"])
def test_energy_of_two_turned_spins_is_that_of_a_diagonalised_ring(vertex, spin_orbit):
    count = 12
    made = host(vertex, spin_orbit, mesh=count)
    sites = np.array([[0, 0, 0, 0], [1, 0, 0, 0]])
    energy = LloydEnergy(made, made.scatterer(sites), sites)
    rng = np.random.default_rng(1)
    for _ in range(2):
        spins = rng.normal(size=(2, 3))
        spins /= np.linalg.norm(spins, axis=1, keepdims=True)
        change = {(n, 0): spins[n] - np.array(made.axis) for n in range(2)}
        levels = [supercell(made, count, c) for c in ({}, change)]
        before, after = (grand_potential(x, 0.1, THERMAL) for x in levels)
        assert np.isclose(float(energy(jnp.asarray(spins))), after - before, atol=1e-8)


def test_turning_everything_costs_nothing_with_the_bond_vertex():
    """With ligands the sum over all atoms of K, curvature included, vanishes identically."""
    made = host("bond", atoms=[0, 1])
    pairs = crystal_pairs(made, 60.0)
    found = crystal_exchange(made, pairs, tolerance=1e-10)
    for place, atom in enumerate(made.atoms):
        curved = np.trace(found.curvature[place]) / 2
        assert np.isclose(total_exchange(found, atom), curved, rtol=1e-5)
        left = np.abs(found.turning[place]).max()
        assert left < found.turning_errors[place] + 1e-12 and left < 1e-5 * abs(curved)


@pytest.mark.parametrize("spin_orbit", [False, True])
@pytest.mark.parametrize("vertex", ["bond", "onsite"])
def test_exchange_is_the_second_derivative_of_the_energy(vertex, spin_orbit):
    made = host(vertex, spin_orbit, mesh=16)
    pairs = np.array([[0, 0, 1, 0, 0], [0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [0, 0, -2, 0, 0]])
    found = crystal_exchange(made, pairs, mesh=16)
    sites = np.array([[0, 0, 0, 0], [1, 0, 0, 0]])
    energy = LloydEnergy(made, made.scatterer(sites), sites)

    def turned(angles):
        sines = jnp.sin(angles)
        along = jnp.sqrt(1 - jnp.sum(sines**2, axis=1))
        return energy.energy(jnp.concatenate([sines, along[:, None]], axis=1))

    hessian = jax.hessian(turned)(jnp.zeros((2, 2)))
    assert np.allclose(found.tensors[0][:2, :2], hessian[0, :, 1, :], atol=1e-9)
    assert np.allclose(found.curvature[0, :2, :2], hessian[0, :, 0, :], atol=1e-8)
    together = hessian[0, :, 0, :] + found.tensors[:, :2, :2].sum(axis=0)
    assert np.allclose(found.turning[0, :2, :2], together, atol=1e-8)


def test_electrons_and_moments_are_those_of_the_bands():
    made = host(mesh=16)
    found = crystal_exchange(made, crystal_pairs(made, 2.1), tolerance=1e-8)
    k = np.arange(64) / 64
    numbers = []
    for sector in np.asarray(made.sectors)[:, :, 0, 0]:
        wave = np.exp(2j * np.pi * np.outer(k, [-1, 0, 1]))
        levels = np.linalg.eigvalsh(np.einsum("kr,rab->kab", wave, sector))
        numbers.append(np.mean(np.sum(1 / (1 + np.exp((levels - 0.1) / THERMAL)), axis=1)))
    assert np.isclose(found.electrons.sum(), sum(numbers), atol=1e-6)
    assert np.isclose(found.moments.sum(), numbers[0] - numbers[1], atol=1e-6)
    assert found.moments[0] > 0


def test_errors_are_never_below_the_truth():
    made = host("bond")
    pairs = crystal_pairs(made, 9.0)
    exact = crystal_exchange(made, pairs, tolerance=1e-12).tensors
    for tolerance in (1e-2, 1e-4, 1e-6):
        found = crystal_exchange(made, pairs, tolerance=tolerance)
        wrong = np.abs(found.tensors - exact).max(axis=(1, 2))
        assert np.all(wrong <= found.errors + 1e-12)
        assert found.errors.max() < tolerance
        assert all(node.mesh in LADDER for node in found.nodes)


def test_gradients_reach_hamiltonian_and_fermi_energy():
    made = host("bond")
    pairs = crystal_pairs(made, 2.1)
    found = crystal_exchange(made, pairs, tolerance=1e-5)
    meshes = [node.mesh for node in found.nodes]

    def exchange(energy):
        moved = jax.tree.map(lambda x: x, made)
        object.__setattr__(moved, "fermi_energy", energy)
        return exchange_on_meshes(moved, pairs, meshes)[0, 0, 0]

    value, slope = jax.value_and_grad(exchange)(jnp.asarray(0.1))
    assert np.isclose(value, found.tensors[0, 0, 0], atol=2e-5)
    step = 1e-4
    ends = [float(exchange(jnp.asarray(0.1 + s * step))) for s in (1, -1)]
    assert np.isclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-4)


def test_energies_do_not_depend_on_whether_the_fermi_energy_is_known():
    """At the edge of the bands too, where they reach farthest from it."""
    made = host("onsite")
    low, high = made.band
    for energy in (low + 0.01, 0.5 * (low + high), high - 0.01):
        at = eqx.tree_at(lambda h: h.fermi_energy, made, jnp.asarray(energy))
        traced = []
        jax.grad(lambda h, seen=traced: seen.append(len(h.contour().nodes)) or h.fermi_energy)(at)
        assert traced == [len(made.contour().nodes)] == [len(at.contour().nodes)]


def test_whole_tensors_come_from_three_axes_and_make_a_model():
    axes = np.eye(3)
    hosts = [host("bond", True, axis=axis) for axis in axes]
    pairs = crystal_pairs(hosts[0], 4.1)
    runs = [crystal_exchange(made, pairs, tolerance=1e-7) for made in hosts]
    tensors = whole_tensors(runs)
    back = {tuple(row): n for n, row in enumerate(pairs.tolist())}
    for n, (i, j, *cell) in enumerate(pairs.tolist()):
        reverse = tensors.tensors[back[(j, i, *(-c for c in cell))]]
        assert np.allclose(tensors.tensors[n], reverse.T, atol=1e-10)
    assert np.allclose(tensors.tensors[0][:2, :2][0, 1], runs[2].tensors[0][0, 1])
    parts, errors = tensors.parts()
    assert np.allclose(parts.vector[:, 2], -runs[2].along() / 2, atol=1e-12)
    assert np.all(errors.isotropic > 0)
    model = crystal_model(tensors, LATTICE)
    assert model.classes == ("exchange", "dzyaloshinskii_moriya", "anisotropic_exchange")
    spins = jnp.asarray(np.tile([0.0, 0, 1], (4, 1, 1, 2, 1)))
    expected = tensors.tensors[:, 2, 2].sum() / 2
    assert np.isclose(float(model.energy(spins)) / 4, expected, atol=1e-12)
    with pytest.raises(InputError, match="moments along x, y and z"):
        whole_tensors([runs[0], runs[0], runs[1]])


def test_collinear_tensors_are_isotropic():
    made = host()
    found = crystal_exchange(made, crystal_pairs(made, 2.1), tolerance=1e-6)
    tensors = collinear_tensors(found)
    assert np.allclose(tensors.tensors, found.exchange()[:, None, None] * np.eye(3))
    assert np.allclose(-found.exchange() / 2, tensors.parts()[0].isotropic)
    assert crystal_model(tensors, LATTICE).classes == ("exchange",)


def test_axes_of_collinear_magnets_do_not_matter_and_antiparallel_moments_are_seen():
    matrices = chain()
    flipped = WannierHost(
        LATTICE, CELLS, matrices[::-1], ATOM_OF, fermi_energy=0.1, temperature=THERMAL
    )
    made = host()
    assert np.allclose(flipped.sectors, made.sectors) and flipped.signs == made.signs
    reference = made.scatterer([[0, 0, 0, 0], [0, 0, 0, 1]])
    assert isinstance(reference, ExchangeField)
    assert np.allclose(np.abs(reference.reference[:, 2]), 1)
    assert np.allclose(reference.spin_splitting_residual(), 0)
    deviation = reference.spin_splitting()
    assert isinstance(deviation, FieldDeviation) and len(deviation.splitting) == 2
    boxes = jnp.stack([made.green_box(0.1 + 1j, s, (8, 1, 1), (1, 0, 0)) for s in (0, 1)])
    found = integrands(made, boxes, np.array([[0, 0, 1, 0, 0]]))
    assert isinstance(found, Integrands) and found.pairs.shape == (1, 2, 2)


def test_the_exchange_field_turns_as_a_whole_and_nothing_else_does():
    matrices = jnp.asarray(chain(spin_orbit=True))
    check_hamiltonian(matrices, CELLS, ATOM_OF, LATTICE)
    for axis in (np.array([0.0, 0, 1]), np.array([0.6, 0.0, -0.8]), np.array([0.0, 0, -1])):
        turned, field = turn_field(matrices, CELLS, ATOM_OF, axis)
        parts = np.einsum("pts,rsatb->prab", PAULI, np.asarray(turned).reshape(3, 2, 3, 2, 3)) / 2
        before = np.einsum("pts,rsatb->prab", PAULI, np.asarray(matrices).reshape(3, 2, 3, 2, 3))
        assert np.allclose(parts.imag, before.imag / 2, atol=1e-14)
        assert np.allclose(parts[0], before[0] / 2, atol=1e-14)
        assert np.allclose(parts[1:].real, np.multiply.outer(axis, np.asarray(field).real))
        # The majority has the lower energy.
        assert np.trace(np.asarray(field)[0]).real < 0


def test_hosts_are_made_of_numbers():
    assert np.array_equal(known_matrices("x", [[1, 2]]), [[1 + 0j, 2]])
    with pytest.raises(InputError, match="`x` must be numbers when a host is made, but JAX traces"):
        jax.jit(lambda x: known_matrices("x", x))(jnp.ones(2))
    with pytest.raises(InputError, match="`x` must be finite"):
        known_matrices("x", [np.nan])


def test_boxes_of_cells_hold_the_levels_of_the_bands():
    box = np.asarray(boxed(CELLS, jnp.asarray(chain())))
    assert box.shape == (2, 3, 1, 1, 3, 3) and np.allclose(box[0, 2, 0, 0], chain()[0, 1])
    levels = sector_levels(box[0], (4, 1, 1))
    wave = np.exp(2j * np.pi * np.outer(np.arange(4) / 4, CELLS[:, 0]))
    assert np.allclose(levels, np.linalg.eigvalsh(np.einsum("kr,rab->kab", wave, chain()[0])))


def test_blocks_of_atoms_are_cut_out_of_boxes():
    box = np.arange(27.0).reshape(1, 3, 1, 1, 3, 3) + 0j
    cells, rows = np.array([[0, 0, 0], [1, 0, 0]]), np.array([[0, 1], [2, 3]])
    first, second = np.array([0, 1]), np.array([1, 0])
    found = atom_blocks(box, cells, None, 0 * first, 0 * first)
    assert np.array_equal(found[:, 0], box[0, 1:, 0, 0])
    found = atom_blocks(box, cells, rows, first, second)
    padded = np.pad(box[0, :, 0, 0], [(0, 0), (0, 1), (0, 1)])
    assert np.array_equal(found[0, 0], padded[1][:2, 2:])
    assert np.array_equal(found[1, 0], padded[2][2:, :2])


def test_ratio_of_meshes():
    ratio = error_ratio(np.array([1.0]), np.array([1.01]), 8, 16)
    quotient = 10 * 0.01 / 1.01
    assert np.isclose(ratio, 2 * quotient / (1 - quotient))
    assert np.isclose(error_ratio(np.array([1.0]), np.array([3.0]), 8, 16), 4.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fermi_energy": 50.0}, "`fermi_energy` must lie within the bands"),
        ({"temperature": 0.0}, "`temperature` must be greater than zero"),
        ({"vertex": "all"}, '`vertex` must be "bond" or "onsite"'),
        ({"mesh": 1}, "`mesh` must be at least 2"),
        ({"atoms": [2]}, "`atoms` must hold numbers from 0 to 1"),
        ({"axis": [0.0, 0.0, 2.0]}, "`axis`"),
        ({"matrices": np.zeros((2, 3, 3, 3))}, "`matrices` must have an exchange splitting"),
        ({"matrices": np.zeros((2, 3, 2, 2))}, "`matrices` must have shape"),
        ({"matrices": np.arange(54.0).reshape(2, 3, 3, 3)}, "`matrices` must be Hermitian"),
        ({"cells": CELLS[:, :2]}, "`cells` must have shape"),
        ({"cells": np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]])}, "`cells` must hold every R once"),
        ({"atom_of": [0, 0, 5]}, "`atom_of` must hold atoms from 0 to 1"),
    ],
)
def test_wrong_hosts_are_refused(change, message):
    given = dict(
        lattice=LATTICE,
        cells=CELLS,
        matrices=chain(),
        atom_of=ATOM_OF,
        fermi_energy=0.1,
        temperature=THERMAL,
    )
    with pytest.raises(InputError, match=message):
        WannierHost(**{**given, **change})


def test_wrong_questions_are_refused():
    made = host()
    with pytest.raises(InputError, match="`cutoff` must reach a pair"):
        crystal_pairs(made, 1.0)
    with pytest.raises(InputError, match="`pairs` must name magnetic atoms"):
        crystal_exchange(made, np.array([[0, 1, 0, 0, 0]]))
    with pytest.raises(InputError, match="`pairs` must join different sites"):
        crystal_exchange(made, np.array([[0, 0, 0, 0, 0]]))
    with pytest.raises(InputError, match="`pairs` must be an int array"):
        crystal_exchange(made, [[0, 1]])
    with pytest.raises(InputError, match="`patience` must allow for"):
        crystal_exchange(made, crystal_pairs(made, 9.0), tolerance=1e-12, patience=1e-9)
    with pytest.raises(InputError, match="`meshes` must hold"):
        exchange_on_meshes(made, crystal_pairs(made, 2.1), [8])
    with pytest.raises(InputError, match="`splitting` must have shape"):
        ExchangeField(np.zeros((1, 2, 2)), [[0, 0, 1.0], [0, 0, 1.0]])
    with pytest.raises(InputError, match="`splitting` must hold one matrix"):
        made.scatterer([[0, 0, 0, 0]]).spin_splitting().strength(jnp.ones(1), 2)


def test_energies_are_differentiable_through_a_host_with_a_mesh():
    made = host("bond", mesh=12)
    sites = np.array([[0, 0, 0, 0], [1, 0, 0, 0]])
    spins = jnp.array([[0.6, 0.0, 0.8], [0.0, 0.0, 1.0]])
    contour = made.contour()

    def energy(sectors):
        moved = eqx.tree_at(lambda h: h.sectors, made, sectors)
        return LloydEnergy(moved, moved.scatterer(sites), sites, contour).energy(spins)

    step = np.zeros(made.sectors.shape, complex)
    step[:, 1, 0, 0, 0, 0] = 1.0
    slope = float(jnp.sum(jax.grad(energy)(made.sectors) * step).real)
    ends = [float(energy(made.sectors + s * 1e-4 * step)) for s in (1, -1)]
    assert np.isclose(slope, (ends[0] - ends[1]) / 2e-4, rtol=1e-5)


def test_meshes_do_not_show_images():
    made = host("bond")
    pairs = crystal_pairs(made, 20.5)
    found = crystal_exchange(made, pairs, tolerance=1e-7)
    meshes = [node.mesh for node in found.nodes]
    assert min(meshes) < 2 * np.abs(pairs[:, 2]).max()
    check_reach(22, pairs[:, 2:])
    same = exchange_on_meshes(made, pairs, meshes)
    assert np.allclose(same, found.tensors[:, :2, :2], atol=1e-14)
    with pytest.raises(InputError, match="`mesh` must be more than twice the distance"):
        crystal_exchange(made, pairs, mesh=16)
    with pytest.raises(InputError, match="`mesh` must be more than twice the distance"):
        host("bond", mesh=4).blocks(jnp.array([1j]), [[0, 0, 0, 0], [2, 0, 0, 0]], [[0, 1]])


def test_what_is_too_large_or_incomplete_is_refused():
    made = host()
    with pytest.raises(InputError, match="`cutoff` must be searched in at most"):
        crystal_pairs(made, 1e9)
    found = crystal_exchange(made, np.array([[0, 0, 1, 0, 0]]), mesh=8)
    with pytest.raises(InputError, match="`found` must hold the reverse of every pair"):
        crystal_model(collinear_tensors(found), LATTICE)


def test_interrupted_sums_go_on_energy_by_energy(tmp_path, monkeypatch):
    monkeypatch.setattr("msgreen.io.kept._FIRST", 0.0)
    monkeypatch.setattr("msgreen.io.pace.PATIENCE", 0.0)
    made = host()
    pairs, folder = crystal_pairs(made, 2.1), tmp_path / "kept"
    effort = Effort(tolerance=1e-6, fermi_error=1e-4)
    whole = crystal_exchange(made, pairs, **effort)
    end, box, summed = kept._Parts.end, WannierHost.green_box, []

    def counted(self, z, sector, *arguments):
        if sector == 0:
            summed.append(complex(z))
        return box(self, z, sector, *arguments)

    def interrupted(self, part=None):
        end(self, part)
        if self.counts == [3]:
            raise KeyboardInterrupt

    monkeypatch.setattr(WannierHost, "green_box", counted)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt), long_run(folder):
        patch.setattr(kept._Parts, "end", interrupted)
        crystal_exchange(made, pairs, **effort)
    around = [{node.energy + e for e in (0, 1e-4, -1e-4)} for node in whole.nodes[:3]]
    assert set(summed) == set.union(*around)
    with pytest.raises(InputError, match="another content"), long_run(folder):
        crystal_exchange(made, pairs[1:], **effort)
    summed.clear()
    with long_run(folder):
        found = crystal_exchange(made, pairs, **effort)
    np.testing.assert_array_equal(found.tensors, whole.tensors)
    np.testing.assert_array_equal(found.errors, whole.errors)
    # Once to see what the results look like that were kept as numbers alone.
    assert [summed.count(node.energy) for node in whole.nodes[:3]] == [1, 0, 0]
    assert not folder.exists()
