"""What runs on crystals say before and after exchange constants: checks, temperatures, magnons."""

import numpy as np
import pytest
from test_anisotropy import host

from msgreen.config.crystal_report import (
    about_anisotropy,
    about_pairs,
    about_rotation,
    about_symmetry,
)
from msgreen.config.lattice_order import (
    State,
    about_temperatures,
    largest_wave,
    magnon_table,
    magnons_about,
    temperatures,
)
from msgreen.exchange.crystal.anisotropy import SiteAnisotropy
from msgreen.exchange.crystal.axes import collinear_tensors
from msgreen.exchange.crystal.pairs import crystal_exchange, crystal_pairs
from msgreen.lattice import Lattice
from msgreen.plot.crystal import magnons_figure
from msgreen.spinmodel import SpinModel, Term, crystal_symmetry, ordering_temperatures
from msgreen.spinmodel.symmetry import no_symmetry
from msgreen.units import BOLTZMANN, MEV

STEPS = np.eye(3, dtype=int).tolist()


def cubic(value, steps=STEPS, **options):
    cells = [[[0] * 3, step] for step in steps]
    term = Term("exchange", [[0, 0]] * len(steps), [value] * len(steps), cells)
    return SpinModel([term], lattice=Lattice(3.0 * np.eye(3)), **options)


def test_temperatures_in_words():
    model = cubic(0.01)
    found = ordering_temperatures(model)
    first, second = about_temperatures(model, temperatures(model))
    assert "q = (0.5000 0.5000 0.5000): 30.0000 meV; J(0) = -30.0000 meV" in first
    assert f"mean field {found.mean_field.value / BOLTZMANN:.1f} K" in second
    assert f"approximation {found.rpa.value / BOLTZMANN:.1f} K" in second
    layer = cubic(-0.01, STEPS[:2])
    assert "in layers and chains" in about_temperatures(layer, temperatures(layer))[1]
    assert temperatures(model.without("exchange")) is None
    assert about_temperatures(model, None) == ["Isotropic exchange favours no order"]


def test_magnons_are_those_of_the_first_stable_state():
    model = cubic(0.01)
    parallel = State("the ferromagnet", np.array([[0.0, 0, 1]]), np.zeros(3))
    wave = largest_wave(model, [0.5, 0.5, 0.5])
    lines, found = magnons_about(model, [parallel, wave], 3.0)
    assert lines[0].startswith("The ferromagnet is unstable at 99%") and found is not None
    assert lines[1] == "Magnons about the spiral of the largest J(q): up to 40.0 meV"
    header, rows = magnon_table(found)
    assert header[:3] == ("distance_per_angstrom", "corner", "q1")
    assert len(rows) == len(found.path.k) and all(len(row) == len(header) for row in rows)
    assert [row[1] for row in rows if row[1]] == "Γ X M Γ R X R M".split()
    assert max(row[header.index("magnon_1_meV")] for row in rows) == pytest.approx(40.0)
    tilted = State("a tilted state", np.array([[0.0, 0.6, 0.8]]), np.zeros(3))
    easy = model.with_terms(
        [
            *model.terms,
            Term("anisotropy", [[0]], -0.01 * np.diag([0, 0, 1.0])[None], np.zeros((1, 1, 3), int)),
        ]
    )
    lines, none = magnons_about(easy, [tilted], 3.0)
    assert none is None and "No magnons about a tilted state: Argument `directions`" in lines[0]
    _, unstable = magnons_about(model, [parallel], 3.0)
    assert unstable is not None
    energies, exchange = magnons_figure(unstable).axes
    assert len(energies.lines) > len(exchange.lines) - 1
    assert [t.get_text() for t in exchange.get_xticklabels()][0] == "Γ"


def test_checks_of_a_crystal_in_words():
    made = host(coupling=0.0)
    found = crystal_exchange(made, crystal_pairs(made, 2.1), mesh=6)
    said = "\n".join(about_rotation(made, found))
    assert "half of the splitting" in said and "within" in said
    assert "Turning everything" not in said  # with spin-orbit coupling it costs the anisotropy
    pairs = about_pairs(collinear_tensors(found), ("Mn", "O"), no_symmetry(2, 3))
    assert pairs[2].split()[:3] == ["Mn", "-", "O"]
    model = cubic(0.01, symbols=["Fe"])
    lattice = Lattice(3.0 * np.eye(3))
    lines = about_symmetry(model, crystal_symmetry(lattice))
    assert lines[0].startswith("Space group: 48 operations") and float(lines[1].split()[1]) < 1e-12
    skew = model.with_terms(
        [Term("exchange", [[0, 0]] * 3, [0.01, 0.01, 0.013], model["exchange"].clusters.cells)]
    )
    lines = about_symmetry(skew, crystal_symmetry(lattice))
    assert float(lines[1].split()[1]) == pytest.approx(1.0)  # half of 2 meV off the mean of 11
    tensor = MEV * np.diag([1.0, 1.0, -2.0])[None]
    single = SiteAnisotropy((0,), tensor, 2 * tensor, np.array([1e-6]), np.array([1e-5]))
    lines = about_anisotropy(single, ("Cr",))
    assert lines[2].split()[:5] == ["0", "Cr", "1.00000", "1.00000", "-2.00000"]
    assert lines[3].split()[1:4] == ["2.00000", "2.00000", "-4.00000"]
