"""Magnetic exchange beyond Heisenberg from Green functions, differentiable in JAX."""

from msgreen._threads import limit_blas_threads as limit_blas_threads
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
from msgreen.exchange import coefficients as coefficients
from msgreen.exchange import compute_interactions as compute_interactions
from msgreen.exchange import energy_by_order as energy_by_order
from msgreen.exchange import pattern_coefficient as pattern_coefficient
from msgreen.hosts.base import AbstractHost as AbstractHost
from msgreen.hosts.base import green_matrix as green_matrix
from msgreen.hosts.cluster import ClusterHost as ClusterHost
from msgreen.hosts.rashba import RashbaGas as RashbaGas
from msgreen.interactions import Interactions as Interactions
from msgreen.io import read_netcdf as read_netcdf
from msgreen.io import write_csv as write_csv
from msgreen.io import write_netcdf as write_netcdf
from msgreen.lloyd import LloydEnergy as LloydEnergy
from msgreen.plaquette import loop_energies as loop_energies
from msgreen.plaquette import loop_tensors as loop_tensors
from msgreen.rotation import closed_hessian as closed_hessian
from msgreen.rotation import closed_multilinear_tensor as closed_multilinear_tensor
from msgreen.rotation import closed_rotation_tensor as closed_rotation_tensor
from msgreen.rotation import effective_field as effective_field
from msgreen.rotation import hessian as hessian
from msgreen.rotation import multilinear_tensor as multilinear_tensor
from msgreen.rotation import rotation_tensor as rotation_tensor
from msgreen.rotation import torque as torque
from msgreen.scan import calibrated_coupling as calibrated_coupling
from msgreen.scan import equidistant_scan as equidistant_scan
from msgreen.scan import first_minimum as first_minimum
from msgreen.scattering import AbstractScatterer as AbstractScatterer
from msgreen.scattering import ContactCoupling as ContactCoupling
from msgreen.spin import Green as Green
from msgreen.spin import decompose as decompose
from msgreen.spin import direction as direction
from msgreen.structure import contracted_loops as contracted_loops
from msgreen.structure import loops as loops
from msgreen.structure import multiplicity as multiplicity
from msgreen.structure import pairs as pairs

__version__ = "0.1.0"

limit_blas_threads()
