"""Gradescope's results.json (its autograder documentation, "Output format")."""

from minicnn.courses.grading.submission import write_json


def results(graded):
    """What Gradescope reads, from a `Graded`: one test for each exercise, seen by the student.

    The seed of the hidden probes stands in `extra_data`, which students are not shown.
    """
    return {
        "score": graded.score,
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "execution_time": round(sum(r.seconds for r in graded.results)),
        "output": graded.summary(),
        "output_format": "text",
        "extra_data": {"seed": graded.seed, "feedback": graded.feedback},
        "tests": [
            {
                "name": f"{r.number}. {r.title}",
                "number": str(r.number),
                "score": r.score,
                "max_score": r.points,
                "status": "passed" if r.passed else "failed",
                "output": "\n".join([r.verdict, *r.lines(graded.feedback)]),
                "output_format": "text",
                "visibility": "visible",
            }
            for r in graded.results
        ],
    }


def write(path, graded):
    """Write it, so that the file is whole at every moment."""
    write_json(path, results(graded))
