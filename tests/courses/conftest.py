"""What tests of wrong answers share."""

import textwrap
from pathlib import Path

import pytest

from minicnn.courses.exercises import load
from minicnn.courses.grading import grade_exercise

SOURCES = Path(__file__).resolve().parents[2] / "examples" / "courses_source"
EXERCISES = load()
# What a message says of an answer as a whole.
CLAIMS = ("in the catalogue", "right but for", "the right one", "right values", "not linear")


def submission(exercise, code):
    """A right submission with one function replaced; `_right_NAME` is the right one."""
    name = f"{exercise.name}.py"
    source = (SOURCES / name).read_text(encoding="utf-8")
    kept = "".join(f"_right_{t.function} = {t.function}\n" for t in exercise.tasks)
    return {name: f"{source}\n{kept}\n{textwrap.dedent(code)}".encode()}


@pytest.fixture
def claims():
    """claims(number, code, seed): grades a wrong answer, which has to fail; what is claimed of it.

    seed None: on the public probes only, as pytest does in a lab.
    """

    def found(number, code, seed=8):
        exercise = EXERCISES[number - 1]
        result = grade_exercise(exercise, submission(exercise, code), seed=seed)
        text = result.text("window")
        assert result.verdict in ("wrong", "not as agreed", "raised"), text
        assert result.score == 0, text
        return tuple(f.text for f in result.findings if any(c in f.text for c in CLAIMS))

    return found
