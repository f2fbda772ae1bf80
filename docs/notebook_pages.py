"""Notebooks with their committed outputs as pages of the documentation: a hook of MkDocs."""

import base64
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.structure.files import File, Files

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


def on_files(files: Files, config) -> Files:
    """Add every notebook to the files of the site: as a page, its pictures, and to take away."""
    for notebook in sorted(FOLDER.glob("*.ipynb")):
        content = notebook.read_text(encoding="utf-8")
        name = f"notebooks/{notebook.stem}"
        pictures: dict[str, bytes] = {}
        cells = [_parts(cell, notebook.stem, pictures) for cell in json.loads(content)["cells"]]
        title, *parts = [part for cell in cells for part in cell]
        heading, _, rest = title.partition("\n")
        page = "\n\n".join([heading, _links(notebook.name, config), rest, *parts]) + "\n"
        files.append(File.generated(config, f"{name}.md", content=page))
        files.append(File.generated(config, f"{name}.ipynb", content=content))
        for file, picture in pictures.items():
            files.append(File.generated(config, f"{name}/{file}", content=picture))
    return files


def _links(name: str, config) -> str:
    """Return where to get a notebook; in Colab if `repo_url` of mkdocs.yml is on GitHub."""
    links = [f"[Download this notebook]({name})"]
    if found := re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)/?", config.repo_url or ""):
        place = f"github/{found[1]}/blob/main/notebooks/{name}"
        links.append(f"[Open in Colab](https://colab.research.google.com/{place})")
    return " · ".join(links)


def _parts(cell: dict, name: str, pictures: dict[str, bytes]) -> Iterator[str]:
    """Yield the Markdown of a cell and of its outputs; pictures are collected by name."""
    source = "".join(cell["source"]).strip()
    if cell["cell_type"] == "markdown":
        yield _relinked(source)
    elif source:
        yield f"```python\n{source}\n```"
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/png" in data:
            file = f"{len(pictures) + 1}.png"
            pictures[file] = base64.b64decode("".join(data["image/png"]))
            yield f"![output]({name}/{file})"
        elif "text/html" in data:
            yield "".join(data["text/html"])
        elif text := "".join(output.get("text", data.get("text/plain", ""))).rstrip():
            yield f"<pre>{html.escape(text)}</pre>"


def _relinked(text: str) -> str:
    """Return Markdown whose links to other notebooks and pages hold on the site."""
    text = re.sub(r"\]\((\w+)\.ipynb", r"](\1.md", text)
    return re.sub(r"\]\(\.\./docs/", "](../", text)
