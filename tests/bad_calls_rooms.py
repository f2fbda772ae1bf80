"""Good calls of the public functions of the rooms, whose arguments are spoilt one at a time."""

from functools import cache
from typing import Any

import numpy as np
from bad_calls import Call

from msgreen import contour, phonon

CHAIN_SPRING = phonon.Spring(0, 0, (1,), 5.0, 1.0)
ONE_ATOM = ([[2.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]], [50.0])
COUPLING = np.array([np.diag([1.0, 2.0, 3.0])])
CELLS = np.array([[0, 0], [0, 1]])
PAIR = np.array([[0, 1]])
PLACES = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])


@cache
def parts() -> dict[str, Any]:
    """What calls need and no one spoils."""
    crystal = phonon.mass_spring(*ONE_ATOM, [CHAIN_SPRING], pinning=0.1)
    rule = phonon.ball(1, 1.0)
    modes = phonon.optical(rule, 0.1)
    bonds = phonon.heisenberg(PAIR, PLACES, 0.1)
    tensors = bonds.terms[0].tensor
    return {"crystal": crystal, "rule": rule, "modes": modes, "bonds": bonds, "tensors": tensors}


def of(function, names: str = "", **spoilt) -> Call:
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
    "ring": of(phonon.ring, "crystal", couplings=COUPLING, cells=6, shape=(9,), neighbours=1),
    "screw_couplings": of(
        phonon.screw_couplings, atoms_per_turn=3, coupling=np.eye(3), handedness=1
    ),
    "thermal_factor": of(phonon.thermal_factor, energies=np.array([0.1]), temperature=10.0),
}
RIGHT = {
    "acoustic_range.distance": ("one axis more", "nothing", "shorter"),
    "elastic_range.distance": ("one axis more", "nothing", "shorter"),
    "helical_chain.springs": ("nothing",),
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

ROOMS = {"contour": CONTOUR, "phonon": PHONON}
WITHOUT_CALL = {
    "contour": {"Contour": "made by the functions of the room"},
    "phonon": {"Spring": "a row of numbers, checked where it is used"},
}
"""Public callables without a row, and why."""
