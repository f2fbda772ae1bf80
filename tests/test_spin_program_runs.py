"""Spirit, UppASD and Vampire were run on exported files: their energies are those of the model."""

import json

import numpy as np
import pytest
from run_spin_programs import CASES, RUNS, model_of, unit
from spin_programs import spirit, uppasd, vampire

from msgreen.io import export
from msgreen.io.spin_programs.report import energies

FILES = {
    "spirit": lambda folder, spins: spirit(folder / "input.cfg", spins),
    "uppasd": uppasd,
    "vampire": vampire,
}


@pytest.mark.parametrize("case", CASES)
def test_programs_have_the_energies_of_the_model(case, tmp_path):
    program = case.split("_")[0]
    run = json.loads(RUNS.read_text())[case]
    spins, said = unit(run["spins"]), np.array(run["energies"])
    model = model_of(case)
    outcome = export(model, tmp_path, program)
    assert not outcome.lost
    cells = int(np.prod(spins.shape[1:4]))
    expected = sum(np.asarray(energies(term, spins)) for term in model.terms)
    expected = expected - cells * outcome.constant
    # Spirit computes in single precision, Vampire writes six digits of its spins.
    tolerance = 1e-8 if program == "uppasd" else 1e-6
    np.testing.assert_allclose(said, expected, rtol=0, atol=tolerance * cells * 0.1)
    np.testing.assert_allclose(
        FILES[program](tmp_path, np.moveaxis(spins, 0, 3)), expected, rtol=0, atol=2e-9 * cells
    )
