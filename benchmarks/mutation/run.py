"""Runs the tests against each mutant of a session drawn by `sample.py`.

    python benchmarks/mutation/run.py SESSION [--seconds 20] [--again]

To start Python, PyTorch and the tests anew costs seconds for each mutant, and to run all tests
minutes. So this process loads all that once. It notes which test runs which line (that takes
minutes the first time, and is kept beside the session). Then it makes a copy of itself (fork) for
each mutant, in which the function gets its mutated code, and those tests run that reach the mutated
lines: the quickest first, until one fails or until they have used `--seconds` of processor time.
What a file does when it is imported (defaults of arguments, attributes of classes) is taken over
from a second import; where that is not enough, a new process imports the mutant. The tree is never
written to.

A test that takes ten times as long as without the mutant (and at least ten seconds of processor
time) has noticed it. Interrupted, the campaign goes on where it was. ``--again`` tries the
survivors once more: with the tests written since, or with more seconds.

Run it with ``CI=1``: Hypothesis then draws the same examples each time.
"""

import argparse
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

# One thread, and a threading layer that survives a fork.
os.environ.update(
    {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")},
    NUMBA_THREADING_LAYER="tbb",
    CI="1",
)
sys.path.insert(0, str(Path(__file__).parent))

import pytest
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult
from patching import changed_functions, functions_in, patch, transplant
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sample import files, mutated

# Tests that can notice something. Those that start processes of their own see no mutant.
TESTS = [
    *("tests/textbook", "tests/ops", "tests/functions", "tests/nn", "tests/parity"),
    *("tests/optim", "tests/tracing", "tests/checking"),
    *map(str, sorted(Path("tests").glob("test_*.py"))),
    *("minicnn/ops", "minicnn/textbook", "minicnn/autograd.py", "minicnn/graph.py"),
    *("minicnn/functions", "minicnn/nn", "minicnn/tensor.py", "minicnn/checking"),
]
TESTS = [path for path in TESTS if Path(path).exists()]
if Path("tests/hardening").exists():
    TESTS.append("tests/hardening")

NOWHERE = open(os.devnull, "w")  # noqa: SIM115
SLOWER, AT_LEAST = 10, 10  # seconds of processor time


class Watcher:
    """Sees how tests end."""

    def __init__(self):
        self.failed = None

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed = report.nodeid


def in_copy(work):
    """Run ``work(say)`` in a copy of this process; what it said, and how it ended."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        with os.fdopen(write, "w", buffering=1) as stream:
            try:
                work(lambda **said: print(json.dumps(said), file=stream))
            except BaseException:
                print(json.dumps({"broke": traceback.format_exc()}), file=stream)
            finally:
                os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        said = [json.loads(line) for line in stream]
    _, status = os.waitpid(child, 0)
    return said, os.waitstatus_to_exitcode(status)


def run_item(item, following):
    item.config.get_terminal_writer()._file = NOWHERE
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


class Map:
    """Which test runs which line of the mutated files, and how long it takes."""

    def __init__(self, path):
        self.path = path
        self.tests = json.loads(path.read_text()) if path.exists() else {}

    def missing(self, items):
        """The items that are new, or whose file has changed."""
        known = {}
        return [
            item
            for item in items
            if self.tests.get(item.nodeid, {}).get("file")
            != known.setdefault(item.path, digest(item.path))
        ]

    def measure(self, items, watcher, progress):
        """Run `items` under coverage, in a copy of this process; a file at a time."""
        groups = {}
        for item in items:
            groups.setdefault(item.path, []).append(item)
        task = progress.add_task("which test runs what", total=len(items))
        for path, group in groups.items():
            said, ended = in_copy(lambda say, group=group: self._measure(group, watcher, say))
            for entry in said:
                if "test" in entry:
                    entry["file"] = digest(path)
                    self.tests[entry.pop("test")] = entry
                else:
                    progress.console.print(f"{path}: {entry}")
            if ended:
                progress.console.print(f"{path}: ended with {ended}")
            progress.advance(task, len(group))
            self.path.write_text(json.dumps(self.tests))
        progress.remove_task(task)

    @staticmethod
    def _measure(items, watcher, say):
        from coverage import Coverage

        cover = Coverage(data_file=None, include=[str(f.resolve()) for f in files()])
        cover.set_option("run:disable_warnings", ["no-data-collected"])
        for item, following in zip(items, [*items[1:], None], strict=True):
            cover.erase()
            watcher.failed = None
            before = time.process_time()
            cover.start()
            run_item(item, following)
            cover.stop()
            seconds = time.process_time() - before
            data, lines = cover.get_data(), {}
            for file in data.measured_files():
                lines[str(Path(file).relative_to(Path.cwd()))] = sorted(data.lines(file))
            say(test=item.nodeid, seconds=seconds, passed=watcher.failed is None, lines=lines)

    def reaching(self, file, lines):
        """The tests that pass and run one of the lines, the quickest first."""
        found = [
            (entry["seconds"], nodeid)
            for nodeid, entry in self.tests.items()
            if entry["passed"] and not lines.isdisjoint(entry["lines"].get(file, ()))
        ]
        return [nodeid for _, nodeid in sorted(found)]


def load_kernels():
    """Load every compiled kernel that lies in the cache, without running any."""
    import gc

    from numba.core.dispatcher import Dispatcher

    import_module("minicnn.kernels.cpu")
    for value in gc.get_objects():
        if issubclass(type(value), Dispatcher) and hasattr(value._cache, "_cache_file"):
            for signature, *_ in value._cache._cache_file._load_index():
                value.compile(signature)


class Campaign:
    def __init__(self, options, console):
        self.options, self.console = options, console
        self.watcher = Watcher()
        self.map = Map(options.session.with_suffix(".tests.json"))

    def pytest_configure(self, config):
        config.pluginmanager.register(self.watcher)

    def pytest_runtestloop(self, session):
        if session.testsfailed:
            raise session.Interrupted("not all tests could be collected")
        load_kernels()
        self.items = {item.nodeid: item for item in session.items}
        self.sources = {str(f): f.resolve() for f in files()}
        self.functions = functions_in(map(str, self.sources.values()))
        columns = TextColumn("{task.description}"), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=self.console, refresh_per_second=1) as progress:
            if not self.options.mapped:
                self.map.measure(self.map.missing(session.items), self.watcher, progress)
            with use_db(str(self.options.session), WorkDB.Mode.open) as db:
                self.work(db, progress)
        return True

    def work(self, db, progress):
        done = {item.job_id: (item, result) for item, result in db.completed_work_items}
        todo = [item for item in db.work_items if item.job_id not in done]
        if self.options.again:
            todo += [i for i, r in done.values() if r.test_outcome == TestOutcome.SURVIVED]
        if self.options.only:
            todo = [i for i in todo if self.options.only in str(i.mutations[0].module_path)]
        task = progress.add_task("mutants", total=len(todo))
        for item in sorted(todo, key=lambda i: (str(i.mutations[0].module_path), i.job_id)):
            began = time.monotonic()
            outcome, why = self.attempt(item.mutations[0])
            result = WorkResult(WorkerOutcome.NORMAL, test_outcome=outcome, output=why)
            db.set_result(item.job_id, result)
            mutation = item.mutations[0]
            where = f"{mutation.module_path}:{mutation.start_pos[0]}"
            seconds = time.monotonic() - began
            progress.console.print(
                f"{outcome.value:9} {seconds:5.1f} s {where} {why}", markup=False
            )
            progress.advance(task)

    def attempt(self, mutation):
        """Whether the tests notice the mutation, and which one did."""
        file = str(mutation.module_path)
        old, new = self.sources[file].read_text(encoding="utf-8"), mutated(mutation)
        before, after = (
            compile(t, self.sources[file], "exec", dont_inherit=True) for t in (old, new)
        )
        pairs = changed_functions(before, after)
        lines = {row for row in range(mutation.start_pos[0], mutation.end_pos[0] + 1)}
        if pairs == []:
            return TestOutcome.SURVIVED, "the machine code is the same"
        if pairs is None:
            return self.attempt_import(file, new, before, after, lines)
        reached = self.map.reaching(file, lines)
        if not reached:
            # A line of an expression over several lines may be counted as its first.
            reached = self.map.reaching(file, lines_of(pairs[0][0]))
        if not reached:
            return TestOutcome.SURVIVED, "no test runs this line"

        def tests(say):
            if not patch(self.functions, pairs):
                raise RuntimeError("the function was not found")
            self.run_tests(reached, say)

        return verdict(*in_copy(tests), len(reached))

    def run_tests(self, nodeids, say):
        chosen = [self.items[n] for n in nodeids if n in self.items]
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        space = 12 * 2**30
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
        # A test of Python's that ignores the signal would be in the way.
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        for k, item in enumerate(chosen):
            used = time.process_time()
            if used > self.options.seconds:
                say(ran=k, of=len(chosen))
                return
            allowed = max(SLOWER * self.map.tests[item.nodeid]["seconds"], AT_LEAST)
            resource.setrlimit(resource.RLIMIT_CPU, (int(used + allowed) + 1, most))
            say(now=item.nodeid)
            following = chosen[k + 1] if k + 1 < len(chosen) else None
            run_item(item, following)
            if self.watcher.failed:
                say(killed=item.nodeid)
                return
        say(ran=len(chosen), of=len(chosen))

    def attempt_import(self, file, text, before, after, lines):
        """As `attempt`, for what is done when the file is imported."""
        reached = self.map.reaching(file, around(before, lines))
        # Tests that look at a default or an attribute run no line of the file.
        others = set(self.map.reaching(file, set(range(1, 10**5)))) | set(self.items)
        reached += sorted(others - set(reached))
        name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

        def tests(say):
            try:
                taken_over = transplant(sys.modules[name], after)
            except Exception as error:
                say(killed=f"the import, {error!r}")
                return
            say(taken_over=taken_over)
            if taken_over:
                self.run_tests(reached, say)

        said, ended = in_copy(tests)
        if {"taken_over": False} in said:
            return self.in_new_process(file, text, reached)
        return verdict(said, ended, len(reached))

    def in_new_process(self, file, text, reached):
        """As `attempt`, in a process that imports the mutant."""
        chosen, total = [], 0
        for nodeid in reached:
            total += self.map.tests[nodeid]["seconds"]
            if total > self.options.seconds:
                break
            chosen.append(nodeid)
        listed = self.options.session.with_suffix(".chosen")
        listed.write_text("\n".join(chosen))
        folder = str(Path(__file__).parent)
        environment = os.environ | {
            "MUTATED_FILE": str(self.sources[file]),
            "MUTATED_TEXT": text,
            "PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")]),
        }
        command = [sys.executable, "-m", "pytest", "-p", "loading", "-x", "-q", "--no-header"]
        command += ["-p", "no:cacheprovider", "-p", "no:randomly", f"@{listed}"]
        try:
            ended = subprocess.run(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=30 * self.options.seconds,
            )
        except subprocess.TimeoutExpired:
            return TestOutcome.KILLED, "it took too long"
        if ended.returncode == 0:
            return TestOutcome.SURVIVED, f"{len(chosen)} of {len(reached)} tests, a new process"
        last = [line for line in ended.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        if not last and ended.returncode in (2, 3, 4, 5):
            last = ended.stdout.splitlines()[-3:]
        return TestOutcome.KILLED, f"by a new process: {' '.join(last)[:200]}"


def lines_of(code):
    """The lines of a function."""
    found = {line for *_, line in code.co_lines() if line}
    for constant in code.co_consts:
        if hasattr(constant, "co_lines"):
            found |= lines_of(constant)
    return found


def around(code, lines):
    """The lines of the innermost class or function that the lines are in, or of the function that
    begins just below (a decorator's, an argument's)."""
    best = set()
    for constant in code.co_consts:
        if not hasattr(constant, "co_lines"):
            continue
        inside = lines_of(constant) | {constant.co_firstlineno}
        if inside & lines or min(lines) in range(min(inside), max(inside) + 1):
            best = around(constant, lines) or inside
    return best


def verdict(said, ended, reached):
    facts = {}
    for entry in said:
        facts |= entry
    if "broke" in facts:
        raise RuntimeError(facts["broke"])
    if "killed" in facts:
        return TestOutcome.KILLED, f"by {facts['killed']}"
    if "ran" in facts:
        return TestOutcome.SURVIVED, f"{facts['ran']} of {reached} tests"
    why = "it took too long" if ended == -signal.SIGXCPU else f"the process ended with {ended}"
    return TestOutcome.KILLED, f"by {facts.get('now')}: {why}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("session", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--again", action="store_true", help="try the survivors again")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="paths of tests, fewer than all")
    parser.add_argument("--mapped", action="store_true", help="with the tests seen before only")
    parser.add_argument("--only", help="the mutants of files with this in their path")
    options = parser.parse_args()
    console = Console(file=os.fdopen(os.dup(2), "w"), soft_wrap=True)
    plugins = [Campaign(options, console)]
    arguments = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *options.tests]
    sys.exit(pytest.main(arguments, plugins=plugins))


if __name__ == "__main__":
    main()
