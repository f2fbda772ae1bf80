"""Loops of a crystal: against turned rings that are diagonalised, Lloyd's energy, and iron.

The model is a chain of two magnetic atoms whose splitting lies partly between them.
"""

import csv
from itertools import combinations, product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import wannier_files as wf
import xarray as xr

from msgreen.cli import main
from msgreen.config.crystal_loops import Loops, about_loops, with_loops
from msgreen.config.schema import Outcome
from msgreen.energy.lloyd import LloydEnergy
from msgreen.errors import InputError
from msgreen.exchange.closed_forms import coefficients
from msgreen.exchange.crystal.clusters import (
    KINDS,
    all_rings,
    canonical,
    check_sites,
    crystal_clusters,
    dot_products,
    loop_keys,
    loop_legs,
    loop_orbits,
    ordered,
    rings,
)
from msgreen.exchange.crystal.loop_model import (
    CLASS_OF,
    Products,
    loop_model,
    loop_products,
    perfect_matchings,
)
from msgreen.exchange.crystal.loops import (
    CrystalLoops,
    LoopTerms,
    crystal_loops,
    rings_on_meshes,
)
from msgreen.exchange.crystal.meshes import Budget, Effort, on_meshes, sum_over_meshes
from msgreen.exchange.crystal.pairs import crystal_exchange
from msgreen.exchange.crystal.rotations import LARGEST_ORDER, crystal_rotations
from msgreen.exchange.derivatives import closed_rotation_tensor
from msgreen.hosts.wannier import WannierHost
from msgreen.io import read_model
from msgreen.io.loop_table import LOOP_COLUMNS, LoopTable, loop_data, loop_rows, loop_tables
from msgreen.io.wannier import read_folder, wannier_host
from msgreen.lattice import Lattice
from msgreen.plot.crystal_loops import loop_lengths_figure
from msgreen.spin.algebra import PAULI, tangent_frame
from msgreen.spinmodel import Term, crystal_symmetry
from msgreen.spinmodel.symmetry import no_symmetry, residual
from msgreen.units import BOLTZMANN, MEV

LATTICE = Lattice(np.diag([2.0, 9.0, 9.0]), np.array([[0.0, 0.0, 0.0], [1.0, 0.3, 0.0]]))
CELLS = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]])
THERMAL = 0.25
CUTOFFS = {"pair": 7.0, "biquadratic": 4.5, "three_site": 4.3, "four_site": 4.3}
MESH = 32


def chain(antiparallel=False, mesh=MESH):
    """A host with one orbital on either atom; some of the splitting is on the bonds."""
    step = np.array([[0.1, 0.0], [0.3, 0.12]])
    even = np.stack([[[0.5, 0.33], [0.33, -0.4]], step, step.T])
    second = 0.7 if antiparallel else -0.7
    home, away = [[-0.8, -0.05], [-0.05, second]], np.array([[0.03, 0.0], [-0.04, 0.02]])
    field = np.stack([home, away, away.T])
    matrices = np.stack([even + field, even - field]).astype(complex)
    given: dict = dict(fermi_energy=0.1, temperature=THERMAL, vertex="bond", mesh=mesh)
    return WannierHost(LATTICE, CELLS, matrices, np.array([0, 1]), **given)


@pytest.fixture(scope="module")
def made():
    return chain()


@pytest.fixture(scope="module")
def clusters(made):
    return crystal_clusters(made, CUTOFFS)


@pytest.fixture(scope="module")
def found(made, clusters):
    return crystal_loops(made, clusters, mesh=MESH)


