"""A Hamiltonian between localised orbitals from whatever file holds it."""

from pathlib import Path

from msgreen import _checks
from msgreen.io.localised.siesta import read_siesta
from msgreen.io.localised.sisl import read_sisl
from msgreen.io.wannier.hamiltonian import WannierHamiltonian


def read_localised(file: str | Path) -> WannierHamiltonian:
    """Read a Hamiltonian with its overlap: `.nc` of SIESTA by itself, all else with sisl.

    Parameters
    ----------
    file : path

    Returns
    -------
    WannierHamiltonian

    Raises
    ------
    InputError
        If sisl is needed and not installed.
    FileFormatError
        See `read_siesta` and `read_sisl`.
    """
    path = _checks.path("file", file)
    return read_siesta(path) if path.suffix == ".nc" else read_sisl(path)
