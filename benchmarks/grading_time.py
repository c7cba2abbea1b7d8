"""How long ``minicnn grade`` takes for a whole submission: right answers, and wrong ones only.

    python benchmarks/grading_time.py

Three submissions: the reference; the skeletons; and the reference with every result of every
function a little off, so that the whole diagnosis runs for all of them, the catalogue of wrong
answers included. Seconds of the command from start to end, each several times, by the clock and of
the processors (the clock runs on while other programs have them). At most 60 s on 2 cores is the
aim.
"""

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine

SOURCES = machine.ROOT / "examples" / "courses_source"
SPOILED = """

_right = dict(globals())  # functions that call each other call what they should


def _spoiled(value):
    if isinstance(value, (tuple, list)):
        return type(value)(_spoiled(v) for v in value)
    if isinstance(value, (bool, np.bool_)):
        return not value
    return value + 1 if isinstance(value, int) else 1.001 * value
"""
WRONG = """

def {name}({arguments}):
    function = type({name})(_right["{name}"].__code__, _right)
    return _spoiled(function({arguments}))
"""


def spoiled(exercise):
    """The text of a file in which all functions of an exercise give wrong results."""
    text = (SOURCES / f"{exercise.name}.py").read_text("utf-8") + SPOILED
    for task in exercise.tasks:
        text += WRONG.format(name=task.function, arguments=", ".join(task.arguments))
    return text


def submissions():
    """{name: ({file: text}, points it should get)}"""
    from minicnn.courses.exercises import load
    from minicnn.courses.new import texts

    exercises, lab = load(), texts()
    names = [f"{e.name}.py" for e in exercises]
    reference = {name: (SOURCES / name).read_text("utf-8") for name in names}
    return {
        "reference": (reference, len(exercises)),
        "every function wrong": ({f"{e.name}.py": spoiled(e) for e in exercises}, 0),
        "skeletons": ({name: lab[name] for name in names}, 0),
    }


def processor_seconds():
    """Of all processes that this one has waited for, and that those have waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(files, points):
    """(by the clock, of the processors) of one ``minicnn grade`` that ends in so many points."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, "utf-8")
        command = [sys.executable, "-m", "minicnn", "grade", folder, "--seed", "8"]
        start, used = time.perf_counter(), processor_seconds()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        took = time.perf_counter() - start, processor_seconds() - used
    found = re.search(r"^score: (\d+) of 14 exercises$", done.stdout, re.MULTILINE)
    if found is None or int(found[1]) != points:
        raise SystemExit(f"expected {points} of 14 exercises\n{done.stdout[-2000:]}")
    return [round(t, 2) for t in took]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    here = machine.description() | {"load before": round(os.getloadavg()[0], 2)}
    rows = ["| submission | median s | slowest s | processor s |", "|---|---|---|---|"]
    found = {}
    for name, (files, points) in submissions().items():
        found[name] = [seconds(files, points) for _ in range(runs)]
        clock, processors = zip(*found[name], strict=True)
        figures = statistics.median(clock), max(clock), statistics.median(processors)
        rows.append(f"| {name} | {' | '.join(f'{f:.1f}' for f in figures)} |")
        print(rows[-1], flush=True)
    here["load after"] = round(os.getloadavg()[0], 2)
    folder = machine.ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    text = "\n".join(rows)
    (folder / "grading_time.md").write_text(
        f"# Grading a whole submission\n\n{text}\n\n{runs} runs each of `minicnn grade`, from "
        "start to end, public and hidden probes of all 14 exercises.\n\n"
        f"`python benchmarks/grading_time.py`\n\n{machine.line(here)}\n",
        encoding="utf-8",
    )
    (folder / "grading_time.json").write_text(
        json.dumps({"machine": here, "seconds": found}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
