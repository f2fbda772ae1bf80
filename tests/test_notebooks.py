"""Every notebook is executed, and what is committed of it is fit to be read."""

import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
INSTALL = re.compile(r"pip\W+install")
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/+-])/(work|home|root|tmp|Users)/\w")

# The time of the others is that of compiling: 64 s of 04 become 105 s where XLA optimises it,
# but 220 s of 08 become 56 s.
COMPUTING = {"08_iron_from_wannier90", "09_multi_spin_terms_at_temperature"}

per_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook) -> list[nbformat.NotebookNode]:
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def text_of(notebook) -> str:
    """Sources and text outputs, without pictures."""
    texts = [cell.source for cell in notebook.cells]
    texts += [output.get("text", "") for output in outputs(notebook)]
    texts += [output.get("data", {}).get("text/plain", "") for output in outputs(notebook)]
    return "\n".join(texts)


@pytest.fixture
def same_interpreter(tmp_path, monkeypatch):
    """A `python3` kernel of the interpreter that runs the tests, ahead of any installed one."""
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.parent.mkdir(parents=True)
    write_kernel_spec(spec)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "kernels")]))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    return sys.executable


@pytest.mark.slow
@per_notebook
def test_notebook_runs(path, tmp_path, same_interpreter, monkeypatch):
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", str(int(path.stem not in COMPUTING)))
    folder = tmp_path / "notebook"
    folder.mkdir()
    notebook = read(path)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    assert not [output for output in outputs(notebook) if output.output_type == "error"]


@per_notebook
def test_notebook_shows_a_picture(path):
    kinds = {kind for output in outputs(read(path)) for kind in output.get("data", {})}
    assert kinds & {"image/png", "image/svg+xml"}, "commit the notebook with its outputs"


@per_notebook
def test_committed_outputs_are_clean(path):
    notebook = read(path)
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert not ABSOLUTE_PATH.findall(text_of(notebook))


@per_notebook
def test_first_cell_installs_only_where_msgreen_is_missing(path):
    """`if importlib.util.find_spec("msgreen") is None:` and the pip command indented under it."""
    lines = code_cells(read(path))[0].source.splitlines()
    conditions = [n for n, line in enumerate(lines) if 'find_spec("msgreen") is None:' in line]
    installs = [n for n, line in enumerate(lines) if INSTALL.search(line)]
    assert conditions, 'the first code cell must ask `find_spec("msgreen") is None`'
    assert installs, "the first code cell must install msgreen, for Colab"
    assert all(n > conditions[0] and lines[n].startswith(" ") for n in installs)
