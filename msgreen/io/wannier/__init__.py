"""Output of Wannier90: Hamiltonians between Wannier functions, crystals and centres.

What the readers return is in eV and angstrom, with degeneracies divided out.
"""

from msgreen.io.wannier.archive import Archive as Archive
from msgreen.io.wannier.archive import read_archive as read_archive
from msgreen.io.wannier.folder import read_folder as read_folder
from msgreen.io.wannier.hamiltonian import Crystal as Crystal
from msgreen.io.wannier.hamiltonian import WannierHamiltonian as WannierHamiltonian
from msgreen.io.wannier.host import odd_rest as odd_rest
from msgreen.io.wannier.host import wannier_host as wannier_host
from msgreen.io.wannier.images import spread as spread
from msgreen.io.wannier.real_space import RealSpace as RealSpace
from msgreen.io.wannier.real_space import read_hr as read_hr
from msgreen.io.wannier.real_space import read_tb as read_tb
from msgreen.io.wannier.structure import CentresFile as CentresFile
from msgreen.io.wannier.structure import WinFile as WinFile
from msgreen.io.wannier.structure import read_centres as read_centres
from msgreen.io.wannier.structure import read_win as read_win
