"""Runs of superconductors: fits of many spins, scans, levels, densities, gaps."""

import numpy as np
import pytest
from lattices import SQUARE, paper_superconductor

from msgreen import ContactCoupling, LloydEnergy, SpinPairs, TightBinding, shell_model, uniform_gap
from msgreen.config import read_config, toml_text
from msgreen.config.fitted import Fit, Fitted, about_series, fitted
from msgreen.config.in_place import GapInPlace, Levels, LocalDensities, Spins, SpinsInPlace
from msgreen.config.scan import COORDINATES, Coordinate, Scan, changed_host, scanned
from msgreen.config.superconductor_host import Solved
from msgreen.energy.bound_states import bound_states
from msgreen.energy.uniform_gap import lowest_gap
from msgreen.errors import ConfigError, InputError
from msgreen.lattice.attraction import Attraction
from msgreen.lattice.nambu import p_wave, s_wave
from msgreen.page import result_page
from msgreen.plot.superconductor import (
    density_figure,
    levels_figure,
    map_figure,
    order_parameter_figure,
    scan_figure,
)
from msgreen.units import BOLTZMANN

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


PAIRS = """
[pairs]
centre = [2, 2, 0]
direction = [1, 0]
distances = [1, 2]
"""
SMALL = HOST.replace("[7, 7]", "[5, 5]")


def scan_of(tmp_path, keys, host=SMALL):
    run = read(tmp_path, f"{host}{PAIRS}\n[scan]\n{keys}\n")
    assert isinstance(run.scan, Scan)
    return run.run(progress=False)


def test_scan_of_the_chemical_potential(tmp_path):
    """Fig. 3(b) of paper O: every point is what the library gives, odd about half filling."""
    outcome = scan_of(tmp_path, "fermi_energy = {start = -2.0, stop = 2.0, count = 3}")
    data = outcome.dataset
    assert data.J.dims == ("fermi_energy", "steps", "xyz") and data.J.attrs["units"] == "eV"
    host = paper_superconductor(5, mu=-2.0, temperature=11.604518 * BOLTZMANN)
    sites = [[2, 2, 0], [3, 2, 0], [4, 2, 0]]
    found = SpinPairs(host, ContactCoupling(-1.5, orbitals=2), sites, [[0, 1], [0, 2]]).fit()
    np.testing.assert_allclose(data.D.sel(fermi_energy=-2.0), found.D, atol=1e-14)
    np.testing.assert_allclose(data.D.sel(fermi_energy=2.0), -found.D, atol=1e-12)
    np.testing.assert_allclose(data.J_error.sel(fermi_energy=-2.0), found.error[:, 4:7])
    assert data.displacement.values.tolist() == [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]]
    page = result_page(None, data, "scan")
    assert page is not None and page.scene["frame"]["name"] == "Fermi energy (eV)"
    rows = [dict(zip(outcome.header, row, strict=True)) for row in outcome.rows]
    row = next(
        r for r in rows if r["fermi_energy_eV"] == 2.0 and r["steps"] == 2 and r["term"] == "D"
    )
    assert row["sites"] == "0-2" and row["component"] == "x"
    assert outcome.figures["scan"].axes[0].get_ylabel() == "$D_z$ (meV)"


def test_scans_of_parities_and_phase(tmp_path):
    """Fig. 1(b): D needs both parities; without the i, a quarter turn away, there is none."""
    outcome = scan_of(tmp_path, "singlet = [0.0, 0.1]\ntriplet = [0.0, 0.2]")
    largest = np.abs(outcome.dataset.D.sel(xyz="z", steps=1))
    assert (largest > 1e-5).values.tolist() == [[False, False], [False, True]]
    assert len(outcome.figures["scan"].axes) == 4  # two maps with colour bars
    turned = scan_of(tmp_path, "phase_degrees = [0.0, 90.0, 180.0]").dataset.D.sel(xyz="z", steps=1)
    assert abs(turned[1]) < 1e-13 and turned[2] == pytest.approx(-float(turned[0]))
    ratio = scan_of(tmp_path, "ratio = [1.0]").dataset.D.sel(xyz="z", steps=1)
    np.testing.assert_allclose(ratio[0], turned[0], rtol=1e-12)


def test_scan_of_a_supercurrent(tmp_path):
    host = SMALL.replace("singlet", "periodic = [true, false]\nwinding = [1, 0]\nsinglet", 1)
    data = scan_of(tmp_path, "winding = [-1, 1]", host).dataset
    np.testing.assert_allclose(data.D[0], data.D[1], atol=1e-13)
    np.testing.assert_allclose(data.mu[0], -data.mu[1], atol=1e-13)
    assert abs(data.mu).max() > 1e-4


