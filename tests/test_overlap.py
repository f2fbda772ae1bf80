"""Crystals whose orbitals overlap: against diagonalised rings, and against orthogonal orbitals.

The ring of 11 cells is the torus of a mesh of 11 points, so that nothing but rounding is left.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from test_wannier_host import ATOM_OF, CELLS, LATTICE, THERMAL, chain

from msgreen.errors import InputError
from msgreen.exchange.crystal.pairs import crystal_exchange, exchange_on_meshes, total_exchange
from msgreen.exchange.crystal.traces import integrands
from msgreen.hosts.wannier import WannierHost
from msgreen.lattice.bloch import at_mesh, from_mesh
from msgreen.lattice.magnetic import boxed, check_hermitian, sector_levels
from msgreen.lattice.overlap import (
    CUT,
    between_loewdin,
    check_positive,
    loewdin,
    overlap_box,
    square_root,
    with_overlap,
)
from msgreen.spin.algebra import PAULI

RING = 11
ORB = len(ATOM_OF)
Z = 0.2 + 0.9j


def overlap():
    """S(R) between the orbitals of a chain, eigenvalues at all k between 0.6 and 1.4."""
    rng = np.random.default_rng(3)
    ligand = 0.15 * rng.normal(size=2)
    home = np.eye(ORB)
    home[:2, 2] = home[2, :2] = ligand
    hop = 0.06 * rng.normal(size=(ORB, ORB))
    return np.stack([home, hop, hop.T])


def host(vertex="bond", spin_orbit=False, **options):
    given = dict(fermi_energy=0.1, temperature=THERMAL, vertex=vertex, mesh=RING)
    given.update(options)
    return WannierHost(LATTICE, CELLS, chain(spin_orbit), ATOM_OF, overlap=overlap(), **given)


def exact(made):
    """The host with the square root of its ring, uncut."""
    return eqx.tree_at(lambda h: h.frame, made, square_root(made.overlap, (RING, 1, 1)))


def ring(box):
    """The matrix of a function of cells on the ring, shape (cell, n, cell, n)."""
    values = np.asarray(box)[:, 0, 0]
    found = np.zeros((RING, values.shape[-1], RING, values.shape[-1]), complex)
    for n, block in enumerate(values):
        for cell in range(RING):
            found[cell, :, (cell + n - len(values) // 2) % RING] += block
    return found.reshape(RING * values.shape[-1], -1)


def spins_of(made):
    """H and S of the ring with spin as the slow index."""
    parts = [ring(box) for box in made.sectors]
    if made.spin_orbit:
        full = parts[0].reshape(RING, 2, ORB, RING, 2, ORB).transpose(1, 0, 2, 4, 3, 5)
        full = full.reshape(2 * RING * ORB, -1)
    else:
        full = scipy.linalg.block_diag(*parts)
    return full, np.kron(np.eye(2), ring(made.overlap))


def turned(made, changes):
    """The matrix by which moments {(cell, atom): e - e0} change H of the ring."""
    field = ring(made.splitting)
    frame = np.eye(len(field)) if made.frame is None else ring(made.frame)
    total = np.zeros((2 * len(field),) * 2, complex)
    for (cell, atom), change in changes.items():
        mine = np.zeros((RING, ORB))
        mine[cell, ATOM_OF == atom] = 1
        projector = np.diag(mine.ravel())
        if made.vertex == "onsite":
            share = projector @ field @ projector
        else:
            half = frame @ projector @ np.linalg.solve(frame, field)
            share = (half + half.conj().T) / 2
        spin = np.einsum("a,ast->st", change, PAULI[1:])
        total += np.kron(spin, made.signs[atom] * share)
    return total


def logdet(matrix):
    return np.log(np.linalg.det(matrix.astype(complex)) + 0j)


@pytest.mark.parametrize(
    ("vertex", "spin_orbit"), [("bond", False), ("bond", True), ("onsite", False), ("onsite", True)]
)
def test_determinants_are_those_of_rings_in_either_orbitals(vertex, spin_orbit):
    """det(1 - G V) of two turned sites; the ring with S, and with orthogonalised orbitals."""
    made = host(vertex, spin_orbit)
    sites = np.array([[0, 0, 0, 0], [1, 0, 0, 0]])
    rng = np.random.default_rng(1)
    spins = rng.normal(size=(2, 3))
    spins /= np.linalg.norm(spins, axis=1, keepdims=True)
    change = {(n, 0): spins[n] - np.array(made.axis) for n in range(2)}
    h, s = spins_of(made)
    v = turned(made, change)
    expected = logdet(np.eye(len(h)) - np.linalg.solve(Z * s - h, v))
    root = scipy.linalg.sqrtm(s)
    h, v = (np.linalg.solve(root, x) @ np.linalg.inv(root) for x in (h, v))
    unit = np.eye(len(h))
    assert np.isclose(logdet(unit - np.linalg.solve(Z * unit - h, v)), expected, atol=1e-10)
    pairs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    green = made.blocks(jnp.array([Z]), sites, pairs).matrix()[0]
    size = green.shape[-1]
    potential = made.scatterer(sites).potential(jnp.array([Z]), jnp.asarray(spins))[0]
    product = np.einsum("ijab,jbc->iajc", green.reshape(2, 2, size, size), potential)
    found = logdet(np.eye(2 * size) - product.reshape(2 * size, -1))
    assert np.isclose(found, expected, atol=1e-10)


def loewdin_host(made):
    """The same electrons in Löwdin's orbitals, on all cells of the ring."""
    mesh = (RING, 1, 1)
    inverse = np.linalg.inv(at_mesh(np.asarray(square_root(made.overlap, mesh)), mesh))
    cells = np.stack([np.arange(RING) - RING // 2, *np.zeros((2, RING), int)], axis=1)
    spins = np.eye(2 if made.spin_orbit else 1)[None, None, None]
    inverse = np.kron(spins, inverse)
    boxes = [from_mesh(inverse @ at_mesh(np.asarray(x), mesh) @ inverse) for x in made.sectors]
    given = dict(fermi_energy=0.1, temperature=THERMAL, vertex="bond", mesh=RING)
    return WannierHost(LATTICE, cells, np.stack(boxes)[:, :, 0, 0], ATOM_OF, **given)


@pytest.mark.parametrize("spin_orbit", [False, True])
def test_the_bond_vertex_is_that_of_loewdins_orbitals(spin_orbit):
    """Electrons, moments and exchange of the same crystal in either orbitals are the same."""
    made, other = exact(host("bond", spin_orbit, atoms=[0, 1])), None
    other = loewdin_host(made)
    assert np.allclose(made.strengths(), other.strengths(), atol=1e-12)
    assert np.isclose(made.nonlocal_share(), other.nonlocal_share())
    pairs = np.array([[0, 0, 1, 0, 0], [0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [0, 0, -2, 0, 0]])
    contour = made.contour()
    boxes = [
        [
            np.stack([h.green_box(z, s, (RING, 1, 1), (2, 0, 0)) for s in range(len(h.sectors))])
            for z in contour.nodes[::7]
        ]
        for h in (made, other)
    ]
    for one, two in zip(*boxes, strict=True):
        assert np.allclose(one, two, atol=1e-10)
        found = [integrands(h, b, pairs) for h, b in ((made, one), (other, two))]
        for x, y in zip(*found, strict=True):
            assert np.allclose(x, y, atol=1e-10)
    again = made.green_box(Z, 0, (RING, 1, 1), (2, 0, 0))
    cut = host("bond", spin_orbit).green_box(Z, 0, (RING, 1, 1), (2, 0, 0))
    assert 0 < np.abs(again - cut).max() < 10 * CUT


@pytest.mark.parametrize("vertex", ["bond", "onsite"])
def test_electrons_and_exchange_are_those_of_the_ring(vertex):
    """Occupations of generalised levels; second differences of the energy of turned moments."""
    made = host(vertex)
    pairs = np.array([[0, 0, 1, 0, 0], [0, 0, -1, 0, 0]])
    found = crystal_exchange(made, pairs, mesh=RING)
    h, s = spins_of(made)

    def levels(changes):
        return scipy.linalg.eigvalsh(h + turned(made, changes), s) - 0.1

    count = np.sum(1 / (1 + np.exp(levels({}) / THERMAL))) / RING
    # The cut of the square root is that of Löwdin's count.
    assert np.isclose(found.electrons.sum(), count, atol=1e-8 if vertex == "onsite" else 1e-5)
    bands = [sector_levels(x, (RING, 1, 1), made.overlap) for x in np.asarray(made.sectors)]
    assert np.allclose(np.sort(np.ravel(bands)), levels({}) + 0.1, atol=1e-11)

    def energy(one, two):
        tilt = {(n, 0): np.array([np.sin(a), 0, np.cos(a) - 1]) for n, a in enumerate((one, two))}
        return -THERMAL * np.sum(np.logaddexp(0, -levels(tilt) / THERMAL))

    def difference(step):
        return sum(energy(a, b) * a * b for a in (-step, step) for b in (-step, step)) / step**4 / 4

    extrapolated = (4 * difference(0.02) - difference(0.04)) / 3
    assert np.isclose(found.tensors[0, 0, 0], extrapolated, atol=1e-7)


def test_turning_everything_costs_nothing():
    made = host("bond", atoms=[0, 1])
    cells = np.arange(RING) - RING // 2
    rows = [[i, j, r, 0, 0] for i in (0, 1) for j in (0, 1) for r in cells if i != j or r]
    found = crystal_exchange(made, np.array(rows), mesh=RING)
    for place in range(2):
        curved = np.trace(found.curvature[place]) / 2
        assert np.isclose(total_exchange(found, place), curved, rtol=1e-9)


def test_the_square_root_and_its_derivative():
    box = np.asarray(overlap_box(overlap(), CELLS, ORB))
    check_positive(box, (RING, 1, 1))
    root = square_root(box, (RING, 1, 1))
    k = at_mesh(np.asarray(root), (RING, 1, 1))
    assert np.allclose(k @ k, at_mesh(box, (RING, 1, 1)), atol=1e-14)
    assert np.linalg.eigvalsh(k).min() > 0
    short = np.asarray(loewdin(box))
    width = short.shape[0] // 2
    assert 1e-8 < np.abs(short[0]).max() < 1e-3 and np.abs(short[-1]).max() > CUT
    assert np.allclose(short[width], root[RING // 2], atol=1e-5)
    rng = np.random.default_rng(0)
    step = rng.normal(size=box.shape)
    step = step + step[::-1].swapaxes(-1, -2)
    tangent = jax.jvp(lambda x: square_root(x, (RING, 1, 1)), (box,), (step.astype(complex),))[1]
    ends = [square_root(box + s * 1e-5 * step, (RING, 1, 1)) for s in (1, -1)]
    assert np.allclose(tangent, (ends[0] - ends[1]) / 2e-5, atol=1e-8)
    field = boxed(CELLS, jnp.asarray(chain()[0]))
    moved = between_loewdin(field, root)
    assert np.allclose(k @ moved @ k, at_mesh(np.asarray(field), (RING, 1, 1)), atol=1e-13)
    assert np.allclose(between_loewdin(field, None), at_mesh(np.asarray(field), (3, 1, 1)))
    assert np.allclose(from_mesh(at_mesh(box, (3, 1, 1))), box, atol=1e-15)
    changed = at_mesh(np.asarray(with_overlap(Z, field, box)), (RING, 1, 1))
    both = Z * at_mesh(box, (RING, 1, 1)) - at_mesh(np.asarray(field), (RING, 1, 1))
    assert np.allclose(Z * np.eye(ORB) - changed, both, atol=1e-14)


def test_gradients_reach_every_element_of_the_overlap():
    made = host("bond", mesh=None)
    pairs = np.array([[0, 0, 1, 0, 0], [0, 0, -1, 0, 0]])
    meshes = [8] * len(made.contour().nodes)

    def exchange(box):
        parts = (box, square_root(box, (RING, 1, 1)))
        moved = eqx.tree_at(lambda h: (h.overlap, h.frame), made, parts)
        return exchange_on_meshes(moved, pairs, meshes)[0, 0, 0]

    rng = np.random.default_rng(0)
    step = rng.normal(size=made.overlap.shape)
    step = (step + step[::-1].swapaxes(-1, -2)).astype(complex)
    slope = float(jnp.sum(jax.grad(exchange)(made.overlap) * step).real)
    ends = [float(exchange(made.overlap + s * 1e-5 * step)) for s in (1, -1)]
    assert np.isclose(slope, (ends[0] - ends[1]) / 2e-5, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s[:, :2, :2], "`overlap` must have shape"),
        (lambda s: np.triu(s), "`overlap` must be Hermitian"),
        (lambda s: s - 0.6 * np.eye(3)[None] * [[[1]], [[0]], [[0]]], "`overlap` must be positive"),
        (lambda s: np.nan * s, "`overlap` must be finite"),
    ],
)
def test_wrong_overlaps_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        WannierHost(
            LATTICE,
            CELLS,
            chain(),
            ATOM_OF,
            fermi_energy=0.1,
            temperature=THERMAL,
            overlap=change(overlap()),
        )
    with pytest.raises(InputError, match="`x` must be Hermitian, .* at R = \\[1, 0, 0\\]"):
        check_hermitian("x", np.arange(27.0).reshape(1, 3, 3, 3), CELLS)
