"""One exercise: ask the student's process, and when it is gone compare with what is right."""

import numpy as np

from minicnn.courses.grading.answers import ask
from minicnn.courses.grading.comparison import form_problem, leaves, results_of, same
from minicnn.courses.grading.diagnosis import cause, first_wrong, structure
from minicnn.courses.grading.feedback import Finding, Result
from minicnn.courses.isolation.process import Limits
from minicnn.kernels import kernels


def grade_exercise(exercise, files, *, seed=None, limits=None):
    """Grade one exercise of a submission.

    Args:
        exercise: an `Exercise`.
        files: the submission's files, {name: bytes}.
        seed: of the hidden probes, an integer ≥ 0; None: only the public ones.
        limits: `Limits`; the default ones where None.

    Returns:
        A `Result`, with everything that was found: what is shown of it is for its reader to say.
    """
    file = f"{exercise.name}.py"
    if file not in files:
        result = Result(exercise.number, exercise.name, exercise.title, exercise.points)
        result.verdict = "missing"
        result.findings = [Finding("where", f"there is no {file} in the submission")]
        return result
    # The readable kernels: nothing is compiled for arrays this small.
    with kernels("plain"):
        return judge(exercise, ask(exercise, files, seed, limits or Limits()))


def judge(exercise, submission):
    """The `Result` of what a student's process answered, a `Submission`."""
    result = Result(exercise.number, exercise.name, exercise.title, exercise.points)
    result.seconds, result.printed = submission.seconds, submission.printed
    verdicts = []
    for verdict, findings in _verdicts(exercise, submission):
        verdicts.append(verdict)
        result.findings += findings
    failed = [v for v in verdicts if v != "passed"]
    result.verdict = failed[0] if failed else "passed"
    if result.passed:
        result.score, result.findings = exercise.points, []
    elif exercise.see and result.verdict in ("wrong", "not as agreed"):
        result.findings.append(Finding("cause", f"see how it is done: {exercise.see}"))
    return result


def _verdicts(exercise, submission):
    """For every task: (verdict, findings)."""
    loaded, ended = submission.loaded, submission.ended
    if loaded is None:
        yield ended.verdict, [Finding("where", f"while the file was being imported: {ended}")]
        return
    if "error" in loaded:
        verdict, text = _raised(loaded["error"])
        if verdict == "raised":
            verdict = "import error"
        yield verdict, [Finding("where", f"the file cannot be imported: {text}")]
        return
    unwritten = []
    for task in exercise.tasks:
        asked = submission.asked.get(task.function)
        if asked is None:
            described = loaded.get("functions", {}).get(task.function, {"callable": False})
            if not described["callable"]:
                yield (
                    "not as agreed",
                    [Finding("where", f"{task.function}: the file has no function of this name")],
                )
            # Otherwise the process ended before its turn, and another task's verdict says how.
            continue
        verdict, findings = _verdict(task, asked, loaded["functions"][task.function], ended)
        if verdict == "not written":
            unwritten.append(task.function)
        else:
            yield verdict, findings
    if unwritten:
        text = f"not written yet: {', '.join(unwritten)}; begin with handouts/{exercise.name}.md"
        yield "not written", [Finding("where", text)]


