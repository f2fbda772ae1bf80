"""Array types. One vocabulary of axes is used in every signature.

energy, site, pair, loop, leg (a step of a loop), orb, config, dim (of space).
Spin matrices have the index ``spin * orb_count + orb``: spin is the slow index.
"""

from jaxtyping import Array, ArrayLike, Bool, Complex, Float, Int, Num

__all__ = ["Array", "ArrayLike", "Bool", "Complex", "Float", "Int", "Num"]
