"""Where the time of a step goes, kernel by kernel, beside the limits of the machine.

    python benchmarks/speed/where.py                      all ten training steps
    python benchmarks/speed/where.py "ResNet-50 b4"       one of them
    python benchmarks/speed/where.py --part inference

A convolution is held against the multiply-adds that the machine can do (counted as eq. 1.11 has
them: Winograd's transform needs fewer, and may come out above 100 %), everything else against what
memory can deliver, each number read or written once (what is still in a cache may come out above).
Limits: results/speed.json. Writes the table in results/where.md.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

import machine
import networks
import numpy as np
from libraries import Minicnn

from minicnn.kernels import find, names, registry

RESULTS = machine.ROOT / "benchmarks" / "results"
DIRECTIONS = {
    "conv2d": "forward",
    "conv2d_input_gradient": "∂L/∂X",
    "conv2d_weight_gradient": "∂L/∂W",
}


def arrays_in(values):
    for value in values:
        if isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from arrays_in(value)


def convolution(name, arguments, result):
    """(what kind of convolution it is, its multiply-adds)."""
    groups = arguments[-1] if name != "conv2d" else arguments[5]
    if name == "conv2d":
        places, (_, per_group, *kernel) = result, arguments[1].shape
    elif name == "conv2d_input_gradient":
        places, (_, per_group, *kernel) = arguments[0], arguments[1].shape
    else:
        places, (_, per_group, *kernel) = arguments[0], result.shape
    kind = "depthwise" if groups > 1 and per_group == 1 else f"{kernel[0]}×{kernel[1]}"
    return f"{kind}, {DIRECTIONS[name]}", places.size * per_group * kernel[0] * kernel[1]


class Watch:
    """Takes the place of every kernel, and notes what each call took and did."""

    def __init__(self):
        self.inside = False
        self.rows = {}  # name → [seconds, calls, multiply-adds, bytes]
        for name in names():
            find(name)  # so that they are loaded
            variants = registry._kernels[name]
            if "cpu" in variants:
                variants["cpu"] = self.watched(name, variants["cpu"])
            else:
                variants["plain"] = self.watched(name, variants["plain"])

    def watched(self, name, kernel):
        def run(*arguments, **options):
            if self.inside:
                return kernel(*arguments, **options)
            self.inside = True
            begin = time.perf_counter()
            try:
                result = kernel(*arguments, **options)
            finally:
                seconds = time.perf_counter() - begin
                self.inside = False
            self.note(name, arguments, options, result, seconds)
            return result

        return run

    def note(self, name, arguments, options, result, seconds):
        multiplications = 0
        if name in DIRECTIONS:
            name, multiplications = convolution(name, arguments, result)
        touched = {id(a): a.nbytes for a in arrays_in([*arguments, *options.values(), result])}
        row = self.rows.setdefault(name, [0, 0, 0, 0])
        for i, more in enumerate((seconds, 1, multiplications, sum(touched.values()))):
            row[i] += more


def measure(watch, name, part, seconds, threads):
    step = networks.prepare(Minicnn(threads), name, part, "contiguous")
    step(), step()
    rounds = max(2, min(300, int(seconds / step())))
    watch.rows.clear()
    times = [step() for _ in range(rounds)]
    rows = {k: [v / rounds for v in row] for k, row in watch.rows.items()}
    return statistics.mean(times), rows


def table(name, total, rows, limit):
    lines = [f"### {name}: {total * 1e3:.3g} ms", ""]
    lines += ["| kernel | calls | ms | share | of the limit |", "|---|---|---|---|---|"]
    small = [0, 0]
    for kernel, (seconds, calls, multiplications, moved) in sorted(
        rows.items(), key=lambda row: -row[1][0]
    ):
        if seconds < 0.01 * total:
            small[0] += calls
            small[1] += seconds
            continue
        if multiplications:
            reached = 2e-9 * multiplications / seconds
            reached = f"{reached:.0f} GFLOP/s, {reached / limit['GFLOP/s']:.0%}"
        else:
            reached = 1e-9 * moved / seconds
            reached = f"{reached:.1f} GB/s, {reached / limit['GB/s']:.0%}"
        lines.append(
            f"| {kernel} | {calls:.0f} | {seconds * 1e3:.3g} | {seconds / total:.0%} | {reached} |"
        )
    rest = total - sum(row[0] for row in rows.values())
    lines.append(f"| others | {small[0]:.0f} | {small[1] * 1e3:.3g} | {small[1] / total:.0%} | |")
    lines.append(f"| NumPy, Python, the graph | | {rest * 1e3:.3g} | {rest / total:.0%} | |")
    bound = sum(2e-9 * row[2] for row in rows.values()) / limit["GFLOP/s"]
    lines += ["", f"All multiply-adds of the convolutions at the limit: {bound * 1e3:.3g} ms.", ""]
    return lines


def main():
    parser = argparse.ArgumentParser(
        prog="python benchmarks/speed/where.py",
        description=__doc__.split("\n\n")[0],
        epilog=__doc__.split("\n\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("workloads", nargs="*", help="default: all ten")
    parser.add_argument("--part", choices=("training", "inference"), default="training")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each, about")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    unknown = [w for w in arguments.workloads if w not in networks.WORKLOADS]
    if unknown:
        parser.error(f"no workload {unknown[0]!r}; there are: {', '.join(networks.WORKLOADS)}")
    speed = json.loads((RESULTS / "speed.json").read_text(encoding="utf-8"))
    limit = speed["limit"]["measured"]
    lines = [
        f"Limits: {limit['GFLOP/s']:.0f} GFLOP/s of multiply-adds, {limit['GB/s']:.1f} GB/s.",
        "",
    ]
    watch = Watch()
    for name in arguments.workloads or networks.WORKLOADS:
        measured = measure(watch, name, arguments.part, arguments.seconds, arguments.threads)
        lines += table(name, *measured, limit)
        print("\n".join(lines[-12:]), flush=True)
    if not arguments.workloads:
        lines.append(machine.line(machine.description()))
        heading = f"# Where the time goes: {arguments.part}\n\n"
        name = "where.md" if arguments.part == "training" else "where_inference.md"
        (RESULTS / name).write_text(heading + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
