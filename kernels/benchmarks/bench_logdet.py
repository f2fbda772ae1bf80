"""Phase and log-modulus of determinants against jnp.linalg.slogdet."""

from _measure import bound, header, milliseconds  # isort: skip

import jax
import jax.numpy as jnp
import numpy as np
from msgreen_kernels import slogdet
from msgreen_kernels.shapes import LOGDET_BATCH


def gradient(function):
    return jax.jit(jax.value_and_grad(lambda a: function(a)[1].sum()))


def main():
    header()
    rng = np.random.default_rng(0)
    for n, size in LOGDET_BATCH.items():
        shape = (size.bench, n, n)
        a = jnp.asarray(rng.normal(size=shape) + 1j * rng.normal(size=shape))
        ours, theirs = (milliseconds(jax.jit(f), a) for f in (slogdet, jnp.linalg.slogdet))
        ours_g, theirs_g = (milliseconds(gradient(f), a) for f in (slogdet, jnp.linalg.slogdet))
        print(
            f"n = {n}, {size.bench} matrices: {ours:.2f} ms, ratio {theirs / ours:.2f}; "
            f"value and gradient {ours_g:.2f} ms, ratio {theirs_g / ours_g:.2f}"
        )
        bound(ours, size.bench * 8 / 3 * n**3, size.bench * 16 * n * n)


if __name__ == "__main__":
    main()
