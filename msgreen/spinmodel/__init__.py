"""The generalised spin model: evaluate, fit, symmetrise, minimise.

The names that everyone meets are here; all others are in `fitting`, `states` and `symmetry`.
"""

import warnings

from msgreen.spinmodel import fitting as fitting
from msgreen.spinmodel import states as states
from msgreen.spinmodel import symmetry as symmetry
from msgreen.spinmodel.convert import from_interactions as from_interactions
from msgreen.spinmodel.convert import spin_chiral_to_four_site as spin_chiral_to_four_site
from msgreen.spinmodel.fitting.matching import match_derivatives as match_derivatives
from msgreen.spinmodel.forms import CLASSES as CLASSES
from msgreen.spinmodel.forms import SpinClass as SpinClass
from msgreen.spinmodel.model import SpinModel as SpinModel
from msgreen.spinmodel.model import magnetic_cell as magnetic_cell
from msgreen.spinmodel.resolve import Resolution as Resolution
from msgreen.spinmodel.resolve import resolve as resolve
from msgreen.spinmodel.states.ground_state import find_minima as find_minima
from msgreen.spinmodel.states.ground_state import landscape as landscape
from msgreen.spinmodel.states.magnons import magnons as magnons
from msgreen.spinmodel.states.relax import relax as relax
from msgreen.spinmodel.states.spin_waves import spin_waves as spin_waves
from msgreen.spinmodel.states.spirals import find_spiral as find_spiral
from msgreen.spinmodel.states.spirals import luttinger_tisza as luttinger_tisza
from msgreen.spinmodel.states.temperatures import ordering_temperatures as ordering_temperatures
from msgreen.spinmodel.symmetry.invariance import symmetrise as symmetrise
from msgreen.spinmodel.symmetry.operations import cluster_symmetry as cluster_symmetry
from msgreen.spinmodel.symmetry.operations import crystal_symmetry as crystal_symmetry
from msgreen.spinmodel.terms import Clusters as Clusters
from msgreen.spinmodel.terms import Term as Term


def __getattr__(name: str):
    """Give names that the list above had once, and say where they are."""
    for part in (fitting, states, symmetry):
        if hasattr(part, name):
            where = f"`{name}` is in `{part.__name__}`: import it from there."
            warnings.warn(where, FutureWarning, stacklevel=2)
            return getattr(part, name)
    raise AttributeError(f"module `{__name__}` has no `{name}`.")
