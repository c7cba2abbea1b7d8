"""``minicnn assign`` and ``minicnn grade``, and pytest in a lab."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from minicnn.cli import main
from minicnn.cli.command import parse
from minicnn.courses.grading.submission import chosen
from minicnn.courses.new import new_lab

SOURCES = Path(__file__).resolve().parents[2] / "examples" / "courses_source"
FIVE = "ex05_weight_gradient"
RIGHT = (SOURCES / f"{FIVE}.py").read_text("utf-8")


def ran(capsys, *arguments):
    status = main(list(arguments))
    out = capsys.readouterr()
    return status, out.out, out.err


def test_a_new_lab_and_its_grade(capsys, tmp_path):
    lab = tmp_path / "lab"
    assert ran(capsys, "assign", "new", str(lab))[0] == 0
    assert (lab / "handouts" / f"{FIVE}.md").is_file() and (lab / "conftest.py").is_file()
    files = {f"{e.name}.py" for e in chosen()}
    assert files <= {p.name for p in lab.iterdir()}
    scores = tmp_path / "gradescope.json"
    status, out, _ = ran(capsys, "grade", str(lab), "--gradescope", str(scores), "--seed", "8")
    total = len(chosen())
    assert status == 0
    assert out.splitlines()[-2:] == ["hidden probes: seed 8", f"score: 0 of {total} exercises"]
    assert json.loads(scores.read_text("utf-8"))["score"] == 0
    status, out, err = ran(capsys, "assign", "new", str(lab))
    assert status == 1 and "is not empty" in err and len(err.splitlines()) == 1


def test_list(capsys):
    status, out, _ = ran(capsys, "assign", "list")
    assert status == 0 and "conv_weight_gradient, conv_bias_gradient" in out
    assert len(out.splitlines()) == 2 * len(chosen())


@pytest.mark.parametrize(("arguments", "text"), [
    (("grade", "nothing"), "is no folder"),
    (("grade", ".", "--exercise", "99"), "there is no exercise '99'"),
    (("grade", ".", "--results", "."), ". is a folder; name a file"),
    (("grade", ".", "--seed", "-3"), "≥ 0"),
    (("grade", ".", "--results", "no/such/folder.json"), "no/such"),
    (("assign", "new", "no/such/folder"), "there is no folder"),
    (("assign", "otter", "x", "--seed", "-1"), "≥ 0"),
])  # fmt: skip
def test_mistakes_on_the_command_line(capsys, tmp_path, monkeypatch, arguments, text):
    monkeypatch.chdir(tmp_path)
    status, _, err = ran(capsys, *arguments)
    assert status == 1 and text in err and len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_pytest_in_a_lab(tmp_path):
    lab = tmp_path / "lab"
    new_lab(lab, [1, 5])

    def pytest_there():
        done = subprocess.run(
            [sys.executable, "-m", "pytest"], cwd=lab, capture_output=True, text=True, timeout=120
        )
        return done.returncode, done.stdout

    status, out = pytest_there()
    assert status == 1 and "0 of 2 exercises pass." in out
    assert "not written yet: conv_weight_gradient, conv_bias_gradient" in out
    assert "Next: ex01_" in out and "Traceback" not in out
    (lab / f"{FIVE}.py").write_text(RIGHT.replace("return dw", "print('hi')\n    return -dw"))
    status, out = pytest_there()
    assert status == 1 and "(conv-dw-sign in the catalogue" in out and "it printed:" in out
    assert "conv_bias_gradient: right" in out and "not written yet: correlate, products" in out
    (lab / f"{FIVE}.py").write_text(RIGHT)
    assert "1 of 2 exercises pass." in pytest_there()[1]


def documented(text):
    """The arguments of every minicnn command in a text's blocks; those of the image are grade's."""
    text = re.sub(r"\\\n +", "", text)
    start = r"minicnn assign|minicnn grade|docker run|cd lab"
    for line in re.findall(rf"^(?:    )?((?:{start}) .*)$", text, re.MULTILINE):
        for command in re.split(r"&&|#|   +(?=[a-z])", line):
            program, *arguments = shlex.split(command) or [""]
            if program == "minicnn":
                yield arguments
            elif program == "docker":
                yield ["grade", *arguments[arguments.index("minicnn-grader") + 1 :]]


def test_documented_commands_can_be_given():
    guide = (SOURCES.parents[1] / "docs" / "instructors.md").read_text("utf-8")
    readme = (SOURCES.parents[1] / "README.md").read_text("utf-8")
    readme = readme[readme.index("## Assignments") : readme.index("## The networks")]
    found = [*documented(guide), *documented(readme)]
    assert len(found) >= 10 and ["grade", "."] in found
    assert ["grade", "/submission", "--results", "/results/results.json"] in found
    for arguments in found:
        options = parse(arguments)
        assert options.command in ("assign", "grade")


def test_the_image_of_the_guide_is_there_and_holds_the_wheel_only():
    guide = (SOURCES.parents[1] / "docs" / "instructors.md").read_text("utf-8")
    (path,) = re.findall(r"docker build -f (\S+) ", guide)
    stages = (SOURCES.parents[1] / path).read_text("utf-8").split("\nFROM ")
    assert len(stages) == 3 and "COPY . " in stages[1]
    assert re.findall(r"^COPY .*", stages[2], re.MULTILINE) == ["COPY --from=build /wheels /wheels"]
