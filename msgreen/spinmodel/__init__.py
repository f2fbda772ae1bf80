"""The generalised spin model: evaluate, fit, symmetrise, minimise."""

from msgreen.spinmodel.convert import from_interactions as from_interactions
from msgreen.spinmodel.forms import CLASSES as CLASSES
from msgreen.spinmodel.forms import SpinClass as SpinClass
from msgreen.spinmodel.groups import generate_group as generate_group
from msgreen.spinmodel.groups import operation_name as operation_name
from msgreen.spinmodel.groups import point_group as point_group
from msgreen.spinmodel.invariance import Residual as Residual
from msgreen.spinmodel.invariance import allowed as allowed
from msgreen.spinmodel.invariance import complete as complete
from msgreen.spinmodel.invariance import invariants as invariants
from msgreen.spinmodel.invariance import orbits as orbits
from msgreen.spinmodel.invariance import residual as residual
from msgreen.spinmodel.invariance import symmetrise as symmetrise
from msgreen.spinmodel.model import SpinModel as SpinModel
from msgreen.spinmodel.resolve import Resolution as Resolution
from msgreen.spinmodel.resolve import resolve as resolve
from msgreen.spinmodel.symmetry import Symmetry as Symmetry
from msgreen.spinmodel.symmetry import cluster_symmetry as cluster_symmetry
from msgreen.spinmodel.symmetry import crystal_symmetry as crystal_symmetry
from msgreen.spinmodel.symmetry import transform as transform
from msgreen.spinmodel.terms import Clusters as Clusters
from msgreen.spinmodel.terms import Term as Term
