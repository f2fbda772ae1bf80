"""Magnetic exchange beyond Heisenberg from Green functions, differentiable in JAX."""

from msgreen._threads import limit_blas_threads as limit_blas_threads
from msgreen.clusters import contracted_loops as contracted_loops
from msgreen.clusters import loops as loops
from msgreen.clusters import multiplicity as multiplicity
from msgreen.clusters import pairs as pairs
from msgreen.contour import Contour as Contour
from msgreen.contour import fermi_line as fermi_line
from msgreen.contour import imaginary_axis as imaginary_axis
from msgreen.contour import matsubara as matsubara
from msgreen.contour import semicircle as semicircle
from msgreen.contour import user_contour as user_contour
from msgreen.convention import BRINKER as BRINKER
from msgreen.convention import LOUNIS as LOUNIS
from msgreen.convention import NEUTRAL as NEUTRAL
from msgreen.convention import OUASSOU as OUASSOU
from msgreen.convention import SpinConvention as SpinConvention
from msgreen.energy.bound_states import bound_states as bound_states
from msgreen.energy.lloyd import LloydEnergy as LloydEnergy
from msgreen.energy.spin_pairs import SpinPairs as SpinPairs
from msgreen.exchange.calibration import calibrated_coupling as calibrated_coupling
from msgreen.exchange.calibration import first_minimum as first_minimum
from msgreen.exchange.closed_forms import coefficients as coefficients
from msgreen.exchange.closed_forms import energy_by_order as energy_by_order
from msgreen.exchange.closed_forms import pattern_coefficient as pattern_coefficient
from msgreen.exchange.compute import compute_interactions as compute_interactions
from msgreen.exchange.derivatives import closed_hessian as closed_hessian
from msgreen.exchange.derivatives import closed_multilinear_tensor as closed_multilinear_tensor
from msgreen.exchange.derivatives import closed_rotation_tensor as closed_rotation_tensor
from msgreen.exchange.derivatives import effective_field as effective_field
from msgreen.exchange.derivatives import hessian as hessian
from msgreen.exchange.derivatives import multilinear_tensor as multilinear_tensor
from msgreen.exchange.derivatives import rotation_tensor as rotation_tensor
from msgreen.exchange.derivatives import torque as torque
from msgreen.exchange.loops import loop_energies as loop_energies
from msgreen.exchange.loops import loop_tensors as loop_tensors
from msgreen.hosts.base import AbstractHost as AbstractHost
from msgreen.hosts.base import green_matrix as green_matrix
from msgreen.hosts.cluster import ClusterHost as ClusterHost
from msgreen.hosts.finite_lattice import FiniteLattice as FiniteLattice
from msgreen.hosts.rashba import RashbaGas as RashbaGas
from msgreen.hosts.superconductor import Superconductor as Superconductor
from msgreen.hosts.tight_binding import TightBinding as TightBinding
from msgreen.io import read_netcdf as read_netcdf
from msgreen.io import write_csv as write_csv
from msgreen.io import write_netcdf as write_netcdf
from msgreen.lattice import HoppingModel as HoppingModel
from msgreen.lattice import Lattice as Lattice
from msgreen.lattice import Region as Region
from msgreen.lattice import hopping_model as hopping_model
from msgreen.lattice import shell_model as shell_model
from msgreen.lattice.nambu import Pairing as Pairing
from msgreen.lattice.nambu import d_wave as d_wave
from msgreen.lattice.nambu import p_wave as p_wave
from msgreen.lattice.nambu import s_wave as s_wave
from msgreen.scattering.contact import AbstractScatterer as AbstractScatterer
from msgreen.scattering.contact import ContactCoupling as ContactCoupling
from msgreen.spin.algebra import Green as Green
from msgreen.spin.algebra import decompose as decompose
from msgreen.spin.algebra import direction as direction
from msgreen.spinmodel.interactions import Interactions as Interactions

__version__ = "0.1.0"

limit_blas_threads()
