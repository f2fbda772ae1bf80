"""Commands that help to begin: a commented configuration, its schema, completion in shells."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from msgreen.cli.report import common_options, say
from msgreen.cli.session import prepare

SHELLS = ("bash", "zsh")
"""Those for which there is completion."""


class Names:
    """Names that are imported when they are asked for: `msgreen --help` is quick."""

    def __init__(self, load: Callable[[], Iterable[str]]) -> None:
        self._load = load

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __contains__(self, name: object) -> bool:
        return name in tuple(self)

    def __getitem__(self, number: int) -> str:
        """Return one of them; older shtab asks for the first."""
        return tuple(self)[number]


def _examples():
    from msgreen.papers.runs import EXAMPLES

    return EXAMPLES


def _kinds():
    prepare()
    from msgreen.papers.runs import KINDS

    return KINDS


def add_start(commands: argparse._SubParsersAction, parser: argparse.ArgumentParser) -> None:
    """Add ``msgreen init``, ``schema`` and ``completion`` to the commands of the program."""
    _add_init(commands)
    _add_schema(commands)
    _add_completion(commands, parser)


def _add_init(commands) -> None:
    parser = commands.add_parser(
        "init",
        help="write a commented configuration to start from",
        description="Write a commented configuration of a kind of run, which works as it is.",
        parents=[common_options()],
    )
    parser.add_argument("kind", choices=Names(_examples), metavar="KIND", help="one of %(choices)s")
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="where to write it (default: KIND.toml); - for the terminal",
    )
    parser.set_defaults(command=_init)


def _init(options: argparse.Namespace) -> int:
    from msgreen.errors import InputError

    text = _examples()[options.kind].read_text(encoding="utf-8")
    file = options.file or Path(f"{options.kind}.toml")
    if str(file) == "-":
        sys.stdout.write(text)
        return 0
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError as error:
        raise InputError(
            f"Argument `FILE` must be a new file, but {file} exists. Give another name."
        ) from error
    except OSError as error:
        raise InputError(
            f"Argument `FILE` must be a file that can be written, but {file} is not "
            f"({error.strerror}). Give another name."
        ) from error
    say(options, [], {"wrote": [file]}, [f"Run it: msgreen run {file} --out {file.stem}"])
    return 0


def _add_schema(commands) -> None:
    parser = commands.add_parser(
        "schema",
        help="write the JSON schema of configurations, for editors",
        description="Write the JSON schema of one kind of configuration, or of all. Editors that "
        "know TOML complete and check keys with it: put `#:schema FILE` on the first line.",
    )
    parser.add_argument(
        "kind", nargs="?", choices=Names(_kinds), metavar="KIND", help="one of %(choices)s"
    )
    parser.set_defaults(command=_schema)


def _schema(options: argparse.Namespace) -> int:
    from msgreen.config import json_schema

    kinds = _kinds()
    chosen = {options.kind: kinds[options.kind]} if options.kind else kinds
    sys.stdout.write(json.dumps(json_schema(chosen), indent=2, ensure_ascii=False) + "\n")
    return 0


def _add_completion(commands, parser: argparse.ArgumentParser) -> None:
    completion = commands.add_parser(
        "completion",
        help="write what completes commands in a shell",
        description="Write the script that completes commands and options in a shell. For bash: "
        "msgreen completion bash > ~/.local/share/bash-completion/completions/msgreen",
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell")
    completion.set_defaults(command=lambda options: _completion(options, parser))


def _completion(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    import shtab

    sys.stdout.write(shtab.complete(parser, options.shell) + "\n")
    return 0