def _verdict(task, asked, described, ended):
    """(verdict, findings) of one task."""
    name, findings = task.function, []

    def found(level, text):
        findings.append(Finding(level, f"{name}: {text}"))

    last = asked.answers[-1]
    # An empty outcome: the process ended while it worked on this one.
    extras = [o for o in (*asked.linear, asked.repeated) if o is not None]
    if ended and (not last.outcome or ("value" in last.outcome and not extras)):
        found("where", f"{ended} (probe {last.probe.title!r})")
        return ended.verdict, findings
    if described["arguments"] is not None and len(described["arguments"]) != len(task.arguments):
        found(
            "where",
            f"takes ({', '.join(described['arguments'])}), expected ({', '.join(task.arguments)})",
        )
        return "not as agreed", findings
    if "error" in last.outcome:
        verdict, text = _raised(last.outcome["error"])
        if verdict != "not written":
            found("where", f"{text} (probe {last.probe.title!r})")
        return verdict, findings
    if "unsendable" in last.outcome:
        found("where", f"returned {last.outcome['unsendable']} (probe {last.probe.title!r})")
        return "not as agreed", findings

    rows, problem = [], None
    for answer in asked.answers:
        expected = task.expected(**answer.arguments)
        expected = (expected,) if len(task.results) == 1 else tuple(expected)
        got = results_of(task, answer.outcome["value"])
        rows.append((answer, got, expected))
        problem = problem or _contract_problem(task, answer, got, expected)
    if problem:
        found("where", problem)
        if not any(isinstance(got, str) for _, got, _ in rows):
            findings += _named(task, [(a.arguments, g) for a, g, _ in rows], silent=True)
        return "not as agreed", findings
    if asked.repeated is not None and not _repeats(task, asked):
        # Whatever else is wrong: the structure of what is no function would be a false trail.
        found(
            "where",
            f"answers the probe {asked.answers[0].probe.title!r} differently when it comes again: "
            "it keeps something from call to call, or something in it is random",
        )
        return "not as agreed", findings
    wrong = next((row for row in rows if not _right(task, *row)), None)
    if wrong is None:
        if asked.repeated is not None:
            return "passed", [Finding("where", f"{name}: right")]
        found("where", f"{ended or 'the process did not answer the same question again'}")
        return (ended.verdict if ended else "not as agreed"), findings
    answer, got, expected = wrong
    kind = "hidden probe" if answer.hidden else "probe"
    found("where", f"wrong on the {kind} {answer.probe.title!r}")
    if task.judge is not None:
        found("where", task.judge(got, answer.arguments))
    else:
        findings += _where(task, got, expected, answer.arguments)
        compared = [(a.arguments, g, e) for a, g, e in rows]
        findings += structure(task, compared, asked)
    findings += _named(task, [(a.arguments, g) for a, g, _ in rows])
    return "wrong", findings


def _raised(error):
    """(verdict, text) for an exception that student.py tells of."""
    line = "" if error["line"] is None else f", line {error['line']}"
    if error["missing"]:
        return "not written", error["text"]
    if error["memory"]:
        return "out of memory", f"{error['text'] or 'MemoryError'}{line}"
    if error["exit"]:
        return "exited", f"sys.exit was called{line}; a function returns its result instead"
    return "raised", f"{error['type']}: {error['text']}{line}"


def _contract_problem(task, answer, got, expected):
    where = f" (probe {answer.probe.title!r})"
    if isinstance(got, str):
        return got + where
    for name, g, e in zip(task.results, got, expected, strict=True):
        problem = None if task.judge is not None else form_problem(name, g, e)
        if problem:
            return problem + where
    if answer.outcome["changed"]:
        return f"changes its argument {', '.join(answer.outcome['changed'])}; copy it first" + where
    return None


def _right(task, answer, got, expected):
    if task.judge is not None:
        return task.judge(got, answer.arguments) is None
    return same(got, expected, task.tolerance)


def _repeats(task, asked):
    """Whether the first probe is answered the same way after all others."""
    first, again = asked.answers[0].outcome, asked.repeated
    return "value" in again and same(again["value"], first["value"], task.tolerance)


def _where(task, got, expected, arguments):
    """Every result that is wrong: the first wrong element of the first array in it that is."""
    for name, g, e in zip(task.results, got, expected, strict=True):
        parts = list(leaves(name, g, e))
        wrong = [part for part in parts if not same(*part[1:], task.tolerance)]
        if not wrong:
            continue
        if len(parts) > 1:
            count = "all" if len(wrong) == len(parts) else f"{len(wrong)}"
            text = f"{count} of {len(parts)} elements of {name} are wrong; the first:"
            yield Finding("where", text)
        label, g, e = wrong[0]
        if isinstance(e, (np.ndarray, float, np.floating)):
            yield from first_wrong(task, label, g, e, arguments)
        else:
            yield Finding("where", f"{label} is {_short(g)}, expected {_short(e)}")


def _short(value):
    text = repr(value.tolist() if hasattr(value, "tolist") else value)
    return text if len(text) < 200 else text[:200] + " …"


def _named(task, answers, silent=False):
    known = cause(task, answers)
    if known is not None:
        yield Finding("cause", f"your result is what you get with: {known.description}")
        yield Finding("cause", f"({known.key} in the catalogue of wrong answers)")
        if all(isinstance(value, (bool, np.bool_)) for _, got in answers for value in got):
            text = "yes and no tell little: another mistake may give the same answers"
            yield Finding("cause", text)
    elif not silent:
        yield Finding("cause", "cause not identified")
