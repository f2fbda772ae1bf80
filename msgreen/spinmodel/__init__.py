"""The generalised spin model: evaluate, fit, symmetrise, minimise."""

from msgreen.spinmodel.convert import from_interactions as from_interactions
from msgreen.spinmodel.forms import CLASSES as CLASSES
from msgreen.spinmodel.forms import SpinClass as SpinClass
from msgreen.spinmodel.model import SpinModel as SpinModel
from msgreen.spinmodel.resolve import Resolution as Resolution
from msgreen.spinmodel.resolve import resolve as resolve
from msgreen.spinmodel.terms import Clusters as Clusters
from msgreen.spinmodel.terms import Term as Term
