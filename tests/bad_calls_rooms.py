"""Good calls of the public functions of the rooms, whose arguments are spoilt one at a time."""

from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

import bad_calls_simulation as simulation
import numpy as np
from bad_calls import Call

from msgreen import ContactCoupling, RashbaGas, contour, io, phonon, spinmodel
from msgreen.estimate import Estimate
from msgreen.lattice import Lattice
from msgreen.spinmodel import fitting, states, symmetry

CHAIN_SPRING = phonon.Spring(0, 0, (1,), 5.0, 1.0)
ONE_ATOM = ([[2.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]], [50.0])
COUPLING = np.array([np.diag([1.0, 2.0, 3.0])])
CELLS = np.array([[0, 0], [0, 1]])
PAIR = np.array([[0, 1]])
PLACES = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])

GAS = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, momentum_cutoff=1.0)
PLACES_OF_THREE = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0]])
UP = np.tile([0.0, 0.0, 1.0], (3, 1))
UP_OR_TILTED = np.stack([UP, UP[:, ::-1], UP[:, [0, 2, 1]], -UP])
AXIS = np.array([0.0, 0.0, 1.0])


@cache
def parts() -> dict[str, Any]:
    """What calls need and no one spoils."""
    crystal = phonon.mass_spring(*ONE_ATOM, [CHAIN_SPRING], pinning=0.1)
    rule = phonon.ball(1, 1.0)
    modes = phonon.optical(rule, 0.1)
    bonds = phonon.heisenberg(PAIR, PLACES, 0.1)
    tensors = bonds.terms[0].tensor
    found = {"crystal": crystal, "rule": rule, "modes": modes, "bonds": bonds, "tensors": tensors}
    found |= {
        "moving": lambda u: (GAS, ContactCoupling(1.0), PLACES[:, :2] + u[:, :2]),
        "slopes": Estimate(np.ones((1, 2, 3, 3, 3)), np.zeros((1, 2, 3, 3, 3))),
        "pull": Estimate(np.ones((2, 2, 3, 3)), np.zeros((2, 2, 3, 3))),
        "response": Estimate(np.ones((2, 3, 2, 3)), np.zeros((2, 3, 2, 3))),
    }
    exchange = spinmodel.Term("exchange", [[0, 1], [1, 2]], [-0.01, 0.02])
    chain = spinmodel.Term("exchange", [[0, 0]], [-0.01], [[[0], [1]]])
    found |= {
        "model": spinmodel.SpinModel([exchange], positions=PLACES_OF_THREE),
        "chain": spinmodel.SpinModel([chain], lattice=Lattice.chain(1.0)),
        "crystal_model": spinmodel.SpinModel(
            [
                spinmodel.Term(
                    "exchange",
                    [[0, 0]] * 3,
                    [-0.01] * 3,
                    [[[0, 0, 0], cell] for cell in np.eye(3, dtype=int).tolist()],
                )
            ],
            lattice=Lattice.cubic(),
        ),
        "lattice": Lattice.chain(1.0),
        "none": symmetry.no_symmetry(3),
        "term": exchange,
        "samples": fitting.Samples(UP_OR_TILTED, np.zeros(4), np.zeros((4, 3, 3))),
    }
    return found


def of(function, names: str = "", /, **spoilt) -> Call:
    """A call whose first arguments are parts."""

    def call(**arguments):
        return function(*(parts()[name] for name in names.split()), **arguments)

    return Call(call, **spoilt)


