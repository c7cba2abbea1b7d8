"""What the example learns: accuracy and time over several seeds, for both of its data sets.

    python benchmarks/lenet_accuracy.py                        the bundled digits
    python benchmarks/lenet_accuracy.py --dataset fashion-mnist --data-dir DIR

Each seed is a run of ``examples/lenet_mnist.py`` with its default options in a process of its own.
The table and the figures behind it go to ``benchmarks/results/``.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
from intervals import T_975, mean_interval

EXAMPLE = machine.ROOT / "examples" / "lenet_mnist.py"


def run(seed, options):
    """The last epoch's and the test's figures of one run, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(EXAMPLE), "--seed", str(seed), "--plain", *options]
        start = time.perf_counter()
        subprocess.run([*command, "--out", folder], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        lines = (Path(folder) / "metrics.jsonl").read_text().splitlines()
    epochs = [json.loads(text) for text in lines]
    return {"seed": seed, **epochs[-2], **epochs[-1], "seconds": round(seconds, 1)}


def summary(values):
    """Median, mean, and the half-width of the mean's 95 % interval."""
    mean, half = mean_interval(values)
    return {"median": statistics.median(values), "mean": mean, "interval_95": half}


def table(runs, columns):
    """Markdown: one row a seed, then median and mean."""
    names = {"train_loss": "train loss", "train_accuracy": "train accuracy"}
    names |= {"test_accuracy": "test accuracy", "val_accuracy": "validation", "seconds": "seconds"}
    rows = [["seed", *[names[c] for c in columns]], ["---"] * (len(columns) + 1)]
    for r in runs:
        rows.append([str(r["seed"]), *[f"{r[c]:.4g}" for c in columns]])
    found = {c: summary([r[c] for r in runs]) for c in columns}
    rows.append(["median", *[f"{found[c]['median']:.4g}" for c in columns]])
    rows.append(
        ["mean ± 95 %", *[f"{f['mean']:.4g} ± {f['interval_95']:.2g}" for f in found.values()]]
    )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows), found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=("mnist", "fashion-mnist"), default="mnist")
    parser.add_argument("--data-dir")
    parser.add_argument("--seeds", type=int, default=3, choices=sorted(T_975))
    arguments = parser.parse_args()
    options = ["--dataset", arguments.dataset]
    if arguments.data_dir:
        options += ["--data-dir", arguments.data_dir]
    here = machine.description()
    runs = []
    for seed in range(arguments.seeds):
        runs.append(run(seed, options))
        print(json.dumps(runs[-1]), flush=True)
    columns = [
        c
        for c in ("train_loss", "train_accuracy", "val_accuracy", "test_accuracy", "seconds")
        if c in runs[0]
    ]
    text, found = table(runs, columns)
    name = "lenet_" + arguments.dataset.replace("-", "_")
    folder = machine.ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    command = f"python benchmarks/lenet_accuracy.py --dataset {arguments.dataset}"
    command += " --data-dir DIR" if arguments.data_dir else ""
    (folder / f"{name}.md").write_text(
        f"# LeNet-5 on {arguments.dataset}\n\n{text}\n\n`{command}`\n\n{machine.line(here)}\n",
        encoding="utf-8",
    )
    result = {"command": command, "machine": here, "runs": runs, "summary": found}
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
