"""Hankel functions H0 and H1 of the first kind."""

from msgreen_kernels.hankel.api import hankel1_01 as hankel1_01
from msgreen_kernels.hankel.api import hankel1e_01 as hankel1e_01
