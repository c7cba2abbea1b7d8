"""A whole submission: read it, grade every exercise, keep a results file at every step."""

import contextlib
import errno
import json
import math
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from minicnn._version import __version__
from minicnn.checks import ArgumentError, one_of
from minicnn.courses.exercises import load
from minicnn.courses.grading.exercises import grade_exercise
from minicnn.courses.grading.feedback import FEEDBACK, Finding, Result
from minicnn.courses.isolation.process import Limits
from minicnn.courses.writing import seed_or_new

LARGEST_FILE = 1 << 20


class Graded:
    """How a submission went: as text (``str``), and as data (`to_dict`).

    Attributes:
        results: a `Result` for every exercise, those not (yet) graded included.
        seed: of the hidden probes; None where there were none.
        feedback: one of `FEEDBACK`.
    """

    def __init__(self, results, seed, feedback):
        self.results, self.seed, self.feedback = results, seed, feedback

    @property
    def score(self):
        return sum(r.score for r in self.results)

    @property
    def max_score(self):
        return sum(r.points for r in self.results)

    def summary(self):
        """The last line.

        >>> Graded([], None, "none").summary()
        'score: 0 of 0 exercises'
        """
        passed = sum(r.passed for r in self.results)
        line = f"score: {passed} of {len(self.results)} exercises"
        if any(r.points != 1 for r in self.results):
            line += f", {self.score:g} of {self.max_score:g} points"
        return line

    def __str__(self):
        parts = [r.text(self.feedback) for r in self.results]
        if self.seed is not None:
            parts.append(f"hidden probes: seed {self.seed}")
        return "\n".join([*parts, self.summary()])

    def to_dict(self):
        """What the results file holds."""
        return {
            "minicnn": __version__,
            "seed": self.seed,
            "feedback": self.feedback,
            "score": self.score,
            "max_score": self.max_score,
            "exercises": [
                {
                    "number": r.number,
                    "name": r.name,
                    "title": r.title,
                    "points": r.points,
                    "score": r.score,
                    "verdict": r.verdict,
                    "findings": r.lines(self.feedback),
                    "seconds": round(r.seconds, 3),
                }
                for r in self.results
            ],
        }


def chosen(names=None):
    """The exercises with these names or numbers (``"5"``, ``"ex05_weight_gradient"``), or all.

    Raises:
        ArgumentError: one of them is none.
    """
    everything = load()
    if not names:
        return everything
    known = {e.name: e.number for e in everything} | {str(e.number): e.number for e in everything}
    for name in map(str, names):
        if name not in known:
            raise ArgumentError(
                f"there is no exercise {name!r}: give numbers, 1 to {len(everything)}, or names "
                f"such as {everything[4].name!r}; minicnn assign list shows them"
            )
    picked = {known[str(n)] for n in names}
    return tuple(e for e in everything if e.number in picked)


def read_submission(folder):
    """The Python files of a folder, {name: bytes}: nothing it holds is needed after that.

    Links are not followed, and files over 1 MiB are left out.

    Raises:
        ArgumentError: it is no folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ArgumentError(f"grade: {str(folder)!r} is no folder; minicnn assign new makes one")
    files = {}
    for path in sorted(folder.glob("*.py")):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST_FILE:
            files[path.name] = path.read_bytes()
    return files


def grade(
    folder, *, names=None, seed=None, hidden=True, feedback="window", limits=None, results=None,
    watch=None, writers=(),
):  # fmt: skip
    """Grade the submission in a folder.

    Args:
        folder: with the student's files, as ``minicnn assign new`` made them.
        names: names or numbers of exercises; all where None.
        seed: of the hidden probes, an integer ≥ 0; drawn and recorded where None.
        hidden: whether hidden probes are run at all.
        feedback: ``"none"`` (verdicts), ``"where"`` (and what is wrong where), ``"cause"`` (and
            its structure, and its cause where it is known) or ``"window"`` (and the sum behind
            the first wrong element).
        limits: `Limits` of time, memory and output.
        results: a path; a JSON file is written there before and after each exercise.
        watch: watch(exercise, result) is called before (result None) and after each exercise.
        writers: functions of a `Graded`, called where the results file is written, too.

    Returns:
        A `Graded`.

    Raises:
        ArgumentError: no such folder, exercise, seed or level of feedback.
    """
    one_of("grade", "feedback", feedback, FEEDBACK)
    seed = seed_or_new("grade", seed) if hidden else None
    limits = limits or Limits()
    if limits.seconds is not None and not 0 < limits.seconds < math.inf:
        raise ArgumentError(f"grade: seconds must be greater than 0, got {limits.seconds}")
    if limits.python is not None:
        _try_python(limits.python)
    exercises, files = chosen(names), read_submission(folder)
    graded = Graded(
        [Result(e.number, e.name, e.title, e.points) for e in exercises],
        seed,
        feedback,
    )

    def keep():
        if results is not None:
            write_json(results, graded.to_dict())
        for writer in writers:
            writer(graded)

    for i, exercise in enumerate(exercises):
        keep()
        if watch is not None:
            watch(exercise, None)
        graded.results[i] = _one(exercise, files, graded.seed, limits)
        if watch is not None:
            watch(exercise, graded.results[i])
    keep()
    return graded


def _try_python(python):
    """Refuse an interpreter that cannot run submissions before it is taken for their fault."""
    if shutil.which(python) is None:
        raise ArgumentError(f"grade: {python!r} is no program that can be run")
    command = [python, "-I", "-c", "import numpy"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        last = "".join(done.stderr.strip().splitlines()[-1:]) or f"status {done.returncode}"
        raise ArgumentError(f"grade: {python!r} cannot import NumPy: {last}")


def _one(exercise, files, seed, limits):
    """A result whatever happens: an error of ours in one exercise leaves the others alone."""
    try:
        return grade_exercise(exercise, files, seed=seed, limits=limits)
    except Exception as error:
        text = f"the grader itself failed: {type(error).__name__}: {error}; tell your instructor"
        return Result(
            exercise.number, exercise.name, exercise.title, exercise.points,
            verdict="not graded", findings=[Finding("none", text)],
        )  # fmt: skip


def write_json(path, data):
    """Write a JSON file so that at every moment the old or the new one is there, whole."""
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
