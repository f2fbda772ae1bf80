"""Hamiltonians between orbitals that overlap, of SIESTA and of all programs that sisl reads."""

from msgreen.io.localised.files import read_localised as read_localised
from msgreen.io.localised.siesta import read_siesta as read_siesta
from msgreen.io.localised.sisl import from_sisl as from_sisl
from msgreen.io.localised.sisl import read_sisl as read_sisl
from msgreen.io.localised.sparse import Elements as Elements
from msgreen.io.localised.sparse import assembled as assembled
