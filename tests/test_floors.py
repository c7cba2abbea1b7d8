"""A file imports only from its own floor and the floors below it (docs: how minicnn is built)."""

import ast
from pathlib import Path

import minicnn

PACKAGE = Path(minicnn.__file__).parent

# From the ground up; what stands in one line is one floor.
FLOORS = [
    ["equations", "textbook", "_version"],
    ["checks"],
    ["gpu"],
    ["dtypes", "shapes", "arrays", "device"],
    ["kernels"],
    ["random"],
    ["ops", "drawing"],
    ["modes"],
    ["graph"],
    ["tensor"],
    ["rewriting"],
    ["autograd", "functions"],
    ["creation", "config", "cuda", "cuda_graphs", "cuda_memory"],
    ["nn", "checking"],
    ["optim", "summary", "amp"],
    ["serialization"],
    ["data", "plot"],
    ["models"],
    ["onnx"],
    ["distributed"],
    ["training"],
    ["tracing"],
    ["stepper"],
    ["courses"],
    ["cli"],
    ["__main__"],
]
FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names}


def absolute(path, node):
    """The module that a ``from … import`` names, relative ones (``from ..checks``) included."""
    if not node.level:
        return node.module
    package = ("minicnn", *path.relative_to(PACKAGE).parts[:-1])
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def imports(path):
    """The parts of minicnn that a file imports, and everything else it imports."""
    own, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = absolute(path, node)
            names = [module]
            if module == "minicnn":
                names = [f"minicnn.{a.name}" for a in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "minicnn":
                own.add(parts[1] if len(parts) > 1 else "")
            else:
                others.add(parts[0])
    return own, others


def files():
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part not in ("__init__",):
            yield part, path


def test_every_part_has_a_floor():
    assert {part for part, _ in files()} <= set(FLOOR)


def test_imports_go_down():
    wrong = [
        f"{path.relative_to(PACKAGE)} (floor {part}) imports {name or 'minicnn itself'}"
        for part, path in files()
        for name in imports(path)[0]
        if name == "" or (name != part and FLOOR.get(name, 99) >= FLOOR[part])
        if not (name in FLOOR and FLOOR[name] == FLOOR[part])
    ]
    assert not wrong


def test_the_textbook_shares_nothing_with_what_it_checks():
    for part, path in files():
        if part in ("textbook", "equations"):
            own, others = imports(path)
            assert own <= {"textbook", "equations"}, path
            assert others <= {"numpy", "math", "dataclasses", "collections", "difflib"}, path


def test_relative_imports_are_seen():
    node = ast.parse("from ..checks import closest").body[0]
    assert absolute(PACKAGE / "textbook" / "signals.py", node) == "minicnn.checks"
