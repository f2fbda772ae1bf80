"""A Python script that builds the whole model, up to four spins, in magnopy.

E = sum over rows of T S_1 ... S_n with full tensors T, each row once, in meV, unit vectors: chiral
and any other interaction of up to four spins is kept.

References
----------
Documentation of magnopy (magnopy.org), `SpinHamiltonian` and `Convention`, version 0.6.
"""

from pathlib import Path

import numpy as np

from msgreen.io.spin_programs.parts import Parts
from msgreen.io.spin_programs.report import Written
from msgreen.io.spin_programs.text import write_text
from msgreen.units import MEV

ORDER = 4
"""Largest number of spins that magnopy knows."""

_SCRIPT = '''\
"""Spin model written by msgreen for magnopy 0.6 (magnopy.org).

Convention: E = sum over the rows of PARAMETERS of a tensor contracted with its spins, every row
once, plus sign, unit vectors, energies in meV. A row holds the cells of its spins, the numbers of
their atoms, and the entries of the tensor that are not zero, as (i, j, ..., value).
"""

import magnopy
import numpy as np

CELL = {cell}
POSITIONS = {positions}  # fractions of the cell
MOMENTS = {moments}  # in Bohr magnetons, as given to msgreen (1 by default); g = 2
PARAMETERS = [
{rows}
]

constants = dict.fromkeys(
    ["c1", "c21", "c22", "c31", "c32", "c33", "c41", "c42", "c43", "c44", "c45"], 1.0
)
convention = magnopy.Convention(multiple_counting=False, spin_normalized=True, **constants)
atoms = {{
    "names": [f"M{{n}}" for n in range(1, len(POSITIONS) + 1)],
    "positions": POSITIONS,
    "spins": [moment / 2 for moment in MOMENTS],
    "g_factors": [2.0] * len(POSITIONS),
}}
hamiltonian = magnopy.SpinHamiltonian(cell=CELL, atoms=atoms, convention=convention, units="meV")
for nus, alphas, entries in PARAMETERS:
    parameter = np.zeros((3,) * len(alphas))
    for *place, value in entries:
        parameter[tuple(place)] = value
    hamiltonian.add(nus=nus, alphas=alphas, parameter=parameter, when_present="sum")
'''


def write_magnopy_script(parts: Parts, path: Path, moments: np.ndarray) -> Written:
    """Write a Python script that defines `hamiltonian`, a `magnopy.SpinHamiltonian`.

    Parameters
    ----------
    parts : Parts
    path : Path
        Of the script.
    moments : real array, shape (site,)
        In Bohr magnetons.

    Notes
    -----
    Tensors of four spins are written as they are, not resolved into classes.
    """
    held = [term for term in parts.model.terms if term.spin_class.order <= ORDER]
    lost = [term for term in parts.model.terms if term.spin_class.order > ORDER]
    rows = []
    for term in held:
        sites, cells = term.slots()
        cells = np.pad(cells, ((0, 0), (0, 0), (0, 3 - term.dimension)))
        for site, cell, tensor in zip(sites, cells, np.asarray(term.tensor()), strict=True):
            entries = [
                (*map(int, place), float(tensor[tuple(place)] / MEV))
                for place in np.argwhere(tensor)
            ]
            nus = [tuple(n) for n in (cell - cell[0]).tolist()]
            if entries:
                rows.append(f"    ({nus}, {site.tolist()}, {entries}),")
    geometry = parts.geometry
    text = _SCRIPT.format(
        cell=geometry.vectors.tolist(),
        positions=(geometry.positions @ np.linalg.inv(geometry.vectors)).tolist(),
        moments=moments.tolist(),
        rows="\n".join(rows),
    )
    return Written([write_text(path, text.splitlines())], lost)
