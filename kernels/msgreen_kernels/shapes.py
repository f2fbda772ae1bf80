"""The shapes that drive both the tests and the benchmarks.

Every entry has a ``test`` size, evaluated in well under a second, and a ``bench`` size.
"""

from typing import NamedTuple


class Size(NamedTuple):
    """The same problem at two sizes."""

    test: int
    bench: int


class LoopShape(NamedTuple):
    """A table of legs and a list of loops."""

    n: int
    sites: int
    energies: Size
    legs: Size
    loops: Size


# By the size n of matrices where there are several.
HANKEL_POINTS = Size(test=1000, bench=1_000_000)

LOGDET_BATCH = {
    1: Size(50, 200_000),
    2: Size(50, 200_000),
    3: Size(50, 50_000),
    4: Size(50, 50_000),
    5: Size(50, 20_000),
    8: Size(20, 10_000),
    16: Size(10, 2000),
    32: Size(5, 400),
}

LINALG_BATCH = {
    1: Size(50, 100_000),
    2: Size(50, 50_000),
    4: Size(200, 20_000),
    9: Size(100, 8000),
    14: Size(40, 3000),
    18: Size(30, 2000),
    22: Size(20, 1000),
    36: Size(5, 200),
}

LOOPS = (
    LoopShape(2, 4, Size(3, 22), Size(40, 100_000), Size(257, 1_000_000)),
    LoopShape(1, 4, Size(3, 4), Size(40, 100_000), Size(257, 400_000)),
    LoopShape(2, 2, Size(3, 4), Size(40, 100_000), Size(257, 400_000)),
    LoopShape(2, 6, Size(3, 4), Size(40, 100_000), Size(257, 400_000)),
    LoopShape(4, 4, Size(3, 4), Size(20, 20_000), Size(33, 50_000)),
    LoopShape(4, 3, Size(3, 4), Size(20, 20_000), Size(33, 50_000)),
    LoopShape(8, 4, Size(2, 2), Size(10, 2000), Size(17, 4000)),
    LoopShape(18, 4, Size(2, 2), Size(10, 1000), Size(9, 2000)),
)
