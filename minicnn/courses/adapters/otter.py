"""otter-grader: a notebook for students, and test files in its exception-based format."""

import json

from minicnn._version import __version__
from minicnn.courses.adapters.notebook import attachments, cell, handout, notebook, skeleton
from minicnn.courses.grading.submission import chosen
from minicnn.courses.writing import seed_or_new, write_folder

_FILE = '''"""otter-grader's test of exercise {number}: {title}."""

from otter.test_files import test_case

OK_FORMAT = False

name = "{name}"
points = {points:g}
'''

# otter puts the files it is given there, before it installs what is required.
_REQUIREMENTS = f"""# The public index has another package of this name. Make a wheel of this one,
#     pip wheel --no-deps --wheel-dir . PATH/TO/THE/REPOSITORY
# and name it at the end of `otter generate`.
minicnn @ file:///autograder/source/files/minicnn-{__version__}-py3-none-any.whl
"""

_PUBLIC = """

@test_case(points=0)
def test_public(env):
    from minicnn.courses.adapters.notebook import check

    check("{name}")
"""

_HIDDEN = """

@test_case(points={points:g}, hidden=True)
def test_hidden(env):
    from minicnn.courses.adapters.notebook import check

    check("{name}", seed={seed}, feedback="{feedback}")
"""


def test_file(exercise, seed=None, feedback="cause"):
    """The text of a test file; with the hidden probes where there is a seed."""
    parts = _FILE + _PUBLIC + ("" if seed is None else _HIDDEN)
    return parts.format(
        number=exercise.number, title=exercise.title, name=exercise.name,
        points=exercise.points, seed=seed, feedback=feedback,
    )  # fmt: skip


def student_notebook(exercises):
    """The notebook that students work in."""
    cells = [cell("code", "import otter\n\ngrader = otter.Notebook()", "otter")]
    for e in exercises:
        text = cell("markdown", handout(e), f"{e.name}-text")
        cells.append(text | {"attachments": attachments(e)})
        cells.append(cell("code", skeleton(e), f"{e.name}-solution"))
        cells.append(cell("code", f'grader.check("{e.name}")', f"{e.name}-check"))
    return notebook(cells)


def export(folder, names=None, seed=None, feedback="cause"):
    """Write an assignment for otter-grader into `folder`, which must be new or empty.

    ``student/``: lab.ipynb and tests with the public probes. ``autograder/``: tests with the hidden
    ones, and requirements.txt, for ``otter generate``. Returns the seed.
    """
    exercises, seed = chosen(names), seed_or_new("assign otter", seed)
    book = json.dumps(student_notebook(exercises), indent=1, ensure_ascii=False)
    found = {"student/lab.ipynb": book, "autograder/requirements.txt": _REQUIREMENTS}
    for e in exercises:
        found[f"student/tests/{e.name}.py"] = test_file(e)
        found[f"autograder/tests/{e.name}.py"] = test_file(e, seed, feedback)
    write_folder("assign otter", folder, found)
    return seed
