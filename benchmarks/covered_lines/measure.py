"""Measures which statements and branches of minicnn the tests run, with its kernels as Python.

    python benchmarks/covered_lines/measure.py [--work FOLDER] [--only PART …] [--report]

The tests run in parts, one after the other; each leaves its data in the folder, so that a run that
was interrupted goes on where it was, and then all data are combined. In `without_jit/` is what lets
the kernels run as Python. What only runs while Numba compiles (parallel.py, half of jit.py) is
measured in a part of its own, the last, in which Numba compiles.

Some tests of the kernels ask for what only machine code has (a cache, bits that equal those of
another order of sums): they fail here, and are tested by the ordinary run. What counts here is
which lines run.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COVERAGE = sys.executable, "-m", "coverage"
WANTED = 95

# name: what pytest is given.
PARTS = {
    "kernels": ["tests/kernels"],
    "core": [
        "tests/ops",
        "tests/functions",
        "tests/optim",
        *map(str, ROOT.glob("tests/test_*.py")),
    ],
    "textbook": ["tests/textbook", "tests/equations", "tests/checking"],
    "nn": ["tests/nn"],
    "docstrings": ["minicnn"],
    "data": ["tests/data"],
    "files": ["tests/serialization", "tests/onnx"],
    "training": ["tests/training", "tests/cli", "tests/distributed"],
    "models": ["tests/models", "tests/summary"],
    "shown": ["tests/tracing", "tests/stepper", "tests/plot"],
    "courses": ["tests/courses"],
    "gpu": ["tests/gpu"],
    "parity": ["tests/parity"],
    "compiling": ["tests/kernels/test_threading_layers.py", "tests/kernels/test_kernel_cache.py"],
}


def environment(part, work):
    """The variables of a part's process."""
    found = os.environ | {
        **{name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")},
        "COVERAGE_PROCESS_START": str(HERE / "settings.ini"),
        "COVERAGE_FILE": str(work / f"{part}.part"),
        "CI": "1",
    }
    path = [str(HERE / "without_jit"), *filter(None, [os.environ.get("PYTHONPATH")])]
    found["PYTHONPATH"] = os.pathsep.join(path)
    if part == "compiling":
        found["MINICNN_HOME"] = str(work / "home")
    else:
        found["NUMBA_DISABLE_JIT"] = "1"
    return found


def measure(part, work):
    """Run a part's tests; its data lie in ``PART.part.*`` and, when it is done, ``PART.done``."""
    for old in work.glob(f"{part}.part*"):
        old.unlink()
    pytest = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *PARTS[part]]
    ended = subprocess.run(
        [*COVERAGE, "run", "--rcfile", HERE / "settings.ini", "-m", "pytest", *pytest],
        cwd=ROOT,
        env=environment(part, work),
    )
    if ended.returncode not in (0, 1):  # 1: some tests failed, see above
        sys.exit(f"{part}: pytest ended with {ended.returncode}")
    (work / f"{part}.done").touch()


def report(work):
    """Combine the data of all parts, and print the table; 2 if too little is covered."""
    settings = ["--rcfile", str(HERE / "settings.ini"), "--data-file", str(work / "all")]
    data = sorted(str(p) for p in work.glob("*.part*"))
    subprocess.run([*COVERAGE, "combine", *settings, "--keep", "-q", *data], check=True, cwd=ROOT)
    wanted = ["--fail-under", str(WANTED), "--precision", "2", "--skip-covered"]
    return subprocess.run([*COVERAGE, "report", *settings, *wanted], cwd=ROOT).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "coverage")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--report", action="store_true", help="only combine what was measured")
    options = parser.parse_args()
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    if not options.report:
        todo = [part for part in options.only if not (options.work / f"{part}.done").exists()]
        for number, part in enumerate(todo, 1):
            print(f"== {part}, {number} of {len(todo)}", flush=True)
            measure(part, options.work)
    sys.exit(report(options.work))


if __name__ == "__main__":
    main()
