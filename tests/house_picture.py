"""Draw the rooms of the house into CONTRIBUTING.md: python tests/house_picture.py."""

import ast

from test_house import FOUNDATIONS, MODULES, ROOMS, ROOT, own_imports, part_of

PAGE = ROOT / "CONTRIBUTING.md"
START, END = "<!-- house -->\n", "<!-- end of house -->\n"


def arrows() -> dict[str, set[str]]:
    """The rooms that every room imports."""
    found: dict[str, set[str]] = {room: set() for room in ROOMS}
    for module, file in MODULES.items():
        found[part_of(module)] |= {part_of(name) for name in own_imports(file)}
    return {room: parts - {room} for room, parts in found.items()}


def direct(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows that follow from no chain of others."""
    reach: dict[str, set[str]] = {}
    for room in ROOMS:
        reach[room] = found[room].union(*(reach[other] for other in found[room]))
    return {
        room: {part for part in parts if not any(part in reach[other] for other in parts)}
        for room, parts in found.items()
    }


def summary(room: str) -> str:
    """The first line of the docstring of a room."""
    for path in (
        f"msgreen/{room}/__init__.py",
        f"msgreen/{room}.py",
        f"kernels/{room}/__init__.py",
    ):
        file = ROOT / path
        if file.exists():
            return (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").split("\n")[0]
    return ""


def picture() -> str:
    """The block of CONTRIBUTING.md: a graph of all rooms but the foundations, and their words."""
    hidden = {room for room in ROOMS if room.startswith("_")} | {*FOUNDATIONS, "msgreen"}
    shown = [room for room in ROOMS if room not in hidden]
    lines = ["```mermaid", "graph BT"]
    found = {room: parts - hidden for room, parts in arrows().items()}
    for room, parts in direct(found).items():
        lines += [f"  {part} --> {room}" for part in shown if part in parts and room in shown]
    rows = [f"| `{room}` | {summary(room)} |" for room in shown]
    table = ["| room | what it is |", "|---|---|", *rows]
    return "\n".join([*lines, "```", "", *table]) + "\n"


def main() -> None:
    """Write the block."""
    before, _, rest = PAGE.read_text("utf-8").partition(START)
    after = rest.partition(END)[2]
    PAGE.write_text(before + START + picture() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
