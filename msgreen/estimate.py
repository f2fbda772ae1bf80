"""A value with the estimate of its error: the one shape of every number in doubt."""

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from msgreen._typing import ArrayLike, Float

T_co = TypeVar("T_co", covariant=True)


class Estimate(NamedTuple, Generic[T_co]):
    """A value and the estimate of its absolute error, of the same shape and in the same unit.

    It unpacks as ``value, error = found`` and passes through `jax.jit` and `jax.vmap`. What the
    error contains, and whether it is a bound or a standard deviation, says who gives it.

    Attributes
    ----------
    value : array, or named arrays of one class
    error : the same
        Not negative; NaN where no estimate is possible. No gradient flows through it.

    Notes
    -----
    What has an estimate returns it with the value. Only `LloydEnergy.interaction`, which is
    called and differentiated bare and by thousands of configurations, has a twin that does.
    """

    value: T_co
    error: T_co

    if not TYPE_CHECKING:

        @classmethod
        def __class_getitem__(cls, kind):
            # Checkers of annotations at run time know tuples, which estimates are.
            return tuple[kind, kind]

    def scaled(self, factor: float | Float[ArrayLike, "..."]) -> "Estimate":
        """Return the estimate of `factor` times the value, for arrays."""
        times: Any = factor
        return Estimate(times * self.value, abs(times) * self.error)
