"""Ask a student's process for everything; nothing is computed yet that it could look for."""

import time
from dataclasses import dataclass, field

import numpy as np

from minicnn.courses.exercise import Call
from minicnn.courses.isolation.process import Ended, Student

LINEAR = (2.0, -3.0)


@dataclass
class Answer:
    """What a function of the student's answered to one probe.

    Attributes:
        probe, hidden: which one; whether it was with hidden numbers.
        arguments: by name.
        outcome: what `Student.call` returned.
    """

    probe: object
    hidden: bool
    arguments: dict
    outcome: dict


@dataclass
class Asked:
    """All answers to the probes of one task.

    Attributes:
        answers: in order; fewer than there are probes after an exception.
        repeated: the first probe once more, after all others; None if not asked.
        linear: the answers to a second δ′ and to 2δ − 3δ′, where the task is linear.
    """

    answers: list = field(default_factory=list)
    repeated: dict | None = None
    linear: tuple = ()


@dataclass
class Submission:
    """What came of one exercise: `loaded` as `Student.load`, `asked` by function, `ended`."""

    loaded: dict | None = None
    asked: dict = field(default_factory=dict)
    ended: Ended | None = None
    seconds: float = 0.0
    printed: str = ""


def ask(exercise, files, seed, limits):
    """Run a submission's file for `exercise` on all probes, in a process of its own.

    Args:
        exercise: an `Exercise`.
        files: the submission, {name: bytes}.
        seed: of the hidden probes; None for public probes only.
        limits: `Limits`.
    """
    found = Submission()
    seconds = exercise.seconds if limits.seconds is None else limits.seconds
    functions = [t.function for t in exercise.tasks]
    with Student(files, f"{exercise.name}.py", functions, seconds, limits) as student:
        started = time.monotonic()
        try:
            found.loaded = student.load()
            started = time.monotonic()
            for number, task in enumerate(exercise.tasks):
                described = found.loaded.get("functions", {}).get(task.function)
                if described and described["callable"]:
                    found.asked[task.function] = Asked()
                    _ask_task(student, exercise, number, seed, found.asked[task.function])
        except Ended as ended:
            found.ended = ended
        found.seconds = time.monotonic() - started
    found.printed = student.output()
    return found


def probes(exercise, number, seed):
    """(probe, hidden, arguments) for task `number`: the public ones, then those with the seed."""
    task = exercise.tasks[number]
    for i, probe in enumerate(task.probes):
        yield probe, False, probe.arguments(np.random.default_rng([exercise.number, number, i]))
    if seed is not None:
        for i, probe in enumerate((*task.probes, *task.hidden)):
            key = [seed, exercise.number, number, i]
            yield probe, True, probe.arguments(np.random.default_rng(key))


def _ask_task(student, exercise, number, seed, asked):
    task = exercise.tasks[number]
    for probe, hidden, arguments in probes(exercise, number, seed):
        # Known before it is answered: if the process ends here, this is where.
        answer = Answer(probe, hidden, arguments, {})
        asked.answers.append(answer)
        answer.outcome = _call(student, task, arguments)
        if "value" not in answer.outcome:
            return
    first = next(probes(exercise, number, seed))[2]
    if task.linear_in:
        a = first[task.linear_in]
        b = np.random.default_rng([exercise.number, number]).standard_normal(a.shape)
        combined = LINEAR[0] * a + LINEAR[1] * b
        asked.linear = tuple(
            _call(student, task, first | {task.linear_in: d}) for d in (b, combined)
        )
    asked.repeated = _call(student, task, first)


def _call(student, task, arguments):
    calls = {k: v.function for k, v in arguments.items() if isinstance(v, Call)}
    return student.call(task.function, arguments, calls)
