"""Every exercise: its reference passes, its skeleton does not, each wrong answer is named."""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest

from minicnn.courses.grading import grade_exercise
from minicnn.courses.grading.answers import LINEAR, Answer, Asked, Submission, probes
from minicnn.courses.grading.comparison import form_problem, same
from minicnn.courses.grading.diagnosis import _samples, finite_difference
from minicnn.courses.grading.exercises import judge
from minicnn.courses.grading.submission import chosen
from minicnn.courses.new import texts
from minicnn.kernels import kernels

ROOT = Path(__file__).resolve().parents[2]
SEED = 20


def remembering(function):
    """`function`, computed once for the same arguments: they stay alive in `_rows`."""
    known = {}

    def answer(**arguments):
        key = tuple((name, id(value)) for name, value in arguments.items())
        if key not in known:
            known[key] = function(**arguments), arguments
        return known[key][0]

    return answer


def with_memory(exercise):
    tasks = [
        dataclasses.replace(
            t,
            expected=remembering(t.expected),
            wrong=tuple(dataclasses.replace(w, answer=remembering(w.answer)) for w in t.wrong),
        )
        for t in exercise.tasks
    ]
    return dataclasses.replace(exercise, tasks=tuple(tasks))


EXERCISES = [with_memory(e) for e in chosen()]
TASKS = [pytest.param(e, n, id=t.function) for e in EXERCISES for n, t in enumerate(e.tasks)]


@pytest.fixture(autouse=True)
def plain():
    with kernels("plain"):
        yield


def rows(exercise, number):
    """(probe, hidden, arguments, expected as a tuple) for all probes of a task."""
    return _rows(exercise.number, number)


@functools.cache
def _rows(exercise_number, number):
    exercise = next(e for e in EXERCISES if e.number == exercise_number)
    task = exercise.tasks[number]
    return [(*row, _tuple(task, task.expected(**row[2]))) for row in probes(exercise, number, SEED)]


def _tuple(task, results):
    return (results,) if len(task.results) == 1 else tuple(results)


@pytest.mark.parametrize("exercise", EXERCISES, ids=[e.name for e in EXERCISES])
def test_the_reference_passes_and_the_skeleton_does_not(exercise):
    name = f"{exercise.name}.py"
    source = (ROOT / "examples" / "courses_source" / name).read_bytes()
    result = grade_exercise(exercise, {name: source}, seed=SEED)
    assert result.passed, result.text("window")
    assert result.score == exercise.points
    skeleton = texts([exercise.name])[name].encode()
    result = grade_exercise(exercise, {name: skeleton}, seed=SEED)
    assert (result.verdict, result.score) == ("not written", 0)
    assert all(task.function in result.text("where") for task in exercise.tasks)


def graded(exercise, number, answer):
    """The result for a submission whose task `number` gives `answer`, all others being right."""
    submission = Submission(loaded={"functions": {}})
    for n, task in enumerate(exercise.tasks):
        submission.loaded["functions"][task.function] = {"callable": True, "arguments": None}

        def value(arguments, n=n, task=task):
            return answer(**arguments) if n == number else task.expected(**arguments)

        asked = Asked(
            [
                Answer(probe, hidden, arguments, {"value": value(arguments), "changed": []})
                for probe, hidden, arguments, _ in rows(exercise, n)
            ]
        )
        first = asked.answers[0]
        asked.repeated = first.outcome
        if task.linear_in:
            a = first.arguments[task.linear_in]
            b = np.random.default_rng(0).standard_normal(a.shape)
            asked.linear = tuple(
                {"value": value(first.arguments | {task.linear_in: d}), "changed": []}
                for d in (b, LINEAR[0] * a + LINEAR[1] * b)
            )
        submission.asked[task.function] = asked
    return judge(exercise, submission)


@pytest.mark.parametrize(("exercise", "number"), TASKS)
def test_each_wrong_answer_fails_and_is_named(exercise, number):
    task = exercise.tasks[number]
    for wrong in task.wrong:
        result = graded(exercise, number, wrong.answer)
        assert not result.passed, wrong.key
        named = [f.text for f in result.findings if "in the catalogue" in f.text]
        assert named == [f"({wrong.key} in the catalogue of wrong answers)"], result.text("window")


