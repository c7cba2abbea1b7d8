"""minicnn beside PyTorch on the CPU: operations, networks, first step, memory, growth, graph.

    python benchmarks/speed                              everything, about half an hour
    python benchmarks/speed --parts training inference   some of it; what is not run is kept
    python benchmarks/speed --parts operations --only "3×3"

Needs PyTorch and torchvision (extra `parity`); `peers` takes DeZero and JAX where they are
installed. Writes benchmarks/results/speed.json, the tables in benchmarks/README.md and the picture
docs/pictures/roofline.png. Nothing else should compute on the machine meanwhile; it says if
something did.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

import machine
import networks
import operations
import report
from rich.console import Console
from turns import HERE, Worker, WorkerFailed, in_turn

FORMATS = ("contiguous", "channels_last")
PARTS = (
    "limit", "operations", "training", "inference", "peers", "first", "memory", "growth", "engine",
)  # fmt: skip


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="python benchmarks/speed",
        description=__doc__.split("\n\n")[0],
        epilog=__doc__.split("\n\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    parser.add_argument("--only", default="", help="cases whose names hold this text")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--patience", type=float, default=6.0, help="seconds a case, about")
    parser.add_argument("--dry", action="store_true", help="print, and write nothing")
    return parser.parse_args()


class Suite:
    def __init__(self, arguments):
        self.threads, self.only = arguments.threads, arguments.only
        self.patience = arguments.patience
        self.console = Console(stderr=True)
        self.workers = {}

    def worker(self, library):
        if library not in self.workers:
            self.workers[library] = Worker(library, self.threads)
        return self.workers[library]

    def close(self):
        for worker in self.workers.values():
            worker.close()
        self.workers.clear()

    def chosen(self, names):
        return [name for name in names if self.only in name]

    def compare(self, kind, name, part, libraries=("minicnn", "torch"), formats=FORMATS):
        """Median seconds by library, PyTorch in each memory format; None where it failed.

        Beside parts of a convolution also ``limit``: those of a thousand million multiply-adds.
        """
        runs, found = {}, {}
        for library in libraries:
            for format_ in formats if library == "torch" else FORMATS[:1]:
                label = library if library != "torch" else f"torch {format_}"
                what = [kind, name, part, format_]
                try:
                    self.worker(library).ask(prepare=what)
                    runs[label] = self.worker(library), {"run": what}
                except WorkerFailed as error:
                    self.console.print(f"{label}, {name}: {error}", style="red")
                    found[label] = None
        if kind == "operations" and getattr(operations.CASES.get(name), "multiplications", None):
            what = ["limit", "", "", ""]
            self.worker("minicnn").ask(prepare=what)
            runs["limit"] = self.worker("minicnn"), {"run": what}
        measured = in_turn(runs, self.patience)
        for worker, question in runs.values():
            worker.ask(forget=question["run"])
        found.update({label: median for label, (median, _) in measured.items()})
        shown = ", ".join(f"{k} {v * 1e3:.3g} ms" for k, v in found.items() if v)
        self.console.print(f"{name}, {part}: {shown}")
        return found

    # ------------------------------------------------------------------ the parts

    def limit(self):
        return self.separate("limit.py", str(self.threads))

    def operations(self):
        found = {}
        for name in self.chosen(operations.CASES):
            formats = FORMATS if len(operations.CASES[name].shapes[0]) == 4 else FORMATS[:1]
            for part in operations.CASES[name].parts:
                found[f"{name} · {part}"] = self.compare("operations", name, part, formats=formats)
        for name in self.chosen(operations.OPTIMIZERS):
            found[name] = self.compare("operations", name, "step", formats=FORMATS[:1])
        return found

    def training(self, part="training"):
        return {n: self.compare("networks", n, part) for n in self.chosen(networks.WORKLOADS)}

    def inference(self):
        return self.training("inference")

    def peers(self):
        libraries = ["minicnn", "torch", *filter(find_spec, ("dezero", "jax"))]
        return {
            name: self.compare("networks", name, "training", libraries, FORMATS[:1])
            for name in self.chosen(["LeNet b64", "LeNet b256"])
        }

    def growth(self):
        return {
            name: self.compare("networks", name, "training", formats=FORMATS[:1])
            for kind, places in networks.GROWTH.items()
            for name in self.chosen(f"{kind} {place}" for place in places)
        }

    def separate(self, *command, **environment):
        """The answer of a fresh process."""
        done = subprocess.run(
            [sys.executable, HERE / command[0], *command[1:]],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(done.stdout)

    def first(self):
        """Seconds from the start of a process to the end of its first LeNet step."""

        def once(library, **environment):
            begin = time.time()
            return self.separate(
                "separate.py", "first", library, str(self.threads), **environment
            )["end"] - begin  # fmt: skip

        once("minicnn"), once("torch")  # what they keep on the disk is there now
        warm = {"minicnn": [], "torch": []}
        for _ in range(7):
            for library, found in warm.items():
                found.append(once(library))
        cold = []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as home:
                cold.append(once("minicnn", MINICNN_HOME=home))
        return {
            "minicnn": statistics.median(warm["minicnn"]),
            "torch": statistics.median(warm["torch"]),
            "minicnn, nothing compiled yet": statistics.median(cold),
        }

    def engine(self):
        """Microseconds for `relu` of one number, forward and backward."""
        return {
            library: self.separate("separate.py", "engine", library, str(self.threads))
            for library in ("minicnn", "torch")
        }

    def memory(self):
        found = {}
        for name in self.chosen(networks.WORKLOADS):
            found[name] = {
                library: self.separate("separate.py", "memory", library, str(self.threads), name)
                for library in ("minicnn", "torch")
            }
            self.console.print(name, found[name])
        return found


def main():
    arguments = parse_arguments()
    results = machine.ROOT / "benchmarks" / "results" / "speed.json"
    content = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    suite = Suite(arguments)
    for part in arguments.parts:
        idle = os.getloadavg()[0]
        suite.console.rule(part)
        measured = getattr(suite, part)()
        suite.close()  # the next part begins with fresh processes
        here = {
            **machine.description("torch", "torchvision"),
            "threads": arguments.threads,
            "load before": round(idle, 2),
        }
        if arguments.only and part in content:  # the others stay as they were
            measured = {**content[part]["measured"], **measured}
        content[part] = {"measured": measured, "machine": here}
        if arguments.dry:
            print(json.dumps(measured, indent=1, ensure_ascii=False))
            continue
        text = json.dumps(content, indent=1, ensure_ascii=False)
        results.write_text(text + "\n", encoding="utf-8")
    if not arguments.dry:
        report.write(content)


if __name__ == "__main__":
    main()
