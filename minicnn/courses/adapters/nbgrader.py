"""nbgrader: the source version of an assignment, from which it makes the students'."""

import json
import re

from minicnn.courses.adapters.notebook import attachments, cell, handout, notebook, skeleton
from minicnn.courses.grading.submission import chosen
from minicnn.courses.writing import seed_or_new, write_folder

SCHEMA = 3  # of nbgrader's cell metadata

_CHECK = """from minicnn.courses.adapters.notebook import check

check("{name}")
### BEGIN HIDDEN TESTS
check("{name}", seed={seed}, feedback="{feedback}")
### END HIDDEN TESTS"""


def _kind(name, *, grade=False, solution=False, locked=False, **more):
    return {
        "grade": grade, "solution": solution, "locked": locked, "task": False,
        "grade_id": name, "schema_version": SCHEMA, **more,
    }  # fmt: skip


def _marked(text):
    """A skeleton as nbgrader wants it: without marks it would empty the whole cell."""
    marks = r"\1### BEGIN SOLUTION\n\1\2\n\1### END SOLUTION"
    return re.sub(r"^( *)(raise NotImplementedError\(.*)$", marks, text, flags=re.MULTILINE)


def source_notebook(exercises, seed, feedback):
    """The notebook with the hidden tests, which nbgrader takes out for the students."""
    cells = []
    for e in exercises:
        text, answer, test = (f"{e.name}-{kind}" for kind in ("text", "solution", "test"))
        read_only = _kind(text, locked=True)
        cells.append(
            cell("markdown", handout(e), text, nbgrader=read_only) | {"attachments": attachments(e)}
        )
        kind = _kind(answer, solution=True)
        cells.append(cell("code", _marked(skeleton(e)), answer, nbgrader=kind))
        kind = _kind(test, grade=True, locked=True, points=e.points)
        check = _CHECK.format(name=e.name, seed=seed, feedback=feedback)
        cells.append(cell("code", check, test, nbgrader=kind))
    return notebook(cells)


def export(folder, names=None, seed=None, feedback="cause"):
    """Write ``lab.ipynb`` into `folder`, a ``COURSE/source/ASSIGNMENT``; returns the seed."""
    exercises, seed = chosen(names), seed_or_new("assign nbgrader", seed)
    book = source_notebook(exercises, seed, feedback)
    text = json.dumps(book, indent=1, ensure_ascii=False)
    write_folder("assign nbgrader", folder, {"lab.ipynb": text})
    return seed
