"""Array types. One vocabulary of axes is used in every signature.

`Float[Array, "site 3"]` is an array of JAX that is used as it is. `Float[ArrayLike, "site 3"]` is
what a function makes one of: an array, a number or nested sequences of numbers, of floats or of
what becomes floats without loss; `Complex[ArrayLike, ...]` takes real numbers as well.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jaxtyping
import numpy as np
from jaxtyping import Array

ArrayLike = jaxtyping.ArrayLike | Sequence

if TYPE_CHECKING:
    from jaxtyping import Bool, Complex, Float, Int, Num
else:

    class _Kind:
        """Arrays of one kind of numbers; an `ArrayLike` is anything that becomes one of them."""

        def __init__(self, kind, taken):
            self.kind, self.taken = kind, taken

        def __getitem__(self, item):
            array, axes = item
            if array != ArrayLike:
                return self.kind[array, axes]
            known = self.taken[jaxtyping.ArrayLike, axes]
            return known | Sequence if axes.strip() else known

    Bool = _Kind(jaxtyping.Bool, jaxtyping.Bool)
    Int = _Kind(jaxtyping.Int, jaxtyping.Integer)
    Float = _Kind(jaxtyping.Float, jaxtyping.Real)
    Complex = _Kind(jaxtyping.Complex, jaxtyping.Num)
    Num = _Kind(jaxtyping.Num, jaxtyping.Num)

Scalar = float | Float[Array, ""]
"""A number, or what JAX traces of one."""

Sites = Num[ArrayLike, "site ..."]
"""One row per site, as the host names its sites."""

Pairs = Int[ArrayLike, "pair 2"]
"""Row numbers of sites."""

Energies = Complex[ArrayLike, " energy"]
"""In eV, in the closed upper half plane."""

Spins = Float[Array | np.ndarray, "*config site 3"]
"""A vector per spin, of one configuration or of many."""

__all__ = [
    "Array",
    "ArrayLike",
    "Bool",
    "Complex",
    "Energies",
    "Float",
    "Int",
    "Num",
    "Pairs",
    "Scalar",
    "Sites",
    "Spins",
]
