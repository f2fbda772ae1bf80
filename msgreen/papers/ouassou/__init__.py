"""Paper O: Ouassou, Yokoyama, Linder, DMI from mixed-parity superconductivity, arXiv:2407.07144."""

from msgreen.papers.ouassou.figures import parity_figure as parity_figure
from msgreen.papers.ouassou.figures import tuning_figure as tuning_figure