def ring_energy(made, spins):
    """The grand potential of a ring of cells whose moments (cell, atom, 3) are all turned."""
    count, size = len(spins), 2 * len(spins)
    even, field = np.zeros((2, size, size), complex)
    for cell in range(count):
        mine = slice(2 * cell, 2 * cell + 2)
        for step in (-1, 0, 1):
            other = 2 * ((cell + step) % count)
            up, down = np.asarray(made.sectors[:, step + 1, 0, 0])
            even[mine, other : other + 2] += (up + down) / 2
            field[mine, other : other + 2] += np.asarray(made.splitting[step + 1, 0, 0])
    along = spins.reshape(size, 3) * np.tile(made.signs, count)[:, None]
    matrix = np.kron(np.eye(2), even)
    for component, pauli in zip(along.T, PAULI[1:], strict=True):
        share = np.diag(component) @ field
        matrix = matrix + np.kron(pauli, (share + share.conj().T) / 2)
    levels = np.linalg.eigvalsh(matrix)
    return -THERMAL * np.sum(np.logaddexp(0, -(levels - 0.1) / THERMAL))


@pytest.mark.parametrize("antiparallel", [False, True])
def test_the_model_has_the_energy_of_a_turned_ring_to_fourth_order(found, clusters, antiparallel):
    """All 32 moments turned by random angles: exchange is wrong in fourth order, loops are not."""
    made = chain(antiparallel)
    here = crystal_loops(made, clusters, mesh=MESH) if antiparallel else found
    assert made.signs == (1, -1 if antiparallel else 1)
    model = loop_model(here, LATTICE)
    pairs = clusters["pair"]
    straight = [Term("exchange", pairs[..., 3], here.terms["pair"].ring.value, pairs[..., :3])]
    tilts = np.random.default_rng(0).normal(size=(16, 2, 2))

    def turned(angle):
        size = np.linalg.norm(angle * tilts, axis=-1, keepdims=True)
        across = np.sinc(size / np.pi) * angle * tilts
        return np.concatenate([across, np.cos(size) * np.array(made.signs)[:, None]], axis=-1)

    def cost(energy, angle):
        return (energy(turned(angle)) - energy(turned(0.0))) / angle**4

    def of(some):
        return lambda spins: float(some.energy(jnp.asarray(spins)[:, None, None]))

    exact = cost(lambda spins: ring_energy(made, spins), 0.1)
    only_pairs = cost(of(model.with_terms(straight)), 0.1) - exact
    # What is left is the cutoff, and orders from the sixth.
    assert abs(cost(of(model), 0.1) - exact) < 0.01 * abs(only_pairs)
    assert abs(only_pairs) > 0.1


@pytest.mark.slow
def test_the_model_has_the_derivatives_by_different_moments():
    """Of two, four and six spins; the model is a polynomial, whose odd part is found exactly."""
    made = chain(antiparallel=True)
    clusters = crystal_clusters(made, {"biquadratic": 2.1, "three_site": 2.1, "six_site": 2.3})
    found = crystal_loops(made, clusters, mesh=MESH)
    model = loop_model(found, LATTICE)
    assert model.classes[-2:] == ("four_site", "six_spin")
    assert len(model["six_spin"].clusters) == 15 * len(clusters["six_site"]) // 60
    six = clusters["six_site"][0]
    resting = np.zeros((16, 1, 1, 2, 3))
    resting[..., 2] = made.signs
    rng = np.random.default_rng(2)
    for sites in (six[[1, 4]], six[[0, 1, 3, 4]], six):
        across = rng.normal(size=(len(sites), 2))
        # What is odd in every one of them.
        senses = np.array(list(product((-1.0, 1.0), repeat=len(sites))))
        spins = np.tile(resting, (len(senses), 1, 1, 1, 1, 1))
        for n, (cell, *_, atom) in enumerate(sites):
            spins[:, cell % 16, 0, 0, atom, :2] = senses[:, n, None] * across[n]
        mixed = float(senses.prod(axis=1) @ np.asarray(model.energy(jnp.asarray(spins))))
        mixed /= len(senses)
        tensor = crystal_rotations(made, sites[None], mesh=MESH)[0][0]
        assert np.isclose(mixed, contraction(tensor, across), rtol=1e-9, atol=1e-16)
    table = loop_tables(found, LATTICE, no_symmetry(2, 3))[-1]
    row = dict(zip(LOOP_COLUMNS, loop_rows([table])[0], strict=True))
    assert row["coefficient_L"] == "kappa6" and row["multiplicity"] == 12 and row["B_meV"] == ""
    assert "six_site_kappa6" in loop_data([table])


