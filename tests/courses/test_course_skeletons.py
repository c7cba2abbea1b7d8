"""Skeletons come from the marked sources, and nothing that is packaged holds a solution."""

import sys
from pathlib import Path

import pytest

from minicnn.courses.grading.submission import chosen

ROOT = Path(__file__).resolve().parents[2]

sys.path.insert(0, str(ROOT / "docs"))
try:
    import make_course_skeletons as script
finally:
    sys.path.pop(0)


def packaged():
    """What setup.cfg puts into the wheel, files of data included."""
    setuptools = pytest.importorskip("setuptools")
    distribution = setuptools.Distribution({"src_root": str(ROOT)})
    distribution.script_name = str(ROOT / "setup.py")
    distribution.parse_config_files([str(ROOT / "setup.cfg")])
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    found = [Path(module[-1]) for module in build.find_all_modules()]
    for _, folder, _, names in build.data_files:
        found += [Path(folder) / name for name in names]
    return {ROOT / p for p in found}


@pytest.fixture(scope="module")
def wheel():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return packaged()


def test_skeletons_are_up_to_date():
    assert script.outdated() == []


def test_every_exercise_has_its_files(wheel):
    courses = ROOT / "minicnn" / "courses"
    for exercise in chosen():
        for path in (f"skeletons/{exercise.name}.txt", f"handouts/{exercise.name}.md"):
            assert courses / path in wheel, path
        assert (script.SOURCES / f"{exercise.name}.py").is_file()
    assert {p.stem for p in script.SOURCES.glob("ex*.py")} == {e.name for e in chosen()}


def test_the_lab_is_packaged(wheel):
    lab = ROOT / "minicnn" / "courses" / "lab"
    assert {p for p in lab.iterdir() if p.is_file()} <= wheel


def squeezed(text):
    return "".join(text.split())


def test_no_solution_is_packaged(wheel):
    """What students get holds no line of a solution; the grader's files no five in a row.

    Wrong answers are close to right ones, and the rest of minicnn is a solution itself: see
    docs/instructors.md.
    """
    assert not [p for p in wheel if "courses_source" in str(p)]
    courses = ROOT / "minicnn" / "courses"
    texts = {p: squeezed(p.read_text("utf-8")) for p in wheel if courses in p.parents}
    assert len(texts) > 50
    # Lines that say little occur everywhere: `return dx`, say.
    leaks = []
    for source in sorted(script.SOURCES.glob("ex*.py")):
        lines = [squeezed(line) for line in script.solutions(source.read_text("utf-8"))]
        runs = ["".join(lines[i : i + 5]) for i in range(len(lines) - 4)]
        for path, text in texts.items():
            given = path.suffix != ".py"
            leaks += [(path, s) for s in (lines if given else runs) if len(s) > 24 and s in text]
            assert squeezed(script.BEGIN) not in text or path.name == "__init__.py"
    assert leaks == []


def test_the_scan_sees_a_leak(tmp_path):
    source = (script.SOURCES / "ex05_weight_gradient.py").read_text("utf-8")
    lines = script.solutions(source)
    assert len(lines) > 5 and not any(script.BEGIN in line for line in lines)
    text = squeezed(source)
    assert all(squeezed(line) in text for line in lines)


@pytest.mark.parametrize(("text", "message"), [
    ("def f():\n    return 1\n", "expected"),
    ("def f():\n    # >>> solution\n    return 1\n", "expected"),
    ("def f():\n    # >>> solution\n    # >>> solution\n", "inside a solution"),
    ("def f():\n    return 1\n    # <<< solution\n", "has no"),
    ("def f():\n    # >>> solution\n    return 1\n# <<< solution\n", "has no"),
])  # fmt: skip
def test_marks_that_do_not_fit_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        script.skeleton(text, "ex05_weight_gradient")
