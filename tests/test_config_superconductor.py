"""Runs of superconductors: fits of many spins, scans, levels, densities, gaps."""

import numpy as np
import pytest
from lattices import paper_superconductor

from msgreen import ContactCoupling, LloydEnergy
from msgreen.config import read_config
from msgreen.config.fitted import Fit, Fitted, about_series, fitted
from msgreen.errors import ConfigError

HOST = """
[host]
kind = "superconductor"
lattice = "square"
hoppings = [-1.0]
fermi_energy = -3.0
temperature_K = 11.604518
size = [7, 7]
singlet = 0.1
triplet = 0.1
d_imaginary = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]

[coupling]
value = -1.5
"""

SITES = """
[sites]
sites = [[2, 2, 0], [3, 2, 0], [3, 3, 0]]
orders = [2]
"""


def read(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return read_config(path)


def test_fit_of_three_spins(tmp_path):
    classes = ["exchange", "dzyaloshinskii_moriya", "anisotropic_exchange", "three_site"]
    run = read(tmp_path, HOST + SITES + f"[fit]\nclasses = {classes}\nconfigurations = 150\n")
    assert isinstance(run.fit, Fit)
    outcome = run.run(progress=False)
    assert outcome.model.classes == tuple(classes)
    header, rows = outcome.tables["fit"]
    assert header == ("class", "sites", "component", "value", "error", "unit")
    values = {row[:3]: row[3:5] for row in rows}
    value, error = values["exchange", "0-1", ""]
    assert value == outcome.model["exchange"].values[0] and 0 < error < 0.01 * abs(value)
    _, together = outcome.tables["many_spins"]
    assert [row[1] for row in together] == ["0-1", "0-2", "1-2", "0-1-2"]
    text = "\n".join(outcome.summary)
    # The pairs that are computed are loops; what three spins have together is none of them.
    assert "spectral radius" in text and "[fit]" in text and "3 spins together: 2.595 meV" in text


def test_series_that_can_be_trusted():
    sites = np.array([[2, 2, 0], [3, 2, 0]])
    lloyd = LloydEnergy(paper_superconductor(5), ContactCoupling(-0.05, orbitals=2), sites)
    (line,) = about_series(lloyd)
    assert "no energies" not in line
    assert callable(fitted) and "model" in Fitted._fields


@pytest.mark.parametrize(
    "text, message",
    [
        (HOST + "[pairs]\ncentre = [3, 3, 0]\ndirection = [1, 0]\ndistances = [1]\n[fit]\n", "fit"),
        (HOST + SITES + '[fit]\nclasses = ["spam"]\n', "must hold some of field"),
    ],
)
def test_fits_that_are_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)