CONTOUR = {
    "largest_phase_step": of(contour.largest_phase_step, phase=np.array([0.1, 0.2])),
    "matsubara_sum": of(contour.matsubara_sum, temperature=0.1, fermi_energy=0.1, nodes=9),
    "unwrap_logdet": of(
        contour.unwrap_logdet, phase=np.array([0.1, 0.2]), logabs=np.array([0.3, 0.1])
    ),
}
PHONON = {
    "HarmonicCrystal": of(
        phonon.HarmonicCrystal,
        vectors=np.eye(3)[:1],
        basis=np.zeros((1, 3)),
        masses=np.array([50.0]),
        blocks=np.array([np.eye(3), -np.eye(3) / 2, -np.eye(3) / 2]),
        bonds=np.array([[0, 0, 0], [0, 0, 1], [0, 0, -1]]),
    ),
    "Modes": of(
        phonon.Modes,
        q=np.zeros((2, 3)),
        weights=np.ones(2) / 2,
        coarse=np.ones(2) / 2,
        energies=np.ones((2, 3)),
        polarisations=np.tile(np.eye(3, dtype=complex)[:, None], (2, 1, 1, 1)),
        lengths=np.ones((2, 3, 1)),
    ),
    "acoustic": of(phonon.acoustic, "rule", velocity=0.1, length=0.1, axes=np.eye(3)),
    "acoustic_range": of(
        phonon.acoustic_range,
        dimension=1,
        distance=np.array([1.0, 2.0]),
        cutoff=1.0,
        velocity=0.1,
        cell=2.0,
        lower=0.01,
    ),
    "add_interactions": of(phonon.add_interactions, "bonds bonds"),
    "ball": of(phonon.ball, dimension=2, cutoff=1.0, cell=2.0, panels=2, azimuths=8, lower=0.01),
    "chiral": of(
        lambda rule, **k: phonon.chiral(rule, **{"energies": np.ones(len(rule[0])), **k}),
        "rule",
        energies=np.ones(120),
        shift=0.1,
        axis=np.array([0.0, 0.0, 1.0]),
        length=0.1,
    ),
    "chiral_tensors": of(
        phonon.chiral_tensors,
        range_function=np.array([0.1, 0.2]),
        along=np.array([1.0, 2.0]),
        shift=0.1,
        axis=np.array([0.0, 0.0, 1.0]),
    ),
    "crystal_modes": of(phonon.crystal_modes, "crystal", shape=(9,), shift=0.5),
    "crystal_tensors": of(
        phonon.crystal_tensors,
        "crystal",
        couplings=COUPLING,
        sites=CELLS,
        pairs=PAIR,
        shape=(9,),
        z=0.0,
        temperature=10.0,
        shift=0.5,
    ),
    "elastic_range": of(phonon.elastic_range, distance=np.array([1.0]), cutoff=1.0, cell=2.0),
    "exchange_slopes": of(phonon.exchange_slopes, "moving", atoms=2, pairs=PAIR),
    "four_spin_interactions": of(
        lambda slopes, response, **k: phonon.four_spin_interactions(
            slopes, k["pairs"], k["positions"], response
        ),
        "slopes response",
        pairs=PAIR,
        positions=PLACES,
    ),
    "ground_state": of(phonon.ground_state, "bonds", starts=2, seed=0, tolerance=1e-8),
    "heisenberg": of(phonon.heisenberg, pairs=PAIR, positions=PLACES, exchange=np.array([0.1])),
    "helical_chain": of(
        phonon.helical_chain,
        atoms_per_turn=3,
        radius=1.0,
        pitch=6.0,
        mass=50.0,
        springs=[(1, 5.0, 1.0)],
        pinning=0.1,
        handedness=1,
    ),
    "interactions": of(phonon.interactions, "tensors", pairs=PAIR, positions=PLACES),
    "mass_spring": of(
        phonon.mass_spring,
        vectors=np.array(ONE_ATOM[0]),
        basis=np.array(ONE_ATOM[1]),
        masses=np.array(ONE_ATOM[2]),
        springs=[CHAIN_SPRING],
        pinning=0.1,
    ),
    "mode_tensors": of(
        phonon.mode_tensors,
        "modes",
        couplings=COUPLING,
        positions=PLACES,
        pairs=PAIR,
        atoms=[0, 0],
        z=0.0,
        temperature=10.0,
    ),
    "optical": of(phonon.optical, "rule", energy=0.1, length=0.1, axes=np.eye(3)),
    "optical_range": of(
        phonon.optical_range,
        dimension=2,
        distance=np.array([1.0, 2.0]),
        cutoff=1.0,
        energy=0.1,
        cell=2.0,
    ),
    "relaxation_tensors": of(
        lambda pull, response, **k: phonon.relaxation_tensors(pull, response, k["pairs"]),
        "pull response",
        pairs=PAIR,
    ),
    "ring": of(phonon.ring, "crystal", couplings=COUPLING, cells=6, shape=(9,), neighbours=1),
    "screw_couplings": of(
        phonon.screw_couplings, atoms_per_turn=3, coupling=np.eye(3), handedness=1
    ),
    "spin_lattice_coupling": of(phonon.spin_lattice_coupling, "moving", atoms=2),
    "static_response": of(phonon.static_response, "crystal", sites=CELLS, shape=(9,)),
    "thermal_factor": of(phonon.thermal_factor, energies=np.array([0.1]), temperature=10.0),
}


