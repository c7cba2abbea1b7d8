"""Verdicts; whole submissions, hostile ones among them; results files."""

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from minicnn.checks import ArgumentError
from minicnn.courses.adapters import gradescope
from minicnn.courses.grading import grade, grade_exercise
from minicnn.courses.grading.answers import probes
from minicnn.courses.grading.submission import chosen, read_submission, write_json
from minicnn.courses.isolation.process import Limits

SOURCES = Path(__file__).resolve().parents[2] / "examples" / "courses_source"
FIVE = "ex05_weight_gradient"
RIGHT = (SOURCES / f"{FIVE}.py").read_text("utf-8")
(EXERCISE,) = chosen([5])


def graded(old="", new="", **options):
    """The result of exercise 5 for the reference with `old` replaced."""
    assert old in RIGHT
    files = {f"{FIVE}.py": RIGHT.replace(old, new).encode()}
    return grade_exercise(EXERCISE, files, seed=3, **options)


def told(result, feedback="window"):
    return "\n".join(result.lines(feedback))


# ---------------------------------------------------------------------------------- contract


@pytest.mark.parametrize(("old", "new", "verdict", "text"), [
    ("return dw", "return None", "not as agreed", "dW is None, expected an array (2, 2, 3, 3)"),
    ("return dw", "return dw, 1", "not as agreed", "dW is a tuple of 2"),
    ("return dw", "return dw.swapaxes(1, 2)", "not as agreed", "dW has shape (2, 3, 2, 3)"),
    ("return dw", "return dw.astype('f4')", "not as agreed", "dtype float32, expected float64"),
    ("return dw", "return dw + np.nan", "not as agreed", "dW[0,0,0,0] is nan; 36 of 36"),
    ("return dw", "delta += 1\n    return dw", "not as agreed", "changes its argument delta"),
    ("return dw", "return lambda: dw", "not as agreed", "returned a value of type function"),
    ("return dw", "return dw[9, 9]", "raised", "IndexError"),
    ("kernel_size, stride, padding):", "kernel_size):", "not as agreed",
     "takes (delta, x, kernel_size), expected (delta, x, kernel_size, stride, padding)"),
    ("def conv_bias_gradient", "def bias_gradient", "not as agreed",
     "conv_bias_gradient: the file has no function of this name"),
    ("return dw", "import sys; sys.exit()", "exited", "sys.exit was called, line "),
    ("return dw", "import os; os._exit(0)", "exited", "ended itself with status 0"),
    ("return dw", "return np.ones(10 * 2**27)", "out of memory", "Unable to allocate 10.0 GiB"),
    ("import numpy as np", "import numpy as np\nimport torch", "import error", "NumPy alone"),
    ("import numpy as np", "import numpy as np\nx = 1 / 0", "import error", "ZeroDivisionError"),
    ("import numpy as np", "import numpy as np)", "import error", "SyntaxError"),
    ("import numpy as np", "raise SystemExit", "exited", "sys.exit was called"),
    ("import numpy as np", "import numpy as np\nimport os\nos._exit(3)", "exited",
     "while the file was being imported"),
    ("return dw", "print('x' * 10**7)\n    return dw", "printed too much", "more than 8 MiB"),
])  # fmt: skip
def test_verdicts(old, new, verdict, text):
    result = graded(old, new)
    assert (result.verdict, result.score) == (verdict, 0)
    assert text in told(result, "where")


def test_the_reference_is_right():
    result = graded()
    assert result.passed and result.score == 1 and result.findings == []


def test_a_missing_file():
    result = grade_exercise(EXERCISE, {})
    assert result.verdict == "missing" and f"no {FIVE}.py" in told(result)


