"""Phase and logarithm of determinants."""

from msgreen_kernels.logdet.api import slogdet as slogdet
