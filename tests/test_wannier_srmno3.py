"""Exchange of SrMnO3 from the files that come with the program, against known numbers."""

import numpy as np
import pytest

from msgreen.config.shipped import SHIPPED
from msgreen.exchange.crystal import crystal_exchange
from msgreen.io.wannier import read_folder, wannier_host
from msgreen.units import BOLTZMANN, MEV

pytestmark = pytest.mark.computing


@pytest.mark.slow
def test_exchange_of_srmno3():
    """Numbers of an independent program, in meV, of one bond of each of three shells."""
    expected = {(1, 0, 0): -6.290966, (1, 1, 0): -0.505976, (2, 0, 0): 0.705603}
    host = wannier_host(
        read_folder(SHIPPED["srmno3"].parent),
        fermi_energy=6.15,
        temperature=600 * BOLTZMANN,
        vertex="onsite",
    )
    pairs = np.array([[1, 1, *cell] for cell in expected])
    found = crystal_exchange(host, pairs, tolerance=1e-3 * MEV)
    # J of that convention is minus half of K.
    values, errors = -found.exchange() / (2 * MEV), found.errors / (2 * MEV)
    assert errors.max() < 5e-4
    assert np.all(np.abs(values - list(expected.values())) < 5e-5)
