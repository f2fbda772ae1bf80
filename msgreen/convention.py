"""Conventions of spin Hamiltonians: sign, counting, weights and spin length, as an object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Float
from msgreen.errors import InputError


@dataclass(frozen=True)
class SpinConvention:
    """How the coefficients of a spin Hamiltonian are to be read.

    The energy of one cluster (a pair, or one loop of sites up to cyclic order and reversal) is
    ``factor`` times the coefficient times the product of the unit vectors.

    Attributes
    ----------
    name : str
    sign : int
        +1 or -1 in front of the Hamiltonian.
    ordered : bool
        True if the sum runs over all ordered sets of sites, so that a cluster is counted once for
        each of its different orders; False if every cluster is counted once.
    weights : mapping of int to float
        Prefactor of the sum by the number of different sites; 1 where not named, unless
        `complete` is False.
    complete : bool
        False if interactions with other numbers of sites than those in `weights` are undefined.
    spin_length : float
        Length of the spin vectors that the coefficients multiply.
    """

    name: str
    sign: int = 1
    ordered: bool = False
    weights: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))
    complete: bool = True
    spin_length: float = 1.0

    def __post_init__(self):
        if not isinstance(self.sign, int) or self.sign not in (1, -1):
            raise InputError(
                f"Argument `sign` must be 1 or -1, but it is {self.sign!r}. Choose one."
            )
        for name, kind in (("name", str), ("ordered", bool), ("complete", bool)):
            if not isinstance(getattr(self, name), kind):
                raise InputError(
                    f"Argument `{name}` must be {kind.__name__}, but it is "
                    f"{getattr(self, name)!r}. Convert it."
                )
        _checks.positive_number("spin_length", self.spin_length)

    def factor(self, order: int, sites: int, multiplicity: Float[ArrayLike, "..."]) -> np.ndarray:
        """Return the energy of a cluster per unit of its coefficient.

        Parameters
        ----------
        order : int
            Number of spins.
        sites : int
            Number of different sites.
        multiplicity : int array
            Number of different orders of each cluster (`msgreen.exchange.loops.multiplicity`).

        Raises
        ------
        InputError
            If the convention does not define interactions of this many sites.
        """
        odd = f" and {order} spins" if order % 2 else ""
        if not self.complete and (sites not in self.weights or (order % 2 and order > 1)):
            raise InputError(
                f"Argument `convention` must define interactions of {sites} sites{odd}, but "
                f"{self.name!r} does not. Use the convention NEUTRAL or LOUNIS."
            )
        weight = self.sign * self.weights.get(sites, 1.0) * self.spin_length**order
        counted = np.asarray(multiplicity, float)
        return weight * (counted if self.ordered else np.ones_like(counted))


NEUTRAL = SpinConvention("neutral")
"""Energy per unordered cluster, plus sign, unit vectors: E = sum_<ij> J S_i.S_j + ..."""

LOUNIS = SpinConvention("L", sign=-1, ordered=True)
"""Paper L: E = -sum over all ordered sets of sites; J > 0 is ferromagnetic, a bond carries -2J."""

BRINKER = SpinConvention(
    "B", ordered=True, weights=MappingProxyType({2: 0.5, 3: 0.25, 4: 0.125}), complete=False
)
"""Paper B: plus sign, 1/2 over ordered pairs, one term per three-site chain, 1/8 over ordered
quadruples (docs/published_models.md says why); J > 0 is antiferromagnetic."""

OUASSOU = SpinConvention("O", weights=MappingProxyType({1: 1.0, 2: 1.0}), complete=False)
"""Paper O: plus sign, one term per spin and per pair of spins; nothing beyond pairs is defined."""

CONVENTIONS: Mapping[str, SpinConvention] = MappingProxyType(
    {c.name: c for c in (NEUTRAL, LOUNIS, BRINKER, OUASSOU)}
)
"""All named conventions."""


def convention(name: str | SpinConvention) -> SpinConvention:
    """Return a convention by its name: "neutral", "L", "B" or "O"; a convention as it is."""
    if isinstance(name, SpinConvention):
        return name
    if not isinstance(name, str) or name not in CONVENTIONS:
        raise InputError(
            f"Argument `convention` must be a SpinConvention or one of {', '.join(CONVENTIONS)}, "
            f"but it is {name!r}. Choose one."
        )
    return CONVENTIONS[name]
