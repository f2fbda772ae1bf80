"""From electrons to a spin model and back: fits of Lloyd's energy against direct interactions."""

from functools import cache

import numpy as np
import pytest

from msgreen import (
    ContactCoupling,
    LloydEnergy,
    RashbaGas,
    TightBinding,
    compute_interactions,
    contracted_loops,
    hopping_model,
    pairs,
)
from msgreen.lattice import Lattice
from msgreen.spinmodel import cluster_symmetry, from_interactions, resolve
from msgreen.spinmodel.fitting import (
    LADDER,
    all_clusters,
    constraining_fields,
    cube_directions,
    cube_weights,
    fit,
    fit_by_class,
    inequivalent_configurations,
    sample_directions,
)
from msgreen.spinmodel.fitting.design import evaluate
from msgreen.spinmodel.symmetry import point_group, residual

CLASSES = [name for step in LADDER.values() for name in step if name != "field"]
GAS = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
J_SD = 15.48356  # eV angstrom^2, the first minimum of J_iso is -1 meV
DISTANCE = 4.0


def polygon(count: int) -> np.ndarray:
    """Corners of a regular polygon with sides of 4 angstrom, a corner on the y axis."""
    angle = np.pi / 2 + 2 * np.pi * np.arange(count) / count
    radius = DISTANCE / (2 * np.sin(np.pi / count))
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


TRIMER, TETRAMER = polygon(3), polygon(4)
C3V = cluster_symmetry(TRIMER, point_group("C3v"))
C4V = cluster_symmetry(TETRAMER, point_group("C4v"))
CORNER = np.array([[1.0, -1, 0], [1, 1, -2], [1, 1, 1]]) / np.sqrt([[2], [6], [3]])
ALL_THREE = sample_directions(3, kind="product", choices=cube_directions(CORNER))
UNSEEN = sample_directions(3, 200, seed=5)


def energy_of(positions, scale: float):
    return LloydEnergy(GAS, ContactCoupling(scale * J_SD), positions, onsite=False).interaction


@cache
def trimer_fit(scale: float):
    """The trimer's model from all products of the 14 directions, weighted to degree five."""
    samples = constraining_fields(energy_of(TRIMER, scale), ALL_THREE)
    return fit(all_clusters(3, CLASSES), samples, weights=cube_weights(ALL_THREE, CORNER))


@cache
def direct(scale: float):
    """All interactions of two and four spins from loops, resolved into classes."""
    loops = [
        pairs(TRIMER),
        contracted_loops(TRIMER, "biquadratic"),
        contracted_loops(TRIMER, "three_site"),
    ]
    found = compute_interactions(GAS, ContactCoupling(scale * J_SD), TRIMER, loops)
    return resolve(from_interactions(found)).model


def class_energy(model, name: str) -> np.ndarray:
    """Energies of one class of terms, which do not depend on how its clusters are named."""
    return evaluate(model.with_terms([model[name]]), UNSEEN)[0]


def deviation(scale: float, name: str) -> float:
    """Root mean square difference of fitted and direct energies of a class, relative."""
    ours, theirs = (class_energy(m, name) for m in (trimer_fit(scale).model, direct(scale)))
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


@pytest.mark.parametrize("name", [n for n in CLASSES if "four_site" not in n and n != "anisotropy"])
def test_fits_converge_to_direct_interactions(name):
    """What a fit adds to two and four spins are six and more: smaller by the coupling squared."""
    weak, stronger = deviation(0.1, name), deviation(0.2, name)
    assert weak < 1e-3
    power = np.log2(stronger / weak)
    assert power == pytest.approx(4 if name in LADDER["two spins"] else 2, abs=0.1)


def test_trimer_model_reproduces_the_electrons():
    """Below 1 % of the spread on configurations that the fit has not seen, as is to be shown."""
    configurations, counts = inequivalent_configurations(3, cube_directions(CORNER), C3V)
    assert len(configurations) == 252
    errors = {}
    for scale in (0.25, 0.5, 1.0, 1.5):
        energy = energy_of(TRIMER, scale)
        unseen = constraining_fields(energy, UNSEEN)
        steps = fit_by_class(
            all_clusters(3, CLASSES),
            constraining_fields(energy, configurations),
            symmetry=C3V,
            weights=counts * cube_weights(configurations, CORNER),
        )
        assert steps["three sites"].rank == 16
        errors[scale] = [step.test(unseen).relative for step in steps.values()]
        maes = [step.errors.field_mae for step in steps.values()]
        assert errors[scale] == sorted(errors[scale], reverse=True)
        assert maes == sorted(maes, reverse=True)
    two, _, everything = zip(*errors.values(), strict=True)
    assert everything[-1] < 0.01
    assert everything[-2] < 0.001
    assert np.log2(two[2] / two[1]) == pytest.approx(2, abs=0.1)
    assert np.log2(everything[2] / everything[1]) > 3


