"""The rules of the house, read off the source tree without importing it."""

import ast
import functools
import graphlib
import json
import re
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# The rooms in the order of the sentence: a room imports from rooms before it only.
FOUNDATIONS = ("errors", "units", "_typing", "estimate", "_checks", "_threads", "_precision")
ROOMS = (
    "msgreen_kernels",
    *FOUNDATIONS,
    "blocks",
    "spin",
    "clusters",
    "contour",
    "convention",
    "lattice",
    "scattering",
    "hosts",
    "spinmodel",
    "energy",
    "exchange",
    "phonon",
    "io",
    "simulation",
    "plot",
    "page",
    "config",
    "papers",
    "cli",
    "__main__",
    "msgreen",  # the public list in __init__.py sees everything, nothing sees it
)

# mpmath recomputes tables of constants; no kernel needs it when it runs.
KERNELS_MAY_IMPORT = {"jax", "jaxlib", "numpy", "mpmath", "msgreen_kernels"}

# Diagonalisation has no stable derivative at degeneracies: module -> why it is safe there.
DIAGONALISES = {
    "msgreen.simulation.order": "modes of the lowest exchange; not differentiated",
    "msgreen.energy.bound_states": "levels in a gap, counted and found; not differentiated",
    "msgreen.energy.occupation": "a custom rule without derivatives of eigenvectors",
    "msgreen.energy.uniform_gap": "levels give a free energy that is not differentiated",
    "msgreen.energy.local_gap": "levels give a free energy with a slope of its own",
    "msgreen.energy.free_levels": "levels are counted, a diagnosis that is not differentiated",
    "msgreen.lattice.finite": "levels are counted, a diagnosis that is not differentiated",
    "msgreen.lattice.layers": "levels are counted, a diagnosis that is not differentiated",
    "msgreen.lattice.magnetic": "the extremes of the bands, which bound a contour",
    "msgreen.lattice.overlap": "a square root, whose derivative needs none of eigenvectors",
    "msgreen.hosts.cluster": "levels are looked for, a diagnosis that is not differentiated",
    "msgreen.hosts.tight_binding": "levels are counted, a diagnosis that is not differentiated",
    "msgreen.io.spin_programs.parts": "axes of on-site tensors, written to files",
    "msgreen.contour.kronrod": "nodes and weights are constants of a rule",
    "msgreen.contour.poles": "poles and residues are constants of a rule",
    "msgreen.exchange.crystal.anisotropy": "an easy axis is said, not differentiated",
    "msgreen.energy.lloyd": "the spectral radius is a diagnostic number, not differentiated",
    "msgreen.phonon.crystal": "squared energies check stability, they are not differentiated",
    "msgreen.phonon.modes": "modes are constants of numpy; tensors come from resolvents",
    "msgreen.phonon.matrix_function": "custom rules without derivatives of eigenvectors",
    "msgreen.papers.fransson.pair": "levels are printed; moments are derivatives of an energy",
    "msgreen.papers.fransson.phase_diagram": "crossovers are searched, not differentiated",
    "msgreen.spinmodel.states.ground_state": "curvatures say whether a state is stable",
    "msgreen.spinmodel.states.spin_waves": "levels of magnons are listed, not differentiated",
    "msgreen.spinmodel.states.magnons": "levels of J(q) are listed, not differentiated",
    "msgreen.config.lattice_order": "a mode of J(q) makes a state, it is not differentiated",
    "msgreen.spinmodel.states.temperatures": "modes are constants of first-order perturbations",
    "msgreen.spinmodel.states.spirals": "the lowest eigenvalue is searched, not differentiated",
}

FILE_LINES = 420
FUNCTION_LINES = 65  # without the docstring

