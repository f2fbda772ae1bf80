"""What a command says at its end: lines to read, one JSON object, or nothing."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def common_options() -> argparse.ArgumentParser:
    """Return the options of every command, as a parent of its parser."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("what is said").add_mutually_exclusive_group()
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing but what is wrong")
    group.add_argument("-v", "--verbose", action="store_true", help="say what took the time")
    group.add_argument("--json", action="store_true", help="say one JSON object")
    return parser


def say(
    options: argparse.Namespace,
    summary: Sequence[str],
    files: Mapping[str, Sequence[Path]] | None = None,
    hints: Sequence[str] = (),
) -> None:
    """Say what was found on the standard output, in the manner that was asked for.

    Parameters
    ----------
    options : argparse.Namespace
        With those of `common_options`.
    summary : sequence of str
        Lines.
    files : mapping of str to sequence of Path, optional
        What was written, by kind; kinds without files are left out.
    hints : sequence of str
        What to do next, which readers of JSON know.
    """
    named = {kind: [str(path) for path in paths] for kind, paths in (files or {}).items() if paths}
    if options.json:
        content = {"summary": list(summary), "files": named}
        sys.stdout.write(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    elif not options.quiet:
        lines = [f"{kind.capitalize() + ':':<10}{', '.join(n)}" for kind, n in named.items()]
        sys.stdout.write("\n".join([*summary, *lines, *hints]) + "\n")


def show_warning(message: Warning | str, *_: object) -> None:
    """Say a warning in one line on the error output, without the line of the source."""
    sys.stderr.write(f"msgreen: warning: {message}\n")
