"""Figures, as `matplotlib.figure.Figure` objects without any global state."""

from msgreen.plot.asymptotic import asymptotic_figure as asymptotic_figure
from msgreen.plot.asymptotic import oscillations as oscillations
from msgreen.plot.scan import chiral_figure as chiral_figure
from msgreen.plot.scan import isotropic_figure as isotropic_figure
from msgreen.plot.scan import order_figure as order_figure
