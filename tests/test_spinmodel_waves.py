"""Spirals and spin waves against closed forms, boxes, and the Landau-Lifshitz equation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.errors import InputError
from msgreen.lattice import Lattice
from msgreen.spinmodel import (
    SpinModel,
    Term,
    find_spiral,
    luttinger_tisza,
    magnetic_cell,
    magnons,
    spin_waves,
)
from msgreen.spinmodel.states import (
    LowestWave,
    Magnons,
    Path,
    SpinWaves,
    Spiral,
    collinear,
    cone,
    exchange_levels,
    exchange_matrix,
    ferromagnet,
    interacting,
    spiral,
    spiral_energy,
    standard_path,
    wave_vector_path,
)
from msgreen.spinmodel.states.spirals import FourierExchange

J, D, B = 0.010, 0.003, 0.002
LADDER = Lattice([[2.0, 0.0]], [[0.0, 0.0], [0.9, 0.3]])
MOMENT = 3.0
S = MOMENT / 2
Z = np.array([0.0, 0.0, 1.0])
PLANAR = cone(np.pi / 2, 0.0)[None]


def chain(*terms):
    """Chain with one site: name, values and cells of every term, each of one row."""
    rows = [
        Term(name, [[0] * len(cells)], [value], [[[c] for c in cells]])
        for name, value, cells in terms
    ]
    return SpinModel(rows, lattice=Lattice.chain())


def shells(lattice, exchange):
    """Exchange of the first shells of neighbours, every bond once."""
    cells, values = [], []
    for shell, value in zip(lattice.shells(len(exchange)), exchange, strict=True):
        half = [b for b in shell.bonds.tolist() if tuple(b[:-2]) > (0,) * lattice.dimension]
        cells += [[[0] * lattice.dimension, b[:-2]] for b in half]
        values += [value] * len(half)
    return SpinModel([Term("exchange", [[0, 0]] * len(cells), values, cells)], lattice=lattice)


def generic(seed=0):
    """Two sites per cell on a chain, terms of two to four spins without any symmetry, a field."""
    rng = np.random.default_rng(seed)
    bonds = {"sites": [[0, 1], [1, 0], [0, 0]], "cells": [[[0], [0]], [[0], [1]], [[0], [1]]]}
    triples = {"sites": [[0, 1, 0], [1, 0, 1]], "cells": [[[0], [0], [1]], [[0], [1], [1]]]}
    quadruples = {"sites": [[0, 1, 0, 1]], "cells": [[[0], [0], [1], [2]]]}

    def term(name, places, *shape):
        values = 0.2 * J * rng.normal(size=(len(places["sites"]), *shape))
        return Term(name, places["sites"], values, places["cells"])

    terms = [
        term("tensor2", bonds, 3, 3),
        term("chiral_biquadratic", bonds, 3),
        term("three_site", triples),
        term("chiral_four_site", quadruples, 3),
        Term("anisotropy", [[0], [1]], J * rng.normal(size=(2, 3, 3)), [[[0]], [[0]]]),
        Term("field", [[0], [1]], np.zeros((2, 3)), [[[0]], [[0]]]),
    ]
    return SpinModel(terms, lattice=LADDER)


def in_stationary_field(model, state, field):
    """The model in fields that make `state`, equal in all cells, a stable stationary state."""
    gradient = np.asarray(model.gradient(state))[0] + field * np.asarray(state)[0]
    return model.with_terms(
        [*model.terms[:-1], Term("field", [[0], [1]], gradient, [[[0]], [[0]]])]
    )


def random_spins(*shape, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(*shape, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def landau_lifshitz(model, directions, spin):
    """Growth rates of hbar s dS/dt = dE/dS x S linearised by hand, for a finite cluster."""
    hessian = np.asarray(model.hessian(directions))
    rate = np.stack([hessian[:, 1], -hessian[:, 0]], axis=1) / spin[:, None, None, None]
    return np.linalg.eigvals(rate.reshape(2 * len(spin), -1))


def ring_levels(model, directions, spin, cells):
    """Positive energies of the supercell, ascending."""
    whole = model.supercell((cells,))
    state = np.asarray(directions).reshape(-1, 3)
    rates = landau_lifshitz(whole, state, np.tile(spin, cells))
    assert np.abs(rates.real).max() < 1e-7 * np.abs(rates).max()
    return np.sort(rates.imag)[len(rates) // 2 :]


# --- exchange in reciprocal space ---------------------------------------------------------------


def test_exchange_matrix_gives_the_energy_of_two_spin_terms():
    model = generic()
    model = model.with_terms([model["tensor2"], model["anisotropy"]])
    spins = random_spins(7, 2)
    waves = np.fft.fft(spins, axis=0).reshape(7, 6) / 7
    matrix = exchange_matrix(model, np.arange(7)[:, None] / 7)
    per_cell = 0.5 * np.einsum("qa,qab,qb->", waves.conj(), matrix, waves)
    assert per_cell == pytest.approx(float(model.energy(spins)) / 7)
    assert np.allclose(matrix, np.swapaxes(matrix, 1, 2).conj())


def test_lowest_eigenvalue_finds_the_order_of_one_site_per_cell():
    found = luttinger_tisza(shells(Lattice.triangular(), [J]))
    assert isinstance(found, LowestWave)
    assert found.energy == pytest.approx(-1.5 * J)
    assert np.allclose(np.abs(found.q), 1 / 3, atol=1e-7)
    assert found.q[0] == pytest.approx(-found.q[1], abs=1e-7)
    frustrated = luttinger_tisza(shells(Lattice.chain(), [-J, 0.6 * J]))
    assert np.cos(2 * np.pi * frustrated.q[0]) == pytest.approx(J / (4 * 0.6 * J), abs=1e-7)
    honeycomb = luttinger_tisza(shells_between(Lattice.honeycomb(), J))
    assert honeycomb.energy == pytest.approx(-3 * J)
    assert np.allclose(honeycomb.q, 0, atol=1e-6)
    ratio = honeycomb.mode[0] @ honeycomb.mode[1].conj() * 2
    assert ratio == pytest.approx(-1.0)


def shells_between(lattice, exchange):
    """Nearest neighbours on two different atoms."""
    bonds = [b for b in lattice.shells(1)[0].bonds.tolist() if b[-2] == 0]
    cells = [[[0] * lattice.dimension, b[:-2]] for b in bonds]
    return SpinModel(
        [Term("exchange", [b[-2:] for b in bonds], [exchange] * len(bonds), cells)],
        lattice=lattice,
    )


# --- spirals -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_energy_of_a_spiral_is_that_of_its_box():
    """Seven cells average all phases of polynomials up to the fourth degree."""
    model, axis = generic(), random_spins(seed=3)
    base = random_spins(2, seed=4)
    direct = model.energy(spiral((7,), [2 / 7], base, axis)) / 7
    assert spiral_energy(model, [2 / 7], base, axis) == pytest.approx(float(direct))
    batch = spiral_energy(model, [[2 / 7], [0.1]], base, axis)
    assert batch.shape == (2,)
    slope = jax.grad(lambda q: spiral_energy(model, q, base, axis))(jnp.array([0.1]))[0]
    step = 1e-5
    ends = spiral_energy(model, [[0.1 - step], [0.1 + step]], base, axis)
    assert slope == pytest.approx(float(ends[1] - ends[0]) / (2 * step), rel=1e-7)


def test_isotropic_spiral_does_not_need_an_average():
    model = chain(("exchange", -J, (0, 1)), ("three_site", B, (0, 1, 2)))
    angle = 2 * np.pi * 0.137
    energy = spiral_energy(model, [0.137], PLANAR)
    assert energy == pytest.approx(-J * np.cos(angle) + B * np.cos(angle) ** 2)


def helix(first, second=0.0, chiral=0.0, biquadratic=0.0, field=0.0):
    terms = [
        Term("exchange", [[0, 0]] * 2, [first, second], [[[0], [1]], [[0], [2]]]),
        Term("dzyaloshinskii_moriya", [[0, 0]], [chiral * Z], [[[0], [1]]]),
        Term("biquadratic", [[0, 0]], [biquadratic], [[[0], [1]]]),
        Term("field", [[0]], [field * Z], [[[0]]]),
    ]
    return SpinModel(terms, lattice=Lattice.chain())


@pytest.mark.slow
def test_pitch_of_a_chain_with_dzyaloshinskii_moriya_interaction():
    found = find_spiral(helix(-J, chiral=D), starts=16)
    assert isinstance(found, Spiral)
    assert np.tan(2 * np.pi * found.q[0]) == pytest.approx(D / J, abs=1e-7)
    assert np.allclose(found.axis, [0, 0, -1], atol=1e-6)
    assert found.energy == pytest.approx(-np.hypot(J, D))
    assert found.slope < 1e-9


@pytest.mark.slow
def test_biquadratic_term_changes_the_pitch_and_a_field_closes_the_cone():
    first, second = -J, 0.6 * J
    found = find_spiral(helix(first, second, biquadratic=B), axis=Z, starts=16)
    cosine = np.cos(2 * np.pi * found.q[0])
    assert cosine == pytest.approx(-first / (4 * second + 2 * B), abs=1e-7)
    closing = 2 * (np.hypot(J, D) - J)
    open_cone = find_spiral(helix(-J, chiral=D, field=0.3 * closing), axis=Z, starts=16)
    assert open_cone.base[0, 2] == pytest.approx(0.3, abs=1e-6)
    closed = find_spiral(helix(-J, chiral=D, field=1.1 * closing), axis=Z, starts=16)
    assert closed.base[0, 2] == pytest.approx(1.0)


# --- spin waves: closed forms -------------------------------------------------------------------


@pytest.mark.parametrize("lattice", [Lattice.chain(), Lattice.square(), Lattice.cubic()])
@pytest.mark.parametrize("axis", [[0, 0, 1], [1, 1, 1]])
def test_ferromagnet_with_nearest_neighbours(lattice, axis):
    k = random_spins(5)[:, : lattice.dimension]
    waves = spin_waves(shells(lattice, [-J]), ferromagnet(1, axis), k, moments=MOMENT)
    assert isinstance(waves, SpinWaves)
    expected = 2 * J / S * np.sum(1 - np.cos(2 * np.pi * k), axis=1)
    assert np.allclose(waves.energies[:, 0], expected, rtol=1e-12)
    assert waves.stable.all()


def test_antiferromagnetic_chain_in_the_rotating_frame_and_in_its_own_cell():
    model = shells(Lattice.chain(), [J])
    k = np.linspace(0, 1, 9)[:, None]
    turned = spin_waves(model, ferromagnet(1), k, moments=MOMENT, q=[0.5], axis=[1, 0, 0])
    assert np.allclose(turned.energies[:, 0], 2 * J / S * np.abs(np.sin(2 * np.pi * k[:, 0])))
    doubled = spin_waves(magnetic_cell(model, (2,)), collinear("ud"), k, moments=MOMENT)
    assert np.allclose(doubled.energies, 2 * J / S * np.abs(np.sin(np.pi * k)))
    assert doubled.stable.all()
    assert doubled.lowest[0] == pytest.approx(0.0, abs=1e-12)


def test_triangular_antiferromagnet():
    """3 J s sqrt((1 - g)(1 + 2 g)), g the mean cosine over neighbours (H = J sum S.S)."""
    k = random_spins(6)[:, :2]
    model = shells(Lattice.triangular(), [J])
    waves = spin_waves(model, PLANAR, k, moments=MOMENT, q=[1 / 3, -1 / 3])
    phase = 2 * np.pi * k
    mean = np.cos(np.stack([phase[:, 0], phase[:, 1], phase[:, 0] - phase[:, 1]])).mean(axis=0)
    expected = 3 * J / S * np.sqrt((1 - mean) * (1 + 2 * mean))
    assert np.allclose(waves.energies[:, 0], expected)


@pytest.mark.parametrize("up", [1, -1])
def test_interaction_of_dzyaloshinskii_and_moriya_shifts_magnons_against_the_spin(up):
    field = 0.8 * J
    terms = [
        Term("exchange", [[0, 0]], [-J], [[[0], [1]]]),
        Term("dzyaloshinskii_moriya", [[0, 0]], [D * Z], [[[0], [1]]]),
        Term("field", [[0]], [up * field * Z], [[[0]]]),
    ]
    k = np.linspace(-0.5, 0.5, 11)[:, None]
    model = SpinModel(terms, lattice=Lattice.chain())
    waves = spin_waves(model, ferromagnet(1, [0, 0, up]), k, moments=MOMENT)
    angle = 2 * np.pi * k[:, 0]
    expected = 2 * J * (1 - np.cos(angle)) + 2 * up * D * np.sin(angle) + field
    assert np.allclose(waves.energies[:, 0], expected / S)


@pytest.mark.parametrize(
    ("name", "cells"),
    [("biquadratic", (0, 1)), ("three_site", (0, 1, 2)), ("four_site", (0, 1, 2, 3))],
)
def test_four_spin_terms_renormalise_exchange_about_the_ferromagnet(name, cells):
    """J + 2 B for (S_i.S_j)^2; every dot product of a four-spin term acts like exchange."""
    k = np.linspace(0, 0.5, 6)[:, None]
    exchange = Term("exchange", [[0, 0]], [-J], [[[0], [1]]])
    full = SpinModel([exchange, *chain((name, -B, cells)).terms], lattice=Lattice.chain())
    effective = shells(Lattice.chain(), [-J - 2 * B])
    waves = [spin_waves(m, ferromagnet(1), k, moments=MOMENT).energies for m in (full, effective)]
    assert np.allclose(*waves, atol=1e-15)


def test_hard_axis_makes_deviations_grow():
    """Antiferromagnet along a hard axis z: hbar omega is imaginary at long wavelengths."""
    hard = 0.05 * J
    model = magnetic_cell(
        chain(("exchange", J, (0, 1)), ("anisotropy", np.diag([0.0, 0.0, hard]), (0,))), (2,)
    )
    waves = spin_waves(model, collinear("ud"), [[0.0], [0.5]], moments=MOMENT)
    assert waves.stable.tolist() == [False, True]
    expected = np.sqrt(4 * J * 2 * hard - (2 * hard) ** 2) / S
    rates = landau_lifshitz(model.supercell((1,)), collinear("ud"), np.full(2, S))
    assert np.max(rates.real) == pytest.approx(expected)
    assert waves.growth.max() == pytest.approx(expected)
    assert np.allclose(waves.energies[1], (2 * J - 2 * hard) / S)
    assert np.allclose(waves.growth[1], 0.0, atol=1e-10)


# --- spin waves: other routes -------------------------------------------------------------------


@pytest.mark.slow
def test_all_terms_agree_with_the_landau_lifshitz_equation_of_a_ring():
    cells, state = 5, np.broadcast_to(random_spins(2), (5, 2, 3))
    model = in_stationary_field(generic(), state, 8 * J)
    moments = np.array([2.0, 3.0])
    waves = spin_waves(model, state[0], np.arange(cells)[:, None] / cells, moments=moments)
    assert waves.stable.all()
    expected = ring_levels(model, state, moments / 2, cells)
    assert np.allclose(np.sort(waves.energies.ravel()), expected, rtol=1e-9)
    symplectic = np.kron([[0, 1j], [-1j, 0]], np.diag(2 / moments))
    modes = waves.modes.reshape(cells, 4, 2)
    norms = np.einsum("kam,ab,kbn->kmn", modes.conj(), np.linalg.inv(symplectic), modes)
    assert np.allclose(norms, np.eye(2), atol=1e-9)


@pytest.mark.slow
def test_incommensurate_spiral_agrees_with_the_landau_lifshitz_equation_of_a_ring():
    """A cone in a field, with chiral and isotropic four-spin terms, commensurate by its D."""
    cells, cosine = 7, 0.4
    terms = [
        Term("exchange", [[0, 0]] * 2, [-J, 0.3 * J], [[[0], [1]], [[0], [2]]]),
        Term("dzyaloshinskii_moriya", [[0, 0]], [-3 * J * Z], [[[0], [1]]]),
        Term("biquadratic", [[0, 0]], [-B], [[[0], [1]]]),
        Term("chiral_three_site", [[0, 0, 0]], [-B * Z], [[[0], [1], [2]]]),
        Term("field", [[0]], [0 * Z], [[[0]]]),
    ]
    model = SpinModel(terms, lattice=Lattice.chain())
    base, across = cone(np.arccos(cosine), 0.0)[None], cone(np.arccos(cosine) + np.pi / 2, 0.0)
    force = model.gradient(spiral((cells,), [2 / 7], base))[0, 0] @ across
    model = model.with_terms([*terms[:-1], Term("field", [[0]], [force / across[2] * Z], [[[0]]])])
    k = np.arange(cells)[:, None] / cells
    waves = spin_waves(model, base, k, moments=MOMENT, q=[2 / 7])
    assert waves.stable.all()
    expected = ring_levels(model, spiral((cells,), [2 / 7], base), np.array([S]), cells)
    assert np.allclose(np.sort(waves.energies.ravel()), expected, atol=1e-7 * expected.max())


def test_magnetic_cell_is_the_same_model():
    model, spins = shells_between(LADDER, J), random_spins(6, 2)
    grown = magnetic_cell(model, (3,))
    assert grown.energy(spins.reshape(2, 6, 3)) == pytest.approx(float(model.energy(spins)))
    assert np.allclose(grown.lattice.basis[2:4], LADDER.basis + LADDER.vectors)


def test_magnopy_finds_the_same_magnons():
    magnopy = pytest.importorskip("magnopy")
    state = np.broadcast_to(random_spins(2), (5, 2, 3))
    plain = generic()
    plain = plain.with_terms([plain["tensor2"], plain["anisotropy"], plain["field"]])
    model = in_stationary_field(plain, state, 8 * J)
    moments = np.array([2.0, 3.0])
    cell = [[2.0, 0, 0], [0, 5.0, 0], [0, 0, 5.0]]
    atoms = {"names": ["A", "B"], "spins": moments / 2, "positions": [[0, 0, 0], [0.45, 0.06, 0]]}
    convention = magnopy.Convention(
        spin_normalized=True, multiple_counting=False, c1=1.0, c21=1.0, c22=1.0
    )
    other = magnopy.SpinHamiltonian(cell=cell, atoms=atoms, convention=convention)
    pairs: dict = {}
    for site, field in enumerate(model["field"].values):
        other.add(nus=[], alphas=[site], parameter=-np.asarray(field) / 1e-3)
    for term in model.terms[:-1]:
        sites, cells = term.slots()
        for (i, j), (start, end), value in zip(sites, cells[..., 0], term.tensor(), strict=True):
            key = ((int(end - start), 0, 0), int(i), int(j))
            pairs[key] = pairs.get(key, 0) + np.asarray(value) / 1e-3
    for (nu, i, j), value in pairs.items():
        other.add(nus=[nu], alphas=[i, j], parameter=value)
    k = np.array([[0.1], [-0.1], [0.37]])
    theirs = magnopy.LSWT(spinham=other, spin_directions=state[0])
    expected = [theirs.omega([q, 0, 0], relative=True) for q in k[:, 0]]
    waves = spin_waves(model, state[0], k, moments=moments)
    assert np.allclose(waves.energies / 1e-3, np.sort(np.real(expected), axis=1), rtol=1e-6)


# --- paths and wrong arguments ------------------------------------------------------------------


def test_path_runs_through_its_corners():
    path = wave_vector_path(Lattice.square(2.0), [[0, 0], [0.5, 0], [0.5, 0.5]], 4)
    assert isinstance(path, Path)
    assert path.k.shape == (9, 2)
    assert np.allclose(path.k[[0, 4, 8]], [[0, 0], [0.5, 0], [0.5, 0.5]])
    assert np.allclose(path.ticks, [0, np.pi / 2, np.pi])
    assert np.allclose(path.distance[4:6], [np.pi / 2, 5 * np.pi / 8])


def bonds(lattice, steps):
    cells = [[[0] * lattice.dimension, step] for step in steps]
    return SpinModel(
        [Term("exchange", [[0, 0]] * len(cells), [-J] * len(cells), cells)], lattice=lattice
    )


def test_magnons_of_a_lattice_with_silent_sites_are_those_of_the_others():
    """An antiferromagnet with a site between: unstable as a ferromagnet, linear as a spiral."""
    lattice = Lattice(2 * np.eye(3), [[1.0, 1, 1], [0, 0, 0]])
    cells = [[[0] * 3, step] for step in np.eye(3, dtype=int).tolist()]
    model = SpinModel(
        [Term("exchange", [[1, 1]] * 3, [J] * 3, cells)], lattice=lattice, symbols=["O", "Mn"]
    )
    inner, sites = interacting(model)
    assert sites.tolist() == [1] and inner.symbols == ("Mn",)
    spins = np.tile([1.0, 0.0, 0.0], (2, 1))
    found = magnons(model, spins, moments=MOMENT, q=[0.5, 0.5, 0.5])
    assert isinstance(found, Magnons) and found.waves.stable.all()
    assert found.path.labels[:4] == ("Γ", "X", "M", "Γ")
    gamma = np.cos(2 * np.pi * found.path.k).mean(axis=1)
    assert np.allclose(found.waves.energies[:, 0], 2 * J * 6 / MOMENT * np.sqrt(1 - gamma**2))
    # J(q) of paper L counts every bond from both ends, with a minus sign.
    assert np.allclose(found.exchange[:, 0], -3 * J * gamma)
    assert np.allclose(exchange_levels(inner, found.path.k), found.exchange)
    parallel = magnons(model, spins, moments=MOMENT).waves
    assert np.array_equal(parallel.stable, np.isclose(gamma, 1))
    with pytest.raises(InputError, match="`moments` must be one number or one for each of 2"):
        magnons(model, spins, moments=[1.0, 2.0, 3.0])
    q = np.random.default_rng(0).normal(size=(3, 3))
    assert np.allclose(FourierExchange(model).matrices(q), exchange_matrix(model, q))
    with pytest.raises(InputError, match="must be periodic and have terms"):
        interacting(model.without("exchange"))


def test_standard_paths_are_those_of_the_brillouin_zone():
    body = standard_path(bonds(Lattice(np.ones((3, 3)) - 2 * np.eye(3)), np.eye(3, dtype=int)))
    assert body.labels == ("Γ", "H", "N", "Γ", "P", "H|P", "N")
    # From the zone centre to (2 pi / a) (1, 0, 0), a = 2 angstrom.
    assert np.isclose(body.ticks[1], np.pi)
    jump = np.flatnonzero(np.diff(body.distance) == 0)
    assert len(jump) == 1 and np.allclose(body.distance[jump], body.ticks[-2])
    assert np.all(np.any(body.k[jump] != body.k[jump + 1], axis=1))
    plane = standard_path(bonds(Lattice.triangular(), np.eye(2, dtype=int)))
    assert plane.labels == ("Γ", "M", "K", "Γ") and plane.k.shape[1] == 2
    lengths = np.pi * np.array([2 / np.sqrt(3), 2 / 3, 4 / 3])
    assert np.allclose(np.diff(plane.ticks), lengths)
    # A layer in a cell with vacuum has the path of the layer.
    cell = Lattice([[1.0, 0, 0], [0.5, np.sqrt(0.75), 0], [0, 0, 20]])
    layer = standard_path(bonds(cell, np.eye(3, dtype=int)[:2]))
    assert layer.labels == plane.labels and not layer.k[:, 2].any()
    assert standard_path(bonds(Lattice.chain(2.0), [[1]])).ticks.tolist() == [0, np.pi / 2]
    with pytest.raises(InputError, match="must be periodic"):
        standard_path(chain(("exchange", -J, (0, 1))).supercell((4,)))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda m: spin_waves(m, cone(1.0, 0.0)[None], [[0]], moments=2, q=[0.1]), "directions"),
        (lambda m: spin_waves(m, PLANAR, [0.1], moments=2.0), "k"),
        (lambda m: spin_waves(m, PLANAR, [[0.1]], moments=0.0), "moments"),
        (lambda m: spin_waves(m, PLANAR, [[0.1]], moments=2.0, q=[0.1], axis=[1, 0, 0]), "axis"),
        (lambda m: spiral_energy(m, [0.1, 0.2], PLANAR), "q"),
        (lambda m: luttinger_tisza(m.supercell((3,))), "model"),
        (lambda m: magnetic_cell(m, (2, 2)), "shape"),
        (lambda m: wave_vector_path(m.lattice, [[0.0]]), "corners"),
    ],
)
def test_wrong_arguments_are_named(call, name):
    model = chain(("exchange", -J, (0, 1)), ("dzyaloshinskii_moriya", D * Z, (0, 1)))
    with pytest.raises(InputError, match=f"Argument `{name}`"):
        call(model)


def test_ferromagnets_do_not_turn_whatever_atoms_without_moments_do():
    """All moments along their axis: no wave vector, though the second atom may point anywhere."""
    lattice = Lattice(np.eye(2), [[0.0, 0.0], [0.5, 0.5]])
    terms = [
        Term("exchange", [[0, 0], [0, 0]], [-1.0, -1.0], [[[0, 0], [1, 0]], [[0, 0], [0, 1]]]),
        Term("anisotropy", [[0]], [np.diag([0.0, 0.0, -0.1])], [[[0, 0]]]),
    ]
    found = find_spiral(SpinModel(terms, lattice=lattice), starts=8)
    assert found.energy == pytest.approx(-2.1) and not found.q.any()
