"""The report of a day with a GPU can be made on a CPU, and says then that there was none."""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "kernels" / "benchmarks"


@pytest.fixture
def gpu_day(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import gpu_day

    return gpu_day


def test_report_without_a_gpu_says_so(gpu_day, monkeypatch, tmp_path, capsys):
    every = gpu_day.cases(tiny=True)
    assert len({case.name for case in every}) == len(every)
    few = [case for case in every if case.name in ("hankel1_01", "slogdet, n = 3")]
    monkeypatch.setattr(gpu_day, "cases", lambda tiny: few)
    monkeypatch.setattr(gpu_day, "rates", lambda device: (10.0, 5.0))
    out = tmp_path / "report.md"
    monkeypatch.setattr(sys, "argv", ["gpu_day.py", "--tiny", "--out", str(out)])
    gpu_day.main()
    said = out.read_text()
    assert "**No GPU: nothing was run on one.**" in said
    assert "no GPU: nothing was run on one" in capsys.readouterr().out
    rows = [line for line in said.splitlines() if line.startswith(("| hankel", "| slogdet"))]
    assert len(rows) == 2 and not any("nan" in row for row in rows)
    assert all("| 1.00 |" in row for row in rows)  # the CPU against itself


def test_commands_of_the_report_run(gpu_day):
    said, seconds = gpu_day.command(["-c", "import msgreen, msgreen_kernels; print('found')"])
    assert said == "found" and seconds > 0
