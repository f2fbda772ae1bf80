"""Conventions: factors per cluster, identities, and what paper B says of its own."""

import numpy as np
import pytest

from msgreen import BRINKER, LOUNIS, NEUTRAL, OUASSOU, SpinConvention
from msgreen.convention import CONVENTIONS, convention
from msgreen.errors import InputError

# order, number of sites, multiplicity
PAIR, BIQUADRATIC, THREE, FOUR, SIX = (2, 2, 2), (4, 2, 2), (4, 3, 4), (4, 4, 8), (6, 6, 12)


def test_factors_of_paper_l():
    """Minus sign, sum over all orders of the sites: a bond carries -2 J."""
    factors = [float(LOUNIS.factor(*kind)) for kind in (PAIR, BIQUADRATIC, THREE, FOUR, SIX)]
    assert factors == [-2, -2, -4, -8, -12]


def test_factors_of_the_others():
    assert all(NEUTRAL.factor(*kind) == 1 for kind in (PAIR, BIQUADRATIC, THREE, FOUR, SIX))
    assert [float(BRINKER.factor(*k)) for k in (PAIR, BIQUADRATIC, THREE, FOUR)] == [1, 1, 1, 1]
    assert OUASSOU.factor(*PAIR) == 1


def test_factor_of_many_clusters():
    np.testing.assert_array_equal(LOUNIS.factor(4, 4, np.array([8, 8])), [-8, -8])


def test_ferromagnet_and_antiferromagnets_of_a_trimer():
    """B: E = 3(J + B + B3) for parallel spins, -J + 3B - B3 for one turned over, and the
    planar Neel state -3J/2 + 3(B + B3)/4, with one term per pair and per three-site chain.
    """
    angle = 2 * np.pi * np.arange(3) / 3
    states = {
        "parallel": np.tile([0, 0, 1.0], (3, 1)),
        "turned": np.array([[0, 0, 1.0], [0, 0, 1.0], [0, 0, -1.0]]),
        "neel": np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1),
    }
    expected = {"parallel": (3, 3, 3), "turned": (-1, 3, -1), "neel": (-1.5, 0.75, 0.75)}
    for name, spins in states.items():
        dot = spins @ spins.T
        pairs = [(0, 1), (0, 2), (1, 2)]
        chains = [(1, 0, 2), (0, 1, 2), (0, 2, 1)]
        sums = (
            sum(BRINKER.factor(*PAIR) * dot[i, j] for i, j in pairs),
            sum(BRINKER.factor(*BIQUADRATIC) * dot[i, j] ** 2 for i, j in pairs),
            sum(BRINKER.factor(*THREE) * dot[i, j] * dot[j, k] for i, j, k in chains),
        )
        np.testing.assert_allclose(sums, expected[name], atol=1e-14)


def test_spin_length():
    long = SpinConvention("S = 5/2", spin_length=2.5)
    np.testing.assert_allclose([long.factor(*PAIR), long.factor(*FOUR)], [2.5**2, 2.5**4])


def test_names():
    assert set(CONVENTIONS) == {"neutral", "L", "B", "O"}
    assert all(convention(name).name == name for name in CONVENTIONS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: convention("X"), "`convention` must be a SpinConvention or one of neutral, L, B"),
        (lambda: convention(["L"]), "or one of neutral"),
        (lambda: SpinConvention("c", sign=0), "`sign` must be 1 or -1, but it is 0"),
        (lambda: SpinConvention("c", spin_length=0.0), "`spin_length` must be greater than zero"),
        (lambda: SpinConvention("c", spin_length=np.nan), "`spin_length` must be finite"),
        (lambda: BRINKER.factor(*SIX), "`convention` must define interactions of 6 sites, but 'B'"),
        (lambda: OUASSOU.factor(*THREE), "does not. Use the convention NEUTRAL or LOUNIS"),
    ],
)
def test_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