def test_pairs_are_those_of_the_exchange(made, found):
    assert isinstance(found.terms["pair"], LoopTerms)
    sites = found.terms["pair"].sites
    rows = np.concatenate([sites[..., 3], sites[:, 1, :3]], axis=1)
    exchange = crystal_exchange(made, rows, mesh=MESH)
    assert np.allclose(found.terms["pair"].ring.value, exchange.exchange(), atol=1e-14)
    assert found.signs == made.signs and len(found.nodes) == len(exchange.nodes)


def contraction(tensor, across):
    for vector in across:
        tensor = np.tensordot(vector, tensor, axes=1)
    return float(tensor)


def trace_form(across):
    """Half of the trace of p_1.sigma p_2.sigma ..."""
    product = np.eye(2)
    for vector in across:
        product = product @ np.einsum("a,ast->st", vector, PAULI[1:3])
    return product.trace().real / 2


@pytest.mark.parametrize("order", [4, pytest.param(6, marks=pytest.mark.slow)])
def test_loops_over_the_same_sites_add_up_to_the_rotation_tensor(order):
    """Lloyd's energy of those sites alone has it in closed form, from dense matrices."""
    made = chain(antiparallel=True)
    sites = np.array([[n // 2, 0, 0, n % 2] for n in range(order)])
    scatterer = made.scatterer(sites)
    energy, reference = LloydEnergy(made, scatterer, sites), scatterer.reference
    tensor = np.asarray(closed_rotation_tensor(energy, reference, range(order)).value)
    across = np.random.default_rng(1).normal(size=(order, 2))
    walks = rings(order)
    found = crystal_loops(made, {"ring": sites[walks]}, mesh=MESH).terms["ring"]
    keys = loop_keys(sites[walks])
    assert np.array_equal(keys, loop_keys(sites[walks[:, ::-1]])) and len(
        np.unique(keys, axis=0)
    ) == len(walks)
    # The frames of antiparallel moments differ.
    frame = np.asarray(tangent_frame(reference))
    inside = np.einsum("na,nax->nx", across, frame)[:, :2]
    values = zip(found.ring.value, walks, strict=True)
    expected = sum(value * trace_form(inside[list(walk)]) for value, walk in values)
    assert np.isclose(contraction(tensor, across), expected, rtol=1e-9)


@pytest.mark.parametrize("order", [3, 4])
def test_rotations_with_spin_orbit_coupling_are_those_of_the_energy(order):
    """Odd orders too, of the whole tensor, along a direction without symmetry."""
    made = chain()
    up, down = np.asarray(made.sectors)[:, :, 0, 0]
    full = np.zeros((1, 3, 4, 4), complex)
    full[0, :, :2, :2], full[0, :, 2:, 2:] = up, down
    hop = np.array([[0.1, -0.2], [0.3, 0.15]])
    # i h.sigma of spin-orbit coupling: h(R) = -h(-R)^T, here along x and z.
    for pauli, scale in ((PAULI[1], 0.4), (PAULI[3], 0.3)):
        part = 1j * scale * np.kron(pauli, hop)
        full[0] += np.stack([part.conj().T, np.zeros((4, 4)), part])
    axis = np.array([2.0, -3.0, 6.0]) / 7
    given: dict = dict(fermi_energy=0.1, temperature=THERMAL, vertex="bond", axis=axis)
    coupled = WannierHost(LATTICE, np.sort(CELLS, axis=0), full, np.array([0, 1]), **given, mesh=16)
    sites = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 1]])[:order]
    found, errors, nodes = crystal_rotations(coupled, sites[None], mesh=16)
    scatterer = coupled.scatterer(sites)
    energy = LloydEnergy(coupled, scatterer, sites)
    expected = np.asarray(closed_rotation_tensor(energy, scatterer.reference, range(order)).value)
    assert np.allclose(found[0], expected, atol=1e-9 * np.abs(expected).max())
    assert np.abs(expected).max() > 1e-5 and np.all(errors > 0) and LARGEST_ORDER == 6
    exact, _, _ = crystal_rotations(coupled, sites[None], mesh=48)
    found, errors, nodes = crystal_rotations(coupled, sites[None], tolerance=1e-5)
    assert np.all(np.abs(found - exact) <= errors) and errors.max() < 1e-5 and len(nodes) > 3


