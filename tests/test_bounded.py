"""What would never end is counted first, and the number is said."""

import math
import re
import time

import numpy as np
import pytest
from test_damaged_files import TEXTS

from msgreen import contracted_loops, loops
from msgreen.clusters import LARGEST_COUNT
from msgreen.config import read_config
from msgreen.errors import ConfigError, InputError
from msgreen.lattice import Lattice, Region
from msgreen.lattice.geometry import LARGEST_REGION
from msgreen.papers.runs import KINDS

SITES = 10 * np.random.default_rng(0).random((60, 3))


@pytest.mark.parametrize("bounds", [{}, {"cutoff": 100.0}])
def test_loops_are_counted_before_they_are_enumerated(bounds):
    begin = time.process_time()
    with pytest.raises(
        InputError, match=f"at most {LARGEST_COUNT} loops, but there are 3003831600"
    ):
        loops(SITES, 6, **bounds)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize("order", [3, 4, 5, 6])
def test_number_of_loops_without_bounds(order):
    """What is said is what is found."""
    found = loops(SITES[:9], order)
    assert len(found) == math.perm(9, order) // (2 * order)
    assert len(np.unique(found, axis=0)) == len(found)


def test_loops_within_bounds_are_counted_on_the_way(monkeypatch):
    monkeypatch.setattr("msgreen.clusters.LARGEST_COUNT", 1000)
    assert len(loops(SITES[:9], 4)) == 378
    with pytest.raises(InputError, match="at most 1000 loops, but there are at least"):
        loops(SITES, 4, perimeter=30.0)
    with pytest.raises(InputError, match="at most 1000 loops, but there are 102660"):
        contracted_loops(SITES, "three_site")


def test_sites_of_a_piece_of_a_lattice_are_counted():
    with pytest.raises(InputError, match=rf"at most {LARGEST_REGION} sites, but .* are 1399986\."):
        Region(Lattice.honeycomb(), (99999, 7))


def test_shells_of_vectors_that_are_far_from_short():
    begin = time.process_time()
    with pytest.raises(InputError, match="`vectors` must be about as short as"):
        Lattice([[1.0, 1979.0], [0.0, 1.0]]).shells(1)
    assert time.process_time() - begin < 10
    assert len(Lattice.cubic().shells(100)) == 100
    assert Lattice([[1.0, 3.0], [0.0, 1.0]]).shells(1)[0].distance == 1.0


@pytest.mark.parametrize(
    ("kind", "old", "new", "said"),
    [
        (
            "rashba",
            "count = 5",
            "count = 1000000000",
            "line 13: Argument `scan.count` must be",
        ),
        ("rashba", "count = 5", "step = 1e-9", "line 13: Argument `scan.step` must leave at most"),
        ("vibrating_pair", "count = 5", "count = 99999", "line 8: Argument `map.count` must be"),
        ("phonons", "mesh = [9]", "mesh = [99999999]", "must have at most 10000000 points times"),
        (
            "lattice",
            "size = [4, 4]",
            "size = [99999, 7]",
            "line 10: Argument `host.size` must describe at most 250000 sites, but (99999, 7)",
        ),
    ],
)
def test_sizes_in_configurations(kind, old, new, said, tmp_path):
    assert old in TEXTS[kind]
    (tmp_path / "run.toml").write_text(TEXTS[kind].replace(old, new))
    with pytest.raises(ConfigError, match=re.escape(said)):
        read_config(tmp_path / "run.toml", KINDS)
