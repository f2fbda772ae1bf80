"""How to begin: examples of all kinds, schema, completion, and what a command says."""

import argparse
import json
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

import kkr_runs
import pytest
import wannier_files

from msgreen.cli import main, report
from msgreen.cli import status as status_line
from msgreen.cli.export import add_export
from msgreen.cli.start import SHELLS, Names, add_start
from msgreen.config import read_config
from msgreen.config.schema import TEMPERATURE_IN_EV, Renamed, doubt, json_schema
from msgreen.errors import ConfigError, UnitWarning
from msgreen.papers.runs import EXAMPLES, KINDS


def begin(kind: str, folder: Path) -> Path:
    """The example of a kind, written by `msgreen init`, beside the files that it names."""
    if kind == "kkr":
        shutil.copytree(kkr_runs.folder("fe2_soc"), folder, dirs_exist_ok=True)
    if kind == "wannier":
        wannier_files.write_iron(folder)
    if kind == "sisl":
        shutil.copy(Path(__file__).parent / "data" / "sisl" / "iron.nc", folder / "siesta.nc")
    file = folder / f"{kind}.toml"
    assert main(["init", kind, str(file), "--quiet"]) == 0
    return file


def test_every_kind_has_an_example():
    kinds = {tomllib.loads(file.read_text())["host"]["kind"] for file in EXAMPLES.values()}
    assert kinds == set(KINDS)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_examples_are_right(kind, tmp_path, capsys):
    file = begin(kind, tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main(["run", str(file), "--check", "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"{file}: nothing to mend\n"
    assert sorted(tmp_path.iterdir()) == before


def test_examples_replace_no_file(tmp_path, capsys):
    file = begin("scan", tmp_path)
    assert main(["init", "phonons", str(file)]) == 2
    assert "must be a new file" in capsys.readouterr().err
    assert file.read_text() == EXAMPLES["scan"].read_text()
    assert main(["init", "phonons", str(tmp_path / "none" / "a.toml")]) == 2
    assert "must be a file that can be written" in capsys.readouterr().err
    assert main(["init", "scan", "-"]) == 0
    assert capsys.readouterr().out == file.read_text()


def test_schema_names_kinds_and_keys(capsys):
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert len(schema["anyOf"]) == len(KINDS)
    assert main(["schema", "rashba"]) == 0
    rashba = json.loads(capsys.readouterr().out)
    host = rashba["$defs"]["Host"]
    assert host["properties"]["kind"]["const"] == "rashba"
    assert host["additionalProperties"] is False
    kinds = [choice.get("type") for choice in host["properties"]["dimension"]["anyOf"]]
    assert kinds == ["integer", "array"]  # one number, or several
    assert rashba == json_schema({"rashba": KINDS["rashba"]})


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_is_a_script_that_knows_the_commands(shell, tmp_path, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(word in script for word in ("spinmodel", "--check", "vibrating_pair", "uppasd"))
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_what_a_command_says(tmp_path, capsys):
    file = begin("vibrating_pair", tmp_path)
    file.write_text(file.read_text().replace("count = 101", "count = 5"))
    words = ["run", str(file), "--out", str(tmp_path / "out")]
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main([*words, "--json", "--verbose"][:-1]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [Path(name).name for name in said["files"]["pictures"]] == ["moments.png"]
    assert all(Path(name).exists() for names in said["files"].values() for name in names)
    assert main([*words, "--verbose"]) == 0
    out, err = capsys.readouterr()
    assert said["summary"][0] in out
    assert "Run again: msgreen run" in out
    assert "to compile" in err


def test_options_of_every_command_exclude_each_other():
    with pytest.raises(SystemExit):
        report.common_options().parse_args(["--quiet", "--json"])
    commands = argparse.ArgumentParser().add_subparsers()
    add_start(commands, argparse.ArgumentParser())
    add_export(commands)
    assert set(commands.choices) == {"init", "schema", "completion", "export"}
    assert "a" in Names(lambda: ("a", "b")) and list(Names(lambda: ("a",))) == ["a"]


def test_line_about_what_is_done(monkeypatch, capsys):
    monkeypatch.setattr(status_line, "PATIENCE", 0.0)
    with status_line.status(shown=True, verbose=False):
        time.sleep(0.7)
    assert "Computing… 0 s" in capsys.readouterr().err
    with status_line.status(shown=False, verbose=False):
        time.sleep(0.3)
    assert capsys.readouterr().err == ""


def test_old_keys_keep_working_with_a_warning(tmp_path, capsys):
    file = begin("superconductor", tmp_path)
    new = read_config(file, KINDS)
    file.write_text(file.read_text().replace("temperature_K = 11.6 ", "temperature = 0.001 "))
    with pytest.warns(UnitWarning, match=r"`temperature` \(k_B T in eV\) is now `temperature_K`"):
        old = read_config(file, KINDS)
    assert old.host.temperature_K == pytest.approx(11.6045, rel=1e-5)
    assert new.host.temperature_K == pytest.approx(old.host.temperature_K, rel=1e-3)
    file.write_text(file.read_text().replace("[coupling]", "temperature_K = 3.0\n[coupling]"))
    with pytest.raises(ConfigError, match="must not be given together with `temperature_K`"):
        read_config(file, KINDS)
    file = begin("vibrating_pair", tmp_path)
    file.write_text(file.read_text().replace("alpha_meV", "alpha"))
    with pytest.warns(UnitWarning, match="`alpha` is now `alpha_meV`"):
        read_config(file, KINDS)


def test_numbers_in_another_unit_are_doubted(tmp_path, capsys):
    file = begin("rashba", tmp_path)
    file.write_text(file.read_text().replace("fermi_wavevector = 0.167", "fermi_energy = 406.0"))
    with pytest.warns(UnitWarning, match="`fermi_energy` is 406 eV, which is more than 50 eV"):
        read_config(file, KINDS)
    doubt("temperature_K", 300.0, "K", 1e5)
    doubt("temperature_K", None, "K", 1e5)
    report.show_warning("one line")
    assert capsys.readouterr().err == "msgreen: warning: one line\n"
    assert Renamed("temperature_K", TEMPERATURE_IN_EV.factor, "k_B T in eV") == TEMPERATURE_IN_EV