def field(spins):
    """An energy of spins to differentiate."""
    return spins[..., 2].sum() + (spins[0] * spins[1]).sum()


def exported(**arguments):
    with TemporaryDirectory() as folder:
        return io.export(parts()["model"], f"{folder}/out", **arguments)


IO = {"export": Call(exported, format="spirit", moments=np.array([1.0, 2.0, 3.0]))}
SPINMODEL = {
    "Samples": of(
        fitting.Samples,
        directions=UP_OR_TILTED,
        energies=np.zeros(4),
        fields=np.zeros((4, 3, 3)),
    ),
    "SpinModel": of(
        lambda **k: spinmodel.SpinModel([parts()["term"]], **k), positions=PLACES_OF_THREE
    ),
    "Term": of(spinmodel.Term, name="exchange", sites=np.array([[0, 1]]), values=np.array([0.1])),
    "all_clusters": of(fitting.all_clusters, site_count=3, names=["exchange"]),
    "allowed": of(
        lambda **k: symmetry.allowed(symmetry=parts()["none"], **k),
        name="exchange",
        sites=(0, 1),
    ),
    "canted": of(states.canted, angle=0.1, chirality=1, count=3, phase=0.1),
    "cluster_symmetry": of(
        spinmodel.cluster_symmetry,
        positions=PLACES_OF_THREE,
        matrices=np.eye(3)[None],
        center=np.zeros(3),
        tolerance=1e-5,
    ),
    "clusters_within": of(symmetry.clusters_within, "lattice", cutoff=1.5, names=["exchange"]),
    "collinear": of(states.collinear, pattern="ud", axis=AXIS),
    "cone": of(states.cone, angle=0.1, phase=0.1, axis=AXIS),
    "constraining_fields": of(
        lambda **k: fitting.constraining_fields(field, **k),
        directions=UP_OR_TILTED,
        block=1,
    ),
    "cross_validate": of(fitting.cross_validate, "model samples", folds=2, seed=0),
    "crystal_symmetry": of(spinmodel.crystal_symmetry, "lattice", tolerance=1e-5),
    "cube_directions": of(fitting.cube_directions, frame=np.eye(3)),
    "cube_weights": of(fitting.cube_weights, directions=UP, frame=np.eye(3)),
    "curvatures": of(states.curvatures, "model", directions=UP),
    "derivatives_at": of(
        lambda **k: fitting.derivatives_at(field, **k),
        directions=UP,
        order=2,
        clusters=[[0, 1]],
    ),
    "distances": of(states.distances, "model", first=UP, others=UP[None], axes=np.eye(3)),
    "exchange_matrix": of(states.exchange_matrix, "chain", q=np.array([[0.1]])),
    "ferromagnet": of(states.ferromagnet, count=3, axis=AXIS),
    "find_minima": of(
        spinmodel.find_minima, "model", starts=2, seed=0, same=1e-3, tolerance=1e-8, max_steps=20
    ),
    "find_spiral": of(spinmodel.find_spiral, "chain", axis=AXIS, starts=2, seed=0, max_steps=50),
    "fit": of(fitting.fit, "model samples", weights=np.ones(4), field_weight=1.0),
    "generate_group": of(symmetry.generate_group, operations=np.eye(3)[None]),
    "inequivalent_configurations": of(
        fitting.inequivalent_configurations, site_count=2, choices=np.array([AXIS, -AXIS])
    ),
    "invariants": of(
        lambda **k: symmetry.invariants(symmetry=parts()["none"], **k),
        name="exchange",
        sites=np.array([[0, 1]]),
    ),
    "landscape": of(
        lambda **k: spinmodel.landscape(parts()["model"], states.canted, k["grid"]),
        grid=np.array([0.1, 0.2]),
    ),
    "luttinger_tisza": of(spinmodel.luttinger_tisza, "chain", mesh=8, rounds=5),
    "magnetic_cell": of(spinmodel.magnetic_cell, "chain", shape=(2,)),
    "multi_q": of(
        states.multi_q,
        shape=(4,),
        wave_vectors=np.array([[0.25]]),
        amplitudes=np.array([[1.0, 1j, 0.0]]),
        uniform=AXIS,
    ),
    "no_symmetry": of(symmetry.no_symmetry, site_count=3, dimension=0),
    "operation_name": of(symmetry.operation_name, matrix=np.eye(3)),
    "orbits": of(
        lambda **k: symmetry.orbits(symmetry=parts()["none"], **k),
        name="exchange",
        sites=np.array([[0, 1]]),
    ),
    "planar_neel": of(states.planar_neel, chirality=1, count=3, phase=0.1),
    "point_group": of(symmetry.point_group, name="C3v", axis=AXIS, second=np.eye(3)[0]),
    "relax": of(spinmodel.relax, "model", directions=UP, tolerance=1e-8, max_steps=20),
    "sample_directions": of(
        fitting.sample_directions, site_count=2, count=3, kind="random", seed=0
    ),
    "spin_waves": of(
        spinmodel.spin_waves,
        "chain",
        directions=UP[:1],
        k=np.array([[0.1]]),
        moments=np.ones(1),
        q=np.array([0.0]),
        axis=AXIS,
        tolerance=1e-6,
    ),
    "spiral": of(states.spiral, shape=(4,), wave_vector=np.array([0.25]), base=UP[:1], axis=AXIS),
    "spiral_energy": of(states.spiral_energy, "chain", q=np.array([0.1]), base=UP[:1], axis=AXIS),
    "stripes": of(states.stripes, pattern="ud", shape=(4,), along=0, axis=AXIS),
    "tilt_errors": of(
        lambda **k: fitting.tilt_errors(parts()["model"], field, **k),
        directions=UP,
        angles=[0.1],
        sites=[0],
        count=2,
        seed=0,
    ),
    "transform": of(
        lambda **k: symmetry.transform(symmetry=parts()["none"], **k), directions=UP, op=0
    ),
    "exchange_levels": of(states.exchange_levels, "crystal_model", q=np.zeros((1, 3))),
    "magnons": of(
        spinmodel.magnons,
        "chain",
        directions=UP[:1],
        moments=np.ones(1),
        q=np.array([0.0]),
        axis=AXIS,
    ),
    "mean_field_temperature": of(states.mean_field_temperature, "crystal_model", q=np.zeros(3)),
    "ordering_temperatures": of(spinmodel.ordering_temperatures, "crystal_model", tolerance=1e-2),
    "rpa_temperature": of(states.rpa_temperature, "crystal_model", q=np.zeros(3), mesh=8),
    "standard_path": of(states.standard_path, "crystal_model", count=20),
    "wave_vector_path": of(
        states.wave_vector_path, "lattice", corners=np.array([[0.0], [0.5]]), count=5
    ),
}
RIGHT = {
    **simulation.RIGHT,
    "acoustic_range.distance": ("one axis more", "nothing", "shorter"),
    "elastic_range.distance": ("one axis more", "nothing", "shorter"),
    "SpinModel.positions": ("shorter",),
    "all_clusters.names": ("nothing", "shorter"),
    "canted.angle": ("NaN", "one axis more", "nothing", "shorter"),
    "canted.phase": ("NaN", "one axis more", "nothing", "shorter"),
    "cluster_symmetry.center": ("shorter",),
    "cluster_symmetry.positions": ("shorter",),
    "clusters_within.names": ("nothing", "shorter"),
    "cone.angle": ("NaN", "one axis more", "nothing", "shorter"),
    "cone.phase": ("NaN", "one axis more", "nothing", "shorter"),
    "constraining_fields.directions": ("one axis more",),
    "cube_weights.directions": ("one axis more",),
    "derivatives_at.clusters": ("shorter",),
    "exchange_levels.q": ("one axis more",),
    "exchange_matrix.q": ("one axis more",),
    "helical_chain.springs": ("nothing",),
    "invariants.sites": ("nothing",),
    "landscape.grid": ("shorter",),
    "multi_q.amplitudes": ("one axis more",),
    "multi_q.uniform": ("one axis more",),
    "orbits.sites": ("nothing",),
    "planar_neel.phase": ("NaN", "one axis more", "nothing", "shorter"),
    "relax.directions": ("one axis more",),
    "spiral_energy.axis": ("one axis more",),
    "spiral_energy.base": ("one axis more",),
    "spiral_energy.q": ("one axis more",),
    "stripes.along": ("one axis more",),
    "tilt_errors.angles": ("nothing", "shorter"),
    "tilt_errors.sites": ("nothing", "shorter"),
    "transform.directions": ("NaN", "one axis more"),
    "largest_phase_step.phase": ("NaN",),
    "mass_spring.pinning": ("one axis more",),
    "mass_spring.springs": ("nothing",),
    "optical_range.distance": ("one axis more", "nothing", "shorter"),
    "thermal_factor.energies": ("one axis more", "nothing", "shorter"),
    "thermal_factor.temperature": ("one axis more", "nothing", "shorter"),
    "unwrap_logdet.logabs": ("NaN",),
    "unwrap_logdet.phase": ("NaN",),
}
"""Spoilt arguments that are right all the same: elementwise functions, none, unknown numbers."""

