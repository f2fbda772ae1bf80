"""Figures of sets of interactions, and of spins on clusters with a site in their middle."""

import jax.numpy as jnp
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.quiver import Quiver

from msgreen import ContactCoupling, RashbaGas, compute_interactions, loops, pairs
from msgreen.plot import interaction_figures, interactions_figure, spins_figure
from msgreen.units import MEV

CROSS = jnp.array([[0.0, 0.0], [8.0, 0.0], [-8.0, 0.0], [0.0, 8.0], [0.0, -8.0]])


def found(*kinds):
    gas = RashbaGas(2, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    clusters = [pairs(CROSS) if kind == 2 else loops(CROSS, kind) for kind in kinds]
    return compute_interactions(gas, ContactCoupling(15.48), CROSS, clusters)


def test_interactions_are_drawn_in_mev_on_the_map_and_against_distance():
    result = found(2, 4)
    figure = interactions_figure(result)
    map_, distance, four = figure.axes[:3]
    bonds = next(c for c in map_.collections if isinstance(c, LineCollection))
    exchange = np.asarray(result["pair"].coefficients["J_iso"].value) / MEV
    assert np.isclose(np.abs(bonds.get_array()).max(), np.abs(exchange).max())
    arrows = next(c for c in map_.collections if isinstance(c, Quiver))
    vectors = np.asarray(result["pair"].coefficients["D"].value) / MEV
    assert np.isclose(np.hypot(arrows.U, arrows.V).max(), np.linalg.norm(vectors, axis=1).max())
    shown = distance.lines[1]
    assert np.allclose(sorted(shown.get_ydata()), sorted(exchange))
    assert np.isclose(min(shown.get_xdata()), 8.0) and np.isclose(max(shown.get_xdata()), 16.0)
    assert four.get_yscale() == "log" and len(four.lines) == 2


def test_panels_without_numbers_are_left_out():
    assert len(interactions_figure(found(2)).axes) == 3  # map, its colours, distance
    assert set(interaction_figures(found(2))) == {"interactions"}
    assert interaction_figures(found(4)) == {}


def test_spins_have_bonds_of_neighbours_and_a_label_each():
    """A site in the middle of the others, from which no direction points away."""
    spins = np.eye(3)[[0, 1, 2, 0, 1]]
    figure = spins_figure({"one": (CROSS, spins), "two": (CROSS, -spins)})
    above = figure.axes[0]
    bonds = next(c for c in above.collections if isinstance(c, LineCollection))
    assert len(bonds.get_segments()) == 2 * 4
    labels = [text.get_text() for text in above.texts]
    assert labels == [rf"${angle:.1f}^\circ$" for angle in (90, 90, 0, 90, 90)]
    low, high = above.get_xlim()
    assert all(low < text.get_position()[0] < high for text in above.texts)
