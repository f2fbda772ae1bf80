"""A good call of every public function, and ways to spoil its arguments one at a time."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from lattices import SQUARE
from problems import random_cluster

import msgreen
from msgreen.lattice.nambu import Pairing

SYSTEM = random_cluster(3)
UP = np.tile([0.0, 0.0, 1.0], (3, 1))
PAIRS = np.array([[0, 1], [1, 2]])
MODEL = msgreen.shell_model(SQUARE, [-1.0])
POINTS = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 7.0]])


@cache
def objects() -> dict[str, Any]:
    """What calls need and no one spoils."""
    host, scatterer = SYSTEM.host, msgreen.ContactCoupling(0.1, orbitals=2)
    contour = host.contour(SYSTEM.sites)
    lloyd = msgreen.LloydEnergy(host, scatterer, SYSTEM.sites)
    gas = msgreen.RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.01)
    names = ("host", "scatterer", "contour", "lloyd", "gas")
    return dict(zip(names, (host, scatterer, contour, lloyd, gas), strict=True))


class Call:
    """A call that works: a function, what is held fixed, and what is spoilt."""

    def __init__(self, function: Callable, fixed: Mapping[str, Any] = {}, **spoilt: Any):
        self.function, self.fixed, self.spoilt = function, fixed, spoilt

    def __call__(self, **changed):
        known = {key: objects()[value] for key, value in self.fixed.items()}
        return self.function(**known, **{**self.spoilt, **changed})


HOST = {"host": "host", "scatterer": "scatterer"}
LOOPS = {**HOST, "contour": "contour"}
SITES = SYSTEM.sites
ONE = np.zeros((1, 1, 2, 1, 2))
GAS = {"effective_mass": 0.26, "fermi_wavevector": 0.167, "rashba_wavevector": 0.01}

CALLS: dict[str, Call] = {
    "Attraction": Call(
        lambda **k: msgreen.Attraction([msgreen.s_wave(SQUARE, 1.0)], **k),
        strengths=np.array([1.0]),
    ),
    "ClusterHost": Call(
        msgreen.ClusterHost,
        hamiltonian=SYSTEM.hamiltonian,
        fermi_energy=SYSTEM.fermi_energy,
        gap=SYSTEM.gap,
        bandwidth=50.0,
    ),
    "ContactCoupling": Call(msgreen.ContactCoupling, coupling=0.5, orbitals=1),
    "FiniteLattice": Call(
        lambda **k: msgreen.FiniteLattice(MODEL, msgreen.Region(SQUARE, (3, 3)), **k),
        fermi_energy=0.1,
        temperature=0.1,
        gap=0.1,
        route="cut",
    ),
    "HoppingModel": Call(lambda **k: msgreen.HoppingModel(SQUARE, **k), cells=[(0, 0)], blocks=ONE),
    "Lattice": Call(msgreen.Lattice, vectors=np.eye(2), basis=np.array([[0.0, 0.0], [0.5, 0.5]])),
    "LloydEnergy": Call(msgreen.LloydEnergy, HOST, sites=SITES),
    "Pairing": Call(lambda **k: Pairing(SQUARE, **k), cells=[(0, 0)], blocks=ONE),
    "RashbaGas": Call(msgreen.RashbaGas, dimension=1, **GAS, momentum_cutoff=1.0),
    "Region": Call(
        lambda **k: msgreen.Region(SQUARE, **k),
        shape=(3, 3),
        periodic=[True, False],
        removed=[[0, 0, 0]],
    ),
    "SpinConvention": Call(msgreen.SpinConvention, name="mine", sign=1, ordered=True),
    "SpinPairs": Call(msgreen.SpinPairs, HOST, sites=SITES, pairs=PAIRS),
    "Superconductor": Call(
        lambda **k: msgreen.Superconductor(
            msgreen.TightBinding(MODEL, temperature=0.1), msgreen.s_wave(SQUARE, 0.1), **k
        ),
        pair_momentum=np.array([0.1, 0.0]),
        gap=0.1,
    ),
    "TightBinding": Call(
        lambda **k: msgreen.TightBinding(MODEL, **k),
        fermi_energy=0.1,
        temperature=0.1,
        gap=0.1,
        mesh=8,
        accuracy=1e-8,
    ),
    "bound_states": Call(
        msgreen.bound_states, HOST, sites=SITES, directions=UP, interval=(-0.95, -0.9)
    ),
    "calibrated_coupling": Call(msgreen.calibrated_coupling, {"gas": "gas"}, minimum=-5e-3),
    "closed_hessian": Call(msgreen.closed_hessian, {"lloyd": "lloyd"}, directions=UP),
    "closed_multilinear_tensor": Call(
        msgreen.closed_multilinear_tensor, {"lloyd": "lloyd"}, sites=(0, 1)
    ),
    "closed_rotation_tensor": Call(
        msgreen.closed_rotation_tensor, {"lloyd": "lloyd"}, directions=UP, sites=(0, 1)
    ),
    "coefficients": Call(msgreen.coefficients, LOOPS, sites=SITES, loops=PAIRS),
    "compute_interactions": Call(msgreen.compute_interactions, HOST, sites=SITES, clusters=[PAIRS]),
    "contracted_loops": Call(
        msgreen.contracted_loops, positions=POINTS, kind="biquadratic", cutoff=9.0
    ),
    "d_wave": Call(
        lambda **k: msgreen.d_wave(SQUARE, **k), amplitude=0.1, form=np.diag([1.0, -1.0])
    ),
    "decompose": Call(msgreen.decompose, matrix=np.eye(4, dtype=complex)),
    "direction": Call(msgreen.direction, theta=0.3, phi=0.2),
    "effective_field": Call(
        lambda **k: msgreen.effective_field(objects()["lloyd"].energy, **k), directions=UP
    ),
    "energy_by_order": Call(
        msgreen.energy_by_order, LOOPS, sites=SITES, loops=PAIRS, directions=UP
    ),
    "fermi_line": Call(
        msgreen.fermi_line,
        fermi_wavevector=0.2,
        rashba_wavevector=0.01,
        hbar2_over_m=30.0,
        shortest=5.0,
        longest=9.0,
        nodes=31,
    ),
    "fitted_model": Call(
        msgreen.fitted_model,
        {"lloyd": "lloyd"},
        positions=POINTS,
        classes=["exchange"],
        configurations=20,
        seed=0,
    ),
    "first_minimum": Call(msgreen.first_minimum, {"gas": "gas"}),
    "green_matrix": Call(msgreen.green_matrix, {"host": "host"}, z=np.array([0.1j]), sites=SITES),
    "hessian": Call(lambda **k: msgreen.hessian(objects()["lloyd"].energy, **k), directions=UP),
    "hopping_model": Call(
        lambda **k: msgreen.hopping_model(SQUARE, **k), terms=[((1, 0), 0, 0, -1.0)]
    ),
    "imaginary_axis": Call(
        msgreen.imaginary_axis, fermi_energy=0.1, gap=0.1, bandwidth=5.0, nodes=9, accuracy=1e-6
    ),
    "local_density": Call(
        msgreen.local_density,
        HOST,
        sites=SITES,
        directions=UP,
        energies=np.array([0.1, 0.2]),
        broadening=0.1,
        places=SITES,
    ),
    "local_gap": Call(
        lambda **k: msgreen.local_gap(
            msgreen.FiniteLattice(MODEL, msgreen.Region(SQUARE, (3, 3)), temperature=0.2),
            msgreen.Attraction([msgreen.s_wave(SQUARE, 1.0)], [3.0]),
            msgreen.ContactCoupling(0.2, orbitals=2),
            **k,
        ),
        sites=np.array([[1, 1, 0]]),
        directions=np.array([[0.0, 0.0, 1.0]]),
        start=np.array([0.5]),
    ),
    "loop_energies": Call(msgreen.loop_energies, LOOPS, sites=SITES, loops=PAIRS, directions=UP),
    "loop_tensors": Call(msgreen.loop_tensors, LOOPS, sites=SITES, loops=PAIRS),
    "loops": Call(msgreen.loops, positions=POINTS, order=3, cutoff=9.0, perimeter=30.0),
    "matsubara": Call(
        msgreen.matsubara,
        temperature=0.1,
        fermi_energy=0.1,
        bandwidth=5.0,
        accuracy=1e-6,
        nodes=9,
    ),
    "many_spin_energies": Call(
        msgreen.many_spin_energies, {"lloyd": "lloyd"}, directions=UP, clusters=[[0, 1], [1, 2]]
    ),
    "multilinear_tensor": Call(
        lambda **k: msgreen.multilinear_tensor(objects()["lloyd"].energy, **k),
        count=3,
        sites=(0, 1),
    ),
    "multiplicity": Call(msgreen.multiplicity, loops=PAIRS),
    "p_wave": Call(
        lambda **k: msgreen.p_wave(SQUARE, **k), amplitude=0.1, d_matrix=np.ones((3, 2))
    ),
    "pairs": Call(msgreen.pairs, positions=POINTS, cutoff=9.0),
    "pattern_coefficient": Call(
        msgreen.pattern_coefficient, LOOPS, sites=SITES, loops=PAIRS, carriers=(0,)
    ),
    "rotation_tensor": Call(
        lambda **k: msgreen.rotation_tensor(objects()["lloyd"].energy, **k),
        directions=UP,
        sites=(0, 1),
    ),
    "s_wave": Call(lambda **k: msgreen.s_wave(SQUARE, **k), amplitude=0.1, orbitals=1),
    "semicircle": Call(
        msgreen.semicircle, bottom=-2.0, fermi_energy=0.1, nodes=15, temperature=0.01
    ),
    "shell_model": Call(
        lambda **k: msgreen.shell_model(SQUARE, **k),
        hoppings=[-1.0],
        onsite=0.1,
        exchange=[0.0, 0.0, 0.1],
        rashba=0.1,
    ),
    "torque": Call(lambda **k: msgreen.torque(objects()["lloyd"].energy, **k), directions=UP),
    "uniform_gap": Call(
        lambda **k: msgreen.uniform_gap(
            msgreen.TightBinding(MODEL, temperature=0.5),
            msgreen.Attraction([msgreen.s_wave(SQUARE, 1.0)], [3.0]),
            **k,
        ),
        pair_momentum=np.array([0.0, 0.0]),
        start=np.array([0.5]),
        mesh=8,
        accuracy=1e-3,
    ),
    "user_contour": Call(
        msgreen.user_contour,
        nodes=np.array([1j, 0.1j]),
        weights=np.array([0.5, 0.5]),
        embedded=np.array([1.0, 0.0]),
    ),
    "view": Call(
        lambda states, values: msgreen.view(
            [msgreen.spinmodel.SpinModel([], site_count=3)] * 2,
            states={"up": states},
            along={"T (K)": values},
        ),
        states=UP,
        values=[1.0, 2.0],
    ),
}
SPOILT: Mapping[str, Callable] = {
    "text": lambda value: "abc",
    "NaN": lambda value: np.full(np.shape(value), np.nan) if np.ndim(value) else float("nan"),
    "one axis more": lambda value: np.asarray(value)[None],
    "nothing": lambda value: [],
    "shorter": lambda value: np.asarray(value)[..., :-1] if np.ndim(value) else [],
    "ragged": lambda value: [[1.0], [1.0, 2.0]],
    "huge": lambda value: np.asarray(value) + 10**9,
    "negative": lambda value: -np.abs(np.asarray(value)) - 1,
}
"""Ways to spoil a value."""

MAY_BE_RIGHT = ("huge", "negative")
"""Spoilt values that may have a meaning; they may raise no error but those of the library."""

RIGHT = {
    "ContactCoupling.coupling": ("one axis more",),
    "LloydEnergy.sites": ("shorter",),
    "Region.removed": ("nothing",),
    "SpinConvention.name": ("text",),
    "closed_multilinear_tensor.sites": ("shorter",),
    "closed_rotation_tensor.sites": ("shorter",),
    "compute_interactions.clusters": ("nothing",),
    "decompose.matrix": ("NaN", "one axis more"),
    "direction.theta": ("one axis more", "nothing", "shorter"),
    "direction.phi": ("one axis more", "nothing", "shorter"),
    "green_matrix.z": ("nothing", "shorter"),
    "green_matrix.sites": ("shorter",),
    "local_density.energies": ("nothing", "shorter"),
    "local_density.places": ("shorter",),
    "many_spin_energies.clusters": ("shorter",),
    "many_spin_energies.directions": ("one axis more",),
    "multilinear_tensor.sites": ("shorter",),
    "pattern_coefficient.carriers": ("nothing", "shorter"),
    "rotation_tensor.sites": ("shorter",),
    "shell_model.exchange": ("one axis more",),
    "shell_model.onsite": ("one axis more",),
}
"""Spoilt arguments that are right all the same: one for all, none, fewer, more at once."""
