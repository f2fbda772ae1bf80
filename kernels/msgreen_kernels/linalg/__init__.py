"""Inverses, solutions and spectra of batches of matrices."""

from msgreen_kernels.linalg.api import eigh as eigh
from msgreen_kernels.linalg.api import eigvalsh as eigvalsh
from msgreen_kernels.linalg.api import inverse as inverse
from msgreen_kernels.linalg.api import resolvent as resolvent
from msgreen_kernels.linalg.api import solve as solve