def test_rotations_without_spin_orbit_coupling_are_sums_of_loops(made, found):
    loops = found.terms["four_site"].sites[:3]
    tensor = crystal_rotations(made, loops[:1], mesh=MESH)[0][0]
    ring = found.terms["four_site"].ring.value[:3]
    assert np.isclose(tensor[0, 0, 0, 0], ring.sum())
    assert np.isclose(tensor[0, 1, 0, 1], ring.sum() - 2 * ring[0])
    odd = crystal_rotations(made, loops[:1, :3], mesh=MESH)[0]
    assert np.abs(odd).max() < 1e-15


def test_the_coefficient_of_deviations_is_that_of_the_closed_form(made, found):
    loops = found.terms["four_site"].sites[:6]
    sites, index = np.unique(loops.reshape(-1, 4), axis=0, return_inverse=True)
    scatterer = made.scatterer(sites).spin_splitting()
    named = coefficients(made, scatterer, made.contour(), sites, index.reshape(6, 4))
    assert np.allclose(found.terms["four_site"].bare.value[:6], named["B4_iso"].value, atol=1e-14)


def test_phases_of_orbitals_do_not_matter(made, clusters, found):
    """Complex matrices: both senses of a loop are then traced by themselves."""
    phase = np.exp(1j * np.array([0.3, 1.1]))
    matrices = np.asarray(made.sectors)[:, :, 0, 0] * phase[:, None] * phase.conj()
    given: dict = dict(fermi_energy=0.1, temperature=THERMAL, vertex="bond", mesh=MESH)
    other = WannierHost(LATTICE, np.sort(CELLS, axis=0), matrices, np.array([0, 1]), **given)
    assert made.real and not other.real
    for kind, terms in crystal_loops(other, clusters, mesh=MESH).terms.items():
        assert np.allclose(terms.ring.value, found.terms[kind].ring.value, atol=1e-15)
        assert np.allclose(terms.bare.value, found.terms[kind].bare.value, atol=1e-15)


def test_errors_are_never_below_the_truth(made, clusters):
    exact = crystal_loops(made, clusters, mesh=96).terms
    for tolerance in (1e-4, 1e-6):
        here = crystal_loops(made, clusters, tolerance=tolerance)
        for kind, terms in here.terms.items():
            assert np.all(np.abs(terms.ring.value - exact[kind].ring.value) <= terms.ring.error)
            assert np.all(np.abs(terms.bare.value - exact[kind].bare.value) <= terms.bare.error)
            assert terms.ring.error.max() < tolerance


def test_gradients_reach_the_fermi_energy_and_every_matrix_element(made, found):
    loops = found.terms["four_site"].sites[:1]
    meshes = [8] * len(found.nodes)

    def coupling(part, where):
        return rings_on_meshes(eqx.tree_at(where, made, part), loops, meshes)[0]

    level = np.zeros(made.sectors.shape, complex)
    level[:, 1, 0, 0, 1, 1] = 1e-4
    for where, step in (
        (lambda host: host.fermi_energy, 1e-4),
        (lambda host: host.sectors, level),
    ):
        part = where(made)
        slope = jax.grad(coupling)(part, where)
        ends = [float(coupling(part + s * step, where)) for s in (1, -1)]
        expected = (ends[0] - ends[1]) / 2
        assert np.isclose(float(jnp.sum(slope * step).real), expected, rtol=1e-5, atol=1e-15)


