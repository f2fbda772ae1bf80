"""The pages on the papers: every row of errata and of "what the papers say" is shown by a test."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEADINGS = {  # first word of the heading: the tests that belong to no other paper
    "Lounis, New": "test_paper_lounis.py",
    "Brinker, dos": "test_paper_brinker.py",
    "Ouassou, Yokoyama,": "test_paper_o.py",
    "Fransson, Phonon": "test_paper_fransson.py",
    "Fransson, Vibrationally": "test_paper_fransson.py",
}
TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
OBJECT = re.compile(r"`(msgreen(?:\.\w+)+)`")


def tables(page: str) -> dict[str, list[str]]:
    """Rows of the tables of a page by the heading above them."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").replace("*", "")
        elif line.startswith("| ") and not line.startswith(("| where", "| place")):
            found.setdefault(heading, []).append(line)
    return found


ROWS = [
    pytest.param(page, heading, row, id=f"{page}-{heading.split()[0]}-{row[2:40]}")
    for page in ("papers.md", "errata.md")
    for heading, rows in tables(page).items()
    for row in rows
]


@cache
def names(path: Path) -> frozenset[str]:
    """What a module defines: functions, classes, constants and members of classes."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        for name in _defined(node):
            found.add(name)
            if isinstance(node, ast.ClassDef):
                found |= {f"{name}.{member}" for part in node.body for member in _defined(part)}
    return frozenset(found)


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def exists(dotted: str) -> bool:
    """Whether the file of a module has the rest of the name."""
    parts = dotted.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        base = ROOT.joinpath(*parts[:cut])
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.exists():
                return ".".join(parts[cut:]) in names(file)
    return False


@pytest.mark.parametrize(("page", "heading", "row"), ROWS)
def test_row_names_what_exists(page, heading, row):
    tests = TEST.findall(row)
    assert tests, "a row must name its test, as `test_file.py::test_name`"
    for file, name in tests:
        assert name in names(ROOT / "tests" / file), f"{file} has no {name}"
        others = set(HEADINGS.values()) - {v for k, v in HEADINGS.items() if heading.startswith(k)}
        assert file not in others, f"{file} belongs to another paper than {heading}"
    if page == "papers.md":
        assert row.count("|") == 6, "five columns"
        (thing,) = OBJECT.findall(row)
        assert exists(thing), f"there is no {thing}"


@pytest.mark.parametrize("page", ["papers.md", "errata.md"])
def test_all_papers_are_there(page):
    headings = list(tables(page))
    assert all(any(h.startswith(start) for h in headings) for start in HEADINGS), headings


def test_rows_are_not_repeated():
    rows = [row for _, rows in tables("errata.md").items() for row in rows]
    assert len(set(rows)) == len(rows)
    assert not exists("msgreen.energy.lloyd.NoSuchThing") and exists("msgreen.convention.BRINKER")