ATTRACTED = SMALL.replace("singlet = 0.1\ntriplet = 0.1", "singlet_attraction = 3.0").replace(
    "fermi_energy = -3.0", "fermi_energy = -1.0"
)


def test_gap_from_an_attraction(tmp_path):
    """Solved on the infinite lattice when the run runs, not when it is checked; it follows T."""
    outcome = scan_of(tmp_path, "temperature_K = [1000.0, 9000.0]", ATTRACTED)
    gap = outcome.dataset.gap.sel(channel="singlet").values
    model = shell_model(SQUARE, [-1.0])
    cold = TightBinding(model, fermi_energy=-1.0, temperature=1000 * BOLTZMANN)
    expected = uniform_gap(cold, Attraction([s_wave(SQUARE, 1.0)], [3.0]), mesh=128)
    assert gap[0] == pytest.approx(float(expected.amplitudes[0]), rel=1e-9)
    assert gap[0] > 0.1 and gap[1] < 1e-9
    assert "gap" in {row[3] for row in outcome.rows}
    assert len(outcome.figures["scan"].axes) == 2  # J and the gap: there is no D


def test_gap_at_zero_temperature(tmp_path):
    """The contour needs a bound of the levels, which is found; a run without a gap says so."""
    cold = ATTRACTED.replace("temperature_K = 11.604518", "").replace("-1.5", "-0.3")
    host = read(tmp_path, cold + PAIRS).host
    found = host.solved()
    assert isinstance(found, Solved) and found.gap is not None
    assert found.host.gap == pytest.approx(float(found.gap.amplitudes[0]), abs=2e-2)
    assert "infinite lattice" in found.lines[0] and "within" in found.lines[-1]
    nodal = cold.replace("singlet_attraction = 3.0", "triplet_attraction = 6.0")
    nodal = nodal.replace("size = [5, 5]\n", "")
    with pytest.raises(InputError, match="`temperature_K` must be greater than zero"):
        read(tmp_path, nodal + PAIRS).host.solved()


def test_attractions_favour_the_phase_without_a_dmi():
    """Singlet and triplet coexist with the phase that breaks time reversal, not that of paper O.

    The solution from all channels need not be that which gains most.
    """
    metal = TightBinding(shell_model(SQUARE, [-1.0]), fermi_energy=-1.0, temperature=0.02)
    found = {}
    for phase in (1.0, 1j):
        form = p_wave(SQUARE, 1.0, [[0, 0], [0, 0], [phase, 0]])
        attraction = Attraction([s_wave(SQUARE, 1.0), form], [3.0, 3.2])
        found[phase] = lowest_gap(metal, attraction, mesh=64)
        default = uniform_gap(metal, attraction, mesh=64)
        assert found[phase].condensation >= default.condensation - 1e-12
    np.testing.assert_allclose(found[1.0].amplitudes, [0.2049, 1.0517], atol=1e-4)
    np.testing.assert_allclose(found[1j].amplitudes, [0.0, 1.0829], atol=1e-4)
    assert found[1.0].condensation > found[1j].condensation + 1e-4


IN_PLACE = """
[spins]
directions = [[0.0, 0.0, 2.0], [1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]

[levels]

[ldos]
places = [[2, 2, 0], [0, 0, 0]]
start = -0.5
stop = 0.5
count = 5
broadening = 0.05
"""


def test_levels_and_densities_of_spins_in_place(tmp_path):
    host = HOST.replace("singlet = 0.1", "singlet = 0.5").replace("= -3.0", "= -1.0")
    run = read(tmp_path, host + SITES + IN_PLACE)
    assert isinstance(run.levels, Levels) and isinstance(run.ldos, LocalDensities)
    again = tmp_path / "again.toml"
    again.write_text(toml_text(run))
    assert read_config(again) == run
    outcome = run.run(progress=False)
    header, rows = outcome.tables["levels"]
    energies = [row[2] for row in rows if row[0].count(",") == 2]
    spins = run.spins.in_place(run.sites)
    assert isinstance(run.spins, Spins) and isinstance(spins, SpinsInPlace)
    np.testing.assert_allclose(np.linalg.norm(spins.directions, axis=1), 1.0)
    superconductor = run.host.superconductor()
    coupling = ContactCoupling(-1.5, orbitals=2)
    limit = max(abs(e) for e in energies) + 1e-3
    expected = bound_states(superconductor, coupling, *spins, (-limit, limit)).value
    np.testing.assert_allclose(energies, expected, atol=1e-12)
    header, rows = outcome.tables["ldos"]
    assert len(rows) == 10 and header[:3] == ("energy_eV", "site", "density")
    assert {"levels", "ldos"} < set(outcome.figures)


