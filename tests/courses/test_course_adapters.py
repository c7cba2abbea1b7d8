"""otter-grader and nbgrader: what is written for them, and the real packages on it."""

import csv
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from minicnn._version import __version__
from minicnn.courses.adapters import nbgrader, otter
from minicnn.courses.adapters.notebook import NotPassed, check
from minicnn.courses.grading.submission import chosen

SOURCES = Path(__file__).resolve().parents[2] / "examples" / "courses_source"
FIVE = "ex05_weight_gradient"
RIGHT = (SOURCES / f"{FIVE}.py").read_text("utf-8")
ANSWERS = {
    "right": RIGHT,
    "wrong": RIGHT.replace("return dw", "return dw / len(x)"),
    "ends": RIGHT.replace("return dw", "import os; os._exit(0)"),
}


def source(cell):
    return "".join(cell["source"])


def filled(book, answer):
    """A student's notebook: the cell that writes the file, with an answer in it."""
    book = json.loads(json.dumps(book))
    (cell,) = [c for c in book["cells"] if source(c).startswith("%%writefile")]
    cell["source"] = f"%%writefile {FIVE}.py\n{answer}"
    return book


def test_check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{FIVE}.py").write_text(ANSWERS["wrong"])
    with pytest.raises(NotPassed, match="conv-dw-mean") as caught:
        check(FIVE)
    assert caught.value._render_traceback_()[0].startswith(" 5 ")
    with pytest.raises(NotPassed) as caught:
        check(5, seed=1, feedback="none")
    assert str(caught.value).endswith(": wrong")
    (tmp_path / f"{FIVE}.py").write_text(RIGHT)
    check(FIVE, seed=1)
    assert capsys.readouterr().out.endswith(": passed\n")


def test_otter_files(tmp_path):
    assert otter.export(tmp_path / "course", seed=77) == 77
    student, grading = tmp_path / "course" / "student", tmp_path / "course" / "autograder"
    names = {f"{e.name}.py" for e in chosen()}
    assert {p.name for p in (student / "tests").iterdir()} == names
    assert {p.name for p in (grading / "tests").iterdir()} == names
    for name in names:
        public, hidden = ((f / "tests" / name).read_text("utf-8") for f in (student, grading))
        compile(hidden, name, "exec")
        assert "77" not in public and "hidden" not in public
        assert f'check("{name[:-3]}", seed=77, feedback="cause")' in hidden
    book = json.loads((student / "lab.ipynb").read_text("utf-8"))
    assert [source(c) for c in book["cells"] if source(c).startswith("grader.check")] == [
        f'grader.check("{e.name}")' for e in chosen()
    ]


def test_nbgrader_files(tmp_path):
    nbgrader.export(tmp_path / "lab", seed=77)
    book = json.loads((tmp_path / "lab" / "lab.ipynb").read_text("utf-8"))
    kinds = [c["metadata"]["nbgrader"] for c in book["cells"]]
    assert len({k["grade_id"] for k in kinds}) == len(kinds) == 3 * len(chosen())
    assert [k["points"] for k in kinds if k["grade"]] == [e.points for e in chosen()]
    for exercise in chosen():
        (answer,) = [c for c in book["cells"] if f"%%writefile {exercise.name}.py" in source(c)]
        text = source(answer)
        marks = text.count("### BEGIN SOLUTION"), text.count("### END SOLUTION")
        assert marks == (text.count("raise NotImplementedError("),) * 2 and marks[0] > 0
        figure = f"{exercise.name}.svg"
        text = next(c for c in book["cells"] if figure in c.get("attachments", {}))
        assert f"(attachment:{figure})" in source(text)


def run(folder, *command):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.graders
def test_otter_grader_itself(tmp_path):
    pytest.importorskip("otter")
    course = tmp_path / "course"
    otter.export(course, [5], seed=7)
    wheel = f"minicnn-{__version__}-py3-none-any.whl"
    (course / "autograder" / wheel).write_bytes(b"a wheel")
    run(
        course / "autograder",
        *("otter", "generate", "-t", "tests", "-r", "requirements.txt", "-o", "../autograder.zip"),
        wheel,
    )
    with zipfile.ZipFile(course / "autograder.zip") as made:
        # What is required is where otter puts what it was given: /autograder/source/files.
        assert f"files/{wheel}" in made.namelist()
        required = made.read("environment.yml").decode()
        assert f"minicnn @ file:///autograder/source/files/{wheel}" in required
        assert "/autograder/source/environment.yml" in made.read("setup.sh").decode()
    book = json.loads((course / "student" / "lab.ipynb").read_text("utf-8"))
    for kind, score in {"right": 1, "wrong": 0, "ends": 0}.items():
        folder = tmp_path / kind
        folder.mkdir()
        (folder / "lab.ipynb").write_text(json.dumps(filled(book, ANSWERS[kind])))
        run(folder, "otter", "run", "lab.ipynb", "-a", str(course / "autograder.zip"), "-o", ".")
        tests = json.loads((folder / "results.json").read_text("utf-8"))["tests"]
        (found,) = [t for t in tests if t["name"] == FIVE]
        assert (found["score"], found["max_score"]) == (score, 1)
        text = {"right": "All test cases passed", "wrong": "conv-dw-mean", "ends": "status 0"}
        assert text[kind] in found["output"]


@pytest.mark.slow
@pytest.mark.graders
def test_nbgrader_itself(tmp_path, monkeypatch):
    pytest.importorskip("nbgrader")
    monkeypatch.setenv("HOME", str(tmp_path))  # where Jupyter and nbgrader keep their things
    (tmp_path / "source").mkdir()
    nbgrader.export(tmp_path / "source" / "lab", [5], seed=7654)
    run(tmp_path, "nbgrader", "generate_assignment", "lab", "--create")
    released = (tmp_path / "release" / "lab" / "lab.ipynb").read_text("utf-8")
    assert "7654" not in released and "HIDDEN" not in released
    for kind, answer in ANSWERS.items():
        folder = tmp_path / "submitted" / kind / "lab"
        folder.mkdir(parents=True)
        (folder / "lab.ipynb").write_text(json.dumps(filled(json.loads(released), answer)))
    folder = tmp_path / "submitted" / "untouched" / "lab"
    folder.mkdir(parents=True)
    (folder / "lab.ipynb").write_text(released)
    run(tmp_path, "nbgrader", "autograde", "lab")
    run(tmp_path, "nbgrader", "generate_feedback", "lab")
    run(tmp_path, "nbgrader", "export")
    with open(tmp_path / "grades.csv", newline="") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {"right": 1, "wrong": 0, "ends": 0, "untouched": 0}
    feedback = (tmp_path / "feedback" / "wrong" / "lab" / "lab.html").read_text("utf-8")
    assert "conv-dw-mean" in feedback
    shutil.rmtree(tmp_path / "autograded")
