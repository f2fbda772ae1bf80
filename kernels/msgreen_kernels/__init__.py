"""Numerical kernels for Green functions: arrays in, arrays out, no physics."""

from msgreen_kernels.hankel import hankel1_01 as hankel1_01
from msgreen_kernels.hankel import hankel1e_01 as hankel1e_01
from msgreen_kernels.logdet import slogdet as slogdet
from msgreen_kernels.loop_trace import loop_trace as loop_trace
from msgreen_kernels.sommerfeld import sommerfeld as sommerfeld
