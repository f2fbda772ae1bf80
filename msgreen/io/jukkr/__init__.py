"""Output of the Juelich KKR code: Green functions, t-matrices, structure and exchange tables.

Files are in Rydberg, Bohr radii and units of the lattice constant, with spin down first; what the
readers return is in eV and angstrom, with spin up first.
"""

from msgreen.io.jukkr.exchange import ExchangeTable as ExchangeTable
from msgreen.io.jukkr.exchange import read_jij as read_jij
from msgreen.io.jukkr.folder import FILES as FILES
from msgreen.io.jukkr.folder import Run as Run
from msgreen.io.jukkr.folder import check_folder as check_folder
from msgreen.io.jukkr.folder import example as example
from msgreen.io.jukkr.folder import read_folder as read_folder
from msgreen.io.jukkr.folder import read_host as read_host
from msgreen.io.jukkr.green import GreenFile as GreenFile
from msgreen.io.jukkr.green import read_green as read_green
from msgreen.io.jukkr.structure import AtomInfo as AtomInfo
from msgreen.io.jukkr.structure import HostStructure as HostStructure
from msgreen.io.jukkr.structure import read_angles as read_angles
from msgreen.io.jukkr.structure import read_atominfo as read_atominfo
from msgreen.io.jukkr.structure import read_hoststructure as read_hoststructure
from msgreen.io.jukkr.structure import read_lattice_constant as read_lattice_constant
from msgreen.io.jukkr.tmat import TMatrixFile as TMatrixFile
from msgreen.io.jukkr.tmat import read_tmat as read_tmat
