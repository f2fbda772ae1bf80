"""Spin models as files of the programs that simulate them, and back.

Each module states the Hamiltonian of its program; sign, count, units and spin length change there
and nowhere else. What a format cannot hold is reported with its share of the energy.
"""

from msgreen.io.native import read_json as read_json
from msgreen.io.native import write_json as write_json
from msgreen.io.spin_programs.assemble import Assembly as Assembly
from msgreen.io.spin_programs.formats import FORMATS as FORMATS
from msgreen.io.spin_programs.formats import export as export
from msgreen.io.spin_programs.formats import read_model as read_model
from msgreen.io.spin_programs.magnopy_text import read_magnopy as read_magnopy
from msgreen.io.spin_programs.report import Export as Export
from msgreen.io.spin_programs.report import Lost as Lost
from msgreen.io.spin_programs.spirit import read_spirit as read_spirit
from msgreen.io.spin_programs.tb2j import read_tb2j as read_tb2j
from msgreen.io.spin_programs.uppasd_input import read_uppasd as read_uppasd
from msgreen.io.spin_programs.vampire import read_vampire as read_vampire
