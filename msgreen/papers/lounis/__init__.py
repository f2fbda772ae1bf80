"""Paper L: Lounis, New J. Phys. 22, 103003 (2020): scans over distance and range functions."""

from msgreen.papers.lounis.figures import chiral_figure as chiral_figure
from msgreen.papers.lounis.figures import isotropic_figure as isotropic_figure
from msgreen.papers.lounis.figures import order_figure as order_figure
from msgreen.papers.lounis.range_figure import asymptotic_figure as asymptotic_figure
from msgreen.papers.lounis.range_figure import oscillations as oscillations
from msgreen.papers.lounis.scan import DistanceScan as DistanceScan
from msgreen.papers.lounis.scan import equidistant_scan as equidistant_scan
from msgreen.papers.lounis.table import SCAN_HEADER as SCAN_HEADER
from msgreen.papers.lounis.table import Scans as Scans
from msgreen.papers.lounis.table import scan_dataset as scan_dataset
from msgreen.papers.lounis.table import scan_rows as scan_rows