@pytest.mark.slow
def test_tetramer_model_reproduces_the_electrons():
    """250 of the 2513 configurations, as in Brinker et al."""
    drawn = sample_directions(
        4, 250, kind="product", choices=cube_directions(), symmetry=C4V, seed=1
    )
    energy = energy_of(TETRAMER, 1.0)
    unseen = constraining_fields(energy, sample_directions(4, 200, seed=5))
    steps = fit_by_class(all_clusters(4, CLASSES), constraining_fields(energy, drawn), symmetry=C4V)
    errors = [step.test(unseen).relative for step in steps.values()]
    assert errors == sorted(errors, reverse=True)
    assert steps["four sites"].rank == 34
    assert errors[-1] < 0.01


def test_fitted_trimer_has_its_symmetry():
    """The choices share the symmetry, and so does a fit that knows nothing of it."""
    found = trimer_fit(1.0).model
    for name, broken in residual(found, C3V).items():
        assert broken.largest < 1e-10 * max(1e-3, broken.scale), name
    vectors = np.abs(np.asarray(found["chiral_three_site"].values)).max(axis=0)
    assert np.all(vectors > 1e-6)


def test_vectors_of_sites_in_a_mirror_plane_are_perpendicular_to_it():
    """Three sites on the x axis lie in the mirror plane xz of the gas: D, C and C3 lie along y."""
    row = np.array([[0.0, 0.0], [4.0, 0.0], [9.0, 0.0]])
    spins = sample_directions(3, kind="product")
    samples = constraining_fields(energy_of(row, 1.0), spins)
    found = fit(all_clusters(3, CLASSES), samples).model
    for name in ("dzyaloshinskii_moriya", "chiral_biquadratic", "chiral_three_site"):
        vectors = np.abs(np.asarray(found[name].values))
        assert vectors[:, [0, 2]].max() < 1e-12
        assert np.all(vectors[:, 1] > 1e-6)


# --- inversion --------------------------------------------------------------------------------


def centrosymmetric_host() -> TightBinding:
    """Orbitals p_x and p_y on a square lattice with spin-orbit coupling L_z sigma_z.

    Every site and the middle of every bond is a centre of inversion.
    """
    spin_orbit = 0.5 * np.kron(np.diag([1.0, -1.0]), np.array([[0, -1j], [1j, 0]]))

    def hopping(along: float, across: float, mixed: float = 0.0):
        return np.kron(np.eye(2), -np.array([[along, mixed], [mixed, across]]))

    bonds = [
        ((0, 0), spin_orbit),
        ((1, 0), hopping(1.0, 0.3)),
        ((0, 1), hopping(0.3, 1.0)),
        ((1, 1), hopping(0.2, 0.2, 0.15)),
        ((1, -1), hopping(0.2, 0.2, -0.15)),
    ]
    model = hopping_model(Lattice.square(), [(cell, 0, 0, block) for cell, block in bonds])
    return TightBinding(model, fermi_energy=-0.7, temperature=0.1, mesh=64)


@pytest.mark.slow
def test_inversion_kills_the_pair_vector_but_not_that_of_three_sites():
    """Brinker et al., Sect. III: Moriya's first rule is one for pairs only.

    The three sites form a right angle, so that no centre of inversion maps them onto each other;
    they lie in the mirror plane of the lattice, to which the vector is then perpendicular.
    """
    host, coupling = centrosymmetric_host(), ContactCoupling(0.5, orbitals=2)
    sites = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0]])
    for pair in ([0, 1], [0, 2]):
        energy = LloydEnergy(host, coupling, sites[pair]).interaction
        samples = constraining_fields(energy, sample_directions(2, kind="product"))
        found = fit(all_clusters(2, CLASSES), samples).model
        assert np.abs(np.asarray(found["dzyaloshinskii_moriya"].values)).max() < 1e-14
        assert np.abs(np.asarray(found["chiral_biquadratic"].values)).max() < 1e-14
        assert abs(float(found["exchange"].values[0])) > 1e-3
    spins = sample_directions(3, kind="product")
    fitted = []
    for onsite in (False, True):
        energy = LloydEnergy(host, coupling, sites, onsite=onsite).interaction
        samples = constraining_fields(energy, spins)
        model = fit(all_clusters(3, CLASSES), samples, weights=cube_weights(spins)).model
        fitted.append(by_sites(model["chiral_three_site"]))
    loops = contracted_loops(sites[:, :2].astype(float), "three_site")
    found = compute_interactions(host, coupling, sites, [loops])
    computed = by_sites(resolve(from_interactions(found)).model["chiral_three_site"])
    for vectors in (computed, *fitted):
        assert all(np.abs(vector[:2]).max() < 1e-13 for vector in vectors.values())
        assert max(abs(vector[2]) for vector in vectors.values()) > 5e-5
    for row in ((0, 2, 1), (1, 0, 2)):
        assert fitted[0][row][2] == pytest.approx(computed[row][2], rel=0.03)
    # The mirror planes of the two bonds forbid the bare loop; scattering on-site mixes its legs.
    assert abs(computed[0, 1, 2][2]) < 1e-18
    assert abs(fitted[1][0, 1, 2][2]) > 1e-4


def by_sites(term) -> dict[tuple[int, ...], np.ndarray]:
    rows = map(tuple, term.clusters.sites.tolist())
    return dict(zip(rows, np.asarray(term.values), strict=True))
