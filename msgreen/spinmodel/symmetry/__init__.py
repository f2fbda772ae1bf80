"""Symmetry of spin models: groups, what they do to interactions, and what they allow."""

from msgreen.spinmodel.symmetry.groups import generate_group as generate_group
from msgreen.spinmodel.symmetry.groups import operation_name as operation_name
from msgreen.spinmodel.symmetry.groups import point_group as point_group
from msgreen.spinmodel.symmetry.invariance import Count as Count
from msgreen.spinmodel.symmetry.invariance import Residual as Residual
from msgreen.spinmodel.symmetry.invariance import allowed as allowed
from msgreen.spinmodel.symmetry.invariance import complete as complete
from msgreen.spinmodel.symmetry.invariance import count_parameters as count_parameters
from msgreen.spinmodel.symmetry.invariance import invariants as invariants
from msgreen.spinmodel.symmetry.invariance import orbits as orbits
from msgreen.spinmodel.symmetry.invariance import residual as residual
from msgreen.spinmodel.symmetry.invariance import symmetrise as symmetrise
from msgreen.spinmodel.symmetry.neighbours import clusters_within as clusters_within
from msgreen.spinmodel.symmetry.operations import Symmetry as Symmetry
from msgreen.spinmodel.symmetry.operations import cluster_symmetry as cluster_symmetry
from msgreen.spinmodel.symmetry.operations import crystal_symmetry as crystal_symmetry
from msgreen.spinmodel.symmetry.operations import no_symmetry as no_symmetry
from msgreen.spinmodel.symmetry.operations import transform as transform
