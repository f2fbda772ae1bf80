"""The program: numbers of the Au(111) surface state through it, its files, and its complaints."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr

from msgreen import ContactCoupling, RashbaGas, read_netcdf
from msgreen.cli import devices, doctor, main
from msgreen.cli.devices import Rates
from msgreen.cli.results import program, write_outcome
from msgreen.config import Outcome, read_config
from msgreen.errors import PrecisionError
from msgreen.io.spin_programs import FORMATS
from msgreen.papers.lounis import run as lounis_run
from msgreen.papers.lounis.asymptotics import range_1d
from msgreen.papers.lounis.range_figure import PHASES, asymptotic_figure
from msgreen.papers.lounis.run import scan_in_blocks
from msgreen.papers.lounis.scan import DistanceScan
from msgreen.papers.runs import EXAMPLE, KINDS

ROOT = Path(__file__).resolve().parents[1]
SCAN = """
[host]
kind = "rashba"
dimension = {dimension}
effective_mass = 0.26
fermi_wavevector = 0.167
rashba_wavevector = 0.0135
[coupling]
first_minimum = -1.0
[scan]
distances = [{distance}, 20.0]
[output]
figures = false
"""
CLUSTER = """
[host]
kind = "rashba"
dimension = 2
effective_mass = 0.26
fermi_wavevector = 0.167
rashba_wavevector = 0.0135
[coupling]
value = 15.48
[cluster]
positions = [[0, 0], [6, 0], [6, 6], [0, 6]]
orders = [2, 4]
contracted = ["biquadratic", "three_site"]
convention = "L"
tensors = false
"""
# Au(111): R_min, J_sd, R, then J_iso, J_ani, D, B4_iso, C4_chiral, kappa6 in meV.
NUMBERS = {
    1: ("9.3511454", "0.58162120808", 5.0, 0.50566045174, 0.0046430828464, 0.068681911429)
    + (0.0051690551488, -0.00034944209901, -1.3307963248e-5),
    2: ("13.035554", "15.483561457", 10.0, -0.18512421474, -0.0064168812438, -0.049202467838)
    + (0.011784753248, -0.0016015771928, 8.325508837e-6),
}
COLUMNS = ["J_iso", "J_ani", "D", "B4_iso", "C4_chiral", "kappa6"]


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def configured(folder: Path, text: str) -> str:
    (folder / "run.toml").write_text(text)
    return str(folder / "run.toml")


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [1, 2])
def test_numbers_of_gold(dimension, tmp_path, capsys):
    minimum, coupling, distance, *expected = NUMBERS[dimension]
    text = SCAN.format(dimension=dimension, distance=distance)
    out = tmp_path / "results"
    assert main(["run", configured(tmp_path, text), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert f"{dimension}D: J_sd = {coupling} eV" in printed
    assert f"R = {minimum}" in printed
    for name in ("interactions.csv", "interactions.nc", "config.toml"):
        assert str(out / name) in printed
    rows = rows_of(out / "interactions.csv")
    assert list(rows[0]) == ["dimension", "R_angstrom", *(f"{n}_meV" for n in COLUMNS), "error_meV"]
    assert [(r["dimension"], r["R_angstrom"]) for r in rows] == [
        (str(dimension), str(distance)),
        (str(dimension), "20.0"),
    ]
    found = np.array([float(rows[0][f"{name}_meV"]) for name in COLUMNS])
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=0)
    with xr.open_dataset(out / "interactions.nc") as data:
        assert data.attrs["convention"] == "L" and coupling in data.attrs["coupling"]
        for row in rows:
            here = data.sel(dimension=dimension, distance=float(row["R_angstrom"]))
            for name in COLUMNS:
                assert float(here[name]) == float(row[f"{name}_meV"])
            assert max(float(here[f"{n}_error"]) for n in COLUMNS) == float(row["error_meV"])
            assert here.J_iso.units == "meV"
    again = read_config(out / "config.toml", KINDS)
    assert again == read_config(tmp_path / "run.toml", KINDS)


def test_error_estimates_are_honest():
    """In one dimension all coefficients are known in closed form."""
    gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167, rashba_wavevector=0.0135)
    r = np.geomspace(2.0, 60.0, 23)
    values, errors = scan_in_blocks(gas, ContactCoupling(0.58), r)
    assert len(values.distance) == len(r)
    k = 0.0135
    exact = {
        "J_iso": 0.58**2 * range_1d(gas, 2, 2 * r) * np.cos(2 * k * r),
        "D": 0.58**2 * range_1d(gas, 2, 2 * r) * np.sin(2 * k * r),
        "B4_iso": 0.58**4 * range_1d(gas, 4, 4 * r) * np.cos(k * r) ** 4,
    }
    for name, column in exact.items():
        true = np.abs(getattr(values, name) - column)
        # The closed forms cancel: at x = q_F L they lose x^2 (two spins) or x^4 digits.
        rounding = 1e-15 * np.abs(column).max() * (1 + (4 * 0.167 * r) ** 2)
        assert np.all(true <= getattr(errors, name) + rounding), name


def test_blocks_do_not_change_the_numbers(monkeypatch):
    gas = RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167)
    r = np.linspace(5.0, 9.0, 7)
    whole, _ = scan_in_blocks(gas, ContactCoupling(0.58), r)
    monkeypatch.setattr(lounis_run, "BLOCK", 3)
    parts, _ = scan_in_blocks(gas, ContactCoupling(0.58), r)
    np.testing.assert_allclose(parts.J_iso, whole.J_iso, rtol=1e-12)


@pytest.mark.slow
def test_explicit_positions(tmp_path, capsys):
    out = tmp_path / "results"
    assert main(["run", configured(tmp_path, CLUSTER), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "convention L" in said
    assert f"Hand over: msgreen export {out / 'interactions.nc'} --to" in said
    rows = rows_of(out / "interactions.csv")
    header = "order term sites component value error unit convention spins".split()
    assert list(rows[0]) == header
    back = read_netcdf(out / "interactions.nc")
    assert [t.kind for t in back.terms] == ["pair", "four_site", "biquadratic", "three_site"]
    assert back.convention.name == "L" and "J_sd = 15.48" in back.source["coupling"]
    assert [float(r["value"]) for r in rows] == [r.value for r in back.rows()]


@pytest.mark.slow
def test_figures_of_a_short_scan(tmp_path, capsys):
    text = SCAN.format(dimension=1, distance=5.0).replace("figures = false", "figures = true")
    assert main(["run", configured(tmp_path, text), "--out", str(tmp_path / "o")]) == 0
    pictures = sorted(f.name for f in (tmp_path / "o").glob("*.png"))
    assert [name[:7] for name in pictures] == [f"figure{n}" for n in (1, 2, 3, 4)]
    printed = capsys.readouterr().out
    assert all(name in printed for name in pictures)


def test_outcome_in_files_by_kind(tmp_path):
    """Pictures are those of `savefig`."""
    scan = np.array([[1.0, 2.0]])
    gas = {1: RashbaGas(1, effective_mass=0.26, fermi_wavevector=0.167)}
    scans = {1: DistanceScan(scan[0], *np.repeat(scan, 6, axis=0))}

    def draw():
        return asymptotic_figure(gas, scans, {1: DistanceScan(*np.ones((7, PHASES)))})

    stage, folder = tmp_path / "stage", tmp_path / "results"
    stage.mkdir()
    (stage / "own.ovf").touch()
    outcome = Outcome(("a",), [(1,)], xr.Dataset(), {"far": draw()}, [], tables={"more": ((), [])})
    files = write_outcome(outcome, stage, folder, "all", None, page=False)
    names = {kind: [path.name for path in paths] for kind, paths in files.items()}
    assert names["tables"] == ["all.csv", "all.nc", "own.ovf", "more.csv"]
    assert names["pictures"] == ["far.png"] and not names["page"] and not names["model"]
    draw().savefig(tmp_path / "far.png", dpi=200)
    assert (stage / "far.png").read_bytes() == (tmp_path / "far.png").read_bytes()
    assert program() in xr.open_dataset(stage / "all.nc").attrs["program"]


def test_mistake_gives_one_line_and_code_2(tmp_path, capsys):
    text = SCAN.format(dimension=2, distance=-5.0)
    assert main(["run", configured(tmp_path, text), "--out", str(tmp_path / "o")]) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1
    assert err.startswith("msgreen: ") and "run.toml, line 11: Argument `scan.distances.0`" in err
    assert not (tmp_path / "o").exists()


def test_folder_that_cannot_be_written(tmp_path, capsys, monkeypatch):
    def computed(self, progress):
        raise AssertionError("the folder is checked before anything is computed")

    monkeypatch.setattr(lounis_run.ScanRun, "run", computed)
    (tmp_path / "file").write_text("")
    assert main(["run", "--out", str(tmp_path / "file")]) == 2
    assert "Argument `--out` must be a folder that can be written to" in capsys.readouterr().err


def test_interruption_leaves_no_half_written_file(tmp_path, capsys, monkeypatch):
    text = SCAN.format(dimension=1, distance=5.0).replace("first_minimum = -1.0", "value = 0.58")

    def interrupted(dataset, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(xr.Dataset, "to_netcdf", interrupted)
    out = tmp_path / "o"
    assert main(["run", configured(tmp_path, text), "--out", str(out)]) == 130
    assert [f.name for f in tmp_path.iterdir()] == ["run.toml"]
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.slow
def test_configuration_of_the_user_stays_in_the_folder_of_the_results(tmp_path, capsys):
    text = SCAN.format(dimension=1, distance=5.0).replace("first_minimum = -1.0", "value = 0.58")
    for comment in ("# mine\n", "# edited\n"):
        (tmp_path / "config.toml").write_text(comment + text)
        assert main(["run", str(tmp_path / "config.toml"), "--out", str(tmp_path)]) == 0
        assert (tmp_path / "config.toml").read_text() == comment + text
        assert len(rows_of(tmp_path / "interactions.csv")) == 2
    other = configured(tmp_path, text)
    assert main(["run", other, "--out", str(tmp_path)]) == 2
    assert f"{tmp_path} has config.toml" in capsys.readouterr().err
    assert main(["run", other, "--out", str(tmp_path / "new")]) == 0
    again = str(tmp_path / "new" / "config.toml")
    assert main(["run", again, "--out", str(tmp_path / "new")]) == 0


def test_named_example_runs_again_into_its_folder(tmp_path, monkeypatch):
    example = Path(configured(tmp_path, CLUSTER))
    monkeypatch.setattr("msgreen.config.shipped.SHIPPED", {"island": example})
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["run", "island", "--out", "results"]) == 0


def test_doctor(capsys, monkeypatch):
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    for word in ("python", "msgreen", "jax", "jaxlib", "numpy", "scipy", "equinox"):
        assert re.search(rf"^{word} +\S", printed, flags=re.M), word
    assert jax.__version__ in printed and "cpu" in printed and "float64" in printed
    assert "OPENBLAS_NUM_THREADS=1" in printed


def test_doctor_measures_the_device():
    said = dict(line.split(maxsplit=1) for line in doctor.doctor() if " " in line)
    rate, ratio = re.match(r"(\S+) GFlop/s .* float32 is (\S+) times", said["float64"]).groups()
    assert 0.1 < float(rate) < 1e4 and 0.3 < float(ratio) < 8
    assert "nothing is taken beforehand" in said["memory"]
    assert said["CPU"] == "all work is done on it, as there is no other device"


def test_doctor_says_when_the_cpu_is_faster():
    """Devices made up: a data-centre card, one without units for float64, and a CPU."""
    cpu, large = Rates(100.0, 200.0, 5e-6), Rates(10_000.0, 20_000.0, 25e-6)
    game = Rates(90.0, 5_760.0, 25e-6)
    assert "few units" not in devices.precision(large) and "few units" in devices.precision(game)
    # 20 us more to start are paid back by 10 us less per million operations.
    assert "less than 2e+06 operations" in devices.faster_on_cpu(large, cpu)
    assert "always faster: 100 GFlop/s" in devices.faster_on_cpu(game, cpu)
    assert devices.measure(jax.devices()[0]).ratio > 0.3
    name = "XLA_PYTHON_CLIENT_"
    assert "part 0.75 of" in devices.memory("gpu", {})
    assert "part .5 of" in devices.memory("gpu", {f"{name}MEM_FRACTION": ".5"})
    assert "as needed (" in devices.memory("gpu", {f"{name}PREALLOCATE": "false"})
    assert "given back" in devices.memory("gpu", {f"{name}ALLOCATOR": "platform"})


def test_doctor_says_whether_batches_of_matrices_may_hang(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    said = "\n".join(doctor.doctor())
    assert f"may hang on a CPU: set XLA_FLAGS={doctor.SAFE_FLAG}" in said
    monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to=x {doctor.SAFE_FLAG}")
    assert "may hang" not in "\n".join(doctor.doctor())


def test_doctor_says_what_to_mend(monkeypatch):
    versions = {"python": "3.11", "jax": "not installed"}
    monkeypatch.setattr(doctor, "versions", lambda: versions)
    text = "\n".join(doctor.remedies({"openblas": 8}, "float32"))
    assert "Not installed: jax." in text
    assert "Set OPENBLAS_NUM_THREADS=1" in text and "JAX_ENABLE_X64=1" in text
    versions["jax"] = "0.10"
    assert doctor.remedies({"openblas": 1}, "float64") == ["Nothing to mend."]


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["doctor", "--help"]])
def test_help(words, capsys):
    with pytest.raises(SystemExit) as leave:
        main(words)
    assert leave.value.code == 0
    assert "msgreen" in capsys.readouterr().out


def test_help_of_export_names_every_format(capsys):
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert f"one of {', '.join(FORMATS)}" in printed
    with pytest.raises(SystemExit) as leave:
        main(["export", "model.json", "--to", "spirt", "--out", "out"])
    assert leave.value.code == 2
    err = capsys.readouterr().err
    assert all(name in err for name in (*FORMATS, "spirt"))


def test_version(capsys):
    with pytest.raises(SystemExit) as leave:
        main(["--version"])
    assert leave.value.code == 0
    assert capsys.readouterr().out.startswith("msgreen ")


def test_unknown_command_gives_code_2(capsys):
    with pytest.raises(SystemExit) as leave:
        main(["walk"])
    assert leave.value.code == 2
    assert "walk" in capsys.readouterr().err


def test_float32_is_refused_outside_the_program():
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(PrecisionError, match="needs float64"):
            read_config(EXAMPLE, KINDS)
    finally:
        jax.config.update("jax_enable_x64", True)


@pytest.mark.slow
def test_program_switches_to_float64_itself(tmp_path):
    text = SCAN.format(dimension=1, distance=5.0).replace("first_minimum = -1.0", "value = 0.58")
    start = "import sys; from msgreen.cli import main; sys.exit(main())"
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    command = [sys.executable, "-c", start, "run", configured(tmp_path, text)]
    environment = {**os.environ, "PYTHONPATH": path, "JAX_ENABLE_X64": "0"}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "msgreen-output" / "interactions.csv").exists()
    assert "\r" not in result.stderr and "it/s" not in result.stderr
