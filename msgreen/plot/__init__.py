"""Figures, as `matplotlib.figure.Figure` objects without any global state."""

from msgreen.plot.kkr import cluster_distance_figure as cluster_distance_figure
from msgreen.plot.kkr import dmi_figure as dmi_figure
from msgreen.plot.kkr import rotation_order_figure as rotation_order_figure
from msgreen.plot.spin_states import landscape_figure as landscape_figure
from msgreen.plot.spin_states import magnon_figure as magnon_figure
from msgreen.plot.spin_states import texture_figure as texture_figure
from msgreen.plot.spinmodel import spins_figure as spins_figure
from msgreen.plot.spinmodel import trimer_figure as trimer_figure
from msgreen.plot.superconductor import distance_figure as distance_figure
from msgreen.plot.superconductor import parity_figure as parity_figure
from msgreen.plot.superconductor import tuning_figure as tuning_figure
