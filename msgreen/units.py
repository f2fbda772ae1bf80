"""Units: energies in eV, lengths in angstrom, wave vectors in 1/angstrom.

All conversions of foreign units happen in `msgreen.io`; constants come from
`scipy.constants` (CODATA).
"""

from scipy import constants as _c

HBAR2_OVER_ME: float = _c.hbar**2 / _c.m_e / _c.e * 1e20
"""hbar^2 / m_e in eV angstrom^2."""

HBAR_FS: float = _c.hbar / _c.e * 1e15
"""hbar in eV fs."""

MEV: float = 1e-3
"""One meV in eV."""

BOLTZMANN: float = _c.k / _c.e
"""Boltzmann constant in eV/K."""

RYDBERG: float = _c.value("Rydberg constant times hc in eV")
"""One Rydberg in eV."""

BOHR: float = _c.value("Bohr radius") * 1e10
"""One Bohr radius in angstrom."""

BOHR_MAGNETON: float = _c.value("Bohr magneton in eV/T")
"""One Bohr magneton in eV/T."""

JOULE: float = 1 / _c.e
"""One Joule in eV."""
