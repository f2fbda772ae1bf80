"""How the package starts: names are imported on first use, and computing uses one BLAS thread."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def python(*arguments: str, **variables: str) -> str:
    """What a fresh Python prints."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    environment |= {"PYTHONPATH": path, **variables}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_import_waits_for_the_first_name():
    code = "import sys, msgreen; print('jax' in sys.modules, len(msgreen.__all__) > 60)"
    assert python("-c", code) == "False True\n"


def test_every_public_name_exists():
    code = "import msgreen; print(all(getattr(msgreen, n) is not None for n in dir(msgreen)))"
    assert python("-c", code) == "True\n"


def test_computing_uses_one_blas_thread():
    code = (
        "import numpy, msgreen; from msgreen import loops, RashbaGas\n"
        "from threadpoolctl import threadpool_info\n"
        "print({p['num_threads'] for p in threadpool_info() if p['user_api'] == 'blas'})"
    )
    assert python("-c", code) == "{1}\n"
    assert python("-c", code, OPENBLAS_NUM_THREADS="2") == "{2}\n"


def test_version_and_help_import_nothing_that_is_slow():
    code = (
        "import sys; from msgreen.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print({'jax', 'numpy', 'xarray', 'matplotlib', 'pydantic'} & set(sys.modules))"
    )
    for words in (["--version"], ["--help"], ["run", "--help"], ["spinmodel", "--help"]):
        assert python("-c", code, *words).endswith("set()\n"), words


def test_a_kind_of_run_imports_no_other():
    code = (
        "import sys; from msgreen.papers.runs import KINDS; KINDS['rashba']\n"
        "kinds = {name.rpartition('.')[0] for name in KINDS.paths.values()}\n"
        "print(kinds & set(sys.modules), 'scipy.optimize' in sys.modules)"
    )
    assert python("-c", code) == "{'msgreen.papers.lounis.run'} False\n"


def test_program_ends_without_looking_for_garbage():
    code = (
        "import gc, sys; from msgreen.cli import main; main()\n"
        "print(gc.get_freeze_count() == 0, end=' '); gc.unfreeze()\n"
        "main(sys.argv[1:]); print(gc.get_freeze_count() == 0)"
    )
    said = python("-c", code, "init", "rashba", "-")
    assert said.count("False") == 1 and said.endswith("True\n")


def test_module_runs_as_a_program():
    assert python("-m", "msgreen", "--version").startswith("msgreen ")
