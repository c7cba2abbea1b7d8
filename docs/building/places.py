"""Where something stands in the sources: a file and a line, found anew for every build."""

import ast
import importlib
import inspect
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    """A line of a file of this repository.

    file:  its path from the repository's root, with slashes.
    line:  counted from 1.
    label: what a link to it says.
    """

    file: str
    line: int
    label: str

    @property
    def address(self):
        """The page of the file and the line on it, from the site's root."""
        return f"source/{self.file.removesuffix('.py')}.html#L-{self.line}"


@cache
def _text(file):
    return (ROOT / file).read_text(encoding="utf-8")


@cache
def _extents(file):
    """{qualified name: (first line, last line)} of every function and class of a file."""
    found = {}

    def visit(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                found.setdefault(name, (child.lineno, child.end_lineno))
                visit(child, name + ".")
            else:
                visit(child, prefix)

    visit(ast.parse(_text(file)), "")
    return found


def line_in(file, function, code):
    """The one line of `function` in `file` that holds `code`.

    Raises LookupError where the function is not there, or holds it never or more than once: then
    the source has changed, and whoever links to it has to look again.
    """
    if function not in _extents(file):
        raise LookupError(f"{file} has no {function}")
    first, last = _extents(file)[function]
    lines = _text(file).splitlines()
    hits = [n for n in range(first, last + 1) if code in lines[n - 1]]
    if len(hits) != 1:
        raise LookupError(f"{file}: {function} holds {code!r} {len(hits)} times, not once")
    return Place(file, hits[0], function)


def definition(name):
    """Where the object with this dotted name, such as ``minicnn.nn.Conv2d``, is defined."""
    parts = name.split(".")
    for split in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:split]))
            break
        except ModuleNotFoundError:
            continue
    else:
        raise LookupError(f"no module on the way to {name}")
    for part in parts[split:]:
        if not hasattr(thing, part):
            raise LookupError(f"{name}: there is no {part}")
        thing = getattr(thing, part)
    return place_of(thing, parts[-1])


def place_of(thing, label):
    """Where a module, class or function is defined; LookupError for anything else."""
    thing = inspect.unwrap(getattr(thing, "fget", None) or thing)
    if inspect.ismethod(thing):
        thing = thing.__func__
    try:
        path = Path(inspect.getsourcefile(thing)).resolve().relative_to(ROOT)
        line = 1 if inspect.ismodule(thing) else inspect.getsourcelines(thing)[1]
    except (TypeError, OSError, ValueError) as error:
        raise LookupError(f"{label} has no source here") from error
    return Place(path.as_posix(), line, label)
