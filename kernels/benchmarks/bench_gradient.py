"""Cost of gradients: all positions and host parameters, against the value, in the same run.

Twenty-four spins on a two-dimensional Rashba gas. The bound of reverse mode is 3 to 4: every
product of the value becomes two on the way back, and what the way forward computed is stored or
done again.
"""

from _measure import header, milliseconds  # isort: skip

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import msgreen


def main():
    header()
    rng = np.random.default_rng(1)
    side = np.stack(np.meshgrid(np.arange(6), np.arange(4)), axis=-1).reshape(-1, 2)
    sites = jnp.asarray(6.0 * side + rng.uniform(-0.5, 0.5, side.shape))
    spins = rng.normal(size=(len(sites), 3))
    spins = jnp.asarray(spins / np.linalg.norm(spins, axis=1, keepdims=True))
    gas = msgreen.RashbaGas(
        2,
        effective_mass=0.26,
        fermi_wavevector=0.167,
        rashba_wavevector=0.0135,
        momentum_cutoff=1.0,
    )
    contour_length = (10.0, 120.0)
    coupling = msgreen.ContactCoupling(10.0)
    rings = msgreen.loops(np.asarray(sites), 4, cutoff=13.5)

    def lloyd_energy(parameters):
        gas, coupling, sites = parameters
        contour = gas.line(*contour_length, nodes=31)
        return msgreen.LloydEnergy(gas, coupling, sites, contour).connected(spins)

    def ring_energy(parameters):
        gas, coupling, sites = parameters
        contour = gas.line(*contour_length, nodes=31)
        return msgreen.loop_energies(gas, coupling, contour, sites, rings, spins)[0].sum()

    def chiral_sum(parameters):
        gas, coupling, sites = parameters
        contour = gas.line(*contour_length, nodes=31)
        found = msgreen.coefficients(gas, coupling, contour, sites, rings)
        return jnp.sum(found["C4_chiral"].value ** 2)

    parameters = (gas, coupling, sites)
    cases = {
        f"Lloyd energy of {len(sites)} spins": lloyd_energy,
        f"energies of {len(rings)} four-site loops": ring_energy,
        f"chiral vectors of {len(rings)} four-site loops": chiral_sum,
    }
    for name, function in cases.items():
        value = milliseconds(eqx.filter_jit(function), parameters)
        gradient = milliseconds(eqx.filter_jit(eqx.filter_value_and_grad(function)), parameters)
        ratio = gradient / value
        print(f"{name}: value {value:.1f} ms, value and gradient {gradient:.1f} ms, x{ratio:.1f}")


if __name__ == "__main__":
    main()
