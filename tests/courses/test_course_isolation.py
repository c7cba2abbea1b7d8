"""Hostile and broken submissions: each ends in the right verdict, and the others are graded."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from minicnn.courses.grading.submission import chosen
from minicnn.courses.isolation.process import Ended, Limits, Student

SECONDS = 4.0


def run(code, *, seconds=SECONDS, limits=None, argument=1.0, calls=None):
    """Load a file with this text and call its f; what came back, and the process."""
    files = {"answer.py": textwrap.dedent(code).encode()}
    with Student(files, "answer.py", ["f"], seconds, limits or Limits()) as student:
        loaded = student.load()
        if "error" in loaded:
            return loaded
        return student.call("f", {"x": argument}, calls or {})


def ended(code, **options):
    with pytest.raises(Ended) as caught:
        run(code, **options)
    return caught.value.verdict, str(caught.value)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_loop_is_stopped_and_located():
    verdict, text = ended(
        """
        def f(x):
            while True:
                x = x + 1
        """,
        seconds=1.0,
    )
    assert verdict == "timeout"
    assert re.fullmatch(r"stopped after 1 s, in f, line [34] of answer.py", text)


def test_a_loop_while_importing():
    assert ended("while True: pass", seconds=1.0)[0] == "timeout"


def test_a_segmentation_fault():
    verdict, text = ended("import ctypes\ndef f(x):\n    ctypes.string_at(0)")
    assert verdict == "crashed" and "SIGSEGV" in text and "line 3 of answer.py" in text


@pytest.mark.parametrize("status", [0, 7])
def test_ending_the_process(status):
    verdict, text = ended(f"import os\ndef f(x):\n    os._exit({status})")
    assert verdict == "exited" and f"status {status}" in text


def test_sys_exit_is_an_exception_like_others():
    error = run("import sys\ndef f(x):\n    sys.exit(0)")["error"]
    assert error["exit"] and error["line"] == 3


def test_a_large_allocation():
    error = run("import numpy as np\ndef f(x):\n    return np.ones(10 * 2**30 // 8)")["error"]
    assert error["memory"] and error["line"] == 3


def test_printing_a_gigabyte():
    code = """
    def f(x):
        for _ in range(1000):
            print("x" * 10**6)
        return x
    """
    assert ended(code) == ("printed too much", "more than 8 MiB were printed")


def test_a_little_output_is_kept():
    files = {"answer.py": b"def f(x):\n    print('hello')\n    return x\n"}
    with Student(files, "answer.py", ["f"], SECONDS, Limits()) as student:
        student.load()
        assert student.call("f", {"x": 1.0}, {}) == {"value": 1.0, "changed": []}
    assert student.output() == "hello\n"


def test_a_large_file():
    code = """
    def f(x):
        with open("large", "wb") as file:
            for _ in range(100):
                file.write(bytes(2**20))
    """
    assert run(code)["error"]["type"] == "OSError"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and subreapers")
def test_children_that_outlive_their_parent(tmp_path):
    # Twice forked, with a session of its own: it is neither a child nor in the group.
    notes = tmp_path / "pids"
    code = f"""
    import os, time
    def f(x):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                with open({str(notes)!r}, "w") as file:
                    file.write(str(os.getpid()))
                time.sleep(100)
            os._exit(0)
        while not os.path.exists({str(notes)!r}) or not open({str(notes)!r}).read():
            time.sleep(0.01)
        return x
    """
    assert run(code, seconds=20)["value"] == 1.0
    assert not alive(int(notes.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_killing_the_parent_hits_no_grader(tmp_path):
    notes = tmp_path / "pid"
    code = f"""
    import os, signal, time
    def f(x):
        with open({str(notes)!r}, "w") as file:
            file.write(str(os.getpid()))
        os.kill(os.getppid(), signal.SIGKILL)
        while True:
            pass
    """
    assert ended(code, seconds=20)[0] == "exited"  # and not a timeout
    assert not alive(int(notes.read_text()))


def test_closing_all_files():
    code = "import os, time\ndef f(x):\n    os.closerange(0, 50)\n    time.sleep(100)"
    assert ended(code, seconds=3.0)[0] in ("exited", "timeout")


def test_writing_nonsense_where_answers_go():
    code = """
    import os
    def f(x):
        for fd in range(3, 30):
            try:
                os.write(fd, b"x" * 1000)
            except OSError:
                pass
    """
    assert ended(code)[0] == "exited"


def test_an_answer_that_is_too_large():
    code = "import numpy as np\ndef f(x):\n    return np.ones(10**6)"
    verdict, text = ended(code, limits=Limits(message=10**6))
    assert verdict == "exited" and "where 1000000 are allowed" in text


def test_its_own_files_may_go():
    code = """
    import os, shutil
    def f(x):
        shutil.rmtree(os.path.dirname(os.path.abspath(__file__)))
        return 2 * x
    """
    assert run(code)["value"] == 2.0


@pytest.mark.parametrize("name", ["minicnn", "minicnn.textbook", "torch"])
def test_what_solves_the_exercises_cannot_be_imported(name):
    error = run(f"import {name}\ndef f(x):\n    return x")["error"]
    assert error["type"] == "ImportError" and "NumPy alone" in error["text"] and error["line"] == 1


def test_nothing_of_the_environment_goes_in(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "abc")
    code = "import os\ndef f(x):\n    return sorted(os.environ)"
    assert "SECRET_TOKEN" not in run(code)["value"]
    assert "PATH" in run(code)["value"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a signal at the parent's death")
def test_a_grader_that_dies_takes_the_student_with_it(tmp_path):
    notes = tmp_path / "pid"
    answer = f"import os\nopen({str(notes)!r}, 'w').write(str(os.getpid()))\nwhile True: pass\n"
    code = (
        "from minicnn.courses.isolation.process import Student, Limits\n"
        f"with Student({{'a.py': {answer.encode()!r}}}, 'a.py', [], 60, Limits()) as s:\n"
        "    s.load()\n"
    )
    there = os.environ | {"TMPDIR": str(tmp_path)}  # what a killed grader leaves
    grader = subprocess.Popen([sys.executable, "-c", code], env=there)
    try:
        until = time.monotonic() + 60
        while not (notes.exists() and notes.read_text()) and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        grader.send_signal(signal.SIGKILL)
        grader.wait()
    while alive(int(notes.read_text())) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(int(notes.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="needs signals that stop a process")
def test_time_in_which_the_grader_was_stopped_does_not_count(tmp_path):
    notes = tmp_path / "pid"
    answer = (
        "import os, time\ndef f(x):\n"
        f"    with open({str(notes)!r}, 'w') as file:\n        file.write(str(os.getpid()))\n"
        "    time.sleep(1)\n    return x\n"
    )
    code = (
        "from minicnn.courses.isolation.process import Student, Limits\n"
        f"with Student({{'a.py': {answer.encode()!r}}}, 'a.py', ['f'], 3, Limits()) as s:\n"
        "    s.load()\n"
        "    print(s.call('f', {'x': 1.5}, {})['value'])\n"
    )
    grader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not (notes.exists() and notes.read_text()) and time.monotonic() < until:
        time.sleep(0.02)
    both = grader.pid, int(notes.read_text())
    for pid in both:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(4)
    for pid in both:
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.3)  # the grader first: it finds no answer yet
    assert grader.communicate(timeout=60)[0] == "1.5\n"


def test_calls_are_computed_by_the_grader():
    def doubled(x):
        if x < 0:
            raise ValueError("negative")
        return 2 * x

    code = "def f(x):\n    return x(1.5), x(x(2))"
    assert run(code, argument=None, calls={"x": doubled})["value"] == (3.0, 8)
    error = run("def f(x):\n    return x(-1)", argument=None, calls={"x": doubled})["error"]
    assert error["type"] == "ValueError" and error["text"] == "x: ValueError: negative"


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run("def f(x):\n    open('more', 'w').write('x')\n    return x")
    assert list(tmp_path.iterdir()) == []
    descriptors = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    run("def f(x):\n    return x")
    if descriptors:
        assert len(os.listdir("/proc/self/fd")) <= descriptors


def test_every_exercise_says_how_long_it_may_take():
    assert all(0 < e.seconds <= 60 for e in chosen())
