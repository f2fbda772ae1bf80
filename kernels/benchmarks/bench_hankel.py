"""H0 and H1 together against scipy, at a million points."""

from _measure import bound, header, milliseconds  # isort: skip

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from msgreen_kernels import hankel1_01, hankel1e_01
from msgreen_kernels.hankel.table import POLES
from msgreen_kernels.hankel.xla import TERMS
from msgreen_kernels.shapes import HANKEL_POINTS

# Per point, both orders: a pole takes 6 operations and a division, a complex Horner step
# (two series per order) 8, the rest about 150.
FLOPS = 2 * (7 * len(POLES) + 2 * 8 * TERMS) + 150


def both(z):
    return scipy.special.hankel1(0, z), scipy.special.hankel1(1, z)


def main():
    header()
    rng = np.random.default_rng(0)
    count = HANKEL_POINTS.bench
    for radius in (2, 30):
        z = rng.uniform(-radius, radius, count) + 1j * rng.uniform(0, radius, count)
        device = jnp.asarray(z)
        checked = milliseconds(hankel1_01, device)
        inside = milliseconds(jax.jit(hankel1_01), device)
        scaled = milliseconds(jax.jit(hankel1e_01), device)
        baseline = milliseconds(both, z, runs=3, warm=False)
        gradient = jax.jit(jax.grad(lambda z: sum(h.real.sum() for h in hankel1_01(z))))
        print(f"{count} points, |Re z|, Im z < {radius}: scipy {baseline:.0f} ms")
        print(f"  hankel1_01 {checked:.0f} ms, ratio {baseline / checked:.1f}")
        print(f"  hankel1_01 under jit {inside:.0f} ms, ratio {baseline / inside:.1f}")
        print(f"  hankel1e_01 under jit {scaled:.0f} ms")
        print(f"  gradient {milliseconds(gradient, device):.0f} ms")
        bound(inside, FLOPS * count, 3 * 16 * count)


if __name__ == "__main__":
    main()