def test_what_is_kept_between_calls_is_found():
    # All probes, then two for linearity: the call after them repeats the first.
    before = len(list(probes(EXERCISE, 0, 3))) + 2

    def wrong_after(calls):
        text = RIGHT.replace("def conv_weight", "calls = []\n\n\ndef conv_weight", 1)
        late = f"calls.append(1)\n    return dw + (len(calls) > {calls})"
        files = {f"{FIVE}.py": text.replace("return dw", late).encode()}
        return grade_exercise(EXERCISE, files, seed=3)

    result = wrong_after(before)
    assert result.verdict == "not as agreed" and "it keeps something" in told(result)
    assert "'C = F, padding 1'" in told(result)
    assert wrong_after(before + 1).passed


@pytest.mark.parametrize("code", [
    # Sums that are never set to 0 again, as with gradients that nobody clears.
    ("_sums = {}\n\n\ndef conv_weight", "return _sums.setdefault(dw.shape, dw * 0).__iadd__(dw)"),
    ("def conv_weight", "return dw + np.random.rand()"),
])  # fmt: skip
def test_wrong_values_of_what_is_no_function_have_no_structure(code):
    text = RIGHT.replace("def conv_weight", code[0], 1).replace("return dw", code[1])
    result = grade_exercise(EXERCISE, {f"{FIVE}.py": text.encode()}, seed=3)
    assert result.verdict == "not as agreed" and "when it comes again" in told(result)
    right, hint = result.findings[1:]
    assert right.text == "conv_bias_gradient: right" and "see how" in hint.text


def test_an_answer_for_public_probes_only_fails_on_hidden_ones():
    cheat = "return dw if kernel_size != (1, 1) else 0 * dw"
    files = {f"{FIVE}.py": RIGHT.replace("return dw", cheat).encode()}
    assert grade_exercise(EXERCISE, files).passed
    result = grade_exercise(EXERCISE, files, seed=3)
    assert result.verdict == "wrong" and "wrong on the hidden probe 'kernel 1 × 1'" in told(result)


# ------------------------------------------------------------------------- whole submissions


