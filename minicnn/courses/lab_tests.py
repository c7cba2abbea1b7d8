"""What the ``test_exercises.py`` and ``conftest.py`` of a lab call when pytest runs there."""

from pathlib import Path

from minicnn.courses.grading import grade_exercise
from minicnn.courses.grading.submission import chosen, read_submission


def failure(file, name):
    """Run one exercise of the lab in which `file` stands on the public probes.

    Returns:
        What to tell the student; an empty string where the exercise passes.
    """
    (exercise,) = chosen([name])
    result = grade_exercise(exercise, read_submission(Path(file).parent))
    if result.passed:
        return ""
    lines = [result.text("window")]
    if result.printed.strip():
        lines += ["     it printed:", *(f"       {x}" for x in result.printed.splitlines()[:20])]
    return "\n".join(lines)


def summary(reporter):
    """The last lines of a run: how many pass, and where to go on."""
    outcomes = {
        report.nodeid.partition("[")[2].rstrip("]"): kind == "passed"
        for kind in ("passed", "failed")
        for report in reporter.getreports(kind)
        if report.when == "call"
    }
    tried = sorted(outcomes)
    if not tried:
        return
    yield f"{sum(outcomes[n] for n in tried)} of {len(tried)} exercises pass."
    missing = [n for n in tried if not outcomes[n]]
    if missing:
        yield f"Next: {missing[0]}.py; its hand-out is handouts/{missing[0]}.md"
    else:
        yield "Nothing is wrong here. minicnn grade . tries hidden probes, too."
