"""Paper B: Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020).

Rings of spins, tables, trimers and tetramers.
"""

from msgreen.papers.brinker.figures import pattern_figure as pattern_figure
from msgreen.papers.brinker.figures import trimer_figure as trimer_figure
from msgreen.papers.brinker.models import DISTANCES as DISTANCES
from msgreen.papers.brinker.models import TableReading as TableReading
from msgreen.papers.brinker.models import moment as moment
from msgreen.papers.brinker.models import published_model as published_model
from msgreen.papers.brinker.models import tetramer as tetramer
from msgreen.papers.brinker.models import tetramer_parameters as tetramer_parameters
from msgreen.papers.brinker.models import trimer as trimer
from msgreen.papers.brinker.models import trimer_parameters as trimer_parameters
from msgreen.papers.brinker.rings import EffectivePairs as EffectivePairs
from msgreen.papers.brinker.rings import RingEnergy as RingEnergy
from msgreen.papers.brinker.rings import RingParameters as RingParameters
from msgreen.papers.brinker.rings import effective_interactions as effective_interactions
from msgreen.papers.brinker.rings import ring_energy as ring_energy
from msgreen.papers.brinker.rings import ring_model as ring_model
from msgreen.papers.brinker.rings import ring_positions as ring_positions
from msgreen.papers.brinker.rings import ring_states as ring_states
from msgreen.papers.brinker.tables import FIT_ERRORS as FIT_ERRORS
from msgreen.papers.brinker.tables import STRUCTURES as STRUCTURES
