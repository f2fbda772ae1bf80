"""Lattices: geometry, hopping models, and their resolvents between chosen sites."""

from msgreen.lattice.bloch import bloch_matrix as bloch_matrix
from msgreen.lattice.bloch import grid as grid
from msgreen.lattice.bloch import mesh_blocks as mesh_blocks
from msgreen.lattice.finite import cut_blocks as cut_blocks
from msgreen.lattice.finite import levels_below as levels_below
from msgreen.lattice.finite import sector_blocks as sector_blocks
from msgreen.lattice.finite import sectors as sectors
from msgreen.lattice.geometry import Lattice as Lattice
from msgreen.lattice.geometry import Region as Region
from msgreen.lattice.layers import layer_blocks as layer_blocks
from msgreen.lattice.layers import layer_levels_below as layer_levels_below
from msgreen.lattice.loops import count_loops as count_loops
from msgreen.lattice.loops import lattice_contracted_loops as lattice_contracted_loops
from msgreen.lattice.loops import lattice_loops as lattice_loops
from msgreen.lattice.model import HoppingModel as HoppingModel
from msgreen.lattice.model import hopping_model as hopping_model
from msgreen.lattice.model import shell_model as shell_model