ROOMS = {
    "contour": CONTOUR,
    "io": IO,
    "phonon": PHONON,
    "simulation": simulation.SIMULATION,
    "spinmodel": SPINMODEL,
}
PARTS = {"spinmodel": (fitting, states, symmetry)}
"""Namespaces of a room, whose rows are among its own."""

WITHOUT_CALL = {
    "simulation": simulation.WITHOUT_CALL,
    "contour": {"Contour": "made by the functions of the room"},
    "spinmodel": {
        **dict.fromkeys(
            (
                *("CrossValidation", "FitErrors", "FitResult", "MatchResult", "Configurations"),
                *("TiltErrors", "Resolution", "Minima", "Path", "Relaxed", "SpinWaves", "Count"),
                *("LowestWave", "Spiral", "Residual", "Magnons", "OrderingTemperatures"),
            ),
            "what a function returns",
        ),
        **dict.fromkeys(
            (
                *("complete", "count_parameters", "residual", "symmetrise", "is_even", "resolve"),
                *("rotation_axes", "spin_chiral_to_four_site", "from_interactions", "interacting"),
                *("fit_by_class", "match_derivatives"),
            ),
            "takes models, symmetries and samples, which are checked where they are made",
        ),
        "Clusters": "made by Term, which checks",
        "Derivatives": "see test_spinmodel_matching",
        "SpinClass": "a row of CLASSES",
        "Symmetry": "made by the functions of the room",
    },
    "io": {
        **dict.fromkeys(
            ("read_model", "read_netcdf"), "takes a path; see test_damaged_files, mutants.py"
        ),
        **dict.fromkeys(
            ("replacing", "replacing_files", "writable_folder", "write_csv", "write_dataset"),
            "takes a path; see test_io_files, test_results_folder",
        ),
        **dict.fromkeys(
            ("write_netcdf", "write_table", "dataset_of", "interactions_of"),
            "takes what other functions return",
        ),
    },
    "phonon": {
        "Spring": "a row of numbers, checked where it is used",
    },
}
"""Public callables without a row, and why."""