def test_gap_around_the_spins(tmp_path):
    """The order parameter of every site, of the other sign at a strong spin; levels are its own."""
    text = ATTRACTED.replace("[5, 5]", "[5, 4]").replace("-1.5", "-3.0").replace("11.6", "300.0 #")
    run = read(tmp_path, text + PAIRS + "[spins]\nsites = [[2, 2, 0]]\n[local_gap]\n")
    assert isinstance(run.local_gap, GapInPlace)
    outcome = run.run(progress=False)
    _, rows = outcome.tables["gap"]
    values = {row[0]: row[2] for row in rows}
    assert len(values) == 20 and values["2 2 0"] < 0 < 0.5 < values["0 0 0"]
    np.testing.assert_allclose([row[3] for row in rows], 0, atol=1e-12)
    assert "gap" in outcome.figures


@pytest.mark.parametrize(
    "text, message",
    [
        (SMALL + SITES + "[local_gap]\n", "with an attraction on a lattice"),
        (ATTRACTED.replace("[5, 5]", "[40, 40]") + SITES + "[local_gap]\n", "at most 4096 rows"),
        (
            ATTRACTED.replace("[coup", "winding = [1, 0]\n[coup") + SITES + "[local_gap]\n",
            "without a",
        ),
        (SMALL + PAIRS + "[scan]\n", "must have one or two of the keys"),
        (SMALL + PAIRS + "[scan]\nwinding = [1]\n", "must come with `winding` of the host"),
        (SMALL + PAIRS + "[scan]\ntemperature_K = [-1.0, 2.0]\n", "must not be negative"),
        (SMALL + PAIRS + "[scan]\nratio = [1.0]\nsinglet = [1.0]\n", "together with an amplitude"),
        (SMALL + PAIRS + "[scan]\nsinglet = [1.0, 1.0]\n", "must not repeat itself"),
        (
            SMALL + PAIRS + "[scan]\nsinglet_attraction = [1.0]\n",
            "`singlet_attraction` of the host",
        ),
        (ATTRACTED + PAIRS + "[scan]\nsinglet = [1.0]\n", "a host without attraction"),
        (SMALL + SITES + "[scan]\nsinglet = [1.0]\n", "pairs alone"),
        (
            SMALL + PAIRS + "[scan]\nfermi_energy = {start = 0.0, stop = 0.0, count = 3}\n",
            "`stop`|stop",
        ),
        (ATTRACTED.replace("singlet_", "singlet = 0.1\nsinglet_") + PAIRS, "with an attraction"),
        (
            ATTRACTED.replace("singlet_", "triplet_").replace("d_imag", "#") + PAIRS,
            "must come with `d_",
        ),
        (SMALL + PAIRS + "[spins]\n", r"with \[levels\], \[ldos\] or \[local_gap\]"),
        (SMALL + PAIRS + "[levels]\n", r"`spins.sites` must be given"),
        (SMALL + PAIRS + "[spins]\nsites = [[9, 9, 0]]\n[levels]\n", "spins.sites"),
        (
            SMALL
            + PAIRS
            + "[spins]\nsites = [[0, 0, 0]]\ndirections = [[0.0, 0.0, 0.0]]\n[levels]\n",
            "must not vanish",
        ),
        (SMALL + SITES + "[levels]\ninterval = [0.1, -0.1]\n", "lower end first"),
        (
            SMALL + SITES + "[ldos]\nstart = 0.1\nstop = 0.0\nbroadening = 0.1\n",
            "greater than `start`",
        ),
    ],
)
def test_requests_that_are_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


def test_pictures():
    K = np.zeros((3, 2, 3, 3)) + np.eye(3)
    assert len(scan_figure("x", [1, 2, 3], [1, 2], K).axes) == 1
    K[..., 0, 1] += 0.5
    assert len(scan_figure("x", [1, 2, 3], [1, 2], K, {"singlet": [1, 2, 3]}, 1.0).axes) == 3
    assert len(map_figure("xy", [[0, 1, 2], [0, 1]], K).axes) == 4
    assert len(levels_figure({"a": [0.1, -0.1]}, (-0.2, 0.2)).axes[0].collections) == 1
    figure = density_figure([-1.0, 0.0, 1.0], {"a": ([1, 2, 1], [1, 1, 1])})
    assert figure.axes[0].lines[0].get_label() == "a"
    points = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])
    gaps = order_parameter_figure(points, {"singlet": [-0.1, 0.3, 0.4]}, points[:1])
    np.testing.assert_allclose(gaps.axes[1].lines[1].get_xdata(), [0.0, 1.0, 3.0])
    assert isinstance(COORDINATES["ratio"], Coordinate)
    assert callable(changed_host) and callable(scanned)
