"""Published spin models: trimers and tetramers of paper B.

The tables are at hand without their heads, so that the meaning of columns had to be worked out.
For Tables 4 and 5 (first block) symmetry and prose leave one reading only; what stays open is a
`TableReading`, with the prose in favour of its defaults in docs/published_models.md.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from msgreen._precision import require_x64
from msgreen.errors import InputError
from msgreen.papers.brinker import tables
from msgreen.papers.brinker.rings import RingParameters, ring_model
from msgreen.spinmodel.model import SpinModel
from msgreen.units import MEV

DISTANCES: Mapping[str, float] = MappingProxyType(
    {"Pt(111)": 2.77, "Re(0001)": 2.76, "Au(111)": 2.88, "Pt(001)": 2.77}
)
"""Between neighbouring atoms of the surface in angstrom, rounded; energies do not depend on it."""


class TableReading(NamedTuple):
    """How to read what the tables of paper B leave open.

    Attributes
    ----------
    multisite : str
        Columns of the second block of Table 5. "by sites": two B3, nine components of C3, two B4,
        C4^y, C4^z, C4 of the diagonals; "isotropic first": two B3, two B4, nine C3, three C4.
    four_site : float
        Prefactor of the sum over ordered quadruples in Eq. 1: 1/8 or 1/4.
    diagonal : str
        Atoms of the chiral three-site vector with the cross product on a diagonal: "132" or "243".
    matrices : str
        Components of K and dJ in Tables 6 and 7. "by rows": yy, yz, zz; "diagonal first": yy, zz,
        yz (for the square xx for yy, and xz for yz of K).

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Tables 5-7.
    """

    multisite: str = "by sites"
    four_site: float = 0.125
    diagonal: str = "132"
    matrices: str = "by rows"

    def check(self) -> None:
        """Raise InputError unless every choice is one of those listed."""
        choices = {
            "multisite": ("by sites", "isotropic first"),
            "four_site": (0.125, 0.25),
            "diagonal": ("132", "243"),
            "matrices": ("by rows", "diagonal first"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"Argument `reading` must have `{name}` {allowed[0]!r} or {allowed[1]!r}, but "
                    f"it is {getattr(self, name)!r}."
                )


def trimer_parameters(
    surface: str, element: str, *, reading: TableReading | None = None
) -> RingParameters:
    """Return the interactions of a trimer in eV.

    Parameters
    ----------
    surface : str
        "Pt(111)", "Re(0001)" or "Au(111)".
    element : str
        "Cr", "Mn", "Fe" or "Co".
    reading : TableReading, optional

    Raises
    ------
    InputError
        If the table has no such system.

    Notes
    -----
    Columns of Table 4: J, D^y, D^z, B, C^y, C^z, B3, C3^x, C3^y, C3^z.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Tables 4 and 6.
    """
    reading = _checked(reading)
    row = MEV * _row(tables.TRIMERS, f"{element}3/{surface}")
    matrix = MEV * _row(tables.TRIMER_MATRICES, f"{element}3/{surface}")
    return _in_jax(
        J=row[:1],
        D=np.array([[0, *row[1:3]]]),
        B=row[3:4],
        C=np.array([[0, *row[4:6]]]),
        B3=row[6:7],
        C3=row[None, 7:],
        B4=np.zeros(0),
        C4=np.zeros((0, 3)),
        K=_in_mirror_plane(matrix[:3], reading),
        dJ=_in_mirror_plane(matrix[3:], reading)[None],
    )


def tetramer_parameters(element: str, *, reading: TableReading | None = None) -> RingParameters:
    """Return the interactions of a tetramer on Pt(001) in eV.

    Parameters
    ----------
    element : str
        "Cr" or "Fe".
    reading : TableReading, optional

    Raises
    ------
    InputError
        If the table has no such system.

    Notes
    -----
    Columns of the first block of Table 5: J1, J2, D1^y, D1^z, D2, B1, B2, C1^y, C1^z, C2, where 1
    is the edge 1-2 and 2 the diagonal 1-3, whose vectors are (D2, -D2, 0) and (C2, -C2, 0).

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Tables 5 and 7.
    """
    reading = _checked(reading)
    system = f"{element}4/Pt(001)"
    pair = MEV * _row(tables.TETRAMER_PAIRS, system)
    multi = MEV * _row(tables.TETRAMER_MULTISITE, system)
    matrix = MEV * _row(tables.TETRAMER_MATRICES, system)
    first = reading.multisite == "by sites"
    B4, C3 = (multi[11:13], multi[2:11]) if first else (multi[2:4], multi[4:13])
    C3 = C3.reshape(3, 3)
    if reading.diagonal == "243":
        x, y, z = C3[2]
        C3 = np.array([C3[0], C3[1], [y, -x, z]])  # turned back by 90 degrees
    scale = reading.four_site / 0.125
    return _in_jax(
        J=pair[:2],
        D=np.array([[0, *pair[2:4]], _across(pair[4])]),
        B=pair[5:7],
        C=np.array([[0, *pair[7:9]], _across(pair[9])]),
        B3=multi[:2],
        C3=C3,
        B4=scale * B4,
        C4=scale * np.array([[0, *multi[13:15]], _across(multi[15])]),
        K=_on_diagonal(matrix[:3], reading),
        dJ=np.array(
            [
                _in_mirror_plane(matrix[3:6], reading),
                _on_diagonal(np.array([matrix[6], 0, matrix[7]]), TableReading()),
            ]
        ),
    )


def trimer(
    surface: str, element: str, *, anisotropy: bool = False, reading: TableReading | None = None
) -> SpinModel:
    """Return the spin model of a trimer, see `trimer_parameters`.

    Parameters
    ----------
    surface, element : str
    anisotropy : bool
        Whether on-site and exchange anisotropy are included.
    reading : TableReading, optional

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> up = [[0.0, 0.0, 1.0]] * 3
    >>> round(float(trimer("Pt(111)", "Cr").energy(up)), 5)
    0.22746
    """
    parameters = trimer_parameters(surface, element, reading=reading)
    return ring_model(parameters, distance=DISTANCES[surface], anisotropy=anisotropy)


def tetramer(
    element: str, *, anisotropy: bool = False, reading: TableReading | None = None
) -> SpinModel:
    """Return the spin model of a tetramer on Pt(001), see `tetramer_parameters`.

    Parameters
    ----------
    element : str
    anisotropy : bool
        Whether on-site and exchange anisotropy are included.
    reading : TableReading, optional
    """
    parameters = tetramer_parameters(element, reading=reading)
    return ring_model(parameters, distance=DISTANCES["Pt(001)"], anisotropy=anisotropy)


def moment(surface: str, element: str) -> float:
    """Return the magnetic moment of each atom of a trimer or tetramer in Bohr magnetons.

    It is that of the calculations the spin model was fitted to. Spin waves, temperatures and
    exported files need it: the energies themselves are those of unit vectors.

    Parameters
    ----------
    surface : str
        "Pt(111)", "Re(0001)" or "Au(111)" of a trimer, "Pt(001)" of a tetramer.
    element : str

    Raises
    ------
    InputError
        If the table has no such system.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Table 2, whose heads
    were not at hand: the moments are the last column.

    Examples
    --------
    >>> moment("Pt(001)", "Fe")
    3.19
    """
    count = 4 if surface == "Pt(001)" else 3
    return float(_row(tables.STRUCTURES, f"{element}{count}/{surface}")[3])


def _checked(reading: TableReading | None) -> TableReading:
    require_x64("RingParameters")
    reading = TableReading() if reading is None else reading
    reading.check()
    return reading


def _in_jax(**values) -> RingParameters:
    return RingParameters(**{name: jnp.asarray(value, float) for name, value in values.items()})


def _row(table: Mapping[str, np.ndarray], system: str) -> np.ndarray:
    if system not in table:
        raise InputError(
            f"Argument `element` must name a system of {', '.join(table)}, but {system} is none."
        )
    return table[system]


def _across(value: float) -> list[float]:
    """Return the vector of the diagonal 1-3, perpendicular to it and in the plane."""
    return [value, -value, 0.0]


def _order(values: np.ndarray, reading: TableReading) -> np.ndarray:
    """Return the entries in the plane, mixed and along z."""
    return values if reading.matrices == "by rows" else values[[0, 2, 1]]


def _in_mirror_plane(values: np.ndarray, reading: TableReading) -> np.ndarray:
    """Return a matrix with eigenvector x of eigenvalue zero (B 49, 50)."""
    yy, yz, zz = _order(values, reading)
    return np.array([[0, 0, 0], [0, yy, yz], [0, yz, zz]])


def _on_diagonal(values: np.ndarray, reading: TableReading) -> np.ndarray:
    """Return a matrix with eigenvector (1, -1, 0) of eigenvalue zero (B 51, 52)."""
    xx, xz, zz = _order(values, reading)
    return np.array([[xx, xx, xz], [xx, xx, xz], [xz, xz, zz]])


def published_model(name: str) -> SpinModel | None:
    """Return a model of paper B by a name such as "Cr3/Pt(111)", or None for the name of a file.

    Raises
    ------
    InputError
        If paper B has no such system, and the name is not that of a file either.
    """
    match = re.fullmatch(r"([A-Z][a-z]?)([34])/([A-Z][a-z]?\(\d+\))", name)
    if match is None:
        if Path(name).suffix or Path(name).exists():
            return None
        known = ", ".join([*tables.TRIMERS, *tables.TETRAMER_PAIRS])
        raise InputError(
            f"Argument `model` must be a file or one of {known}, but it is {name!r}. Check its "
            "spelling."
        )
    element, count, surface = match.groups()
    if count == "3":
        return trimer(surface, element, anisotropy=True)
    if surface != "Pt(001)":
        raise InputError(
            f"Argument `name` must be a tetramer on Pt(001), but it is {name!r}. "
            "Paper B has Cr4/Pt(001) and Fe4/Pt(001)."
        )
    return tetramer(element, anisotropy=True)
