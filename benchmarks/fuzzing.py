"""Fuzzing of every public function and module: the long campaign.

    python benchmarks/fuzzing.py --calls 200000

Each name of the public interface gets its share of calls with bad arguments, made at random from
good ones (`tests/hardening/fuzz_*.py`). A call ends with PyTorch's result, or with a documented
error that names the operation; everything else is a finding. Calls run in a process of their own:
what ends it, or takes more than 20 s of the processor's time, is a finding, too.

Seeds make the calls, so the same command makes the same ones. What is done stands in
``benchmarks/results/fuzzing.json`` after every batch, and a campaign that was interrupted goes on
from there; ``--anew`` begins again. The table is written to ``benchmarks/results/fuzzing.md``.
"""

import argparse
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from machine import description
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

HERE = Path(__file__).parent
ENGINE = HERE.parent / "tests" / "hardening" / "fuzz_engine.py"
RESULTS = HERE / "results" / "fuzzing.json"
BATCH = 50
SILENCE = 600  # seconds without an answer to a batch
# What can become of a call; the last four are those that must not be, and PyTorch's own ends.
KINDS = {
    "equal": "equal to PyTorch's result",
    "both refuse": "refused, as by PyTorch",
    "minicnn refuses": "refused",
    "answered": "minicnn's own, answered",
    "harmless": "differs for a stated reason",
    "own error": "Python's own error",
    "PyTorch ends": "PyTorch crashed or hung",
    "finding": "finding",
    "crash": "crash",
    "hang": "hang",
}
BAD = ("finding", "crash", "hang")


