"""Good calls of the room of simulations, whose arguments are spoilt one at a time.

Numbers of samples and steps are left out: a huge one is right, and takes for ever. See
`test_bad_input` of test_monte_carlo and test_spin_dynamics.
"""

from functools import cache
from types import SimpleNamespace

import numpy as np
from bad_calls import Call

from msgreen import simulation
from msgreen.lattice import Lattice
from msgreen.spinmodel import SpinModel, Term

UP = np.tile([0.0, 0.0, 1.0], (2, 1))
TRIANGLES = np.zeros((1, 3), int)
CORNERS = np.array([[[0, 0], [1, 0], [0, 1]]])


@cache
def models() -> SimpleNamespace:
    """What calls need and no one spoils."""
    square = [[[0, 0], [1, 0]], [[0, 0], [0, 1]]]
    film = SpinModel([Term("exchange", [[0, 0]] * 2, [-1.0] * 2, square)], lattice=Lattice.square())
    dimer = SpinModel(
        [Term("exchange", [[0, 1]], [-1.0]), Term("field", [[0]], [[0.0, 0.0, -1.0]])],
        positions=np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]),
    )
    run = simulation.monte_carlo(dimer, [1.0, 2.0], samples=20, warm_up=5)
    return SimpleNamespace(film=film, dimer=dimer, run=run)


SIMULATION = {
    "Moment": Call(lambda **k: simulation.Moment(models().dimer, **k), signs=np.array([1.0, -1.0])),
    "ScalarChirality": Call(
        lambda **k: simulation.ScalarChirality(models().film, **k), sites=TRIANGLES, cells=CORNERS
    ),
    "StructureFactor": Call(
        lambda **k: simulation.StructureFactor(models().film, **k), q=np.array([[0.5, 0.5]])
    ),
    "TopologicalCharge": Call(
        lambda **k: simulation.TopologicalCharge(models().film, **k),
        sites=TRIANGLES,
        cells=CORNERS,
    ),
    "WaveOrder": Call(lambda **k: simulation.WaveOrder(models().film, **k), shape=(4, 4)),
    "autocorrelation_time": Call(
        simulation.autocorrelation_time, series=np.cos(np.arange(40.0) ** 2)
    ),
    "domain_wall": Call(
        lambda **k: simulation.domain_wall(models().film, **k),
        shape=(4, 4),
        width=1.0,
        along=0,
        helicity=0.5,
    ),
    "energy_path": Call(
        lambda **k: simulation.energy_path(models().dimer, max_steps=50, **k),
        first=UP,
        last=-UP,
        images=4,
        tolerance=1e-1,
        seed=1,
    ),
    "jackknife": Call(simulation.jackknife, samples=np.cos(np.arange(80.0) ** 2)),
    "monte_carlo": Call(
        lambda **k: simulation.monte_carlo(models().dimer, samples=10, warm_up=2, **k),
        temperature=np.array([1.0, 2.0]),
        start=UP,
        seed=1,
    ),
    "reweighted": Call(
        lambda **k: simulation.reweighted(models().run, **k), temperature=np.array([1.2, 1.5])
    ),
    "skyrmion": Call(
        lambda **k: simulation.skyrmion(models().film, **k),
        shape=(6, 6),
        radius=2.0,
        width=1.0,
        winding=1,
        helicity=0.5,
        core=-1,
        centre=np.array([3.0, 3.0]),
    ),
    "spin_dynamics": Call(
        lambda **k: simulation.spin_dynamics(models().dimer, steps=4, **k),
        directions=UP,
        moments=np.array([1.0, 2.0]),
        step=0.01,
        every=2,
        damping=0.1,
        temperature=0.1,
        seed=1,
    ),
}
WITHOUT_CALL = {
    **dict.fromkeys(
        ("EnergyPath", "MonteCarlo", "Thermodynamics", "Trajectory"),
        "what a function returns",
    ),
    **dict.fromkeys(("binder_crossing", "thermodynamics"), "takes runs; see test_monte_carlo"),
}
RIGHT = {
    "autocorrelation_time.series": ("shorter",),
    "jackknife.samples": ("shorter",),
    "monte_carlo.temperature": ("shorter",),
    "reweighted.temperature": ("shorter",),
    "spin_dynamics.directions": ("one axis more",),
}