ABSOLUTE_PATH = re.compile(r"(?<![\w.:/+-])/(work|home|root|Users)/\w")
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def sources(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


PACKAGE = sources("msgreen")
KERNELS = sources("kernels/msgreen_kernels")
CODE = PACKAGE + KERNELS
SELF = Path(__file__).resolve()


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def module_name(file: Path) -> str:
    path = file.relative_to(ROOT / "kernels" if file in KERNELS else ROOT).with_suffix("")
    return ".".join(path.parts[:-1] if path.name == "__init__" else path.parts)


MODULES = {module_name(file): file for file in CODE}
FOLDERS = {".".join(name.split(".")[:n]) for name in MODULES for n in range(1, name.count(".") + 1)}


def part_of(module: str) -> str:
    """The part of the house a module belongs to: msgreen.io.spirit -> io."""
    first, _, rest = module.partition(".")
    return rest.split(".")[0] if first == "msgreen" and rest else first


def imports(file: Path) -> set[str]:
    """Modules a file imports, anywhere in it; `from package import module` gives the module."""
    found = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = import_base(file, node)
            for alias in node.names:
                name = f"{base}.{alias.name}"
                found.add(name if name in MODULES or name in FOLDERS else base)
    return found


def import_base(file: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module_name(file).split(".")
    package = parts if file.name == "__init__.py" else parts[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def own_imports(file: Path) -> list[str]:
    return sorted(n for n in imports(file) if n.split(".")[0] in ("msgreen", "msgreen_kernels"))


def dotted(node: ast.expr) -> str:
    """`jax.config.update` as text; other expressions as an empty string at their place."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(file: Path) -> list[tuple[str, int]]:
    nodes = [node for node in ast.walk(tree(file)) if isinstance(node, ast.Call)]
    return [(dotted(node.func), node.lineno) for node in nodes]


def functions(node: ast.AST) -> list[ast.FunctionDef]:
    return [n for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def own_lines(function: ast.FunctionDef) -> int:
    first = function.body[0]
    is_docstring = ast.get_docstring(function) is not None
    docstring = first.end_lineno - first.lineno + 1 if is_docstring else 0
    return function.end_lineno - function.lineno + 1 - docstring


def lines_with(pattern: re.Pattern, text: str) -> list[str]:
    lines = enumerate(text.splitlines(), start=1)
    return [f"line {n}: {line.strip()}" for n, line in lines if pattern.search(line)]


def for_every(items, name=str):
    """Make a test of one item a test of all: it names every item that breaks the rule."""

    def collect(rule):
        def test():
            broken = []
            for item in items:
                try:
                    rule(item)
                except AssertionError as error:
                    broken.append(f"{name(item)}: {error}")
            assert not broken, "\n".join(broken)

        test.__name__, test.__doc__ = rule.__name__, rule.__doc__
        return test

    return collect


def per_file(files: list[Path]):
    return for_every(files, relative)


# --- floors -----------------------------------------------------------------------------------


def test_every_room_has_its_place():
    rooms = {part_of(name) for name in MODULES}
    assert rooms == set(ROOMS), "list new rooms in ROOMS, in the order of the sentence"


@per_file(CODE)
def test_imports_point_down(file):
    here = part_of(module_name(file))
    later = ROOMS[ROOMS.index(here) + 1 :]
    wrong = [name for name in own_imports(file) if part_of(name) in later]
    assert not wrong, f"it must import from rooms before `{here}` only, but it imports {wrong}"


@per_file(CODE)
def test_nothing_depends_on_the_papers(file):
    here = part_of(module_name(file))
    names = [name for name in own_imports(file) if part_of(name) == "papers"]
    assert not names or here in ("papers", "cli"), f"it imports {names}"


def test_imports_have_no_cycle():
    graph = {n: {m for m in own_imports(f) if m in MODULES and m != n} for n, f in MODULES.items()}
    graphlib.TopologicalSorter(graph).prepare()


def host_of(module: str) -> str:
    """msgreen.hosts.kkr.files -> kkr; the list of hosts itself gives an empty string."""
    return module.removeprefix("msgreen.hosts").lstrip(".").split(".")[0]


@per_file([f for f in sources("msgreen/hosts") if host_of(module_name(f))])
def test_hosts_do_not_import_each_other(file):
    known = {"base", host_of(module_name(file))}
    others = [n for n in own_imports(file) if part_of(n) == "hosts" and host_of(n) not in known]
    assert not others, f"a host must receive another host as an argument, not import {others}"


@per_file(KERNELS)
def test_kernels_stand_alone(file):
    roots = {name.split(".")[0] for name in imports(file)}
    assert roots <= KERNELS_MAY_IMPORT | set(sys.stdlib_module_names)


# --- classes ----------------------------------------------------------------------------------


def class_table() -> dict[str, ast.ClassDef]:
    """Every class by its full name, as msgreen.contour.kronrod.Rule."""
    nodes = [(module, node) for module, file in MODULES.items() for node in ast.walk(tree(file))]
    return {f"{m}.{node.name}": node for m, node in nodes if isinstance(node, ast.ClassDef)}


CLASSES = class_table()


def bare(name: str) -> str:
    return name.rpartition(".")[2]


def bases(name: str) -> list[str]:
    """Full names of the bases from this project (same module first), bare names of others."""
    nodes = [b.value if isinstance(b, ast.Subscript) else b for b in CLASSES[name].bases]
    return [full_name(bare(dotted(node)), name.rpartition(".")[0]) for node in nodes]


def full_name(base: str, module: str) -> str:
    candidates = [f"{module}.{base}", *(name for name in CLASSES if bare(name) == base)]
    return next((name for name in candidates if name in CLASSES), base)


def is_exception(name: str) -> bool:
    """Exceptions form a family: they are caught by their common base."""
    if name not in CLASSES:
        return name.endswith(("Exception", "Error", "Warning"))
    return any(is_exception(base) for base in bases(name))


ORDINARY = sorted(name for name in CLASSES if not is_exception(name))


def ancestors(name: str) -> list[str]:
    """The class itself and its ancestors in this project."""
    if name not in CLASSES:
        return []
    return [name, *(a for base in bases(name) for a in ancestors(base))]


def methods(name: str) -> set[str]:
    return {n.name for n in CLASSES[name].body if isinstance(n, ast.FunctionDef)}


@for_every(ORDINARY)
def test_class_is_abstract_or_final(name):
    concrete = [a for a in ancestors(name)[1:] if not bare(a).startswith("Abstract")]
    assert not concrete, f"{name} must not subclass {concrete}: compose instead"


@for_every(ORDINARY)
def test_no_method_is_overridden_twice(name):
    chain = dict.fromkeys(ancestors(name))
    for method in methods(name) - {"__check_init__"}:
        definitions = [a for a in chain if method in methods(a)]
        assert len(definitions) <= 2, f"`{method}` is overridden twice: {definitions}"


@per_file(CODE)
def test_no_super(file):
    assert not [line for name, line in calls(file) if name == "super"]


# --- what a file may hold ---------------------------------------------------------------------


@per_file(CODE)
def test_no_print(file):
    assert not [line for name, line in calls(file) if name == "print"]


@per_file(CODE)
def test_no_leftovers(file):
    assert not lines_with(LEFTOVER, file.read_text(encoding="utf-8"))


def is_stub(function: ast.FunctionDef) -> bool:
    decorators = {dotted(d).rpartition(".")[2] for d in function.decorator_list}
    if decorators & {"abstractmethod", "overload"}:
        return False
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return all(isinstance(s, ast.Pass) or is_ellipsis(s) for s in body)


def is_ellipsis(statement: ast.stmt) -> bool:
    is_constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_constant and statement.value.value is ...


@per_file(CODE)
def test_no_stubs(file):
    stubs = [f.name for f in functions(tree(file)) if is_stub(f)]
    assert not stubs, f"functions without a body: {stubs}"


@per_file(PACKAGE)
def test_nothing_is_left_unimplemented(file):
    """Kernels may refuse a device or a shape; the library finishes what it offers."""
    assert "NotImplementedError" not in file.read_text(encoding="utf-8")


@per_file(CODE)
def test_no_catch_all_module(file):
    assert file.stem not in ("utils", "util", "helpers", "misc", "common")


@per_file(PACKAGE)
def test_diagonalisation_is_listed(file):
    where = [line for name, line in calls(file) if re.search(r"\.eig\w*$", f".{name}")]
    assert not where or module_name(file) in DIAGONALISES, (
        f"eig* at lines {where}: use a resolvent, or give the module a reason in DIAGONALISES"
    )


def test_diagonalising_modules_exist():
    assert set(DIAGONALISES) <= set(MODULES)


@per_file(PACKAGE)
def test_configuration_of_jax_belongs_to_the_user(file):
    where = [line for name, line in calls(file) if name == "jax.config.update"]
    assert not where or module_name(file) == "msgreen.cli.session"
    assert "from jax import config" not in file.read_text(encoding="utf-8")


@per_file(CODE)
def test_file_is_short(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= FILE_LINES


@per_file(CODE)
def test_functions_are_short(file):
    lengths = {f.name: own_lines(f) for f in functions(tree(file))}
    long = {name: length for name, length in lengths.items() if length > FUNCTION_LINES}
    assert not long, f"functions of more than {FUNCTION_LINES} lines: {long}"


# --- what the public sees ---------------------------------------------------------------------


def public(body: list[ast.stmt]) -> list[ast.FunctionDef | ast.ClassDef]:
    definitions = [n for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    return [n for n in definitions if not n.name.startswith("_")]


def public_with_methods(file: Path) -> list[ast.FunctionDef | ast.ClassDef]:
    top = public(tree(file).body)
    return top + [m for c in top if isinstance(c, ast.ClassDef) for m in public(c.body)]


@per_file(PACKAGE)
def test_public_names_have_a_summary(file):
    nodes = [tree(file), *public_with_methods(file)]
    silent = [getattr(n, "name", "the module") for n in nodes if not ast.get_docstring(n)]
    assert not silent, f"without a docstring: {silent}"


def signatures(file: Path) -> list[ast.FunctionDef]:
    """Public functions and methods, and how public classes are made and called."""
    top = public(tree(file).body)
    made = [m for c in top if isinstance(c, ast.ClassDef) for m in functions(c)]
    known = [n for n in public_with_methods(file) if isinstance(n, ast.FunctionDef)]
    return known + [m for m in made if m.name in ("__init__", "__call__")]


def parameters(function: ast.FunctionDef) -> list[ast.arg]:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return [p for p in named if p.arg not in ("self", "cls")]


@per_file([f for f in PACKAGE if not f.stem.startswith("_") or f.name == "__init__.py"])
def test_public_signatures_are_annotated(file):
    bare = [
        f"{function.name}({parameter.arg})"
        for function in signatures(file)
        for parameter in parameters(function)
        if parameter.annotation is None
    ]
    bare += [f.name for f in signatures(file) if f.returns is None and f.name != "__init__"]
    assert not bare, f"without annotation: {bare}"


KINDS = {"Bool", "Int", "Float", "Complex", "Num"}


def axes(file: Path) -> set[str]:
    """Names of axes in the annotations of a file, `*box` as `box`; numbers and dots are none."""
    shapes = [
        node.slice.elts[1].value
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Subscript) and dotted(node.value) in KINDS
        if isinstance(node.slice, ast.Tuple) and isinstance(node.slice.elts[1], ast.Constant)
    ]
    words = {word.lstrip("*#") for shape in shapes for word in shape.split()}
    return {word for word in words if word.isidentifier()}


@functools.cache
def vocabulary() -> set[str]:
    lines = ast.get_docstring(tree(MODULES["msgreen._typing"])).partition("Axes::")[2].splitlines()
    rows = [re.match(r" +((?:\w+, )*\w+) +[A-Z]", line) for line in lines]
    return {name for row in rows if row for name in row[1].split(", ")}


@per_file(PACKAGE)
def test_axes_are_of_one_vocabulary(file):
    unknown = sorted(axes(file) - vocabulary())
    assert not unknown, f"axes that msgreen/_typing.py does not name: {unknown}"


def test_every_axis_of_the_vocabulary_is_in_use():
    unused = vocabulary() - set().union(*map(axes, PACKAGE))
    assert not unused, f"msgreen/_typing.py names axes that no annotation has: {sorted(unused)}"


@per_file([ROOT / "msgreen" / "__init__.pyi"])
def test_public_list_is_only_a_list(file):
    extra = [ast.unparse(n) for n in tree(file).body if not belongs_to_public_list(n)]
    assert not extra, f"msgreen/__init__.pyi holds more than its list: {extra}"


def belongs_to_public_list(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level == 1 and all(alias.asname == alias.name for alias in node.names)
    if isinstance(node, ast.AnnAssign):
        return dotted(node.target) == "__version__"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@per_file([f for f in PACKAGE if not f.name.startswith("_") and f.name != "errors.py"])
def test_public_names_are_tested(file):
    names = [n.name for n in public(tree(file).body) if not n.name.startswith("Abstract")]
    missing = [name for name in names if name not in words_of_tests()]
    assert not missing, f"no test mentions {missing}"


@cache
def words_of_tests() -> set[str]:
    tests = "\n".join(f.read_text(encoding="utf-8") for f in sources("tests") if f != SELF)
    return set(re.findall(r"\w+", tests))


# --- paths ------------------------------------------------------------------------------------


def written() -> list[Path]:
    folders = [ROOT / name for name in ("msgreen", "kernels", "docs", "tests", "notebooks")]
    files = [file for folder in folders for file in folder.rglob("*")] + list(ROOT.glob("*.md"))
    kinds = {".py", ".md", ".ipynb", ".toml", ".js"}
    return sorted(f for f in files if f.suffix in kinds and f != SELF and ".ipynb_" not in str(f))


def prose(file: Path) -> str:
    """The text of a file; of a notebook its sources and text outputs, not its pictures."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    streams = [output.get("text", "") for output in outputs]
    plain = [output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join("".join(t) for t in [*(c["source"] for c in cells), *streams, *plain])


@per_file(written())
def test_no_path_of_one_machine(file):
    assert not lines_with(ABSOLUTE_PATH, prose(file))


def test_picture_of_the_house_is_current():
    """If not: python tests/house_picture.py."""
    from house_picture import END, PAGE, START, picture

    assert START + picture() + END in PAGE.read_text(encoding="utf-8")
