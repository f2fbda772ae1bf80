"""The published trimers and tetramers: counting, closed forms, and what the paper says of them.

B is Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020).
"""

from itertools import permutations, product

import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.errors import InputError
from msgreen.papers.brinker import (
    DISTANCES,
    FIT_ERRORS,
    EffectivePairs,
    RingEnergy,
    RingParameters,
    TableReading,
    effective_interactions,
    ring_energy,
    ring_model,
    ring_positions,
    ring_states,
    tetramer,
    tetramer_parameters,
    trimer,
    trimer_figure,
    trimer_parameters,
)
from msgreen.plot import spins_figure
from msgreen.spinmodel import cluster_symmetry, relax
from msgreen.spinmodel.states import collinear, ferromagnet, planar_neel
from msgreen.spinmodel.symmetry import point_group, transform
from msgreen.units import MEV

BATCH = 32  # one compilation for all tests
TRIMERS = list(product(("Pt(111)", "Re(0001)", "Au(111)"), ("Cr", "Mn", "Fe", "Co")))
CHOICES = {
    "multisite": ("by sites", "isotropic first"),
    "four_site": (0.125, 0.25),
    "diagonal": ("132", "243"),
    "matrices": ("by rows", "diagonal first"),
}
READINGS = [TableReading(*choice) for choice in product(*CHOICES.values())]
SYSTEMS = [trimer_parameters(*system) for system in TRIMERS]
SYSTEMS += [tetramer_parameters(element) for element in ("Cr", "Fe")]
NAMES = [f"{element}3/{surface}" for surface, element in TRIMERS] + ["Cr4", "Fe4"]


