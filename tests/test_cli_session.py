"""Compilations that the program keeps: where, how many, and that they serve the next run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from msgreen.cli import doctor, session
from msgreen.cli.doctor import remedies, versions

ROOT = Path(__file__).resolve().parents[1]


def environment(**changes) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    return {**kept, "PYTHONPATH": path, **changes}


def test_cache_has_a_folder_and_an_off_switch(monkeypatch, tmp_path):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setenv("MSGREEN_CACHE", "")
    assert session.cache_folder().parts[-2:] == ("msgreen", "jax")
    monkeypatch.setenv("MSGREEN_CACHE", str(tmp_path))
    assert session.cache_folder() == tmp_path
    monkeypatch.setenv("MSGREEN_CACHE", "off")
    assert session.cache_folder() is None
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "elsewhere")
    assert session.cache_folder() == Path("elsewhere")


def test_oldest_compilations_go_first(tmp_path):
    for n, name in enumerate("abc"):
        file = tmp_path / name
        file.write_bytes(bytes(100))
        os.utime(file, (n, n))
    session.bound_cache(tmp_path, 250)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["b", "c"]
    session.bound_cache(tmp_path / "missing", 10)
    assert session.CACHE_BYTES > 2**20


def test_program_keeps_what_it_compiles(tmp_path):
    """In a fresh process, as nothing else may configure JAX."""
    code = "from msgreen.cli.session import prepare; prepare(); import jax; jax.jit(abs)(1.0)"
    changes = {"MSGREEN_CACHE": str(tmp_path / "kept")}
    subprocess.run([sys.executable, "-c", code], env=environment(**changes), check=True)
    assert list((tmp_path / "kept").iterdir())


def test_settings_of_the_user_stay(tmp_path):
    code = (
        "from msgreen.cli.session import prepare; prepare(); import jax; "
        "print(jax.config.jax_compilation_cache_dir)"
    )
    changes = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path), "MSGREEN_CACHE": "other"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment(**changes), check=True, capture_output=True
    )
    assert found.stdout.decode().strip() == str(tmp_path)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"MSGREEN_CACHE": "off"}, "not kept (MSGREEN_CACHE=off)"),
        ({"MSGREEN_CACHE": "kept"}, "kept, 0 of at most 512 MB; MSGREEN_CACHE=off keeps none"),
        ({"JAX_COMPILATION_CACHE_DIR": "own"}, "own, 0 MB, set by JAX_COMPILATION_CACHE_DIR"),
    ],
)
def test_doctor_says_where_compilations_are(monkeypatch, tmp_path, variables, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = "\n".join(doctor.doctor())
    assert words in said and "python" in said


def test_remedies_name_what_to_set():
    assert "jax" in versions()
    assert remedies({"openblas": 1}, "float64") == ["Nothing to mend."]
    assert any("OPENBLAS_NUM_THREADS=1" in line for line in remedies({"openblas": 8}, "float64"))
    assert any("jax_enable_x64" in line for line in remedies({}, "float32"))
