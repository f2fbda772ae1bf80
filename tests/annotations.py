"""Check the annotations of msgreen while tests run: `python -m pytest -p tests.annotations`.

Every function of msgreen is decorated with jaxtyping and beartype, which compare what it is given
and what it returns with its annotations: kinds of numbers, and shapes by the names of their axes.
Calls that a test expects to be refused are not checked; what they pass is wrong on purpose.
"""

import beartype
import jaxtyping
import numpy as np
import pytest
from beartype.roar import BeartypeDecorHintException

# A whole number where a real one is asked for is no mistake, as for type checkers, nor is a number
# of numpy, which takes the place of its arrays without axes.
NUMBERS = {
    int: int | np.integer,
    float: float | int | np.integer | np.floating,
    complex: complex | float | int | np.number,
    bool: bool | np.bool_,
    np.ndarray: np.ndarray | np.generic,
}
CONFIGURATION = beartype.BeartypeConf(hint_overrides=beartype.FrozenDict(NUMBERS))


def checked(function):
    """Return a function that checks what it is given and what it returns."""
    try:
        return beartype.beartype(conf=CONFIGURATION)(function)
    except BeartypeDecorHintException:  # hints that cannot be checked, such as some protocols
        return function


class Unchecked:
    """`pytest.raises`, and no check of annotations within."""

    def __init__(self, context):
        self.context = context

    def __enter__(self):
        self.before = jaxtyping.config.jaxtyping_disable
        jaxtyping.config.update("jaxtyping_disable", True)
        return self.context.__enter__()

    def __exit__(self, *found):
        jaxtyping.config.update("jaxtyping_disable", self.before)
        return self.context.__exit__(*found)


def raises(*expected, **options):
    """Return `pytest.raises` without checks of annotations."""
    return Unchecked(_raises(*expected, **options))


_raises, pytest.raises = pytest.raises, raises
jaxtyping.install_import_hook("msgreen", "tests.annotations.checked")
