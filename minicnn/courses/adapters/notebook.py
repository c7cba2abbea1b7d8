"""Exercises as a notebook, for systems that collect notebooks; cells that call the grader.

A solution's cell begins with ``%%writefile``: running it writes the student's file, and the grader
runs that file in its own process. So nothing of the student's runs in the notebook's kernel, and an
endless loop or a crash there is a verdict, not a dead kernel.
"""

from importlib.resources import files

from minicnn.courses.grading import grade_exercise
from minicnn.courses.grading.submission import chosen, read_submission


class NotPassed(AssertionError):
    """An exercise that does not pass; notebooks show its text without a traceback."""

    def _render_traceback_(self):
        return str(self).splitlines()


def check(name, seed=None, feedback="window"):
    """Grade the exercise `name` (or its number) in the current folder.

    Args:
        name: ``"ex05_weight_gradient"``, or ``5``.
        seed: of the hidden probes; None: only the public ones.
        feedback: how much is told; see `minicnn.courses.grading.grade`.

    Raises:
        NotPassed: it does not pass; the text says why.
    """
    (exercise,) = chosen([name])
    result = grade_exercise(exercise, read_submission("."), seed=seed)
    if not result.passed:
        raise NotPassed(result.text(feedback))
    print(result.text(feedback))


def handout(exercise):
    """The text of an exercise's hand-out, its figure included."""
    folder = files("minicnn.courses") / "handouts"
    text = (folder / f"{exercise.name}.md").read_text(encoding="utf-8")
    figure = folder / f"{exercise.name}.svg"
    if figure.is_file():
        # A notebook travels alone: the figure goes along as an attachment of its cell.
        text = text.replace(f"({exercise.name}.svg)", f"(attachment:{exercise.name}.svg)")
    return text


def attachments(exercise):
    """The figure of an exercise in the form of a notebook's attachment."""
    import base64

    figure = files("minicnn.courses") / "handouts" / f"{exercise.name}.svg"
    if not figure.is_file():
        return {}
    data = base64.b64encode(figure.read_bytes()).decode()
    return {f"{exercise.name}.svg": {"image/svg+xml": data}}


def skeleton(exercise):
    """The cell that writes the student's file."""
    text = files("minicnn.courses") / "skeletons" / f"{exercise.name}.txt"
    return f"%%writefile {exercise.name}.py\n" + text.read_text(encoding="utf-8").rstrip()


def cell(kind, source, name, **metadata):
    """A cell: kind is ``"markdown"`` or ``"code"``."""
    found = {"cell_type": kind, "id": name, "metadata": metadata, "source": source}
    return found | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def notebook(cells):
    """A notebook, as data, that runs in a Python kernel."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
