"""Green functions of a periodic crystal between cells, as sums over a mesh of k points."""

from msgreen_kernels.torus.api import active_order as active_order
from msgreen_kernels.torus.api import planes as planes
from msgreen_kernels.torus.api import torus_green as torus_green
