"""What README and docs print is run: Python in one process, commands by their existence."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import jax
import matplotlib
import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("README.md"), *(ROOT / "docs").glob("*.md")])
API = sorted((ROOT / "docs" / "api").glob("*.md"))

FENCE = re.compile(r"^(?P<indent> *)```(?P<tag>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```", re.M | re.S)

# GitHub and MkDocs both show a block with this tag as Python; MkDocs garbles `python no-run`.
SKIP = "python {.no-run}"

# Blocks with that tag, as (page, number of the block among those of the page): the reason.
NOT_RUN: dict[tuple[str, int], str] = {}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path, *tags: str) -> list[tuple[int, str]]:
    """Line number and code of the fenced blocks of a page that have one of the tags."""
    text = page.read_text(encoding="utf-8")
    found = [match for match in FENCE.finditer(text) if match["tag"].strip() in tags]
    return [(text.count("\n", 0, m.start("code")), unindent(m)) for m in found]


def unindent(match: re.Match) -> str:
    return re.sub(rf"^{match['indent']}", "", match["code"], flags=re.M)


def script(page: Path) -> str:
    """All Python of a page, every line at its line number on the page."""
    lines = [""] * page.read_text(encoding="utf-8").count("\n")
    for start, code in blocks(page, "python"):
        for offset, line in enumerate(code.splitlines()):
            lines[start + offset] = line
    return "\n".join(lines) + "\n"


def bare_checkout() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    return {**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"}


def execute(arguments: list[str], folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=bare_checkout(), capture_output=True, text=True, timeout=600
    )


@pytest.fixture
def as_a_user(tmp_path, monkeypatch):
    """A folder of one's own, JAX's own promotion of types, and pictures that are gone after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "kernels")
    with jax.numpy_dtype_promotion("standard"), matplotlib.rc_context():
        yield
    plt.close("all")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=relative)
def test_printed_python_runs(page, tmp_path):
    """A traceback names the line of the page."""
    file = tmp_path / f"{page.stem}.py"
    file.write_text(script(page), encoding="utf-8")
    runpy.run_path(str(file), run_name="__main__")


def test_skipped_blocks_are_listed():
    tagged = {(relative(p), n) for p in PAGES for n, _ in enumerate(blocks(p, SKIP), 1)}
    assert tagged == set(NOT_RUN), f"list each `{SKIP}` block in NOT_RUN with its reason"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_python_blocks_have_a_known_tag(page):
    tags = {match["tag"].strip() for match in FENCE.finditer(page.read_text(encoding="utf-8"))}
    assert {tag for tag in tags if tag.startswith(("py", "{"))} <= {"python", SKIP}


def commands(first_word: str) -> list[str]:
    """Second words of the lines `$ first_word second_word ...` in the console blocks."""
    code = "\n".join(code for page in PAGES for _, code in blocks(page, "console"))
    return sorted(set(re.findall(rf"^\$ {first_word} ([\w-]+)", code, flags=re.M)))


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(commands("make")) <= set(re.findall(r"^([\w-]+):", makefile, flags=re.M))


@pytest.mark.parametrize("name", commands("msgreen"))
def test_subcommand_exists(name, tmp_path):
    start = "import sys; from msgreen.cli import main; sys.exit(main())"
    result = execute(["-c", start, name, "--help"], tmp_path)
    assert result.returncode == 0, result.stderr


def public_modules() -> list[str]:
    files = (ROOT / "msgreen").rglob("*.py")
    paths = [file.relative_to(ROOT).with_suffix("").parts for file in files]
    names = {".".join(path) for path in paths if not any(p.startswith("_") for p in path)}
    return sorted(names)


def test_modules_are_documented():
    pages = "\n".join(page.read_text(encoding="utf-8") for page in API)
    listed = set(re.findall(r"^::: (\S+)$", pages, flags=re.M))
    missing = {".".join(module.split(".")[:2]) for module in public_modules()} - listed
    assert not missing, f"add a line `::: name` to the page of its room in docs/api/: {missing}"


def test_documented_parts_exist():
    """An entry that fails here would also fail `make docs`."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in API)
    for name in re.findall(r"^::: (\S+)$", pages, flags=re.M):
        place = ROOT / ("kernels" if name.startswith("msgreen_kernels") else "")
        path = place.joinpath(*name.split("."))
        assert path.with_suffix(".py").exists() or (path / "__init__.py").exists(), name


@pytest.mark.slow
def test_sequence_of_the_readme_works(tmp_path):
    """Its first commands, with the configuration that it prints, which `msgreen init` writes."""
    page = ROOT / "README.md"
    (_, sequence), *_ = blocks(page, "console")
    ((_, configuration),) = blocks(page, "toml")
    (tmp_path / "island.toml").write_text(configuration, encoding="utf-8")
    found = re.findall(r"^\$ msgreen (.*?) *(?:#.*)?$", sequence, flags=re.M)
    assert [line.split()[0] for line in found] == ["run", "spinmodel", "export"]
    for line in found:
        result = execute(["-m", "msgreen", *line.split()], tmp_path)
        assert result.returncode == 0, f"{line}: {result.stderr}"
    for name in ("island/interactions.png", "states/ground_state.png", "uppasd/inpsd.dat"):
        assert (tmp_path / name).exists()
    result = execute(["-m", "msgreen", "init", "rashba", "-"], tmp_path)
    assert result.stdout == configuration


def test_pages_need_no_network():
    """The site ships what its pages load: scripts lie in docs/, fonts are those of the system."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.search(r"^extra_javascript:\n((?:  - .*\n)+)", text, flags=re.M)
    scripts = re.findall(r"^  - (\S+)", listed[1], flags=re.M)
    assert [name for name in scripts if not (ROOT / "docs" / name).is_file()] == []
    assert "output/svg" in (ROOT / "docs" / scripts[-1]).read_text(encoding="utf-8")
    assert "font: false" in text
