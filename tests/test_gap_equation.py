"""Self-consistent pair potentials, and temperature as a parameter of what they do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattices import paper_superconductor

from msgreen import ContactCoupling, SpinPairs, matsubara
from msgreen.errors import InputError

COUPLING = ContactCoupling(-1.5, orbitals=2)
NEIGHBOURS = np.array([[3, 3, 0], [4, 3, 0]])


def test_derivative_of_the_dmi_with_respect_to_temperature():
    def dmi(temperature):
        host = paper_superconductor(7, temperature=temperature, singlet=0.2, triplet=0.3)
        contour = matsubara(temperature, 0.0, ratio=1024.0, accuracy=1e-12)
        return SpinPairs(host, COUPLING, NEIGHBOURS, [[0, 1]], contour).fit().D[0, 2]

    value, slope = jax.jit(jax.value_and_grad(dmi))(0.05)
    step = 1e-4
    far, near = ([float(dmi(0.05 + s * h)) for s in (1, -1)] for h in (2 * step, step))
    expected = (8 * (near[0] - near[1]) - (far[0] - far[1])) / (12 * step)
    assert slope == pytest.approx(expected, rel=1e-7)
    # The contour of the host covers the same levels with another rule.
    host = paper_superconductor(7, temperature=jnp.array(0.05), singlet=0.2, triplet=0.3)
    found = SpinPairs(host, COUPLING, NEIGHBOURS, [[0, 1]]).fit().D[0, 2]
    assert value == pytest.approx(float(found), abs=1e-10)


def test_contour_of_a_traced_temperature_must_be_given():
    def energy(temperature):
        host = paper_superconductor(5, temperature=temperature)
        return host.contour([[0, 0, 0]]).weights[0].imag

    with pytest.raises(InputError, match="`contour` must be given while JAX traces the temp"):
        jax.grad(energy)(0.1)
