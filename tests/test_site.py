"""What the site adds to the pages: notebooks, their pictures, and figures of the gallery."""

import importlib.util
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MKDOCS = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def listed() -> list[str]:
    """Pages of the navigation."""
    nav = MKDOCS.partition("\nnav:\n")[2].partition("\nhooks:\n")[0]
    return re.findall(r"([\w/]+\.md)$", nav, flags=re.M)


def test_every_page_and_notebook_is_in_the_navigation_once():
    pages = [file.relative_to(ROOT / "docs").as_posix() for file in (ROOT / "docs").rglob("*.md")]
    notebooks = [f"notebooks/{file.stem}.md" for file in NOTEBOOKS]
    assert sorted(listed()) == sorted(pages + notebooks), "list new pages in `nav` of mkdocs.yml"


def test_every_figure_is_in_the_gallery():
    gallery = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    sources = [*(ROOT / "msgreen").glob("plot/*.py"), *(ROOT / "msgreen").glob("papers/*/*.py")]
    names = [n for f in sources for n in re.findall(r"^def (\w+_figure)\(", f.read_text(), re.M)]
    assert names and [name for name in names if name not in gallery] == []


def test_pictures_of_the_gallery_exist():
    gallery = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", gallery):
        if name.startswith("figures/"):
            assert (ROOT / "docs" / name).is_file(), name
        else:
            _, notebook, picture = name.split("/")
            assert int(Path(picture).stem) <= pictures(ROOT / "notebooks" / f"{notebook}.ipynb"), (
                name
            )


def pictures(notebook: Path) -> int:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return sum("image/png" in o.get("data", {}) for c in cells for o in c.get("outputs", []))


def test_notebooks_install_from_one_place():
    """The first code cell says where pip finds msgreen, in the same line everywhere."""
    cells = {file.name: json.loads(file.read_text())["cells"] for file in NOTEBOOKS}
    first = {n: next(c for c in some if c["cell_type"] == "code") for n, some in cells.items()}
    sources = {name: "".join(cell["source"]) for name, cell in first.items()}
    same = sources[NOTEBOOKS[0].name]
    assert "\nSOURCE = " in same and "%pip install -q {SOURCE}" in same
    assert [name for name, source in sources.items() if source != same] == []


@pytest.fixture
def hook():
    """The hook of MkDocs, which only those have who build the site."""
    pytest.importorskip("mkdocs")
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "notebook_pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_notebooks_are_pages(hook):
    config = SimpleNamespace(
        repo_url="https://github.com/someone/msgreen", site_dir="site", use_directory_urls=True
    )
    config.plugins = SimpleNamespace(_current_plugin=None)
    found = {file.src_uri: file for file in hook.on_files([], config)}
    for notebook in NOTEBOOKS:
        name = f"notebooks/{notebook.stem}"
        page = found[f"{name}.md"].content_string
        first, _, rest = page.partition("\n")
        assert first.startswith("# ") and "[Download this notebook]" in rest
        assert f"github/someone/msgreen/blob/main/notebooks/{notebook.name}" in rest
        count = pictures(notebook)
        assert page.count("![output](") == count > 0
        assert all(f"{name}/{n + 1}.png" in found for n in range(count))
        assert found[f"{name}/1.png"].content_bytes.startswith(b"\x89PNG")
        assert json.loads(found[f"{name}.ipynb"].content_string)["cells"]