@pytest.fixture
def submission(tmp_path):
    """Exercises 1, 5 and 9: 1 and 9 right, 5 as the test writes it."""
    folder = tmp_path / "submission"
    folder.mkdir()
    for path in SOURCES.glob("ex0[159]_*.py"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def hostile(folder, code):
    text = RIGHT.replace("import numpy as np\n", "import numpy as np\n" + code, 1)
    (folder / f"{FIVE}.py").write_text(text, "utf-8")


HOSTILE = {
    "loop": ("while True:\n    pass\n", "timeout"),
    "deletes all it finds": (
        "import glob, os\nfor p in glob.glob('*') + [__file__]:\n    os.path.exists(p) and "
        "os.remove(p)\n", "passed"),
    "kills its parent": ("import os\nos.kill(os.getppid(), 9)\n", ("exited", "passed")),
    "forks": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(99)\n", "passed"),
    "allocates": ("x = np.ones(10 * 2**27)\n", "out of memory"),
    "crashes": ("import ctypes\nctypes.string_at(0)\n", "crashed"),
    "ends": ("import os\nos._exit(0)\n", "exited"),
    "prints": ("for _ in range(1000):\n    print('x' * 10**6)\n", "printed too much"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_others_are_graded(submission, kind):
    code, verdict = HOSTILE[kind]
    hostile(submission, code)
    found = grade(submission, names=[1, 5, 9], seed=1, limits=Limits(seconds=3))
    verdicts = {r.number: r.verdict for r in found.results}
    assert verdicts[1] == verdicts[9] == "passed"
    assert verdicts[5] == verdict or verdicts[5] in verdict
    assert sorted(p.name for p in submission.iterdir()) == sorted(read_submission(submission))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_expected_values_are_nowhere_to_be_found(submission, tmp_path, monkeypatch):
    """It reads what it can of its ancestors' memory and files, looking for ∂L/∂b of its δ."""
    notes = tmp_path / "found"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    code = f"""
import os
NOTES = {str(notes)!r}
GRADERS = {str(tmp_path)!r}  # its temporary files, its results, the submission


def _ancestors():
    pid = os.getpid()
    while pid > 1:
        with open(f"/proc/{{pid}}/stat", "rb") as f:
            pid = int(f.read().rpartition(b")")[2].split()[1])
        yield pid


def _search(needle):
    hits, searched = 0, 0
    for pid in list(_ancestors())[:2]:
        try:
            with open(f"/proc/{{pid}}/maps") as maps, open(f"/proc/{{pid}}/mem", "rb", 0) as mem:
                for line in maps:
                    span, rights = line.split()[:2]
                    if not rights.startswith("rw"):
                        continue
                    start, end = (int(x, 16) for x in span.split("-"))
                    if end - start > 2**28:
                        continue
                    try:
                        mem.seek(start)
                        hits += mem.read(end - start).count(needle)
                        searched += end - start
                    except (OSError, ValueError, OverflowError):
                        pass
        except OSError:
            pass
    return hits, searched


def _files():
    for folder, _, names in os.walk(GRADERS):
        yield from (os.path.join(folder, name) for name in names)
    for pid in list(_ancestors())[:2]:
        try:
            yield from (f"/proc/{{pid}}/fd/{{n}}" for n in os.listdir(f"/proc/{{pid}}/fd"))
        except OSError:
            pass


def _search_files(needle):
    hits = 0
    for path in _files():
        if os.path.isfile(path):  # no pipe: that would wait
            with open(path, "rb") as f:
                hits += f.read(2**26).count(needle)
    return hits


calls = []


def _look(delta):
    calls.append(1)
    if len(calls) == 3:  # the first hidden probe
        # Without its last bits, which depend on the order of the sum.
        right = delta.sum(axis=(0, 2, 3)).tobytes()[2:8]
        asked = delta.tobytes()[:32]
        with open("mine", "wb") as f:
            f.write(asked)
        in_files = _search_files(asked), _search_files(right)
        with open(NOTES, "w") as f:
            f.write(repr((_search(asked), _search(right), in_files)))


"""
    text = RIGHT.replace("import numpy as np\n", "import numpy as np\n" + code, 1)
    text = text.replace("return delta.sum", "_look(delta)\n    return delta.sum")
    (submission / f"{FIVE}.py").write_text(text, "utf-8")
    # A seed of its own: what other tests computed may still lie in this process's memory.
    found = grade(submission, names=[5], seed=6174, results=tmp_path / "results.json")
    assert found.results[0].passed, found.results[0].text("window")
    (inputs, searched), (answers, _), in_files = eval(notes.read_text())
    assert in_files == (1, 0)  # what it wrote itself, and nothing of the grader's
    # It does see the grader's memory, if it may: the input is there, the answer is not.
    if searched > 10**6:
        assert inputs > 0
    assert answers == 0


def test_results_are_written_before_and_after_each_exercise(submission, tmp_path):
    seen = []
    path = tmp_path / "results.json"

    def watch(exercise, result):
        verdicts = [e["verdict"] for e in json.loads(path.read_text("utf-8"))["exercises"]]
        seen.append((exercise.number, result is not None, verdicts))

    found = grade(submission, names=[1, 9, 5], seed=1, results=path, watch=watch)
    before, after = "not graded", "passed"
    assert seen == [
        (1, False, [before] * 3), (1, True, [before] * 3),
        (5, False, [after, before, before]), (5, True, [after, before, before]),
        (9, False, [after, after, before]), (9, True, [after, after, before]),
    ]  # fmt: skip
    data = json.loads(path.read_text("utf-8"))
    assert data == found.to_dict()
    assert (data["score"], data["max_score"], data["seed"]) == (3, 3, 1)
    assert list(tmp_path.glob("*.part")) == []


def test_an_error_of_the_graders_own_costs_one_exercise(submission, monkeypatch):
    from minicnn.courses.grading import submission as module

    def broken(exercise, files, **options):
        if exercise.number == 5:
            raise KeyError("x")
        return grade_exercise(exercise, files, **options)

    monkeypatch.setattr(module, "grade_exercise", broken)
    found = grade(submission, names=[1, 5], seed=1)
    assert [r.verdict for r in found.results] == ["passed", "not graded"]
    assert "the grader itself failed: KeyError" in str(found)


def test_hidden_probes_depend_on_the_seed():
    def drawn(seed):
        return [(hidden, a["delta"]) for _, hidden, a in probes(EXERCISE, 0, seed)]

    one, same, other = drawn(1), drawn(1), drawn(2)
    assert [h for h, _ in one] == [False] * 3 + [True] * 6
    for (hidden, a), (_, b), (_, c) in zip(one, same, other, strict=True):
        assert np.array_equal(a, b) and np.array_equal(a, c) is not hidden
    assert not np.array_equal(one[0][1], one[3][1])
    assert len(drawn(None)) == 3


def test_the_seed_is_drawn_and_makes_the_same_probes(submission):
    a, b = (grade(submission, names=[5]) for _ in range(2))
    assert a.seed != b.seed and str(a.seed) in str(a)
    assert grade(submission, names=[5], hidden=False).seed is None
    wrong = RIGHT.replace("return dw", "return dw + (x.shape[1] == 2) * (stride == 1) * padding")
    (submission / f"{FIVE}.py").write_text(wrong, "utf-8")
    one, two = (grade(submission, names=[5], seed=5).to_dict()["exercises"][0] for _ in range(2))
    assert one["findings"] == two["findings"]


@pytest.mark.parametrize(("options", "text"), [
    ({"names": ["55"]}, "there is no exercise '55': give numbers, 1 to 14"),
    ({"seed": -1}, "seed must be an integer ≥ 0"),
    ({"feedback": "all"}, "feedback must be one of"),
    ({"limits": Limits(seconds=0)}, "seconds must be greater than 0"),
    ({"limits": Limits(seconds=float("inf"))}, "seconds must be greater than 0"),
])  # fmt: skip
def test_mistakes(submission, options, text):
    with pytest.raises(ArgumentError, match=re.escape(text)):
        grade(submission, **options)


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_another_python(submission, tmp_path):
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\ntouch "{tmp_path}/used"\nexec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    found = grade(submission, names=[5], limits=Limits(python=str(script)))
    assert found.results[0].passed and (tmp_path / "used").exists()
    script.write_text("#!/bin/sh\necho no NumPy here >&2\nexit 3\n")
    with pytest.raises(ArgumentError, match="cannot import NumPy: no NumPy here"):
        grade(submission, names=[5], limits=Limits(python=str(script)))
    # One that breaks later is the grader's trouble, and no verdict on the submission.
    script.write_text('#!/bin/sh\n[ "$2" = -c ] || { echo broken >&2; exit 3; }\n')
    found = grade(submission, names=[5], limits=Limits(python=str(script)))
    assert found.results[0].verdict == "not graded"
    assert "Python did not start" in str(found) and "broken" in str(found)
    with pytest.raises(ArgumentError, match="is no program"):
        grade(submission, limits=Limits(python=str(tmp_path / "none")))


def test_links_and_large_files_are_not_read(submission, tmp_path):
    secret = tmp_path / "secret.py"
    secret.write_text("x = 1")
    (submission / "link.py").symlink_to(secret)
    (submission / "large.py").write_bytes(b"#" * (2**20 + 1))
    assert {"link.py", "large.py"}.isdisjoint(read_submission(submission))
    with pytest.raises(ArgumentError, match="is no folder"):
        read_submission(tmp_path / "nothing")


def test_writing_json_is_all_or_nothing(tmp_path):
    path = tmp_path / "results.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["results.json"]


def test_gradescope(submission):
    hostile(submission, "while True: pass\n")
    found = grade(submission, names=[1, 5], seed=4, feedback="none", limits=Limits(seconds=2))
    data = gradescope.results(found)
    assert data["score"] == 1 and data["extra_data"]["seed"] == 4
    one, five = data["tests"]
    assert (one["score"], one["max_score"], one["status"]) == (1, 1, "passed")
    assert (five["score"], five["max_score"], five["status"]) == (0, 1, "failed")
    assert five["output"] == "timeout"
    assert {t["visibility"] for t in data["tests"]} == {"visible"}
