"""Contours: which energies, with which weights, and how far off the integral may be."""

from msgreen.contour.axis import imaginary_axis as imaginary_axis
from msgreen.contour.axis import matsubara as matsubara
from msgreen.contour.axis import matsubara_sum as matsubara_sum
from msgreen.contour.axis import user_contour as user_contour
from msgreen.contour.base import Contour as Contour
from msgreen.contour.base import largest_phase_step as largest_phase_step
from msgreen.contour.base import unwrap_logdet as unwrap_logdet
from msgreen.contour.paths import fermi_line as fermi_line
from msgreen.contour.paths import semicircle as semicircle
