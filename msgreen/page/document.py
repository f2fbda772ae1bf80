"""A scene as one HTML file: plotly.js, the program of the page and its numbers."""

import html
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

# Nothing may be fetched, and a browser enforces it.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; worker-src blob:"
)


def document(scene: Mapping) -> str:
    """Return the page of a scene.

    Parameters
    ----------
    scene : mapping
        What JSON can hold; see `page.js` for what is read.

    Returns
    -------
    str
    """
    here = files("msgreen.page")
    parts = {
        "@POLICY@": _POLICY,
        "@TITLE@": html.escape(str(scene["title"])),
        "@STYLE@": (here / "page.css").read_text(encoding="utf-8"),
        "@PLOTLY@": _plotly(),
        "@DATA@": json.dumps(scene, ensure_ascii=False, allow_nan=False).replace("</", "<\\/"),
        "@SHAPES@": (here / "shapes.js").read_text(encoding="utf-8"),
        "@PROGRAM@": (here / "page.js").read_text(encoding="utf-8"),
    }
    text = (here / "page.html").read_text(encoding="utf-8")
    pieces = []
    for mark, part in parts.items():
        before, _, text = text.partition(mark)
        pieces += [before, part]
    return "".join([*pieces, text])


@cache
def _plotly() -> str:
    """Return plotly.js, without importing the Python of plotly: that takes half a second."""
    return (files("plotly") / "package_data/plotly.min.js").read_text(encoding="utf-8")
