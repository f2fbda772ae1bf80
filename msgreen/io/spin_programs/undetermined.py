"""Values that no data determine: zero or arbitrary in a model, and said so in every file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from msgreen.spinmodel import SpinModel

_MARK = "written by msgreen"
"""What every file that can hold words says of itself in one line."""


def undetermined(model: SpinModel) -> str:
    """Return how many numbers of which classes have infinite errors, in words; empty for none."""
    counts = {
        term.name: int(np.isinf(np.asarray(term.errors)).sum())
        for term in model.terms
        if term.errors is not None
    }
    return ", ".join(f"{count} of {name}" for name, count in counts.items() if count)


def add_words(files: Sequence[Path], words: str) -> None:
    """Write into all files that can hold words what of them is not determined."""
    said = f"Not determined by the data, no predictions: {words}."
    for file in files:
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        place = next((n for n, line in enumerate(lines) if _MARK in line), None)
        if place is None:
            continue
        if lines[place].startswith("#"):
            lines.insert(place + 1, f"# {said}\n")
        elif lines[place].startswith('"""'):
            lines.insert(place + 1, f"\n{said}\n")
        else:
            lines.insert(place, f"{said}\n")
        file.write_text("".join(lines), encoding="utf-8")
