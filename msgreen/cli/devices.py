"""What the device can do: double precision, memory, and which work is faster on the CPU."""

import time
from collections.abc import Mapping
from statistics import median
from typing import Any, NamedTuple

_SIZES = {"cpu": 384}
"""Rows of the matrices that are multiplied; 2048 on other devices, which small ones leave idle."""

SLOW_DOUBLE = 4.0
"""Ratio of float32 to float64 from which a card lacks units for double precision.

It is 2 on data-centre cards and on CPUs, 32 or 64 on most others.
"""


class Rates(NamedTuple):
    """What was measured on a device.

    Attributes
    ----------
    double, single : float
        Products of matrices in float64 and in float32, in 1e9 operations per second.
    start : float
        Seconds that a program takes which does nothing.
    """

    double: float
    single: float
    start: float

    @property
    def ratio(self) -> float:
        """How much faster float32 is than float64."""
        return self.single / self.double


def measure(device: Any) -> Rates:
    """Measure a device of JAX, which takes a part of a second.

    Parameters
    ----------
    device : jax.Device
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    size = _SIZES.get(device.platform, 2048)

    def seconds(function, x) -> float:
        jax.block_until_ready(function(x))
        times = []
        for _ in range(5):
            start = time.perf_counter()
            jax.block_until_ready(function(x))
            times.append(time.perf_counter() - start)
        return median(times)

    product = jax.jit(jnp.matmul)
    rates = []
    for kind in (np.float64, np.float32):
        x = jax.device_put(np.full((size, size), 1 / size, kind), device)
        rates.append(2e-9 * size**3 / seconds(lambda x: product(x, x), x))
    small = jax.device_put(np.zeros(1), device)
    double, single = rates
    return Rates(double, single, seconds(jax.jit(jnp.negative), small))


def precision(rates: Rates) -> str:
    """Say how fast double precision is, which everything here needs."""
    said = (
        f"{rates.double:.3g} GFlop/s in products of matrices; float32 is {rates.ratio:.2g} times "
        "as fast"
    )
    if rates.ratio < SLOW_DOUBLE:
        return said
    return f"{said}: this device has few units for float64, which msgreen needs throughout"


def memory(platform: str, environment: Mapping[str, str]) -> str:
    """Say how much memory JAX takes before it needs any.

    Parameters
    ----------
    platform : str
        "cpu", "gpu", ...
    environment : mapping of str to str
    """
    if platform == "cpu":
        return "nothing is taken beforehand on a CPU"
    if environment.get("XLA_PYTHON_CLIENT_ALLOCATOR", "") == "platform":
        return "taken as needed and given back, slowly (XLA_PYTHON_CLIENT_ALLOCATOR=platform)"
    if environment.get("XLA_PYTHON_CLIENT_PREALLOCATE", "").lower() in ("false", "0"):
        return "taken as needed (XLA_PYTHON_CLIENT_PREALLOCATE=false)"
    share = environment.get("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.75")
    return (
        f"the part {share} of the device is taken at once; other programs on it need "
        "XLA_PYTHON_CLIENT_PREALLOCATE=false, or a smaller XLA_PYTHON_CLIENT_MEM_FRACTION"
    )


def faster_on_cpu(device: Rates, cpu: Rates) -> str:
    """Say which work is faster on the CPU: all of it, or what is over before a device begins.

    Parameters
    ----------
    device, cpu : Rates
    """
    if cpu.double >= device.double:
        return (
            f"always faster: {cpu.double:.3g} GFlop/s in float64 against {device.double:.3g}. Set "
            "JAX_PLATFORMS=cpu"
        )
    gained = 1 / cpu.double - 1 / device.double
    least = max(0.0, device.start - cpu.start) / gained * 1e9
    return (
        f"faster for programs of less than {least:.0e} operations, such as pairs and loops of few "
        f"atoms ({1e6 * device.start:.0f} us to start one on the device, {1e6 * cpu.start:.0f} us "
        "on the CPU): set JAX_PLATFORMS=cpu for these"
    )
