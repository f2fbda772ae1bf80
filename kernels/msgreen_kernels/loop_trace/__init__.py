"""Weighted traces of products of matrices around closed loops."""

from msgreen_kernels.loop_trace.api import loop_trace as loop_trace