class Engine:
    """The process that makes the calls, started again whenever a call has ended it."""

    def __init__(self):
        handle, name = tempfile.mkstemp()
        os.close(handle)
        self.place, self.process = Path(name), None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, ENGINE, self.place],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.set_blocking(self.process.stderr.fileno(), False)

    def batch(self, name, first, count):
        """(kinds, findings, seconds) of so many calls, whatever they do to the process."""
        kinds, findings, seconds, end = Counter(), [], 0.0, first + count
        while first < end:
            if self.process is None or self.process.poll() is not None:
                self.start()
            answer = self.ask(name, first, end - first)
            if answer is not None:
                kinds.update(answer["kinds"])
                findings += answer["findings"]
                return kinds, findings, seconds + answer["seconds"]
            kind, finding = self.post_mortem()
            kinds[kind] += 1
            if kind in BAD:
                findings.append(finding)
            # What came before it is made again: the counts of a batch come at its end.
            seed = finding["seed"]
            if seed > first:
                before = self.batch(name, first, seed - first)
                kinds.update(before[0])
                findings += before[1]
                seconds += before[2]
            first = seed + 1
        return kinds, findings, seconds

    def ask(self, name, first, count):
        try:
            self.process.stdin.write(f"{name}\t{first}\t{count}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        ready, _, _ = select.select([self.process.stdout], [], [], SILENCE)
        line = self.process.stdout.readline() if ready else ""
        return json.loads(line) if line else None

    def post_mortem(self):
        """(what became of the call, a finding), for the call that the process ended in."""
        silent = self.process.poll() is None
        if silent:
            try:
                self.process.wait(5)
                silent = False
            except subprocess.TimeoutExpired:
                self.process.kill()
        code = self.process.wait()
        trace = (self.process.stderr.read() or "")[-1500:]
        name, seed, phase = self.place.read_text().strip().split("\t")
        late = silent or code == -signal.SIGPROF
        kind = "hang" if late else "crash"
        if phase == "theirs":
            kind = "PyTorch ends"
        found = f"ended with {code}" + (", no answer" if silent else "")
        return kind, {"name": name, "seed": int(seed), "kind": kind, "found": found, "trace": trace}

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(30)
        self.place.unlink(missing_ok=True)


def names():
    """Those that are compared with PyTorch, and minicnn's own."""
    code = f"import sys; sys.path.insert(0, {str(ENGINE.parent)!r}); import fuzz_engine as f\n"
    code += (
        "import json; print(json.dumps([[*f.TABLE, *(f'nn.{n}' for n in f.LAYERS)], [*f.OTHERS]]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def share_of(name, share, compared):
    """minicnn's own functions get fewer calls: their examples, and networks, take long to make."""
    if name in compared:
        return share
    return max(1, share // (40 if name.startswith("models.") else 20))


def campaign(calls, seed, state, save, pattern=""):
    """Makes batches until each name has had its share; `state` is what is done so far."""
    compared, own = ([n for n in some if re.search(pattern, n)] for some in names())
    known = [*compared, *own]
    share = -(-calls // max(1, len(compared)))
    shares = {name: share_of(name, share, set(compared)) for name in known}
    engine = Engine()
    columns = TextColumn("{task.description:40}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeRemainingColumn()) as progress:
        task = progress.add_task("calls", total=sum(shares.values()))
        try:
            # Batch by batch, all names in turn: what is interrupted has seen a part of each.
            starts = range(0, share, BATCH)
            for name, start in [(n, s) for some in (compared, own) for s in starts for n in some]:
                if start < shares[name]:
                    done = state["names"].setdefault(name, {"next": 0, "seconds": 0, "kinds": {}})
                    count = min(BATCH, shares[name] - start)
                    if done["next"] > start:
                        progress.update(task, advance=count)
                        continue
                    progress.update(task, description=name)
                    kinds, findings, seconds = engine.batch(name, seed + start, count)
                    done["kinds"] = dict(Counter(done["kinds"]) + kinds)
                    done["next"], done["seconds"] = start + count, done["seconds"] + seconds
                    state["findings"] += findings
                    save(state)
                    progress.update(task, advance=count)
        finally:
            engine.close()
    return state


def recheck(state, save):
    """Makes the calls that were findings again, with the code as it is now."""
    engine, old = Engine(), state["findings"]
    state["findings"] = []
    try:
        for i, finding in enumerate(old):
            name = finding["name"]
            kinds, findings, _ = engine.batch(name, finding["seed"], 1)
            counts = Counter(state["names"][name]["kinds"])
            counts[finding["kind"]] -= 1
            state["names"][name]["kinds"] = dict(+(counts + kinds))
            state["findings"] += findings
            if i % 100 == 0:
                print(f"{i} of {len(old)}", end="\r", flush=True)
    finally:
        engine.close()
    save(state)


def totals(state):
    """{kind: calls}, and how many calls there were in all; those that could not be made apart."""
    sums = Counter()
    for done in state["names"].values():
        sums.update(done["kinds"])
    spoilt = sums.pop("not called", 0)
    return sums, sum(sums.values()), spoilt


GROUPS = {
    "functions": lambda n: "." not in n and not n.startswith("operator"),
    "methods of Tensor": lambda n: n.startswith("Tensor."),
    "operators": lambda n: n.startswith("operator"),
    "nn.functional": lambda n: n.startswith("nn.functional."),
    "modules of nn": lambda n: n.startswith("nn.") and n.count(".") == 1,
    "nn.init, nn.utils": lambda n: n.startswith(("nn.init.", "nn.utils.")),
    "optim, autograd": lambda n: n.startswith(("optim.", "autograd.")),
    "what PyTorch has not": lambda n: True,
}


def table(state):
    """Markdown."""
    groups = {group: Counter() for group in GROUPS}
    sizes = Counter()
    for name, done in state["names"].items():
        group = next(g for g, fits in GROUPS.items() if fits(name.split(" (")[0]))
        groups[group].update(done["kinds"])
        sizes[group] += 1
    sums, calls, spoilt = totals(state)
    head = ["", "names", "calls", *KINDS.values()]
    lines = ["# Fuzzing of the public interface", "", "| " + " | ".join(head) + " |"]
    lines.append("|---" + "|---:" * (len(head) - 1) + "|")
    for group, kinds in [*groups.items(), ("**all**", sums)]:
        if not kinds:
            continue
        own = sum(n for kind, n in kinds.items() if kind != "not called")
        numbers = [sizes[group] or len(state["names"]), own, *[kinds.get(k, 0) for k in KINDS]]
        lines.append(f"| {group} | " + " | ".join(f"{n:,}" for n in numbers) + " |")
    bad = sum(sums[kind] for kind in BAD)
    lines += [
        "",
        f"{calls:,} calls with bad arguments, **{bad} of them a crash, a hang, a silent "
        f"difference or an error without its name**. {spoilt:,} more were spoiled so that the test "
        "itself could not make them, and are not counted.",
        "",
        f"Seeds from {state['seed']}; {state['seconds']:.0f} s. "
        + ", ".join(f"{k} {v}" for k, v in state["machine"].items())
        + ".",
        "",
        "*Python's own error*: for an argument of a wrong type, a function that PyTorch has not "
        "lets Python say so, in an error without the function's name (`TypeError`, …). The "
        "calls stand in `fuzzing.json`.",
        "",
        "Made by `python benchmarks/fuzzing.py`.",
        "",
    ]
    for finding in state["findings"]:
        if finding["kind"] == "own error":
            continue
        lines.append(f"* `{finding['name']}`, seed {finding['seed']}: {finding['found']}")
    return "\n".join(lines).rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=200_000, help="at least so many in all")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results are kept")
    parser.add_argument("--names", default="", help="a regular expression; default: all names")
    parser.add_argument("--recheck", action="store_true", help="make the findings' calls again")
    parser.add_argument("--anew", action="store_true", help="forget what is done")
    options = parser.parse_args()
    state = {"seed": options.seed, "seconds": 0.0, "names": {}, "findings": []}
    if options.out.exists() and not options.anew:
        state = json.loads(options.out.read_text())
        if state["seed"] != options.seed:
            raise SystemExit(f"{options.out} has seeds from {state['seed']}; use --anew")
    state["machine"] = description("torch")
    began, before = time.monotonic(), state["seconds"]

    def save(state):
        state["seconds"] = before + time.monotonic() - began
        new = options.out.with_suffix(".new")
        new.write_text(json.dumps(state, indent=1, ensure_ascii=False) + "\n")
        os.replace(new, options.out)

    try:
        if options.recheck:
            recheck(state, save)
        else:
            campaign(options.calls, options.seed, state, save, options.names)
    except KeyboardInterrupt:
        raise SystemExit("interrupted; the same command goes on from here") from None
    options.out.with_suffix(".md").write_text(table(state))
    sums, calls, _ = totals(state)
    bad = sum(sums[kind] for kind in BAD)
    print(f"{calls:,} calls, {bad} findings; {options.out.with_suffix('.md')}")
    raise SystemExit(bad > 0)


if __name__ == "__main__":
    main()
