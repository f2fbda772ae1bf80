"""Interactions mediated by phonons, another source of the terms (Fransson, arXiv:2604.14731)."""

from msgreen.phonon.closed_forms import acoustic_range as acoustic_range
from msgreen.phonon.closed_forms import chiral_tensors as chiral_tensors
from msgreen.phonon.closed_forms import elastic_range as elastic_range
from msgreen.phonon.closed_forms import optical_range as optical_range
from msgreen.phonon.crystal import HarmonicCrystal as HarmonicCrystal
from msgreen.phonon.mediated import crystal_tensors as crystal_tensors
from msgreen.phonon.mediated import interactions as interactions
from msgreen.phonon.mediated import mode_tensors as mode_tensors
from msgreen.phonon.modes import Modes as Modes
from msgreen.phonon.modes import acoustic as acoustic
from msgreen.phonon.modes import ball as ball
from msgreen.phonon.modes import chiral as chiral
from msgreen.phonon.modes import crystal_modes as crystal_modes
from msgreen.phonon.modes import optical as optical
from msgreen.phonon.modes import thermal_factor as thermal_factor
from msgreen.phonon.springs import Spring as Spring
from msgreen.phonon.springs import helical_chain as helical_chain
from msgreen.phonon.springs import mass_spring as mass_spring
from msgreen.phonon.springs import screw_couplings as screw_couplings
from msgreen.phonon.texture import add_interactions as add_interactions
from msgreen.phonon.texture import ground_state as ground_state
from msgreen.phonon.texture import heisenberg as heisenberg
from msgreen.phonon.texture import ring as ring
