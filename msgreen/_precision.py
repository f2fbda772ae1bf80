"""Double precision is required, and the user's settings are respected.

msgreen never flips JAX's global precision flag: doing so on import changes
other code of the same process behind its back.
"""

import jax

import msgreen._threads  # noqa: F401  every room that computes imports this module
from msgreen.errors import InputError, PrecisionError


def require_x64(name: str) -> None:
    """Refuse to build `name` when JAX runs in single precision, or on no device at all.

    Raises
    ------
    PrecisionError
        If ``jax_enable_x64`` is off.
    InputError
        If ``JAX_PLATFORMS`` names a device that is not there.
    """
    if not jax.config.read("jax_enable_x64"):
        raise PrecisionError(
            f"`{name}` needs float64, but JAX runs in float32. Call "
            '`jax.config.update("jax_enable_x64", True)` before any array is made, '
            "or set the environment variable JAX_ENABLE_X64=1."
        )
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        # Where no plug-in knows the device, JAX only asserts.
        wanted = getattr(jax.config, "jax_platforms", None)
        raise InputError(
            f"Argument `JAX_PLATFORMS` must name a device of this machine, but it is {wanted!r}. "
            "Unset the environment variable, or set it to cpu."
        ) from error
