"""Spin models at temperature and in motion: Monte Carlo, spin dynamics, textures and barriers."""

from msgreen.simulation.barriers import EnergyPath as EnergyPath
from msgreen.simulation.barriers import energy_path as energy_path
from msgreen.simulation.dynamics import Trajectory as Trajectory
from msgreen.simulation.dynamics import spin_dynamics as spin_dynamics
from msgreen.simulation.monte_carlo import MonteCarlo as MonteCarlo
from msgreen.simulation.monte_carlo import monte_carlo as monte_carlo
from msgreen.simulation.observables import Moment as Moment
from msgreen.simulation.observables import ScalarChirality as ScalarChirality
from msgreen.simulation.observables import StructureFactor as StructureFactor
from msgreen.simulation.observables import TopologicalCharge as TopologicalCharge
from msgreen.simulation.order import WaveOrder as WaveOrder
from msgreen.simulation.statistics import Thermodynamics as Thermodynamics
from msgreen.simulation.statistics import autocorrelation_time as autocorrelation_time
from msgreen.simulation.statistics import binder_crossing as binder_crossing
from msgreen.simulation.statistics import jackknife as jackknife
from msgreen.simulation.statistics import reweighted as reweighted
from msgreen.simulation.statistics import thermodynamics as thermodynamics
from msgreen.simulation.textures import domain_wall as domain_wall
from msgreen.simulation.textures import skyrmion as skyrmion
