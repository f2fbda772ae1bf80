"""Write the table of Pade rules of the Fermi function anew: `python tests/pade_table.py`.

It takes minutes, mostly for the last rules.
"""

from pathlib import Path

import numpy as np

import msgreen
from msgreen.contour.poles import TABULATED_ACCURACY, PoleRule, pade

POWERS = range(1, 29)
"""Of two: the largest ratio is that of 200 eV and a hundredth of a kelvin."""


def computed(power: int) -> PoleRule:
    """Return a rule that is not looked up, as its accuracy differs by rounding."""
    return pade(2.0**power, float(np.nextafter(TABULATED_ACCURACY, 0.0)))


if __name__ == "__main__":
    rules = {power: computed(power) for power in POWERS}
    file = Path(msgreen.__file__).parent / "contour" / "pade.npz"
    named = {str(n): np.stack([rule.poles, rule.weights]) for n, rule in rules.items()}
    np.savez(file, allow_pickle=False, **named)
