"""Every example in a docstring is run."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLACES = {ROOT: "msgreen", ROOT / "kernels": "msgreen_kernels"}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def examples():
    """Module, file, name, line and text of every docstring with an example.

    Docstrings are read from the source, so those of jitted functions are seen too.
    """
    for place, package in PLACES.items():
        for file in sorted((place / package).rglob("*.py")):
            module = ".".join(file.relative_to(place).with_suffix("").parts)
            module = module.removesuffix(".__init__")
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                text = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else None
                if text and ">>>" in text:
                    name = getattr(node, "name", "module")
                    yield pytest.param(
                        module, file, node.body[0].lineno, text, id=f"{module}:{name}"
                    )


@pytest.mark.parametrize(("module", "file", "line", "text"), list(examples()))
def test_docstring_example(module, file, line, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = dict(vars(importlib.import_module(module)))
    test = doctest.DocTestParser().get_doctest(text, names, module, str(file), line - 1)
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append)
    assert result.failed == 0, "".join(report)
