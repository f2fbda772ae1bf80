"""Open every page of the built site in Chromium without a network: `python tests/browse_site.py`.

It needs the browser (`chromium`) and playwright (`pip install playwright`), and `make docs` before.
It names pages with errors on the console, requests that leave the site, formulas that are raw,
and pictures that are missing; its exit code is the number of such pages.
"""

import contextlib
import functools
import http.server
import re
import shutil
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# What a reader sees of a formula that MathJax did not draw.
RAW = re.compile(r"\\\(|\\\[|\\(mathbf|frac|mathrm|mathcal|sum)\b|\$[^$\n]*\\[a-z]+")

LOOK = """() => {
  const page = document.querySelector("article").cloneNode(true);
  page.querySelectorAll("pre, code, mjx-container, script").forEach((e) => e.remove());
  const images = [...document.querySelectorAll("article img")];
  return {
    text: page.textContent,
    errors: document.querySelectorAll("mjx-merror, [data-mjx-error]").length,
    missing: images.filter((i) => i.complete && !i.naturalWidth).map((i) => i.src),
  };
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format, *args):
        """Say nothing."""


@contextlib.contextmanager
def served(folder: Path):
    """Give the address of a folder; search needs a server."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def faults(browser, address: str, name: str) -> list[str]:
    """Return what is wrong with one page."""
    page = browser.new_page()
    found: list[str] = []
    page.on("console", lambda m: m.type == "error" and found.append(f"console: {m.text}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on(
        "request", lambda r: r.url.startswith((address, "data:", "blob:")) or found.append(r.url)
    )
    page.goto(f"{address}/{name}")
    page.evaluate("() => window.MathJax && MathJax.startup && MathJax.startup.promise")
    page.evaluate("() => document.querySelectorAll('img').forEach((i) => (i.loading = 'eager'))")
    page.wait_for_load_state("networkidle")
    seen = page.evaluate(LOOK)
    page.close()
    found += [f"raw formula: {match[0][:60]}" for match in RAW.finditer(seen["text"])]
    found += ["a formula with an error"] * seen["errors"]
    return found + [f"no picture: {name}" for name in seen["missing"]]


def main(site: Path) -> int:
    """Name every page with something wrong, and return their number."""
    from playwright.sync_api import sync_playwright

    pages = sorted(file.relative_to(site).as_posix() for file in site.rglob("index.html"))
    wrong = 0
    with served(site) as address, sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name in pages:
            found = faults(browser, address, name)
            wrong += bool(found)
            for fault in dict.fromkeys(found):
                sys.stdout.write(f"{name}: {fault}\n")
        browser.close()
    sys.stdout.write(f"{len(pages)} pages, {wrong} with something wrong\n")
    return wrong


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "site"))
