"""Exchange of crystals: pairs, loops and rotations, with sums over k converged for every energy."""

from msgreen.exchange.crystal.anisotropy import SiteAnisotropy as SiteAnisotropy
from msgreen.exchange.crystal.anisotropy import anisotropy_term as anisotropy_term
from msgreen.exchange.crystal.anisotropy import site_anisotropy as site_anisotropy
from msgreen.exchange.crystal.axes import CrystalTensors as CrystalTensors
from msgreen.exchange.crystal.axes import collinear_tensors as collinear_tensors
from msgreen.exchange.crystal.axes import crystal_model as crystal_model
from msgreen.exchange.crystal.axes import whole_tensors as whole_tensors
from msgreen.exchange.crystal.clusters import crystal_clusters as crystal_clusters
from msgreen.exchange.crystal.filling import Filling as Filling
from msgreen.exchange.crystal.filling import electrons_on_meshes as electrons_on_meshes
from msgreen.exchange.crystal.filling import filled as filled
from msgreen.exchange.crystal.four_spins import FourSpins as FourSpins
from msgreen.exchange.crystal.four_spins import four_spins as four_spins
from msgreen.exchange.crystal.four_spins import with_four_spins as with_four_spins
from msgreen.exchange.crystal.loop_model import loop_model as loop_model
from msgreen.exchange.crystal.loops import CrystalLoops as CrystalLoops
from msgreen.exchange.crystal.loops import LoopTerms as LoopTerms
from msgreen.exchange.crystal.loops import crystal_loops as crystal_loops
from msgreen.exchange.crystal.loops import rings_on_meshes as rings_on_meshes
from msgreen.exchange.crystal.pairs import CrystalExchange as CrystalExchange
from msgreen.exchange.crystal.pairs import crystal_exchange as crystal_exchange
from msgreen.exchange.crystal.pairs import crystal_pairs as crystal_pairs
from msgreen.exchange.crystal.pairs import exchange_on_meshes as exchange_on_meshes
from msgreen.exchange.crystal.pairs import total_exchange as total_exchange
from msgreen.exchange.crystal.rotations import crystal_rotations as crystal_rotations
from msgreen.exchange.crystal.traces import goldstone_residual as goldstone_residual