@pytest.mark.parametrize(("exercise", "number"), TASKS)
def test_wrong_answers_show_on_public_probes(exercise, number):
    task = exercise.tasks[number]
    for wrong in task.wrong:
        public = [(a, e) for _, hidden, a, e in rows(exercise, number) if not hidden]
        if task.judge is None:
            assert any(
                not same(_tuple(task, wrong.answer(**a)), e, task.tolerance) for a, e in public
            ), wrong.key
        else:
            assert any(task.judge(_tuple(task, wrong.answer(**a)), a) for a, _ in public), wrong.key


def numbers(arguments):
    """All that somebody could divide by: lengths of axes, and integers."""
    found = {}
    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            found |= {f"{name}.shape[{i}]": n for i, n in enumerate(value.shape)}
        elif isinstance(value, tuple):
            found |= {f"{name}[{i}]": n for i, n in enumerate(value)}
        elif isinstance(value, int):
            found[name] = value
    return found


BATCHES = ("delta", "x", "maps", "scores", "columns", "z", "total", "labels")


@pytest.mark.parametrize(("exercise", "number"), TASKS)
def test_no_other_number_is_always_n(exercise, number):
    """Else "the factor is 1/N" could be said of somebody who divided by something else."""
    for seed in (None, SEED):
        drawn = [arguments for _, _, arguments in probes(exercise, number, seed)]
        samples = [_samples(arguments) for arguments in drawn]
        if np.isnan(samples).any() or not exercise.tasks[number].derivatives:
            continue
        assert len(set(samples)) > 1
        found = [numbers(arguments) for arguments in drawn]
        for name in set.intersection(*map(set, found)):
            if name not in {f"{batch}.shape[0]" for batch in BATCHES}:
                assert [f[name] for f in found] != samples, name


@pytest.mark.parametrize(("exercise", "number"), TASKS)
def test_the_right_answer_is_right(exercise, number):
    task = exercise.tasks[number]
    for probe, _, arguments, expected in rows(exercise, number):
        assert list(arguments) == list(task.arguments), probe.title
        if task.judge is not None:
            assert task.judge(expected, arguments) is None
        for name, value in zip(task.results, expected, strict=True):
            assert form_problem(name, value, value) is None


@pytest.mark.parametrize(("exercise", "number"), [
    p for p in TASKS if p.values[0].tasks[p.values[1]].derivatives
])  # fmt: skip
def test_finite_differences_agree_with_what_is_expected(exercise, number):
    task = exercise.tasks[number]
    rng = np.random.default_rng(0)
    for probe, _, arguments, expected in rows(exercise, number):
        for name, value in zip(task.results, expected, strict=True):
            if name in task.derivatives:
                for _ in range(3):
                    place = tuple(int(rng.integers(n)) for n in value.shape)
                    found = finite_difference(task.derivatives[name], place, arguments)
                    assert abs(found - value[place]) < 1e-6 * max(1, np.abs(value).max()), probe


@pytest.mark.parametrize(("exercise", "number"), TASKS)
@pytest.mark.parametrize("nonsense", ["constant", "nan", "input", "none"])
def test_nonsense_fails(exercise, number, nonsense):
    task = exercise.tasks[number]

    def changed(value):
        if nonsense == "none":
            return None
        if isinstance(value, np.ndarray):
            return np.full_like(value, 1 if nonsense == "constant" else 0) * (
                np.nan if nonsense == "nan" and value.dtype.kind == "f" else 1
            )
        return value

    def answer(**arguments):
        if nonsense == "input":
            found = [next(iter(arguments.values()))] * len(task.results)
        else:
            found = [changed(v) for v in _tuple(task, task.expected(**arguments))]
        return found[0] if len(task.results) == 1 else tuple(found)

    arrays = all(isinstance(v, np.ndarray) for _, _, _, e in rows(exercise, number) for v in e)
    if not arrays and nonsense in ("constant", "nan"):
        return  # test_each_wrong_answer_fails_and_is_named has what goes wrong there
    result = graded(exercise, number, answer)
    assert not result.passed
    if nonsense != "input":  # a kernel that is not turned is an entry of its own
        named = [f for f in result.findings if "in the catalogue" in f.text]
        assert not named, result.text("window")


def test_the_catalogue_is_large_and_has_no_twins():
    keys = [w.key for e in EXERCISES for t in e.tasks for w in t.wrong]
    assert len(EXERCISES) == 14 and len(keys) >= 40
    assert all(len({w.key for w in t.wrong}) == len(t.wrong) for e in EXERCISES for t in e.tasks)
