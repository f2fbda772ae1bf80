"""Paper F2: Fransson, Vibrationally induced magnetism in supramolecular aggregates (2023)."""

from msgreen.papers.fransson.figures import displacement_figure as displacement_figure
from msgreen.papers.fransson.figures import field_map_figure as field_map_figure
from msgreen.papers.fransson.figures import level_figure as level_figure
from msgreen.papers.fransson.figures import site_moment_figure as site_moment_figure
from msgreen.papers.fransson.figures import temperature_map_figure as temperature_map_figure
from msgreen.papers.fransson.pair import SpinPair as SpinPair
from msgreen.papers.fransson.pair import free_energy as free_energy
from msgreen.papers.fransson.pair import levels as levels
from msgreen.papers.fransson.pair import site_moments as site_moments
from msgreen.papers.fransson.pair import total_moment as total_moment
from msgreen.papers.fransson.phase_diagram import MeanField as MeanField
from msgreen.papers.fransson.phase_diagram import exchange_field_map as exchange_field_map
from msgreen.papers.fransson.phase_diagram import (
    exchange_temperature_map as exchange_temperature_map,
)
from msgreen.papers.fransson.phase_diagram import ground_state_crossovers as ground_state_crossovers
from msgreen.papers.fransson.phase_diagram import mean_displacement as mean_displacement
from msgreen.papers.fransson.phase_diagram import mean_field as mean_field
from msgreen.papers.fransson.phase_diagram import moment_per_site as moment_per_site