def test_what_a_model_needs_is_computed(made, clusters, found):
    assert list(clusters) == list(KINDS)[:4]
    four = clusters["four_site"]
    sets = canonical(four)
    assert len(four) == 3 * len(sets) and np.array_equal(all_rings(sets), four)
    assert (
        np.array_equal(ordered(four[1::3]), four[::3])
        and len(rings(4)) == 3
        and len(rings(6)) == 60
    )
    pairs = {tuple(p.ravel()) for p in clusters["pair"]}
    for loop in four[::3]:
        for pair in combinations(loop, 2):
            assert tuple(ordered(np.array(pair)[None])[0].ravel()) in pairs
    steps, (legs,) = loop_legs([four])
    assert legs.shape == (len(four), 4) and np.abs(steps[:, 2:]).max() == 4
    assert np.array_equal(check_sites(made.atoms, four, "sets"), four)
    opposite = dot_products("four_site", four)
    assert np.array_equal(opposite[0][0], four[0][[0, 2]])
    more = crystal_clusters(made, {"biquadratic": 1.1}, pairs=np.array([[0, 0, 5, 0, 0]]))
    assert len(more["pair"]) == 1 + len(more["biquadratic"])
    assert len(perfect_matchings(6)) == 15 and "six_site" in CLASS_OF
    products = loop_products("biquadratic", found.terms["biquadratic"])
    assert isinstance(products, Products)
    assert np.allclose(products.energies.value, 2 * found.terms["biquadratic"].ring.value)
    model = loop_model(found, LATTICE)
    assert model.classes == ("exchange", "biquadratic", "three_site", "four_site")
    assert all(np.all(np.asarray(term.errors) > 0) for term in model.terms)


def test_wrong_questions_are_refused(made, found):
    with pytest.raises(InputError, match="`cutoffs` must name some of pair"):
        crystal_clusters(made, {"five": 1.0})
    with pytest.raises(InputError, match="`loops` must be an int array"):
        crystal_loops(made, {"x": np.zeros((1, 4, 3))})
    with pytest.raises(InputError, match="`loops` must have an even number"):
        crystal_loops(made, {"x": np.zeros((1, 3, 4), int)})
    with pytest.raises(InputError, match="`loops` must name magnetic atoms"):
        crystal_loops(made, {"x": np.full((1, 2, 4), 7)})
    with pytest.raises(InputError, match="`loops` must join different sites"):
        crystal_loops(made, {"x": np.zeros((1, 4, 4), int)})
    with pytest.raises(InputError, match="`meshes` must hold"):
        rings_on_meshes(made, found.terms["four_site"].sites, [8])
    terms = dict(found.terms)
    terms["four_site"] = jax.tree.map(lambda part: part[1:], terms["four_site"])
    with pytest.raises(InputError, match="all loops over the same 4 sites"):
        loop_model(CrystalLoops(terms, found.signs, found.nodes), LATTICE)
    terms = {**found.terms, "pair": jax.tree.map(lambda part: part[:2], found.terms["pair"])}
    with pytest.raises(InputError, match="must hold every pair and loop"):
        loop_model(CrystalLoops(terms, found.signs, found.nodes), LATTICE)
    with pytest.raises(InputError, match="`sets` must hold 2 to 6 sites"):
        crystal_rotations(made, np.zeros((1, 7, 4), int))
    with pytest.raises(InputError, match="`sets` must hold different sites"):
        crystal_rotations(made, np.zeros((1, 2, 4), int))
    with pytest.raises(InputError, match="`loops.cutoff` must leave a loop"):
        Loops(cutoff=0.5).clusters(made, np.zeros((0, 5), int))
    with pytest.raises(InputError, match="`loops.cutoff` must leave at most 3000000"):
        Loops(cutoff=400.0).clusters(made, np.zeros((0, 5), int))
    slow = {kind: found.terms[kind].sites for kind in ("pair", "four_site")}
    with pytest.raises(InputError, match="`patience` must allow for"):
        crystal_loops(made, slow, tolerance=1e-10, patience=1e-9)
    with pytest.raises(InputError, match="`tolerance` must be greater than zero"):
        sum_over_meshes(made, np.zeros((1, 3), int), lambda x: x, lambda x: 0.0, Budget(0.0))
    assert set(Effort.__annotations__) == set(Budget._fields)


