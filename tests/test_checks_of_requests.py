"""Checks of what is asked of hosts, scatterers, hopping models and crystals, each by itself."""

import jax.numpy as jnp
import numpy as np
import pytest

from msgreen.errors import InputError
from msgreen.hosts.base import checked_blocks
from msgreen.hosts.tight_binding import TightBinding
from msgreen.lattice import Lattice, shell_model
from msgreen.lattice.model import check_cells
from msgreen.phonon.mediated import check_request
from msgreen.phonon.springs import helical_chain
from msgreen.scattering.contact import ContactCoupling, check_orbitals, check_scatterer
from msgreen.spin.algebra import Green

Z = jnp.array([0.5j])
SITES, PAIRS = np.array([[0, 0], [1, 0]]), np.array([[0, 1]])


def test_blocks_of_another_shape_are_refused(monkeypatch):
    host = TightBinding(shell_model(Lattice.chain(), [-1.0]), temperature=0.1)
    green, coarse = checked_blocks(host, Z, SITES, PAIRS)
    assert green.A.shape == (1, 1, 1, 1) and coarse is not None
    short = Green(green.A[:, :0], green.B[:, :0])
    monkeypatch.setattr(TightBinding, "blocks_and_coarse", lambda *_: (short, None))
    with pytest.raises(InputError, match="`host` must return blocks of shape .* TightBinding"):
        checked_blocks(host, Z, SITES, PAIRS)


def test_cells_are_rows_of_integers():
    assert check_cells([[0, 1], [0, -1]]) == ((0, 1), (0, -1))
    for wrong in ([0, 1], [[0.5, 1.0]], [["a", "b"]], np.zeros((0, 2), int)):
        with pytest.raises(InputError, match="`cells`"):
            check_cells(wrong)


def test_scatterers_have_the_orbitals_of_the_host():
    check_orbitals(2, 2)
    check_scatterer(ContactCoupling(0.5, 2), Z, 2, 2)
    with pytest.raises(InputError, match="`scatterer` must have the 2 orbitals of the host"):
        check_orbitals(1, 2)
    with pytest.raises(InputError, match="`scatterer` must have the 3 orbitals of the host"):
        check_scatterer(ContactCoupling(0.5, 2), Z, 2, 3)


def test_requests_to_a_crystal_are_checked_before_they_take_time():
    chain = helical_chain(
        4, radius=1.0, pitch=3.0, mass=50.0, springs=[(1, 5.0, 1.0), (2, 2.0, 0.5)], pinning=0.3
    )
    couplings = np.ones((4, 3, 3))
    sites = [(0, 0), (1, 2)]
    rows, pairs, found = check_request(chain, couplings, sites, [(0, 1)], [9])
    assert rows.shape == (2, 2) and pairs.shape == (1, 2) and found.shape == (4, 3, 3)
    with pytest.raises(InputError, match="`couplings`"):
        check_request(chain, couplings[:2], sites, [(0, 1)], [9])
    with pytest.raises(InputError, match="`pairs`"):
        check_request(chain, couplings, sites, [(0, 2)], [9])
