"""The pages of the reference, written anew at every build from the docstrings.

A page a package, in it a section for each file that its names come from. Docstrings are plain text
with `names` and ``code`` in it, not reStructuredText: what would mean something there is escaped.
"""

import inspect
import re
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

from minicnn import equations

from .places import place_of
from .public import MODULES, documented

TARGET = Path(__file__).resolve().parents[1] / "api"

INDEX = """# Reference

Every public name, from its docstring. Examples in it are run by the tests. *source* behind a name
leads to its line. What holds for all names of a package or of a file stands above them.

```{toctree}
:maxdepth: 1

"""


def write(app=None):
    """The index and the pages, in docs/api; what has not changed is left alone."""
    TARGET.mkdir(exist_ok=True)
    by_module = defaultdict(list)
    for name in documented():
        by_module[name.rpartition(".")[0]].append(name)
    pages = {"index": INDEX + "\n".join(by_module) + "\n```\n"}
    pages |= {module: page(module, names) for module, names in by_module.items()}
    for old in TARGET.glob("*.md"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        path = TARGET / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def page(module, names):
    """The text of one page."""
    things, files = documented(), defaultdict(list)
    for name in names:
        files[things[name].__module__].append(name)
    parts = [f"# {MODULES[module]}: `{module}`\n", docstring_of(module)]
    for file, inside in files.items():
        if file != module:
            parts.append(f"## {heading(file)}\n")
            parts.append(docstring_of(file))
        parts += [entry(name, things[name]) for name in sorted(inside, key=str.lower)]
    return "\n".join(parts)


def heading(file):
    """From "minicnn.nn.functional.elementwise_loss": "Elementwise loss"."""
    return file.rpartition(".")[2].replace("_", " ").capitalize()


def docstring_of(module):
    """A module's docstring; tables and drawings in it keep their lines."""
    parts = []
    for part in inspect.cleandoc(sys.modules[module].__doc__ or "").split("\n\n"):
        if part.startswith(">>>") or not re.search(r"^ |\S {2,}\S", part, re.MULTILINE):
            parts.append(escaped(part))
        else:
            parts.append("::\n\n" + textwrap.indent(part, "    "))
    text = "\n\n".join(parts)
    return f"```{{eval-rst}}\n{text}\n```\n"


def entry(name, thing):
    kind = "function"
    if inspect.isclass(thing):
        kind = "exception" if issubclass(thing, BaseException) else "class"
    options = "   :members:\n" if kind == "class" else ""
    return f"```{{eval-rst}}\n.. auto{kind}:: {name}\n{options}```\n"


def escaped(text):
    """Docstrings as reStructuredText that looks like them."""
    lines, example = [], False
    for line in text.splitlines():
        stripped = line.strip()
        example = stripped.startswith(">>>") or (example and bool(stripped))
        lines.append(line if example else _escaped(line))
    return "\n".join(lines)


def _escaped(line):
    # "eq. 1.17" and "equation ``relu``" lead to the catalogue.
    parts = re.split(r"\b([Ee]q\. |[Ee]quation )(``[\w.-]+``|1\.\d+)(?!\w)", line)
    text = _without_markup(parts[0])
    for word, cited, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        key = cited.strip("`")
        known = key in equations.keys()  # noqa: SIM118, a function of minicnn's
        text += f":eq:`{key}`" if known else word + _without_markup(cited)
        text += _without_markup(rest)
    return text


def _without_markup(text):
    # What stands in quotes is code; the rest is text, in which * | _ mean themselves.
    parts = re.split(r"(``.+?``|`[^`]+`)", text)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"([*|\\])", r"\\\1", parts[i])
        parts[i] = re.sub(r"(\w)_(?!\w)", r"\1\\_", parts[i])
    for i in range(1, len(parts), 2):
        parts[i] = f"``{parts[i].strip('`')}``"
    return "".join(parts)


def process(app, what, name, thing, options, lines):
    lines[:] = escaped("\n".join(lines)).splitlines()


def link_to_source(domain, info):
    """Where a name of the reference is defined, for Sphinx's "source" links."""
    thing = sys.modules.get(info["module"])
    for part in info["fullname"].split("."):
        thing = getattr(thing, part, None)
    try:
        return "../" + place_of(thing, info["fullname"]).address
    except LookupError:
        return None


def setup(app):
    app.connect("builder-inited", write)
    # Before napoleon, which turns "Args:" into fields.
    app.connect("autodoc-process-docstring", process, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