def test_numbers_on_meshes_are_those_of_the_sums(made, found):
    home = np.zeros((1, 3), int)

    def density(boxes):
        return boxes[:, 0, 0, 0].diagonal(axis1=1, axis2=2).sum(axis=1)

    meshes = [MESH] * len(found.nodes)
    values, _, nodes = sum_over_meshes(made, home, density, lambda x: 0.0, Budget(mesh=MESH))
    assert [node.mesh for node in nodes] == meshes
    expected = made.contour().integrate(jnp.asarray(values))[0]
    assert np.allclose(on_meshes(made, meshes, home, density), expected, atol=1e-14)


@pytest.fixture(scope="module")
def iron(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iron")
    wf.write_iron(folder)
    thermal = 600 * BOLTZMANN
    return wannier_host(
        read_folder(folder), fermi_energy=12.6256, temperature=thermal, vertex="onsite"
    )


def test_orbits_of_iron(iron):
    """Nearest neighbours: six planar rhombi and six skew ones; chains of three angles."""
    clusters = crystal_clusters(iron, {"four_site": 2.6, "three_site": 2.6})
    symmetry = crystal_symmetry(iron.lattice)
    orbit = loop_orbits(clusters["four_site"][::3], symmetry)
    assert sorted(np.bincount(orbit)) == [6, 6]
    rings = loop_orbits(clusters["four_site"], symmetry).reshape(-1, 3)
    assert sorted(np.bincount(rings.ravel())) == [6, 6, 12, 12]
    assert sorted(np.bincount(loop_orbits(clusters["three_site"], symmetry))) == [4, 12, 12]


def test_tables_and_pictures(iron):
    """Rows per orbit, products of the model in their rows, and labelled data."""
    clusters = crystal_clusters(iron, dict.fromkeys([*KINDS][1:4], 2.6))
    found = crystal_loops(iron, clusters, mesh=8)
    tables = loop_tables(found, iron.lattice, crystal_symmetry(iron.lattice))
    assert [table.kind for table in tables] == [*KINDS][1:4] and isinstance(tables[0], LoopTable)
    rows = loop_rows(tables)
    assert len(rows) == 4 + 28 + 36 and {len(row) for row in rows} == {len(LOOP_COLUMNS)}
    by_name = [dict(zip(LOOP_COLUMNS, row, strict=True)) for row in rows]
    assert {row["coefficient_L"] for row in by_name} == {"B4_iso"}
    assert {row["multiplicity"] for row in by_name} == {2, 4, 8}
    model = loop_model(found, iron.lattice)
    four = [row["B_meV"] for row in by_name if row["kind"] == "four_site"]
    assert np.allclose(sorted(four), sorted(model["four_site"].values / MEV))
    assert by_name[0]["cells"].startswith("0 0 0; ")
    # The functions are cubic to a thousandth only.
    for table in tables:
        for members in table.members():
            ring = table.terms.ring.value[members]
            assert np.ptp(ring) < 0.02 * np.abs(table.terms.ring.value).max()
            assert np.ptp(table.lengths[members]) < 1e-6
    data = xr.Dataset(loop_data(tables))
    assert data["four_site_J_ring"].attrs["units"] == "eV"
    assert len(about_loops(tables)) == 2 + sum(len(table.members()[:13]) for table in tables)
    assert loop_lengths_figure(tables).axes[0].get_ylabel()
    pairs = Outcome((), (), xr.Dataset(), {}, ["pairs"])
    whole = with_loops(
        pairs, found, iron.lattice, crystal_symmetry(iron.lattice), averaged=True, figures=False
    )
    assert whole.summary[0] == "pairs" and whole.model is not None and not whole.figures
    left = residual(whole.model, crystal_symmetry(iron.lattice))
    assert all(part.largest < 1e-12 * part.scale for part in left.values())


def write_chain(folder):
    """Files of the chain, and a configuration that asks for its loops."""
    made = chain()
    blocks = np.asarray(made.sectors)[:, :, 0, 0]
    for spin, matrices in zip(("up", "down"), blocks, strict=True):
        text = wf.hr_text(matrices, np.sort(CELLS, axis=0), [1, 1, 1])
        (folder / f"x_{spin}_hr.dat").write_text(text)
        (folder / f"x_{spin}.win").write_text(
            "use_ws_distance = .false.\nbegin atoms_cart\nMn 0 0 0\nMn 1 0.3 0\nend atoms_cart\n"
            "begin unit_cell_cart\nang\n2 0 0\n0 9 0\n0 0 9\nend unit_cell_cart\n"
        )
        (folder / f"x_{spin}_centres.xyz").write_text(
            "4\n\nX 0 0 0\nX 1 0.3 0\nMn 0 0 0\nMn 1 0.3 0\n"
        )


@pytest.mark.slow
def test_run_with_loops(made, tmp_path, capsys):
    """Loops in a table, in the dataset and in the spin model, which pairs alone leave different."""
    write_chain(tmp_path)
    file = tmp_path / "chain.toml"
    file.write_text(
        f'[host]\nkind = "wannier"\nfolder = "."\nfermi_energy = 0.1\n'
        f"temperature_K = {THERMAL / BOLTZMANN}\n[pairs]\ncutoff = 4.1\n"
        "[loops]\ncutoff = 2.5\ntolerance = 0.01\n"
    )
    assert main(["run", str(file), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "J_ring (meV)" in said and "four_site" in said
    with open(tmp_path / "out" / "loops.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    assert list(rows[0]) == list(LOOP_COLUMNS)
    loops = crystal_clusters(made, {"four_site": 2.5})["four_site"]
    exact = crystal_loops(made, {"four_site": loops}, mesh=MESH).terms["four_site"].ring.value
    names = {
        ("-".join(str(s[3]) for s in loop), "; ".join(" ".join(map(str, s[:3])) for s in loop)): n
        for n, loop in enumerate(loops.tolist())
    }
    four = [row for row in rows if row["kind"] == "four_site"]
    assert {(row["atoms"], row["cells"]) for row in four} == set(names)
    for row in four:
        value = exact[names[row["atoms"], row["cells"]]] / MEV
        assert abs(float(row["J_ring_meV"]) - value) < float(row["error_meV"]) < 0.01
    model = read_model(tmp_path / "out" / "model.json")
    assert model.classes == ("exchange", "biquadratic", "three_site", "four_site")
    with xr.open_dataset(tmp_path / "out" / "pairs.nc", engine="h5netcdf") as dataset:
        assert len(dataset["four_site_J_ring"]) == len(four)
    assert (tmp_path / "out" / "loops.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.computing
def test_rhombus_of_iron(iron):
    """Numbers of an independent program, converged to the last digit given."""
    cells = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    sites = np.pad(cells, [(0, 0), (0, 1)])
    found = crystal_loops(iron, {"four_site": sites[rings(4)]}, tolerance=3e-4 * MEV)
    terms = found.terms["four_site"]
    values, error = terms.ring.value / MEV, terms.ring.error.sum() / MEV
    assert error < 1e-3
    product = values.sum() - 2 * values
    known = {"xxxx": values.sum(), "xxyy": product[2], "xyyx": product[1], "xyxy": product[0]}
    expected = {"xxxx": 0.646940, "xxyy": 0.637727, "xyyx": 0.637727, "xyxy": -0.628514}
    for name, value in expected.items():
        assert abs(known[name] - value) < error + 1e-6
    assert abs(terms.bare.value[0] / MEV + 0.0092065) < terms.bare.error[0] / MEV + 5e-8
