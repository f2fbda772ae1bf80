"""Spin models fitted to energies and constraining fields of sampled configurations."""

from msgreen.spinmodel.fitting.design import all_clusters as all_clusters
from msgreen.spinmodel.fitting.fit import LADDER as LADDER
from msgreen.spinmodel.fitting.fit import CrossValidation as CrossValidation
from msgreen.spinmodel.fitting.fit import FitErrors as FitErrors
from msgreen.spinmodel.fitting.fit import FitResult as FitResult
from msgreen.spinmodel.fitting.fit import cross_validate as cross_validate
from msgreen.spinmodel.fitting.fit import fit as fit
from msgreen.spinmodel.fitting.fit import fit_by_class as fit_by_class
from msgreen.spinmodel.fitting.matching import MatchResult as MatchResult
from msgreen.spinmodel.fitting.matching import match_derivatives as match_derivatives
from msgreen.spinmodel.fitting.matching_derivatives import Derivatives as Derivatives
from msgreen.spinmodel.fitting.matching_derivatives import derivatives_at as derivatives_at
from msgreen.spinmodel.fitting.sampling import Configurations as Configurations
from msgreen.spinmodel.fitting.sampling import Samples as Samples
from msgreen.spinmodel.fitting.sampling import constraining_fields as constraining_fields
from msgreen.spinmodel.fitting.sampling import cube_directions as cube_directions
from msgreen.spinmodel.fitting.sampling import cube_weights as cube_weights
from msgreen.spinmodel.fitting.sampling import (
    inequivalent_configurations as inequivalent_configurations,
)
from msgreen.spinmodel.fitting.sampling import sample_directions as sample_directions
from msgreen.spinmodel.fitting.tilts import TiltErrors as TiltErrors
from msgreen.spinmodel.fitting.tilts import tilt_errors as tilt_errors
