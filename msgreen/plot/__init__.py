"""Figures, as `matplotlib.figure.Figure` objects without any global state."""

from msgreen.plot.clusters import spins_figure as spins_figure
from msgreen.plot.interactions import interaction_figures as interaction_figures
from msgreen.plot.interactions import interactions_figure as interactions_figure
from msgreen.plot.kkr import cluster_distance_figure as cluster_distance_figure
from msgreen.plot.kkr import dmi_figure as dmi_figure
from msgreen.plot.kkr import rotation_order_figure as rotation_order_figure
from msgreen.plot.pairs import distance_figure as distance_figure
from msgreen.plot.phonon import canting_figure as canting_figure
from msgreen.plot.phonon import range_figure as range_figure
from msgreen.plot.phonon import tensor_distance_figure as tensor_distance_figure
from msgreen.plot.spin_states import landscape_figure as landscape_figure
from msgreen.plot.spin_states import magnon_figure as magnon_figure
from msgreen.plot.spin_states import states_figure as states_figure
from msgreen.plot.spin_states import texture_figure as texture_figure
