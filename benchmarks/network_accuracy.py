"""Whether the networks learn: the test accuracy of each after a short training on real images.

    python benchmarks/network_accuracy.py                          all families, on bundled digits
    python benchmarks/network_accuracy.py --models resnet20 vgg11_bn
    python benchmarks/network_accuracy.py --dataset fashion-mnist --data-dir DIR

Each network is a run of ``examples/train_network.py`` with its default recipe in a process of its
own. The table and the figures behind it go to ``benchmarks/results/``. An interrupted run goes on:
networks that are in the figures already, with the same options, are not trained again; ``--again``
begins anew. Each network's figures name the commit that they belong to.
"""

import argparse
import json
import re
import subprocess
import sys
import time

import machine

EXAMPLE = machine.ROOT / "examples" / "train_network.py"
# One of every family: a small one, where a family has sizes.
MODELS = (
    "lenet5", "alexnet", "vgg11_bn", "plain20", "resnet20", "resnext50_32x4d", "googlenet",
    "inception_v3", "inception_v4", "densenet121", "mobilenet_v1", "mobilenet_v2",
    "mobilenet_v3_small", "shufflenet_v1", "shufflenet_v2_x1_0", "efficientnet_b0",
    "efficientnet_v2_s",
)  # fmt: skip
RESULTS = machine.ROOT / "benchmarks" / "results"
GUESSING = 0.1  # ten classes


def run(model, options):
    """The figures of one training."""
    command = [sys.executable, str(EXAMPLE), "--model", model, "--plain", *options]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{model}: {done.stderr.strip()}")
    lines = done.stdout.splitlines()
    head = re.match(r".*, ([\d,]+) parameters; ([\d,]+) training .* of (\d+) ×", lines[0])
    last = re.match(r"epoch (\d+)/\d+ +loss ([\d.]+) +accuracy ([\d.]+)", lines[-2])
    return {
        "model": model,
        "parameters": int(head[1].replace(",", "")),
        "images": int(head[2].replace(",", "")),
        "size": int(head[3]),
        "epochs": int(last[1]),
        "train_loss": float(last[2]),
        "train_accuracy": float(last[3]),
        "test_accuracy": float(lines[-1].split()[-1]),
        "seconds": round(time.perf_counter() - start, 1),
        "commit": machine.commit(),
    }


def table(found):
    """Markdown: a row a network."""
    rows = [
        "| network | parameters | images | pixels | epochs | train loss | train accuracy "
        "| test accuracy |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in found:
        rows.append(
            f"| {r['model']} | {r['parameters']:,} | {r['images']:,} | {r['size']} | {r['epochs']} "
            f"| {r['train_loss']:.3f} | {r['train_accuracy']:.3f} | {r['test_accuracy']:.3f} |"
        )
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--dataset", choices=("mnist", "fashion-mnist"), default="mnist")
    parser.add_argument("--data-dir")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", action="store_true", help="do not use earlier figures")
    arguments = parser.parse_args()
    options = ["--dataset", arguments.dataset, "--seed", str(arguments.seed)]
    if arguments.data_dir:
        options += ["--data-dir", arguments.data_dir]
    name = f"network_accuracy_{arguments.dataset.replace('-', '_')}"
    path = RESULTS / f"{name}.json"
    here = machine.description()
    found = []
    if path.exists() and not arguments.again:
        before = json.loads(path.read_text())
        if before["options"] == options:
            found = before["networks"]
    for model in arguments.models:
        if model in {r["model"] for r in found}:
            continue
        found.append(run(model, options))
        print(json.dumps(found[-1]), flush=True)
        order = [*MODELS, *arguments.models]
        found.sort(key=lambda r: order.index(r["model"]))
        figures = {"options": options, "machine": here, "networks": found}
        path.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
        text = (
            f"# What the networks learn in a short training\n\n"
            f"`python benchmarks/network_accuracy.py {' '.join(options[:2])}`, seed "
            f"{arguments.seed}. Guessing is right {GUESSING:.0%} of the time.\n"
            f"{machine.line(here)}\n\n"
            f"{table(found)}\n"
        )
        (RESULTS / f"{name}.md").write_text(text)


if __name__ == "__main__":
    main()