def random_directions(*shape: int, seed: int = 0):
    vectors = np.random.default_rng(seed).normal(size=(*shape, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def energies(parameters: RingParameters, states) -> np.ndarray:
    """Energies of the model for any number of states, always in batches of the same size."""
    states = np.asarray(states).reshape(-1, parameters.atoms, 3)
    filled = np.resize(states, (-(-len(states) // BATCH) * BATCH, *states.shape[1:]))
    model = ring_model(parameters)
    parts = [np.asarray(model.energy(part)) for part in np.split(filled, len(filled) // BATCH)]
    return np.concatenate(parts)[: len(states)]


def lowest(parameters: RingParameters, starts=None) -> tuple[float, np.ndarray]:
    """Energy and state of the lowest minimum from given, or from 24 random starts."""
    starts = random_directions(24, parameters.atoms) if starts is None else np.asarray(starts)
    starts = np.resize(starts.reshape(-1, parameters.atoms, 3), (24, parameters.atoms, 3))
    found = relax(ring_model(parameters), starts)
    assert jnp.all(found.converged)
    best = int(jnp.argmin(found.energy))
    return float(found.energy[best]), np.asarray(found.directions[best])


def without_anisotropy(p: RingParameters) -> RingParameters:
    return p._replace(K=0 * p.K, dJ=0 * p.dJ)


def degrees(radians):
    return np.degrees(np.asarray(radians))


def in_mev(parameters: RingParameters) -> dict[str, np.ndarray]:
    return {name: np.asarray(v) / MEV for name, v in parameters._asdict().items()}


# --- the model against B's sums over ordered clusters, with B's matrices ------------------------


def operations(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rotations about z and their products with the mirror perpendicular to x (B, appendix C)."""
    angle = 1.5 * np.pi - np.pi / count + 2 * np.pi / count * np.arange(count)
    corners = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    found = []
    for step in range(count):
        c, s = np.cos(2 * np.pi * step / count), np.sin(2 * np.pi * step / count)
        rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        for matrix in (rotation, rotation @ np.diag([-1.0, 1, 1])):
            images = [np.linalg.norm(corners - matrix @ p, axis=1).argmin() for p in corners]
            found.append((matrix, np.array(images)))
    return found


def ordered(count: int, references, own) -> dict[tuple[int, ...], np.ndarray]:
    """Coefficients of all ordered clusters: images of references, and what B's symmetries add.

    `own` holds orders of the sites and the sign (or transposition) that goes with them.
    """
    table = {}
    for sites, value in references:
        for matrix, images in operations(count):
            axial = np.linalg.det(matrix) * matrix
            turned = np.asarray(value, float)
            if turned.ndim == 1:
                turned = axial @ turned
            elif turned.ndim == 2:
                turned = axial @ turned @ axial.T
            for order, change in own:
                cluster = tuple(int(images[sites[k]]) for k in order)
                coefficient = change(turned)
                assert np.allclose(table.setdefault(cluster, coefficient), coefficient, atol=1e-12)
    return table


def same(value):
    return value


def minus(value):
    return -value


ORDERS = {
    "pair": [((0, 1), same), ((1, 0), same)],
    "chiral pair": [((0, 1), same), ((1, 0), minus)],
    "matrix": [((0, 1), same), ((1, 0), np.transpose)],
    "triple": [((0, 1, 2), same), ((2, 1, 0), same)],
    "chiral triple": [((0, 1, 2), same)],
    "chiral quadruple": [
        ((0, 1, 2, 3), same),
        ((0, 1, 3, 2), same),
        ((1, 0, 2, 3), minus),
        ((1, 0, 3, 2), minus),
    ],
}
ORDERS["quadruple"] = [
    (order, same)
    for first in ((0, 1, 2, 3), (0, 1, 3, 2), (1, 0, 2, 3), (1, 0, 3, 2))
    for order in (first, first[2:] + first[:2])
]


def energy_of_ordered_sums(p: RingParameters, S: np.ndarray) -> float:
    """B's Eqs. 1-16 for one configuration."""
    n = p.atoms
    v = {name: np.asarray(value) for name, value in p._asdict().items()}
    pairs = [(0, 1), (0, 2)][: len(v["J"])]
    triples = [(0, 1, 2), (0, 1, 3)][: len(v["B3"])]
    chiral_triples = [(0, 1, 2), (0, 1, 3), (0, 2, 1)][: len(v["C3"])]
    quadruples = [(0, 1, 2, 3), (0, 2, 1, 3)][: len(v["B4"])]

    def table(clusters, name, order):
        return ordered(n, zip(clusters, v[name], strict=True), ORDERS[order])

    J, B = table(pairs, "J", "pair"), table(pairs, "B", "pair")
    D, C = table(pairs, "D", "chiral pair"), table(pairs, "C", "chiral pair")
    dJ = table(pairs, "dJ", "matrix")
    B3, C3 = table(triples, "B3", "triple"), table(chiral_triples, "C3", "chiral triple")
    B4, C4 = table(quadruples, "B4", "quadruple"), table(quadruples, "C4", "chiral quadruple")
    K = ordered(n, [((2,), v["K"])], [((0,), same)])
    energy = sum(S[i] @ K[i,] @ S[i] for i in range(n))
    for i, j in permutations(range(n), 2):
        dot, cross = S[i] @ S[j], np.cross(S[i], S[j])
        energy += (J[i, j] * dot + S[i] @ dJ[i, j] @ S[j] + D[i, j] @ cross) / 2
        energy += (B[i, j] * dot**2 + C[i, j] @ cross * dot) / 2
    for i, j, k in permutations(range(n), 3):
        dot, cross = S[i] @ S[j], np.cross(S[i], S[j])
        energy += (B3[i, j, k] * dot + C3[i, j, k] @ cross) * (S[j] @ S[k]) / 2
    for i, j, k, m in permutations(range(n), 4):
        dot, cross = S[i] @ S[j], np.cross(S[i], S[j])
        energy += (B4[i, j, k, m] * dot + C4[i, j, k, m] @ cross) * (S[k] @ S[m]) / 8
    return float(energy)


@pytest.mark.parametrize("parameters", SYSTEMS, ids=NAMES)
def test_model_is_the_sum_over_ordered_clusters(parameters):
    S = random_directions(3, parameters.atoms)
    expected = [energy_of_ordered_sums(parameters, one) for one in S]
    np.testing.assert_allclose(energies(parameters, S), expected, atol=1e-15)


@pytest.mark.parametrize("parameters", [SYSTEMS[0], SYSTEMS[-1]], ids=["trimer", "tetramer"])
def test_energy_has_the_symmetry_of_the_ring(parameters):
    count = parameters.atoms
    symmetry = cluster_symmetry(ring_positions(count), point_group(f"C{count}v"))
    S = random_directions(count)
    images = jnp.stack([transform(S, symmetry, op) for op in range(len(symmetry))])
    expected = np.repeat(energies(parameters, S), len(symmetry))
    np.testing.assert_allclose(energies(parameters, images), expected, atol=1e-14)


def test_number_of_clusters():
    """B, Sects. III.1 and III.2, each ordered cluster and its equals counted once."""
    three, four = trimer("Pt(111)", "Cr"), tetramer("Cr")
    pairs = ("exchange", "dzyaloshinskii_moriya", "biquadratic", "chiral_biquadratic")
    assert {len(three[name].clusters) for name in pairs} == {3}
    assert {len(four[name].clusters) for name in pairs} == {4 + 2}
    multi = ("three_site", "chiral_three_site", "four_site", "chiral_four_site")
    assert [len(three[name].clusters) for name in multi[:2]] == [3, 6]
    assert [len(four[name].clusters) for name in multi] == [12, 8 + 8 + 8, 3, 4 + 2]
    assert np.linalg.norm(three.positions[1] - three.positions[0]) == pytest.approx(
        DISTANCES["Pt(111)"]
    )
    assert ring_positions(4)[:2, 1] == pytest.approx([-0.5, -0.5])


# --- energies of named states -----------------------------------------------------------------


@pytest.mark.parametrize("system", TRIMERS, ids=NAMES[:12])
def test_energies_of_named_states(system):
    p = trimer_parameters(*system)
    J, B, B3 = (float(x[0]) for x in (p.J, p.B, p.B3))
    states = jnp.stack(
        [ferromagnet(3), collinear("uud"), planar_neel(1), planar_neel(-1), jnp.eye(3)]
    )
    neel = -1.5 * J + 0.75 * (B + B3)
    expected = [3 * (J + B + B3), -J + 3 * B - B3, neel, neel, 0.0]
    found = energies(p.only("J", "B", "B3"), states)
    np.testing.assert_allclose(found, expected, atol=1e-15)


@pytest.mark.parametrize("element", ["Cr", "Fe"])
def test_collinear_states_of_the_square(element):
    """B and B4 do not tell the three apart, B3 of edges tells uudd, B3 with diagonals all."""
    p = tetramer_parameters(element)
    states = jnp.stack([collinear(pattern) for pattern in ("uuuu", "udud", "uudd")])
    for name in ("B", "B4"):
        edge, across = getattr(p, name)
        count = {"B": 2, "B4": 1}[name]
        found = energies(p.only(name), states)
        np.testing.assert_allclose(found, [count * (2 * edge + across)] * 3, atol=1e-16)
    edges, mixed = p.B3
    expected = [4 * edges + 8 * mixed, 4 * edges - 8 * mixed, -4 * edges]
    np.testing.assert_allclose(energies(p.only("B3"), states), expected, atol=1e-16)
    assert np.argmin(energies(p, states)) == {"Cr": 1, "Fe": 0}[element]
    assert p.J[1] < abs(p.J[0])  # what uudd would need


# --- rotational states ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters", [SYSTEMS[0], *SYSTEMS[-2:]], ids=["Cr3/Pt(111)", "Cr4", "Fe4"]
)
@pytest.mark.parametrize("chirality", [1, -1])
def test_closed_forms_of_rotational_states(parameters, chirality):
    """B's Eqs. 38-40 and 43-46 against the general model."""
    angle, phase = np.random.default_rng(3).uniform(0, 2 * np.pi, (2, 20))
    count = parameters.atoms
    for up_down in (False, True)[: count - 2]:
        family = dict(chirality=chirality, up_down=up_down)
        found = ring_energy(parameters, angle, phase, **family)
        assert isinstance(found, RingEnergy)
        states = ring_states(count, angle, phase, **family)
        expected = energies(without_anisotropy(parameters), states)
        np.testing.assert_allclose(count * found.total, expected, atol=1e-15)


def test_effective_interactions_of_the_triangle():
    p = trimer_parameters("Pt(111)", "Cr")
    found = effective_interactions(p, jnp.linspace(0, np.pi, 5))
    assert isinstance(found, EffectivePairs)
    cosine = np.asarray(found.cosine)
    np.testing.assert_allclose(found.J, p.J + (p.B + p.B3) * cosine)
    vector = np.asarray(p.C[0] + p.C3[0]) * [0, 1, 1]
    np.testing.assert_allclose(found.D[:, 0], p.D[0] + vector * cosine)


def test_rotational_states_point_outward():
    spins = ring_states(4, np.pi / 2)[:, :2]
    np.testing.assert_allclose(spins, np.sqrt(2) * ring_positions(4), atol=1e-15)
    np.testing.assert_allclose(ring_states(4, 0.0, up_down=True)[:, 2], [1, -1, 1, -1])


# --- what B says of the trimers -----------------------------------------------------------------


def scalars(p: RingParameters) -> tuple[float, float, float]:
    return tuple(float(x[0]) / MEV for x in (p.J, p.B, p.B3))


def test_fit_improves_with_every_class():
    """Table 3. For Fe3 on Re(0001) three-site interactions gain next to nothing."""
    assert all(np.all(np.diff(row) < 0) for row in FIT_ERRORS.values())
    gains = {name: 1 - row[-1] / row[-2] for name, row in FIT_ERRORS.items()}
    assert min(gains, key=gains.__getitem__) == "Fe3/Re(0001)"


def test_exchange_dominates():
    """Largest of all interactions in 11 of 12 trimers, the exception being Mn3 on Re(0001)."""
    largest = {}
    for system in TRIMERS:
        p = in_mev(trimer_parameters(*system))
        del p["K"], p["dJ"]
        size = {name: np.linalg.norm(v[0]) for name, v in p.items() if len(v)}
        largest[system] = max(size, key=size.__getitem__)
    assert {s for s, name in largest.items() if name != "J"} == {("Re(0001)", "Mn")}


def test_signs_of_biquadratic_and_three_site():
    signs = {}
    for system in TRIMERS:
        _, B, B3 = scalars(trimer_parameters(*system))
        signs[system] = (B > 0, B3 > 0)
    assert sum(b != b3 for b, b3 in signs.values()) == 8
    assert sum(pair == (False, True) for pair in signs.values()) == 6  # B says "most"


def test_isotropic_four_spin_terms_cancel():
    """Nearly for the three trimers that B names, relative to the sum of the magnitudes."""
    rest = {}
    for system in TRIMERS:
        _, B, B3 = scalars(trimer_parameters(*system))
        rest[system] = abs(B + B3) / (abs(B) + abs(B3))
    named = [("Pt(111)", "Cr"), ("Re(0001)", "Mn"), ("Au(111)", "Fe")]
    assert sorted(rest, key=rest.__getitem__)[:3] == sorted(named, key=rest.__getitem__)
    assert max(rest[system] for system in named) < 0.14


def test_up_up_down_against_ferromagnet_and_neel():
    """Differences -4 (J + B3) and J/2 + 9B/4 - 7 B3/4."""
    to_ferromagnet, to_neel = {}, {}
    for system in TRIMERS:
        J, B, B3 = scalars(trimer_parameters(*system))
        to_ferromagnet[system] = -4 * (J + B3)
        to_neel[system] = J / 2 + 9 / 4 * B - 7 / 4 * B3
    assert to_ferromagnet["Re(0001)", "Mn"] == pytest.approx(6.84)
    others = [
        to_ferromagnet[s]
        for s in TRIMERS
        if trimer_parameters(*s).J[0] < 0 and s != ("Re(0001)", "Mn")
    ]
    assert min(others) > 24
    assert to_neel["Pt(111)", "Cr"] == pytest.approx(9.60, abs=0.01)
    assert to_neel["Re(0001)", "Cr"] == pytest.approx(-2.35, abs=0.01)


@pytest.mark.slow
def test_isotropic_ground_state_of_cr3_on_re_is_up_up_down():
    p = trimer_parameters("Re(0001)", "Cr")
    J, B, B3 = scalars(p)
    energy, state = lowest(p.only("J", "B", "B3"))
    assert energy / MEV == pytest.approx(-J + 3 * B - B3)
    dots = state @ state.T
    np.testing.assert_allclose(np.sort(dots[np.triu_indices(3, 1)]), [-1, -1, 1], atol=1e-7)


def test_stiffness_depends_on_the_reference():
    """Slopes J + 2 (B + B3) at the ferromagnet and J - (B + B3) at the planar state."""
    p = trimer_parameters("Pt(111)", "Fe")
    J, B, B3 = scalars(p)
    step = 1e-3
    for angle, slope in ((0.0, J + 2 * (B + B3)), (np.pi / 2, J - (B + B3))):
        near = jnp.asarray([angle, angle + step])
        energy = ring_energy(p, near).isotropic / MEV
        cosine = effective_interactions(p, near).cosine[:, 0]
        assert (energy[1] - energy[0]) / (cosine[1] - cosine[0]) == pytest.approx(slope, rel=1e-5)
    assert J + 2 * (B + B3) == pytest.approx(-43.46)  # to compare with infinitesimal rotations
    D = effective_interactions(p, 0.0).D[0] / MEV
    np.testing.assert_allclose(D, [0, 4.89, -0.36], atol=1e-9)


def test_chiral_four_spin_vectors_of_cr3_on_pt():
    """C and C3 of similar size, almost perpendicular; together almost half of D."""
    p = in_mev(trimer_parameters("Pt(111)", "Cr"))
    D, C, C3 = p["D"][0], p["C"][0], p["C3"][0] * [0, 1, 1]
    size = np.linalg.norm
    assert size(C) == pytest.approx(1.85, abs=0.01)
    assert size(C3) == pytest.approx(2.23, abs=0.01)
    assert degrees(np.arccos(C @ C3 / size(C) / size(C3))) == pytest.approx(86.8, abs=0.1)
    assert size(C + C3) / size(D) == pytest.approx(0.47, abs=0.005)
    assert size(D + C + C3) > size(D) > size(D - (C + C3) / 2)  # enhanced at c = 1, not at -1/2


def canting(p: RingParameters, phase: float = 0.0) -> float:
    """Polar angle in degrees of the minimum of the N+ family near the planar state."""
    angle = np.pi / 2 + np.radians(np.linspace(-4, 4, 1601))
    energy = energies(p, ring_states(3, angle, phase))
    return float(degrees(angle[np.argmin(energy)]))


def test_canted_neel_state_of_cr3_on_pt():
    """Fig. 4: DMI cants, chiral four-spin terms weaken that, anisotropy changes it."""
    p = trimer_parameters("Pt(111)", "Cr")
    with_dmi = p.only("J", "B", "B3", "D")
    chiral = p.only("J", "B", "B3", "D", "C", "C3")
    assert canting(with_dmi) == pytest.approx(88.06, abs=0.01)
    assert canting(chiral) == pytest.approx(88.43, abs=0.01)
    assert canting(chiral, np.pi) == pytest.approx(180 - 88.43, abs=0.01)  # inward, down
    assert canting(p) == pytest.approx(89.95, abs=0.01)
    other = trimer_parameters("Pt(111)", "Cr", reading=TableReading(matrices="diagonal first"))
    assert canting(other) == pytest.approx(87.82, abs=0.01)
    planar = [ring_energy(p, np.pi / 2, chirality=c).total / MEV for c in (1, -1)]
    assert planar[1] - planar[0] == pytest.approx(5.82, abs=0.01)  # N+ wins


@pytest.mark.parametrize(("matrices", "gain"), [("by rows", 0.98), ("diagonal first", 0.82)])
def test_anisotropy_turns_the_spins_of_cr3_on_pt(matrices, gain):
    """The full model as read prefers a planar N+ state with tangential spins."""
    p = trimer_parameters("Pt(111)", "Cr", reading=TableReading(matrices=matrices))
    energy, state = lowest(p)
    tangential = np.asarray(ring_states(3, np.pi / 2, np.pi / 2))
    np.testing.assert_allclose(np.abs(np.sum(state * tangential, axis=1)), 1, atol=1e-6)
    radial = energies(p, ring_states(3, np.radians(canting(p)))[None])[0]
    assert (radial - energy) / 3 / MEV == pytest.approx(gain, abs=0.01)


def test_tilted_easy_axis_of_cr3_on_pt():
    """The on-site easy axis is tilted in the reading by rows only."""
    for matrices, expected in (("by rows", 34.8), ("diagonal first", 90.0)):
        reading = TableReading(matrices=matrices)
        K = trimer_parameters("Pt(111)", "Cr", reading=reading).K
        easy = np.linalg.eigh(K)[1][:, 0]
        assert degrees(np.arccos(abs(easy[2]))) == pytest.approx(expected, abs=0.1)


# --- states favoured by one interaction alone -----------------------------------------------------


def alone(name: str, axis: int, sign: float):
    """Lowest energy and state of one component of 1 meV on its own."""
    p = trimer_parameters("Pt(111)", "Cr").only()
    value = np.zeros((1, 3))
    value[0, axis] = sign
    return lowest(p._replace(**{name: jnp.asarray(MEV * value)}))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("name", "factor"), [("D", 1.5), ("C", 0.75), ("C3", 0.75)])
def test_out_of_plane_components_favour_a_planar_neel_state(name, factor, sign):
    """N- for positive D^z, N+ for positive C^z and C3^z, and the other way round.

    C^z does not change when a single spin is reversed, which gives further states.
    """
    energy = factor * np.sqrt(3)
    found, state = alone(name, 2, sign)
    assert found / MEV == pytest.approx(-energy)
    np.testing.assert_allclose(state[:, 2], 0, atol=1e-5)
    chirality = -sign if name == "D" else sign
    p = trimer_parameters("Pt(111)", "Cr").only()
    p = p._replace(**{name: jnp.asarray([[0.0, 0.0, sign]])})
    neel = ring_energy(p, np.pi / 2, chirality=int(chirality)).total
    assert 3 * neel == pytest.approx(-energy)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("name", "angle"), [("D", 45.0), ("C", 25.52), ("C3", 25.52)])
def test_components_in_the_plane_favour_a_canted_neel_state(name, angle, sign):
    """Where sin 2 theta, or that times the cosine of the opening, is largest."""
    p = trimer_parameters("Pt(111)", "Cr").only()
    p = p._replace(**{name: jnp.asarray([[0.0, sign, 0.0]])})
    phase = np.pi if sign > 0 else 0.0
    theta = jnp.linspace(0, np.pi / 2, 90001)
    family = ring_energy(p, theta, phase).total
    assert degrees(theta[jnp.argmin(family)]) == pytest.approx(angle, abs=0.01)
    found, state = alone(name, 1, sign)
    assert found / MEV == pytest.approx(3 * float(family.min()), rel=1e-7)
    tilt = np.minimum(np.arccos(state[:, 2]), np.pi - np.arccos(state[:, 2]))
    np.testing.assert_allclose(degrees(tilt), angle, atol=0.01)


def test_state_of_the_non_moriya_component():
    """Fig. 5: one spin normal, the others symmetric about its mirror plane, at 78.6 degrees."""
    for sign in (1.0, -1.0):
        _, state = alone("C3", 0, sign)
        normal = int(np.argmax(np.abs(state[:, 2])))
        state = state * np.sign(state[normal, 2])
        np.testing.assert_allclose(state[normal], [0, 0, 1], atol=1e-6)
        first, second = np.delete(state, normal, axis=0)
        np.testing.assert_allclose(degrees(np.arccos([first[2], second[2]])), 78.64, atol=0.01)
        apart = np.delete(ring_positions(3), normal, axis=0)
        across = np.append(apart[1] - apart[0], 0.0)
        mirrored = first - 2 * (first @ across) * across
        np.testing.assert_allclose(mirrored, second, atol=1e-6)
        assert (first @ across > 0) == (sign < 0)  # towards each other for C3^x < 0


def test_non_moriya_component_needs_unequal_angles():
    p = trimer_parameters("Pt(111)", "Cr").only("C3")
    p = p._replace(C3=p.C3 * jnp.array([1.0, 0.0, 0.0]))
    angle, phase = np.random.default_rng(5).uniform(0, 6, (2, 12))
    np.testing.assert_allclose(energies(p, ring_states(3, angle, phase)), 0, atol=1e-16)
    # Up-up-down is not stationary: the energy changes as the tilt of the second spin.
    tilt = 1e-3
    tilted = np.array(collinear("uud"))
    tilted[1] = [np.sin(tilt), 0, np.cos(tilt)]
    change = np.diff(energies(p, np.stack([collinear("uud"), tilted])))
    assert abs(change) > 0.1 * tilt * abs(p.C3[0, 0])


# --- what B says of the tetramers -----------------------------------------------------------------


def slopes(p: RingParameters, up_down: bool = False) -> tuple[float, float]:
    """Effective J1 and J2 (meV) for a small opening: what multiplies the changes of cosines."""
    v = in_mev(p)
    edge = -1.0 if up_down else 1.0
    first = v["J"][0] + (2 * (v["B"][0] + v["B3"][0]) + v["B4"][0]) * edge + 2 * v["B3"][1]
    second = v["J"][1] + 2 * v["B"][1] + v["B4"][1] + 4 * v["B3"][1] * edge
    return first, second


@pytest.mark.parametrize("up_down", [False, True])
def test_slopes_are_derivatives(up_down):
    p = tetramer_parameters("Cr")
    near = jnp.asarray([0.0, 1e-3])
    energy = ring_energy(p, near, up_down=up_down).isotropic / MEV
    cosine = effective_interactions(p, near, up_down=up_down).cosine
    expected = np.asarray(cosine[1] - cosine[0]) @ (np.array([1, 0.5]) * slopes(p, up_down))
    assert energy[1] - energy[0] == pytest.approx(expected, rel=1e-5)


def test_isotropic_stiffness_of_tetramers():
    """Fe4: the sign across the diagonal is reversed; Cr4: that along edges is doubled."""
    np.testing.assert_allclose(slopes(tetramer_parameters("Fe")), [-31.02, 2.62], atol=1e-9)
    np.testing.assert_allclose(slopes(tetramer_parameters("Cr"), True), [57.06, 15.07], atol=1e-9)
    for reading in READINGS:
        assert slopes(tetramer_parameters("Fe", reading=reading))[1] > 0
        assert slopes(tetramer_parameters("Cr", reading=reading), True)[0] > 1.9 * 29.09


def near_ferromagnet(element: str, reading: TableReading | None = None) -> tuple[float, float]:
    """Enhancement of |D| along edges, and D^x of the diagonal in meV."""
    p = tetramer_parameters(element, reading=reading)
    D = effective_interactions(p, 0.0).D
    return float(jnp.linalg.norm(D[0]) / jnp.linalg.norm(p.D[0])), float(D[1, 0]) / MEV


def test_effective_dmi_of_tetramers_in_the_default_reading():
    assert near_ferromagnet("Fe") == pytest.approx((2.08, 3.68), abs=0.01)
    assert near_ferromagnet("Cr") == pytest.approx((3.60, -0.05), abs=0.01)
    antiferromagnet = effective_interactions(tetramer_parameters("Cr"), 0.0, up_down=True)
    assert float(antiferromagnet.D[1, 0]) / MEV == pytest.approx(0.055, abs=0.001)


@pytest.mark.parametrize("reading", READINGS[::2], ids=str)
def test_effective_dmi_singles_out_readings(reading):
    """Strong along edges for Fe4: tables by sites. Almost zero across for Cr4: two readings."""
    enhancement, across = near_ferromagnet("Fe", reading)
    assert (enhancement > 2) == (reading.multisite == "by sites")
    assert 0.6 < across / 4.35 < 1  # weakened
    enhancement, across = near_ferromagnet("Cr", reading)
    assert enhancement > 3
    vanishing = reading.multisite == "by sites" and (reading.four_site, reading.diagonal) in (
        (0.125, "132"),
        (0.25, "243"),
    )
    assert (abs(across) < 0.1) == vanishing
    p = tetramer_parameters("Cr", reading=reading)
    antiferromagnet = float(effective_interactions(p, 0.0, up_down=True).D[1, 0]) / MEV
    in_both = abs(across) < 0.1 and abs(antiferromagnet) < 0.1
    assert in_both == (reading[:3] == TableReading()[:3])


@pytest.mark.slow
@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_ground_states_of_tetramers_in_all_readings(reading):
    """Fe4: cone about the normal, away from the centre; Cr4: up-down-up-down along x or y."""
    outward = np.asarray(ring_states(4, 0.15))
    p = tetramer_parameters("Fe", reading=reading)
    energy, state = lowest(p, outward)
    assert energy == pytest.approx(lowest(p)[0], abs=1e-9)
    cone = degrees(np.arccos(state[:, 2]))
    assert np.ptp(cone) < 1e-5 and 5.5 < cone[0] < 10.6
    away = np.sqrt(2) * np.sin(np.radians(cone[0])) * ring_positions(4)
    np.testing.assert_allclose(state[:, :2], away, atol=1e-7)
    _, state = lowest(tetramer_parameters("Cr", reading=reading))
    assert np.abs(state[:, 2]).max() < np.sin(np.radians(3.9))
    main = np.argmax(np.abs(state).sum(axis=0))
    assert main in (0, 1)
    assert np.abs(state[:, main]).min() > np.cos(np.radians(3.9))
    assert abs(np.sum(np.sign(state[:, main]) * [1, -1, 1, -1])) == 4


def test_canting_of_fe4_comes_from_the_diagonals():
    p = tetramer_parameters("Fe")

    def tilt(keep: RingParameters) -> float:
        return float(degrees(np.arccos(lowest(keep, ring_states(4, 0.15))[1][0, 2])))

    edge, across = jnp.array([[1.0], [0.0]]), jnp.array([[0.0], [1.0]])
    triple = jnp.array([[1.0], [1.0], [0.0]])
    edges = p._replace(D=p.D * edge, C=p.C * edge, C3=p.C3 * triple, C4=p.C4 * edge)
    diagonals = p._replace(D=p.D * across, C=p.C * across, C3=p.C3 * (1 - triple), C4=p.C4 * across)
    assert tilt(p) == pytest.approx(7.66, abs=0.01)
    assert tilt(diagonals) == pytest.approx(4.92, abs=0.01)
    assert tilt(edges) == pytest.approx(2.65, abs=0.01)
    # B's conclusions give the chiral four-spin terms the leading part in this canting.
    two_spin = p._replace(C=0 * p.C, C3=0 * p.C3, C4=0 * p.C4)
    assert tilt(two_spin) == pytest.approx(7.42, abs=0.01)


def test_ground_state_of_cr4():
    """Fig. 6: tilted out of the plane, two neighbours up and two down; without K, dJ along z."""
    p = tetramer_parameters("Cr")
    _, state = lowest(p)
    tilt = 90 - degrees(np.arccos(state[:, 2]))
    np.testing.assert_allclose(np.abs(tilt), 2.51, atol=0.01)
    two_spin = p._replace(C=0 * p.C, C3=0 * p.C3, C4=0 * p.C4)
    weaker = 90 - degrees(np.arccos(lowest(two_spin, state)[1][:, 2]))
    np.testing.assert_allclose(np.abs(weaker), 1.01, atol=0.01)
    isotropic = without_anisotropy(p)
    _, upright = lowest(isotropic, ring_states(4, 0.1, chirality=-1, up_down=True))
    np.testing.assert_allclose(np.abs(upright[:, 2]), np.cos(np.radians(2.53)), atol=1e-4)
    assert np.diff(energies(isotropic, np.stack([upright, state]))) > 0


# --- arguments and figures --------------------------------------------------------------------


def test_wrong_arguments_are_refused():
    with pytest.raises(InputError, match="Cr3/Cu"):
        trimer("Cu(111)", "Cr")
    with pytest.raises(InputError, match="Mn4"):
        tetramer("Mn")
    with pytest.raises(InputError, match="four_site"):
        tetramer("Fe", reading=TableReading(four_site=1.0))
    with pytest.raises(InputError, match="names"):
        tetramer_parameters("Fe").only("J", "j")
    with pytest.raises(InputError, match="up_down"):
        ring_states(3, 0.1, up_down=True)
    with pytest.raises(InputError, match="triangle"):
        trimer_figure(tetramer_parameters("Fe"))


@pytest.mark.slow
def test_figures_of_rings(tmp_path):
    figure = trimer_figure(trimer_parameters("Pt(111)", "Cr"))
    assert len(figure.axes) == 6
    assert all(panel.get_xlabel() and panel.get_ylabel() for panel in figure.axes)
    states = {
        "cone": (ring_positions(3), ring_states(3, 0.4)),
        "plane": (ring_positions(4), ring_states(4, 1.5)),
    }
    second = spins_figure(states)
    assert [panel.get_title() for panel in second.axes[:2]] == list(states)
    for number, drawn in enumerate((figure, second)):
        file = tmp_path / f"{number}.png"
        drawn.savefig(file)
        assert file.stat().st_size > 10_000
